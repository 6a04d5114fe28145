"""What `coxa classify` gives for facts, and says of what are none; and the other commands that don't chat."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.__main__ import main
from bot.commands.classify import BadInput, judge, results
from rules import Library, load_library

FACTS: dict[str, Any] = {
    "profile": {"age_band": "18_39", "sex": "female"},
    "reports": {"work": "sitting"},
    "attempts": [
        {"test": "f1", "side": "left", "level": "blocked", "sensation": "unknown"},
        {"test": "f1", "side": "right", "level": "clear"},
    ],
}


@pytest.fixture(scope="module")
def library() -> Library:
    return load_library()


def changed(change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(json.dumps(FACTS))
    change(facts)
    return facts


def test_facts_become_an_assessment_and_a_plan(library: Library) -> None:
    result = judge(FACTS, library)
    assert set(result) == {"assessment", "plan"}
    findings = {(f["side"], f["context"]): f["limited"] for f in result["assessment"]["findings"]}
    assert set(findings) == {(s, c) for s in ("left", "right") for c in ("flexion", "extension")}
    json.dumps(result)


def test_no_facts_at_all_settle_nothing(library: Library) -> None:
    assert {f["limited"] for f in judge({}, library)["assessment"]["findings"]} == {"unknown"}


def test_json_lines_give_a_line_each(library: Library) -> None:
    lines = io.StringIO(f"{json.dumps(FACTS)}\n\n{json.dumps({'screen': 'hip_internal_rotation'})}\n")
    given = list(results(lines, library))
    assert len(given) == 2
    assert all("\n" not in line for line in given)


def test_an_object_over_several_lines_is_one_case(library: Library) -> None:
    (given,) = results(io.StringIO(json.dumps(FACTS, indent=2)), library)
    assert json.loads(given) == judge(FACTS, library)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: f["attempts"][0].update(level="stuck"), "attempts[0].level: got \"stuck\"; it takes 'clear'"),
        (lambda f: f["attempts"][1].update(pain=11), "attempts[1].pain: got 11; it takes less than or equal to 10"),
        (lambda f: f["attempts"][0].update({"try": "C"}), 'attempts[0].try: got "C"; it takes'),
        (
            lambda f: f["attempts"][0].update(angle=3),
            "attempts[0].angle: unknown; beside it there may be: test, side, try",
        ),
        (lambda f: f["attempts"][0].pop("side"), "attempts[0].side: missing"),
        (lambda f: f.update(name="Ann"), "name: unknown; beside it there may be: profile, reports, attempts, screen"),
        (lambda f: f["profile"].update(sex=True), "profile.sex: got true; it takes a valid string"),
        (lambda f: f.update(attempts="none"), 'attempts: got "none"; it takes a valid tuple'),
        (lambda f: f["attempts"].append(f["attempts"][0]), "f1 left A1 on day 1 twice"),
        (lambda f: f.update(screen="shoulder"), "screen: got 'shoulder'; it takes one of: hip_internal_rotation"),
        (lambda f: f["attempts"][0].update(test="f99"), "f99"),
        (lambda f: f["attempts"][0].update(side="both"), "both"),
        (lambda f: f["profile"].update(sex="robot"), "profile.sex: got 'robot'; it takes one of: female, male"),
        (lambda f: f["reports"].update(mood="good"), "reports.mood"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    library: Library, change: Callable[[dict[str, Any]], None], says: str
) -> None:
    with pytest.raises(BadInput) as refused:
        judge(changed(change), library)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("{", "line 1: no JSON"),
        ('{\n"profile": {\n', "line 3: no JSON"),
        ("{}\n[]\n", "line 2: got []; it takes an object"),
        ("{}\n{oops\n", "line 2: no JSON"),
        ('{}\n{"profile": {}, "profile": {}}', "line 2: profile: stands there twice"),
        ('{"reports": {"task_score": NaN}}', "line 1: NaN is no JSON"),
        ("[" * 100_000, "goes too deep"),
    ],
)
def test_what_is_no_json_is_named_by_its_line(library: Library, text: str, says: str) -> None:
    with pytest.raises(BadInput) as refused:
        list(results(io.StringIO(text), library))
    assert says in str(refused.value)


def test_results_before_a_bad_line_are_given(library: Library) -> None:
    stream = results(io.StringIO("{}\n7\n"), library)
    assert json.loads(next(stream))
    with pytest.raises(BadInput):
        next(stream)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep settings away from whoever runs the tests."""
    monkeypatch.setenv("COXA_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COXA_KEY_FILE", str(tmp_path / "key.json"))
    return tmp_path


def test_a_bad_file_ends_with_two_and_one_line(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "facts.json").write_text('{"attempts": 1}', encoding="utf-8")
    for file in ("facts.json", "missing.json"):
        assert main(["classify", str(here / file)]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("coxa classify: ")
        assert said.err.count("\n") == 1


def test_the_schema_knows_what_goes_in(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert set(schema["properties"]) == {"screen", "profile", "reports", "attempts"}
    assert "try" in schema["$defs"]["Attempt"]["properties"]


def test_the_content_is_in_order(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0, capsys.readouterr().out
    assert "hip_internal_rotation" in capsys.readouterr().out


def test_content_that_cannot_be_read_is_named(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "screens").mkdir()
    monkeypatch.setenv("COXA_SCREENS", str(here))
    assert main(["check"]) == 1
    assert "holds no screen" in capsys.readouterr().out


def test_a_key_inside_the_data_folder_is_refused(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COXA_KEY_FILE", str(here / "data" / "key.json"))
    assert main(["check"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("coxa: COXA_KEY_FILE is ")
    assert said.count("\n") == 1


def test_an_unknown_command_is_met_with_the_one_that_was_meant(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["clasify"])
    assert "did you mean coxa classify?" in capsys.readouterr().err


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out.startswith("coxa ")
