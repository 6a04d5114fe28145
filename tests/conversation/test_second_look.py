"""The second look: another day, health first, no way round a stop, and nothing of day 1 lost."""

from __future__ import annotations

import dataclasses
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
    assert "a night in between" in chat.last
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


@pytest.mark.parametrize(
    "words",
    [
        *("yes", "not sure", "my groin pinches since yesterday", "no but I started warfarin", "I'm pregnant"),
        *("operation on my knee", "no pain but a limp", "something odd in my foot"),
    ],
)
def test_anything_else_asks_the_health_questions_again(library: Library, words: str) -> None:
    chat = next_day(library)
    chat.types("/second")
    chat.types(words)
    running = chat.known.conversation.activities[-1]
    assert isinstance(running, Screening)
    assert running.scope == "gate"
    assert set(running.answers) == {"profile.age_band", "profile.sex", "profile.country"}  # medicines may be new, too
    assert [answer.words for answer in chat.answers if answer.path == "reports.new_today"] == [words]


def test_pain_told_there_means_a_day_without_exercises(library: Library) -> None:
    chat = next_day(library)
    chat.types("/second")
    chat.types("sharp pinch in my hip")
    assert chat.known.conversation.rest_until is not None
    assert "no exercises until this time tomorrow" in chat.last


def test_a_question_there_is_no_answer(library: Library) -> None:
    chat = next_day(library)
    chat.types("/second")
    chat.types("what counts as new?")
    assert isinstance(chat.known.conversation.activities[-1], Today)


def test_words_that_a_closed_question_settled_answer_it(library: Library) -> None:
    chat = next_day(library)
    chat.types("/second")
    chat.types("I found a lump on my testicle")
    chat.types("yes")
    running = chat.known.conversation.activities[-1]
    assert isinstance(running, Screening)
    assert running.scope == "gate"


def through_the_gate(chat: Chat) -> None:
    """Answer the safety questions: nothing at all."""
    for _ in range(40):
        if not chat.known.conversation.activities:
            return
        labels = [label.lower() for label in chat.labels]
        plain = next((one for one in ("none of these", "no", "none") if one in labels), None)
        chat.types(plain or chat.labels[1])
    raise AssertionError(chat.last)


def test_the_safety_questions_asked_again_leave_it_open(library: Library) -> None:
    chat = next_day(library)
    chat.types("/second")
    chat.types("yes")
    through_the_gate(chat)
    assert any("second look" in label.lower() for label in chat.labels)
    chat.types("/second")
    running = chat.known.conversation.activities[-1]
    assert isinstance(running, Screening)  # asked just now, "anything new?" is not asked again
    assert running.scope == "second"


def test_the_safety_questions_asked_again_make_old_tests_no_younger(library: Library) -> None:
    chat = finished(library)
    for _ in range(2):
        chat.waits(timedelta(days=8))
        chat.types("/profile")
        through_the_gate(chat)
    chat.types("/second")
    assert not chat.known.conversation.activities


def test_after_a_stop_the_tests_no_longer_count_and_what_was_told_stays(library: Library) -> None:
    chat = finished(library)
    chat.types("my leg is swollen and warm")
    chat.types("yes")
    chat.waits(timedelta(days=8))
    chat.types("/start")
    chat.taps(chat.labels[0])
    chat.taps(chat.labels[0])
    for _ in range(40):
        if not chat.known.conversation.activities:
            break
        loose = next((label for label in chat.labels if label.startswith("Very loose joints")), None)
        if loose is not None:
            chat.taps(loose)
            chat.types("done")
        else:
            labels = [label.lower() for label in chat.labels]
            chat.types(next((one for one in ("none of these", "no", "none") if one in labels), chat.labels[1]))
    assert not any(flag.action == "lock" for flag in chat.known.flags)
    assert chat.known.assessed_facts is not None
    assert chat.known.assessed_facts.value("reports.loose_joints") == "yes"
    chat.types("/second")
    assert not any(isinstance(a, Today) for a in chat.known.conversation.activities)


def test_left_for_more_than_two_weeks_it_is_too_late(library: Library) -> None:
    chat = begun(library)
    chat.waits(timedelta(days=15))
    chat.types("left easy, right toes")
    chat.taps(chat.labels[0])
    assert "two weeks old" in chat.last
    assert not chat.known.conversation.activities
    assert chat.known.plan is not None


def test_an_older_consent_is_renewed_before_the_answer_counts(library: Library) -> None:
    chat = next_day(library)
    chat.types("/second")
    chat.known = dataclasses.replace(chat.known, consent="0")
    chat.taps("No, nothing new")
    assert "changed" in chat.last
    assert not any(isinstance(a, Screening | Today) for a in chat.known.conversation.activities)


def test_a_medicine_named_in_the_middle_is_ticked_on_its_page(library: Library) -> None:
    chat = begun(library)
    chat.types("i take warfarin now")
    chat.types("yes")
    assert "Done" in chat.labels  # and not "None of these": something is ticked
    chat.types("done")
    running = chat.known.conversation.activities[-1]
    assert isinstance(running, Screening)
    assert running.answers["reports.thinners"] == "yes"


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
