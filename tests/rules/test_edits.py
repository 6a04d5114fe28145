"""What a coach changes about a plan: done as asked, never against what bars an exercise, and nothing undoes it."""

from __future__ import annotations

import random

from hypothesis import given

from rules import Facts, Plan, assess
from rules.daily import Today
from rules.edits import a_set_more, added, eased, instead_of, kept, may_be_added, swapped, with_so_many_sets, without
from rules.progression import Chooser, first_plan, next_plan
from rules.slots import is_lift
from tests.rules.test_daily import CHANCE, DAYS, FACTS, KINDS, LIBRARY, PLAN, SCREEN, lived

FOUND = assess(SCREEN, FACTS)


def ids(plan: Plan) -> list[str]:
    return [item.exercise for item in (*plan.daily, *plan.strength)]


def first_swap(plan: Plan, facts: Facts) -> tuple[str, str, Plan] | None:
    """Give the first exercise that another may stand in for, the other, and the plan with it."""
    for exercise in ids(plan):
        for other in instead_of(SCREEN, plan, facts, exercise):
            made = swapped(SCREEN, plan, facts, exercise, other)
            if made is not None:
                return exercise, other, made
    return None


def test_another_exercise_takes_the_place_at_its_first_dose_and_is_fixed() -> None:
    swap = first_swap(PLAN, FACTS)
    assert swap is not None
    exercise, other, made = swap
    assert ids(made) == [other if one == exercise else one for one in ids(PLAN)]
    [item] = [item for item in (*made.daily, *made.strength) if item.exercise == other]
    assert (item.fixed, item.why) == (True, ("coach",))
    assert made.is_coached
    assert not PLAN.is_coached


def test_what_is_not_there_or_there_already_changes_nothing() -> None:
    first, second = ids(PLAN)[:2]
    assert swapped(SCREEN, PLAN, FACTS, "nothing", first) is None
    assert swapped(SCREEN, PLAN, FACTS, first, second) is None
    assert swapped(SCREEN, PLAN, FACTS, first, "nothing") is None
    assert without(PLAN, "nothing") is None
    assert added(SCREEN, PLAN, FACTS, first) is None
    assert with_so_many_sets(SCREEN, PLAN, "nothing", 2) is None
    assert with_so_many_sets(SCREEN, PLAN, first, 0) is None
    assert with_so_many_sets(SCREEN, PLAN, first, 6) is None


def test_the_last_exercise_of_every_day_cannot_be_taken_out() -> None:
    plan = PLAN
    for exercise in [item.exercise for item in PLAN.daily][:-1]:
        plan = without(plan, exercise) or plan
    assert len(plan.daily) == 1
    assert without(plan, plan.daily[0].exercise) is None


def test_without_its_lift_a_plan_has_no_strength_days() -> None:
    made = without(PLAN, PLAN.strength[0].exercise)
    assert made is not None
    assert (made.strength, made.strength_days) == ((), 0)


def test_sets_are_fixed_and_the_time_goes_with_them() -> None:
    exercise = PLAN.daily[0].exercise
    one, four = (with_so_many_sets(SCREEN, PLAN, exercise, sets) for sets in (1, 4))
    assert one is not None
    assert four is not None
    assert (one.daily[0].dose.sets, four.daily[0].dose.sets) == (1, 4)
    assert abs(four.daily[0].seconds - 4 * one.daily[0].seconds) <= 4  # rounded to seconds


def test_strength_is_added_to_strength_days_and_the_rest_to_every_day() -> None:
    for name, exercise in LIBRARY.items():
        made = added(SCREEN, PLAN, FACTS, name)
        if made is None:
            continue
        rows = made.strength if exercise.dose.code == "S" else made.daily
        assert rows[-1].exercise == name


@given(KINDS)
def test_what_a_client_may_not_do_is_neither_offered_nor_put_in(kind: tuple[Plan, Facts]) -> None:
    plan, facts = kind
    for exercise in ids(plan):
        item = next(item for item in (*plan.daily, *plan.strength) if item.exercise == exercise)
        chooser = Chooser(SCREEN, facts, item.side, None)
        offered = instead_of(SCREEN, plan, facts, exercise)
        for name in LIBRARY:
            made = swapped(SCREEN, plan, facts, exercise, name)
            if made is not None:
                assert chooser.why_not(LIBRARY[name]) is None
            if name in offered:
                assert made is not None


