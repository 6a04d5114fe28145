"""Figures for Prometheus at /metrics: what this process did, and how the database stands. No label carries a person."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.workflow.ports import Clock
from bot.workflow.watch import FAILED, Doing, Standing, Waiting

log = logging.getLogger(__name__)

FRESH = timedelta(seconds=10)
"""How long what was read from the database is shown again, however often it is asked for."""
READ_SECONDS = 5.0
"""How long the database may take. A proposal: half of what Prometheus waits for."""
OUTCOMES = ("sent", "later", "never_left", "uncertain", "server", "gone", "blocked", "refused", FAILED)
"""How a call that sends a message may end: as the kinds of SendError say."""
URGENCIES = ("emergency", "urgent", "clinician", "coach")
TURN_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics(Collector):
    """Keeps the figures of one process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.standing: Callable[[datetime], Awaitable[Standing]] | None = None
        """Reads how the database stands; None while it is not open yet."""
        self.newest_backup: Callable[[], datetime | None] | None = None
        """Tells when the newest backup was made; None where this process makes none."""
        self._read: Standing | None = None
        self._read_at: datetime | None = None
        self._turn = asyncio.Lock()
        self.registry = CollectorRegistry()
        made: dict[str, Any] = {"registry": self.registry}
        self._updates = Counter("coxa_updates", "Updates of Telegram that were new", **made)
        self._turns = Histogram(
            "coxa_turn_seconds", "Time of an event's turn: its share of its batch", buckets=TURN_SECONDS, **made
        )
        self._sends = Counter("coxa_sends", "Calls that send or edit a message, by how they ended", ["outcome"], **made)
        self._reminders = Counter("coxa_reminders", "Reminders that came due here", **made)
        self._failures = Counter("coxa_step_failures", "Steps of the work that raised", ["step"], **made)
        for outcome in OUTCOMES:  # a rate needs to see a counter at nought
            self._sends.labels(outcome)
        for step in ("receive", "handle", "due"):
            self._failures.labels(step)
        ProcessCollector(registry=self.registry)
        self.registry.register(self)

    def ended(self, doing: Doing) -> None:
        """Count a step of the work that has ended."""
        match doing.step:
            case "deliver":
                self._sends.labels(doing.outcome if doing.outcome in OUTCOMES else FAILED).inc()
            case step if doing.outcome == FAILED:
                self._failures.labels(step).inc()
            case "receive":
                self._updates.inc(doing.count)
            case "due":
                self._reminders.inc(doing.count)
            case "handle":
                for _ in range(doing.count):
                    self._turns.observe(doing.seconds / doing.count)

    def routes(self) -> list[Route]:
        """Give the page."""
        return [Route("/metrics", self._page)]

    async def _page(self, _: Request) -> Response:
        await self._look()
        return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)

    async def _look(self) -> None:
        """Read how the database stands, unless that was read just now; where it can't be read, nothing old is shown."""
        async with self._turn:
            now = self._clock.now()
            if self.standing is None or (self._read_at is not None and timedelta() <= now - self._read_at < FRESH):
                return
            self._read, self._read_at = None, now
            try:
                async with asyncio.timeout(READ_SECONDS):
                    self._read = await self.standing(now)
            except Exception as error:  # the database is in trouble, which is a figure, too
                log.warning("figures could not be read from the database (%s)", type(error).__name__)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Give what was read last."""
        yield GaugeMetricFamily("coxa_database_up", "Whether the database was read", value=self._read is not None)
        if self.newest_backup is not None and (newest := self.newest_backup()) is not None:
            yield _gauge("coxa_backup_age_seconds", "Age of the newest backup", self._age(newest))
        if self._read is None:
            return
        read = self._read
        for name, what, waiting in (
            ("coxa_inbox", "Events to be handled", read.inbox),
            ("coxa_outbox", "Messages to be sent", read.outbox),
        ):
            yield _gauge(f"{name}_waiting", what, waiting.count)
            yield _gauge(f"{name}_oldest_seconds", f"{what}: how long the first has waited", self._age(waiting.since))
        yield _gauge("coxa_inbox_aside", "Events that could not be handled", read.aside)
        yield _gauge("coxa_outbox_failed", "Messages that were given up", read.failed)
        yield _gauge("coxa_reminders_due", "Reminders that are due and not yet in the inbox", read.reminders.count)
        late = self._age(read.reminders.since)
        yield _gauge("coxa_reminders_late_seconds", "How late the first of them is", late)
        yield _gauge("coxa_emergencies_unowned", "Alerts of an emergency nobody looked at", read.emergencies.count)
        since = self._age(read.emergencies.since)
        yield _gauge("coxa_emergencies_unowned_oldest_seconds", "How long the first of them has stood", since)
        flags = GaugeMetricFamily("coxa_flags_open", "Open flags", labels=["urgency"])
        ages = GaugeMetricFamily("coxa_flags_oldest_seconds", "Age of the oldest of them", labels=["urgency"])
        for urgency in URGENCIES:
            held = read.flags.get(urgency, Waiting())
            flags.add_metric([urgency], held.count)
            ages.add_metric([urgency], self._age(held.since))
        yield from (flags, ages)
        screenings = GaugeMetricFamily("coxa_screenings", "Clients who came to a step so far", labels=["step"])
        for step, count in read.screenings.items():
            screenings.add_metric([step], count)
        yield screenings

    def _age(self, since: datetime | None) -> float:
        return max((self._clock.now() - since).total_seconds(), 0.0) if since is not None else 0.0


def _gauge(name: str, what: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, what, value=value)
