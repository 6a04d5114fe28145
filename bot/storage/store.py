"""Everything that is kept, in SQL: what came in, turns, what goes out."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Literal, TypeAlias

from sqlalchemy import ColumnElement, Row, Table, and_, case, column, exists, func, or_, select, table, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import Database
from bot.storage.erasure_list import ErasureList
from bot.storage.figures import Figures
from bot.storage.reapply import settle
from bot.storage.retention import forget_clips, let_go, remind_silent
from bot.storage.rounds import first
from bot.storage.standings import padded
from bot.storage.tables import in_state
from bot.storage.turns import SqlTurns, withhold
from bot.storage.writes import Writes
from bot.workflow.ports import Address, Message, OutboxRow, Raw, Speed, Turns

log = logging.getLogger(__name__)

AnyRow: TypeAlias = Row[*tuple[Any, ...]]
URGENT_FIRST = {"safety": 0, "reply": 1, "prompt": 2, "announcement": 3}
"""Which chat is served first; within a chat, messages keep their order."""
MOST_TRIES = 10
"""How often the sending of one message may be cut off by the end of its process. A proposal."""
OUT = "out"
"""The name of the row that says how far the bot's sending has got."""
CHAT_EVERY = timedelta(seconds=1)
"""How much time a message to a chat takes up: Telegram advises against more than one a second."""
KIND = "text"
"""The kind of every message so far."""


