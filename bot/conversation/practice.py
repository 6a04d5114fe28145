"""A guided session: what is new first, the morning after, each exercise in turn, then what it was like."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from bot.conversation import again, alarm, away, pages, screening, second
from bot.conversation.activities import Practice
from bot.conversation.effects import Button, ButtonRow, Forget, Joined, KeepEntry, Line, Slot
from bot.conversation.known import HOLDING
from bot.conversation.numbers import is_number
from bot.conversation.talk import Talk
from rules import Prescribed
from rules.daily import Decision, Today, next_session, stand_in
from rules.feedback import Feedback, read_feedback
from rules.log import ExerciseReport, FlareUp, Retracted, SessionReport, Sliders, standing_log
from rules.reading import truth
from rules.screen import Dose

SLIDERS = ("stiffness", "tension", "ease")
"""What is asked before and after, 0 to 10 (evidence 0 Sliders)."""
RESERVES = ("easily", "just", "no")
WHERE = ("muscle", "front_hip", "low_back", "knee", "elsewhere")
LIKE = ("sore", "sharp", "ache")
MORNINGS = ("usual", "bit_worse", "clearly_worse")
MORNING_WITHIN = timedelta(days=3)
"""The morning after a session is asked for so long; later nobody remembers it. A proposal."""
SHORT_ITEMS = 1
"""A short session has so many of the exercises: the first, which makes room. A proposal."""
CHANGES = ("progress", "regress", "swap", "stop")
"""What is said of each exercise before a session; that the others stay is told after it."""
NEW_EXERCISE = 2
"""So many times a client is asked where they felt an exercise (evidence 0 Library)."""


def today(talk: Talk, on: date) -> Today | None:
    """Give the session of a local date; None where there is no plan."""
    known = talk.known
    if known.plan is None or known.assessed_facts is None:
        return None
    never = not any(isinstance(e, SessionReport) and e.completed != "no" for e in standing_log(known.log))
    if never and again.tests_are_old(known.tested_at, talk.at):
        return Today(kind="rescreen", why=("next.rescreen.missed_days",))
    return _next(talk, on)


def _next(talk: Talk, on: date) -> Today:
    """Give the session of a local date with all that this turn adds, fitted to the days on which they train legs."""
    known = talk.known
    assert known.plan is not None  # noqa: S101  # asked by who calls
    assert known.assessed_facts is not None  # noqa: S101
    rhythm, plan = known.rhythm, known.plan
    if rhythm is not None:  # days that they did not choose are not missed
        plan = plan.model_copy(update={"days_a_week": min(plan.days_a_week, len(rhythm.days))})
    what = next_session(talk.screen, plan, _log(talk), on, facts=known.assessed_facts)
    if rhythm is None or not rhythm.leg_days:
        return what
    legs_today = on.weekday() in rhythm.leg_days
    # As a warm-up or on a day of its own, strength never comes on top of theirs; in place of theirs, only with it.
    without_lifts = legs_today if rhythm.leg_plan != "swap" else not legs_today
    items = tuple(item for item in what.items if item.role != "lift") if without_lifts else what.items
    return what.model_copy(update={"items": items})


def begin(talk: Talk, on: date, *, short: bool = False) -> None:
    """Begin a session with the daily question: is anything new?"""
    if talk.held_by(*HOLDING):
        alarm.show_locked(talk)
        return
    if talk.screening is not None and talk.screening.scope not in screening.TESTING:
        away.offer_resume(talk)  # the safety questions that are open come before any exercise
        return
    if talk.known.plan is None or talk.known.assessed_facts is None:
        pages.show_plan(talk, None)
        return
    if (tired := again.resting(talk) or again.held(talk)) is not None:
        talk.say(tired)
        return
    seed = f"{talk.known.person.id}:{talk.at.isoformat()}:{talk.conversation.step}"
    report = SessionReport(
        id=hashlib.sha256(seed.encode()).hexdigest()[:8],
        on=on,
        completed="no",
        prescribed=(),
        exercises=(),
        short=short,
    )
    _drop(talk)
    talk.do(Forget(kinds=("nudge", "later"), why="begun"))
    talk.push(Practice(report=report, touched_at=talk.at))
    ask(talk)


def say_no_session(talk: Talk, what: Today, *, priority: str = "reply") -> None:
    """Say why there is no session today, and what comes instead."""
    rows: tuple[ButtonRow, ...] = ()
    talk.next_step()
    if what.kind == "stop":
        rows = (
            talk.choices(
                ("gate", "practice.safety_questions"),
            ),
        )
    elif what.kind == "rescreen":
        rows = (
            talk.choices(
                ("screen", "bot.screen_again"),
            ),
        )
    talk.say(Line(key=f"practice.no_session.{what.kind}"), *reasons(talk, what), rows=rows, priority=priority)


def reasons(talk: Talk, what: Today, kinds: Sequence[str] = CHANGES) -> tuple[Line, ...]:
    """Say why a session is as it is: what holds for all of it, then what became of each exercise."""
    doses = {item.exercise: item.dose for item in what.items}
    decided = (_decided(talk, d, doses.get(d.exercise)) for d in what.decisions if d.kind in kinds)
    return (*(Line(key=why) for why in what.why), *decided)


def _decided(talk: Talk, decision: Decision, dose: Dose | None) -> Line:
    values: dict[str, Slot] = {
        "exercise": talk.of_screen(f"exercise.{decision.exercise}.name"),
        "before": talk.of_screen(f"exercise.{decision.before or decision.exercise}.name"),
        "rule": Line(key=f"next.rule.{decision.rule.removeprefix('next.')}"),
    }
    if decision.kind not in ("progress", "regress"):
        return Line(key=f"next.{decision.kind}", values=values)
    values["dose"] = pages.dose(dose) if dose is not None else ""
    return Line(key=f"next.{decision.kind}.{decision.variable or 'dose'}", values=values)


# --- asking


def ask(talk: Talk, note: Line | None = None) -> None:
    """Show what is asked now."""
    now = talk.top
    if not isinstance(now, Practice):
        return
    if now.asked in ("before", "exercise") and (hold := again.held(talk)) is not None:
        talk.say(hold)  # a coach held the exercises meanwhile: what was done counts, pain is still asked for
        _stop_here(talk, now)
        return
    talk.next_step()
    lines, rows = _question(talk, now)
    talk.card(f"p{now.report.id}", *([note] if note else []), *lines, rows=rows)


def _question(talk: Talk, now: Practice) -> tuple[list[Line], tuple[ButtonRow, ...]]:
    match now.asked:
        case "today":
            return [Line(key="practice.today")], (
                talk.choices(("today-no", "today.no"), ("today-yes", "today.yes"), ("today-unsure", "today.unsure")),
            )
        case "before" | "after":
            slider = SLIDERS[now.slider]
            key = f"practice.{slider}"
            return [Line(key=f"practice.{now.asked}"), Line(key=key)], (_scale(talk), _skip(talk))
        case "exercise":
            return _exercise(talk, now)
        case "moved":
            item = now.report.prescribed[now.at]
            asked = [(f"m-{one}", talk.of_screen(f"option.compensations.{one}")) for one in _asks(talk, item)]
            return [Line(key="practice.moved")], (
                _labelled(talk, [*asked, ("m-none", Line(key="practice.nothing_moved"))]),
            )
        case "felt":
            item = now.report.prescribed[now.at]
            feel = talk.of_screen(f"exercise.{item.exercise}.feel")
            return [Line(key="practice.felt", values={"feel": feel})], (
                talk.choices(("f-yes", "practice.felt_yes"), ("f-no", "practice.felt_no")),
            )
        case "pain":
            return [Line(key="practice.pain")], (_scale(talk),)
        case _:
            options = {"reserve": RESERVES, "where": WHERE, "like": LIKE, "morning": MORNINGS, "limp": ("no", "yes")}
            chosen = ((f"a-{one}", f"practice.{now.asked}_is.{one}") for one in options[now.asked])
            return [Line(key=f"practice.{now.asked}")], (talk.choices(*chosen),)


def _exercise(talk: Talk, now: Practice) -> tuple[list[Line], tuple[ButtonRow, ...]]:
    items = now.report.prescribed
    place = Line(key="practice.place", values={"n": now.at + 1, "count": len(items)})
    item = items[now.at]
    lines = [place, *pages.exercise_as_asked(talk, item, now.at + 1), _count(item)]
    more = [("x-done", "practice.done"), ("x-part", "practice.part")]
    if _other(talk, now, item) is not None:
        more.append(("x-other", "practice.other"))
    return lines, (
        talk.choices(*more),
        talk.choices(("x-hurts", "prompt.hurts"), ("x-stop", "practice.stop_here"), kind="controls"),
    )


def _count(item: Prescribed) -> Line:
    return Line(key=f"practice.count.{item.dose.unit}", values={"amount": item.dose.amount})


def _scale(talk: Talk) -> ButtonRow:
    buttons = (Button(data=talk.data("c", f"n-{n}"), label=Line(key="bot.number", values={"n": n})) for n in range(11))
    return ButtonRow(kind="scale", buttons=tuple(buttons))


def _skip(talk: Talk) -> ButtonRow:
    return talk.choices(("skip", "practice.skip"), kind="controls")


def _labelled(talk: Talk, options: Sequence[tuple[str, Line]]) -> ButtonRow:
    return ButtonRow(buttons=tuple(Button(data=talk.data("c", option), label=label) for option, label in options))


def _asks(talk: Talk, item: Prescribed) -> tuple[str, ...]:
    return next((e.ask for e in talk.screen.exercises.exercises if e.id == item.exercise), ())


# --- hearing

WORDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "reserve": {
        "a-easily": ("easily", "yes", "easy", "sure", "lots"),
        "a-just": ("just", "just about", "maybe", "barely"),
        "a-no": ("no", "nope", "not one"),
    },
    "moved": {"m-none": ("nothing", "none", "no", "nope", "nothing else", "nothing moved")},
    "felt": {"f-yes": ("there", "yes there"), "f-no": ("somewhere else", "elsewhere")},
    "pain": {"n-0": ("no", "none", "no pain", "nothing", "nope", "nil", "zero")},
    "morning": {
        "a-usual": ("usual", "as usual", "normal", "fine", "good", "ok", "same"),
        "a-bit_worse": ("a bit worse", "bit worse", "slightly worse", "a little worse"),
        "a-clearly_worse": ("clearly worse", "worse", "much worse", "a lot worse", "bad"),
    },
    "limp": {"a-yes": ("a bit", "a little")},
    "like": {
        "a-sore": ("sore", "soreness"),
        "a-sharp": ("sharp", "catching", "stabbing"),
        "a-ache": ("ache", "dull", "deep"),
    },
    "where": {
        "a-muscle": ("muscle", "muscles", "thigh", "buttock"),
        "a-front_hip": ("front", "groin", "front of hip"),
        "a-low_back": ("back", "low back", "lower back"),
        "a-knee": ("knee",),
        "a-elsewhere": ("elsewhere", "other"),
    },
    "exercise": {
        "x-done": ("done", "did it", "ok", "yes", "finished", "next", "all done", "done all of it"),
        "x-part": ("part", "not all", "partly", "half", "some"),
        "x-other": ("another", "another one", "other", "different"),
        "x-hurts": ("something hurts", "it hurts", "hurts", "ouch"),
    },
}
"""What may be typed for a button, whole."""


def _named(asked: str, low: str) -> str | None:
    return next((option for option, names in WORDS.get(asked, {}).items() if low in names), None)


def tapped(talk: Talk, option: str) -> bool:
    """Hear a tap; False for one that means nothing here."""
    now = talk.top
    if not isinstance(now, Practice):
        return False
    kind, _, rest = option.partition("-")
    report = now.report
    match now.asked, kind:
        case "today", "today" if rest in ("no", "yes", "unsure"):
            _hear_today(talk, now, new=rest != "no")
        case "morning", "a" if rest in MORNINGS:
            _keep_morning(talk, now, rest)
        case (("before" | "after"), ("n" | "skip")) if kind == "skip" or rest in map(str, range(11)):
            _slider(talk, now, int(rest) if kind == "n" else None)
        case "exercise", "x":
            return _exercise_tapped(talk, now, rest)
        case "reserve", "a" if rest in RESERVES:
            _told_of_exercise(talk, now, "moved" if _asks(talk, report.prescribed[now.at]) else "felt", reserve=rest)
        case "moved", "m":
            told = () if rest == "none" else (rest,)
            _told_of_exercise(talk, now, "felt", compensations=told)
        case "felt", "f" if rest in ("yes", "no"):
            _told_of_exercise(talk, now, "next", felt_right=rest == "yes")
        case "pain", "n" if rest in map(str, range(11)):
            if int(rest):  # kept at once, should they not go on
                talk.do(KeepEntry(entry=_whole(report.model_copy(update={"pain": int(rest)}))))
            _to(talk, now, "where" if int(rest) else "after", pain=int(rest))
        case "where", "a" if rest in WHERE:
            _to(talk, now, "like", where=rest)
        case "like", "a" if rest in LIKE:
            _to(talk, now, "limp", like=rest)
        case "limp", "a" if rest in ("no", "yes"):
            if report.completed == "no" and not report.exercises:
                _finish(talk, now.model_copy(update={"report": report.model_copy(update={"limp": rest == "yes"})}))
            else:
                _to(talk, now, "after", limp=rest == "yes")
        case _:
            return False
    return True


def typed(talk: Talk, words: str) -> None:
    """Hear words at a session: the answer to what is asked, or what they tell of it; pain is heard at any step."""
    now = talk.top
    if not isinstance(now, Practice):
        return
    low = words.lower().strip(" .!")
    if low in ("stop", "pause", "cancel", "enough", "stop here") and now.asked != "today":
        _stop_here(talk, now)
        return
    told = read_feedback(words, talk.lexicon) if not is_number(low) else None
    said = truth(words, talk.lexicon)
    if (chosen := _named(now.asked, low)) is not None and tapped(talk, chosen):
        return
    if now.asked == "today" and (new := second.anything_new(talk, words)) is not None:
        hurts = second.rest_after_pain(talk, words)
        _hear_today(talk, now, new=new, told=hurts)
        return
    if is_number(low) and now.asked in ("before", "after", "pain") and tapped(talk, f"n-{int(low)}"):
        return
    if now.asked in ("before", "after") and low in ("skip", "no", "later") and tapped(talk, "skip"):
        return
    if now.asked in ("limp", "felt") and said is not None:
        tapped(talk, f"{'a' if now.asked == 'limp' else 'f'}-{'yes' if said else 'no'}")
        return
    if told is not None:
        answer = {"reserve": told.reserve, "where": told.where, "like": told.like, "morning": told.morning}
        if (one := answer.get(now.asked)) is not None and tapped(talk, f"a-{one}"):
            return
        if now.asked == "moved" and told.compensations is not None:
            _told_of_exercise(talk, now, "felt", compensations=told.compensations)
            return
        if now.asked == "pain" and told.pain is not None and tapped(talk, f"n-{told.pain}"):
            return
    if alarm.tells_of_pain(talk, words) or (told is not None and (told.pain or told.like == "sharp")):
        _hurts_now(talk, now, pain=told.pain if told else None)
        return
    ask(talk, note=Line(key="bot.not_understood", values={"words": words[:80], "hint": Line(key="practice.hint")}))


def _exercise_tapped(talk: Talk, now: Practice, what: str) -> bool:
    item = now.report.prescribed[now.at]
    match what:
        case "done":
            _told_of_exercise(talk, now, "reserve", sets_done=item.dose.sets)
        case "part":
            _told_of_exercise(talk, now, "reserve", sets_done=max(item.dose.sets - 1, 0))
        case "other" if (other := _other(talk, now, item)) is not None:
            items = tuple(other if n == now.at else one for n, one in enumerate(now.report.prescribed))
            swapped = (*now.swapped, item.exercise)
            _put(talk, now.model_copy(update={"swapped": swapped}), "exercise", prescribed=items)
        case "hurts":
            _hurts_now(talk, now)
        case "stop":
            _stop_here(talk, now)
        case _:
            return False
    return True


def _other(talk: Talk, now: Practice, item: Prescribed) -> Prescribed | None:
    """Give another exercise for the same job, which this client may do; None where there is none left."""
    known = talk.known
    if known.assessed_facts is None:
        return None
    other = next((e.pair for e in talk.screen.exercises.exercises if e.id == item.exercise), None)
    taken = {one.exercise for one in now.report.prescribed} | set(now.swapped)
    if other is None or other in taken:
        return None
    return stand_in(talk.screen, item, other, known.assessed_facts)


# --- the steps


def _hear_today(talk: Talk, now: Practice, *, new: bool, told: bool = False) -> None:
    """Go on where nothing is new with their health; else ask the safety questions, which come before any exercise."""
    if new:
        _drop(talk)
        if not told:
            talk.say(Line(key="today.then_the_list"))
        screening.begin(talk, scope="gate", keep=again.lasting(talk))
        return
    if _waits_for_morning(talk, now):
        _put(talk, now, "morning")
    else:
        _compose(talk, now)


def _waits_for_morning(talk: Talk, now: Practice) -> bool:
    """Tell whether the morning after the last session is still to be asked for."""
    last = _last_session(talk, now.report.on)
    if last is None or last.morning is not None:
        return False
    return timedelta() < now.report.on - last.on <= MORNING_WITHIN


def _last_session(talk: Talk, before: date) -> SessionReport | None:
    log = (e for e in standing_log(_log(talk)) if isinstance(e, SessionReport) and e.on < before)
    sessions = [e for e in log if e.completed != "no"]
    return sessions[-1] if sessions else None


def _log(talk: Talk) -> tuple[Any, ...]:
    """Give the log with what this turn adds."""
    return (*talk.known.log, *(effect.entry for effect in talk.effects if isinstance(effect, KeepEntry)))


def _keep_morning(talk: Talk, now: Practice, morning: str) -> None:
    last = _last_session(talk, now.report.on)
    if last is not None:
        talk.do(KeepEntry(entry=last.model_copy(update={"morning": morning})))
    if now.report.completed != "no":  # told in words already
        _then_pain(talk, now)
    else:
        _compose(talk, now)


def _compose(talk: Talk, now: Practice) -> None:
    """Choose the session with all that is known by now."""
    known = talk.known
    if known.plan is None or known.assessed_facts is None:
        _drop(talk)
        return
    what = _next(talk, now.report.on)
    if what.kind != "session":
        _drop(talk)
        say_no_session(talk, what)
        return
    items = what.items[:SHORT_ITEMS] if now.report.short else what.items
    prompted = talk.conversation.prompted_at
    as_prompted = prompted is not None and talk.at - prompted < timedelta(hours=12) and not _worse_since(talk)
    if (told := reasons(talk, what)) and not as_prompted:
        talk.say(*told)
    _put(talk, now, "before", prescribed=items)


def _worse_since(talk: Talk) -> bool:
    """Tell whether what they just told of the morning after may have changed the session that the prompt named."""
    told = (e.entry for e in talk.effects if isinstance(e, KeepEntry) and isinstance(e.entry, SessionReport))
    return any(report.morning not in (None, "usual") for report in told)


def _slider(talk: Talk, now: Practice, number: int | None) -> None:
    held = getattr(now.report, now.asked) or Sliders()
    values = held.model_copy(update={SLIDERS[now.slider]: number})
    last = number is None or now.slider + 1 >= len(SLIDERS)
    report: dict[str, Any] = {now.asked: None if values == Sliders() else values}
    if not last:
        _put(talk, now.model_copy(update={"slider": now.slider + 1}), now.asked, **report)
    elif now.asked == "before":
        _put(talk, now.model_copy(update={"slider": 0}), "exercise", **report)
    else:
        _finish(talk, now.model_copy(update={"report": now.report.model_copy(update=report)}))


def _told_of_exercise(talk: Talk, now: Practice, following: str, **told: Any) -> None:
    """Put what was told of the exercise done now, and ask what follows."""
    item = now.report.prescribed[now.at]
    reports = {one.exercise: one for one in now.report.exercises}
    held = reports.get(item.exercise, ExerciseReport(exercise=item.exercise))
    reports[item.exercise] = held.model_copy(update=told)
    now = _put_only(talk, now, exercises=tuple(reports.values()))
    if following == "felt" and _times_done(talk, item.exercise) >= NEW_EXERCISE:
        following = "next"
    if following != "next":
        _put(talk, now, following)
    elif now.at + 1 < len(now.report.prescribed):
        _put(talk, now.model_copy(update={"at": now.at + 1}), "exercise")
    else:
        _put(talk, now, "pain")


def _times_done(talk: Talk, exercise: str) -> int:
    sessions = (e for e in standing_log(talk.known.log) if isinstance(e, SessionReport))
    return sum(any(one.exercise == exercise for one in session.exercises) for session in sessions)


def _stop_here(talk: Talk, now: Practice) -> None:
    """End early: what was done counts, the rest was not."""
    if not now.report.exercises:
        _drop(talk)
        talk.say(Line(key="practice.stopped_before"))
        return
    _put(talk, now, "pain")


def hurts(talk: Talk, on: date) -> None:
    """Ask where and like what it hurts, with no session begun."""
    seed = f"{talk.known.person.id}:{talk.at.isoformat()}:{talk.conversation.step}"
    report = SessionReport(
        id=hashlib.sha256(seed.encode()).hexdigest()[:8], on=on, completed="no", prescribed=(), exercises=()
    )
    _drop(talk)
    talk.push(Practice(report=report, touched_at=talk.at, asked="pain"))
    ask(talk, note=Line(key="practice.leave_out"))


def told_done(talk: Talk, on: date, told: Feedback) -> None:
    """Keep a session that they did by themselves, as told in words, and ask what is still open: whether it hurt."""
    what = today(talk, on)
    gate = talk.screening is not None and talk.screening.scope not in screening.TESTING
    if what is None or what.kind != "session" or gate:
        talk.say(Line(key="practice.nothing_to_do"))
        return
    seed = f"{talk.known.person.id}:{talk.at.isoformat()}:{talk.conversation.step}"
    parts = tuple(
        ExerciseReport(
            exercise=item.exercise,
            sets_done=item.dose.sets if told.done == "yes" else None,
            reserve=told.reserve,
            compensations=told.compensations,
        )
        for item in what.items
    )
    report = SessionReport(
        id=hashlib.sha256(seed.encode()).hexdigest()[:8],
        on=on,
        completed=told.done or "yes",
        prescribed=what.items,
        exercises=parts,
        pain=told.pain,
        where=told.where,
        like=told.like,
    )
    now = Practice(report=report, touched_at=talk.at, asked="pain")
    talk.push(now)
    talk.do(KeepEntry(entry=report), Forget(kinds=("nudge", "later"), why="done"))  # whether or not they answer more
    if _waits_for_morning(talk, now):
        _put(talk, now, "morning", note=Line(key=f"practice.kept.{report.completed}"))
    else:
        _then_pain(talk, now)


def _then_pain(talk: Talk, now: Practice) -> None:
    """Ask whether it hurt, where the words have not told it."""
    if now.report.pain is None:
        _put(talk, now, "pain")
        return
    talk.pop()
    talk.push(now.model_copy(update={"asked": "pain"}))
    tapped(talk, f"n-{now.report.pain}")


def _hurts_now(talk: Talk, now: Practice, pain: int | None = None) -> None:
    if pain:
        _put(talk, now, "where", note=Line(key="practice.leave_out"), pain=pain)
    else:
        _put(talk, now, "pain", note=Line(key="practice.leave_out"))


def _finish(talk: Talk, now: Practice) -> None:
    """Keep the report as it was told, and say what follows from it."""
    report = _whole(now.report)
    completed = report.completed
    _drop(talk)
    talk.do(KeepEntry(entry=report), Forget(kinds=("nudge", "later"), why="done"))
    known = talk.known
    if known.plan is None or known.assessed_facts is None:
        return
    what = _next(talk, report.on + timedelta(days=1))
    if what.kind == "stop":
        _stopped(talk, what, report)
        return
    key = "practice.kept.no" if completed == "no" else f"practice.kept.{completed}"
    talk.next_step()
    talk.say(
        Line(key=key),
        *_felt_difference(report),
        Line(key="bot.list", values={"items": Joined(items=reasons(talk, what, (*CHANGES, "hold")), glue="\n")}),
        rows=(
            talk.choices(
                ("undo", "practice.undo"),
            ),
        ),
    )


def _whole(report: SessionReport) -> SessionReport:
    """Tell from the exercises how much of a session was done; what was told in words stands."""
    if report.completed != "no":
        return report
    sets = {one.exercise: one.sets_done or 0 for one in report.exercises}
    whole = all(sets.get(item.exercise, 0) >= item.dose.sets for item in report.prescribed)
    completed = "no" if not any(sets.values()) else "yes" if whole else "partly"
    return report.model_copy(update={"completed": completed})


def leave(talk: Talk) -> None:
    """Keep what was told of a session that they left in the middle, and let go of it."""
    now = talk.top
    if isinstance(now, Practice):
        _drop(talk)
        if now.report.exercises or now.report.pain is not None:
            talk.do(KeepEntry(entry=_whole(now.report)))


def _felt_difference(report: SessionReport) -> Iterator[Line]:
    """Say what changed from before to after, as told; nothing where one of them was skipped."""
    if report.before is None or report.after is None:
        return
    parts = []
    for name in SLIDERS:
        before, after = getattr(report.before, name), getattr(report.after, name)
        if before is not None and after is not None and before != after:
            parts.append(Line(key=f"practice.changed.{name}", values={"before": before, "after": after}))
    if parts:
        yield Line(key="practice.before_after", values={"parts": Joined(items=tuple(parts), glue=", ")})
    else:
        yield Line(key="practice.no_difference")


def _stopped(talk: Talk, what: Today, report: SessionReport) -> None:
    """Red pain: a day's rest, the safety questions at once, and the coach is told."""
    again.rest(talk)
    talk.say(Line(key="practice.red"), *(Line(key=why) for why in what.why), priority="safety")
    alarm.tell_coach_it_hurts(talk, report)
    screening.begin(talk, scope="gate", keep=again.lasting(talk))


