"""A coach's digest the whole way through the house: five clients in SQLite, over days, with taps."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from itertools import count

import pytest
from sqlalchemy import func, select

from bot.channels.console import plain
from bot.coaching.alerts import Alert, Reason, done, raised
from bot.coaching.desk import Desk
from bot.conversation.effects import (
    KeepAlert,
    KeepAssessment,
    KeepConsent,
    KeepEntry,
    KeepPlan,
    KeepRhythm,
    Kept,
    RaiseFlag,
    Remind,
)
from bot.conversation.known import CONSENT_VERSION, Known
from bot.phrasebook import load_phrasebook
from bot.settings import SettingsError, read_settings
from bot.storage.crypto import KeyRing
from bot.storage.database import open_database
from bot.storage.store import SqlStore
from bot.timetable.rhythm import Rhythm, Slot
from bot.workflow.deliver import deliver
from bot.workflow.door import Door
from bot.workflow.due import due
from bot.workflow.handle import handle
from bot.workflow.ports import Message, NotTheirsError, Raw, Signs
from rules import Flag, Library, SessionReport
from tests.conversation.chat import finished
from tests.fakes import FakeClock, RecordingChannel

BEGAN = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
NOW = datetime(2026, 1, 22, 12, 0, tzinfo=UTC)
"""A Thursday."""
RHYTHM = Rhythm(zone="Europe/London", at=time(7, 30), days=(0, 1, 2, 3, 4, 5, 6))
CLIENTS = ("ann", "bea", "cleo", "dan", "eve")


@dataclass
class House:
    """Coxa with sam, a coach, and five clients."""

    store: SqlStore
    library: Library
    people: dict[str, int] = field(default_factory=dict)
    line: RecordingChannel = field(default_factory=RecordingChannel)
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOW))
    numbers: Iterator[int] = field(default_factory=count)

    async def hears(self, who: str, **body: str) -> list[str]:
        """Hear a line or a tap, and give what sam is told."""
        self.clock.skip(timedelta(seconds=1))
        key = str(next(self.numbers))
        raw = Raw(source="line", key=key, body={"chat": who, **body}, at=self.clock.now(), chat=f"line:bot:{who}")
        await self.store.receive([raw])
        return await self.works()

    async def works(self, to: str = "sam") -> list[str]:
        """Handle and send until nothing is left; give what one is told."""
        before = len(self.line.sends)
        book, parts = load_phrasebook(self.library), {"line": self.line}
        while (
            await due(self.store, self.clock)
            + await handle(self.store, parts, self.clock, self.library, book)
            + await deliver(self.store, parts, self.clock)
        ):
            pass
        return [plain(sent.message.text) for sent in self.line.sends[before:] if sent.address.chat == to]

    async def waits_until(self, at: datetime) -> list[str]:
        """Let time pass, and do what comes due at its time; give what sam is told by then."""
        told: list[str] = []
        while (soonest := await self.store.next_due()) is not None and soonest <= at:
            self.clock.at = max(soonest, self.clock.at)
            told += await self.works()
        self.clock.at = at
        return told + await self.works()

    async def puts(self, who: str, at: datetime, *effects: Kept) -> None:
        async with self.store.turns() as turns:
            for effect in effects:
                await turns.keep(self.people[who], effect, at)

    async def heard(self, who: str, at: datetime) -> None:
        """Let somebody have been heard last at a time."""
        async with self.store.turns() as turns:
            known = await turns.load(self.people[who])
            changed = known.conversation.model_copy(update={"heard_at": at})
            await turns.save_conversation(self.people[who], changed, at)

    async def desk(self) -> Desk:
        async with self.store.turns() as turns:
            return await turns.desks.desk(self.people["sam"])

    async def alert(self, who: str) -> Alert | None:
        async with self.store.turns() as turns:
            return (await turns.load(self.people[who])).alert

    async def looks(self) -> Sequence[int]:
        """Count the looks for a digest, by client."""
        t = self.store._database.tables.audit
        async with self.store._database.begin() as connection:
            chosen = select(func.count()).where(t.c.what == "digest").group_by(t.c.client_id)
            return list((await connection.execute(chosen)).scalars())

    def button(self, label: str) -> str:
        """Give what the newest button of a label, among sam's, carries."""
        mine = (sent.message for sent in reversed(self.line.sends) if sent.address.chat == "sam")
        buttons = (button for message in mine for row in message.rows for button in row["buttons"])
        return next(str(button["data"]) for button in buttons if button["label"] == label)


