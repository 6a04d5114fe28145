"""screen + facts -> the next question, or Done(skipped), or Stopped(flags).

Questions are walked in order. What a question needs is asked for when its condition is true, and also when the
client's own "not sure" leaves it open; it is passed over only when the condition is false.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from rules.adaptive import undecided
from rules.criteria import LEVELS, NOT_NEEDED, SIDES, Criterion, Side, Truth, weigh
from rules.expand import unsure_path
from rules.facts import ATTEMPT_FIELDS, Facts, Path, Value
from rules.safety import Flag, at_once, flags, locks
from rules.screen import LeaveOut, Question, Row, Screen, Test
from rules.sight import SECOND_LOOK, Sight
from rules.truth import truth_of

SETTINGS: Mapping[Path, Value] = {"reports.degrees_wanted": "no", SECOND_LOOK: "no"}
"""Facts that a client switches, or that say where they are, and that nobody asks."""


GATE = ("you", "safety")
"""The parts that the safety content asks in."""
SETTLED = "settled"
"""Why a test is passed over that can't change the assessment any more."""
UNCUED = (":2A2", ":2A1", ":1A2", "")
"""Uncued tries as paths name them, the one that counts first."""


@dataclass(frozen=True, kw_only=True)
class Skip:
    """A test that was left out and why (wording key `leave_out.<reason>`), and what stands in for it."""

    test: str
    reason: str
    instead: str | None


@dataclass(frozen=True, kw_only=True)
class Ask:
    """The next question. `rows` are all rows that apply, `open` those without an answer.

    `part` counts from 1; `at_most` is how many questions of this part can still follow this one.
    """

    question: Question
    rows: tuple[Row, ...]
    open: tuple[Row, ...]
    part: int
    parts: int
    at_most: int


@dataclass(frozen=True, kw_only=True)
class Done:
    """Everything was asked."""

    skipped: tuple[Skip, ...]


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """A safety lock ends the screening."""

    flags: tuple[Flag, ...]


Next: TypeAlias = Ask | Done | Stopped


@dataclass(frozen=True, kw_only=True)
class Step:
    """A question on the way, with the rows that apply; `maybe` where that hangs on answers still to come."""

    question: Question
    rows: tuple[Row, ...]
    open: tuple[Row, ...]
    maybe: bool


@dataclass(frozen=True, kw_only=True)
class Way:
    """The whole way through a screen for one client: the steps, the live facts, what was left out."""

    steps: tuple[Step, ...]
    facts: Facts
    skipped: tuple[Skip, ...]


def next_question(screen: Screen, facts: Facts, *, scope: str = "full") -> Next:
    """Give the next question for *facts*, or what ended the screening.

    *scope* "gate" asks only the profile and safety questions, "second" what day 2 asks on top of day 1. Emergency and
    urgent locks stop at once; other locks let the questions pass that are asked even then.
    """
    return next_on(screen, walk(screen, facts, scope=scope))


def next_on(screen: Screen, way: Way) -> Next:
    """Give the next question on a way that was walked already."""
    raised = flags(screen.safety, Sight(screen, way.facts))
    held = locks(raised)
    if any(at_once(flag) for flag in held):
        return Stopped(flags=raised)
    for index, step in enumerate(way.steps):
        if not step.open or step.maybe or (held and not step.question.even_if_locked):
            continue
        return _ask(screen, way, index)
    return Stopped(flags=raised) if held else Done(skipped=way.skipped)


def ask_again(screen: Screen, way: Way, question_id: str) -> Ask | None:
    """Give a question of the way, answered or not; None where it doesn't apply."""
    for index, step in enumerate(way.steps):
        if step.question.id == question_id and not step.maybe:
            return _ask(screen, way, index)
    return None


def _ask(screen: Screen, way: Way, index: int) -> Ask:
    step = way.steps[index]
    part = step.question.part
    days = {p.id: p.day for p in screen.parts}
    order = [p for p, day in days.items() if day == days[part]]
    later = way.steps[index + 1 :]
    return Ask(
        question=step.question,
        rows=step.rows,
        open=step.open,
        part=order.index(part) + 1,
        parts=len(order),
        at_most=sum(1 for s in later if s.open and s.question.part == part and not _item(s.question)),
    )


