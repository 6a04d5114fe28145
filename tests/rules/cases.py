"""Reads cases: facts -> what the rules must say; and tells how a screen breaks one. A case may build on another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

from rules import Assessment, Facts, Finding, NoPlan, Plan, Prescribed, Screen, assess, first_plan
from rules.library import read_yaml
from rules.progression import POSTURES_BARRED
from rules.questions import Way, walk
from rules.safety import flags
from rules.sight import Sight
from rules.truth import truth_of

Case: TypeAlias = Mapping[str, Any]
SCREEN = Path(__file__).parents[2] / "rules/screens/hip_internal_rotation"
SAFETY_CASES = Path(__file__).parent / "cases_safety.yaml"
FURTHER = tuple(Path(__file__).parent / f"cases_{part}.yaml" for part in ("findings", "screen", "exercises"))
"""Further cases of the screen above; each may be like any of its own."""

TOLD = {"name", "exercises", "reading", "like", "facts", "attempts", "scope"}
"""Keys of a case that tell it; all others pin what must come out."""
OF_PLAN = frozenset({"first", "days_a_week", "strength_days", "ladder", "also", "session", "barred"})
"""Keys that pin what the exercises decide."""
OF_FACTS_ALONE = frozenset({"counts", "barred", "flags", "flags_include"})
"""Keys that pin what no finding changes."""


# --- reading cases ------------------------------------------------------------------------------------------------


def cases(path: Path) -> dict[str, dict[str, Any]]:
    """Read the cases of a file by name."""
    known: dict[str, dict[str, Any]] = {}
    for case in read_yaml(path)["cases"]:
        if case["name"] in known:
            raise ValueError(f"{path}: two cases are called {case['name']!r}; rename one")
        known[case["name"]] = case
    return known


def cases_of(screen: str) -> dict[str, dict[str, Any]]:
    """Read all cases of a screen by name: its own, and the further ones."""
    own = SCREEN.parent / screen / "cases.yaml"
    known = cases(own) if own.exists() else {}
    for path in FURTHER if screen == SCREEN.name else ():
        for name, case in cases(path).items():
            if name in known:
                raise ValueError(f"{path}: a case of another file is called {name!r}; rename one")
            known[name] = case
    return known


def facts_of(case: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> Facts:
    """Make a case's facts: those of the case it is like, with its own on top."""
    return Facts.model_validate(_merged(case, known))


