"""facts -> assessment: findings per side and context, flags, what leads; with reasons and near misses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import compress
from typing import Any, Literal, TypeAlias

from pydantic import ConfigDict

from rules.criteria import LEVELS, SIDES, All, Criterion, Frozen, Side, Truth, Verdict, weigh
from rules.cues import cue_facts
from rules.facts import Attempt, Facts
from rules.safety import Flag, flags
from rules.screen import (
    UNCLEAR,
    ConfidenceRule,
    ContextName,
    Driver,
    DriverRule,
    Grade,
    LimitRule,
    NoteRule,
    Screen,
    Test,
)
from rules.sight import Sight
from rules.truth import HELD, Values, because, fails, holding, holds, kept, openings, truth_of, truths, unknowns

YesNo: TypeAlias = Literal["yes", "no", "unknown"]
GRADES: tuple[Grade, ...] = ("low", "medium", "high")


CUE_FACTS = frozenset({"derived.cue", "derived.cue_helped", "derived.cue_fades", "derived.warmed_up"})
"""What is derived from the tries of day 2."""


STORED = ConfigDict(extra="forbid")
"""How parts of an assessment are read back: as strictly as the whole."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """A rule that held, with the fact paths that made it hold. Words: `reason.<rule>`."""

    __pydantic_config__ = STORED
    rule: str
    facts: tuple[str, ...]
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class NearMiss:
    """A rule that one fact kept from holding: what it would have concluded, and that fact."""

    __pydantic_config__ = STORED
    rule: str
    would: str
    facts: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What a screening says of one side in one context.

    `limited` is yes, no or unknown. `driver` and `confidence` are None unless limited is yes. `missing` are the facts
    that would settle an unknown. `phase` is where it goes wrong: accept, bottom, produce, top. `notes` are rule ids.
    """

    __pydantic_config__ = STORED
    side: Side
    context: ContextName
    limited: YesNo
    driver: Driver | None = None
    confidence: Grade | None = None
    reasons: tuple[Reason, ...] = ()
    near_misses: tuple[NearMiss, ...] = ()
    missing: tuple[str, ...] = ()
    phase: str | None = None
    compensations: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    not_a_priority: bool = False
    cue: str | None = None
    """The cue that helped on day 2, and `cue_test`, the test in which it did."""
    cue_test: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Priority:
    """What comes first.

    `kind`: act, not_a_priority (limited, and nothing is missing), nothing_limited, unsettled (too little is known).
    `side` is None where both sides are alike. `rule` names why.
    """

    __pydantic_config__ = STORED
    kind: Literal["act", "not_a_priority", "nothing_limited", "unsettled"]
    side: Side | None = None
    context: ContextName | None = None
    rule: str = ""


class Assessment(Frozen):
    """All that a screening says. `version` is the screen's and the safety content's, as "1.0+1.0"."""

    screen: str
    version: str
    findings: tuple[Finding, ...]
    flags: tuple[Flag, ...]
    priority: Priority
    position_first: bool
    """A position drill opens every session (evidence 0 P1 and P2 come first)."""

    def finding(self, side: Side, context: ContextName) -> Finding:
        """Give the finding of one side in one context."""
        return next(f for f in self.findings if f.side == side and f.context == context)


def assess(screen: Screen, facts: Facts) -> Assessment:
    """Assess *facts*: one finding for each side and context, the flags, and what leads. Total and pure."""
    sight = Sight(screen, facts)
    apart = any(attempt.side != "both" for attempt in facts.attempts)
    first = looks(screen, facts, sight, SIDES if apart else SIDES[:1])
    findings = tuple([look.finding() for look in first.values()])
    if not apart:  # Nothing tells the right from the left.
        findings += tuple([replace(finding, side=SIDES[1]) for finding in findings])
    return Assessment(
        screen=screen.id,
        version=f"{screen.version}+{screen.safety.version}",
        findings=findings,
        flags=flags(screen.safety, sight.values),
        priority=_priority(screen, facts, findings, first),
        position_first=_position_first(sight),
    )


