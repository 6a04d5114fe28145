"""Invitations: used once, for a while, and kept so that nobody can read them out of the database."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image
from sqlalchemy import delete, select, update

from bot.conversation.effects import KeepConsent
from bot.conversation.known import CONSENT_VERSION
from bot.pictures.code import for_terminal
from bot.pictures.painter import draw
from bot.storage.crypto import KeyRing
from bot.storage.database import open_database
from bot.storage.store import SqlStore
from bot.workflow.door import LASTS, Door, new_token
from bot.workflow.ports import Address

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
UNTIL = NOW + LASTS
ANN, BEA, KIM, SAM = (Address(channel="line", bot="b", chat=name) for name in ("ann", "bea", "kim", "sam"))


@pytest.fixture(params=["sqlite file", "sqlite in memory", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return {"sqlite file": f"sqlite+aiosqlite:///{tmp_path}/coxa.db", "sqlite in memory": "sqlite+aiosqlite://"}[
        request.param
    ]


@pytest.fixture
async def store(place: str) -> AsyncIterator[SqlStore]:
    made = SqlStore(await open_database(place, KeyRing.new()))
    yield made
    await made.close()


async def person(store: SqlStore, address: Address) -> int:
    async with store._open() as turns:
        return await turns.person_at(address, address.chat, NOW)


async def coach(store: SqlStore, address: Address = SAM, *, takes_all: bool = False, operator: bool = False) -> int:
    number = await person(store, address)
    async with store._open() as turns:
        await turns.desks.links.employ(number, "", NOW, operator=operator, takes_all=takes_all)
    return number


async def invite(store: SqlStore, maker_id: int | None, *, name: str = "", at: datetime = NOW) -> tuple[int, str]:
    token = new_token()
    async with store._open() as turns:
        made = await turns.desks.invites.make(
            token,
            kind="client" if maker_id is not None else "coach",
            maker_id=maker_id,
            name=name,
            at=at,
            expires_at=at + LASTS,
        )
    return made.id, token


async def found(store: SqlStore, token: str, at: datetime = NOW) -> bool:
    async with store._open() as turns:
        return await turns.desks.invites.look(token, at) is not None


async def redeemed(store: SqlStore, invite_id: int, person_id: int, at: datetime = NOW) -> bool:
    async with store._open() as turns:
        return await turns.desks.invites.redeem(invite_id, person_id, at) is not None


def test_a_token_is_one_that_telegram_passes_on_and_nobody_guesses() -> None:
    tokens = {new_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert all(
        re.fullmatch("[A-Za-z0-9_-]{32}", token) for token in tokens
    )  # 24 bytes: 192 bits; at most 64 characters


async def test_an_invitation_says_whose_it_is(store: SqlStore) -> None:
    sam = await coach(store)
    number, token = await invite(store, sam, name="Ann B.")
    async with store._open() as turns:
        seen = await turns.desks.invites.look(token, NOW)
    assert seen is not None
    assert (seen.id, seen.kind, seen.maker_id, seen.maker_name, seen.name) == (number, "client", sam, "sam", "Ann B.")
    assert (seen.made_at, seen.expires_at) == (NOW, UNTIL)


async def test_it_is_used_once(store: SqlStore) -> None:
    sam, ann, bea = await coach(store), await person(store, ANN), await person(store, BEA)
    number, token = await invite(store, sam)
    assert await redeemed(store, number, ann)
    assert not await redeemed(store, number, bea)
    assert not await redeemed(store, number, ann)
    assert not await found(store, token)


async def carried(store: SqlStore, number: int) -> dict[str, object] | None:
    t = store._database.tables.invite
    async with store._database.begin() as connection:
        held = (await connection.execute(select(t.c.value).where(t.c.id == number))).scalar()
        return dict(held) if held is not None else None


async def test_who_used_it_is_kept_and_goes_with_them(store: SqlStore) -> None:
    sam, ann, bea = await coach(store), await person(store, ANN), await person(store, BEA)
    by_ann, _ = await invite(store, sam, name="A. from the gym")  # she is called otherwise by now
    by_bea, _ = await invite(store, sam, name="ann")  # for another Ann, who is here as Bea
    ended, token = await invite(store, sam, name="ann")
    open_, _ = await invite(store, sam, name="ann", at=NOW + timedelta(days=30))
    assert await redeemed(store, by_ann, ann)
    assert await redeemed(store, by_bea, bea)
    assert (await carried(store, by_ann) or {})["used_by"] == ann
    assert "used_by" not in (await carried(store, ended) or {})
    later = UNTIL + timedelta(hours=1)
    assert not await found(store, token, later)
    async with store.turns() as turns:
        await turns.erase(ann, later)
    assert [await carried(store, number) is not None for number in (by_ann, by_bea, ended, open_)] == [
        *(False, True, False, True)
    ]


async def test_invitations_that_ended_are_let_go_with_time(store: SqlStore) -> None:
    sam, ann = await coach(store), await person(store, ANN)
    texts = timedelta(days=90)
    used, _ = await invite(store, sam, name="ann")
    taken_back, _ = await invite(store, sam, name="bea")
    expired, _ = await invite(store, sam, name="cleo")
    fresh, _ = await invite(store, sam, name="dan", at=NOW + texts)
    assert await redeemed(store, used, ann)
    async with store._open() as turns:
        assert await turns.desks.invites.revoke(taken_back, sam, NOW)
    all_ = (used, taken_back, expired, fresh)
    for days, there in ((89, 4), (91, 2), (98, 1)):
        await store.sweep(NOW + timedelta(days=days), keep=timedelta(days=730), texts=texts)
        assert sum([await carried(store, number) is not None for number in all_]) == there
    assert await carried(store, fresh) is not None


async def test_of_many_who_take_it_at_once_one_gets_it(store: SqlStore) -> None:
    sam = await coach(store)
    people = [await person(store, Address(channel="line", bot="b", chat=f"p{n}")) for n in range(8)]
    number, _ = await invite(store, sam)
    assert sum(await asyncio.gather(*(redeemed(store, number, one) for one in people))) == 1


async def test_it_ends_by_itself(store: SqlStore) -> None:
    sam, ann = await coach(store), await person(store, ANN)
    number, token = await invite(store, sam)
    last = UNTIL - timedelta(microseconds=1)
    assert await found(store, token, last)
    assert not await found(store, token, UNTIL)
    assert not await redeemed(store, number, ann, UNTIL)
    assert await redeemed(store, number, ann, last)


async def test_it_can_be_taken_back_by_whoever_made_it(store: SqlStore) -> None:
    sam, kim, ann = await coach(store), await coach(store, KIM), await person(store, ANN)
    number, token = await invite(store, sam)
    async with store._open() as turns:
        assert not await turns.desks.invites.revoke(number, kim, NOW)
        assert not await turns.desks.invites.revoke(number, None, NOW)
        assert await turns.desks.invites.revoke(number, sam, NOW)
        assert not await turns.desks.invites.revoke(number, sam, NOW)
    assert not await found(store, token)
    assert not await redeemed(store, number, ann)


async def test_one_that_was_used_is_not_taken_back(store: SqlStore) -> None:
    sam, ann = await coach(store), await person(store, ANN)
    number, _ = await invite(store, sam)
    assert await redeemed(store, number, ann)
    async with store._open() as turns:
        assert not await turns.desks.invites.revoke(number, sam, NOW)


async def test_nobody_takes_their_own(store: SqlStore) -> None:
    sam, ann = await coach(store), await person(store, ANN)
    number, _ = await invite(store, sam)
    assert not await redeemed(store, number, sam)
    assert await redeemed(store, number, ann)


async def test_those_that_are_open_are_listed_to_whoever_made_them(store: SqlStore) -> None:
    sam, kim, ann = await coach(store), await coach(store, KIM), await person(store, ANN)
    first, _ = await invite(store, sam, name="first")
    used, _ = await invite(store, sam, name="used")
    last, _ = await invite(store, sam, name="last", at=NOW + timedelta(days=1))
    of_kim, _ = await invite(store, kim, name="kim's")
    of_operator, _ = await invite(store, None, name="a coach")
    await redeemed(store, used, ann)
    async with store._open() as turns:
        invites = turns.desks.invites
        assert [one.id for one in await invites.open(sam, NOW)] == [last, first]
        assert [one.id for one in await invites.open(sam, UNTIL)] == [last]
        assert [one.id for one in await invites.open(kim, NOW)] == [of_kim]
        assert [one.id for one in await invites.open(None, NOW)] == [of_operator]


async def test_a_coach_who_is_none_any_more_invites_nobody(store: SqlStore) -> None:
    sam, ann = await coach(store), await person(store, ANN)
    number, token = await invite(store, sam)
    async with store._open() as turns:
        await turns.desks.links.dismiss(sam, NOW)
    assert not await found(store, token)
    assert not await redeemed(store, number, ann)
    await coach(store)  # nor when they come back: what was taken back stays so
    assert not await found(store, token)


async def test_an_invitation_is_good_only_while_its_maker_is_a_coach(store: SqlStore) -> None:
    sam, ann = await coach(store), await person(store, ANN)
    number, token = await invite(store, sam)
    async with store._open() as turns:
        await turns._connection.execute(delete(turns._tables.role).where(turns._tables.role.c.role == "coach"))
    assert not await found(store, token)
    assert not await redeemed(store, number, ann)


async def test_a_token_of_another_database_is_nobodys(store: SqlStore) -> None:
    await coach(store)
    assert not await found(store, new_token())


def everything_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


async def test_nothing_of_a_token_is_in_the_database(tmp_path: Path) -> None:
    store = SqlStore(await open_database(f"sqlite+aiosqlite:///{tmp_path}/coxa.db", KeyRing.new()))
    _, token = await invite(store, await coach(store), name="Ann Bloggs")
    assert await found(store, token)
    await store.close()
    kept = everything_in(tmp_path)
    assert len(kept) > 10_000
    for told in (token, token[:8], token[-8:], "Bloggs"):
        assert told.encode() not in kept
        assert told.encode().hex().encode() not in kept


# --- who is a coach, and of whom


async def test_a_consent_to_a_coachs_seeing_leaves_the_other_as_it_stands(store: SqlStore) -> None:
    ann = await person(store, ANN)
    steps = [("coach", True, None), ("1", True, "1"), ("coach", False, "1"), ("coach", True, "1"), ("1", False, None)]
    for version, given, stands in steps:
        async with store._open() as turns:
            await turns.keep(ann, KeepConsent(version=version, given=given), NOW)
            assert (await turns.load(ann)).consent == stands


async def test_a_link_that_ended_shuts_the_former_coach_out(store: SqlStore) -> None:
    sam, ann = await coach(store), await person(store, ANN)
    async with store._open() as turns:
        await turns.desks.links.link(sam, ann, "Ann B.", NOW)
        assert await turns.desks.may(sam, ann, NOW)
        known = await turns.load(ann)
        assert known.person.linked
        assert (known.person.name, known.person.coaches) == ("Ann B.", (sam,))
        await turns.desks.links.end(ann, NOW + timedelta(days=1))
        assert not await turns.desks.may(sam, ann, NOW)
        assert await turns.desks.caseload(sam, NOW) == []
        assert not (await turns.load(ann)).person.linked
        assert await turns.desks.links.standing(ann) is None
        assert await turns.desks.links.met(sam, ann)


async def test_what_another_link_began_does_not_come_back_by_itself(store: SqlStore) -> None:
    await store.add_coach(SAM, "sam", ANN, "ann", NOW)
    ann = await person(store, ANN)
    async with store._open() as turns:
        await turns.desks.links.end(ann, NOW)
    await store.add_coach(SAM, "sam", ANN, "ann", NOW)
    async with store._open() as turns:
        assert await turns.desks.links.standing(ann) is None


async def test_there_is_one_default_coach_and_they_see_whoever_has_none(store: SqlStore) -> None:
    sam, kim, ann = await coach(store, takes_all=True), await coach(store, KIM), await person(store, ANN)
    async with store._open() as turns:
        assert not await turns.desks.may(sam, ann, NOW)
        assert await turns.desks.caseload(sam, NOW) == []
        await turns.keep(ann, KeepConsent(version=CONSENT_VERSION, given=True), NOW)
        assert await turns.desks.caseload(sam, NOW) == [ann]
        assert await turns.desks.may(sam, ann, NOW)
        known = await turns.load(ann)
        assert (known.person.coach_name, known.person.linked) == ("sam", False)
    await coach(store, KIM, takes_all=True)
    async with store._open() as turns:
        assert not await turns.desks.may(sam, ann, NOW)
        assert await turns.desks.may(kim, ann, NOW)
        told = [(one.name, one.takes_all) for one in await turns.desks.links.coaches()]
        assert told == [("sam", False), ("kim", True)]


async def test_a_coach_who_is_removed_is_nobodys_coach_and_covers_for_nobody(store: SqlStore) -> None:
    sam, kim, ann, bea = await coach(store), await coach(store, KIM), await person(store, ANN), await person(store, BEA)
    async with store._open() as turns:
        await turns.desks.links.link(sam, ann, "", NOW)
        await turns.desks.links.link(kim, bea, "", NOW)
        t = turns._tables.desk
        covered = {"cover_id": sam, "away_until": (NOW + timedelta(days=7)).isoformat()}
        await turns._connection.execute(update(t).where(t.c.person_id == kim).values(value=covered))
        assert await turns.desks.may(sam, bea, NOW)
        assert await turns.desks.links.dismiss(sam, NOW) == [ann]
        for client in (ann, bea):
            assert not await turns.desks.may(sam, client, NOW)
        assert await turns.desks.may(kim, bea, NOW)
        assert (await turns.desks.desk(kim)).cover_id is None
        assert [one.id for one in await turns.desks.links.coaches()] == [kim]


# --- the link and its code


def test_a_link_leads_to_the_bot_and_at_a_terminal_it_is_what_to_type() -> None:
    assert Door(bot="my_coxa_bot").link("abc_-9") == "https://t.me/my_coxa_bot?start=abc_-9"
    assert Door().link("abc_-9") == "/start abc_-9"


@pytest.mark.parametrize("bot", ["a_bot", "a" * 32])
def test_a_code_is_read_as_the_link(bot: str) -> None:
    link = Door(bot=bot).link(new_token())
    png = draw({"kind": "qr", "text": link})
    (read,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(png)))
    assert (read.text, read.format) == (link, zxingcpp.BarcodeFormat.QRCode)


def test_the_code_in_a_terminal_is_the_same_code() -> None:
    link = Door(bot="my_coxa_bot").link(new_token())
    halves = {"█": (1, 1), "▀": (1, 0), "▄": (0, 1), " ": (0, 0)}
    rows: list[list[int]] = []
    for line in re.sub(r"\x1b\[[0-9;]*m", "", for_terminal(link)).splitlines():
        rows += [[255 * halves[sign][half] for sign in line] for half in (0, 1)]  # light where the block is
    width = max(len(row) for row in rows)
    image = Image.new("L", (width, len(rows)), 255)
    image.putdata([dot for row in rows for dot in [*row, *[255] * (width - len(row))]])
    image = image.resize((width * 6, len(rows) * 6), Image.Resampling.NEAREST)
    (read,) = zxingcpp.read_barcodes(image)
    assert read.text == link


@pytest.mark.parametrize("picture", [{"kind": "qr"}, {"kind": "qr", "text": "x" * 5000}, {"kind": "qr", "text": 5}])
def test_a_code_that_cannot_be_drawn_is_refused(picture: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="can't be drawn"):
        draw(picture)
