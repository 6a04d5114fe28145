"""The shape of a screen folder and of the safety content shared by all screens.

Content is YAML, read into these frozen models; an unknown key, a duplicate key or a bare yes/no is refused.
Every rule has an id, a source (a row of the screen's README, or "proposal") and words for its reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, StringConstraints, model_validator

from rules.criteria import Criterion, Frozen, Side, paths_of
from rules.facts import Value

Slug: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_]*$")]
RuleId: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.]*$")]
Source: TypeAlias = Annotated[str, StringConstraints(min_length=3)]
ContextName: TypeAlias = Slug
"""Where the joint is when its turning is asked for; which there are is the screen's to say."""
Driver: TypeAlias = Slug
"""What limits it: one of the screen's drivers, or UNCLEAR."""
POSITION, UNCLEAR = "position", "unclear"
"""The context of tests about posture, which no finding has; the driver where none can be named."""
Grade: TypeAlias = Literal["high", "medium", "low"]
Urgency: TypeAlias = Literal["emergency", "urgent", "clinician", "coach"]
URGENCIES: tuple[Urgency, ...] = ("coach", "clinician", "urgent", "emergency")
Action: TypeAlias = Literal["lock", "pause", "adapt", "note"]
Role: TypeAlias = Literal["opener", "builder", "lift"]
Kind: TypeAlias = Literal["one", "many", "scale", "number", "checklist"]


# --- questions, as the program asks them -------------------------------------------------------------------------


class Option(Frozen):
    """One answer. `sets` gives further fields of the same attempt that this answer settles at once."""

    id: Slug
    sets: Mapping[str, Value] = {}


class Row(Frozen):
    """One fact that a question asks for: a line of buttons. `side` is set where the row is a side of the body."""

    path: str
    options: tuple[Option, ...] = ()
    side: Side | None = None
    ask_when: Criterion | None = None


class Question(Frozen):
    """One message to the client with one or more rows.

    kind: `one` option a row; `many` options (a list, "none" is the empty list); `scale` 0 to 10; `number` typed;
    `checklist`: each row is an item answered yes, no or unsure, ticked together on one page.
    Wording keys: `<id>.ask`, `<id>.why`, `<id>.<option>`, `<id>.row.<last word of path>`, `<id>.name` (for the review).
    """

    id: RuleId
    part: Slug
    kind: Kind = "one"
    rows: tuple[Row, ...] = Field(min_length=1)
    ask_when: Criterion | None = None
    seconds: int = Field(default=5, ge=0)
    even_if_locked: bool = False
    posture: Slug | None = None
    test: Slug | None = None
    field: Slug | None = None
    """Of a test: what is asked of it (level, sensation, pain …)."""
    run: str | None = None
    """Of a test: the try, as in paths (`2A1`); None for the first."""
    lowest: float = 0
    highest: float = 10
    source: Source = "proposal"


# --- the safety content ------------------------------------------------------------------------------------------


class GateRow(Frozen):
    """A row of a gate card: a profile or report fact with its options."""

    path: str
    options: tuple[Slug, ...] = Field(min_length=2)
    ask_when: Criterion | None = None


class GateQuestion(Frozen):
    """A card of the gate as written in gate.yaml.

    With `items`, it is a checklist page: the client ticks what applies, taps "None of these", or taps "Not sure",
    which opens the items one by one. Each item is the fact `reports.<item>`: yes, no or unsure.
    """

    id: Slug
    part: Slug
    kind: Literal["one", "many", "scale", "checklist"] = "one"
    rows: tuple[GateRow, ...] = ()
    items: tuple[Slug, ...] = ()
    path: str | None = None
    options: tuple[Slug, ...] = ()
    ask_when: Criterion | None = None
    seconds: int = Field(default=5, ge=0)
    even_if_locked: bool = False
    source: Source

    @model_validator(mode="after")
    def _one_shape(self) -> GateQuestion:
        if self.kind == "checklist":
            if not self.items or self.rows or self.path:
                raise ValueError(f"{self.id}: a checklist has items, and neither rows nor path")
        elif bool(self.rows) == bool(self.path):
            raise ValueError(f"{self.id}: give either rows or a path with options")
        return self


