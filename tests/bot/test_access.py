"""Who may see and do what with a client: every page and deed tried by every kind of person, as taps and as commands."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import func, insert, select, update

from bot.coaching.alerts import Alert, Reason, raised, told_again
from bot.coaching.desk import Desk
from bot.conversation.effects import KeepAlert, KeepAssessment, KeepConsent, KeepEntry, KeepPlan, KeepProfile
from bot.storage.crypto import KeyRing
from bot.storage.database import Database, open_database
from bot.storage.store import SqlStore
from bot.workflow.door import Door
from rules import Library
from rules.log import SessionReport
from tests.bot.test_linking import NOW, House
from tests.conversation.test_daily import timed

WORDS = "sentinel words of the client"
NAME = "Annsentinel"
ROLES = {
    "their coach": "sam",
    "who covers": "kim",
    "other coach": "zoe",
    "former coach": "old",
    "operator": "opa",
    "the client": "ann",
    "other client": "bob",
    "a stranger": "new",
}
PAGES = (
    "alert",
    "client",
    "notes",
    "edit",
    "see-result",
    "see-plan",
    "see-progress",
    "see-history",
    "choose-message",
    "rate",
    "export",
    "film",
)
DEEDS = (
    "acknowledge",
    "message",
    "hold",
    "step_back",
    "unlock",
    "refer",
    "undo",
    "close",
    "swap",
    "sets",
    "out",
    "add",
    "driver",
    "rescreen",
    "rated",
    "video",
)
WRITTEN = ("write", "note")
TYPED = ("/client", "/clients")
MAY = ("their coach", "who covers")


@dataclass
class Scene:
    """A client with a coach, and everybody else."""

    house: House
    database: Database
    client: int
    plan: tuple[str, ...]

    def tap(self, action: str) -> str:
        """Give what the button of an action carries."""
        page, _, rest = action.partition("-")
        first, second = self.plan[:2]
        words = {
            "message": "how",
            "hold": "3",
            "unlock": "spoke",
            "swap": f"{first}:fp4",
            "sets": f"{first}:1",
            "out": second,
            "add": "fp5",
            "driver": "pelvic:filmed",
        }.get(action, "")
        if action == "video":
            return f"k:act:{self.client}:video:f1:right"
        if action == "rated":
            return f"k:act:{self.client}:rate:f1:right:clear"
        if action in ("alert", "client", "notes", "edit", "write", "note", "rate", "export", "film"):
            return f"k:{action}:{self.client}"
        if page == "see":
            return f"k:see:{self.client}:{rest}"
        if page == "choose":
            return f"k:choose:{self.client}:1:{rest}"
        if action in ("swap", "sets", "out", "add", "driver", "rescreen"):
            return f"k:act:{self.client}:{action}:{words}"
        return f"k:do:{self.client}:1:{action}:{words}"

    async def changed(self) -> int:
        """Count what reached the client's inbox, and what was noted of them."""
        t = self.database.tables
        async with self.database.begin() as connection:
            heard = select(func.count()).select_from(t.inbox).where(t.inbox.c.source == "person")
            notes = select(func.count()).select_from(t.note)
            return int((await connection.execute(heard)).scalar_one() + (await connection.execute(notes)).scalar_one())

    async def gets(self, who: str, action: str) -> bool:
        """Tell whether somebody sees anything of the client by an action, or reaches them."""
        before, sends = await self.changed(), len(self.house.line.sends)
        if action in TYPED:
            await self.house.says(who, f"{action} {self.client}" if action == "/client" else action)
        else:
            await self.house.hears(who, tap=self.tap(action))
        if action in WRITTEN:
            await self.house.says(who, "words of whoever tries")
        mine = [sent.message for sent in self.house.line.sends[sends:] if sent.address.chat == who]
        seen = any(NAME in message.text or WORDS in message.text or "Sitting" in message.text for message in mine)
        listed = any(
            NAME in button["label"] or "Sitting" in button["label"]
            for m in mine
            for row in m.rows
            for button in row["buttons"]
        )
        return seen or listed or await self.changed() > before


@pytest.fixture
async def scene(library: Library) -> AsyncIterator[Scene]:
    database = await open_database("sqlite+aiosqlite:///:memory:", KeyRing.new())
    house = House(store=SqlStore(database), library=library, door=Door())
    yield await staged(house, database, library)
    await database.close()


async def staged(house: House, database: Database, library: Library) -> Scene:
    """Let everybody be there: the client screened, with an alert; the former coach's time has ended."""
    known = timed(library).known
    assert known.assessment is not None
    assert known.assessed_facts is not None
    assert known.plan is not None
    reason = Reason(
        kind="flag", what="rf02_fall_risk", urgency="urgent", at=NOW, screen="hip_internal_rotation", words=WORDS
    )
    report = SessionReport(id="s1", on=NOW.date(), completed="yes", prescribed=known.plan.daily, exercises=(), pain=1)
    async with house.store.turns() as turns:
        ids = {}
        for who in ROLES.values():
            name = NAME if who == "ann" else who
            ids[who] = await turns.person_at(house.line.address(who), name, NOW)
        ann = ids["ann"]
        for who in ("kim", "zoe", "old", "sam"):
            await turns.desks.links.employ(ids[who], who, NOW, operator=False, takes_all=False)
        await turns.link(ids["old"], ann, NOW)
        await turns.link(ids["sam"], ann, NOW)
        await turns.link(ids["zoe"], ids["bob"], NOW)
        for effect in (
            KeepConsent(version="1", given=True),
            KeepProfile(profile=known.profile),
            KeepAssessment(screening="s1", assessment=known.assessment, facts=known.assessed_facts, tested_at=NOW),
            KeepPlan(plan=known.plan),
            KeepEntry(entry=report),
            KeepAlert(alert=raised(None, reason, id_="a1")),
        ):
            await turns.keep(ann, effect, NOW)
    t, desk = database.tables, Desk(cover_id=ids["kim"], away_until=NOW + timedelta(days=9))
    async with database.begin() as connection:
        value = desk.model_dump(mode="json")
        await connection.execute(update(t.desk).where(t.desk.c.person_id == ids["sam"]).values(value=value))
        await connection.execute(insert(t.role).values(person_id=ids["opa"], role="operator"))
    return Scene(house=house, database=database, client=ann, plan=tuple(item.exercise for item in known.plan.daily))


