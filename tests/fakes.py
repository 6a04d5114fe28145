"""Stand-ins for the world: a store in memory that keeps the store's contract, a clock that is moved, a channel."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from bot.conversation.activities import Conversation
from bot.conversation.effects import (
    Forget,
    KeepAnswer,
    KeepAssessment,
    KeepConsent,
    KeepEntry,
    KeepPlan,
    KeepProfile,
    KeepRhythm,
    Kept,
    LiftFlag,
    RaiseFlag,
    Remind,
)
from bot.conversation.events import Blocked, Event, Tapped, Typed
from bot.conversation.known import SIDE_CONSENTS, Known, OpenFlag, Person
from bot.timetable.rhythm import KINDS, Rhythm, Slot
from bot.workflow.ports import (
    Address,
    Desks,
    DueRow,
    Heard,
    InboxRow,
    Message,
    NobodyError,
    OutboxRow,
    Raw,
    Speed,
    Turns,
)

STARTS = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
MOST_TRIES = 10
MOST_OF_A_CHAT = 10
"""How often a sending may be cut off; what SqlStore holds to."""
RANKS = {"safety": 0, "reply": 1, "prompt": 2}


class FakeClock:
    """A clock that stands until it is moved."""

    def __init__(self, at: datetime = STARTS) -> None:
        self.at = at

    def now(self) -> datetime:
        """Give the instant it stands at."""
        return self.at

    def skip(self, by: timedelta) -> datetime:
        """Let time pass; give the new instant."""
        self.at += by
        return self.at


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What a channel was asked to send; `edit` as it was given, `id` as it was answered."""

    address: Address
    message: Message
    edit: str | None
    id: str


@dataclass
class RecordingChannel:
    """A channel that remembers what it sends.

    It reads {"chat", "text"}, {"chat", "tap"} and {"chat", "blocked"}; {"nothing"} means nothing; anything else is
    garbage. Each send first takes one of `failures`: an exception is raised instead, None lets it pass.
    """

    name: str = "line"
    sends: list[Sent] = field(default_factory=list)
    taps: list[tuple[str, str | None]] = field(default_factory=list)
    failures: deque[Exception | None] = field(default_factory=deque)
    stripped: list[tuple[Address, str]] = field(default_factory=list)
    shown_busy: list[str] = field(default_factory=list)
    turned_away: list[tuple[str, str]] = field(default_factory=list)

    def address(self, chat: str) -> Address:
        """Give the address of a chat."""
        return Address(channel=self.name, bot="bot", chat=chat)

    def read(self, raw: Raw) -> Heard | None:
        match raw.body:
            case {"nothing": _}:
                return None
            case {"chat": str(chat), "text": str(text)}:
                event: Event = Typed(at=raw.at, text=text, message=raw.key)
            case {"chat": str(chat), "tap": str(data)}:
                event = Tapped(at=raw.at, data=data)
            case {"chat": str(chat), "blocked": _}:
                event = Blocked(at=raw.at)
            case _:
                raise ValueError(f"{self.name} can't read {sorted(raw.body)}")
        return Heard(address=self.address(chat), name=chat, event=event)

    async def send(self, address: Address, message: Message, edit: str | None) -> str:
        failure = self.failures.popleft() if self.failures else None
        if failure is not None:
            raise failure
        message_id = edit or f"m{len(self.sends) + 1}"
        self.sends.append(Sent(address=address, message=message, edit=edit, id=message_id))
        return message_id

    async def answer_tap(self, raw: Raw, words: str | None) -> None:
        self.taps.append((raw.key, words))

    async def strip(self, address: Address, message_id: str) -> None:
        self.stripped.append((address, message_id))

    async def busy(self, raw: Raw) -> None:
        self.shown_busy.append(raw.key)

    async def turn_away(self, raw: Raw, words: str) -> None:
        self.turned_away.append((raw.key, words))


@dataclass(frozen=True, kw_only=True)
class KeptEvent:
    """A row of the inbox."""

    row: InboxRow
    state: str = "waiting"
    not_before: datetime | None = None
    trace: str | None = None


@dataclass(frozen=True, kw_only=True)
class KeptMessage:
    """A row of the outbox."""

    id: int
    person_id: int
    address: Address
    card: str | None
    message: Message
    priority: str
    state: str = "waiting"
    attempts: int = 0
    uncertain: bool = False
    not_before: datetime | None = None
    claimed_at: datetime | None = None
    message_id: str | None = None
    why: str | None = None


@dataclass(frozen=True, kw_only=True)
class KeptFlag:
    """A flag, open or closed."""

    effect: RaiseFlag
    raised_at: datetime
    closed_because: str | None = None


