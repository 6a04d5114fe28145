"""What a coach decided about a client's exercises, done in the client's turn: edits, another driver, a new check."""

from __future__ import annotations

from bot.coaching.news import CoachActed, DeedDone
from bot.conversation import again, filming, rating
from bot.conversation.effects import Joined, KeepOverride, KeepPlan, Line, TellCoach
from bot.conversation.numbers import is_number
from bot.conversation.talk import Talk
from rules import Facts, NoPlan, Plan
from rules.edits import added, swapped, with_so_many_sets, without
from rules.progression import next_plan

EDITS = ("swap", "sets", "out", "add", "driver")
REASONS = ("filmed", "hands_on", "history", "plateau")
"""Why a coach may think another driver more likely."""


def hear(talk: Talk, event: CoachActed) -> bool:
    """Do what a coach decided about the exercises, and tell them whether it was done; False for another deed."""
    if event.deed == "rescreen":
        _ask_for_a_check(talk, event)
        _told(talk, event, "")
        return True
    if event.deed == "video":
        _told(talk, event, filming.asked(talk, event))
        return True
    if event.deed == "rate":
        _told(talk, event, "" if _rated(talk, event) else "no_such_test")
        return True
    if event.deed not in EDITS:
        return False
    plan, facts = talk.known.plan, talk.known.assessed_facts
    if plan is None or facts is None:
        _told(talk, event, "no_plan")
        return True
    made = _edited(talk, plan, facts, event)
    if made is None:
        _told(talk, event, "not_possible")
        return True
    talk.do(KeepPlan(plan=made))
    names = tuple(talk.of_screen(f"exercise.{p.exercise}.name") for p in (*made.daily, *made.strength))
    moves = Joined(items=names, glue=" · ")
    talk.say(Line(key="coached.edited", values={"coach": event.coach_name, "moves": moves}))
    _told(talk, event, "")
    return True


def _edited(talk: Talk, plan: Plan, facts: Facts, event: CoachActed) -> Plan | None:
    """Give the plan as the coach wants it; None where this client may not do that, or it makes no sense."""
    first, _, second = event.words.partition(":")
    match event.deed:
        case "swap":
            return swapped(talk.screen, plan, facts, first, second)
        case "sets" if is_number(second):
            return with_so_many_sets(talk.screen, plan, first, int(second))
        case "out":
            return without(plan, first)
        case "add":
            return added(talk.screen, plan, facts, first)
        case "driver":
            return _for_driver(talk, plan, facts, first, second)
    return None


def _for_driver(talk: Talk, plan: Plan, facts: Facts, driver: str, reason: str) -> Plan | None:
    """Make the plan for another driver, and keep beside it what was found: a disagreement to learn from."""
    assessment = talk.known.assessment
    known = next((one for one in talk.screen.file.prior.get(plan.context or "", ()) if one == driver), None)
    if assessment is None or known is None or driver == plan.driver or reason not in REASONS:
        return None
    made = next_plan(talk.screen, assessment, facts, plan, known, gentle=again.gentle(talk))
    if isinstance(made, NoPlan):
        return None
    value = {
        "screen": plan.screen,
        "version": assessment.version,
        "context": plan.context,
        "found": plan.driver,
        "decided": driver,
        "reason": reason,
        "confidence": next(
            (f.confidence for f in assessment.findings if (f.side, f.context) == (plan.side, plan.context)), None
        ),
    }
    talk.do(KeepOverride(value=value))
    return made.model_copy(update={"driver_set": True, "out": plan.out})


def _rated(talk: Talk, event: CoachActed) -> bool:
    """Keep what a coach saw of a test beside what the client told; False for a test that was not done."""
    rated = rating.read(talk, event.words)
    kept = rating.kept(talk, rated) if rated is not None else None
    if kept is None:
        return False
    talk.do(kept)
    return True


def _ask_for_a_check(talk: Talk, event: CoachActed) -> None:
    talk.next_step()
    talk.say(
        Line(key="coached.rescreen", values={"coach": event.coach_name}),
        rows=(talk.choices(("weekly", "weekly.start"), ("screen", "bot.screen_again"), ("later", "prompt.not_today")),),
    )


def _told(talk: Talk, event: CoachActed, why: str) -> None:
    words = event.words if event.deed == "rate" else ""
    done = DeedDone(at=talk.at, client_id=talk.known.person.id, deed=event.deed, why=why, words=words)
    talk.do(TellCoach(event=done, to=event.coach_id))
