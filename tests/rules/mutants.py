"""Changes the rules' content one thing at a time, to see whether a case notices: `python -m tests.rules.mutants`."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import math
import multiprocessing
import random
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any, TypeAlias, get_args

from pydantic import BaseModel, ValidationError

from rules import Assessment, Facts, Screen, assess, load_library
from rules.criteria import (
    LEVELS,
    SIDES,
    All,
    AnyOf,
    Asked,
    CountOf,
    Criterion,
    FactIs,
    Known,
    Not,
    Reported,
    Scalar,
    Side,
    View,
    paths_of,
)
from rules.expand import questions_of
from rules.library import ContentError, read_yaml
from rules.safety import flags
from rules.screen import (
    URGENCIES,
    Action,
    Band,
    CleanRepeat,
    ConfidenceRule,
    Demand,
    DriverRule,
    ExercisesFile,
    FindingsFile,
    FlagRule,
    Grade,
    Ladder,
    LeaveOut,
    LimitRule,
    NoteRule,
    PriorityRule,
    Safety,
    ScreenFile,
    SecondLook,
    Test,
)
from rules.sight import Sight
from rules.truth import truth_of
from tests.rules.cases import OF_FACTS_ALONE, OF_PLAN, SAFETY_CASES, Case, broken, cases, cases_of, facts_of, pinned

Step: TypeAlias = str | int
Place: TypeAlias = tuple[str, Side | None]

PARTS: Mapping[str, tuple[str, ...]] = {
    "safety": ("safety", "flags"),
    "gate": ("safety", "questions"),
    "findings": ("findings",),
    "exercises": ("exercises",),
    "screen": ("file",),
}
"""The parts of a screen that are mutated, and where each lies in it."""
ALIKE = ("safety", "gate")
"""Parts that all screens share: mutated once."""

RULES = (FlagRule, LimitRule, DriverRule, ConfidenceRule, PriorityRule, NoteRule, LeaveOut)
CRITERIA: tuple[type[BaseModel], ...] = tuple(get_args(kind)[0] for kind in get_args(get_args(Criterion)[0]))
LISTS: Mapping[type[BaseModel], tuple[str, ...]] = {
    Ladder: ("first",),
    ExercisesFile: ("position_opener", "cue_opener"),
    ScreenFile: ("ending_sensations", "invalid_sensations"),
    Demand: ("contexts",),
    CleanRepeat: ("compensations",),
}
"""Lists outside criteria whose members are taken away one by one."""
GRADES: tuple[Grade, ...] = get_args(Grade)
ACTIONS: tuple[Action, ...] = get_args(Action)
MOST_TRIES = 50_000
"""So many answers are tried to show that two contents are the same; seconds, not minutes."""
LOADER, EQUIVALENT = "the loader", "nothing: the same for every answer"


class Gone(Enum):
    """Stands for "taken away" in a mutant."""

    GONE = "gone"


GONE = Gone.GONE


_OPEN = "a page that hangs on the client's own not sure alone is asked anyway"
_LESS_FOLDED = (
    "high needs sitting and lying both short and one of them blocked, which this rule rules out, or caps itself where "
    "lying goes further (confidence.easier_lying): the cap says again what holds anyway"
)
_LESS_BEHIND = (
    "high needs feet that barely fall out, or feet that fall out easily with a blocked turn and a short long step and "
    "no cue that helps; this rule rules out both: the cap says again what holds anyway"
)
_HELPED = "a cue that fades, stays or can't be taken away is one that helped"
_RANGE = "the other conditions are range already"
_TURN = "range with feet that are no further than they need be leaves the turn only this answer"
_CAPPED = "what it lets in besides are rules of at most medium, and then high is taken down again"
_ALWAYS_SUITS = "fp4 is ruled out for nobody, and what opens is never fp4 there"
_LYING_CLEAR = "with lying clear there is no range, and no driver that could be as sure"
PROVEN: Mapping[tuple[str, str, str], str] = {
    ("safety", "rf25_stiff_hip", "without {either: {fact: f1.level, is: blocked}}"): (
        "from 50 on, a blocked f1 already holds in the branch above, which starts at 40"
    ),
    ("gate", "medicines", "without {fact: profile.medicines, is: unsure}"): _OPEN,
    ("gate", "sexual", "reports.sexual_change: not sure counts as no"): _OPEN,
    ("gate", "pain_load", "reports.rest_pain: not sure counts as no"): _OPEN,
    ("gate", "nerve", "reports.leg_tingle: not sure counts as no"): _OPEN,
    **{
        ("findings", rule, "at_most medium -> high"): _LESS_FOLDED
        for rule in (
            "flexion.positional.heel_only",
            "flexion.positional.cue",
            "flexion.positional.stays",
            "flexion.positional.easier_lying",
            "flexion.control.active",
            "flexion.pelvic.turn",
            "flexion.positional.weight_forward",
            "flexion.control.loaded",
        )
    },
    **{
        ("findings", rule, "at_most medium -> high"): _LESS_BEHIND
        for rule in (
            "extension.positional.cue",
            "extension.positional.stays",
            "extension.pelvic.range",
            "extension.pelvic.prior",
            "extension.control.cannot_find",
            "extension.pelvic.turn",
        )
    },
    **{
        ("findings", rule, "without {fact: derived.cue_helped, is: yes}"): _HELPED
        for rule in (
            "flexion.positional.cue",
            "extension.positional.cue",
            "note.stays",
        )
    },
    ("findings", "drivers", "flexion.femoral after flexion.control.active"): (
        "range needs lying that is not clear, control needs it clear"
    ),
    ("findings", "drivers", "flexion.control.active after flexion.pelvic.turn"): (
        "one needs sitting short, the other sitting clear"
    ),
    ("findings", "flexion.range.blocked", "f2.level at_least partial -> clear"): (
        "lying clear already fails the condition before; only the near misses would name one more"
    ),
    ("findings", "extension.pelvic.two_tests", "without {fact: derived.range, is: yes}"): _RANGE,
    ("findings", "extension.pelvic.two_tests", "without {fact: e2.level, is: blocked}"): _TURN,
    ("findings", "extension.pelvic.prior", "without {fact: derived.range, is: yes}"): _RANGE,
    ("findings", "extension.unclear.both_partial", "without {fact: e1.level, is: partial}"): (
        "range with a partial turn needs feet that fall out little; where they barely do, extension.femoral came before"
    ),
    ("findings", "extension.unclear.both_partial", "without {fact: e2.level, is: partial}"): (
        "range with partial feet needs a short turn; where it is blocked, extension.pelvic.prior came before"
    ),
    ("findings", "confidence.flexion.concordant", "f2.level at_least partial -> clear"): _LYING_CLEAR,
    ("findings", "confidence.flexion.concordant", "f2.level at_least partial -> blocked"): (
        "lying partial counts only beside blocked sitting, and that is capped by confidence.easier_lying"
    ),
    ("findings", "confidence.flexion.concordant", "without {fact: f1.level, is: blocked}"): (
        "without it lying would have to be blocked; blocked sitting with lying partial is capped by "
        "confidence.easier_lying"
    ),
    ("findings", "confidence.extension.turn_and_step", "without {fact: e3.level, at_least: partial}"): _CAPPED,
    ("findings", "confidence.extension.turn_and_step", "e3.level at_least partial -> clear"): _CAPPED,
    ("findings", "note.shape.hard_stop", "f2.level at_least partial -> clear"): _LYING_CLEAR,
    ("exercises", "fp_positional", "builder without fp6"): _ALWAYS_SUITS,
    ("exercises", "fp_pelvic", "builder without fp6"): _ALWAYS_SUITS,
    ("exercises", "control_flexion", "builder without fp6"): _ALWAYS_SUITS,
    ("exercises", "ff", "opener without ff4"): "whatever rules out ff1 (a pinch, no floor, pregnancy) rules out ff4",
    ("exercises", "ef", "builder without ef5"): (
        "whatever rules out ef4 (the girdle, no floor, pregnancy) rules out ef5, and no phase chooses behind"
    ),
    ("exercises", "control_extension", "builder without ef4"): (
        "whatever rules out ep1 (no floor, pregnancy) rules out ef4, and no phase chooses behind"
    ),
    ("exercises", "mx", "opener without fp6"): "fp3 is ruled out for nobody, and nothing opens before the opener",
    ("exercises", "3", "position_opener without fp4"): (
        "fp3 is ruled out for nobody, and nothing opens before the opener"
    ),
    ("gate", "history", "without {fact: profile.age_band, in: [18_39, 40_49, 50_64, 65_plus]}"): (
        "under 18 the page with the operation is not asked, so this one, which hangs on it, isn't either"
    ),
}
"""Mutants that are the same for every answer where that is not shown by trying: part, rule and change -> why.

