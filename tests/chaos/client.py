"""A client with a phone at the Bot API double, who screens at leisure beside hundreds of others."""

from __future__ import annotations

import asyncio
import random

from tests.chaos.mind import RESULT, TYPED, Unkilled, act
from tests.telegram_double.chats import Message
from tests.telegram_double.users import User

LOOKS_A_SECOND = 1500
"""How often clients look at their phones, all together: hundreds who look all the time would do little else."""
PATIENCE = 120.0
"""How long a client waits for an answer before tapping again; restarts under load take seconds."""
NEWEST = 12
"""How many messages are looked through for a result."""


class Pace:
    """Lets clients get only so far as the run has: they are in mid-screening from its beginning to its end."""

    def __init__(self, steps: int) -> None:
        self.steps, self._done = steps, 0
        self._moved = asyncio.Condition()

    async def step(self) -> None:
        """One of the steps of the run is done: clients may go on to the next."""
        async with self._moved:
            self._done += 1
            self._moved.notify_all()

    async def reaches(self, part: float) -> None:
        """Wait until the run is where a client may do this part of their screening (0 … 1)."""
        async with self._moved:
            await self._moved.wait_for(lambda: self._done >= self.steps or part <= (self._done + 1) / self.steps)


class Client:
    """One client: taps or types what the mind chooses, once for each card.

    `again` tells of what was repeated for want of an answer.

    Phone, of the end-to-end tests, waits until the whole double is quiet, which it never is with many beside it.
    """

    def __init__(self, user: User, unkilled: Unkilled, pace: Pace, *, seed: int, among: int) -> None:
        self.user, self.unkilled, self._pace = user, unkilled, pace
        self._look_seconds = max(among / LOOKS_A_SECOND, 0.03)
        self._dice = random.Random(f"{seed} {user.id}")  # noqa: S311  # a test's dice
        self.taps = 0
        self.again: list[str] = []
        self.finished = False

    async def live(self) -> None:
        """Screen, from the first word to the result."""
        await asyncio.sleep(self._dice.uniform(0, 1))
        await self.user.says("/start")
        before: object = None
        while (card := await self._next_card(before)) is not None:
            await self._pace.reaches(self.taps / len(self.unkilled.acts))
            await asyncio.sleep(self._dice.uniform(0, self._look_seconds))
            done = act(self.unkilled.mind, [b["callback_data"] for row in card.buttons for b in row])
            if done is None:
                raise LookupError(f"{self.user.data['first_name']} has nothing to tap on {card.text[:80]!r}")
            before = _looks(card)
            self.taps += 1
            if done.startswith(TYPED):
                await self.user.says(done.removeprefix(TYPED))
            else:
                await self.user.taps_raw(done, card.id)
        self.finished = True

    async def _next_card(self, before: object) -> Message | None:
        """Wait for a card that looks otherwise than the one tapped; None where the result was said.

        After PATIENCE the old card is given once more: it shows that the tap wasn't taken.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE
        while True:
            await asyncio.sleep(self._look_seconds)
            newest = list(self.user.chat.messages.values())[-NEWEST:]
            if any(RESULT in message.text for message in newest if message.from_bot):
                return None
            card = self.user.live_keyboard()
            if card is not None and _looks(card) != before:
                return card
            if card is not None and loop.time() > until:
                self.again.append(f"tap {self.taps}: after {PATIENCE:g} s the card was still {card.text[:60]!r}")
                return card


def _looks(card: Message) -> object:
    return card.text, [[(b["text"], b["callback_data"]) for b in row] for row in card.buttons]
