"""Reads what an answer says of one row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from rules.amounts import amount_of, bare_numbers, numbers_in
from rules.facts import Path, Value
from rules.screen import Option, Question, Row, Test
from rules.words import NO_PHRASES, Hit, Lexicon, Phrases, Word, compile_phrases, cut_words

Labels: TypeAlias = Mapping[Path, Mapping[str, str]]
"""Row path -> option id -> the text on the button."""

Found: TypeAlias = dict[Path, Value]
"""What was said: row path -> value."""

PAINFUL = frozenset({"pinch", "sharp", "catch", "ache"})
"""Sensations that say "it hurts" where a level was asked for."""


@dataclass(frozen=True, kw_only=True)
class RowReader:
    """Reads words for one row at a time, all of the same question."""

    question: Question
    labels: Labels
    known: Lexicon
    test: Test | None

    def read(self, row: Row, words: tuple[Word, ...]) -> Found | None:
        """Read one row; {} where nothing was said of it, None where it speaks against itself."""
        if not words:
            return {}
        match self.question.kind:
            case "scale" | "number":
                value = self._amount(row, words)
                return {} if value is None else {row.path: value}
            case "many":
                several = self._many(row, words)
                return {} if several is None else {row.path: several}
            case _:
                return self._one(row, words)

    def _one(self, row: Row, words: tuple[Word, ...]) -> Found | None:
        numbers = bare_numbers(words, self.question, self.known)
        if numbers:
            place = numbers[0].value
            if len(numbers) == 1 and place == int(place) and 1 <= place <= len(row.options):
                return {row.path: row.options[int(place) - 1].id}
            return None
        typed = self.label(row, words, cutoff=88)
        if typed is not None:
            return {row.path: typed}
        if field_of(row) == "level" and row.path.count(".") == 2:
            return self._level(row, words)
        hits = self.hits(row, words)
        chosen = list(dict.fromkeys(hit.tag[1] for hit in hits if not hit.negated))
        if len(chosen) == 1:
            return {row.path: chosen[0]}
        if chosen:
            return None
        if hits:
            return {}
        return self._closed(row, words) or self.loose(row, words)

    def hits(self, row: Row, words: tuple[Word, ...]) -> list[Hit]:
        """Find the row's options; a "no" counts only where nothing else follows it ("no surgery" is no no)."""
        hits = self.known.find(words, self._tagged(row))
        return [h for h in hits if h.tag[1] not in ("no", "none") or len(h.places) > 1 or self._ends(words, h.end)]

    def _ends(self, words: tuple[Word, ...], place: int) -> bool:
        while place < len(words) and not words[place].breaks and words[place].text not in self.known.joins:
            if words[place].text not in self.known.fillers:
                return False
            place += 1
        return True

    def _closed(self, row: Row, words: tuple[Word, ...]) -> Found:
        """Read yes, no, none, "not sure", or the item itself, where the row has such an answer."""
        ids = {option.id for option in row.options}
        known = self.known
        unknown = next((i for i in ("unknown", "unsure") if i in ids), None)
        if unknown and known.is_only(words, known.unsure):
            return {row.path: unknown}
        for option in row.options:
            if known.is_only(words, _first(known.alone, row, option.id)):
                return {row.path: option.id}
        said = known.truth(words)
        if said is True and "yes" in ids:
            return {row.path: "yes"}
        if said is False or known.is_only(words, known.none):
            denial = no_of(row)
            if denial:
                return {row.path: denial}
        if "yes" in ids and field_of(row) in self.items(words, (row,)):
            return {row.path: "yes"}
        return {}

    def _level(self, row: Row, words: tuple[Word, ...]) -> Found | None:
        """Read how far a test went, and what was felt or seen beside it."""
        known, ids = self.known, [option.id for option in row.options]
        sensations = [s for s in (self.test.sensations if self.test else ()) if s != "none"]
        compensations = self.test.compensations if self.test else ()
        general = [i for i in ("clear", "partial", "blocked", "hurts", "cannot") if i not in ids]
        tagged = [
            *self._tagged(row),
            *((("general", i), self._listed(f"level.{i}")) for i in general),
            *((("felt", i), self._listed(f"sensation.{i}")) for i in sensations),
            *((("seen", i), self._listed(f"compensations.{i}")) for i in compensations),
        ]
        hits = known.find(words, tagged)
        chosen = {hit.tag[1] for hit in hits if hit.tag[0] == "option" and not hit.negated}
        for hit in hits:
            if hit.tag[0] == "general" and not hit.negated:
                chosen |= _options_of_level(row, hit.tag[1])
        felt = list(dict.fromkeys(hit.tag[1] for hit in hits if hit.tag[0] == "felt" and not hit.negated))
        seen = list(dict.fromkeys(hit.tag[1] for hit in hits if hit.tag[0] == "seen" and not hit.negated))
        seen, chosen = self._as_options(row, seen, chosen)
        hurts = known.find(words, [(("option", "hurts"), self._listed("level.hurts"))])
        if "hurts" in ids and (not PAINFUL.isdisjoint(felt) or any(not hit.negated for hit in hurts)):
            chosen = {"hurts"}
        if not hits and not chosen:
            return self._closed(row, words) or self.loose(row, words)
        if len(chosen) > 1 or (len(felt) > 1 and PAINFUL.isdisjoint(felt)):
            return None
        base = row.path.removesuffix("level")
        found: Found = {row.path: next(iter(chosen))} if chosen else {}
        if felt:
            found[f"{base}sensation"] = next((f for f in felt if f in PAINFUL), felt[0])
        if seen:
            found[f"{base}compensations"] = tuple(c for c in compensations if c in seen)
        return found

    def _as_options(self, row: Row, seen: list[str], chosen: set[str]) -> tuple[list[str], set[str]]:
        """Take a compensation for the button that stands for it, where there is one and no level was said."""
        own = {
            kept[0]: option.id
            for option in row.options
            if isinstance(kept := option.sets.get("compensations"), tuple) and len(kept) == 1
        }
        if len(seen) == 1 and seen[0] in own and chosen <= {own[seen[0]]}:
            return [], {own[seen[0]]}
        return [s for s in seen if own.get(s) not in chosen], chosen

    def _many(self, row: Row, words: tuple[Word, ...]) -> tuple[str, ...] | None:
        ids = [option.id for option in row.options]
        numbers = bare_numbers(words, self.question, self.known)
        if numbers:
            places = [number.value for number in numbers]
            if all(place == int(place) and 1 <= place <= len(ids) for place in places):
                return list_of(i for n, i in enumerate(ids, 1) if n in places)
            return None
        hits = self.known.find(words, self._tagged(row))
        said = {hit.tag[1] for hit in hits if not hit.negated}
        denied = self.known.is_only(words, self.known.none) or (not hits and self.known.truth(words) is False)
        if denied and said <= {"none", "nothing"}:
            return ("nothing",) if "nothing" in ids else ()
        for clause in self._clauses(words):
            typed = self.label(row, clause, cutoff=88)
            if typed is not None:
                said.add(typed)
        if not said and not hits:
            loose = self.loose(row, words)
            said = {str(value) for value in loose.values()}
        if not said and "unknown" in ids and self.known.is_only(words, self.known.unsure):
            return ("unknown",)
        if len(said) > 1:
            said -= {"none", "nothing"}
        return list_of(i for i in ids if i in said) if said else None

    def _clauses(self, words: tuple[Word, ...]) -> Iterator[tuple[Word, ...]]:
        start = 0
        for place, word in enumerate(words):
            if place > start and word.breaks:
                yield words[start:place]
                start = place
        yield words[start:]

    def _amount(self, row: Row, words: tuple[Word, ...]) -> Value | None:
        """Read a number on a scale or a measure; of "3 or 4" the higher, of a measured range the middle."""
        known = self.known
        numbers = numbers_in(words, known)
        if not numbers:
            no_pain = "pain" in field_of(row) and known.is_only(words, known.zero)
            if self.question.kind == "scale" and (no_pain or known.is_only(words, known.none)):
                return 0
            typed = self.label(row, words, cutoff=88)
            if typed is not None:
                return typed
            return next(iter(self._closed(row, words).values()), None)
        return amount_of(numbers, words, self.question, known)

    def items(self, words: tuple[Word, ...], rows: Sequence[Row]) -> set[str]:
        """Give the items that are mentioned as present, now, and one's own."""
        known = self.known
        wanted = {field_of(row) for row in rows}
        mentions = list(known.mentions(words))
        plain = {m.item for m in mentions if not (m.negated or m.other_person or m.past)}
        if any(m.other_person or m.past for m in mentions):
            return plain & wanted
        hits = known.find(words, [(("item", i), known.items[i]) for i in sorted(wanted) if i in known.items])
        named = {hit.tag[1] for hit in hits if not hit.negated} - {m.item for m in mentions if m.negated}
        return (plain & wanted) | named

    def _tagged(self, row: Row) -> list[tuple[tuple[str, str], Phrases]]:
        closed = yes_or_no(row)  # `truth` reads those two
        return [(("option", o.id), self._own(row, o)) for o in row.options if not (closed and o.id in ("yes", "no"))]

    def _own(self, row: Row, option: Option) -> Phrases:
        """Give the phrases of an option: the lexicon's, or else its id where that is a word of its own."""
        listed = [*_first(self.known.options, row, option.id)]
        if option.id == "unsure" and not listed:
            listed = [*self._listed("unknown")]
        spelled = option.id.replace("_", " ")
        if listed or len(spelled) < 3 or spelled[0].isdigit() or option.id in ("yes", "none"):
            return Phrases(listed)
        return Phrases(compile_phrases(spelled, {}))

    def _listed(self, name: str) -> Phrases:
        return self.known.options.get(name) or NO_PHRASES

    def label(self, row: Row, words: Sequence[Word], *, cutoff: float) -> str | None:
        """Give the option whose button says nearly these words."""
        typed = " ".join(word.text for word in words)
        if len(typed) < 5:
            return None
        best, best_score = None, cutoff
        figures = [word.text for word in words if word.text[0].isdigit()]
        for option in row.options:
            label = cut_words(self.labels.get(row.path, {}).get(option.id, ""))
            if not label or self.known.denies(words) != self.known.denies(label):
                continue
            if figures != [word.text for word in label if word.text[0].isdigit()]:
                continue
            score = fuzz.ratio(typed, " ".join(word.text for word in label))
            if score > best_score:
                best, best_score = option.id, score
        return best

    def loose(self, row: Row, words: Sequence[Word]) -> Found:
        """Give the one option whose button holds all the words that carry meaning here."""
        idle = self.known.fillers | self.known.joins | self.known.polite
        carrying = [word.text for word in words if word.text not in idle]
        if not any(len(word) >= 4 for word in carrying):
            return {}
        fitting = []
        for option in row.options:
            label = cut_words(self.labels.get(row.path, {}).get(option.id, ""))
            if self.known.denies(words) != self.known.denies(label):
                continue
            held = [word.text for word in label]
            if all(_near(word, held) for word in carrying):
                fitting.append(option.id)
        return {row.path: fitting[0]} if len(fitting) == 1 else {}


