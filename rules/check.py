"""What a coach runs after an edit: everything is worded, every id leads somewhere, every rule has a source."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Formatter

from rules.assess import looks
from rules.criteria import Criterion, paths_of
from rules.facts import ATTEMPT_FIELDS, Facts
from rules.library import Library, read_texts
from rules.lines import Lines
from rules.questions import SETTINGS
from rules.screen import POSITION, UNCLEAR, Exercise, Question, Screen, Test

FORBIDDEN = re.compile(
    r"\b(rotate (it |them |your \w+ )?in(ward)?s?|turn (your|the) (leg|arm|hand)s? in|knees? in\b(?! front)"
    r"|internal rotation)",
    re.I,
)
"""Internal rotation is a capacity, not a cue: no word for a client asks for it (source article)."""
DIAGNOSIS = re.compile(
    r"\b(arthritis|osteoarthritis|impingement|FAI|tendin\w+|bursitis|labral|dysplasia|syndrome)\b", re.I
)
"""A screen names no diagnosis to a client."""
SCREEN_WORDS = (
    *("screen.name", "screen.what", "screen.joint", "screen.called", "screen.worse", "screen.unusable"),
    *("result.side", "result.nothing_limited", "result.friend"),
    *("reason.priority.task", "reason.priority.order"),
    *("plan.stop", "asked.unknown", "asked.limited", "asked.way_round", "asked.contexts"),
)
"""What the bot says of any screen; `called` are the words that choose it, the rest completes shared texts."""
SHARED_TOPICS = ("often", "roles", "sure")
"""What a client may ask after in any screen and the bot answers in words of its own."""
ADVICE_SLOTS = {"emergency_number", "crisis_line", "told", "joint", "worse", "unusable"}
SECOND_WORDS = {"cold": ("again.cold.name",), "cues": ("again.second.name", "again.second.why")}
"""What is said of a test that is done again on day 2, by how."""
EXERCISE_WORDS = ("name", "where", "setup", "cue", "feel", "stop", "easier")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something that an author must mend: in which content file, at which name in it, and what to do."""

    file: str
    at: str
    says: str


@dataclass(frozen=True, kw_only=True)
class Use:
    """A criterion and where it stands. `name` is how messages call its owner."""

    name: str
    file: str
    at: str
    criterion: Criterion
    contexts: tuple[str, ...] = ()
    """The contexts it is weighed in; none where it belongs to no context."""
    sided: bool = False
    """Whether it is seen from one side of the body."""
    tapped: bool = False
    """Whether it sees answers as they were tapped, and not yet the level that counts."""


def check(library: Library) -> tuple[str, ...]:
    """List what is wrong with the content, a sentence each that says where and what to do; empty when all is well."""
    return placed(library, found(library))


def found(library: Library) -> tuple[Problem, ...]:
    """List what is wrong with the content: words, ids, sources. What rules come to is looked at in sound.py."""
    screens = library.screens.values()
    looked = [
        problem
        for screen in screens
        for problem in (*_worded(screen), *_words_fit(screen), *_known(screen), *_sourced(screen))
    ]
    return tuple(dict.fromkeys((*looked, *(problem for screen in screens for problem in _unasked(screen)))))


def in_all(of_screens: Sequence[Sequence[Problem]]) -> Iterator[Problem]:
    """Give problems of each screen; those of the shared safety content only where every screen has them.

    What can't happen in one screen may in another.
    """
    for problems in of_screens:
        for problem in problems:
            if not problem.file.startswith("safety/") or all(problem in others for others in of_screens):
                yield problem


def placed(library: Library, problems: Sequence[Problem], shown: str | None = None) -> tuple[str, ...]:
    """Say each problem behind its file and line. *shown* is how to call the content folder; its path by default."""
    if not problems:
        return ()
    texts = read_texts(library.root) if library.root is not None else {}
    where = shown if shown is not None else str(library.root or "")
    lines = Lines(texts, "" if Path(where) == Path() else where)
    return tuple(f"{lines.place(problem.file, problem.at)}: {problem.says}" for problem in problems)


def file_of(screen: Screen, name: str) -> str:
    """Give a screen's file by its path in the content folder."""
    return f"screens/{screen.id}/{name}.yaml"