def walk(screen: Screen, facts: Facts, *, scope: str = "full") -> Way:
    """Walk all questions in order with what is known; answers whose question doesn't apply lie dormant."""
    live: dict[Path, Any] = {p: v for p, v in SETTINGS.items() if facts.value(p) is None}
    for name in SETTINGS:
        held = facts.value(name)
        if held is not None:
            live[name] = held
    sight = _Live(live)
    steps: list[Step] = []
    skipped: dict[str, Skip] = {}
    replaced = _replacements(screen)
    later = {part.id for part in screen.parts if part.day > 1}
    for question in screen.questions:
        if (scope == "gate" and question.part not in GATE) or (scope == "full" and question.part in later):
            continue
        test = screen.tests[question.test] if question.test else None
        left_out = test is not None and _is_left_out(test, replaced, screen, sight, skipped)
        asked = False if left_out else _truth(question.ask_when, sight)
        rows: list[Row] = []
        maybe = asked is None and bool(_waits(question.ask_when, sight))
        waiting: list[Row] = []
        for row in question.rows:
            applies = False if asked is False else _truth(row.ask_when, sight, row.side)
            if applies is False:
                if facts.value(row.path) is None or not _shared(question):
                    live.setdefault(row.path, NOT_NEEDED)
                continue
            if maybe or (applies is None and _waits(row.ask_when, sight, row.side)):
                waiting.append(row)
                continue
            rows.append(row)
        page = unsure_path(question.id)
        if question.kind == "checklist" and rows:
            opened = facts.value(page)
            if opened is not None:
                live[page] = opened
        open_rows = []
        for row in rows:
            value = facts.value(row.path)
            if value is not None:
                live[row.path] = value
                live |= _settled_beside(screen, row, facts)
            elif not (question.kind == "checklist" and live.get(page) == "yes"):
                open_rows.append(row)
        if rows:
            steps.append(Step(question=question, rows=tuple(rows), open=tuple(open_rows), maybe=False))
        elif waiting:
            steps.append(Step(question=question, rows=tuple(waiting), open=tuple(waiting), maybe=True))
    kept = {path: value for path, value in live.items() if value != NOT_NEEDED and path not in SETTINGS}
    known = Facts.from_values(_with_free_reports(kept, facts, screen))
    if scope == "second":  # what day 1 passed over is not made up for
        known = known.with_values({SECOND_LOOK: "yes"})
        steps = [step for step in steps if step.question.part in later or _begun(step, known)]
    if scope != "gate":
        steps = list(_that_matter(screen, known, steps, skipped))
    return Way(steps=tuple(steps), facts=known, skipped=tuple(skipped.values()))


def _begun(step: Step, facts: Facts) -> bool:
    """Tell whether a step of day 1 was answered, is no test, or follows up an answer to one."""
    test = step.question.test
    if test is None or not step.open:
        return True
    if step.question.field == "level" and step.question.run is None:
        return False
    return any(facts.value(f"{test}.{row.path.split('.')[1]}.level") is not None for row in step.rows)


def _that_matter(screen: Screen, facts: Facts, steps: Sequence[Step], skipped: dict[str, Skip]) -> Iterator[Step]:
    """Pass over the tests, side by side, that can't change the assessment any more."""
    if not any(step.open and step.question.test for step in steps):
        yield from steps
        return
    needed: frozenset[tuple[str, Side]] | None = None
    for step in steps:
        test = step.question.test
        first = None if test is None or screen.tests[test].day == 1 else "2A1"
        if test is None or step.question.field != "level" or not step.open or step.question.run != first:
            yield step
            continue
        if needed is None:
            needed = undecided(screen, facts)
        sides = {side for name, side in needed if name == test}
        rows = tuple(row for row in step.rows if row not in step.open or (row.side in sides if row.side else sides))
        if rows:
            still = tuple(row for row in step.open if row in rows)
            yield dataclasses.replace(step, rows=rows, open=still)
        elif not step.maybe:
            skipped.setdefault(test, Skip(test=test, reason=SETTLED, instead=None))


def answer(screen: Screen, facts: Facts, path: Path, value: Value) -> Facts:
    """Record an answer: an option id, several, or a number. An option that settles more fields sets those too.

    Raises ValueError for a path that the screen doesn't ask for or a value that it doesn't offer.
    """
    return facts.with_values(implied(screen, path, value))


