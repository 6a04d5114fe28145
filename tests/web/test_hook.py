"""The webhook over real HTTP: who is refused and how early, and that 200 means stored."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from sqlalchemy import func, select, table

from bot.channels.telegram import make_telegram
from bot.storage.database import make_engine
from bot.storage.store import SqlStore
from bot.web.health import Health
from bot.web.hook import LARGEST, SECRET, Hook
from bot.web.listen import PlaceTaken, listening
from bot.wiring import open_store
from bot.workflow.intake import Intake
from bot.workflow.ports import Raw
from bot.workflow.receive import receive
from tests.fakes import FakeClock
from tests.played import settings_in
from tests.postgres import Server

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
OURS = "made-up-made-up-made-up-made-up-made-up"  # pragma: allowlist secret
WITH = {SECRET: OURS}


class Kept:
    """What was brought, one by one; `gate` holds it up, `error` refuses it."""

    def __init__(self) -> None:
        self.raws: list[Raw] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun = asyncio.Event()
        self.error: Exception | None = None

    async def keep(self, raw: Raw) -> None:
        self.begun.set()
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        self.raws.append(raw)


@dataclass
class House:
    """A webhook that listens."""

    port: int
    kept: Kept
    session: aiohttp.ClientSession

    async def post(self, body: bytes, headers: dict[str, str] = WITH, path: str = "/telegram") -> int:
        """Post, and give the status of the answer."""
        async with self.session.post(f"http://127.0.0.1:{self.port}{path}", data=body, headers=headers) as answer:
            await answer.read()
            return answer.status

    async def begun(self, *lines: str) -> int:
        """Send the beginning of a request, which goes on for ever, and give the status of the answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write("\r\n".join(["POST /telegram HTTP/1.1", "Host: x", *lines]).encode())
            await writer.drain()
            async with asyncio.timeout(20):
                return int((await reader.readline()).split()[1])
        finally:
            writer.close()


@pytest.fixture
async def house() -> AsyncIterator[House]:
    kept = Kept()
    telegram = make_telegram("123456:TEST", "http://127.0.0.1:9/bot")
    hook = Hook("/telegram", OURS, FakeClock(NOW), telegram.raw, kept.keep)
    app = hook.app(Health(asyncio.Event()).routes())
    async with listening(app, "127.0.0.1", 0) as listener, aiohttp.ClientSession() as session:
        yield House(listener.port, kept, session)


def update(number: int, text: str = "hi") -> bytes:
    """Give an update as Telegram brings it."""
    person = {"id": 42, "is_bot": False, "first_name": "Ann"}
    message = {"message_id": number, "date": 1, "chat": {"id": 42, "type": "private"}, "from": person, "text": text}
    return json.dumps({"update_id": number, "message": message}).encode()


async def test_an_update_with_the_secret_is_kept_as_one_that_was_polled(house: House) -> None:
    assert await house.post(update(7)) == 200
    [raw] = house.kept.raws
    assert (raw.source, raw.key, raw.chat) == ("telegram", "123456:7", "telegram:123456:42")
    assert raw.body == json.loads(update(7))
    assert raw.at == NOW


@pytest.mark.parametrize("headers", [{}, {SECRET: ""}, {SECRET: OURS[:-1]}, {SECRET: f"{OURS}x"}, {SECRET: "ü" * 40}])
async def test_nobody_without_the_secret_is_heard(house: House, headers: dict[str, str]) -> None:
    assert await house.post(update(7), headers) == 403
    assert house.kept.raws == []


async def test_without_the_secret_the_body_is_not_even_read(house: House) -> None:
    assert await house.begun("Content-Length: 100", "", "only a few of them") == 403


async def test_what_says_that_it_is_too_large_is_not_read(house: House) -> None:
    assert await house.begun(f"{SECRET}: {OURS}", f"Content-Length: {LARGEST + 1}", "", "{") == 413
    assert house.kept.raws == []


async def test_what_grows_too_large_is_read_no_further(house: House) -> None:
    chunk = "f4240\r\n" + " " * 1_000_000 + "\r\n"
    assert (
        await house.begun(f"{SECRET}: {OURS}", "Transfer-Encoding: chunked", "", f"{chunk}1\r\n \r\n") == 413
    )  # and no end
    assert house.kept.raws == []


async def test_the_largest_is_read(house: House) -> None:
    body = update(7)
    assert await house.post(body + b" " * (LARGEST - len(body))) == 200
    assert len(house.kept.raws) == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
async def test_only_posts_are_heard(house: House, method: str) -> None:
    where = f"http://127.0.0.1:{house.port}/telegram"
    async with house.session.request(method, where, headers=WITH, data=update(7)) as answer:
        assert answer.status == 405
    assert house.kept.raws == []


@pytest.mark.parametrize("path", ["/", "/telegram/", "/telegram/x", "/Telegram", "/metrics", "/docs"])
async def test_no_other_path_is_heard(house: House, path: str) -> None:
    where = f"http://127.0.0.1:{house.port}{path}"
    async with house.session.post(where, headers=WITH, data=update(7)) as answer:
        assert answer.status == 404
    assert house.kept.raws == []


