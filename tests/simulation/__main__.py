"""`python -m tests.simulation --clients 200 --days 400 --seed 1`: let clients live, and print what was wrong."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from rules import load_library
from tests.simulation.judge import DAILY, Diary, Finding, gravest_first, judge
from tests.simulation.world import SPRING, World

AROUND = timedelta(days=3)
"""How much of a diary is shown before a finding."""


def main(given: Sequence[str] | None = None) -> int:
    """Run; 1 where anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--days", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--starts", type=_instant, default=SPRING, help="YYYY-MM-DD, noon UTC")
    parser.add_argument("--only", type=int, action="append", help="live with this client alone; may be repeated")
    parser.add_argument(
        "--show", type=int, default=0, metavar="N", help="show the diary before N findings of each rule"
    )
    chosen = parser.parse_args(given)
    logging.disable(logging.ERROR)  # the outages are meant
    numbers = chosen.only or range(chosen.clients)
    world = World(load_library(), numbers, days=chosen.days, seed=chosen.seed, begins=chosen.starts)
    began = time.process_time()
    diaries, findings = asyncio.run(world.live())
    lived = time.process_time()
    for diary in diaries:
        findings += judge(diary)
    judged = time.process_time()
    _report(diaries, findings, chosen.show)
    told = sum(entry.what in DAILY for diary in diaries for entry in diary.entries)
    _say(
        f"{len(diaries)} clients, {chosen.days} days, seed {chosen.seed}: {told} daily prompts,"
        f" {sum(len(diary.entries) for diary in diaries)} lines, {len(findings)} findings;"
        f" lived in {lived - began:.0f} s of processor, judged in {judged - lived:.0f} s"
    )
    return int(bool(findings))


def _instant(words: str) -> datetime:
    return datetime.fromisoformat(words).replace(hour=12, tzinfo=UTC)


def _report(diaries: Sequence[Diary], findings: Sequence[Finding], show: int) -> None:
    by_name = {diary.client: diary for diary in diaries}
    shown: Counter[str] = Counter()
    for finding in gravest_first(findings):
        shown[finding.rule] += 1
        if shown[finding.rule] <= max(5, show):
            _say(str(finding))
        if shown[finding.rule] <= show and finding.client in by_name:
            _diary(by_name[finding.client], finding.at)
    for rule, count in shown.items():
        _say(f"{count:6} {rule}")


def _diary(diary: Diary, at: datetime) -> None:
    for begin, end in diary.down:
        if at - AROUND <= end and begin <= at:
            _say(f"      down {begin:%m-%d %H:%M:%S} to {end:%m-%d %H:%M:%S}")
    for entry in diary.entries:
        if at - AROUND <= entry.at <= at + timedelta(hours=12):
            text = " ".join(entry.text.split())[:110]
            _say(f"      {entry.at:%m-%d %H:%M:%S} {entry.who:6} {entry.what:9} {text}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
