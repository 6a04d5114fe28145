"""Reminders over real HTTP against the Bot API double: prompt, later, session, another prompt, blocked and back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from bot.channels.telegram import CHANNEL, make_telegram
from bot.channels.telegram_poll import Poll
from bot.conversation.effects import KeepAssessment, KeepConsent, KeepPlan, KeepProfile
from bot.conversation.known import CONSENT_VERSION
from bot.phrasebook import load_phrasebook
from bot.scheduler import ticking
from bot.storage.crypto import KeyRing
from bot.storage.database import open_database
from bot.storage.store import SqlStore
from bot.wiring import MovedClock, SystemClock
from bot.workflow.ports import Address
from bot.workflow.work import Work
from rules import Library
from tests.conversation.chat import finished
from tests.e2e.phone import PATIENCE
from tests.telegram_double import Double, serve
from tests.telegram_double.chats import Message
from tests.telegram_double.users import User

TOKEN = "123456:TEST"  # noqa: S105  # of a made-up bot
ANN = 42


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the database that Coxa runs on."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/coxa.db"
    return str(request.getfixturevalue("postgres_url"))


@asynccontextmanager
async def serving(place: str, library: Library) -> AsyncIterator[tuple[Double, MovedClock]]:
    """Serve one client who has a plan, with a clock that can be moved; everything else is as in `coxa serve`."""
    double, clock, stopping = Double(token=TOKEN), MovedClock(SystemClock()), asyncio.Event()
    store = SqlStore(await open_database(place, KeyRing.new()))
    known = finished(library).known
    assert known.assessment is not None
    assert known.assessed_facts is not None
    now = clock.now()
    async with store.turns() as turns:
        ann = await turns.person_at(Address(channel=CHANNEL, bot=TOKEN.partition(":")[0], chat=str(ANN)), "Ann", now)
        assessed = KeepAssessment(
            screening="s", assessment=known.assessment, facts=known.assessed_facts, tested_at=clock.now()
        )
        for effect in (
            KeepConsent(version=CONSENT_VERSION, given=True),
            KeepProfile(profile=known.profile),
            assessed,
            KeepPlan(plan=known.plan),
        ):
            await turns.keep(ann, effect, now)
    async with serve(double) as url:
        telegram = make_telegram(TOKEN, f"{url}/bot")
        await telegram.bot.initialize()
        work = Work(store, {CHANNEL: telegram}, clock, library, load_phrasebook(library))
        poll = Poll(telegram, clock, work.receive)
        async with ticking(work.due), asyncio.TaskGroup() as group:
            group.create_task(poll.run(stopping))
            group.create_task(work.run(stopping))
            try:
                yield double, clock
            finally:
                stopping.set()
        await telegram.close()
        await telegram.bot.shutdown()
    await store.close()


async def hears(ann: User, words: str) -> Message:
    """Wait until the bot's newest message says something."""
    fits: Callable[[Message], bool] = lambda message: words in message.text  # noqa: E731
    return await ann.wait(fits, PATIENCE)


def to_next_morning(clock: MovedClock) -> None:
    """Move the clock past the next prompt."""
    now = clock.now()
    wanted = datetime.combine(now.date(), time(7, 30), UTC) + timedelta(minutes=1)
    clock.move((wanted if wanted > now else wanted + timedelta(days=1)) - now)


async def session(ann: User, *, morning: bool) -> None:
    """Do a whole session by taps."""
    await ann.taps("Start")
    await hears(ann, "anything new with your health")
    await ann.taps("No, nothing new")
    if morning:
        await hears(ann, "The morning after last time")
        await ann.taps("As usual")
    await hears(ann, "How stiff")
    await ann.taps("Skip")
    answers = {
        "Stop if": "Done, all of it",
        "3 more": "Easily",
        "anything else move": "Nothing else",
        "You should have felt: ": "Yes, there",
    }
    for _ in range(20):
        message = await ann.wait(lambda m: bool(m.buttons), PATIENCE)
        await ann.double.quiet(0.05)
        message = ann.last or message
        if "Any pain during it" in message.text:
            await ann.taps("0")
            return
        await ann.taps(next(button for words, button in answers.items() if words in message.text))
    raise AssertionError(ann.last)


async def test_a_week_with_coxa(place: str, library: Library) -> None:
    async with serving(place, library) as (double, clock):
        ann = double.user(ANN, first_name="Ann", language_code="en")
        for words, answer in (
            ("/time", "When shall I remind you"),
            ("after coffee, 7:30", "where you are"),
            ("no", "Where are you"),
            ("utc", "Is it"),
            ("yes", "On which days"),
            ("every day", "train your legs"),
            ("no", "Every day at 07:30"),
        ):
            await ann.says(words)
            await hears(ann, answer)
        await ann.taps("Yes, that's it")
        await hears(ann, "Kept. The first one comes on")

        to_next_morning(clock)
        await hears(ann, "Today,")
        await ann.taps("Later")
        await hears(ann, "When?")
        await ann.taps("In 30 minutes")
        await hears(ann, "Then at")
        clock.move(timedelta(minutes=31))
        await hears(ann, "As you asked")
        await session(ann, morning=False)
        await hears(ann, "Kept: done")

        to_next_morning(clock)
        await hears(ann, "Today,")
        await session(ann, morning=True)
        await hears(ann, "Twice running")

        to_next_morning(clock)
        await hears(ann, "Twice running you did all of it")
        said = len(ann.screen())
        await ann.blocks()
        await double.quiet(0.4)
        to_next_morning(clock)
        await asyncio.sleep(2.5)  # two ticks and more
        assert len(ann.screen()) == said
        await ann.unblocks()
        await hears(ann, "Good to see you again")
        to_next_morning(clock)
        await hears(ann, "Today,")
        assert double.journal.calls("sendMessage")
