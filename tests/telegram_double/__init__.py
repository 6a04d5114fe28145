"""A strict double of the Telegram Bot API, for tests and for trying the bot by hand."""

from __future__ import annotations

from .chats import Message
from .double import Double
from .faults import (
    Fault,
    Script,
    bad_gateway,
    blocked,
    drop_after,
    drop_before,
    garbage,
    half,
    hang,
    refuse,
    server_error,
    slow,
    too_many,
)
from .journal import Call, Callback, Journal, UpdateEntry
from .render import render_text
from .serve import serve
from .users import Group, User, png

__all__ = [
    "Call",
    "Callback",
    "Double",
    "Fault",
    "Group",
    "Journal",
    "Message",
    "Script",
    "UpdateEntry",
    "User",
    "bad_gateway",
    "blocked",
    "drop_after",
    "drop_before",
    "garbage",
    "half",
    "hang",
    "png",
    "refuse",
    "render_text",
    "serve",
    "server_error",
    "slow",
    "too_many",
]
