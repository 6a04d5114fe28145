"""Claims about what a client can do once there is a result: change an answer, ask, tell of pain, come back."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from bot.conversation.activities import SHAPE, Ask, Conversation, Screening, load
from rules import Library
from tests.conversation.chat import HELLO, Chat, finished, set_up

HALFWAY = [*HELLO, "none", "no", "no", "none", "squats", "4", "none", "sitting", "none", "none", "middle"]
PINCH_AT_THE_END = {"now": "yes, no", "pain_where": "groin", "pain_level": "2", "pain_story": "under 2 weeks, easing"}
"""Answers of the gate by question, for a mild pinch at the end of a bend; the rest is none."""


def at_the_sitting_card(library: Library) -> Chat:
    """Give a chat that is asked for LEFT and RIGHT, sitting."""
    chat = Chat(library)
    set_up(chat, [*HALFWAY, "nothing else moved", "both easy", "middle", "hips go back easily"])
    assert "RIGHT" in "".join(chat.book.text(row.label) for row in chat.rows if row.label is not None)
    return chat


def held(chat: Chat, path: str) -> Any:
    """Give an answer of the running screening."""
    running = next(a for a in chat.known.conversation.activities if isinstance(a, Screening))
    return running.answers.get(path)


def test_a_side_named_at_the_other_sides_row_is_not_lost(library: Library) -> None:
    chat = at_the_sitting_card(library)
    chat.types("left easy")
    chat.types("left barely, right easy")
    assert (held(chat, "f1.left.level"), held(chat, "f1.right.level")) == ("blocked", "clear")
    assert "Changed: LEFT" in chat.last


def test_a_side_alone_at_the_other_sides_row_changes_that_side_only(library: Library) -> None:
    chat = at_the_sitting_card(library)
    chat.types("left easy")
    chat.types("left barely")
    assert (held(chat, "f1.left.level"), held(chat, "f1.right.level")) == ("blocked", None)
    chat.types("dunno")
    assert (held(chat, "f1.left.level"), held(chat, "f1.right.level")) == ("blocked", "unknown")


def test_back_on_a_half_answered_card_opens_its_row_again(library: Library) -> None:
    chat = at_the_sitting_card(library)
    chat.types("left easy")
    chat.types("back")
    assert held(chat, "f1.left.level") is None
    assert chat.answers[-1].how == "retracted"
    chat.types("barely")
    chat.types("easy")
    assert (held(chat, "f1.left.level"), held(chat, "f1.right.level")) == ("blocked", "clear")


@pytest.mark.parametrize("words", ["change 5", "I want to change an answer", "I made a mistake"])
def test_an_answer_can_be_changed_after_the_result(library: Library, words: str) -> None:
    chat = finished(library)
    before = chat.known.assessment
    chat.types(words)
    assert "Here are your" in chat.last
    number = next(line.partition(".")[0] for line in chat.last.splitlines() if "Sitting heel-out" in line)
    chat.types(number)
    chat.types("both easy")
    chat.types("looks right")
    assert chat.known.assessment is not None
    assert before is not None
    assert before.finding("left", "flexion").limited == "yes"
    assert chat.known.assessment.finding("left", "flexion").limited == "no"


def test_a_line_of_the_review_can_be_named(library: Library) -> None:
    chat = finished(library)
    chat.types("change an answer")
    chat.types("the sitting heel-out one")
    assert "Sitting" in chat.last
    assert "Keep my answer" in chat.labels or "Done" in chat.labels


def test_answers_of_an_earlier_day_are_not_changed_but_asked_afresh(library: Library) -> None:
    chat = finished(library)
    chat.waits(timedelta(days=3))
    chat.types("I want to change an answer")
    assert "/screen asks afresh" in chat.last
    assert not chat.known.conversation.activities


def test_a_pinch_told_after_the_plan_rests_a_day_and_changes_the_exercises(library: Library) -> None:
    chat = finished(library)
    before = chat.known.plan
    chat.types("pinch in the groin")
    while running := next((a for a in chat.known.conversation.activities if isinstance(a, Screening)), None):
        assert running.shown is not None
        question = running.shown[0]
        if question == "pain_pattern" and "pinch_end" not in " ".join(running.ticked):
            chat.types("pinch at the end")
        else:
            chat.types("done" if question == "pain_pattern" else PINCH_AT_THE_END.get(question, "none"))
    after = chat.known.plan
    assert {flag.id for flag in chat.known.flags} >= {"rf24_end_range"}
    assert before is not None
    assert after is not None
    assert "Out:" in chat.last or "took out" in chat.last
    chat.types("/plan")
    assert "No exercises for the next" in chat.last
    chat.waits(timedelta(hours=25))
    chat.types("/plan")
    assert "session" in chat.last
    names = [p.exercise for p in (*after.daily, *after.strength)]
    barred = {e.id for e in library.screens["hip_internal_rotation"].exercises.exercises if pinch_bars(e)}
    assert not barred & set(names)
    assert barred & {p.exercise for p in (*before.daily, *before.strength)}


def pinch_bars(exercise: Any) -> bool:
    """Tell whether a pinch leaves an exercise out."""
    return any(out.reason == "pinch" for out in exercise.not_when)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("what does control mean?", "muscles"),
        ("how many times a week", "every day"),
        ("which order, strength first?", "makes room"),
        ("how sure are you", "agree"),
    ],
)
def test_questions_about_the_result_are_answered(library: Library, words: str, told: str) -> None:
    chat = finished(library)
    chat.types(words)
    assert told in chat.last
    assert len(chat.last) < 400


def test_what_would_change_the_result_speaks_in_the_tests_own_words(library: Library) -> None:
    chat = finished(library)
    chat.types("/result")
    changes = [line for line in chat.last.splitlines() if line.startswith("– if ")]
    assert changes
    own = set(library.screens["hip_internal_rotation"].wording["en"].values())
    for line in changes:
        assert line.split("“")[1].split("”")[0] in own


# --- a stored conversation that can't be read

DAMAGED = [
    {"shape": SHAPE + 1, "step": 7, "language": "en", "activities": [{"kind": "dance"}]},
    {"shape": SHAPE, "step": 7, "activities": [{"kind": "screening", "id": 5}]},
    {"shape": SHAPE, "activities": "none"},
    {"shape": "many", "step": "x", "language": 3},
]


@pytest.mark.parametrize("stored", DAMAGED)
def test_a_conversation_that_cannot_be_read_still_hears_an_emergency(library: Library, stored: dict[str, Any]) -> None:
    chat = finished(library)
    chat.known = dataclasses.replace(chat.known, conversation=load(stored))
    chat.types("I can't pee and I'm numb down below")
    assert isinstance(chat.known.conversation.activities[-1], Ask)
    assert "happening now" in chat.last
    assert load(chat.known.conversation.model_dump(mode="json")).unread == stored
    chat.types("yes")
    assert [flag.action for flag in chat.known.flags] == ["lock"]


@pytest.mark.parametrize("stored", DAMAGED)
def test_a_conversation_that_cannot_be_read_is_left_by_start(library: Library, stored: dict[str, Any]) -> None:
    chat = finished(library)
    chat.known = dataclasses.replace(chat.known, conversation=load(stored))
    chat.types("hello?")
    assert "/start begins again" in chat.last
    chat.types("/start")
    assert "Welcome back" in chat.last
    chat.types("hello")
    assert "I'm here" in chat.last


def test_a_conversation_set_aside_is_taken_up_again_when_it_can_be_read() -> None:
    newer = {"shape": SHAPE + 1, "step": 7, "activities": [{"kind": "hello"}]}
    aside = load(newer)
    assert aside.unread == newer
    readable = {**newer, "shape": SHAPE}
    later = aside.model_copy(update={"unread": readable})
    assert load(later.model_dump(mode="json")) == Conversation.model_validate(readable)


# --- what stops, and the talk around it


def test_a_denial_of_what_is_asked_is_its_answer(library: Library) -> None:
    chat = Chat(library)
    set_up(chat, [*HELLO, "none", "no"])
    chat.types("I have not fallen.")
    assert held(chat, "reports.blow") == "no"
    assert "call" not in chat.last


def test_a_denial_elsewhere_gets_the_closed_question_once(library: Library) -> None:
    chat = Chat(library)
    set_up(chat, HELLO)
    chat.types("I have not fallen.")
    assert isinstance(chat.known.conversation.activities[-1], Ask)
    chat.types("No, I said I have NOT fallen.")
    assert not isinstance(chat.known.conversation.activities[-1], Ask)
    assert not chat.known.flags


@pytest.mark.parametrize("words", ["nah thats my da not me", "not me", "no it was my mum"])
def test_somebody_else_is_a_no_to_the_closed_question(library: Library, words: str) -> None:
    chat = Chat(library)
    set_up(chat, HELLO)
    chat.types("chest pain when walking")
    chat.types(words)
    assert "Back to where we were" in chat.last


def stopped_by_a_fall(library: Library) -> Chat:
    """Give the chat of one with thin bones who fell and can't stand, stopped, and asked about the fall."""
    chat = Chat(library, coach="sam")
    set_up(chat, HELLO)
    chat.types("thin bones")
    chat.types("yes")
    chat.types("I fell on my hip yesterday and I can't put weight on it")
    chat.types("yes")
    assert chat.known.flags[-1].urgency == "emergency"
    return chat


