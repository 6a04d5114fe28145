"""The exercise library against the evidence: what is there, how it is linked, which leg, and who may do what."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from typing import Any

import pytest

from rules import Assessment, Facts, NoPlan, Plan, Screen, assess, first_plan
from rules.check import FORBIDDEN
from rules.criteria import weigh
from rules.screen import Exercise
from rules.sight import Sight
from tests.rules.cases import SCREEN, cases, facts_of

TICKS = {
    "L": "lumbar_extension",
    "R": "rib_flare",
    "P": "pelvic_rotation",
    "T": "toe_shift",
    "H": "forward_head",
    "out": "knee_out",
    "in": "knee_in",
}
# Evidence 5, as amended by evidence 0: row -> exercises, dose, what has to be ticked as equipment, compensations asked.
# A weight may be a full bag and a mat under the back a rug (proposals of the README): those are not ticked.
ROWS = {
    "FF1": ("ff1", "P", "", "L R"),
    "FF3": ("ff3", "C", "mat", "L H"),
    "FF4": ("ff4", "P", "", "P L"),
    "FF5": ("ff5", "C", "mat", "L"),
    "FF6": ("ff6", "I", "", "T out"),
    "FF7": ("ff7", "S", "step", "T in out"),
    "FF8": ("ff8", "S", "step", "P R"),
    "FF9": ("ff9", "S", "step dumbbell", "T L"),
    "FF10": ("ff10", "C", "step", "in"),
    "FP1": ("fp1", "P", "", "R L"),
    "FP2": ("fp2", "P", "mat", "H"),
    "FP3": ("fp3", "C", "", "T L"),
    "FP4": ("fp4", "C", "", "L T"),
    "FP5": ("fp5", "S", "wedge box dumbbell", "R out"),
    "FP6": ("fp6", "P", "", "P T"),
    "FP7": ("fp7", "I", "step wedge", "T R"),
    "FP8": ("fp8", "S", "", "L P"),
    "FP9": ("fp9", "C", "step", "in T"),
    "FPx": ("fpx", "C", "", "in L T"),
    "EF7": ("fp_airplane", "C", "", "L T"),
    "EP1": ("ep1", "C", "", "L R"),
    "EP2": ("ep2", "P", "", "L R"),
    "EP3": ("ep3", "C", "", "P L"),
    "EF6": ("ep_counter_turns", "C", "", "P in"),
    "EP4": ("ep4", "I", "", "L H"),
    "EP5": ("ep5", "S", "step", "L in"),
    "EP6": ("ep6", "S", "cable", "R L P"),
    "EP6 band": ("ep6_band", "S", "band", "R L P"),
    "EP7": ("ep7", "S", "bench", "L T"),
    "EP8": ("ep8", "S", "bench dumbbell", "L in"),
    "EP9": ("ep9", "S", "cable", "L P"),
    "EP9 sled": ("ep9_sled", "S", "sled", "L P"),
    "EF3": ("ef3", "C", "", "L"),
    "EF4": ("ef4", "I", "", "L out"),
    "EF5": ("ef5", "I", "", "L R"),
    "EF8": ("ef8", "S", "mat", "L P"),
    "EF9": ("ef9", "S", "bench", "L R"),
    "MX5": ("mx5", "S", "step", "L T in"),
    "MX6": ("mx6", "S", "", "L T in out"),
    "MX8": ("mx8", "S", "step bench", "L T in out"),
    "MX9": ("mx9", "S", "cable", "R L P"),
}
# Evidence 0 First exercise: where a driver in a context begins.
BEGINS = {
    "ff": "ff1",
    "fp_positional": "fp3",
    "fp_pelvic": "fpx",
    "ep": "ep2",
    "ef": "ef3",
    "control_flexion": "fp9",
    "mx": "fp1",
}
# How the words call the leg that is trained, and the leg or knee that the hips turn towards.
LEG = {
    "both": r"^Both legs",
    "front": r"\{side\} leg in front",
    "down_knee": r"\{side\} knee down",
    "standing": r"(Standing on your|Weight on your|Your) \{side\} (leg|foot)|\{side\} leg on the step",
    "stepping": r"\{side\} leg (on the step|steps|pushes)",
    "top": r"\{side\} leg on top",
}
TOWARD = {
    "front": r"the front leg",
    "down_knee": r"(the side of )?the down knee",
    "standing": r"(that leg|the leg you stand on)",
    "stepping": r"that leg",
}
LYING = ("supine", "prone", "side_lying", "all_fours")
THING = r"(wall|rail|counter|table|chair|door frame)"
HOLD = re.compile(
    rf"\b(hold|holds|hands?)\b[^.]*\b{THING}\b|\b{THING}\b[^.]*\b(hold|hands?)\b|\b{THING}\b[^.]*\bresting on it\b",
    re.I,
)


def exercises(screen: Screen) -> Mapping[str, Exercise]:
    return {exercise.id: exercise for exercise in screen.exercises.exercises}


def words(screen: Screen, exercise: str, *which: str) -> str:
    """Give texts of an exercise, one after the other."""
    return " ".join(screen.wording["en"][f"exercise.{exercise}.{word}"] for word in which)


# --- what is there -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", ROWS)
def test_an_exercise_is_dosed_equipped_and_watched_as_its_row_says(row: str, screen: Screen) -> None:
    exercise_id, code, kit, ask = ROWS[row]
    exercise = exercises(screen)[exercise_id]
    assert exercise.dose.code == code
    assert set(exercise.equipment) == set(kit.split())
    assert set(exercise.ask) == {TICKS[tick] for tick in ask.split()}
    assert f"evidence 5 {row.split()[0]}" in exercise.source or f"({row})" in exercise.source


def test_the_library_holds_no_more_than_its_rows(screen: Screen) -> None:
    assert set(exercises(screen)) == {exercise for exercise, *_ in ROWS.values()}


def test_a_dose_is_one_of_the_evidence(screen: Screen) -> None:
    amounts = {"P": ("breaths", 5, 5), "I": ("seconds", 20, 30), "C": ("reps", 8, 8), "S": ("reps", 6, 10)}
    sets = {"P": (3, 4), "I": (3, 3), "C": (2, 2), "S": (1, 2)}
    for exercise in screen.exercises.exercises:
        unit, low, high = amounts[exercise.dose.code]
        assert exercise.dose.unit == unit, exercise.id
        assert low <= exercise.dose.amount <= high, exercise.id
        fewest, most = sets[exercise.dose.code]
        assert fewest <= exercise.dose.sets <= most, exercise.id
        assert (exercise.role == "lift") == (exercise.dose.code == "S"), exercise.id


@pytest.mark.parametrize("ladder_id", BEGINS)
def test_a_ladder_begins_where_the_evidence_says(ladder_id: str, screen: Screen) -> None:
    ladder = next(ladder for ladder in screen.exercises.ladders if ladder.id == ladder_id)
    assert ladder.first["opener"][0] == BEGINS[ladder_id]
    assert screen.exercises.cue_opener["f5"][0] == "fp3"
    assert screen.exercises.cue_opener["f3"][0] == "fp6"
    assert screen.exercises.cue_opener["e2"][0] == "ep2"


# --- how it is linked --------------------------------------------------------------------------------------------


def test_a_pair_is_another_exercise_of_the_same_role_and_context(screen: Screen) -> None:
    library = exercises(screen)
    context = {ladder.id: ladder.context for ladder in screen.exercises.ladders}
    for exercise in library.values():
        assert exercise.pair is not None and exercise.pair != exercise.id, exercise.id
        pair = library[exercise.pair]
        assert pair.role == exercise.role, f"{exercise.id} and {pair.id}"
        here, there = context[exercise.ladder], context[pair.ladder]
        assert None in (here, there) or here == there, f"{exercise.id} and {pair.id}"


def test_easier_and_harder_form_a_path_up_the_rungs(screen: Screen) -> None:
    library = exercises(screen)
    steps = [(e.easier, e.id) for e in library.values() if e.easier]
    steps += [(e.id, e.harder) for e in library.values() if e.harder]
    before: dict[str, set[str]] = {}
    for lower, upper in steps:
        before.setdefault(upper, set()).add(lower)
        if library[lower].ladder == library[upper].ladder:
            assert library[lower].rung < library[upper].rung, f"{lower} before {upper}"
    order = list(TopologicalSorter(before).static_order())  # raises CycleError on a circle
    assert set(order) == set(library), "an exercise that no step leads to or from"


# --- which leg, and which way ------------------------------------------------------------------------------------


def test_the_words_name_the_leg_that_is_trained(screen: Screen) -> None:
    for exercise in screen.exercises.exercises:
        assert re.search(LEG[exercise.target_leg], words(screen, exercise.id, "where")), exercise.id
        assert exercise.target_leg != "both" or not exercise.dose.per_side, exercise.id


def test_hips_turn_towards_the_leg_that_is_trained_and_no_other_way(screen: Screen) -> None:
    """For rotation of the leg one stands on, the pelvis turns towards that leg (evidence 2 Target-leg rule)."""
    for exercise in screen.exercises.exercises:
        told = words(screen, exercise.id, "setup", "cue")
        assert exercise.pelvis_turns != "away", exercise.id
        if exercise.pelvis_turns == "toward":
            turning = re.findall(r"\bturns?\b[^.;:]*?\btowards? ([^.,;:]+)", told, re.I)
            assert turning, exercise.id
            for place in turning:
                assert re.match(TOWARD[exercise.target_leg], place), f"{exercise.id}: {place}"
        else:
            assert not re.search(r"\bbuckle\b|\bturn your\b", told), exercise.id


def test_a_cable_is_low_and_on_the_side_away_from_the_leg(screen: Screen) -> None:
    for exercise in screen.exercises.exercises:
        if not {"cable", "band"} & set(exercise.equipment):
            continue
        setup, where = words(screen, exercise.id, "setup"), words(screen, exercise.id, "where")
        assert exercise.pelvis_turns == "toward", exercise.id
        assert re.search(r"\blow\b", setup) and "away from" in where, exercise.id
        assert re.search(r"belt buckle and ribs turn", setup), exercise.id
        if exercise.target_leg == "down_knee":
            assert re.search(r"front foot on the (cable|band)'s side, down knee away", setup), exercise.id


def test_split_squats_keep_the_front_leg_and_low_steps(screen: Screen) -> None:
    low = {e.id for e in screen.exercises.exercises if "5 to 10 cm" in words(screen, e.id, "setup")}
    rear = {e.id for e in screen.exercises.exercises if "back foot on a" in words(screen, e.id, "setup")}
    assert low == {"ff7", "ff8", "ff9", "fp7", "mx8"}
    assert rear == {"ep7", "ep8", "ef9", "mx8"}
    for exercise_id in low | rear:
        assert exercises(screen)[exercise_id].target_leg == "front"
    for exercise_id in rear:
        assert re.search(r"(middle of your |mid-)shin", words(screen, exercise_id, "setup"))
        reasons = {out.reason for out in exercises(screen)[exercise_id].not_when}
        assert "weight_forward" in reasons, "no rear-foot-elevated work while P1 is blocked"


# --- words -------------------------------------------------------------------------------------------------------


def test_words_are_short_and_never_ask_for_rotation(screen: Screen) -> None:
    for exercise in screen.exercises.exercises:
        for word in ("name", "where", "setup", "cue", "feel", "stop", "easier", "harder"):
            text = words(screen, exercise.id, word)
            assert 0 < len(text.split()) <= 45, f"{exercise.id}.{word}"
            assert not FORBIDDEN.search(text), f"{exercise.id}.{word}"
        for word in ("feel", "stop"):
            text = words(screen, exercise.id, word)
            assert text[0].islower() and text.endswith("."), f"{exercise.id}.{word}"


def test_a_pinch_stops_every_exercise(screen: Screen) -> None:
    pinches = r"front of (your|a) hip (pinches|hurts)|\bhip (or back )?hurts|anything hurts"
    for exercise in screen.exercises.exercises:
        assert re.search(pinches, words(screen, exercise.id, "stop")), exercise.id


def test_a_breathing_drill_says_what_to_do_when_dizzy(screen: Screen) -> None:
    found = set()
    for exercise in screen.exercises.exercises:
        breathes = re.search(r"\bbreathe? out\b", words(screen, exercise.id, "setup", "cue"), re.I)
        if exercise.dose.unit == "breaths" or (breathes and exercise.dose.code != "S"):
            found.add(exercise.id)
            assert "dizzy (stop and breathe normally)" in words(screen, exercise.id, "stop"), exercise.id
    assert found == {"ff1", "ff4", "fp1", "fp2", "fp6", "fp7", "ep1", "ep2"}


def test_harder_never_lets_go_of_what_is_held(screen: Screen) -> None:
    for exercise in screen.exercises.exercises:
        text = words(screen, exercise.id, "harder")
        assert not re.search(r"let go|off the (counter|chair|rail|wall)|without", text, re.I), exercise.id


# --- who may do what ---------------------------------------------------------------------------------------------

ONE_LEG = {"ff10", "fp9", "fp_airplane", "ep4", "ep5", "ep9", "mx5"}
REAR_FOOT_UP = {"ep7", "ep8", "ef9", "mx8"}
SPLIT = {"ff7", "ff8", "ff9", "fp7", "mx6"} | REAR_FOOT_UP
KNEELING = {"ff3", "fp2", "ep2", "ep3", "ep6", "ep6_band", "ef5"}
STEP_DOWN = {"ff10", "fp9", "mx5"}
NO_HOLD = {"ff10", "fp5", "ep6", "ep6_band", "ep8", "ep9", "ep9_sled", "mx9"}
FORCED_FOLD = {"ff1", "ff3", "ff4", "ff5", "ff6", "ff7", "ff8", "ff9", "ff10"}
# What a client tells -> what no plan may hold then (evidence 4 and 5; the sets are this file's own reading of them).
PROFILES: dict[str, tuple[Mapping[str, Any], Mapping[str, Any], set[str]]] = {
    "knee": ({}, {"knee_trouble": "yes"}, KNEELING | SPLIT | STEP_DOWN | {"ff5", "ff6", "fp5", "ep5", "ep9_sled"}),
    "replaced knee": ({"surgery": "knee"}, {}, KNEELING | SPLIT | STEP_DOWN | {"ff5", "ff6", "fp5", "ep5"}),
    "knee pain": ({}, {"pain_now": "yes", "pain_where": ("knee",)}, KNEELING | SPLIT | STEP_DOWN | {"ff5", "ff6"}),
    "thin bones": ({}, {"osteoporosis": "yes"}, NO_HOLD | STEP_DOWN | REAR_FOOT_UP | {"fp2", "fpx", "fp8", "fp7"}),
    "falls": ({}, {"frequent_falls": "yes"}, NO_HOLD | ONE_LEG | REAR_FOOT_UP | {"fp7", "ff6"}),
    "one leg": ({}, {"cannot": ("one_leg",)}, NO_HOLD | ONE_LEG | REAR_FOOT_UP),
    "65": ({"age_band": "65_plus"}, {}, NO_HOLD | STEP_DOWN | REAR_FOOT_UP),
    "pinch": ({}, {"pinch_end": "yes"}, FORCED_FOLD | {"fpx", "fp5", "fp7", "fp_airplane"}),
    "outer hip": ({}, {"outer_side": "yes"}, {"ff4", "ef3", "ff5", "fpx", "fp_airplane"}),
    "loose": ({}, {"loose_joints": "yes"}, {"ff3", "ff5", "ff6", "ff10", "fp7", "fp_airplane", "ef5", "ef9"}),
    "operated hip": (
        {"surgery": "hip_other", "surgery_when": "within_12_months"},
        {"clearance": "yes"},
        {"ff3", "ff5", "ff6", "ff10", "fp7", "fp_airplane", "ef5", "ef9"},
    ),
    "back": (
        {},
        {"pain_now": "yes", "pain_where": ("low_back",)},
        {"fp8", "ep5", "ep6", "ep6_band", "ep7", "ep8", "ep9", "ep9_sled", "ef8", "mx9"},
    ),
    "girdle": ({}, {"girdle_pain": "yes"}, ONE_LEG | SPLIT | {"ff5", "ff6", "fp5", "fpx", "fp8", "ef4", "ef8"}),
    "pregnant": ({"pregnancy": "pregnant"}, {"clearance": "yes"}, set()),
}
ALLOWED_PREGNANT = {"fp3", "fp4"}
CANNOT: dict[str, tuple[str, ...]] = {
    "floor": ("kneeling", "supine", "prone", "side_lying", "all_fours"),
    "kneeling": ("kneeling", "all_fours"),
    "face_down": ("prone",),
    "one_leg": (),
}
UNSTEADY = ("thin bones", "falls", "one leg", "65")
ALL = ("mat", "step", "wedge", "band", "dumbbell", "bench", "cable", "box", "sled")
YOUNG = {"age_band": "18_39", "sex": "female", "pregnancy": "no", "surgery": "no"}


def barred_by(screen: Screen, facts: Facts) -> set[str]:
    """List what the library's own reasons leave out, seen from nowhere."""
    sight = Sight(screen, facts)
    return {e.id for e in screen.exercises.exercises if any(weigh(out.when, sight).truth for out in e.not_when)}


