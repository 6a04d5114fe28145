"""One readable page for a screen, made from its content alone: what is asked, how it is read, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rules.check import contexts_of
from rules.evidence import Evidence, evidence_of
from rules.explain import explain
from rules.facts import Facts
from rules.plain import Plain
from rules.screen import Exercise, FlagRule, LeaveOut, Question, Screen, Test

HOW_TO_READ = """\
## How to read a result

1. A result has one **finding** for each side and each context (where the joint is). Each is limited, not limited or
   not known.
2. Each test gives a **level**: clear, partial or blocked. Pain that ended a test, a "not sure" or a feeling in the
   wrong place gives no level; *How a level is read* says when.
3. It is limited where a **limit rule** of the context is true, **or a driver rule** is. Find the rule that the result
   names among its reasons, and read its "when". Where none is true and a limit rule is not known, the finding isn't.
4. Something not known stays not known: a rule that hangs on it is neither true nor false, unless the rest decides.
   A driver rule that isn't known is passed over like a false one: it makes nothing limited and nothing unknown.
5. The **driver rules** say what most likely drives a limitation. They are read from the top; the first that is true
   wins, and those below it are not looked at.
6. **Confidence** belongs to limited findings alone. It starts at medium. Some rules raise it to high, some cap it; the
   lowest cap wins.
7. **Flags** are safety: what was reported, how urgent it is and what it stops. They come before any finding.
8. **Priority** says which side and context lead, and when a limitation needs no work.
9. The driver and context that lead choose the **ladder**; the one for no context is used where no driver is known,
   confidence is low, or one driver limits several contexts. Each list on it is tried from the left, and an exercise
   that this client may not do, or lacks the things for (what wasn't said to be there isn't), is passed over. A
   position drill that opens every session, or the drill for a cue that helped, replaces the ladder's own opener.
10. `coxa rules explain FILE` prints this way for one client; the worked example near the end shows it.

## Terms

- **primary** tests ask for the turning itself, **loaded** ones carry the body, **support** ones only back them up,
  **comparison** ones go into notes alone.
- **the turning itself is limited here**: a limit rule of this side and context is true.
- **helped** (a change of position): on this side, in a test of this context, it was a level better than both tries
  without. Changes are tried in order until one helps. **Fades**: without it again, the test was worse than with it. A
  breath can't be taken away again, so it is held against the tries before.
- **warmed up**: the second try without a change was better than the first.
- **not needed**: a test that doesn't apply, as an earlier answer settled it, its day hasn't come, or it is left out. It
  counts as neither limited nor unknown. **Not asked** and **no answer** count as unknown.
- **proposal**: the authors' own idea or a coach's judgement, which no source carries. `[8]` is a reference of the
  README, `[S]` the article that drives the screen.
- **P, I, C, S** are doses (breaths, seconds held, slow repeats, strength); **A1, A2** tries without a change,
  **B** with one, **A3** with it taken away.
"""


def page(screen: Screen, texts: Mapping[str, str], cases: Mapping[str, Facts], language: str = "en") -> str:
    """Write the Markdown page of a screen; *texts* are the content folder's, *cases* its written cases."""
    return "\n".join(_Page(screen, texts, cases, language).lines()).rstrip() + "\n"