ACTIONS = (*PAGES, *DEEDS, *WRITTEN, *TYPED)


async def test_every_action_is_open_to_their_coach_and_who_covers_and_to_nobody_else(
    scene: Scene, record_property: Callable[[str, object], None]
) -> None:
    found = {
        (role, action): await scene.gets(who, action)
        for role, who in sorted(ROLES.items(), key=lambda pair: pair[0] in MAY)  # who changes nothing comes first
        for action in ACTIONS
    }
    record_property("shown", matrix(found))
    wrong = {cell for cell, got in found.items() if got != (cell[0] in MAY)}
    assert wrong == set()


async def test_an_operator_may_once_nobody_else_has_looked(scene: Scene) -> None:
    assert not await scene.gets("opa", "alert")
    async with scene.house.store.turns() as turns:
        alert = (await turns.load(scene.client)).alert
        assert alert is not None
        passed_on: Alert = alert
        while passed_on.asked != "operator":
            passed_on = told_again(passed_on, NOW, order=(), operator=True)
        await turns.keep(scene.client, KeepAlert(alert=passed_on), NOW)
    assert await scene.gets("opa", "alert")
    assert not await scene.gets("zoe", "alert")


async def test_every_look_is_noted_and_refusals_are_not_looks(scene: Scene) -> None:
    await scene.gets("zoe", "client")
    t = scene.database.tables.audit
    async with scene.database.begin() as connection:
        assert (await connection.execute(select(func.count()).select_from(t))).scalar_one() == 0
    await scene.gets("sam", "see-result")
    async with scene.database.begin() as connection:
        [row] = (await connection.execute(select(t.c.client_id, t.c.what))).all()
    assert (row.client_id, row.what) == (scene.client, "result")


@pytest.mark.parametrize(
    "data",
    [
        "k:", "k:client", "k:client:", "k:client:x", "k:client:-1", "k:do:1:1", "k:do:x:1:hold:3", "k:do:1:1:erase",
        "k:act:1:hold:3", "k:see:1:everything", "k:edit:1:a:b:c:d", "k:clients:x", "k:client:99999999999999999999",
        "k:do:1:1:hold:many", "k:act:1:sets:fp1:99", "k:act:1:driver:nothing:filmed", "k:choose:1:1:delete",
        # digits of other scripts, numbers without an end, exercises and reasons that there are not
        "k:revoke:١", "k:unlink:٢", "k:unlinked:٢", "k:stay:٢", "k:client:٢", "k:revoke:" + "1" * 5000,
        "k:unlinked:" + "1" * 5000, "l:end:٢", "l:ended:٢", "k:edit:1:nothing:swap", "k:edit:1:nothing",
        "k:edit:1:-:driver-nothing", "k:edit:1:-:add-٢", "k:act:1:swap:nothing:fp1", "k:act:1:swap:fp1:nothing",
        "k:act:1:sets:fp1:٢", "k:act:1:out:nothing", "k:act:1:add:nothing", "k:act:1:driver:pelvic:because",
        "k:act:1:rate:nothing:left:clear:0", "k:do:1:1:unlock:because", "k:do:1:1:message:words:anything",
        "k:do:1:1:acknowledge:more", "k:digest:1:next_driver:mark:nothing", "k:digest:1:message:mark:words:anything",
        "k:digest:1:erase:mark", "k:write:1:٢", "k:write:1:2:3:4", "k:away:2026-02-01:٢",
    ],
)  # fmt: skip
async def test_what_no_button_carries_does_nothing(scene: Scene, data: str) -> None:
    before = await scene.changed()
    await scene.house.hears("sam", tap=data.replace(":1:", f":{scene.client}:", 1))
    [_, answered] = scene.house.line.taps[-1]
    assert answered == "That one is behind us. Here is where we are."  # as an old button is
    t = scene.database.tables.inbox
    async with scene.database.begin() as connection:
        aside = (await connection.execute(select(func.count()).where(t.c.state == "aside"))).scalar_one()
    assert aside == 0
    known = await scene.house.known("ann")
    assert known.orders.held_until is None
    assert known.plan is not None
    assert not known.plan.is_coached
    assert await scene.changed() <= before + 2  # a deed that can't be done is answered as such


def matrix(found: dict[tuple[str, str], bool]) -> str:
    """Say who may do what, as a table."""
    lines = [f"{'':<16}" + " ".join(f"{role[:12]:<12}" for role in ROLES)]
    for action in ACTIONS:
        cells = " ".join(f"{'yes' if found[role, action] else '-':<12}" for role in ROLES)
        lines.append(f"{action:<16}{cells}")
    return "\n".join(lines)
