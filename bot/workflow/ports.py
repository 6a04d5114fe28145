"""What the workflow needs of the world, as small protocols, and the errors that cross them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Protocol

from bot.coaching.alerts import Alert
from bot.coaching.caseload import Listed, Note
from bot.coaching.desk import Desk
from bot.coaching.record import Record
from bot.conversation.activities import Conversation
from bot.conversation.effects import Kept
from bot.conversation.events import Event
from bot.conversation.known import Known
from bot.timetable.rhythm import Rhythm, Slot
from bot.workflow.door import Invites, Links


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where a person is reached: channel ("terminal", "telegram"), the bot's id there, the chat's id."""

    channel: str
    bot: str
    chat: str


@dataclass(frozen=True, kw_only=True)
class Raw:
    """An update as it came, before anyone has read it. (source, key) is unique; `body` is JSON."""

    source: str
    key: str
    body: Mapping[str, Any]
    at: datetime
    chat: str = ""
    """What events must keep their order among themselves: those of one chat. Empty: this one stands alone."""


@dataclass(frozen=True, kw_only=True)
class InboxRow:
    """A stored event that waits to be handled."""

    id: int
    raw: Raw
    attempts: int


@dataclass(frozen=True, kw_only=True)
class Message:
    """A message, rendered: HTML text (only <b>, <i>) and rows of buttons, as plain JSON in `rows`.

    rows: [{"label": str|None, "kind": "options"|"scale"|"controls"|"numbers", "open": bool, "opens": str|None,
            "buttons": [{"data": str, "label": str, "chosen": bool}]}]
    picture: {"kind": str, ...}, what a Painter draws, or None. `stands`: its buttons stay alive beside newer ones, and
    an edit changes it wherever it stands; `anew`: it is a new message even where its card could be edited.
    paper: {"kind": str, "name": str, "instead": str, ...}, a file that a Painter writes when it is sent, or None;
    `instead` is HTML that says that it could not be made. about: the ids of those whom a message tells others of.
    """

    text: str
    rows: Sequence[Mapping[str, Any]] = ()
    picture: Mapping[str, Any] | None = None
    stands: bool = False
    anew: bool = False
    paper: Mapping[str, Any] | None = None
    about: Sequence[int] = ()


@dataclass(frozen=True, kw_only=True)
class OutboxRow:
    """A message that waits to be sent. `attempts` counts the tries before this one."""

    id: int
    address: Address
    card: str | None
    message: Message
    attempts: int
    edit: str | None
    """The channel's message id to edit, or None for a new message."""
    keyboard: str | None = None
    """The channel's id of the message that has the live buttons in this chat, or None."""
    uncertain: bool = False
    """Perhaps sent already: an earlier try ended with nobody knowing."""


@dataclass(frozen=True, kw_only=True)
class Speed:
    """How fast messages may go out: so many a second of the whole bot.

    To one chat about one a second goes. `burst` and `chat_burst` say how far ahead of that sending may get; the
    latter is a proposal: a result is said in about as many messages.
    """

    per_second: float
    burst: timedelta = timedelta(seconds=1)
    chat_burst: timedelta = timedelta(seconds=8)


@dataclass(frozen=True, kw_only=True)
class DueRow:
    """A reminder that came due: whose, what for, where they are reached, and when they want to be reminded.

    `desk` is a coach's, with the time of their digest.

    `chat` is the chat whose events it stands in line with (see Raw); `blocked`: nothing reaches them there.
    """

    id: int
    person_id: int
    slot: Slot
    chat: str
    blocked: bool
    rhythm: Rhythm | None
    desk: Desk | None = None


@dataclass(frozen=True, kw_only=True)
class Heard:
    """A raw update, read: who it is from and what it means. `name` is what the channel calls them."""

    address: Address
    name: str
    event: Event


