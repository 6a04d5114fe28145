"""The places of a plan's session, and how what is told moves each up and down its ladder.

A slot stands on a rung: an exercise, a variant, a dose. What a session asked for says where the slot stood; what it
told says where the slot goes. Rows named here are those of the evidence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Literal, TypeAlias

from rules.facts import Facts
from rules.log import ExerciseReport, SessionReport
from rules.progression import Chooser, Plan, Prescribed, first_dose
from rules.screen import Dose, Exercise, Screen

GRAVE = frozenset({"lumbar_extension", "toe_shift"})
"""Compensations that lead back when seen twice running; others hold (0 Progression)."""
MISSED_SETS = 0.3
"""Share of the sets that, missed, leads back; a set stands for its reps (6 Regress)."""
NEW = 2
"""So many times an exercise is new: felt in the wrong place, its variant changes (0 Library)."""
MORE: Mapping[str, tuple[int, int, int]] = {"P": (0, 4, 1), "I": (30, 0, 10), "S": (10, 3, 2)}
"""Dose code -> the most of the amount and of the sets (0: as it is), and a step of the amount. C has no range. The
ranges are those of 5 Dose codes, 2 reps are the step of [51]; 10 seconds are a proposal."""

Light: TypeAlias = Literal["unknown", "green", "sore", "amber", "red"]
"""What the pain of a session comes to; sore are muscles, as after training."""
Rule: TypeAlias = Literal[
    "start", "ready", "first_good", "one_at_a_time", "top", "deload", "missed_days", "cleared", "flare_up", "red",
    "amber_once", "amber_twice", "sore", "just", "too_hard", "missing", "not_all", "sets_missed", "asked_less",
    "two_compensations", "same_compensation", "same_compensation_grave", "felt_elsewhere", "stand_in", "not_suitable",
    "coach", "coach_set",
]  # fmt: skip
"""Why an exercise is as it is; wording keys `next.<rule>`."""
OF_LIGHT: Mapping[Light, Rule] = {"red": "red", "amber": "amber_once", "sore": "sore", "unknown": "missing"}
"""What a light that isn't green holds an exercise for."""
Variant: TypeAlias = Literal["easier", "base", "harder"]


@dataclass(frozen=True, kw_only=True)
class Rung:
    """A place on a slot's ladder; `fits`: this client may do it and has the things for it."""

    exercise: Exercise
    variant: Variant
    step: int
    dose: Dose
    fits: bool


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a session told of a slot; `whole`: no less than the rung's dose was asked for."""

    report: SessionReport
    one: ExerciseReport
    rung: int
    asked_sets: int
    whole: bool

    @property
    def sets(self) -> int | None:
        if self.one.sets_done is None and self.report.completed == "yes":
            return self.asked_sets
        return self.one.sets_done

    @property
    def moved(self) -> frozenset[str]:
        return frozenset(self.one.compensations or ())

    def fact(self, name: str, value: object) -> str:
        return f"{self.report.on} {name}={value}"


