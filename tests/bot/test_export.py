"""What coaches and clients take away: tables, the client's own copy, FHIR, the letter and the sheet of exercises."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from pypdf import PdfReader

from bot.coaching.record import (
    PRIVATE_FLAGS,
    Answered,
    Assessed,
    Consented,
    Flagged,
    Looked,
    Planned,
    Record,
    without_private,
)
from bot.conversation.effects import Effect, KeepAnswer, KeepAssessment, KeepPlan, LiftFlag, RaiseFlag
from bot.export.copy import KEYS, WordsOf, as_json, from_json, readable, words_in
from bot.export.fhir import as_fhir, validate
from bot.export.paper import letter, plan_sheet
from bot.export.tables import SIGNS, TABLES, as_csv, as_zip
from bot.phrasebook import read_own
from rules import Flag, Library, Screen, Side, Value
from rules.log import Entry, FlareUp, Retracted, SessionReport, Sliders, WeeklyCheck
from tests.conversation.chat import HELLO, Chat, set_up
from tests.conversation.test_daily import prompt, session, timed

WORDS = {
    "paper.date": "{day} {month} {year}",
    "paper.instant": "{date}, {time} {zone}",
    "paper.of_ten": "{score} of 10",
    "paper.pain_of_ten": "pain {pain} of 10",
    "paper.shortened": "Some words had to be shortened to fit; they end in “…”. The whole is in the client's record.",
    "paper.lacking": "“{sign}” stands for signs that this page can't show.",
    "paper.urgency.emergency": "Emergency: care now",
    "paper.urgency.urgent": "Urgent: to be seen within 24 hours",
    "paper.urgency.clinician": "To be seen by a clinician, as a routine",
    "paper.urgency.coach": "For the coach",
    "paper.action.lock": "All tests and exercises, at once",
    "paper.action.pause": "All exercises, until a clinician or the coach agrees",
    "paper.action.adapt": "Nothing; exercises were adapted",
    "paper.action.note": "Nothing",
    "paper.letter.title": "For the clinician",
    "paper.letter.not_clinical": (
        "A self-screen by chat, not a clinical examination. Facts as the client told them; no diagnosis."
    ),
    "paper.letter.stands": "Raised on {at}, and it stands.",
    "paper.letter.closed": "Raised on {at}, closed on {closed}: {reason}",
    "paper.letter.who": "Who",
    "paper.letter.name": "Client",
    "paper.letter.named": "{name} (no. {id})",
    "paper.letter.age": "Age",
    "paper.letter.sex": "Sex",
    "paper.letter.coach": "Coach",
    "paper.letter.reported": "What was reported",
    "paper.letter.own_words": "In the client's own words:",
    "paper.letter.below": "See the answers about pain and the tests below.",
    "paper.letter.pain": "Pain",
    "paper.letter.in_sessions": "In sessions",
    "paper.letter.no_pain": "None reported",
    "paper.letter.tests": "Tests, as the client saw them",
    "paper.letter.no_tests": "No test was done.",
    "paper.letter.tested": "Done alone at home, on {at}. Answers are the client's own, not measurements.",
    "paper.letter.more_tests": "… and {count} more",
    "paper.letter.easy": "Easy, without pain: {tests}.",
    "paper.letter.done": "What was stopped and advised",
    "paper.letter.stopped": "Stopped",
    "paper.letter.advised": "Advised",
    "paper.letter.rule": "Why this letter was written",
    "paper.letter.fired": "Rule",
    "paper.letter.rule_is": "{rule}, row {row} of the safety evidence; version {version}",
    "paper.letter.source": "Source",
    "paper.letter.foot": (
        "Written by software (Coxa) on {at} from what the client reported by chat. Nobody has examined the client."
    ),
    "paper.plan.title": "Your exercises",
    "paper.plan.of": "{name} · {date}",
    "paper.plan.stop_all": "Sharp or pinching pain, or if {worse} afterwards: stop, and write to me.",
    "paper.plan.setup": "Set-up",
    "paper.plan.cue": "Cue",
    "paper.plan.feel": "You should feel",
    "paper.plan.stop": "Stop if",
    "paper.plan.easier": "Easier",
    "paper.plan.harder": "Harder",
    "paper.plan.this_way": "This time: {how}",
    "paper.plan.days.one": "1 day a week",
    "paper.plan.days.other": "{count} days a week",
    "paper.plan.stopped": "No exercises for now: something you told me should be looked at first.",
    "paper.plan.none": "There is no plan now.",
    "paper.plan.foot": "A movement screen, not a diagnosis. In an emergency call your local emergency number.",
    "copy.title": "What Coxa keeps about you",
    "copy.of": "{name}. With us since {since}; this copy was made on {at}.",
    "copy.not_a_diagnosis": "This is a movement screen, not a diagnosis.",
    "copy.day": "Day",
    "copy.done": "Done",
    "copy.pain": "Pain",
    "copy.exercises": "Exercises",
    "copy.when": "When",
    "copy.question": "Question",
    "copy.answer": "Answer",
    "copy.own_words": "In your words",
    "copy.who": "Who",
    "copy.what": "What",
    "copy.to": "To",
    "copy.test": "Test",
    "copy.results.head": "Results",
    "copy.results.none": "There is no result yet.",
    "copy.results.yes": "● Turning is limited {context}.",
    "copy.results.no": "✓ Fine {context}.",
    "copy.results.unknown": "○ Not enough information {context}.",
    "copy.results.driven": "What is behind it: {driver}. How sure: {sure}.",
    "copy.results.not_a_priority": "Not a priority.",
    "copy.results.tests": "What you answered in the tests",
    "copy.results.version": "{screen}, rules {version}",
    "copy.plan.head": "Your exercises",
    "copy.plan.none": "There is no plan.",
    "copy.plan.since": "Since {at}",
    "copy.plan.daily.one": "Once a week",
    "copy.plan.daily.other": "On {count} days a week",
    "copy.plan.strength.one": "And once a week",
    "copy.plan.strength.other": "And on {count} days a week, not in a row",
    "copy.sessions.head": "Sessions",
    "copy.sessions.none": "No session yet.",
    "copy.sessions.flare": "A bad day",
    "copy.sessions.limp": "with a limp",
    "copy.sessions.cleared": "Safety questions passed",
    "copy.sessions.corrected.one": "{count} entry was corrected or taken back; it is in the file for programs.",
    "copy.sessions.corrected.other": "{count} entries were corrected or taken back; they are in the file for programs.",
    "copy.checks.head": "Weekly checks",
    "copy.checks.none": "No weekly check yet.",
    "copy.checks.told": "What you told",
    "copy.checks.task": "daily task {score} of 10",
    "copy.checks.hurts": "something hurt",
    "copy.checks.stiffness": "stiffness {score} of 10",
    "copy.checks.tension": "tension {score} of 10",
    "copy.checks.ease": "ease {score} of 10",
    "copy.checks.options": "comfortable ways {score} of 10",
    "copy.flags.head": "Safety notes",
    "copy.flags.none": "None.",
    "copy.flags.raised": "On {at}",
    "copy.flags.closed": "Closed on {at}: {reason}",
    "copy.told.head": "All you answered",
    "copy.told.none": "Nothing.",
    "copy.told.screening.one": "{at}: {count} answer",
    "copy.told.screening.other": "{at}: {count} answers",
    "copy.told.taken_back": "taken back",
    "copy.told.corrected": "corrected",
    "copy.told.retracted": "taken back",
    "copy.told.denied": "denied",
    "copy.reminders.head": "Reminders",
    "copy.reminders.none": "No reminders.",
    "copy.reminders.when": "At {time} ({zone}): {days}",
    "copy.consents.head": "Consent",
    "copy.consents.none": "None was given.",
    "copy.consents.given": "given",
    "copy.consents.withdrawn": "taken back",
    "copy.looked.head": "Who looked at this",
    "copy.looked.none": "Nobody.",
}
OWN = read_own()["en"]


def say(key: str, values: Mapping[str, object]) -> str:
    """Say a key as the phrasebook would: ours first, then the bot's own wording; plain text."""
    form = f"{key}.one" if values.get("count") == 1 else f"{key}.other"
    text = next(words[name] for name in (key, form) for words in (WORDS, OWN) if name in words)
    return re.sub(r"</?[bi]>", "", text).format_map(values)


