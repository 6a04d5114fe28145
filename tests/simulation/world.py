"""A world of clients on the real workflow and store: time goes from what is due to what somebody does; diaries."""

from __future__ import annotations

import heapq
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random

from sqlalchemy import select

from bot.conversation.effects import KeepAssessment, KeepConsent, KeepEntry, KeepPlan, KeepProfile, Kept
from bot.conversation.events import Blocked, Returned
from bot.conversation.known import CONSENT_VERSION, Known
from bot.phrasebook import load_phrasebook, read_own
from bot.storage.crypto import KeyRing
from bot.storage.database import Database, open_database
from bot.storage.store import SqlStore
from bot.workflow.deliver import deliver
from bot.workflow.due import due
from bot.workflow.handle import handle
from bot.workflow.ports import Address, Heard, Message, Raw, SendError
from bot.workflow.receive import receive
from rules import Library
from rules.log import Cleared
from tests.conversation.chat import finished
from tests.fakes import FakeClock, RecordingChannel, Sent
from tests.simulation.judge import UNASKED, Diary, Entry, Finding, local
from tests.simulation.people import (
    DONE,
    Client,
    Reply,
    Script,
    delay,
    new_client,
    reaction,
    returns,
    says,
    sets_time,
    whim,
)

SPRING = datetime(2026, 3, 1, 12, tzinfo=UTC)
"""Before the clocks change in America, Africa, Europe and, the other way, in Australia and New Zealand."""
AUTUMN = datetime(2026, 10, 3, 12, tzinfo=UTC)
"""Before they change back."""
LEFT = timedelta(hours=6)
"""So long something left open in the chat counts as going on."""

ANSWERED = {
    "rhythm.kept": "set", "rhythm.moved": "set", "rhythm.resumed": "resume", "rhythm.back": "returned",
    "rhythm.paused_until": "pause", "rhythm.paused": "pause", "bot.stopped": "stopped",
    "bot.stopped_before": "stopped", "practice.red": "rests", "bot.pain_heard": "rests",
    "practice.kept.yes": "done", "practice.kept.partly": "done", "practice.kept.no": "hurts",
    "prompt.not_today_fine": "not_today", "prompt.put_off": "later", "practice.flare": "flare",
    "prompt.because.hard": "answers", "prompt.because.long": "answers", "prompt.because.time": "answers",
}  # fmt: skip
"""Words of a reply -> what the client has done by them; the first that is there counts."""
CAME = {
    "prompt.nudge": "nudge", "prompt.as_you_asked": "later", "prompt.late": "late", "prompt.in_the_way.one": "ask",
    "prompt.in_the_way.other": "ask", "prompt.settle_first": "settle", "practice.no_session.stop": "none",
    "practice.no_session.rest": "none", "practice.no_session.rescreen": "none", "weekly.due": "weekly",
    "prompt.what.one": "prompt", "prompt.what.other": "prompt",
}  # fmt: skip
"""Words of what comes by itself -> what it is; the first that is there counts."""
WRONG, PASSED = "bot.went_wrong", "bot.gate_passed"


@dataclass
class Line(RecordingChannel):
    """A channel whose chats can block it; {"chat", "blocks"} and {"chat", "returns"} are its news of that."""

    shut: set[str] = field(default_factory=set)

    def read(self, raw: Raw) -> Heard | None:
        """Make a raw update into an event."""
        match raw.body:
            case {"chat": str(chat), "blocks": _}:
                return Heard(address=self.address(chat), name=chat, event=Blocked(at=raw.at))
            case {"chat": str(chat), "returns": _}:
                return Heard(address=self.address(chat), name=chat, event=Returned(at=raw.at))
        return super().read(raw)

    async def send(self, address: Address, message: Message, edit: str | None) -> str:
        """Send, but to nobody who has blocked us."""
        if address.chat in self.shut:
            raise SendError("blocked", "the chat is shut")
        return await super().send(address, message, edit)


@dataclass(order=True)
class _Task:
    """Something that a client will do."""

    at: datetime
    number: int
    client: Client = field(compare=False)
    begin: Script | None = field(compare=False, default=None)
    """A script to begin; None: the next step of the one that runs, or, with `day`, whatever the day brings."""
    must: bool = field(compare=False, default=False)
    """Whether it is done even by those who are silent."""
    day: bool = field(compare=False, default=False)


