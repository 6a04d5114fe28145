"""How well typed words are read: labelled phrases against the readers, by kind: precision, recall, false alarms.

The phrases lie in `labelled/`: an open half, which the lexicon is written for, and a sealed half, fixed by its hash
before that, which tells how it does on phrases it has not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rules.feedback import read_feedback
from rules.reading import mentions, read, read_side, scan, truth
from rules.rows import Labels
from rules.screen import Question, Row, Screen
from rules.times import read_days, read_time

Pair = tuple[str, Any]
Places = Callable[[str], Any]
"""Text -> zones (one, or several to choose from), an offset such as "+02:00", or None."""
KINDS = (
    "side", "truth", "level", "number", "sensation", "compensations", "red_flag", "feedback", "time", "days", "place",
    "control",
)  # fmt: skip
SAME_AS = {"pause": "stop"}
"""Words to stop leave a screening as it stands, as words to pause do."""
NOTHING: tuple[Pair, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Phrase:
    """What somebody says, and what it must be read as (see labelled/README.md)."""

    kind: str
    say: str
    expect: Any


@dataclass(frozen=True, kw_only=True)
class Heard:
    """One phrase read: what should have been heard, what was, and which of it is right."""

    phrase: Phrase
    wanted: int
    said: int
    right: int

    @property
    def is_false_alarm(self) -> bool:
        """Tell whether something was heard where there was nothing."""
        return self.wanted == 0 and self.said > self.right

    @property
    def is_well(self) -> bool:
        """Tell whether all was heard, and nothing else."""
        return self.right == self.said and self.right >= self.wanted


@dataclass(frozen=True, kw_only=True)
class Score:
    """How one kind was read. `precision` is right of said, `recall` right of wanted; None where nothing was."""

    kind: str
    phrases: int
    precision: float | None
    recall: float | None
    false_alarms: int
    silent: int
    """Phrases in which there is nothing to hear."""


class Ear:
    """Reads phrases of every kind as the bot does, with the questions of a screen."""

    def __init__(self, screen: Screen, places: Places, language: str = "en") -> None:
        self._lexicon = screen.lexicon[language]
        self._words = screen.wording[language]
        self._covers: Mapping[str, Sequence[str]] = self._lexicon.get("covers", {})
        self._screen, self._places = screen, places
        tested = [q for q in screen.questions if q.test and q.run is None and len(q.rows) == 2]
        self._level = next(q for q in tested if q.field == "level" and screen.tests[str(q.test)].role == "primary")
        self._sensation = next(q for q in tested if q.field == "sensation")
        asked = [q for q in screen.questions if q.field == "compensations" and q.run is None]
        every = {option.id: option for question in asked for option in question.rows[0].options}
        row = (
            asked[0]
            .rows[0]
            .model_copy(
                update={"options": tuple(every.values()), "side": None, "path": f"{asked[0].test}.both.compensations"}
            )
        )
        self._ways = asked[0].model_copy(update={"rows": (row,)})
        self._pain = next(q for q in tested if q.field == "pain")

    def hear(self, phrase: Phrase) -> Heard:
        """Read a phrase and hold it against its label."""
        given, label = self._heard(phrase), phrase.expect
        match phrase.kind:
            case "red_flag":
                said = {item for item, _ in given}
                must, may = set(label["must"]), set(label["may"])
                told = {item for item in must if item in said or said & self._covered_by(item)}
                covering = {item for item in said if (must | may) & set(self._covers.get(item, ()))}
                return _counted(phrase, len(must), len(told) + len(said - must - may - covering), told)
            case "truth":
                said_it = given[0][1] if given else "unclear"
                wanted = 0 if label == "unclear" else 1
                return _counted(
                    phrase, wanted, 0 if said_it == "unclear" else 1, [1] if said_it == label and wanted else []
                )
            case "time" | "place":
                right = [1] if given and _fits(given[0][1], label) else []
                return _counted(phrase, 0 if label is None else 1, 1 if given else 0, right)
            case "level" if isinstance(label, Mapping) and "open" in label:
                levels = {level for _, level in given}
                return _counted(phrase, 1, 1 if given else 0, [1] if levels == {label["open"]} else [])
            case "compensations" | "days" if label is not None:
                found = given[0][1] if given else None
                right = [1] if found is not None and set(found) == set(label) else []
                return _counted(phrase, 1, 0 if found is None else 1, right)
        label = SAME_AS.get(label, label) if phrase.kind == "control" else label
        wanted_pairs = set(_pairs(label))
        return _counted(phrase, len(wanted_pairs), len(given), wanted_pairs & {(k, _flat(v)) for k, v in given})

    def _covered_by(self, item: str) -> set[str]:
        """Give the items whose closed question and flag stand for this one, at least as urgent."""
        return {wider for wider, items in self._covers.items() if item in items}

    def _heard(self, phrase: Phrase) -> Sequence[Pair]:
        text, lexicon = phrase.say, self._lexicon
        match phrase.kind:
            case "side":
                side = read_side(text, lexicon)
                return (("is", side),) if side else NOTHING
            case "truth":
                said = truth(text, lexicon)
                return (("is", "unclear" if said is None else "yes" if said else "no"),)
            case "level":
                return tuple(self._levels(text))
            case "number":
                return tuple(("is", value) for value in self._answer(text, self._pain, one=True))
            case "sensation":
                return tuple(("is", value) for value in self._answer(text, self._sensation, one=True))
            case "compensations":
                return tuple(("is", value) for value in self._answer(text, self._ways, one=True))
            case "red_flag":
                return tuple((alarm.item, alarm.words) for alarm in (*scan(text, lexicon), *mentions(text, lexicon)))
            case "feedback":
                told = read_feedback(text, lexicon)
                return tuple(_pairs(told.model_dump(exclude_defaults=True))) if told else NOTHING
            case "time":
                times = read_time(text, lexicon)
                return (("is", times),) if times else NOTHING
            case "days":
                days = read_days(text, lexicon)
                return (("is", days),) if days else NOTHING
            case "place":
                place = self._places(text)
                return (("is", place),) if place else NOTHING
            case _:
                reading = read(text, self._level, self._level.rows, self._labels(self._level), lexicon)
                heard = reading.control if reading is not None else None
                return (("is", SAME_AS.get(heard, heard)),) if heard else NOTHING

    def _levels(self, text: str) -> Iterator[Pair]:
        question = self._level
        test = self._screen.tests[str(question.test)]
        reading = read(text, question, question.rows, self._labels(question), self._lexicon, test=test)
        for row in question.rows if reading is not None else ():
            value = reading.values.get(row.path) if reading is not None else None
            if value is not None:
                option = next(o for o in row.options if o.id == value)
                yield str(row.side), option.sets.get("level", option.id)

    def _answer(self, text: str, question: Question, *, one: bool) -> Iterator[Any]:
        rows = question.rows[:1] if one else question.rows
        reading = read(text, question, rows, self._labels(question), self._lexicon)
        if reading is None:
            return
        if rows[0].path in reading.values:
            yield reading.values[rows[0].path]
        elif question.kind == "many" and reading.control in ("none_of_these", "done"):
            yield ()

    def _labels(self, question: Question) -> Labels:
        return {row.path: dict(self._buttons(question, row)) for row in question.rows}

    def _buttons(self, question: Question, row: Row) -> Iterator[tuple[str, str]]:
        for option in row.options:
            own = (f"{question.test}.{row.side}.{option.id}", f"{question.test}.{option.id}")
            keys = (
                *(own if question.field == "level" else ()),
                f"{question.test}.{question.field}.{option.id}",
                f"option.{question.field}.{option.id}",
                f"option.{option.id}",
            )
            text = next((self._words[key] for key in keys if key in self._words), None)
            if text is not None:
                yield option.id, text


def score(kind: str, heard: Sequence[Heard]) -> Score:
    """Sum up how the phrases of one kind were read."""
    wanted, said, right = (sum(getattr(h, name) for h in heard) for name in ("wanted", "said", "right"))
    return Score(
        kind=kind,
        phrases=len(heard),
        precision=right / said if said else None,
        recall=right / wanted if wanted else None,
        false_alarms=sum(h.is_false_alarm for h in heard),
        silent=sum(h.wanted == 0 for h in heard),
    )


def _counted(phrase: Phrase, wanted: int, said: int, right: Any) -> Heard:
    return Heard(phrase=phrase, wanted=wanted, said=said, right=len(right))


def _pairs(label: Any) -> Iterator[Pair]:
    if isinstance(label, Mapping):
        yield from ((key, _flat(value)) for key, value in label.items())
    elif label is not None:
        yield "is", _flat(label)


def _flat(value: Any) -> Any:
    return tuple(sorted(value)) if isinstance(value, list | tuple) else value


def _fits(given: Any, label: Any) -> bool:
    """Tell whether a time or a place is what the label allows."""
    match label:
        case {"any": times}:
            return set(given) <= set(times)
        case {"offset": offset}:
            return bool(given == offset)
        case {"ambiguous": zones}:
            return isinstance(given, tuple) and len(given) > 1 and not set(given).isdisjoint(zones)
        case list():
            return isinstance(given, tuple) and len(given) == 1 and given[0] in label
        case str():
            return tuple(given) == (label,)
    return False
