"""Telegram's updates by long polling: stored first, confirmed after."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from telegram.error import Conflict, InvalidToken, NetworkError, RetryAfter, TelegramError

from bot.channels.telegram import Telegram
from bot.workflow.intake import store
from bot.workflow.ports import Clock, Raw

log = logging.getLogger(__name__)

POLL_SECONDS = 50
"""How long Telegram may hold a poll open while nothing comes."""
AT_ONCE = 100
"""How many updates one poll brings at most; Telegram gives no more."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds between tries while the network is in trouble: twice as long each time."""
CONFLICT_PAUSE = 10.0
"""Seconds between tries while another program polls this bot."""


class Poll:
    """Fetches updates and hands them to `receive`; the offset moves after that has returned."""

    def __init__(self, telegram: Telegram, clock: Clock, receive: Callable[[Sequence[Raw]], Awaitable[Any]]) -> None:
        self._telegram, self._clock, self._receive = telegram, clock, receive
        self._offset = 0
        self._pause = FIRST_PAUSE
        self.trouble: str | None = None
        """What keeps updates from coming, or None."""

    async def run(self, stopping: asyncio.Event) -> None:
        """Poll until told to stop."""
        while not stopping.is_set():
            pause = await self._once(stopping)
            if pause:
                with suppress(TimeoutError):
                    await asyncio.wait_for(stopping.wait(), pause)

    async def _once(self, stopping: asyncio.Event) -> float:
        """Fetch and store one batch; give the seconds to wait before the next."""
        try:
            updates = await self._fetch(stopping)
            if updates:
                await store(self._receive, self._raws(updates))
                self._offset = max(_number(update) for update in updates) + 1
        except Conflict as error:
            return self._say(_conflict(error), CONFLICT_PAUSE)
        except RetryAfter as error:
            wait = error.retry_after
            return self._say("Telegram asks to wait", wait if isinstance(wait, int) else wait.total_seconds())
        except InvalidToken:
            return self._say("Telegram does not take the token; see coxa doctor", LONGEST_PAUSE)
        except NetworkError as error:
            return self._backed_off(f"Telegram can't be reached ({error})")
        except TelegramError as error:
            return self._backed_off(f"Telegram's answer can't be read ({error})")
        except Exception as error:  # the database is in trouble: nothing was confirmed, so nothing is lost
            log.exception("updates could not be stored")
            return self._backed_off(f"updates could not be stored ({type(error).__name__})")
        if self.trouble is not None:
            log.warning("updates come again")
        self.trouble, self._pause = None, FIRST_PAUSE
        return 0.0

    async def _fetch(self, stopping: asyncio.Event) -> list[Mapping[str, Any]]:
        call = asyncio.ensure_future(self._telegram.updates(self._offset, POLL_SECONDS, AT_ONCE))
        stop = asyncio.ensure_future(stopping.wait())
        try:
            await asyncio.wait({call, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not call.done():  # what it might have brought is not confirmed: Telegram gives it again
                return []
            found = call.result()
        finally:
            for task in (call, stop):
                if not task.done():
                    task.cancel()
                    with suppress(asyncio.CancelledError, TelegramError):
                        await task
        if not isinstance(found, list):
            raise TelegramError("getUpdates gave no list")
        return [update for update in found if isinstance(update, Mapping) and isinstance(update.get("update_id"), int)]

    def _raws(self, updates: Sequence[Mapping[str, Any]]) -> list[Raw]:
        now = self._clock.now()
        return [self._telegram.raw(update, now) for update in updates]

    def _backed_off(self, trouble: str) -> float:
        pause, self._pause = self._pause, min(self._pause * 2, LONGEST_PAUSE)
        return self._say(trouble, pause)

    def _say(self, trouble: str, pause: float) -> float:
        """Say what is wrong once, and not at every try."""
        if trouble != self.trouble:
            log.warning("%s; trying again", trouble)
        self.trouble = trouble
        return pause


def _number(update: Mapping[str, Any]) -> int:
    return int(update["update_id"])


def _conflict(error: Conflict) -> str:
    if "webhook" in str(error).lower():
        return "a webhook is set for this bot, so it can't be polled; coxa doctor --remove-webhook takes it away"
    return "another program is polling this bot with the same token; stop it, or this one"
