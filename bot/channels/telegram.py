"""Telegram as a channel: raw updates become events, messages become calls of the Bot API."""

from __future__ import annotations

import asyncio
import html
import json
import logging
import re
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlencode

from telegram import Bot, InlineKeyboardMarkup, InputMediaPhoto, Update
from telegram import Message as TelegramMessage
from telegram.constants import ChatAction, ChatMemberStatus, ChatType, ParseMode
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
)
from telegram.request import BaseRequest

from bot.channels.telegram_http import NeverLeft, Params, Request, ServerTrouble
from bot.channels.telegram_text import LONGEST_CAPTION, body, keyboard, length, parts, plain
from bot.conversation.events import (
    Blocked,
    Clip,
    Corrected,
    Elsewhere,
    Event,
    Located,
    Returned,
    Tapped,
    Typed,
    Unreadable,
)
from bot.timetable.places import zone_at
from bot.workflow.ports import Address, Heard, Message, Painter, Raw, SendError
from bot.workflow.watch import UNWATCHED, Watch

log = logging.getLogger(__name__)

CHANNEL = "telegram"
WANTED = ("message", "edited_message", "callback_query", "my_chat_member")
"""The updates that mean something to us; others are not sent to us at all."""
SIDE_BY_SIDE = 40
"""How many connections Telegram may bring updates by; its own default."""
NOT_THERE = (
    "message to edit not found",
    "message can't be edited",
    "message_id_invalid",
    "there is no text in the message to edit",
)
"""What Telegram says where a message can't become what it should: gone, too old, or a picture that is to be text."""
UNREACHABLE = ("chat not found", "user not found", "user is deactivated", "have no rights to send", "peer_id_invalid")
WITHOUT_TOKEN_SECONDS = 60.0
"""How long a message waits where Telegram doesn't take the token: an operator has to see to it."""
LONGEST_NAME = 64
"""The longest first name that Telegram takes."""
TURNING = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Signs that can't be seen, and those that turn around the direction of what follows, beyond the name itself."""
TOAST = 200
"""The longest answer to a tap that Telegram takes."""
NO_PREVIEW = json.dumps({"is_disabled": True})
KINDS = (
    ("photo", "photo"),
    ("voice", "voice"),
    ("video_note", "voice"),
    ("audio", "voice"),
    ("sticker", "sticker"),
    ("animation", "sticker"),
    ("document", "file"),
    ("video", "file"),
)
"""What a message without words may hold -> what we call it."""


OTHERS = ("contact", "poll", "dice", "story", "game", "checklist", "paid_media", "invoice")
"""What else a message may hold instead of words; the rest are notes of Telegram's own."""


