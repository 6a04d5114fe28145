"""The house holds: imports, clocks and words; and each guard bites when it is broken on purpose."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).parent.parent
BIN = Path(sys.executable).parent


def a_copy(folder: Path) -> Path:
    """Copy the house, without its environment, to break it there."""
    house = folder / "house"
    for name in ("bot", "rules", "pyproject.toml"):
        source = HOUSE / name
        if source.is_dir():
            shutil.copytree(source, house / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, house / name)
    return house


def run(house: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        cwd=house,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(house), "PATH": f"{BIN}:/usr/bin:/bin"},
    )


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("rules/safety.py", "import bot.settings"),
        ("bot/conversation/reply.py", "import sqlalchemy"),
        ("bot/conversation/reply.py", "import asyncio"),
        ("bot/workflow/deliver.py", "import bot.storage.store"),
        ("bot/channels/console.py", "import bot.storage.store"),
        ("bot/phrasebook/__init__.py", "import bot.conversation.known"),
    ],
)
def test_the_import_contract_breaks_when_broken_on_purpose(file: str, line: str, tmp_path: Path) -> None:
    house = a_copy(tmp_path)
    path = house / file
    path.write_text(path.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")
    broken = run(house, "lint-imports", "--no-cache")
    assert broken.returncode == 1, broken.stdout + broken.stderr
    assert "BROKEN" in broken.stdout


@pytest.mark.parametrize("call", ["datetime.now(UTC)", "datetime.utcnow()", "datetime.today()"])
@pytest.mark.parametrize("room", ["rules/assess.py", "bot/conversation/reply.py", "bot/workflow/handle.py"])
def test_reading_a_clock_is_refused(call: str, room: str, tmp_path: Path) -> None:
    house = a_copy(tmp_path)
    path = house / room
    path.write_text(
        path.read_text(encoding="utf-8") + f"\nfrom datetime import UTC, datetime\n\nNOW = {call}\n", encoding="utf-8"
    )
    assert "TID251" in run(house, "ruff", "check", room).stdout


def test_the_house_as_it_stands_is_whole(tmp_path: Path) -> None:
    house = a_copy(tmp_path)
    kept = run(house, "lint-imports", "--no-cache")
    assert kept.returncode == 0, kept.stdout
    assert "TID251" not in run(house, "ruff", "check", ".").stdout


def test_no_file_speaks_of_a_machine() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=HOUSE, capture_output=True, text=True, check=True).stdout.split()
    spoken = ("/work" + "/", "/root" + "/", ".." + "/shared", "simple" + "/")
    for name in listed:
        path = HOUSE / name
        if path.suffix in (".py", ".yaml", ".md", ".toml", ".txt", ".lock", ".mako"):
            text = path.read_text(encoding="utf-8")
            assert not [word for word in spoken if word in text], name
