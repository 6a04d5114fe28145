"""News of a client that reaches their coach as an event."""

from __future__ import annotations

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
class AlertTold:
    """An alert of a client is to be looked at, or has changed. `anew`: in a message that is noticed, not an edit."""

    at: datetime
    client_id: int
    whom: Literal["coach", "cover", "operator", "all"] = "all"
    anew: bool = False


@dataclass(frozen=True, kw_only=True)
class ClientWrote:
    """A client answered what a coach wrote."""

    at: datetime
    client_id: int
    client_name: str
    words: str


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


News: TypeAlias = ClientGone | AlertTold | ClientWrote | CoachActed