def flags_file(screen: Screen, flag_id: str) -> str:
    """Tell in which file a flag is written: the one of all screens, or the screen's own."""
    return file_of(screen, "flags") if flag_id in screen.own_flags else "safety/red_flags.yaml"


def place_of(screen: Screen, question: Question) -> tuple[str, str]:
    """Tell in which file, and at which name, a question is written."""
    if question.test is not None:
        return file_of(screen, "screen"), f"tests.{question.test}"
    if any(asked.id == question.id for asked in screen.file.life):
        return file_of(screen, "screen"), f"life.{question.id}"
    return "safety/gate.yaml", f"questions.{question.id.partition('.')[0]}"


def _wording(screen: Screen, language: str, key: str) -> str:
    """Tell in which wording file a key stands: that of safety, or the screen's."""
    room, _, rest = key.partition(".")
    if room == "flag" and rest.partition(".")[0] in screen.own_flags:
        return f"screens/{screen.id}/wording/{language}.yaml"
    shared = {"flag", "alarm", "country", *(question.id for question in screen.safety.questions)}
    folder = "safety" if room in shared else f"screens/{screen.id}"
    return f"{folder}/wording/{language}.yaml"


def _worded(screen: Screen) -> Iterator[Problem]:
    for language, words in screen.wording.items():
        for key, file, at in _keys(screen):
            if key not in words:
                yield Problem(file=file, at=at, says=f"wording/{language}.yaml lacks {key}; add it")
        for question in screen.questions:
            yield from _options_worded(screen, question, words, language)
        yield from _cues_worded(screen, words, language)
        yield from _follow_ups_worded(screen, words, language)
        yield from _topics_worded(screen, words, language)


def _keys(screen: Screen) -> Iterator[tuple[str, str, str]]:
    """List every key that the screen's ids call for, and which id calls for it."""
    written, chosen, found_in = (file_of(screen, name) for name in ("screen", "exercises", "findings"))
    yield from ((key, written, "id") for key in SCREEN_WORDS)
    for context in screen.file.contexts:
        yield from ((key, written, "contexts") for key in (f"context.{context}", f"coach.context.{context}"))
    for driver in (*screen.file.drivers, UNCLEAR):
        for key in (f"driver.{driver}", f"driver.{driver}.short", f"coach.driver.{driver}"):
            yield key, written, "drivers"
    yield from _position_keys(screen)
    for part in screen.parts:
        yield f"part.{part.id}", written, f"parts.{part.id}"
    for posture in screen.postures:
        yield f"posture.{posture.id}.ask", written, f"postures.{posture.id}"
    for question in screen.questions:
        for key in _question_keys(question):
            yield key, *place_of(screen, question)
    for test in screen.tests.values():
        for word in ("ask", "why", "name"):
            yield f"{test.id}.{word}", written, f"tests.{test.id}"
        for out in test.leave_out:
            yield f"leave_out.{out.reason}", written, f"tests.{test.id}.leave_out.{out.reason}"
        yield from ((key, written, f"tests.{test.id}") for key in _test_keys(screen, test))
    for look in screen.file.second:
        for key in SECOND_WORDS.get(look.tries, ()):
            yield key, written, f"second.{look.test}"
    for flag in screen.safety.flags:
        for word in ("told", "advice", "summary"):
            yield f"flag.{flag.id}.{word}", flags_file(screen, flag.id), f"flags.{flag.id}"
    findings = screen.findings
    for section in ("limits", "drivers", "confidence", "notes"):
        for rule in getattr(findings, section):
            yield f"reason.{rule.id}", found_in, f"{section}.{rule.id}"
    for rule in findings.priority:
        if rule.then == "leads":
            yield f"reason.{rule.id}", found_in, f"priority.{rule.id}"
    for ladder in screen.exercises.ladders:
        yield f"ladder.{ladder.id}", chosen, f"ladders.{ladder.id}"
    for exercise in screen.exercises.exercises:
        for word in EXERCISE_WORDS:
            yield f"exercise.{exercise.id}.{word}", chosen, f"exercises.{exercise.id}"
        if exercise.target_leg == "both" and not exercise.dose.per_side:
            yield "plan.whole_body", chosen, f"exercises.{exercise.id}"
        for out in exercise.not_when:
            yield f"leave_out.{out.reason}", chosen, f"exercises.{exercise.id}.not_when.{out.reason}"
    for thing in screen.exercises.equipment:
        yield f"equipment.{thing}", chosen, f"equipment.{thing}"


