"""Whether a criterion holds, without its reasons: the same logic as `criteria.weigh`, compiled to Python once.

A criterion becomes two expressions, built as syntax trees: one for "it is true", one for "it is false". In each the
unknown is no case of its own, so both stop at the first part that settles them. A part that reads a fact is, but for
numbers and lists, one look into a set: `{fact: f1.level, at_least: partial}` is true where the value is in
{partial, blocked}, false where it is in {clear, not_needed}.
"""

from __future__ import annotations

import ast
import weakref
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
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

    *told* are the profile and the reports by path, whole: what is missing there is absent. *known* is all that needs
    no look-up, *told* with it. It is a view itself.
    """

    __slots__ = ("_sides", "told", "view")

    def __init__(
        self, view: View, told: Mapping[str, Any] | None = None, known: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(known or told or ())
        self.view, self.told = view, told
        self._sides: dict[Side, Values] | None = None

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

    def copied(self) -> Values:
        """Give the same facts, to add others to."""
        return type(self)(self.view, self.told, self)

    def seen_from(self, side: Side) -> Values:
        """Give the same facts seen from *side*."""
        if self._sides is None:
            self._sides = {one: Values(self.view.seen_from(one), self.told) for one in SIDES}
        return self._sides[side]


Test: TypeAlias = Callable[[Values], bool]
T = TypeVar("T")
UNSAID: frozenset[Any] = frozenset({None, *UNKNOWN_WORDS})

_true: dict[int, Test] = {}
_false: dict[int, Test] = {}
_waits: dict[int, Test] = {}
_told: dict[Truth, dict[int, Callable[[Values], tuple[str, ...]]]] = {True: {}, False: {}, None: {}}
"""By identity of the criterion, as long as it lives: hashing one by value would take longer than weighing it."""


def truth_of(criterion: Criterion, view: View) -> Truth:
    """Tell whether a criterion holds; None where that hangs on something unknown."""
    values = view if isinstance(view, Values) else Values(view)
    if holds(criterion, values):
        return True
    return False if fails(criterion, values) else None


def holds(criterion: Criterion, values: Values) -> bool:
    """Tell whether a criterion is true, neither false nor unknown: half of `truth_of`, where no more is asked."""
    return (_true.get(id(criterion)) or _compiled(criterion, True))(values)


def fails(criterion: Criterion, values: Values) -> bool:
    """Tell whether a criterion is false, neither true nor unknown."""
    return (_false.get(id(criterion)) or _compiled(criterion, False))(values)


def compiled(criterion: Criterion) -> tuple[Test, Test]:
    """Give what a criterion was compiled to: what tells that it is true, and what tells that it is false."""
    return _compiled(criterion, True), _compiled(criterion, False)


def waits(criterion: Criterion) -> Test:
    """Give what tells that an unknown criterion hangs on a fact that is absent: some of `weigh(...).because` is."""
    return _waits.get(id(criterion)) or _compile(criterion, _waits, _hangs(criterion))


def because(criterion: Criterion, values: Values, truth: Truth = True) -> tuple[str, ...]:
    """List the fact paths that make a criterion *truth*, which it must be: `weigh(...).because`, quicker."""
    held = _told[truth]
    told = held.get(id(criterion))
    if told is None:
        told = _compile(criterion, held, _open_paths(criterion) if truth is None else _paths(criterion, truth))
    return tuple(dict.fromkeys(told(values)))


HELD = -1


def truths(criteria: Sequence[Criterion]) -> Callable[[Values], tuple[Truth, ...]]:
    """Compile a look at several criteria: what each of them is. Whoever asks keeps it."""
    return _together(_truth(one) for one in criteria)


def holding(criteria: Sequence[Criterion]) -> Callable[[Values], tuple[bool, ...]]:
    """Compile a look at several criteria: does each of them hold?"""
    return _together(_expression(one, True) for one in criteria)


def openings(criteria: Sequence[Criterion]) -> Callable[[Values], tuple[int | None, ...]]:
    """Compile a look at several criteria: HELD where one holds, else the place of the only part that keeps it from it.

    That is None where several do, or where a criterion isn't an `all` of several parts.
    """
    return _together(_opening(one) for one in criteria)


def unknowns(criteria: Sequence[Criterion]) -> Callable[[Values], tuple[str, ...]]:
    """Compile a look at several criteria: the fact paths that keep any of them unknown."""
    return _together(ast.Starred(_open_paths(one), ast.Load()) for one in criteria)


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
    return _compile(criterion, _true if wanted else _false, _expression(criterion, wanted))


def _compile(criterion: Criterion, held: dict[int, Callable[[Values], T]], body: ast.expr) -> Callable[[Values], T]:
    """Compile what was written of a criterion, and keep it as long as the criterion lives."""
    return kept(held, criterion, lambda: _evaluated(body))


def kept(held: dict[int, T], content: Any, make: Callable[[], T]) -> T:
    """Give what is held for *content*, by its identity; if nothing is, make it and hold it as long as that lives."""
    found = held.get(id(content))
    if found is None:
        found = held[id(content)] = make()
        weakref.finalize(content, held.pop, id(content), None).atexit = False
    return found


def _evaluated(body: ast.expr) -> Callable[[Values], Any]:
    """Make a function of what was written."""
    code = compile(ast.fix_missing_locations(ast.Expression(_on_values(body))), "<criteria>", "eval")
    made: Callable[[Values], Any] = eval(code, {"__builtins__": {}, **WAYS})  # noqa: S307  # content is but its constants
    return made


def _together(parts: Iterable[ast.expr]) -> Callable[[Values], Any]:
    """Make a function of several expressions, in which each fact is looked up once."""
    read = _Read()
    body = read.visit(_each(parts))
    facts: list[ast.expr] = [ast.Subscript(_values(), ast.Constant(path), ast.Load()) for path in read.names]
    return _evaluated(ast.Call(_lambda(list(read.names.values()), body), facts, []))


class _Read(ast.NodeTransformer):
    """Puts a name for each fact that is read, but within a lambda, which sees it from a side."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        path = ast.literal_eval(node.slice)
        return ast.Name(self.names.setdefault(path, f"fact_{len(self.names)}"), ast.Load())


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


