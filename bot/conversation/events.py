"""What can happen: one event is one thing that a person did, or that came due, with its time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from bot.coaching.news import ClientFlagged, ClientScreened


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
class Unreadable:
    """A person sent something that isn't text: a photo, a voice note, a sticker. `what` names it."""

    at: datetime
    what: str


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


Event: TypeAlias = (
    Typed | Corrected | Tapped | Unreadable | Blocked | Returned | Elsewhere | ClientFlagged | ClientScreened
)

__all__ = [
    "Blocked",
    "ClientFlagged",
    "ClientScreened",
    "Corrected",
    "Elsewhere",
    "Event",
    "Returned",
    "Tapped",
    "Typed",
    "Unreadable",
]
