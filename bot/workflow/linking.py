"""Linking in a transaction: an invitation is looked up, taken once, and both sides are told; either side ends it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TypeAlias

from bot.coaching.news import InviteTaken, LinkChanged, News, WatchersChanged
from bot.conversation.effects import KeepConsent, TakeInvite, Unlink
from bot.conversation.events import Event, Invited, Typed
from bot.conversation.known import COACH_CONSENT
from bot.workflow.door import Link
from bot.workflow.ports import NotTheirsError, Turns

START = re.compile(r"\s*/start(?:@\w+)?\s+(?P<token>[A-Za-z0-9_-]{16,64})\s*")
"""What Telegram writes for somebody who opened a link; what is shorter is no token of ours, but words."""
Tell: TypeAlias = Callable[[News, int], Awaitable[None]]
"""Writes news into somebody's inbox."""


async def opened(turns: Turns, event: Event) -> Event:
    """Turn a `/start` with a token into what its invitation says; any other event stays what it is."""
    found = START.fullmatch(event.text) if isinstance(event, Typed) else None
    if found is None:
        return event
    invite = await turns.desks.invites.look(found["token"], event.at)
    if invite is None:
        return Invited(at=event.at)
    return Invited(
        at=event.at,
        invite_id=invite.id,
        kind=invite.kind,
        coach_id=invite.maker_id,
        coach_name=invite.maker_name,
        called=invite.name,
    )


async def take(turns: Turns, person_id: int, effect: TakeInvite, at: datetime, tell: Tell) -> None:
    """Take an invitation for somebody, if it can still be taken, and tell whom it concerns."""
    invites, links = turns.desks.invites, turns.desks.links
    invite = await invites.redeem(effect.invite_id, person_id, at)
    if invite is None:
        await tell(InviteTaken(at=at, taken=False), person_id)
        return
    if invite.kind == "coach":
        await links.employ(person_id, invite.name, at, operator=invite.operator, takes_all=invite.takes_all)
        await tell(InviteTaken(at=at, taken=True, role="coach"), person_id)
        return
    if invite.maker_id is None:
        raise ValueError(f"invitation {invite.id} is a client's and has no coach")
    former = await links.standing(person_id)
    await links.link(invite.maker_id, person_id, invite.name, at)
    await turns.keep(person_id, KeepConsent(version=COACH_CONSENT, given=True), at)
    alerted = await links.alerted(person_id)
    if former is not None and former.coach_id != invite.maker_id:
        await tell(_change(former, person_id, at, linked=False, alerted=alerted), former.coach_id)
    now = await links.standing(person_id)
    if now is not None:
        await tell(_change(now, person_id, at, linked=True), now.coach_id)
    await tell(InviteTaken(at=at, taken=True, role="client", coach_name=invite.maker_name), person_id)
    if alerted:
        await tell(WatchersChanged(at=at, why="link"), person_id)


async def end(turns: Turns, person_id: int, effect: Unlink, at: datetime, tell: Tell) -> None:
    """End the link of a client, for the client or their coach; raises NotTheirsError for anybody else."""
    client_id = effect.client_id
    standing = await turns.desks.links.standing(client_id)
    if standing is None or person_id not in (client_id, standing.coach_id):
        raise NotTheirsError(f"client {client_id} is not linked with person {person_id}")
    by_coach = person_id != client_id
    if by_coach:
        await turns.desks.check(person_id, client_id, "unlink", at)
    await turns.desks.links.end(client_id, at)
    await ended(turns, standing, client_id, at, tell, by_coach=by_coach)


async def dismiss(turns: Turns, coach_id: int, at: datetime, tell: Tell) -> Sequence[int]:
    """End what somebody is as a coach, and tell their clients; give the clients' ids."""
    links = turns.desks.links
    standing = {client: await links.standing(client) for client in await turns.desks.caseload(coach_id, at)}
    clients = await links.dismiss(coach_id, at)
    for client_id in clients:
        before = standing.get(client_id)
        if before is not None and before.coach_id == coach_id:
            await ended(turns, before, client_id, at, tell, by_coach=True)
    return clients


async def ended(turns: Turns, link: Link, client_id: int, at: datetime, tell: Tell, *, by_coach: bool) -> None:
    """Keep that the consent has ended with the link, tell both sides, and pass on what is open."""
    await turns.keep(client_id, KeepConsent(version=COACH_CONSENT, given=False), at)
    alerted = await turns.desks.links.alerted(client_id)
    change = _change(link, client_id, at, linked=False, by_coach=by_coach, alerted=alerted)
    for told in (link.coach_id, client_id):
        await tell(change, told)
    if alerted:
        await tell(WatchersChanged(at=at, why="link"), client_id)


def _change(
    link: Link, client_id: int, at: datetime, *, linked: bool, by_coach: bool = False, alerted: bool = False
) -> LinkChanged:
    return LinkChanged(
        at=at,
        client_id=client_id,
        client_name=link.client_name,
        coach_name=link.coach_name,
        linked=linked,
        by_coach=by_coach,
        alerted=alerted,
    )
