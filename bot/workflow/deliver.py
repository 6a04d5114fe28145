"""The outbox -> the channels."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.workflow.ports import Address, Channel, Clock, OutboxRow, SendError, Speed, Store

log = logging.getLogger(__name__)

LONGEST_WAIT = timedelta(minutes=15)
SERVER_TRIES = 8
"""How often a message is tried while the other side says that it fails: for about eight minutes. A proposal."""
AFTER_SILENCE = timedelta(seconds=5)
"""The pause before the one repeat of a message whose fate is unknown: whatever was wrong needs a while."""
LOOK_SECONDS = 1.0
"""How often work is looked for that nobody announced: retries that came due, rows another process wrote."""
TOGETHER_SECONDS = 0.01
"""How long a look for what is to be sent waits for more, while something is being sent. A proposal."""
PACED_SECONDS = 0.1
"""How long nothing is looked for after a look found nothing: the pace may be what holds it. A proposal."""
SECOND_REFUSAL = timedelta(seconds=60)
"""Another chat told to wait within so long of the first: the whole bot is too fast, not one chat. A proposal."""


@dataclass
class Pace:
    """When the whole bot has to wait, because the other side said so twice."""

    held_until: datetime | None = None
    unmarked: bool = False
    """A message went out, or did not, and the database could not be told: `Store.recover` has to look after it."""
    _last: dict[tuple[str, str], tuple[str, datetime]] = field(default_factory=dict)

    def holds(self, now: datetime) -> bool:
        """Tell whether nothing may be sent now."""
        return self.held_until is not None and now < self.held_until

    def asked_to_wait(self, address: Address, seconds: float, now: datetime) -> None:
        """Note that a chat was told to wait; where another was told so just before, the whole bot waits."""
        bot = (address.channel, address.bot)
        chat, at = self._last.get(bot, (address.chat, now))
        if chat != address.chat and now - at <= SECOND_REFUSAL:
            self.held_until = max(self.held_until or now, now + timedelta(seconds=seconds))
        self._last[bot] = (address.chat, now)


@dataclass
class _Landed:
    row_id: int
    message_id: str
    error: Exception | None = None
    is_marked: bool = False


class _Marks:
    """Marks messages as sent: those that land while others are being marked are marked together."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._waiting: list[_Landed] = []
        self._turn = asyncio.Lock()

    async def sent(self, row_id: int, message_id: str) -> None:
        """Mark a message as sent, and wait until it is; raises what the store raises."""
        mine = _Landed(row_id, message_id)
        self._waiting.append(mine)
        async with self._turn:
            if not mine.is_marked:
                landed, self._waiting = self._waiting, []
                await self._mark(landed)
        if mine.error is not None:
            raise mine.error

    async def _mark(self, landed: Sequence[_Landed]) -> None:
        error: Exception | None = None
        try:
            await self._store.sent({one.row_id: one.message_id for one in landed}, self._clock.now())
        except Exception as raised:
            if len(landed) > 1:  # as where somebody was deleted meanwhile: the others are marked all the same
                for one in landed:
                    await self._mark([one])
                return
            error = raised
        for one in landed:
            one.is_marked, one.error = True, error


async def deliver(
    store: Store,
    channels: Mapping[str, Channel],
    clock: Clock,
    *,
    limit: int = 30,
    pace: Pace | None = None,
    speed: Speed | None = None,
    woken: asyncio.Event | None = None,
) -> int:
    """Send everything that waits and is due, in order within each chat; give how many were sent.

    Chats are served side by side: one that hangs holds up no other. All keep to *speed*; *woken* says that there is
    more to send.
    """
    pace, marks = pace or Pace(), _Marks(store, clock)
    sent, loop, again_at = 0, asyncio.get_running_loop(), 0.0
    async with asyncio.TaskGroup() as group:
        flying: set[asyncio.Task[bool]] = set()
        while True:
            if flying:  # what lands, or is to be said, at about the same time is taken together
                await asyncio.sleep(TOGETHER_SECONDS)
            if woken is not None:
                woken.clear()
            rows: Sequence[OutboxRow] = ()
            if len(flying) < limit and not pace.holds(clock.now()) and not (flying and loop.time() < again_at):
                rows = await store.claim_outgoing(limit - len(flying), clock.now(), speed)
                again_at = loop.time() + (0.0 if rows or speed is None else PACED_SECONDS)
            flying |= {
                group.create_task(_send(store, channels.get(row.address.channel), row, clock, pace, marks))
                for row in rows
            }
            if not flying:
                return sent
            landed = await _first(flying, woken)
            sent += sum(task.result() for task in landed)
            flying -= landed


