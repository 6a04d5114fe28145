"""The page of progress: what the re-screens, the daily task, sessions and pain came to, as text and as a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import fmean
from typing import Any

from bot.conversation import again, timing, weekly
from bot.conversation.cards import option_label, side_word, test_name
from bot.conversation.effects import Line, Picture, Slot
from bot.conversation.talk import Talk
from rules.course import TASK_SMALL, Check
from rules.criteria import LEVELS, SIDES
from rules.log import SessionReport, standing_log
from rules.questions import row_at

BEST = len(LEVELS) - 1
TASK_BEST = 10


@dataclass(frozen=True, kw_only=True)
class _Told:
    """What there is to show: all checks, the screening first, the sessions by day, and the local date today."""

    checks: tuple[Check, ...]
    sessions: Mapping[date, SessionReport]
    today: date

    @property
    def since(self) -> date:
        """Give the first day of what is shown."""
        return min([*(check.on for check in self.checks), *self.sessions, self.today])


def show(talk: Talk, *, dark: bool | None = None) -> None:
    """Show the page; *dark* sets how its pictures look from now on."""
    if dark is not None:
        talk.conversation = talk.conversation.model_copy(update={"dark": dark})
    told = _told(talk)
    if not told.checks and not told.sessions:
        talk.say(Line(key="progress.none"))
        return
    talk.next_step()
    head = Line(key="progress.head", values={"since": timing.on_date(told.since)})
    # The words stand once, below the picture: what it shows is all in them.
    paragraphs = [head, *_levels_told(talk, told), *_task_told(talk, told), *_sessions_told(told), *_outlook(talk)]
    other = ("progress-light", "progress.light") if talk.conversation.dark else ("progress-dark", "progress.dark")
    talk.card("progress", *paragraphs, rows=(talk.choices(other, kind="controls"),), picture=_picture(talk, told, head))


def tapped(talk: Talk, option: str) -> bool:
    """Hear a tap on how the picture looks; False for anything else."""
    if option not in ("progress-dark", "progress-light"):
        return False
    show(talk, dark=option == "progress-dark")
    return True


def _told(talk: Talk) -> _Told:
    first = weekly.first(talk)
    checks = (first, *weekly.later(talk)) if first is not None else ()
    log = (e for e in standing_log(talk.known.log) if isinstance(e, SessionReport))
    return _Told(checks=checks, sessions={report.on: report for report in log}, today=again.local_day(talk))


# --- in words


def _levels_told(talk: Talk, told: _Told) -> Iterator[Line]:
    """Say of each test what it was and what it is now."""
    if not told.checks:
        return
    asked = weekly.asked_tests(talk)
    for side in dict.fromkeys(side for _, side in asked):
        label = side_word(side) if side in SIDES else Line(key="progress.both")
        for test in (test for test, its_side in asked if its_side == side):
            known = [check.levels[place] for check in told.checks if (place := f"{test}.{side}") in check.levels]
            words = [_level(talk, f"{test}.{side}.level", level) for level in known]
            values: dict[str, Slot] = {"side": label, "test": test_name(talk, test), "first": words[0]}
            if len(words) == 1:
                yield Line(key="progress.level_first", values=values)
            elif known[-1] == known[0]:
                yield Line(key="progress.level_same", values=values)
            else:
                yield Line(key="progress.level", values={**values, "now": words[-1]})


def _level(talk: Talk, path: str, level: str) -> Line:
    row, question = row_at(talk.screen, path)
    option = next((o.id for o in row.options if level in (o.id, o.sets.get("level"))), None)
    return option_label(talk, question, row, option) if option else Line(key="progress.not_known")


def _task_told(talk: Talk, told: _Told) -> Iterator[Line]:
    task, scores = weekly.daily_task(talk), [check.task for check in told.checks if check.task is not None]
    if task is None or not scores:
        return
    if len(scores) == 1:
        yield Line(key="progress.task_first", values={"task": task, "first": scores[0]})
        return
    likely = abs(scores[-1] - scores[0]) >= TASK_SMALL
    values: dict[str, Slot] = {"task": task, "first": scores[0], "now": scores[-1]}
    yield Line(key="progress.task_changed" if likely else "progress.task_same", values=values)


def _sessions_told(told: _Told) -> Iterator[Line]:
    done = [report for report in told.sessions.values() if report.completed != "no"]
    if not done:
        yield Line(key="progress.no_sessions")
        return
    yield Line(key="progress.sessions", values={"count": len(done)})
    pains = [report.pain for report in done if report.pain is not None]
    if pains and not max(pains):
        yield Line(key="progress.no_pain")
    elif pains:
        yield Line(key="progress.pain", values={"last": pains[-1], "most": max(pains)})


def _outlook(talk: Talk) -> Iterator[Line]:
    """Say what the checks so far come to, as the last one said."""
    so_far = weekly.so_far(talk)
    if so_far is not None and so_far.kind != "too_early":
        yield Line(key=f"progress.comes_to.{so_far.kind}")


# --- as a picture


def _picture(talk: Talk, told: _Told, head: Line) -> Picture:
    task, scores = weekly.daily_task(talk), [(c.on, c.task) for c in told.checks if c.task is not None]
    levels = tuple(_series(talk, told))
    days = tuple(_days(talk, told))
    dates = {day["on"] for day in days} | {point["on"] for line in levels for point in line["points"]}
    drawn = {
        "title": Line(key="progress.title"),
        "subtitle": head,
        "levels": levels,
        "levels_title": Line(key="progress.levels_title"),
        "level_words": [talk.of_screen(f"option.level.{level}") for level in reversed(LEVELS)],
        "task": _task_series(task, scores) if task is not None and scores else None,
        "task_title": Line(key="progress.task_title", values={"task": task or ""}),
        "days": days,
        "days_title": Line(key="progress.days_title"),
        "pain_title": Line(key="progress.pain_title"),
        "words": {word: Line(key=f"progress.word.{word}") for word in WORDS},
        "date_labels": {on: timing.short_date(date.fromisoformat(on)) for on in sorted(dates)},
        "dark": talk.conversation.dark,
    }
    return Picture(kind="progress", drawn=drawn)


WORDS = ("done", "partly", "rest", "missed", "band", "pain")
"""What the picture names at its edge."""


def _series(talk: Talk, told: _Told) -> Iterator[dict[str, Any]]:
    """Give a line for each side: the mean of its tests, as far as both days know them."""
    if not told.checks:
        return
    asked = weekly.asked_tests(talk)
    for side in dict.fromkeys(side for _, side in asked):
        places = [f"{test}.{side}" for test, its_side in asked if its_side == side]
        points = [
            {"on": check.on.isoformat(), "value": fmean(known)}
            for check in told.checks
            if (known := [_worth(check.levels[place]) for place in places if check.levels.get(place) in LEVELS])
        ]
        first, step = float(points[0]["value"]) if points else 0.0, 1 / len(places)  # type: ignore[arg-type]  # a float
        label = side_word(side) if side in SIDES else Line(key="progress.both")
        band = (max(0.0, first - step), min(float(BEST), first + step)) if points else None
        yield {"side": side, "label": label, "points": points, "band": band}


def _worth(level: str) -> int:
    return BEST - LEVELS.index(level)


def _task_series(task: Line, scores: Sequence[tuple[date, int]]) -> dict[str, Any]:
    first = scores[0][1]
    return {
        "side": "both",
        "label": task,
        "points": [{"on": on.isoformat(), "value": score} for on, score in scores],
        "band": (max(0.0, first - TASK_SMALL), min(float(TASK_BEST), first + TASK_SMALL)),
    }


def _days(talk: Talk, told: _Told) -> Iterator[dict[str, Any]]:
    """Give each day up to today: what was told of it; today only where something was."""
    rhythm, day = talk.known.rhythm, told.since
    begun = min(told.sessions, default=told.today)
    while day <= told.today:
        report = told.sessions.get(day)
        if report is not None and report.completed != "no":
            done = "done" if report.completed == "yes" else "partly"
            yield {"on": day.isoformat(), "done": done, "pain": report.pain}
        elif day < told.today or report is not None:
            due = day >= begun and rhythm is not None and day.weekday() in rhythm.days
            yield {"on": day.isoformat(), "done": "missed" if due else "rest", "pain": None}
        day += timedelta(days=1)