@dataclass
class Slot:
    """An exercise of the plan, and where it stands by now."""

    shelf: Shelf
    item: Prescribed
    rungs: tuple[Rung, ...]
    at: int
    asked: Prescribed | None = None
    """What was asked last, bad days aside, and since when it was the same."""
    since: date | None = None
    told: list[Told] = field(default_factory=list)
    lights: list[tuple[Light, str]] = field(default_factory=list)
    rule: Rule = "start"
    because: tuple[str, ...] = ()
    steady: bool = False
    """Two sessions running earned a step, pain aside; `green`: pain allows it, and nothing led back since."""
    green: bool = False
    swapped: bool = False

    def hurt(self, light: Light, fact: str) -> None:
        """Take in pain that was told of without a session."""
        self.lights.append((light, fact))
        self.green = False
        if not self._back_for_amber():
            self.hold(OF_LIGHT[light], fact)

    def hear(self, report: SessionReport, light: Light, fact: str, *, flare: bool) -> None:
        """Take in what a session told of this slot, if it asked for it."""
        place = (self.item.role, self.item.side)
        item = next((p for p in report.prescribed if (p.role, p.side) == place), None)
        if item is None:
            return
        self.lights.append((light, fact))
        self.steady = self.green = False
        rung = self.rung_of(item)
        if rung is None:
            if not self._back_for_amber():
                self.hold("stand_in", f"{report.on} exercise={item.exercise}")
            return
        if not flare:
            if self.asked is None or self.rung_of(self.asked) != rung:
                self.since = report.on
            self.at, self.asked, self.swapped = rung, item, False
        now, before = self._told(report, item, rung, flare=flare), self.told[-1] if self.told else None
        self.told.append(now)
        short = self._short_of(now) or self._short_of_two(now, before)
        self.steady = short is None
        if light == "red":
            self.hold("red", fact)
        elif not self._decide(now, before):
            self._weigh(short)

    def _decide(self, now: Told, before: Told | None) -> bool:
        """Move it, where what was told asks for that (6 Regress; 0 Library)."""
        new = sum(told.one.exercise == now.one.exercise for told in self.told) <= NEW
        elsewhere = now.one.felt_right is False and new
        return (
            (elsewhere and self._change_variant(now))
            or self._back_for_amber()
            or self._back_for_effort(now, before)
            or (elsewhere and self._change_exercise(now))
        )

    def _told(self, report: SessionReport, item: Prescribed, rung: int, *, flare: bool) -> Told:
        dose = self.rungs[rung].dose
        whole = item.dose.sets >= dose.sets and item.dose.amount >= dose.amount and not flare
        one = next((t for t in report.exercises if t.exercise == item.exercise), ExerciseReport(exercise=item.exercise))
        return Told(report=report, one=one, rung=rung, asked_sets=item.dose.sets, whole=whole)

    def _back_for_amber(self) -> bool:
        last = self.lights[-2:]
        if len(last) < 2 or any(light != "amber" for light, _ in last):
            return False
        self.back("amber_twice", *(fact for _, fact in last))
        return True

    def _back_for_effort(self, now: Told, before: Told | None) -> bool:
        """Step back for effort, missed sets, or a grave compensation twice running (6 Regress; 0 Progression)."""
        grave = now.moved & before.moved & GRAVE if before is not None else frozenset()
        if now.one.reserve == "no":
            self.back("too_hard", now.fact("reserve", "no"))
        elif now.sets is not None and now.asked_sets - now.sets >= MISSED_SETS * now.asked_sets:
            self.back("sets_missed", now.fact("sets", now.sets))
        elif grave:
            self.back("same_compensation_grave", now.fact("moved", min(grave)))
        else:
            return False
        return True

    def _weigh(self, short: tuple[Rule, str] | None) -> None:
        """Hold, or note that a step is earned (6 Progress, Hold; 0 Progression)."""
        self.green = all(light == "green" for light, _ in self.lights[-2:])
        light, fact = self.lights[-1]
        if light != "green":
            self.hold(OF_LIGHT[light], fact)
        elif short is not None:
            self.hold(*short)
        elif not self.green:
            self.hold("first_good", fact)
        else:
            self.hold("ready", *(told.fact("reserve", told.one.reserve) for told in self.told[-2:]))

    def _short_of(self, told: Told) -> tuple[Rule, str] | None:
        """Say what one session lacks for a step up, pain aside."""
        untold = told.one.compensations is None and self.rungs[told.rung].exercise.ask
        if told.one.reserve is None or told.sets is None or untold:
            return "missing", told.fact("completed", told.report.completed)
        if told.one.reserve == "just":
            return "just", told.fact("reserve", "just")
        if told.sets < told.asked_sets:
            return "not_all", told.fact("sets", told.sets)
        if len(told.moved) > 1:
            return "two_compensations", told.fact("moved", ",".join(sorted(told.moved)))
        return None if told.whole else ("asked_less", told.fact("asked_sets", told.asked_sets))

    def _short_of_two(self, now: Told, before: Told | None) -> tuple[Rule, str] | None:
        """Say what two sessions running lack for a step up, pain aside."""
        if before is None or before.rung != now.rung or self._short_of(before) is not None:
            return "first_good", now.fact("reserve", now.one.reserve)
        if before.report.morning is None:
            return "missing", before.fact("morning", "untold")
        both = now.moved & before.moved
        return ("same_compensation", now.fact("moved", min(both))) if both else None

    def _change_variant(self, now: Told) -> bool:
        """Felt in the wrong place: the easier variant, where it isn't that already (0 Library)."""
        if self.item.fixed:
            return False
        here = self.rungs[self.at].exercise.id
        easier = next(n for n, rung in enumerate(self.rungs) if rung.exercise.id == here)
        if easier == self.at:
            return False
        self.at, self.swapped, self.steady = easier, True, False
        self.hold("felt_elsewhere", now.fact("felt_right", "no"))
        return True

    def _change_exercise(self, now: Told) -> bool:
        """Felt in the wrong place still: the exercise for the same job, where there is one (0 Library)."""
        self.hold("felt_elsewhere", now.fact("felt_right", "no"))
        self.steady = False
        found = None if self.item.fixed else self.shelf.ladder(self.rungs[self.at].exercise.pair, self)
        if found is not None:
            (self.rungs, self.at), self.swapped = found, True
            self.told.clear()
        return True

    def hold(self, rule: Rule, *because: str) -> None:
        """Stay, and note why."""
        self.rule, self.because = rule, because

    def back(self, rule: Rule, *because: str) -> None:
        """Go one step back, where there is one that this client may do."""
        self.hold(rule, *because)
        self.green = False
        self.at = max((n for n in range(self.at) if self.rungs[n].fits), default=self.at)

    def above(self) -> int | None:
        """Give the next rung up that this client may do."""
        return next((n for n in range(self.at + 1, len(self.rungs)) if self.rungs[n].fits), None)

    def stands_on(self) -> Rung | None:
        """Give the rung it stands on, or the nearest below that this client may do; None where there is none."""
        return next((rung for rung in reversed(self.rungs[: self.at + 1]) if rung.fits), None)

    def easiest(self) -> Rung | None:
        """Give the easier variant of what it stands on, at its first dose."""
        rung = self.stands_on()
        return next((r for r in self.rungs if rung is not None and r.exercise.id == rung.exercise.id), None)

    def rung_of(self, item: Prescribed) -> int | None:
        """Give the place of what was asked on this slot's ladder."""
        asked = (item.exercise, item.variant, item.step)
        return next((n for n, r in enumerate(self.rungs) if (r.exercise.id, r.variant, r.step) == asked), None)