@pytest.mark.parametrize("told", [name for name in PROFILES if name != "pregnant"])
def test_what_is_told_leaves_out_what_it_must(told: str, screen: Screen) -> None:
    profile, reports, never = PROFILES[told]
    nobody = barred_by(screen, Facts(profile=YOUNG, reports={"sports": ("running",)}))
    assert nobody == set(), "someone young and well may do everything"
    out = barred_by(screen, Facts(profile={**YOUNG, **profile}, reports={"sports": ("running",), **reports}))
    assert never <= out, f"allowed: {sorted(never - out)}"
    assert {"fp3", "fp4"}.isdisjoint(out)


def test_only_what_the_evidence_marks_is_for_pregnancy(screen: Screen) -> None:
    assert {e.id for e in screen.exercises.exercises if e.pregnancy_ok} == ALLOWED_PREGNANT


def test_every_list_ends_in_something_for_the_most_awkward_client(screen: Screen) -> None:
    """Tell everything at once, with no floor, no kneeling and no equipment: each list still holds an exercise."""
    profile: dict[str, Any] = dict(YOUNG)
    reports: dict[str, Any] = {}
    for own_profile, own_reports, _ in PROFILES.values():
        profile |= own_profile
        reports |= own_reports
    reports |= {"pain_where": ("knee", "low_back", "outer_hip"), "cannot": tuple(CANNOT)}
    out = barred_by(screen, Facts(profile=profile, reports=reports))
    lists = [(f"{ladder.id} {role}", ids) for ladder in screen.exercises.ladders for role, ids in ladder.first.items()]
    for name, ids in (*lists, ("position_opener", screen.exercises.position_opener)):
        left = [exercises(screen)[exercise_id] for exercise_id in ids if exercise_id not in out]
        assert any(e.posture not in LYING and not e.equipment and e.pregnancy_ok for e in left), name


