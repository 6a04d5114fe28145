"""Judges a run by what the database keeps and what the double saw, apart from the workflow that brought it about."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Table, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.channels.telegram_text import body, parts
from bot.storage.crypto import KeyRing
from bot.storage.database import Database, open_database
from bot.workflow.ports import Message
from tests.chaos.mind import KEPT, Unkilled, acts_in, replay
from tests.telegram_double import Double
from tests.telegram_double.journal import Call

SLACK_SECONDS = 2.0
"""A call that a process made before it was killed may be read by the double a little after."""
SAID = frozenset({"sendmessage", "editmessagetext"})


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that is wrong: which rule, whose chat, what."""

    rule: str
    chat: int | None
    what: str

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.rule}: chat {self.chat}: {self.what}"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A message of the outbox."""

    id: int
    state: str
    text: str
    rows: Any
    pieces: tuple[str, ...]
    """What Telegram is to be sent of it."""
    uncertain: bool


@dataclass(kw_only=True)
class Kept:
    """Everything that is kept of one client."""

    tables: dict[str, list[Any]]
    runs: dict[str, list[int]]
    """By screening, the numbers of its answers."""
    outbox: list[Row]


@dataclass(kw_only=True)
class Trouble:
    """What may explain one repeat in each chat: from when to when, by the double's clock, something was broken."""

    windows: list[tuple[float, float]] = field(default_factory=list)


@dataclass(kw_only=True)
class Verdict:
    """The findings of a run, and what was counted in it."""

    findings: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


async def judge(double: Double, people: Mapping[int, Unkilled], url: str, key_file: Path, trouble: Trouble) -> Verdict:
    """Judge a run that is over: nothing serves the database any more."""
    database = await open_database(url, KeyRing.open(key_file, create=False), worker=False)
    try:
        async with database.engine.connect() as connection:
            chats = await _chats(connection, database)
            kept = {chat: await _kept(connection, database, person_id) for chat, person_id in chats.items()}
            inbox = await _inbox(connection, database)
    finally:
        await database.close()
    verdict = Verdict()
    verdict.findings += _updates(double, inbox)
    for chat, unkilled in people.items():
        if chat not in kept:
            verdict.findings.append(Finding(rule="nobody kept", chat=chat, what="the client is not in the database"))
            continue
        verdict.findings += _client(double, chat, unkilled, kept[chat], trouble, verdict.counts)
    verdict.findings += [
        Finding(rule="stranger", chat=chat, what="kept, but never wrote") for chat in kept if chat not in people
    ]
    verdict.findings += _order(double, trouble)
    verdict.counts["updates"] = len([u for u in double.journal.updates() if not u.refused])
    for call in double.journal.calls():
        if call.fault and call.fault != "client gone":
            verdict.counts[f"{call.method}: {call.fault}"] += 1
    return verdict


async def still_waiting(url: str, key_file: Path) -> int:
    """Count what the house has still to do: events to handle, messages to send."""
    database = await open_database(url, KeyRing.open(key_file, create=False), worker=False)
    t = database.tables
    try:
        async with database.engine.connect() as connection:
            events = select(func.count()).where(t.inbox.c.state == "waiting")
            messages = select(func.count()).where(t.outbox.c.state.in_(("waiting", "sending")))
            return int(await connection.scalar(events) or 0) + int(await connection.scalar(messages) or 0)
    finally:
        await database.close()


async def _chats(connection: AsyncConnection, database: Database) -> dict[int, int]:
    t = database.tables.address
    rows = await connection.execute(select(t.c.value, t.c.person_id))
    return {int(row.value["chat"]): row.person_id for row in rows}


async def _kept(connection: AsyncConnection, database: Database, person_id: int) -> Kept:
    t = database.tables
    tables = {}
    for name in KEPT:
        table: Table = getattr(t, name)
        newest_last = table.c.id if "id" in table.c else table.c.at
        rows = await connection.execute(table.select().where(table.c.person_id == person_id).order_by(newest_last))
        tables[name] = [row.value["flag"]["id"] if name == "flag" else row.value for row in rows]
    answers = await connection.execute(
        select(t.answer.c.screening, t.answer.c.seq).where(t.answer.c.person_id == person_id).order_by(t.answer.c.id)
    )
    runs: dict[str, list[int]] = defaultdict(list)
    for screening, seq in answers:
        runs[screening].append(seq)
    messages = await connection.execute(
        t.outbox.select().where(t.outbox.c.person_id == person_id).order_by(t.outbox.c.id)
    )
    return Kept(tables=tables, runs=runs, outbox=[_row(row) for row in messages])


