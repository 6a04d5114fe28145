"""What Telegram refuses: lengths, keyboards, commands and media, each with Telegram's own words."""

from __future__ import annotations

import re
import struct
from typing import Any

from .entities import units
from .wire import Params, Refusal, bad

TEXT_LIMIT = 4096
CAPTION_LIMIT = 1024
PHOTO_BYTES_LIMIT = 10 * 1024 * 1024
ACTIONS = frozenset(
    [
        "typing",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "record_audio",
        "upload_audio",
        "upload_document",
        "choose_sticker",
        "find_location",
        "pick_up_location",
        "record_video_note",
        "upload_video_note",
        "cancel",
    ]
)
BUTTON_ACTIONS = (
    "url",
    "callback_data",
    "web_app",
    "login_url",
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat",
    "copy_text",
    "callback_game",
    "pay",
)
SCOPES = frozenset(
    [
        "default",
        "all_private_chats",
        "all_group_chats",
        "all_chat_administrators",
        "chat",
        "chat_administrators",
        "chat_member",
    ]
)
_COMMAND = re.compile(r"[a-z0-9_]{1,32}")
_SECRET = re.compile(r"[A-Za-z0-9_-]+")
_LANGUAGE = re.compile(r"([a-z]{2})?")


def text(value: str) -> None:
    """Refuse an empty text or one above 4096 UTF-16 units."""
    if not value:
        raise bad("message text is empty")
    if len(value) > TEXT_LIMIT // 2 and units(value) > TEXT_LIMIT:
        raise bad("message is too long")


def caption(value: str) -> None:
    """Refuse a caption above 1024 UTF-16 units."""
    if units(value) > CAPTION_LIMIT:
        raise bad("message caption is too long")


def markup(params: Params, *, inline_only: bool = False) -> dict[str, Any] | None:
    """Return the checked reply markup; an empty inline keyboard is none at all."""
    given = params.get("reply_markup")
    if given is None:
        return None
    if not isinstance(given, dict):
        raise bad("object expected as reply markup")
    if "inline_keyboard" in given:
        rows = _inline(given["inline_keyboard"])
        return {"inline_keyboard": rows} if rows else None
    if not given:
        return None
    if inline_only:
        raise bad("inline keyboard expected")
    if "keyboard" in given:
        _reply_keyboard(given["keyboard"])
    return given


def _inline(rows: Any) -> list[list[dict[str, Any]]]:
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad('field "inline_keyboard" must be an Array of Arrays')
    kept = [[_button(button) for button in row] for row in rows if row]
    if sum(map(len, kept)) > 100:
        raise bad("reply markup is too long")
    if any(len(row) > 8 for row in kept):
        raise bad("BUTTON_ROW_TOO_LONG")
    return kept


def _button(button: Any) -> dict[str, Any]:
    why = "can't parse inline keyboard button: "
    if not isinstance(button, dict):
        raise bad(why + "InlineKeyboardButton must be an Object")
    label = button.get("text")
    if not isinstance(label, str):
        raise bad(why + 'Can\'t find field "text"')
    if not label.strip():
        raise bad("BUTTON_TEXT_EMPTY")
    actions = [name for name in BUTTON_ACTIONS if name in button]
    if not actions:
        raise bad(why + "Text buttons are unallowed in the inline keyboard")
    if len(actions) > 1:
        raise bad(why + f"exactly one action is allowed, found {', '.join(actions)}")
    data = button.get("callback_data")
    if data is not None and not 1 <= len(str(data).encode()) <= 64:
        raise bad("BUTTON_DATA_INVALID")
    if "url" in button and not re.match(r"(https?|tg|ton|mailto|tel)://?[^\s]+", str(button["url"])):
        raise bad(f"inline keyboard button URL '{button['url']}' is invalid: Wrong HTTP URL")
    return button


