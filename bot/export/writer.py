"""Writes the files that go out with messages, from the record as it is when they are sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from bot.coaching.record import Flagged, Record, without_private
from bot.export import copy, fhir, tables
from rules import Library
from rules.daily import next_session
from rules.progression import Prescribed

Read: TypeAlias = Callable[[int, int, str], Awaitable[Record]]
"""The id of who gets a file, the id of the client, and the file's kind -> the client's record; raises LookupError."""


Clip: TypeAlias = Callable[[int, int], Awaitable[Mapping[str, str]]]
"""The id of who gets a clip, the id of the client -> its file and kind on the channel; raises LookupError."""


class Writer:
    """Writes files by their kind. *say* gives, for a language, how the bot's own lines are said in plain text."""

    def __init__(self, read: Read, clip: Clip, library: Library, say: Callable[[str], copy.Say]) -> None:
        self._read, self._clip, self._library, self._say = read, clip, library, say
        self._by_kind: Mapping[str, Callable[[Record, str], bytes]] = {
            "mydata.json": lambda record, _: copy.as_json(record).encode(),
            "mydata.html": self._readable,
            "export.zip": self._export,
            "plan.pdf": self._sheet,
            "letter.pdf": self._letter,
        }

    async def write(self, paper: Mapping[str, Any]) -> bytes:
        """Give a message's file: `viewer` gets it, it is about `client`.

        Raises ValueError for a kind that nobody writes or that there is nothing for, LookupError for a client who
        isn't the viewer's.
        """
        kind, language = str(paper.get("kind")), str(paper.get("language", "en"))
        if kind == "clip":  # not a file of ours: where the channel has it
            return json.dumps(await self._clip(int(paper["viewer"]), int(paper["client"]))).encode()
        if kind not in self._by_kind:
            raise ValueError(f"a file of kind {kind!r}; known: {', '.join(self._by_kind)}")
        record = await self._read(int(paper["viewer"]), int(paper["client"]), kind)
        if paper["viewer"] != paper["client"]:
            record = without_private(record)
        return await asyncio.to_thread(self._by_kind[kind], record, language)

    def _readable(self, record: Record, language: str) -> bytes:
        words_of = copy.words_in(self._library, language)
        return copy.readable(record, self._say(language), words_of=words_of).encode()

    def _export(self, record: Record, _: str) -> bytes:
        """Give the record as tables, as JSON and, for each screen that was screened with, as FHIR."""
        zone = record.rhythm.zone if record.rhythm is not None else "UTC"
        files: dict[str, str | bytes] = {f"{name}.csv": text for name, text in tables.as_csv(record, zone=zone).items()}
        files["record.json"] = copy.as_json(record)
        screens = dict.fromkeys(one.assessment.screen for one in record.assessments) or dict.fromkeys(
            self._library.screens
        )
        for name in screens:
            if name in self._library.screens:
                bundle = fhir.as_fhir(record, self._library.screens[name])
                files[f"fhir-{name}.json"] = json.dumps(bundle, ensure_ascii=False, indent=1)
        return tables.as_zip(files, at=record.at)

    def _sheet(self, record: Record, language: str) -> bytes:
        from bot.export import paper  # a third of a second that other files do without

        words_of = copy.words_in(self._library, language)
        return paper.plan_sheet(record, self._say(language), words_of=words_of, exercises=self._today(record))

    def _today(self, record: Record) -> tuple[Prescribed, ...] | None:
        """Give what the next session asks for; None where that is not known."""
        plan = record.plans[-1].plan if record.plans else None
        facts = record.assessments[-1].facts if record.assessments else None
        if plan is None or facts is None or plan.screen not in self._library.screens:
            return None
        screen = self._library.screens[plan.screen]
        today = next_session(screen, plan, record.log, record.at.date(), facts=facts)
        return today.items or None

    def _letter(self, record: Record, language: str) -> bytes:
        from bot.export import paper

        flag = for_a_letter(record)
        if flag is None:
            raise ValueError("nothing that a clinician should look at stands")
        return paper.letter(record, flag, self._say(language), words_of=copy.words_in(self._library, language))


def for_a_letter(record: Record) -> Flagged | None:
    """Give the flag that a letter is about: of those that stand and are for a clinician, the gravest, newest one."""
    grave = ("clinician", "urgent", "emergency")
    standing = [one for one in record.flags if one.closed_at is None and one.flag.urgency in grave]
    return max(standing, key=lambda one: (grave.index(one.flag.urgency), one.raised_at), default=None)
