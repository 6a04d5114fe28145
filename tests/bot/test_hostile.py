"""Hostile input, all of it tried through the real channel: whatever comes, nobody else notices, and nothing breaks."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from telegram import Bot
from telegram.request import HTTPXRequest

from bot.channels.telegram import Telegram
from bot.conversation.known import Known
from bot.export.tables import as_csv
from bot.phrasebook import Phrasebook, load_phrasebook
from bot.storage.crypto import KeyRing
from bot.storage.database import Database, open_database
from bot.storage.store import SqlStore
from bot.workflow.deliver import deliver
from bot.workflow.door import LASTS, Door, new_token
from bot.workflow.handle import handle
from bot.workflow.ports import Address, Raw
from bot.workflow.work import Work
from rules import Library
from tests.fakes import FakeClock
from tests.telegram_double import Double

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
SENT = int(NOW.timestamp())
MALLORY, ANN, SAM, BEA = 66, 42, 7, 43
"""Who attacks; a client, and her coach; somebody who has nothing to do with it."""
GONE: Any = object()
"""What stands for a field that isn't there."""
HALF = "\ud83d"
"""Half of a sign: JSON can say it, UTF-8 can't."""
EMERGENCY = "I can't feel my saddle"
Shown = Callable[[str, object], None]
BATCH = 50
"""How many events one transaction takes."""


@dataclass
class House:
    """Coxa as Telegram sees it: raw updates in, calls of a strict Bot API out."""

    double: Double
    telegram: Telegram
    store: SqlStore
    database: Database
    library: Library
    book: Phrasebook
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOW))
    door: Door = field(default_factory=lambda: Door(bot="coxa_bot"))
    number: int = 1000

    async def hears(self, *bodies: Mapping[str, Any]) -> str:
        """Take updates as they came, work until nothing is left, and say what became of them."""
        before = {what: await self.count(*what) for what in FATES}
        said = {who: len(self.told(who)) for who in (MALLORY, ANN, SAM, BEA)}
        await self.takes(*bodies)
        await self.works()
        fates = [name for what, name in FATES.items() if await self.count(*what) > before[what]]
        heard = [NAMES[who] for who, count in said.items() if len(self.told(who)) > count]
        return ", ".join([*fates, *(f"{name} is answered" for name in heard)]) or "nothing"

    async def takes(self, *bodies: Mapping[str, Any]) -> None:
        """Store updates, as they came over the wire."""
        raws: list[Raw] = []
        for body in bodies:
            self.number += 1
            self.clock.skip(timedelta(milliseconds=10))
            update = json.loads(json.dumps({"update_id": self.number, **body}))
            raws.append(self.telegram.raw(update, self.clock.now()))
        await self.store.receive(raws)

    async def works(self) -> None:
        """Handle and send until nothing is left, whatever has to be tried again included."""
        parts = {"telegram": self.telegram}
        for _ in range(100):
            handled = await self.handles()
            sent = await deliver(self.store, parts, self.clock)
            if not handled and not sent and not await self.count("outbox", "waiting"):
                return
            if not sent:
                self.clock.skip(timedelta(minutes=1))
        raise AssertionError("it never comes to rest")

    async def handles(self) -> int:
        """Handle one batch."""
        parts = {"telegram": self.telegram}
        return await handle(self.store, parts, self.clock, self.library, self.book, limit=BATCH, door=self.door)

    async def count(self, table: str, state: str) -> int:
        """Count the rows of a state."""
        t = getattr(self.database.tables, table)
        async with self.database.begin() as connection:
            return int((await connection.execute(select(func.count()).where(t.c.state == state))).scalar_one())

    async def rows(self, table: str) -> int:
        """Count rows."""
        async with self.database.begin() as connection:
            t = getattr(self.database.tables, table)
            return int((await connection.execute(select(func.count()).select_from(t))).scalar_one())

    def told(self, who: int) -> list[str]:
        """Give what the bot said to somebody that still stands."""
        return [f"{m.id}.{m.edits}: {m.text}" for m in self.double.user(who).screen() if m.from_bot]

    def refused(self) -> list[str]:
        """Give what Telegram refused of what the bot said: answers to taps that nobody made are refused rightly."""
        calls = [call for call in self.double.journal.calls() if not call.ok and "not modified" not in call.outcome]
        return [f"{call.method}: {call.outcome}" for call in calls if call.method.lower() != "answercallbackquery"]

    def buttons(self, who: int) -> list[str]:
        """Give what the buttons on somebody's screen carry."""
        shown = [m for m in self.double.user(who).screen() if m.from_bot]
        return [b["callback_data"] for m in shown for row in m.buttons for b in row]

    async def taps(self, who: int, label: str) -> None:
        """Tap a button that is there."""
        under, button = self.double.user(who).find(label)
        await self.hears(tap(who, button["callback_data"], id_=under.id))

    async def person(self, who: int) -> int:
        """Give somebody's number."""
        address = Address(channel="telegram", bot=self.telegram.bot_id, chat=str(who))
        async with self.store._open() as turns:
            return await turns.person_at(address, "", NOW)

    async def known(self, who: int) -> Known:
        """Give what is known of somebody."""
        number = await self.person(who)
        async with self.store._open() as turns:
            return await turns.load(number, lock=False)

    async def stands(self, who: int) -> Mapping[str, Any]:
        """Give where somebody is in their conversation, whenever they were heard last."""
        return (await self.known(who)).conversation.model_dump(exclude={"heard_at"})

    async def begins(self, who: int, name: str = "") -> None:
        """Let somebody agree and be at the first question."""
        await self.hears(message(who, name, text="/start"))
        await self.taps(who, "Yes, I agree")

    async def employs(self, who: int) -> None:
        """Let somebody be the coach of all who have none."""
        number = await self.person(who)
        async with self.store._open() as turns:
            await turns.desks.links.employ(number, "", NOW, operator=False, takes_all=True)

    async def unharmed(self) -> None:
        """Make sure that Telegram took all that was said, and that others are still answered."""
        assert self.refused() == []
        assert await self.count("outbox", "failed") == 0
        assert "Bea is answered" in await self.hears(message(BEA, text="/start"))


