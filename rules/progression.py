"""assessment + facts -> the first plan, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

from rules.assess import Assessment, Finding
from rules.criteria import SIDES, Frozen, Side
from rules.facts import Facts
from rules.screen import UNCLEAR, ContextName, Dose, Driver, Exercise, Ladder, Role, Screen
from rules.sight import Sight
from rules.truth import truth_of

NoPlanReason: TypeAlias = Literal["locked", "paused", "open", "nothing_limited", "nothing_suits"]
DAYS_A_WEEK, OFFERED_DAYS, STRENGTH_DAYS = 7, 2, 2
"""Position and control work is daily; strength at most twice a week; a limitation that is not a priority is offered
twice a week (evidence 6 "Decide daily"; evidence 0 Priority)."""
FIRST_SETS = 2
"""Strength starts at one or two sets (evidence 0 First exercise)."""
POSTURES_BARRED = {
    "floor": ("kneeling", "side_lying", "supine", "prone", "all_fours"),
    "kneeling": ("kneeling", "all_fours"),
    "face_down": ("prone",),
}
"""What a client can't do -> the exercise postures that rules out."""


class Prescribed(Frozen):
    """One exercise of a session. `side` is the target side, done first; None where sides don't differ.

    `dose` is what the first session asks for; `seconds` is how long it takes, both sides.
    Words: `exercise.<id>.name`, `.setup`, `.cue`, `.feel`, `.stop`, `.easier`, `.harder`; `why` are keys `why.<word>`.
    `step` counts what was added to the first dose.
    """

    exercise: str
    role: Role
    side: Side | None
    dose: Dose
    seconds: int
    why: tuple[str, ...]
    variant: Literal["easier", "base", "harder"] = "base"
    step: int = 0
    fixed: bool = False
    """A coach decided it: it neither grows nor shrinks, and nothing takes its place."""


class LeftOut(Frozen):
    """An exercise that would have come first, and why it did not: an equipment id, or a reason `leave_out.<reason>`."""

    exercise: str
    reason: str
    lacks: bool


class Plan(Frozen):
    """A client's exercises: the session of every day and what is added on strength days.

    `ladder` is that of the leading finding. `offered` means there is no need: it is there for who wants it.
    """

    screen: str
    version: str
    ladder: str
    side: Side | None
    context: ContextName | None
    driver: Driver
    daily: tuple[Prescribed, ...]
    strength: tuple[Prescribed, ...]
    days_a_week: int
    strength_days: int
    offered: bool = False
    gentle: bool = False
    tried: tuple[Driver, ...] = ()
    """Drivers whose exercises were tried before and changed nothing."""
    left_out: tuple[LeftOut, ...] = ()
    out: tuple[str, ...] = ()
    """Exercises that a coach took out."""
    driver_set: bool = False
    """A coach decided for which driver the exercises are."""

    @property
    def is_coached(self) -> bool:
        """Tell whether a coach decided something of it."""
        return self.driver_set or bool(self.out) or any(item.fixed for item in (*self.daily, *self.strength))


class NoPlan(Frozen):
    """No exercises for now, and why; `flags` are the ids that lock or pause."""

    reason: NoPlanReason
    flags: tuple[str, ...] = ()


def first_plan(screen: Screen, assessment: Assessment, facts: Facts, *, gentle: bool = False) -> Plan | NoPlan:
    """Choose the first session: an opener (position), a builder (control) and, on two days a week, a lift.

    *gentle* plans have no lift (after a clinician cleared a client without a coach).
    """
    for action, reason in (("lock", "locked"), ("pause", "paused")):
        held = tuple(flag.id for flag in assessment.flags if flag.action == action)
        if held:
            return NoPlan(reason=reason, flags=held)
    kind = assessment.priority.kind
    if kind == "nothing_limited":
        return NoPlan(reason="nothing_limited")
    lead = _lead(assessment)
    ladder = _ladder_for(screen, assessment, lead)
    side = assessment.priority.side if kind == "act" else None
    choose = Chooser(screen, facts, side, lead)
    opener = None
    if assessment.position_first and (lead is None or lead.driver != screen.file.position_driver):
        opener = choose.one(screen.exercises.position_opener, "opener", "position_first")
    if opener is None and lead is not None and lead.cue_test is not None:
        opener = choose.one(screen.exercises.cue_opener.get(lead.cue_test, ()), "opener", "cue.worked")
    opener = opener or choose.one(ladder.first["opener"], "opener", f"ladder.{ladder.id}")
    builder = choose.one(ladder.first["builder"], "builder", f"ladder.{ladder.id}", but=opener)
    lift = None if gentle or kind == "unsettled" else choose.one(ladder.first["lift"], "lift", "lift", but=opener)
    daily = tuple(p for p in (opener, builder, _for_other_side(choose, assessment, lead, ladder)) if p is not None)
    if not daily:
        return NoPlan(reason="nothing_suits")
    offered = kind == "not_a_priority"
    return Plan(
        screen=screen.id,
        version=assessment.version,
        ladder=ladder.id,
        side=side,
        context=lead.context if lead else None,
        driver=(lead.driver or UNCLEAR) if lead else UNCLEAR,
        daily=daily,
        strength=(lift,) if lift is not None else (),
        days_a_week=OFFERED_DAYS if offered else DAYS_A_WEEK,
        strength_days=STRENGTH_DAYS if lift is not None else 0,
        offered=offered,
        gentle=gentle,
        left_out=tuple(choose.left_out),
    )


