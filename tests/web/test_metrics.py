"""/metrics: what was done is counted, what waits is read, and no figure says anything of a person."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.coaching.alerts import Alert, Reason
from bot.conversation.effects import KeepAlert, KeepAnswer, KeepConsent, RaiseFlag, Remind
from bot.storage.store import SqlStore
from bot.timetable.rhythm import Slot
from bot.web.health import Health
from bot.web.listen import listening
from bot.web.metrics import Metrics
from bot.wiring import open_store
from bot.workflow.ports import Address, Message, Raw
from bot.workflow.watch import Standing, Watch
from rules import Flag
from tests.fakes import FakeClock
from tests.played import settings_in

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
DEPLOY = Path(__file__).parents[2] / "deploy"
NAME, CHAT, WORDS = "Sentinella", "4711998811", "sentinel words"
ANN = Address(channel="telegram", bot="123456", chat=CHAT)
Figures = Mapping[tuple[str, str], float]


async def got(url: str) -> tuple[int, str]:
    """Get a page."""
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.text()


async def scraped(metrics: Metrics) -> tuple[str, Figures]:
    """Ask as Prometheus does; give the page, and its figures by name and the values of their labels."""
    app = Health(asyncio.Event()).app(metrics.routes())
    async with listening(app, "127.0.0.1", 0) as listener:
        status, page = await got(f"http://127.0.0.1:{listener.port}/metrics")
    assert status == 200
    return page, figures_of(page)


def figures_of(page: str) -> Figures:
    """Read a page: its figures, by name and the values of their labels."""
    families = text_string_to_metric_families(page)
    samples = [sample for family in families for sample in family.samples]
    return {(sample.name, ",".join(sample.labels.values())): sample.value for sample in samples}


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str | None:
    return str(request.getfixturevalue("postgres_url")) if request.param == "postgresql" else None


ALERT = Alert(id="a", reasons=(Reason(kind="flag", what="saddle", urgency="emergency", at=NOW, words=WORDS),), steps=())


async def fill(store: SqlStore) -> None:
    """Let Ann come, agree, answer, tell of an emergency, and wait for an answer; her reminder is due."""
    flag = Flag(id="saddle", row="1", urgency="emergency", action="lock", because=(), source="made up")
    slot = Slot(kind="prompt", local_date=NOW.date(), slot="daily", due_at=NOW + timedelta(seconds=30))
    async with store.turns() as turns:
        ann = await turns.person_at(ANN, NAME, NOW)
        await turns.person_at(Address(channel="telegram", bot="123456", chat="2"), "Bob", NOW)
        await turns.keep(ann, KeepConsent(version="1", given=True), NOW)
        await turns.keep(ann, KeepAnswer(screening="hip", path="f1.left.level", value="clear", how="tapped"), NOW)
        await turns.keep(ann, RaiseFlag(flag=flag, own_words=WORDS), NOW)
        await turns.keep(ann, KeepAlert(alert=ALERT), NOW)
        await turns.keep(ann, Remind(slot=slot), NOW)
        await turns.put_out(ann, None, Message(text=WORDS), "reply", NOW)
        await turns.put_out(ann, None, Message(text=WORDS), "reply", NOW + timedelta(seconds=10))
    await store.receive([Raw(source="telegram", key="123456:1", body={"text": WORDS}, at=NOW, chat=f"telegram:{CHAT}")])


async def test_what_waits_is_read_from_the_database(tmp_path: Path, database: str | None) -> None:
    clock = FakeClock(NOW)
    metrics = Metrics(clock)
    async with open_store(settings_in(tmp_path, database), memory=False) as store:
        metrics.standing = store.figures.standing
        await fill(store)
        await store.claim_outgoing(10, NOW)  # one is being sent, and one waits behind it
        clock.at = NOW + timedelta(seconds=100)
        page, figures = await scraped(metrics)
        wanted = {
            ("coxa_database_up", ""): 1,
            ("coxa_inbox_waiting", ""): 1,
            ("coxa_inbox_oldest_seconds", ""): 100,
            ("coxa_inbox_aside", ""): 0,
            ("coxa_outbox_waiting", ""): 2,
            ("coxa_outbox_oldest_seconds", ""): 100,
            ("coxa_outbox_failed", ""): 0,
            ("coxa_reminders_due", ""): 1,
            ("coxa_reminders_late_seconds", ""): 70,
            ("coxa_emergencies_unowned", ""): 1,
            ("coxa_emergencies_unowned_oldest_seconds", ""): 100,
            ("coxa_flags_open", "emergency"): 1,
            ("coxa_flags_open", "urgent"): 0,
            ("coxa_flags_oldest_seconds", "emergency"): 100,
            ("coxa_screenings", "came"): 2,
            ("coxa_screenings", "agreed"): 1,
            ("coxa_screenings", "answered"): 1,
            ("coxa_screenings", "assessed"): 0,
        }
        assert {name: figures[name] for name in wanted} == wanted
        for personal in (NAME, CHAT, WORDS, "saddle", "f1"):
            assert personal not in page

        # Somebody looks at the emergency; an event is set aside, a message given up.
        seen = ALERT.model_copy(update={"state": "acknowledged"})
        async with store.turns() as turns:
            ann = await turns.person_at(ANN, NAME, clock.at)
            await turns.keep(ann, KeepAlert(alert=seen), clock.at)
            [row] = await turns.pending(10, clock.at, {"telegram"})
            await turns.set_aside(row, "a trace", clock.at)
        assert (await scraped(metrics))[1]["coxa_emergencies_unowned", ""] == 1  # read just now
        clock.at += timedelta(minutes=6)
        figures = (await scraped(metrics))[1]
        assert figures["coxa_emergencies_unowned", ""] == 0
        assert figures["coxa_inbox_waiting", ""] == 0
        assert figures["coxa_inbox_aside", ""] == 1


async def test_what_is_done_is_counted() -> None:
    metrics = Metrics(FakeClock(NOW))
    watch = Watch(metrics.ended)
    with watch("receive") as doing:
        doing.count = 3
    with watch("handle") as doing:
        doing.count = 2
    with watch("handle"):
        pass  # nothing was there
    with watch("due") as doing:
        doing.count = 4
    for outcome in ("sent", "sent", "blocked", "of a kind that nobody foresaw"):
        with watch("deliver") as doing:
            doing.outcome = outcome
    with suppress(ZeroDivisionError), watch("handle"):
        raise ZeroDivisionError
    _, figures = await scraped(metrics)
    assert figures["coxa_updates_total", ""] == 3
    assert figures["coxa_turn_seconds_count", ""] == 2
    assert figures["coxa_reminders_total", ""] == 4
    assert figures["coxa_sends_total", "sent"] == 2
    assert figures["coxa_sends_total", "blocked"] == 1
    assert figures["coxa_sends_total", "failed"] == 1
    assert figures["coxa_sends_total", "refused"] == 0
    assert figures["coxa_step_failures_total", "handle"] == 1
    assert figures["coxa_step_failures_total", "due"] == 0


async def test_where_the_database_cannot_be_read_nothing_old_is_shown() -> None:
    clock, down = FakeClock(NOW), asyncio.Event()

    async def standing(_: datetime) -> Standing:
        if down.is_set():
            raise ConnectionError("no")
        return Standing()

    metrics = Metrics(clock)
    assert (await scraped(metrics))[1]["coxa_database_up", ""] == 0  # not open yet
    metrics.standing = standing
    assert ("coxa_inbox_waiting", "") in (await scraped(metrics))[1]
    down.set()
    clock.at += timedelta(seconds=11)
    _, figures = await scraped(metrics)
    assert figures["coxa_database_up", ""] == 0
    assert ("coxa_inbox_waiting", "") not in figures
    assert ("coxa_updates_total", "") in figures


async def test_every_alert_and_panel_asks_for_a_figure_that_is_there() -> None:
    async def standing(_: datetime) -> Standing:
        return Standing(screenings={"came": 1})

    metrics = Metrics(FakeClock(NOW))
    metrics.standing, metrics.newest_backup = standing, lambda: NOW - timedelta(hours=1)
    page, figures = await scraped(metrics)
    assert figures["coxa_backup_age_seconds", ""] == 3600
    there = {name for name, _ in figures}
    panels: list[dict[str, Any]] = json.loads((DEPLOY / "grafana/dashboards/coxa.json").read_text())["panels"]
    asked = " ".join(target["expr"] for panel in panels for target in panel["targets"])
    asked += (DEPLOY / "alerts.yaml").read_text()
    named = set(re.findall(r"\b(?:coxa|process)_\w+", asked))
    assert len(named) > 12
    assert named - there == set()
    labels = {label for one in re.findall(r"\{(.*?)\}", page) for label in re.findall(r"(\w+)=", one)}
    assert labels <= {"outcome", "urgency", "step", "le"}