def _position_keys(screen: Screen) -> Iterator[tuple[str, str, str]]:
    """List the words for what position comes to, where a screen looks at it."""
    if screen.findings.position_first is not None:
        yield "plan.why.position_first", file_of(screen, "findings"), "position_first"
    if screen.findings.position_first is not None or any(t.context == POSITION for t in screen.tests.values()):
        yield from ((key, file_of(screen, "findings"), "position_first") for key in ("position.found", "position.fine"))


def _test_keys(screen: Screen, test: Test) -> Iterator[str]:
    """List what is said of a test beside its own words: sides, ways round, phases, further tries."""
    if test.sides == "each":
        yield "screen.one_side"
    if set(test.sensations) & set(screen.file.invalid_sensations):
        yield "screen.test_invalid"
    seen = (*test.compensations, *(word for answer in test.answers for word in answer.compensations or ()))
    yield from (f"option.compensations.{word}" for word in dict.fromkeys(seen))
    for phase in test.phases:
        if phase != "none":
            yield from (f"phase.{phase}", f"plan.why.phase.{phase}")
    if test.clean is not None:
        yield from ("again.clean.name", "again.clean.why")
    if test.cues:
        yield from ("cue.why", "cue.worked")
    if test.degrees is not None:
        yield "option.degrees.unknown"


def _question_keys(question: Question) -> Iterator[str]:
    if question.test is None and "." not in question.id:
        yield from (f"{question.id}.{word}" for word in ("ask", "why", "name"))
        if len(question.rows) > 1 and question.kind != "checklist":
            yield from (f"{question.id}.row.{row.path.rpartition('.')[2]}" for row in question.rows)
    if question.kind == "checklist":
        for row in question.rows:
            item = row.path.rpartition(".")[2]
            yield from (f"{question.id}.{item}", f"{question.id}.{item}_full")


def _options_worded(screen: Screen, question: Question, words: Mapping[str, str], language: str) -> Iterator[Problem]:
    if question.kind == "checklist" or (question.test is None and "." in question.id):
        return
    file, at = place_of(screen, question)
    for row in question.rows:
        last = row.path.rpartition(".")[2]
        for option in row.options:
            stem = question.test or question.id
            keys = (f"{question.id}.{last}.{option.id}", f"{stem}.{option.id}", f"{stem}.{last}.{option.id}")
            if not any(key in words for key in (*keys, f"option.{last}.{option.id}", f"option.{option.id}")):
                says = f"wording/{language}.yaml has no label for {option.id} of {question.id}; add {keys[1]}"
                yield Problem(file=file, at=at, says=says)


def _cues_worded(screen: Screen, words: Mapping[str, str], language: str) -> Iterator[Problem]:
    """Check that each cue has a name and a text, in general or of its test."""
    for test in screen.tests.values():
        for cue in test.cues:
            kinds = ("with", "away") if cue.removable else ("with",)
            for word in (f"{kind}.{word}" for kind in kinds for word in ("name", "ask")):
                if f"cue.{cue.id}.{word}" not in words:
                    says = f"wording/{language}.yaml lacks cue.{cue.id}.{word}; add it"
                    yield Problem(file=file_of(screen, "screen"), at=f"tests.{test.id}.cues.{cue.id}", says=says)