class _Page:
    """One page while it is being written."""

    def __init__(self, screen: Screen, texts: Mapping[str, str], cases: Mapping[str, Facts], language: str) -> None:
        self.screen, self.cases, self.language = screen, cases, language
        self.plain = Plain(screen, language)
        self.shared, self.own = evidence_of(screen, texts)

    def lines(self) -> Iterator[str]:
        """Give the page, line by line."""
        yield f"# {self.plain.word('screen.name', self.screen.id)}: the rules of {self.screen.id} {self.screen.version}"
        yield ""
        yield f"Safety content {self.screen.safety.version}. Made by `coxa rules docs` from the content; edit that."
        yield ""
        yield HOW_TO_READ
        yield from self._contexts()
        yield from self._questions()
        yield from self._tests()
        yield from self._second()
        yield from self._levels()
        yield from self._limits()
        yield from self._drivers()
        yield from self._confidence()
        yield from self._priority()
        yield from self._notes()
        yield from self._ladders()
        yield from self._exercises()
        yield from self._flags()
        yield from self._example()

    def _contexts(self) -> Iterator[str]:
        yield from ("## Words", "")
        for context in contexts_of(self.screen):
            yield f"- **{context}**: {self.plain.word(f'context.{context}', context)}"
        drivers = dict.fromkeys([*(rule.driver for rule in self.screen.findings.drivers), "unclear"])
        for driver in drivers:
            yield f"- **{driver}** (driver): {self.plain.word(f'driver.{driver}', driver)}"
        yield ""

    # --- what is asked ---

    def _questions(self) -> Iterator[str]:
        yield from ("## What is asked before the tests", "")
        for question in self.screen.questions:
            if question.test is None and "." not in question.id:
                yield from self._question(question)
        yield ""

    def _question(self, question: Question) -> Iterator[str]:
        yield f"- **{question.id}**: {self._flat(f'{question.id}.ask')}"
        for row in question.rows:
            name = row.path.rpartition(".")[2]
            if question.kind == "checklist":
                full = self.plain.word(f"{question.id}.{name}_full", name)
                yield f"  - `{row.path}`: {' '.join(full.split())}"
                continue
            told = ", ".join(self.plain.value(row.path, option.id) for option in row.options)
            takes = told or f"a number from {question.lowest:g} to {question.highest:g}"
            yield f"  - `{row.path}`: {takes}"
        if question.ask_when is not None:
            yield f"  - Asked when {self.plain.criterion(question.ask_when)}."

    def _tests(self) -> Iterator[str]:
        yield from ("## The tests", "")
        for posture in self.screen.postures:
            for test in self.screen.tests.values():
                if test.posture == posture.id:
                    yield from self._test(test)

    def _test(self, test: Test) -> Iterator[str]:
        yield f"### {self.plain.test(test.id)}"
        yield ""
        sides = "each side by itself" if test.sides == "each" else "both sides together"
        yield f"{test.context.capitalize()}, {test.role}; {sides}; what turns: {test.moves}."
        yield ""
        yield "> " + self.plain.word(f"{test.id}.ask").replace("\n", "\n> ")
        yield ""
        for answer in test.answers:
            helped = self.plain.value(f"{test.id}.compensations", answer.compensations or ())
            more = f"; {helped}" if answer.compensations else ""
            yield f"- “{self.plain.word(f'{test.id}.{answer.id}', answer.id)}” → **{answer.level}**{more}"
        if test.degrees is not None:
            low, high = test.degrees.blocked_below, test.degrees.clear_from
            yield (
                f"- In degrees, where no level was given: men below {low.male:g} blocked, from {high.male:g} clear;"
                f" others below {low.other:g} blocked, from {high.other:g} clear; partial between."
            )
            yield from self._source(test.degrees.source, "  ")
        if test.ask_when is not None:
            yield f"- Done when {self.plain.criterion(test.ask_when)}."
        for out in test.leave_out:
            yield from self._left_out(out)
        yield from self._source(test.source)
        yield ""

    def _left_out(self, out: LeaveOut) -> Iterator[str]:
        instead = f", with {self.plain.test(out.instead)} in its place" if out.instead else ""
        why = self.plain.word(f"leave_out.{out.reason}", out.reason)
        yield f"- Left out ({why}){instead} when {self.plain.criterion(out.when)}."
        yield from self._source(out.source, "  ")

    def _second(self) -> Iterator[str]:
        if not self.screen.file.second:
            return
        tries = {
            "first": "done for the first time",
            "cold": "done once more, cold",
            "cues": "tried twice without, then with one change of position at a time, and without it again",
        }
        yield from ("## The second look, on another day", "")
        for look in self.screen.file.second:
            when = f" when {self.plain.criterion(look.when)}" if look.when is not None else ""
            yield f"- {self.plain.test(look.test)}: {tries[look.tries]}{when}."
            if look.tries == "cues":
                names = (self.plain.cue(cue.id) for cue in self.screen.tests[look.test].cues)
                yield f"  - In this order: {'; '.join(names)}"
            yield from self._source(look.source, "  ")
        yield ""

    def _levels(self) -> Iterator[str]:
        file = self.screen.file
        ends, wrong = (
            ", ".join(f"“{self.plain.word(f'option.sensation.{word}', word)}”" for word in words)
            for words in (file.ending_sensations, file.invalid_sensations)
        )
        yield from ("## How a level is read", "")
        yield f"- Pain of {file.ending_pain} or more, or a feeling of {ends}, ends a test: its level is not known."
        yield f"- A feeling of {wrong} says nothing of the joint: the level is not known."
        yield "- “It hurts” with milder pain: the level is how far it went before it hurt."
        yield "- “Not sure” and “can't do this one” give no level."
        yield "- Levels in order: clear, partial, blocked. “Partial or worse” is partial or blocked."
        yield "- A test that another stands in for is read from that one, under its own name."
        yield ""

    # --- the rules ---

    def _limits(self) -> Iterator[str]:
        yield from ("## Is it limited?", "")
        for context in contexts_of(self.screen):
            yield from (f"### {context.capitalize()}: limited", "")
            yield "Limited when any of the rules that say so is true; not known when one may be, or one says unsettled."
            yield ""
            for rule in self.screen.findings.limits:
                if rule.context == context:
                    when = self.plain.criterion(rule.when)
                    yield from self._rule(rule.id, f"says **{rule.then}**", when, rule.source)
            yield ""

    def _drivers(self) -> Iterator[str]:
        yield from ("## What drives it?", "")
        for context in contexts_of(self.screen):
            yield from (f"### {context.capitalize()}: driver", "")
            yield "The first rule that is true wins. A driver rule that is true makes the side limited, too."
            yield ""
            for rule in self.screen.findings.drivers:
                if rule.context == context:
                    cap = "" if rule.at_most == "high" else f", confidence at most {rule.at_most}"
                    when = self.plain.criterion(rule.when)
                    yield from self._rule(rule.id, f"says **{rule.driver}**{cap}", when, rule.source)
            yield ""

    def _confidence(self) -> Iterator[str]:
        yield from ("## How sure is it?", "", "It starts at medium; without a true driver rule it is low.", "")
        for rule in self.screen.findings.confidence:
            does = "raises it to **high**" if rule.grade else f"caps it at **{rule.at_most}**"
            where = f" (in {' and '.join(rule.contexts)})" if rule.contexts else ""
            yield from self._rule(rule.id, does + where, self.plain.criterion(rule.when), rule.source)
        yield ""

    def _priority(self) -> Iterator[str]:
        yield from ("## What comes first?", "")
        yield "Of what is limited and a priority, the context of the chosen daily task leads; then the screen's order"
        order = f"{', '.join(self.screen.file.drivers)}; {', '.join(self.screen.file.contexts)}"
        yield f"of drivers and contexts ({order}); then what is more limited, by the levels of its primary and loaded"
        yield "tests added up (partial counts 1, blocked 2). Where the sides are alike, both are trained alike."
        yield ""
        for rule in self.screen.findings.priority:
            does = "**not a priority**" if rule.then == "not_a_priority" else "leads"
            yield from self._rule(rule.id, f"says {does}", self.plain.criterion(rule.when), rule.source)
        opens = getattr(self.screen.findings, "position_first", None)
        if opens is not None:
            yield f"- A position drill opens every session when {self.plain.criterion(opens)}."
        yield from ("", "What tasks, sports and work ask for:", "")
        for demand in self.screen.file.demands:
            yield f"- {demand.id.replace('_', ' ')}: {', '.join(demand.contexts)} ({demand.source})"
        yield ""

    def _notes(self) -> Iterator[str]:
        yield from ("## Notes", "")
        for rule in self.screen.findings.notes:
            where = f" (in {' and '.join(rule.contexts)})" if rule.contexts else ""
            yield from self._rule(rule.id, f"is told{where}", self.plain.criterion(rule.when), rule.source)
        yield ""

    def _rule(self, rule_id: str, does: str, when: str, source: str) -> Iterator[str]:
        yield f"- **`{rule_id}`** {does} when {when}."
        reason = self.plain.word(f"reason.{rule_id}", "")
        if reason and reason != f"reason.{rule_id}":
            yield f"  - Told as: “{' '.join(reason.split())}”"
        yield from self._source(source, "  ")

    def _source(self, source: str, indent: str = "", evidence: Evidence | None = None) -> Iterator[str]:
        """Name a source, with the rows of evidence that it names."""
        yield f"{indent}- Source: {source}"
        looked_in = [evidence or self.own, self.own]
        quotes = next((found for one in looked_in if (found := one.quotes(source))), ())
        for quote in quotes:
            yield f"{indent}  - {quote}"

    # --- exercises ---

    def _ladders(self) -> Iterator[str]:
        yield from ("## Ladders: where a plan begins", "")
        opener = ", ".join(self._exercise(name) for name in self.screen.exercises.position_opener)
        for test_id, names in self.screen.exercises.cue_opener.items():
            told = ", ".join(self._exercise(name) for name in names)
            yield f"- Opens every session where a change of position helped in {self.plain.test(test_id)}: {told}"
        yield f"- Opens every session while {self.plain.word('position.found')}, the first that suits: {opener}"
        yield ""
        for ladder in self.screen.exercises.ladders:
            for_what = (
                f"{ladder.context}, {' or '.join(ladder.drivers)}" if ladder.context else "mixed: little is known"
            )
            yield from (f"### {ladder.id}: {for_what}", "", self.plain.word(f"ladder.{ladder.id}", ""), "")
            for role, names in ladder.first.items():
                yield f"- {role}, the first that suits: {', '.join(self._exercise(name) for name in names)}"
            on_it = [e for e in self.screen.exercises.exercises if e.ladder == ladder.id]
            rungs = ", ".join(f"{e.rung} {self._exercise(e.id)}" for e in sorted(on_it, key=lambda e: (e.rung, e.id)))
            yield f"- Rungs, easiest first: {rungs or 'none of its own'}"
            yield from self._source(ladder.source)
            yield ""

    def _exercise(self, exercise_id: str) -> str:
        return f"{self.plain.word(f'exercise.{exercise_id}.name', exercise_id)} (`{exercise_id}`)"

    def _exercises(self) -> Iterator[str]:
        yield from ("## Exercises", "")
        for exercise in self.screen.exercises.exercises:
            yield from self._one_exercise(exercise)

    def _one_exercise(self, exercise: Exercise) -> Iterator[str]:
        dose = exercise.dose
        each = " a side" if dose.per_side else ""
        yield f"### {self._exercise(exercise.id)}"
        yield ""
        yield self._flat(f"exercise.{exercise.id}.setup")
        yield ""
        yield (
            f"- Ladder {exercise.ladder}, rung {exercise.rung}, {exercise.role}; {dose.code}: {dose.sets} x"
            f" {dose.amount} {dose.unit}{each}; {exercise.posture.replace('_', ' ')};"
            f" target leg {exercise.target_leg.replace('_', ' ')}; pelvis turns {exercise.pelvis_turns}"
        )
        links = (("easier", exercise.easier), ("harder", exercise.harder), ("pair", exercise.pair))
        told = [f"{name}: {self._exercise(other)}" for name, other in links if other]
        if told:
            yield "- " + "; ".join(told)
        if exercise.equipment:
            yield "- Needs: " + ", ".join(self.plain.word(f"equipment.{thing}", thing) for thing in exercise.equipment)
        for out in exercise.not_when:
            why = self.plain.word(f"leave_out.{out.reason}", out.reason)
            yield f"- Not ({why}) when {self.plain.criterion(out.when)}. Source: {out.source}"
        yield f"- In pregnancy, after clearance: {'yes' if exercise.pregnancy_ok else 'no'}"
        yield from self._source(exercise.source)
        yield ""

    # --- flags ---

    def _flags(self) -> Iterator[str]:
        yield from ("## Flags, the most urgent first", "")
        yield "Of one row only the most urgent flag stands; of equally urgent ones the first in the file. “Not sure”"
        yield "counts as yes where a rule says “yes or not sure”."
        yield ""
        for urgency in ("emergency", "urgent", "clinician", "coach"):
            yield from (f"### {urgency.capitalize()}", "")
            for flag in self.screen.safety.flags:
                if flag.urgency == urgency:
                    yield from self._flag(flag)
            yield ""

    def _flag(self, flag: FlagRule) -> Iterator[str]:
        yield f"- **`{flag.id}`** (row {flag.row}, {flag.action}) when {self.plain.criterion(flag.when)}."
        yield f"  - What was reported: {self._flat(f'flag.{flag.id}.told')}"
        advice = self._flat(f"flag.{flag.id}.advice")
        for slot in ("joint", "worse", "unusable"):
            advice = advice.replace(f"{{{slot}}}", self.plain.word(f"screen.{slot}"))
        yield f"  - Advice: {advice}"
        if flag.exercise_ok_when is not None:
            yield f"  - Exercise goes on when {self.plain.criterion(flag.exercise_ok_when)}."
        yield from self._source(flag.source, "  ", None if flag.id in self.screen.own_flags else self.shared)

    def _example(self) -> Iterator[str]:
        """Show the trace of the first written case, from facts to plan."""
        yield from ("## A worked example", "")
        if not self.cases:
            yield "There is no written case; add one to cases.yaml."
            return
        name = next(iter(self.cases))
        yield f"The case “{name}” of cases.yaml. `true`, `false` and `unknown` say what each rule came to."
        yield from ("", "```", explain(self.screen, self.cases[name], self.language).rstrip(), "```", "")
        yield "Read it so: the first section gives the levels; *Is it limited?* applies the limit rules above; *What"
        yield "drives it?* stops at the first true rule; *How sure is it?* applies the confidence rules; the plan names"
        yield "the ladder of what leads."

    def _flat(self, key: str) -> str:
        return " ".join(self.plain.word(key).split())
