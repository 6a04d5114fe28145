"""What coaches see and decide, in SQL: the one place that says who may see whom, and notes who did."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import takewhile
from typing import TYPE_CHECKING, Literal

from pydantic import ValidationError
from sqlalchemy import and_, func, insert, or_, select

from bot.coaching.alerts import Alert, Watcher, deciding
from bot.coaching.caseload import Listed, Note
from bot.coaching.desk import Desk
from bot.coaching.record import Record
from bot.conversation.decided import EDITS
from bot.storage import records
from bot.storage.crypto import KeyRing
from bot.storage.held_back import Executes
from bot.storage.invites import SqlInvites
from bot.storage.links import SqlLinks
from bot.storage.tables import Tables
from bot.workflow.ports import Client, NotTheirsError, Signs

if TYPE_CHECKING:
    from bot.storage.turns import SqlTurns

COACH, OPERATOR = "coach", "operator"
ASKED_FOR = ("too_late", "blocked")
"""Why a prompt was not said although its session was due."""
DEEDS = ("message", "hold", "step_back", "unlock", "refer", "rescreen", *EDITS)
"""What a coach does about a client, as the audit names it."""
MOST_COVERS = 4
"""How many may stand in for each other in a row. A proposal."""
MOST_PLANS = 30
"""So many plans back it is looked when a driver's exercises began. A proposal."""


@dataclass(frozen=True, kw_only=True)
class CoachFor:
    """Who looks after a client: their coach, then who covers, then who covers for those."""

    watchers: tuple[Watcher, ...]

    @property
    def coach_id(self) -> int:
        """Give the id of the coach."""
        return self.watchers[0].id

    @property
    def name(self) -> str:
        """Give the coach's name."""
        return self.watchers[0].name

    @property
    def cover_name(self) -> str | None:
        """Give the name of who covers for the coach."""
        return self.watchers[1].name if len(self.watchers) > 1 else None


