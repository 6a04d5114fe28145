"""The client's side of coaching: what their coach has to look at, and what the coach decides for them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import timedelta
from typing import Literal

from bot.coaching.alerts import (
    AT_ONCE,
    DRAFTS,
    HOLDS,
    UNLOCK_REASONS,
    Alert,
    Orders,
    Reason,
    Step,
    Watcher,
    answered_at_last,
    done,
    handed,
    in_order,
    look_again_at,
    raised,
    told_again,
    undone,
    was_shown,
)
from bot.coaching.news import CONSOLE_ID, AlertTold, ClientWrote, CoachActed, DeedDone, WatchersChanged
from bot.conversation import again, decided, papers
from bot.conversation.activities import Answering, Ask, Confirm
from bot.conversation.effects import (
    AnswerTap,
    Button,
    ButtonRow,
    Forget,
    KeepAlert,
    KeepEntry,
    KeepOrders,
    KeepPlan,
    LiftFlag,
    Line,
    Remind,
    Say,
    Slot,
    TellCoach,
)
from bot.conversation.known import HOLDING
from bot.conversation.numbers import is_number
from bot.conversation.talk import Talk
from bot.timetable import rhythm as timetable
from rules import edits
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
        _hand_to_the_first(talk, after)


def settle(talk: Talk, whats: Collection[str], how: Literal["denied", "confirmed"]) -> bool:
    """Note that the client has answered what a coach was asked to look at meanwhile; False where none was."""
    before = current(talk)
    if before is None or before.state == "closed":
        return False
    after = answered_at_last(before, whats, talk.at, how)
    if after is not before:
        _keep(talk, after)
    return after is not before


def _hand_to_the_first(talk: Talk, alert: Alert) -> None:
    """Tell whoever comes first; the operators where a coach can't be reached and nobody covers."""
    order = _order(talk)
    if order:
        _keep(talk, handed(alert, order[0], talk.at), anew=(order[0].id,))
    elif talk.known.person.watchers and talk.known.person.operated:
        _keep(talk, handed(alert, None, talk.at), anew=(), operators=True)
    else:
        _keep(talk, alert)


def _order(talk: Talk) -> tuple[Watcher, ...]:
    return in_order(talk.known.person.watchers, talk.at)


def who_knows(talk: Talk) -> Line:
    """Say truthfully who learns of it."""
    person, order = talk.known.person, _order(talk)
    coach = person.watchers[0] if person.watchers else None
    if coach is None:
        return Line(key="bot.nobody_told")
    names: dict[str, Slot] = {"coach": coach.name, "cover": order[0].name if order else ""}
    if not order:
        return Line(key="bot.operators_told" if person.operated else "bot.coach_unreached", values=names)
    if order[0].id != coach.id:
        return Line(key="bot.cover_told" if coach.reached else "bot.cover_instead", values=names)
    return Line(key="bot.coach_told_away" if coach.is_away(talk.at) else "bot.coach_told", values=names)


def refresh(talk: Talk, *, coach_id: int | None = None) -> None:
    """Let those who look at the alert, or that coach, see how it stands."""
    alert = current(talk)
    ids = (coach_id,) if coach_id is not None else alert.told if alert is not None else ()
    operators = coach_id is None and alert is not None and alert.asked == "operator"
    if ids or operators:
        talk.do(TellCoach(event=AlertTold(at=talk.at, client_id=talk.known.person.id, ids=ids, operators=operators)))