class FlagRule(Frozen):
    """What raises a flag. `row` is the evidence row; of one row only the most urgent flag stands.

    Wording keys (in safety/wording, or the screen's): `<id>.told` (what was reported, as the client would say it) and
    `<id>.advice` (what to do, by when; slots {emergency_number}, {told}, {crisis_line}, and of the screen {joint},
    {worse}, {unusable}). `any_test.pain` and `any_test.sensation` stand for each test that asks it.
    """

    id: Slug
    row: str
    urgency: Urgency
    action: Action
    when: Criterion
    source: Source
    exercise_ok_when: Criterion | None = None
    """A flag whose action is pause lets exercise go on when this holds (examined lately and told it is fine)."""


class Safety(Frozen):
    """The gate and the flags, shared by every screen."""

    version: Annotated[str, StringConstraints(pattern=r"^\d+\.\d+$")]
    questions: tuple[GateQuestion, ...]
    flags: tuple[FlagRule, ...]


class FlagsFile(Frozen):
    """flags.yaml: what a screen's own tests raise, beside the flags that all screens share."""

    flags: tuple[FlagRule, ...]


# --- the screen --------------------------------------------------------------------------------------------------


class Part(Frozen):
    """A chapter of the screening, as the client counts them. Day 2 is the second look, on another day."""

    id: Slug
    day: Literal[1, 2] = 1


class Posture(Frozen):
    """A body position that tests share; the client takes it once."""

    id: Slug
    part: Slug


class Answer(Frozen):
    """An answer to a test, and what it says of the attempt (`level` and perhaps compensations)."""

    id: Slug
    level: Literal["clear", "partial", "blocked"]
    compensations: tuple[Slug, ...] | None = None
    sensation: Slug | None = None


class Band(Frozen):
    """A threshold by sex of the reference band, in degrees."""

    male: float
    other: float


class Degrees(Frozen):
    """How phone degrees map to levels: blocked below, clear from, else partial; degrees."""

    blocked_below: Band
    clear_from: Band
    lowest: float = 0
    highest: float = 70
    query_above: float
    source: Source


class LeaveOut(Frozen):
    """When a test is not done, why (wording key `leave_out.<reason>`), and which test stands in for it."""

    when: Criterion
    reason: Slug
    instead: Slug | None = None
    source: Source


class Cue(Frozen):
    """One change of position, tried by itself. `removable` ones are taken away again, to see whether it fades.

    Words: `cue.<id>.with.ask`, `.with.name`; of a removable one also `cue.<id>.away.ask`, `.away.name`; where a test
    needs its own, `cue.<id>.with.<test>.ask`.
    """

    id: Slug
    removable: bool = True


class CleanRepeat(Frozen):
    """Compensations that let a test go further than the joint does: coached once, and only the repeat counts."""

    compensations: tuple[Slug, ...] = Field(min_length=1)
    seconds: int = Field(ge=1)
    source: Source


class SecondLook(Frozen):
    """A test on day 2. `tries`: first (not tried before), cold (once more), or cues (twice, then with cues)."""

    test: Slug
    tries: Literal["first", "cold", "cues"] = "first"
    posture: Slug
    when: Criterion | None = None
    """Seen from the side of the row."""
    seconds: int = Field(ge=1)
    source: Source


class Test(Frozen):
    """A movement of the screen.

    `sides`: `each` side apart, or `together` (one answer for both). `context` is where the hip is; `moves` says
    which bone turns over which: femur, pelvis, or neither (sagittal).
    """

    __test__ = False  # not one of pytest's

    id: Slug
    context: ContextName
    moves: Slug
    role: Literal["primary", "loaded", "support", "position", "comparison"]
    sides: Literal["each", "together"]
    posture: Slug
    seconds: int = Field(ge=1)
    follow_up_seconds: int = Field(default=8, ge=0)
    answers: tuple[Answer, ...] = Field(min_length=2)
    sensations: tuple[Slug, ...] = ()
    feel_when: Literal["limited", "hurts"] = "limited"
    """Whether the sensation is asked on every limited answer, or only where it hurts."""
    compensations: tuple[Slug, ...] = ()
    phases: tuple[Slug, ...] = ()
    degrees: Degrees | None = None
    ask_when: Criterion | None = None
    leave_out: tuple[LeaveOut, ...] = ()
    clean: CleanRepeat | None = None
    cues: tuple[Cue, ...] = ()
    """In the order in which they are tried."""
    day: Literal[1, 2] = 1
    """The day it is done first; a test of day 2 is asked for by the second look."""
    source: Source


