"""`coxa coach`: who is a coach here; invite one, list them, remove one."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bot.commands.beside import now, with_store

if TYPE_CHECKING:
    from bot.settings import Settings
    from bot.workflow.door import Coach, Invite
    from bot.workflow.ports import Store

NAME = "coach"
MOST_DAYS = 60
"""The longest that an invitation of a coach may be open. A proposal."""


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        NAME,
        help="invite a coach, list the coaches, remove one",
        description="Look after the coaches. Clients are invited by their coach, with /invite in the chat. With"
        " COXA_INVITE_ONLY=1 nobody begins without an invitation.",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    adding = actions.add_parser(
        "add",
        help="print a link that makes whoever opens it a coach, once",
        description="Print a link, with its QR code, that makes whoever opens it a coach; it works once. The bot's name"
        " is asked from Telegram, or is COXA_TELEGRAM_BOT.",
    )
    adding.add_argument("name", metavar="NAME", type=_name, help="what clients see the coach as")
    adding.add_argument("--days", type=_days, default=7, help="how long the link works; default: 7")
    adding.add_argument("--default", action="store_true", help="they look after all clients who have no coach")
    adding.add_argument("--operator", action="store_true", help="they also hear what no coach has looked at")
    adding.set_defaults(run=lambda chosen: with_store(lambda settings, store: _add(settings, store, chosen)))
    listing = actions.add_parser("list", help="list the coaches and the links that are open")
    listing.set_defaults(run=lambda _: with_store(_list))
    removing = actions.add_parser(
        "remove",
        help="end what somebody is as a coach, or take back a link that is open",
        description="End what somebody is as a coach: they see no client any more, and their clients are told; or take"
        " back a link that nobody has opened.",
    )
    removing.add_argument("who", metavar="NAME_OR_NUMBER", help="as coxa coach list shows it")
    removing.set_defaults(run=lambda chosen: with_store(lambda _, store: _remove(store, chosen.who)))


def _name(given: str) -> str:
    name = " ".join(given.split())
    if not name or len(name) > 40:
        raise argparse.ArgumentTypeError(f"{given!r} is no name; give 1 to 40 characters, as clients are to see it")
    return name


def _days(given: str) -> int:
    if not given.isdecimal() or not 1 <= int(given) <= MOST_DAYS:
        raise argparse.ArgumentTypeError(f"{given!r} is no number of days; give 1 to {MOST_DAYS}")
    return int(given)


async def _add(settings: Settings, store: Store, chosen: argparse.Namespace) -> int:
    """Make an invitation and print its link; the bot's name is found first, so that none is made in vain."""
    from bot.workflow.door import Door

    door, at = Door(bot=await _bot(settings)), now()
    token = door.make_token()
    async with store.turns() as turns:
        invite = await turns.desks.invites.make(
            token,
            kind="coach",
            maker_id=None,
            name=chosen.name,
            at=at,
            expires_at=at + timedelta(days=chosen.days),
            operator=chosen.operator,
            takes_all=chosen.default,
        )
    sys.stdout.write(f"{invite.name} becomes {_becomes(invite)} by opening this, once, until {_day(invite)}:\n\n")
    sys.stdout.write(f"  {door.link(token)}\n\n")
    if door.bot is None:
        sys.stdout.write("That is for coxa chat. For a link to a bot, set COXA_TELEGRAM_BOT or COXA_TELEGRAM_TOKEN.\n")
    else:
        from bot.pictures.code import for_terminal

        sys.stdout.write(for_terminal(door.link(token)))
    sys.stdout.write(f"Pass it only to {invite.name}. coxa coach remove i{invite.id} takes it back.\n")
    return 0


async def _bot(settings: Settings) -> str | None:
    """Find the bot's name: as set, else as Telegram says; None without a token. Raises SettingsError."""
    if settings.telegram_bot is not None or settings.telegram_token is None:
        return settings.telegram_bot
    from telegram.error import InvalidToken, TelegramError

    from bot.channels.telegram import make_telegram
    from bot.settings import SettingsError

    telegram = make_telegram(settings.telegram().get_secret_value(), settings.telegram_api_url)
    try:
        await telegram.bot.initialize()
        return telegram.bot.username
    except InvalidToken as error:
        raise SettingsError("COXA_TELEGRAM_TOKEN is not taken by Telegram; get the token from @BotFather") from error
    except TelegramError as error:
        raise SettingsError(
            f"Telegram can't be asked for the bot's name ({error}); set COXA_TELEGRAM_BOT to it"
        ) from error
    finally:
        await telegram.bot.shutdown()


async def _list(_: Settings, store: Store) -> int:
    """Print the coaches and the open invitations."""
    async with store.turns() as turns:
        coaches = await turns.desks.links.coaches()
        open_ = await turns.desks.invites.open(None, now())
    sys.stdout.writelines(f"{line}\n" for line in lines(coaches, open_))
    return 0


def lines(coaches: Sequence[Coach], open_: Sequence[Invite]) -> Iterator[str]:
    """Say who is a coach and which links are open, line by line."""
    if not coaches:
        yield "no coach yet; coxa coach add NAME invites one"
    for coach in coaches:
        more = [*(["default"] if coach.takes_all else []), *(["operator"] if coach.operator else [])]
        clients = f"{coach.clients} client{'' if coach.clients == 1 else 's'}"
        yield f"{coach.id}: {coach.name} ({', '.join([clients, *more])})"
    for invite in open_:
        yield f"i{invite.id}: {invite.name}, invited to be {_becomes(invite)}, open until {_day(invite)}"


async def _remove(store: Store, who: str) -> int:
    """Remove a coach, or take an invitation back; 2 where it is nobody, or more than one."""
    from bot.conversation.numbers import is_number
    from bot.workflow.handle import teller
    from bot.workflow.linking import dismiss

    at = now()
    async with store.turns() as turns:
        if who[:1] == "i" and is_number(who[1:]):
            taken_back = await turns.desks.invites.revoke(int(who[1:]), None, at)
            sys.stdout.write(f"{who} is taken back\n" if taken_back else f"{who} is not open; nothing has changed\n")
            return 0 if taken_back else 2
        coaches = await turns.desks.links.coaches()
        found = [coach for coach in coaches if str(coach.id) == who] or [
            coach for coach in coaches if coach.name.casefold() == who.casefold()
        ]
        if len(found) != 1:
            wrong = f"there is no coach {who!r}" if not found else f"there are {len(found)} coaches {who!r}"
            sys.stderr.write(f"coxa coach: {wrong}; coxa coach list shows names and numbers\n")
            return 2
        (coach,) = found
        clients = await dismiss(turns, coach.id, at, teller(turns, f"dismiss:{coach.id}:{at.isoformat()}", at))
    told = f"; {len(clients)} client{'s are' if len(clients) != 1 else ' is'} told" if clients else ""
    sys.stdout.write(f"{coach.name} is no coach any more{told}\n")
    return 0


def _becomes(invite: Invite) -> str:
    more = [*(["the default coach"] if invite.takes_all else []), *(["an operator"] if invite.operator else [])]
    return " and ".join(["a coach", *more])


def _day(invite: Invite) -> str:
    return f"{invite.expires_at:%d %B %Y, %H:%M} UTC"
