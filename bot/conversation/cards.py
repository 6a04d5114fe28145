"""How a question looks: its text, its rows of buttons, and where the client is."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from bot.conversation.activities import Screening
from bot.conversation.effects import Button, ButtonRow, Joined, Line
from bot.conversation.talk import Talk
from rules import Facts
from rules.criteria import LEVELS, SIDES
from rules.questions import SETTLED, Ask, Way, option_of
from rules.screen import POSITION, Question, Row
from rules.sight import Sight

FIELDS = ("sensation", "pain", "reached", "compensations", "phase", "degrees")


def show_question(talk: Talk, ask: Ask, way: Way, *, note: Line | None = None, fresh: bool = True) -> None:
    """Show a question on the screening's card. *fresh*: a new question, so that older buttons become stale."""
    screening = talk.screening
    if screening is None:
        return
    if fresh:
        talk.next_step()
    if screening.shown is None or screening.shown[0] != ask.question.id:
        screening = screening.model_copy(update={"shown": (ask.question.id, ask.at_most)})
        talk.put_screening(screening)
    paragraphs = [
        *([note] if note else []),
        _place(talk, ask),
        *_news(talk, ask, way),
        question_text(talk, ask),
    ]
    alone = ask.rows[0].side if len(ask.rows) == 1 < len(ask.question.rows) and ask.question.field == "level" else None
    if alone is not None and _kind_of_run(talk, ask.question)[0] is None:  # a repeat says so itself
        paragraphs.append(Line(key="bot.this_side_only", values={"side": side_word(alone)}))
    if screening.revisit == ask.question.id and ask.question.kind in ("scale", "number"):
        held = tuple(answer for row in ask.rows if (answer := said(talk, ask.question, row)))
        paragraphs.append(Line(key="bot.your_answer", values={"answer": Joined(items=held, glue=" · ")}))
    talk.card(f"s{screening.id}", *paragraphs, rows=(*answer_rows(talk, ask), _controls(talk, ask, way)))


def opened_first(screening: Screening, ask: Ask) -> Ask:
    """Put the row first that the client opened, where it is one of this question's."""
    chosen = next((row for row in ask.rows if row.path == screening.opened), None)
    if chosen is None:
        return ask
    return dataclasses.replace(ask, open=(chosen, *(row for row in ask.open if row is not chosen)))


def trail_before(screening: Screening, ask: Ask | None, way: Way) -> tuple[str, ...]:
    """List the questions answered before the one that is open, in the order they were answered, that still apply."""
    applying = {step.question.id for step in way.steps if not step.maybe}
    trail = tuple(q for q in screening.trail if q in applying)
    open_now = screening.revisit or (ask.question.id if ask else None)
    return trail[: trail.index(open_now)] if open_now in trail else trail


def question_text(talk: Talk, ask: Ask) -> Line:
    """Give the words of a question; follow-ups of a test share theirs, with the test's name."""
    question = ask.question
    if question.test is None:
        page, _, item = question.id.partition(".")
        if item:
            return Line(key="bot.item", values={"item": talk.of_screen(f"{page}.{item}_full")})
        return talk.of_screen(f"{question.id}.ask")
    field = question.field
    side = ask.rows[0].side if len(ask.rows) == 1 else None
    name = test_name(talk, question.test)
    values = {"test": name, "side": side_word(side) if side else Line(key="bot.each_side")}
    if field == "level":
        whole = talk.of_screen(f"{question.test}.ask")
        kind, cue = _kind_of_run(talk, question)
        if kind is None:
            return whole
        if kind == "cold":
            return Line(key="bot.again_cold", values={"how": whole})
        own = f"cue.{cue}.{kind}" if cue else f"again.{kind}"
        return talk.first_of(f"{own}.{question.test}.ask", f"{own}.ask", **values)
    return talk.first_of(f"{question.test}.{field}.ask", f"follow.{field}.ask", **values)


