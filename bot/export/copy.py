"""A client's own copy of their record: for programs as JSON, to read as one HTML page."""

from __future__ import annotations

import html
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, TypeAlias, get_type_hints

from pydantic import TypeAdapter

from bot.coaching.record import Answered, Assessed, Flagged, Record
from bot.conversation.linking_pages import LOOKS
from bot.timetable.rhythm import Rhythm, tz
from rules import SIDES, Assessment, Attempt, Facts, Finding, Library, Prescribed, Question, Row, Screen, Value
from rules.facts import ATTEMPT_FIELDS, run_of
from rules.log import Cleared, FlareUp, Retracted, SessionReport, Sliders, WeeklyCheck, standing_log
from rules.questions import option_of

Say: TypeAlias = Callable[[str, Mapping[str, object]], str]
"""A wording key and its values -> plain text in the reader's language."""

FORMAT, VERSION = "coxa.record", 1
KEYS: Mapping[str, str] = {
    "format": "always coxa.record",
    "version": "of this format; it is raised when a key changes its meaning or goes",
    "keys": "this list",
    "client_id": "the number that stands for the client",
    "name": "what the client is called",
    "language": "of what the client was told, as a BCP 47 tag",
    "since": "when the client came, in UTC as every instant here",
    "at": "when this copy was read",
    "coach": "the coach's name, null where there is none",
    "profile": "what the client told about themselves, by id",
    "rhythm": "when the client is reminded: zone, time, weekdays (0 is Monday), quiet hours, pauses",
    "consents": "consent given and taken back: to which version of the text, or to a coach's seeing",
    "answers": "each answer as it came, with the path of the fact, the value and the client's own words",
    "assessments": "what each screening came to, with reasons, and the facts behind it",
    "plans": "exercises from a time on; plan is null where there were none from then on",
    "log": "sessions, bad days, weekly checks and what was taken back, in the order they were told",
    "flags": "what a coach or clinician should know, when it was raised and closed, and why",
    "looked": "who looked at this record, when, and what they did",
}
"""The keys of the JSON copy, in order, and what each holds."""


def as_json(record: Record) -> str:
    """Give the whole record as JSON text, with the keys of KEYS in their order.

    Values are as the models of the rules write them; inside them keys are sorted.
    """
    held = {name: kind.dump_python(getattr(record, name), mode="json", by_alias=True) for name, kind in _KINDS.items()}
    whole = {"format": FORMAT, "version": VERSION, "keys": KEYS, **{key: _sorted(value) for key, value in held.items()}}
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


def from_json(text: str) -> Record:
    """Read a record from its JSON copy; raises ValueError for anything else."""
    held = json.loads(text)
    if (held.pop("format", None), held.pop("version", None)) != (FORMAT, VERSION):
        raise ValueError(f"this is no record of format {FORMAT} {VERSION}; take the file as it was given")
    missing = sorted(_KINDS.keys() - held.keys())
    if missing:
        raise ValueError(f"this record lacks {', '.join(missing)}; take the file as it was given")
    return Record(**{name: kind.validate_python(held[name]) for name, kind in _KINDS.items()})


_KINDS: Mapping[str, TypeAdapter[Any]] = {
    # Which kind of reminders they are is the timetable's to say.
    name: TypeAdapter(Rhythm | None if name == "rhythm" else kind)
    for name, kind in get_type_hints(Record).items()
}


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(one) for one in value] if isinstance(value, list) else value


# --- the words of a screen


