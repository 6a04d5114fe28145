"""Safety in the conversation: red-flag words, the confirmation, advice, locks and the way out of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from bot.coaching.alerts import AT_ONCE, Reason
from bot.conversation import again, coached, papers, weekly
from bot.conversation.activities import Ask, Confirm, Unlock
from bot.conversation.effects import Forget, Joined, KeepAnswer, KeepPlan, LiftFlag, Line, RaiseFlag, Remind, Slot
from bot.conversation.known import HOLDING, OpenFlag
from bot.conversation.talk import Talk
from bot.timetable import rhythm as timetable
from rules import Assessment, Facts, Flag, Screen, Urgency
from rules.expand import unsure_path
from rules.log import SessionReport
from rules.questions import Way
from rules.reading import Alarm, mentions, read, scan
from rules.safety import flags
from rules.screen import URGENCIES, Question
from rules.sight import Sight

GENTLE_FOR = timedelta(days=14)
"""How long plans stay gentle after a stop was lifted by the client's own word. A proposal."""
WAIT_BEFORE_ASKING = {
    "emergency": timedelta(days=7),
    "urgent": timedelta(hours=24),
    "clinician": timedelta(hours=24),
}
"""How long a client without a coach waits before they may say that they were examined (evidence 0 Locks)."""
FOR_A_COACH = ("rf14", "rf16")
"""Locks that no waiting lifts: under 18, and a replaced hip (evidence 4.14, 4.16: a coach-made plan)."""
NO_NEWS = ("rf24_end_range", "rf24_test_pinch")
"""Flags that change the exercises and ask nothing of a coach (evidence 0, row 24: no card)."""
UNANSWERED = "unanswered"
"""The kind of reminder that asks whether a question about an emergency was answered."""
ANSWER_WITHIN = timedelta(minutes=10)
"""So long such a question may stay open before a coach looks in: less than until an alert is told again. A proposal."""
PRIVATE = ("self_harm", "violence", "eating_disorder")
"""Words that are answered first by asking whether it is safe to write here (evidence 0, 37a and 37b)."""


def standing(talk: Talk, facts: Facts) -> tuple[Flag, ...]:
    """Give the flags that these facts raise."""
    return flags(talk.screen.safety, Sight(talk.screen, facts))


def alarms_in(talk: Talk, text: str) -> tuple[Alarm, ...]:
    """Scan words for red flags; every free text passes here first."""
    return scan(text, talk.lexicon)


def mentioned(talk: Talk, text: str) -> tuple[Alarm, ...]:
    """Find what the health pages ask about in words that answer nothing else, and that isn't reported already."""
    asked = {row.path for q in talk.screen.questions if q.kind == "checklist" for row in q.rows}
    held = {path for path, value in (talk.screening.answers if talk.screening else {}).items() if value == "yes"}
    facts = talk.live_facts
    found = (a for a in mentions(text, talk.lexicon) if f"reports.{a.item}" in asked)
    return tuple(a for a in found if f"reports.{a.item}" not in held and facts.value(f"reports.{a.item}") != "yes")


def tells_of_pain(talk: Talk, words: str) -> bool:
    """Tell whether words speak of a pinch, a sharp pain, a catch, a limp or another sign that the gate asks about."""
    if not any(sign.isalpha() for sign in words):
        return False  # a bare number is an answer that came late
    for question in talk.screen.questions:
        signs = question.kind == "checklist" and question.id in ("pain_serious", "pain_pattern", "changes")
        felt = question.id.endswith((".sensation", ".level")) and question.kind == "one"
        if not signs and not felt:
            continue
        test = talk.screen.tests[question.test] if question.test else None
        heard = read(words, question, question.rows, {row.path: {} for row in question.rows}, talk.lexicon, test=test)
        values = heard.values.values() if heard is not None else ()
        if any(value in (*talk.screen.file.ending_sensations, "ache", "hurts", "yes") for value in values):
            return True
        if question.id.endswith(".sensation"):
            break  # the sensations of one test are those of all
    return False


# --- words that raise a red flag


SAID_BY_WORDS: Mapping[str, Mapping[str, str]] = {
    "minor": {"reports.minor": "pain_or_limp", "profile.age_band": "under_18"},
}
"""Items whose closed question settles other facts than a plain yes."""
OPENED_BY: Mapping[str, Mapping[str, str]] = {
    "medicines": {"profile.medicines": "some"},
    "pain_serious": {"reports.pain_now": "yes"},
    "pain_pattern": {"reports.pain_now": "yes"},
}
"""Pages asked only after another answer, which whoever names one of their items gives with it."""


