"""What every store promises: the same tests for the one in SQL and for the one that tests use in its place."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.exc import DBAPIError

from bot.conversation.activities import Conversation, Screening
from bot.conversation.effects import (
    Forget,
    KeepAnswer,
    KeepAssessment,
    KeepConsent,
    KeepEntry,
    KeepPlan,
    KeepProfile,
    KeepRhythm,
    LiftFlag,
    RaiseFlag,
    Remind,
)
from bot.conversation.known import Known, OpenFlag
from bot.storage.crypto import DataKeyMissing, KeyRing
from bot.storage.database import DatabaseBusy, open_database, open_ring
from bot.storage.store import SqlStore
from bot.timetable.rhythm import Rhythm, Slot
from bot.workflow.ports import Address, DueRow, Message, OutboxRow, Raw, Speed, Store
from rules import Assessment, Attempt, Facts, Finding, Flag, Plan, Prescribed, Priority, Value
from rules.log import Retracted, SessionReport
from rules.screen import Dose
from tests.fakes import MOST_TRIES, FakeClock, MemoryStore
from tests.postgres import Server

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
SOURCES = {"line", "person"}
ANN = Address(channel="line", bot="b", chat="ann-chat-4711")
SAM = Address(channel="line", bot="b", chat="sam-chat-4712")
FLAG = Flag(id="night_pain", row="rf3", urgency="clinician", action="pause", because=("reports.night",), source="rf3")
FACTS = Facts(
    profile={"sex": "female"},
    reports={"pain": 3, "pain_where": ("groin", "thigh")},
    attempts=(Attempt(test="f1", side="left", level="partial", degrees=20.0, compensations=()),),
)
ASSESSMENT = Assessment(
    screen="hip",
    version="1.0+1.0",
    findings=(Finding(side="left", context="flexion", limited="yes", driver="femoral", confidence="high"),),
    flags=(FLAG,),
    priority=Priority(kind="act", side="left", context="flexion", rule="worse_side"),
    position_first=True,
)
PLAN = Plan(
    screen="hip",
    version="1.0+1.0",
    ladder="femoral_flexion",
    side="left",
    context="flexion",
    driver="femoral",
    daily=(
        Prescribed(
            exercise="ninety",
            role="opener",
            side="left",
            dose=Dose(code="P", sets=2, amount=5, unit="breaths", per_side=True),
            seconds=90,
            why=("femoral",),
        ),
    ),
    strength=(),
    days_a_week=7,
    strength_days=2,
)
RHYTHM = Rhythm(zone="Europe/Berlin", at=time(7, 30), days=(0, 1, 2, 3, 4, 5, 6), anchor="after coffee")
SESSION = SessionReport(id="a", on=date(2026, 1, 5), completed="yes", prescribed=PLAN.daily, exercises=(), pain=2)
ROWS = (
    {"label": None, "kind": "options", "open": True, "buttons": [{"data": "c:1:a", "label": "A", "chosen": False}]},
)


@pytest.fixture(params=["memory", "sqlite file", "sqlite in memory", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    """Give the address of the database that a test runs on; None for the store that tests use in its place."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    places = {"sqlite file": f"sqlite+aiosqlite:///{tmp_path}/coxa.db", "sqlite in memory": "sqlite+aiosqlite://"}
    return places.get(request.param)


@pytest.fixture
async def store(place: str | None) -> AsyncIterator[Store]:
    if place is None:
        yield MemoryStore()
        return
    made = SqlStore(await open_database(place, KeyRing.new()))
    yield made
    await made.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


def raw(key: str, source: str = "line", **body: Any) -> Raw:
    return Raw(source=source, key=key, body=body, at=NOW, chat=f"{source}:b:ann")


async def pending(store: Store) -> list[str]:
    async with store.turns() as turns:
        return [row.raw.key for row in await turns.pending(100, NOW, SOURCES)]


async def person(store: Store, address: Address = ANN, name: str = "Ann") -> int:
    async with store.turns() as turns:
        return await turns.person_at(address, name, NOW)


async def keep(store: Store, *effects: Any, at: datetime = NOW) -> Known:
    async with store.turns() as turns:
        ann = await turns.person_at(ANN, "Ann", NOW)
        for effect in effects:
            await turns.keep(ann, effect, at)
        return await turns.load(ann)


async def say(store: Store, *texts: str, card: str | None = None, to: Address = ANN, priority: str = "reply") -> None:
    async with store.turns() as turns:
        person_id = await turns.person_at(to, to.chat, NOW)
        for text in texts:
            await turns.put_out(person_id, card, Message(text=text), priority, NOW)


async def claim(store: Store, at: datetime = NOW, limit: int = 100) -> list[OutboxRow]:
    return list(await store.claim_outgoing(limit, at))


async def drain(store: Store, clock: FakeClock) -> list[tuple[str, str | None]]:
    """Send everything; give texts, and the messages that were edited."""
    said: list[tuple[str, str | None]] = []
    while rows := await claim(store, clock.now()):
        for row in rows:
            said.append((row.message.text, row.edit))
            await store.sent({row.id: row.edit or f"m{row.id}"}, clock.now())
    return said


# --- the inbox


async def test_a_repeated_update_is_heard_once(store: Store) -> None:
    assert await store.receive([raw("1", n=1), raw("1", n=2), raw("2")]) == 2
    assert await store.receive([raw("2"), raw("3")]) == 1
    assert await store.receive([]) == 0
    assert await pending(store) == ["1", "2", "3"]


async def test_the_same_key_of_another_source_is_another_event(store: Store) -> None:
    assert await store.receive([raw("1"), raw("1", source="person", to=1)]) == 2


async def test_an_update_comes_back_as_it_came(store: Store) -> None:
    given = raw("7:1", text="é <b>", nested={"list": [1, 2.5, None, True]})
    await store.receive([given])
    async with store.turns() as turns:
        (row,) = await turns.pending(10, NOW, SOURCES)
    assert row.raw == given
    assert row.attempts == 0


async def test_events_wait_in_the_order_in_which_they_came(store: Store) -> None:
    await store.receive([raw(str(n)) for n in range(9, 0, -1)])
    assert await pending(store) == [str(n) for n in range(9, 0, -1)]
    async with store.turns() as turns:
        assert [row.raw.key for row in await turns.pending(3, NOW, SOURCES)] == ["9", "8", "7"]


