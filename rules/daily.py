"""plan + log + today -> today's session, and why. Rows named here are those of the evidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Literal, TypeAlias

from rules.criteria import Frozen
from rules.facts import Facts
from rules.log import Cleared, Entry, FlareUp, SessionReport, Sliders, standing_log
from rules.progression import Chooser, Plan, Prescribed, first_dose
from rules.screen import Driver, Screen
from rules.slots import OF_LIGHT, Light, Rule, Rung, Shelf, Slot, fits, is_lift, with_sets

AMBER, RED, RED_SORE = 4, 6, 7
"""Pain from which a session is amber or red; sore muscles are red later (6 Pain light; 0 Red pain)."""
SORE_FOR = timedelta(hours=72)
"""Sore muscles count as any other pain after so long (0 Red pain)."""
ONE_SET_LESS, ONE_STEP, TWO_STEPS, TOO_LONG = 2, 4, 8, 14
"""Missed sessions from which there is a set less, a step back, two; days late after which a re-screen is needed (6
Missed days)."""
LIFTS_A_WEEK, WEEK = 2, 7
"""Strength days in any seven, never two running (6 Decide daily; 5 S)."""
DELOAD_EVERY, DELOAD_FROM, HARD_RUNNING = 35, 28, 3
"""The fifth week of each five is a deload, and so are seven days after three hard sessions running (6 Deload)."""
SAME_FOR = 3
"""Sessions without a difference before the next driver's turn (0 Sliders)."""

Kind: TypeAlias = Literal["progress", "hold", "regress", "start", "swap", "stop"]
Variable: TypeAlias = Literal["dose", "variant", "exercise"]
Why: TypeAlias = Literal[
    "next.red.pain", "next.red.sharp", "next.red.limp", "next.red.morning", "next.rescreen.missed_days",
    "next.rest.done_today", "next.rest.week_is_full", "next.missed_days.one_set", "next.missed_days.one_step",
    "next.missed_days.two_steps", "next.no_lifts_yet", "next.bad_day", "next.deload.week", "next.deload.effort",
]  # fmt: skip


class Decision(Frozen):
    """What was decided about one exercise. `before` is the exercise asked last in its place, None at the start.

    `rule` is the wording key of a `Rule`; `variable` is what differs from what was asked last. `because` names what
    was told, as in "2026-01-05 pain=4".
    """

    exercise: str
    before: str | None = None
    kind: Kind
    rule: str
    variable: Variable | None = None
    because: tuple[str, ...] = ()


class Today(Frozen):
    """What there is to do on a day; only a session has items. `seconds` is how long they take, both sides."""

    kind: Literal["session", "rest", "stop", "rescreen"]
    items: tuple[Prescribed, ...] = ()
    decisions: tuple[Decision, ...] = ()
    why: tuple[Why, ...] = ()
    deload: bool = False
    seconds: int = 0
    next_driver: Driver | None = None


def next_session(screen: Screen, plan: Plan, log: Sequence[Entry], today: date, *, facts: Facts) -> Today:
    """Give what there is to do *today* after all that the log tells, and why; total."""
    so_far = _SoFar(screen, plan, facts)
    for entry in sorted(standing_log(log), key=lambda entry: entry.on):
        so_far.hear(entry)
    if so_far.red is not None:
        return Today(kind="stop", why=(so_far.red[1],))
    if so_far.days_late(today) > TOO_LONG:
        return Today(kind="rescreen", why=("next.rescreen.missed_days",))
    days = {report.on for report in so_far.done}
    if any(day >= today for day in days):
        return Today(kind="rest", why=("next.rest.done_today",))
    if sum(day > today - timedelta(days=WEEK) for day in days) >= plan.days_a_week:
        return Today(kind="rest", why=("next.rest.week_is_full",))
    return _session(so_far, today)


def stand_in(screen: Screen, item: Prescribed, other: str, facts: Facts) -> Prescribed | None:
    """Give *other* at its first dose in place of *item*, this once; None where this client may not do it."""
    exercise = next((exercise for exercise in screen.exercises.exercises if exercise.id == other), None)
    if exercise is None or not fits([Chooser(screen, facts, item.side, None)], exercise, item):
        return None
    dose = first_dose(exercise.dose, item.role)
    changed = {"exercise": other, "dose": dose, "seconds": exercise.seconds, "variant": "base", "step": 0}
    return item.model_copy(update={**changed, "why": ("stand_in",)})


