"""What commands need that work with the database beside a `coxa serve` that runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from bot.settings import Settings
    from bot.storage.database import Database
    from bot.storage.store import SqlStore


def with_store(action: Callable[[Settings, SqlStore], Coroutine[Any, Any, int]]) -> int:
    """Do something with the database of the settings; give the command's exit code."""
    from bot.settings import read_settings

    settings = read_settings()

    async def main() -> int:
        async with opened(settings) as store:
            return await action(settings, store)

    return asyncio.run(main())


def with_database(action: Callable[[Database], Coroutine[Any, Any, int]]) -> int:
    """Do something with the bare database of the settings; give the command's exit code."""
    from bot.settings import read_settings

    settings = read_settings()

    async def main() -> int:
        database = await _database(settings)
        try:
            return await action(database)
        finally:
            await database.close()

    return asyncio.run(main())


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[SqlStore]:
    """Open the store without being its worker; raises SettingsError where it can't be opened."""
    from bot.storage.store import SqlStore

    store = SqlStore(await _database(settings))
    try:
        yield store
    finally:
        await store.close()


async def _database(settings: Settings) -> Database:
    from bot.storage.database import open_database, open_ring
    from bot.wiring import explained

    url = settings.url.get_secret_value()
    with explained(settings):
        return await open_database(url, open_ring(settings.key_file, url), worker=False)


def now() -> datetime:
    """Give the present instant, in UTC."""
    from bot.wiring import SystemClock

    return SystemClock().now()
