"""Turns and delivery side by side, until told to stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from bot.workflow.deliver import LOOK_SECONDS, Pace, deliver
from bot.workflow.door import Door
from bot.workflow.due import due
from bot.workflow.handle import Words, handle
from bot.workflow.ports import Channel, Clock, Raw, Speed, Store
from bot.workflow.receive import receive
from bot.workflow.watch import UNWATCHED, Watch
from rules import Library

log = logging.getLogger(__name__)

BUSY_SECONDS = 0.8
"""How long an update waits before its chat is shown that an answer is being made."""
TROUBLE_SECONDS = 5.0
"""The pause after the database failed."""


class Work:
    """The work of one process: what came in is handled, what is to be said is sent, each woken by the other."""

    def __init__(
        self,
        store: Store,
        channels: Mapping[str, Channel],
        clock: Clock,
        library: Library,
        phrasebook: Words,
        door: Door | None = None,
        *,
        speed: Speed | None = None,
        watch: Watch = UNWATCHED,
    ) -> None:
        self._store, self._channels, self._clock = store, channels, clock
        self._library, self._phrasebook, self._door = library, phrasebook, door
        self._pace, self._speed, self._watch = Pace(), speed, watch
        self._came, self._goes = asyncio.Event(), asyncio.Event()
        self._waiting: list[Raw] = []

    async def receive(self, raws: Sequence[Raw]) -> int:
        """Store updates durably and wake those who handle them; give how many were new."""
        new = await receive(self._store, raws)
        if new:
            self._waiting = [*self._waiting, *raws][-100:]
            self._came.set()
        return new

    async def run(self, stopping: asyncio.Event) -> None:
        """Finish what was cut off, then handle and deliver until told to stop."""
        cut_off = await self._store.recover(self._clock.now())
        if cut_off:
            log.warning("%s messages were being sent when Coxa stopped; they are sent again", cut_off)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._repeat(self._handle, self._came, stopping))
            group.create_task(self._repeat(self._deliver, self._goes, stopping))
            group.create_task(self._show_busy(stopping))

    async def due(self) -> int:
        """Put what came due into the inbox and wake those who handle it; give how many came due."""
        count = await due(self._store, self._clock)
        if count:
            self._came.set()
        return count

    async def finish(self) -> None:
        """Handle and send what is left."""
        while await self._handle() or await self._deliver():
            pass

    async def _handle(self) -> int:
        parts = (self._store, self._channels, self._clock, self._library, self._phrasebook)
        with self._watch("handle") as doing:
            doing.count = count = await handle(*parts, door=self._door)
        self._waiting = []
        if count:
            self._goes.set()
        return count

    async def _deliver(self) -> int:
        if self._pace.unmarked:  # nothing is being sent now, so what stands as being sent was cut off
            await self._store.recover(self._clock.now())
            self._pace.unmarked = False
        given: dict[str, Any] = {"pace": self._pace, "speed": self._speed, "woken": self._goes}
        return await deliver(self._store, self._channels, self._clock, **given)

    async def _repeat(self, step: Callable[[], Awaitable[int]], woken: asyncio.Event, stopping: asyncio.Event) -> None:
        """Do a step for as long as it finds work, then wait until woken, or for a while."""
        while not stopping.is_set():
            woken.clear()
            try:
                found = await step()
            except Exception:  # the database is in trouble; what was begun is undone, and nothing is lost
                log.exception("a step of the work failed; trying again")
                await _wait(stopping, TROUBLE_SECONDS)
                continue
            if not found:
                await _wait(woken, LOOK_SECONDS)

    async def _show_busy(self, stopping: asyncio.Event) -> None:
        """Show chats that have waited for a while that their answer is being made."""
        seen: list[Raw] = []
        while not stopping.is_set():
            await _wait(stopping, BUSY_SECONDS)
            for raw in [raw for raw in self._waiting if raw in seen]:
                await self._channels[raw.source].busy(raw)
            seen = list(self._waiting)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
