"""How people come in: invitations, who looks after whom, and whether only the invited may."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, Protocol, TypeAlias

from bot.conversation.known import Known

Kind: TypeAlias = Literal["coach", "client"]
LASTS = timedelta(days=7)
"""How long an invitation may be taken. A proposal."""
MOST_OPEN = 20
"""So many open invitations a coach may have: each can be taken by whoever reads it. A proposal."""


def new_token() -> str:
    """Make a token: 32 characters that nobody guesses, of those that Telegram passes on (at most 64)."""
    return secrets.token_urlsafe(24)


@dataclass(frozen=True, kw_only=True)
class Door:
    """What an invitation looks like here, and who may come in.

    `bot` is the bot's name on Telegram, None at a terminal; `invite_only`: nobody begins without an invitation.
    `zone` is that of coaches who never said theirs.
    """

    bot: str | None = None
    invite_only: bool = False
    zone: str = "UTC"
    make_token: Callable[[], str] = new_token

    def link(self, token: str) -> str:
        """Give what takes somebody in: a link to the bot, or what they type at a terminal."""
        return f"https://t.me/{self.bot}?start={token}" if self.bot is not None else f"/start {token}"

    def seen(self, known: Known) -> Known:
        """Say what zone this house is in, and whether it is closed to a person.

        That is who is neither staff, nor linked with a coach, nor agreed before.
        """
        if known.zone != self.zone:
            known = replace(known, zone=self.zone)
        staff = {"coach", "operator"} & set(known.person.roles)
        if not self.invite_only or staff or known.person.linked or known.consent is not None:
            return known
        return replace(known, closed=True)


@dataclass(frozen=True, kw_only=True)
class Invite:
    """An invitation: to be a coach here (from the operator, `maker_id` None) or a client of its maker.

    `name` is what the one invited is called, empty where that was not said. `operator` and `takes_all` are what a
    new coach becomes besides.
    """

    id: int
    kind: Kind
    maker_id: int | None
    maker_name: str
    name: str
    made_at: datetime
    expires_at: datetime
    operator: bool = False
    takes_all: bool = False


@dataclass(frozen=True, kw_only=True)
class Link:
    """Who looks after a client, and since when."""

    coach_id: int
    coach_name: str
    client_name: str
    since: datetime


@dataclass(frozen=True, kw_only=True)
class Look:
    """Somebody looked at a client's data, or did something with it: who, and what it was."""

    at: datetime
    who: str
    what: str


@dataclass(frozen=True, kw_only=True)
class Coach:
    """A coach as the operator sees them: how many clients are linked with them, and what they are besides."""

    id: int
    name: str
    clients: int
    operator: bool
    takes_all: bool


class Invites(Protocol):
    """Invitations. Of a token nothing is kept but what tells it when it comes back."""

    async def make(
        self,
        token: str,
        *,
        kind: Kind,
        maker_id: int | None,
        name: str,
        at: datetime,
        expires_at: datetime,
        operator: bool = False,
        takes_all: bool = False,
    ) -> Invite:
        """Keep a new invitation."""

    async def look(self, token: str, at: datetime) -> Invite | None:
        """Find the invitation of a token; None for one that can't be taken (any more)."""

    async def redeem(self, invite_id: int, person_id: int, at: datetime) -> Invite | None:
        """Use an invitation up; None where somebody did before, it has ended, or it is their own."""

    async def revoke(self, invite_id: int, maker_id: int | None, at: datetime) -> bool:
        """Take an invitation back; False where it is open no more, or not theirs."""

    async def open(self, maker_id: int | None, at: datetime) -> Sequence[Invite]:
        """List the invitations of a maker that may still be taken, the newest first."""


class Links(Protocol):
    """Who is a coach, and who looks after whom."""

    async def is_coach(self, person_id: int) -> bool:
        """Tell whether somebody is a coach."""

    async def employ(self, person_id: int, name: str, at: datetime, *, operator: bool, takes_all: bool) -> None:
        """Make somebody a coach with a desk; *name*, unless empty, is what clients see."""

    async def dismiss(self, coach_id: int, at: datetime) -> Sequence[int]:
        """End what somebody is as a coach: links, desk, invitations; give the ids of their clients."""

    async def coaches(self) -> Sequence[Coach]:
        """List the coaches."""

    async def standing(self, client_id: int) -> Link | None:
        """Give the link of a client with their coach; None where there is none."""

    async def link(self, coach_id: int, client_id: int, name: str, at: datetime) -> None:
        """Put a client into a coach's hands; another one's time ends. *name*, unless empty, is what coaches see."""

    async def end(self, client_id: int, at: datetime) -> None:
        """End the link of a client with their coach."""

    async def alerted(self, client_id: int) -> bool:
        """Tell whether a coach has something to look at of a client."""

    async def looked(self, client_id: int, most: int) -> Sequence[Look]:
        """List who looked at a client's data last, the newest first."""