def _merged(case: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    base = _merged(known[case["like"]], known) if case.get("like") else {"profile": {}, "reports": {}, "attempts": []}
    own = case.get("facts", {})
    attempts = {_key(a): a for a in base["attempts"]}
    for attempt in (*own.get("attempts", ()), *case.get("attempts", ())):
        key = _key(attempt)
        if set(attempt) <= {"test", "side"}:  # only named: taken away
            attempts.pop(key, None)
        else:
            attempts[key] = attempt
    return {
        "profile": {**base["profile"], **own.get("profile", {})},
        "reports": {**base["reports"], **own.get("reports", {})},
        "attempts": list(attempts.values()),
    }


def _key(attempt: Mapping[str, Any]) -> tuple[Any, ...]:
    return attempt["test"], attempt["side"], attempt.get("try", "A1"), attempt.get("day", 1)


# --- comparing them -----------------------------------------------------------------------------------------------


def broken(
    case: Case,
    screen: Screen,
    facts: Facts,
    levels: Mapping[str, str] | None = None,
    *,
    said: Assessment | None = None,
) -> str | None:
    """Tell how a screen breaks a case, or None where all comes out as written.

    *levels* is what each flag must be ("urgency action"). A case that pins nothing but flags and `asks` is one of
    safety: its flags are all flags, in order, and `asks` all pages of the gate that hang on earlier answers. *said* is
    the assessment, where it was made before. Raises ValueError for a key that no case has.
    """
    if odd := set(case) - TOLD - set(_COMPARED) - {"asks"}:
        raise ValueError(f"case {case['name']!r} has {', '.join(sorted(odd))}, which nothing compares; mend either")
    if not pinned(case):
        return _broken_safety(case, screen, facts, levels)
    out = _Out(screen, facts, case, said)
    for key, compare in _COMPARED.items():
        default = False if key == "position_first" and "findings" in case else None
        wanted = case.get(key, default)
        if (key in case or wanted is not None) and (how := compare(out, wanted)) is not None:
            return how
    return None


def pinned(case: Case) -> frozenset[str]:
    """List what a case of a screen pins; nothing of a case of safety."""
    keys = frozenset(case) & frozenset(_COMPARED)
    return keys if keys - {"flags"} else frozenset()


def _broken_safety(case: Case, screen: Screen, facts: Facts, levels: Mapping[str, str] | None) -> str | None:
    raised = flags(screen.safety, Sight(screen, facts))
    if [flag.id for flag in raised] != case["flags"]:
        return f"flags {[flag.id for flag in raised]}"
    if "asks" in case and (asked := _asked(screen, facts)) != case["asks"]:
        return f"asks {asked}"
    apart = [f for f in raised if levels is not None and levels.get(f.id) != f"{f.urgency} {f.action}"]
    return f"{apart[0].id} is {apart[0].urgency} {apart[0].action}" if apart else None


def _asked(screen: Screen, facts: Facts) -> list[str]:
    """List the pages of the gate that hang on earlier answers and are asked; `page.row` where not all its rows are."""
    asked: list[str] = []
    hanging = {page.id for page in screen.safety.questions if page.ask_when or any(row.ask_when for row in page.rows)}
    for step in walk(screen, facts, scope="gate").steps:
        page = step.question
        if page.id in hanging and not step.maybe:
            whole = len(step.rows) == len(page.rows)
            asked += [page.id] if whole else [f"{page.id}.{row.path.rpartition('.')[2]}" for row in step.rows]
    return asked


class _Out:
    """What comes out of the facts of one case: each part made once, when it is asked for."""

    def __init__(self, screen: Screen, facts: Facts, case: Case, said: Assessment | None) -> None:
        self.screen, self.facts, self.case, self._said = screen, facts, case, said

    @cached_property
    def said(self) -> Assessment:
        return self._said or assess(self.screen, self.facts)

    @cached_property
    def plan(self) -> Plan | NoPlan:
        return first_plan(self.screen, self.said, self.facts)

    @cached_property
    def way(self) -> Way:
        return walk(self.screen, self.facts, scope=self.case.get("scope", "full"))

    def finding(self, place: str) -> Finding:
        side, context = place.split()
        return next(f for f in self.said.findings if (f.side, f.context) == (side, context))


def _findings(out: _Out, lines: Sequence[str]) -> str | None:
    for line in lines:
        side, context, limited, *rest = line.split()
        finding = out.finding(f"{side} {context}")
        if [finding.limited, finding.driver, finding.confidence] != [limited, *(rest or (None, None))]:
            return f"{side} {context} {finding.limited} {finding.driver} {finding.confidence}"
    return None


def _of_places(name: str, told: Callable[[Finding], Any]) -> Callable[[_Out, Mapping[str, Any]], str | None]:
    def compare(out: _Out, wanted: Mapping[str, Any]) -> str | None:
        for place, value in wanted.items():
            if (held := told(out.finding(place))) != value:
                return f"{place} {name} {held}"
        return None

    return compare


def _flags(out: _Out, wanted: Sequence[str]) -> str | None:
    ids = {flag.id for flag in out.said.flags}
    return None if ids == set(wanted) else f"flags {sorted(ids)}"


def _flags_include(out: _Out, wanted: Sequence[str]) -> str | None:
    ids = {flag.id for flag in out.said.flags}
    return None if set(wanted) <= ids else f"flags {sorted(ids)}"


def _priority(out: _Out, wanted: Mapping[str, Any]) -> str | None:
    held = {key: getattr(out.said.priority, key) for key in wanted}
    return None if held == wanted else f"priority {held}"


def _position_first(out: _Out, wanted: bool) -> str | None:
    held = out.said.position_first
    return None if held is wanted else f"position_first {held}"


def _offered(out: _Out, wanted: Sequence[str]) -> str | None:
    held = [f"{f.side} {f.context}" for f in out.said.findings if f.not_a_priority]
    return None if held == wanted else f"not a priority: {held}"


def _counts(out: _Out, wanted: Mapping[str, str]) -> str | None:
    """Compare the level that counts, by "test side"."""
    for place, level in wanted.items():
        test, side = place.split()
        held = Sight(out.screen, out.facts).value(f"{test}.{side}.level")
        if held != level:
            return f"{place} counts as {held}"
    return None


# --- the way through the questions ---


def _rows(out: _Out, wanted: Mapping[str, Sequence[str]]) -> str | None:
    """Compare the open rows of questions: by test and try, or by question, the sides ("asked": has no sides)."""
    asked: dict[str, list[str]] = {}
    for step in out.way.steps:
        question = step.question
        if step.maybe or (question.test is not None and question.field != "level"):
            continue
        name = question.id if question.test is None else f"{question.test}{f':{question.run}' if question.run else ''}"
        asked.setdefault(name, []).extend(row.side or "asked" for row in step.open)
    for name, sides in wanted.items():
        if (held := asked.get(name, [])) != list(sides):
            return f"asks {name} {held}"
    return None


def _skips(out: _Out, wanted: Mapping[str, str]) -> str | None:
    held = {s.test: f"{s.reason} -> {s.instead}" if s.instead else s.reason for s in out.way.skipped}
    return None if held == wanted else f"skips {held}"


# --- exercises ---


def _first(out: _Out, wanted: str) -> str | None:
    first = "none" if isinstance(out.plan, NoPlan) else out.plan.daily[0].exercise
    return None if first == wanted else f"first {first}"


def _of_plan(name: str) -> Callable[[_Out, Any], str | None]:
    def compare(out: _Out, wanted: Any) -> str | None:
        held = None if isinstance(out.plan, NoPlan) else getattr(out.plan, name)
        return None if held == wanted else f"{name} {held}"

    return compare


def _also(out: _Out, wanted: Sequence[str]) -> str | None:
    missing = set(wanted) - {p.exercise for p in (() if isinstance(out.plan, NoPlan) else out.plan.daily)}
    return f"without {sorted(missing)}" if missing else None


def _session(out: _Out, wanted: Sequence[str]) -> str | None:
    """Compare exercises, role by role; a line may leave the side and the dose unsaid."""
    plan = out.plan
    held = [f"none {plan.reason}"] if isinstance(plan, NoPlan) else [_line(p) for p in (*plan.daily, *plan.strength)]
    same = len(held) == len(wanted) and all(f"{h} ".startswith(f"{w} ") for h, w in zip(held, wanted, strict=True))
    return None if same else f"session {held}"


def _line(one: Prescribed) -> str:
    dose = one.dose
    return f"{one.exercise} {one.role} {one.side or 'both'} {dose.sets}x{dose.amount} {dose.unit}"


def _barred(out: _Out, wanted: Mapping[str, Sequence[str]]) -> str | None:
    """Compare which exercises are barred to anyone with these facts, by reason: all of them, and no other."""
    held: dict[str, list[str]] = {}
    for reason, exercise in _all_barred(out.screen, out.facts):
        if exercise not in held.setdefault(reason, []):
            held[reason].append(exercise)
    for reason in (*wanted, *held):
        apart = set(wanted.get(reason, ())) ^ set(held.get(reason, ()))
        if apart:
            return (
                f"{reason} bars {', '.join(held.get(reason, ())) or 'nothing'}; differs in {', '.join(sorted(apart))}"
            )
    return None


def _all_barred(screen: Screen, facts: Facts) -> Iterator[tuple[str, str]]:
    sight = Sight(screen, facts)
    cannot = facts.value("reports.cannot") or ()
    postures = {posture for limit in cannot for posture in POSTURES_BARRED.get(limit, ())}
    has = facts.value("reports.equipment") or ()
    for exercise in screen.exercises.exercises:
        yield from ((out.reason, exercise.id) for out in exercise.not_when if truth_of(out.when, sight))
        if facts.value("profile.pregnancy") in ("pregnant", "postpartum") and not exercise.pregnancy_ok:
            yield "pregnancy", exercise.id
        if exercise.posture in postures:
            yield "posture", exercise.id
        yield from ((f"lacks {thing}", exercise.id) for thing in exercise.equipment if thing not in has)


_COMPARED: Mapping[str, Callable[[_Out, Any], str | None]] = {
    "counts": _counts,
    "findings": _findings,
    "reasons": _of_places("reasons", lambda f: [reason.rule for reason in f.reasons]),
    "near": _of_places("near misses", lambda f: [miss.rule for miss in f.near_misses]),
    "missing": _of_places("missing", lambda f: list(f.missing)),
    "phase": _of_places("phase", lambda f: f.phase),
    "notes": _of_places("notes", lambda f: list(f.notes)),
    "cue": _of_places("cue", lambda f: f.cue and f"{f.cue} in {f.cue_test}"),
    "flags": _flags,
    "flags_include": _flags_include,
    "priority": _priority,
    "position_first": _position_first,
    "offered": _offered,
    "rows": _rows,
    "skips": _skips,
    "first": _first,
    "days_a_week": _of_plan("days_a_week"),
    "strength_days": _of_plan("strength_days"),
    "ladder": _of_plan("ladder"),
    "also": _also,
    "session": _session,
    "barred": _barred,
}
"""What a case can pin -> how it is compared."""