@pytest.fixture(scope="module")
def screened(library: Library) -> Known:
    return finished(library).known


@pytest.fixture
async def house(library: Library, screened: Known) -> AsyncIterator[House]:
    """Five clients: ann urgent and unseen, bea with a flag, cleo silent, dan who blocked us, eve who does it all."""
    store = SqlStore(await open_database("sqlite+aiosqlite:///:memory:", KeyRing.new()))
    made = House(store, library)
    async with store.turns() as turns:
        for who in (*CLIENTS, "sam"):
            made.people[who] = await turns.person_at(made.line.address(who), who.capitalize(), BEGAN)
    for who in CLIENTS:
        await store.add_coach(made.line.address("sam"), "Sam", made.line.address(who), who, BEGAN)
        assert screened.assessment is not None
        assert screened.assessed_facts is not None
        found = KeepAssessment(
            screening="s", assessment=screened.assessment, facts=screened.assessed_facts, tested_at=BEGAN
        )
        consent = KeepConsent(version=CONSENT_VERSION, given=True)
        await made.puts(who, BEGAN, consent, found, KeepPlan(plan=screened.plan), KeepRhythm(rhythm=RHYTHM))
        await made.heard(who, NOW)
        for day in range(16):
            at = BEGAN + timedelta(days=day + 1)
            told = SessionReport(id=f"{who}{day}", on=at.date(), completed="yes", prescribed=(), exercises=())
            await made.puts(who, at, KeepEntry(entry=told))
            slot = Slot(kind="prompt", local_date=at.date(), slot="s", due_at=at)
            await made.puts(who, at, Remind(slot=slot))
    async with store.turns() as turns:
        for row in await turns.take_due(1000, NOW):  # prompts that were said
            assert row.slot.kind == "prompt"
    reason = Reason(kind="flag", what="rf02_fall_risk", urgency="urgent", at=NOW, screen="hip_internal_rotation")
    await made.puts("ann", NOW, KeepAlert(alert=raised(None, reason, id_="a1")))
    flag = Flag(id="rf30_loose", urgency="coach", action="adapt", row="30", source="s", because=())
    await made.puts("bea", NOW - timedelta(hours=20), RaiseFlag(flag=flag, screen="hip_internal_rotation"))
    await made.heard("cleo", NOW - timedelta(days=6))
    await made.heard("dan", NOW - timedelta(days=8))
    async with store.turns() as turns:
        await turns.blocked(made.line.address("dan"), NOW - timedelta(days=7))
    yield made
    await store.close()


async def test_the_digest_comes_at_the_coachs_local_time_and_is_decided_in_two_taps(house: House) -> None:
    assert "Digest at 17:30 (Europe/Berlin)" in (await house.hears("sam", text="/desk 17:30 Berlin"))[0]
    assert await house.store.next_due() == datetime(2026, 1, 22, 16, 30, tzinfo=UTC)
    (said,) = await house.waits_until(datetime(2026, 1, 22, 16, 31, tzinfo=UTC))
    assert said.splitlines() == [
        "22 January · 5 clients",
        "",
        "NOW: 1",
        "! Ann · URGENT, unseen 4 h",
        "Fall or knock, pain since; raised risk",
        "",
        "DECIDE: 3",
        "1 Bea · safety note → go on",
        "Loose joints; no end range, no passive work",
        "2 Dan · silent 8 days → noted",
        "blocked the bot; reach them yourself",
        "3 Cleo · silent 6 days → message",
        "prompts unanswered",
        "",
        "Went well: Eve (all sessions told)",
        "0 others: nothing to do today",
    ]
    assert await house.looks() == [1] * 5
    await house.hears("sam", tap=house.button("1 Go on"))
    message = house.button("3 Message")
    (asked,) = await house.hears("sam", tap=message)
    assert "What shall I send?" in asked
    before = len(house.line.sends)
    await house.hears("sam", tap=house.button("How is it today?"))
    assert [plain(sent.message.text) for sent in house.line.sends[before:] if sent.address.chat == "cleo"]
    assert len((await house.desk()).answered) == 2
    assert await house.looks() == [1] * 5  # a tap looks at nobody
    await house.hears("sam", tap=message)
    assert house.line.taps[-1][1] == "You decided that already"
    (next_day,) = await house.waits_until(datetime(2026, 1, 23, 16, 31, tzinfo=UTC))
    assert "Dan" in next_day
    assert "safety note" not in next_day
    assert "Cleo" not in next_day
    assert await house.looks() == [2] * 5


