"""Whether a criterion holds, without its reasons: the same logic as `criteria.weigh`, compiled to Python once.

A criterion becomes two expressions, built as syntax trees: one for "it is true", one for "it is false". In each the
unknown is no case of its own, so both stop at the first part that settles them. A part that reads a fact is, but for
numbers and lists, one look into a set: `{fact: f1.level, at_least: partial}` is true where the value is in
{partial, blocked}, false where it is in {clear, not_needed}.
"""

from __future__ import annotations

import ast
import weakref
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar

from rules.criteria import (
    LEVELS,
    NOT_NEEDED,
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
    paths_of,
)


class Values(dict[str, Any]):
    """The facts of a view by path, each looked up once; what is derived may still grow and is looked up each time.

    *told* are the profile and the reports by path, whole: what is missing there is absent. It is a view itself.
    """

    def __init__(self, view: View, told: Mapping[str, Any] | None = None) -> None:
        super().__init__(told or ())
        self.view, self.told = view, told
        self._sides: dict[Side, Values] = {}

    def __missing__(self, path: str) -> Any:
        room = path[:8]
        if room == "derived.":
            return self.view.value(path)
        absent = self.told is not None and room in ("reports.", "profile.")
        value = None if absent else self.view.value(path)
        self[path] = value
        return value

    def value(self, path: str) -> Any:
        """Give the fact at *path*, or None where absent."""
        return self[path]

    def seen_from(self, side: Side) -> Values:
        """Give the same facts seen from *side*."""
        held = self._sides.get(side)
        if held is None:
            held = self._sides[side] = Values(self.view.seen_from(side), self.told)
        return held


Test: TypeAlias = Callable[[Values], bool]
T = TypeVar("T")
UNSAID: frozenset[Any] = frozenset({None, *UNKNOWN_WORDS})

_true: dict[int, Test] = {}
_false: dict[int, Test] = {}
_told: dict[int, Callable[[Values], tuple[str, ...]]] = {}
"""By identity of the criterion, as long as it lives: hashing one by value would take longer than weighing it."""


def truth_of(criterion: Criterion, view: View) -> Truth:
    """Tell whether a criterion holds; None where that hangs on something unknown."""
    values = view if isinstance(view, Values) else Values(view)
    if holds(criterion, values):
        return True
    return False if (_false.get(id(criterion)) or _compiled(criterion, False))(values) else None


def holds(criterion: Criterion, values: Values) -> bool:
    """Tell whether a criterion is true, neither false nor unknown: half of `truth_of`, where no more is asked."""
    return (_true.get(id(criterion)) or _compiled(criterion, True))(values)


def compiled(criterion: Criterion) -> Callable[[Values], Truth]:
    """Give the quick test of a criterion, for who asks many of the same facts."""
    key = id(criterion)
    true = _true.get(key) or _compiled(criterion, True)
    false = _false.get(key) or _compiled(criterion, False)
    return lambda values: True if true(values) else False if false(values) else None


def because(criterion: Criterion, values: Values) -> tuple[str, ...]:
    """List the fact paths that make a criterion true, which it must be: `weigh(...).because`, quicker."""
    told = _told.get(id(criterion)) or _kept(criterion, _told, _paths(criterion, True))
    return tuple(dict.fromkeys(told(values)))


# --- what a criterion needs ---------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What one fact must be: `in_` or `out_` of a set, `includes` or `lacks` words, `at_least`, `below` a number."""

    path: str
    how: Literal["in_", "out_", "includes", "lacks", "at_least", "below", "not_at_least", "not_below"]
    what: Any

    def met(self, value: Any) -> bool:
        """Tell whether a value is what it must be."""
        return WAYS[self.how](value, self.what)


def needs(criterion: Criterion, *, wanted: bool = True) -> tuple[frozenset[Reading], ...]:
    """Give sets of readings: wherever a criterion is true (or false, where that is wanted), one of each set is met."""
    found = _parts(criterion, wanted)
    if found is None:
        return (frozenset({_reading(criterion, wanted)}),)
    must, parts = found
    of_parts = [needs(part, wanted=want) for part, want in parts]
    if must == "each" or len(parts) == 1:
        return tuple(dict.fromkeys(one for several in of_parts for one in several))
    return (frozenset().union(*(min(several, key=_breadth) for several in of_parts)),)