async def test_who_writes_much_delays_others_little(store: Store) -> None:
    await store.receive([raw(str(n)) for n in range(100)])
    await store.receive([in_chat(100), in_chat(110)])
    assert await pending(store) == [*(str(n) for n in range(10)), "100", "110"]


async def test_what_is_done_or_set_aside_waits_no_more(store: Store) -> None:
    await store.receive([raw("1"), raw("2"), raw("3")])
    async with store.turns() as turns:
        first, second, _ = await turns.pending(10, NOW, SOURCES)
        await turns.done(first, NOW)
        await turns.set_aside(second, "Traceback: she said it hurts", NOW)
    assert await pending(store) == ["3"]
    assert await store.receive([raw("1"), raw("2")]) == 0
    assert await traces(store) == ["Traceback: she said it hurts"]


async def test_one_person_writes_into_the_inbox_of_another_once(store: Store) -> None:
    async with store.turns() as turns:
        assert await turns.put_in(raw("x", source="person", to=2))
        assert not await turns.put_in(raw("x", source="person", to=2))
    assert await pending(store) == ["x"]


# --- transactions


async def test_a_savepoint_is_undone_alone(store: Store) -> None:
    ann = await person(store)
    async with store.turns() as turns:
        await turns.save_conversation(ann, Conversation(step=1), NOW)
        with pytest.raises(RuntimeError, match="boom"):
            async with turns.savepoint():
                await turns.save_conversation(ann, Conversation(step=2), NOW)
                await turns.keep(ann, RaiseFlag(flag=FLAG), NOW)
                await turns.put_out(ann, None, Message(text="undone"), "reply", NOW)
                raise RuntimeError("boom")
        async with turns.savepoint():
            await turns.put_out(ann, None, Message(text="kept"), "reply", NOW)
    known = await keep(store)
    assert (known.conversation.step, known.flags) == (1, ())
    assert [row.message.text for row in await claim(store)] == ["kept"]


async def test_a_transaction_that_raises_leaves_nothing(store: Store) -> None:
    await store.receive([raw("1")])
    with pytest.raises(RuntimeError, match="boom"):
        async with store.turns() as turns:
            (row,) = await turns.pending(1, NOW, SOURCES)
            await turns.put_out(await turns.person_at(ANN, "Ann", NOW), None, Message(text="x"), "reply", NOW)
            await turns.done(row, NOW)
            raise RuntimeError("boom")
    assert await pending(store) == ["1"]
    assert await claim(store) == []


async def test_turns_side_by_side_lose_no_update(store: Store) -> None:
    ann = await person(store)

    async def step() -> None:
        async with store.turns() as turns:
            known = await turns.load(ann)
            await asyncio.sleep(0)
            await turns.save_conversation(ann, Conversation(step=known.conversation.step + 1), NOW)

    await asyncio.gather(*(step() for _ in range(20)))
    assert (await keep(store)).conversation.step == 20


async def test_a_transaction_within_a_transaction_is_refused(store: Store) -> None:
    async with store.turns():
        with pytest.raises(RuntimeError, match="open in this task"):
            await store.receive([raw("1")])


# --- people and what is known of them


async def test_one_who_is_new_becomes_a_client_and_stays_the_same(store: Store) -> None:
    ann = await person(store)
    assert await person(store, name="Somebody else") == ann
    assert await person(store, SAM, "") != ann
    known = await keep(store)
    assert (known.person.id, known.person.name, known.person.roles) == (ann, "Ann", ("client",))
    assert known == Known(person=known.person)


async def test_a_name_that_was_not_told_is_filled_in(store: Store) -> None:
    sam = await person(store, SAM, "")
    await person(store, SAM, "Sam")
    async with store.turns() as turns:
        assert (await turns.load(sam)).person.name == "Sam"


async def test_nobody_is_known_who_is_not_there(store: Store) -> None:
    async with store.turns() as turns:
        for unknown in (
            turns.load(99),
            turns.save_conversation(99, Conversation(), NOW),
            turns.put_out(99, None, Message(text="x"), "reply", NOW),
        ):
            with pytest.raises(LookupError, match="person 99"):
                await unknown


async def test_a_conversation_comes_back_as_it_was_saved(store: Store) -> None:
    ann = await person(store)
    screening = Screening(
        id="s1",
        screen="hip",
        version="1.0",
        started_at=NOW,
        touched_at=NOW + timedelta(microseconds=1),
        answers={"profile.sex": "female", "reports.pain": 4, "f1.left.degrees": 20.0, "reports.where": ("groin",)},
        trail=("sex", "pain"),
        sources={"m1": ("profile.sex",)},
    )
    conversation = Conversation(activities=(screening,), step=3, card="c3")
    async with store.turns() as turns:
        await turns.save_conversation(ann, conversation, NOW)
        assert (await turns.load(ann)).conversation == conversation
    known = await keep(store)
    assert known.conversation == conversation
    assert isinstance(known.conversation.activities[0], Screening)
    assert isinstance(known.conversation.activities[0].answers["f1.left.degrees"], float)


async def test_the_newest_profile_counts(store: Store) -> None:
    profile: dict[str, Value] = {"sex": "female", "age": 41, "floor": ("yes", "chair")}
    await keep(store, KeepProfile(profile={"sex": "male"}))
    assert (await keep(store, KeepProfile(profile=profile))).profile == profile


async def test_consent_is_given_withdrawn_and_given_anew(store: Store) -> None:
    assert (await keep(store, KeepConsent(version="1", given=True))).consent == "1"
    assert (await keep(store, KeepConsent(version="1", given=False))).consent is None
    assert (await keep(store, KeepConsent(version="2", given=True))).consent == "2"


async def test_the_newest_assessment_counts_with_its_facts(store: Store) -> None:
    older = ASSESSMENT.model_copy(update={"position_first": False})
    known = await keep(
        store,
        KeepAssessment(screening="s1", assessment=older, facts=Facts()),
        KeepAssessment(screening="s2", assessment=ASSESSMENT, facts=FACTS),
    )
    assert (known.assessment, known.assessed_facts) == (ASSESSMENT, FACTS)


