"""The double's faults and journal, as the real client meets them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from telegram import (
    Bot,
)
from telegram import InlineKeyboardButton as Button
from telegram import InlineKeyboardMarkup as Keyboard
from telegram.error import (
    BadRequest,
    Conflict,
    Forbidden,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)

from tests.telegram_double import (
    Double,
    User,
    bad_gateway,
    blocked,
    drop_after,
    drop_before,
    garbage,
    half,
    hang,
    refuse,
    server_error,
    slow,
    too_many,
)
from tests.telegram_double.connect import connected

KEYS = Keyboard([[Button("Yes", callback_data="y"), Button("No", callback_data="n")]])


@pytest.mark.parametrize("way", ["inside", "socket"])
async def test_two_pollers_conflict(double: Double, way: str) -> None:
    async with connected(double, way) as bot:
        first = asyncio.create_task(bot.get_updates(timeout=5))
        await asyncio.sleep(0.05)
        second = asyncio.create_task(bot.get_updates(timeout=1))
        with pytest.raises(Conflict, match=r"(?i)terminated by other getUpdates request; make sure that only one bot"):
            await first
        await double.user(42).says("hi")
        assert len(await second) == 1
        await bot.set_webhook("https://example.org/hook")
        with pytest.raises(Conflict, match=r"(?i)can't use getUpdates method while webhook is active"):
            await bot.get_updates()
        await bot.delete_webhook(drop_pending_updates=True)
        assert await bot.get_updates() == ()


@pytest.mark.parametrize("way", ["inside", "socket"])
async def test_scripted_faults_reach_the_client(double: Double, ann: User, way: str) -> None:
    faults: list[tuple[Any, type[TelegramError], str]] = [
        (too_many(3), RetryAfter, "(?i)Retry in"),
        (blocked(), Forbidden, "bot was blocked by the user"),
        (server_error(), NetworkError, "Internal Server Error"),
        (bad_gateway(), NetworkError, "Bad Gateway"),
        (refuse(400, "Bad Request: odd"), BadRequest, "Odd"),
        (garbage(), TelegramError, "Invalid server response"),
        (drop_before(), NetworkError, "disconnected"),
        (hang(), TimedOut, "Timed out"),
    ]
    async with connected(double, way) as bot:
        for fault, error, words in faults:
            script = double.fault("sendMessage", fault)
            with pytest.raises(error, match=words):
                await bot.send_message(42, "x", read_timeout=0.15)
            assert script.used == 1
        assert len(ann.screen()) == 1
        for fault in (drop_after(), hang(applied=True), garbage(applied=True), half()):
            double.fault("sendMessage", fault)
            with pytest.raises(TelegramError):
                await bot.send_message(42, "y", read_timeout=0.15)
        assert [m.text for m in ann.screen()[1:]] == ["y", "y", "y", "y"]
        assert len(double.journal.repeats()) == 3
        double.fault("sendMessage", slow(0.05), times=2, chat=42)
        await bot.send_message(42, "z")
        await bot.send_message(42, "z", read_timeout=1)
        double.fault("sendMessage", drop_before(), chat=7)
        await bot.send_message(42, "last")


async def test_an_enforced_wait_holds_for_its_chat(bot: Bot, double: Double, ann: User) -> None:
    bob = double.user(43)
    await bob.says("hi")
    double.fault("sendMessage", too_many(5, enforce=True), chat=42)
    for _ in range(2):
        with pytest.raises(RetryAfter):
            await bot.send_message(42, "x")
    await bot.send_message(43, "x")
    double.skip(5)
    await bot.send_message(42, "x")


async def test_a_hanging_call_can_be_released(bot: Bot, double: Double, ann: User) -> None:
    script = double.fault("sendMessage", hang())
    call = asyncio.create_task(bot.send_message(42, "x"))
    await asyncio.sleep(0.02)
    assert len(ann.screen()) == 1
    script.release()
    assert (await call).text == "x"


async def test_a_dropped_poll_loses_no_update(double: Double, ann: User) -> None:
    async with connected(double, "socket") as bot:
        double.fault("getUpdates", drop_after())
        with pytest.raises(NetworkError):
            await bot.get_updates(timeout=1)
        assert len(await bot.get_updates(timeout=1)) == 1


async def test_the_journal_sees_overlaps(bot: Bot, double: Double, ann: User) -> None:
    await bot.send_message(42, "1")
    await ann.says("more")
    await bot.send_message(42, "1")
    assert double.journal.repeats() == []
    assert double.journal.out_of_order() == []
    double.fault("sendMessage", slow(0.05, applied=False))
    late = asyncio.create_task(bot.send_message(42, "3"))
    await asyncio.sleep(0.01)
    await bot.send_message(42, "4")
    await late
    assert [[c.params["text"] for c in pair] for pair in double.journal.out_of_order()] == [["3", "4"]]
    assert [c.params["text"] for c in double.journal.calls("sendmessage", 42)] == ["1", "1", "3", "4"]
    printed = double.journal.text(42).splitlines()
    assert len(printed) == 6
    assert "sendMessage chat 42" in printed[-1]