def _breadth(readings: frozenset[Reading]) -> tuple[int, int]:
    """Rank readings by how seldom one of them is met: what an absent fact meets comes last."""
    return sum(one.met(None) for one in readings), len(readings)


def _parts(criterion: Criterion, wanted: bool) -> tuple[str, list[tuple[Criterion, bool]]] | None:
    """Take a criterion apart: must "each" part, or "some" part, be true or false? None for one that reads a fact."""
    match criterion:
        case All(all_=parts):
            return ("each" if wanted else "some", [(part, wanted) for part in parts])
        case AnyOf(any_=parts):
            return ("some" if wanted else "each", [(part, wanted) for part in parts])
        case CountOf(count=parts):
            return ("some", [(part, wanted) for part in parts])
        case Not(not_=inner):
            return ("some", [(inner, not wanted)])
        case Either(either=inner) | Both(both=inner):
            return ("some", [(inner, wanted)])
        case _:
            return None


def _reading(criterion: Any, wanted: bool) -> Reading:
    """Say what the fact that a criterion reads must be for it to be true, or false."""
    match criterion:
        case Known(known=path):
            return _in(path, UNSAID, not wanted)
        case Asked(asked=path):
            return _in(path, frozenset({None}), not wanted)
        case Reported(reported=path):
            return _in(path, {"yes", *UNKNOWN_WORDS} if wanted else UNSAID | {"yes"}, wanted)
        case FactIncludes(fact=path, includes=words):
            return Reading(path=path, how="includes" if wanted else "lacks", what=frozenset(words))
        case FactIs(fact=path, is_=word) if word in UNKNOWN_WORDS or word == NOT_NEEDED:
            return _in(path, {word} if wanted else {None, word}, wanted)
        case FactIs(fact=path, is_=word):
            return _in(path, {word} if wanted else UNSAID | {word}, wanted)
        case FactIn(fact=path, in_=words):
            met = frozenset(words) - {NOT_NEEDED}
            return _in(path, met - UNKNOWN_WORDS if wanted else UNSAID | met, wanted)
        case FactAtLeast(fact=path, at_least=bound) | FactBelow(fact=path, below=bound):
            upward = isinstance(criterion, FactAtLeast)
            if isinstance(bound, int | float):
                name = "at_least" if upward else "below"
                return Reading(path=path, how=name if wanted else f"not_{name}", what=bound)  # type: ignore[arg-type]
            place = LEVELS.index(bound) if bound in LEVELS else len(LEVELS)
            lower, upper = (LEVELS[:place], LEVELS[place:]) if bound in LEVELS else ((), ())
            if wanted:
                return _in(path, upper if upward else lower, True)
            return _in(path, {*(lower if upward else upper), NOT_NEEDED}, True)
    raise TypeError(f"{criterion!r} is no criterion")


def _in(path: str, words: Any, inside: bool) -> Reading:
    return Reading(path=path, how="in_" if inside else "out_", what=frozenset(words))


def _includes(value: Any, words: frozenset[Hashable]) -> bool:
    if type(value) is tuple:
        return not words.isdisjoint(value)
    if value is None or value in UNKNOWN_WORDS:
        return False
    return not words.isdisjoint(value if isinstance(value, Sequence) and not isinstance(value, str) else (value,))


def _lacks(value: Any, words: frozenset[Hashable]) -> bool:
    return value is not None and value not in UNKNOWN_WORDS and not _includes(value, words)


def _at_least(value: Any, bound: float) -> bool:
    return isinstance(value, int | float) and value >= bound


def _below(value: Any, bound: float) -> bool:
    return isinstance(value, int | float) and value < bound


def _not_at_least(value: Any, bound: float) -> bool:
    return not value >= bound if isinstance(value, int | float) else value == NOT_NEEDED


def _not_below(value: Any, bound: float) -> bool:
    return not value < bound if isinstance(value, int | float) else value == NOT_NEEDED


WAYS: dict[str, Callable[[Any, Any], bool]] = {
    "in_": lambda value, words: value in words,
    "out_": lambda value, words: value not in words,
    "includes": _includes,
    "lacks": _lacks,
    "at_least": _at_least,
    "below": _below,
    "not_at_least": _not_at_least,
    "not_below": _not_below,
}


