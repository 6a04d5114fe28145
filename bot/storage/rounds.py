"""Who makes the round that is made once a day, where several processes share a database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import func, select

from bot.storage.database import Database

ROUND = 0x636F7862
"""The number of the lock that a process holds on its round: the one after that of migrations."""


@asynccontextmanager
async def first(database: Database) -> AsyncIterator[bool]:
    """Tell whether nobody else makes the round; nobody else begins it before the block ends.

    The lock goes with its connection, so that one who dies keeps nobody from it.
    """
    if database.engine.dialect.name != "postgresql":
        yield True
        return
    async with database.engine.connect() as connection:
        # No transaction stays open meanwhile: the server ends those that do nothing for long.
        connection = await connection.execution_options(isolation_level="AUTOCOMMIT")
        is_first = bool((await connection.execute(select(func.pg_try_advisory_lock(ROUND)))).scalar())
        try:
            yield is_first
        finally:
            if is_first:
                await connection.execute(select(func.pg_advisory_unlock(ROUND)))