async def _first(flying: set[asyncio.Task[bool]], woken: asyncio.Event | None) -> set[asyncio.Task[bool]]:
    """Wait until a message has landed, or there is more to send; give what landed."""
    if woken is None:
        return (await asyncio.wait(flying, return_when=asyncio.FIRST_COMPLETED))[0]
    called = asyncio.ensure_future(woken.wait())
    try:
        await asyncio.wait({*flying, called}, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    finally:
        called.cancel()
    return {task for task in flying if task.done()}


async def _send(store: Store, channel: Channel | None, row: OutboxRow, clock: Clock, pace: Pace, marks: _Marks) -> bool:
    """Send one message and mark it; True where it was sent."""
    if channel is None:  # another process has this channel: the message keeps waiting
        await store.not_sent(row.id, f"no channel {row.address.channel}", clock.now() + LONGEST_WAIT, clock.now())
        return False
    try:
        message_id = await _try(store, channel, row, clock, pace)
        if message_id is None:
            return False
        # Marked after sending: better twice than never.
        await marks.sent(row.id, message_id)
    except Exception:  # the database is in trouble; other chats must not be cut off because of it
        log.exception("outbox row %s could not be marked", row.id)
        pace.unmarked = True
        return False
    live = row.message.rows and not row.message.stands
    if live and row.keyboard is not None and row.keyboard != message_id:
        await channel.strip(row.address, row.keyboard)
    return True


async def _try(store: Store, channel: Channel, row: OutboxRow, clock: Clock, pace: Pace) -> str | None:
    """Send one message and give its id; None where it was not sent, which is marked."""
    try:
        return await _edit_or_anew(channel, row)
    except SendError as error:
        await _not_sent(store, row, error, clock, pace)
    except Exception as error:
        log.exception("outbox row %s: %s failed in an unforeseen way", row.id, row.address.channel)
        await _not_sent(store, row, SendError("uncertain", type(error).__name__), clock, pace)
    return None


async def _edit_or_anew(channel: Channel, row: OutboxRow) -> str:
    try:
        return await channel.send(row.address, row.message, row.edit)
    except SendError as error:
        if row.edit is None or error.kind != "gone":
            raise
    # The card to edit is gone; its words are not: they are said anew.
    return await channel.send(row.address, row.message, None)


async def _not_sent(store: Store, row: OutboxRow, error: SendError, clock: Clock, pace: Pace) -> None:
    now = clock.now()
    why = f"{error.kind}: {error}"
    if error.kind == "blocked":
        log.info("outbox row %s: its chat takes nothing from us now", row.id)
        await store.gone(row.id, why, now)
        return
    if error.kind == "later":
        pace.asked_to_wait(row.address, error.retry_after or 1, now)
    wait = _wait(row, error)
    log.warning("outbox row %s not sent (%s), %s", row.id, error.kind, "tried again" if wait else "given up")
    await store.not_sent(row.id, why, now + wait if wait else None, now, uncertain=error.kind == "uncertain")


def _wait(row: OutboxRow, error: SendError) -> timedelta | None:
    """Tell how long to wait before the next try; None where there is none.

    A message whose fate is unknown is repeated once: better twice than never, but no more than twice.
    """
    backed_off = min(timedelta(seconds=2 ** min(row.attempts, 10)), LONGEST_WAIT)
    match error.kind:
        case "later":
            return timedelta(seconds=error.retry_after) if error.retry_after is not None else backed_off
        case "never_left":
            return backed_off
        case "server" if row.attempts < SERVER_TRIES:
            return backed_off
        case "uncertain" if not row.uncertain:
            return max(backed_off, AFTER_SILENCE)
        case _:
            return None
