"""Every case of the screen and of the shared safety content comes out as written."""

from __future__ import annotations

import pytest

from rules import Screen, assess
from rules.library import read_yaml
from rules.questions import problems
from tests.rules.cases import SAFETY_CASES, SCREEN, broken, cases, cases_of, facts_of

OF_SCREEN = cases_of(SCREEN.name)
OF_SAFETY = cases(SAFETY_CASES)
LEVELS = read_yaml(SAFETY_CASES)["levels"]


@pytest.mark.parametrize("name", OF_SCREEN)
def test_a_case_of_the_screen_comes_out_as_written(name: str, screen: Screen) -> None:
    facts = facts_of(OF_SCREEN[name], OF_SCREEN)
    assert problems(screen, facts) == ()
    assert broken(OF_SCREEN[name], screen, facts) is None


@pytest.mark.parametrize("name", OF_SAFETY)
def test_a_case_of_safety_raises_exactly_its_flags(name: str, screen: Screen) -> None:
    facts = facts_of(OF_SAFETY[name], OF_SAFETY)
    assert problems(screen, facts) == ()
    assert broken(OF_SAFETY[name], screen, facts, LEVELS) is None, OF_SAFETY[name]["exercises"]


def test_the_screen_has_cases_of_its_own_beside_the_vignettes() -> None:
    own = [case for name, case in OF_SCREEN.items() if "vignette" not in name]
    assert len(own) >= 60
    assert [case["name"] for case in own if not case.get("exercises")] == []


def test_every_flag_is_raised_by_a_case(screen: Screen) -> None:
    raised = {flag for case in OF_SAFETY.values() for flag in case["flags"]}
    assert {rule.id for rule in screen.safety.flags} <= raised


def test_every_driver_rule_leads_some_case(screen: Screen) -> None:
    led = set()
    for case in OF_SCREEN.values():
        for finding in assess(screen, facts_of(case, OF_SCREEN)).findings:
            led |= {reason.rule for reason in finding.reasons}
    assert {rule.id for rule in screen.findings.drivers} - led == set()