class ScreenWords:
    """Says questions, answers and exercises as the client read them; ids where the screen or a word is gone."""

    def __init__(self, screen: Screen | None, language: str = "en") -> None:
        self.screen = screen
        wording = screen.wording if screen else {}
        self._words = {**wording.get("en", {}), **wording.get(language, {})}
        self._rows: dict[str, tuple[Row, Question]] = {}
        for question in screen.questions if screen else ():
            for row in question.rows:
                self._rows.setdefault(row.path, (row, question))

    def has(self, key: str) -> bool:
        """Tell whether a key is worded."""
        return key in self._words

    def word(self, key: str, instead: str | None = None, **values: object) -> str:
        """Give a text without marks, its slots filled; *instead*, or the last part of the key, where there is none."""
        text = self._words.get(key)
        if text is None:
            return key.rpartition(".")[2].replace("_", " ") if instead is None else instead
        plain = html.unescape(re.sub(r"</?[bi]>", "", text))
        return re.sub(r"\{(\w+)\}", lambda slot: str(values.get(slot[1], "…")), plain)

    def first(self, *keys: str, instead: str | None = None, **values: object) -> str:
        """Give the text of the first of these keys that is worded."""
        return self.word(next((key for key in keys if key in self._words), keys[-1]), instead, **values)

    def question(self, path: str) -> str:
        """Name what a path of the profile or the reports asks."""
        item = path.rpartition(".")[2]
        if path not in self._rows:
            return item.replace("_", " ")
        _, question = self._rows[path]
        page = question.id.partition(".")[0]
        return self.first(f"{page}.{item}_full", f"{question.id}.row.{item}", f"{question.id}.name", f"{page}.{item}")

    def answer(self, path: str, facts: Facts) -> str:
        """Say the answer that facts hold to a path."""
        value = facts.value(path)
        if path in self._rows and isinstance(value, str):
            row, question = self._rows[path]
            option = option_of(row, facts) if question.kind == "one" else None
            return self.option(path, option or value)
        return self.value(path, value)

    def value(self, path: str, value: Value | None) -> str:
        """Say a value of a path by itself."""
        if isinstance(value, tuple):
            return ", ".join(self.option(path, one) for one in value) or self.first("bot.none", instead="–")
        if isinstance(value, str):
            return self.option(path, value)
        return "–" if value is None else f"{value:g}"

    def option(self, path: str, option: str) -> str:
        """Say an option of what a path asks."""
        last = path.rpartition(".")[2]
        room, _, rest = path.partition(".")
        shared = (f"option.{last}.{option}", f"option.{option}")
        if room not in ("profile", "reports"):
            test, side = room.partition(":")[0], rest.partition(".")[0]
            own = (f"{test}.{side}.{option}", f"{test}.{option}") if last == "level" else ()
            return self.first(*own, f"{test}.{last}.{option}", *shared, instead=option.replace("_", " "))
        if path not in self._rows:
            return self.first(*shared, instead=option.replace("_", " "))
        question = self._rows[path][1]
        page = question.id.partition(".")[0]
        keys = (f"{question.id}.{last}.{option}", f"{question.id}.{option}", f"{page}.{option}")
        return self.first(*keys, *shared, instead=option.replace("_", " "))

    def test(self, test: str, day: int = 1, try_: str = "A1") -> str:
        """Name a test, and which try of it is meant where it isn't the first."""
        name = self.word(f"{test}.name", test)
        kind, _, cue = try_.partition(":")
        begins = self.screen.tests[test].day if self.screen and test in self.screen.tests else 1
        if cue:
            way = "with" if kind == "B" else "away"
            return f"{name}, {self.word(f'cue.{cue}.{way}.name', cue)}"
        if (day, kind) == (begins, "A1"):
            return name
        which = "cold" if kind == "A1" else "second" if day > 1 else "clean"
        return f"{name}, {self.first(f'again.{which}.name', instead=f'{day} {kind}')}"

    def context(self, test: str) -> str:
        """Say where the joint is in a test; "" where the test is about something else."""
        known = self.screen.tests.get(test) if self.screen else None
        return self.word(f"context.{known.context}", "") if known else ""

    def attempt(self, attempt: Attempt, facts: Facts) -> str:
        """Say all that was told of one try: the answer, then what it felt like, pain and what else moved."""
        told = [self._level(attempt, facts)] if attempt.level is not None else []
        for field in ATTEMPT_FIELDS:
            value = getattr(attempt, field)
            asked = attempt.path(field)
            if field == "level" or value is None or value == () or (self._rows and asked not in self._rows):
                continue
            said = self.value(asked, value)
            told.append(
                said if field == "sensation" else f"{self.first(f'follow.{field}.name', instead=field)}: {said}"
            )
        return "; ".join(told) or "–"

    def _level(self, attempt: Attempt, facts: Facts) -> str:
        """Say the answer, and the level it stands for where that isn't the same."""
        answer = self.answer(attempt.path("level"), facts)
        level = self.word(f"option.level.{attempt.level}", answer)
        return answer if level.casefold() in answer.casefold() else f"{answer} ({level})"

    def summary(self, flagged: Flagged) -> str:
        """Say a flag in a line."""
        return self.word(f"flag.{flagged.flag.id}.summary", flagged.flag.id.replace("_", " "))

    def advice(self, flagged: Flagged, profile: Mapping[str, Value]) -> str:
        """Give the advice that a flag comes with, with the numbers of the client's country; "" where it is gone."""
        country = profile.get("country", "other")
        values = {word: self.word(f"screen.{word}") for word in ("joint", "worse", "unusable")} | {
            "told": self.word(f"flag.{flagged.flag.id}.told"),
            "emergency_number": self.first(f"country.{country}.emergency", "country.other.emergency"),
            "crisis_line": self.first(f"country.{country}.crisis", "country.other.crisis"),
        }
        return self.word(f"flag.{flagged.flag.id}.advice", "", **values)


