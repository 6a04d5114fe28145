"""facts -> how the result came about, as text: what was seen, which rules held and which did not, and why."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence

from rules.assess import Finding, Look, assess, looks
from rules.criteria import SIDES, All, Criterion, Truth, Verdict
from rules.facts import Attempt, Facts
from rules.plain import Plain
from rules.progression import NoPlan, Plan, Prescribed, first_plan
from rules.screen import Screen, Test
from rules.sight import Sight

WIDTH = 100
TOLD: Mapping[Truth, str] = {True: "true", False: "false", None: "unknown"}
WHY: Mapping[str, str] = {
    "lift": "strength, on strength days",
}
PRIORITY: Mapping[str, str] = {
    "act": "there is something to work on",
    "not_a_priority": "limited, but nothing is missing: exercises are offered, no more",
    "nothing_limited": "nothing is limited",
    "unsettled": "too little is known to say what leads",
}
LEADS: Mapping[str, str] = {
    "priority.task": "the chosen daily task needs this context",
    "priority.order": "no task decides; the screen's order of drivers and contexts does, then how limited it is",
    "priority.not_missing": "no pain, both sides alike, and nothing that the client does needs it",
}
NO_PLAN: Mapping[str, str] = {
    "locked": "a flag stops exercise",
    "paused": "a flag pauses exercise until it is cleared",
    "open": "something has to be settled first",
    "nothing_limited": "nothing is limited, so there is nothing to train",
    "nothing_suits": "no exercise of the lists suits this client",
}


def explain(screen: Screen, facts: Facts, language: str = "en") -> str:
    """Say how the result of *facts* came about, in lines of at most 100 columns."""
    return "\n".join(_Trace(screen, facts, language).lines()) + "\n"


class _Trace:
    """One assessment while it is being retraced."""

    def __init__(self, screen: Screen, facts: Facts, language: str) -> None:
        self.screen, self.facts, self.plain = screen, facts, Plain(screen, language)
        self.said = assess(screen, facts)
        self.looks = looks(screen, facts)

    def lines(self) -> Iterator[str]:
        """Give the trace, line by line."""
        yield f"screen {self.screen.id}, version {self.said.version}"
        yield from self._position()
        for finding in self.said.findings:
            yield from self._finding(finding, self.looks[finding.side, finding.context])
        yield from self._flags()
        yield from self._priority()
        yield from self._plan()

    def _position(self) -> Iterator[str]:
        sight = Sight(self.screen, self.facts)
        tests = [test for test in self.screen.tests.values() if test.context == "position"]
        if tests:
            found = self.plain.word("position.found") if self.said.position_first else "nothing stands out"
            yield from ("", f"POSITION: {found}")
            for test in tests:
                yield from _wrapped(self._seen(test, sight), 2)

    # --- one side in one context ---

    def _finding(self, finding: Finding, look: Look) -> Iterator[str]:
        where = self.plain.word(f"context.{finding.context}", finding.context)
        yield ""
        yield from _wrapped(f"{finding.side.upper()}, {finding.context} ({where}): {self._concluded(finding)}", 0)
        yield "  What was seen (the level that counts)"
        for test in self.screen.tests.values():
            if test.context == finding.context:
                yield from _wrapped(self._seen(test, look.sight), 4)
        yield "  Is it limited?"
        for rule, _ in look.limits:
            yield from self._weighed(f"{rule.id} -> {rule.then}", look.weigh(rule.when), look)
        yield "  What drives it? The first rule that is true"
        yield from self._drivers(look)
        if finding.limited == "yes":
            yield "  How sure is it? It starts at medium"
            yield from self._confidence(finding, look)
        for note in finding.notes:
            yield from _wrapped(f"note {note}: {self.plain.word(f'reason.{note}')}", 2)
        if finding.not_a_priority:
            yield "  Not a priority: " + LEADS["priority.not_missing"]
        if finding.phase:
            yield f"  It goes wrong at: {self.plain.word(f'option.phase.{finding.phase}', finding.phase)}"
        if finding.cue is not None:
            where = self.plain.test(finding.cue_test or "")
            yield f"  What helped on day 2: {self.plain.cue(finding.cue)}, in {where}"
        yield from self._near(finding, look)
        if finding.missing:
            yield from _wrapped("What would settle it: " + ", ".join(self._named(finding.missing)), 2)

    def _concluded(self, finding: Finding) -> str:
        match finding.limited:
            case "yes":
                return f"limited, driver {finding.driver}, confidence {finding.confidence}"
            case "no":
                return "not limited"
            case _:
                return "not known"

    def _seen(self, test: Test, sight: Sight) -> str:
        attempt = sight.tried(test.id)
        if attempt is None:
            held = sight.value(f"{test.id}.level")
            return f"{self.plain.test(test.id)}: {'not needed' if held == 'not_needed' else 'no answer'}"
        counts = sight.level(attempt)
        told = f"{self.plain.test(test.id)}: {self.plain.value(f'{test.id}.level', counts)}"
        more = list(self._more(attempt, counts))
        if attempt.test != test.id:
            more.insert(0, f"from {self.plain.test(attempt.test)} in its place")
        return told + (f" ({'; '.join(more)})" if more else "")

    def _more(self, attempt: Attempt, counts: str | None) -> Iterator[str]:
        if attempt.level is not None and attempt.level != counts:
            yield f"tapped: {attempt.level}"
        if attempt.level is None and attempt.degrees is not None:
            yield "from degrees"
        for name in ("sensation", "pain", "reached", "phase", "degrees"):
            value = getattr(attempt, name)
            if value is not None:
                yield f"{name} {self.plain.value(f'{attempt.test}.{name}', value)}"
        if attempt.compensations:
            yield "what else moved: " + self.plain.value(f"{attempt.test}.compensations", attempt.compensations)

    def _weighed(self, name: str, verdict: Verdict, look: Look) -> Iterator[str]:
        yield from _wrapped(f"{TOLD[verdict.truth]:8}{name}", 4, 12)
        behind = "; ".join(self._behind(verdict.because, look))
        if behind:
            yield from _wrapped(f"by {behind}" if verdict.truth is not None else f"hangs on {behind}", 12)

    def _behind(self, paths: Sequence[str], look: Look) -> Iterator[str]:
        seen = look.seen
        for path in paths:
            value = seen.value(path)
            yield f"{path} {self.plain.value(path, value)}"

    def _drivers(self, look: Look) -> Iterator[str]:
        for number, (rule, truth) in enumerate(look.drivers):
            yield from self._weighed(f"{rule.id} -> {rule.driver}", look.weigh(rule.when), look)
            if truth:
                later = len(look.drivers) - number - 1
                if later:
                    yield f"    {later} later rule{'' if later == 1 else 's'} not looked at"
                return
        if look.limited == "yes":
            yield "    none is true: the driver stays unclear"

    def _confidence(self, finding: Finding, look: Look) -> Iterator[str]:
        for rule in self.screen.findings.confidence:
            if not look.here(rule):
                continue
            does = "raises it to high" if rule.grade else f"caps it at {rule.at_most}"
            yield from self._weighed(f"{rule.id}: {does}", look.weigh(rule.when), look)
        if look.driver is None:
            yield "    no driver rule is true: capped at low"
        elif look.driver.at_most != "high":
            yield f"    the driver rule {look.driver.id} caps it at {look.driver.at_most}"
        yield f"    so: {finding.confidence}"

    def _near(self, finding: Finding, look: Look) -> Iterator[str]:
        """Say what kept a rule from holding, where it was a single condition."""
        rules = {rule.id: rule.when for rule in self.screen.findings.limits}
        rules |= {rule.id: rule.when for rule in self.screen.findings.drivers}
        if finding.near_misses:
            yield "  Near misses"
        for miss in finding.near_misses:
            open_part = self._open_part(rules[miss.rule], look)
            told = f"{miss.rule} would have said {miss.would}, if {open_part or ', '.join(miss.facts)}"
            now = "; ".join(self._behind(miss.facts, look))
            yield from _wrapped(f"{told} (now: {now})", 4, 6)

    def _open_part(self, criterion: Criterion, look: Look) -> str | None:
        if not isinstance(criterion, All):
            return None
        return next((self.plain.criterion(part) for part in criterion.all_ if not look.truth(part)), None)

    def _named(self, paths: Sequence[str]) -> Iterator[str]:
        for path in paths:
            yield self.plain.fact(path)

    # --- all of it ---

    def _flags(self) -> Iterator[str]:
        yield from ("", "FLAGS" if self.said.flags else "FLAGS: none")
        for flag in self.said.flags:
            yield from _wrapped(f"{flag.id}: {flag.urgency}, {flag.action}; row {flag.row}; {flag.source}", 2, 6)
            told = (f"{path} {self.plain.value(path, self._at(path))}" for path in flag.because)
            yield from _wrapped("by " + "; ".join(told), 6)

    def _at(self, path: str) -> object:
        """Give a fact seen from neither side; where only sides have it, both of them."""
        held = Sight(self.screen, self.facts).value(path)
        if held is not None:
            return held
        sides = (Sight(self.screen, self.facts, side).value(path) for side in SIDES)
        return tuple(self.plain.value(path, value) for value in sides if value is not None) or None

    def _priority(self) -> Iterator[str]:
        priority = self.said.priority
        yield ""
        yield from _wrapped(f"PRIORITY: {PRIORITY.get(priority.kind, priority.kind)}", 0)
        if priority.context is not None:
            yield f"  leads: {priority.side or 'both sides alike'}, {priority.context}"
        if priority.rule:
            yield from _wrapped(f"rule {priority.rule}: {LEADS.get(priority.rule, 'see the screen')}", 2)

    def _plan(self) -> Iterator[str]:
        plan = first_plan(self.screen, self.said, self.facts)
        yield ""
        if isinstance(plan, NoPlan):
            yield from _wrapped(f"PLAN: none; {NO_PLAN.get(plan.reason, plan.reason)}", 0)
            if plan.flags:
                yield from _wrapped("by " + ", ".join(plan.flags), 2)
            return
        yield from _wrapped(f"PLAN: ladder {plan.ladder}, {plan.days_a_week} days a week", 0)
        yield from self._exercises(plan)

    def _exercises(self, plan: Plan) -> Iterator[str]:
        for chosen in plan.daily:
            yield from _wrapped(f"daily: {self._prescribed(chosen)}", 2, 6)
        for chosen in plan.strength:
            yield from _wrapped(f"{plan.strength_days} days a week: {self._prescribed(chosen)}", 2, 6)
        for out in plan.left_out:
            name = self.plain.word(f"exercise.{out.exercise}.name", out.exercise)
            room = "equipment" if out.lacks else "leave_out"
            why = self.plain.word(f"{room}.{out.reason}", out.reason)
            yield from _wrapped(f"left out: {name} ({out.exercise}): {'lacks ' if out.lacks else ''}{why}", 2, 6)

    def _prescribed(self, chosen: Prescribed) -> str:
        name = self.plain.word(f"exercise.{chosen.exercise}.name", chosen.exercise)
        dose = f"{chosen.dose.sets} x {chosen.dose.amount} {chosen.dose.unit}"
        side = f"{chosen.side} side first" if chosen.side else "both sides alike"
        why = ", ".join(self._why(word) for word in chosen.why)
        return f"{name} ({chosen.exercise}), {chosen.role}, {dose}, {side}; why: {why}"

    def _why(self, word: str) -> str:
        if word.startswith("phase."):
            phase = word.removeprefix("phase.")
            return f"it trains where it goes wrong: {self.plain.word(f'option.phase.{phase}', phase)}"
        if word == "position_first":
            return f"{self.plain.word('position.found')}, so a position drill opens the session"
        return WHY.get(word) or self.plain.word(word)


def _wrapped(text: str, indent: int, hanging: int | None = None) -> Iterator[str]:
    """Break a text into lines of at most WIDTH columns."""
    later = " " * (indent + 2 if hanging is None else hanging)
    yield from textwrap.wrap(text, WIDTH, initial_indent=" " * indent, subsequent_indent=later, break_on_hyphens=False)
