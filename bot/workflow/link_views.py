"""Pages of invitations and links, read with the viewer's rights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.conversation import linking_pages
from bot.conversation.effects import Say
from bot.workflow.door import LASTS, MOST_OPEN, Invite
from bot.workflow.ports import NotTheirsError, Turns

if TYPE_CHECKING:
    from bot.workflow.views import Asked

MOST_LOOKS = 20
"""So many looks at their data a client is shown."""


async def invite(turns: Turns, asked: Asked) -> Sequence[Say]:
    """Make an invitation of a client, and list those that are open; raises NotTheirsError for whoever is no coach."""
    invites = turns.desks.invites
    await _coach(turns, asked)
    before = await invites.open(asked.viewer_id, asked.at)
    if len(before) >= MOST_OPEN:
        return [linking_pages.too_many(MOST_OPEN), linking_pages.invites(_open(before), anew=True)]
    token = asked.door.make_token()
    made = await invites.make(
        token,
        kind="client",
        maker_id=asked.viewer_id,
        name=str(asked.given.get("name", "")),
        at=asked.at,
        expires_at=asked.at + LASTS,
    )
    (new,) = _open([made])
    said = linking_pages.invitation(asked.door.link(token), new, by=made.maker_name, scanned=asked.door.bot is not None)
    return [said, linking_pages.invites(_open([made, *before]), anew=True)]


async def invites(turns: Turns, asked: Asked) -> Sequence[Say]:
    """List the open invitations of a coach; `revoke` takes one back before."""
    await _coach(turns, asked)
    note = ""
    if "revoke" in asked.given:
        taken_back = await turns.desks.invites.revoke(int(asked.given["revoke"]), asked.viewer_id, asked.at)
        note = "linking.revoked" if taken_back else "linking.open_no_more"
    return [linking_pages.invites(_open(await turns.desks.invites.open(asked.viewer_id, asked.at)), note=note)]


async def coach(turns: Turns, asked: Asked) -> Sequence[Say]:
    """Show somebody who their coach is, and what they see; `sure` asks whether to end it."""
    client = await turns.desks.client(asked.viewer_id, asked.viewer_id, "coach", asked.at)
    link = await turns.desks.links.standing(asked.viewer_id)
    since = link.since if link is not None else None
    sure, anew = bool(asked.given.get("sure")), bool(asked.given.get("anew"))
    return [linking_pages.coach(client.known.person, since, zone=client.zone, sure=sure, anew=anew)]


async def looked(turns: Turns, asked: Asked) -> Sequence[Say]:
    """Show somebody who looked at their data last."""
    client = await turns.desks.client(asked.viewer_id, asked.viewer_id, "looked", asked.at)
    looks = await turns.desks.links.looked(asked.viewer_id, MOST_LOOKS)
    seen = (linking_pages.Seen(at=look.at, who=look.who, what=look.what) for look in looks)
    return [linking_pages.looked(seen, zone=client.zone)]


async def unlink(turns: Turns, asked: Asked) -> Sequence[Say]:
    """Ask a coach whether to end it with a client; raises NotTheirsError for whoever is not linked with them."""
    link = await turns.desks.links.standing(asked.client_id)
    if link is None or link.coach_id != asked.viewer_id:
        raise NotTheirsError(f"client {asked.client_id} is not linked with person {asked.viewer_id}")
    return [linking_pages.unlink(asked.client_id, link.client_name)]


async def _coach(turns: Turns, asked: Asked) -> None:
    if not await turns.desks.links.is_coach(asked.viewer_id):
        raise NotTheirsError(f"person {asked.viewer_id} is no coach")


def _open(invites: Sequence[Invite]) -> list[linking_pages.Open]:
    return [linking_pages.Open(id=one.id, name=one.name, until=one.expires_at) for one in invites]