WordsOf: TypeAlias = Callable[[str], ScreenWords]
"""The id of a screen -> its words."""


def words_in(library: Library, language: str) -> WordsOf:
    """Give the words of each screen in a language; of a screen that is gone, or "", those of the first there is."""
    held = {screen.id: ScreenWords(screen, language) for screen in library.screens.values()}
    return lambda screen_id: held.get(screen_id) or next(iter(held.values()), ScreenWords(None, language))


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A try of a test as told, by side; `both` where the sides weren't told apart. `easy`: nowhere less than clear.

    `hurts`: it hurt on a side. `context` says where the joint is in it, "" where that isn't the point.
    """

    name: str
    context: str = ""
    left: str = ""
    right: str = ""
    both: str = ""
    easy: bool
    hurts: bool


def tries(facts: Facts, words: ScreenWords) -> tuple[Tried, ...]:
    """List what was told of each try of each test, in the order they were made."""
    found: dict[tuple[str, int, str], list[Attempt]] = defaultdict(list)
    for attempt in facts.attempts:
        found[attempt.test, attempt.day, attempt.try_].append(attempt)
    return tuple(
        Tried(
            name=words.test(*place),
            context=words.context(place[0]),
            **{attempt.side: words.attempt(attempt, facts) for attempt in several},
            easy=all(attempt.level == "clear" and not attempt.pain for attempt in several),
            hurts=any(attempt.level == "hurts" or attempt.pain for attempt in several),
        )
        for place, several in found.items()
    )


def said_date(on: date, say: Say) -> str:
    """Say a date in the reader's language."""
    month = say(f"rhythm.month.m{on.month}", {})
    return say("paper.date", {"day": on.day, "month": month, "year": str(on.year)})


def said_instant(at: datetime, record: Record, say: Say) -> str:
    """Say an instant in the client's time, UTC where they have set none."""
    local = at.astimezone(tz(record.rhythm.zone) if record.rhythm else UTC)
    values = {"date": said_date(local.date(), say), "time": f"{local:%H:%M}", "zone": local.tzname() or "UTC"}
    return say("paper.instant", values)


def said_dose(prescribed: Prescribed, say: Say) -> str:
    """Say how much of an exercise is asked for."""
    dose = prescribed.dose
    amount = say(f"plan.amount.{dose.unit}", {"count": dose.amount})
    side = say("plan.per_side" if dose.per_side else "plan.in_all", {})
    return say("plan.dose", {"count": dose.sets, "amount": amount, "side": side})


def said_whose(prescribed: Prescribed, words: ScreenWords, say: Say) -> str:
    """Say which side comes first; both at once where the exercise trains them so."""
    exercises = words.screen.exercises.exercises if words.screen else ()
    both = any(e.id == prescribed.exercise and e.target_leg == "both" for e in exercises)
    if both and not prescribed.dose.per_side:
        return words.word("plan.whole_body")
    if prescribed.side is None:
        return say("plan.each_side", {})
    return say("plan.side_first", {"side": say(f"bot.side.{prescribed.side}", {})})


# --- the page to read


STYLE = """
:root { color-scheme: light dark; --line: #d5d9de; --soft: #f3f5f7; --mute: #5b6570; --mark: #0b6e6e; }
@media (prefers-color-scheme: dark) {
  :root { --line: #3a4149; --soft: #1d2228; --mute: #a3adb8; --mark: #6fd3d0; }
}
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.25rem; margin: 2.2rem 0 .6rem; color: var(--mark); }
h3 { font-size: 1.05rem; margin: 1.4rem 0 .4rem; } p { margin: .4rem 0; } .mute { color: var(--mute); }
table { border-collapse: collapse; width: 100%; margin: .6rem 0; } caption { text-align: left; color: var(--mute); }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid var(--line); }
th { background: var(--soft); font-weight: 600; } td { overflow-wrap: anywhere; }
blockquote { margin: .4rem 0; padding: .2rem .9rem; border-left: 3px solid var(--mark); overflow-wrap: anywhere; }
.card { border: 1px solid var(--line); border-radius: .6rem; padding: .2rem 1rem .6rem; margin: .8rem 0; }
summary { cursor: pointer; padding: .3rem 0; } @media print { details { break-inside: avoid; } }
"""


