"""Who hears of a client's alert whatever happens to those who should: away, back, out of reach, no coach any more."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.channels.console import plain
from bot.storage.store import SqlStore
from bot.workflow.door import Door
from bot.workflow.due import due
from rules import Library
from tests.bot.test_linking import BOTH, House, store

__all__ = ["store"]  # a fixture

NUMB = "I can't feel between my legs"
DAY = timedelta(days=1)


class Chain(House):
    """A house in which time passes, with reminders coming due on the way."""

    async def waits(self, by: timedelta) -> None:
        until = self.clock.now() + by
        while (soonest := await self.store.next_due()) is not None and soonest <= until:
            self.clock.skip(max(soonest - self.clock.now(), timedelta()))
            while await due(self.store, self.clock):
                pass
            await self.works()
        self.clock.skip(until - self.clock.now())

    async def alarms(self, who: str) -> list[str]:
        """Let a client tell what can't wait, and say yes to it; give what they were told."""
        await self.says(who, NUMB)
        told = await self.says(who, "yes")
        await self.says(who, "no")  # the words may mean something else, too
        return told

    async def goes_away(self, coach: str, cover: str) -> None:
        await self.says(coach, "/away 2 weeks")
        await self.taps(coach, cover)

    def cards(self, who: str) -> int:
        """Count the alert's messages that were new to somebody."""
        new = [sent.message.text for sent in self.line.sends if sent.address.chat == who and sent.edit is None]
        return sum("EMERGENCY" in text for text in new)

    async def blocks(self, who: str) -> None:
        await self.hears(who, blocked="yes")

    def told(self, who: str) -> str:
        return "\n".join(plain(message.text) for message in self.messages(who))


@pytest.fixture
def house(store: SqlStore, library: Library) -> Chain:
    return Chain(store, library, Door())


async def settled(house: Chain, *coaches: str, operator: str = "") -> None:
    """Give ann the first of these coaches."""
    for name in (*coaches, *([operator] if operator else [])):
        await house.employ(name, operator=name == operator)
    await house.agrees("ann")
    if coaches:
        await house.links(coaches[0], "ann")


@BOTH
async def test_who_goes_away_with_an_open_alert_leaves_it_to_who_covers_at_once(house: Chain) -> None:
    await settled(house, "sam", "kim")
    await house.alarms("ann")
    await house.waits(timedelta(minutes=20))
    assert (house.cards("sam"), house.cards("kim")) == (2, 0)
    await house.goes_away("sam", "kim")
    assert house.cards("kim") == 1
    assert "I told kim now, too" in house.told("ann")
    await house.waits(timedelta(hours=2))
    assert house.cards("kim") == 3
    assert "kim has not seen it yet, so I told sam" not in house.told("ann")


async def test_who_comes_back_hears_of_what_their_cover_was_told(house: Chain) -> None:
    await settled(house, "sam", "kim")
    await house.goes_away("sam", "kim")
    assert "sam is away, so I told kim" in "\n".join(await house.alarms("ann"))
    assert (house.cards("sam"), house.cards("kim")) == (0, 1)
    await house.says("sam", "/away back")
    assert (house.cards("sam"), house.cards("kim")) == (1, 1)
    assert "I told sam now, too" in house.told("ann")


async def test_who_covers_hears_when_it_is_over_and_the_coach_that_it_is_done(house: Chain) -> None:
    await settled(house, "sam", "kim", "lee")
    await house.goes_away("sam", "kim")
    assert "You cover for sam" in house.told("kim")
    back = "\n".join(await house.says("sam", "/away back"))
    assert "Welcome back" in back
    assert "whoever covered is told" in back
    assert house.told("kim").count("You no longer cover for sam") == 1
    again = "\n".join(await house.says("sam", "/away back"))  # nobody covers now, and nobody is told
    assert "whoever covered is told" not in again
    assert house.told("kim").count("You no longer cover for sam") == 1


