"""Updates that several bring at once: stored together, each answered only then, none kept away by another."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from bot.workflow import intake
from bot.workflow.intake import AT_ONCE, Intake
from bot.workflow.ports import Raw

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def raw(number: int) -> Raw:
    """Give an update."""
    return Raw(source="telegram", key=f"1:{number}", body={"update_id": number}, at=NOW)


class Inbox:
    """Stores batches, once `gate` is open; `poison` can't be stored, nothing can while it is down."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.poison: int | None = None
        self.is_down = self.lets_one_in = False

    async def receive(self, raws: Sequence[Raw]) -> int:
        await self.gate.wait()
        if self.lets_one_in:
            self.gate.clear()
        if self.is_down or any(one.body["update_id"] == self.poison and "unstorable" not in one.body for one in raws):
            raise ConnectionError("no")
        self.batches.append([one.body["update_id"] for one in raws])
        return len(raws)


async def test_those_that_come_while_one_is_stored_are_stored_together() -> None:
    inbox = Inbox()
    made = Intake(inbox.receive)
    first = asyncio.ensure_future(made.keep(raw(0)))
    await asyncio.sleep(0)
    others = [asyncio.ensure_future(made.keep(raw(number))) for number in range(1, AT_ONCE + 6)]
    await asyncio.sleep(0)
    inbox.gate.set()
    await asyncio.gather(first, *others)
    assert [len(batch) for batch in inbox.batches] == [1, AT_ONCE, 5]
    assert [number for batch in inbox.batches for number in batch] == list(range(AT_ONCE + 6))


async def test_one_that_cannot_be_stored_keeps_no_other_away_and_is_noted() -> None:
    inbox = Inbox()
    inbox.poison = 1
    inbox.gate.set()
    made = Intake(inbox.receive)
    await asyncio.gather(*(made.keep(raw(number)) for number in range(3)))
    assert sorted(number for batch in inbox.batches for number in batch) == [0, 1, 2]


async def test_while_the_database_is_down_everybody_is_told_and_later_served() -> None:
    inbox = Inbox()
    inbox.is_down = True
    inbox.gate.set()
    made = Intake(inbox.receive)
    told = await asyncio.gather(*(made.keep(raw(number)) for number in range(3)), return_exceptions=True)
    assert [type(one) for one in told] == [ConnectionError] * 3
    inbox.is_down = False
    await made.keep(raw(0))
    assert inbox.batches == [[0]]


async def test_a_database_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "STORE_SECONDS", 0.05)
    inbox = Inbox()
    made = Intake(inbox.receive)
    with pytest.raises(TimeoutError):
        await made.keep(raw(1))
    inbox.gate.set()
    await made.keep(raw(1))
    assert inbox.batches == [[1]]


async def test_one_that_is_cut_off_leaves_nobody_waiting() -> None:
    inbox = Inbox()
    inbox.lets_one_in = True
    made = Intake(inbox.receive)
    first = asyncio.ensure_future(made.keep(raw(0)))
    await asyncio.sleep(0)
    second, third = (asyncio.ensure_future(made.keep(raw(number))) for number in (1, 2))
    await asyncio.sleep(0)
    inbox.gate.set()
    await first
    await asyncio.sleep(0.01)  # the second begins to store both
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    with pytest.raises(RuntimeError, match="cut off"):
        await third
    inbox.gate.set()
    await made.keep(raw(2))
    assert inbox.batches == [[0], [2]]