def _row(row: Any) -> Row:
    text, rows = row.message["text"], row.message["rows"]
    # Of the product only the layout is used here: what one message looks like in parts that fit.
    pieces = tuple(parts(body(Message(text=text, rows=tuple(rows)))))
    return Row(id=row.id, state=row.state, text=text, rows=rows, pieces=pieces, uncertain=row.uncertain)


async def _inbox(connection: AsyncConnection, database: Database) -> list[tuple[str, str, str]]:
    t = database.tables.inbox
    rows = await connection.execute(select(t.c.source, t.c.value, t.c.state).order_by(t.c.id))
    return [(row.source, row.value["key"], row.state) for row in rows]


def _updates(double: Double, inbox: Sequence[tuple[str, str, str]]) -> Iterator[Finding]:
    """Hold the inbox against the updates there were: each is there once, and handled."""
    bot = double.token.partition(":")[0]
    states: dict[str, list[str]] = defaultdict(list)
    for source, key, state in inbox:
        if source == "telegram":
            states[key].append(state)
    for update in double.journal.updates():
        found = states.pop(f"{bot}:{update.update_id}", [])
        if not update.refused and found != ["done"]:
            what = f"update {update.update_id} ({update.kind}, {update.fate}) is in the inbox as {found or 'nothing'}"
            yield Finding(rule="update lost" if not found else "update not done", chat=update.chat, what=what)
    for key, found in states.items():
        yield Finding(rule="update made up", chat=None, what=f"{key} as {found} was never sent")


def _client(
    double: Double, chat: int, unkilled: Unkilled, kept: Kept, trouble: Trouble, counts: Counter[str]
) -> Iterator[Finding]:
    updates = double.journal.updates(chat)
    acts = acts_in([u.data for u in updates])
    counts["taps and words"] += len(acts)
    expected = unkilled
    if acts != unkilled.acts:  # a tap was tried again, or a card came twice: what they did once each is what counts
        counts["clients who did otherwise"] += 1
        done = replay(unkilled.mind, unkilled.name, [u.data for u in updates])
        # What that comes to has to be what it would have been, but for messages that say a button is old.
        yield from _differ(chat, "another result", done.kept, unkilled.kept)
        expected = replace(unkilled, said=done.said)
    yield from _differ(chat, "kept otherwise", kept.tables, expected.kept)
    for screening, numbers in kept.runs.items():
        if numbers != list(range(1, len(numbers) + 1)):
            yield Finding(rule="answers out of order", chat=chat, what=f"{screening}: {numbers}")
    yield from _said(chat, kept.outbox, expected)
    counts["answers"] += len(kept.tables["answer"])
    counts["assessments"] += len(kept.tables["assessment"])
    counts["messages"] += len(kept.outbox)
    calls = [call for call in double.journal.calls(chat=chat) if call.method.lower() in SAID]
    yield from _delivered(chat, kept.outbox, calls, trouble, counts)
    yield from _answered(double, chat, trouble, counts)


def _differ(
    chat: int, rule: str, found: Mapping[str, Sequence[Any]], wanted: Mapping[str, Sequence[Any]]
) -> Iterator[Finding]:
    for table in KEPT:
        if list(found[table]) == list(wanted[table]):
            continue
        place, pair = _first_difference(found[table], wanted[table])
        counted = f"{len(found[table])} rows, {len(wanted[table])} wanted"
        yield Finding(rule=rule, chat=chat, what=f"{table}: {counted}; first at {place}: {_short(pair)}")


def _said(chat: int, outbox: Sequence[Row], expected: Unkilled) -> Iterator[Finding]:
    """Hold what was put out against what would have been said: every message once, in order."""
    found, wanted = [(row.text, row.rows) for row in outbox], list(expected.said)
    if found != wanted:
        place, pair = _first_difference(found, wanted)
        what = f"{len(found)} messages, {len(wanted)} wanted; first at {place}: {_short(pair)}"
        yield Finding(rule="said otherwise", chat=chat, what=what)
    for row in outbox:
        if row.state not in ("sent", "superseded"):
            yield Finding(
                rule="not delivered", chat=chat, what=f"outbox row {row.id} is {row.state}: {row.text[:60]!r}"
            )


