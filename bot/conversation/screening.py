"""A running screening: asking, hearing answers, going back, the review, and the end."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime

from bot.conversation import again, alarm, cueing, pages
from bot.conversation.activities import Resume, Screening
from bot.conversation.cards import (
    row_label,
    said,
    show_question,
    side_word,
    test_name,
    trail_before,
    why_text,
)
from bot.conversation.effects import (
    AnswerTap,
    Joined,
    KeepAnswer,
    KeepAssessment,
    KeepPlan,
    KeepProfile,
    LiftFlag,
    Line,
)
from bot.conversation.known import HOLDING
from bot.conversation.review import show_review
from bot.conversation.talk import Talk
from rules import Facts, NoPlan, Plan, Value, assess, edits, first_plan
from rules.expand import unsure_path
from rules.facts import ATTEMPT_FIELDS, run_of
from rules.questions import Ask, Stopped, Way, ask_again, implied, next_on
from rules.safety import at_once
from rules.screen import Question, Row
from rules.sight import SECOND_LOOK, Sight

DEGREES = "reports.degrees_wanted"
"""What says whether degrees are asked for; a client switches it with /settings."""


LONG_ANSWER = 5
"""An answer of so many words may have been taken for another than was meant, so it is said back. A proposal."""
TESTING = ("full", "second")
"""The scopes of a screening in which hips are tested; the others ask the gate alone."""


def begin(
    talk: Talk,
    *,
    scope: str = "full",
    keep: Mapping[str, Value] | None = None,
    examined_by: str | None = None,
    trail: tuple[str, ...] = (),
    which: str | None = None,
    tested_at: datetime | None = None,
    told: tuple[str, ...] = (),
) -> None:
    """Begin a screening on top of nothing else; *keep* are answers taken over (the profile, as a rule).

    *which* is the id of the screen; the one of the last result, else the first, where it isn't given. *tested_at* says
    when the tests among *keep* were done, and *told* what need not be said again.
    """
    screen = talk.library.screens[which] if which is not None else talk.screen
    seed = f"{talk.known.person.id}:{talk.at.isoformat()}:{talk.conversation.step}"
    answers: dict[str, Value] = dict(keep or {})
    if talk.conversation.degrees is not None:
        answers[DEGREES] = "yes" if talk.conversation.degrees else "no"
    talk.clear()
    talk.forget_unread()
    talk.push(
        Screening.model_validate(
            {
                "id": hashlib.sha256(seed.encode()).hexdigest()[:8],
                "screen": screen.id,
                "version": f"{screen.version}+{screen.safety.version}",
                "started_at": talk.at,
                "touched_at": talk.at,
                "scope": scope,
                "answers": answers,
                "examined_by": examined_by,
                "trail": trail,
                "tested_at": tested_at,
                "told": told,
            }
        )
    )
    go_on(talk)


def reopen(talk: Talk, facts: Facts) -> None:
    """Open the review of the last screening again, to change an answer; the result is then made anew."""
    answers = answers_of(facts)
    trail = [q.id for q in talk.screen.questions if any(row.path in answers for row in q.rows)]
    scope = "second" if answers.get(SECOND_LOOK) == "yes" else "full"
    begin(talk, scope=scope, keep=answers, trail=tuple(trail), tested_at=talk.known.tested_at or talk.known.assessed_at)


def answers_of(facts: Facts) -> dict[str, Value]:
    """Give facts as answers by path, with all that an answer settled beside itself."""
    answers: dict[str, Value] = {f"profile.{key}": value for key, value in facts.profile.items()}
    answers |= {f"reports.{key}": value for key, value in facts.reports.items()}
    for attempt in facts.attempts:
        for field in ATTEMPT_FIELDS:
            if (value := getattr(attempt, field)) is not None:
                answers[attempt.path(field)] = value
    return answers


def go_on(talk: Talk, *, note: Line | None = None, fresh: bool = True) -> None:
    """Show whatever comes next: the question, the review, the end or the stop."""
    screening = talk.screening
    if screening is None:
        return
    if screening.scope in TESTING and talk.held_by("lock"):
        talk.clear()  # however it came about: under a lock nobody is tested
        alarm.show_locked(talk)
        return
    way = talk.way(screening)
    if screening.revisit is not None:
        ask = ask_again(talk.screen, way, screening.revisit)
        if ask is not None:
            show_question(talk, ask, way, note=note, fresh=fresh)
            return
        screening = screening.model_copy(update={"revisit": None})
        talk.put_screening(screening)
    following = next_on(talk.screen, way)
    match following:
        case Ask():
            if following.question.part not in ("you", "safety"):
                alarm.tell_gate(talk, way)
            _tick_what_is_known(talk, following.question)
            show_question(talk, following, way, note=note, fresh=fresh)
        case Stopped(flags=raised):
            alarm.stop(talk, raised)
        case _ if screening.scope not in TESTING:
            alarm.gate_passed(talk, way)
        case _ if screening.reviewed:
            _finish(talk, way)
        case _:
            show_review(talk, way, note=note)


def current(talk: Talk) -> tuple[Ask | None, Way] | None:
    """Give the question that is open now (None: the review) and the way; None without a screening."""
    screening = talk.screening
    if screening is None:
        return None
    way = talk.way(screening)
    if screening.revisit is not None and (ask := ask_again(talk.screen, way, screening.revisit)) is not None:
        return ask, way
    following = next_on(talk.screen, way)
    return (following if isinstance(following, Ask) else None), way


# --- hearing


def tapped(talk: Talk, row: str, option: str) -> None:
    """Hear a tap on the open card; *row* is a row's number, or "c" for a control."""
    open_now = current(talk)
    screening = talk.screening
    if open_now is None or screening is None:
        return
    ask = open_now[0]
    if row == "c":
        control(talk, option)
        return
    if row == "r":
        revisit(talk, option)
        return
    question = ask.question if ask is not None else None
    number = int(row) if re.fullmatch(r"[0-9]{1,2}", row) else -1
    if ask is None or question is None or not 0 <= number < len(question.rows) or question.rows[number] not in ask.rows:
        go_on(talk, fresh=False)
        return
    asked = question.rows[number]
    offered = {o.id for o in asked.options}
    state, _, ticked = option.partition("-")
    if option == "open" and len(ask.rows) > 1:
        talk.put_screening(screening.model_copy(update={"opened": asked.path}))
        go_on(talk, fresh=False)
    elif question.kind == "checklist" and option in ("on", "off"):
        _tick(talk, f"{asked.path}=yes", on=option == "on")
    elif question.kind == "many" and state in ("on", "off") and ticked in offered:
        _tick(talk, f"{asked.path}={ticked}", on=state == "on")
    elif question.kind == "many" and option == "done":
        chosen = tuple(t.partition("=")[2] for t in screening.ticked if t.startswith(f"{asked.path}="))
        record(talk, question, {asked.path: chosen}, how="tapped")
    elif question.kind == "scale" and re.fullmatch(r"[0-9]{1,2}", option) and int(option) <= question.highest:
        record(talk, question, {asked.path: int(option)}, how="tapped")
    elif question.kind in ("one", "number") and option in offered:
        record(talk, question, {asked.path: option}, how="tapped")
    else:
        go_on(talk, fresh=False)


