"""No prompt is lost and none is too much, whatever clients, clocks and outages do; and the judge sees what is wrong."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from bot.timetable.rhythm import Rhythm, Slot, next_prompt
from bot.workflow import due
from rules import Library
from tests.simulation import judge as judging
from tests.simulation.judge import DAILY, Diary, Entry, Finding, Settings, gravest_first, judge, minute_of, told_when
from tests.simulation.world import AUTUMN, SPRING, World

CLIENTS, DAYS = 12, 30
"""One client in each zone, and the days around a change of the clocks everywhere: 30 s of processor a season.
`python -m tests.simulation` takes any number."""


def findings_of(world: World) -> list[Finding]:
    """Let a world live, and judge every diary."""
    diaries, findings = asyncio.run(world.live())
    return gravest_first([*findings, *(finding for diary in diaries for finding in judge(diary))])


@pytest.mark.parametrize(("seed", "begins"), [(1, SPRING), (2, AUTUMN)], ids=["spring", "autumn"])
def test_no_prompt_is_lost_and_none_is_too_much(library: Library, seed: int, begins: datetime) -> None:
    findings = findings_of(World(library, range(CLIENTS), days=DAYS, seed=seed, begins=begins))
    assert "\n".join(map(str, findings)) == ""


# --- the judge


@pytest.fixture(scope="module")
def calm(library: Library) -> Diary:
    """Give the diary of one in London, who practises every day ten minutes after the prompt."""
    (diary,), _ = asyncio.run(World(library, [0], days=14, seed=1, calm=True).live())
    return diary


def prompts(diary: Diary) -> list[Entry]:
    return [entry for entry in diary.entries if entry.what in DAILY]


def changed(diary: Diary, change: Callable[[Entry], Sequence[Entry]], number: int = 3) -> Diary:
    """Give the diary with one of its prompts changed."""
    chosen = prompts(diary)[number]
    entries = [new for entry in diary.entries for new in (change(entry) if entry is chosen else [entry])]
    return replace(diary, entries=tuple(sorted(entries, key=lambda entry: entry.at)))


def rules(diary: Diary) -> set[str]:
    return {finding.rule for finding in judge(diary)}


def later_by(by: timedelta) -> Callable[[Entry], Sequence[Entry]]:
    return lambda entry: [replace(entry, at=entry.at + by)]


def test_a_calm_life_is_found_to_be_right(calm: Diary) -> None:
    assert len(prompts(calm)) == 14
    assert judge(calm) == ()


def test_a_prompt_that_is_dropped_is_found(calm: Diary) -> None:
    assert rules(changed(calm, lambda entry: [])) == {"missing"}


def test_a_first_prompt_that_does_not_come_as_promised_is_found(calm: Diary) -> None:
    assert rules(changed(calm, lambda entry: [], number=0)) == {"promise broken"}


def test_a_prompt_said_twice_is_found(calm: Diary) -> None:
    twice = changed(calm, lambda entry: [entry, replace(entry, at=entry.at + timedelta(minutes=5))])
    assert rules(twice) == {"two on one date"}


def test_a_prompt_an_hour_late_is_found(calm: Diary) -> None:
    assert "late without outage" in rules(changed(calm, later_by(timedelta(hours=1))))


def test_a_prompt_an_hour_early_is_found(calm: Diary) -> None:
    assert "before its time" in rules(changed(calm, later_by(-timedelta(hours=1))))


def test_a_prompt_in_the_quiet_hours_is_found(calm: Diary) -> None:
    at = time(22, 30)
    moved = changed(calm, lambda entry: [replace(entry, at=datetime.combine(entry.at.date(), at, UTC))])
    assert "quiet hours" in rules(moved)


def test_a_prompt_after_practice_is_found(calm: Diary) -> None:
    def before(entry: Entry) -> Sequence[Entry]:
        return [Entry(at=entry.at - timedelta(minutes=20), who="client", what="done", text="done => kept"), entry]

    assert rules(changed(calm, before)) == {"after practice"}


@pytest.mark.parametrize(
    ("what", "rule"), [("pause", "while paused"), ("stopped", "while stopped"), ("rests", "while resting")]
)
def test_a_prompt_in_spite_of_a_stop_is_found(calm: Diary, what: str, rule: str) -> None:
    def before(entry: Entry) -> Sequence[Entry]:
        return [Entry(at=entry.at - timedelta(minutes=20), who="client", what=what, text="so => be it"), entry]

    assert rule in rules(changed(calm, before))


@pytest.mark.parametrize(
    ("after", "found"),
    [
        ((3, 0), set()),
        ((2, 0), {"nudge off its time", "nudge lost"}),
        ((3, 30), {"nudge off its time", "nudge lost"}),
    ],
)
def test_a_nudge_comes_three_hours_after_a_prompt(calm: Diary, after: tuple[int, int], found: set[str]) -> None:
    hours, minutes = after
    alone = replace(calm, entries=calm.entries[: calm.entries.index(prompts(calm)[-1]) + 1])

    def nudged(entry: Entry) -> Sequence[Entry]:
        return [entry, replace(entry, what="nudge", at=entry.at + timedelta(hours=hours, minutes=minutes))]

    assert rules(changed(alone, nudged, number=-1)) == found


def test_a_nudge_that_does_not_come_is_found(calm: Diary) -> None:
    unanswered = replace(calm, entries=calm.entries[: calm.entries.index(prompts(calm)[-1]) + 1])
    assert rules(unanswered) == {"nudge lost"}


def test_a_nudge_after_an_answer_is_found(calm: Diary) -> None:
    nudged = changed(calm, lambda entry: [entry, replace(entry, what="nudge", at=entry.at + timedelta(hours=3))])
    assert rules(nudged) == {"nudge after an answer"}


@pytest.mark.parametrize(("minutes", "rule"), [(30, None), (50, "later lost"), (None, "later lost")])
def test_what_was_put_off_comes_at_its_instant(calm: Diary, minutes: int | None, rule: str | None) -> None:
    def put_off(entry: Entry) -> Sequence[Entry]:
        asked = Entry(at=entry.at + timedelta(minutes=1), who="client", what="later", choice="half_hour")
        come = [] if minutes is None else [replace(entry, what="later", at=asked.at + timedelta(minutes=minutes))]
        return [entry, asked, *come]

    alone = replace(calm, entries=calm.entries[: calm.entries.index(prompts(calm)[-1]) + 1])
    assert rules(changed(alone, put_off, number=-1)) == ({rule} if rule is not None else set())


@pytest.mark.parametrize(
    ("hours", "late", "found"),
    [(2, True, set()), (2, False, {"missing"}), (8, True, {"too late", "quiet hours"}), (8, False, set())],
)
def test_after_an_outage_a_prompt_comes_late_or_not_at_all(
    calm: Diary, hours: int, late: bool, found: set[str]
) -> None:
    """The one who lives at 14:30 is told at 16:30 after two hours, and nothing at 22:30 after eight."""
    chosen = prompts(calm)[3]
    up = chosen.at + timedelta(hours=hours)
    down = replace(calm, down=((chosen.at - timedelta(minutes=30), up),))
    without = [e for e in down.entries if not chosen.at <= e.at <= chosen.at + timedelta(minutes=30)]
    entries = [*without, replace(chosen, at=up, what="late")] if late else without
    found_there = rules(replace(down, entries=tuple(sorted(entries, key=lambda entry: entry.at))))
    assert found_there == found


def test_a_fortnight_of_silence_is_found(calm: Diary) -> None:
    first = prompts(calm)[0]
    silent = replace(
        calm,
        entries=tuple(entry for entry in calm.entries if entry.at <= first.at),
        ends=calm.ends + timedelta(days=30),
    )
    assert "silence" in rules(silent)


def test_a_chain_that_breaks_in_the_bot_is_found(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    async def forgets(*_: object) -> None:
        return None

    monkeypatch.setattr(due, "_follow", forgets)
    found = {finding.rule for finding in findings_of(World(library, [0], days=5, seed=1, calm=True))}
    assert found == {"missing"}


def test_a_bot_that_is_an_hour_off_is_found(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    right = next_prompt

    def off(rhythm: Rhythm, after: datetime, *, last_prompt_on: date | None = None) -> Slot | None:
        slot = right(rhythm, after, last_prompt_on=last_prompt_on)
        return replace(slot, due_at=slot.due_at + timedelta(hours=1)) if slot is not None else None

    monkeypatch.setattr(due, "next_prompt", off)
    found = {finding.rule for finding in findings_of(World(library, [0], days=5, seed=1, calm=True))}
    assert found == {"missing", "late without outage"}


@pytest.mark.parametrize(
    ("zone", "on", "at", "expected"),
    [
        ("Europe/London", date(2026, 3, 29), time(1, 30), datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
        ("Europe/London", date(2026, 10, 25), time(1, 30), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("Australia/Lord_Howe", date(2026, 10, 4), time(2, 15), datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
        ("Africa/Casablanca", date(2026, 3, 22), time(7, 30), datetime(2026, 3, 22, 6, 30, tzinfo=UTC)),
        ("+05:45", date(2026, 5, 1), time(7, 30), datetime(2026, 5, 1, 1, 45, tzinfo=UTC)),
    ],
)
def test_the_judge_finds_the_minute(zone: str, on: date, at: time, expected: datetime) -> None:
    assert minute_of(zone, on, at) == expected


def test_the_judge_reads_what_was_told() -> None:
    assert told_when("comes on Tue 6 January, 07:30.", date(2026, 12, 30)) == (date(2027, 1, 6), time(7, 30))
    assert told_when("Paused until Wed 11 March. Then", date(2026, 3, 1)) == (date(2026, 3, 11), None)
    assert told_when("nothing of the kind", date(2026, 3, 1)) is None


def test_the_judge_knows_nothing_of_the_bot() -> None:
    tree = ast.parse(Path(judging.__file__).read_text(encoding="utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert not [name for name in modules | names if str(name).split(".")[0] in ("bot", "rules", "tests")]
    assert Settings(zone="+05:45", at=time(7), days=(0,)).zone == "+05:45"