def _kind_of_run(talk: Talk, question: Question) -> tuple[str | None, str | None]:
    """Tell what a further try of a test is (clean, cold, second, with a cue, away) and the cue; None for the first."""
    run = question.run
    if run is None or (run == "2A1" and question.test and talk.screen.tests[question.test].day == 2):
        return None, None
    day, try_, cue = run[0], run[1:].partition(":")[0], run.partition(":")[2] or None
    kinds = {"A1": "cold", "A2": "second" if day == "2" else "clean", "B": "with", "A3": "away"}
    return kinds[try_], cue


def why_text(talk: Talk, question: Question) -> Line:
    """Give the answer to "Why do you ask?"."""
    if question.test is None:
        page = question.id.partition(".")[0]
        return talk.first_of(f"{question.id}.why", f"{page}.why")
    field = question.field
    if field == "level":
        kind, _ = _kind_of_run(talk, question)
        if kind in (None, "cold"):
            return talk.of_screen(f"{question.test}.why")
        return talk.of_screen("cue.why" if kind in ("with", "away") else f"again.{kind}.why")
    return talk.first_of(f"{question.test}.{field}.why", f"follow.{field}.why")


def answer_rows(talk: Talk, ask: Ask) -> Iterator[ButtonRow]:
    """Give the rows of buttons. Only the first open row of a side-by-side card is open in the terminal."""
    question, screening = ask.question, talk.screening
    if question.kind == "checklist":
        yield from _checklist(talk, ask)
        return
    if screening is not None:
        ask = opened_first(screening, ask)
    first_open = next((row.path for row in ask.open), None)
    revisiting = screening is not None and screening.revisit == question.id
    several = len(ask.rows) > 1
    for row in ask.rows:
        index = question.rows.index(row)
        chosen = option_of(row, talk.facts) if question.kind == "one" else None
        ticked = (
            {t.partition("=")[2] for t in screening.ticked if t.partition("=")[0] == row.path} if screening else set()
        )
        is_open = row.path == first_open or (revisiting and row.path == (first_open or ask.rows[0].path))
        is_open = is_open or not several
        opens = talk.data(str(index), "open") if several and not is_open else None
        label = row_label(talk, question, row) if several or row.side else None
        match question.kind:
            case "scale":
                held = talk.facts.value(row.path)
                buttons = tuple(
                    Button(
                        data=talk.data(str(index), str(n)),
                        label=Line(key="bot.number", values={"n": n}),
                        chosen=held == n,
                    )
                    for n in range(int(question.lowest), int(question.highest) + 1)
                )
                yield ButtonRow(buttons=buttons, label=label, kind="scale", open=is_open, opens=opens)
            case "number":
                buttons = (
                    Button(data=talk.data(str(index), "unknown"), label=talk.of_screen("option.degrees.unknown")),
                )
                yield ButtonRow(buttons=buttons, label=label, open=is_open, opens=opens)
            case "many":
                options = tuple(
                    Button(
                        data=talk.data(str(index), f"{'off' if option.id in ticked else 'on'}-{option.id}"),
                        label=option_label(talk, question, row, option.id),
                        chosen=option.id in ticked,
                    )
                    for option in row.options
                )
                done = "bot.done" if ticked else "bot.none_of_these"
                close = Button(data=talk.data(str(index), "done"), label=Line(key=done))
                yield ButtonRow(buttons=(*options, close), label=label, open=is_open, opens=opens)
            case _:
                yield ButtonRow(
                    buttons=tuple(
                        Button(
                            data=talk.data(str(index), option.id),
                            label=option_label(talk, question, row, option.id),
                            chosen=option.id == chosen,
                        )
                        for option in row.options
                    ),
                    label=label,
                    open=is_open,
                    opens=opens,
                )


