"""Telegram's webhook: an update is answered with 200 once it is stored, and with nothing else before."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot.workflow.ports import Clock, Raw

log = logging.getLogger(__name__)

SECRET = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105  # the name of a header  # pragma: allowlist secret
LARGEST = 1_000_000
"""The most bytes that are read of one update; Telegram's own are a few thousand."""

BODY_SECONDS = 20.0
"""How long the body of one update may take to come. A proposal."""


class Hook:
    """Hears updates at one path. `raw` makes an update into what the inbox keeps, `keep` stores it durably."""

    def __init__(
        self,
        path: str,
        secret: str,
        clock: Clock,
        raw: Callable[[Mapping[str, Any], datetime], Raw],
        keep: Callable[[Raw], Awaitable[None]],
    ) -> None:
        self._path, self._secret = path, secret.encode()
        self._clock, self._raw, self._keep = clock, raw, keep

    def app(self, beside: Sequence[BaseRoute] = ()) -> Starlette:
        """Make the ASGI app, with other pages beside."""
        app = Starlette(routes=[Route(self._path, self._hear, methods=["POST"]), *beside])
        app.router.redirect_slashes = False
        return app

    async def _hear(self, request: Request) -> Response:
        # Before anything of the body is read: whoever lacks the secret costs us a header.
        if not hmac.compare_digest(request.headers.get(SECRET, "").encode("latin-1"), self._secret):
            return Response(status_code=403)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _read(request)
        except (ClientDisconnect, TimeoutError):  # nobody waits for an answer any more
            return Response(status_code=408)
        if body is None:
            log.warning("an update of more than %s bytes was not read", LARGEST)
            return Response(status_code=413)
        raw = self._understand(body)
        if raw is None:
            # Whoever has the secret is Telegram, which brings again what is not answered with 200, for a day, and
            # what comes after it in that chat only then: what nobody can read would never become readable.
            return Response()
        try:
            await self._keep(raw)
        except Exception as error:  # the database is in trouble: Telegram keeps the update, and brings it again
            log.error("an update could not be stored (%s); Telegram brings it again", type(error).__name__)
            return Response(status_code=503)
        return Response()

    def _understand(self, body: bytes) -> Raw | None:
        """Read an update; None for what is none, which is logged without a word of it."""
        try:
            update = json.loads(body)
            if not isinstance(update, dict):
                raise ValueError("no object")
            return self._raw(update, self._clock.now())
        except (ValueError, RecursionError) as error:
            log.error("an update that can't be read was let go: %s bytes, %s", len(body), type(error).__name__)
            return None


async def _read(request: Request) -> bytes | None:
    """Read the body; None where it is, or says that it is, larger than we read."""
    said = request.headers.get("Content-Length", "")
    if said.isdecimal() and int(said) > LARGEST:
        return None
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > LARGEST:
            return None
        parts.append(part)
    return b"".join(parts)
