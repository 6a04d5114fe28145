"""assessment + facts -> the first plan, and why."""

from __future__ import annotations

from typing import Literal

from rules.criteria import Frozen, Side
from rules.screen import Dose, Role

NoPlanReason = Literal["locked", "paused", "not_a_priority", "nothing_limited", "nothing_suits"]


class Prescribed(Frozen):
    """One exercise of a session. `side` is the target side, done first; None where sides don't differ.

    `dose` is what the first session asks for. Words: `exercise.<id>.name`, `.setup`, `.cue`, `.feel`, `.stop`, `.easier`.
    """

    exercise: str
    role: Role
    side: Side | None
    dose: Dose
    seconds: int
    why: tuple[str, ...]
    """Wording keys of the reasons it was chosen, `why.<word>`."""


class Plan(Frozen):
    """A client's exercises: the session of every day and what is added on two days a week.

    `ladder` is the ladder of the leading finding; `left_out` are (exercise, reason) that would have come first.
    """

    screen: str
    version: str
    ladder: str
    side: Side | None
    context: str | None
    driver: str
    daily: tuple[Prescribed, ...]
    strength: tuple[Prescribed, ...]
    days_a_week: int
    strength_days: int
    gentle: bool = False
    left_out: tuple[tuple[str, str], ...] = ()


class NoPlan(Frozen):
    """No exercises for now, and why."""

    reason: NoPlanReason
    flags: tuple[str, ...] = ()
