"""What an operator is told by `coxa db`."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from alembic import command

from bot.__main__ import main
from bot.storage.crypto import KeyRing
from bot.storage.tables import NEWEST
from bot.storage.upgrade import config
from tests.postgres import Server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give the address of a database that is not made yet, and put it into the environment."""
    given = f"sqlite+aiosqlite:///{tmp_path}/data/coxa.db"
    if request.param == "postgresql":
        given = request.getfixturevalue("postgres").new_database(empty=True)
    set_up(tmp_path, monkeypatch, given)
    return given


def set_up(home: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("COXA_DATA_DIR", str(home / "data"))
    monkeypatch.setenv("COXA_KEY_FILE", str(home / "key.json"))
    monkeypatch.setenv("COXA_DATABASE_URL", url)


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    """Run the command and give what it printed: to stdout, or where it can't, to stderr in one line."""
    assert main(["db", *arguments]) == code
    out, err = capsys.readouterr()
    assert err.count("\n") == (1 if code else 0)
    return err if code else out


def test_a_schema_is_brought_up_once(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "upgrade").startswith("made the ")
    again = said(capsys, "upgrade")
    assert again.endswith(f"has the newest schema already: {NEWEST}\n")


def test_a_schema_that_is_behind_is_told_from_where_to_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").mkdir()
    given = config()
    given.set_main_option("sqlalchemy.url", f"sqlite:///{tmp_path}/data/coxa.db")
    command.upgrade(given, "0001")
    set_up(tmp_path, monkeypatch, f"sqlite+aiosqlite:///{tmp_path}/data/coxa.db")
    assert f"schema: 0001 (the newest is {NEWEST}; coxa db upgrade brings it up)" in said(capsys, "status")
    # There is data without its key: that is said before anything is changed.
    assert "key.json is missing" in said(capsys, "upgrade", code=2)
    KeyRing.open(tmp_path / "key.json")
    assert said(capsys, "upgrade").endswith(f"from schema 0001 to {NEWEST}\n")


def test_the_status_of_nothing_makes_nothing(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "schema: none yet; coxa db upgrade makes it" in said(capsys, "status")
    assert list(tmp_path.iterdir()) == []


def test_the_status_counts_rows(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "upgrade")
    told = said(capsys, "status")
    assert f"schema: {NEWEST} (the newest)" in told
    assert "inbox: 0 (0 waiting, 0 aside)\n" in told
    assert "outbox: 0 (0 waiting, 0 failed)\n" in told
    assert "meta: 1\n" in told


def test_the_status_needs_no_key(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "upgrade")
    (tmp_path / "key.json").unlink()
    assert "schema: " in said(capsys, "status")
    assert "key.json" in said(capsys, "upgrade", code=2)
    assert not (tmp_path / "key.json").exists()  # a new key would open nothing


def test_a_database_of_a_newer_coxa_is_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up(tmp_path, monkeypatch, f"sqlite+aiosqlite:///{tmp_path}/data/coxa.db")
    said(capsys, "upgrade")
    with sqlite3.connect(tmp_path / "data" / "coxa.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    for action in ("upgrade", "status"):
        assert "schema 9999, which a newer Coxa made" in said(capsys, action, code=2)


@pytest.mark.parametrize("action", ["upgrade", "status"])
def test_what_keeps_us_out_of_postgresql_is_said_in_one_line(
    action: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    postgres: Server,
) -> None:
    for address, why in (
        (postgres.address("postgres", "locked:hidden"), "does not let us in"),
        (postgres.address("missing"), "is not there; make it (createdb missing)"),
        ("postgresql://coxa:hidden@127.0.0.1:1/coxa", "can't be reached"),
        (postgres.address("postgres") + "&nonsense=1", "can't be opened with what COXA_DATABASE_URL says"),
        ("mysql://coxa:hidden@db/coxa", "COXA_DATABASE_URL"),
        ("nonsense", "COXA_DATABASE_URL"),
    ):
        set_up(tmp_path, monkeypatch, address)
        error = said(capsys, action, code=2)
        assert why in error
        assert "hidden" not in error
    assert not (tmp_path / "key.json").exists()
