"""`coxa backup`: a copy of the database as it stands, made while it is used, and checked."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.settings import Settings
    from bot.storage.backup import Backup

NAME = "backup"


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        NAME,
        help="copy the database to a file, while it is used",
        description="Copy the database to a file, beside a coxa serve that runs, and read the copy once to see that it"
        " is whole. The key file is not in it: keep a copy of that somewhere else, and of erased.jsonl beside it, by"
        " which coxa restore deletes again who was deleted since.",
    )
    parser.add_argument(
        "file",
        nargs="?",
        type=Path,
        metavar="FILE",
        help="where to; a folder: there, named by date. Never overwritten. Default: backups in COXA_DATA_DIR",
    )
    parser.add_argument(
        "--keep", type=_number, metavar="N", help="then delete all but the newest N of those named by date"
    )
    parser.set_defaults(run=run)


def _number(given: str) -> int:
    if not given.isdecimal() or not 1 <= int(given) <= 10_000:
        raise argparse.ArgumentTypeError(f"{given!r} is no number of backups; give 1 or more")
    return int(given)


def run(chosen: argparse.Namespace) -> int:
    """Make a backup, and say where it is."""
    from bot.settings import read_settings

    return _backup(read_settings(), chosen.file, chosen.keep)


def _backup(settings: Settings, file: Path | None, keep: int | None) -> int:
    from bot.commands.beside import now
    from bot.storage.backup import backup, name_at, prune
    from bot.wiring import BACKUPS

    url, at = settings.url.get_secret_value(), now()
    folder = settings.data_dir / BACKUPS if file is None else file if file.is_dir() else None
    if keep is not None and folder is None:
        sys.stderr.write(
            "coxa backup: --keep counts backups that are named by date; leave FILE out, or give a folder\n"
        )
        return 2
    to = file if folder is None and file is not None else (folder or Path()) / name_at(url, at)
    made = asyncio.run(backup(url, settings.key_file, to.absolute()))
    sys.stdout.writelines(f"{line}\n" for line in lines(made, settings.key_file))
    if keep is not None and folder is not None:
        gone = prune(folder, keep, made.path, at)
        sys.stdout.write(f"deleted {len(gone)} older\n" if gone else "")
    return 0


def lines(made: Backup, key_file: Path) -> Iterator[str]:
    """Say what was made, line by line."""
    held = made.held
    people = "1 person" if held.people == 1 else f"{held.people} people"
    yield f"{made.path}: {made.size:,} bytes, schema {held.revision}, {people}; read again and found whole"
    yield f"The key is NOT in it: without {key_file} nobody can read it. Keep a copy of that somewhere else."