def interrupt(talk: Talk, alarms: Sequence[Alarm]) -> None:
    """Stop whatever is going on and ask the one closed question."""
    found = tuple((a.item, a.words) for a in sorted(alarms, key=lambda one: one.negated))
    if isinstance(talk.top, Ask):  # what was asked already is asked again afterwards
        found = (*found, (talk.top.item, talk.top.words), *talk.top.more)
        talk.pop()
    (item, words), *more = dict(found).items()
    talk.push(Ask(item=item, words=words, more=tuple(more)))
    show_closed_question(talk)
    _expect_an_answer(talk)


def note_more(talk: Talk, alarms: Sequence[Alarm]) -> None:
    """Remember what else the answer to a closed question raised; it gets a question of its own."""
    activity = talk.top
    if isinstance(activity, Ask):
        held = {activity.item, *(item for item, _ in activity.more)}
        new = tuple((a.item, a.words) for a in alarms if a.item not in held)
        talk.pop()
        talk.push(activity.model_copy(update={"more": (*activity.more, *new)}))


def show_closed_question(talk: Talk, note: Line | None = None) -> None:
    """Ask whether the words are about them, now; the advice comes with the question and never waits for it."""
    activity = talk.top
    if not isinstance(activity, Ask):
        return
    talk.next_step()
    pages = [q.id for q in talk.screen.questions if f"reports.{activity.item}" in {row.path for row in q.rows}]
    item = talk.first_of(f"alarm.{activity.item}", *(f"{page}.{activity.item}_full" for page in pages), "alarm.other")
    values: dict[str, Slot] = {
        "words": activity.words,
        "item": item,
        "number": talk.number(),
        "crisis": talk.crisis_line(),
    }
    urgent = activity.item in talk.lexicon.get("red_flags", {})
    key = "bot.alarm_private" if activity.item in PRIVATE else "bot.alarm_ask" if urgent else "bot.alarm_health"
    line = Line(key=key, values=values)
    talk.card(
        f"a{talk.conversation.step}",
        *([note] if note else []),
        line,
        rows=(talk.choices(("yes", "bot.alarm_yes"), ("no", "bot.alarm_no")),),
        priority="safety",
    )


def closed_answer(talk: Talk, happening: bool) -> bool:
    """Hear the closed question's answer; True where it was a false alarm and the chat goes back to where it was."""
    activity = talk.top
    if not isinstance(activity, Ask):
        return True
    asked = _grave_of(talk, activity.item)
    talk.pop()
    screening = talk.screening
    kept_in = screening.id if screening else "words"
    talk.do(
        KeepAnswer(
            screening=kept_in,
            path=f"reports.{activity.item}",
            value=SAID_BY_WORDS.get(activity.item, {}).get(f"reports.{activity.item}", "yes") if happening else "no",
            how="typed",
            words=activity.words,
        )
    )
    if not happening:
        _answered(talk, asked, meant=False)
        return not _ask_next(talk, activity)
    values = _told_with(talk, activity.item)
    facts = talk.live_facts.with_values(values)
    if screening is not None:
        talk.put_screening(screening.model_copy(update={"answers": {**screening.answers, **values}}))
    raised = standing(talk, facts)
    named = [flag for flag in raised if f"reports.{activity.item}" in flag.because]
    if named:
        stop(talk, named, own_words=activity.words)
    _answered(talk, asked, meant=True)
    if any(flag.action == "lock" for flag in named):
        _ask_next(talk, activity)
        return False
    return not _ask_next(talk, activity)


def _told_with(talk: Talk, item: str) -> Mapping[str, str]:
    """Give all that a yes to the closed question about an item settles."""
    if item in SAID_BY_WORDS:
        return SAID_BY_WORDS[item]
    path = f"reports.{item}"
    pages = [q.id for q in talk.screen.questions if path in {row.path for row in q.rows}]
    return {path: "yes"} | {name: value for page in pages for name, value in OPENED_BY.get(page, {}).items()}


def _ask_next(talk: Talk, asked: Ask) -> bool:
    """Ask about the next thing that the same words raised; False where there is none."""
    if not asked.more:
        return False
    (item, words), *rest = asked.more
    talk.push(Ask(item=item, words=words, more=tuple(rest)))
    show_closed_question(talk)
    _expect_an_answer(talk)
    return True


