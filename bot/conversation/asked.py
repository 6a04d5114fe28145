"""What a client asks about their result and plan in words: "what does control mean", "how many times a week"."""

from __future__ import annotations

import re

from bot.conversation.effects import Line, Slot
from bot.conversation.talk import Talk

ASKING = frozenset(
    {"what", "whats", "how", "why", "which", "when", "mean", "means", "meaning", "explain", "understand", "is"}
)
"""Words of which one must be there, or a question mark: "my thigh hurts" asks nothing."""
MEANT = (
    ("often", frozenset({"often", "times", "week", "weekly", "days", "daily", "day", "everyday"})),
    ("control", frozenset({"control", "steer", "steering"})),
    ("positional", frozenset({"weight", "position", "positional", "forward"})),
    ("pelvic", frozenset({"pelvis", "pelvic"})),
    ("femoral", frozenset({"thigh", "femoral", "femur", "socket"})),
    ("roles", frozenset({"room", "practice", "strength", "opener", "builder", "lift", "order"})),
    ("contexts", frozenset({"folded", "fold", "behind"})),
    ("sure", frozenset({"sure", "certain", "confident", "confidence"})),
    ("limited", frozenset({"limited", "limit", "limitation", "turning", "rotation"})),
    ("way_round", frozenset({"compensation", "compensations", "round"})),
)
"""What may be asked after -> the words that name it; the first that is named is answered."""


SHARED = ("roles", "sure", "limited", "way_round")
"""Topics that mean the same in every screen; the others are the screen's to explain."""


def answer(talk: Talk, words: str) -> Line | None:
    """Answer a question about the result or the plan; None where the words ask nothing known."""
    said = set(re.findall(r"[a-z]+", words.lower().replace("'", "")))
    if not said & ASKING and "?" not in words:
        return None
    topic = next((topic for topic, names in MEANT if said & names), None)
    if topic is None:
        return Line(key="asked.unknown") if said & {"mean", "means", "meaning", "explain"} else None
    if topic != "often":
        own = f"asked.{topic}"
        return talk.of_screen(own) if own in talk.words else Line(key=own) if topic in SHARED else None
    plan = talk.known.plan
    if plan is None:
        return Line(key="asked.often_none")
    values: dict[str, Slot] = {"days": plan.days_a_week, "strength": plan.strength_days}
    every_day = "asked.often_daily" if plan.days_a_week >= 7 else "asked.often_days"
    return Line(key=f"{every_day}{'_and_strength' if plan.strength else ''}", values=values)
