"""Whether this process works, and whether it may be given work: /healthz and /readyz."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, TypeAlias

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

Trouble: TypeAlias = Literal["starting", "database", "telegram", "stopping"]
ANSWER_SECONDS = 1.0
"""How long the database may take to answer."""


class Health:
    """What is known of how the process is."""

    def __init__(self, stopping: asyncio.Event) -> None:
        self._stopping = stopping
        self.database: Callable[[], Awaitable[object]] | None = None
        """Asks the database; None while it is not open yet."""
        self.is_known = False
        """Telegram has said who we are."""

    async def trouble(self) -> Trouble | None:
        """Give what keeps this process from work, in one word; None where nothing does."""
        if self._stopping.is_set():
            return "stopping"
        if self.database is None:
            return "starting"
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self.database()
        except Exception:  # whatever a driver raises where its database is not there
            return "database"
        return None if self.is_known else "telegram"

    def app(self, beside: Sequence[BaseRoute] = ()) -> Starlette:
        """Make an ASGI app of the two pages, with others beside."""
        return Starlette(routes=[*self.routes(), *beside])

    def routes(self) -> list[Route]:
        """Give the two pages."""
        return [Route("/healthz", self._healthz), Route("/readyz", self._readyz)]

    async def _healthz(self, _: Request) -> Response:
        return PlainTextResponse("ok")

    async def _readyz(self, _: Request) -> Response:
        trouble = await self.trouble()
        return PlainTextResponse(trouble or "ok", 503 if trouble else 200)
