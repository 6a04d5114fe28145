"""The clock's tick: APScheduler, in memory, calls what comes due; every reminder is a row, none is a job."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler

log = logging.getLogger(__name__)

TICK_SECONDS = 1
"""How often what is due is looked for."""
SWEEP_HOURS = 24
"""How often what is due once a day is done."""


@asynccontextmanager
async def ticking(
    due: Callable[[], Awaitable[int]], daily: Callable[[], Awaitable[None]] | None = None
) -> AsyncIterator[None]:
    """Call *due* every second, and *daily* once a day, one call at a time.

    What they raise is logged, and the next tick tries again.
    """

    async def tick() -> None:
        try:
            await due()
        except Exception:
            log.exception("what is due could not be looked for; trying again")

    async def sweep() -> None:
        try:
            if daily is not None:
                await daily()
        except Exception:
            log.exception("what is due once a day could not be done; trying again tomorrow")

    scheduler = AsyncIOScheduler(timezone="UTC")
    # A tick that was missed is made up once: APScheduler's own default skips what is a second late.
    scheduler.add_job(tick, "interval", seconds=TICK_SECONDS, coalesce=True, max_instances=1, misfire_grace_time=None)
    if daily is not None:
        given: dict[str, Any] = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        scheduler.add_job(sweep)  # at once, too: a process may not live for a day
        scheduler.add_job(sweep, "interval", hours=SWEEP_HOURS, **given)
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=False)
