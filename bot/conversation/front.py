"""The front of the conversation: hello and consent, beginning, the menu, result and plan, and what stops them."""

from __future__ import annotations

import re
from datetime import timedelta

from bot.conversation import again, alarm, asked, away, daily, pages, screening, second, sure
from bot.conversation.activities import Hello, Today, Unlock
from bot.conversation.effects import Button, ButtonRow, KeepAnswer, KeepConsent, Line
from bot.conversation.known import CONSENT_VERSION, HOLDING
from bot.conversation.talk import Talk
from rules import NoPlan, Value

CHANGE_WORDS = re.compile(
    r"\b(change|correct|edit|fix)\b(?!.*\bplan\b)|\b(mistake|wrong answer|answered wrong|made an error|mistyped)\b"
)
"""Words after the result that ask for the answers again."""
MENU_WORDS = (
    ("screen", ("screen", "again", "retest")),
    ("plan", ("plan", "exercise", "exercises")),
    ("result", ("result", "results", "why")),
    ("second", ("second", "tomorrow", "cue", "cues")),
)
"""What the words of the menu may be typed as."""
EXAMINED = re.compile(
    r"\bexamined\b|\bcleared\b|\b(?:doctor|gp|physio\w*|surgeon|specialist|consultant|hospital|clinic)\b.*"
    r"\b(?:fine|ok|okay|may|can|safe|allowed|good)\b",
    re.IGNORECASE,
)
"""Words under a stop that say somebody had a look."""
EXAMINERS = {
    "doctor": ("doctor", "gp", "consultant", "surgeon", "specialist", "a doctor"),
    "physio": ("physio", "physiotherapist", "physical therapist", "pt"),
    "hospital": ("hospital", "emergency", "a&e", "er", "clinic"),
    "no": ("told to wait", "i was told to wait", "nobody", "no one", "not yet", "no"),
}
"""Who may have examined a client -> what they may be typed as."""


def start(talk: Talk) -> None:
    """Begin, or recover: /start always leads somewhere."""
    talk.forget_unread()
    if isinstance(talk.top, Unlock | Today):
        talk.pop()
    if talk.screening is not None:
        if talk.known.consent != CONSENT_VERSION:
            hello(talk)
        else:
            away.offer_resume(talk)
        return
    if (_held(talk) and talk.known.consent == CONSENT_VERSION) or is_locked(talk):
        alarm.show_locked(talk)
    elif talk.known.consent != CONSENT_VERSION:
        hello(talk)
    elif talk.known.assessment is not None:
        talk.next_step()
        talk.say(
            Line(key="bot.welcome_back"),
            *([hold] if (hold := again.held(talk)) is not None else []),
            rows=(talk.choices(*again.choices(talk)),),
        )
    else:
        begin(talk)


def hello(talk: Talk, note: Line | None = None) -> None:
    """Say what this is, who can read what, and ask for consent; where only the invited may begin, how to come in."""
    if talk.known.closed:
        talk.say(Line(key="linking.closed"))
        return
    if not isinstance(talk.top, Hello):
        if talk.known.consent is None or talk.screening is None:
            talk.clear()
        talk.push(Hello())  # above a screening where only the text changed: it waits, and goes on
    talk.next_step()
    who, what = who_reads(talk), talk.of_every_screen("screen.what", glue=" ")
    first = Line(key="hello.changed") if talk.known.consent else Line(key="hello.what", values={"what": what})
    talk.card(
        "hello",
        *([note] if note else []),
        first,
        who,
        Line(key="hello.consent"),
        rows=(talk.choices(("agree", "hello.agree"), ("not_now", "hello.not_now")),),
    )


def who_reads(talk: Talk) -> Line:
    """Say truthfully who can read what is kept."""
    name = talk.known.person.coach_name
    return Line(key="hello.who_coach", values={"coach": name}) if name else Line(key="hello.who_nobody")


def hear_consent(talk: Talk, *, given: bool) -> None:
    """Hear the answer to the consent question."""
    if talk.known.closed:
        talk.clear()
        hello(talk)
    elif given:
        talk.do(KeepConsent(version=CONSENT_VERSION, given=True))
        if talk.screening is not None:
            talk.pop()
            screening.go_on(talk)
            return
        talk.clear()
        begin(talk, agreed=True)
    else:
        talk.clear()
        talk.say(Line(key="hello.declined"))


def begin(talk: Talk, *, agreed: bool = False, anyway: bool = False, which: str | None = None) -> None:
    """Begin a screening, if consent and locks allow; the profile is taken over, the gate is asked anew.

    *which* is a screen's id; where there are several, the client is asked first.
    One whose exercises are paused is first told so, and may screen all the same (*anyway*).
    """
    if not agreed and talk.known.consent != CONSENT_VERSION:
        hello(talk)
        return
    if is_locked(talk) or (_held(talk) and not anyway):
        alarm.show_locked(talk)
        return
    if which not in talk.library.screens and len(talk.library.screens) > 1:
        _ask_which(talk)
        return
    screening.begin(talk, keep=profile_answers(talk), which=which)