NAMES = {MALLORY: "Mallory", ANN: "Ann", SAM: "Sam", BEA: "Bea"}
FATES = {("inbox", "aside"): "set aside", ("outbox", "failed"): "AN ANSWER WAS LOST"}


def person(who: int, name: str = "") -> dict[str, Any]:
    return {"id": who, "is_bot": False, "first_name": name or NAMES[who], "language_code": "en"}


def chat(who: int) -> dict[str, Any]:
    return {"id": who, "type": "private", "first_name": NAMES[who]}


def message(who: int, name: str = "", **held: Any) -> dict[str, Any]:
    """Make an update with a message; fields that are GONE are left out, `sender` and `place` are its from and chat."""
    base = {"message_id": 5, "date": SENT, "chat": held.pop("place", chat(who))}
    base["from"] = held.pop("sender", person(who, name))
    return {"message": {key: value for key, value in {**base, **held}.items() if value is not GONE}}


def tap(who: int, data: Any, id_: int = 5, **held: Any) -> dict[str, Any]:
    """Make an update with a tap."""
    under = {"message_id": id_, "date": SENT, "chat": chat(who), "text": "?"}
    base = {"id": "1", "from": held.pop("sender", person(who)), "chat_instance": "1", "message": under, "data": data}
    return {"callback_query": {key: value for key, value in {**base, **held}.items() if value is not GONE}}


def table(found: Mapping[str, str]) -> str:
    """Say what was tried, and what became of it."""
    return "\n".join(f"{name:<34}{became}" for name, became in found.items())


@pytest.fixture
async def house(library: Library) -> AsyncIterator[House]:
    async with opened(library) as one:
        yield one


@asynccontextmanager
async def opened(library: Library) -> AsyncIterator[House]:
    double = Double()
    for who, name in NAMES.items():
        await double.user(who, name).says("/start")
    database = await open_database("sqlite+aiosqlite://", KeyRing.new())
    request = HTTPXRequest(connection_pool_size=8, httpx_kwargs={"transport": double.transport()})
    async with Bot(double.token, base_url="http://double/bot", request=request) as bot:
        telegram = Telegram(bot, request)
        yield House(double, telegram, SqlStore(database), database, library, load_phrasebook(library))
        await telegram.close()
    await database.close()
    await double.close()


# --- buttons

