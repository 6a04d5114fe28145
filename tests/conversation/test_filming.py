"""A coach asks for a film: who is asked and who isn't, what it stands beside, and whom it reaches."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from bot.coaching.alerts import Watcher
from bot.coaching.news import ClientWrote, ClipCame, CoachActed, DeedDone, News
from bot.conversation.activities import Ask, Practice
from bot.conversation.effects import KeepClip, KeepConsent, TellCoach
from bot.conversation.events import Clip
from bot.conversation.filming import LASTS, NO_FILM
from rules import Library
from tests.conversation.chat import Chat, finished

SAM = 7
NUMB = "I can't feel between my legs and can't hold my pee"


@pytest.fixture
def chat(library: Library) -> Chat:
    made = finished(library)
    watchers = (Watcher(id=SAM, name="sam"),)
    person = dataclasses.replace(made.known.person, coaches=(SAM,), coach_name="sam", watchers=watchers)
    made.known = dataclasses.replace(made.known, person=person)
    return made


def asks(chat: Chat, words: str = "f1:left", *, by: int = SAM) -> str:
    """Let a coach ask for a film; give why not, as they are told, or nothing."""
    chat.waits(timedelta(seconds=2))
    chat.hears(CoachActed(at=chat.at, coach_id=by, coach_name="sam", deed="video", version=None, words=words))
    [done] = [event for event in told(chat) if isinstance(event, DeedDone)]
    return done.why


def sends(chat: Chat, **more: Any) -> bool:
    """Let the client send a film; tell whether it is kept for the coach."""
    chat.waits(timedelta(seconds=2))
    chat.hears(Clip(at=chat.at, file="file-1", kind="video", **more))
    clips = [effect for effect in chat.effects if isinstance(effect, KeepClip)]
    assert len(clips) == len([event for event in told(chat) if isinstance(event, ClipCame)])
    return bool(clips)


def told(chat: Chat) -> list[News]:
    return [effect.event for effect in chat.effects if isinstance(effect, TellCoach)]


def test_a_film_that_was_asked_for_is_kept_with_its_own_consent_and_expires(chat: Chat) -> None:
    consent = chat.known.consent
    assert asks(chat) == ""
    assert "sam would like to see Sitting heel-out, LEFT" in chat.last
    assert "14 days" in chat.last
    assert sends(chat)
    [clip] = [effect for effect in chat.effects if isinstance(effect, KeepClip)]
    assert clip.value == {"test": "f1", "side": "left", "file": "file-1", "kind": "video"}
    assert (clip.coach_id, clip.expires_at) == (SAM, chat.at + LASTS)
    assert KeepConsent(version="video", given=True) in chat.effects
    assert consent is not None
    assert all(effect.to == SAM for effect in chat.effects if isinstance(effect, TellCoach))


def test_one_request_takes_one_film(chat: Chat) -> None:
    asks(chat)
    assert sends(chat)
    assert not sends(chat)
    assert "I can only read text here, not a file" in chat.last


@pytest.mark.parametrize(
    ("kind", "what"), [("video", "a file"), ("video_note", "a voice note"), ("animation", "a sti")]
)
def test_a_film_that_nobody_asked_for_is_not_kept(chat: Chat, kind: Any, what: str) -> None:
    chat.hears(Clip(at=chat.at, file="file-1", kind=kind))
    assert not told(chat)
    assert f"not {what}" in chat.last


def test_whatever_goes_on_goes_on_and_the_film_may_come_days_later(chat: Chat) -> None:
    asks(chat)
    chat.types("/practise")
    assert isinstance(chat.known.conversation.activities[-1], Practice)
    chat.waits(timedelta(days=3))
    chat.types("hello")
    assert "film" not in chat.last
    chat.waits(timedelta(days=3))
    assert sends(chat)


def test_in_the_middle_of_a_session_its_question_stands_again_below_the_thanks(chat: Chat) -> None:
    chat.types("/practise")
    question = chat.last
    asks(chat)
    assert sends(chat)
    assert "Thank you" in chat.last
    assert question.splitlines()[-1] in chat.last
    assert isinstance(chat.known.conversation.activities[-1], Practice)


def test_after_its_time_a_film_reaches_nobody(chat: Chat) -> None:
    asks(chat)
    chat.waits(LASTS + timedelta(minutes=1))
    assert not sends(chat)


def test_no_film_is_told_to_the_coach_however_late_and_once(chat: Chat) -> None:
    asks(chat)
    chat.types("/plan")
    chat.taps_data(NO_FILM)
    assert [event.why for event in told(chat) if isinstance(event, DeedDone)] == ["declined"]
    chat.taps_data(NO_FILM)
    assert not told(chat)
    assert not sends(chat)


@pytest.mark.parametrize("words", ["f1", "f1:both", "nothing:left", "", "f1:left:x", ":"])
def test_of_a_test_that_was_not_done_no_film_is_asked(chat: Chat, words: str) -> None:
    assert asks(chat, words) == "no_such_test"
    assert not sends(chat)


def test_who_is_to_be_examined_first_is_asked_for_no_film(chat: Chat) -> None:
    chat.types(NUMB)
    assert isinstance(chat.known.conversation.activities[-1], Ask)
    assert asks(chat) == "safety_first"
    chat.types("yes")
    assert asks(chat) == "stopped"
    assert not sends(chat)


def test_a_film_for_a_former_coach_reaches_nobody_and_the_client_is_told(chat: Chat) -> None:
    asks(chat)
    chat.known = dataclasses.replace(chat.known, person=dataclasses.replace(chat.known.person, coaches=(), watchers=()))
    assert not sends(chat)
    assert "nobody gets your film" in chat.last
    assert not told(chat)


def test_a_stranger_asks_for_nothing(chat: Chat) -> None:
    chat.hears(CoachActed(at=chat.at, coach_id=99, coach_name="x", deed="video", version=None, words="f1:left"))
    assert chat.effects == ()
    assert not sends(chat)


def test_words_with_a_film_reach_the_coach(chat: Chat) -> None:
    asks(chat)
    assert sends(chat, words="second try")
    assert [event.words for event in told(chat) if isinstance(event, ClientWrote)] == ["second try"]


@pytest.mark.parametrize("wanted", [True, False])
def test_words_with_a_film_that_cannot_wait_are_asked_about(chat: Chat, wanted: bool) -> None:
    if wanted:
        asks(chat)
    assert sends(chat, words=NUMB, message="m1") is wanted
    assert isinstance(chat.known.conversation.activities[-1], Ask)
    assert "Is that about you, and happening now?" in chat.said[-1]
    assert not [event for event in told(chat) if isinstance(event, ClientWrote)]


def test_words_with_a_film_that_nobody_asked_for_are_heard_as_words(chat: Chat) -> None:
    assert not sends(chat, words="/plan", message="m1")
    assert "Your first session" in "\n".join(chat.said[-2:]) or "exercises" in chat.last
