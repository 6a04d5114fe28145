"""`coxa inbox`: events that could not be handled; look at them, hand them in again, drop them."""

from __future__ import annotations

import argparse
import builtins
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from bot.commands.beside import now, with_database

if TYPE_CHECKING:
    from bot.storage.database import Database
    from bot.storage.set_aside import SetAside

NAME = "inbox"
QUOTES = "What follows is decrypted, and may quote a client: don't pass it on, and don't keep it."
UPDATES = (
    *("message", "edited_message", "callback_query", "my_chat_member", "chat_member", "inline_query"),
    *("channel_post", "edited_channel_post", "message_reaction", "poll", "poll_answer"),
)
"""What a Bot API update is, by the field that it has."""
PARTS = (
    *("text", "photo", "video", "video_note", "animation", "voice", "audio", "document", "sticker", "location"),
    *("venue", "contact", "poll", "dice", "tap", "blocked", "edit"),
)
"""What a message is, by the field that it has."""


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        NAME,
        help="events that were set aside: list, show, hand in again, drop",
        description="An event whose handling fails again and again is set aside, and its person is told that something"
        " went wrong. List those events, without a word of what is in them. All of this works beside a coxa serve that"
        " runs.",
    )
    parser.set_defaults(run=lambda _: with_database(_list))
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    showing = actions.add_parser("show", help="decrypt one: the event and what was raised; it may quote a client")
    showing.add_argument("id", metavar="ID", type=_number)
    showing.set_defaults(run=lambda chosen: with_database(lambda database: _show(database, chosen.id)))
    again = actions.add_parser("replay", help="hand events in again, once what was wrong is mended")
    which = again.add_mutually_exclusive_group(required=True)
    which.add_argument("id", metavar="ID", type=_number, nargs="?")
    which.add_argument("--all", action="store_true", help="all that are set aside")
    again.set_defaults(run=lambda chosen: with_database(lambda database: _replay(database, chosen.id)))
    dropping = actions.add_parser("drop", help="give an event up: what is in it is deleted, its person hears no more")
    dropping.add_argument("id", metavar="ID", type=_number)
    dropping.set_defaults(run=lambda chosen: with_database(lambda database: _drop(database, chosen.id)))


def _number(given: str) -> int:
    from bot.conversation.numbers import is_number

    if not is_number(given):
        raise argparse.ArgumentTypeError(f"{given!r} is no number of an event; coxa inbox lists them")
    return int(given)


async def _list(database: Database) -> int:
    from bot.storage.set_aside import listed

    sys.stdout.writelines(f"{line}\n" for line in lines(await listed(database), now()))
    return 0


def lines(held: Sequence[SetAside], at: datetime) -> Iterator[str]:
    """List events without a word of what is in them: number, when, how old, what kind, what was raised."""
    if not held:
        yield "nothing is set aside"
        return
    yield f"{'id':>8}  {'came (UTC)':<16}  {'age':>5}  {'tries':>5}  {'event':<28}  raised"
    for one in held:
        came = f"{one.at:%Y-%m-%d %H:%M}"
        kind = kind_of(one.source, one.body)
        yield f"{one.id:>8}  {came:<16}  {_age(at - one.at):>5}  {one.tries:>5}  {kind:<28}  {raised(one.trace)}"


def _age(age: timedelta) -> str:
    minutes = max(int(age.total_seconds() // 60), 0)
    if minutes < 60:
        return f"{minutes} m"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} d"


def kind_of(source: str, body: Mapping[str, Any]) -> str:
    """Name an event by what it is, in words that stand here: never in any of its own."""
    from bot.workflow.handle import NEWS, PERSON

    if source == PERSON:
        kind = body.get("kind")
        return kind if kind in (*NEWS, "came_due") else "?"
    update = next((name for name in UPDATES if name in body), None)
    held = body.get(update) if update is not None else body
    part = next((name for name in PARTS if isinstance(held, Mapping) and name in held), None)
    return " ".join(name for name in (source if source.isidentifier() else "?", update, part) if name)


def raised(trace: str) -> str:
    """Give the class of what was raised last; only a name that such a class may have, as a trace quotes people."""
    last = trace.rpartition("Traceback (most recent call last):")[2]
    line = next((line for line in last.splitlines() if line and not line[0].isspace()), "")
    name = re.match(r"[A-Za-z_][\w.]*(?=:|$)", line)
    bare = name[0].rpartition(".")[2] if name is not None else ""
    known = isinstance(getattr(builtins, bare, None), type)
    return bare if known or re.fullmatch(r"\w+(Error|Exception|Missing|Unreachable|Broken|Busy)", bare) else "?"


async def _show(database: Database, row_id: int) -> int:
    from bot.storage.set_aside import found

    one = await found(database, row_id)
    if one is None:
        return _no_such(row_id)
    sys.stdout.write(f"{QUOTES}\n\n")
    sys.stdout.write(f"event {one.id}, {kind_of(one.source, one.body)}, came {one.at:%Y-%m-%d %H:%M:%S} UTC,")
    sys.stdout.write(f" set aside {one.set_aside_at:%Y-%m-%d %H:%M:%S} UTC after {one.tries} tries\n\n")
    sys.stdout.write(f"{_safe(json.dumps(one.body, ensure_ascii=False, indent=1))}\n\n{_safe(one.trace)}\n")
    return 0


def _safe(text: str) -> str:
    """Take what would drive the terminal out of words that others wrote."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "�" for sign in text)


async def _replay(database: Database, row_id: int | None) -> int:
    from bot.storage.set_aside import listed, replay

    ids = [one.id for one in await listed(database)] if row_id is None else [row_id]
    again = await replay(database, ids)
    if row_id is not None and not again:
        return _no_such(row_id)
    if not again:
        sys.stdout.write("nothing is set aside\n")
        return 0
    which = f"event{'s' if len(again) > 1 else ''} {', '.join(map(str, again))}"
    sys.stdout.write(f"{which}: handed in again; coxa serve handles them, at once where it runs\n")
    sys.stdout.write("What still fails is set aside again: look with coxa inbox.\n")
    return 0


async def _drop(database: Database, row_id: int) -> int:
    from bot.storage.set_aside import drop

    if not await drop(database, row_id, now()):
        return _no_such(row_id)
    sys.stdout.write(f"event {row_id}: given up; nothing is kept of it but that it came\n")
    return 0


def _no_such(row_id: int) -> int:
    sys.stderr.write(f"coxa inbox: no event {row_id} is set aside; coxa inbox lists them\n")
    return 2
