"""Reads all that is kept of one client, as their record."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Row, Select, select

from bot.coaching.record import Answered, Assessed, Consented, Flagged, Looked, Planned, Record
from bot.conversation.activities import load as load_conversation
from bot.storage.held_back import Executes
from bot.storage.tables import Tables
from bot.timetable.rhythm import Rhythm
from rules import Assessment, Facts, Flag, Plan, Value
from rules.log import Entry

log = logging.getLogger(__name__)

PROFILE: TypeAdapter[dict[str, Value]] = TypeAdapter(dict[str, Value])
VALUE: TypeAdapter[Value | None] = TypeAdapter(Value | None)
ENTRY: TypeAdapter[Entry] = TypeAdapter(Entry)
COACH = "coach"
"""What a consent is to that is to a coach's seeing."""
AnyRow: TypeAlias = Row[*tuple[Any, ...]]
T = TypeVar("T")


async def record(
    connection: Executes, tables: Tables, client_id: int, at: datetime, *, coach: str | None = None
) -> Record:
    """Read everything kept of a client; *coach* is the name of who looks after them. Raises LookupError for nobody.

    A row that this version can't read is left out; how many there are is logged.
    """
    return await _Reader(connection, tables, client_id).record(at, coach)


class _Reader:
    """Reads the rows of one client, and counts those that can't be read."""

    def __init__(self, connection: Executes, tables: Tables, client_id: int) -> None:
        self._connection, self._tables, self._client_id = connection, tables, client_id
        self._unreadable = 0

    async def record(self, at: datetime, coach: str | None) -> Record:
        t = self._tables
        person = (await self._connection.execute(select(t.person).where(t.person.c.id == self._client_id))).first()
        if person is None:
            raise LookupError(f"there is no person {self._client_id}")
        profiles = self._each(await self._of(select(t.profile.c.value), t.profile.c.person_id), _profile)
        rhythms = self._each(await self._of(select(t.rhythm.c.value), t.rhythm.c.person_id), _rhythm)
        states = await self._of(select(t.conversation.c.state), t.conversation.c.person_id)
        held = Record(
            client_id=self._client_id,
            name=person.name,
            language=load_conversation(states[0].state if states else None).language,
            since=person.at,
            at=at,
            coach=coach,
            profile=next(profiles, {}),
            rhythm=next(rhythms, None),
            consents=tuple(self._each(await self._logged(t.consent), _consented)),
            answers=tuple(self._each(await self._logged(t.answer), _answered)),
            assessments=tuple(self._each(await self._logged(t.assessment), _assessed)),
            plans=tuple(self._each(await self._logged(t.plan), _planned)),
            log=tuple(self._each(await self._logged(t.entry), _entry)),
            flags=tuple(self._each(await self._logged(t.flag), _flagged)),
            looked=tuple(self._each(await self._audit(), _looked)),
        )
        if self._unreadable:
            log.warning("%s rows of person %s can't be read by this version", self._unreadable, self._client_id)
        return held

    async def _of(self, chosen: Select[*tuple[Any, ...]], person_id: Any) -> Sequence[AnyRow]:
        return (await self._connection.execute(chosen.where(person_id == self._client_id))).all()

    async def _logged(self, table: Any) -> Sequence[AnyRow]:
        """Read a log of theirs, the oldest first."""
        return await self._of(select(table).order_by(table.c.id), table.c.person_id)

    async def _audit(self) -> Sequence[AnyRow]:
        t = self._tables
        joined = t.audit.outerjoin(t.person, t.person.c.id == t.audit.c.person_id)
        chosen = select(t.audit.c.at, t.audit.c.what, t.person.c.name).select_from(joined).order_by(t.audit.c.id)
        return await self._of(chosen, t.audit.c.client_id)

    def _each(self, rows: Sequence[AnyRow], read: Callable[[AnyRow], T]) -> Iterator[T]:
        for row in rows:
            try:
                yield read(row)
            except (ValidationError, KeyError, TypeError, AttributeError):
                self._unreadable += 1


def _profile(row: AnyRow) -> dict[str, Value]:
    return PROFILE.validate_python(row.value)


def _rhythm(row: AnyRow) -> Rhythm:
    return Rhythm.model_validate(row.value)


def _consented(row: AnyRow) -> Consented:
    return Consented(at=row.at, to=row.value.get("version") or COACH, given=row.value["given"])


def _answered(row: AnyRow) -> Answered:
    held = row.value
    return Answered(
        at=row.at,
        screening=row.screening,
        path=held["path"],
        value=VALUE.validate_python(held["value"]),
        how=held["how"],
        words=held["words"],
    )


def _assessed(row: AnyRow) -> Assessed:
    return Assessed(
        at=row.at,
        tested_at=row.tested_at,
        screening=row.screening,
        assessment=Assessment.model_validate(row.value["assessment"]),
        facts=Facts.model_validate(row.value["facts"]),
    )


def _planned(row: AnyRow) -> Planned:
    return Planned(at=row.at, plan=Plan.model_validate(row.value) if row.value is not None else None)


def _entry(row: AnyRow) -> Entry:
    return ENTRY.validate_python(row.value)


def _flagged(row: AnyRow) -> Flagged:
    return Flagged(
        flag=Flag.model_validate(row.value["flag"]),
        screen=row.value.get("screen", ""),
        raised_at=row.raised_at,
        own_words=row.value.get("own_words"),
        closed_at=row.closed_at,
        reason=row.reason,
    )


def _looked(row: AnyRow) -> Looked:
    return Looked(at=row.at, who=row.name or "–", what=row.what)