class LifeQuestion(Frozen):
    """A question about daily life, work, sport or equipment."""

    id: Slug
    part: Slug
    kind: Literal["one", "many", "scale"]
    path: str
    options: tuple[Slug, ...] = ()
    ask_when: Criterion | None = None
    seconds: int = Field(ge=0)
    source: Source


class Demand(Frozen):
    """What a task, a sport or a job asks of the hip: the contexts it needs."""

    id: Slug
    contexts: tuple[ContextName, ...]
    source: Source


class ScreenFile(Frozen):
    """screen.yaml"""

    id: Slug
    version: Annotated[str, StringConstraints(pattern=r"^\d+\.\d+$")]
    contexts: tuple[ContextName, ...] = Field(min_length=1)
    drivers: tuple[Driver, ...] = Field(min_length=1)
    """In the order in which they lead, where two findings are alike."""
    position_driver: Driver | None = None
    """The driver that is about position: where it leads, no position drill is put before its ladder."""
    prior: Mapping[ContextName, tuple[Driver, ...]] = {}
    """By context, the drivers from the likeliest on, where nothing else tells (evidence 3 Prior)."""
    parts: tuple[Part, ...]
    postures: tuple[Posture, ...]
    life: tuple[LifeQuestion, ...]
    tests: tuple[Test, ...]
    second: tuple[SecondLook, ...] = ()
    """What day 2 does, in order."""
    ending_sensations: tuple[Slug, ...]
    ending_pain: int = Field(ge=0, le=10)
    invalid_sensations: tuple[Slug, ...]
    demands: tuple[Demand, ...]

    @model_validator(mode="after")
    def _known_contexts(self) -> ScreenFile:
        known = {*self.contexts, POSITION}
        if self.position_driver is not None and self.position_driver not in self.drivers:
            raise ValueError(f"position_driver is {self.position_driver}; it takes: {', '.join(self.drivers)}")
        for test in self.tests:
            if test.context not in known:
                raise ValueError(f"test {test.id}: context is {test.context}; it takes: {', '.join(sorted(known))}")
        for demand in self.demands:
            for context in demand.contexts:
                if context not in self.contexts:
                    raise ValueError(f"demand {demand.id}: no context {context}; it takes: {', '.join(self.contexts)}")
        return self


class LimitRule(Frozen):
    """When rotation in a context counts as limited in range."""

    id: RuleId
    context: ContextName
    then: Literal["limited", "unsettled"]
    when: Criterion
    source: Source


class DriverRule(Frozen):
    """What drives a limitation. The first that holds wins; `at_most` caps the confidence."""

    id: RuleId
    context: ContextName
    driver: Driver
    when: Criterion
    at_most: Grade = "high"
    source: Source


class ConfidenceRule(Frozen):
    """What makes a finding sure (`grade: high`) or caps it (`at_most`)."""

    id: RuleId
    contexts: tuple[ContextName, ...] = ()
    """Where it counts; empty: in every context."""
    grade: Literal["high"] | None = None
    at_most: Literal["medium", "low"] | None = None
    when: Criterion
    source: Source


class PriorityRule(Frozen):
    """When a limitation is not a priority, or what leads."""

    id: RuleId
    then: Literal["not_a_priority", "leads"]
    when: Criterion
    source: Source


class FindingsFile(Frozen):
    """findings.yaml. Criteria see one side; `derived.*` facts are listed in assess.py."""

    limits: tuple[LimitRule, ...]
    drivers: tuple[DriverRule, ...]
    confidence: tuple[ConfidenceRule, ...]
    priority: tuple[PriorityRule, ...]
    notes: tuple[NoteRule, ...] = ()
    position_first: Criterion | None = None
    """When a position drill opens every session, whatever the driver."""


class NoteRule(Frozen):
    """Something worth telling the client beside the class (probably shape; a stretch that eased …)."""

    id: RuleId
    contexts: tuple[ContextName, ...] = ()
    """Where it counts; empty: in every context."""
    when: Criterion
    source: Source


