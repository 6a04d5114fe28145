"""One readable page for a screen, made from its content alone: what is asked, how it is read, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pydantic import TypeAdapter, ValidationError

from rules.anchored import anchored
from rules.check import contexts_of, file_of
from rules.cited import Citations
from rules.criteria import All, AnyOf, CountOf, Criterion, Either, Not, paths_of
from rules.docs_cases import Examples
from rules.docs_plan import PlanPart
from rules.docs_terms import FLAG_WORDS, HOW_TO_READ, Terms
from rules.evidence import evidence_of
from rules.facts import Facts
from rules.plain import Plain
from rules.screen import POSITION, FlagRule, LeaveOut, Question, Row, Screen, Test

LONG = 300
"""Conditions of more characters are broken into a list."""
FLAGS = "safety/red_flags.yaml"


def page(screen: Screen, texts: Mapping[str, str], cases: Mapping[str, Facts], language: str = "en") -> str:
    """Write the Markdown page of a screen; *texts* are the content folder's, *cases* its written cases."""
    return "\n".join(_Page(screen, texts, cases, language).lines()).rstrip() + "\n"


def _named(screen: Screen, texts: Mapping[str, str]) -> Mapping[Criterion, str]:
    """Give the compound conditions that flags share, with the names that authors gave them."""
    found: dict[Criterion, str] = {}
    for file in (FLAGS, file_of(screen, "flags")):
        for name, value in anchored(texts.get(file, ""), name=file).items():
            try:
                criterion: Criterion = TypeAdapter(Criterion).validate_python(value)
            except ValidationError:
                continue  # an anchor of something else
            if isinstance(criterion, All | AnyOf):
                found.setdefault(criterion, name.replace("_", " "))
    return found


