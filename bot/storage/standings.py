"""Reads where people stand: many at once, in few queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from sqlalchemy import Row, and_, exists, func, select

from bot.coaching.alerts import Alert, Orders
from bot.coaching.desk import Desk
from bot.conversation.activities import load as load_conversation
from bot.conversation.known import SIDE_CONSENTS, Known, OpenFlag, Person
from bot.storage.desks import OPERATOR, CoachFor, SqlDesks
from bot.storage.held_back import Executes
from bot.storage.tables import Tables
from bot.timetable.rhythm import Rhythm
from rules import Assessment, Facts, Plan, Value
from rules.log import Entry

AnyRow = Row[*tuple[Any, ...]]
PROFILE: TypeAdapter[dict[str, Value]] = TypeAdapter(dict[str, Value])
ENTRY: TypeAdapter[Entry] = TypeAdapter(Entry)
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, kw_only=True)
class Reached:
    """Where somebody is reached: the id of their preferred address, and whether nothing arrives there."""

    address_id: int
    blocked: bool


@dataclass(kw_only=True)
class Ahead:
    """What was read for a batch before its turns; a standing serves one turn, as that turn changes it."""

    there: dict[str, int] = field(default_factory=dict)
    """The people, by the lookups of the addresses from which they write."""
    known: dict[int, Callable[[], Known]] = field(default_factory=dict)
    """What turns may know, put together when it is asked for: what is broken is its own person's trouble."""
    reached: dict[int, Reached] = field(default_factory=dict)
    nameless: frozenset[int] = frozenset()


class SqlStandings:
    """The standings of people, in one open transaction."""

    def __init__(self, connection: Executes, tables: Tables, desks: SqlDesks) -> None:
        self._connection, self._tables, self._desks = connection, tables, desks

    async def at(self, lookups: Collection[str]) -> dict[str, int]:
        """Give who is reached at these addresses, and hold their conversations and addresses until the end."""
        t = self._tables
        held = t.address.join(t.conversation, t.conversation.c.person_id == t.address.c.person_id)
        found = select(t.address.c.lookup, t.address.c.person_id).select_from(held)
        found = found.where(t.address.c.lookup.in_(padded(sorted(lookups)))).order_by(t.address.c.id)
        if self._connection.dialect.name == "postgresql":
            found = found.with_for_update(of=[t.conversation, t.address], key_share=True)
        return {row.lookup: row.person_id for row in await self._connection.execute(found)}

    async def read(self, ids: Collection[int], *, lock: bool) -> Ahead:
        """Read what turns may know of these people, and *lock* it until the transaction ends."""
        rows = await self._rows(ids, lock=lock) if ids else {}
        if not rows:
            return Ahead()
        some = padded(sorted(rows))
        t = self._tables
        roles = await self._listed(select(t.role.c.person_id, t.role.c.role), t.role, some, t.role.c.role)
        open_flags = select(t.flag).where(t.flag.c.closed_at.is_(None))
        flags = await self._listed(open_flags, t.flag, some, t.flag.c.id)
        living = [one for one, row in rows.items() if row.plan is not None or row.rhythm is not None]
        entries = select(t.entry.c.person_id, t.entry.c.value)
        logs = await self._listed(entries, t.entry, padded(living), t.entry.c.id) if living else {}
        consents = {one: await self._consent(one, row) for one, row in rows.items()}
        coaches = await self._desks.coaches_for(
            {one: row.coach_id for one, row in rows.items()}, {one: _given(held) for one, held in consents.items()}
        )
        operators: Sequence[int] = ()
        if any(row.operated for row in rows.values()):
            operators = await self._desks.operators(())
        known: dict[int, Callable[[], Known]] = {
            one: partial(
                _known,
                one,
                row,
                roles=tuple(held.role for held in roles.get(one, ())),
                flags=flags.get(one, ()),
                log=logs.get(one, ()),
                consent=consents[one],
                coach=coaches[one],
                operators=operators,
                last_plan=await self._last_plan(one) if row.plan is None and row.assessment is not None else None,
            )
            for one, row in rows.items()
        }
        reached = {
            one: Reached(address_id=row.address_id, blocked=row.blocked_at is not None)
            for one, row in rows.items()
            if row.address_id is not None
        }
        return Ahead(
            known=known, reached=reached, nameless=frozenset([one for one, row in rows.items() if not row.name])
        )

    async def _listed(self, chosen: Any, table: Any, some: Sequence[int], order: Any) -> Mapping[int, Sequence[AnyRow]]:
        """Read rows of these people, by person, in order."""
        listed: dict[int, list[AnyRow]] = defaultdict(list)
        for row in await self._connection.execute(chosen.where(table.c.person_id.in_(some)).order_by(order)):
            listed[row.person_id].append(row)
        return listed

    async def _rows(self, ids: Collection[int], *, lock: bool) -> dict[int, AnyRow]:
        """Read where people stand, in one query."""
        t = self._tables
        joined = t.person.join(t.conversation)
        for one in (t.profile, t.rhythm, t.orders, t.desk):
            joined = joined.outerjoin(one, one.c.person_id == t.person.c.id)
        for log in (t.consent, t.assessment, t.plan):
            other = log.alias(f"newest_{log.name}")
            newest = select(func.max(other.c.id)).where(other.c.person_id == t.person.c.id)
            joined = joined.outerjoin(log, log.c.id == newest.correlate(t.person).scalar_subquery())
        joined = (
            joined.outerjoin(
                t.link, and_(t.link.c.client_id == t.person.c.id, t.link.c.responsible, t.link.c.until.is_(None))
            )
            .outerjoin(t.alert, and_(t.alert.c.person_id == t.person.c.id, t.alert.c.closed_at.is_(None)))
            .outerjoin(t.address, and_(t.address.c.person_id == t.person.c.id, t.address.c.preferred))
        )
        chosen = select(
            t.person.c.id,
            t.person.c.name,
            t.conversation.c.state,
            t.profile.c.value.label("profile"),
            t.consent.c.value.label("consent"),
            t.assessment.c.value.label("assessment"),
            t.assessment.c.at.label("assessed_at"),
            t.assessment.c.tested_at,
            t.plan.c.value.label("plan"),
            t.rhythm.c.value.label("rhythm"),
            t.orders.c.value.label("orders"),
            t.desk.c.value.label("desk"),
            t.alert.c.value.label("alert"),
            t.link.c.coach_id,
            t.address.c.id.label("address_id"),
            t.address.c.blocked_at,
            exists().where(t.role.c.role == OPERATOR).label("operated"),
        ).select_from(joined)
        theirs = chosen.where(t.person.c.id.in_(padded(sorted(ids)))).order_by(t.person.c.id)
        if lock:
            theirs = theirs.with_for_update(of=t.conversation)
        return {row.id: row for row in await self._connection.execute(theirs)}

    async def _consent(self, person_id: int, row: AnyRow) -> Any:
        """Give the newest consent to what is kept: one to a coach's seeing, or to a film, leaves it as it was."""
        if row.consent and row.consent["version"] in SIDE_CONSENTS:
            return await self.own_consent(person_id)
        return row.consent

    async def own_consent(self, person_id: int) -> Any:
        """Read the newest consent that is not to a coach's seeing; None where there is none."""
        t = self._tables.consent
        rows = await self._connection.execute(
            select(t.c.value).where(t.c.person_id == person_id).order_by(t.c.id.desc())
        )
        return next((value for value in rows.scalars() if value["version"] not in SIDE_CONSENTS), None)

    async def _last_plan(self, person_id: int) -> Plan | None:
        """Read the newest plan that was one: ends of plans are kept, too."""
        t = self._tables.plan
        kept = select(t.c.value).where(t.c.person_id == person_id, t.c.value.is_not(None))
        return readable(Plan, (await self._connection.execute(kept.order_by(t.c.id.desc()).limit(1))).scalar(), "", [])


