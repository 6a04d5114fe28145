"""A message's picture -> PNG, drawn beside the event loop; its file is written by whoever is given for that."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pydantic import ValidationError


class ThreadPainter:
    """Draws in a thread, so that nobody waits for another's picture. *write* writes files."""

    def __init__(self, write: Callable[[Mapping[str, Any]], Awaitable[bytes]] | None = None) -> None:
        self._write = write

    async def write(self, paper: Mapping[str, Any]) -> bytes:
        """Give a message's file; raises ValueError or LookupError for one that can't be made."""
        if self._write is None:
            raise ValueError("nobody writes files here")
        return await self._write(paper)

    async def paint(self, picture: Mapping[str, Any]) -> bytes:
        """Give a picture as PNG; raises ValueError for one of a kind that nobody draws, or that lacks something."""
        return await asyncio.to_thread(draw, picture)


def draw(picture: Mapping[str, Any]) -> bytes:
    """Draw a picture by its kind; raises ValueError."""
    if picture.get("kind") == "qr":
        return _code(picture)
    if picture.get("kind") != "progress":
        raise ValueError(f"a picture of kind {picture.get('kind')!r}; known: progress, qr")
    from bot.pictures import chart  # half a second of imports that nobody pays who looks at no picture

    try:
        return chart.draw(chart.Chart.model_validate(picture))
    except ValidationError as error:
        raise ValueError(f"a chart that can't be drawn: {error}") from error


def _code(picture: Mapping[str, Any]) -> bytes:
    from bot.pictures import code

    try:
        return code.draw(code.Code.model_validate(picture))
    except ValueError as error:  # segno's for a text that is too long is one
        raise ValueError(f"a code that can't be drawn: {type(error).__name__}") from None
