"""The mutants are made, killed and let live as they should, and a sample of each part is killed."""

from __future__ import annotations

import pytest

from rules import Screen
from rules.criteria import FactAtLeast
from rules.safety import flags
from rules.sight import Sight
from tests.rules.cases import broken, pinned
from tests.rules.mutants import (
    ALIKE,
    EQUIVALENT,
    GONE,
    LOADER,
    PARTS,
    PROVEN,
    Bench,
    Mutant,
    benches,
    equivalent,
    main,
    mutants,
    mutated,
    run,
    sample,
)


@pytest.fixture(scope="module")
def bench() -> Bench:
    made = next(iter(benches().values()))
    made.drop_broken()
    return made


def found(screen: Screen, rule: str, what: str) -> Mutant:
    """Find a safety mutant by its rule and its change."""
    (mutant,) = (m for m in mutants(screen, "safety") if (m.rule, m.what) == (rule, what))
    return mutant


def test_a_moved_threshold_is_killed_by_the_case_at_its_edge(bench: Bench) -> None:
    mutant = found(bench.screen, "rf34_strong_pain", "reports.pain_level at_least 7 -> 8")
    rule = next(r for r in mutated(bench.screen, mutant).safety.flags if r.id == "rf34_strong_pain")
    assert rule.when == FactAtLeast(fact="reports.pain_level", at_least=8)
    assert bench.killer(mutant) == "7/10 at rest"


def test_a_mutant_lives_once_the_cases_that_kill_it_are_away(bench: Bench) -> None:
    mutant = found(bench.screen, "rf34_strong_pain", "reports.pain_level at_least 7 -> 8")
    away = Bench(
        screen=bench.screen,
        written=tuple(one for one in bench.written if one.case["name"] != "7/10 at rest"),
        levels=bench.levels,
    )
    assert away.killer(mutant) is None
    found_by_run = run("safety", {bench.screen.id: away}, jobs=1, limit_seconds=0)
    assert found_by_run.unfinished > 0


def test_the_untouched_screen_breaks_no_case_of_safety(bench: Bench) -> None:
    for one in bench.written:
        if not pinned(one.case):
            assert broken(one.case, bench.screen, one.facts, bench.levels) is None, one.case["name"]


@pytest.mark.parametrize(
    ("part", "count"), [("safety", 100), ("gate", 20), ("findings", 10), ("screen", 10), ("exercises", 40)]
)
def test_a_sample_of_the_mutants_is_killed(bench: Bench, part: str, count: int) -> None:
    lived = [str(mutant) for mutant in sample(bench.screen, part, count) if bench.killer(mutant) is None]
    assert lived == []


def test_the_mutants_proven_the_same_are_all_made(bench: Bench) -> None:
    made = {(m.part, m.rule, m.what): m for part in PARTS for m in mutants(bench.screen, part)}
    assert PROVEN.keys() <= made.keys()
    assert {bench.killer(made[key]) for key in PROVEN if key[0] in ALIKE} == {EQUIVALENT}


@pytest.mark.parametrize(
    ("part", "rule", "what"),
    [
        ("findings", "flexion.range.both_partial", "f6.level at_least partial -> blocked"),
        ("screen", "hip_internal_rotation f1", "blocked_below male 13 -> 12"),
        ("screen", "f4 sore", "deleted (sore)"),
        ("exercises", "ep7 weight_forward", "deleted (weight_forward)"),
        ("exercises", "ep", "lift without ep6_band"),
    ],
)
def test_a_change_of_what_a_client_gets_is_killed(bench: Bench, part: str, rule: str, what: str) -> None:
    (mutant,) = (m for m in mutants(bench.screen, part) if (m.rule, m.what) == (rule, what))
    assert bench.killer(mutant) not in (None, LOADER, EQUIVALENT)


def test_what_a_case_tells_apart_is_never_called_the_same(bench: Bench) -> None:
    killed = [m for m in sample(bench.screen, "safety", 40) if bench.killer(m) not in (EQUIVALENT, LOADER)]
    assert len(killed) > 20
    assert [str(mutant) for mutant in killed if equivalent(bench.screen, mutant)] == []


def test_a_condition_that_another_rule_of_the_row_makes_superfluous_is_the_same(bench: Bench) -> None:
    """Without the clearance the graver rule of the row stands anyway."""
    what = "without {all: [{known: reports.clearance}, {fact: reports.clearance, is: yes}]}"
    assert bench.killer(found(bench.screen, "rf17_surgery_cleared", what)) == EQUIVALENT


def test_content_that_does_not_load_is_killed_by_the_loader(bench: Bench) -> None:
    emptied = [m for m in mutants(bench.screen, "safety") if m.rule == "rf24_test_pinch" and m.path[-2] == "in_"]
    assert emptied
    assert {bench.killer(mutant) for mutant in emptied} == {LOADER}


def test_a_flag_taken_away_is_gone_and_the_others_stay(bench: Bench) -> None:
    mutant = found(bench.screen, "rf01_cannot_walk", "deleted (rf01_cannot_walk)")
    assert mutant.new is GONE
    ids = [rule.id for rule in bench.screen.safety.flags]
    assert [rule.id for rule in mutated(bench.screen, mutant).safety.flags] == ids[1:]


@pytest.mark.parametrize("part", ["findings", "exercises", "screen"])
def test_every_part_has_mutants_that_load(bench: Bench, part: str) -> None:
    made = sample(bench.screen, part, 10)
    assert any(bench.killer(mutant) != LOADER for mutant in made[:3])
    assert len({str(mutant) for mutant in mutants(bench.screen, part)}) > 100


def test_levels_name_each_flag_once_and_no_other(bench: Bench) -> None:
    assert list(bench.levels) == [rule.id for rule in bench.screen.safety.flags]


def test_a_flag_of_another_urgency_breaks_its_case(bench: Bench) -> None:
    one = next(one for one in bench.written if one.case["name"] == "hip stuck now")
    (raised,) = flags(bench.screen.safety, Sight(bench.screen, one.facts))
    levels = {**bench.levels, raised.id: "emergency lock"}
    assert broken(one.case, bench.screen, one.facts, levels) == "rf22_locked_now is urgent lock"


def test_a_case_with_a_key_that_nothing_compares_is_refused(bench: Bench) -> None:
    one = bench.written[0]
    with pytest.raises(ValueError, match="flag_include, which nothing compares"):
        broken({**one.case, "flag_include": []}, bench.screen, one.facts)


def test_running_out_of_time_is_told(
    bench: Bench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.rules.mutants.benches", lambda: {bench.screen.id: bench})
    assert main(["--part", "safety", "--limit-seconds", "0", "--jobs", "1"]) == 2
    assert "not reached" in capsys.readouterr().out
