"""Pages that need more than a turn knows: read with the viewer's rights, laid out by pure functions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from bot.conversation import desk_pages, leaving
from bot.conversation.effects import Say, Show
from bot.conversation.talk import Talk
from bot.workflow import client_views, link_views
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


async def page(
    turns: Turns, viewer_id: int, show: Show, library: Library, at: datetime, door: Door
) -> Sequence[Say]:
    """Give what a page says; raises NotTheirsError for a client who is not the viewer's, KeyError for no such page."""
    asked = Asked(viewer_id=viewer_id, given=show.given, at=at, library=library, door=door)
    return await VIEWS[show.view](turns, asked)


async def _alert(turns: Turns, asked: Asked) -> Sequence[Say]:
    client = await turns.desks.client(asked.viewer_id, asked.client_id, "alert", asked.at)
    desk = await turns.desks.desk(asked.viewer_id)
    talk = Talk(client.known, asked.at, asked.library)
    choose, anew = str(asked.given.get("choose", "")), bool(asked.given.get("anew"))
    return [desk_pages.alert_card(talk, choose=choose, anew=anew, zone=desk.zone)]


async def _mydata(turns: Turns, asked: Asked) -> Sequence[Say]:
    return leaving.own_copy(asked.viewer_id)


VIEWS: Mapping[str, View] = {
    "mydata": _mydata,
    "alert": _alert,
    "clients": client_views.clients,
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
