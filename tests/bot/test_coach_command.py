"""What an operator does with `coxa coach`, beside a Coxa that may be running."""

from __future__ import annotations

import asyncio
import io
import re
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.channels.console import PlainPaper
from bot.settings import Settings, SettingsError, read_settings
from bot.wiring import MovedClock, Seated, SystemClock, Terminal, open_store, read_content, seat
from bot.workflow.door import Door


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DATABASE_URL", "TELEGRAM_TOKEN", "TELEGRAM_BOT", "INVITE_ONLY"):
        monkeypatch.delenv(f"COXA_{name}", raising=False)
    monkeypatch.setenv("COXA_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COXA_KEY_FILE", str(tmp_path / "key.json"))
    return tmp_path


def coxa(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    """Run `coxa coach` and give what it printed: to stdout, or where it can't, to stderr in one line."""
    assert main(["coach", *arguments]) == code
    out, err = capsys.readouterr()
    return str(out or err)


def talk(seated: Seated, *lines: str, door: Door | None = None) -> str:
    """Talk at a terminal with the database of the settings; give what it printed."""
    out = io.StringIO()
    settings = read_settings()

    async def run() -> None:
        async with open_store(settings, memory=False) as store:
            clock = MovedClock(SystemClock())
            terminal = Terminal(store, read_content(settings), clock, seated, PlainPaper(out), door=door)
            await terminal.start()
            for line in lines:
                await terminal.hear(line)

    asyncio.run(run())
    return out.getvalue()


def test_a_link_is_printed_with_its_code(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COXA_TELEGRAM_BOT", "@my_coxa_bot")
    said = coxa(capsys, "add", "Sam Smith", "--days", "3")
    (link,) = re.findall(r"https://\S+", said)
    assert re.fullmatch(r"https://t\.me/my_coxa_bot\?start=[A-Za-z0-9_-]{32}", link)
    assert said.count("█") > 300
    assert "Sam Smith becomes a coach by opening this, once" in said
    assert link not in coxa(capsys, "list")


def test_without_a_bot_it_is_what_to_type_in_coxa_chat(capsys: pytest.CaptureFixture[str]) -> None:
    said = coxa(capsys, "add", "sam", "--default", "--operator")
    (command,) = re.findall(r"/start [A-Za-z0-9_-]{32}", said)
    assert "COXA_TELEGRAM_BOT" in said
    assert "a coach and the default coach and an operator" in said
    heard = talk(seat("you"), command)
    assert "You are a coach here" in heard
    assert coxa(capsys, "list") == "1: sam (0 clients, default, operator)\n"
    assert "can't be used" in talk(seat("bea"), command)


def test_a_coach_is_removed_by_name_or_number_and_their_clients_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    talk(seat("ann,coach:sam"))
    assert coxa(capsys, "list") == "1: sam (1 client)\n"
    assert coxa(capsys, "remove", "SAM") == "sam is no coach any more; 1 client is told\n"
    assert coxa(capsys, "list") == "no coach yet; coxa coach add NAME invites one\n"
    assert "sam is no longer your coach" in talk(seat("ann"))
    assert "there is no coach '1'" in coxa(capsys, "remove", "1", code=2)


def test_two_of_one_name_are_removed_by_number(capsys: pytest.CaptureFixture[str]) -> None:
    for seated in ("kim", "lee"):
        said = coxa(capsys, "add", "Sam")
        talk(seat(seated), re.findall(r"/start \S{32}", said)[0])
    assert coxa(capsys, "list") == "1: Sam (0 clients)\n2: Sam (0 clients)\n"
    assert "there are 2 coaches 'Sam'" in coxa(capsys, "remove", "Sam", code=2)
    assert coxa(capsys, "remove", "2") == "Sam is no coach any more\n"
    assert coxa(capsys, "list") == "1: Sam (0 clients)\n"


def test_a_link_that_is_open_is_taken_back(capsys: pytest.CaptureFixture[str]) -> None:
    command = re.findall(r"/start \S{32}", coxa(capsys, "add", "sam"))[0]
    assert "i1: sam, invited to be a coach, open until" in coxa(capsys, "list")
    assert coxa(capsys, "remove", "i1") == "i1 is taken back\n"
    assert coxa(capsys, "remove", "i1", code=2) == "i1 is not open; nothing has changed\n"
    assert "can't be used" in talk(seat("you"), command)


def test_it_goes_beside_a_coxa_that_runs(capsys: pytest.CaptureFixture[str]) -> None:
    settings = read_settings()

    async def run() -> None:
        async with open_store(settings, memory=False):  # holds the database, as coxa serve does
            assert await asyncio.to_thread(main, ["coach", "add", "sam"]) == 0

    asyncio.run(run())
    assert "/start " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["add", "sam", "--days", "0"], "no number of days"),
        (["add", "sam", "--days", "61"], "no number of days"),
        (["add", "  "], "is no name"),
        (["add", "x" * 41], "is no name"),
        (["add"], "NAME"),
        ([], "ACTION"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["coach", *arguments])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_a_name_that_is_none_of_a_bot_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COXA_TELEGRAM_BOT", "https://t.me/my_bot")
    with pytest.raises(SettingsError, match=r"COXA_TELEGRAM_BOT: .*give the bot's username"):
        read_settings()


def test_the_bots_name_is_taken_with_and_without_its_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    for given in ("my_bot", "@my_bot", " my_bot "):
        assert Settings(telegram_bot=given).telegram_bot == "my_bot"
    monkeypatch.setenv("COXA_INVITE_ONLY", "1")
    assert read_settings().invite_only
    monkeypatch.setenv("COXA_INVITE_ONLY", "")
    assert not read_settings().invite_only


def test_a_seat_may_be_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert seat("alone:ann,coach:sam,bea") == Seated(
        names=("ann", "sam", "bea"), coaches=frozenset({"sam"}), alone=frozenset({"ann"})
    )
    heard = talk(seat("alone:ann,coach:sam"))
    assert "No coach sees them" in heard
    assert "Your coach sam" in talk(seat("bea,coach:sam"))
    assert "sam (1 client)" in coxa(capsys, "list")
    with pytest.raises(ValueError, match="is no name"):
        seat("boss:ann")


def test_a_link_that_was_ended_stays_so_at_the_next_start() -> None:
    heard = talk(seat("ann,coach:sam"), "/coach", "[End it]", "[Yes, end it]")
    assert "sam is no longer your coach" in heard
    assert "No coach sees them" in talk(seat("ann,coach:sam"))


def test_only_the_invited_may_begin_where_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "invited people only" in talk(seat("alone:ann,coach:sam"), door=Door(invite_only=True))
