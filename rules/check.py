"""What a coach runs after an edit: everything is worded, every id leads somewhere, every rule has a source."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from rules.criteria import Criterion, paths_of
from rules.facts import ATTEMPT_FIELDS
from rules.library import Library
from rules.questions import SETTINGS
from rules.screen import Exercise, Question, Screen

FORBIDDEN = re.compile(
    r"\b(rotate (it |them |your \w+ )?in(ward)?s?|turn your leg in|knees? in\b(?! front)|internal rotation)", re.I
)
"""Internal rotation is a capacity, not a cue: no word for a client asks for it (source article)."""
DIAGNOSIS = re.compile(
    r"\b(arthritis|osteoarthritis|impingement|FAI|tendin\w+|bursitis|labral|dysplasia|syndrome)\b", re.I
)
"""A screen names no diagnosis to a client."""
DERIVED = frozenset(
    {
        "range", "limited", "driver", "position_first", "painful", "unknowns", "pain_stopped", "pain_in_primaries",
        "taps_degrees_apart", "other_context", "symmetric", "task_needs", "sport_needs", "task_easy",
    }
)  # fmt: skip
"""What assess.py derives for criteria, besides `<test>_gap`."""
EXERCISE_WORDS = ("name", "where", "setup", "cue", "feel", "stop", "easier")


def check(library: Library) -> tuple[str, ...]:
    """List what is wrong with the content, a sentence each that says what to do; empty when all is well."""
    return tuple(
        f"{screen.id}: {problem}"
        for screen in library.screens.values()
        for problem in dict.fromkeys((*_worded(screen), *_words_fit(screen), *_known(screen), *_sourced(screen)))
    )


def _worded(screen: Screen) -> Iterator[str]:
    for language, words in screen.wording.items():
        for key in _keys(screen):
            if key not in words:
                yield f"wording/{language}.yaml lacks {key}; add it"
        for question in screen.questions:
            yield from _options_worded(question, words, language)


def _keys(screen: Screen) -> Iterator[str]:
    """List every key that the screen's ids call for."""
    for part in screen.parts:
        yield f"part.{part.id}"
    for posture in screen.postures:
        yield f"posture.{posture.id}.ask"
    for question in screen.questions:
        if question.test is None and "." not in question.id:
            yield from (f"{question.id}.{word}" for word in ("ask", "why", "name"))
            if len(question.rows) > 1 and question.kind != "checklist":
                yield from (f"{question.id}.row.{row.path.rpartition('.')[2]}" for row in question.rows)
        if question.kind == "checklist":
            for row in question.rows:
                item = row.path.rpartition(".")[2]
                yield from (f"{question.id}.{item}", f"{question.id}.{item}_full")
    for test in screen.tests.values():
        yield from (f"{test.id}.{word}" for word in ("ask", "why", "name"))
        yield from (f"leave_out.{out.reason}" for out in test.leave_out)
    for flag in screen.safety.flags:
        yield from (f"flag.{flag.id}.{word}" for word in ("told", "advice", "summary"))
    findings = screen.findings
    yield from (f"reason.{rule.id}" for rule in findings.limits)
    yield from (f"reason.{rule.id}" for rule in findings.drivers)
    yield from (f"reason.{rule.id}" for rule in findings.confidence)
    yield from (f"reason.{rule.id}" for rule in findings.notes)
    for exercise in screen.exercises.exercises:
        yield from (f"exercise.{exercise.id}.{word}" for word in EXERCISE_WORDS)
        yield from (f"leave_out.{out.reason}" for out in exercise.not_when)
    yield from (f"equipment.{thing}" for thing in screen.exercises.equipment)


def _options_worded(question: Question, words: Mapping[str, str], language: str) -> Iterator[str]:
    if question.kind == "checklist" or (question.test is None and "." in question.id):
        return
    for row in question.rows:
        last = row.path.rpartition(".")[2]
        for option in row.options:
            stem = question.test or question.id
            keys = (f"{question.id}.{last}.{option.id}", f"{stem}.{option.id}", f"{stem}.{last}.{option.id}")
            if not any(key in words for key in (*keys, f"option.{last}.{option.id}", f"option.{option.id}")):
                yield f"wording/{language}.yaml has no label for {option.id} of {question.id}; add {keys[1]}"


def _words_fit(screen: Screen) -> Iterator[str]:
    for language, words in screen.wording.items():
        for key, text in words.items():
            if FORBIDDEN.search(text):
                yield f"wording/{language}.yaml: {key} cues internal rotation; say what to do instead"
            if DIAGNOSIS.search(text) and not key.endswith(".summary"):
                yield f"wording/{language}.yaml: {key} names a diagnosis; say what was reported"


