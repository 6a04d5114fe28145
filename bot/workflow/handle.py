"""A batch of events through the house: read, load, reply, save; a savepoint each, one transaction."""

from __future__ import annotations

import html
import logging
import re
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Protocol, TypeAlias

from bot.conversation.desk_pages import card_name
from bot.conversation.effects import (
    AnswerTap,
    AskAgain,
    ButtonRow,
    Cover,
    Erase,
    ForClient,
    KeepDesk,
    KeepNote,
    Line,
    Say,
    Show,
    TakeInvite,
    TellCoach,
    Unlink,
)
from bot.conversation.events import (
    AlertTold,
    Blocked,
    CameDue,
    ClientGone,
    ClientLeft,
    ClientWrote,
    Clip,
    ClipCame,
    CoachActed,
    Corrected,
    Covering,
    DeedDone,
    Elsewhere,
    Event,
    Invited,
    InviteTaken,
    LinkChanged,
    News,
    Tapped,
    Typed,
    Unreadable,
    WatchersChanged,
)
from bot.conversation.known import Known
from bot.conversation.reply import Turn, reply
from bot.timetable.rhythm import Slot
from bot.workflow import linking, views
from bot.workflow.door import Door
from bot.workflow.ports import (
    Address,
    Channel,
    Clock,
    InboxRow,
    Message,
    NobodyError,
    NotTheirsError,
    Raw,
    SendError,
    Store,
    Turns,
)
from rules import Library

log = logging.getLogger(__name__)

COACH = "coach"
PERSON = "person"
"""The source of events that one person's turn writes for another."""
WENT_WRONG = Line(key="bot.went_wrong")
NOT_HERE = Line(key="bot.private_only")
NOT_THEIRS = Line(key="desk.not_theirs")
NO_MORE = Line(key="desk.no_more")
NOBODY = Line(key="bot.nobody")
NO_FILE = Line(key="bot.no_file")
PAUSES = (timedelta(seconds=1), timedelta(seconds=4))
"""How long an event whose handling raised waits before it is tried again; then it is set aside. A proposal."""
MAKES_NOBODY = Tapped | Corrected | Blocked
"""Events that are about earlier messages: from somebody who was deleted they must not make anybody anew."""


class Words(Protocol):
    """Says lines in a language; the phrasebook is one."""

    def text(self, line: Line, language: str) -> str:
        """Give a line as HTML."""


class Reply(Protocol):
    """Decides what an event leads to."""

    def __call__(self, known: Known, event: Event, library: Library) -> Turn:
        """Give the next conversation and the effects."""


async def handle(
    store: Store,
    channels: Mapping[str, Channel],
    clock: Clock,
    library: Library,
    phrasebook: Words,
    *,
    limit: int = 50,
    reply: Reply = reply,
    door: Door | None = None,
) -> int:
    """Handle up to *limit* waiting events in one transaction; give how many are handled or set aside.

    An event that raises is undone alone and tried again after a pause, while its chat waits; at last it is set aside
    with its trace, and its person is told so. What can't even be read is set aside at once.
    Taps are answered after the commit, best effort. Events of a channel that isn't here keep waiting.
    *door* says who may come in, and how an invitation looks here.
    """
    parts: dict[str, Any] = {"channels": channels, "clock": clock, "library": library, "words": phrasebook}
    parts |= {"reply": reply, "door": door or Door()}
    try:
        batch = await _handled(store, _Batch(**parts), limit)
    except Exception as error:
        # The database was told at the end, of all at once: told one by one, the event that it can't take is known.
        log.warning("a batch was undone (%s); trying again event by event", type(error).__name__)
        batch = await _handled(store, _Batch(**parts), limit, at_once=True)
    for raw, said in batch.taps:
        await channels[raw.source].answer_tap(raw, said)
    for raw in batch.elsewhere:
        await channels[raw.source].turn_away(raw, phrasebook.text(NOT_HERE, "en"))
    for address, message in batch.goodbyes:
        await _say_goodbye(channels.get(address.channel), address, message)
    return batch.count


