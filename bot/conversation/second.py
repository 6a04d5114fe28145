"""The second look, on another day: what is new with their health first, then cue and retest on top of day 1."""

from __future__ import annotations

import re

from bot.conversation import again, alarm, screening
from bot.conversation.activities import Today
from bot.conversation.effects import KeepAnswer, Line
from bot.conversation.talk import Talk
from rules import Value
from rules.reading import truth
from rules.sight import SECOND_LOOK

UNSURE = ("not sure", "unsure", "maybe", "dunno", "don't know", "dont know")
NOTHING_NEW = frozenset(
    {"all", "always", "as", "before", "change", "changed", "changes", "everything", "fine", "good", "has", "im", "is"}
    | {"it", "nah", "new", "no", "none", "nope", "not", "nothing", "ok", "okay", "really", "same", "still", "thanks"}
    | {"thank", "that", "the", "was", "well", "you"}
)
"""Words of which an answer that nothing is new consists; one more ("no but I started warfarin") tells of something."""

NOT_NOW = ("not today", "not now", "later", "cancel", "stop", "another day", "tomorrow")


def ask_today(talk: Talk, note: Line | None = None) -> None:
    """Ask whether anything is new with their health: one tap, before any exercise or test of a later day."""
    if not isinstance(talk.top, Today):
        talk.push(Today())
    talk.next_step()
    talk.say(
        *([note] if note else []),
        Line(key="today.ask"),
        rows=(talk.choices(("today-no", "today.no"), ("today-yes", "today.yes"), ("today-unsure", "today.unsure")),),
    )


def anything_new(talk: Talk, words: str) -> bool | None:
    """Read the answer to "anything new?": whatever is not plainly a no tells of something; None where it is unclear."""
    low = words.lower().strip(" .!")
    if alarm.tells_of_pain(talk, words):
        return True
    said = truth(words, talk.lexicon)
    spoken = re.findall(r"[a-z]+", low.replace("'", ""))
    if (spoken and NOTHING_NEW.issuperset(spoken)) or (said is False and len(spoken) <= 1):
        return False
    told = said or low in UNSURE or len(low.split()) > 1 or alarm.mentioned(talk, words)
    return True if told and not low.endswith("?") else None


def typed_today(talk: Talk, words: str) -> None:
    """Hear words at "anything new?"; pain also means a day's rest."""
    if words.lower().strip(" .!") in NOT_NOW:
        talk.pop()
        talk.say(Line(key="bot.see_you"))
        return
    new = anything_new(talk, words)
    if new is None:
        ask_today(talk, note=Line(key="bot.yes_or_no"))
        return
    hurts = rest_after_pain(talk, words)
    hear_today(talk, nothing_new=not new, words=words, told=hurts)


def rest_after_pain(talk: Talk, words: str) -> bool:
    """Leave out exercises for a day where words tell of pain; True where they do."""
    hurts = alarm.tells_of_pain(talk, words)
    if hurts:
        again.rest(talk)
        talk.say(Line(key="bot.pain_heard"), priority="safety")
    return hurts


def hear_today(talk: Talk, *, nothing_new: bool, words: str | None = None, told: bool = False) -> None:
    """Hear whether anything is new: nothing begins the second look, anything else the safety questions.

    *told* says that what follows was said already.
    """
    if isinstance(talk.top, Today):
        talk.pop()
    said: Value = "no" if nothing_new else "yes"
    how = "tapped" if words is None else "typed"
    talk.do(KeepAnswer(screening="today", path="reports.new_today", value=said, how=how, words=words))
    if not nothing_new:  # however late the tap: what is new with their health is always asked after
        if not told:
            talk.say(Line(key="today.then_the_list"))
        screening.begin(talk, scope="gate", keep=again.lasting(talk))
        return
    begin(talk)


def begin(talk: Talk) -> None:
    """Begin the second look on top of day 1's answers."""
    known = talk.known
    if not again.second_is_due(talk) or known.assessed_facts is None or known.assessment is None:
        talk.say(Line(key="bot.second_not_now"))
        return
    talk.say(Line(key="bot.second_aim"))
    screening.begin(
        talk,
        scope="second",
        keep={**screening.answers_of(known.assessed_facts), SECOND_LOOK: "yes"},
        which=known.assessment.screen,
        tested_at=known.tested_at,
        told=("gate", *(f"flag:{flag.id}" for flag in known.flags)),
    )
