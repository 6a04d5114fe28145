"""Counts taps and seconds of a screening, case by case: `python -m tests.rules.budget`."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator
from typing import Any

from rules import Ask, Facts, Screen, assess, load_library, next_question
from rules.criteria import LEVELS
from rules.questions import answer
from rules.safety import locks
from rules.screen import Question, Row
from tests.rules.cases import SCREEN, cases, facts_of

BESIDES = 2
"""The tap that agrees and the tap that says the review looks right."""
HEALTHY = {"age_band": "18_39", "sex": "female", "country": "uk", "pregnancy": "no", "surgery": "no"}
FULLEST = "the fullest way"
WHOLE = 6
"""A case with fewer attempts is a piece of a screening, not one that could end and be looked at again."""


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


def second_look(screen: Screen, wanted: Facts) -> tuple[int, int]:
    """Play the second look of one whose day 1 was as *wanted* says; give taps and seconds.

    What *wanted* doesn't say of day 2: tests that were limited come out the same, no cue helps, new tests are clear.
    """
    first = tuple(a for a in wanted.attempts if a.day == 1)
    facts = Facts(profile=HEALTHY | wanted.profile, reports=wanted.reports, attempts=first)
    taps, seconds = 1 + 1, 0  # "nothing new", and "looks right"
    for _ in range(200):
        ask = next_question(screen, facts, scope="second")
        if not isinstance(ask, Ask):
            return taps, seconds
        if ask.question.test is None:  # of day 1, and a case need not say it
            for row in ask.open:
                facts = answer(screen, facts, row.path, _answer(screen, ask.question, row, wanted))
            continue
        seconds += ask.question.seconds
        for row in ask.open:
            value = _answer_again(screen, ask.question, row, wanted)
            facts = answer(screen, facts, row.path, value)
            taps += 1 + (len(value) if isinstance(value, tuple) else 0)
    raise AssertionError("a second look must end")


def _answer_again(screen: Screen, question: Question, row: Row, wanted: Facts) -> Any:
    held = wanted.value(row.path)
    room, side, field = row.path.split(".")
    if held is not None and field == "level":
        return next(o.id for o in row.options if o.sets.get("level", o.id) == held)
    if held is not None:
        return held
    if field != "level":
        return _answer(screen, question, row, wanted)
    attempt = wanted.attempt(room.partition(":")[0], side)
    level = attempt.level if attempt is not None and attempt.level in LEVELS else LEVELS[0]
    return next(o.id for o in row.options if o.sets.get("level", o.id) == level)


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


def every_second_look(screen: Screen) -> Iterator[tuple[str, int, int]]:
    """Count the second look of every case in which there is something to look at again."""
    known = cases(SCREEN / "cases.yaml")
    for name, case in known.items():
        facts = facts_of(case, known)
        said = assess(screen, facts)
        if said.priority.kind in ("act", "unsettled") and len(facts.attempts) > WHOLE and not locks(said.flags):
            yield (name, *second_look(screen, facts))


def main() -> None:
    """Print a line a case, then the typical and the fullest; then the same for the second look."""
    screen = load_library().screens["hip_internal_rotation"]
    rows = list(every(screen))
    for name, taps, seconds in rows:
        sys.stdout.write(f"{taps:4} taps {seconds / 60:5.1f} min  {name}\n")
    full = [(taps, seconds) for name, taps, seconds in rows if name != FULLEST and taps > BESIDES + 20]
    typical = statistics.median(taps for taps, _ in full)
    minutes = statistics.median(seconds for _, seconds in full) / 60
    sys.stdout.write(f"typical {typical:g} taps, {minutes:.1f} minutes; fullest {max(t for _, t, _ in rows)} taps\n")
    again = list(every_second_look(screen))
    for name, taps, seconds in again:
        sys.stdout.write(f"{taps:4} taps {seconds / 60:5.1f} min  second look: {name}\n")
    typical = statistics.median(taps for _, taps, _ in again)
    minutes = statistics.median(seconds for _, _, seconds in again) / 60
    fullest = max(taps for _, taps, _ in again)
    sys.stdout.write(f"second look: typical {typical:g} taps, {minutes:.1f} minutes; fullest {fullest} taps\n")


if __name__ == "__main__":
    main()
