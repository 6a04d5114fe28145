"""Reads what a client says of a session: done or not, effort, pain, the morning after, what moved, how it feels."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from rules.criteria import Frozen
from rules.words import Phrases, compiled

FIELDS: Mapping[str, tuple[str, ...]] = {
    "done": ("yes", "no", "partly"),
    "reserve": ("easily", "just", "no"),
    "where": ("muscle", "front_hip", "low_back", "knee", "elsewhere"),
    "like": ("sore", "sharp", "ache"),
    "morning": ("usual", "bit_worse", "clearly_worse"),
    "feel": ("easier", "same", "stiffer"),
}
"""What may be said -> the answers (evidence 0 Red pain; evidence 0 Progression: "could you have done 3 more?")."""
PAIN_SCALE = re.compile(r"\b(10|\d)\s*(?:/|out of|outta|of)\s*10\b")
PAIN_NEAR = re.compile(
    r"\bpain\w*\b(?:\s+(?:was|is|about|around|at|of|level|like|a|an|only|maybe|so|to|went|up|were|score|scale|now|=))*"
    r"[\s:=~]*(10|\d)\b(?!\s*(?:sets?|reps?|min|times|days?|sec))|\b(10|\d)\s+(?:for\s+)?pain\b"
)


class Feedback(Frozen):
    """What was said of a session; None where nothing was. `pain` is 0 to 10, `compensations` are ids,
    empty where nothing else moved.

    done: yes, no, partly. reserve ("could you have done 3 more?"): easily, just, no. where: muscle, front_hip,
    low_back, knee, elsewhere. like: sore, sharp, ache. morning: usual, bit_worse, clearly_worse. feel: easier, same,
    stiffer.
    """

    done: str | None = None
    reserve: str | None = None
    pain: int | None = None
    where: str | None = None
    like: str | None = None
    morning: str | None = None
    compensations: tuple[str, ...] | None = None
    feel: str | None = None


def read_feedback(text: str, lexicon: Mapping[str, Any]) -> Feedback | None:
    """Read free words about a session; None where they say nothing of it. Two answers to one thing settle nothing."""
    known = compiled(lexicon)
    words = known.words(text)
    if not words or known.is_question(text, words):
        return None
    hits = [hit for hit in known.find(words, list(_tagged(known.feedback))) if not hit.negated]
    said: dict[str, set[str]] = {}
    for hit in hits:
        said.setdefault(hit.tag[0], set()).add(hit.tag[1])
    # Of two answers to one thing neither is taken; the longer of two phrases that overlap stood already.
    found: dict[str, Any] = {field: next(iter(said[field])) for field in FIELDS if len(said.get(field, ())) == 1}
    pain = _pain(text, none="none" in said.get("pain", ()))
    if pain is not None:
        found["pain"] = pain
    if "moved" in said:
        found["compensations"] = tuple(hit.tag[1] for hit in hits if hit.tag[0] == "moved" and hit.tag[1] != "none")
    return Feedback(**found) if found else None


def _tagged(table: Mapping[str, Phrases]) -> Iterator[tuple[tuple[str, str], Phrases]]:
    """Give the phrases of every answer, tagged with what it answers and how."""
    for name, phrases in table.items():
        field, _, answer = name.partition(".")
        yield (field, answer), phrases


def _pain(text: str, *, none: bool) -> int | None:
    """Give the strength of pain on a scale of ten, where one is named; "no pain" is 0."""
    low = text.lower()
    scale = PAIN_SCALE.search(low)
    if scale is not None:
        return int(scale[1])
    near = PAIN_NEAR.search(low)
    if near is not None:
        return int(near[1] or near[2])
    return 0 if none else None
