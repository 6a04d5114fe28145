"""An ASGI app on a port, in the loop that runs already."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.applications import Starlette

GRACE_SECONDS = 3
"""How long requests that are under way may take to end after a stop: less than the whole stop may take."""
QUIET_SECONDS = 75
"""How long a quiet connection is kept: longer than proxies keep theirs, so that none is closed while it is written."""
AT_ONCE = 500
"""How many connections are held at most; others are told to come again (503). A proposal."""


class PlaceTaken(Exception):
    """A port that can't be listened on; the message says why."""


class Listener:
    """A server that listens. `close` ends it: nothing new is taken, what is under way is finished."""

    def __init__(self, app: Starlette, listening: socket.socket) -> None:
        self._socket = listening
        self._server = _Server(
            uvicorn.Config(
                app,
                interface="asgi3",
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                limit_concurrency=AT_ONCE,
                timeout_keep_alive=QUIET_SECONDS,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        self._serving = asyncio.ensure_future(self._server.serve(sockets=[listening]))

    @property
    def port(self) -> int:
        """Give the port, which was free where 0 was asked for."""
        return int(self._socket.getsockname()[1])

    async def until(self, stopping: asyncio.Event) -> None:
        """Listen until told to stop."""
        await stopping.wait()
        await self.close()

    async def close(self) -> None:
        """Take nothing more, and wait until what is under way has ended; again does nothing."""
        self._server.should_exit = True
        await asyncio.shield(self._serving)
        self._socket.close()


@asynccontextmanager
async def listening(app: Starlette, host: str, port: int) -> AsyncIterator[Listener]:
    """Serve an app at a place; raises PlaceTaken."""
    listener = Listener(app, _bind(host, port))
    try:
        yield listener
    finally:
        await listener.close()


def _bind(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, where = found[0]
        # With the protocol named, asyncio sets TCP_NODELAY; without, each answer waits for an acknowledgement.
        bound = socket.socket(family, kind, protocol or socket.IPPROTO_TCP)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(where)
            bound.listen(1024)  # from now on whoever comes waits, and is not turned away
        except OSError:
            bound.close()
            raise
    except OSError as error:
        raise PlaceTaken(error.strerror or str(error)) from error
    return bound


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the command."""
        yield
