"""The daily prompt: whether it is said, what it proposes and why, and what may be answered to it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from bot.conversation import again, alarm, away, milestones, pages, practice, screening, timing, weekly
from bot.conversation.activities import (
    Answering,
    Ask,
    Confirm,
    Linking,
    Noting,
    Practice,
    Prompt,
    Timing,
    Weekly,
    Writing,
)
from bot.conversation.activities import Today as AnythingNew
from bot.conversation.effects import Forget, Joined, KeepRhythm, Line, Remind
from bot.conversation.effects import Slot as Words
from bot.conversation.events import CameDue
from bot.conversation.known import CONSENT_VERSION, HOLDING
from bot.conversation.talk import Talk
from bot.timetable.dates import read_until
from bot.timetable.rhythm import (
    Later,
    Rhythm,
    Slot,
    dated_pause,
    instant,
    is_late,
    later_choices,
    next_prompts,
    nudge,
    open_until,
    pace,
    resumed,
    tz,
    window_ends,
)
from rules import Prescribed
from rules.feedback import read_feedback
from rules.log import SessionReport, standing_log
from rules.times import read_time

LET_GO = timedelta(hours=1)
"""So long after the client was last heard, what they left open in a session is no longer going on. A proposal."""
WAIT = timedelta(minutes=15)
"""So long a prompt waits while something else is going on, before it is looked at again. A proposal."""
ASK_AFTER = 3
"""Silent days after which a client is asked once what is in the way (evidence 7 Policy)."""
REASONS = ("hard", "long", "pain", "time", "pause")
"""What may be in the way (evidence 7 Policy)."""
TODAY_TOO = ("prompt", "nudge", "later")
"""The kinds of reminders that belong to one day's session."""


def came_due(talk: Talk, event: CameDue) -> None:
    """Say what came due, or leave it: nothing where they practised, rest, are stopped, or have no exercises."""
    rhythm, slot = talk.known.rhythm, event.slot
    if rhythm is None or not _may_exercise(talk) or is_done(talk, slot.local_date):
        return
    if slot.kind == "resume":
        if rhythm.paused_until is not None and rhythm.paused_until <= slot.local_date:
            _end_pause(talk, rhythm, slot)
        return
    if _settle_first(talk):
        if slot.kind in ("prompt", "later"):
            _ask_to_settle(talk, rhythm, slot)
        return
    if _busy(talk):
        at = talk.at + WAIT
        if slot.kind in ("prompt", "later") and at < min(
            open_until(rhythm, slot), window_ends(rhythm, slot.local_date)
        ):
            waits = Slot(kind="later", local_date=slot.local_date, slot=f"waits-{at:%H%M}", due_at=at)
            talk.do(Remind(slot=waits))
        return
    if slot.kind == "nudge" and not (isinstance(talk.top, Prompt) and talk.top.on == slot.local_date):
        return
    leave_old(talk)
    match slot.kind:
        case "prompt":
            _prompt_or_ask(talk, rhythm, slot)
        case "later":
            say_prompt(talk, slot, "prompt.as_you_asked" if not slot.slot.startswith("waits") else None)
        case "nudge":
            say_prompt(talk, slot, "prompt.nudge")
        case _:
            pass


def _may_exercise(talk: Talk) -> bool:
    known = talk.known
    agreed = known.consent == CONSENT_VERSION
    free = again.resting(talk) is None and again.held(talk) is None
    return agreed and known.plan is not None and not talk.held_by(*HOLDING) and free


def _busy(talk: Talk) -> bool:
    """Tell whether something else is going on: anything but a prompt that they were at lately."""
    heard = talk.conversation.heard_at
    # A question that is left over from a session, or from settings, holds up no prompt for long.
    wait = LET_GO if isinstance(talk.top, LEFT) else away.LEFT_AFTER
    lately = heard is not None and talk.at - heard <= wait
    return lately and talk.top is not None and not isinstance(talk.top, Prompt)


