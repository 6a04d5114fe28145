"""A new screen is one folder and no code: the shoulder of tests/screens, alone and beside the package's screens."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

import rules
from bot.channels.transcript import is_answer, read_transcript
from bot.commands.chat import play
from bot.settings import read_settings
from bot.wiring import Content
from rules import NoPlan, Screen, assess, first_plan, load_library
from rules.check import check
from rules.criteria import paths_of
from rules.library import read_yaml
from rules.questions import problems
from rules.screen import UNCLEAR
from tests.rules.cases import cases, facts_of

HOUSE = Path(__file__).parents[2]
PACKAGE = Path(rules.__file__).parent
SHOULDER = HOUSE / "tests/screens/shoulder_rotation"
CASES = cases(SHOULDER / "cases.yaml")

HIP_WORDS = re.compile(r"\b(hips?|thighs?|pelvi[cs]|femoral|buttocks?|when your leg)\b", re.I)
SHOULDER_WORDS = ("shoulder", "upper arm", "shoulder blade", "when your arm is raised")
AGREE = "1"
ABOUT_ME = ("2", "1", "3", "1", "1", "1", "none")
GATE = ("none", "no", "no", "none")
MY_DAY = ("back pocket", "5", "none", "desk", "none", "none")
TESTS = (
    "head touches",
    "left clear, right barely",
    "a stretch",
    "none",
    "both easy",
    "both easy",
    "barely",
    "hard stop",
)
WHOLE = (*ABOUT_ME, *GATE, *MY_DAY, *TESTS, "looks right")
"""A whole screening after the consent: the RIGHT arm turns little at the side, standing and lying."""


def folder(root: Path, *screens: Path) -> Path:
    """Lay out a content folder: the package's safety content and these screens."""
    shutil.copytree(PACKAGE / "safety", root / "safety")
    for screen in screens:
        shutil.copytree(screen, root / "screens" / screen.name)
    return root


def content(root: Path) -> Content:
    from bot.phrasebook import load_phrasebook

    library = load_library(root)
    return Content(library=library, phrasebook=load_phrasebook(library))


def played(spoken: Content, *lines: str, people: str = "ann") -> tuple[str, ...]:
    """Play these lines in the terminal; give all that was said, as a transcript has it."""
    transcript = read_transcript(f"# as: {people}\n" + "".join(f"> {line}\n" for line in lines), "shoulder")
    return asyncio.run(play(transcript, read_settings(), spoken))


def said_to(spoken: Content, *lines: str) -> list[str]:
    """Play these lines; give what was answered to each, the greeting first."""
    answers = [""]
    for line in played(spoken, *lines)[1:]:
        if is_answer(line):
            answers[-1] += line.removeprefix("<").removeprefix(" ") + "\n"
        else:
            answers.append("")
    assert len(answers) == len(lines) + 1
    return answers


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Content:
    return content(folder(tmp_path_factory.mktemp("alone"), SHOULDER))


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Content:
    screens = sorted(path.parent for path in (PACKAGE / "screens").glob("*/screen.yaml"))
    return content(folder(tmp_path_factory.mktemp("beside"), *screens, SHOULDER))


@pytest.fixture(scope="module")
def shoulder(alone: Content) -> Screen:
    return alone.library.screens["shoulder_rotation"]


# --- the folder


def test_the_folder_holds_content_and_no_code() -> None:
    files = [file for file in SHOULDER.rglob("*") if file.is_file()]
    assert {file.suffix for file in files} == {".yaml", ".md"}


