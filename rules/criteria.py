"""The few words that rules are written in, and what they come to: true, false or not known.

Logic is Kleene's: what was never asked and what the client could not say are both *unknown*, and a rule
built on unknowns is itself unknown unless the rest decides it. Adding answers can turn unknown into true
or false, never true into false.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol, TypeAlias

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

Truth: TypeAlias = bool | None
"""True, False, or None for not known."""

UNKNOWN_WORDS = frozenset({"unknown", "unsure"})
NOT_NEEDED = "not_needed"
"""The value of a test that earlier answers made superfluous: it counts as neither limited nor unknown."""
LEVELS = ("clear", "partial", "blocked")


class Frozen(BaseModel):
    """A model that can't be changed and refuses what it doesn't know."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


Scalar: TypeAlias = str | int | float


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a criterion came to, and the fact paths that settled it (or, if unknown, that would settle it)."""

    truth: Truth
    because: tuple[str, ...] = ()


class FactIs(Frozen):
    """`{fact: profile.sex, is: female}`: a fact compared with one word or number."""

    fact: str
    is_: Scalar = Field(alias="is")


class FactIn(Frozen):
    """`{fact: profile.age_band, in: [50_64, 65_plus]}`: a fact compared with several."""

    fact: str
    in_: tuple[Scalar, ...] = Field(alias="in", min_length=1)


class FactAtLeast(Frozen):
    """`{fact: f1.level, at_least: partial}` or `{fact: reports.pain, at_least: 4}`: levels and numbers have order."""

    fact: str
    at_least: Scalar


class FactBelow(Frozen):
    """`{fact: f1.degrees, below: 17}`: strictly less."""

    fact: str
    below: Scalar


class FactIncludes(Frozen):
    """`{fact: reports.pain_where, includes: [groin, thigh]}`: a fact that is a list holds any of these words."""

    fact: str
    includes: tuple[str, ...] = Field(min_length=1)


class Known(Frozen):
    """`{known: f2.level}`: the fact was asked and answered with something other than "not sure"; never unknown."""

    known: str


class Asked(Frozen):
    """`{asked: f2.level}`: there is an answer of any kind, "not sure" included; never unknown."""

    asked: str


class Reported(Frozen):
    """`{reported: reports.fever}`: yes, or "not sure", which safety counts as yes (evidence row: section 4, Levels)."""

    reported: str


class All(Frozen):
    """`{all: [...]}`"""

    all_: tuple[Criterion, ...] = Field(alias="all", min_length=1)


class AnyOf(Frozen):
    """`{any: [...]}`"""

    any_: tuple[Criterion, ...] = Field(alias="any", min_length=1)


class Not(Frozen):
    """`{not: ...}`"""

    not_: Criterion = Field(alias="not")


class CountOf(Frozen):
    """`{count: [...], at_least: 2}`: so many of these are true."""

    count: tuple[Criterion, ...] = Field(min_length=1)
    at_least: int = Field(ge=1)

    @model_validator(mode="after")
    def _reachable(self) -> CountOf:
        if self.at_least > len(self.count):
            raise ValueError(f"at_least {self.at_least} of {len(self.count)} can never be true")
        return self


class Either(Frozen):
    """`{either: ...}`: true of the left side or of the right."""

    either: Criterion


class Both(Frozen):
    """`{both: ...}`: true of the left side and of the right."""

    both: Criterion


def _kind(value: Any) -> str:
    """Tell a criterion by its keys, so that an error names the one that was meant."""
    keys = set(value) if isinstance(value, Mapping) else set(type(value).model_fields)
    for key in ("all", "any", "not", "count", "either", "both", "known", "asked", "reported"):
        if key in keys or f"{key}_" in keys:
            return key
    for key in ("is", "in", "at_least", "below", "includes"):
        if key in keys or f"{key}_" in keys:
            return key
    return "is"


Criterion: TypeAlias = Annotated[
    Annotated[FactIs, Tag("is")]
    | Annotated[FactIn, Tag("in")]
    | Annotated[FactAtLeast, Tag("at_least")]
    | Annotated[FactBelow, Tag("below")]
    | Annotated[FactIncludes, Tag("includes")]
    | Annotated[Known, Tag("known")]
    | Annotated[Asked, Tag("asked")]
    | Annotated[Reported, Tag("reported")]
    | Annotated[All, Tag("all")]
    | Annotated[AnyOf, Tag("any")]
    | Annotated[Not, Tag("not")]
    | Annotated[CountOf, Tag("count")]
    | Annotated[Either, Tag("either")]
    | Annotated[Both, Tag("both")],
    Discriminator(_kind),
]
for _model in (All, AnyOf, Not, CountOf, Either, Both):
    _model.model_rebuild()

Side: TypeAlias = Literal["left", "right"]
SIDES: tuple[Side, Side] = ("left", "right")


class View(Protocol):
    """What a criterion looks at: facts, seen from one side or from neither."""

    def value(self, path: str) -> Any:
        """Give the fact at *path*, or None where it was never asked."""

    def seen_from(self, side: Side) -> View:
        """Give the same facts seen from *side*."""


def weigh(criterion: Criterion, view: View) -> Verdict:
    """Weigh a criterion against facts; total: it never raises for an absent or odd fact."""
    match criterion:
        case All(all_=parts):
            return _all([weigh(part, view) for part in parts])
        case AnyOf(any_=parts):
            return _any([weigh(part, view) for part in parts])
        case Not(not_=inner):
            verdict = weigh(inner, view)
            return Verdict(truth=None if verdict.truth is None else not verdict.truth, because=verdict.because)
        case CountOf(count=parts, at_least=wanted):
            return _count([weigh(part, view) for part in parts], wanted)
        case Either(either=inner):
            return _any([weigh(inner, view.seen_from(side)) for side in SIDES])
        case Both(both=inner):
            return _all([weigh(inner, view.seen_from(side)) for side in SIDES])
        case Known(known=path):
            value = view.value(path)
            return Verdict(truth=value is not None and value not in UNKNOWN_WORDS, because=(path,))
        case Asked(asked=path):
            return Verdict(truth=view.value(path) is not None, because=(path,))
        case Reported(reported=path):
            value = view.value(path)
            truth = None if value is None else value == "yes" or value in UNKNOWN_WORDS
            return Verdict(truth=truth, because=(path,))
        case _:
            value = view.value(criterion.fact)
            return Verdict(truth=compare(criterion, value), because=(criterion.fact,))


def paths_of(criterion: Criterion) -> tuple[str, ...]:
    """List the fact paths that a criterion reads, in order, each once."""
    match criterion:
        case All(all_=parts) | AnyOf(any_=parts) | CountOf(count=parts):
            return tuple(dict.fromkeys(path for part in parts for path in paths_of(part)))
        case Not(not_=inner) | Either(either=inner) | Both(both=inner):
            return paths_of(inner)
        case Known(known=path) | Asked(asked=path) | Reported(reported=path):
            return (path,)
        case _:
            return (criterion.fact,)


def leaves_of(criterion: Criterion) -> Iterator[Criterion]:
    """Give the parts of a criterion that read a fact themselves."""
    match criterion:
        case All(all_=parts) | AnyOf(any_=parts) | CountOf(count=parts):
            for part in parts:
                yield from leaves_of(part)
        case Not(not_=inner) | Either(either=inner) | Both(both=inner):
            yield from leaves_of(inner)
        case _:
            yield criterion


def compare(criterion: FactIs | FactIn | FactAtLeast | FactBelow | FactIncludes, value: Any) -> Truth:
    """Compare one fact with what a criterion wants of it."""
    match criterion:
        case FactIs(is_=wanted) if wanted in UNKNOWN_WORDS or wanted == NOT_NEEDED:
            return None if value is None else bool(value == wanted)
        case FactIncludes(includes=words):
            if value is None or value in UNKNOWN_WORDS:
                return None
            held = value if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
            return any(word in held for word in words)
    if value is None or value in UNKNOWN_WORDS:
        return None
    if value == NOT_NEEDED:
        return False
    match criterion:
        case FactIs(is_=wanted):
            return bool(value == wanted)
        case FactIn(in_=several):
            return value in several
        case FactAtLeast(at_least=bound):
            order = _order(value, bound)
            return None if order is None else order >= 0
        case FactBelow(below=bound):
            order = _order(value, bound)
            return None if order is None else order < 0


def _order(value: Any, bound: Scalar) -> float | None:
    """Tell how far a value lies above a bound, in levels or in numbers; None where they don't compare."""
    if value in LEVELS and bound in LEVELS:
        return LEVELS.index(value) - LEVELS.index(str(bound))
    if isinstance(value, int | float) and isinstance(bound, int | float):
        return float(value - bound)
    return None


def _all(verdicts: Sequence[Verdict]) -> Verdict:
    """Kleene's and: the first false settles it; unknown names what is missing."""
    return _settle(verdicts, deciding=False)


def _any(verdicts: Sequence[Verdict]) -> Verdict:
    """Kleene's or: every true one is a reason; unknown names what is missing."""
    return _settle(verdicts, deciding=True)


def _settle(verdicts: Sequence[Verdict], *, deciding: bool) -> Verdict:
    for wanted in (deciding, None):
        found = [v for v in verdicts if v.truth is wanted]
        if found:
            return Verdict(truth=wanted, because=_paths(found))
    return Verdict(truth=not deciding, because=_paths(verdicts))


def _count(verdicts: Sequence[Verdict], wanted: int) -> Verdict:
    true = [v for v in verdicts if v.truth is True]
    unknown = [v for v in verdicts if v.truth is None]
    if len(true) >= wanted:
        return Verdict(truth=True, because=_paths(true))
    if len(true) + len(unknown) >= wanted:
        return Verdict(truth=None, because=_paths(unknown))
    return Verdict(truth=False, because=_paths([v for v in verdicts if v.truth is False]))


def _paths(verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(path for verdict in verdicts for path in verdict.because))
