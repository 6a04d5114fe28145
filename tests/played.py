"""Plays transcripts the whole way through the house, on a database that stays, and looks at all that is kept."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import select

from bot.channels.console import PlainPaper
from bot.channels.transcript import Blocks, Says, Until, Waits, read_transcript
from bot.settings import Settings
from bot.storage.crypto import EncryptedJSON, EncryptedText, KeyRing
from bot.storage.database import open_database
from bot.storage.tables import make_tables
from bot.wiring import Content, FixedClock, MovedClock, Seated, Terminal, open_store, read_content
from bot.workflow.ports import Store

TRANSCRIPTS = Path(__file__).parent / "conversation" / "transcripts"
STARTS = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
ANN, SAM = "ann_sentinel", "sam"
"""The client, under a name that nothing else is called by, and her coach."""


def settings_in(home: Path, url: str | None = None) -> Settings:
    """Give the settings of a house of its own."""
    database = SecretStr(url) if url is not None else None
    return Settings(data_dir=home / "data", key_file=home / "keys" / "key.json", database_url=database)


@dataclass
class House:
    """Coxa at a terminal: Ann, and Sam who looks after her."""

    store: Store
    terminal: Terminal
    out: io.StringIO

    @property
    def said(self) -> str:
        """Give all that was said so far."""
        return self.out.getvalue()

    async def hear(self, *lines: str) -> str:
        """Hear lines; give what they are answered."""
        before = len(self.said)
        for line in lines:
            self.terminal.clock.move(timedelta(seconds=3))
            await self.terminal.hear(line)
        return self.said[before:]

    async def play(self, name: str) -> None:
        """Play what people do in a transcript; what is answered is not compared."""
        for step in read_transcript((TRANSCRIPTS / name).read_text(encoding="utf-8"), name).steps:
            match step.act:
                case Says(line=line):
                    await self.hear(line)
                case Waits(by=by):
                    await self.terminal.wait(by)
                case Until(at=at, weekday=weekday):
                    await self.terminal.wait_until(at, weekday)
                case Blocks(on=on):
                    await self.terminal.block(on=on)


@asynccontextmanager
async def house(
    settings: Settings, *, at: datetime = STARTS, coached: bool = True, content: Content | None = None
) -> AsyncIterator[House]:
    """Open the house at a time; with its coach, unless told otherwise."""
    out = io.StringIO()
    seated = Seated(names=(ANN, SAM), coaches=frozenset({SAM} if coached else ()))
    async with open_store(settings, memory=False) as store:
        clock = MovedClock(FixedClock(at))
        terminal = Terminal(store, content or read_content(settings), clock, seated, PlainPaper(out), UTC)
        made = House(store=store, terminal=terminal, out=out)
        yield made


async def all_rows(settings: Settings) -> Mapping[str, list[Mapping[str, Any]]]:
    """Read every row of every table, decrypted."""
    url = settings.url.get_secret_value()
    database = await open_database(url, KeyRing.open(settings.key_file), worker=False)
    try:
        async with database.begin() as connection:
            tables = database.tables.metadata.sorted_tables
            ordered = {t.name: select(t).order_by(*t.primary_key.columns) for t in tables}
            return {name: [dict(r._mapping) for r in await connection.execute(ordered[name])] for name in ordered}
    finally:
        await database.close()


def ciphertexts(settings: Settings, *, state_of: int | None = None) -> set[bytes]:
    """Read every encrypted cell of a SQLite database as it stands there; of conversations, one person's or all."""
    found: set[bytes] = set()
    connection = sqlite3.connect(settings.data_dir / "coxa.db")
    try:
        for table in make_tables(KeyRing.new()).metadata.sorted_tables:
            secret = [c.name for c in table.columns if isinstance(c.type, EncryptedText | EncryptedJSON)]
            if secret:
                chosen = f'SELECT {", ".join(secret)} FROM "{table.name}"'  # noqa: S608  # our own names
                if table.name == "conversation" and state_of is not None:
                    chosen += f" WHERE person_id = {state_of}"
                found |= {cell for row in connection.execute(chosen) for cell in row if cell}
    finally:
        connection.close()
    return found


def on_disk(settings: Settings) -> bytes:
    """Give all bytes of the data folder: the database, its log, whatever else lies there."""
    return b"".join(path.read_bytes() for path in sorted(settings.data_dir.glob("*")) if path.is_file())
