"""What would change a finding: each answer flipped in turn."""

from __future__ import annotations

from rules.assess import Finding, assess
from rules.criteria import LEVELS, Frozen
from rules.facts import Attempt, Facts
from rules.questions import row_at
from rules.screen import Driver, Screen
from rules.sight import Sight


class Change(Frozen):
    """If `test` had come out at `level`, the finding would be this instead."""

    test: str
    level: str
    limited: str
    driver: Driver | None


def what_would_change(screen: Screen, facts: Facts, finding: Finding) -> tuple[Change, ...]:
    """Flip the level of each test behind a finding, one step either way first, and list what the flips change."""
    sight = Sight(screen, facts, finding.side)
    changes: list[tuple[int, Change]] = []
    for test in screen.tests.values():
        if test.context != finding.context or test.role == "comparison":
            continue
        attempt = facts.attempt(test.id, "both" if test.sides == "together" else finding.side)
        held = sight.level(attempt) if attempt is not None else None
        if attempt is None or held not in LEVELS:
            continue
        row, _ = row_at(screen, f"{test.id}.{attempt.side}.level")
        offered = {option.id for option in row.options}
        for level in LEVELS:
            if level == held or level not in offered:
                continue
            flipped = assess(screen, _with_level(facts, attempt, level)).finding(finding.side, finding.context)
            if (flipped.limited, flipped.driver) != (finding.limited, finding.driver):
                steps = abs(LEVELS.index(level) - LEVELS.index(held))
                changes.append(
                    (steps, Change(test=test.id, level=level, limited=flipped.limited, driver=flipped.driver))
                )
    return tuple(change for _, change in sorted(changes, key=lambda pair: pair[0]))


def _with_level(facts: Facts, attempt: Attempt, level: str) -> Facts:
    """Give the facts with one attempt at another level, its degrees and pain left out."""
    kept = {"test": attempt.test, "side": attempt.side, "try": attempt.try_, "day": attempt.day}
    other = Attempt.model_validate(
        {**kept, "level": level, "sensation": attempt.sensation if level != "clear" else None}
    )
    return Facts(
        profile=facts.profile,
        reports=facts.reports,
        attempts=tuple(other if a is attempt else a for a in facts.attempts),
    )
