"""A coach's digest: who needs them now, what is to be decided, who does well; all others are one number. Pure."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, TypeAlias

from bot.coaching.alerts import Alert, Reason
from rules import Grade
from rules.course import TASK_SMALL, Course
from rules.screen import URGENCIES

MOST_TO_DECIDE = 5
"""So many decisions are asked for at once. A proposal."""
MOST_NAMED = 2
"""So many who do well are named. A proposal."""
IN_TIME = timedelta(hours=48)
"""Within so long a coach is asked about a flag that is theirs (evidence 6 Coach alerts: R within 48 h)."""
UNTIL_NEXT = timedelta(hours=25)
"""The longest from one digest to the next: a day on which the clocks go back."""
SILENT_DAYS, GONE_DAYS = 5, 15
"""Silent days from which a coach is asked (evidence 6 Coach alerts), and from which exercises begin with a re-screen
(evidence 6 Missed days), which is asked anew."""
HALF = 0.5
"""Less than this share of two weeks' sessions is a coach's matter (evidence 6 Coach alerts)."""
WEEK, FORTNIGHT = timedelta(days=7), timedelta(days=14)
LET_IT_WORK = timedelta(days=5)
"""So long after a coach did something about a client they are not asked about silence or missed sessions. A proposal:
as long as a silence that is news."""
LEFT_OPEN = timedelta(days=3)
"""So long after a coach acted on an alert they are asked to close it. A proposal."""
ENOUGH_CARDS, RARELY = 3, 1 / 3
"""A rule is told as rarely acted on where less than this share of at least so many cards was. Both are proposals."""
NOT_ACTING = (
    *("raised", "again", "repeated", "passed_on", "nobody_left", "denied", "confirmed"),
    *("acknowledge", "close", "undone"),
)
"""Steps of an alert that change nothing for the client."""

WhySilent: TypeAlias = Literal["blocked", "send_failed", "unanswered", "snoozed", "paused"]
PlanState: TypeAlias = Literal["running", "stopped", "held", "paused", "resolved", "none"]
Deed: TypeAlias = Literal["message", "hold", "step_back", "refer", "keep", "next_driver", "close"]
"""What is proposed, or done at a tap; keep: it goes on as it is."""
Why: TypeAlias = Literal["alert", "flag", "worse", "asks", "stalled", "silent", "adherence", "unsure", "acted"]
GRAVITY: tuple[Why, ...] = ("flag", "worse", "asks", "stalled", "silent", "adherence", "unsure", "acted")
"""What is asked of a coach, the gravest first. The order is a proposal."""


@dataclass(frozen=True, kw_only=True)
class Raised:
    """A flag that stands and is the coach's to look at. `stops`: it keeps the client from exercising."""

    id: str
    at: datetime
    screen: str = ""
    stops: bool = False


