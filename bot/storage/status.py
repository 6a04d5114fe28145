"""Tells how a database is, without its key and without changing it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import ColumnClause, Connection, column, func, inspect, select, table
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bot.storage.database import make_engine, place_of, reach, sqlite_file, with_driver
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
