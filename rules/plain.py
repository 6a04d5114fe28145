"""Criteria and facts in plain words, with a screen's own names of tests, questions and answers."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

from rules.criteria import (
    LEVELS,
    NOT_NEEDED,
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
)
from rules.facts import ATTEMPT_FIELDS
from rules.screen import Question, Row, Screen

DERIVED: Mapping[str, tuple[str, str]] = {
    "range": ("the turning itself is limited here", "the turning itself is not limited here"),
    "limited": ("this side is limited here", "this side is not limited here"),
    "painful": ("something hurts now or hurt in a test", "nothing hurts, now or in a test"),
    "other_context": ("the same side is limited in another context, too", "no other context of this side is limited"),
    "symmetric": ("both sides are alike", "the sides differ"),
    "task_needs": ("the chosen daily task needs this", "the chosen daily task doesn't need this"),
    "sport_needs": ("work or a sport needs this", "neither work nor a sport needs this"),
    "task_easy": ("the chosen task is easy (8 of 10 or more)", "the chosen task is not easy yet"),
    "pain_in_primaries": ("a main test hurt", "no main test hurt"),
    "repeatable": ("the main tests came out alike on both days", "the main tests came out differently on two days"),
    "cue_helped": ("a change of position helped on day 2", "no change of position helped on day 2"),
    "cue_fades": ("what it gave fades when it is taken away", "it stays better when it is taken away"),
    "cue_removable": ("it can be taken away again", "it can't be taken away again"),
    "warmed_up": ("the second try was better than the first", "the second try was no better than the first"),
    "taps_degrees_apart": ("the tapped answer and the degrees disagree", "answer and degrees agree"),
}
"""What assess.py derives, said for "yes" and for "no"."""
COUNTED: Mapping[str, str] = {
    "unknowns": "the number of tests here that gave no answer",
    "pain_stopped": "the number of tests here that pain ended",
    "driver": "what drives it",
    "cue": "the change of position that helped",
}


class Plain:
    """Says the facts and criteria of one screen in words; in ids where a word is missing."""

    def __init__(self, screen: Screen, language: str = "en") -> None:
        self.screen, self.words = screen, screen.wording.get(language, {})
        self._rows = {
            row.path: (row, question) for question in reversed(screen.questions) for row in reversed(question.rows)
        }

    def word(self, key: str, instead: str = "") -> str:
        """Give a text without its marks; *instead*, or the key, where there is none."""
        text = self.words.get(key)
        return instead or key if text is None else html.unescape(re.sub(r"</?[bi]>", "", text))

    def test(self, test_id: str) -> str:
        """Give a test's name and id."""
        return f"{self.word(f'{test_id}.name', test_id)} ({test_id})"

    def criterion(self, criterion: Criterion, *, inside: bool = False) -> str:
        """Say when a criterion holds."""
        match criterion:
            case All(all_=parts):
                return self._joined(parts, " and ", inside=inside)
            case AnyOf(any_=parts):
                return self._joined(parts, " or ", inside=inside)
            case CountOf(count=parts, at_least=least):
                told = "; ".join(self.criterion(part, inside=True) for part in parts)
                return f"at least {least} of these hold: [{told}]"
            case Not(not_=inner):
                return f"not ({self.criterion(inner)})"
            case Either(either=inner):
                return f"on either side: ({self.criterion(inner)})"
            case Both(both=inner):
                return f"on both sides: ({self.criterion(inner)})"
            case Known(known=path):
                return f"{self.fact(path)} has an answer other than “not sure”"
            case Asked(asked=path):
                return f"{self.fact(path)} was asked"
            case Reported(reported=path):
                return f"{self.fact(path)} is yes or not sure"
            case _:
                return self._compared(criterion)

    def _joined(self, parts: Sequence[Criterion], link: str, *, inside: bool) -> str:
        if len(parts) == 1:
            return self.criterion(parts[0], inside=inside)
        told = link.join(self.criterion(part, inside=True) for part in parts)
        return f"({told})" if inside else told

    def _compared(self, criterion: FactIs | FactIn | FactAtLeast | FactBelow | FactIncludes) -> str:
        path = criterion.fact
        derived = self._derived(path.removeprefix("derived."))
        if derived and isinstance(criterion, FactIs) and criterion.is_ in ("yes", "no"):
            return derived[0 if criterion.is_ == "yes" else 1]
        name = self.fact(path)
        match criterion:
            case FactIs(is_=value):
                return f"{name} is {self.value(path, value)}"
            case FactIn(in_=several):
                return f"{name} is {_or([self.value(path, value) for value in several])}"
            case FactAtLeast(at_least=bound):
                return f"{name} is {self.value(path, bound)} or {'worse' if bound in LEVELS else 'more'}"
            case FactBelow(below=bound):
                return f"{name} is below {self.value(path, bound)}"
            case FactIncludes(includes=words):
                return f"{name} includes {_or([self.value(path, word) for word in words])}"

    def _derived(self, name: str) -> tuple[str, str] | None:
        """Say a derived fact for "yes" and for "no"; what position comes to in the screen's own words."""
        if name == "position_first":
            return self.word("position.found"), self.word("position.fine")
        return DERIVED.get(name)

    def fact(self, path: str) -> str:
        """Name a fact."""
        room, _, rest = path.partition(".")
        if room == "other":
            return f"on the other side, {self.fact(rest)}"
        if room == "derived":
            if rest.endswith("_gap"):
                return f"the difference between the sides of {self.test(rest.removesuffix('_gap'))}, in degrees,"
            return COUNTED.get(rest) or f"“{(self._derived(rest) or (rest.replace('_', ' '),))[0]}”"
        test_id, _, run = room.partition(":")
        if test_id in self.screen.tests:
            return self._of_test(test_id, rest) + (f" ({self._try(run)})" if run else "")
        held = self._rows.get(path)
        return f"“{self._asked(held[0], held[1])}”" if held else f"“{rest.replace('_', ' ')}” (told in words)"

    def cue(self, cue_id: str) -> str:
        """Name a change of position."""
        return self.word(f"cue.{cue_id}.with.name", cue_id.replace("_", " "))

    def _try(self, run: str) -> str:
        """Say which try of a test is meant: `2B:exhale` is that of day 2 with a change of position."""
        named = re.fullmatch(r"([0-9]+)(A1|A2|A3|B)(?::(.+))?", run)
        if named is None:
            return f"try {run}"
        day, kind, cue = named.groups()
        kinds = {"A1": "first try", "A2": "second try", "A3": "taken away again", "B": "tried"}
        return f"day {day}, {kinds[kind]}" + (f": {self.cue(cue)}" if cue else "")

    def _of_test(self, test_id: str, rest: str) -> str:
        place, _, name = rest.partition(".")
        if name not in ATTEMPT_FIELDS:
            place, name = "", rest
        said = self.test(test_id) + (f", {place}," if place in ("left", "right") else "")
        return said if name == "level" else f"{self.word(f'follow.{name}.name', name)} in {said}"

    def _asked(self, row: Row, question: Question) -> str:
        item = row.path.rpartition(".")[2]
        page = question.id.partition(".")[0]
        for key in (f"{page}.{item}", f"{question.id}.row.{item}", f"{question.id}.name"):
            if key in self.words:
                return self.word(key)
        return item.replace("_", " ")

    def value(self, path: str, value: Any) -> str:
        """Say an answer: a level as it is called, an option by its label."""
        if isinstance(value, tuple | list):
            return ", ".join(self.value(path, one) for one in value) or "none"
        if not isinstance(value, str):
            return "not asked" if value is None else f"{value:g}"
        room, _, rest = path.removeprefix("other.").partition(".")
        name = rest.rpartition(".")[2]
        if value == NOT_NEEDED:
            return "not needed"
        if room == "derived":
            if name == "cue" and value != "none":
                return self.cue(value)
            return self.word(f"driver.{value}.short", value) if name == "driver" else value
        if room in ("profile", "reports") and value == "no" and (said := self._label(path, name, value)):
            return said if said != "“No”" else "no"
        if value in ("yes", "no", "unknown", "unsure", *LEVELS):
            return {"unknown": "not sure", "unsure": "not sure"}.get(value, value)
        if room.partition(":")[0] in self.screen.tests:
            return f"“{self.word(f'option.{name}.{value}', self.word(f'option.{value}', value))}”"
        return self._label(path, name, value) or f"“{value.replace('_', ' ')}”"

    def _label(self, path: str, name: str, value: str) -> str | None:
        """Give what the client taps for an answer."""
        held = self._rows.get(path)
        page = held[1].id if held else ""
        keys = (key for key in (f"{page}.{name}.{value}", f"{page}.{value}") if key in self.words)
        return next((f"“{self.word(key)}”" for key in keys), None)


def _or(told: Sequence[str]) -> str:
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} or {told[-1]}"
