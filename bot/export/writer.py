"""Writes the files that go out with messages, from the record as it is when they are sent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from bot.coaching.record import Record
from bot.export import copy
from rules import Library

Read: TypeAlias = Callable[[int, int, str], Awaitable[Record]]
"""The id of who gets a file, the id of the client, and the file's kind -> the client's record; raises LookupError."""


class Writer:
    """Writes files by their kind. *say* gives, for a language, how the bot's own lines are said in plain text."""

    def __init__(self, read: Read, library: Library, say: Callable[[str], copy.Say]) -> None:
        self._read, self._library, self._say = read, library, say

    async def write(self, paper: Mapping[str, Any]) -> bytes:
        """Give a message's file: `viewer` gets it, it is about `client`.

        Raises ValueError for a kind that nobody writes, LookupError for a client who isn't the viewer's.
        """
        kind, language = str(paper.get("kind")), str(paper.get("language", "en"))
        if kind not in ("mydata.json", "mydata.html"):
            raise ValueError(f"a file of kind {kind!r}; known: mydata.json, mydata.html")
        record = await self._read(int(paper["viewer"]), int(paper["client"]), kind)
        return await asyncio.to_thread(self._written, kind, record, language)

    def _written(self, kind: str, record: Record, language: str) -> bytes:
        if kind == "mydata.json":
            return copy.as_json(record).encode()
        words_of = copy.words_in(self._library, language)
        return copy.readable(record, self._say(language), words_of=words_of).encode()
