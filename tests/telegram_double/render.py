"""A chat as text: bubbles and keyboard rows, forty columns wide by default."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING
from unicodedata import combining, east_asian_width

from .chats import Message

if TYPE_CHECKING:
    from .users import Screen


def render_text(screen: Screen, width: int = 40) -> str:
    """Draw the chat: the bot's bubbles left, the people's right, inline keyboards below their message."""
    return "\n".join(line.rstrip() for message in screen.screen() for line in _message(message, width))


def _message(message: Message, width: int) -> list[str]:
    most = width * 4 // 5 - 4
    body = _body(message, most)
    rows = message.buttons
    inner = max([columns(line) for line in body] or [1])
    if rows:
        inner = max(inner, most)
    lines = ["╭" + "─" * (inner + 2) + "╮"]
    lines += [f"│ {_fill(line, inner)} │" for line in body]
    lines.append("╰" + "─" * (inner + 2) + "╯")
    lines += [_row([button["text"] for button in row], inner + 4) for row in rows]
    if message.from_bot:
        return lines
    return [" " * (width - columns(line)) + line for line in lines]


def _body(message: Message, most: int) -> list[str]:
    lines = [] if message.kind == "text" else [f"[{message.kind}]"]
    for paragraph in message.text.split("\n") if message.text else []:
        lines += _wrap(paragraph, most)
    if message.edits and not message.from_bot:
        lines.append("(edited)")
    return lines


def _wrap(paragraph: str, most: int) -> list[str]:
    lines = textwrap.wrap(paragraph, most) or [""]
    return [piece for line in lines for piece in (_halves(line, most) if columns(line) > most else [line])]


def _halves(line: str, most: int) -> list[str]:
    pieces, piece = [], ""
    for letter in line:
        if columns(piece + letter) > most:
            pieces.append(piece)
            piece = ""
        piece += letter
    return [*pieces, piece]


def _row(labels: list[str], width: int) -> str:
    room = (width - len(labels) + 1) // len(labels)
    cells = []
    for label in labels:
        shown = label
        while columns(shown) > room - 2 and shown:
            shown = shown[:-2] + "…" if len(shown) > 2 else ""
        space = room - 2 - columns(shown)
        cells.append("[" + " " * (space // 2) + shown + " " * (space - space // 2) + "]")
    return " ".join(cells)


def _fill(line: str, width: int) -> str:
    return line + " " * (width - columns(line))


def columns(text: str) -> int:
    """Count terminal columns: wide letters and emoji take two, joiners none."""
    return sum(0 if combining(c) or c in "\u200d\ufe0f" else 2 if east_asian_width(c) in "WF" else 1 for c in text)
