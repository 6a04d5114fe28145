"""`coxa check`: what a coach runs after editing content; the same as `coxa rules check`."""

from __future__ import annotations

import argparse
from typing import Any

NAME = "check"


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command."""
    parser = commands.add_parser(NAME, help="check the content: screens, safety, wording, rules")
    parser.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Read and check all content; print each problem and what there is; 1 where something is wrong."""
    from bot.commands.rules import report
    from bot.settings import read_settings

    return report(read_settings().screens)
