"""Four weeks of a coach: few messages, few decisions, nothing missed; and the watch bites."""

from __future__ import annotations

from dataclasses import replace
from statistics import median
from typing import Any

import pytest

from bot.coaching import digest as real
from tests.simulation import caseload
from tests.simulation.caseload import BEGINS, PHONE, Coach, on_a_phone, table


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_missed_and_a_coach_has_little_to_do(seed: int) -> None:
    month = Coach(60, seed).lives()
    assert month.missed == []
    assert month.seeded["emergency"] + month.seeded["urgent"] >= 5
    assert median(day.cards for day in month.days) <= 2
    assert median(day.decide for day in month.days) <= 5
    assert all(day.decide <= 5 for day in month.days)


def test_who_notices_no_card_misses_nothing_either() -> None:
    month = Coach(20, 3, at_once=0.0).lives()
    assert month.missed == []
    assert month.seeded["emergency"] + month.seeded["urgent"] >= 2


def without_now(*given: Any, **named: Any) -> real.Digest:
    return replace(real.digest(*given, **named), now=())


def without_flags(*given: Any, **named: Any) -> real.Digest:
    made = real.digest(*given, **named)
    return replace(made, decide=tuple(entry for entry in made.decide if entry.why != "flag"))


@pytest.mark.parametrize(("broken", "what"), [(without_now, "urgent"), (without_flags, "flag")])
def test_a_digest_that_leaves_something_out_is_found(broken: Any, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caseload, "digest", broken)
    assert what in Coach(20, 3, at_once=0.0).lives().missed


def test_the_table_and_the_phone() -> None:
    month = Coach(60, 2, days=10).lives(act_on_last=False)
    lines = list(table(month))
    assert len(lines) == 1 + 10 + 4
    assert lines[-1] == "missed: none"
    assert month.last is not None
    shown = list(on_a_phone(month.last, BEGINS))
    buttons = shown[shown.index("-" * PHONE) + 1 :]
    assert max(len(line) for line in shown[: -len(buttons)]) <= PHONE
    assert len(buttons) == bool(month.last.now) + len(month.last.decide)