# --- a question that stays open


def _expect_an_answer(talk: Talk) -> None:
    """Look in a while whether what can't wait was answered, where there is somebody to tell if it wasn't."""
    if talk.known.person.watchers and any(True for _ in _unanswered(talk)):
        at = talk.at + ANSWER_WITHIN
        name = f"step-{talk.conversation.step}"
        talk.do(Remind(slot=timetable.Slot(kind=UNANSWERED, local_date=at.date(), slot=name, due_at=at)))


def came_due(talk: Talk) -> None:
    """Ask the coach to look in where the question is still open, and say so: they may be unable to answer."""
    alert = coached.current(talk)
    told = {(one.what, one.words) for one in alert.reasons if one.kind == "unanswered"} if alert is not None else set()
    new = [reason for reason in _unanswered(talk) if (reason.what, reason.words) not in told]
    if not new or not talk.known.person.watchers:
        return
    for reason in new:
        coached.raise_alert(talk, reason)
    talk.say(Line(key="bot.unanswered"), _who_knows(talk), priority="safety")
    if isinstance(talk.top, Ask):
        show_closed_question(talk)
    else:
        show_confirm(talk)


def _unanswered(talk: Talk) -> Iterator[Reason]:
    """Give what the open questions ask about that can't wait."""
    standing_now = {flag.id: flag.urgency for flag in talk.known.flags}
    standing_now |= {effect.flag.id: effect.flag.urgency for effect in talk.effects if isinstance(effect, RaiseFlag)}
    for activity in talk.conversation.activities:
        found: list[tuple[str, Urgency, str | None]] = []
        if isinstance(activity, Confirm):
            found = [(flag, standing_now[flag], None) for flag in activity.flags if flag in standing_now]
        elif isinstance(activity, Ask):
            asked = ((activity.item, activity.words), *activity.more)
            found = [(flag.id, flag.urgency, words) for item, words in asked for flag in _grave_of(talk, item)]
        for flag_id, urgency, words in found:
            yield Reason(
                kind="unanswered", what=flag_id, urgency=urgency, at=talk.at, screen=talk.screen.id, words=words
            )


def _grave_of(talk: Talk, item: str) -> tuple[Flag, ...]:
    """Give the flags that a yes to the closed question about an item raises and that can't wait."""
    raised = standing(talk, talk.live_facts.with_values(_told_with(talk, item)))
    return tuple(flag for flag in raised if f"reports.{item}" in flag.because and flag.urgency in AT_ONCE)


def _answered(talk: Talk, asked: Sequence[Flag] | Sequence[str], *, meant: bool) -> None:
    """Tell a coach who was asked to look in what the answer was; a denial takes back what was told them."""
    if not talk.known.person.watchers:
        return
    talk.do(Forget(kinds=(UNANSWERED,), why="answered"))
    ids = [one if isinstance(one, str) else one.id for one in asked]
    if coached.settle(talk, ids, "confirmed" if meant else "denied") and not meant:
        talk.say(Line(key="bot.taken_back"))


# --- the confirmation of a tap


def confirm(talk: Talk, grave: Sequence[Flag], paths: tuple[str, ...], question: Question) -> None:
    """Ask once whether an emergency or urgent tap was meant."""
    for flag in grave:  # it stands until it is denied, whether or not they ever answer
        talk.do(RaiseFlag(flag=flag, screen=talk.screen.id))
    meant = tuple(p for p in paths if any(p in flag.because for flag in grave)) or paths
    stood = {flag.id for flag in talk.known.flags}
    ids = tuple(flag.id for flag in grave)
    new = tuple(flag for flag in ids if flag not in stood)
    talk.push(Confirm(flags=ids, paths=meant, question=question.id, new=new))
    show_confirm(talk)
    _expect_an_answer(talk)


def show_confirm(talk: Talk, note: Line | None = None) -> None:
    """Show the confirmation."""
    activity = talk.top
    if not isinstance(activity, Confirm):
        return
    talk.next_step()
    told = tuple(flag_line(talk, flag, "told") for flag in activity.flags)
    talk.card(
        f"a{talk.conversation.step}",
        *([note] if note else []),
        Line(key="bot.confirm", values={"told": Joined(items=told, glue="; "), "number": talk.number()}),
        rows=(talk.choices(("yes", "bot.confirm_yes"), ("no", "bot.confirm_no")),),
        priority="safety",
    )


