"""Time of a tick with 100 due reminders where 10,000 and where 1,000,000 wait, beside one APScheduler job per client.

    python -m tests.benchmarks.due [FEW] [MANY] [JOBS] [ROUNDS]

Takes some minutes, nearly all of it to fill the databases, and about 3 GB in the folder for temporary files.
Milliseconds are this machine's; the ratios may be compared.

How it measures: each database has as many clients as reminders wait, one prompt a day each, spread evenly over twelve
hours; neighbours in time are strangers in the tables. A round moves the clock so that 100 more are due, and times
`due` once in each database, one after the other, and the order turns from round to round. `due` does all it does in
use: finds, marks, decrypts, puts into the inbox, plans the next day's prompt, commits. So as many wait as before. Then
it times `due` with nothing due, which is what most seconds are, and `next_due`. Figures are medians over all rounds
but the first ones, which warm up; the clock is `perf_counter_ns` and the garbage collector stays on. Memory is what
`tracemalloc` sees at the peak of one `due`, in rounds of its own, as it slows what it watches.

Both commit to the disk: SQLite as Coxa opens it, PostgreSQL with its stock settings of durability. PostgreSQL is
vacuumed and analysed once, after the filling, as its autovacuum (off here, lest it run during one of two rounds) does.

APScheduler 3 gets a cron job for each client, in its SQLAlchemy job store on SQLite, opened with the same pragmas (on
PostgreSQL it needs a driver that Coxa does not bring). It is spared much: jobs are written in bulk, not added one by
one; what a job does is nothing; no thread is handed anything. `fetch` reads the 100 due jobs, `wake` is all that its
scheduler does with them: fetch, hand over, write each one's next time.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
import random
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

from apscheduler.executors.base import BaseExecutor
from apscheduler.job import Job
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.triggers.cron import CronTrigger
from sqlalchemy import Engine, Table, create_engine, event, insert

from bot.storage.crypto import KeyRing
from bot.storage.database import PRAGMAS, Database, open_database
from bot.storage.store import SqlStore
from bot.storage.turns import lookup_of
from bot.timetable.rhythm import Rhythm
from bot.workflow.due import PROMPT, due
from bot.workflow.ports import Address
from tests.fakes import FakeClock
from tests.postgres import Server, running

DUE = 100
"""So many come due in a round."""
WARM = 3
"""Rounds before measuring begins: first queries and cold pages are not what is asked."""
WATCHED = 3
"""Rounds in which memory is watched instead of time."""
STARTS = 5
"""So often a start is timed."""
GOAL = 2.0
"""What MANY may cost, in times of what FEW cost."""
CHUNK = 20_000
"""Rows written at once when filling."""
ZONE = "Europe/Berlin"
FIRST, SPREAD = datetime(2026, 1, 6, 6, 0, tzinfo=UTC), timedelta(hours=12)
"""When the first prompt is due, at 07:00 there, and how long after it the last: no quiet hours in between."""
DURABLE = ("fsync", "synchronous_commit", "full_page_writes")
"""Settings that the tests' server has off, and a server in use has not."""


@dataclass(kw_only=True)
class Taken:
    """What was measured in one place: milliseconds by what was timed, and bytes at the peak."""

    times: dict[str, list[float]] = field(default_factory=dict)
    peaks: dict[str, list[int]] = field(default_factory=dict)

    async def timed(self, what: str, call: Callable[[], Awaitable[Any]], *, keep: bool = True) -> Any:
        """Await a call, and note how long it took."""
        began = time.perf_counter_ns()
        given = await call()
        taken = (time.perf_counter_ns() - began) / 1e6
        if keep:
            self.times.setdefault(what, []).append(taken)
        return given

    async def watched(self, what: str, call: Callable[[], Awaitable[Any]]) -> Any:
        """Await a call, and note the most memory that it had."""
        tracemalloc.start()
        try:
            given = await call()
            self.peaks.setdefault(what, []).append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        return given

    def median(self, what: str) -> float:
        """Give the median milliseconds."""
        return statistics.median(self.times[what])

    def worst(self, what: str) -> float:
        """Give the milliseconds of the slowest."""
        return max(self.times[what])

    def peak(self, what: str) -> float:
        """Give the median peak, in MB."""
        return statistics.median(self.peaks[what]) / 1e6


