"""The migrations make the tables that the store uses, and can be undone."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.storage.crypto import KeyRing
from bot.storage.database import make_engine, open_database
from bot.storage.tables import NEWEST, make_tables
from bot.storage.upgrade import DatabaseBroken, DatabaseNewer, bring_up, config, revision, upgrade
from tests.postgres import Server

REVISIONS = [script.revision for script in reversed(list(ScriptDirectory.from_config(config()).walk_revisions()))]


POSTGRES_SCHEMA = """
SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(is_identity, '')
  FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'
UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'
UNION ALL SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
  FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version'
"""


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
    return {
        "\n".join(sorted(filter(None, (part.strip(" \t,") for part in re.split(r",\s|\n", row.sql))))) for row in rows
    }


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


# --- on PostgreSQL


@pytest.fixture
async def server(postgres: Server) -> AsyncIterator[AsyncEngine]:
    """Give an engine on an empty PostgreSQL database."""
    made = make_engine(postgres.new_database(empty=True), "coxa-tests")
    yield made
    await made.dispose()


def postgres_schema(connection: Connection) -> set[str]:
    """Read columns, indexes and constraints as PostgreSQL keeps them."""
    return set(connection.exec_driver_sql(POSTGRES_SCHEMA).scalars())


@pytest.mark.parametrize("wanted", REVISIONS)
async def test_each_migration_goes_up_down_and_up_on_postgresql(server: AsyncEngine, wanted: str) -> None:
    def there_and_back(connection: Connection) -> None:
        go(connection, up=wanted)
        there = postgres_schema(connection)
        go(connection, down="-1")
        assert postgres_schema(connection) != there
        go(connection, up=wanted)
        assert postgres_schema(connection) == there

    async with server.begin() as connection:
        await connection.run_sync(there_and_back)


async def test_the_migrations_make_the_tables_that_are_used_on_postgresql(
    server: AsyncEngine, postgres: Server
) -> None:
    metadata = make_tables(KeyRing.new()).metadata
    fresh = make_engine(postgres.new_database(empty=True), "coxa-tests")
    async with server.begin() as connection, fresh.begin() as other:
        await connection.run_sync(lambda given: go(given, up="head"))
        differences = await connection.run_sync(
            lambda given: compare_metadata(MigrationContext.configure(given), metadata)
        )
        assert differences == []
        await other.run_sync(metadata.create_all)
        assert await connection.run_sync(postgres_schema) == await other.run_sync(postgres_schema)
        await connection.run_sync(lambda given: go(given, down="base"))
        assert await connection.run_sync(postgres_schema) == set()
    await fresh.dispose()


async def test_rows_live_through_a_migration_on_postgresql(server: AsyncEngine) -> None:
    async with server.begin() as connection:
        await connection.run_sync(lambda given: go(given, up="0001"))
        await connection.exec_driver_sql(
            "INSERT INTO inbox (source, lookup, value, at, state, attempts) VALUES ('line', 'x', '', 0, 'waiting', 0)"
        )
    async with server.begin() as connection:
        assert await connection.run_sync(bring_up)
        assert not await connection.run_sync(bring_up)
        assert (await connection.exec_driver_sql("SELECT chat FROM inbox")).scalars().all() == [None]


async def test_processes_that_start_together_migrate_once(postgres: Server) -> None:
    url, ring = postgres.new_database(empty=True), KeyRing.new()
    for database in await asyncio.gather(*(open_database(url, ring) for _ in range(4))):
        await database.close()


async def test_a_postgresql_database_of_a_newer_coxa_is_left_alone(postgres_url: str) -> None:
    engine = make_engine(postgres_url, "coxa-tests")
    async with engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    await engine.dispose()
    with pytest.raises(DatabaseNewer, match="upgrade Coxa"):
        await open_database(postgres_url, KeyRing.new())
