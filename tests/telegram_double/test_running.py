"""The double proven with a running Application: polling, webhook, pages, and the command."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from telegram import InlineKeyboardButton as Button
from telegram import InlineKeyboardMarkup as Keyboard
from telegram import Update
from telegram.ext import Application, CallbackQueryHandler, CommandHandler, MessageHandler, filters

from tests.telegram_double import Double, png, render_text, serve
from tests.telegram_double.render import columns
from tests.telegram_double.serve import serve_app

DRAWN = """\
                              ╭────────╮
                              │ /start │
                              ╰────────╯
╭──────────────────────────────╮
│ Sit on a chair. 🪑 How far   │
│ does your LEFT foot go?      │
╰──────────────────────────────╯
[  A little   ] [    A lot    ]"""


def application(double: Double, url: str) -> Application[Any, Any, Any, Any, Any, Any]:
    async def start(update: Update, _: Any) -> None:
        assert update.message
        await update.message.reply_text("Which side?", reply_markup=Keyboard([[Button("LEFT", callback_data="l")]]))

    async def tapped(update: Update, _: Any) -> None:
        assert update.callback_query
        await update.callback_query.answer("Noted")
        await update.callback_query.edit_message_text("LEFT it is. How far?")

    async def said(update: Update, _: Any) -> None:
        assert update.message
        await update.message.reply_text(f"You said {update.message.text}")

    app = Application.builder().token(double.token).base_url(f"{url}/bot").build()
    app.add_handler(CommandHandler("start", start))
    app.add_handler(CallbackQueryHandler(tapped))
    app.add_handler(MessageHandler(filters.TEXT, said))
    return app


async def converse(double: Double) -> None:
    ann = double.user(42, "Ann", "en")
    await ann.says("/start")
    await ann.wait("Which side?")
    tap = await ann.taps("LEFT")
    await ann.wait("How far?")
    assert tap.answer == {"text": "Noted"}
    for number in range(5):
        await ann.says(str(number))
    await ann.wait("You said 4")
    await double.quiet(0.05)
    bot_texts = [m.text for m in ann.screen() if m.from_bot and m.text != "You said early"]
    assert bot_texts == ["LEFT it is. How far?", *(f"You said {n}" for n in range(5))]
    journal = double.journal
    assert not (journal.repeats() or journal.unanswered_callbacks() or journal.out_of_order())


async def test_an_application_polls() -> None:
    double = Double()
    async with serve(double) as url:
        app = application(double, url)
        assert app.updater
        async with app:
            await app.start()
            await app.updater.start_polling(poll_interval=0, timeout=1)
            await converse(double)
            await app.updater.stop()
            await app.stop()
        assert double.updates.pending == 0


async def test_an_application_hears_its_webhook_again_until_it_answers_2xx() -> None:
    double = Double()
    seen: list[str | None] = []
    failures = [500, 503, 0]

    async def hook(request: Request) -> Response:
        seen.append(request.headers.get("x-telegram-bot-api-secret-token"))
        if failures and failures.pop(0):
            return Response(status_code=500)
        await app.update_queue.put(Update.de_json(await request.json(), app.bot))
        return Response()

    web = Starlette(routes=[Route("/hook", hook, methods=["POST"])])
    async with serve(double) as url, serve_app(web) as ours:
        app = application(double, url)
        async with app:
            await app.start()
            await double.user(42, "Ann", "en").says("early")
            await app.bot.set_webhook(f"{ours}/hook", secret_token="s-3", max_connections=4)  # noqa: S106 - made up
            await double.wait_for(lambda: not double.updates.pending)
            info = await app.bot.get_webhook_info()
            assert info.last_error_message == "Wrong response from the webhook: 500 Internal Server Error"
            assert double.journal.updates()[0].fetches == 3
            await converse(double)
            assert set(seen) == {"s-3"}
            await app.bot.delete_webhook()
            await double.user(42).says("later")
            assert len(await app.bot.get_updates()) == 1
            await app.stop()


async def test_webhooks_keep_the_order_of_each_chat() -> None:
    heard: list[tuple[int, str]] = []

    async def post(_url: str, _headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        message = json.loads(body)["message"]
        await asyncio.sleep(0.001 * (5 - int(message["text"])))
        heard.append((message["chat"]["id"], message["text"]))
        answer = {"method": "sendMessage", "chat_id": message["chat"]["id"], "text": "heard " + message["text"]}
        return 200, json.dumps(answer).encode()

    double = Double(webhook_post=post)
    double.updates.set_webhook({"url": "https://example.org/hook"})
    people = [double.user(number) for number in (1, 2)]
    for number in range(5):
        for person in people:
            await person.says(str(number))
    await double.wait_for(lambda: not double.updates.pending)
    for person in people:
        assert [text for chat, text in heard if chat == person.id] == list("01234")
        assert [m.text for m in person.screen() if m.from_bot] == [f"heard {n}" for n in range(5)]
    await double.close()


async def test_the_page_shows_the_chat_and_takes_taps() -> None:
    double = Double()
    async with serve(double) as url:
        app = application(double, url)
        assert app.updater
        async with app, httpx.AsyncClient(base_url=url, follow_redirects=True) as web:
            await app.start()
            await app.updater.start_polling(poll_interval=0, timeout=1)
            begun = await web.post("/chats", data={"id": "42", "name": "Ann <3", "language": "en"})
            assert begun.url.path == "/chat/42"
            page = (await web.post("/chat/42/say", data={"text": "/start"})).text
            assert "Which side?" in page
            assert 'value="0,0">LEFT</button>' in page
            ann = double.users[42]
            assert ann.last
            page = (await web.post("/chat/42/tap", data={"message": ann.last.id, "place": "0,0"})).text
            assert "LEFT it is. How far?" in page
            assert '<div class="toast">Noted</div>' in page
            await app.bot.send_photo(42, png(), caption="<b>a</b> &lt;b&gt;", parse_mode="HTML")
            page = (await web.get("/chat/42?all")).text
            source = page.partition('<img src="')[2].partition('"')[0]
            assert (await web.get(source)).content == png()
            assert "<b>a</b> &lt;b&gt;" in page
            assert "<script" not in page
            assert "editMessageText chat 42" in (await web.get("/journal")).text
            assert (await web.get("/chat/43")).status_code == 404
            assert "Ann &lt;3" in (await web.get("/")).text
            assert "Unblock" in (await web.post("/chat/42/block")).text
            await app.updater.stop()
            await app.stop()


async def test_a_screen_is_drawn_at_forty_columns() -> None:
    double = Double()
    ann = double.user(42)
    await ann.says("/start")
    body = {
        "chat_id": "42",
        "text": "Sit on a chair. 🪑 How far does your LEFT foot go?",
        "reply_markup": {"inline_keyboard": [[{"text": t, "callback_data": t} for t in ("A little", "A lot")]]},
    }
    async with httpx.AsyncClient(transport=double.transport(), base_url="http://double") as web:
        assert (await web.post(f"/bot{double.token}/sendMessage", json=body)).status_code == 200
    drawn = render_text(ann)
    assert max(map(columns, drawn.splitlines())) == 40
    assert drawn == DRAWN


async def test_waiting_in_vain_shows_the_screen() -> None:
    double = Double()
    ann = double.user(42)
    await ann.says("hello?")
    with pytest.raises(TimeoutError, match=r"no 'Hi' within 0.01 s; the screen:[^?]*hello"):
        await ann.wait("Hi", 0.01)
    with pytest.raises(TimeoutError, match="the journal ends"):
        await double.wait_for(lambda: False, 0.01)


async def test_the_double_can_go_away_and_come_back_on_its_port() -> None:
    double = Double()
    ann = double.user(42)
    async with serve(double) as url, httpx.AsyncClient() as web:
        port = int(url.rpartition(":")[2])
        waiting = asyncio.create_task(web.get(f"{url}/bot{double.token}/getUpdates?timeout=20"))
        await double.wait_for(lambda: double.updates.polled)
    assert isinstance((await asyncio.gather(waiting, return_exceptions=True))[0], (httpx.Response, httpx.HTTPError))
    await ann.says("while away")
    async with serve(double, port) as again, httpx.AsyncClient() as web:
        assert again == url
        found = (await web.get(f"{url}/bot{double.token}/getUpdates?timeout=20")).json()["result"]
        assert found[0]["message"]["text"] == "while away"


async def test_the_command_serves() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.telegram_double",
        "--port",
        str(port),
        "--token",
        "7:X",
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    assert f"http://127.0.0.1:{port}/bot" in (await process.stdout.readline()).decode()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as web:
        assert (await web.get("/bot7:X/getMe")).json()["result"]["id"] == 7
        assert 'value="/start"' in (await web.get("/chat/42")).text
    process.terminate()
    await process.wait()
