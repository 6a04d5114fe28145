"""What handle and deliver promise, against a store that only remembers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.conversation.activities import Conversation
from bot.conversation.effects import AnswerTap, Button, ButtonRow, KeepConsent, Line, Say, TellCoach
from bot.conversation.events import ClientFlagged, ClientScreened, Event, Tapped, Typed
from bot.conversation.known import Known, Person
from bot.conversation.reply import Turn
from bot.workflow.deliver import deliver
from bot.workflow.handle import PERSON, decode, encode, handle, render
from bot.workflow.ports import Address, Heard, InboxRow, Message, OutboxRow, Raw, SendError
from bot.workflow.receive import receive
from rules import Library

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
LIBRARY = Library(())
FLAGGED = ClientFlagged(at=NOW, client_id=1, client_name="ann", flag="rf01", urgency="urgent", own_words="numb <there>")


class StillClock:
    """A clock that stands at NOW."""

    def now(self) -> datetime:
        return NOW


class Words:
    """Says a line as its key and values; fails on the key `unworded`."""

    def text(self, line: Line, language: str) -> str:
        if line.key == "unworded":
            raise KeyError(line.key)
        values = "".join(f" {value}" for value in line.values.values())
        return f"{language}/<b>{line.key}</b>{values}"


@dataclass
class Wire:
    """A channel that reads {"chat", "text" | "tap" | "nothing"} and remembers what it was given."""

    sent: list[tuple[str, str, str | None]] = field(default_factory=list)
    taps: list[tuple[str, str | None]] = field(default_factory=list)
    fail: Callable[[int, str | None], None] | None = None

    def read(self, raw: Raw) -> Heard | None:
        match raw.body:
            case {"nothing": _}:
                return None
            case {"chat": str(chat), "text": str(text)}:
                event: Event = Typed(at=raw.at, text=text, message=raw.key)
            case {"chat": str(chat), "tap": str(data)}:
                event = Tapped(at=raw.at, data=data)
            case _:
                raise ValueError("garbage")
        return Heard(address=address(chat), name=chat, event=event)

    async def send(self, address: Address, message: Message, edit: str | None) -> str:
        if self.fail:
            self.fail(len(self.sent), edit)
        self.sent.append((address.chat, message.text, edit))
        return f"m{len(self.sent)}"

    async def answer_tap(self, raw: Raw, words: str | None) -> None:
        self.taps.append((raw.key, words))


@dataclass
class State:
    """All that the store remembers."""

    inbox: list[tuple[InboxRow, str]] = field(default_factory=list)
    people: list[str] = field(default_factory=list)
    conversations: dict[int, Conversation] = field(default_factory=dict)
    kept: list[tuple[int, Any]] = field(default_factory=list)
    outbox: list[OutboxRow] = field(default_factory=list)
    traces: list[str] = field(default_factory=list)


class Memory:
    """A store and its turns in one: a transaction is a copy to go back to."""

    def __init__(self, coach: int | None = None) -> None:
        self.state, self.coach = State(), coach
        self.typed: list[tuple[str, datetime]] = []
        self.marks: list[tuple[int, str, datetime | None]] = []

    async def receive(self, raws: Sequence[Raw]) -> int:
        return sum([await self.put_in(raw) for raw in raws])

    @asynccontextmanager
    async def turns(self) -> AsyncIterator[Memory]:
        async with self.savepoint():
            yield self

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        before = deepcopy(self.state)
        try:
            yield
        except BaseException:
            self.state = before
            raise

    async def pending(self, limit: int, now: datetime) -> Sequence[InboxRow]:
        return [row for row, state in self.state.inbox if state == "waits"][:limit]

    async def person_at(self, address: Address, name: str, at: datetime) -> int:
        if name not in self.state.people:
            self.state.people.append(name)
        return self.state.people.index(name) + 1

    async def load(self, person_id: int) -> Known:
        name = self.state.people[person_id - 1]
        conversation = self.state.conversations.get(person_id, Conversation())
        return Known(person=Person(id=person_id, name=name), conversation=conversation)

    async def save_conversation(self, person_id: int, conversation: Conversation, at: datetime) -> None:
        self.state.conversations[person_id] = conversation

    async def keep(self, person_id: int, effect: Any, at: datetime) -> None:
        self.state.kept.append((person_id, effect))

    async def put_out(self, person_id: int, card: str | None, message: Message, priority: str, at: datetime) -> None:
        self.put(self.state.people[person_id - 1], message, card)

    def put(
        self, chat: str, message: Message, card: str | None = None, edit: str | None = None, tries: int = 0
    ) -> None:
        number = len(self.state.outbox) + 1
        row = OutboxRow(id=number, address=address(chat), card=card, message=message, attempts=tries, edit=edit)
        self.state.outbox.append(row)

    async def put_in(self, raw: Raw) -> bool:
        if any((row.raw.source, row.raw.key) == (raw.source, raw.key) for row, _ in self.state.inbox):
            return False
        self.state.inbox.append((InboxRow(id=len(self.state.inbox) + 1, raw=raw, attempts=0), "waits"))
        return True

    async def coach_of(self, person_id: int) -> int | None:
        return self.coach

    async def done(self, row: InboxRow, at: datetime) -> None:
        self._mark(row, "done")

    async def set_aside(self, row: InboxRow, trace: str, at: datetime) -> None:
        self._mark(row, "aside")
        self.state.traces.append(trace)

    def _mark(self, row: InboxRow, state: str) -> None:
        self.state.inbox[row.id - 1] = (row, state)

    async def claim_outgoing(self, limit: int, now: datetime) -> Sequence[OutboxRow]:
        marked = {row_id for row_id, _, _ in self.marks}
        chats: dict[str, OutboxRow] = {}
        for row in self.state.outbox:
            if row.id not in marked:
                chats.setdefault(row.address.chat, row)
        return list(chats.values())[:limit]

    async def sent(self, row_id: int, message_id: str, now: datetime) -> None:
        self.marks.append((row_id, f"sent {message_id}", None))

    async def not_sent(self, row_id: int, why: str, retry_at: datetime | None, now: datetime) -> None:
        self.marks.append((row_id, why, retry_at))

    async def recover(self, now: datetime) -> int:
        return 0

    async def typed_since(self, address: Address, at: datetime) -> None:
        self.typed.append((address.chat, at))

    async def add_coach(self, coach: Address, coach_name: str, client: Address, client_name: str, at: datetime) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError

    @property
    def states(self) -> list[str]:
        return [state for _, state in self.state.inbox]

    @property
    def texts(self) -> list[str]:
        return [row.message.text for row in self.state.outbox]


def address(chat: str) -> Address:
    return Address(channel="line", bot="line", chat=chat)


def heard(key: str, **body: str) -> Raw:
    return Raw(source="line", key=key, body={"chat": "ann", **body}, at=NOW)


def echo(known: Known, event: Event, library: Library) -> Turn:
    """Say back what is heard; `boom` raises, `tell` tells the coach."""
    conversation = known.conversation.model_copy(update={"step": known.conversation.step + 1})
    match event:
        case Typed(text="boom"):
            raise RuntimeError("the answer was 7")
        case Typed(text="tell"):
            return Turn(conversation=conversation, effects=(TellCoach(event=FLAGGED),))
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
        case ClientFlagged(flag=flag):
            return Turn(conversation=conversation, effects=(Say(paragraphs=(Line(key=flag),)),))
    return Turn(conversation=conversation, effects=())


async def run(store: Memory, line: Wire, *raws: Raw, channels: Mapping[str, Wire] | None = None) -> int:
    await receive(store, raws)
    parts = {"line": line} if channels is None else channels
    return await handle(store, parts, StillClock(), LIBRARY, Words(), reply=echo)


async def test_an_update_becomes_a_turn_and_a_message() -> None:
    store, line = Memory(), Wire()
    assert await run(store, line, heard("1", text="hi")) == 1
    assert store.texts == ["en/<b>hi</b>"]
    assert store.states == ["done"]
    assert store.state.conversations[1].step == 1
    assert store.typed == [("ann", NOW)]


async def test_a_repeated_update_is_heard_once() -> None:
    store, line = Memory(), Wire()
    await run(store, line, heard("1", text="hi"), heard("1", text="hi"))
    assert await run(store, line, heard("1", text="hi")) == 0
    assert store.texts == ["en/<b>hi</b>"]


async def test_an_event_that_raises_is_undone_alone_and_its_person_told() -> None:
    store, line = Memory(), Wire()
    await run(store, line, heard("1", text="a"), heard("2", text="boom"), heard("3", text="b"))
    assert store.states == ["done", "aside", "done"]
    assert store.texts == ["en/<b>a</b>", "en/<b>bot.went_wrong</b>", "en/<b>b</b>"]
    assert store.state.conversations[1].step == 2
    assert "the answer was 7" in store.state.traces[0]


async def test_what_was_decided_before_a_failure_in_the_same_turn_is_undone(caplog: pytest.LogCaptureFixture) -> None:
    store, line = Memory(), Wire()
    await run(store, line, heard("1", text="unworded"), heard("2", text="boom"))
    assert store.state.kept == []
    assert 1 not in store.state.conversations
    assert "the answer was" not in caplog.text


async def test_an_update_that_cannot_be_read_is_set_aside_without_a_word() -> None:
    store, line = Memory(), Wire()
    await run(store, line, Raw(source="line", key="1", body={"what": 1}, at=NOW), heard("2", text="hi"))
    assert store.states == ["aside", "done"]
    assert store.texts == ["en/<b>hi</b>"]


async def test_an_update_that_means_nothing_is_done() -> None:
    store, line = Memory(), Wire()
    await run(store, line, Raw(source="line", key="1", body={"nothing": 1}, at=NOW))
    assert store.states == ["done"]


async def test_an_update_of_a_channel_that_is_not_here_keeps_waiting() -> None:
    store, line = Memory(), Wire()
    assert await run(store, line, heard("1", text="hi"), channels={}) == 0
    assert store.states == ["waits"]


async def test_every_tap_is_answered_after_the_commit() -> None:
    store, line = Memory(), Wire()
    await run(store, line, heard("1", tap="old"), heard("2", tap="new"))
    assert line.taps == [("1", "en/stale"), ("2", None)]


async def test_a_coach_hears_of_a_client_once() -> None:
    store, line = Memory(coach=2), Wire()
    store.state.people = ["ann", "sam"]
    assert await run(store, line, heard("1", text="tell")) == 1
    assert await run(store, line) == 1
    assert [row.address.chat for row in store.state.outbox] == ["sam"]
    assert store.texts == ["en/<b>rf01</b>"]
    assert await run(store, line) == 0


async def test_a_client_without_a_coach_troubles_nobody() -> None:
    store, line = Memory(coach=None), Wire()
    await run(store, line, heard("1", text="tell"))
    assert store.states == ["done"]


SCREENED = ClientScreened(at=NOW, client_id=1, client_name="ann", findings=(("left", "flexion", "femoral", "high"),))


@pytest.mark.parametrize("event", [FLAGGED, SCREENED])
def test_an_event_between_people_survives_its_way_through_json(event: ClientFlagged | ClientScreened) -> None:
    assert decode(json.loads(json.dumps(encode(event, to=2)))) == (2, event)


@pytest.mark.parametrize(
    "body", [{}, {"to": 1, "kind": "x", "at": NOW.isoformat()}, {"to": 1, "kind": "client_flagged"}]
)
def test_an_event_between_people_that_is_none_is_refused(body: Mapping[str, Any]) -> None:
    with pytest.raises(ValueError, match="event for a person"):
        decode(body)


async def test_a_broken_event_between_people_is_set_aside() -> None:
    store, line = Memory(), Wire()
    await run(store, line, Raw(source=PERSON, key="1", body={"to": 1}, at=NOW))
    assert store.states == ["aside"]


def test_text_is_html_and_labels_are_plain() -> None:
    row = ButtonRow(buttons=(Button(data="1:0:yes", label=Line(key="yes"), chosen=True),), label=Line(key="left"))
    message = render(Say(paragraphs=(Line(key="a"), Line(key="b")), rows=(row,)), Words(), "de")
    assert message.text == "de/<b>a</b>\n\nde/<b>b</b>"
    assert message.rows == (
        {
            "label": "de/left",
            "kind": "options",
            "open": True,
            "buttons": [{"data": "1:0:yes", "label": "de/yes", "chosen": True}],
        },
    )


async def send(store: Memory, line: Wire) -> int:
    return await deliver(store, {"line": line}, StillClock())


async def test_messages_of_a_chat_are_sent_in_order_until_none_waits() -> None:
    store, line = Memory(), Wire()
    for chat, text in (("ann", "1"), ("ann", "2"), ("sam", "3"), ("ann", "4")):
        store.put(chat, Message(text=text))
    assert await send(store, line) == 4
    assert [text for chat, text, _ in line.sent if chat == "ann"] == ["1", "2", "4"]
    assert [mark for _, mark, _ in store.marks] == ["sent m1", "sent m2", "sent m3", "sent m4"]


@pytest.mark.parametrize(
    ("kind", "tries", "wait"),
    [
        ("never_left", 3, timedelta(seconds=8)),
        ("never_left", 99, timedelta(minutes=15)),
        ("later", 0, timedelta(seconds=30)),
        ("uncertain", 0, timedelta(seconds=1)),
        ("uncertain", 1, None),
        ("refused", 0, None),
        ("gone", 0, None),
    ],
)
async def test_what_becomes_of_a_message_that_was_not_sent(kind: str, tries: int, wait: timedelta | None) -> None:
    def fail(_: int, __: str | None) -> None:
        raise SendError(kind, "why", retry_after=30 if kind == "later" else None)

    store, line = Memory(), Wire(fail=fail)
    store.put("ann", Message(text="1"), tries=tries)
    assert await send(store, line) == 0
    assert store.marks == [(1, f"{kind}: why", NOW + wait if wait is not None else None)]


async def test_a_card_that_is_gone_is_said_anew() -> None:
    def fail(_: int, edit: str | None) -> None:
        if edit:
            raise SendError("gone", "no such message")

    store, line = Memory(), Wire(fail=fail)
    store.put("ann", Message(text="1"), card="c", edit="m9")
    assert await send(store, line) == 1
    assert line.sent == [("ann", "1", None)]


async def test_an_unforeseen_failure_is_tried_once_more() -> None:
    def fail(_: int, __: str | None) -> None:
        raise RuntimeError("?")

    store, line = Memory(), Wire(fail=fail)
    store.put("ann", Message(text="1"))
    await send(store, line)
    assert store.marks == [(1, "uncertain: RuntimeError", NOW + timedelta(seconds=1))]


async def test_a_message_for_a_channel_that_is_not_here_keeps_waiting() -> None:
    store = Memory()
    store.put("ann", Message(text="1"))
    assert await deliver(store, {}, StillClock()) == 0
    assert store.marks == [(1, "no channel line", NOW + timedelta(minutes=15))]
