"""Pages that need more than a turn knows: read with the viewer's rights, laid out by pure functions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeAlias

from bot.coaching.digest import digest, weekly
from bot.conversation import desk_pages, digest_pages, leaving
from bot.conversation.effects import KeepDesk, Say, Show
from bot.conversation.talk import Talk
from bot.timetable.rhythm import tz
from bot.workflow import client_views, link_views, standings
from bot.workflow.door import Door
from bot.workflow.ports import Turns
from rules import Library


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Who wants to see what, and when."""

    viewer_id: int
    given: Mapping[str, Any]
    at: datetime
    library: Library
    door: Door = field(default_factory=Door)

    @property
    def client_id(self) -> int:
        """Give the client whom the page is about."""
        return int(self.given["client"])


View: TypeAlias = Callable[[Turns, Asked], Awaitable[Sequence[Say]]]


async def page(turns: Turns, viewer_id: int, show: Show, library: Library, at: datetime, door: Door) -> Sequence[Say]:
    """Give what a page says; raises NotTheirsError for a client who is not the viewer's, KeyError for no such page."""
    asked = Asked(viewer_id=viewer_id, given=show.given, at=at, library=library, door=door)
    said = await VIEWS[show.view](turns, asked)
    # What was asked for by a command is wanted here, not far above where its card stands.
    return [replace(say, anew=True) for say in said] if show.given.get("anew") else said


async def _alert(turns: Turns, asked: Asked) -> Sequence[Say]:
    client = await turns.desks.client(asked.viewer_id, asked.client_id, "alert", asked.at)
    desk = await turns.desks.desk(asked.viewer_id)
    talk = Talk(client.known, asked.at, asked.library)
    choose, anew = str(asked.given.get("choose", "")), bool(asked.given.get("anew"))
    zone = None if desk.assumed else desk.zone  # hours of a zone that is not surely theirs are told as UTC
    return [desk_pages.alert_card(talk, choose=choose, anew=anew, zone=zone)]


async def _mydata(turns: Turns, asked: Asked) -> Sequence[Say]:
    return leaving.own_copy(asked.viewer_id)


async def _digest(turns: Turns, asked: Asked) -> Sequence[Say]:
    """Give the digest; the daily one only where there is something to decide. What no longer stands is forgotten."""
    desk = await turns.desks.desk(asked.viewer_id)
    held = await standings.read(turns, asked.viewer_id, asked.at, asked.library)
    made = digest(held.standings, asked.at, asked_before=desk.answered)
    if made.answered != desk.answered:
        kept = desk.model_copy(update={"answered": made.answered})
        await turns.keep(asked.viewer_id, KeepDesk(desk=kept), asked.at)
    daily, weekly_too = bool(asked.given.get("daily")), bool(asked.given.get("weekly"))
    said = []
    if made.says_something or not daily:
        said.append(digest_pages.digest_page(made, asked.at, library=asked.library, zone=desk.zone, anew=True))
    if weekly_too and held.standings:
        on = asked.at.astimezone(tz(desk.zone)).date() if desk.zone is not None else asked.at.date()
        week = weekly(held.standings, held.closed, asked.at)
        said.append(digest_pages.weekly_page(week, on, library=asked.library))
    return said


async def _weekly(turns: Turns, asked: Asked) -> Sequence[Say]:
    desk = await turns.desks.desk(asked.viewer_id)
    held = await standings.read(turns, asked.viewer_id, asked.at, asked.library)
    on = asked.at.astimezone(tz(desk.zone)).date() if desk.zone is not None else asked.at.date()
    return [digest_pages.weekly_page(weekly(held.standings, held.closed, asked.at), on, library=asked.library)]


VIEWS: Mapping[str, View] = {
    "digest": _digest,
    "weekly": _weekly,
    "mydata": _mydata,
    "alert": _alert,
    "clients": client_views.clients,
    "covers": client_views.covers,
    "rate": client_views.rate,
    "film": client_views.film,
    "clip": client_views.clip,
    "words": client_views.words,
    "export": client_views.export,
    "letter": client_views.letter,
    "sheet": client_views.sheet,
    "client": client_views.client,
    "see": client_views.see,
    "edit": client_views.edit,
    "notes": client_views.notes,
    "invite": link_views.invite,
    "invites": link_views.invites,
    "coach": link_views.coach,
    "looked": link_views.looked,
    "unlink": link_views.unlink,
}