Of findings: the same limit, driver, confidence and notes; a near miss may be told more or less.
"""


# --- mutants ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One change of a screen: at *path* stands *new* (or nothing). *rule* is the rule it lies in."""

    part: str
    screen: str
    rule: str
    what: str
    path: tuple[Step, ...]
    new: Any

    def __str__(self) -> str:
        place = ".".join(str(step).rstrip("_") for step in self.path[len(PARTS[self.part]) :])
        return f"{self.rule}: {self.what}  [{self.screen} {'.'.join(PARTS[self.part])}.{place}]"


def mutants(screen: Screen, part: str) -> Iterator[Mutant]:
    """Make every mutant of a part of a screen."""
    held: Any = screen
    for step in PARTS[part]:
        held = getattr(held, step)
    for path, new, what in _changes(held, PARTS[part], screen):
        yield Mutant(part=part, screen=screen.id, rule=_rule_at(screen, path), what=what, path=path, new=new)


Change: TypeAlias = tuple[tuple[Step, ...], Any, str]


def _changes(held: Any, path: tuple[Step, ...], screen: Screen) -> Iterator[Change]:
    if isinstance(held, CRITERIA):
        if path[0] == "safety" and path[-1] == "ask_when":
            yield path, None, "asked always"
        yield from _of_criterion(held, path, screen, positive=path[-1] == "when" and path[0] == "safety")
    elif isinstance(held, BaseModel):
        yield from _of_model(held, path)
        for name in type(held).model_fields:
            yield from _changes(getattr(held, name), (*path, name), screen)
            if name in LISTS.get(type(held), ()):
                yield from _members(getattr(held, name), (*path, name))
    elif isinstance(held, tuple):
        yield from _flags_swapped(held, path)
        for index, one in enumerate(held):
            if isinstance(one, RULES):
                yield (*path, index), GONE, f"deleted ({_name_of(one)})"
            yield from _changes(one, (*path, index), screen)
    elif isinstance(held, Mapping):
        for key, one in held.items():
            yield from _changes(one, (*path, key), screen)