def plain_no(row: Row) -> str | None:
    """Give the option of a row that "none" means."""
    offered = [option.id for option in row.options]
    return next((option for option in ("none", "no") if option in offered), None)


def control(talk: Talk, name: str) -> None:
    """Hear a control: back, why, keep, none, unsure, done, review, pause, where."""
    screening = talk.screening
    open_now = current(talk)
    if screening is None or open_now is None:
        return
    ask, way = open_now
    match name:
        case "back":
            _back(talk, screening)
        case "keep" if screening.revisit is not None:
            talk.put_screening(screening.model_copy(update={"revisit": None, "ticked": ()}))
            go_on(talk)
        case "why":
            if ask is None:
                go_on(talk, fresh=False)
            else:
                why = Line(key="bot.because", values={"why": why_text(talk, ask.question)})
                show_question(talk, ask, way, note=why, fresh=False)
        case "done" if ask is not None and ask.question.kind in ("checklist", "many") and not screening.ticked:
            hint = Line(key=f"bot.hint.{ask.question.kind}")
            go_on(talk, note=Line(key="bot.nothing_ticked", values={"hint": hint}), fresh=False)
        case "none" if screening.ticked and ask is not None:
            go_on(talk, note=Line(key="bot.still_ticked"), fresh=False)
        case "none" | "done" if ask is not None and ask.question.kind == "checklist":
            _submit_page(talk, screening, ask.question, none=name == "none")
        case "none" | "done" if ask is not None and ask.question.kind == "many":
            path = (ask.open or ask.rows)[0].path
            ticked = tuple(t.partition("=")[2] for t in screening.ticked if t.startswith(f"{path}="))
            record(talk, ask.question, {path: () if name == "none" else ticked}, how="tapped")
        case "unsure" if ask is not None and ask.question.kind == "checklist":
            items = {row.path for row in ask.question.rows}
            kept = {p: v for p, v in screening.answers.items() if p not in items}
            talk.put_screening(screening.model_copy(update={"answers": kept}))
            record(talk, ask.question, {unsure_path(ask.question.id): "yes"}, how="tapped")
        case "unsure" if ask is not None:
            go_on(talk, fresh=False)
        case "finish" if ask is None:
            talk.put_screening(screening.model_copy(update={"reviewed": True}))
            go_on(talk)
        case "pause":
            pause(talk)
        case "review" if ask is not None:
            go_on(talk, note=Line(key="bot.review_later"), fresh=False)
        case "help":
            talk.say(talk.help())
            go_on(talk, fresh=False)
        case _:
            go_on(talk, fresh=False)


