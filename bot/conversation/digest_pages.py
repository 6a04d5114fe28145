"""A coach's digest and week as messages for a phone: who, why in one line, and what is proposed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime

from bot.coaching.alerts import DRAFTS, Alert
from bot.coaching.digest import Changed, Deed, Digest, Entry, Weekly, gravest
from bot.coaching.digest import Rule as Seldom
from bot.conversation import timing
from bot.conversation.desk_pages import data
from bot.conversation.effects import Button, ButtonRow, Joined, Line, Say, Slot
from bot.timetable.rhythm import tz
from rules import Library
from rules.course import TASK_SMALL

CARD = "digest"
LONGEST_NAME, LONGEST_WORDS = 18, 60
"""A name, and a client's words, are cut there: a line of a phone has about forty letters. A proposal."""
MOST_CHANGES = 12
"""So many changes of a week are listed. A proposal."""
SILENCES = ("blocked", "send_failed", "unanswered", "snoozed", "paused")
HOUR, DAY = 3600, 86400


def digest_page(digest: Digest, at: datetime, *, library: Library, zone: str | None, anew: bool = False) -> Say:
    """Lay out a digest: who needs the coach now, what to decide, who does well, and all others as a number."""
    here = at.astimezone(tz(zone)) if zone is not None else at
    head = Line(key="digest.head", values={"day": timing.short_date(here.date()), "count": digest.clients})
    paragraphs = [head]
    if digest.now:
        lines = [Line(key="digest.now", values={"count": len(digest.now)})]
        lines += [_now(entry, at, library) for entry in digest.now]
        paragraphs.append(_block(lines))
    if digest.decide:
        lines = [Line(key="digest.decide", values={"count": len(digest.decide)})]
        lines += [_decide(entry, number, library) for number, entry in enumerate(digest.decide, 1)]
        paragraphs.append(_block(lines))
    if not digest.says_something:
        paragraphs.append(Line(key="digest.nothing"))
    paragraphs.append(_block(list(_rest(digest))))
    rows = tuple(_rows(digest))
    return Say(paragraphs=tuple(paragraphs), rows=rows, card=CARD, anew=anew, stands=True, about=digest.named)


def _rest(digest: Digest) -> Iterator[Line]:
    if digest.well:
        named = tuple(
            Line(
                key="digest.well_one",
                values={"name": _short(well.name, well.id), "how": Line(key=f"digest.{well.how}")},
            )
            for well in digest.well
        )
        yield Line(key="digest.well", values={"names": Joined(items=named, glue=", ")})
    yield Line(key="digest.others", values={"count": digest.others})
    if digest.postponed:
        yield Line(key="digest.next_time", values={"count": digest.postponed})


def _block(lines: Sequence[Line]) -> Line:
    return Line(key="bot.list", values={"items": Joined(items=tuple(lines), glue="\n")})


def _short(name: str, number: int) -> str:
    shown = name or f"no. {number}"
    return shown if len(shown) <= LONGEST_NAME else f"{shown[: LONGEST_NAME - 1].rstrip()}…"


def _now(entry: Entry, at: datetime, library: Library) -> Line:
    alert = entry.alert
    urgency = gravest(alert).urgency if alert is not None else "urgent"
    values: dict[str, Slot] = {
        "name": _short(entry.name, entry.id),
        "urgency": Line(key=f"digest.urgency.{urgency}"),
        "seen": Line(key="digest.seen" if alert is not None and alert.state != "open" else "digest.not_seen"),
        "for": _for(entry.since, at),
        "why": _why_alert(alert, library),
    }
    said = Line(key="digest.now_one", values=values)
    notes = int(entry.fact.get("notes", 0))
    return Line(key="digest.with_notes", values={"said": said, "count": notes}) if notes else said


