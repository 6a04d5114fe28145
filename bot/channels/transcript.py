"""Transcripts: a conversation as a text file that is a test and an example at once.

`> text` is said by the first person, `sam> text` by another; `< text` is the answer, `@sam: text` what
another hears. `+1 day` lets time pass, `# restart` starts Coxa anew, `# as: ann,coach:sam` at the head says
who is there; other `#` lines are comments.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from bot.channels.console import duration


class TranscriptError(Exception):
    """A transcript that can't be played; names the file, the line and what it takes."""


@dataclass(frozen=True, kw_only=True)
class Says:
    """Somebody says something. `line` is what the console hears."""

    line: str


@dataclass(frozen=True, kw_only=True)
class Waits:
    """Time passes."""

    by: timedelta


@dataclass(frozen=True)
class Restarts:
    """Coxa ends and starts anew."""


Act: TypeAlias = Says | Waits | Restarts


@dataclass(frozen=True, kw_only=True)
class Step:
    """A line of the file with what it does (None: a comment or an empty line)."""

    written: str
    act: Act | None


@dataclass(frozen=True, kw_only=True)
class Transcript:
    """A transcript, read. `people` as in `--as`, or None; `head` steps stand above the first answer."""

    name: str
    written: tuple[str, ...]
    people: str | None
    head: int
    steps: tuple[Step, ...]


def read_transcript(text: str, name: str) -> Transcript:
    """Read a transcript; raises TranscriptError naming the line that is none."""
    written = tuple(line.rstrip() for line in text.splitlines())
    steps: list[Step] = []
    people: str | None = None
    head: int | None = None
    for number, line in enumerate(written, start=1):
        if is_answer(line):
            head = len(steps) if head is None else head
            continue
        if line.startswith("# as:"):
            people = line.removeprefix("# as:").strip()
        act = _act(line, f"{name}:{number}")
        if act is not None and head is None:
            head = len(steps)
        steps.append(Step(written=line, act=act))
    return Transcript(
        name=name,
        written=written,
        people=people,
        head=len(steps) if head is None else head,
        steps=tuple(steps),
    )


def is_answer(line: str) -> bool:
    """Tell whether a line is something that the bot says."""
    return line.startswith(("<", "@"))


def difference(transcript: Transcript, played: Sequence[str]) -> tuple[str, ...]:
    """Compare what was written with what was said, as a unified diff; comments don't count."""
    return tuple(
        difflib.unified_diff(
            [line for line in transcript.written if _counts(line)],
            [line for line in played if _counts(line)],
            f"{transcript.name} (written)",
            f"{transcript.name} (said)",
            lineterm="",
        )
    )


def _counts(line: str) -> bool:
    return bool(line) and not (line.startswith("#") and not isinstance(_act(line, ""), Restarts))


def _act(line: str, where: str) -> Act | None:
    if re.fullmatch(r"#\s*restart", line):
        return Restarts()
    if not line or line.startswith("#"):
        return None
    if line.startswith("+"):
        by = duration(line)
        if by is None:
            raise TranscriptError(f"{where}: {line!r} is no time; write +1 day, +3 hours or +20 minutes")
        return Waits(by=by)
    if line.startswith(">"):
        return Says(line=line[1:].strip())
    if re.match(r"[a-z0-9_-]+>", line):
        return Says(line=line)
    raise TranscriptError(f"{where}: {line!r} begins with none of >, NAME>, <, @, + and #")
