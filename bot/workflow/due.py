"""Due reminders -> inbox: a prompt is followed by the next day's, whatever becomes of it."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from bot.conversation.alarm import UNANSWERED
from bot.conversation.coached import ALERT
from bot.conversation.desk import DIGEST, LATEST_DIGEST, next_digest
from bot.conversation.effects import Remind
from bot.conversation.events import CameDue
from bot.timetable.rhythm import Slot, next_prompt, open_until, window_ends
from bot.workflow.handle import PERSON, encode
from bot.workflow.ports import Clock, DueRow, Raw, Store, Turns

log = logging.getLogger(__name__)

PROMPT, RESUME = "prompt", "resume"
WHATEVER_THE_HOUR = (ALERT, UNANSWERED, "keep")
"""Kinds of reminders that somebody else relies on, or the law, and so come late rather than never."""


LOOK_AGAIN, NET = timedelta(hours=1), "~"
"""When an alert is looked at again if nothing else comes of it, and what ends such a look's name. A proposal."""


async def due(store: Store, clock: Clock, *, limit: int = 200) -> int:
    """Put up to *limit* reminders that are due into the inbox, in one transaction; give how many were due.

    A prompt whose window has passed, or whose person can't be reached, is dropped with a line in the log: after a
    downtime nobody gets more than the newest.
    """
    now = clock.now()
    async with store.turns() as turns:
        rows = await turns.take_due(limit, now)
        for row in rows:
            await _put(turns, row, now)
            await _follow(turns, row, now)
    return len(rows)


async def _put(turns: Turns, row: DueRow, now: datetime) -> None:
    why = _why_not(row, now)
    if why is not None:
        log.info("reminder row %s (%s of %s) dropped: %s", row.id, row.slot.kind, row.slot.local_date, why)
        await turns.drop_due(row, why)
        return
    event = CameDue(at=now, slot=row.slot)
    key = f"reminder:{row.id}"
    await turns.put_in(Raw(source=PERSON, key=key, body=encode(event, row.person_id), at=now, chat=row.chat))


def _why_not(row: DueRow, now: datetime) -> str | None:
    if row.slot.kind in WHATEVER_THE_HOUR:
        return None
    if row.slot.kind == DIGEST:
        return _why_no_digest(row, now)
    if row.rhythm is None:
        return "no_rhythm"
    if row.blocked:
        return "blocked"
    return "too_late" if now >= open_until(row.rhythm, row.slot) else None


def _why_no_digest(row: DueRow, now: datetime) -> str | None:
    if row.desk is None or row.desk.zone is None:
        return "no_digest"
    if row.blocked:
        return "blocked"
    return "too_late" if now >= row.slot.due_at + LATEST_DIGEST else None


async def _follow_digest(turns: Turns, row: DueRow, now: datetime) -> None:
    """Plan the digest of the next day; after a downtime, the newest that is not too late."""
    if row.desk is None:
        return
    following = next_digest(row.desk, row.slot.due_at, last_on=row.slot.local_date)
    while following is not None and now >= following.due_at + LATEST_DIGEST:
        log.info("the digest of %s of row %s dropped: too_late", following.local_date, row.id)
        following = next_digest(row.desk, following.due_at, last_on=following.local_date)
    if following is not None:
        await turns.keep(row.person_id, Remind(slot=following), now)


async def _follow_alert(turns: Turns, row: DueRow, now: datetime) -> None:
    """Look again in an hour, whatever becomes of this look: a turn that fails must not leave an alert unseen for ever.

    The turn of whoever sees the alert forgets what waits.
    """
    at, name = now + LOOK_AGAIN, row.slot.slot.partition(NET)[0]
    slot = Slot(kind=ALERT, local_date=at.date(), slot=f"{name}{NET}{at:%H%M%S}", due_at=at)
    await turns.keep(row.person_id, Remind(slot=slot), now)


async def _follow(turns: Turns, row: DueRow, now: datetime) -> None:
    """Plan the prompt of the next day: after a downtime, the newest whose window is still open.

    The end of a pause is followed, too: were it missed, nobody would ever remind that client again.
    """
    if row.slot.kind == DIGEST:
        await _follow_digest(turns, row, now)
        return
    if row.slot.kind == ALERT:
        await _follow_alert(turns, row, now)
        return
    if row.slot.kind not in (PROMPT, RESUME) or row.rhythm is None:
        return
    following = next_prompt(row.rhythm, row.slot.due_at, last_prompt_on=row.slot.local_date)
    while following is not None and now >= window_ends(row.rhythm, following.local_date):
        log.info("the prompt of %s of row %s dropped: too_late", following.local_date, row.id)
        following = next_prompt(row.rhythm, following.due_at, last_prompt_on=following.local_date)
    if following is not None:
        await turns.keep(row.person_id, Remind(slot=following), now)