def test_every_source_says_proposal() -> None:
    written = [
        line.strip()
        for name in ("screen", "findings", "exercises")
        for line in (SHOULDER / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
        if "source:" in line
    ]
    assert len(written) > 60
    assert not [line for line in written if "source: proposal" not in line]


def test_check_finds_nothing_wrong_with_it(alone: Content, beside: Content) -> None:
    for spoken in (alone, beside):
        assert [problem for problem in check(spoken.library) if not _of_another_screen(problem)] == []


def _of_another_screen(problem: str) -> bool:
    """Tell whether a problem is a shared flag that reads the tests of another screen: no fault of this folder."""
    read = re.search(r"flag \w+ reads (?:derived\.)?(\w+?)(?:_gap|\.\w+),", problem)
    tests = {test["id"] for path in (PACKAGE / "screens").glob("*/screen.yaml") for test in read_yaml(path)["tests"]}
    return read is not None and read[1] in tests


def test_check_finds_what_is_wrong_with_it(tmp_path: Path) -> None:
    root = folder(tmp_path, SHOULDER)
    words = root / "screens/shoulder_rotation/wording/en.yaml"
    text = words.read_text(encoding="utf-8")
    words.write_text(text.replace("  low.humeral: It is", "  low.humerus: Rotate your arm in. It is"), encoding="utf-8")
    found = [problem for problem in check(load_library(root)) if not _of_another_screen(problem)]
    assert len(found) == 2
    assert any("lacks reason.low.humeral" in problem for problem in found)
    assert any("cues internal rotation" in problem for problem in found)


def test_its_contexts_drivers_and_ladders_are_worded(shoulder: Screen) -> None:
    words, file = shoulder.wording["en"], shoulder.file
    keys = ["screen.name", "screen.what", "result.side", "result.nothing_limited", "result.friend"]
    keys += [f"{room}.{name}" for room in ("context", "coach.context") for name in file.contexts]
    for name in (*file.drivers, UNCLEAR):
        keys += [f"driver.{name}", f"driver.{name}.short", f"coach.driver.{name}"]
    keys += [f"ladder.{ladder.id}" for ladder in shoulder.exercises.ladders]
    assert [key for key in keys if key not in words] == []


# --- its cases


@pytest.mark.parametrize("name", CASES)
def test_a_case_comes_out_as_written(name: str, shoulder: Screen) -> None:
    case, facts = CASES[name], facts_of(CASES[name], CASES)
    assert problems(shoulder, facts) == ()
    said = assess(shoulder, facts)
    for line in case["findings"]:
        side, context, limited, *rest = line.split()
        finding = said.finding(side, context)
        got: list[Any] = [finding.limited, finding.driver, finding.confidence]
        assert got == [limited, *(rest or (None, None))], f"{side} {context}: {finding}"
    assert {flag.id for flag in said.flags} == set(case.get("flags", ()))
    assert said.position_first is case.get("position_first", False)
    for key, value in case.get("priority", {}).items():
        assert getattr(said.priority, key) == value, said.priority
    for place, paths in case.get("missing", {}).items():
        assert list(said.finding(*place.split()).missing) == paths
    for place, notes in case.get("notes", {}).items():
        assert list(said.finding(*place.split()).notes) == notes
    plan = first_plan(shoulder, said, facts)
    if "first" in case:
        assert ("none" if isinstance(plan, NoPlan) else plan.daily[0].exercise) == case["first"], plan
    if "days_a_week" in case:
        assert not isinstance(plan, NoPlan)
        assert plan.days_a_week == case["days_a_week"]


def test_every_limit_driver_and_note_leads_some_case(shoulder: Screen) -> None:
    findings = [f for case in CASES.values() for f in assess(shoulder, facts_of(case, CASES)).findings]
    led = {reason.rule for finding in findings for reason in finding.reasons}
    led |= {note for finding in findings for note in finding.notes}
    written = {rule.id for rule in shoulder.findings.limits} | {rule.id for rule in shoulder.findings.drivers}
    assert (written | {rule.id for rule in shoulder.findings.notes}) - led == set()


# --- a whole screening


def speaks_of_shoulders(result: str) -> None:
    """Check a result with its plan: it is the shoulder's, and nothing of the hip's is in it."""
    assert "Your LEFT shoulder" in result
    assert "Your RIGHT shoulder" in result
    assert "Turning is limited when your arm is at your side." in result
    assert "What is behind it: your upper arm turning in its socket. How sure I am: quite sure." in result
    assert "Where we start: RIGHT, when your arm is at your side." in result
    assert "1. Broom push, elbow at your side (makes room)" in result
    assert "2. Open the door (practice)" in result
    assert "3. Bag row (strength)" in result
    assert "/plan shows this again" in result
    assert all(word in result for word in SHOULDER_WORDS)
    assert HIP_WORDS.findall(result) == []


def test_alone_it_begins_at_once(alone: Content) -> None:
    greeting, after, *_ = said_to(alone, AGREE)
    assert "find out how your shoulders turn" in greeting
    assert "Part 1 of 5: about you" in after


def test_alone_it_is_played_to_the_result_and_the_plan(alone: Content) -> None:
    *_, last, plan, result = said_to(alone, AGREE, *WHOLE, "/plan", "/result")
    speaks_of_shoulders(last)
    assert "1. Broom push" in plan
    assert "Your RIGHT shoulder" in result
    assert HIP_WORDS.findall(plan + result) == []


@pytest.mark.parametrize("pick", ["2", "the shoulders, please"])
def test_beside_the_hip_the_client_is_asked_which_and_picks_it(pick: str, beside: Content) -> None:
    heard = said_to(beside, AGREE, pick, *WHOLE)
    assert "Which one shall we look at?" in heard[1]
    assert "1 Hips (how they turn)" in heard[1]
    assert "2 Shoulders (how they turn)" in heard[1]
    assert "Part 1 of 5: about you" in heard[2]
    speaks_of_shoulders(heard[-1])


def test_beside_the_hip_the_hip_is_still_the_hip(beside: Content) -> None:
    heard = said_to(beside, AGREE, "1", *ABOUT_ME, *GATE)
    assert "Part 1 of 6: about you" in heard[2]
    assert "Sitting down" in heard[-1]


def test_with_loose_joints_the_stand_in_is_asked(alone: Content) -> None:
    about_me = (*ABOUT_ME[:-1], "8", "done")
    tests = ("head touches", "both easy", "both easy", "both easy")
    heard = said_to(alone, AGREE, *about_me, *GATE, *MY_DAY, *tests, "looks right")
    assert any(
        "Instead of Goal post we do Forearm up from the table: it goes to the very end" in said for said in heard
    )
    assert not any("Goal post. Back to the wall" in said for said in heard)
    assert "Nothing stands out. Both shoulders turn well enough" in heard[-1]


def test_a_coach_hears_of_it_in_its_own_words(alone: Content) -> None:
    about_me = (*ABOUT_ME[:-1], "8", "done")
    slide, post = (
        ("left clear, right stops early", "a stretch", "none"),
        ("left upright, right well short", "none", "none"),
    )
    lines = (AGREE, *about_me, *GATE, *MY_DAY, "head touches", "both easy", *slide, *post, "looks right")
    heard = [line for line in played(alone, *lines, people="ann,coach:sam") if line.startswith("@sam:")]
    assert "@sam: ann: RIGHT arm raised limited, humeral, high confidence" in heard


# --- the red flags that all screens share


def test_red_flag_words_in_the_middle_of_a_test_stop_it(alone: Content) -> None:
    before = (AGREE, *ABOUT_ME, *GATE, *MY_DAY, "head touches")
    *_, test, asked, stopped, _, plan = said_to(
        alone, *before, "I can't feel between my legs and can't pee", "yes", "no", "/plan"
    )
    assert "Open the door. Upper arm at your side" in test
    assert "call 999" in asked
    assert "Is that about you, and happening now?" in asked
    assert "needs emergency care now" in stopped
    assert "The screening ends here" in stopped
    assert "No exercises while the stop stands" in plan


def test_a_false_alarm_leads_back_to_the_test(alone: Content) -> None:
    before = (AGREE, *ABOUT_ME, *GATE, *MY_DAY, "head touches")
    *_, back = said_to(alone, *before, "I can't feel between my legs and can't pee", "no", "no")
    assert "Back to where we were" in back
    assert "Open the door. Upper arm at your side" in back


def test_a_ticked_emergency_stops_it(alone: Content) -> None:
    *_, sure, stopped, plan = said_to(alone, AGREE, *ABOUT_ME, "3", "done", "yes", "/plan")
    assert "you feel numb between the legs" in sure
    assert "Is that right?" in sure
    assert "needs emergency care now" in stopped
    assert "No exercises while the stop stands" in plan


# --- a real process


def without_other_tests(root: Path) -> Path:
    """Take out the shared flags that read tests of no screen in *root*: a process refuses content that has them.

    Where the shared safety content reads no test by its name, this takes out nothing.
    """
    path = root / "safety/red_flags.yaml"
    written = read_yaml(path)
    library = load_library(root)
    tests = {test for screen in library.screens.values() for test in screen.tests}
    rooms = {"profile", "reports", "derived"}

    def readable(fact: str) -> bool:
        room, _, rest = fact.partition(".")
        gap = room == "derived" and rest.endswith("_gap")
        return rest.removesuffix("_gap") in tests if gap else room in rooms | tests

    kept = {
        flag.id
        for screen in library.screens.values()
        for flag in screen.safety.flags
        if all(readable(fact) for fact in paths_of(flag.when))
    }
    assert {flag["id"] for flag in written["flags"] if flag["urgency"] in ("emergency", "urgent")} <= kept
    written["flags"] = [flag for flag in written["flags"] if flag["id"] in kept]
    path.write_text(yaml.safe_dump(written, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return root


def chat(root: Path, home: Path, lines: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Type lines into a `coxa chat` of its own, with its content, data and key under these folders."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("COXA_")}
    return subprocess.run(
        [sys.executable, "-m", "bot", "chat"],
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=HOUSE,
        env={
            **ours,
            "HOME": str(home),
            "COXA_SCREENS": str(root),
            "COXA_DATA_DIR": str(home / "data"),
            "COXA_KEY_FILE": str(home / "key.json"),
        },
    )


def test_a_real_process_plays_it_from_a_folder(tmp_path: Path) -> None:
    root = without_other_tests(folder(tmp_path / "content", SHOULDER))
    ended = chat(root, tmp_path, [AGREE, *WHOLE])
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr
    said = "\n".join(line.removeprefix("<").removeprefix(" ") for line in ended.stdout.splitlines() if is_answer(line))
    assert "find out how your shoulders turn" in said
    speaks_of_shoulders(said[said.index("Your LEFT shoulder") :])
    assert (tmp_path / "data/coxa.db").exists()