async def _handled(store: Store, batch: _Batch, limit: int, *, at_once: bool = False) -> _Batch:
    async with store.turns(at_once=at_once) as turns:
        rows = await turns.pending(limit, batch.clock.now(), {*batch.channels, PERSON})
        read = [batch.read(row) for row in rows]
        heard = [one for one in read if isinstance(one, _Heard)]
        addresses = [one.address for one in heard if one.address is not None]
        await turns.expect(addresses, [one.person_id for one in heard if one.person_id is not None])
        for row, one in zip(rows, read, strict=True):
            if row.raw.chat not in batch.put_off:
                await batch.take(turns, row, one)
    return batch


async def _say_goodbye(channel: Channel | None, address: Address, message: Message) -> None:
    """Say the last words to somebody of whom nothing is kept: once, best effort, as nothing may wait for them."""
    try:
        if channel is not None:
            await channel.send(address, message, None)
    except SendError as error:
        log.info("a goodbye was not sent (%s)", error.kind)
    except Exception as error:
        log.warning("a goodbye was not sent (%s)", type(error).__name__)


def render(say: Say, words: Words, language: str) -> Message:
    """Render what is said: paragraphs as HTML with an empty line between, labels as plain text."""
    paragraphs = (words.text(line, language) for line in say.paragraphs)
    return Message(
        text="\n\n".join(paragraph for paragraph in paragraphs if paragraph),
        rows=tuple(_row(row, words, language) for row in say.rows),
        picture=None
        if say.picture is None
        else {"kind": say.picture.kind, **_worded(say.picture.drawn, words, language)},
        paper=None
        if say.paper is None
        else {
            **say.paper.drawn,
            "kind": say.paper.kind,
            "name": say.paper.name,
            "language": language,
            "instead": words.text(NO_FILE, language),
        },
        stands=say.stands,
        anew=say.anew,
        about=say.about,
    )


def _worded(drawn: Any, words: Words, language: str) -> Any:
    """Put the lines in what is drawn into plain words."""
    match drawn:
        case Line():
            return _plain(words.text(drawn, language))
        case Mapping():
            return {name: _worded(value, words, language) for name, value in drawn.items()}
        case list() | tuple():
            return [_worded(value, words, language) for value in drawn]
    return drawn


NEWS: Mapping[str, type[News]] = {
    "client_gone": ClientGone,
    "client_left": ClientLeft,
    "alert_told": AlertTold,
    "client_wrote": ClientWrote,
    "clip_came": ClipCame,
    "coach_acted": CoachActed,
    "deed_done": DeedDone,
    "covering": Covering,
    "invite_taken": InviteTaken,
    "link_changed": LinkChanged,
    "watchers_changed": WatchersChanged,
}
ForPerson: TypeAlias = News | CameDue
"""Events that somebody's turn, or the clock, writes for a person."""


def encode(event: ForPerson, to: int) -> Mapping[str, Any]:
    """Make an event for a person into JSON; `to` is that person's id."""
    if isinstance(event, CameDue):
        slot = {
            "kind": event.slot.kind,
            "local_date": event.slot.local_date.isoformat(),
            "slot": event.slot.slot,
            "due_at": event.slot.due_at.isoformat(),
        }
        return {"to": to, "kind": "came_due", "at": event.at.isoformat(), "slot": slot}
    kind = next(name for name, made in NEWS.items() if isinstance(event, made))
    return {"to": to, "kind": kind, **asdict(event), "at": event.at.isoformat()}


def decode(body: Mapping[str, Any]) -> tuple[int, ForPerson]:
    """Read what `encode` made: the person's id and the event; raises ValueError for anything else."""
    rest = dict(body)
    try:
        to, kind = int(rest.pop("to")), rest.pop("kind")
        rest["at"] = datetime.fromisoformat(rest["at"])
        if kind == "came_due":
            slot = dict(rest["slot"])
            slot["local_date"] = date.fromisoformat(slot["local_date"])
            slot["due_at"] = datetime.fromisoformat(slot["due_at"])
            return to, CameDue(at=rest["at"], slot=Slot(**slot))
        if kind in NEWS:
            return to, NEWS[kind](**rest)
    except (KeyError, TypeError) as error:
        raise ValueError(f"an event for a person that can't be read: {error}") from error
    raise ValueError(f"an event for a person of kind {kind!r}; known: {', '.join(NEWS)}, came_due")