@pytest.mark.parametrize("told", UNSTEADY)
def test_who_needs_a_hand_to_hold_is_told_what_to_hold(told: str, screen: Screen) -> None:
    profile, reports, _ = PROFILES[told]
    out = barred_by(screen, Facts(profile={**YOUNG, **profile}, reports={"sports": ("running",), **reports}))
    for exercise in screen.exercises.exercises:
        if exercise.id not in out and exercise.posture not in LYING:
            assert HOLD.search(words(screen, exercise.id, "setup")), exercise.id


def test_a_test_that_pinched_or_hurt_the_knee_leaves_its_movement_out(screen: Screen) -> None:
    def after(test: str, side: str, **felt: Any) -> set[str]:
        attempt = {"test": test, "side": side, "level": "hurts", "pain": 2, **felt}
        reports = {"sports": ("running",)}
        return barred_by(screen, Facts.model_validate({"profile": YOUNG, "reports": reports, "attempts": [attempt]}))

    assert after("f5", "both", sensation="pinch") >= FORCED_FOLD
    assert {"ep3", "ep6", "ep6_band", "ef5", "ef9"} <= after("e2", "left", sensation="pinch")
    assert "ep_counter_turns" in after("e2s", "right", sensation="pinch")
    assert {"ff7", "ff8", "ff9", "fp7"} <= after("f3", "right", sensation="ache")
    assert "mx6" not in after("f3", "right", sensation="ache")
    assert after("e2", "right", sensation="knee") >= KNEELING
    assert after("f5", "both", sensation="knee") >= SPLIT


