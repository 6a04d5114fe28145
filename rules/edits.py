"""What a coach changes about a plan: exercises swapped, added, taken out, their sets; progression leaves it alone."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from rules.assess import Assessment
from rules.daily import stand_in
from rules.facts import Facts
from rules.progression import STRENGTH_DAYS, Chooser, NoPlan, Plan, Prescribed, first_dose, next_plan
from rules.screen import Exercise, Role, Screen
from rules.slots import fits, is_lift, with_sets

MOST_SETS = 5
"""More sets than this are a slip of the finger. A proposal."""


def swapped(screen: Screen, plan: Plan, facts: Facts, exercise: str, other: str) -> Plan | None:
    """Put *other* in the place of *exercise*, at its first dose; None where this client may not do it."""
    if exercise not in _ids(plan) or other in _ids(plan):
        return None
    item = next(item for item in (*plan.daily, *plan.strength) if item.exercise == exercise)
    new = stand_in(screen, item, other, facts)
    if new is None:
        return None
    return _with(plan, {exercise: new.model_copy(update={"fixed": True, "why": ("coach",)})}, back=other)


def without(plan: Plan, exercise: str) -> Plan | None:
    """Take *exercise* out; None where it isn't in the plan, or is all there is for every day."""
    if exercise not in _ids(plan) or [item.exercise for item in plan.daily] == [exercise]:
        return None
    daily = tuple(item for item in plan.daily if item.exercise != exercise)
    strength = tuple(item for item in plan.strength if item.exercise != exercise)
    changed = {"daily": daily, "strength": strength, "out": (*plan.out, exercise)}
    return plan.model_copy(update={**changed, "strength_days": plan.strength_days if strength else 0})


def added(screen: Screen, plan: Plan, facts: Facts, exercise: str) -> Plan | None:
    """Add *exercise* at its first dose, to every day or, where it is strength, to strength days; None as in swapped."""
    found = _exercise(screen, exercise)
    if found is None or exercise in _ids(plan):
        return None
    role: Role = "lift" if found.dose.code == "S" else "builder"
    like = plan.daily[0].model_copy(update={"role": role})
    new = stand_in(screen, like, exercise, facts)
    if new is None:
        return None
    new = new.model_copy(update={"role": role, "fixed": True, "why": ("coach",)})
    out = tuple(one for one in plan.out if one != exercise)
    if role == "lift":
        days = plan.strength_days or STRENGTH_DAYS
        return plan.model_copy(update={"strength": (*plan.strength, new), "strength_days": days, "out": out})
    return plan.model_copy(update={"daily": (*plan.daily, new), "out": out})


def with_so_many_sets(screen: Screen, plan: Plan, exercise: str, sets: int) -> Plan | None:
    """Fix how many sets of *exercise* are asked for, 1 to MOST_SETS; None for others, or what isn't in the plan."""
    found = _exercise(screen, exercise)
    if exercise not in _ids(plan) or found is None or not 1 <= sets <= MOST_SETS:
        return None
    item = next(item for item in (*plan.daily, *plan.strength) if item.exercise == exercise)
    dose, first = with_sets(item.dose, sets), first_dose(found.dose, item.role)
    seconds = round(found.seconds * dose.sets * dose.amount / (first.sets * first.amount))
    return _with(plan, {exercise: item.model_copy(update={"dose": dose, "seconds": seconds, "fixed": True})})


def instead_of(screen: Screen, plan: Plan, facts: Facts, exercise: str) -> tuple[str, ...]:
    """List what a coach may put in the place of *exercise*: its easier, harder and paired ones first."""
    found = _exercise(screen, exercise)
    item = next((item for item in (*plan.daily, *plan.strength) if item.exercise == exercise), None)
    if found is None or item is None:
        return ()
    near = [one for one in (found.easier, found.pair, found.harder) if one]
    rest = [other.id for other in screen.exercises.exercises if other.dose.code == found.dose.code]
    choosers = [Chooser(screen, facts, item.side, None)]
    suits = (other for name in dict.fromkeys((*near, *rest)) if (other := _exercise(screen, name)) is not None)
    return tuple(other.id for other in suits if other.id not in _ids(plan) and fits(choosers, other, item))


