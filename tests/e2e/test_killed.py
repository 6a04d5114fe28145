"""Killed with SIGKILL at thirty points of one screening: nothing asked twice, nothing lost, the same result.

Also: what lies in the database file afterwards can't be read.
"""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

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
            said = process.greeted()
        else:
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


async def test_nothing_readable_is_left_in_the_database(tmp_path: Path, screen: Screen) -> None:
    home = tmp_path / "readable"
    play(home, screen, kills=0)
    process = Process(home)
    process.hear()
    process.say("uncle Bob says hi")
    process.hear()
    process.close()
    answers = await answers_of(home)
    assert len(answers) > 40
    with sqlite3.connect(home / "data" / "coxa.db") as database:
        schema = " ".join(row[0] for row in database.execute("select sql from sqlite_master where sql is not null"))
    said = {"uncle Bob", "Sitting heel-out", "Turning is limited", "terminal:", "squat_or_pick_up"}
    words = said | {path for path, _ in answers} | {str(value) for _, value in answers if len(str(value)) >= 6}
    secrets = {word for word in words if word not in schema}
    assert len(secrets) > 40
    for file in (home / "data").iterdir():
        kept = file.read_bytes()
        assert not [word for word in secrets if word.encode() in kept], file
