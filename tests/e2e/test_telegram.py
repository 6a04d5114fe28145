"""A whole screening over real HTTP against the Bot API double, through everything that goes wrong there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.wiring import MENU
from rules import Screen
from tests.e2e.phone import PATIENCE, Phone, Served, until
from tests.telegram_double import Double, drop_after, drop_before, hang, serve, server_error, too_many
from tests.telegram_double.render import render_text

TOKEN = "123456:TEST"  # noqa: S105  # of a made-up bot
ANN = 42
SOON = 20.0
"""Seconds: less than a call may hang, more than a stop takes on a busy machine."""


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> dict[str, str]:
    """Give what the environment says of the database."""
    if request.param == "sqlite":
        return {}
    return {"COXA_DATABASE_URL": str(request.getfixturevalue("postgres_url"))}


@asynccontextmanager
async def serving(home: Path, database: dict[str, str]) -> AsyncIterator[tuple[Double, Served]]:
    """Serve Coxa on a double; both end afterwards."""
    double = Double(token=TOKEN)
    async with serve(double) as url, Served(home, url, TOKEN, **database) as served:
        yield double, served
        await served.stop()


def trouble(double: Double, served: Served) -> str:
    """Give what helps to understand a failure."""
    return f"{double.journal.text()[-3000:]}\n{served.log.read_text()[-3000:]}"


async def test_a_screening_by_taps_through_everything(tmp_path: Path, database: dict[str, str], screen: Screen) -> None:
    async with serving(tmp_path / "taps", database) as (double, served):
        ann = double.user(ANN, first_name="Ann", language_code="en")
        phone = Phone(ann, screen)
        await phone.begin()
        await phone.play(steps=6)

        # A double tap: the second finds the step gone and counts for nothing.
        message = await phone.asked_now()
        button = next(b for row in message.buttons for b in row if b["text"] == "None of these")
        await ann.taps_raw(button["callback_data"], message.id)
        await ann.taps_raw(button["callback_data"], message.id)
        await phone.asked_now()
        # A stale button, and forged ones.
        for forged in (button["callback_data"], "999:0:yes", "x", "0:c:examined", "1:0:" + "z" * 50):
            await ann.taps_raw(forged, message.id)
            await phone.look()
        # An update that was brought before, and one that can't be parsed.
        before = double.journal.updates(ANN)[-1]
        await double.push_raw(before.data)
        await double.push_raw({"update_id": 10**9, "message": {"message_id": "many", "chat": "?"}})
        await phone.look()
        assert not await phone.play(steps=3)

        # Killed in the middle, with an answer on its way.
        await phone.asked_now()
        await served.kill()
        message = ann.live_keyboard() or ann.screen()[-1]
        await phone.answer(message)
        await served.start()
        assert not await phone.play(steps=3)

        # Telegram asks to wait; the connection breaks before and after; the server fails; nobody answers.
        for fault in (too_many(1, enforce=True), drop_before(), server_error()):
            script = double.fault("editMessageText", fault, chat=ANN)
            assert not await phone.play(steps=2)
            assert script.used == 1
        double.fault("sendMessage", drop_after(), chat=ANN)
        await ann.says("/help")
        await ann.wait(lambda m: bool(m.buttons), PATIENCE)
        hanging = double.fault("answerCallbackQuery", hang())
        assert not await phone.play(steps=1)
        hanging.release()

        # Blocks, and returns.
        await ann.blocks()
        await double.quiet(0.1)
        await ann.unblocks()
        await ann.says("/start")
        await ann.wait("Shall we go on", PATIENCE)
        await ann.taps("Go on")
        assert await phone.play(), trouble(double, served)

        assert "Turning is limited" in render_text(ann, width=200)
        assert double.journal.unanswered_callbacks() == []
        assert double.journal.out_of_order() == []
        assert len(double.journal.repeats()) <= 1, double.journal.repeats()
        assert double.journal.unfetched() == []


async def test_a_screening_by_typing_gives_the_same_result(
    tmp_path: Path, database: dict[str, str], screen: Screen
) -> None:
    async with serving(tmp_path / "typing", database) as (double, served):
        ann, bob = (double.user(n, first_name="Ann", language_code="en") for n in (ANN, 43))
        results = []
        for user, typing in ((ann, True), (bob, False)):
            phone = Phone(user, screen)
            await phone.begin()
            assert await phone.play(typing=typing), trouble(double, served)
            said = [m.text for m in user.screen() if m.from_bot]
            results.append(said[said.index(next(s for s in said if "Your LEFT hip" in s)) :])
        assert results[0] == results[1]
        live = [m for m in ann.screen() if m.buttons]
        assert len(live) <= 1, "earlier keyboards are stripped"
        assert double.journal.unanswered_callbacks() == []
        assert double.journal.repeats() == []
        assert double.journal.out_of_order() == []


async def test_groups_are_turned_away_and_what_is_no_text_is_said_to_be(tmp_path: Path, screen: Screen) -> None:
    async with serving(tmp_path / "group", {}) as (double, served):
        ann = double.user(ANN, first_name="Ann")
        group = double.group(-77, "Family", (ann,))
        await group.says(ann, "hello all")
        await group.says(ann, "/start")
        await group.wait("private chats", PATIENCE)
        assert len([m for m in group.screen() if m.from_bot]) == 1
        phone = Phone(ann, screen)
        await phone.begin()
        for send in (ann.sends_photo, ann.sends_voice, ann.sends_sticker, ann.sends_contact):
            await send()
            await ann.wait("only read text", PATIENCE)
        await ann.sends_photo(caption="I can't pee and I'm numb down below")
        await ann.wait("happening now", PATIENCE)
        assert await served.stop() == 0, trouble(double, served)
        await served.start()


async def test_a_stop_is_quick_whatever_hangs(tmp_path: Path) -> None:
    double = Double(token=TOKEN)
    async with serve(double) as url:
        double.fault("getMe", hang())
        async with Served(tmp_path / "hangs", url, TOKEN) as served:
            await until(lambda: bool(double.journal.calls("getMe")))
            async with asyncio.timeout(SOON):
                assert await served.stop() == 0
        double.faults.clear()
        double.fault("sendMessage", hang(), times=None)
        async with Served(tmp_path / "hangs", url, TOKEN) as served:
            await double.user(ANN).says("/start")
            await until(lambda: bool(double.journal.calls("sendMessage")))
            async with asyncio.timeout(SOON):
                assert await served.stop() == 0


async def test_a_wrong_token_is_said_and_ends_it(tmp_path: Path) -> None:
    double = Double(token=TOKEN)
    async with serve(double) as url, Served(tmp_path / "token", url, "123456:WRONG") as served:
        assert await served.ends() == 2
        assert "@BotFather" in served.log.read_text()


async def test_the_menu_is_set_once(tmp_path: Path) -> None:
    async with serving(tmp_path / "menu", {}) as (double, served):
        await double.wait_for(lambda: double.journal.calls("setMyShortDescription"), PATIENCE)
        await served.stop()
        await served.start()
        await double.wait_for(lambda: len(double.journal.calls("getMyShortDescription")) == 2, PATIENCE)
        assert len(double.journal.calls("setMyCommands")) == 1
        names = [c["command"] for commands in double.commands.values() for c in commands]
        assert set(MENU) == set(names)
