"""`coxa check`: what a coach runs after editing content."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Any

from rules import Library

NAME = "check"


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command."""
    parser = commands.add_parser(NAME, help="check the content: screens, safety, wording")
    parser.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Read and check all content; print each problem and what there is; 1 where something is wrong."""
    from bot.settings import read_settings
    from rules import ContentError, load_library
    from rules.check import check

    try:
        library = load_library(read_settings().screens)
    except ContentError as error:
        sys.stdout.write(f"{error}\n")
        return 1
    problems = check(library)
    for problem in problems:
        sys.stdout.write(f"{problem}\n")
    for line in _counts(library):
        sys.stdout.write(f"{line}\n")
    count = len(problems)
    sys.stdout.write("no problems\n" if not count else f"{count} problem{'' if count == 1 else 's'}\n")
    return 1 if count else 0


def _counts(library: Library) -> Iterator[str]:
    """Say how much there is of what, screen by screen."""
    for screen in library.screens.values():
        languages = ", ".join(f"{name} ({len(words)} texts)" for name, words in sorted(screen.wording.items()))
        yield (
            f"{screen.id} {screen.version}: {len(screen.tests)} tests, {len(screen.questions)} questions,"
            f" {len(screen.safety.flags)} flag rules, {len(screen.exercises.exercises)} exercises;"
            f" wording: {languages or 'none'}"
        )