def looks(
    screen: Screen, facts: Facts, sight: Sight | None = None, sides: Sequence[Side] = SIDES
) -> Mapping[tuple[Side, ContextName], Look]:
    """Look at each side in each context; what a look says of the others is known to all.

    One of *sides* is enough where nothing was tried on one side alone: both are alike.
    """
    sight = sight or Sight(screen, facts)
    shared = {"derived.position_first": _yes(_position_first(sight)), "derived.painful": _painful(facts)}
    of_context = {context: shared | _needs(screen, facts.reports, context) for context in screen.file.contexts}
    first = {(s, c): Look(sight.seen_from(s), s, c, known) for s in sides for c, known in of_context.items()}
    for look in first.values():
        look.compare(first)
    return first


@dataclass(frozen=True, kw_only=True)
class _Rules:
    """What counts in one context, with its criteria compiled: the limits; both they and the drivers; the notes."""

    tests: tuple[Test, ...]
    limits: tuple[LimitRule, ...]
    drivers: tuple[DriverRule, ...]
    near: tuple[tuple[str, str, tuple[Criterion, ...]], ...]
    """Of the limits and drivers: the rule's id, what it would say, and the parts of its `all`."""
    confidence: tuple[ConfidenceRule, ...]
    notes: tuple[str, ...]
    truths: Callable[[Values], tuple[Truth, ...]]
    openings: Callable[[Values], tuple[int | None, ...]]
    noted: Callable[[Values], tuple[bool, ...]]
    unknowns: Callable[[Values], tuple[str, ...]]


_rules: dict[int, dict[ContextName, _Rules]] = {}
"""By identity of the screen, as long as it lives."""


def _rules_in(screen: Screen, context: ContextName) -> _Rules:
    limits, drivers = screen.limits_of[context], screen.drivers_of[context]
    notes = [rule for rule in screen.findings.notes if _counts(rule, context)]
    weighed = [(rule.id, str(rule.then), rule.when) for rule in limits]
    weighed += [(rule.id, rule.driver, rule.when) for rule in drivers]
    return _Rules(
        tests=screen.tests_of[context],
        limits=limits,
        drivers=drivers,
        near=tuple((id_, would, when.all_ if isinstance(when, All) else ()) for id_, would, when in weighed),
        confidence=tuple(rule for rule in screen.findings.confidence if _counts(rule, context)),
        notes=tuple(rule.id for rule in notes),
        truths=truths([rule.when for rule in limits]),
        openings=openings([when for _, _, when in weighed]),
        noted=holding([rule.when for rule in notes]),
        unknowns=unknowns([rule.when for rule in limits]),
    )


def _counts(rule: ConfidenceRule | NoteRule, context: ContextName) -> bool:
    return not rule.contexts or context in rule.contexts


NOTHING_TRIED: Mapping[str, Any] = {
    "derived.unknowns": 0,
    "derived.pain_stopped": 0,
    "derived.pain_in_primaries": "no",
    "derived.taps_degrees_apart": "no",
    "derived.repeatable": "unknown",
}