@pytest.fixture(scope="module")
def words_of(library: Library) -> WordsOf:
    return words_in(library, "en")


class Recorder(Chat):
    """A chat that also keeps what a record is made of, with its times."""

    def __init__(self, library: Library, *, consented: bool = False, coach: str | None = None) -> None:
        super().__init__(library, consented=consented, coach=coach)
        self.told: list[Answered] = []
        self.assessed: list[Assessed] = []
        self.planned: list[Planned] = []
        self.flagged: list[Flagged] = []

    def _keep(self, effect: Effect, at: datetime) -> None:
        super()._keep(effect, at)
        match effect:
            case KeepAnswer(screening=screening, path=path, value=value, how=how, words=words):
                self.told.append(Answered(at=at, screening=screening, path=path, value=value, how=how, words=words))
            case KeepAssessment(screening=screening, assessment=assessment, facts=facts, tested_at=tested):
                one = Assessed(at=at, tested_at=tested, screening=screening, assessment=assessment, facts=facts)
                self.assessed.append(one)
            case KeepPlan(plan=plan):
                self.planned.append(Planned(at=at, plan=plan))
            case RaiseFlag(flag=flag, own_words=words, screen=screen):
                self.flagged.append(Flagged(flag=flag, screen=screen, raised_at=at, own_words=words))
            case LiftFlag(flag_id=flag_id, reason=reason):
                self.flagged = [
                    dataclasses.replace(held, closed_at=at, reason=reason)
                    if held.flag.id == flag_id and held.closed_at is None
                    else held
                    for held in self.flagged
                ]

    def record(self, *more: Entry, **changes: Any) -> Record:
        """Give what is kept by now."""
        known = self.known
        held = Record(
            client_id=7,
            name="Änne Ørsted",
            language="en",
            since=self.at - timedelta(days=40),
            at=self.at,
            coach="Sam Coachley",
            profile=dict(known.profile),
            rhythm=known.rhythm,
            consents=(Consented(at=self.at, to="1", given=True),),
            answers=tuple(self.told),
            assessments=tuple(self.assessed),
            plans=tuple(self.planned),
            log=(*known.log, *more),
            flags=tuple(self.flagged),
            looked=(Looked(at=self.at, who="Sam Coachley", what="opened the client's card"),),
        )
        return dataclasses.replace(held, **changes)


