"""What came due: into the inbox once, in its window, and always followed by the next day's prompt."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime, time, timedelta

import pytest

from bot.conversation.effects import KeepRhythm, Remind
from bot.conversation.events import CameDue
from bot.timetable.rhythm import Rhythm, Slot
from bot.workflow.due import due
from bot.workflow.handle import PERSON, decode, encode
from bot.workflow.ports import Address
from tests.fakes import FakeClock, MemoryStore

ANN = Address(channel="line", bot="b", chat="ann")
RHYTHM = Rhythm(zone="Europe/Berlin", at=time(7, 30), days=(0, 1, 2, 3, 4, 5, 6))
FIRST = datetime(2026, 1, 6, 6, 30, tzinfo=UTC)
SLOT = Slot(kind="prompt", local_date=date(2026, 1, 6), slot="Europe/Berlin", due_at=FIRST)


async def reminded(rhythm: Rhythm = RHYTHM, slot: Slot = SLOT) -> MemoryStore:
    """Give a store with one person and one reminder."""
    store = MemoryStore()
    async with store.turns() as turns:
        ann = await turns.person_at(ANN, "Ann", FIRST)
        await turns.keep(ann, KeepRhythm(rhythm=rhythm), FIRST)
        await turns.keep(ann, Remind(slot=slot), FIRST)
    return store


async def came(store: MemoryStore) -> list[CameDue]:
    async with store.turns() as turns:
        rows = await turns.pending(100, FIRST, {PERSON})
    events = [decode(row.raw.body)[1] for row in rows]
    assert all(isinstance(event, CameDue) for event in events)
    return [event for event in events if isinstance(event, CameDue)]


async def test_a_prompt_goes_into_the_inbox_once_and_the_next_day_is_planned() -> None:
    store, clock = await reminded(), FakeClock(FIRST)
    assert await due(store, clock) == 1
    assert await due(store, clock) == 0
    assert [event.slot for event in await came(store)] == [SLOT]
    assert await store.next_due() == FIRST + timedelta(days=1)


async def test_after_a_short_downtime_it_comes_late_after_a_long_one_only_the_newest(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store, clock = await reminded(), FakeClock(FIRST + timedelta(hours=3))
    await due(store, clock)
    assert len(await came(store)) == 1
    store, clock = await reminded(), FakeClock(FIRST + timedelta(days=3, hours=2))
    with caplog.at_level(logging.INFO):
        while await due(store, clock):
            pass
    assert [event.slot.local_date for event in await came(store)] == [date(2026, 1, 9)]
    assert "dropped: too_late" in caplog.text
    assert await store.next_due() == FIRST + timedelta(days=4)


async def test_between_two_windows_nothing_comes_and_the_chain_goes_on() -> None:
    store, clock = await reminded(), FakeClock(FIRST + timedelta(days=2, hours=10))
    while await due(store, clock):
        pass
    assert await came(store) == []
    assert await store.next_due() == FIRST + timedelta(days=3)


async def test_nobody_is_prompted_who_blocked_us_and_the_chain_goes_on() -> None:
    store, clock = await reminded(), FakeClock(FIRST)
    async with store.turns() as turns:
        await turns.blocked(ANN, FIRST)
    await due(store, clock)
    assert await came(store) == []
    assert await store.next_due() == FIRST + timedelta(days=1)
    assert [kept.why for kept in store.rows.reminders.values()] == ["blocked", None]


async def test_a_nudge_is_followed_by_nothing() -> None:
    nudge = Slot(kind="nudge", local_date=SLOT.local_date, slot="Europe/Berlin", due_at=FIRST + timedelta(hours=3))
    store, clock = await reminded(slot=nudge), FakeClock(FIRST + timedelta(hours=3))
    await due(store, clock)
    assert len(await came(store)) == 1
    assert await store.next_due() is None


async def test_the_day_the_clocks_change_has_one_prompt() -> None:
    night = RHYTHM.model_copy(update={"at": time(2, 30), "quiet_to": time(2, 0)})
    first = Slot(kind="prompt", local_date=date(2026, 3, 28), slot="z", due_at=datetime(2026, 3, 28, 1, 30, tzinfo=UTC))
    store, clock = await reminded(night, first), FakeClock(first.due_at)
    days = []
    for _ in range(4):
        await due(store, clock)
        soonest = await store.next_due()
        assert soonest is not None
        clock.at = soonest
        days.append(soonest)
    wanted = ["2026-03-29T01:00", "2026-03-30T00:30", "2026-03-31T00:30", "2026-04-01T00:30"]
    assert [f"{at:%Y-%m-%dT%H:%M}" for at in days] == wanted


def test_an_event_comes_back_from_the_inbox_as_it_was() -> None:
    event = CameDue(at=FIRST, slot=SLOT)
    assert decode(encode(event, 7)) == (7, event)


async def test_one_that_was_put_off_to_the_evening_comes_in_the_evening() -> None:
    evening = Slot(
        kind="later", local_date=SLOT.local_date, slot="evening", due_at=FIRST + timedelta(hours=11, minutes=30)
    )
    store, clock = await reminded(slot=evening), FakeClock(evening.due_at)
    await due(store, clock)
    assert [event.slot for event in await came(store)] == [evening]


async def test_a_pause_whose_end_was_missed_ends_all_the_same() -> None:
    paused = RHYTHM.model_copy(update={"paused_from": date(2026, 1, 1), "paused_until": SLOT.local_date})
    end = Slot(kind="resume", local_date=SLOT.local_date, slot="pause", due_at=FIRST)
    store, clock = await reminded(paused, end), FakeClock(FIRST + timedelta(days=2, hours=12))
    while await due(store, clock):
        pass
    assert await store.next_due() == FIRST + timedelta(days=3)


async def test_an_alert_is_looked_at_again_whatever_becomes_of_the_look() -> None:
    store = await reminded(slot=Slot(kind="alert", local_date=FIRST.date(), slot="a1-1", due_at=FIRST))
    clock = FakeClock(FIRST + timedelta(hours=9))  # late is better than never
    assert await due(store, clock) == 1
    assert [event.slot.slot for event in await came(store)] == ["a1-1"]
    for look in range(1, 4):
        assert await store.next_due() == FIRST + timedelta(hours=9 + look)
        clock.skip(timedelta(hours=1))
        assert await due(store, clock) == 1
