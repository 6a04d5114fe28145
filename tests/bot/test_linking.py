"""Coaches and clients are linked by an invitation and a yes, and unlinked by either; who is not linked sees nothing."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import get_args

import pytest
from sqlalchemy import update

from bot.channels.console import plain
from bot.channels.telegram import make_telegram
from bot.coaching.alerts import Deed, Reason, raised
from bot.coaching.news import AlertTold
from bot.conversation import linking_pages
from bot.conversation.client_pages import SEEN
from bot.conversation.decided import EDITS
from bot.conversation.effects import KeepAlert
from bot.conversation.events import Elsewhere
from bot.conversation.known import Known
from bot.phrasebook import load_phrasebook
from bot.storage.crypto import KeyRing
from bot.storage.database import open_database
from bot.storage.desks import DEEDS
from bot.storage.store import SqlStore
from bot.workflow.deliver import deliver
from bot.workflow.door import LASTS, MOST_OPEN, Door
from bot.workflow.handle import PERSON, encode, handle
from bot.workflow.linking import START
from bot.workflow.ports import Message, NotTheirsError, Raw
from rules import Library
from tests.fakes import FakeClock, RecordingChannel

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
REASON = Reason(kind="flag", what="rf02_fall_risk", urgency="urgent", at=NOW, screen="hip_internal_rotation")


@dataclass
class House:
    """Coxa with a channel that remembers; what is heard goes the whole way before the next."""

    store: SqlStore
    library: Library
    door: Door
    line: RecordingChannel = field(default_factory=RecordingChannel)
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOW))
    numbers: Iterator[int] = field(default_factory=count)

    async def hears(self, who: str, **body: str) -> list[str]:
        """Hear a line or a tap, and give what is said to this person, as plain text."""
        self.clock.skip(timedelta(seconds=1))
        key = str(next(self.numbers))
        raw = Raw(source="line", key=key, body={"chat": who, **body}, at=self.clock.now(), chat=f"line:bot:{who}")
        await self.store.receive([raw])
        return (await self.works()).get(who, [])

    async def works(self) -> dict[str, list[str]]:
        """Handle and send until nothing is left; give what is said, by person."""
        before = len(self.line.sends)
        book = load_phrasebook(self.library)
        parts = {"line": self.line}
        while await handle(self.store, parts, self.clock, self.library, book, door=self.door) + await deliver(
            self.store, parts, self.clock
        ):
            pass
        said: dict[str, list[str]] = {}
        for sent in self.line.sends[before:]:
            said.setdefault(sent.address.chat, []).append(plain(sent.message.text))
        return said

    async def says(self, who: str, text: str) -> list[str]:
        return await self.hears(who, text=text)

    async def taps(self, who: str, label: str) -> list[str]:
        """Tap the newest button of a name."""
        return await self.hears(who, tap=self.button(who, label))

    def button(self, who: str, label: str) -> str:
        for message in reversed(self.messages(who)):
            for row in message.rows:
                for button in row["buttons"]:
                    if button["label"] == label:
                        return str(button["data"])
        raise AssertionError(f"{who} has no button {label}")

    def messages(self, who: str) -> list[Message]:
        return [sent.message for sent in self.line.sends if sent.address.chat == who]

    async def person(self, who: str) -> int:
        async with self.store._open() as turns:
            return await turns.person_at(self.line.address(who), who, NOW)

    async def known(self, who: str) -> Known:
        number = await self.person(who)
        async with self.store._open() as turns:
            return await turns.load(number, lock=False)

    async def employ(self, who: str, *, takes_all: bool = False, operator: bool = False) -> int:
        number = await self.person(who)
        async with self.store._open() as turns:
            await turns.desks.links.employ(number, "", NOW, operator=operator, takes_all=takes_all)
        return number

    async def invited(self, who: str, name: str = "") -> str:
        """Let a coach invite; give what the client opens."""
        said = await self.says(who, f"/invite {name}".strip())
        found = re.search(r"/start \S+|start=(\S+)", said[0])
        assert found is not None, said
        return found[0] if found[1] is None else f"/start {found[1]}"

    async def links(self, coach: str, client: str) -> None:
        await self.says(client, await self.invited(coach))
        await self.taps(client, "Yes, they may see this")

    async def agrees(self, who: str) -> None:
        await self.says(who, "/start")
        await self.taps(who, "Yes, I agree")

    async def may(self, viewer: str, client: str) -> bool:
        first, second = await self.person(viewer), await self.person(client)
        async with self.store._open() as turns:
            return await turns.desks.may(first, second, self.clock.now())

    async def alert(self, who: str) -> None:
        """Let a client have an alert that lives."""
        number = await self.person(who)
        async with self.store._open() as turns:
            await turns.keep(number, KeepAlert(alert=raised(None, REASON, id_="a1")), NOW)

    async def alerted(self, who: str) -> bool:
        return (await self.known(who)).alert is not None


@pytest.fixture
async def store(request: pytest.FixtureRequest) -> AsyncIterator[SqlStore]:
    url = "sqlite+aiosqlite://"
    if getattr(request, "param", None) == "postgresql":
        url = request.getfixturevalue("postgres_url")
    made = SqlStore(await open_database(url, KeyRing.new()))
    yield made
    await made.close()


@pytest.fixture
def house(store: SqlStore, library: Library) -> House:
    return House(store, library, Door())


BOTH = pytest.mark.parametrize("store", ["sqlite", "postgresql"], indirect=True)


# --- an invitation


@BOTH
async def test_a_client_learns_who_it_is_and_what_they_see_and_says_yes(house: House) -> None:
    await house.employ("sam")
    asked = "\n".join(await house.says("ann", await house.invited("sam", "Ann B.")))
    for told in ("sam invites you", "results", "pain", "own words", "don't see", "Ann B.", "/coach"):
        assert told in asked
    assert not await house.may("sam", "ann")
    said = await house.taps("ann", "Yes, they may see this")
    assert said[0].startswith("sam is your coach now")
    assert "Your coach sam sees your results" in said[1]  # the hello says it too
    assert await house.may("sam", "ann")
    known = await house.known("ann")
    assert (known.person.name, known.person.linked, known.consent) == ("Ann B.", True, None)
    assert plain(house.messages("sam")[-1].text).startswith("Ann B. is your client now")
    ann = await house.person("ann")
    async with house.store._open() as turns:
        t = turns._tables.consent
        rows = await turns._connection.execute(t.select().where(t.c.person_id == ann))
        assert [row.value for row in rows] == [{"version": "coach", "given": True}]


async def test_a_no_leaves_everything_and_the_invitation_good(house: House) -> None:
    await house.employ("sam")
    link = await house.invited("sam")
    await house.says("ann", link)
    assert "sam sees nothing" in (await house.says("ann", "no"))[0]
    assert not await house.may("sam", "ann")
    await house.says("ann", link)
    await house.says("ann", "yes please")
    assert await house.may("sam", "ann")


@BOTH
async def test_who_comes_second_is_told_so_and_goes_on(house: House) -> None:
    await house.employ("sam")
    link = await house.invited("sam")
    await house.says("ann", link)
    await house.says("bea", link)
    await house.taps("ann", "Yes, they may see this")
    said = await house.taps("bea", "Yes, they may see this")
    assert "can't be used" in said[0]
    assert "Hello, I'm Coxa" in said[1]
    assert await house.may("sam", "ann")
    assert not await house.may("sam", "bea")


@pytest.mark.parametrize("how", ["unknown", "used", "expired", "revoked", "damaged"])
async def test_one_that_is_no_good_says_what_to_do_and_the_chat_goes_on(house: House, how: str) -> None:
    await house.employ("sam")
    link = await house.invited("sam")
    match how:
        case "unknown":
            link = "/start " + "x" * 32
        case "damaged":
            link = link[:-3]
        case "used":
            await house.says("bea", link)
            await house.taps("bea", "Yes, they may see this")
        case "expired":
            house.clock.skip(LASTS)
        case "revoked":
            await house.taps("sam", "Take back 1")
    said = await house.says("ann", link)
    assert "can't be used" in said[0]
    assert "ask whoever sent it" in said[0]
    assert "Hello, I'm Coxa" in said[1]
    assert not (await house.known("ann")).person.linked


async def test_a_yes_after_it_has_expired_comes_too_late(house: House) -> None:
    await house.employ("sam")
    await house.says("ann", await house.invited("sam"))
    house.clock.skip(LASTS)
    assert "can't be used" in (await house.taps("ann", "Yes, they may see this"))[0]
    assert not await house.may("sam", "ann")


async def test_a_coach_is_no_client_of_their_own(house: House) -> None:
    await house.employ("sam")
    link = await house.invited("sam")
    assert "can't be your own client" in (await house.says("sam", link))[0]
    await house.links("sam", "ann")  # another one; the first is still good
    await house.says("bea", link)
    await house.taps("bea", "Yes, they may see this")
    assert await house.may("sam", "bea")


@BOTH
async def test_a_client_who_has_a_coach_is_asked_whether_to_change(house: House) -> None:
    await house.employ("sam")
    await house.employ("kim")
    await house.links("sam", "ann")
    await house.alert("ann")
    asked = "\n".join(await house.says("ann", await house.invited("kim")))
    assert "sam is your coach now" in asked
    assert "kim takes over" in asked
    before = len(house.messages("kim"))
    await house.taps("ann", "Yes, they may see this")
    assert (await house.may("sam", "ann"), await house.may("kim", "ann")) == (False, True)
    assert "no longer your client" in plain(house.messages("sam")[-2].text + house.messages("sam")[-1].text)
    told = [plain(message.text) for message in house.messages("kim")[before:]]
    assert told[0].startswith("ann is your client now")
    assert told[1].startswith("URGENT")  # what was open is theirs to look at
    assert await house.alerted("ann")
    assert "already" in (await house.says("ann", await house.invited("kim")))[0]


async def test_a_safety_question_is_not_lost_by_an_invitation(house: House) -> None:
    await house.employ("sam")
    link = await house.invited("sam")
    asked = (await house.says("ann", "my leg is cold and I can't feel it, I can't pee"))[-1]
    said = await house.says("ann", link)
    assert "First this" in said[0]
    assert said[1] == asked
    assert not await house.may("sam", "ann")
    await house.taps("ann", house.messages("ann")[-1].rows[0]["buttons"][1]["label"])
    for _ in range(3):  # each thing that the words told of has a question of its own
        if "invites you" in (said := await house.says("ann", link))[0]:
            break
        await house.taps("ann", house.messages("ann")[-1].rows[0]["buttons"][1]["label"])
    assert "invites you" in said[0]


async def test_alarming_words_at_the_question_are_heard_first(house: House) -> None:
    await house.employ("sam")
    await house.says("ann", await house.invited("sam"))
    said = await house.says("ann", "I can't pee and I'm numb between my legs")
    assert "call" in said[-1].lower()
    assert "invites you" not in said[-1]
    assert not await house.may("sam", "ann")


async def test_a_question_left_open_holds_up_nothing(house: House) -> None:
    await house.employ("sam")
    await house.says("ann", await house.invited("sam"))
    assert "Hello, I'm Coxa" in (await house.says("ann", "/start"))[0]
    await house.says("ann", await house.invited("sam"))
    house.clock.skip(timedelta(hours=7))
    assert "Hello, I'm Coxa" in (await house.says("ann", "hi there"))[0]


# --- a coach comes in


@BOTH
async def test_an_invitation_of_the_operator_makes_a_coach_once(house: House) -> None:
    async with house.store._open() as turns:
        await turns.desks.invites.make(
            "t" * 32, kind="coach", maker_id=None, name="Sam S.", at=NOW, expires_at=NOW + LASTS, takes_all=True
        )
    said = await house.says("sam", "/start " + "t" * 32)
    assert said[0].startswith("You are a coach here")
    known = await house.known("sam")
    assert (known.person.name, known.person.roles) == ("Sam S.", ("client", "coach"))
    assert not await house.may("sam", "ann")  # takes all who have no coach, once they agree to be kept
    await house.agrees("ann")
    assert await house.may("sam", "ann")
    assert "can't be used" in (await house.says("bea", "/start " + "t" * 32))[0]
    assert (await house.known("bea")).person.roles == ("client",)


async def test_who_is_no_coach_invites_nobody(house: House) -> None:
    said = await house.says("ann", "/invite Bea")
    assert "I don't know /invite" in said[0]
    sam = await house.employ("sam")
    async with house.store._open() as turns:
        await turns.desks.links.dismiss(sam, NOW)
    assert "I don't know /invite" in (await house.says("sam", "/invite Bea"))[0]
    async with house.store._open() as turns:
        assert (await turns._connection.execute(turns._tables.invite.select())).all() == []


async def test_an_invitation_carries_its_link_as_words_and_as_a_code(store: SqlStore, library: Library) -> None:
    house = House(store, library, Door(bot="my_coxa_bot", make_token=lambda: "a-token-of-a-test"))
    await house.employ("sam")
    said = await house.says("sam", "/invite Ann B.")
    link = "https://t.me/my_coxa_bot?start=a-token-of-a-test"
    assert link in said[0]
    assert house.messages("sam")[-2].picture == {"kind": "qr", "text": link}
    assert "1. Ann B., until 12 January" in said[1]


async def test_a_clients_name_raises_no_alarm_and_alarming_words_of_a_client_do(house: House) -> None:
    await house.employ("sam")
    words = "/invite chest pain and I collapsed"
    assert "invites you" in (await house.says("sam", words))[0]
    assert "happening now" in (await house.says("ann", words))[-1]


async def test_no_more_are_made_than_may_be_open(house: House) -> None:
    await house.employ("sam")
    for _ in range(MOST_OPEN):
        await house.invited("sam")
    said = await house.says("sam", "/invite")
    assert "Take one back first" in said[0]
    await house.taps("sam", "Take back 1")
    await house.invited("sam")


async def test_another_coach_takes_none_back(house: House) -> None:
    await house.employ("sam")
    await house.employ("kim")
    link = await house.invited("sam")
    await house.hears("kim", tap=house.button("sam", "Take back 1"))
    assert "invites you" in (await house.says("ann", link))[0]


async def test_the_row_of_a_token_is_emptied_when_it_was_heard(house: House) -> None:
    await house.employ("sam")
    link = await house.invited("sam")
    await house.says("ann", link)
    token = link.removeprefix("/start ")
    async with house.store._open() as turns:
        rows = (await turns._connection.execute(turns._tables.inbox.select())).all()
        conversation = (await turns._connection.execute(turns._tables.conversation.select())).all()
    assert len(rows) >= 2
    assert not [row for row in (*rows, *conversation) if token in repr(row)]


# --- /coach, and the end


async def test_a_client_sees_who_the_coach_is_and_who_looked(house: House) -> None:
    sam, ann = await house.employ("sam"), await house.person("ann")
    await house.links("sam", "ann")
    page = "\n".join(await house.says("ann", "/coach"))
    assert "sam is your coach since 5 January" in page
    assert "results" in page
    assert "Nobody has looked" in (await house.taps("ann", "Who looked"))[0]
    async with house.store._open() as turns:
        for what in ("alert", "alert", "message", "something_new"):
            house.clock.skip(timedelta(minutes=1))
            await turns.desks.check(sam, ann, what, house.clock.now())
    said = (await house.taps("ann", "Who looked"))[0]
    assert "5 January: sam was shown what needs care (2 times)" in said
    assert "5 January: sam wrote to you" in said
    assert "5 January: sam looked at your data" in said


@pytest.mark.parametrize(
    ("what", "told"),
    [
        *(("export", "asked for a copy of your record"), ("export.zip", "got a copy of your record as files")),
        *(("swap", "changed your exercises"), ("sets", "changed your exercises"), ("out", "changed your exercises")),
        *(("add", "changed your exercises"), ("driver", "decided what your exercises are for")),
        *(("hold", "paused your exercises"), ("step_back", "made your exercises one step easier")),
        *(("video", "asked you for a film of a test"), ("clip", "looked at your film of a test")),
        *(("letter.pdf", "got your letter for a clinician"), ("plan.pdf", "got your exercises as a sheet")),
        *(("brief", "looked at your page"), ("result", "read your result"), ("digest", "for a digest")),
        *(("note", "noted something about you"), ("notes", "read the coaches' notes"), ("rate", "saw of a test")),
    ],
)
def test_a_client_is_told_of_each_kind_of_look_in_its_own_words(library: Library, what: str, told: str) -> None:
    look = linking_pages.Seen(at=NOW, who="Sam", what=what)
    book = load_phrasebook(library)
    [_, listed] = linking_pages.looked([look, look], zone=None).paragraphs
    assert book.text(listed, "en").startswith("5 January: Sam ")
    assert told in book.text(listed, "en")
    assert "times" not in book.text(listed, "en")  # what one page read twice was one look


def test_all_that_coaches_do_has_words_of_its_own() -> None:
    done = {*DEEDS, *EDITS, *SEEN, *get_args(Deed), "undo", "unlink", "rate", "video"}
    assert {what for what in done if linking_pages.LOOKS.get(what, "data") == "data"} == set()


async def test_a_client_without_a_coach_is_told_what_that_means(house: House) -> None:
    said = await house.says("ann", "/coach")
    assert "You have no coach" in said[0]
    assert "nobody is told" in said[0]
    await house.employ("kim", takes_all=True)
    assert "You have no coach" in (await house.says("ann", "/coach"))[0]
    await house.agrees("ann")
    said = await house.says("ann", "/coach")
    assert "kim looks after all who have none" in said[0]
    with pytest.raises(AssertionError):
        house.button("ann", "End it")


async def test_a_client_ends_it_after_a_sure_question(house: House) -> None:
    await house.employ("sam")
    await house.links("sam", "ann")
    await house.says("ann", "/coach")
    assert "Shall sam no longer" in (await house.taps("ann", "End it"))[0]
    await house.taps("ann", "No, leave it")
    assert await house.may("sam", "ann")
    await house.taps("ann", "End it")
    assert "no longer your coach" in (await house.taps("ann", "Yes, end it"))[0]
    assert not await house.may("sam", "ann")
    assert "ann is no longer your client" in plain(house.messages("sam")[-1].text)


@BOTH
async def test_a_coach_ends_it_after_a_sure_question(house: House) -> None:
    await house.employ("sam")
    await house.links("sam", "ann")
    ann = await house.person("ann")
    assert "Shall ann no longer" in (await house.hears("sam", tap=f"k:unlink:{ann}"))[0]
    await house.taps("sam", "No, leave it")
    assert await house.may("sam", "ann")
    assert "You have ended it with ann" in (await house.taps("sam", "Yes, end it"))[0]
    assert not await house.may("sam", "ann")
    assert plain(house.messages("ann")[-1].text).startswith("sam is no longer your coach")


@BOTH
async def test_an_alert_outlives_the_link_and_is_passed_on(house: House) -> None:
    for name in ("sam", "kim"):
        await house.employ(name, takes_all=name == "kim")
    await house.agrees("ann")
    await house.links("sam", "ann")
    await house.alert("ann")
    await house.says("ann", "/coach")
    await house.taps("ann", "End it")
    before = len(house.messages("kim"))
    said = await house.taps("ann", "Yes, end it")
    assert "passed to kim" in said[0]
    assert await house.alerted("ann")
    (card,) = house.messages("kim")[before:]
    assert plain(card.text).startswith("URGENT")
    assert await house.may("kim", "ann")
    assert "no longer yours to look at" in plain(house.messages("sam")[-1].text)


async def test_without_anybody_an_alert_stays_and_the_client_is_told(house: House) -> None:
    await house.employ("sam")
    await house.links("sam", "ann")
    await house.alert("ann")
    ann = await house.person("ann")
    await house.hears("sam", tap=f"k:unlink:{ann}")
    await house.taps("sam", "Yes, end it")
    assert "no coach looks at it now" in plain(house.messages("ann")[-1].text)
    assert await house.alerted("ann")


@BOTH
async def test_a_former_coach_is_refused_everywhere(house: House) -> None:
    sam = await house.employ("sam")
    await house.links("sam", "ann")
    await house.alert("ann")
    ann = await house.person("ann")
    async with house.store._open() as turns:
        await turns.put_in(
            Raw(
                source=PERSON,
                key="told",
                body=encode(AlertTold(at=NOW, client_id=ann, ids=(sam,), anew=True), sam),
                at=NOW,
            )
        )
    await house.works()
    old = [button["data"] for row in house.messages("sam")[-1].rows for button in row["buttons"]]
    assert len(old) >= 4
    more = [f"k:unlink:{ann}", f"k:unlinked:{ann}", f"k:client:{ann}", f"k:do:{ann}:1:close", f"k:do:{ann}:1:hold:3"]
    await house.says("ann", "/coach")
    await house.taps("ann", "End it")
    await house.taps("ann", "Yes, end it")
    before, alert = len(house.messages("ann")), (await house.known("ann")).alert
    seen = await house.known("ann")
    for data in (*old, *more, f"k:write:{ann}"):
        said = "\n".join(await house.hears("sam", tap=data))
        for told in ("Fall or knock", "URGENT", "Exercises are stopped"):
            assert told not in said, data
    await house.says("sam", "I still write to you")
    assert house.messages("ann")[before:] == []
    assert (await house.known("ann")).alert == alert
    assert await house.known("ann") == seen
    async with house.store._open() as turns:
        assert not await turns.desks.may(sam, ann, NOW)
        for ask in (turns.desks.client, turns.desks.check):
            with pytest.raises(NotTheirsError):
                await ask(sam, ann, "alert", NOW)
        assert await turns.desks.caseload(sam, NOW) == []


async def test_nobody_ends_what_is_not_theirs(house: House) -> None:
    await house.employ("sam")
    await house.employ("kim", takes_all=True)
    await house.links("sam", "ann")
    ann, sam = await house.person("ann"), await house.person("sam")
    for who in ("kim", "bea"):
        for data in (f"k:unlinked:{ann}", f"l:ended:{sam}"):
            await house.hears(who, tap=data)
    assert await house.may("sam", "ann")


async def test_who_covers_sees_the_client_and_does_not_end_it(house: House) -> None:
    sam, kim = await house.employ("sam"), await house.employ("kim")
    await house.links("sam", "ann")
    ann = await house.person("ann")
    async with house.store._open() as turns:
        t = turns._tables.desk
        away = {"cover_id": kim, "away_until": (NOW + timedelta(days=7)).isoformat()}
        await turns._connection.execute(update(t).where(t.c.person_id == sam).values(value=away))
    assert await house.may("kim", "ann")
    for data in (f"k:unlink:{ann}", f"k:unlinked:{ann}"):
        assert "not a client of yours" in (await house.hears("kim", tap=data))[0]
    assert await house.may("sam", "ann")
    assert "kim sees the same" in (await house.says("ann", "/coach"))[0]


async def test_an_old_button_does_not_end_a_newer_link(house: House) -> None:
    await house.employ("sam")
    await house.employ("kim")
    await house.links("sam", "ann")
    await house.says("ann", "/coach")
    await house.taps("ann", "End it")
    old = house.button("ann", "Yes, end it")
    await house.links("kim", "ann")
    await house.hears("ann", tap=old)
    assert await house.may("kim", "ann")


# --- only the invited


async def test_where_only_the_invited_may_begin_others_are_told_how(store: SqlStore, library: Library) -> None:
    house = House(store, library, Door(invite_only=True))
    await house.employ("sam")
    for text in ("/start", "hello", "/screen", "/profile", "yes"):
        said = await house.says("ann", text)
        assert "open to invited people only" in said[-1], text
        assert (await house.known("ann")).conversation.activities == ()
    assert "What is kept" in (await house.says("ann", "/privacy"))[0]
    alarm = await house.says("ann", "I can't pee and I'm numb between my legs")
    assert "Is that about you, and happening now?" in alarm[-1]
    assert "call" in alarm[-1]
    await house.says("ann", "no")
    await house.says("ann", "no")
    await house.links("sam", "ann")
    assert "May I keep your answers" in plain(house.messages("ann")[-1].text)
    await house.taps("ann", "Yes, I agree")
    assert (await house.known("ann")).consent is not None
    await house.says("ann", "/coach")
    await house.taps("ann", "End it")
    await house.taps("ann", "Yes, end it")
    assert "invited people only" not in (await house.says("ann", "/start"))[0]  # who began goes on


async def test_a_hello_from_before_opens_no_door(store: SqlStore, library: Library) -> None:
    house = House(store, library, Door())
    await house.says("ann", "/start")
    house.door = Door(invite_only=True)
    assert "invited people only" in (await house.taps("ann", "Yes, I agree"))[0]
    assert (await house.known("ann")).consent is None


async def test_a_no_to_an_invitation_opens_no_door(store: SqlStore, library: Library) -> None:
    house = House(store, library, Door(invite_only=True))
    await house.employ("sam")
    await house.says("ann", await house.invited("sam"))
    assert "invited people only" in (await house.taps("ann", "No, not now"))[-1]


# --- what is an invitation at all


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("/start " + "a" * 32, "a" * 32),
        ("/start@my_bot  " + "-_9" * 8 + " ", "-_9" * 8),
        ("/start", None),
        ("/start again", None),
        ("/start I can't feel my leg", None),
        ("start " + "a" * 32, None),
        ("/start " + "a" * 65, None),
    ],
)
def test_what_carries_a_token(text: str, token: str | None) -> None:
    found = START.fullmatch(text)
    assert (found["token"] if found else None) == token


async def test_an_invitation_opened_in_a_group_is_not_taken(house: House) -> None:
    await house.employ("sam")
    link = await house.invited("sam")
    update = {
        "update_id": 7,
        "message": {
            "message_id": 1,
            "date": 1,
            "chat": {"id": -5, "type": "group", "title": "Family"},
            "from": {"id": 42, "is_bot": False, "first_name": "Ann"},
            "text": link.replace("/start", "/start@my_coxa_bot"),
            "entities": [{"type": "bot_command", "offset": 0, "length": 19}],
        },
    }
    telegram = make_telegram("123456:ABC", "http://127.0.0.1:9/bot")
    heard = telegram.read(telegram.raw(update, NOW))
    assert heard is not None
    assert isinstance(heard.event, Elsewhere)
    assert "invites you" in (await house.says("ann", link))[0]


async def test_who_takes_consent_back_is_seen_by_no_coach_any_more(house: House) -> None:
    await house.employ("sam")
    await house.links("sam", "ann")
    await house.says("ann", "/start")
    await house.says("ann", "yes")
    assert await house.may("sam", "ann")
    await house.says("ann", "/privacy")
    await house.says("ann", "yes")
    if await house.may("sam", "ann"):  # it is made sure of once
        await house.says("ann", "yes")
    assert not await house.may("sam", "ann")
