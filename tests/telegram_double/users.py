"""The people of the double: what they do becomes updates, what they see is read back."""

from __future__ import annotations

import asyncio
import re
import struct
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import media
from .chats import Chat, Message
from .entities import found
from .journal import Callback, UpdateEntry
from .wire import Upload

if TYPE_CHECKING:
    from .double import Double

Predicate = Callable[[Message], Any]


def png(width: int = 4, height: int = 4) -> bytes:
    """Return a small grey PNG picture."""
    rows = b"".join(b"\x00" + b"\x80" * width for _ in range(height))
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    body = b"\x89PNG\r\n\x1a\n"
    for name, data in chunks:
        body += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return body


class Screen:
    """What both kinds of chat can do: show messages, wait for them, find buttons."""

    def __init__(self, double: Double, chat: Chat) -> None:
        self.double = double
        self.chat = chat
        double.chats[chat.id] = chat

    def screen(self) -> list[Message]:
        """Return the messages as they are seen now, oldest first."""
        return list(self.chat.messages.values())

    @property
    def last(self) -> Message | None:
        """The newest message of the bot."""
        return next((m for m in reversed(self.chat.messages.values()) if m.from_bot), None)

    def live_keyboard(self) -> Message | None:
        """Return the newest message with an inline keyboard."""
        return next((m for m in reversed(self.chat.messages.values()) if m.buttons), None)

    async def wait(
        self,
        wanted: Predicate | str,
        timeout: float = 5.0,  # noqa: ASYNC109 - a test reads better so
        *,
        anywhere: bool = False,
    ) -> Message:
        """Wait for a message of the bot that holds a text or fits a predicate.

        Counts only what was sent or edited since this chat's person last did something, unless `anywhere`.
        Raise TimeoutError with the screen as text.
        """
        fits: Predicate = (lambda m: wanted in m.text) if isinstance(wanted, str) else wanted
        try:
            async with asyncio.timeout(timeout):
                while True:
                    for message in reversed(self.chat.messages.values()):
                        if message.from_bot and (anywhere or message.seq > self.chat.acted_seq) and fits(message):
                            return message
                    await self.double.wait_change()
        except TimeoutError:
            from .render import render_text

            raise TimeoutError(f"no {wanted!r} within {timeout} s; the screen:\n{render_text(self)}") from None

    def find(self, label_or_data: str, message: Message | int | None = None) -> tuple[Message, dict[str, Any]]:
        """Find a button by label or data in a message, by default the newest with a keyboard; raise LookupError."""
        if isinstance(message, int):
            message = self.chat.messages.get(message)
        message = message or self.live_keyboard()
        if message is None:
            raise LookupError(f"no inline keyboard on the screen to tap {label_or_data!r}")
        message = self.chat.messages.get(message.id, message)
        buttons = [button for row in message.buttons for button in row]
        for fits in (
            lambda b: b["text"] == label_or_data,
            lambda b: b.get("callback_data") == label_or_data,
            lambda b: label_or_data in b["text"],
        ):
            for button in buttons:
                if fits(button):
                    return message, button
        raise LookupError(f"no button {label_or_data!r} among {[b['text'] for b in buttons]}")

    def _acts(self) -> None:
        self.chat.acted_seq = self.double.journal.seq

    def _written(self, sender: dict[str, Any], content: dict[str, Any], reply_to: Message | int | None) -> Message:
        self._acts()
        data: dict[str, Any] = {
            "message_id": self.double.next_message_id(self.chat),
            "from": sender,
            "chat": self.chat.data,
            "date": int(self.double.now()),
        }
        if reply_to is not None:
            target = self.chat.messages[reply_to if isinstance(reply_to, int) else reply_to.id]
            data["reply_to_message"] = {k: v for k, v in target.data.items() if k != "reply_to_message"}
        data.update(content)
        message = Message(data, False, self.double.journal.seq)
        self.chat.messages[message.id] = message
        self.double.updates.push({"message": data}, self.chat.id)
        return message

    def _edited(self, message_id: int, text: str) -> Message:
        self._acts()
        message = self.chat.messages[message_id]
        field = "text" if "text" in message.data else "caption"
        kept = {k: v for k, v in message.data.items() if k not in ("entities", "caption_entities")}
        message.data = {**kept, **_texts(text, field), "edit_date": int(self.double.now())}
        message.edits += 1
        self.double.updates.push({"edited_message": message.data}, self.chat.id)
        return message

    def _tapped(self, sender: dict[str, Any], data: str, message_id: int) -> Callback:
        self._acts()
        message = self.chat.messages.get(message_id)
        inaccessible = {"chat": self.chat.data, "message_id": message_id, "date": 0}
        query: dict[str, Any] = {
            "id": self.double.next_query_id(),
            "from": sender,
            "message": message.data if message else inaccessible,
            "chat_instance": str(self.chat.id * 7919),
            "data": data,
        }
        journal = self.double.journal
        tap = Callback(query["id"], self.chat.id, sender["id"], data, message_id, self.double.now(), journal.seq)
        journal.callbacks[tap.query_id] = tap
        self.double.updates.push({"callback_query": query}, self.chat.id)
        return tap

    def _bot_member(self, sender: dict[str, Any], old: str, new: str) -> UpdateEntry:
        self._acts()
        change = {
            "chat": self.chat.data,
            "from": sender,
            "date": int(self.double.now()),
            "old_chat_member": _member(self.double.me, old),
            "new_chat_member": _member(self.double.me, new),
        }
        return self.double.updates.push({"my_chat_member": change}, self.chat.id)


