"""The terminal as a channel: typed lines become updates, messages become lines."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol, TextIO, TypeAlias
from uuid import uuid4

from bot.conversation.events import Blocked, Clip, Corrected, Event, Returned, Tapped, Typed
from bot.workflow.ports import Address, Heard, Message, Raw

CHANNEL = "terminal"
NAME = re.compile(r"[a-z0-9_-]+")
AGAIN = "same again"
"""`[same again]` taps once more what was tapped last, as an impatient finger does."""

Kind: TypeAlias = Literal["text", "answered", "label", "choice", "controls", "note"]


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A line to show: what kind of line it is, and its HTML. `number` is set for a choice."""

    kind: Kind
    html: str
    number: int | None = None


@dataclass(frozen=True, kw_only=True)
class Skip:
    """The person at the terminal wants time to pass."""

    by: timedelta


@dataclass(frozen=True, kw_only=True)
class Note:
    """The terminal's own answer to a line that goes no further."""

    text: str


class Paper(Protocol):
    """What the console writes on."""

    def show(self, name: str | None, pieces: Sequence[Piece]) -> None:
        """Show what was said to *name*, or to the person who sits here (None)."""

    def passed(self, by: timedelta) -> None:
        """Show that time has passed."""

    def at(self, local: datetime) -> None:
        """Show the local time at which something comes by itself."""


class Console:
    """The terminal: several people may sit at it, and the first of *people* speaks unless another is named.

    It numbers the choices that are open: those of the first open row of options and of unlabelled rows
    beside it, counting on from the lines that the message numbers itself.
    """

    def __init__(self, paper: Paper, people: Sequence[str] = ("you",)) -> None:
        self.paper = paper
        self.people = tuple(people)
        self.mark: datetime | None = None
        """The local time at which Coxa speaks by itself, shown before what it says next; None where it answers."""
        self._chats: dict[str, _Chat] = {}

    def read(self, raw: Raw) -> Heard | None:
        """Make a line into an event; raises ValueError for what isn't a line of this terminal."""
        match raw.body:
            case {"from": str(name), "tap": str(data)}:
                event: Event = Tapped(at=raw.at, data=data)
            case {"from": str(name), "film": str(film)}:
                event = Clip(at=raw.at, file=film, kind="video")
            case {"from": str(name), "block": str(how)}:
                event = Blocked(at=raw.at) if how == "on" else Returned(at=raw.at)
            case {"from": str(name), "edit": str(text), "message": str(message)}:
                event = Corrected(at=raw.at, text=text, message=message)
            case {"from": str(name), "text": str(text)}:
                event = Typed(at=raw.at, text=text, message=raw.key)
            case _:
                raise ValueError(f"a line of the terminal has from and text, tap or edit; got {sorted(raw.body)}")
        return Heard(address=address_of(name), name=name, event=event)

    async def send(self, address: Address, message: Message, edit: str | None) -> str:
        """Show a message, or of an edited one what is new about it; give its id."""
        chat = self._chat(address.chat)
        before = chat.current(edit) if edit is not None else None
        message_id = edit or uuid4().hex
        chat.put(message_id, message)
        self._show(address.chat, tuple(_pieces(message, before)))
        return message_id

    def blocks(self, name: str, at: datetime, *, on: bool) -> Raw:
        """Make the update of somebody who blocks the bot, or lets it write again."""
        return _raw(name, at, block="on" if on else "off")

    async def answer_tap(self, raw: Raw, words: str | None) -> None:
        """Show the few words that answer a tap."""
        if words:
            self._show(str(raw.body.get("from")), (Piece(kind="note", html=html.escape(f"({words})")),))

    async def strip(self, address: Address, message_id: str) -> None:
        """Do nothing: what was printed stays, and only the choices of the newest message are numbered."""

    async def busy(self, raw: Raw) -> None:
        """Do nothing: every line is answered before the next is read."""

    async def turn_away(self, raw: Raw, words: str) -> None:
        """Do nothing: at a terminal everybody is in a chat of their own."""

    def speaker(self, line: str) -> tuple[str, str]:
        """Split `sam: text` or `sam> text` of somebody who sits here; else the first person speaks."""
        name, mark, text = line.partition(":")
        if mark and name.strip() in self.people:
            return name.strip(), text.strip()
        name, mark, text = line.partition(">")
        if mark and name.strip() in self.people:
            return name.strip(), text.strip()
        return self.people[0], line.strip()

    def understand(self, name: str, line: str, at: datetime) -> Raw | Skip | Note | None:
        """Tell what a typed line is: an update to hear, time to skip, or something for the terminal."""
        chat = self._chat(name)
        command, _, rest = line.partition(" ")
        if not line:
            return None
        if command == "/skip":
            by = duration(rest)
            return Skip(by=by) if by is not None else Note(text="/skip takes a time: /skip 1d, /skip 3h, /skip 20m")
        if command == "/film":
            return _raw(name, at, film="a film of the terminal's")
        if command == "/edit":
            return _correction(chat, name, rest.strip(), at)
        data = chat.button(line)
        if data is not None:
            chat.tapped = data
            return _raw(name, at, tap=data)
        raw = _raw(name, at, text=line)
        if not line.startswith("/"):
            chat.said.append(raw.key)
        return raw

    def _show(self, name: str, pieces: Sequence[Piece]) -> None:
        if pieces and self.mark is not None:
            self.paper.at(self.mark)
            self.mark = None
        if pieces:
            self.paper.show(None if name == self.people[0] else name, pieces)

    def _chat(self, name: str) -> _Chat:
        return self._chats.setdefault(name, _Chat())


