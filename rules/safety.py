"""facts -> flags: what a coach or a clinician must know, and what it stops."""

from __future__ import annotations

from collections.abc import Sequence

from rules.criteria import Frozen, View, weigh
from rules.screen import URGENCIES, Action, FlagRule, Safety, Urgency
from rules.truth import Values, compiled


class Flag(Frozen):
    """Something a coach or clinician must know. Words: `flag.<id>.told`, `.advice`, `.summary`.

    `because` lists the fact paths that raised it; `row` and `source` say where the rule stands in the evidence.
    """

    id: str
    row: str
    urgency: Urgency
    action: Action
    because: tuple[str, ...]
    source: str


def flags(safety: Safety, view: View) -> tuple[Flag, ...]:
    """List the flags that facts raise, the most urgent first; of one evidence row only the most urgent stands."""
    standing: dict[str, Flag] = {}
    values = view if isinstance(view, Values) else Values(view)
    for rule in safety.flags:
        if not compiled(rule.when)(values):
            continue
        held = standing.get(rule.row)
        if held is None or URGENCIES.index(rule.urgency) > URGENCIES.index(held.urgency):
            standing[rule.row] = _flag(rule, weigh(rule.when, values).because)
    return tuple(sorted(standing.values(), key=lambda flag: (-URGENCIES.index(flag.urgency), flag.id)))


def locks(raised: Sequence[Flag]) -> tuple[Flag, ...]:
    """Pick the flags that end a screening."""
    return tuple(flag for flag in raised if flag.action == "lock")


def at_once(flag: Flag) -> bool:
    """Tell whether a flag stops everything the moment it is raised."""
    return flag.action == "lock" and flag.urgency in ("emergency", "urgent")


def _flag(rule: FlagRule, because: tuple[str, ...]) -> Flag:
    return Flag(
        id=rule.id,
        row=rule.row,
        urgency=rule.urgency,
        action=rule.action,
        because=because,
        source=rule.source,
    )