@dataclass(frozen=True, kw_only=True)
class KeptReminder:
    """A reminder: waiting, done or skipped."""

    person_id: int
    slot: Slot
    state: str = "waiting"
    why: str | None = None


@dataclass(frozen=True, kw_only=True)
class KeptPerson:
    """Everything of one person; the logs grow at their end."""

    id: int
    name: str
    address: Address
    roles: frozenset[str] = frozenset({"client"})
    coach_id: int | None = None
    conversation: Conversation | None = None
    profile: KeepProfile | None = None
    consents: tuple[KeepConsent, ...] = ()
    answers: tuple[KeepAnswer, ...] = ()
    assessments: tuple[KeepAssessment, ...] = ()
    assessed_at: datetime | None = None
    plans: tuple[KeepPlan, ...] = ()
    rhythm: Rhythm | None = None
    log: tuple[KeepEntry, ...] = ()
    flags: tuple[KeptFlag, ...] = ()


@dataclass
class Rows:
    """All that a store remembers. Rows are frozen, so a copy of the mappings is a copy of everything."""

    people: dict[int, KeptPerson] = field(default_factory=dict)
    inbox: dict[int, KeptEvent] = field(default_factory=dict)
    outbox: dict[int, KeptMessage] = field(default_factory=dict)
    reminders: dict[int, KeptReminder] = field(default_factory=dict)
    cards: dict[tuple[Address, str], tuple[str, datetime]] = field(default_factory=dict)
    typed: dict[Address, datetime] = field(default_factory=dict)
    newest: dict[Address, str] = field(default_factory=dict)
    keyboards: dict[Address, str] = field(default_factory=dict)
    blocked: dict[Address, datetime] = field(default_factory=dict)

    def copy(self) -> Rows:
        """Give a copy to go back to."""
        return Rows(**{name: dict(rows) for name, rows in vars(self).items()})


