"""`coxa rules`: for those who write the rules: check, explain, diff, docs; and the schema of what classify reads."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.commands import learned
from rules import ContentError, Facts, Library, Screen

if TYPE_CHECKING:
    from rules.diff import Replay
    from rules.sound import Examined

NAME = "rules"
YAML = (".yaml", ".yml")
READ = (*YAML, ".json", ".jsonl")
"""How the names of files with facts end."""


class Refused(Exception):
    """Something that can't be done as asked; the message says what to do."""


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command and its own subcommands."""
    parser = commands.add_parser(NAME, help="about the rules: check, explain, diff, docs, schema")
    topics = parser.add_subparsers(title="topics", metavar="TOPIC", required=True)
    checking = topics.add_parser("check", help="look for what an author must mend, with file and line")
    checking.add_argument("folder", metavar="FOLDER", nargs="?", type=Path, help="a content folder (default: in use)")
    checking.set_defaults(run=lambda chosen: _tried(run_check, chosen))
    explaining = topics.add_parser(
        "explain",
        help="say how a result came about",
        description="Print the trace of one client's result. FILE holds what coxa classify reads, the same as YAML,"
        " or cases (with --case).",
    )
    explaining.add_argument("file", metavar="FILE", help="facts as JSON or YAML, or - for standard input")
    explaining.add_argument("--case", metavar="NAME", help="the case of a file of cases")
    explaining.set_defaults(run=lambda chosen: _tried(run_explain, chosen))
    comparing = topics.add_parser(
        "diff",
        help="say whose result would change between two versions of the content",
        description="Replay facts through two content folders. Changes nothing and messages no one."
        " Exit code 0: nothing changes; 1: something does; 2: it could not be done.",
    )
    comparing.add_argument("old", metavar="OLD", type=Path, help="a content folder, as COXA_SCREENS takes")
    comparing.add_argument("new", metavar="NEW", type=Path, help="the other one")
    comparing.add_argument(
        "--facts", metavar="PATH", type=Path, nargs="+", help="files or folders with facts (default: all cases.yaml)"
    )
    comparing.add_argument("--stored", action="store_true", help="replay all stored screenings, too")
    comparing.set_defaults(run=lambda chosen: _tried(run_diff, chosen))
    writing = topics.add_parser("docs", help="write the rules as one readable page a screen")
    writing.add_argument("folder", metavar="FOLDER", nargs="?", type=Path, help="a content folder (default: in use)")
    writing.add_argument("--out", metavar="FILE", type=Path, help="write here instead of printing")
    writing.add_argument("--screen", metavar="ID", help="only this screen")
    writing.set_defaults(run=lambda chosen: _tried(run_docs, chosen))
    schema = topics.add_parser("schema", help="print the JSON Schema of what coxa classify reads")
    schema.set_defaults(run=run)
    learned.add(topics)


def run(_: argparse.Namespace) -> int:
    """Print the schema."""
    from bot.commands.classify import Case

    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Case.model_json_schema(by_alias=True),
    }
    sys.stdout.write(json.dumps(schema, indent=2, ensure_ascii=False) + "\n")
    return 0


def _tried(action: Any, chosen: argparse.Namespace) -> int:
    """Run a topic; 2 and one line on standard error for what can't be done."""
    try:
        return int(action(chosen))
    except BrokenPipeError:  # the door handles it: whoever read our output has read enough
        raise
    except (Refused, ContentError) as error:
        said = str(error)
    except OSError as error:
        said = f"{error.filename}: {error.strerror}"
    sys.stdout.flush()
    sys.stderr.write(f"coxa rules: {said}\n")
    return 2


# --- check -------------------------------------------------------------------------------------------------------


def run_check(chosen: argparse.Namespace) -> int:
    """Check a content folder; 1 where something has to be mended."""
    return report(_folder(chosen.folder))


def report(folder: Path | None) -> int:
    """Print what is wrong with the content, what there is, and what was looked at; 1 where something is wrong."""
    from rules import load_library
    from rules.check import placed
    from rules.sound import examine

    try:
        library = load_library(folder)
    except ContentError as error:
        sys.stdout.write(f"{error}\n")
        return 1
    examined = examine(library)
    shown = _shown(library.root)
    for line in placed(library, examined.problems, shown):
        sys.stdout.write(f"{line}\n")
    for line in placed(library, examined.notes, shown):
        sys.stdout.write(f"note: {line}\n")
    for line in (*counts(library), looked_at(examined)):
        sys.stdout.write(f"{line}\n")
    count = len(examined.problems)
    sys.stdout.write("no problems\n" if not count else f"{count} problem{'' if count == 1 else 's'}\n")
    return 1 if count else 0


