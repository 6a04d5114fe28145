"""`coxa inbox`: what was set aside is listed without a word of it, shown, handed in again and handled once, dropped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.__main__ import main
from bot.commands.inbox import kind_of, lines, raised
from bot.conversation.events import Typed
from bot.conversation.known import Known
from bot.conversation.reply import Turn, reply
from bot.phrasebook import load_phrasebook
from bot.storage import set_aside
from bot.storage.database import Database, open_database, open_ring
from bot.storage.set_aside import SetAside
from bot.storage.store import SqlStore
from bot.workflow.handle import PAUSES, handle
from bot.workflow.ports import Raw
from rules import Library
from tests.bot.test_linking import NOW
from tests.fakes import FakeClock, RecordingChannel

WORDS = "my sore groin"


@dataclass
class Bug:
    """A turn that raises for some words, as long as the bug is there."""

    mended: bool = False
    turns: int = 0

    def __call__(self, known: Known, event: object, library: Library) -> Turn:
        if isinstance(event, Typed) and WORDS in event.text:
            if not self.mended:
                raise KeyError(f"no rule for {event.text!r}")
            self.turns += 1
        return reply(known, event, library)  # type: ignore[arg-type]  # any event


@dataclass
class House:
    """Coxa with a bug, on a database that the command opens, too."""

    database: Database
    library: Library
    bug: Bug = field(default_factory=Bug)
    line: RecordingChannel = field(default_factory=RecordingChannel)
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOW))

    def __post_init__(self) -> None:
        self.store = SqlStore(self.database)

    async def hears(self, key: str, text: str) -> None:
        body = {"chat": "ann", "text": text}
        await self.store.receive([Raw(source="line", key=key, body=body, at=self.clock.now(), chat="line:bot:ann")])
        await self.works()

    async def works(self) -> None:
        """Handle until nothing is left, tries after a pause included."""
        for _ in range(len(PAUSES) + 1):
            parts = {"line": self.line}
            while await handle(
                self.store, parts, self.clock, self.library, load_phrasebook(self.library), reply=self.bug
            ):
                pass
            self.clock.skip(max(PAUSES) + timedelta(seconds=1))

    async def state(self, row_id: int) -> tuple[str, str | None, str]:
        """Give a row's state, its trace and all that is in it."""
        t = self.database.tables.inbox
        async with self.database.begin() as connection:
            row = (await connection.execute(select(t).where(t.c.id == row_id))).one()
        return row.state, row.trace, str(row.value)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    (tmp_path / "data").mkdir()
    return f"sqlite+aiosqlite:///{tmp_path}/data/coxa.db"


@pytest.fixture
async def house(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: Library) -> AsyncIterator[House]:
    monkeypatch.setenv("COXA_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COXA_DATABASE_URL", url)
    monkeypatch.setenv("COXA_KEY_FILE", str(tmp_path / "key" / "key.json"))
    database = await open_database(url, open_ring(tmp_path / "key" / "key.json", url))
    yield House(database, library)
    await database.close()


async def coxa(*arguments: str) -> int:
    """Run the command as its own process would, beside whoever has the database open."""
    return await asyncio.to_thread(main, ["inbox", *arguments])


async def test_what_fails_is_listed_shown_and_after_the_mend_handled_once(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    await house.hears("1", "hello")
    assert await coxa() == 0
    assert capsys.readouterr().out == "nothing is set aside\n"

    await house.hears("2", WORDS)
    assert await coxa() == 0
    listed = capsys.readouterr().out
    [_, line] = listed.splitlines()
    assert ("line text" in line, "KeyError" in line, " 3 " in line) == (True, True, True)
    assert "groin" not in listed
    number = line.split()[0]

    assert await coxa("show", number) == 0
    shown = capsys.readouterr().out
    assert "may quote a client" in shown.splitlines()[0]
    assert WORDS in shown
    assert "no rule for" in shown

    # Still broken: it comes back, with a new trace, and its person is told once more.
    assert await coxa("replay", number) == 0
    assert "handed in again" in capsys.readouterr().out
    assert (await house.state(int(number)))[:2] == ("waiting", None)
    await house.works()
    state, trace, _ = await house.state(int(number))
    assert state == "aside"
    assert trace is not None
    assert "no rule for" in trace

    house.bug.mended = True
    assert await coxa("replay", "--all") == 0
    assert number in capsys.readouterr().out
    assert await coxa("replay", "--all") == 0  # it waits already
    assert "nothing is set aside" in capsys.readouterr().out
    await house.works()
    assert (await house.state(int(number)))[:2] == ("done", None)
    await house.hears("2", WORDS)  # brought once more: known
    assert house.bug.turns == 1
    assert await coxa("replay", number) == 2
    assert "no event" in capsys.readouterr().err


async def test_what_is_dropped_is_gone_and_never_heard_again(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    await house.hears("1", WORDS)
    [one] = await set_aside.listed(house.database)
    assert await coxa("drop", str(one.id)) == 0
    state, trace, held = await house.state(one.id)
    assert (state, trace) == ("done", None)
    assert "groin" not in held
    house.bug.mended = True
    await house.hears("1", WORDS)
    assert house.bug.turns == 0
    assert await coxa("drop", str(one.id)) == 2
    assert await coxa("show", str(one.id)) == 2
    capsys.readouterr()


@pytest.mark.parametrize("wrong", ["x", "٣", "-1", "1" * 30])
def test_what_is_no_number_of_an_event_is_refused(wrong: str) -> None:
    for action in ("show", "replay", "drop"):
        with pytest.raises(SystemExit):
            main(["inbox", action, wrong])
    with pytest.raises(SystemExit):
        main(["inbox", "replay"])


def test_a_list_says_nothing_that_people_wrote() -> None:
    trace = (
        'Traceback (most recent call last):\n  File "a.py", line 1\nValueError: it hurts\nmy Groin: pain\n'
        "\nDuring handling of the above exception, another exception occurred:\n\n"
        'Traceback (most recent call last):\n  File "b.py", line 2\nsqlalchemy.exc.DataError: groin\nTraceback\n'
    )
    assert raised(trace) == "DataError"
    assert raised("Traceback (most recent call last):\nGroin: hurts\n") == "?"
    assert raised("") == "?"
    bodies = (
        ("telegram", {"update_id": 1, "message": {"text": "my groin"}}, "telegram message text"),
        ("telegram", {"callback_query": {"data": "groin"}}, "telegram callback_query"),
        ("telegram", {"groin": 1}, "telegram"),
        ("person", {"kind": "coach_acted", "words": "groin"}, "coach_acted"),
        ("person", {"kind": "groin"}, "?"),
        ("my groin", {"text": "x"}, "? text"),
    )
    for source, body, named in bodies:
        assert kind_of(source, body) == named
    held = [
        SetAside(id=n, source=source, at=NOW, set_aside_at=NOW, tries=3, body=body, trace=trace)
        for n, (source, body, _) in enumerate(bodies, 1)
    ]
    told = "\n".join(lines(held, NOW + timedelta(hours=50)))
    assert "groin" not in told.lower()
    assert "2 d" in told