async def test_a_plan_is_kept_and_ended(store: Store) -> None:
    assert (await keep(store, KeepPlan(plan=PLAN))).plan == PLAN
    assert (await keep(store, KeepPlan(plan=None))).plan is None
    assert (await keep(store, KeepPlan(plan=PLAN))).plan == PLAN


async def test_a_flag_stands_once_until_it_is_lifted(store: Store) -> None:
    later = NOW + timedelta(days=1)
    other = FLAG.model_copy(update={"id": "fever", "urgency": "urgent", "action": "lock"})
    await keep(store, RaiseFlag(flag=FLAG, own_words="at night", screen="hip"))
    known = await keep(store, RaiseFlag(flag=FLAG), RaiseFlag(flag=other), at=later)
    night = OpenFlag(id="night_pain", urgency="clinician", action="pause", raised_at=NOW, screen="hip")
    fever = OpenFlag(id="fever", urgency="urgent", action="lock", raised_at=later)
    assert known.flags == (night, fever)
    known = await keep(store, LiftFlag(flag_id="night_pain", reason="tapped by mistake"), at=later)
    assert known.flags == (fever,)
    assert (await keep(store, LiftFlag(flag_id="night_pain", reason="again"))).flags == (fever,)
    known = await keep(store, RaiseFlag(flag=FLAG), at=later)
    assert [(flag.id, flag.raised_at) for flag in known.flags] == [("fever", later), ("night_pain", later)]


async def test_a_flag_of_one_person_is_no_flag_of_another(store: Store) -> None:
    sam = await person(store, SAM, "Sam")
    await keep(store, RaiseFlag(flag=FLAG))
    async with store.turns() as turns:
        await turns.keep(sam, LiftFlag(flag_id=FLAG.id, reason="not mine"), NOW)
        assert (await turns.load(sam)).flags == ()
        await turns.keep(sam, RaiseFlag(flag=FLAG), NOW)
    assert len((await keep(store)).flags) == 1


async def test_every_answer_is_kept_beside_what_was_answered_before(store: Store) -> None:
    given = [
        KeepAnswer(screening="s1", path="reports.fever", value="yes", how="tapped"),
        KeepAnswer(screening="s1", path="reports.fever", value="no", how="corrected", words="no, sorry"),
        KeepAnswer(screening="s2", path="f1.left.degrees", value=20.0, how="typed"),
        KeepAnswer(screening="s1", path="reports.fever", value=None, how="retracted"),
        KeepAnswer(screening="s1", path="reports.where", value=("groin",), how="tapped"),
    ]
    await keep(store, *given)
    assert await answers(store) == given


async def test_a_rhythm_is_kept_changed_and_ended(store: Store) -> None:
    assert (await keep(store, KeepRhythm(rhythm=RHYTHM))).rhythm == RHYTHM
    later = RHYTHM.model_copy(update={"at": time(18, 0)})
    assert (await keep(store, KeepRhythm(rhythm=later))).rhythm == later
    assert (await keep(store, KeepRhythm(rhythm=None))).rhythm is None


async def test_the_log_of_sessions_comes_back_in_order_corrections_included(store: Store) -> None:
    first, second = SESSION, SESSION.model_copy(update={"id": "b", "on": date(2026, 1, 6)})
    corrected = first.model_copy(update={"pain": 0})
    entries = (first, second, corrected, Retracted(id="c", on=date(2026, 1, 7), what="b"))
    known = await keep(store, KeepRhythm(rhythm=RHYTHM), *(KeepEntry(entry=entry) for entry in entries))
    assert known.log == entries


def slot(day: int, at: datetime, kind: str = "prompt") -> Slot:
    return Slot(kind=kind, local_date=date(2026, 1, day), slot="day", due_at=at)


async def take(store: Store, at: datetime, limit: int = 100) -> list[DueRow]:
    async with store.turns() as turns:
        return list(await turns.take_due(limit, at))


async def test_a_reminder_is_taken_once_and_when_it_is_due(store: Store) -> None:
    due_at = NOW + timedelta(hours=1)
    await keep(store, KeepRhythm(rhythm=RHYTHM), Remind(slot=slot(5, due_at)))
    assert await store.next_due() == due_at
    assert await take(store, due_at - timedelta(seconds=1)) == []
    (row,) = await take(store, due_at)
    assert (row.slot, row.rhythm, row.chat, row.blocked) == (slot(5, due_at), RHYTHM, "line:b:ann-chat-4711", False)
    assert await take(store, due_at) == []
    assert await store.next_due() is None


async def test_a_reminder_is_one_for_its_kind_local_date_and_slot(store: Store) -> None:
    soon, later = NOW + timedelta(hours=1), NOW + timedelta(hours=2)
    await keep(store, KeepRhythm(rhythm=RHYTHM), Remind(slot=slot(5, soon)), Remind(slot=slot(5, later)))
    (row,) = await take(store, later)
    assert row.slot.due_at == later
    await keep(store, Remind(slot=slot(5, later + timedelta(hours=1))))
    assert await store.next_due() is None  # that day's went out already


async def test_reminders_are_taken_the_longest_due_first_and_no_more_than_asked_for(store: Store) -> None:
    slots = [slot(5 + n, NOW + timedelta(days=n)) for n in (2, 0, 1)]
    await keep(store, KeepRhythm(rhythm=RHYTHM), *(Remind(slot=one) for one in slots))
    at = NOW + timedelta(days=9)
    assert [row.slot.local_date.day for row in await take(store, at, limit=2)] == [5, 6]
    assert [row.slot.local_date.day for row in await take(store, at)] == [7]


async def test_reminders_that_are_forgotten_are_not_due(store: Store) -> None:
    await keep(store, KeepRhythm(rhythm=RHYTHM), Remind(slot=slot(5, NOW)), Remind(slot=slot(5, NOW, kind="nudge")))
    await keep(store, Forget(kinds=("nudge",), why="done"))
    assert [row.slot.kind for row in await take(store, NOW)] == ["prompt"]


