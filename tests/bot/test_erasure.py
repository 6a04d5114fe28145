"""A client's rights: what /mydata gives, what /delete leaves, and that no backup brings anybody back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.settings import Settings, SettingsError, read_settings
from bot.storage.erasure_list import Entry, ErasureList
from bot.wiring import Content, read_content
from bot.workflow.ports import Address
from tests.played import ANN, SAM, STARTS, all_rows, ciphertexts, house, on_disk, settings_in

LATER = STARTS + timedelta(days=40)
WORDS = "so thorny in the left groin"
"""What Ann types, and nobody else would."""


@pytest.fixture(scope="module")
def content() -> Content:
    return read_content(read_settings())


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    url = str(request.getfixturevalue("postgres_url")) if request.param == "postgresql" else None
    return settings_in(tmp_path, url)


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


async def live(settings: Settings, content: Content) -> int:
    """Let Ann screen herself, raise an alert, be written to and answer; give her number."""
    async with house(settings, content=content) as made:
        await made.terminal.start()
        await made.play("coach_decides.txt")
        await made.hear(WORDS, "sam: [Message]", "sam: [Write my own]", f"sam: Dear {ANN}, rest please")
    rows = await all_rows(settings)
    return next(int(row["id"]) for row in rows["person"] if row["name"] == ANN)


async def delete(settings: Settings, content: Content) -> str:
    """Let Ann delete everything; give what she is told from then on."""
    async with house(settings, at=LATER, content=content) as made:
        asked = await made.hear("/delete")
        assert "Delete everything, for good?" in asked
        return await made.hear("yes")


def texts(value: Any) -> Iterator[str]:
    """Give every text inside a value, keys included."""
    match value:
        case str():
            yield value
        case Mapping():
            yield from (text for pair in value.items() for one in pair for text in texts(one))
        case list() | tuple():
            yield from (text for one in value for text in texts(one))


def of_ann(rows: Mapping[str, list[Mapping[str, Any]]], ann: int) -> list[str]:
    """List what is of Ann: her name or words anywhere, or her number where numbers of people stand."""
    found = []
    for table, held in rows.items():
        for row in held:
            said = " ".join(text for value in row.values() for text in texts(value))
            numbers = {row.get(column) for column in ("person_id", "client_id", "coach_id", "maker_id")}
            body = (row.get("value") or {}).get("body", {}) if table == "inbox" else {}
            numbers |= {body.get("to"), body.get("client_id")}
            named = [ann for about in ("about",) if table == "outbox" and ann in row["message"].get(about, ())]
            if ANN in said or WORDS in said or ann in numbers or named or f"-{ann}" in str(row.get("card")):
                found.append(f"{table} {row}")
    return found


async def test_after_delete_nothing_of_the_client_is_in_any_table(settings: Settings, content: Content) -> None:
    ann = await live(settings, content)
    before = await all_rows(settings)
    there = {found.partition(" ")[0] for found in of_ann(before, ann)}
    assert {"person", "address", "conversation", "answer", "flag", "alert", "audit", "inbox", "outbox"} <= there
    said = await delete(settings, content)
    assert "Everything about you is deleted" in said
    assert "@sam: One of your clients has deleted their account" in said
    after = await all_rows(settings)
    assert of_ann(after, ann) == []
    assert [row["name"] for row in after["person"]] == [SAM]
    assert len(after["audit"]) >= len(before["audit"]) > 0  # who looked stays, at whom does not
    assert {row["client_id"] for row in after["audit"]} == {None}


async def test_after_delete_nothing_of_the_client_is_left_in_the_files(on_sqlite: Settings, content: Content) -> None:
    ann = await live(on_sqlite, content)
    before = ciphertexts(on_sqlite, state_of=ann)
    async with house(on_sqlite, at=LATER, content=content) as made:
        await made.hear("/delete", "yes")
        while_open = on_disk(on_sqlite)
    gone = before - ciphertexts(on_sqlite)
    assert len(gone) > 100
    assert [blob for blob in gone if blob in while_open or blob in on_disk(on_sqlite)] == []
    stays = ciphertexts(on_sqlite)
    assert stays
    assert all(blob in on_disk(on_sqlite) for blob in stays)  # what is kept is where it is looked for


async def test_a_client_who_says_no_keeps_everything(on_sqlite: Settings, content: Content) -> None:
    ann = await live(on_sqlite, content)
    async with house(on_sqlite, at=LATER, content=content) as made:
        assert "all as it was" in await made.hear("/delete", "no")
    assert of_ann(await all_rows(on_sqlite), ann)


async def test_a_second_tap_on_delete_makes_nobody(on_sqlite: Settings, content: Content) -> None:
    await live(on_sqlite, content)
    async with house(on_sqlite, at=LATER, content=content) as made:
        await made.hear("/delete", "[Yes, delete everything]")
        assert "(" in await made.hear("[same again]")
    assert [row["name"] for row in (await all_rows(on_sqlite))["person"]] == [SAM]


async def test_who_blocks_the_bot_after_delete_is_nobody(on_sqlite: Settings, content: Content) -> None:
    await live(on_sqlite, content)
    async with house(on_sqlite, at=LATER, content=content) as made:
        await made.hear("/delete", "yes")
        await made.terminal.block(on=True)
    rows = await all_rows(on_sqlite)
    assert [row["name"] for row in rows["person"]] == [SAM]
    assert of_ann(rows, -1) == []


async def test_a_coach_hands_over_first(on_sqlite: Settings, content: Content) -> None:
    await live(on_sqlite, content)
    async with house(on_sqlite, at=LATER, content=content) as made:
        said = await made.hear("sam: /delete", "sam: yes")
        assert "You still look after 1 client" in said
        await made.hear("/delete", "yes")
        assert "Everything about you is deleted" in await made.hear("sam: /delete", "sam: yes")
    assert (await all_rows(on_sqlite))["person"] == []


async def test_an_old_card_of_somebody_who_is_gone_shows_nothing(on_sqlite: Settings, content: Content) -> None:
    await live(on_sqlite, content)
    async with house(on_sqlite, at=LATER, content=content) as made:
        await made.hear("sam: hello")
        await made.hear("/delete", "yes")
        async with made.store.turns() as turns:
            assert not await turns.desks.may(2, 1, LATER)
            assert not await turns.desks.may(1, 2, LATER)


# --- backups


async def test_a_restored_backup_brings_nobody_back(on_sqlite: Settings, content: Content) -> None:
    ann = await live(on_sqlite, content)
    backup = on_sqlite.data_dir.parent / "backup.db"
    shutil.copy(on_sqlite.data_dir / "coxa.db", backup)
    await delete(on_sqlite, content)
    for left in on_sqlite.data_dir.iterdir():
        left.unlink()
    shutil.copy(backup, on_sqlite.data_dir / "coxa.db")
    assert of_ann(await all_rows(on_sqlite), ann)
    before = ciphertexts(on_sqlite, state_of=ann)
    async with house(on_sqlite, at=LATER, content=content):
        pass
    after = await all_rows(on_sqlite)
    assert of_ann(after, ann) == []
    assert [row["name"] for row in after["person"]] == [SAM]
    gone = before - ciphertexts(on_sqlite)
    assert len(gone) > 100
    assert [blob for blob in gone if blob in on_disk(on_sqlite)] == []


async def test_whoever_is_listed_is_deleted_at_the_next_start(settings: Settings, content: Content) -> None:
    ann = await live(settings, content)
    listed = ErasureList.beside(settings.key_file)
    listed.add([listed.entry(Address(channel="terminal", bot="terminal", chat=ANN), LATER)])
    async with house(settings, at=LATER, content=content):
        pass
    rows = await all_rows(settings)
    assert of_ann(rows, ann) == []
    assert [row["name"] for row in rows["person"]] == [SAM]


async def test_who_comes_back_by_themselves_stays(on_sqlite: Settings, content: Content) -> None:
    await live(on_sqlite, content)
    await delete(on_sqlite, content)
    async with house(on_sqlite, at=LATER + timedelta(days=1), content=content) as made:
        await made.hear("/start")
    listed = ErasureList.beside(on_sqlite.key_file)
    listed.add([listed.entry(Address(channel="terminal", bot="terminal", chat="other"), LATER + timedelta(days=2))])
    async with house(on_sqlite, at=LATER + timedelta(days=3), content=content):
        pass
    assert ANN in [row["name"] for row in (await all_rows(on_sqlite))["person"]]


async def test_the_list_tells_nothing_of_anybody(on_sqlite: Settings, content: Content) -> None:
    await live(on_sqlite, content)
    await delete(on_sqlite, content)
    file = on_sqlite.key_file.parent / "erased.jsonl"
    assert file.stat().st_mode & 0o077 == 0
    (line,) = file.read_text().splitlines()
    assert sorted(json.loads(line)) == ["at", "key", "lookup"]
    assert ANN not in line


async def test_a_deletion_whose_line_could_not_be_written_is_written_at_the_next_start(
    on_sqlite: Settings, content: Content
) -> None:
    await live(on_sqlite, content)
    file = on_sqlite.key_file.parent / "erased.jsonl"
    file.mkdir()
    try:
        with pytest.raises(SettingsError, match="erasure list"):
            await delete(on_sqlite, content)
    finally:
        file.rmdir()
    async with house(on_sqlite, at=LATER, content=content) as made:
        await made.hear("/delete")
        file.mkdir(mode=0o500)
        (file / "in the way").touch()
        await made.hear("yes")
        (file / "in the way").unlink()
        file.rmdir()
    async with house(on_sqlite, at=LATER, content=content):
        pass
    assert len(file.read_text().splitlines()) == 1
    names = [row["name"] for row in (await all_rows(on_sqlite))["meta"]]
    assert not [name for name in names if name.startswith("erased:")]


def test_a_line_that_was_cut_off_is_written_over(tmp_path: Path) -> None:
    listed = ErasureList(tmp_path / "erased.jsonl")
    ann, sam = (listed.entry(Address(channel="line", bot="b", chat=chat), STARTS) for chat in ("ann", "sam"))
    listed.add([ann])
    with listed.path.open("a") as file:
        file.write(sam.line[:20])
    assert listed.entries() == [ann]
    listed.add([ann, sam])
    assert listed.entries() == [ann, sam]


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    listed = ErasureList(tmp_path / "erased.jsonl")
    listed.path.write_text('{"at": "2026-01-05T09:00:00+00:00", "key": "00", "lookup": "1"}\nwhat\n')
    with pytest.raises(ValueError, match="line 2"):
        listed.entries()
    with pytest.raises(ValueError, match="no line of an erasure list"):
        Entry.read("[]")
