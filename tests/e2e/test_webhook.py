"""`coxa serve --webhook` as processes: a screening that outlives one of two, and what one process answers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import aiohttp

from bot.channels.telegram import WANTED
from bot.storage.store import SqlStore
from bot.web.hook import SECRET as HEADER
from bot.wiring import open_store
from bot.workflow.ports import Address, DueRow, Message
from rules import Screen
from tests.chaos.town import TOKEN, WEBHOOK, Replica, Spread, replica_of
from tests.e2e.phone import PATIENCE, Phone, until
from tests.played import STARTS, settings_in
from tests.telegram_double import Double, hang, serve, server_error
from tests.telegram_double.render import render_text

ANN = Address(channel="telegram", bot="123456", chat="42")


@asynccontextmanager
async def served(home: Path, count: int, **more: str) -> AsyncIterator[tuple[Double, list[Replica], Spread]]:
    """Serve a double by so many processes; they end afterwards."""
    spread = Spread()
    double = Double(token=TOKEN, webhook_post=spread)
    async with serve(double) as url:
        replicas = [replica_of(home, url, more, spread) for _ in range(count)]
        try:
            for replica in replicas:
                await replica.start()
            yield double, replicas, spread
        finally:
            for replica in replicas:
                await replica.__aexit__()
            await spread.close()


async def asked(port: int, path: str) -> tuple[int, str]:
    """Ask a process; 0 where it does not listen."""
    try:
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as answer:
            return answer.status, await answer.text()
    except aiohttp.ClientConnectionError:
        return 0, ""


async def until_ready(port: int) -> None:
    """Wait until a process may be given work."""
    async with asyncio.timeout(PATIENCE):
        while (await asked(port, "/readyz"))[0] != 200:  # noqa: ASYNC110  # there is no event to wait for
            await asyncio.sleep(0.1)


async def test_a_screening_outlives_one_of_two_processes(tmp_path: Path, postgres_url: str, screen: Screen) -> None:
    async with served(tmp_path, 2, COXA_DATABASE_URL=postgres_url) as (double, replicas, spread):
        ann = double.user(42, first_name="Ann", language_code="en")
        phone = Phone(ann, screen)
        for port in spread.ports:
            await until_ready(port)
        await phone.begin()
        assert not await phone.play(steps=8)

        # The one that heard the answer is killed while its own answer hangs, as likely as not; the other goes on.
        message = await phone.asked_now()
        hanging = double.fault("editMessageText", hang(), chat=42)
        await phone.answer(message)
        await until(lambda: hanging.used == 1)
        [killed] = [replica for replica in replicas if replica.port == spread.last]
        [left] = [replica for replica in replicas if replica is not killed]
        await killed.kill()
        double.faults.scripts.remove(hanging)
        if not await heard(left, "by a process that is gone"):
            hanging.release()  # it hung in the other one
        assert await phone.play(), f"{double.journal.text()[-3000:]}\n{left.log.read_text()[-3000:]}"

        assert "Turning is limited" in render_text(ann, width=200)
        assert double.journal.unfetched() == []
        assert double.journal.out_of_order() == []
        assert len(double.journal.repeats()) <= 1, double.journal.repeats()
        assert await left.stop() == 0


async def heard(replica: Replica, words: str) -> bool:
    """Wait a while until a process has logged something; False where it has not."""
    for _ in range(120):
        if words in replica.log.read_text():
            return True
        await asyncio.sleep(0.1)
    return False


async def test_one_process_hears_its_webhook_and_is_asked_how_it_is(tmp_path: Path, screen: Screen) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        inside = int(free.getsockname()[1])
    more = {"COXA_METRICS_LISTEN": f"127.0.0.1:{inside}"}
    async with served(tmp_path, 1, **more) as (double, [replica], spread):
        script = double.fault("getMe", server_error(), times=None)
        await until(lambda: script.used > 0)
        assert await asked(inside, "/healthz") == (200, "ok")
        assert await asked(inside, "/readyz") == (503, "telegram")
        script.cancel()
        [port] = spread.ports
        await until_ready(port)
        assert await asked(inside, "/readyz") == (200, "ok")
        info = double.updates.webhook_info()
        assert (info["url"], info["max_connections"]) == (WEBHOOK, 40)
        assert info["allowed_updates"] == sorted(WANTED)
        [call] = double.journal.calls("setWebhook")
        assert call.params["drop_pending_updates"] == "false"
        forged = {"update_id": 1, "message": {"message_id": 1, "date": 1, "chat": {"id": 42, "type": "private"}}}
        async with aiohttp.ClientSession() as session:
            where = f"http://127.0.0.1:{port}/telegram"
            async with session.post(where, json=forged, headers={HEADER: "guessed" * 6}) as answer:
                assert answer.status == 403
            async with session.post(f"http://127.0.0.1:{inside}/telegram", json=forged) as answer:
                assert answer.status == 404
        phone = Phone(double.user(42, first_name="Ann", language_code="en"), screen)
        await phone.begin()
        assert await replica.stop() == 0
        assert await asked(port, "/healthz") == (0, "")


async def test_without_a_secret_nothing_is_served(tmp_path: Path) -> None:
    replica = Replica(tmp_path, "http://127.0.0.1:9", TOKEN, COXA_WEBHOOK_URL=WEBHOOK)
    replica.arguments = ("--webhook",)
    async with replica:
        assert await replica.ends() == 2
    assert "COXA_WEBHOOK_SECRET is not set" in replica.log.read_text()


async def test_what_a_process_that_is_gone_was_sending_is_taken_over(tmp_path: Path, postgres_url: str) -> None:
    async with store_at(tmp_path, postgres_url) as left:
        async with store_at(tmp_path, postgres_url) as gone:
            async with gone.turns() as turns:
                person = await turns.person_at(ANN, "Ann", STARTS)
                await turns.put_out(person, None, Message(text="hello"), "reply", STARTS)
            [row] = await gone.claim_outgoing(10, STARTS)
            assert [await left.take_over(STARTS) for _ in range(3)] == [0, 0, 0]  # it is there
            assert await left.claim_outgoing(10, STARTS) == ()
        assert [await left.take_over(STARTS) for _ in range(3)] == [0, 1, 0]  # one look could meet a moment without
        [again] = await left.claim_outgoing(10, STARTS)
        assert (again.id, again.uncertain) == (row.id, True)
        assert [await left.take_over(STARTS) for _ in range(2)] == [0, 0]  # what is ours is not taken from us


async def test_the_daily_round_is_made_by_one(tmp_path: Path, postgres_url: str) -> None:
    keep, texts = timedelta(days=730), timedelta(days=90)
    later = STARTS + timedelta(days=800)
    async with store_at(tmp_path, postgres_url) as one, store_at(tmp_path, postgres_url) as other:
        async with one.turns() as turns:
            await turns.person_at(ANN, "Ann", STARTS)
        told = await asyncio.gather(*(store.sweep(later, keep=keep, texts=texts) for store in (one, other) * 3))
        assert sum(told) == 1
        assert [len(await due_of(store, later)) for store in (one, other)] == [1, 0]


async def due_of(store: SqlStore, at: datetime) -> Sequence[DueRow]:
    """Take what is due."""
    async with store.turns() as turns:
        return await turns.take_due(10, at)


@asynccontextmanager
async def store_at(home: Path, url: str) -> AsyncIterator[SqlStore]:
    """Open a database as one process does."""
    async with open_store(settings_in(home, url), memory=False) as store:
        yield store