class SqlStore:
    """A store in a SQL database."""

    def __init__(self, database: Database, erasures: ErasureList | None = None) -> None:
        self._database, self._erasures = database, erasures
        self._tables = database.tables
        self._writes = Writes(self._tables, database.engine.dialect.name)
        self._shared = database.engine.dialect.name == "postgresql"
        self.figures, self._gone = Figures(database), frozenset[str]()

    async def receive(self, raws: Sequence[Raw]) -> int:
        """Store raw updates in one transaction, durably; give how many were new."""
        async with self._open() as turns:
            return await turns.put_in_all(raws)

    def turns(self, *, at_once: bool = False) -> AbstractAsyncContextManager[Turns]:
        """Open one transaction; commits at the end, rolls back if the block raises.

        Simple writes are told together at its end; *at_once*: each when it is made, so that what raises is known.
        """
        return self._open(at_once=at_once)

    @asynccontextmanager
    async def _open(self, *, at_once: bool = False) -> AsyncIterator[SqlTurns]:
        async with self._database.begin() as connection:
            ring, writes = self._database.ring, self._writes
            turns = SqlTurns(connection, self._tables, ring, self._erasures, writes=writes, at_once=at_once)
            yield turns
            await turns.tell()
        if turns.has_erased:
            if self._erasures is not None:
                await settle(self._database, self._erasures)
            await self._database.wipe()

    async def claim_outgoing(self, limit: int, now: datetime, speed: Speed | None = None) -> Sequence[OutboxRow]:
        """Take due messages, at most one a chat, and mark them as being sent.

        Chats with a `safety` message come first, those with nothing but prompts last; else the oldest message first.
        Of edits of one card that wait with nothing between them, the newest is given, the others are superseded.
        Where processes share the database, whoever locks the first message of a chat has the chat; nobody waits.
        They keep to one *speed* together: each takes of it what it claims.
        """
        try:
            async with self._database.begin() as connection:
                if speed is None:
                    return await self._claim(connection, limit, now)
                until = max(await self._paced_until(connection, now), now)
                allowed = min(limit, int((now + speed.burst - until).total_seconds() * speed.per_second))
                rows = await self._claim(connection, allowed, now, speed) if allowed > 0 else ()
                if rows:
                    until += timedelta(seconds=len(rows) / speed.per_second)
                    t = self._tables.pace
                    await connection.execute(update(t).where(t.c.name == OUT).values(until=until))
                return rows
        except IntegrityError:  # another process began to send in the same chat: uq_outbox_sending let one of us
            log.info("a chat was claimed twice at once; looking again later")
            return ()

    async def _paced_until(self, connection: AsyncConnection, now: datetime) -> datetime:
        """Give until when what may be sent at once is used up, and hold it."""
        t = self._tables.pace
        held = select(t.c.until).where(t.c.name == OUT).with_for_update()
        until = (await connection.execute(held)).scalar()
        if until is None:
            await connection.execute(self._writes.begin_pace, {"name": OUT, "until": now})
            until = (await connection.execute(held)).scalar_one()
        begun: datetime = until
        return begun

    async def _claim(
        self, connection: AsyncConnection, limit: int, now: datetime, speed: Speed | None = None
    ) -> Sequence[OutboxRow]:
        heads = await self._heads(connection, limit, now, speed)
        if not heads:
            return ()
        runs = await self._newest(connection, heads)
        superseded = [row_id for run in runs for row_id in run[:-1]]
        chosen = [run[-1] for run in runs]
        await self._mark(connection, superseded, state="superseded", done_at=now)
        claimed = {"state": "sending", "claimed_at": now, "claimed_by": self._database.name}
        await self._mark(connection, chosen, attempts=self._tables.outbox.c.attempts + 1, **claimed)
        rows = {row.id: row for row in await self._outgoing(connection, chosen)}
        return [_outbox_row(rows[row_id]) for row_id in chosen]

    async def _heads(
        self, connection: AsyncConnection, limit: int, now: datetime, speed: Speed | None
    ) -> Sequence[AnyRow]:
        """Find the first waiting message of every chat that has none in flight, where it is due."""
        t, flying = self._tables.outbox, self._tables.outbox.alias("flying")
        in_flight = exists().where(in_state(flying, "sending"), flying.c.address_id == t.c.address_id)
        urgency = case(URGENT_FIRST, value=t.c.priority, else_=URGENT_FIRST["reply"])
        firsts = (
            select(func.min(t.c.id).label("id"), func.min(urgency).label("urgency"))
            .where(in_state(t, "waiting"), ~in_flight)
            .group_by(t.c.address_id)
            .subquery()
        )
        due = or_(t.c.not_before.is_(None), t.c.not_before <= now)
        # Said twice, because a lock that was waited for makes PostgreSQL look again at the locked row alone.
        chosen = select(t.c.id, t.c.address_id).join(firsts, firsts.c.id == t.c.id).where(due, in_state(t, "waiting"))
        if speed is not None:
            a = self._tables.address
            slow = or_(a.c.paced_until.is_(None), a.c.paced_until <= now + speed.chat_burst, firsts.c.urgency == 0)
            chosen = chosen.join(a, a.c.id == t.c.address_id).where(slow)
        chosen = chosen.order_by(firsts.c.urgency, t.c.id).limit(limit).with_for_update(of=t, skip_locked=True)
        return (await connection.execute(chosen)).all()

    async def _newest(self, connection: AsyncConnection, heads: Sequence[AnyRow]) -> Sequence[Sequence[int]]:
        """Find what each chat gets: its head, and the newer edits of the same card, the last of which is sent."""
        t = self._tables.outbox
        waiting = select(t.c.id, t.c.address_id, t.c.card, t.c.priority).where(
            in_state(t, "waiting"), t.c.address_id.in_([head.address_id for head in heads])
        )
        queues: dict[int, list[AnyRow]] = defaultdict(list)
        for row in await connection.execute(waiting.order_by(t.c.id)):
            queues[row.address_id].append(row)
        # Read after the lock was given: a head that is no longer the first, or waits no more, is left for later.
        runs = [_edits(queue) for head in heads if (queue := queues[head.address_id]) and queue[0].id == head.id]
        rest = [row_id for run in runs for row_id in run[1:]]
        if not rest or connection.dialect.name != "postgresql":
            return runs
        # A turn may be cancelling one of them just now. Waiting for it would send what it cancels.
        free = select(t.c.id).where(in_state(t, "waiting"), t.c.id.in_(rest)).with_for_update(skip_locked=True)
        locked = set((await connection.execute(free)).scalars())
        return [run for run in runs if locked.issuperset(run[1:])]

    async def _outgoing(self, connection: AsyncConnection, ids: Sequence[int]) -> Sequence[AnyRow]:
        t = self._tables
        same_card = and_(t.card.c.address_id == t.outbox.c.address_id, t.card.c.card == t.outbox.c.card)
        # An edit is seen only where nothing stands below it: neither what the person wrote nor what the bot said.
        below_words = or_(t.address.c.typed_at.is_(None), t.card.c.sent_at >= t.address.c.typed_at)
        undermost = and_(below_words, t.card.c.message_id == t.address.c.newest)
        chosen = (
            select(
                t.outbox.c.id,
                t.outbox.c.card,
                t.outbox.c.message,
                (t.outbox.c.attempts - 1).label("tries"),
                t.address.c.value.label("address"),
                case((and_(undermost, t.card.c.kind == KIND), t.card.c.message_id)).label("edit"),
                t.card.c.message_id.label("stands_at"),
                t.address.c.keyboard,
                t.outbox.c.uncertain,
            )
            .select_from(t.outbox.join(t.address).outerjoin(t.card, same_card))
            .where(t.outbox.c.id.in_(ids))
        )
        return (await connection.execute(chosen)).all()

    async def _mark(self, connection: AsyncConnection, ids: Sequence[int], **values: Any) -> None:
        if ids:
            t = self._tables.outbox
            await connection.execute(update(t).where(t.c.id.in_(ids)).values(**values))

    async def sent(self, ids: Mapping[int, str], now: datetime) -> None:
        """Mark messages as sent, and remember which are their cards; raises LookupError, and then marks none."""
        async with self._database.begin() as connection:
            rows = await self._flown(connection, sorted(ids))
            if len(rows) != len(ids):
                raise LookupError(f"there is no outbox row {min(set(ids) - {row.id for row in rows})}")
            marked = [{"of": row.id, "message_id": ids[row.id], "done_at": now} for row in rows]
            await connection.execute(self._writes.sent, marked)
            there = [
                {"of": row.address_id, **_stands_now(row, ids[row.id]), "paced_until": _later(row.paced_until, now)}
                for row in rows
            ]
            await connection.execute(self._writes.spoken, there)
            cards = [
                # From when its sending began: what the person wrote meanwhile may stand below it.
                {"message_id": ids[row.id], "kind": KIND, "sent_at": row.claimed_at or now}
                | {"address_id": row.address_id, "card": row.card}
                for row in rows
                # An edit leaves the message where it was: only another message is a later one.
                if row.card is not None and row.stands_at != ids[row.id]
            ]
            if cards:
                await connection.execute(self._writes.card, cards)

    async def _flown(self, connection: AsyncConnection, ids: Sequence[int]) -> Sequence[AnyRow]:
        """Read messages that were sent, and lock their addresses before them, as turns do: see SqlTurns."""
        t = self._tables
        same_card = and_(t.card.c.address_id == t.outbox.c.address_id, t.card.c.card == t.outbox.c.card)
        joined = t.outbox.join(t.address).outerjoin(t.card, same_card)
        chosen = select(
            *(t.outbox.c[name] for name in ("id", "address_id", "card", "claimed_at", "message")),
            t.address.c.newest,
            t.address.c.keyboard,
            t.address.c.paced_until,
            t.card.c.message_id.label("stands_at"),
        ).select_from(joined)
        chosen = chosen.where(t.outbox.c.id.in_(padded(ids))).order_by(t.outbox.c.address_id)
        if self._shared:
            chosen = chosen.with_for_update(of=t.address, key_share=True)
        return (await connection.execute(chosen)).all()

    async def not_sent(
        self, row_id: int, why: str, retry_at: datetime | None, now: datetime, *, uncertain: bool = False
    ) -> None:
        """Mark a message as failed, or to be tried again at a time; `uncertain`: perhaps it was sent."""
        t = self._tables
        values: dict[str, Any] = {"state": "waiting", "not_before": retry_at}
        if retry_at is None:
            values = {"state": "failed", "done_at": now}
        if uncertain:
            values["uncertain"] = True
        async with self._database.begin() as connection:
            await self._hold(connection, row_id)
            await self._mark(connection, [row_id], why=why, **values)
            if retry_at is not None:  # the person may have blocked us while it was on its way
                blocked = select(t.address.c.id).where(t.address.c.blocked_at.is_not(None))
                withheld = update(t.outbox).where(t.outbox.c.id == row_id, t.outbox.c.address_id.in_(blocked))
                await connection.execute(withheld.values(state="withheld", done_at=now))

    async def gone(self, row_id: int, why: str, now: datetime) -> None:
        """Mark a message as failed because its address is blocked: all that waits for it is withheld."""
        t = self._tables
        async with self._database.begin() as connection:
            await self._hold(connection, row_id)
            failed = update(t.outbox).where(t.outbox.c.id == row_id).values(state="failed", done_at=now, why=why)
            address_id = (await connection.execute(failed.returning(t.outbox.c.address_id))).scalar()
            if address_id is not None:
                blocked = update(t.address).where(t.address.c.id == address_id).values(blocked_at=now)
                await connection.execute(blocked)
                await withhold(connection, t, int(address_id), now)

    async def next_due(self) -> datetime | None:
        """Tell when the next reminder is due; None where none waits."""
        t = self._tables.reminder
        soonest = select(t.c.due_at).where(in_state(t, "waiting")).order_by(t.c.due_at, t.c.id).limit(1)
        async with self._database.begin() as connection:
            return (await connection.execute(soonest)).scalar()

    async def recover(self, now: datetime) -> int:
        """Put messages whose sending was cut off back, marked uncertain: each kill may repeat one, and loses none.

        One that was tried too often fails: it may be what ends the process. Call it while this process sends nothing.
        Where processes share the database, what another one is sending is left alone for as long as that one is
        connected.
        """
        t = self._tables.outbox
        cut_off = in_state(t, "sending")
        if self._database.engine.dialect.name == "postgresql":
            cut_off = and_(cut_off, or_(t.c.claimed_by.is_(None), t.c.claimed_by == self._database.name, ~_alive(t)))
        given_up = {"state": "failed", "done_at": now, "why": "its sending was cut off too often"}
        again = {"state": "waiting", "uncertain": True, "not_before": None}
        async with self._database.begin() as connection:
            await connection.execute(update(t).where(cut_off, t.c.attempts >= MOST_TRIES).values(**given_up))
            put_back = await connection.execute(update(t).where(cut_off).values(**again).returning(t.c.id))
            return len(put_back.all())

    async def _hold(self, connection: AsyncConnection, row_id: int) -> None:
        """Lock the address of a message before the message, as turns do: see SqlTurns."""
        if connection.dialect.name == "postgresql":
            t = self._tables
            here = select(t.address.c.id).join_from(t.address, t.outbox, t.outbox.c.address_id == t.address.c.id)
            here = here.where(t.outbox.c.id == row_id)
            await connection.execute(here.with_for_update(of=t.address, key_share=True))

    async def learned(self, name: Literal["override", "rating"]) -> Sequence[tuple[datetime, Mapping[str, Any]]]:
        """List what coaches decided or saw otherwise, oldest first; nothing of it says whose it is."""
        t: Table = getattr(self._tables, name)
        async with self._database.begin() as connection:
            rows = await connection.execute(select(t.c.at, t.c.value).order_by(t.c.id))
            return [(row.at, row.value) for row in rows]

    async def add_coach(self, coach: Address, coach_name: str, client: Address, client_name: str, at: datetime) -> None:
        """Make one person the coach responsible for another; both come to exist.

        Again does nothing, and nothing does it where the two were linked before and either has ended it.
        """
        async with self._open() as turns:
            coach_id = await turns.person_at(coach, coach_name, at)
            client_id = await turns.person_at(client, client_name, at)
            if not await turns.desks.links.met(coach_id, client_id):
                await turns.link(coach_id, client_id, at)

    async def sweep(self, now: datetime, *, keep: timedelta, texts: timedelta) -> int:
        """Remind of their data those not heard from for *keep*, and let *texts* go that are older than that.

        Gives how many people will be told that theirs is about to be deleted.
        """
        async with first(self._database) as is_first:
            if not is_first:  # another process does it just now
                return 0
            told = await remind_silent(self._database, now, now - keep)
            await let_go(self._database, now - texts)
            await forget_clips(self._database, now)
            return told

    async def close(self) -> None:
        """Let go of the database."""
        await self.figures.close()
        await self._database.close()

    async def take_over(self, now: datetime) -> int:
        """Put messages back that a process which is gone was sending, marked uncertain as in `recover`; give how many.

        It is gone when two looks find no connection of it: a live one may be opening its connections anew.
        """
        if not self._shared:
            return 0
        t = self._tables.outbox
        theirs = and_(in_state(t, "sending"), t.c.claimed_by != self._database.name, ~_alive(t))
        async with self._database.begin() as connection:
            gone = set((await connection.execute(select(t.c.claimed_by).where(theirs).distinct())).scalars())
            again, self._gone = sorted(gone & self._gone), frozenset(gone)
            if not again:
                return 0
            left = and_(theirs, t.c.claimed_by.in_(again))
            given_up = {"state": "failed", "done_at": now, "why": "its sending was cut off too often"}
            await connection.execute(update(t).where(left, t.c.attempts >= MOST_TRIES).values(**given_up))
            back = {"state": "waiting", "uncertain": True, "not_before": None}
            return len((await connection.execute(update(t).where(left).values(**back).returning(t.c.id))).all())


