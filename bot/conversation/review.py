"""The review: every answer on one page, any of which can be changed by its number."""

from __future__ import annotations

from bot.conversation.cards import question_name, row_label, said, side_word, test_name
from bot.conversation.effects import Button, ButtonRow, Joined, Line
from bot.conversation.talk import Talk
from rules.questions import SETTLED, Way
from rules.screen import Question


def show_review(talk: Talk, way: Way, *, note: Line | None = None) -> None:
    """Show every answer on one page; a number changes one."""
    screening = talk.screening
    if screening is None:
        return
    talk.next_step()
    lines: list[Line] = []
    buttons: list[Button] = []
    for question, answer in review_lines(talk, way):
        number = len(lines) + 1
        lines.append(
            Line(
                key="bot.review_line",
                values={"n": number, "name": question_name(talk, question), "answer": answer},
            )
        )
        buttons.append(Button(data=talk.data("r", question.id), label=Line(key="bot.number", values={"n": number})))
    talk.card(
        f"s{screening.id}",
        *([note] if note else []),
        Line(key="bot.review", values={"count": len(lines)}),
        Line(key="bot.list", values={"items": Joined(items=tuple(lines))}),
        *_passed_over(talk, way),
        Line(key="bot.review_how"),
        rows=(
            ButtonRow(buttons=tuple(buttons), kind="numbers"),
            ButtonRow(
                buttons=(Button(data=talk.data("c", "finish"), label=Line(key="bot.looks_right")),),
                kind="options",
            ),
        ),
    )


def _passed_over(talk: Talk, way: Way) -> tuple[Line, ...]:
    """Say which tests were not asked because they could not change the result."""
    tests = tuple(test_name(talk, skip.test) for skip in way.skipped if skip.reason == SETTLED)
    return (Line(key="bot.passed_over", values={"tests": Joined(items=tests, glue=", ")}),) if tests else ()


def name_of(talk: Talk, question: Question) -> str:
    """Give the plain words of a question's name on the review page."""

    def words(line: Line) -> str:
        inner = " ".join(words(value) for value in line.values.values() if isinstance(value, Line))
        return f"{talk.words.get(line.key.removeprefix(f'{talk.screen.id}/'), '')} {inner}".strip()

    return words(question_name(talk, question))


def review_lines(talk: Talk, way: Way) -> list[tuple[Question, Line]]:
    """List the answered questions with their answers, in the order of the screen; pages and their items as one."""
    screening = talk.screening
    found: list[tuple[Question, Line]] = []
    for step in way.steps:
        question = step.question
        if screening is None or step.maybe or question.id not in screening.trail:
            continue
        if question.kind == "checklist":
            reported = tuple(
                talk.of_screen(f"{question.id}.{row.path.rpartition('.')[2]}")
                for row in step.rows
                if way.facts.value(row.path) in ("yes", "unsure")
            )
            answer = (
                Line(key="bot.list", values={"items": Joined(items=reported, glue="; ")})
                if reported
                else Line(key="bot.none_of_these")
            )
            found.append((question, answer))
            continue
        if "." in question.id and question.test is None:
            continue
        pieces = []
        for row in step.rows:
            answer_line = said(talk, question, row)
            if answer_line is None:
                continue
            if row.side is not None:
                answer_line = Line(key="bot.sided", values={"side": side_word(row.side), "answer": answer_line})
            elif len(step.rows) > 1:
                label = row_label(talk, question, row)
                answer_line = Line(key="bot.labelled", values={"name": label, "answer": answer_line})
            pieces.append(answer_line)
        if pieces:
            found.append((question, Line(key="bot.list", values={"items": Joined(items=tuple(pieces), glue=" · ")})))
    return found
