"""The second look, on another day: what is new with their health first, then cue and retest on top of day 1."""

from __future__ import annotations

from datetime import timedelta

from bot.conversation import again, alarm, screening
from bot.conversation.activities import Today
from bot.conversation.effects import KeepAnswer, Line
from bot.conversation.talk import Talk
from rules import Value
from rules.sight import SECOND_LOOK

NOT_BEFORE = timedelta(hours=10)
"""A second look wants another day (evidence 0 Day 2); that a night's gap is enough is a proposal."""
NOT_AFTER = timedelta(days=14)
"""Later, gate and screening are asked anew (evidence 6 Missed days)."""


def is_due(talk: Talk) -> bool:
    """Tell whether a second look is open to this client now: another day, something to look at, and no stop."""
    known = talk.known
    if known.assessment is None or known.assessed_facts is None or known.assessed_at is None:
        return False
    screen = talk.library.screens.get(known.assessment.screen)
    if screen is None or not screen.file.second or known.assessed_facts.value(SECOND_LOOK) == "yes":
        return False
    worth = known.assessment.priority.kind in ("act", "unsettled")
    in_time = NOT_BEFORE <= talk.at - known.assessed_at <= NOT_AFTER
    return worth and in_time and not talk.held_by(*alarm.HOLDING) and again.resting(talk) is None


def choices(talk: Talk) -> tuple[tuple[str, str], ...]:
    """Give the menu after a result: the second look first, while it is due."""
    menu = (("result", "bot.my_result"), ("plan", "bot.my_plan"), ("screen", "bot.screen_again"))
    return (("second", "bot.second_look"), *menu) if is_due(talk) else menu


def ask_today(talk: Talk, note: Line | None = None) -> None:
    """Ask whether anything is new with their health: one tap, before any exercise or test of a later day."""
    if not isinstance(talk.top, Today):
        talk.push(Today())
    talk.next_step()
    talk.say(
        *([note] if note else []),
        Line(key="today.ask"),
        rows=(talk.choices(("today-no", "today.no"), ("today-yes", "today.yes"), ("today-unsure", "today.unsure")),),
    )


def hear_today(talk: Talk, *, nothing_new: bool) -> None:
    """Hear whether anything is new: nothing begins the second look, anything else the safety questions."""
    if isinstance(talk.top, Today):
        talk.pop()
    if talk.known.consent is None:  # taken back since the question was asked
        talk.say(Line(key="bot.no_consent"))
        return
    if not is_due(talk):
        talk.say(Line(key="bot.second_not_now"))
        return
    said: Value = "no" if nothing_new else "yes"
    talk.do(KeepAnswer(screening="today", path="reports.new_today", value=said, how="tapped"))
    if not nothing_new:
        talk.say(Line(key="today.then_the_list"))
        screening.begin(talk, scope="gate", keep={f"profile.{k}": v for k, v in talk.known.profile.items()})
        return
    facts = talk.known.assessed_facts
    if facts is not None and talk.known.assessment is not None:
        keep = {**screening.answers_of(facts), SECOND_LOOK: "yes"}
        screening.begin(talk, scope="second", keep=keep, which=talk.known.assessment.screen)