def _follow_ups_worded(screen: Screen, words: Mapping[str, str], language: str) -> Iterator[Problem]:
    """Check that what is asked after a test's level, and its further tries, have words in general or of the test."""
    for question in screen.questions:
        if question.test is None:
            continue
        test, field = screen.tests[question.test], question.field
        wanted: list[tuple[str, ...]] = [(f"follow.{field}.name",)] if field != "level" else []
        if field != "level":
            wanted += [(f"follow.{field}.{word}", f"{test.id}.{field}.{word}") for word in ("ask", "why")]
        elif question.run == "1A2":
            wanted += [("again.clean.ask", f"again.clean.{test.id}.ask")]
        elif question.run == "2A2":
            wanted += [("again.second.ask", f"again.second.{test.id}.ask")]
        for keys in wanted:
            if not any(key in words for key in keys):
                says = f"wording/{language}.yaml lacks {keys[0]}; add it"
                yield Problem(file=file_of(screen, "screen"), at=f"tests.{test.id}", says=says)


def _topics_worded(screen: Screen, words: Mapping[str, str], language: str) -> Iterator[Problem]:
    """Check that what a client may ask after has an answer, and that every driver can be asked after."""
    topics = (screen.lexicon.get(language) or screen.lexicon.get("en", {})).get("topics", {})
    file = f"screens/{screen.id}/lexicon/{language}.yaml"
    for topic in topics:
        if topic not in SHARED_TOPICS and f"asked.{topic}" not in words:
            says = f"wording/{language}.yaml lacks asked.{topic}, which a client may ask after; add it"
            yield Problem(file=file, at=f"topics.{topic}", says=says)
    for topic in (*screen.file.drivers, "contexts"):
        if topic not in topics:
            says = f"topics of the lexicon has no words to ask after {topic} by; add {topic}: [words]"
            yield Problem(file=file, at="topics", says=says)


def _words_fit(screen: Screen) -> Iterator[Problem]:
    for language, words in screen.wording.items():
        for key, text in words.items():
            file = _wording(screen, language, key)
            if FORBIDDEN.search(text):
                yield Problem(file=file, at=key, says=f"{key} cues internal rotation; say what to do instead")
            for slot in _slots(text) - ADVICE_SLOTS if re.fullmatch(r"flag\..*\.advice", key) else ():
                says = f"{key} has {{{slot}}}, which nothing fills; it takes: {', '.join(sorted(ADVICE_SLOTS))}"
                yield Problem(file=file, at=key, says=says)
            if DIAGNOSIS.search(text) and not key.endswith(".summary"):
                yield Problem(file=file, at=key, says=f"{key} names a diagnosis; say what was reported")


def _slots(text: str) -> set[str]:
    return {slot for _, slot, _, _ in Formatter().parse(text) if slot is not None}


def _unasked(screen: Screen) -> Iterator[Problem]:
    """Find criteria that read facts which nothing asks for."""
    derived = derived_of(screen)
    alarms = {f"reports.{item}" for item in screen.lexicon.get("en", {}).get("red_flags", {})}
    for use in criteria_of(screen):
        for path in paths_of(use.criterion):
            if not is_known(screen, path, alarms, derived):
                says = f"{use.name} reads {path}, which nothing asks for; ask it or mend the path"
                yield Problem(file=use.file, at=use.at, says=says)


def _known(screen: Screen) -> Iterator[Problem]:
    """Check that ids lead somewhere."""
    yield from _demands_known(screen)
    file = file_of(screen, "exercises")
    library = {exercise.id: exercise for exercise in screen.exercises.exercises}
    things = set(screen.exercises.equipment)
    for ladder in screen.exercises.ladders:
        at = f"ladders.{ladder.id}"
        for role in ("opener", "builder", "lift"):
            chosen = ladder.first.get(role, ())
            if not chosen:
                yield Problem(file=file, at=at, says=f"ladder {ladder.id} has no {role}; name at least one")
            for exercise_id in chosen:
                if exercise_id not in library:
                    says = f"ladder {ladder.id} names {exercise_id}, which is no exercise; add or drop it"
                    yield Problem(file=file, at=f"{at}.first.{role}", says=says)
    for at, ids in openers_of(screen):
        for exercise_id in ids:
            if exercise_id not in library:
                says = f"{at} names {exercise_id}, which is no exercise; add or drop it"
                yield Problem(file=file, at=at, says=says)
    for test_id in screen.exercises.cue_opener:
        if test_id not in screen.tests:
            says = f"cue_opener names {test_id}, which is no test; mend it"
            yield Problem(file=file, at=f"cue_opener.{test_id}", says=says)
    for exercise in library.values():
        yield from (
            Problem(file=file, at=f"exercises.{exercise.id}", says=says)
            for says in _exercise_known(exercise, library, things)
        )
    if not any(ladder.context is None for ladder in screen.exercises.ladders):
        says = "exercises.yaml has no mixed ladder (context null); add one for unclear findings"
        yield Problem(file=file, at="ladders", says=says)