async def test_a_day_with_nothing_to_decide_has_no_digest_and_the_week_says_so(house: House) -> None:
    await house.hears("sam", text="/desk 17:30 Berlin")
    await house.waits_until(datetime(2026, 1, 22, 16, 31, tzinfo=UTC))
    await house.hears("sam", tap=house.button("1 Go on"))
    await house.hears("sam", tap=house.button("2 Noted"))
    await house.hears("sam", tap=house.button("3 Message"))
    await house.hears("sam", tap=house.button("How is it today?"))
    alert = await house.alert("ann")
    assert alert is not None
    await house.hears("sam", tap=f"k:do:{house.people['ann']}:{alert.version}:refer")
    assert await house.waits_until(datetime(2026, 1, 23, 16, 31, tzinfo=UTC)) == []
    assert await house.looks() == [2] * 5
    for who in CLIENTS[:3] + CLIENTS[4:]:  # nobody is silent at the weekend
        await house.heard(who, datetime(2026, 1, 23, 17, tzinfo=UTC))
    assert await house.waits_until(datetime(2026, 1, 24, 16, 31, tzinfo=UTC)) == []
    alert = await house.alert("ann")
    assert alert is not None
    await house.hears("sam", tap=f"k:do:{house.people['ann']}:{alert.version}:close")
    told = await house.waits_until(datetime(2026, 1, 26, 16, 31, tzinfo=UTC))
    (week,) = [text for text in told if text.startswith("The week up to 26 January")]
    assert "blocked 1" in week
    assert "On days without a digest there was nothing to decide." in week
    assert not [text for text in told if "DECIDE" in text]


async def test_a_digest_that_is_too_late_is_dropped_and_the_next_is_planned(house: House) -> None:
    await house.hears("sam", text="/desk 17:30 Berlin")
    house.clock.at = datetime(2026, 1, 22, 22, 31, tzinfo=UTC)  # six hours late
    assert not [text for text in await house.works() if "DECIDE" in text]
    assert await house.store.next_due() == datetime(2026, 1, 23, 16, 30, tzinfo=UTC)
    house.clock.at = datetime(2026, 1, 25, 18, 0, tzinfo=UTC)  # two days are lost, the third is late
    assert len([text for text in await house.works() if "DECIDE" in text]) == 1
    assert await house.store.next_due() == datetime(2026, 1, 26, 16, 30, tzinfo=UTC)


async def test_who_moves_the_hour_has_one_digest_a_day_and_off_ends_it(house: House) -> None:
    await house.hears("sam", text="/desk 17:30 Berlin")
    assert len(await house.waits_until(datetime(2026, 1, 22, 17, 0, tzinfo=UTC))) == 1
    await house.hears("sam", text="/desk 19:00")
    assert await house.waits_until(datetime(2026, 1, 22, 22, 0, tzinfo=UTC)) == []
    assert len(await house.waits_until(datetime(2026, 1, 23, 18, 1, tzinfo=UTC))) == 1
    assert (await house.desk()).zone == "Europe/Berlin"
    await house.hears("sam", text="/desk off")
    assert await house.store.next_due() is None


