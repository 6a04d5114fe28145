"""Opens a database: its one worker's lock, its schema, its key, its transactions."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, StaticPool, event, func, insert, make_url, select
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from bot.storage.crypto import DataKeyMissing, KeyRing
from bot.storage.tables import NEWEST, make_tables
from bot.storage.upgrade import bring_up, revision, upgrade

MIGRATING = 0x636F7861
"""The number of the lock that a process holds while it migrates a PostgreSQL database: "coxa" in ASCII."""
MARKER = "key"
"""The name of the row that tells whether a ring is this database's."""
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000", "foreign_keys=ON")
"""FULL: what was received is on the disk before it is confirmed. Foreign keys are off in SQLite until asked for."""


class DatabaseBusy(Exception):
    """A database that another worker has open."""


def open_ring(key_file: Path, url: str) -> KeyRing:
    """Open the key ring of a database; it is made only where the database doesn't exist yet either.

    Raises DataKeyMissing, or one of its kinds, for a key file that is missing, exposed or unusable.
    """
    file = sqlite_file(url)
    there = file is not None and file.exists() and file.stat().st_size > 0
    return KeyRing.open(key_file, create=not there)


async def open_database(url: str, ring: KeyRing, *, worker: bool = True) -> Database:
    """Open a database, bring it to the newest schema, and make sure that it was made with this ring.

    A worker has a SQLite file to itself until it closes it, or is killed. Administrative commands (`worker=False`)
    go beside it; where no worker is, they bring the schema up. A database in memory begins empty; the migrations
    make it too, on its one connection. Raises DatabaseBusy, DatabaseNewer, DatabaseBroken, DataKeyMissing.
    """
    file = sqlite_file(url)
    lock = _lock(file, worker=worker) if file is not None else None
    engine: AsyncEngine | None = None
    try:
        if lock is not None:
            upgrade(url)
        engine = _engine(url)
        database = Database(engine, ring, lock if worker else None)
        await database.start(migrate=file is None)
    except BaseException as error:
        if engine is not None:
            await engine.dispose()
        _release(lock)
        if isinstance(error, DataKeyMissing):
            raise DataKeyMissing(
                f"this database was made with another key than those in {ring.where}: put its own key file back,"
                f" or move {file or 'the database'} away to start anew"
            ) from None
        raise
    if not worker:
        _release(lock)
    return database


class Database:
    """An open database: its tables, and transactions on it."""

    def __init__(self, engine: AsyncEngine, ring: KeyRing, lock: int | None) -> None:
        self.engine, self.ring, self.tables = engine, ring, make_tables(ring)
        self._lock = lock
        # SQLite has one writer: waiting here is fairer than its busy loop, and in memory there is one connection.
        self._turn = asyncio.Lock() if engine.dialect.name == "sqlite" else None
        self._holders: set[asyncio.Task[Any] | None] = set()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction; it commits at the end and rolls back if the block raises."""
        task = asyncio.current_task()
        if task in self._holders:
            raise RuntimeError("a transaction is open in this task already; use that one, or end it first")
        async with self._turn or nullcontext():
            self._holders.add(task)
            try:
                async with self.engine.begin() as connection:
                    yield connection
            finally:
                self._holders.discard(task)

    async def start(self, *, migrate: bool) -> None:
        """Check schema and key, and leave the marker of this ring in a new database."""
        async with self.begin() as connection:
            if migrate:
                if self.engine.dialect.name == "postgresql":  # processes that start together migrate one by one
                    await connection.execute(select(func.pg_advisory_xact_lock(MIGRATING)))
                await connection.run_sync(bring_up)
            elif await connection.run_sync(revision) != NEWEST:
                raise DatabaseBusy("another coxa, of an older version, is using this database; stop it first")
            meta, expected = self.tables.meta, self.ring.lookup(MARKER)
            marker = (await connection.execute(select(meta.c.value).where(meta.c.name == MARKER))).scalar()
            if marker is None:
                await connection.execute(insert(meta).values(name=MARKER, value=expected))
            elif marker != expected:  # the data key is right, but names would not be found again
                raise DataKeyMissing("the index key is another")

    async def close(self) -> None:
        """Let go of the database and of its lock."""
        await self.engine.dispose()
        _release(self._lock)
        self._lock = None


def with_driver(url: str) -> URL:
    """Give a database's address with the driver that Coxa brings; raises ArgumentError for what is no address."""
    if url.startswith("postgres://"):  # as some hosts still write it
        url = f"postgresql{url.removeprefix('postgres')}"
    address = make_url(url)
    drivers = {"postgresql": "postgresql+asyncpg", "sqlite": "sqlite+aiosqlite"}
    return address.set(drivername=drivers.get(address.get_backend_name(), address.drivername))


def sqlite_file(url: str) -> Path | None:
    """Give the file of a SQLite database, or None for one in memory and for other engines."""
    address = make_url(url)
    if address.get_backend_name() != "sqlite" or address.database in (None, "", ":memory:"):
        return None
    return Path(str(address.database))


def _lock(file: Path, *, worker: bool) -> int | None:
    """Lock a file for one worker; the system lets go of it when the process ends, however it ends.

    None where another has it and no worker asks. The file is made readable to its owner only.
    """
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(file.with_name(f"{file.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        if worker:
            raise DatabaseBusy(f"another coxa is using {file}; stop it first or set COXA_DATA_DIR") from None
        return None
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    return descriptor


def _release(lock: int | None) -> None:
    if lock is not None:
        os.close(lock)


def _engine(url: str) -> AsyncEngine:
    address = with_driver(url)
    if address.get_backend_name() != "sqlite":
        return create_async_engine(address, pool_pre_ping=True)
    if sqlite_file(url) is None:
        engine = create_async_engine(address, poolclass=StaticPool)
    else:
        engine = create_async_engine(address)

    @event.listens_for(engine.sync_engine, "connect")
    def _connect(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver would begin a transaction too late: see _begin
        cursor = connection.cursor()
        for pragma in PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    # A transaction that reads first and then writes must hold the write lock from the start, or updates are lost.
    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