def _delivered(
    chat: int, outbox: Sequence[Row], calls: Sequence[Call], trouble: Trouble, counts: Counter[str]
) -> Iterator[Finding]:
    """Hold what reached the phone against the outbox: all that is sent came, in order; what came twice has a reason.

    A superseded message may have come, if the kill came after its sending and before it was marked.
    """
    pieces = [(piece, row, number) for row in outbox for number, piece in enumerate(row.pieces)]
    came: list[Call | None] = [None] * len(pieces)
    place, reasons = 0, list(trouble.windows)
    for call in calls:
        there_already = "not modified" in call.description
        if not call.applied and not there_already:
            continue
        ahead = _find(pieces, place, str(call.params["text"]))
        if ahead is not None:
            came[ahead], place = call, ahead + 1
            continue
        back = _find_back(pieces, place, str(call.params["text"]))
        before = came[back] if back is not None else None
        if back is None or before is None:
            yield Finding(rule="nobody's message", chat=chat, what=_called(call))
            continue
        if there_already:  # an edit that changed nothing was no repeat to its reader
            continue
        counts["repeats"] += 1
        reason = _reason(reasons, before.at, call.at)
        if reason is not None:
            reasons.remove(reason)
        elif before.ok:  # what was not answered has an unknown fate, and is repeated once
            yield Finding(rule="repeated without a reason", chat=chat, what=_called(call))
        came[back], place = call, back + 1
    for once, (piece, row, _) in zip(came, pieces, strict=True):
        if once is None and row.state == "sent":
            yield Finding(rule="never came", chat=chat, what=f"outbox row {row.id}: {piece[:60]!r}")


def _find(pieces: Sequence[tuple[str, Row, int]], place: int, text: str) -> int | None:
    """Find the piece that comes next; superseded messages on the way may never have been sent."""
    for ahead in range(place, len(pieces)):
        piece, row, _ = pieces[ahead]
        if piece == text:
            return ahead
        if row.state != "superseded":
            return None
    return None


def _find_back(pieces: Sequence[tuple[str, Row, int]], place: int, text: str) -> int | None:
    """Find the piece again in the message that came last, which may be said anew from its beginning."""
    if place == 0:
        return None
    last = pieces[place - 1][1].id
    held = [number for number in range(place) if pieces[number][1].id == last and pieces[number][0] == text]
    return held[-1] if held else None


def _reason(windows: Sequence[tuple[float, float]], before: float, after: float) -> tuple[float, float] | None:
    return next((w for w in windows if before - SLACK_SECONDS <= w[1] and w[0] <= after), None)


def _answered(double: Double, chat: int, trouble: Trouble, counts: Counter[str]) -> Iterator[Finding]:
    """Every tap is answered at once, so that its button stops spinning; a kill just then may cost that."""
    said = [c.at for c in double.journal.calls(chat=chat) if c.method.lower() in SAID]
    tried = {c.params.get("callback_query_id") for c in double.journal.calls("answerCallbackQuery") if not c.ok}
    for tap in double.journal.unanswered_callbacks(chat):
        counts["taps unanswered"] += 1
        until = next((at for at in said if at >= tap.at), double.now())
        if tap.query_id not in tried and _reason(trouble.windows, tap.at, until + SLACK_SECONDS) is None:
            yield Finding(rule="tap not answered", chat=chat, what=f"{tap.data} at {tap.at - double.journal.epoch:.1f}")


def _order(double: Double, trouble: Trouble) -> Iterator[Finding]:
    for before, after in double.journal.out_of_order():
        if isinstance(before, Call) and _reason(trouble.windows, before.at, after.at + SLACK_SECONDS) is None:
            yield Finding(rule="overlap", chat=before.chat, what=f"{_called(before)} | {_called(after)}")


def _called(call: Call) -> str:
    return f"{call.method} no. {call.seq} ({call.outcome}): {str(call.params.get('text'))[:60]!r}"


def _first_difference(found: Sequence[Any], wanted: Sequence[Any]) -> tuple[int, tuple[Any, Any]]:
    for place in range(max(len(found), len(wanted))):
        pair = tuple(side[place] if place < len(side) else None for side in (found, wanted))
        if pair[0] != pair[1]:
            return place, (pair[0], pair[1])
    raise AssertionError("no difference")


def _short(pair: tuple[Any, Any]) -> str:
    """Show two values that differ from where they do."""
    one, other = (str(value) for value in pair)
    same = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
    begins = max(same - 30, 0)
    return f"{one[begins : begins + 100]!r} for {other[begins : begins + 100]!r}"
