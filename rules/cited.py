"""Cites evidence: its key beside what rests on it, and each text once, in a table."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.evidence import SHARED_PART, Evidence


class Citations:
    """Everything that was cited on one page."""

    def __init__(self, shared: Evidence, own: Evidence) -> None:
        self._shared, self._own = shared, own
        self._cited: dict[str, tuple[str, str]] = {}
        """Of each quote: its key, and the name of its row in the table."""

    def cite(self, source: str, *, shared: bool = False) -> str:
        """Give a source with links into the table; *shared* ones are looked up in the safety evidence first."""
        looked_in = (self._shared, self._own) if shared else (self._own,)
        pieces = (piece.strip() for piece in re.split(r";(?![^(]*\))", source))
        return "; ".join(self._linked(piece, looked_in) for piece in pieces)

    def table(self) -> Iterator[str]:
        """Give the table of all that was cited, sorted by key."""
        yield from ("| evidence | what it says |", "|---|---|")
        for quote, (key, place) in sorted(self._cited.items(), key=lambda one: (_natural(one[1][0]), one[0])):
            text = quote.partition(": ")[2].replace("|", "\\|")
            yield f'| <a id="{place}"></a>{key} | {text} |'

    def _linked(self, piece: str, looked_in: tuple[Evidence, ...]) -> str:
        found = next(((one, quotes) for one in looked_in if (quotes := one.quotes(piece))), None)
        if found is None:
            return piece
        evidence, quotes = found
        mark = " (safety)" if evidence is self._shared else ""
        named = list(dict.fromkeys(self._place(_whole(quote, evidence), mark) for quote in quotes))
        text, _, more = piece.partition(" (")
        links = [f"[{text}](#{named[0][1]})", *(f"[{key}](#{place})" for key, place in named[1:])]
        return ", ".join(links) + (f" ({more}" if more else "")

    def _place(self, quote: str, mark: str) -> tuple[str, str]:
        """Give the key and the row of a quote; *mark* tells decisions of the safety evidence from the screen's own."""
        if quote not in self._cited:
            key = _key(quote)
            key += mark if not key.startswith(f"{SHARED_PART}.") else ""
            place = wanted = re.sub(r"[^a-z0-9]+", "-", f"e{key}".lower()).strip("-")
            taken = {held for _, held in self._cited.values()}
            number = 2
            while place in taken:
                place, number = f"{wanted}-{number}", number + 1
            self._cited[quote] = (key, place)
        return self._cited[quote]


def _key(quote: str) -> str:
    """Shorten `Evidence 0, Range limited: …` to `0 Range limited`."""
    return quote.removeprefix("Evidence ").partition(": ")[0].replace(", ", " ", 1)


def _whole(quote: str, evidence: Evidence) -> str:
    """Give the row that a quote is one item of: a row is shown once, whichever of its items was cited."""
    label = quote.partition(": ")[0]
    wholes = (one for one in evidence.quotes(label.lower().replace(", ", " ", 1)) if one.startswith(f"{label}: "))
    return next(wholes, quote)


def _natural(key: str) -> tuple[tuple[int, int | str], ...]:
    """Sort numbers by size."""
    return tuple((0, int(word)) if word.isdigit() else (1, word) for word in re.split(r"(\d+)", key) if word)