def _members(held: Any, path: tuple[Step, ...]) -> Iterator[Change]:
    if isinstance(held, Mapping):
        for key, one in held.items():
            yield from _members(one, (*path, key))
    else:
        for index, member in enumerate(held):
            yield (*path, index), GONE, f"{path[-1]} without {member}"


def _of_model(held: BaseModel, path: tuple[Step, ...]) -> Iterator[Change]:
    """Change what stands in a rule beside its criteria."""
    match held:
        case FlagRule(urgency=urgency, action=action):
            for other in _next_to(urgency, URGENCIES):
                yield (*path, "urgency"), other, f"urgency {urgency} -> {other}"
            after = ACTIONS[(ACTIONS.index(action) + 1) % len(ACTIONS)]
            yield (*path, "action"), after, f"action {action} -> {after}"
        case DriverRule(at_most=grade):
            for step in _next_to(grade, GRADES):
                yield (*path, "at_most"), step, f"at_most {grade} -> {step}"
        case ConfidenceRule(at_most=cap) if cap is not None:
            cap_to = "low" if cap == "medium" else "medium"
            yield (*path, "at_most"), cap_to, f"at_most {cap} -> {cap_to}"
        case FindingsFile(drivers=drivers):
            yield from _swaps(drivers, (*path, "drivers"))
        case Band():
            for name in ("male", "other"):
                for bound in (getattr(held, name) - 1, getattr(held, name) + 1):
                    yield (*path, name), bound, f"{path[-1]} {name} {getattr(held, name):g} -> {bound:g}"
        case ScreenFile(ending_pain=pain):
            for level in (pain - 1, pain + 1):
                yield (*path, "ending_pain"), level, f"ending_pain {pain} -> {level}"


def _next_to(held: Any, order: Sequence[Any]) -> Iterator[Any]:
    place = order.index(held)
    yield from (order[i] for i in (place - 1, place + 1) if 0 <= i < len(order))


