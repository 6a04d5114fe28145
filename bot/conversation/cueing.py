"""What a client sees of a cue: how the test went without it, and with it."""

from __future__ import annotations

from bot.conversation.cards import option_label
from bot.conversation.effects import Line
from bot.conversation.talk import Talk
from rules import Facts
from rules.questions import option_of, row_at
from rules.screen import Question


def before_and_after(talk: Talk, question: Question, facts: Facts, paths: tuple[str, ...]) -> Line | None:
    """Say what a try with a cue changed, beside the try without; None for any other answer."""
    if question.run is None or not question.run.startswith("2B:") or question.field != "level" or len(paths) != 1:
        return None
    path = paths[0]
    without = path.replace(f":{question.run}.", ":2A2.")
    (row, _), (row_before, asked_before) = row_at(talk.screen, path), row_at(talk.screen, without)
    before, after = facts.value(without), facts.value(path)
    if before is None or after is None:
        return None
    shown = [
        option_label(talk, q, r, option) if (option := option_of(r, facts)) else Line(key="bot.none")
        for q, r in ((asked_before, row_before), (question, row))
    ]
    return Line(key="bot.before_after", values={"before": shown[0], "after": shown[1]})
