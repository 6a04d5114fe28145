"""One transaction over a batch of turns, in SQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict
from datetime import date, datetime
from typing import Any, TypeVar

from pydantic import BaseModel
from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    String,
    Table,
    and_,
    case,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.coaching.alerts import Alert
from bot.coaching.desk import Desk
from bot.conversation.activities import Conversation
from bot.conversation.effects import (
    Forget,
    KeepAlert,
    KeepAnswer,
    KeepAssessment,
    KeepClip,
    KeepConsent,
    KeepDesk,
    KeepEntry,
    KeepOrders,
    KeepOverride,
    KeepPlan,
    KeepProfile,
    KeepRating,
    KeepRhythm,
    Kept,
    LiftFlag,
    RaiseFlag,
    Remind,
)
from bot.conversation.known import SIDE_CONSENTS, Known
from bot.storage import reapply
from bot.storage.crypto import KeyRing, to_json
from bot.storage.desks import SqlDesks
from bot.storage.erasure import EMPTY_EVENT, erase
from bot.storage.erasure_list import ErasureList
from bot.storage.held_back import Executes, HeldBack
from bot.storage.standings import PROFILE, Ahead, Reached, SqlStandings, readable
from bot.storage.tables import Tables, in_state
from bot.storage.writes import Writes
from bot.timetable.rhythm import KINDS, Rhythm, Slot
from bot.workflow.ports import Address, DueRow, InboxRow, Message, NobodyError, Raw

MOST_OF_A_CHAT = 10
"""Events of one chat that a batch takes at most. A proposal."""
LOOKED_AT = 1000
"""Events among which they are chosen: where more wait, the oldest. A proposal."""
FIRST_ROLE = "client"
TROUBLE = frozenset({"08", "40", "53", "55", "57", "58"})
"""Classes of SQLSTATE that no event is to blame for: connection, locks, resources, operator, system."""
M = TypeVar("M", bound=BaseModel)


class SqlTurns:
    """The turns of one open transaction.

    On PostgreSQL, where several processes have transactions open, they never wait for each other in a circle. A
    transaction has its chats to itself, so it waits for no other one over the people of those chats; an event that
    came from no chat may concern anybody, and so is handled alone, by a transaction that holds nobody while it waits.
    Within one person all lock in one order: conversation, address, outbox. (Nobody has two addresses yet; one who
    had could be met by two transactions at once. Should the server break a circle all the same, the whole
    transaction is undone and its events wait: see `savepoint`.)
    """

    def __init__(
        self,
        connection: AsyncConnection,
        tables: Tables,
        ring: KeyRing,
        erasures: ErasureList | None = None,
        *,
        writes: Writes,
        at_once: bool = False,
    ) -> None:
        self._tables, self._ring, self._erasures = tables, ring, erasures
        self._connection = HeldBack(connection, changed=self._forget_all, at_once=at_once)
        self._at_once = at_once
        self._writes = writes
        self._ahead = Ahead()
        self.has_erased = False
        """Whether somebody was deleted: there is something to do after the commit."""
        self._shared = connection.dialect.name == "postgresql"
        self._broken: DBAPIError | None = None

    async def pending(self, limit: int, now: datetime, sources: Collection[str]) -> Sequence[InboxRow]:
        """Give the rows that wait, the oldest first: within a chat, that is the order in which they came.

        Of one chat come only so many at a time, so that who writes much delays others little.
        They are locked. Rows that another process has in hand are passed over, and so is what came later in their
        chats: nobody handles it before them. Where processes share the database, a row of no chat comes alone.
        """
        t = self._tables.inbox
        # The source is dressed up, or SQLite takes the index that begins with it, and reads all that ever came.
        here = and_(in_state(t, "waiting"), (t.c.source + "").in_(sorted(sources)))
        here = and_(here, or_(t.c.not_before.is_(None), t.c.not_before <= now))
        oldest = select(t.c.id, t.c.chat).where(here).order_by(t.c.id).limit(LOOKED_AT).subquery()
        of_chat = func.coalesce(oldest.c.chat, cast(oldest.c.id, String))
        ranked = select(oldest.c.id, func.row_number().over(partition_by=of_chat, order_by=oldest.c.id).label("rank"))
        ranks = ranked.subquery()
        here = t.c.id.in_(select(ranks.c.id).where(ranks.c.rank <= MOST_OF_A_CHAT).order_by(ranks.c.id).limit(limit))
        here = and_(here, in_state(t, "waiting"))  # again, as another process may have handled it meanwhile
        if not self._shared:
            before = t.alias("before")
            put_off = and_(in_state(before, "waiting"), before.c.chat == t.c.chat, before.c.id < t.c.id)
            here = and_(here, ~exists().where(put_off, before.c.not_before > now))
        else:
            here = t.c.id.in_(await self._take(here, limit))
        chosen = select(t.c.id, t.c.source, t.c.value, t.c.at, t.c.attempts).where(here)
        rows = await self._connection.execute(chosen.order_by(t.c.id).limit(limit))
        return [
            InboxRow(
                id=row.id,
                raw=Raw(
                    source=row.source,
                    key=row.value["key"],
                    body=row.value["body"],
                    at=row.at,
                    chat=row.value.get("chat", ""),  # rows of the first version lack it
                ),
                attempts=row.attempts,
            )
            for row in rows
        ]

    async def _take(self, here: ColumnElement[bool], limit: int) -> Sequence[int]:
        """Lock the oldest rows that nobody has in hand, and give the ids of those whose turn it is."""
        t = self._tables.inbox
        free = select(t.c.id, t.c.chat).where(here).order_by(t.c.id).limit(limit).with_for_update(skip_locked=True)
        rows = (await self._connection.execute(free)).all()
        rows = rows[:1] if rows and rows[0].chat is None else [row for row in rows if row.chat is not None]
        held_up = await self._held_up(rows)
        return [row.id for row in rows if row.chat not in held_up or row.id < held_up[row.chat]]

    async def _held_up(self, rows: Sequence[Row[*tuple[Any, ...]]]) -> Mapping[str, int]:
        """Give, by chat, the first event that waits and is not among these rows: another process has it in hand."""
        t = self._tables.inbox
        chats = {row.chat for row in rows if row.chat is not None}
        if not chats:
            return {}
        others = select(t.c.chat, func.min(t.c.id).label("first")).where(in_state(t, "waiting"))
        others = others.where(t.c.chat.in_(sorted(chats)), t.c.id.not_in([row.id for row in rows]))
        found = await self._connection.execute(others.group_by(t.c.chat))
        return {row.chat: row.first for row in found}

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """Undo what happens inside when it raises, and nothing else.

        Where it raises because the database is in trouble (a lost connection, a broken circle of locks), no event is
        to blame: the next savepoint raises the same, so that none is set aside and the whole transaction is undone.
        """
        return self._savepoint()

    @asynccontextmanager
    async def _savepoint(self) -> AsyncIterator[None]:
        broken = self._broken or self._connection.broken
        if broken is not None:
            raise broken
        try:
            async with self._connection.savepoint():
                yield
        except DBAPIError as error:
            if error.connection_invalidated or str(getattr(error.orig, "sqlstate", ""))[:2] in TROUBLE:
                self._broken = error
            raise

    async def tell(self) -> None:
        """Tell the database all that was held back; raises what the database says of it."""
        await self._connection.tell()

    def _forget_all(self) -> None:
        """Read anew what was read ahead: somebody else's rows have changed."""
        self._ahead = Ahead()

    async def _hold(self, lookup: str) -> None:
        """Lock the conversation, then the address, of whoever is reached there."""
        if self._shared:
            t = self._tables
            here = select(t.address.c.id).join_from(
                t.address, t.conversation, t.conversation.c.person_id == t.address.c.person_id
            )
            here = here.where(t.address.c.lookup == lookup)
            await self._connection.execute(here.with_for_update(of=[t.conversation, t.address], key_share=True))

    async def person_at(self, address: Address, name: str, at: datetime, *, add: bool = True) -> int:
        """Give the id of the person at an address; one who is new becomes a client, or raises NobodyError.

        A name is kept from the first time it is told: one that a coach is given must not change under clients.
        """
        t, lookup = self._tables, lookup_of(self._ring, address)
        ahead = self._ahead.there.get(lookup)
        if ahead is not None and not (name and ahead in self._ahead.nameless):
            return ahead
        found = select(t.person.c.id, t.person.c.name).join(t.address).where(t.address.c.lookup == lookup)
        row = (await self._connection.execute(found)).one_or_none()
        if row is None and not add:
            raise NobodyError("nobody is at this address")
        if row is None and self._shared:
            # Somebody new: one process adds them, the others wait and find them.
            await self._connection.execute(select(func.pg_advisory_xact_lock(int(lookup[:15], 16))))
            row = (await self._connection.execute(found)).one_or_none()
        if row is not None:
            if name and not row.name:
                await self._connection.execute(update(t.person).where(t.person.c.id == row.id).values(name=name))
            return int(row.id)
        added = insert(t.person).values(name=name, at=at).returning(t.person.c.id)
        person_id = int((await self._connection.execute(added, harmless=True)).scalar_one())
        address_row = {"lookup": lookup, "value": asdict(address), "preferred": True}
        for table, made in (
            (t.role, {"role": FIRST_ROLE}),
            (t.conversation, {"state": None, "shape": 0, "at": at}),  # from the start, so that there is a row to lock
            (t.address, address_row),
        ):
            await self._connection.execute(insert(table).values(person_id=person_id, **made), harmless=True)
        return person_id

    async def typed_since(self, address: Address, at: datetime) -> None:
        """Note that the person wrote something then: cards sent before are sent anew instead of edited."""
        t, lookup = self._tables.address, lookup_of(self._ring, address)
        if (person_id := self._there_and_reached(lookup)) is not None:
            await self._connection.later(person_id, self._writes.typed, {"of": lookup, "since": at})
            return
        await self._hold(lookup)
        newest = case((t.c.typed_at > at, t.c.typed_at), else_=literal(at, t.c.typed_at.type))
        await self._connection.execute(update(t).where(t.c.lookup == lookup).values(typed_at=newest, blocked_at=None))

    def _there_and_reached(self, lookup: str) -> int | None:
        """Give who is at an address of which it is known that it takes messages."""
        person_id = self._ahead.there.get(lookup)
        reached = self._ahead.reached.get(person_id) if person_id is not None else None
        return person_id if reached is not None and not reached.blocked else None

    async def blocked(self, address: Address, at: datetime) -> None:
        """Note that nothing can be sent there: what waits for it, and what is said until then, is withheld."""
        t, lookup = self._tables.address, lookup_of(self._ring, address)
        await self._hold(lookup)
        marked = update(t).where(t.c.lookup == lookup).values(blocked_at=at).returning(t.c.id)
        address_id = (await self._connection.execute(marked)).scalar()
        if address_id is not None:
            await withhold(self._connection, self._tables, int(address_id), at)

    async def unblocked(self, address: Address) -> None:
        """Note that the person is there again; what was withheld stays so."""
        t, lookup = self._tables.address, lookup_of(self._ring, address)
        if self._there_and_reached(lookup) is not None:
            return
        await self._hold(lookup)
        await self._connection.execute(update(t).where(t.c.lookup == lookup).values(blocked_at=None))

    async def expect(self, addresses: Collection[Address], people: Collection[int]) -> None:
        """Read ahead where those stand whose events come next: few queries for all of them."""
        if self._at_once:
            return
        there = await self._standings.at([lookup_of(self._ring, one) for one in addresses]) if addresses else {}
        self._ahead = await self._standings.read({*there.values(), *people}, lock=True)
        self._ahead.there = there

    async def load(self, person_id: int, *, lock: bool = True) -> Known:
        """Load what a turn may know, and *lock* it until the transaction ends; raises LookupError for nobody."""
        ready = self._ahead.known.pop(person_id, None)
        if ready is not None:
            return ready()
        read = await self._standings.read([person_id], lock=lock)
        if person_id not in read.known:
            raise NobodyError(f"there is no person {person_id}")
        if not self._shared:  # beyond one process the address would have to be held, too
            self._ahead.reached |= read.reached
        return read.known[person_id]()

    @property
    def _standings(self) -> SqlStandings:
        return SqlStandings(self._connection, self._tables, self.desks)

    async def consents(self, person_id: int) -> bool:
        """Tell whether somebody's own consent stands: that to what is kept, not to a coach or a film."""
        consent = await self._standings.own_consent(person_id)
        return bool(consent and consent["given"])

    async def consenting(self, people: Select[Any]) -> set[int]:
        """Give those of *people* (a query for ids) whose own consent stands."""
        t = self._tables.consent
        rows = await self._connection.execute(
            select(t.c.person_id, t.c.value).where(t.c.person_id.in_(people)).order_by(t.c.id)
        )
        newest = {row.person_id: row.value["given"] for row in rows if row.value["version"] not in SIDE_CONSENTS}
        return {person_id for person_id, given in newest.items() if given}

    async def save_conversation(self, person_id: int, conversation: Conversation, at: datetime) -> None:
        """Save the conversation; raises LookupError for a person there isn't."""
        t = self._tables.conversation
        state = conversation.model_dump(mode="json")
        if person_id in self._ahead.reached:
            row = {"of": person_id, "state": state, "shape": conversation.shape, "at": at}
            await self._connection.later(person_id, self._writes.conversation, row)
            return
        saved = await self._connection.execute(
            update(t).where(t.c.person_id == person_id).values(state=state, shape=conversation.shape, at=at)
        )
        if saved.rowcount != 1:
            raise LookupError(f"there is no person {person_id}")

    async def keep(
        self,
        person_id: int,
        effect: Kept,
        at: datetime,
    ) -> None:
        """Write one effect as a row."""
        t, add = self._tables, self._add_later
        match effect:
            case KeepAnswer():
                await self._keep_answer(person_id, effect, at)
            case KeepProfile(profile=profile):
                await self._put("profile", person_id, PROFILE.dump_python(dict(profile), mode="json"), at)
            case KeepRhythm(rhythm=None):
                await self._connection.execute(delete(t.rhythm).where(t.rhythm.c.person_id == person_id))
                await self._forget(person_id, Forget(kinds=KINDS, why="ended"), at)
            case KeepRhythm(rhythm=rhythm):
                await self._put("rhythm", person_id, _plain(rhythm), at)
            case KeepEntry(entry=entry):
                await add("entry", person_id, value=_plain(entry), at=at)
            case Remind(slot=slot):
                await self._remind(person_id, slot)
            case Forget():
                await self._forget(person_id, effect, at)
            case KeepConsent(version=version, given=given):
                await add("consent", person_id, value={"version": version, "given": given}, at=at)
            case KeepAssessment(screening=screening, assessment=assessment, facts=facts, tested_at=tested_at):
                value = {"assessment": _plain(assessment), "facts": _plain(facts)}
                row = {"screening": screening, "version": assessment.version, "tested_at": tested_at, "value": value}
                await add("assessment", person_id, at=at, **row)
            case KeepAlert(alert=alert):
                await self._keep_alert(person_id, alert, at)
            case KeepOverride(value=value):
                await self._add(t.override, client_id=person_id, value=dict(value), at=at)
            case KeepClip(coach_id=coach_id, value=value, expires_at=expires_at):
                times = {"asked_at": at, "came_at": at, "expires_at": expires_at}
                await self._add(t.clip, person_id=person_id, coach_id=coach_id, value=dict(value), **times)
            case KeepRating(value=value):
                await self._add(t.rating, client_id=person_id, value=dict(value), at=at)
            case KeepOrders(orders=orders):
                await self._put("orders", person_id, _plain(orders), at)
            case KeepDesk(desk=desk):
                row = {"value": _plain(desk), "at": at}
                put = self._insert(t.desk).values(person_id=person_id, takes_all=False, **row)
                await self._connection.execute(put.on_conflict_do_update(index_elements=["person_id"], set_=row))
            case KeepPlan(plan=plan):
                await add("plan", person_id, value=_plain(plan), at=at)
            case RaiseFlag(flag=flag, own_words=own_words, screen=screen):
                new = {
                    "person_id": person_id,
                    "lookup": self._flag_lookup(person_id, flag.id),
                    "urgency": flag.urgency,
                    "action": flag.action,
                    "value": {"flag": _plain(flag), "own_words": own_words, "screen": screen},
                    "raised_at": at,
                }
                await self._connection.later(person_id, self._writes.raised, new)
            case LiftFlag(flag_id=flag_id, reason=reason):
                lookup = self._flag_lookup(person_id, flag_id)
                lifted = {"of": person_id, "flag": lookup, "closed_at": at, "reason": reason}
                await self._connection.later(person_id, self._writes.lifted, lifted)

    async def _put(self, table: str, person_id: int, value: Any, at: datetime) -> None:
        """Put the one row that a person has in a table."""
        row = {"person_id": person_id, "value": value, "at": at}
        await self._connection.later(person_id, self._writes.put(table), row)

    async def _add_later(self, table: str, person_id: int, **values: Any) -> None:
        """Add a row about a person, whose id nobody asks for."""
        await self._connection.later(person_id, self._writes.add(table), {"person_id": person_id, **values})

    async def _remind(self, person_id: int, slot: Slot) -> None:
        named = {"kind": slot.kind, "local_date": slot.local_date.isoformat(), "slot": slot.slot}
        row = {"person_id": person_id, "due_at": slot.due_at, "state": "waiting", **named}
        await self._connection.later(person_id, self._writes.remind, row)

    async def _forget(self, person_id: int, effect: Forget, at: datetime) -> None:
        row = {"of": person_id, "state": "skipped", "done_at": at, "why": effect.why}
        await self._connection.later(person_id, self._writes.forget(tuple(effect.kinds)), row)

    async def take_due(self, limit: int, now: datetime) -> Sequence[DueRow]:
        """Take the reminders that are due, the longest due first; they are done with unless marked otherwise.

        Rows that another process has in hand are passed over.
        """
        t = self._tables
        free = select(t.reminder.c.id).where(in_state(t.reminder, "waiting"), t.reminder.c.due_at <= now)
        free = free.order_by(t.reminder.c.due_at, t.reminder.c.id).limit(limit).with_for_update(skip_locked=True)
        ids = list((await self._connection.execute(free)).scalars())
        if not ids:
            return ()
        taken = update(t.reminder).where(t.reminder.c.id.in_(ids)).values(state="done", done_at=now)
        await self._connection.execute(taken)
        reached = and_(t.address.c.person_id == t.reminder.c.person_id, t.address.c.preferred)
        joined = t.reminder.outerjoin(t.address, reached)
        joined = joined.outerjoin(t.rhythm, t.rhythm.c.person_id == t.reminder.c.person_id)
        joined = joined.outerjoin(t.desk, t.desk.c.person_id == t.reminder.c.person_id)
        found = select(
            *(t.reminder.c[name] for name in ("id", "person_id", "kind", "local_date", "slot", "due_at")),
            t.address.c.value.label("address"),
            t.address.c.blocked_at,
            t.rhythm.c.value.label("rhythm"),
            t.desk.c.value.label("desk"),
        ).select_from(joined)
        found = found.where(t.reminder.c.id.in_(ids)).order_by(t.reminder.c.due_at, t.reminder.c.id)
        return [_due_row(row) for row in await self._connection.execute(found)]

    async def drop_due(self, row: DueRow, why: str) -> None:
        """Mark a reminder that was taken as skipped, and why, in one plain word."""
        t = self._tables.reminder
        await self._connection.execute(update(t).where(t.c.id == row.id).values(state="skipped", why=why))

    async def _keep_answer(self, person_id: int, answer: KeepAnswer, at: datetime) -> None:
        value = {"path": answer.path, "value": answer.value, "how": answer.how, "words": answer.words}
        counted = {"of": person_id, "run": answer.screening}  # it gets the next number of its screening
        row = {"person_id": person_id, "screening": answer.screening, "value": value, "at": at}
        await self._connection.later(person_id, self._writes.answer, {**counted, **row})

    async def put_out(self, person_id: int, card: str | None, message: Message, priority: str, at: datetime) -> None:
        """Put a message into the outbox; a `safety` one cancels prompts not yet sent. Raises LookupError.

        At a blocked address it is withheld: kept as what would have been said, and never sent.
        """
        t = self._tables
        reached = self._ahead.reached.get(person_id) or await self._reach(person_id)
        if priority == "safety":
            prompts = and_(t.outbox.c.address_id == reached.address_id, t.outbox.c.priority == "prompt")
            await self._connection.execute(
                update(t.outbox).where(prompts, in_state(t.outbox, "waiting")).values(state="superseded", done_at=at)
            )
        await self._add_later(
            "outbox",
            person_id,
            address_id=reached.address_id,
            card=card,
            message=_as_stored(message),
            priority=priority,
            state="withheld" if reached.blocked else "waiting",
            attempts=0,
            uncertain=False,
            at=at,
            done_at=at if reached.blocked else None,
        )

    async def _reach(self, person_id: int) -> Reached:
        """Find where somebody is reached, and hold it; raises LookupError."""
        t = self._tables
        preferred = select(t.address.c.id, t.address.c.blocked_at).where(t.address.c.preferred)
        preferred = preferred.join(t.conversation, t.conversation.c.person_id == t.address.c.person_id)
        preferred = preferred.where(t.address.c.person_id == person_id)
        preferred = preferred.with_for_update(of=[t.conversation, t.address], key_share=True)
        address = (await self._connection.execute(preferred)).one_or_none()
        if address is None:
            raise LookupError(f"person {person_id} has no address to write to")
        return Reached(address_id=address.id, blocked=address.blocked_at is not None)

    async def put_in(self, raw: Raw) -> bool:
        """Put an event into the inbox; False where (source, key) is there already."""
        return await self.put_in_all([raw]) == 1

    async def put_in_all(self, raws: Sequence[Raw]) -> int:
        """Put events into the inbox, in order; give how many were new."""
        t = self._tables.inbox
        rows = [
            {
                "source": raw.source,
                "lookup": self._ring.lookup(raw.key),
                "value": {"key": raw.key, "body": raw.body, "chat": raw.chat},
                "at": raw.at,
                "state": "waiting",
                "attempts": 0,
                "chat": self._ring.lookup(raw.chat) if raw.chat else None,
            }
            for raw in raws
        ]
        new = self._insert(t).on_conflict_do_nothing(index_elements=["source", "lookup"]).returning(t.c.id)
        return len((await self._connection.execute(new, rows)).all()) if rows else 0

    async def _keep_alert(self, person_id: int, alert: Alert, at: datetime) -> None:
        t = self._tables.alert
        row = {"state": alert.state, "urgency": alert.urgency, "value": _plain(alert)}
        row["closed_at"] = at if alert.state == "closed" else None
        changed = update(t).where(t.c.person_id == person_id, t.c.closed_at.is_(None)).values(**row)
        if (await self._connection.execute(changed)).rowcount == 0:
            await self._add(t, person_id=person_id, raised_at=alert.raised_at, **row)

    @property
    def desks(self) -> SqlDesks:
        """Give what coaches see and decide, in this transaction."""
        return SqlDesks(self._connection, self._tables, self, self._ring)

    async def coach_of(self, person_id: int) -> int | None:
        """Give the id of the coach responsible for a person, or of the one who takes all who have none."""
        coach = await self.desks.after(person_id)
        return coach.coach_id if coach is not None else None

    async def link(self, coach_id: int, client_id: int, at: datetime) -> None:
        """Make a coach the one responsible for a client; another one's time ends. Again does nothing."""
        t = self._tables
        role = self._insert(t.role).values(person_id=coach_id, role="coach")
        await self._connection.execute(role.on_conflict_do_nothing())
        if await self.desks.linked(client_id) == coach_id:
            return
        standing = and_(t.link.c.client_id == client_id, t.link.c.responsible, t.link.c.until.is_(None))
        await self._connection.execute(update(t.link).where(standing).values(until=at))
        await self._add(t.link, coach_id=coach_id, client_id=client_id, responsible=True, since=at)

    async def done(self, row: InboxRow, at: datetime) -> None:
        """Mark a row as handled."""
        values = {"of": row.id, "state": "done", "done_at": at, "attempts": row.attempts + 1}
        await self._connection.later(row.id, self._writes.handled, values)

    async def put_off(self, row: InboxRow, until: datetime) -> None:
        """Let a row wait until then, and what came later in its chat with it."""
        t = self._tables.inbox
        later = update(t).where(t.c.id == row.id).values(attempts=row.attempts + 1, not_before=until)
        await self._connection.execute(later)

    async def set_aside(self, row: InboxRow, trace: str, at: datetime) -> None:
        """Set a row aside that can't be handled; it is kept with its trace."""
        await self._settle(row, state="aside", done_at=at, trace=trace)

    async def empty(self, row: InboxRow, at: datetime) -> None:
        """Mark a row as handled, and keep nothing of it but that it came."""
        values = {"of": row.id, "state": "done", "done_at": at, "attempts": row.attempts + 1}
        values |= {"value": EMPTY_EVENT, "chat": None, "trace": None}
        await self._connection.later(row.id, self._writes.emptied, values)

    async def erase(self, person_id: int, at: datetime) -> Address | None:
        """Delete all that is kept of a person, and what others were told of them; give where to say goodbye."""
        gone = await erase(self._connection, self._tables, self._ring, person_id, at, waiting=False)
        if self._erasures is not None:
            await reapply.note(self._connection, self._tables, self._erasures, gone.addresses, at)
        self.has_erased = True
        return gone.goodbye

    async def _settle(self, row: InboxRow, **values: Any) -> None:
        t = self._tables.inbox
        await self._connection.execute(update(t).where(t.c.id == row.id).values(attempts=row.attempts + 1, **values))

    async def _add(self, table: Table, **values: Any) -> int:
        """Add a row and give its id."""
        added = await self._connection.execute(insert(table).values(**values).returning(table.c.id))
        return int(added.scalar_one())

    def _insert(self, table: Table) -> postgresql.Insert | sqlite.Insert:
        """Begin an INSERT that can say ON CONFLICT."""
        return postgresql.insert(table) if self._connection.dialect.name == "postgresql" else sqlite.insert(table)

    def _flag_lookup(self, person_id: int, flag_id: str) -> str:
        # With the person in it: two people with the same flag look nothing alike.
        return self._ring.lookup(f"{person_id}:{flag_id}")