def implied(screen: Screen, path: Path, value: Value) -> Mapping[Path, Value]:
    """Give the facts that one answer settles: itself, and what its option says besides."""
    row, question = row_at(screen, path)
    values: dict[Path, Value] = {path: value}
    if question.kind == "one":
        option = next((o for o in row.options if o.id == value), None)
        if option is None:
            offered = ", ".join(o.id for o in row.options)
            raise ValueError(f"{path} is {value!r}; it takes one of: {offered}")
        stem = path.rpartition(".")[0]
        for name, settled in option.sets.items():
            values[f"{stem}.{name}"] = settled
    return values


def option_of(row: Row, facts: Facts) -> str | None:
    """Tell which option of a row the facts hold: the one whose settled fields all agree."""
    held = facts.value(row.path)
    if held is None:
        return None
    stem = row.path.rpartition(".")[0]
    plain = None
    for option in row.options:
        if option.sets:
            extra = {k: v for k, v in option.sets.items() if k != "level"}
            if option.sets.get("level") == held and all(facts.value(f"{stem}.{k}") == v for k, v in extra.items()):
                return option.id
            if option.sets.get("level") == held and plain is None:
                plain = option.id
        elif option.id == held:
            return option.id
    return plain


def row_at(screen: Screen, path: Path) -> tuple[Row, Question]:
    """Find the row that asks for a path; raises ValueError where the screen has none."""
    for question in screen.questions:
        for row in question.rows:
            if row.path == path:
                return row, question
    raise ValueError(f"{path} is not asked by {screen.id}")


def problems(screen: Screen, facts: Facts) -> tuple[str, ...]:
    """List what is wrong with facts given from outside: unknown ids, sides, options; one sentence each."""
    found: list[str] = []
    known = {row.path: (row, question) for question in screen.questions for row in question.rows}
    known_rooms = {
        room: sorted(p.partition(".")[2] for p in known if p.startswith(f"{room}.")) for room in ("profile", "reports")
    }
    free = set(screen.worded_only)
    for room, values in (("profile", facts.profile), ("reports", facts.reports)):
        for name, value in values.items():
            path = f"{room}.{name}"
            if path in free or path in SETTINGS or name.startswith("unsure_"):
                continue
            if path not in known:
                found.append(f"{path}: unknown, got {value!r}; it takes one of: {', '.join(known_rooms[room])}")
                continue
            row, question = known[path]
            found += _bad_value(path, value, row, question)
    for attempt in facts.attempts:
        test = screen.tests.get(attempt.test)
        where = f"attempts {attempt.test} {attempt.side}"
        if test is None:
            found.append(f"attempts.test: got {attempt.test!r}; it takes one of: {', '.join(sorted(screen.tests))}")
            continue
        if (attempt.side == "both") != (test.sides == "together"):
            takes = "both" if test.sides == "together" else "left or right"
            found.append(f"{where}: side is {attempt.side!r}; {attempt.test} takes {takes}")
            continue
        cue = attempt.try_.partition(":")[2]
        cues = [held.id for held in test.cues]
        if cue and cue not in cues:
            with_cue = f", or B: and A3: with one of: {', '.join(cues)}" if cues else ""
            found.append(f"{where}: try is {attempt.try_!r}; it takes A1, A2{with_cue}")
        felt = {*test.sensations, *(a.sensation for a in test.answers), "unknown"}
        if attempt.sensation is not None and attempt.sensation not in felt:
            found.append(
                f"{where}: sensation is {attempt.sensation!r}; it takes one of: {', '.join(test.sensations) or 'none'}"
            )
        allowed = {*test.compensations, *(c for a in test.answers for c in a.compensations or ())}
        for compensation in attempt.compensations or ():
            if compensation not in allowed:
                found.append(
                    f"{where}: compensation is {compensation!r}; it takes: {', '.join(sorted(allowed)) or 'none'}"
                )
        if attempt.phase is not None and attempt.phase not in (*test.phases, "unknown"):
            found.append(f"{where}: phase is {attempt.phase!r}; it takes one of: {', '.join(test.phases) or 'none'}")
    return tuple(found)


