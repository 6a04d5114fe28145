"""What re-screens come to: change told only when it repeats, plateaus that lead on, endings."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules import Screen, load_library
from rules.course import Check, course

START = date(2026, 1, 5)
SCREEN = load_library().screens["hip_internal_rotation"]


def checks(*given: str, hurts: bool = False, done: float = 0.8, every: int = 7) -> list[Check]:
    """Make a screening and re-screens, *every* so many days: the levels of F1 and F2, and perhaps the task's score."""
    found = []
    for number, text in enumerate(given):
        f1, f2, *task = text.split()
        found.append(
            Check(
                on=START + timedelta(days=every * number),
                levels={"f1.left": f1, "f2.left": f2},
                task=int(task[0]) if task else None,
                done=done,
                hurts=hurts,
            )
        )
    return found


B, P, C = "blocked blocked", "partial blocked", "clear clear"


@pytest.mark.parametrize(
    ("given", "kind", "rule"),
    [
        (checks(B), "too_early", "weekly"),
        (checks(B, P), "maybe", "changed_once"),
        (checks(B, P, P), "better", "changed_twice"),
        (checks(B, P, B), "hold", "no_change_yet"),
        (checks(f"{B} 4", f"{B} 5", f"{B} 5", done=0.5), "hold", "no_change_yet"),
        (checks(f"{B} 4", f"{B} 6", f"{B} 6"), "better", "changed_twice"),
        (checks(B, C, C), "resolved", "resolved_twice"),
        (checks(B, C, C, hurts=True), "better", "changed_twice"),
        (checks(P, B, B), "worse", "worse_twice"),
        (checks(P, B, B, hurts=True), "clinician", "worse_twice"),
        (checks(P, B), "maybe", "changed_once"),
        (checks(B, B, B), "next_driver", "no_change_twice"),
        (checks(B, B, B, done=0.6), "hold", "no_change_yet"),
        (checks(B, B), "hold", "no_change_yet"),
        (checks(B, B, B, every=14), "coach", "four_weeks"),
        (checks(B, B, B, every=21), "coach", "four_weeks"),
        (checks(B, B, B, every=21, hurts=True), "clinician", "six_weeks"),
        (checks("unknown blocked", "clear blocked", "clear blocked"), "next_driver", "no_change_twice"),
    ],
)
def test_re_screens_come_to(given: list[Check], kind: str, rule: str) -> None:
    found = course(SCREEN, given, context="flexion", tried=("femoral",))
    assert (found.kind, found.rule) == (kind, rule)


def test_a_plateau_leads_to_the_next_likely_driver_and_then_to_a_coach(screen: Screen) -> None:
    plateau = checks(B, B, B)
    seen = ["femoral"]
    for _ in screen.file.prior["flexion"]:
        found = course(screen, plateau, context="flexion", tried=seen)
        if found.driver is None:
            break
        seen.append(found.driver)
    assert seen == list(screen.file.prior["flexion"])
    assert course(screen, plateau, context="flexion", tried=seen).kind == "coach"


def test_extension_begins_with_the_pelvis(screen: Screen) -> None:
    found = course(screen, checks(B, B, B), context="extension", tried=("femoral",))
    assert found.driver == "pelvic"


def test_checks_out_of_order_are_refused(screen: Screen) -> None:
    with pytest.raises(ValueError, match="sort them"):
        course(screen, checks(B, P)[::-1], context="flexion", tried=())


@given(st.lists(st.sampled_from([B, P, C, "clear partial", "unknown partial"]), min_size=1, max_size=9), st.booleans())
def test_pain_never_makes_it_sound_better(history: list[str], hurts: bool) -> None:
    grave = ("resolved", "better", "maybe", "too_early", "hold", "next_driver", "coach", "worse", "clinician")
    well = course(SCREEN, checks(*history), context="flexion", tried=("femoral",))
    sore = course(SCREEN, checks(*history, hurts=hurts), context="flexion", tried=("femoral",))
    assert grave.index(sore.kind) >= grave.index(well.kind)