def pause(talk: Talk) -> None:
    """Leave the screening as it stands."""
    if talk.screening is None:
        talk.say(Line(key="bot.nothing_to_cancel"))
        return
    if not isinstance(talk.top, Resume):
        talk.push(Resume())
    talk.say(Line(key="bot.paused"))


def record(
    talk: Talk,
    question: Question,
    values: Mapping[str, Value],
    *,
    how: str,
    words: str | None = None,
    message: str | None = None,
    note: Line | None = None,
    exact: bool = False,
) -> None:
    """Record answers to one question, raise what they raise, and go on. *note* is said first, where nothing else is.

    *exact*: the words were those of a button, so that nothing could be taken for another.
    """
    screening = talk.screening
    if screening is None:
        return
    values = _asked(talk, values)
    settled: dict[str, Value] = {}
    for path, value in values.items():
        settled |= implied(talk.screen, path, value) if not path.startswith("reports.unsure_") else {path: value}
    changed = {path: value for path, value in settled.items() if screening.answers.get(path) != value}
    for path, value in changed.items():
        talk.do(KeepAnswer(screening=screening.id, path=path, value=value, how=how, words=words))
    before = alarm.standing(talk, talk.way(screening).facts)
    answers = {**screening.answers, **settled}
    for path in _undone_fields(screening, values):
        answers.pop(path, None)
    sources = dict(screening.sources)
    if message is not None:
        sources[message] = tuple(values)
    trail = screening.trail if question.id in screening.trail else (*screening.trail, question.id)
    ticked = tuple(t for t in screening.ticked if t.partition("=")[0] not in values and question.kind == "many")
    moved = screening.model_copy(
        update={"answers": answers, "sources": sources, "trail": trail, "ticked": ticked, "opened": None}
    )
    talk.put_screening(moved)
    way = talk.way(moved)
    ask = ask_again(talk.screen, way, question.id)
    finished = ask is None or not ask.open
    row_by_row = ask is not None and len(ask.rows) > 1 and question.kind != "checklist" and how == "tapped"
    if moved.revisit == question.id and finished and not row_by_row:
        moved = moved.model_copy(update={"revisit": None})
        talk.put_screening(moved)
    _keep_profile(talk, changed)
    fresh = [flag for flag in alarm.standing(talk, way.facts) if flag.id not in {f.id for f in before}]
    grave = [flag for flag in fresh if at_once(flag)]
    if grave and not all(flag.id in moved.confirmed for flag in grave):
        alarm.confirm(talk, grave, tuple(changed) or tuple(values), question)
        return
    if grave:
        alarm.stop(talk, alarm.standing(talk, way.facts), own_words=words)
        return
    if how == "tapped" and not changed and moved.revisit is None and not finished:
        talk.do(AnswerTap())
    note = cueing.before_and_after(talk, question, way.facts, tuple(values)) or note
    note = _kind_end(talk, question, values) or _changed_before(talk, question, screening, values, how) or note
    note = note or (None if exact else _taken_as(talk, question, values, how, words or ""))
    if how == "corrected":
        note = Line(key="bot.corrected")
    go_on(talk, note=note, fresh=finished or (moved.revisit is None and finished))


