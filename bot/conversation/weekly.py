"""The weekly re-screen: two primary tests, the daily task, how it feels; what changed, and what follows from it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

from bot.coaching.alerts import Reason
from bot.conversation import again, coached
from bot.conversation.activities import Weekly
from bot.conversation.cards import labels_of_rows, option_label, side_word
from bot.conversation.effects import Button, ButtonRow, Joined, KeepEntry, KeepPlan, Line, Slot
from bot.conversation.numbers import is_number
from bot.conversation.talk import Talk
from rules import NoPlan, Plan
from rules.course import Check, Course, course
from rules.criteria import LEVELS, SIDES
from rules.log import SessionReport, Sliders, WeeklyCheck, standing_log
from rules.progression import next_plan
from rules.questions import implied, row_at
from rules.reading import read
from rules.screen import Row

EVERY = timedelta(days=7)
"""How often (evidence 6 Weekly re-screen)."""
TESTS = 2
"""How many primary tests (evidence 6 Weekly re-screen)."""
SLIDERS = ("stiffness", "tension", "ease", "options")
RESTS = {"resolved": 2}
"""What is resolved is kept with so many sessions a week (evidence 6 No change)."""


def is_due(talk: Talk, on: date) -> bool:
    """Tell whether a week has passed since the tests, or the last check."""
    known = talk.known
    if known.plan is None or known.plan.offered or known.tested_at is None or not asked_tests(talk):
        return False
    proposed = talk.conversation.weekly_on
    if proposed is not None and proposed != on and on - proposed < EVERY:
        return False  # not this week, then: once is enough
    return on - _last_on(talk) >= EVERY


def _last_on(talk: Talk) -> date:
    tested = talk.known.tested_at or talk.at
    return max([tested.date(), *(check.on for check in _checks(talk))])


def _checks(talk: Talk) -> tuple[WeeklyCheck, ...]:
    """Give the checks since the tests that the plan comes from."""
    tested = talk.known.tested_at
    log = (e for e in standing_log((*talk.known.log, *_new(talk))) if isinstance(e, WeeklyCheck))
    return tuple(check for check in log if tested is None or check.on > tested.date())


def _new(talk: Talk) -> Iterator[Any]:
    return (effect.entry for effect in talk.effects if isinstance(effect, KeepEntry))


def asked_tests(talk: Talk) -> tuple[tuple[str, str], ...]:
    """Give the tests of a check, each with a side: the primary ones of the plan's context that could be answered."""
    known = talk.known
    if known.plan is None or known.assessed_facts is None or known.plan.context is None:
        return ()
    chosen = [t for t in talk.screen.tests.values() if t.role == "primary" and t.context == known.plan.context]
    found: dict[str, list[str]] = {}
    for test in chosen:
        for side in SIDES if test.sides == "each" else ("both",):
            if known.assessed_facts.value(f"{test.id}.{side}.level") in LEVELS:
                found.setdefault(test.id, []).append(side)
    return tuple((test, side) for test in list(found)[:TESTS] for side in found[test])


def begin(talk: Talk) -> None:
    """Begin the check; the safety questions have been asked."""
    name = hashlib.sha256(f"check:{talk.known.person.id}:{talk.at.isoformat()}".encode()).hexdigest()[:8]
    on = again.local_day(talk)
    talk.push(Weekly(check=WeeklyCheck(id=name, on=on, done=_done_since(talk, on)), touched_at=talk.at))
    ask(talk, note=Line(key="weekly.aim"))


def _done_since(talk: Talk, on: date) -> float | None:
    """Give the share of the sessions since the last check that were reported."""
    known, since = talk.known, _last_on(talk)
    if known.plan is None:
        return None
    days = {e.on for e in standing_log(known.log) if isinstance(e, SessionReport) and e.completed != "no"}
    per_week = min(known.plan.days_a_week, len(known.rhythm.days) if known.rhythm is not None else 7)
    due = per_week * (on - since).days / 7
    return min(1.0, sum(since < day <= on for day in days) / due) if due else None


# --- asking


def ask(talk: Talk, note: Line | None = None) -> None:
    """Show what is asked now."""
    now = talk.top
    if not isinstance(now, Weekly):
        return
    talk.next_step()
    lines, rows = _question(talk, now)
    talk.card(f"k{now.check.id}", *([note] if note else []), *lines, rows=rows)