def _swaps(drivers: Sequence[DriverRule], path: tuple[Step, ...]) -> Iterator[Change]:
    """Swap each driver rule with the next of its context, where both can hold at once."""
    for index, rule in enumerate(drivers):
        after = next((i for i in range(index + 1, len(drivers)) if drivers[i].context == rule.context), None)
        if after is None or _exclude(rule.when, drivers[after].when):
            continue
        order = list(drivers)
        order[index], order[after] = order[after], order[index]
        yield path, tuple(order), f"{rule.id} after {drivers[after].id}"


def _flags_swapped(held: Sequence[Any], path: tuple[Step, ...]) -> Iterator[Change]:
    """Swap flags of one row and urgency: of equals the first stands."""
    for first, second in itertools.combinations(range(len(held)), 2):
        one, other = held[first], held[second]
        if not isinstance(one, FlagRule) or (one.row, one.urgency) != (other.row, other.urgency):
            continue
        if not _exclude(one.when, other.when):
            order = list(held)
            order[first], order[second] = other, one
            yield path, tuple(order), f"{one.id} after {other.id}"


def _exclude(one: Criterion, other: Criterion) -> bool:
    """Tell whether two criteria each need another word of the same fact, so that they can't both hold."""
    of_one, of_other = _needed(one), _needed(other)
    return any(of_one[fact] != of_other[fact] for fact in of_one.keys() & of_other.keys())


def _needed(criterion: Criterion) -> dict[str, Scalar]:
    parts = criterion.all_ if isinstance(criterion, All) else (criterion,)
    return {part.fact: part.is_ for part in parts if isinstance(part, FactIs)}


def _of_criterion(held: Any, path: tuple[Step, ...], screen: Screen, *, positive: bool) -> Iterator[Change]:
    """Change a criterion; *positive*: only whether the whole is true counts, and no `not` stands above."""
    match held:
        case All() | AnyOf() | CountOf():
            name = next(iter(type(held).model_fields))
            parts = getattr(held, name)
            for index, part in enumerate(parts):
                if not (positive and isinstance(held, All) and _only_guards(part, parts)):
                    yield (*path, name, index), GONE, f"without {_text(part)}"
                yield from _of_criterion(part, (*path, name, index), screen, positive=positive)
            if isinstance(held, CountOf):
                yield from _of_bound(held.at_least, (*path, "at_least"))
        case Not(not_=inner):
            yield path, inner, f"without the not of {_text(inner)}"
            yield from _of_criterion(inner, (*path, "not_"), screen, positive=False)
        case Reported(reported=fact):
            if _can_be_unsure(fact, screen):
                yield path, FactIs(fact=fact, is_="yes"), f"{fact}: not sure counts as no"
        case FactIs(fact=fact, is_="yes"):
            if path[0] == "safety" and _can_be_unsure(fact, screen):
                yield path, Reported(reported=fact), f"{fact}: not sure counts as yes"
        case Known() | Asked():
            return
        case _ if "fact" not in type(held).model_fields:  # either, both
            for name in type(held).model_fields:
                yield from _of_criterion(getattr(held, name), (*path, name), screen, positive=positive)
        case _:
            for name in type(held).model_fields:
                value = getattr(held, name)
                if isinstance(value, tuple):
                    for index, member in enumerate(value):
                        yield (*path, name, index), GONE, f"{_text(held)} without {member}"
                elif name not in ("fact", "is_"):
                    for new, what in ((n, w) for _, n, w in _of_bound(value, (*path, name))):
                        yield (*path, name), new, f"{held.fact} {what}"


def _of_bound(value: Scalar, path: tuple[Step, ...]) -> Iterator[Change]:
    name = str(path[-1]).rstrip("_")
    if isinstance(value, str):
        for level in _next_to(value, LEVELS) if value in LEVELS else ():
            yield path, level, f"{name} {value} -> {level}"
        return
    step = 1 if value == int(value) else 0.1
    for bound in (value - step, value + step):
        yield path, bound, f"{name} {value:g} -> {bound:g}"


def _only_guards(part: Any, beside: Sequence[Any]) -> bool:
    """Tell whether leaving out `known` or `asked` changes nothing, ever: these are the equivalent mutants.

    Proof: where the guard is false, the fact compared beside it in the same `all` is unknown, so that `all` is not
    true either way; under no `not`, a flag sees only whether the whole is true.
    """
    guarded = getattr(part, "known", None) or getattr(part, "asked", None)
    for one in beside:
        if guarded and getattr(one, "fact", None) == guarded and getattr(one, "is_", None) not in ("unknown", "unsure"):
            return True
        if isinstance(part, Asked) and isinstance(one, Reported) and one.reported == guarded:
            return True
    return False