def _keep(talk: Talk, alert: Alert, *, anew: tuple[int, ...] = (), operators: bool = False) -> None:
    """Keep the alert and let all who were told see it; of one turn only the last state counts.

    *anew* are told in a message that is noticed, and the *operators*.
    """
    person = talk.known.person
    told = [e.event for e in talk.effects if isinstance(e, TellCoach) and isinstance(e.event, AlertTold)]
    anew = tuple(dict.fromkeys([*anew, *(one for event in told if event.anew for one in event.ids)]))
    operators = operators or any(event.anew and event.operators for event in told)
    talk.effects[:] = [
        effect
        for effect in talk.effects
        if not isinstance(effect, KeepAlert)
        and not (isinstance(effect, TellCoach) and isinstance(effect.event, AlertTold))
        and not (isinstance(effect, Remind) and effect.slot.kind == ALERT)
    ]
    talk.do(KeepAlert(alert=alert))
    others = tuple(one for one in alert.told if one not in anew)
    for ids, operated, is_anew in (
        (anew, operators, True),
        (others, alert.asked == "operator" and not operators, False),
    ):
        if ids or operated:
            event = AlertTold(at=talk.at, client_id=person.id, ids=ids, operators=operated, anew=is_anew)
            talk.do(TellCoach(event=event))
    at = look_again_at(alert)
    if at is None or not (person.watchers or (person.operated and alert.told)):
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
    after = told_again(alert, talk.at, order=_order(talk), operator=person.operated)
    if after is alert:
        _keep(talk, after.model_copy(update={"steps": (*after.steps, Step(at=talk.at, what="nobody_left"))}))
        talk.say(Line(key="coached.nobody_yet"), priority="safety")
        return
    operators = after.asked == "operator"
    _keep(talk, after, anew=() if operators else after.tried[-1:], operators=operators)
    if (after.asked, after.tried) != (alert.asked, alert.tried):
        _say_passed_on(talk, alert, after)


def _say_passed_on(talk: Talk, before: Alert, after: Alert) -> None:
    """Tell the client who was told now, and who had not seen it."""
    if after.asked == "operator":
        talk.say(Line(key="coached.passed_on.operator"), priority="safety")
        return
    held = {one.id: one for one in talk.known.person.watchers}
    to, last = held[after.tried[-1]], held.get(before.tried[-1]) if before.tried else None
    values: dict[str, Slot] = {"to": to.name, "last": last.name if last is not None else ""}
    how = "away" if to.is_away(talk.at) else to.role
    key = f"coached.passed_on.{how}" if last is not None else "coached.passed_on.now"
    talk.say(Line(key=key, values=values), priority="safety")


def watchers_changed(talk: Talk, event: WatchersChanged) -> None:
    """Tell whoever comes first now of an alert that they were not told of, and the client where it can't wait."""
    alert, person, order = current(talk), talk.known.person, _order(talk)
    if alert is None or alert.state == "closed" or not (person.linked or talk.known.consent is not None):
        talk.do(Forget(kinds=(ALERT,), why="nobody_left"))
        return
    if order and order[0].id in alert.told and event.why != "link":
        return
    orphaned = not any(one.id in alert.told for one in person.watchers)
    if not order and (not person.operated or alert.asked == "operator" or not orphaned):
        return
    to = order[0] if order else None
    after = handed(alert, to, talk.at, reopened=orphaned and alert.state == "acknowledged")
    _keep(talk, after, anew=(to.id,) if to is not None else (), operators=to is None)
    if after.state != "open" or after.urgency not in AT_ONCE:
        return
    if to is None:
        talk.say(Line(key="coached.passed_on.operator"), priority="safety")
    elif event.why == "away":
        talk.say(Line(key="coached.passed_on.now", values={"to": to.name}), priority="safety")


# --- what a coach decided


