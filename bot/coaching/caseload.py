"""A coach's clients as lists show them, and what coaches noted of one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Note:
    """What a coach noted of a client, for coaches alone."""

    at: datetime
    who: str
    words: str


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A client in a coach's list. `urgency`, `state` and `since` are those of the alert that waits; None: none does."""

    id: int
    name: str
    urgency: str | None = None
    state: str | None = None
    since: datetime | None = None