class Look:
    """One side in one context while it is being assessed: the rules weighed, `derived` facts, `range` and `limited`."""

    def __init__(self, sight: Sight, side: Side, context: ContextName, shared: Mapping[str, Any]) -> None:
        screen = self.screen = sight.screen
        self.side, self.context, self.sight = side, context, sight
        of_screen = kept(_rules, screen, lambda: {c: _rules_in(screen, c) for c in screen.file.contexts})
        rules = self._rules = of_screen[context]
        values = self.values = sight.values.copied()
        self.tried = tuple(self._tried()) if sight.facts.attempts else ()
        self.cues = cue_facts(sight, rules.tests)
        self.seen = values.view = sight.with_derived(values)
        values |= shared
        values |= self._counted()
        values |= self.cues.derived()
        self.limits = tuple(zip(rules.limits, rules.truths(values), strict=True))
        hits = [truth for rule, truth in self.limits if rule.then == "limited"]
        unsettled = [rule for rule, truth in self.limits if truth and rule.then == "unsettled"]
        self.range: YesNo = "yes" if True in hits else "unknown" if None in hits or unsettled else "no"
        values["derived.range"] = self.range
        self._openings = rules.openings(values)
        led = self._openings[len(rules.limits) :]
        hit = self.driver = rules.drivers[led.index(HELD)] if HELD in led else None
        self.limited: YesNo = "yes" if self.range == "yes" or hit else self.range
        driver = (hit.driver if hit else UNCLEAR) if self.limited == "yes" else None
        values |= {"derived.limited": self.limited, "derived.driver": driver}

    @property
    def derived(self) -> Mapping[str, Any]:
        """Give what was derived so far, by name."""
        return {path[8:]: value for path, value in self.values.items() if path.startswith("derived.")}

    @cached_property
    def drivers(self) -> tuple[tuple[DriverRule, Truth], ...]:
        """Give the driver rules with what they come to, by all that is derived."""
        return tuple((rule, truth_of(rule.when, self.values)) for rule in self._rules.drivers)

    def compare(self, all_looks: Mapping[tuple[Side, ContextName], Look]) -> None:
        """Derive what hangs on the other side and the other contexts."""
        others = [look.limited for look in all_looks.values() if look.side == self.side and look is not self]
        other_side: Side = "right" if self.side == "left" else "left"
        mirror = all_looks.get((other_side, self.context), self)
        alike = mirror is self or (
            mirror.limited == self.limited
            and mirror.values["derived.driver"] == self.values["derived.driver"]
            and mirror.severities == self.severities
        )
        self.values["derived.other_context"] = "yes" if "yes" in others else "unknown" if "unknown" in others else "no"
        self.values["derived.symmetric"] = _yes(alike)

    def finding(self) -> Finding:
        """Give the finding."""
        limited = self.limited == "yes"
        driver: Driver | None = self.values["derived.driver"]
        grade, sure = self._confidence() if limited else (None, ())
        return Finding(
            side=self.side,
            context=self.context,
            limited=self.limited,
            driver=driver,
            confidence=grade,
            reasons=self._reasons() + sure,
            near_misses=self._near_misses(),
            missing=self._missing(),
            phase=self._phase() if limited else None,
            compensations=self._compensations(),
            notes=tuple(compress(self._rules.notes, self._rules.noted(self.values))),
            cue=self.cues.helped,
            cue_test=self.cues.test if self.cues.helped else None,
            not_a_priority=limited
            and any(self.holds(rule.when) for rule in self.screen.findings.priority if rule.then == "not_a_priority"),
        )

    def here(self, rule: ConfidenceRule | NoteRule) -> bool:
        """Tell whether a rule counts in this context."""
        return _counts(rule, self.context)

    def truth(self, criterion: Criterion) -> Truth:
        """Tell whether a criterion holds from here."""
        return truth_of(criterion, self.values)

    def holds(self, criterion: Criterion) -> bool:
        """Tell whether a criterion holds from here, and is neither false nor unknown."""
        return holds(criterion, self.values)

    def weigh(self, criterion: Criterion) -> Verdict:
        """Tell whether a criterion holds from here, and the facts that decide it."""
        return weigh(criterion, self.values)

    def _tried(self) -> Iterator[tuple[Test, Attempt]]:
        """Find the attempts that count here, each with the test that it is for."""
        for test in self._rules.tests:
            if (attempt := self.sight.tried(test.id)) is not None:
                yield test, attempt

    def _counted(self) -> Mapping[str, Any]:
        """Count over the tests of this context: unknown answers, tests that pain ended, pain in the primary tests."""
        if not self.tried:
            return NOTHING_TRIED
        own = {id(attempt): (test, attempt) for test, attempt in self.tried}.values()
        return {
            "derived.unknowns": [self._level(test) for test, _ in own].count("unknown"),
            "derived.pain_stopped": [self.sight.ended(attempt) for _, attempt in own].count(True),
            "derived.pain_in_primaries": _yes(
                any(t.role == "primary" and isinstance(a.pain, int) and a.pain >= 1 for t, a in own)
            ),
            "derived.taps_degrees_apart": self._apart(),
            "derived.repeatable": self._repeatable(),
        }

    def _level(self, test: Test) -> str | None:
        level: str | None = self.values[f"{test.id}.level"]
        return level

    def _apart(self) -> YesNo:
        """Tell whether taps and degrees of a primary test disagree."""
        for _, attempt in self.tried:
            if attempt.degrees is None or attempt.level not in LEVELS:
                continue
            measured = self.sight.level_by_degrees(attempt)
            if measured is not None and measured != attempt.level:
                return "yes"
        return "no"

    def _repeatable(self) -> YesNo:
        """Tell whether the primary tests came out alike cold on both days; unknown where none was repeated."""
        alike = []
        for test, attempt in self.tried:
            tries = self.sight.facts.by_place[attempt.test, attempt.side]
            if len(tries) < 2 or test.role != "primary" or attempt.test != test.id:
                continue
            of_day: dict[int, str | None] = {}
            for one in tries:
                of_day.setdefault(one.day, self.sight.level(one))
            levels = [level for level in of_day.values() if level in LEVELS]
            if len(levels) > 1:
                alike.append(len(set(levels)) == 1)
        return _yes(all(alike)) if alike else "unknown"

    @cached_property
    def severities(self) -> Mapping[str, int]:
        """Rank how limited the tests are, for comparing sides; those without a level count as nothing."""
        loaded = [(test.id, self._level(test)) for test, _ in self.tried if test.role in ("primary", "loaded")]
        return {test_id: LEVELS.index(level) for test_id, level in loaded if level in LEVELS[1:]}

    def severity(self) -> int:
        """Give the sum of the levels of the tests of this context."""
        return sum(self.severities.values())

    def _confidence(self) -> tuple[Grade, tuple[Reason, ...]]:
        grade: Grade = "medium"
        reasons: list[Reason] = []
        for rule in self._rules.confidence:
            if rule.grade == "high" and self.holds(rule.when):
                grade = "high"
                reasons.append(self._reason(rule))
        caps: list[tuple[Grade, Reason | None]] = []
        if self.driver is None:
            caps.append(("low", None))
        elif self.driver.at_most != "high":
            caps.append((self.driver.at_most, None))
        caps.extend(
            (rule.at_most, self._reason(rule))
            for rule in self._rules.confidence
            if rule.at_most and self.holds(rule.when)
        )
        for cap, reason in caps:
            grade = min(grade, cap, key=GRADES.index)
            if reason is not None:
                reasons.append(reason)
        if grade != "high":
            reasons = [r for r in reasons if not _is_high(self.screen, r.rule)]
        return grade, tuple(reasons)

    def _reasons(self) -> tuple[Reason, ...]:
        """Give the rules that held. Only the first driver counts; of a "no", the tests that were clear speak."""
        reasons = [self._reason(rule) for rule, truth in self.limits if truth]
        if self.driver is not None:
            facts = self._told(self.driver.when)
            facts = facts or tuple(dict.fromkeys(p for r in reasons for p in r.facts))
            reasons.append(Reason(rule=self.driver.id, facts=facts, source=self.driver.source))
        return tuple(reasons)

    def _reason(self, rule: LimitRule | ConfidenceRule) -> Reason:
        return Reason(rule=rule.id, facts=self._told(rule.when), source=rule.source)

    def _told(self, criterion: Criterion) -> tuple[str, ...]:
        """Give the answers that make it hold; what was derived from cues stands for the tries that show it."""
        paths: dict[str, None] = {}
        for path in because(criterion, self.values):
            if path in CUE_FACTS:
                paths |= dict.fromkeys(self.cues.paths)
            elif not path.startswith("derived."):
                paths[path] = None
        return tuple(paths)

    def _near_misses(self) -> tuple[NearMiss, ...]:
        """Give the rules that a single condition kept from holding, and the facts in that condition."""
        misses = []
        for (rule, would, parts), opening in zip(self._rules.near, self._openings, strict=True):
            if opening is None or opening == HELD:
                continue
            truth = False if fails(parts[opening], self.values) else None
            facts = because(parts[opening], self.values, truth)
            if facts := tuple([path for path in facts if not path.startswith("derived.")]):
                misses.append(NearMiss(rule=rule, would=would, facts=facts))
        return tuple(misses)

    def _missing(self) -> tuple[str, ...]:
        """List the unanswered facts that hold back a verdict; empty where the verdict is known."""
        if self.limited != "unknown":
            return ()
        values, unsaid = self.values, (None, "unknown")
        asked = dict.fromkeys(self._rules.unknowns(values))
        return tuple([path for path in asked if values[path] in unsaid and path[:8] != "derived."])

    def _phase(self) -> str | None:
        """Give when it goes wrong: of the test tried last, if several say it."""
        said = [
            (test.day, phase)
            for test, _ in self.tried
            if test.phases and (phase := self.sight.value(f"{test.id}.phase")) not in (None, "none", "unknown")
        ]
        return max(said, key=lambda one: one[0])[1] if said else None

    def _compensations(self) -> tuple[str, ...]:
        seen: dict[str, None] = {}
        for _, attempt in self.tried:
            seen |= dict.fromkeys(attempt.compensations or ())
        return tuple(seen)


