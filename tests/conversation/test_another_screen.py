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

import rules
from bot.channels.transcript import is_answer, read_transcript
from bot.commands.chat import play
from bot.phrasebook import load_phrasebook
from bot.settings import read_settings
from bot.wiring import Content, menus, read_content
from rules import ContentError, Library, NoPlan, Screen, assess, first_plan, load_library
from rules.check import check
from rules.criteria import paths_of
from rules.library import flat, read_yaml
from rules.questions import problems
from tests.rules.cases import cases, facts_of

HOUSE = Path(__file__).parents[2]
PACKAGE = Path(rules.__file__).parent
SHOULDER = HOUSE / "tests/screens/shoulder_rotation"
HIPS = sorted(path.parent for path in (PACKAGE / "screens").glob("*/screen.yaml"))
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
    """Lay out a content folder: what all screens of the package share, whole, and these screens."""
    for room in ("safety", "lexicon"):
        shutil.copytree(PACKAGE / room, root / room)
    for screen in screens:
        shutil.copytree(screen, root / "screens" / screen.name)
    return root


def content(root: Path) -> Content:
    """Read a content folder as a process does, refusing what `coxa check` finds."""
    return read_content(read_settings().model_copy(update={"screens": root}))


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
    return content(folder(tmp_path_factory.mktemp("beside"), *HIPS, SHOULDER))


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
        assert check(spoken.library) == ()


def test_check_finds_what_is_wrong_with_it(tmp_path: Path) -> None:
    root = folder(tmp_path, SHOULDER)
    words = root / "screens/shoulder_rotation/wording/en.yaml"
    text = words.read_text(encoding="utf-8")
    words.write_text(text.replace("  low.humeral: It is", "  low.humerus: Rotate your arm in. It is"), encoding="utf-8")
    found = check(load_library(root))
    assert len(found) == 2
    assert any("lacks reason.low.humeral" in problem for problem in found)
    assert any("cues internal rotation" in problem for problem in found)


ROOMS_ASKED = ("screen", "result", "context", "driver", "coach", "ladder", "position", "plan", "asked", "flag")
"""Rooms of the wording in which every line is one that the bot asks of a screen, whatever the client says."""


def test_a_line_that_the_bot_asks_for_and_is_missing_fails_the_start(shoulder: Screen) -> None:
    words = shoulder.wording["en"]
    own = flat(read_yaml(SHOULDER / "wording/en.yaml"), "own")
    keys = [key for key in own if key.startswith(tuple(f"{room}." for room in ROOMS_ASKED))]
    keys += [key for key in own if key.startswith(("follow.", "reason.", "phase."))]
    assert len(keys) > 80
    for key in keys:
        left = {name: text for name, text in words.items() if name != key}
        lacking = shoulder.model_copy(update={"wording": {"en": left}})
        assert any(key in problem for problem in check(Library([lacking]))), key


def test_a_flag_that_the_shared_content_has_is_refused_with_its_line(tmp_path: Path) -> None:
    root = folder(tmp_path, SHOULDER)
    flags = root / "screens/shoulder_rotation/flags.yaml"
    text = flags.read_text(encoding="utf-8")
    flags.write_text(text.replace("id: rf30_loose_painful", "id: rf34_strong_pain"), encoding="utf-8")
    line = 1 + text[: text.index("  - id:")].count("\n")
    with pytest.raises(ContentError, match=re.escape(f"{flags}:{line}: there is a flag rf34_strong_pain already")):
        load_library(root)


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        (
            "flags.yaml",
            "- either: {any: [{fact: any_test.pain, at_least: 1}]}",
            "- not: {fact: any_test.pain, at_least: 1}",
            "stands in a not",
        ),
        ("flags.yaml", "flags:", "flag:", "flag is not known here; it takes flags, shared"),
        ("screen.yaml", "position_driver: positional", "position_driver: femoral", "position_driver is femoral"),
        ("lexicon/en.yaml", "fillers: [arm, shoulder]", "fillers: arm", "fillers stands in two lexicons"),
    ],
)
def test_what_a_screen_may_not_hold_is_refused(file: str, old: str, new: str, says: str, tmp_path: Path) -> None:
    root = folder(tmp_path, SHOULDER)
    path = root / "screens/shoulder_rotation" / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ContentError, match=says):
        load_library(root)