# --- composing a session -----------------------------------------------------------------------------------------


def _session(so_far: _SoFar, today: date) -> Today:
    missed = so_far.miss(today)
    flare = so_far.flare_until is not None and today <= so_far.flare_until
    lifts = not flare and not so_far.careful and _lifts_due(so_far.lifts, so_far.plan, today)
    deload = _deload(so_far.done, today)
    slots = [slot for slot in so_far.slots if lifts or not is_lift(slot.item)]
    if flare:
        slots = [slot for slot in slots if slot.item.role == "opener"] or slots[:1]
    else:
        _let_one_go_up(so_far, slots, missed=missed, deload=deload is not None)
    rungs = [slot.easiest() if flare else slot.stands_on() for slot in slots]
    less = ONE_SET_LESS <= missed < ONE_STEP
    items = tuple(
        _prescribed(slot, rung, less=less, half=deload is not None and is_lift(slot.item))
        for slot, rung in zip(slots, rungs, strict=True)
        if rung is not None
    )
    whys: tuple[tuple[bool, Why], ...] = (
        (less, "next.missed_days.one_set"),
        (ONE_STEP <= missed < TWO_STEPS, "next.missed_days.one_step"),
        (missed >= TWO_STEPS, "next.missed_days.two_steps"),
        (so_far.careful and bool(so_far.plan.strength), "next.no_lifts_yet"),
        (flare, "next.bad_day"),
    )
    return Today(
        kind="session",
        items=items,
        decisions=tuple(_decision(slot, rung) for slot, rung in zip(slots, rungs, strict=True)),
        why=(*(why for holds, why in whys if holds), *((deload,) if deload else ())),
        deload=deload is not None,
        seconds=sum(item.seconds for item in items),
        next_driver=_next_driver(so_far),
    )


def _let_one_go_up(so_far: _SoFar, slots: Sequence[Slot], *, missed: int, deload: bool) -> None:
    """Let the one slot go up that has waited longest (6 Progress: one variable at a time; one slot is a proposal).

    Whose turn it is hangs on nothing that pain changes, so that pain in one exercise never speeds up another.
    """
    held = {"deload": [s for s in slots if deload and is_lift(s.item)], "top": [s for s in slots if s.above() is None]}
    waiting = [s for s in slots if s.steady and not any(s in some for some in held.values())]
    turn = min(waiting, key=lambda slot: slot.since or date.max, default=None)
    light, fact = so_far.light
    for slot in slots:
        above = slot.above()
        if not (slot.steady and slot.green):
            continue
        if light != "green":
            slot.hold(OF_LIGHT[light], fact)
        elif missed >= ONE_SET_LESS:
            slot.hold("missed_days", f"{so_far.done[-1].on} missed={missed}")
        elif slot is turn and above is not None:
            slot.at = above
        else:
            slot.rule = "one_at_a_time" if slot in waiting else "top" if above is None else "deload"


def _lifts_due(done: set[date], plan: Plan, today: date) -> bool:
    near = any(abs((today - day).days) <= 1 for day in done)
    this_week = sum(today - timedelta(days=WEEK) < day <= today for day in done)
    return not near and this_week < min(plan.strength_days, LIFTS_A_WEEK)


def _deload(done: Sequence[SessionReport], today: date) -> Why | None:
    """Say whether lifts are halved: in the fifth week, or for a week after three hard sessions running."""
    if done and (today - done[0].on).days % DELOAD_EVERY >= DELOAD_FROM:
        return "next.deload.week"
    hard = [any(told.reserve in ("just", "no") for told in report.exercises) for report in done]
    for end in range(HARD_RUNNING, len(done) + 1):
        if all(hard[end - HARD_RUNNING : end]) and today - done[end - 1].on <= timedelta(days=WEEK):
            return "next.deload.effort"
    return None


