"""Finds the phrases of the lexicon in what people type.

The words are content (lexicon/en.yaml of the safety folder and of each screen). A phrase there is written so:

    numb ~3 leg        up to three words may stand between
    numb <4> leg       in either order, up to four words between
    cant|cannot walk   one word of several
    (my) leg           a word that may be missing
    =fell              this very word: no typing errors allowed for
    @cant walk         any phrase of the group `cant`

Words of five letters and more may be mistyped by a letter, of eight and more by two.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from rapidfuzz.distance import OSA

# --- words -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Word:
    """A word in the form that is compared, where it stands, and what stands between it and the word before."""

    text: str
    start: int
    end: int
    gap: str
    breaks: int
    """How hard the cut before it is: 0 none, 1 a comma or a new line, 2 the end of a sentence."""
    bare: str = ""
    """Without its 's, if it has one: "my leg's swollen"."""


_WORD = re.compile(r"\d+(?:\.\d+)?(?![^\W_])|[^\W_]+(?:['’‘ʼ`´][^\W_]+)*|[&+]")
_OWNED = re.compile(r"\w['’‘ʼ`´][sS]$")
_GLUED = re.compile(
    r"^(?:(?P<side>l|r|left|right)(?P<number>\d+)"
    r"|(?P<count>\d+)(?P<unit>deg|degs|degrees?|yo|yrs?|y|years?|st|nd|rd|th|f|m|wks?|weeks?|ish|l|r))$"
)
_HARD = re.compile(r"[.!?;]")
_SOFT = re.compile(r"[,\n()\[\]…]|\.\.")


def cut_words(text: str) -> tuple[Word, ...]:
    """Cut *text* into words: folded, without apostrophes, "l2" and "20deg" taken apart."""
    found: list[Word] = []
    end = 0
    for match in _WORD.finditer(text):
        gap = text[end : match.start()]
        end = match.end()
        shape = _fold(match.group())
        if not shape:
            continue
        glued = _GLUED.match(shape)
        parts = [part for part in glued.groups() if part] if glued else [shape]
        breaks = _breaks(gap, found[-1].text if found else "", shape)
        bare = _fold(match.group()[:-2]) if _OWNED.search(match.group()) else ""
        for part in parts:
            found.append(Word(part, match.start(), match.end(), gap, breaks, bare))
            gap, breaks = "", 0
    return tuple(found)


def _fold(raw: str) -> str:
    if raw in "&+":
        return "and"
    shape = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", raw).casefold())
    return "".join(c for c in shape if c.isalnum() or c == ".")


def _breaks(gap: str, before: str, after: str) -> int:
    if gap == "." and len(before) == 1 and len(after) == 1:  # u.k.
        return 0
    if _SOFT.search(gap):
        return 1
    return 2 if _HARD.search(gap) else 0


# --- phrases -----------------------------------------------------------------------------------------------------

Sequences: TypeAlias = tuple[tuple[str, ...], ...]
Senses: TypeAlias = Sequence[frozenset[str]]


@dataclass(frozen=True, slots=True)
class _Step:
    """A place in a phrase: how many words may stand before it, and what fills it: one word, or longer ways."""

    gap: int
    firsts: frozenset[str]
    single: frozenset[str]
    longer: Sequences

    @classmethod
    def of(cls, gap: int, ways: Sequences) -> _Step:
        return cls(
            gap,
            frozenset(way[0] for way in ways),
            frozenset(way[0] for way in ways if len(way) == 1),
            tuple(way for way in ways if len(way) > 1),
        )

    def words(self) -> set[str]:
        """List every word that it may take."""
        return {*self.firsts, *(word for way in self.longer for word in way)}

    def ends(self, here: int, words: Sequence[Word], senses: Senses) -> Iterator[int]:
        """Give the places after this step where it stands at *here*, the longest way first."""
        for way in self.longer:
            end = here + len(way)
            if end <= len(words) and all(
                way[n] in senses[here + n] and (n == 0 or words[here + n].breaks < 2) for n in range(len(way))
            ):
                yield end
        if not senses[here].isdisjoint(self.single):
            yield here + 1


Phrase: TypeAlias = tuple[_Step, ...]


