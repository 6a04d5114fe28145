"""Finds the rows of evidence that a source names, in the README of the screen or of the safety content."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from rules.check import Problem, sources_of
from rules.screen import Screen

SHARED_PART = "4"
"""The part of the evidence that the safety README holds: its table of rows."""


class Evidence:
    """The evidence of one README: its parts by number, and their rows by label.

    Rows are those of tables (`| label | what | sources |`) and of lists that begin with a label (`- *Row 5*: what`).
    """

    def __init__(self, readme: str, shared: Evidence | None = None) -> None:
        self._parts = dict(_parts(readme))
        self._shared = shared

    def quotes(self, source: str) -> tuple[str, ...]:
        """Give the rows that a source names, as `Evidence 0, Range limited: …`; none for what is in no row."""
        found: list[str] = []
        for piece in source.split(";"):
            named = re.search(r"\bevidence (\d+)(?:\.(\d+\w?))?,?\s*(.*)", piece)
            if named is None:
                continue
            part, number, rest = named.groups()
            if part == SHARED_PART or number is not None:
                numbers = [n for n in [number, *re.findall(rf"\b{part}\.(\d+\w?)", rest)] if n]
                rows = self._spread(numbers, rest)
                found += [quote for n in rows for quote in self._of_shared(n)]
            else:
                found += self._of_part(part, rest)
        return tuple(dict.fromkeys(found))

    def holds(self, part: str) -> bool:
        """Tell whether there is such a part, whatever its rows."""
        return part in self._parts

    def _spread(self, numbers: Sequence[str], rest: str) -> Sequence[str]:
        """Read "4.5 to 4.10" as all the rows between."""
        named = f"0.{numbers[0]} {rest}" if numbers else ""
        for first, last in re.findall(r"\b\d+\.(\d+) to \d+\.(\d+)", named):
            numbers = [*numbers, *(str(n) for n in range(int(first), int(last) + 1))]
        return sorted(dict.fromkeys(numbers), key=lambda n: int(re.sub(r"\D", "", n)))

    def _of_shared(self, number: str) -> Iterator[str]:
        evidence = self._shared or self
        for label, text in evidence._parts.get("rows", {}).items():
            if label == number or (number.isdigit() and re.fullmatch(rf"{number}[a-z]?", label)):
                yield f"Evidence {SHARED_PART}.{label}: {text}"

    def _of_part(self, part: str, rest: str) -> Iterator[str]:
        if re.fullmatch(r"\d+\w?", rest.strip()) and self._shared is None:
            yield from self._of_shared(rest.strip())
            return
        rows = self._parts.get(part, {})
        wanted = _plain(re.sub(r"\(.*", "", rest))
        labels = sorted(rows, key=len, reverse=True)
        for label in labels:
            names = [_plain(label), *(_plain(name) for name in label.split(","))]
            begins = any(wanted == name or wanted.startswith(f"{name} ") for name in names)
            if wanted and (begins or names[0].startswith(f"{wanted} ")):
                yield f"Evidence {part}, {label}: {rows[label]}"
                return
        step = re.match(r"[A-Z]{2}[0-9x]+\b", rest)
        if "," in re.sub(r"\(.*", "", rest):  # "F3, F4" names two rows
            for one in re.sub(r"\(.*", "", rest).split(","):
                yield from self._of_part(part, one.strip())
        elif step:
            for label, text in rows.items():
                items = (item.strip() for item in text.split("·"))
                yield from (f"Evidence {part}, {label}: {item}" for item in items if item.startswith(f"{step[0]} "))


def evidence_of(screen: Screen, texts: Mapping[str, str]) -> tuple[Evidence, Evidence]:
    """Read the evidence of the safety content and that of a screen, from the texts of a content folder."""
    shared = Evidence(texts.get("safety/README.md", ""))
    return shared, Evidence(texts.get(f"screens/{screen.id}/README.md", ""), shared)


def unfounded(screen: Screen, texts: Mapping[str, str]) -> Iterator[Problem]:
    """Find sources that name a row which no README has; none where there is no README to look in."""
    shared, own = evidence_of(screen, texts)
    if "safety/README.md" not in texts or f"screens/{screen.id}/README.md" not in texts:
        return
    for name, file, at, source in sources_of(screen):
        looked_in = (shared, own) if file.startswith("safety/") else (own,)
        for piece in (piece.strip() for piece in source.split(";")):
            whole = re.fullmatch(r"evidence (\d+)(?: \(.*\))?", piece)
            if not re.search(r"\bevidence \d", piece) or any(e.quotes(piece) for e in looked_in):
                continue
            if whole is None or not any(e.holds(whole[1]) for e in looked_in):
                says = f"{name} has source {piece!r}, which is no row of the README: nobody can look it up"
                yield Problem(file=file, at=at, says=says)


def _parts(readme: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Cut a README at its headings; a heading that names `Evidence N` is part N, "Rows" is the rows of safety."""
    for heading, body in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", readme, flags=re.M | re.S):
        named = re.search(r"\bevidence (\d+)", heading, flags=re.I)
        name = named[1] if named else heading.strip().lower()
        yield name, dict(_rows(body))


def _rows(body: str) -> Iterator[tuple[str, str]]:
    for line in body.splitlines():
        if line.startswith("|") and not re.fullmatch(r"[|\s:-]+", line):
            label, *cells = (cell.strip() for cell in line.strip().strip("|").split("|"))
            yield label, " · ".join(cell for cell in cells if cell)
    for label, text in re.findall(r"^- \*(.+?)\*:\s+(.+?)(?=\n- |\n\n|\Z)", body, flags=re.M | re.S):
        yield label, " ".join(text.split())


def _plain(text: str) -> str:
    return " ".join(text.lower().split())
