"""Claims about the rules that hold for any facts: total, pure, symmetric, monotone in safety; progress never grows."""

from __future__ import annotations

import itertools
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rules import SIDES, Ask, Done, Facts, NoPlan, Screen, Stopped, assess, first_plan, load_library, next_question
from rules.adaptive import undecided
from rules.criteria import All, AnyOf, FactIs, Not, Side, weigh
from rules.questions import SETTLED, Way, answer, implied, next_on, option_of, walk
from rules.screen import URGENCIES, Question, Row
from rules.sight import Sight

SCREEN = load_library().screens["hip_internal_rotation"]
SEEDS = st.integers(0, 10**9)
few = settings(max_examples=40)
"""For what walks a whole screening, question by question."""
URGENT_ITEMS = sorted(
    row.path for question in SCREEN.questions if question.kind == "checklist" for row in question.rows
)


def an_answer(question: Question, row: Row, choose: random.Random) -> Any:
    match question.kind:
        case "scale":
            return choose.randint(0, 10)
        case "number":
            return choose.randint(0, 60)
        case "many":
            return tuple(o.id for o in row.options if choose.random() < 0.3)
        case "checklist":
            return "yes" if choose.random() < 0.02 else "no"
        case _:
            return choose.choice(row.options).id


def screened(seed: int, *, healthy: bool = False) -> tuple[Facts, list[Ask]]:
    """Answer everything at random; give the facts and all that was asked."""
    choose = random.Random(seed)  # noqa: S311  # a test's dice
    facts, asked = Facts(), []
    for _ in range(400):
        following = next_question(SCREEN, facts)
        if not isinstance(following, Ask):
            return facts, asked
        asked.append(following)
        for row in following.open:
            value = an_answer(following.question, row, choose)
            if healthy and following.question.part in ("you", "safety"):
                wanted = {"18_39", "male", "uk", "no", "none", "heels"} & {o.id for o in row.options}
                value = next(iter(sorted(wanted)), "no" if following.question.kind == "checklist" else value)
            facts = answer(SCREEN, facts, row.path, value)
    raise AssertionError("a screening must end")


def mirrored(facts: Facts) -> Facts:
    other = {"left": "right", "right": "left", "both": "both"}
    return Facts(
        profile=facts.profile,
        reports=facts.reports,
        attempts=tuple(a.model_copy(update={"side": other[a.side]}) for a in facts.attempts),
    )


def any_facts(seed: int) -> Facts:
    """Give facts that no screening need have led to: any path answered or not, on both days."""
    choose = random.Random(seed)  # noqa: S311  # a test's dice
    density, health = choose.choice((0.1, 0.5, 0.9, 1.0)), choose.choice((0.0, 0.02, 0.3))
    values: dict[str, Any] = {}
    for question in SCREEN.questions:
        for row in question.rows:
            if choose.random() > density:
                continue
            value = an_answer(question, row, choose)
            if question.kind == "checklist":
                value = choose.choice(("yes", "unsure")) if choose.random() < health else "no"
            values |= implied(SCREEN, row.path, value)
    for path in SCREEN.worded_only:
        if choose.random() < health / 10:
            values[path] = "yes"
    return Facts.from_values(values)


@given(SEEDS)
def test_anything_can_be_assessed_and_nothing_is_changed_by_it(seed: int) -> None:
    facts = any_facts(seed)
    before = facts.model_dump()
    said = assess(SCREEN, facts)
    first_plan(SCREEN, said, facts)
    assert facts.model_dump() == before
    assert assess(SCREEN, facts) == said
    assert {(f.side, f.context) for f in said.findings} == {(s, c) for s in SIDES for c in SCREEN.file.contexts}
    for finding in said.findings:
        assert (finding.driver is not None) == (finding.confidence is not None) == (finding.limited == "yes")


