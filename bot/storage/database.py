"""Opens a database: its one worker's lock, its schema, its key, its transactions."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, StaticPool, event, func, insert, make_url, select
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from bot.storage.crypto import DataKeyMissing, KeyRing
from bot.storage.here import connect_here
from bot.storage.tables import NEWEST, make_tables
from bot.storage.upgrade import bring_up, revision, upgrade

log = logging.getLogger(__name__)

MIGRATING = 0x636F7861
"""The number of the lock that a process holds while it migrates a PostgreSQL database: "coxa" in ASCII."""
MARKER = "key"
"""The name of the row that tells whether a ring is this database's."""
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000", "foreign_keys=ON", "secure_delete=ON")
"""FULL: what was received is on the disk before it is confirmed. Foreign keys are off in SQLite until asked for, and
what is deleted stays readable in free pages until secure_delete fills it with zeros."""


CONNECT_SECONDS = 10
"""How long a PostgreSQL server may take to let us in."""
POOL, OVERFLOW = 5, 10
"""Connections of one process that are kept, and those beyond them under load: six processes fit a stock server."""
SESSION = {
    "idle_in_transaction_session_timeout": "60000",  # ms: a process that hangs must not keep its chats for good
    "tcp_keepalives_idle": "30",  # seconds: nor one whose machine is gone
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}


class DatabaseBusy(Exception):
    """A database that another worker has open."""


class DatabaseUnreachable(Exception):
    """A database that can't be reached, or that does not let us in; the message says why."""


def open_ring(key_file: Path, url: str) -> KeyRing:
    """Open the key ring of a database; it is made only where the database doesn't exist yet either.

    Raises DataKeyMissing, or one of its kinds, for a key file that is missing, exposed or unusable. Whether there is
    a PostgreSQL database is not known before it is opened, so there a missing key file is made, or missed, then.
    """
    if with_driver(url).get_backend_name() == "postgresql":
        return KeyRing.open_later(key_file)
    file = sqlite_file(url)
    there = file is not None and file.exists() and file.stat().st_size > 0
    return KeyRing.open(key_file, create=not there)


async def open_database(url: str, ring: KeyRing, *, worker: bool = True) -> Database:
    """Open a database, bring it to the newest schema, and make sure that it was made with this ring.

    A worker has a SQLite file to itself until it closes it, or is killed. Administrative commands (`worker=False`)
    go beside it; where no worker is, they bring the schema up. A database in memory begins empty; the migrations
    make it too, on its one connection. On PostgreSQL any number of workers share a database, and those that start
    together migrate it once. Raises DatabaseBusy, DatabaseNewer, DatabaseBroken, DatabaseUnreachable, DataKeyMissing.
    """
    file = sqlite_file(url)
    lock = _lock(file, worker=worker) if file is not None else None
    engine: AsyncEngine | None = None
    try:
        if lock is not None:
            upgrade(url)
        name = f"coxa-{secrets.token_hex(6)}"
        engine = make_engine(url, name)
        await reach(engine)
        database = Database(engine, ring, lock if worker else None, name)
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

    def __init__(self, engine: AsyncEngine, ring: KeyRing, lock: int | None, name: str) -> None:
        self.engine, self.ring, self.tables = engine, ring, make_tables(ring)
        self.name = name
        """What this process is called in what it claims; on PostgreSQL its connections have this name too."""
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
            meta = self.tables.meta
            there = (await connection.execute(select(func.count()).where(meta.c.name == MARKER))).scalar()
            self.ring.settle(new_database=not there)
            marker = (await connection.execute(select(meta.c.value).where(meta.c.name == MARKER))).scalar()
            expected = self.ring.lookup(MARKER)
            if marker is None:
                await connection.execute(insert(meta).values(name=MARKER, value=expected))
            elif marker not in self.ring.lookups(MARKER):  # the data key is right, but names would not be found again
                raise DataKeyMissing("the index key is another")

    async def wipe(self) -> None:
        """Leave no trace of what was deleted in a SQLite file, nor in its write-ahead log; best effort."""
        if self.engine.dialect.name != "sqlite":
            return
        async with self._turn or nullcontext(), self.engine.connect() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None  # noqa: S101  # a connection that is open has one
            try:
                # Past SQLAlchemy, which would begin a transaction first. secure_delete leaves some cells readable
                # where pages were put together anew (measured); VACUUM writes every page again.
                for statement in ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
                    await (await driver.execute(statement)).close()
            except Exception as error:  # as where somebody else reads: what stays in free pages is encrypted
                log.warning("what was deleted could not be wiped from the file (%s)", type(error).__name__)

    async def close(self) -> None:
        """Let go of the database and of its lock."""
        await self.engine.dispose()
        _release(self._lock)
        self._lock = None


