"""Formatted text: Telegram's HTML to plain text with entities and back, trimming, and what Telegram finds itself."""

from __future__ import annotations

import html
import re
from typing import Any

from .wire import bad

Entity = dict[str, Any]

TAGS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
    "a": "text_link",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "tg-emoji": "custom_emoji",
}
OPEN = {
    "bold": "<b>",
    "italic": "<i>",
    "underline": "<u>",
    "strikethrough": "<s>",
    "code": "<code>",
    "pre": "<pre>",
    "spoiler": '<span class="tg-spoiler">',
    "blockquote": "<blockquote>",
    "expandable_blockquote": "<blockquote>",
}
CLOSE = {name: re.sub(r"<(\w+).*", r"</\1>", tag) for name, tag in OPEN.items()}
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_REFERENCE = re.compile(r"&(?:#(\d+)|#x([0-9a-fA-F]+)|(lt|gt|amp|quot));?")
_ATTRIBUTE = re.compile(r"""\s*([a-zA-Z][\w-]*)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+)))?""")
_FOUND = re.compile(
    r"(?P<url>https?://[^\s<>\"]+[^\s<>\".,;:!?)])"
    r"|(?P<email>\b[\w.+-]+@[\w-]+\.[\w.]+\b)"
    r"|(?<![\w/])(?P<bot_command>/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?)(?![\w/])"
    r"|(?<!\w)(?P<mention>@[A-Za-z][A-Za-z0-9_]{3,31})\b"
    r"|(?<!\w)(?P<hashtag>\#\w*[^\W\d]\w*)"
)


def units(text: str) -> int:
    """Count UTF-16 code units, in which Telegram measures text."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def formatted(text: str, parse_mode: str, entities: Any = None) -> tuple[str, list[Entity]]:
    """Parse, trim and complete a text as Telegram does before it stores it; raise Refusal when it can't be parsed."""
    mode = parse_mode.lower()
    if mode == "html":
        text, marks = parse_html(text)
    elif mode in ("markdown", "markdownv2"):
        raise bad("can't parse entities: the double reads parse_mode HTML only")
    elif mode not in ("", "none"):
        raise bad("unsupported parse_mode")
    else:
        marks = _given(entities, text)
    return _complete(*_trim(text.replace("\r", ""), marks))


def found(text: str) -> list[Entity]:
    """List the entities that Telegram finds in plain text: commands, links, mentions, hashtags."""
    if not any(sign in text for sign in "/@#"):
        return []
    return [
        {"type": match.lastgroup, "offset": units(text[: match.start()]), "length": units(match.group())}
        for match in _FOUND.finditer(text)
    ]


def parse_html(source: str) -> tuple[str, list[Entity]]:
    """Parse Telegram's HTML strictly: its tags only, properly nested, all closed."""
    if "<" not in source and "&" not in source:
        return source, []
    out: list[str] = []
    done: list[Entity] = []
    stack: list[tuple[str, int, Entity]] = []
    at = place = 0
    while at < len(source):
        here = source[at]
        if here == "&":
            piece, at = _reference(source, at)
            out.append(piece)
            place += units(piece)
        elif here != "<":
            stop = min((p for p in (source.find("<", at), source.find("&", at)) if p >= 0), default=len(source))
            out.append(source[at:stop])
            place += units(source[at:stop])
            at = stop
        elif source.startswith("</", at):
            at = _close(source, at, place, stack, done)
        else:
            at = _open(source, at, place, stack)
    if stack:
        raise _unparsed(f'Can\'t find end tag corresponding to start tag "{stack[-1][0]}"')
    done.sort(key=lambda entity: (entity["offset"], -entity["length"]))
    return "".join(out), done


def _unparsed(why: str) -> Exception:
    return bad(f"can't parse entities: {why}")


def _bytes_at(source: str, at: int) -> int:
    return len(source[:at].encode())


def _reference(source: str, at: int) -> tuple[str, int]:
    match = _REFERENCE.match(source, at)
    if match is None:
        return "&", at + 1
    decimal, hexadecimal, name = match.groups()
    if name:
        return _NAMED[name], match.end()
    code = int(decimal) if decimal else int(hexadecimal, 16)
    if code == 0 or code > 0x10FFFF or 0xD800 <= code < 0xE000:
        return "&", at + 1
    return chr(code), match.end()


def _open(source: str, at: int, place: int, stack: list[tuple[str, int, Entity]]) -> int:
    end = at + 1
    while end < len(source) and not source[end].isspace() and source[end] != ">":
        end += 1
    name = source[at + 1 : end].lower()
    if end == len(source):
        raise _unparsed(f"Unclosed start tag at byte offset {_bytes_at(source, at)}")
    if name not in TAGS:
        raise _unparsed(f'Unsupported start tag "{name}" at byte offset {_bytes_at(source, at)}')
    attributes: dict[str, str] = {}
    while match := _ATTRIBUTE.match(source, end):
        key, double, single, bare = match.groups()
        attributes[key.lower()] = html.unescape(double or single or bare or "")
        end = match.end()
    while end < len(source) and source[end].isspace():
        end += 1
    if end >= len(source):
        raise _unparsed(f"Unclosed start tag at byte offset {_bytes_at(source, at)}")
    if source[end] != ">":
        raise _unparsed(f'Empty attribute name in the tag "{name}" at byte offset {_bytes_at(source, end)}')
    stack.append((name, place, _entity(source, at, name, attributes, stack)))
    return end + 1