def _priority(
    screen: Screen,
    facts: Facts,
    findings: Sequence[Finding],
    all_looks: Mapping[tuple[Side, ContextName], Look],
) -> Priority:
    """Choose what leads: the chosen daily task's context, the screen's first driver, its order of contexts."""
    limited = [f for f in findings if f.limited == "yes"]
    acting = [f for f in limited if not f.not_a_priority]
    if not limited:
        unknown = any(f.limited == "unknown" for f in findings)
        return Priority(kind="unsettled" if unknown else "nothing_limited")
    if not acting:
        return Priority(kind="not_a_priority", context=limited[0].context, rule="priority.not_missing")
    contexts, drivers = screen.file.contexts, (*screen.file.drivers, UNCLEAR)
    task = _contexts_of(screen, facts.value("reports.task"))

    def rank(finding: Finding) -> tuple[int, int, int, int, int]:
        look = all_looks.get((finding.side, finding.context)) or all_looks[SIDES[0], finding.context]
        return (
            0 if finding.context in task else 1,
            0 if finding.driver == drivers[0] else 1,
            contexts.index(finding.context),
            -look.severity(),
            drivers.index(finding.driver or UNCLEAR),
        )

    ordered = sorted(acting, key=rank)
    lead = ordered[0]
    twin = next((f for f in ordered[1:] if f.context == lead.context and f.side != lead.side), None)
    alike = twin is not None and rank(twin) == rank(lead)
    return Priority(
        kind="act",
        side=None if alike else lead.side,
        context=lead.context,
        rule="priority.task" if lead.context in task else "priority.order",
    )


