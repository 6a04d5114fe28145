"""Counts taps and seconds of a screening, case by case: `python -m tests.rules.budget`."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator
from typing import Any

from rules import Ask, Facts, Screen, load_library, next_question
from rules.questions import answer
from rules.screen import Question, Row
from tests.rules.cases import SCREEN, cases, facts_of

BESIDES = 2
"""The tap that agrees and the tap that says the review looks right."""
HEALTHY = {"age_band": "18_39", "sex": "female", "country": "uk", "pregnancy": "no", "surgery": "no"}
FULLEST = "the fullest way"


def counted(screen: Screen, wanted: Facts) -> tuple[int, int]:
    """Play a screening that answers as *wanted* says, and as a healthy client elsewhere; give taps and seconds."""
    facts, taps, seconds = Facts(), BESIDES, 0
    for _ in range(400):
        ask = next_question(screen, facts)
        if not isinstance(ask, Ask):
            return taps, seconds
        seconds += ask.question.seconds
        if ask.question.kind == "checklist":
            taps += 1
        for row in ask.open:
            value = _answer(screen, ask.question, row, wanted)
            facts = answer(screen, facts, row.path, value)
            if ask.question.kind == "checklist":
                taps += value == "yes"
            else:
                taps += 1 + (len(value) if isinstance(value, tuple) else 0)
    raise AssertionError("a screening must end")


def every(screen: Screen) -> Iterator[tuple[str, int, int]]:
    """Count every case, and one in which every test is limited on both sides."""
    known = cases(SCREEN / "cases.yaml")
    for name, case in known.items():
        yield (name, *counted(screen, facts_of(case, known)))
    attempts = [
        {"test": t.id, "side": side, "level": "blocked" if t.id != "f5" else "partial"}
        for t in screen.tests.values()
        for side in (("left", "right") if t.sides == "each" else ("both",))
    ]
    sports = {"sports": ["golf", "running"], "equipment": ["mat", "cushion", "step", "band"]}
    yield (FULLEST, *counted(screen, Facts.model_validate({"reports": sports, "attempts": attempts})))


def _answer(screen: Screen, question: Question, row: Row, wanted: Facts) -> Any:
    room, _, rest = row.path.partition(".")
    held = wanted.value(row.path)
    offered = [option.id for option in row.options]
    if room in screen.tests and rest.endswith(".level"):
        attempt = wanted.attempt(room, rest.partition(".")[0])
        level = (attempt.level or "blocked") if attempt else "clear"
        extra = attempt.compensations if attempt else None
        for option in row.options:
            sets = option.sets
            if sets.get("level") == level and (extra is None or sets.get("compensations") in (None, extra)):
                return option.id
        same = next((o.id for o in row.options if o.sets.get("level") == level), None)
        return same or next((o.id for o in row.options if o.id == level), [o.id for o in row.options if o.sets][-1])
    if held is not None and (not offered or isinstance(held, tuple) or held in offered):
        return held
    match question.kind:
        case "scale":
            return 5
        case "many":
            return tuple(offered[:1]) if room in screen.tests else ()
        case "checklist":
            return "no"
    healthy = {str(v) for v in HEALTHY.values()} | {"no", "none", "squat_or_pick_up", "sitting", "middle", "stretch"}
    return next((o for o in offered if o in healthy), offered[0])


def main() -> None:
    """Print a line a case, then the typical and the fullest."""
    screen = load_library().screens["hip_internal_rotation"]
    rows = list(every(screen))
    for name, taps, seconds in rows:
        sys.stdout.write(f"{taps:4} taps {seconds / 60:5.1f} min  {name}\n")
    full = [(taps, seconds) for name, taps, seconds in rows if name != FULLEST and taps > BESIDES + 20]
    typical = statistics.median(taps for taps, _ in full)
    minutes = statistics.median(seconds for _, seconds in full) / 60
    sys.stdout.write(f"typical {typical:g} taps, {minutes:.1f} minutes; fullest {max(t for _, t, _ in rows)} taps\n")


if __name__ == "__main__":
    main()