async def test_a_coach_asks_for_the_digest_and_a_client_is_told_of_no_such_thing(house: House) -> None:
    (said,) = await house.hears("sam", text="/digest")
    assert "NOW: 1" in said
    (week,) = await house.hears("sam", text="/week")
    assert "80 of 80" not in week
    assert "70 of 70" in week
    await house.hears("eve", text="/digest")
    told = [plain(sent.message.text) for sent in house.line.sends if sent.address.chat == "eve"]
    assert "NOW" not in " ".join(told)


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
async def test_how_a_client_was_reached_is_read_for_who_may_see_them(
    engine: str, request: pytest.FixtureRequest, screened: Known
) -> None:
    url = "sqlite+aiosqlite://" if engine == "sqlite" else request.getfixturevalue("postgres_url")
    store, line = SqlStore(await open_database(url, KeyRing.new())), RecordingChannel()
    ann, sam, since = line.address("ann"), line.address("sam"), NOW - timedelta(weeks=4)
    await store.add_coach(sam, "Sam", ann, "Ann", BEGAN)
    assert screened.plan is not None
    other = screened.plan.model_copy(update={"driver": "pelvic"})
    later = Slot(kind="later", local_date=NOW.date(), slot="evening-19:00", due_at=NOW)
    waits = Slot(kind="later", local_date=NOW.date(), slot="waits-12:00", due_at=NOW + timedelta(hours=1))
    prompt = Slot(kind="prompt", local_date=NOW.date(), slot="s", due_at=NOW - timedelta(hours=5))
    old = Slot(kind="prompt", local_date=BEGAN.date(), slot="s", due_at=since - timedelta(days=1))
    coming = Slot(kind="prompt", local_date=NOW.date() + timedelta(days=1), slot="s", due_at=NOW + timedelta(days=1))
    reason = Reason(kind="words", what="asks", urgency="coach", at=NOW)
    alert = done(raised(None, reason, id_="a"), "close", who="sam", at=NOW)
    async with store.turns() as turns:
        first, coach = await turns.person_at(ann, "Ann", NOW), await turns.person_at(sam, "Sam", NOW)
        stranger = await turns.person_at(line.address("kim"), "Kim", NOW)
        empty = await turns.desks.signs(coach, first, since, NOW)
        for day, plan in enumerate((screened.plan, other, other)):
            await turns.keep(first, KeepPlan(plan=plan), BEGAN + timedelta(days=day))
        for slot in (later, waits, prompt, old, coming):
            await turns.keep(first, Remind(slot=slot), BEGAN)
        await turns.keep(first, KeepAlert(alert=alert), NOW)
        await turns.take_due(10, NOW)
        await turns.desks.check(coach, first, "brief", NOW)
        await turns.desks.check(coach, first, "message", NOW - timedelta(hours=2))
        await turns.desks.check(first, first, "hold", NOW)
        await turns.put_out(first, None, Message(text="hi"), "reply", NOW)
    (row,) = await store.claim_outgoing(5, NOW)
    await store.not_sent(row.id, "refused", None, NOW)
    async with store.turns() as turns:
        signs = await turns.desks.signs(coach, first, since, NOW)
        with pytest.raises(NotTheirsError):
            await turns.desks.signs(stranger, first, since, NOW)
    assert empty == Signs(closed=[])
    assert signs == Signs(
        failed=True,
        snoozed_until=NOW,
        prompted=frozenset({NOW.date()}),
        driver_since=BEGAN + timedelta(days=1),
        acted_at=NOW - timedelta(hours=2),
        closed=[alert],
    )
    await store.close()


async def test_a_digest_is_emptied_when_a_client_whom_it_names_is_deleted(house: House) -> None:
    await house.hears("sam", text="/digest")
    async with house.store.turns() as turns:
        await turns.erase(house.people["eve"], house.clock.now())
    t = house.store._database.tables.outbox
    async with house.store._database.begin() as connection:
        texts = [row["text"] for row in (await connection.execute(select(t.c.message))).scalars()]
    assert not [text for text in texts if "Eve" in text]


async def employed(house: House) -> None:
    """Let sam have come by an invitation, and do something."""
    async with house.store.turns() as turns:
        await turns.desks.links.employ(house.people["sam"], "", NOW, operator=False, takes_all=False)
    await house.hears("sam", text="/clients")