def test_no_advice_asks_what_is_not_heard(library: Library) -> None:
    words = library.screens["hip_internal_rotation"].wording["en"]
    assert [key for key, text in words.items() if key.endswith(".advice") and text.rstrip().endswith("?")] == []


def test_after_a_stop_a_no_is_no_all_clear(library: Library) -> None:
    chat = stopped_by_a_fall(library)
    chat.types("no")
    assert "Back to where we were" not in chat.last
    assert "stays stopped" in chat.last
    assert "999" in chat.last


def test_after_an_emergency_nothing_milder_is_said(library: Library) -> None:
    chat = stopped_by_a_fall(library)
    chat.types("yes")
    assert "24 hours" not in chat.last
    assert "999" in chat.last
    assert [flag.urgency for flag in chat.known.flags].count("emergency") >= 1
    assert len(chat.known.flags) == 3
    chat.types("hello?")
    assert "even if you can walk" not in chat.last


def test_start_shows_the_way_out_of_a_pause(library: Library) -> None:
    chat = finished(library)
    chat.types("I make myself sick after every meal")
    chat.types("yes")
    chat.types("/start")
    assert "hours or later" in chat.last
    assert "My result" in chat.labels
    chat.types("/screen")
    assert "hours or later" in chat.last
    chat.taps("Screen again all the same")
    assert "Part" in chat.last


