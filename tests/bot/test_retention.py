"""What is let go with time: people not heard from for very long, after a notice, and the words of old messages."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from bot.scheduler import ticking
from bot.settings import Settings, SettingsError, read_settings
from bot.wiring import TEXTS_LAST, Content, read_content
from tests.played import ANN, SAM, STARTS, House, all_rows, house, settings_in

YEARS = timedelta(days=730)
NOTICE = "in 14 days everything about you is deleted"


@pytest.fixture(scope="module")
def content() -> Content:
    return read_content(read_settings())


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    url = str(request.getfixturevalue("postgres_url")) if request.param == "postgresql" else None
    return settings_in(tmp_path, url)


async def sweep(made: House) -> str:
    """Do what is due once a day; give what people are told."""
    before = len(made.said)
    await made.store.sweep(made.terminal.clock.now(), keep=YEARS, texts=TEXTS_LAST)
    await made.terminal.work()
    return made.said[before:]


async def names(settings: Settings) -> list[str]:
    return [row["name"] for row in (await all_rows(settings))["person"]]


async def test_who_is_silent_for_long_is_told_and_then_deleted(settings: Settings, content: Content) -> None:
    async with house(settings, content=content) as made:
        await made.terminal.start()
        await made.play("with_a_coach.txt")
        await made.terminal.wait(YEARS - timedelta(days=3))
        assert await sweep(made) == ""
        await made.terminal.wait(timedelta(days=4))
        assert NOTICE in await sweep(made)
        assert await sweep(made) == ""  # once
        await made.terminal.wait(timedelta(days=13))
        assert ANN in await names(settings)
        before = len(made.said)
        await made.terminal.wait(timedelta(days=2))
        assert "As I told you two weeks ago" in made.said[before:]
        assert "One of your clients has deleted their account" in made.said[before:]
    assert await names(settings) == [SAM]  # a coach reads: nobody is silent who looks after others


async def test_who_answers_the_notice_keeps_everything(settings: Settings, content: Content) -> None:
    async with house(settings, content=content) as made:
        await made.terminal.start()
        await made.hear("1")
        await made.terminal.wait(YEARS + timedelta(days=1))
        assert NOTICE in await sweep(made)
        await made.terminal.wait(timedelta(days=5))
        await made.hear("still here")
        await made.terminal.wait(timedelta(days=30))
        assert await sweep(made) == ""
    assert ANN in await names(settings)


async def test_a_tap_is_a_word_too(settings: Settings, content: Content) -> None:
    async with house(settings, content=content) as made:
        await made.terminal.start()
        await made.hear("hello")
        await made.terminal.wait(YEARS - timedelta(days=10))
        await made.hear("[Yes, I agree]")
        await made.terminal.wait(timedelta(days=30))
        assert await sweep(made) == ""


async def test_words_of_old_messages_go(settings: Settings, content: Content) -> None:
    async with house(settings, content=content) as made:
        await made.terminal.start()
        await made.hear("1", "thorny words")
        await made.terminal.wait(TEXTS_LAST - timedelta(days=1))
        await made.hear("newer words")
        before = await all_rows(settings)
        await sweep(made)
        assert (await all_rows(settings))["outbox"] == before["outbox"]
        await made.terminal.wait(timedelta(days=2))
        await sweep(made)
        after = await all_rows(settings)
    old = {row["id"] for row in before["outbox"] if row["at"] < STARTS + timedelta(days=1)}
    assert old
    assert len(after["outbox"]) == len(before["outbox"])
    for row in after["outbox"]:
        assert (row["message"] == {"text": "", "rows": []}) == (row["id"] in old), row
    said = [row["value"]["body"].get("text", "") for row in after["inbox"]]
    assert "newer words" in said
    assert "thorny words" not in said
    assert "thorny words" in [row["value"]["body"].get("text", "") for row in before["inbox"]]


async def test_many_rows_go_in_several_transactions(
    settings: Settings, content: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.storage.retention.AT_ONCE", 2)
    async with house(settings, content=content) as made:
        await made.terminal.start()
        await made.hear(*["hello"] * 5)
        await made.terminal.wait(TEXTS_LAST + timedelta(days=1))
        await sweep(made)
        rows = await all_rows(settings)
    assert rows["inbox"] == []
    assert {row["message"]["text"] for row in rows["outbox"]} == {""}


async def test_it_is_done_at_the_start_and_a_failure_ends_nothing() -> None:
    calls, done = 0, asyncio.Event()

    async def due() -> int:
        return 0

    async def daily() -> None:
        nonlocal calls
        calls += 1
        done.set()
        raise RuntimeError("the database is in trouble")

    async with ticking(due, daily):
        await asyncio.wait_for(done.wait(), 5)
    assert calls == 1


def test_how_long_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_settings().keep_days == 730
    monkeypatch.setenv("COXA_KEEP_DAYS", "365")
    assert read_settings().keep_days == 365
    monkeypatch.setenv("COXA_KEEP_DAYS", "3")
    with pytest.raises(SettingsError, match="COXA_KEEP_DAYS"):
        read_settings()
