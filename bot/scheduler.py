"""The clock's tick: APScheduler, in memory, calls what comes due; every reminder is a row, none is a job."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler

log = logging.getLogger(__name__)

TICK_SECONDS = 1
"""How often what is due is looked for."""
SWEEP_HOURS = 24
"""How often what is due once a day is done."""
LOOK_MINUTES = 10
"""How often it is asked whether a backup is due. A proposal."""

LAST_SECONDS = 5.0
"""How long what is under way may take to end. A proposal."""


@asynccontextmanager
async def ticking(
    due: Callable[[], Awaitable[int]],
    daily: Callable[[], Awaitable[None]] | None = None,
    backup: Callable[[], Awaitable[None]] | None = None,
) -> AsyncIterator[None]:
    """Call *due* every second, *daily* once a day, *backup* every few minutes, one call at a time.

    What they raise is logged, and the next tick tries again.
    """

    running: set[asyncio.Task[Any] | None] = set()

    @contextmanager
    def told(what: str) -> Iterator[None]:
        task = asyncio.current_task()
        running.add(task)
        try:
            yield
        except Exception:
            log.exception("%s", what)
        finally:
            running.discard(task)

    async def tick() -> None:
        with told("what is due could not be looked for; trying again"):
            await due()

    async def sweep() -> None:
        with told("what is due once a day could not be done; trying again tomorrow"):
            if daily is not None:
                await daily()

    async def back_up() -> None:
        with told(f"no backup could be made; trying again in {LOOK_MINUTES} minutes"):
            if backup is not None:
                await backup()

    scheduler = AsyncIOScheduler(timezone="UTC")
    # A tick that was missed is made up once: APScheduler's own default skips what is a second late.
    scheduler.add_job(tick, "interval", seconds=TICK_SECONDS, coalesce=True, max_instances=1, misfire_grace_time=None)
    if daily is not None:
        given: dict[str, Any] = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        scheduler.add_job(sweep)  # at once, too: a process may not live for a day
        scheduler.add_job(sweep, "interval", hours=SWEEP_HOURS, **given)
    if backup is not None:
        given = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        scheduler.add_job(back_up)
        scheduler.add_job(back_up, "interval", minutes=LOOK_MINUTES, **given)
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=False)
        # What is under way ends first: the database is closed next, and must not be cut off in a transaction.
        if begun := {task for task in running if task is not None}:
            await asyncio.wait(begun, timeout=LAST_SECONDS)
