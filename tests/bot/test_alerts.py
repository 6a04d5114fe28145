"""Alerts: from the first reason until it is closed; told again until somebody has seen it, and passed on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.coaching.alerts import (
    MAY_UNDO,
    REPEAT_AFTER,
    REPEATS,
    Alert,
    Deed,
    Reason,
    Watcher,
    deciding,
    done,
    handed,
    in_order,
    look_again_at,
    proposed,
    raised,
    told_again,
    undone,
)
from bot.phrasebook import load_phrasebook
from rules import Library, Urgency
from rules.screen import URGENCIES

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def reason(urgency: Urgency = "urgent", *, what: str = "rf02_fall_risk", at: datetime = NOW, words: str = "") -> Reason:
    return Reason(kind="flag", what=what, urgency=urgency, at=at, screen="hip", words=words or None)


def alert(urgency: Urgency = "urgent") -> Alert:
    return raised(None, reason(urgency), id_="a1")


def test_further_reasons_of_one_client_join_the_alert_that_lives() -> None:
    first = alert("clinician")
    second = raised(first, reason("urgent", what="rf05", at=NOW + timedelta(hours=1)), id_="a2")
    assert (second.id, second.urgency, len(second.reasons)) == ("a1", "urgent", 2)
    assert second.raised_at == NOW


def test_the_same_again_is_not_told_again_until_somebody_acted() -> None:
    first = alert()
    assert raised(first, reason(at=NOW + timedelta(minutes=1)), id_="a2") is first
    acted = done(first, "hold", who="sam", at=NOW)
    again = raised(acted, reason(at=NOW + timedelta(hours=1)), id_="a2")
    assert (again.state, again.version > acted.version) == ("open", True)


def test_after_it_is_closed_another_begins() -> None:
    closed = done(alert(), "close", who="sam", at=NOW)
    assert raised(closed, reason(), id_="a2").id == "a2"


@pytest.mark.parametrize("deed", get_args(Deed))
def test_each_deed_is_a_step_with_who_and_when(deed: Deed) -> None:
    after = done(alert(), deed, who="sam", at=NOW, words="x")
    assert (after.steps[-1].what, after.steps[-1].who, after.steps[-1].words) == (deed, "sam", "x")
    assert after.state == {"acknowledge": "acknowledged", "close": "closed"}.get(deed, "acted")
    assert (after.before is not None) == (deed in MAY_UNDO)


def test_undo_leads_back_and_only_once() -> None:
    seen = done(alert(), "acknowledge", who="sam", at=NOW)
    held = done(seen, "hold", who="sam", at=NOW, words="3")
    back = undone(held, who="sam", at=NOW)
    assert (back.state, back.before) == ("acknowledged", None)
    assert [step.what for step in back.steps] == ["raised", "acknowledge", "hold", "undone"]


def test_seeing_after_acting_leaves_it_acted_on() -> None:
    acted = done(alert(), "message", who="sam", at=NOW)
    assert done(acted, "acknowledge", who="kim", at=NOW).state == "acted"


@pytest.mark.parametrize("urgency", URGENCIES)
def test_only_what_cannot_wait_is_told_again_and_only_while_nobody_has_seen_it(urgency: Urgency) -> None:
    at = look_again_at(alert(urgency))
    assert at == (NOW + REPEAT_AFTER[urgency] if urgency in REPEAT_AFTER else None)
    assert look_again_at(done(alert(urgency), "acknowledge", who="sam", at=NOW)) is None


KIM, LEE = Watcher(id=8, name="kim", role="cover"), Watcher(id=9, name="lee", role="cover")
SAM = Watcher(id=7, name="sam")


def away(one: Watcher) -> Watcher:
    return replace(one, away_until=NOW + timedelta(days=7))


@pytest.mark.parametrize("watchers", [(SAM, KIM), (SAM,), (away(SAM), KIM), (away(SAM), away(KIM), LEE)])
@pytest.mark.parametrize("operator", [True, False])
def test_it_is_told_again_then_passed_on_and_then_it_ends(watchers: tuple[Watcher, ...], operator: bool) -> None:
    order = in_order(watchers, NOW)
    one, told, now = handed(alert("emergency"), order[0], NOW), [order[0].id], NOW
    for _ in range(50):
        at = look_again_at(one)
        assert at is not None
        assert at > now
        now = at
        after = told_again(one, now, order=in_order(watchers, now), operator=operator)
        if after is one:
            break
        one = after
        told.append(one.tried[-1] if one.asked != "operator" else 0)
    assert told == [who for who in [*(w.id for w in order), *([0] if operator else [])] for _ in range(1 + REPEATS)]


def test_who_is_there_comes_before_who_is_away_and_who_cannot_be_reached_is_passed_over() -> None:
    assert in_order((away(SAM), away(KIM), LEE), NOW) == (LEE, away(SAM), away(KIM))
    assert in_order((replace(SAM, reached=False), KIM), NOW) == (KIM,)


def test_who_is_told_next_is_whoever_was_not_told_whatever_has_changed_since() -> None:
    one = handed(alert("emergency"), SAM, NOW)
    order = in_order((away(SAM), KIM), NOW)
    while one.tried == (SAM.id,):
        one = told_again(one, NOW, order=order, operator=True)
    assert (one.tried, one.asked) == ((SAM.id, KIM.id), "cover")


def test_who_cannot_be_reached_any_more_is_not_told_again() -> None:
    one = handed(alert("emergency"), SAM, NOW)
    assert told_again(one, NOW, order=(KIM,), operator=True).tried == (SAM.id, KIM.id)


def test_who_covers_decides_while_the_coach_is_away_or_where_they_were_asked() -> None:
    assert deciding((SAM, KIM), NOW, None) == (SAM.id,)
    assert deciding((away(SAM), KIM), NOW, None) == (SAM.id, KIM.id)
    assert deciding((away(SAM), KIM, LEE), NOW, None) == (SAM.id, KIM.id)
    asked = handed(alert(), KIM, NOW)
    assert deciding((SAM, KIM), NOW, asked) == (SAM.id, KIM.id)
    assert deciding((SAM, KIM), NOW, done(asked, "close", who="kim", at=NOW)) == (SAM.id,)


@pytest.mark.parametrize("state", ["open", "acknowledged"])
def test_the_same_a_day_later_is_told_again(state: str) -> None:
    first = handed(alert("emergency"), SAM, NOW)
    if state == "acknowledged":
        first = done(first, "acknowledge", who="sam", at=NOW)
    soon = raised(first, reason("emergency", at=NOW + timedelta(minutes=5)), id_="a2")
    later = raised(first, reason("emergency", at=NOW + timedelta(days=1)), id_="a2")
    assert soon is first
    assert (later.state, later.tried, later.told) == ("open", (), (SAM.id,))


def test_what_is_proposed_first() -> None:
    pain = Reason(kind="pain", what="pain=7", urgency="clinician", at=NOW)
    assert proposed(alert("emergency")) == "message"
    assert proposed(alert("clinician")) == "refer"
    assert proposed(raised(None, pain, id_="a")) == "step_back"
    assert proposed(raised(alert("clinician"), pain, id_="a")) == "refer"


DEEDS = st.lists(st.sampled_from([*get_args(Deed), "undo", "again", "reason"]), max_size=12)


@given(DEEDS, st.sampled_from(URGENCIES))
def test_nothing_that_happens_lowers_the_urgency_or_loses_a_step(deeds: list[str], urgency: Urgency) -> None:
    one = alert(urgency)
    for number, deed in enumerate(deeds):
        at = NOW + timedelta(minutes=number)
        before = one
        match deed:
            case "undo":
                one = undone(one, who="sam", at=at)
            case "again":
                one = told_again(one, at, order=(SAM, KIM), operator=True)
            case "reason":
                one = raised(one, reason("clinician", what=f"rf{number}", at=at), id_=f"n{number}")
            case _:
                one = done(one, deed, who="sam", at=at)  # type: ignore[arg-type]  # one of Deed
        if one.id == before.id:
            assert URGENCIES.index(one.urgency) >= URGENCIES.index(before.urgency)
            assert one.steps[: len(before.steps)] == before.steps
        assert Alert.model_validate(one.model_dump(mode="json")) == one


def test_every_step_and_deed_has_words(library: Library) -> None:
    book = load_phrasebook(library)
    steps = [*get_args(Deed), "undone", "repeated", "passed_on"]
    keys = [f"desk.step.{one}" for one in steps] + [f"desk.deed.{one}" for one in (*get_args(Deed), "undo")]
    keys += [f"desk.{what}.{one}" for what in ("head", "told", "waits") for one in URGENCIES]
    assert [key for key in keys if not book.has(key)] == []
