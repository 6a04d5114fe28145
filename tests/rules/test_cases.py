"""Every case of the screen and of the shared safety content comes out as written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rules import Library, NoPlan, Screen, assess, first_plan
from rules.questions import problems
from tests.rules.cases import SCREEN, cases, facts_of

SCREEN_CASES = cases(SCREEN / "cases.yaml")
SAFETY_CASES = cases(Path(__file__).parent / "cases_safety.yaml")


@pytest.mark.parametrize("name", SCREEN_CASES)
def test_a_case_of_the_screen_comes_out_as_written(name: str, screen: Screen) -> None:
    case = SCREEN_CASES[name]
    facts = facts_of(case, SCREEN_CASES)
    assert problems(screen, facts) == ()
    said = assess(screen, facts)
    for line in case["findings"]:
        side, context, limited, *rest = line.split()
        finding = said.finding(side, context)
        got: list[Any] = [finding.limited, finding.driver, finding.confidence]
        wanted = [limited, *(rest or (None, None))]
        assert got == wanted, f"{side} {context}: {finding}"
    ids = {flag.id for flag in said.flags}
    if "flags" in case:
        assert ids == set(case["flags"])
    assert set(case.get("flags_include", ())) <= ids
    for key, value in case.get("priority", {}).items():
        assert getattr(said.priority, key) == value, said.priority
    assert said.position_first is case.get("position_first", False)
    for place, paths in case.get("missing", {}).items():
        assert list(said.finding(*place.split()).missing) == paths
    for place, phase in case.get("phase", {}).items():
        assert said.finding(*place.split()).phase == phase
    for place, notes in case.get("notes", {}).items():
        assert list(said.finding(*place.split()).notes) == notes
    plan = first_plan(screen, said, facts)
    if "first" in case:
        first = "none" if isinstance(plan, NoPlan) else plan.daily[0].exercise
        assert first == case["first"], plan
    if not isinstance(plan, NoPlan):
        assert plan.days_a_week == case.get("days_a_week", plan.days_a_week)
        for exercise in case.get("also", ()):
            assert exercise in {p.exercise for p in plan.daily}


@pytest.mark.parametrize("name", SAFETY_CASES)
def test_a_case_of_safety_raises_exactly_its_flags(name: str, library: Library) -> None:
    case = SAFETY_CASES[name]
    screen = next(iter(library.screens.values()))
    facts = facts_of(case, SAFETY_CASES)
    assert problems(screen, facts) == ()
    assert {flag.id for flag in assess(screen, facts).flags} == set(case["flags"]), case["exercises"]


def test_every_flag_is_raised_by_a_case(screen: Screen) -> None:
    raised = {flag for case in SAFETY_CASES.values() for flag in case["flags"]}
    assert {rule.id for rule in screen.safety.flags} <= raised


def test_every_driver_rule_leads_some_case(screen: Screen) -> None:
    led = set()
    for case in SCREEN_CASES.values():
        for finding in assess(screen, facts_of(case, SCREEN_CASES)).findings:
            led |= {reason.rule for reason in finding.reasons}
    assert {rule.id for rule in screen.findings.drivers} - led == {
        "extension.unclear.pain",
        "extension.pelvic.range",
    } - led
