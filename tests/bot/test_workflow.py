"""What handle and deliver promise, against a store that only remembers."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.conversation.effects import AnswerTap, Button, ButtonRow, KeepConsent, Line, Say, TellCoach
from bot.conversation.events import AlertTold, ClientWrote, CoachActed, Event, News, Tapped, Typed
from bot.conversation.known import Known
from bot.conversation.reply import Turn
from bot.workflow.deliver import Pace, deliver
from bot.workflow.handle import PAUSES, PERSON, decode, encode, handle, render
from bot.workflow.ports import Address, Message, Raw, SendError
from bot.workflow.receive import receive
from rules import Library
from tests.fakes import FakeClock, KeptMessage, MemoryStore, RecordingChannel

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
LIBRARY = Library(())
WROTE = ClientWrote(at=NOW, client_id=1, client_name="ann", words="numb <there>")


class Words:
    """Says a line as its key and values; fails on the key `unworded`."""

    def text(self, line: Line, language: str) -> str:
        if line.key == "unworded":
            raise KeyError(line.key)
        values = "".join(f" {value}" for value in line.values.values())
        return f"{language}/<b>{line.key}</b>{values}"


def heard(key: str, **body: str) -> Raw:
    return Raw(source="line", key=key, body={"chat": "ann", **body}, at=NOW)


def echo(known: Known, event: Event, library: Library) -> Turn:
    """Say back what is heard; `boom` raises, `tell` tells the coach."""
    conversation = known.conversation.model_copy(update={"step": known.conversation.step + 1})
    match event:
        case Typed(text="boom"):
            raise RuntimeError("the answer was 7")
        case Typed(text="tell"):
            return Turn(conversation=conversation, effects=(TellCoach(event=WROTE),))
        case Typed(text="unworded"):
            effects: tuple[Any, ...] = (
                KeepConsent(version="1", given=True),
                Say(paragraphs=(Line(key="unworded"),)),
            )
            return Turn(conversation=conversation, effects=effects)
        case Typed(text=text):
            return Turn(conversation=conversation, effects=(Say(paragraphs=(Line(key=text),)),))
        case Tapped(data="old"):
            return Turn(conversation=conversation, effects=(AnswerTap(words=Line(key="stale")),))
        case ClientWrote(client_name=name):
            return Turn(conversation=conversation, effects=(Say(paragraphs=(Line(key=f"from {name}"),)),))
    return Turn(conversation=conversation, effects=())


async def run(
    store: MemoryStore,
    line: RecordingChannel,
    *raws: Raw,
    channels: Mapping[str, RecordingChannel] | None = None,
    at: datetime = NOW,
) -> int:
    await receive(store, raws)
    parts = {"line": line} if channels is None else channels
    return await handle(store, parts, FakeClock(at), LIBRARY, Words(), reply=echo)


def step(store: MemoryStore) -> int:
    """Give the step of the first person's conversation."""
    conversation = store.rows.people[1].conversation
    assert conversation is not None
    return conversation.step


async def test_an_update_becomes_a_turn_and_a_message() -> None:
    store, line = MemoryStore(), RecordingChannel()
    assert await run(store, line, heard("1", text="hi")) == 1
    assert store.outbox_texts == ["en/<b>hi</b>"]
    assert store.inbox_states == ["done"]
    assert step(store) == 1
    assert store.rows.typed == {line.address("ann"): NOW}


async def test_a_repeated_update_is_heard_once() -> None:
    store, line = MemoryStore(), RecordingChannel()
    await run(store, line, heard("1", text="hi"), heard("1", text="hi"))
    assert await run(store, line, heard("1", text="hi")) == 0
    assert store.outbox_texts == ["en/<b>hi</b>"]


async def test_an_event_that_raises_is_undone_alone_and_its_person_told_at_last() -> None:
    store, line = MemoryStore(), RecordingChannel()
    mine = [replace(heard(key, text=text), chat="ann") for key, text in (("1", "a"), ("2", "boom"), ("3", "b"))]
    assert await run(store, line, *mine, replace(heard("4", text="c", chat="sam"), chat="sam")) == 3
    waited = timedelta(0)
    for pause in PAUSES:  # its chat waits with it, the others go on
        assert store.inbox_states == ["done", "waiting", "waiting", "done"]
        waited += pause
        assert await run(store, line, at=NOW + waited - timedelta(milliseconds=1)) == 0
        await run(store, line, at=NOW + waited)
    assert store.inbox_states == ["done", "aside", "done", "done"]
    assert store.outbox_texts == ["en/<b>a</b>", "en/<b>c</b>", "en/<b>bot.went_wrong</b>", "en/<b>b</b>"]
    assert step(store) == 2
    assert "the answer was 7" in (store.rows.inbox[2].trace or "")


