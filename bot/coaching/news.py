"""News of a client that reaches their coach as an event."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias


@dataclass(frozen=True, kw_only=True)
class ClientFlagged:
    """A client of this coach raised a flag. Ids only; the words are in `told` and `urgency`."""

    at: datetime
    client_id: int
    client_name: str
    flag: str
    urgency: str
    own_words: str | None
    screen: str = ""
    """The id of the screen in which it was raised; empty in news written before it was kept."""


@dataclass(frozen=True, kw_only=True)
class ClientScreened:
    """A client of this coach finished a screening."""

    at: datetime
    client_id: int
    client_name: str
    findings: tuple[tuple[str, str, str, str], ...]
    """(side, context, driver, confidence) of each limited finding."""
    screen: str = ""
    """The screen's id; empty in news written before it was kept."""


@dataclass(frozen=True, kw_only=True)
class ClientHurt:
    """A client of this coach told of red pain in a session. Words are ids of rules.log; None where not told."""

    at: datetime
    client_id: int
    client_name: str
    pain: int | None
    where: str | None
    like: str | None
    limp: bool | None


@dataclass(frozen=True, kw_only=True)
class ClientGone:
    """A client of this coach blocked the bot: nothing reaches them there."""

    at: datetime
    client_id: int
    client_name: str


@dataclass(frozen=True, kw_only=True)
class ClientCourse:
    """A client's re-screens came to something for a coach; `kind` as in rules.course: worse, coach, clinician."""

    at: datetime
    client_id: int
    client_name: str
    kind: str


News: TypeAlias = ClientFlagged | ClientScreened | ClientHurt | ClientGone | ClientCourse