def option_label(talk: Talk, question: Question, row: Row, option: str) -> Line:
    """Give the words of an option: the question's own, else those shared by all tests."""
    last = row.path.rpartition(".")[2]
    if question.test is not None:
        sided = (f"{question.test}.{row.side}.{option}",) if row.side else ()
        own = (*sided, f"{question.test}.{option}") if last == "level" else ()
        return talk.first_of(*own, f"{question.test}.{last}.{option}", f"option.{last}.{option}", f"option.{option}")
    page = question.id.partition(".")[0]
    return talk.first_of(
        f"{question.id}.{last}.{option}", f"{question.id}.{option}", f"{page}.{option}", f"option.{option}"
    )


def row_label(talk: Talk, question: Question, row: Row) -> Line:
    """Give the label before a row of buttons."""
    if row.side is not None:
        return side_word(row.side)
    return talk.of_screen(f"{question.id}.row.{row.path.rpartition('.')[2]}")


def side_word(side: str) -> Line:
    """Give LEFT or RIGHT."""
    return Line(key=f"bot.side.{side}")


def test_name(talk: Talk, test: str) -> Line:
    """Give what a test is called."""
    return talk.of_screen(f"{test}.name")


def question_name(talk: Talk, question: Question) -> Line:
    """Give what a question is called on the review page."""
    if question.test is None:
        page = question.id.partition(".")[0]
        return talk.first_of(f"{question.id}.name", f"{page}.name")
    name = test_name(talk, question.test)
    kind, cue = _kind_of_run(talk, question)
    if kind is not None:
        which = talk.of_screen(f"cue.{cue}.{kind}.name") if cue else talk.of_screen(f"again.{kind}.name")
        name = Line(key="bot.follow_name", values={"test": name, "field": which})
    if question.field == "level":
        return name
    field = talk.of_screen(f"follow.{question.field}.name")
    return Line(key="bot.follow_name", values={"test": name, "field": field})


def said(talk: Talk, question: Question, row: Row, facts: Facts | None = None) -> Line | None:
    """Give an answer as the client would read it, or None where there is none; of *facts*, else of this screening."""
    facts = facts or talk.facts
    value = facts.value(row.path)
    if value is None:
        return None
    if question.kind == "one":
        option = option_of(row, facts)
        return (
            option_label(talk, question, row, option) if option else Line(key="bot.words", values={"words": str(value)})
        )
    if isinstance(value, tuple):
        if not value:
            return Line(key="bot.none")
        return Line(
            key="bot.list",
            values={"items": Joined(items=tuple(option_label(talk, question, row, v) for v in value), glue=", ")},
        )
    if question.kind == "checklist":
        return option_label(talk, question, row, str(value))
    if value == "unknown":
        return talk.of_screen("option.degrees.unknown")
    return Line(key="bot.number", values={"n": f"{value:g}" if isinstance(value, float) else str(value)})


def labels_of(talk: Talk, ask: Ask) -> Mapping[str, Mapping[str, str]]:
    """Give the plain text of every option of the rows asked, for reading what was typed."""
    return labels_of_rows(talk, ask.question, ask.rows)


def labels_of_rows(talk: Talk, question: Question, rows: Sequence[Row]) -> Mapping[str, Mapping[str, str]]:
    """Give the plain text of every option of these rows."""
    words, screen = talk.words, talk.screen

    def text(line: Line) -> str:
        key = line.key.removeprefix(f"{screen.id}/")
        return words.get(key, "")

    labels: dict[str, dict[str, str]] = {}
    for row in rows:
        if question.kind == "checklist":
            item = row.path.rpartition(".")[2]
            labels[row.path] = {"yes": words.get(f"{question.id}.{item}", item)}
        else:
            labels[row.path] = {o.id: text(option_label(talk, question, row, o.id)) for o in row.options}
    return labels


WORTH_SAYING = 20
"""A bound above this says nothing: most of it is follow-ups that exclude each other."""


def _place(talk: Talk, ask: Ask) -> Line:
    part = talk.of_screen(f"part.{ask.question.part}")
    promised = talk.screening.shown[1] if talk.screening and talk.screening.shown else ask.at_most
    key = "bot.place_many" if promised > WORTH_SAYING else "bot.place" if promised else "bot.place_last"
    return Line(key=key, values={"part": ask.part, "parts": ask.parts, "name": part, "count": promised})