async def test_an_event_that_goes_well_when_it_is_tried_again_is_handled_once() -> None:
    store, line, tries = MemoryStore(), RecordingChannel(), iter([1, 2])

    def trouble(known: Known, event: Event, library: Library) -> Turn:
        if next(tries) == 1:
            raise OSError("a disk that hangs")
        return echo(known, event, library)

    await receive(store, [heard("1", text="hi")])
    for at in (NOW, NOW + PAUSES[0]):
        await handle(store, {"line": line}, FakeClock(at), LIBRARY, Words(), reply=trouble)
    assert (store.inbox_states, store.outbox_texts) == (["done"], ["en/<b>hi</b>"])


async def test_what_was_decided_before_a_failure_in_the_same_turn_is_undone(caplog: pytest.LogCaptureFixture) -> None:
    store, line = MemoryStore(), RecordingChannel()
    await run(store, line, heard("1", text="unworded"), heard("2", text="boom"))
    assert store.rows.people == {}
    for waited in (PAUSES[0], sum(PAUSES, timedelta(0))):
        await run(store, line, at=NOW + waited)
    assert store.inbox_states == ["aside", "aside"]
    assert store.rows.people[1].consents == ()
    assert store.rows.people[1].conversation is None
    assert "the answer was" not in caplog.text


async def test_an_update_that_cannot_be_read_is_set_aside_without_a_word() -> None:
    store, line = MemoryStore(), RecordingChannel()
    await run(store, line, Raw(source="line", key="1", body={"what": 1}, at=NOW), heard("2", text="hi"))
    assert store.inbox_states == ["aside", "done"]
    assert store.outbox_texts == ["en/<b>hi</b>"]


async def test_an_update_that_means_nothing_is_done() -> None:
    store, line = MemoryStore(), RecordingChannel()
    await run(store, line, Raw(source="line", key="1", body={"nothing": 1}, at=NOW))
    assert store.inbox_states == ["done"]


async def test_an_update_of_a_channel_that_is_not_here_keeps_waiting() -> None:
    store, line = MemoryStore(), RecordingChannel()
    assert await run(store, line, heard("1", text="hi"), channels={}) == 0
    assert store.inbox_states == ["waiting"]


async def test_every_tap_is_answered_after_the_commit() -> None:
    store, line = MemoryStore(), RecordingChannel()
    await run(store, line, heard("0", text="hi"))
    await run(store, line, heard("1", tap="old"), heard("2", tap="new"))
    assert line.taps == [("1", "en/stale"), ("2", None)]


async def test_a_tap_of_somebody_who_is_not_there_makes_nobody_and_is_not_kept() -> None:
    store, line = MemoryStore(), RecordingChannel()
    await run(store, line, heard("1", tap="old"))
    assert (store.rows.people, line.taps) == ({}, [("1", "en/bot.nobody")])
    assert [(kept.state, kept.row.raw.body) for kept in store.rows.inbox.values()] == [("done", {})]


async def test_a_coach_hears_of_a_client_once() -> None:
    store, line = MemoryStore(), RecordingChannel()
    await store.add_coach(line.address("sam"), "sam", line.address("ann"), "ann", NOW)
    assert await run(store, line, heard("1", text="tell")) == 1
    assert await run(store, line) == 1
    assert [row.address for row in store.rows.outbox.values()] == [line.address("sam")]
    assert store.outbox_texts == ["en/<b>from ann</b>"]
    assert await run(store, line) == 0


async def test_a_client_without_a_coach_troubles_nobody() -> None:
    store, line = MemoryStore(), RecordingChannel()
    await run(store, line, heard("1", text="tell"))
    assert store.inbox_states == ["done"]


ACTED = CoachActed(at=NOW, coach_id=3, coach_name="sam", deed="hold", version=2, words="3")


@pytest.mark.parametrize("event", [WROTE, ACTED, AlertTold(at=NOW, client_id=1, ids=[2], anew=True)])
def test_an_event_between_people_survives_its_way_through_json(event: News) -> None:
    assert decode(json.loads(json.dumps(encode(event, to=2)))) == (2, event)