class _Page:
    """One page while it is being written."""

    def __init__(self, screen: Screen, texts: Mapping[str, str], cases: Mapping[str, Facts], language: str) -> None:
        self.screen = screen
        self.named = _named(screen, texts)
        self.plain = Plain(screen, language, self.named)
        shared, own = evidence_of(screen, texts)
        self.cited = Citations(shared, own)
        self.plans = PlanPart(screen, texts, self.plain, self.cited)
        self.examples = Examples(screen, cases, self.plain)
        self.terms = Terms(screen, cases, self.plain)

    def lines(self) -> Iterator[str]:
        """Give the page, line by line."""
        yield f"# {self.plain.word('screen.name', self.screen.id)}: the rules of {self.screen.id} {self.screen.version}"
        yield ""
        yield f"Safety content {self.screen.safety.version}. Made by `coxa rules docs` from the content; edit that."
        yield from ("", HOW_TO_READ)
        yield from self.terms.lines()
        yield from self._questions()
        yield from self._flags()
        yield from self._tests()
        yield from self._second()
        yield from self._levels()
        yield from self._limits()
        yield from self._drivers()
        yield from self._confidence()
        yield from self._priority()
        yield from self._notes()
        yield from self.plans.lines()
        yield from self.examples.lines()
        yield from self.terms.facts_file()
        yield from (
            "## Evidence",
            "",
            "What each source says; the numbers in brackets are references of the README.",
            "",
        )
        yield from self.cited.table()

    # --- what is asked ---

    def _questions(self) -> Iterator[str]:
        yield from ("## What is asked before the tests", "")
        yield "With each fact: its code, what rules call it, and what it takes; an item of a checklist takes `yes`,"
        yield "`no` or `unsure`. Conditions in italics are spelled out under *Flags*."
        yield ""
        for question in self.screen.questions:
            if question.test is None and "." not in question.id:
                yield from self._question(question)
        yield ""

    def _question(self, question: Question) -> Iterator[str]:
        asked, when = f"- **{question.id}**: {self.plain.flat(f'{question.id}.ask')}", question.ask_when
        single = question.kind != "checklist" and len(question.rows) == 1
        if when is not None and len(self.plain.criterion(when)) <= LONG:
            asked, when = f"{asked} *Asked when {self.plain.criterion(when)}.*", None
        yield f"{asked} {self._row(question.rows[0], question)}" if single else asked
        if not single:
            for row in question.rows:
                yield f"  - {self._row(row, question)}"
        if when is not None:
            yield from (f"  {line}" for line in self._when("- Asked", when))

    def _row(self, row: Row, question: Question) -> str:
        name, called = row.path.rpartition(".")[2], f"`{row.path}` {self.plain.fact(row.path)}"
        if question.kind == "checklist":
            return f"{called}: {self.plain.flat(f'{question.id}.{name}_full', name)}"
        told = ", ".join(self.plain.coded(row.path, option.id) for option in row.options)
        several = "any of " if question.kind == "many" else ""
        return f"{called}: {several}{told}" if told else f"{called}: {question.lowest:g} to {question.highest:g}"

    # --- flags ---

    def _flags(self) -> Iterator[str]:
        yield from ("## Flags, the most urgent first", "", FLAG_WORDS)
        if self.named:
            yield from ("Conditions that several flags share, called by name below:", "")
            for criterion, name in self.named.items():
                apart = {other: called for other, called in self.named.items() if other != criterion}
                told = Plain(self.screen, self.plain.language, apart).criterion(criterion)
                yield f"- *{name}*: {told}."
            yield ""
        for urgency in ("emergency", "urgent", "clinician", "coach"):
            yield from (f"### {urgency.capitalize()}", "")
            for flag in self.screen.safety.flags:
                if flag.urgency == urgency:
                    yield from self._flag(flag)
            yield ""

    def _flag(self, flag: FlagRule) -> Iterator[str]:
        yield from self._when(f"- **`{flag.id}`** (row {flag.row}, {flag.action})", flag.when)
        advice = self.plain.flat(f"flag.{flag.id}.advice")
        for slot in ("joint", "worse", "unusable"):
            advice = advice.replace(f"{{{slot}}}", self.plain.word(f"screen.{slot}"))
        if flag.exercise_ok_when is not None:
            yield f"  - Exercise goes on when {self.plain.criterion(flag.exercise_ok_when)}."
        source = self.cited.cite(flag.source, shared=flag.id not in self.screen.own_flags)
        yield f"  - Reported: {self.plain.flat(f'flag.{flag.id}.told')}. Advice: “{advice}” Source: {source}"

    # --- tests ---

    def _tests(self) -> Iterator[str]:
        yield from ("## The tests", "")
        for posture in self.screen.postures:
            for test in self.screen.tests.values():
                if test.posture == posture.id:
                    yield from self._test(test)

    def _test(self, test: Test) -> Iterator[str]:
        yield f"### {self.plain.test(test.id)}"
        sides = "each side by itself" if test.sides == "each" else "both sides together"
        told = f"{test.context.capitalize()}, {test.role}; {sides}; what turns: {test.moves}; day {test.day}."
        told = f"{told} {self._source(test.source)}"
        yield from (told, "")
        yield "> " + self.plain.word(f"{test.id}.ask").replace("\n", "\n> ")
        for answer in test.answers:
            helped = self.plain.value(f"{test.id}.compensations", answer.compensations or ())
            more = f"; {helped}" if answer.compensations else ""
            yield f"- “{self.plain.word(f'{test.id}.{answer.id}', answer.id)}” → **{answer.level}**{more}"
        if test.degrees is not None:
            low, high = test.degrees.blocked_below, test.degrees.clear_from
            yield (
                f"- In degrees, where no level was given: men below {low.male:g} blocked, from {high.male:g} clear;"
                f" others below {low.other:g} blocked, from {high.other:g} clear; partial between."
                f" Source: {self.cited.cite(test.degrees.source)}"
            )
        if test.clean is not None:
            moved = self.plain.value(f"{test.id}.compensations", test.clean.compensations)
            source = self._source(test.clean.source)
            yield f"- A first try with {moved} gives no level; its repeat, kept still, counts. {source}"
        if test.ask_when is not None:
            yield f"- Done when {self.plain.criterion(test.ask_when)}."
        for out in test.leave_out:
            yield self._left_out(out)
        yield ""

    def _left_out(self, out: LeaveOut) -> str:
        instead = f", with {self.plain.test(out.instead)} in its place" if out.instead else ""
        why = self.plain.word(f"leave_out.{out.reason}", out.reason)
        return f"- Left out ({why}){instead} when {self.plain.criterion(out.when)}. {self._source(out.source)}"

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
            does = f"- {self.plain.test(look.test)}: {tries[look.tries]}"
            if look.tries == "cues":
                does += f" ({'; '.join(self.plain.cue(cue.id) for cue in self.screen.tests[look.test].cues)})"
            if look.when is not None:
                yield from self._when(does, look.when, self._source(look.source))
            else:
                yield f"{does}. {self._source(look.source)}"
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
        yield "- Of several tries without a change, the latest counts: the last day, then the second try of that day."
        yield ""

    # --- the rules ---

    def _limits(self) -> Iterator[str]:
        yield from ("## Is it limited?", "")
        yield "Limited when any of the rules that say so is true; not known when one may be, or one says unsettled."
        yield ""
        for context in contexts_of(self.screen):
            yield from (f"### {context.capitalize()}: limited", "")
            for rule in self.screen.findings.limits:
                if rule.context == context:
                    yield from self._rule(rule.id, f"says **{rule.then}**", rule.when, rule.source)
            yield ""

    def _drivers(self) -> Iterator[str]:
        yield from ("## What drives it?", "")
        yield "The first rule that is true wins. A driver rule that is true makes the side limited, too."
        yield ""
        for context in contexts_of(self.screen):
            yield from (f"### {context.capitalize()}: driver", "")
            for rule in self.screen.findings.drivers:
                if rule.context == context:
                    cap = "" if rule.at_most == "high" else f", confidence at most {rule.at_most}"
                    yield from self._rule(rule.id, f"says **{rule.driver}**{cap}", rule.when, rule.source)
                    yield from self._position_too(rule.when)
            yield ""

    def _confidence(self) -> Iterator[str]:
        yield from ("## How sure is it?", "")
        yield "It starts at medium; without a true driver rule it is low. What isn't known neither raises nor caps."
        yield ""
        for rule in self.screen.findings.confidence:
            does = "raises it to **high**" if rule.grade else f"caps it at **{rule.at_most}**"
            where = f" (in {' and '.join(rule.contexts)})" if rule.contexts else ""
            yield from self._rule(rule.id, does + where, rule.when, rule.source)
        yield ""

    def _priority(self) -> Iterator[str]:
        yield from ("## What comes first?", "")
        drivers, contexts = self.screen.file.drivers, self.screen.file.contexts
        yield "Of what is limited and a priority, what leads is decided by, in this order: the context of the chosen"
        yield f"daily task; *{drivers[0]}* before other drivers; the order of contexts ({', '.join(contexts)}); what is"
        yield "more limited, by the levels of its primary and loaded tests added up (partial counts 1, blocked 2); the"
        yield f"order of drivers ({', '.join(drivers)}). Where the sides are alike, both are trained alike."
        yield ""
        for rule in self.screen.findings.priority:
            does = "**not a priority**" if rule.then == "not_a_priority" else "leads"
            yield from self._rule(rule.id, f"says {does}", rule.when, rule.source)
        yield from self._position()
        yield from ("", "What tasks, sports and work ask for:", "")
        demands: dict[tuple[str, str], list[str]] = {}
        for demand in self.screen.file.demands:
            demands.setdefault((" and ".join(demand.contexts), demand.source), []).append(f"`{demand.id}`")
        for (needed, source), names in demands.items():
            yield f"- {needed}: {', '.join(names)}. {self._source(source)}"
        yield ""

    def _position(self) -> Iterator[str]:
        """Say what puts position first, and which position tests that doesn't read."""
        opens = self.screen.findings.position_first
        if opens is None:
            return
        found = self.plain.word("position.found")
        yield f"- “**{found[:1].upper()}{found[1:]}**” (`derived.position_first`) when {self.plain.criterion(opens)}."
        read, not_read = self._position_tests(opens)
        yield f"  - It reads {_and(read)} of the position tests, and not {_and(not_read) or 'any other'}."
        yield "  - Then a position drill opens every session, as *How a session is chosen* says."

    def _position_too(self, when: Criterion) -> Iterator[str]:
        """Name the position tests that a rule reads and that “weight sits in the toes” doesn't."""
        opens = self.screen.findings.position_first
        if opens is not None:
            _, others = self._position_tests(opens)
            if also := [test for test in others if test in self._position_tests(when)[0]]:
                found = self.plain.word("position.found")
                yield f"  - This rule reads {_and(also)}, too; “{found}” (*What comes first?*) does not."

    def _position_tests(self, criterion: Criterion) -> tuple[Sequence[str], Sequence[str]]:
        """Split the position tests into those that a criterion reads and the others."""
        reads = {path.partition(".")[0] for path in paths_of(criterion)}
        tests = [test for test in self.screen.tests.values() if test.context == POSITION]
        read = [self.plain.test(test.id) for test in tests if test.id in reads]
        return read, [name for test in tests if (name := self.plain.test(test.id)) not in read]

    def _notes(self) -> Iterator[str]:
        yield from ("## Notes", "")
        for rule in self.screen.findings.notes:
            where = f" (in {' and '.join(rule.contexts)})" if rule.contexts else ""
            yield from self._rule(rule.id, f"is told{where}", rule.when, rule.source)
        yield ""

    def _rule(self, rule_id: str, does: str, when: Criterion, source: str) -> Iterator[str]:
        yield from self._when(f"- **`{rule_id}`** {does}", when)
        reason = self.plain.flat(f"reason.{rule_id}", "")
        told = f"Told as: “{reason}” " if reason and reason != f"reason.{rule_id}" else ""
        yield f"  - {told}{self._source(source)}"

    def _source(self, source: str) -> str:
        return f"Source: {self.cited.cite(source)}"

    # --- conditions ---

    def _when(self, lead: str, when: Criterion, more: str = "") -> Iterator[str]:
        """Say a condition behind what it leads to; a long one as a list. *more* follows."""
        told = self.plain.criterion(when)
        heading = self._heading(when)
        if len(told) <= LONG or heading is None:
            yield f"{lead} when {told}. {more}".rstrip()
            return
        yield f"{lead} when {heading[0]}:"
        yield from self._parts(heading[1], "  ")
        if more:
            yield f"  - {more}"

    def _parts(self, parts: Sequence[Criterion], indent: str) -> Iterator[str]:
        for part in parts:
            told, heading = self.plain.criterion(part), self._heading(part)
            if len(told) <= LONG or heading is None:
                yield f"{indent}- {told}"
                continue
            yield f"{indent}- {heading[0]}:"
            yield from self._parts(heading[1], indent + "  ")

    def _heading(self, criterion: Criterion) -> tuple[str, Sequence[Criterion]] | None:
        """Give what stands above the parts of a condition, and the parts; None where it has none."""
        match criterion:
            case All() if len(parts := self.plain.parts(criterion)) > 1:
                return "all of these hold", parts
            case AnyOf() if len(parts := self.plain.parts(criterion)) > 1:
                return "any of these holds", parts
            case CountOf(count=parts, at_least=least):
                return f"at least {least} of these hold", parts
            case Either(either=AnyOf() as inner):
                return "on either side, any of these holds", self.plain.parts(inner)
            case Not(not_=AnyOf() as inner):
                return "none of these holds", self.plain.parts(inner)
            case _:
                return None


def _and(names: Sequence[str]) -> str:
    return " and ".join(names)
