"""Small runs of the chaos, and a judge that sees what was tampered with."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.chaos.judge import Trouble, judge
from tests.chaos.mind import people
from tests.chaos.town import TOKEN, WEBHOOK, Spread, kill
from tests.telegram_double import Double, serve
from tests.telegram_double.journal import Call, UpdateEntry
from tests.telegram_double.serve import serve_app


@pytest.mark.parametrize(("database", "clients", "kills"), [("sqlite", 5, 5), ("postgresql", 4, 3)])
async def test_kills_lose_nothing_and_double_nothing(
    tmp_path: Path, request: pytest.FixtureRequest, database: str, clients: int, kills: int
) -> None:
    url = str(request.getfixturevalue("postgres_url")) if database == "postgresql" else None
    living = await asyncio.to_thread(people, clients, 1)
    verdict, town = await kill(tmp_path, living, kills=kills, seed=1, postgres_url=url)
    assert [str(finding) for finding in verdict.findings] == [], town.replicas[0].log.read_text()[-3000:]
    assert len(town.trouble.windows) >= kills
    assert verdict.counts["assessments"] == clients
    assert verdict.counts["answers"] == sum(len(one.kept["answer"]) for one in living)


def test_the_same_mind_screens_alike() -> None:
    once, again, other = people(1, 5)[0], people(1, 5)[0], people(1, 6)[0]
    assert once == again
    assert once.acts != other.acts


async def test_a_webhook_is_heard_by_the_replicas_in_turn_and_by_the_one_that_is_left() -> None:
    heard: dict[str, list[int]] = {"one": [], "other": []}

    def hook(name: str) -> Starlette:
        async def hear(request: Request) -> Response:
            heard[name].append((await request.json())["update_id"])
            return Response()

        return Starlette(routes=[Route("/telegram", hear, methods=["POST"])])

    spread = Spread()
    double = Double(token=TOKEN, webhook_post=spread)
    async with serve(double), serve_app(hook("one")) as one:
        async with serve_app(hook("other")) as other:
            spread.ports = [int(url.rpartition(":")[2]) for url in (one, other)]
            double.updates.set_webhook({"url": WEBHOOK})
            for chat in range(1, 5):
                await double.user(chat).says("hi")
            await double.wait_for(lambda: not double.updates.pending)
            assert [len(ids) for ids in heard.values()] == [2, 2]
        for chat in range(1, 5):
            await double.user(chat).says("still there?")
        await double.wait_for(lambda: not double.updates.pending)
        assert len({*heard["one"], *heard["other"]}) == 8
        assert len(heard["one"]) == 6
        await spread.close()


async def test_the_judge_sees_what_is_wrong(tmp_path: Path) -> None:
    living = await asyncio.to_thread(people, 1, 3)
    verdict, town = await kill(tmp_path, living, kills=0, seed=1)
    assert verdict.findings == []
    chat = town.clients[0].user.id
    double = town.double

    async def rules(sql: str = "", journal: Callable[[list[UpdateEntry | Call]], object] = list) -> set[str]:
        """Judge the run with its database, or what the double saw, tampered with."""
        file = tmp_path / "tampered.db"
        shutil.copy(tmp_path / "data" / "coxa.db", file)
        if sql:
            with sqlite3.connect(file) as database:
                assert database.execute(sql).rowcount > 0
            database.close()
        seen = _copied(double)
        journal(seen.journal.entries)
        url = f"sqlite+aiosqlite:///{file}"
        found = await judge(seen, {chat: living[0]}, url, tmp_path / "key.json", Trouble())
        return {finding.rule for finding in found.findings}

    last = double.journal.calls("sendMessage", chat)[-1]
    assert await rules() == set()
    assert await rules("DELETE FROM answer WHERE id = (SELECT max(id) FROM answer)") == {"kept otherwise"}
    doubled = (
        "INSERT INTO answer (person_id, screening, seq, value, at) SELECT person_id, screening, seq + 1, value, at"
    )
    assert await rules(f"{doubled} FROM answer ORDER BY id DESC LIMIT 1") == {"kept otherwise"}
    assert await rules("UPDATE answer SET seq = seq + 100 WHERE id = 2") == {"answers out of order"}
    assert await rules("DELETE FROM assessment") == {"kept otherwise"}
    assert await rules("DELETE FROM inbox WHERE id = 3") == {"update lost"}
    assert await rules("UPDATE inbox SET state = 'aside' WHERE id = 3") == {"update not done"}
    assert await rules("UPDATE outbox SET state = 'failed' WHERE id = 3") == {"not delivered"}
    assert await rules("DELETE FROM outbox WHERE id = 3") == {"said otherwise", "nobody's message"}
    assert await rules(journal=lambda entries: entries.append(_again(last))) == {"repeated without a reason"}
    assert await rules(journal=lambda entries: entries.remove(last)) == {"never came"}


def _copied(double: Double) -> Double:
    seen = copy.copy(double)
    seen.journal = dataclasses.replace(double.journal, entries=list(double.journal.entries))
    return seen


def _again(call: Call) -> Call:
    return dataclasses.replace(call, seq=call.seq + 1000, done_seq=(call.done_seq or 0) + 1000)
