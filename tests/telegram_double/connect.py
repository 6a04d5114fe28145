"""A real python-telegram-bot Bot on the double, in-process or over a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from telegram import Bot
from telegram.request import HTTPXRequest

from .double import Double
from .serve import serve


@asynccontextmanager
async def connected(double: Double, way: str = "inside", token: str | None = None) -> AsyncIterator[Bot]:
    """Connect a real Bot, in-process or over a socket."""
    async with AsyncExitStack() as stack:
        if way == "socket":
            url, options = await stack.enter_async_context(serve(double)), {}
        else:
            url, options = "http://double", {"transport": double.transport()}
        bot = Bot(
            token or double.token,
            base_url=f"{url}/bot",
            base_file_url=f"{url}/file/bot",
            request=HTTPXRequest(connection_pool_size=8, httpx_kwargs=dict(options)),
            get_updates_request=HTTPXRequest(connection_pool_size=4, httpx_kwargs=dict(options)),
        )
        yield await stack.enter_async_context(bot)
    await double.close()
