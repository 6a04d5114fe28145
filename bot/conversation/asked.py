"""What a client asks about their result and plan in words: "what does control mean", "how many times a week"."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from bot.conversation.effects import Line, Slot
from bot.conversation.talk import Talk

ASKING = frozenset(
    {"what", "whats", "how", "why", "which", "when", "mean", "means", "meaning", "explain", "understand", "is"}
)
"""Words of which one must be there, or a question mark: "my thigh hurts" asks nothing."""
SHARED = ("roles", "sure")
"""Topics that mean the same in every screen; the others are the screen's to explain."""
LAST = (*SHARED, "limited", "way_round")
"""Topics that every screen has: those of its own drivers and contexts come before them."""


def answer(talk: Talk, words: str) -> Line | None:
    """Answer a question about the result or the plan; None where the words ask nothing known."""
    said = set(re.findall(r"[a-z]+", words.lower().replace("'", "")))
    if not said & ASKING and "?" not in words:
        return None
    topics: Mapping[str, Sequence[str]] = talk.lexicon.get("topics", {})
    own = (topic for topic in topics if topic not in ("often", *LAST))
    topic = next((topic for topic in ("often", *own, *LAST) if said & set(topics.get(topic, ()))), None)
    if topic is None:
        return talk.of_screen("asked.unknown") if said & {"mean", "means", "meaning", "explain"} else None
    if topic != "often":
        return Line(key=f"asked.{topic}") if topic in SHARED else talk.of_screen(f"asked.{topic}")
    plan = talk.known.plan
    if plan is None:
        return Line(key="asked.often_none")
    values: dict[str, Slot] = {"days": plan.days_a_week, "strength": plan.strength_days}
    every_day = "asked.often_daily" if plan.days_a_week >= 7 else "asked.often_days"
    return Line(key=f"{every_day}{'_and_strength' if plan.strength else ''}", values=values)