def place_of(url: str) -> str:
    """Say which database an address means, without its password."""
    at = with_driver(url)
    if at.get_backend_name() == "sqlite":
        return f"the SQLite database {sqlite_file(url) or 'in memory'}"
    host = at.host or at.query.get("host") or "localhost"
    port = f":{at.port}" if at.port else ""
    name = {"postgresql": "PostgreSQL"}.get(at.get_backend_name(), at.get_backend_name())
    return f"the {name} database {at.database} at {host}{port}"


async def reach(engine: AsyncEngine) -> None:
    """Make sure that a PostgreSQL server answers and lets us in; raises DatabaseUnreachable."""
    if engine.dialect.name != "postgresql":
        return
    import asyncpg  # type: ignore[import-untyped]  # it ships no types

    at, where = engine.url, place_of(engine.url.render_as_string(hide_password=False))
    try:
        async with engine.connect():
            return
    except (OSError, TypeError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError, DBAPIError) as error:
        why = error.orig if isinstance(error, DBAPIError) else error
        cause = getattr(why, "__cause__", None) or why
        match cause:
            case asyncpg.InvalidPasswordError() | asyncpg.InvalidAuthorizationSpecificationError():
                said = f"{where} does not let us in ({cause}); check user and password in COXA_DATABASE_URL"
            case asyncpg.InvalidCatalogNameError():
                said = f"{where} is not there; make it (createdb {at.database}), or mend COXA_DATABASE_URL"
            case TimeoutError():
                said = f"{where} did not answer within {CONNECT_SECONDS} s; is it running, and is the network open?"
            case OSError() | asyncpg.PostgresError():
                said = f"{where} can't be reached ({cause}); is it running, and is COXA_DATABASE_URL right?"
            case _:
                said = f"{where} can't be opened with what COXA_DATABASE_URL says ({cause})"
        raise DatabaseUnreachable(said) from None


def with_driver(url: str) -> URL:
    """Give a database's address with the driver that Coxa brings; raises ArgumentError for what is no address."""
    if url.startswith("postgres://"):  # as some hosts still write it
        url = f"postgresql{url.removeprefix('postgres')}"
    address = make_url(url)
    drivers = {"postgresql": "postgresql+asyncpg", "sqlite": "sqlite+aiosqlite"}
    if address.get_backend_name() == "postgresql" and "sslmode" in address.query:  # as libpq and most hosts write it
        address = address.update_query_dict({"ssl": address.query["sslmode"]}).difference_update_query(["sslmode"])
    return address.set(drivername=drivers.get(address.get_backend_name(), address.drivername))


def sqlite_file(url: str) -> Path | None:
    """Give the file of a SQLite database, or None for one in memory and for other engines."""
    address = make_url(url)
    if address.get_backend_name() != "sqlite" or address.database in (None, "", ":memory:"):
        return None
    return Path(str(address.database))


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """Keep a SQLite file from every worker for a while; raises DatabaseBusy where one has it."""
    lock = _lock(file, worker=True)
    try:
        yield
    finally:
        _release(lock)


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


def make_engine(url: str, name: str) -> AsyncEngine:
    """Make an engine; *name* is what a PostgreSQL server calls its connections."""
    address = with_driver(url)
    if address.get_backend_name() == "postgresql":
        return create_async_engine(
            address,
            isolation_level="READ COMMITTED",  # what a locked row says when its lock is given counts, not what it said
            hide_parameters=True,  # an error that is logged must quote nothing that is kept
            pool_pre_ping=True,
            pool_size=POOL,
            max_overflow=OVERFLOW,
            connect_args={"timeout": CONNECT_SECONDS, "server_settings": {**SESSION, "application_name": name}},
        )
    if address.get_backend_name() != "sqlite":
        return create_async_engine(address)
    if sqlite_file(url) is None:
        engine = create_async_engine(address, poolclass=StaticPool, hide_parameters=True)
    else:
        engine = create_async_engine(address, hide_parameters=True, connect_args={"async_creator_fn": connect_here})

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
