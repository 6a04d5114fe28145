"""Reads how a database stands while it is served, and keeps nobody waiting for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, exists, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from bot.storage.database import Database
from bot.storage.tables import in_state
from bot.workflow.watch import Standing, Waiting

SELDOM = timedelta(minutes=5)
"""How often that is counted for which whole tables are read. A proposal."""


class Figures:
    """Reads beside the turns: SQLite's one writer is not made to wait."""

    def __init__(self, database: Database) -> None:
        self._database, self._tables = database, database.tables
        self._is_own = database.engine.dialect.name == "sqlite"
        self._engine = create_async_engine(database.engine.url) if self._is_own else database.engine
        self._counted: dict[str, Any] = {}
        self._counted_at: datetime | None = None

    async def answers(self) -> None:
        """Ask the database for a sign of life; raises what its driver raises."""
        async with self._engine.connect() as connection:
            await connection.execute(select(literal(1)))

    async def standing(self, now: datetime) -> Standing:
        """Read how the work stands; what whole tables are read for may be up to SELDOM old."""
        t = self._tables
        async with self._engine.connect() as connection:
            if self._counted_at is None or not timedelta() <= now - self._counted_at < SELDOM:
                self._counted, self._counted_at = await self._count(connection), now
            due = (in_state(t.reminder, "waiting"), t.reminder.c.due_at <= now)
            unowned = (t.alert.c.closed_at.is_(None), t.alert.c.state == "open", t.alert.c.urgency == "emergency")
            # One after the other, because each state has an index of its own.
            waits = await _waiting(connection, t.outbox.c.at, in_state(t.outbox, "waiting"))
            flies = await _waiting(connection, t.outbox.c.at, in_state(t.outbox, "sending"))
            return Standing(
                inbox=await _waiting(connection, t.inbox.c.at, in_state(t.inbox, "waiting")),
                outbox=Waiting(count=waits.count + flies.count, since=_first(waits.since, flies.since)),
                reminders=await _waiting(connection, t.reminder.c.due_at, *due),
                flags=await self._flags(connection),
                emergencies=await _waiting(connection, t.alert.c.raised_at, *unowned),
                **self._counted,
            )

    async def _flags(self, connection: AsyncConnection) -> Mapping[str, Waiting]:
        t = self._tables.flag
        chosen = select(t.c.urgency, func.count().label("count"), func.min(t.c.raised_at).label("since"))
        rows = await connection.execute(chosen.where(t.c.closed_at.is_(None)).group_by(t.c.urgency))
        return {row.urgency: Waiting(count=row._mapping["count"], since=row.since) for row in rows}

    async def _count(self, connection: AsyncConnection) -> dict[str, Any]:
        """Count what no index answers."""
        t = self._tables
        client = exists().where(t.role.c.person_id == t.person.c.id, t.role.c.role == "client")
        came: dict[str, Select[Any]] = {"came": select(func.count()).select_from(t.person).where(client)}
        for step, table in (
            ("agreed", t.consent),
            ("answered", t.answer),
            ("assessed", t.assessment),
            ("planned", t.plan),
        ):
            came[step] = came["came"].where(exists().where(table.c.person_id == t.person.c.id))
        return {
            "aside": await _counted(connection, t.inbox, t.inbox.c.state == "aside"),
            "failed": await _counted(connection, t.outbox, t.outbox.c.state == "failed"),
            "screenings": {step: int((await connection.execute(chosen)).scalar_one()) for step, chosen in came.items()},
        }

    async def close(self) -> None:
        """Let go of what was opened for reading alone."""
        if self._is_own:
            await self._engine.dispose()


async def _waiting(connection: AsyncConnection, since: Any, *conditions: ColumnElement[bool]) -> Waiting:
    chosen = select(func.count(), func.min(since)).where(*conditions)
    count, oldest = (await connection.execute(chosen)).one()
    return Waiting(count=count, since=oldest)


async def _counted(connection: AsyncConnection, table: FromClause, condition: ColumnElement[bool]) -> int:
    return int((await connection.execute(select(func.count()).select_from(table).where(condition))).scalar_one())


def _first(*instants: datetime | None) -> datetime | None:
    return min((instant for instant in instants if instant is not None), default=None)