class Telegram:
    """One bot on Telegram."""

    def __init__(
        self,
        bot: Bot,
        poll: BaseRequest,
        painter: Painter | None = None,
        *,
        paid: bool = False,
        watch: Watch = UNWATCHED,
    ) -> None:
        self.bot, self._poll, self._painter, self._watch = bot, poll, painter, watch
        self._sends: dict[str, Any] = {"allow_paid_broadcast": True} if paid else {}
        self._paid = {"allow_paid_broadcast": "true"} if paid else {}
        self._aside: set[asyncio.Task[None]] = set()

    @property
    def bot_id(self) -> str:
        """Give the bot's id, which stands before the colon of its token."""
        return self.bot.token.partition(":")[0]

    async def close(self) -> None:
        """Wait for what is sent on the side, then let go of the connections."""
        if self._aside:
            await asyncio.wait(self._aside, timeout=5)
        for task in self._aside:
            task.cancel()

    # --- what comes in

    async def updates(self, offset: int, seconds: int, limit: int) -> Any:
        """Poll for updates, raw: one that python-telegram-bot can't read must not keep the others away.

        Raises what python-telegram-bot raises. Confirms everything below *offset*.
        """
        asked = {"offset": offset, "timeout": seconds, "limit": limit, "allowed_updates": json.dumps(WANTED)}
        return await self._poll.post(f"{self.bot.base_url}/getUpdates?{urlencode(asked)}", read_timeout=seconds + 25)

    async def hook(self, url: str, secret: str) -> None:
        """Have updates brought to an address, each with a secret; raises what python-telegram-bot raises."""
        given: dict[str, Any] = {"secret_token": secret, "allowed_updates": WANTED, "max_connections": SIDE_BY_SIDE}
        await self.bot.set_webhook(url, drop_pending_updates=False, **given)

    def raw(self, update: Mapping[str, Any], at: datetime) -> Raw:
        """Make an update, as it came, into what the inbox keeps; raises ValueError without an update_id."""
        number = update.get("update_id")
        if not isinstance(number, int):
            raise ValueError("an update without an update_id")
        chat = _chat_id(update)
        return Raw(
            source=CHANNEL,
            key=f"{self.bot_id}:{number}",
            body=_readable(update),
            at=at,
            chat=f"{CHANNEL}:{self.bot_id}:{chat}" if chat is not None else "",
        )

    def read(self, raw: Raw) -> Heard | None:
        """Make a raw update into an event; raises ValueError for one that can't be read."""
        try:
            update = Update.de_json(dict(raw.body), self.bot)
        except Exception as error:  # whatever a damaged update makes it raise
            raise ValueError(f"an update that can't be read: {type(error).__name__}: {error}") from error
        user, chat = update.effective_user, update.effective_chat
        if chat is None or (user is not None and user.is_bot and update.callback_query is None):
            return None
        where: object = chat.id  # python-telegram-bot takes what came for what should have come
        if not isinstance(where, int) or (user is not None and chat.type == ChatType.PRIVATE and user.id != where):
            raise ValueError("an update that can't be read: its chat is nobody's, or somebody else's")
        address = Address(channel=CHANNEL, bot=self.bot_id, chat=str(chat.id))
        event = self._event(update, raw.at)
        if chat.type != ChatType.PRIVATE:
            if chat.type == ChatType.CHANNEL or not self._is_for_us(update):
                return None
            event = Elsewhere(at=raw.at)
        if event is None:
            return None
        return Heard(address=address, name=_name(user.first_name if user is not None else ""), event=event)

    def _event(self, update: Update, at: datetime) -> Event | None:
        if (query := update.callback_query) is not None:
            return Tapped(at=at, data=_words(query.data))
        if (edited := update.edited_message) is not None:
            text = _words(edited.text or edited.caption)
            return Corrected(at=at, text=text, message=str(edited.message_id)) if text else None
        if (message := update.message) is not None:
            return _heard(message, at)
        if (member := update.my_chat_member) is not None:
            left = member.new_chat_member.status in (ChatMemberStatus.BANNED, ChatMemberStatus.LEFT)
            return Blocked(at=at) if left else Returned(at=at)
        return None

    def _is_for_us(self, update: Update) -> bool:
        """Tell whether something in a group speaks to the bot: a command, a tap, its name, or that it was added."""
        message = update.message
        if update.callback_query is not None:
            return True
        if update.my_chat_member is not None:
            return update.my_chat_member.new_chat_member.status in (
                ChatMemberStatus.MEMBER,
                ChatMemberStatus.ADMINISTRATOR,
            )
        if message is None or not message.text:
            return False
        answered = message.reply_to_message.from_user if message.reply_to_message is not None else None
        return (answered is not None and str(answered.id) == self.bot_id) or message.text.startswith("/")

    # --- what goes out

    async def send(self, address: Address, message: Message, edit: str | None) -> str:
        """Send or edit a message and give its id; raises SendError. A text that is too long goes in parts."""
        with self._watch("deliver") as doing:
            try:
                sent = await self._send(address, message, edit)
            except SendError as error:
                doing.outcome = error.kind
                raise
            doing.count, doing.outcome = 1, "sent"
            return sent

    async def _send(self, address: Address, message: Message, edit: str | None) -> str:
        if message.paper is not None:
            return await self._send_paper(address, message, message.paper)
        pieces = parts(body(message))
        buttons = keyboard(message.rows)
        picture = await self._painted(message)
        if picture is not None:
            long = len(pieces) > 1 or length(pieces[0]) > LONGEST_CAPTION
            try:
                if not long:
                    markup = InlineKeyboardMarkup.de_json({"inline_keyboard": buttons}, self.bot) if buttons else None
                    return await self._show(address, picture, pieces[0], markup, edit)
                await self._show(address, picture, "", None, None)
            except SendError as error:
                if error.kind != "refused":
                    raise
                log.warning("Telegram refused a picture (%s); its words are sent without it", error)
        if edit is not None and len(pieces) == 1:
            return await self._edit(address, edit, pieces[0], buttons)
        sent = ""
        for number, piece in enumerate(pieces, 1):
            sent = await self._say(address, piece, buttons if number == len(pieces) else ())
        return sent

    async def _painted(self, message: Message) -> bytes | None:
        """Draw the picture of a message; where that fails its words go without it."""
        if message.picture is None or self._painter is None:
            return None
        try:
            return await self._painter.paint(message.picture)
        except Exception as error:
            # Without its trace, which may quote what is drawn.
            log.error("a picture could not be drawn (%s); its words are sent without it", type(error).__name__)
            return None

    async def _send_paper(self, address: Address, message: Message, paper: Mapping[str, Any]) -> str:
        """Send a file with its words below; where it can't be made or isn't taken, its words and that it is missing."""
        without = replace(message, paper=None, text=f"{message.text}\n\n{paper['instead']}")
        written = await self._written(paper)
        if written is None:
            return await self._send(address, without, None)
        if paper.get("kind") == "clip":
            return await self._send_clip(address, message, without, json.loads(written))
        words = body(message)
        if length(words) > LONGEST_CAPTION:
            await self._send(address, replace(message, paper=None, rows=()), None)
            words = ""
        buttons = keyboard(message.rows)
        markup = InlineKeyboardMarkup.de_json({"inline_keyboard": buttons}, self.bot) if buttons else None
        given: dict[str, Any] = {"caption": words or None, "parse_mode": ParseMode.HTML, "reply_markup": markup}
        given |= self._sends
        try:
            sent = await self.bot.send_document(int(address.chat), written, filename=str(paper["name"]), **given)
        except TelegramError as error:
            failed = _send_error(error)
            if failed.kind != "refused":
                raise failed from error
            log.warning("Telegram refused a file (%s); its words are sent without it", failed)
            return await self._send(address, without, None)
        return str(sent.message_id)

    async def _send_clip(self, address: Address, message: Message, without: Message, clip: Mapping[str, str]) -> str:
        """Send a film that Telegram has already, which nobody may pass on, then its words with their buttons."""
        chat, film = int(address.chat), clip["file"]
        try:
            match clip["kind"]:
                case "video":
                    await self.bot.send_video(chat, film, protect_content=True, **self._sends)
                case "video_note":
                    await self.bot.send_video_note(chat, film, protect_content=True, **self._sends)
                case _:
                    await self.bot.send_animation(chat, film, protect_content=True, **self._sends)
        except TelegramError as error:
            failed = _send_error(error)
            if failed.kind != "refused":
                raise failed from error
            log.warning("Telegram refused a clip (%s); its words are sent without it", failed)
            return await self._send(address, without, None)
        return await self._send(address, replace(message, paper=None), None)

    async def _written(self, paper: Mapping[str, Any]) -> bytes | None:
        """Write the file of a message; None where it can't be made."""
        try:
            return await self._painter.write(paper) if self._painter is not None else None
        except Exception as error:
            # Without its trace, which may quote what is kept of them.
            log.error("a file of kind %s could not be made: %s", paper.get("kind"), type(error).__name__)
            return None

    async def _show(
        self, address: Address, picture: bytes, words: str, markup: InlineKeyboardMarkup | None, edit: str | None
    ) -> str:
        """Send a picture, or put it into an earlier message, with its words below."""
        chat = int(address.chat)
        try:
            if edit is None:
                given: dict[str, Any] = {"caption": words or None, "parse_mode": ParseMode.HTML, "reply_markup": markup}
                return str((await self.bot.send_photo(chat, picture, **given, **self._sends)).message_id)
            media = InputMediaPhoto(picture, caption=words, parse_mode=ParseMode.HTML)
            await self.bot.edit_message_media(media, chat, int(edit), reply_markup=markup)
        except TelegramError as error:
            if edit is None or "not modified" not in str(error).lower():
                raise _send_error(error) from error
        return edit

    async def _say(self, address: Address, text: str, buttons: Sequence[Any]) -> str:
        given = {"chat_id": address.chat, "link_preview_options": NO_PREVIEW, **_markup(buttons), **self._paid}
        try:
            try:
                message = await self._call("sendMessage", text=text, parse_mode=ParseMode.HTML, **given)
            except BadRequest as error:
                if "can't parse entities" not in str(error).lower():
                    raise
                log.warning("Telegram could not read the marks of a text; sent without them")
                message = await self._call("sendMessage", text=plain(text), **given)
        except TelegramError as error:
            raise _send_error(error) from error
        try:
            return str(message["message_id"])
        except (KeyError, TypeError) as error:  # it was taken, and said so in words that nobody knows
            raise SendError("uncertain", "sendMessage gave no message") from error

    async def _edit(self, address: Address, edit: str, text: str, buttons: Sequence[Any]) -> str:
        where = {"chat_id": address.chat, "message_id": edit, "link_preview_options": NO_PREVIEW}
        try:
            await self._call("editMessageText", text=text, parse_mode=ParseMode.HTML, **where, **_markup(buttons))
        except BadRequest as error:
            if "can't parse entities" in str(error).lower() and text != plain(text):
                log.warning("Telegram could not read the marks of a text; edited without them")
                return await self._edit(address, edit, html.escape(plain(text), quote=False), buttons)
            if "not modified" not in str(error).lower():
                raise _send_error(error) from error
        except TelegramError as error:
            failed = _send_error(error)
            if failed.kind in ("uncertain", "server"):  # an edit made twice is made once
                raise SendError("never_left", str(failed)) from error
            raise failed from error
        return edit

    async def answer_tap(self, raw: Raw, words: str | None) -> None:
        """Answer a tap at once, on the side: nobody waits for it, and it is never repeated."""
        query = raw.body.get("callback_query")
        if isinstance(query, Mapping) and isinstance(query.get("id"), str):
            text = {"text": words[:TOAST]} if words else {}
            self._on_the_side(self._call("answerCallbackQuery", callback_query_id=query["id"], **text))

    async def strip(self, address: Address, message_id: str) -> None:
        """Take the buttons off an earlier message; where that fails, they are known to be stale."""
        where = {"chat_id": address.chat, "message_id": message_id}
        await _best_effort(self._call("editMessageReplyMarkup", **where))

    async def busy(self, raw: Raw) -> None:
        """Show "typing", on the side."""
        chat = _chat_id(raw.body)
        if chat is not None and chat > 0:
            self._on_the_side(self.bot.send_chat_action(chat, ChatAction.TYPING))

    async def turn_away(self, raw: Raw, words: str) -> None:
        """Say in a group where we talk, on the side."""
        chat = _chat_id(raw.body)
        if chat is not None:
            self._on_the_side(self._call("sendMessage", chat_id=str(chat), text=words, link_preview_options=NO_PREVIEW))

    async def _call(self, method: str, **params: str) -> Any:
        """Call a method whose answer is little used, past the library's models: they cost as much as the call."""
        return await self.bot.request.post(f"{self.bot.base_url}/{method}", Params(**params))

    def _on_the_side(self, call: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(_best_effort(call))
        self._aside.add(task)
        task.add_done_callback(self._aside.discard)


async def _best_effort(call: Coroutine[Any, Any, Any]) -> None:
    try:
        await call
    except TelegramError as error:
        log.info("best effort, not repeated: %s: %s", type(error).__name__, error)
    except Exception as error:
        log.warning("best effort, not repeated: %s", type(error).__name__)


def make_telegram(
    token: str, api_url: str, painter: Painter | None = None, *, paid: bool = False, watch: Watch = UNWATCHED
) -> Telegram:
    """Make the channel, its bot not yet initialized: one pool of connections for calls, another for the long poll."""
    poll = Request(connections=2)
    bot = Bot(token, base_url=api_url, request=Request(connections=64), get_updates_request=poll)
    return Telegram(bot, poll, painter, paid=paid, watch=watch)


FILMS: tuple[Literal["video", "video_note", "animation"], ...] = ("video", "video_note", "animation")


def _heard(message: TelegramMessage, at: datetime) -> Event | None:
    """Give what a message says; one with words and a picture says its words."""
    text = _words(message.text or message.caption)
    kind = next((name for name in FILMS if getattr(message, name)), None)
    if kind is not None:
        film = getattr(message, kind).file_id
        return Clip(at=at, file=film, kind=kind, words=text, message=str(message.message_id))
    if text:
        return Typed(at=at, text=text, message=str(message.message_id))
    place = message.location or (message.venue.location if message.venue else None)
    if place is not None:
        return Located(at=at, zone=zone_at(place.latitude, place.longitude))
    what = next((name for field, name in KINDS if getattr(message, field)), None)
    if what is not None:
        return Unreadable(at=at, what=what)
    told = any(getattr(message, field, None) for field in OTHERS)
    return Unreadable(at=at, what="other") if told else None


def _readable(update: Mapping[str, Any]) -> dict[str, Any]:
    """Give an update with a sign in the place of each half of one: a text with half a sign can't be sent back."""
    text = json.dumps(update, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return dict(json.loads(whole))
    return dict(update)


def _words(given: object) -> str:
    """Give what somebody wrote; raises ValueError for what are no words."""
    if not isinstance(given, str | None):
        raise ValueError(f"an update that can't be read: {type(given).__name__} where words belong")
    return given or ""


def _name(given: object) -> str:
    """Give what somebody calls themselves, as it may stand in a coach's card: one line, which turns nothing around."""
    return TURNING.sub("", " ".join(_words(given).split()))[:LONGEST_NAME].strip()


def _markup(buttons: Sequence[Any]) -> dict[str, str]:
    return {"reply_markup": json.dumps({"inline_keyboard": buttons})} if buttons else {}


def _chat_id(update: Mapping[str, Any]) -> int | None:
    """Find the chat of a raw update, whatever else is in it."""
    for kind in WANTED:
        inside = update.get(kind)
        if not isinstance(inside, Mapping):
            continue
        holder = inside.get("message") if kind == "callback_query" else inside
        chat = holder.get("chat") if isinstance(holder, Mapping) else None
        found = chat.get("id") if isinstance(chat, Mapping) else None
        if isinstance(found, int):
            return found
        sender = inside.get("from")
        if isinstance(sender, Mapping) and isinstance(sender.get("id"), int):
            return int(sender["id"])
    return None


def _send_error(error: TelegramError) -> SendError:
    """Tell what a refusal means for the message."""
    words = str(error)
    match error:
        case RetryAfter():
            seconds = error.retry_after
            wait = seconds if isinstance(seconds, int) else seconds.total_seconds()
            return SendError("later", words, retry_after=wait + 0.1)
        case Forbidden():
            return SendError("blocked", words)
        case InvalidToken():
            return SendError("later", words, retry_after=WITHOUT_TOKEN_SECONDS)
        case ChatMigrated():
            return SendError("blocked", words)
        case BadRequest():
            low = words.lower()
            if any(sign in low for sign in NOT_THERE):
                return SendError("gone", words)
            if any(sign in low for sign in UNREACHABLE):
                return SendError("blocked", words)
            return SendError("refused", words)
        case NeverLeft():
            return SendError("never_left", words)
        case ServerTrouble():
            return SendError("server", words)
        case NetworkError():  # a timeout among them
            return SendError("uncertain", words)
        case _:
            return SendError("uncertain", words)