def _known(
    person_id: int,
    row: AnyRow,
    *,
    roles: tuple[str, ...],
    flags: Sequence[AnyRow],
    log: Sequence[AnyRow],
    consent: Any,
    coach: CoachFor | None,
    operators: Sequence[int],
    last_plan: Plan | None,
) -> Known:
    """Put together what a turn may know."""
    kept = row.assessment or {}
    unreadable: list[str] = []
    assessment = readable(Assessment, kept.get("assessment"), "result", unreadable)
    facts = readable(Facts, kept.get("facts"), "result", unreadable)
    plan = readable(Plan, row.plan, "plan", unreadable)
    orders = readable(Orders, row.orders, "orders", unreadable)
    watchers = coach.watchers if coach is not None else ()
    told = {person_id, *(one.id for one in watchers)}
    return Known(
        person=Person(
            id=person_id,
            name=row.name,
            roles=roles,
            coach_name=coach.name if coach is not None else None,
            coaches=tuple([one.id for one in watchers]),
            watchers=watchers,
            cover_name=coach.cover_name if coach is not None else None,
            blocked=row.blocked_at is not None,
            operated=any(one not in told for one in operators),
            linked=row.coach_id is not None,
        ),
        conversation=load_conversation(row.state),
        profile=PROFILE.validate_python(row.profile or {}),
        consent=consent["version"] if _given(consent) else None,
        assessment=assessment if facts is not None else None,
        assessed_facts=facts if assessment is not None else None,
        assessed_at=row.assessed_at,
        tested_at=row.tested_at,
        plan=plan,
        last_plan=last_plan,
        rhythm=readable(Rhythm, row.rhythm, "rhythm", unreadable),
        log=_log(log, unreadable),
        flags=tuple(
            OpenFlag(
                id=flag.value["flag"]["id"],
                urgency=flag.urgency,
                action=flag.action,
                raised_at=flag.raised_at,
                screen=flag.value.get("screen", ""),
            )
            for flag in flags
        ),
        alert=readable(Alert, row.alert, "alert", unreadable),
        orders=orders or Orders(),
        desk=readable(Desk, row.desk, "desk", []),
        unreadable=tuple(dict.fromkeys(unreadable)),
    )


def _given(consent: Any) -> bool:
    return bool(consent and consent["given"])


def _log(rows: Sequence[AnyRow], unreadable: list[str]) -> tuple[Entry, ...]:
    """Read the log of sessions; an entry that this version can't read is left out, and said to be."""
    entries = []
    for row in rows:
        try:
            entries.append(ENTRY.validate_python(row.value))
        except ValidationError:
            unreadable.append("log")
    return tuple(entries)


def readable(model: type[M], stored: Any, what: str, unreadable: list[str]) -> M | None:
    """Read what is stored; None, and noted, where this version can't: its person must still be heard."""
    if stored is None:
        return None
    try:
        return model.model_validate(stored)
    except ValidationError:
        unreadable.append(what)
        return None


T = TypeVar("T")


def padded(values: Sequence[T]) -> Sequence[T]:
    """Give the values, the last one again and again up to a power of two: few lengths are few statements."""
    wanted = 1 << max(0, len(values) - 1).bit_length()
    return [*values, *[values[-1]] * (wanted - len(values))] if values else values
