"""What is let go with time: words of old messages, and people not heard from for very long."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import and_, case, delete, exists, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.conversation.activities import load
from bot.conversation.leaving import KEEP, NOTICE
from bot.storage.database import Database
from bot.storage.erasure import EMPTY_MESSAGE
from bot.storage.tables import Tables

AT_ONCE = 500
"""How many rows are let go in one transaction: clients are not to wait for it. A proposal."""
EMPTIED = "emptied"
"""The name of the row in `meta` that says up to which row of the outbox the words are gone."""


async def let_go(database: Database, before: datetime) -> int:
    """Delete events and invitations that ended, and empty messages, that are older than *before*; give how many."""
    count = 0
    for step in (_events, _invitations, _messages):
        while found := await _in_a_transaction(database, step, before):
            count += found
    return count


async def _in_a_transaction(database: Database, step: Any, before: datetime) -> int:
    async with database.begin() as connection:
        return int(await step(connection, database.tables, before))


async def _events(connection: AsyncConnection, tables: Tables, before: datetime) -> int:
    t = tables.inbox
    old = select(t.c.id).where(t.c.at < before, t.c.state.in_(("done", "aside"))).order_by(t.c.id).limit(AT_ONCE)
    ids = list((await connection.execute(old.with_for_update(skip_locked=True))).scalars())
    await connection.execute(delete(t).where(t.c.id.in_(ids)))
    return len(ids)


async def _invitations(connection: AsyncConnection, tables: Tables, before: datetime) -> int:
    """Delete invitations that were used, taken back or too old before then: they name people."""
    t = tables.invite
    ended = or_(t.c.used_at < before, t.c.revoked_at < before, t.c.expires_at < before)
    ids = list((await connection.execute(select(t.c.id).where(ended).order_by(t.c.id).limit(AT_ONCE))).scalars())
    await connection.execute(delete(t).where(t.c.id.in_(ids)))
    return len(ids)


async def forget_clips(database: Database, now: datetime) -> None:
    """Forget where clips are whose time is over."""
    t = database.tables.clip
    async with database.begin() as connection:
        await connection.execute(delete(t).where(t.c.expires_at <= now))


async def _messages(connection: AsyncConnection, tables: Tables, before: datetime) -> int:
    """Empty the next rows, in order; one that still waits after so long is never sent."""
    t, meta = tables.outbox, tables.meta
    held = (await connection.execute(select(meta.c.value).where(meta.c.name == EMPTIED))).scalar()
    last = int(json.loads(held)) if held is not None else 0
    old = select(t.c.id).where(t.c.id > last, t.c.at < before, t.c.state != "sending").order_by(t.c.id).limit(AT_ONCE)
    ids = list((await connection.execute(old)).scalars())
    if not ids:
        return 0
    here = t.c.id.in_(ids)
    state = case((t.c.state == "waiting", "withheld"), else_=t.c.state)
    await connection.execute(update(t).where(here).values(message=EMPTY_MESSAGE, why=None, state=state))
    changed = await connection.execute(update(meta).where(meta.c.name == EMPTIED).values(value=str(ids[-1])))
    if changed.rowcount == 0:
        await connection.execute(insert(meta).values(name=EMPTIED, value=str(ids[-1])))
    return len(ids)


async def remind_silent(database: Database, now: datetime, before: datetime) -> int:
    """Set a reminder for each client not heard from since *before*, unless one waits; give how many were set.

    Coaches and operators are never silent: they read.
    """
    t = database.tables
    async with database.begin() as connection:
        silent = [row.id for row in await connection.execute(_long_ago(t, before)) if _silent(row, before)]
        day = now.date().isoformat()
        rows = [
            {"person_id": one, "kind": KEEP, "local_date": day, "slot": NOTICE, "due_at": now, "state": "waiting"}
            for one in silent
        ]
        if rows:
            await connection.execute(insert(t.reminder), rows)
        return len(rows)


def _long_ago(t: Tables, before: datetime) -> Any:
    """Choose those who came, and last wrote, before then; whether they tapped since is in their conversation."""
    person, address, reminder = t.person, t.address, t.reminder
    wrote = exists().where(address.c.person_id == person.c.id, address.c.typed_at >= before)
    looks_after = exists().where(t.role.c.person_id == person.c.id, t.role.c.role.in_(("coach", "operator")))
    told = exists().where(reminder.c.person_id == person.c.id, reminder.c.kind == KEEP, reminder.c.due_at >= before)
    joined = person.outerjoin(t.conversation)
    chosen = select(person.c.id, t.conversation.c.state, t.conversation.c.at).select_from(joined)
    return chosen.where(and_(person.c.at < before, ~wrote, ~looks_after, ~told))


def _silent(row: Any, before: datetime) -> bool:
    heard = load(row.state).heard_at
    return heard < before if heard is not None else row.at is None or row.at < before
