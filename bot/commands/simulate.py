"""`coxa simulate`: play weeks in seconds from a script, through the real workflow and store."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Any

NAME = "simulate"


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        NAME,
        help="play weeks in seconds from a script",
        description="Play a transcript, in which days pass, clocks change, Coxa is down and people answer, through the"
        " real workflow and store, in memory; print it with local times. '= 07:35' goes to a local time, '+3 days'"
        " lets time pass, '# down 5 hours' is an outage, '# block' blocks; '# zone:', '# starts:' and '# after: FILE'"
        " stand at the head.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="scripts, or folders of them")
    parser.add_argument(
        "--check", action="store_true", help="compare with what is written; exit code 1 on a difference"
    )
    parser.add_argument("--update", action="store_true", help="write down what was said")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Play the scripts, and print, compare or write them."""
    from bot.commands.chat import check, play, read, read_before, traces
    from bot.settings import read_settings
    from bot.wiring import read_content

    settings = read_settings()
    if chosen.check or chosen.update:
        return check(chosen.files, settings, update=chosen.update)
    content = read_content(settings)
    for file in chosen.files:
        _, transcript = read(file)
        with traces():
            played = asyncio.run(play(transcript, settings, content, read_before(file, transcript)))
        sys.stdout.writelines(f"{line}\n" for line in played)
    return 0
