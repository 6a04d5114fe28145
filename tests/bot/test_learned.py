"""Where coaches decide or see otherwise: agreement beside what the books compute, and what the commands print."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.__main__ import main
from bot.coaching.agreement import agreement
from bot.settings import Settings, read_settings
from bot.wiring import Content, read_content
from rules.criteria import LEVELS
from tests.played import ANN, House, house

YES_NO = ("yes", "no")


def pairs(*counts: tuple[str, str, int]) -> list[tuple[str, str]]:
    return [(first, second) for first, second, count in counts for _ in range(count)]


def test_kappa_as_the_books_compute_it() -> None:
    # Two raters, 50 cases: 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: agreement 0.7, chance 0.5, kappa 0.4.
    told = agreement(pairs(("yes", "yes", 20), ("yes", "no", 5), ("no", "yes", 10), ("no", "no", 15)), YES_NO)
    assert told is not None
    assert (told.count, told.same) == (50, 0.7)
    assert told.kappa == pytest.approx(0.4)
    assert told.weighted == pytest.approx(0.4)  # with two levels there is one step


def test_a_step_apart_counts_half_of_two() -> None:
    near = agreement(pairs(("clear", "clear", 5), ("clear", "partial", 5), ("blocked", "blocked", 5)), LEVELS)
    far = agreement(pairs(("clear", "clear", 5), ("clear", "blocked", 5), ("partial", "partial", 5)), LEVELS)
    assert near is not None
    assert far is not None
    assert near.weighted is not None
    assert far.weighted is not None
    assert near.weighted > far.weighted
    # By hand: observed 5/15 of one step; expected 10*5*1/225 + 10*5*2/225 + 5*5*2/225 + 5*5*1/225 = 1.
    assert near.weighted == pytest.approx(1 - (5 / 15) / 1.0)


def test_where_chance_never_disagrees_kappa_has_no_meaning() -> None:
    told = agreement(pairs(("clear", "clear", 9)), LEVELS)
    assert told is not None
    assert (told.same, told.kappa, told.weighted) == (1.0, None, None)
    assert agreement([("unknown", "clear")], LEVELS) is None


@given(st.lists(st.tuples(st.sampled_from(LEVELS), st.sampled_from(LEVELS)), min_size=1))
def test_kappa_is_1_for_the_same_and_never_more(told: list[tuple[str, str]]) -> None:
    found, swapped = agreement(told, LEVELS), agreement([(b, a) for a, b in told], LEVELS)
    assert found is not None
    assert swapped is not None
    assert found.kappa is None or -1 <= found.kappa <= 1
    assert found.kappa == pytest.approx(swapped.kappa) if found.kappa is not None else swapped.kappa is None
    if all(first == second for first, second in told):
        assert found.same == 1
        assert found.kappa in (None, pytest.approx(1))


@pytest.fixture(scope="module")
def content() -> Content:
    return read_content(read_settings())


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("COXA_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COXA_KEY_FILE", str(tmp_path / "keys" / "key.json"))
    return read_settings()


@pytest.fixture
async def played(settings: Settings, content: Content) -> AsyncIterator[House]:
    async with house(settings, content=content) as made:
        await made.terminal.start()
        for name in ("flexion_femoral.txt", "coach_edits.txt"):
            await made.play(name)
        yield made


async def test_what_a_coach_saw_and_decided_is_kept_without_a_name(
    played: House, capsys: pytest.CaptureFixture[str]
) -> None:
    said = await played.hear("sam: /clients", "sam: 1", "sam: [Tests: what I saw]", "sam: [Lying heel-out, RIGHT]")
    assert "They told: very little. What did you see?" in said
    assert "Kept beside what they told." in await played.hear("sam: [partly]")
    assert await asyncio.to_thread(main, ["rules", "agreement", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["all"] == {"count": 1, "same": 0.0, "kappa": 0.0, "weighted": 0.0}
    assert await asyncio.to_thread(main, ["rules", "agreement"]) == 0
    assert "few: under 20" in capsys.readouterr().out
    assert await asyncio.to_thread(main, ["rules", "disagreements"]) == 0
    out = capsys.readouterr().out
    assert "flexion: femoral -> pelvic" in out
    assert "filmed" in out
    assert ANN not in out


async def test_where_nothing_is_kept_it_says_so(
    settings: Settings, content: Content, capsys: pytest.CaptureFixture[str]
) -> None:
    async with house(settings, content=content):
        for topic in ("agreement", "disagreements"):
            assert await asyncio.to_thread(main, ["rules", topic]) == 0
            assert capsys.readouterr().out.startswith("No coach has")
