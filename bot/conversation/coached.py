"""The client's side of coaching: what their coach has to look at, and what the coach decides for them."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from bot.coaching.alerts import (
    AT_ONCE,
    DRAFTS,
    HOLDS,
    UNLOCK_REASONS,
    Alert,
    Orders,
    Reason,
    done,
    look_again_at,
    raised,
    told_again,
    undone,
)
from bot.coaching.news import CONSOLE_ID, AlertTold, ClientWrote, CoachActed
from bot.conversation import again, decided, papers, timing
from bot.conversation.activities import Answering
from bot.conversation.effects import (
    Forget,
    KeepAlert,
    KeepEntry,
    KeepOrders,
    LiftFlag,
    Line,
    Remind,
    Slot,
    TellCoach,
)
from bot.conversation.known import HOLDING
from bot.conversation.talk import Talk
from bot.timetable import rhythm as timetable
from rules.daily import next_session
from rules.log import FlareUp, Retracted, standing_log

ALERT = "alert"
"""The kind of reminder that asks whether somebody has seen an alert."""
GENTLE_FOR = timedelta(days=14)
"""How long plans stay gentle after a coach lifted a stop. A proposal."""


def current(talk: Talk) -> Alert | None:
    """Give the alert as this turn leaves it."""
    changed = [effect.alert for effect in talk.effects if isinstance(effect, KeepAlert)]
    return changed[-1] if changed else talk.known.alert


def raise_alert(talk: Talk, reason: Reason) -> None:
    """Ask the coach to look; what a turn raises is one alert, told once."""
    before = current(talk)
    name = hashlib.sha256(f"alert:{talk.known.person.id}:{talk.at.isoformat()}".encode()).hexdigest()[:8]
    after = raised(before, reason, id_=name)
    if after is not before:
        _keep(talk, after, tell="coach")


def who_knows(talk: Talk) -> Line:
    """Say truthfully who learns of it."""
    person = talk.known.person
    if person.coach_name is not None and _is_away(talk) and person.cover_name is not None:
        return Line(key="bot.cover_told", values={"coach": person.coach_name, "cover": person.cover_name})
    if person.coach_name is not None:
        return Line(key="bot.coach_told", values={"coach": person.coach_name})
    return Line(key="bot.nobody_told")


def _is_away(talk: Talk) -> bool:
    until = talk.known.person.coach_away_until
    return until is not None and talk.at < until


def refresh(talk: Talk) -> None:
    """Let those who look at the alert see what has changed about the client."""
    if current(talk) is not None:
        talk.do(TellCoach(event=AlertTold(at=talk.at, client_id=talk.known.person.id)))


def _keep(talk: Talk, alert: Alert, *, tell: str = "all") -> None:
    """Keep the alert and tell who looks at it; of one turn only the last state counts."""
    person = talk.known.person
    told = [e.event for e in talk.effects if isinstance(e, TellCoach) and isinstance(e.event, AlertTold)]
    talk.effects[:] = [
        effect
        for effect in talk.effects
        if not isinstance(effect, KeepAlert)
        and not (isinstance(effect, TellCoach) and isinstance(effect.event, AlertTold))
        and not (isinstance(effect, Remind) and effect.slot.kind == ALERT)
    ]
    anew = tell != "all" or any(event.anew for event in told)
    to = tell if tell != "all" or not told else told[-1].whom
    talk.do(
        KeepAlert(alert=alert),
        TellCoach(event=AlertTold(at=talk.at, client_id=person.id, whom=to, anew=anew)),  # type: ignore[arg-type]  # one of its words
    )
    at = look_again_at(alert)
    if at is None or not person.coaches:
        talk.do(Forget(kinds=(ALERT,), why=alert.state))
        return
    on = at.date()
    talk.do(Remind(slot=timetable.Slot(kind=ALERT, local_date=on, slot=f"{alert.id}-{alert.version}", due_at=at)))


def came_due(talk: Talk) -> None:
    """Nobody has seen the alert: tell the coach again, then who covers, then the operator; the client is told who."""
    alert, person = talk.known.alert, talk.known.person
    at = look_again_at(alert) if alert is not None else None
    if alert is None or at is None:
        talk.do(Forget(kinds=(ALERT,), why="seen"))
        return
    if talk.at < at:
        return
    cover = person.cover_name is not None and len(person.coaches) > 1
    after = told_again(alert, talk.at, cover=cover, operator=person.operated)
    if after is alert:
        talk.do(Forget(kinds=(ALERT,), why="nobody_left"))
        talk.say(Line(key="coached.nobody_yet"), priority="safety")
        return
    _keep(talk, after, tell=after.asked)
    if after.asked == alert.asked:
        return
    values: dict[str, Slot] = {"coach": person.coach_name or "", "cover": person.cover_name or ""}
    key = "away" if after.asked == "cover" and _is_away(talk) else after.asked
    talk.say(Line(key=f"coached.passed_on.{key}", values=values), priority="safety")


# --- what a coach decided


def hear(talk: Talk, event: CoachActed) -> None:
    """Do what a coach decided, if they may decide now and saw the alert as it is; else show it to them anew."""
    person, alert = talk.known.person, talk.known.alert
    may = event.coach_id in (CONSOLE_ID, *person.coaches) or (alert is not None and alert.asked == "operator")
    if not may:
        return
    if event.version is not None and (alert is None or event.version != alert.version):
        refresh(talk)
        return
    if decided.hear(talk, event):
        return
    match event.deed:
        case "acknowledge":
            if alert is not None and alert.urgency in AT_ONCE:
                talk.say(Line(key="coached.seen", values={"coach": event.coach_name}))
        case "message" if event.words in DRAFTS or event.words.startswith(OWN_WORDS):
            _say_message(talk, event)
        case "hold" if event.words in map(str, HOLDS):
            days = int(event.words)
            until = again.local_day(talk) + timedelta(days=days)
            talk.do(KeepOrders(orders=Orders(held_until=until, by=event.coach_name)))
            talk.do(Forget(kinds=("nudge", "later"), why="held"))
            talk.say(Line(key="coached.held", values={"coach": event.coach_name, "count": days}))
        case "step_back":
            talk.do(KeepEntry(entry=FlareUp(id=_back_id(talk, event), on=again.local_day(talk), by="coach")))
            talk.say(Line(key="coached.step_back", values={"coach": event.coach_name}))
        case "unlock" if event.words in UNLOCK_REASONS:
            _unlock(talk, event)
        case "refer":
            talk.next_step()
            offered = [talk.choices(("letter", "paper.a_letter"))] if papers.may_have_a_letter(talk) else []
            talk.say(Line(key="coached.refer", values={"coach": event.coach_name}), rows=tuple(offered))
        case "undo" if alert is not None:
            _undo(talk, event, alert)
            return
        case "close":
            pass
        case _:
            return
    if alert is not None:
        words = event.words if event.deed in ("hold", "unlock", "message") else ""
        _keep(talk, done(alert, event.deed, who=event.coach_name, at=talk.at, words=words))


def _say_message(talk: Talk, event: CoachActed) -> None:
    """Say what a coach wrote, or one of the drafts, with a way to answer."""
    own = event.words.startswith(OWN_WORDS)
    words = event.words.removeprefix(OWN_WORDS)
    said = Line(key="bot.words", values={"words": words}) if own else Line(key=f"coached.draft.{words}")
    talk.next_step()
    talk.say(
        Line(key="coached.message", values={"coach": event.coach_name, "words": said}),
        rows=(talk.choices((f"answer-{event.coach_id}", "coached.answer")),),
    )


OWN_WORDS = "words:"
"""What stands before words that a coach wrote, so that they are never taken for a draft's id."""


