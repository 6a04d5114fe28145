"""Time of a whole `rules.assess` beside the same rules as a decision table of GoRules Zen, in one run.

    python -m tests.benchmarks.rules [ROUNDS]

Needs `zen-engine` (pip), which nothing else here does. Microseconds are this machine's; the ratio may be compared.

How it measures: every case of the screen's cases.yaml and of cases_safety.yaml is one call. A round times each case
once with each of the three, one of the three after the other, and the order turns from round to round; the figures
are the median and the 99th percentile over all calls of all rounds but the first ones, which warm up. The clock is
`perf_counter_ns` and the garbage collector stays on. Each round makes its facts afresh, outside the timing, so that
nothing worked out of facts before is found again.

`assess` does all it does in use: every finding, flag, reason, near miss, missing fact and the priority, from facts.
Where no test was tried on one side alone it looks at one side, as both are alike; Zen's table has rows for both.
`flags` is the part of it that weighs the flags, timed by itself from the same facts.

Zen (written in Rust) gets one table, hit policy collect, with a row for each flag and for each limit, driver,
confidence and note rule of each side and context; a row is one expression, made from the criterion. It is evaluated
in the quickest of the ways its Python package has (measured on 2.1.3): held by a static loader, which compiles it
once, and called with a dict. It is spared much:

- reasons, near misses, missing facts, phases, the priority and the choice among what holds: it tells which rows hold;
- three values: only where a criterion is true is asked for, as what is false matters inside `not` alone;
- all that isn't logic: its context holds, flat, the values that criteria read and no others, with levels that count,
  stand-ins, both sides and `derived` facts worked out before the clock starts;
- reading its answer.

Before the clock starts, both must say the same of every case: each row as `criteria.weigh` does, and what follows from
the rows (flags, reasons, leading driver, notes) as the assessment does; a difference ends the run.
"""

from __future__ import annotations

import itertools
import json
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import zen

from rules import Assessment, Facts, Screen, assess, load_library
from rules.assess import looks
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
    View,
    weigh,
)
from rules.safety import flags
from rules.screen import URGENCIES, ContextName
from rules.sight import Sight
from rules.truth import Values
from tests.rules.cases import SCREEN, cases, facts_of

CASE_FILES = (SCREEN / "cases.yaml", Path(__file__).parents[1] / "rules/cases_safety.yaml")
WARM = 3
"""Rounds before measuring begins: compiling and first touches are not what is asked."""
UNKNOWN = json.dumps(sorted(UNKNOWN_WORDS))

Place: TypeAlias = tuple[Side, ContextName] | None
"""Where a rule is weighed; None for flags, which see no side."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One rule at one place, and its criterion."""

    rule: str
    place: Place
    when: Criterion

    @property
    def name(self) -> str:
        """Name it as the table does."""
        return "/".join((*(self.place or ()), self.rule))


def rows_of(screen: Screen) -> tuple[Row, ...]:
    """List what is weighed: the flags once, the rules of findings for each side and context that they count in."""
    found = screen.findings
    rows = [Row(rule=rule.id, place=None, when=rule.when) for rule in screen.safety.flags]
    for context in screen.file.contexts:
        here = [(rule.id, rule.when) for rule in found.limits if rule.context == context]
        here += [(rule.id, rule.when) for rule in found.drivers if rule.context == context]
        here += [(rule.id, rule.when) for rule in found.confidence if not rule.contexts or context in rule.contexts]
        here += [(rule.id, rule.when) for rule in found.notes if not rule.contexts or context in rule.contexts]
        rows += [Row(rule=rule_id, place=(side, context), when=when) for side in SIDES for rule_id, when in here]
    return tuple(rows)


# --- criteria as Zen expressions ----------------------------------------------------------------------------------


