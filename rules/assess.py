"""facts -> assessment: findings per side and context, flags, what leads; with reasons and near misses."""

from __future__ import annotations

from typing import Literal

from rules.criteria import Frozen, Side
from rules.safety import Flag
from rules.screen import ContextName, Driver, Grade


class Reason(Frozen):
    """A rule that held, with the fact paths that made it hold. Words: `reason.<rule>`."""

    rule: str
    facts: tuple[str, ...]
    source: str


class NearMiss(Frozen):
    """A rule that one fact kept from holding: what it would have concluded, and that fact."""

    rule: str
    would: str
    facts: tuple[str, ...]


class Finding(Frozen):
    """What a screening says of one side in one context.

    `limited` is yes, no or unknown. `driver` and `confidence` are None unless limited is yes. `missing` are the facts
    that would settle an unknown. `phase` is where it goes wrong: accept, bottom, produce, top. `notes` are rule ids.
    """

    side: Side
    context: ContextName
    limited: Literal["yes", "no", "unknown"]
    driver: Driver | None = None
    confidence: Grade | None = None
    reasons: tuple[Reason, ...] = ()
    near_misses: tuple[NearMiss, ...] = ()
    missing: tuple[str, ...] = ()
    phase: str | None = None
    compensations: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Priority(Frozen):
    """What comes first. `kind`: act, not_a_priority, nothing_limited, unsettled."""

    kind: Literal["act", "not_a_priority", "nothing_limited", "unsettled"]
    side: Side | None = None
    context: ContextName | None = None
    rule: str = ""


class Assessment(Frozen):
    """All that a screening says. `version` is the screen's and the safety content's, as "1.0+1.0"."""

    screen: str
    version: str
    findings: tuple[Finding, ...]
    flags: tuple[Flag, ...]
    priority: Priority
    position_first: bool
    """Weight sits in the toes: a position drill opens every session."""

    def finding(self, side: Side, context: ContextName) -> Finding:
        """Give the finding of one side in one context."""
        return next(f for f in self.findings if f.side == side and f.context == context)