def may_be_added(screen: Screen, plan: Plan, facts: Facts) -> tuple[str, ...]:
    """List what a coach may add for this client: what the plan's own ladder has first."""
    ladder = next((ladder for ladder in screen.exercises.ladders if ladder.id == plan.ladder), None)
    own = [one for first in ladder.first.values() for one in first] if ladder is not None else []
    rest = [exercise.id for exercise in screen.exercises.exercises]
    return tuple(one for one in dict.fromkeys((*own, *rest)) if added(screen, plan, facts, one) is not None)


def eased(screen: Screen, plan: Plan) -> tuple[Plan, tuple[str, ...]]:
    """Take a set from each exercise that a coach fixed, one at least stays; give the plan, and which they were."""
    fixed = [item for item in (*plan.daily, *plan.strength) if item.fixed and item.dose.sets > 1]
    for item in fixed:
        plan = with_so_many_sets(screen, plan, item.exercise, item.dose.sets - 1) or plan
    return plan, tuple(item.exercise for item in fixed)


def a_set_more(screen: Screen, plan: Plan, exercises: Collection[str]) -> Plan:
    """Give each of these exercises a set more, where it is fixed still."""
    for item in (*plan.daily, *plan.strength):
        if item.fixed and item.exercise in exercises:
            plan = with_so_many_sets(screen, plan, item.exercise, item.dose.sets + 1) or plan
    return plan


def kept(screen: Screen, assessment: Assessment, facts: Facts, before: Plan | None, after: Plan) -> Plan:
    """Carry what a coach decided over into a plan that was made anew, as far as this client may still do it."""
    if before is None or not before.is_coached or before.screen != after.screen:
        return after
    if before.driver_set:
        after = _for_the_driver(screen, assessment, facts, before, after)
    for exercise in before.out:
        after = without(after, exercise) or after
    return _with_fixed(screen, facts, before, after)


def _for_the_driver(screen: Screen, assessment: Assessment, facts: Facts, before: Plan, after: Plan) -> Plan:
    """Make the plan for the driver that a coach decided for, where it is one of what is limited now."""
    if before.driver not in screen.file.prior.get(after.context or "", ()):
        return after
    made = after
    if before.driver != after.driver:
        chosen = next_plan(screen, assessment, facts, after, before.driver, gentle=after.gentle)
        if isinstance(chosen, NoPlan):
            return after
        made = chosen
    return made.model_copy(update={"driver_set": True, "tried": before.tried})


def _with_fixed(screen: Screen, facts: Facts, before: Plan, after: Plan) -> Plan:
    for item in _fixed(screen, facts, before):
        if after.gentle and is_lift(item):
            continue  # gentle plans have no lifts, whoever set them
        rows, others = ("strength", "daily") if item.role == "lift" else ("daily", "strength")
        elsewhere = tuple(one for one in getattr(after, others) if one.exercise != item.exercise)
        after = after.model_copy(update={others: elsewhere})  # once is enough, and where the coach put it
        held: tuple[Prescribed, ...] = getattr(after, rows)
        same = next((one for one in held if (one.role, one.side) == (item.role, item.side) and not one.fixed), None)
        if item.exercise in _ids(after):
            held = tuple(item if one.exercise == item.exercise else one for one in held)
        elif same is not None:
            held = tuple(item if one is same else one for one in held)
        else:
            held = (*held, item)
        after = after.model_copy(update={rows: held})
    days = (after.strength_days or STRENGTH_DAYS) if after.strength else 0
    return after.model_copy(update={"strength_days": days})


def _fixed(screen: Screen, facts: Facts, plan: Plan) -> Iterator[Prescribed]:
    """List what a coach fixed, as far as this client may do it."""
    for item in (*plan.daily, *plan.strength):
        found = _exercise(screen, item.exercise)
        if item.fixed and found is not None and fits([Chooser(screen, facts, item.side, None)], found, item):
            yield item


def _with(plan: Plan, changed: dict[str, Prescribed], *, back: str = "") -> Plan:
    daily = tuple(changed.get(item.exercise, item) for item in plan.daily)
    strength = tuple(changed.get(item.exercise, item) for item in plan.strength)
    out = tuple(one for one in plan.out if one != back)
    return plan.model_copy(update={"daily": daily, "strength": strength, "out": out})


def _ids(plan: Plan) -> tuple[str, ...]:
    return tuple(item.exercise for item in (*plan.daily, *plan.strength))


def _exercise(screen: Screen, name: str) -> Exercise | None:
    return next((exercise for exercise in screen.exercises.exercises if exercise.id == name), None)