def _needs(screen: Screen, reports: Mapping[str, Any], context: ContextName) -> dict[str, YesNo]:
    """Tell whether the chosen task or a sport asks for this context; unknown where that was not said."""
    task, score = reports.get("task"), reports.get("task_score")
    sports, work = reports.get("sports"), reports.get("work")
    needs: YesNo = "unknown" if task is None else _yes(context in _contexts_of(screen, task))
    sport: YesNo = (
        "unknown"
        if sports is None
        else _yes(any(context in _contexts_of(screen, s) for s in (*sports, *((work,) if work else ()))))
    )
    return {
        "derived.task_needs": needs,
        "derived.sport_needs": sport,
        "derived.task_easy": _yes(isinstance(score, int) and score >= 8),
    }


def _contexts_of(screen: Screen, demand: str | None) -> tuple[ContextName, ...]:
    return next((d.contexts for d in screen.file.demands if d.id == demand), ())


def _position_first(sight: Sight) -> bool:
    """Tell whether the screen's criterion for position before range holds."""
    criterion = sight.screen.findings.position_first
    return criterion is not None and holds(criterion, sight.values)


def _painful(facts: Facts) -> YesNo:
    now = facts.reports.get("pain_now")
    if now == "yes" or any((isinstance(a.pain, int) and a.pain >= 1) or a.level == "hurts" for a in facts.attempts):
        return "yes"
    return "unknown" if now is None else "no"


def _is_high(screen: Screen, rule_id: str) -> bool:
    return any(rule.id == rule_id and rule.grade == "high" for rule in screen.findings.confidence)


def _yes(truth: bool) -> YesNo:
    return "yes" if truth else "no"
