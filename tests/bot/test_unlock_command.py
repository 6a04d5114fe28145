"""`coxa unlock`: the stop is lifted with its reason, the client is told; nobody in a chat can do what it does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.coaching.news import CONSOLE_ID
from bot.conversation.effects import RaiseFlag
from bot.storage.database import open_database, open_ring
from bot.storage.store import SqlStore
from bot.workflow.door import Door
from rules import Flag, Library
from tests.bot.test_linking import NOW, House

FLAG = Flag(
    id="rf02_fall_risk", row="2", urgency="urgent", action="lock", because=("reports.fall",), source="evidence 4.2"
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COXA_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COXA_KEY_FILE", str(tmp_path / "key" / "key.json"))
    return tmp_path


@pytest.fixture
async def house(home: Path, library: Library) -> AsyncIterator[House]:
    (home / "data").mkdir()
    url = f"sqlite+aiosqlite:///{home / 'data' / 'coxa.db'}"
    database = await open_database(url, open_ring(home / "key" / "key.json", url))
    yield House(store=SqlStore(database), library=library, door=Door())
    await database.close()


async def test_a_stop_is_lifted_and_the_client_is_told(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    number = await house.person("ann")
    async with house.store.turns() as turns:
        await turns.keep(number, RaiseFlag(flag=FLAG, screen="hip_internal_rotation"), NOW)
    assert await asyncio.to_thread(main, ["unlock", str(number), "--reason", "examined"]) == 0
    assert "Lifted for client" in capsys.readouterr().out
    said = await house.works()
    assert "whoever runs the bot has lifted the stop" in said["ann"][0]
    assert (await house.known("ann")).flags == ()
    assert await asyncio.to_thread(main, ["unlock", str(number), "--reason", "examined"]) == 1
    assert "nothing stops client" in capsys.readouterr().err


async def test_nobody_of_that_number_and_no_reason(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    assert await asyncio.to_thread(main, ["unlock", "77", "--reason", "spoke"]) == 1
    assert "there is no client 77" in capsys.readouterr().err
    for wrong in (["ann", "--reason", "spoke"], ["٣", "--reason", "spoke"], ["1"], ["1", "--reason", "because"]):
        with pytest.raises(SystemExit):
            main(["unlock", *wrong])


async def test_nobody_in_a_chat_has_the_number_of_the_console(house: House) -> None:
    assert await house.person("ann") != CONSOLE_ID