SCREENED = [
    "none",
    "no",
    "no",
    "none",
    "squats",
    "4",
    "none",
    "sitting",
    "none",
    "none",
    "middle",
    "nothing else moved",
]
TESTED = ["both easy", "middle", "hips go back easily", "left barely, right clear", "stretch", "none", "both easy"]
LYING = ["barely", "stretch", "both clear", "both easy", "looks right"]
NOTHING = ["none", "no", "no", "none", "nothing", "none", "4", "none", "none", "2", "1", "1", "1", "2", "1"]
PINCHING = [
    "none",
    "yes",
    "no",
    "none",
    "groin",
    "done",
    "4",
    "less than 2 weeks",
    "same",
    "none",
    "pinch in daily life",
    "done",
    "no",
]


@pytest.fixture(scope="module")
def limited(library: Library) -> Record:
    """Give the record of one who has a plan, some sessions, a correction and a check."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.conversation.chat.Chat", Recorder)
        chat = timed(library)
    assert isinstance(chat, Recorder)
    prompt(chat)
    session(chat, pain="3")
    chat.types("muscle")
    on = chat.at.date()
    more: tuple[Entry, ...] = (
        FlareUp(id="f1", on=on),
        FlareUp(id="f2", on=on),
        Retracted(id="r1", on=on, what="f2"),
        WeeklyCheck(id="c1", on=on, levels={"f1.left": "partial"}, task=5, sliders=Sliders(stiffness=4), done=0.5),
    )
    return chat.record(*more)


@pytest.fixture(scope="module")
def unlimited(library: Library) -> Record:
    chat = Recorder(library)
    set_up(chat, [*HELLO, *NOTHING, "both clear", "both clear", "both clear", "both easy", "looks right"])
    assert [one.plan for one in chat.planned if one.plan] == []
    return chat.record()


@pytest.fixture(scope="module")
def flagged(library: Library) -> Record:
    """Give the record of one who was screened, and then told of an emergency in their own words."""
    chat = Recorder(library)
    set_up(chat, [*HELLO, *SCREENED, *TESTED, *LYING])
    chat.types("oh, numb down below since Tuesday, can't pee properly")
    chat.types("yes")
    assert [one.flag.urgency for one in chat.flagged] == ["emergency"]
    return chat.record()


def test_the_page_says_in_words_what_was_looked_at(empty: Record, words_of: WordsOf) -> None:
    looked = Looked(at=empty.at, who="Sam", what="export.zip")
    page = readable(dataclasses.replace(empty, looked=(looked,)), say, words_of=words_of)
    assert "got a copy of your record as files" in page
    assert "export.zip" not in page


@pytest.fixture(scope="module")
def empty() -> Record:
    at = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
    return Record(client_id=8, name="Bo", language="en", since=at, at=at)


@pytest.fixture(params=["limited", "unlimited", "flagged", "empty"])
def record(request: pytest.FixtureRequest) -> Record:
    held = request.getfixturevalue(request.param)
    assert isinstance(held, Record)
    return held


def told(words: str) -> Answered:
    """Give an answer with these words."""
    at = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
    return Answered(at=at, screening="s1", path="reports.task", value="stand_up", how="typed", words=words)


# --- what is the client's alone


def test_a_coach_reads_nowhere_what_a_private_flag_rests_on(limited: Record, screen: Screen) -> None:
    private = Flag(
        id=PRIVATE_FLAGS[0], row="37b", urgency="clinician", action="pause", because=("reports.violence",), source="s"
    )
    other = private.model_copy(update={"id": "rf30_loose_painful", "because": ("reports.loose",)})
    facts = limited.assessments[-1].facts.model_copy(update={"reports": {"violence": "yes"}})
    assessment = limited.assessments[-1].assessment.model_copy(update={"flags": (private, other)})
    assessed = dataclasses.replace(limited.assessments[-1], assessment=assessment, facts=facts)
    raised = [Flagged(flag=one, screen=screen.id, raised_at=limited.at, own_words="oh") for one in (private, other)]
    answer = dataclasses.replace(told("he hits me"), path="reports.violence", value="yes")
    held = dataclasses.replace(limited, assessments=(assessed,), flags=tuple(raised), answers=(answer,))
    assert "violence" in as_json(held)

    seen = without_private(held)
    bundle = [one for one in as_fhir(seen, screen)["entry"] if one["resource"]["resourceType"] != "Questionnaire"]
    written = [as_json(seen), json.dumps(bundle), *as_csv(seen, zone="UTC").values()]
    for text in written:
        assert "violence" not in text
        assert "he hits me" not in text
    assert [flag.because for flag in seen.assessments[0].assessment.flags] == [(), ("reports.loose",)]
    assert [one.flag.because for one in seen.flags] == [(), ("reports.loose",)]
    assert [row["because"] for row in rows(as_csv(seen, zone="UTC")["flags"])] == ["", "reports.loose"]


# --- tables


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def plain(cell: str) -> str:
    """Take the apostrophes away that guard a cell."""
    return "".join(sign for at, sign in enumerate(cell) if sign != "'" or not SIGNS.match(cell, at))


@pytest.mark.parametrize(
    "words",
    [
        *("=1+1", "+1", "-1+1", "- 1", "－1", "@SUM(A1)", "\tx", "\rx", "  =1+1", " @x", "'=1", "＝1", '"=1'),
        "\u200b=1",
    ],
)
def test_a_cell_that_a_spreadsheet_may_take_for_a_formula_is_guarded(empty: Record, words: str) -> None:
    (row,) = rows(as_csv(dataclasses.replace(empty, answers=(told(words),)), zone="UTC")["answers"])
    assert row["own_words"] == f"'{words}"
    assert plain(row["own_words"]) == words


@pytest.mark.parametrize(
    ("words", "guarded"),
    [
        ("left;=1+1", "left;'=1+1"),
        ("left; @x", "left;' @x"),
        ("a\t+1;-2+3", "a\t'+1;'-2+3"),
        ("a\r\n＝1", "a\r'\n'＝1"),
        ("a;'=1", "a;''=1"),
        (";\n=1", ";'\n'=1"),
        ("\n=1", "'\n'=1"),
        ("a；=1", "a；'=1"),
    ],
)
def test_a_formula_after_what_another_spreadsheet_splits_at_is_guarded(empty: Record, words: str, guarded: str) -> None:
    (row,) = rows(as_csv(dataclasses.replace(empty, answers=(told(words),)), zone="UTC")["answers"])
    assert row["own_words"] == guarded
    assert plain(row["own_words"]) == words


@pytest.mark.parametrize(
    "words",
    [
        *("about 20", "'tis", 'she said "no", twice\r\nand left', "a;b,c", "1-2", "é=ü"),
        *("-1", " -2.5", "-1,5", "3;-4;x", "'-3", "x;'-3"),
    ],
)
def test_other_words_come_back_as_they_were(empty: Record, words: str) -> None:
    (row,) = rows(as_csv(dataclasses.replace(empty, answers=(told(words),)), zone="UTC")["answers"])
    assert row["own_words"] == words


def test_numbers_stay_numbers(empty: Record) -> None:
    answers = tuple(dataclasses.replace(told(""), value=value) for value in (-3, 2.5, 7))
    text = as_csv(dataclasses.replace(empty, answers=answers), zone="UTC")["answers"]
    assert [row["value"] for row in rows(text)] == ["-3", "2.5", "7"]


def test_tables_hold_the_record(limited: Record) -> None:
    tables = as_csv(limited, zone="America/New_York")
    assert list(tables) == list(TABLES)
    answers = rows(tables["answers"])
    assert [(row["path"], plain(row["own_words"])) for row in answers] == [
        (answer.path, answer.words or "") for answer in limited.answers
    ]
    assert answers[0]["at_utc"].endswith("+00:00")
    assert answers[0]["at_local"].endswith("-05:00")
    assert datetime.fromisoformat(answers[0]["at_utc"]) == datetime.fromisoformat(answers[0]["at_local"])
    (limit,) = [row for row in rows(tables["findings"]) if row["limited"] == "yes"]
    assert (limit["side"], limit["context"], limit["driver"]) == ("left", "flexion", "femoral")
    assert "flexion.range.blocked" in limit["reasons"]
    sessions = rows(tables["sessions"])
    assert [(row["kind"], row["stands"]) for row in sessions[-3:]] == [
        ("flare", "yes"),
        ("flare", "no"),
        ("retracted", "no"),
    ]
    assert {row["pain"] for row in sessions if row["kind"] == "session"} == {"3"}
    plan = limited.plans[-1].plan
    assert plan is not None
    planned = [p.exercise for p in (*plan.daily, *plan.strength)]
    assert [row["exercise"] for row in rows(tables["plans"])] == planned
    assert {row["exercise"] for row in rows(tables["exercises_of_sessions"])} <= set(planned)
    assert ("level", "f1", "left", "partial") in {
        (row["measure"], row["test"], row["side"], row["value"]) for row in rows(tables["checks"])
    }


def test_every_row_is_as_wide_as_its_header(record: Record) -> None:
    for text in as_csv(record, zone="+05:30").values():
        assert len({len(row) for row in csv.reader(io.StringIO(text, newline=""))}) == 1
        assert text.endswith("\r\n")


def test_an_end_of_a_plan_is_a_row(empty: Record) -> None:
    ended = dataclasses.replace(empty, plans=(Planned(at=empty.at, plan=None),))
    (row,) = rows(as_csv(ended, zone="UTC")["plans"])
    assert (row["part"], row["exercise"]) == ("ended", "")


def test_a_zip_of_the_same_files_is_the_same(limited: Record) -> None:
    tables = {f"{name}.csv": text for name, text in as_csv(limited, zone="UTC").items()}
    packed = as_zip(tables, at=limited.at)
    assert packed == as_zip(dict(reversed(tables.items())), at=limited.at)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.namelist() == sorted(tables)
        assert archive.read("answers.csv").decode("utf-8-sig") == tables["answers.csv"]


# --- the client's own copy


def test_json_comes_back_as_the_record(record: Record) -> None:
    text = as_json(record)
    assert from_json(text) == record
    assert list(json.loads(text)) == list(KEYS)


def test_json_does_not_hang_on_the_order_of_what_was_told(limited: Record) -> None:
    turned = dataclasses.replace(limited, profile=dict(reversed(limited.profile.items())))
    assert as_json(turned) == as_json(limited)


def test_json_of_another_format_is_refused(empty: Record) -> None:
    other = as_json(empty).replace('"version": 1', '"version": 2', 1)
    with pytest.raises(ValueError, match="no record of format"):
        from_json(other)


class Tags(HTMLParser):
    """Collects tags, attributes and text of a page; fails on one that doesn't nest."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in ("meta", "br"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_escapes_all_that_people_typed(flagged: Record, words_of: WordsOf) -> None:
    evil = "<script>alert('ü')</script><img src=x onerror=y>"
    named = dataclasses.replace(
        flagged,
        name=evil,
        language='en"><script>',
        answers=(*flagged.answers, told(evil)),
        flags=tuple(dataclasses.replace(f, own_words=evil, closed_at=f.raised_at, reason=evil) for f in flagged.flags),
        looked=(Looked(at=flagged.at, who=evil, what=evil),),
        consents=(Consented(at=flagged.at, to=evil, given=True),),
    )
    page = Tags(readable(named, say, words_of=words_of))
    assert page.tags & {"script", "img", "link", "iframe", "a", "object"} == set()
    assert {name for name in page.attributes if name.startswith("on") or name in ("src", "href")} == set()
    assert sum(evil in text for text in ("".join(page.text), *page.text)) >= 6


