"""Turns content into the questions that are asked, in order: gate, daily life, then each test with its follow-ups."""

from __future__ import annotations

from collections.abc import Iterator

from rules.criteria import SIDES, All, AnyOf, Criterion, FactAtLeast, FactIn, FactIs, Not, Side
from rules.screen import GateQuestion, Option, Question, Row, Safety, ScreenFile, Test

ITEM_ANSWERS = ("yes", "no", "unsure")
EXTRA_ANSWERS = ("hurts", "unknown", "cannot")
SEVERITIES = ("clear", "partial", "blocked")


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
            if test.posture == posture.id:
                questions += _test(test, posture.part, screen)
    return tuple(sorted(questions, key=lambda question: parts.index(question.part)))


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


def _test(test: Test, part: str, screen: ScreenFile) -> Iterator[Question]:
    """The level of each side, then what opens only where it is needed."""

    def question(field: str, kind: str, rows: tuple[Row, ...], seconds: int, **more: float) -> Question:
        return Question.model_validate(
            {
                "id": f"{test.id}.{field}",
                "part": part,
                "kind": kind,
                "rows": rows,
                "seconds": seconds,
                "posture": test.posture,
                "test": test.id,
                "source": test.source,
                **more,
            }
        )

    places: tuple[tuple[str, Side | None], ...] = (
        tuple((side, side) for side in SIDES) if test.sides == "each" else (("both", None),)
    )
    answers = tuple(
        Option(
            id=answer.id,
            sets=dict(_settles(answer.level, answer.compensations, answer.sensation)),
        )
        for answer in test.answers
    ) + _options(EXTRA_ANSWERS if test.context != "position" else EXTRA_ANSWERS[1:])
    yield question("level", "one", tuple(_row(test, p, s, "level", answers) for p, s in places), test.seconds)

    def rows(field: str, options: tuple[str, ...], when: str) -> tuple[Row, ...]:
        return tuple(
            _row(test, place, side, field, _options(options), _opens(test, place, when, screen))
            for place, side in places
        )

    follow = test.follow_up_seconds
    if test.sensations:
        yield question(
            "sensation",
            "one",
            rows("sensation", test.sensations, "felt" if test.feel_when == "limited" else "hurts"),
            follow,
        )
    yield question("pain", "scale", rows("pain", (), "pain"), follow)
    yield question("reached", "one", rows("reached", (*SEVERITIES, "unknown"), "reached"), follow)
    if test.compensations:
        yield question("compensations", "many", rows("compensations", test.compensations, "compensated"), follow)
    if test.phases:
        yield question("phase", "one", rows("phase", (*test.phases, "unknown"), "felt"), follow)
    if test.degrees:
        measured = tuple(
            _row(test, place, side, "degrees", (Option(id="unknown"),), _opens(test, place, "degrees", screen))
            for place, side in places
        )
        yield question("degrees", "number", measured, 45, lowest=test.degrees.lowest, highest=test.degrees.highest)


def _settles(level: str, compensations: tuple[str, ...] | None, sensation: str | None) -> Iterator[tuple[str, object]]:
    yield "level", level
    if compensations is not None:
        yield "compensations", compensations
    if sensation is not None:
        yield "sensation", sensation


def _row(
    test: Test,
    place: str,
    side: Side | None,
    field: str,
    options: tuple[Option, ...],
    when: Criterion | None = None,
) -> Row:
    conditions = tuple(c for c in (test.ask_when, when) if c is not None)
    return Row(
        path=f"{test.id}.{place}.{field}",
        options=options,
        side=side,
        ask_when=All(all_=conditions) if conditions else None,
    )


def _opens(test: Test, place: str, when: str, screen: ScreenFile) -> Criterion:
    """When a follow-up row opens, in terms of the answers before it, as they were tapped."""
    raw = f"{test.id}.{place}"
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
            return AnyOf(any_=(hurts, sore)) if test.sensations else hurts
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
