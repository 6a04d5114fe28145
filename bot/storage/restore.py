"""Puts a backup in a database's place: only when it was checked, brought up, and held against the erasure list."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, make_url
from sqlalchemy import inspect as inspect_database

from bot.storage.backup import STAMP, BackupError, Held, engine_of, in_thread, inspect, put, reading, sync_folder
from bot.storage.crypto import DataKeyMissing, KeyRing
from bot.storage.database import alone, make_engine, open_database, place_of, reach, sqlite_file
from bot.storage.erasure_list import Entry, ErasureList
from bot.storage.postgres_programs import ProgramFailed, address_without_password, connecting, require, run
from bot.storage.reapply import PENDING, reapply
from bot.storage.upgrade import DatabaseNewer, refuse_newer

WORKPLACE = ".restoring"
"""What ends the name of the copy that is made ready beside the database."""
BESIDE = ("", "-wal", "-shm")
"""The files of a SQLite database."""


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What a restore did.

    held: what the backup held. erased: how many of those were deleted again. aside: where the old database is now.
    unheard: why deletions that stood only in the old database could not be read.
    """

    held: Held
    erased: int
    aside: Path | None = None
    unheard: str | None = None


async def restore(url: str, key_file: Path, path: Path, at: datetime, *, over: bool) -> Restored:
    """Put a backup in the place of a database; whatever goes wrong on the way, the database stays what it was.

    A SQLite database with people in it is only moved aside, and only if *over*; a PostgreSQL database must be empty.
    Raises BackupError, DatabaseBusy, DatabaseNewer, DataKeyMissing, DatabaseUnreachable.
    """
    ring, erasures = KeyRing.open(key_file, create=False), ErasureList.beside(key_file)
    held = await inspect(path, ring)
    if held.engine != engine_of(url):
        raise BackupError(
            f"{path} is a backup of {_called(held.engine)}, and COXA_DATABASE_URL means {place_of(url)};"
            f" set it to {_called(held.engine)} too"
        )
    _refuse_newer(path, held)
    with _trouble():
        if held.engine == "postgresql":
            return await _into_postgresql(url, ring, erasures, path, held)
        file = sqlite_file(url)
        if file is None:
            raise BackupError("there is no place to restore to: COXA_DATABASE_URL means a database in memory")
        return await _into_sqlite(url, file, ring, erasures, path, held, at, over=over)


