"""`coxa rules disagreements` and `agreement`: where coaches decided or saw otherwise; no client is named."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from bot.coaching.agreement import FEW, Agreement

if TYPE_CHECKING:
    from bot.storage.store import SqlStore

SEEN = ("no", "yes")
"""Whether a compensation was seen."""


def add(topics: argparse._SubParsersAction[Any]) -> None:
    """Add both topics."""
    for name, text, tell in (
        ("disagreements", "list where a coach decided for another driver than was found", disagreements),
        ("agreement", "say how far clients' levels agree with what coaches saw, test by test", agreements),
    ):
        topic = topics.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}. No client is named.")
        topic.add_argument("--json", action="store_true", help="print JSON")
        topic.set_defaults(run=lambda chosen, tell=tell: _run(tell, as_json=chosen.json))


def _run(tell: Any, *, as_json: bool) -> int:
    from bot.commands.beside import with_store

    async def told(_: object, store: SqlStore) -> int:
        sys.stdout.write(await tell(store, as_json=as_json))
        return 0

    return with_store(told)


async def disagreements(store: SqlStore, *, as_json: bool) -> str:
    """Say where coaches decided otherwise, the newest first, and how often for each pair of drivers."""
    rows = await store.learned("override")
    if as_json:
        return json.dumps([{"on": at.date().isoformat(), **value} for at, value in rows], indent=1) + "\n"
    if not rows:
        return "No coach has decided for another driver yet.\n"
    pairs = Counter((value["context"], value["found"], value["decided"]) for _, value in rows)
    lines = [f"{len(rows)} in all; found -> decided:"]
    for (context, found, decided), count in pairs.most_common():
        lines.append(f"{count:>5}  {context}: {found} -> {decided}")
    lines += ["", f"{'on':<12}{'version':<12}{'context':<11}{'found':<24}{'decided':<12}reason"]
    for at, value in reversed(rows):
        found = f"{value['found']} ({value['confidence'] or 'no'} confidence)"
        lines.append(
            f"{at:%Y-%m-%d}  {value['version']:<12}{value['context'] or '-':<11}{found:<24}{value['decided']:<12}"
            f"{value['reason']}"
        )
    return "\n".join(lines) + "\n"


async def agreements(store: SqlStore, *, as_json: bool) -> str:
    """Say, test by test, in all and by compensation, how often client and coach saw the same, with kappa."""
    from bot.coaching.agreement import agreement
    from rules.criteria import LEVELS

    rows = [value for _, value in await store.learned("rating")]
    levels: dict[str, list[tuple[str, str]]] = defaultdict(list)
    ways: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for value in rows:
        for test in (value["test"], "all"):
            levels[test].append((value["client"], value["coach"]))
        for way, (told, saw) in value.get("compensations", {}).items():
            if told is not None:  # a client who was not asked disagrees with nobody
                ways[way].append((SEEN[told], SEEN[saw]))
    found = {test: told for test in sorted(levels) if (told := agreement(levels[test], LEVELS)) is not None}
    moved = {way: told for way in sorted(ways) if (told := agreement(ways[way], SEEN)) is not None}
    if as_json:
        told = {test: vars(one) for test, one in found.items()}
        return json.dumps({**told, "compensations": {way: vars(one) for way, one in moved.items()}}, indent=1) + "\n"
    if not found:
        return "No coach has rated a test yet.\n"
    wide = max(len(name) for name in (*found, *moved)) + 1
    lines = [f"{'test':<{wide}}{'n':>5}{'same':>7}{'kappa':>8}{'weighted':>10}"]
    lines += [_agreed(test, found[test], wide) for test in sorted(found, key=lambda test: test == "all")]
    lines += ["", "Compensations, seen or not:"] if moved else []
    lines += [_agreed(way, told, wide) for way, told in moved.items()]
    lines.append(
        "kappa: Cohen's; 0 is chance, 1 always the same; weighted: one step apart is half of two; -: no meaning"
    )
    return "\n".join(lines) + "\n"


def _agreed(name: str, told: Agreement, wide: int) -> str:
    kappas = "".join(
        f"{value:>{places}.2f}" if value is not None else f"{'-':>{places}}"
        for value, places in ((told.kappa, 8), (told.weighted, 10))
    )
    few = f"  few: under {FEW}" if told.count < FEW else ""
    return f"{name:<{wide}}{told.count:>5}{told.same:>7.0%}{kappas}{few}"
