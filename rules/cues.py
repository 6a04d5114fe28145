"""What the cues of day 2 came to, test by test: two tries without, one cue at a time, and each taken away again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rules.criteria import LEVELS
from rules.facts import Attempt
from rules.screen import Test
from rules.sight import Sight


@dataclass(frozen=True, kw_only=True)
class CueSeries:
    """How one test answered to its cues (evidence 3 cues).

    `helped` is the first cue that made it a level better than both tries without; `others` further ones that did.
    `warmed_up`: the second try was better than the first, so that nothing is said of cues. `fades` is what happened
    when the cue was taken away: yes (worse again), no (it stayed better), unknown (not tried, or it can't be).
    """

    test: str | None = None
    tried: tuple[str, ...] = ()
    helped: str | None = None
    others: tuple[str, ...] = ()
    removable: bool = True
    fades: str = "unknown"
    warmed_up: bool = False
    paths: tuple[str, ...] = ()
    """Where the answers stand that say it: the try before, and the one that was better."""

    def derived(self) -> Mapping[str, Any]:
        """Give what rules read."""
        return {
            "derived.cue": self.helped or ("none" if self.tried else "unknown"),
            "derived.cue_helped": "yes" if self.helped else "no" if self.tried else "unknown",
            "derived.cue_fades": self.fades,
            "derived.cue_removable": "yes" if self.removable else "no",
            "derived.warmed_up": "yes" if self.warmed_up else "no",
        }


NONE_TRIED = CueSeries()


def cue_facts(sight: Sight, tests: Iterable[Test]) -> CueSeries:
    """Find the series that says most: one in which a cue helped, else one that was warm-up, else any that was tried."""
    if not sight.facts.attempts or len(sight.facts.all_tries) == len(sight.facts.attempts):
        return NONE_TRIED  # no test was tried twice
    series = [_series(sight, test) for test in tests if test.cues]
    return max(series, key=lambda s: (s.helped is not None, s.warmed_up, bool(s.tried)), default=NONE_TRIED)


def _series(sight: Sight, test: Test) -> CueSeries:
    place = "both" if test.sides == "together" else sight.side
    held = sight.facts.all_tries.get((test.id, str(place)), ())
    day = max((a.day for a in held if a.try_.startswith("B:") or a.try_ == "A2"), default=0)
    of_day = {a.try_: a for a in held if a.day == day}
    first, second = _rank(sight, of_day.get("A1")), _rank(sight, of_day.get("A2"))
    if first is not None and second is not None and second < first and test.clean is None:
        return CueSeries(test=test.id, warmed_up=True, paths=(of_day["A1"].path("level"), of_day["A2"].path("level")))
    without = [rank for rank in (first, second) if rank is not None]
    with_cue = {cue.id: rank for cue in test.cues if (rank := _rank(sight, of_day.get(f"B:{cue.id}"))) is not None}
    if not without or not with_cue:
        return CueSeries(test=test.id)
    base = min(without)
    helped = [cue for cue in test.cues if with_cue.get(cue.id, base) < base]
    if not helped:
        return CueSeries(test=test.id, tried=tuple(with_cue))
    # One that fades when it is taken away says more than one that can't be, or that left it better.
    fading = {cue.id: _fades(sight, of_day, cue.id, with_cue[cue.id]) for cue in helped}
    best = min(helped, key=lambda cue: ("yes", "unknown", "no").index(fading[cue.id]))
    return CueSeries(
        test=test.id,
        tried=tuple(with_cue),
        helped=best.id,
        others=tuple(cue.id for cue in helped if cue is not best),
        removable=best.removable,
        fades=fading[best.id],
        paths=(of_day["A2" if "A2" in of_day else "A1"].path("level"), of_day[f"B:{best.id}"].path("level")),
    )


def _fades(sight: Sight, of_day: Mapping[str, Attempt], cue: str, with_cue: int) -> str:
    away = _rank(sight, of_day.get(f"A3:{cue}") or of_day.get("A3"))
    if away is None:
        return "unknown"
    return "yes" if away > with_cue else "no"


def _rank(sight: Sight, attempt: Attempt | None) -> int | None:
    level = sight.level(attempt) if attempt is not None else None
    return LEVELS.index(level) if level in LEVELS else None