@given(SEEDS)
def test_mirroring_the_sides_mirrors_the_findings(seed: int) -> None:
    facts = any_facts(seed)
    here, there = assess(SCREEN, facts), assess(SCREEN, mirrored(facts))
    other: dict[Side, Side] = {"left": "right", "right": "left"}
    for finding in here.findings:
        twin = there.finding(other[finding.side], finding.context)
        assert (finding.limited, finding.driver, finding.confidence) == (twin.limited, twin.driver, twin.confidence)
        assert (finding.notes, finding.phase, finding.cue) == (twin.notes, twin.phase, twin.cue)
    assert [flag.id for flag in here.flags] == [flag.id for flag in there.flags]
    assert here.priority.kind == there.priority.kind
    assert here.priority.side == (other[there.priority.side] if there.priority.side else None)


@given(SEEDS)
def test_the_order_of_facts_does_not_matter(seed: int) -> None:
    facts = any_facts(seed)
    turned = Facts(
        profile=dict(reversed(list(facts.profile.items()))),
        reports=dict(reversed(list(facts.reports.items()))),
        attempts=tuple(reversed(facts.attempts)),
    )
    assert assess(SCREEN, turned) == assess(SCREEN, facts)


@given(SEEDS, st.sampled_from(URGENT_ITEMS))
def test_one_more_red_flag_never_lowers_the_urgency(seed: int, item: str) -> None:
    facts = any_facts(seed)
    more = facts.with_values({item: "yes"})

    def worst(given_facts: Facts) -> int:
        return max((URGENCIES.index(f.urgency) for f in assess(SCREEN, given_facts).flags), default=-1)

    assert worst(more) >= worst(facts)


@few
@given(SEEDS)
def test_any_way_through_ends(seed: int) -> None:
    facts, _ = screened(seed)
    assert isinstance(next_question(SCREEN, facts), Done | Stopped)


@few
@given(SEEDS)
def test_any_second_look_ends_and_is_assessed(seed: int) -> None:
    facts, _ = screened(seed, healthy=True)
    following, asked = next_question(SCREEN, facts, scope="second"), 0
    choose = random.Random(seed + 1)  # noqa: S311  # a test's dice
    while isinstance(following, Ask):
        first = following.question.part.startswith("second") or following.question.test is None
        assert first or following.question.field != "level" or following.question.run is not None
        for row in following.open:
            facts = answer(SCREEN, facts, row.path, an_answer(following.question, row, choose))
        asked += 1
        assert asked < 100
        following = next_question(SCREEN, facts, scope="second")
    said = assess(SCREEN, walk(SCREEN, facts, scope="second").facts)
    assert len(said.findings) == 4


@few
@given(SEEDS)
def test_what_is_not_asked_could_not_have_changed_the_assessment(seed: int) -> None:
    facts, _ = screened(seed, healthy=True)
    choose = random.Random(seed + 2)  # noqa: S311  # a test's dice
    needed = undecided(SCREEN, facts)
    left_out = {skip.test for skip in walk(SCREEN, facts).skipped if skip.reason != SETTLED}
    stand_ins = {out.instead for test in SCREEN.tests.values() for out in test.leave_out}
    values: dict[str, Any] = {}
    for question in SCREEN.questions:
        test = SCREEN.tests[question.test] if question.test else None
        if test is None or test.day != 1 or question.run is not None or question.field != "level":
            continue
        if test.id in left_out | stand_ins:
            continue
        for row in question.rows:
            sides = (row.side,) if row.side else SIDES
            if facts.value(row.path) is None and not any((test.id, side) in needed for side in sides):
                values |= implied(SCREEN, row.path, choose.choice([o for o in row.options if o.sets]).id)
    before, after = assess(SCREEN, facts), assess(SCREEN, facts.with_values(values))
    for was in before.findings:
        now = after.finding(was.side, was.context)
        assert (was.limited, was.driver, was.confidence) == (now.limited, now.driver, now.confidence), values
        assert was.notes == now.notes, values
    assert before.position_first == after.position_first


