"""Reads what people type: answers, compensations, red flags.

`read` turns words into the same values that buttons give; what it can't place for certain it leaves alone.
`scan` looks for red flags in any text; it prefers one alarm too many, because an alarm only asks a closed question.
`truth` reads the answer to such a question.

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
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from rules.criteria import SIDES, Side
from rules.facts import Path, Value
from rules.screen import Option, Question, Row, Test

Labels: TypeAlias = Mapping[Path, Mapping[str, str]]
"""Row path -> option id -> the text on the button."""

PAINFUL = frozenset({"pinch", "sharp", "catch", "ache"})
"""Sensations that say "it hurts" where a level was asked for."""


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
    known = _compiled(lexicon)
    words = known.words(text)
    control = known.control(words)
    if control is not None and (text.lstrip().startswith("/") or not _is_option(words, rows)):
        return _controlled(control, question, rows)
    if not words or known.is_question(text, words):
        return None
    reader = _Reader(question=question, rows=rows, labels=labels, known=known, test=test)
    return reader.read(words) or _plain_truth(words, question, rows, known)


def scan(text: str, lexicon: Mapping[str, Any]) -> tuple[Alarm, ...]:
    """Find red flags in *text*, one alarm an item, in the lexicon's order (most urgent first); never raises."""
    known = _compiled(lexicon)
    words = _words(text)
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


def truth(text: str, lexicon: Mapping[str, Any]) -> bool | None:
    """Read the answer to a closed question: True, False, or None where it is not plainly one of them."""
    known = _compiled(lexicon)
    return known.truth(known.words(text))


# --- words -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Word:
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


def _words(text: str) -> tuple[_Word, ...]:
    """Cut *text* into words: folded, without apostrophes, "l2" and "20deg" taken apart."""
    found: list[_Word] = []
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
            found.append(_Word(part, match.start(), match.end(), gap, breaks, bare))
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
        return {*self.firsts, *(word for way in self.longer for word in way)}

    def ends(self, here: int, words: Sequence[_Word], senses: Senses) -> Iterator[int]:
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


class _Phrases:
    """Phrases, found by their first words."""

    def __init__(self, phrases: Iterable[Phrase]) -> None:
        self._all = tuple(phrases)
        self._starts: dict[str, list[Phrase]] = defaultdict(list)
        for phrase in self._all:
            for first in phrase[0].firsts:
                self._starts[first].append(phrase)

    def __iter__(self) -> Iterator[Phrase]:
        return iter(self._all)

    def places(self, words: Sequence[_Word], senses: Senses) -> Iterator[tuple[int, ...]]:
        """Give the places of every phrase found; one that begins in two senses of a word may come twice."""
        present = frozenset().union(*senses)
        for first in present & self._starts.keys():
            likely = [p for p in self._starts[first] if not any(present.isdisjoint(step.firsts) for step in p)]
            for at, sense in enumerate(senses) if likely else ():
                for phrase in likely if first in sense else ():
                    places = _places(phrase, at, words, senses)
                    if places is not None:
                        yield places


_NONE = _Phrases(())


@dataclass(frozen=True, slots=True)
class _Hit:
    """A phrase found: its tag, the places of its words, and whether a "not" belongs to it."""

    tag: tuple[str, str]
    places: tuple[int, ...]
    negated: bool = False

    @property
    def start(self) -> int:
        return self.places[0]

    @property
    def end(self) -> int:
        return self.places[-1] + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mention:
    """A red-flag item in words: which, from which word to which, and what stands around it."""

    item: str
    first: int
    last: int
    negated: bool
    other_person: bool
    past: bool


_EITHER = re.compile(r"\s<(\d+)>\s")


def _phrases(written: Any, groups: Mapping[str, Any]) -> Iterator[Phrase]:
    """Compile what the lexicon writes: a phrase, or lists of phrases however nested."""
    if not isinstance(written, str):
        for part in written if isinstance(written, list | tuple) else (str(written),) if written else ():
            yield from _phrases(part, groups)
        return
    either = _EITHER.search(written)
    if either:
        one, other, most = written[: either.start()], written[either.end() :], either.group(1)
        yield from _phrases(f"{one} ~{most} {other}", groups)
        yield from _phrases(f"{other} ~{most} {one}", groups)
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


