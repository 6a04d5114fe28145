"""SQLite statements in the thread of the event loop: handing each to another thread costs more than most of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import aiosqlite

T = TypeVar("T")
WAITS = ("BEGIN", "COMMIT", "VACUUM", "PRAGMA WAL_CHECKPOINT")
"""Statements that may wait for a lock or for the disk."""


class Here(aiosqlite.Connection):
    """A connection that hands to its thread only what may wait: the rest takes microseconds."""

    async def _execute(self, fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        if fn in (self._conn.commit, self._conn.close) or (args and _may_wait(args[0])):
            waited: T = await super()._execute(fn, *args, **kwargs)  # type: ignore[no-untyped-call]
            return waited
        return fn(*args, **kwargs)


def _may_wait(statement: object) -> bool:
    return isinstance(statement, str) and statement.lstrip().upper().startswith(WAITS)


def connect_here(database: str, **given: Any) -> Here:
    """Connect to a SQLite file; what is to be awaited."""
    given |= {"check_same_thread": False}
    return Here(partial(sqlite3.connect, database, **given), iter_chunk_size=64)