def _asked(talk: Talk, values: Mapping[str, Value]) -> dict[str, Value]:
    """Keep what the screen asks for. A repeat asks for no feeling: pain told there counts as "it hurts"."""
    known = {p: v for p, v in values.items() if p in talk.screen.asked or p.startswith("reports.unsure_")}
    for path, value in values.items():
        stem, _, field = path.rpartition(".")
        if path not in known and field == "sensation" and value in (*talk.screen.file.ending_sensations, "ache"):
            known[f"{stem}.level"] = "hurts"
    return known


def _undone_fields(screening: Screening, values: Mapping[str, Value]) -> list[str]:
    """A new level makes the follow-up answers of that attempt dormant unless they still apply; drop what it settled."""
    undone = []
    for path, value in values.items():
        stem, _, field = path.rpartition(".")
        if field == "level" and screening.answers.get(path) not in (None, value):
            undone += [f"{stem}.compensations"] if f"{stem}.compensations" not in values else []
    return [path for path in undone if path in screening.answers and path not in values]


def _kind_end(talk: Talk, question: Question, values: Mapping[str, Value]) -> Line | None:
    """Say kindly that pain ended a test, once the answer that ends it came in."""
    screening = talk.screening
    if question.test is None:
        return None
    for path, value in values.items():
        room, side, field = path.split(".")
        test, day, try_ = run_of(room)
        if field == "level" and value == "hurts" and f"{room}.{side}.sensation" not in talk.screen.asked:
            return _that_is_enough(talk, test, side)  # a repeat, which asks no more about it
        of_test = (a for a in talk.facts.attempts if (a.test, a.side, a.day, a.try_) == (test, side, day, try_))
        attempt = next(of_test, None)
        if attempt is None or field not in ("sensation", "pain"):
            continue
        sight = Sight(talk.screen, talk.facts)
        if sight.ended(attempt) and f"end:{test}.{side}" not in (screening.told if screening else ()):
            if screening is not None:
                talk.put_screening(screening.model_copy(update={"told": (*screening.told, f"end:{test}.{side}")}))
            return _that_is_enough(talk, test, side)
        if attempt.sensation in talk.screen.file.invalid_sensations and field == "sensation":
            return talk.of_screen("screen.test_invalid", test=test_name(talk, test))
    return None


def _that_is_enough(talk: Talk, test: str, side: str) -> Line:
    place = side_word(side) if side != "both" else Line(key="bot.both_sides")
    return Line(key="bot.test_ended", values={"test": test_name(talk, test), "side": place})


def _changed_before(
    talk: Talk, question: Question, before: Screening, values: Mapping[str, Value], how: str
) -> Line | None:
    """Say which answers typed words changed on the way: those given before, not the one that was open."""
    rows = [
        row
        for row in question.rows
        if row.path in values and before.answers.get(row.path) not in (None, values[row.path])
    ]
    if how != "typed" or before.revisit is not None or question.kind in ("checklist", "many") or not rows:
        return None
    answers = [
        Line(key="bot.sided", values={"side": row_label(talk, question, row), "answer": answer})
        for row in rows
        if (answer := said(talk, question, row))
    ]
    return Line(key="bot.changed", values={"answers": Joined(items=tuple(answers), glue=", ")})