def test_the_page_tells_everything(limited: Record, words_of: WordsOf) -> None:
    text = " ".join(Tags(readable(limited, say, words_of=words_of)).text)
    for told_ in ("Änne Ørsted", "Turning is limited when your hip is folded", "your thigh turning in its socket"):
        assert told_ in text
    for told_ in ("It stops before the fold", "Feet on the wall, slow breaths", "pain 3 of 10", "Sam Coachley"):
        assert told_ in text
    for told_ in ("left barely, right clear", "2 entries were corrected", "after coffee", "stiffness 4 of 10"):
        assert told_ in text


def test_the_page_shows_no_exercise_under_a_stop(limited: Record, flagged: Record, words_of: WordsOf) -> None:
    text = " ".join(Tags(readable(dataclasses.replace(limited, flags=flagged.flags), say, words_of=words_of)).text)
    assert "No exercises for now" in text
    assert "Heels heavy on the wall" not in text


def test_the_page_of_anyone_is_whole(record: Record, words_of: WordsOf) -> None:
    page = readable(record, say, words_of=words_of)
    assert page.startswith("<!DOCTYPE html>")
    assert "://" not in page
    assert "default-src 'none'" in page
    assert record.name in "".join(Tags(page).text)


# --- FHIR


def resources(bundle: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == kind]


