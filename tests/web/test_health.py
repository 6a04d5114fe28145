"""/healthz and /readyz: what they say, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import pytest

from bot.web.health import Health
from bot.web.listen import listening


async def fine() -> None:
    """Answer."""


async def broken() -> None:
    raise ConnectionError("gone")


async def hanging() -> None:
    await asyncio.Event().wait()


def health_of(database: Callable[[], Awaitable[object]] | None, *, known: bool, stopped: bool = False) -> Health:
    """Make what is known of a process."""
    stopping = asyncio.Event()
    if stopped:
        stopping.set()
    health = Health(stopping)
    health.database, health.is_known = database, known
    return health


@pytest.mark.parametrize(
    ("database", "known", "stopped", "said"),
    [
        (fine, True, False, (200, "ok")),
        (None, False, False, (503, "starting")),
        (broken, True, False, (503, "database")),
        (hanging, True, False, (503, "database")),
        (fine, False, False, (503, "telegram")),
        (fine, True, True, (503, "stopping")),
    ],
)
async def test_readiness_says_in_one_word_what_is_missing(
    database: Callable[[], Awaitable[object]] | None, known: bool, stopped: bool, said: tuple[int, str]
) -> None:
    app = health_of(database, known=known, stopped=stopped).app()
    async with listening(app, "127.0.0.1", 0) as listener, aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{listener.port}/readyz") as answer:
            assert (answer.status, await answer.text()) == said
        async with session.get(f"http://127.0.0.1:{listener.port}/healthz") as answer:
            assert (answer.status, await answer.text()) == (200, "ok")