def _prescribed(slot: Slot, rung: Rung, *, less: bool, half: bool) -> Prescribed:
    """Put a rung as the plan puts its exercises; the time goes with the dose."""
    dose, first = rung.dose, first_dose(rung.exercise.dose, slot.item.role)
    if slot.item.fixed:
        return slot.item
    if less:
        dose = with_sets(dose, dose.sets - 1)
    if half:
        dose = with_sets(dose, min(dose.sets, rung.dose.sets // 2))
    seconds = round(rung.exercise.seconds * dose.sets * dose.amount / (first.sets * first.amount))
    asked = {"exercise": rung.exercise.id, "variant": rung.variant, "step": rung.step}
    return slot.item.model_copy(update={**asked, "dose": dose, "seconds": seconds})


def _decision(slot: Slot, rung: Rung | None) -> Decision:
    """Say what becomes of a slot, against what was asked last."""
    last = slot.asked
    before = last.exercise if last is not None else None
    if rung is None:
        name = before or slot.item.exercise
        return Decision(exercise=name, before=before, kind="stop", rule="next.not_suitable", variable="exercise")
    now, then = slot.rungs.index(rung), slot.rung_of(last) if last is not None else None
    kind: Kind = "start" if last is None else "swap"
    if then is not None and not slot.swapped:
        kind = "hold" if now == then else "progress" if now > then else "regress"
    rule: Rule = slot.rule if rung.exercise.id == slot.rungs[slot.at].exercise.id else "not_suitable"
    if slot.item.fixed:
        rule = "coach_set"
    variable: Variable | None = None
    if last is not None and (rung.exercise.id, rung.variant, rung.step) != (last.exercise, last.variant, last.step):
        variable = "dose" if rung.variant == last.variant else "variant"
        variable = variable if rung.exercise.id == last.exercise else "exercise"
    return Decision(
        exercise=rung.exercise.id,
        before=before,
        kind=kind,
        rule=f"next.{rule}",
        variable=variable,
        because=slot.because,
    )


def _next_driver(so_far: _SoFar) -> Driver | None:
    """Name the next likely driver where three sessions running felt no better after than before (0 Sliders)."""
    both = [(r.before, r.after) for r in so_far.done if r.before is not None and r.after is not None]
    better = [_better(before, after) for before, after in both[-SAME_FOR:]]
    if len(better) < SAME_FOR or any(one is not False for one in better):
        return None
    prior, driver = so_far.prior, so_far.plan.driver
    return next(iter(prior[prior.index(driver) + 1 :] if driver in prior else prior), None)


def _better(before: Sliders, after: Sliders) -> bool | None:
    """Tell whether any slider is better; None where none was told twice. Worse is no better: a proposal."""
    gains = []
    for name, sign in (("stiffness", -1), ("tension", -1), ("ease", 1), ("options", 1)):
        was, now = getattr(before, name), getattr(after, name)
        if was is not None and now is not None:
            gains.append(sign * (now - was))
    return max(gains) > 0 if gains else None


# --- what the log comes to ---------------------------------------------------------------------------------------


class _SoFar:
    """The log, heard entry by entry in order of time."""

    def __init__(self, screen: Screen, plan: Plan, facts: Facts) -> None:
        self.screen, self.plan, self.facts = screen, plan, facts
        self.prior = screen.file.prior.get(plan.context or "", ())
        self.every = max(1, WEEK // max(1, plan.days_a_week))
        self.lifts: set[date] = set()
        self.begin()

    def begin(self) -> None:
        """Begin at the plan's start."""
        self.shelf = Shelf(self.screen, self.plan, self.facts)
        self.slots = self.shelf.slots
        self.done: list[SessionReport] = []
        self.light: tuple[Light, str] = ("unknown", "")
        self.red: tuple[date, Why] | None = None
        self.sore_since: date | None = None
        self.flare_until: date | None = None
        self.careful = False
        """The next session is the first after red pain, without lifts. A proposal."""

    def hear(self, entry: Entry) -> None:
        """Take in one entry."""
        match entry:
            case SessionReport():
                self._hear_session(entry)
            case FlareUp(by="coach"):
                self._all_back("coach", f"{entry.on} coach")
            case FlareUp():
                # That day and the next openers alone, then a step back. A proposal.
                if self.flare_until is None or entry.on > self.flare_until:
                    self._all_back("flare_up", f"{entry.on} flare_up")
                self.flare_until = entry.on + timedelta(days=1)
            case Cleared():
                self._hear_cleared(entry)

    def _hear_cleared(self, entry: Cleared) -> None:
        red = self.red
        if entry.tested:
            self.begin()
        if red is not None and entry.on < red[0]:
            self.red = red
        elif red is not None:
            self.red, self.careful = None, True
            self._all_back("cleared", f"{entry.on} cleared")  # a proposal

    def _hear_session(self, report: SessionReport) -> None:
        sore = report.where == "muscle" and report.like == "sore" and (report.pain or 0) >= AMBER
        self.sore_since = (self.sore_since or report.on) if sore else None
        long_sore = self.sore_since is not None and report.on - self.sore_since > SORE_FOR
        light, red, fact = _light(report, long_sore=long_sore)
        if red is not None:
            # The morning after is a day later: passing the questions before it says nothing of it.
            on = report.on + timedelta(days=red == "next.red.morning")
            self.red = max(self.red or (on, red), (on, red), key=lambda known: known[0])
        if report.completed == "no":
            if light in ("sore", "amber", "red"):
                self.light = (light, fact)
                for slot in self.slots:
                    slot.hurt(light, fact)
            return
        self.miss(report.on)
        flare = self.flare_until is not None and report.on <= self.flare_until
        for slot in self.slots:
            slot.hear(report, light, fact, flare=flare)
        self.light, self.careful = (light, fact), False
        self.done.append(report)
        if any(self._lifts(name, report) for name in _names_done(report)):
            self.lifts.add(report.on)

    def _lifts(self, name: str, report: SessionReport) -> bool:
        known = self.shelf.library.get(name)
        strong = known is not None and known.dose.code == "S"
        return strong or any(item.exercise == name and is_lift(item) for item in report.prescribed)

    def _all_back(self, rule: Rule, fact: str) -> None:
        for slot in self.slots:
            slot.back(rule, fact)

    def days_late(self, on: date) -> int:
        """Count the days since a session was due and none was done."""
        return (on - self.done[-1].on).days - self.every if self.done else 0

    def miss(self, on: date) -> int:
        """Count the sessions missed before *on*, and step back for them (6 Missed days)."""
        missed = max(0, (on - self.done[-1].on).days // self.every - 1) if self.done else 0
        for _ in range((missed >= ONE_STEP) + (missed >= TWO_STEPS)):
            self._all_back("missed_days", f"{self.done[-1].on} missed={missed}")
        return missed


def _light(report: SessionReport, *, long_sore: bool) -> tuple[Light, Why | None, str]:
    """Give the pain light of a session, what makes it red, and the fact behind it (6 Pain light; 0 Red pain)."""
    sore = report.where == "muscle" and report.like == "sore"
    pain = report.pain or 0
    of_pain, of_morning = f"{report.on} pain={report.pain}", f"{report.on} morning={report.morning}"
    if report.like == "sharp":
        return "red", "next.red.sharp", f"{report.on} like=sharp"
    if report.limp and not sore:
        return "red", "next.red.limp", f"{report.on} limp=yes"
    if report.morning == "clearly_worse" and report.where != "muscle":
        return "red", "next.red.morning", of_morning
    if pain >= (RED_SORE if sore and not long_sore else RED):
        return "red", "next.red.pain", of_pain
    if pain >= AMBER or report.morning in ("bit_worse", "clearly_worse"):
        eased = sore and report.limp is False and not long_sore
        return "sore" if eased else "amber", None, of_pain if pain >= AMBER else of_morning
    if report.limp:  # sore muscles, as asked first (0 Red pain)
        return "sore", None, f"{report.on} limp=yes"
    return ("unknown" if report.pain is None else "green"), None, of_pain


def _names_done(report: SessionReport) -> Iterator[str]:
    """Give the exercises that were done as far as told: of a session done in part without more words, all."""
    told = {one.exercise: one.sets_done for one in report.exercises}
    yield from (name for name, sets in told.items() if sets != 0)
    if report.completed == "yes" or not told:
        yield from (item.exercise for item in report.prescribed if item.exercise not in told)
