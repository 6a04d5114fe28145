"""The digest: who is in it, in which order, and what is asked again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.coaching.alerts import Alert, Reason, Step, done, raised
from bot.coaching.desk import Desk
from bot.coaching.digest import (
    GRAVITY,
    IN_TIME,
    MOST_TO_DECIDE,
    UNTIL_NEXT,
    Change,
    Raised,
    Silence,
    Standing,
    digest,
    gravest,
    weekly,
)
from bot.conversation.desk import next_digest
from bot.conversation.digest_pages import digest_page, weekly_page
from bot.conversation.effects import AnswerTap, ForClient, Joined, KeepDesk, Line, Show
from bot.conversation.events import CameDue, Tapped
from bot.conversation.known import Known, Person
from bot.conversation.reply import reply
from bot.phrasebook import Phrasebook
from bot.workflow.handle import render
from rules import Library
from rules.course import Course
from rules.screen import URGENCIES

NOW = datetime(2026, 1, 12, 17, 30, tzinfo=UTC)
TODAY = NOW.date()
SCREEN = "hip_internal_rotation"
FLAGS = ("rf17_surgery_cleared", "rf24_pinch_fine", "rf30_loose")


def hours(count: float) -> datetime:
    """Give an instant so many hours ago."""
    return NOW - timedelta(hours=count)


def an_alert(urgency: str = "urgent", state: str = "open", at: datetime = NOW, number: int = 1) -> Alert:
    reason = Reason(kind="flag", what="rf02_fall_risk", urgency=urgency, at=at, screen=SCREEN)
    alert = raised(None, reason, id_=f"a{number}")
    deeds: Mapping[str, Any] = {"acknowledged": "acknowledge", "acted": "message", "closed": "close"}
    return alert if state == "open" else done(alert, deeds[state], who="sam", at=at)


@st.composite
def standing(draw: st.DrawFn, number: int) -> Standing:
    ago = st.floats(0, 200).map(hours)
    alert = draw(
        st.none()
        | st.builds(an_alert, st.sampled_from(URGENCIES), st.sampled_from(("open", "acknowledged", "acted")), ago)
    )
    flags = draw(st.lists(st.builds(Raised, id=st.sampled_from(FLAGS), at=ago, screen=st.just(SCREEN)), max_size=2))
    kinds = ("maybe", "better", "resolved", "next_driver", "worse", "coach", "clinician", "hold")
    course = st.builds(Course, kind=st.sampled_from(kinds), rule=st.just("four_weeks"), driver=st.none())
    change = st.builds(Change, on=st.dates(date(2025, 12, 20), TODAY), better=st.integers(0, 3))
    whys = ("blocked", "send_failed", "unanswered", "snoozed", "paused")
    silence = st.builds(Silence, days=st.integers(1, 20), since=st.just(TODAY), why=st.sampled_from(whys))
    due = draw(st.none() | st.integers(1, 14))
    return Standing(
        id=number,
        name=f"n{number}",
        alert=alert,
        flags=tuple(flags),
        course=draw(st.none() | course),
        change=draw(st.none() | change),
        coached=draw(st.booleans()),
        confidence=draw(st.sampled_from((None, "low", "medium", "high"))),
        done=draw(st.integers(0, due or 0)),
        due=due,
        silence=draw(st.none() | silence),
        state=draw(st.sampled_from(("running", "stopped", "held", "paused", "resolved", "none"))),
        acted_at=draw(st.none() | ago),
    )


@st.composite
def caseloads(draw: st.DrawFn) -> list[Standing]:
    return [draw(standing(number)) for number in range(1, draw(st.integers(0, 9)) + 1)]


@given(caseloads(), st.data())
def test_nobody_is_there_twice_and_everybody_is_counted(held: list[Standing], data: st.DataObject) -> None:
    marks = [entry.mark for entry in digest(held, NOW, asked_before=()).decide]
    before = data.draw(st.lists(st.sampled_from(marks))) if marks else []
    made = digest(held, NOW, asked_before=before)
    named = made.named
    assert len(named) == len(set(named))
    assert made.clients == len(held)
    assert made.others >= made.postponed >= 0
    assert not {entry.mark for entry in made.decide} & set(before)


@given(caseloads())
def test_every_alert_that_cannot_wait_and_nobody_acted_on_is_in_now(held: list[Standing]) -> None:
    made = digest(held, NOW, asked_before=())
    waiting = {
        one.id
        for one in held
        if one.alert is not None and one.alert.state in ("open", "acknowledged") and one.alert.urgency != "coach"
    }
    assert {entry.id for entry in made.now} == waiting
    ranks = [-URGENCIES.index(entry.alert.urgency) for entry in made.now if entry.alert is not None]
    assert ranks == sorted(ranks)


@given(caseloads())
def test_a_flag_whose_hours_end_before_the_next_digest_is_always_asked_about(held: list[Standing]) -> None:
    made = digest(held, NOW, asked_before=())
    asked, in_now = {entry.id for entry in made.decide}, {entry.id for entry in made.now}
    pressing = {
        one.id
        for one in held
        if any(flag.at + IN_TIME < NOW + UNTIL_NEXT for flag in one.flags) and one.id not in in_now
    }
    assert pressing <= asked
    assert len(made.decide) <= max(MOST_TO_DECIDE, len(pressing))
    assert {entry.id for entry in made.decide[: len(pressing)]} == pressing
    ranks = [GRAVITY.index(entry.why) for entry in made.decide[len(pressing) :]]
    assert ranks == sorted(ranks)


@given(caseloads())
def test_no_client_is_asked_about_for_less_than_their_gravest_matter(held: list[Standing]) -> None:
    for entry in digest(held, NOW, asked_before=()).decide:
        one = next(one for one in held if one.id == entry.id)
        if one.flags:
            assert entry.why == "flag"
        elif one.course is not None and one.course.kind == "worse" and one.state in ("running", "paused", "resolved"):
            assert entry.why == "worse"


@given(caseloads())
def test_all_that_is_postponed_is_asked_in_the_end(held: list[Standing]) -> None:
    marks: list[str] = []
    for _ in range(40):
        made = digest(held, NOW, asked_before=marks)
        if not made.decide:
            break
        marks += [entry.mark for entry in made.decide]
    assert not made.decide
    assert not made.postponed
    assert len(marks) == len(set(marks))


class Words:
    """Says a line as its key and its values, a word each."""

    def text(self, line: Line, language: str) -> str:
        return " ".join([line.key, *(self._said(value) for value in line.values.values())])

    def _said(self, value: object) -> str:
        if isinstance(value, Joined):
            return " ".join(self.text(item, "en") for item in value.items)
        return self.text(value, "en") if isinstance(value, Line) else str(value)


@given(caseloads())
def test_the_page_names_everybody_whom_the_digest_names(held: list[Standing]) -> None:
    made = digest(held, NOW, asked_before=())
    say = digest_page(made, NOW, library=Library(()), zone="Europe/Berlin")
    text = render(say, Words(), "en").text
    assert all(one.name in text.split() for one in held if one.id in say.about)
    assert not [one.name for one in held if one.name in text.split() and one.id not in say.about]
    buttons = [button.data for row in say.rows for button in row.buttons]
    assert all(len(data.encode()) <= 64 for data in buttons)
    assert [data for data in buttons if data.startswith("k:alert:")] == [f"k:alert:{entry.id}" for entry in made.now]
    assert all(f"k:client:{entry.id}" in buttons for entry in made.decide)


def one(**given_: Any) -> Standing:
    return Standing(**{"id": 1, "name": "Ann", "state": "running", **given_})


SILENT = one(silence=Silence(days=6, since=date(2026, 1, 6), why="unanswered"))


@pytest.mark.parametrize(
    ("held", "why", "deed"),
    [
        (one(flags=(Raised(id=FLAGS[0], at=hours(1)),)), "flag", "keep"),
        (one(flags=(Raised(id="rf14_minor", at=hours(1), stops=True),)), "flag", "message"),
        (one(course=Course(kind="worse", rule="worse_twice")), "worse", "step_back"),
        (one(alert=an_alert("coach")), "asks", "message"),
        (one(course=Course(kind="coach", rule="four_weeks")), "stalled", "message"),
        (
            one(course=Course(kind="next_driver", rule="no_change_twice", driver="pelvic"), coached=True),
            "stalled",
            "next_driver",
        ),
        (SILENT, "silent", "message"),
        (one(silence=Silence(days=5, since=date(2026, 1, 7), why="blocked"), state="none"), "silent", "keep"),
        (one(done=6, due=14), "adherence", "message"),
        (one(confidence="low"), "unsure", "keep"),
        (one(alert=an_alert(state="acted", at=hours(80))), "acted", "close"),
    ],
)
def test_what_is_asked_and_proposed(held: Standing, why: str, deed: str) -> None:
    made = digest([held], NOW, asked_before=())
    assert [(entry.why, entry.deed) for entry in made.decide] == [(why, deed)]
    again = digest([held], NOW + timedelta(days=1), asked_before=[made.decide[0].mark])
    assert again.decide == ()
    assert again.answered == (made.decide[0].mark,)


@pytest.mark.parametrize(
    "held",
    [
        one(),
        one(silence=Silence(days=4, since=TODAY, why="unanswered")),
        one(silence=Silence(days=9, since=TODAY, why="paused"), state="paused"),
        one(done=7, due=14),
        one(done=0, due=None),
        one(done=0, due=14, state="held"),
        one(course=Course(kind="next_driver", rule="no_change_twice", driver="pelvic")),
        one(alert=an_alert(state="acted", at=hours(70))),
        replace(SILENT, acted_at=hours(24)),
    ],
)
def test_what_is_not_asked(held: Standing) -> None:
    made = digest([held], NOW, asked_before=())
    assert not made.says_something
    assert made.others == 1


def test_a_matter_that_changed_is_asked_again() -> None:
    mark = digest([SILENT], NOW, asked_before=()).decide[0].mark
    longer = replace(SILENT, silence=Silence(days=15, since=date(2026, 1, 6), why="unanswered"))
    blocked = replace(SILENT, silence=Silence(days=7, since=date(2026, 1, 6), why="blocked"))
    assert digest([longer], NOW, asked_before=[mark]).decide
    assert digest([blocked], NOW, asked_before=[mark]).decide
    heard = replace(SILENT, silence=None)
    assert digest([heard], NOW, asked_before=[mark]).answered == ()  # the next silence is a new matter
    flagged = one(flags=(Raised(id=FLAGS[0], at=hours(90)),))
    first = digest([flagged], NOW, asked_before=()).decide[0].mark
    more = replace(flagged, flags=(*flagged.flags, Raised(id=FLAGS[1], at=hours(2))))
    assert not digest([flagged], NOW, asked_before=[first]).decide
    assert digest([more], NOW, asked_before=[first]).decide[0].fact["flag"] == FLAGS[1]
    lifted = digest([more], NOW, asked_before=[first]).decide[0].mark
    assert not digest([flagged], NOW, asked_before=[first, lifted]).decide


def test_flags_push_others_out_and_the_rest_is_a_number() -> None:
    flagged = [one(id=n, flags=(Raised(id=FLAGS[0], at=hours(n)),)) for n in range(30, 37)]
    silent = [replace(SILENT, id=n) for n in range(1, 4)]
    made = digest([*silent, *flagged], NOW, asked_before=())
    assert [entry.id for entry in made.decide] == [36, 35, 34, 33, 32, 31, 30]
    assert made.postponed == 3
    fewer = digest([*silent, *flagged[:3]], NOW, asked_before=())
    assert [entry.id for entry in fewer.decide] == [32, 31, 30, 1, 2]
    assert fewer.postponed == 1


def test_what_was_acted_on_is_not_told_again_as_new() -> None:
    old = Reason(kind="flag", what="rf02_fall_risk", urgency="urgent", at=hours(90), screen=SCREEN)
    new = Reason(kind="pain", what="pain=7 like=sharp", urgency="clinician", at=hours(5))
    first = raised(None, old, id_="a")
    alert = raised(done(first, "refer", who="sam", at=hours(80)), new, id_="b")
    made = digest([one(alert=alert)], NOW, asked_before=())
    assert gravest(alert) is new
    assert made.now[0].since == new.at
    assert gravest(raised(first, new, id_="b")) is old


def test_a_flag_of_one_who_is_needed_now_is_told_beside_it(library: Library) -> None:
    held = one(alert=an_alert(at=hours(3)), flags=(Raised(id=FLAGS[0], at=hours(30)), Raised(id=FLAGS[1], at=hours(9))))
    made = digest([held], NOW, asked_before=())
    say = digest_page(made, NOW, library=library, zone=None)
    text = render(say, Phrasebook(library), "en").text
    assert "<b>! Ann</b> · URGENT, unseen 3 h\nFall or knock, pain since; raised risk\n+ 2 safety notes" in text
    alone = digest([replace(held, alert=None)], NOW, asked_before=()).decide[0].mark
    assert digest([held], NOW, asked_before=[alone]).now[0].fact["notes"] == 0


def test_the_newest_of_who_does_well_are_named() -> None:
    better = Course(kind="better", rule="changed_twice")
    held = [
        one(id=1, name="old", course=better, change=Change(on=date(2026, 1, 5), better=1)),
        one(id=2, name="new", course=better, change=Change(on=date(2026, 1, 12), better=1)),
        one(id=3, name="clear", course=Course(kind="resolved", rule="resolved_twice"), change=Change(on=TODAY)),
        one(id=4, name="all", done=14, due=14),
    ]
    assert [well.name for well in digest(held, NOW, asked_before=()).well] == ["clear", "new"]
    turns = {digest([one(id=n, done=2, due=2) for n in (1, 2, 3)], NOW + timedelta(days=d), asked_before=()).well
             for d in range(3)}  # fmt: skip
    assert len(turns) == 3


# --- the week


def test_a_week_tells_changes_reports_silences_and_rules_that_are_rarely_acted_on() -> None:
    closed = [done(an_alert(number=n), "close", who="sam", at=NOW) for n in range(4)]
    acted = Step(at=NOW, what="hold", who="sam")
    often = [
        alert.model_copy(update={"steps": (*alert.steps, acted)}) if n % 2 else alert for n, alert in enumerate(closed)
    ]
    held = [
        one(id=1, name="Up", change=Change(on=TODAY, better=2, task=(4, 7)), course=Course(kind="maybe", rule="once")),
        one(id=2, name="Down", change=Change(on=TODAY, worse=1), course=Course(kind="worse", rule="worse_twice")),
        one(id=3, name="Same", change=Change(on=TODAY, task=(4, 5)), done=3, due=14),
        one(id=4, name="Long ago", change=Change(on=date(2026, 1, 5), better=1), done=14, due=14),
        SILENT,
        one(id=6, silence=Silence(days=30, since=TODAY, why="paused")),
    ]
    week = weekly(held, closed, NOW)
    assert [(one.name, one.twice) for one in week.changed] == [("Down", True), ("Up", False)]
    assert (week.same, week.done, week.due, week.counted, week.low) == (1, 17, 28, 2, 1)
    assert week.silences == {"unanswered": 1, "paused": 1}
    assert [(rule.flag, rule.acted, rule.cards) for rule in week.rules] == [("rf02_fall_risk", 0, 4)]
    assert weekly(held, often, NOW).rules == ()


def test_the_week_on_a_phone(library: Library) -> None:
    held = [
        one(id=1, name="Up", change=Change(on=TODAY, better=2, task=(4, 7)), course=Course(kind="maybe", rule="once")),
        one(id=3, name="Same", change=Change(on=TODAY), done=3, due=14),
        SILENT,
    ]
    closed = [done(an_alert(number=n), "close", who="sam", at=NOW) for n in range(4)]
    text = render(weekly_page(weekly(held, closed, NOW), TODAY, library=library), Phrasebook(library), "en").text
    assert "<b>Up</b>: 2 tests better, daily task 4 → 7, seen once" in text
    assert "±1 level" in text
    assert "±1.3 of 10" in text
    assert "3 of 14 (21%)" in text
    assert "unanswered 1" in text
    assert "Fall or knock, pain since; raised risk: 0 of 4" in text


# --- when it comes

BERLIN = Desk(zone="Europe/Berlin", digest_at=time(17, 30))


def test_a_digest_comes_once_on_each_local_date_whatever_the_clocks_do() -> None:
    at, last, seen = datetime(2026, 3, 27, 12, tzinfo=UTC), None, []
    for _ in range(4):
        slot = next_digest(BERLIN, at, last_on=last)
        assert slot is not None
        seen.append(f"{slot.due_at:%m-%d %H:%M}")
        at, last = slot.due_at, slot.local_date
    assert seen == ["03-27 16:30", "03-28 16:30", "03-29 15:30", "03-30 15:30"]


def test_who_moves_the_hour_has_one_a_day() -> None:
    said = next_digest(BERLIN, datetime(2026, 1, 12, 12, tzinfo=UTC))
    assert said is not None
    later = BERLIN.model_copy(update={"digest_at": BERLIN.digest_at.replace(hour=20)})
    moved = next_digest(later, said.due_at)
    assert moved is not None
    assert (moved.local_date, moved.slot) == (said.local_date, said.slot)  # the row that went out: never due again
    assert next_digest(Desk(), NOW) is None


# --- what a tap does


@pytest.mark.parametrize(
    ("carried", "deed", "words"),
    [
        ("k:digest:7:message:ab12:how", "message", "how"),
        ("k:digest:7:hold:ab12", "hold", "3"),
        ("k:digest:7:step_back:ab12", "step_back", ""),
        ("k:digest:7:refer:ab12", "refer", ""),
        ("k:digest:7:close:ab12", "close", ""),
        ("k:digest:7:next_driver:ab12:pelvic", "driver", "pelvic:plateau"),
        ("k:digest:7:keep:ab12", None, ""),
    ],
)
def test_a_tap_decides_once(carried: str, deed: str | None, words: str, library: Library) -> None:
    coach = Known(person=Person(id=2, name="Sam", roles=("coach",)), desk=BERLIN)
    turn = reply(coach, Tapped(at=NOW, data=carried), library)
    acted = [effect.event for effect in turn.effects if isinstance(effect, ForClient)]
    assert [(event.deed, event.words, event.version) for event in acted] == ([(deed, words, None)] if deed else [])
    (kept,) = (effect.desk for effect in turn.effects if isinstance(effect, KeepDesk))
    assert kept == BERLIN.model_copy(update={"answered": ("ab12",)})
    again = reply(replace(coach, desk=kept), Tapped(at=NOW, data=carried), library)
    assert [type(effect) for effect in again.effects] == [AnswerTap]
    client = Known(person=Person(id=2, name="Ann"))
    stale = reply(client, Tapped(at=NOW, data=carried), library)
    assert not [effect for effect in stale.effects if isinstance(effect, ForClient | KeepDesk)]


@pytest.mark.parametrize("carried", ["k:digest:7:delete:ab12", "k:digest:x:keep:ab12"])
def test_a_button_that_makes_no_sense_does_nothing(carried: str, library: Library) -> None:
    coach = Known(person=Person(id=2, name="Sam", roles=("coach",)), desk=BERLIN)
    turn = reply(coach, Tapped(at=NOW, data=carried), library)
    assert [type(effect) for effect in turn.effects] == [AnswerTap]


def test_who_is_away_has_no_digest(library: Library) -> None:
    slot = next_digest(BERLIN, NOW)
    assert slot is not None
    due = CameDue(at=slot.due_at, slot=slot)
    coach = Known(person=Person(id=2, name="Sam", roles=("coach",)), desk=BERLIN)
    (shown,) = reply(coach, due, library).effects
    assert isinstance(shown, Show)
    assert shown.view == "digest"
    away = BERLIN.model_copy(update={"away_until": NOW + timedelta(days=9)})
    assert reply(replace(coach, desk=away), due, library).effects == ()
    assert reply(replace(coach, desk=Desk(off=True)), due, library).effects == ()