FORGED = (
    "", ":", ":::::", "x", "999:0:yes", "-1:c:agree", "+1:c:agree", " 1:c:agree", "1.0:c:agree", "1e3:c:agree",
    "0x1:c:agree", "99999999999999999999:c:agree", "٣:c:agree", "²:c:agree", "１:c:agree", "1:\0:agree",
    "1:c:agree\0", "1:c:\n", "0:c:examined", "1:0:" + "z" * 60, "a" * 64, "a" * 4096, "🦴" * 16, HALF,
    "1:99999999:yes", "1:-1:yes", "1:c:delete", "1:c:unlock", "l:", "l:1", "l:accept:1", "l:take:1", "v:",
    "v:1", "k:", "k:clients", "k:client:1", "k:client:2", "k:client:-1", "k:client:9" + "9" * 30,
    "k:do:2:1:acknowledge:", "k:do:2:1:unlock:spoke", "k:do:2:2:close:", "k:act:2:rescreen:", "k:see:2:result",
    "k:export:2", "k:write:2",
)  # fmt: skip
"""What no button carries, or no button of whoever taps."""


async def test_forged_and_other_peoples_buttons_do_nothing(house: House, record_property: Shown) -> None:
    await house.employs(SAM)
    await house.begins(ANN)
    await house.begins(MALLORY)
    await house.hears(message(ANN, text=EMERGENCY))
    await house.taps(ANN, "Yes")
    theirs, mallory = await house.known(ANN), await house.person(MALLORY)
    assert theirs.alert is not None
    hers, coachs = house.buttons(ANN), house.buttons(SAM)
    assert any(data.startswith("k:") for data in coachs)
    found: dict[str, str] = {}
    own = await house.stands(MALLORY)
    for data in FORGED:
        found[ascii(data)[:32]] = await house.hears(tap(MALLORY, data))
    assert await house.stands(MALLORY) == own  # none of them answered anything
    for data in dict.fromkeys((*coachs, *hers)):
        found[f"another's: {data}"[:33]] = await house.hears(tap(MALLORY, data))
    record_property("shown", table(found))
    assert {what for what in found.values() if "aside" in what or "Ann" in what or "Sam" in what} == set()
    assert await house.known(ANN) == theirs
    async with house.database.begin() as connection:
        looked = (await connection.execute(select(house.database.tables.audit.c.person_id))).scalars().all()
    assert mallory not in looked
    assert not any("Ann" in text or "saddle" in text for text in house.told(MALLORY))
    await house.unharmed()


async def test_a_tap_in_somebody_elses_chat_is_nobodys(house: House) -> None:
    await house.begins(ANN)
    before, button = await house.known(ANN), house.buttons(ANN)[0]
    assert await house.hears(tap(ANN, button, sender=person(MALLORY))) == "set aside"
    assert await house.hears(message(ANN, text="None of these", sender=person(MALLORY))) == "set aside"
    assert await house.known(ANN) == before


# --- links


async def test_guessing_links_gains_nothing(house: House, record_property: Shown) -> None:
    await house.employs(SAM)
    sam, bea, ended, used = await house.person(SAM), await house.person(BEA), new_token(), new_token()
    async with house.store._open() as turns:
        invites = turns.desks.invites
        past = NOW - LASTS - timedelta(days=1)
        for token, at in ((ended, past), (used, NOW)):
            made = await invites.make(token, kind="client", maker_id=sam, name="", at=at, expires_at=at + LASTS)
        assert await invites.redeem(made.id, bea, NOW) is not None
    guesses = {
        "one that has ended": ended,
        "one that was used": used,
        "one that never was": new_token(),
        "another one that never was": "A" * 32,
        "one sign off": ended[:-1] + ("A" if ended[-1] != "A" else "B"),
        "the longest": "a" * 64,
    }
    answers: dict[str, str] = {}
    for name, token in guesses.items():
        await house.hears(message(MALLORY, text=f"/start {token}"))
        answers[name] = re.sub(r"^[\d.]+: ", "", house.told(MALLORY)[-1])
    record_property("shown", table({name: ascii(text)[:90] for name, text in answers.items()}))
    assert len(set(answers.values())) == 1
    assert not (await house.known(MALLORY)).person.linked
    await house.unharmed()


@pytest.mark.parametrize(
    "words", ["..", "../../etc/passwd", "a b", "' OR 1=1 --", "%s%s%s", "A" * 65, "A" * 4000, "\0", HALF]
)
async def test_what_is_no_token_only_begins(house: House, words: str) -> None:
    assert await house.hears(message(MALLORY, text=f"/start {words}")) == "Mallory is answered"
    assert "What I do" in house.told(MALLORY)[-1] or "Coxa" in house.told(MALLORY)[-1]
    await house.unharmed()


