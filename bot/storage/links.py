"""Who is a coach and who looks after whom, in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, exists, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bot.coaching.desk import Desk
from bot.storage.held_back import Executes
from bot.storage.tables import Tables
from bot.workflow.door import Coach, Link, Look

if TYPE_CHECKING:
    from bot.storage.turns import SqlTurns

COACH, OPERATOR = "coach", "operator"


class SqlLinks:
    """The links of one open transaction."""

    def __init__(self, connection: Executes, tables: Tables, turns: SqlTurns) -> None:
        self._connection, self._tables, self._turns = connection, tables, turns

    async def is_coach(self, person_id: int) -> bool:
        """Tell whether somebody is a coach."""
        t = self._tables.role
        held = select(t.c.role).where(t.c.person_id == person_id, t.c.role == COACH)
        return (await self._connection.execute(held)).scalar() is not None

    async def employ(self, person_id: int, name: str, at: datetime, *, operator: bool, takes_all: bool) -> None:
        """Make somebody a coach with a desk; *name*, unless empty, is what clients see."""
        t = self._tables
        for role in (COACH, OPERATOR) if operator else (COACH,):
            await self._put(t.role, person_id=person_id, role=role)
        await self._call(person_id, name)
        await self._put(t.desk, person_id=person_id, value={}, takes_all=False, at=at)
        if takes_all:  # there is one at most: the one before is no longer
            await self._connection.execute(update(t.desk).where(t.desk.c.takes_all).values(takes_all=False))
            theirs = update(t.desk).where(t.desk.c.person_id == person_id).values(takes_all=True)
            await self._connection.execute(theirs)

    async def dismiss(self, coach_id: int, at: datetime) -> Sequence[int]:
        """End what somebody is as a coach: links, desk, invitations; give the ids of their clients."""
        t = self._tables
        theirs = and_(t.link.c.coach_id == coach_id, t.link.c.until.is_(None))
        found = await self._connection.execute(select(t.link.c.client_id).where(theirs).order_by(t.link.c.client_id))
        clients = list(found.scalars())
        await self._connection.execute(update(t.link).where(theirs).values(until=at))
        await self._connection.execute(delete(t.role).where(t.role.c.person_id == coach_id, t.role.c.role == COACH))
        await self._connection.execute(delete(t.desk).where(t.desk.c.person_id == coach_id))
        made = and_(t.invite.c.maker_id == coach_id, t.invite.c.used_at.is_(None), t.invite.c.revoked_at.is_(None))
        await self._connection.execute(update(t.invite).where(made).values(revoked_at=at))
        for row in (await self._connection.execute(select(t.desk.c.person_id, t.desk.c.value))).all():
            if isinstance(row.value, dict) and row.value.get("cover_id") == coach_id:
                bare = Desk.model_validate({**row.value, "cover_id": None}).model_dump(mode="json")
                await self._connection.execute(
                    update(t.desk).where(t.desk.c.person_id == row.person_id).values(value=bare)
                )
        return clients

    async def coaches(self) -> Sequence[Coach]:
        """List the coaches."""
        t = self._tables
        standing = and_(t.link.c.coach_id == t.person.c.id, t.link.c.responsible, t.link.c.until.is_(None))
        clients = select(func.count()).select_from(t.link).where(standing).scalar_subquery()
        operates = exists().where(t.role.c.person_id == t.person.c.id, t.role.c.role == OPERATOR)
        taking = exists().where(t.desk.c.person_id == t.person.c.id, t.desk.c.takes_all)
        chosen = select(
            t.person.c.id,
            t.person.c.name,
            clients.label("clients"),
            operates.label("operator"),
            taking.label("takes_all"),
        )
        is_one = exists().where(t.role.c.person_id == t.person.c.id, t.role.c.role == COACH)
        rows = await self._connection.execute(chosen.where(is_one).order_by(t.person.c.id))
        return [
            Coach(id=row.id, name=row.name, clients=row.clients, operator=row.operator, takes_all=row.takes_all)
            for row in rows
        ]

    async def met(self, coach_id: int, client_id: int) -> bool:
        """Tell whether the two are linked, or ever were."""
        t = self._tables.link
        any_ = select(t.c.id).where(t.c.coach_id == coach_id, t.c.client_id == client_id).limit(1)
        return (await self._connection.execute(any_)).scalar() is not None

    async def standing(self, client_id: int) -> Link | None:
        """Give the link of a client with their coach; None where there is none."""
        t = self._tables
        client = t.person.alias("client")
        chosen = select(t.link.c.coach_id, t.link.c.since, t.person.c.name, client.c.name.label("client_name"))
        chosen = chosen.join_from(t.link, t.person, t.person.c.id == t.link.c.coach_id)
        chosen = chosen.join(client, client.c.id == t.link.c.client_id)
        here = and_(t.link.c.client_id == client_id, t.link.c.responsible, t.link.c.until.is_(None))
        row = (await self._connection.execute(chosen.where(here))).one_or_none()
        if row is None:
            return None
        return Link(coach_id=row.coach_id, coach_name=row.name, client_name=row.client_name, since=row.since)

    async def link(self, coach_id: int, client_id: int, name: str, at: datetime) -> None:
        """Put a client into a coach's hands; another one's time ends. *name*, unless empty, is what coaches see."""
        await self._call(client_id, name)
        await self._turns.link(coach_id, client_id, at)

    async def end(self, client_id: int, at: datetime) -> None:
        """End the link of a client with their coach."""
        t = self._tables.link
        here = and_(t.c.client_id == client_id, t.c.responsible, t.c.until.is_(None))
        await self._connection.execute(update(t).where(here).values(until=at))

    async def alerted(self, client_id: int) -> bool:
        """Tell whether a coach has something to look at of a client."""
        t = self._tables.alert
        live = select(t.c.id).where(t.c.person_id == client_id, t.c.closed_at.is_(None))
        return (await self._connection.execute(live)).scalar() is not None

    async def looked(self, client_id: int, most: int) -> Sequence[Look]:
        """List who looked at a client's data last, the newest first."""
        t = self._tables
        chosen = select(t.audit.c.at, t.audit.c.what, t.person.c.name)
        chosen = chosen.join_from(t.audit, t.person, t.person.c.id == t.audit.c.person_id, isouter=True)
        chosen = chosen.where(t.audit.c.client_id == client_id).order_by(t.audit.c.id.desc()).limit(most)
        rows = await self._connection.execute(chosen)
        return [Look(at=row.at, who=row.name or "", what=row.what) for row in rows]

    async def _call(self, person_id: int, name: str) -> None:
        if name:
            t = self._tables.person
            await self._connection.execute(update(t).where(t.c.id == person_id).values(name=name))

    async def _put(self, table: Any, **values: Any) -> None:
        """Add a row where there is none."""
        kind = postgresql.insert if self._connection.dialect.name == "postgresql" else sqlite.insert
        await self._connection.execute(kind(table).values(**values).on_conflict_do_nothing())