class User(Screen):
    """One person in a private chat with the bot."""

    def __init__(
        self,
        double: Double,
        user_id: int,
        first_name: str,
        language_code: str | None,
        *,
        seen: bool = False,
        **more: Any,
    ) -> None:
        self.id = user_id
        self.data: dict[str, Any] = {"id": user_id, "is_bot": False, "first_name": first_name, **more}
        if language_code:
            self.data["language_code"] = language_code
        names: dict[str, Any] = {name: more[name] for name in ("last_name", "username") if name in more}
        chat: dict[str, Any] = {"id": user_id, "first_name": first_name, "type": "private", **names}
        super().__init__(double, Chat(user_id, chat, seen=seen))

    def _writes(self, content: dict[str, Any], reply_to: Message | int | None = None) -> Message:
        if self.chat.blocked:
            raise RuntimeError(f"user {self.id} has blocked the bot; unblock it before writing")
        self.chat.started = self.chat.seen = True
        return self._written(self.data, content, reply_to)

    async def says(self, text: str, *, reply_to: Message | int | None = None) -> Message:
        """Write a text."""
        return self._writes(_texts(text, "text"), reply_to)

    async def edits(self, message_id: int, text: str) -> Message:
        """Edit one of their own messages."""
        return self._edited(message_id, text)

    async def taps(self, label_or_data: str, message: Message | int | None = None) -> Callback:
        """Tap a button of the newest live keyboard, or of a message; raise LookupError when it isn't there."""
        where, button = self.find(label_or_data, message)
        if "callback_data" not in button:
            raise LookupError(f"button {button['text']!r} sends nothing to the bot")
        return self._tapped(self.data, button["callback_data"], where.id)

    async def taps_raw(self, data: str, message_id: int) -> Callback:
        """Send any callback data for any message: forged, stale, of a deleted message."""
        return self._tapped(self.data, data, message_id)

    async def chooses(self, label: str) -> Message:
        """Tap a button of the reply keyboard, which writes its label."""
        if not any(label in row for row in self.chat.reply_keyboard or []):
            raise LookupError(f"no reply keyboard with {label!r}: {self.chat.reply_keyboard}")
        return await self.says(label)

    def _sends(self, kind: str, upload: Upload, caption: str = "") -> Message:
        stored = media.keep(self.double, kind, upload)
        return self._writes({**media.fields(stored, kind, {}), **(_texts(caption, "caption") if caption else {})})

    async def sends_photo(self, body: bytes | None = None, caption: str = "") -> Message:
        """Send a photo."""
        return self._sends("photo", Upload("photo.jpg", "image/jpeg", body or png()), caption)

    async def sends_video(self, body: bytes = b"film", caption: str = "") -> Message:
        """Send a film."""
        return self._sends("video", Upload("film.mp4", "video/mp4", body), caption)

    async def sends_video_note(self, body: bytes = b"round film") -> Message:
        """Send a round film; it has no caption."""
        return self._sends("video_note", Upload("film.mp4", "video/mp4", body))

    async def sends_animation(self, body: bytes = b"silent film", caption: str = "") -> Message:
        """Send a film without sound."""
        return self._sends("animation", Upload("film.mp4", "video/mp4", body), caption)

    async def sends_voice(self, body: bytes = b"OggS voice") -> Message:
        """Send a voice note."""
        return self._sends("voice", Upload("voice.oga", "audio/ogg", body))

    async def sends_document(self, body: bytes = b"text", name: str = "notes.txt", caption: str = "") -> Message:
        """Send a document."""
        return self._sends("document", Upload(name, "text/plain", body), caption)

    async def sends_sticker(self) -> Message:
        """Send a sticker."""
        return self._sends("sticker", Upload("sticker.webp", "image/webp", b"RIFF....WEBP"))

    async def sends_location(self, latitude: float = 52.52, longitude: float = 13.405) -> Message:
        """Send a place."""
        return self._writes({"location": {"latitude": latitude, "longitude": longitude}})

    async def sends_contact(self, phone_number: str = "+4930123456", first_name: str | None = None) -> Message:
        """Send a contact, by default their own."""
        contact: dict[str, Any] = {"phone_number": phone_number, "first_name": first_name or self.data["first_name"]}
        own: dict[str, Any] = {} if first_name else {"user_id": self.id}
        return self._writes({"contact": {**contact, **own}})

    async def blocks(self) -> UpdateEntry:
        """Block the bot."""
        self.chat.blocked = True
        return self._bot_member(self.data, "member", "kicked")

    async def unblocks(self) -> UpdateEntry:
        """Unblock the bot."""
        self.chat.blocked = False
        return self._bot_member(self.data, "kicked", "member")


