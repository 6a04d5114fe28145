"""How far clients' own levels agree with what their coaches saw: per cent, and Cohen's kappa. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

_Apart: TypeAlias = Callable[[int, int], float]
FEW = 20
"""Fewer pairs than this tell little: kappa is printed, and said to be of few. A proposal."""


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Pairs of levels of one test: how many, how often the same (0 to 1), and kappa; None where it has no meaning.

    Kappa is Cohen's (1960), unweighted, and weighted linearly over the order of the levels (1968).
    """

    count: int
    same: float
    kappa: float | None
    weighted: float | None


def agreement(pairs: Iterable[tuple[str, str]], levels: Sequence[str]) -> Agreement | None:
    """Weigh pairs (client's level, coach's level) of *levels* in order; others are left out. None for none."""
    known = [(first, second) for first, second in pairs if first in levels and second in levels]
    if not known:
        return None
    count = len(known)
    same = sum(first == second for first, second in known) / count
    flat = _kappa(known, levels, lambda a, b: float(a != b))
    return Agreement(count=count, same=same, kappa=flat, weighted=_kappa(known, levels, lambda a, b: float(abs(a - b))))


def _kappa(pairs: Sequence[tuple[str, str]], levels: Sequence[str], apart: _Apart) -> float | None:
    """Give 1 - observed / expected disagreement; None where chance alone would never disagree."""
    place = {level: number for number, level in enumerate(levels)}
    firsts, seconds = (Counter(pair[side] for pair in pairs) for side in (0, 1))
    count = len(pairs)
    observed = sum(apart(place[a], place[b]) for a, b in pairs) / count
    expected = sum(apart(place[a], place[b]) * firsts[a] * seconds[b] / count**2 for a in firsts for b in seconds)
    return 1 - observed / expected if expected else None
