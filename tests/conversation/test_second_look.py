"""The second look: another day, health first, no way round a stop, and nothing of day 1 lost."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.conversation.activities import Screening, Today
from rules import Library
from tests.conversation.chat import Chat, finished


def next_day(library: Library) -> Chat:
    """Give the chat of one with a plan, a day after the result."""
    chat = finished(library)
    chat.waits(timedelta(days=1))
    return chat


def test_it_wants_another_day(library: Library) -> None:
    chat = finished(library)
    chat.types("/second")
    assert "another day" in chat.last
    assert not chat.known.conversation.activities


def test_health_comes_first_and_nothing_new_begins_it(library: Library) -> None:
    chat = next_day(library)
    chat.types("/second")
    assert isinstance(chat.known.conversation.activities[-1], Today)
    chat.types("nothing new")
    running = chat.known.conversation.activities[-1]
    assert isinstance(running, Screening)
    assert running.scope == "second"
    before = chat.known.assessed_facts
    assert before is not None
    assert all(running.answers[a.path("level")] == a.level for a in before.attempts if a.level is not None)


@pytest.mark.parametrize("words", ["yes", "not sure", "my groin pinches since yesterday"])
def test_anything_else_asks_the_health_questions_again(library: Library, words: str) -> None:
    chat = next_day(library)
    chat.types("/second")
    chat.types(words)
    running = chat.known.conversation.activities[-1]
    assert isinstance(running, Screening)
    assert running.scope == "gate"


def test_a_red_flag_typed_there_is_asked_about_and_stops_everything(library: Library) -> None:
    chat = next_day(library)
    chat.types("/second")
    chat.types("no but i cant feel between my legs and cant pee")
    chat.types("yes")
    assert [flag.action for flag in chat.known.flags if flag.urgency == "emergency"] == ["lock"]
    chat.types("/second")
    assert not any(isinstance(a, Screening) for a in chat.known.conversation.activities)


def test_without_consent_nothing_begins(library: Library) -> None:
    chat = next_day(library)
    chat.types("/second")
    chat.types("/privacy")
    chat.types("yes")
    chat.types("no")
    assert not any(isinstance(a, Screening) for a in chat.known.conversation.activities)


def begun(library: Library) -> Chat:
    """Give the chat of one in the middle of the second look, at a repeat."""
    chat = next_day(library)
    chat.types("/second")
    chat.types("nothing new")
    chat.types("left easy, right toes")
    chat.types("going down")
    assert "once more, just the same" in chat.last
    return chat


@pytest.mark.parametrize("words", ["a sharp pain", "pinch", "it hurts, sharp", "knee falls in and hips swing"])
def test_pain_told_at_a_repeat_is_heard(library: Library, words: str) -> None:
    chat = begun(library)
    chat.types(words)
    running = chat.known.conversation.activities[-1]
    assert isinstance(running, Screening)
    if "knee" not in words:
        assert running.answers["f3:2A2.right.level"] == "hurts"


def test_the_profile_asked_again_in_the_middle_is_asked(library: Library) -> None:
    chat = begun(library)
    chat.types("/profile")
    assert "about you" in chat.last
