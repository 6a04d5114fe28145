"""Updates that come one by one -> the inbox, many in one transaction."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from bot.workflow.ports import Raw

log = logging.getLogger(__name__)

Receive: TypeAlias = Callable[[Sequence[Raw]], Awaitable[Any]]
AT_ONCE = 100
"""How many updates are stored in one transaction at most: as many as a poll brings."""
STORE_SECONDS = 10.0
"""How long the database may take. A proposal: shorter than whoever brings an update waits for the answer."""


@dataclass
class _Brought:
    raw: Raw
    error: Exception | None = None
    is_settled: bool = False


class Intake:
    """Stores updates that several bring at once: those that come while others are being stored are stored together."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._waiting: list[_Brought] = []
        self._turn = asyncio.Lock()

    async def keep(self, raw: Raw) -> None:
        """Store an update durably, and return only then; raises what keeps it from being stored."""
        mine = _Brought(raw)
        self._waiting.append(mine)
        async with self._turn:
            if not mine.is_settled:
                brought, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
                await self._store(brought)
        if mine.error is not None:
            raise mine.error

    async def _store(self, brought: Sequence[_Brought]) -> None:
        error: Exception | None = RuntimeError("it was cut off while it was being stored")
        try:
            async with asyncio.timeout(STORE_SECONDS):
                await store(self._receive, [one.raw for one in brought])
            error = None
        except Exception as raised:
            error = raised
        finally:  # whoever is cut off leaves nobody waiting who stood in line behind
            for one in brought:
                one.is_settled, one.error = True, error


async def store(receive: Receive, raws: Sequence[Raw]) -> None:
    """Store a batch; where that fails, one by one: an update that can't be stored must not keep the others away."""
    try:
        await receive(raws)
    except Exception:
        for raw in raws:
            try:
                await receive([raw])
            except Exception:
                # Where not even a note of it can be stored, the database is in trouble, and all of it waits.
                await receive([replace(raw, body={"update_id": raw.body["update_id"], "unstorable": True})])
                log.exception("update %s can't be stored; a note of it is kept", raw.key)
