"""`coxa keys`: the keys that open what is kept."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.settings import Settings

NAME = "keys"


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        NAME,
        help="give the database new keys",
        description="Look after the keys in COXA_KEY_FILE, which open what the database keeps.",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    rotating = actions.add_parser(
        "rotate",
        help="encrypt everything again with new keys, and drop the old ones",
        description="Make new keys, encrypt everything again with them, and drop the old ones. Stop coxa serve first."
        " Cut off, it goes on when it is run again; until then nothing else opens the database. A backup made before"
        " needs the key file as it was then: keep a copy of it for as long as you keep such backups.",
    )
    rotating.set_defaults(run=rotate)


def rotate(_: argparse.Namespace) -> int:
    """Give the database new keys, and say what that did."""
    from bot.settings import SettingsError, read_settings
    from bot.storage.database import sqlite_file
    from bot.wiring import explained

    settings = read_settings()
    file = sqlite_file(settings.url.get_secret_value())
    if file is not None and not file.exists():
        raise SettingsError(f"there is no database at {file}, so there is nothing to give new keys to")
    with explained(settings):
        asyncio.run(_rotate(settings))
    return 0


async def _rotate(settings: Settings) -> None:
    from bot.storage.rotation import rotate
    from bot.wiring import SystemClock

    done = await rotate(settings.url.get_secret_value(), settings.key_file, SystemClock().now())
    begun = "went on with a rotation that was cut off: " if done.resumed else ""
    sys.stdout.write(f"{begun}{done.rows} rows of {settings.place} have new keys; the old ones are gone\n")
    if done.invites:
        sys.stdout.write(f"{done.invites} open invitations ended with the old keys; make them anew\n")
    sys.stdout.write(f"now copy {settings.key_file} to where you keep it safe; older backups need the old copy\n")