def _each(parts: Iterable[ast.expr]) -> ast.expr:
    return ast.Tuple(list(parts), ast.Load())


def _truth(criterion: Criterion) -> ast.expr:
    unsettled = ast.IfExp(_expression(criterion, False), ast.Constant(False), ast.Constant(None))
    return ast.IfExp(_expression(criterion, True), ast.Constant(True), unsettled)


def _opening(criterion: Criterion) -> ast.expr:
    """Write `(...if two else 1 if three else None) if one else 0 if two and three else None`, and so on."""
    parts = [_expression(part, True) for part in criterion.all_] if isinstance(criterion, All) else []
    several = ast.Constant(None)
    if len(parts) < 2:
        return ast.IfExp(_expression(criterion, True), ast.Constant(HELD), several)
    written: ast.expr = ast.Constant(HELD)
    for place in reversed(range(len(parts))):
        rest, alone = parts[place + 1 :], ast.Constant(place)
        written = ast.IfExp(parts[place], written, ast.IfExp(_either(False, rest), alone, several) if rest else alone)
    return written


def _paths(criterion: Criterion, wanted: bool) -> ast.expr:
    """Write the paths that make a criterion true, or false where that is wanted; it must be."""
    match criterion:
        case Either(either=inner) | Both(both=inner):
            told = [ast.IfExp(_expression(inner, wanted), _paths(inner, wanted), _each(())) for _ in SIDES]
            return _strung(_seen(side, one) for side, one in zip(SIDES, told, strict=True))
    found = _parts(criterion, wanted)
    if found is None:
        return _each(ast.Constant(path) for path in paths_of(criterion))
    must, parts = found
    if must == "each" or len(parts) == 1:
        return _strung(_paths(part, want) for part, want in parts)
    return _strung(ast.IfExp(_expression(part, want), _paths(part, want), _each(())) for part, want in parts)


def _open_paths(criterion: Criterion) -> ast.expr:
    """Write the paths that keep a criterion unknown; none where it is true or false."""
    # Where no part of an `all` is false, those that are true have no paths; where no part of an `any` is true, those
    # that are false have none.
    settling: tuple[bool, ...] = (True, False)
    match criterion:
        case Not(not_=inner):
            return _open_paths(inner)
        case Either(either=inner) | Both(both=inner):
            settling = (isinstance(criterion, Either),)
            paths = _strung(_seen(side, _open_paths(inner)) for side in SIDES)
        case All(all_=parts) | AnyOf(any_=parts):
            settling = (isinstance(criterion, AnyOf),)
            paths = _strung(_open_paths(part) for part in parts)
        case CountOf(count=parts):
            paths = _strung(_open_paths(part) for part in parts)
        case _:
            return ast.IfExp(_settled(criterion), _each(()), _each(map(ast.Constant, paths_of(criterion))))
    settled = _either(True, [_expression(criterion, wanted) for wanted in settling])
    return ast.IfExp(settled, _each(()), paths)


def _hangs(criterion: Criterion) -> ast.expr:
    """Write whether one of the paths of `_open_paths` is absent."""
    settling: tuple[bool, ...] = (True, False)
    match criterion:
        case Not(not_=inner):
            return _hangs(inner)
        case Either(either=inner) | Both(both=inner):
            settling = (isinstance(criterion, Either),)
            parts = [_seen(side, _hangs(inner)) for side in SIDES]
        case All(all_=several) | AnyOf(any_=several):
            settling = (isinstance(criterion, AnyOf),)
            parts = [_hangs(part) for part in several]
        case CountOf(count=several):
            parts = [_hangs(part) for part in several]
        case _:
            absent = [_read(_in(path, {None}, True)) for path in paths_of(criterion)]
            return _either(False, [ast.UnaryOp(ast.Not(), _settled(criterion)), _either(True, absent)])
    settled = _either(True, [_expression(criterion, wanted) for wanted in settling])
    return _either(False, [ast.UnaryOp(ast.Not(), settled), _either(True, parts)])


def _settled(criterion: Criterion) -> ast.expr:
    """Write when a criterion that reads a fact is true or false: one look into a set where two would be."""
    true, false = _reading(criterion, True), _reading(criterion, False)
    match true.how, false.how:
        case "in_", "in_":
            return _read(_in(true.path, true.what | false.what, True))
        case "in_", "out_":
            return _read(_in(true.path, false.what - true.what, False))
        case "out_", "in_":
            return _read(_in(true.path, true.what - false.what, False))
    return _either(True, [_read(true), _read(false)])


def _strung(tuples: Iterable[ast.expr]) -> ast.expr:
    """Write `(*one, *two)`."""
    return _each(ast.Starred(one, ast.Load()) for one in tuples)


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
    return _lambda(["values"], body)


def _lambda(names: Sequence[str], body: ast.expr) -> ast.Lambda:
    args = [ast.arg(name) for name in names]
    return ast.Lambda(ast.arguments(posonlyargs=[], args=args, kwonlyargs=[], kw_defaults=[], defaults=[]), body)
