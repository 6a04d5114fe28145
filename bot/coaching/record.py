"""All that is kept of one client, in one piece: what exports, letters and the client's own copy are made from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, time
from typing import Protocol

from rules import Assessment, Facts, Flag, Plan, Value
from rules.log import Entry


@dataclass(frozen=True, kw_only=True)
class Consented:
    """Consent given or taken back. `to`: a version of the consent text, or "coach" where it was to a coach's seeing."""

    at: datetime
    to: str
    given: bool


@dataclass(frozen=True, kw_only=True)
class Answered:
    """One answer as it came: tapped, typed, corrected, retracted or denied; `words` are the client's own."""

    at: datetime
    screening: str
    path: str
    value: Value | None
    how: str
    words: str | None = None


@dataclass(frozen=True, kw_only=True)
class Assessed:
    """What a screening came to, and the facts behind it."""

    at: datetime
    tested_at: datetime | None
    screening: str
    assessment: Assessment
    facts: Facts


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A plan from a time on; None: from then on there was none."""

    at: datetime
    plan: Plan | None


@dataclass(frozen=True, kw_only=True)
class Flagged:
    """A flag, when it was raised and closed, and why; `own_words` are the client's that raised it."""

    flag: Flag
    screen: str
    raised_at: datetime
    own_words: str | None = None
    closed_at: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Looked:
    """Somebody looked at the client's data, or did something with it: who, as what, and what it was."""

    at: datetime
    who: str
    what: str


class Times(Protocol):
    """When a client wants to be reminded, as far as it is told to others."""

    @property
    def zone(self) -> str:
        """Give the IANA name of their zone."""

    @property
    def at(self) -> time:
        """Give the local time."""

    @property
    def days(self) -> tuple[int, ...]:
        """Give the days of the week, Monday 0."""

    @property
    def anchor(self) -> str | None:
        """Give what they tie it to, in their words."""


PRIVATE = ("violence", "eating_disorder")
"""What a client reports for themselves alone (evidence 0, 37b)."""
PRIVATE_FLAGS = ("rf37b_private",)


def without_private(record: Record) -> Record:
    """Leave out what is the client's alone, as a coach reads their record.

    Private answers, the words for them, and what a private flag rests on: that names the answer.
    """
    hidden = {f"reports.{item}" for item in PRIVATE} | {f"reports.unsure_{item}" for item in PRIVATE}
    assessments = tuple(
        replace(
            one,
            facts=one.facts.model_copy(
                update={"reports": {k: v for k, v in one.facts.reports.items() if f"reports.{k}" not in hidden}}
            ),
            assessment=one.assessment.model_copy(update={"flags": tuple(_bare(flag) for flag in one.assessment.flags)}),
        )
        for one in record.assessments
    )
    flags = tuple(
        replace(one, flag=_bare(one.flag), own_words=None) if one.flag.id in PRIVATE_FLAGS else one
        for one in record.flags
    )
    answers = tuple(one for one in record.answers if one.path not in hidden)
    return replace(record, answers=answers, assessments=assessments, flags=flags)


def _bare(flag: Flag) -> Flag:
    """Give a private flag without what it rests on; any other as it is."""
    return flag.model_copy(update={"because": ()}) if flag.id in PRIVATE_FLAGS else flag


@dataclass(frozen=True, kw_only=True)
class Record:
    """All that is kept of one client; each tuple is in order of time, corrections and what was taken back included.

    What coaches wrote for themselves is not in it: it is theirs.
    """

    client_id: int
    name: str
    language: str
    since: datetime
    at: datetime
    """When it was read."""
    coach: str | None = None
    profile: dict[str, Value] = field(default_factory=dict)
    rhythm: Times | None = None
    consents: tuple[Consented, ...] = ()
    answers: tuple[Answered, ...] = ()
    assessments: tuple[Assessed, ...] = ()
    plans: tuple[Planned, ...] = ()
    log: tuple[Entry, ...] = ()
    flags: tuple[Flagged, ...] = ()
    looked: tuple[Looked, ...] = ()
