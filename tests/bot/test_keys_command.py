"""`coxa keys rotate`: everything reads with the new keys, nothing with the old, and a kill in between harms nothing."""

from __future__ import annotations

import asyncio
import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from bot.__main__ import main
from bot.settings import Settings, read_settings
from bot.storage.crypto import DataKeyMissing, KeyRing, KeysUnusable
from bot.storage.database import open_database, open_ring
from bot.storage.rotation import rotate
from bot.wiring import Content, read_content
from tests.played import ANN, STARTS, all_rows, ciphertexts, house, on_disk, settings_in

LATER = STARTS + timedelta(days=1)


class KilledError(Exception):
    """Stands for the end of the process."""


@pytest.fixture(scope="module")
def content() -> Content:
    return read_content(read_settings())


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    url = str(request.getfixturevalue("postgres_url")) if request.param == "postgresql" else None
    made = settings_in(tmp_path, url)
    monkeypatch.setenv("COXA_DATA_DIR", str(made.data_dir))
    monkeypatch.setenv("COXA_KEY_FILE", str(made.key_file))
    monkeypatch.setenv("COXA_DATABASE_URL", url or "")
    return made


@pytest.fixture
def on_sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    made = settings_in(tmp_path)
    monkeypatch.setenv("COXA_DATA_DIR", str(made.data_dir))
    monkeypatch.setenv("COXA_KEY_FILE", str(made.key_file))
    monkeypatch.setenv("COXA_DATABASE_URL", "")
    return made


async def live(settings: Settings, content: Content) -> None:
    async with house(settings, content=content) as made:
        await made.terminal.start()
        await made.play("with_a_coach.txt")


async def reads(settings: Settings, content: Content) -> str:
    """Let everybody go on; give what they are told."""
    async with house(settings, at=LATER, content=content) as made:
        said = await made.hear("/start", "sam: /help")
        assert "Something went wrong" not in made.said
        return said


def plain(rows: object) -> str:
    """Give rows without what keys decide."""
    return json.dumps(rows, default=str, sort_keys=True)


def without_keys(rows: dict[str, list[dict[str, object]]]) -> str:
    kept = {
        name: [{k: v for k, v in row.items() if k not in ("lookup", "chat")} for row in held]
        for name, held in rows.items()
    }
    return plain({name: held for name, held in kept.items() if name != "meta"})


async def test_after_a_rotation_everything_reads_and_the_old_key_opens_nothing(
    settings: Settings, content: Content, capsys: pytest.CaptureFixture[str]
) -> None:
    await live(settings, content)
    old = settings.key_file.with_name("old.json")
    shutil.copy(settings.key_file, old)
    before = dict(await all_rows(settings))
    assert await asyncio.to_thread(main, ["keys", "rotate"]) == 0
    out, err = capsys.readouterr()
    assert "have new keys; the old ones are gone" in out, err
    after = dict(await all_rows(settings))
    assert without_keys(after) == without_keys(before)  # type: ignore[arg-type]  # rows are mappings
    for table, column in (("address", "lookup"), ("flag", "lookup"), ("inbox", "lookup"), ("inbox", "chat")):
        known = {row[column] for row in before[table]} - {None}
        assert known
        assert not known & {row[column] for row in after[table]}
    held, was = json.loads(settings.key_file.read_text()), json.loads(old.read_text())
    assert sorted(held) == ["data_keys", "index_key"]
    assert len(held["data_keys"]) == 1
    assert held["data_keys"] != was["data_keys"]
    assert held["index_key"] != was["index_key"]
    with pytest.raises(DataKeyMissing):
        await open_database(settings.url.get_secret_value(), KeyRing.open(old))
    said = await reads(settings, content)
    assert "Hello, I'm Coxa" not in said  # she is known where she was: blind indexes find her
    assert [row["name"] for row in (await all_rows(settings))["person"]].count(ANN) == 1


async def test_nothing_that_the_old_key_opens_is_left_in_the_files(on_sqlite: Settings, content: Content) -> None:
    await live(on_sqlite, content)
    before = ciphertexts(on_sqlite)
    await rotate(on_sqlite.url.get_secret_value(), on_sqlite.key_file, LATER)
    assert len(before) > 50
    assert [blob for blob in before if blob in on_disk(on_sqlite)] == []


@pytest.mark.parametrize("batches", [1, 3, 7])
async def test_a_rotation_that_is_cut_off_goes_on(
    on_sqlite: Settings, content: Content, batches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.storage.rotation.AT_ONCE", 10)
    await live(on_sqlite, content)
    before = dict(await all_rows(on_sqlite))
    began: list[int] = []

    def kill(table: str, rows: int) -> None:
        began.append(rows)
        if len(began) == batches:
            raise KilledError

    url = on_sqlite.url.get_secret_value()
    with pytest.raises(KilledError):
        await rotate(url, on_sqlite.key_file, LATER, after_batch=kill)
    with pytest.raises(KeysUnusable, match="coxa keys rotate"):
        open_ring(on_sqlite.key_file, url)
    done = await rotate(url, on_sqlite.key_file, LATER)
    assert done.resumed
    assert without_keys(dict(await all_rows(on_sqlite))) == without_keys(before)  # type: ignore[arg-type]  # rows are mappings
    again = await rotate(url, on_sqlite.key_file, LATER)
    assert sum(began) + done.rows == again.rows  # what was done was not done again
    await reads(on_sqlite, content)


async def test_a_rotation_that_is_cut_off_at_the_very_end_goes_on(
    on_sqlite: Settings, content: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    await live(on_sqlite, content)
    url = on_sqlite.url.get_secret_value()

    def killed(self: KeyRing, path: Path) -> None:
        raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(KeyRing, "end_rotation", killed)
        with pytest.raises(KilledError):
            await rotate(url, on_sqlite.key_file, LATER)
    await rotate(url, on_sqlite.key_file, LATER)
    await reads(on_sqlite, content)


async def test_nobody_rotates_beside_a_running_coxa(
    settings: Settings, content: Content, capsys: pytest.CaptureFixture[str]
) -> None:
    async with house(settings, content=content) as made:
        await made.terminal.start()
        before = settings.key_file.read_bytes()
        assert await asyncio.to_thread(main, ["keys", "rotate"]) == 2
        assert "stop it first" in capsys.readouterr().err
        assert settings.key_file.read_bytes() == before
        assert "agree" in await made.hear("hello")


async def test_open_invitations_end_with_the_old_keys(on_sqlite: Settings, content: Content) -> None:
    await live(on_sqlite, content)
    url = on_sqlite.url.get_secret_value()
    database = await open_database(url, KeyRing.open(on_sqlite.key_file))
    row = {"kind": "coach", "lookup": database.ring.lookup("token"), "value": {"name": "Kim"}, "made_at": STARTS}
    async with database.begin() as connection:
        added = insert(database.tables.invite).values(**row, expires_at=LATER + timedelta(days=7))
        await connection.execute(added)
    await database.close()
    assert (await rotate(url, on_sqlite.key_file, LATER)).invites == 1
    (invite,) = (await all_rows(on_sqlite))["invite"]
    assert invite["revoked_at"] == LATER
    assert invite["lookup"] != row["lookup"]


def test_no_database_has_no_keys_to_rotate(on_sqlite: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "rotate"]) == 2
    assert "there is no database" in capsys.readouterr().err
    assert not on_sqlite.key_file.exists()