class Phrases:
    """Phrases, found by their first words."""

    def __init__(self, phrases: Iterable[Phrase]) -> None:
        self._all = tuple(phrases)
        self._starts: dict[str, list[Phrase]] = defaultdict(list)
        for phrase in self._all:
            for first in phrase[0].firsts:
                self._starts[first].append(phrase)

    def __iter__(self) -> Iterator[Phrase]:
        return iter(self._all)

    def places(self, words: Sequence[Word], senses: Senses) -> Iterator[tuple[int, ...]]:
        """Give the places of every phrase found; one that begins in two senses of a word may come twice."""
        present = frozenset().union(*senses)
        for first in present & self._starts.keys():
            likely = [p for p in self._starts[first] if not any(present.isdisjoint(step.firsts) for step in p)]
            for at, sense in enumerate(senses) if likely else ():
                for phrase in likely if first in sense else ():
                    places = _places(phrase, at, words, senses)
                    if places is not None:
                        yield places


NO_PHRASES = Phrases(())


@dataclass(frozen=True, slots=True)
class Hit:
    """A phrase found: its tag, the places of its words, and whether a "not" belongs to it."""

    tag: tuple[str, str]
    places: tuple[int, ...]
    negated: bool = False

    @property
    def start(self) -> int:
        """Give the place of its first word."""
        return self.places[0]

    @property
    def end(self) -> int:
        """Give the place after its last word."""
        return self.places[-1] + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A red-flag item in words: which, from which word to which, and what stands around it."""

    item: str
    first: int
    last: int
    negated: bool
    other_person: bool
    past: bool


_EITHER = re.compile(r"\s<(\d+)>\s")


def compile_phrases(written: Any, groups: Mapping[str, Any]) -> Iterator[Phrase]:
    """Compile what the lexicon writes: a phrase, or lists of phrases however nested."""
    if not isinstance(written, str):
        for part in written if isinstance(written, list | tuple) else (str(written),) if written else ():
            yield from compile_phrases(part, groups)
        return
    either = _EITHER.search(written)
    if either:
        one, other, most = written[: either.start()], written[either.end() :], either.group(1)
        yield from compile_phrases(f"{one} ~{most} {other}", groups)
        yield from compile_phrases(f"{other} ~{most} {one}", groups)
        return
    choices: list[tuple[_Step | None, ...]] = []
    gap = 0
    for part in written.split():
        if part[0] == "~" and part[1:].isdigit():
            gap = int(part[1:])
            continue
        optional = part[0] == "(" and part[-1] == ")"
        step = _Step.of(gap, _ways(part[1:-1] if optional else part, groups))
        gap = 0
        choices.append((step, None) if optional else (step,))
    for chosen in itertools.product(*choices):
        phrase = tuple(step for step in chosen if step is not None)
        if phrase:
            yield phrase


def _ways(part: str, groups: Mapping[str, Any]) -> Sequences:
    ways: list[tuple[str, ...]] = []
    for choice in part.split("|"):
        if choice.startswith("@"):
            if choice[1:] not in groups:
                raise ValueError(f"the lexicon has no group {choice}; add it to groups or correct the name")
            ways += [tuple(phrase.split()) for phrase in groups[choice[1:]]]
        elif choice:
            ways.append((choice,))
    return tuple(sorted(set(ways), key=lambda way: (-len(way), way)))


def _places(phrase: Phrase, at: int, words: Sequence[Word], senses: Senses) -> tuple[int, ...] | None:
    """Give the places that *phrase* takes when it begins at *at*, with the smallest gaps; None where it doesn't."""

    def follow(number: int, place: int) -> tuple[int, ...] | None:
        if number == len(phrase):
            return ()
        step = phrase[number]
        for here in range(place, min(len(words), place + (step.gap if number else 0) + 1)):
            if number and words[here].breaks == 2:
                return None
            if senses[here].isdisjoint(step.firsts):
                continue
            for end in step.ends(here, words, senses):
                rest = follow(number + 1, end)
                if rest is not None:
                    return (*range(here, end), *rest)
        return None

    return follow(0, at)


# --- the lexicon, compiled ---------------------------------------------------------------------------------------

_KEPT: dict[int, tuple[Mapping[str, Any], Lexicon]] = {}