def _can_be_unsure(fact: str, screen: Screen) -> bool:
    rows = [row for question in screen.questions for row in question.rows if row.path == fact]
    return fact in screen.worded_only or any(option.id == "unsure" for row in rows for option in row.options)


def _text(criterion: Any) -> str:
    text = json.dumps(criterion.model_dump(by_alias=True)).replace('"', "")
    return text if len(text) <= 110 else f"{text[:107]}..."


def _rule_at(screen: Screen, path: tuple[Step, ...]) -> str:
    """Name the rule, test or exercise in which a path lies."""
    held: Any = screen
    names = []
    for step in path:
        held = held[step] if isinstance(step, int) or isinstance(held, Mapping) else getattr(held, step)
        if isinstance(held, BaseModel) and not isinstance(held, CRITERIA) and (name := _name_of(held)):
            names.append(name)
    return " ".join(names[-2:]) or str(path[-1])


def _name_of(held: BaseModel) -> str:
    return str(getattr(held, "id", None) or getattr(held, "reason", ""))


# --- a screen, changed --------------------------------------------------------------------------------------------


def mutated(screen: Screen, mutant: Mutant) -> Screen:
    """Change a screen; raises ValueError or ContentError where the result would not load."""
    room, *path = mutant.path
    values = {name: getattr(screen, name) for name in Screen.model_fields}
    values[str(room)] = _rebuilt(values[str(room)], tuple(path), mutant.new)
    if room == "file":
        values["tests"] = {test.id: test for test in values["file"].tests}
    if room == "file" or mutant.part == "gate":
        values["questions"] = questions_of(values["safety"], values["file"])
    return Screen.model_construct(**values)


def _rebuilt(held: Any, path: tuple[Step, ...], new: Any) -> Any:
    """Rebuild what lies along a path, validated again; all else stays the same object."""
    if not path:
        return new
    step, *rest = path
    if isinstance(held, tuple) and isinstance(step, int):
        put = () if new is GONE and not rest else (_rebuilt(held[step], tuple(rest), new),)
        return (*held[:step], *put, *held[step + 1 :])
    if isinstance(held, Mapping):
        return {**held, step: _rebuilt(held[step], tuple(rest), new)}
    values = {name: getattr(held, name) for name in type(held).model_fields}
    values[str(step)] = _rebuilt(values[str(step)], tuple(rest), new)
    return type(held).model_validate(values)


# --- mutants that nothing could tell apart ------------------------------------------------------------------------


def equivalent(screen: Screen, mutant: Mutant) -> bool:
    """Tell whether a mutant of a flag is the same for every answer: by trying them all, or by the table above.

    Of one evidence row only one flag stands, and no flag knows of another row: so the rules of the row decide, and
    they see of a fact no more than the words they name, or on which side of their numbers it lies. Facts are taken as
    free of each other, which is more than can be answered. Where there are too many to try, the answer is no.
    """
    if (mutant.part, mutant.rule, mutant.what) in PROVEN:
        return True
    if mutant.part != "safety":
        return False
    changed = mutated(screen, mutant)
    place = mutant.path[2] if len(mutant.path) > 2 else None  # None: rules of a row changed places
    pairs = itertools.zip_longest(screen.safety.flags, changed.safety.flags)
    old = next(one for i, (one, other) in enumerate(pairs) if (one != other if place is None else i == place))
    deleted = mutant.new is GONE and len(mutant.path) == 3
    new = None if deleted or place is None else changed.safety.flags[int(place)]
    before, after = (_of_row(one, old.row) for one in (screen, changed))
    domains = _domains([rule.when for safety in (before, after) for rule in safety.flags], screen)
    if math.prod(len(values) for values in domains.values()) > MOST_TRIES:
        return False
    for values in itertools.product(*domains.values()):
        view = _Free(values=dict(zip(domains, values, strict=True)))
        if (place is None or _seen(old, new, view)) and _told_by(before, view) != _told_by(after, view):
            return False
    return True


def _seen(old: FlagRule, new: FlagRule | None, view: View) -> bool:
    """Tell whether a changed flag rule holds in one content only, or in both and differently."""
    held = truth_of(old.when, view) is True
    holds = new is not None and truth_of(new.when, view) is True
    if held != holds:
        return True
    return held and new is not None and (old.urgency, old.action) != (new.urgency, new.action)