async def _into_sqlite(
    url: str, file: Path, ring: KeyRing, erasures: ErasureList, path: Path, held: Held, at: datetime, *, over: bool
) -> Restored:
    with alone(file):
        there = _look(file, path, over=over)
        ready = file.with_name(f"{file.name}{WORKPLACE}")
        _remove(ready)
        try:
            os.close(os.open(ready, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            await _copy(path, ready)
            unheard = _hear(file, ring, erasures) if there else None
            erased = await _make_ready(_at(url, ready), ring, erasures)
            with closing(sqlite3.connect(ready)) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            aside = _move_aside(file, at) if there else None
            ready.replace(file)
            sync_folder(file.parent)
        finally:
            _remove(ready)
    return Restored(held=held, erased=erased, aside=aside, unheard=unheard)


async def _into_postgresql(url: str, ring: KeyRing, erasures: ErasureList, path: Path, held: Held) -> Restored:
    where = address_without_password(url)
    require("pg_restore", f"pg_restore --single-transaction --no-owner --no-privileges --dbname='{where}' {path}")
    engine = make_engine(url, "coxa-restore")
    try:
        await reach(engine)
        async with engine.connect() as connection:
            tables = await connection.run_sync(_tables)
    finally:
        await engine.dispose()
    if tables:
        raise BackupError(
            f"{place_of(url)} is not empty, and a backup of PostgreSQL is restored into an empty database only: make"
            " one (createdb coxa_restored), set COXA_DATABASE_URL to it, and run this again; the old one stays as it is"
        )
    given = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", "--no-password")
    with connecting(url, "coxa-restore") as conninfo:
        await run("pg_restore", *given, f"--dbname={conninfo}", str(path))
    return Restored(held=held, erased=await _make_ready(url, ring, erasures))


async def _make_ready(url: str, ring: KeyRing, erasures: ErasureList) -> int:
    """Bring a restored database up, and delete again who was deleted since; give how many those were."""
    database = await open_database(url, ring)
    try:
        return await reapply(database, erasures)
    finally:
        await database.close()


def _at(url: str, file: Path) -> str:
    return make_url(url).set(database=str(file)).render_as_string(hide_password=False)


def _tables(connection: Connection) -> list[str]:
    return inspect_database(connection).get_table_names()


def _called(engine: str) -> str:
    return {"sqlite": "a SQLite database", "postgresql": "a PostgreSQL database"}[engine]


def _refuse_newer(path: Path, held: Held) -> None:
    try:
        refuse_newer(held.revision)
    except DatabaseNewer:
        raise DatabaseNewer(
            f"{path} has schema {held.revision}, which a newer Coxa made; install that Coxa to restore it"
        ) from None


def _look(file: Path, path: Path, *, over: bool) -> bool:
    """Tell whether there is a database already; raises BackupError where it must not be moved."""
    if path.samefile(file):
        raise BackupError(f"{path} is the database itself; give a backup")
    there = file.stat().st_size > 0
    if there and not over:
        _refuse_people(file)
    return there


def _refuse_people(file: Path) -> None:
    """Refuse to put a backup over people, or over what can't be read: the operator has to say so."""
    try:
        with closing(sqlite3.connect(file)) as connection:
            people = int(connection.execute("SELECT count(*) FROM person").fetchone()[0])
    except sqlite3.Error as error:
        raise BackupError(f"{file} is there, and can't be read ({error}); --over moves it aside") from error
    if people:
        raise BackupError(f"there are {people} people in {file}; --over moves it aside and restores the backup")


def _hear(file: Path, ring: KeyRing, erasures: ErasureList) -> str | None:
    """Add deletions to the erasure list that stand only in the database that goes; give why that failed, if it did."""
    try:
        with closing(sqlite3.connect(file)) as connection:
            rows = connection.execute("SELECT value FROM meta WHERE name LIKE ?", (f"{PENDING}%",)).fetchall()
        erasures.add([Entry.read(ring.decrypt(bytes(row[0])).decode()) for row in rows])
    except (sqlite3.Error, DataKeyMissing, ValueError, TypeError) as error:
        return type(error).__name__
    return None


async def _copy(path: Path, ready: Path) -> None:
    """Copy a SQLite file page by page, with what stands in its log."""
    source, target = reading(path), sqlite3.connect(ready, check_same_thread=False)
    with closing(source), closing(target):
        await in_thread(target, lambda: source.backup(target))


def _move_aside(file: Path, at: datetime) -> Path:
    """Give a SQLite database another name, and its log with it; the old name stays too, until it is taken over."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # and so, once it is closed, there is no log
    aside = _free(file.with_name(f"{file.name}.before-{at.astimezone(UTC):{STAMP}}"))
    for ending in BESIDE[1:]:
        beside = file.with_name(file.name + ending)
        if beside.exists():
            beside.replace(file.with_name(aside.name + ending))
    put(file, aside)
    return aside


def _free(file: Path) -> Path:
    """Give that name, or with a number after it where it is taken: two restores within a second."""
    names = (file, *(file.with_name(f"{file.name}-{number}") for number in range(2, 100)))
    return next((name for name in names if not name.exists()), file)


def _remove(file: Path) -> None:
    for ending in (*BESIDE, ".lock"):
        file.with_name(file.name + ending).unlink(missing_ok=True)


@contextmanager
def _trouble() -> Iterator[None]:
    """Raise BackupError for what goes wrong with a file system, a database or a program."""
    try:
        yield
    except OSError as error:
        raise BackupError(f"nothing was restored ({error.filename or ''}: {error.strerror or error})") from error
    except sqlite3.Error as error:
        raise BackupError(f"nothing was restored ({error}); is there room for the copy?") from error
    except ProgramFailed as error:
        raise BackupError(f"nothing was restored: {error}") from error
