"""The double: a strict stand-in for the Bot API, as an ASGI app with a driver for its people."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx

from .chats import Chat, Message
from .faults import Fault, Faults, Script
from .journal import Call, Journal, UpdateEntry
from .media import StoredFile
from .table import METHODS
from .updates import Post, Updates
from .users import Group, User
from .wire import (
    ClientGone,
    Params,
    Receive,
    Refusal,
    Scope,
    Send,
    Upload,
    cut,
    failure,
    parse,
    read_body,
    respond,
    respond_half,
    success,
    until_gone,
)

UPDATE_METHODS = frozenset({"getupdates", "setwebhook", "deletewebhook", "getwebhookinfo"})


class Double:
    """Stand in for the Bot API of one bot.

    `epoch` is the wall clock (Unix seconds) at the start; `clock` a monotonic reading in seconds, by default the
    loop's, so a test may pass a clock of its own. `callback_seconds` is how long a tap may be answered.
    `webhook_post` replaces the socket for webhook deliveries; `retry_seconds` is the first pause of a retry.
    """

    def __init__(
        self,
        token: str = "123456:TEST",  # noqa: S107 - a made-up token of a made-up bot
        *,
        username: str = "double_bot",
        epoch: float = 1_795_000_000,
        clock: Callable[[], float] | None = None,
        callback_seconds: float = 15.0,
        webhook_post: Post | None = None,
        retry_seconds: float = 0.05,
    ) -> None:
        self.token = token
        self.callback_seconds = callback_seconds
        bot_id = token.partition(":")[0]
        self.me = {"id": int(bot_id), "is_bot": True, "first_name": "Double", "username": username}
        self.chats: dict[int, Chat] = {}
        self.users: dict[int, User] = {}
        self.files: dict[str, StoredFile] = {}
        self.commands: dict[tuple[Any, ...], list[dict[str, str]]] = {}
        self.texts: dict[str, dict[str, str]] = {"name": {"": "Double"}}
        self.menu_button: dict[str, Any] = {"type": "commands"}
        self.logged_out: Refusal | None = None
        self.journal = Journal(epoch=epoch)
        self.faults = Faults()
        self.updates = Updates(self, post=webhook_post, retry_seconds=retry_seconds)
        self._epoch = epoch
        self._clock = clock
        self._first: float | None = None
        self._skipped = 0.0
        self._last_message_id = 0
        self._last_query = 0
        self._watchers: set[asyncio.Future[None]] = set()
        self._in_flight = 0
        self._busy_at = 0.0
        self._page: Any = None

    # The clock.

    def now(self) -> float:
        """Return the wall clock of the double."""
        reading = (self._clock or asyncio.get_running_loop().time)()
        if self._first is None:
            self._first = reading
        return self._epoch + reading - self._first + self._skipped

    def skip(self, seconds: float) -> None:
        """Move the double's clock on: taps grow stale, messages old, waits for 429 pass."""
        self._skipped += seconds

    # People, faults, waiting.

    def user(self, user_id: int, first_name: str = "User", language_code: str | None = None, **more: Any) -> User:
        """Return the user of this id, made on first mention; they are silent until they say something."""
        if user_id not in self.users:
            self.users[user_id] = User(self, user_id, first_name, language_code, **more)
        return self.users[user_id]

    def group(self, chat_id: int, title: str = "Group", members: tuple[User, ...] = (), **more: Any) -> Group:
        """Make a group with the bot in it."""
        return Group(self, chat_id, title, members, **more)

    def fault(
        self,
        method: str,
        fault: Fault,
        *,
        times: int | None = 1,
        chat: int | None = None,
        when: Callable[[dict[str, object]], bool] | None = None,
    ) -> Script:
        """Script a fault for a method ("*" for any), `times` times or for ever (None)."""
        return self.faults.add(method, fault, times=times, chat=chat, when=when)

    async def push_raw(self, data: dict[str, Any]) -> UpdateEntry:
        """Push an update as it is: unparsable, or with an update_id sent before."""
        return self.updates.push_raw(data)

    def changed(self) -> None:
        """Wake those who wait for something to happen."""
        for watcher in self._watchers:
            if not watcher.done():
                watcher.set_result(None)

    async def wait_change(self) -> None:
        """Wait until something happens."""
        watcher: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watchers.add(watcher)
        try:
            await watcher
        finally:
            self._watchers.discard(watcher)

    async def wait_for(self, true: Callable[[], Any], timeout: float = 5.0) -> Any:  # noqa: ASYNC109 - a test reads better so
        """Wait until `true()` is truthy and return that; raise TimeoutError with the journal's end."""
        try:
            async with asyncio.timeout(timeout):
                while not (found := true()):
                    await self.wait_change()
                return found
        except TimeoutError:
            tail = "\n".join(self.journal.text().splitlines()[-20:])
            raise TimeoutError(f"not true within {timeout} s; the journal ends:\n{tail}") from None

    async def quiet(self, seconds: float = 0.1, timeout: float = 30.0) -> None:  # noqa: ASYNC109 - a test reads better so
        """Wait until no call ran, no update came and nothing waited to be fetched for `seconds`."""
        loop = asyncio.get_running_loop()
        last, since = -1, loop.time()
        async with asyncio.timeout(timeout):
            while True:
                state = self.journal.seq
                if state != last or self._in_flight or any(not w.entry.fetches for w in self.updates._queue):
                    last, since = state, loop.time()
                elif loop.time() - since >= seconds:
                    return
                await asyncio.sleep(min(0.01, seconds / 4))

    def transport(self) -> httpx.AsyncBaseTransport:
        """Return the in-process transport for httpx; unlike httpx's own it keeps the read timeout."""
        return _Transport(self.app)

    async def close(self) -> None:
        """Let go of everything that hangs, stop webhook deliveries."""
        self.faults.clear()
        await self.updates.close()

    # What the methods need.

    def next_message_id(self, chat: Chat) -> int:
        """Count messages: private chats and basic groups share one count, each supergroup has its own."""
        if chat.data["type"] == "supergroup":
            chat.last_id += 1
            return chat.last_id
        self._last_message_id += 1
        return self._last_message_id

    def next_query_id(self) -> str:
        """Return the id of a new callback query."""
        self._last_query += 1
        return str(4_398_046_511_104_000 + self._last_query)

    async def answered_by_webhook(self, body: bytes) -> None:
        """Run the method that a webhook's answer carries, if it carries one."""
        try:
            given = json.loads(body)
        except ValueError:
            return
        if isinstance(given, dict) and "method" in given:
            name = str(given.pop("method"))
            params = {k: v if isinstance(v, (str, dict, list, bool)) else json.dumps(v) for k, v in given.items()}
            call = self.journal.call(self.now(), name, params, _chat_id(params))
            try:
                call.result = self._perform(name.lower(), params, {})
                call.status, call.applied = 200, True
            except Refusal as refusal:
                call.status, call.description = refusal.code, refusal.description
            self.journal.end(call, self.now())

    # The ASGI app.

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the Bot API, file downloads and the pages."""
        if scope["type"] == "lifespan":
            while (await receive())["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        path = scope["path"]
        if path.startswith("/bot"):
            token, _, method = path[4:].partition("/")
            await self._api(scope, receive, send, token, method)
        elif path.startswith("/file/bot"):
            await self._download(send, path[9:])
        else:
            if self._page is None:
                from .page import pages

                self._page = pages(self)
            await self._page(scope, receive, send)

    async def _download(self, send: Send, rest: str) -> None:
        token, _, path = rest.partition("/")
        stored = next((f for f in self.files.values() if f.path == path), None) if token == self.token else None
        if stored is None:
            code = 404 if token == self.token else 401
            await respond(send, code, failure(Refusal(code, "Not Found" if code == 404 else "Unauthorized")))
            return
        await respond(send, 200, stored.upload.body, stored.upload.mime.encode())

    async def _api(self, scope: Scope, receive: Receive, send: Send, token: str, method: str) -> None:
        name = method.lower()
        try:
            body = await read_body(receive)
            if token != self.token:
                raise Refusal(401, "Unauthorized") if ":" in token else Refusal(404, "Not Found")
            if self.logged_out is not None:
                raise self.logged_out
            if name not in METHODS and name not in UPDATE_METHODS:
                raise Refusal(404, "Not Found: method not found")
            params, files = await parse(scope, body)
        except ClientGone:
            return
        except Refusal as refusal:
            call = self.journal.call(self.now(), method, {}, None)
            call.status, call.description = refusal.code, refusal.description
            self.journal.end(call, self.now())
            await respond(send, refusal.code, failure(refusal))
            return
        shown = {**params, **{k: {"file": f.name, "bytes": len(f.body)} for k, f in files.items()}} if files else params
        polling = name == "getupdates"
        call = self.journal.call(self.now(), method, shown, _chat_id(params), keep=not polling)
        self._in_flight += not polling
        try:
            await self._run(call, name, params, files, receive, send)
        finally:
            self._in_flight -= not polling
            self.journal.end(call, self.now(), poll=polling)
            self.changed()

    async def _run(
        self, call: Call, name: str, params: Params, files: dict[str, Upload], receive: Receive, send: Send
    ) -> None:
        script = self.faults.pick(name, call.chat, params) if self.faults.scripts else None
        try:
            if script is not None:
                await self._fail(script, call, name, params, files, receive, send)
                return
            status, answer = await self._answer(call, name, params, files, receive)
        except ClientGone:
            call.fault = call.fault or "client gone"
            return
        await respond(send, status, answer)

    async def _fail(
        self,
        script: Script,
        call: Call,
        name: str,
        params: Params,
        files: dict[str, Upload],
        receive: Receive,
        send: Send,
    ) -> None:
        fault = script.fault
        call.fault = fault.name
        status, answer = 0, b""
        if fault.applied:
            status, answer = await self._answer(call, name, params, files, receive)
        if fault.kind in ("hang", "slow"):
            if not await script.pause(lambda: until_gone(receive)):
                return
            call.fault = "slow"
            if not fault.applied:
                status, answer = await self._answer(call, name, params, files, receive)
            await respond(send, status, answer)
        elif fault.kind == "refuse":
            refusal = fault.refusal
            assert refusal is not None
            call.status, call.description = refusal.code, refusal.description
            chat = self.chats.get(call.chat) if call.chat is not None else None
            if fault.enforce and chat is not None and refusal.parameters:
                chat.quiet_until = self.now() + refusal.parameters["retry_after"]
            await respond(send, refusal.code, failure(refusal))
        elif fault.kind in ("page", "garbage"):
            call.status = fault.status
            call.description = "not JSON"
            await respond(send, fault.status, fault.body, b"text/html")
        elif fault.kind == "half":
            await respond_half(receive, send, status, answer)
        else:
            call.status = None
            await cut(receive, send)

    async def _answer(
        self, call: Call, name: str, params: Params, files: dict[str, Upload], receive: Receive
    ) -> tuple[int, bytes]:
        try:
            if name == "getupdates":
                updates = await self.updates.get(params, lambda: until_gone(receive))
                answer = success(updates)
                call.result = len(updates.body) - 2
            elif name == "setwebhook":
                answer = success(*self.updates.set_webhook(params))
            elif name == "deletewebhook":
                answer = success(*self.updates.delete_webhook(params))
            else:
                call.result = self._perform(name, params, files)
                answer = success(call.result)
        except Refusal as refusal:
            call.status, call.description = refusal.code, refusal.description
            return refusal.code, failure(refusal)
        call.status, call.applied = 200, True
        return 200, answer

    def _perform(self, name: str, params: Params, files: dict[str, Upload]) -> Any:
        if name == "getwebhookinfo":
            return self.updates.webhook_info()
        if name not in METHODS:
            raise Refusal(404, "Not Found: method not found")
        return METHODS[name](self, params, files)

    def message(self, chat_id: int, message_id: int) -> Message | None:
        """Return a message as it is now."""
        chat = self.chats.get(chat_id)
        return chat.messages.get(message_id) if chat else None


class _Transport(httpx.ASGITransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        seconds = request.extensions.get("timeout", {}).get("read")
        try:
            async with asyncio.timeout(seconds):
                return await super().handle_async_request(request)
        except TimeoutError as error:
            raise httpx.ReadTimeout(str(error), request=request) from error


def _chat_id(params: Params) -> int | None:
    try:
        return int(params["chat_id"])
    except (KeyError, TypeError, ValueError):
        return None
