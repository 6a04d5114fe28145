"""`coxa doctor`: look at everything that serving needs, and say what to do about what is wrong."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from telegram import Bot

    from bot.settings import Settings

NAME = "doctor"
LITTLE_DISK, NO_DISK = 1_000_000_000, 100_000_000
"""Free bytes below which an operator is warned, and below which it is a problem. A proposal."""
SKEW_SECONDS = 60
"""A clock that is wrong by more sends prompts at wrong times. A proposal."""
PATIENCE_SECONDS = 10.0

State = Literal["ok", "warn", "PROBLEM"]


@dataclass(frozen=True, kw_only=True)
class Look:
    """What was looked at, how it is, and what to do about it."""

    name: str
    state: State
    said: str
    todo: str = ""


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        NAME,
        help="check token, network, database, keys, disk and clock",
        description="Look at everything that coxa serve needs. Exit code 1 where something is wrong.",
    )
    parser.add_argument("--remove-webhook", action="store_true", help="take a webhook away, so that polling can begin")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Look, and print one line for each thing; 1 where there is a problem."""
    from bot.settings import read_settings

    settings = read_settings()

    async def look() -> list[Look]:
        looks = []
        async for seen in examine(settings, remove_webhook=chosen.remove_webhook):
            sys.stdout.write(f"{seen.state:<8}{seen.name}: {seen.said}\n")
            if seen.todo:
                sys.stdout.write(f"        → {seen.todo}\n")
            sys.stdout.flush()
            looks.append(seen)
        return looks

    problems = sum(seen.state == "PROBLEM" for seen in asyncio.run(look()))
    sys.stdout.write("all is well\n" if not problems else f"{problems} problem{'s' if problems > 1 else ''}\n")
    return 1 if problems else 0


async def examine(settings: Settings, *, remove_webhook: bool = False) -> AsyncIterator[Look]:
    """Look at one thing after the other."""
    for look in (*_content(settings), *_disk(settings), *_keys(settings)):
        yield look
    yield await _database(settings)
    async for look in _telegram(settings, remove_webhook=remove_webhook):
        yield look


def _content(settings: Settings) -> Iterator[Look]:
    from bot.wiring import read_content
    from rules import ContentError

    try:
        content = read_content(settings)
    except ContentError as error:
        yield Look(name="content", state="PROBLEM", said=str(error), todo="coxa check lists what to mend")
        return
    screens = ", ".join(f"{screen.id} {screen.version}" for screen in content.library.screens.values())
    yield Look(name="content", state="ok", said=screens)


def _disk(settings: Settings) -> Iterator[Look]:
    folder = settings.data_dir
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    state: State = "PROBLEM" if free < NO_DISK else "warn" if free < LITTLE_DISK else "ok"
    todo = "" if state == "ok" else "make room, or set COXA_DATA_DIR to a folder on a larger disk"
    yield Look(name="disk", state=state, said=f"{free / 1e9:.1f} GB free at {folder}", todo=todo)


def _keys(settings: Settings) -> Iterator[Look]:
    from bot.storage.crypto import DataKeyMissing, KeyRing

    if not settings.key_file.exists():
        yield Look(
            name="keys",
            state="warn",
            said=f"there is no {settings.key_file} yet",
            todo="the first start makes it; where there is data already, put its key file back",
        )
        return
    try:
        KeyRing.open(settings.key_file, create=False)
    except DataKeyMissing as error:
        yield Look(name="keys", state="PROBLEM", said=str(error), todo="put the right key file back, mode 0600")
        return
    yield Look(name="keys", state="ok", said=f"{settings.key_file}; keep a copy apart from the data")