class MemoryStore:
    """A store that remembers as long as it lives; `rows` is there for tests to look at."""

    def __init__(self) -> None:
        self.rows = Rows()
        self._turn = asyncio.Lock()
        self._holder: asyncio.Task[Any] | None = None

    @property
    def inbox_states(self) -> list[str]:
        """List what became of each event, oldest first: waiting, done or aside."""
        return [event.state for event in self.rows.inbox.values()]

    @property
    def outbox_texts(self) -> list[str]:
        """List the text of each message, oldest first, sent or not."""
        return [message.message.text for message in self.rows.outbox.values()]

    async def receive(self, raws: Sequence[Raw]) -> int:
        async with self._open() as turns:
            return sum([await turns.put_in(raw) for raw in raws])

    def turns(self, *, at_once: bool = False) -> AbstractAsyncContextManager[Turns]:
        return self._open()

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[MemoryTurns]:
        if self._holder is asyncio.current_task():
            raise RuntimeError("a transaction is open in this task already; use that one, or end it first")
        async with self._turn:
            self._holder, turns = asyncio.current_task(), MemoryTurns(self)
            try:
                async with turns.savepoint():
                    yield turns
            finally:
                self._holder = None

    async def claim_outgoing(self, limit: int, now: datetime, speed: Speed | None = None) -> Sequence[OutboxRow]:
        if speed is not None:
            raise NotImplementedError("keeping a pace needs a database: nothing here stands in for it")
        async with self._open():
            queues = sorted(self._queues(), key=lambda queue: (min(RANKS[m.priority] for m in queue), queue[0].id))
            due = [queue for queue in queues if queue[0].not_before is None or queue[0].not_before <= now]
            return [self._claim(queue, now) for queue in due[:limit]]

    def _queues(self) -> Iterator[list[KeptMessage]]:
        """List what waits, chat by chat, but for chats that have a message in flight."""
        flying = {message.address for message in self.rows.outbox.values() if message.state == "sending"}
        queues: dict[Address, list[KeptMessage]] = {}
        for message in self.rows.outbox.values():
            if message.state == "waiting" and message.address not in flying:
                queues.setdefault(message.address, []).append(message)
        yield from queues.values()

    def _claim(self, queue: list[KeptMessage], now: datetime) -> OutboxRow:
        chosen = queue[0]
        for before, message in pairwise(queue):
            if before.card is None or message.card != before.card or before.priority == "safety":
                break
            self._change(before.id, state="superseded")
            chosen = message
        self._change(chosen.id, state="sending", claimed_at=now, attempts=chosen.attempts + 1)
        message_id, sent_at = self.rows.cards.get((chosen.address, chosen.card or ""), (None, now))
        typed_at = self.rows.typed.get(chosen.address)
        return OutboxRow(
            id=chosen.id,
            address=chosen.address,
            card=chosen.card,
            message=chosen.message,
            attempts=chosen.attempts,
            edit=message_id
            if not chosen.message.anew
            and (
                chosen.message.stands
                or ((typed_at is None or sent_at >= typed_at) and message_id == self.rows.newest.get(chosen.address))
            )
            else None,
            keyboard=self.rows.keyboards.get(chosen.address),
            uncertain=chosen.uncertain,
        )

    async def sent(self, ids: Mapping[int, str], now: datetime) -> None:
        async with self._open():
            for row_id, message_id in ids.items():
                self._sent(row_id, message_id, now)

    def _sent(self, row_id: int, message_id: str, now: datetime) -> None:
        if row_id not in self.rows.outbox:
            raise LookupError(f"there is no outbox row {row_id}")
        self._change(row_id, state="sent", message_id=message_id)
        row = self.rows.outbox[row_id]
        held = self.rows.cards.get((row.address, row.card or ""))
        if not (row.message.stands and held is not None and held[0] == message_id):
            self.rows.newest[row.address] = message_id
        if row.message.stands:
            pass
        elif row.message.rows:
            self.rows.keyboards[row.address] = message_id
        elif self.rows.keyboards.get(row.address) == message_id:
            del self.rows.keyboards[row.address]
        if row.card is None:
            return
        if held is None or held[0] != message_id:
            self.rows.cards[row.address, row.card] = (message_id, row.claimed_at or now)

    async def not_sent(
        self, row_id: int, why: str, retry_at: datetime | None, now: datetime, *, uncertain: bool = False
    ) -> None:
        async with self._open():
            doubt = self.rows.outbox[row_id].uncertain or uncertain
            state = "failed" if retry_at is None else "waiting"
            if state == "waiting" and self.rows.outbox[row_id].address in self.rows.blocked:
                state = "withheld"
            self._change(row_id, state=state, not_before=retry_at, why=why, uncertain=doubt)

    async def gone(self, row_id: int, why: str, now: datetime) -> None:
        async with self._open() as turns:
            self._change(row_id, state="failed", why=why)
            await turns.blocked(self.rows.outbox[row_id].address, now)

    async def next_due(self) -> datetime | None:
        return min((r.slot.due_at for r in self.rows.reminders.values() if r.state == "waiting"), default=None)

    async def recover(self, now: datetime) -> int:
        async with self._open():
            cut_off = [message for message in self.rows.outbox.values() if message.state == "sending"]
            for message in cut_off:
                if message.attempts >= MOST_TRIES:
                    self._change(message.id, state="failed")
                else:
                    self._change(message.id, state="waiting", uncertain=True, not_before=None)
            return sum(message.attempts < MOST_TRIES for message in cut_off)

    async def add_coach(self, coach: Address, coach_name: str, client: Address, client_name: str, at: datetime) -> None:
        async with self._open() as turns:
            coach_id = await turns.person_at(coach, coach_name, at)
            client_id = await turns.person_at(client, client_name, at)
            roles = self.rows.people[coach_id].roles | {"coach"}
            self.rows.people[coach_id] = replace(self.rows.people[coach_id], roles=roles)
            self.rows.people[client_id] = replace(self.rows.people[client_id], coach_id=coach_id)

    async def sweep(self, now: datetime, *, keep: timedelta, texts: timedelta) -> int:
        raise NotImplementedError("letting go needs a database: nothing here stands in for it")

    async def close(self) -> None:
        pass

    def _change(self, row_id: int, **values: Any) -> None:
        self.rows.outbox[row_id] = replace(self.rows.outbox[row_id], **values)