LEFT = Practice | Weekly | Timing | AnythingNew | Linking | Answering | Writing | Noting
"""What is over when it was left open for long: words that come later mean something else."""


def leave_old(talk: Talk) -> None:
    """Let go of what was left in the middle, above any screening; what was told of a session is kept."""
    while isinstance(talk.top, LEFT | Prompt):
        if isinstance(talk.top, Practice):
            practice.leave(talk)
        else:
            talk.pop()


def was_left(talk: Talk) -> bool:
    """Tell whether something of a session or its settings was left open so long ago that words can't mean it."""
    heard = talk.conversation.heard_at
    old = heard is not None and talk.at - heard > away.LEFT_AFTER
    return old and isinstance(talk.top, LEFT)


def _settle_first(talk: Talk) -> bool:
    """Tell whether a safety question was left open: it comes before any exercise, however long ago it was asked."""
    running = talk.screening
    gate = running is not None and running.scope not in screening.TESTING
    return not _busy(talk) and (gate or isinstance(talk.top, Ask | Confirm))


def _ask_to_settle(talk: Talk, rhythm: Rhythm, slot: Slot) -> None:
    """Show the safety question again in place of a prompt, in the rhythm of prompts."""
    if not _is_their_day(talk, rhythm, slot):
        return
    talk.say(Line(key="prompt.settle_first"), priority="prompt")
    match talk.top:
        case Ask():
            alarm.show_closed_question(talk)
        case Confirm():
            alarm.show_confirm(talk)
        case _:
            away.offer_resume(talk)


def _is_their_day(talk: Talk, rhythm: Rhythm, slot: Slot) -> bool:
    """Tell whether the slower rhythm of one who is silent has a prompt on this day."""
    silent = silent_days(talk, rhythm, slot.local_date)
    heard_on = slot.local_date - timedelta(days=silent)
    return pace(silent).includes(slot.local_date, heard_on=heard_on, days=rhythm.days)


def is_done(talk: Talk, on: date) -> bool:
    """Tell whether a session of that local date is reported."""
    sessions = (e for e in standing_log(talk.known.log) if isinstance(e, SessionReport))
    return any(e.on == on and e.completed != "no" for e in sessions)


def silent_days(talk: Talk, rhythm: Rhythm, on: date) -> int:
    """Count the local days since the client was last heard."""
    at = talk.conversation.heard_at
    heard = [at.astimezone(tz(rhythm.zone)).date()] if at is not None else []
    if rhythm.paused_until is not None and rhythm.paused_until <= on:
        heard.append(rhythm.paused_until)  # nobody was asked anything in a pause
    return (on - max(heard)).days if heard else 0


def _prompt_or_ask(talk: Talk, rhythm: Rhythm, slot: Slot) -> None:
    silent = silent_days(talk, rhythm, slot.local_date)
    if silent >= ASK_AFTER and talk.conversation.asked_why is None:
        talk.conversation = talk.conversation.model_copy(update={"asked_why": slot.local_date})
        _open_prompt(talk, slot.local_date)
        talk.say(
            Line(key="prompt.in_the_way", values={"count": silent}),
            rows=(talk.choices(*((f"why-{one}", f"prompt.why.{one}") for one in REASONS)),),
            priority="prompt",
        )
        return
    if not _is_their_day(talk, rhythm, slot):
        return
    late = is_late(slot.due_at, talk.at)
    proposed = say_prompt(talk, slot, "prompt.late" if late else None)
    if proposed and silent < ASK_AFTER and (again_at := nudge(rhythm, talk.at, talk.at)) is not None:
        talk.do(Remind(slot=again_at))


def begin_weekly(talk: Talk) -> None:
    """Begin the weekly re-screen with the whole list of safety questions (evidence 0 Locks: the full list weekly)."""
    _close_prompt(talk)
    talk.do(Forget(kinds=("nudge", "later"), why="begun"))
    talk.say(Line(key="weekly.safety_first"))
    talk.conversation = talk.conversation.model_copy(update={"then_weekly": True})
    screening.begin(talk, scope="gate", keep={f"profile.{k}": v for k, v in talk.known.profile.items()})