def due_at(place: int, waiting: int) -> datetime:
    """Tell when the reminder in a place of the order of time is due."""
    return FIRST + place * SPREAD / waiting


def reached(rounds: int, waiting: int) -> datetime:
    """Tell the instant at which so many rounds have come due, and nothing of the next."""
    return due_at(rounds * DUE, waiting) - SPREAD / waiting / 2


def shuffled(waiting: int) -> Sequence[int]:
    """Give each client a place in the order of time; the same in every run."""
    places = list(range(waiting))
    random.Random(waiting).shuffle(places)  # noqa: S311  # no secret
    return places


# --- a tick over rows ---------------------------------------------------------------------------------------------


@dataclass(kw_only=True)
class Rows:
    """A database in which so many reminders wait."""

    engine: str
    waiting: int
    url: str
    ring: KeyRing
    database: Database
    taken: Taken = field(default_factory=Taken)
    rounds: int = 0
    clock: FakeClock = field(default_factory=FakeClock)

    @property
    def name(self) -> str:
        """Name it as the table does."""
        return f"{self.engine:<12}{self.waiting:>10,} waiting"

    async def round(self, *, keep: bool) -> None:
        """Time one tick with what has come due, one with nothing, and the look at what comes next."""
        store = self._next()
        _right(DUE, await self.taken.timed("due", lambda: due(store, self.clock), keep=keep))
        _right(0, await self.taken.timed("idle", lambda: due(store, self.clock), keep=keep))
        soonest = await self.taken.timed("next", store.next_due, keep=keep)
        _right(due_at(self.rounds * DUE, self.waiting), soonest)

    async def watch(self) -> None:
        """Watch the memory of one tick."""
        store = self._next()
        _right(DUE, await self.taken.watched("due", lambda: due(store, self.clock)))

    async def start(self, *, keep: bool) -> None:
        """Time how long it takes to open the database and to find that nothing is due."""
        await self.database.close()

        async def opened() -> int:
            self.database = await open_database(self.url, self.ring)
            return await due(SqlStore(self.database), self.clock)

        _right(0, await self.taken.timed("start", opened, keep=keep))

    async def plans(self) -> Sequence[tuple[str, Sequence[str]]]:
        """Tell how the engine goes about the queries of `take_due` and `next_due`."""
        seen: list[tuple[str, Any]] = []
        store = self._next()

        @event.listens_for(self.database.engine.sync_engine, "before_cursor_execute")
        def _see(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
            if statement.startswith(("SELECT", "UPDATE")) and "reminder" in statement:
                seen.append((statement, parameters))

        async with store.turns() as turns:
            _right(DUE, len(await turns.take_due(DUE, self.clock.now())))
        await store.next_due()
        event.remove(self.database.engine.sync_engine, "before_cursor_execute", _see)
        names = ("take_due finds", "take_due marks", "take_due reads", "next_due")
        word = "EXPLAIN QUERY PLAN" if self.engine == "SQLite" else "EXPLAIN"
        told = []
        async with self.database.begin() as connection:
            for name, (statement, parameters) in zip(names, seen, strict=True):
                plan = await connection.exec_driver_sql(f"{word} {statement}", parameters)
                told.append((name, [str(row[-1]) for row in plan]))
        return told

    def _next(self) -> SqlStore:
        self.rounds += 1
        self.clock.at = reached(self.rounds, self.waiting)
        return SqlStore(self.database)


async def filled(engine: str, url: str, waiting: int) -> Rows:
    """Make a database with as many clients, each of whom has a rhythm and a prompt that waits."""
    ring = KeyRing.new()
    rows = Rows(engine=engine, waiting=waiting, url=url, ring=ring, database=await open_database(url, ring))
    t, places = rows.database.tables, shuffled(waiting)
    for first in range(0, waiting, CHUNK):
        some = range(first, min(first + CHUNK, waiting))
        async with rows.database.begin() as connection:
            for table, made in _rows_of(t.person, t.address, t.rhythm, t.reminder, ring, places, some):
                await connection.execute(insert(table), made)
    async with rows.database.engine.connect() as connection:
        if engine == "SQLite":
            await connection.exec_driver_sql("COMMIT")
            await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            await connection.exec_driver_sql("BEGIN")
        else:
            own = await connection.execution_options(isolation_level="AUTOCOMMIT")
            await own.exec_driver_sql("VACUUM ANALYZE")
    return rows


def _rows_of(
    person: Table, address: Table, rhythm: Table, reminder: Table, ring: KeyRing, places: Sequence[int], some: range
) -> Iterator[tuple[Table, Sequence[Mapping[str, Any]]]]:
    """Make the rows of some clients, numbered from 1."""
    zone, since = ZoneInfo(ZONE), FIRST - timedelta(days=1)
    usual = Rhythm(zone=ZONE, at=FIRST.time(), days=(0, 1, 2, 3, 4, 5, 6), anchor="after coffee").model_dump(
        mode="json"
    )
    at = {n: due_at(places[n], len(places)).astimezone(zone) for n in some}
    chats = {n: Address(channel="telegram", bot="123456", chat=str(700_000_000 + n)) for n in some}
    yield person, [{"id": n + 1, "name": "Ann", "at": since} for n in some]
    yield (
        address,
        [
            {
                "person_id": n + 1,
                "lookup": lookup_of(ring, chat),
                "value": {"channel": chat.channel, "bot": chat.bot, "chat": chat.chat},
                "preferred": True,
            }
            for n, chat in chats.items()
        ],
    )
    yield rhythm, [{"person_id": n + 1, "value": {**usual, "at": at[n].time().isoformat()}, "at": since} for n in some]
    yield (
        reminder,
        [
            {
                "person_id": n + 1,
                "kind": PROMPT,
                "local_date": local.date().isoformat(),
                "slot": f"{ZONE} {local:%H:%M}",
                "due_at": local,
                "state": "waiting",
            }
            for n, local in at.items()
        ],
    )


# --- a job per client ---------------------------------------------------------------------------------------------


def prompt(client: int) -> None:
    """Be what every job calls; nothing calls it here."""


class Handed(BaseExecutor):  # type: ignore[misc]  # it has no types
    """An executor that is handed jobs and counts them: what a job does is not what is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def submit_job(self, job: Any, run_times: Any) -> None:
        """Count."""
        self.count += 1

    def _do_submit_job(self, job: Any, run_times: Any) -> None:
        raise NotImplementedError("jobs are counted before they come here")


class Awake(BaseScheduler):  # type: ignore[misc]  # it has no types
    """A scheduler that wakes when it is told to, as its loop would wake it."""

    def shutdown(self, wait: bool = True) -> None:
        """Stop."""
        super().shutdown(wait)

    def wakeup(self) -> None:
        """Leave it to `wake`."""

    def wake(self) -> None:
        """Do what every scheduler does when it wakes."""
        self._process_jobs()


@dataclass(kw_only=True)
class Jobs:
    """A job store in which so many clients have a job each."""

    waiting: int
    sql: Engine
    taken: Taken = field(default_factory=Taken)
    rounds: int = 0
    handed: Handed = field(default_factory=Handed)
    scheduler: Awake = field(init=False)

    def __post_init__(self) -> None:
        """Fill the store."""
        self._begin()
        store, places, zone = self.store, shuffled(self.waiting), ZoneInfo(ZONE)
        for first in range(0, self.waiting, CHUNK):
            jobs = []
            for n in range(first, min(first + CHUNK, self.waiting)):
                at = due_at(places[n], self.waiting)
                local = at.astimezone(zone)
                job = Job(
                    self.scheduler,
                    id=str(n + 1),
                    name="prompt",
                    func="tests.benchmarks.due:prompt",
                    args=(n + 1,),
                    kwargs={},
                    trigger=CronTrigger(hour=local.hour, minute=local.minute, second=local.second, timezone=zone),
                    executor="default",
                    misfire_grace_time=None,
                    coalesce=True,
                    max_instances=1,
                    next_run_time=at,
                )
                state = pickle.dumps(job.__getstate__(), store.pickle_protocol)
                jobs.append({"id": job.id, "next_run_time": at.timestamp(), "job_state": state})
            with self.sql.begin() as connection:
                connection.execute(insert(store.jobs_t), jobs)

    @property
    def name(self) -> str:
        """Name it as the table does."""
        return f"{'APScheduler':<12}{self.waiting:>10,} jobs"

    @property
    def store(self) -> Any:
        """Give the scheduler's job store."""
        return self.scheduler._lookup_jobstore("default")

    async def round(self, *, keep: bool) -> None:
        """Time fetching what has come due, a whole wake with it, and one with nothing due."""
        now = self._next()
        found = await self.taken.timed("fetch", lambda: _at(now, lambda: self.store.get_due_jobs(now)), keep=keep)
        _right(DUE, len(found))
        before = self.handed.count
        await self.taken.timed("due", lambda: _at(now, self.scheduler.wake), keep=keep)
        await self.taken.timed("idle", lambda: _at(now, self.scheduler.wake), keep=keep)
        _right(DUE, self.handed.count - before)
        await self.taken.timed("next", lambda: _at(now, self.store.get_next_run_time), keep=keep)

    async def watch(self) -> None:
        """Watch the memory of one wake."""
        now, before = self._next(), self.handed.count
        await self.taken.watched("due", lambda: _at(now, self.scheduler.wake))
        _right(DUE, self.handed.count - before)

    async def start(self, *, keep: bool) -> None:
        """Time how long it takes to start on the filled store and to find that nothing is due."""
        self.scheduler.shutdown()

        def started() -> None:
            self._begin()
            self.scheduler.wake()

        now = reached(self.rounds, self.waiting)
        await self.taken.timed("start", lambda: _at(now, started), keep=keep)

    async def load(self) -> None:
        """Time how long it takes to load every job, as listing or changing them all does; then watch the memory."""
        now = reached(self.rounds, self.waiting)
        for measure in (self.taken.timed, self.taken.watched):
            _right(self.waiting, len(await measure("load", lambda: _at(now, self.store.get_all_jobs))))

    def _begin(self) -> None:
        store = SQLAlchemyJobStore(engine=self.sql)
        self.scheduler = Awake(jobstores={"default": store}, executors={"default": self.handed}, timezone="UTC")
        self.scheduler.start()

    def _next(self) -> datetime:
        self.rounds += 1
        return reached(self.rounds, self.waiting)


def job_engine(file: Path) -> Engine:
    """Open a file for the job store as Coxa opens its own."""
    engine = create_engine(f"sqlite:///{file}")

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _: Any) -> None:
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    return engine


