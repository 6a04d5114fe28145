"""The weekly re-screen: when it comes, what it asks, and what two checks running come to."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from bot.conversation.activities import Screening, Weekly
from bot.conversation.effects import KeepAlert, KeepPlan
from bot.conversation.talk import Talk
from bot.conversation.weekly import asked_tests, is_due, so_far
from rules import Library
from rules.log import WeeklyCheck
from tests.conversation.chat import Chat
from tests.conversation.test_daily import prompt, timed


def talk(chat: Chat) -> Talk:
    return Talk(chat.known, chat.at, chat.library)


def checked(chat: Chat, level: str, *, done: float = 1.0, hurts: bool = False) -> None:
    """Put a check of another week into the log, all its tests at one level."""
    chat.waits(timedelta(days=7))
    levels = {f"{test}.{side}": level for test, side in asked_tests(talk(chat))}
    check = WeeklyCheck(id=f"c{len(chat.known.log)}", on=chat.at.date(), levels=levels, done=done, hurts=hurts)
    chat.known = dataclasses.replace(chat.known, log=(*chat.known.log, check))


def test_it_is_due_after_a_week_and_asks_two_primary_tests_of_the_context(library: Library) -> None:
    chat = timed(library)
    assert not is_due(talk(chat), chat.at.date() + timedelta(days=6))
    assert is_due(talk(chat), chat.at.date() + timedelta(days=7))
    asked = asked_tests(talk(chat))
    assert len({test for test, _ in asked}) <= 2
    plan = chat.known.plan
    assert plan is not None
    assert {talk(chat).screen.tests[test].context for test, _ in asked} == {plan.context}


def test_the_prompt_of_that_day_offers_it_and_the_safety_questions_come_first(library: Library) -> None:
    chat = timed(library)
    for _ in range(6):
        prompt(chat)
        chat.types("not today")
    prompt(chat)
    assert "A week has passed" in chat.said[-1] + chat.last or "This week's check" in chat.labels
    chat.taps("This week's check")
    running = chat.known.conversation.activities[-1]
    assert isinstance(running, Screening)
    assert running.scope == "gate"
    for words in ("none", "none", "no", "no", "none"):
        chat.types(words)
    assert isinstance(chat.known.conversation.activities[-1], Weekly)


@pytest.mark.parametrize(
    ("levels", "kind"),
    [
        (["clear"], "maybe"),
        (["clear", "clear"], "resolved"),
        (["blocked", "blocked"], "worse"),
    ],
)
def test_what_the_checks_come_to(library: Library, levels: list[str], kind: str) -> None:
    chat = timed(library)
    for level in levels:
        checked(chat, level)
    comes_to = so_far(talk(chat))
    assert comes_to is not None
    assert comes_to.kind == kind


def one_check(chat: Chat, level: str, *, first: str | None = None) -> None:
    """Answer a check in the chat, each test at a level, or the *first* at another."""
    chat.waits(timedelta(days=7))
    chat.taps_data(f"{chat.known.conversation.step}:c:weekly")
    for words in ("none", "none", "no", "no", "none"):
        chat.types(words)
    for _ in range(12):
        now = chat.known.conversation.activities[-1] if chat.known.conversation.activities else None
        if not isinstance(now, Weekly):
            return
        asked = asked_tests(talk(chat))
        if now.at < len(asked):
            said = first if first is not None and now.at == 0 else level
            chat.taps_data(f"{chat.known.conversation.step}:c:l-{said}")
        else:
            chat.types("5")
    raise AssertionError(chat.last)


def test_all_clear_twice_is_a_good_ending(library: Library) -> None:
    chat = timed(library)
    one_check(chat, "clear")
    assert "may be chance" in chat.last
    one_check(chat, "clear")
    assert "You're done" in chat.last
    assert chat.known.plan is not None
    assert (chat.known.plan.offered, chat.known.plan.days_a_week) == (True, 2)


def test_no_change_although_done_tries_the_next_driver(library: Library) -> None:
    chat = timed(library)
    plan = chat.known.plan
    facts = chat.known.assessed_facts
    assert plan is not None
    assert facts is not None
    first = {f"{test}.{side}": str(facts.value(f"{test}.{side}.level")) for test, side in asked_tests(talk(chat))}
    for number in range(2):
        chat.waits(timedelta(days=7))
        check = WeeklyCheck(id=f"c{number}", on=chat.at.date(), levels=first, done=1.0)
        chat.known = dataclasses.replace(chat.known, log=(*chat.known.log, check))
    comes_to = so_far(talk(chat))
    assert comes_to is not None
    assert comes_to.kind == "next_driver"
    assert comes_to.driver not in (None, plan.driver)


def test_worse_twice_waits_for_the_digest_and_worse_with_pain_is_an_alert(library: Library) -> None:
    chat = timed(library)
    one_check(chat, "blocked")
    one_check(chat, "blocked")
    assert "less well" in chat.last
    assert not any(isinstance(effect, KeepAlert) for effect in chat.effects)
    one_check(chat, "blocked", first="hurts")
    [kept] = [effect.alert for effect in chat.effects if isinstance(effect, KeepAlert)]
    assert [(reason.kind, reason.what, reason.urgency) for reason in kept.reasons] == [
        ("course", "clinician", "clinician")
    ]
    assert not any(isinstance(effect, KeepPlan) for effect in chat.effects)


def test_it_is_proposed_once_a_week(library: Library) -> None:
    chat = timed(library)
    proposed = []
    for day in range(1, 15):
        prompt(chat)
        if "This week's check" in chat.labels:
            proposed.append(day)
        chat.types("not today")
    assert proposed == [7, 14]


def test_a_test_that_hurts_ends_the_day(library: Library) -> None:
    chat = timed(library)
    one_check(chat, "hurts")
    assert "A test hurt" in chat.last
    assert chat.known.conversation.rest_until is not None
    assert "Start a session" not in chat.labels[-1:]
