"""Reads what people type: answers, compensations, red flags.

`read` turns words into the same values that buttons give; what it can't place for certain it leaves alone.
`scan` looks for red flags in any text; it prefers one alarm too many, because an alarm only asks a closed question.
`truth` reads the answer to such a question.

The words are content (lexicon/en.yaml of the safety folder and of each screen). How a phrase there is written: see the
first lines of rules/words.py.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rules.amounts import bare_numbers
from rules.answers import AnswerReader
from rules.criteria import SIDES
from rules.facts import Path, Value
from rules.rows import Labels, RowReader, field_of, list_of
from rules.screen import Question, Row, Test
from rules.words import Lexicon, Word, compiled, cut_words

LOOK_ALIKE = str.maketrans("аеорсухіјѕԁһкмтвнАЕОРСУХІЈЅКМТВН", "aeopcyxijsdhkmtbhAEOPCYXIJSKMTBH")
"""Cyrillic letters that look like Latin ones, as some keyboards write them."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What an answer came to.

    `values` maps fact paths to option ids (as a tap would give them: `sets` of the option is left to the caller),
    numbers, or several option ids; paths of asked rows and, of a test, further fields that were mentioned.
    `control`: back, why, where, review, help, stop, none_of_these, done, yes, no or go_on.
    `unsure_page`: "not sure" was said of a whole checklist.
    """

    values: Mapping[Path, Value] = field(default_factory=dict)
    control: str | None = None
    unsure_page: bool = False


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """A red flag in the client's words.

    `item` is the red-flag item, `words` what raised it, as typed. What the words around suggest (denied, of someone
    else, long ago) never silences an alarm; it only chooses how the closed question is worded.
    """

    item: str
    words: str
    negated: bool
    other_person: bool
    past: bool


def read(
    text: str,
    question: Question,
    rows: Sequence[Row],
    labels: Labels,
    lexicon: Mapping[str, Any],
    *,
    test: Test | None = None,
) -> Reading | None:
    """Read an answer to *question*; None where it is not understood. Never raises for any text.

    *rows* are the rows asked, open ones first; *lexicon* is the merged lexicon of one language; *test* is the test that
    the question belongs to, so that compensations and sensations mentioned beside a level are kept.
    """
    rows = [row for row in rows if row.options or question.kind in ("scale", "number")]
    if not text.strip() or not rows:
        return None
    exact = _label_typed(text, question, rows, labels)
    if exact is not None:
        return exact
    known = compiled(lexicon)
    words = known.words(text)
    control = known.control(words)
    if control is not None and (text.lstrip().startswith("/") or not _is_option(words, rows)):
        return _controlled(control, question, rows)
    if not words or known.is_question(text, words):
        return None
    one = RowReader(question=question, labels=labels, known=known, test=test)
    if question.kind == "checklist":
        ticked = _checklist(words, rows, one)
        return ticked or _plain_truth(words, question, rows, known)
    found = AnswerReader(rows=rows, one=one).read(words)
    return Reading(values=found) if found else _plain_truth(words, question, rows, known)


def scan(text: str, lexicon: Mapping[str, Any]) -> tuple[Alarm, ...]:
    """Find red flags in *text*, one alarm an item, in the lexicon's order (most urgent first); never raises."""
    known = compiled(lexicon)
    text = _unmasked(text)
    words = cut_words(text)
    if not words:
        return ()
    return tuple(
        Alarm(
            item=mention.item,
            words=text[words[mention.first].start : words[mention.last].end],
            negated=mention.negated,
            other_person=mention.other_person,
            past=mention.past,
        )
        for mention in known.mentions(words)
    )


def mentions(text: str, lexicon: Mapping[str, Any]) -> tuple[Alarm, ...]:
    """Find what the health pages ask about in *text*, beside red flags: illnesses, medicines, signs that can wait.

    The same words are answers elsewhere ("a catch"), so this is for words that answer nothing that was asked. What is
    denied is left out.
    """
    known = compiled(lexicon)
    words = known.words(_unmasked(text))
    hits = known.find(words, [(("item", name), phrases) for name, phrases in known.items.items()])
    found: dict[str, Alarm] = {}
    for hit in hits:
        if not hit.negated:
            said = " ".join(word.text for word in words[hit.start : hit.end])
            alarm = Alarm(item=hit.tag[1], words=said, negated=False, other_person=False, past=False)
            found.setdefault(hit.tag[1], alarm)
    return tuple(found.values())