def test_its_words_are_added_to_those_of_every_screen(shoulder: Screen) -> None:
    sides = shoulder.lexicon["en"]["sides"]
    assert {"left", "left arm"} <= set(sides["left"])
    assert "left leg" not in sides["left"]
    assert {"often", "humeral"} <= set(shoulder.lexicon["en"]["topics"])


def test_any_test_in_the_shared_flags_means_each_test_of_a_screen(shoulder: Screen) -> None:
    (red,) = (flag for flag in shoulder.safety.flags if flag.id == "rf24_test_red")
    hurting = {path for path in paths_of(red.when) if path.endswith(".pain")}
    felt = {path for path in paths_of(red.when) if path.endswith(".sensation")}
    asking = [test.id for test in shoulder.tests.values() if test.sensations]
    assert len(asking) == 5
    assert hurting == {f"{test}.pain" for test in asking}
    assert felt == {f"{test}.sensation" for test in asking}


def test_what_advice_says_of_the_body_is_the_screens_own(shoulder: Screen) -> None:
    assert {"rf05_saddle", "rf24_test_red"} <= {flag.id for flag in shoulder.safety.flags}
    assert "exercise the {joint}" in " ".join(shoulder.wording["en"]["flag.rf05_saddle.advice"].split())
    assert "{worse}" in shoulder.wording["en"]["flag.rf24_test_red.advice"]


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
    tests = ("head touches", "left clear, right hurts", "a dull ache", "3", "partly", "none", "both easy", "both easy")
    lines = (AGREE, *about_me, *GATE, *MY_DAY, *tests, "barely", "hard stop", "looks right")
    heard = [line for line in played(alone, *lines, people="ann,coach:sam") if line.startswith("@sam:")]
    assert "@sam: Last screening: RIGHT arm at side limited, humeral, medium confidence." in heard


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


# --- a test that hurts

AFTER = ("both easy", "both easy", "barely", "hard stop", "looks right")
HURTS = {
    "sharp": ("head touches", "left clear, right hurts", "sharp pain", "2", *AFTER),
    "8 of 10": ("head touches", "left clear, right hurts", "a dull ache", "8", *AFTER),
}
"""The tests of someone whose right arm hurts when it swings out, by how."""


def tells_of_a_red_test(said: str) -> None:
    """Check that a strongly or sharply painful shoulder test has raised its flag, in the shoulder's words."""
    assert "You told me that a test hurt strongly, sharply or with a catch." in said
    assert "or you can't lift the arm as usual, be seen sooner; if you can't move the arm at all, call 999." in said
    assert "No exercises for now: what you told me wants a look" in said


@pytest.mark.parametrize(
    ("told", "felt"), [("8", "a stretch"), ("2", "sharp pain"), ("2", "a catch")], ids=["8 of 10", "sharp", "catch"]
)
def test_a_strong_or_sharp_pain_in_a_test_raises_its_flag(told: str, felt: str, shoulder: Screen) -> None:
    words = {"a stretch": "stretch", "sharp pain": "sharp", "a catch": "catch"}
    attempt = {"test": "hand_out", "side": "right", "level": "hurts", "pain": int(told), "sensation": words[felt]}
    (healthy,) = (case for case in CASES.values() if "like" not in case and not case.get("flags"))
    facts = facts_of({"facts": {}, "like": healthy["name"], "attempts": [attempt]}, CASES)
    assert "rf24_test_red" in {flag.id for flag in assess(shoulder, facts).flags}


# --- a lock that stands


def test_a_stored_lock_speaks_of_the_joint_it_stopped(beside: Content) -> None:
    *_, stopped, later = said_to(beside, AGREE, "shoulder", *ABOUT_ME, "3", "done", "yes", "/start")
    for said in (stopped, later):
        assert "test or exercise the shoulder" in " ".join(said.split())
        assert "the hip" not in said


