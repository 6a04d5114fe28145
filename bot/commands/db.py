"""`coxa db`: the database's schema and what is in it, in numbers."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.settings import Settings
    from bot.storage.status import Status

NAME = "db"
ALWAYS = {"inbox": ("waiting", "aside"), "outbox": ("waiting", "failed")}
"""The states that are told even of no row: an operator looks for them."""


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        NAME,
        help="bring the database's schema up, or tell how it is",
        description="Look after the database: COXA_DATABASE_URL, or coxa.db in COXA_DATA_DIR.",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    upgrading = actions.add_parser("upgrade", help="bring the schema to the newest; again does nothing")
    upgrading.set_defaults(run=lambda _: _with_settings(_upgrade))
    telling = actions.add_parser("status", help="schema and numbers of rows; needs no key and changes nothing")
    telling.set_defaults(run=lambda _: _with_settings(_status))


def _with_settings(action: Callable[[Settings], Coroutine[Any, Any, None]]) -> int:
    """Do something with the database of the settings; raises SettingsError where its address is to blame."""
    from bot.settings import read_settings
    from bot.wiring import explained

    settings = read_settings()
    with explained(settings):
        asyncio.run(action(settings))
    return 0


async def _upgrade(settings: Settings) -> None:
    """Bring the schema up, and say from where to where."""
    from bot.storage.database import open_database, open_ring
    from bot.storage.status import look
    from bot.storage.tables import NEWEST

    url = settings.url.get_secret_value()
    before = await look(url)
    # Opened as every start opens it: the lock, the key and the marker of the key are looked after on the way.
    await (await open_database(url, open_ring(settings.key_file, url), worker=False)).close()
    if before.revision is None:
        said = f"made {before.place} with schema {NEWEST}"
    elif before.revision == NEWEST:
        said = f"{before.place} has the newest schema already: {NEWEST}"
    else:
        said = f"brought {before.place} from schema {before.revision} to {NEWEST}"
    sys.stdout.write(f"{said}\n")


async def _status(settings: Settings) -> None:
    """Print which database there is, its schema and its numbers of rows."""
    from bot.storage.status import look

    for line in lines(await look(settings.url.get_secret_value())):
        sys.stdout.write(f"{line}\n")


def lines(status: Status) -> Iterator[str]:
    """Say how a database is, line by line."""
    from bot.storage.tables import NEWEST

    yield status.place
    if status.revision is None:
        yield "schema: none yet; coxa db upgrade makes it, and so does the first start"
        return
    behind = "the newest" if status.revision == NEWEST else f"the newest is {NEWEST}; coxa db upgrade brings it up"
    yield f"schema: {status.revision} ({behind})"
    for name, count in status.rows.items():
        found = {**dict.fromkeys(ALWAYS.get(name, ()), 0), **status.states.get(name, {})}
        told = ", ".join(f"{number} {state}" for state, number in found.items())
        yield f"{name}: {count}" + (f" ({told})" if told else "")
