"""An author is told what to mend, on which line; and what rules come to can be read."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from rules import Facts, Library, Screen, assess, first_plan, load_library
from rules import sound as soundness
from rules.anchored import anchored
from rules.cases import facts_by_name
from rules.check import check, criteria_of, placed
from rules.criteria import Truth, View, weigh
from rules.diff import Change, Replay, compare
from rules.docs import page
from rules.evidence import Evidence
from rules.explain import WIDTH, explain
from rules.library import HERE, parse_yaml, read_texts, read_yaml
from rules.lines import Lines
from rules.plain import COUNTED, DERIVED, Plain
from rules.progression import DAYS_A_WEEK, FIRST_SETS, POSTURES_BARRED, STRENGTH_DAYS
from rules.sound import Space, examine

SCREEN = "screens/hip_internal_rotation"
FINDINGS, TESTS, EXERCISES = f"{SCREEN}/findings.yaml", f"{SCREEN}/screen.yaml", f"{SCREEN}/exercises.yaml"
FLAGS = "safety/red_flags.yaml"


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """Give a copy of the content, to break."""
    for room in ("safety", "screens"):
        shutil.copytree(HERE / room, tmp_path / room)
    return tmp_path


@pytest.fixture(scope="module")
def cases() -> dict[str, Facts]:
    return dict(facts_by_name(read_yaml(HERE / SCREEN / "cases.yaml")))


def changed(content: Path, file: str, old: str, new: str) -> None:
    """Replace the first *old* of a file."""
    text = (content / file).read_text(encoding="utf-8")
    assert old in text
    (content / file).write_text(text.replace(old, new, 1), encoding="utf-8")


def line_of(content: Path, file: str, mark: str) -> int:
    """Count the lines up to the first that holds *mark*."""
    lines = (content / file).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, start=1) if mark in line)


def told(content: Path) -> list[str]:
    library = load_library(content)
    return list(placed(library, examine(library).problems, ""))


def rule(rule_id: str, when: str, *more: str) -> str:
    """Write a rule of findings.yaml."""
    held = "".join(f"    {line}\n" for line in more)
    return f"  - id: {rule_id}\n{held}    when: {when}\n    source: proposal\n"


def expect(content: Path, file: str, mark: str, says: str) -> None:
    """Expect one problem on the line of a mark."""
    start = f"{file}:{line_of(content, file, mark)}: "
    found = [problem for problem in told(content) if problem.startswith(start)]
    assert any(says in problem for problem in found), told(content)


# --- what an author must mend ---


def test_the_content_as_it_stands_is_sound(library: Library) -> None:
    examined = examine(library)
    assert placed(library, examined.problems) == ()
    assert examined.counts["criteria"] > 150


def test_a_rule_without_words_is_named_by_its_line(content: Path) -> None:
    changed(content, FINDINGS, "\nnotes:\n", "\nnotes:\n" + rule("note.new", "{fact: f1.level, is: blocked}"))
    expect(content, FINDINGS, "id: note.new", "wording/en.yaml lacks reason.note.new; add it")


def test_a_question_without_words_is_named_by_its_line(content: Path) -> None:
    changed(content, TESTS, "  - id: work\n", "  - id: toil\n")
    expect(content, TESTS, "id: toil", "wording/en.yaml lacks toil.ask; add it")


def test_a_word_that_is_forbidden_is_named_by_its_line(content: Path) -> None:
    changed(content, f"{SCREEN}/wording/en.yaml", "cue: Heels heavy on the wall", "cue: Rotate in, heels heavy")
    expect(content, f"{SCREEN}/wording/en.yaml", "cue: Rotate in", "exercise.ff1.cue cues internal rotation")


def test_a_fact_that_nothing_asks_for_is_named_by_its_line(content: Path) -> None:
    new = rule("note.moon", '{fact: reports.moonlight, is: "yes"}')
    changed(content, FINDINGS, "\nnotes:\n", "\nnotes:\n" + new)
    expect(content, FINDINGS, "id: note.moon", "rule note.moon reads reports.moonlight, which nothing asks for")


def test_a_try_that_is_never_made_is_named_by_its_line(content: Path) -> None:
    new = rule("note.try", "{fact: 'f1:9B:levitate.level', is: clear}")
    changed(content, FINDINGS, "\nnotes:\n", "\nnotes:\n" + new)
    expect(content, FINDINGS, "id: note.try", "reads f1:9B:levitate.level, which nothing asks for")


@pytest.mark.parametrize(
    "when",
    [
        "{all: [{fact: f1.level, is: blocked}, {fact: f1.level, is: clear}]}",
        "{all: [{fact: f1.level, at_least: partial}, {not: {any: [{fact: f1.level, at_least: partial}]}}]}",
        "{all: [{fact: reports.pain_level, at_least: 4}, {fact: reports.pain_level, below: 4}]}",
        "{count: [{fact: f5.level, is: clear}, {fact: f5.level, is: partial}], at_least: 2}",
        "{fact: reports.pain_level, at_least: 11}",
        "{all: [{both: {fact: f6.level, is: clear}}, {either: {fact: f6.level, is: blocked}}]}",
    ],
)
def test_a_rule_that_contradicts_itself_can_never_fire(content: Path, when: str) -> None:
    changed(content, FINDINGS, "\nnotes:\n", "\nnotes:\n" + rule("note.never", when))
    expect(content, FINDINGS, "id: note.never", "rule note.never can never fire")


@pytest.mark.parametrize(
    "when",
    [
        "{all: [{fact: f1.level, is: blocked}, {not: {fact: f1.level, is: clear}}]}",
        "{all: [{either: {fact: f6.level, is: clear}}, {either: {fact: f6.level, is: blocked}}]}",
        "{all: [{fact: f6.level, is: clear}, {fact: other.f6.level, is: blocked}]}",
        "{not: {asked: f1.level}}",
    ],
)
def test_a_rule_that_can_fire_is_no_problem(content: Path, when: str) -> None:
    changed(content, FINDINGS, "\nnotes:\n", "\nnotes:\n" + rule("note.may", when))
    assert [problem for problem in told(content) if "note.may" in problem and "never" in problem] == []


def test_a_word_that_is_never_answered_is_found_inside_a_rule(content: Path) -> None:
    when = "{any: [{fact: f1.level, is: blocked}, {fact: f1.level, is: bloked}]}"
    changed(content, FINDINGS, "\nnotes:\n", "\nnotes:\n" + rule("note.typo", when))
    expect(
        content, FINDINGS, "id: note.typo", "wants f1.level to be 'bloked', which is never answered; it takes: clear"
    )


def test_a_test_seen_from_no_side_makes_a_flag_that_can_never_fire(content: Path) -> None:
    new = (
        "  - {id: rf99, row: x, urgency: coach, action: note, when: {fact: f1.level, is: blocked}, source: proposal}\n"
    )
    with (content / FLAGS).open("a", encoding="utf-8") as file:
        file.write(new)
    expect(content, FLAGS, "id: rf99", "flag rf99 can never fire")


def test_a_driver_rule_behind_a_wider_one_is_never_reached(content: Path) -> None:
    when = '{all: [{fact: derived.range, is: "yes"}, {fact: f1.level, is: blocked}]}'
    new = rule("flexion.late", when, "context: flexion", "driver: pelvic")
    changed(content, FINDINGS, "\nconfidence:\n", f"\n{new}\nconfidence:\n")
    says = "rule flexion.late is never reached: whatever makes it true makes flexion.femoral true before it"
    expect(content, FINDINGS, "id: flexion.late", says)


def test_a_driver_rule_that_spells_range_out_is_shadowed_by_one_that_asks_for_it(content: Path) -> None:
    limits = load_library(content).screens["hip_internal_rotation"].findings.limits
    assert any(limit.id == "extension.range.blocked_thigh" for limit in limits)
    when = "{all: [{fact: e1.level, is: blocked}, {fact: e2.level, is: blocked}]}"
    new = rule("extension.late", when, "context: extension", "driver: pelvic")
    changed(content, FINDINGS, "\nconfidence:\n", f"\n{new}\nconfidence:\n")
    expect(content, FINDINGS, "id: extension.late", "extension.femoral true before it")


def test_limit_rules_that_disagree_are_named(content: Path) -> None:
    when = "{all: [{fact: f1.level, is: blocked}, {fact: f5.level, is: blocked}]}"
    new = rule("flexion.unsettled.new", when, "context: flexion", "then: unsettled")
    changed(content, FINDINGS, "\ndrivers:\n", f"\n{new}\ndrivers:\n")
    says = "says unsettled where rule flexion.range.blocked says limited (for example with"
    expect(content, FINDINGS, "id: flexion.unsettled.new", says)


def test_flags_of_one_row_and_urgency_that_stop_different_things_are_named(content: Path) -> None:
    when = "{reported: reports.walking_leg}"
    new = f'  - {{id: rf41_b, row: "41", urgency: clinician, action: lock, when: {when}, source: proposal}}\n'
    with (content / FLAGS).open("a", encoding="utf-8") as file:
        file.write(new)
    says = "flag rf41_b (lock) and flag rf41_walking_leg (pause) of row 41 both hold (for example with"
    expect(content, FLAGS, "id: rf41_b", says)


def test_two_reasons_to_leave_a_test_out_agree_on_what_stands_in(content: Path) -> None:
    file = content / TESTS
    text = file.read_text(encoding="utf-8")
    start = text.index("        reason: face_down")
    at = text.index("instead: e1b", start)
    file.write_text(text[:at] + "instead: e2s" + text[at + len("instead: e1b") :], encoding="utf-8")
    found = [problem for problem in told(content) if "is left out for knee and for face_down at once" in problem]
    line = text[: text.rindex("      - when:", 0, start)].count("\n") + 1
    assert [problem.partition(": ")[0] for problem in found] == [f"{TESTS}:{line}"]


def test_levels_that_are_limited_and_have_no_driver_are_a_gap(content: Path) -> None:
    file = content / FINDINGS
    text = file.read_text(encoding="utf-8")
    cut = re.sub(r"  - id: extension\.unclear\.both_partial\n(?:    .*\n)+", "", text)
    assert cut != text
    file.write_text(cut, encoding="utf-8")
    expect(content, FINDINGS, "drivers:", "no driver rule of extension holds for e0 partial, e1 partial, e2 partial")


def test_a_rule_without_a_source_is_named(content: Path) -> None:
    new = rule("note.bare", "{fact: f1.level, is: blocked}").replace("source: proposal", "source: everybody knows")
    changed(content, FINDINGS, "\nnotes:\n", "\nnotes:\n" + new)
    expect(content, FINDINGS, "id: note.bare", "rule note.bare has source 'everybody knows'")


def test_an_exercise_that_no_ladder_reaches_is_named(content: Path) -> None:
    file = content / EXERCISES
    text = file.read_text(encoding="utf-8")
    block = re.search(r"  - id: mx9\n(?:    .*\n)+", text + "\n")
    assert block is not None
    lost = re.sub(r"\n    (pair|easier|harder): .*", "", block[0]).replace("id: mx9", "id: lost")
    file.write_text(text.rstrip("\n") + "\n" + lost.replace("ladder: mx", "ladder: nowhere"), encoding="utf-8")
    expect(content, EXERCISES, "id: lost", "exercise lost is reached by no ladder")


def test_a_source_that_names_no_row_is_noted(content: Path) -> None:
    new = rule("note.row", "{fact: f1.level, is: blocked}").replace("source: proposal", "source: evidence 0 Moonlight")
    changed(content, FINDINGS, "\nnotes:\n", "\nnotes:\n" + new)
    library = load_library(content)
    notes = placed(library, examine(library).notes, "")
    assert any("note.row has source 'evidence 0 Moonlight', which is no row" in note for note in notes)


def test_what_is_too_big_is_said_and_is_no_problem(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soundness, "MOST_STEPS", 1)
    notes = [note.says for note in examine(library).notes]
    assert any("too many combinations to look through (can it be true?)" in note for note in notes)


class _Example:
    """The facts of an example, seen as rules see them."""

    def __init__(self, held: soundness.Example, side: str | None) -> None:
        self._held, self._side = held, side

    def value(self, path: str) -> object:
        room, _, rest = path.partition(".")
        if room == "other":
            return _Example(self._held, "right" if self._side == "left" else "left").value(rest)
        place, _, field = rest.partition(".")
        if place in ("left", "right", "both") and field:
            return self._held.get((place, f"{room}.{field}"))
        keys = ((self._side, path), ("both", path), (None, path))
        return next((self._held[key] for key in keys if key in self._held), None)

    def seen_from(self, side: str) -> View:
        return _Example(self._held, side)


@pytest.mark.parametrize("want", ["true", "false", "not true"])
def test_an_example_meets_what_it_is_an_example_of(screen: Screen, want: soundness.Want) -> None:
    met: dict[soundness.Want, tuple[Truth, ...]] = {"true": (True,), "false": (False,), "not true": (False, None)}
    seen = 0
    for use in criteria_of(screen):
        side = "left" if use.sided else None
        held = Space(screen, tapped=use.tapped).example([(use.criterion, side, want)])  # type: ignore[list-item]  # a side is a word
        if held is not None:
            seen += 1
            assert weigh(use.criterion, _Example(held, side)).truth in met[want], (use.name, held)
    assert seen > 150


def test_the_quick_check_says_where_too(content: Path) -> None:
    changed(content, FINDINGS, "\nnotes:\n", "\nnotes:\n" + rule("note.new", "{fact: f1.level, is: blocked}"))
    line = line_of(content, FINDINGS, "id: note.new")
    assert check(load_library(content)) == (
        f"{content}/{FINDINGS}:{line}: wording/en.yaml lacks reason.note.new; add it",
    )


def test_lines_are_those_of_the_nearest_name() -> None:
    lines = Lines(
        {"a.yaml": "rules:\n  - id: one\n    when: {fact: x}\n  - {id: two}\nwords:\n  a:\n    b: c\n"}, "here"
    )
    assert lines.place("a.yaml", "rules.one") == "here/a.yaml:2"
    assert lines.place("a.yaml", "rules.one.when") == "here/a.yaml:3"
    assert lines.place("a.yaml", "rules.two.missing") == "here/a.yaml:4"
    assert lines.place("a.yaml", "words.a.b") == "here/a.yaml:7"
    assert lines.place("a.yaml", "nothing") == "here/a.yaml"


# --- how a result came about ---


def test_a_trace_names_every_reason_flag_and_exercise(screen: Screen, cases: dict[str, Facts]) -> None:
    for facts in cases.values():
        text = explain(screen, facts)
        said = assess(screen, facts)
        assert max(len(line) for line in text.splitlines()) <= WIDTH
        for finding in said.findings:
            for reason in finding.reasons:
                assert re.search(rf"true +{re.escape(reason.rule)}\b", text), reason
            for miss in finding.near_misses:
                assert f"{miss.rule} would have said {miss.would}" in " ".join(text.split())
        for flag in said.flags:
            assert f"{flag.id}: {flag.urgency}, {flag.action}; row {flag.row}" in text
        plan = first_plan(screen, said, facts)
        for chosen in (*getattr(plan, "daily", ()), *getattr(plan, "strength", ())):
            assert f"({chosen.exercise})" in text


def test_a_trace_says_what_settled_a_rule_and_what_would(screen: Screen, cases: dict[str, Facts]) -> None:
    text = explain(screen, cases["vignette 3"])
    right = text[text.index("RIGHT, extension") : text.index("FLAGS")]
    assert "limited, driver femoral, confidence high" in right
    assert (
        "true    extension.range.blocked_thigh -> limited\n            by e1.level blocked; e2.level partial" in right
    )
    assert "unknown extension.positional.eases -> positional\n            hangs on e1.sensation not asked" in right
    assert "true    confidence.extension.concordant: raises it to high" in right
    nothing = explain(screen, Facts())
    assert "LEFT, flexion (when your hip is folded): not known" in nothing
    assert "What would settle it: Sitting heel-out (f1)" in nothing


# --- criteria in words, and the page of a screen ---


@pytest.mark.parametrize(
    ("criterion", "says"),
    [
        ("{fact: f1.level, at_least: partial}", "Sitting heel-out (f1) is partial or worse"),
        ("{fact: other.f1.level, is: clear}", "on the other side, Sitting heel-out (f1) is clear"),
        ('{fact: reports.pain_now, is: "yes"}', "“Any pain or odd feeling right now” is yes"),
        ("{reported: reports.hot_hip}", "“Hip pain with fever, or a hot hip” is yes or not sure"),
        (
            "{count: [{fact: f5.level, is: clear}, {fact: f6.level, is: clear}], at_least: 1}",
            "at least 1 of these hold: [Sit-to-chair squat (f5) is clear; Front-leg turn (f6) is clear]",
        ),
        (
            '{all: [{fact: derived.range, is: "yes"}, {any: [{fact: f1.pain, below: 4}, {known: f2.level}]}]}',
            "the turning itself is limited here and (pain in Sitting heel-out (f1) is below 4 or"
            " Lying heel-out (f2) has an answer other than “not sure”)",
        ),
        ("{fact: 'f3:2A2.left.level', is: clear}", "Front-leg squat (f3), left, (day 2, second try) is clear"),
        ("{fact: 'f3:2B:heel_lift.level', is: clear}", "(day 2, tried: with raised heels) is clear"),
        (
            "{any: [{fact: f1.level, is: clear}, {fact: f2.level, is: clear}, {fact: f6.level, is: blocked}]}",
            "Sitting heel-out (f1) or Lying heel-out (f2) is clear or Front-leg turn (f6) is blocked",
        ),
        (
            "{all: [{known: f2.level}, {fact: f2.level, is: clear}, {fact: f1.level, is: clear}]}",
            "it was said that Lying heel-out (f2) is clear and Sitting heel-out (f1) is clear",
        ),
        (
            "{not: {all: [{asked: reports.hot_hip}, {reported: reports.hot_hip}]}}",
            "not (it was said that “Hip pain with fever, or a hot hip” is yes or not sure)",
        ),
        ("{fact: f1.sensation, in: [pinch, knee]}", "“A pinch in the groin” or “I felt it in the knee”"),
    ],
)
def test_a_criterion_is_said_in_words(content: Path, criterion: str, says: str) -> None:
    changed(content, FINDINGS, "\nnotes:\n", "\nnotes:\n" + rule("note.words", criterion))
    screen = load_library(content).screens["hip_internal_rotation"]
    when = next(note.when for note in screen.findings.notes if note.id == "note.words")
    assert says in Plain(screen).criterion(when)


def test_a_page_holds_every_rule_with_its_source_and_is_the_same_every_time(
    screen: Screen, cases: dict[str, Facts]
) -> None:
    texts = read_texts(HERE)
    text = page(screen, texts, cases)
    assert text == page(screen, texts, cases)
    findings = screen.findings
    for one in (*findings.limits, *findings.drivers, *findings.confidence, *findings.priority, *findings.notes):
        assert f"**`{one.id}`**" in text  # type: ignore[attr-defined]  # every rule has an id
    for flag in screen.safety.flags:
        assert f"**`{flag.id}`** (row {flag.row}, {flag.action})" in text
        assert " ".join(screen.wording["en"][f"flag.{flag.id}.told"].split()) in text
    for exercise in screen.exercises.exercises:
        assert f"- **{Plain(screen).exercise(exercise.id)}**: " in text
    for test in screen.tests.values():
        assert f"### {Plain(screen).test(test.id)}" in text
    how = text[text.index("## How to read") : text.index("## Terms")].strip().splitlines()[2:]
    assert len(how) <= 20
    assert "<b>" not in text
    parts = [
        "Terms",
        "Flags",
        "The tests",
        "Is it limited?",
        "Exercises",
        "Worked examples",
        "A file of facts",
        "Evidence",
    ]
    places = [text.index(f"\n## {part}") for part in parts]
    assert places == sorted(places)


@pytest.fixture(scope="module")
def written(screen: Screen, cases: dict[str, Facts]) -> str:
    return page(screen, read_texts(HERE), cases)


def part_of(text: str, heading: str) -> str:
    """Give a part of a page, up to the next of its kind."""
    return text.split(f"\n## {heading}")[1].split("\n## ")[0]


def test_a_page_says_each_piece_of_evidence_once_and_links_to_it(written: str) -> None:
    rows = re.findall(r'^\| <a id="(.+?)"></a>(.+?) \| (.+) \|$', part_of(written, "Evidence"), flags=re.M)
    assert len(rows) > 80
    assert sorted(place for place, _, _ in rows) == sorted(set(re.findall(r"\]\(#(.+?)\)", written)))
    for _, key, text in rows:
        assert written.count(f"| {text} |") == 1, key
    assert "Source: [evidence 0 Range limited](#e0-range-limited)" in written
    assert '| <a id="e0-range-limited"></a>0 Range limited | A primary test blocked on the clean repeat' in written
    assert '| <a id="e5-ff"></a>5 FF | FF1 90/90 feet on wall (P) · FF3 all-fours rock-back (C)' in written
    assert "Source: [evidence 5 FF3](#e5-ff); [evidence 5 MX2](#e5-mx)" in written


def test_a_page_says_once_what_leaves_an_exercise_out(screen: Screen, written: str) -> None:
    table = part_of(written, "What leaves an exercise out")
    names = re.findall(r"^\| \*\*(\w+)\*\* \|", table, flags=re.M)
    outs = {out for exercise in screen.exercises.exercises for out in exercise.not_when}
    assert len(set(names)) == len(names) == len(outs)
    assert {"pinch", "pinch_behind", "unsteady", "landing_4"} <= set(names)
    for out in outs:
        assert f"| {Plain(screen).criterion(out.when)} |" in table
    told = dict(re.findall(r"\(`(\w+)`\)\*\*: .+\n.+\n  - Not: (.+?)\. In pregnancy", part_of(written, "Exercises")))
    for exercise in screen.exercises.exercises:
        assert len(told[exercise.id].split(", ")) == max(len(exercise.not_when), 1)
    assert told["ff3"] == "pinch, knee, kneeling, loose, operated"
    assert told["fp3"] == "none"


def test_a_page_lists_what_is_too_hard(screen: Screen, written: str) -> None:
    told = part_of(written, "What is too hard now")
    kneeling = told.split("- `kneeling`")[1].split("\n- ")[0]
    for exercise in screen.exercises.exercises:
        assert (f"`{exercise.id}`" in kneeling) is (exercise.posture in POSTURES_BARRED["kneeling"])
    assert "Kneeling turn (e2) (instead: Standing turn (e2s))" in kneeling
    one_leg = told.split("- `one_leg`")[1].split("\n- ")[0]
    assert "by *balance*: `ff6`, `ep5`, `ep4`; by *unsteady*: `ff9`" in one_leg
    assert "Of the tests: Step-down (f4);" in one_leg


def test_a_page_says_in_which_order_a_session_is_chosen(screen: Screen, written: str) -> None:
    told = part_of(written, "How a session is chosen")
    places = [
        told.index(mark) for mark in ("   1. while “weight sits in the toes”, unless", "   2. where a change", "   3. ")
    ]
    assert places == sorted(places)
    for test, ids in screen.exercises.cue_opener.items():
        drills = "; ".join(Plain(screen).exercise(name) for name in ids)
        assert f"- Drills where a change helped in {Plain(screen).test(test)}: {drills}\n" in told
    assert f"for {DAYS_A_WEEK} days a week, the lift for {STRENGTH_DAYS}." in told
    assert f"begin with at most {FIRST_SETS} sets" in told


def test_a_page_says_which_position_tests_count_where(written: str) -> None:
    first = part_of(written, "What comes first?")
    assert "“**Weight sits in the toes**” (`derived.position_first`) when Toe lift (p1) is blocked or " in first
    assert "and not Standing, where your weight is (p1w) and Knee to wall (kw)." in first
    rule = written.split("**`flexion.positional.weight_forward`**")[1].split("\n- ")[0]
    assert "This rule reads Standing, where your weight is (p1w), too;" in rule
    assert written.count("This rule reads Standing") == 2


def test_a_page_tells_all_codes_of_a_file_of_facts(screen: Screen, written: str) -> None:
    for question in screen.questions:
        if question.test is None and "." not in question.id:
            for row in question.rows:
                assert f"`{row.path}`" in written
                if question.kind != "checklist":
                    assert all(f"`{option.id}`" in written for option in row.options), row.path
    codes = part_of(written, "A file of facts")
    for test in screen.tests.values():
        for code in (*test.sensations, *test.compensations, *test.phases, *(cue.id for cue in test.cues)):
            held = re.search(rf"^\|.*`{code}`.*\| (.+?) \|$", codes, flags=re.M)
            assert held is not None, code
    for name in (*DERIVED, *COUNTED, "position_first", "f1_gap", "e1_gap"):
        assert f"`{name}`: " in codes


def test_a_page_shows_what_cases_really_came_to(screen: Screen, cases: dict[str, Facts], written: str) -> None:
    examples = part_of(written, "Worked examples").split("\n### ")[1:]
    assert [len(one.strip().splitlines()) <= 12 for one in examples] == [True] * 4
    cued, locked, unknown, stood_in = examples
    assert "limited, because that driver rule is true, though no limit rule is; driver positional" in cued
    finding = assess(screen, cases["vignette 2"]).finding("left", "flexion")
    assert f"`{finding.reasons[0].rule}` **true**" in cued
    assert "`rf01_cannot_walk` (emergency, lock)" in locked
    assert "Plan: none; a flag stops exercise" in locked
    assert "Plan: ladder mx, 7 days a week: opener" in unknown
    assert "no lift, as nothing is known to be limited" in unknown
    assert "e1 blocked (from e1b, its stand-in: it asks too much of your knee)" in stood_in


def test_a_page_is_written_without_cases_and_of_another_screen(content: Path) -> None:
    shutil.copytree(Path(__file__).parents[1] / "screens/shoulder_rotation", content / "screens/shoulder_rotation")
    shoulder = load_library(content).screens["shoulder_rotation"]
    text = page(shoulder, read_texts(content), {})
    assert "There is no written case; add one to cases.yaml." in text
    assert "### On " in text
    assert page(shoulder, {}, {})


def test_shared_conditions_are_named(screen: Screen, written: str) -> None:
    flags = part_of(written, "Flags")
    assert "- *examined and fine*: it was said that “Examined” is “Lately, exercise is fine” and " in flags
    assert flags.count("“Lately, exercise is fine”") == 1
    assert "not (*examined and fine*)" in flags
    plain = Plain(screen)
    catching = next(flag for flag in screen.safety.flags if flag.id == "rf23_catching")
    assert "“Lately, exercise is fine”" in plain.criterion(catching.when)


def test_anchors_give_what_they_stand_for() -> None:
    text = "a:\n  - &one {when: &two [x, '65_plus']}\n  - *one\nb: *two\n"
    assert anchored(text, name="x.yaml") == {"one": {"when": ["x", "65_plus"]}, "two": ["x", "65_plus"]}
    assert anchored("", name="x.yaml") == {}


def test_evidence_is_found_by_the_ways_sources_name_it() -> None:
    shared = Evidence("## Rows\n\n| row | what |\n|---|---|\n| 2 | a fall |\n| 3 | heat |\n| 4 | new |\n")
    own = Evidence(
        "## Evidence 0: decisions\n\n| row | d |\n|---|---|\n| F1, F1r | a sheet |\n| Range limited | two tests |\n\n"
        "## Evidence 5: e\n\n| ladder | rows |\n|---|---|\n| FF | FF1 wall (P) · FF3 rock (C) |\n",
        shared,
    )
    assert own.quotes("evidence 0 Range limited (loaded)") == ("Evidence 0, Range limited: two tests",)
    assert own.quotes("evidence 0 F1r; evidence 5 FF3") == (
        "Evidence 0, F1, F1r: a sheet",
        "Evidence 5, FF: FF3 rock (C)",
    )
    assert own.quotes("evidence 4.2 to 4.4") == ("Evidence 4.2: a fall", "Evidence 4.3: heat", "Evidence 4.4: new")
    assert own.quotes("proposal (as F1)") == ()
    assert own.quotes("evidence 0 Range limited, F1") == (
        "Evidence 0, Range limited: two tests",
        "Evidence 0, F1, F1r: a sheet",
    )


# --- two versions ---


def test_a_changed_rule_changes_those_it_decides_and_no_others(
    library: Library, content: Path, cases: dict[str, Facts]
) -> None:
    replays = [Replay(name=name, screen="hip_internal_rotation", facts=facts) for name, facts in cases.items()]
    assert list(compare(library, load_library(content), replays)) == []
    changed(content, FINDINGS, "context: extension\n    driver: femoral", "context: extension\n    driver: pelvic")
    changes = {change.name: change for change in compare(library, load_library(content), replays)}
    assert changes["vignette 3"] == Change(
        name="vignette 3",
        screen="hip_internal_rotation",
        lines=(
            "right extension: limited femoral high -> limited pelvic high",
            "first exercise: ef3 -> ep2",
        ),
    )
    screen = library.screens["hip_internal_rotation"]
    for name, facts in cases.items():
        led = {reason.rule for finding in assess(screen, facts).findings for reason in finding.reasons}
        assert (name in changes) is ("extension.femoral" in led), name


def test_a_screen_that_is_gone_is_told(library: Library, cases: dict[str, Facts]) -> None:
    replay = Replay(name="one", screen="hip_internal_rotation", facts=cases["vignette 3"])
    (change,) = compare(library, Library([]), [replay])
    assert change.lines == ("screen: there -> not there",)


def test_a_case_that_is_like_none_is_named() -> None:
    data = parse_yaml("cases: [{name: a, like: b}]", name="cases.yaml")
    with pytest.raises(ValueError, match="case 'a' is like 'b', which is no other case"):
        facts_by_name(data)


def test_a_shared_flag_that_names_a_test_is_refused_where_a_screen_lacks_it(content: Path) -> None:
    shutil.copytree(Path(__file__).parents[1] / "screens/shoulder_rotation", content / "screens/shoulder_rotation")
    assert [problem for problem in told(content) if problem.startswith(FLAGS)] == []
    changed(content, FLAGS, "fact: any_test.sensation, in: [pinch]", "fact: f1.sensation, in: [pinch]")
    line = line_of(content, FLAGS, "id: rf24_test_pinch")
    assert told(content)[0] == (
        f"{FLAGS}:{line}: flag rf24_test_pinch reads f1.sensation, which nothing asks for; ask it or mend the path"
    )