def _taken_as(talk: Talk, question: Question, values: Mapping[str, Value], how: str, words: str) -> Line | None:
    """Say what typed words of a list were taken for, where they weren't its own, so that a wrong guess is seen."""
    if how == "typed" and question.kind == "one" and len(words.split()) >= LONG_ANSWER:
        levels = tuple(row for row in question.rows if row.path in values and row.path.endswith(".level"))
        answers = tuple(
            Line(key="bot.sided", values={"side": row_label(talk, question, row), "answer": answer})
            if row.side
            else answer
            for row in levels
            if (answer := said(talk, question, row))
        )
        return Line(key="bot.taken_as", values={"answers": Joined(items=answers, glue=", ")}) if answers else None
    if how != "typed" or question.kind != "many":
        return None
    taken = [option for value in values.values() if isinstance(value, tuple) for option in value]
    if all(option.replace("_", " ") in words.lower() for option in taken):
        return None
    answers = tuple(answer for row in question.rows if row.path in values and (answer := said(talk, question, row)))
    return Line(key="bot.taken_as", values={"answers": Joined(items=answers, glue=", ")})


def _tick(talk: Talk, mark: str, *, on: bool) -> None:
    """Tick or untick; the button says which, so a double tap changes nothing."""
    screening = talk.screening
    if screening is None:
        return
    ticked = tuple(t for t in screening.ticked if t != mark)
    talk.put_screening(screening.model_copy(update={"ticked": (*ticked, mark) if on else ticked}))
    go_on(talk, fresh=False)


def typed_ticks(talk: Talk, question: Question, values: Mapping[str, Value]) -> None:
    """Typed items of a page are ticks, sent at once: whoever types two things has said both."""
    screening = talk.screening
    if screening is None:
        return
    yes = [path for path, value in values.items() if value == "yes"]
    ticked = tuple(dict.fromkeys((*screening.ticked, *(f"{path}=yes" for path in yes))))
    changed = screening.model_copy(update={"ticked": ticked})
    talk.put_screening(changed)
    if yes:
        go_on(talk, note=Line(key="bot.ticked"), fresh=False)
    else:
        go_on(talk, fresh=False)


def _submit_page(talk: Talk, screening: Screening, question: Question, *, none: bool) -> None:
    ticked = set() if none else {t.partition("=")[0] for t in screening.ticked}
    unticked = {
        row.path: "unsure" if screening.answers.get(row.path) == "unsure" and not none else "no"
        for row in question.rows
    }
    values: dict[str, Value] = {path: "yes" if path in ticked else answer for path, answer in unticked.items()}
    if screening.answers.get(unsure_path(question.id)) == "yes":
        values[unsure_path(question.id)] = "no"
    record(talk, question, values, how="tapped")


def _back(talk: Talk, screening: Screening) -> None:
    """Go back one step along the path they took: a row of a card that is half answered, else a question."""
    open_now = current(talk)
    if open_now is not None and open_now[0] is not None and _row_back(talk, screening, open_now[0]):
        return
    trail = trail_before(screening, open_now[0] if open_now else None, talk.way(screening))
    if not trail:
        go_on(talk, note=Line(key="bot.nothing_before"), fresh=False)
        return
    talk.put_screening(
        screening.model_copy(update={"revisit": trail[-1], "ticked": _as_ticks(talk, screening, trail[-1])})
    )
    go_on(talk)


def _row_back(talk: Talk, screening: Screening, ask: Ask) -> bool:
    """Open the row answered last on a card that is half answered; False where the card is whole or untouched."""
    answered = [row for row in ask.rows if row not in ask.open]
    if screening.revisit is not None or not ask.open or not answered or ask.question.kind == "checklist":
        return False
    last = answered[-1].path
    held = screening.answers.get(last)
    taken_back = set(implied(talk.screen, last, held)) if held is not None else {last}
    for path in sorted(taken_back & set(screening.answers)):
        talk.do(KeepAnswer(screening=screening.id, path=path, value=None, how="retracted"))
    kept = {path: value for path, value in screening.answers.items() if path not in taken_back}
    trail = screening.trail if len(answered) > 1 else tuple(q for q in screening.trail if q != ask.question.id)
    talk.put_screening(screening.model_copy(update={"answers": kept, "trail": trail, "ticked": ()}))
    go_on(talk)
    return True


