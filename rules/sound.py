"""What rules can come to: which can never fire, which are shadowed, which contradict each other, what they miss."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from rules.assess import assess
from rules.check import Problem, Use, contexts_of, criteria_of, file_of, found, in_all, openers_of, sources_of
from rules.criteria import (
    LEVELS,
    NOT_NEEDED,
    SIDES,
    All,
    AnyOf,
    Both,
    CountOf,
    Criterion,
    Either,
    FactAtLeast,
    FactBelow,
    FactIn,
    FactIncludes,
    FactIs,
    Not,
    Side,
    Truth,
    paths_of,
    weigh,
)
from rules.evidence import unfounded
from rules.expand import EXTRA_ANSWERS, ITEM_ANSWERS
from rules.facts import ATTEMPT_FIELDS, Attempt, Facts
from rules.library import Library, read_texts
from rules.questions import SETTINGS
from rules.screen import LeaveOut, Screen, Test
from rules.sight import Sight
from rules.truth import truth_of

MOST_STEPS = 20_000
"""How many steps one question about rules may take before it is given up: a few seconds (proposal)."""
MOST_MIXES = 2_187
"""How many combinations of levels are tried in one context: seven tests of three levels (proposal)."""
MOST_WORDS = 6
"""Of up to so many words that rules look for in a list, every combination is tried (proposal)."""
YES_NO = ("yes", "no", "unknown")

Want: TypeAlias = Literal["true", "false", "not true", "not false"]
Goal: TypeAlias = tuple[Criterion, Side | None, Want]
Ways: TypeAlias = list[list[Goal]]
Key: TypeAlias = tuple[str | None, str]
"""A fact: the side it is of, if any, and its path."""
Domains: TypeAlias = Mapping[Key, tuple[Any, ...]]
"""The values that are left for each fact."""
OPPOSITE: Mapping[Want, Want] = {"true": "false", "false": "true", "not true": "not false", "not false": "not true"}


class TooBig(Exception):
    """A rule with too many combinations to look through."""


@dataclass(kw_only=True)
class Examined:
    """What was looked at, in numbers, and what is wrong."""

    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()
    """What an author should know and need not mend: what order decides, and what could not be looked through."""
    counts: dict[str, int] = field(default_factory=dict)


def examine(library: Library) -> Examined:
    """Look through all content: what `check` finds, and what rules can come to."""
    problems: list[Problem] = list(found(library))
    texts = read_texts(library.root) if library.root is not None else {}
    seen = Examined()
    never: list[tuple[Problem, ...]] = []
    for screen in library.screens.values():
        sound = _Sound(screen, seen)
        never.append(tuple(sound.never()))
        problems += sound.problems()
        seen.notes += tuple(unfounded(screen, texts))
        seen.counts["sources"] = seen.counts.get("sources", 0) + len(list(sources_of(screen)))
    problems += in_all(never)
    seen.problems = tuple(dict.fromkeys(problems))
    seen.notes = tuple(dict.fromkeys(seen.notes))
    return seen


class _Sound:
    """One screen while its rules are looked through."""

    def __init__(self, screen: Screen, seen: Examined) -> None:
        self.screen, self.seen = screen, seen
        self.spaces = {tapped: Space(screen, tapped=tapped) for tapped in (False, True)}

    def problems(self) -> Iterator[Problem]:
        """Find what an author must mend."""
        yield from self._odd_words()
        yield from self._shadowed()
        yield from self._limits_differ()
        yield from self._flags_differ()
        yield from self._stand_ins_differ()
        yield from self._gaps()
        yield from self._unreached()

    def _count(self, what: str, number: int = 1) -> None:
        self.seen.counts[what] = self.seen.counts.get(what, 0) + number

    def _can(self, goals: Sequence[Goal], use: Use, about: str, context: str | None = None) -> Example | bool | None:
        """Look for facts that meet all goals; False where there are none, None where there are too many to look at."""
        self._count("questions about rules")
        try:
            found_facts = self.spaces[use.tapped].example(goals, context)
        except TooBig:
            says = f"{use.name} has too many combinations to look through ({about}); look at it yourself"
            self.seen.notes += (Problem(file=use.file, at=use.at, says=says),)
            return None
        return False if found_facts is None else found_facts

    def never(self) -> Iterator[Problem]:
        """Find criteria that nothing can make true."""
        for use in criteria_of(self.screen):
            self._count("criteria")
            side: Side | None = "left" if use.sided else None
            contexts: tuple[str | None, ...] = use.contexts or (None,)
            can = [self._can([(use.criterion, side, "true")], use, "can it be true?", c) for c in contexts]
            if not list(self._odd(use)) and all(one is False for one in can):
                says = f"{use.name} can never fire: no answers make it true; mend its criteria or drop it"
                yield Problem(file=use.file, at=use.at, says=says)

    def _odd_words(self) -> Iterator[Problem]:
        for use in criteria_of(self.screen):
            yield from self._odd(use)

    def _odd(self, use: Use) -> Iterator[Problem]:
        """Find words in a criterion that nothing offers."""
        space = self.spaces[use.tapped]
        for atom in _atoms(use.criterion):
            words = _words(atom)
            offered = space.words(paths_of(atom)[0])
            for word in words:
                if offered is not None and word not in offered:
                    path = paths_of(atom)[0]
                    takes = ", ".join(str(one) for one in offered)
                    says = f"{use.name} wants {path} to be {word!r}, which is never answered; it takes: {takes}"
                    yield Problem(file=use.file, at=use.at, says=says)

    def _uses(self, section: str) -> Mapping[str, Use]:
        prefix = f"{section}."
        return {u.at.removeprefix(prefix): u for u in criteria_of(self.screen) if u.at.startswith(prefix)}

    def _shadowed(self) -> Iterator[Problem]:
        """Find driver rules whose every case an earlier rule of the same context takes."""
        uses = self._uses("drivers")
        for context in contexts_of(self.screen):
            earlier: list[str] = []
            for rule in self.screen.findings.drivers:
                if rule.context != context:
                    continue
                use = uses[rule.id]
                alone: Goal = (rule.when, "left", "true")
                against: list[Goal] = [(uses[name].criterion, "left", "not true") for name in earlier]
                self._count("driver rules")
                shadowed = earlier and self._can([alone, *against], use, "is it shadowed?", context) is False
                if shadowed and self._can([alone], use, "can it be true?", context):
                    by = self._shadows(use, earlier, uses, context)
                    says = f"{use.name} is never reached: whatever makes it true makes {by} true before it;"
                    yield Problem(file=use.file, at=use.at, says=f"{says} move it up, narrow {by} or drop it")
                earlier.append(rule.id)

    def _shadows(self, use: Use, earlier: Sequence[str], uses: Mapping[str, Use], context: str) -> str:
        """Name the one earlier rule that takes all, or all of them where it takes several."""
        for name in earlier:
            goals: list[Goal] = [(use.criterion, "left", "true"), (uses[name].criterion, "left", "not true")]
            if self._can(goals, use, f"does {name} shadow it?", context) is False:
                return name
        return "one of " + ", ".join(earlier)

    def _limits_differ(self) -> Iterator[Problem]:
        uses = self._uses("limits")
        for one, two in itertools.combinations(self.screen.findings.limits, 2):
            if one.context != two.context or one.then == two.then:
                continue
            self._count("pairs of limit rules")
            use = uses[two.id]
            goals: list[Goal] = [(one.when, "left", "true"), (two.when, "left", "true")]
            if example := self._can(goals, use, f"beside {one.id}", one.context):
                says = f"{use.name} says {two.then} where rule {one.id} says {one.then} ({_told(example)});"
                yield Problem(file=use.file, at=use.at, says=f"{says} narrow one, so that both never hold")

    def _flags_differ(self) -> Iterator[Problem]:
        """Find flags of one row and urgency that both hold and stop different things: only their order decides."""
        uses = {f"flags.{flag.id}": flag for flag in self.screen.safety.flags}
        by_at = {use.at: use for use in criteria_of(self.screen) if use.at in uses}
        advice = self.screen.wording.get("en", {})
        for one, two in itertools.combinations(self.screen.safety.flags, 2):
            if one.row != two.row or one.urgency != two.urgency:
                continue
            same = advice.get(f"flag.{one.id}.advice") == advice.get(f"flag.{two.id}.advice")
            if one.action == two.action and same:
                continue
            self._count("pairs of flags")
            use = by_at[f"flags.{two.id}"]
            goals: list[Goal] = [(one.when, None, "true"), (two.when, None, "true")]
            example = self._can(goals, use, f"beside {one.id}")
            if not example:
                continue
            if one.action == two.action:
                says = f"{use.name} and flag {one.id} of row {two.row} can both hold; {one.id} stands first and is told"
                self.seen.notes += (Problem(file=use.file, at=use.at, says=says),)
                continue
            says = f"{use.name} ({two.action}) and flag {one.id} ({one.action}) of row {two.row} both hold"
            says += f" ({_told(example)}); only their order decides: give one the higher urgency or narrow one"
            yield Problem(file=use.file, at=use.at, says=says)

    def _stand_ins_differ(self) -> Iterator[Problem]:
        for test in self.screen.tests.values():
            for one, two in itertools.combinations(test.leave_out, 2):
                if one.instead == two.instead:
                    continue
                self._count("pairs of reasons to leave a test out")
                use = self._use_of(test, two)
                goals: list[Goal] = [(one.when, None, "true"), (two.when, None, "true")]
                if example := self._can(goals, use, f"beside {one.reason}"):
                    says = f"test {test.id} is left out for {one.reason} and for {two.reason} at once"
                    says += (
                        f" ({_told(example)}), with {one.instead or 'nothing'} and {two.instead or 'nothing'} in its"
                    )
                    says += " place; give both the same stand-in or narrow one"
                    yield Problem(file=use.file, at=use.at, says=says)

    def _use_of(self, test: Test, out: LeaveOut) -> Use:
        at = f"tests.{test.id}.leave_out.{out.reason}"
        return Use(name=f"test {test.id}", file=file_of(self.screen, "screen"), at=at, criterion=out.when, tapped=True)

    def _gaps(self) -> Iterator[Problem]:
        """Find levels of a context's tests that come to limited while no driver rule says why."""
        drivers = {rule.id for rule in self.screen.findings.drivers}
        for context in contexts_of(self.screen):
            tests = _tried(self.screen, context)
            if len(LEVELS) ** len(tests) > MOST_MIXES:
                says = f"{context} has {len(tests)} tests, too many to try all their levels; look for gaps yourself"
                self.seen.notes += (Problem(file=file_of(self.screen, "findings"), at="drivers", says=says),)
                continue
            missed: list[str] = []
            tried = set()
            for levels in itertools.product(LEVELS, repeat=len(tests)):
                facts = self._asked(_facts(tests, levels))
                if facts.attempts in tried:
                    continue
                tried.add(facts.attempts)
                finding = next(f for f in assess(self.screen, facts).findings if f.context == context)
                if finding.limited == "yes" and not any(reason.rule in drivers for reason in finding.reasons):
                    held = dict.fromkeys(f"{attempt.test} {attempt.level}" for attempt in facts.attempts)
                    missed.append(", ".join(held))
            self._count("combinations of levels", len(tried))
            if missed:
                more = f" (and {len(missed) - 1} more)" if len(missed) > 1 else ""
                says = f"no driver rule of {context} holds for {missed[0]}{more}, which is limited; add a driver rule"
                yield Problem(file=file_of(self.screen, "findings"), at="drivers", says=says)

    def _asked(self, facts: Facts) -> Facts:
        """Take away the tests that the others make superfluous."""
        sight = Sight(self.screen, facts, "left")
        conditions = {test.id: test.ask_when for test in self.screen.tests.values() if test.ask_when is not None}
        dropped = {name for name, when in conditions.items() if truth_of(when, sight) is False}
        return Facts(attempts=tuple(attempt for attempt in facts.attempts if attempt.test not in dropped))

    def _unreached(self) -> Iterator[Problem]:
        """Find exercises that nobody can come to: on no list, no rung and no link from one that is reached."""
        content = self.screen.exercises
        library = {exercise.id: exercise for exercise in content.exercises}
        lists = [ids for ladder in content.ladders for ids in ladder.first.values()]
        lists += [tuple(ids) for _, ids in openers_of(self.screen)]
        ladders = {ladder.id for ladder in content.ladders}
        waiting = [name for ids in lists for name in ids if name in library]
        reached: set[str] = set()
        while waiting:
            exercise = library[waiting.pop()]
            if exercise.id in reached:
                continue
            reached.add(exercise.id)
            rungs = [e.id for e in library.values() if e.ladder == exercise.ladder and e.ladder in ladders]
            links = (exercise.easier, exercise.harder, exercise.pair, *rungs)
            waiting += [name for name in links if name in library and name not in reached]
        for exercise in library.values():
            self._count("exercises")
            if exercise.id not in reached:
                says = f"exercise {exercise.id} is reached by no ladder; put it on a ladder's list, or link or drop it"
                yield Problem(file=file_of(self.screen, "exercises"), at=f"exercises.{exercise.id}", says=says)


