"""Of a screen's page: how a session is chosen, the ladders, what is left out, and the exercises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pydantic import ValidationError

from rules.anchored import anchored
from rules.check import file_of
from rules.cited import Citations
from rules.criteria import paths_of
from rules.plain import Plain
from rules.progression import DAYS_A_WEEK, FIRST_SETS, OFFERED_DAYS, POSTURES_BARRED, STRENGTH_DAYS
from rules.screen import Exercise, LeaveOut, Screen

CANNOT = "reports.cannot"
HOW_CHOSEN = f"""\
## How a session is chosen

There is a plan unless a lock or a pause stands, nothing is limited (and all is known), or no exercise suits.

1. The **ladder** is that of the context and driver that lead. It is the mixed one where nothing leads, the driver is
   not known (or *unclear*), confidence is low, or the same driver limits another context of that side, too.
2. The **opener** is the first that suits of these lists; where all of a list are passed over, the next list is tried:
   1. {{position}}
   2. where a change of position helped in a test of what leads: the drills of that test;
   3. else the ladder's own openers.
3. The **builder** is the first of the ladder's builders that suits; no exercise comes twice.
4. The **lift** is the first of the ladder's lifts that suits. There is none while it isn't known what is limited, nor
   in a gentle plan, after a client without a coach was examined and came back.
5. Where the other side is limited and a priority in a way that belongs to another ladder, with more than low
   confidence, that ladder's first fitting opener is added for that side.
6. Each list is tried from the left. An exercise is **passed over** where one of its “Not” conditions is true, on the
   side that leads or seen from neither; in pregnancy and after birth where it isn't for that; where the posture is too
   hard now; and where its things weren't said to be there. Where the client said in which phase it goes wrong, the
   first builder or lift of the list that trains this phase comes before the others.
7. Opener and builder are for {DAYS_A_WEEK} days a week, the lift for {STRENGTH_DAYS}. Where the limitation is no
   priority, exercises are offered for {OFFERED_DAYS} days a week.