def _of_row(screen: Screen, row: str) -> Safety:
    rules_of_row = tuple(rule for rule in screen.safety.flags if rule.row == row)
    return screen.safety.model_copy(update={"flags": rules_of_row})


def _told_by(safety: Safety, view: View) -> list[tuple[str, str, str]]:
    return [(flag.id, flag.urgency, flag.action) for flag in flags(safety, view)]


@dataclass(frozen=True, kw_only=True)
class _Free:
    """Facts by path and side, each free of the others."""

    values: Mapping[Place, Any]
    side: Side | None = None

    def value(self, path: str) -> Any:
        return self.values.get((path, self.side if _sided(path) else None))

    def seen_from(self, side: Side) -> _Free:
        return _Free(values=self.values, side=side)


def _sided(path: str) -> bool:
    return path.partition(".")[0] not in ("profile", "reports", "derived")


def _domains(criteria: Sequence[Criterion], screen: Screen) -> dict[Place, list[Any]]:
    """List for each fact, from each side, the values between which criteria can tell."""
    domains = _values(criteria, screen)
    return {(p, side): held for p, held in domains.items() for side in ((None, *SIDES) if _sided(p) else (None,))}


def _values(criteria: Sequence[Criterion], screen: Screen) -> dict[str, list[Any]]:
    leaves = [leaf for criterion in criteria for leaf in _leaves(criterion)]
    domains: dict[str, list[Any]] = {}
    for path in dict.fromkeys(path for criterion in criteria for path in paths_of(criterion)):
        named: set[Any] = set()
        listed: set[str] = set()
        for leaf in leaves:
            if getattr(leaf, "fact", None) == path:
                listed |= set(getattr(leaf, "includes", ()))
                for name in type(leaf).model_fields:
                    value = getattr(leaf, name)
                    if name not in ("fact", "includes"):
                        named |= set(value) if isinstance(value, tuple) else {value}
        numbers = sorted(n for n in named if isinstance(n, int | float))
        rows = [row for question in screen.questions for row in question.rows if row.path == path]
        options = dict.fromkeys(option.id for row in rows for option in row.options)
        if numbers:
            domains[path] = [None, *(["unknown"] if _sided(path) else []), numbers[0] - 1, *numbers]
        elif listed:
            words = sorted(listed)
            domains[path] = [None, *(w for n in range(len(words) + 1) for w in itertools.combinations(words, n))]
        elif path in screen.worded_only:
            domains[path] = [None, "no", "yes", "unsure"]
        else:
            telling = {*named, "yes", "unsure", "unknown"}
            other = next((option for option in options if option not in telling), "another")
            domains[path] = [None, other, *((o for o in options if o in telling) if options else (*named, "unknown"))]
    return domains


def _leaves(criterion: Any) -> Iterator[Any]:
    inner = [getattr(criterion, name) for name in type(criterion).model_fields]
    parts = [p for value in inner for p in (value if isinstance(value, tuple) else (value,)) if isinstance(p, CRITERIA)]
    if not parts:
        yield criterion
    for part in parts:
        yield from _leaves(part)


# --- running them -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, eq=False)
class Written:
    """A case that is ready to be compared: its facts, and how the untouched screen sees them."""

    case: Case
    facts: Facts
    sight: Sight
    rooms: frozenset[str]
    own: frozenset[str]
    """The facts it tells itself, beside those of the case it is like."""

    @cached_property
    def said(self) -> Assessment:
        """Assess it, once."""
        return assess(self.sight.screen, self.facts)


