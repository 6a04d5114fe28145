"""Reads content once; the only file of the rules that opens files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from rules.expand import flags_of, questions_of
from rules.heard import Phrase
from rules.lines import Lines
from rules.screen import ExercisesFile, FindingsFile, FlagRule, FlagsFile, Safety, Screen, ScreenFile

HERE = Path(__file__).parent
ROOMS = ("safety", "lexicon", "screens")
"""What a content folder holds."""
TRAPS = frozenset({"yes", "no", "on", "off", "y", "n"})

M = TypeVar("M", bound=BaseModel)


class ContentError(Exception):
    """Content that can't be used; the message names the file, the line where known, and what to do."""


class Library:
    """All screens by id, read and checked. `root` is the folder they were read from, where they were read."""

    def __init__(self, screens: Iterable[Screen], root: Path | None = None) -> None:
        self.screens: Mapping[str, Screen] = {screen.id: screen for screen in screens}
        self.root = root

    def screen(self, screen_id: str) -> Screen:
        """Give a screen; raises ContentError naming those there are."""
        try:
            return self.screens[screen_id]
        except KeyError:
            known = ", ".join(sorted(self.screens)) or "none"
            raise ContentError(f"there is no screen {screen_id!r}; there are: {known}") from None


def load_library(content: Path | None = None) -> Library:
    """Read every screen under *content* (a folder with `safety/` and `screens/`; default: the one in the package).

    Words that people type in any screen are those of its `lexicon/`, or the package's where it has none.
    Raises ContentError, naming file and line, for anything that a screen may not hold.
    """
    root = content or HERE
    folders = sorted(p.parent for p in (root / "screens").glob("*/screen.yaml"))
    if not folders:
        raise ContentError(f"{root}/screens holds no screen; a screen is a folder with a screen.yaml")
    safety = read_safety(root / "safety")
    lexicon = root / "lexicon" if (root / "lexicon").is_dir() else HERE / "lexicon"
    return Library([read_screen(folder, safety, root / "safety", lexicon) for folder in folders], root)


def read_texts(root: Path) -> Mapping[str, str]:
    """Read the text of every file of a content folder, by its path in the folder: YAML and the evidence beside it."""
    files = (file for room in ROOMS for file in (root / room).rglob("*") if _is_content(file))
    return {file.relative_to(root).as_posix(): file.read_text(encoding="utf-8") for file in sorted(files)}


def _is_content(file: Path) -> bool:
    return file.suffix == ".yaml" or file.name == "README.md"


def read_labelled(root: Path | None = None) -> Mapping[str, tuple[Phrase, ...]]:
    """Read the labelled phrases: the half `open` and the half `sealed`.

    Raises ContentError where the sealed half is not the one whose hash SEAL holds.
    """
    folder = (root if root is not None and (root / "labelled").is_dir() else HERE) / "labelled"
    seal, held = (folder / "SEAL").read_text(encoding="utf-8").split(), (folder / "sealed.yaml").read_bytes()
    if not seal or hashlib.sha256(held).hexdigest() != seal[0]:
        raise ContentError(f"{folder}/sealed.yaml isn't the one that was sealed; restore it, add to open.yaml instead")
    halves = {half: read_yaml(folder / f"{half}.yaml") for half in ("open", "sealed")}
    return {
        half: tuple(Phrase(kind=e["kind"], say=e["say"], expect=e["expect"]) for e in entries)
        for half, entries in halves.items()
    }


def read_safety(folder: Path) -> Safety:
    """Read gate.yaml and red_flags.yaml."""
    gate, flags = read_yaml(folder / "gate.yaml"), read_yaml(folder / "red_flags.yaml")
    for path, held, takes in (
        (folder / "gate.yaml", gate, {"questions"}),
        (folder / "red_flags.yaml", flags, {"version", "shared", "flags"}),
    ):
        for key in sorted(set(held) - takes):
            raise ContentError(f"{path}: {key} is not known here; it takes {', '.join(sorted(takes))}")
    whole = {"version": flags.get("version"), "questions": gate.get("questions"), "flags": flags.get("flags")}
    return _validated(Safety, whole, folder / "red_flags.yaml")


