"""facts -> assessment: findings per side and context, flags, what leads; with reasons and near misses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from rules.criteria import LEVELS, SIDES, All, Criterion, Frozen, Side, Truth, Verdict, weigh
from rules.cues import cue_facts
from rules.facts import Facts
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
)
from rules.sight import Sight
from rules.truth import Values, compiled, truth_of

YesNo: TypeAlias = Literal["yes", "no", "unknown"]
GRADES: tuple[Grade, ...] = ("low", "medium", "high")


CUE_FACTS = frozenset({"derived.cue", "derived.cue_helped", "derived.cue_fades", "derived.warmed_up"})
"""What is derived from the tries of day 2."""


class Reason(Frozen):
    """A rule that held, with the fact paths that made it hold. Words: `reason.<rule>`."""

    rule: str
    facts: tuple[str, ...]
    source: str


class NearMiss(Frozen):
    """A rule that one fact kept from holding: what it would have concluded, and that fact."""

    rule: str
    would: str
    facts: tuple[str, ...]


class Finding(Frozen):
    """What a screening says of one side in one context.

    `limited` is yes, no or unknown. `driver` and `confidence` are None unless limited is yes. `missing` are the facts
    that would settle an unknown. `phase` is where it goes wrong: accept, bottom, produce, top. `notes` are rule ids.
    """

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


class Priority(Frozen):
    """What comes first.

    `kind`: act, not_a_priority (limited, and nothing is missing), nothing_limited, unsettled (too little is known).
    `side` is None where both sides are alike. `rule` names why.
    """

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
    first = looks(screen, facts, sight)
    findings = tuple(look.finding() for look in first.values())
    return Assessment(
        screen=screen.id,
        version=f"{screen.version}+{screen.safety.version}",
        findings=findings,
        flags=flags(screen.safety, Values(sight, facts.told)),
        priority=_priority(findings, sight),
        position_first=_position_first(sight),
    )


def looks(screen: Screen, facts: Facts, sight: Sight | None = None) -> Mapping[tuple[Side, ContextName], Look]:
    """Look at each side in each context; what a look says of the others is known to all."""
    sight = sight or Sight(screen, facts)
    shared = {"position_first": _yes(_position_first(sight)), "painful": _painful(screen, facts)}
    places: list[tuple[Side, ContextName]] = [(s, c) for s in SIDES for c in screen.file.contexts]
    first = {(side, context): Look(sight.seen_from(side), side, context, shared) for side, context in places}
    for look in first.values():
        look.compare(first)
    return first


class Look:
    """One side in one context while it is being assessed: the rules weighed, `derived` facts, `range` and `limited`."""

    def __init__(self, sight: Sight, side: Side, context: ContextName, shared: Mapping[str, Any]) -> None:
        screen = self.screen = sight.screen
        self.side, self.context, self.sight = side, context, sight
        self.tests = screen.tests_of[context]
        self.cues = cue_facts(self.sight, self.tests)
        self.derived: dict[str, Any] = {
            **shared,
            **self._counted(),
            "taps_degrees_apart": self._apart(),
            "repeatable": self._repeatable(),
            **self.cues.derived(),
        }
        self.seen = sight.with_derived(self.derived)
        self.values = Values(self.seen, sight.facts.told)
        self._derive(self.derived)
        self.limits = [(rule, self.truth(rule.when)) for rule in screen.limits_of[context]]
        hits = [truth for rule, truth in self.limits if rule.then == "limited"]
        unsettled = any(truth for rule, truth in self.limits if rule.then == "unsettled")
        self.range: YesNo = "yes" if True in hits else "unknown" if None in hits or unsettled else "no"
        self._derive({"range": self.range})
        self.drivers = [(rule, self.truth(rule.when)) for rule in screen.drivers_of[context]]
        hit = self.driver = next((rule for rule, truth in self.drivers if truth), None)
        self.limited: YesNo = "yes" if self.range == "yes" or hit else self.range
        driver = (hit.driver if hit else UNCLEAR) if self.limited == "yes" else None
        self._derive({"limited": self.limited, "driver": driver})

    def _derive(self, facts: Mapping[str, Any]) -> None:
        self.derived |= facts
        self.values |= {f"derived.{name}": value for name, value in facts.items()}

    def compare(self, all_looks: Mapping[tuple[Side, ContextName], Look]) -> None:
        """Derive what hangs on the other side and the other contexts."""
        others = [look.limited for (side, c), look in all_looks.items() if side == self.side and c != self.context]
        other_side: Side = "right" if self.side == "left" else "left"
        mirror = all_looks[other_side, self.context]
        derived = {
            "other_context": "yes" if "yes" in others else "unknown" if "unknown" in others else "no",
            "symmetric": _yes(
                (mirror.limited, mirror.derived["driver"]) == (self.limited, self.derived["driver"])
                and self._severity() == mirror._severity()
            ),
            **_needs(self.screen, self.sight, self.context),
        }
        self._derive(derived)

    def finding(self) -> Finding:
        """Give the finding."""
        limited = self.limited == "yes"
        driver: Driver | None = self.derived["driver"] if limited else None
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
            notes=tuple(rule.id for rule in self.screen.findings.notes if self.here(rule) and self.truth(rule.when)),
            cue=self.cues.helped,
            cue_test=self.cues.test if self.cues.helped else None,
            not_a_priority=limited
            and any(self.truth(rule.when) for rule in self.screen.findings.priority if rule.then == "not_a_priority"),
        )

    def here(self, rule: ConfidenceRule | NoteRule) -> bool:
        """Tell whether a rule counts in this context."""
        return not rule.contexts or self.context in rule.contexts

    def truth(self, criterion: Criterion) -> Truth:
        """Tell whether a criterion holds from here."""
        return compiled(criterion)(self.values)

    def weigh(self, criterion: Criterion) -> Verdict:
        """Tell whether a criterion holds from here, and the facts that decide it."""
        return weigh(criterion, self.values)

    def _counted(self) -> dict[str, Any]:
        """Count over the tests of this context: unknown answers, tests that pain ended, pain in the primary tests."""
        tried = [(test, attempt) for test in self.tests if (attempt := self.sight.tried(test.id)) is not None]
        own = {id(attempt): (test, attempt) for test, attempt in tried}.values()
        return {
            "unknowns": sum(1 for _, a in own if self.sight.level(a) == "unknown"),
            "pain_stopped": sum(1 for _, a in own if self.sight.ended(a)),
            "pain_in_primaries": _yes(
                any(t.role == "primary" and isinstance(a.pain, int) and a.pain >= 1 for t, a in own)
            ),
        }

    def _apart(self) -> YesNo:
        """Tell whether taps and degrees of a primary test disagree."""
        for test in self.tests:
            attempt = self.sight.tried(test.id)
            if attempt is None or attempt.level not in LEVELS:
                continue
            measured = self.sight.level_by_degrees(attempt)
            if measured is not None and measured != attempt.level:
                return "yes"
        return "no"

    def _repeatable(self) -> YesNo:
        """Tell whether the primary tests came out alike cold on both days; unknown where none was repeated."""
        alike = []
        for test in self.tests:
            attempt = self.sight.tried(test.id) if test.role == "primary" else None
            if attempt is None or attempt.test != test.id:
                continue
            of_day: dict[int, str | None] = {}
            for one in self.sight.facts.uncued(attempt.test, attempt.side):
                of_day.setdefault(one.day, self.sight.level(one))
            levels = [level for level in of_day.values() if level in LEVELS]
            if len(levels) > 1:
                alike.append(len(set(levels)) == 1)
        return _yes(all(alike)) if alike else "unknown"

    def _severity(self) -> tuple[int, ...]:
        """Rank how limited the tests are, for comparing sides; unknown counts as nothing."""
        levels = [self.sight.value(f"{t.id}.level") for t in self.tests if t.role in ("primary", "loaded")]
        return tuple(LEVELS.index(level) if level in LEVELS else 0 for level in levels)

    def severity(self) -> int:
        """Give the sum of the levels of the tests of this context."""
        return sum(self._severity())

    def _confidence(self) -> tuple[Grade, tuple[Reason, ...]]:
        grade: Grade = "medium"
        reasons: list[Reason] = []
        for rule in self.screen.findings.confidence:
            if self.here(rule) and rule.grade == "high" and self.truth(rule.when):
                grade = "high"
                reasons.append(self._reason(rule))
        caps: list[tuple[Grade, Reason | None]] = []
        if self.driver is None:
            caps.append(("low", None))
        elif self.driver.at_most != "high":
            caps.append((self.driver.at_most, None))
        caps.extend(
            (rule.at_most, self._reason(rule))
            for rule in self.screen.findings.confidence
            if self.here(rule) and rule.at_most and self.truth(rule.when)
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
            facts = self._told(self.weigh(self.driver.when))
            facts = facts or tuple(dict.fromkeys(p for r in reasons for p in r.facts))
            reasons.append(Reason(rule=self.driver.id, facts=facts, source=self.driver.source))
        return tuple(reasons)

    def _reason(self, rule: LimitRule | ConfidenceRule) -> Reason:
        return Reason(rule=rule.id, facts=self._told(self.weigh(rule.when)), source=rule.source)

    def _told(self, verdict: Verdict) -> tuple[str, ...]:
        """Give the answers behind a verdict; what was derived from cues stands for the tries that show it."""
        paths: dict[str, None] = {}
        for path in verdict.because:
            if path in CUE_FACTS:
                paths |= dict.fromkeys(self.cues.paths)
            elif not path.startswith("derived."):
                paths[path] = None
        return tuple(paths)

    def _near_misses(self) -> tuple[NearMiss, ...]:
        """Give the rules that a single condition kept from holding, and the facts in that condition."""
        misses = []
        rules: list[tuple[LimitRule | DriverRule, str, Truth]] = [
            *((r, r.then, truth) for r, truth in self.limits),
            *((r, r.driver, truth) for r, truth in self.drivers),
        ]
        for rule, would, truth in rules:
            if truth or not isinstance(rule.when, All) or len(rule.when.all_) < 2:
                continue
            open_part = self._only_open(rule.when.all_)
            if open_part is not None:
                facts = tuple(p for p in self.weigh(open_part).because if not p.startswith("derived."))
                if facts:
                    misses.append(NearMiss(rule=rule.id, would=would, facts=facts))
        return tuple(misses)

    def _only_open(self, parts: Sequence[Criterion]) -> Criterion | None:
        """Give the one part that doesn't hold; None where there are several."""
        found = None
        for part in parts:
            if not self.truth(part):
                if found is not None:
                    return None
                found = part
        return found

    def _missing(self) -> tuple[str, ...]:
        """List the unanswered facts that hold back a verdict; empty where the verdict is known."""
        if self.limited != "unknown":
            return ()
        open_paths = [p for rule, truth in self.limits if truth is None for p in self.weigh(rule.when).because]
        asked = (path for path in dict.fromkeys(open_paths) if not path.startswith("derived."))
        return tuple(path for path in asked if self.seen.value(path) in (None, "unknown"))

    def _phase(self) -> str | None:
        """Give when it goes wrong: of the test tried last, if several say it."""
        said = [
            (test.day, phase)
            for test in self.tests
            if test.phases and (phase := self.sight.value(f"{test.id}.phase")) not in (None, "none", "unknown")
        ]
        return max(said, key=lambda one: one[0])[1] if said else None

    def _compensations(self) -> tuple[str, ...]:
        seen: dict[str, None] = {}
        for test in self.tests:
            attempt = self.sight.tried(test.id)
            for compensation in (attempt.compensations or ()) if attempt else ():
                seen[compensation] = None
        return tuple(seen)


