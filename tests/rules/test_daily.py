"""The daily progression: each rule by an example, then what must hold for whatever clients tell."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from rules import Facts, NoPlan, Plan, Prescribed, assess, first_plan, load_library
from rules.daily import Decision, Today, next_session, stand_in
from rules.log import (
    Cleared,
    Entry,
    ExerciseReport,
    FlareUp,
    Retracted,
    SessionReport,
    Sliders,
    standing_log,
)
from rules.progression import Chooser, first_dose
from rules.slots import Rule, Shelf
from tests.rules.cases import cases_of, facts_of

START = date(2026, 1, 5)
SCREEN = load_library().screens["hip_internal_rotation"]
LIBRARY = {exercise.id: exercise for exercise in SCREEN.exercises.exercises}
EQUIPMENT = {"reports.equipment": SCREEN.exercises.equipment}
CASES = cases_of(SCREEN.id)


def planned(case: str, **more: Any) -> tuple[Plan, Facts]:
    """Make the plan of a case, whose client may have more."""
    facts = facts_of(CASES[case], CASES).with_values(more)
    plan = first_plan(SCREEN, assess(SCREEN, facts), facts)
    assert isinstance(plan, Plan), case
    return plan, facts


# fp1 is breaths (an opener), fp3 slow reps (a builder), mx6 a lift; both sides alike.
PLAN, FACTS = planned("vignette 28")


class Client:
    """Does what is asked, day by day, and tells of it."""

    def __init__(self, plan: Plan = PLAN, facts: Facts = FACTS) -> None:
        self.plan, self.facts = plan, facts
        self.log: tuple[Entry, ...] = ()
        self.on = START

    @property
    def today(self) -> Today:
        return next_session(SCREEN, self.plan, self.log, self.on, facts=self.facts)

    def add(self, entry: Entry) -> None:
        self.log = (*self.log, entry)

    def does(
        self, today: Today | None = None, *, of: Mapping[str, Mapping[str, Any]] | None = None, **told: Any
    ) -> Today:
        """Do today's session and tell of it, all well unless told otherwise (*of* one exercise, or of the session)."""
        today = today or self.today
        assert today.kind == "session", today.why
        self.add(report(self.on, today.items, of or {}, **told))
        self.on += timedelta(days=1)
        return today

    def misses(self, days: int) -> None:
        self.on += timedelta(days=days)


def report(
    on: date, items: Sequence[Prescribed], of: Mapping[str, Mapping[str, Any]] | None = None, **told: Any
) -> SessionReport:
    """Tell of a session in which all went well, but for what is *told*."""
    ones = []
    for item in items:
        well = {"sets_done": item.dose.sets, "reserve": "easily", "compensations": ()}
        ones.append(ExerciseReport(exercise=item.exercise, **{**well, **(of or {}).get(item.exercise, {})}))
    well = {"id": f"s{on}", "completed": "yes", "pain": 0, "morning": "usual", "exercises": tuple(ones)}
    return SessionReport(on=on, prescribed=tuple(items), **{**well, **told})


def client(*days: Mapping[str, Any] | int, plan: Plan = PLAN, facts: Facts = FACTS) -> Client:
    """Let a client live through days: what they tell of a session, or how many days they miss."""
    found = Client(plan, facts)
    for day in days:
        if isinstance(day, int):
            found.misses(day)
        else:
            found.does(**day)
    return found


def asked(today: Today, exercise: str) -> tuple[str, int, int, int]:
    """Give variant, step, sets and amount of an exercise of a session."""
    item = next(item for item in today.items if item.exercise == exercise)
    return item.variant, item.step, item.dose.sets, item.dose.amount


def decided(today: Today, exercise: str) -> tuple[str, str, str | None]:
    decision = next(one for one in today.decisions if one.exercise == exercise)
    return decision.kind, decision.rule.removeprefix("next."), decision.variable


WELL: dict[str, Any] = {}
BASE = ("base", 0, 3, 5)
EASIER = ("easier", 0, 3, 5)


def just_fp1(**told: Any) -> dict[str, Any]:
    return {"of": {"fp1": told}}


# --- progress, hold, regress -------------------------------------------------------------------------------------


def test_the_first_session_is_the_plan() -> None:
    today = Client().today
    assert today.items == (*PLAN.daily, *PLAN.strength)
    assert {decision.kind for decision in today.decisions} == {"start"}
    assert today.seconds == sum(item.seconds for item in today.items)


def test_whatever_the_plan_the_first_session_is_the_plan() -> None:
    assert len(PLANS) > 50
    for plan, facts in PLANS:
        assert Client(plan, facts).today.items == (*plan.daily, *plan.strength)


def test_two_good_sessions_bring_one_step_of_one_exercise() -> None:
    today = client(WELL, WELL).today
    assert asked(today, "fp1") == ("base", 1, 4, 5)
    assert decided(today, "fp1") == ("progress", "ready", "dose")
    assert asked(today, "fp3") == ("base", 0, 2, 8)
    assert decided(today, "fp3") == ("hold", "one_at_a_time", None)


