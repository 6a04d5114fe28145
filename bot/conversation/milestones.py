"""What there is to say after ten, fourteen and thirty days: only what was told, and what really changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from bot.conversation import weekly
from bot.conversation.effects import Line
from bot.conversation.talk import Talk
from rules.log import SessionReport, WeeklyCheck, standing_log

DAYS = (10, 14, 30)
"""Days since the first session on which a prompt has something new to say. A proposal."""


def line(talk: Talk, on: date) -> Line | None:
    """Give what is new on a local date; None on other days, or where nothing was told."""
    done = [e for e in standing_log(talk.known.log) if isinstance(e, SessionReport) and e.completed != "no"]
    if not done or (day := (on - min(report.on for report in done)).days) not in DAYS:
        return None
    match day:
        case 10:
            return Line(key="milestone.sessions", values={"count": len(done)})
        case 14:
            grown = _grown(done)
            return Line(key="milestone.grown", values={"count": grown}) if grown else Line(key="milestone.steady")
        case _:
            return _task(talk) or Line(key="milestone.thirty", values={"count": len(done)})


def _grown(done: Sequence[SessionReport]) -> int:
    """Count the places of the plan in which more, or something harder, is asked for than at first."""
    count = 0
    for item in done[0].prescribed:
        now = next(
            (p for report in reversed(done) for p in report.prescribed if (p.role, p.side) == (item.role, item.side)),
            item,
        )
        harder = now.exercise != item.exercise or now.variant == "harder" or now.step > item.step
        count += harder and now.variant != "easier"
    return count


def _task(talk: Talk) -> Line | None:
    """Say how the daily task went at first and goes now, as told in the weekly checks."""
    facts, task = talk.known.assessed_facts, weekly.daily_task(talk)
    first = facts.value("reports.task_score") if facts is not None else None
    checks = [e.task for e in standing_log(talk.known.log) if isinstance(e, WeeklyCheck) and e.task is not None]
    if task is None or not isinstance(first, int) or not checks:
        return None
    return Line(key="weekly.task_change", values={"task": task, "before": first, "now": checks[-1]})