def next_plan(
    screen: Screen, assessment: Assessment, facts: Facts, plan: Plan, driver: Driver, *, gentle: bool = False
) -> Plan | NoPlan:
    """Choose the exercises of the next likely driver, after those of *plan* changed nothing (evidence 6 No change)."""
    lead = _lead(assessment)
    if lead is None:
        return NoPlan(reason="nothing_suits")
    as_if = replace(lead, driver=driver, confidence="medium", cue_test=None)
    findings = tuple(as_if if finding is lead else finding for finding in assessment.findings)
    made = first_plan(screen, assessment.model_copy(update={"findings": findings}), facts, gentle=gentle)
    return made if isinstance(made, NoPlan) else made.model_copy(update={"tried": (*plan.tried, plan.driver)})


def _lead(assessment: Assessment) -> Finding | None:
    """Find the finding that leads; with both sides alike, the first of that context."""
    priority = assessment.priority
    limited = [f for f in assessment.findings if f.limited == "yes" and f.context == priority.context]
    if priority.side is not None:
        limited = [f for f in limited if f.side == priority.side]
    return limited[0] if limited else None


def _ladder_for(screen: Screen, assessment: Assessment, lead: Finding | None) -> Ladder:
    """Pick the ladder: mixed where little is known or both contexts share one driver (evidence 3; vignette 28)."""
    mixed = next(ladder for ladder in screen.exercises.ladders if ladder.context is None)
    if lead is None or lead.driver in (None, UNCLEAR) or lead.confidence == "low":
        return mixed
    of_side = (f for f in assessment.findings if f.side == lead.side and f.context != lead.context)
    if any(f.limited == "yes" and f.driver == lead.driver for f in of_side):
        return mixed
    return _ladder(screen, lead) or mixed


def _ladder(screen: Screen, finding: Finding) -> Ladder | None:
    for ladder in screen.exercises.ladders:
        if ladder.context == finding.context and finding.driver in ladder.drivers:
            return ladder
    return None


def _for_other_side(choose: Chooser, assessment: Assessment, lead: Finding | None, ladder: Ladder) -> Prescribed | None:
    """Add one drill for the other side where it has a limitation of another kind (evidence 0 Priority)."""
    if lead is None or assessment.priority.side is None:
        return None
    other: Side = SIDES[1 - SIDES.index(lead.side)]
    for finding in assessment.findings:
        if finding.side != other or finding.limited != "yes" or finding.not_a_priority:
            continue
        wanted = _ladder(choose.screen, finding)
        if wanted is not None and wanted.id != ladder.id and finding.confidence != "low":
            found = choose.one(wanted.first["opener"], "builder", f"ladder.{wanted.id}", side=other)
            if found is not None:
                return found
    return None


class Chooser:
    """Picks the first exercise of a list that a client may do and has the things for."""

    def __init__(self, screen: Screen, facts: Facts, side: Side | None, lead: Finding | None) -> None:
        self.screen, self.side, self.lead = screen, side, lead
        self.sight = Sight(screen, facts)
        self.library = {exercise.id: exercise for exercise in screen.exercises.exercises}
        self.has = set(facts.value("reports.equipment") or ())
        cannot = facts.value("reports.cannot") or ()
        self.barred = {posture for limit in cannot for posture in POSTURES_BARRED.get(limit, ())}
        self.pregnant = facts.value("profile.pregnancy") in ("pregnant", "postpartum")
        self.left_out: list[LeftOut] = []
        self.taken: set[str] = set()

    def one(
        self,
        ids: Sequence[str],
        role: Role,
        why: str,
        *,
        but: Prescribed | None = None,
        side: Side | None = None,
    ) -> Prescribed | None:
        """Take the first that suits; one that works on the phase in which it goes wrong comes before the others."""
        fitting = [e for e in self._fitting(ids) if (but is None or e.id != but.exercise) and e.id not in self.taken]
        if not fitting:
            return None
        phase = self.lead.phase if self.lead and role != "opener" else None
        chosen = next((e for e in fitting if phase is not None and phase in e.phases), fitting[0])
        self.taken.add(chosen.id)
        reasons = [why]
        if phase is not None and phase in chosen.phases:
            reasons.append(f"phase.{phase}")
        return Prescribed(
            exercise=chosen.id,
            role=role,
            side=side or self.side,
            dose=first_dose(chosen.dose, role),
            seconds=chosen.seconds,
            why=tuple(reasons),
        )

    def _fitting(self, ids: Sequence[str]) -> Iterator[Exercise]:
        for exercise_id in ids:
            exercise = self.library[exercise_id]
            reason = self.why_not(exercise)
            if reason is None:
                yield exercise
            elif reason not in self.left_out:
                self.left_out.append(reason)

    def why_not(self, exercise: Exercise) -> LeftOut | None:
        """Say why this client may not do an exercise, or lacks the things for it; None where it suits."""
        for out in exercise.not_when:
            views = [self.sight] if self.side is None else [self.sight, self.sight.seen_from(self.side)]
            if any(truth_of(out.when, view) for view in views):
                return LeftOut(exercise=exercise.id, reason=out.reason, lacks=False)
        if self.pregnant and not exercise.pregnancy_ok:
            return LeftOut(exercise=exercise.id, reason="pregnancy", lacks=False)
        if exercise.posture in self.barred:
            return LeftOut(exercise=exercise.id, reason="posture", lacks=False)
        lacking = next((thing for thing in exercise.equipment if thing not in self.has), None)
        return LeftOut(exercise=exercise.id, reason=lacking, lacks=True) if lacking else None


def first_dose(dose: Dose, role: Role) -> Dose:
    """Give the dose to begin with."""
    return dose.model_copy(update={"sets": min(dose.sets, FIRST_SETS)}) if role == "lift" or dose.code == "S" else dose
