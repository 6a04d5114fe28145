"""Reads amounts as people say them: numbers, ranges, ages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rules.screen import Question, Row
from rules.words import Lexicon, Word


@dataclass(frozen=True, slots=True)
class Number:
    """A number that was said: its value and the places of its words."""

    value: float
    start: int
    end: int


def numbers_in(words: Sequence[Word], known: Lexicon) -> list[Number]:
    """List the numbers said, in figures or words ("twenty five")."""
    found: list[Number] = []
    place = 0
    while place < len(words):
        text = words[place].text
        end = place + 1
        if re.fullmatch(r"\d{1,6}(?:\.\d{1,6})?", text, re.ASCII):
            value = float(text)
        elif text in known.numbers:
            value = float(known.numbers[text])
            if value >= 20 and end < len(words) and 1 <= known.numbers.get(words[end].text, 0) <= 9:
                value += known.numbers[words[end].text]
                end += 1
        else:
            place += 1
            continue
        found.append(Number(value, place, end))
        place = end
    return found


def bare_numbers(words: Sequence[Word], question: Question, known: Lexicon) -> list[Number]:
    """List the numbers (or "first", "2nd") where nothing but filling words stands around them; else none."""
    ordinals = [
        Number(float(known.positions[w.text]), n, n + 1) for n, w in enumerate(words) if w.text in known.positions
    ]
    numbers = ordinals or numbers_in(words, known)
    if ordinals:
        numbers += [n for n in numbers_in(words, known) if words[n.start].text not in known.numbers]
    held = {place for number in numbers for place in range(number.start, number.end)}
    around = [
        word.text for n, word in enumerate(words) if n not in held and not (ordinals and word.text in known.numbers)
    ]
    idle = known.fillers | known.polite | (known.links["plus"] if question.kind in ("many", "checklist") else set())
    if any(text not in idle for text in around) or any(_below_zero(words, n) for n in numbers):
        return []
    return numbers


def amount_of(numbers: Sequence[Number], words: Sequence[Word], question: Question, known: Lexicon) -> float | None:
    """Give what *numbers* come to on a scale or a measure; of "3 or 4" the higher, of a measured range the middle."""
    values, between = _out_of_ten(numbers, words, question, known)
    if not values or any(_below_zero(words, n) for n in numbers):
        return None
    allowed = known.fillers | known.measures | known.polite
    if any(text not in allowed for text in between):
        return None
    if len(values) == 2 and _is_range(numbers, words, known):
        low, high = sorted(values)
        value = high if question.kind == "scale" else (low + high) / 2
    elif len(values) == 1:
        value = values[0]
    else:
        return None
    if question.kind == "scale":
        value = int(value + 0.5)
    lowest, highest = (0.0, 10.0) if question.kind == "scale" else (question.lowest, question.highest)
    return value if lowest <= value <= highest else None


def age_band(row: Row, words: Sequence[Word], known: Lexicon) -> tuple[str, set[int]] | None:
    """Read an age where the options are bands of age (`under_18`, `18_39`, `65_plus`): the option, the places used."""
    bands = [(option.id, band) for option in row.options if (band := _band(option.id)) is not None]
    if len(bands) < 2 or len(bands) != len(row.options):
        return None
    numbers = [number for number in numbers_in(words, known) if 0 < number.value <= 115]
    spoken = any(word.text in known.age_words for word in words)
    low_high: tuple[float, float] | None = None
    used: set[int] = set()
    for place, word in enumerate(words):
        decade = known.decades.get(word.text)
        if decade is None and re.fullmatch(r"[1-9]0s", word.text, re.ASCII):
            decade = int(word.text[:2])
        if decade is not None:
            low_high, used = (decade, decade + 9), {place}
    if low_high is None and numbers and (spoken or numbers[0].value > len(row.options)):
        first = numbers[0]
        used = set(range(first.start, first.end))
        low_high = (first.value, first.value)
        before = [word.text for word in words[max(0, first.start - 2) : first.start]]
        ahead = {" ".join(before), *before[-1:]}
        if len(numbers) > 1 and _is_range(numbers, words, known):
            low_high = (first.value, numbers[1].value)
            used |= set(range(numbers[1].start, numbers[1].end))
        elif not ahead.isdisjoint(known.links["below"]):
            low_high = (0, first.value - 1)
        elif not ahead.isdisjoint(known.links["above"]):
            low_high = (first.value + 1, 115)
    if low_high is None:
        return None
    used |= {n for n, word in enumerate(words) if word.text in known.age_words}
    for band_id, (low, high) in bands:
        if low <= low_high[0] and low_high[1] <= high:
            return band_id, used
    return None


def _out_of_ten(
    numbers: Sequence[Number], words: Sequence[Word], question: Question, known: Lexicon
) -> tuple[list[float], list[str]]:
    """Give the values without "/10" and "out of 10", and the words around; no values for another whole."""
    values: list[float] = []
    dropped: set[int] = set()
    for n, number in enumerate(numbers):
        if n and numbers[n - 1].end == number.start and "/" in words[number.start].gap:
            whole = True
        else:
            ahead = tuple(w.text for w in words[max(0, number.start - 2) : number.start])
            whole = bool(n) and ahead == known.out_of
            if whole:
                dropped |= {number.start - 2, number.start - 1}
        if not whole:
            values.append(number.value)
        elif number.value != 10 or question.kind != "scale":
            return [], []
    held = {place for number in numbers for place in range(number.start, number.end)} | dropped
    between = [word.text for place, word in enumerate(words) if place not in held]
    linking = frozenset().union(*(known.links[name] for name in ("range", "between", "plus")))
    return values, [text for text in between if text not in linking or len(values) < 2]


def _is_range(numbers: Sequence[Number], words: Sequence[Word], known: Lexicon) -> bool:
    one, other = numbers[0], numbers[1]
    linking = [word.text for word in words[one.end : other.start]]
    if not linking:
        return words[other.start].gap.strip() in ("-", "–", "—")
    opened = any(word.text in known.links["between"] for word in words[: one.start])
    return len(linking) == 1 and (linking[0] in known.links["range"] or (linking[0] in known.links["plus"] and opened))


def _below_zero(words: Sequence[Word], number: Number) -> bool:
    gap = words[number.start].gap
    return gap.endswith(("-", "−")) and (number.start == 0 or gap != gap.lstrip())


def _band(option: str) -> tuple[float, float] | None:
    """Give the ages that an option id stands for."""
    under = re.fullmatch(r"under_(\d+)", option)
    if under:
        return 0, int(under.group(1)) - 1
    plus = re.fullmatch(r"(\d+)_plus", option)
    if plus:
        return int(plus.group(1)), 115
    pair = re.fullmatch(r"(\d+)_(\d+)", option)
    return (int(pair.group(1)), int(pair.group(2))) if pair else None
