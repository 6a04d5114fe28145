"""Deletes a person: their rows, and what others were told of them."""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Column, ColumnElement, Row, Select, Table, and_, delete, select, update

from bot.storage.crypto import KeyRing
from bot.storage.held_back import Executes
from bot.storage.tables import Tables
from bot.workflow.ports import Address

PERSON = "person"
"""The source of events that are for a person by number, not by chat."""
EMPTY_EVENT: Mapping[str, Any] = {"key": "", "body": {}}
EMPTY_MESSAGE: Mapping[str, Any] = {"text": "", "rows": []}
AnyRow: TypeAlias = Row[*tuple[Any, ...]]


@dataclass(frozen=True, kw_only=True)
class Erased:
    """Where a deleted person was reached: all their addresses, and the one to say goodbye at (None: blocked)."""

    addresses: tuple[Address, ...]
    goodbye: Address | None


async def erase(
    connection: Executes, tables: Tables, ring: KeyRing, person_id: int, at: datetime, *, waiting: bool
) -> Erased:
    """Delete all of a person. With *waiting*, what waits from their chat goes too; else it is left to be handled.

    Rows that hang on the person go with it. What others were told is emptied: messages about the person, and what
    came from a coach and names them. Audit, overrides and ratings stay and forget whose they were.
    """
    return await _Erasing(connection, tables, ring, person_id, at).run(waiting=waiting)


