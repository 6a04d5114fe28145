"""A town of clients, the double, and the processes that serve them, which can be killed and started again."""

from __future__ import annotations

import asyncio
import random
import signal
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import aiohttp

from tests.chaos.client import Client, Pace
from tests.chaos.judge import Finding, Trouble, Verdict, judge, still_waiting
from tests.chaos.mind import Unkilled
from tests.e2e.phone import Served
from tests.telegram_double import Double, hang, serve
from tests.telegram_double.journal import Call

TOKEN = "123456:TEST"  # noqa: S105  # of a made-up bot
FIRST_CHAT = 1000
STUCK_SECONDS = 240.0
"""No client taps for so long, and the run is given up: twice a client's patience."""
STEP_SECONDS = 20.0
"""How long a kill waits for its share of the taps."""
CALL_SECONDS = 2.0
"""How long a kill waits for a call to fall into."""
DRAIN_SECONDS = 180.0
"""How long what waits may take to go out once all have their results: longer than retries are put off."""
WEBHOOK = "https://coxa.example/telegram"
SECRET = "made-up-made-up-made-up-made-up-made-up"  # noqa: S105  # pragma: allowlist secret


class Replica(Served):
    """A process of `coxa serve`: one of those that share a database."""

    port: int | None = None
    """Where it hears the webhook; None for one that polls."""

    @property
    def ended(self) -> int | None:
        """Give the exit code of a process that is there no more, None while it is."""
        return self._process.returncode if self._process is not None else None

    @property
    def pid(self) -> int:
        """Give the process's id."""
        assert self._process is not None
        return self._process.pid


