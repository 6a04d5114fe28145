"""Turns content into what a screen asks, in order: gate, daily life, each test with its follow-ups; and its flags."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rules.criteria import (
    SIDES,
    All,
    AnyOf,
    Both,
    CountOf,
    Criterion,
    Either,
    FactAtLeast,
    FactIn,
    FactIncludes,
    FactIs,
    Known,
    Not,
    Side,
    paths_of,
)
from rules.screen import POSITION, FlagRule, GateQuestion, Option, Question, Row, Safety, ScreenFile, SecondLook, Test

ITEM_ANSWERS = ("yes", "no", "unsure")
EXTRA_ANSWERS = ("hurts", "unknown", "cannot")
SEVERITIES = ("clear", "partial", "blocked")
ANY_TEST = "any_test."
"""Opens a fact of a flag that stands for every test of day 1 that asks what it felt like."""


def questions_of(safety: Safety, screen: ScreenFile) -> tuple[Question, ...]:
    """List every question in the order of the screen's parts and postures."""
    parts = [part.id for part in screen.parts]
    questions: list[Question] = []
    for written in safety.questions:
        questions += _gate(written)
    for asked in screen.life:
        questions.append(
            Question(
                id=asked.id,
                part=asked.part,
                kind=asked.kind,
                rows=(Row(path=asked.path, options=_options(asked.options)),),
                ask_when=asked.ask_when,
                seconds=asked.seconds,
                source=asked.source,
            )
        )
    for posture in screen.postures:
        for test in screen.tests:
            if test.posture == posture.id and test.day == 1:
                questions += _test(test, posture.part, posture.id, screen)
    tests = {test.id: test for test in screen.tests}
    places = {posture.id: posture.part for posture in screen.postures}
    for look in screen.second:
        questions += _second(look, tests[look.test], places[look.posture], screen)
    return tuple(sorted(questions, key=lambda question: parts.index(question.part)))


def flags_of(flags: Sequence[FlagRule], screen: ScreenFile) -> tuple[FlagRule, ...]:
    """Write out what shared flags say of `any_test`: a flag of no test that could raise it is left out.

    Raises ValueError for a criterion that can't be written out.
    """
    written = ((flag, _written_out(flag.when, screen.tests)) for flag in flags)
    return tuple(
        flag if when is flag.when else flag.model_copy(update={"when": when}) for flag, when in written if when
    )


def _written_out(criterion: Criterion, tests: Sequence[Test]) -> Criterion | None:
    """Put every test for `any_test`; the same criterion where it names none, None where no test can meet it."""
    match criterion:
        case AnyOf(any_=parts):
            several = [_written_out(part, tests) for part in parts]
            if all(one is part for one, part in zip(several, parts, strict=True)):
                return criterion
            # What stands for several tests joins what is beside it.
            flat = [
                leaf
                for one, part in zip(several, parts, strict=True)
                if one is not None
                for leaf in (one.any_ if isinstance(one, AnyOf) and not isinstance(part, AnyOf) else (one,))
            ]
            return AnyOf(any_=tuple(flat)) if flat else None
        case All(all_=parts):
            several = [_written_out(part, tests) for part in parts]
            if all(one is part for one, part in zip(several, parts, strict=True)):
                return criterion
            whole = tuple(one for one in several if one is not None)
            return All(all_=whole) if len(whole) == len(several) else None
        case Either(either=inner):
            held = _written_out(inner, tests)
            return criterion if held is inner else None if held is None else Either(either=held)
        case FactIs(fact=fact, is_=wanted) if fact.startswith(ANY_TEST):
            return _of_any_test(FactIn(fact=fact, in_=(wanted,)), tests)
        case FactIn(fact=fact) | FactAtLeast(fact=fact) if fact.startswith(ANY_TEST):
            return _of_any_test(criterion, tests)
        case Not() | Both() | CountOf() if any(path.startswith(ANY_TEST) for path in paths_of(criterion)):
            raise ValueError(f"{ANY_TEST}* stands in a not, both or count; write it under all, any or either")
    return criterion


