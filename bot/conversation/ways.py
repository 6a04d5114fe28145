"""Ways through screens, kept while they are likely to be asked for again.

A turn walks the way with the answers before its event and with those after it; the first is the second of the turn
before. A way is a pure function of screen, scope and answers, so keeping it changes nothing but the time it takes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping

from rules import Facts, Screen, Value
from rules.questions import Way, walk
from rules.truth import kept

MOST = 1024
"""How many ways of a screen are kept: the clients who screen at once, and a few steps of each. A proposal."""

_kept: dict[int, OrderedDict[Hashable, Way]] = {}
"""By identity of the screen, as long as it lives."""


def way(screen: Screen, answers: Mapping[str, Value], *, scope: str) -> Way:
    """Walk a screen with *answers*."""
    ways = kept(_kept, screen, OrderedDict)
    key = (scope, frozenset(answers.items()))
    found = ways.get(key)
    if found is None:
        found = ways[key] = walk(screen, Facts.from_values(answers), scope=scope)
        if len(ways) > MOST:
            ways.popitem(last=False)
    else:
        ways.move_to_end(key)
    return found
