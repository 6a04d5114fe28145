"""How a message looks on Telegram: text in parts that fit, keyboards in rows that can be read on a phone."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from bot.workflow.ports import Message

LONGEST_TEXT = 4096
"""What Telegram takes, in UTF-16 units, marks not counted."""
LONGEST_CAPTION = 1024
"""The same, of the words below a picture."""
SHORT, MIDDLE = 9, 16
"""Labels so long fit three and two beside each other on a narrow phone; longer ones stand alone. A proposal."""
SCALE_COLUMNS, NUMBER_COLUMNS = 6, 6
LONGEST_LABEL = 32
"""A longer label may lose its end on a narrow phone. A proposal."""
MARK = re.compile(r"<(/?)([bi])>")
BREAKS = ("\n\n", "\n", " ")
"""Where a text may be cut, the best place first."""

Rows: TypeAlias = Sequence[Mapping[str, Any]]
Keyboard: TypeAlias = list[list[dict[str, str]]]
"""Rows of {"text": ..., "callback_data": ...}."""


def body(message: Message) -> str:
    """Give the text, what a phone would cut off a button, and a line for each labelled row: answered, or asked now."""
    labelled = [row for row in message.rows if row["label"]]
    lines = [line for row in labelled if (line := _standing(row))]
    return "\n\n".join(part for part in (message.text, "\n".join(_spelled(message.rows)), "\n".join(lines)) if part)


def _spelled(rows: Rows) -> Iterator[str]:
    """Say the choices of an open row in the text where one is too long for its button."""
    for row in rows:
        choices = [button for button in row["buttons"] if not re.match(r"\d+:c:", button["data"])]
        if row["open"] and any(len(button["label"]) > LONGEST_LABEL for button in choices):
            yield from (f"• {html.escape(button['label'], quote=False)}" for button in choices)


def _standing(row: Mapping[str, Any]) -> str:
    label, answer = html.escape(row["label"], quote=False), html.escape(_answer(row), quote=False)
    if row["open"]:
        return f"▸ <b>{label}</b>" + (f": {answer}" if answer else "")
    return f"✓ {label}: {answer}" if answer else ""


def _answer(row: Mapping[str, Any]) -> str:
    return ", ".join(str(button["label"]) for button in row["buttons"] if button["chosen"])


def keyboard(rows: Rows) -> Keyboard:
    """Lay buttons out: those of the open row, one button to open each other row, then the controls."""
    laid: Keyboard = []
    for row in rows:
        buttons = [_button(button) for button in row["buttons"]]
        if row["label"] and not row["open"]:
            if row.get("opens"):
                answer = _answer(row)
                label = f"✓ {row['label']}: {answer}" if answer else f"▸ {row['label']}"
                laid.append([{"text": _cut(label), "callback_data": row["opens"]}])
            continue
        match row["kind"]:
            case "scale":
                laid += _columns(buttons, SCALE_COLUMNS)
            case "numbers":
                laid += _columns(buttons, NUMBER_COLUMNS)
            case "controls":
                laid += _packed(buttons)
            case _:
                laid += _packed(buttons)
    return laid


def _button(button: Mapping[str, Any]) -> dict[str, str]:
    label = f"✓ {button['label']}" if button["chosen"] else str(button["label"])
    return {"text": label, "callback_data": str(button["data"])}


def _columns(buttons: Sequence[dict[str, str]], count: int) -> Iterator[list[dict[str, str]]]:
    for start in range(0, len(buttons), count):
        yield list(buttons[start : start + count])


def _packed(buttons: Sequence[dict[str, str]]) -> Iterator[list[dict[str, str]]]:
    """Put buttons beside each other, in order, as long as each of a line can be read."""
    line: list[dict[str, str]] = []
    for button in buttons:
        longest = max(len(b["text"]) for b in (*line, button))
        room = 3 if longest <= SHORT else 2 if longest <= MIDDLE else 1
        if len(line) >= room:
            yield line
            line = []
        line.append(button)
    if line:
        yield line


def _cut(label: str, most: int = 40) -> str:
    return label if len(label) <= most else label[: most - 1] + "…"


def length(text: str) -> int:
    """Measure a marked text as Telegram does: UTF-16 units, after its marks are taken out."""
    return len(html.unescape(MARK.sub("", text)).encode("utf-16-le")) // 2


def parts(text: str, most: int = LONGEST_TEXT) -> list[str]:
    """Cut a marked text into parts that fit, between paragraphs where that goes; marks are closed and opened again."""
    return [_closed(part, opened) for part, opened in _with_marks(_cut_up(text, most, BREAKS))]


def _cut_up(text: str, most: int, breaks: Sequence[str]) -> list[str]:
    if length(text) <= most:
        return [text]
    if not breaks:
        return list(_by_signs(text, most))
    held, found = "", []
    for piece in text.split(breaks[0]):
        joined = f"{held}{breaks[0]}{piece}" if held else piece
        if length(joined) <= most:
            held = joined
            continue
        if held:
            found.append(held)
        *whole, held = _cut_up(piece, most, breaks[1:])
        found += whole
    return [*found, held] if held else found


def _by_signs(text: str, most: int) -> Iterator[str]:
    """Cut a word that is too long, never inside a mark or an escaped sign."""
    held = ""
    for sign in re.findall(r"</?[bi]>|&[a-z]+;|.", text, re.DOTALL):
        if held and length(held + sign) > most:
            yield held
            held = ""
        held += sign
    if held:
        yield held


def _with_marks(pieces: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Give each piece with the marks that are open where it begins."""
    opened: list[str] = []
    for piece in pieces:
        yield piece, tuple(opened)
        for closing, mark in MARK.findall(piece):
            if closing and mark in opened:
                opened.remove(mark)
            elif not closing:
                opened.append(mark)


def _closed(piece: str, opened: Sequence[str]) -> str:
    standing = list(opened)
    for closing, mark in MARK.findall(piece):
        if closing and mark in standing:
            standing.remove(mark)
        elif not closing:
            standing.append(mark)
    return "".join(f"<{m}>" for m in opened) + piece + "".join(f"</{m}>" for m in reversed(standing))


def plain(text: str) -> str:
    """Take the marks out."""
    return html.unescape(MARK.sub("", text))