def answered(node: dict[str, Any]) -> dict[str, list[Any]]:
    """Give the values of a response by link id."""
    found = {}
    for item in node.get("item", ()):
        if "answer" in item:
            found[item["linkId"]] = [next(iter(one.values())) for one in item["answer"]]
        found |= answered(item)
    return found


def test_the_bundle_is_valid_and_its_references_resolve(record: Record, screen: Screen) -> None:
    bundle = as_fhir(record, screen)
    assert validate(bundle) == ()
    assert json.loads(json.dumps(bundle)) == as_fhir(record, screen)


def test_a_bundle_that_is_wrong_is_told(limited: Record, screen: Screen) -> None:
    bundle = as_fhir(limited, screen)
    resources(bundle, "Observation")[0].pop("status")
    assert "status" in validate(bundle)[0]
    lost = as_fhir(limited, screen)
    lost["entry"] = [entry for entry in lost["entry"] if entry["resource"]["resourceType"] != "Patient"]
    assert any("not in the bundle" in told for told in validate(lost))
    other = as_fhir(limited, screen)
    resources(other, "QuestionnaireResponse")[0]["item"][0]["linkId"] = "nobody.asks"
    assert validate(other) == ("nobody.asks is asked by no questionnaire here",)


def test_answers_stand_under_their_paths(limited: Record, screen: Screen) -> None:
    bundle = as_fhir(limited, screen)
    (response,) = resources(bundle, "QuestionnaireResponse")
    assert response["status"] == "completed"
    values = answered(response)
    assert values["f1.left.level"][0]["code"] == "blocked"
    assert values["f1.left.level"][0]["display"] == "It stops before the fold"
    assert values["p1w.both.level"][0]["code"] == "middle"
    assert values["reports.task_score"] == [4]
    facts = limited.assessments[-1].facts
    asked = {path for path, value in facts.told.items() if path in screen.asked and value != ()}
    assert asked <= set(values)