@given(CHANCE, KINDS, DAYS)
def test_nothing_that_is_told_changes_what_a_coach_fixed(
    chance: random.Random, kind: tuple[Plan, Facts], days: int
) -> None:
    plan, facts = kind
    made = with_so_many_sets(SCREEN, plan, plan.daily[0].exercise, 2)
    assert made is not None
    fixed = made.daily[0]
    today: Today = lived(chance, days, made, facts).today
    asked = [item for item in today.items if (item.role, item.side) == (fixed.role, fixed.side)]
    assert all(item == fixed for item in asked)
    [decided] = [d for d in today.decisions if d.exercise == fixed.exercise] or [None]
    assert decided is None or (decided.rule in ("next.coach_set", "next.not_suitable") and decided.kind != "progress")


@given(KINDS, KINDS)
def test_a_plan_made_anew_keeps_what_a_coach_decided(kind: tuple[Plan, Facts], other: tuple[Plan, Facts]) -> None:
    plan, _ = kind
    after, facts = other
    swap = first_swap(plan, kind[1])
    made = swap[2] if swap is not None else with_so_many_sets(SCREEN, plan, plan.daily[0].exercise, 3)
    assert made is not None
    found = assess(SCREEN, facts)
    carried = kept(SCREEN, found, facts, made, after)
    for item in (*made.daily, *made.strength):
        may = Chooser(SCREEN, facts, item.side, None).why_not(LIBRARY[item.exercise]) is None
        if item.fixed and may and not (after.gentle and is_lift(item)):
            assert item in (*carried.daily, *carried.strength)
    assert len(ids(carried)) == len(set(ids(carried)))
    assert kept(SCREEN, found, facts, plan, after) == after


@given(KINDS)
def test_only_what_may_be_done_is_offered_to_be_added(kind: tuple[Plan, Facts]) -> None:
    plan, facts = kind
    offered = may_be_added(SCREEN, plan, facts)
    assert len(offered) == len(set(offered))
    assert not set(offered) & set(ids(plan))
    assert all(added(SCREEN, plan, facts, name) is not None for name in offered)


def test_what_was_taken_out_stays_out() -> None:
    made = without(PLAN, PLAN.daily[0].exercise)
    assert made is not None
    assert PLAN.daily[0].exercise not in ids(kept(SCREEN, FOUND, FACTS, made, PLAN))


def test_the_driver_that_a_coach_set_outlasts_a_plan_made_anew() -> None:
    for driver in SCREEN.file.prior[PLAN.context or ""]:
        chosen = next_plan(SCREEN, FOUND, FACTS, PLAN, driver)
        assert isinstance(chosen, Plan)
        made = chosen.model_copy(update={"driver_set": True})
        again = kept(SCREEN, FOUND, FACTS, made, PLAN)
        assert (again.driver, again.driver_set, ids(again)) == (driver, True, ids(made))


def test_a_driver_of_another_context_is_not_carried_over() -> None:
    made = PLAN.model_copy(update={"driver": "no_such_driver", "driver_set": True})
    assert kept(SCREEN, FOUND, FACTS, made, PLAN) == PLAN


def test_a_fixed_lift_does_not_come_back_in_a_gentle_plan() -> None:
    fixed = with_so_many_sets(SCREEN, PLAN, PLAN.strength[0].exercise, 1)
    gentle = first_plan(SCREEN, FOUND, FACTS, gentle=True)
    assert fixed is not None
    assert isinstance(gentle, Plan)
    carried = kept(SCREEN, FOUND, FACTS, fixed, gentle)
    assert (carried.strength, carried.strength_days) == ((), 0)
    assert not any(is_lift(item) for item in carried.daily)


def test_one_step_easier_takes_a_set_of_what_is_fixed_and_gives_it_back() -> None:
    first, second = (item.exercise for item in PLAN.daily[:2])
    fixed = with_so_many_sets(SCREEN, PLAN, first, 3)
    assert fixed is not None
    both = with_so_many_sets(SCREEN, fixed, second, 1)
    assert both is not None
    plan, names = eased(SCREEN, both)
    assert names == (first,)
    assert [item.dose.sets for item in plan.daily[:2]] == [2, 1]
    assert a_set_more(SCREEN, plan, names) == both
    assert eased(SCREEN, PLAN) == (PLAN, ())