@few
@given(SEEDS)
def test_at_most_never_grows_within_a_part(seed: int) -> None:
    _, asked = screened(seed, healthy=True)
    for earlier, later in itertools.pairwise(asked):
        if earlier.part == later.part and "." not in later.question.id:
            assert later.at_most < earlier.at_most, (earlier.question.id, later.question.id)
        assert later.part >= earlier.part


@few
@given(SEEDS)
def test_nothing_is_asked_twice(seed: int) -> None:
    _, asked = screened(seed)
    ids = [ask.question.id for ask in asked]
    assert len(ids) == len(set(ids))


@few
@given(SEEDS)
def test_no_plan_after_a_lock(seed: int) -> None:
    facts, _ = screened(seed)
    said = assess(SCREEN, facts)
    if any(flag.action in ("lock", "pause") for flag in said.flags):
        assert isinstance(first_plan(SCREEN, said, facts), NoPlan)


def test_a_dormant_answer_returns_when_its_question_applies_again() -> None:
    facts, _ = screened(7, healthy=True)
    facts = answer(SCREEN, facts, "f1.left.level", "blocked")
    facts = answer(SCREEN, facts, "f2.left.level", "blocked")
    clear = answer(SCREEN, facts, "f1.left.level", "clear")
    assert walk(SCREEN, clear).facts.value("f2.left.level") is None
    again = answer(SCREEN, clear, "f1.left.level", "partial")
    assert walk(SCREEN, again).facts.value("f2.left.level") == "blocked"


def test_an_emergency_stops_at_once_and_a_lesser_lock_lets_the_emergency_page_pass() -> None:
    minor = answer(SCREEN, Facts(), "profile.age_band", "under_18")
    minor = answer(SCREEN, minor, "profile.sex", "female")
    minor = answer(SCREEN, minor, "profile.country", "uk")
    asked = next_question(SCREEN, minor)
    assert isinstance(asked, Ask)
    assert asked.question.id == "emergency"
    assert isinstance(next_question(SCREEN, minor.with_values({"reports.cannot_walk": "yes"})), Stopped)


def test_an_option_that_settles_more_is_told_apart_from_its_neighbours() -> None:
    row = next(r for q in SCREEN.questions for r in q.rows if r.path == "f5.both.level")
    for option in ("toes", "arch", "knees", "clear", "blocked"):
        assert option_of(row, answer(SCREEN, Facts(), "f5.both.level", option)) == option


def test_unknown_is_a_value_of_its_own() -> None:
    sight = Sight(SCREEN, Facts(reports={"fever": "unsure"}))
    fever = FactIs.model_validate({"fact": "reports.fever", "is": "yes"})
    absent = FactIs.model_validate({"fact": "reports.absent", "is": "yes"})
    assert weigh(fever, sight).truth is None
    assert weigh(Not.model_validate({"not": absent}), sight).truth is None
    assert weigh(All.model_validate({"all": [absent, {"known": "reports.absent"}]}), sight).truth is False
    assert weigh(AnyOf.model_validate({"any": [absent, {"asked": "reports.fever"}]}), sight).truth is True


def test_a_left_out_test_is_replaced_and_said_to_be() -> None:
    facts, _ = screened(3, healthy=True)
    knee = facts.with_values({"reports.knee_trouble": "yes"})
    way: Way = walk(SCREEN, knee)
    assert {skip.test for skip in way.skipped} >= {"f1", "f2", "e1", "e2"}
    assert {skip.instead for skip in way.skipped} >= {"e1b", "e2s"}
    assert isinstance(next_on(SCREEN, way), Ask | Done)


def test_both_sides_are_asked_apart(screen: Screen) -> None:
    for test in screen.tests.values():
        question = screen.question(f"{test.id}.level" if test.day == 1 else f"{test.id}.2a1.level")
        sides = tuple(row.side for row in question.rows)
        assert sides == (SIDES if test.sides == "each" else (None,))
