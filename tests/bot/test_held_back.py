"""Writes that are held back come to the same as writes that are told at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, String, Table, bindparam, delete, event, insert, select, update
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from bot.storage.held_back import HeldBack

METADATA = MetaData()
LOG = Table("log", METADATA, Column("id", Integer, primary_key=True), Column("person", Integer), Column("what", String))
STATE = Table("state", METADATA, Column("person", Integer, primary_key=True), Column("what", String, nullable=False))
PERSON = Table("person", METADATA, Column("id", Integer, primary_key=True))
ADD = insert(LOG)
_put = sqlite.insert(STATE)
PUT = _put.on_conflict_do_update(index_elements=["person"], set_={"what": _put.excluded.what})
CHANGE = update(STATE).where(STATE.c.person == bindparam("of"))


@dataclass(frozen=True)
class Write:
    """A write about a person: added, put, changed, cleared at once, or only looked at."""

    kind: str
    person: int
    what: str


@dataclass(frozen=True)
class Scope:
    """Writes in a savepoint, which may be undone at its end."""

    inside: tuple[Deed, ...]
    raises: bool


Deed: TypeAlias = Write | Scope
writes = st.builds(
    Write, st.sampled_from(["add", "put", "change", "clear", "look"]), st.integers(1, 3), st.sampled_from("abc")
)
deeds = st.recursive(writes, lambda inner: st.builds(Scope, st.lists(inner, max_size=4).map(tuple), st.booleans()))


class Undone(Exception):
    """What a scope raises that is undone."""


@dataclass
class Played:
    """What came of a play: what was seen on the way, what stands at its end, how many statements it took."""

    seen: list[object] = field(default_factory=list)
    stands: list[object] = field(default_factory=list)
    statements: int = 0


async def do(held: HeldBack, deed: Deed, played: Played) -> None:
    match deed:
        case Write("add", person, what):
            await held.later(person, ADD, {"person": person, "what": what})
        case Write("put", person, what):
            await held.later(person, PUT, {"person": person, "what": what})
        case Write("change", person, what):
            await held.later(person, CHANGE, {"of": person, "what": what})
        case Write("clear", person, _):
            await held.execute(delete(STATE).where(STATE.c.person == person))
        case Write(_, person, _):
            rows = await held.execute(select(STATE.c.what).where(STATE.c.person == person))
            logged = await held.execute(select(LOG.c.what).where(LOG.c.person == person).order_by(LOG.c.id))
            played.seen.append((rows.scalars().all(), logged.scalars().all()))
        case Scope(inside, raises):
            with suppress(Undone):
                async with held.savepoint():
                    for one in inside:
                        await do(held, one, played)
                    if raises:
                        raise Undone


@asynccontextmanager
async def open_connection() -> AsyncIterator[tuple[AsyncConnection, list[str]]]:
    engine, said = create_async_engine("sqlite+aiosqlite://"), list[str]()
    event.listen(engine.sync_engine, "connect", lambda connection, _: setattr(connection, "isolation_level", None))
    event.listen(engine.sync_engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    event.listen(engine.sync_engine, "before_cursor_execute", lambda *given: said.append(given[2]))
    async with engine.begin() as connection:
        await connection.run_sync(METADATA.create_all)
        said.clear()
        yield connection, said
    await engine.dispose()


async def play(steps: Sequence[Deed], *, at_once: bool) -> Played:
    played = Played()
    async with open_connection() as (connection, said):
        held = HeldBack(connection, changed=lambda: None, at_once=at_once)
        for step in steps:
            await do(held, step, played)
        await held.tell()
        played.statements = len(said)
        for table, order in ((LOG, LOG.c.person), (STATE, STATE.c.person)):
            columns = [table.c.person, table.c.what]
            key = LOG.c.id if table is LOG else order
            played.stands += (await connection.execute(select(*columns).order_by(order, key))).all()
    return played


@given(st.lists(deeds, max_size=12))
def test_held_back_or_not_comes_to_the_same(steps: list[Deed]) -> None:
    async def both() -> tuple[Played, Played]:
        return await play(steps, at_once=False), await play(steps, at_once=True)

    held, told = asyncio.run(both())
    assert (held.seen, held.stands) == (told.seen, told.stands)


async def test_many_turns_are_told_in_few_statements() -> None:
    steps = [
        Scope(tuple(Write(kind, person, "a") for kind in ("put", "add", "change", "add")), raises=False)
        for person in range(1, 31)
    ]
    held, told = await play(steps, at_once=False), await play(steps, at_once=True)
    assert held.stands == told.stands
    assert held.statements == 3  # one a table, and one more for what changes a row that was put just before
    assert told.statements >= 4 * 30


async def test_what_is_undone_before_it_was_told_is_never_told() -> None:
    assert (await play([Scope((Write("add", 1, "a"),), raises=True)], at_once=False)).statements == 0


async def test_whoever_knew_of_others_is_told_when_they_may_have_changed() -> None:
    changed = list[str]()
    async with open_connection() as (connection, _):
        held = HeldBack(connection, changed=lambda: changed.append("changed"))
        await held.later(1, PUT, {"person": 1, "what": "a"})
        await held.execute(select(PERSON))
        assert changed == []
        await held.execute(insert(PERSON).values(id=1), harmless=True)
        assert changed == []
        await held.execute(insert(PERSON).values(id=2))
        assert changed == ["changed"]
        with pytest.raises(Undone):
            async with held.savepoint():
                await held.execute(select(PERSON))
                raise Undone
        assert changed == ["changed", "changed"]


async def test_what_the_database_does_not_take_is_nobodys_fault_in_particular() -> None:
    async with open_connection() as (connection, _):
        held = HeldBack(connection, changed=lambda: None)
        async with held.savepoint():
            await held.later(1, ADD, {"person": 1, "what": "a"})
        async with held.savepoint():
            await held.later(2, PUT, {"person": 2, "what": None})
        assert held.broken is None
        with pytest.raises(IntegrityError):
            await held.tell()
        assert isinstance(held.broken, IntegrityError)