def _alive(outbox: Table) -> ColumnElement[bool]:
    """Say that whoever claimed a message is still connected to this PostgreSQL database."""
    there = table("pg_stat_activity", column("application_name"), column("datname"))
    return exists().where(there.c.application_name == outbox.c.claimed_by, there.c.datname == func.current_database())


def _edits(queue: Sequence[AnyRow]) -> Sequence[int]:
    """List a chat's first message and the edits of the same card right behind it.

    A safety message ends the list: it is evidence of what the client was told, and said as it stands.
    """
    first = queue[0]
    run = [first.id]
    for before, row in pairwise(queue):
        if first.card is None or row.card != first.card or before.priority == "safety":
            break
        run.append(row.id)
    return run


def _later(until: datetime | None, now: datetime) -> datetime:
    """Move on until when a chat has had what it may be sent at once."""
    return max(until or now, now) + CHAT_EVERY


def _stands_now(row: AnyRow, message_id: str) -> Mapping[str, str | None]:
    """Tell which message is the newest of a chat, and which has the live buttons, now that one was sent."""
    if row.message.get("stands"):  # an edit far above leaves the newest where it was
        return {"newest": row.newest if row.stands_at == message_id else message_id, "keyboard": row.keyboard}
    bare = None if row.keyboard == message_id else row.keyboard  # an edit took its buttons off
    return {"newest": message_id, "keyboard": message_id if row.message["rows"] else bare}


def _outbox_row(row: AnyRow) -> OutboxRow:
    kept = row.message
    edit = row.stands_at if kept.get("stands") else row.edit
    return OutboxRow(
        id=row.id,
        address=Address(**row.address),
        card=row.card,
        message=Message(
            text=kept["text"],
            rows=tuple(kept["rows"]),
            picture=kept.get("picture"),
            stands=kept.get("stands", False),
            anew=kept.get("anew", False),
            paper=kept.get("paper"),
        ),
        attempts=row.tries,
        edit=None if kept.get("anew") else edit,
        keyboard=row.keyboard,
        uncertain=row.uncertain,
    )
