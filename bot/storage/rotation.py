"""Gives a database new keys: all encrypted again, blind indexes made anew, in batches that a kill can't harm."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

from sqlalchemy import (
    Column,
    LargeBinary,
    Row,
    Table,
    and_,
    bindparam,
    column,
    delete,
    func,
    insert,
    select,
    table,
    type_coerce,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.crypto import EncryptedJSON, EncryptedText, KeyRing
from bot.storage.database import MARKER, Database, DatabaseBusy, open_database
from bot.storage.tables import LOOKUP
from bot.storage.turns import lookup_of
from bot.workflow.ports import Address

AT_ONCE = 500
"""How many rows are encrypted again in one transaction. A proposal."""
PROGRESS = "rotation"
"""The name of the row in `meta` that says how far a rotation came."""
PLAIN = ("person_id", "lookup", "chat")
"""The columns that blind indexes are made from, or kept in."""
AnyRow: TypeAlias = Row[*tuple[Any, ...]]


@dataclass(frozen=True, kw_only=True)
class Rotated:
    """What a rotation did: how many rows got new keys now, how many open invitations ended, whether it was resumed."""

    rows: int
    invites: int
    resumed: bool


async def rotate(
    url: str, key_file: Path, at: datetime, *, after_batch: Callable[[str, int], None] = lambda table, rows: None
) -> Rotated:
    """Give a database new keys, and drop the old ones at the end; one that was cut off goes on where it stood.

    Invitations that nobody took end: their tokens are kept nowhere. *after_batch* is told the table and how many rows.
    Raises DatabaseBusy while anybody else uses the database, and what open_database raises.
    """
    ring = KeyRing.open(key_file, create=False, resuming=True)
    database = await open_database(url, ring)
    try:
        await _alone(database)
        resumed = ring.is_rotating
        ring.begin_rotation(key_file)
        rows, invites = await _Rotation(database, at, after_batch).run()
        await database.wipe()
        ring.end_rotation(key_file)
    finally:
        await database.close()
    return Rotated(rows=rows, invites=invites, resumed=resumed)


async def _alone(database: Database) -> None:
    """Make sure that no other process is connected to a PostgreSQL database: it would not know the new keys."""
    if database.engine.dialect.name != "postgresql":
        return
    there = table("pg_stat_activity", column("application_name"), column("datname"))
    ours = and_(there.c.datname == func.current_database(), there.c.application_name.startswith("coxa-"))
    others = select(func.count()).select_from(there).where(ours, there.c.application_name != database.name)
    async with database.begin() as connection:
        if (await connection.execute(others)).scalar_one():
            raise DatabaseBusy("another coxa is using this database; stop it first, then run coxa keys rotate again")


class _Rotation:
    """One rotation. A row that has new keys already may be done again: it comes out the same."""

    def __init__(self, database: Database, at: datetime, after_batch: Callable[[str, int], None]) -> None:
        self._database, self._at, self._after_batch = database, at, after_batch
        self._ring, self._meta = database.ring, database.tables.meta

    async def run(self) -> tuple[int, int]:
        """Do what is left; give how many rows that were, and how many invitations ended."""
        rows = 0
        tables = [t for t in self._database.tables.metadata.sorted_tables if _secret(t) and t.name != self._meta.name]
        begun, after = await self._progress()
        names = [t.name for t in tables]
        for one in tables[names.index(begun) if begun in names else 0 :]:
            after = after if one.name == begun else None
            while found := await self._batch(one, after):
                after = found[-1].key
                rows += len(found)
                self._after_batch(one.name, len(found))
        return rows, await self._finish()

    async def _progress(self) -> tuple[str | None, int | None]:
        """Tell in which table, and after which row of it, to go on."""
        async with self._database.begin() as connection:
            chosen = select(self._meta.c.value).where(self._meta.c.name == PROGRESS)
            held = (await connection.execute(chosen)).scalar()
        told = json.loads(held) if held is not None else {}
        return told.get("table"), told.get("after")

    async def _batch(self, one: Table, after: int | None) -> Sequence[AnyRow]:
        """Encrypt the next rows of a table again, and note how far it came, in one transaction."""
        key, secret = next(iter(one.primary_key.columns)), _secret(one)
        bare = [type_coerce(held, LargeBinary).label(held.name) for held in secret]
        plain = [one.c[name] for name in PLAIN if name in one.c and one.c[name] is not key]
        chosen = select(key.label("key"), *bare, *plain).order_by(key).limit(AT_ONCE)
        if after is not None:
            chosen = chosen.where(key > after)
        async with self._database.begin() as connection:
            rows = (await connection.execute(chosen)).all()
            if not rows:
                return ()
            changed = [self._anew(one, row) for row in rows]
            values = {name: bindparam(f"new_{name}", type_=_type(one, name)) for name in changed[0]}
            given = [
                {"this": row.key, **{f"new_{name}": value for name, value in new.items()}}
                for row, new in zip(rows, changed, strict=True)
            ]
            await connection.execute(update(one).where(key == bindparam("this")).values(values), given)
            await self._put(connection, PROGRESS, json.dumps({"table": one.name, "after": rows[-1].key}))
            return rows

    def _anew(self, one: Table, row: AnyRow) -> Mapping[str, Any]:
        """Give a row's ciphertexts with the new key, and its blind indexes."""
        new: dict[str, Any] = {}
        opened: dict[str, bytes] = {}
        for held in _secret(one):
            token = getattr(row, held.name)
            if token is not None:
                opened[held.name] = self._ring.decrypt(token)
            new[held.name] = self._ring.encrypt(opened[held.name]) if token is not None else None
        lookup = self._ring.lookup
        match one.name:
            case "address":
                new["lookup"] = lookup_of(self._ring, Address(**json.loads(opened["value"])))
            case "flag":
                new["lookup"] = lookup(f"{row.person_id}:{json.loads(opened['value'])['flag']['id']}")
            case "inbox":
                value = json.loads(opened["value"])
                new["lookup"] = lookup(value["key"]) if value["key"] else row.lookup  # emptied: never to come again
                new["chat"] = lookup(value["chat"]) if value.get("chat") else None
            case "invite":
                new["lookup"] = os.urandom(LOOKUP // 2).hex()
        return new

    async def _finish(self) -> int:
        """End invitations whose token can't be found any more; say in `meta` that this is the new keys' database."""
        invite, meta = self._database.tables.invite, self._meta
        is_open = and_(invite.c.used_at.is_(None), invite.c.revoked_at.is_(None), invite.c.expires_at > self._at)
        async with self._database.begin() as connection:
            ended = await connection.execute(update(invite).where(is_open).values(revoked_at=self._at))
            await connection.execute(delete(meta).where(meta.c.name == PROGRESS))
            for name, value in (await connection.execute(select(meta.c.name, meta.c.value))).all():
                await self._put(connection, name, self._ring.lookup(MARKER) if name == MARKER else value)
            return ended.rowcount

    async def _put(self, connection: AsyncConnection, name: str, value: str) -> None:
        changed = await connection.execute(update(self._meta).where(self._meta.c.name == name).values(value=value))
        if changed.rowcount == 0:
            await connection.execute(insert(self._meta).values(name=name, value=value))


def _secret(one: Table) -> Sequence[Column[Any]]:
    """List the encrypted columns of a table."""
    return [held for held in one.columns if isinstance(held.type, EncryptedText | EncryptedJSON)]


def _type(one: Table, name: str) -> Any:
    """Give the type that a changed column is written with: ciphertexts as they are."""
    held = one.c[name]
    return LargeBinary() if isinstance(held.type, EncryptedText | EncryptedJSON) else held.type