def flare_up(talk: Talk, on: date) -> None:
    """Note a bad day, told in one tap; today and tomorrow are gentle."""
    name = hashlib.sha256(f"flare:{talk.known.person.id}:{talk.at.isoformat()}".encode()).hexdigest()[:8]
    talk.do(KeepEntry(entry=FlareUp(id=name, on=on)), Forget(kinds=("nudge", "later"), why="flare_up"))
    talk.next_step()
    talk.say(
        Line(key="practice.flare"), rows=(talk.choices(("practise", "practice.gently"), ("later", "prompt.not_today")),)
    )


def undo(talk: Talk) -> None:
    """Take back the last session; everything that follows from it is as if it had not been told."""
    entries = [e for e in standing_log(talk.known.log) if isinstance(e, SessionReport)]
    if not entries:
        talk.say(Line(key="practice.nothing_to_undo"))
        return
    last = entries[-1]
    seed = f"{last.id}:{talk.at.isoformat()}"
    retracted = Retracted(id=hashlib.sha256(seed.encode()).hexdigest()[:8], on=last.on, what=last.id)
    talk.do(KeepEntry(entry=retracted))
    talk.say(Line(key="practice.undone"))


# --- the stack


def _to(talk: Talk, now: Practice, following: str, **told: Any) -> None:
    if following == "after" and now.report.before is None:
        _finish(talk, now.model_copy(update={"report": now.report.model_copy(update=told)}))
        return
    _put(talk, now.model_copy(update={"slider": 0}), following, **told)


def _put(talk: Talk, now: Practice, asked: str, *, note: Line | None = None, **told: Any) -> None:
    _put_only(talk, now.model_copy(update={"asked": asked}), **told)
    ask(talk, note)


def _put_only(talk: Talk, now: Practice, **told: Any) -> Practice:
    changed = now.model_copy(update={"report": now.report.model_copy(update=told), "touched_at": talk.at})
    talk.pop()
    talk.push(changed)
    return changed


def _drop(talk: Talk) -> None:
    if isinstance(talk.top, Practice):
        talk.pop()