def _question(talk: Talk, now: Weekly) -> tuple[list[Line], tuple[ButtonRow, ...]]:
    asked = asked_tests(talk)
    if now.at < len(asked):
        test, side = asked[now.at]
        row, question = row_at(talk.screen, f"{test}.{side}.level")
        label = side_word(side) if side in SIDES else None
        buttons = tuple(
            Button(data=talk.data("c", f"l-{option.id}"), label=option_label(talk, question, row, option.id))
            for option in row.options
        )
        place = Line(key="weekly.place", values={"n": now.at + 1, "count": len(asked)})
        how = talk.of_screen(f"{test}.ask")
        if now.at and asked[now.at - 1][0] == test:
            how = Line(key="weekly.other_side", values={"test": talk.of_screen(f"{test}.name")})
        return [place, how], (ButtonRow(buttons=buttons, label=label),)
    if now.at == len(asked) and daily_task(talk) is not None:
        return [Line(key="weekly.task", values={"task": daily_task(talk) or ""})], (_scale(talk), _skip(talk))
    return [Line(key=f"weekly.{SLIDERS[_slider(talk, now)]}")], (_scale(talk), _skip(talk))


def daily_task(talk: Talk) -> Line | None:
    """Give the name of the daily task that the client chose; None where there is none."""
    facts = talk.known.assessed_facts
    task = facts.value("reports.task") if facts is not None else None
    if not isinstance(task, str) or task == "nothing":
        return None
    row, question = row_at(talk.screen, "reports.task")
    return option_label(talk, question, row, task)


def _slider(talk: Talk, now: Weekly) -> int:
    return now.at - len(asked_tests(talk)) - (daily_task(talk) is not None)


def _scale(talk: Talk) -> ButtonRow:
    buttons = (Button(data=talk.data("c", f"n-{n}"), label=Line(key="bot.number", values={"n": n})) for n in range(11))
    return ButtonRow(kind="scale", buttons=tuple(buttons))


def _skip(talk: Talk) -> ButtonRow:
    return talk.choices(("skip", "practice.skip"), kind="controls")


# --- hearing


def tapped(talk: Talk, option: str) -> bool:
    """Hear a tap; False for one that means nothing here."""
    now = talk.top
    if not isinstance(now, Weekly):
        return False
    kind, _, rest = option.partition("-")
    asked = asked_tests(talk)
    if now.at < len(asked):
        test, side = asked[now.at]
        row, _ = row_at(talk.screen, f"{test}.{side}.level")
        if kind != "l" or rest not in {o.id for o in row.options}:
            return False
        _put(talk, now, **_level(talk, now, row, rest, f"{test}.{side}"))
        return True
    if not (option == "skip" or (kind == "n" and rest in map(str, range(11)))):
        return False
    number = int(rest) if kind == "n" else None
    if now.at == len(asked) and daily_task(talk) is not None:
        _put(talk, now, task=number)
    else:
        held = now.check.sliders or Sliders()
        _put(talk, now, sliders=held.model_copy(update={SLIDERS[_slider(talk, now)]: number}))
    return True


def _level(talk: Talk, now: Weekly, row: Row, option: str, place: str) -> dict[str, Any]:
    settled = implied(talk.screen, row.path, option)
    level = settled.get(row.path)
    if level == "hurts" or option == "hurts":
        return {"hurts": True, "levels": {**now.check.levels, place: "unknown"}}
    known = str(level) if level in LEVELS else "unknown"
    return {"levels": {**now.check.levels, place: known}}


def typed(talk: Talk, words: str) -> None:
    """Hear words: a number, skip, or the label of an answer."""
    now = talk.top
    if not isinstance(now, Weekly):
        return
    low = words.lower().strip(" .!")
    if is_number(low) and tapped(talk, f"n-{int(low)}"):
        return
    if low in ("skip", "no", "later") and tapped(talk, "skip"):
        return
    asked = asked_tests(talk)
    if now.at < len(asked):
        row, question = row_at(talk.screen, "{}.{}.level".format(*asked[now.at]))
        labels = labels_of_rows(talk, question, (row,))
        test = talk.screen.tests[asked[now.at][0]]
        heard = read(words, question, (row,), labels, talk.lexicon, test=test)
        if heard is not None and isinstance(value := heard.values.get(row.path), str):
            tapped(talk, f"l-{value}")
            return
    ask(talk, note=Line(key="bot.not_understood", values={"words": words[:80], "hint": Line(key="practice.hint")}))