# --- words

WORDS = {
    "the longest message": "a" * 4096,
    "signs that grow when escaped": "&" * 4096,
    "marks that never end": "<b>" * 1365,
    "marks that end what is open": "</b></i><a href='https://evil.example'>x</a>",
    "half a sign": f"my {HALF} hip",
    "the other half": "\udc00",
    "halves the wrong way round": "\udc00\ud83d",
    "from right to left": "\u202eleft hip\u2066",
    "nothing that can be seen": "\u200b\u200c\u2060\ufeff",
    "towers of accents": "h" + "\u0301" * 4000,
    "flags": "🏳️‍🌈" * 680,
    "a sign of many parts, cut": "x" * 79 + "👩🏽‍🦽",
    "zeros": "a\0b",
    "control signs": "".join(map(chr, range(32))),
    "lines": "\n" * 4000 + "x",
    "blanks": " " * 4096,
    "places for values": "{words} {0} %s %(x)s $x {{",
    "a long number": "9" * 4096,
    "numbers of other scripts": "٣٥ १२ ²",
    "a long command": "/" + "x" * 4095,
    "half a command": f"/{HALF}",
    "a date far away": "pause until 31 December 9999",
    "a date of many digits": "pause until " + "9" * 4000,
    "many words": "hip pain left right " * 200,
    "what a parser dreads": "a" * 2000 + "!" * 2000,
    "brackets": "(" * 4096,
    "a formula": '=HYPERLINK("https://evil.example","x")',
    "a statement": "'); DROP TABLE person; --",
}


@pytest.mark.parametrize("stage", ["before consent", "in a screening", "at /time", "as a coach"])
async def test_any_words_are_answered(house: House, record_property: Shown, stage: str) -> None:
    if stage == "as a coach":
        await house.employs(MALLORY)
    if stage in ("in a screening", "at /time"):
        await house.begins(MALLORY)
    found: dict[str, str] = {}
    for name, text in WORDS.items():
        if stage == "at /time":
            await house.hears(message(MALLORY, text="/cancel"), message(MALLORY, text="/time"))
        found[name] = await house.hears(message(MALLORY, text=text))
    record_property("shown", table(found))
    assert set(found.values()) == {"Mallory is answered"}
    await house.unharmed()


@pytest.mark.parametrize("noise", [HALF, "\u202e", "<b>", "&amp;", "\0", "\u200b", "🏳️‍🌈", "\n\n", "x" * 3000 + ". "])
async def test_no_noise_hides_an_emergency(house: House, noise: str) -> None:
    await house.employs(SAM)
    await house.begins(ANN)
    await house.hears(message(ANN, text=f"{noise}{EMERGENCY} {noise}"))
    assert "emergency" in house.told(ANN)[-1]
    await house.taps(ANN, "Yes")
    assert "EMERGENCY" in house.told(SAM)[-1]
    await house.unharmed()


CALLED = {
    "marks": "<b>Ann</b>&amp;<script>",
    "half a sign": f"A{HALF}nn",
    "from right to left": "Ann\u202eevil\u2066",
    "another line": "Ann\n\nEMERGENCY · Bea · not seen yet",
    "a formula": "=1+1",
    "too long": "N" * 5000,
    "places for values": "{name} %s",
    "zeros": "An\0n",
}


@pytest.mark.parametrize("name", CALLED)
async def test_a_name_stays_a_name_on_a_coachs_card(house: House, name: str) -> None:
    await house.employs(SAM)
    await house.begins(ANN, CALLED[name])
    await house.hears(message(ANN, CALLED[name], text=EMERGENCY))
    await house.taps(ANN, "Yes")
    card = next(m for m in reversed(house.double.user(SAM).screen()) if "EMERGENCY" in m.text)
    first = card.text.splitlines()[0]
    shown = (await house.known(ANN)).person.name
    assert shown in first
    assert len(shown) <= 64
    assert shown.isprintable()
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", card.text)
    assert not [entity for entity in card.entities if entity["type"] in ("text_link", "url")]
    assert card.text.count("EMERGENCY ·") <= 1 or "EMERGENCY" in shown
    await house.unharmed()