def test_a_screening_that_was_broken_off_is_in_progress(library: Library, screen: Screen) -> None:
    chat = Recorder(library)
    set_up(chat, [*HELLO, "none"])
    bundle = as_fhir(chat.record(), screen)
    assert validate(bundle) == ()
    (response,) = resources(bundle, "QuestionnaireResponse")
    assert response["status"] == "in-progress"
    assert answered(response)["profile.sex"][0]["code"] == "female"


def test_what_this_version_does_not_ask_is_kept_as_text(limited: Record, screen: Screen) -> None:
    older = dataclasses.replace(told("x"), path="reports.asked_once", value="long_ago", screening="older")
    bundle = as_fhir(dataclasses.replace(limited, answers=(*limited.answers, older)), screen)
    assert validate(bundle) == ()
    assert answered(resources(bundle, "QuestionnaireResponse")[-1])["reports.asked_once"] == ["long ago"]


@pytest.mark.parametrize(("side", "code"), [("left", "287679003"), ("right", "287579007")])
def test_a_finding_names_its_side(limited: Record, screen: Screen, side: Side, code: str) -> None:
    findings = [seen for seen in resources(as_fhir(limited, screen), "Observation") if "derivedFrom" in seen]
    of_side = [seen for seen in findings if seen["bodySite"]["coding"][0]["code"] == code]
    assert {seen["bodySite"]["text"] for seen in of_side} == {f"{side} hip"}
    limits = [seen["valueCodeableConcept"]["coding"][0]["code"] for seen in of_side]
    assert limits == [found.limited for found in limited.assessments[-1].assessment.findings if found.side == side]


def test_checks_and_pain_are_observations_of_their_day(limited: Record, screen: Screen) -> None:
    seen = {o["code"]["coding"][0]["code"]: o for o in resources(as_fhir(limited, screen), "Observation")}
    assert (seen["72514-3"]["valueInteger"], seen["task"]["valueInteger"]) == (3, 5)
    assert seen["f1"]["valueCodeableConcept"]["coding"][0]["code"] == "partial"
    assert seen["f1"]["effectiveDateTime"] == limited.at.date().isoformat()


