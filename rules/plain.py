"""Criteria and facts in plain words, with a screen's own names of tests, questions and answers."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from itertools import groupby
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
    "symmetric": ("both sides are alike here: the same limit, driver and levels", "the sides differ"),
    "task_needs": ("the chosen daily task needs this", "the chosen daily task doesn't need this"),
    "sport_needs": ("work or a sport needs this", "neither work nor a sport needs this"),
    "task_easy": ("the chosen task is easy (8 of 10 or more)", "the chosen task is not easy yet"),
    "pain_in_primaries": ("a main test hurt, 1 of 10 or more", "no main test hurt"),
    "repeatable": ("the main tests came out alike on both days", "the main tests came out differently on two days"),
    "cue_helped": ("a change of position helped on day 2", "no change of position helped on day 2"),
    "cue_fades": ("what it gave fades when it is taken away", "it stays better when it is taken away"),
    "cue_removable": ("it can be taken away again", "it can't be taken away again"),
    "warmed_up": ("in a test here the second try was better than the first", "no second try was better than the first"),
    "taps_degrees_apart": ("the tapped answer and the degrees are of different levels", "answer and degrees agree"),
}
"""What assess.py derives, said for "yes" and for "no"."""
COUNTED: Mapping[str, str] = {
    "unknowns": "the number of tests here that were asked and gave no level",
    "pain_stopped": "the number of tests here that pain ended",
    "driver": "what drives it",
    "cue": "the change of position that helped",
}
COMPARING = (FactIs, FactIn, FactAtLeast, FactBelow, FactIncludes)
"""The criteria that compare a fact."""


class Plain:
    """Says the facts and criteria of one screen in words; in ids where a word is missing."""

    def __init__(self, screen: Screen, language: str = "en", named: Mapping[Criterion, str] | None = None) -> None:
        """*named* criteria are called by their names, wherever they stand."""
        self.screen, self.language, self.named = screen, language, named or {}
        self.words = screen.wording.get(language, {})
        self._rows = {
            row.path: (row, question) for question in reversed(screen.questions) for row in reversed(question.rows)
        }

    def word(self, key: str, instead: str = "") -> str:
        """Give a text without its marks; *instead*, or the key, where there is none."""
        text = self.words.get(key)
        return instead or key if text is None else html.unescape(re.sub(r"</?[bi]>", "", text))

    def flat(self, key: str, instead: str = "") -> str:
        """Give a text in one line."""
        return " ".join(self.word(key, instead).split())

    def exercise(self, exercise_id: str) -> str:
        """Give an exercise's name and id."""
        return f"{self.word(f'exercise.{exercise_id}.name', exercise_id)} (`{exercise_id}`)"

    def coded(self, path: str, value: str) -> str:
        """Give an answer's code, and what it is called."""
        told = self.value(path, value)
        return f"`{value}`" if told.strip("“”").lower() == value else f"`{value}` {told}"

    def test(self, test_id: str) -> str:
        """Give a test's name and id."""
        return f"{self.word(f'{test_id}.name', test_id)} ({test_id})"

    def criterion(self, criterion: Criterion, *, inside: bool = False) -> str:
        """Say when a criterion holds."""
        if criterion in self.named:
            return f"*{self.named[criterion]}*"
        match criterion:
            case All(all_=(guard, held)) if _guards(guard, held):
                return f"it was said that {self.criterion(held, inside=True)}"
            case AnyOf(any_=parts) if len(parts) > 1 and self._alike(parts):
                return self._of_several(parts)
            case All() | AnyOf():
                return self._joined(self.parts(criterion), " and " if isinstance(criterion, All) else " or ", inside)
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

    def _joined(self, parts: Sequence[Criterion], link: str, inside: bool) -> str:
        told = [self.criterion(part, inside=inside or len(parts) > 1) for part in parts]
        return f"({link.join(told)})" if inside and len(told) > 1 else link.join(told)

    def parts(self, criterion: All | AnyOf) -> Sequence[Criterion]:
        """Give what a criterion is made of; what is said in one stays together."""
        if isinstance(criterion, AnyOf):
            groups = (tuple(group) for _, group in groupby(criterion.any_, key=self._of_a_test))
            return [
                one
                for group in groups
                for one in ((AnyOf(any_=group),) if len(group) > 1 and self._alike(group) else group)
            ]
        found: list[Criterion] = []
        for part in criterion.all_:
            if found and _guards(found[-1], part):
                found[-1] = All(all_=(found[-1], part))
            else:
                found.append(part)
        return found

    def _alike(self, parts: Sequence[Criterion]) -> bool:
        """Tell whether parts ask the same of several tests."""
        asked = {self._of_a_test(part) for part in parts}
        return len(asked) == 1 and None not in asked

    def _of_several(self, parts: Sequence[Criterion]) -> str:
        """Say once what is asked of several tests."""
        tests = [self.test(part.fact.partition(".")[0]) for part in parts if isinstance(part, COMPARING)]
        return self.criterion(parts[0], inside=True).replace(tests[0], _or(tests), 1)

    def _of_a_test(self, criterion: Criterion) -> tuple[str, Any] | None:
        """Tell what a criterion asks of a test, whichever it is; None where it asks of none, or of one try."""
        if not isinstance(criterion, COMPARING) or criterion in self.named:
            return None
        test_id, _, field = criterion.fact.partition(".")
        wanted = criterion.model_dump(exclude={"fact"})
        return (field, repr(wanted)) if test_id in self.screen.tests else None

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


def _guards(guard: Criterion, criterion: Criterion) -> bool:
    """Tell whether a criterion says only that there is an answer to what the next one compares."""
    path = guard.known if isinstance(guard, Known) else guard.asked if isinstance(guard, Asked) else None
    read = criterion.reported if isinstance(criterion, Reported) else getattr(criterion, "fact", None)
    return path is not None and path == read


def _or(told: Sequence[str]) -> str:
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} or {told[-1]}"
