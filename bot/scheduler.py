"""The clock's tick: APScheduler, in memory, calls what comes due; every reminder is a row, none is a job."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from apscheduler.schedulers.asyncio import AsyncIOScheduler

log = logging.getLogger(__name__)

TICK_SECONDS = 1
"""How often what is due is looked for."""


@asynccontextmanager
async def ticking(due: Callable[[], Awaitable[int]]) -> AsyncIterator[None]:
    """Call *due* every second, one call at a time; what it raises is logged, and the next tick tries again."""

    async def tick() -> None:
        try:
            await due()
        except Exception:
            log.exception("what is due could not be looked for; trying again")

    scheduler = AsyncIOScheduler(timezone="UTC")
    # A tick that was missed is made up once: APScheduler's own default skips what is a second late.
    scheduler.add_job(tick, "interval", seconds=TICK_SECONDS, coalesce=True, max_instances=1, misfire_grace_time=None)
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=False)
