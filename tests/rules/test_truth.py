"""The quick way to weigh a criterion and the one that gives reasons agree, whatever the facts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from rules import load_library
from rules.criteria import All, AnyOf, Both, CountOf, Criterion, Either, Not, weigh
from rules.sight import Sight
from rules.truth import truth_of
from tests.rules.test_rules import screened

SCREEN = load_library().screens["hip_internal_rotation"]
KINDS = (All, AnyOf, Not, CountOf, Either, Both)


def criteria(found: Any) -> Iterator[Criterion]:
    """Find every criterion of the content, the inner ones too."""
    if isinstance(found, BaseModel):
        if type(found).__module__ == "rules.criteria":
            yield found  # type: ignore[misc]  # that module's models are criteria
        for name in type(found).model_fields:
            yield from criteria(getattr(found, name))
    elif isinstance(found, dict):
        for value in found.values():
            yield from criteria(value)
    elif isinstance(found, list | tuple):
        for value in found:
            yield from criteria(value)


ALL = [*criteria(SCREEN.safety), *criteria(SCREEN.findings), *criteria(SCREEN.file), *criteria(SCREEN.exercises)]


def test_every_kind_of_criterion_is_used() -> None:
    assert {kind for kind in KINDS if any(isinstance(c, kind) for c in ALL)} == set(KINDS) - {Both}
    assert len(ALL) > 500


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**9), st.sampled_from(["left", "right", None]))
def test_both_ways_of_weighing_agree(seed: int, side: Any) -> None:
    facts, _ = screened(seed)
    sight = Sight(SCREEN, facts, side)
    for criterion in ALL:
        assert truth_of(criterion, sight) is weigh(criterion, sight).truth, criterion
        both = Both.model_validate({"both": criterion})
        assert truth_of(both, sight) is weigh(both, sight).truth, both
