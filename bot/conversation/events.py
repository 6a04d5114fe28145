"""What can happen: one event is one thing that a person did, or that came due, with its time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from bot.coaching.news import (
    AlertTold,
    ClientGone,
    ClientLeft,
    ClientWrote,
    ClipCame,
    CoachActed,
    Covering,
    DeedDone,
    InviteTaken,
    LinkChanged,
    News,
    WatchersChanged,
)
from bot.timetable.rhythm import Slot


@dataclass(frozen=True, kw_only=True)
class Typed:
    """A person wrote something; commands begin with "/". `message` is the channel's id of their message."""

    at: datetime
    text: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Corrected:
    """A person edited an earlier message of theirs; `message` is that message's id."""

    at: datetime
    text: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Tapped:
    """A person tapped a button. `data` is what the button carried, as given by `effects.Button.data`."""

    at: datetime
    data: str


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A person sent a short film: the channel's id of the file, its kind there, and the words with it."""

    at: datetime
    file: str
    kind: Literal["video", "video_note", "animation"]
    words: str = ""
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """A person sent something that isn't text: a photo, a voice note, a sticker. `what` names it."""

    at: datetime
    what: str


@dataclass(frozen=True, kw_only=True)
class Located:
    """A person shared where they are; `zone` is the time zone there, None at sea or where none is known."""

    at: datetime
    zone: str | None


@dataclass(frozen=True, kw_only=True)
class Blocked:
    """A person blocked the bot: nothing reaches them there."""

    at: datetime


@dataclass(frozen=True, kw_only=True)
class Returned:
    """A person who had blocked the bot lets it write again."""

    at: datetime


@dataclass(frozen=True, kw_only=True)
class Elsewhere:
    """Somebody wrote to the bot where it does not talk: in a group or a channel."""

    at: datetime


@dataclass(frozen=True, kw_only=True)
class Invited:
    """A person came with an invitation: to be a coach, or the client of a coach. `called`: the name it gives them.

    `invite_id` None: it can't be taken; it is unknown, used, expired or taken back.
    """

    at: datetime
    invite_id: int | None = None
    kind: Literal["coach", "client"] = "client"
    coach_id: int | None = None
    coach_name: str = ""
    called: str = ""


@dataclass(frozen=True, kw_only=True)
class CameDue:
    """A reminder of this person came due; `at` is now, which may be later than its time."""

    at: datetime
    slot: Slot


Event: TypeAlias = (
    Typed | Corrected | Tapped | Unreadable | Clip | Located | Blocked | Returned | Elsewhere | Invited | CameDue | News
)

__all__ = [
    "AlertTold",
    "Blocked",
    "CameDue",
    "ClientGone",
    "ClientLeft",
    "ClientWrote",
    "Clip",
    "ClipCame",
    "CoachActed",
    "Corrected",
    "Covering",
    "DeedDone",
    "Elsewhere",
    "Event",
    "InviteTaken",
    "Invited",
    "LinkChanged",
    "Located",
    "News",
    "Returned",
    "Tapped",
    "Typed",
    "Unreadable",
    "WatchersChanged",
]