def _of_any_test(criterion: FactIn | FactAtLeast, tests: Sequence[Test]) -> AnyOf | None:
    name = criterion.fact.removeprefix(ANY_TEST)
    found: list[Criterion] = []
    for test in tests:
        if test.context == POSITION or (name == "sensation" and not test.sensations):
            continue
        if isinstance(criterion, FactAtLeast):
            found.append(FactAtLeast(fact=f"{test.id}.{name}", at_least=criterion.at_least))
            continue
        offered = test.sensations if name == "sensation" else criterion.in_
        if words := tuple(word for word in criterion.in_ if word in offered):
            found.append(FactIn(fact=f"{test.id}.{name}", in_=words))
    return AnyOf(any_=tuple(found)) if found else None


def unsure_path(page: str) -> str:
    """Name the fact that says a checklist page was answered "not sure"."""
    return f"reports.unsure_{page}"


def _options(ids: tuple[str, ...]) -> tuple[Option, ...]:
    return tuple(Option(id=option) for option in ids)


def _gate(written: GateQuestion) -> Iterator[Question]:
    if written.kind != "checklist":
        rows = (
            tuple(Row(path=row.path, options=_options(row.options), ask_when=row.ask_when) for row in written.rows)
            if written.rows
            else (Row(path=str(written.path), options=_options(written.options)),)
        )
        yield Question(
            id=written.id,
            part=written.part,
            kind=written.kind,
            rows=rows,
            ask_when=written.ask_when,
            seconds=written.seconds,
            even_if_locked=written.even_if_locked,
            source=written.source,
        )
        return
    yield Question(
        id=written.id,
        part=written.part,
        kind="checklist",
        rows=tuple(Row(path=f"reports.{item}", options=_options(ITEM_ANSWERS)) for item in written.items),
        ask_when=written.ask_when,
        seconds=written.seconds,
        even_if_locked=written.even_if_locked,
        source=written.source,
    )
    page_open: Criterion = FactIs(fact=unsure_path(written.id), is_="yes")
    for item in written.items:
        yield Question(
            id=f"{written.id}.{item}",
            part=written.part,
            rows=(Row(path=f"reports.{item}", options=_options(ITEM_ANSWERS)),),
            ask_when=page_open if written.ask_when is None else All(all_=(written.ask_when, page_open)),
            seconds=4,
            even_if_locked=written.even_if_locked,
            source=written.source,
        )


def _test(
    test: Test,
    part: str,
    posture: str,
    screen: ScreenFile,
    *,
    run: str | None = None,
    seconds: int | None = None,
    when: Criterion | None = None,
) -> Iterator[Question]:
    """The level of each side, then what opens only where it is needed. *when* is seen from the side of a row."""
    ask = _Asking(test=test, part=part, posture=posture, run=run)
    yield ask.question("level", "one", ask.rows("level", _answers(test), when), seconds or test.seconds)

    def opened(field: str, options: tuple[str, ...], kind: str) -> tuple[Row, ...]:
        return ask.rows(field, _options(options), when, lambda place: _opens(ask.stem(place), kind, screen))

    follow = test.follow_up_seconds
    if test.sensations:
        feels = opened("sensation", test.sensations, "felt" if test.feel_when == "limited" else "hurts")
        yield ask.question("sensation", "one", feels, follow)
    yield ask.question("pain", "scale", opened("pain", (), "pain" if test.sensations else "hurts"), follow)
    yield ask.question("reached", "one", opened("reached", (*SEVERITIES, "unknown"), "reached"), follow)
    if test.compensations:
        yield ask.question("compensations", "many", opened("compensations", test.compensations, "compensated"), follow)
    if test.phases:
        yield ask.question("phase", "one", opened("phase", (*test.phases, "unknown"), "felt"), follow)
    if test.degrees:
        measured = ask.rows(
            "degrees",
            (Option(id="unknown"),),
            when,
            lambda place: _opens(ask.stem(place), "degrees", screen),
        )
        bounds = {"lowest": test.degrees.lowest, "highest": test.degrees.highest}
        yield ask.question("degrees", "number", measured, 45, **bounds)
    if test.clean is not None:
        helped = test.clean.compensations
        yield from _again(
            test,
            part,
            posture,
            "1A2",
            test.clean.seconds,
            lambda place: FactIncludes(fact=f"{ask.stem(place)}.compensations", includes=helped),
            when,
        )