def test_who_waited_longest_goes_up_next() -> None:
    today = client(WELL, WELL, WELL).today
    assert [d.exercise for d in today.decisions if d.kind == "progress"] == ["fp3"]
    assert asked(today, "fp3")[0] == "harder"
    assert asked(today, "fp1") == ("base", 1, 4, 5)
    in_a_week = client(*[WELL] * 7).today
    decisions = {d.exercise: (d.kind, d.rule) for d in in_a_week.decisions}
    assert decisions["mx6"] == ("progress", "next.ready")  # as it was since the first day
    assert decisions["fp4"] == ("hold", "next.one_at_a_time")


def test_the_lift_adds_reps_then_sets_then_the_harder_variant_then_another_exercise() -> None:
    found = Client()
    others = {name: {"reserve": None} for name in ("fp1", "fp3")}
    lifts = [item for _ in range(70) for item in found.does(of=others).items if item.role == "lift"]
    ways = [(item.exercise, item.variant, item.dose.sets, item.dose.amount) for item in lifts]
    assert [way for way, _ in itertools.groupby(ways)] == [
        ("mx6", "base", 2, 6),
        ("mx6", "base", 2, 8),
        ("mx6", "base", 2, 10),
        ("mx6", "base", 3, 10),
        ("mx6", "base", 1, 10),  # the fifth week
        ("mx6", "base", 3, 10),
        ("mx6", "harder", 3, 10),
        ("fp8", "easier", 2, 8),
        ("fp8", "base", 2, 8),
        ("fp8", "base", 1, 8),  # the tenth week
    ]


def test_breaths_go_to_four_sets_then_harder_then_to_the_next_exercise() -> None:
    alone = PLAN.model_copy(update={"daily": PLAN.daily[:1], "strength": (), "strength_days": 0})
    found = Client(alone)
    seen = [found.does().items[0] for _ in range(12)]
    ways = [(item.exercise, item.variant, item.dose.sets) for item in seen]
    assert [way for way, _ in itertools.groupby(ways)] == [
        ("fp1", "base", 3),
        ("fp1", "base", 4),
        ("fp1", "harder", 4),
        ("fp6", "easier", 3),
        ("fp6", "base", 3),
        ("fp6", "base", 4),
    ]


@pytest.mark.parametrize(
    ("days", "rule"),
    [
        ([WELL], "first_good"),
        ([WELL, {"pain": 4}], "amber_once"),
        ([WELL, {"morning": "bit_worse"}], "amber_once"),
        ([WELL, {"morning": "clearly_worse", "where": "muscle"}], "amber_once"),
        ([{"pain": 4}, WELL], "first_good"),
        ([WELL, {"pain": None}], "missing"),
        ([{"morning": None}, WELL], "missing"),
        ([WELL, just_fp1(reserve=None)], "missing"),
        ([WELL, just_fp1(compensations=None)], "missing"),
        ([WELL, just_fp1(reserve="just")], "just"),
        ([WELL, just_fp1(compensations=("rib_flare", "toe_shift"))], "two_compensations"),
        ([just_fp1(compensations=("rib_flare",))] * 2, "same_compensation"),
        ([WELL, {"pain": 6, "where": "muscle", "like": "sore", "limp": False}], "sore"),
        ([WELL, {"pain": 2, "where": "muscle", "like": "sore", "limp": True}], "sore"),
        ([WELL, {"pain": 4, "where": "muscle", "like": "sore"}], "amber_once"),  # not told how they walk
    ],
)
def test_what_holds(days: list[dict[str, Any]], rule: str) -> None:
    today = client(*days).today
    assert today.kind == "session"
    assert asked(today, "fp1") == BASE
    assert decided(today, "fp1") == ("hold", rule, None)


def test_one_compensation_or_a_morning_not_yet_told_of_doesnt_hold() -> None:
    today = client(just_fp1(compensations=("rib_flare",)), {"morning": None}).today
    assert decided(today, "fp1")[0] == "progress"


@pytest.mark.parametrize(("pain", "rule"), [(0, "ready"), (4, "amber_once"), (None, "missing")])
def test_a_lift_that_earned_a_step_goes_up_only_after_a_good_day(pain: int | None, rule: str) -> None:
    others = {"of": {name: {"reserve": None} for name in ("fp1", "fp3")}}
    today = client(*[others] * 6, {**others, "pain": pain}).today
    assert decided(today, "mx6") == (("progress", rule, "dose") if rule == "ready" else ("hold", rule, None))


def test_a_decision_names_what_was_told() -> None:
    found = client(WELL, {"pain": 4})
    decision = next(one for one in found.today.decisions if one.exercise == "fp1")
    assert decision == Decision(
        exercise="fp1", before="fp1", kind="hold", rule="next.amber_once", because=("2026-01-06 pain=4",)
    )