class Dose(Frozen):
    """How much: sets of reps, breaths or seconds. `code` is P, I, C or S of the evidence file."""

    code: Literal["P", "I", "C", "S"]
    sets: int = Field(ge=1)
    amount: int = Field(ge=1)
    unit: Literal["breaths", "seconds", "reps"]
    per_side: bool


class Exercise(Frozen):
    """One exercise. Words are in wording: `<id>.name`, `.setup`, `.cue`, `.feel`, `.stop`, `.easier`, `.harder`."""

    id: Slug
    ladder: Slug
    rung: int = Field(ge=1)
    role: Role
    dose: Dose
    seconds: int = Field(ge=10)
    target_leg: Slug
    """Which limb is trained, as the exercise calls it (front, rear, down_knee …); `both` trains both at once."""
    pelvis_turns: Literal["toward", "away", "none"] = "none"
    equipment: tuple[Slug, ...] = ()
    ask: tuple[Slug, ...] = ()
    posture: Literal["standing", "sitting", "kneeling", "side_lying", "supine", "prone", "all_fours"]
    phases: tuple[Slug, ...] = ()
    pair: Slug | None = None
    easier: Slug | None = None
    harder: Slug | None = None
    pregnancy_ok: bool = False
    not_when: tuple[LeaveOut, ...] = ()
    source: Source


class Ladder(Frozen):
    """The exercises of one driver in one context, easiest first, and where each role starts."""

    id: Slug
    context: ContextName | None
    drivers: tuple[Driver, ...]
    first: Mapping[Role, tuple[Slug, ...]]
    """For each role, exercise ids in order of preference; the first that this client may and can do is taken."""
    source: Source


class ExercisesFile(Frozen):
    """exercises.yaml"""

    equipment: tuple[Slug, ...]
    ladders: tuple[Ladder, ...]
    exercises: tuple[Exercise, ...]
    position_opener: tuple[Slug, ...]
    """The position drills that open every session when position stands out, in order of preference."""
    cue_opener: Mapping[Slug, tuple[Slug, ...]] = {}
    """The test in which a cue worked -> the drills in that position, in order of preference."""


FindingsFile.model_rebuild()


class Screen(Frozen):
    """A screen, whole: the gate, the questions in order, the rules, the exercises and the words."""

    id: str
    version: str
    safety: Safety
    parts: tuple[Part, ...]
    postures: tuple[Posture, ...]
    tests: Mapping[str, Test]
    questions: tuple[Question, ...]
    findings: FindingsFile
    exercises: ExercisesFile
    file: ScreenFile
    own_flags: frozenset[str] = frozenset()
    """Ids of the flags in `safety` that stand in the screen's own flags.yaml."""
    wording: Mapping[str, Mapping[str, str]]
    """Language -> key -> text (plural forms as `key.one`, `key.other`)."""
    lexicon: Mapping[str, Any]

    @cached_property
    def asked(self) -> frozenset[str]:
        """Give every path that a question asks for."""
        return frozenset(row.path for question in self.questions for row in question.rows)

    @cached_property
    def tests_of(self) -> Mapping[ContextName, tuple[Test, ...]]:
        """Give the tests that findings of a context rest on."""
        counted = [test for test in self.tests.values() if test.role != "comparison"]
        return {context: tuple(t for t in counted if t.context == context) for context in self.file.contexts}

    @cached_property
    def limits_of(self) -> Mapping[ContextName, tuple[LimitRule, ...]]:
        """Give the limit rules of each context."""
        return {c: tuple(r for r in self.findings.limits if r.context == c) for c in self.file.contexts}

    @cached_property
    def drivers_of(self) -> Mapping[ContextName, tuple[DriverRule, ...]]:
        """Give the driver rules of each context, in order."""
        return {c: tuple(r for r in self.findings.drivers if r.context == c) for c in self.file.contexts}

    @cached_property
    def worded_only(self) -> tuple[str, ...]:
        """List report facts that only words raise: named by flags, asked by no question."""
        named = (path for rule in self.safety.flags for path in paths_of(rule.when))
        return tuple(dict.fromkeys(p for p in named if p.startswith("reports.") and p not in self.asked))

    def question(self, question_id: str) -> Question:
        """Give a question by id; raises KeyError for one the screen lacks."""
        for question in self.questions:
            if question.id == question_id:
                return question
        raise KeyError(question_id)