def derived_of(screen: Screen) -> frozenset[str]:
    """List what is derived for criteria of a screen, besides `<test>_gap`: what a look at no facts derives."""
    return frozenset(name for look in looks(screen, Facts()).values() for name in look.derived)


def is_known(screen: Screen, path: str, alarms: Collection[str], derived: Collection[str]) -> bool:
    """Tell whether a fact path is one that something asks for, derives, or raises from words (*alarms*)."""
    asked = screen.asked | set(SETTINGS) | set(alarms)
    room, _, rest = path.removeprefix("other.").partition(".")
    if (
        ":" in room
        and not room.endswith(":1A1")
        and not any(other.startswith(f"{room.removesuffix(':1A1')}.") for other in asked)
    ):
        return False  # a try that is never made
    return (
        (path in asked and room in ("profile", "reports"))
        or (room == "reports" and rest.startswith("unsure_"))
        or (room == "derived" and (rest in derived or rest.removesuffix("_gap") in screen.tests))
        or (room.partition(":")[0] in screen.tests and rest.rpartition(".")[2] in ATTEMPT_FIELDS)
    )


def _demands_known(screen: Screen) -> Iterator[Problem]:
    demands = {demand.id for demand in screen.file.demands}
    for question in screen.file.life:
        if question.id in ("task", "sport"):
            for option in question.options:
                if option not in demands and option != "nothing":
                    says = f"{question.id} {option} has no demand; add it to demands in screen.yaml"
                    yield Problem(file=file_of(screen, "screen"), at=f"life.{question.id}", says=says)


def _exercise_known(exercise: Exercise, library: dict[str, Exercise], things: set[str]) -> Iterator[str]:
    for thing in exercise.equipment:
        if thing not in things:
            yield f"exercise {exercise.id} needs {thing}, which nobody is asked about; add it to equipment"
    for name, other in (("pair", exercise.pair), ("easier", exercise.easier), ("harder", exercise.harder)):
        if other is not None and other not in library:
            yield f"exercise {exercise.id} has {name} {other}, which is no exercise; mend it"


def criteria_of(screen: Screen) -> Iterator[Use]:
    """List every criterion of a screen and of the safety content, and where it stands."""
    written, chosen, found_in = (file_of(screen, name) for name in ("screen", "exercises", "findings"))
    gate = "safety/gate.yaml"
    for flag in screen.safety.flags:
        flags = flags_file(screen, flag.id)
        yield Use(name=f"flag {flag.id}", file=flags, at=f"flags.{flag.id}", criterion=flag.when)
        if flag.exercise_ok_when is not None:
            at = f"flags.{flag.id}.exercise_ok_when"
            yield Use(name=f"flag {flag.id}", file=flags, at=at, criterion=flag.exercise_ok_when)
    for page in screen.safety.questions:
        at = f"questions.{page.id}"
        if page.ask_when is not None:
            yield Use(name=f"question {page.id}", file=gate, at=at, criterion=page.ask_when, tapped=True)
        for row in page.rows:
            if row.ask_when is not None:
                name, place = f"row {row.path} of question {page.id}", f"{at}.rows.{row.path}"
                yield Use(name=name, file=gate, at=place, criterion=row.ask_when, tapped=True)
    for asked in screen.file.life:
        if asked.ask_when is not None:
            at = f"life.{asked.id}"
            yield Use(name=f"question {asked.id}", file=written, at=at, criterion=asked.ask_when, tapped=True)
    for section in ("limits", "drivers", "confidence", "priority", "notes"):
        for rule in getattr(screen.findings, section):
            own = getattr(rule, "context", None)
            yield Use(
                name=f"rule {rule.id}",
                file=found_in,
                at=f"{section}.{rule.id}",
                criterion=rule.when,
                contexts=(own,) if own else tuple(getattr(rule, "contexts", ())) or contexts_of(screen),
                sided=True,
            )
    opens = getattr(screen.findings, "position_first", None)
    if opens is not None:
        yield Use(name="position_first", file=found_in, at="position_first", criterion=opens)
    for test in screen.tests.values():
        at = f"tests.{test.id}"
        for out in test.leave_out:
            place = f"{at}.leave_out.{out.reason}"
            yield Use(name=f"test {test.id}", file=written, at=place, criterion=out.when, tapped=True)
        if test.ask_when is not None:
            use = Use(name=f"test {test.id}", file=written, at=at, criterion=test.ask_when, sided=True, tapped=True)
            yield use
    for number, second in enumerate(screen.file.second):
        if second.when is not None:
            own = screen.tests[second.test].context
            yield Use(
                name=f"second look at {second.test}",
                file=written,
                at=f"second.{number}",
                criterion=second.when,
                contexts=(own,) if own in contexts_of(screen) else contexts_of(screen),
                sided=True,
            )
    for exercise in screen.exercises.exercises:
        for out in exercise.not_when:
            at = f"exercises.{exercise.id}.not_when.{out.reason}"
            yield Use(name=f"exercise {exercise.id}", file=chosen, at=at, criterion=out.when, sided=True)


