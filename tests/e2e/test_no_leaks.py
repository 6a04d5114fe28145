"""A whole life with Coxa, from hello to /delete: no log, no file and no list says anything of anybody."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bot.commands.serve import NOISY
from bot.settings import Settings
from bot.wiring import open_store, serve
from bot.workflow.ports import Address
from rules import Screen
from tests import telegram_double
from tests.e2e.phone import LAST, PATIENCE, Phone
from tests.played import STARTS, all_rows, on_disk
from tests.telegram_double import Double

BOT, SECRET = "987654321", "SentinelTokenSecretOfABot"
ANN, SAM = 4711998811, 5822887722
NAMES = ("Sentinella", "Samsentinel")
WORDS = "my saddle is numb, sentinel words of mine"
COACH_WORDS = "please rest, sentinel words of a coach"
OTHERS = ("uvicorn", "tests", "starlette", "python_multipart")
"""Whose records are not Coxa's: the double's."""


def settings_in(home: Path, api: str, url: str | None) -> Settings:
    return Settings(
        data_dir=home / "data",
        key_file=home / "keys" / "key.json",
        database_url=SecretStr(url) if url is not None else None,
        telegram_token=SecretStr(f"{BOT}:{SECRET}"),
        telegram_api_url=f"{api}/bot",
    )


async def live(double: Double, screen: Screen) -> list[str]:
    """Let Ann screen herself, tell of an emergency, and hear from Sam; give all that the two were told."""
    ann, sam = double.user(ANN, first_name=NAMES[0]), double.user(SAM, first_name=NAMES[1])
    await sam.says("/start")
    await sam.wait("You are a coach here", PATIENCE)
    phone = Phone(ann, screen)
    await phone.begin()
    try:
        assert await phone.play()
    except AssertionError:  # on a busy machine the plan may come in pieces: what is asked then is no question
        await ann.wait(LAST, PATIENCE)
    await ann.says("/practise")
    await double.quiet(0.3)
    await ann.says(WORDS)
    await ann.wait(lambda m: "Yes" in str(m.buttons), PATIENCE)
    await ann.says("yes")
    await sam.wait(NAMES[0], PATIENCE)
    await sam.says("/help")
    await sam.taps("Message")
    await sam.wait(lambda m: "Write my own" in str(m.buttons), PATIENCE)
    await sam.taps("Write my own")
    await sam.wait("Write your message now", PATIENCE)
    await sam.says(COACH_WORDS)
    await ann.wait(COACH_WORDS, PATIENCE)
    await ann.says("/mydata")
    await ann.wait(lambda m: m.data.get("document", {}).get("file_name", "").endswith(".html"), PATIENCE)
    return [message.text for user in (ann, sam) for message in user.screen() if message.from_bot]


async def delete(double: Double) -> None:
    """Let Ann delete everything."""
    ann = double.user(ANN)
    await ann.says("/delete")
    await ann.wait("Delete everything, for good?", PATIENCE)
    await ann.taps("Yes, delete everything")
    await ann.wait("Everything about you is deleted", PATIENCE)
    await double.user(SAM).wait("One of your clients has deleted their account", PATIENCE)


def secrets_of(said: list[str]) -> list[str]:
    """List what nobody may read outside: names, chats, the token, words, and every longer line that was said."""
    lines = {line.strip() for text in said for line in text.splitlines()}
    return [*NAMES, str(ANN), str(SAM), SECRET, WORDS, COACH_WORDS, *(line for line in lines if len(line) > 30)]


def texts(rows: Mapping[str, list[Mapping[str, Any]]]) -> str:
    return "\n".join(str(row) for held in rows.values() for row in held)


@pytest.mark.parametrize("place", ["sqlite", "postgresql"])
async def test_nothing_of_anybody_is_logged_or_readable(
    tmp_path: Path,
    screen: Screen,
    place: str,
    request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
) -> None:
    url = str(request.getfixturevalue("postgres_url")) if place == "postgresql" else None
    for noisy in NOISY:  # as coxa serve has it
        caplog.set_level(logging.WARNING, noisy)
    caplog.set_level(logging.DEBUG)
    double, told = Double(token=f"{BOT}:{SECRET}"), list[str]()
    async with telegram_double.serve(double) as api:
        settings = settings_in(tmp_path, api, url)
        coach, client = (Address(channel="telegram", bot=BOT, chat=str(chat)) for chat in (SAM, ANN))
        async with open_store(settings, memory=False) as store:
            await store.add_coach(coach, NAMES[1], client, NAMES[0], STARTS)
        stopping = asyncio.Event()
        served = asyncio.ensure_future(serve(settings, stopping, told.append))
        logging.getLogger("bot").debug("this line is caught")
        try:
            secrets = secrets_of(await live(double, screen))
            kept = texts(await all_rows(settings))
            while_alive = on_disk(settings)
            await delete(double)
        finally:
            stopping.set()
            await asyncio.wait_for(served, PATIENCE)
    assert len(secrets) > 50
    assert [
        one for one in (*NAMES, str(ANN), WORDS, COACH_WORDS) if one not in kept
    ] == []  # what is looked for is there
    logged = "\n".join(
        f"{record.name} {record.getMessage()} {record.exc_text or ''}"
        for record in caplog.records
        if not record.name.startswith(OTHERS)
    )
    assert place == "postgresql" or logged.count("\n") > 100
    assert "this line is caught" in logged
    assert [one for one in secrets if one in logged] == []
    assert [one for one in secrets if one in "\n".join(told)] == []
    after = texts(await all_rows(settings))
    assert [one for one in (NAMES[0], str(ANN), WORDS, COACH_WORDS) if one in after] == []
    listed = (settings.key_file.parent / "erased.jsonl").read_text()
    assert listed.count("\n") == 1
    assert [one for one in secrets if one in listed] == []
    if place == "sqlite":
        files = (while_alive, on_disk(settings))
        assert [one for one in secrets for content in files if one.encode() in content] == []
