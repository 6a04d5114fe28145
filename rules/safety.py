"""facts -> flags: what a coach or a clinician must know, and what it stops."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rules.criteria import NOT_NEEDED, Frozen, View
from rules.facts import ATTEMPT_FIELDS, Facts
from rules.screen import URGENCIES, Action, FlagRule, Safety, Urgency
from rules.sight import Sight
from rules.truth import Reading, Values, because, holds, kept, needs


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
    values = view if isinstance(view, Values) else Values(view)
    standing: dict[str, FlagRule] = {}
    for rule in _possible(safety, values.view):
        if not holds(rule.when, values):
            continue
        held = standing.get(rule.row)
        if held is None or URGENCIES.index(rule.urgency) > URGENCIES.index(held.urgency):
            standing[rule.row] = rule
    raised = (_flag(rule, because(rule.when, values)) for rule in standing.values())
    return tuple(sorted(raised, key=lambda flag: (-URGENCIES.index(flag.urgency), flag.id)))


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


# --- which flags are worth weighing -------------------------------------------------------------------------------


_watches: dict[int, _Watch] = {}
"""By identity of the safety content, as long as it lives."""


def _possible(safety: Safety, view: View) -> Iterable[FlagRule]:
    """Give the flag rules that these facts may raise, in order; all of them where the facts can't be listed."""
    if not isinstance(view, Sight):
        return safety.flags
    return kept(_watches, safety, lambda: _Watch(safety.flags)).possible(view.facts)


MEASURED = Reading(path="degrees", how="out_", what=frozenset({None}))


class _Watch:
    """Which facts can raise which flags, found from what each criterion needs: the others needn't be weighed.

    Each set of readings that a rule needs has a number, and is woken by an answer with a value that it wants (`told`),
    by any answer to what it reads (`asked`), by a value of a field in any test, as one may stand in for another
    (`fields`), or by any test at all (`tested`). A rule is possible where all its sets are awake.
    """

    def __init__(self, rules: Sequence[FlagRule]) -> None:
        self.rules = rules
        self.told: dict[tuple[str, Any], set[int]] = {}
        self.asked: dict[str, set[int]] = {}
        self.fields: dict[str, dict[Reading, set[int]]] = {}
        self.tested: set[int] = set()
        self.place_of: list[int] = []
        self.always: list[int] = []
        self.wanted: list[int] = []
        for place, rule in enumerate(rules):
            sets = [readings for readings in needs(rule.when) if not any(map(_by_nothing, readings))]
            self.wanted.append(len(sets))
            if not sets:
                self.always.append(place)
            for readings in sets:
                self.place_of.append(place)
                for reading in readings:
                    self._note(len(self.place_of) - 1, reading)

    def _note(self, number: int, reading: Reading) -> None:
        room, field = _room_and_field(reading.path)
        if room in ("profile", "reports"):
            if reading.how == "in_":
                for word in reading.what:
                    self.told.setdefault((reading.path, word), set()).add(number)
            else:
                self.asked.setdefault(reading.path, set()).add(number)
        elif field in ATTEMPT_FIELDS and field != "level":
            alike = MEASURED if room == "derived" else Reading(path=field, how=reading.how, what=reading.what)
            self.fields.setdefault(field, {}).setdefault(alike, set()).add(number)
        else:
            self.tested.add(number)

    def possible(self, facts: Facts) -> list[FlagRule]:
        """Give the rules that these facts may raise, in order."""
        told: Mapping[str, Any] = facts.told
        awake: set[int] = set()
        for answered in self.told.keys() & told.items():
            awake |= self.told[answered]
        for path in self.asked.keys() & told.keys():
            awake |= self.asked[path]
        if facts.attempts:
            awake |= self.tested
            for field, readings in self.fields.items():
                seen = {getattr(attempt, field) for attempt in facts.attempts}
                for reading, numbers in readings.items():
                    if not numbers <= awake and any(map(reading.met, seen)):
                        awake |= numbers
        places, asleep = self.always.copy(), self.wanted.copy()
        for number in awake:
            place = self.place_of[number]
            asleep[place] -= 1
            if not asleep[place]:
                places.append(place)
        return [self.rules[place] for place in sorted(places)]


def _room_and_field(path: str) -> tuple[str, str]:
    """Split a path; the gap of a test comes from its degrees."""
    room, _, rest = path.partition(".")
    return room, "degrees" if room == "derived" and rest.endswith("_gap") else rest.rpartition(".")[2]


def _by_nothing(reading: Reading) -> bool:
    """Tell whether a reading may be met though nothing was answered."""
    room, field = _room_and_field(reading.path)
    return (
        reading.met(None)
        or (field == "level" and reading.met(NOT_NEEDED))
        or (room == "derived" and field != "degrees")
    )