def confirmed(talk: Talk, meant: bool) -> bool:
    """Hear whether the tap was meant; True where the chat goes back to asking."""
    activity, screening = talk.top, talk.screening
    if not isinstance(activity, Confirm) or screening is None:
        return True
    talk.pop()
    known_flags = tuple(dict.fromkeys((*screening.confirmed, *activity.flags)))
    if meant:
        talk.put_screening(screening.model_copy(update={"confirmed": known_flags}))
        stop(talk, standing(talk, talk.live_facts), only=activity.flags)
        _answered(talk, activity.flags, meant=True)
        return False
    _answered(talk, activity.flags, meant=False)
    for flag_id in activity.new:
        talk.do(LiftFlag(flag_id=flag_id, reason="denied: tapped or typed by mistake"))
    answers = dict(screening.answers)
    asked = talk.screen.question(activity.question)
    for path in activity.paths:
        answers.pop(path, None)
        talk.do(KeepAnswer(screening=screening.id, path=path, value=None, how="denied"))
    if asked.kind == "checklist":
        answers[unsure_path(asked.id)] = "yes"
    talk.put_screening(screening.model_copy(update={"answers": answers, "confirmed": known_flags, "revisit": None}))
    return True


def withdrawn_by_correction(talk: Talk, message: str) -> bool:
    """Tell whether an edited message is the one that a confirmation waits for; if so its answers are taken back."""
    activity, screening = talk.top, talk.screening
    paths = screening.sources.get(message, ()) if screening else ()
    if not isinstance(activity, Confirm) or screening is None or not set(paths) & set(activity.paths):
        return False
    talk.pop()
    _answered(talk, activity.flags, meant=False)
    for flag_id in activity.new:
        talk.do(LiftFlag(flag_id=flag_id, reason="corrected before it was confirmed"))
    kept = {path: value for path, value in screening.answers.items() if path not in activity.paths}
    talk.put_screening(screening.model_copy(update={"answers": kept}))
    return True


# --- advice and locks


def stop(
    talk: Talk, raised: Sequence[Flag], *, own_words: str | None = None, only: tuple[str, ...] | None = None
) -> None:
    """Raise flags, give each one's advice at once, and end everything where one of them locks.

    A flag that stands already is raised anew: its time counts from the latest report.
    """
    if not raised:
        return
    for flag in raised:
        if any(held.id == flag.id for held in talk.known.flags):
            talk.do(LiftFlag(flag_id=flag.id, reason="reported again"))
        talk.do(RaiseFlag(flag=flag, own_words=own_words, screen=talk.screen.id))
        _tell_coach(talk, flag, own_words)
    if _graver_stands(talk, raised):
        # What was said first was more urgent: a milder text after it would read as an all-clear.
        noted = Line(key="bot.also_noted", values={"number": talk.number()})
        talk.say(noted, *_who_knows_of(talk, raised), priority="safety")
        return
    grave = [flag for flag in raised if flag.action == "lock"] or list(raised)
    spoken = [flag for flag in grave if only is None or flag.id in only] or grave
    most = spoken[0].urgency
    shown = [f for f in spoken if f.urgency == most][:2]
    locks = any(flag.action == "lock" for flag in raised)
    for flag in shown:
        last = flag is shown[-1] and not locks
        talk.say(*advice(talk, flag), *(_who_knows_of(talk, raised) if last else ()), priority="safety")
    if locks:
        screening = talk.screening
        talk.clear()
        talk.forget_unread()
        talk.conversation = talk.conversation.model_copy(update={"card": None})
        key = "bot.stopped" if screening is not None else "bot.stopped_before"
        talk.say(Line(key=key), _who_knows(talk), priority="safety")


def _who_knows_of(talk: Talk, raised: Sequence[Flag]) -> tuple[Line, ...]:
    """Say who learns of flags, where one is more than the coach's own matter."""
    return (_who_knows(talk),) if any(flag.urgency != "coach" for flag in raised) else ()


def _graver_stands(talk: Talk, raised: Sequence[Flag]) -> bool:
    """Tell whether an emergency stands already and none of these is one."""
    stands = any(flag.urgency == "emergency" and flag.action == "lock" for flag in talk.known.flags)
    return stands and all(flag.urgency != "emergency" for flag in raised)


