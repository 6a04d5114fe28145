"""Whether a criterion holds, without its reasons: the same logic as `criteria.weigh`, compiled once and short-cut."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    Side,
    Truth,
    View,
    compare,
)


class Values(dict[str, Any]):
    """The facts of a view by path, each looked up once; what is derived may still grow and is looked up each time.

    *told* are the profile and the reports by path, whole: what is missing there is absent. It is a view itself.
    """

    def __init__(self, view: View, told: Mapping[str, Any] | None = None) -> None:
        super().__init__(told or ())
        self._view, self._told = view, told
        self._sides: dict[Side, Values] = {}

    def __missing__(self, path: str) -> Any:
        room = path[:8]
        if room == "derived.":
            return self._view.value(path)
        absent = self._told is not None and room in ("reports.", "profile.")
        value = None if absent else self._view.value(path)
        self[path] = value
        return value

    def value(self, path: str) -> Any:
        """Give the fact at *path*, or None where absent."""
        return self[path]

    def seen_from(self, side: Side) -> Values:
        """Give the same facts seen from *side*."""
        held = self._sides.get(side)
        if held is None:
            held = self._sides[side] = Values(self._view.seen_from(side), self._told)
        return held


Test: TypeAlias = Callable[[Values], Truth]
MOST_VALUES = 256
"""How many values of a fact are remembered: enough for options and whole degrees, bounded for free numbers."""
_compiled: dict[int, tuple[Criterion, Test]] = {}
"""By identity: criteria belong to content that is read once, and the pair keeps them alive."""


def truth_of(criterion: Criterion, view: View) -> Truth:
    """Tell whether a criterion holds; None where that hangs on something unknown."""
    return compiled(criterion)(Values(view))


def compiled(criterion: Criterion) -> Test:
    """Give the quick test of a criterion, for who asks many of the same facts."""
    held = _compiled.get(id(criterion))
    if held is None:
        held = _compiled[id(criterion)] = (criterion, _compile(criterion))
    return held[1]


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
            return lambda values: (value := values[path]) is not None and value not in UNKNOWN_WORDS
        case Asked(asked=path):
            return lambda values: values[path] is not None
        case Reported(reported=path):
            return _reporting(path)
        case _:
            return _comparing(criterion)


def _comparing(criterion: FactIs | FactIn | FactAtLeast | FactBelow | FactIncludes) -> Test:
    """Facts take few values, so what each comes to is remembered."""
    path, known = criterion.fact, dict[Any, Truth]()

    def test(values: Values) -> Truth:
        value = values[path]
        try:
            return known[value]
        except KeyError:
            truth = compare(criterion, value)
            if len(known) < MOST_VALUES:
                known[value] = truth
            return truth

    return test


def _settling(tests: Sequence[Test], *, deciding: bool) -> Test:
    def test(values: Values) -> Truth:
        unknown = False
        for one in tests:
            truth = one(values)
            if truth is deciding:
                return deciding
            if truth is None:
                unknown = True
        return None if unknown else not deciding

    return test


def _denying(inner: Test) -> Test:
    def test(values: Values) -> Truth:
        truth = inner(values)
        return None if truth is None else not truth

    return test


def _counting(tests: Sequence[Test], wanted: int) -> Test:
    def test(values: Values) -> Truth:
        truths = [one(values) for one in tests]
        true = truths.count(True)
        if true >= wanted:
            return True
        return None if true + truths.count(None) >= wanted else False

    return test


def _on_sides(inner: Test, *, deciding: bool) -> Test:
    return _settling([lambda values, side=side: inner(values.seen_from(side)) for side in SIDES], deciding=deciding)  # type: ignore[misc]  # a default binds the side


def _reporting(path: str) -> Test:
    def test(values: Values) -> Truth:
        value = values[path]
        return None if value is None else value == "yes" or value in UNKNOWN_WORDS

    return test