class MemoryTurns:
    """One transaction of a MemoryStore."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    @property
    def _rows(self) -> Rows:
        return self._store.rows

    async def expect(self, addresses: Collection[Address], people: Collection[int]) -> None:
        """Read nothing ahead: all is at hand."""

    async def pending(self, limit: int, now: datetime, sources: Collection[str]) -> Sequence[InboxRow]:
        waiting = [event for event in self._rows.inbox.values() if event.state == "waiting"]
        put_off = {event.row.raw.chat for event in waiting if event.not_before is not None and event.not_before > now}
        rows = [event.row for event in waiting if event.not_before is None or event.not_before <= now]
        chosen: list[InboxRow] = []
        for row in rows:
            of_chat = sum(1 for one in chosen if row.raw.chat and one.raw.chat == row.raw.chat)
            if row.raw.source in sources and (row.raw.chat or " ") not in put_off and of_chat < MOST_OF_A_CHAT:
                chosen.append(row)
        return chosen[:limit]

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        before = self._rows.copy()
        try:
            yield
        except BaseException:
            self._store.rows = before
            raise

    async def person_at(self, address: Address, name: str, at: datetime, *, add: bool = True) -> int:
        for person in self._rows.people.values():
            if person.address == address:
                self._rows.people[person.id] = replace(person, name=person.name or name)
                return person.id
        if not add:
            raise NobodyError("nobody is at this address")
        person_id = len(self._rows.people) + 1
        self._rows.people[person_id] = KeptPerson(id=person_id, name=name, address=address)
        return person_id

    async def typed_since(self, address: Address, at: datetime) -> None:
        if any(person.address == address for person in self._rows.people.values()):
            self._rows.typed[address] = max(at, self._rows.typed.get(address, at))
            self._rows.blocked.pop(address, None)

    async def blocked(self, address: Address, at: datetime) -> None:
        if any(person.address == address for person in self._rows.people.values()):
            self._rows.blocked[address] = at
        for row in list(self._rows.outbox.values()):
            if row.address == address and row.state == "waiting":
                self._rows.outbox[row.id] = replace(row, state="withheld")

    async def unblocked(self, address: Address) -> None:
        self._rows.blocked.pop(address, None)

    async def load(self, person_id: int, *, lock: bool = True) -> Known:
        person = self._person(person_id)
        newest = person.assessments[-1] if person.assessments else None
        consent = next((kept for kept in reversed(person.consents) if kept.version not in SIDE_CONSENTS), None)
        return Known(
            person=Person(
                id=person_id,
                name=person.name,
                roles=tuple(sorted(person.roles)),
                coach_name=self._person(person.coach_id).name if person.coach_id else None,
                linked=person.coach_id is not None,
            ),
            conversation=person.conversation or Conversation(),
            profile=dict(person.profile.profile) if person.profile else {},
            consent=consent.version if consent and consent.given else None,
            assessment=newest.assessment if newest else None,
            assessed_facts=newest.facts if newest else None,
            assessed_at=person.assessed_at,
            tested_at=newest.tested_at if newest else None,
            plan=person.plans[-1].plan if person.plans else None,
            rhythm=person.rhythm,
            log=tuple(kept.entry for kept in person.log) if person.plans or person.rhythm is not None else (),
            flags=tuple(
                OpenFlag(
                    id=kept.effect.flag.id,
                    urgency=kept.effect.flag.urgency,
                    action=kept.effect.flag.action,
                    raised_at=kept.raised_at,
                    screen=kept.effect.screen,
                )
                for kept in person.flags
                if kept.closed_because is None
            ),
        )

    async def save_conversation(self, person_id: int, conversation: Conversation, at: datetime) -> None:
        self._rows.people[person_id] = replace(self._person(person_id), conversation=conversation)

    async def keep(
        self,
        person_id: int,
        effect: Kept,
        at: datetime,
    ) -> None:
        person = self._person(person_id)
        changed: Mapping[str, Any]
        match effect:
            case KeepAnswer():
                changed = {"answers": (*person.answers, effect)}
            case KeepProfile():
                changed = {"profile": effect}
            case KeepConsent():
                changed = {"consents": (*person.consents, effect)}
            case KeepAssessment():
                changed = {"assessments": (*person.assessments, effect), "assessed_at": at}
            case KeepPlan():
                changed = {"plans": (*person.plans, effect)}
            case KeepRhythm(rhythm=rhythm):
                changed = {"rhythm": rhythm}
                if rhythm is None:
                    self._forget(person_id, Forget(kinds=KINDS, why="ended"))
            case KeepEntry():
                changed = {"log": (*person.log, effect)}
            case Remind(slot=slot):
                self._remind(person_id, slot)
                return
            case Forget():
                self._forget(person_id, effect)
                return
            case RaiseFlag():
                changed = {"flags": _raised(person.flags, effect, at)}
            case LiftFlag():
                changed = {"flags": tuple(_lifted(kept, effect) for kept in person.flags)}
        self._rows.people[person_id] = replace(person, **changed)

    def _remind(self, person_id: int, slot: Slot) -> None:
        named = (person_id, slot.kind, slot.local_date, slot.slot)
        for number, kept in self._rows.reminders.items():
            if (kept.person_id, kept.slot.kind, kept.slot.local_date, kept.slot.slot) == named:
                if kept.state != "done":
                    self._rows.reminders[number] = replace(kept, slot=slot, state="waiting", why=None)
                return
        self._rows.reminders[len(self._rows.reminders) + 1] = KeptReminder(person_id=person_id, slot=slot)

    def _forget(self, person_id: int, effect: Forget) -> None:
        for number, kept in list(self._rows.reminders.items()):
            if kept.person_id == person_id and kept.state == "waiting" and kept.slot.kind in effect.kinds:
                self._rows.reminders[number] = replace(kept, state="skipped", why=effect.why)

    async def take_due(self, limit: int, now: datetime) -> Sequence[DueRow]:
        waiting = [
            (n, kept) for n, kept in self._rows.reminders.items() if kept.state == "waiting" and kept.slot.due_at <= now
        ]
        rows = []
        for number, kept in sorted(waiting, key=lambda one: (one[1].slot.due_at, one[0]))[:limit]:
            self._rows.reminders[number] = replace(kept, state="done")
            person = self._person(kept.person_id)
            address = person.address
            rows.append(
                DueRow(
                    id=number,
                    person_id=person.id,
                    slot=kept.slot,
                    chat=f"{address.channel}:{address.bot}:{address.chat}",
                    blocked=address in self._rows.blocked,
                    rhythm=person.rhythm,
                )
            )
        return rows

    async def drop_due(self, row: DueRow, why: str) -> None:
        self._rows.reminders[row.id] = replace(self._rows.reminders[row.id], state="skipped", why=why)

    async def put_out(self, person_id: int, card: str | None, message: Message, priority: str, at: datetime) -> None:
        person = self._person(person_id)
        if priority == "safety":
            for row in list(self._rows.outbox.values()):
                if row.person_id == person_id and row.priority == "prompt" and row.state == "waiting":
                    self._rows.outbox[row.id] = replace(row, state="superseded")
        number = len(self._rows.outbox) + 1
        self._rows.outbox[number] = KeptMessage(
            id=number,
            person_id=person_id,
            address=person.address,
            card=card,
            message=replace(message, rows=tuple(_as_json(message.rows)), picture=_as_json(message.picture)),
            priority=priority,
            state="withheld" if person.address in self._rows.blocked else "waiting",
        )

    async def put_in(self, raw: Raw) -> bool:
        if any((kept.row.raw.source, kept.row.raw.key) == (raw.source, raw.key) for kept in self._rows.inbox.values()):
            return False
        row = InboxRow(id=len(self._rows.inbox) + 1, raw=replace(raw, body=_as_json(raw.body)), attempts=0)
        self._rows.inbox[row.id] = KeptEvent(row=row)
        return True

    async def coach_of(self, person_id: int) -> int | None:
        person = self._rows.people.get(person_id)
        return person.coach_id if person else None

    @property
    def desks(self) -> Desks:
        raise NotImplementedError("coaching needs a database: nothing here stands in for it")

    async def done(self, row: InboxRow, at: datetime) -> None:
        self._settle(row, state="done")

    async def empty(self, row: InboxRow, at: datetime) -> None:
        self._settle(row, state="done")
        kept = self._rows.inbox[row.id]
        bare = replace(kept.row, raw=replace(kept.row.raw, key="", body={}, chat=""))
        self._rows.inbox[row.id] = replace(kept, row=bare)

    async def erase(self, person_id: int, at: datetime) -> Address | None:
        raise NotImplementedError("deleting needs a database: nothing here stands in for it")

    async def put_off(self, row: InboxRow, until: datetime) -> None:
        self._settle(row, not_before=until)

    async def set_aside(self, row: InboxRow, trace: str, at: datetime) -> None:
        self._settle(row, state="aside", trace=trace)

    def _settle(self, row: InboxRow, **values: Any) -> None:
        kept = self._rows.inbox[row.id]
        tried = replace(kept.row, attempts=row.attempts + 1)
        self._rows.inbox[row.id] = replace(kept, row=tried, **values)

    def _person(self, person_id: int) -> KeptPerson:
        try:
            return self._rows.people[person_id]
        except KeyError:
            raise NobodyError(f"there is no person {person_id}") from None


def _raised(flags: tuple[KeptFlag, ...], effect: RaiseFlag, at: datetime) -> tuple[KeptFlag, ...]:
    standing = any(kept.effect.flag.id == effect.flag.id and kept.closed_because is None for kept in flags)
    return flags if standing else (*flags, KeptFlag(effect=effect, raised_at=at))


def _lifted(kept: KeptFlag, effect: LiftFlag) -> KeptFlag:
    this = kept.effect.flag.id == effect.flag_id and kept.closed_because is None
    return replace(kept, closed_because=effect.reason) if this else kept


def _as_json(value: Any) -> Any:
    """Give a value as it comes back from JSON; raises TypeError for what JSON can't say."""
    return json.loads(json.dumps(value))
