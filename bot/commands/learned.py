"""`coxa rules disagreements` and `agreement`: where coaches decided or saw otherwise; no client is named."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.storage.store import SqlStore

Kept = Sequence[tuple[Any, Mapping[str, Any]]]


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
    """Say, test by test and in all, how often client and coach saw the same, with kappa."""
    from bot.coaching.agreement import FEW, agreement
    from rules.criteria import LEVELS

    rows = await store.learned("rating")
    pairs: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for _, value in rows:
        for test in (value["test"], "all"):
            pairs[test].append((value["client"], value["coach"]))
    found = {test: told for test in sorted(pairs) if (told := agreement(pairs[test], LEVELS)) is not None}
    if as_json:
        return json.dumps({test: vars(told) for test, told in found.items()}, indent=1) + "\n"
    if not found:
        return "No coach has rated a test yet.\n"
    lines = [f"{'test':<8}{'n':>5}{'same':>7}{'kappa':>8}{'weighted':>10}"]
    for test, told in sorted(found.items(), key=lambda pair: pair[0] == "all"):
        few = f"  few: under {FEW}" if told.count < FEW else ""
        kappas = "".join(
            f"{value:>{wide}.2f}" if value is not None else f"{'-':>{wide}}"
            for value, wide in ((told.kappa, 8), (told.weighted, 10))
        )
        lines.append(f"{test:<8}{told.count:>5}{told.same:>7.0%}{kappas}{few}")
    lines.append(
        "kappa: Cohen's; 0 is chance, 1 always the same; weighted: one step apart is half of two; -: no meaning"
    )
    return "\n".join(lines) + "\n"