@pytest.mark.parametrize(
    ("days", "rule"),
    [
        ([{"pain": 4}, {"pain": 5}], "amber_twice"),
        ([{"pain": 4}, {"morning": "bit_worse"}], "amber_twice"),
        ([just_fp1(compensations=("lumbar_extension",))] * 2, "same_compensation_grave"),
        ([just_fp1(compensations=("toe_shift", "rib_flare"))] * 2, "same_compensation_grave"),
        ([just_fp1(reserve="no")], "too_hard"),
        ([{"completed": "partly", **just_fp1(sets_done=2)}], "sets_missed"),
    ],
)
def test_what_leads_back(days: list[dict[str, Any]], rule: str) -> None:
    today = client(*days).today
    assert asked(today, "fp1") == EASIER
    assert decided(today, "fp1") == ("regress", rule, "variant")


def test_a_quarter_of_the_sets_missed_holds() -> None:
    found = client(WELL, WELL, {"completed": "partly", **just_fp1(sets_done=3)})
    assert asked(found.today, "fp1") == ("base", 1, 4, 5)
    assert decided(found.today, "fp1") == ("hold", "not_all", None)


def test_going_back_leads_to_the_easier_exercise() -> None:
    plan, facts = planned("vignette 1")
    assert [item.exercise for item in plan.daily] == ["ff1", "ff4"]
    found = Client(plan.model_copy(update={"daily": plan.daily[1:], "strength": ()}), facts)
    no = {name: {"reserve": "no"} for name in ("ff4", "ff1")}
    seen = [found.does(of=no).items[0] for _ in range(5)]
    ways = [(item.exercise, item.variant) for item in seen]
    assert ways == [("ff4", "base"), ("ff4", "easier"), ("ff1", "base"), ("ff1", "easier"), ("ff1", "easier")]


def test_a_rung_that_this_client_lacks_the_things_for_is_skipped_up_and_down() -> None:
    _, facts = planned("vignette 28", **{"reports.equipment": ("cable", "bench", "dumbbell")})
    lift = PLAN.strength[0]

    def lifts_from(exercise: str) -> Client:
        return Client(PLAN.model_copy(update={"strength": (lift.model_copy(update={"exercise": exercise}),)}), facts)

    up = lifts_from("fp8")
    others = {name: {"reserve": None} for name in ("fp1", "fp3")}
    lifts = [item.exercise for _ in range(50) for item in up.does(of=others).items if item.role == "lift"]
    assert LIBRARY["fp8"].harder == "mx8"  # on a step
    assert list(dict.fromkeys(lifts)) == ["fp8", "mx9"]

    down = lifts_from("ep8")
    down.does(of={"ep8": {"reserve": "no"}})
    down.misses(8)
    assert asked(down.today, "ep7")[0] == "easier"
    down.does()
    down.misses(8)
    assert LIBRARY["ep7"].easier == "ep5"  # on a step
    assert asked(down.today, "mx6")[0] == "easier"


def test_pain_told_of_without_a_session_counts() -> None:
    found = client({"pain": 4})
    found.add(report(found.on, (), completed="no", pain=4, morning=None))
    assert decided(found.today, "fp1") == ("regress", "amber_twice", "variant")


def test_a_session_not_done_is_no_session() -> None:
    found = client(WELL)
    found.add(report(found.on, found.today.items, completed="no"))
    assert asked(found.today, "fp1") == BASE
    assert found.today.kind == "session"


def test_an_exercise_that_was_asked_with_less_doesnt_go_up() -> None:
    today = client(WELL, 2, WELL).today
    assert decided(today, "fp1") == ("hold", "asked_less", None)


# --- red ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"pain": 6}, "pain"),
        ({"pain": 7, "where": "muscle", "like": "sore", "limp": False}, "pain"),
        ({"pain": 1, "like": "sharp"}, "sharp"),
        ({"pain": 1, "limp": True}, "limp"),
        ({"pain": 1, "limp": True, "where": "muscle", "like": "ache"}, "limp"),
        ({"morning": "clearly_worse"}, "morning"),
        ({"morning": "clearly_worse", "where": "knee"}, "morning"),
    ],
)
def test_red_stops(told: dict[str, Any], why: str) -> None:
    today = client(WELL, told).today
    assert today == Today(kind="stop", why=(f"next.red.{why}",))


def test_red_stops_though_no_session_was_done() -> None:
    found = Client()
    found.add(report(START, (), completed="no", pain=8, morning=None))
    assert found.today.kind == "stop"


def test_muscles_sore_for_longer_than_72_hours_count_as_any_pain() -> None:
    sore = {"pain": 6, "where": "muscle", "like": "sore", "limp": False}
    assert client(*[sore] * 4).today.kind == "session"
    assert client(*[sore] * 5).today.why == ("next.red.pain",)