def read_screen(folder: Path, safety: Safety, safety_folder: Path, lexicon_folder: Path) -> Screen:
    """Read one screen folder and join it with the shared safety content and the shared words that people type."""
    file = _validated(ScreenFile, read_yaml(folder / "screen.yaml"), folder / "screen.yaml")
    if file.id != folder.name:
        raise ContentError(f"{folder}/screen.yaml: id is {file.id!r}; name it {folder.name!r} like its folder")
    own = _own_flags(folder / "flags.yaml", safety, file)
    try:
        shared = flags_of(safety.flags, file)
    except ValueError as error:
        raise ContentError(f"{safety_folder}/red_flags.yaml: {error}") from error
    return Screen(
        id=file.id,
        version=file.version,
        safety=safety.model_copy(update={"flags": _by_row(shared, own)}),
        own_flags=frozenset(flag.id for flag in own),
        parts=file.parts,
        postures=file.postures,
        tests={test.id: test for test in file.tests},
        questions=questions_of(safety, file),
        findings=_validated(FindingsFile, read_yaml(folder / "findings.yaml"), folder / "findings.yaml"),
        exercises=_validated(ExercisesFile, read_yaml(folder / "exercises.yaml"), folder / "exercises.yaml"),
        file=file,
        wording=_wording(safety_folder, folder),
        lexicon=_lexicon(safety_folder, lexicon_folder, folder),
    )


def _own_flags(path: Path, safety: Safety, screen: ScreenFile) -> tuple[FlagRule, ...]:
    """Read the flags of a screen's own tests, where it has some; their ids are theirs alone."""
    if not path.exists():
        return ()
    held = read_yaml(path) or {}
    for key in sorted(set(held) - {"shared", "flags"}):
        raise ContentError(f"{path}: {key} is not known here; it takes flags, shared")
    written = _validated(FlagsFile, {"flags": held.get("flags") or ()}, path).flags
    try:
        flags = flags_of(written, screen)
    except ValueError as error:
        raise ContentError(f"{path}: {error}") from error
    taken = {flag.id for flag in safety.flags}
    for flag in flags:
        if flag.id in taken:
            place = Lines({str(path): path.read_text(encoding="utf-8")}).place(str(path), f"flags.{flag.id}")
            raise ContentError(f"{place}: there is a flag {flag.id} already; rename this one")
        taken.add(flag.id)
    return flags


def _by_row(shared: Sequence[FlagRule], own: Sequence[FlagRule]) -> tuple[FlagRule, ...]:
    """Put a screen's own flags among the shared ones, before those of the same row: of equals the first is told."""
    rows = {flag.id: int(found[0]) if (found := re.match(r"\d+", flag.row)) else None for flag in (*shared, *own)}
    merged = list(shared)
    for flag in own:
        row = rows[flag.id]
        later = (
            place
            for place, other in enumerate(merged)
            if other not in own and row is not None and (rows[other.id] or 0) >= row
        )
        merged.insert(next(later, len(merged)), flag)
    return tuple(merged)


def read_yaml(path: Path) -> Any:
    """Read one YAML file strictly: no duplicate keys, no bare yes/no/on/off."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ContentError(f"{path}: can't be read ({error.strerror}); is the folder a screen?") from error
    return parse_yaml(text, name=str(path))


def parse_yaml(text: str, *, name: str) -> Any:
    """Read YAML text strictly; *name* is how errors call it."""
    loader = _StrictLoader(text)
    loader.name = name
    try:
        return loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise ContentError(f"{name}:{line}: {error.problem}") from error
    finally:
        loader.dispose()


class _StrictLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # chosen at run time
    """A YAML reader that refuses what YAML would silently bend."""


def _plain_numbers(first: str, resolvers: list[tuple[str, re.Pattern[str]]]) -> list[tuple[str, re.Pattern[str]]]:
    """Keep YAML's own guesses but for numbers: 18_39 and 7:30 are words to us, not 1839 and 450."""
    kept = [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":int", ":float", ":timestamp"))]
    if first in "-+0123456789":
        kept.append(("tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9]+$")))
        kept.append(("tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+\.[0-9]+$")))
    return kept