class World:
    """The clients, the store, the clock; `live` gives the diaries, and what went wrong besides reminders.

    Where it is *calm*, everybody practises ten minutes after each prompt, and Coxa is always up.
    """

    def __init__(
        self,
        library: Library,
        numbers: Sequence[int],
        *,
        days: int,
        seed: int,
        begins: datetime = SPRING,
        calm: bool = False,
    ) -> None:
        self._library, self._book = library, load_phrasebook(library)
        self._calm = calm
        self._clock, self._line = FakeClock(begins), Line()
        self._begins, self._ends = begins, begins + timedelta(days=days)
        self._clients = {client.name: client for client in (new_client(number, seed) for number in numbers)}
        self._diaries: dict[str, list[Entry]] = {name: [] for name in self._clients}
        self._busy: dict[str, list[tuple[datetime, datetime]]] = {name: [] for name in self._clients}
        self._since: dict[str, datetime] = {}
        self._dice = Random(f"{seed}:outages")  # noqa: S311  # a test's dice
        self._down = [] if calm else list(self._outages())
        self._tasks: list[_Task] = []
        self._count = 0
        self._step: dict[str, Reply] = {}
        self._screen: dict[str, tuple[tuple[str, ...], ...]] = {}
        self._answered, self._came = _marks(ANSWERED), _marks(CAME)
        ((self._wrong, _), (self._passed, _)) = _marks({WRONG: "", PASSED: ""})
        self._gates: set[str] = set()
        """Who has left safety questions open: whatever they say, these are going on then."""
        self._findings: list[Finding] = []
        self._known: Known = finished(library).known

    async def live(self) -> tuple[list[Diary], list[Finding]]:
        """Let all days pass."""
        database = await open_database("sqlite+aiosqlite:///:memory:", KeyRing.new())
        self._store = SqlStore(database)
        try:
            for client in self._clients.values():
                await self._settle_in(client)
            await self._pass()
            await self._look_aside(database)
        finally:
            await self._store.close()
        diaries = [
            Diary(
                client=name,
                entries=tuple(entries),
                down=tuple(self._down),
                busy=tuple(self._busy[name]),
                ends=self._ends,
            )
            for name, entries in self._diaries.items()
        ]
        return diaries, self._findings

    # --- the course of time

    def _outages(self) -> Sequence[tuple[datetime, datetime]]:
        at, found = self._begins + timedelta(days=2), []
        while at < self._ends - timedelta(days=4):
            at += timedelta(days=self._dice.expovariate(1 / 6))
            roll = self._dice.random()
            most = 60 if roll < 0.5 else 480 if roll < 0.8 else 3 * 24 * 60
            long = timedelta(minutes=self._dice.randint(5, most))
            found.append((at.replace(microsecond=0), (at + long).replace(microsecond=0)))
            at += long + timedelta(hours=1)
        return found

    async def _pass(self) -> None:
        """Go from instant to instant: what is due, what somebody does, where Coxa goes down."""
        outages = [*self._down, (self._ends + timedelta(days=1), self._ends + timedelta(days=2))]
        soonest = await self._store.next_due()
        while True:
            acts = self._tasks[0].at if self._tasks else self._ends
            at = max(self._clock.now(), min(acts, soonest or self._ends))
            if min(at, outages[0][0]) >= self._ends:
                return
            if outages[0][0] <= at:
                _, up = outages.pop(0)
                await self._wake(up)
            elif soonest is not None and soonest <= acts:
                self._clock.at = at
                await self._work()
            else:
                self._clock.at = at
                await self._do(heapq.heappop(self._tasks))
            soonest = await self._store.next_due()

    async def _wake(self, up: datetime) -> None:
        """Come up after an outage: what clients did meanwhile waits, and is heard before or after what is due."""
        self._clock.at = up
        await self._store.recover(up)
        words_first = self._dice.random() < 0.5
        waiting = [task for task in self._tasks if task.at < up]
        self._tasks = [task for task in self._tasks if task.at >= up]
        heapq.heapify(self._tasks)
        for task in sorted(waiting):
            if words_first and not task.day:
                await self._do(replace(task, at=up))
            else:
                heapq.heappush(self._tasks, replace(task, at=up + timedelta(seconds=task.number % 40)))
        await self._work()

    async def _work(self) -> None:
        """Do what is due, and let those who are told react."""
        seen = len(self._line.sends)
        await due(self._store, self._clock, limit=10_000)
        await self._answer()
        came: dict[str, str] = {}
        for sent in self._line.sends[seen:]:
            client = self._shown(sent)
            what = next((what for mark, what in self._came if mark in sent.message.text), "notice")
            self._note(client, "coxa", what, sent.message.text)
            if what in UNASKED:
                came[client.name] = what
        for name, what in came.items():
            client, now = self._clients[name], self._clock.now()
            if not client.is_free(now):
                continue
            script = says(DONE) if self._calm else reaction(client, what, now)
            if script is not None:
                wait = timedelta(minutes=10) if self._calm else delay(client.dice)
                self._plan(now + wait, client, begin=script)

    async def _answer(self) -> None:
        """Handle and deliver all that waits."""
        parts = {self._line.name: self._line}
        while await handle(self._store, parts, self._clock, self._library, self._book, limit=100) == 100:
            pass
        await deliver(self._store, parts, self._clock)

    # --- what clients do

    async def _settle_in(self, client: Client) -> None:
        """Let a client begin who has a result and a plan, and sets their time through the chat."""
        now, known = self._clock.now(), self._known
        assert known.assessment is not None
        assert known.assessed_facts is not None
        async with self._store.turns() as turns:
            person = await turns.person_at(self._line.address(client.name), client.name, now)
            first: tuple[Kept, ...] = (
                KeepConsent(version=CONSENT_VERSION, given=True),
                KeepProfile(profile=dict(known.profile)),
                *self._tested(client, now),
            )
            for effect in first:
                await turns.keep(person, effect, now)
        seconds = client.dice.randint(1, 3600)
        self._plan(now + timedelta(seconds=seconds), client, begin=sets_time(client, client.asking), must=True)
        if not self._calm:
            self._plan(now + timedelta(days=1), client, day=True)

    def _tested(self, client: Client, now: datetime) -> tuple[Kept, ...]:
        """Give a result and a plan as of now, and that the log begins anew."""
        known = self._known
        assert known.assessment is not None
        assert known.assessed_facts is not None
        on = local(now, client.asking.zone).date()
        return (
            KeepAssessment(
                screening=f"s{now:%y%m%d}", assessment=known.assessment, facts=known.assessed_facts, tested_at=now
            ),
            KeepPlan(plan=known.plan),
            KeepEntry(entry=Cleared(id=f"s{now:%y%m%d%H%M}", on=on, tested=True)),
        )

    def _plan(
        self, at: datetime, client: Client, *, begin: Script | None = None, must: bool = False, day: bool = False
    ) -> None:
        self._count += 1
        heapq.heappush(self._tasks, _Task(at, self._count, client, begin, must, day))

    async def _do(self, task: _Task) -> None:
        client, now = task.client, self._clock.now()
        if client.gone:
            return
        if task.day:
            self._plan(now + timedelta(hours=client.dice.randint(12, 36)), client, day=True)
            wished = whim(client, now) if client.is_free(now) else None
            if wished is not None:
                script, wait, then = wished
                self._plan(now + timedelta(seconds=client.dice.randint(1, 40_000)), client, begin=script)
                if wait is not None and then is not None:
                    self._plan(now + timedelta(hours=12) + wait, client, begin=then, must=True)
            return
        if task.begin is None:
            await self._go_on(client)
        elif client.is_free(now) or (task.must and client.script is None and self._may(client, task.begin)):
            client.script, self._since[client.name] = task.begin, now
            await self._go_on(client)
        elif task.must:
            self._plan(now + timedelta(minutes=30), client, begin=task.begin, must=True)

    @staticmethod
    def _may(client: Client, script: Script) -> bool:
        """Tell whether somebody who is silent does this all the same; who blocked us can only return."""
        return not client.blocked or getattr(script, "__name__", "") == returns.__name__

    async def _go_on(self, client: Client) -> None:
        """Take the next step of a script."""
        script = client.script
        if script is None:
            return
        try:
            reply = self._step.pop(client.name, None)
            how, what = script.send(reply) if reply is not None else next(script)
        except StopIteration as ended:
            self._over(client, left=bool(ended.value))
            return
        self._step[client.name] = await self._hears(client, how, what)
        self._plan(self._clock.now() + timedelta(seconds=client.dice.randint(2, 20)), client)

    def _over(self, client: Client, *, left: bool) -> None:
        client.script = None
        now, left = self._clock.now(), left or client.name in self._gates
        self._busy[client.name].append((self._since.pop(client.name), now + LEFT if left else now))

    async def _hears(self, client: Client, how: str, what: str) -> Reply:
        """Let a client do one thing; give what they are told."""
        body: dict[str, str] = {"chat": client.name}
        match how:
            case "type":
                body["text"] = what
            case "tap" | "tap2":
                data = next((data for data in self._buttons(client) if data.partition(":")[2] == what), None)
                if data is None:
                    return client.reply
                body["tap"] = data
            case "rescreen":
                await self._made_anew(client)
                return client.reply
            case "blocks":
                client.blocked = True
                self._line.shut.add(client.name)
                self._note(client, "client", "blocks", "blocks")
                if client.dice.random() < 0.5:  # else nobody tells, and the next send finds out
                    await self._send(client, {**body, "blocks": "on"})
                return Reply()
            case _:
                client.blocked = False
                self._line.shut.discard(client.name)
                body["returns"] = "on"
        return await self._send(client, body, times=2 if how == "tap2" else 1)

    async def _send(self, client: Client, body: Mapping[str, str], *, times: int = 1) -> Reply:
        """Send what a client does, and read the reply into their diary."""
        now, seen = self._clock.now(), len(self._line.sends)
        chat = f"{self._line.name}:bot:{client.name}"
        raws = []
        for _ in range(times):
            self._count += 1
            raws.append(Raw(source=self._line.name, key=str(self._count), body=body, at=now, chat=chat))
        await receive(self._store, raws)
        await self._answer()
        sends = self._line.sends[seen:]
        for sent in sends:
            self._shown(sent)
        text = "\n".join(sent.message.text for sent in sends if sent.address.chat == client.name)
        self._heard(client, body, text)
        return replace(client.reply, text=text)

    def _heard(self, client: Client, body: Mapping[str, str], text: str) -> None:
        """Note what a client did, by what they were told."""
        did = next((what for mark, what in self._answered if mark in text), "says")
        if "blocks" in body:
            return
        if "returns" in body:
            did = "returned"
        said = body.get("text") or body.get("tap") or did
        if did == "set":
            client.settings = client.asking
        if did == "stopped":
            client.gone = True
        if self._wrong in text:
            did = "misheard"
        if self._passed in text:
            self._gates.discard(client.name)
        elif did == "rests":
            self._gates.add(client.name)
        settings = client.settings if did == "set" else None
        choice = client.choice if did == "later" else ""
        self._note(client, "client", did, f"{said} => {text}", settings=settings, choice=choice)

    async def _made_anew(self, client: Client) -> None:
        """Keep a new result and plan, as of a screening that is not played here: it takes thirty turns."""
        now = self._clock.now()
        async with self._store.turns() as turns:
            person = await turns.person_at(self._line.address(client.name), client.name, now)
            for effect in self._tested(client, now):
                await turns.keep(person, effect, now)

    # --- what they see

    def _shown(self, sent: Sent) -> Client:
        """Put a message before its client; give them."""
        client = self._clients[sent.address.chat]
        if sent.message.rows:
            rows = [row for row in sent.message.rows if row["open"] and not any(b["chosen"] for b in row["buttons"])]
            self._screen[client.name] = tuple(tuple(b["data"] for b in row["buttons"]) for row in rows)
            shown = tuple(tuple(data.partition(":")[2] for data in row) for row in self._screen[client.name])
            client.reply = Reply(text=sent.message.text, rows=shown)
        return client

    def _buttons(self, client: Client) -> Sequence[str]:
        return [data for row in self._screen.get(client.name, ()) for data in row]

    def _note(self, client: Client, who: str, what: str, text: str, **more: object) -> None:
        entry = Entry(at=self._clock.now(), who=who, what=what, text=text)
        self._diaries[client.name].append(replace(entry, **more))  # type: ignore[arg-type]  # fields of an entry

    async def _look_aside(self, database: Database) -> None:
        """Find turns that raised."""
        t = database.tables.inbox
        async with database.begin() as connection:
            rows = await connection.execute(select(t.c.at, t.c.value, t.c.trace).where(t.c.state == "aside"))
            for row in rows:
                what = f"{row.value['body']}: {str(row.trace).strip().splitlines()[-1]}"
                self._findings.append(Finding(client=row.value["chat"], at=row.at, rule="aside", what=what))


def _marks(keys: Mapping[str, str]) -> Sequence[tuple[str, str]]:
    """Give the longest piece of each wording that holds whatever its slots are filled with, and what it means."""
    words = read_own()["en"]
    pieces = {key: max((text for text, *_ in string.Formatter().parse(words[key])), key=len) for key in keys}
    return [(piece, keys[key]) for key, piece in pieces.items()]