async def test_a_reminder_that_was_forgotten_can_be_planned_again_one_that_went_out_can_not(store: Store) -> None:
    await keep(store, KeepRhythm(rhythm=RHYTHM), Remind(slot=slot(5, NOW)))
    await keep(store, Forget(kinds=("prompt",), why="changed"), Remind(slot=slot(5, NOW)))
    assert len(await take(store, NOW)) == 1
    await keep(store, Remind(slot=slot(5, NOW)))
    assert await take(store, NOW) == []


async def test_the_end_of_a_rhythm_ends_its_reminders(store: Store) -> None:
    await keep(store, KeepRhythm(rhythm=RHYTHM), Remind(slot=slot(5, NOW)), KeepRhythm(rhythm=None))
    assert await take(store, NOW) == []


async def test_a_reminder_knows_that_its_chat_is_blocked(store: Store) -> None:
    await keep(store, KeepRhythm(rhythm=RHYTHM), Remind(slot=slot(5, NOW)))
    async with store.turns() as turns:
        await turns.blocked(ANN, NOW)
    (row,) = await take(store, NOW)
    assert row.blocked


async def test_a_coach_is_linked_once_and_can_change(store: Store) -> None:
    coach = Address(channel="line", bot="b", chat="coach")
    other = Address(channel="line", bot="b", chat="other")
    await store.add_coach(coach, "Carla", ANN, "Ann", NOW)
    await store.add_coach(coach, "Carla", ANN, "Ann", NOW)
    ann, carla = await person(store), await person(store, coach, "carla_k")
    async with store.turns() as turns:
        assert await turns.coach_of(ann) == carla
        assert await turns.coach_of(carla) is None
        assert (await turns.load(ann)).person.coach_name == "Carla"
        assert (await turns.load(carla)).person.roles == ("client", "coach")
    await store.add_coach(other, "Otto", ANN, "Ann", NOW)
    async with store.turns() as turns:
        assert await turns.coach_of(ann) == await turns.person_at(other, "", NOW)
        assert (await turns.load(ann)).person.coach_name == "Otto"


# --- the outbox


async def test_a_message_goes_out_as_it_was_put(store: Store) -> None:
    ann = await person(store)
    async with store.turns() as turns:
        await turns.put_out(ann, "c1", Message(text="<b>Hi</b>", rows=ROWS), "reply", NOW)
    (row,) = await claim(store)
    assert row == OutboxRow(
        id=row.id, address=ANN, card="c1", message=Message(text="<b>Hi</b>", rows=ROWS), attempts=0, edit=None
    )


async def test_messages_of_a_chat_go_one_at_a_time_in_order(store: Store, clock: FakeClock) -> None:
    await say(store, "1", "2")
    await say(store, "a", to=SAM)
    await say(store, "3")
    first, other = await claim(store)
    assert [first.message.text, other.message.text] == ["1", "a"]
    assert await claim(store) == []
    await store.sent({first.id: "m1"}, NOW)
    assert [row.message.text for row in await claim(store)] == ["2"]
    await store.sent({other.id: "m2"}, NOW)
    assert await claim(store) == []


async def test_no_more_is_claimed_than_asked_for(store: Store) -> None:
    for n in range(5):
        await say(store, str(n), to=Address(channel="line", bot="b", chat=f"c{n}"))
    assert [row.message.text for row in await claim(store, limit=2)] == ["0", "1"]
    assert [row.message.text for row in await claim(store, limit=2)] == ["2", "3"]


async def test_a_chat_with_a_safety_message_is_served_first_and_prompts_last(store: Store) -> None:
    third = Address(channel="line", bot="b", chat="third")
    await say(store, "prompt", priority="prompt")
    await say(store, "reply", to=third)
    await say(store, "stop", to=SAM, priority="safety")
    assert [row.message.text for row in await claim(store)] == ["stop", "reply", "prompt"]


async def test_a_safety_message_cancels_prompts_not_yet_sent(store: Store, clock: FakeClock) -> None:
    await say(store, "prompt", priority="prompt")
    await say(store, "reply")
    await say(store, "a prompt", to=SAM, priority="prompt")
    await say(store, "stop", priority="safety")
    assert sorted(await drain(store, clock)) == [("a prompt", None), ("reply", None), ("stop", None)]


async def test_a_message_that_failed_waits_in_front_of_its_chat(store: Store) -> None:
    await say(store, "1", "2")
    (row,) = await claim(store)
    later = NOW + timedelta(seconds=5)
    await store.not_sent(row.id, "never_left", later, NOW)
    assert await claim(store) == []
    (again,) = await claim(store, later)
    assert (again.id, again.attempts) == (row.id, 1)
    await store.not_sent(row.id, "refused", None, later)
    assert [row.message.text for row in await claim(store, later)] == ["2"]


async def test_a_card_is_edited_once_it_was_sent(store: Store, clock: FakeClock) -> None:
    await say(store, "ask", card="c")
    assert await drain(store, clock) == [("ask", None)]
    await say(store, "ask, ticked", card="c")
    await say(store, "other", card="d")
    assert await drain(store, clock) == [("ask, ticked", "m1"), ("other", None)]


async def test_of_edits_that_wait_the_newest_is_sent(store: Store, clock: FakeClock) -> None:
    await say(store, "1", "2", "3", card="c")
    await say(store, "a", "b", card="d", to=SAM)
    assert await drain(store, clock) == [("3", None), ("b", None)]


async def test_edits_with_a_message_between_them_keep_their_order(store: Store, clock: FakeClock) -> None:
    await say(store, "1", "2", card="c")
    await say(store, "x", "y")
    await say(store, "3", "4", card="c")
    assert await drain(store, clock) == [("2", None), ("x", None), ("y", None), ("4", None)]


async def test_a_card_with_a_message_of_ours_below_it_is_sent_anew(store: Store, clock: FakeClock) -> None:
    await say(store, "ask", card="c")
    await say(store, "advice")
    await say(store, "ask again", card="c")
    await say(store, "ask again, ticked", card="c")
    assert await drain(store, clock) == [("ask", None), ("advice", None), ("ask again, ticked", None)]
    await say(store, "once more", card="c")
    assert await drain(store, clock) == [("once more", "m4")]