def _reply_keyboard(rows: Any) -> None:
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad('field "keyboard" must be an Array of Arrays')
    for row in rows:
        for button in row:
            label = button.get("text") if isinstance(button, dict) else button
            if not isinstance(label, str) or not label:
                raise bad("can't parse keyboard button: KeyboardButton must be a String or an Object")


def commands(given: Any) -> list[dict[str, str]]:
    """Return the checked command list."""
    if not isinstance(given, list):
        raise bad("expected an Array of BotCommand")
    if len(given) > 100:
        raise bad("BOT_COMMANDS_TOO_MUCH")
    return [_command(one) for one in given]


def _command(one: Any) -> dict[str, str]:
    if not isinstance(one, dict):
        raise bad("can't parse BotCommand: expected an Object")
    for name in ("command", "description"):
        if not isinstance(one.get(name), str):
            raise bad(f"can't parse BotCommand: Can't find field \"{name}\"")
    name = one["command"].strip().removeprefix("/")
    description = one["description"].strip()
    if not name:
        raise bad("command must be non-empty")
    if len(name) > 32:
        raise bad("command length must not exceed 32")
    if not _COMMAND.fullmatch(name):
        raise bad("BOT_COMMAND_INVALID")
    if not description:
        raise bad("command description must be non-empty")
    if len(description) > 256:
        raise bad("command description length must not exceed 256")
    return {**one, "command": name, "description": description}


def scope_key(params: Params) -> tuple[Any, ...]:
    """Return the key of a command scope and language."""
    scope = params.get("scope") or {"type": "default"}
    if not isinstance(scope, dict) or scope.get("type") not in SCOPES:
        raise bad("can't parse BotCommandScope: Unsupported type specified")
    if scope["type"] in ("chat", "chat_administrators", "chat_member") and not scope.get("chat_id"):
        raise bad("can't parse BotCommandScope: Empty chat_id specified")
    return (scope["type"], scope.get("chat_id"), scope.get("user_id"), language(params))


def language(params: Params) -> str:
    """Return the language code: two letters or empty."""
    code = str(params.get("language_code") or "")
    if not _LANGUAGE.fullmatch(code):
        raise bad("invalid language code specified")
    return code


def secret_token(token: str) -> None:
    """Refuse a webhook secret that is too long or has other characters than letters, digits, _ and -."""
    if len(token) > 256:
        raise bad("secret token is too long")
    if token and not _SECRET.fullmatch(token):
        raise bad("secret token contains unallowed characters")


def picture(body: bytes) -> tuple[int, int]:
    """Return width and height of a photo; refuse what is no picture, too heavy or out of shape."""
    if len(body) > PHOTO_BYTES_LIMIT:
        raise bad(f"file of size {len(body)} bytes is too big for a photo; the maximum size is 10485760 bytes")
    size = picture_size(body)
    if size is None:
        raise bad("IMAGE_PROCESS_FAILED")
    width, height = size
    if not width or not height or width + height > 10_000 or max(size) > 20 * min(size):
        raise bad("PHOTO_INVALID_DIMENSIONS")
    return size


def picture_size(body: bytes) -> tuple[int, int] | None:
    """Read the size from a PNG, GIF, WebP or JPEG header."""
    if body[:8] == b"\x89PNG\r\n\x1a\n" and len(body) >= 24:
        return struct.unpack(">II", body[16:24])
    if body[:4] == b"GIF8" and len(body) >= 10:
        return struct.unpack("<HH", body[6:10])
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return (512, 512)
    if body[:2] == b"\xff\xd8":
        at = 2
        while at + 9 < len(body) and body[at] == 0xFF:
            if 0xC0 <= body[at + 1] <= 0xCF and body[at + 1] not in (0xC4, 0xC8, 0xCC):
                height, width = struct.unpack(">HH", body[at + 5 : at + 9])
                return (width, height)
            at += 2 + int.from_bytes(body[at + 2 : at + 4], "big")
    return None


def too_many(seconds: int) -> Refusal:
    """Refuse for pace."""
    return Refusal(429, f"Too Many Requests: retry after {seconds}", {"retry_after": seconds})
