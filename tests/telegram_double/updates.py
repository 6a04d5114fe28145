"""The way of updates to the bot: a queue that getUpdates reads, or lanes per chat that post to the webhook."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import aiohttp
import httpx

from . import checks
from .journal import UpdateEntry
from .wire import ClientGone, Encoded, Params, Refusal, bad, boolean, integer, string

if TYPE_CHECKING:
    from .double import Double

Post = Callable[[str, dict[str, str], bytes], Awaitable[tuple[int, bytes]]]
OFF_BY_DEFAULT = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
ACTIVE = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
OTHER = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"


@dataclass(slots=True, eq=False)
class Waiting:
    """An update that waits: `again` marks one whose id was confirmed before, sent once more all the same."""

    update_id: int
    raw: bytes
    entry: UpdateEntry
    again: bool = False


class Updates:
    """Queue updates and hand them out."""

    def __init__(self, double: Double, *, post: Post | None = None, retry_seconds: float = 0.05) -> None:
        self._double = double
        self._queue: deque[Waiting] = deque()
        self._poller: asyncio.Future[None] | None = None
        self._next_id = 100_000_001
        self._allowed: frozenset[str] | None = None
        self._post = post
        self._session: aiohttp.ClientSession | None = None
        self._lanes: dict[int | None, deque[Waiting]] = {}
        self._tasks: dict[int | None, asyncio.Task[None]] = {}
        self._retry_seconds = retry_seconds
        self.webhook: dict[str, Any] = {"url": ""}
        self._secret = ""
        self._gate = asyncio.Semaphore(40)

    @property
    def pending(self) -> int:
        """Count updates not yet confirmed."""
        return len(self._queue)

    @property
    def polled(self) -> bool:
        """Tell whether a long poll waits right now."""
        return self._poller is not None

    def push(self, body: dict[str, Any], chat: int | None) -> UpdateEntry:
        """Queue a new update and give it its id."""
        data = {"update_id": self._next_id, **body}
        self._next_id += 1
        kind = next(iter(body))
        entry = self._double.journal.update(self._double.now(), data, chat)
        if kind in OFF_BY_DEFAULT if self._allowed is None else kind not in self._allowed:
            entry.refused = True
            return entry
        self._place(Waiting(data["update_id"], json.dumps(data, ensure_ascii=False).encode(), entry), chat)
        return entry

    def push_raw(self, data: dict[str, Any]) -> UpdateEntry:
        """Queue an update as it is: unparsable, of an unknown kind, or with an update_id sent before."""
        data = {"update_id": self._next_id, **data}
        again = data["update_id"] < self._next_id
        self._next_id = max(self._next_id, data["update_id"] + 1)
        chat = _chat_of(data)
        entry = self._double.journal.update(self._double.now(), data, chat)
        self._place(Waiting(data["update_id"], json.dumps(data, ensure_ascii=False).encode(), entry, again), chat)
        return entry

    def _place(self, waiting: Waiting, chat: int | None) -> None:
        self._queue.append(waiting)
        if self.webhook["url"]:
            self._to_lane(waiting, chat)
        elif self._poller is not None and not self._poller.done():
            self._poller.set_result(None)
        self._double.changed()

    async def get(self, params: Params, gone: Callable[[], Awaitable[None]]) -> Encoded:
        """Answer getUpdates: confirm below the offset, wait for up to `timeout` seconds, hand out up to `limit`."""
        if self.webhook["url"]:
            raise Refusal(409, ACTIVE)
        self._allow(params)
        self._confirm(integer(params, "offset"))
        limit = min(max(integer(params, "limit", 100), 1), 100)
        timeout = min(max(integer(params, "timeout"), 0), 50)
        if not self._queue and timeout:
            await self._wait(timeout, gone)
        batch = [self._queue[place] for place in range(min(limit, len(self._queue)))]
        now = self._double.now()
        for waiting in batch:
            waiting.entry.fetches += 1
            waiting.entry.fetched_at = waiting.entry.fetched_at or now
        return Encoded(b"[" + b",".join([waiting.raw for waiting in batch]) + b"]")

    async def _wait(self, seconds: float, gone: Callable[[], Awaitable[None]]) -> None:
        self._interrupt(OTHER)
        poller = self._poller = asyncio.get_running_loop().create_future()
        leaving = asyncio.ensure_future(gone())
        self._double.changed()
        try:
            await asyncio.wait((poller, leaving), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if poller.done():
                poller.result()
            elif leaving.done():
                raise ClientGone
        finally:
            leaving.cancel()
            if self._poller is poller:
                self._poller = None

    def _interrupt(self, why: str) -> None:
        if self._poller is not None and not self._poller.done():
            self._poller.set_exception(Refusal(409, why))

    def _confirm(self, offset: int) -> None:
        now = self._double.now()
        if offset < 0:
            while len(self._queue) > -offset:
                self._queue.popleft().entry.confirmed_at = now
        while self._queue and self._queue[0].update_id < offset:
            head = self._queue[0]
            if head.again and not head.entry.fetches:
                break
            head.entry.confirmed_at = now
            self._queue.popleft()

    def _allow(self, params: Params) -> None:
        given = params.get("allowed_updates")
        if isinstance(given, list):
            self._allowed = frozenset(map(str, given)) or None

    def set_webhook(self, params: Params) -> tuple[bool, str]:
        """Set or, with an empty URL, delete the webhook."""
        url = string(params, "url")
        if not url:
            return self.delete_webhook(params)
        if not url.startswith(("https://", "http://127.0.0.1", "http://localhost", "http://testserver")):
            raise bad("bad webhook: An HTTPS URL must be provided for webhook")
        secret = string(params, "secret_token")
        checks.secret_token(secret)
        connections = integer(params, "max_connections", 40)
        connections = connections if 1 <= connections <= 100 else 40
        same = (self.webhook["url"], self._secret) == (url, secret)
        if not same:
            self._interrupt("Conflict: terminated by setWebhook request")
        self._allow(params)
        self._stop_lanes()
        if boolean(params, "drop_pending_updates"):
            self._drop()
        self._secret = secret
        self._gate = asyncio.Semaphore(connections)
        self.webhook = {"url": url, "max_connections": connections}
        self.resume()
        return True, "Webhook is already set" if same else "Webhook was set"

    def resume(self) -> None:
        """Begin to deliver what waits for the webhook, if there is one and nothing is on its way."""
        if self.webhook["url"] and not self._lanes:
            for waiting in self._queue:
                self._to_lane(waiting, waiting.entry.chat)

    def delete_webhook(self, params: Params) -> tuple[bool, str]:
        """Delete the webhook; what was not delivered waits for getUpdates."""
        had = bool(self.webhook["url"])
        self._stop_lanes()
        self.webhook = {"url": ""}
        self._secret = ""
        if boolean(params, "drop_pending_updates"):
            self._drop()
        return True, "Webhook was deleted" if had else "Webhook is already deleted"

    def webhook_info(self) -> dict[str, Any]:
        """Describe the webhook as getWebhookInfo does."""
        info = {**self.webhook, "has_custom_certificate": False, "pending_update_count": len(self._queue)}
        if self._allowed is not None:
            info["allowed_updates"] = sorted(self._allowed)
        return info

    def _drop(self) -> None:
        now = self._double.now()
        for waiting in self._queue:
            waiting.entry.confirmed_at = now
        self._queue.clear()

    def _to_lane(self, waiting: Waiting, chat: int | None) -> None:
        self._lanes.setdefault(chat, deque()).append(waiting)
        if chat not in self._tasks:
            self._tasks[chat] = asyncio.ensure_future(self._deliver(chat))

    async def _deliver(self, chat: int | None) -> None:
        lane = self._lanes[chat]
        while lane:
            waiting = lane[0]
            pause = self._retry_seconds
            while not await self._delivered(waiting):
                await asyncio.sleep(pause)
                pause = min(2 * pause, 1.0)
            lane.popleft()
            waiting.entry.confirmed_at = self._double.now()
            with contextlib.suppress(ValueError):
                self._queue.remove(waiting)
            self._double.changed()
        del self._lanes[chat], self._tasks[chat]

    async def _delivered(self, waiting: Waiting) -> bool:
        headers = {"Content-Type": "application/json"}
        if self._secret:
            headers["X-Telegram-Bot-Api-Secret-Token"] = self._secret
        async with self._gate:
            waiting.entry.fetches += 1
            waiting.entry.fetched_at = waiting.entry.fetched_at or self._double.now()
            try:
                status, body = await (self._post or self._post_by_socket)(self.webhook["url"], headers, waiting.raw)
            except (OSError, TimeoutError, aiohttp.ClientError, httpx.HTTPError) as error:
                self._failed(f"{type(error).__name__}: {error}")
                return False
        if not 200 <= status < 300:
            phrase = HTTPStatus(status).phrase if status in HTTPStatus.__members__.values() else ""
            self._failed(f"Wrong response from the webhook: {status} {phrase}".strip())
            return False
        if body[:1] == b"{":
            await self._double.answered_by_webhook(body)
        return True

    def _failed(self, message: str) -> None:
        self.webhook["last_error_date"] = int(self._double.now())
        self.webhook["last_error_message"] = message

    async def _post_by_socket(self, url: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60))
        async with self._session.post(url, data=body, headers=headers) as answer:
            return answer.status, await answer.read()

    def _stop_lanes(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()
        self._lanes.clear()

    async def close(self) -> None:
        """Stop deliveries, let a waiting poll go and close what is open."""
        if self._poller is not None and not self._poller.done():
            self._poller.set_result(None)
        tasks = list(self._tasks.values())
        self._stop_lanes()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None


def _chat_of(data: dict[str, Any]) -> int | None:
    for name, body in data.items():
        if name != "update_id" and isinstance(body, dict):
            inner = body.get("message") if isinstance(body.get("message"), dict) else body
            chat = inner.get("chat") if isinstance(inner, dict) else None
            if isinstance(chat, dict) and isinstance(chat.get("id"), int):
                return int(chat["id"])
    return None
