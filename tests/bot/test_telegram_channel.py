"""Telegram as a channel, against the Bot API double over a socket: what comes in, what goes out, what goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from telegram import Bot

from bot.channels.telegram import Telegram
from bot.channels.telegram_http import Request
from bot.channels.telegram_poll import Poll
from bot.conversation.events import Blocked, Clip, Corrected, Elsewhere, Located, Returned, Tapped, Typed, Unreadable
from bot.workflow.ports import Address, Message, Raw, SendError
from tests.fakes import FakeClock
from tests.telegram_double import (
    Double,
    Fault,
    bad_gateway,
    drop_after,
    drop_before,
    garbage,
    hang,
    refuse,
    serve,
    server_error,
    too_many,
)

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
ANN = Address(channel="telegram", bot="123456", chat="42")
ROWS = (
    {
        "label": None,
        "kind": "options",
        "open": True,
        "opens": None,
        "buttons": [{"data": "1:0:a", "label": "A", "chosen": False}],
    },
)


@pytest.fixture
async def double() -> Double:
    made = Double()
    await made.user(42, "Ann").says("/start")
    return made


@pytest.fixture
async def api(double: Double) -> AsyncIterator[str]:
    async with serve(double) as url:
        yield f"{url}/bot"


@pytest.fixture
async def telegram(double: Double, api: str) -> AsyncIterator[Telegram]:
    made = telegram_at(api, double.token)
    await made.bot.initialize()
    yield made
    await made.close()
    await made.bot.shutdown()


def telegram_at(api: str, token: str = "123456:TEST") -> Telegram:  # noqa: S107  # of a made-up bot
    poll = Request(read_seconds=1.0)
    bot = Bot(token, base_url=api, request=Request(read_seconds=0.3), get_updates_request=poll)
    return Telegram(bot, poll)


async def events(double: Double, telegram: Telegram) -> list[Any]:
    """Read every update that waits."""
    found = await telegram.updates(0, 0, 100)
    heard = [telegram.read(telegram.raw(update, NOW)) for update in found]
    return [(one.event if one is not None else None) for one in heard]


# --- what comes in


async def test_what_a_person_does_becomes_an_event(double: Double, telegram: Telegram) -> None:
    ann = double.user(42)
    said = await ann.says("left <one> pinches")
    await ann.edits(said.id, "right one")
    await telegram.send(ANN, Message(text="Well?", rows=ROWS), None)
    await ann.taps("A")
    await ann.sends_photo()
    await ann.sends_photo(caption="like this?")
    await ann.sends_voice()
    await ann.sends_sticker()
    await ann.sends_document()
    film = await ann.sends_video(caption="here")
    round_film = await ann.sends_video_note()
    silent = await ann.sends_animation()
    await ann.sends_location()
    await ann.blocks()
    await ann.unblocks()
    at = {"at": NOW}
    assert (await events(double, telegram))[1:] == [
        Typed(text="left <one> pinches", message=str(said.id), **at),
        Corrected(text="right one", message=str(said.id), **at),
        Tapped(data="1:0:a", **at),
        Unreadable(what="photo", **at),
        Typed(text="like this?", message=str(said.id + 3), **at),
        Unreadable(what="voice", **at),
        Unreadable(what="sticker", **at),
        Unreadable(what="file", **at),
        Clip(file=film.file_id, kind="video", words="here", message=str(film.id), **at),
        Clip(file=round_film.file_id, kind="video_note", message=str(round_film.id), **at),
        Clip(file=silent.file_id, kind="animation", message=str(silent.id), **at),
        Located(zone="Europe/Berlin", **at),
        Blocked(**at),
        Returned(**at),
    ]


async def test_in_a_group_only_what_speaks_to_the_bot_is_heard(double: Double, telegram: Telegram) -> None:
    ann = double.user(42)
    group = double.group(-5, members=(ann,))
    await group.says(ann, "my hip hurts")
    await group.says(ann, "/start")
    assert (await events(double, telegram))[1:] == [None, Elsewhere(at=NOW)]
    raw = telegram.raw((await telegram.updates(0, 0, 100))[-1], NOW)
    await telegram.turn_away(raw, "Write to me in private.")
    await telegram.close()
    assert [m.text for m in group.screen() if m.from_bot] == ["Write to me in private."]


@pytest.mark.parametrize(
    "update",
    [
        {"update_id": 7, "message": {"message_id": "many"}},
        {"update_id": 7, "message": 3},
        {"update_id": 7, "callback_query": {"id": 1}},
    ],
)
async def test_an_update_that_cannot_be_read_is_said_to_be(telegram: Telegram, update: dict[str, Any]) -> None:
    raw = telegram.raw(update, NOW)
    assert raw.key == "123456:7"
    with pytest.raises(ValueError, match="can't be read"):
        telegram.read(raw)


async def test_an_update_of_a_kind_we_do_not_know_means_nothing(telegram: Telegram) -> None:
    assert telegram.read(telegram.raw({"update_id": 7, "brand_new": {"id": 1}}, NOW)) is None
    with pytest.raises(ValueError, match="update_id"):
        telegram.raw({"message": {}}, NOW)


# --- what goes out


async def test_words_of_people_are_shown_as_they_are(double: Double, telegram: Telegram) -> None:
    await telegram.send(ANN, Message(text="<b>You</b> wrote: 1 &lt; 2 &amp; https://example.org"), None)
    last = double.user(42).last
    assert last is not None
    assert last.text == "You wrote: 1 < 2 & https://example.org"
    assert double.journal.calls("sendMessage")[-1].params["link_preview_options"] == {"is_disabled": True}


async def test_a_long_text_goes_in_parts_with_the_buttons_below(double: Double, telegram: Telegram) -> None:
    sent = await telegram.send(ANN, Message(text="\n\n".join("🙂" * 1500 for _ in range(3)), rows=ROWS), None)
    shown = [m for m in double.user(42).screen() if m.from_bot]
    assert [len(m.text) for m in shown] == [1500, 1500, 1500]
    assert [bool(m.buttons) for m in shown] == [False, False, True]
    assert sent == str(shown[-1].id)


async def test_an_edit_stays_where_it_is_and_may_change_nothing(double: Double, telegram: Telegram) -> None:
    first = await telegram.send(ANN, Message(text="One", rows=ROWS), None)
    assert await telegram.send(ANN, Message(text="Two", rows=ROWS), first) == first
    assert await telegram.send(ANN, Message(text="Two", rows=ROWS), first) == first
    await telegram.strip(ANN, first)
    assert [(m.text, m.buttons) for m in double.user(42).screen() if m.from_bot] == [("Two", [])]


async def test_marks_that_telegram_cannot_read_are_left_out(double: Double, telegram: Telegram) -> None:
    await telegram.send(ANN, Message(text="<b>Bold</u> & so on"), None)
    last = double.user(42).last
    assert last is not None
    assert "& so on" in last.text


@pytest.mark.parametrize(
    ("fault", "kind", "of_edit"),
    [
        (too_many(3), "later", "later"),
        (refuse(403, "Forbidden: bot was blocked by the user"), "blocked", "blocked"),
        (refuse(400, "Bad Request: chat not found"), "blocked", "blocked"),
        (refuse(400, "Bad Request: message is too long"), "refused", "refused"),
        (refuse(400, "Bad Request: message to edit not found"), "gone", "gone"),
        (refuse(401, "Unauthorized"), "later", "later"),
        (server_error(), "server", "never_left"),
        (bad_gateway(), "server", "never_left"),
        (garbage(), "uncertain", "never_left"),
        (drop_before(), "uncertain", "never_left"),
        (drop_after(), "uncertain", "never_left"),
        (hang(), "uncertain", "never_left"),
    ],
)
async def test_each_failure_says_what_became_of_the_message(
    double: Double, telegram: Telegram, fault: Fault, kind: str, of_edit: str
) -> None:
    sent = await telegram.send(ANN, Message(text="One"), None)
    for method, edit, wanted in (("sendMessage", None, kind), ("editMessageText", sent, of_edit)):
        double.fault(method, fault)
        with pytest.raises(SendError) as failed:
            await telegram.send(ANN, Message(text="Two"), edit)
        assert failed.value.kind == wanted
        assert failed.value.retry_after == {"later": 60.0 if fault.refusal and fault.refusal.code == 401 else 3.1}.get(
            wanted
        )


async def test_what_never_left_is_told_from_what_may_have_arrived() -> None:
    telegram = telegram_at("http://127.0.0.1:1/bot")
    await telegram.bot.request.initialize()
    with pytest.raises(SendError) as failed:
        await telegram.send(ANN, Message(text="One"), None)
    assert failed.value.kind == "never_left"
    await telegram.bot.request.shutdown()


async def test_what_is_done_on_the_side_never_raises(double: Double, telegram: Telegram) -> None:
    tap = telegram.raw({"update_id": 1, "callback_query": {"id": "77", "from": {"id": 42}, "data": "x"}}, NOW)
    await telegram.answer_tap(tap, "a" * 500)
    await telegram.strip(ANN, "999")
    await telegram.busy(tap)
    await telegram.close()
    assert [call.ok for call in double.journal.calls("answerCallbackQuery")] == [False]
    assert len(double.journal.calls("sendChatAction", ok=True)) == 1


# --- the poll


class Inbox:
    """Takes updates, or refuses them."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.full = 0

    async def take(self, raws: Sequence[Raw]) -> None:
        if self.full:
            self.full -= 1
            raise OSError("disk full")
        self.keys += [raw.key for raw in raws]