def _put(talk: Talk, now: Weekly, **told: Any) -> None:
    check = now.check.model_copy(update=told)
    talk.pop()
    moved = now.model_copy(update={"check": check, "at": now.at + 1, "touched_at": talk.at})
    if moved.at < len(asked_tests(talk)) + (daily_task(talk) is not None) + len(SLIDERS):
        talk.push(moved)
        ask(talk)
        return
    talk.do(KeepEntry(entry=check))
    _conclude(talk, check)


# --- what it comes to


def first(talk: Talk) -> Check | None:
    """Give the screening itself as the first check."""
    known = talk.known
    facts = known.assessed_facts
    if facts is None or known.tested_at is None:
        return None
    levels = {f"{test}.{side}": str(facts.value(f"{test}.{side}.level")) for test, side in asked_tests(talk)}
    task = facts.value("reports.task_score")
    hurts = facts.value("reports.pain_now") == "yes"
    return Check(on=known.tested_at.date(), levels=levels, task=task if isinstance(task, int) else None, hurts=hurts)


def so_far(talk: Talk) -> Course | None:
    """Say what the checks so far come to; None where there is none."""
    known, begun = talk.known, first(talk)
    if known.plan is None or known.plan.context is None or begun is None:
        return None
    tried = (*known.plan.tried, known.plan.driver)
    return course(talk.screen, [begun, *later(talk)], context=known.plan.context, tried=tried)


def later(talk: Talk) -> tuple[Check, ...]:
    """Give the checks after the screening, in order of time."""
    return tuple(Check(on=c.on, levels=c.levels, task=c.task, done=c.done, hurts=c.hurts) for c in _checks(talk))


def _conclude(talk: Talk, check: WeeklyCheck) -> None:
    known, comes_to = talk.known, so_far(talk)
    if comes_to is None or known.plan is None:
        return
    talk.next_step()
    rows: tuple[ButtonRow, ...] = (talk.choices(("practise", "prompt.start_now"), ("later", "prompt.not_today")),)
    lines = [Line(key=f"weekly.comes_to.{comes_to.kind}"), *_task_change(talk, check)]
    if check.hurts:
        again.rest(talk)
        lines, rows = [Line(key="weekly.hurt"), *lines], ()
    talk.say(*lines, rows=rows)
    if comes_to.kind == "resolved":
        kept = {"offered": True, "days_a_week": RESTS["resolved"]}
        talk.do(KeepPlan(plan=known.plan.model_copy(update=kept)))
    elif comes_to.kind == "next_driver" and comes_to.driver is not None:
        _change_driver(talk, known.plan, comes_to)
    if comes_to.kind == "clinician":  # what a coach should see of the rest stands in the digest
        reason = Reason(kind="course", what=comes_to.kind, urgency="clinician", at=talk.at)
        coached.raise_alert(talk, reason)


def _change_driver(talk: Talk, plan: Plan, comes_to: Course) -> None:
    known = talk.known
    if known.assessment is None or known.assessed_facts is None or comes_to.driver is None:
        return
    if plan.is_coached:  # what a coach decided is the coach's to change
        talk.say(Line(key="weekly.coach_decides"))
        return
    gentle = again.gentle(talk)
    made = next_plan(talk.screen, known.assessment, known.assessed_facts, plan, comes_to.driver, gentle=gentle)
    if not isinstance(made, NoPlan):
        talk.do(KeepPlan(plan=made))
        names = tuple(talk.of_screen(f"exercise.{p.exercise}.name") for p in (*made.daily, *made.strength))
        talk.say(Line(key="weekly.new_exercises", values={"moves": Joined(items=names, glue=" · ")}))


def _task_change(talk: Talk, check: WeeklyCheck) -> Sequence[Line]:
    begun, task = first(talk), daily_task(talk)
    if begun is None or task is None or begun.task is None or check.task is None:
        return ()
    values: dict[str, Slot] = {"task": task, "before": begun.task, "now": check.task}
    return (Line(key="weekly.task_change", values=values),)
