"""What a client's own copy holds, who may read a client's record, and how its files go out."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from telegram import Bot

from bot.channels.telegram import Telegram
from bot.channels.telegram_http import Request
from bot.export.copy import from_json
from bot.pictures.painter import ThreadPainter
from bot.settings import Settings, read_settings
from bot.storage.crypto import KeyRing
from bot.storage.database import open_database
from bot.wiring import Content, FixedClock, read_content, writer
from bot.workflow.ports import Message, NotTheirsError, SendError
from tests.bot.test_telegram_channel import ANN as CHAT
from tests.bot.test_telegram_channel import ROWS
from tests.played import ANN, STARTS, all_rows, house, settings_in
from tests.telegram_double import Double, refuse, serve, too_many

LATER = STARTS + timedelta(days=40)
PAPER = {"kind": "mydata.json", "name": "coxa-mydata.json", "instead": "<i>No file</i>", "client": 1, "viewer": 1}


@pytest.fixture(scope="module")
def content() -> Content:
    return read_content(read_settings())


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


async def numbers(settings: Settings) -> tuple[int, int]:
    """Give Ann's number and Sam's."""
    people = (await all_rows(settings))["person"]
    ann = next(int(row["id"]) for row in people if row["name"] == ANN)
    return ann, next(int(row["id"]) for row in people if row["id"] != ann)


# --- the record


async def test_the_record_holds_what_is_kept(settings: Settings, content: Content) -> None:
    async with house(settings, content=content) as made:
        await made.terminal.start()
        await made.play("coach_decides.txt")
        rows = await all_rows(settings)
        ann, _ = await numbers(settings)
        async with made.store.turns() as turns:
            record = await turns.desks.record(ann, ann, "mydata", LATER)
    assert (record.name, record.coach, record.at) == (ANN, "sam", LATER)
    assert record.profile
    of_ann = {name: [row for row in held if row.get("person_id") == ann] for name, held in rows.items()}
    assert [len(record.answers), len(record.assessments), len(record.plans), len(record.log)] == [
        len(of_ann[name]) for name in ("answer", "assessment", "plan", "entry")
    ]
    assert [flagged.flag.id for flagged in record.flags] == [row["value"]["flag"]["id"] for row in of_ann["flag"]]
    assert [(given.to, given.given) for given in record.consents][:1] == [("1", True)]
    assert [(looked.who, looked.what) for looked in record.looked] == [("sam", row["what"]) for row in rows["audit"]]
    assert record.answers and record.flags and record.looked


async def test_a_coach_reads_their_clients_record_and_is_noted_and_nobody_elses(
    settings: Settings, content: Content
) -> None:
    async with house(settings, content=content) as made:
        await made.terminal.start()
        await made.hear("hello")
        ann, sam = await numbers(settings)
        async with made.store.turns() as turns:
            await turns.desks.record(sam, ann, "export", LATER)
            await turns.desks.record(ann, ann, "mydata", LATER)
            for viewer, client in ((ann, sam), (sam, 99)):
                with pytest.raises(NotTheirsError):
                    await turns.desks.record(viewer, client, "export", LATER)
    audit = (await all_rows(settings))["audit"]
    assert [(row["person_id"], row["client_id"], row["what"]) for row in audit] == [(sam, ann, "export")]


async def test_a_row_that_cannot_be_read_is_left_out_and_counted(
    settings: Settings, content: Content, caplog: pytest.LogCaptureFixture
) -> None:
    async with house(settings, content=content) as made:
        await made.terminal.start()
        await made.play("coach_decides.txt")
    ann, _ = await numbers(settings)
    database = await open_database(settings.url.get_secret_value(), KeyRing.open(settings.key_file))
    async with database.begin() as connection:
        t = database.tables.answer
        await connection.execute(t.update().where(t.c.seq == 1).values(value={"strange": 1}))
    await database.close()
    async with house(settings, content=content) as made, made.store.turns() as turns:
        record = await turns.desks.record(ann, ann, "mydata", LATER)
    assert record.answers
    assert f"rows of person {ann} can't be read" in caplog.text


# --- the files


async def test_the_client_gets_two_files(settings: Settings, content: Content) -> None:
    async with house(settings, content=content) as made:
        await made.terminal.start()
        await made.play("coach_decides.txt")
        said = await made.hear("/mydata")
        assert "[file: coxa-mydata.json]" in said
        assert "[file: coxa-mydata.html]" in said
        ann, _ = await numbers(settings)
        made_by = writer(made.store, content, FixedClock(LATER))
        messages = [row["message"] for row in (await all_rows(settings))["outbox"]]
        papers = [message["paper"] for message in messages if "paper" in message]
        assert [paper["client"] for paper in papers] == [ann, ann]
        as_json, page = [await made_by.write(paper) for paper in papers]
    record = from_json(as_json.decode())
    assert (record.client_id, record.name, record.at) == (ann, ANN, LATER)
    assert page.decode().startswith("<!DOCTYPE html>")
    assert ANN in page.decode()


async def test_the_outbox_holds_no_copy_of_the_file(settings: Settings, content: Content) -> None:
    async with house(settings, content=content) as made:
        await made.terminal.start()
        await made.play("coach_decides.txt")
        await made.hear("/mydata")
    papers = [row["message"]["paper"] for row in (await all_rows(settings))["outbox"] if "paper" in row["message"]]
    assert [sorted(paper) for paper in papers] == [["client", "instead", "kind", "language", "name", "viewer"]] * 2


async def test_a_file_of_somebody_else_is_not_written(settings: Settings, content: Content) -> None:
    async with house(settings, content=content) as made:
        await made.terminal.start()
        ann, sam = await numbers(settings)
        made_by = writer(made.store, content, FixedClock(LATER))
        with pytest.raises(NotTheirsError):
            await made_by.write({**PAPER, "viewer": ann, "client": sam})
        with pytest.raises(ValueError, match="known: mydata"):
            await made_by.write({**PAPER, "kind": "what"})


# --- on Telegram


@pytest.fixture
async def double() -> Double:
    made = Double()
    await made.user(42, "Ann").says("/start")
    return made


async def file(paper: Mapping[str, Any]) -> bytes:
    if paper["client"] != 1:
        raise LookupError("nobody")
    return json.dumps({"of": paper["client"]}).encode()


@pytest.fixture
async def telegram(double: Double) -> AsyncIterator[Telegram]:
    async with serve(double) as url:
        poll = Request(read_seconds=1.0)
        bot = Bot(double.token, base_url=f"{url}/bot", request=Request(read_seconds=1.0), get_updates_request=poll)
        made = Telegram(bot, poll, ThreadPainter(file))
        await bot.initialize()
        yield made
        await made.close()
        await bot.shutdown()


def shown(double: Double) -> list[tuple[str, str, int]]:
    """Give the words, the file's name, and how many buttons, of each message of the bot."""
    screen = [message for message in double.user(42).screen() if message.from_bot]
    return [(m.text, m.data.get("document", {}).get("file_name", ""), len(m.buttons)) for m in screen]


