"""What would change a finding: each answer behind it flipped in turn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from rules.assess import Finding, assess
from rules.criteria import LEVELS, FactIn, FactIncludes, FactIs, Frozen, leaves_of
from rules.facts import Attempt, Facts
from rules.questions import row_at
from rules.screen import Driver, Screen
from rules.sight import Sight


class Change(Frozen):
    """If this answer to `test` had been `answer`, the finding would be this instead.

    `path` is where the answer stands; `field` what it says (level, sensation, compensations); a compensation is added.
    """

    test: str
    path: str
    field: Literal["level", "sensation", "compensations"]
    answer: str
    limited: str
    driver: Driver | None


def what_would_change(screen: Screen, facts: Facts, finding: Finding) -> tuple[Change, ...]:
    """Flip each answer behind a finding and list what the flips change: levels one step off first, then the rest."""
    sight = Sight(screen, facts, finding.side)
    changes: list[tuple[int, Change]] = []
    for test in screen.tests.values():
        if test.context != finding.context or test.role == "comparison":
            continue
        attempt = facts.attempt(test.id, "both" if test.sides == "together" else finding.side)
        held = sight.level(attempt) if attempt is not None else None
        if attempt is None or held not in LEVELS:
            continue
        for far, field, answer, flipped in _flips(screen, attempt, held):
            changed = assess(screen, _with(facts, attempt, flipped)).finding(finding.side, finding.context)
            if (changed.limited, changed.driver) != (finding.limited, finding.driver):
                change = Change(
                    test=test.id,
                    path=attempt.path(field),
                    field=field,
                    answer=answer,
                    limited=changed.limited,
                    driver=changed.driver,
                )
                changes.append((far, change))
    return tuple(change for _, change in sorted(changes, key=lambda pair: pair[0]))


def _flips(
    screen: Screen, attempt: Attempt, held: str
) -> Iterator[tuple[int, Literal["level", "sensation", "compensations"], str, Attempt]]:
    """Give each other answer with how far it is from the one given: levels in steps, what was felt and seen after."""
    row, _ = row_at(screen, attempt.path("level"))
    offered = {str(option.sets.get("level", option.id)) for option in row.options}
    kept = {"test": attempt.test, "side": attempt.side, "try": attempt.try_, "day": attempt.day}
    for level in LEVELS:
        if level != held and level in offered:
            felt = attempt.sensation if level != LEVELS[0] else None
            flipped = Attempt.model_validate({**kept, "level": level, "sensation": felt})
            yield abs(LEVELS.index(level) - LEVELS.index(held)), "level", level, flipped
    if held == LEVELS[0]:
        return
    test = screen.tests[attempt.test]
    named = _named(screen)
    for felt in test.sensations:
        if felt != attempt.sensation and (test.id, "sensation", felt) in named:
            yield 3, "sensation", felt, attempt.model_copy(update={"sensation": felt})
    for seen in test.compensations:
        before = attempt.compensations or ()
        if seen not in before and (test.id, "compensations", seen) in named:
            yield 3, "compensations", seen, attempt.model_copy(update={"compensations": (*before, seen)})


def _named(screen: Screen) -> frozenset[tuple[str, str, Any]]:
    """Give the answers that the rules of the findings name: (test, field, value)."""
    findings = screen.findings
    found = set()
    for when in (*(rule.when for rule in findings.limits), *(rule.when for rule in findings.drivers)):
        for leaf in leaves_of(when):
            test, _, field = getattr(leaf, "fact", "").removeprefix("other.").partition(".")
            match leaf:
                case FactIs(is_=value):
                    found.add((test, field, value))
                case FactIn(in_=values) | FactIncludes(includes=values):
                    found |= {(test, field, value) for value in values}
    return frozenset(found)


def _with(facts: Facts, attempt: Attempt, flipped: Attempt) -> Facts:
    attempts = tuple(flipped if a is attempt else a for a in facts.attempts)
    return Facts(profile=facts.profile, reports=facts.reports, attempts=attempts)
