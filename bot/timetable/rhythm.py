"""When a client is reminded: local times as instants, clock changes, quiet hours, pauses, and the slower rhythm."""

from __future__ import annotations

import re
from collections.abc import Iterator
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
"""So long after a prompt that nobody answered comes the one nudge. A proposal."""
LATE = timedelta(minutes=10)
"""A prompt so much later than its time says that it is late. A proposal."""
BEFORE_QUIET = timedelta(hours=2)
"""So long after an evening prompt the quiet hours begin at the earliest. A proposal."""
APART = timedelta(hours=12)
"""After a move two prompts are at least so far apart. A proposal."""
DAY = timedelta(days=1)
FAR = 800
"""So many days ahead a next prompt is looked for: longer than any pause that can be set."""
EVERY_OTHER, WEEKLY, FORTNIGHTLY = 4, 10, 30
"""Silent days from which prompts come every other day, weekly, fortnightly (evidence 7: "2–3/week, then weekly at
10–29 days, fortnightly at 30+"; that they slow down on day 4, after the question of day 3, is a proposal)."""


class Rhythm(BaseModel):
    """When a client wants to be reminded.

    `zone` is an IANA name or an offset such as "+05:30"; `at` local; `days` weekdays, 0 is Monday. `anchor` is what
    they tie it to, in their words. Nothing is said from `quiet_from` to `quiet_to`. `leg_days` are those on which they
    train legs by another plan, and `leg_plan` how ours goes with it. A pause holds from `paused_from` up to, not
    including, `paused_until`; without that until it is ended.
    """

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

    def is_paused(self, on: date) -> bool:
        """Tell whether a local date lies in a pause."""
        if self.paused_from is None or on < self.paused_from:
            return False
        return self.paused_until is None or on < self.paused_until


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
    """A later time on the same day; `id` names the choice."""

    id: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How often prompts come: once in every so many days since the client was last heard."""

    every: int = 1

    def includes(self, on: date, *, heard_on: date, days: tuple[int, ...]) -> bool:
        """Tell whether a prompt goes out on a local date: the first of the chosen weekdays *days* in its stretch."""
        # Whole weeks after a Tuesday are Tuesdays: who trains on Mondays would never be prompted again.
        into = (on - heard_on).days % self.every
        return on.weekday() in days and not any((on - n * DAY).weekday() in days for n in range(1, into + 1))


def tz(zone: str) -> tzinfo:
    """Give the time zone of a name or a fixed offset; raises ValueError."""
    if found := re.fullmatch(r"([+-])(\d{2}):([0-5]\d)", zone):
        offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
        if offset < DAY:
            return timezone(-offset if found[1] == "-" else offset)
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{zone!r} is no time zone; give a name such as Europe/Lisbon, or +05:30") from error


def instant(day: date, at: time, zone: str) -> datetime:
    """Give a local time as an instant: in a gap the first after it, in an overlap the first of the two."""
    where = tz(zone)
    local = datetime.combine(day, at)
    first = local.replace(tzinfo=where, fold=0).astimezone(UTC)
    if first.astimezone(where).replace(tzinfo=None) == local:
        return first
    other = local.replace(tzinfo=where, fold=1).astimezone(UTC)
    before, after = min(first, other), max(first, other)
    offset = before.astimezone(where).utcoffset()
    while after - before > timedelta(seconds=1):  # the clocks change somewhere in between, on a whole second
        middle = before + (after - before) / 2
        if middle.astimezone(where).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def next_prompt(
    rhythm: Rhythm, after: datetime, *, last_prompt_on: date | None = None, last_prompt_at: datetime | None = None
) -> Slot | None:
    """Give the first prompt after an instant, on a local date after *last_prompt_on*; None while paused for good.

    *last_prompt_at* is given after a move: who flies east has a new local date hours after the last prompt.
    """
    return next(_prompts(rhythm, after, last_prompt_on, last_prompt_at), None)


def next_prompts(
    rhythm: Rhythm,
    after: datetime,
    count: int = 7,
    *,
    last_prompt_on: date | None = None,
    last_prompt_at: datetime | None = None,
) -> tuple[Planned, ...]:
    """Give the next prompts with their local times, fewer where a pause has no end."""
    where = tz(rhythm.zone)
    coming = _prompts(rhythm, after, last_prompt_on, last_prompt_at)
    planned = []
    for _, slot in zip(range(count), coming, strict=False):
        local = slot.due_at.astimezone(where)
        before = instant(slot.local_date - DAY, rhythm.at, rhythm.zone).astimezone(where)
        planned.append(Planned(slot=slot, local=local, clock_change=local.utcoffset() != before.utcoffset()))
    return tuple(planned)


def _prompts(
    rhythm: Rhythm, after: datetime, last_prompt_on: date | None, last_prompt_at: datetime | None
) -> Iterator[Slot]:
    where = tz(rhythm.zone)
    first = after.astimezone(where).date() - DAY
    for day in (first + n * DAY for n in range(FAR)):
        if day.weekday() not in rhythm.days or rhythm.is_paused(day):
            continue
        if last_prompt_on is not None and day <= last_prompt_on:
            continue
        at = instant(day, rhythm.at, rhythm.zone)
        if last_prompt_at is not None and at < last_prompt_at + APART:
            continue
        if at > after and at.astimezone(where).date() == day:  # a date that a zone skipped has no prompt
            # Named after zone and time: the same date comes twice for one who flies west, and is another day then; and
            # one who changes the time on a day that had nothing to say must not meet a row that is done with.
            yield Slot(kind="prompt", local_date=day, slot=f"{rhythm.zone} {rhythm.at:%H:%M}", due_at=at)


def quiet_begins(rhythm: Rhythm, day: date) -> datetime:
    """Give the instant at which the quiet hours after a local date's prompt begin; past midnight for night owls."""
    return instant(day if rhythm.quiet_from > rhythm.at else day + DAY, rhythm.quiet_from, rhythm.zone)


