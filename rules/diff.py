"""Two versions of the content + facts -> whose result would change, and how."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from rules.assess import assess
from rules.facts import Facts
from rules.library import Library
from rules.progression import NoPlan, first_plan
from rules.screen import Screen


@dataclass(frozen=True, kw_only=True)
class Replay:
    """Facts to be judged by both versions; `name` is how they are told, and never a person's name."""

    name: str
    screen: str
    facts: Facts


@dataclass(frozen=True, kw_only=True)
class Change:
    """What would change for one set of facts, a line each."""

    name: str
    screen: str
    lines: tuple[str, ...]


def compare(old: Library, new: Library, replays: Iterable[Replay]) -> Iterator[Change]:
    """Judge each by both versions and give those whose finding, flags, priority or first exercise would change."""
    for replay in replays:
        before, after = (_outcome(library.screens.get(replay.screen), replay.facts) for library in (old, new))
        lines = tuple(_lines(before, after))
        if lines:
            yield Change(name=replay.name, screen=replay.screen, lines=lines)


def _outcome(screen: Screen | None, facts: Facts) -> Mapping[str, str]:
    """Say what facts come to: by what is compared, in the order in which it is told."""
    if screen is None:
        return {"screen": "not there"}
    said = assess(screen, facts)
    told = {"screen": "there"}
    for finding in said.findings:
        limited = {"yes": "limited", "no": "not limited", "unknown": "not known"}[finding.limited]
        parts = (limited, finding.driver, finding.confidence)
        told[f"{finding.side} {finding.context}"] = " ".join(part for part in parts if part)
    for flag in said.flags:
        told[f"flag {flag.id}"] = f"{flag.urgency}, {flag.action}"
    priority = said.priority
    leads = f", {priority.side or 'both sides'} {priority.context}" if priority.context is not None else ""
    told["priority"] = priority.kind.replace("_", " ") + leads
    plan = first_plan(screen, said, facts)
    told["first exercise"] = f"none ({plan.reason})" if isinstance(plan, NoPlan) else plan.daily[0].exercise
    return told


def _lines(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    if before["screen"] != after["screen"]:
        yield f"screen: {before['screen']} -> {after['screen']}"
        return
    for what in dict.fromkeys((*before, *after)):
        was, will = before.get(what), after.get(what)
        if was != will:
            yield f"{what}: {was or 'not there'} -> {will or 'not there'}"