@dataclass(kw_only=True)
class Bench:
    """A screen and the cases that hold it."""

    screen: Screen
    written: tuple[Written, ...]
    levels: Mapping[str, str]
    killers: dict[str, list[Written]] = field(default_factory=dict)
    """Rule -> the cases that killed a mutant of it: tried first for its other mutants."""

    def drop_broken(self) -> list[tuple[str, str]]:
        """Leave out the cases that the untouched screen breaks, and tell which and how: they would kill anything."""
        how = [(one, broken(one.case, self.screen, one.facts, self.levels)) for one in self.written]
        self.written = tuple(one for one, said in how if said is None)
        return [(str(one.case["name"]), said) for one, said in how if said is not None]

    def killer(self, mutant: Mutant) -> str | None:
        """Name the case that a mutant breaks; LOADER where it doesn't load, EQUIVALENT where none could break it."""
        try:
            changed = mutated(self.screen, mutant)
        except (ValidationError, ValueError, ContentError):
            return LOADER
        for one in self._ordered(mutant):
            if not self._may_see(one, mutant, changed):
                continue
            said = one.said if mutant.part == "exercises" else None  # which knows no exercise
            if broken(one.case, changed, one.facts, self.levels, said=said) is not None:
                known = self.killers.setdefault(mutant.rule, [])
                if one not in known[:1]:
                    known.insert(0, one)
                return str(one.case["name"])
        return EQUIVALENT if equivalent(self.screen, mutant) else None

    def _ordered(self, mutant: Mutant) -> list[Written]:
        rooms = _rooms_of(self.screen, mutant)
        known = {id(one): place for place, one in enumerate(self.killers.get(mutant.rule, ()))}
        telling = _telling(mutant)

        def rank(one: Written) -> tuple[int, bool, int, int]:
            own = -len(rooms & one.own)
            return known.get(id(one), len(known)), telling.isdisjoint(one.case), own, -len(rooms & one.rooms)

        return sorted(self.written, key=rank)

    def _may_see(self, one: Written, mutant: Mutant, changed: Screen) -> bool:
        """Tell whether a case can see a mutant. Flags come from safety and tests alone, never from findings.

        A changed flag rule is seen only where it holds in one of the two contents, and not in both alike.
        """
        pins = pinned(one.case)
        if mutant.part == "findings":
            return bool(pins - OF_FACTS_ALONE)
        if mutant.part == "exercises":
            return bool(pins & (OF_PLAN if _rules_out(mutant) else OF_PLAN - {"barred"}))
        if mutant.part == "gate":
            return "asks" in one.case
        if mutant.part != "safety" or len(mutant.path) < 3:
            return True
        index = mutant.path[2]
        assert isinstance(index, int)
        deleted = mutant.new is GONE and len(mutant.path) == 3
        new = None if deleted else changed.safety.flags[index]
        return _seen(self.screen.safety.flags[index], new, one.sight)


def _rules_out(mutant: Mutant) -> bool:
    """Tell whether a mutant changes when an exercise is ruled out."""
    return mutant.part == "exercises" and "not_when" in mutant.path


def _telling(mutant: Mutant) -> frozenset[str]:
    """List the keys of cases that most likely tell a mutant: tried first."""
    if mutant.part == "exercises":
        return frozenset({"barred"} if _rules_out(mutant) else {"session"})
    if mutant.part == "screen":
        if "demands" in mutant.path:
            return frozenset({"offered"})
        levels = {"degrees", "clean", "ending_pain", "ending_sensations", "invalid_sensations"}
        return frozenset({"rows", "skips"} if levels.isdisjoint(mutant.path) else {"counts"})
    return frozenset({"findings"} if mutant.part == "findings" else {"flags"})


def _rooms_of(screen: Screen, mutant: Mutant) -> set[str]:
    """List the facts that the mutated rule reads: reports and profile by path, tests by id."""
    held: Any = screen
    rooms: set[str] = set()
    for step in mutant.path:
        held = held[step] if isinstance(step, int) or isinstance(held, Mapping) else getattr(held, step)
        if isinstance(held, (*RULES, SecondLook)) and held.when is not None:
            return {_room(path) for path in paths_of(held.when)}
        if isinstance(held, Test):
            rooms = {held.id}
    return rooms


def _room(path: str) -> str:
    room, _, rest = path.removeprefix("other.").partition(".")
    return path if room in ("profile", "reports") else (rest if room == "derived" else room).partition(":")[0]


def benches(without: Sequence[str] = ()) -> dict[str, Bench]:
    """Read every screen with its cases; cases named in *without* are left away."""
    levels = read_yaml(SAFETY_CASES)["levels"]
    made = {}
    for screen in load_library().screens.values():
        written = [
            Written(case=case, facts=facts, sight=Sight(screen, facts), rooms=_told(facts), own=_told(own))
            for known in (cases(SAFETY_CASES), cases_of(screen.id))
            for case in known.values()
            if case["name"] not in without
            for facts, own in ((facts_of(case, known), facts_of({**case, "like": None}, known)),)
        ]
        made[screen.id] = Bench(screen=screen, written=tuple(written), levels=levels)
    return made