class Turns(Protocol):
    """One transaction over a batch of turns."""

    async def pending(self, limit: int, now: datetime, sources: Collection[str]) -> Sequence[InboxRow]:
        """Take the oldest rows of these sources that wait, in the order in which they came."""

    async def expect(self, addresses: Collection[Address], people: Collection[int]) -> None:
        """Read ahead where those stand whose events come next: who is at these addresses, and these people."""

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """Undo what happens inside when it raises, and nothing else."""

    async def person_at(self, address: Address, name: str, at: datetime, *, add: bool = True) -> int:
        """Give the id of the person at an address; one who is new becomes a client, or raises NobodyError."""

    async def typed_since(self, address: Address, at: datetime) -> None:
        """Note that the person wrote something now: their cards above it are sent anew instead of edited."""

    async def blocked(self, address: Address, at: datetime) -> None:
        """Note that nothing can be sent there: what waits for it, and what is said until then, is withheld."""

    async def unblocked(self, address: Address) -> None:
        """Note that the person is there again; what was withheld stays so."""

    async def load(self, person_id: int, *, lock: bool = True) -> Known:
        """Load what a turn may know, and *lock* it until the transaction ends; raises NobodyError."""

    async def save_conversation(self, person_id: int, conversation: Conversation, at: datetime) -> None:
        """Save the conversation."""

    async def keep(
        self,
        person_id: int,
        effect: Kept,
        at: datetime,
    ) -> None:
        """Write one effect as a row."""

    async def put_out(self, person_id: int, card: str | None, message: Message, priority: str, at: datetime) -> None:
        """Put a message into the outbox of this person's preferred address."""

    async def put_in(self, raw: Raw) -> bool:
        """Put an event into the inbox; False where (source, key) is there already."""

    async def take_due(self, limit: int, now: datetime) -> Sequence[DueRow]:
        """Take the reminders that are due, the longest due first; they are done with unless marked otherwise."""

    async def drop_due(self, row: DueRow, why: str) -> None:
        """Mark a reminder that was taken as skipped, and why, in one plain word."""

    async def coach_of(self, person_id: int) -> int | None:
        """Give the id of the coach responsible for a person."""

    @property
    def desks(self) -> Desks:
        """Give what coaches see and decide, in this transaction."""

    async def done(self, row: InboxRow, at: datetime) -> None:
        """Mark a row as handled."""

    async def put_off(self, row: InboxRow, until: datetime) -> None:
        """Let a row wait until then, and what came later in its chat with it: its handling raised."""

    async def set_aside(self, row: InboxRow, trace: str, at: datetime) -> None:
        """Set a row aside that can't be handled; it is kept, encrypted, with its trace."""

    async def empty(self, row: InboxRow, at: datetime) -> None:
        """Mark a row as handled, and keep nothing of it but that it came."""

    async def erase(self, person_id: int, at: datetime) -> Address | None:
        """Delete all that is kept of a person, and what others were told of them; give where to say goodbye.

        What waits from their chat is left: they sent it after they asked.
        """


class NobodyError(LookupError):
    """Somebody is asked for who isn't there, or is there no more."""


class NotTheirsError(LookupError):
    """Somebody asked for a client who is not theirs, or is not there: the two look the same."""


@dataclass(frozen=True, kw_only=True)
class Client:
    """One client as their coach sees them: who they are, and where they stand."""

    known: Known
    zone: str | None


@dataclass(frozen=True, kw_only=True)
class Signs:
    """What says how a client is reached, and what coaches did about them.

    `failed`: the last message could not be sent. `snoozed_until` is when the last prompt that they put off comes back.
    `prompted` are the local dates on which a session was asked for lately. `driver_since` is when the exercises began
    to be for the driver that they are for now. `acted_at` is when somebody else last did something about them.
    `closed` are the alerts that were closed lately.
    """

    blocked_at: datetime | None = None
    failed: bool = False
    snoozed_until: datetime | None = None
    prompted: frozenset[date] = frozenset()
    driver_since: datetime | None = None
    acted_at: datetime | None = None
    closed: Sequence[Alert] = ()


class Desks(Protocol):
    """What coaches see and decide. Every read of a client's data is checked here, and noted in the audit."""

    async def operators(self, besides: Collection[int]) -> Sequence[int]:
        """Give the ids of those who run the bot, *besides* whom is told anyway."""

    async def alerted_of(self, coach_id: int) -> Sequence[int]:
        """Give the ids of the clients with a living alert that a coach may be told of."""

    async def may(self, viewer_id: int, client_id: int, at: datetime) -> bool:
        """Tell whether somebody may see and decide for a client then."""

    async def client(self, viewer_id: int, client_id: int, what: str, at: datetime) -> Client:
        """Read one client for somebody; raises NotTheirsError."""

    async def check(self, viewer_id: int, client_id: int, what: str, at: datetime) -> None:
        """Make sure that somebody may see a client, and note that they did *what*; raises NotTheirsError."""

    async def record(self, viewer_id: int, client_id: int, what: str, at: datetime) -> Record:
        """Read everything kept of a client for somebody; raises NotTheirsError."""

    async def clip(self, viewer_id: int, client_id: int, at: datetime) -> Mapping[str, str] | None:
        """Give the newest clip of a client for the coach who asked; None where none stands. Raises NotTheirsError."""

    async def add_note(self, viewer_id: int, client_id: int, words: str, at: datetime) -> None:
        """Keep what a coach noted of a client; raises NotTheirsError."""

    async def notes(self, viewer_id: int, client_id: int, limit: int, at: datetime) -> Sequence[Note]:
        """List what coaches noted of a client, the newest first; never for the client. Raises NotTheirsError."""

    async def listed(self, coach_id: int, at: datetime) -> Sequence[Listed]:
        """List the clients of a coach by name, with what waits for the coach."""

    async def caseload(self, coach_id: int, at: datetime) -> Sequence[int]:
        """List the ids of the clients whom a coach looks after now, those whom they cover for included."""

    async def signs(self, viewer_id: int, client_id: int, since: datetime, at: datetime) -> Signs:
        """Read what says how a client was reached *since* then; raises NotTheirsError."""

    async def desk(self, coach_id: int) -> Desk:
        """Give a coach's desk."""

    @property
    def invites(self) -> Invites:
        """Give the invitations, in this transaction."""

    @property
    def links(self) -> Links:
        """Give who is a coach and who looks after whom, in this transaction."""


