"""After the result: the plan made anew when the gate's answers change, and the rest after pain."""

from __future__ import annotations

import hashlib
from datetime import date, datetime, timedelta

from bot.coaching.alerts import Orders
from bot.conversation import timing
from bot.conversation.effects import Joined, KeepAssessment, KeepEntry, KeepPlan, Line
from bot.conversation.known import HOLDING
from bot.conversation.talk import Talk
from bot.timetable.rhythm import tz
from rules import Assessment, Facts, NoPlan, Plan, Value, assess, edits, first_plan
from rules.daily import next_session
from rules.log import Cleared
from rules.questions import Way
from rules.sight import SECOND_LOOK

REST_FOR = timedelta(hours=24)
"""No exercises for so long after the client told of pain: the next day tells whether it settled (evidence 6 Pain
light: "next morning"). That it is a full day is a proposal."""
REVIEW_LASTS = timedelta(hours=24)
"""So long after the result its answers may be changed; later, hips are screened anew. A proposal."""

TESTS_LAST = timedelta(days=14)
"""Older tests are made anew (evidence 6 Missed days); gate questions answered since don't make them younger."""
SECOND_NOT_BEFORE = timedelta(hours=10)
"""A second look wants another day (evidence 0 Day 2); that a night's gap is enough is a proposal."""
GATE_IS_FRESH = timedelta(minutes=30)
"""So long after the gate "anything new?" is not asked again. A proposal."""
LASTING = ("profile.age_band", "profile.sex", "profile.country")
"""What need not be asked again when something is new: pregnancy, operations and medicines must."""


def rest(talk: Talk) -> None:
    """Leave out exercises for a day."""
    talk.conversation = talk.conversation.model_copy(update={"rest_until": talk.at + REST_FOR})


def resting(talk: Talk) -> Line | None:
    """Say that it is a day of rest, and for how long still; None where it isn't."""
    until = talk.conversation.rest_until
    if until is None or talk.at >= until:
        return None
    return Line(key="plan.resting", values={"count": max(1, round((until - talk.at).total_seconds() / 3600))})


def lasting(talk: Talk) -> dict[str, Value]:
    """Give the answers that hold still after something new with their health."""
    profile = {f"profile.{key}": value for key, value in talk.known.profile.items()}
    return {path: value for path, value in profile.items() if path in LASTING}


def tests_are_old(tested_at: datetime | None, now: datetime) -> bool:
    """Tell whether tests are too old to build on, or no longer count."""
    return tested_at is None or now - tested_at > TESTS_LAST


def second_is_due(talk: Talk) -> bool:
    """Tell whether a second look is open to this client now: another day, something to look at, and no stop."""
    known = talk.known
    if known.assessment is None or known.assessed_facts is None or known.tested_at is None:
        return False
    screen = talk.library.screens.get(known.assessment.screen)
    if screen is None or not screen.file.second or known.assessed_facts.value(SECOND_LOOK) == "yes":
        return False
    worth = known.assessment.priority.kind in ("act", "unsettled")
    rested = talk.at - known.tested_at >= SECOND_NOT_BEFORE
    in_time = rested and not tests_are_old(known.tested_at, talk.at)
    return worth and in_time and not talk.held_by(*HOLDING) and resting(talk) is None


def second_is_too_soon(talk: Talk) -> bool:
    """Tell whether a second look only waits for another day."""
    at = talk.known.tested_at
    return at is not None and talk.known.plan is not None and talk.at - at < SECOND_NOT_BEFORE


def gate_is_fresh(talk: Talk) -> bool:
    """Tell whether the gate was passed just now: the result was made anew from it, not from tests."""
    made, tested = talk.known.assessed_at, talk.known.tested_at
    return made is not None and tested is not None and made > tested and talk.at - made <= GATE_IS_FRESH


def held(talk: Talk) -> Line | None:
    """Say that a coach holds the exercises, and until when; None where nobody does."""
    return held_by(talk, talk.known.orders)


def held_by(talk: Talk, orders: Orders) -> Line | None:
    """Say how a coach's orders hold the exercises; None where they don't, or don't any more."""
    if orders.held_until is None or local_day(talk) >= orders.held_until:
        return None
    until = timing.on_date(orders.held_until)
    return Line(key="coached.on_hold", values={"coach": orders.by, "until": until})


