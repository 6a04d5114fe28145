"""Claims about the conversation that hold whatever a client does."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.conversation.activities import Screening
from bot.conversation.effects import AnswerTap, Say
from rules import Library, load_library
from tests.conversation.chat import HELLO, Chat, finished, set_up

LIBRARY = load_library()
TYPED = (
    "yes",
    "no",
    "dunno",
    "both easy",
    "left barely, right clear",
    "a stretch",
    "none",
    "done",
    "back",
    "why",
    "3",
    "about 20",
    "middle",
    "not sure",
    "a bit",
    "it hurts",
    "sitting",
    "looks right",
    "banana",
    "/start",
    "/screen",
    "/cancel",
    "/profile",
    "/result",
    "/plan",
    "/help",
    "/privacy",
    "/restart",
    "/settings degrees on",
    "/nonsense",
    "no chest pain",
    "go on",
    "numb down below",
    "left one pinches",
    "💥",
    "<b>bold</b>",
    "12",
    "0",
    "keep",
    "review",
    "",
    "x" * 5000,
)
MALFORMED = [
    "",
    ":",
    "::",
    "5",
    "5:0:",
    "x:0:1",
    "1:c:",
    "1:99:clear",
    "1:0:t-",
    "1:r:nothing",
    "1:c:nothing",
    "9999:0:clear",
]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**9))
def test_nothing_that_a_client_does_raises_or_gets_round_a_lock(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311  # a test's dice
    chat = Chat(LIBRARY)
    chat.types("/start")
    for _ in range(120):
        locked = any(flag.action == "lock" for flag in chat.known.flags)
        step = chat.known.conversation.step
        match dice.randrange(10):
            case 0 | 1:
                chat.types(dice.choice(TYPED))
            case 2 if chat.buttons:
                chat.taps_data(dice.choice(chat.buttons).data)
            case 3:
                chat.taps_data(dice.choice(MALFORMED).replace("1:", f"{step}:", 1))
            case 4 if dice.random() < 0.2:
                chat.waits(timedelta(hours=dice.choice((1, 30, 24 * 8))))
            case _ if chat.shown:
                chat.taps_data(dice.choice(chat.shown).data)
        if locked and any(flag.action == "lock" for flag in chat.known.flags):
            assert "Your first session" not in chat.last
        assert chat.known.conversation == type(chat.known.conversation).model_validate_json(
            chat.known.conversation.model_dump_json()
        )


def test_a_double_tap_counts_once(library: Library) -> None:
    chat = Chat(library)
    set_up(chat, [])
    button = chat.shown[1].data
    chat.taps_data(button)
    once = list(chat.answers)
    chat.taps_data(button)
    assert chat.answers == once


def test_a_stale_tap_counts_nothing_and_leads_to_the_current_question(library: Library) -> None:
    chat = Chat(library)
    set_up(chat, HELLO)
    old, before = chat.buttons[3].data, list(chat.answers)
    question = chat.said[-1]
    chat.taps_data(old)
    assert chat.answers == before
    assert any(isinstance(effect, AnswerTap) and effect.words for effect in chat.effects)
    assert chat.said[-1] == question


def test_an_emergency_tap_is_confirmed_once_and_a_denied_one_is_asked_again(library: Library) -> None:
    chat = Chat(library)
    set_up(chat, HELLO)
    chat.taps("Can't take 4 steps, or leg short or turned")
    chat.taps("Done")
    assert "Is that right?" in chat.last
    chat.taps("No, that was a mistake")
    assert [a.how for a in chat.answers if a.path == "reports.cannot_walk"] == ["tapped", "denied"]
    assert not chat.known.flags
    chat.taps("Yes")
    assert "999" in chat.last
    assert [flag.action for flag in chat.known.flags] == ["lock"]


@pytest.mark.parametrize(
    "command", ["/screen", "/restart", "/plan", "/result", "/start", "hello", "/profile", "/cancel"]
)
def test_after_a_lock_no_command_leads_to_an_exercise(library: Library, command: str) -> None:
    chat = Chat(library)
    chat.types("I can't pee and I'm numb down below")
    chat.types("yes")
    assert chat.known.flags
    for typed in (command, "yes", "1", "yes"):
        chat.types(typed)
        assert "session" not in chat.last
    assert not isinstance(chat.known.conversation.activities[-1:], Screening)


def test_a_false_alarm_returns_to_where_they_were(library: Library) -> None:
    chat = Chat(library)
    set_up(chat, HELLO)
    question = chat.known.conversation.activities[-1]
    chat.types("my dad had chest pain last year")
    assert "Is that about you" in chat.last
    chat.types("no")
    assert chat.known.conversation.activities[-1].kind == question.kind
    assert not chat.known.flags


def test_words_that_raise_two_things_get_two_questions(library: Library) -> None:
    chat = Chat(library)
    set_up(chat, HELLO)
    chat.types("no chest pain but I can't pee")
    assert "hard to pass" in chat.last
    chat.types("no")
    assert "chest pain" in chat.last
    chat.types("yes")
    assert any(flag.id == "rf07_chest" for flag in chat.known.flags)


@pytest.mark.parametrize("command", ["/screen", "/restart", "/cancel", "/profile", "/privacy", "/plan"])
def test_no_command_gets_round_a_safety_question(library: Library, command: str) -> None:
    chat = Chat(library)
    set_up(chat, HELLO)
    chat.types("numb down below")
    chat.types(command)
    assert "Is that about you" in chat.last


def test_a_lock_lifted_by_the_clients_word_leads_to_a_gentle_plan(library: Library) -> None:
    chat = Chat(library)
    set_up(chat, [*HELLO, "none", "no"])
    chat.types("yes")
    chat.types("yes")
    assert [flag.id for flag in chat.known.flags] == ["rf38_blow"]
    chat.types("hello")
    assert "24 hours" in chat.last
    chat.waits(timedelta(hours=25))
    chat.types("hello")
    chat.taps("I was examined and may exercise")
    chat.taps("A doctor")
    for answer in ("no", "no", "none", "none", "none", "no", "no", "none"):  # medicines may be new since, too
        chat.types(answer)
    assert not chat.known.flags
    assert chat.known.conversation.gentle_until


def test_editing_an_earlier_message_corrects_that_answer(library: Library) -> None:
    chat = Chat(library)
    set_up(chat, [])
    chat.types("18 to 39", message="m1")
    chat.types("female", message="m2")
    chat.corrects("m1", "40 to 49")
    running = chat.known.conversation.activities[-1]
    assert isinstance(running, Screening)
    assert running.answers["profile.age_band"] == "40_49"
    assert running.answers["profile.sex"] == "female"
    assert [a.value for a in chat.answers if a.path == "profile.age_band"] == ["18_39", "40_49"]


def test_consent_is_asked_again_when_its_text_changes_and_can_be_taken_back(library: Library) -> None:
    import dataclasses

    chat = Chat(library)
    set_up(chat, HELLO[:2])
    chat.types("/privacy")
    chat.types("yes")
    assert chat.known.consent is None
    chat.types("/screen")
    assert "May I keep" in chat.last
    chat.types("yes")
    assert chat.known.consent is not None
    older = dataclasses.replace(chat.known, consent="0")
    chat.known = dataclasses.replace(older, conversation=type(older.conversation)())
    chat.types("/start")
    assert "has changed" in chat.last


def test_a_client_of_a_coach_is_told_who_reads(library: Library) -> None:
    chat = Chat(library, coach="sam")
    chat.types("/start")
    assert "coach sam" in chat.last


def test_nothing_is_asked_twice_on_the_way(library: Library) -> None:
    chat = Chat(library)
    set_up(chat, [])
    dice = random.Random(5)  # noqa: S311  # a test's dice
    asked: list[str] = []
    while (running := chat.known.conversation.activities) and len(asked) < 400:
        screening = running[-1]
        if not isinstance(screening, Screening):
            break
        shown = screening.shown
        if shown and (not asked or asked[-1] != shown[0]):
            assert shown[0] not in asked, asked
            asked.append(shown[0])
        labels = [chat.book.text(button.label) for button in chat.shown]
        if "None of these" in labels:
            chat.taps("None of these")
            continue
        if "Looks right, show my result" in labels:
            chat.taps("Looks right, show my result")
            continue
        options = [b for b in chat.shown if ":c:" not in b.data]
        safe = [b for b in options if chat.book.text(b.label) in ("18 to 39", "No", "None", "Female")]
        chat.taps_data(dice.choice(safe or options).data)
    assert len(asked) > 20
    assert isinstance(chat.effects[-1], Say) or chat.effects


@pytest.mark.parametrize(
    "words", ["pinch in the groin", "sharp pain in my hip after it", "im limping after it", "it hurts"]
)
def test_pain_told_after_the_plan_stops_it_and_opens_the_gate(library: Library, words: str) -> None:
    chat = finished(library)
    chat.types(words)
    assert "no exercises until this time tomorrow" in chat.last
    assert isinstance(chat.known.conversation.activities[-1], Screening)


@pytest.mark.parametrize(
    ("words", "shows"), [("my exercises", "session"), ("why?", "LEFT hip"), ("screen again", "Part")]
)
def test_the_menu_may_be_typed(library: Library, words: str, shows: str) -> None:
    chat = finished(library)
    chat.types(words)
    assert shows in chat.last


def locked(library: Library, *, coach: str | None = None) -> Chat:
    """Give the chat of one who has an emergency lock."""
    chat = Chat(library, consented=True, coach=coach)
    chat.types("I can't pee and I'm numb down below")
    chat.types("yes")
    assert [flag.action for flag in chat.known.flags] == ["lock"]
    return chat


def test_start_over_in_a_gate_does_not_get_round_a_lock(library: Library) -> None:
    chat = locked(library)
    chat.types("/profile")
    chat.types("/screen")
    chat.types("start over")
    assert "call" in chat.last
    assert chat.known.flags


@pytest.mark.parametrize("words", ["I was told to wait", "nobody", "what do you mean?", "ok thanks"])
def test_only_a_clear_answer_counts_as_examined(library: Library, words: str) -> None:
    chat = locked(library)
    chat.waits(timedelta(days=8))
    chat.types("hello")
    chat.taps("I was examined and may exercise")
    chat.types(words)
    assert not isinstance(chat.known.conversation.activities[-1:], Screening)
    assert chat.known.flags
    assert all(activity.kind != "screening" for activity in chat.known.conversation.activities)


@pytest.mark.parametrize("data", ["examined", "x-doctor", "x-hospital"])
def test_a_forged_unlock_is_refused_before_its_time(library: Library, data: str) -> None:
    chat = locked(library)
    chat.types("hello")
    chat.taps_data(f"{chat.known.conversation.step}:c:{data}")
    assert not chat.known.conversation.activities
    assert chat.known.flags


def test_a_client_with_a_coach_is_not_offered_to_unlock(library: Library) -> None:
    chat = locked(library, coach="sam")
    chat.waits(timedelta(days=8))
    chat.types("hello")
    assert "a coach" in chat.last


def test_a_lock_reported_again_counts_from_then(library: Library) -> None:
    chat = locked(library)
    chat.waits(timedelta(days=8))
    chat.types("I'm numb down below again")
    chat.types("yes")
    chat.types("hello")
    assert "hours" in chat.last


def test_a_pause_holds_until_an_examination(library: Library) -> None:
    chat = finished(library)
    chat.types("I make myself sick after every meal")
    chat.types("yes")
    assert [flag.action for flag in chat.known.flags] == ["pause"]
    chat.types("/profile")
    for answer in [*HELLO, "none", "no", "no", "none"]:
        chat.types(answer)
    assert [flag.action for flag in chat.known.flags] == ["pause"]
    chat.types("/plan")
    assert "No exercises" in chat.last


def test_the_plan_is_not_shown_while_the_gate_is_open(library: Library) -> None:
    chat = finished(library)
    chat.types("my hip catches and gives way")
    chat.types("/plan")
    assert "session" not in chat.last


def test_none_does_not_wipe_ticks_and_done_sends_them(library: Library) -> None:
    chat = Chat(library)
    set_up(chat, HELLO)
    chat.taps("Can't take 4 steps, or leg short or turned")
    chat.types("none")
    assert "Something is ticked" in chat.last
    assert not [a for a in chat.answers if a.path == "reports.cannot_walk"]


def test_words_that_say_more_at_a_safety_question_are_heard(library: Library) -> None:
    chat = Chat(library)
    set_up(chat, HELLO)
    chat.types("my leg is swollen and hot")
    chat.types("yes and I want to kill myself")
    assert "116 123" in chat.last


@pytest.mark.parametrize("text", ["²", "9" * 5000, "-1", "1e9", "٣"])
def test_odd_numbers_never_fail(library: Library, text: str) -> None:
    chat = Chat(library)
    set_up(chat, [*HELLO, "none", "no", "no", "none", "squats"])
    chat.types(text)
    assert chat.known.conversation.activities