@pytest.mark.parametrize("body", [{}, {"to": 1, "kind": "x", "at": NOW.isoformat()}, {"to": 1, "kind": "client_wrote"}])
def test_an_event_between_people_that_is_none_is_refused(body: Mapping[str, Any]) -> None:
    with pytest.raises(ValueError, match="event for a person"):
        decode(body)


async def test_a_broken_event_between_people_is_set_aside() -> None:
    store, line = MemoryStore(), RecordingChannel()
    await run(store, line, Raw(source=PERSON, key="1", body={"to": 1}, at=NOW))
    assert store.inbox_states == ["aside"]


def test_text_is_html_and_labels_are_plain() -> None:
    row = ButtonRow(buttons=(Button(data="1:0:yes", label=Line(key="yes"), chosen=True),), label=Line(key="left"))
    message = render(Say(paragraphs=(Line(key="a"), Line(key="b")), rows=(row,)), Words(), "de")
    assert message.text == "de/<b>a</b>\n\nde/<b>b</b>"
    assert message.rows == (
        {
            "label": "de/left",
            "kind": "options",
            "open": True,
            "opens": None,
            "buttons": [{"data": "1:0:yes", "label": "de/yes", "chosen": True}],
        },
    )


async def put(store: MemoryStore, line: RecordingChannel, chat: str, text: str, card: str | None = None) -> None:
    async with store.turns() as turns:
        person_id = await turns.person_at(line.address(chat), chat, NOW)
        await turns.put_out(person_id, card, Message(text=text), "reply", NOW)


async def send(store: MemoryStore, line: RecordingChannel) -> int:
    return await deliver(store, {"line": line}, FakeClock(NOW))


def fate(message: KeptMessage) -> tuple[str, str | None, datetime | None]:
    return message.state, message.why, message.not_before


async def test_messages_of_a_chat_are_sent_in_order_until_none_waits() -> None:
    store, line = MemoryStore(), RecordingChannel()
    for chat, text in (("ann", "1"), ("ann", "2"), ("sam", "3"), ("ann", "4")):
        await put(store, line, chat, text)
    assert await send(store, line) == 4
    assert [sent.message.text for sent in line.sends if sent.address == line.address("ann")] == ["1", "2", "4"]
    assert {row.message.text: (row.state, row.message_id) for row in store.rows.outbox.values()} == {
        sent.message.text: ("sent", sent.id) for sent in line.sends
    }


async def test_a_send_of_unknown_fate_is_repeated_once_however_often_it_could_not_leave() -> None:
    errors = [SendError(kind, "why") for kind in ("never_left", "uncertain", "never_left", "uncertain")]
    store, line, clock = MemoryStore(), RecordingChannel(failures=deque(errors)), FakeClock(NOW)
    await put(store, line, "ann", "1")
    for _ in range(4):
        await deliver(store, {line.name: line}, clock)
        clock.skip(timedelta(minutes=1))
    assert store.rows.outbox[1].state == "failed"
    assert line.sends == []


async def test_a_blocked_chat_is_left_alone_and_the_others_go_on() -> None:
    store, line = MemoryStore(), RecordingChannel(failures=deque([SendError("blocked", "why")]))
    for chat, text in (("ann", "1"), ("ann", "2"), ("sam", "a")):
        await put(store, line, chat, text)
    await send(store, line)
    assert [(row.address.chat, row.state) for row in store.rows.outbox.values()] == [
        ("ann", "failed"),
        ("ann", "withheld"),
        ("sam", "sent"),
    ]