async def test_an_update_is_confirmed_after_it_was_stored(double: Double, telegram: Telegram) -> None:
    inbox, stopping = Inbox(), asyncio.Event()
    inbox.full = 1
    poll = Poll(telegram, FakeClock(NOW), inbox.take)
    running = asyncio.create_task(poll.run(stopping))
    await double.wait_for(lambda: double.journal.updates(42)[0].fetches == 1)
    assert double.journal.updates(42)[0].confirmed_at is None
    await double.push_raw({"update_id": 10**9, "message": {"message_id": "many"}})
    await double.wait_for(lambda: len(inbox.keys) == 2)
    await double.user(42).says("two")
    await double.wait_for(lambda: len(inbox.keys) == 3)
    await double.wait_for(lambda: double.journal.updates(42)[0].confirmed_at is not None)
    assert len(set(inbox.keys)) == 3
    stopping.set()
    await asyncio.wait_for(running, 2)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (refuse(409, "Conflict: terminated by other getUpdates request"), "another program is polling"),
        (refuse(409, "Conflict: can't use getUpdates method while webhook is active"), "--remove-webhook"),
        (refuse(401, "Unauthorized"), "coxa doctor"),
        (too_many(30), "asks to wait"),
        (bad_gateway(), "can't be reached"),
        (garbage(), "can't be read"),
        (drop_before(), "can't be reached"),
    ],
)
async def test_trouble_with_the_poll_is_said_once_and_waited_out(
    double: Double, telegram: Telegram, fault: Fault, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    double.fault("getUpdates", fault, times=None)
    stopping, poll = asyncio.Event(), Poll(telegram, FakeClock(NOW), Inbox().take)
    running = asyncio.create_task(poll.run(stopping))
    for _ in range(500):
        await asyncio.sleep(0.01 if poll.trouble is None else 0)
    assert told in str(poll.trouble)
    stopping.set()
    await asyncio.wait_for(running, 2)
    assert sum(told in record.message for record in caplog.records if record.name.startswith("bot.")) == 1


async def test_an_update_that_cannot_be_stored_keeps_no_other_away(double: Double, telegram: Telegram) -> None:
    class Picky(Inbox):
        async def take(self, raws: Sequence[Raw]) -> None:
            if any("poison" in str(raw.body) for raw in raws):
                raise ValueError("can't be stored")
            await super().take(raws)

    await double.user(42).says("poison")
    await double.user(42).says("good")
    stopping, inbox = asyncio.Event(), Picky()
    running = asyncio.create_task(Poll(telegram, FakeClock(NOW), inbox.take).run(stopping))
    await double.wait_for(lambda: len(inbox.keys) == 3)
    stopping.set()
    await asyncio.wait_for(running, 2)


async def test_a_stop_does_not_wait_for_the_poll(double: Double, telegram: Telegram) -> None:
    stopping, inbox = asyncio.Event(), Inbox()
    running = asyncio.create_task(Poll(telegram, FakeClock(NOW), inbox.take).run(stopping))
    await double.wait_for(lambda: len(inbox.keys) == 1)
    await asyncio.sleep(0.05)
    stopping.set()
    await asyncio.wait_for(running, 1)