def _say_weekly(talk: Talk, on: date, opening: str | None) -> None:
    _open_prompt(talk, on)
    talk.conversation = talk.conversation.model_copy(update={"weekly_on": on})
    talk.say(
        *([Line(key=opening)] if opening else []),
        Line(key="weekly.due"),
        rows=(
            talk.choices(("weekly", "weekly.start"), ("start", "weekly.not_this_week"), ("later", "prompt.later")),
            talk.choices(("not-today", "prompt.not_today"), ("flare", "prompt.flare"), ("hurts", "prompt.hurts")),
        ),
        priority="prompt",
    )


def say_prompt(talk: Talk, slot: Slot, opening: str | None = None) -> bool:
    """Say what today's session is, in one message, and what may be answered; False where none is proposed."""
    today = practice.today(talk, slot.local_date)
    if today is None:
        return False
    if today.kind == "rest":
        return False  # the week has all its sessions: nothing to say is the right thing
    if today.kind == "session" and weekly.is_due(talk, slot.local_date):
        _say_weekly(talk, slot.local_date, opening)
        return True
    _open_prompt(talk, slot.local_date)
    lines = [Line(key=opening)] if opening else []
    if today.kind != "session":
        practice.say_no_session(talk, today, priority="prompt")
        return False
    talk.say(
        *lines,
        Line(key="prompt.what", values={"count": minutes(today.items), "moves": _moves(talk, today.items)}),
        *practice.reasons(talk, today)[:1],
        *([new] if slot.kind == "prompt" and (new := milestones.line(talk, slot.local_date)) else []),
        rows=(
            talk.choices(("start", "prompt.start"), ("short", "prompt.short"), ("later", "prompt.later")),
            talk.choices(("not-today", "prompt.not_today"), ("flare", "prompt.flare"), ("hurts", "prompt.hurts")),
        ),
        priority="prompt",
    )
    return True


def minutes(items: Sequence[Prescribed]) -> int:
    """Give the minutes that a session takes."""
    return max(1, round(sum(item.seconds for item in items) / 60))


def _moves(talk: Talk, items: Sequence[Prescribed]) -> Joined:
    return Joined(items=tuple(talk.of_screen(f"exercise.{item.exercise}.name") for item in items), glue=" · ")


def _open_prompt(talk: Talk, on: date) -> None:
    _close_prompt(talk)
    talk.push(Prompt(on=on, said_at=talk.at))
    talk.conversation = talk.conversation.model_copy(update={"prompted_at": talk.at})
    talk.next_step()


def _close_prompt(talk: Talk) -> date | None:
    top = talk.top
    if not isinstance(top, Prompt):
        return None
    talk.pop()
    return top.on


# --- answers to the prompt


def tapped(talk: Talk, option: str) -> bool:
    """Hear a tap on the prompt; False for one that means nothing here."""
    top, rhythm = talk.top, talk.known.rhythm
    if not isinstance(top, Prompt):
        return False
    kind, _, rest = option.partition("-")
    match option:
        case "start" | "short":
            _close_prompt(talk)
            practice.begin(talk, again.local_day(talk), short=option == "short")
        case "later" if rhythm is not None:
            _offer_later(talk, rhythm, top.on)
        case "weekly":
            begin_weekly(talk)
        case "not-today":
            _close_prompt(talk)
            talk.do(Forget(kinds=("nudge", "later"), why="not_today"))
            talk.say(Line(key="prompt.not_today_fine"))
        case "hurts":
            _close_prompt(talk)
            talk.do(Forget(kinds=("nudge", "later"), why="hurts"))
            practice.hurts(talk, again.local_day(talk))
        case "flare":
            _close_prompt(talk)
            practice.flare_up(talk, again.local_day(talk))
        case _ if kind == "at" and rhythm is not None:
            _put_off(talk, rhythm, top, rest)
        case _ if kind == "why" and rest in REASONS:
            _hear_reason(talk, top, rest)
        case _:
            return False
    return True