async def test_no_words_become_a_formula_in_a_table(house: House) -> None:
    await house.employs(SAM)
    await house.begins(ANN)
    await house.hears(message(ANN, text=f"=HYPERLINK(1) {EMERGENCY}"))
    await house.taps(ANN, "Yes")
    sam, ann = await house.person(SAM), await house.person(ANN)
    async with house.store._open() as turns:
        record = await turns.desks.record(sam, ann, "export", house.clock.now())
    cells = [
        cell for text in as_csv(record, zone="UTC").values() for row in csv.reader(io.StringIO(text)) for cell in row
    ]
    assert any("saddle" in cell for cell in cells)
    assert not [cell for cell in cells if re.match(r"[=+@\t\r]|-(?![\d.]+$)", cell)]


# --- media

FILE = {"file_id": "f", "file_unique_id": "u"}
POLL = {
    "id": "1", "question": "q", "options": [], "total_voter_count": 0, "is_closed": False, "is_anonymous": True,
    "type": "regular", "allows_multiple_answers": False, "allows_revoting": False, "members_only": False,
}  # fmt: skip
MEDIA: Mapping[str, Mapping[str, Any]] = {
    "a file out of its folder": {"document": {**FILE, "file_name": "../../etc/passwd\0\r\nx: y"}},
    "a file of less than nothing": {"document": {**FILE, "file_size": -1}},
    "a file beyond all sizes": {"document": {**FILE, "file_size": 10**30, "mime_type": "x" * 4000}},
    "a file with a long id": {"document": {"file_id": "f" * 100_000, "file_unique_id": "u"}},
    "a film out of its folder": {
        "video": {**FILE, "width": -1, "height": 0, "duration": -5, "file_name": "/etc/passwd"}
    },
    "a film without end": {"video": {**FILE, "width": 10**20, "height": 1, "duration": 10**9}},
    "a round film": {"video_note": {**FILE, "length": 10**9, "duration": 0}},
    "no pictures": {"photo": []},
    "a voice": {"voice": {**FILE, "duration": 10**9}},
    "a contact": {"contact": {"phone_number": "=1+1", "first_name": "<b>", "vcard": "x" * 2000}},
    "a poll": {"poll": POLL},
    "a die": {"dice": {"emoji": "🎲", "value": 99}},
    "a place off the earth": {"location": {"latitude": 999, "longitude": -999}},
    "a place that is no number": {"location": {"latitude": math.nan, "longitude": math.inf}},
    "a place beyond numbers": {"location": {"latitude": 1e308, "longitude": -1e308}},
    "a venue": {"venue": {"location": {"latitude": 91, "longitude": 181}, "title": "<b>", "address": ""}},
}


@pytest.mark.parametrize("stage", ["before consent", "in a screening", "where a place is asked for"])
async def test_any_media_are_answered(house: House, record_property: Shown, stage: str) -> None:
    if stage != "before consent":
        await house.begins(MALLORY)
    if stage == "where a place is asked for":
        await house.employs(MALLORY)
        await house.hears(message(MALLORY, text="/desk"))
    found = {name: await house.hears(message(MALLORY, **held)) for name, held in MEDIA.items()}
    record_property("shown", table(found))
    assert {name for name, what in found.items() if what != "Mallory is answered"} <= {"no pictures"}
    await house.unharmed()


# --- updates that are none

