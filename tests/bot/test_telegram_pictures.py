"""Pictures on Telegram, against the Bot API double over a socket: with their words, and their words without them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from telegram import Bot

from bot.channels.telegram import Telegram
from bot.channels.telegram_http import Request
from bot.workflow.ports import Message, SendError
from tests.bot.test_telegram_channel import ANN, ROWS
from tests.telegram_double import Double, refuse, serve, too_many
from tests.telegram_double.users import png

PICTURE = {"kind": "progress", "size": 12}


class Painter:
    """Draws a square as large as it is told."""

    async def paint(self, picture: Mapping[str, Any]) -> bytes:
        return png(int(picture["size"]), int(picture["size"]))

    async def write(self, paper: Mapping[str, Any]) -> bytes:
        return json.dumps({"kind": paper["of"], "file": paper["file"]}).encode()


@pytest.fixture
async def double() -> Double:
    made = Double()
    await made.user(42, "Ann").says("/start")
    return made


@pytest.fixture
async def telegram(double: Double) -> AsyncIterator[Telegram]:
    async with serve(double) as url:
        poll = Request(read_seconds=1.0)
        bot = Bot(double.token, base_url=f"{url}/bot", request=Request(read_seconds=1.0), get_updates_request=poll)
        made = Telegram(bot, poll, Painter())
        await bot.initialize()
        yield made
        await made.close()
        await bot.shutdown()


def shown(double: Double) -> list[tuple[str, bool, int]]:
    """Give the words, whether there is a picture, and how many buttons, of each message of the bot."""
    screen = double.user(42).screen()
    return [(m.text, "photo" in m.data, len(m.buttons)) for m in screen if m.from_bot]


async def test_a_picture_comes_with_its_words_and_buttons_and_changes_in_its_place(
    double: Double, telegram: Telegram
) -> None:
    message = Message(text="<b>Progress</b> &amp; so on", rows=ROWS, picture=PICTURE)
    first = await telegram.send(ANN, message, None)
    assert shown(double) == [("Progress & so on", True, 1)]
    other = Message(text="Dark", rows=ROWS, picture={**PICTURE, "size": 20})
    assert await telegram.send(ANN, other, first) == first
    assert shown(double) == [("Dark", True, 1)]


async def test_words_too_long_for_a_caption_follow_the_picture(double: Double, telegram: Telegram) -> None:
    sent = await telegram.send(ANN, Message(text="x" * 1025, rows=ROWS, picture=PICTURE), None)
    assert shown(double) == [("", True, 0), ("x" * 1025, False, 1)]
    last = double.user(42).last
    assert last is not None
    assert sent == str(last.id)


@pytest.mark.parametrize("broken", [{"kind": "progress"}, {"kind": "nothing", "size": "none"}])
async def test_what_cannot_be_drawn_is_said(double: Double, telegram: Telegram, broken: Mapping[str, Any]) -> None:
    await telegram.send(ANN, Message(text="Words", rows=ROWS, picture=broken), None)
    assert shown(double) == [("Words", False, 1)]


async def test_what_telegram_refuses_to_show_is_said(double: Double, telegram: Telegram) -> None:
    double.fault("sendPhoto", refuse(400, "Bad Request: PHOTO_INVALID_DIMENSIONS"))
    await telegram.send(ANN, Message(text="Words", rows=ROWS, picture=PICTURE), None)
    assert shown(double) == [("Words", False, 1)]


async def test_a_picture_that_has_to_wait_waits(double: Double, telegram: Telegram) -> None:
    double.fault("sendPhoto", too_many(3))
    with pytest.raises(SendError) as failed:
        await telegram.send(ANN, Message(text="Words", rows=ROWS, picture=PICTURE), None)
    assert (failed.value.kind, shown(double)) == ("later", [])


async def test_words_cannot_take_the_place_of_a_picture(double: Double, telegram: Telegram) -> None:
    first = await telegram.send(ANN, Message(text="Words", picture=PICTURE), None)
    with pytest.raises(SendError) as failed:
        await telegram.send(ANN, Message(text="Other words"), first)
    assert failed.value.kind == "gone"


@pytest.mark.parametrize("kind", ["video", "video_note", "animation"])
async def test_a_film_that_telegram_has_is_shown_with_its_words_and_may_not_be_passed_on(
    kind: str, double: Double, telegram: Telegram
) -> None:
    film = await getattr(double.user(42), f"sends_{kind}")()
    paper = {"kind": "clip", "name": "clip", "instead": "No film", "of": kind, "file": film.file_id}
    await telegram.send(ANN, Message(text="Ann sent a film", rows=ROWS, paper=paper), None)
    first, second = [m for m in double.user(42).screen() if m.from_bot]
    assert first.data[kind]["file_id"] == film.file_id
    assert first.data.get("has_protected_content") is True
    assert (second.text, len(second.buttons)) == ("Ann sent a film", 1)


async def test_a_film_that_is_gone_leaves_its_words(double: Double, telegram: Telegram) -> None:
    paper = {"kind": "clip", "name": "clip", "instead": "No film", "of": "video", "file": "BAACunknown"}
    await telegram.send(ANN, Message(text="Ann sent a film", rows=ROWS, paper=paper), None)
    assert [text for text, *_ in shown(double)] == ["Ann sent a film\n\nNo film"]
