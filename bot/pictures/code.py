"""A text -> a QR code as PNG or for a terminal."""

from __future__ import annotations

import io
from typing import Any

import segno
from pydantic import BaseModel, ConfigDict

SCALE = 8
"""Pixels a module: large enough for a phone to read from another phone's screen."""


class Code(BaseModel):
    """What is drawn: a text, most often a link."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str = "qr"
    text: str


def draw(code: Code) -> bytes:
    """Draw a code as PNG: black on white whatever the screen, as readers want it."""
    out = io.BytesIO()
    made(code.text).save(out, kind="png", scale=SCALE, dark="black", light="white")
    return out.getvalue()


def for_terminal(text: str) -> str:
    """Give a code as lines of block characters."""
    out = io.StringIO()
    made(text).terminal(out, compact=True)
    return out.getvalue()


def made(text: str) -> Any:
    """Make a code; M survives a thumb on the screen."""
    return segno.make(text, micro=False, error="m")