async def test_a_digest_comes_to_who_never_said_when(house: House) -> None:
    await employed(house)
    desk = await house.desk()
    assert (desk.zone, desk.assumed, desk.digest_at) == ("UTC", True, time(8, 0))
    told = "\n".join(await house.waits_until(NOW.replace(hour=23)))
    assert "NOW: 1" not in told
    told = "\n".join(await house.waits_until(NOW.replace(hour=8, minute=1) + timedelta(days=1)))
    assert "NOW: 1" in told
    told = "\n".join(await house.waits_until(NOW.replace(hour=8, minute=1) + timedelta(days=2)))
    assert "NOW: 1" in told  # and each day from then on
    assert "When shall the digest come" in (await house.hears("sam", text="/desk 7:00"))[0]  # UTC is nobody's word
    assert "No more digests" in (await house.hears("sam", text="/desk off"))[0]
    await house.hears("sam", text="/clients")
    told = "\n".join(await house.waits_until(NOW + timedelta(days=5)))
    assert "NOW: 1" not in told


async def test_the_zone_of_a_coach_who_has_reminders_is_theirs(house: House) -> None:
    await house.puts("sam", NOW, KeepRhythm(rhythm=RHYTHM))
    await employed(house)
    assert (await house.desk()).zone == "Europe/London"


def test_the_zone_of_the_house_is_a_setting(monkeypatch: pytest.MonkeyPatch, screened: Known) -> None:
    monkeypatch.setenv("COXA_ZONE", "Europe/Berlin")
    assert Door(zone=read_settings().zone).seen(screened).zone == "Europe/Berlin"
    monkeypatch.setenv("COXA_ZONE", "Nowhere")
    with pytest.raises(SettingsError, match="COXA_ZONE: it is 'Nowhere'"):
        read_settings()


async def test_own_words_from_a_digest_decide_the_matter(house: House) -> None:
    [before] = await house.hears("sam", text="/digest")
    assert "DECIDE: 3" in before
    matter = next(line for line in before.splitlines() if line.endswith("→ message"))
    number = matter.split()[0]
    await house.hears("sam", tap=house.button(f"{number} Message"))
    own = house.button("Write my own")
    await house.hears("sam", tap=own)
    assert (await house.desk()).answered == ()  # nothing is sent yet
    await house.hears("sam", text="how are you")
    assert (await house.desk()).answered == (own.rpartition(":")[2],)
    assert await house.hears("sam", tap=own) == []  # once for each matter
    assert house.line.taps[-1][1] is not None
    [after] = await house.hears("sam", text="/digest")
    assert "DECIDE: 2" in after


async def test_the_list_has_who_needs_the_coach_most_first_then_who_waits_longest(house: House) -> None:
    def an_alert(urgency: str, hours: int) -> KeepAlert:
        at = NOW - timedelta(hours=hours)
        reason = Reason.model_validate({"kind": "words", "what": "asks", "urgency": urgency, "at": at})
        return KeepAlert(alert=raised(None, reason, id_="a2"))

    await house.puts("bea", NOW, an_alert("clinician", 9))
    await house.puts("cleo", NOW, an_alert("emergency", 1))
    await house.puts("dan", NOW, an_alert("urgent", 30))
    await house.hears("sam", text="/clients")
    rows = house.line.sends[-1].message.rows
    listed = [button["label"].split()[0].strip(":·") for row in rows for button in row["buttons"]]
    assert [name.lower() for name in listed[:5]] == ["cleo", "dan", "ann", "bea", "eve"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("/desk", "When shall the digest come"),
        ("/desk 17:30", "When shall the digest come"),
        ("/desk 17:30 Nowhereville", "When shall the digest come"),
        ("/desk 5pm London", "Digest at 17:00 (Europe/London)"),
        ("/desk Tokyo", "Digest at 08:00 (Asia/Tokyo)"),
    ],
)
async def test_the_desk_is_set_in_words(house: House, words: str, says: str) -> None:
    assert says in (await house.hears("sam", text=words))[0]
