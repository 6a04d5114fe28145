"""The migrations make the tables that the store uses, and can be undone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine

from bot.storage.crypto import KeyRing
from bot.storage.database import open_database
from bot.storage.tables import NEWEST, make_tables
from bot.storage.upgrade import DatabaseBroken, DatabaseNewer, config, revision, upgrade

REVISIONS = [script.revision for script in reversed(list(ScriptDirectory.from_config(config()).walk_revisions()))]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = create_engine(f"sqlite:///{tmp_path}/coxa.db")
    yield made
    made.dispose()


def go(connection: Connection, *, up: str | None = None, down: str | None = None) -> None:
    given = config()
    given.attributes["connection"] = connection
    if up:
        command.upgrade(given, up)
    if down:
        command.downgrade(given, down)


def schema(connection: Connection) -> set[str]:
    """Read tables and indexes as SQLite keeps them, columns of a table in any order."""
    rows = connection.exec_driver_sql(
        "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'alembic%'"
    )
    return {"\n".join(sorted(line.strip(" \t,") for line in row.sql.splitlines())) for row in rows}


def test_there_is_one_newest_revision() -> None:
    assert ScriptDirectory.from_config(config()).get_heads() == [NEWEST]


@pytest.mark.parametrize("wanted", REVISIONS)
def test_each_migration_goes_up_down_and_up(engine: Engine, wanted: str) -> None:
    with engine.begin() as connection:
        go(connection, up=wanted)
        there = schema(connection)
        go(connection, down="-1")
        assert schema(connection) != there
        go(connection, up=wanted)
        assert schema(connection) == there


def test_nothing_is_left_of_what_was_undone(engine: Engine) -> None:
    with engine.begin() as connection:
        go(connection, up="head", down="base")
        assert schema(connection) <= {"CREATE TABLE sqlite_sequence(name,seq)"}


def test_the_migrations_make_the_tables_that_are_used(engine: Engine, tmp_path: Path) -> None:
    metadata = make_tables(KeyRing.new()).metadata
    fresh = create_engine(f"sqlite:///{tmp_path}/fresh.db")
    with engine.begin() as connection, fresh.begin() as other:
        go(connection, up="head")
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        metadata.create_all(other)
        assert schema(connection) == schema(other)  # partial indexes too, which the comparison above overlooks
    fresh.dispose()


def test_an_upgrade_is_done_once(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/a%20b.db"
    assert upgrade(url)
    assert not upgrade(url)


def test_alembic_finds_a_database_by_its_address(tmp_path: Path, engine: Engine) -> None:
    given = config()
    given.set_main_option("sqlalchemy.url", f"sqlite+aiosqlite:///{tmp_path}/coxa.db")
    command.upgrade(given, "head")
    with engine.begin() as connection:
        assert revision(connection) == NEWEST


def test_another_engine_is_refused_without_its_password() -> None:
    with pytest.raises(ValueError, match="is no SQLite file") as refused:
        upgrade("postgresql+asyncpg://coxa:hidden@db/coxa")
    assert "hidden" not in str(refused.value)


async def test_a_database_of_a_newer_coxa_is_left_alone(tmp_path: Path) -> None:
    url, ring = f"sqlite+aiosqlite:///{tmp_path}/coxa.db", KeyRing.new()
    await (await open_database(url, ring)).close()
    with sqlite3.connect(tmp_path / "coxa.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    for _ in range(2):  # the lock was let go of
        with pytest.raises(DatabaseNewer, match="upgrade Coxa"):
            await open_database(url, ring)


async def test_an_upgrade_that_finds_loose_ends_changes_nothing(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "coxa.db") as connection:
        connection.executescript(
            "CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (a INTEGER REFERENCES a (id))"
        )
        connection.execute("INSERT INTO b VALUES (7)")
    connection.close()
    with pytest.raises(DatabaseBroken, match="rows of b point to rows that are gone"):
        upgrade(f"sqlite:///{tmp_path}/coxa.db")
    with sqlite3.connect(tmp_path / "coxa.db") as connection:
        assert connection.execute("SELECT name FROM sqlite_master WHERE name = 'person'").fetchall() == []
    connection.close()