class Shelf:
    """The exercises of a screen as one client may use them, and the slots of a plan."""

    def __init__(self, screen: Screen, plan: Plan, facts: Facts) -> None:
        self.library = {exercise.id: exercise for exercise in screen.exercises.exercises}
        # Every side of the plan: it was chosen seen from the side that leads, and a drill is done on its own.
        sides = {item.side for item in (*plan.daily, *plan.strength)}
        self.choosers = [Chooser(screen, facts, side, None) for side in sides]
        self.items = [item for item in (*plan.daily, *plan.strength) if item.exercise in self.library]

    def fits(self, exercise: Exercise, item: Prescribed) -> bool:
        """Tell whether this client may do an exercise in place of *item*, and has the things for it."""
        return fits(self.choosers, exercise, item)

    @cached_property
    def slots(self) -> list[Slot]:
        """Make the slots of the plan, each at its start; an exercise that the screen has no more is left out."""
        starts = [self.library[item.exercise] for item in self.items]
        made = []
        for item, start, chain in zip(self.items, starts, self._chains(starts, self.items), strict=True):
            rungs, at = self._rungs(chain, start, item)
            made.append(Slot(shelf=self, item=item, rungs=rungs, at=at))
        return made

    def ladder(self, name: str | None, slot: Slot) -> tuple[tuple[Rung, ...], int] | None:
        """Give the rungs around another exercise for *slot*; None where it doesn't fit or another slot may need it."""
        start = self.library.get(name or "")
        others = {rung.exercise.id for other in self.slots if other is not slot for rung in other.rungs}
        if start is None or start.id in others or not self.fits(start, slot.item):
            return None
        (chain,) = self._chains([start], [slot.item], others)
        return self._rungs(chain, start, slot.item)

    def _chains(
        self, starts: Sequence[Exercise], items: Sequence[Prescribed], taken: frozenset[str] | set[str] = frozenset()
    ) -> list[list[Exercise]]:
        """Follow `easier` and `harder` from each start, all a link at a time; no exercise stands on two ladders.

        So no session asks for one exercise twice, and what moves one slot never moves another.
        """
        claimed = {*taken, *(start.id for start in starts)}
        chains = [[start] for start in starts]
        free = [(chain, item) for chain, item in zip(chains, items, strict=True) if not item.fixed]
        grown = True
        while grown:
            grown = False
            for chain, item in free:
                for down in (True, False):
                    other = self.library.get((chain[0].easier if down else chain[-1].harder) or "")
                    if other is None or other.id in claimed or not _for_a_day_of(item, other):
                        continue
                    chain.insert(0 if down else len(chain), other)
                    claimed.add(other.id)
                    grown = True
        return chains

    def _rungs(self, chain: Sequence[Exercise], start: Exercise, item: Prescribed) -> tuple[tuple[Rung, ...], int]:
        """Make the rungs of a chain, and give the place of *start*: easier variant, base, more of it, harder variant.

        Exercises below the start are only a way back and have no more than the first two. The harder variant keeps the
        dose: one thing changes at a time (6 Progress). The order of steps is a proposal.
        """
        if item.fixed:
            may = self.fits(start, item)
            return (Rung(exercise=start, variant=item.variant, step=item.step, dose=item.dose, fits=may),), 0
        rungs: list[Rung] = []
        for exercise in chain:
            may, doses = self.fits(exercise, item), _doses(first_dose(exercise.dose, item.role))
            ways: list[tuple[Variant, int]] = [("easier", 0), *(("base", step) for step in range(len(doses)))]
            below = chain.index(exercise) < chain.index(start)
            ways = ways[:2] if below else [*ways, ("harder", len(doses) - 1)]
            rungs += (Rung(exercise=exercise, variant=v, step=n, dose=doses[n], fits=may) for v, n in ways)
        at = next(n for n, rung in enumerate(rungs) if rung.exercise.id == start.id and rung.variant == "base")
        return tuple(rungs), at


def fits(choosers: Sequence[Chooser], exercise: Exercise, item: Prescribed) -> bool:
    """Tell whether a client may do an exercise in place of *item*, and has the things for it."""
    return _for_a_day_of(item, exercise) and all(chooser.why_not(exercise) is None for chooser in choosers)


def is_lift(item: Prescribed) -> bool:
    """Tell whether this is strength work, which is not for every day (6 Decide daily)."""
    return item.role == "lift" or item.dose.code == "S"


def with_sets(dose: Dose, sets: int) -> Dose:
    """Give a dose with other sets, one at least."""
    return dose.model_copy(update={"sets": max(1, sets)})


def _for_a_day_of(item: Prescribed, exercise: Exercise) -> bool:
    return is_lift(item) or exercise.dose.code != "S"


def _doses(first: Dose) -> list[Dose]:
    """List the doses from the first to the most of its code, one step at a time."""
    doses = [first]
    amount, sets, by = MORE.get(first.code, (0, 0, 1))
    while doses[-1].amount < amount:
        doses.append(doses[-1].model_copy(update={"amount": min(amount, doses[-1].amount + by)}))
    while doses[-1].sets < sets:
        doses.append(with_sets(doses[-1], doses[-1].sets + 1))
    return doses