def openers_of(screen: Screen) -> Iterator[tuple[str, Sequence[str]]]:
    """List the drills that may open a session whatever the ladder, and where they stand."""
    yield "position_opener", screen.exercises.position_opener
    for test_id, ids in screen.exercises.cue_opener.items():
        yield f"cue_opener.{test_id}", ids


def contexts_of(screen: Screen) -> tuple[str, ...]:
    """List the contexts that a screen's rules speak of, in their order."""
    limits, drivers = screen.findings.limits, screen.findings.drivers
    return tuple(dict.fromkeys([*(rule.context for rule in limits), *(rule.context for rule in drivers)]))


def _sourced(screen: Screen) -> Iterator[Problem]:
    for name, file, at, source in sources_of(screen):
        if not re.search(r"\b(evidence|proposal)\b", source):
            says = f"{name} has source {source!r}; name an evidence row or say proposal"
            yield Problem(file=file, at=at, says=says)


def sources_of(screen: Screen) -> Iterator[tuple[str, str, str, str]]:
    """List what has a source: its name, the file and the name in it, and the source."""
    written, chosen, found_in = (file_of(screen, name) for name in ("screen", "exercises", "findings"))
    for flag in screen.safety.flags:
        yield f"flag {flag.id}", flags_file(screen, flag.id), f"flags.{flag.id}", flag.source
    for page in screen.safety.questions:
        yield f"question {page.id}", "safety/gate.yaml", f"questions.{page.id}", page.source
    for section in ("limits", "drivers", "confidence", "priority", "notes"):
        for rule in getattr(screen.findings, section):
            yield f"rule {rule.id}", found_in, f"{section}.{rule.id}", rule.source
    for asked in screen.file.life:
        yield f"question {asked.id}", written, f"life.{asked.id}", asked.source
    for test in screen.tests.values():
        yield f"test {test.id}", written, f"tests.{test.id}", test.source
        for out in test.leave_out:
            yield f"test {test.id}", written, f"tests.{test.id}.leave_out.{out.reason}", out.source
        if test.clean is not None:
            yield f"test {test.id}", written, f"tests.{test.id}.clean", test.clean.source
    for number, second in enumerate(screen.file.second):
        yield f"second look at {second.test}", written, f"second.{number}", second.source
    for demand in screen.file.demands:
        yield f"demand {demand.id}", written, f"demands.{demand.id}", demand.source
    for ladder in screen.exercises.ladders:
        yield f"ladder {ladder.id}", chosen, f"ladders.{ladder.id}", ladder.source
    for exercise in screen.exercises.exercises:
        yield f"exercise {exercise.id}", chosen, f"exercises.{exercise.id}", exercise.source
        for out in exercise.not_when:
            yield f"exercise {exercise.id}", chosen, f"exercises.{exercise.id}.not_when.{out.reason}", out.source