def _places(phrase: Phrase, at: int, words: Sequence[_Word], senses: Senses) -> tuple[int, ...] | None:
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

_KEPT: dict[int, tuple[Mapping[str, Any], _Lexicon]] = {}


def _compiled(lexicon: Mapping[str, Any]) -> _Lexicon:
    """Compile a lexicon once; the original is kept beside it, so that its identity stays its own."""
    held = _KEPT.get(id(lexicon))
    if held is not None and held[0] is lexicon:
        return held[1]
    if len(_KEPT) >= 16:
        _KEPT.clear()
    made = _Lexicon(lexicon)
    _KEPT[id(lexicon)] = (lexicon, made)
    return made


class _Lexicon:
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

    def _list(self, written: Any) -> _Phrases:
        phrases = _Phrases(_phrases(written, self._groups))
        self._vocabulary.update(word for phrase in phrases for step in phrase for word in step.words())
        return phrases

    def _table(self, written: Mapping[str, Any]) -> dict[str, _Phrases]:
        return {name: self._list(entry) for name, entry in written.items()}

    def words(self, text: str) -> tuple[_Word, ...]:
        """Cut an answer into words, emoji and a lone question mark included."""
        for sign, meaning in self._emoji.items():
            if sign in text:
                text = text.replace(sign, f" {meaning} ")
        words = _words(text)
        if not words and "?" in text:
            return _words(self._emoji.get("🤷", ""))
        return words

    def senses(self, words: Iterable[_Word]) -> list[frozenset[str]]:
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

    def find(self, words: Sequence[_Word], tagged: Iterable[tuple[tuple[str, str], _Phrases]]) -> list[_Hit]:
        """Find phrases; of two that share a word the longer stands, of equals the one listed first."""
        senses = self.senses(words)
        hits = [_Hit(tag, places) for tag, phrases in tagged for places in sorted(phrases.places(words, senses))]
        hits.sort(key=lambda hit: (-len(hit.places), hit.end - hit.start))
        kept: list[_Hit] = []
        taken: set[int] = set()
        for hit in hits:
            if taken.isdisjoint(hit.places):
                kept.append(hit)
                taken.update(hit.places)
        noes = self.negations(words, senses) - {place for hit in kept if len(hit.places) > 1 for place in hit.places}
        judged = [_Hit(h.tag, h.places, self._denied(h, words, noes, reach=4)) for h in kept]
        return sorted(judged, key=lambda hit: hit.start)

    def holds(self, words: Sequence[_Word], phrases: _Phrases) -> set[int]:
        """Give the places of all words that any of these phrases takes."""
        senses = self.senses(words)
        return _covered(words, senses, phrases)

    def is_only(self, words: Sequence[_Word], phrases: _Phrases) -> bool:
        """Tell whether such a phrase, with nothing but filling words around, is all that was said."""
        held = self.holds(words, phrases)
        return bool(held) and all(
            place in held or word.text in self.fillers or word.text in self.polite for place, word in enumerate(words)
        )

    def negations(self, words: Sequence[_Word], senses: Senses) -> set[int]:
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

    def _denied(self, hit: _Hit, words: Sequence[_Word], noes: set[int], *, reach: int) -> bool:
        return self._denial(hit, words, noes, reach=reach) is not None

    def _denial(
        self, hit: _Hit, words: Sequence[_Word], noes: set[int], *, reach: int, over_commas: bool = False
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

    def mentions(self, words: Sequence[_Word]) -> Iterator[_Mention]:
        """Give the plainest mention of each red-flag item that is mentioned at all."""
        senses = self.senses(words)
        for place in _covered(words, senses, self._idioms, whole=True):
            senses[place] = frozenset()
        noes: set[int] | None = None
        for item, phrases in self.flags.items():
            hits = [_Hit(("flag", item), places) for places in sorted({*phrases.places(words, senses)})]
            if hits:
                noes = self.negations(words, senses) if noes is None else noes
                found = [self._mention(hit, words, senses, noes) for hit in hits]
                yield min(found, key=lambda m: (m.negated, m.other_person, m.past, m.first - m.last))

    def _mention(self, hit: _Hit, words: Sequence[_Word], senses: Senses, noes: set[int]) -> _Mention:
        denial = self._denial(hit, words, noes - set(hit.places), reach=6, over_commas=True)
        opening, closing = hit.start, hit.end
        while opening and words[opening].breaks < 2:
            opening -= 1
        while closing < len(words) and words[closing].breaks < 2:
            closing += 1
        sentence, its_senses = words[opening:closing], senses[opening:closing]
        past = bool(_covered(sentence, its_senses, self._past))
        return _Mention(
            item=hit.tag[1],
            first=hit.start if denial is None else min(hit.start, denial),
            last=hit.end - 1 if denial is None else max(hit.end - 1, denial),
            negated=denial is not None,
            other_person=self._of_another(hit, hit.start - opening, sentence, its_senses),
            past=past and not _covered(sentence, its_senses, self._present),
        )

    def _of_another(self, hit: _Hit, start: int, sentence: Sequence[_Word], senses: Senses) -> bool:
        if hit.tag[1] in self._about_others:
            return False
        if _covered(sentence, senses, self._others_anywhere):
            return True
        named = _covered(sentence[:start], senses[:start], self._others_before)
        spoken = sentence[max(named) + 1 : start + hit.end - hit.start] if named else ()
        return bool(named) and not any(word.text in self._own_words for word in spoken)

    # --- small readings ---

    def control(self, words: Sequence[_Word]) -> str | None:
        """Give the control word that is all of what was said."""
        for name, phrases in self._controls.items():
            if self.is_only(words, phrases):
                return name
        return None

    def is_question(self, text: str, words: Sequence[_Word]) -> bool:
        """Tell a question of the client's own ("should it be easy?") from an answer."""
        return text.rstrip().endswith("?") and words[0].text in self._asking

    def truth(self, words: Sequence[_Word]) -> bool | None:
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


def _covered(words: Sequence[_Word], senses: Senses, phrases: _Phrases, *, whole: bool = False) -> set[int]:
    """Give the places that phrases take, with *whole* also the words in their gaps."""
    covered: set[int] = set()
    for places in phrases.places(words, senses):
        covered.update(range(places[0], places[-1] + 1) if whole else places)
    return covered


# --- answers that are a button's text or a control word ----------------------------------------------------------


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


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
    return Reading(values={row.path: _several([chosen]) if question.kind == "many" else chosen})


def _several(ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(option for option in ids if option != "none")


def _is_option(words: Sequence[_Word], rows: Sequence[Row]) -> bool:
    said = "_".join(word.text for word in words)
    return any(option.id == said for row in rows for option in row.options)


def _controlled(control: str, question: Question, rows: Sequence[Row]) -> Reading:
    if control == "none_of_these" and question.kind == "many":
        return Reading(values={rows[0].path: ()})
    return Reading(control=control)


def _plain_truth(words: Sequence[_Word], question: Question, rows: Sequence[Row], known: _Lexicon) -> Reading | None:
    """Read yes, no and none where the rows had no use for them: the conversation may have."""
    if known.is_only(words, known.none):
        return Reading(control="none_of_these")
    if any(option.id in ("yes", "no") for row in rows for option in row.options) and question.kind != "checklist":
        return None
    said = known.truth(words)
    return None if said is None else Reading(control="yes" if said else "no")


# --- answers to a question ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Number:
    """A number that was said: its value and the places of its words."""

    value: float
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Segment:
    """A stretch of words and the sides it speaks of; no side means: not said."""

    sides: tuple[Side, ...]
    words: tuple[_Word, ...]
    same: bool = False
    """The side before it, again."""


Found: TypeAlias = dict[Path, Value]


@dataclass(frozen=True, kw_only=True)
class _Reader:
    question: Question
    rows: Sequence[Row]
    labels: Labels
    known: _Lexicon
    test: Test | None

    def read(self, words: tuple[_Word, ...]) -> Reading | None:
        if self.question.kind == "checklist":
            return self._checklist(words)
        found = self._sided(words) if any(row.side for row in self.rows) else self._card(words)
        return Reading(values=found) if found else None

    # --- rows that are sides of the body ---

    def _sided(self, words: tuple[_Word, ...]) -> Found | None:
        """Read each side's words apart; None where they speak against each other."""
        if self.known.holds(words, self.known.unclear):
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
            if segment.same and targets and not self._row(targets[0], segment.words):
                read = self._copied(before, targets)
            for row in targets:
                got = self._row(row, segment.words)
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

    def _two_numbers(self, words: tuple[_Word, ...]) -> Found | None:
        """Read "20, 35" as left and right, where nothing else was said."""
        sides = {row.side: row for row in self.rows}
        numbers = self._numbers(words)
        if len(self.rows) != 2 or set(sides) != set(SIDES) or len(numbers) != 2:
            return None
        rest = [w for n, w in enumerate(words) if not any(number.start <= n < number.end for number in numbers)]
        second = words[numbers[1].start]
        if any(word.text not in self.known.links["plus"] for word in rest) or second.gap.strip() not in ("", ","):
            return None
        if second.gap == "," and self.question.kind != "one":  # 20,5 may be one number
            return None
        found: Found = {}
        for side, number in zip(SIDES, numbers, strict=True):
            got = self._row(sides[side], words[number.start : number.end])
            if not got:
                return None
            found |= got
        return found

    def _segments(self, words: tuple[_Word, ...]) -> list[_Segment]:
        """Cut words into stretches that each speak of one side, of both, or of none named."""
        marks = self.known.find(words, [((name, ""), phrases) for name, phrases in self.known.sides.items()])
        marks = [mark for mark in marks if mark.tag[0] != "no_side"]
        if not marks:
            return [_Segment((), words)]
        clauses: list[tuple[int, int]] = []
        start = 0
        inside = {place for mark in marks for place in mark.places[1:]}
        for place, word in enumerate(words):
            if place > start and place not in inside and (word.breaks or word.text in self.known.joins):
                clauses.append((start, place))
                start = place
        clauses.append((start, len(words)))
        segments: list[_Segment] = []
        last: tuple[Side, ...] = ()
        waiting: list[tuple[_Word, ...]] = []
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
        self, words: tuple[_Word, ...], first: int, end: int, marks: Sequence[_Hit], last: tuple[Side, ...]
    ) -> Iterator[tuple[tuple[Side, ...], tuple[_Word, ...], bool]]:
        """Cut one clause at its sides: "left 3 right 5" before each side, "3 left 5 right" after it."""
        own = [mark for mark in marks if first <= mark.start < end]
        same = any(mark.tag[0] == "same" for mark in own)
        places = [mark for mark in own if mark.tag[0] != "same"]
        taken = {place for mark in own for place in mark.places}
        idle = self.known.fillers | self.known.joins
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

    def _says(self, words: tuple[_Word, ...]) -> bool:
        return any(self._row(row, words) != {} for row in self.rows[:1])

    # --- rows of a card ---

    def _card(self, words: tuple[_Word, ...]) -> Found | None:
        """Read several rows from one text: each word serves one row, the first that it fits."""
        known = self.known
        if self.question.kind == "one" and len(self.rows) > 1:
            spread = self._to_all(words)
            if spread is not None:
                return spread
        left = list(words)
        found: Found = {}
        for row in self.rows:
            if not left:
                break
            age = self._age(row, left)
            if age is not None:
                chosen, used = age
                found[row.path] = chosen
                left = [word for n, word in enumerate(left) if n not in used]
                continue
            if row is not self.rows[0] and self._bare(tuple(left)):
                continue  # a lone number or a yes speaks of the first open row only
            got = self._row(row, tuple(left))
            if got is None:
                return None
            if got:
                found |= got
                left = [w for n, w in enumerate(left) if n not in self._used(row, tuple(left))]
                if known.truth(tuple(left)) is not None:
                    break
        return found

    def _to_all(self, words: tuple[_Word, ...]) -> Found | None:
        """Read "no to all", and "yes, no" where two rows ask for yes or no."""
        known = self.known
        everything = known.holds(words, known.everything)
        if everything:
            rest = tuple(word for n, word in enumerate(words) if n not in everything)
            denies = known.truth(rest) is False or not rest or known.is_only(words, known.none)
            if denies:
                answers = {row.path: _no_of(row) for row in self.rows}
                if all(answers.values()):
                    return {path: answer for path, answer in answers.items() if answer}
        elif known.is_only(words, known.none):
            answers = {row.path: _no_of(row) for row in self.rows}
            if all(answers.values()):
                return {path: answer for path, answer in answers.items() if answer}
        if len(words) == 2 and len(self.rows) == 2:
            pair = [known.truth((word,)) for word in words]
            if None not in pair and all(_yes_or_no(row) for row in self.rows):
                return {row.path: "yes" if said else "no" for row, said in zip(self.rows, pair, strict=True)}
        return None

    def _bare(self, words: tuple[_Word, ...]) -> bool:
        return bool(self._bare_numbers(words)) or self.known.truth(words) is not None

    def _used(self, row: Row, words: tuple[_Word, ...]) -> set[int]:
        hits = [hit for hit in self._hits(row, words) if not hit.negated]
        if hits:
            return {place for hit in hits for place in hit.places}
        return set(range(len(words)))

    # --- one row ---

    def _row(self, row: Row, words: tuple[_Word, ...]) -> Found | None:
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

    def _one(self, row: Row, words: tuple[_Word, ...]) -> Found | None:
        numbers = self._bare_numbers(words)
        if numbers:
            place = numbers[0].value
            if len(numbers) == 1 and place == int(place) and 1 <= place <= len(row.options):
                return {row.path: row.options[int(place) - 1].id}
            return None
        typed = self._label(row, words, cutoff=88)
        if typed is not None:
            return {row.path: typed}
        if _field(row) == "level" and row.path.count(".") == 2:
            return self._level(row, words)
        hits = self._hits(row, words)
        chosen = list(dict.fromkeys(hit.tag[1] for hit in hits if not hit.negated))
        if len(chosen) == 1:
            return {row.path: chosen[0]}
        if chosen:
            return None
        if hits:
            return {}
        return self._closed(row, words) or self._loose(row, words)

    def _hits(self, row: Row, words: tuple[_Word, ...]) -> list[_Hit]:
        """Find the row's options; a "no" counts only where nothing else follows it ("no surgery" is no no)."""
        hits = self.known.find(words, self._tagged(row))
        return [h for h in hits if h.tag[1] not in ("no", "none") or len(h.places) > 1 or self._ends(words, h.end)]

    def _ends(self, words: tuple[_Word, ...], place: int) -> bool:
        while place < len(words) and not words[place].breaks and words[place].text not in self.known.joins:
            if words[place].text not in self.known.fillers:
                return False
            place += 1
        return True

    def _closed(self, row: Row, words: tuple[_Word, ...]) -> Found:
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
            denial = _no_of(row)
            if denial:
                return {row.path: denial}
        if "yes" in ids and _field(row) in self._items(words, (row,)):
            return {row.path: "yes"}
        return {}

    def _level(self, row: Row, words: tuple[_Word, ...]) -> Found | None:
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
            return self._closed(row, words) or self._loose(row, words)
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

    def _many(self, row: Row, words: tuple[_Word, ...]) -> tuple[str, ...] | None:
        ids = [option.id for option in row.options]
        numbers = self._bare_numbers(words)
        if numbers:
            places = [number.value for number in numbers]
            if all(place == int(place) and 1 <= place <= len(ids) for place in places):
                return _several(i for n, i in enumerate(ids, 1) if n in places)
            return None
        hits = self.known.find(words, self._tagged(row))
        said = {hit.tag[1] for hit in hits if not hit.negated}
        denied = self.known.is_only(words, self.known.none) or (not hits and self.known.truth(words) is False)
        if denied and said <= {"none", "nothing"}:
            return ("nothing",) if "nothing" in ids else ()
        for clause in self._clauses(words):
            typed = self._label(row, clause, cutoff=88)
            if typed is not None:
                said.add(typed)
        if not said and not hits:
            loose = self._loose(row, words)
            said = {str(value) for value in loose.values()}
        if not said and "unknown" in ids and self.known.is_only(words, self.known.unsure):
            return ("unknown",)
        if len(said) > 1:
            said -= {"none", "nothing"}
        return _several(i for i in ids if i in said) if said else None

    def _clauses(self, words: tuple[_Word, ...]) -> Iterator[tuple[_Word, ...]]:
        start = 0
        for place, word in enumerate(words):
            if place > start and word.breaks:
                yield words[start:place]
                start = place
        yield words[start:]

    # --- pages of items ---

    def _checklist(self, words: tuple[_Word, ...]) -> Reading | None:
        known = self.known
        said = known.truth(words)
        if said is False or known.is_only(words, known.none):
            return Reading(control="none_of_these")
        if said is True and len(self.rows) == 1:
            return Reading(values={self.rows[0].path: "yes"})
        if known.is_only(words, known.unsure):
            return Reading(unsure_page=True)
        doubted = known.holds(words, known.unsure)
        rest = tuple(word for n, word in enumerate(words) if n not in doubted)
        answer = "unsure" if doubted else "yes"
        numbers = self._bare_numbers(rest)
        if numbers:
            if all(n.value == int(n.value) and 1 <= n.value <= len(self.rows) for n in numbers):
                return Reading(values={self.rows[int(n.value) - 1].path: answer for n in numbers})
            return None
        items = self._items(rest, self.rows)
        rows = [row for row in self.rows if _field(row) in items]
        if not rows and not self._negation(rest):
            rows = [row for row in self.rows if self._label(row, rest, cutoff=88)][:1]
            rows = rows or self._only_label(rest)
        return Reading(values={row.path: answer for row in rows}) if rows else None

    def _items(self, words: tuple[_Word, ...], rows: Sequence[Row]) -> set[str]:
        """Give the items that are mentioned as present, now, and one's own."""
        known = self.known
        wanted = {_field(row) for row in rows}
        mentions = list(known.mentions(words))
        plain = {m.item for m in mentions if not (m.negated or m.other_person or m.past)}
        if any(m.other_person or m.past for m in mentions):
            return plain & wanted
        hits = known.find(words, [(("item", i), known.items[i]) for i in sorted(wanted) if i in known.items])
        named = {hit.tag[1] for hit in hits if not hit.negated} - {m.item for m in mentions if m.negated}
        return (plain & wanted) | named

    def _only_label(self, words: tuple[_Word, ...]) -> list[Row]:
        fitting = [row for row in self.rows if self._loose(row, words)]
        return fitting if len(fitting) == 1 else []

    # --- words of options ---

    def _tagged(self, row: Row) -> list[tuple[tuple[str, str], _Phrases]]:
        closed = _yes_or_no(row)  # `truth` reads those two
        return [(("option", o.id), self._own(row, o)) for o in row.options if not (closed and o.id in ("yes", "no"))]

    def _own(self, row: Row, option: Option) -> _Phrases:
        """Give the phrases of an option: the lexicon's, or else its id where that is a word of its own."""
        listed = [*_first(self.known.options, row, option.id)]
        if option.id == "unsure" and not listed:
            listed = [*self._listed("unknown")]
        spelled = option.id.replace("_", " ")
        if listed or len(spelled) < 3 or spelled[0].isdigit() or option.id in ("yes", "none"):
            return _Phrases(listed)
        return _Phrases(_phrases(spelled, {}))

    def _listed(self, name: str) -> _Phrases:
        return self.known.options.get(name) or _NONE

    def _negation(self, words: Sequence[_Word]) -> bool:
        return bool(self.known.negations(words, self.known.senses(words)))

    def _label(self, row: Row, words: Sequence[_Word], *, cutoff: float) -> str | None:
        """Give the option whose button says nearly these words."""
        typed = " ".join(word.text for word in words)
        if len(typed) < 5:
            return None
        best, best_score = None, cutoff
        figures = [word.text for word in words if word.text[0].isdigit()]
        for option in row.options:
            label = _words(self.labels.get(row.path, {}).get(option.id, ""))
            if not label or self._negation(words) != self._negation(label):
                continue
            if figures != [word.text for word in label if word.text[0].isdigit()]:
                continue
            score = fuzz.ratio(typed, " ".join(word.text for word in label))
            if score > best_score:
                best, best_score = option.id, score
        return best

    def _loose(self, row: Row, words: Sequence[_Word]) -> Found:
        """Give the one option whose button holds all the words that carry meaning here."""
        idle = self.known.fillers | self.known.joins | self.known.polite
        carrying = [word.text for word in words if word.text not in idle]
        if not any(len(word) >= 4 for word in carrying):
            return {}
        fitting = []
        for option in row.options:
            label = _words(self.labels.get(row.path, {}).get(option.id, ""))
            if self._negation(words) != self._negation(label):
                continue
            held = [word.text for word in label]
            if all(_near(word, held) for word in carrying):
                fitting.append(option.id)
        return {row.path: fitting[0]} if len(fitting) == 1 else {}

    # --- numbers ---

    def _numbers(self, words: Sequence[_Word]) -> list[_Number]:
        """List the numbers said, in figures or words ("twenty five")."""
        known = self.known
        found: list[_Number] = []
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
            found.append(_Number(value, place, end))
            place = end
        return found

    def _bare_numbers(self, words: tuple[_Word, ...]) -> list[_Number]:
        """List the numbers (or "first", "2nd") where nothing but filling words stands around them; else none."""
        known = self.known
        ordinals = [
            _Number(float(known.positions[w.text]), n, n + 1) for n, w in enumerate(words) if w.text in known.positions
        ]
        numbers = ordinals or self._numbers(words)
        if ordinals:
            numbers += [n for n in self._numbers(words) if words[n.start].text not in known.numbers]
        held = {place for number in numbers for place in range(number.start, number.end)}
        around = [
            word.text for n, word in enumerate(words) if n not in held and not (ordinals and word.text in known.numbers)
        ]
        idle = (
            known.fillers
            | known.polite
            | (known.links["plus"] if self.question.kind in ("many", "checklist") else set())
        )
        if any(text not in idle for text in around) or any(_below_zero(words, n) for n in numbers):
            return []
        return numbers

    def _amount(self, row: Row, words: tuple[_Word, ...]) -> Value | None:
        """Read a number on a scale or a measure; of "3 or 4" the higher, of a measured range the middle."""
        known = self.known
        numbers = self._numbers(words)
        if not numbers:
            no_pain = "pain" in _field(row) and known.is_only(words, known.zero)
            if self.question.kind == "scale" and (no_pain or known.is_only(words, known.none)):
                return 0
            typed = self._label(row, words, cutoff=88)
            if typed is not None:
                return typed
            return next(iter(self._closed(row, words).values()), None)
        values, between = self._out_of_ten(words, numbers)
        if not values or any(_below_zero(words, n) for n in numbers):
            return None
        allowed = known.fillers | known.measures | known.polite
        if any(text not in allowed for text in between):
            return None
        if len(values) == 2 and self._is_range(words, numbers):
            low, high = sorted(values)
            value = high if self.question.kind == "scale" else (low + high) / 2
        elif len(values) == 1:
            value = values[0]
        else:
            return None
        if self.question.kind == "scale":
            value = int(value + 0.5)
        lowest, highest = (
            (0.0, 10.0) if self.question.kind == "scale" else (self.question.lowest, self.question.highest)
        )
        return value if lowest <= value <= highest else None

    def _out_of_ten(self, words: tuple[_Word, ...], numbers: list[_Number]) -> tuple[list[float], list[str]]:
        """Give the values without "/10" and "out of 10", and the words around; no values for another whole."""
        values: list[float] = []
        dropped: set[int] = set()
        for n, number in enumerate(numbers):
            if n and numbers[n - 1].end == number.start and "/" in words[number.start].gap:
                whole = True
            else:
                ahead = tuple(w.text for w in words[max(0, number.start - 2) : number.start])
                whole = bool(n) and ahead == self.known.out_of
                if whole:
                    dropped |= {number.start - 2, number.start - 1}
            if not whole:
                values.append(number.value)
            elif number.value != 10 or self.question.kind != "scale":
                return [], []
        held = {place for number in numbers for place in range(number.start, number.end)} | dropped
        between = [word.text for place, word in enumerate(words) if place not in held]
        linking = frozenset().union(*(self.known.links[name] for name in ("range", "between", "plus")))
        return values, [text for text in between if text not in linking or len(values) < 2]

    def _is_range(self, words: tuple[_Word, ...], numbers: list[_Number]) -> bool:
        one, other = numbers[0], numbers[1]
        linking = [word.text for word in words[one.end : other.start]]
        if not linking:
            return words[other.start].gap.strip() in ("-", "–", "—")
        links = self.known.links
        opened = any(word.text in links["between"] for word in words[: one.start])
        return len(linking) == 1 and (linking[0] in links["range"] or (linking[0] in links["plus"] and opened))

    # --- ages ---

    def _age(self, row: Row, words: Sequence[_Word]) -> tuple[str, set[int]] | None:
        """Read an age where the options are bands of age (`under_18`, `18_39`, `65_plus`)."""
        bands = [(option.id, band) for option in row.options if (band := _band(option.id)) is not None]
        if len(bands) < 2 or len(bands) != len(row.options):
            return None
        known = self.known
        numbers = [number for number in self._numbers(words) if 0 < number.value <= 115]
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
            if len(numbers) > 1 and self._is_range(tuple(words), numbers):
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


def _merged(old: Value | None, new: Value) -> Value | None:
    """Join what two stretches of words say of one row; None where they disagree."""
    if old is None or old == new:
        return new
    if isinstance(old, tuple) and isinstance(new, tuple):
        return tuple(dict.fromkeys((*old, *new)))
    if "hurts" in (old, new) and not {"clear", "partial", "blocked"}.isdisjoint({old, new}):
        return "hurts"
    return None


def _first(table: Mapping[str, _Phrases], row: Row, option: str) -> _Phrases:
    """Give what is listed for an option: of this test's field, else of the field, else of any row."""
    asked = _field(row)
    for name in (f"{row.path.partition('.')[0]}.{asked}.{option}", f"{asked}.{option}", option):
        if name in table:
            return table[name]
    return _NONE


def _field(row: Row) -> str:
    return row.path.rpartition(".")[2]


def _no_of(row: Row) -> str | None:
    ids = [option.id for option in row.options]
    return next((i for i in ("no", "none", "nothing") if i in ids), None)


def _yes_or_no(row: Row) -> bool:
    return {"yes", "no"} <= {option.id for option in row.options}


def _options_of_level(row: Row, level: str) -> set[str]:
    """Give the options that stand for a level; several where the level alone doesn't tell which."""
    return {option.id for option in row.options if option.sets.get("level") == level}


def _near(word: str, held: Sequence[str]) -> bool:
    allowed = 0 if len(word) < 5 else 1 if len(word) < 8 else 2
    return any(OSA.distance(word, other, score_cutoff=allowed) <= allowed for other in held)


def _below_zero(words: Sequence[_Word], number: _Number) -> bool:
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
