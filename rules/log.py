"""The log of sessions: what was asked for, what a client told of it, corrections and what was taken back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from rules.criteria import Frozen
from rules.progression import Prescribed

Tenth: TypeAlias = Annotated[int, Field(ge=0, le=10)]


class ExerciseReport(Frozen):
    """What was told of one exercise; None where nothing was.

    `sets_done` counts sets; `reserve` answers "could you have done 3 more?"; `compensations` are ids, empty where
    nothing else moved; `felt_right`: felt where its words say.
    """

    exercise: str
    sets_done: int | None = None
    reserve: Literal["easily", "just", "no"] | None = None
    compensations: tuple[str, ...] | None = None
    felt_right: bool | None = None


class Sliders(Frozen):
    """How the hips feel, each 0 to 10, None where not told; `options` is "how many comfortable ways"."""

    stiffness: Tenth | None = None
    tension: Tenth | None = None
    ease: Tenth | None = None
    options: Tenth | None = None


class SessionReport(Frozen):
    """One day's session, as told; None where nothing was.

    `on` is the local date, `prescribed` what was asked for, `pain` 0 to 10, `morning` how the hips were the morning
    after, asked when the next session opens.
    """

    kind: Literal["session"] = "session"
    id: str
    on: date
    completed: Literal["yes", "partly", "no"]
    prescribed: tuple[Prescribed, ...]
    exercises: tuple[ExerciseReport, ...]
    pain: Tenth | None = None
    where: Literal["muscle", "front_hip", "low_back", "knee", "elsewhere"] | None = None
    like: Literal["sore", "sharp", "ache"] | None = None
    limp: bool | None = None
    morning: Literal["usual", "bit_worse", "clearly_worse"] | None = None
    before: Sliders | None = None
    after: Sliders | None = None
    short: bool = False


class FlareUp(Frozen):
    """A bad day, told in one tap; or, `by` a coach, a step back that the coach asked for."""

    kind: Literal["flare"] = "flare"
    id: str
    on: date
    by: Literal["client", "coach"] = "client"


class Cleared(Frozen):
    """The safety questions were passed after red pain; `tested`: the tests were made anew, too (a re-screen)."""

    kind: Literal["cleared"] = "cleared"
    id: str
    on: date
    tested: bool = False


class WeeklyCheck(Frozen):
    """A weekly re-screen, before exercise: levels of the primary tests by `test.side`, the daily task, how it feels.

    `done` is the share of sessions reported since the check before, 0 to 1; `hurts` whether there is pain now.
    """

    kind: Literal["check"] = "check"
    id: str
    on: date
    levels: Mapping[str, str] = {}
    task: Tenth | None = None
    sliders: Sliders | None = None
    hurts: bool = False
    done: Annotated[float, Field(ge=0, le=1)] | None = None


class Retracted(Frozen):
    """What was told is taken back: the entry whose id is `what`."""

    kind: Literal["retracted"] = "retracted"
    id: str
    on: date
    what: str


Entry: TypeAlias = Annotated[SessionReport | FlareUp | Cleared | WeeklyCheck | Retracted, Field(discriminator="kind")]


def standing_log(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Give the entries that stand: a later one of the same id takes the earlier one's place, what was taken back goes.

    Taking back a `Retracted` brings back what it took.
    """
    gone: set[str] = set()
    kept: list[Entry] = []
    for entry in reversed(tuple(entries)):  # from the end: only what was told before it is taken back
        if entry.id in gone:
            continue
        if isinstance(entry, Retracted):
            gone.add(entry.what)
        else:
            kept.append(entry)
    standing = {}
    for entry in reversed(kept):
        standing[entry.id] = entry
    return tuple(standing.values())