class SqlDesks:
    """The desks of one open transaction."""

    def __init__(self, connection: Executes, tables: Tables, turns: SqlTurns, ring: KeyRing) -> None:
        self._connection, self._tables, self._turns, self._ring = connection, tables, turns, ring

    @property
    def invites(self) -> SqlInvites:
        """Give the invitations, in this transaction."""
        return SqlInvites(self._connection, self._tables, self._ring)

    @property
    def links(self) -> SqlLinks:
        """Give who is a coach and who looks after whom, in this transaction."""
        return SqlLinks(self._connection, self._tables, self._turns)

    async def coach_for(self, client_id: int, coach_id: int | None) -> CoachFor | None:
        """Give who looks after a client: the coach they are linked with, else the one who takes all others."""
        return (await self.coaches_for({client_id: coach_id}))[client_id]

    async def coaches_for(
        self, linked: Mapping[int, int | None], consented: Mapping[int, bool] | None = None
    ) -> dict[int, CoachFor | None]:
        """Give who looks after each client, by the coach they are linked with; *consented* where that is known."""
        t = self._tables
        taking: Sequence[int] = ()
        if None in linked.values():
            takes_all = select(t.desk.c.person_id).where(t.desk.c.takes_all).order_by(t.desk.c.person_id)
            taking = list((await self._connection.execute(takes_all)).scalars())
        found: dict[int, CoachFor | None] = {}
        seen: dict[int, tuple[Watcher, Desk]] = {}
        for client_id, coach_id in linked.items():
            first = coach_id
            if first is None:
                first = next((one for one in taking if one != client_id), None)
                agreed = first is None or (consented[client_id] if consented else await self._turns.consents(client_id))
                if not agreed:
                    first = None  # who agreed to nothing, or does no more, is shown to nobody
            found[client_id] = await self._chain(client_id, first, seen)
        return found

    async def _chain(
        self, client_id: int, coach_id: int | None, seen: dict[int, tuple[Watcher, Desk]]
    ) -> CoachFor | None:
        """Follow who covers for whom; *seen* are those who were read for others."""
        watchers: list[Watcher] = []
        next_id = coach_id
        while next_id is not None and next_id != client_id and len(watchers) < MOST_COVERS:
            if next_id in [one.id for one in watchers]:
                break
            if next_id not in seen:
                seen[next_id] = await self._watcher(next_id, "cover")
            watcher, desk = seen[next_id]
            watchers.append(watcher if watchers else replace(watcher, role="coach"))
            # Who covers for the coach is the second line at any time; who covers for those, while they are away.
            next_id = desk.cover_id if len(watchers) == 1 or watcher.away_until is not None else None
        return CoachFor(watchers=tuple(watchers)) if watchers else None

    async def _watcher(self, person_id: int, role: Literal["coach", "cover"]) -> tuple[Watcher, Desk]:
        t = self._tables
        chosen = select(t.person.c.name, t.desk.c.value, t.address.c.id, t.address.c.blocked_at)
        chosen = chosen.outerjoin(t.desk, t.desk.c.person_id == t.person.c.id)
        chosen = chosen.outerjoin(t.address, and_(t.address.c.person_id == t.person.c.id, t.address.c.preferred))
        row = (await self._connection.execute(chosen.where(t.person.c.id == person_id))).one()
        desk = _desk(row.value)
        reached = row.id is not None and row.blocked_at is None
        return Watcher(id=person_id, name=row.name, role=role, away_until=desk.away_until, reached=reached), desk

    async def desk(self, coach_id: int) -> Desk:
        """Give a coach's desk."""
        t = self._tables.desk
        return _desk((await self._connection.execute(select(t.c.value).where(t.c.person_id == coach_id))).scalar())

    async def after(self, client_id: int) -> CoachFor | None:
        """Give who looks after a client."""
        return await self.coach_for(client_id, await self.linked(client_id))

    async def linked(self, client_id: int) -> int | None:
        """Give the coach with whom a client is linked."""
        t = self._tables.link
        standing = select(t.c.coach_id).where(t.c.client_id == client_id, t.c.responsible, t.c.until.is_(None))
        return (await self._connection.execute(standing)).scalar()

    async def operators(self, besides: Collection[int]) -> Sequence[int]:
        """Give the ids of those who run the bot, *besides* whom is told anyway."""
        t = self._tables.role
        chosen = select(t.c.person_id).where(t.c.role == OPERATOR, t.c.person_id.not_in(besides))
        return list((await self._connection.execute(chosen.order_by(t.c.person_id))).scalars())

    async def alerted_of(self, coach_id: int) -> Sequence[int]:
        """Give the ids of the clients with a living alert that a coach may be told of."""
        t = self._tables.alert
        live = select(t.c.person_id).where(t.c.closed_at.is_(None)).order_by(t.c.person_id)
        found = []
        for client_id in (await self._connection.execute(live)).scalars():
            coach = await self.after(client_id)
            if coach is not None and coach_id in [one.id for one in coach.watchers]:
                found.append(client_id)
        return found

    async def _alert(self, client_id: int) -> Alert | None:
        t = self._tables.alert
        live = select(t.c.value).where(t.c.person_id == client_id, t.c.closed_at.is_(None))
        return _alert((await self._connection.execute(live)).scalar())

    async def may(self, viewer_id: int, client_id: int, at: datetime) -> bool:
        """Tell whether somebody may see and decide for a client then: their coach, who covers, or the client.

        Who covers may while the coach is away, and where an alert that lives was passed on to them. An operator may
        once nobody else has looked at an alert that cannot wait.
        """
        if viewer_id == client_id:
            return True
        t = self._tables.person
        if (await self._connection.execute(select(t.c.id).where(t.c.id == client_id))).first() is None:
            return False  # who takes all others must not be shown one who is gone
        coach = await self.after(client_id)
        alert = await self._alert(client_id)
        if coach is not None and viewer_id in deciding(coach.watchers, at, alert) and await self._is(viewer_id, COACH):
            return True
        passed_on = alert is not None and alert.asked == OPERATOR and alert.state != "closed"
        return passed_on and await self._is(viewer_id, OPERATOR)

    async def _is(self, person_id: int, role: str) -> bool:
        t = self._tables.role
        held = select(t.c.role).where(t.c.person_id == person_id, t.c.role == role)
        return (await self._connection.execute(held)).scalar() is not None

    async def client(self, viewer_id: int, client_id: int, what: str, at: datetime) -> Client:
        """Read one client for somebody, and note that they looked; raises NotTheirsError."""
        await self.check(viewer_id, client_id, what, at)
        known = await self._turns.load(client_id, lock=False)
        return Client(known=known, zone=known.rhythm.zone if known.rhythm is not None else None)

    async def check(self, viewer_id: int, client_id: int, what: str, at: datetime) -> None:
        """Make sure that somebody may see a client, and note that they did *what*; raises NotTheirsError."""
        if not await self.may(viewer_id, client_id, at):
            raise NotTheirsError(f"client {client_id} is not a client of person {viewer_id}")
        if viewer_id != client_id:
            t = self._tables.audit
            row = {"client_id": client_id, "person_id": viewer_id, "what": what, "at": at}
            await self._connection.execute(insert(t).values(**row))

    async def record(self, viewer_id: int, client_id: int, what: str, at: datetime) -> Record:
        """Read everything kept of a client for somebody, and note that they looked; raises NotTheirsError."""
        await self.check(viewer_id, client_id, what, at)
        coach = await self.after(client_id)
        try:
            return await records.record(
                self._connection, self._tables, client_id, at, coach=coach.name if coach is not None else None
            )
        except LookupError as error:
            raise NotTheirsError(str(error)) from error

    async def clip(self, viewer_id: int, client_id: int, at: datetime) -> Mapping[str, str] | None:
        """Give the newest clip of a client for the coach who asked; None where none stands. Raises NotTheirsError."""
        await self.check(viewer_id, client_id, "clip", at)
        t = self._tables.clip
        theirs = select(t.c.value).where(t.c.person_id == client_id, t.c.coach_id == viewer_id, t.c.expires_at > at)
        value: Mapping[str, str] | None = (await self._connection.execute(theirs.order_by(t.c.id.desc()))).scalar()
        return value

    async def add_note(self, viewer_id: int, client_id: int, words: str, at: datetime) -> None:
        """Keep what a coach noted of a client; raises NotTheirsError."""
        await self.check(viewer_id, client_id, "note", at)
        row = {"person_id": client_id, "coach_id": viewer_id, "value": words, "at": at}
        await self._connection.execute(insert(self._tables.note).values(**row))

    async def notes(self, viewer_id: int, client_id: int, limit: int, at: datetime) -> Sequence[Note]:
        """List what coaches noted of a client, the newest first; never for the client. Raises NotTheirsError."""
        if viewer_id == client_id:
            return []
        await self.check(viewer_id, client_id, "notes", at)
        t = self._tables
        chosen = select(t.note.c.at, t.note.c.value, t.person.c.name).outerjoin(
            t.person, t.person.c.id == t.note.c.coach_id
        )
        chosen = chosen.where(t.note.c.person_id == client_id).order_by(t.note.c.id.desc()).limit(limit)
        rows = await self._connection.execute(chosen)
        return [Note(at=row.at, who=row.name or "", words=row.value) for row in rows]

    async def listed(self, coach_id: int, at: datetime) -> Sequence[Listed]:
        """List the clients of a coach, with what waits for the coach."""
        t = self._tables
        ids = await self.caseload(coach_id, at)
        live = and_(t.alert.c.person_id == t.person.c.id, t.alert.c.closed_at.is_(None))
        waits = (t.alert.c.urgency, t.alert.c.state, t.alert.c.raised_at)
        chosen = select(t.person.c.id, t.person.c.name, *waits).outerjoin(t.alert, live)
        rows = await self._connection.execute(chosen.where(t.person.c.id.in_(ids)))
        return [
            Listed(id=row.id, name=row.name, urgency=row.urgency, state=row.state, since=row.raised_at) for row in rows
        ]

    async def caseload(self, coach_id: int, at: datetime) -> Sequence[int]:
        """List the ids of the clients whom a coach looks after now, those whom they cover for included."""
        t = self._tables
        if not await self._is(coach_id, COACH):
            return []
        covered = [other for other, desk in await self._desks() if desk.cover_id == coach_id and desk.is_away(at)]
        mine = [coach_id, *covered]
        linked = select(t.link.c.client_id).where(t.link.c.coach_id.in_(mine), t.link.c.responsible)
        found = set((await self._connection.execute(linked.where(t.link.c.until.is_(None)))).scalars())
        taking = select(t.desk.c.person_id).where(t.desk.c.takes_all, t.desk.c.person_id.in_(mine))
        if (await self._connection.execute(taking)).first() is not None:
            others = select(t.link.c.client_id).where(t.link.c.responsible, t.link.c.until.is_(None))
            coaches = select(t.role.c.person_id).where(t.role.c.role.in_((COACH, OPERATOR)))
            free = select(t.person.c.id).where(t.person.c.id.not_in(others), t.person.c.id.not_in(coaches))
            found |= await self._turns.consenting(free)
        return sorted(found - {coach_id})

    async def signs(self, viewer_id: int, client_id: int, since: datetime, at: datetime) -> Signs:
        """Read what says how a client was reached *since* then; raises NotTheirsError."""
        if not await self.may(viewer_id, client_id, at):
            raise NotTheirsError(f"client {client_id} is not a client of person {viewer_id}")
        t, run = self._tables, self._connection.execute
        blocked = select(t.address.c.blocked_at).where(t.address.c.person_id == client_id, t.address.c.preferred)
        ended = t.outbox.c.state.in_(("sent", "failed"))
        sent = select(t.outbox.c.state).where(t.outbox.c.person_id == client_id, ended)
        asked = and_(t.reminder.c.person_id == client_id, t.reminder.c.kind == "prompt")
        asked = and_(asked, t.reminder.c.due_at >= since, t.reminder.c.state != "waiting")
        told = or_(t.reminder.c.state == "done", t.reminder.c.why.in_(ASKED_FOR))
        put_off = and_(t.reminder.c.person_id == client_id, t.reminder.c.kind == "later", t.reminder.c.due_at >= since)
        put_off = and_(put_off, t.reminder.c.state != "skipped", t.reminder.c.slot.not_like("waits-%"))
        theirs = and_(t.audit.c.client_id == client_id, t.audit.c.person_id != client_id, t.audit.c.what.in_(DEEDS))
        closed = select(t.alert.c.value).where(t.alert.c.person_id == client_id, t.alert.c.closed_at >= since)
        days = (await run(select(t.reminder.c.local_date).where(asked, told))).scalars()
        return Signs(
            blocked_at=(await run(blocked)).scalar(),
            failed=(await run(sent.order_by(t.outbox.c.id.desc()).limit(1))).scalar() == "failed",
            snoozed_until=(await run(select(func.max(t.reminder.c.due_at)).where(put_off))).scalar(),
            prompted=frozenset(date.fromisoformat(day) for day in days),
            driver_since=await self._driver_since(client_id),
            acted_at=(await run(select(func.max(t.audit.c.at)).where(theirs))).scalar(),
            closed=[alert for value in (await run(closed)).scalars() if (alert := _alert(value)) is not None],
        )

    async def _driver_since(self, client_id: int) -> datetime | None:
        """Tell when the plans began to be for the driver that the newest is for."""
        t = self._tables.plan
        plans = select(t.c.at, t.c.value).where(t.c.person_id == client_id).order_by(t.c.id.desc()).limit(MOST_PLANS)
        rows = (await self._connection.execute(plans)).all()
        drivers = [(row.value or {}).get("driver") for row in rows]
        same = sum(1 for _ in takewhile(lambda driver: driver == drivers[0], drivers))
        return rows[same - 1].at if rows else None

    async def _desks(self) -> Sequence[tuple[int, Desk]]:
        t = self._tables.desk
        rows = await self._connection.execute(select(t.c.person_id, t.c.value))
        return [(row.person_id, _desk(row.value)) for row in rows]


def _alert(value: object) -> Alert | None:
    try:
        return Alert.model_validate(value) if value is not None else None
    except ValidationError:
        return None


def _desk(value: object) -> Desk:
    try:
        return Desk.model_validate(value or {})
    except ValidationError:
        return Desk()
