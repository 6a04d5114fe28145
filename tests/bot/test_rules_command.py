"""What an author is told by `coxa rules`."""

from __future__ import annotations

import io
import json
import re
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.__main__ import main
from bot.conversation.effects import KeepAssessment
from bot.storage.crypto import KeyRing
from bot.storage.database import open_database
from bot.storage.screenings import stored_screenings
from bot.storage.store import SqlStore
from bot.workflow.ports import Address
from rules import Facts, Library, assess
from rules.cases import facts_by_name
from rules.library import HERE, read_yaml

SCREEN = "screens/hip_internal_rotation"
NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
CLIENT: dict[str, Any] = {
    "profile": {"age_band": "18_39", "sex": "male"},
    "reports": {"pain_now": "no", "task": "walk_long_strides"},
    "attempts": [
        {"test": "e1", "side": "right", "level": "blocked"},
        {"test": "e2", "side": "right", "level": "partial"},
        {"test": "e0", "side": "right", "level": "clear"},
    ],
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep settings away from whoever runs the tests."""
    for name in ("COXA_DATABASE_URL", "COXA_SCREENS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COXA_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COXA_KEY_FILE", str(tmp_path / "key.json"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def new(here: Path) -> Path:
    """Give a content folder in which one driver is another."""
    for room in ("safety", "screens"):
        shutil.copytree(HERE / room, here / "new" / room)
    file = here / "new" / SCREEN / "findings.yaml"
    text = file.read_text(encoding="utf-8")
    old = "context: extension\n    driver: femoral"
    assert old in text
    file.write_text(text.replace(old, "context: extension\n    driver: pelvic"), encoding="utf-8")
    return here / "new"


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    """Run the command and give what it printed: to stdout, or where it can't, to stderr in one line."""
    got = main(["rules", *arguments])
    out, err = capsys.readouterr()
    assert got == code, out + err
    assert err.count("\n") == (1 if code == 2 else 0), err
    return err if code == 2 else out


# --- check ---


def test_sound_content_has_no_problems(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, "check")
    assert out.endswith("\nno problems\n")
    assert "hip_internal_rotation" in out
    assert " criteria, " in out
    assert main(["check"]) == 0
    more = capsys.readouterr().out
    assert more.startswith(out)
    reading = more.removeprefix(out)
    assert re.search(r"open half, \d{3} phrases:(?s:.*)\n  red_flag +\d+ +\d+% +100%", reading)
    assert re.search(r"sealed half, \d{3} phrases:(?s:.*)\n  red_flag ", reading)


def test_a_problem_is_printed_with_file_and_line(here: Path, new: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = new / SCREEN / "findings.yaml"
    text = file.read_text(encoding="utf-8")
    never = "{all: [{fact: f1.level, is: blocked}, {fact: f1.level, is: clear}]}"
    added = f"\nnotes:\n  - id: note.stiff\n    when: {never}\n    source: proposal\n"
    text = text.replace("id: note.stiff\n", "id: note.position_last\n").replace("\nnotes:\n", added)
    file.write_text(text, encoding="utf-8")
    line = text[: text.index("id: note.stiff\n")].count("\n") + 1
    out = said(capsys, "check", "new", code=1)
    place = f"new/{SCREEN}/findings.yaml:{line}"
    assert f"{place}: rule note.stiff can never fire: no answers make it true; mend its criteria or drop it\n" in out
    assert "wording/en.yaml lacks reason.note.position_last; add it" in out
    assert out.endswith(" problems\n")


def test_a_folder_that_is_no_content_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "nowhere is no content folder; give one with safety/ and screens/" in said(
        capsys, "check", "nowhere", code=2
    )


def test_content_that_cannot_be_read_is_a_problem(here: Path, new: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (new / SCREEN / "findings.yaml").write_text("limits: [{id: a, id: b}]\n", encoding="utf-8")
    assert "findings.yaml:1: 'id' stands here twice" in said(capsys, "check", "new", code=1)


# --- explain ---


@pytest.mark.parametrize("name", ["facts.json", "facts.yaml"])
def test_a_client_is_explained(here: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    text = json.dumps(CLIENT) if name.endswith("json") else yaml.safe_dump(CLIENT)
    (here / name).write_text(text, encoding="utf-8")
    out = said(capsys, "explain", name)
    assert "RIGHT, extension (when your leg is behind you): limited, driver femoral, confidence" in out
    assert "PRIORITY: there is something to work on\n  leads: right, extension\n" in out
    assert "daily: Side-lying, heel slides back on the wall (ef3)" in out
    assert max(len(line) for line in out.splitlines()) <= 100


@pytest.mark.parametrize("text", [json.dumps(CLIENT), yaml.safe_dump(CLIENT)])
def test_standard_input_is_read(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert "extension.range.blocked_thigh" in said(capsys, "explain", "-")


def test_a_written_case_is_explained_by_name(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(HERE / SCREEN / "cases.yaml")
    assert "rf33_marked: coach, note; row 33" in said(capsys, "explain", file, "--case", "vignette 3")
    assert "has no case 'vignette 99'" in said(capsys, "explain", file, "--case", "vignette 99", code=2)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"attempts": [{"test": "f1", "side": "left", "level": "stuck"}]}', "attempts[0].level"),
        (
            '{"attempts": [{"test": "f5", "side": "both", "try": "B:breath", "day": 2, "level": "clear"}]}',
            "attempts f5 both: try is 'B:breath'; it takes A1, A2, or B: and A3: with one of: exhale, position,",
        ),
        (
            '{"attempts": [{"test": "e2", "side": "left", "try": "A3:zz", "day": 2, "level": "clear"}]}',
            "attempts e2 left: try is 'A3:zz'; it takes A1, A2, or B: and A3: with one of: exhale, position\n",
        ),
        (
            '{"attempts": [{"test": "f1", "side": "left", "try": "B:exhale", "day": 2, "level": "clear"}]}',
            "attempts f1 left: try is 'B:exhale'; it takes A1, A2\n",
        ),
        ('{"profile": {"sex": "robot"}}', "profile.sex: got 'robot'; it takes one of"),
        ("profile: {sex: male", "expected"),
        ("just words", "it takes an object with profile, reports and attempts"),
        ('{"attempts": ', "no JSON"),
    ],
)
def test_what_is_no_client_is_refused(here: Path, capsys: pytest.CaptureFixture[str], text: str, says: str) -> None:
    (here / "facts").write_text(text, encoding="utf-8")
    err = said(capsys, "explain", "facts", code=2)
    assert err.startswith("coxa rules: facts")
    assert says in err


# --- diff ---


def test_nothing_changes_between_a_version_and_itself(
    here: Path, new: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = said(capsys, "diff", "new", "new")
    facts = facts_by_name(read_yaml(new / SCREEN / "cases.yaml"))
    count = len({one.model_dump_json() for one in facts.values()})
    assert out == f"0 of {count} would change\n"


def test_whose_result_would_change_is_told(here: Path, new: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, "diff", str(HERE), "new", code=1)
    assert (
        "vignette 3 (hip_internal_rotation)\n"
        "  right extension: limited femoral high -> limited pelvic high\n"
        "  first exercise: ef3 -> ep2\n"
    ) in out
    assert " would change\n" in out


def test_given_facts_are_replayed_in_place_of_the_cases(
    here: Path, new: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "clients").mkdir()
    (here / "clients" / "one.json").write_text(json.dumps(CLIENT), encoding="utf-8")
    (here / "clients" / "two.yaml").write_text("{}", encoding="utf-8")
    out = said(capsys, "diff", str(HERE), "new", "--facts", "clients", code=1)
    assert out.startswith("clients/one.json (hip_internal_rotation)\n  right extension: limited femoral ")
    assert out.endswith("1 of 2 would change\n")
    assert "clients/three.json" in said(capsys, "diff", str(HERE), "new", "--facts", "clients/three.json", code=2)


async def kept(here: Path, library: Library) -> None:
    """Keep a screening of each of two people in the database of the settings."""
    (here / "data").mkdir()
    database = await open_database(f"sqlite+aiosqlite:///{here}/data/coxa.db", KeyRing.open(here / "key.json"))
    store = SqlStore(database)
    screen = library.screens["hip_internal_rotation"]
    for name, facts in (("Annabel", Facts.model_validate(CLIENT)), ("Samson", Facts())):
        async with store.turns() as turns:
            person = await turns.person_at(Address(channel="line", bot="b", chat=name), name, NOW)
            effect = KeepAssessment(screening="s1", assessment=assess(screen, facts), facts=facts)
            await turns.keep(person, effect, NOW)
    await store.close()


async def test_stored_screenings_are_read_with_numbers_for_names(here: Path, library: Library) -> None:
    await kept(here, library)
    found = await stored_screenings(f"sqlite+aiosqlite:///{here}/data/coxa.db", here / "key.json")
    assert [one.facts for one in found] == [Facts.model_validate(CLIENT), Facts()]
    assert {one.screen for one in found} == {"hip_internal_rotation"}
    assert len({one.person for one in found}) == 2


def test_stored_screenings_are_replayed_and_nothing_is_changed(
    here: Path, new: Path, library: Library, capsys: pytest.CaptureFixture[str]
) -> None:
    import asyncio

    asyncio.run(kept(here, library))
    (here / "none.yaml").write_text("{}", encoding="utf-8")
    before = dump(here / "data/coxa.db")
    out = said(capsys, "diff", str(HERE), "new", "--facts", "none.yaml", "--stored", code=1)
    assert dump(here / "data/coxa.db") == before
    assert "person 1, screening 1 (hip_internal_rotation)\n  right extension: limited femoral " in out
    assert "person 2" not in out
    assert "Annabel" not in out
    assert out.endswith("1 of 3 would change\n")


def dump(file: Path) -> list[str]:
    with sqlite3.connect(file) as connection:
        lines = list(connection.iterdump())
    connection.close()
    return lines


def test_without_a_database_none_is_made(here: Path, new: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "none.yaml").write_text("{}", encoding="utf-8")
    assert said(capsys, "diff", "new", "new", "--facts", "none.yaml", "--stored") == "0 of 1 would change\n"
    assert not (here / "data").exists()
    assert not (here / "key.json").exists()


# --- docs ---


def test_a_page_is_written_or_printed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, "docs")
    assert out.startswith("# Hips (how they turn): the rules of hip_internal_rotation")
    assert "\n## How to read a result\n" in out
    assert out.index("## Flags") < out.index("## The tests")
    assert said(capsys, "docs", "--out", "page.md") == ""
    assert (here / "page.md").read_text(encoding="utf-8") == out
    assert "there is no screen 'knee'" in said(capsys, "docs", "--screen", "knee", code=2)


def test_the_facts_on_the_page_can_be_explained(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = said(capsys, "docs").split("```yaml\n")[1].split("```")[0]
    (here / "shown.yaml").write_text(shown, encoding="utf-8")
    assert "What helped on day 2: with the hips placed" in said(capsys, "explain", "shown.yaml")
