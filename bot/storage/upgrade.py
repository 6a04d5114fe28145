"""Brings a database's schema to the newest revision, inside the process."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, create_engine, event, inspect, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from bot.storage.tables import NEWEST

if TYPE_CHECKING:  # only a database that is behind has to wait for Alembic
    from alembic.config import Config


class DatabaseNewer(Exception):
    """A database that a newer Coxa made."""


class DatabaseBroken(Exception):
    """A database whose rows point to rows that are gone."""


def upgrade(url: str) -> bool:
    """Bring a SQLite file to the newest schema, in one transaction; False where it was there already.

    Raises DatabaseNewer, and DatabaseBroken where rows point to rows that are gone.
    """
    address = make_url(url)
    if address.get_backend_name() != "sqlite":
        raise ValueError(f"{address.render_as_string()} is no SQLite file; open_database upgrades other databases")
    engine = create_engine(address.set(drivername="sqlite"), connect_args={"timeout": 10})

    # Foreign keys stay off: changing a column copies its table, and dropping the old one would drop rows elsewhere.
    @event.listens_for(engine, "connect")
    def _connect(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        assert isinstance(connection, sqlite3.Connection)  # noqa: S101  # the driver named above
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    try:
        with engine.begin() as connection:
            changed = bring_up(connection)
            lost = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall() if changed else []
            if lost:
                tables = ", ".join(sorted({str(row[0]) for row in lost}))
                raise DatabaseBroken(f"rows of {tables} point to rows that are gone; restore a backup, then try again")
            return changed
    finally:
        engine.dispose()


def bring_up(connection: Connection) -> bool:
    """Bring the database of an open transaction to the newest schema; False where it was there already."""
    current = revision(connection)
    if current == NEWEST:
        return False
    from alembic import command

    refuse_newer(current)
    given = config()
    given.attributes["connection"] = connection
    command.upgrade(given, "head")
    return True


def refuse_newer(current: str | None) -> None:
    """Raise DatabaseNewer for a revision that this Coxa has no migration for."""
    from alembic.script import ScriptDirectory

    known = {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}
    if current is not None and current not in known:
        raise DatabaseNewer(f"this database has schema {current}, which a newer Coxa made; upgrade Coxa to open it")


def revision(connection: Connection) -> str | None:
    """Give the revision that a database is at, or None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if found is None else str(found)


def config() -> Config:
    """Give Alembic's configuration: the migrations inside the installed package, or those of the source tree."""
    from alembic.config import Config

    bot = Path(__file__).resolve().parents[1]
    packaged, source = bot / "_migrations", bot.parent / "migrations"
    made = Config()
    made.set_main_option("script_location", str(packaged if packaged.is_dir() else source).replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    return made
