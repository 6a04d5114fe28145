"""A `coxa serve` that polls, watched from outside: its figures after a run, and nothing in them of anybody."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

from rules import Screen
from tests.e2e.phone import PATIENCE, Phone, Served
from tests.telegram_double import Double, serve
from tests.web.test_metrics import figures_of, got

NAME, CHAT = "Sentinella", 4711998811
TOKEN = "987654321:SentinelTokenSecretOfABot"  # noqa: S105  # of a made-up bot


async def test_a_run_is_seen_in_the_figures_and_nobody_is(tmp_path: Path, screen: Screen) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        inside = f"127.0.0.1:{free.getsockname()[1]}"
    double, more = Double(token=TOKEN), {"COXA_METRICS_LISTEN": inside, "COXA_LOG": "json"}
    async with serve(double) as url, Served(tmp_path, url, TOKEN, **more) as served:
        ann = double.user(CHAT, first_name=NAME, language_code="en")
        phone = Phone(ann, screen)
        await phone.begin()
        await phone.play(steps=4)
        await ann.says("sentinel words of mine")
        await double.quiet(0.5)
        wanted = len(double.journal.updates())
        async with asyncio.timeout(PATIENCE):
            while True:
                status, page = await got(f"http://{inside}/metrics")
                figures = figures_of(page)
                if figures.get(("coxa_turn_seconds_count", "")) == wanted:
                    break
                await asyncio.sleep(0.2)
        assert status == 200
        assert figures["coxa_updates_total", ""] == wanted
        said = [call for kind in ("sendMessage", "editMessageText") for call in double.journal.calls(kind)]
        assert 0 < figures["coxa_sends_total", "sent"] <= len(said)
        assert figures["coxa_database_up", ""] == 1
        assert figures["coxa_inbox_aside", ""] == 0
        assert figures["coxa_emergencies_unowned", ""] == 0
        assert figures["process_resident_memory_bytes", ""] > 0
        assert await served.stop() == 0
    records = [json.loads(line) for line in served.log.read_text().splitlines()]
    assert {"Stopped. Everything is kept."} <= {record["event"] for record in records}
    for personal in (NAME, str(CHAT), "sentinel", *TOKEN.split(":")):
        assert personal not in page
        assert personal not in served.log.read_text()
