"""Reads the facts of all stored screenings, and writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy import Connection, event, select
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from bot.storage.crypto import KeyRing
from bot.storage.database import make_engine, reach, sqlite_file, with_driver
from bot.storage.tables import NEWEST, make_tables
from bot.storage.upgrade import DatabaseBroken, refuse_newer, revision
from rules import Facts


@dataclass(frozen=True, kw_only=True)
class Screening:
    """One stored screening: the person's number, the screen, and the facts it was judged by.

    `facts` is None where what is stored can't be read as facts any more.
    """

    number: int
    person: int
    screen: str
    facts: Facts | None


async def stored_screenings(url: str, key_file: Path) -> Sequence[Screening]:
    """Read every stored screening, the oldest first; none where there is no database yet.

    Raises DatabaseUnreachable, DatabaseNewer, DatabaseBroken for an older schema, and DataKeyMissing.
    """
    file = sqlite_file(url)
    if file is not None and not file.exists():  # opening it would make it
        return ()
    ring = KeyRing.open(key_file, create=False)
    engine = _reader(url)
    try:
        await reach(engine)
        async with engine.connect() as connection:
            return await connection.run_sync(_read, ring)
    finally:
        await engine.dispose()


def _reader(url: str) -> AsyncEngine:
    """Make an engine whose connections can't write, and which waits for no writer."""
    address = with_driver(url)
    if address.get_backend_name() == "postgresql":
        return make_engine(url, "coxa-diff").execution_options(postgresql_readonly=True)
    engine = create_async_engine(address)

    @event.listens_for(engine.sync_engine, "connect")
    def _connect(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA query_only = ON")
        cursor.close()

    return engine


def _read(connection: Connection, ring: KeyRing) -> Sequence[Screening]:
    current = revision(connection)
    if current is None:
        return ()
    refuse_newer(current)
    if current != NEWEST:
        raise DatabaseBroken(f"this database has schema {current}; coxa db upgrade brings it to {NEWEST}")
    t = make_tables(ring).assessment
    rows = connection.execute(select(t.c.id, t.c.person_id, t.c.value).order_by(t.c.id))
    return [
        Screening(number=row.id, person=row.person_id, screen=_screen(row.value), facts=_facts(row.value))
        for row in rows
    ]


def _screen(value: object) -> str:
    """Give the screen that a stored result names."""
    said = value.get("assessment") if isinstance(value, dict) else None
    return str(said.get("screen", "")) if isinstance(said, dict) else ""


def _facts(value: object) -> Facts | None:
    try:
        return Facts.model_validate(value["facts"]) if isinstance(value, dict) else None
    except (KeyError, ValidationError):
        return None