def _row(row: ButtonRow, words: Words, language: str) -> Mapping[str, Any]:
    return {
        "label": _plain(words.text(row.label, language)) if row.label is not None else None,
        "kind": row.kind,
        "open": row.open,
        "opens": row.opens,
        "buttons": [
            {
                "data": button.data,
                "label": _plain(words.text(button.label, language)),
                "chosen": button.chosen,
            }
            for button in row.buttons
        ],
    }


def _plain(marked: str) -> str:
    """Take the marks out of HTML: buttons show plain text."""
    return html.unescape(re.sub(r"</?[bi]>", "", marked))


@dataclass(frozen=True, kw_only=True)
class _Heard:
    """An event and its person, known by address or, for events between people, by id."""

    event: Event
    address: Address | None = None
    name: str = ""
    person_id: int | None = None


@dataclass(kw_only=True)
class _Batch:
    """One batch on its way: the parts it works with, and what is left to do after the commit."""

    channels: Mapping[str, Channel]
    clock: Clock
    library: Library
    words: Words
    reply: Reply
    door: Door = field(default_factory=Door)
    count: int = 0
    taps: list[tuple[Raw, str | None]] = field(default_factory=list)
    elsewhere: list[Raw] = field(default_factory=list)
    goodbyes: list[tuple[Address, Message]] = field(default_factory=list)
    put_off: set[str] = field(default_factory=set)
    """Chats of which an event waits for another try."""
    emptied: set[int] = field(default_factory=set)
    """Rows of which nothing is to be kept: their person is gone, or was never there."""

    def read(self, row: InboxRow) -> _Heard | Exception | None:
        """Read a row; give what is wrong with one that can't be read."""
        try:
            return self._read(row.raw)
        except Exception as error:
            return error

    async def take(self, turns: Turns, row: InboxRow, heard: _Heard | Exception | None) -> None:
        """Take one row: handle it, or set it aside."""
        self.count += 1
        if isinstance(heard, Exception):
            await self._set_aside(turns, row, heard)
            self._answer_if_tap(row.raw)
            return
        if heard is None or isinstance(heard.event, Elsewhere | Blocked):
            if heard is not None:
                await self._note(turns, row, heard)
            await self._done(turns, row)
            self._answer_if_tap(row.raw)
            return
        said: str | None = None
        before = len(self.goodbyes)
        try:
            async with turns.savepoint():
                said = await self._turn(turns, row, heard)
                await self._done(turns, row)
        except Exception as error:
            del self.goodbyes[before:]
            if row.attempts < len(PAUSES):
                await self._put_off(turns, row, error)
            else:
                await self._set_aside(turns, row, error)
                await self._apologise(turns, row, heard)
        if isinstance(heard.event, Tapped):  # every tap is answered, or the client's button keeps spinning
            self.taps.append((row.raw, said))

    async def _done(self, turns: Turns, row: InboxRow) -> None:
        if row.id in self.emptied:
            await turns.empty(row, self.clock.now())
        else:
            await turns.done(row, self.clock.now())

    def _answer_if_tap(self, raw: Raw) -> None:
        """Answer even a tap that means nothing: the channel knows whether it is one."""
        if raw.source in self.channels:
            self.taps.append((raw, None))

    async def _note(self, turns: Turns, row: InboxRow, heard: _Heard) -> None:
        """Note what changes the address, and asks for no turn."""
        match heard.event:
            case Blocked(at=at) if heard.address is not None:
                await turns.blocked(heard.address, at)
                with suppress(NobodyError):
                    await _ask_again(turns, row, await _who(turns, heard, row.raw.at))
                if not await _tell_gone(turns, row.raw, heard):
                    self.emptied.add(row.id)
            case Elsewhere():
                self.elsewhere.append(row.raw)
                self.emptied.add(row.id)  # what is said in a group is not ours to keep

    def _read(self, raw: Raw) -> _Heard | None:
        if raw.source == PERSON:
            to, event = decode(raw.body)
            return _Heard(event=event, person_id=to)
        heard = self.channels[raw.source].read(raw)
        if heard is None:
            return None
        return _Heard(event=heard.event, address=heard.address, name=heard.name)

    async def _turn(self, turns: Turns, row: InboxRow, heard: _Heard) -> str | None:
        """Make one turn and write what it leads to; give the words that answer a tap."""
        at = heard.event.at
        try:
            person_id = await _who(turns, heard, row.raw.at)
            known = await turns.load(person_id)
        except NobodyError:
            self.emptied.add(row.id)
            return _plain(self.words.text(NOBODY, "en")) if isinstance(heard.event, Tapped) else None
        if isinstance(heard.event, Clip):
            self.emptied.add(row.id)  # where a film is stands in one place, and goes from there in time
        if heard.address is not None and isinstance(heard.event, Typed | Unreadable | Clip):
            await turns.typed_since(heard.address, row.raw.at)
        elif heard.address is not None:
            await turns.unblocked(heard.address)  # whoever taps is there
        if known.person.blocked and heard.address is not None and COACH in known.person.roles:
            await _ask_again(turns, row, person_id)  # they hear of it again
        event = await linking.opened(turns, heard.event)
        if isinstance(event, Invited):
            self.emptied.add(row.id)  # a token is kept nowhere
        known = self.door.seen(known)
        turn = self.reply(known, event, self.library)
        language = turn.conversation.language
        await turns.save_conversation(person_id, turn.conversation, at)
        tap: str | None = None
        about = getattr(heard.event, "client_id", None)
        for number, effect in enumerate(turn.effects):
            match effect:
                case Say():
                    await self._put_out(turns, person_id, effect, language, row.raw.at, about)
                case AnswerTap(words=line):
                    tap = _plain(self.words.text(line, language)) if line is not None else None
                case TellCoach(event=news, to=to):
                    await _tell(turns, row, number, news, person_id, to)
                case Cover():
                    await self._cover(turns, row, number, person_id, effect, language)
                case AskAgain():
                    await _ask_again(turns, row, person_id)
                case KeepNote(client_id=client_id, words=words):
                    await self._note_down(turns, row, person_id, client_id, words, language)
                case Show():
                    await self._show(turns, known.person.id, effect, language, at, row.raw.at)
                case ForClient():
                    await self._for_client(turns, row, number, person_id, effect, language)
                case TakeInvite() | Unlink():
                    await self._link(turns, row, number, person_id, effect, language)
                case Erase():
                    await self._erase(turns, row, number, person_id, effect, language)
                case _:
                    await turns.keep(person_id, effect, at)
        return tap

    async def _put_out(
        self, turns: Turns, person_id: int, say: Say, language: str, at: datetime, about: object = None
    ) -> None:
        """Put a message into the outbox; *about* is the client whom it tells somebody else of."""
        message = render(say, self.words, language)
        if isinstance(about, int) and about != person_id:
            message = replace(message, about=(about,))
        await turns.put_out(person_id, say.card, message, say.priority, at)

    async def _erase(
        self, turns: Turns, row: InboxRow, number: int, person_id: int, erase: Erase, language: str
    ) -> None:
        """Delete all of a person, unless they look after others; their coach hears that an account is gone."""
        at = row.raw.at
        clients = await turns.desks.caseload(person_id, at)
        if clients:
            refused = Line(key="bot.hand_over_first", values={"count": len(clients)})
            await self._put_out(turns, person_id, Say(paragraphs=(refused,)), language, at)
            return
        coach_id = await turns.coach_of(person_id)
        if coach_id is not None:
            await _write(turns, row, number, ClientLeft(at=at), coach_id)
        address = await turns.erase(person_id, at)
        if address is not None:
            message = render(Say(paragraphs=erase.goodbye), self.words, language)
            self.goodbyes.append((address, message))
        self.emptied.add(row.id)

    async def _show(
        self, turns: Turns, viewer_id: int, show: Show, language: str, at: datetime, said_at: datetime
    ) -> None:
        """Read a page with the viewer's rights, and say it; one that is not theirs is said not to be."""
        try:
            said = await views.page(turns, viewer_id, show, self.library, at, self.door)
        except NotTheirsError:
            said = (Say(paragraphs=(NOT_THEIRS,)),)
            if show.given.get("told"):  # they were told before: what stands there must not look as if it waited
                client_id = int(show.given["client"])
                said = (Say(paragraphs=(NO_MORE,), card=card_name(client_id), stands=True),)
        for say in said:
            await self._put_out(turns, viewer_id, say, language, said_at, show.given.get("client"))

    async def _for_client(
        self, turns: Turns, row: InboxRow, number: int, person_id: int, effect: ForClient, language: str
    ) -> None:
        """Write a decision into a client's inbox, where this person may decide for them."""
        try:
            if person_id == effect.client_id:  # a coach who screens herself has another decide about her
                raise NotTheirsError("a decision about oneself")
            await turns.desks.check(person_id, effect.client_id, effect.event.deed, effect.event.at)
        except NotTheirsError:
            await self._put_out(turns, person_id, Say(paragraphs=(NOT_THEIRS,)), language, row.raw.at)
            return
        await _write(turns, row, number, effect.event, effect.client_id)
        self.emptied.add(row.id)  # what they wrote is the client's now: it goes when theirs goes

    async def _link(
        self, turns: Turns, row: InboxRow, number: int, person_id: int, effect: TakeInvite | Unlink, language: str
    ) -> None:
        """Link or unlink, where this person may."""
        tell = teller(turns, f"{row.raw.source}:{row.raw.key}:{number}", row.raw.at)
        try:
            if isinstance(effect, TakeInvite):
                await linking.take(turns, person_id, effect, row.raw.at, tell)
            else:
                await linking.end(turns, person_id, effect, row.raw.at, tell)
        except NotTheirsError:
            await self._put_out(turns, person_id, Say(paragraphs=(NOT_THEIRS,)), language, row.raw.at)

    async def _cover(
        self, turns: Turns, row: InboxRow, number: int, person_id: int, cover: Cover, language: str
    ) -> None:
        """Let a colleague cover for this coach."""
        if not await turns.desks.links.is_coach(cover.to):
            await self._put_out(turns, person_id, Say(paragraphs=(NOT_THEIRS,)), language, row.raw.at)
            return
        await turns.keep(person_id, KeepDesk(desk=cover.desk), row.raw.at)
        await _ask_again(turns, row, person_id)
        await _write(turns, row, number, cover.event, cover.to)
        await self._put_out(turns, person_id, cover.said, language, row.raw.at)

    async def _note_down(
        self, turns: Turns, row: InboxRow, person_id: int, client_id: int, words: str, language: str
    ) -> None:
        """Keep what a coach noted of a client, where they may see them."""
        try:
            await turns.desks.add_note(person_id, client_id, words, row.raw.at)
            self.emptied.add(row.id)  # the note goes when the client goes, and so must these words
        except NotTheirsError:
            await self._put_out(turns, person_id, Say(paragraphs=(NOT_THEIRS,)), language, row.raw.at)

    async def _put_off(self, turns: Turns, row: InboxRow, error: Exception) -> None:
        """Try an event again later; its chat waits meanwhile, as what comes next may build on it."""
        pause = PAUSES[row.attempts]
        log.warning("inbox row %s: %s; tried again in %s s", row.id, type(error).__name__, pause.total_seconds())
        async with turns.savepoint():
            await turns.put_off(row, self.clock.now() + pause)
        if row.raw.chat:
            self.put_off.add(row.raw.chat)

    async def _set_aside(self, turns: Turns, row: InboxRow, error: Exception) -> None:
        # The trace may quote answers: it goes into the encrypted row, the log says only where to look.
        log.error("inbox row %s set aside: %s", row.id, type(error).__name__)
        async with turns.savepoint():
            await turns.set_aside(row, "".join(traceback.format_exception(error)), self.clock.now())

    async def _apologise(self, turns: Turns, row: InboxRow, heard: _Heard) -> None:
        """Tell the person that something went wrong; a coach who did nothing is not troubled."""
        if heard.address is None:
            return
        try:
            async with turns.savepoint():
                person_id = await _who(turns, heard, row.raw.at)
                message = render(Say(paragraphs=(WENT_WRONG,)), self.words, await _language(turns, person_id))
                await turns.put_out(person_id, None, message, "reply", row.raw.at)
        except Exception:
            log.exception("inbox row %s: its person could not be told", row.id)


