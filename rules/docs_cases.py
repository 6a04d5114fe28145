"""Of a screen's page: a few written cases, really assessed, from facts to plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rules.assess import Assessment, Finding, Look, assess, looks
from rules.criteria import Reported, Truth
from rules.explain import LEADS, NO_PLAN, PRIORITY
from rules.facts import Facts
from rules.plain import Plain
from rules.progression import NoPlan, Plan, first_plan
from rules.screen import Screen, Test

WEIGHED: Mapping[Truth, str] = {True: "true", False: "false", None: "not known"}


class Examples:
    """The worked examples of one page."""

    def __init__(self, screen: Screen, cases: Mapping[str, Facts], plain: Plain) -> None:
        self.screen, self.cases, self.plain = screen, cases, plain

    def lines(self) -> Iterator[str]:
        """Give the part, line by line."""
        yield from ("## Worked examples", "")
        if not self.cases:
            yield from ("There is no written case; add one to cases.yaml.", "")
            return
        yield "Each was really assessed. Levels, limits and drivers are shown of one side and context."
        yield ""
        shown = (
            ("A change of position that helped: limited, though no limit rule is true", self._cued),
            ("A lock", self._locked),
            ("Not known", self._unsettled),
            ("A stand-in", self._stood_in),
        )
        for title, pick in shown:
            held = pick()
            if held is not None:
                yield from self._example(title, *held)

    def _assessed(self) -> Iterator[tuple[str, Facts, Assessment]]:
        for name, facts in self.cases.items():
            yield f"the case “{name}”", facts, assess(self.screen, facts)

    def _cued(self) -> tuple[str, Facts, Finding | None] | None:
        for name, facts, said in self._assessed():
            all_looks = looks(self.screen, facts)
            for finding in said.findings:
                if finding.cue and finding.limited == "yes" and all_looks[finding.side, finding.context].range == "no":
                    return name, facts, finding
        return None

    def _locked(self) -> tuple[str, Facts, Finding | None] | None:
        """Take a case with a lock; where none is written, the first case with one more answer."""
        for name, facts, said in self._assessed():
            if any(flag.action == "lock" for flag in said.flags):
                return name, facts, None
        name, facts = next(iter(self.cases.items()))
        for flag in self.screen.safety.flags:
            if flag.action == "lock" and isinstance(flag.when, Reported):
                more = f"the case “{name}”, with `{flag.when.reported}: yes` besides"
                return more, facts.with_values({flag.when.reported: "yes"}), None
        return None

    def _unsettled(self) -> tuple[str, Facts, Finding | None] | None:
        for name, facts, said in self._assessed():
            if said.priority.kind == "unsettled" and isinstance(first_plan(self.screen, said, facts), Plan):
                return name, facts, next(f for f in said.findings if f.limited == "unknown")
        return None

    def _stood_in(self) -> tuple[str, Facts, Finding | None] | None:
        for name, facts, said in self._assessed():
            for finding in said.findings:
                sight = looks(self.screen, facts)[finding.side, finding.context].sight
                tried = ((test.id, sight.tried(test.id)) for test in self.screen.tests_of[finding.context])
                if finding.limited == "yes" and any(held and held.test != test for test, held in tried):
                    return name, facts, finding
        return None

    def _example(self, title: str, name: str, facts: Facts, finding: Finding | None) -> Iterator[str]:
        said = assess(self.screen, facts)
        yield from (f"### {title}", "")
        told = ", ".join(f"{key} {_said(value)}" for key, value in (*facts.profile.items(), *facts.reports.items()))
        yield f"- Of {name}. Told: {told or 'nothing'}. Tried: {self._tried(facts) or 'nothing'}."
        if finding is not None:
            yield from self._found(facts, finding)
        raised = (f"`{f.id}` ({f.urgency}, {f.action}) by {', '.join(f.because)}" for f in said.flags)
        yield f"- Flags: {'; '.join(raised) or 'none'}."
        yield from self._planned(facts, said)
        yield ""

    def _found(self, facts: Facts, finding: Finding) -> Iterator[str]:
        look = looks(self.screen, facts)[finding.side, finding.context]
        counted = (self._level(test, look) for test in self.screen.tests_of[finding.context])
        yield f"- {finding.side.capitalize()}, {finding.context}: the levels that count are {'; '.join(counted)}."
        yield f"- Limit rules: {'; '.join(f'`{rule.id}` {WEIGHED[truth]}' for rule, truth in look.limits)}."
        weighed = [(rule, truth) for rule, truth in look.drivers]
        first = next((number for number, (_, truth) in enumerate(weighed) if truth), len(weighed))
        passed = [f"`{rule.id}` {WEIGHED[truth]}" for rule, truth in weighed[:first]]
        for rule, _ in weighed[first : first + 1]:
            because = (
                f"{path} {self.plain.value(path, look.seen.value(path))}" for path in look.weigh(rule.when).because
            )
            passed.append(f"`{rule.id}` **true**, by {'; '.join(because)}")
        yield f"- Driver rules, from the top: {'; '.join(passed)}."
        if finding.limited == "yes":
            why = "a limit rule is true" if look.range == "yes" else "that driver rule is true, though no limit rule is"
            yield f"- So: limited, because {why}; driver {finding.driver}, {self._sure(finding, look)}."
        else:
            missing = ", ".join(self.plain.fact(path) for path in finding.missing)
            yield f"- So: not known, and no driver is named. What would settle it: {missing}."

    def _level(self, test: Test, look: Look) -> str:
        """Say the level that counts, and where it is from if another test stood in."""
        told = f"{test.id} {self.plain.value(f'{test.id}.level', look.seen.value(f'{test.id}.level'))}"
        tried = look.sight.tried(test.id)
        if tried is None or tried.test == test.id:
            return told
        reasons = (self.plain.word(f"leave_out.{out.reason}") for out in test.leave_out if look.truth(out.when))
        return f"{told} (from {tried.test}, its stand-in: {next(reasons, 'left out')})"

    def _sure(self, finding: Finding, look: Look) -> str:
        """Say the confidence and what decided it."""
        rules = {rule.id for rule in self.screen.findings.confidence}
        by = [f"`{reason.rule}`" for reason in finding.reasons if reason.rule in rules]
        if look.driver is not None and look.driver.at_most != "high":
            by.append(f"the cap of that driver rule ({look.driver.at_most})")
        return f"confidence {finding.confidence}, by {' and '.join(by) or 'nothing that raises or caps it'}"

    def _tried(self, facts: Facts) -> str:
        """List the tries, test by test, by their codes."""
        of_test: dict[str, list[str]] = {}
        for one in facts.attempts:
            run = "" if (one.day, one.try_) == (1, "A1") else f" day {one.day} {one.try_}"
            more = [] if one.sensation is None else [one.sensation]
            more += list(one.compensations or ()) + ([] if one.degrees is None else [f"{one.degrees}°"])
            more += [] if one.pain is None else [f"pain {one.pain}"]
            of_test.setdefault(one.test, []).append(
                " ".join(
                    word for word in (one.side + run, one.level or "", f"({', '.join(more)})" if more else "") if word
                )
            )
        return "; ".join(f"{test} {', '.join(tries)}" for test, tries in of_test.items())

    def _planned(self, facts: Facts, said: Assessment) -> Iterator[str]:
        priority = said.priority
        leads = f"; {priority.side or 'both sides alike'}, {priority.context}, leads" if priority.context else ""
        rule = f" ({LEADS[priority.rule]})" if priority.rule in LEADS else ""
        plan = first_plan(self.screen, said, facts)
        if isinstance(plan, NoPlan):
            yield f"- Plan: none; {NO_PLAN[plan.reason]} ({', '.join(plan.flags) or 'no flag'})."
            if plan.reason == "locked":
                yield "- Tests done before are still read, but under a lock no finding is told and no exercise given."
            return
        yield f"- Priority: {PRIORITY[priority.kind]}{leads}{rule}."
        daily = ", ".join(f"{p.role} {self.plain.exercise(p.exercise)} ({self._why(p.why)})" for p in plan.daily)
        lift = "; ".join(f"{p.role} {self.plain.exercise(p.exercise)}, {p.dose.sets} sets" for p in plan.strength)
        none = "no lift, as nothing is known to be limited" if priority.kind == "unsettled" else "no lift that suits"
        yield f"- Plan: ladder {plan.ladder}, {plan.days_a_week} days a week: {daily}; {lift or none}."

    def _why(self, words: Sequence[str]) -> str:
        told = {"position_first": "position first", "cue.worked": "where the change helped"}
        return ", ".join(told.get(word, f"from {word.replace('.', ' ')}") for word in words)


def _said(value: object) -> str:
    return " + ".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value)
