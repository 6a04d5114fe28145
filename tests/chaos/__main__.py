"""`python -m tests.chaos kills --clients 300 --kills 200 --seed 1 --database sqlite`: what is lost, what is doubled."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests import postgres
from tests.chaos.faults import SCENARIOS, run
from tests.chaos.judge import Verdict
from tests.chaos.mind import Unkilled, people
from tests.chaos.town import kill

DATABASES = ("sqlite", "postgresql")
MOST_SHOWN = 10
"""Findings of one rule that are printed."""


def main(given: Sequence[str] | None = None) -> int:
    """Run; 1 where anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    kills = commands.add_parser("kills", help="SIGKILL at random instants")
    kills.add_argument("--clients", type=int, default=300)
    kills.add_argument("--kills", type=int, default=200)
    faults = commands.add_parser("faults", help="trouble with Telegram, the database, the disk, the clock")
    faults.add_argument("--clients", type=int, default=30)
    faults.add_argument("--only", action="append", choices=[scenario.name for scenario in SCENARIOS])
    for command in (kills, faults):
        command.add_argument("--seed", type=int, default=1)
        command.add_argument("--jobs", type=int, default=2, help="processes that work out the screenings unkilled")
        command.add_argument("--keep", type=Path, help="a folder for databases, keys and logs, to look into a finding")
    kills.add_argument("--database", choices=DATABASES, default="sqlite")
    faults.add_argument("--database", choices=DATABASES, help="only there; otherwise both")
    chosen = parser.parse_args(given)
    with ExitStack() as stack:
        home = chosen.keep or Path(tempfile.mkdtemp(prefix="coxa-chaos-"))
        if chosen.keep is None:
            stack.callback(shutil.rmtree, home, ignore_errors=True)
        began = time.perf_counter()
        living = people(chosen.clients, chosen.seed, jobs=chosen.jobs)
        _say(f"{len(living)} screenings worked out unkilled in {time.perf_counter() - began:.0f} s")
        return (_kills if chosen.command == "kills" else _faults)(chosen, living, home, stack)


def _faults(chosen: argparse.Namespace, living: Sequence[Unkilled], home: Path, stack: ExitStack) -> int:
    found, server = 0, None
    for database in [chosen.database] if chosen.database else DATABASES:
        server = stack.enter_context(postgres.running()) if database == "postgresql" else None
        for scenario in SCENARIOS:
            if database not in scenario.databases or (chosen.only and scenario.name not in chosen.only):
                continue
            began = time.perf_counter()
            place = home / f"{database}-{scenario.name.replace(' ', '-')}"
            verdict = asyncio.run(run(scenario, place, living, seed=chosen.seed, server=server))
            took = time.perf_counter() - began
            _report(f"{scenario.name}: {chosen.clients} clients, {database}, {took:.0f} s", verdict)
            found += len(verdict.findings)
    return int(bool(found))


def _kills(chosen: argparse.Namespace, living: Sequence[Unkilled], home: Path, stack: ExitStack) -> int:
    url = None
    if chosen.database == "postgresql":
        url = stack.enter_context(postgres.running()).new_database()
        _say("two replicas behind one webhook")
    began = time.perf_counter()
    verdict, _ = asyncio.run(kill(home, living, kills=chosen.kills, seed=chosen.seed, postgres_url=url))
    took = time.perf_counter() - began
    _report(f"{chosen.clients} clients, {chosen.kills} kills, {chosen.database}, {took:.0f} s", verdict)
    return int(bool(verdict.findings))


def _report(title: str, verdict: Verdict) -> None:
    _say(title)
    for what, count in verdict.counts.items():
        _say(f"{count:8} {what}")
    shown: dict[str, int] = {}
    for finding in verdict.findings:
        shown[finding.rule] = shown.get(finding.rule, 0) + 1
        if shown[finding.rule] <= MOST_SHOWN:
            _say(f"  {finding}")
    for rule, count in shown.items():
        _say(f"{count:8} {rule}")
    _say(f"{len(verdict.findings)} findings")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
