"""The double over a socket: uvicorn in the running loop, on 127.0.0.1."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn

from .double import Double


@asynccontextmanager
async def serve(double: Double, port: int = 0) -> AsyncIterator[str]:
    """Serve the double and yield its address, such as http://127.0.0.1:40123; port 0 takes a free one."""
    async with serve_app(double.app, port) as url:
        double.updates.resume()
        try:
            yield url
        finally:
            await double.close()


@asynccontextmanager
async def serve_app(app: Any, port: int = 0) -> AsyncIterator[str]:
    """Serve any ASGI app, such as a bot's webhook, and yield its address; raise OSError when the port is taken."""
    # With the protocol named, asyncio sets TCP_NODELAY; without, each answer waits 40 ms for an acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(1024)
    except OSError:
        listener.close()
        raise
    bound = listener.getsockname()[1]
    config = uvicorn.Config(
        app,
        interface="asgi3",
        http="h11",
        ws="none",
        log_level="warning",
        access_log=False,
        lifespan="off",
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
        server_header=False,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{bound}"
    finally:
        server.force_exit = True
        server.should_exit = True
        await task
        listener.close()


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the test or the command."""
        yield