8. The **first dose** is that of the exercise, but lifts and strength doses (S) begin with at most {FIRST_SETS} sets.
"""


class PlanPart:
    """Ladders and exercises of one page."""

    def __init__(self, screen: Screen, texts: Mapping[str, str], plain: Plain, cited: Citations) -> None:
        self.screen, self.plain, self.cited = screen, plain, cited
        self.outs = self._outs(texts)

    def lines(self) -> Iterator[str]:
        """Give the part, line by line."""
        yield from self._chosen()
        yield from self._ladders()
        yield from self._too_hard()
        yield from self._not()
        yield from self._exercises()

    # --- how a session is chosen ---

    def _chosen(self) -> Iterator[str]:
        found = self.plain.word("position.found")
        driver = self.screen.file.position_driver
        but = f", unless what leads is driven by *{driver}* (its ladder is about position anyway)" if driver else ""
        position = (
            f"while “{found}”{but}: the position drills;" if self._has_position() else "(no position drills here);"
        )
        yield HOW_CHOSEN.replace("{position}", position)
        openers = self.screen.exercises
        if self._has_position():
            yield f"- Position drills: {self._names(openers.position_opener)}"
        for test_id, names in openers.cue_opener.items():
            yield f"- Drills where a change helped in {self.plain.test(test_id)}: {self._names(names)}"
        yield ""

    def _has_position(self) -> bool:
        return self.screen.findings.position_first is not None

    def _names(self, ids: Sequence[str]) -> str:
        return "; ".join(self.plain.exercise(name) for name in ids)

    def _ladders(self) -> Iterator[str]:
        yield from ("## Ladders: where a plan begins", "", "Each list in order: the first that suits is taken.", "")
        for ladder in self.screen.exercises.ladders:
            for_what = (
                f"{ladder.context}, {' or '.join(ladder.drivers)}" if ladder.context else "mixed: little is known"
            )
            yield f"### {ladder.id}: {for_what}"
            yield f"- {self.plain.word(f'ladder.{ladder.id}', '')} Source: {self.cited.cite(ladder.source)}"
            for role, names in ladder.first.items():
                yield f"- {role}: {self._names(names)}"
            on_it = [e for e in self.screen.exercises.exercises if e.ladder == ladder.id]
            rungs = ", ".join(f"{e.rung} `{e.id}`" for e in sorted(on_it, key=lambda e: (e.rung, e.id)))
            yield f"- Rungs, easiest first: {rungs or 'none of its own'}"
            yield ""

    # --- what is left out ---

    def _outs(self, texts: Mapping[str, str]) -> Mapping[LeaveOut, str]:
        """Name each different reason to leave an exercise out, as its author did; else by its reason."""
        given: dict[LeaveOut, str] = {}
        file = file_of(self.screen, "exercises")
        for name, value in anchored(texts.get(file, ""), name=file).items():
            try:
                given[LeaveOut.model_validate(value)] = name
            except ValidationError:
                continue  # an anchor of something else
        found: dict[LeaveOut, str] = {}
        for exercise in self.screen.exercises.exercises:
            for out in exercise.not_when:
                if out not in found:
                    name = wanted = given.get(out, out.reason)
                    number = 2
                    while name in found.values():
                        name, number = f"{wanted}_{number}", number + 1
                    found[out] = name
        return found

    def _too_hard(self) -> Iterator[str]:
        """Say what each answer to "Too hard now" rules out."""
        row = next((row for q in self.screen.questions for row in q.rows if row.path == CANNOT), None)
        if row is None:
            return
        yield from ("## What is too hard now", "")
        yield f"What the client ticked under {self.plain.fact(CANNOT)} rules these out, whatever a ladder lists:"
        yield ""
        everything = self.screen.exercises.exercises
        for option in row.options:
            barred = POSTURES_BARRED.get(option.id, ())
            postures = ", ".join(posture.replace("_", " ") for posture in barred)
            told = [f"all {postures} exercises: {self._ids([e for e in everything if e.posture in barred])}"] * bool(
                barred
            )
            for out, name in self.outs.items():
                if CANNOT in paths_of(out.when) and option.id in out.when.model_dump_json():
                    told.append(f"by *{name}*: {self._ids([e for e in everything if out in e.not_when])}")
            left = [
                self.plain.test(test.id) + (f" (instead: {self.plain.test(out.instead)})" if out.instead else "")
                for test in self.screen.tests.values()
                for out in test.leave_out
                if CANNOT in paths_of(out.when) and option.id in out.when.model_dump_json()
            ]
            yield f"- {self.plain.coded(CANNOT, option.id)}: {'; '.join(told) or 'no exercise'}"
            yield f"  - Of the tests: {', '.join(left) or 'none'}; the others are asked, and can be skipped one by one"
        yield ""

    def _ids(self, exercises: Sequence[Exercise]) -> str:
        return ", ".join(f"`{exercise.id}`" for exercise in exercises) or "none"

    def _not(self) -> Iterator[str]:
        if not self.outs:
            return
        yield from ("## What leaves an exercise out", "", "Each by the name that stands behind “Not” below.", "")
        yield from ("| name | why | when | source |", "|---|---|---|---|")
        for out, name in self.outs.items():
            why = self.plain.word(f"leave_out.{out.reason}", out.reason)
            yield f"| **{name}** | {why} | {self.plain.criterion(out.when)} | {self.cited.cite(out.source)} |"
        yield ""

    # --- exercises ---

    def _exercises(self) -> Iterator[str]:
        yield from ("## Exercises", "")
        everything = self.screen.exercises.exercises
        for ladder in dict.fromkeys(exercise.ladder for exercise in everything):
            yield f"### On {ladder}"
            on_it = (exercise for exercise in everything if exercise.ladder == ladder)
            for exercise in sorted(on_it, key=lambda one: one.rung):
                yield from self._one_exercise(exercise)
            yield ""

    def _one_exercise(self, exercise: Exercise) -> Iterator[str]:
        dose = exercise.dose
        each = " a side" if dose.per_side else ""
        yield f"- **{self.plain.exercise(exercise.id)}**: {self.plain.flat(f'exercise.{exercise.id}.setup')}"
        links = (("easier", exercise.easier), ("harder", exercise.harder), ("pair", exercise.pair))
        phases = ", ".join(self.plain.flat(f"option.phase.{phase}", phase).lower() for phase in exercise.phases)
        needs = ", ".join(self.plain.word(f"equipment.{thing}", thing) for thing in exercise.equipment)
        told = [
            f"Rung {exercise.rung}",
            exercise.role,
            f"{dose.code}: {dose.sets} x {dose.amount} {dose.unit}{each}",
            exercise.posture.replace("_", " "),
            f"target leg {exercise.target_leg.replace('_', ' ')}",
            f"pelvis turns {exercise.pelvis_turns}",
            *([f"phase {phases}"] if phases else []),
            *([f"needs {needs}"] if needs else []),
            *(f"{name} `{other}`" for name, other in links if other),
        ]
        yield f"  - {'; '.join(told)}"
        outs = ", ".join(self.outs[out] for out in exercise.not_when) or "none"
        cleared = "yes" if exercise.pregnancy_ok else "no"
        yield f"  - Not: {outs}. In pregnancy, after clearance: {cleared}. Source: {self.cited.cite(exercise.source)}"
