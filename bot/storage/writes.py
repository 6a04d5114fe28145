"""The writes of a turn, each one statement for any number of rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Insert,
    Table,
    Update,
    and_,
    bindparam,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import UpdateBase

from bot.storage.tables import Tables

WAITING: ColumnElement[str] = literal_column("'waiting'")
"""In the words of the partial indices; what a statement for many rows says of itself can't be filled in later."""


class Writes:
    """Statements that are made once for a database. `of` is whose row it is, or which."""

    def __init__(self, tables: Tables, engine: str) -> None:
        t = self._tables = tables
        self._engine = engine
        self.conversation: Update = update(t.conversation).where(t.conversation.c.person_id == bindparam("of"))
        """of, state, shape, at."""
        self.typed: Update = (
            update(t.address)
            .where(
                t.address.c.lookup == bindparam("of"),
                or_(t.address.c.typed_at.is_(None), t.address.c.typed_at < bindparam("since")),
            )
            .values(typed_at=bindparam("since"))
        )
        """of: the lookup; since."""
        self.handled: Update = update(t.inbox).where(t.inbox.c.id == bindparam("of"))
        """of, state, done_at, attempts."""
        self.emptied: Update = update(t.inbox).where(t.inbox.c.id == bindparam("of"))
        """The same, and value, chat and trace, of which nothing is kept."""
        self.answer: Insert = insert(t.answer).values(
            seq=select(func.coalesce(func.max(t.answer.c.seq), 0) + 1)
            .where(t.answer.c.person_id == bindparam("of"), t.answer.c.screening == bindparam("run"))
            .scalar_subquery()
        )
        """of, run: the person and the screening again; person_id, screening, value, at."""
        self.raised = self._insert(t.flag).on_conflict_do_nothing()
        """person_id, lookup, urgency, action, value, raised_at."""
        standing = and_(
            t.flag.c.person_id == bindparam("of"), t.flag.c.lookup == bindparam("flag"), t.flag.c.closed_at.is_(None)
        )
        self.lifted: Update = update(t.flag).where(standing)
        """of, flag: its lookup; closed_at, reason."""
        put = self._insert(t.reminder)
        self.remind = put.on_conflict_do_update(
            index_elements=["person_id", "kind", "local_date", "slot"],
            set_={"due_at": put.excluded.due_at, "state": "waiting", "done_at": None, "why": None},
            where=t.reminder.c.state != "done",  # one that went out is never due again
        )
        """person_id, kind, local_date, slot, due_at, state."""
        self.sent: Update = (
            update(t.outbox).where(t.outbox.c.id == bindparam("of")).values(state="sent", not_before=None)
        )
        """of, message_id, done_at."""
        self.spoken: Update = update(t.address).where(t.address.c.id == bindparam("of"))
        """of, newest, keyboard, paced_until."""
        card = self._insert(t.card)
        changed = {name: card.excluded[name] for name in ("message_id", "kind", "sent_at")}
        self.card = card.on_conflict_do_update(index_elements=["address_id", "card"], set_=changed)
        """address_id, card, message_id, kind, sent_at."""
        self.begin_pace = self._insert(t.pace).on_conflict_do_nothing()
        """name, until."""
        self.put = cache(self._put)
        self.add = cache(self._add)
        self.forget = cache(self._forget)

    def _put(self, name: str) -> UpdateBase:
        """Put the one row that a person has in a table: person_id, value, at."""
        put = self._insert(getattr(self._tables, name))
        changed = {"value": put.excluded.value, "at": put.excluded.at}
        made: UpdateBase = put.on_conflict_do_update(index_elements=["person_id"], set_=changed)
        return made

    def _add(self, name: str) -> UpdateBase:
        """Add a row to a table."""
        return insert(getattr(self._tables, name))

    def _forget(self, kinds: Sequence[str]) -> UpdateBase:
        """Skip the reminders of these kinds that wait: of, done_at, why, state."""
        t = self._tables.reminder
        of_kinds = or_(*(t.c.kind == kind for kind in kinds))
        return update(t).where(t.c.person_id == bindparam("of"), t.c.state == WAITING, of_kinds)

    def _insert(self, table: Table) -> Any:
        return postgresql.insert(table) if self._engine == "postgresql" else sqlite.insert(table)