def _later(talk: Talk, rhythm: Rhythm, on: date) -> tuple[Later, ...]:
    """Give the times to which the prompt of a local date may be put off: none once that date is over."""
    return later_choices(rhythm, talk.at) if again.local_day(talk) == on else ()


def _offer_later(talk: Talk, rhythm: Rhythm, on: date) -> None:
    offered = _later(talk, rhythm, on)
    if not offered:
        talk.say(Line(key="prompt.no_later"))
        return
    talk.next_step()
    talk.say(
        Line(key="prompt.when"), rows=(talk.choices(*((f"at-{one.id}", f"prompt.at.{one.id}") for one in offered)),)
    )


def _put_off(talk: Talk, rhythm: Rhythm, top: Prompt, chosen: str) -> None:
    one = next((one for one in _later(talk, rhythm, top.on) if one.id == chosen), None)
    if one is None:
        talk.say(Line(key="prompt.no_later"))
        return
    _close_prompt(talk)
    talk.do(Forget(kinds=("nudge", "later"), why="snoozed"))
    slot = Slot(kind="later", local_date=top.on, slot=f"{chosen}-{one.at:%H%M}", due_at=one.at)
    talk.do(Remind(slot=slot))
    talk.say(Line(key="prompt.put_off", values={"at": f"{one.at.astimezone(tz(rhythm.zone)):%H:%M}"}))


def _hear_reason(talk: Talk, top: Prompt, reason: str) -> None:
    _close_prompt(talk)
    match reason:
        case "pause":
            pause(talk)
        case "pain":
            practice.hurts(talk, top.on)
        case _:
            talk.say(Line(key=f"prompt.because.{reason}"))
            if reason == "time":
                talk.next_step()
                talk.say(Line(key="prompt.other_time"), rows=(talk.choices(("time", "rhythm.set_time")),))


def typed(talk: Talk, words: str) -> bool:
    """Hear words at a prompt; False where they say nothing of it, and are heard as at any time."""
    low = words.lower().strip(" .!")
    chosen = next((option for option, said in PROMPT_WORDS.items() if low in said), None)
    if chosen is not None:
        return tapped(talk, chosen)
    return told_done(talk, words)


REMIND = re.compile(r"\bremind(?:er|ers)?\b", re.IGNORECASE)


def asks_for_reminders(talk: Talk, words: str) -> bool:
    """Hear "remind me at 7 in the evening"; False for other words."""
    if talk.known.plan is None or not REMIND.search(words):
        return False
    timing.begin(talk)
    if read_time(words, talk.lexicon):
        timing.typed(talk, words)
    return True


def told_done(talk: Talk, words: str) -> bool:
    """Hear that they did a session by themselves; False where the words don't say so."""
    told = read_feedback(words, talk.lexicon)
    if talk.known.plan is None or told is None or told.done not in ("yes", "partly"):
        return False
    _close_prompt(talk)
    practice.told_done(talk, again.local_day(talk), told)
    return True


PROMPT_WORDS = {
    "start": ("start", "go", "now", "ok", "yes", "lets go", "let's go", "ready"),
    "short": ("short", "short version", "quick one", "short one"),
    "later": ("later", "snooze", "not now", "remind me later"),
    "not-today": ("not today", "no", "skip", "tomorrow", "no thanks"),
    "flare": ("a bad day", "bad day", "flare up", "flare-up", "flare"),
    "hurts": ("something hurts", "it hurts", "hurts"),
}


# --- the week, and what was


