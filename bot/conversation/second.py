"""The second look, on another day: what is new with their health first, then cue and retest on top of day 1."""

from __future__ import annotations

from bot.conversation import again, alarm, screening
from bot.conversation.activities import Today
from bot.conversation.effects import KeepAnswer, Line
from bot.conversation.talk import Talk
from rules import Value
from rules.reading import truth
from rules.sight import SECOND_LOOK

UNSURE = ("not sure", "unsure", "maybe", "dunno", "don't know", "dont know")
NOTHING_NEW = frozenset(
    {"nothing", "nothing new", "none", "all good", "same", "same as before", "as before", "no change", "all the same"}
    | {"fine", "im fine", "i'm fine", "all fine", "good", "nope nothing"}
)
"""What may be typed at "anything new?" besides yes and no."""
A_PLAIN_NO = 3
"""A no of more words than that ("no but I started warfarin") tells of something. A proposal."""


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


def typed_today(talk: Talk, words: str) -> None:
    """Hear words at "anything new?": whatever is not plainly a no tells of something; pain also means a day's rest."""
    low = words.lower().strip(" .!")
    if alarm.tells_of_pain(talk, words):
        again.rest(talk)
        talk.say(Line(key="bot.pain_heard"), priority="safety")
        hear_today(talk, nothing_new=False, words=words, told=True)
    elif low in NOTHING_NEW or (truth(words, talk.lexicon) is False and len(low.split()) <= A_PLAIN_NO):
        hear_today(talk, nothing_new=True, words=words)
    elif truth(words, talk.lexicon) or low in UNSURE or len(low.split()) > 1 or alarm.mentioned(talk, words):
        if low.endswith("?"):
            ask_today(talk, note=Line(key="bot.yes_or_no"))
        else:
            hear_today(talk, nothing_new=False, words=words)
    else:
        ask_today(talk, note=Line(key="bot.yes_or_no"))


def hear_today(talk: Talk, *, nothing_new: bool, words: str | None = None, told: bool = False) -> None:
    """Hear whether anything is new: nothing begins the second look, anything else the safety questions.

    *told* says that what follows was said already.
    """
    if isinstance(talk.top, Today):
        talk.pop()
    known = talk.known
    said: Value = "no" if nothing_new else "yes"
    how = "tapped" if words is None else "typed"
    talk.do(KeepAnswer(screening="today", path="reports.new_today", value=said, how=how, words=words))
    if not nothing_new:  # however late the tap: what is new with their health is always asked after
        if not told:
            talk.say(Line(key="today.then_the_list"))
        screening.begin(talk, scope="gate", keep=again.lasting(talk))
        return
    if not again.second_is_due(talk) or known.assessed_facts is None or known.assessment is None:
        talk.say(Line(key="bot.second_not_now"))
        return
    screening.begin(
        talk,
        scope="second",
        keep={**screening.answers_of(known.assessed_facts), SECOND_LOOK: "yes"},
        which=known.assessment.screen,
        tested_at=known.tested_at,
        told=("gate", *(f"flag:{flag.id}" for flag in known.flags)),
    )
