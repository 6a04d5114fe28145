"""A crowd of clients at a light stand-in for the Bot API, who answer at once: the load of the benchmarks.

The double of the tests checks all that a bot sends; this one only answers, so that it costs the machine little.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web

from tests.chaos.mind import choose

AT_ONCE = 100
"""Updates that a poll brings at most, as Telegram's."""
LONGEST = 60
"""Taps after which a client goes and another comes: some minds revise and contradict themselves without end."""
NOW = 1_795_000_000
"""When everything is said, in Unix seconds."""
ME = {"id": 123456, "is_bot": True, "first_name": "Bench", "username": "bench_bot"}


@dataclass
class Client:
    """One who taps: what they see, and what they wait for."""

    id: int
    taps: int = 0
    shown: list[str] = field(default_factory=list)
    message_id: int = 0
    tapped_at: float = 0.0
    answered: bool = True
    replied: bool = False


class Crowd:
    """So many clients at once; who has finished goes, and another comes.

    `turns` counts taps that were answered and led to a message or an edit, `seconds` holds how long each took.
    *latency*: seconds that each call takes. *rate*: taps a second of all together; None: each taps at once.
    *talks*: they write instead of tapping, and wait for any message.
    """

    def __init__(
        self,
        count: int,
        *,
        latency: float = 0.0,
        rate: float | None = None,
        talks: bool = False,
        first_id: int = 1000,
    ) -> None:
        self._talks = talks
        self._count, self._latency, self._rate = count, latency, rate
        self._next_id, self._next_message, self._next_update = first_id, 1, 1
        self._clients: dict[int, Client] = {}
        self._updates: list[dict[str, Any]] = []
        self._came = asyncio.Event()
        self._queue: asyncio.Queue[Client] = asyncio.Queue()
        self.turns = self.finished = self.calls = 0
        self.seconds: list[float] = []
        self.stopping = False
        self.posts: Any = None
        """Where a webhook hears; None: the bot polls."""

    def arrive(self) -> None:
        """Let all come and say /start."""
        for _ in range(self._count):
            self._arrive_one()

    def _arrive_one(self) -> None:
        client = Client(self._next_id)
        self._clients[client.id] = client
        self._next_id += 1
        self._write(client, "message 0" if self._talks else "/start")

    def _write(self, client: Client, text: str) -> None:
        who = {"id": client.id, "is_bot": False, "first_name": "Ann", "language_code": "en"}
        chat = {"id": client.id, "type": "private", "first_name": "Ann"}
        message = {"message_id": self._message_id(), "date": NOW, "chat": chat, "from": who}
        command = {"entities": [{"type": "bot_command", "offset": 0, "length": len(text)}]} if text[0] == "/" else {}
        self._push({"message": {**message, "text": text, **command}})

    def _message_id(self) -> int:
        self._next_message += 1
        return self._next_message

    def _push(self, update: dict[str, Any]) -> None:
        self._updates.append({"update_id": self._next_update, **update})
        self._next_update += 1
        self._came.set()

    async def pace(self) -> None:
        """Let clients tap so often a second, all together."""
        assert self._rate is not None
        due = time.perf_counter()
        while not self.stopping:
            client = await self._queue.get()
            due = max(due + 1 / self._rate, time.perf_counter() - 1)
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            self._tap(client)

    def _moved(self, client: Client) -> None:
        """Let a client go on, once their tap was answered and something was said."""
        if not (client.answered and client.replied) or self.stopping:
            return
        if client.tapped_at:
            self.turns += 1
            self.seconds.append(time.perf_counter() - client.tapped_at)
        if self._rate is None:
            self._tap(client)
        else:
            self._queue.put_nowait(client)

    def _tap(self, client: Client) -> None:
        if self._talks:
            client.taps += 1
            client.replied, client.tapped_at = False, time.perf_counter()
            self._write(client, f"message {client.taps}")
            return
        data = choose(f"bench/{client.id % 97}", client.shown) if client.taps < LONGEST else None
        if data is None:
            data = next((one for one in client.shown if one.endswith("agree")), None) if client.taps == 0 else None
        if data is None:
            del self._clients[client.id]
            self.finished += 1
            self._arrive_one()
            return
        client.taps += 1
        client.answered = client.replied = False
        client.tapped_at = time.perf_counter()
        who = {"id": client.id, "is_bot": False, "first_name": "Ann", "language_code": "en"}
        chat = {"id": client.id, "type": "private", "first_name": "Ann"}
        message = {"message_id": client.message_id, "date": NOW, "chat": chat, "from": ME, "text": "…"}
        query = {
            "id": f"{client.id}:{client.taps}",
            "from": who,
            "chat_instance": "1",
            "data": data,
            "message": message,
        }
        self._push({"callback_query": query})

    # --- the Bot API

    async def serve(self, request: web.Request) -> web.Response:
        """Answer a call."""
        method = request.path.rpartition("/")[2]
        params = {name: values[0] for name, values in parse_qs(request.query_string).items()}
        body = await request.read()
        if body[:1] == b"{":
            params |= json.loads(body)
        elif body:
            params |= {name: values[0] for name, values in parse_qs(body.decode()).items()}
        if method == "getUpdates":
            return _ok(await self._get_updates(params))
        self.calls += 1
        if self._latency:
            await asyncio.sleep(self._latency)
        return _ok(self._call(method, params))

    async def _get_updates(self, params: Mapping[str, str]) -> list[dict[str, Any]]:
        offset = int(params.get("offset") or 0)
        if offset:
            self._updates = [update for update in self._updates if update["update_id"] >= offset]
        if not self._updates:
            self._came.clear()
            try:
                await asyncio.wait_for(self._came.wait(), float(params.get("timeout") or 0))
            except TimeoutError:
                return []
        return self._updates[: min(AT_ONCE, int(params.get("limit") or AT_ONCE))]

    def _call(self, method: str, params: Mapping[str, str]) -> Any:
        match method:
            case "sendMessage" | "editMessageText":
                chat = int(params["chat_id"])
                client = self._clients.get(chat)
                new = method == "sendMessage"
                number = self._message_id() if new else int(params["message_id"])
                markup = json.loads(params["reply_markup"]) if params.get("reply_markup") else None
                rows = (markup or {}).get("inline_keyboard") or []
                if client is not None and (rows or self._talks):
                    client.shown = [
                        button["callback_data"] for row in rows for button in row if "callback_data" in button
                    ]
                    client.message_id, client.replied = number, True
                    self._moved(client)
                chat_data = {"id": chat, "type": "private", "first_name": "Ann"}
                message = {"message_id": number, "date": NOW, "chat": chat_data, "from": ME}
                return {**message, "text": params["text"]}
            case "answerCallbackQuery":
                client = self._clients.get(int(params["callback_query_id"].partition(":")[0]))
                if client is not None and not client.answered:
                    client.answered = True
                    self._moved(client)
                return True
            case "getMe":
                more = ("can_join_groups", "can_read_all_group_messages", "supports_inline_queries")
                return {**ME, **dict.fromkeys(more, False)}
            case "getWebhookInfo":
                return {"url": "", "has_custom_certificate": False, "pending_update_count": 0}
            case "getMyCommands":
                return []
            case "getMyDescription":
                return {"description": ""}
            case "getMyShortDescription":
                return {"short_description": ""}
        return True


def _ok(result: Any) -> web.Response:
    return web.Response(body=json.dumps({"ok": True, "result": result}).encode(), content_type="application/json")


@asynccontextmanager
async def serving(crowd: Crowd) -> AsyncIterator[str]:
    """Serve a crowd on a loopback port; give the address."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", crowd.serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
    await site.start()
    try:
        port = runner.addresses[0][1]
        yield f"http://127.0.0.1:{port}"
    finally:
        crowd.stopping = True
        await runner.cleanup()