def show_week(talk: Talk) -> None:
    """Show the session that comes next with its reasons, and on which days it comes."""
    on = again.local_day(talk)
    on += timedelta(days=is_done(talk, on))
    what = practice.today(talk, on)
    for _ in range(7):  # what comes after the days of rest
        if what is None or what.kind != "rest":
            break
        on += timedelta(days=1)
        what = practice.today(talk, on)
    if what is None:
        return
    if what.kind != "session":
        practice.say_no_session(talk, what)
        return
    why = practice.reasons(talk, what, (*practice.CHANGES, "hold"))
    talk.say(
        Line(key="week.next", values={"date": timing.on_date(on), "count": minutes(what.items)}),
        *(line for n, item in enumerate(what.items, 1) for line in pages.exercise_as_asked(talk, item, n)),
    )
    talk.say(
        *([Line(key="week.why", values={"why": Joined(items=why, glue="\n")})] if why else []),
        *_coming(talk),
        Line(key="week.strength"),
        talk.of_screen("plan.stop"),
    )


def _coming(talk: Talk) -> Iterator[Line]:
    rhythm = talk.known.rhythm
    if rhythm is None:
        yield Line(key="week.no_time")
        return
    planned = next_prompts(rhythm, talk.at, 7, last_prompt_on=timing.last_prompt_on(talk, rhythm))
    days = tuple(
        timing.when(one) for one in planned if one.slot.local_date <= again.local_day(talk) + timedelta(days=7)
    )
    yield Line(key="week.coming", values={"days": Joined(items=days, glue="; ")}) if days else Line(key="week.paused")


MISTAKE = re.compile(r"\b(?:mistake|wrong|by accident|accidentally|didn'?t (?:do|mean)|never did)\b", re.IGNORECASE)


def mistaken(talk: Talk, words: str) -> bool:
    """Hear that something told lately was a mistake, and ask what; False where no session was told lately."""
    sessions = [e for e in standing_log(talk.known.log) if isinstance(e, SessionReport)]
    if not sessions or not MISTAKE.search(words) or again.local_day(talk) - sessions[-1].on > timedelta(days=1):
        return False
    talk.next_step()
    options = (("undo", "practice.the_session"), ("change", "bot.change_answer"), ("go-on", "bot.sure_no"))
    talk.say(Line(key="practice.which_mistake"), rows=(talk.choices(*options),))
    return True


HISTORY_DAYS = 14
"""So many sessions `/history` lists. A proposal."""


def show_history(talk: Talk) -> None:
    """List the sessions as they were told, the newest first."""
    told = [e for e in standing_log(talk.known.log) if isinstance(e, SessionReport)]
    if not told:
        talk.say(Line(key="history.none"))
        return
    lines = tuple(_told(talk, report) for report in sorted(told, key=lambda e: e.on, reverse=True)[:HISTORY_DAYS])
    talk.next_step()
    talk.say(
        Line(key="history.head", values={"count": sum(report.completed != "no" for report in told)}),
        Line(key="bot.list", values={"items": Joined(items=lines, glue="\n")}),
        Line(key="history.undo"),
        rows=(talk.choices(("undo", "practice.undo")),),
    )


def _told(talk: Talk, report: SessionReport) -> Line:
    parts = [Line(key=f"history.{report.completed}")]
    if report.pain:
        parts.append(Line(key="history.pain", values={"pain": report.pain}))
    if report.morning is not None and report.morning != "usual":
        parts.append(Line(key=f"history.morning.{report.morning}"))
    values: dict[str, Words] = {"date": timing.on_date(report.on), "told": Joined(items=tuple(parts), glue=", ")}
    return Line(key="history.line", values=values)


# --- pauses

STOP_WORDS = re.compile(
    r"(?:please |pls |can you |i want (?:you )?to )*(?:stop|pause|unsubscribe|quit|no more)"
    r"(?: (?:it|this|now|please|pls|reminding me|the|reminders|messages|messaging me|sending (?:me )?\w+|prompts))*"
)


def stops(talk: Talk, words: str) -> bool:
    """Hear "stop" and "pause": no more reminders, after one question how long; False for other words."""
    if talk.known.rhythm is None or not STOP_WORDS.fullmatch(words.lower().strip(" .!")):
        return False
    talk.next_step()
    options = (
        ("pause-today", "rhythm.stop.today"),
        ("pause-week", "rhythm.stop.week"),
        ("pause-open", "rhythm.stop.open"),
    )
    talk.say(Line(key="rhythm.stop.ask"), rows=(talk.choices(*options),))
    return True


