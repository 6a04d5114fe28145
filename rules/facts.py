"""What is known of one client: profile, reports and attempts.

A fact has a *path*: `profile.sex`, `reports.fever`, `f1.left.level`. A path that was never asked is absent;
"not sure" is the value `unknown` (of a test) or `unsure` (of a report); both differ from a test that does
not apply. Paths are what questions ask for and what criteria read. Of a test, `f1.left.level` is the first uncued
try of day 1; another try is named by its day and try: `f3:2A1.left.level`, `f3:2B:exhale.left.level`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, StrictFloat, StrictInt, StrictStr, field_validator, model_validator

from rules.criteria import Frozen

Value: TypeAlias = StrictStr | StrictInt | StrictFloat | tuple[StrictStr, ...]
"""An option id, a number, or several option ids."""

Path: TypeAlias = str
AttemptSide: TypeAlias = Literal["left", "right", "both"]
AttemptLevel: TypeAlias = Literal["clear", "partial", "blocked", "unknown", "hurts", "cannot"]
ReachedLevel: TypeAlias = Literal["clear", "partial", "blocked", "unknown"]

RUN = re.compile(r"([1-9][0-9]*)(A1|A2|A3(?::[a-z_]+)?|B:[a-z_]+)")
"""A try as paths name it: the day, then the try."""

ATTEMPT_FIELDS = ("level", "sensation", "pain", "reached", "compensations", "phase", "degrees")


class Attempt(Frozen):
    """One try of one test on one side.

    `try`: A1 and A2 are uncued, `B:<cue>` is with a cue, `A3:<cue>` with that cue taken away again.

    `level` is what the client tapped: `hurts` means pain came before an answer, `cannot` that they could not do it.
    `reached` is how far it went before mild pain. `pain` is 0 to 10. `degrees` is 0 to 90, mean of three phone
    readings. A field that is None was not asked; an empty `compensations` means "none seen".
    """

    test: str
    side: AttemptSide
    try_: Annotated[str, Field(alias="try", pattern=r"^(A1|A2|A3(:[a-z_]+)?|B:[a-z_]+)$")] = "A1"
    day: Annotated[int, Field(ge=1)] = 1
    level: AttemptLevel | None = None
    sensation: str | None = None
    pain: Annotated[int, Field(ge=0, le=10)] | Literal["unknown"] | None = None
    reached: ReachedLevel | None = None
    compensations: tuple[str, ...] | None = None
    phase: str | None = None
    degrees: Annotated[float, Field(ge=0, le=90)] | Literal["unknown"] | None = None

    def path(self, field: str) -> Path:
        """Give the path of one of its fields."""
        first = (self.day, self.try_) == (1, "A1")
        return f"{self.test}{'' if first else f':{self.day}{self.try_}'}.{self.side}.{field}"


class Facts(Frozen):
    """Everything that rules may know of a client; rules know no name.

    `profile` and `reports` map ids to option ids, numbers or lists of option ids.
    """

    profile: Mapping[str, Value] = {}
    reports: Mapping[str, Value] = {}
    attempts: tuple[Attempt, ...] = ()

    @field_validator("profile", "reports", mode="before")
    @classmethod
    def _plain(cls, given: Any) -> Any:
        if isinstance(given, Mapping):
            return {key: tuple(v) if isinstance(v, list) else v for key, v in given.items()}
        return given

    @model_validator(mode="after")
    def _one_each(self) -> Facts:
        seen = set()
        for attempt in self.attempts:
            key = (attempt.test, attempt.side, attempt.try_, attempt.day)
            if key in seen:
                raise ValueError(f"attempts has {key[0]} {key[1]} {key[2]} on day {key[3]} twice; keep one of them")
            seen.add(key)
        return self

    def __copy__(self) -> Facts:
        """Copy the fields alone: the copy may get others, and what follows from them is worked out anew."""
        copied = super().__copy__()
        for name in copied.__dict__.keys() - type(self).model_fields.keys():
            del copied.__dict__[name]
        return copied

    def value(self, path: Path) -> Any:
        """Give the fact at *path* (`profile.x`, `reports.x`, `test.side.field`), or None where absent."""
        room, _, rest = path.partition(".")
        if room == "profile":
            return self.profile.get(rest)
        if room == "reports":
            return self.reports.get(rest)
        side, _, field = rest.partition(".")
        test, day, try_ = run_of(room)
        attempt = next(
            (a for a in self.attempts if (a.test, a.side, a.try_, a.day) == (test, side, try_, day)),
            None,
        )
        return getattr(attempt, field, None) if attempt is not None else None

    def attempt(self, test: str, side: str) -> Attempt | None:
        """Give the uncued attempt that counts for *test* on *side*: the latest day, then A2 over A1."""
        held = self.by_place.get((test, side))
        return held[0] if held else None

    def uncued(self, test: str, side: str) -> Iterator[Attempt]:
        """Give the uncued attempts of *test* on *side*, the one that counts first."""
        yield from self.by_place.get((test, side), ())

    @cached_property
    def all_tries(self) -> Mapping[tuple[str, str], Sequence[Attempt]]:
        """Give all attempts by test and side, those with cues, too."""
        found: dict[tuple[str, str], list[Attempt]] = {}
        for attempt in self.attempts:
            found.setdefault((attempt.test, attempt.side), []).append(attempt)
        return found

    @cached_property
    def told(self) -> Mapping[Path, Value]:
        """Give profile and reports by path."""
        found = {f"profile.{name}": value for name, value in self.profile.items()}
        return found | {f"reports.{name}": value for name, value in self.reports.items()}

    @cached_property
    def by_path(self) -> Mapping[Path, Value]:
        """Give everything by path."""
        found: dict[Path, Any] = dict(self.told)
        for attempt in self.attempts:
            for field in ATTEMPT_FIELDS:
                if (value := getattr(attempt, field)) is not None:
                    found[attempt.path(field)] = value
        return found

    @cached_property
    def by_place(self) -> Mapping[tuple[str, str], Sequence[Attempt]]:
        """Give the uncued attempts by test and side, the one that counts first."""
        found: dict[tuple[str, str], Sequence[Attempt]] = {}
        for place, tries in self.all_tries.items():
            uncued = [attempt for attempt in tries if attempt.try_ in ("A1", "A2")]
            if len(uncued) > 1:
                uncued.sort(key=lambda a: (-a.day, a.try_ == "A1"))
            if uncued:
                found[place] = uncued
        return found

    def with_values(self, values: Mapping[Path, Value]) -> Facts:
        """Give the same facts with these paths set; raises ValueError for a path or value of the wrong shape."""
        profile, reports = dict(self.profile), dict(self.reports)
        changed: dict[tuple[str, str, str, int], dict[str, Value]] = {}
        for path, value in values.items():
            room, _, rest = path.partition(".")
            if room == "profile":
                profile[rest] = value
            elif room == "reports":
                reports[rest] = value
            else:
                side, _, field = rest.partition(".")
                if field not in ATTEMPT_FIELDS:
                    raise ValueError(f"{path!r} is no fact: use profile.X, reports.X or TEST.SIDE.FIELD")
                test, day, try_ = run_of(room)
                changed.setdefault((test, side, try_, day), {})[field] = value
        attempts: dict[tuple[str, str, str, int], Attempt] = {(a.test, a.side, a.try_, a.day): a for a in self.attempts}
        for key, fields in changed.items():
            old = attempts.get(key)
            test, side, try_, day = key
            fresh = {"test": test, "side": side, "try": try_, "day": day}
            held = old.model_dump(by_alias=True) if old is not None else fresh
            attempts[key] = Attempt.model_validate({**held, **fields})
        return Facts(profile=profile, reports=reports, attempts=tuple(attempts.values()))

    @classmethod
    def from_values(cls, values: Mapping[Path, Value]) -> Facts:
        """Make facts from a flat mapping of paths to values."""
        return cls().with_values(values)


def run_of(room: str) -> tuple[str, int, str]:
    """Split the first word of a test's path into the test, the day and the try; raises ValueError for another shape."""
    test, _, run = room.partition(":")
    if not run:
        return test, 1, "A1"
    found = RUN.fullmatch(run)
    if found is None:
        raise ValueError(f"{room!r} names no try: use TEST:DAY and A1, A2, B:CUE or A3:CUE, as in f3:2A1")
    return test, int(found[1]), found[2]
