"""Runs PostgreSQL's own programs; a password is never among their arguments, which everybody on a machine can read."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL

from bot.storage.database import CONNECT_SECONDS, with_driver

KNOWN = ("host", "port", "sslmode", "sslrootcert", "sslcert", "sslkey")
"""What an address may say that these programs understand, too; the rest is for our driver."""
LINES = 2
"""So much of what a program complains of is told: the error, and its detail or hint."""
INSTALL = (
    "Debian and Ubuntu: apt-get install postgresql-client; Alpine: apk add postgresql-client; macOS: brew install libpq"
)


class ProgramFailed(Exception):
    """A program that is `missing`, or ended with an error; the message says which."""

    def __init__(self, why: str, *, missing: bool = False) -> None:
        super().__init__(why)
        self.missing = missing


def require(program: str, by_hand: str) -> None:
    """Make sure that a program is installed; else say what to install, and what to run *by hand* elsewhere."""
    if shutil.which(program) is None:
        raise ProgramFailed(
            f"{program} is not installed here. Install PostgreSQL's client programs, of the server's version or a"
            f" newer one ({INSTALL}), or run this where they are: {by_hand}",
            missing=True,
        )


def address_without_password(url: str) -> str:
    """Give a database's address as the programs take it; they ask for a password, or read it from ~/.pgpass."""
    address = with_driver(url)
    query = {key: value for key, value in address.query.items() if key in KNOWN}
    if "ssl" in address.query:
        query["sslmode"] = address.query["ssl"]
    bare = URL.create("postgresql", address.username, None, address.host, address.port, address.database, query)
    return bare.render_as_string()


async def run(program: str, *arguments: str) -> str:
    """Run a program of PostgreSQL and give what it wrote; raises ProgramFailed."""
    require(program, f"{program} …")
    process = await asyncio.create_subprocess_exec(
        program,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        said = err.decode(errors="replace").strip().splitlines()
        raise ProgramFailed("; ".join(said[:LINES]) if said else f"{program} ended with {process.returncode}")
    return out.decode()


@contextmanager
def connecting(url: str, name: str) -> Iterator[str]:
    """Say where a database is, as the programs take it, for as long as this is open; *name* is the connection's."""
    address = with_driver(url)
    given = {key: str(value) for key, value in address.query.items() if key in KNOWN}
    if "ssl" in address.query:  # our driver's word for it
        given["sslmode"] = str(address.query["ssl"])
    whole: dict[str, object] = {
        "dbname": address.database,
        "user": address.username,
        "host": address.host,
        "port": address.port,
        "application_name": name,
        "connect_timeout": CONNECT_SECONDS,
        **given,
    }
    with tempfile.TemporaryDirectory(prefix="coxa-") as folder:
        if address.password is not None:
            whole["passfile"] = _password_file(Path(folder), str(address.password))
        yield " ".join(f"{key}={_quoted(str(value))}" for key, value in whole.items() if value is not None)


def _password_file(folder: Path, password: str) -> Path:
    path = folder / "passfile"
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"*:*:*:*:{escaped}\n")
    return path


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