def test_a_flag_is_active_until_it_is_closed_and_holds_the_plan(flagged: Record, screen: Screen) -> None:
    (held,) = [planned.plan for planned in flagged.plans if planned.plan]
    standing = dataclasses.replace(flagged, plans=(Planned(at=flagged.at, plan=held),))
    (flag,) = resources(as_fhir(standing, screen), "Flag")
    assert (flag["status"], "end" in flag["period"]) == ("active", False)
    assert flag["category"][0]["coding"][0]["code"] == "safety"
    assert resources(as_fhir(standing, screen), "CarePlan")[0]["status"] == "on-hold"
    lifted = tuple(dataclasses.replace(f, closed_at=flagged.at, reason="seen") for f in flagged.flags)
    over = as_fhir(dataclasses.replace(standing, flags=lifted), screen)
    (flag,) = resources(over, "Flag")
    assert (flag["status"], "end" in flag["period"]) == ("inactive", True)
    (plan,) = resources(over, "CarePlan")
    assert plan["status"] == "active"
    assert len(plan["activity"]) == len(held.daily) + len(held.strength)
    assert validate(over) == ()


def test_no_name_and_no_own_words_unless_asked(record: Record, screen: Screen) -> None:
    words = "I am Änne Ørsted of 5 Mill Lane"
    named = dataclasses.replace(
        record,
        answers=(*record.answers, told(words)),
        flags=tuple(dataclasses.replace(flag, own_words=words, reason=words) for flag in record.flags),
    )
    text = json.dumps(as_fhir(named, screen), ensure_ascii=False)
    for private in (record.name, "Ørsted", "Mill Lane", "Coachley", "after coffee"):
        assert private == "Bo" or private not in text
    assert all("name" not in patient for patient in resources(as_fhir(named, screen), "Patient"))
    bundle = as_fhir(named, screen, with_name=True)
    assert resources(bundle, "Patient")[0]["name"] == [{"use": "usual", "text": record.name}]
    assert validate(bundle) == ()


def test_clients_of_two_installations_are_two(limited: Record, screen: Screen) -> None:
    elsewhere = dataclasses.replace(limited, since=limited.since + timedelta(seconds=1))
    ids = [{entry["fullUrl"] for entry in as_fhir(one, screen)["entry"]} for one in (limited, elsewhere)]
    assert ids[0] & ids[1] == set()


# --- paper


def text_of(pdf: bytes) -> str:
    return " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).split())


def pages_of(pdf: bytes) -> int:
    return len(PdfReader(io.BytesIO(pdf)).pages)


@pytest.fixture(scope="module")
def pinching(library: Library) -> Record:
    """Give the record of one whose hip hurts and pinches in daily life, and who was screened all the same."""
    chat = Recorder(library)
    set_up(chat, [*HELLO, *PINCHING, *SCREENED[4:], *TESTED, *LYING])
    assert [(one.flag.id, one.flag.urgency) for one in chat.flagged][:1] == [("rf24_pinch", "clinician")]
    return chat.record()


def test_the_letter_holds_the_facts(flagged: Record, words_of: WordsOf) -> None:
    (flag,) = flagged.flags
    pdf = letter(flagged, flag, say, words_of=words_of)
    assert pages_of(pdf) == 1
    text = text_of(pdf)
    for told_ in ("Änne Ørsted", "18 to 39", "Emergency: care now", "not a clinical examination", flag.flag.id):
        assert told_ in text
    for told_ in ("“numb down below”", "It stops before the fold", "call 999", flag.flag.source):
        assert told_ in text
    assert "…" not in text


def test_a_letter_about_pain_says_where_and_how_strong(pinching: Record, words_of: WordsOf) -> None:
    text = text_of(letter(pinching, pinching.flags[0], say, words_of=words_of))
    for told_ in ("Groin or front of the hip", "How strong", "The front of the hip pinches in daily life"):
        assert told_ in text
    assert "All exercises, until" in text


@pytest.mark.parametrize(
    "words",
    ["It hurts when I sit. " * 100, "W" * 2000, "\n".join("ab" for _ in range(700)), "漢字🙂 und Häßliches " * 100],
    ids=["sentences", "one word", "lines", "other signs"],
)
def test_a_letter_is_one_page_however_much_was_said(flagged: Record, words_of: WordsOf, words: str) -> None:
    flag = dataclasses.replace(flagged.flags[0], own_words=words, closed_at=flagged.at, reason=words)
    long = dataclasses.replace(flagged, name=words, coach=words, flags=(flag,))
    pdf = letter(long, flag, say, words_of=words_of)
    assert pages_of(pdf) == 1
    text = text_of(pdf)
    assert "…" in text
    assert "shortened to fit" in text
    assert flag.flag.source in text
    assert ("can't show" in text) == ("漢" in words)