@dataclass(frozen=True, kw_only=True)
class Silence:
    """How many local days nothing was heard, since which date, and why."""

    days: int
    since: date
    why: WhySilent


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a re-screen says against the first screening.

    `better` and `worse` count tests; `task` is the daily activity, 0 to 10, before and now; None where not told.
    """

    on: date
    better: int = 0
    worse: int = 0
    task: tuple[int, int] | None = None

    @property
    def is_any(self) -> bool:
        """Tell whether anything is more than its error: one level of a test, or TASK_SMALL of the daily activity."""
        moved = abs(self.task[1] - self.task[0]) >= TASK_SMALL if self.task is not None else False
        return bool(self.better or self.worse or moved)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One client as a digest needs them.

    `flags` are those of urgency coach that stand. `course` is what the re-screens come to, None where there are none,
    or where another driver was begun since. `confidence` is that of the leading finding, None until a second look was
    offered. `done` of `due` sessions were reported in the last 14 days; `due` is None where that can't be told, as
    before two weeks are full. `until` is the first day after a hold or a pause. `acted_at` is when a coach last did
    something about them. `pain` is the last that was told of a session, 0 to 10.
    """

    id: int
    name: str
    alert: Alert | None = None
    flags: tuple[Raised, ...] = ()
    course: Course | None = None
    change: Change | None = None
    coached: bool = False
    confidence: Grade | None = None
    screened_at: datetime | None = None
    done: int = 0
    due: int | None = None
    silence: Silence | None = None
    state: PlanState = "none"
    until: date | None = None
    acted_at: datetime | None = None
    pain: int | None = None


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One client in a digest: why, the gravest alone; one short fact; what is proposed.

    `mark` names the matter as it stands: what was decided under it is not asked again before it changes.
    `fact` holds the values of the sentence that says it.
    """

    id: int
    name: str
    why: Why
    deed: Deed
    mark: str = ""
    fact: Mapping[str, str | int] = field(default_factory=dict)
    since: datetime | None = None
    alert: Alert | None = None


@dataclass(frozen=True, kw_only=True)
class Well:
    """One who does well: resolved, better (twice in a row), or all sessions reported."""

    id: int
    name: str
    how: Literal["resolved", "better", "all_done"]


@dataclass(frozen=True, kw_only=True)
class Digest:
    """What a coach sees. Every client is in one of now, decide and well, or counted in `others`.

    `postponed` of the others are to be decided about next time. `answered` are the marks that still hold.
    """

    now: tuple[Entry, ...]
    decide: tuple[Entry, ...]
    well: tuple[Well, ...]
    others: int
    postponed: int = 0
    answered: tuple[str, ...] = ()

    @property
    def clients(self) -> int:
        """Count all clients."""
        return len(self.now) + len(self.decide) + len(self.well) + self.others

    @property
    def named(self) -> tuple[int, ...]:
        """Give the ids of those who are named."""
        return (*(one.id for one in (*self.now, *self.decide)), *(one.id for one in self.well))

    @property
    def says_something(self) -> bool:
        """Tell whether a coach has to do anything: a day without that has no digest."""
        return bool(self.now or self.decide)


def digest(standings: Iterable[Standing], at: datetime, *, asked_before: Collection[str]) -> Digest:
    """Say whom a coach has to see now, what to decide, and who does well.

    Now: who has an alert for a clinician or graver that nobody acted on: the graver first, then what nobody has seen,
    then the older. Decide: the flags whose 48 hours end before the next digest, however many there are; then, up to
    five in all, the gravest as in GRAVITY, the older first. What is left over comes next time. Each client is there
    once, with the gravest reason that was not decided (*asked_before*, marks) as it stands.
    """
    held = list(standings)
    now = sorted((entry for one in held if (entry := _now(one, asked_before)) is not None), key=_now_order)
    in_now = {entry.id for entry in now}
    matters = {one.id: list(_matters(one, at)) for one in held if one.id not in in_now}
    open_ = [next((m for m in of_one if m.mark not in asked_before), None) for of_one in matters.values()]
    waiting = sorted((entry for entry in open_ if entry is not None), key=lambda entry: _order(entry, at))
    pressing = sum(_presses(entry, at) for entry in waiting)
    room = max(MOST_TO_DECIDE, pressing)
    well = _well([one for one in held if one.id not in in_now | {entry.id for entry in waiting}], at)
    standing = {matter.mark for one in held for matter in _matters(one, at)}
    return Digest(
        now=tuple(now),
        decide=tuple(waiting[:room]),
        well=well,
        others=len(held) - len(now) - len(waiting[:room]) - len(well),
        postponed=len(waiting[room:]),
        answered=tuple(mark for mark in asked_before if mark in standing),
    )


# --- now


def _now(one: Standing, asked_before: Collection[str]) -> Entry | None:
    """Give who has an alert that waits; flags of theirs that nobody decided about are counted beside it."""
    alert = one.alert
    if alert is None or alert.state not in ("open", "acknowledged") or alert.urgency == "coach":
        return None
    notes = len(one.flags) if any(matter.mark not in asked_before for matter in _flags(one)) else 0
    fact = {"notes": notes}
    since = gravest(alert).at
    return Entry(id=one.id, name=one.name, why="alert", deed="message", since=since, alert=alert, fact=fact)


def _now_order(entry: Entry) -> tuple[int, bool, datetime | None, int]:
    alert = entry.alert
    assert alert is not None  # noqa: S101  # _now gives no other
    return -URGENCIES.index(alert.urgency), alert.state != "open", entry.since, entry.id


def gravest(alert: Alert) -> Reason:
    """Give the reason of the highest urgency that nobody acted on since it came, the newest of several."""
    acted_at = max((step.at for step in alert.steps if step.what not in NOT_ACTING), default=None)
    waiting = [reason for reason in alert.reasons if acted_at is None or reason.at > acted_at]
    return max(waiting or alert.reasons, key=lambda reason: (URGENCIES.index(reason.urgency), reason.at))


# --- decide


def _order(entry: Entry, at: datetime) -> tuple[bool, int, bool, datetime, str, int]:
    since = entry.since
    first = not _presses(entry, at)
    return first, GRAVITY.index(entry.why), since is None, since or at, entry.name.casefold(), entry.id


def _presses(entry: Entry, at: datetime) -> bool:
    """Tell whether the next digest would be too late for a flag."""
    return entry.why == "flag" and entry.since is not None and entry.since + IN_TIME < at + UNTIL_NEXT


def _matters(one: Standing, at: datetime) -> Iterator[Entry]:
    """Give all that a coach could be asked about a client, the gravest first."""
    yield from _flags(one)
    yield from _course(one)
    yield from _alert(one, at)
    if one.state == "running":
        lately = one.acted_at is not None and at - one.acted_at < LET_IT_WORK
        yield from () if lately else (*_silence(one), *_adherence(one))
        yield from _unsure(one)
    elif one.silence is not None and one.silence.why in ("blocked", "send_failed"):
        yield from _silence(one)
    yield from _acted(one, at)


def _flags(one: Standing) -> Iterator[Entry]:
    """Ask about all flags at once: a new one is a new matter, and the 48 hours are those of the oldest."""
    flags = sorted(one.flags, key=lambda flag: (flag.at, flag.id))
    if not flags:
        return
    deed: Deed = "message" if any(flag.stops for flag in flags) else "keep"
    newest, oldest = flags[-1], flags[0]
    detail = f"{newest.id} {newest.at.isoformat()}"  # one that is lifted leaves the rest as decided
    fact: dict[str, str | int] = {"flag": newest.id, "screen": newest.screen, "more": len(flags) - 1}
    yield _entry(one, "flag", deed, detail, fact, since=oldest.at)


def _course(one: Standing) -> Iterator[Entry]:
    course = one.course
    if course is None or one.state in ("none", "stopped", "held"):
        return
    on = one.change.on.isoformat() if one.change is not None else ""
    if course.kind == "worse":
        yield _entry(one, "worse", "step_back", on, {})
    elif course.kind == "next_driver" and course.driver is not None and one.coached:
        yield _entry(one, "stalled", "next_driver", on, {"rule": course.rule, "driver": course.driver})
    elif course.kind == "coach":
        yield _entry(one, "stalled", "message", on, {"rule": course.rule})


def _alert(one: Standing, at: datetime) -> Iterator[Entry]:
    """Ask about words or another thing that can wait for the digest."""
    alert = one.alert
    if alert is None or alert.state not in ("open", "acknowledged") or alert.urgency != "coach":
        return
    yield _entry(one, "asks", "message", f"{alert.id}-{len(alert.reasons)}", {}, since=alert.raised_at, alert=alert)


def _silence(one: Standing) -> Iterator[Entry]:
    """Ask about a silence; a pause is the client's own, and whom nothing reaches no message from here reaches."""
    silence = one.silence
    if silence is None or silence.days < SILENT_DAYS or silence.why == "paused":
        return
    deed: Deed = "keep" if silence.why in ("blocked", "send_failed") else "message"
    detail = f"{silence.why} {silence.since.isoformat()} {silence.days >= GONE_DAYS}"
    since = datetime.combine(silence.since, time(), tzinfo=UTC)
    yield _entry(one, "silent", deed, detail, {"kind": silence.why, "count": silence.days}, since=since)