def _told(facts: Facts) -> frozenset[str]:
    return frozenset(
        {
            *(f"profile.{name}" for name in facts.profile),
            *(f"reports.{name}" for name in facts.reports),
            *(attempt.test for attempt in facts.attempts),
        }
    )


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a part: its mutants, who killed each, and those that were not reached in time."""

    part: str
    killed: Mapping[str, int]
    equivalent: tuple[Mutant, ...]
    survivors: tuple[Mutant, ...]
    unfinished: int


_benches: dict[str, Bench] = {}


def _start(made: dict[str, Bench]) -> None:
    _benches.update(made)


def _try(mutant: Mutant) -> tuple[Mutant, str | None]:
    return mutant, _benches[mutant.screen].killer(mutant)


def run(part: str, made: dict[str, Bench], *, jobs: int, limit_seconds: float) -> Outcome:
    """Try every mutant of a part."""
    until = time.perf_counter() + limit_seconds
    screens = list(made.values())[:1] if part in ALIKE else list(made.values())
    todo = [mutant for bench in screens for mutant in mutants(bench.screen, part)]
    killed: dict[str, int] = {}
    survivors, same = [], []
    done = 0
    with contextlib.ExitStack() as stack:
        if jobs > 1:
            pool = stack.enter_context(multiprocessing.Pool(jobs, _start, (made,)))
            tried: Iterable[tuple[Mutant, str | None]] = pool.imap(_try, todo, chunksize=4)
        else:
            _start(made)
            tried = map(_try, todo)
        for mutant, killer in tried:
            done += 1
            if killer is None:
                survivors.append(mutant)
            elif killer == EQUIVALENT:
                same.append(mutant)
            else:
                killed[killer] = killed.get(killer, 0) + 1
            if time.perf_counter() > until:
                break
    return Outcome(
        part=part,
        killed=killed,
        equivalent=tuple(same),
        survivors=tuple(survivors),
        unfinished=len(todo) - done,
    )


def sample(screen: Screen, part: str, count: int) -> list[Mutant]:
    """Pick mutants of a part at random, the same ones every time."""
    return random.Random(part).sample(list(mutants(screen, part)), count)  # noqa: S311  # no secret


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the mutants of the parts asked for; 1 where one survives, 2 where time ran out first."""
    parser = argparse.ArgumentParser(prog="python -m tests.rules.mutants", description=__doc__)
    parser.add_argument("--part", choices=(*PARTS, "all"), default="all")
    parser.add_argument("--limit-seconds", type=float, default=float("inf"), help="for each part")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--same", action="store_true", help="list what is the same for every answer: redundant rules")
    given = parser.parse_args(arguments)
    made = benches()
    code = 0
    for bench in made.values():
        for name, how in bench.drop_broken():
            sys.stderr.write(f"case {name!r} is broken before anything was changed, and left out: {how}\n")
            code = 2
    for part in PARTS if given.part == "all" else (given.part,):
        outcome = run(part, made, jobs=given.jobs, limit_seconds=given.limit_seconds)
        killed = sum(outcome.killed.values())
        count = killed + len(outcome.equivalent) + len(outcome.survivors) + outcome.unfinished
        sys.stdout.write(
            f"{part}: {count} mutants, {killed} killed ({outcome.killed.get(LOADER, 0)} by the loader), "
            f"{len(outcome.equivalent)} the same for every answer, {len(outcome.survivors)} survivors, "
            f"{outcome.unfinished} not reached\n"
        )
        sys.stdout.writelines(f"  {mutant}\n" for mutant in outcome.survivors)
        if given.same:
            sys.stdout.writelines(f"  the same: {mutant}\n" for mutant in outcome.equivalent)
        sys.stdout.flush()
        same = {(part, mutant.rule, mutant.what) for mutant in outcome.equivalent}
        stale = [] if outcome.unfinished else [key for key in PROVEN if key[0] == part and key not in same]
        sys.stdout.writelines(f"  PROVEN lists what is no such mutant: {': '.join(key)}\n" for key in stale)
        code = max(code, 1 if stale else 0)
        code = max(code, 2 if outcome.unfinished else 1 if outcome.survivors else 0)
    return code


if __name__ == "__main__":
    sys.exit(main())
