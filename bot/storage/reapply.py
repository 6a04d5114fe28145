"""Holds a database against the erasure list, so that nobody comes back with a backup."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from bot.storage.database import MIGRATING, Database
from bot.storage.erasure import erase
from bot.storage.erasure_list import Entry, ErasureList, erased_at, keyed
from bot.storage.held_back import Executes
from bot.storage.tables import Tables
from bot.workflow.ports import Address

log = logging.getLogger(__name__)

PENDING = "erased:"
"""What the names of rows in `meta` begin with that are to be added to the list."""
HELD_AGAINST = "erasures"
"""The name of the row in `meta` that says which list this database was held against last."""


async def note(
    connection: Executes, tables: Tables, erasures: ErasureList, addresses: Sequence[Address], at: datetime
) -> None:
    """Note in the transaction of a deletion what the list is to say: it holds as soon as the deletion does."""
    for address in addresses:
        entry = erasures.entry(address, at)
        name = f"{PENDING}{entry.lookup}"
        await connection.execute(delete(tables.meta).where(tables.meta.c.name == name))
        await connection.execute(insert(tables.meta).values(name=name, value=entry.line))


async def settle(database: Database, erasures: ErasureList) -> None:
    """Add to the list what was noted, then forget that it was; what can't be written stays noted."""
    t = database.tables.meta
    pending = select(t.c.name, t.c.value).where(t.c.name.startswith(PENDING))
    async with database.begin() as connection:
        rows = (await connection.execute(pending)).all()
        if not rows:
            return
        try:
            held = await _held_against(connection, t) == erasures.digest()
            erasures.add([Entry.read(row.value) for row in rows])
        except (OSError, ValueError) as error:
            log.error("the erasure list can't be written (%s); tried again at the next start", error)
            return
        await connection.execute(delete(t).where(t.c.name.in_([row.name for row in rows])))
        if held:  # else somebody else's deletions are still to be applied here
            await _put_held_against(connection, t, erasures)


async def reapply(database: Database, erasures: ErasureList) -> int:
    """Delete everybody of the list whom an older backup brought back; give how many they were.

    Whoever came back by themselves is newer than their line, and stays. Raises ValueError for a damaged list.
    """
    await settle(database, erasures)
    t, count = database.tables, 0
    async with database.begin() as connection:
        if await _held_against(connection, t.meta) == erasures.digest():
            return 0
        if connection.dialect.name == "postgresql":  # processes that start together do it one by one
            await connection.execute(select(func.pg_advisory_xact_lock(MIGRATING)))
        listed = keyed(erasures.entries())
        joined = select(t.address.c.person_id, t.address.c.value, t.person.c.at).join(t.person)
        rows = (await connection.execute(joined)).all() if listed else []
        for row in rows:
            at = erased_at(Address(**row.value), listed)
            if at is not None and row.at <= at:
                await erase(connection, t, database.ring, row.person_id, at, waiting=True)
                count += 1
        await _put_held_against(connection, t.meta, erasures)
    if count:
        await database.wipe()
        log.warning("%s people who had been deleted came back with a backup; they are deleted again", count)
    return count


async def _held_against(connection: Executes, meta: Any) -> str | None:
    found = (await connection.execute(select(meta.c.value).where(meta.c.name == HELD_AGAINST))).scalar()
    return str(found) if found is not None else None


async def _put_held_against(connection: Executes, meta: Any, erasures: ErasureList) -> None:
    digest = erasures.digest()
    changed = await connection.execute(update(meta).where(meta.c.name == HELD_AGAINST).values(value=digest))
    if changed.rowcount == 0:
        await connection.execute(insert(meta).values(name=HELD_AGAINST, value=digest))