def _adherence(one: Standing) -> Iterator[Entry]:
    if not one.due or one.done >= HALF * one.due:
        return
    # A share that halves again is another matter; a day more or less is the same.
    detail = str(one.done * 4 >= one.due)
    yield _entry(one, "adherence", "message", detail, {"done": one.done, "due": one.due})


def _unsure(one: Standing) -> Iterator[Entry]:
    if one.confidence == "low":
        yield _entry(one, "unsure", "keep", str(one.screened_at), {})


def _acted(one: Standing, at: datetime) -> Iterator[Entry]:
    alert = one.alert
    if alert is None or alert.state != "acted":
        return
    last = alert.steps[-1].at
    if at - last >= LEFT_OPEN:
        days = {"count": (at - last).days}
        yield _entry(one, "acted", "close", f"{alert.id}-{alert.version}", days, since=last, alert=alert)


def _entry(
    one: Standing,
    why: Why,
    deed: Deed,
    detail: str,
    fact: Mapping[str, str | int],
    *,
    since: datetime | None = None,
    alert: Alert | None = None,
) -> Entry:
    # Short enough for a button, and nothing that is kept of it tells what a client said.
    mark = hashlib.sha256(f"{one.id} {why} {detail}".encode()).hexdigest()[:10]
    return Entry(id=one.id, name=one.name, why=why, deed=deed, mark=mark, fact=fact, since=since, alert=alert)


