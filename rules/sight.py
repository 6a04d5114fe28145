"""How rules see facts: from a side, with the level that counts instead of the tap, and stand-ins for left-out tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from rules.criteria import LEVELS, NOT_NEEDED, SIDES, Side, paths_of
from rules.facts import ATTEMPT_FIELDS, Attempt, Facts
from rules.screen import Screen, Test
from rules.truth import Values, fails, holds, kept

SECOND_LOOK = "reports.second_look"
"""Says that day 2 was begun."""


class Sight:
    """Facts as rules see them.

    Paths: `profile.x`, `reports.x`; `f1.level` (of the side seen from; of both where a test is done together),
    `other.f1.level` (of the other side), `f1.left.level`; `derived.x`. `pain` is the strongest of all tries,
    `sensation` the one that ended any of them, else that of the try that counts. `level` is the level that counts:
    unknown where the test was ended by pain, said nothing about the hip, or could not be done; from degrees where no
    level was given.
    """

    def __init__(
        self, screen: Screen, facts: Facts, side: Side | None = None, derived: Mapping[str, Any] | None = None
    ) -> None:
        self.screen, self.facts, self.side = screen, facts, side
        self._derived = derived or {}
        self._held: dict[str, Any] = {}
        self._tried: dict[str, Attempt | None] = {}
        self._from: dict[Side | None, Sight] = {side: self}

    def seen_from(self, side: Side) -> Sight:
        """Give the same facts seen from *side*."""
        held = self._from.get(side)
        if held is None:
            held = self._from[side] = Sight(self.screen, self.facts, side, self._derived)
            held._from = self._from
        return held

    @cached_property
    def values(self) -> Values:
        """Give the same facts by path, with what findings read of tests filled in."""
        blank = kept(_blanks, self.screen, lambda: _blank(self.screen))
        known = {**(blank.later if self.second_look else blank.first), **self.facts.told}
        self._tried |= blank.untried
        by_place = self.facts.by_place if self.facts.attempts else {}
        for (test_id, place), tries in by_place.items():
            if place not in ("both", self.side) or (place == "both") != (test_id in blank.together):
                continue
            held = self._tried[test_id] = tries[0]
            for path in blank.stands_for.get(test_id, ()):
                known.pop(path, None)
            for path, field in blank.read.get(test_id, ()):
                self._held[path] = self._of_attempt(held, field)
        return _Seen(self, self.facts.told, known | self._held)

    @cached_property
    def _told(self) -> Values:
        """Give the same facts by path, to ask few of them."""
        return Values(self, self.facts.told)

    def with_derived(self, derived: Mapping[str, Any]) -> Sight:
        """Give the same facts with what was derived so far, by path; *derived* may grow."""
        seen = Sight(self.screen, self.facts, self.side, derived)
        seen._held, seen._tried = self._held, self._tried  # of facts alone, so they hold for both
        return seen

    def value(self, path: str) -> Any:
        """Give the fact at *path*, or None where absent."""
        held = self._held.get(path, self)
        if held is not self:
            return held
        if path.startswith("derived.") and not path.endswith("_gap"):
            return self._derived.get(path)
        value = self._held[path] = self._look_up(path)
        return value

    def _look_up(self, path: str) -> Any:
        room, rest = split(path)
        match room:
            case "profile":
                return self.facts.profile.get(rest)
            case "reports":
                return self.facts.reports.get(rest)
            case "derived":
                return self.gap(rest.removesuffix("_gap"))
            case "other" if self.side is not None:
                other: Side = "right" if self.side == "left" else "left"
                return self.seen_from(other).value(rest)
        return self._of_test(room, rest)

    def gap(self, test: str) -> float | None:
        """Give the difference between the sides of a test, in degrees; None unless both were measured."""
        measured = ([a.degrees for a in self.facts.uncued(test, side) if a.degrees is not None] for side in SIDES)
        both = [next(iter(degrees), None) for degrees in measured]
        left, right = both
        if isinstance(left, int | float) and isinstance(right, int | float):
            return abs(left - right)
        return None

    def tried(self, test_id: str) -> Attempt | None:
        """Give the attempt that counts for a test on this side, or that of the test standing in for it."""
        if test_id not in self._tried:
            self._tried[test_id] = self._find(test_id)
        return self._tried[test_id]

    def _find(self, test_id: str) -> Attempt | None:
        test = self.screen.tests.get(test_id)
        if test is None:
            return None
        place = "both" if test.sides == "together" else self.side
        held = self.facts.attempt(test_id, place) if place else None
        if held is None and (stand_in := self._stand_in(test)) is not None:
            return self.tried(stand_in)
        return held

    def level(self, attempt: Attempt) -> str | None:
        """Give the level that counts: clear, partial, blocked, unknown; None where nothing was said of it."""
        if self.ended(attempt) or attempt.sensation in self.screen.file.invalid_sensations or self.helped(attempt):
            return "unknown"
        if attempt.level == "hurts":
            return attempt.reached or ("unknown" if attempt.pain is not None else None)
        if attempt.level in LEVELS or attempt.level == "unknown":
            return attempt.level
        if attempt.level == "cannot":
            return "unknown"
        return self.level_by_degrees(attempt)

    def level_by_degrees(self, attempt: Attempt) -> str | None:
        """Map degrees to a level by the bands of the test (sources in screen.yaml); None where not measured."""
        test = self.screen.tests.get(attempt.test)
        if test is None or test.degrees is None or not isinstance(attempt.degrees, int | float):
            return None
        sex = "male" if self.facts.value("profile.sex") == "male" else "other"
        if attempt.degrees < getattr(test.degrees.blocked_below, sex):
            return "blocked"
        return "clear" if attempt.degrees >= getattr(test.degrees.clear_from, sex) else "partial"

    def ended(self, attempt: Attempt) -> bool:
        """Tell whether pain ended the test: strong, sharp, pinching or catching (evidence 2 Rules)."""
        file = self.screen.file
        strong = isinstance(attempt.pain, int) and attempt.pain >= file.ending_pain
        return strong or attempt.sensation in file.ending_sensations

    def helped(self, attempt: Attempt) -> bool:
        """Tell whether the body went further than the joint: such a try doesn't score, only its clean repeat."""
        test = self.screen.tests.get(attempt.test)
        if test is None or test.clean is None or attempt.try_ != "A1":
            return False
        return not set(test.clean.compensations).isdisjoint(attempt.compensations or ())

    @cached_property
    def second_look(self) -> bool:
        """Tell whether day 2 was begun: until then its tests don't apply."""
        told = self.facts.value(SECOND_LOOK) == "yes"
        return told or any(attempt.day > 1 for attempt in self.facts.attempts)

    def _of_test(self, test_id: str, rest: str) -> Any:
        place, field = split(rest)
        if ":" in test_id:  # one try, and no other
            test = self.screen.tests.get(test_id.partition(":")[0])
            side = "both" if test is not None and test.sides == "together" else self.side
            return self.facts.value(f"{test_id}.{rest}" if "." in rest else f"{test_id}.{side}.{rest}")
        if place in ("left", "right", "both") and field in ATTEMPT_FIELDS:
            held = self.facts.attempt(test_id, place)
        else:
            field = rest
            held = self.tried(test_id)
            if held is None and field == "level" and self._not_needed(test_id):
                return NOT_NEEDED
        return self._of_attempt(held, field) if held is not None else None

    def _of_attempt(self, held: Attempt, field: str) -> Any:
        """Give what counts as a field of the attempt that counts."""
        if field == "level":
            return self.level(held)
        if field in ("pain", "sensation") and (worst := self._worst(held, field)) is not None:
            return worst
        found = getattr(held, field, None)
        # A repeat asks for the level alone; what was felt and seen before still describes it.
        if found is None and held.level != LEVELS[0] and (held.day, held.try_) != (1, "A1"):
            tries = self.facts.uncued(held.test, held.side)
            found = next((value for a in tries if (value := getattr(a, field, None)) is not None), None)
        return found

    def _worst(self, held: Attempt, field: str) -> Any:
        """Give the strongest pain of all tries of a test, or the sensation that ended one: no later try unsays it."""
        tries = self.facts.all_tries.get((held.test, held.side), ())
        if field == "pain":
            return max((a.pain for a in tries if isinstance(a.pain, int)), default=None)
        ending = self.screen.file.ending_sensations
        felt = [a.sensation for a in tries if a.sensation in ending]
        return max(felt, key=lambda one: ending.index(str(one)), default=None)

    def _not_needed(self, test_id: str) -> bool:
        test = self.screen.tests.get(test_id)
        if test is None:
            return False
        if test.day > 1 and (not self.second_look or any(holds(out.when, self._told) for out in test.leave_out)):
            return True
        return test.ask_when is not None and fails(test.ask_when, self._told)

    def _stand_in(self, test: Test) -> str | None:
        for out in test.leave_out:
            if out.instead and holds(out.when, self._told):
                return out.instead
        return None