async def test_a_file_comes_with_its_name_words_and_buttons(double: Double, telegram: Telegram) -> None:
    sent = await telegram.send(CHAT, Message(text="<b>Yours</b> &amp; mine", rows=ROWS, paper=PAPER), None)
    assert shown(double) == [("Yours & mine", "coxa-mydata.json", 1)]
    last = double.user(42).last
    assert last is not None
    assert sent == str(last.id)
    (stored,) = [kept for kept in double.files.values() if kept.kind == "document"]
    assert stored.upload.body == b'{"of": 1}'


async def test_words_too_long_for_a_caption_come_before_the_file(double: Double, telegram: Telegram) -> None:
    await telegram.send(CHAT, Message(text="x" * 1025, paper=PAPER), None)
    assert shown(double) == [("x" * 1025, "", 0), ("", "coxa-mydata.json", 0)]


async def test_a_file_that_cannot_be_made_is_said_to_be_missing(double: Double, telegram: Telegram) -> None:
    await telegram.send(CHAT, Message(text="Yours", rows=ROWS, paper={**PAPER, "client": 2}), None)
    assert shown(double) == [("Yours\n\nNo file", "", 1)]


async def test_a_file_that_telegram_refuses_is_said_to_be_missing(double: Double, telegram: Telegram) -> None:
    double.fault("sendDocument", refuse(400, "Bad Request: DOCUMENT_INVALID"))
    await telegram.send(CHAT, Message(text="Yours", paper=PAPER), None)
    assert shown(double) == [("Yours\n\nNo file", "", 0)]


async def test_a_file_that_has_to_wait_waits(double: Double, telegram: Telegram) -> None:
    double.fault("sendDocument", too_many(3))
    with pytest.raises(SendError) as failed:
        await telegram.send(CHAT, Message(text="Yours", paper=PAPER), None)
    assert (failed.value.kind, shown(double)) == ("later", [])
