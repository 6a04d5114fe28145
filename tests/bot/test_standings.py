"""Where a client stands, from what is known of them: course, sessions, silence, what holds them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from bot.coaching.alerts import Orders
from bot.coaching.digest import Standing
from bot.conversation import weekly
from bot.conversation.known import Known, OpenFlag
from bot.conversation.talk import Talk
from bot.timetable.rhythm import Rhythm
from bot.workflow.ports import Signs
from bot.workflow.standings import standing
from rules import Library, SessionReport
from rules.log import WeeklyCheck
from tests.conversation.chat import finished

BEGAN = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
NOW = BEGAN + timedelta(days=28)
TODAY = NOW.date()
RHYTHM = Rhythm(zone="Europe/London", at=time(7, 30), days=(0, 1, 2, 3, 4, 5, 6))
ASKED = frozenset(TODAY - timedelta(days=n) for n in range(30))


@pytest.fixture(scope="module")
def known(library: Library) -> Known:
    """Give one who was screened four weeks ago, does every other session, and was heard today."""
    made = finished(library).known
    days = [BEGAN.date() + timedelta(days=n) for n in range(0, 28, 2)]
    log = tuple(SessionReport(id=str(d), on=d, completed="yes", prescribed=(), exercises=(), pain=2) for d in days)
    heard = made.conversation.model_copy(update={"heard_at": NOW})
    return replace(made, tested_at=BEGAN, rhythm=RHYTHM, log=log, conversation=heard)


@pytest.fixture
def told(library: Library) -> Any:
    def tell(known: Known, signs: Signs | None = None) -> Standing:
        signs = signs or Signs(prompted=ASKED)
        return standing(Talk(known, NOW, library), signs, Standing(id=1, name="ann"))

    return tell


def with_checks(known: Known, library: Library, *levels: str, task: int | None = None) -> Known:
    """Add weekly re-screens, the last one today, in which every test comes to a level."""
    places = weekly.first(Talk(known, NOW, library))
    assert places is not None
    checks = tuple(
        WeeklyCheck(
            id=f"c{n}",
            on=TODAY - timedelta(weeks=len(levels) - n - 1),
            levels={place: level if level != "same" else places.levels[place] for place in places.levels},
            task=task,
            done=0.9,
        )
        for n, level in enumerate(levels)
    )
    return replace(known, log=(*known.log, *checks))


def test_sessions_are_counted_over_two_weeks_and_not_today(known: Known, told: Any) -> None:
    made = told(known)
    assert (made.done, made.due, made.state, made.silence, made.pain) == (7, 14, "running", None, 2)
    few = told(known, Signs(prompted=frozenset(sorted(ASKED)[-4:])))  # the rest was a pause
    assert few.due == 3
    young = replace(known, tested_at=NOW - timedelta(days=10), log=known.log[-3:])
    assert told(young).due is None


def test_nobody_is_blamed_for_a_hold(known: Known, told: Any) -> None:
    held = told(replace(known, orders=Orders(held_until=TODAY + timedelta(days=2), by="Sam")))
    assert (held.state, held.until, held.due) == ("held", TODAY + timedelta(days=2), 9)
    after = told(replace(known, orders=Orders(held_until=TODAY - timedelta(days=3), by="Sam")))
    assert (after.state, after.due) == ("running", 7)


def test_what_the_re_screens_come_to(known: Known, told: Any, library: Library) -> None:
    assert told(known).course.kind == "too_early"
    same = with_checks(known, library, "same", "same")
    assert told(same).course.kind in ("next_driver", "coach")
    assert told(same).change.is_any is False
    clear = with_checks(known, library, "clear", "clear")
    assert told(clear).course.kind == "resolved"
    assert told(clear).change.better >= 1
    assert told(clear).change.worse == 0


def test_exercises_for_another_driver_are_given_time(known: Known, told: Any, library: Library) -> None:
    same = with_checks(known, library, "same", "same")
    assert told(same, Signs(driver_since=BEGAN)).course is not None
    assert told(same, Signs(driver_since=NOW)).course is None


@pytest.mark.parametrize(
    ("signs", "paused", "why"),
    [
        (Signs(blocked_at=NOW, failed=True), True, "blocked"),
        (Signs(failed=True), False, "send_failed"),
        (Signs(), True, "paused"),
        (Signs(snoozed_until=NOW - timedelta(days=6)), False, "snoozed"),
        (Signs(snoozed_until=NOW - timedelta(days=8)), False, "unanswered"),
        (Signs(), False, "unanswered"),
    ],
)
def test_why_a_client_is_silent(known: Known, told: Any, signs: Signs, paused: bool, why: str) -> None:
    heard = known.conversation.model_copy(update={"heard_at": NOW - timedelta(days=7)})
    rhythm = RHYTHM.model_copy(update={"paused_from": date(2026, 1, 20)}) if paused else RHYTHM
    made = told(replace(known, conversation=heard, rhythm=rhythm), signs)
    assert (made.silence.days, made.silence.since, made.silence.why) == (7, TODAY - timedelta(days=7), why)
    assert made.state == ("paused" if paused else "running")


def test_what_stops_and_what_is_over(known: Known, told: Any) -> None:
    flag = OpenFlag(id="rf14_minor", urgency="coach", action="lock", raised_at=NOW)
    assert told(replace(known, flags=(flag,))).state == "stopped"
    assert told(replace(known, plan=None, flags=(flag,))).state == "stopped"
    assert told(replace(known, plan=None)).state == "none"
    assert known.plan is not None
    assert told(replace(known, plan=known.plan.model_copy(update={"offered": True}))).state == "resolved"
    out = known.plan.model_copy(update={"out": ("ff1",)})
    assert (told(known).coached, told(replace(known, plan=out)).coached) == (False, True)


def test_confidence_is_told_once_a_second_look_was_offered(known: Known, told: Any) -> None:
    assert told(known).confidence in ("low", "medium", "high")
    assert told(replace(known, tested_at=NOW - timedelta(hours=9))).confidence is None
    assert told(replace(known, assessment=None)).confidence is None