def hear(talk: Talk, event: CoachActed) -> None:
    """Do what a coach decided, if they may decide now and saw the alert as it is; else show it to them anew."""
    person, alert = talk.known.person, talk.known.alert
    may = event.coach_id in (CONSOLE_ID, *talk.deciding) or (alert is not None and alert.asked == "operator")
    if not may or event.coach_id == person.id:
        return
    seen = event.deed == "acknowledge" and alert is not None  # whatever has changed since, somebody is there
    if event.version is not None and not seen and (alert is None or event.version != alert.version):
        refresh(talk, coach_id=event.coach_id)
        return
    if decided.hear(talk, event):
        return
    match event.deed:
        case "acknowledge":
            if alert is not None and alert.urgency in AT_ONCE:
                talk.say(Line(key="coached.seen", values={"coach": event.coach_name}))
        case "message" if event.words in DRAFTS or event.words.startswith(OWN_WORDS):
            why = "blocked" if person.blocked else ""
            if why or event.words.startswith(OWN_WORDS):
                sent = DeedDone(at=talk.at, client_id=person.id, deed="message", why=why)
                talk.do(TellCoach(event=sent, to=event.coach_id))
            if why:
                return
            _say_message(talk, event)
        case "hold" if event.words in map(str, HOLDS):
            days = int(event.words)
            if not _hold(talk, event, days):
                _not_done(talk, event, "held_longer")
                return
            talk.do(Forget(kinds=("nudge", "later"), why="held"))
            talk.say(Line(key="coached.held", values={"coach": event.coach_name, "count": days}))
        case "step_back":
            talk.do(KeepEntry(entry=FlareUp(id=_back_id(talk, event), on=again.local_day(talk), by="coach")))
            _ease(talk)
            talk.say(Line(key="coached.step_back", values={"coach": event.coach_name}))
        case "unlock" if event.words in UNLOCK_REASONS:
            if any(isinstance(one, Ask | Confirm) for one in talk.conversation.activities):
                _not_done(talk, event, "safety_first")  # what they are asked would be dropped, and nobody saw it yet
                return
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


def _not_done(talk: Talk, event: CoachActed, why: str) -> None:
    """Tell a coach why nothing was done."""
    said = DeedDone(at=talk.at, client_id=talk.known.person.id, deed=event.deed, why=why)
    talk.do(TellCoach(event=said, to=event.coach_id))


def _hold(talk: Talk, event: CoachActed, days: int) -> bool:
    """Hold the exercises for so many days; False where they are held that long already."""
    now, until = talk.known.orders, again.local_day(talk) + timedelta(days=days)
    standing = now.model_copy(update={"before": None}) if again.held(talk) is not None else None
    if standing is not None and standing.held_until is not None and until <= standing.held_until:
        return False
    new = {"held_until": until, "by": event.coach_name, "by_id": event.coach_id, "before": standing}
    talk.do(KeepOrders(orders=now.model_copy(update=new)))
    return True


def _ease(talk: Talk) -> None:
    """Take a set from each exercise that a coach fixed: the log moves all others."""
    plan = talk.known.plan
    if plan is None:
        return
    after, names = edits.eased(talk.screen, plan)
    talk.do(KeepOrders(orders=talk.known.orders.model_copy(update={"eased": names})))
    if names:
        talk.do(KeepPlan(plan=after))


def _say_message(talk: Talk, event: CoachActed) -> None:
    """Say what a coach wrote, or one of the drafts, with a way to answer."""
    own = event.words.startswith(OWN_WORDS)
    words = event.words.removeprefix(OWN_WORDS)
    said = Line(key="bot.words", values={"words": words}) if own else Line(key=f"coached.draft.{words}")
    answer = Button(data=f"{ANSWER}{event.coach_id}", label=Line(key="coached.answer"))
    told = Line(key="coached.message", values={"coach": event.coach_name, "words": said})
    # It stands: whatever goes on here goes on, and the answer may come much later.
    talk.do(Say(paragraphs=(told,), rows=(ButtonRow(buttons=(answer,)),), stands=True))


ANSWER = "a:"
"""What a button carries that answers a coach, before the coach's number."""
SCREEN_FIRST = (("screen", "bot.start_screen"),)
OWN_WORDS = "words:"
"""What stands before words that a coach wrote, so that they are never taken for a draft's id."""


def _unlock(talk: Talk, event: CoachActed) -> None:
    """Lift every stop that the coach saw, with their reason; exercises go on gently.

    A hold is whoever's it is: another coach's stays.
    """
    alert = talk.known.alert if event.version is not None else None
    for flag in talk.known.flags:
        if flag.action in HOLDING and (alert is None or was_shown(alert, flag.id, flag.raised_at)):
            talk.do(LiftFlag(flag_id=flag.id, reason=f"{event.coach_name}: {event.words}"))
    again.clear_red_pain(talk)
    lifted = {"gentle_until": talk.at + GENTLE_FOR, "rest_until": None}
    talk.conversation = talk.conversation.model_copy(update=lifted)
    hold = again.held(talk) if _of_another(talk.known.orders, event) else None
    if hold is None:
        talk.do(KeepOrders(orders=Orders()))
    talk.clear()
    talk.next_step()
    next_ = again.choices(talk, on_hold=hold is not None) if talk.known.plan is not None else SCREEN_FIRST
    key = "coached.unlocked_some" if talk.held_by(*HOLDING) else "coached.unlocked"
    lines = [Line(key=key, values={"coach": event.coach_name}), *([hold] if hold is not None else [])]
    talk.say(*lines, rows=(talk.choices(*next_),))