class PlainPaper:
    """Lines for pipes and transcripts: `< ` before what is said here, `@NAME: ` before what others hear."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def show(self, name: str | None, pieces: Sequence[Piece]) -> None:
        """Write one line for each line that was said."""
        before = "<" if name is None else f"@{name}:"
        for piece in pieces:
            number = f"  {piece.number} " if piece.number is not None else ""
            for line in plain(piece.html).split("\n"):
                self._out.write(f"{before} {number}{line}".rstrip() + "\n")
        self._out.flush()

    def passed(self, by: timedelta) -> None:
        """Write the time as transcripts do."""
        self._out.write(spell(by) + "\n")
        self._out.flush()

    def at(self, local: datetime) -> None:
        """Write the local time as transcripts do."""
        self._out.write(f"~ {local:%a} {local.day} {local:%B}, {local:%H:%M}\n")
        self._out.flush()


class RichPaper:
    """A terminal with colours: bold where the message is bold, numbers in colour, asides dim."""

    WIDTH = 88

    def __init__(self) -> None:
        from rich.console import Console as Screen  # a pipe has no use for it

        self._screen = Screen(highlight=False)
        self._screen.width = min(self._screen.width, self.WIDTH)

    def show(self, name: str | None, pieces: Sequence[Piece]) -> None:
        """Print the pieces, set apart from what stands above."""
        from rich.padding import Padding
        from rich.text import Text

        self._screen.print()
        if name is not None:
            self._screen.print(Text(f"@{name}", style="bold magenta"))
        for piece in pieces:
            text = Text()
            if piece.number is not None:
                text.append(f"{piece.number} ", style="bold cyan")
            style = {"answered": "green", "controls": "dim", "note": "dim italic", "label": "bold"}
            for words, marks in marked(piece.html):
                text.append(words, style=" ".join((style.get(piece.kind, ""), marks)).strip())
            indent = 2 if piece.kind == "choice" else 0
            self._screen.print(Padding(text, (0, 0, 0, indent), expand=False))

    def passed(self, by: timedelta) -> None:
        """Print that time has passed."""
        from rich.text import Text

        self._screen.print(Text(spell(by), style="dim"))

    def at(self, local: datetime) -> None:
        """Print the local time."""
        from rich.text import Text

        self._screen.print(Text(f"{local:%a} {local.day} {local:%B}, {local:%H:%M}", style="dim"))


def address_of(name: str) -> Address:
    """Give the address of somebody at this terminal."""
    return Address(channel=CHANNEL, bot=CHANNEL, chat=name)


def duration(text: str) -> timedelta | None:
    """Read a stretch of time: 1d, 3h, 20m, +1 day, +3 hours; None where it is none."""
    found = re.fullmatch(r"\+?\s*(\d{1,5})\s*(m|min|minutes?|h|hours?|d|days?|w|weeks?)", text.strip())
    if found is None:
        return None
    unit = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}[found[2][0]]
    return timedelta(**{unit: int(found[1])})


def spell(by: timedelta) -> str:
    """Write a stretch of time as `+1 day`."""
    minutes = int(by.total_seconds()) // 60
    units = (("day", 24 * 60), ("hour", 60), ("minute", 1))
    unit, length = next(fits for fits in units if minutes % fits[1] == 0)
    count = minutes // length
    return f"+{count} {unit}{'' if count == 1 else 's'}"


def plain(marked_text: str) -> str:
    """Give HTML as plain text."""
    return "".join(words for words, _ in marked(marked_text))


def marked(text: str) -> Iterator[tuple[str, str]]:
    """Split HTML into plain words and their marks ("", "bold", "italic" or both)."""
    on: dict[str, bool] = {}
    for part in re.split(r"(</?[bi]>)", text):
        if re.fullmatch(r"</?[bi]>", part):
            on["bold" if part[-2] == "b" else "italic"] = part[1] != "/"
        elif part:
            yield html.unescape(part), " ".join(mark for mark, set_ in on.items() if set_)


@dataclass
class _Chat:
    """What one person has before them: messages, the last touched last, each with all its versions."""

    messages: dict[str, list[Message]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    tapped: str | None = None

    def put(self, message_id: str, message: Message) -> None:
        versions = self.messages.pop(message_id, [])
        self.messages[message_id] = [*versions, message]

    def current(self, message_id: str) -> Message | None:
        versions = self.messages.get(message_id)
        return versions[-1] if versions else None

    def button(self, line: str) -> str | None:
        """Give what the button carries that a line means: by number, or by [Label]; None where it is text."""
        if line.isdecimal():
            return self._numbered().get(int(line))
        named = re.fullmatch(r"\[(.+)\]", line)
        if named is None:
            return None
        return self.tapped if named[1] == AGAIN else self._labelled(named[1])

    def _numbered(self) -> Mapping[int, str]:
        """Number what is open in the newest message that asks for something."""
        for versions in reversed(self.messages.values()):
            rows = versions[-1].rows
            if any(row["open"] and row["kind"] != "controls" for row in rows):
                listed = {number: str(button["data"]) for number, button in _choices(rows)}
                return {**_lines(rows), **listed}
        return {}

    def _labelled(self, wanted: str) -> str | None:
        """Find the newest button of a name, what is open before what is not, present before past."""
        for versions in reversed(self.messages.values()):
            for message in reversed(versions):
                asked = [button for _, button in _choices(message.rows)]
                others = [button for row in message.rows for button in row["buttons"]]
                for button in (*asked, *others):
                    if button["label"] == wanted:
                        return str(button["data"])
                for row in message.rows:
                    for button in row["buttons"]:
                        if f"{row['label']}: {button['label']}" == wanted:
                            return str(button["data"])
        return None


def _raw(name: str, at: datetime, **what: str) -> Raw:
    body = {"from": name, **what}
    return Raw(source=CHANNEL, key=uuid4().hex, body=body, at=at, chat=f"{CHANNEL}:{CHANNEL}:{name}")


def _correction(chat: _Chat, name: str, rest: str, at: datetime) -> Raw | Note:
    """Read `/edit TEXT` (the last line) or `/edit N TEXT` (the N-th last)."""
    numbered = re.fullmatch(r"(\d{1,2})\s+(\S.*)", rest)
    back, text = (int(numbered[1]), numbered[2]) if numbered else (1, rest)
    if not text:
        return Note(text="/edit takes the corrected words: /edit about 20, or /edit 2 about 20 for the line before")
    if not 1 <= back <= len(chat.said):
        return Note(text=f"there are {len(chat.said)} lines of yours to correct here")
    return _raw(name, at, edit=text, message=chat.said[-back])


Rows: TypeAlias = Sequence[Mapping[str, Any]]


def _first_open(rows: Rows) -> Mapping[str, Any] | None:
    return next((row for row in rows if row["open"] and row["kind"] in ("options", "scale")), None)


def _choices(rows: Rows) -> list[tuple[int, Mapping[str, Any]]]:
    """Number the buttons of the first open row of options, and of unlabelled ones that are open with it."""
    first = _first_open(rows)
    if first is None or first["kind"] != "options":
        return []
    more = [
        row for row in rows if row is not first and row["open"] and row["kind"] == "options" and row["label"] is None
    ]
    buttons = [button for row in (first, *more) for button in row["buttons"]]
    return list(enumerate(buttons, start=max(_lines(rows), default=0) + 1))


def _lines(rows: Rows) -> Mapping[int, str]:
    """Map the numbers of the message's own lines to what their buttons carry."""
    lines: dict[int, str] = {}
    for row in rows:
        if row["kind"] != "numbers" or not row["open"]:
            continue
        for button in row["buttons"]:
            number = re.search(r"\d+", button["label"])
            if number:
                lines[int(number[0])] = str(button["data"])
    return lines


