"""What is known of one client: profile, reports and attempts.

A fact has a *path*: `profile.sex`, `reports.fever`, `f1.left.level`. A path that was never asked is absent;
"not sure" is the value `unknown` (of a test) or `unsure` (of a report); both differ from a test that does
not apply. Paths are what questions ask for and what criteria read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, StrictFloat, StrictInt, StrictStr, field_validator, model_validator

from rules.criteria import Frozen

Value: TypeAlias = StrictStr | StrictInt | StrictFloat | tuple[StrictStr, ...]
"""An option id, a number, or several option ids."""

Path: TypeAlias = str
AttemptSide: TypeAlias = Literal["left", "right", "both"]
AttemptLevel: TypeAlias = Literal["clear", "partial", "blocked", "unknown", "hurts", "cannot"]
ReachedLevel: TypeAlias = Literal["clear", "partial", "blocked", "unknown"]

ATTEMPT_FIELDS = ("level", "sensation", "pain", "reached", "compensations", "phase", "degrees")


class Attempt(Frozen):
    """One try of one test on one side.

    `level` is what the client tapped: `hurts` means pain came before an answer, `cannot` that they could not do it.
    `reached` is how far it went before mild pain. `pain` is 0 to 10. `degrees` is 0 to 90, mean of three phone
    readings. A field that is None was not asked; an empty `compensations` means "none seen".
    """

    test: str
    side: AttemptSide
    try_: Annotated[str, Field(alias="try", pattern=r"^(A1|A2|A3|B:[a-z_]+)$")] = "A1"
    day: Annotated[int, Field(ge=1)] = 1
    level: AttemptLevel | None = None
    sensation: str | None = None
    pain: Annotated[int, Field(ge=0, le=10)] | Literal["unknown"] | None = None
    reached: ReachedLevel | None = None
    compensations: tuple[str, ...] | None = None
    phase: str | None = None
    degrees: Annotated[float, Field(ge=0, le=90)] | Literal["unknown"] | None = None


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

    def value(self, path: Path) -> Any:
        """Give the fact at *path* (`profile.x`, `reports.x`, `test.side.field`), or None where absent."""
        room, _, rest = path.partition(".")
        if room == "profile":
            return self.profile.get(rest)
        if room == "reports":
            return self.reports.get(rest)
        side, _, field = rest.partition(".")
        attempt = self.attempt(room, side)
        return getattr(attempt, field, None) if attempt is not None else None

    def attempt(self, test: str, side: str) -> Attempt | None:
        """Give the uncued attempt that counts for *test* on *side*: the latest day, then A2 over A1."""
        best: Attempt | None = None
        for attempt in self.attempts:
            if attempt.test != test or attempt.side != side or attempt.try_ not in ("A1", "A2"):
                continue
            if best is None or (attempt.day, attempt.try_) > (best.day, best.try_):
                best = attempt
        return best

    def with_values(self, values: Mapping[Path, Value]) -> Facts:
        """Give the same facts with these paths set; raises ValueError for a path or value of the wrong shape."""
        profile, reports = dict(self.profile), dict(self.reports)
        changed: dict[tuple[str, str], dict[str, Value]] = {}
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
                changed.setdefault((room, side), {})[field] = value
        attempts = {(a.test, a.side, a.try_, a.day): a for a in self.attempts}
        for (test, side), fields in changed.items():
            old = self.attempt(test, side)
            held = old.model_dump(by_alias=True) if old is not None else {"test": test, "side": side}
            new = Attempt.model_validate({**held, **fields})
            attempts[new.test, new.side, new.try_, new.day] = new
        return Facts(profile=profile, reports=reports, attempts=tuple(attempts.values()))

    @classmethod
    def from_values(cls, values: Mapping[Path, Value]) -> Facts:
        """Make facts from a flat mapping of paths to values."""
        return cls().with_values(values)