@dataclass(kw_only=True)
class Zen:
    """Criteria in Zen's words; `reads` grows to every value that they read: its name -> place, side, path, shape."""

    reads: dict[str, tuple[Place, Side | None, str, str]] = field(default_factory=dict)

    def true(self, criterion: Criterion, place: Place, side: Side | None) -> str:
        """Say when a criterion is true; false and unknown are one."""

        def read(path: str, shape: str = "") -> str:
            return self._name(place, side, path, shape)

        match criterion:
            case All(all_=parts):
                return _joined("and", [self.true(part, place, side) for part in parts])
            case AnyOf(any_=parts):
                return _joined("or", [self.true(part, place, side) for part in parts])
            case Not(not_=inner):
                return self.false(inner, place, side)
            case CountOf(count=parts, at_least=wanted):
                return _counted([self.true(part, place, side) for part in parts], f">= {wanted}")
            case Either(either=inner):
                return _joined("or", [self.true(inner, place, one) for one in SIDES])
            case Both(both=inner):
                return _joined("and", [self.true(inner, place, one) for one in SIDES])
            case Known(known=path):
                return f"({read(path)} != null and {read(path)} not in {UNKNOWN})"
            case Asked(asked=path):
                return f"{read(path)} != null"
            case Reported(reported=path):
                return f"{read(path)} in {json.dumps(['yes', *sorted(UNKNOWN_WORDS)])}"
            case FactIs(fact=path, is_=wanted):
                return f"{read(path)} == {json.dumps(wanted)}"
            case FactIn(fact=path, in_=several):
                return f"{read(path)} in {json.dumps(several)}"
            case FactIncludes(fact=path, includes=words):
                held = read(path, "list")
                return f"({held} != null and {_joined('or', [f'{json.dumps(word)} in {held}' for word in words])})"
            case FactAtLeast(fact=path, at_least=bound) | FactBelow(fact=path, below=bound) if bound in LEVELS:
                place_of = LEVELS.index(str(bound))
                met = LEVELS[place_of:] if isinstance(criterion, FactAtLeast) else LEVELS[:place_of]
                return f"{read(path)} in {json.dumps(met)}"
            case FactAtLeast(fact=path, at_least=bound):
                return f"({read(path, 'number')} != null and {read(path, 'number')} >= {json.dumps(bound)})"
            case FactBelow(fact=path, below=bound):
                return f"({read(path, 'number')} != null and {read(path, 'number')} < {json.dumps(bound)})"

    def false(self, criterion: Criterion, place: Place, side: Side | None) -> str:
        """Say when a criterion is false; true and unknown are one."""

        def read(path: str, shape: str = "") -> str:
            return self._name(place, side, path, shape)

        match criterion:
            case All(all_=parts):
                return _joined("or", [self.false(part, place, side) for part in parts])
            case AnyOf(any_=parts):
                return _joined("and", [self.false(part, place, side) for part in parts])
            case Not(not_=inner):
                return self.true(inner, place, side)
            case CountOf(count=parts, at_least=wanted):
                return _counted([self.false(part, place, side) for part in parts], f"> {len(parts) - wanted}")
            case Either(either=inner):
                return _joined("and", [self.false(inner, place, one) for one in SIDES])
            case Both(both=inner):
                return _joined("or", [self.false(inner, place, one) for one in SIDES])
            case Known(known=path):
                return f"({read(path)} == null or {read(path)} in {UNKNOWN})"
            case Asked(asked=path):
                return f"{read(path)} == null"
            case Reported(reported=path):
                wanted = json.dumps(["yes", *sorted(UNKNOWN_WORDS)])
                return f"({read(path)} != null and {read(path)} not in {wanted})"
            case FactIs(fact=path, is_=wanted) if wanted in UNKNOWN_WORDS or wanted == NOT_NEEDED:
                return f"({read(path)} != null and {read(path)} != {json.dumps(wanted)})"
            case FactIs(fact=path, is_=wanted):
                several = json.dumps([wanted, *sorted(UNKNOWN_WORDS)])
                return f"({read(path)} != null and {read(path)} not in {several})"
            case FactIn(fact=path, in_=several):
                wanted = json.dumps([*several, *sorted(UNKNOWN_WORDS)])
                return f"({read(path)} != null and {read(path)} not in {wanted})"
            case FactIncludes(fact=path, includes=words):
                held = read(path, "list")
                without = _joined("and", [f"{json.dumps(w)} not in {held}" for w in (*words, *sorted(UNKNOWN_WORDS))])
                return f"({held} != null and {without})"
            case FactAtLeast(fact=path, at_least=bound) | FactBelow(fact=path, below=bound) if bound in LEVELS:
                place_of = LEVELS.index(str(bound))
                unmet = LEVELS[:place_of] if isinstance(criterion, FactAtLeast) else LEVELS[place_of:]
                return f"{read(path)} in {json.dumps([*unmet, NOT_NEEDED])}"
            case FactAtLeast(fact=path, at_least=bound):
                return f"({read(path, 'number')} != null and {read(path, 'number')} < {json.dumps(bound)})"
            case FactBelow(fact=path, below=bound):
                return f"({read(path, 'number')} != null and {read(path, 'number')} >= {json.dumps(bound)})"

    def _name(self, place: Place, side: Side | None, path: str, shape: str) -> str:
        """Name a value in the flat context; what the side doesn't change is held once."""
        room = path.partition(".")[0]
        if room in ("profile", "reports"):
            seen: tuple[str, ...] = ()
        elif room == "derived" and not path.endswith("_gap"):
            seen = place or ()
        else:
            seen = (side or "none",)
        name = re.sub(r"\W", "_", "_".join((*seen, path, *((shape,) if shape else ()))))
        held = self.reads.setdefault(name, (place, side, path, shape))
        if (held[2], held[3]) != (path, shape):
            raise ValueError(f"{name} would stand for {held[2]} and for {path}; name one of them otherwise")
        return name


