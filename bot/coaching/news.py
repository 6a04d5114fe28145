"""News of a client that reaches their coach as an event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias


@dataclass(frozen=True, kw_only=True)
class ClientGone:
    """A client of this coach blocked the bot: nothing reaches them there."""

    at: datetime
    client_id: int
    client_name: str


@dataclass(frozen=True, kw_only=True)
class ClientLeft:
    """A client of this coach had everything deleted; who it was is told nobody."""

    at: datetime


@dataclass(frozen=True, kw_only=True)
class AlertTold:
    """An alert of a client is to be looked at, or has changed. `anew`: in a message that is noticed, not an edit.

    `ids` are those who are told, `operators`: whoever runs the bot, too.
    """

    at: datetime
    client_id: int
    ids: Sequence[int] = ()
    operators: bool = False
    anew: bool = False


@dataclass(frozen=True, kw_only=True)
class WatchersChanged:
    """Who looks after this client now is another than before; it reaches the client's conversation.

    `why`: away (a coach goes away or comes back, or can't be reached, or can again), link (the link began or ended).
    """

    at: datetime
    why: Literal["away", "link"]


@dataclass(frozen=True, kw_only=True)
class ClientWrote:
    """A client answered what a coach wrote."""

    at: datetime
    client_id: int
    client_name: str
    words: str


@dataclass(frozen=True, kw_only=True)
class Covering:
    """A colleague is away, and this coach covers for them; `until` is the day on which they are back, in ISO.

    `over`: it has ended before that day, or another covers.
    """

    at: datetime
    coach_name: str
    until: str
    over: bool = False


@dataclass(frozen=True, kw_only=True)
class ClipCame:
    """A client sent the clip that a coach asked for."""

    at: datetime
    client_id: int


@dataclass(frozen=True, kw_only=True)
class DeedDone:
    """What a coach decided about a client was done; `why` is one plain word where it could not be.

    `words` are those of the coach's decision, where the page that follows shows them.
    """

    at: datetime
    client_id: int
    deed: str
    why: str = ""
    words: str = ""


CONSOLE_ID = 0
"""Stands for whoever runs the bot, at a console: nobody in a chat has this number."""


@dataclass(frozen=True, kw_only=True)
class CoachActed:
    """A coach decided something about this client; it reaches the client's conversation.

    `deed` is one of alerts.Deed, undo, or an order about the plan; `version` is the alert's as the coach saw it, None
    where it is about none. `words`: what the coach wrote, or the id of what they chose.
    """

    at: datetime
    coach_id: int
    coach_name: str
    deed: str
    version: int | None = None
    words: str = ""


@dataclass(frozen=True, kw_only=True)
class InviteTaken:
    """What came of an invitation that this person took; not `taken`: somebody did before, or it has ended."""

    at: datetime
    taken: bool
    role: Literal["coach", "client"] = "client"
    coach_name: str = ""


@dataclass(frozen=True, kw_only=True)
class LinkChanged:
    """A client and a coach were linked, or their link ended; told to the coach, and to the client at the end.

    `alerted`: the coach had something to look at of the client, which they look at no more.
    """

    at: datetime
    client_id: int
    client_name: str
    coach_name: str
    linked: bool
    by_coach: bool = False
    alerted: bool = False


News: TypeAlias = (
    ClientGone
    | ClientLeft
    | AlertTold
    | ClientWrote
    | CoachActed
    | DeedDone
    | ClipCame
    | Covering
    | InviteTaken
    | LinkChanged
    | WatchersChanged
)
