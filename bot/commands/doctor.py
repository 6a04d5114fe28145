"""`coxa doctor`: look at everything that serving needs, and say what to do about what is wrong."""

from __future__ import annotations

import argparse
import asyncio
import errno
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from telegram import Bot, WebhookInfo

    from bot.settings import Settings

NAME = "doctor"
LITTLE_DISK, NO_DISK = 1_000_000_000, 100_000_000
"""Free bytes below which an operator is warned, and below which it is a problem. A proposal."""
SKEW_SECONDS = 30
"""A clock that is wrong by more sends prompts at wrong times. A proposal."""
RECENT = timedelta(hours=1)
"""So long an error of a webhook is one of now. A proposal."""
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
            sys.stdout.write(f"{seen.state:<8}{seen.name}: {' '.join(seen.said.split())}\n")
            if seen.todo:
                sys.stdout.write(f"        → {' '.join(seen.todo.split())}\n")
            sys.stdout.flush()
            looks.append(seen)
        return looks

    problems = sum(seen.state == "PROBLEM" for seen in asyncio.run(look()))
    sys.stdout.write("all is well\n" if not problems else f"{problems} problem{'s' if problems > 1 else ''}\n")
    return 1 if problems else 0


async def examine(settings: Settings, *, remove_webhook: bool = False) -> AsyncIterator[Look]:
    """Look at one thing after the other."""
    for look in (*_content(settings), _disk(settings)):
        yield look
    yield await _keys(settings)
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


def _disk(settings: Settings) -> Look:
    folder = settings.data_dir
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    state: State = "PROBLEM" if free < NO_DISK else "warn" if free < LITTLE_DISK else "ok"
    trouble = _cannot_write(folder, settings)
    if trouble is not None:
        todo = "let the user that runs Coxa write there (chown, chmod), or set COXA_DATA_DIR to another folder"
        return Look(name="disk", state="PROBLEM", said=f"{folder} can't be written to ({trouble})", todo=todo)
    todo = "" if state == "ok" else "make room, or set COXA_DATA_DIR to a folder on a larger disk"
    return Look(name="disk", state=state, said=f"{free / 1e9:.1f} GB free at {folder}", todo=todo)


def _cannot_write(folder: Path, settings: Settings) -> str | None:
    """Say why nothing can be written to the data folder; None where it can, or a full disk is all that is wrong."""
    from bot.storage.database import sqlite_file

    try:
        with tempfile.TemporaryFile(dir=folder) as tried:  # it never has a name where the system can do without
            tried.write(b"x")
            tried.flush()
    except OSError as error:
        return None if error.errno in (errno.ENOSPC, errno.EDQUOT) else error.strerror or type(error).__name__
    file = sqlite_file(settings.url.get_secret_value())
    kept = file is not None and file.exists() and not os.access(file, os.R_OK | os.W_OK)
    return f"{file} is somebody else's" if kept else None


async def _keys(settings: Settings) -> Look:
    """Look at the key file, and whether it is the database's own."""
    from sqlalchemy.exc import SQLAlchemyError

    from bot.storage.crypto import DataKeyMissing, KeyRing, KeysExposed
    from bot.storage.database import DatabaseUnreachable
    from bot.storage.status import is_opened_by

    file, url = settings.key_file, settings.url.get_secret_value()
    back = f"put the database's own key file back at {file}, from where its copy is; without it nothing can be read"
    try:
        ring = KeyRing.open(file, create=False) if file.exists() else KeyRing.new()
        own = await is_opened_by(url, ring)
    except KeysExposed:
        return Look(
            name="keys",
            state="PROBLEM",
            said=f"{file} can be read by others",
            todo=f"chmod 600 {file}; if somebody else may have read it, coxa keys rotate, too",
        )
    except DataKeyMissing as error:
        said, _, todo = str(error).partition("; ")
        return Look(name="keys", state="PROBLEM", said=said, todo=todo or back)
    except (DatabaseUnreachable, SQLAlchemyError, ImportError, OSError):
        own = True  # the database's own line says what is wrong with it
    if not own:
        wrong = "is not the key file of this database" if file.exists() else "is missing, and the database needs it"
        return Look(name="keys", state="PROBLEM", said=f"{file} {wrong}", todo=back)
    if not file.exists():
        todo = "the first start makes it; where there is data already, put its key file back"
        return Look(name="keys", state="warn", said=f"there is no {file} yet", todo=todo)
    return Look(name="keys", state="ok", said=f"{file}; keep a copy apart from the data")


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
        said, _, todo = str(error).partition("; ")
        todo = todo or "check COXA_DATABASE_URL, and that the server runs"
        return Look(name="database", state="PROBLEM", said=said, todo=todo)
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
        todo = "coxa inbox lists what was set aside" if aside else "coxa db status has the numbers, the log the reasons"
        return Look(name="database", state="warn", said=said, todo=todo)
    return Look(name="database", state="ok", said=said)


async def _telegram(settings: Settings, *, remove_webhook: bool) -> AsyncIterator[Look]:
    from bot.settings import SettingsError

    try:
        token = settings.telegram().get_secret_value()
    except SettingsError as error:
        todo = "get a token from @BotFather, and set COXA_TELEGRAM_TOKEN to it"
        yield Look(name="token", state="PROBLEM", said=str(error), todo=todo)
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
        yield await _webhook(bot, settings.webhook_url, remove=remove_webhook)
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


async def _webhook(bot: Bot, wanted: str | None, *, remove: bool) -> Look:
    """Look at the webhook: *wanted* is what COXA_WEBHOOK_URL says, None where updates are polled for."""
    info = await bot.get_webhook_info()
    waiting = f"{info.pending_update_count} updates wait there"
    if not info.url:
        begins = "; coxa serve --webhook sets it" if wanted is not None else ""
        return Look(name="webhook", state="ok", said=f"none is set; {waiting}{begins}")
    if remove:
        await bot.delete_webhook(drop_pending_updates=False)
        return Look(name="webhook", state="ok", said=f"taken away; {waiting}, none is lost")
    trouble = f"; its last error: {info.last_error_message}" if info.last_error_message else ""
    said = f"one is set, to {urlsplit(info.url).netloc}{trouble}; {waiting}"
    if wanted is None:
        todo = "coxa serve polls and can't begin; coxa doctor --remove-webhook takes it away, nothing is lost"
        return Look(name="webhook", state="PROBLEM", said=said, todo=todo)
    if info.url != wanted:
        todo = f"it should be {urlsplit(wanted).netloc}'s: coxa serve --webhook sets it; nobody else may use this token"
        return Look(name="webhook", state="PROBLEM", said=said, todo=todo)
    if not _fails(info):
        return Look(name="webhook", state="ok", said=f"set, to {urlsplit(info.url).netloc}; {waiting}")
    return Look(name="webhook", state="PROBLEM", said=said, todo=_mend(info.last_error_message or ""))


def _fails(info: WebhookInfo) -> bool:
    """Tell whether updates could not be brought lately."""
    from bot.wiring import SystemClock

    return info.last_error_date is not None and SystemClock().now() - info.last_error_date < RECENT


def _mend(error: str) -> str:
    """Say what to do about what Telegram could not do with a webhook."""
    low = error.lower()
    if "certificate" in low or "ssl" in low:
        return "Telegram doesn't trust the certificate: renew it, with its whole chain, from an authority it knows"
    if "403" in low or "401" in low or "forbidden" in low:
        return "what stands before Coxa refuses Telegram: let it in; COXA_WEBHOOK_SECRET must be the one of the start"
    return "DNS, firewall and what stands before Coxa must lead from that address to coxa serve --webhook"


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