async def test_the_message_with_the_live_buttons_is_known(store: Store, clock: FakeClock) -> None:
    async def next_one(text: str, card: str | None = None, *, rows: bool = False) -> OutboxRow:
        async with store.turns() as turns:
            person_id = await turns.person_at(ANN, "Ann", NOW)
            await turns.put_out(person_id, card, Message(text=text, rows=ROWS if rows else ()), "reply", NOW)
        (row,) = await claim(store)
        await store.sent({row.id: row.edit or f"m{row.id}"}, clock.now())
        return row

    assert (await next_one("ask", "c", rows=True)).keyboard is None
    assert (await next_one("words")).keyboard == "m1"
    assert (await next_one("another", "d", rows=True)).keyboard == "m1"
    bare = await next_one("another, answered", "d")
    assert (bare.edit, bare.keyboard) == ("m3", "m3")
    assert (await next_one("words")).keyboard is None


async def test_a_safety_message_is_never_superseded(store: Store, clock: FakeClock) -> None:
    await say(store, "1", card="c")
    await say(store, "stop", card="c", priority="safety")
    await say(store, "2", card="c")
    assert [text for text, _ in await drain(store, clock)] == ["stop", "2"]


async def typed(store: Store, address: Address, at: datetime) -> None:
    async with store.turns() as turns:
        await turns.typed_since(address, at)


async def test_a_card_above_words_is_sent_anew(store: Store, clock: FakeClock) -> None:
    await say(store, "1", card="c")
    await drain(store, clock)
    await typed(store, ANN, clock.skip(timedelta(seconds=1)))
    await typed(store, ANN, NOW - timedelta(hours=1))
    await say(store, "2", card="c")
    assert await drain(store, clock) == [("2", None)]
    await say(store, "3", card="c")
    assert await drain(store, clock) == [("3", "m2")]


async def test_an_edit_leaves_a_card_where_it_was(store: Store, clock: FakeClock) -> None:
    await say(store, "1", card="c")
    await drain(store, clock)
    await say(store, "2", card="c")
    (editing,) = await claim(store, clock.skip(timedelta(seconds=1)))
    await typed(store, ANN, clock.skip(timedelta(seconds=1)))
    await store.sent({editing.id: "m1"}, clock.skip(timedelta(seconds=1)))
    await say(store, "3", card="c")
    assert await drain(store, clock) == [("3", None)]


async def test_words_typed_while_a_card_was_on_its_way_count_as_below_it(store: Store, clock: FakeClock) -> None:
    await say(store, "1", card="c")
    (row,) = await claim(store, clock.now())
    await typed(store, ANN, clock.skip(timedelta(seconds=1)))
    await store.sent({row.id: "m1"}, clock.skip(timedelta(seconds=1)))
    await say(store, "2", card="c")
    assert await drain(store, clock) == [("2", None)]


async def test_words_of_one_who_is_not_known_move_nothing(store: Store, clock: FakeClock) -> None:
    await typed(store, SAM, NOW)
    await say(store, "1", card="c", to=SAM)
    assert await drain(store, clock) == [("1", None)]


async def test_a_message_cut_off_is_never_lost(store: Store) -> None:
    await say(store, "1", "2")
    await say(store, "a", to=SAM)
    cut, other = await claim(store)
    assert not cut.uncertain
    await store.sent({other.id: "m1"}, NOW)
    for tries in range(1, MOST_TRIES):
        assert await store.recover(NOW) == 1
        (again,) = await claim(store)
        assert (again.id, again.attempts, again.uncertain) == (cut.id, tries, True)
    assert await store.recover(NOW) == 0
    assert [row.message.text for row in await claim(store)] == ["2"]


async def test_a_send_of_unknown_fate_is_marked_so(store: Store) -> None:
    await say(store, "1")
    (row,) = await claim(store)
    await store.not_sent(row.id, "timed out", NOW, NOW, uncertain=True)
    (row,) = await claim(store)
    assert row.uncertain
    await store.not_sent(row.id, "no network", NOW, NOW)
    (row,) = await claim(store)
    assert row.uncertain


async def texts(store: Store) -> list[str]:
    return [row.message.text for row in await claim(store)]


async def test_what_waits_for_a_blocked_chat_is_withheld(store: Store) -> None:
    await say(store, "1", "2")
    await say(store, "a", to=SAM)
    first, _ = await claim(store)
    await store.gone(first.id, "blocked", NOW)
    await say(store, "3")
    assert await texts(store) == []
    async with store.turns() as turns:
        await turns.unblocked(ANN)
    await say(store, "4")
    assert await texts(store) == ["4"]


async def test_a_message_whose_person_blocked_us_meanwhile_is_not_tried_again(store: Store) -> None:
    await say(store, "1")
    (row,) = await claim(store)
    async with store.turns() as turns:
        await turns.blocked(ANN, NOW)
    await store.not_sent(row.id, "no network", NOW, NOW)
    assert await texts(store) == []
    await typed(store, ANN, NOW)
    assert await texts(store) == []


async def test_a_message_that_waits_for_its_time_holds_up_its_own_chat_alone(store: Store) -> None:
    await say(store, "1", "2")
    await say(store, "a", "b", to=SAM)
    first, other = await claim(store)
    await store.not_sent(first.id, "asked to wait", NOW + timedelta(minutes=15), NOW)
    await store.sent({other.id: "m1"}, NOW)
    assert [row.message.text for row in await claim(store, limit=1)] == ["b"]
    assert await texts(store) == []


async def test_one_who_writes_is_there_again(store: Store) -> None:
    await person(store)
    async with store.turns() as turns:
        await turns.blocked(ANN, NOW)
        await turns.blocked(SAM, NOW)  # whom nobody knows
        await turns.unblocked(SAM)
    await say(store, "1")
    assert await texts(store) == []
    await typed(store, ANN, NOW)
    await say(store, "2")
    assert await texts(store) == ["2"]


async def test_events_of_other_sources_take_no_place(store: Store) -> None:
    await store.receive([*(raw(str(n), source="elsewhere") for n in range(5)), raw("mine")])
    async with store.turns() as turns:
        assert [row.raw.key for row in await turns.pending(3, NOW, {"line"})] == ["mine"]
        assert [row.raw.key for row in await turns.pending(2, NOW, {"line", "elsewhere"})] == ["0", "1"]


