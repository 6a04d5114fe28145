"""`coxa restore`: a backup in the database's place, held against the list of who was deleted since."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.settings import Settings
    from bot.storage.restore import Restored

NAME = "restore"


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        NAME,
        help="put a backup in the database's place",
        description="Put a backup in the database's place. Stop coxa serve first. The backup is checked, brought to the"
        " newest schema, and whoever was deleted since is deleted again, before anything is replaced. What came after"
        " the backup is lost. A PostgreSQL backup is restored into an empty database only.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="as coxa backup made it")
    parser.add_argument(
        "--over", action="store_true", help="though there are people in it: the old SQLite database is moved aside"
    )
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Restore a backup, and say what that did."""
    from bot.settings import read_settings

    return asyncio.run(_restore(read_settings(), chosen.file.absolute(), over=chosen.over))


async def _restore(settings: Settings, file: Path, *, over: bool) -> int:
    from bot.commands.beside import now
    from bot.storage.restore import restore

    done = await restore(settings.url.get_secret_value(), settings.key_file, file, now(), over=over)
    sys.stdout.writelines(f"{line}\n" for line in lines(settings, file, done))
    return 0


def lines(settings: Settings, file: Path, done: Restored) -> Iterator[str]:
    """Say what was done, line by line."""
    from bot.storage.erasure_list import ErasureList
    from bot.storage.tables import NEWEST

    raised = "" if done.held.revision == NEWEST else f", brought from schema {done.held.revision} to {NEWEST}"
    people = done.held.people - done.erased
    yield f"{file} is in place of {settings.place}{raised}: {people} {'person' if people == 1 else 'people'}"
    listed = ErasureList.beside(settings.key_file).path
    if not listed.exists():
        yield f"There is no {listed}: if anybody was ever deleted, put it there; the next start deletes them."
    else:
        yield f"{done.erased} who had been deleted since were deleted again"
    if done.unheard is not None:
        yield (
            f"The old database could not be read ({done.unheard}): a deletion that stood there and not yet in"
            f" {listed} is unknown now"
        )
    if done.aside is not None:
        yield f"The old database is {done.aside} now; delete it when you need it no more"
    yield "What came after the backup was made is lost. Start coxa serve now."
