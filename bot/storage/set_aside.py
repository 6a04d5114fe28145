"""Events that could not be handled: listed, shown, handed in again, dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import Database
from bot.storage.erasure import EMPTY_EVENT
from bot.storage.tables import in_state

ASIDE = "aside"


@dataclass(frozen=True, kw_only=True)
class SetAside:
    """An event that was set aside: where and when it came from, what is in it, and what was raised.

    `body` and `trace` may quote a client.
    """

    id: int
    source: str
    at: datetime
    set_aside_at: datetime
    tries: int
    body: Mapping[str, Any]
    trace: str


async def listed(database: Database) -> Sequence[SetAside]:
    """List what is set aside, oldest first."""
    t = database.tables.inbox
    async with database.begin() as connection:
        rows = await connection.execute(select(t).where(in_state(t, ASIDE)).order_by(t.c.id))
        return [_set_aside(row) for row in rows]


async def found(database: Database, row_id: int) -> SetAside | None:
    """Give one that is set aside; None where it is not."""
    t = database.tables.inbox
    async with database.begin() as connection:
        row = (await connection.execute(select(t).where(in_state(t, ASIDE), t.c.id == row_id))).one_or_none()
        return _set_aside(row) if row is not None else None


async def replay(database: Database, ids: Sequence[int]) -> Sequence[int]:
    """Let events wait again, as if they had just come; give the ids of those that were set aside.

    Whoever handles events takes them; one that still raises is set aside again.
    """
    async with database.begin() as connection:
        again = {"state": "waiting", "attempts": 0, "not_before": None, "done_at": None, "trace": None}
        return [row_id for row_id in ids if await _changed(connection, database, row_id, again)]


async def drop(database: Database, row_id: int, at: datetime) -> bool:
    """Give an event up: nothing is kept of it but that it came, so that it is never heard again; False for no such."""
    async with database.begin() as connection:
        gone = {"state": "done", "done_at": at, "value": EMPTY_EVENT, "chat": None, "trace": None}
        return await _changed(connection, database, row_id, gone)


async def _changed(connection: AsyncConnection, database: Database, row_id: int, values: Mapping[str, Any]) -> bool:
    """Change a row that is set aside still: another may have been quicker."""
    t = database.tables.inbox
    changed = update(t).where(in_state(t, ASIDE), t.c.id == row_id).values(**values)
    return (await connection.execute(changed)).rowcount == 1


def _set_aside(row: Row[*tuple[Any, ...]]) -> SetAside:
    return SetAside(
        id=row.id,
        source=row.source,
        at=row.at,
        set_aside_at=row.done_at or row.at,
        tries=row.attempts,
        body=row.value.get("body") or {},
        trace=row.trace or "",
    )