def advice(talk: Talk, flag: Flag | OpenFlag) -> tuple[Line, ...]:
    """Give a flag's own words: what was reported, what to do, by when."""
    raised_in = flag.screen if isinstance(flag, OpenFlag) else ""
    told = flag_line(talk, flag.id, "told", raised_in=raised_in)
    owner = _screen_of_flag(talk, flag.id, raised_in)
    body = {word: Line(key=f"{owner.id}/screen.{word}") for word in ("joint", "worse", "unusable")}
    values = {"told": told, "emergency_number": talk.number(), "crisis_line": talk.crisis_line(), **body}
    return (
        Line(key=f"bot.you_told.{flag.urgency}", values={"told": told}),
        flag_line(talk, flag.id, "advice", raised_in=raised_in, **values),
    )


def flag_line(talk: Talk, flag_id: str, word: str, *, raised_in: str = "", **values: Slot) -> Line:
    """Give one of a flag's texts (told, advice, summary) in the words of the screen in which it was raised."""
    return Line(key=f"{_screen_of_flag(talk, flag_id, raised_in).id}/flag.{flag_id}.{word}", values=values)


def _screen_of_flag(talk: Talk, flag_id: str, raised_in: str) -> Screen:
    """Find the screen that words a flag: the one it was raised in, else the one at hand, else any that has it."""
    screens = talk.library.screens
    likely = [screens[raised_in]] if raised_in in screens else []
    has = (s for s in (*likely, talk.screen, *screens.values()) if any(rule.id == flag_id for rule in s.safety.flags))
    return next(has, talk.screen)


def tell_gate(talk: Talk, way: Way) -> None:
    """Once the gate is through: raise the flags that pause, adapt or note, with their advice, each once."""
    screening = talk.screening
    if screening is None or "gate" in screening.told:
        return
    raised = [flag for flag in standing(talk, way.facts) if flag.action != "lock"]
    told = (*screening.told, "gate", *(f"flag:{flag.id}" for flag in raised))
    talk.put_screening(screening.model_copy(update={"told": told}))
    tell_flags(talk, raised, told=screening.told)


def tell_flags(talk: Talk, raised: Sequence[Flag], *, told: Sequence[str]) -> None:
    """Raise flags and say the advice of those that were not told yet, in one message."""
    held = {flag.id for flag in talk.known.flags}
    new = [flag for flag in raised if f"flag:{flag.id}" not in told]
    for flag in new:
        talk.do(RaiseFlag(flag=flag, screen=talk.screen.id))
        if flag.id not in held:
            _tell_coach(talk, flag, None)
    if new:
        lines = [line for flag in new for line in advice(talk, flag)]
        if any(flag.urgency != "coach" for flag in new):
            lines.append(_who_knows(talk))
        talk.say(*lines)


def raise_standing(talk: Talk) -> bool:
    """Before a screening is set aside: raise what its answers raise, so that nothing reported is lost with it.

    True where one of them locks: then nothing goes on.
    """
    screening = talk.screening
    if screening is None:
        return False
    raised = standing(talk, talk.live_facts)
    tell_flags(talk, raised, told=screening.told)
    if not any(flag.action == "lock" for flag in raised):
        return False
    talk.clear()
    talk.forget_unread()
    talk.say(Line(key="bot.stopped"), priority="safety")
    return True


def gate_passed(talk: Talk, way: Way) -> None:
    """End a gate that was asked by itself: after /profile, or to lift a lock."""
    screening = talk.screening
    if screening is None:
        return
    tell_gate(talk, way)
    unlocking = screening.scope == "unlock"
    standing_ids = {flag.id for flag in standing(talk, way.facts)}
    reason = f"examined by {screening.examined_by}, by the client's word; gate passed" if unlocking else "gate passed"
    held = tuple(flag for flag in talk.known.flags if flag.action in HOLDING)
    for flag in talk.known.flags:
        # What stops exercise is lifted only after an examination; the rest as soon as it is no longer reported.
        if flag.id not in standing_ids and (unlocking or flag.action not in HOLDING):
            talk.do(LiftFlag(flag_id=flag.id, reason=reason))
    changed = None
    if unlocking:
        talk.conversation = talk.conversation.model_copy(update={"gentle_until": talk.at + GENTLE_FOR})
        talk.do(KeepPlan(plan=None))
        again.remake(talk, way, screening.id)
    elif not held:
        changed = again.remake(talk, way, screening.id)
        again.clear_red_pain(talk)
    talk.clear()
    if talk.conversation.then_weekly:
        talk.conversation = talk.conversation.model_copy(update={"then_weekly": False})
        if not held and not unlocking and not talk.held_by(*HOLDING):
            weekly.begin(talk)
            return
    key = "bot.unlocked" if unlocking else "bot.still_locked" if held else "bot.gate_passed"
    talk.next_step()
    lines = [Line(key=key), *([changed] if changed else []), *([tired] if (tired := again.resting(talk)) else [])]
    has_result = talk.known.assessment is not None and not unlocking and not held
    choices = again.choices(talk) if has_result else (("screen", "bot.start_screen"), ("later", "bot.later"))
    talk.say(*lines, rows=(talk.choices(*choices),))