def test_landings_are_for_young_athletes_without_pain(screen: Screen) -> None:
    sporty = {"sports": ("football",), "pain_now": "no"}

    def lands(profile: Mapping[str, Any] = {}, reports: Mapping[str, Any] = {}) -> bool:
        facts = Facts(profile={**YOUNG, **profile}, reports={**sporty, **reports})
        return "ff10" not in barred_by(screen, facts)

    assert lands()
    assert not lands(reports={"sports": ()})
    assert not lands(reports={"pain_now": "yes"})
    assert not lands(profile={"age_band": "50_64"})
    assert not lands(profile={"surgery": "hip_other"})
    for told in ("osteoporosis", "stress_fracture", "bone_risk", "steroids", "loose_joints", "frequent_falls"):
        assert not lands(reports={told: "yes"}), told


def openings(screen: Screen) -> dict[tuple[Any, ...], tuple[Facts, Assessment]]:
    """Give written cases that begin in different ways: by ladder, by position first, by cue, by phase."""
    written = cases(SCREEN / "cases.yaml")
    found: dict[tuple[Any, ...], tuple[Facts, Assessment]] = {}
    for case in written.values():
        facts = facts_of(case, written)
        said = assess(screen, facts)
        plan = first_plan(screen, said, facts)
        if isinstance(plan, Plan):
            lead = next((f for f in said.findings if f.limited == "yes" and f.context == plan.context), None)
            key = (plan.ladder, said.position_first, lead and lead.cue_test, lead and lead.phase)
            found.setdefault(key, (facts, said))
    return found