def _joined(word: str, parts: Sequence[str]) -> str:
    return f"({f' {word} '.join(parts)})" if len(parts) > 1 else parts[0]


def _counted(parts: Sequence[str], wanted: str) -> str:
    # Written out as a sum: Zen's `count` with a closure takes longer.
    return f"(({' + '.join(f'({part} ? 1 : 0)' for part in parts)}) {wanted})"


def graph_of(expressions: Mapping[str, str]) -> dict[str, Any]:
    """Write a decision graph of one table that collects the names of the rows whose expression is true."""
    table = {
        "hitPolicy": "collect",
        "inputs": [{"id": "when", "name": "when", "field": ""}],
        "outputs": [{"id": "rule", "name": "rule", "field": "rule"}],
        "rules": [
            {"_id": str(number), "when": expression, "rule": json.dumps(name)}
            for number, (name, expression) in enumerate(expressions.items())
        ],
    }
    nodes: list[Mapping[str, Any]] = [
        {"id": "facts", "name": "facts", "type": "inputNode"},
        {"id": "rules", "name": "rules", "type": "decisionTableNode", "content": table},
        {"id": "held", "name": "held", "type": "outputNode"},
    ]
    edges = [
        {"id": f"{source}-{target}", "type": "edge", "sourceId": source, "targetId": target}
        for source, target in (("facts", "rules"), ("rules", "held"))
    ]
    return {"contentType": "application/vnd.gorules.decision", "nodes": nodes, "edges": edges}


# --- the same of both ---------------------------------------------------------------------------------------------


def views_of(screen: Screen, facts: Facts) -> Mapping[Place, View]:
    """Give what rules look at, from every place, with all that is derived."""
    return {None: Sight(screen, facts), **{place: look.seen for place, look in looks(screen, facts).items()}}


def context_of(reads: Mapping[str, tuple[Place, Side | None, str, str]], views: Mapping[Place, View]) -> dict[str, Any]:
    """Make Zen's context: every value that a row reads and that is there, in the shape it is read in."""
    context: dict[str, Any] = {}
    for name, (place, side, path, shape) in reads.items():
        view = views[place] if side is None else views[place].seen_from(side)
        value = view.value(path)
        listed = isinstance(value, tuple)
        if value is None or (shape == "number" and not isinstance(value, int | float)):
            continue
        context[name] = list(value) if listed else [value] if shape == "list" else value
    return context