def show_locked(talk: Talk) -> None:
    """Say what stands, its advice once more, and the way out."""
    held = [flag for flag in talk.known.flags if flag.action == "lock"] or [
        flag for flag in talk.known.flags if flag.action == "pause"
    ]
    talk.next_step()
    held.sort(key=lambda flag: URGENCIES.index(flag.urgency), reverse=True)
    told = [flag for flag in held if flag.urgency == held[0].urgency][:2]
    lines = [line for flag in told for line in advice(talk, flag)]
    rows: tuple[Any, ...] = ()
    wait = wait_to_unlock(talk)
    if wait is not None:
        hours = max(1, round(wait.total_seconds() / 3600))
        if wait <= timedelta(0):
            lines.append(Line(key="bot.locked_examined"))
            rows = (talk.choices(("examined", "bot.i_was_examined"), ("later", "bot.not_yet")),)
        else:
            lines.append(Line(key="bot.locked_wait", values={"count": hours}))
    else:
        lines.append(Line(key="bot.locked_coach"))
    rows = (*rows, *([talk.choices(("letter", "paper.a_letter"))] if papers.may_have_a_letter(talk) else []))
    if all(flag.action == "pause" for flag in held):
        kept = (("result", "bot.my_result"),) if talk.known.assessment is not None else ()
        rows = (*rows, talk.choices(*kept, ("anyway", "bot.screen_anyway")))
    talk.say(*lines, rows=rows)


def wait_to_unlock(talk: Talk) -> timedelta | None:
    """Tell how long until a client may say that they were examined; None where only a coach can lift the stop."""
    held = [flag for flag in talk.known.flags if flag.action in HOLDING]
    by_coach = talk.known.person.coach_name is not None
    if not held or by_coach or any(f.id.startswith(FOR_A_COACH) or f.urgency not in WAIT_BEFORE_ASKING for f in held):
        return None
    return max(flag.raised_at + WAIT_BEFORE_ASKING[flag.urgency] - talk.at for flag in held)


def ask_who_examined(talk: Talk) -> None:
    """Ask who examined them and whether they may exercise; the words are kept."""
    if not isinstance(talk.top, Unlock):
        talk.push(Unlock())
    talk.next_step()
    talk.say(
        Line(key="bot.examined_by"),
        rows=(
            talk.choices(
                ("x-doctor", "bot.by_doctor"),
                ("x-physio", "bot.by_physio"),
                ("x-hospital", "bot.by_hospital"),
                ("x-no", "bot.told_to_wait"),
            ),
        ),
    )


def tell_coach_of_result(talk: Talk, assessment: Assessment) -> None:
    """Let a flagged client's coach see what the screening came to; avoiding end range is no news (evidence 0, 24)."""
    if any(flag.id not in NO_NEWS for flag in assessment.flags):
        coached.refresh(talk)


def tell_coach_it_hurts(talk: Talk, report: SessionReport) -> None:
    """Tell the coach of red pain in a session, the same day (evidence 6 Coach alerts)."""
    told = {"pain": report.pain, "where": report.where, "like": report.like, "limp": "yes" if report.limp else None}
    what = " ".join(f"{name}={value}" for name, value in told.items() if value is not None)
    coached.raise_alert(talk, Reason(kind="pain", what=what, urgency="clinician", at=talk.at))


def _tell_coach(talk: Talk, flag: Flag, own_words: str | None) -> None:
    if flag.urgency == "coach" and flag.action not in HOLDING:
        return  # the digest says it
    reason = Reason(kind="flag", what=flag.id, urgency=flag.urgency, at=talk.at, screen=talk.screen.id, words=own_words)
    coached.raise_alert(talk, reason)


def _who_knows(talk: Talk) -> Line:
    """Say truthfully who learns of it."""
    return coached.who_knows(talk)