async def _who(turns: Turns, heard: _Heard, at: datetime) -> int:
    """Find whose event it is; raises NobodyError where it makes nobody."""
    if heard.address is None:
        assert heard.person_id is not None  # noqa: S101  # one of the two is set by _read
        return heard.person_id
    return await turns.person_at(heard.address, heard.name, at, add=not isinstance(heard.event, MAKES_NOBODY))


async def _language(turns: Turns, person_id: int) -> str:
    try:
        async with turns.savepoint():
            return (await turns.load(person_id)).conversation.language
    except Exception:
        log.warning("person %s can't be loaded; told in English", person_id)
        return "en"


async def _tell_gone(turns: Turns, raw: Raw, heard: _Heard) -> bool:
    """Tell the coach of a client who blocked us: nothing reaches them any more. False where it is nobody."""
    try:
        person_id = await _who(turns, heard, raw.at)
    except NobodyError:
        return False
    coach_id = await turns.coach_of(person_id)
    if coach_id is not None:
        event = ClientGone(at=heard.event.at, client_id=person_id, client_name=heard.name)
        body = encode(event, coach_id)
        await turns.put_in(Raw(source=PERSON, key=f"{raw.source}:{raw.key}:gone", body=body, at=raw.at))
    return True


async def _tell(turns: Turns, row: InboxRow, number: int, event: News, client_id: int, to: int | None = None) -> None:
    """Write an event into the inbox of whoever looks after a client, or of that one; nothing where nobody does."""
    told: Sequence[int]
    if to is not None:
        told = [to] if await turns.desks.may(to, client_id, row.raw.at) else []
    elif isinstance(event, AlertTold):
        told = [*event.ids, *(await turns.desks.operators({*event.ids, client_id}) if event.operators else ())]
    else:
        coach_id = await turns.coach_of(client_id)
        told = [coach_id] if coach_id is not None else []
    for person_id in told:
        await _write(turns, row, number, event, person_id)


async def _ask_again(turns: Turns, row: InboxRow, person_id: int) -> None:
    """Let the clients with open alerts whom this coach may be told of ask again who looks."""
    for client_id in await turns.desks.alerted_of(person_id):
        key = f"{row.raw.source}:{row.raw.key}:again:{client_id}"
        body = encode(WatchersChanged(at=row.raw.at, why="away"), client_id)
        await turns.put_in(Raw(source=PERSON, key=key, body=body, at=row.raw.at))


async def _write(turns: Turns, row: InboxRow, number: int, event: News, to: int) -> None:
    """Write an event into somebody's inbox; the key makes one turn tell it once."""
    key = f"{row.raw.source}:{row.raw.key}:{number}:{to}"
    await turns.put_in(Raw(source=PERSON, key=key, body=encode(event, to), at=row.raw.at))


def teller(turns: Turns, what: str, at: datetime) -> linking.Tell:
    """Give what writes news into inboxes; *what* names the occasion, so that it is told once."""

    async def tell(event: News, to: int) -> None:
        key = f"{what}:{type(event).__name__}:{to}"
        await turns.put_in(Raw(source=PERSON, key=key, body=encode(event, to), at=at))

    return tell
