"""Sessions and reminders in the chat: the time, the prompt, the guided session, and what is said of it."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, time, timedelta
from typing import get_args

import pytest

from bot.conversation import milestones
from bot.conversation.activities import Practice, Prompt, Screening, Timing
from bot.conversation.effects import Forget, KeepEntry, KeepRhythm, Remind
from bot.conversation.events import CameDue, Located, Returned
from bot.conversation.talk import Talk
from bot.phrasebook import load_phrasebook
from bot.timetable.rhythm import Slot
from rules import Library
from rules.daily import Why
from rules.log import SessionReport, standing_log
from rules.slots import Rule
from tests.conversation.chat import Chat, finished


def test_every_reason_of_a_session_has_words(library: Library) -> None:
    book = load_phrasebook(library)
    assert [rule for rule in get_args(Rule) if not book.has(f"next.rule.{rule}", "en")] == []
    assert [why for why in get_args(Why) if not book.has(why, "en")] == []


def timed(library: Library) -> Chat:
    """Give the chat of one who is reminded at 7:30 in London, every day."""
    chat = finished(library)
    for words in ("/time", "after coffee, 7:30", "yes", "every day", "no", "yes"):
        chat.types(words)
    assert chat.known.rhythm is not None
    return chat


def prompt(chat: Chat, days: int = 1) -> None:
    """Let that many days pass, to the prompt of the last."""
    on = chat.at.date() + timedelta(days=days)
    chat.at = datetime.combine(on, time(7, 30), UTC)
    chat.hears(CameDue(at=chat.at, slot=Slot(kind="prompt", local_date=on, slot="day", due_at=chat.at)))


def reports(chat: Chat) -> list[SessionReport]:
    return [entry for entry in standing_log(chat.known.log) if isinstance(entry, SessionReport)]


def test_a_time_is_set_with_its_anchor_place_and_days_and_the_first_prompt_is_planned(library: Library) -> None:
    chat = finished(library)
    chat.types("/time")
    chat.types("after coffee, 7:30, weekdays")
    assert "London" in chat.last
    chat.types("yes")
    chat.types("none")
    assert "Mon" in chat.last
    assert "after coffee" in chat.last
    chat.types("yes")
    rhythm = chat.known.rhythm
    assert rhythm is not None
    assert (rhythm.at, rhythm.zone, rhythm.days, rhythm.anchor) == (
        time(7, 30),
        "Europe/London",
        (0, 1, 2, 3, 4),
        "after coffee",
    )
    (planned,) = [effect.slot for effect in chat.effects if isinstance(effect, Remind)]
    assert planned.due_at == datetime.combine(planned.local_date, time(7, 30), UTC)


@pytest.mark.parametrize(
    ("words", "zone"), [("berlin", "Europe/Berlin"), ("utc+5:30", "+05:30"), ("sydney australia", "Australia/Sydney")]
)
def test_a_place_is_confirmed_by_its_clock(library: Library, words: str, zone: str) -> None:
    chat = finished(library)
    for line in ("/time", "7:30 am", "no", words):
        chat.types(line)
    now = chat.known.conversation.activities[-1]
    assert isinstance(now, Timing)
    assert now.zone == zone
    assert "where you are now" in chat.last


def test_a_shared_place_gives_the_zone(library: Library) -> None:
    chat = finished(library)
    for line in ("/time", "7:30 am", "no"):
        chat.types(line)
    chat.hears(Located(at=chat.at, zone="America/New_York"))
    assert "New York" in chat.last


def test_a_place_that_may_be_several_is_asked_again(library: Library) -> None:
    chat = finished(library)
    for line in ("/time", "7:30 am", "no", "somewhere nice"):
        chat.types(line)
    assert "couldn't match" in chat.last
    chat.types("united states")
    now = chat.known.conversation.activities[-1]
    assert isinstance(now, Timing)
    assert now.asked == "which_zone"
    assert len(now.offered) > 1


def test_a_prompt_names_the_moves_and_offers_a_way_out(library: Library) -> None:
    chat = timed(library)
    prompt(chat)
    assert isinstance(chat.known.conversation.activities[-1], Prompt)
    assert {"Start", "Short version", "Later", "Not today", "A bad day", "Something hurts"} == set(chat.labels)


def test_no_prompt_after_a_session_of_that_day(library: Library) -> None:
    chat = timed(library)
    prompt(chat)
    chat.types("did it all, easy, no pain")
    on = chat.at.date()
    assert [(report.on, report.completed, report.pain) for report in reports(chat)] == [(on, "yes", 0)]
    said = len(chat.said)
    chat.hears(CameDue(at=chat.at, slot=Slot(kind="nudge", local_date=on, slot="day", due_at=chat.at)))
    assert len(chat.said) == said


def session(chat: Chat, *, reserve: str = "easily", pain: str = "0", morning: str | None = None) -> None:
    """Do a whole session by words."""
    chat.types("start")
    chat.types("no")
    if morning is not None:
        chat.types(morning)
    chat.types("skip")
    for _ in range(20):
        now = chat.known.conversation.activities[-1]
        assert isinstance(now, Practice)
        if now.asked == "pain":
            break
        chat.types({"exercise": "done", "reserve": reserve, "moved": "nothing", "felt": "yes"}[now.asked])
    chat.types(pain)


def test_a_session_is_reported_as_it_was_told(library: Library) -> None:
    chat = timed(library)
    prompt(chat)
    session(chat)
    (report,) = reports(chat)
    assert report.completed == "yes"
    assert [one.exercise for one in report.exercises] == [item.exercise for item in report.prescribed]
    assert all(one.reserve == "easily" and one.compensations == () for one in report.exercises)
    assert not chat.known.conversation.activities


def test_what_went_well_twice_grows_and_the_prompt_says_why(library: Library) -> None:
    chat = timed(library)
    prompt(chat)
    session(chat)
    prompt(chat)
    session(chat, morning="as usual")
    prompt(chat)
    assert "Twice running" in chat.last


def test_red_pain_stops_asks_the_safety_questions_and_tells_of_no_exercises(library: Library) -> None:
    chat = timed(library)
    prompt(chat)
    for words in ("something hurts", "7", "groin", "sharp", "no"):
        chat.types(words)
    assert "No exercises until this time tomorrow" in chat.last
    running = chat.known.conversation.activities[-1]
    assert isinstance(running, Screening)
    assert running.scope == "gate"
    prompt(chat, days=2)
    assert "safety question" in chat.said[-2] + chat.last
    assert "Start" not in chat.labels


def test_pain_told_is_kept_though_they_go_away_in_the_middle(library: Library) -> None:
    chat = timed(library)
    prompt(chat)
    chat.types("something hurts")
    chat.types("8")
    prompt(chat)
    assert "No exercises today" in chat.last


def test_a_session_taken_back_is_as_if_never_told(library: Library) -> None:
    chat = timed(library)
    prompt(chat)
    session(chat, reserve="no")
    chat.types("/undo")
    prompt(chat)
    assert "↓" not in chat.last
    assert "Taken back" in "".join(chat.said)


def test_later_puts_off_and_keeps_the_usual_time(library: Library) -> None:
    chat = timed(library)
    before = chat.known.rhythm
    prompt(chat)
    chat.types("later")
    chat.taps("In 2 hours")
    (slot,) = [effect.slot for effect in chat.effects if isinstance(effect, Remind)]
    assert slot.kind == "later"
    assert timedelta(hours=2) <= slot.due_at - chat.at + timedelta(seconds=2) <= timedelta(hours=2, seconds=4)
    assert chat.known.rhythm == before


def test_three_silent_days_are_asked_about_once(library: Library) -> None:
    chat = timed(library)
    for _ in range(3):
        prompt(chat)
    assert "What is in the way?" in chat.last
    prompt(chat)
    assert "What is in the way?" not in chat.last


@pytest.mark.parametrize("words", ["stop", "pause", "please stop reminding me", "stop the messages"])
def test_stop_in_words_ends_the_reminders(library: Library, words: str) -> None:
    chat = timed(library)
    prompt(chat)
    chat.types(words)
    chat.taps("Until I say so")
    assert any(isinstance(effect, Forget) for effect in chat.effects)
    assert chat.known.rhythm is not None
    assert chat.known.rhythm.paused_from == chat.at.date()


def test_a_pause_until_a_date_is_read(library: Library) -> None:
    chat = timed(library)
    chat.types("/pause until 20 january")
    assert chat.known.rhythm is not None
    assert chat.known.rhythm.paused_until == date(2026, 1, 20)
    chat.types("/pause until the cows come home")
    assert "Until when?" in chat.last


def test_one_who_moves_is_asked_whether_the_time_moves(library: Library) -> None:
    chat = timed(library)
    chat.types("i'm in tokyo now")
    assert "home time" in chat.last
    chat.taps("Keep home time")
    assert chat.known.rhythm is not None
    assert chat.known.rhythm.zone == "Europe/London"
    chat.types("i'm in tokyo now")
    chat.taps("Move with me")
    assert any(isinstance(effect, KeepRhythm) for effect in chat.effects)


def test_one_who_comes_back_after_a_block_is_offered_to_go_on(library: Library) -> None:
    chat = timed(library)
    chat.hears(Returned(at=chat.at))
    assert "go on reminding" in chat.last
    chat.taps("No, pause them")
    assert chat.known.rhythm is not None
    assert chat.known.rhythm.paused_from is not None


def test_under_a_lock_no_prompt_is_said(library: Library) -> None:
    chat = timed(library)
    chat.types("my leg is swollen and warm")
    chat.types("yes")
    said = len(chat.said)
    prompt(chat)
    assert len(chat.said) == said


def test_a_bad_day_in_one_tap_makes_two_gentle_days(library: Library) -> None:
    chat = timed(library)
    prompt(chat)
    chat.taps("A bad day")
    assert any(isinstance(effect, KeepEntry) for effect in chat.effects)
    chat.taps("Gently then")
    chat.types("no")
    now = chat.known.conversation.activities[-1]
    assert isinstance(now, Practice)
    assert all(item.role == "opener" and item.variant == "easier" for item in now.report.prescribed)


@pytest.mark.parametrize(
    ("days", "words"), [(10, "Ten days"), (14, "Two weeks"), (30, "Thirty days"), (11, None), (29, None)]
)
def test_some_days_have_something_new_to_say(library: Library, days: int, words: str | None) -> None:
    chat = timed(library)
    prompt(chat)
    session(chat)
    known = chat.known
    first = reports(chat)[0]
    # A session every other day since, so that nothing is missed and nothing is due anew.
    more = tuple(
        first.model_copy(update={"id": f"s{n}", "on": first.on + timedelta(days=n), "morning": "usual"})
        for n in range(2, days, 2)
    )
    chat.known = dataclasses.replace(known, log=(*known.log, *more))
    on = first.on + timedelta(days=days)
    line = milestones.line(Talk(chat.known, chat.at, library), on)
    assert (line is None) == (words is None)
    if line is not None and words is not None:
        assert words in chat.book.text(line)


def test_a_pause_without_an_end_takes_the_place_of_one_with_a_date(library: Library) -> None:
    chat = timed(library)
    chat.types("/pause until 20 january")
    chat.types("/pause")
    assert any(isinstance(effect, Forget) and "resume" in effect.kinds for effect in chat.effects)
    said = len(chat.said)
    on = date(2026, 1, 20)
    chat.hears(CameDue(at=chat.at, slot=Slot(kind="resume", local_date=on, slot="pause", due_at=chat.at)))
    assert len(chat.said) == said


def test_a_bare_number_that_comes_late_tells_of_no_pain(library: Library) -> None:
    chat = timed(library)
    chat.types("6")
    assert chat.known.conversation.rest_until is None


def test_a_session_left_for_hours_hears_no_other_words(library: Library) -> None:
    chat = timed(library)
    prompt(chat)
    chat.types("start")
    chat.types("no")
    chat.waits(timedelta(hours=8))
    chat.types("i'm in tokyo now")
    assert "home time" in chat.last


@pytest.mark.parametrize("words", ["/practise", "/time"])
def test_under_a_lock_no_session_begins(library: Library, words: str) -> None:
    chat = timed(library)
    chat.types("my leg is swollen and warm")
    chat.types("yes")
    chat.types(words)
    assert not any(isinstance(a, Practice) for a in chat.known.conversation.activities)
    if words == "/practise":
        assert "swollen" in chat.last


def test_no_session_begins_while_safety_questions_are_open(library: Library) -> None:
    chat = timed(library)
    chat.types("a sharp pinch in my groin")
    running = chat.known.conversation.activities[-1]
    assert isinstance(running, Screening)
    chat.types("/practise")
    assert not any(isinstance(a, Practice) for a in chat.known.conversation.activities)


def test_a_command_after_days_closes_what_was_left_open_so_that_the_next_prompt_is_on_time(library: Library) -> None:
    chat = timed(library)
    for _ in range(2):
        prompt(chat)
        chat.types("did it all, easy, no pain")
    assert isinstance(chat.known.conversation.activities[-1], Practice)  # the morning after is still asked
    chat.waits(timedelta(days=2, hours=22))
    chat.types("/resume")
    assert not any(isinstance(a, Practice) for a in chat.known.conversation.activities)
    chat.waits(timedelta(hours=1))
    prompt(chat)
    assert "Today" in chat.last


def test_a_prompt_of_yesterday_is_not_put_off_to_a_day_that_has_its_own(library: Library) -> None:
    chat = timed(library)
    prompt(chat)
    chat.at = datetime.combine(chat.at.date() + timedelta(days=1), time(2, 30), UTC)
    chat.types("later")
    assert not any(isinstance(effect, Remind) for effect in chat.effects)
    assert "late for today" in chat.last


def test_what_was_left_open_in_a_session_holds_up_no_prompt_for_hours(library: Library) -> None:
    chat = timed(library)
    for _ in range(2):
        prompt(chat)
        chat.types("did it all, easy, no pain")
    assert isinstance(chat.known.conversation.activities[-1], Practice)
    on = chat.at.date() + timedelta(days=1)
    chat.at += timedelta(hours=22)
    chat.types("hello")  # heard two hours before the next prompt
    chat.at = datetime.combine(on, time(7, 30), UTC)
    chat.hears(CameDue(at=chat.at, slot=Slot(kind="prompt", local_date=on, slot="day", due_at=chat.at)))
    assert "Today" in chat.last
