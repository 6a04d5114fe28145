"""The quick ways to weigh a criterion and to find flags agree with the one that gives reasons, whatever the facts."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from rules import Facts, load_library, safety, truth
from rules import sight as sights
from rules.assess import _rules, assess, looks
from rules.criteria import LEVELS, All, AnyOf, Both, CountOf, Criterion, Either, Not, Scalar, View, weigh
from rules.safety import Flag, flags
from rules.screen import URGENCIES, Safety
from rules.sight import Sight
from rules.truth import HELD, Values, because, fails, holding, holds, openings, truth_of, truths
from tests.rules.cases import cases, facts_of
from tests.rules.test_rules import any_facts, screened

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
SOME = [rule.when for rule in (*SCREEN.findings.limits, *SCREEN.findings.drivers, *SCREEN.findings.notes)]
BOTH = [Both.model_validate({"both": criterion}) for criterion in ALL]


def test_every_kind_of_criterion_is_used() -> None:
    assert {kind for kind in KINDS if any(isinstance(c, kind) for c in ALL)} == set(KINDS) - {Both}
    assert len(ALL) > 500


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**9), st.sampled_from(["left", "right", None]))
def test_all_ways_of_weighing_agree(seed: int, side: Any) -> None:
    facts, _ = screened(seed)
    sight = Sight(SCREEN, facts, side)
    for criterion in (*ALL, *BOTH):
        check(criterion, sight)
    check_together(SOME, sight)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**9), st.sampled_from(["left", "right", None]))
def test_facts_filled_in_are_those_that_are_looked_up(seed: int, side: Any) -> None:
    for facts in (any_facts(seed), together(any_facts(seed)), any_facts(seed).model_copy(update={"attempts": ()})):
        filled = Sight(SCREEN, facts, side).values
        assert {path: Sight(SCREEN, facts, side).value(path) for path in filled} == dict(filled)
        for criterion in (*SOME, *BOTH):
            assert truth_of(criterion, filled) is weigh(criterion, Sight(SCREEN, facts, side)).truth, criterion


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**9))
def test_where_no_side_was_tried_alone_each_is_found_what_a_look_at_it_says(seed: int) -> None:
    facts = together(any_facts(seed))
    said = assess(SCREEN, facts)
    assert said.findings == tuple(look.finding() for look in looks(SCREEN, facts).values())
    assert said.priority.side is None


def together(facts: Facts) -> Facts:
    """Leave out what was tried on one side alone."""
    return facts.model_copy(update={"attempts": tuple(a for a in facts.attempts if a.side == "both")})


def check(criterion: Criterion, view: View) -> None:
    verdict, values = weigh(criterion, view), Values(view)
    assert truth_of(criterion, view) is verdict.truth, criterion
    assert holds(criterion, values) is (verdict.truth is True), criterion
    assert fails(criterion, values) is (verdict.truth is False), criterion
    assert because(criterion, values, verdict.truth) == verdict.because, criterion


def check_together(criteria: Sequence[Criterion], view: View) -> None:
    """Check what is compiled of several at once."""
    weighed, values = [weigh(criterion, view).truth for criterion in criteria], Values(view)
    assert list(truths(criteria)(values)) == weighed
    assert list(holding(criteria)(values)) == [truth is True for truth in weighed]
    assert list(openings(criteria)(values)) == [opening(criterion, view) for criterion in criteria]


def opening(criterion: Criterion, view: View) -> int | None:
    """Find the only part that keeps an `all` from holding."""
    if weigh(criterion, view).truth is True:
        return HELD
    parts = criterion.all_ if isinstance(criterion, All) else ()
    apart = [place for place, part in enumerate(parts) if weigh(part, view).truth is not True]
    return apart[0] if len(parts) > 1 and len(apart) == 1 else None


class Few:
    """Made-up facts: five paths, each with any value, from each side alike."""

    def __init__(self, held: Mapping[str, Any]) -> None:
        self.held = held

    def value(self, path: str) -> Any:
        """Give the fact at *path*."""
        return self.held.get(path)

    def seen_from(self, side: Any) -> Few:
        """Give the same facts, with those of the side where they differ."""
        room = f"{side}:"
        return Few({**self.held, **{p.removeprefix(room): v for p, v in self.held.items() if p.startswith(room)}})


WORDS = ("yes", "no", "unknown", "unsure", "not_needed", *LEVELS, "other")
PATHS = ("a.a", "a.b", "reports.c")
scalars: st.SearchStrategy[Scalar] = st.sampled_from(WORDS) | st.integers(-1, 3) | st.sampled_from([0.5, 2.0])
words = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3)
leaves = st.one_of(
    st.fixed_dictionaries({"fact": st.sampled_from(PATHS), "is": scalars}),
    st.fixed_dictionaries({"fact": st.sampled_from(PATHS), "in": st.lists(scalars, min_size=1, max_size=3)}),
    st.fixed_dictionaries({"fact": st.sampled_from(PATHS), "at_least": scalars}),
    st.fixed_dictionaries({"fact": st.sampled_from(PATHS), "below": scalars}),
    st.fixed_dictionaries({"fact": st.sampled_from(PATHS), "includes": words}),
    *(st.fixed_dictionaries({key: st.sampled_from(PATHS)}) for key in ("known", "asked", "reported")),
)


def around(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        *(st.fixed_dictionaries({key: several}) for key in ("all", "any")),
        *(st.fixed_dictionaries({key: inner}) for key in ("not", "either", "both")),
        several.flatmap(
            lambda parts: st.fixed_dictionaries({"count": st.just(parts), "at_least": st.integers(1, len(parts))})
        ),
    )


@given(
    st.recursive(leaves, around, max_leaves=6),
    st.lists(leaves, max_size=3),
    st.dictionaries(
        st.sampled_from([*PATHS, "left:a.a", "right:a.a", "left:a.b"]),
        scalars | st.lists(st.sampled_from(WORDS), max_size=3).map(tuple),
    ),
)
def test_any_criterion_comes_to_the_same_on_any_facts(written: Any, others: Any, held: dict[str, Any]) -> None:
    check(All.model_validate({"all": [written]}), Few(held))
    check_together([All.model_validate({"all": [written, *others]})], Few(held))


def slowly(content: Safety, view: View) -> list[Flag]:
    """Weigh every rule; of a row the most urgent stands, of equals the first."""
    found: dict[str, Flag] = {}
    for rule in content.flags:
        verdict = weigh(rule.when, view)
        if verdict.truth is not True:
            continue
        held = found.get(rule.row)
        if held is None or URGENCIES.index(rule.urgency) > URGENCIES.index(held.urgency):
            found[rule.row] = Flag(**rule.model_dump(include=set(Flag.model_fields)), because=verdict.because)
    return sorted(found.values(), key=lambda flag: (-URGENCIES.index(flag.urgency), flag.id))


def same_flags(facts: Facts) -> None:
    """Find them in both ways, and once more with every rule in a row of its own, so that none hides another."""
    for content in (SCREEN.safety, APART):
        sight = Sight(SCREEN, facts)
        wanted = slowly(content, sight)
        assert list(flags(content, sight)) == wanted
        assert list(flags(content, Values(sight, facts.told))) == wanted


APART = SCREEN.safety.model_copy(
    update={"flags": tuple(rule.model_copy(update={"row": rule.id}) for rule in SCREEN.safety.flags)}
)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**9))
def test_flags_are_those_that_weighing_every_rule_finds(seed: int) -> None:
    same_flags(any_facts(seed))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9), st.data())
def test_flags_of_a_few_answers_are_those_that_weighing_every_rule_finds(seed: int, data: st.DataObject) -> None:
    facts = any_facts(seed)
    told = data.draw(st.lists(st.sampled_from(sorted(facts.told)), unique=True, max_size=6)) if facts.told else []
    tests = data.draw(st.lists(st.sampled_from(facts.attempts), unique_by=id, max_size=2)) if facts.attempts else []
    values = {path: facts.told[path] for path in told}
    same_flags(Facts.from_values(values).model_copy(update={"attempts": tuple(tests)}))


def test_flags_of_the_written_cases_are_those_that_weighing_every_rule_finds() -> None:
    known = cases(Path(__file__).parent / "cases_safety.yaml")
    for case in known.values():
        same_flags(facts_of(case, known))


def test_what_was_compiled_goes_with_its_content() -> None:
    facts = screened(1)[0]

    def kept() -> int:
        gc.collect()
        return len(truth._true) + len(truth._false) + sum(map(len, truth._told.values())) + len(safety._watches)

    before = kept()
    content = SCREEN.safety.model_validate(SCREEN.safety.model_dump(by_alias=True))
    sight = Sight(SCREEN, facts)
    flags(content, sight)
    for rule in content.flags:
        truth_of(rule.when, sight)
    assert kept() > before + len(content.flags)
    del content, rule
    assert kept() == before


def test_what_was_compiled_of_a_screen_goes_with_it() -> None:
    facts = screened(1)[0]

    def kept() -> tuple[int, int]:
        gc.collect()
        return len(_rules), len(sights._blanks)

    before = kept()
    screen = SCREEN.model_copy()
    assert assess(screen, facts) == assess(SCREEN, facts)
    assert kept() > before
    del screen
    assert kept() == before


def test_facts_copied_with_other_answers_are_read_anew() -> None:
    facts = Facts.from_values({"reports.task": "nothing", "f1.left.level": "clear"})
    before = Sight(SCREEN, facts, "left").values
    other = facts.model_copy(update={"reports": {"task": "squat"}, "attempts": ()})
    after = Sight(SCREEN, other, "left").values
    assert (before["reports.task"], before["f1.level"]) == ("nothing", "clear")
    assert (after["reports.task"], after["f1.level"]) == ("squat", None)