def is_quiet(rhythm: Rhythm, at: datetime) -> bool:
    """Tell whether an instant lies in the quiet hours."""
    begins, ends, now = rhythm.quiet_from, rhythm.quiet_to, at.astimezone(tz(rhythm.zone)).time()
    return begins <= now < ends if begins < ends else now >= begins or now < ends


def window_ends(rhythm: Rhythm, day: date) -> datetime:
    """Give the instant until which a local date's prompt may still go out."""
    return min(quiet_begins(rhythm, day), instant(day, rhythm.at, rhythm.zone) + LATEST)


def open_until(rhythm: Rhythm, slot: Slot) -> datetime:
    """Give the instant until which a reminder may still go out: one that was put off has a time of its own."""
    if slot.kind == "prompt":
        return window_ends(rhythm, slot.local_date)
    return min(quiet_begins(rhythm, slot.local_date), slot.due_at + LATEST)


def is_late(due_at: datetime, now: datetime) -> bool:
    """Tell whether a prompt goes out so late that it says so."""
    return now - due_at > LATE


def later_choices(rhythm: Rhythm, now: datetime) -> tuple[Later, ...]:
    """Give the times to which a prompt may be put off: on the same local date, and before the quiet hours."""
    day = now.astimezone(tz(rhythm.zone)).date()
    wanted = {
        "half_hour": now + timedelta(minutes=30),
        "two_hours": now + timedelta(hours=2),
        "evening": instant(day, time(19, 0), rhythm.zone),
    }
    last = min(quiet_begins(rhythm, day), instant(day + DAY, time(0), rhythm.zone))
    return tuple(Later(id=name, at=at) for name, at in wanted.items() if now < at < last and not is_quiet(rhythm, at))


def nudge(rhythm: Rhythm, prompted_at: datetime, now: datetime) -> Slot | None:
    """Give the one nudge after a prompt; None where the day is too far gone for it."""
    day = prompted_at.astimezone(tz(rhythm.zone)).date()
    at = prompted_at + NUDGE_AFTER
    last = min(quiet_begins(rhythm, day), instant(day + DAY, time(0), rhythm.zone))
    if not now < at < last or is_quiet(rhythm, at):
        return None
    return Slot(kind="nudge", local_date=day, slot=rhythm.zone, due_at=at)


def pace(silent_days: int) -> Pace:
    """Give how often prompts come after so many silent days."""
    if silent_days < EVERY_OTHER:
        return Pace()
    return Pace(every=2 if silent_days < WEEKLY else 7 if silent_days < FORTNIGHTLY else 14)


def fitted(rhythm: Rhythm) -> Rhythm:
    """Move the quiet hours out of the way of a time that was chosen inside them."""
    at, early, late = rhythm.at, rhythm.quiet_to, rhythm.quiet_from
    if early <= at <= _plus(late, -BEFORE_QUIET):
        return rhythm
    if at < early:
        return rhythm.model_copy(update={"quiet_to": at})
    return rhythm.model_copy(update={"quiet_from": _plus(at, BEFORE_QUIET)})


def _plus(at: time, by: timedelta) -> time:
    return (datetime.combine(date(2000, 1, 2), at) + by).time()


def dated_pause(rhythm: Rhythm, start: date, until: date | None) -> Rhythm:
    """Pause from a local date on, up to and not including another; None: until it is ended."""
    return rhythm.model_copy(update={"paused_from": start, "paused_until": until})


def resumed(rhythm: Rhythm) -> Rhythm:
    """End a pause."""
    return rhythm.model_copy(update={"paused_from": None, "paused_until": None})