def choices(talk: Talk, *, on_hold: bool | None = None) -> tuple[tuple[str, str], ...]:
    """Give the menu after a result: the second look first, while it is due; no session while a coach holds them."""
    menu = [("result", "bot.my_result"), ("plan", "bot.my_plan"), ("screen", "bot.screen_again")]
    if talk.known.plan is not None:
        if not (held(talk) is not None if on_hold is None else on_hold):
            menu.insert(0, ("practise", "prompt.start_now"))
        if talk.known.rhythm is None:
            menu.append(("time", "rhythm.set_time"))
    return (("second", "bot.second_look"), *menu) if second_is_due(talk) else tuple(menu)


def may_change(talk: Talk) -> bool:
    """Tell whether the answers behind the current result may still be changed."""
    at = talk.known.assessed_at
    return talk.known.assessed_facts is not None and at is not None and talk.at - at <= REVIEW_LASTS


def gentle(talk: Talk) -> bool:
    """Tell whether plans are gentle now."""
    until = talk.conversation.gentle_until
    return until is not None and talk.at < until


def remake(talk: Talk, way: Way, screening: str, *, stopped: bool = False) -> Line | None:
    """Assess anew with the gate's new answers and the tests of the last screening; keep the plan that follows.

    After a stop (*stopped*) the tests no longer count, and the plan is the caller's. Gives what changed in the
    exercises, in words; None where nothing did, or where there is no result yet.
    """
    known = talk.known
    if known.assessment is None or known.assessed_facts is None:
        return None
    asked = {row.path for q in talk.screen.questions if q.part in ("you", "safety") for row in q.rows}
    reports = {
        key: value
        for key, value in known.assessed_facts.reports.items()
        if f"reports.{key}" not in asked and not key.startswith("unsure_")
    }
    facts = Facts(
        profile=way.facts.profile,
        reports={**reports, **way.facts.reports},
        attempts=known.assessed_facts.attempts,
    )
    assessment: Assessment = assess(talk.screen, facts)
    plan = first_plan(talk.screen, assessment, facts, gentle=gentle(talk))
    if isinstance(plan, Plan):
        plan = edits.kept(talk.screen, assessment, facts, known.plan or known.last_plan, plan)
    tested_at = None if stopped else known.tested_at
    talk.do(KeepAssessment(screening=screening, assessment=assessment, facts=facts, tested_at=tested_at))
    if stopped:
        return None
    talk.do(KeepPlan(plan=None if isinstance(plan, NoPlan) else plan))
    if isinstance(plan, NoPlan):
        return Line(key="plan.ended") if known.plan is not None else None
    return _difference(talk, known.plan, plan)


def local_day(talk: Talk) -> date:
    """Give the client's local date; the one of UTC where they set no place yet."""
    rhythm = talk.known.rhythm
    return talk.at.astimezone(tz(rhythm.zone)).date() if rhythm is not None else talk.at.date()


def clear_red_pain(talk: Talk) -> None:
    """Note that the safety questions were passed, where red pain in a session waits for that."""
    known = talk.known
    if known.plan is None or known.assessed_facts is None or not known.log:
        return
    on = local_day(talk)
    if next_session(talk.screen, known.plan, known.log, on, facts=known.assessed_facts).kind == "stop":
        note_cleared(talk)


def note_cleared(talk: Talk, *, tested: bool = False) -> None:
    """Note in the log of sessions that the safety questions were passed; *tested*: the tests were made anew."""
    known = talk.known
    if not known.log:
        return
    name = hashlib.sha256(f"cleared:{known.person.id}:{talk.at.isoformat()}".encode()).hexdigest()[:8]
    talk.do(KeepEntry(entry=Cleared(id=name, on=local_day(talk), tested=tested)))


def _difference(talk: Talk, old: Plan | None, new: Plan) -> Line | None:
    before = [p.exercise for p in (*old.daily, *old.strength)] if old is not None else []
    after = [p.exercise for p in (*new.daily, *new.strength)]
    out = [name for name in before if name not in after]
    added = [name for name in after if name not in before]
    if not out and not added:
        return None
    if old is None:
        return Line(key="plan.back")
    values = {"out": _names(talk, out), "new": _names(talk, added)}
    key = "plan.swapped" if out and added else "plan.taken_out" if out else "plan.added"
    return Line(key=key, values=values)


def _names(talk: Talk, exercises: list[str]) -> Joined:
    return Joined(items=tuple(talk.of_screen(f"exercise.{name}.name") for name in exercises), glue=", ")
