"""Which tests can still change the assessment: what can't is not asked.

Three-valued logic makes this sound: with unanswered tests unknown, a rule that is true or false already stays so
whatever they turn out to be. A test matters while a rule that reads it is open and could still change a finding:
whether a side is limited, what drives it, how sure that is, or a note. Confidence within a grade doesn't count.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rules.assess import GRADES, Look, looks
from rules.criteria import SIDES, Criterion, Side, paths_of
from rules.facts import Facts
from rules.screen import POSITION, Screen
from rules.truth import kept


def undecided(screen: Screen, facts: Facts) -> frozenset[tuple[str, Side]]:
    """Give the tests, with the side, whose level could still change what the screening says.

    Tests of posture always count: they choose what opens every session.
    """
    needed = {(test.id, side) for test in screen.tests.values() if test.context == POSITION for side in SIDES}
    for look in looks(screen, facts).values():
        sides: dict[bool, Side] = {False: look.side, True: "right" if look.side == "left" else "left"}
        for criterion in _open(screen, look):
            read = kept(_read, criterion, partial(_tests_of, screen, criterion))
            needed |= {(test, sides[is_other]) for test, is_other in read}
    return frozenset(needed)


_read: dict[int, frozenset[tuple[str, bool]]] = {}
"""By identity of a criterion, as long as it lives: the tests that it reads, and whether of the other side."""


def _tests_of(screen: Screen, criterion: Criterion) -> frozenset[tuple[str, bool]]:
    found = set()
    for path in paths_of(criterion):
        test = path.removeprefix("other.").partition(".")[0]
        if test in screen.tests:
            found |= {(stand_in, path.startswith("other.")) for stand_in in _and_stand_ins(screen, test)}
    return frozenset(found)


def _open(screen: Screen, look: Look) -> Iterator[Criterion]:
    """Give the criteria of a side and context that are open and could still change its finding."""
    if look.range != "yes":
        yield from (rule.when for rule, truth in look.limits if truth is None)
    settled = None
    for rule, truth in look.drivers:
        if truth is None:
            yield rule.when
        elif truth:
            settled = rule
            break
    undecided_driver = settled is None or any(truth is None for rule, truth in look.drivers if rule is not settled)
    highest = "high" if settled is None or undecided_driver else settled.at_most
    if look.limited != "no" or undecided_driver:
        for sure in screen.findings.confidence:
            grows = sure.grade is not None and highest == "high"
            shrinks = sure.at_most is not None and GRADES.index(sure.at_most) < GRADES.index(highest)
            if look.here(sure) and (grows or shrinks) and look.truth(sure.when) is None:
                yield sure.when
    for note in screen.findings.notes:
        if look.here(note) and look.truth(note.when) is None:
            yield note.when


def _and_stand_ins(screen: Screen, test_id: str) -> Iterator[str]:
    yield test_id
    for out in screen.tests[test_id].leave_out:
        if out.instead is not None:
            yield out.instead