GARBAGE = {
    "nothing": b"",
    "no JSON": b"sentinel words",
    "no object": b"[1, 2]",
    "no number": b'{"message": {"text": "sentinel words"}}',
    "no UTF-8": b'{"update_id": 1, "x": "\xff\xfe"}',
    "a bottomless one": b"[" * 100_000,
    "an endless number": b'{"update_id": ' + b"9" * 10_000 + b"}",
}


@pytest.mark.parametrize("body", GARBAGE.values(), ids=GARBAGE.keys())
async def test_what_nobody_can_read_is_let_go_so_that_it_holds_up_nothing(
    house: House, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    assert await house.post(body) == 200
    assert house.kept.raws == []
    [record] = [one for one in caplog.records if one.levelno >= logging.ERROR]
    assert "let go" in record.getMessage()
    assert "sentinel" not in caplog.text
    assert await house.post(update(8)) == 200


async def test_nothing_is_answered_before_it_is_stored(house: House) -> None:
    house.kept.gate.clear()
    posting = asyncio.ensure_future(house.post(update(7)))
    await house.kept.begun.wait()
    assert (await asyncio.wait({posting}, timeout=0.3))[0] == set()
    house.kept.gate.set()
    assert await posting == 200


async def test_what_is_being_stored_when_we_stop_is_still_answered() -> None:
    kept = Kept()
    kept.gate.clear()
    hook = Hook("/telegram", OURS, FakeClock(NOW), make_telegram("1:T", "http://127.0.0.1:9/bot").raw, kept.keep)
    async with listening(hook.app(), "127.0.0.1", 0) as listener, aiohttp.ClientSession() as session:
        house = House(listener.port, kept, session)
        posting = asyncio.ensure_future(house.post(update(7)))
        await kept.begun.wait()
        closing = asyncio.ensure_future(listener.close())
        assert (await asyncio.wait({closing}, timeout=0.3))[0] == set()
        kept.gate.set()
        assert await posting == 200
        await closing
        with pytest.raises(aiohttp.ClientConnectorError):
            await house.post(update(8))


async def test_a_port_that_is_taken_is_said_to_be(house: House) -> None:
    with pytest.raises(PlaceTaken, match="in use"):
        async with listening(Health(asyncio.Event()).app(), "127.0.0.1", house.port):
            pass


# --- on a real database


async def in_inbox(url: str) -> int:
    """Count what is in the inbox, past the store."""
    engine = make_engine(url, "coxa-test")
    async with engine.connect() as connection:
        count = await connection.scalar(select(func.count()).select_from(table("inbox")))
    await engine.dispose()
    return int(count or 0)


def intake_of(store: SqlStore) -> Intake:
    """Store as the workflow does."""

    async def keep(raws: Sequence[Raw]) -> int:
        return await receive(store, raws)

    return Intake(keep)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    return str(request.getfixturevalue("postgres_url")) if request.param == "postgresql" else None


async def test_many_at_once_are_all_stored_once(tmp_path: Path, database: str | None) -> None:
    settings = settings_in(tmp_path, database)
    async with open_store(settings, memory=False) as store:
        telegram = make_telegram("123456:TEST", "http://127.0.0.1:9/bot")
        hook = Hook("/telegram", OURS, FakeClock(NOW), telegram.raw, intake_of(store).keep)
        async with listening(hook.app(), "127.0.0.1", 0) as listener, aiohttp.ClientSession() as session:
            house = House(listener.port, Kept(), session)
            numbers = [*range(1, 41), *range(1, 41)]  # each is brought twice
            assert set(await asyncio.gather(*(house.post(update(number)) for number in numbers))) == {200}
            assert await in_inbox(settings.url.get_secret_value()) == 40


async def test_while_the_database_is_down_nothing_is_taken_and_nothing_is_lost(
    tmp_path: Path, postgres: Server, postgres_url: str
) -> None:
    name = postgres_url.partition("@/")[2].partition("?")[0]
    down = f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false'
    gone = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"  # noqa: S608
    stopping = asyncio.Event()
    async with open_store(settings_in(tmp_path, postgres_url), memory=False) as store:
        health = Health(stopping)
        health.database, health.is_known = store.figures.answers, True
        telegram = make_telegram("123456:TEST", "http://127.0.0.1:9/bot")
        hook = Hook("/telegram", OURS, FakeClock(NOW), telegram.raw, intake_of(store).keep)
        async with listening(hook.app(health.routes()), "127.0.0.1", 0) as listener, aiohttp.ClientSession() as session:
            house = House(listener.port, Kept(), session)
            assert await house.post(update(1)) == 200
            assert await health.trouble() is None
            await asyncio.to_thread(postgres.run, down, gone)
            try:
                assert await house.post(update(2)) == 503
                assert await health.trouble() == "database"
            finally:
                await asyncio.to_thread(postgres.run, f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true')
            assert await house.post(update(2)) == 200
            assert await health.trouble() is None
            assert await in_inbox(postgres_url) == 2
