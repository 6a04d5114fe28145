"""A client's record as a FHIR R4B Bundle, for other health software.

Codings: SNOMED CT for the side of the hip, LOINC for the pain score, HL7's own for the flag's category. Nothing else
has a code that is sure, so the rest is text with local codes under `urn:coxa:`. What was typed in own words stays out:
it may name people.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import NAMESPACE_URL, UUID, uuid5

from bot.coaching.record import Assessed, Record
from bot.export.copy import ScreenWords, screenings
from rules import Facts, Finding, Plan, Prescribed, Question, Row, Screen, Value
from rules.facts import ATTEMPT_FIELDS, run_of
from rules.log import SessionReport, Sliders, WeeklyCheck, standing_log
from rules.questions import option_of

Json: TypeAlias = "dict[str, Any]"

LOCAL = "urn:coxa"
SNOMED, LOINC = "http://snomed.info/sct", "http://loinc.org"
CATEGORIES = "http://terminology.hl7.org/CodeSystem"
SIDES_OF: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "hip": {
        "left": ("287679003", "Left hip region structure"),
        "right": ("287579007", "Right hip region structure"),
    }
}
"""SNOMED CT codes of the sides of a joint, by the word with which ids of its screens begin."""
PAIN = ("72514-3", "Pain severity - 0-10 verbal numeric rating [Score] - Reported")
"""The LOINC code of a pain score that is told, 0 to 10."""
ASKED_ELSEWHERE = "other"
"""The group of what no question of the screen asks: told in words, or asked by another version."""


def as_fhir(record: Record, screen: Screen, *, with_name: bool = False) -> Json:
    """Give what a record holds of one screen as a FHIR R4B Bundle of type collection.

    Holds Patient, Questionnaire, a QuestionnaireResponse for each screening, Observations (findings, levels, task and
    sliders of the weekly checks, pain of sessions), the current CarePlan and Flags. Of the log only what stands. The
    same record gives the same bundle; ids are UUIDs that follow from client and content. The client has a number and
    no name, unless *with_name*.
    """
    return _Bundle(record, screen).whole(with_name)


def validate(bundle: Json) -> tuple[str, ...]:
    """List what is wrong with a bundle: against the R4B models, and references that lead nowhere; nothing if fine.

    Needs the package fhir.resources.
    """
    from fhir.resources.R4B.bundle import Bundle  # heavy, and only who checks needs it

    try:
        Bundle.model_validate(bundle)
    except ValueError as error:
        return (str(error),)
    urls = {entry["fullUrl"] for entry in bundle["entry"]}
    wrong = [f"{url} is in the bundle twice" for url in urls if sum(e["fullUrl"] == url for e in bundle["entry"]) > 1]
    wrong += [f"{reference} is not in the bundle" for reference in _references(bundle) if reference not in urls]
    forms = {e["resource"]["url"]: e["resource"] for e in bundle["entry"] if _is(e, "Questionnaire")}
    for response in (entry["resource"] for entry in bundle["entry"] if _is(entry, "QuestionnaireResponse")):
        form = forms.get(response["questionnaire"].partition("|")[0])
        known = set(_link_ids(form)) if form else set()
        wrong += [f"{link} is asked by no questionnaire here" for link in _link_ids(response) if link not in known]
    return tuple(sorted(wrong))


def _is(entry: Json, kind: str) -> bool:
    return bool(entry["resource"]["resourceType"] == kind)


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for one in node:
            yield from _references(one)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "reference":
                yield value
            else:
                yield from _references(value)


def _link_ids(node: Json) -> Iterator[str]:
    for item in node.get("item", ()):
        yield item["linkId"]
        yield from _link_ids(item)


class _Bundle:
    """The resources of one client and screen while they are put together."""

    def __init__(self, record: Record, screen: Screen) -> None:
        self.record, self.screen = record, screen
        self.words = ScreenWords(screen, record.language)
        # A number alone would be that of another installation's client, too.
        self.own = uuid5(NAMESPACE_URL, f"{LOCAL}:client:{record.client_id}:{_instant(record.since)}")
        self.patient = self._url("patient")
        # Items of a page may be asked one by one, too: the page comes first.
        self.asked = {row.path: (row, question) for question in reversed(screen.questions) for row in question.rows}
        screens = {assessed.screening: assessed.assessment.screen for assessed in record.assessments}
        self.answers = {
            screening: answers
            for screening, answers in screenings(record).items()
            if screens.get(screening, screen.id) == screen.id
        }
        self.assessed = {a.screening: a for a in record.assessments if a.assessment.screen == screen.id}
        self.values = {name: self._values(name) for name in dict.fromkeys((*self.answers, *self.assessed))}

    def whole(self, with_name: bool) -> Json:
        """Give the bundle."""
        resources = [self._patient(with_name), self._questionnaire()]
        resources += [self._response(screening) for screening in self.values]
        for assessed in self.record.assessments:
            if assessed.assessment.screen == self.screen.id:
                resources += [self._finding(assessed, found) for found in assessed.assessment.findings]
        resources += [*self._log(), *self._plan(), *self._flags()]
        return {
            "resourceType": "Bundle",
            "id": str(uuid5(self.own, f"bundle:{self.screen.id}:{_instant(self.record.at)}")),
            "type": "collection",
            "timestamp": _instant(self.record.at),
            "entry": [{"fullUrl": f"urn:uuid:{one['id']}", "resource": one} for one in resources],
        }

    # --- who

    def _patient(self, with_name: bool) -> Json:
        patient = self._resource("Patient", "patient")
        patient["identifier"] = [{"system": f"{LOCAL}:client", "value": str(self.record.client_id)}]
        if with_name:
            patient["name"] = [{"use": "usual", "text": self.record.name}]
        return patient

    # --- what was asked and answered

    def _questionnaire(self) -> Json:
        screen = self.screen
        form = self._resource("Questionnaire", f"questionnaire:{screen.id}:{self._version}")
        title = self.words.word("screen.name", screen.id)
        form |= {
            "url": f"{LOCAL}:screen:{screen.id}",
            "version": self._version,
            "name": screen.id.title(),
            "title": title,
        }
        form |= {"status": "active", "subjectType": ["Patient"], "item": list(self._parts())}
        return form

    @property
    def _version(self) -> str:
        return f"{self.screen.version}+{self.screen.safety.version}"

    def _parts(self) -> Iterator[Json]:
        """Give the items: a group for each part, in it a group for each question that has several rows."""
        for part in self.screen.parts:
            items = []
            for question in self.screen.questions:
                if question.part == part.id:
                    rows = [row for row in question.rows if self.asked[row.path][1] is question]
                    single = self._text_of(question) if len(question.rows) == 1 else None
                    asked = [self._item(row, question, single) for row in rows]
                    if single is None:
                        group = {"linkId": question.id, "text": self._text_of(question), "type": "group"}
                        asked = [group | {"item": asked}]
                    items += asked if rows else []
            if items:
                name = self.words.word(f"part.{part.id}", part.id)
                yield {"linkId": f"part.{part.id}", "text": name, "type": "group", "item": items}
        others = sorted({*self.screen.worded_only, *(p for told in self.values.values() for p in self._unasked(told))})
        if others:
            items = [{"linkId": path, "text": self._named(path), "type": "string"} for path in others]
            yield {"linkId": ASKED_ELSEWHERE, "text": ASKED_ELSEWHERE, "type": "group", "item": items}

    def _text_of(self, question: Question) -> str:
        words, page = self.words, question.id.partition(".")[0]
        if question.test is None:
            return words.first(f"{question.id}.ask", f"{page}.ask")
        values = {"test": words.word(f"{question.test}.name"), "side": "–"}
        first = question.run is None
        own = (f"{question.test}.ask",) if question.field == "level" and first else ()
        if question.field != "level" or first:
            keys = (*own, f"{question.test}.{question.field}.ask", f"follow.{question.field}.ask")
            return words.first(*keys, **values)
        return self._named(question.rows[0].path)

    def _named(self, path: str) -> str:
        """Name what a path asks for in a few words."""
        room, _, rest = path.partition(".")
        if room in ("profile", "reports"):
            return self.words.question(path)
        field = rest.rpartition(".")[2]
        name = self.words.test(*run_of(room))
        return name if field == "level" else f"{name}, {self.words.word(f'follow.{field}.name', field)}"

    def _item(self, row: Row, question: Question, text: str | None) -> Json:
        named = text or (row.side or self.words.question(row.path))
        item: Json = {"linkId": row.path, "text": named}
        match question.kind:
            case "scale":
                return item | {"type": "integer"}
            case "number":
                return item | {"type": "decimal"}
            case "many":
                item["repeats"] = True
        options = [option.id for option in row.options] or ["yes", "no", "unsure"]
        codings = [{"valueCoding": self._coding(row.path, option)} for option in options]
        return item | {"type": "choice", "answerOption": codings}

    def _coding(self, path: str, option: str) -> Json:
        return {"system": self._system(path), "code": option, "display": self.words.option(path, option)}

    def _system(self, path: str) -> str:
        """Give the local code system of a question's options: that of the path, without the side."""
        room, _, rest = path.partition(".")
        return f"{LOCAL}:{self.screen.id}:{room.partition(':')[0]}.{rest.rpartition('.')[2]}"

    def _values(self, screening: str) -> Mapping[str, Value]:
        """Give what stands of a screening, by path."""
        told: dict[str, Value] = {}
        for answer in self.answers.get(screening, ()):
            told.pop(answer.path, None)
            if answer.value is not None:
                told[answer.path] = answer.value
        if screening in self.assessed:
            facts = self.assessed[screening].facts
            tried = {a.path(name): getattr(a, name) for a in facts.attempts for name in ATTEMPT_FIELDS}
            told = dict(facts.told) | {path: value for path, value in tried.items() if value is not None}
        return told

    def _unasked(self, told: Mapping[str, Value]) -> Iterator[str]:
        """Give the paths that no question asks for, but for those that the answer to a test's level settled."""
        for path in told:
            level = f"{path.rpartition('.')[0]}.level"
            if path not in self.asked and (path == level or level not in told):
                yield path

    def _response(self, screening: str) -> Json:
        told, answers = self.values[screening], self.answers.get(screening, ())
        assessed = self.assessed.get(screening)
        response = self._resource("QuestionnaireResponse", f"response:{screening}")
        at = assessed.at if assessed else max(answer.at for answer in answers)
        response |= {
            "questionnaire": f"{LOCAL}:screen:{self.screen.id}|{self._version}",
            "status": "completed" if assessed else "in-progress",
            "subject": {"reference": self.patient},
            "source": {"reference": self.patient},
            "authored": _instant(at),
        }
        facts = Facts.from_values(told)
        items = [item for part in self._parts() if (item := self._answered(part, facts))]
        return response | ({"item": items} if items else {})

    def _answered(self, asked: Json, facts: Facts) -> Json | None:
        """Give the item of a response that answers an item of the questionnaire; None where nothing does."""
        head = {"linkId": asked["linkId"], "text": asked["text"]}
        if asked["type"] == "group":
            items = [item for one in asked["item"] if (item := self._answered(one, facts))]
            return head | {"item": items} if items else None
        path = asked["linkId"]
        value = facts.value(path)
        if value is None or value == ():
            return None
        answers: list[Json]
        match asked["type"]:
            case "integer" if isinstance(value, int):
                answers = [{"valueInteger": value}]
            case "decimal" if isinstance(value, int | float):
                answers = [{"valueDecimal": value}]
            case "integer" | "decimal":
                return None  # not measured
            case "string":
                answers = [{"valueString": self.words.value(path, value)}]
            case _:
                row = self.asked[path][0]
                single = value if isinstance(value, tuple) else (option_of(row, facts) or str(value),)
                answers = [{"valueCoding": self._coding(path, option)} for option in single]
        return head | {"answer": answers}

    # --- what was found, and how it went on

    def _finding(self, assessed: Assessed, found: Finding) -> Json:
        words = self.words
        at = assessed.tested_at or assessed.at
        name = f"{words.word('screen.name', self.screen.id)}, {words.word(f'context.{found.context}')}"
        seed = f"{assessed.screening}:{_instant(assessed.at)}:{found.side}:{found.context}"
        seen = self._observation(f"finding:{seed}", name, ("finding", found.context), _instant(at))
        seen["issued"] = _instant(assessed.at)
        seen["bodySite"] = self._side(found.side)
        seen["valueCodeableConcept"] = self._local("limited", found.limited, f"limited: {found.limited}")
        parts = [("driver", found.driver, f"driver.{found.driver}"), ("confidence", found.confidence, None)]
        parts += [("phase", found.phase, f"phase.{found.phase}")]
        parts += [("compensation", one, f"option.compensations.{one}") for one in found.compensations]
        components = [
            {
                "code": self._local("component", name, name),
                "valueCodeableConcept": self._local(name, code, words.word(key, code) if key else code),
            }
            for name, code, key in parts
            if code is not None
        ]
        if components:
            seen["component"] = components
        reasons = [f"{words.word(f'reason.{r.rule}', r.rule)} ({r.rule}; {r.source})" for r in found.reasons]
        reasons += [f"{words.word(f'reason.{note}', note)} ({note})" for note in found.notes]
        if reasons:
            seen["note"] = [{"text": reason} for reason in reasons]
        seen["derivedFrom"] = [{"reference": self._url(f"response:{assessed.screening}")}]
        return seen

    def _log(self) -> Iterator[Json]:
        for entry in standing_log(self.record.log):
            on = entry.on.isoformat()
            if isinstance(entry, WeeklyCheck):
                yield from self._check(entry, on)
            elif isinstance(entry, SessionReport) and entry.pain is not None:
                pain = self._observation(f"pain:{entry.id}", "pain, 0 to 10", ("session", "pain"), on)
                pain["code"]["coding"].insert(0, {"system": LOINC, "code": PAIN[0], "display": PAIN[1]})
                yield pain | {"valueInteger": entry.pain}

    def _check(self, check: WeeklyCheck, on: str) -> Iterator[Json]:
        for place, level in sorted(check.levels.items()):
            test, _, side = place.rpartition(".")
            seed, name = f"check:{check.id}:{place}", self.words.word(f"{test}.name", test)
            seen = self._observation(seed, name, ("level", test), on)
            if side in ("left", "right"):
                seen["bodySite"] = self._side(side)
            said = self.words.first(f"option.level.{level}", f"option.{level}", instead=level)
            yield seen | {"valueCodeableConcept": self._local("level", level, said)}
        scores = {"task": check.task} | (check.sliders or Sliders()).model_dump()
        for name, score in scores.items():
            if score is not None:
                seen = self._observation(f"check:{check.id}:{name}", f"{name}, 0 to 10", ("check", name), on)
                yield seen | {"valueInteger": score}

    def _observation(self, seed: str, name: str, local: tuple[str, str], at: str) -> Json:
        survey = {"system": f"{CATEGORIES}/observation-category", "code": "survey", "display": "Survey"}
        return self._resource("Observation", seed) | {
            "status": "final",
            "category": [{"coding": [survey]}],
            "code": self._local(*local, name),
            "subject": {"reference": self.patient},
            "effectiveDateTime": at,
            "performer": [{"reference": self.patient}],
        }

    def _side(self, side: str) -> Json:
        joint = self.screen.id.partition("_")[0]
        concept: Json = {"text": f"{side} {self.words.word('screen.joint', joint)}"}
        if side in SIDES_OF.get(joint, {}):
            code, display = SIDES_OF[joint][side]
            concept["coding"] = [{"system": SNOMED, "code": code, "display": display}]
        return concept

    # --- what is done about it

    def _plan(self) -> Iterator[Json]:
        planned = self.record.plans[-1] if self.record.plans else None
        if planned is None or planned.plan is None or planned.plan.screen != self.screen.id:
            return
        plan = planned.plan
        held = any(f.closed_at is None and f.flag.action in ("lock", "pause") for f in self.record.flags)
        care = self._resource("CarePlan", f"plan:{_instant(planned.at)}") | {
            "status": "on-hold" if held else "active",
            "intent": "plan",
            "title": self.words.word("screen.name", self.screen.id),
            "subject": {"reference": self.patient},
            "period": {"start": _instant(planned.at)},
            "created": _instant(planned.at),
        }
        status = "on-hold" if held else "in-progress"
        activities = [self._activity(one, plan.days_a_week, status) for one in plan.daily]
        activities += [self._activity(one, plan.strength_days, status) for one in plan.strength]
        care["activity"] = [{"detail": detail} for detail in activities]
        care["note"] = [{"text": _reason_of(plan)}]
        yield care

    def _activity(self, asked: Prescribed, days: int, status: str) -> Json:
        key, dose = f"exercise.{asked.exercise}", asked.dose
        per_side = " per side" if dose.per_side else ""
        told = [
            f"{self.words.word(f'{key}.name', asked.exercise)}: {dose.sets} × {dose.amount} {dose.unit}{per_side}",
            f"{asked.side} first" if asked.side and dose.per_side else "",
            asked.variant if asked.variant != "base" else "",
            self.words.word(f"{key}.setup", ""),
        ]
        return {
            "code": self._local("exercise", asked.exercise, self.words.word(f"{key}.name", asked.exercise)),
            "status": status,
            "description": ". ".join(text.rstrip(".") for text in told if text) + ".",
            "scheduledTiming": {"repeat": {"frequency": days, "period": 1, "periodUnit": "wk"}},
        }

    def _flags(self) -> Iterator[Json]:
        category = {"system": f"{CATEGORIES}/flag-category", "code": "safety", "display": "Safety"}
        for flagged in self.record.flags:
            flag = flagged.flag
            period = {"start": _instant(flagged.raised_at)}
            if flagged.closed_at is not None:
                period["end"] = _instant(flagged.closed_at)
            yield self._resource("Flag", f"flag:{flagged.screen}:{flag.id}:{_instant(flagged.raised_at)}") | {
                "status": "active" if flagged.closed_at is None else "inactive",
                "category": [{"coding": [category]}, self._local("urgency", flag.urgency, flag.urgency)],
                "code": self._local("flag", flag.id, self.words.summary(flagged)),
                "subject": {"reference": self.patient},
                "period": period,
            }

    # --- the parts that all share

    def _resource(self, kind: str, seed: str) -> Json:
        return {"resourceType": kind, "id": str(self._id(seed))}

    def _id(self, seed: str) -> UUID:
        return uuid5(self.own, seed)

    def _url(self, seed: str) -> str:
        return f"urn:uuid:{self._id(seed)}"

    def _local(self, system: str, code: str, text: str) -> Json:
        return {"coding": [{"system": f"{LOCAL}:{self.screen.id}:{system}", "code": code}], "text": text}


def _reason_of(plan: Plan) -> str:
    told = f"ladder {plan.ladder}, driver {plan.driver}, version {plan.version}"
    return told + (", offered: no need" if plan.offered else "") + (", gentle" if plan.gentle else "")


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
