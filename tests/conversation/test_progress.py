"""The page of progress: its words, and that its picture shows what the words say."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from bot.conversation.effects import Say
from bot.phrasebook import load_phrasebook
from bot.pictures.chart import Chart
from bot.workflow.handle import render
from rules import Library
from rules.log import SessionReport
from tests.conversation.chat import Chat
from tests.conversation.test_daily import timed
from tests.conversation.test_weekly import checked


def told(chat: Chat, completed: Any = "yes", pain: int | None = None) -> None:
    """Put the session of another day into the log."""
    chat.waits(timedelta(days=1))
    plan = chat.known.plan
    assert plan is not None
    on = chat.at.date()
    report = SessionReport(id=f"s{on}", on=on, completed=completed, prescribed=plan.daily, exercises=(), pain=pain)
    chat.known = dataclasses.replace(chat.known, log=(*chat.known.log, report))


def drawn(chat: Chat) -> Chart:
    """Give the picture of the last turn, as the painter gets it."""
    said = [effect for effect in chat.effects if isinstance(effect, Say) and effect.picture is not None]
    assert len(said) == 1
    message = render(said[0], chat.book, "en")
    assert message.picture is not None
    return Chart.model_validate(message.picture)


def test_before_any_test_there_is_nothing_to_compare(library: Library) -> None:
    chat = Chat(library, consented=True)
    chat.types("/progress")
    assert "Nothing to compare yet" in chat.last
    assert all(effect.picture is None for effect in chat.effects if isinstance(effect, Say))


def test_after_the_first_day_it_shows_one_point_a_side_and_no_change(library: Library) -> None:
    chat = timed(library)
    chat.types("/progress")
    assert "The next check is compared with it." in chat.last
    assert "chance" not in chat.last
    chart = drawn(chat)
    assert {len(line.points) for line in chart.levels} == {1}
    assert chart.days == ()


def test_words_and_picture_tell_the_same_change(library: Library) -> None:
    chat = timed(library)
    chat.types("/progress")
    before = {line.side: line.points[0].value for line in drawn(chat).levels}
    told(chat, pain=2)
    told(chat, "partly", pain=0)
    told(chat, "no")
    checked(chat, "clear")
    checked(chat, "clear")
    chat.types("/progress")
    assert "All clear" in chat.last
    assert "2 sessions" in chat.last
    assert "0 of 10 the last time, 2 at most" in chat.last
    chart = drawn(chat)
    for line in chart.levels:
        assert [point.value for point in line.points] == [before[line.side], 2.0, 2.0]
    states = [day.done for day in chart.days]
    assert states[1:4] == ["done", "partly", "missed"]
    assert set(states[4:]) == {"missed"}  # a session was due each day, and nothing was told of it
    assert [day.pain for day in chart.days if day.pain is not None] == [2, 0]


def test_the_band_is_one_step_of_one_test_around_the_first_day(library: Library) -> None:
    chat = timed(library)
    chat.types("/progress")
    for line in drawn(chat).levels:
        assert line.band is not None
        low, high = line.band
        first = line.points[0].value
        assert 0 <= low <= first <= high <= 2
        assert high - first in (0.5, 1.0, 2 - first)


@pytest.mark.parametrize(("score", "says"), [(1, "can be chance"), (2, "more than chance alone")])
def test_a_daily_task_has_changed_where_it_is_beyond_its_error(library: Library, score: int, says: str) -> None:
    chat = timed(library)
    facts = chat.known.assessed_facts
    assert facts is not None
    facts = facts.model_copy(update={"reports": {**facts.reports, "task": "stairs_up", "task_score": 5}})
    chat.known = dataclasses.replace(chat.known, assessed_facts=facts)
    checked(chat, "partial")
    *rest, last = chat.known.log
    chat.known = dataclasses.replace(chat.known, log=(*rest, last.model_copy(update={"task": 5 + score})))
    chat.types("/progress")
    assert says in chat.last
    task = drawn(chat).task
    assert task is not None
    assert [point.value for point in task.points] == [5, 5 + score]


def test_dark_and_light_are_kept(library: Library) -> None:
    chat = timed(library)
    chat.types("/progress")
    assert not drawn(chat).dark
    chat.taps("Dark picture")
    assert drawn(chat).dark
    chat.types("/progress")
    assert drawn(chat).dark
    chat.taps("Light picture")
    assert not drawn(chat).dark


def test_every_kind_of_course_is_worded(library: Library) -> None:
    from typing import get_args

    from rules.course import Kind

    book = load_phrasebook(library)
    kinds = [kind for kind in get_args(Kind) if kind != "too_early"]
    assert [kind for kind in kinds if not book.has(f"progress.comes_to.{kind}")] == []