def _unlock(talk: Talk, event: CoachActed) -> None:
    """Lift every stop, with the coach's reason; exercises go on gently."""
    for flag in talk.known.flags:
        if flag.action in HOLDING:
            talk.do(LiftFlag(flag_id=flag.id, reason=f"{event.coach_name}: {event.words}"))
    again.clear_red_pain(talk)
    lifted = {"gentle_until": talk.at + GENTLE_FOR, "rest_until": None}
    talk.conversation = talk.conversation.model_copy(update=lifted)
    talk.do(KeepOrders(orders=Orders()))
    talk.clear()
    talk.next_step()
    next_ = again.choices(talk) if talk.known.plan is not None else (("screen", "bot.start_screen"),)
    talk.say(Line(key="coached.unlocked", values={"coach": event.coach_name}), rows=(talk.choices(*next_),))


def _undo(talk: Talk, event: CoachActed, alert: Alert) -> None:
    """Take a coach's last deed back."""
    if alert.before is None:
        refresh(talk)
        return
    last = alert.steps[-1].what
    if last == "hold":
        talk.do(KeepOrders(orders=Orders()))
        talk.say(Line(key="coached.hold_undone", values={"coach": event.coach_name}))
    elif last == "step_back":
        backs = [e for e in standing_log(talk.known.log) if isinstance(e, FlareUp) and e.by == "coach"]
        if backs:
            taken = Retracted(id=_back_id(talk, event), on=again.local_day(talk), what=backs[-1].id)
            talk.do(KeepEntry(entry=taken))
        talk.say(Line(key="coached.step_back_undone", values={"coach": event.coach_name}))
    _keep(talk, undone(alert, who=event.coach_name, at=talk.at))


def _back_id(talk: Talk, event: CoachActed) -> str:
    return hashlib.sha256(f"coach:{talk.known.person.id}:{event.at.isoformat()}".encode()).hexdigest()[:8]


def held(talk: Talk) -> Line | None:
    """Say that a coach holds the exercises, and until when; None where nobody does."""
    orders = talk.known.orders
    if orders.held_until is None or again.local_day(talk) >= orders.held_until:
        return None
    until = timing.on_date(orders.held_until)
    return Line(key="coached.on_hold", values={"coach": orders.by, "until": until})


def is_stopped(talk: Talk) -> bool:
    """Tell whether a flag, told pain or a coach keeps the client from exercising."""
    known = talk.known
    if talk.held_by(*HOLDING) or again.resting(talk) is not None or held(talk) is not None:
        return True
    if known.plan is None or known.assessed_facts is None:
        return False
    today = next_session(talk.screen, known.plan, known.log, again.local_day(talk), facts=known.assessed_facts)
    return today.kind == "stop"


# --- what a client answers


def answer(talk: Talk, option: str) -> bool:
    """Hear that the client wants to answer their coach; False for any other tap."""
    if not option.startswith("answer-"):
        return False
    talk.push(Answering(coach_id=int(option.removeprefix("answer-"))))
    ask_for_words(talk)
    return True


def ask_for_words(talk: Talk) -> None:
    """Ask what to tell the coach."""
    talk.next_step()
    talk.say(Line(key="coached.write"), rows=(talk.choices(("cancel", "coached.no_answer"), kind="controls"),))


def answered(talk: Talk, words: str) -> None:
    """Send what the client writes to their coach."""
    talk.pop()
    person = talk.known.person
    if not person.coaches:
        talk.say(Line(key="coached.no_coach"))
        return
    event = ClientWrote(at=talk.at, client_id=person.id, client_name=person.name, words=words[:2000])
    talk.do(TellCoach(event=event))
    talk.say(Line(key="coached.sent", values={"coach": person.coach_name or ""}))