class _Seen(Values):
    """Facts as a sight sees them; seen from a side, they are those of the sight from there."""

    __slots__ = ()
    view: Sight

    def seen_from(self, side: Side) -> Values:
        """Give the same facts seen from *side*."""
        return self.view.seen_from(side).values


@lru_cache(maxsize=4096)
def split(path: str) -> tuple[str, str]:
    """Split a path after its first word."""
    room, _, rest = path.partition(".")
    return room, rest


# --- what is known before anything is answered --------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Blank:
    """What findings read where no test was tried: `first` until day 2 is begun, `later` from then on.

    Left out is what hangs on other answers, too. `read` gives the paths and fields of each test that findings read,
    `stands_for` the paths of those that it may stand in for; `together` are the tests of both sides at once.
    """

    first: Mapping[str, Any]
    later: Mapping[str, Any]
    untried: Mapping[str, None]
    """The tests that no other stands in for."""
    read: Mapping[str, Sequence[tuple[str, str]]]
    stands_for: Mapping[str, Sequence[str]]
    together: frozenset[str]


_blanks: dict[int, _Blank] = {}
"""By identity of the screen, as long as it lives."""


def _blank(screen: Screen) -> _Blank:
    found = screen.findings
    criteria = [rule.when for rule in found.limits] + [rule.when for rule in found.drivers]
    criteria += [rule.when for rule in found.confidence] + [rule.when for rule in found.priority]
    criteria += [rule.when for rule in found.notes]
    if found.position_first is not None:
        criteria.append(found.position_first)
    first: dict[str, Any] = {}
    later: dict[str, Any] = {}
    read: dict[str, list[tuple[str, str]]] = {}
    stands_for: dict[str, list[str]] = {}
    for path in dict.fromkeys(path for criterion in criteria for path in paths_of(criterion)):
        room, field = split(path)
        test = screen.tests.get(room)
        if room in ("profile", "reports"):
            first[path] = later[path] = None
        elif test is not None and field in ATTEMPT_FIELDS:
            if field != "level" or test.ask_when is None:
                first[path] = NOT_NEEDED if field == "level" and test.day > 1 else None
                if field != "level" or test.day == 1 or not test.leave_out:
                    later[path] = None
            read.setdefault(test.id, []).append((path, field))
            for other in _stand_ins(screen, test):
                stands_for.setdefault(other, []).append(path)
    tests = screen.tests.values()
    return _Blank(
        first=first,
        later=later,
        untried=dict.fromkeys(test.id for test in tests if not _stand_ins(screen, test)),
        read=read,
        stands_for=stands_for,
        together=frozenset(test.id for test in tests if test.sides == "together"),
    )


def _stand_ins(screen: Screen, test: Test) -> frozenset[str]:
    """Give the tests that may stand in for one, or for one that does."""
    reached, ahead = set(), [test]
    while ahead:
        for out in ahead.pop().leave_out:
            if out.instead is not None and out.instead in screen.tests and out.instead not in reached:
                reached.add(out.instead)
                ahead.append(screen.tests[out.instead])
    return frozenset(reached)
