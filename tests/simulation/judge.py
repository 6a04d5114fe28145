"""Judges reminders by what a client said and was told: minute by minute, with nothing of the bot's own reckoning."""

from __future__ import annotations

import functools
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
NEAR = MINUTE
"""So near to its instant a message is on time."""
LATEST = timedelta(hours=6)
"""So long after its time a prompt may still come, and only after an outage."""
NUDGE_AFTER = timedelta(hours=3)
REST = timedelta(hours=24)
"""What "until this time tomorrow" means."""
QUIET_FROM, QUIET_TO = time(21, 30), time(6, 30)
EVENING_ROOM = timedelta(hours=2)
"""So long after an evening's own time the quiet hours begin at the earliest; a time inside them moves them away."""
SILENT = 3
"""Silent days from which only "at most one a day" and "one in FORTNIGHT" are judged: the rhythm may slow down."""
FORTNIGHT = timedelta(days=14)
WAITING = timedelta(minutes=16)
"""So long after something else was over, a prompt that waited for it may come."""
EVENING = time(19, 0)
"""What "this evening" was said to be."""
DAILY = frozenset({"prompt", "late", "ask", "settle", "weekly", "none"})
"""What counts as a daily prompt: a session, said on time or late, or what is said in its place."""
UNASKED = DAILY | {"nudge", "later"}
ANSWERS = frozenset({"done", "not_today", "later", "hurts", "flare", "pause", "rests", "stopped", "answers"})
"""What a client says that answers a prompt, so that no nudge follows."""
CHANGES = frozenset({"set", "resume", "returned"})
"""What a client says after which they are told when the next prompt comes."""
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
PROMISE = re.compile(rf"\b(\d{{1,2}}) ({'|'.join(MONTHS)})(?:, (\d\d):(\d\d))?")
EXERCISED = re.compile(r"^\d+:c:x-(?:done|part)\b")
"""A tap that tells of an exercise that was done."""
GRAVITY = (
    "aside", "missing", "silence", "later lost", "promise broken", "while stopped", "while resting", "while paused",
    "while blocked", "two on one date", "after practice", "quiet hours", "before its time", "wrong day", "too late",
    "late without outage", "wrong promise", "later twice", "nudge lost", "nudge twice", "nudge after an answer",
    "nudge off its time", "misheard",
)  # fmt: skip
"""What may be found, the gravest first."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a client confirmed: their zone, their time, their days (Monday is 0)."""

    zone: str
    at: time
    days: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A line of a diary. `who`: client or coxa; `what`: see UNASKED for coxa, and ANSWERS, CHANGES, and says,
    blocks, misheard for the client, whose `text` has the reply behind "=>"; `choice`: how much later."""

    at: datetime
    who: str
    what: str
    text: str = ""
    settings: Settings | None = None
    choice: str = ""


@dataclass(frozen=True, kw_only=True)
class Diary:
    """A client's life: every line in order; when Coxa was down; when something else was going on in the chat."""

    client: str
    entries: tuple[Entry, ...]
    down: tuple[tuple[datetime, datetime], ...]
    busy: tuple[tuple[datetime, datetime], ...]
    ends: datetime


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that should not have been."""

    client: str
    at: datetime
    rule: str
    what: str

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.client} {self.at:%Y-%m-%d %H:%M:%S}Z {self.rule}: {self.what}"


def judge(diary: Diary) -> tuple[Finding, ...]:
    """Give everything that is wrong in a diary, in order of time."""
    return tuple(sorted(_Judge(diary).found(), key=lambda finding: finding.at))


def gravest_first(findings: Sequence[Finding]) -> list[Finding]:
    """Sort findings by gravity, then by time."""
    return sorted(findings, key=lambda finding: (GRAVITY.index(finding.rule), finding.at))


# --- time, reckoned by itself


@functools.cache
def zone_of(name: str) -> tzinfo:
    """Give a zone by its name, or by its offset."""
    if found := re.fullmatch(r"([+-])(\d\d):(\d\d)", name):
        offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
        return timezone(-offset if found[1] == "-" else offset)
    return ZoneInfo(name)


@functools.cache
def minute_of(zone: str, on: date, at: time) -> datetime:
    """Find the first minute of a local date at which clocks show this time or a later one, by looking at each."""
    where, wanted = zone_of(zone), datetime.combine(on, at)
    near = datetime.combine(on, at, UTC)
    minute = near - (near.astimezone(where).utcoffset() or timedelta()) - timedelta(hours=3)
    while minute.astimezone(where).replace(tzinfo=None, fold=0) < wanted:
        minute += MINUTE
    return minute


def local(at: datetime, zone: str) -> datetime:
    """Give what clocks of a zone show."""
    return at.astimezone(zone_of(zone)).replace(tzinfo=None)


def is_quiet(at: time) -> bool:
    """Tell whether a local time lies in the quiet hours."""
    return at >= QUIET_FROM or at < QUIET_TO


def disturbs(clock: time, chosen: time) -> bool:
    """Tell whether a local time lies in the quiet hours of somebody who chose a time of their own."""
    if is_quiet(chosen) or not is_quiet(clock):
        return False
    room = (datetime.combine(date.min, chosen) + EVENING_ROOM).time()
    return clock < QUIET_TO or clock >= max(QUIET_FROM, room)


def told_when(text: str, after: date) -> tuple[date, time | None] | None:
    """Read the date, and the time where there is one, that a client was told; the first after a date."""
    found = PROMISE.search(text)
    if found is None:
        return None
    day, month = int(found[1]), MONTHS.index(found[2]) + 1
    on = date(after.year, month, day) if (month, day) != (2, 29) else after
    on = on if on >= after else date(after.year + 1, month, day)
    return on, time(int(found[3]), int(found[4])) if found[3] else None


# --- the judgement


@dataclass
class _State:
    """Where a client stands, as far as the diary was read."""

    settings: Settings | None = None
    paused: bool = False
    until: date | None = None
    blocked: bool = False
    stopped: bool = False
    rest_until: datetime | None = None
    heard: datetime | None = None
    done: set[date] = field(default_factory=set)
    practised: set[date] = field(default_factory=set)
    """Dates on which they told of exercises, whole or in part."""
    open_prompt: bool = False
    answered: bool = False
    dailies: list[datetime] = field(default_factory=list)
    nudges: list[datetime] = field(default_factory=list)
    changed: datetime | None = None
    promised: datetime | None = None
    later: datetime | None = None
    reference: datetime | None = None
    """From when a fortnight without a prompt counts."""
    outage: datetime | None = None
    """When Coxa was down last at their time: one prompt of the slower rhythm may have been dropped."""


class _Judge:
    def __init__(self, diary: Diary) -> None:
        self.diary, self.now = diary, _State()
        self.daily = [e.at for e in diary.entries if e.who == "coxa" and e.what in DAILY]
        self.nudges = [e.at for e in diary.entries if e.who == "coxa" and e.what == "nudge"]
        self.client = [e.at for e in diary.entries if e.who == "client"]

    def found(self) -> Iterator[Finding]:
        """Read the diary, and look at every date at its time."""
        dates = list(self._dates())
        following = 0
        for entry in self.diary.entries:
            while following < len(dates) and dates[following][0] < entry.at:
                yield from self._look(*dates[following])
                following += 1
            if entry.who == "coxa":
                yield from self._told(entry)
            else:
                yield from self._did(entry)
        for at, on in dates[following:]:
            yield from self._look(at, on)
        yield from self._later_comes(self.diary.ends)

    def _dates(self) -> Iterator[tuple[datetime, date]]:
        """Give every date of the client's with the instant of its prompt, by the settings that stand then."""
        sets = [(e.at, e.settings) for e in self.diary.entries if e.settings is not None]
        ends = [at for at, _ in sets[1:]] + [self.diary.ends - timedelta(hours=7)]
        for (begins, settings), end in zip(sets, ends, strict=True):
            on = local(begins, settings.zone).date() - timedelta(days=1)
            while (at := minute_of(settings.zone, on, settings.at)) < end:
                if at > begins and on.weekday() in settings.days:
                    yield at, on
                on += timedelta(days=1)

    def _is_paused(self, on: date) -> bool:
        return self.now.paused and (self.now.until is None or on < self.now.until)

    def _outage(self, at: datetime) -> datetime | None:
        """Give when Coxa is up again, where it is down at an instant."""
        return next((end for begin, end in self.diary.down if begin <= at < end), None)

    def _held_up(self, at: datetime) -> bool:
        """Tell whether what is due then may come later, or not at all."""
        return self._outage(at) is not None or self._busy_at(at)

    def _busy_at(self, at: datetime) -> bool:
        return any(begin <= at < end + WAITING for begin, end in self.diary.busy)

    def _prompted_on(self, on: date, zone: str, before: datetime) -> bool:
        recent = self.now.dailies[-4:]
        return any(at < before and local(at, zone).date() == on for at in recent)

    def _finding(self, at: datetime, rule: str, what: str) -> Finding:
        s = self.now.settings
        where = f" [{local(at, s.zone):%a %d %b %H:%M} {s.zone}, {s.at:%H:%M} on {s.days}]" if s else ""
        return Finding(client=self.diary.client, at=at, rule=rule, what=what + where)

    # --- what should have come

    def _look(self, at: datetime, on: date) -> Iterator[Finding]:
        """Look at one date of theirs: was there the prompt that was due?"""
        now = self.now
        if now.settings is None:
            return
        zone = now.settings.zone
        if now.until is not None and on >= now.until:  # the pause ends by itself, and the silence in it meant nothing
            now.paused, now.until, now.reference = False, None, at
            now.heard = max(now.heard or at, at)
        resting = now.rest_until is not None and at < now.rest_until
        if now.stopped or now.blocked or self._is_paused(on) or resting:
            now.reference = at
            return
        up = self._outage(at)
        expected = up or at
        if up is not None:
            now.outage = at
            dropped = up - at > LATEST - NEAR or is_quiet(local(up, zone).time()) or is_quiet(now.settings.at)
            if dropped or self._between(self.client, at, up + NEAR):
                return
        silent = (on - local(now.heard, zone).date()).days if now.heard is not None else 0
        if silent >= SILENT:
            yield from self._fortnight(at)
            return
        if self._exempt(at, on, zone) or self._between(self.daily, expected - NEAR, expected + NEAR):
            return
        broken = now.promised is not None and abs(now.promised - at) <= NEAR
        rule = "promise broken" if broken else "missing"
        late = f", late at {up:%H:%M}Z after an outage" if up is not None else ""
        yield self._finding(expected, rule, f"no prompt for {on}{late}")

    def _exempt(self, at: datetime, on: date, zone: str) -> bool:
        now = self.now
        if now.promised is not None and at < now.promised - NEAR:
            return True
        if now.promised is None and now.changed is not None and local(now.changed, zone).date() >= on:
            return True
        week = sum(on - timedelta(days=7) < one <= on for one in now.practised)
        full = now.settings is not None and week >= len(now.settings.days)  # as often as they meant to in a week
        return full or on in now.practised or self._prompted_on(on, zone, at) or self._busy_at(at)

    def _fortnight(self, at: datetime) -> Iterator[Finding]:
        now = self.now
        last = max(filter(None, (now.reference, now.heard, now.dailies[-1] if now.dailies else None)), default=at)
        dropped = now.outage is not None and now.outage > last
        if at - last > FORTNIGHT * (1 + dropped) + timedelta(days=1):
            yield self._finding(at, "silence", f"nothing since {last:%Y-%m-%d}")
            now.reference = at

    @staticmethod
    def _between(instants: Sequence[datetime], begin: datetime, end: datetime) -> bool:
        return bisect_right(instants, end) > bisect_left(instants, begin)

    # --- what came

    def _told(self, entry: Entry) -> Iterator[Finding]:
        now = self.now
        if entry.what not in UNASKED or now.settings is None:
            return
        clock = local(entry.at, now.settings.zone)
        yield from self._in_the_way(entry, clock)
        if disturbs(clock.time(), now.settings.at):
            yield self._finding(entry.at, "quiet hours", f"{entry.what} at {clock:%H:%M}")
        put_off = now.later is not None and abs(now.later - entry.at) <= NEAR
        match entry.what:
            case "nudge":
                yield from self._nudged(entry, clock)
            case "later" | "prompt" | "weekly" | "none" if entry.what == "later" or put_off:
                yield from self._later_comes(entry.at + NEAR, entry.at)
                now.open_prompt = True
            case _:
                yield from self._prompted(entry, clock)
                yield from self._nudge_follows(entry)
                now.dailies.append(entry.at)
                now.open_prompt, now.answered = entry.what != "settle", False

    def _in_the_way(self, entry: Entry, clock: datetime) -> Iterator[Finding]:
        """Find what should have kept it from coming."""
        now = self.now
        if self._is_paused(clock.date()):
            yield self._finding(entry.at, "while paused", entry.what)
        if now.blocked:
            yield self._finding(entry.at, "while blocked", entry.what)
        if now.stopped:
            yield self._finding(entry.at, "while stopped", entry.what)
        if now.rest_until is not None and entry.at < now.rest_until - NEAR:
            yield self._finding(entry.at, "while resting", f"{entry.what}, rest until {now.rest_until:%H:%M}Z")
        if clock.date() in now.done:
            yield self._finding(entry.at, "after practice", entry.what)

    def _prompted(self, entry: Entry, clock: datetime) -> Iterator[Finding]:
        now = self.now
        assert now.settings is not None
        zone, chosen = now.settings.zone, now.settings.at
        if self._prompted_on(clock.date(), zone, entry.at + NEAR):
            before = now.dailies[-1]
            yield self._finding(entry.at, "two on one date", f"{entry.what}; one was said at {before:%H:%M}Z")
            return
        on = clock.date()
        due = minute_of(zone, on, chosen)
        if entry.at < due - timedelta(seconds=1):
            yesterday = minute_of(zone, on - timedelta(days=1), chosen)
            if not (is_quiet(chosen) and entry.at - yesterday <= LATEST + NEAR and self._outage(yesterday)):
                yield self._finding(entry.at, "before its time", f"{entry.what} at {clock:%H:%M}")
                return
            on, due = on - timedelta(days=1), yesterday
        if on.weekday() not in now.settings.days:
            yield self._finding(entry.at, "wrong day", f"{entry.what} on {on:%a}")
        late = entry.at - due
        if late > LATEST + NEAR:
            yield self._finding(entry.at, "too late", f"{entry.what} {late} after its time")
        elif late > NEAR and not self._explained(due, entry.at):
            yield self._finding(entry.at, "late without outage", f"{entry.what} {late} after its time")

    def _explained(self, due: datetime, at: datetime) -> bool:
        up = self._outage(due)
        return self._busy_at(due) or (up is not None and (at - up <= NEAR or self._busy_at(up)))

    def _nudge_follows(self, entry: Entry) -> Iterator[Finding]:
        """Look whether a prompt that nobody answered was followed by its nudge, where the day has room for one."""
        now, at = self.now, entry.at + NUDGE_AFTER
        assert now.settings is not None
        said, then = local(entry.at, now.settings.zone), local(at, now.settings.zone)
        silent = (said.date() - local(now.heard or entry.at, now.settings.zone).date()).days
        room = said.date() == then.date() and not is_quiet(then.time()) and not is_quiet(now.settings.at)
        if entry.what not in ("prompt", "weekly") or silent >= SILENT or not room or at + NEAR >= self.diary.ends:
            return
        if self._held_up(at) or self._between(self.client, entry.at, at + NEAR):
            return
        if not self._between(self.nudges, at - NEAR, at + NEAR):
            yield self._finding(at, "nudge lost", "nobody answered, and no nudge came")

    def _nudged(self, entry: Entry, clock: datetime) -> Iterator[Finding]:
        now = self.now
        assert now.settings is not None
        zone = now.settings.zone
        if any(local(at, zone).date() == clock.date() for at in now.nudges[-2:]):
            yield self._finding(entry.at, "nudge twice", "a second one on this date")
        now.nudges.append(entry.at)
        if now.answered:
            yield self._finding(entry.at, "nudge after an answer", "they had answered")
        last = now.dailies[-1] if now.dailies else None
        wait = entry.at - last if last is not None else None
        if wait is None or last is None or wait < NUDGE_AFTER - NEAR:
            yield self._finding(entry.at, "nudge off its time", f"{wait} after the prompt")
        elif wait > NUDGE_AFTER + NEAR and self._outage(last + NUDGE_AFTER) is None:
            yield self._finding(entry.at, "nudge off its time", f"{wait} after the prompt, without an outage")

    def _later_comes(self, by: datetime, came: datetime | None = None) -> Iterator[Finding]:
        """Hold what was put off against what came: at its instant, or late after an outage."""
        now = self.now
        due, now.later = now.later, None
        if came is not None and due is None:
            yield self._finding(came, "later twice", "it was not asked for, or had come")
        elif due is None or due + NEAR >= self.diary.ends or self._held_up(due):
            return
        elif came is not None and abs(came - due) > NEAR:
            yield self._finding(came, "later lost", f"it came at {came:%H:%M}Z, not at {due:%H:%M}Z")
        elif came is None and due + NEAR < by:
            yield self._finding(due, "later lost", "it was asked for, and never came")

    # --- what the client did

    def _did(self, entry: Entry) -> Iterator[Finding]:
        now = self.now
        if entry.what == "misheard":
            yield self._finding(entry.at, "misheard", entry.text[:300])
        if entry.what == "blocks":
            now.blocked, now.changed, now.promised, now.later = True, entry.at, None, None
            return
        if entry.what != "returned":
            now.heard = entry.at
        now.blocked = False
        if now.later is not None and entry.at > now.later + NEAR and not self._held_up(now.later):
            yield from self._later_comes(entry.at)
        if entry.what in ANSWERS | CHANGES:
            now.later = None
        if entry.what == "done" or EXERCISED.search(entry.text):
            # Whether it was yesterday's session or today's, only they know: either way today's prompt may stay away.
            now.practised |= {self._session_of(entry.at), self._today(entry.at)}
        if entry.what in ANSWERS:
            if entry.what == "done" and not now.open_prompt and now.settings is not None:
                now.done.add(local(entry.at, now.settings.zone).date())
            now.open_prompt, now.answered = False, True
        match entry.what:
            case "pause":
                now.paused, now.open_prompt = True, False
                told = told_when(entry.text.partition("=>")[2], self._today(entry.at))
                now.until = told[0] if told is not None else None
                now.changed, now.promised = entry.at, None
            case "rests":
                now.rest_until = entry.at + REST
            case "stopped":
                now.stopped = True
            case "later" if now.settings is not None:
                now.later = self._chosen(entry, now.settings)
            case "set" | "resume" | "returned":
                yield from self._changed(entry)

    def _session_of(self, at: datetime) -> date:
        """Give the date whose session they tell of: that of the prompt they answer, else their own."""
        return self._today(self.now.dailies[-1] if self.now.open_prompt and self.now.dailies else at)

    def _today(self, at: datetime) -> date:
        return local(at, self.now.settings.zone).date() if self.now.settings is not None else at.date()

    @staticmethod
    def _chosen(entry: Entry, settings: Settings) -> datetime | None:
        on = local(entry.at, settings.zone).date()
        return {
            "half_hour": entry.at + timedelta(minutes=30),
            "two_hours": entry.at + timedelta(hours=2),
            "evening": minute_of(settings.zone, on, EVENING),
        }.get(entry.choice)

    def _changed(self, entry: Entry) -> Iterator[Finding]:
        """Take in new settings, the end of a pause or a return, and hold what was told then against the days."""
        now = self.now
        if entry.settings is not None:
            now.settings = entry.settings
        if now.settings is None:
            return
        now.changed, now.promised, now.reference = entry.at, None, entry.at
        told = told_when(entry.text.partition("=>")[2], self._today(entry.at))
        if told is None or told[1] is None:
            return
        on = told[0]
        now.promised = minute_of(now.settings.zone, on, now.settings.at)
        now.paused = now.paused and entry.what != "resume" and now.until is not None and on >= now.until
        candidates = self._next(entry.at, now.settings, 2)
        shown = minute_of(now.settings.zone, on, told[1])
        if shown not in candidates:
            soonest = ", ".join(f"{local(one, now.settings.zone):%a %d %b %H:%M}" for one in candidates)
            yield self._finding(entry.at, "wrong promise", f"told {on} {told[1]:%H:%M}; the next are {soonest}")

    def _next(self, after: datetime, settings: Settings, count: int) -> list[datetime]:
        """Give the next instants at which a prompt may come: never a second one on a date."""
        on = local(after, settings.zone).date()
        found: list[datetime] = []
        if self.now.paused and self.now.until is not None:
            on = max(on, self.now.until)
        while len(found) < count:
            at = minute_of(settings.zone, on, settings.at)
            if at > after and on.weekday() in settings.days and not self._prompted_on(on, settings.zone, after):
                found.append(at)
            on += timedelta(days=1)
        return found