def _mapping(loader: Any, node: yaml.MappingNode) -> dict[Hashable, Any]:
    seen: set[str] = set()
    for key, _ in node.value:
        if key.value in seen:
            raise yaml.MarkedYAMLError(
                problem=f"{key.value!r} stands here twice; keep one", problem_mark=key.start_mark
            )
        seen.add(key.value)
    return dict(yaml.SafeLoader.construct_mapping(loader, node, deep=True))


def _truth(loader: Any, node: yaml.ScalarNode) -> bool:
    if node.value.lower() in TRAPS:
        raise yaml.MarkedYAMLError(
            problem=f'bare {node.value} means true or false to YAML; write "{node.value}" in quotes, or true/false',
            problem_mark=node.start_mark,
        )
    return bool(node.value.lower() == "true")


_StrictLoader.yaml_implicit_resolvers = {
    first: _plain_numbers(first, resolvers) for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_StrictLoader.add_constructor("tag:yaml.org,2002:map", _mapping)
_StrictLoader.add_constructor("tag:yaml.org,2002:bool", _truth)


def _validated(model: type[M], data: Any, path: Path) -> M:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise ContentError(f"{path}: {where}: {first['msg']}, got {first['input']!r:.80}{more}") from error


def _wording(*folders: Path) -> dict[str, dict[str, str]]:
    """Read wording/<language>.yaml of each folder; later folders may not take a key of earlier ones."""
    words: dict[str, dict[str, str]] = {}
    for folder in folders:
        for path in sorted((folder / "wording").glob("*.yaml")):
            held = words.setdefault(path.stem, {})
            for key, text in flat(read_yaml(path), str(path)).items():
                if key in held:
                    raise ContentError(f"{path}: {key} is worded elsewhere already; rename it")
                held[key] = text
    return words


def _lexicon(*folders: Path) -> dict[str, Any]:
    """Read <language>.yaml of each folder, or of its `lexicon/`; by section, later folders add to earlier ones."""
    lexicon: dict[str, Any] = {}
    for folder in folders:
        place = folder if folder.name == "lexicon" else folder / "lexicon"
        for path in sorted(place.glob("*.yaml")):
            held = lexicon.setdefault(path.stem, {})
            for section, entries in (read_yaml(path) or {}).items():
                held[section] = _joined(held[section], entries, f"{path}: {section}") if section in held else entries
    return lexicon


def _joined(first: Any, more: Any, name: str) -> Any:
    """Add a lexicon's words to those of an earlier one: lists end to end, tables by their names.

    Raises ContentError for words of another shape.
    """
    match first, more:
        case list(), list():
            return [*first, *more]
        case dict(), dict():
            joined = dict(first)
            for key, entries in more.items():
                joined[key] = _joined(first[key], entries, f"{name}.{key}") if key in first else entries
            return joined
    raise ContentError(f"{name} stands in two lexicons and is no list in both; keep one")


def flat(tree: Any, name: str) -> dict[str, str]:
    """Flatten nested wording to `a.b.c` keys; raises ContentError for anything but text."""
    words: dict[str, str] = {}

    def walk(node: Any, prefix: str) -> None:
        if isinstance(node, str):
            words[prefix] = node.strip()
        elif isinstance(node, dict):
            for key, value in node.items():
                walk(value, f"{prefix}.{key}" if prefix else str(key))
        else:
            raise ContentError(f"{name}: {prefix} is {node!r}; wording is text: put it in quotes")

    walk(tree or {}, "")
    return words
