"""Prompts at local times: one a day, never in quiet hours, through clock changes, moves and pauses."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.timetable.rhythm import (
    Rhythm,
    dated_pause,
    fitted,
    instant,
    is_late,
    later_choices,
    next_prompt,
    next_prompts,
    nudge,
    pace,
    quiet_begins,
    resumed,
    tz,
    window_ends,
)

EVERY_DAY = (0, 1, 2, 3, 4, 5, 6)
ZONES = sorted(
    zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "posix", "right"))
)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "on", "at", "wanted"),
    [
        ("Europe/Berlin", "2026-03-29", time(2, 30), "2026-03-29 01:00"),  # a gap: the first instant after it
        ("Europe/Berlin", "2026-10-25", time(2, 30), "2026-10-25 00:30"),  # an overlap: the first of the two
        ("America/New_York", "2026-03-08", time(2, 15), "2026-03-08 07:00"),
        ("America/New_York", "2026-11-01", time(1, 30), "2026-11-01 05:30"),
        ("Australia/Lord_Howe", "2026-10-04", time(2, 10), "2026-10-03 15:30"),  # half an hour
        ("Europe/Berlin", "2026-03-29", time(7, 30), "2026-03-29 05:30"),
        ("+05:45", "2026-03-29", time(7, 30), "2026-03-29 01:45"),
        ("-03:30", "2024-02-29", time(23, 0), "2024-03-01 02:30"),
        ("Pacific/Kiritimati", "2026-01-01", time(7, 0), "2025-12-31 17:00"),
    ],
)
def test_a_local_time_is_one_instant(zone: str, on: str, at: time, wanted: str) -> None:
    assert instant(date.fromisoformat(on), at, zone) == utc(wanted)


def test_a_date_that_a_zone_skipped_has_no_prompt() -> None:
    rhythm = Rhythm(zone="Pacific/Apia", at=time(7, 30), days=EVERY_DAY)
    days = [one.slot.local_date.day for one in next_prompts(rhythm, utc("2011-12-28 18:00"), 3)]
    assert days == [29, 31, 1]


@pytest.mark.parametrize("zone", ["Nowhere/Land", "", "+25:00", "+10:99", "../etc/passwd"])
def test_no_time_zone_is_said_to_be_none(zone: str) -> None:
    with pytest.raises(ValueError, match="is no time zone; give a name"):
        tz(zone)


def rhythms(zones: st.SearchStrategy[str] | None = None) -> st.SearchStrategy[Rhythm]:
    offsets = st.sampled_from(["+00:00", "+05:45", "-09:30", "+14:00", "-12:00"])
    return st.builds(
        Rhythm,
        zone=zones or st.sampled_from(ZONES) | offsets,
        at=st.times().map(lambda at: at.replace(second=0, microsecond=0, fold=0)),
        days=st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days))),
    ).map(fitted)


FIRST, LAST = datetime.fromisoformat("2020-01-01"), datetime.fromisoformat("2035-12-31")
INSTANTS = st.datetimes(FIRST, LAST, timezones=st.just(UTC))


def walked(rhythm: Rhythm, after: datetime, minutes: int) -> list[datetime]:
    """Walk minute by minute, and give when a prompt is due: the local clock passes the time, once a local date."""
    sign = -1 if rhythm.zone.startswith("-") else 1
    where = (
        timezone(sign * timedelta(hours=int(rhythm.zone[1:3]), minutes=int(rhythm.zone[4:6])))
        if rhythm.zone[0] in "+-"
        else ZoneInfo(rhythm.zone)
    )
    found: list[datetime] = []
    done: set[date] = set()
    start = after.replace(second=0, microsecond=0) - timedelta(days=1)  # to know what was due before
    now = start
    while now <= after + timedelta(minutes=minutes):
        local = now.astimezone(where)
        first_minute = (now - timedelta(minutes=1)).astimezone(where)
        passed = local.time() >= rhythm.at and (first_minute.date() != local.date() or first_minute.time() < rhythm.at)
        if passed and local.date() not in done:
            done.add(local.date())
            if local.weekday() in rhythm.days and now > after:
                found.append(now)
        now += timedelta(minutes=1)
    return found


@given(rhythm=rhythms(), after=INSTANTS.map(lambda at: at.replace(second=0, microsecond=0)))
def test_prompts_are_those_that_a_walker_meets(rhythm: Rhythm, after: datetime) -> None:
    minutes = 3 * 24 * 60
    coming = [one.slot.due_at for one in next_prompts(rhythm, after, 4)]
    end = after + timedelta(minutes=minutes)
    assert [at.replace(second=0) for at in coming if at <= end] == walked(rhythm, after, minutes)


@given(rhythm=rhythms(), after=INSTANTS)
def test_one_prompt_on_each_day_in_order_and_none_in_quiet_hours(rhythm: Rhythm, after: datetime) -> None:
    coming = next_prompts(rhythm, after, 10)
    assert len(coming) == 10
    assert all(later.slot.due_at > sooner.slot.due_at for sooner, later in pairwise(coming))
    dates = [one.slot.local_date for one in coming]
    assert len(set(dates)) == 10
    for one in coming:
        assert one.slot.due_at > after
        assert one.slot.local_date.weekday() in rhythm.days
        assert not is_quiet(rhythm, one.local)
        assert one.local.date() == one.slot.local_date
        assert window_ends(rhythm, one.slot.local_date) > one.slot.due_at


def is_quiet(rhythm: Rhythm, local: datetime) -> bool:
    begins, ends, now = rhythm.quiet_from, rhythm.quiet_to, local.time()
    return begins <= now < ends if begins < ends else now >= begins or now < ends


@given(rhythm=rhythms(), after=INSTANTS, days=st.integers(0, 30))
def test_no_second_prompt_on_a_date(rhythm: Rhythm, after: datetime, days: int) -> None:
    on = after.astimezone(tz(rhythm.zone)).date() + timedelta(days=days)
    slot = next_prompt(rhythm, after, last_prompt_on=on)
    assert slot is not None
    assert slot.local_date > on


@given(rhythm=rhythms(), after=INSTANTS, length=st.integers(1, 200))
def test_a_pause_has_no_prompts_and_ends_on_its_date(rhythm: Rhythm, after: datetime, length: int) -> None:
    today = after.astimezone(tz(rhythm.zone)).date()
    until = today + timedelta(days=length)
    slot = next_prompt(dated_pause(rhythm, today, until), after)
    assert slot is not None
    assert not today <= slot.local_date < until
    assert next_prompt(dated_pause(rhythm, today - timedelta(days=1), None), after) is None
    assert next_prompt(resumed(dated_pause(rhythm, today, None)), after) == next_prompt(rhythm, after)


@given(rhythm=rhythms(), now=INSTANTS)
def test_later_and_nudge_stay_on_their_day_and_out_of_quiet_hours(rhythm: Rhythm, now: datetime) -> None:
    where = tz(rhythm.zone)
    times = [one.at for one in later_choices(rhythm, now)]
    slot = nudge(rhythm, now, now)
    times += [slot.due_at] if slot is not None else []
    day = now.astimezone(where).date()
    for at in times:
        assert at > now
        assert at.astimezone(where).date() == day
        assert at < quiet_begins(rhythm, day)
        assert not is_quiet(rhythm, at.astimezone(where))


def test_later_offers_what_is_left_of_the_day() -> None:
    rhythm = Rhythm(zone="Europe/London", at=time(7, 30), days=EVERY_DAY)
    assert [one.id for one in later_choices(rhythm, utc("2026-01-05 07:40"))] == ["half_hour", "two_hours", "evening"]
    assert [one.id for one in later_choices(rhythm, utc("2026-01-05 20:30"))] == ["half_hour"]
    assert later_choices(rhythm, utc("2026-01-05 21:20")) == ()


def test_after_midnight_a_night_owl_is_offered_nothing_in_the_small_hours() -> None:
    owl = fitted(Rhythm(zone="Europe/London", at=time(23, 0), days=EVERY_DAY))
    assert owl.quiet_from == time(1, 0)
    now = utc("2026-01-06 00:45")
    assert [one.id for one in later_choices(owl, now)] == ["evening"]
    assert nudge(owl, now, now) is None


@pytest.mark.parametrize("at", [time(5, 0), time(0, 10), time(21, 45), time(23, 30), time(20, 0), time(12, 0)])
def test_quiet_hours_make_way_for_a_time_chosen_inside_them(at: time) -> None:
    rhythm = fitted(Rhythm(zone="Europe/London", at=at, days=EVERY_DAY))
    assert not is_quiet(rhythm, datetime.combine(date(2026, 1, 5), at))
    assert window_ends(rhythm, date(2026, 1, 5)) > instant(date(2026, 1, 5), at, "Europe/London")


@given(silent=st.integers(0, 400))
def test_the_slower_one_is_silent_the_fewer_prompts_and_never_none(silent: int) -> None:
    assert pace(silent).every <= pace(silent + 1).every <= 14
    heard = date(2026, 1, 1)
    days = [
        on
        for on in (heard + timedelta(days=silent + n) for n in range(14))
        if pace(silent).includes(on, heard_on=heard, days=EVERY_DAY)
    ]
    assert days


@given(days=st.sets(st.integers(0, 6), min_size=1), heard=st.dates(date(2026, 1, 5), date(2026, 1, 11)))
def test_whoever_is_silent_is_prompted_on_their_days_whichever_day_they_were_heard(days: set[int], heard: date) -> None:
    chosen = tuple(sorted(days))
    sent = [
        n
        for n in range(1, 200)
        if (on := heard + timedelta(days=n)).weekday() in days and pace(n).includes(on, heard_on=heard, days=chosen)
    ]
    for begins, stretch in ((14, 7), (21, 7), *((n, 14) for n in range(28, 182, 14))):
        assert len([n for n in sent if begins <= n < begins + stretch]) == 1


def test_the_pace_is_that_of_the_evidence() -> None:
    assert [pace(days).every for days in (0, 3, 4, 9, 10, 29, 30, 300)] == [1, 1, 2, 2, 7, 7, 14, 14]


def test_a_clock_change_is_marked() -> None:
    rhythm = Rhythm(zone="Europe/Berlin", at=time(7, 30), days=EVERY_DAY)
    coming = next_prompts(rhythm, utc("2026-03-27 12:00"), 3)
    assert [(one.slot.local_date.day, one.clock_change) for one in coming] == [(28, False), (29, True), (30, False)]


def test_one_who_flies_west_has_another_slot_on_the_same_date() -> None:
    tokyo = Rhythm(zone="Asia/Tokyo", at=time(7, 30), days=EVERY_DAY)
    there = next_prompt(tokyo, utc("2026-04-03 12:00"))
    here = next_prompt(tokyo.model_copy(update={"zone": "America/Los_Angeles"}), utc("2026-04-03 23:00"))
    assert there is not None
    assert here is not None
    assert there.local_date == here.local_date
    assert there.slot != here.slot


def test_one_who_flies_east_is_not_prompted_again_within_hours() -> None:
    tokyo = Rhythm(zone="Asia/Tokyo", at=time(7, 30), days=EVERY_DAY)
    last = instant(date(2026, 4, 4), time(7, 30), "America/Los_Angeles")
    on = last.astimezone(tz("Asia/Tokyo")).date()
    slot = next_prompt(tokyo, last, last_prompt_on=on, last_prompt_at=last)
    assert slot is not None
    assert slot.due_at == utc("2026-04-05 22:30")


def test_late_is_more_than_ten_minutes() -> None:
    due = utc("2026-01-05 07:30")
    assert not is_late(due, due + timedelta(minutes=10))
    assert is_late(due, due + timedelta(minutes=11))


@given(rhythm=rhythms())
def test_a_rhythm_comes_back_from_json(rhythm: Rhythm) -> None:
    assert Rhythm.model_validate_json(rhythm.model_dump_json()) == rhythm
