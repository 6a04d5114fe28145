"""A connection that holds simple writes back, to tell the database many at once."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import CursorResult, Dialect, Executable
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncTransaction
from sqlalchemy.sql.dml import UpdateBase

Row = Mapping[str, Any]
SHARED = frozenset({"person", "address", "role", "link", "desk"})
"""Tables of which a turn may know what stands in somebody else's rows."""


class Executes(Protocol):
    """Runs statements: an AsyncConnection, or one that holds writes back."""

    @property
    def dialect(self) -> Dialect:
        """Tell which database this is."""

    async def execute(
        self, statement: Executable, parameters: Row | Sequence[Row] | None = None, /
    ) -> CursorResult[*tuple[Any, ...]]:
        """Run a statement."""


@dataclass(frozen=True)
class _Write:
    person_id: int
    statement: UpdateBase
    row: Row


@dataclass
class _Scope:
    """A savepoint; it is made only when something inside asks the database."""

    mark: int
    nested: AsyncTransaction | None = None


class HeldBack:
    """A connection with writes that wait.

    They are told in few statements, before anything is read that could show them, and at the end. Those of one person
    in one table keep their order; no others may depend on each other. What is undone before it was told was never
    there. *changed* is called where what other people's turns know may have changed. *at_once*: hold nothing back.
    """

    def __init__(self, connection: AsyncConnection, *, changed: Callable[[], None], at_once: bool = False) -> None:
        self._connection, self._changed, self._at_once = connection, changed, at_once
        self._held: list[_Write] = []
        self._told = 0
        self._scopes: list[_Scope] = []
        self.broken: DBAPIError | None = None
        """Why what waited could not be told: whose write it was is not known, so all is to be undone."""

    @property
    def dialect(self) -> Dialect:
        """Tell which database this is."""
        return self._connection.dialect

    async def execute(
        self, statement: Executable, parameters: Row | Sequence[Row] | None = None, /, *, harmless: bool = False
    ) -> CursorResult[*tuple[Any, ...]]:
        """Run a statement now, after all that waits; *harmless*: it changes nothing that others know."""
        await self._catch_up()
        if not harmless and isinstance(statement, UpdateBase) and getattr(statement.table, "name", "") in SHARED:
            self._changed()
        return await self._connection.execute(statement, parameters)

    async def later(self, person_id: int, statement: UpdateBase, row: Row) -> None:
        """Hold a write back: a statement, the same object for all its rows, and the values of its parameters."""
        if self._at_once:
            await self.execute(statement, row)
        else:
            self._held.append(_Write(person_id, statement, row))

    async def tell(self) -> None:
        """Tell the database all that waits."""
        await self._catch_up()

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Undo what happens inside when it raises, and nothing else."""
        scope = _Scope(mark=self._told + len(self._held))
        self._scopes.append(scope)
        try:
            yield
        except BaseException:
            self._scopes.pop()
            del self._held[max(0, scope.mark - self._told) :]
            if scope.nested is not None:
                self._changed()
                await scope.nested.__aexit__(*sys.exc_info())
            raise
        self._scopes.pop()
        if scope.nested is not None:
            await scope.nested.commit()

    async def _catch_up(self) -> None:
        """Make the savepoints that are only marks, each between what waited before it and what came after."""
        for scope in self._scopes:
            if scope.nested is None:
                await self._tell(scope.mark - self._told)
                scope.nested = await self._connection.begin_nested()
        await self._tell(len(self._held))

    async def _tell(self, count: int) -> None:
        writes, self._held = self._held[:count], self._held[count:]
        self._told += len(writes)
        try:
            for statement, rows in _in_order(writes):
                await self._connection.execute(statement, rows)
        except DBAPIError as error:
            self.broken = error
            raise


def _in_order(writes: Sequence[_Write]) -> Sequence[tuple[UpdateBase, list[Row]]]:
    """Put writes with the same statement together, where nothing of the same person and table stands between them."""
    last: dict[tuple[int, int], tuple[int, int]] = {}
    groups: dict[tuple[int, int, int], tuple[UpdateBase, list[Row]]] = {}
    first_seen: dict[int, int] = {}
    for write in writes:
        table, kind = id(write.statement.table), id(write.statement)
        level, before = last.get((table, write.person_id), (0, kind))
        level += before != kind
        last[table, write.person_id] = (level, kind)
        place = first_seen.setdefault(table, len(first_seen))
        groups.setdefault((place, level, kind), (write.statement, []))[1].append(write.row)
    return [groups[key] for key in sorted(groups, key=lambda key: key[:2])]