def test_looking_at_the_profile_hides_no_plan(library: Library) -> None:
    chat = finished(library)
    chat.types("/profile")
    chat.types("/plan")
    assert any("session" in said for said in chat.said[-3:])


def test_the_last_button_of_the_review_may_be_typed(library: Library) -> None:
    chat = finished(library)
    chat.types("change an answer")
    chat.types("Looks right, show my result")
    assert "Your LEFT hip" in chat.last


def test_a_setting_outlasts_the_screening(library: Library) -> None:
    chat = finished(library)
    chat.types("/settings degrees on")
    chat.types("/screen")
    assert held(chat, "reports.degrees_wanted") == "yes"
    chat.types("/settings degrees off")
    assert held(chat, "reports.degrees_wanted") == "no"


# --- no way round a stop


def test_denying_a_tap_lifts_no_lock_that_stood_before(library: Library) -> None:
    chat = finished(library)
    chat.types("numb between my legs and I can't pee")
    chat.types("yes")
    before = {flag.id for flag in chat.known.flags}
    chat.types("/profile")
    while "Numb between legs, bladder or bowel change" not in chat.labels:
        chat.types("none" if "Tap all" in chat.last else "1")
    chat.taps("Numb between legs, bladder or bowel change")
    chat.taps("Done")
    chat.types("no")
    assert {flag.id for flag in chat.known.flags} == before
    for words in ("/cancel", "discard", "yes", "/plan"):
        chat.types(words)
    assert "No exercises" in chat.last


