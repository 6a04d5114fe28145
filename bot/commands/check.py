"""`coxa check`: what a coach runs after editing content: as `coxa rules check`, and how well typed words are read."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rules.heard import Heard

NAME = "check"
LEAST_RED_FLAGS = 1.0
"""Every red flag of the open half is heard: one that is missed is a problem, like a missing text."""


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command."""
    parser = commands.add_parser(NAME, help="check the content: screens, safety, wording, rules, reading")
    parser.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Check all content; print each problem and what there is; 1 where something is wrong."""
    from bot.commands.rules import report
    from bot.settings import read_settings

    folder = read_settings().screens
    wrong = report(folder)
    return wrong or hearing(folder)


def hearing(folder: Path | None) -> int:
    """Print how well typed words are read, by kind, on both halves; 1 where a red flag of the open half is missed."""
    from bot.timetable.places import zones_of
    from rules import ContentError, load_library
    from rules.heard import KINDS, Ear, score
    from rules.library import read_labelled

    def place(text: str) -> object:
        found = zones_of(text)
        return None if found is None else found.offset or found.zones

    try:
        library = load_library(folder)
        halves = read_labelled(folder)
    except ContentError as error:
        sys.stdout.write(f"{error}\n")
        return 1
    ear = Ear(library.screens.get("hip_internal_rotation") or next(iter(library.screens.values())), place)
    missed: list[Heard] = []
    for half, phrases in halves.items():
        heard = [ear.hear(phrase) for phrase in phrases]
        sys.stdout.write(f"reading, {half} half, {len(phrases)} phrases:\n")
        sys.stdout.write(f"  {'kind':<14}{'phrases':>8}{'precision':>11}{'recall':>8}  false alarms\n")
        for kind in KINDS:
            scored = score(kind, [h for h in heard if h.phrase.kind == kind])
            alarms = f"{scored.false_alarms} of {scored.silent}"
            sys.stdout.write(
                f"  {kind:<14}{scored.phrases:>8}{_share(scored.precision):>11}{_share(scored.recall):>8}  {alarms}\n"
            )
        if half == "open":
            missed = [h for h in heard if h.phrase.kind == "red_flag" and h.right < h.wanted * LEAST_RED_FLAGS]
    for line in _told(missed):
        sys.stdout.write(line)
    return 1 if missed else 0


def _told(missed: list[Heard]) -> Iterator[str]:
    for heard in missed:
        yield f"rules/safety/lexicon misses a red flag: {heard.phrase.say!r} must raise {heard.phrase.expect['must']}\n"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"