def _of_another(orders: Orders, event: CoachActed) -> bool:
    """Tell whether another coach holds the exercises; whoever runs the bot lifts all."""
    if event.coach_id == CONSOLE_ID:
        return False
    return orders.by_id != event.coach_id if orders.by_id is not None else orders.by != event.coach_name


def _undo(talk: Talk, event: CoachActed, alert: Alert) -> None:
    """Take a coach's last deed back."""
    if alert.before is None:
        refresh(talk)
        return
    last = alert.steps[-1].what
    if last == "hold":
        before = talk.known.orders.before or Orders()
        talk.do(KeepOrders(orders=before.model_copy(update={"eased": talk.known.orders.eased})))
        hold = again.held_by(talk, before)
        ended = Line(key="coached.hold_undone", values={"coach": event.coach_name})
        talk.say(hold if hold is not None else ended)
    elif last == "step_back":
        backs = [e for e in standing_log(talk.known.log) if isinstance(e, FlareUp) and e.by == "coach"]
        if backs:
            taken = Retracted(id=_back_id(talk, event), on=again.local_day(talk), what=backs[-1].id)
            talk.do(KeepEntry(entry=taken))
        if talk.known.plan is not None and talk.known.orders.eased:
            talk.do(KeepPlan(plan=edits.a_set_more(talk.screen, talk.known.plan, talk.known.orders.eased)))
            talk.do(KeepOrders(orders=talk.known.orders.model_copy(update={"eased": ()})))
        talk.say(Line(key="coached.step_back_undone", values={"coach": event.coach_name}))
    _keep(talk, undone(alert, who=event.coach_name, at=talk.at))


def _back_id(talk: Talk, event: CoachActed) -> str:
    return hashlib.sha256(f"coach:{talk.known.person.id}:{event.at.isoformat()}".encode()).hexdigest()[:8]


def is_stopped(talk: Talk) -> bool:
    """Tell whether a flag, told pain or a coach keeps the client from exercising."""
    known = talk.known
    if talk.held_by(*HOLDING) or again.resting(talk) is not None or again.held(talk) is not None:
        return True
    if known.plan is None or known.assessed_facts is None:
        return False
    today = next_session(talk.screen, known.plan, known.log, again.local_day(talk), facts=known.assessed_facts)
    return today.kind == "stop"


# --- what a client answers


def tapped(talk: Talk, data: str) -> bool:
    """Hear that the client wants to answer their coach; False for any other tap."""
    coach = data.removeprefix(ANSWER)
    if not data.startswith(ANSWER) or not is_number(coach):
        return False
    while isinstance(talk.top, Answering):
        talk.pop()
    talk.do(AnswerTap())
    talk.push(Answering(coach_id=int(coach)))
    ask_for_words(talk)
    return True


def ask_for_words(talk: Talk) -> None:
    """Ask what to tell the coach."""
    talk.next_step()
    talk.say(Line(key="coached.write"), rows=(talk.choices(("cancel", "coached.no_answer"), kind="controls"),))


def answered(talk: Talk, words: str) -> None:
    """Send what the client writes to their coach."""
    top, person = talk.top, talk.known.person
    if not isinstance(top, Answering):
        return
    talk.pop()
    deciding = talk.deciding
    order = [one for one in _order(talk) if one.id in deciding]
    to = next((one for one in order if one.id == top.coach_id), order[0] if order else None)
    if to is None:
        talk.say(Line(key="coached.no_coach"))
        return
    event = ClientWrote(at=talk.at, client_id=person.id, client_name=person.name, words=words[:2000])
    talk.do(TellCoach(event=event, to=to.id))
    talk.say(Line(key="coached.sent", values={"coach": to.name}))