def test_a_coach_hears_of_a_flag_that_one_screen_has(beside: Content) -> None:
    about_me = (*ABOUT_ME[:-1], "8", "done")
    tests = ("head touches", "left clear, right hurts", "a dull ache", "3", "partly", "none", "both easy", "both easy")
    lines = (AGREE, "shoulder", *about_me, *GATE, *MY_DAY, *tests, "barely", "hard stop", "looks right")
    heard = [line for line in played(beside, *lines, people="ann,coach:sam") if line.startswith("@sam:")]
    assert "@sam: Loose joints, painful shoulder" in heard


# --- what a client asks


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("what does control mean?", "the shoulder has the room to turn"),
        ("what is my shoulder blade doing?", "glides over your ribs"),
        ("what does limited mean", "your shoulder turns less than most"),
        ("what does banana mean", "Control, upper arm, shoulder blade"),
        ("how sure are you?", "how many of your answers agree"),
    ],
)
def test_questions_about_the_result_are_answered_of_the_shoulder(words: str, told: str, alone: Content) -> None:
    *_, answered = said_to(alone, AGREE, *WHOLE, words)
    assert told in answered
    assert HIP_WORDS.findall(answered) == []


def a_screen(alone: Content, name: str) -> Screen:
    return alone.library.screens["shoulder_rotation"].model_copy(update={"id": name})


def test_what_telegram_shows_names_every_screen(beside: Content, alone: Content) -> None:
    both, one = menus(beside)["en"], menus(alone)["en"]
    assert (
        both.commands["screen"]
        == "Begin a screening, about 10 minutes: Hips (how they turn), Shoulders (how they turn)"
    )
    assert "how your hips turn" in both.description
    assert "how your shoulders turn" in both.description
    assert one.short.startswith("Shoulders (how they turn): ")
    assert HIP_WORDS.findall(f"{one.description} {one.short} {one.commands}") == []
    many = Library([*beside.library.screens.values(), *(a_screen(alone, f"shoulder_{n}") for n in range(4))])
    crowded = menus(Content(library=many, phrasebook=load_phrasebook(many)))["en"]
    assert crowded.description.startswith("I help you find out how your joints move")
    for shown in (both, one, crowded):
        assert len(shown.description) <= 512
        assert len(shown.short) <= 120


# --- a real process


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


def test_a_real_process_plays_both_screens_from_a_folder(tmp_path: Path) -> None:
    root = folder(tmp_path / "content", *HIPS, SHOULDER)
    ended = chat(root, tmp_path, [AGREE, "2", *WHOLE])
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr
    said = "\n".join(line.removeprefix("<").removeprefix(" ") for line in ended.stdout.splitlines() if is_answer(line))
    assert "find out how your hips turn" in said
    assert "find out how your shoulders turn" in said
    speaks_of_shoulders(said[said.index("Your LEFT shoulder") :])
    assert (tmp_path / "data/coxa.db").exists()


@pytest.mark.parametrize("how", HURTS)
def test_a_real_process_raises_the_flag_of_a_test_that_hurts(how: str, tmp_path: Path) -> None:
    root = folder(tmp_path / "content", *HIPS, SHOULDER)
    ended = chat(root, tmp_path, [AGREE, "shoulder", *ABOUT_ME, *GATE, *MY_DAY, *HURTS[how], "/plan"])
    assert ended.returncode == 0, ended.stderr
    said = "\n".join(line.removeprefix("<").removeprefix(" ") for line in ended.stdout.splitlines() if is_answer(line))
    tells_of_a_red_test(said)


def test_a_process_starts_on_nothing_that_lacks_a_line(tmp_path: Path) -> None:
    root = folder(tmp_path / "content", *HIPS, SHOULDER)
    words = root / "screens/shoulder_rotation/wording/en.yaml"
    text = words.read_text(encoding="utf-8")
    words.write_text(text.replace("  joint: shoulder\n", ""), encoding="utf-8")
    ended = chat(root, tmp_path, [AGREE])
    assert ended.returncode != 0
    assert "lacks screen.joint" in ended.stderr
