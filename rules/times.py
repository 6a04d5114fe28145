"""Reads when somebody means: a time of day, days of the week. Words are the lexicon's `times`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from rapidfuzz import fuzz, process

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WORDS_TOO = frozenset({"sat", "sun", "mon", "wed", "we", "mo", "tu", "th", "fr", "mons", "suns", "sats"})
"""Short names of days that are words of their own, or pieces of some."""
LINKS = ("on", "every", "each", "not", "and", "or", "to", "-", ",", "&", "/", "except")
LONG, ALIKE = 6, 85
"""Typing errors are forgiven in names of so many letters, when so alike, of 100. A proposal."""
_CLOCK = re.compile(r"(?<![\d:./])([01]?\d|2[0-4])(?:[:.h]([0-5]\d))?\s*(a\.?m\b\.?|p\.?m\b\.?|[ap]\b)?(?![\d:/])")
_FOUR = re.compile(r"(?<!\d)([01]\d|2[0-3])([0-5]\d)(?!\d)\s*(?:h|hrs|hours)?\b")
_PART = re.compile(r"\b(half|quarter|(\d{1,2})(?: min(?:ute)?s?)?)\s*(past|after|to|till|before)\s+(\d{1,2})\b")
_HALF = re.compile(r"\bhalf\s+(\d{1,2})\b")
_NOT_A_TIME = re.compile(
    r"\b(\d+|an?|one|two|three|four|five|six|seven|eight|nine|ten|half an?)\s*(?:to\s*\d+\s*)?"
    r"(mins?|minutes?|hours?|hrs?|secs?|seconds?|days?|weeks?|months?|years?|reps?|sets?|times|degrees|kg|cm|km|%)\b"
    r"|\b\d+\s*(?:/|out of)\s*10\b|\bout of\b"
)


def read_time(text: str, lexicon: Mapping[str, Any]) -> tuple[str, ...]:
    """Read a time of day as "HH:MM"; several where morning or evening is open, none where no time is named."""
    said = _with_digits(text.lower().replace("’", "'"), lexicon)
    words: Mapping[str, Any] = lexicon.get("times", {})
    for name, at in words.get("fixed", {}).items():
        if re.search(rf"\b{re.escape(name)}\b", said):
            return (str(at),)
    half = _half_of_day(said, words)
    found = _found(said, half)
    return tuple(f"{hour:02}:{minute:02}" for hour, minute in dict.fromkeys(found))


def read_days(text: str, lexicon: Mapping[str, Any]) -> tuple[str, ...]:
    """Read days of the week, in their order; none where no day is named."""
    words: Mapping[str, Any] = lexicon.get("times", {})
    said = " ".join(re.findall(r"[a-z]+|[-–,&/]", text.lower().replace("'", "").replace("’", "")))
    names = {name: day for day, given in words.get("days", {}).items() for name in (day, *given)}
    named = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    groups: Mapping[str, Any] = words.get("day_groups", {})
    chosen: set[str] = set()
    for name, days in sorted(groups.items(), key=lambda item: -len(item[0])):
        if re.search(rf"\b{re.escape(name)}\b", said):
            chosen |= set(days)
            said = re.sub(rf"\b{re.escape(name)}\b", " ", said)
    if named:
        for first, last in re.findall(rf"\b({named})\s*(?:-|–|to|til|till|until|through|thru)\s*({named})\b", said):
            start, end = DAYS.index(names[first]), DAYS.index(names[last])
            chosen |= {DAYS[n % 7] for n in range(start, end + 1 if end >= start else end + 8)}
    without = "|".join(map(re.escape, words.get("without", ()))) or "(?!)"
    left_out = {
        names[name]
        for run in re.findall(rf"\b(?:{without})\s+((?:(?:{named}|and|or|on|,|&|/)\s*)+)", said)
        for name in re.findall(rf"\b(?:{named})\b", run)
    }
    mentioned = list(re.finditer(rf"\b(?:{named})\b", said)) if named else []
    certain = [found[0] for found in mentioned if found[0] not in WORDS_TOO or _is_a_day(said, found, len(mentioned))]
    chosen |= {names[name] for name in (*certain, *_misspelt(said, names))} - left_out
    if left_out:
        chosen = (chosen or set(DAYS)) - left_out
    return tuple(day for day in DAYS if day in chosen)


def _is_a_day(said: str, found: re.Match[str], days: int) -> bool:
    """Tell whether a short word that is also another word ("sat", "sun") means the day here."""
    before = said[: found.start()].split()
    linked = bool(before) and before[-1] in (
        "on",
        "every",
        "each",
        "not",
        "and",
        "or",
        "to",
        "-",
        ",",
        "&",
        "/",
        "except",
    )
    return days > 1 or linked or len(said.split()) == 1


def _misspelt(said: str, names: Mapping[str, str]) -> Iterator[str]:
    """Give the days whose long names words nearly spell: "saterdays"."""
    long = [name for name in names if len(name) >= LONG]
    for word in said.split():
        if len(word) >= LONG and word not in names:
            close = process.extractOne(word, long, scorer=fuzz.ratio, score_cutoff=ALIKE)
            if close is not None:
                yield str(close[0])


def _found(said: str, half: str | None) -> Iterator[tuple[int, int]]:
    """Give every time that the first mention may mean; one that is a length of time is none."""
    part = _PART.search(said)
    if part is not None:
        hour = int(part[4])
        minutes = {"half": 30, "quarter": 15}.get(part[1]) or int(part[2] or 0)
        later = part[3] in ("past", "after")
        if 0 < hour <= 24 and minutes < 60:
            yield from _halves(hour if later else hour - 1, minutes if later else 60 - minutes, half)
        return
    short = _HALF.search(said)
    if short is not None and int(short[1]) <= 12:
        yield from _halves(int(short[1]), 30, half)
        return
    four = _FOUR.search(said)
    if four is not None:
        yield int(four[1]), int(four[2])
        return
    clear = _NOT_A_TIME.sub(lambda gone: " " * len(gone[0]), said)
    if "pain" in said and not re.search(r"\b\d{1,2}\s*(?:[ap]\.?m\b|:\d\d)", clear):
        return
    for found in _CLOCK.finditer(clear):
        own = {"a": "am", "p": "pm"}.get((found[3] or "")[:1], half)
        hour, minute = int(found[1]), int(found[2] or 0)
        if hour == 24:
            hour = 0
        if own is None and found[2] is not None and len(found[1]) == 2 and found[1][0] == "0":
            own = "am"  # written as 24 hours: 07:30
        yield from _halves(hour, minute, own)
        return


def _halves(hour: int, minute: int, half: str | None) -> Iterator[tuple[int, int]]:
    if hour > 12 or (hour == 0 and half is None):
        yield hour % 24, minute
    elif half == "am":
        yield hour % 12, minute
    elif half == "pm":
        yield hour % 12 + 12, minute
    else:
        yield hour % 24, minute
        yield (hour % 12 + 12) if hour < 12 else 0, minute


def _half_of_day(said: str, words: Mapping[str, Any]) -> str | None:
    """Tell from words around whether it is before noon or after; None where they don't say, or say both."""
    found = {
        half
        for half in ("am", "pm")
        for word in words.get(half, ())
        if re.search(rf"\b{re.escape(word)}\b", said) or re.search(rf"\d\s*{half}\b", said)
    }
    return found.pop() if len(found) == 1 else None


def _with_digits(said: str, lexicon: Mapping[str, Any]) -> str:
    """Write number words as digits: "half seven" as "half 7", "seven thirty" as "7:30"."""
    numbers: Mapping[str, int] = lexicon.get("numbers", {})
    named = "|".join(sorted((re.escape(n) for n in numbers if n.isalpha()), key=len, reverse=True))
    if not named:
        return said
    said = re.sub(rf"\b({named})\b", lambda found: str(numbers[found[1]]), said)
    said = re.sub(r"\b(\d{1,2})[ -](0|o|oh)[ -]?([1-9])\b", r"\1:0\3", said)
    tens = re.compile(r"\b([1-9]|1[0-2]) ([2-5]0)(?: ([1-9]))?\b")
    said = tens.sub(lambda found: f"{found[1]}:{int(found[2]) + int(found[3] or 0):02}", said)
    said = re.sub(r"\b([1-9]|1[0-2]) (1[0-9])\b(?! ?(?:min|rep|sec))", r"\1:\2", said)
    return re.sub(r"\b([2-5]0) ([1-9])\b", lambda found: str(int(found[1]) + int(found[2])), said)