# --- went well


def _well(free: Sequence[Standing], at: datetime) -> tuple[Well, ...]:
    """Name two: resolved before better before all sessions reported, the newest re-screen first, else in turns."""
    found: list[tuple[int, int, int, Well]] = []
    for one in free:
        on = one.change.on if one.change is not None and at.date() - one.change.on < WEEK else None
        kind = one.course.kind if one.course is not None and on is not None else None
        turn = (one.id - at.toordinal()) % max(1, len(free))
        if kind == "resolved":
            found.append((0, -_ordinal(on), turn, Well(id=one.id, name=one.name, how="resolved")))
        elif kind == "better":
            found.append((1, -_ordinal(on), turn, Well(id=one.id, name=one.name, how="better")))
        elif one.due and one.done >= one.due and one.state == "running":
            found.append((2, 0, turn, Well(id=one.id, name=one.name, how="all_done")))
    return tuple(well for *_, well in sorted(found, key=lambda one: (*one[:3], one[3].id))[:MOST_NAMED])


def _ordinal(on: date | None) -> int:
    return on.toordinal() if on is not None else 0


# --- the week


@dataclass(frozen=True, kw_only=True)
class Changed:
    """A client whose re-screen of this week says something. `twice`: seen in two running, so likely no chance."""

    id: int
    name: str
    change: Change
    twice: bool


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule whose cards a coach rarely acted on: `flag` as its id, how many cards, and how many were acted on."""

    flag: str
    screen: str
    cards: int
    acted: int


@dataclass(frozen=True, kw_only=True)
class Weekly:
    """A coach's week: changes, sessions as reported, silences by kind, rules whose cards are rarely acted on.

    `done` of `due` sessions were reported in two weeks by those of whom it can be told (`counted`), `low` of whom by
    less than half. `same`: so many were tested this week without a change.
    """

    clients: int
    changed: tuple[Changed, ...]
    same: int
    done: int
    due: int
    counted: int
    low: int
    silences: Mapping[WhySilent, int]
    rules: tuple[Rule, ...]


def weekly(standings: Iterable[Standing], alerts_closed: Iterable[Alert], at: datetime) -> Weekly:
    """Say what the week came to; *alerts_closed* are those that were closed lately."""
    held = list(standings)
    tested = [one for one in held if one.change is not None and at.date() - one.change.on < WEEK]
    changed = [
        Changed(id=one.id, name=one.name, change=one.change, twice=_twice(one))
        for one in tested
        if one.change is not None and one.change.is_any
    ]
    counted = [one for one in held if one.due]
    silent = (one.silence.why for one in held if one.silence is not None and one.silence.days >= SILENT_DAYS)
    return Weekly(
        clients=len(held),
        changed=tuple(sorted(changed, key=_changed_order)),
        same=len(tested) - len(changed),
        done=sum(min(one.done, one.due or 0) for one in counted),
        due=sum(one.due or 0 for one in counted),
        counted=len(counted),
        low=sum(one.done < HALF * (one.due or 0) for one in counted),
        silences=dict(Counter(silent)),
        rules=_rarely_acted_on(alerts_closed),
    )


def _twice(one: Standing) -> bool:
    return one.course is not None and one.course.kind in ("better", "resolved", "worse", "clinician")


def _changed_order(one: Changed) -> tuple[bool, int, str, int]:
    """Put the worse first, then the better by how much."""
    task = one.change.task
    gain = one.change.better - one.change.worse + ((task[1] - task[0]) / 10 if task is not None else 0)
    return gain >= 0, -round(abs(gain) * 10), one.name.casefold(), one.id


def _rarely_acted_on(alerts: Iterable[Alert]) -> tuple[Rule, ...]:
    cards: Counter[tuple[str, str]] = Counter()
    acted: Counter[tuple[str, str]] = Counter()
    for alert in alerts:
        did = any(step.what not in NOT_ACTING for step in alert.steps)
        for rule in {(reason.what, reason.screen) for reason in alert.reasons if reason.kind == "flag"}:
            cards[rule] += 1
            acted[rule] += did
    return tuple(
        Rule(flag=flag, screen=screen, cards=count, acted=acted[flag, screen])
        for (flag, screen), count in sorted(cards.items(), key=lambda one: (-one[1], one[0]))
        if count >= ENOUGH_CARDS and acted[flag, screen] < RARELY * count
    )