class Store(Protocol):
    """Everything that is kept."""

    async def receive(self, raws: Sequence[Raw]) -> int:
        """Store raw updates in one transaction, durably; give how many were new."""

    def turns(self, *, at_once: bool = False) -> AbstractAsyncContextManager[Turns]:
        """Open one transaction; commits at the end, rolls back if the block raises.

        Writes may be held back until its end, where all that they raise undoes everything; *at_once*: none is.
        """

    async def claim_outgoing(self, limit: int, now: datetime, speed: Speed | None = None) -> Sequence[OutboxRow]:
        """Take due messages, at most one a chat, oldest first, and mark them as being sent.

        Of several edits of one card that wait, the newest is given and the others are marked superseded.
        All who share the database keep to one *speed*; None: as fast as it goes.
        """

    async def sent(self, ids: Mapping[int, str], now: datetime) -> None:
        """Mark messages as sent, by the ids that the channel gave them; raises LookupError.

        Which message is a card now, and which has the live buttons, is remembered.
        """

    async def not_sent(
        self, row_id: int, why: str, retry_at: datetime | None, now: datetime, *, uncertain: bool = False
    ) -> None:
        """Mark a message as failed, or to be tried again at a time; `uncertain`: perhaps it was sent."""

    async def gone(self, row_id: int, why: str, now: datetime) -> None:
        """Mark a message as failed because its address is blocked: all that waits for it is withheld."""

    async def next_due(self) -> datetime | None:
        """Tell when the next reminder is due; None where none waits."""

    async def recover(self, now: datetime) -> int:
        """After a start: put messages whose sending was cut off back, marked uncertain; give how many."""

    async def add_coach(self, coach: Address, coach_name: str, client: Address, client_name: str, at: datetime) -> None:
        """Make one person the coach responsible for another; both come to exist; again does nothing."""

    async def sweep(self, now: datetime, *, keep: timedelta, texts: timedelta) -> int:
        """Do what is due once a day: remind of their data those not heard from for *keep*, let old *texts* go.

        Gives how many people will be told that theirs is about to be deleted.
        """

    async def close(self) -> None:
        """Let go of the database."""


class Channel(Protocol):
    """A way to reach people."""

    def read(self, raw: Raw) -> Heard | None:
        """Make a raw update into an event, or None where it means nothing to us. Raises ValueError for garbage."""

    async def send(self, address: Address, message: Message, edit: str | None) -> str:
        """Send or edit a message and give its id; raises SendError."""

    async def answer_tap(self, raw: Raw, words: str | None) -> None:
        """Answer a tap, best effort; never raises."""

    async def strip(self, address: Address, message_id: str) -> None:
        """Take the buttons off an earlier message, best effort; never raises."""

    async def busy(self, raw: Raw) -> None:
        """Show that an answer is being made, best effort; never raises."""

    async def turn_away(self, raw: Raw, words: str) -> None:
        """Say where we talk, to someone who writes where we don't, best effort; never raises."""


class Painter(Protocol):
    """Draws pictures, and writes files."""

    async def paint(self, picture: Mapping[str, Any]) -> bytes:
        """Give a message's picture as PNG; raises ValueError for one that can't be drawn."""

    async def write(self, paper: Mapping[str, Any]) -> bytes:
        """Give a message's file; raises ValueError or LookupError for one that can't be made."""


class Clock(Protocol):
    """Tells the time; the terminal and the simulator move it."""

    def now(self) -> datetime:
        """Give the present instant, in UTC."""


class SendError(Exception):
    """A message could not be sent.

    `kind`: never_left (nobody got it), uncertain (perhaps they did), server (the other side said that it failed),
    later (asked to wait `retry_after` seconds),
    gone (the message to edit is not there), blocked (the chat takes nothing from us), refused (never will be taken).
    """

    def __init__(self, kind: str, why: str, retry_after: float | None = None) -> None:
        super().__init__(why)
        self.kind = kind
        self.retry_after = retry_after
