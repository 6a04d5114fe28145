"""The pages' HTML: a chat that looks like a phone's, light or dark as the reader prefers."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .chats import Message

if TYPE_CHECKING:
    from .double import Double
    from .users import Screen

STYLE = Path(__file__).with_name("page.css").read_text(encoding="utf-8")


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>{body}</body></html>"
    )


def index_page(double: Double) -> str:
    """Write the list of chats and the form that begins one."""
    chats = "".join(
        f'<div class="card"><a href="/chat/{chat.id}"><b>{escape(_name(chat.data))}</b></a> '
        f"<small>{chat.id} · {len(chat.messages)} messages</small></div>"
        for chat in double.chats.values()
    )
    return _page(
        "Chats",
        f'<main class="index"><h1>@{escape(str(double.me["username"]))}</h1>{chats or "<p>No chats yet.</p>"}'
        '<div class="card"><b>New person</b><form method="post" action="/chats">'
        '<input name="id" inputmode="numeric" required value="42" aria-label="Id">'
        '<input name="name" value="Ann" aria-label="Name"><input name="language" value="en" aria-label="Language code">'
        '<button>Open chat</button></form></div><p><a href="/journal">Journal</a></p></main>',
    )


def chat_page(double: Double, screen: Screen, *, whole: bool = False) -> str:
    """Write one chat; `whole` lets the page grow with it instead of scrolling inside the phone's height."""
    chat = screen.chat
    bubbles = []
    day = ""
    for message in screen.screen():
        today = _date(message.data["date"])
        if today != day:
            day = today
            bubbles.append(f'<div class="day">{day}</div>')
        bubbles.append(_bubble(double, message, acting=chat.private))
    bubbles.append(_toast(double, chat.id, chat.acted_seq))
    title = double.texts["name"].get("", "Double") if chat.private else _name(chat.data)
    state = "bot" if chat.private else "group"
    head = (
        f'<header><a href="/" aria-label="Chats">‹</a><span class="face">{escape(title[:1])}</span>'
        f"<div><b>{escape(title)}</b><small>{'blocked' if chat.blocked else state}</small></div>"
        f'<a href="/chat/{chat.id}" aria-label="Reload">⟳</a></header>'
    )
    foot = _composer(screen) if chat.private else ""
    return _page(
        title,
        f'<main class="{"whole" if whole else "fixed"}">{head}<div class="room"><div class="list">{"".join(bubbles)}'
        f"</div></div>{foot}</main>",
    )


def _bubble(double: Double, message: Message, *, acting: bool) -> str:
    side = "" if message.from_bot else " me"
    keys = " keys" if message.buttons else ""
    reply = message.data.get("reply_to_message")
    quote = ""
    if reply:
        quote = f'<div class="q">{escape(str(reply.get("text") or reply.get("caption") or "…"))[:80]}</div>'
    edited = "edited " if message.edits and not message.from_bot else ""
    ticks = "" if message.from_bot else " ✓✓"
    stamp = f'<span class="t">{edited}{_time(message.data["date"])}{ticks}</span>'
    keyboard = _keyboard(message, acting=acting) if message.buttons else ""
    body = f"{quote}{_media(double, message)}{message.html}{stamp}"
    return f'<div class="m{side}{keys}"><div class="b">{body}</div>{keyboard}</div>'


def _media(double: Double, message: Message) -> str:
    if message.kind == "text":
        return ""
    stored = double.files.get(message.file_id or "")
    if stored is not None:
        source = f"/file/bot{escape(double.token)}/{escape(stored.path)}"
        if message.kind == "photo":
            return f'<img src="{source}" alt="photo">'
        return f'📎 <a href="{source}">{escape(stored.upload.name)}</a> '
    return f"<i>{message.kind}</i> "


def _keyboard(message: Message, *, acting: bool) -> str:
    rows = []
    for row, buttons in enumerate(message.buttons):
        cells = "".join(_key(button, row, column, acting=acting) for column, button in enumerate(buttons))
        rows.append(f'<div class="r">{cells}</div>')
    chat_id = message.data["chat"]["id"]
    hidden = f'<input type="hidden" name="message" value="{message.id}">'
    return f'<form class="k" method="post" action="/chat/{chat_id}/tap">{hidden}{"".join(rows)}</form>'


def _key(button: dict[str, Any], row: int, column: int, *, acting: bool) -> str:
    label = escape(str(button["text"]))
    if "url" in button:
        return f'<a href="{escape(str(button["url"]))}" rel="noreferrer">{label} ↗</a>'
    if not acting or "callback_data" not in button:
        return f"<span>{label}</span>"
    return f'<button name="place" value="{row},{column}">{label}</button>'


def _toast(double: Double, chat_id: int, since: int) -> str:
    taps = [tap for tap in double.journal.callbacks.values() if tap.chat == chat_id and tap.seq >= since]
    text = taps[-1].answer.get("text") if taps and taps[-1].answer else None
    return f'<div class="toast">{escape(str(text))}</div>' if text else ""


def _composer(screen: Screen) -> str:
    chat = screen.chat
    if chat.blocked:
        return f'<footer><form method="post" action="/chat/{chat.id}/block"><button>Unblock</button></form></footer>'
    rows = "".join(
        '<div class="r">'
        + "".join(f'<button name="text" value="{escape(x)}">{escape(x)}</button>' for x in row)
        + "</div>"
        for row in chat.reply_keyboard or []
    )
    chosen = f'<form class="chosen" method="post" action="/chat/{chat.id}/say">{rows}</form>' if rows else ""
    start = "" if chat.started else ' value="/start"'
    return (
        f'<footer><form method="post" action="/chat/{chat.id}/say">'
        f'<input name="text" placeholder="Message" aria-label="Message" autocomplete="off"{start}>'
        f'<button class="send" aria-label="Send">➤</button></form>{chosen}</footer>'
    )


def _name(data: dict[str, Any]) -> str:
    return str(data.get("title") or data.get("first_name") or data["id"])


def _time(date: int) -> str:
    return f"{date % 86400 // 3600:02}:{date % 3600 // 60:02}"


def _date(date: int) -> str:
    return f"{datetime.fromtimestamp(date, UTC):%-d %B}"