async def test_what_was_sent_is_not_recovered(store: Store) -> None:
    await say(store, "1")
    (row,) = await claim(store)
    await store.sent({row.id: "m1"}, NOW)
    assert await store.recover(NOW) == 0
    with pytest.raises(LookupError, match="999"):
        await store.sent({999: "m9"}, NOW)


# --- what only a database can promise


def url(folder: Path) -> str:
    return f"sqlite+aiosqlite:///{folder}/data/coxa.db"


async def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    ring = KeyRing.new()
    store = SqlStore(await open_database(url(tmp_path), ring))
    await store.receive([raw("1")])
    before = await keep(store, KeepPlan(plan=PLAN), KeepProfile(profile={"sex": "female"}), RaiseFlag(flag=FLAG))
    await store.close()
    store = SqlStore(await open_database(url(tmp_path), ring))
    assert await pending(store) == ["1"]
    assert await keep(store) == before
    await store.close()


async def test_the_file_tells_nothing_of_anybody(tmp_path: Path) -> None:
    secrets = ["Sentinel-Ann", "ann-chat-4711", "sentinel free text", "sentinel_option", "sentinel words", "night_pain"]
    secrets += ["femoral", "ninety", "female", "sentinel trace", "sentinel reason", "sentinel-key", "sentinel why"]
    store = SqlStore(await open_database(url(tmp_path), KeyRing.new()))
    await store.receive([raw("sentinel-key", chat="ann-chat-4711", text="sentinel free text"), raw("2")])
    async with store.turns() as turns:
        ann = await turns.person_at(ANN, "Sentinel-Ann", NOW)
        first, _ = await turns.pending(10, NOW, SOURCES)
        await turns.set_aside(first, "sentinel trace", NOW)
        answer = KeepAnswer(
            screening="s1", path="reports.fever", value="sentinel_option", how="typed", words=secrets[4]
        )
        consent = KeepConsent(version="sentinel words", given=True)
        raised = RaiseFlag(flag=FLAG, own_words="sentinel words")
        assessed = KeepAssessment(screening="s1", assessment=ASSESSMENT, facts=FACTS)
        profile = KeepProfile(profile={"sex": "female"})
        for effect in (answer, consent, raised, assessed, profile, KeepPlan(plan=PLAN)):
            await turns.keep(ann, effect, NOW)
        await turns.keep(ann, LiftFlag(flag_id="night_pain", reason="sentinel reason"), NOW)
        await turns.save_conversation(ann, Conversation(language="sentinel words"), NOW)
        await turns.put_out(ann, None, Message(text="sentinel free text"), "reply", NOW)
    (row,) = await claim(store)
    await store.not_sent(row.id, "sentinel why", None, NOW)
    found = [path.read_bytes() for path in (tmp_path / "data").iterdir()]
    await store.close()
    found += [path.read_bytes() for path in (tmp_path / "data").iterdir()]
    assert any(b"clinician" in content for content in found)  # plain on purpose: what is searched is what was written
    assert [secret for secret in secrets for content in found if secret.encode() in content] == []


async def test_a_file_has_one_worker(tmp_path: Path) -> None:
    ring = KeyRing.new()
    database = await open_database(url(tmp_path), ring)
    with pytest.raises(DatabaseBusy, match="stop it first or set COXA_DATA_DIR"):
        await open_database(url(tmp_path), ring)
    beside = await open_database(url(tmp_path), ring, worker=False)
    await beside.close()
    await database.close()
    await (await open_database(url(tmp_path), ring, worker=False)).close()
    await (await open_database(url(tmp_path), ring)).close()