def test_after_red_pain_and_the_safety_questions_all_goes_a_step_back_and_there_is_no_lift_at_first() -> None:
    found = client(WELL, {"pain": 6})
    found.add(Cleared(id="c", on=found.on))
    found.misses(1)
    first = found.does()
    assert [item.exercise for item in first.items] == ["fp1", "fp3"]
    assert {item.variant for item in first.items} == {"easier"}
    assert first.why == ("next.no_lifts_yet",)
    assert decided(first, "fp1") == ("regress", "cleared", "variant")
    assert asked(found.today, "mx6")[0] == "easier"


def test_questions_passed_before_the_morning_after_dont_clear_it() -> None:
    found = client({"morning": "clearly_worse"})
    found.add(Cleared(id="c", on=START))
    assert not found.today.items
    found.add(Cleared(id="d", on=START + timedelta(days=1)))
    assert found.today.items


# --- days missed, strength days, deload, bad days ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("missed", "fp1", "why"),
    [
        (0, ("base", 1, 4, 5), ()),
        (1, ("base", 1, 4, 5), ()),
        (2, ("base", 1, 3, 5), ("next.missed_days.one_set",)),
        (3, ("base", 1, 3, 5), ("next.missed_days.one_set",)),
        (4, BASE, ("next.missed_days.one_step",)),
        (7, BASE, ("next.missed_days.one_step",)),
        (8, EASIER, ("next.missed_days.two_steps",)),
        (14, EASIER, ("next.missed_days.two_steps",)),
    ],
)
def test_missed_days(missed: int, fp1: tuple[str, int, int, int], why: tuple[str, ...]) -> None:
    today = client(WELL, WELL, just_fp1(reserve="just"), missed).today
    assert asked(today, "fp1") == fp1
    assert today.why == why


def test_after_two_missed_days_nothing_goes_up() -> None:
    assert "progress" not in {one.kind for one in client(WELL, WELL, 2).today.decisions}


def test_more_than_14_missed_days_need_a_re_screen_and_after_it_the_plan_begins_anew() -> None:
    found = client(WELL, WELL, WELL, 15)
    assert found.today == Today(kind="rescreen", why=("next.rescreen.missed_days",))
    found.add(Cleared(id="c", on=found.on))
    assert found.today.kind == "rescreen"
    found.add(Cleared(id="d", on=found.on, tested=True))
    assert found.today.items == (*PLAN.daily, *PLAN.strength)


def test_a_gap_in_the_log_leads_back_what_was_not_asked_since() -> None:
    found = client(WELL, 5)
    found.add(Cleared(id="c", on=found.on))  # nothing to clear: it changes nothing
    found.add(report(found.on, found.today.items[:1]))
    found.on += timedelta(days=1)
    assert asked(found.today, "mx6")[0] == "easier"


def test_two_sessions_a_week_leave_days_of_rest_that_are_not_missed() -> None:
    plan, facts = planned("not a priority")
    assert plan.days_a_week == 2
    found = client(WELL, 2, WELL, plan=plan, facts=facts)
    assert found.today.why == ("next.rest.week_is_full",)
    found.misses(3)
    assert found.today.items
    assert not found.today.why


def test_a_session_is_enough_for_a_day() -> None:
    found = client(WELL)
    found.on = START
    assert found.today == Today(kind="rest", why=("next.rest.done_today",))


def test_lifts_are_never_on_two_days_running_and_at_most_twice_a_week() -> None:
    found = Client()
    lifted = [n for n in range(60) if any(item.role == "lift" for item in found.does().items)]
    assert lifted[:4] == [0, 2, 7, 9]
    assert all(later - earlier >= 2 for earlier, later in itertools.pairwise(lifted))
    assert all(sum(n <= day < n + 7 for day in lifted) <= 2 for n in range(60))


def test_a_lift_that_was_left_out_may_come_the_next_day() -> None:
    found = client({"completed": "partly", "of": {"mx6": {"sets_done": 0}}})
    assert "mx6" in [item.exercise for item in found.today.items]


