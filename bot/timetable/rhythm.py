"""When a client is reminded: local times of a zone as instants, daylight saving, quiet hours, pauses, back-off."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field

KINDS = ("prompt", "nudge", "later", "rescreen", "ask", "resume")
"""What a reminder may be for."""
LATEST = timedelta(hours=6)
"""So long after its time a prompt still goes out, quiet hours permitting. A proposal."""
NUDGE_AFTER = timedelta(hours=3)
LATE = timedelta(minutes=10)


class Rhythm(BaseModel):
    """When a client wants to be reminded."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    zone: str
    at: time
    days: Annotated[tuple[int, ...], Field(min_length=1)]
    anchor: str | None = None
    quiet_from: time = time(21, 30)
    quiet_to: time = time(6, 30)
    leg_days: tuple[int, ...] = ()
    leg_plan: Literal["alone", "warm_up", "swap"] | None = None
    paused_from: date | None = None
    paused_until: date | None = None
    changed_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A reminder: once for its kind, local date and slot. `due_at` is in UTC."""

    kind: str
    local_date: date
    slot: str
    due_at: datetime


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A prompt to come, with its local time; `clock_change`: the clocks have changed since the day before."""

    slot: Slot
    local: datetime
    clock_change: bool


@dataclass(frozen=True, kw_only=True)
class Later:
    """A choice of a later time on the same day."""

    id: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Pace:
    every: int = 1

    def includes(self, on: date, *, heard_on: date) -> bool:
        """Tell whether a prompt goes out on a local date."""
        return (on - heard_on).days % self.every == 0


def tz(zone: str) -> tzinfo:
    """Give the time zone of a name or a fixed offset; raises ValueError."""
    if found := re.fullmatch(r"([+-])(\d{2}):(\d{2})", zone):
        offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
        return timezone(-offset if found[1] == "-" else offset)
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{zone!r} is no time zone; give a name such as Europe/Lisbon, or +05:30") from error


def instant(day: date, at: time, zone: str) -> datetime:
    """Give a local time as an instant: in a gap the first after it, in an overlap the first of the two."""
    where = tz(zone)
    first = datetime.combine(day, at, where).replace(fold=0).astimezone(UTC)
    if first.astimezone(where).replace(tzinfo=None) == datetime.combine(day, at):
        return first
    before = datetime.combine(day, at, where).replace(fold=1).astimezone(UTC)
    low, high = min(first, before), max(first, before)
    offset = low.astimezone(where).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(where).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


def next_prompt(rhythm: Rhythm, after: datetime, *, last_prompt_on: date | None = None) -> Slot | None:
    day = after.astimezone(tz(rhythm.zone)).date() - timedelta(days=1)
    for _ in range(800):
        at = instant(day, rhythm.at, rhythm.zone)
        if at > after and day.weekday() in rhythm.days and (last_prompt_on is None or day > last_prompt_on):
            if rhythm.paused_from is None or day < rhythm.paused_from:
                return Slot(kind="prompt", local_date=day, slot="day", due_at=at)
            if rhythm.paused_until is not None and day >= rhythm.paused_until:
                return Slot(kind="prompt", local_date=day, slot="day", due_at=at)
        day += timedelta(days=1)
    return None


def next_prompts(
    rhythm: Rhythm, after: datetime, count: int = 7, *, last_prompt_on: date | None = None
) -> tuple[Planned, ...]:
    planned: list[Planned] = []
    where = tz(rhythm.zone)
    while len(planned) < count:
        slot = next_prompt(rhythm, after, last_prompt_on=last_prompt_on)
        if slot is None:
            break
        local = slot.due_at.astimezone(where)
        change = local.utcoffset() != (slot.due_at - timedelta(days=1)).astimezone(where).utcoffset()
        planned.append(Planned(slot=slot, local=local, clock_change=change))
        after, last_prompt_on = slot.due_at, slot.local_date
    return tuple(planned)


def _quiet_begins(rhythm: Rhythm, day: date) -> datetime:
    return instant(day, rhythm.quiet_from, rhythm.zone)


def later_choices(rhythm: Rhythm, now: datetime) -> tuple[Later, ...]:
    day = now.astimezone(tz(rhythm.zone)).date()
    wanted = {
        "half_hour": now + timedelta(minutes=30),
        "two_hours": now + timedelta(hours=2),
        "evening": instant(day, time(19, 0), rhythm.zone),
    }
    return tuple(Later(id=name, at=at) for name, at in wanted.items() if now < at < _quiet_begins(rhythm, day))


def nudge(rhythm: Rhythm, prompted_at: datetime, now: datetime) -> Slot | None:
    day = prompted_at.astimezone(tz(rhythm.zone)).date()
    at = prompted_at + NUDGE_AFTER
    if at >= _quiet_begins(rhythm, day) or at <= now:
        return None
    return Slot(kind="nudge", local_date=day, slot="day", due_at=at)


def window_ends(rhythm: Rhythm, local_date: date) -> datetime:
    return min(_quiet_begins(rhythm, local_date), instant(local_date, rhythm.at, rhythm.zone) + LATEST)


def is_late(due_at: datetime, now: datetime) -> bool:
    return now - due_at > LATE


def pace(silent_days: int) -> Pace:
    return Pace(every=1 if silent_days < 4 else 2 if silent_days < 10 else 7 if silent_days < 30 else 14)


def fitted(rhythm: Rhythm) -> Rhythm:
    return rhythm


def dated_pause(rhythm: Rhythm, start: date, until: date | None) -> Rhythm:
    return rhythm.model_copy(update={"paused_from": start, "paused_until": until})


def resumed(rhythm: Rhythm) -> Rhythm:
    return rhythm.model_copy(update={"paused_from": None, "paused_until": None})