def _pieces(message: Message, before: Message | None) -> Iterator[Piece]:
    """Lay a message out; of an edit whose words stayed, only what changed."""
    anew = before is None or before.text != message.text
    old: Rows = () if before is None or anew else before.rows
    if anew:
        if message.picture is not None:
            yield Piece(kind="note", html="[picture]")
        if message.paper is not None:
            yield Piece(kind="note", html=html.escape(f"[file: {message.paper['name']}]", quote=False))
        yield Piece(kind="text", html=message.text)
    for now, then in ((_answered, _answered(old)), (_ticked, _ticked(old))):
        yield from (piece for piece in now(message.rows) if piece not in then)
    if (asked := _asked(message.rows)) != _asked(old):
        yield from asked
    if (controls := _controls(message.rows)) != _controls(old):
        yield from controls


def _answered(rows: Rows) -> list[Piece]:
    """Say briefly what was chosen in rows that are closed."""
    return [
        Piece(kind="answered", html=html.escape(f"{_before(row)}{', '.join(chosen)} ✓", quote=False))
        for row in rows
        if row["kind"] in ("options", "scale") and not row["open"] and (chosen := _chosen(row))
    ]


def _ticked(rows: Rows) -> list[Piece]:
    """Say which of the numbered lines are ticked."""
    ticked = [label for row in rows if row["kind"] == "numbers" for label in _chosen(row)]
    numbers = [number[0] for label in ticked if (number := re.search(r"\d+", label))]
    return [Piece(kind="answered", html=" · ".join(numbers) + " ✓")] if numbers else []


