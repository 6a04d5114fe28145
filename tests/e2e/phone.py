"""A client with a phone at the Bot API double: taps what is on the screen, or types; and `coxa serve` as a process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from bot.channels.console import plain
from rules import Screen
from rules.screen import Question
from tests.e2e.player import FIXED, first_text
from tests.telegram_double.chats import Message
from tests.telegram_double.users import User

PATIENCE = 30.0
PLAN = "Your first session"
LAST = "Ask me what a word means"
"""What comes after the plan."""
DONE = "This is a screen, not a diagnosis"
"""What the last message of a result says."""


class Served:
    """A running `coxa serve` on a database and a double; `log` is what it wrote."""

    def __init__(self, home: Path, api: str, token: str, **more: str) -> None:
        self._home, self._more = home, more
        self._environment = {
            **os.environ,
            "HOME": str(home),
            "COXA_DATA_DIR": str(home / "data"),
            "COXA_KEY_FILE": str(home / "key.json"),
            "COXA_TELEGRAM_TOKEN": token,
            "COXA_TELEGRAM_API_URL": f"{api}/bot",
            **more,
        }
        self._process: asyncio.subprocess.Process | None = None
        self.module, self.arguments = "bot", tuple[str, ...]()
        self.log = home / "serve.log"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Leave no process behind, whatever the test came to."""
        if self._process is not None and self._process.returncode is None:
            await self.kill()

    async def start(self) -> None:
        """Start the process; it is not awaited that it answers."""
        self._home.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", self.module, "serve", *self.arguments),
                env=self._environment,
                cwd=Path(__file__).parents[2],
                stdout=log,
                stderr=log,
            )

    async def kill(self) -> None:
        """End it with SIGKILL."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def stop(self) -> int:
        """End it with SIGTERM and give its exit code."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self._process.wait(), PATIENCE)

    async def ends(self) -> int:
        """Wait until it ends by itself and give its exit code."""
        assert self._process is not None
        return await asyncio.wait_for(self._process.wait(), PATIENCE)

    def cpu_seconds(self) -> float:
        """Give the processor time that the process has used."""
        assert self._process is not None
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Phone:
    """Answers what is asked by a fixed table (the rest: the first option), by taps or by typing."""

    def __init__(self, user: User, screen: Screen, fixed: Mapping[str, str] = FIXED) -> None:
        self.user, self._screen, self._fixed = user, screen, fixed
        self._texts = _first_lines(screen)
        self.taps = self.typed = 0

    async def begin(self) -> None:
        """Say /start and agree."""
        await self.user.says("/start")
        await self._wait_for(lambda m: any("agree" in b["text"] for row in m.buttons for b in row))
        await self.user.taps("Yes, I agree")
        self.taps += 1
        await self.asked_now()

    async def play(self, *, steps: int = 200, typing: bool = False) -> bool:
        """Answer so many steps; True where the result was said."""
        for _ in range(steps):
            message = await self.asked_now()
            if any(words in message.text for words in (DONE, PLAN, "/plan shows this again", LAST)):
                await self._wait_for(lambda m: LAST in m.text)
                return True
            await self.answer(message, typing=typing)
        return False

    async def answer(self, message: Message, *, typing: bool = False) -> None:
        """Answer what is asked now."""
        if "Here are your" in message.text:
            await self._say("Looks right, show my result", typed="looks right", typing=typing)
            return
        question, row = self.asked(message)
        match question.kind:
            case "checklist" | "many":
                await self._say("None of these", typed="none", typing=typing)
            case "scale":
                await self._say(f":{row}:4", typed="4", typing=typing)
            case _:
                asked = question.rows[row]
                option = self._fixed.get(asked.path, asked.options[0].id)
                wanted = f":{row}:{option}"
                await self._say(wanted, typed=self._label(message, wanted), typing=typing)

    def asked(self, message: Message) -> tuple[Question, int]:
        """Give the question of a message, and the number of the row that is open."""
        lines = [line.strip() for line in message.text.splitlines()]
        name = next((self._texts[line] for line in reversed(lines) if line in self._texts), None)
        assert name is not None, f"no question in {message.text!r}"
        question = self._screen.question(name)
        opened = [int(b["callback_data"].split(":")[1]) for row in message.buttons for b in row if _is_option(b)]
        return question, opened[0] if opened else 0

    def _label(self, message: Message, wanted: str) -> str:
        label = next(b["text"] for row in message.buttons for b in row if b["callback_data"].endswith(wanted))
        return label.removeprefix("✓ ")

    async def _say(self, button: str, *, typed: str, typing: bool) -> None:
        """Tap a button, by its label or the end of its data, or type."""
        if typing:
            self.typed += 1
            await self.user.says(typed)
            return
        self.taps += 1
        message = self.user.live_keyboard()
        assert message is not None
        for row in message.buttons:
            for found in row:
                if found["text"] == button or found["callback_data"].endswith(button):
                    await self.user.taps(found["callback_data"], message)
                    return
        raise LookupError(f"no {button!r} on {message.text!r}")

    async def look(self) -> None:
        """Wait until it is quiet, and take the screen as it is: what we did last may have changed nothing."""
        await self.user.double.quiet(0.4)
        self.user.chat.acted_seq = 0

    async def asked_now(self) -> Message:
        """Wait until the bot has said something since we acted, and is quiet."""
        await self._wait_for(lambda m: bool(m.buttons) or DONE in m.text)
        await self.user.double.quiet(0.03)
        last = self.user.last
        assert last is not None
        return last

    async def _wait_for(self, fits: Callable[[Message], bool]) -> Message:
        return await self.user.wait(fits, PATIENCE)


async def until(true: Callable[[], bool]) -> None:
    """Wait until something holds that nobody announces: a call that hangs, say."""
    async with asyncio.timeout(PATIENCE):
        while not true():  # noqa: ASYNC110  # there is no event to wait for
            await asyncio.sleep(0.02)


def _is_option(button: Mapping[str, str]) -> bool:
    parts = button["callback_data"].split(":")
    return len(parts) == 3 and parts[1].isdigit() and parts[2] != "open"


def _first_lines(screen: Screen) -> dict[str, str]:
    """Map the first line of each question's text to its id."""
    words = screen.wording["en"]
    found: dict[str, str] = {}
    for question in screen.questions:
        text = first_text(question, words)
        if text:
            found[plain(text).splitlines()[0].strip()] = question.id
    return found
