"""A message's picture -> PNG, drawn beside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError


class ThreadPainter:
    """Draws in a thread, so that nobody waits for another's picture."""

    async def paint(self, picture: Mapping[str, Any]) -> bytes:
        """Give a picture as PNG; raises ValueError for one of a kind that nobody draws, or that lacks something."""
        return await asyncio.to_thread(draw, picture)


def draw(picture: Mapping[str, Any]) -> bytes:
    """Draw a picture by its kind; raises ValueError."""
    if picture.get("kind") != "progress":
        raise ValueError(f"a picture of kind {picture.get('kind')!r}; known: progress")
    from bot.pictures import chart  # half a second of imports that nobody pays who looks at no picture

    try:
        return chart.draw(chart.Chart.model_validate(picture))
    except ValidationError as error:
        raise ValueError(f"a chart that can't be drawn: {error}") from error