def _unmasked(text: str) -> str:
    """Take out signs that aren't seen, and write letters that look like Latin ones as those."""
    seen = "".join(sign for sign in unicodedata.normalize("NFKC", text) if unicodedata.category(sign) != "Cf")
    return seen.translate(LOOK_ALIKE)


def truth(text: str, lexicon: Mapping[str, Any]) -> bool | None:
    """Read the answer to a closed question: True, False, or None where it is not plainly one of them."""
    known = compiled(lexicon)
    return known.truth(known.words(text))


def read_side(text: str, lexicon: Mapping[str, Any]) -> str | None:
    """Read which side is meant: left, right, both; None where no side is named, or only one that isn't."""
    known = compiled(lexicon)
    hits = known.find(known.words(text), [(("side", name), phrases) for name, phrases in known.sides.items()])
    said = {hit.tag[1] for hit in hits if not hit.negated and hit.tag[1] in (*SIDES, "both")}
    if "both" in said or said.issuperset(SIDES):
        return "both"
    return said.pop() if len(said) == 1 else None


def _label_typed(text: str, question: Question, rows: Sequence[Row], labels: Labels) -> Reading | None:
    """Read a button's text typed in full."""
    typed = _plain(text)
    hits = [
        (row, option.id)
        for row in rows
        for option in row.options
        if _plain(labels.get(row.path, {}).get(option.id, "")) == typed
    ]
    if not hits or (question.kind == "checklist" and len({row.path for row, _ in hits}) > 1):
        return None  # on a page, what every row's button says names no item
    row, chosen = hits[0]
    return Reading(values={row.path: list_of([chosen]) if question.kind == "many" else chosen})


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _is_option(words: Sequence[Word], rows: Sequence[Row]) -> bool:
    said = "_".join(word.text for word in words)
    return any(option.id == said for row in rows for option in row.options)


def _controlled(control: str, question: Question, rows: Sequence[Row]) -> Reading:
    if control == "none_of_these" and question.kind == "many":
        return Reading(values={rows[0].path: ()})
    return Reading(control=control)


def _checklist(words: tuple[Word, ...], rows: Sequence[Row], one: RowReader) -> Reading | None:
    """Read which items of a page are ticked."""
    known = one.known
    said = known.truth(words)
    if said is False or known.is_only(words, known.none):
        return Reading(control="none_of_these")
    if said is True and len(rows) == 1:
        return Reading(values={rows[0].path: "yes"})
    if known.is_only(words, known.unsure):
        return Reading(unsure_page=True)
    doubted = known.holds(words, known.unsure)
    rest = tuple(word for n, word in enumerate(words) if n not in doubted)
    answer = "unsure" if doubted else "yes"
    numbers = bare_numbers(rest, one.question, known)
    if numbers:
        if all(n.value == int(n.value) and 1 <= n.value <= len(rows) for n in numbers):
            return Reading(values={rows[int(n.value) - 1].path: answer for n in numbers})
        return None
    items = one.items(rest, rows)
    named = [row for row in rows if field_of(row) in items]
    if not named and not known.denies(rest):
        named = [row for row in rows if one.label(row, rest, cutoff=88)][:1]
        named = named or _only_label(rest, rows, one)
    return Reading(values={row.path: answer for row in named}) if named else None


def _only_label(words: tuple[Word, ...], rows: Sequence[Row], one: RowReader) -> list[Row]:
    fitting = [row for row in rows if one.loose(row, words)]
    return fitting if len(fitting) == 1 else []


def _plain_truth(words: Sequence[Word], question: Question, rows: Sequence[Row], known: Lexicon) -> Reading | None:
    """Read yes, no and none where the rows had no use for them: the conversation may have."""
    if known.is_only(words, known.none):
        return Reading(control="none_of_these")
    if any(option.id in ("yes", "no") for row in rows for option in row.options) and question.kind != "checklist":
        return None
    said = known.truth(words)
    return None if said is None else Reading(control="yes" if said else "no")
