"""`coxa unlock`: whoever runs the bot lifts a client's stop, with a reason that is kept."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.storage.store import SqlStore

NAME = "unlock"
CONSOLE = "whoever runs the bot"
"""What the client reads as who lifted it."""


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command."""
    from bot.coaching.alerts import UNLOCK_REASONS

    parser = commands.add_parser(
        NAME,
        help="lift a client's stop, with a reason that is kept",
        description="Lift the stops of a client, as their coach would with Unlock. The client is told, and goes on"
        " gently for two weeks. The number stands on every card about them (coxa coach list names the coaches). It"
        " takes effect when coxa serve, or coxa chat, runs next.",
    )
    parser.add_argument("client", metavar="NUMBER", type=_number)
    parser.add_argument(
        "--reason",
        required=True,
        choices=UNLOCK_REASONS,
        help="examined: by a clinician; spoke: you spoke with them; mistake: answered by mistake; known: known before",
    )
    parser.set_defaults(run=run)


def _number(given: str) -> int:
    from bot.conversation.numbers import is_number

    if not is_number(given):
        raise argparse.ArgumentTypeError(f"{given!r} is no client's number; it stands on their coach's cards")
    return int(given)


def run(chosen: argparse.Namespace) -> int:
    """Write the decision into the client's inbox."""
    from bot.commands.beside import with_store

    return with_store(lambda _, store: _unlock(store, chosen.client, chosen.reason))


async def _unlock(store: SqlStore, client: int, reason: str) -> int:
    from bot.coaching.news import CONSOLE_ID, CoachActed
    from bot.commands.beside import now
    from bot.conversation.known import HOLDING
    from bot.workflow.handle import PERSON, encode
    from bot.workflow.ports import Raw

    at = now()
    async with store.turns() as turns:
        try:
            known = await turns.load(client, lock=False)
        except LookupError:
            sys.stderr.write(f"coxa unlock: there is no client {client}; their number stands on their coach's cards\n")
            return 1
        held = [flag.id for flag in known.flags if flag.action in HOLDING]
        if not held:
            sys.stderr.write(f"coxa unlock: nothing stops client {client}\n")
            return 1
        event = CoachActed(at=at, coach_id=CONSOLE_ID, coach_name=CONSOLE, deed="unlock", words=reason)
        key = f"console:{client}:{at.isoformat()}"
        await turns.put_in(Raw(source=PERSON, key=key, body=encode(event, client), at=at))
    sys.stdout.write(f"Lifted for client {client}: {', '.join(held)} ({reason}). They are told when coxa serve runs.\n")
    return 0
