"""What a coach saw of a test: carried by a button, and kept beside what the client told."""

from __future__ import annotations

from dataclasses import dataclass

from bot.conversation.effects import KeepRating
from bot.conversation.numbers import is_number
from bot.conversation.talk import Talk
from rules import SIDES
from rules.criteria import LEVELS
from rules.facts import Attempt

UNSEEN = "unseen"
"""A coach can't judge a test by what they saw."""
MOST_DIGITS = 4


@dataclass(frozen=True, kw_only=True)
class Rated:
    """What a coach saw: one of LEVELS or UNSEEN, and compensations by id; `told` is the client's own attempt."""

    test: str
    side: str
    level: str
    seen: tuple[str, ...]
    told: Attempt


def done(talk: Talk) -> dict[tuple[str, str], Attempt]:
    """Give what the client told of each test and side, where it counts and has one of LEVELS."""
    facts = talk.known.assessed_facts
    places = [(test.id, side) for test in talk.screen.tests.values() for side in (*SIDES, "both")]
    told = {place: facts.attempt(*place) for place in places} if facts is not None else {}
    return {place: attempt for place, attempt in told.items() if attempt is not None and attempt.level in LEVELS}


def ways_round(talk: Talk, test: str) -> tuple[str, ...]:
    """List the compensations that the screen knows of a test, in an order that stays for its version."""
    held = talk.screen.tests[test]
    of_answers = (one for answer in held.answers for one in answer.compensations or ())
    return tuple(dict.fromkeys((*held.compensations, *of_answers)))


def read(talk: Talk, words: str) -> Rated | None:
    """Read `test:side:level:ticks`, as `carried` makes it; None for a test not done, or for anything forged."""
    test, side, level, ticks = (*words.split(":"), "", "", "", "")[:4]
    told = done(talk).get((test, side))
    if told is None or level not in (*LEVELS, UNSEEN) or words.count(":") > 3:
        return None
    ways = ways_round(talk, test)
    marks = int(ticks) if is_number(ticks) and len(ticks) <= MOST_DIGITS else 0 if not ticks else -1
    if not 0 <= marks < 2 ** len(ways):
        return None
    seen = tuple(way for place, way in enumerate(ways) if marks >> place & 1)
    return Rated(test=test, side=side, level=level, seen=seen, told=told)


def carried(talk: Talk, rated: Rated, *, turned: str = "") -> str:
    """Give what a button carries of this; *turned* is a compensation ticked, or not any more."""
    ways = ways_round(talk, rated.test)
    marks = sum(1 << place for place, way in enumerate(ways) if (way in rated.seen) != (way == turned))
    return f"{rated.test}:{rated.side}:{rated.level}:{marks}"


def kept(talk: Talk, rated: Rated) -> KeepRating | None:
    """Give what is kept of it; None where the client has no screening now."""
    assessment, told = talk.known.assessment, rated.told.compensations
    if assessment is None:
        return None
    beside = {
        way: [way in told if told is not None else None, way in rated.seen] for way in ways_round(talk, rated.test)
    }
    return KeepRating(
        value={
            "screen": assessment.screen,
            "version": assessment.version,
            "test": rated.test,
            "side": rated.side,
            "client": str(rated.told.level),
            "coach": rated.level,
            "compensations": beside if rated.level != UNSEEN else {},
        }
    )
