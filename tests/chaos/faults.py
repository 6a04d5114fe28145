"""What goes wrong around the processes while clients screen: Telegram, the database, the disk, the clock."""

from __future__ import annotations

import asyncio
import random
import resource
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.chaos.judge import Verdict
from tests.chaos.mind import Unkilled
from tests.chaos.town import STEP_SECONDS, STUCK_SECONDS, Town, town
from tests.postgres import Server
from tests.telegram_double import (
    Fault,
    bad_gateway,
    drop_after,
    drop_before,
    garbage,
    half,
    hang,
    server_error,
    too_many,
)

ROUNDS = 4
"""How often each trouble comes; clients get on by a part of their screening each time."""
LOCKED_SECONDS = 15.0
"""Longer than a process waits for a lock (PRAGMA busy_timeout)."""
DOWN_SECONDS = 8.0
FULL_SECONDS = 12.0
DISK = "64m"
HOUR = 3600.0


@dataclass(kw_only=True)
class Ground:
    """What a trouble works with."""

    town: Town
    dice: random.Random
    server: Server | None = None
    offset: Path
    round: int = 0

    async def passes(self) -> None:
        """Wait until most of what clients do in this round is done, or for a while."""
        town, loop = self.town, asyncio.get_running_loop()
        acts = sum(len(client.unkilled.acts) for client in town.clients)
        wanted, until = acts * (self.round + 0.8) / town.pace.steps, loop.time() + STEP_SECONDS
        while town.taps < wanted and loop.time() < until:  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.05)

    @asynccontextmanager
    async def broken(self) -> AsyncIterator[None]:
        """Note that something is broken inside: each chat may get one message twice because of it."""
        begun = self.town.double.now()
        try:
            yield
        finally:
            self.town.trouble.windows.append((begun, self.town.double.now()))


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One trouble: what happens in one round of it, on which databases, how it is prepared."""

    name: str
    happens: Callable[[Ground], Awaitable[None]]
    databases: Sequence[str] = ("sqlite", "postgresql")
    moved: bool = False
    own_disk: bool = False
    rounds: int = ROUNDS


async def run(
    scenario: Scenario, home: Path, people: Sequence[Unkilled], *, seed: int, server: Server | None = None
) -> Verdict:
    """Let people screen while a trouble comes again and again; give what the judge says."""
    offset = _at_zero(home)
    url = server.new_database() if server is not None else None
    if server is not None and url is not None:  # the tests' server may lose what was just written; this one may not
        name = url.partition("@/")[2].partition("?")[0]
        server.run(f"ALTER DATABASE {name} SET synchronous_commit = on")
    given: dict[str, Any] = {"module": "tests.chaos.moved", "environment": {"CHAOS_CLOCK": str(offset)}}
    with _own_disk(home / "data") if scenario.own_disk else nullcontext():
        async with town(
            home, people, seed=seed, steps=scenario.rounds + 1, postgres_url=url, **(given if scenario.moved else {})
        ) as made:
            dice = random.Random(f"{scenario.name} {seed}")  # noqa: S311  # a test's dice
            ground = Ground(town=made, dice=dice, server=server, offset=offset)
            async with asyncio.TaskGroup() as group:
                group.create_task(made.live())
                group.create_task(_rounds(scenario, ground))
            return await made.end()


def _at_zero(home: Path) -> Path:
    """Make the file that says by how many seconds the clock is wrong."""
    home.mkdir(parents=True, exist_ok=True)
    file = home / "offset"
    file.write_text("0")
    return file


async def _rounds(scenario: Scenario, ground: Ground) -> None:
    await ground.town.double.wait_for(lambda: ground.town.double.journal.calls("sendMessage"), STUCK_SECONDS)
    for ground.round in range(scenario.rounds):
        await asyncio.sleep(ground.dice.uniform(1, 3))
        await scenario.happens(ground)
        await ground.town.pace.step()
    ground.round = scenario.rounds
    await scenario.happens(ground)  # while results are said
    await ground.town.pace.step()


def _telegram(name: str, *faults: Fault, share: float = 0.06) -> Scenario:
    """Make a scenario in which a share of calls goes wrong, each of them once: what is tried again gets through.

    New messages are much rarer than edits, and go wrong more often.
    """

    async def happens(ground: Ground) -> None:
        met: set[tuple[object, ...]] = set()

        def when(params: Mapping[str, object], part: float) -> bool:
            call = tuple(str(params.get(name)) for name in ("chat_id", "text", "callback_query_id"))
            if call in met or ground.dice.random() >= part:
                return False
            met.add(call)
            return True

        double = ground.town.double
        scripts = [
            double.fault(method, fault, times=None, when=partial(when, part=part))
            for method, part in (("sendMessage", 4 * share), ("editMessageText", share), ("answerCallbackQuery", share))
            for fault in faults
        ]
        if ground.round == 0:  # one that hangs is given up after 75 seconds, in which nothing comes
            await asyncio.sleep(2)
            scripts.append(double.fault("getUpdates", faults[0]))
        await ground.passes()
        for script in scripts:
            script.cancel()

    return Scenario(name=name, happens=happens)


async def _out_of_reach(ground: Ground) -> None:
    """Telegram is out of reach: connections break, new ones are refused."""
    async with ground.broken():
        await ground.town.line.down()
        await asyncio.sleep(DOWN_SECONDS)
        await ground.town.line.up()


async def _locked(ground: Ground) -> None:
    """Another process writes for a long time."""
    async with ground.broken():
        await asyncio.to_thread(_hold_lock, ground.town.home / "data" / "coxa.db")


def _hold_lock(file: Path) -> None:
    import time

    with sqlite3.connect(file, timeout=30, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        time.sleep(LOCKED_SECONDS)
        other.execute("ROLLBACK")
    other.close()


async def _server_crashes(ground: Ground) -> None:
    """The database server is gone for a while."""
    assert ground.server is not None
    async with ground.broken():
        await asyncio.to_thread(ground.server.crash)
        await asyncio.sleep(DOWN_SECONDS)
        await asyncio.to_thread(ground.server.start)
        await asyncio.sleep(1)


async def _disk_full(ground: Ground) -> None:
    """The disk is full, then there is room again."""
    data = ground.town.home / "data"
    async with ground.broken():
        if data.is_mount():
            ballast = data / "ballast"
            with ballast.open("wb", buffering=0) as file, suppress(OSError):
                while file.write(bytes(4096)):
                    pass
            await asyncio.sleep(FULL_SECONDS)
            ballast.unlink()
        else:
            longest = max(file.stat().st_size for file in data.iterdir())
            limits = [_limit(replica.pid, longest) for replica in ground.town.replicas]
            await asyncio.sleep(FULL_SECONDS)
            for replica, before in zip(ground.town.replicas, limits, strict=True):
                _limit(replica.pid, before)


def _limit(pid: int, most: int) -> int:
    """Let a process write no file longer than this; give what was allowed before."""
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, hard))
    return soft


@contextmanager
def _own_disk(folder: Path) -> Iterator[None]:
    """Give a folder a small disk of its own, where this is permitted; without it, files are limited instead."""
    folder.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=0700", "none", str(folder)], check=False, capture_output=True
    )
    try:
        yield
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", "-l", str(folder)], check=False)


async def _one_stays_away(ground: Ground) -> None:
    """One of the replicas is killed in the midst of work, and never comes back."""
    if ground.round == 0:
        await ground.passes()
        async with ground.broken():
            await ground.town.replicas[0].kill()


async def _clock_steps(ground: Ground) -> None:
    """The clock goes an hour ahead, back, an hour behind, and back, while some messages are told to wait a second."""
    for seconds in (HOUR, 0.0, -HOUR, 0.0):
        ground.offset.write_text(str(seconds))
        script = ground.town.double.fault("editMessageText", too_many(1), times=2)
        await asyncio.sleep(ground.dice.uniform(1, 3))
        script.cancel()


SCENARIOS = (
    _telegram("429", too_many(2, enforce=True)),
    _telegram("500", server_error(), bad_gateway()),
    _telegram("nothing", hang(), hang(applied=True), share=0.02),
    _telegram("cut", drop_before(), drop_after()),
    _telegram("garbage", garbage(), garbage(applied=True)),
    _telegram("half", half()),
    Scenario(name="out of reach", happens=_out_of_reach),
    Scenario(name="locked", happens=_locked, databases=("sqlite",)),
    Scenario(name="server crashes", happens=_server_crashes, databases=("postgresql",)),
    Scenario(name="one stays away", happens=_one_stays_away, databases=("postgresql",)),
    Scenario(name="disk full", happens=_disk_full, databases=("sqlite",), own_disk=True),
    Scenario(name="clock", happens=_clock_steps, moved=True),
)
