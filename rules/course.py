"""re-screens so far -> what they say: better, no change, worse, resolved; and what follows from it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from rules.criteria import LEVELS, Frozen
from rules.screen import ContextName, Driver, Screen

DONE_ENOUGH = 0.7
"""Share of the sessions that must be done before "no change" says something of the exercises (evidence 6 No change)."""
TASK_SMALL = 1.3
"""A daily activity that is better by so much, of 10, changed (evidence 6 Weekly re-screen)."""
IN_A_ROW = 2
"""Re-screens in a row before a change, its lack, or a resolution counts (evidence 6 Weekly re-screen, No change)."""
COACH_AFTER, CLINICIAN_AFTER = timedelta(weeks=4), timedelta(weeks=6)
"""No change for so long is a coach's matter; with symptoms, a clinician's (evidence 6 No change)."""

Kind: TypeAlias = Literal[
    "too_early", "maybe", "better", "resolved", "next_driver", "worse", "coach", "clinician", "hold"
]


class Check(Frozen):
    """One re-screen.

    `levels` are those of the primary tests by `test.side`; `task` is 0 to 10; `done` the share of sessions reported
    since the one before, 0 to 1; `hurts` whether there is pain now.
    """

    on: date
    levels: Mapping[str, str]
    task: Annotated[int, Field(ge=0, le=10)] | None = None
    done: Annotated[float, Field(ge=0, le=1)] | None = None
    hurts: bool = False


class Course(Frozen):
    """What the re-screens come to. `rule` names the row of evidence 6; `driver` is the next one to try, if any is left.

    kind: too_early (nothing to compare); maybe (a change seen once); better (seen twice in a row); resolved (all clear
    twice: maintenance); next_driver (no change twice although the exercises were done); worse (a coach looks); coach
    (four weeks without change); clinician (six weeks with symptoms, or worse with pain); hold (no change yet, or too
    little was done to tell).
    """

    kind: Kind
    rule: str
    driver: Driver | None = None


def course(screen: Screen, checks: Sequence[Check], *, context: ContextName, tried: Sequence[Driver]) -> Course:
    """Say what *checks* come to, the first being the screening itself, in order of time.

    *tried* are the drivers whose exercises were tried in this context, the present one last. Raises ValueError for
    checks out of order.
    """
    if any(later.on < earlier.on for earlier, later in itertools.pairwise(checks)):
        raise ValueError("checks are not in order of time; sort them by date")
    if len(checks) < IN_A_ROW:
        return Course(kind="too_early", rule="weekly")
    first, latest = checks[0], checks[-IN_A_ROW:] if len(checks) > IN_A_ROW else checks[1:]
    whole = len(latest) == IN_A_ROW
    steps = [_steps(first, check) for check in latest]
    if whole and all(step < 0 for step in steps):
        return Course(kind="clinician" if latest[-1].hurts else "worse", rule="worse_twice")
    if whole and all(set(check.levels.values()) == {LEVELS[0]} for check in latest) and not latest[-1].hurts:
        return Course(kind="resolved", rule="resolved_twice")
    changed = [step > 0 or _task_better(first, check) for step, check in zip(steps, latest, strict=True)]
    if whole and all(changed):
        return Course(kind="better", rule="changed_twice")
    if changed[-1] or steps[-1] < 0:
        return Course(kind="maybe", rule="changed_once")
    if any(changed):
        return Course(kind="hold", rule="no_change_yet")
    return _without_change(screen, checks, latest, context=context, tried=tried)


def _without_change(
    screen: Screen, checks: Sequence[Check], latest: Sequence[Check], *, context: ContextName, tried: Sequence[Driver]
) -> Course:
    lasted = checks[-1].on - checks[0].on
    if lasted >= CLINICIAN_AFTER and checks[-1].hurts:
        return Course(kind="clinician", rule="six_weeks")
    if lasted >= COACH_AFTER:
        return Course(kind="coach", rule="four_weeks")
    done = [check.done for check in latest]
    if len(latest) == IN_A_ROW and all(share is not None and share >= DONE_ENOUGH for share in done):
        left = next((driver for driver in screen.file.prior.get(context, ()) if driver not in tried), None)
        return Course(kind="next_driver" if left else "coach", rule="no_change_twice", driver=left)
    return Course(kind="hold", rule="no_change_yet")


def _steps(first: Check, check: Check) -> int:
    """Count the levels that the tests of both are better by, in all; negative is worse. Unknown counts as no change."""
    both = [name for name in first.levels if first.levels[name] in LEVELS and check.levels.get(name) in LEVELS]
    return sum(LEVELS.index(first.levels[name]) - LEVELS.index(check.levels[name]) for name in both)


def _task_better(first: Check, check: Check) -> bool:
    return first.task is not None and check.task is not None and check.task - first.task >= TASK_SMALL