async def test_another_cover_takes_over_from_the_one_before(house: Chain) -> None:
    await settled(house, "sam", "kim", "lee")
    await house.goes_away("sam", "kim")
    await house.says("sam", "/away 3 weeks")
    await house.taps("sam", "lee")
    assert "Whoever covered so far is told" in house.told("sam")
    assert house.told("kim").count("You no longer cover for sam") == 1
    assert "You cover for sam" in house.told("lee")
    assert "no longer" not in house.told("lee")
    await house.alarms("ann")
    assert (house.cards("lee"), house.cards("kim")) == (1, 0)


async def test_a_cover_who_is_away_leads_to_who_covers_for_them(house: Chain) -> None:
    await settled(house, "sam", "kim", "lee")
    await house.goes_away("kim", "lee")
    await house.goes_away("sam", "kim")
    assert "I told lee" in "\n".join(await house.alarms("ann"))
    assert (house.cards("lee"), house.cards("kim")) == (1, 0)


async def test_covers_in_a_circle_end_at_the_operator(house: Chain) -> None:
    await settled(house, "sam", "kim", operator="opa")
    await house.goes_away("sam", "kim")
    await house.goes_away("kim", "sam")
    await house.alarms("ann")
    await house.waits(timedelta(hours=6))
    assert [bool(house.cards(one)) for one in ("sam", "kim", "opa")] == [True, True, True]
    assert house.told("ann").count("Nobody has seen it yet") == 1


async def test_a_coach_who_blocked_the_bot_is_passed_over_and_hears_when_they_are_back(house: Chain) -> None:
    await settled(house, "sam", "kim")
    await house.says("sam", "/away 2 weeks")
    await house.taps("sam", "kim")
    await house.says("sam", "/away back")
    await house.blocks("sam")
    said = "\n".join(await house.alarms("ann"))
    assert "can't reach sam" in said
    assert "told kim" in said
    assert (house.cards("sam"), house.cards("kim")) == (0, 1)
    await house.says("sam", "hello")
    assert house.cards("sam") == 1


async def test_with_nobody_to_reach_the_operator_hears_at_once_and_without_one_the_client_knows(house: Chain) -> None:
    await settled(house, "sam")
    await house.blocks("sam")
    assert "nobody else is told by me" in "\n".join(await house.alarms("ann"))
    await house.employ("opa", operator=True)
    await house.agrees("bob")
    await house.says("sam", "hello")
    await house.links("sam", "bob")
    await house.blocks("sam")
    assert "the people who run this bot" in "\n".join(await house.alarms("bob"))
    assert house.cards("opa") == 1


@pytest.mark.parametrize("by_coach", [True, False])
async def test_an_alert_whose_link_ends_reaches_the_operator(house: Chain, by_coach: bool) -> None:
    await settled(house, "sam", operator="opa")
    await house.alarms("ann")
    if by_coach:
        await house.hears("sam", tap=f"k:unlinked:{await house.person('ann')}")
    else:
        await house.says("ann", "/coach")
        await house.taps("ann", "End it")
        await house.taps("ann", "Yes, end it")
    assert house.cards("opa") == 1
    assert "I told the people who run this bot" in house.told("ann")


async def test_a_client_who_never_had_a_coach_is_told_that_nobody_else_hears(house: Chain) -> None:
    await settled(house, operator="opa")
    assert "Nobody else is told by me" in "\n".join(await house.alarms("ann"))
    await house.waits(DAY)
    assert house.cards("opa") == 0


async def test_consent_taken_back_hands_nothing_to_who_takes_all(house: Chain) -> None:
    await house.employ("all", takes_all=True)
    await settled(house, "sam", operator="opa")
    await house.alarms("ann")
    await house.says("ann", "/privacy")
    await house.taps("ann", "Take my consent back")
    await house.says("ann", "yes")
    await house.waits(DAY)
    assert (house.cards("all"), house.cards("opa")) == (0, 0)
    for coach in ("all", "sam", "opa"):
        assert not await house.may(coach, "ann")
        assert "not a client of yours" in (await house.says(coach, f"/client {await house.person('ann')}"))[-1]


