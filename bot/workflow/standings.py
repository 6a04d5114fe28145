"""A coach's clients as a digest needs them, read with the coach's rights."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from bot.coaching.alerts import HOLDS, Alert
from bot.coaching.digest import FORTNIGHT, Change, PlanState, Raised, Silence, Standing, WhySilent
from bot.conversation import again, coached, daily, weekly
from bot.conversation.alarm import NO_NEWS
from bot.conversation.known import HOLDING
from bot.conversation.talk import Talk
from bot.timetable.rhythm import tz
from bot.workflow.ports import NotTheirsError, Signs, Turns
from rules import Grade, Library, SessionReport, standing_log
from rules.course import Check, Course
from rules.criteria import LEVELS

log = logging.getLogger(__name__)

LATELY = timedelta(weeks=4)
"""How far back it is looked what was sent, asked for and closed. A proposal."""
DIGEST = "digest"
"""What the audit says of who looked for a digest."""


@dataclass(frozen=True, kw_only=True)
class Caseload:
    """All clients of a coach, and the alerts of theirs that were closed lately."""

    standings: tuple[Standing, ...]
    closed: tuple[Alert, ...]


async def read(turns: Turns, coach_id: int, at: datetime, library: Library) -> Caseload:
    """Read all clients of a coach, those whom they cover for included; noted once for each client."""
    standings: list[Standing] = []
    closed: list[Alert] = []
    for client_id in await turns.desks.caseload(coach_id, at):
        try:
            client = await turns.desks.client(coach_id, client_id, DIGEST, at)
            signs = await turns.desks.signs(coach_id, client_id, at - LATELY, at)
        except NotTheirsError:
            log.info("client %s is left out of a digest: not theirs any more", client_id)
            continue
        standings.append(_standing(Talk(client.known, at, library), signs))
        closed += signs.closed
    return Caseload(standings=tuple(standings), closed=tuple(closed))


def _standing(talk: Talk, signs: Signs) -> Standing:
    """Say where a client stands; where that can't be told, their alert and flags are there all the same."""
    known = talk.known
    flags = tuple(
        Raised(id=flag.id, at=flag.raised_at, screen=flag.screen, stops=flag.action in HOLDING)
        for flag in known.flags
        if flag.urgency == "coach" and flag.id not in NO_NEWS
    )
    bare = Standing(id=known.person.id, name=known.person.name, alert=known.alert, flags=flags)
    try:
        return standing(talk, signs, bare)
    except Exception:
        # One record that can't be reckoned with must not cost the coach the news of all others.
        log.exception("client %s: their course can't be told in a digest", known.person.id)
        return bare


def standing(talk: Talk, signs: Signs, bare: Standing) -> Standing:
    """Add to *bare* what the client's course, sessions and silence come to; *talk* is the client's."""
    known, today = talk.known, again.local_day(talk)
    state, until = _state(talk, today)
    checks = weekly.later(talk)
    first = weekly.first(talk)
    sessions = [e for e in standing_log(known.log) if isinstance(e, SessionReport)]
    told = {report.on for report in sessions if report.completed != "no"}
    pains = [report.pain for report in sorted(sessions, key=lambda e: e.on) if report.pain is not None]
    return Standing(
        id=bare.id,
        name=bare.name,
        alert=bare.alert,
        flags=bare.flags,
        course=_course(talk, checks, signs),
        change=_change(first, checks[-1]) if first is not None and checks else None,
        coached=known.plan is not None and known.plan.is_coached,
        confidence=_confidence(talk),
        screened_at=known.tested_at,
        done=sum(today - FORTNIGHT <= day < today for day in told),
        due=_due(talk, signs, today, min(told, default=today)),
        silence=_silence(talk, signs, today),
        state=state,
        until=until,
        acted_at=signs.acted_at,
        pain=pains[-1] if pains else None,
    )


def _state(talk: Talk, today: date) -> tuple[PlanState, date | None]:
    known = talk.known
    if again.held(talk) is not None:
        return "held", known.orders.held_until
    if known.plan is None:
        return ("stopped" if talk.held_by(*HOLDING) else "none"), None
    if coached.is_stopped(talk):
        return "stopped", None
    if known.rhythm is not None and known.rhythm.is_paused(today):
        return "paused", known.rhythm.paused_until
    return ("resolved" if known.plan.offered else "running"), None


def _course(talk: Talk, checks: Sequence[Check], signs: Signs) -> Course | None:
    """Give what the re-screens come to; None where exercises for another driver were begun since: they need time."""
    so_far = weekly.so_far(talk)
    if so_far is None or not checks or signs.driver_since is None:
        return so_far
    since = signs.driver_since
    begun = since.astimezone(tz(talk.known.rhythm.zone)).date() if talk.known.rhythm is not None else since.date()
    return None if begun >= checks[-1].on else so_far


def _change(first: Check, last: Check) -> Change:
    both = [
        (LEVELS.index(level), LEVELS.index(last.levels[place]))
        for place, level in first.levels.items()
        if level in LEVELS and last.levels.get(place) in LEVELS
    ]
    task = (first.task, last.task) if first.task is not None and last.task is not None else None
    better, worse = sum(now < was for was, now in both), sum(now > was for was, now in both)
    return Change(on=last.on, better=better, worse=worse, task=task)


def _confidence(talk: Talk) -> Grade | None:
    """Give the confidence of the leading finding, once a second look was offered (evidence 0 Low confidence)."""
    found, plan = talk.known.assessment, talk.known.plan
    if found is None or plan is None or talk.known.tested_at is None or again.second_is_too_soon(talk):
        return None
    leading = (f for f in found.findings if (f.side, f.context) == (found.priority.side, found.priority.context))
    alike = (f for f in found.findings if f.limited == "yes" and f.context == plan.context)
    one = next(leading, None) or next(alike, None)
    return one.confidence if one is not None else None


def _due(talk: Talk, signs: Signs, today: date, first: date) -> int | None:
    """Count the sessions of the last 14 days: those asked for, not more than the plan has; None before two weeks."""
    known, begins = talk.known, today - FORTNIGHT
    if known.plan is None or known.rhythm is None or known.tested_at is None:
        return None
    if min(first, known.tested_at.date()) > begins:
        return None
    held_until = known.orders.held_until or date.min
    # The order says when a hold ends, not when it began: the longest that there is leaves nobody blamed for it.
    held_from = held_until - timedelta(days=max(HOLDS)) if held_until > date.min else date.min
    asked = [day for day in signs.prompted if begins <= day < today and not held_from <= day < held_until]
    return min(len(asked), known.plan.days_a_week * FORTNIGHT.days // 7)


def _silence(talk: Talk, signs: Signs, today: date) -> Silence | None:
    known, heard = talk.known, talk.conversation.heard_at
    if heard is None:
        return None
    rhythm = known.rhythm
    days = (
        daily.silent_days(talk, rhythm, today) if rhythm is not None else (today - heard.date()).days
    )  # without a rhythm dates are those of UTC
    if days < 1:
        return None
    return Silence(days=days, since=today - timedelta(days=days), why=_why_silent(talk, signs, today, heard))


def _why_silent(talk: Talk, signs: Signs, today: date, heard: datetime) -> WhySilent:
    rhythm = talk.known.rhythm
    if signs.blocked_at is not None:
        return "blocked"
    if signs.failed:
        return "send_failed"
    if rhythm is not None and rhythm.is_paused(today):
        return "paused"
    put_off = signs.snoozed_until is not None and signs.snoozed_until > heard
    return "snoozed" if put_off else "unanswered"