def differences(
    screen: Screen, rows: Sequence[Row], held: frozenset[str], views: Mapping[Place, View], said: Assessment
) -> Iterator[str]:
    """Tell where Zen differs: row by row from `weigh`, and in what follows from the rows from the assessment."""
    for row in rows:
        truth = weigh(row.when, views[row.place]).truth is True
        if truth is not (row.name in held):
            yield f"{row.name}: here {truth}"
    standing: dict[str, tuple[int, str]] = {}
    for flag in screen.safety.flags:
        rank = URGENCIES.index(flag.urgency)
        if flag.id in held and rank > standing.get(flag.row, (-1, ""))[0]:
            standing[flag.row] = (rank, flag.id)
    if {flag_id for _, flag_id in standing.values()} != {flag.id for flag in said.flags}:
        yield f"flags: here {', '.join(flag.id for flag in said.flags)}"
    sure = {rule.id for rule in screen.findings.confidence}
    for finding in said.findings:
        at = f"{finding.side}/{finding.context}/"
        reasons = [rule.id for rule in screen.findings.limits if at + rule.id in held]
        reasons += [rule.id for rule in screen.findings.drivers if at + rule.id in held][:1]
        if reasons != [reason.rule for reason in finding.reasons if reason.rule not in sure]:
            yield f"{at}reasons: here {', '.join(reason.rule for reason in finding.reasons)}"
        if [rule.id for rule in screen.findings.notes if at + rule.id in held] != list(finding.notes):
            yield f"{at}notes: here {', '.join(finding.notes)}"


# --- the clock ----------------------------------------------------------------------------------------------------


def timed(call: Callable[[Any], object], given: Sequence[Any]) -> list[int]:
    """Call once with each of *given*; list the nanoseconds."""
    taken = []
    for one in given:
        began = time.perf_counter_ns()
        call(one)
        taken.append(time.perf_counter_ns() - began)
    return taken


def main() -> None:
    """Check that both agree, measure, and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    screen = load_library().screens["hip_internal_rotation"]
    written = [(case, known) for known in map(cases, CASE_FILES) for case in known.values()]

    def fresh() -> list[Facts]:
        return [facts_of(case, known) for case, known in written]

    rows, words = rows_of(screen), Zen()
    expressions = {row.name: words.true(row.when, row.place, row.place[0] if row.place else None) for row in rows}
    for expression in expressions.values():
        if (wrong := zen.validate_expression(expression)) is not None:
            raise SystemExit(f"Zen can't read {expression}: {wrong}")
    engine = zen.ZenEngine({"loader": {"type": "static", "content": {"rules": graph_of(expressions)}}})
    contexts, differing = [], []
    for (case, _), facts in zip(written, fresh(), strict=True):
        views = views_of(screen, facts)
        contexts.append(context_of(words.reads, views))
        held = frozenset(one["rule"] for one in engine.evaluate("rules", contexts[-1])["result"] or ())
        differing += [f"{case['name']}: {how}" for how in differences(screen, rows, held, views, assess(screen, facts))]
    sys.stdout.write(f"{len(rows)} rows, {len(words.reads)} values they read, {len(written)} cases\n")
    if differing:
        raise SystemExit("\n".join([*differing[:20], f"Zen and assess differ {len(differing)} times"]))
    sys.stdout.write(f"Zen and assess agree in {len(written)} of {len(written)} cases, row by row\n")

    calls: dict[str, Callable[[Any], object]] = {
        "assess": lambda facts: assess(screen, facts),
        "flags": lambda facts: flags(screen.safety, Values(Sight(screen, facts), facts.told)),
        "Zen": lambda context: engine.evaluate("rules", context),
    }
    taken: dict[str, list[int]] = {name: [] for name in calls}
    for number in range(WARM + rounds):
        turned = [*calls][number % len(calls) :] + [*calls][: number % len(calls)]
        for name in turned:
            found = timed(calls[name], contexts if name == "Zen" else fresh())
            if number >= WARM:
                taken[name] += found
    medians = {name: statistics.median(found) / 1000 for name, found in taken.items()}
    sys.stdout.write(f"{'microseconds a call':<22}{'median':>10}{'p99':>10}\n")
    for name, found in taken.items():
        p99 = statistics.quantiles(found, n=100)[-1] / 1000
        sys.stdout.write(f"{name:<22}{medians[name]:>10.1f}{p99:>10.1f}\n")
    tested = [bool(facts.attempts) for facts in fresh()]
    for name, found in taken.items():
        own = statistics.median(itertools.compress(found, itertools.cycle(tested))) / 1000
        sys.stdout.write(f"{name:<22}{own:>10.1f} in the {sum(tested)} cases with tests tried\n")
    sys.stdout.write(f"assess takes {medians['assess'] / medians['Zen']:.2f} times Zen's median")
    sys.stdout.write(f"; flags are {medians['flags'] / medians['assess']:.0%} of assess\n")


if __name__ == "__main__":
    main()