BROKEN: Mapping[str, Mapping[str, Any]] = {
    "nothing at all": {},
    "a kind we don't know": {"brand_new": {"id": 1}},
    "a message that is none": {"message": 3},
    "a message of nothing": {"message": {}},
    "from nobody": message(MALLORY, text="hi", sender=None),
    "from left out": message(MALLORY, text="hi", sender=GONE),
    "from another": message(MALLORY, text="hi", sender=person(BEA)),
    "a name that is a number": message(MALLORY, text="hi", sender={**person(MALLORY), "first_name": 7}),
    "a chat that is text": message(MALLORY, text="hi", place={"id": "66", "type": "private"}),
    "a chat of words": message(MALLORY, text="hi", place={"id": "sixty", "type": "private"}),
    "a chat of half a number": message(MALLORY, text="hi", place={"id": 66.5, "type": "private"}),
    "no chat's number": message(MALLORY, text="hi", place={"id": None, "type": "private"}),
    "a chat beyond numbers": message(MALLORY, text="hi", place={"id": 2**70, "type": "private"}),
    "a chat of no kind": message(MALLORY, text="hi", place={"id": 66, "type": "???"}),
    "a date far away": message(MALLORY, text="hi", date=10**15),
    "a date in 2100": message(MALLORY, text="hi", date=4_102_444_800),
    "a date before all": message(MALLORY, text="hi", date=-(10**10)),
    "a date of words": message(MALLORY, text="hi", date="now"),
    "text that is a number": message(MALLORY, text=5),
    "text that is a list": message(MALLORY, text=["a"]),
    "text that is a record": message(MALLORY, text={"a": 1}),
    "a place of words": message(MALLORY, location={"latitude": "x", "longitude": []}),
    "records in records": {"message": json.loads('{"a":' * 300 + "1" + "}" * 300)},
    "a number below zero": {"update_id": -5, **message(MALLORY, text="hi")},
    "a number beyond numbers": {"update_id": 10**40, **message(MALLORY, text="hi")},
    "two in one": {**message(MALLORY, text="hi"), **tap(MALLORY, "1:c:agree")},
    "an edit of nothing": {"edited_message": message(MALLORY)["message"]},
    "a member of no kind": {"my_chat_member": {
        "chat": chat(MALLORY), "from": person(MALLORY), "date": SENT,
        "old_chat_member": {"user": person(MALLORY), "status": "x"},
        "new_chat_member": {"user": person(MALLORY), "status": "?"}}},
    "a tap of nothing": tap(MALLORY, None),
    "a tap that is a number": tap(MALLORY, 5),
    "a tap that is a list": tap(MALLORY, ["x"]),
    "a tap on no message": tap(MALLORY, "1:c:agree", message=GONE),
    "a tap of nobody": tap(MALLORY, "1:c:agree", sender=None),
    "a tap with a number for an id": tap(MALLORY, "1:c:agree", id=4),
}  # fmt: skip


async def test_a_broken_update_is_set_aside_or_heard_and_hurts_nobody(house: House, record_property: Shown) -> None:
    found: dict[str, str] = {}
    for name, body in BROKEN.items():
        found[name] = await house.hears(body)
    record_property("shown", table(found))
    assert {what for what in found.values() if what not in ("nothing", "set aside", "Mallory is answered")} == set()
    assert await house.rows("person") == 1  # nobody came to be but whom they named
    await house.unharmed()


async def test_broken_updates_in_one_batch_hold_up_nobody(house: House) -> None:
    await house.hears(*BROKEN.values(), message(BEA, text="/start"), *BROKEN.values())
    assert "Coxa" in house.told(BEA)[-1]


# --- floods

FLOOD = 1000


async def test_a_flood_is_taken_in_batches_and_an_emergency_goes_out_first(
    house: House, record_property: Shown
) -> None:
    await house.begins(BEA)
    await house.takes(*(message(MALLORY, text=f"flood {n}") for n in range(FLOOD)), message(BEA, text=EMERGENCY))
    waited, told = 0, len(house.told(BEA))
    while not await answers(house, BEA):
        taken = await house.handles()
        assert 0 < taken <= BATCH
        waited += taken
    waiting = await house.count("outbox", "waiting")
    first = await house.store.claim_outgoing(1, house.clock.now())
    assert "emergency" in first[0].message.text  # whatever waits for Mallory, this goes out first
    figures = {
        "messages of one chat": FLOOD,
        "events until another is heard": waited,
        "events in memory at most": BATCH,
        "answers that wait in the database": waiting,
    }
    record_property("shown", table({name: str(figure) for name, figure in figures.items()}))
    await house.store.recover(house.clock.now())
    await house.works()
    assert len(house.told(BEA)) > told
    assert await house.count("inbox", "waiting") == 0
    await house.unharmed()


async def answers(house: House, who: int) -> bool:
    """Tell whether something waits to be said to somebody."""
    t, number = house.database.tables, await house.person(who)
    waiting = select(func.count()).select_from(t.outbox.join(t.address)).where(t.outbox.c.state == "waiting")
    async with house.database.begin() as connection:
        return bool((await connection.execute(waiting.where(t.address.c.person_id == number))).scalar_one())


async def test_what_a_process_remembers_of_a_flood_is_bounded(house: House) -> None:
    work = Work(house.store, {"telegram": house.telegram}, house.clock, house.library, house.book, house.door)
    updates = [{"update_id": n, **message(MALLORY, text="flood")} for n in range(FLOOD)]
    for start in range(0, FLOOD, 100):
        await work.receive([house.telegram.raw(update, NOW) for update in updates[start : start + 100]])
    assert len(work._waiting) <= 100
    assert await house.count("inbox", "waiting") == FLOOD
