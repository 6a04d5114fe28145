"""A coach asks to see a test: the client is told how to film it, agrees or not, and the clip reaches the coach."""

from __future__ import annotations

from datetime import timedelta

from bot.coaching.news import ClipCame, CoachActed, DeedDone
from bot.conversation.activities import Filming
from bot.conversation.cards import side_word, test_name
from bot.conversation.effects import KeepClip, KeepConsent, Line, Slot, TellCoach
from bot.conversation.events import Clip
from bot.conversation.talk import Talk
from rules import SIDES

CONSENT = "video"
"""What a client agrees to by sending a clip: that this coach sees it."""
LASTS = timedelta(days=14)
"""How long a coach may see a clip. A proposal."""


def asked(talk: Talk, event: CoachActed) -> bool:
    """Ask the client for a clip of a test; False for a test that this screen does not have."""
    test, _, side = event.words.partition(":")
    if test not in talk.screen.tests or side not in (*SIDES, "both"):
        return False
    if isinstance(talk.top, Filming):
        talk.pop()
    talk.push(Filming(coach_id=event.coach_id, coach_name=event.coach_name, test=test, side=side))
    ask(talk)
    return True


def ask(talk: Talk, note: Line | None = None) -> None:
    """Say how to film, and what becomes of the clip."""
    now = talk.top
    if not isinstance(now, Filming):
        return
    talk.next_step()
    label = side_word(now.side) if now.side in SIDES else Line(key="progress.both")
    values: dict[str, Slot] = {"coach": now.coach_name, "test": test_name(talk, now.test), "side": label}
    lines = [Line(key="film.how", values=values), Line(key="film.becomes", values={"count": LASTS.days})]
    talk.say(*([note] if note else []), *lines, rows=(talk.choices(("no-film", "film.no"), kind="controls"),))


def declined(talk: Talk) -> None:
    """Tell the coach that the client would rather not."""
    now = talk.top
    if not isinstance(now, Filming):
        return
    talk.pop()
    done = DeedDone(at=talk.at, client_id=talk.known.person.id, deed="video", why="declined")
    talk.do(TellCoach(event=done, to=now.coach_id))
    talk.say(Line(key="film.declined"))


def came(talk: Talk, event: Clip) -> bool:
    """Hear a clip: one that was asked for reaches the coach; False for one that nobody asked for."""
    now = talk.top
    if not isinstance(now, Filming) or now.coach_id not in talk.known.person.coaches:
        return False
    talk.pop()
    talk.do(
        KeepConsent(version=CONSENT, given=True),
        KeepClip(
            coach_id=now.coach_id,
            value={"test": now.test, "side": now.side, "file": event.file, "kind": event.kind},
            expires_at=talk.at + LASTS,
        ),
        TellCoach(event=ClipCame(at=talk.at, client_id=talk.known.person.id), to=now.coach_id),
    )
    talk.say(Line(key="film.thanks", values={"coach": now.coach_name}))
    return True