def test_a_letter_is_one_page_whatever_was_found_in_the_tests(
    pinching: Record, limited: Record, words_of: WordsOf, screen: Screen
) -> None:
    sides: tuple[Side, Side] = ("left", "right")
    tests = [test for test in screen.tests.values() if test.sides == "each"]
    worst: dict[str, Value] = {f"{test.id}.{side}.level": "blocked" for test in tests for side in sides}
    worst |= {f"{test.id}.{side}.sensation": "stretch_eases" for test in tests for side in sides}
    worst |= {f"{test.id}.{side}.pain": 3 for test in tests for side in sides}
    held = pinching.assessments[-1]
    bad = dataclasses.replace(held, facts=held.facts.with_values(worst))
    every = tuple(path for path in held.facts.told)
    wide = "W" * 2000
    flag = dataclasses.replace(pinching.flags[0], own_words=wide, closed_at=pinching.at, reason=wide)
    flag = dataclasses.replace(flag, flag=flag.flag.model_copy(update={"because": every, "source": wide}))
    sore = [entry for entry in limited.log if isinstance(entry, SessionReport)]
    log = tuple(entry.model_copy(update={"id": str(n), "pain": 9}) for n in range(9) for entry in sore)
    record = dataclasses.replace(pinching, assessments=(bad,), log=log, name=wide, coach=wide)
    pdf = letter(record, flag, say, words_of=words_of)
    assert pages_of(pdf) == 1
    assert re.search(r"and \d+ more", text_of(pdf))


def test_a_letter_of_a_screen_that_is_gone_still_says_what_it_can(empty: Record, words_of: WordsOf) -> None:
    gone = Flag(id="rf99_gone", row="99", urgency="urgent", action="lock", because=("reports.x",), source="proposal")
    flag = Flagged(flag=gone, screen="long_gone", raised_at=empty.at, own_words="ouch")
    text = text_of(letter(empty, flag, say, words_of=words_of))
    for told_ in ("rf99 gone", "ouch", "No test was done."):
        assert told_ in text


def test_the_sheet_names_each_exercise_with_its_dose_and_seven_boxes(limited: Record, words_of: WordsOf) -> None:
    plan = limited.plans[-1].plan
    assert plan is not None
    pdf = plan_sheet(limited, say, words_of=words_of)
    assert pages_of(pdf) <= 2
    text = text_of(pdf)
    words = words_of(plan.screen)
    for one in (*plan.daily, *plan.strength):
        for part in ("name", "cue", "feel", "easier", "harder"):
            assert words.word(f"exercise.{one.exercise}.{part}") in text
    assert "3 sets of 5 slow breaths" in text
    assert "LEFT first" in text
    assert [text.count(day) for day in ("Mon", "Sun")] == [len(plan.daily) + len(plan.strength)] * 2


def test_the_sheet_shows_the_doses_of_today_where_they_are_given(limited: Record, words_of: WordsOf) -> None:
    plan = limited.plans[-1].plan
    assert plan is not None
    more = plan.daily[0].model_copy(
        update={"dose": plan.daily[0].dose.model_copy(update={"sets": 5}), "variant": "harder"}
    )
    text = text_of(plan_sheet(limited, say, words_of=words_of, exercises=(more,)))
    assert "5 sets of 5 slow breaths" in text
    assert "This time: At the end of each breath out" in text
    assert "Sat" in text


def test_no_exercise_is_printed_under_a_stop_or_without_a_plan(
    limited: Record, flagged: Record, empty: Record, words_of: WordsOf
) -> None:
    stopped = dataclasses.replace(limited, flags=flagged.flags)
    for held, told_ in ((stopped, "No exercises for now"), (empty, "There is no plan now.")):
        text = text_of(plan_sheet(held, say, words_of=words_of))
        assert told_ in text
        assert "Set-up" not in text


def test_any_plan_fits_two_pages(limited: Record, words_of: WordsOf, screen: Screen) -> None:
    plan = limited.plans[-1].plan
    assert plan is not None
    known = sorted(screen.exercises.exercises, key=lambda e: -len(words_of(plan.screen).word(f"exercise.{e.id}.setup")))
    several = tuple(plan.daily[0].model_copy(update={"exercise": e.id, "variant": "base"}) for e in known[:8])
    pdf = plan_sheet(limited, say, words_of=words_of, exercises=several)
    assert pages_of(pdf) <= 2
    assert all(words_of(plan.screen).word(f"exercise.{one.exercise}.name") in text_of(pdf) for one in several)


def test_paper_is_the_same_for_the_same_record(limited: Record, flagged: Record, words_of: WordsOf) -> None:
    assert plan_sheet(limited, say, words_of=words_of) == plan_sheet(limited, say, words_of=words_of)
    pdf = letter(flagged, flagged.flags[0], say, words_of=words_of)
    assert pdf == letter(flagged, flagged.flags[0], say, words_of=words_of)
    held = PdfReader(io.BytesIO(pdf)).metadata
    assert held is not None
    assert held.creation_date == flagged.at.replace(microsecond=0)
