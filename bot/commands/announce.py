"""`coxa announce`: say something to all clients, once to each, behind everything else."""

from __future__ import annotations

import argparse
import hashlib
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.commands.beside import now, with_database

if TYPE_CHECKING:
    from bot.storage.announcements import Announced
    from bot.storage.database import Database

NAME = "announce"
LONGEST = 3500
"""So many characters fit into one message, with room for what marks and counts differently. A proposal."""


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        NAME,
        help="say something to all clients, once to each",
        description="Show what a text file would say to all clients, to how many, and how long that takes; --send sends"
        " it. It goes out behind everything else, once to each client: sending the same text again reaches those alone"
        " who did not get it. Who blocked the bot, agreed to nothing, or is a coach gets none.",
    )
    parser.add_argument("file", metavar="FILE", type=Path, nargs="?", help="the text, as UTF-8; plain words")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--send", action="store_true", help="send it")
    which.add_argument("--status", action="store_true", help="list what was announced, and how far it is")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Preview, send or list."""
    if chosen.status:
        return with_database(_status)
    if chosen.file is None:
        sys.stderr.write("coxa announce: name the file that holds the text, or --status\n")
        return 2
    try:
        text = chosen.file.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        sys.stderr.write(f"coxa announce: {chosen.file} can't be read ({why})\n")
        return 2
    if not text or len(text) > LONGEST:
        sys.stderr.write(f"coxa announce: the text has {len(text)} characters; give 1 to {LONGEST}\n")
        return 2
    return with_database(lambda database: _send(database, text) if chosen.send else _preview(database, text))


def name_of(text: str) -> str:
    """Name an announcement by its text, so that the same one is known."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


async def _preview(database: Database, text: str) -> int:
    from bot.settings import read_settings
    from bot.storage.announcements import missing

    count, pace = await missing(database, name_of(text)), read_settings().sends_per_second
    sys.stdout.write(f"{text}\n\n--\n")
    sys.stdout.write(f"{_clients(count)} would get this")
    sys.stdout.write(f", in {_time(count / pace)} or more at {pace:g} a second" if pace and count else "")
    sys.stdout.write("; nothing is sent yet. --send sends it.\n" if count else ". Nobody is left who has it not.\n")
    return 0


async def _send(database: Database, text: str) -> int:
    from bot.storage.announcements import send

    count = await send(database, name_of(text), text, now())
    sys.stdout.write(f"{name_of(text)}: kept for {_clients(count)}; coxa serve sends it behind everything else.\n")
    return 0


async def _status(database: Database) -> int:
    from bot.storage.announcements import sent

    held = await sent(database)
    for one in held:
        sys.stdout.write(f"{line(one)}\n")
    if not held:
        sys.stdout.write("nothing was announced\n")
    return 0


def line(one: Announced) -> str:
    """Say how far an announcement is."""
    waits = one.states.get("waiting", 0) + one.states.get("sending", 0)
    told = [f"{one.states.get('sent', 0)} sent", f"{waits} waiting"]
    failed = sum(count for state, count in one.states.items() if state not in ("sent", "waiting", "sending"))
    told += [f"{failed} not sent"] if failed else []
    begins = one.begins if len(one.begins) <= 50 else f"{one.begins[:49]}…"
    return f"{one.name}  {one.at:%Y-%m-%d %H:%M} UTC  {', '.join(told)}  {begins}"


def _clients(count: int) -> str:
    return f"{count} client{'' if count == 1 else 's'}"


def _time(seconds: float) -> str:
    return str(timedelta(seconds=max(round(seconds), 1)))