def test_the_fifth_week_halves_the_lifts_and_nothing_else() -> None:
    found = Client()
    sessions = {n: found.does(of={"mx6": {"reserve": "just"}} if n % 7 else {}) for n in range(40)}
    assert [n for n, today in sessions.items() if "next.deload.week" in today.why] == list(range(28, 35))
    before = next(item for n in (21, 23) for item in sessions[n].items if item.role == "lift")
    lifts = [item for n in range(28, 35) for item in sessions[n].items if item.role == "lift"]
    assert {item.dose.sets for item in lifts} == {max(1, before.dose.sets // 2)}
    assert all(item.seconds < before.seconds for item in lifts)
    openers = [sessions[n].items[0] for n in range(28, 35)]
    assert all(item.dose.sets >= first_dose(LIBRARY[item.exercise].dose, "opener").sets for item in openers)


def test_three_hard_sessions_running_halve_the_lifts_for_a_week() -> None:
    hard = just_fp1(reserve="just")
    found = client(hard, hard)
    assert not found.today.deload
    found.does(**hard)
    for _ in range(7):
        assert found.does().why == ("next.deload.effort",)
    assert not found.today.deload


def test_a_bad_day_leaves_the_openers_and_then_all_is_a_step_easier() -> None:
    found = client(WELL, WELL, WELL)
    assert asked(found.today, "fp1") == ("base", 1, 4, 5)
    found.add(FlareUp(id="f", on=found.on))
    for _ in range(2):
        today = found.does()
        assert [(item.exercise, item.variant, item.dose.sets) for item in today.items] == [("fp1", "easier", 3)]
        assert today.why == ("next.bad_day",)
    assert asked(found.today, "fp1") == BASE
    assert asked(found.today, "fp3")[0] == "easier"
    assert decided(found.does(), "fp3") == ("regress", "flare_up", "variant")
    found.does()
    assert asked(found.today, "mx6")[0] == "easier"  # its next day


def test_sessions_of_a_bad_day_earn_nothing() -> None:
    found = client(WELL, plan=PLAN.model_copy(update={"daily": PLAN.daily[:1], "strength": ()}))
    found.add(FlareUp(id="f", on=found.on))
    for _ in range(4):
        assert asked(found.does(), "fp1") == EASIER
    assert asked(found.today, "fp1") == BASE


def test_bad_days_running_are_one_bad_time_and_a_later_one_is_another() -> None:
    found = client(WELL, WELL, WELL)
    for _ in range(2):
        found.add(FlareUp(id=f"f{found.on}", on=found.on))
        found.does()
    found.does()
    assert asked(found.does(), "fp1") == BASE
    found.add(FlareUp(id="again", on=found.on))
    found.does()
    found.does()
    assert asked(found.today, "fp1")[0] == "easier"


# --- no difference, felt elsewhere, stand-ins --------------------------------------------------------------------


def sliders(before: int, after: int) -> dict[str, Any]:
    return {"before": Sliders(stiffness=before), "after": Sliders(stiffness=after)}


def test_three_sessions_without_a_difference_bring_the_next_driver() -> None:
    same = sliders(5, 5)
    assert PLAN.context == "flexion"
    assert client(same, same).today.next_driver is None
    today = client(same, WELL, same, same).today
    assert today.next_driver == "positional"
    assert today.items
    assert client(same, sliders(5, 4), same).today.next_driver is None
    assert client(same, sliders(5, 6), same).today.next_driver == "positional"
    last = PLAN.model_copy(update={"driver": SCREEN.file.prior["flexion"][-1]})
    assert client(same, same, same, plan=last).today.next_driver is None


def test_felt_elsewhere_changes_the_variant_and_not_the_load() -> None:
    elsewhere = just_fp1(felt_right=False)
    found = client(elsewhere)
    assert asked(found.today, "fp1") == EASIER
    assert decided(found.today, "fp1") == ("swap", "felt_elsewhere", "variant")
    found.does(**elsewhere)
    assert LIBRARY["fp1"].pair == "fp2"  # which needs a mat
    assert decided(found.today, "fp1") == ("hold", "felt_elsewhere", None)


def test_felt_elsewhere_swaps_to_the_pair_and_stays_there() -> None:
    plan, facts = planned("vignette 28", **EQUIPMENT)
    found = client(just_fp1(felt_right=False), just_fp1(felt_right=False), plan=plan, facts=facts)
    assert plan.daily[0].exercise == "fp1"
    today = found.does()
    assert today.items[0].exercise == LIBRARY["fp1"].pair == "fp2"
    assert decided(today, "fp2") == ("swap", "felt_elsewhere", "exercise")
    found.does()
    assert found.today.items[0].exercise == "fp2"
    assert decided(found.today, "fp2")[0] == "progress"


def test_felt_elsewhere_never_takes_what_another_exercise_goes_up_to() -> None:
    elsewhere = {"of": {"fp3": {"felt_right": False}}}
    assert LIBRARY["fp3"].pair == LIBRARY["fp1"].harder == "fp6"
    today = client(elsewhere, elsewhere).today
    assert asked(today, "fp3")[0] == "easier"
    assert decided(today, "fp3") == ("hold", "felt_elsewhere", None)


def test_felt_elsewhere_the_third_time_changes_nothing() -> None:
    found = client(WELL, just_fp1(reserve="just"), just_fp1(felt_right=False, reserve="just"))
    assert asked(found.today, "fp1") == BASE


def test_a_stand_in_is_for_once_and_only_what_this_client_may_do() -> None:
    item = PLAN.daily[0]
    assert stand_in(SCREEN, item, "fp2", FACTS) is None  # needs a mat
    assert stand_in(SCREEN, item, "ff7", FACTS.with_values(EQUIPMENT)) is None  # a lift is not for every day
    other = stand_in(SCREEN, item, "fp2", FACTS.with_values(EQUIPMENT))
    assert other is not None
    assert (other.exercise, other.role, other.dose) == ("fp2", "opener", LIBRARY["fp2"].dose)
    found = client(WELL)
    found.add(report(found.on, (other, *found.today.items[1:])))
    found.on += timedelta(days=1)
    assert asked(found.today, "fp1") == BASE
    assert decided(found.today, "fp1") == ("hold", "stand_in", None)


# --- the log -----------------------------------------------------------------------------------------------------


def test_a_correction_takes_the_place_of_what_it_corrects() -> None:
    first, second = report(START, (), id="a"), report(START, (), id="b")
    worse = first.model_copy(update={"morning": "bit_worse"})
    assert standing_log((first, second, worse)) == (worse, second)


def test_taking_back_is_exact_and_can_be_taken_back() -> None:
    a, b = report(START, (), id="a"), report(START, (), id="b")
    undo = Retracted(id="u", on=START, what="b")
    assert standing_log((a, b, undo)) == (a,)
    assert standing_log((a, b, undo, b)) == (a, b)
    assert standing_log((a, b, undo, Retracted(id="v", on=START, what="u"))) == (a, b)
    assert standing_log((a, Retracted(id="u", on=START, what="nothing"))) == (a,)


def test_entries_and_older_plans_are_read_back_as_stored() -> None:
    read: TypeAdapter[Entry] = TypeAdapter(Entry)
    entries: tuple[Entry, ...] = (
        report(START, PLAN.daily, before=Sliders(ease=3)),
        FlareUp(id="f", on=START),
        Cleared(id="c", on=START),
        Retracted(id="r", on=START, what="f"),
    )
    for entry in entries:
        assert read.validate_json(read.dump_json(entry)) == entry
    older = PLAN.model_dump(mode="json")
    for item in older["daily"] + older["strength"]:
        del item["variant"], item["step"]
    assert Plan.model_validate(older) == PLAN


# --- what holds for whatever is told -----------------------------------------------------------------------------


def _distinct() -> list[tuple[Plan, Facts]]:
    """Give a plan of each kind, with the client's own things and with all there are."""
    found: dict[tuple[str, ...], tuple[Plan, Facts]] = {}
    for case, more in itertools.product(CASES.values(), ({}, EQUIPMENT)):
        facts = facts_of(case, CASES).with_values(more)
        plan = first_plan(SCREEN, assess(SCREEN, facts), facts)
        if not isinstance(plan, NoPlan):
            key = (*(p.exercise for p in (*plan.daily, *plan.strength)), str(plan.days_a_week), str(len(more)))
            found.setdefault(key, (plan, facts))
    return list(found.values())


PLANS = _distinct()
MOSTLY_WELL: dict[str, list[Any]] = {
    "pain": [0, 0, 0, 0, 1, 3, 4, 5],
    "morning": ["usual", "usual", "usual", "usual", "bit_worse", None],
    "where": [None, "muscle", "front_hip"],
    "like": [None, "sore", "ache"],
    "limp": [None, False],
}
OF_ONE: dict[str, list[Any]] = {
    "reserve": ["easily"] * 8 + ["just", "no", None],
    "compensations": [(), (), (), ("rib_flare",), ("toe_shift",), ("toe_shift", "rib_flare"), None],
    "felt_right": [None, None, None, True, False],
}
GRAVER: dict[str, Any] = {"pain": 8, "like": "sharp", "limp": True, "morning": "clearly_worse"}


def lived(chance: random.Random, days: int, plan: Plan, facts: Facts) -> Client:
    """Let a client live *days* days, doing what is asked on most, and tell mostly that all went well."""
    found = Client(plan, facts)
    end = START + timedelta(days=days)
    while found.on < end:
        if chance.random() < 0.15:
            found.misses(chance.choice([1, 1, 2, 3, 5, 9]))
        if chance.random() < 0.05:
            found.add(FlareUp(id=f"f{found.on}", on=found.on))
        today = found.today
        match today.kind:
            case "stop":
                found.add(Cleared(id=f"c{found.on}", on=found.on))
                found.misses(1)
            case "session" if chance.random() < 0.6:
                found.does(today)
            case "session":
                answers = {name: chance.choice(answers) for name, answers in MOSTLY_WELL.items()}
                if chance.random() < 0.1:
                    answers |= dict([chance.choice(list(GRAVER.items()))])
                of = {i.exercise: {name: chance.choice(told) for name, told in OF_ONE.items()} for i in today.items}
                if chance.random() < 0.1 and today.items:
                    of[today.items[0].exercise]["sets_done"] = chance.randrange(today.items[0].dose.sets + 1)
                    answers["completed"] = "partly"
                found.does(today, of=of, **answers)
            case _:
                found.misses(1)
    return found


CHANCE = st.randoms(use_true_random=True)
KINDS = st.sampled_from(PLANS)
DAYS = st.integers(min_value=1, max_value=25)


def above(exercise: str) -> set[str]:
    """Give the exercises that are harder, however many links away."""
    found: set[str] = set()
    link = LIBRARY[exercise].harder
    while link is not None and link not in found:
        found.add(link)
        link = LIBRARY[link].harder
    return found


def rank(item: Prescribed) -> tuple[int, int, int, int]:
    return ("easier", "base", "harder").index(item.variant), item.step, item.dose.sets, item.dose.amount


def no_higher(item: Prescribed, than: Prescribed) -> bool:
    if item.exercise != than.exercise:
        return item.exercise not in above(than.exercise)
    return all(one <= other for one, other in zip(rank(item), rank(than), strict=True))


def test_no_exercise_stands_on_two_ladders_and_lifts_are_on_no_daily_one() -> None:
    for plan, facts in PLANS:
        slots = Shelf(SCREEN, plan, facts).slots
        names = [{rung.exercise.id for rung in slot.rungs} for slot in slots]
        assert sum(map(len, names)) == len(set().union(*names))
        assert all(rung.dose.code != "S" for slot in slots[: len(plan.daily)] for rung in slot.rungs)


def test_more_pain_in_a_lift_doesnt_speed_up_another() -> None:
    found = client({"pain": 4}, WELL, {"pain": 3}, *[WELL] * 4)
    well = {item.role: item for item in found.today.items}
    third = found.log[2]
    assert isinstance(third, SessionReport)
    found.add(third.model_copy(update={"pain": 4}))
    assert decided(found.today, "mx6") == ("regress", "amber_twice", "variant")
    assert all(no_higher(item, well[item.role]) for item in found.today.items)


@given(CHANCE, KINDS, DAYS, st.data())
def test_more_pain_never_asks_for_more(
    chance: random.Random, kind: tuple[Plan, Facts], days: int, data: st.DataObject
) -> None:
    found = lived(chance, days, *kind)
    places = [n for n, e in enumerate(found.log) if isinstance(e, SessionReport) and e.pain is not None]
    if not places:
        return
    place = data.draw(st.sampled_from(places[-4:]))
    entry = found.log[place]
    assert isinstance(entry, SessionReport) and entry.pain is not None
    worse = entry.model_copy(update={"pain": data.draw(st.integers(entry.pain, 10))})
    well = found.today
    found.log = (*found.log[:place], worse, *found.log[place + 1 :])
    sore = found.today
    if sore.kind != "session":
        assert not sore.items
        return
    assert well.kind == "session"
    held = {(item.role, item.side): item for item in well.items}
    for item in sore.items:
        assert no_higher(item, held[item.role, item.side]), (item, held[item.role, item.side])


@given(CHANCE, KINDS, st.integers(min_value=5, max_value=40))
def test_one_report_moves_one_exercise_up_by_one_step(
    chance: random.Random, kind: tuple[Plan, Facts], days: int
) -> None:
    found = lived(chance, days, *kind)
    last: dict[tuple[str, Any], Prescribed] = {}
    for entry in standing_log(found.log):
        if not isinstance(entry, SessionReport):
            continue
        flares = [e.on for e in found.log if isinstance(e, FlareUp)]
        if any(timedelta() <= entry.on - on <= timedelta(days=1) for on in flares):
            continue
        ups = 0
        for item in entry.prescribed:
            before = last.get((item.role, item.side))
            last[item.role, item.side] = item
            if before is None or (item.exercise, item.variant, item.step) == (
                before.exercise,
                before.variant,
                before.step,
            ):
                continue
            if item.exercise == before.exercise:
                steps = (rank(item)[0] - rank(before)[0]) + (item.step - before.step)
                assert steps <= 1
                ups += steps > 0
            elif before.variant == "harder" and item.exercise in above(before.exercise):
                assert item.variant == "easier" and item.dose.sets <= LIBRARY[item.exercise].dose.sets
                ups += 1
        assert ups <= 1


@given(CHANCE, KINDS, DAYS)
def test_the_order_in_which_days_were_entered_doesnt_matter(
    chance: random.Random, kind: tuple[Plan, Facts], days: int
) -> None:
    found = lived(chance, days, *kind)
    today = found.today
    by_day = [list(entries) for _, entries in itertools.groupby(found.log, key=lambda entry: entry.on)]
    chance.shuffle(by_day)
    found.log = tuple(entry for entries in by_day for entry in entries)
    assert found.today == today


@given(CHANCE, KINDS, DAYS)
def test_a_session_taken_back_leaves_nothing(chance: random.Random, kind: tuple[Plan, Facts], days: int) -> None:
    found = lived(chance, days, *kind)
    before, log = found.today, found.log
    told = report(found.on, before.items, id="x", pain=9)
    found.log = (*log, told, Retracted(id="u", on=found.on, what="x"))
    assert standing_log(found.log) == standing_log(log)
    assert found.today == before


@given(KINDS, st.lists(st.integers(min_value=0, max_value=9), max_size=8))
def test_silence_never_goes_up(kind: tuple[Plan, Facts], gaps: list[int]) -> None:
    found = Client(*kind)
    start = {(item.role, item.side): item for item in found.today.items}
    for gap in gaps:
        found.misses(gap)
        today = found.today
        assert all(no_higher(item, start[item.role, item.side]) for item in today.items)
        if today.kind == "session":
            found.add(
                SessionReport(id=f"s{found.on}", on=found.on, completed="yes", prescribed=today.items, exercises=())
            )
        found.misses(1)


@given(CHANCE, KINDS, KINDS, DAYS)
def test_nothing_is_asked_that_this_client_may_not_do(
    chance: random.Random, kind: tuple[Plan, Facts], other: tuple[Plan, Facts], days: int
) -> None:
    found = lived(chance, days, *kind)
    for facts in (found.facts, other[1]):  # also where what they may do has changed since
        found.facts = facts
        items = found.today.items
        assert len({item.exercise for item in items}) == len(items)
        for item in items:
            for side in {found.plan.side, item.side}:
                assert Chooser(SCREEN, facts, side, None).why_not(LIBRARY[item.exercise]) is None, item


@settings(max_examples=settings().max_examples // 4)  # sixty days take their time
@given(CHANCE, KINDS)
def test_lifts_stay_apart_whatever_is_told(chance: random.Random, kind: tuple[Plan, Facts]) -> None:
    found = lived(chance, 60, *kind)
    lifted = [
        entry.on
        for entry in found.log
        if isinstance(entry, SessionReport)
        and any(item.role == "lift" and item.dose.code == "S" for item in entry.prescribed)
        and entry.completed == "yes"
    ]
    assert all((later - earlier).days >= 2 for earlier, later in itertools.pairwise(lifted))
    assert all(sum(on <= day < on + timedelta(days=7) for day in lifted) <= 2 for on in lifted)


def told(**answers: st.SearchStrategy[Any]) -> Mapping[str, st.SearchStrategy[Any]]:
    return {name: st.none() | answer for name, answer in answers.items()}


NAMES = st.sampled_from(["fp1", "fp3", "mx6", "fp6", "nothing"])
SOME_DAYS = st.dates(START, START + timedelta(days=50))
IDS = st.sampled_from("abcdef")
TENTHS = st.integers(0, 10)
ITEMS = st.builds(
    Prescribed.model_copy,
    st.sampled_from((*PLAN.daily, *PLAN.strength)),
    update=st.fixed_dictionaries(
        {
            "exercise": NAMES,
            "variant": st.sampled_from(["easier", "base", "harder"]),
            "step": st.integers(0, 3),
        }
    ),
)
ONES = st.builds(
    ExerciseReport,
    exercise=NAMES,
    **told(
        sets_done=st.integers(0, 4),
        reserve=st.sampled_from(["easily", "just", "no"]),
        compensations=st.lists(st.sampled_from(["toe_shift", "rib_flare"]), unique=True).map(tuple),
        felt_right=st.booleans(),
    ),
)
SLIDERS = st.builds(Sliders, **told(stiffness=TENTHS, tension=TENTHS, ease=TENTHS, options=TENTHS))
REPORTS = st.builds(
    SessionReport,
    id=IDS,
    on=SOME_DAYS,
    completed=st.sampled_from(["yes", "partly", "no"]),
    prescribed=st.lists(ITEMS, max_size=3).map(tuple),
    exercises=st.lists(ONES, max_size=3).map(tuple),
    **told(
        pain=TENTHS,
        where=st.sampled_from(["muscle", "front_hip", "elsewhere"]),
        like=st.sampled_from(["sore", "ache"]),
        limp=st.booleans(),
        morning=st.sampled_from(["usual", "bit_worse", "clearly_worse"]),
        before=SLIDERS,
        after=SLIDERS,
    ),
)
ENTRIES = st.lists(
    REPORTS
    | st.builds(FlareUp, id=IDS, on=SOME_DAYS)
    | st.builds(Cleared, id=st.sampled_from("ghij"), on=SOME_DAYS, tested=st.booleans())
    | st.builds(Retracted, id=IDS, on=SOME_DAYS, what=IDS),
    max_size=12,
)


@given(KINDS, ENTRIES, SOME_DAYS)
def test_any_log_gives_a_day_that_makes_sense(kind: tuple[Plan, Facts], log: list[Entry], on: date) -> None:
    today = next_session(SCREEN, kind[0], log, on, facts=kind[1])
    assert today == next_session(SCREEN, kind[0], tuple(log), on, facts=kind[1])
    assert bool(today.items) <= (today.kind == "session")
    rules = {f"next.{rule}" for rule in get_args(Rule)}
    assert {one.rule for one in today.decisions} <= rules
    assert all((one.kind == "progress") == (one.rule == "next.ready") for one in today.decisions)
    assert today.seconds == sum(item.seconds for item in today.items)
    assert all(item.dose.sets >= 1 and item.exercise in LIBRARY for item in today.items)