def _news(talk: Talk, ask: Ask, way: Way) -> Iterator[Line]:
    """Say, once: what is already clear, what was left out and why, and the new position."""
    screening, posture = talk.screening, ask.question.posture
    if screening is None or posture is None or f"in:{posture}" in screening.told:
        return
    screening = screening.model_copy(update={"told": (*screening.told, f"in:{posture}")})
    talk.put_screening(screening)
    clear = _already_clear(talk, way, screening)
    if clear:
        yield Line(key="bot.already_clear", values={"tests": Joined(items=clear, glue=", ")})
    screening = talk.screening or screening
    for skip in way.skipped:
        if skip.reason != SETTLED and talk.screen.tests[skip.instead or skip.test].posture == posture:
            reason = talk.of_screen(f"leave_out.{skip.reason}")
            if skip.instead:
                values = {
                    "test": test_name(talk, skip.test),
                    "reason": reason,
                    "other": test_name(talk, skip.instead),
                }
                yield Line(key="bot.replaced", values=values)
            else:
                yield Line(key="bot.left_out", values={"test": test_name(talk, skip.test), "reason": reason})
    yield talk.of_screen(f"posture.{posture}.ask")


def _already_clear(talk: Talk, way: Way, screening: Screening) -> tuple[Line, ...]:
    """List the tests that came out clear and were not praised yet, the two latest; and mark them praised."""
    found: list[tuple[str, Line]] = []
    for test in talk.screen.tests.values():
        heard = f"clear:{test.id}" in screening.told or (screening.scope == "second" and test.day == 1)
        if test.context == POSITION or test.role == "comparison" or heard:
            continue
        places = SIDES if test.sides == "each" else ("both",)
        good = []
        for place in places:
            attempt = way.facts.attempt(test.id, place)
            if attempt is not None and Sight(talk.screen, way.facts).level(attempt) == LEVELS[0]:
                good.append(place)
        if len(good) == len(places):
            found.append((test.id, Line(key="bot.clear_both", values={"test": test_name(talk, test.id)})))
        elif good:
            values = {"side": side_word(good[0]), "test": test_name(talk, test.id)}
            found.append((test.id, Line(key="bot.clear_one", values=values)))
    if found:
        told = (*screening.told, *(f"clear:{test}" for test, _ in found))
        talk.put_screening(screening.model_copy(update={"told": told}))
    return tuple(line for _, line in found[-2:])


def _checklist(talk: Talk, ask: Ask) -> Iterator[ButtonRow]:
    screening, question = talk.screening, ask.question
    ticked = {t.partition("=")[0] for t in screening.ticked} if screening else set()
    items = tuple(
        Button(
            data=talk.data(str(question.rows.index(row)), "off" if row.path in ticked else "on"),
            label=talk.of_screen(f"{question.id}.{row.path.rpartition('.')[2]}"),
            chosen=row.path in ticked,
        )
        for row in ask.rows
    )
    ends = (
        (Button(data=talk.data("c", "done"), label=Line(key="bot.done")),)
        if ticked
        else (Button(data=talk.data("c", "none"), label=Line(key="bot.none_of_these")),)
    )
    unsure = Button(data=talk.data("c", "unsure"), label=Line(key="bot.not_sure"))
    yield ButtonRow(buttons=(*items, *ends, unsure))


def _controls(talk: Talk, ask: Ask, way: Way) -> ButtonRow:
    screening = talk.screening
    names = []
    if screening is not None and screening.revisit is not None:
        several = len(ask.rows) > 1 and ask.question.kind != "checklist"
        names.append(("keep", "bot.done" if several else "bot.keep"))
    if screening is not None and trail_before(screening, ask, way):
        names.append(("back", "bot.back"))
    names.append(("why", "bot.why"))
    return talk.choices(*names, kind="controls")