def counts(library: Library) -> Iterator[str]:
    """Say how much there is of what, screen by screen."""
    for screen in library.screens.values():
        languages = ", ".join(f"{name} ({len(words)} texts)" for name, words in sorted(screen.wording.items()))
        yield (
            f"{screen.id} {screen.version}: {len(screen.tests)} tests, {len(screen.questions)} questions,"
            f" {len(screen.safety.flags)} flag rules, {len(screen.exercises.exercises)} exercises;"
            f" wording: {languages or 'none'}"
        )


def looked_at(examined: Examined) -> str:
    """Say what was looked at, in numbers."""
    return "looked at: " + ", ".join(f"{number} {what}" for what, number in sorted(examined.counts.items()))


def _folder(given: Path | None) -> Path | None:
    """Give the content folder that was named, or that of the settings; raises Refused for what is none."""
    from bot.settings import read_settings

    if given is None:
        return read_settings().screens
    if not (given / "screens").is_dir():
        raise Refused(f"{given} is no content folder; give one with safety/ and screens/, as COXA_SCREENS takes")
    return given


def _shown(root: Path | None) -> str:
    """Call a folder as short as can be from here."""
    if root is None:
        return ""
    near = os.path.relpath(root)
    return str(root) if near.startswith("..") else near


# --- explain -----------------------------------------------------------------------------------------------------


def run_explain(chosen: argparse.Namespace) -> int:
    """Print the trace of each client of a file."""
    from bot.settings import read_settings
    from rules import load_library
    from rules.explain import explain

    library = load_library(read_settings().screens)
    text = sys.stdin.read() if chosen.file == "-" else _text(Path(chosen.file))
    given = _given(text, chosen.file, library)
    if chosen.case is not None:
        given = {name: one for name, one in given.items() if name == chosen.case}
        if not given:
            raise Refused(f"{chosen.file} has no case {chosen.case!r}; give a name that stands there")
    for name, (screen, facts) in given.items():
        if len(given) > 1:
            sys.stdout.write(f"=== {name}\n")
        sys.stdout.write(explain(screen, facts) + ("\n" if len(given) > 1 else ""))
    return 0


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Refused(f"{path}: no UTF-8 text ({error.reason}); give facts as JSON or YAML") from None


def _given(text: str, name: str, library: Library) -> Mapping[str, tuple[Screen, Facts]]:
    """Read clients of a file: cases, one YAML mapping, a JSON object or JSON Lines; raises Refused naming the field."""
    from bot.commands.classify import BadInput, case_of, screen_of
    from rules.questions import problems

    found: dict[str, tuple[Screen, Facts]] = {}
    for where, document in _documents(text, name):
        try:
            if isinstance(document, Facts):
                screen, facts = _of_folder(name, library), document
            else:
                case = case_of(document)
                screen = screen_of(case, library)
                facts = Facts(profile=case.profile, reports=case.reports, attempts=case.attempts)
        except BadInput as error:
            raise Refused(f"{name}: {where}: {error}" if where else f"{name}: {error}") from None
        if wrong := problems(screen, facts):
            raise Refused(f"{name}: {where}: {wrong[0]}" if where else f"{name}: {wrong[0]}")
        found[where or name] = (screen, facts)
    return found


def _documents(text: str, name: str) -> Iterator[tuple[str, Any]]:
    """Give each client of a text, with what it is called there."""
    import io

    from bot.commands.classify import BadInput
    from bot.commands.classify import documents as json_documents
    from rules.cases import facts_by_name
    from rules.library import parse_yaml

    if not name.endswith(YAML) and text.lstrip()[:1] in ("{", "[", ""):
        try:
            for where, document, _ in json_documents(io.StringIO(text)):
                yield where.removesuffix(": "), document
        except BadInput as error:
            raise Refused(f"{name}: {error}") from None
        return
    data = parse_yaml(text, name=name)
    if isinstance(data, Mapping) and "cases" in data:
        try:
            yield from facts_by_name(data).items()
        except ValueError as error:
            raise Refused(f"{name}: {error}") from None
        return
    yield "", data


def _of_folder(name: str, library: Library) -> Screen:
    """Give the screen whose folder a file of cases stands in, or the only one."""
    folder = Path(name).absolute().parent.name
    if folder in library.screens:
        return library.screens[folder]
    if len(library.screens) == 1:
        return next(iter(library.screens.values()))
    raise Refused(
        f"{name}: of which screen are these cases? Put them into the folder of one of {', '.join(library.screens)}"
    )


