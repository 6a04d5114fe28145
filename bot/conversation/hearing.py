"""Hearing what is typed at a running screening: answers, denials, corrections, and words at the review."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.conversation import alarm
from bot.conversation.cards import labels_of, opened_first, side_word
from bot.conversation.effects import Line
from bot.conversation.review import name_of, review_lines, show_review
from bot.conversation.screening import control, current, go_on, plain_no, record, revisit, typed_ticks
from bot.conversation.talk import Talk
from rules import Value
from rules.criteria import UNKNOWN_WORDS
from rules.questions import Ask, option_of
from rules.reading import Alarm, read, truth
from rules.screen import Question

LOOSE_SCALE = re.compile(
    r"(?:[a-z']+[ ,]+){0,3}([0-9]{1,2}) ?(?:/|out of|outta|of) ?10[ .!]*"
    r"|(?:(?:more|like|about|maybe|prob|probably|say|a|an|so|around|i'd) +){0,4}([0-9]{1,2})[ .!]*"
)
"""A number on a scale with a few words round it: "prob 6 outta 10", "more like a 5"."""
SAME_WORDS = (
    "same",
    "the same",
    "same again",
    "same as left",
    "same as right",
    "same here",
    "ditto",
    "same on the right",
)
IDLE_WORDS = frozenset(
    {"a", "an", "and", "answer", "answers", "can", "change", "edit", "fix", "for", "i", "is", "it", "me", "my", "no"}
    | {"number", "of", "on", "one", "please", "question", "redo", "sorry", "test", "that", "the", "this", "to", "want"}
    | {"was", "with", "wrong", "you", "your"}
)
"""Words that name no line of the review."""
KEEP_WORDS = ("done", "ok", "okay", "next", "go on", "keep", "keep my answer", "keep it", "same", "as it was")


def typed(talk: Talk, text: str, message: str) -> None:
    """Hear words at the open question; words that mean nothing here are said to be, and nothing is lost."""
    open_now = current(talk)
    screening = talk.screening
    if open_now is None or screening is None:
        return
    ask, _ = open_now
    if ask is None:
        _typed_at_review(talk, text)
        return
    question = ask.question
    ask = opened_first(screening, ask)
    rows = (*ask.open, *(row for row in ask.rows if row not in ask.open))
    test = talk.screen.tests[question.test] if question.test else None
    keeps = KEEP_WORDS[1:] if question.kind in ("checklist", "many") else KEEP_WORDS  # there "done" sends the ticks
    if screening.revisit is not None and text.lower().strip(" .!") in keeps:
        control(talk, "keep")
        return
    labels = labels_of(talk, ask)
    sided = any(row.side for row in rows)  # "left barely" at the RIGHT row speaks of the left one
    heard = read(text, question, ask.open, labels, talk.lexicon, test=test) if ask.open and not sided else None
    heard = heard or read(text, question, rows, labels, talk.lexicon, test=test)
    if heard is None and (loose := _loosely(talk, ask, text)):
        record(talk, question, loose, how="typed", words=text, message=message)
        return
    if heard is None:
        _not_understood(talk, question, text)
        return
    if heard.unsure_page:
        control(talk, "unsure")
        return
    values = dict(heard.values)
    unknown = all(v in UNKNOWN_WORDS and p != rows[0].path for p, v in values.items())
    if rows and question.kind == "one" and unknown and not sided:
        values = {}  # "dunno" answers the question that is open, or none
    if values:
        if question.kind == "checklist":
            typed_ticks(talk, question, values)
        else:
            named = {label.casefold() for row in labels.values() for label in row.values()}
            exact = text.strip().casefold() in named
            note = _one_side(talk, ask, text)
            record(talk, question, values, how="typed", words=text, message=message, note=note, exact=exact)
    elif heard.control == "none_of_these" and question.kind == "one" and (plain := plain_no(rows[0])):
        record(talk, question, {rows[0].path: plain}, how="typed", words=text, message=message)
    elif heard.control and _applies(heard.control, question):
        control(talk, {"none_of_these": "none", "stop": "pause"}.get(heard.control, heard.control))
    else:
        _not_understood(talk, question, text)


def denies(talk: Talk, alarms: Sequence[Alarm], text: str, message: str) -> bool:
    """Hear a denial of the very thing that the open question asks after: "I have not fallen" is its no."""
    screening, open_now = talk.screening, current(talk)
    if screening is None or talk.top is not screening or open_now is None or open_now[0] is None:
        return False
    ask = open_now[0]
    if ask.question.kind != "one" or not all(a.negated for a in alarms):
        return False
    row = next((row for row in ask.open if {row.path} == {f"reports.{a.item}" for a in alarms}), None)
    if row is None or (plain := plain_no(row)) is None:
        return False
    record(talk, ask.question, {row.path: plain}, how="typed", words=text, message=message)
    return True


def _loosely(talk: Talk, ask: Ask, text: str) -> dict[str, Value]:
    """Hear "same" on the second side, and the one number in a sentence about a scale; empty where it is neither."""
    answered = [row for row in ask.rows if row not in ask.open]
    if ask.open and answered and text.lower().strip(" .!") in SAME_WORDS:
        held = (
            option_of(answered[-1], talk.facts) if ask.question.kind == "one" else talk.facts.value(answered[-1].path)
        )
        row = ask.open[0]
        if held is None:
            return {}
        fits = row.side is not None and ask.question.kind != "checklist"
        if ask.question.kind == "one" and held not in {option.id for option in row.options}:
            fits = False
        return {row.path: held} if fits else {}
    if ask.question.kind == "scale" and (found := LOOSE_SCALE.fullmatch(text.strip().lower())):
        number = int(found[1] or found[2])
        if number <= ask.question.highest:
            return {(ask.open or ask.rows)[0].path: number}
    return {}


def _applies(name: str, question: Question) -> bool:
    """Tell whether a typed control means something at a question."""
    if name in ("none_of_these", "done"):
        return question.kind in ("checklist", "many")
    return name in ("back", "why", "where", "stop", "review", "help")


def _not_understood(talk: Talk, question: Question, text: str) -> None:
    health = alarm.mentioned(talk, text)
    if health:
        alarm.interrupt(talk, health)
        return
    open_now = current(talk)
    if open_now is not None and open_now[0] is not None and (told := _one_side(talk, open_now[0], text)) is not None:
        go_on(talk, note=told, fresh=False)
        return
    asked = (open_now[0].open or open_now[0].rows)[:1] if open_now is not None and open_now[0] is not None else ()
    unsure = any(option.id in UNKNOWN_WORDS for row in asked for option in row.options)
    hint = Line(key=f"bot.hint.{question.kind}" + ("_or_unsure" if question.kind == "one" and unsure else ""))
    if question.kind == "one" and len(question.rows) == 1 and len(re.findall(r"[0-9]+", text)) > 1:
        hint = Line(key="bot.hint.one_only")
    go_on(talk, note=Line(key="bot.not_understood", values={"words": text[:80], "hint": hint}), fresh=False)


def _one_side(talk: Talk, ask: Ask, text: str) -> Line | None:
    """Say that a question is about one side only, where the words told of the other one, too."""
    side = ask.rows[0].side
    if len(ask.rows) != 1 or side is None or len(ask.question.rows) < 2:
        return None
    test = talk.screen.tests[ask.question.test] if ask.question.test else None
    heard = read(text, ask.question, ask.question.rows, labels_of(talk, ask), talk.lexicon, test=test)
    others = {row.path for row in ask.question.rows if row.side != side}
    if heard is None or not others & set(heard.values):
        return None
    alone = read(text, ask.question, ask.rows, labels_of(talk, ask), talk.lexicon, test=test)
    if alone is not None and not set(alone.values) <= set(heard.values):
        return None  # no side was named, so that these words went to the first row
    return talk.of_screen("screen.one_side", side=side_word(side))


def corrected(talk: Talk, text: str, message: str) -> None:
    """Hear an edited message: it corrects the answers that it gave."""
    screening = talk.screening
    paths = screening.sources.get(message) if screening else None
    if screening is None or not paths:
        talk.say(Line(key="bot.correction_unknown"))
        return
    question = next((q for q in talk.screen.questions if any(r.path in paths for r in q.rows)), None)
    if question is None:
        talk.say(Line(key="bot.correction_unknown"))
        return
    rows = tuple(row for row in question.rows if row.path in paths)
    test = talk.screen.tests[question.test] if question.test else None
    ask = Ask(question=question, rows=question.rows, open=rows, part=1, parts=1, at_most=0)
    heard = read(text, question, rows, labels_of(talk, ask), talk.lexicon, test=test)
    if heard is None or not heard.values:
        talk.say(Line(key="bot.correction_unclear", values={"words": text[:80]}))
        return
    record(talk, question, dict(heard.values), how="corrected", words=text, message=message)


def _typed_at_review(talk: Talk, text: str) -> None:
    way = current(talk)
    if way is None:
        return
    found = review_lines(talk, way[1])
    words = text.strip().lower().rstrip(".!")
    digits = re.fullmatch(r"[^0-9]*([0-9]{1,3})[^0-9]*", words)
    if digits and 1 <= int(digits[1]) <= len(found):
        revisit(talk, found[int(digits[1]) - 1][0].id)
    elif words in ("back", "/back"):
        control(talk, "back")
    elif (named := _named_line(talk, found, words)) is not None:
        revisit(talk, named)
    elif truth(text, talk.lexicon) or words in (
        "done",
        "finish",
        "looks right",
        "looks right, show my result",
        "show my result",
        "looks good",
        "ok",
        "okay",
        "go on",
    ):
        control(talk, "finish")
    else:
        show_review(talk, way[1], note=Line(key="bot.review_unclear", values={"count": len(found)}))


def _named_line(talk: Talk, found: Sequence[tuple[Question, Line]], words: str) -> str | None:
    """Give the one question of the review whose name is in the words ("change the squat one"), or None."""
    said_words = {word for word in re.findall(r"[a-z]+", words) if word not in IDLE_WORDS}
    hits = []
    for question, _ in found:
        name = name_of(talk, question).lower()
        named = {word for word in re.findall(r"[a-z]+", name) if word not in IDLE_WORDS}
        if said_words & named:
            hits.append((len(said_words & named) / len(named), question.id))
    best = sorted(hits, reverse=True)[:2]
    return best[0][1] if best and (len(best) == 1 or best[0][0] > best[1][0]) else None
