"""Tells how a database is, without changing it, and whether a key is its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import ColumnClause, Connection, LargeBinary, column, func, inspect, select, table
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bot.storage.crypto import DataKeyMissing, KeyRing
from bot.storage.database import MARKER, make_engine, place_of, reach, sqlite_file, with_driver
from bot.storage.upgrade import refuse_newer, revision

STATES = ("inbox", "outbox", "reminder")
"""The tables whose rows are in one state or another."""


@dataclass(frozen=True, kw_only=True)
class Status:
    """How a database is: which one, its revision (None: there is nothing yet), how many rows each table has.

    states: of each table whose rows have states, how many are in each.
    """

    place: str
    revision: str | None = None
    rows: Mapping[str, int] = field(default_factory=dict)
    states: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


async def look(url: str) -> Status:
    """Look at a database; raises DatabaseUnreachable, DatabaseNewer, and SQLAlchemyError for what is no database."""
    place, file = place_of(url), sqlite_file(url)
    if file is not None and not file.exists():  # opening it would make it
        return Status(place=place)
    engine = _reader(url)
    try:
        await reach(engine)
        async with engine.connect() as connection:
            return await connection.run_sync(_read, place)
    finally:
        await engine.dispose()


async def is_opened_by(url: str, ring: KeyRing) -> bool:
    """Tell whether a database was made with these keys, or with none yet; raises as `look` does."""
    file = sqlite_file(url)
    if file is not None and not file.exists():
        return True
    engine = _reader(url)
    try:
        await reach(engine)
        async with engine.connect() as connection:
            marker = await connection.run_sync(_marker)
    finally:
        await engine.dispose()
    try:
        return marker is None or ring.decrypt(marker).decode() in ring.lookups(MARKER)
    except DataKeyMissing:
        return False


def _marker(connection: Connection) -> bytes | None:
    """Read what a database keeps of its keys, still encrypted."""
    if not inspect(connection).has_table("meta"):
        return None
    name: ColumnClause[str] = column("name")
    value = column("value", LargeBinary)
    found: bytes | None = connection.execute(
        select(value).select_from(table("meta", name, value)).where(name == MARKER)
    ).scalar()
    return found


def _reader(url: str) -> AsyncEngine:
    """Make an engine that waits for no writer and keeps none waiting."""
    address = with_driver(url)
    return create_async_engine(address) if address.get_backend_name() == "sqlite" else make_engine(url, "coxa-status")


def _read(connection: Connection, place: str) -> Status:
    current = revision(connection)
    if current is None:
        return Status(place=place)
    refuse_newer(current)
    names = sorted(set(inspect(connection).get_table_names()) - {"alembic_version"})
    rows = {name: connection.execute(select(func.count()).select_from(table(name))).scalar_one() for name in names}
    states = {name: _states(connection, name) for name in STATES if name in rows}
    return Status(place=place, revision=current, rows=rows, states=states)


def _states(connection: Connection, name: str) -> dict[str, int]:
    state: ColumnClause[str] = column("state")
    counted = select(state, func.count()).select_from(table(name, state)).group_by(state).order_by(state)
    return {str(row[0]): int(row[1]) for row in connection.execute(counted)}
