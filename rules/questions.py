"""screen + facts -> the next question, or Done(skipped), or Stopped(flags).

Questions are walked in order. What a question needs is asked for when its condition is true, and also when the
client's own "not sure" leaves it open; it is passed over only when the condition is false.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from rules.adaptive import undecided
from rules.criteria import LEVELS, NOT_NEEDED, SIDES, Criterion, Side, Truth, paths_of
from rules.expand import unsure_path
from rules.facts import ATTEMPT_FIELDS, Facts, Path, Value
from rules.safety import Flag, at_once, flags, locks
from rules.screen import LeaveOut, Question, Row, Screen, Test
from rules.sight import SECOND_LOOK, Sight
from rules.truth import Values, compiled, holds, kept, waits

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
    course = kept(_courses, screen, lambda: _course(screen))
    given = facts.by_path
    live = Live(course.affects)
    for name, value in SETTINGS.items():
        live.put(name, given.get(name, value))
    steps: list[Step] = []
    skipped: dict[str, Skip] = {}
    for stop in course.stops:
        if (scope == "gate" and not stop.gate) or (scope == "full" and stop.later):
            continue
        question = stop.question
        left_out = stop.test is not None and _is_left_out(stop.test, course, live, skipped)
        asked = False if left_out else _truth(stop.when, live)
        if asked is False:
            for place in stop.rows:
                if not stop.shared or place.row.path not in given:
                    live.put_missing(place.row.path, NOT_NEEDED)
            continue
        rows: list[Place] = []
        waiting: list[Row] = []
        maybe = asked is None and _waits(stop.when, live)
        for place in stop.rows:
            row = place.row
            applies = _truth(place.when, live, row.side)
            if applies is False:
                if not stop.shared or row.path not in given:
                    live.put_missing(row.path, NOT_NEEDED)
            elif maybe or (applies is None and _waits(place.when, live, row.side)):
                waiting.append(row)
            else:
                rows.append(place)
        if rows:
            held = tuple([place.row for place in rows])
            still = _answered(stop, rows, live, given)
            steps.append(Step(question=question, rows=held, open=tuple(still), maybe=False))
        elif waiting:
            steps.append(Step(question=question, rows=tuple(waiting), open=tuple(waiting), maybe=True))
    known = _live_facts(screen, facts, live)
    if scope == "second":  # what day 1 passed over is not made up for
        known = known.with_values({SECOND_LOOK: "yes"})
        steps = [step for step in steps if step.question.part in course.later or _begun(step, known)]
    if scope != "gate":
        steps = list(_that_matter(screen, known, steps, skipped))
    return Way(steps=tuple(steps), facts=known, skipped=tuple(skipped.values()))


def _answered(stop: Stop, rows: Sequence[Place], live: Live, given: Mapping[Path, Any]) -> list[Row]:
    """Take over what was answered to a question; give the rows that are still open."""
    opened = False
    if stop.page is not None:
        if stop.page in given:
            live.put(stop.page, given[stop.page])
        opened = live.answers.get(stop.page) == "yes"
    still = []
    for place in rows:
        path = place.row.path
        if path in given:
            live.put(path, given[path])
            for beside in place.beside:
                if beside in given:
                    live.put(beside, given[beside])
        elif not opened:
            still.append(place.row)
    return still


def _live_facts(screen: Screen, facts: Facts, live: Live) -> Facts:
    """Give the facts that apply, with what only words raise: a red flag in words counts whatever else was asked."""
    counts = {path: value for path, value in live.answers.items() if value != NOT_NEEDED and path not in SETTINGS}
    given = facts.by_path
    counts |= {path: given[path] for path in screen.worded_only if path in given}
    return facts if counts == given else Facts.from_values(counts)


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


def _truth(when: Condition | None, live: Live, side: Side | None = None) -> Truth:
    if when is None:
        return True
    seen = live.seen[side]
    return True if when.holds(seen) else False if when.fails(seen) else None


def _waits(when: Condition | None, live: Live, side: Side | None = None) -> bool:
    """Tell whether an unknown condition hangs on a fact still to come, and not on a "not sure"."""
    if when is None:
        return False
    return when.waits(live.seen[side])


def _shared(question: Question) -> bool:
    """Tell whether another question asks for the same facts: a page and its items one by one."""
    return question.kind == "checklist" or _item(question)


def _item(question: Question) -> bool:
    return "." in question.id and question.test is None


def _is_left_out(test: Test, course: Course, live: Live, skipped: dict[str, Skip]) -> bool:
    replaced = course.replaces.get(test.id)
    if replaced is not None and _why_out(replaced, live, instead=test.id) is None:
        return True
    out = _why_out(test, live)
    if out is not None:
        skipped.setdefault(test.id, Skip(test=test.id, reason=out.reason, instead=out.instead))
    return out is not None


def _why_out(test: Test, live: Live, instead: str | None = None) -> LeaveOut | None:
    seen = live.seen[None]
    for out in test.leave_out:
        if holds(out.when, seen) and (instead is None or out.instead == instead):
            return out
    return None


# --- what a screen's way is made of, worked out once --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Condition:
    """A criterion, compiled. `waits` tells of one that is unknown whether it hangs on a fact that is absent."""

    criterion: Criterion
    holds: Callable[[Values], bool]
    fails: Callable[[Values], bool]
    waits: Callable[[Values], bool]


@dataclass(frozen=True, slots=True)
class Place:
    """A row of a question; `beside` are the paths that an answer settles besides and no question asks for."""

    row: Row
    when: Condition | None
    beside: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """A question on the way. `page`: what says "not sure" of a whole checklist; `shared`: others ask the same facts."""

    question: Question
    test: Test | None
    when: Condition | None
    rows: tuple[Place, ...]
    page: Path | None
    shared: bool
    gate: bool
    later: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """All stops of a screen; `affects` is by a fact's path what conditions read of it, and from which side.

    `replaces` is by the id of a test the one that it stands in for; `later` are the parts of a later day.
    """

    stops: tuple[Stop, ...]
    affects: Mapping[Path, tuple[tuple[Side | None, Path], ...]]
    replaces: Mapping[str, Test]
    later: frozenset[str]


_courses: dict[int, Course] = {}
"""By identity of the screen, as long as it lives."""


def _course(screen: Screen) -> Course:
    later = frozenset(part.id for part in screen.parts if part.day > 1)
    stops = []
    for question in screen.questions:
        rows = tuple(
            Place(
                row=row,
                when=_condition(row.ask_when),
                beside=tuple(dict.fromkeys(path for path in _beside(row) if path not in screen.asked)),
            )
            for row in question.rows
        )
        stop = Stop(
            question=question,
            test=screen.tests[question.test] if question.test else None,
            when=_condition(question.ask_when),
            rows=rows,
            page=unsure_path(question.id) if question.kind == "checklist" else None,
            shared=_shared(question),
            gate=question.part in GATE,
            later=question.part in later,
        )
        stops.append(stop)
    criteria = [when.criterion for stop in stops for when in (stop.when, *(p.when for p in stop.rows)) if when]
    criteria += [out.when for test in screen.tests.values() for out in test.leave_out]
    read = dict.fromkeys(path for criterion in criteria for path in paths_of(criterion))
    written = [path for stop in stops for place in stop.rows for path in (place.row.path, *place.beside)]
    written += [stop.page for stop in stops if stop.page is not None]
    return Course(
        stops=tuple(stops),
        affects={path: reads for path in (*SETTINGS, *written) if (reads := tuple(_reads(path, read)))},
        replaces={o.instead: test for test in screen.tests.values() for o in test.leave_out if o.instead},
        later=later,
    )


def _condition(criterion: Criterion | None) -> Condition | None:
    return None if criterion is None else Condition(criterion, *compiled(criterion), waits(criterion))


def _beside(row: Row) -> Iterator[Path]:
    stem = row.path.rpartition(".")[0]
    return (f"{stem}.{name}" for option in row.options for name in option.sets)


def _reads(path: Path, read: Iterable[Path]) -> Iterator[tuple[Side | None, Path]]:
    """Give what conditions read that a fact may change, and the sides from which it does."""
    room, _, rest = path.partition(".")
    side, _, field = rest.partition(".")
    for one in read:
        if one == path:
            yield from ((seen, one) for seen in (None, *SIDES))
        elif field in ATTEMPT_FIELDS and _test_and_field(one) == (room.partition(":")[0], field):
            yield from ((seen, one) for seen in (None, *SIDES) if side in (seen, "both"))


def _test_and_field(path: Path) -> tuple[str, str]:
    room, _, field = path.partition(".")
    return room.partition(":")[0], field


class Live:
    """The answers that count so far; `seen` are they as conditions read them, from a side or from neither."""

    def __init__(self, affects: Mapping[Path, Sequence[tuple[Side | None, Path]]]) -> None:
        self.answers: dict[Path, Any] = {}
        self._affects = affects
        sides: dict[Side, _Seen] = {side: _Seen({}) for side in SIDES}
        self.seen: Mapping[Side | None, _Seen] = {None: _Seen(sides), **{s: _Seen(sides) for s in SIDES}}
        sides.update({side: self.seen[side] for side in SIDES})

    def put(self, path: Path, value: Any) -> None:
        """Let an answer count."""
        self.answers[path] = value
        for side, read in self._affects.get(path, ()):
            self.seen[side][read] = self._value(read, side)

    def put_missing(self, path: Path, value: Any) -> None:
        """Let an answer count where there is none."""
        if path not in self.answers:
            self.put(path, value)

    def _value(self, path: Path, side: Side | None) -> Any:
        """Give what a condition reads at *path*: of a test, the uncued try that counts."""
        answers = self.answers
        if path in answers:
            return answers[path]
        room, _, field = path.partition(".")
        test = room.removesuffix(":1A1")
        own = answers.get(f"{test}.{side}.{field}")
        if own is not None and test != room:
            return own
        for place in (side, "both") if side else ("both",):
            for run in UNCUED:
                held = answers.get(f"{test}{run}.{place}.{field}")
                if held is not None and held != NOT_NEEDED:
                    return held
        return answers.get(f"{test}.{side}.{field}", answers.get(f"{test}.both.{field}"))


class _Seen(Values):
    """What conditions read; what isn't there was not answered."""

    __slots__ = ("_others",)

    def __init__(self, others: Mapping[Side, Values]) -> None:
        dict.__init__(self)
        self._others = others

    def __missing__(self, path: str) -> Any:
        return None

    def seen_from(self, side: Side) -> Values:
        """Give the same answers seen from *side*."""
        return self._others[side]


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