def _asked(rows: Rows) -> list[Piece]:
    """Lay out what is asked for now."""
    first = _first_open(rows)
    if first is None:
        return []
    if first["kind"] == "scale":
        buttons = first["buttons"]
        ends = f"{buttons[0]['label']} … {buttons[-1]['label']}" if buttons else ""
        return [Piece(kind="label", html=html.escape(_before(first) + ends, quote=False))]
    label = [Piece(kind="label", html=html.escape(first["label"], quote=False))] if first["label"] else []
    return label + [
        Piece(
            kind="choice",
            number=number,
            html=html.escape(button["label"] + (" ✓" if button["chosen"] else ""), quote=False),
        )
        for number, button in _choices(rows)
    ]


def _controls(rows: Rows) -> list[Piece]:
    """List the words that may be typed instead."""
    words = [
        button["label"].lower()
        for row in rows
        if row["kind"] == "controls" and row["open"]
        for button in row["buttons"]
    ]
    return [Piece(kind="controls", html=html.escape("or type: " + " · ".join(words), quote=False))] if words else []


def _before(row: Mapping[str, Any]) -> str:
    return f"{row['label']}: " if row["label"] else ""


def _chosen(row: Mapping[str, Any]) -> list[str]:
    return [button["label"].removesuffix("✓").strip() for button in row["buttons"] if button["chosen"]]