def _second(look: SecondLook, test: Test, part: str, screen: ScreenFile) -> Iterator[Question]:
    """What day 2 asks of a test: the whole of it, one cold try more, or two tries and then one cue after the other."""
    place = (test, part, look.posture)
    if look.tries == "first":
        yield from _test(*place, screen, run="2A1", seconds=look.seconds, when=look.when)
        return
    known = next((t for t in screen.second if t.test == test.id and t.tries == "first"), None)
    if known is None:  # day 2 begins with a cold try
        yield from _again(*place, "2A1", look.seconds, functools.partial(_was_limited, test), look.when)
    if look.tries == "cold":
        return

    def level(run: str, side: str) -> str:
        return f"{test.id}:{run}.{side}.level"

    def still(run: str, side: str) -> Criterion:
        return FactIn(fact=level(run, side), in_=("partial", "blocked"))

    def better(run: str, than: str, side: str) -> Criterion:
        blocked = FactIs(fact=level(than, side), is_="blocked")
        partial = FactIs(fact=level(than, side), is_="partial")
        easier = FactIn(fact=level(run, side), in_=("clear", "partial"))
        return AnyOf(
            any_=(
                All(all_=(blocked, easier)),
                All(all_=(partial, FactIs(fact=level(run, side), is_="clear"))),
            )
        )

    def without(run: str, side: str) -> tuple[Criterion, ...]:
        """It was neither better with *run*, nor did that hurt."""
        hurt = FactIs(fact=level(run, side), is_="hurts")
        return (Not(not_=better(run, "2A2", side)), Not(not_=hurt))

    yield from _again(*place, "2A2", look.seconds, lambda side: still("2A1", side), look.when)
    before: list[str] = []
    for cue in test.cues:
        tried = tuple(before)

        def opens(side: str, tried: tuple[str, ...] = tried) -> Criterion:
            colder = Not(not_=better("2A2", "2A1", side))
            return All(all_=(still("2A2", side), colder, *(c for run in tried for c in without(run, side))))

        run = f"2B:{cue.id}"
        yield from _again(*place, run, look.seconds, opens, look.when)
        if cue.removable:
            away = functools.partial(better, run, "2A2")
            yield from _again(*place, f"2A3:{cue.id}", look.seconds, away, look.when)
        before.append(run)


def _was_limited(test: Test, place: str) -> Criterion:
    """Day 1 ended with less than clear: on the clean repeat where there was one, else on the first try."""
    first = FactIn(fact=f"{test.id}.{place}.level", in_=("partial", "blocked"))
    if test.clean is None:
        return first
    repeat = f"{test.id}:1A2.{place}.level"
    return AnyOf(
        any_=(FactIn(fact=repeat, in_=("partial", "blocked")), All(all_=(Not(not_=Known(known=repeat)), first)))
    )


def _again(
    test: Test,
    part: str,
    posture: str,
    run: str,
    seconds: int,
    opens: Callable[[str], Criterion | None],
    when: Criterion | None,
) -> Iterator[Question]:
    """One more try of a test: its level, and how strong it was where it hurt."""
    ask = _Asking(test=test, part=part, posture=posture, run=run)
    answers = tuple(option for option in _answers(test) if not _is_helped(test, option))  # they are coached by now
    yield ask.question("level", "one", ask.rows("level", answers, when, opens), seconds)

    def hurts(place: str) -> Criterion:
        return FactIs(fact=f"{ask.stem(place)}.level", is_="hurts")

    yield ask.question("pain", "scale", ask.rows("pain", (), when, hurts), test.follow_up_seconds)