def _bad_value(path: Path, value: Value, row: Row, question: Question) -> Iterator[str]:
    options = [option.id for option in row.options]
    match question.kind:
        case "scale" | "number":
            if not isinstance(value, int | float) or not question.lowest <= value <= question.highest:
                yield f"{path}: got {value!r}; it takes a number from {question.lowest:g} to {question.highest:g}"
        case "many":
            for item in value if isinstance(value, tuple) else (value,):
                if item not in options:
                    yield f"{path}: got {item!r}; it takes a list of: {', '.join(options)}"
        case _:
            if value not in options:
                yield f"{path}: got {value!r}; it takes one of: {', '.join(options)}"


class _Live:
    """Answers as tapped, seen from a side or from neither."""

    def __init__(self, live: Mapping[Path, Any], side: Side | None = None) -> None:
        self._live, self._side = live, side

    def value(self, path: str) -> Any:
        if path in self._live:
            return self._live[path]
        test, _, field_name = path.partition(".")
        if field_name in ATTEMPT_FIELDS:
            test = test.removesuffix(":1A1")
            if f"{test}.{self._side}.{field_name}" in self._live and path.startswith(f"{test}:1A1."):
                return self._live[f"{test}.{self._side}.{field_name}"]
            for side in (self._side, "both") if self._side else ("both",):
                for run in UNCUED:
                    held = self._live.get(f"{test}{run}.{side}.{field_name}")
                    if held is not None and held != NOT_NEEDED:
                        return held
            return self._live.get(f"{test}.{self._side}.{field_name}", self._live.get(f"{test}.both.{field_name}"))
        return None

    def seen_from(self, side: Side) -> _Live:
        return _Live(self._live, side)


def _truth(criterion: Criterion | None, sight: _Live, side: Side | None = None) -> Truth:
    return True if criterion is None else truth_of(criterion, sight.seen_from(side) if side else sight)


def _waits(criterion: Criterion | None, sight: _Live, side: Side | None = None) -> bool:
    """Tell whether an unknown condition hangs on a fact still to come, and not on a "not sure"."""
    if criterion is None:
        return False
    seen = sight.seen_from(side) if side else sight
    return any(seen.value(path) is None for path in weigh(criterion, seen).because)


def _settled_beside(screen: Screen, row: Row, facts: Facts) -> dict[Path, Any]:
    """Give what an answer settled besides itself, where no question of its own asks for it."""
    stem = row.path.rpartition(".")[0]
    paths = (f"{stem}.{name}" for option in row.options for name in option.sets)
    return {p: held for p in paths if p not in screen.asked and (held := facts.value(p)) is not None}


def _shared(question: Question) -> bool:
    """Tell whether another question asks for the same facts: a page and its items one by one."""
    return question.kind == "checklist" or _item(question)


def _item(question: Question) -> bool:
    return "." in question.id and question.test is None


def _replacements(screen: Screen) -> Mapping[str, str]:
    """Map each test that stands in for another to that other."""
    return {out.instead: test.id for test in screen.tests.values() for out in test.leave_out if out.instead}


def _is_left_out(
    test: Test, replaced: Mapping[str, str], screen: Screen, sight: _Live, skipped: dict[str, Skip]
) -> bool:
    if test.id in replaced and _why_out(screen.tests[replaced[test.id]], sight, instead=test.id) is None:
        return True
    out = _why_out(test, sight)
    if out is not None:
        skipped.setdefault(test.id, Skip(test=test.id, reason=out.reason, instead=out.instead))
    return out is not None


def _why_out(test: Test, sight: _Live, instead: str | None = None) -> LeaveOut | None:
    for out in test.leave_out:
        if truth_of(out.when, sight) and (instead is None or out.instead == instead):
            return out
    return None


def _with_free_reports(kept: dict[Path, Value], facts: Facts, screen: Screen) -> dict[Path, Value]:
    """Add what only words raise; a red flag in words counts whatever else was asked."""
    for path in screen.worded_only:
        value = facts.value(path)
        if value is not None:
            kept[path] = value
    return kept


__all__ = [
    "LEVELS",
    "SIDES",
    "Ask",
    "Done",
    "Next",
    "Skip",
    "Step",
    "Stopped",
    "Way",
    "answer",
    "next_question",
    "walk",
]
