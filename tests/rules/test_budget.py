"""A screening stays short: 40 taps typical, 80 at most, about 10 minutes."""

from __future__ import annotations

import statistics

from rules import Screen
from tests.rules.budget import FULLEST, every, every_second_look


def test_a_typical_screening_is_forty_taps_and_ten_minutes_and_the_fullest_eighty(screen: Screen) -> None:
    rows = [(taps, seconds) for name, taps, seconds in every(screen) if name != FULLEST and taps > 22]
    assert statistics.median(taps for taps, _ in rows) <= 40
    assert 7 <= statistics.median(seconds for _, seconds in rows) / 60 <= 11
    assert max(taps for _, taps, _ in every(screen)) <= 80


def test_a_typical_second_look_is_at_most_25_taps_and_the_fullest_80(screen: Screen) -> None:
    rows = list(every_second_look(screen))
    assert len(rows) > 30
    assert statistics.median(taps for _, taps, _ in rows) <= 25
    assert max(taps for _, taps, _ in rows) <= 80
