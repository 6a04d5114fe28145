"""A client at a real `coxa chat` process: reads what is asked, answers by a fixed table, and can be killed."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from bot.channels.console import plain
from rules import Screen
from rules.screen import Question

QUIET = 0.15
"""Seconds without a new line after which the process has said what it had to say."""
PATIENCE = 30.0
GREETINGS = ("Shall we go on?", "Yes, I agree", "What would you like?")
"""What a process says last when it starts."""
FIXED = {
    "profile.age_band": "18_39",
    "profile.sex": "female",
    "profile.country": "uk",
    "profile.pregnancy": "no",
    "profile.surgery": "no",
    "profile.medicines": "none",
    "reports.pain_now": "no",
    "reports.blow": "no",
    "reports.task": "squat_or_pick_up",
    "reports.work": "sitting",
    "f1.left.level": "blocked",
    "f1.left.sensation": "stretch",
    "f2.left.level": "blocked",
    "f2.left.sensation": "stretch",
    "f6.right.level": "partial",
}
"""Answers that are not the first option; sentinel words besides are typed where a scale or a list asks."""


class Process:
    """A running `coxa chat`, piped."""

    def __init__(self, home: Path) -> None:
        environment = {
            **os.environ,
            "HOME": str(home),
            "COXA_DATA_DIR": str(home / "data"),
            "COXA_KEY_FILE": str(home / "key.json"),
            "PYTHONUNBUFFERED": "1",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bot", "chat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
            cwd=Path(__file__).parents[2],
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def say(self, line: str) -> None:
        """Type a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def greeted(self) -> list[str]:
        """Hear until the greeting of a start was said, which comes after whatever a kill had cut off."""
        said = self.hear()
        while not any(greeting in line for line in said for greeting in GREETINGS):
            more = self.hear()
            assert more, said
            said += more
        return said

    def hear(self) -> list[str]:
        """Wait until something was said and it is quiet again; give the bot's lines."""
        said: list[str] = []
        wait = PATIENCE
        while True:
            try:
                line = self._lines.get(timeout=wait)
            except queue.Empty:
                return said
            if line is None:
                return said
            if line.startswith("<"):
                said.append(line.removeprefix("<").removeprefix(" ").rstrip("\n"))
                wait = QUIET

    def kill(self, after: float = 0.0) -> None:
        """End it with SIGKILL, *after* seconds."""
        time.sleep(after)
        self._process.kill()
        self._end()

    def close(self) -> None:
        """End the input, and wait for the end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._end()
        assert self._process.returncode == 0

    def _end(self) -> None:
        self._process.wait(timeout=PATIENCE)
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)


def first_text(question: Question, words: Mapping[str, str]) -> str:
    """Give the text that a question of day 1 begins with; empty for one that another begins alike, or of day 2."""
    if question.test is None:
        return words.get(f"{question.id}.ask", "")
    if question.run not in (None, "1A2") or (question.run and question.field != "level"):
        return ""
    if question.run:
        key = "again.clean.ask"
    else:
        key = f"{question.test}.ask" if question.field == "level" else f"follow.{question.field}.ask"
    return words[key].replace("{test}", words[f"{question.test}.name"])


class Client:
    """Answers by what is on the screen, as a person would; remembers what is asked now."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        words = screen.wording["en"]
        self._texts: dict[str, str] = {}
        for question in screen.questions:
            text = first_text(question, words)
            if text:
                self._texts[plain(text).splitlines()[0].strip()] = question.id
        self._question: str | None = None

    def answer(self, said: list[str]) -> str | None:
        """Give what to type now; None where the result was said."""
        if any("/plan shows this again" in line for line in said):
            return None
        if any("Shall we go on?" in line or "Yes, I agree" in line for line in said):
            return "1"
        if any(re.match(r"Here are your \d+ answers", line) for line in said):
            return "looks right"
        for line in said:
            self._question = self._texts.get(line.strip(), self._question)
        assert self._question is not None, said
        question = self._screen.question(self._question)
        side = next((line.lower() for line in reversed(said) if line.strip() in ("LEFT", "RIGHT")), None)
        if side is None:
            scale = next((line for line in said if re.match(r"(LEFT|RIGHT): \d+ … ", line)), None)
            side = scale.partition(":")[0].lower() if scale else None
        return self._typed(question.id, side, said)

    def _typed(self, question_id: str, side: str | None, said: list[str]) -> str:
        question = self._screen.question(question_id)
        match question.kind:
            case "checklist":
                return "none"
            case "scale":
                return "4"
            case "many":
                return "none"
        labels = [line.strip().partition(" ")[2] for line in said if re.match(r"  \d+ ", line)]
        for row in question.rows:
            if row.side is not None and row.side != side:
                continue
            if len(row.options) == len(labels):
                wanted = FIXED.get(row.path, row.options[0].id)
                ids = [option.id for option in row.options]
                if len(question.rows) > 1 and row.side is None and not self._is_row(question_id, row.path, said):
                    continue
                return str(ids.index(wanted) + 1)
        raise AssertionError(f"{question_id} {side}: {said}")

    def _is_row(self, question_id: str, path: str, said: list[str]) -> bool:
        label = self._screen.wording["en"][f"{question_id}.row.{path.rpartition('.')[2]}"]
        return label in [line.strip() for line in said]
