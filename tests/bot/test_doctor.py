"""`coxa doctor` against the double: what is wrong is named, with what to do, and nothing is changed unasked."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.commands import doctor
from bot.settings import Settings
from bot.storage.crypto import KeyRing
from bot.storage.database import open_database
from tests.telegram_double import Double, hang, serve

TOKEN = "123456:TEST"  # noqa: S105  # of a made-up bot


@pytest.fixture
async def double() -> AsyncIterator[tuple[Double, str]]:
    made = Double(token=TOKEN)
    async with serve(made) as url:
        yield made, f"{url}/bot"


async def looks(settings: Settings, *, remove_webhook: bool = False) -> dict[str, doctor.Look]:
    return {look.name: look async for look in doctor.examine(settings, remove_webhook=remove_webhook)}


def settings(tmp_path: Path, api: str, monkeypatch: pytest.MonkeyPatch, **more: str) -> Settings:
    given = {"DATA_DIR": str(tmp_path / "data"), "KEY_FILE": str(tmp_path / "key.json"), "TELEGRAM_API_URL": api}
    for name, value in {**given, "TELEGRAM_TOKEN": TOKEN, **more}.items():
        monkeypatch.setenv(f"COXA_{name}", value)
    return Settings()


async def test_all_is_well(double: tuple[Double, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = await looks(settings(tmp_path, double[1], monkeypatch))
    assert {name: look.state for name, look in found.items()} == {
        "content": "ok",
        "disk": "ok",
        "keys": "warn",
        "database": "ok",
        "network": "ok",
        "token": "ok",
        "webhook": "ok",
        "clock": "ok",
    }
    assert not (tmp_path / "data").exists(), "looking makes nothing"


async def test_a_webhook_is_named_and_taken_away_only_when_asked(
    double: tuple[Double, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bot.channels.telegram import make_telegram

    bot = make_telegram(TOKEN, double[1]).bot
    await bot.request.initialize()
    await bot.set_webhook("https://elsewhere.example/hook")
    given = settings(tmp_path, double[1], monkeypatch)
    look = (await looks(given))["webhook"]
    assert (look.state, "elsewhere.example" in look.said) == ("PROBLEM", True)
    assert "--remove-webhook" in look.todo
    assert (await looks(given, remove_webhook=True))["webhook"].state == "ok"
    assert not (await bot.get_webhook_info()).url
    await bot.request.shutdown()


async def test_a_wrong_token_is_told_from_a_network_that_is_down(
    double: tuple[Double, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = await looks(settings(tmp_path, double[1], monkeypatch, TELEGRAM_TOKEN=TOKEN.replace("TEST", "WRONG")))
    assert (wrong["network"].state, wrong["token"].state) == ("ok", "PROBLEM")
    down = await looks(settings(tmp_path, "http://127.0.0.1:1/bot", monkeypatch))
    assert down["network"].state == "PROBLEM"
    assert "token" not in down
    monkeypatch.setattr(doctor, "PATIENCE_SECONDS", 0.2)
    double[0].fault("getMe", hang())
    assert (await looks(settings(tmp_path, double[1], monkeypatch)))["network"].state == "PROBLEM"


async def test_without_a_token_it_says_where_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = await looks(settings(tmp_path, "http://127.0.0.1:1/bot", monkeypatch, TELEGRAM_TOKEN=""))
    assert found["token"].state == "PROBLEM"
    assert "@BotFather" in found["token"].said


async def test_what_is_wrong_with_keys_and_database_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = settings(tmp_path, "http://127.0.0.1:1/bot", monkeypatch)
    url = given.url.get_secret_value()
    await (await open_database(url, KeyRing.open(given.key_file))).close()
    given.key_file.chmod(0o644)
    found = await looks(given)
    assert (found["keys"].state, "chmod 600" in found["keys"].said) == ("PROBLEM", True)
    assert found["database"].state == "ok"
    with sqlite3.connect(tmp_path / "data" / "coxa.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    assert "newer Coxa" in (await looks(given))["database"].todo
    (tmp_path / "data" / "coxa.db").write_bytes(b"no database at all, only words" * 100)
    assert (await looks(given))["database"].state == "PROBLEM"


async def test_a_postgresql_that_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = "postgresql://coxa:hidden@127.0.0.1:1/coxa"
    found = await looks(settings(tmp_path, "http://127.0.0.1:1/bot", monkeypatch, DATABASE_URL=nowhere))
    assert found["database"].state == "PROBLEM"
    assert "hidden" not in found["database"].said