def _ask_which(talk: Talk) -> None:
    """Ask which of several screens to begin."""
    talk.next_step()
    buttons = tuple(
        Button(data=talk.data("c", f"screen-{screen}"), label=Line(key=f"{screen}/screen.name"))
        for screen in talk.library.screens
    )
    talk.say(Line(key="bot.which_screen"), rows=(ButtonRow(buttons=buttons),))


def _named_screen(talk: Talk, words: str) -> str | None:
    """Find the screen that typed words name, where there are several."""
    if len(talk.library.screens) < 2:
        return None
    said = set(re.findall(r"\w+", words.lower()))
    for screen in talk.library.screens.values():
        held = screen.wording.get(talk.conversation.language) or screen.wording["en"]
        if said & set(re.findall(r"\w+", held["screen.called"].lower())):
            return screen.id
    return None


def _held(talk: Talk) -> bool:
    """Tell whether something stops the client's exercises."""
    return talk.held_by(*HOLDING)


def is_locked(talk: Talk) -> bool:
    """Tell whether a lock stands: no screening and no exercises."""
    return talk.held_by("lock")


def _change(talk: Talk) -> None:
    """Open the answers behind the result again."""
    if talk.known.consent != CONSENT_VERSION:
        hello(talk)
        return
    facts = talk.known.assessed_facts
    if _held(talk):
        alarm.show_locked(talk)
    elif facts is not None and again.may_change(talk):
        screening.reopen(talk, facts)
    else:
        idle(talk, Line(key="bot.too_late_to_change"))


def idle(talk: Talk, note: Line | None = None) -> None:
    """Hear words when nothing is going on."""
    if talk.conversation.unread is not None:
        talk.say(Line(key="bot.unread"))
        return
    if talk.known.consent != CONSENT_VERSION or is_locked(talk) or talk.known.assessment is None:
        start(talk)
        return
    talk.next_step()
    talk.say(
        note or Line(key="bot.idle"),
        rows=(talk.choices(*again.choices(talk)),),
    )


def idle_words(talk: Talk, words: str) -> None:
    """Hear words when nothing is going on: pain first, then what the menu offers."""
    free = talk.known.consent == CONSENT_VERSION and not is_locked(talk)
    if free and talk.known.assessment is None and (named := _named_screen(talk, words)) is not None:
        begin(talk, which=named)
        return
    if _held(talk) and may_unlock(talk) and EXAMINED.search(words):
        if _examiner(words) in (None, "no"):
            idle_tap(talk, "examined")
        else:
            examined(talk, words)
        return
    if free and talk.known.assessment is not None:
        if alarm.tells_of_pain(talk, words):
            again.rest(talk)
            talk.say(Line(key="bot.pain_heard"), priority="safety")
            screening.begin(talk, scope="gate", keep=again.lasting(talk))
            return
        if alarm.mentioned(talk, words):
            talk.say(Line(key="bot.health_heard"), priority="safety")
            screening.begin(talk, scope="gate", keep=again.lasting(talk))
            return
        if CHANGE_WORDS.search(words.lower()):
            _change(talk)
            return
        if (told := asked.answer(talk, words)) is not None:
            idle(talk, told)
            return
        low = words.lower()
        if (named := _named_screen(talk, words)) is not None:
            begin(talk, which=named)
            return
        chosen = next((o for o, said in MENU_WORDS if {w.strip("?!.,") for w in low.split()} & set(said)), None)
        if chosen:
            idle_tap(talk, chosen)
            return
    idle(talk)


def idle_tap(talk: Talk, option: str) -> bool:
    """Hear a tap when nothing is going on; False for one that means nothing."""
    match option:
        case "result":
            result(talk)
        case "plan":
            show_plan(talk)
        case "screen":
            begin(talk)
        case "second":
            second_look(talk)
        case "today-no" | "today-yes" | "today-unsure" if isinstance(talk.top, Today):
            hear_today(talk, nothing_new=option == "today-no")
        case "anyway":
            begin(talk, anyway=True)
        case "change":
            _change(talk)
        case "examined" if may_unlock(talk):
            if talk.known.consent != CONSENT_VERSION:
                hello(talk)  # what follows is about their body: first they agree
            else:
                alarm.ask_who_examined(talk)
        case "withdraw":
            sure.make_sure(talk, "withdraw")
        case "later":
            if isinstance(talk.top, Unlock):
                talk.pop()
            talk.say(Line(key="bot.see_you"))
        case _ if option.removeprefix("screen-") in talk.library.screens:
            begin(talk, which=option.removeprefix("screen-"))
        case _ if option.startswith("x-"):
            examined(talk, option.removeprefix("x-"))
        case _:
            return False
    return True


