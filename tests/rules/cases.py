"""Reads cases: facts -> what the screen must say. A case may build on another (`like`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rules import Facts
from rules.library import read_yaml

SCREEN = Path(__file__).parents[2] / "rules/screens/hip_internal_rotation"


def cases(path: Path) -> dict[str, dict[str, Any]]:
    """Read the cases of a file by name."""
    known: dict[str, dict[str, Any]] = {}
    for case in read_yaml(path)["cases"]:
        if case["name"] in known:
            raise ValueError(f"{path}: two cases are called {case['name']!r}; rename one")
        known[case["name"]] = case
    return known


def facts_of(case: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> Facts:
    """Make a case's facts: those of the case it is like, with its own on top."""
    return Facts.model_validate(_merged(case, known))


def _merged(case: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    base = _merged(known[case["like"]], known) if "like" in case else {"profile": {}, "reports": {}, "attempts": []}
    own = case.get("facts", {})
    attempts = {_key(a): a for a in base["attempts"]}
    for attempt in (*own.get("attempts", ()), *case.get("attempts", ())):
        key = _key(attempt)
        if len(attempt) == 2:  # only named: taken away
            attempts.pop(key, None)
        else:
            attempts[key] = attempt
    return {
        "profile": {**base["profile"], **own.get("profile", {})},
        "reports": {**base["reports"], **own.get("reports", {})},
        "attempts": list(attempts.values()),
    }


def _key(attempt: Mapping[str, Any]) -> tuple[Any, ...]:
    return attempt["test"], attempt["side"], attempt.get("try", "A1"), attempt.get("day", 1)