def _known(screen: Screen) -> Iterator[str]:
    """Check that criteria read facts that exist, and that ids lead somewhere."""
    asked = {row.path for question in screen.questions for row in question.rows} | set(SETTINGS)
    reports = {path for path in asked if path.startswith(("profile.", "reports."))}
    alarms = {f"reports.{item}" for item in screen.lexicon.get("en", {}).get("red_flags", {})}
    for name, criterion in _criteria(screen):
        for path in paths_of(criterion):
            room, _, rest = path.removeprefix("other.").partition(".")
            field = rest.rpartition(".")[2]
            known = (
                path in reports | alarms
                or (room == "reports" and rest.startswith("unsure_"))
                or (room == "derived" and (rest in DERIVED or rest.removesuffix("_gap") in screen.tests))
                or (room in screen.tests and field in ATTEMPT_FIELDS)
            )
            if not known:
                yield f"{name} reads {path}, which nothing asks for; ask it or mend the path"
    yield from _demands_known(screen)
    library = {exercise.id: exercise for exercise in screen.exercises.exercises}
    things = set(screen.exercises.equipment)
    for ladder in screen.exercises.ladders:
        for role in ("opener", "builder", "lift"):
            chosen = ladder.first.get(role, ())
            if not chosen:
                yield f"ladder {ladder.id} has no {role}; name at least one"
            for exercise_id in chosen:
                if exercise_id not in library:
                    yield f"ladder {ladder.id} names {exercise_id}, which is no exercise; add or drop it"
    for exercise in library.values():
        yield from _exercise_known(exercise, library, things)
    if not any(ladder.context is None for ladder in screen.exercises.ladders):
        yield "exercises.yaml has no mixed ladder (context null); add one for unclear findings"


def _demands_known(screen: Screen) -> Iterator[str]:
    demands = {demand.id for demand in screen.file.demands}
    for question in screen.file.life:
        if question.id in ("task", "sport"):
            for option in question.options:
                if option not in demands and option != "nothing":
                    yield f"{question.id} {option} has no demand; add it to demands in screen.yaml"


def _exercise_known(exercise: Exercise, library: dict[str, Exercise], things: set[str]) -> Iterator[str]:
    for thing in exercise.equipment:
        if thing not in things:
            yield f"exercise {exercise.id} needs {thing}, which nobody is asked about; add it to equipment"
    for name, other in (("pair", exercise.pair), ("easier", exercise.easier), ("harder", exercise.harder)):
        if other is not None and other not in library:
            yield f"exercise {exercise.id} has {name} {other}, which is no exercise; mend it"


def _criteria(screen: Screen) -> Iterator[tuple[str, Criterion]]:
    for rule in screen.safety.flags:
        yield f"flag {rule.id}", rule.when
    for question in screen.safety.questions:
        if question.ask_when is not None:
            yield f"question {question.id}", question.ask_when
    findings = screen.findings
    yield from ((f"rule {rule.id}", rule.when) for rule in findings.limits)
    yield from ((f"rule {rule.id}", rule.when) for rule in findings.drivers)
    yield from ((f"rule {rule.id}", rule.when) for rule in findings.confidence)
    yield from ((f"rule {rule.id}", rule.when) for rule in findings.priority)
    yield from ((f"rule {rule.id}", rule.when) for rule in findings.notes)
    for test in screen.tests.values():
        for out in test.leave_out:
            yield f"test {test.id}", out.when
        if test.ask_when is not None:
            yield f"test {test.id}", test.ask_when
    for exercise in screen.exercises.exercises:
        for out in exercise.not_when:
            yield f"exercise {exercise.id}", out.when


def _sourced(screen: Screen) -> Iterator[str]:
    findings, exercises = screen.findings, screen.exercises
    named = [
        *((f"flag {r.id}", r.source) for r in screen.safety.flags),
        *((f"rule {r.id}", r.source) for r in findings.limits),
        *((f"rule {r.id}", r.source) for r in findings.drivers),
        *((f"rule {r.id}", r.source) for r in findings.confidence),
        *((f"rule {r.id}", r.source) for r in findings.priority),
        *((f"rule {r.id}", r.source) for r in findings.notes),
        *((f"test {t.id}", t.source) for t in screen.tests.values()),
        *((f"exercise {e.id}", e.source) for e in exercises.exercises),
        *((f"ladder {x.id}", x.source) for x in exercises.ladders),
        *((f"demand {d.id}", d.source) for d in screen.file.demands),
    ]
    for name, source in named:
        if not re.search(r"\b(evidence|proposal)\b", source):
            yield f"{name} has source {source!r}; name an evidence row or say proposal"