def revisit(talk: Talk, question_id: str) -> None:
    screening = talk.screening
    if screening is None or question_id not in screening.trail:
        go_on(talk, fresh=False)
        return
    ticks = _as_ticks(talk, screening, question_id)
    talk.put_screening(screening.model_copy(update={"revisit": question_id, "reviewed": False, "ticked": ticks}))
    go_on(talk)


def _tick_what_is_known(talk: Talk, question: Question) -> None:
    """Tick on a page, once, what the client told of before it came."""
    screening = talk.screening
    mark = f"ticked:{question.id}"
    if screening is None or question.kind != "checklist" or question.id in screening.trail or mark in screening.told:
        return
    if known := _as_ticks(talk, screening, question.id):
        ticked = tuple(dict.fromkeys((*screening.ticked, *known)))
        talk.put_screening(screening.model_copy(update={"ticked": ticked, "told": (*screening.told, mark)}))


def _as_ticks(talk: Talk, screening: Screening, question_id: str) -> tuple[str, ...]:
    """Give the answers of a page or a list as ticks, so that it is shown as it was left."""
    question = talk.screen.question(question_id)
    ticks: list[str] = []
    for row in question.rows:
        value = screening.answers.get(row.path)
        if question.kind == "checklist" and value == "yes":
            ticks.append(f"{row.path}=yes")
        elif question.kind == "many" and isinstance(value, tuple):
            ticks += [f"{row.path}={v}" for v in value]
    return tuple(ticks)


# --- the review and the end


def _finish(talk: Talk, way: Way) -> None:
    """Assess, keep, tell, and give the first plan."""
    screening = talk.screening
    if screening is None:
        return
    assessment = assess(talk.screen, way.facts)
    held = {flag.action: flag.id for flag in talk.known.flags if flag.action in HOLDING}
    plan: Plan | NoPlan = first_plan(talk.screen, assessment, way.facts, gentle=again.gentle(talk))
    if isinstance(plan, Plan):
        before = talk.known.plan or talk.known.last_plan
        plan = edits.kept(talk.screen, assessment, way.facts, before, plan)
    if held:  # a stop from before holds until it is lifted, whatever is reported today
        plan = NoPlan(reason="locked" if "lock" in held else "paused", flags=tuple(held.values()))
    tested_at = screening.tested_at or talk.at
    talk.do(KeepAssessment(screening=screening.id, assessment=assessment, facts=way.facts, tested_at=tested_at))
    talk.do(KeepPlan(plan=None if isinstance(plan, NoPlan) else plan))
    if screening.tested_at is None:
        again.note_cleared(talk, tested=True)
    standing = {flag.id for flag in assessment.flags}
    for flag in talk.known.flags:
        if flag.id not in standing and flag.action not in HOLDING:
            talk.do(LiftFlag(flag_id=flag.id, reason="no longer reported"))
    pages.show_result(talk, assessment, way.facts)
    alarm.tell_flags(talk, assessment.flags, told=screening.told)
    pages.show_plan(talk, plan, rest=again.resting(talk) or again.held(talk))
    alarm.tell_coach_of_result(talk, assessment)
    talk.clear()
    talk.conversation = talk.conversation.model_copy(update={"card": None})
    if not held and not any(flag.action in HOLDING for flag in assessment.flags):
        more = (
            screening.scope == "full" and talk.screen.file.second and assessment.priority.kind in ("act", "unsettled")
        )
        tomorrow = (Line(key="result.tomorrow"),) if more else ()
        offers = [("change", "bot.change_answer")]
        if isinstance(plan, Plan) and talk.known.rhythm is None:
            offers.insert(0, ("time", "rhythm.set_time"))
        talk.say(*tomorrow, Line(key="result.after"), rows=(talk.choices(*offers),))


def _keep_profile(talk: Talk, changed: Mapping[str, Value]) -> None:
    screening = talk.screening
    if screening is not None and any(path.startswith("profile.") for path in changed):
        talk.do(KeepProfile(profile=dict(talk.way(screening).facts.profile)))
