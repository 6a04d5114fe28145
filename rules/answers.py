"""Shares an answer out among the rows that it speaks of."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rules.amounts import age_band, bare_numbers, numbers_in
from rules.criteria import SIDES, Side
from rules.facts import Value
from rules.rows import Found, RowReader, no_of, yes_or_no
from rules.screen import Row
from rules.words import Hit, Word


@dataclass(frozen=True, slots=True)
class _Segment:
    """A stretch of words and the sides it speaks of; no side means: not said."""

    sides: tuple[Side, ...]
    words: tuple[Word, ...]
    same: bool = False
    """The side before it, again."""


@dataclass(frozen=True, kw_only=True)
class AnswerReader:
    """Reads words for all rows that were asked, open ones first; `one` reads a single row."""

    rows: Sequence[Row]
    one: RowReader

    def read(self, words: tuple[Word, ...]) -> Found | None:
        """Read each row that is spoken of; None where the words speak against themselves."""
        return self._sided(words) if any(row.side for row in self.rows) else self._card(words)

    # --- rows that are sides of the body ---

    def _sided(self, words: tuple[Word, ...]) -> Found | None:
        """Read each side's words apart; None where they speak against each other."""
        if self.one.known.holds(words, self.one.known.unclear):
            return None
        pair = self._two_numbers(words)
        if pair is not None:
            return pair
        found: Found = {}
        before: Found = {}
        segments = self._segments(words)
        for segment in segments:
            targets = self._targets(segment, segments)
            read: Found = {}
            if segment.same and targets and not self.one.read(targets[0], segment.words):
                read = self._copied(before, targets)
            for row in targets:
                got = self.one.read(row, segment.words)
                if got is None:
                    return None
                read |= got
            for path, value in read.items():
                merged = _merged(found.get(path), value)
                if merged is None:
                    return None
                found[path] = merged
            before = read or before
        return found

    def _targets(self, segment: _Segment, segments: Sequence[_Segment]) -> list[Row]:
        """Give the rows that a stretch speaks of: its sides, or the first row whose side is named nowhere."""
        if segment.sides:
            return [row for row in self.rows if row.side in segment.sides]
        named = {side for other in segments for side in other.sides}
        return ([row for row in self.rows if row.side not in named] or list(self.rows))[:1]

    def _copied(self, before: Found, targets: Sequence[Row]) -> Found:
        """Say of these rows what was said of the side before."""
        copy: Found = {}
        for path, value in before.items():
            test, _, rest = path.partition(".")
            for row in targets:
                copy[f"{test}.{row.side}.{rest.partition('.')[2]}"] = value
        return copy

    def _two_numbers(self, words: tuple[Word, ...]) -> Found | None:
        """Read "20, 35" as left and right, where nothing else was said."""
        sides = {row.side: row for row in self.rows}
        numbers = numbers_in(words, self.one.known)
        if len(self.rows) != 2 or set(sides) != set(SIDES) or len(numbers) != 2:
            return None
        rest = [w for n, w in enumerate(words) if not any(number.start <= n < number.end for number in numbers)]
        second = words[numbers[1].start]
        if any(word.text not in self.one.known.links["plus"] for word in rest) or second.gap.strip() not in ("", ","):
            return None
        if second.gap == "," and self.one.question.kind != "one":  # 20,5 may be one number
            return None
        found: Found = {}
        for side, number in zip(SIDES, numbers, strict=True):
            got = self.one.read(sides[side], words[number.start : number.end])
            if not got:
                return None
            found |= got
        return found

    def _segments(self, words: tuple[Word, ...]) -> list[_Segment]:
        """Cut words into stretches that each speak of one side, of both, or of none named."""
        marks = self.one.known.find(words, [((name, ""), phrases) for name, phrases in self.one.known.sides.items()])
        marks = [mark for mark in marks if mark.tag[0] != "no_side"]
        if not marks:
            return [_Segment((), words)]
        clauses: list[tuple[int, int]] = []
        start = 0
        inside = {place for mark in marks for place in mark.places[1:]}
        for place, word in enumerate(words):
            if place > start and place not in inside and (word.breaks or word.text in self.one.known.joins):
                clauses.append((start, place))
                start = place
        clauses.append((start, len(words)))
        segments: list[_Segment] = []
        last: tuple[Side, ...] = ()
        waiting: list[tuple[Word, ...]] = []
        for first, end in clauses:
            for sides, part, same in self._clause(words, first, end, marks, last):
                if sides:
                    if waiting and not self._says(part) and not same:
                        segments += [_Segment(sides, held) for held in waiting]
                    else:
                        segments += [_Segment((), held) for held in waiting]
                    waiting = []
                    last = sides
                    segments.append(_Segment(sides, part, same))
                elif last:
                    segments.append(_Segment(last, part))
                else:
                    waiting.append(part)
        return segments + [_Segment((), held) for held in waiting]

    def _clause(
        self, words: tuple[Word, ...], first: int, end: int, marks: Sequence[Hit], last: tuple[Side, ...]
    ) -> Iterator[tuple[tuple[Side, ...], tuple[Word, ...], bool]]:
        """Cut one clause at its sides: "left 3 right 5" before each side, "3 left 5 right" after it."""
        own = [mark for mark in marks if first <= mark.start < end]
        same = any(mark.tag[0] == "same" for mark in own)
        places = [mark for mark in own if mark.tag[0] != "same"]
        taken = {place for mark in own for place in mark.places}
        idle = self.one.known.fillers | self.one.known.joins
        if not places:
            yield (), tuple(words[n] for n in range(first, end) if n not in taken), same
            return
        leading = all(words[n].text in idle for n in range(first, places[0].start))
        if len(places) == 1:
            cuts = [first, end]
        elif leading:
            cuts = [first, *(mark.start for mark in places[1:]), end]
        else:
            cuts = [first, *(mark.end for mark in places[:-1]), end]
        for mark, (begin, finish) in zip(places, itertools.pairwise(cuts), strict=True):
            part = tuple(words[n] for n in range(begin, finish) if n not in taken)
            last = self._sides(mark.tag[0], last)
            yield last, part, same

    def _sides(self, name: str, last: tuple[Side, ...]) -> tuple[Side, ...]:
        match name:
            case "left":
                return ("left",)
            case "right":
                return ("right",)
            case "other" if last == ("left",):
                return ("right",)
            case "other" if last == ("right",):
                return ("left",)
            case "both":
                return SIDES
            case _:
                return ()

    def _says(self, words: tuple[Word, ...]) -> bool:
        return any(self.one.read(row, words) != {} for row in self.rows[:1])

    # --- rows of a card ---

    def _card(self, words: tuple[Word, ...]) -> Found | None:
        """Read several rows from one text: each word serves one row, the first that it fits."""
        known = self.one.known
        if self.one.question.kind == "one" and len(self.rows) > 1:
            spread = self._to_all(words)
            if spread is not None:
                return spread
        left = list(words)
        found: Found = {}
        for row in self.rows:
            if not left:
                break
            age = age_band(row, left, known)
            if age is not None:
                chosen, used = age
                found[row.path] = chosen
                left = [word for n, word in enumerate(left) if n not in used]
                continue
            if row is not self.rows[0] and self._bare(tuple(left)):
                continue  # a lone number or a yes speaks of the first open row only
            got = self.one.read(row, tuple(left))
            if got is None:
                return None
            if got:
                found |= got
                left = [w for n, w in enumerate(left) if n not in self._used(row, tuple(left))]
                if known.truth(tuple(left)) is not None:
                    break
        return found

    def _to_all(self, words: tuple[Word, ...]) -> Found | None:
        """Read "no to all", and "yes, no" where two rows ask for yes or no."""
        known = self.one.known
        everything = known.holds(words, known.everything)
        if everything:
            rest = tuple(word for n, word in enumerate(words) if n not in everything)
            denies = known.truth(rest) is False or not rest or known.is_only(words, known.none)
            if denies:
                answers = {row.path: no_of(row) for row in self.rows}
                if all(answers.values()):
                    return {path: answer for path, answer in answers.items() if answer}
        elif known.is_only(words, known.none):
            answers = {row.path: no_of(row) for row in self.rows}
            if all(answers.values()):
                return {path: answer for path, answer in answers.items() if answer}
        if len(words) == 2 and len(self.rows) == 2:
            pair = [known.truth((word,)) for word in words]
            if None not in pair and all(yes_or_no(row) for row in self.rows):
                return {row.path: "yes" if said else "no" for row, said in zip(self.rows, pair, strict=True)}
        return None

    def _bare(self, words: tuple[Word, ...]) -> bool:
        return bool(bare_numbers(words, self.one.question, self.one.known)) or self.one.known.truth(words) is not None

    def _used(self, row: Row, words: tuple[Word, ...]) -> set[int]:
        hits = [hit for hit in self.one.hits(row, words) if not hit.negated]
        if hits:
            return {place for hit in hits for place in hit.places}
        return set(range(len(words)))


def _merged(old: Value | None, new: Value) -> Value | None:
    """Join what two stretches of words say of one row; None where they disagree."""
    if old is None or old == new:
        return new
    if isinstance(old, tuple) and isinstance(new, tuple):
        return tuple(dict.fromkeys((*old, *new)))
    if "hurts" in (old, new) and not {"clear", "partial", "blocked"}.isdisjoint({old, new}):
        return "hurts"
    return None