def stop_tapped(talk: Talk, option: str) -> bool:
    """Hear for how long; False for other taps."""
    match option:
        case "pause-today":
            _close_prompt(talk)
            talk.do(Forget(kinds=("nudge", "later"), why="not_today"))
            talk.say(Line(key="prompt.not_today_fine"))
        case "pause-week":
            pause(talk, again.local_day(talk) + timedelta(days=7))
        case "pause-open":
            pause(talk)
        case _:
            return False
    return True


def back(talk: Talk) -> None:
    """Welcome one who had blocked us: reminders go on, and they may pause."""
    rhythm = talk.known.rhythm
    if rhythm is None or talk.known.consent != CONSENT_VERSION or talk.known.plan is None:
        return
    coming = next_prompts(rhythm, talk.at, 1, last_prompt_on=timing.last_prompt_on(talk, rhythm))
    if not coming:
        return
    talk.do(Remind(slot=coming[0].slot))
    talk.next_step()
    talk.say(
        Line(key="rhythm.back", values={"when": timing.when(coming[0])}),
        rows=(talk.choices(("go-on", "rhythm.go_on"), ("pause-open", "rhythm.no_pause")),),
    )


def pause(talk: Talk, until: date | None = None) -> None:
    """Stop reminding, until a date or until they say so."""
    rhythm = talk.known.rhythm
    if rhythm is None:
        talk.say(Line(key="rhythm.none"))
        return
    _close_prompt(talk)
    today = talk.at.astimezone(tz(rhythm.zone)).date()
    paused = dated_pause(rhythm, today, until)
    talk.do(KeepRhythm(rhythm=paused), Forget(kinds=(*TODAY_TOO, "resume"), why="paused"))
    if until is None:
        talk.say(Line(key="rhythm.paused"))
        return
    back = instant(until, rhythm.at, rhythm.zone)
    talk.do(Remind(slot=Slot(kind="resume", local_date=until, slot="pause", due_at=back)))
    talk.say(Line(key="rhythm.paused_until", values={"date": timing.on_date(until)}))


def resume(talk: Talk) -> None:
    """Remind again from the next day that is due."""
    rhythm = talk.known.rhythm
    if rhythm is None:
        talk.say(Line(key="rhythm.none"))
        return
    _start_again(talk, rhythm, "rhythm.resumed")


def _end_pause(talk: Talk, rhythm: Rhythm, slot: Slot) -> None:
    """End a pause on its date, with that day's prompt where the day is theirs; the silence meant nothing."""
    talk.conversation = talk.conversation.model_copy(update={"heard_at": talk.at, "asked_why": None})
    if slot.local_date.weekday() not in rhythm.days:
        _start_again(talk, rhythm, "rhythm.pause_over")
        return
    _start_again(talk, rhythm, None)
    if say_prompt(talk, slot, "rhythm.pause_over_today") and (again_at := nudge(rhythm, talk.at, talk.at)) is not None:
        talk.do(Remind(slot=again_at))


def _start_again(talk: Talk, rhythm: Rhythm, key: str | None) -> None:
    going = resumed(rhythm)
    talk.do(KeepRhythm(rhythm=going), Forget(kinds=("resume", "prompt"), why="resumed"))
    coming = next_prompts(going, talk.at, 1, last_prompt_on=timing.last_prompt_on(talk, going))
    if coming:
        talk.do(Remind(slot=coming[0].slot))
    if coming and key is not None:
        talk.say(Line(key=key, values={"when": timing.when(coming[0])}))


def pause_in_words(talk: Talk, words: str) -> None:
    """Pause as told: "until 3 December", "2 weeks", or without an end."""
    told = words.strip()
    if not told:
        pause(talk)
        return
    until = read_until(told, again.local_day(talk), month_first=talk.known.profile.get("country") == "us")
    if until is None:
        talk.say(Line(key="rhythm.pause_unclear"))
    else:
        pause(talk, until)