async def _database(settings: Settings) -> Look:
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    from bot.storage.database import DatabaseUnreachable
    from bot.storage.status import look
    from bot.storage.tables import NEWEST
    from bot.storage.upgrade import DatabaseNewer

    try:
        status = await look(settings.url.get_secret_value())
    except DatabaseNewer as error:
        return Look(name="database", state="PROBLEM", said=str(error), todo="install the newer Coxa")
    except DatabaseUnreachable as error:
        return Look(name="database", state="PROBLEM", said=str(error))
    except (SQLAlchemyError, ImportError, OSError) as error:
        why = error.orig if isinstance(error, DBAPIError) else error
        return Look(
            name="database",
            state="PROBLEM",
            said=f"{settings.place} can't be read ({why})",
            todo="check COXA_DATABASE_URL, or restore a backup",
        )
    if status.revision is None:
        return Look(name="database", state="ok", said=f"{status.place} is not there yet; the first start makes it")
    aside, failed = status.states["inbox"].get("aside", 0), status.states["outbox"].get("failed", 0)
    said = f"{status.place}, schema {status.revision}, {status.rows['person']} people"
    if status.revision != NEWEST:
        return Look(name="database", state="warn", said=said, todo=f"coxa db upgrade brings it to schema {NEWEST}")
    if aside or failed:
        said += f"; {aside} updates set aside, {failed} messages not sent"
        return Look(
            name="database", state="warn", said=said, todo="coxa db status has the numbers, the log the reasons"
        )
    return Look(name="database", state="ok", said=said)


async def _telegram(settings: Settings, *, remove_webhook: bool) -> AsyncIterator[Look]:
    from bot.settings import SettingsError

    try:
        token = settings.telegram().get_secret_value()
    except SettingsError as error:
        yield Look(name="token", state="PROBLEM", said=str(error))
        return
    from telegram.error import InvalidToken, TelegramError

    from bot.channels.telegram import make_telegram

    bot = make_telegram(token, settings.telegram_api_url).bot
    place = urlsplit(settings.telegram_api_url).netloc
    await bot.request.initialize()
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            me = await bot.get_me()
        yield Look(name="network", state="ok", said=f"{place} answers")
        yield Look(name="token", state="ok", said=f"it is @{me.username}'s")
        yield await _webhook(bot, remove=remove_webhook)
        yield await _clock(settings)
    except InvalidToken:
        yield Look(name="network", state="ok", said=f"{place} answers")
        yield Look(
            name="token",
            state="PROBLEM",
            said="Telegram doesn't take it",
            todo="copy it from @BotFather into COXA_TELEGRAM_TOKEN; /revoke there makes a new one",
        )
    except (TelegramError, TimeoutError) as error:
        yield Look(
            name="network",
            state="PROBLEM",
            said=f"{place} can't be reached ({str(error) or type(error).__name__})",
            todo="check the network and proxy of this machine, or COXA_TELEGRAM_API_URL",
        )
    finally:
        await bot.request.shutdown()


async def _webhook(bot: Bot, *, remove: bool) -> Look:
    info = await bot.get_webhook_info()
    waiting = f"{info.pending_update_count} updates wait there"
    if not info.url:
        return Look(name="webhook", state="ok", said=f"none is set; {waiting}")
    if remove:
        await bot.delete_webhook(drop_pending_updates=False)
        return Look(name="webhook", state="ok", said=f"taken away; {waiting}, none is lost")
    trouble = f"; its last error: {info.last_error_message}" if info.last_error_message else ""
    return Look(
        name="webhook",
        state="PROBLEM",
        said=f"one is set, to {urlsplit(info.url).netloc}{trouble}; {waiting}",
        todo="coxa serve polls and can't begin; coxa doctor --remove-webhook takes it away, nothing is lost",
    )


async def _clock(settings: Settings) -> Look:
    """Compare this machine's clock with the one that stands in the answers of the Bot API."""
    import aiohttp

    from bot.wiring import SystemClock

    address = urlsplit(settings.telegram_api_url)
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.head(f"{address.scheme}://{address.netloc}/") as answer,
        ):
            theirs: datetime = parsedate_to_datetime(answer.headers["Date"])
        off = (SystemClock().now() - theirs).total_seconds()
    except (aiohttp.ClientError, TimeoutError, KeyError, ValueError, TypeError):
        return Look(name="clock", state="ok", said="nothing to compare it with")
    if abs(off) > SKEW_SECONDS:
        ahead = "ahead" if off > 0 else "behind"
        return Look(
            name="clock",
            state="PROBLEM",
            said=f"{abs(off):.0f} seconds {ahead}",
            todo="switch time synchronisation on (timedatectl set-ntp true), or prompts come at wrong times",
        )
    return Look(name="clock", state="ok", said=f"within {max(1, abs(off)):.0f} s of {address.netloc}'s")