def _first(table: Mapping[str, Phrases], row: Row, option: str) -> Phrases:
    """Give what is listed for an option: of this test's field, else of the field, else of any row."""
    asked = field_of(row)
    for name in (f"{row.path.partition('.')[0]}.{asked}.{option}", f"{asked}.{option}", option):
        if name in table:
            return table[name]
    return NO_PHRASES


def field_of(row: Row) -> str:
    """Give the last word of a row's path."""
    return row.path.rpartition(".")[2]


def no_of(row: Row) -> str | None:
    """Give the option that says no or none; None where the row has none."""
    ids = [option.id for option in row.options]
    return next((i for i in ("no", "none", "nothing") if i in ids), None)


def yes_or_no(row: Row) -> bool:
    """Tell whether both yes and no are among a row's options."""
    return {"yes", "no"} <= {option.id for option in row.options}


def list_of(ids: Iterable[str]) -> tuple[str, ...]:
    """Make chosen options into the value of a row of many, where "none" is the empty list."""
    return tuple(option for option in ids if option != "none")


def _options_of_level(row: Row, level: str) -> set[str]:
    """Give the options that stand for a level; several where the level alone doesn't tell which."""
    return {option.id for option in row.options if option.sets.get("level") == level}


def _near(word: str, held: Sequence[str]) -> bool:
    allowed = 0 if len(word) < 5 else 1 if len(word) < 8 else 2
    return any(OSA.distance(word, other, score_cutoff=allowed) <= allowed for other in held)