def _tried(screen: Screen, context: str) -> list[Test]:
    """Give the tests of day 1 that nobody leaves out: no stand-ins, no comparisons, no position checks."""
    stand_ins = {out.instead for test in screen.tests.values() for out in test.leave_out}
    roles = ("primary", "loaded", "support")
    of_context = [t for t in screen.tests.values() if t.context == context and t.day == 1]
    return [t for t in of_context if t.role in roles and t.id not in stand_ins]


def _facts(tests: Sequence[Test], levels: Sequence[Any]) -> Facts:
    """Make facts in which both sides of each test have a level."""
    return Facts(
        attempts=tuple(
            Attempt(test=test.id, side=side, level=level)
            for test, level in zip(tests, levels, strict=True)
            for side in (SIDES if test.sides == "each" else ("both",))
        )
    )


# --- facts that meet criteria ------------------------------------------------------------------------------------

Example: TypeAlias = Mapping[Key, Any]


class Space:
    """All values that facts can have, and the search for some that meet criteria.

    Facts are taken to be independent of each other, which they are not quite: what is found impossible here is
    impossible, what is found possible may still be ruled out by how questions follow each other.
    """

    def __init__(self, screen: Screen, *, tapped: bool) -> None:
        self.screen, self.tapped = screen, tapped
        self._rows = {row.path: (row, question) for question in screen.questions for row in question.rows}
        self._offered: dict[str, tuple[Any, ...]] = {}
        self._bounds, self._wanted = self._mentioned()
        self._steps = 0

    def example(self, goals: Sequence[Goal], context: str | None = None) -> Example | None:
        """Give facts that meet all goals, or None where there are none; raises TooBig."""
        self._steps, self._context = 0, context
        return self._search(goals, {}, [])

    def words(self, path: str) -> tuple[Any, ...] | None:
        """List the words that a fact can be; None where it is a number or nobody knows."""
        path = path.removeprefix("other.")
        room, _, rest = path.partition(".")
        row = self._rows.get(path)
        if room not in ("profile", "reports", "derived") and room.partition(":")[0] not in self.screen.tests:
            return None  # a test of another screen
        if room == "derived" and rest not in ("driver", "cue", "range", "limited"):
            return None
        if row is not None and row[1].kind == "many" and room in ("profile", "reports"):
            return tuple(option.id for option in row[0].options)
        if rest.endswith("compensations") and room.partition(":")[0] in self.screen.tests:
            return self._compensations(self._family(room.partition(":")[0]))
        offered = [value for value in self._values(path) if isinstance(value, str)]
        return tuple(offered) if offered else None

    def _search(self, goals: Sequence[Goal], domains: Domains, choices: Sequence[Ways]) -> Example | None:
        """Meet what leaves no choice, then try each way of meeting what leaves one."""
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise TooBig
        domains, choices, waiting = dict(domains), list(choices), list(goals)
        while waiting:
            goal = waiting.pop()
            ways = self._ways(goal)
            if ways is None:
                key, fitting = self._fitting(goal, domains)
                if not fitting:
                    return None
                domains[key] = fitting
                waiting += self._range(goal)
            elif len(ways) == 1:
                waiting += ways[0]
            else:
                choices.append(ways)
        if not choices:
            return {key: values[0] for key, values in domains.items()}
        # A way that facts rule out already is none; the choice with the fewest ways comes first.
        choices = [[way for way in ways if self._open(way, domains)] for ways in choices]
        chosen = min(range(len(choices)), key=lambda n: len(choices[n]))
        rest = [*choices[:chosen], *choices[chosen + 1 :]]
        held = (self._search(way, domains, rest) for way in choices[chosen])
        return next((example for example in held if example is not None), None)

    def _open(self, way: Sequence[Goal], domains: Domains) -> bool:
        """Tell whether the plain facts of a way still fit, each by itself."""
        return all(self._ways(goal) is not None or self._fitting(goal, domains)[1] for goal in way)

    def _ways(self, goal: Goal) -> Ways | None:
        """List the ways to meet a goal, each a list of smaller goals; None for a plain fact."""
        criterion, side, want = goal
        holds = want in ("true", "not false")
        match criterion:
            case Not(not_=inner):
                return [[(inner, side, OPPOSITE[want])]]
            case All(all_=parts):
                every: list[Goal] = [(part, side, want) for part in parts]
                return [every] if holds else [[one] for one in every]
            case AnyOf(any_=parts):
                some: list[Goal] = [(part, side, want) for part in parts]
                return [[one] for one in some] if holds else [some]
            case Either(either=inner):
                sides: list[Goal] = [(inner, one, want) for one in SIDES]
                return [[one] for one in sides] if holds else [sides]
            case Both(both=inner):
                sides = [(inner, one, want) for one in SIDES]
                return [sides] if holds else [[one] for one in sides]
            case CountOf(count=parts, at_least=least):
                needed = least if holds else len(parts) - least + 1
                return [[(part, side, want) for part in few] for few in itertools.combinations(parts, needed)]
        return None

    def _fitting(self, goal: Goal, domains: Domains) -> tuple[Key, tuple[Any, ...]]:
        """Give the values of a plain fact that meet a goal, of those that are left."""
        atom, side, want = goal
        key, values = self._key(paths_of(atom)[0], side)
        left = domains.get(key, values)
        return key, tuple(value for value in left if _meets(weigh(atom, _One(value)).truth, want))

    def _key(self, path: str, side: Side | None) -> tuple[Key, tuple[Any, ...]]:
        """Name the fact that a path means from a side, and give its values."""
        room, _, rest = path.partition(".")
        if room == "other":
            if side is None:
                return (None, path), (None,)
            return self._key(rest, "right" if side == "left" else "left")
        test = self.screen.tests.get(room.partition(":")[0])
        if test is None or room in ("profile", "reports", "derived"):
            asked = test is not None or room in ("profile", "reports", "derived")
            return (None, path), ((*self._values(path), None) if asked else (None,))
        place, _, name = rest.partition(".")
        if name in ATTEMPT_FIELDS and place in (*SIDES, "both"):
            return (place, f"{room}.{name}"), (*self._values(f"{room}.{name}"), None)
        if test.sides == "together":
            return ("both", path), (*self._values(path), None)
        if side is None:  # of a test of each side, nothing is seen from neither side
            return (None, path), (None,)
        return (side, path), (*self._values(path), None)

    def _range(self, goal: Goal) -> list[Goal]:
        """Add what makes range limited, where that is asked of one context."""
        atom, side, want = goal
        if self._context is None or not isinstance(atom, FactIs) or (atom.fact, atom.is_) != ("derived.range", "yes"):
            return []
        limits = [
            rule.when
            for rule in self.screen.findings.limits
            if rule.context == self._context and rule.then == "limited"
        ]
        if want == "true" and limits:
            return [(AnyOf(any_=tuple(limits)), side, "true")]
        return [(limit, side, "not true") for limit in limits] if want == "not true" else []

    def _values(self, path: str) -> tuple[Any, ...]:
        if path not in self._offered:
            self._offered[path] = tuple(dict.fromkeys(self._list(path)))
        return self._offered[path]

    def _list(self, path: str) -> Iterator[Any]:
        """List the values of a fact, but that it was never asked."""
        room, _, rest = path.partition(".")
        if room == "derived":
            yield from self._derived(rest)
        elif room.partition(":")[0] in self.screen.tests:
            yield from self._of_test(room.partition(":")[0], rest.rpartition(".")[2])
        elif path in self._rows:
            yield from self._of_row(path)
        elif path in SETTINGS:
            yield from ("yes", "no")
        else:  # what only words raise, and pages answered "not sure"
            yield from ITEM_ANSWERS

    def _of_row(self, path: str) -> Iterator[Any]:
        row, question = self._rows[path]
        options = [option.id for option in row.options]
        match question.kind:
            case "many":
                yield from self._lists(path, options)
            case "scale" | "number":
                yield from self._numbers(path, question.lowest, question.highest)
                yield from options
            case _:
                yield from options

    def _derived(self, name: str) -> Iterator[Any]:
        if name.endswith("_gap"):
            row = self._rows.get(f"{name.removesuffix('_gap')}.left.degrees")
            yield from self._numbers(f"derived.{name}", 0, row[1].highest if row else 90)
        elif name == "driver":
            yield from dict.fromkeys((*(rule.driver for rule in self.screen.findings.drivers), "unclear"))
        elif name == "cue":
            yield from (cue.id for test in self.screen.tests.values() for cue in test.cues)
            yield from ("none", "unknown")
        elif self._bounds.get(f"derived.{name}"):
            yield from range(len(self.screen.tests) + 1)
        else:
            yield from YES_NO
            yield from self._wanted.get(f"derived.{name}", ())

    def _family(self, test_id: str) -> list[Test]:
        """Give a test and those that stand in for it: rules read their answers under its name."""
        test = self.screen.tests[test_id]
        names = {out.instead for out in test.leave_out if out.instead}
        return [test, *(self.screen.tests[name] for name in sorted(names) if name in self.screen.tests)]

    def _of_test(self, test_id: str, name: str) -> Iterator[Any]:
        family = self._family(test_id)
        match name:
            case "level":
                yield from (answer.level for test in family for answer in test.answers)
                yield "unknown"
                if any(test.context != "position" for test in family):
                    yield from LEVELS  # how far it went before it hurt
                    yield from EXTRA_ANSWERS if self.tapped else ()
                if any(test.ask_when is not None for test in family) or self.tapped:
                    yield NOT_NEEDED
            case "sensation":
                yield from (word for test in family for word in test.sensations)
                yield from (answer.sensation for test in family for answer in test.answers if answer.sensation)
                yield "unknown"
            case "pain":
                yield from range(11)
                yield "unknown"
            case "reached":
                yield from (*LEVELS, "unknown")
            case "compensations":
                yield from self._lists(f"{test_id}.compensations", self._compensations(family))
            case "phase":
                yield from (*(phase for test in family for phase in test.phases), "unknown")
            case "degrees":
                for test in family:
                    if test.degrees is not None:
                        yield from self._numbers(f"{test_id}.degrees", test.degrees.lowest, test.degrees.highest)
                yield "unknown"

    def _compensations(self, family: Sequence[Test]) -> tuple[str, ...]:
        seen = [word for test in family for word in test.compensations]
        seen += [word for test in family for answer in test.answers for word in answer.compensations or ()]
        return tuple(dict.fromkeys(seen))

    def _lists(self, path: str, offered: Sequence[str]) -> Iterator[tuple[str, ...]]:
        """List what a list can hold of the words that rules look for; the others change nothing."""
        wanted = [word for word in offered if word in self._wanted.get(path, ())]
        most = len(wanted) if len(wanted) <= MOST_WORDS else 2
        for size in range(most + 1):
            yield from itertools.combinations(wanted, size)
        yield tuple(wanted)

    def _numbers(self, path: str, lowest: float, highest: float) -> Iterator[float]:
        """List the numbers between which rules tell a difference."""
        bounds = self._bounds.get(path, set())
        near = {bound + step for bound in bounds for step in (-1, 0, 1)} | {lowest, highest}
        yield from sorted(number for number in near if lowest <= number <= highest)

    def _mentioned(self) -> tuple[dict[str, set[float]], dict[str, set[str]]]:
        """Gather the numbers and the words that criteria compare each fact with."""
        bounds: dict[str, set[float]] = {}
        wanted: dict[str, set[str]] = {}
        for use in criteria_of(self.screen):
            for atom in _atoms(use.criterion):
                path = paths_of(atom)[0].removeprefix("other.")
                bounds.setdefault(path, set()).update(_numbers(atom))
                wanted.setdefault(path, set()).update(_words(atom))
        return bounds, wanted