@pytest.mark.parametrize("command", ["/restart", "/cancel"])
def test_a_lock_found_on_leaving_ends_it(library: Library, command: str) -> None:
    chat = Chat(library)
    set_up(chat, [*HELLO[:4]])
    chat.types("hip replacement")
    chat.types(command)
    chat.types("yes" if command == "/restart" else "discard")
    chat.types("yes")
    assert any(flag.action == "lock" for flag in chat.known.flags)
    for words in ("/screen", "/start", "go on"):
        chat.types(words)
        assert "Part" not in chat.last


@pytest.mark.parametrize("ending", ["lock", "withdrawal"])
def test_a_conversation_set_aside_does_not_get_round_a_stop(library: Library, ending: str) -> None:
    old = Chat(library)
    set_up(old, HALFWAY)
    running = old.known.conversation.model_dump(mode="json")
    chat = Chat(library, consented=True)
    chat.known = dataclasses.replace(chat.known, conversation=load({**running, "shape": SHAPE + 1}))
    for words in ("I can't pee and I'm numb down below", "yes") if ending == "lock" else ("/privacy", "yes"):
        chat.types(words)
    later = load(chat.known.conversation.model_dump(mode="json"))
    assert later.unread is None
    assert later.activities == ()
    # And were it taken up all the same, nothing would be asked or kept.
    chat.known = dataclasses.replace(chat.known, conversation=load(running))
    kept = len(chat.answers)
    chat.types("sitting")
    chat.types("sitting")
    assert len(chat.answers) == kept


def test_an_examination_is_heard_only_with_consent(library: Library) -> None:
    chat = Chat(library, consented=True)
    for words in ("I can't pee and I'm numb down below", "yes", "/privacy", "yes"):
        chat.types(words)
    chat.waits(timedelta(days=8))
    chat.types("/start")
    chat.taps("I was examined and may exercise")
    kept = len(chat.answers)
    chat.types("doctor")
    assert "May I keep your answers" in chat.last
    assert len(chat.answers) == kept


def test_opening_the_answers_and_closing_them_again_changes_nothing(library: Library) -> None:
    chat = finished(library)
    before = chat.known
    chat.types("change an answer")
    chat.types("looks right")
    assert chat.known.assessment == before.assessment
    assert chat.known.assessed_facts == before.assessed_facts
    assert chat.known.plan == before.plan


def test_an_edit_waits_for_the_safety_question(library: Library) -> None:
    chat = Chat(library)
    set_up(chat, HALFWAY)
    chat.types("sitting", message="m1")
    chat.types("chest pain when walking")
    chat.corrects("m1", "standing")
    assert "happening now" in chat.last
    assert isinstance(chat.known.conversation.activities[-1], Ask)


def test_same_means_nothing_where_rows_differ(library: Library) -> None:
    chat = Chat(library)
    set_up(chat, ["2"])
    chat.types("same")
    assert "couldn't match" in chat.last


@pytest.mark.parametrize("words", ["n\u200bumb between my legs", "\u0441hest pain", "chest\u00a0pain"])
def test_masked_words_are_heard(library: Library, words: str) -> None:
    chat = Chat(library)
    set_up(chat, HELLO)
    chat.types(words)
    assert isinstance(chat.known.conversation.activities[-1], Ask)


@pytest.mark.parametrize("data", ["²:c:yes", "-1:c:yes", "1_0:c:yes", "9" * 40 + ":c:yes"])
def test_odd_buttons_never_fail(library: Library, data: str) -> None:
    chat = finished(library)
    chat.taps_data(data)
    assert chat.effects


def test_a_changed_text_is_agreed_to_in_the_middle_and_nothing_is_lost(library: Library) -> None:
    chat = Chat(library)
    set_up(chat, HALFWAY)
    chat.known = dataclasses.replace(chat.known, consent="0")
    kept = len(chat.answers)
    chat.types("nothing else moved")
    assert "has changed" in chat.last
    assert len(chat.answers) == kept
    chat.types("yes")
    assert "Part 4" in chat.last
    chat.types("nothing else moved")
    assert len(chat.answers) > kept
