"""What is watched of the work, for whoever keeps figures and traces of it; nothing of it says anything of a person."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from time import perf_counter
from typing import Literal, TypeAlias

Step: TypeAlias = Literal["receive", "handle", "deliver", "due"]
FAILED = "failed"
"""The outcome of a step that raised."""


@dataclass
class Doing:
    """A step of the work: how many events or messages it was about, how it ended, how many seconds it took."""

    step: Step
    count: int = 0
    outcome: str = "done"
    seconds: float = 0.0


class Watch:
    """Watches steps, and tells others of each that has ended."""

    def __init__(self, *told: Callable[[Doing], None]) -> None:
        self._told = told

    @contextmanager
    def __call__(self, step: Step) -> Iterator[Doing]:
        """Watch a step; whoever does it says what it was about."""
        doing, began = Doing(step), perf_counter()
        try:
            yield doing
        except Exception:
            if doing.outcome == "done":
                doing.outcome = FAILED
            raise
        finally:
            doing.seconds = perf_counter() - began
            for tell in self._told:
                tell(doing)


UNWATCHED = Watch()


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """How much of something waits, and since when the longest does."""

    count: int = 0
    since: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How the work stands.

    inbox, outbox: events to be handled, messages to be sent. reminders: those that are due and not yet in the inbox.
    flags: open flags, by urgency. emergencies: alerts of an emergency that no coach has looked at. aside: events that
    could not be handled. failed: messages that were given up. screenings: how many clients came to each step so far.
    """

    inbox: Waiting = Waiting()
    outbox: Waiting = Waiting()
    reminders: Waiting = Waiting()
    flags: Mapping[str, Waiting] = field(default_factory=dict)
    emergencies: Waiting = Waiting()
    aside: int = 0
    failed: int = 0
    screenings: Mapping[str, int] = field(default_factory=dict)