def awkward() -> Iterator[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]]:
    """Give combinations: what is told, what can't be done, what there is at home."""
    axes = ["knee", "thin bones", "falls", "65", "pinch", "outer hip", "pregnant", "back"]
    limits = [(), ("kneeling", "one_leg"), ("floor", "kneeling", "face_down", "one_leg")]
    for chosen in itertools.product((False, True), repeat=len(axes)):
        told = tuple(name for name, is_told in zip(axes, chosen, strict=True) if is_told)
        for cannot in limits:
            yield told, cannot, () if sum(chosen) % 2 else ALL
    for told_alone in PROFILES:
        for cannot, things in itertools.product(limits, ((), ALL)):
            yield (told_alone,), cannot, things


def test_every_plan_holds_only_what_that_client_may_do(screen: Screen) -> None:
    """Plan for many awkward clients.

    The findings are those of a written case; what is told besides is weighed by the plan alone, as it is once a
    clinician has examined it and said that exercise is fine.
    """
    begun = openings(screen)
    assert {key[0] for key in begun} == {ladder.id for ladder in screen.exercises.ladders}
    firsts = {key[0]: key for key in reversed(begun)}.values()  # one of each ladder for what is told together
    library = exercises(screen)
    lifted = 0
    for told, cannot, things in awkward():
        profile, reports, never = dict[str, Any](), dict[str, Any](), set[str]()
        for name in told:
            own_profile, own_reports, own_never = PROFILES[name]
            profile |= own_profile
            reports |= own_reports
            never |= own_never
        postures = {posture for limit in cannot for posture in CANNOT[limit]}
        if "one_leg" in cannot:
            never |= PROFILES["one leg"][2]
        for key in begun if len(told) == 1 else firsts:
            facts, said = begun[key]
            own = {**facts.reports, **reports, "equipment": things}
            own["cannot"] = (*cannot, *reports.get("cannot", ()))
            client = facts.model_copy(update={"profile": {**facts.profile, **profile}, "reports": own})
            plan = first_plan(screen, said, client)
            about = (key, told, cannot, things, plan)
            if isinstance(plan, NoPlan):
                assert plan.reason == "nothing_suits", about
                continue
            assert plan.daily, about
            for chosen in (*plan.daily, *plan.strength):
                exercise = library[chosen.exercise]
                assert exercise.id not in never, about
                assert exercise.posture not in postures, about
                assert set(exercise.equipment) <= set(things), about
                assert "pregnant" not in told or exercise.id in ALLOWED_PREGNANT, about
                needs_hand = {*told, *(("one leg",) if "one_leg" in cannot else ())} & set(UNSTEADY)
                if needs_hand and exercise.posture not in LYING:
                    assert HOLD.search(words(screen, exercise.id, "setup")), about
            for chosen in plan.strength:
                assert chosen.dose.sets <= 2, about
            lifted += bool(plan.strength)
    assert lifted > 0, "some of them get a lift"


def test_thin_bones_a_bad_knee_and_67_still_leave_a_whole_session(screen: Screen) -> None:
    """Give that client a session of daily drills and strength from every beginning, all with a hand to hold."""
    for facts, said in openings(screen).values():
        reports = {**facts.reports, "knee_trouble": "yes", "osteoporosis": "yes", "equipment": ALL}
        profile = {**facts.profile, "age_band": "65_plus"}
        plan = first_plan(screen, said, facts.model_copy(update={"profile": profile, "reports": reports}))
        assert isinstance(plan, Plan)
        assert len(plan.daily) >= 2, plan
        planned = {p.exercise for p in (*plan.daily, *plan.strength)}
        assert planned.isdisjoint(KNEELING | SPLIT | STEP_DOWN | NO_HOLD | {"fp8"}), plan
