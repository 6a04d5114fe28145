"""`coxa doctor` against the double: what is wrong is named, with what to do, and nothing is changed unasked."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from telegram import Bot

from bot.__main__ import main
from bot.channels.telegram import make_telegram
from bot.commands import doctor
from bot.settings import Settings
from bot.storage.crypto import KeyRing
from bot.storage.database import open_database
from bot.wiring import SystemClock
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
    assert (found["keys"].state, "chmod 600" in found["keys"].todo) == ("PROBLEM", True)
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


# --- set-ups, as an operator sees them

HOOK = "https://coxa.example/telegram"
SECRET = "s" * 40


@dataclass
class SetUp:
    """A set-up that is well, to be broken in one place."""

    home: Path
    double: Double
    api: str
    postgres: str
    monkeypatch: pytest.MonkeyPatch

    @property
    def database(self) -> Path:
        return self.home / "data" / "coxa.db"

    @property
    def key(self) -> Path:
        return self.home / "key" / "key.json"

    async def hook(self, url: str, error: str = "") -> None:
        """Set a webhook, whose last error is this."""
        bot: Bot = make_telegram(TOKEN, self.api).bot
        await bot.request.initialize()
        await bot.set_webhook(url)
        await bot.request.shutdown()
        if error:
            self.double.updates.webhook |= {
                "last_error_date": int(SystemClock().now().timestamp()),
                "last_error_message": error,
            }

    def another_key(self) -> None:
        self.key.unlink()
        KeyRing.open(self.key)

    def newer(self) -> None:
        with sqlite3.connect(self.database) as opened:
            opened.execute("UPDATE alembic_version SET version_num = '9999'")
        opened.close()

    def nothing_writes(self) -> None:
        if os.geteuid():
            self.database.parent.chmod(0o500)
        else:  # whom no mode keeps from writing: a folder of the system's own
            self.env("DATA_DIR", "/proc/coxa")

    def full(self) -> None:
        usage = SimpleNamespace(total=10**9, used=10**9, free=5_000_000)
        self.monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)

    def off_by(self, seconds: int) -> None:
        right = SystemClock.now

        def wrong(clock: SystemClock) -> datetime:
            return right(clock) + timedelta(seconds=seconds)

        self.monkeypatch.setattr(SystemClock, "now", wrong)

    def env(self, name: str, value: str) -> None:
        self.monkeypatch.setenv(f"COXA_{name}", value)

    def wants_hook(self) -> None:
        self.env("WEBHOOK_URL", HOOK)
        self.env("WEBHOOK_SECRET", SECRET)


async def hooked(there: SetUp, url: str, error: str = "", *, wanted: bool = False) -> None:
    await there.hook(url, error)
    if wanted:
        there.wants_hook()


ELSEWHERE = "https://elsewhere.example/hook"
NOT_TRUSTED = "SSL error {error:0A000086:SSL routines::certificate verify failed}"
BROKEN: dict[str, tuple[Callable[[SetUp], object], str, str, str]] = {
    "wrong token": (lambda s: s.env("TELEGRAM_TOKEN", "123456:WRONG"), "token", "doesn't take it", "@BotFather"),
    "no token": (lambda s: s.env("TELEGRAM_TOKEN", ""), "token", "COXA_TELEGRAM_TOKEN", "@BotFather"),
    "no network": (
        lambda s: s.env("TELEGRAM_API_URL", "http://127.0.0.1:1/bot"),
        *("network", "127.0.0.1:1 can't be reached", "check the network"),
    ),
    "webhook while polling": (lambda s: hooked(s, ELSEWHERE), "webhook", "elsewhere.example", "--remove-webhook"),
    "webhook elsewhere": (
        lambda s: hooked(s, ELSEWHERE, wanted=True),
        *("webhook", "elsewhere.example", "it should be coxa.example's"),
    ),
    "webhook refused": (
        lambda s: hooked(s, HOOK, "Wrong response from the webhook: 403 Forbidden", wanted=True),
        *("webhook", "403 Forbidden", "COXA_WEBHOOK_SECRET"),
    ),
    "webhook's certificate": (
        lambda s: hooked(s, HOOK, NOT_TRUSTED, wanted=True),
        *("webhook", "certificate verify failed", "renew it"),
    ),
    "webhook not reached": (
        lambda s: hooked(s, HOOK, "Connection timed out", wanted=True),
        *("webhook", "Connection timed out", "firewall"),
    ),
    "no such server": (
        lambda s: s.env("DATABASE_URL", "postgresql://coxa:hidden@127.0.0.1:1/coxa"),
        *("database", "can't be reached", "is it running"),
    ),
    "no such database": (
        lambda s: s.env("DATABASE_URL", s.postgres.replace("/coxa_", "/gone_")),
        *("database", "is not there", "createdb"),
    ),
    "newer schema": (SetUp.newer, "database", "9999", "newer Coxa"),
    "no database at all": (lambda s: s.database.write_bytes(b"words" * 999), "database", "can't be read", "backup"),
    "key missing": (lambda s: s.key.unlink(), "keys", "is missing", "key file back"),
    "key of another": (SetUp.another_key, "keys", "not the key file of this database", "key file back"),
    "key for all to read": (lambda s: s.key.chmod(0o644), "keys", "read by others", "chmod 600"),
    "key is no key": (lambda s: s.key.write_text("{}"), "keys", "is no key file", "put a copy"),
    "disk full": (SetUp.full, "disk", "0.0 GB free", "make room"),
    "folder not writable": (SetUp.nothing_writes, "disk", "can't be written to", "chown"),
    "clock ahead": (lambda s: s.off_by(45), "clock", "seconds ahead", "timedatectl"),
    "clock behind": (lambda s: s.off_by(-45), "clock", "seconds behind", "timedatectl"),
}
"""How a set-up is broken, the line that says so, words of what is wrong, and of what to do."""


@pytest.fixture
async def set_up(
    double: tuple[Double, str], tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> SetUp:
    made = SetUp(tmp_path, double[0], double[1], postgres_url, monkeypatch)
    given = {"DATA_DIR": made.database.parent, "KEY_FILE": made.key, "TELEGRAM_API_URL": made.api}
    for name, value in {**given, "TELEGRAM_TOKEN": TOKEN}.items():
        made.env(name, str(value))
    made.database.parent.mkdir()
    await (await open_database(Settings().url.get_secret_value(), KeyRing.open(made.key))).close()
    return made


async def examined(capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    """Run the command as an operator does; give its exit code and lines."""
    code = await asyncio.to_thread(main, ["doctor"])
    return code, capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("hook", [False, True], ids=["polling", "webhook"])
async def test_a_healthy_set_up_is_well_in_every_line(
    set_up: SetUp, capsys: pytest.CaptureFixture[str], record_property: Callable[[str, object], None], hook: bool
) -> None:
    if hook:
        await hooked(set_up, HOOK, wanted=True)
    code, lines = await examined(capsys)
    record_property("shown", "\n".join(lines))
    assert code == 0
    assert [line.split()[0] for line in lines] == [*["ok"] * 8, "all"]


@pytest.mark.parametrize("broken", BROKEN)
async def test_what_is_broken_is_one_line_and_what_to_do_another(
    set_up: SetUp, capsys: pytest.CaptureFixture[str], record_property: Callable[[str, object], None], broken: str
) -> None:
    breaks, name, said, todo = BROKEN[broken]
    if asyncio.iscoroutine(made := breaks(set_up)):
        await made
    code, lines = await examined(capsys)
    wrong = [number for number, line in enumerate(lines) if line.startswith("PROBLEM")]
    record_property("shown", "\n".join(line for number in wrong for line in lines[number : number + 2]))
    assert code == 1
    assert len(wrong) == 1
    assert lines[wrong[0]].startswith(f"PROBLEM {name}: ")
    assert said in lines[wrong[0]]
    assert lines[wrong[0] + 1].startswith("        → ")
    assert todo in lines[wrong[0] + 1]
    assert lines[-1] == "1 problem"
    assert not any("hidden" in line or TOKEN in line for line in lines)


async def test_an_old_error_of_a_webhook_is_no_problem(set_up: SetUp, capsys: pytest.CaptureFixture[str]) -> None:
    await hooked(set_up, HOOK, "Connection timed out", wanted=True)
    set_up.double.updates.webhook["last_error_date"] -= 2 * 3600
    assert (await examined(capsys))[0] == 0