class Group(Screen):
    """A group with the bot in it."""

    def __init__(
        self,
        double: Double,
        chat_id: int,
        title: str,
        members: tuple[User, ...],
        *,
        supergroup: bool | None = None,
        **more: Any,
    ) -> None:
        grand = str(chat_id).startswith("-100") if supergroup is None else supergroup
        chat = {"id": chat_id, "title": title, "type": "supergroup" if grand else "group", **more}
        super().__init__(double, Chat(chat_id, chat, started=True, seen=True))
        self.members = members
        for member in members:
            member.chat.seen = True

    async def says(self, user: User, text: str, *, reply_to: Message | int | None = None) -> Message:
        """Write a text in the group."""
        user.chat.seen = True
        return self._written(user.data, _texts(text, "text"), reply_to)

    async def taps(self, user: User, label_or_data: str, message: Message | int | None = None) -> Callback:
        """Tap a button in the group."""
        where, button = self.find(label_or_data, message)
        return self._tapped(user.data, button["callback_data"], where.id)

    async def adds_bot(self, user: User) -> UpdateEntry:
        """Add the bot."""
        self.chat.blocked = False
        return self._bot_member(user.data, "left", "member")

    async def removes_bot(self, user: User) -> UpdateEntry:
        """Remove the bot."""
        self.chat.blocked = True
        return self._bot_member(user.data, "member", "kicked")


def _texts(text: str, field: str) -> dict[str, Any]:
    entities = found(text)
    name = "entities" if field == "text" else "caption_entities"
    return {field: text, name: entities} if entities else {field: text}


def _member(user: dict[str, Any], status: str) -> dict[str, Any]:
    return {"user": user, "status": status, **({"until_date": 0} if status == "kicked" else {})}


def plain(message: Message) -> str:
    """Return a one-line summary of a message."""
    return re.sub(r"\s+", " ", message.text) or f"[{message.kind}]"