async def _at(now: datetime, call: Callable[[], Any]) -> Any:
    """Call something of APScheduler, which looks at the clock by itself, at an instant."""

    class Then(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return now.astimezone(tz)

    with mock.patch("apscheduler.schedulers.base.datetime", Then):
        return call()


def _right(wanted: object, found: object) -> None:
    """Make sure that what is timed did its work."""
    if wanted != found:
        raise SystemExit(f"wanted {wanted}, found {found}: this run measures nothing")


# --- the run ------------------------------------------------------------------------------------------------------


async def measure(folder: Path, server: Server, few: int, many: int, jobs: int, rounds: int) -> None:
    """Fill, measure, and print."""
    began = time.perf_counter()
    sizes = (few, many)
    rows = [
        *[await filled("SQLite", f"sqlite:///{folder / str(n)}/coxa.db", n) for n in sizes],
        *[await filled("PostgreSQL", server.new_database(), n) for n in sizes],
    ]
    told = Jobs(waiting=jobs, sql=job_engine(folder / "jobs.db"))
    server.run(*(f"ALTER SYSTEM RESET {setting}" for setting in DURABLE), "SELECT pg_reload_conf()", "CHECKPOINT")
    say(f"filled in {time.perf_counter() - began:.0f} s; {rounds} rounds, in each of which {DUE} more come due\n")

    places: list[Rows | Jobs] = [*rows, told]
    for number in range(WARM + rounds):
        for place in _turned(places, number):
            await place.round(keep=number >= WARM)
    for _ in range(WATCHED):
        for place in places:
            await place.watch()
    for number in range(1 + STARTS):
        for place in _turned(places, number):
            await place.start(keep=number > 0)
    await told.load()

    _print_times(rows, told)
    for place in (rows[1], rows[3]):
        say(f"\nhow {place.engine} looks things up, {place.waiting:,} waiting")
        for name, lines in await place.plans():
            say("\n".join(f"  {name if not n else '':<16}{line}" for n, line in enumerate(lines)))
    for place in rows:
        await place.database.close()
    told.scheduler.shutdown()


def _turned(places: Sequence[Rows | Jobs], number: int) -> Sequence[Rows | Jobs]:
    """Turn the order from round to round, so that nobody always comes after the same one."""
    begin = number % len(places)
    return [*places[begin:], *places[:begin]]


def _print_times(rows: Sequence[Rows], told: Jobs) -> None:
    say(f"{'milliseconds, median':<34}{f'{DUE} due':>9}{'slowest':>9}{'none due':>9}{'next':>8}{'start':>8}{'MB':>7}")
    places: Sequence[Rows | Jobs] = [*rows, told]
    for place in places:
        taken = place.taken
        middle = "".join(f"{taken.median(what):>{w}.1f}" for what, w in (("idle", 9), ("next", 8), ("start", 8)))
        say(f"{place.name:<34}{taken.median('due'):>9.1f}{taken.worst('due'):>9.1f}{middle}{taken.peak('due'):>7.2f}")
    say("(start: open the database, check schema and key, first tick; MB: the most that a tick with 100 due holds)\n")
    for few, many in zip(rows[::2], rows[1::2], strict=True):
        times = {what: many.taken.median(what) / few.taken.median(what) for what in ("due", "idle", "next", "start")}
        held = many.taken.peak("due") / few.taken.peak("due")
        goal = f"goal: under {GOAL:g}, {'met' if times['due'] < GOAL else 'MISSED'}"
        say(f"{many.engine}: a tick costs {times['due']:.2f} times as much with {many.waiting:,} waiting as with")
        say(f"  {few.waiting:,} ({goal}); with nothing due {times['idle']:.2f}, next_due {times['next']:.2f},")
        say(f"  start {times['start']:.2f}, memory {held:.2f} times")
    taken, ours = told.taken, rows[1].taken
    say(f"APScheduler with {told.waiting:,} jobs on SQLite, beside {rows[1].waiting:,} reminders there:")
    say(f"  a wake with {DUE} due takes {taken.median('due') / ours.median('due'):.1f} times as long as a tick")
    start = taken.median("start") / ours.median("start")
    say(f"  ({taken.median('fetch'):.1f} ms of it to fetch), a start {start:.2f} times;")
    load = f"{taken.median('load') / 1000:.1f} s and {taken.peak('load'):.0f} MB"
    say(f"  to load all its jobs takes {load}, a tick loads none")


def say(line: str) -> None:
    """Print a line at once: a run takes minutes."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Read how much is asked, and run."""
    given = [int(word) for word in sys.argv[1:]]
    few, many, jobs, rounds = (given + [10_000, 1_000_000, 100_000, 20][len(given) :])[:4]
    least = (WARM + rounds + WATCHED + 2) * DUE
    if min(few, many, jobs) < least:
        raise SystemExit(f"{rounds} rounds need {least:,} reminders or jobs; give more of them, or fewer rounds")
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="coxa-due-") as folder, running() as server:
        asyncio.run(measure(Path(folder), server, few, many, jobs, rounds))


if __name__ == "__main__":
    main()
