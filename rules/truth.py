"""Whether a criterion holds, without its reasons: the same logic as `criteria.weigh`, compiled once and short-cut."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from rules.criteria import (
    SIDES,
    UNKNOWN_WORDS,
    All,
    AnyOf,
    Asked,
    Both,
    CountOf,
    Criterion,
    Either,
    FactAtLeast,
    FactBelow,
    FactIn,
    FactIncludes,
    FactIs,
    Known,
    Not,
    Reported,
    Truth,
    View,
    compare,
)

Test: TypeAlias = Callable[[View], Truth]
MOST_VALUES = 256
"""How many values of a fact are remembered: enough for options and whole degrees, bounded for free numbers."""
_compiled: dict[int, tuple[Criterion, Test]] = {}
"""By identity: criteria belong to content that is read once, and the pair keeps them alive."""


def truth_of(criterion: Criterion, view: View) -> Truth:
    """Tell whether a criterion holds; None where that hangs on something unknown."""
    held = _compiled.get(id(criterion))
    if held is None:
        held = _compiled[id(criterion)] = (criterion, _compile(criterion))
    return held[1](view)


def _compile(criterion: Criterion) -> Test:
    match criterion:
        case All(all_=parts):
            return _settling([_compile(part) for part in parts], deciding=False)
        case AnyOf(any_=parts):
            return _settling([_compile(part) for part in parts], deciding=True)
        case Not(not_=inner):
            return _denying(_compile(inner))
        case CountOf(count=parts, at_least=wanted):
            return _counting([_compile(part) for part in parts], wanted)
        case Either(either=inner):
            return _on_sides(_compile(inner), deciding=True)
        case Both(both=inner):
            return _on_sides(_compile(inner), deciding=False)
        case Known(known=path):
            return lambda view: (value := view.value(path)) is not None and value not in UNKNOWN_WORDS
        case Asked(asked=path):
            return lambda view: view.value(path) is not None
        case Reported(reported=path):
            return _reporting(path)
        case _:
            return _comparing(criterion)


def _comparing(criterion: FactIs | FactIn | FactAtLeast | FactBelow | FactIncludes) -> Test:
    """Facts take few values, so what each comes to is remembered."""
    path, known = criterion.fact, dict[Any, Truth]()

    def test(view: View) -> Truth:
        value = view.value(path)
        try:
            return known[value]
        except KeyError:
            truth = compare(criterion, value)
            if len(known) < MOST_VALUES:
                known[value] = truth
            return truth

    return test


def _settling(tests: Sequence[Test], *, deciding: bool) -> Test:
    def test(view: View) -> Truth:
        unknown = False
        for one in tests:
            truth = one(view)
            if truth is deciding:
                return deciding
            unknown = unknown or truth is None
        return None if unknown else not deciding

    return test


def _denying(inner: Test) -> Test:
    def test(view: View) -> Truth:
        truth = inner(view)
        return None if truth is None else not truth

    return test


def _counting(tests: Sequence[Test], wanted: int) -> Test:
    def test(view: View) -> Truth:
        truths = [one(view) for one in tests]
        true = truths.count(True)
        if true >= wanted:
            return True
        return None if true + truths.count(None) >= wanted else False

    return test


def _on_sides(inner: Test, *, deciding: bool) -> Test:
    return _settling([lambda view, side=side: inner(view.seen_from(side)) for side in SIDES], deciding=deciding)  # type: ignore[misc]  # a default binds the side


def _reporting(path: str) -> Test:
    def test(view: View) -> Truth:
        value = view.value(path)
        return None if value is None else value == "yes" or value in UNKNOWN_WORDS

    return test