def second_look(talk: Talk) -> None:
    """Begin the second look where it is due; else say what stands in its way."""
    if talk.known.consent != CONSENT_VERSION:
        hello(talk)
    elif is_locked(talk) or _held(talk):
        alarm.show_locked(talk)
    elif again.second_is_due(talk):
        if again.gate_is_fresh(talk):  # they were asked just now
            second.begin(talk)
        else:
            second.ask_today(talk)
    else:
        idle(talk, Line(key="bot.second_tomorrow" if again.second_is_too_soon(talk) else "bot.second_not_now"))


def hear_today(talk: Talk, *, nothing_new: bool = False, words: str | None = None) -> None:
    """Hear the answer to "anything new?", tapped or in *words*, from whoever agrees to the present text."""
    if talk.known.consent != CONSENT_VERSION:
        talk.pop()
        hello(talk)
    elif words is not None:
        second.typed_today(talk, words)
    else:
        second.hear_today(talk, nothing_new=nothing_new)


def may_unlock(talk: Talk) -> bool:
    """Tell whether a client may say now that they were examined."""
    wait = alarm.wait_to_unlock(talk)
    return wait is not None and wait <= timedelta(0)


def examined(talk: Talk, said: str) -> None:
    """Hear who examined them; the gate is asked afresh, and only then is the stop lifted."""
    if talk.known.consent != CONSENT_VERSION:
        hello(talk)
        return
    if not may_unlock(talk):
        while isinstance(talk.top, Unlock):
            talk.pop()
        alarm.show_locked(talk)
        return
    who = _examiner(said)
    if who is None:
        talk.say(Line(key="bot.who_unclear"))
        alarm.ask_who_examined(talk)
        return
    while isinstance(talk.top, Unlock):
        talk.pop()
    talk.do(KeepAnswer(screening="unlock", path="reports.examined_by", value=who, how="typed", words=said[:200]))
    if who == "no":
        talk.next_step()
        talk.say(Line(key="bot.wait_then"))
        return
    screening.begin(talk, scope="unlock", keep=again.lasting(talk), examined_by=who)


def _examiner(said: str) -> str | None:
    """Read who examined them; "no" where nobody did."""
    low = said.lower().strip(" .!")
    words = set(re.findall(r"[a-z&]+", low))
    return next((w for w, names in EXAMINERS.items() if low == w or low in names or words & set(names)), None)


def profile_answers(talk: Talk) -> dict[str, Value]:
    """Give the profile as answers by path; where the last result is old, only what doesn't change."""
    at = talk.known.assessed_at
    if at is None or talk.at - at > again.TESTS_LAST:
        return again.lasting(talk)
    return {f"profile.{key}": value for key, value in talk.known.profile.items()}


def result(talk: Talk) -> None:
    """Say the current result, or why there is none."""
    known = talk.known
    if known.consent is None and known.assessment is not None:
        talk.say(Line(key="bot.no_consent"))
    elif known.assessment is None or known.assessed_facts is None:
        talk.say(Line(key="result.unreadable" if "result" in known.unreadable else "result.none_yet"))
    else:
        pages.show_result(talk, known.assessment, known.assessed_facts)
        if again.may_change(talk) and talk.top is None:
            talk.next_step()
            talk.say(
                Line(key="result.change_how"),
                rows=(talk.choices(("plan", "bot.my_plan"), ("change", "bot.change_answer")),),
            )


def show_plan(talk: Talk) -> None:
    """Show the plan, or what stands in its way."""
    if talk.known.consent is None and talk.known.assessment is not None:
        talk.say(Line(key="bot.no_consent"))
        return
    running = talk.screening
    begun = running is not None and (
        running.scope in screening.TESTING or running.trail or talk.conversation.rest_until
    )
    if begun and talk.known.plan is not None:
        pages.show_plan(talk, NoPlan(reason="open"))
        return
    held = tuple(flag for flag in talk.known.flags if flag.action in ("lock", "pause"))
    if held:
        locked = any(flag.action == "lock" for flag in held)
        pages.show_plan(talk, NoPlan(reason="locked" if locked else "paused"))
    elif talk.known.plan is None and "plan" in talk.known.unreadable:
        talk.say(Line(key="result.unreadable"))
    elif (resting := again.resting(talk) or again.held(talk)) is not None:
        talk.say(resting)
    elif talk.known.plan is not None and talk.known.log:
        daily.show_week(talk)
    else:
        pages.show_plan(talk, talk.known.plan)
