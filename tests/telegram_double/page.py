"""Pages without script: the chats, one chat as a phone shows it, the journal."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from .html import chat_page, index_page
from .users import Screen, User

if TYPE_CHECKING:
    from .double import Double

Handler = Callable[[Request], Awaitable[Response]]
PATIENCE_SECONDS = 3.0


def pages(double: Double) -> Starlette:
    """Return the app that serves the pages of a double."""
    site = _Pages(double)
    return Starlette(
        routes=[
            Route("/", site.index),
            Route("/chats", site.begin, methods=["POST"]),
            Route("/chat/{id:int}", site.chat),
            Route("/chat/-{id:int}", site.group),
            Route("/chat/{id:int}/say", site.acting(site.say), methods=["POST"]),
            Route("/chat/{id:int}/tap", site.acting(site.tap), methods=["POST"]),
            Route("/chat/{id:int}/block", site.acting(site.block), methods=["POST"]),
            Route("/journal", site.journal),
        ]
    )


class _Pages:
    def __init__(self, double: Double) -> None:
        self._double = double

    async def index(self, _request: Request) -> Response:
        """List the chats."""
        return HTMLResponse(index_page(self._double))

    async def begin(self, request: Request) -> Response:
        """Make a person and open their chat."""
        form = await request.form()
        try:
            user_id = int(str(form.get("id")))
        except ValueError:
            return PlainTextResponse("The id must be a whole number.", 400)
        language = str(form.get("language") or "") or None
        user = self._double.user(user_id, str(form.get("name") or "User"), language)
        return RedirectResponse(f"/chat/{user.id}", 303)

    async def chat(self, request: Request) -> Response:
        """Show a private chat."""
        user = self._double.users.get(request.path_params["id"])
        if user is None:
            return PlainTextResponse("There is no such chat; begin it on the first page.", 404)
        return HTMLResponse(chat_page(self._double, user, whole="all" in request.query_params))

    async def group(self, request: Request) -> Response:
        """Show a group, to look at only."""
        chat = self._double.chats.get(-request.path_params["id"])
        if chat is None:
            return PlainTextResponse("There is no such chat.", 404)
        return HTMLResponse(chat_page(self._double, Screen(self._double, chat), whole="all" in request.query_params))

    async def journal(self, request: Request) -> Response:
        """Print the journal, of one chat with ?chat=."""
        chat = request.query_params.get("chat")
        return PlainTextResponse(self._double.journal.text(int(chat) if chat else None))

    def acting(self, act: Callable[[User, Request], Awaitable[None]]) -> Handler:
        """Make a handler that acts, gives the bot a moment to answer, then shows the chat."""

        async def handle(request: Request) -> Response:
            user = self._double.users.get(request.path_params["id"])
            if user is None:
                return PlainTextResponse("There is no such chat.", 404)
            try:
                await act(user, request)
            except (LookupError, RuntimeError) as error:
                return PlainTextResponse(str(error), 409)
            await self._settle()
            return RedirectResponse(f"/chat/{user.id}", 303)

        return handle

    async def _settle(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.sleep(0.05)
            await self._double.quiet(0.25, timeout=PATIENCE_SECONDS)

    async def say(self, user: User, request: Request) -> None:
        """Write what was typed."""
        text = str((await request.form()).get("text") or "").replace("\r\n", "\n").strip()
        if text:
            await user.says(text)

    async def tap(self, user: User, request: Request) -> None:
        """Tap the button at a place of a message's keyboard."""
        form = await request.form()
        message = user.chat.messages.get(int(str(form.get("message"))))
        row, _, column = str(form.get("place")).partition(",")
        if message is None:
            raise LookupError("the message is gone; go back and reload")
        data = message.buttons[int(row)][int(column)].get("callback_data")
        if data is not None:
            await user.taps_raw(str(data), message.id)

    async def block(self, user: User, _request: Request) -> None:
        """Block the bot, or unblock it."""
        await (user.unblocks() if user.chat.blocked else user.blocks())