# --- diff --------------------------------------------------------------------------------------------------------


def run_diff(chosen: argparse.Namespace) -> int:
    """Print whose result would change; 1 where somebody's would."""
    from rules import load_library
    from rules.diff import compare

    folders = [_folder(chosen.old), _folder(chosen.new)]
    old, new = (load_library(folder) for folder in folders)
    replays = list(_replays(chosen.facts, [folder for folder in folders if folder], (old, new)))
    unread = 0
    if chosen.stored:
        stored, unread = _stored()
        replays += stored
    if not replays and not unread:
        sys.stdout.write("nothing to replay\n")
    changes = list(compare(old, new, replays))
    for change in changes:
        sys.stdout.write(f"{change.name} ({change.screen})\n")
        for line in change.lines:
            sys.stdout.write(f"  {line}\n")
    sys.stdout.write(f"{len(changes)} of {len(replays)} would change\n")
    if unread:
        sys.stdout.write(f"{unread} stored screenings can't be read as facts and were passed over\n")
    return 1 if changes else 0


def _replays(
    given: Sequence[Path] | None, folders: Sequence[Path], libraries: tuple[Library, Library]
) -> Iterator[Replay]:
    """Read the facts to replay, each once: those of the files named, or all written cases of both folders."""
    from rules.diff import Replay

    seen: set[tuple[str, str]] = set()
    for file in _files(given, folders):
        found = _of_either(_text(file), str(file), libraries)
        for name, (screen, facts) in found.items():
            key = (screen.id, facts.model_dump_json())
            if key not in seen:
                seen.add(key)
                told = name if given is None else str(file) + (f": {name}" if len(found) > 1 else "")
                yield Replay(name=told, screen=screen.id, facts=facts)


def _of_either(text: str, name: str, libraries: tuple[Library, Library]) -> Mapping[str, tuple[Screen, Facts]]:
    """Read clients that one version or the other takes: an answer may be new, or gone."""
    old, new = libraries
    try:
        return _given(text, name, new)
    except Refused as refused:
        try:
            return _given(text, name, old)
        except Refused:
            raise refused from None


def _files(given: Sequence[Path] | None, folders: Sequence[Path]) -> Iterator[Path]:
    if given is None:
        for folder in folders:
            yield from sorted((folder / "screens").glob("*/cases.yaml"))
        return
    for path in given:
        if (path / "screens").is_dir():
            yield from sorted((path / "screens").glob("*/cases.yaml"))
        elif path.is_dir():
            files = sorted(file for file in path.rglob("*") if file.suffix in READ)
            if not files:
                raise Refused(f"{path} holds no facts; give files that end in {', '.join(READ)}")
            yield from files
        else:
            yield path


def _stored() -> tuple[Sequence[Replay], int]:
    """Read all stored screenings, named by numbers alone; and how many can't be read."""
    from bot.settings import read_settings
    from bot.storage.screenings import stored_screenings
    from bot.wiring import explained
    from rules.diff import Replay

    settings = read_settings()
    with explained(settings):
        found = asyncio.run(stored_screenings(settings.url.get_secret_value(), settings.key_file))
    replays = [
        Replay(name=f"person {one.person}, screening {one.number}", screen=one.screen, facts=one.facts)
        for one in found
        if one.facts is not None
    ]
    return replays, len(found) - len(replays)


# --- docs --------------------------------------------------------------------------------------------------------


def run_docs(chosen: argparse.Namespace) -> int:
    """Print or write one page a screen."""
    from rules import load_library
    from rules.docs import page
    from rules.library import read_texts

    library = load_library(_folder(chosen.folder))
    screens = [library.screen(chosen.screen)] if chosen.screen else list(library.screens.values())
    texts = read_texts(library.root) if library.root is not None else {}
    pages = "\n".join(page(screen, texts, _cases(screen, texts)) for screen in screens)
    if chosen.out is None:
        sys.stdout.write(pages)
    else:
        chosen.out.write_text(pages, encoding="utf-8")
    return 0


def _cases(screen: Screen, texts: Mapping[str, str]) -> Mapping[str, Facts]:
    """Read the written cases of a screen; none where it has no cases.yaml."""
    from rules.cases import facts_by_name
    from rules.library import parse_yaml

    file = f"screens/{screen.id}/cases.yaml"
    if file not in texts:
        return {}
    try:
        return facts_by_name(parse_yaml(texts[file], name=file))
    except ValueError as error:
        raise Refused(f"{file}: {error}") from None