# --- criteria as Python -------------------------------------------------------------------------------------------


def _compiled(criterion: Criterion, wanted: bool) -> Test:
    return _kept(criterion, _true if wanted else _false, _expression(criterion, wanted))


def _kept(criterion: Criterion, held: dict[int, Callable[[Values], T]], body: ast.expr) -> Callable[[Values], T]:
    """Compile what was written of a criterion, and keep it as long as the criterion lives."""
    code = compile(ast.fix_missing_locations(ast.Expression(_on_values(body))), f"<{type(criterion).__name__}>", "eval")
    made: Callable[[Values], T] = eval(code, {"__builtins__": {}, **WAYS})  # noqa: S307  # content is but its constants
    held[id(criterion)] = made
    weakref.finalize(criterion, held.pop, id(criterion), None).atexit = False
    return made


def _expression(criterion: Criterion, wanted: bool) -> ast.expr:
    """Write when a criterion is true, or false where that is wanted."""
    match criterion:
        case Not(not_=inner):
            return _expression(inner, not wanted)
        case CountOf(count=parts, at_least=least):
            # False where more are false than may be.
            bound = least if wanted else len(parts) - least + 1
            total = _expression(parts[0], wanted)
            for part in parts[1:]:
                total = ast.BinOp(total, ast.Add(), _expression(part, wanted))
            return ast.Compare(total, [ast.GtE()], [ast.Constant(bound)])
        case Either(either=inner):
            return _either(wanted, [_seen(side, _expression(inner, wanted)) for side in SIDES])
        case Both(both=inner):
            return _either(not wanted, [_seen(side, _expression(inner, wanted)) for side in SIDES])
        case All(all_=parts):
            return _either(not wanted, [_expression(part, wanted) for part in parts])
        case AnyOf(any_=parts):
            return _either(wanted, [_expression(part, wanted) for part in parts])
        case _:
            return _read(_reading(criterion, wanted))


def _either(some: bool, parts: list[ast.expr]) -> ast.expr:
    return ast.BoolOp(ast.Or() if some else ast.And(), parts) if len(parts) > 1 else parts[0]


def _paths(criterion: Criterion, wanted: bool) -> ast.expr:
    """Write the paths that make a criterion true, or false where that is wanted; it must be."""
    nothing = ast.Tuple([], ast.Load())
    match criterion:
        case Either(either=inner) | Both(both=inner):
            told = [ast.IfExp(_expression(inner, wanted), _paths(inner, wanted), nothing) for _ in SIDES]
            return _strung([_seen(side, one) for side, one in zip(SIDES, told, strict=True)])
    found = _parts(criterion, wanted)
    if found is None:
        return ast.Tuple([ast.Constant(path) for path in paths_of(criterion)], ast.Load())
    must, parts = found
    if must == "each" or len(parts) == 1:
        return _strung([_paths(part, want) for part, want in parts])
    return _strung([ast.IfExp(_expression(part, want), _paths(part, want), nothing) for part, want in parts])


def _strung(tuples: list[ast.expr]) -> ast.expr:
    """Write `(*one, *two)`."""
    return ast.Tuple([ast.Starred(one, ast.Load()) for one in tuples], ast.Load())


def _seen(side: str, body: ast.expr) -> ast.expr:
    """Write `(lambda values: body)(values.seen_from(side))`."""
    seen = ast.Call(ast.Attribute(_values(), "seen_from", ast.Load()), [ast.Constant(side)], [])
    return ast.Call(_on_values(body), [seen], [])


def _read(reading: Reading) -> ast.expr:
    """Write a look into a set where that is enough, else a call of the way to compare."""
    value, what = ast.Subscript(_values(), ast.Constant(reading.path), ast.Load()), ast.Constant(reading.what)
    match reading.how:
        case "in_":
            return ast.Compare(value, [ast.In()], [what])
        case "out_":
            return ast.Compare(value, [ast.NotIn()], [what])
    return ast.Call(ast.Name(reading.how, ast.Load()), [value, what], [])


def _values() -> ast.expr:
    return ast.Name("values", ast.Load())


def _on_values(body: ast.expr) -> ast.Lambda:
    return ast.Lambda(
        ast.arguments(posonlyargs=[], args=[ast.arg("values")], kwonlyargs=[], kw_defaults=[], defaults=[]), body
    )