def _due_row(row: Row[*tuple[Any, ...]]) -> DueRow:
    return DueRow(
        id=row.id,
        person_id=row.person_id,
        slot=Slot(kind=row.kind, local_date=date.fromisoformat(row.local_date), slot=row.slot, due_at=row.due_at),
        chat="{channel}:{bot}:{chat}".format(**row.address) if row.address is not None else "",
        blocked=row.address is None or row.blocked_at is not None,
        rhythm=readable(Rhythm, row.rhythm, "rhythm", []),
        desk=readable(Desk, row.desk, "desk", []),
    )


async def withhold(connection: Executes, tables: Tables, address_id: int, at: datetime) -> None:
    """Keep what waits for an address from being sent."""
    t = tables.outbox
    waiting = and_(in_state(t, "waiting"), t.c.address_id == address_id)
    await connection.execute(update(t).where(waiting).values(state="withheld", done_at=at))


def lookup_of(ring: KeyRing, address: Address) -> str:
    """Give the blind index of an address."""
    return ring.lookup(to_json([address.channel, address.bot, address.chat]).decode())


def _as_stored(message: Message) -> Mapping[str, Any]:
    rest: dict[str, Any] = {"picture": message.picture, "stands": message.stands, "anew": message.anew}
    rest |= {"paper": message.paper, "about": list(message.about)}
    return {"text": message.text, "rows": message.rows, **{name: value for name, value in rest.items() if value}}


def _plain(model: BaseModel | None) -> Any:
    return model.model_dump(mode="json", by_alias=True) if model is not None else None
