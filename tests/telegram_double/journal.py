"""The journal: every update and every call in the order of time, with the questions tests ask of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

SENDS = frozenset(
    [
        "sendmessage",
        "sendphoto",
        "senddocument",
        "sendanimation",
        "sendvoice",
        "sendvideo",
        "sendvideonote",
        "sendaudio",
        "editmessagetext",
        "editmessagecaption",
        "editmessagemedia",
        "editmessagereplymarkup",
        "deletemessage",
    ]
)


@dataclass(slots=True)
class UpdateEntry:
    """One update: when it came to be, was handed out (polled or posted) and confirmed."""

    seq: int
    at: float
    update_id: int
    kind: str
    chat: int | None
    data: dict[str, Any]
    fetches: int = 0
    fetched_at: float | None = None
    confirmed_at: float | None = None
    refused: bool = False

    @property
    def fate(self) -> str:
        """Say how far it got: filtered, waiting, fetched or confirmed."""
        if self.refused:
            return "filtered"
        if self.confirmed_at is not None:
            return "confirmed"
        return "fetched" if self.fetches else "waiting"


@dataclass(slots=True)
class Call:
    """One API call: what was asked, what came of it; `applied` tells whether it had its effect."""

    seq: int
    at: float
    method: str
    params: dict[str, Any]
    chat: int | None
    status: int | None = None
    description: str = ""
    result: Any = None
    applied: bool = False
    fault: str = ""
    done_at: float | None = None
    done_seq: int | None = None

    @property
    def ok(self) -> bool:
        """Tell whether the client was answered with ok."""
        unheard = self.fault.startswith(("hang", "drop", "half", "garbage"))
        return self.status == 200 and not self.description and not unheard

    @property
    def outcome(self) -> str:
        """Say the outcome in a few words."""
        if self.done_at is None:
            return "pending"
        words = "ok" if self.ok else f"{self.status or 'no answer'} {self.description}".strip()
        if self.fault:
            words += f" [fault: {self.fault}{', applied' if self.applied and not self.ok else ''}]"
        return words


@dataclass(slots=True)
class Callback:
    """One tap: its query, and how it was answered."""

    query_id: str
    chat: int
    user: int
    data: str
    message_id: int
    at: float
    seq: int
    answer: dict[str, Any] | None = None
    answered_at: float | None = None
    answered_seq: int | None = None


@dataclass
class Journal:
    """Collect entries; `polls` counts getUpdates calls that brought nothing and are not kept."""

    entries: list[UpdateEntry | Call] = field(default_factory=list)
    callbacks: dict[str, Callback] = field(default_factory=dict)
    polls: int = 0
    seq: int = 0
    epoch: float = 0.0

    def next_seq(self) -> int:
        """Count one more thing that happened."""
        self.seq += 1
        return self.seq

    def update(self, at: float, data: dict[str, Any], chat: int | None) -> UpdateEntry:
        """Note an update as it comes to be."""
        kind = next((name for name in data if name != "update_id"), "")
        entry = UpdateEntry(self.next_seq(), at, data["update_id"], kind, chat, data)
        self.entries.append(entry)
        return entry

    def call(self, at: float, method: str, params: dict[str, Any], chat: int | None, *, keep: bool = True) -> Call:
        """Note a call as it arrives; one that is not kept yet takes its place in `end`."""
        entry = Call(self.next_seq() if keep else 0, at, method, params, chat)
        if keep:
            self.entries.append(entry)
        return entry

    def end(self, call: Call, at: float, *, poll: bool = False) -> None:
        """Note that a call has ended; a poll takes its place now, and one that brought nothing is only counted."""
        call.done_at = at
        if poll and call.result == 0:
            self.polls += 1
            return
        call.done_seq = self.next_seq()
        if poll:
            call.seq = call.done_seq
            self.entries.append(call)

    def calls(self, method: str | None = None, chat: int | None = None, *, ok: bool | None = None) -> list[Call]:
        """List calls in order of arrival, by method (any case), chat and outcome."""
        name = method.lower() if method else None
        return [
            entry
            for entry in self.entries
            if isinstance(entry, Call)
            and (name is None or entry.method.lower() == name)
            and (chat is None or entry.chat == chat)
            and (ok is None or entry.ok is ok)
        ]

    def updates(self, chat: int | None = None, kind: str | None = None) -> list[UpdateEntry]:
        """List updates in order, by chat and kind."""
        return [
            entry
            for entry in self.entries
            if isinstance(entry, UpdateEntry)
            and (chat is None or entry.chat == chat)
            and (kind is None or entry.kind == kind)
        ]

    def repeats(self) -> list[tuple[Call, Call]]:
        """List pairs of identical sends that took effect in one chat with no update of that chat between."""
        last: dict[int, Call] = {}
        pairs: list[tuple[Call, Call]] = []
        for entry in self.entries:
            if isinstance(entry, UpdateEntry):
                if entry.chat is not None and not entry.refused:
                    last.pop(entry.chat, None)
            elif entry.applied and entry.chat is not None and entry.method.lower().startswith("send"):
                if entry.method.lower() == "sendchataction":
                    continue
                before = last.get(entry.chat)
                if before and before.method.lower() == entry.method.lower() and before.params == entry.params:
                    pairs.append((before, entry))
                last[entry.chat] = entry
        return pairs

    def unanswered_callbacks(self, chat: int | None = None) -> list[Callback]:
        """List taps that no answerCallbackQuery has answered."""
        return [c for c in self.callbacks.values() if c.answer is None and (chat is None or c.chat == chat)]

    def unfetched(self) -> list[UpdateEntry]:
        """List updates that the bot has not been handed yet."""
        return [entry for entry in self.updates() if not entry.fetches and not entry.refused]

    def out_of_order(self, number: Callable[[Call], Any] | None = None) -> list[tuple[Any, Any]]:
        """List what breaks the order within a chat.

        Pairs of sends, edits or deletes of one chat that overlapped in time (the later began before the earlier had
        ended), and of taps of one user whose answers came in another order. `number` reads a rising number from an
        applied call (None to skip it); calls whose number falls are listed too.
        """
        pairs: list[tuple[Any, Any]] = []
        open_call: dict[int, Call] = {}
        highest: dict[int, tuple[Any, Call]] = {}
        for call in self.calls():
            if call.chat is None or call.method.lower() not in SENDS:
                continue
            before = open_call.get(call.chat)
            if before and (before.done_seq is None or before.done_seq > call.seq):
                pairs.append((before, call))
            open_call[call.chat] = call
            value = number(call) if number and call.applied else None
            if value is not None:
                if call.chat in highest and value < highest[call.chat][0]:
                    pairs.append((highest[call.chat][1], call))
                else:
                    highest[call.chat] = (value, call)
        answered: dict[int, Callback] = {}
        for tap in self.callbacks.values():
            if tap.answered_seq is None:
                continue
            earlier = answered.get(tap.user)
            if earlier and earlier.answered_seq is not None and earlier.answered_seq > tap.answered_seq:
                pairs.append((earlier, tap))
            answered[tap.user] = tap
        return pairs

    def text(self, chat: int | None = None) -> str:
        """Print the journal, one line an entry."""
        lines = [_line(entry, self.epoch) for entry in self.entries if chat is None or entry.chat == chat]
        if chat is None:
            lines.append(f"empty polls: {self.polls}")
        return "\n".join(lines)

    __str__ = text


def _line(entry: UpdateEntry | Call, epoch: float) -> str:
    where = "" if entry.chat is None else f" chat {entry.chat}"
    if isinstance(entry, UpdateEntry):
        what = f"{entry.update_id} {entry.kind}{where} {_gist(entry.data.get(entry.kind))}"
        return f"{entry.seq:>5} {entry.at - epoch:9.3f} > {what} ({entry.fate})"
    took = "" if entry.done_at is None else f" {1000 * (entry.done_at - entry.at):.0f} ms"
    return (
        f"{entry.seq:>5} {entry.at - epoch:9.3f} < {entry.method}{where} {_gist(entry.params)} = {entry.outcome}{took}"
    )


def _gist(body: Any) -> str:
    if isinstance(body, dict):
        body = {
            k: v for k, v in body.items() if k not in ("from", "chat", "chat_id", "message", "date", "chat_instance")
        }
    shown = json.dumps(body, ensure_ascii=False, default=str)
    return shown if len(shown) <= 160 else shown[:157] + "…"