def readable(record: Record, say: Say, *, words_of: WordsOf) -> str:
    """Lay out a record as one HTML page that needs nothing else: no scripts, nothing from elsewhere, all escaped."""
    page = _Page(record, say, words_of)
    body = "\n".join(page.parts())
    title = html.escape(say("copy.title", {}))
    return (
        f'<!DOCTYPE html>\n<html lang="{html.escape(record.language)}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


class _Page:
    """The parts of the page; each text that goes in is escaped by the tag it goes into."""

    def __init__(self, record: Record, say: Say, words_of: WordsOf) -> None:
        self.record, self.say, self.words_of = record, say, words_of
        self.screen_of = {assessed.screening: assessed.assessment.screen for assessed in record.assessments}

    def parts(self) -> Iterator[str]:
        """Give the page from top to bottom."""
        say, record = self.say, self.record
        yield _tag("h1", say("copy.title", {}))
        since, at = (said_instant(instant, record, say) for instant in (record.since, record.at))
        yield _tag("p", say("copy.of", {"name": record.name, "since": since, "at": at}), "mute")
        yield _tag("p", say("copy.not_a_diagnosis", {}), "mute")
        yield from self._section("results", self._results())
        yield from self._section("plan", self._plan())
        yield from self._section("sessions", self._sessions())
        yield from self._section("checks", self._checks())
        yield from self._section("flags", self._flags())
        yield from self._section("told", self._told())
        yield from self._section("reminders", self._reminders())
        yield from self._section("consents", self._consents())
        yield from self._section("looked", self._looked())

    def _section(self, name: str, parts: Iterable[str]) -> Iterator[str]:
        held = list(parts)
        yield _tag("h2", self.say(f"copy.{name}.head", {}))
        yield from held or [_tag("p", self.say(f"copy.{name}.none", {}), "mute")]

    def _at(self, at: datetime) -> str:
        return said_instant(at, self.record, self.say)

    # --- what it came to

    def _results(self) -> Iterator[str]:
        several = list(reversed(self.record.assessments))
        for number, assessed in enumerate(several):
            parts = "".join(self._result(assessed))
            if number == 0:
                yield f'<div class="card">{_tag("h3", self._at(assessed.at))}{parts}</div>'
            else:
                yield f"<details>{_tag('summary', self._at(assessed.at))}{parts}</details>"

    def _result(self, assessed: Assessed) -> Iterator[str]:
        words, assessment = self.words_of(assessed.assessment.screen), assessed.assessment
        for side in SIDES:
            yield _tag("h3", words.word("result.side", side, side=self.say(f"bot.side.{side}", {})))
            for found in assessment.findings:
                if found.side == side:
                    yield from self._finding(found, assessment, words)
        name = words.word("screen.name", assessment.screen)
        yield _tag("p", self.say("copy.results.version", {"screen": name, "version": assessment.version}), "mute")
        told = tries(assessed.facts, words)
        if told:
            heads = [self.say(key, {}) for key in ("copy.test", "bot.side.left", "bot.side.right")]
            rows = [(t.name, t.left or t.both, t.right or t.both) for t in told]
            yield _table(heads, rows, self.say("copy.results.tests", {}))

    def _finding(self, found: Finding, assessment: Assessment, words: ScreenWords) -> Iterator[str]:
        where = words.word(f"context.{found.context}")
        yield _tag("p", self.say(f"copy.results.{found.limited}", {"context": where}))
        if found.limited == "yes":
            driver = words.word(f"driver.{found.driver}", found.driver)
            sure = self.say(f"result.sure.{found.confidence}", {})
            yield _tag("p", self.say("copy.results.driven", {"driver": driver, "sure": sure}))
            if found.not_a_priority:
                yield _tag("p", self.say("copy.results.not_a_priority", {}))
        reasons = [words.word(f"reason.{rule}", rule) for rule in dict.fromkeys(r.rule for r in found.reasons)]
        reasons += [words.word(f"reason.{note}", note) for note in found.notes]
        yield _bullets(dict.fromkeys(reasons))

    # --- what they did

    def _plan(self) -> Iterator[str]:
        planned = self.record.plans[-1] if self.record.plans else None
        if planned is None or planned.plan is None:
            return
        plan, words = planned.plan, self.words_of(planned.plan.screen)
        yield _tag("p", self.say("copy.plan.since", {"at": self._at(planned.at)}), "mute")
        if any(f.closed_at is None and f.flag.action in ("lock", "pause") for f in self.record.flags):
            yield _tag("p", self.say("paper.plan.stopped", {}))
            return
        for part, exercises in (("daily", plan.daily), ("strength", plan.strength)):
            if exercises:
                days = plan.days_a_week if part == "daily" else plan.strength_days
                yield _tag("h3", self.say(f"copy.plan.{part}", {"count": days}))
            for prescribed in exercises:
                key = f"exercise.{prescribed.exercise}"
                side = self.say(f"bot.side.{prescribed.side}" if prescribed.side else "bot.each", {})
                told = [
                    f"{words.word(f'{key}.where', '', side=side)}. {words.word(f'{key}.setup', '')}",
                    words.word(f"{key}.cue", ""),
                    f"{said_dose(prescribed, self.say)}, {said_whose(prescribed, words, self.say)}.",
                ]
                name = words.word(f"{key}.name", prescribed.exercise)
                yield f'<div class="card">{_tag("h3", name)}{"".join(_tag("p", text) for text in told)}</div>'

    def _sessions(self) -> Iterator[str]:
        rows = []
        for entry in reversed(standing_log(self.record.log)):
            match entry:
                case SessionReport():
                    pain = "" if entry.pain is None else self.say("paper.pain_of_ten", {"pain": entry.pain})
                    keys = [f"practice.where_is.{entry.where}"] if entry.where else []
                    keys += [f"practice.like_is.{entry.like}"] if entry.like else []
                    keys += ["copy.sessions.limp"] if entry.limp else []
                    keys += [f"history.morning.{entry.morning}"] if entry.morning else []
                    told = ", ".join([*([pain] if pain else []), *(self.say(key, {}) for key in keys)])
                    names = ", ".join(self._exercise(p.exercise) for p in entry.prescribed)
                    rows.append((entry.on, self.say(f"history.{entry.completed}", {}), told, names))
                case FlareUp():
                    rows.append((entry.on, self.say("copy.sessions.flare", {}), "", ""))
                case Cleared():
                    rows.append((entry.on, self.say("copy.sessions.cleared", {}), "", ""))
                case WeeklyCheck() | Retracted():
                    continue
        if rows:
            heads = [self.say(f"copy.{key}", {}) for key in ("day", "done", "pain", "exercises")]
            yield _table(heads, [(said_date(on, self.say), *rest) for on, *rest in rows])
        gone = len(self.record.log) - len(standing_log(self.record.log))
        if gone:
            yield _tag("p", self.say("copy.sessions.corrected", {"count": gone}), "mute")

    def _exercise(self, exercise: str) -> str:
        screens = dict.fromkeys(p.plan.screen for p in reversed(self.record.plans) if p.plan) or {"": None}
        several = (self.words_of(screen) for screen in screens)
        key = f"exercise.{exercise}.name"
        return next((words.word(key) for words in several if words.has(key)), exercise)

    def _checks(self) -> Iterator[str]:
        rows = []
        for entry in standing_log(self.record.log):
            if isinstance(entry, WeeklyCheck):
                words = self.words_of(self.record.assessments[-1].assessment.screen if self.record.assessments else "")
                told = [self._level(place, level, words) for place, level in sorted(entry.levels.items())]
                if entry.task is not None:
                    told.append(self.say("copy.checks.task", {"score": entry.task}))
                if entry.hurts:
                    told.append(self.say("copy.checks.hurts", {}))
                told += self._sliders(entry.sliders)
                rows.append((said_date(entry.on, self.say), "; ".join(told)))
        if rows:
            yield _table([self.say("copy.day", {}), self.say("copy.checks.told", {})], rows)

    def _sliders(self, told: Sliders | None) -> Iterator[str]:
        for name, score in told.model_dump().items() if told else ():
            if score is not None:
                yield self.say(f"copy.checks.{name}", {"score": score})

    def _level(self, place: str, level: str, words: ScreenWords) -> str:
        test, _, side = place.rpartition(".")
        where = "" if side == "both" else f", {self.say(f'bot.side.{side}', {})}"
        return f"{words.word(f'{test}.name', test)}{where}: {words.option(f'{place}.level', level)}"

    # --- what stood in the way, and who knows

    def _flags(self) -> Iterator[str]:
        for flagged in reversed(self.record.flags):
            words = self.words_of(flagged.screen)
            parts = [_tag("h3", f"{self.say(f'paper.urgency.{flagged.flag.urgency}', {})}: {words.summary(flagged)}")]
            parts.append(_tag("p", self.say("copy.flags.raised", {"at": self._at(flagged.raised_at)}), "mute"))
            if flagged.own_words:
                parts.append(_tag("blockquote", flagged.own_words))
            advice = words.advice(flagged, self.record.profile)
            if advice:
                parts.append(_tag("p", advice))
            if flagged.closed_at is not None:
                values = {"at": self._at(flagged.closed_at), "reason": flagged.reason or "–"}
                parts.append(_tag("p", self.say("copy.flags.closed", values)))
            yield f'<div class="card">{"".join(parts)}</div>'

    def _told(self) -> Iterator[str]:
        for screening, answers in screenings(self.record).items():
            words = self.words_of(self.screen_of.get(screening, ""))
            rows = [self._answer(answer, words) for answer in answers]
            head = self.say("copy.told.screening", {"at": self._at(answers[0].at), "count": len(answers)})
            heads = [self.say(f"copy.{key}", {}) for key in ("when", "question", "answer", "own_words")]
            yield f"<details>{_tag('summary', head)}{_table(heads, rows)}</details>"

    def _answer(self, answer: Answered, words: ScreenWords) -> tuple[str, ...]:
        room, _, rest = answer.path.partition(".")
        if room in ("profile", "reports"):
            asked = words.question(answer.path)
        else:
            side, _, field = rest.partition(".")
            sides = [self.say(f"bot.side.{side}", {})] if side in SIDES else []
            fields = [words.word(f"follow.{field}.name", field)] if field != "level" else []
            asked = ", ".join([words.test(*run_of(room)), *sides, *fields])
        gone = answer.value is None
        said = self.say("copy.told.taken_back", {}) if gone else words.value(answer.path, answer.value)
        local = answer.at.astimezone(tz(self.record.rhythm.zone) if self.record.rhythm else UTC)
        how = "" if answer.how in ("tapped", "typed") else f" ({self.say(f'copy.told.{answer.how}', {})})"
        return f"{local:%H:%M}", asked, said + how, answer.words or ""

    def _reminders(self) -> Iterator[str]:
        rhythm = self.record.rhythm
        if rhythm is None:
            return
        names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
        days = ", ".join(self.say(f"rhythm.day.{names[day]}", {}) for day in rhythm.days)
        values = {"time": f"{rhythm.at:%H:%M}", "zone": rhythm.zone, "days": days}
        yield _tag("p", self.say("copy.reminders.when", values))
        if rhythm.anchor:
            yield _tag("blockquote", rhythm.anchor)

    def _consents(self) -> Iterator[str]:
        rows = [
            (self._at(given.at), self.say(f"copy.consents.{'given' if given.given else 'withdrawn'}", {}), given.to)
            for given in self.record.consents
        ]
        if rows:
            yield _table([self.say(f"copy.{key}", {}) for key in ("when", "what", "to")], rows)

    def _looked(self) -> Iterator[str]:
        rows = [
            (self._at(looked.at), looked.who, self.say(f"linking.looked.{LOOKS.get(looked.what, 'data')}", {}))
            for looked in reversed(self.record.looked)
        ]
        if rows:
            yield _table([self.say(f"copy.{key}", {}) for key in ("when", "who", "what")], rows)


def screenings(record: Record) -> Mapping[str, Sequence[Answered]]:
    """Give the answers of each screening, in the order in which screenings began."""
    found: dict[str, list[Answered]] = defaultdict(list)
    for answer in record.answers:
        found[answer.screening].append(answer)
    return found


def _tag(name: str, text: str, kind: str = "") -> str:
    told = html.escape(text).replace("\n", "<br>")
    return f'<{name} class="{kind}">{told}</{name}>' if kind else f"<{name}>{told}</{name}>"


def _bullets(items: Iterable[str]) -> str:
    held = "".join(_tag("li", item) for item in items)
    return f"<ul>{held}</ul>" if held else ""


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> str:
    head = "".join(f'<th scope="col">{html.escape(text)}</th>' for text in heads)
    body = "".join(f"<tr>{''.join(_tag('td', cell) for cell in row)}</tr>" for row in rows)
    told = _tag("caption", caption) if caption else ""
    return f"<table>{told}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