def _is_helped(test: Test, option: Option) -> bool:
    seen = option.sets.get("compensations", ())
    return test.clean is not None and isinstance(seen, tuple) and not set(test.clean.compensations).isdisjoint(seen)


@dataclass(frozen=True, kw_only=True)
class _Asking:
    """Makes the questions and rows of one try of a test."""

    test: Test
    part: str
    posture: str
    run: str | None

    def stem(self, place: str) -> str:
        return f"{self.test.id}{f':{self.run}' if self.run else ''}.{place}"

    def question(self, field: str, kind: str, rows: tuple[Row, ...], seconds: int, **more: float) -> Question:
        middle = f".{self.run.lower().replace(':', '_')}" if self.run else ""
        return Question.model_validate(
            {
                "id": f"{self.test.id}{middle}.{field}",
                "part": self.part,
                "kind": kind,
                "rows": rows,
                "seconds": seconds,
                "posture": self.posture,
                "test": self.test.id,
                "field": field,
                "run": self.run,
                "source": self.test.source,
                **more,
            }
        )

    def rows(
        self,
        field: str,
        options: tuple[Option, ...],
        when: Criterion | None,
        opens: Callable[[str], Criterion | None] = lambda _: None,
    ) -> tuple[Row, ...]:
        places: tuple[tuple[str, Side | None], ...] = (
            tuple((side, side) for side in SIDES) if self.test.sides == "each" else (("both", None),)
        )
        return tuple(
            Row(
                path=f"{self.stem(place)}.{field}",
                options=options,
                side=side,
                ask_when=_both(self.test.ask_when, when, opens(place)),
            )
            for place, side in places
        )


def _both(*given: Criterion | None) -> Criterion | None:
    conditions = tuple(c for c in given if c is not None)
    return All(all_=conditions) if conditions else None


def _answers(test: Test) -> tuple[Option, ...]:
    said = tuple(
        Option(id=answer.id, sets=dict(_settles(answer.level, answer.compensations, answer.sensation)))
        for answer in test.answers
    )
    return said + _options(EXTRA_ANSWERS if test.context != POSITION else EXTRA_ANSWERS[1:])


def _settles(level: str, compensations: tuple[str, ...] | None, sensation: str | None) -> Iterator[tuple[str, object]]:
    yield "level", level
    if compensations is not None:
        yield "compensations", compensations
    if sensation is not None:
        yield "sensation", sensation


def _opens(raw: str, when: str, screen: ScreenFile) -> Criterion:
    """When a follow-up row opens, in terms of the answers before it, as they were tapped. *raw* is the attempt."""
    # "Not sure" leaves most questions open; here it must not, or it would be followed by "what did it feel like?".
    sure = Not(not_=FactIs(fact=f"{raw}.level", is_="unknown"))
    limited = All(all_=(sure, FactIn(fact=f"{raw}.level", in_=("partial", "blocked", "hurts"))))
    hurts = All(all_=(sure, FactIs(fact=f"{raw}.level", is_="hurts")))
    sore = FactIn(fact=f"{raw}.sensation", in_=(*screen.ending_sensations, "ache"))
    ends = AnyOf(
        any_=(
            FactAtLeast(fact=f"{raw}.pain", at_least=screen.ending_pain),
            FactIn(fact=f"{raw}.sensation", in_=screen.ending_sensations),
        )
    )
    went_on: Criterion = Not(not_=ends)
    match when:
        case "felt":
            return limited
        case "hurts":
            return hurts
        case "pain":
            return AnyOf(any_=(hurts, sore))
        case "reached":
            return All(all_=(hurts, went_on))
        case "compensated":
            return All(all_=(sure, FactIn(fact=f"{raw}.level", in_=("partial", "blocked")), went_on))
        case _:
            return All(
                all_=(
                    FactIs(fact="reports.degrees_wanted", is_="yes"),
                    sure,
                    FactIn(fact=f"{raw}.level", in_=(*SEVERITIES, "hurts")),
                    went_on,
                )
            )
