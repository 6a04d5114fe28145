"""Killed with SIGKILL at thirty points of one screening: nothing asked twice, nothing lost, the same result.

Also: what lies in the database file afterwards can't be read.
"""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from bot.storage.crypto import KeyRing
from bot.storage.database import open_database
from bot.storage.tables import make_tables
from rules import Screen
from tests.e2e.player import Client, Process

KILLS = 30


def play(home: Path, screen: Screen, *, kills: int) -> list[str]:
    """Play a whole screening, killed at so many turns of it; give the result as it was said at the end."""
    home.mkdir()
    dice = random.Random(kills)  # noqa: S311  # a test's dice
    client, process = Client(screen), Process(home)
    typed, killed = 0, 0
    said = process.hear()
    while True:
        line = client.answer(said)
        if line is None:
            break
        process.say(line)
        typed += 1
        if killed < kills and typed % 2 == 0:
            process.kill(after=dice.uniform(0, 0.12))
            killed += 1
            process = Process(home)
        said = process.hear()
    assert killed == kills, f"only {killed} kills in {typed} turns"
    process.say("/result")
    result = process.hear()
    process.close()
    return result


async def answers_of(home: Path) -> list[tuple[str, object]]:
    """Read the log of answers, in order."""
    ring = KeyRing.open(home / "key.json")
    database = await open_database(f"sqlite+aiosqlite:///{home / 'data' / 'coxa.db'}", ring, worker=False)
    tables = make_tables(ring)
    try:
        async with database.engine.connect() as connection:
            rows = (await connection.execute(tables.answer.select().order_by(tables.answer.c.id))).all()
    finally:
        await database.close()
    return [(row.value["path"], row.value["value"]) for row in rows]


async def test_a_screening_killed_thirty_times_is_the_one_unkilled(tmp_path: Path, screen: Screen) -> None:
    whole = play(tmp_path / "whole", screen, kills=0)
    killed = play(tmp_path / "killed", screen, kills=KILLS)
    assert killed == whole
    assert any("Turning is limited" in line for line in killed)
    answers, as_whole = await answers_of(tmp_path / "killed"), await answers_of(tmp_path / "whole")
    assert answers == as_whole, "every answer once, in order"
    assert len(answers) == len(dict(answers))


@pytest.mark.parametrize(
    "secret", ["squat_or_pick_up", "blocked", "Sitting heel-out", "uncle Bob", "female", "terminal"]
)
async def test_nothing_readable_is_left_in_the_database(
    secret: str, screen: Screen, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.getbasetemp() / "readable"
    if not home.exists():
        play(home, screen, kills=0)
        process = Process(home)
        process.hear()
        process.say("uncle Bob says hi")
        process.hear()
        process.close()
    files = list((home / "data").iterdir())
    assert files
    for file in files:
        assert secret.encode() not in file.read_bytes(), file
    with sqlite3.connect(home / "data" / "coxa.db") as database:
        assert database.execute("select count(*) from answer").fetchone()[0] > 40