def severity(screen: Screen, facts: Facts, finding: Finding) -> int:
    """Give how limited the tests behind a finding are: partial counts 1, blocked 2."""
    sight = Sight(screen, facts, finding.side)
    levels = (
        sight.value(f"{t.id}.level")
        for t in screen.tests.values()
        if t.context == finding.context and t.role in ("primary", "loaded")
    )
    return sum(LEVELS.index(level) for level in levels if level in LEVELS)


def _priority(findings: Sequence[Finding], sight: Sight) -> Priority:
    """Choose what leads: the chosen daily task's context, the screen's first driver, its order of contexts."""
    screen = sight.screen.file
    drivers = (*screen.drivers, UNCLEAR)
    limited = [f for f in findings if f.limited == "yes"]
    acting = [f for f in limited if not f.not_a_priority]
    if not limited:
        unknown = any(f.limited == "unknown" for f in findings)
        return Priority(kind="unsettled" if unknown else "nothing_limited")
    if not acting:
        return Priority(kind="not_a_priority", context=limited[0].context, rule="priority.not_missing")
    task = _contexts_of(sight.screen, sight.value("reports.task"))

    def rank(finding: Finding) -> tuple[int, int, int, int, int]:
        return (
            0 if finding.context in task else 1,
            0 if finding.driver == drivers[0] else 1,
            screen.contexts.index(finding.context),
            -severity(sight.screen, sight.facts, finding),
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


def _needs(screen: Screen, sight: Sight, context: ContextName) -> dict[str, YesNo]:
    """Tell whether the chosen task or a sport asks for this context; unknown where that was not said."""
    task, score = sight.value("reports.task"), sight.value("reports.task_score")
    sports, work = sight.value("reports.sports"), sight.value("reports.work")
    needs: YesNo = "unknown" if task is None else _yes(context in _contexts_of(screen, task))
    sport: YesNo = (
        "unknown"
        if sports is None
        else _yes(any(context in _contexts_of(screen, s) for s in (*sports, *((work,) if work else ()))))
    )
    return {
        "task_needs": needs,
        "sport_needs": sport,
        "task_easy": _yes(isinstance(score, int) and score >= 8),
    }


def _contexts_of(screen: Screen, demand: str | None) -> tuple[ContextName, ...]:
    return next((d.contexts for d in screen.file.demands if d.id == demand), ())


def _position_first(sight: Sight) -> bool:
    """Tell whether the screen's criterion for position before range holds."""
    criterion = sight.screen.findings.position_first
    return criterion is not None and truth_of(criterion, sight) is True


def _painful(screen: Screen, facts: Facts) -> YesNo:
    now = facts.value("reports.pain_now")
    if now == "yes" or any((isinstance(a.pain, int) and a.pain >= 1) or a.level == "hurts" for a in facts.attempts):
        return "yes"
    return "unknown" if now is None else "no"


def _is_high(screen: Screen, rule_id: str) -> bool:
    return any(rule.id == rule_id and rule.grade == "high" for rule in screen.findings.confidence)


def _yes(truth: bool) -> YesNo:
    return "yes" if truth else "no"