def _entity(
    source: str, at: int, name: str, attributes: dict[str, str], stack: list[tuple[str, int, Entity]]
) -> Entity:
    if name == "span" and attributes.get("class") != "tg-spoiler":
        raise _unparsed(f'Tag "span" must have class "tg-spoiler" at byte offset {_bytes_at(source, at)}')
    if name == "tg-emoji":
        if not attributes.get("emoji-id", "").isdigit():
            raise _unparsed("Invalid custom emoji identifier specified")
        return {"type": "custom_emoji", "custom_emoji_id": attributes["emoji-id"]}
    if name == "a":
        return {"type": "text_link", "url": attributes.get("href", "")}
    if name == "blockquote":
        return {"type": "expandable_blockquote" if "expandable" in attributes else "blockquote"}
    if name == "code" and stack and stack[-1][0] == "pre" and attributes.get("class", "").startswith("language-"):
        stack[-1][2]["language"] = attributes["class"].removeprefix("language-")
        return {"type": ""}
    return {"type": TAGS[name]}


def _close(source: str, at: int, place: int, stack: list[tuple[str, int, Entity]], done: list[Entity]) -> int:
    end = source.find(">", at)
    if not stack:
        raise _unparsed(f"Unexpected end tag at byte offset {_bytes_at(source, at)}")
    if end < 0:
        raise _unparsed(f"Unclosed end tag at byte offset {_bytes_at(source, at)}")
    name, start, entity = stack.pop()
    closing = source[at + 2 : end].strip().lower()
    if closing and closing != name:
        where = _bytes_at(source, at)
        raise _unparsed(f'Unmatched end tag at byte offset {where}, expected "</{name}>", found "</{closing}>"')
    if place > start and entity["type"] and entity.get("url") != "":
        kind = entity.pop("type")
        done.append({"type": kind, "offset": start, "length": place - start, **entity})
    return end + 1


def _given(entities: Any, text: str) -> list[Entity]:
    if not entities:
        return []
    if not isinstance(entities, list):
        raise bad("can't parse message entities JSON object")
    length = units(text)
    for entity in entities:
        if not isinstance(entity, dict) or not {"type", "offset", "length"} <= entity.keys():
            raise bad("can't parse MessageEntity: expected an Object")
        if entity["offset"] < 0 or entity["length"] < 0 or entity["offset"] + entity["length"] > length:
            raise bad("entity beginning at UTF-16 offset {offset} ends after the end of the text".format(**entity))
    return sorted((dict(e) for e in entities if e["length"]), key=lambda e: (e["offset"], -e["length"]))


def _trim(text: str, marks: list[Entity]) -> tuple[str, list[Entity]]:
    if not text or (not text[0].isspace() and not text[-1].isspace()):
        return text, marks
    text = text.rstrip()
    lead = len(text) - len(text.lstrip())
    if marks:
        lead = min(lead, marks[0]["offset"])
    text = text[lead:]
    length = units(text)
    kept = []
    for mark in marks:
        offset = mark["offset"] - lead
        size = min(mark["length"], length - offset)
        if size > 0:
            kept.append({**mark, "offset": offset, "length": size})
    return text, kept


def _complete(text: str, marks: list[Entity]) -> tuple[str, list[Entity]]:
    more = found(text)
    if not more:
        return text, marks
    closed = [m for m in marks if m["type"] in ("code", "pre", "text_link")]
    free = [e for e in more if not any(_overlap(e, m) for m in closed)]
    return text, sorted(marks + free, key=lambda e: (e["offset"], -e["length"]))


def _overlap(one: Entity, other: Entity) -> bool:
    return bool(one["offset"] < other["offset"] + other["length"] and other["offset"] < one["offset"] + one["length"])


def to_html(text: str, entities: list[Entity]) -> str:
    """Write plain text and entities as HTML again, for pages and for tests that compare formatting."""
    if not entities:
        return html.escape(text, quote=False)
    opens: dict[int, list[str]] = {}
    closes: dict[int, list[str]] = {}
    for entity in entities:
        start, end = entity["offset"], entity["offset"] + entity["length"]
        if entity["type"] == "text_link":
            opens.setdefault(start, []).append(f'<a href="{html.escape(entity["url"])}">')
            closes.setdefault(end, []).insert(0, "</a>")
        elif entity["type"] in OPEN:
            opens.setdefault(start, []).append(OPEN[entity["type"]])
            closes.setdefault(end, []).insert(0, CLOSE[entity["type"]])
    out: list[str] = []
    place = 0
    for letter in text:
        out += closes.pop(place, []) + opens.pop(place, [])
        out.append(html.escape(letter, quote=False))
        place += 2 if ord(letter) > 0xFFFF else 1
    return "".join(out + closes.pop(place, []))
