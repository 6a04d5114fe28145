"""Announcements of whoever runs the bot: each stands once in the outbox of each client, however often it is sent."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.conversation.known import SIDE_CONSENTS
from bot.storage.database import Database

PRIORITY = "announcement"
"""Behind everything else that waits; a message that can't wait cancels none of them."""
AT_ONCE = 200
"""How many are stored in one transaction: clients are not to wait for it. A proposal."""
PREFIX = "announcement:"
"""What begins the names of announcements, in `meta` and as cards."""


@dataclass(frozen=True, kw_only=True)
class Announced:
    """An announcement that was sent: its name, when first, how it begins, and how many of its messages are where."""

    name: str
    at: datetime
    begins: str
    states: Mapping[str, int]


async def missing(database: Database, name: str) -> int:
    """Count the clients who would get an announcement now."""
    last, count = 0, 0
    while True:
        async with database.begin() as connection:
            looked, rows = await _next(connection, database, name, last)
        count += len(rows)
        if looked is None:
            return count
        last = looked


async def send(database: Database, name: str, text: str, at: datetime) -> int:
    """Put an announcement into the outbox of each client who has it not; give how many got it.

    What was cut off is gone on with by doing it again.
    """
    t = database.tables
    begin = postgresql.insert if database.engine.dialect.name == "postgresql" else sqlite.insert
    value = json.dumps({"at": at.isoformat(), "text": text})
    last, count = 0, 0
    while True:
        async with database.begin() as connection:
            # First a write, then a lock: of two who send the same, one waits here, and finds it there.
            await connection.execute(begin(t.meta).values(name=PREFIX + name, value=value).on_conflict_do_nothing())
            await connection.execute(select(t.meta.c.name).where(t.meta.c.name == PREFIX + name).with_for_update())
            looked, rows = await _next(connection, database, name, last)
            if rows:
                await connection.execute(insert(t.outbox), [{**row, **_message(name, text, at)} for row in rows])
        count += len(rows)
        if looked is None:
            return count
        last = looked


async def sent(database: Database) -> Sequence[Announced]:
    """List the announcements that were sent, the newest first."""
    t = database.tables
    async with database.begin() as connection:
        rows = (await connection.execute(select(t.meta).where(t.meta.c.name.like(f"{PREFIX}%")))).all()
        counted = select(t.outbox.c.card, t.outbox.c.state, func.count()).where(t.outbox.c.priority == PRIORITY)
        states: dict[str, dict[str, int]] = {}
        for card, state, count in await connection.execute(counted.group_by(t.outbox.c.card, t.outbox.c.state)):
            states.setdefault(card, {})[state] = count
    found = []
    for row in rows:
        held = json.loads(row.value)
        begins = str(held["text"]).strip().splitlines()[0]
        at, name = datetime.fromisoformat(held["at"]), row.name.removeprefix(PREFIX)
        found.append(Announced(name=name, at=at, begins=begins, states=states.get(row.name, {})))
    return sorted(found, key=lambda one: one.at, reverse=True)


async def _next(
    connection: AsyncConnection, database: Database, name: str, after: int
) -> tuple[int | None, Sequence[Mapping[str, Any]]]:
    """Give who comes next, and up to which person that is; None where nobody comes after them."""
    t = database.tables
    chosen = select(t.person.c.id.label("person_id"), t.address.c.id.label("address_id"))
    chosen = chosen.join_from(t.person, t.address, and_(t.address.c.person_id == t.person.c.id, t.address.c.preferred))
    chosen = chosen.where(
        t.person.c.id > after, t.address.c.blocked_at.is_(None), ~_staff(database), ~_has(database, name)
    )
    rows = (await connection.execute(chosen.order_by(t.person.c.id).limit(AT_ONCE))).all()
    agreed = await _agreed(connection, database, [row.person_id for row in rows])
    there = [{"person_id": row.person_id, "address_id": row.address_id} for row in rows if row.person_id in agreed]
    return (rows[-1].person_id if len(rows) == AT_ONCE else None), there


def _staff(database: Database) -> ColumnElement[bool]:
    t = database.tables
    return exists().where(t.role.c.person_id == t.person.c.id, t.role.c.role.in_(("coach", "operator")))


def _has(database: Database, name: str) -> ColumnElement[bool]:
    t = database.tables
    return exists().where(t.outbox.c.person_id == t.person.c.id, t.outbox.c.card == PREFIX + name)


async def _agreed(connection: AsyncConnection, database: Database, people: Sequence[int]) -> set[int]:
    """Give those whose own consent stands: who agreed to nothing, or does no more, is left in peace."""
    t = database.tables.consent
    rows = await connection.execute(select(t.c.person_id, t.c.value).where(t.c.person_id.in_(people)).order_by(t.c.id))
    newest = {row.person_id: row.value["given"] for row in rows if row.value["version"] not in SIDE_CONSENTS}
    return {person_id for person_id, given in newest.items() if given}


def _message(name: str, text: str, at: datetime) -> Mapping[str, Any]:
    """Give a row of the outbox: words alone, which stand beside whatever goes on in the chat."""
    message = {"text": html.escape(text, quote=False), "rows": [], "stands": True, "anew": True}
    state = {"state": "waiting", "attempts": 0, "uncertain": False}
    return {"card": PREFIX + name, "message": message, "priority": PRIORITY, "at": at, **state}