async def test_the_lock_of_a_killed_worker_is_gone(tmp_path: Path) -> None:
    KeyRing.open(tmp_path / "key.json")
    worker = f"""
import asyncio, pathlib, time
from bot.storage.crypto import KeyRing
from bot.storage.database import open_database
async def main():
    await open_database({url(tmp_path)!r}, KeyRing.open(pathlib.Path({str(tmp_path / "key.json")!r})))
    print("open", flush=True)
    time.sleep(60)
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", worker, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"open\n"
    ring = KeyRing.open(tmp_path / "key.json")
    with pytest.raises(DatabaseBusy):
        await open_database(url(tmp_path), ring)
    process.kill()
    await process.wait()
    await (await open_database(url(tmp_path), ring)).close()


async def test_a_database_is_opened_by_its_own_key_only(tmp_path: Path) -> None:
    ring = KeyRing.new()
    await (await open_database(url(tmp_path), ring)).close()
    for _ in range(2):
        with pytest.raises(DataKeyMissing, match="made with another key"):
            await open_database(url(tmp_path), KeyRing.new())
    await (await open_database(url(tmp_path), ring)).close()


async def test_the_file_is_its_owners_only(tmp_path: Path) -> None:
    database = await open_database(url(tmp_path), KeyRing.new())
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "data").iterdir()}
    await database.close()
    assert set(modes.values()) == {0o600}
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


async def test_what_waits_is_found_by_its_index(tmp_path: Path) -> None:
    """A partial index is used only where its condition stands in the query word for word."""
    database = await open_database(url(tmp_path), KeyRing.new())
    store, seen = SqlStore(database), set[str]()

    @event.listens_for(database.engine.sync_engine, "before_cursor_execute")
    def _see(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.startswith(("SELECT", "UPDATE")) and "box" in statement:
            seen.add(statement)

    await say(store, "1", priority="safety")
    await pending(store)
    await claim(store)
    await store.recover(NOW)
    async with database.begin() as connection:
        for statement in list(seen):
            plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", (1,) * statement.count("?"))
            reads = [row.detail for row in plan if re.search("(SCAN|SEARCH) (in|out)box", row.detail)]
            assert [read for read in reads if "INDEX" not in read and "PRIMARY KEY" not in read] == [], statement
            assert [read for read in reads if "(source=" in read] == [], "that reads all that ever came"
    await database.close()
    assert len(seen) > 5


async def answers(store: Store) -> list[KeepAnswer]:
    """Read every answer in the order in which it was kept."""
    if isinstance(store, MemoryStore):
        return [answer for person in store.rows.people.values() for answer in person.answers]
    assert isinstance(store, SqlStore)
    t = store._tables.answer
    async with store._database.begin() as connection:
        rows = (await connection.execute(select(t).order_by(t.c.id))).all()
    assert [row.seq for row in rows if row.screening == "s1"] == list(
        range(1, 1 + sum(r.screening == "s1" for r in rows))
    )
    values = [(row.screening, row.value) for row in rows]
    return [
        KeepAnswer(
            screening=screening,
            path=value["path"],
            value=tuple(value["value"]) if isinstance(value["value"], list) else value["value"],
            how=value["how"],
            words=value["words"],
        )
        for screening, value in values
    ]


async def traces(store: Store) -> list[str]:
    """Read the traces of what was set aside."""
    if isinstance(store, MemoryStore):
        return [kept.trace for kept in store.rows.inbox.values() if kept.trace is not None]
    assert isinstance(store, SqlStore)
    t = store._tables.inbox
    async with store._database.begin() as connection:
        return list((await connection.execute(select(t.c.trace).where(t.c.state == "aside"))).scalars())


# --- several processes on one PostgreSQL


@pytest.fixture
async def pair(postgres_url: str) -> AsyncIterator[tuple[SqlStore, SqlStore]]:
    """Give two stores, as two processes have them."""
    ring = KeyRing.new()
    one, other = [SqlStore(await open_database(postgres_url, ring)) for _ in range(2)]
    yield one, other
    await one.close()
    await other.close()


def in_chat(number: int) -> Raw:
    return Raw(source="line", key=str(number), body={}, at=NOW, chat=f"chat {number % 10}")


async def test_two_workers_share_events_and_keep_the_order_of_each_chat(postgres_url: str) -> None:
    ring, handled = KeyRing.new(), list[int]()
    stores = [SqlStore(await open_database(postgres_url, ring)) for _ in range(2)]
    await stores[0].receive([in_chat(number) for number in range(200)])

    async def work(store: SqlStore) -> None:
        while True:
            async with store.turns() as turns:
                rows = await turns.pending(7, NOW, SOURCES)
                for row in rows:
                    await asyncio.sleep(0.001)
                    handled.append(int(row.raw.key))
                    await turns.done(row, NOW)
            if not rows and len(handled) == 200:
                return

    async with asyncio.timeout(30):
        await asyncio.gather(*(work(store) for store in stores for _ in range(2)))
    for store in stores:
        await store.close()
    assert sorted(handled) == list(range(200))
    for chat in range(10):
        of_chat = [number for number in handled if number % 10 == chat]
        assert of_chat == sorted(of_chat)


async def test_two_workers_send_every_message_once_and_in_order(postgres_url: str) -> None:
    ring = KeyRing.new()
    stores = [SqlStore(await open_database(postgres_url, ring)) for _ in range(2)]
    chats = [Address(channel="line", bot="b", chat=str(n)) for n in range(6)]
    for chat in chats:
        await say(stores[0], *map(str, range(10)), to=chat)
    sent: list[tuple[str, str]] = []

    async def work(store: SqlStore) -> None:
        while len(sent) < 60:
            for row in await store.claim_outgoing(3, NOW):
                sent.append((row.address.chat, row.message.text))
                await asyncio.sleep(0.001)
                await store.sent({row.id: f"m{row.id}"}, NOW)
            await asyncio.sleep(0.001)

    async with asyncio.timeout(30):
        await asyncio.gather(*(work(store) for store in stores for _ in range(2)))
    for store in stores:
        await store.close()
    assert len(sent) == 60
    for chat in chats:
        assert [text for of, text in sent if of == chat.chat] == [str(n) for n in range(10)]


async def test_processes_that_start_together_migrate_once_and_meet_the_same_person(postgres_url: str) -> None:
    ring = KeyRing.new()
    stores = [SqlStore(made) for made in await asyncio.gather(*(open_database(postgres_url, ring) for _ in range(4)))]
    met = await asyncio.gather(*(person(store) for store in stores))
    for store in stores:
        await store.close()
    assert len(set(met)) == 1


async def test_what_came_later_in_a_chat_that_another_has_in_hand_is_left(pair: tuple[SqlStore, SqlStore]) -> None:
    one, other = pair
    await one.receive([in_chat(number) for number in (1, 2, 11, 12, 21)])
    async with one.turns() as turns:
        (row,) = await turns.pending(1, NOW, SOURCES)
        assert await pending(other) == ["2", "12"]
        await turns.done(row, NOW)
    assert await pending(other) == ["2", "11", "12", "21"]


async def test_an_event_of_no_chat_is_taken_alone(pair: tuple[SqlStore, SqlStore]) -> None:
    """It may concern anybody: whoever handles it holds nobody else, and so is never part of a circle of waiting."""
    store, _ = pair
    alone = Raw(source="person", key="x", body={}, at=NOW)
    await store.receive([in_chat(1), alone, in_chat(2)])
    assert await pending(store) == ["1", "2"]
    async with store.turns() as turns:
        for row in await turns.pending(9, NOW, SOURCES):
            await turns.done(row, NOW)
        assert [row.raw for row in await turns.pending(9, NOW, SOURCES)] == [alone]


async def test_what_a_turn_is_cancelling_is_neither_sent_nor_waited_for(pair: tuple[SqlStore, SqlStore]) -> None:
    one, other = pair
    await say(one, "ask", "ask, ticked", card="c", priority="prompt")
    ann = await person(one)
    for held in ("first", "second"):
        async with one.turns() as turns, asyncio.timeout(5):
            if held == "first":
                await turns.put_out(ann, None, Message(text="stop"), "safety", NOW)
            else:
                await turns.blocked(ANN, NOW)
            assert await texts(other) == []
    assert await texts(other) == []


async def test_an_edit_that_a_turn_is_cancelling_is_not_sent_in_place_of_what_it_edits(
    pair: tuple[SqlStore, SqlStore],
) -> None:
    one, other = pair
    await say(one, "ask", card="c")
    await say(one, "ask again", card="c", priority="prompt")
    ann = await person(one)
    async with one.turns() as turns, asyncio.timeout(5):
        await turns.put_out(ann, None, Message(text="stop"), "safety", NOW)
        assert await texts(other) == []
    assert await drain(other, FakeClock(NOW)) == [("ask", None), ("stop", None)]


async def test_a_process_that_starts_leaves_alone_what_another_is_sending(postgres_url: str) -> None:
    ring = KeyRing.new()
    one, other = [SqlStore(await open_database(postgres_url, ring)) for _ in range(2)]
    await say(one, "1")
    (row,) = await claim(one)
    assert await other.recover(NOW) == 0
    assert await claim(other) == []
    await one.close()  # as when it is killed: its connections are gone
    for _ in range(500):  # the server notices in its own time
        if await other.recover(NOW):
            break
        await asyncio.sleep(0.01)
    (again,) = await claim(other)
    assert (again.id, again.uncertain) == (row.id, True)
    assert await other.recover(NOW) == 1  # its own: it sends nothing while it asks
    await other.close()


async def test_an_event_put_off_holds_up_its_chat_alone(store: Store) -> None:
    raws = [in_chat(number) for number in (1, 2, 11)]
    await store.receive(raws)
    async with store.turns() as turns:
        first, *_ = await turns.pending(10, NOW, SOURCES)
        await turns.put_off(first, NOW + timedelta(seconds=2))
    async with store.turns() as turns:
        assert [row.raw.key for row in await turns.pending(10, NOW + timedelta(seconds=1), SOURCES)] == [raws[1].key]
    async with store.turns() as turns:
        rows = await turns.pending(10, NOW + timedelta(seconds=2), SOURCES)
        assert [(row.raw.key, row.attempts) for row in rows] == [(raws[0].key, 1), (raws[1].key, 0), (raws[2].key, 0)]


@pytest.mark.parametrize("count", [1, 2])
async def test_all_keep_to_one_speed(pair: tuple[SqlStore, SqlStore], count: int) -> None:
    for number in range(40):
        await say(pair[0], "hi", to=Address(channel="line", bot="b", chat=f"c{number}"))
    speed, sent = Speed(per_second=10), 0
    for tenth in range(0, 31):  # three seconds
        now = NOW + timedelta(seconds=tenth / 10)
        for store in pair[:count]:
            sent += len(await store.claim_outgoing(30, now, speed))
        assert tenth <= sent <= 10 + tenth  # a second's worth at once, and then as many a second
    assert sent == 40


async def test_a_chat_is_not_written_to_without_end_at_once(pair: tuple[SqlStore, SqlStore]) -> None:
    speed, times = Speed(per_second=1000, chat_burst=timedelta(seconds=2)), list[float]()
    await say(pair[0], *"123456")
    for tenth in range(60):
        now = NOW + timedelta(seconds=tenth / 10)
        for row in await pair[tenth % 2].claim_outgoing(30, now, speed):
            await pair[0].sent({row.id: f"m{row.id}"}, now)
            times.append(tenth / 10)
    assert times == [0.0, 0.1, 0.2, 1.0, 2.0, 3.0]
    await say(pair[0], "call 112", priority="safety")
    assert len(await pair[0].claim_outgoing(30, NOW + timedelta(seconds=3), speed)) == 1


async def test_no_event_is_to_blame_for_trouble_of_the_database(pair: tuple[SqlStore, SqlStore]) -> None:
    one, other = pair
    ann = await person(one)
    await one.receive([in_chat(1)])
    async with one.turns() as holding:
        await holding.load(ann)
        with pytest.raises(DBAPIError, match="lock timeout"):
            async with other._open() as turns:
                await turns._connection.execute(text("SET LOCAL lock_timeout = '20ms'"))
                (row,) = await turns.pending(1, NOW, SOURCES)
                with pytest.raises(DBAPIError, match="lock timeout"):
                    async with turns.savepoint():
                        await turns.load(ann)
                async with turns.savepoint():
                    await turns.set_aside(row, "an innocent event", NOW)
    assert await pending(other) == ["1"]


async def test_processes_never_wait_for_each_other_in_a_circle(pair: tuple[SqlStore, SqlStore]) -> None:
    people = [Address(channel="line", bot="b", chat=str(n)) for n in range(4)]
    ids = [await person(pair[0], address) for address in people]
    for n in range(80):  # by turns what they write, and what others write about them
        which, to = n * 7 % 4, n // 4 % 4
        own = Raw(source="line", key=str(n), body={"who": which}, at=NOW, chat=f"chat {which}")
        about = Raw(source="person", key=str(n), body={"who": to}, at=NOW)
        await pair[0].receive([about if n % 3 == 0 else own])
    left = 80

    async def handle(store: SqlStore) -> None:
        nonlocal left
        while left > 0:
            async with store.turns() as turns:
                rows = await turns.pending(9, NOW, SOURCES)
                for row in rows:
                    who = row.raw.body["who"]
                    async with turns.savepoint():
                        if row.raw.source == "line":
                            await turns.typed_since(people[who], NOW)
                        known = await turns.load(ids[who])
                        await turns.save_conversation(ids[who], known.conversation, NOW)
                        priority = ("prompt", "reply", "safety")[row.id % 3]
                        await turns.put_out(ids[who], "c", Message(text="x"), priority, NOW)
                    await turns.done(row, NOW)
            left -= len(rows)
            await asyncio.sleep(0 if rows else 0.005)

    async def send(store: SqlStore) -> None:
        while left > 0:
            for row in await store.claim_outgoing(9, NOW):
                if row.id % 5 == 0:
                    await store.gone(row.id, "blocked", NOW)
                elif row.id % 7 == 0:
                    await store.not_sent(row.id, "no network", NOW, NOW)
                else:
                    await store.sent({row.id: f"m{row.id}"}, NOW)
            await asyncio.sleep(0.01)

    async with asyncio.timeout(30):
        await asyncio.gather(*(work(store) for store in pair for work in (handle, handle, send)))
    assert left == 0


async def test_processes_that_start_together_agree_on_a_new_key(postgres: Server, tmp_path: Path) -> None:
    url, file = postgres.new_database(), tmp_path / "key.json"
    for database in await asyncio.gather(*(open_database(url, open_ring(file, url)) for _ in range(3))):
        await database.close()
    await (await open_database(url, open_ring(file, url))).close()
    file.unlink()
    with pytest.raises(DataKeyMissing):
        await open_database(url, open_ring(file, url))
    assert not file.exists()