class _Erasing:
    """The deletion of one person."""

    def __init__(self, connection: Executes, tables: Tables, ring: KeyRing, person_id: int, at: datetime) -> None:
        self._connection, self._tables, self._ring = connection, tables, ring
        self._id, self._at = person_id, at
        self._sign = re.compile("(?!)")

    async def run(self, *, waiting: bool) -> Erased:
        t = self._tables
        name = (await self._connection.execute(select(t.person.c.name).where(t.person.c.id == self._id))).scalar()
        self._sign = _sign(self._id, name or "")
        own = await self._addresses([self._id])
        addresses = tuple(Address(**row.value) for row in own)
        told = await self._told()
        await self._own_events([self._chat(a) for a in addresses], waiting=waiting)
        await self._events_without_chat(addresses, waiting=waiting)
        await self._events_of([self._chat(Address(**row.value)) for row in await self._addresses(told)])
        await self._messages_to(told)
        await self._cover()
        await self._invites(name or "")
        await self._unnamed(t.override)
        await self._unnamed(t.rating)
        await self._run(delete(t.person).where(t.person.c.id == self._id))
        reached = [Address(**row.value) for row in own if row.preferred and row.blocked_at is None]
        return Erased(addresses=addresses, goodbye=reached[0] if reached else None)

    async def _run(self, statement: Any) -> None:
        await self._connection.execute(statement)

    async def _rows(self, chosen: Select[*tuple[Any, ...]]) -> Sequence[AnyRow]:
        """Read rows to change; those that another process has in hand are passed over, as it would wait for us."""
        return (await self._connection.execute(chosen.with_for_update(skip_locked=True))).all()

    async def _addresses(self, people: Collection[int]) -> Sequence[AnyRow]:
        t = self._tables.address
        chosen = select(t.c.id, t.c.value, t.c.preferred, t.c.blocked_at).where(t.c.person_id.in_(sorted(people)))
        return (await self._connection.execute(chosen.order_by(t.c.id))).all()

    def _chat(self, address: Address) -> str:
        return self._ring.lookup(chat_of(address))

    async def _told(self) -> set[int]:
        """Find everybody who may have been told of them: who looked, coaches of theirs, and operators."""
        t = self._tables
        ways = (
            select(t.audit.c.person_id).where(t.audit.c.client_id == self._id),
            select(t.link.c.coach_id).where(t.link.c.client_id == self._id),
            select(t.desk.c.person_id).where(t.desk.c.takes_all),
            select(t.role.c.person_id).where(t.role.c.role == "operator"),
        )
        found = {one for way in ways for one in (await self._connection.execute(way)).scalars()}
        return {int(one) for one in found if one is not None} - {self._id}

    # --- what came in

    async def _own_events(self, chats: Collection[str], *, waiting: bool) -> None:
        t = self._tables.inbox
        await self._run(delete(t).where(t.c.chat.in_(chats), self._left(waiting)))

    def _left(self, waiting: bool) -> ColumnElement[bool]:
        t = self._tables.inbox
        return t.c.state.in_(("waiting", "done", "aside") if waiting else ("done", "aside"))

    async def _events_without_chat(self, addresses: Collection[Address], *, waiting: bool) -> None:
        """Delete what came for them, or of them, from nobody's chat."""
        t = self._tables.inbox
        here = {(address.channel, address.chat) for address in addresses}
        gone = [
            row.id
            for row in await self._rows(select(t.c.id, t.c.source, t.c.state, t.c.value).where(t.c.chat.is_(None)))
            if self._is_theirs(row, here, waiting=waiting)
        ]
        await self._run(delete(t).where(t.c.id.in_(gone)))

    def _is_theirs(self, row: AnyRow, here: Collection[tuple[str, str]], *, waiting: bool) -> bool:
        body = row.value.get("body") or {}
        if row.source == PERSON:
            return self._id in (body.get("to"), body.get("client_id"))
        return (row.source, body.get("from")) in here and (waiting or row.state != "waiting")

    async def _events_of(self, chats: Collection[str]) -> None:
        """Empty what coaches sent that names them: their words, and taps, which quote the message above them."""
        t = self._tables.inbox
        chosen = select(t.c.id, t.c.value, t.c.trace).where(t.c.chat.in_(chats), self._left(False))
        named = [row.id for row in await self._rows(chosen) if self._names_them((row.value, row.trace))]
        await self._run(update(t).where(t.c.id.in_(named)).values(value=EMPTY_EVENT, trace=None))

    # --- what went out, to others

    async def _messages_to(self, people: Collection[int]) -> None:
        """Empty what others were told of them; what waits to be told is not."""
        t = self._tables
        chosen = select(t.outbox.c.id, t.outbox.c.message).where(t.outbox.c.person_id.in_(sorted(people)))
        about = [row.id for row in await self._rows(chosen) if self._is_about_them(row.message)]
        here = t.outbox.c.id.in_(about)
        held_back = and_(here, t.outbox.c.state == "waiting")
        await self._run(update(t.outbox).where(held_back).values(state="superseded", done_at=self._at))
        await self._run(update(t.outbox).where(here).values(message=EMPTY_MESSAGE, card=None, why=None))
        theirs = select(t.address.c.id).where(t.address.c.person_id.in_(sorted(people)))
        cards = and_(t.card.c.address_id.in_(theirs), t.card.c.card.like(f"%-{self._id}"))
        await self._run(delete(t.card).where(cards))

    def _is_about_them(self, message: Mapping[str, Any]) -> bool:
        about = message.get("about")
        return self._id in about if about else self._names_them(message)

    def _names_them(self, value: Any) -> bool:
        return any(self._sign.search(text) for text in _texts(value))

    # --- what else mentions them

    async def _cover(self) -> None:
        """Nobody is covered for by somebody who is gone."""
        t = self._tables.desk
        for row in (await self._connection.execute(select(t.c.person_id, t.c.value))).all():
            if isinstance(row.value, dict) and row.value.get("cover_id") == self._id:
                kept = {**row.value, "cover_id": None}
                await self._run(update(t).where(t.c.person_id == row.person_id).values(value=kept))

    async def _invites(self, name: str) -> None:
        """Delete the invitations that they made, the one that they came by, and those that have ended and name them."""
        t = self._tables.invite
        rows = (await self._connection.execute(select(t))).all()
        gone = [row.id for row in rows if row.maker_id == self._id or _invited(row, self._id, name, self._at)]
        await self._run(delete(t).where(t.c.id.in_(gone)))

    async def _unnamed(self, table: Table) -> None:
        """Take what names them out of rows that stay; whose rows they are is forgotten with the person."""
        client: Column[Any] = table.c.client_id
        chosen = select(table.c.id, table.c.value).where(client == self._id)
        for row in (await self._connection.execute(chosen)).all():
            await self._run(update(table).where(table.c.id == row.id).values(value=self._without(row.value)))

    def _without(self, value: Any) -> Any:
        match value:
            case str():
                return self._sign.sub("–", value)
            case Mapping():
                kept = {key: item for key, item in value.items() if key not in ("client", "client_id", "client_name")}
                return {key: self._without(item) for key, item in kept.items()}
            case list() | tuple():
                return [self._without(item) for item in value]
        return value


def chat_of(address: Address) -> str:
    """Give the chat of an address as events name it; see Raw."""
    return f"{address.channel}:{address.bot}:{address.chat}"


def _invited(row: AnyRow, person_id: int, name: str, at: datetime) -> bool:
    """Tell whether they came by an invitation, or it has ended and names them; who else used one keeps it."""
    value = row.value if isinstance(row.value, dict) else {}
    if (used_by := value.get("used_by")) is not None:
        return bool(used_by == person_id)
    ended = row.used_at is not None or row.revoked_at is not None or row.expires_at <= at
    return ended and bool(name) and value.get("name") == name


def _sign(person_id: int, name: str) -> re.Pattern[str]:
    """Make the sign that a text is about somebody: their name as words of their own, or a button that carries them."""
    names = {re.escape(one) for one in (name, html.escape(name, quote=False)) if one.strip()}
    signs = [rf"\bk:\w+:{person_id}(?![0-9])", *(rf"(?<!\w){one}(?!\w)" for one in sorted(names))]
    return re.compile("|".join(signs), re.IGNORECASE)


def _texts(value: Any) -> Iterator[str]:
    """Give every text inside a value."""
    match value:
        case str():
            yield value
        case Mapping():
            for item in value.values():
                yield from _texts(item)
        case list() | tuple():
            for item in value:
                yield from _texts(item)