async def test_the_same_a_day_later_is_told_again_to_the_coach(house: Chain) -> None:
    await settled(house, "sam")
    await house.alarms("ann")
    await house.taps("sam", "Seen")
    before = house.cards("sam")
    house.clock.skip(3 * DAY)
    await house.alarms("ann")
    assert house.cards("sam") == before + 1


async def test_who_covered_sees_nothing_more_when_the_coach_is_back(house: Chain) -> None:
    await settled(house, "sam", "kim")
    await house.goes_away("sam", "kim")
    assert await house.may("kim", "ann")
    await house.says("sam", "/away back")
    assert not await house.may("kim", "ann")
    assert "not a client of yours" in (await house.says("kim", f"/export {await house.person('ann')}"))[-1]


async def test_who_was_asked_may_look_until_it_is_closed_and_then_sees_that_it_is_over(house: Chain) -> None:
    await settled(house, "sam", "kim", operator="opa")
    await house.goes_away("sam", "kim")
    await house.alarms("ann")
    await house.waits(timedelta(hours=3))
    await house.says("sam", "/away back")
    assert await house.may("kim", "ann")
    assert await house.may("opa", "ann")
    await house.hears("sam", tap=house.button("sam", "Seen"))
    await house.hears("sam", tap=house.button("sam", "Close"))
    for coach in ("kim", "opa"):
        assert not await house.may(coach, "ann")
        assert "waits for you no more" in plain(house.messages(coach)[-1].text)


async def test_an_answer_goes_to_who_asked(house: Chain) -> None:
    await settled(house, "sam", "kim")
    await house.goes_away("sam", "kim")
    ann = await house.person("ann")
    await house.hears("kim", tap=f"k:write:{ann}")
    await house.says("kim", "Are you in hospital?")
    assert "Sent." in house.told("kim")
    await house.taps("ann", "Answer")
    assert "Sent to kim" in (await house.says("ann", "Yes, since noon"))[0]
    assert "since noon" in house.told("kim")
    assert "since noon" not in house.told("sam")


async def test_nobody_decides_about_themselves(house: Chain) -> None:
    await settled(house, "sam", operator="opa")
    await house.agrees("kim")
    await house.employ("kim")
    await house.links("sam", "kim")
    await house.alarms("kim")
    await house.waits(timedelta(hours=3))
    kim = await house.person("kim")
    assert house.cards("opa") == 3
    alert = (await house.known("kim")).alert
    assert alert is not None
    for deed in (f"do:{kim}:{alert.version}:unlock:spoke", f"act:{kim}:rescreen", f"do:{kim}:{alert.version}:close"):
        assert "not a client of yours" in (await house.hears("kim", tap=f"k:{deed}"))[-1]
    assert (await house.known("kim")).flags
    assert (await house.known("kim")).alert == alert


async def test_a_late_seen_counts_and_other_late_taps_show_the_card_as_it_is(house: Chain) -> None:
    await settled(house, "sam")
    await house.alarms("ann")
    late = house.button("sam", "Seen")
    await house.waits(timedelta(minutes=16))
    assert late != house.button("sam", "Seen")
    await house.hears("sam", tap=late)
    assert "sam has seen it" in house.told("ann")
    stale = f"k:do:{await house.person('ann')}:1:close"
    await house.hears("sam", tap=stale)
    assert await house.alerted("ann")


async def test_nothing_is_said_to_be_sent_to_who_gets_nothing(house: Chain) -> None:
    await settled(house, "sam")
    await house.blocks("ann")
    ann = await house.person("ann")
    await house.hears("sam", tap=f"k:write:{ann}")
    said = await house.says("sam", "How are you?")
    assert "Nothing reaches them here" in "\n".join(said)
    assert "Sent." not in "\n".join(said)
