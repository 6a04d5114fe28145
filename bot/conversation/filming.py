"""A coach asks to see a test: the client is told how to film it, agrees or not, and the clip reaches the coach."""

from __future__ import annotations

from datetime import timedelta

from bot.coaching.news import ClientWrote, ClipCame, CoachActed, DeedDone
from bot.conversation import again, rating
from bot.conversation.activities import Ask, Confirm, Filming
from bot.conversation.cards import side_word, test_name
from bot.conversation.effects import (
    AnswerTap,
    Button,
    ButtonRow,
    KeepClip,
    KeepConsent,
    Line,
    Say,
    Slot,
    TellCoach,
)
from bot.conversation.events import Clip
from bot.conversation.known import HOLDING
from bot.conversation.talk import Talk
from rules import SIDES

CONSENT = "video"
"""What a client agrees to by sending a clip: that this coach sees it."""
LASTS = timedelta(days=14)
"""How long a coach may see a clip, and waits for one. A proposal."""
WHAT = {"video": "file", "video_note": "voice", "animation": "sticker"}
"""What we call a clip that nobody asked for."""
NO_FILM = "f:no"
"""What the button carries that says no; it stands for as long as the coach waits."""
LONGEST_WORDS = 2000


def asked(talk: Talk, event: CoachActed) -> str:
    """Ask the client for a clip of a test that they did; give why not, in one plain word, or nothing."""
    test, _, side = event.words.partition(":")
    if (test, side) not in rating.done(talk):
        return "no_such_test"
    if talk.held_by(*HOLDING) or again.resting(talk) is not None:
        return "stopped"  # nobody is asked to move for a film while they are to be examined first
    if isinstance(talk.top, Ask | Confirm):
        return "safety_first"
    now = Filming(coach_id=event.coach_id, coach_name=event.coach_name, test=test, side=side, asked_at=talk.at)
    talk.conversation = talk.conversation.model_copy(update={"filming": now})
    label = side_word(side) if side in SIDES else Line(key="progress.both")
    values: dict[str, Slot] = {"coach": now.coach_name, "test": test_name(talk, test), "side": label}
    becomes: dict[str, Slot] = {"coach": now.coach_name, "count": LASTS.days}
    lines = (Line(key="film.how", values=values), Line(key="film.becomes", values=becomes))
    no = ButtonRow(kind="controls", buttons=(Button(data=NO_FILM, label=Line(key="film.no")),))
    talk.do(Say(paragraphs=lines, rows=(no,), stands=True))
    return ""


def tapped(talk: Talk, carried: str) -> bool:
    """Hear that the client would rather not, and tell the coach; False for a button of anything else."""
    if carried != NO_FILM:
        return False
    now = talk.conversation.filming
    if now is None:
        talk.toast("bot.stale")
        return True
    _ended(talk)
    done = DeedDone(at=talk.at, client_id=talk.known.person.id, deed="video", why="declined")
    talk.do(AnswerTap(), TellCoach(event=done, to=now.coach_id))
    talk.say(Line(key="film.declined"))
    return True


def came(talk: Talk, event: Clip, *, words: str = "") -> bool:
    """Hear a clip: one that was asked for reaches the coach, with *words*; False for one that nobody waits for."""
    now, person = talk.conversation.filming, talk.known.person
    if now is None:
        return False
    _ended(talk)
    if talk.at - now.asked_at > LASTS:
        return False
    if now.coach_id not in talk.deciding:
        talk.say(Line(key="film.nobody", values={"coach": now.coach_name}))
        return True
    talk.do(
        KeepConsent(version=CONSENT, given=True),
        KeepClip(
            coach_id=now.coach_id,
            value={"test": now.test, "side": now.side, "file": event.file, "kind": event.kind},
            expires_at=talk.at + LASTS,
        ),
        TellCoach(event=ClipCame(at=talk.at, client_id=person.id), to=now.coach_id),
    )
    if words:
        wrote = ClientWrote(at=talk.at, client_id=person.id, client_name=person.name, words=words[:LONGEST_WORDS])
        talk.do(TellCoach(event=wrote, to=now.coach_id))
    talk.say(Line(key="film.thanks", values={"coach": now.coach_name}))
    return True


def _ended(talk: Talk) -> None:
    talk.conversation = talk.conversation.model_copy(update={"filming": None})
