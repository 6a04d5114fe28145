"""`coxa classify`: facts in, assessment and plan out."""

from __future__ import annotations

import argparse
import io
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TextIO

from pydantic import Field, ValidationError

from rules import ContentError, Facts, Library, Screen

NAME = "classify"


class Case(Facts):
    """The facts of one client: profile, reports and attempts, and the id of the screen to judge them by.

    `screen` may be left out where there is only one.
    """

    screen: str | None = Field(default=None, description="The screen's id; the only one there is by default.")


class BadInput(Exception):
    """Input that can't be judged; the message names the line, the field, what it got and what it takes."""


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        NAME,
        help="classify facts: JSON in, JSON out",
        description="Read the facts of one client (a JSON object) or of many (JSON Lines), and print"
        " the assessment and the first plan of each. What goes in: coxa rules schema.",
    )
    parser.add_argument("file", metavar="FILE", help="a file, or - for standard input")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Classify a file; exit code 2 and one line on standard error for the first thing that is wrong."""
    from bot.settings import read_settings
    from rules import load_library

    library = load_library(read_settings().screens)
    try:
        with _opened(chosen.file) as lines:
            for result in results(lines, library):
                sys.stdout.write(result + "\n")
    except (OSError, UnicodeDecodeError, BadInput) as error:
        if isinstance(error, BrokenPipeError):
            raise
        sys.stdout.flush()
        why = error.strerror if isinstance(error, OSError) else error
        sys.stderr.write(f"coxa classify: {chosen.file}: {why}\n")
        return 2
    return 0


@contextmanager
def _opened(file: str) -> Iterator[TextIO]:
    if file == "-":
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(encoding="utf-8")
        yield sys.stdin
        return
    with Path(file).open(encoding="utf-8") as lines:
        yield lines


def results(lines: TextIO, library: Library) -> Iterator[str]:
    """Judge every document of a stream: a line for a line; an object over several lines comes indented.

    Raises BadInput at the first that can't be judged, when those before it have been given.
    """
    for where, document, indent in documents(lines):
        try:
            result = judge(document, library)
        except BadInput as error:
            raise BadInput(f"{where}{error}") from error
        yield json.dumps(result, ensure_ascii=False, indent=indent)


def judge(document: Any, library: Library) -> Mapping[str, Any]:
    """Judge one document; raises BadInput naming the field."""
    from rules.assess import assess
    from rules.progression import first_plan
    from rules.questions import problems

    case = case_of(document)
    screen = screen_of(case, library)
    facts = Facts(profile=case.profile, reports=case.reports, attempts=case.attempts)
    if wrong := problems(screen, facts):
        raise BadInput(wrong[0] + _more(len(wrong) - 1))
    assessment = assess(screen, facts)
    plan = first_plan(screen, assessment, facts)
    return {"assessment": assessment.model_dump(mode="json"), "plan": plan.model_dump(mode="json")}


def documents(lines: TextIO) -> Iterator[tuple[str, Any, int | None]]:
    """Read JSON Lines as they come, or one object over several lines; blank lines are passed over."""
    first = True
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            document = _json(line)
        except BadInput as error:
            raise BadInput(f"line {number}: {error}") from error
        except json.JSONDecodeError as error:
            if not first:
                raise BadInput(f"line {number}: no JSON ({error.msg} at column {error.colno})") from error
            yield "", _whole(line + lines.read(), number), 2
            return
        yield f"line {number}: ", document, None
        first = False
    if first:
        raise BadInput("is empty; it takes a JSON object, or one a line")


def _whole(text: str, starts: int) -> Any:
    try:
        return _json(text)
    except json.JSONDecodeError as error:
        line = starts + error.lineno - 1
        raise BadInput(f"line {line}: no JSON ({error.msg} at column {error.colno})") from error


def _json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except RecursionError:
        raise BadInput("goes too deep; it takes an object with profile, reports and attempts") from None


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(key for key, _ in pairs if sum(key == other for other, _ in pairs) > 1)
        raise BadInput(f"{twice}: stands there twice; it takes one value")
    return found


def _no_number(word: str) -> NoReturn:
    raise BadInput(f"{word} is no JSON; a fact that isn't known is left out")


def case_of(document: Any) -> Case:
    if not isinstance(document, dict):
        raise BadInput(f"got {_short(document)}; it takes an object with profile, reports and attempts")
    try:
        return Case.model_validate(document)
    except ValidationError as error:
        raise BadInput(_explain(error, document)) from None


def screen_of(case: Case, library: Library) -> Screen:
    if case.screen is None and len(library.screens) == 1:
        return next(iter(library.screens.values()))
    try:
        return library.screen(case.screen or "")
    except ContentError:
        takes = ", ".join(sorted(library.screens))
        raise BadInput(f"screen: got {case.screen!r}; it takes one of: {takes}") from None


def _explain(error: ValidationError, document: Mapping[str, Any]) -> str:
    """Say in one line what the first wrong field got and what it takes."""
    errors = error.errors(include_url=False)
    field, got = _field(errors[0]["loc"], document)
    same = [e for e in errors if _field(e["loc"], document)[0] == field]
    others = len({_field(e["loc"], document)[0] for e in errors}) - 1
    match errors[0]["type"]:
        case "extra_forbidden":
            says = f"unknown; beside it there may be: {', '.join(_siblings(errors[0]['loc']))}"
        case "missing":
            says = "missing; it must be there"
        case "value_error":
            says = re.sub(r"^Value error, ", "", errors[0]["msg"])
        case _:
            takes = " or ".join(
                dict.fromkeys(re.sub(r"^(Input|String) should (be |match )?", "", e["msg"]) for e in same)
            )
            says = f"got {_short(got)}; it takes {takes}"
    return (f"{field}: " if field else "") + says + _more(others)


def _field(loc: Sequence[str | int], document: Any) -> tuple[str, Any]:
    """Name the field of an error as attempts[0].level and give what stands there."""
    name, at = "", document
    for part in loc:
        if isinstance(part, int) and isinstance(at, list) and part < len(at):
            name, at = f"{name}[{part}]", at[part]
        elif isinstance(part, str) and isinstance(at, dict):
            name, at = f"{name}.{part}".lstrip("."), at.get(part)
        else:
            break
    return name, at


def _siblings(loc: Sequence[str | int]) -> Sequence[str]:
    from rules import Attempt

    model = Attempt if len(loc) > 1 and loc[0] == "attempts" else Case
    return [info.alias or name for name, info in model.model_fields.items()]


def _more(count: int) -> str:
    return f" (and {count} more)" if count > 0 else ""


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