def _for(since: datetime | None, at: datetime) -> Line:
    """Say how long, in whole hours or days."""
    seconds = (at - since).total_seconds() if since is not None else 0
    days = seconds >= 2 * DAY
    count = int(seconds // (DAY if days else HOUR))
    return Line(key="digest.days" if days else "digest.hours", values={"n": count})


def _why_alert(alert: Alert | None, library: Library) -> Line:
    if alert is None:
        return Line(key="desk.wrote")
    reason = gravest(alert)
    match reason.kind:
        case "flag":
            return _flag(reason.what, reason.screen, library)
        case "unanswered":
            return Line(key="digest.unanswered", values={"what": _flag(reason.what, reason.screen, library)})
        case "pain":
            found = re.search(r"\bpain=(\d+)", reason.what)
            if found is not None:
                return Line(key="digest.pain", values={"pain": found[1]})
            return Line(key="digest.pain_untold")
        case "course":
            return Line(key=f"desk.course.{reason.what}")
    words = reason.words or ""
    if not words:
        return Line(key="desk.wrote")
    cut = words if len(words) <= LONGEST_WORDS else f"{words[: LONGEST_WORDS - 1].rstrip()}…"
    return Line(key="digest.words", values={"words": cut})


def _flag(flag_id: str, screen_id: str, library: Library) -> Line:
    """Give a flag's summary in the words of the screen in which it was raised, else of any that has it."""
    screens = library.screens
    likely = [screens[screen_id]] if screen_id in screens else []
    for screen in (*likely, *screens.values()):
        if any(rule.id == flag_id for rule in screen.safety.flags):
            return Line(key=f"{screen.id}/flag.{flag_id}.summary")
    return Line(key="digest.old_flag", values={"flag": flag_id})  # a rule that is no longer: its id is all there is


def _decide(entry: Entry, number: int, library: Library) -> Line:
    fact, more = entry.fact, int(entry.fact.get("more", 0))
    match entry.why:
        case "flag":
            why = _flag(str(fact["flag"]), str(fact["screen"]), library)
            if more:
                why = Line(key="digest.and_more", values={"what": why, "count": more})
        case "asks":
            why = _why_alert(entry.alert, library)
        case "silent":
            why = Line(key=f"digest.silent.{fact['kind']}")
        case "stalled":
            why = Line(key=f"digest.stalled.{fact['rule']}")
        case _:
            why = Line(key=f"digest.fact.{entry.why}", values=dict(fact))
    values: dict[str, Slot] = {
        "n": number,
        "name": _short(entry.name, entry.id),
        "short": Line(key=f"digest.why.{entry.why}", values=dict(fact)),
        "why": why,
        "deed": Line(key=f"digest.propose.{_word(entry)}"),
    }
    return Line(key="digest.decide_one", values=values)


def _word(entry: Entry) -> str:
    """Name what is proposed: whom nothing reaches does not "go on"."""
    return "noted" if (entry.why, entry.deed) == ("silent", "keep") else entry.deed


def _rows(digest: Digest) -> Iterator[ButtonRow]:
    if digest.now:
        buttons = (
            Button(
                data=data("alert", entry.id),
                label=Line(key="digest.open_now", values={"name": _short(entry.name, entry.id)}),
            )
            for entry in digest.now
        )
        yield ButtonRow(buttons=tuple(buttons))
    for number, entry in enumerate(digest.decide, 1):
        carried = data(CARD, entry.id, entry.deed, entry.mark)
        if entry.deed == "next_driver":
            carried = f"{carried}:{entry.fact['driver']}"
        deed = Line(key=f"digest.deed.{_word(entry)}", values={"n": number})
        open_ = Button(data=data("client", entry.id), label=Line(key="digest.open", values={"n": number}))
        yield ButtonRow(buttons=(Button(data=carried, label=deed), open_))


def choose_message(client_id: int, mark: str) -> Say:
    """Ask what to send to a client about whom a message was proposed: the second tap."""
    drafts = tuple(
        Button(data=data(CARD, client_id, "message", mark, one), label=Line(key=f"desk.draft.{one}")) for one in DRAFTS
    )
    own = Button(data=data("write", client_id, CARD, mark), label=Line(key="desk.write_own"))
    return Say(
        paragraphs=(Line(key="desk.choose.message"),),
        rows=(ButtonRow(buttons=(*drafts, own)),),
        card=f"{CARD}-{client_id}",
        stands=True,
    )


DONE: dict[Deed, str] = {
    "message": "desk.done.message",
    "hold": "desk.done.hold",
    "step_back": "desk.done.step_back",
    "refer": "desk.done.refer",
    "keep": "digest.kept",
    "next_driver": "desk.asked",
    "close": "desk.done.close",
}
"""What a tap on a decision is answered with."""


# --- the week


def weekly_page(weekly: Weekly, on: date, *, library: Library) -> Say:
    """Lay out a coach's week: changes with their error, sessions as reported, silences, rules rarely acted on."""
    paragraphs = [
        Line(key="digest.week.head", values={"day": timing.short_date(on), "count": weekly.clients}),
        _block(list(_changes(weekly))),
        _block(list(_sessions(weekly))),
        *_silences(weekly),
        *_seldom(weekly.rules, library),
        Line(key="digest.week.quiet_days"),
    ]
    return Say(paragraphs=tuple(paragraphs), about=tuple(one.id for one in weekly.changed[:MOST_CHANGES]))


def _changes(weekly: Weekly) -> Iterator[Line]:
    if not weekly.changed:
        yield Line(key="digest.week.no_changes", values={"count": weekly.same})
        return
    yield Line(key="digest.week.changes")
    for one in weekly.changed[:MOST_CHANGES]:
        yield Line(key="digest.week.change", values={"name": _short(one.name, one.id), "told": _change(one)})
    if len(weekly.changed) > MOST_CHANGES:
        yield Line(key="digest.week.more", values={"count": len(weekly.changed) - MOST_CHANGES})
    if weekly.same:
        yield Line(key="digest.week.same", values={"count": weekly.same})
    yield Line(key="digest.week.error", values={"task": f"{TASK_SMALL:g}"})


def _change(one: Changed) -> Joined:
    change = one.change
    parts = []
    if change.better:
        parts.append(Line(key="digest.week.better", values={"count": change.better}))
    if change.worse:
        parts.append(Line(key="digest.week.worse", values={"count": change.worse}))
    if change.task is not None and change.task[0] != change.task[1]:
        before, now = change.task
        small = abs(now - before) < TASK_SMALL
        key = "digest.week.task_same" if small else "digest.week.task"
        parts.append(Line(key=key, values={"before": before, "now": now}))
    parts.append(Line(key="digest.week.twice" if one.twice else "digest.week.once"))
    return Joined(items=tuple(parts), glue=", ")


def _sessions(weekly: Weekly) -> Iterator[Line]:
    if not weekly.due:
        yield Line(key="digest.week.no_sessions")
        return
    yield Line(
        key="digest.week.sessions",
        values={"done": weekly.done, "due": weekly.due, "percent": round(100 * weekly.done / weekly.due)},
    )
    if weekly.low:
        yield Line(key="digest.week.low", values={"count": weekly.low, "of": weekly.counted})


def _silences(weekly: Weekly) -> Iterator[Line]:
    kinds = [kind for kind in SILENCES if weekly.silences.get(kind)]  # type: ignore[call-overload]  # its kinds
    if not kinds:
        yield Line(key="digest.week.nobody_silent")
        return
    told = tuple(
        Line(key=f"digest.week.silent.{kind}", values={"n": weekly.silences[kind]})  # type: ignore[index]  # its kinds
        for kind in kinds
    )
    total = sum(weekly.silences.values())
    yield Line(key="digest.week.silences", values={"count": total, "kinds": Joined(items=told, glue=", ")})


def _seldom(rules: Sequence[Seldom], library: Library) -> Iterator[Line]:
    if not rules:
        return
    lines = [Line(key="digest.week.seldom")]
    lines += [
        Line(
            key="digest.week.rule",
            values={"rule": _flag(one.flag, one.screen, library), "acted": one.acted, "cards": one.cards},
        )
        for one in rules
    ]
    yield _block(lines)