class Hanging(RecordingChannel):
    """A channel on which one chat hangs until let go."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = asyncio.Event()

    async def send(self, address: Address, message: Message, edit: str | None) -> str:
        if address.chat == "ann":
            await self.let_go.wait()
        return await super().send(address, message, edit)


async def test_a_chat_that_hangs_holds_up_no_other() -> None:
    store, line = MemoryStore(), Hanging()
    for chat, text in (("ann", "1"), ("sam", "a"), ("sam", "b"), ("sam", "c")):
        await put(store, line, chat, text)
    delivering = asyncio.create_task(deliver(store, {line.name: line}, FakeClock(NOW)))
    async with asyncio.timeout(30):
        while len(line.sends) < 3:  # noqa: ASYNC110  # there is no event to wait for
            await asyncio.sleep(0.01)
    assert [sent.message.text for sent in line.sends] == ["a", "b", "c"]
    line.let_go.set()
    assert await delivering == 4


@pytest.mark.parametrize(("chats", "held"), [(("ann", "sam"), True), (("ann",), False)])
async def test_two_chats_told_to_wait_make_the_whole_bot_wait(chats: tuple[str, ...], held: bool) -> None:
    waits = [SendError("later", "429", retry_after=30) for _ in chats]
    store, line, clock, pace = MemoryStore(), RecordingChannel(failures=deque(waits)), FakeClock(NOW), Pace()
    for chat in chats:
        await put(store, line, chat, "1")
    await deliver(store, {line.name: line}, clock, pace=pace)
    await put(store, line, "tom", "1")
    assert await deliver(store, {line.name: line}, clock, pace=pace) == (0 if held else 1)
    clock.skip(timedelta(seconds=31))
    assert await deliver(store, {line.name: line}, clock, pace=pace) == (3 if held else 1)


async def test_the_buttons_of_an_earlier_message_are_taken_off() -> None:
    store, line, rows = MemoryStore(), RecordingChannel(), ({"label": None, "kind": "options", "buttons": []},)
    async with store.turns() as turns:
        ann = await turns.person_at(line.address("ann"), "ann", NOW)
        for text, shown in (("ask", rows), ("words", ()), ("ask more", rows)):
            await turns.put_out(ann, None, Message(text=text, rows=shown), "reply", NOW)
    await send(store, line)
    assert line.stripped == [(line.address("ann"), "m1")]


@pytest.mark.parametrize(
    ("kind", "tries", "wait"),
    [
        ("never_left", 3, timedelta(seconds=8)),
        ("never_left", 99, timedelta(minutes=15)),
        ("later", 0, timedelta(seconds=30)),
        ("uncertain", 0, timedelta(seconds=5)),
        ("server", 3, timedelta(seconds=8)),
        ("server", 8, None),
        ("uncertain", 1, timedelta(seconds=5)),
        ("blocked", 0, None),
        ("refused", 0, None),
        ("gone", 0, None),
    ],
)
async def test_what_becomes_of_a_message_that_was_not_sent(kind: str, tries: int, wait: timedelta | None) -> None:
    error = SendError(kind, "why", retry_after=30 if kind == "later" else None)
    store, line = MemoryStore(), RecordingChannel(failures=deque([error]))
    await put(store, line, "ann", "1")
    store.rows.outbox[1] = replace(store.rows.outbox[1], attempts=tries)
    assert await send(store, line) == 0
    state, retry_at = ("failed", None) if wait is None else ("waiting", NOW + wait)
    assert fate(store.rows.outbox[1]) == (state, f"{kind}: why", retry_at)


async def test_a_card_that_is_gone_is_said_anew() -> None:
    store, line = MemoryStore(), RecordingChannel(failures=deque([None, SendError("gone", "no such message"), None]))
    await put(store, line, "ann", "1", card="c")
    await send(store, line)
    await put(store, line, "ann", "2", card="c")
    assert await send(store, line) == 1
    assert [(sent.message.text, sent.edit) for sent in line.sends] == [("1", None), ("2", None)]
    assert not line.failures


async def test_an_unforeseen_failure_is_tried_once_more() -> None:
    store, line = MemoryStore(), RecordingChannel(failures=deque([RuntimeError("?")]))
    await put(store, line, "ann", "1")
    await send(store, line)
    assert fate(store.rows.outbox[1]) == ("waiting", "uncertain: RuntimeError", NOW + timedelta(seconds=5))


async def test_a_message_for_a_channel_that_is_not_here_keeps_waiting() -> None:
    store, line = MemoryStore(), RecordingChannel()
    await put(store, line, "ann", "1")
    assert await deliver(store, {}, FakeClock(NOW)) == 0
    assert fate(store.rows.outbox[1]) == ("waiting", "no channel line", NOW + timedelta(minutes=15))


async def test_a_database_in_trouble_cuts_off_no_other_chat() -> None:
    class Troubled(MemoryStore):
        async def sent(self, ids: Mapping[int, str], now: datetime) -> None:
            if 1 in ids:
                raise OSError("disk full")
            await super().sent(ids, now)

    store, line, pace = Troubled(), RecordingChannel(), Pace()
    for chat, text in (("ann", "1"), ("sam", "a"), ("sam", "b")):
        await put(store, line, chat, text)
    assert await deliver(store, {line.name: line}, FakeClock(NOW), pace=pace) == 2
    assert pace.unmarked
    assert [row.state for row in store.rows.outbox.values()] == ["sending", "sent", "sent"]