class _One:
    """A view that gives the same value for every path."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def value(self, path: str) -> Any:
        return self._value

    def seen_from(self, side: Side) -> _One:
        return self


def _meets(truth: Truth, want: Want) -> bool:
    match want:
        case "true":
            return truth is True
        case "false":
            return truth is False
        case "not true":
            return truth is not True
        case _:
            return truth is not False


def _atoms(criterion: Criterion) -> Iterator[Criterion]:
    """List the plain facts that a criterion compares."""
    match criterion:
        case All(all_=parts) | AnyOf(any_=parts) | CountOf(count=parts):
            for part in parts:
                yield from _atoms(part)
        case Not(not_=inner) | Either(either=inner) | Both(both=inner):
            yield from _atoms(inner)
        case _:
            yield criterion


def _words(atom: Criterion) -> Iterable[str]:
    match atom:
        case FactIs(is_=word) | FactAtLeast(at_least=word) | FactBelow(below=word):
            return (word,) if isinstance(word, str) else ()
        case FactIn(in_=several):
            return tuple(word for word in several if isinstance(word, str))
        case FactIncludes(includes=words):
            return words
    return ()


def _numbers(atom: Criterion) -> Iterable[float]:
    match atom:
        case FactIs(is_=number) | FactAtLeast(at_least=number) | FactBelow(below=number):
            return (number,) if isinstance(number, int | float) else ()
        case FactIn(in_=several):
            return tuple(number for number in several if isinstance(number, int | float))
    return ()


def _told(example: Any) -> str:
    """Say for which facts, in short."""
    if not isinstance(example, Mapping) or not example:
        return "for example with no answers at all"
    held = [
        (f"{side} " if side in SIDES else "") + f"{path} {_value(value)}" for (side, path), value in example.items()
    ]
    return "for example with " + ", ".join(held[:8])


def _value(value: Any) -> str:
    if value is None:
        return "not asked"
    return "+".join(value) or "none" if isinstance(value, tuple) else str(value)
