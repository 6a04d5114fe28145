"""`coxa announce`: shown before it is sent, once to each client, behind everything else, gone on with where cut off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.commands.announce import LONGEST, name_of
from bot.storage import announcements
from bot.storage.announcements import PRIORITY
from bot.storage.database import Database, open_database, open_ring
from bot.storage.store import SqlStore
from bot.workflow.door import Door
from bot.workflow.ports import Message
from rules import Library
from tests.bot.test_linking import NOW, House

TEXT = "On Sunday I rest, 8:00 to 9:00.\nSomething <b>urgent</b> & new? Your doctor."


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Database]:
    url = f"sqlite+aiosqlite:///{tmp_path}/data/coxa.db"
    if request.param == "postgresql":
        url = str(request.getfixturevalue("postgres_url"))
    (tmp_path / "data").mkdir()
    given = {"DATA_DIR": tmp_path / "data", "DATABASE_URL": url, "KEY_FILE": tmp_path / "key" / "key.json"}
    for name, value in given.items():
        monkeypatch.setenv(f"COXA_{name}", str(value))
    made = await open_database(url, open_ring(tmp_path / "key" / "key.json", url))
    yield made
    await made.close()


@pytest.fixture
async def house(database: Database, library: Library) -> House:
    """Six clients who agreed to be kept, one who did not, and a coach."""
    made = House(store=SqlStore(database), library=library, door=Door())
    for who in ("ann", "bea", "cleo", "dan", "eve", "fay"):
        await made.agrees(who)
    await made.says("gus", "hello")
    await made.employ("sam")
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "news.txt").write_text(f"{TEXT}\n", encoding="utf-8")
    return tmp_path / "news.txt"


async def coxa(*arguments: object) -> int:
    return await asyncio.to_thread(main, ["announce", *map(str, arguments)])


def heard(house: House) -> list[str]:
    """List who heard it, once for each time."""
    return sorted(sent.address.chat for sent in house.line.sends if "On Sunday I rest" in sent.message.text)


async def test_it_is_shown_first_and_then_sent_once_to_each(
    house: House, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await house.hears("eve", blocked="yes")
    async with house.store.turns() as turns:
        await turns.erase(await turns.person_at(house.line.address("fay"), "fay", NOW), NOW)
    capsys.readouterr()
    assert await coxa(file) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(TEXT)
    assert "4 clients would get this, in 0:00:01 or more at 30 a second" in shown
    await house.works()
    assert heard(house) == []
    assert await coxa("--status") == 0
    assert capsys.readouterr().out == "nothing was announced\n"

    assert await coxa(file, "--send") == 0
    assert "kept for 4 clients" in capsys.readouterr().out
    assert await coxa("--status") == 0
    assert "0 sent, 4 waiting  On Sunday" in capsys.readouterr().out
    await house.works()
    assert heard(house) == ["ann", "bea", "cleo", "dan"]
    text = next(sent.message.text for sent in house.line.sends if "On Sunday" in sent.message.text)
    assert "&lt;b&gt;urgent&lt;/b&gt; &amp; new?" in text  # as it was shown, no marks

    await house.agrees("hal")  # who comes later gets it when it is sent again; nobody gets it twice
    assert await coxa(file, "--send") == 0
    assert "kept for 1 client;" in capsys.readouterr().out
    await house.works()
    assert heard(house) == ["ann", "bea", "cleo", "dan", "hal"]
    assert await coxa(file) == 0
    assert "0 clients would get this. Nobody is left" in capsys.readouterr().out
    assert await coxa("--status") == 0
    assert f"{name_of(TEXT)}  " in (status := capsys.readouterr().out)
    assert "5 sent, 0 waiting  On Sunday I rest" in status


async def test_what_was_cut_off_is_gone_on_with(
    house: House, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcements, "AT_ONCE", 2)
    following, looks = announcements._next, []

    async def cut_off(*given: object) -> object:
        looks.append(given)
        if len(looks) == 3:
            raise KeyboardInterrupt
        return await following(*given)  # type: ignore[arg-type]  # whatever was given

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(announcements, "_next", cut_off)
        await announcements.send(database, "n", TEXT, NOW)
    assert await announcements.missing(database, "n") == 2
    assert await announcements.send(database, "n", TEXT, NOW) == 2
    await house.works()
    assert heard(house) == ["ann", "bea", "cleo", "dan", "eve", "fay"]
    assert await announcements.send(database, "n", TEXT, NOW) == 0


async def test_two_who_send_the_same_at_once_send_it_once(house: House, database: Database) -> None:
    counts = await asyncio.gather(*(announcements.send(database, "n", TEXT, NOW) for _ in range(3)))
    assert sorted(counts) == [0, 0, 6]
    await house.works()
    assert heard(house) == ["ann", "bea", "cleo", "dan", "eve", "fay"]


async def test_it_goes_behind_everything_else(house: House, database: Database) -> None:
    await announcements.send(database, "n", TEXT, NOW)
    people = {who: await house.person(who) for who in ("gus", "sam", "ann")}
    async with house.store.turns() as turns:
        for who, priority in (("gus", "prompt"), ("sam", "reply")):
            await turns.put_out(people[who], None, Message(text=priority, rows=()), priority, NOW)
    first = await house.store.claim_outgoing(3, NOW + timedelta(seconds=1))
    assert [row.message.text for row in first[:2]] == ["reply", "prompt"]
    assert "On Sunday" in first[2].message.text
    async with house.store.turns() as turns:  # what can't wait cancels prompts, and no announcement
        await turns.put_out(people["ann"], None, Message(text="now", rows=()), "safety", NOW)
    [one] = await announcements.sent(database)
    assert (one.states.get("superseded", 0), sum(one.states.values())) == (0, 6)
    assert PRIORITY not in ("safety", "reply", "prompt")


def test_what_cannot_be_sent_is_said(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("x" * (LONGEST + 1), encoding="utf-8")
    assert main(["announce", str(file), "--send"]) == 2
    file.write_text(" \n", encoding="utf-8")
    assert main(["announce", str(file)]) == 2
    file.write_bytes(b"\xff\xfe\x00")
    assert main(["announce", str(file)]) == 2
    assert main(["announce", str(tmp_path / "nowhere.txt")]) == 2
    assert main(["announce"]) == 2
    said = capsys.readouterr().err
    for wrong in ("3501 characters", "0 characters", "not UTF-8", "No such file", "--status"):
        assert wrong in said
