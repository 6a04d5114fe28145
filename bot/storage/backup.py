"""Makes a backup of a database while it is used, and tells what a backup holds; the key file is never in one."""

from __future__ import annotations

import asyncio
import binascii
import os
import re
import secrets
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import quote

from bot.storage.crypto import DataKeyMissing, KeyRing
from bot.storage.database import MARKER, place_of, sqlite_file, with_driver
from bot.storage.postgres_programs import ProgramFailed, address_without_password, connecting, require, run

NAMED = re.compile(r"coxa-(\d{8}T\d{6}Z)\.(db|dump)")
"""How backups are called that are named by themselves: others are never deleted."""
STAMP = "%Y%m%dT%H%M%SZ"
PART = ".part"
"""What ends the name of a backup that is being made."""
PARTS_LAST = timedelta(days=1)
"""After how long a backup that is still being made was cut off for good. A proposal."""
SQLITE_SAYS, DUMP_SAYS = b"SQLite format 3\x00", b"PGDMP"
"""How the files begin."""
T = TypeVar("T")


class BackupError(Exception):
    """A backup that can't be made, or can't be used; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class Held:
    """What a backup holds: which engine it is of, which schema, how many people."""

    engine: Literal["sqlite", "postgresql"]
    revision: str | None
    people: int


@dataclass(frozen=True, kw_only=True)
class Backup:
    """A backup that was made, and found whole."""

    path: Path
    size: int
    held: Held


def engine_of(url: str) -> str:
    """Name the engine of a database, as SQLAlchemy does."""
    return with_driver(url).get_backend_name()


def name_at(url: str, at: datetime) -> str:
    """Name a backup by its instant."""
    ending = "db" if engine_of(url) == "sqlite" else "dump"
    return f"coxa-{at.astimezone(UTC):{STAMP}}.{ending}"


def newest_at(folder: Path) -> datetime | None:
    """Tell when the newest backup of a folder that is named by itself was made."""
    instants = [datetime.strptime(found[1], STAMP).replace(tzinfo=UTC) for _, found in _named(folder)]
    return max(instants, default=None)


def prune(folder: Path, keep: int, made: Path, at: datetime) -> Sequence[Path]:
    """Delete all backups that are named by themselves but the newest *keep*; *made* always stays. Give what went."""
    others = sorted((path for path, _ in _named(folder) if path != made), key=lambda path: path.name, reverse=True)
    gone = others[keep - 1 :]
    for path in gone:
        path.unlink(missing_ok=True)
    for path in folder.glob(f".coxa-*{PART}"):  # what a kill left, unless it is being made just now
        with suppress(FileNotFoundError):
            if at.timestamp() - path.stat().st_mtime > PARTS_LAST.total_seconds():
                path.unlink()
    return gone


async def backup(url: str, key_file: Path, to: Path) -> Backup:
    """Make a backup, beside whoever works; it gets its name when it was found whole. Never overwrites.

    Raises BackupError, and DataKeyMissing where the key file is not this database's.
    """
    with _trouble(to):
        copy = _way(url, to)
        KeyRing.open(key_file, create=False)
        part = _begin(to)
        try:
            await copy(part)
            # Opened only now: new keys may have come while the copy was made.
            held = await inspect(part, KeyRing.open(key_file, create=False))
            _sync(part)
            size = part.stat().st_size
            put(part, to)
        finally:
            part.unlink(missing_ok=True)
    return Backup(path=to, size=size, held=held)


async def inspect(path: Path, ring: KeyRing) -> Held:
    """Read a whole backup and tell what it holds.

    Raises BackupError for one that is damaged, DataKeyMissing for one that was made with another key.
    """
    try:
        with path.open("rb") as file:
            begins = file.read(len(SQLITE_SAYS))
    except OSError as error:
        raise BackupError(f"{path} can't be read ({error.strerror})") from error
    if begins == SQLITE_SAYS:
        return await asyncio.to_thread(_inspect_sqlite, path, ring)
    if begins.startswith(DUMP_SAYS):
        return await _inspect_dump(path, ring)
    raise BackupError(f"{path} is no backup: neither a SQLite database nor made by pg_dump --format=custom")


def put(part: Path, to: Path) -> None:
    """Give a file its name, durably; raises BackupError where that is taken."""
    try:
        try:
            os.link(part, to)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            os.close(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            part.replace(to)
    except FileExistsError as error:
        raise BackupError(f"{to} is there already, and no backup is written over another") from error
    sync_folder(to.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def reading(path: Path) -> sqlite3.Connection:
    """Open a SQLite file to read, and leave nothing beside it; what stands in its log is read, too."""
    logged = path.with_name(f"{path.name}-wal").exists()
    how = "mode=ro" if logged else "mode=ro&immutable=1"
    return sqlite3.connect(f"file:{quote(str(path.absolute()))}?{how}", uri=True, check_same_thread=False)


async def in_thread(connection: sqlite3.Connection, work: Callable[[], T]) -> T:
    """Do a long piece of work on a connection in a thread, which ends early where its task is cancelled."""
    try:
        return await asyncio.to_thread(work)
    except asyncio.CancelledError:
        connection.interrupt()
        raise


def _way(url: str, to: Path) -> Callable[[Path], Awaitable[None]]:
    """Give what copies a database, with all that it takes at hand; raises BackupError."""
    match engine_of(url):
        case "sqlite":
            file = sqlite_file(url)
            if file is None or not file.exists() or file.stat().st_size == 0:
                raise BackupError(f"there is nothing to back up: {place_of(url)} is not there")
            source = file.absolute()
            return lambda part: _copy_sqlite(source, part)
        case "postgresql":
            where = address_without_password(url)
            require("pg_dump", f"pg_dump --format=custom --no-owner --no-privileges --file={to} '{where}'")
            return lambda part: _dump(url, part)
        case other:
            raise BackupError(f"coxa backup knows SQLite and PostgreSQL; use what belongs to {other}")


def _begin(to: Path) -> Path:
    """Make the file that is to become the backup, readable to its owner only."""
    to.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if to.exists():
        raise BackupError(f"{to} is there already, and no backup is written over another; give another name")
    part = to.with_name(f".coxa-{secrets.token_hex(6)}{PART}")
    os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    return part


def _named(folder: Path) -> Iterator[tuple[Path, re.Match[str]]]:
    if folder.is_dir():
        for path in folder.iterdir():
            found = NAMED.fullmatch(path.name)
            if found is not None and path.is_file():
                yield path, found


@contextmanager
def _trouble(to: Path) -> Iterator[None]:
    """Raise BackupError for what goes wrong with a file system or a database, with what to do."""
    try:
        yield
    except OSError as error:
        raise BackupError(
            f"{to} can't be written ({error.strerror or error}); give a place with room where you may write"
        ) from error
    except sqlite3.Error as error:
        raise BackupError(f"the backup was not made ({error}); is there room at {to.parent}?") from error
    except ProgramFailed as error:
        raise BackupError(f"the backup was not made: {error}") from error


async def _copy_sqlite(file: Path, part: Path) -> None:
    """Copy a SQLite database as it stands at one instant; writers are not kept waiting."""
    connection = sqlite3.connect(
        f"file:{quote(str(file))}?mode=rw", uri=True, check_same_thread=False, isolation_level=None
    )
    with closing(connection):
        await in_thread(connection, lambda: connection.execute("VACUUM INTO ?", (str(part),)))


async def _dump(url: str, part: Path) -> None:
    """Dump a PostgreSQL database as it stands at one instant."""
    with connecting(url, "coxa-backup") as where:
        given = ("--format=custom", "--no-owner", "--no-privileges", "--no-password")
        await run("pg_dump", *given, f"--file={part}", f"--dbname={where}")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _inspect_sqlite(path: Path, ring: KeyRing) -> Held:
    try:
        with closing(reading(path)) as connection:
            found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
            if found != ["ok"]:
                raise BackupError(f"{path} is damaged ({found[0].splitlines()[0]}); use another backup")
            revision = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            marker = connection.execute("SELECT value FROM meta WHERE name = ?", (MARKER,)).fetchone()
            people = connection.execute("SELECT count(*) FROM person").fetchone()[0]
    except sqlite3.Error as error:
        raise BackupError(f"{path} is damaged, or no database of Coxa ({error}); use another backup") from error
    _check_marker(path, ring, bytes(marker[0]) if marker is not None else None)
    return Held(engine="sqlite", revision=str(revision[0]) if revision is not None else None, people=int(people))


async def _inspect_dump(path: Path, ring: KeyRing) -> Held:
    try:
        require("pg_restore", f"pg_restore --list {path}")
        await run("pg_restore", f"--file={os.devnull}", str(path))  # reads all of it, not only its list
        revisions, metas = await _rows(path, "alembic_version"), await _rows(path, "meta")
        people = await _rows(path, "person")
    except ProgramFailed as error:
        if error.missing:
            raise BackupError(str(error)) from error
        raise BackupError(f"{path} is damaged, or newer than this pg_restore; use another backup ({error})") from error
    if not revisions:
        raise BackupError(f"{path} holds no database of Coxa")
    markers = [value for name, value in (row.split("\t", 1) for row in metas) if name == MARKER]
    marker = binascii.unhexlify(markers[0].removeprefix("\\\\x")) if markers else None
    _check_marker(path, ring, marker)
    return Held(engine="postgresql", revision=revisions[0], people=len(people))


async def _rows(path: Path, table: str) -> Sequence[str]:
    """Read the rows of one table of a dump, as COPY writes them."""
    lines = (await run("pg_restore", "--data-only", f"--table={table}", "--file=-", str(path))).splitlines()
    begins = next((number for number, line in enumerate(lines, 1) if line.startswith("COPY ")), len(lines))
    ends = next((number for number, line in enumerate(lines) if number >= begins and line == "\\."), len(lines))
    return lines[begins:ends]


def _check_marker(path: Path, ring: KeyRing, marker: bytes | None) -> None:
    """Make sure that a database is this ring's; raises DataKeyMissing."""
    try:
        if marker is not None and ring.decrypt(marker).decode() in ring.lookups(MARKER):
            return
    except DataKeyMissing:
        pass
    raise DataKeyMissing(
        f"{path} was made with another key than those in {ring.where}; put the key file of that time in"
        " COXA_KEY_FILE, and the newest erased.jsonl beside it"
    )