class Spread:
    """The way of the webhook to the replicas, in turn; raises where the one whose turn it is isn't there."""

    def __init__(self) -> None:
        self.ports: list[int] = []
        self._turn = 0
        self._session: aiohttp.ClientSession | None = None

    @property
    def last(self) -> int:
        """Give the port of the one whose turn it was last."""
        return self.ports[self._turn % len(self.ports)]

    async def __call__(self, url: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """Post as Telegram would; whoever calls tries again where this raises."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60))
        self._turn += 1
        port = self.last
        where = f"http://127.0.0.1:{port}/{url.split('/', 3)[3]}"
        async with self._session.post(where, data=body, headers=headers) as answer:
            return answer.status, await answer.read()

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


class Line:
    """The double's address, which can be out of reach for a while."""

    def __init__(self, double: Double) -> None:
        self._double, self._port = double, 0
        self._served = AsyncExitStack()
        self.url = ""

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.down()

    async def up(self) -> None:
        """Answer."""
        self.url = await self._served.enter_async_context(serve(self._double, self._port))
        self._port = int(self.url.rpartition(":")[2])

    async def down(self) -> None:
        """Answer no more: connections break, new ones are refused."""
        await self._served.aclose()


@dataclass(kw_only=True)
class Town:
    """A run: who lives there, what serves them, what was done to it."""

    home: Path
    double: Double
    line: Line
    replicas: Sequence[Replica]
    clients: Sequence[Client]
    database_url: str
    pace: Pace
    trouble: Trouble = field(default_factory=Trouble)
    findings: list[Finding] = field(default_factory=list)

    @property
    def taps(self) -> int:
        """Count what clients did so far."""
        return sum(client.taps for client in self.clients)

    async def live(self) -> None:
        """Let all clients screen to their results; a client who gets none is a finding."""
        living = {asyncio.create_task(client.live()): client for client in self.clients}
        taps, since = -1, asyncio.get_running_loop().time()
        try:
            while waiting := {task for task in living if not task.done()}:
                await asyncio.wait(waiting, timeout=5, return_when=asyncio.FIRST_COMPLETED)
                now, so_far = asyncio.get_running_loop().time(), self.taps
                if so_far != taps:
                    taps, since = so_far, now
                if now - since > STUCK_SECONDS:
                    break
        finally:
            for task in living:
                task.cancel()
            await asyncio.gather(*living, return_exceptions=True)
        for task, client in living.items():
            if not client.finished:
                failed = task.exception() if task.done() and not task.cancelled() else None
                what = f"{client.taps} of {len(client.unkilled.acts)} taps; {failed or 'nothing came any more'}"
                self.findings.append(Finding(rule="no result", chat=client.user.id, what=what))

    async def end(self) -> Verdict:
        """Wait until nothing waits any more, end the processes, judge."""
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while await still_waiting(self.database_url, self.home / "key.json"):  # noqa: ASYNC110  # no event
                    await asyncio.sleep(0.5)
        except TimeoutError:
            pass  # the judge will say what waits
        await asyncio.sleep(0.5)  # what is answered on the side
        for replica in self.replicas:
            if replica.ended == -signal.SIGKILL:  # it was to stay away
                continue
            code = await replica.stop()
            if code != 0:
                self.findings.append(Finding(rule="ended badly", chat=None, what=f"SIGTERM was answered with {code}"))
        people = {client.user.id: client.unkilled for client in self.clients}
        verdict = await judge(self.double, people, self.database_url, self.home / "key.json", self.trouble)
        verdict.findings[:0] = self.findings
        for client in self.clients:
            for again in client.again:
                verdict.findings.append(Finding(rule="no answer to a tap", chat=client.user.id, what=again))
        return verdict


@asynccontextmanager
async def town(
    home: Path,
    people: Sequence[Unkilled],
    *,
    seed: int,
    steps: int,
    postgres_url: str | None = None,
    environment: Mapping[str, str] | None = None,
    module: str = "bot",
) -> AsyncIterator[Town]:
    """Build a town with its processes running: one on SQLite; on PostgreSQL two, which share a webhook."""
    spread, pace = Spread(), Pace(steps)
    is_shared = postgres_url is not None
    # Nobody's tap grows stale while its process is being started again.
    double = Double(token=TOKEN, callback_seconds=3600, webhook_post=spread if is_shared else None)
    more = {"COXA_SENDS_PER_SECOND": "0", **(environment or {})}  # what is measured is not the pace
    if postgres_url is not None:
        more["COXA_DATABASE_URL"] = postgres_url
    async with Line(double) as line:
        if is_shared:
            replicas = [replica_of(home, line.url, more, spread) for _ in range(2)]
        else:
            replicas = [Replica(home, line.url, TOKEN, **more)]
        for replica in replicas:
            replica.module = module
        clients = [
            Client(double.user(FIRST_CHAT + n, one.name, "en"), one, pace, seed=seed, among=len(people))
            for n, one in enumerate(people, 1)
        ]
        url = postgres_url or f"sqlite+aiosqlite:///{home / 'data' / 'coxa.db'}"
        made = Town(
            home=home, double=double, line=line, replicas=replicas, clients=clients, database_url=url, pace=pace
        )
        try:
            for replica in replicas:
                await replica.start()
            yield made
        finally:
            for replica in replicas:
                await replica.__aexit__()
            await spread.close()


def replica_of(home: Path, api: str, more: Mapping[str, str], spread: Spread) -> Replica:
    """Make a process that shares a webhook with others: it hears on a port that was free."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    spread.ports.append(port)
    webhook = {
        "COXA_WEBHOOK_URL": WEBHOOK,
        "COXA_WEBHOOK_SECRET": SECRET,
        "COXA_WEBHOOK_PATH": "/telegram",
        "COXA_WEBHOOK_LISTEN": f"127.0.0.1:{port}",
    }
    replica = Replica(home, api, TOKEN, **more, **webhook)
    replica.port = port
    replica.arguments = ("--webhook",)
    return replica


class Killer:
    """Kills processes with SIGKILL at moments that the dice choose, and starts them again."""

    def __init__(self, town: Town, kills: int, seed: int) -> None:
        self._town, self._kills = town, kills
        self._dice = random.Random(f"kills {seed}")  # noqa: S311  # a test's dice
        taps = sum(len(client.unkilled.acts) for client in town.clients)
        self._taps_a_kill = taps / (kills + 1)
        self._begun = {id(replica): 0 for replica in town.replicas}

    async def run(self) -> None:
        """Kill so often; each kill lets the clients go on."""
        for number in range(self._kills):
            victims = [self._dice.choice(self._town.replicas)]
            if len(self._town.replicas) > 1 and self._dice.random() < 0.15:
                victims = list(self._town.replicas)
            await self._moment(victims[0], number)
            for victim in victims:
                if victim.ended is not None:
                    what = f"before kill {number + 1}: exit code {victim.ended}; see {victim.log}"
                    self._town.findings.append(Finding(rule="ended by itself", chat=None, what=what))
                at = self._town.double.now()
                self._town.trouble.windows.append((at, at))
                await victim.kill()
            await self._town.pace.step()
            for victim in victims:
                self._begun[id(victim)] = len(self._town.double.journal.entries)
                await victim.start()
        await self._town.pace.step()

    async def _moment(self, victim: Replica, number: int) -> None:
        """Wait for a moment in the midst of work, or while it starts.

        Kills keep in step with the screenings: some taps of this step are done, others are on their way.
        """
        begun, dice, loop = self._begun[id(victim)], self._dice, asyncio.get_running_loop()
        kind = dice.random()
        if kind < 0.15:
            await asyncio.sleep(dice.uniform(0, 1.5))
            return
        entries = self._town.double.journal.entries
        until = loop.time() + 30
        while loop.time() < until and victim.ended is None:
            if any(isinstance(entry, Call) and entry.method == "getMe" for entry in entries[begun:]):
                break
            await asyncio.sleep(0.02)
        wanted, until = self._taps_a_kill * (number + dice.uniform(0, 0.9)), loop.time() + STEP_SECONDS
        while loop.time() < until and self._town.taps < wanted:  # noqa: ASYNC110  # a kill waits for no event
            await asyncio.sleep(0.01)
        if kind < 0.6:
            await self._in_a_call()
        else:
            await asyncio.sleep(dice.uniform(0, 0.05))

    async def _in_a_call(self) -> None:
        """Wait for a call of which the process will not hear the answer, whether the call has its effect or not.

        These are the moments that count: between storing and confirming an update, between sending and marking a
        message. Few random instants fall there.
        """
        method = self._dice.choice(("getUpdates", "sendMessage", "editMessageText", "editMessageText"))
        script = self._town.double.fault(method, hang(applied=self._dice.random() < 0.5))
        until = asyncio.get_running_loop().time() + CALL_SECONDS
        while not script.used and asyncio.get_running_loop().time() < until:  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.002)
        self._town.double.faults.scripts.remove(script)  # not released: a call that hangs goes with its process


async def kill(
    home: Path, people: Sequence[Unkilled], *, kills: int, seed: int, postgres_url: str | None = None
) -> tuple[Verdict, Town]:
    """Let people screen while their processes are killed so often; give what the judge says."""
    async with town(home, people, seed=seed, steps=kills + 1, postgres_url=postgres_url) as made:
        async with asyncio.TaskGroup() as group:
            group.create_task(made.live())
            group.create_task(Killer(made, kills, seed).run())
        return await made.end(), made
