"""Invitations in SQL: a token's blind index is kept, the token nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Row, Select, and_, exists, insert, or_, select, update

from bot.storage.crypto import KeyRing
from bot.storage.held_back import Executes
from bot.storage.tables import Tables
from bot.workflow.door import Invite, Kind

COACH = "coach"


class SqlInvites:
    """The invitations of one open transaction."""

    def __init__(self, connection: Executes, tables: Tables, ring: KeyRing) -> None:
        self._connection, self._tables, self._ring = connection, tables, ring

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
        t = self._tables.invite
        added = insert(t).values(
            kind=kind,
            lookup=self._ring.lookup(token),
            maker_id=maker_id,
            value={"name": name, "operator": operator, "takes_all": takes_all},
            made_at=at,
            expires_at=expires_at,
        )
        invite_id = (await self._connection.execute(added.returning(t.c.id))).scalar_one()
        return _invite((await self._connection.execute(self._all().where(t.c.id == invite_id))).one())

    async def look(self, token: str, at: datetime) -> Invite | None:
        """Find the invitation of a token; None for one that can't be taken (any more)."""
        wanted = self._tables.invite.c.lookup == self._ring.lookup(token)
        row = (await self._connection.execute(self._all().where(wanted, self._is_open(at)))).one_or_none()
        return _invite(row) if row is not None else None

    async def redeem(self, invite_id: int, person_id: int, at: datetime) -> Invite | None:
        """Use an invitation up; None where somebody did before, it has ended, or it is their own.

        The condition stands in the statement that changes the row: of two who take it at once, one gets it.
        """
        t = self._tables.invite
        others = or_(t.c.maker_id.is_(None), t.c.maker_id != person_id)
        taken = update(t).where(t.c.id == invite_id, self._is_open(at), others).values(used_at=at)
        if (await self._connection.execute(taken)).rowcount != 1:
            return None
        row = (await self._connection.execute(self._all().where(t.c.id == invite_id))).one()
        by = update(t).where(t.c.id == invite_id).values(value={**row.value, "used_by": person_id})
        await self._connection.execute(by)
        return _invite(row)

    async def revoke(self, invite_id: int, maker_id: int | None, at: datetime) -> bool:
        """Take an invitation back; False where it is open no more, or not theirs."""
        t = self._tables.invite
        taken_back = update(t).where(t.c.id == invite_id, self._made_by(maker_id), self._is_open(at))
        return (await self._connection.execute(taken_back.values(revoked_at=at))).rowcount == 1

    async def open(self, maker_id: int | None, at: datetime) -> Sequence[Invite]:
        """List the invitations of a maker that may still be taken, the newest first."""
        t = self._tables.invite
        theirs = self._all().where(self._made_by(maker_id), self._is_open(at)).order_by(t.c.id.desc())
        return [_invite(row) for row in await self._connection.execute(theirs)]

    def _all(self) -> Select[Any]:
        t = self._tables
        maker = t.person.c.name.label("maker_name")
        return select(t.invite, maker).outerjoin(t.person, t.person.c.id == t.invite.c.maker_id)

    def _made_by(self, maker_id: int | None) -> ColumnElement[bool]:
        """Say whose they are; the operator's are those that make a coach."""
        t = self._tables.invite
        return t.c.kind == COACH if maker_id is None else t.c.maker_id == maker_id

    def _is_open(self, at: datetime) -> ColumnElement[bool]:
        """Say that it may be taken; a client's only while who made it is a coach."""
        t, role = self._tables.invite, self._tables.role
        still = exists().where(role.c.person_id == t.c.maker_id, role.c.role == COACH)
        unused = and_(t.c.used_at.is_(None), t.c.revoked_at.is_(None), t.c.expires_at > at)
        return and_(unused, or_(t.c.kind == COACH, still))


def _invite(row: Row[*tuple[Any, ...]]) -> Invite:
    return Invite(
        id=row.id,
        kind=cast(Kind, row.kind),
        maker_id=row.maker_id,
        maker_name=row.maker_name or "",
        name=row.value.get("name", ""),
        made_at=row.made_at,
        expires_at=row.expires_at,
        operator=bool(row.value.get("operator")),
        takes_all=bool(row.value.get("takes_all")),
    )
