"""Transcripts: a conversation as a text file that is a test and an example at once.

`> text` is said by the first person, `sam> text` by another; `< text` is the answer, `@sam: text` what
another hears, `~ Tue 6 January, 07:30` the local time at which Coxa speaks by itself. `+1 day` lets time pass,
`= 07:35` or `= Tue 07:35` until that local time; `# restart` starts Coxa anew, `# down 5 hours` lets time pass while it
doesn't run, `# block` and `# unblock` are the first person's. At the head, `# as: ann,coach:sam` says who is there,
`# zone:` where, `# starts: 2026-03-25 09:00` when (local), and `# after: FILE` what is played before, in silence; other
`#` lines are comments.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
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


@dataclass(frozen=True, kw_only=True)
class Until:
    """Time passes until the next such local time; `weekday` 0 is Monday, None any day."""

    at: time
    weekday: int | None


@dataclass(frozen=True, kw_only=True)
class Down:
    """Time passes while Coxa doesn't run; then it starts anew."""

    by: timedelta


@dataclass(frozen=True, kw_only=True)
class Blocks:
    """The first person blocks the bot, or lets it write again."""

    on: bool


Act: TypeAlias = Says | Waits | Until | Restarts | Down | Blocks
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, kw_only=True)
class Step:
    """A line of the file with what it does (None: a comment or an empty line)."""

    written: str
    act: Act | None


@dataclass(frozen=True, kw_only=True)
class Transcript:
    """A transcript, read. `people` as in `--as`, or None; `head` steps stand above the first answer.

    `zone`, `starts` (local) and `after` (a file beside it) as the head says, None where it doesn't.
    """

    name: str
    written: tuple[str, ...]
    people: str | None
    head: int
    steps: tuple[Step, ...]
    zone: str | None = None
    starts: datetime | None = None
    after: str | None = None


def read_transcript(text: str, name: str) -> Transcript:
    """Read a transcript; raises TranscriptError naming the line that is none."""
    written = tuple(line.rstrip() for line in text.splitlines())
    steps: list[Step] = []
    told: dict[str, str] = {}
    head: int | None = None
    for number, line in enumerate(written, start=1):
        if is_answer(line):
            head = len(steps) if head is None else head
            continue
        if found := re.fullmatch(r"# (as|zone|starts|after):\s*(.+)", line):
            told[found[1]] = found[2]
        act = _act(line, f"{name}:{number}")
        if act is not None and head is None:
            head = len(steps)
        steps.append(Step(written=line, act=act))
    return Transcript(
        name=name,
        written=written,
        people=told.get("as"),
        zone=told.get("zone"),
        starts=_starts(told.get("starts"), name),
        after=told.get("after"),
        head=len(steps) if head is None else head,
        steps=tuple(steps),
    )


def _starts(text: str | None, name: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text is not None else None
    except ValueError as error:
        raise TranscriptError(f"{name}: # starts: {text!r} is no time; write 2026-03-25 09:00") from error


def is_answer(line: str) -> bool:
    """Tell whether a line is something that the bot says."""
    return line.startswith(("<", "@", "~"))


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
    return bool(line) and not (line.startswith("#") and _act(line, "") is None)


def _act(line: str, where: str) -> Act | None:
    if re.fullmatch(r"#\s*restart", line):
        return Restarts()
    if found := re.fullmatch(r"#\s*down\s+(.+)", line):
        return Down(by=_duration(found[1], where))
    if found := re.fullmatch(r"#\s*(un)?block", line):
        return Blocks(on=not found[1])
    if not line or line.startswith("#"):
        return None
    if found := re.fullmatch(r"=\s*(?:([A-Z][a-z]{2})\s+)?(\d{1,2}):(\d{2})", line):
        if found[1] is not None and found[1].lower() not in DAYS:
            raise TranscriptError(f"{where}: {found[1]!r} is no day; write Mon, Tue, Wed, Thu, Fri, Sat or Sun")
        weekday = DAYS.index(found[1].lower()) if found[1] else None
        return Until(at=time(int(found[2]), int(found[3])), weekday=weekday)
    if line.startswith("+"):
        return Waits(by=_duration(line, where))
    if line.startswith(">"):
        return Says(line=line[1:].strip())
    if re.match(r"[a-z0-9_-]+>", line):
        return Says(line=line)
    raise TranscriptError(f"{where}: {line!r} begins with none of >, NAME>, <, @, ~, +, = and #")


def _duration(text: str, where: str) -> timedelta:
    by = duration(text)
    if by is None:
        raise TranscriptError(f"{where}: {text!r} is no time; write +1 day, +3 hours or +20 minutes")
    return by