def compiled(lexicon: Mapping[str, Any]) -> Lexicon:
    """Compile a lexicon once; the original is kept beside it, so that its identity stays its own."""
    held = _KEPT.get(id(lexicon))
    if held is not None and held[0] is lexicon:
        return held[1]
    if len(_KEPT) >= 16:
        _KEPT.clear()
    made = Lexicon(lexicon)
    _KEPT[id(lexicon)] = (lexicon, made)
    return made


class Lexicon:
    """The lexicon of one language, ready to match."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self._groups: Mapping[str, Any] = {**raw.get("groups", {}), **raw.get("safety_groups", {})}
        self._vocabulary: set[str] = set()
        self._senses: dict[str, frozenset[str]] = {}
        flags: Mapping[str, Any] = raw.get("red_flags", {})
        self.flags = {item: self._list(entry.get("say", ())) for item, entry in flags.items()}
        self._about_others = {item for item, entry in flags.items() if entry.get("names_others")}
        self.items = self._table(raw.get("items", {}))
        self.options = self._table({**raw.get("gate_options", {}), **raw.get("options", {})})
        self.feedback = self._table(raw.get("feedback", {}))
        self.alone = self._table(raw.get("alone", {}))
        self.sides = self._table(raw.get("sides", {}))
        self._controls = self._table(raw.get("controls", {}))
        self._truth = self._table(raw.get("truth", {}))
        self.unsure = self._list(raw.get("unsure", ()))
        self.none = self._list(raw.get("none", ()))
        self.zero = self._list(raw.get("zero", ()))
        self.everything = self._list(raw.get("everything", ()))
        self.unclear = self._list(raw.get("unclear", ()))
        self._idioms = self._list(raw.get("idioms", ()))
        negation = raw.get("negation", {})
        self._not_a_no = self._list(negation.get("no_negation", ()))
        self._noes = frozenset(negation.get("words", ()))
        self._bare_noes = frozenset(negation.get("interjections", ()))
        self._stops = frozenset(negation.get("stops", ()))
        self._subjects = frozenset(negation.get("subjects", ()))
        others = raw.get("other_people", {})
        self._others_before = self._list(others.get("before", ()))
        self._own_words = frozenset(others.get("unless_between", ()))
        self._others_anywhere = self._list(others.get("anywhere", ()))
        past = raw.get("past", {})
        self._past = self._list(past.get("say", ()))
        self._present = self._list(past.get("unless", ()))
        self.numbers: Mapping[str, int] = raw.get("numbers", {})
        self.positions: Mapping[str, int] = raw.get("positions", {})
        links = raw.get("number_links", {})
        self.links = {name: frozenset(links.get(name, ())) for name in ("range", "between", "plus", "below", "above")}
        self.out_of: tuple[str, ...] = tuple(links.get("out_of", ()))
        self.decades: Mapping[str, int] = raw.get("decades", {})
        self.fillers = frozenset(raw.get("fillers", ()))
        self.measures = frozenset(raw.get("measures", ()))
        self.polite = frozenset(raw.get("polite", ()))
        self._harmless = frozenset(raw.get("harmless_after_no", ()))
        self.joins = frozenset(raw.get("joins", ()))
        self.age_words = frozenset(raw.get("age_words", ()))
        self._asking = frozenset(raw.get("question_words", ()))
        self._emoji: Mapping[str, str] = raw.get("emoji", {})
        self._plain = frozenset(raw.get("plain_words", ())) | frozenset(raw.get("plain_safety_words", ()))
        self._plain |= self.fillers | self.polite | self._harmless | self._noes | self._stops
        self._buckets: dict[str, list[str]] = defaultdict(list)
        self._shuffled: dict[str, list[str]] = defaultdict(list)
        for word in sorted(self._vocabulary):
            if len(word) >= 5 and word.isalpha():
                self._buckets[word[0]].append(word)
            elif len(word) == 4 and word.isalpha():
                self._shuffled["".join(sorted(word))].append(word)

    def _list(self, written: Any) -> Phrases:
        phrases = Phrases(compile_phrases(written, self._groups))
        self._vocabulary.update(word for phrase in phrases for step in phrase for word in step.words())
        return phrases

    def _table(self, written: Mapping[str, Any]) -> dict[str, Phrases]:
        return {name: self._list(entry) for name, entry in written.items()}

    def words(self, text: str) -> tuple[Word, ...]:
        """Cut an answer into words, emoji and a lone question mark included."""
        for sign, meaning in self._emoji.items():
            if sign in text:
                text = text.replace(sign, f" {meaning} ")
        words = cut_words(text)
        if not words and "?" in text:
            return cut_words(self._emoji.get("🤷", ""))
        return words

    def senses(self, words: Iterable[Word]) -> list[frozenset[str]]:
        """Give for each word the words of the lexicon that it may stand for."""
        return [
            self._known(word.text) | self._known(word.bare) if word.bare else self._known(word.text) for word in words
        ]

    def _known(self, word: str) -> frozenset[str]:
        return self._senses.get(word) or self._sense(word)

    def _sense(self, word: str) -> frozenset[str]:
        found = {word, f"={word}"}
        if word not in self._vocabulary and f"={word}" not in self._vocabulary and word not in self._plain:
            found |= self._mistyped(word)
        if len(self._senses) > 20_000:
            self._senses.clear()
        sense = self._senses[word] = frozenset(found)
        return sense

    def _mistyped(self, word: str) -> set[str]:
        if not word.isalpha():
            return set()
        short = re.sub(r"(.)\1+$", r"\1", word)
        if short in self._vocabulary and (len(word) >= 5 or len(word) - len(short) >= 2):
            return {short}
        close = [w for w in self._shuffled["".join(sorted(word))] if OSA.distance(w, word) == 1]
        if len(word) >= 4:
            for first in {word[0], word[1]}:
                for candidate in self._buckets.get(first, ()):
                    if first != word[0] and candidate[1:2] != word[0]:
                        continue
                    allowed = 2 if len(candidate) >= 8 else 1
                    if OSA.distance(candidate, word, score_cutoff=allowed) <= allowed:
                        close.append(candidate)
        return set(close)

    # --- finding phrases ---

    def find(self, words: Sequence[Word], tagged: Iterable[tuple[tuple[str, str], Phrases]]) -> list[Hit]:
        """Find phrases; of two that share a word the longer stands, of equals the one listed first."""
        senses = self.senses(words)
        hits = [Hit(tag, places) for tag, phrases in tagged for places in sorted(phrases.places(words, senses))]
        hits.sort(key=lambda hit: (-len(hit.places), hit.end - hit.start))
        kept: list[Hit] = []
        taken: set[int] = set()
        for hit in hits:
            if taken.isdisjoint(hit.places):
                kept.append(hit)
                taken.update(hit.places)
        noes = self.negations(words, senses) - {place for hit in kept if len(hit.places) > 1 for place in hit.places}
        judged = [Hit(h.tag, h.places, self._denied(h, words, noes, reach=4)) for h in kept]
        return sorted(judged, key=lambda hit: hit.start)

    def holds(self, words: Sequence[Word], phrases: Phrases) -> set[int]:
        """Give the places of all words that any of these phrases takes."""
        senses = self.senses(words)
        return _covered(words, senses, phrases)

    def is_only(self, words: Sequence[Word], phrases: Phrases) -> bool:
        """Tell whether such a phrase, with nothing but filling words around, is all that was said."""
        held = self.holds(words, phrases)
        return bool(held) and all(
            place in held or word.text in self.fillers or word.text in self.polite for place, word in enumerate(words)
        )

    def negations(self, words: Sequence[Word], senses: Senses) -> set[int]:
        """Give the places of the words that say no or not."""
        innocent = _covered(words, senses, self._not_a_no)
        found = set()
        for place, word in enumerate(words):
            if word.text not in self._noes or place in innocent:
                continue
            follower = words[place + 1] if place + 1 < len(words) else None
            if word.text in self._bare_noes and follower and follower.text in self._subjects:
                continue  # "no, I can't walk" denies nothing
            found.add(place)
        return found

    def denies(self, words: Sequence[Word]) -> bool:
        """Tell whether a word among them says no or not."""
        return bool(self.negations(words, self.senses(words)))

    def _denied(self, hit: Hit, words: Sequence[Word], noes: set[int], *, reach: int) -> bool:
        return self._denial(hit, words, noes, reach=reach) is not None

    def _denial(
        self, hit: Hit, words: Sequence[Word], noes: set[int], *, reach: int, over_commas: bool = False
    ) -> int | None:
        """Give the place of the "not" that belongs to a hit: before it, within it, or as the last word after it."""
        for place in range(hit.start, hit.end):
            if place in noes and place not in hit.places:
                return place
        for place in range(hit.start, max(-1, hit.start - reach - 1), -1):
            if place < hit.start and place in noes:
                return place
            word = words[place]
            if place < hit.start and word.text in self._stops:
                break
            if word.breaks == 2 or (word.breaks == 1 and (not over_commas or word.text in self._subjects)):
                break
        after = hit.end
        if after < len(words) and after in noes and (after + 1 == len(words) or words[after + 1].breaks):
            return after
        return None

    # --- red flags ---

    def mentions(self, words: Sequence[Word]) -> Iterator[Mention]:
        """Give the plainest mention of each red-flag item that is mentioned at all."""
        senses = self.senses(words)
        for place in _covered(words, senses, self._idioms, whole=True):
            senses[place] = frozenset()
        noes: set[int] | None = None
        for item, phrases in self.flags.items():
            hits = [Hit(("flag", item), places) for places in sorted({*phrases.places(words, senses)})]
            if hits:
                noes = self.negations(words, senses) if noes is None else noes
                found = [self._mention(hit, words, senses, noes) for hit in hits]
                yield min(found, key=lambda m: (m.negated, m.other_person, m.past, m.first - m.last))

    def _mention(self, hit: Hit, words: Sequence[Word], senses: Senses, noes: set[int]) -> Mention:
        denial = self._denial(hit, words, noes - set(hit.places), reach=6, over_commas=True)
        opening, closing = hit.start, hit.end
        while opening and words[opening].breaks < 2:
            opening -= 1
        while closing < len(words) and words[closing].breaks < 2:
            closing += 1
        sentence, its_senses = words[opening:closing], senses[opening:closing]
        past = bool(_covered(sentence, its_senses, self._past))
        return Mention(
            item=hit.tag[1],
            first=hit.start if denial is None else min(hit.start, denial),
            last=hit.end - 1 if denial is None else max(hit.end - 1, denial),
            negated=denial is not None,
            other_person=self._of_another(hit, hit.start - opening, sentence, its_senses),
            past=past and not _covered(sentence, its_senses, self._present),
        )

    def _of_another(self, hit: Hit, start: int, sentence: Sequence[Word], senses: Senses) -> bool:
        if hit.tag[1] in self._about_others:
            return False
        if _covered(sentence, senses, self._others_anywhere):
            return True
        named = _covered(sentence[:start], senses[:start], self._others_before)
        spoken = sentence[max(named) + 1 : start + hit.end - hit.start] if named else ()
        return bool(named) and not any(word.text in self._own_words for word in spoken)

    # --- small readings ---

    def control(self, words: Sequence[Word]) -> str | None:
        """Give the control word that is all of what was said."""
        for name, phrases in self._controls.items():
            if self.is_only(words, phrases):
                return name
        return None

    def is_question(self, text: str, words: Sequence[Word]) -> bool:
        """Tell a question of the client's own ("should it be easy?") from an answer."""
        return text.rstrip().endswith("?") and words[0].text in self._asking

    def truth(self, words: Sequence[Word]) -> bool | None:
        """Read yes or no; anything that speaks for both, or against what it says, is neither."""
        if not words:
            return None
        hits = self.find(words, [*(((name, ""), p) for name, p in self._truth.items()), (("unclear", ""), self.unsure)])
        held = {place for hit in hits for place in hit.places}
        told = {hit.tag[0].removesuffix("_said") for hit in hits}
        if len(told) != 1 or told == {"unclear"}:
            return None
        rest = [n for n in range(len(words)) if n not in held]
        idle = self.fillers | self.polite
        began = all(words[n].text in idle for n in range(hits[0].start))
        interjected = began and hits[0].tag[0] in ("yes", "no")
        if told == {"yes"}:
            denied = any(words[n].text in self._noes for n in rest)
            return True if not denied and (interjected or all(words[n].text in idle for n in rest)) else None
        harmless = all(words[n].text in idle or words[n].text in self._harmless for n in rest)
        return False if harmless else None


def _covered(words: Sequence[Word], senses: Senses, phrases: Phrases, *, whole: bool = False) -> set[int]:
    """Give the places that phrases take, with *whole* also the words in their gaps."""
    covered: set[int] = set()
    for places in phrases.places(words, senses):
        covered.update(range(places[0], places[-1] + 1) if whole else places)
    return covered
