"""The outbox -> the channels."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta

from bot.workflow.ports import Channel, Clock, OutboxRow, SendError, Store

log = logging.getLogger(__name__)

LONGEST_WAIT = timedelta(minutes=15)
UNCERTAIN_TRIES = 2
"""A message whose fate is unknown is repeated once: better twice than never, but no more than twice."""


async def deliver(store: Store, channels: Mapping[str, Channel], clock: Clock, *, limit: int = 30) -> int:
    """Send everything that waits and is due, in order within each chat; give how many were sent."""
    sent = 0
    while rows := await store.claim_outgoing(limit, clock.now()):
        for row in rows:
            sent += await _send(store, channels.get(row.address.channel), row, clock)
    return sent


async def _send(store: Store, channel: Channel | None, row: OutboxRow, clock: Clock) -> bool:
    """Send one message and mark it; True where it was sent."""
    if channel is None:  # another process has this channel: the message keeps waiting
        await store.not_sent(row.id, f"no channel {row.address.channel}", clock.now() + LONGEST_WAIT, clock.now())
        return False
    try:
        message_id = await _edit_or_anew(channel, row)
    except SendError as error:
        await _not_sent(store, row, error, clock)
        return False
    except Exception as error:
        log.exception("outbox row %s: %s failed in an unforeseen way", row.id, row.address.channel)
        await _not_sent(store, row, SendError("uncertain", type(error).__name__), clock)
        return False
    # Marked after sending: better twice than never.
    await store.sent(row.id, message_id, clock.now())
    return True


async def _edit_or_anew(channel: Channel, row: OutboxRow) -> str:
    try:
        return await channel.send(row.address, row.message, row.edit)
    except SendError as error:
        if row.edit is None or error.kind != "gone":
            raise
    # The card to edit is gone; its words are not: they are said anew.
    return await channel.send(row.address, row.message, None)


async def _not_sent(store: Store, row: OutboxRow, error: SendError, clock: Clock) -> None:
    now = clock.now()
    wait = _wait(row, error)
    log.warning("outbox row %s not sent (%s), %s", row.id, error.kind, "tried again" if wait else "given up")
    await store.not_sent(row.id, f"{error.kind}: {error}", now + wait if wait else None, now)


def _wait(row: OutboxRow, error: SendError) -> timedelta | None:
    """Tell how long to wait before the next try; None where there is none."""
    backed_off = min(timedelta(seconds=2 ** min(row.attempts, 10)), LONGEST_WAIT)
    match error.kind:
        case "later":
            return timedelta(seconds=error.retry_after) if error.retry_after is not None else backed_off
        case "never_left":
            return backed_off
        case "uncertain" if row.attempts + 1 < UNCERTAIN_TRIES:
            return backed_off
        case _:
            return None
