"""The pages a client can ask for: the result with its reasons, the plan, help."""

from __future__ import annotations

from collections.abc import Iterator

from bot.conversation.cards import option_label, question_name, said, side_word, test_name
from bot.conversation.effects import Joined, Line, Slot
from bot.conversation.talk import Talk
from rules import SIDES, Assessment, Facts, Finding, NoPlan, Plan, Prescribed
from rules.criteria import LEVELS
from rules.questions import row_at
from rules.screen import Dose
from rules.sensitivity import Change, what_would_change
from rules.sight import Sight
from rules.truth import truth_of

MOST_CHANGES = 2
"""How many answers that would change a result are named."""


def show_result(talk: Talk, assessment: Assessment, facts: Facts) -> None:
    """Say the result: one message for each side, then what it means as a whole."""
    for side in SIDES:
        lines = [talk.of_screen("result.side", side=side_word(side))]
        for context in talk.screen.file.contexts:
            lines += _context(talk, assessment.finding(side, context), facts)
        talk.say(*lines)
    talk.say(*_whole(talk, assessment))


def _context(talk: Talk, finding: Finding, facts: Facts) -> Iterator[Line]:
    where = talk.of_screen(f"context.{finding.context}")
    seen = tuple(talk.of_screen(f"option.compensations.{compensation}") for compensation in finding.compensations)
    way_round = Line(key="result.way_round", values={"seen": Joined(items=seen, glue=", ")})
    if finding.limited == "no":
        yield Line(key="result.fine", values={"context": where})
        uncounted = _uncounted(talk, finding, facts)
        if uncounted:
            yield Line(key="result.uncounted", values={"tests": Joined(items=uncounted, glue=", ")})
        return
    if finding.limited == "unknown":
        yield Line(key="result.unknown", values={"context": where})
        hurt = _hurt(talk, finding, facts)
        if hurt:
            names = tuple(test_name(talk, test) for test in hurt)
            yield Line(key="result.hurt", values={"tests": Joined(items=names, glue=", ")})
        short = _short(talk, finding, facts)
        if short:
            yield Line(key="result.seen", values={"answers": Joined(items=short, glue="; ")})
        missing = _missing(talk, finding, facts, hurt)
        if not missing:
            yield Line(key="result.not_here")
        else:
            yield Line(key="result.missing", values={"answers": Joined(items=missing, glue=", ")})
        return
    yield Line(key="result.limited", values={"context": where})
    if finding.not_a_priority:
        yield Line(key="result.not_a_priority")
    values = {
        "driver": talk.of_screen(f"driver.{finding.driver}"),
        "sure": Line(key=f"result.sure.{finding.confidence}"),
    }
    yield Line(key="result.driven", values=values)
    yield _because(talk, finding, facts)
    if finding.phase:
        yield Line(key="result.phase", values={"phase": talk.of_screen(f"phase.{finding.phase}")})
    if seen:
        yield way_round
    for note in finding.notes:
        yield talk.of_screen(f"reason.{note}")
    changes = what_would_change(talk.screen, facts, finding)[:MOST_CHANGES]
    if changes:
        items = tuple(
            Line(
                key="result.change",
                values={
                    "test": test_name(talk, change.test),
                    "level": _answer_label(talk, change),
                    "then": _would(talk, change),
                },
            )
            for change in changes
        )
        yield Line(key="result.changes", values={"changes": Joined(items=items)})


def _would(talk: Talk, change: Change) -> Line:
    if change.limited == "yes":
        return talk.of_screen(f"driver.{change.driver}.short")
    return Line(key=f"result.would.{change.limited}")


def _answer_label(talk: Talk, change: Change) -> Line:
    """Give an answer in the words of the test's own buttons."""
    if change.path not in talk.screen.asked:
        return talk.of_screen(f"option.{change.field}.{change.answer}")
    row, question = row_at(talk.screen, change.path)
    option = next((o.id for o in row.options if change.answer in (o.id, o.sets.get("level"))), change.answer)
    return option_label(talk, question, row, option)


def _because(talk: Talk, finding: Finding, facts: Facts) -> Line:
    """Say the rules that held and the answers that made them hold."""
    limit_rules = {rule.id for rule in talk.screen.findings.limits}
    rules = tuple(dict.fromkeys(reason.rule for reason in finding.reasons))
    first = next((rule for rule in rules if rule in limit_rules), None)
    rules = tuple(rule for rule in rules if rule not in limit_rules or rule == first)
    words = tuple(talk.of_screen(f"reason.{rule}") for rule in rules)
    paths = dict.fromkeys(path for reason in finding.reasons for path in reason.facts)
    answers = tuple(line for path in paths if (line := _fact(talk, finding, facts, path)))
    answers = tuple({repr(line): line for line in answers}.values())
    return Line(
        key="result.because" if answers else "result.because_rules",
        values={"rules": Joined(items=words, glue=" "), "answers": Joined(items=answers, glue="; ")},
    )


def _fact(talk: Talk, finding: Finding, facts: Facts, path: str) -> Line | None:
    """Say one answer behind a finding: the test's name and what the client answered."""
    room, _, field = path.partition(".")
    if room in ("profile", "reports", "derived", "other"):
        return None
    if ":" in room:  # one try by itself
        row, question = row_at(talk.screen, path)
        answer = said(talk, question, row, facts)
        return Line(
            key="result.fact", values={"test": question_name(talk, question), "answer": answer or Line(key="bot.none")}
        )
    sight = Sight(talk.screen, facts, finding.side)
    attempt = sight.tried(room)
    if attempt is None:
        return None
    tries = facts.uncued(attempt.test, attempt.side)
    attempt = next((a for a in tries if getattr(a, field) is not None), attempt)
    asked = attempt.path(field)
    if asked not in talk.screen.asked:  # settled by the answer to the level
        asked = attempt.path("level")
    value = facts.value(asked)
    if value is None and field == "level" and attempt.degrees is not None:
        return Line(
            key="result.degrees",
            values={"test": test_name(talk, attempt.test), "degrees": f"{attempt.degrees:g}"},
        )
    row, question = row_at(talk.screen, asked)
    answer = said(talk, question, row, facts) if value is not None else None
    if answer is None:
        return None
    return Line(key="result.fact", values={"test": test_name(talk, attempt.test), "answer": answer})


def _uncounted(talk: Talk, finding: Finding, facts: Facts) -> tuple[Line, ...]:
    """Name the tests of this context that were begun and can't be counted: not sure, not possible, ended by pain."""
    sight = Sight(talk.screen, facts, finding.side)
    tests = (t for t in talk.screen.tests.values() if t.context == finding.context and t.role != "comparison")
    tried = ((t.id, sight.tried(t.id)) for t in tests)
    return tuple(
        test_name(talk, test) for test, a in tried if a is not None and a.test == test and sight.level(a) == "unknown"
    )


def _missing(talk: Talk, finding: Finding, facts: Facts, hurt: tuple[str, ...]) -> tuple[Line, ...]:
    """Name the tests that would settle an unknown; never one that hurt, or that was left out for this client."""
    sight = Sight(talk.screen, facts, finding.side)
    tests = [talk.screen.tests[name] for name in dict.fromkeys(path.partition(".")[0] for path in finding.missing)]
    open_to_them = (t for t in tests if not any(truth_of(out.when, sight) for out in t.leave_out))
    return tuple(test_name(talk, test.id) for test in open_to_them if test.id not in hurt)


def _hurt(talk: Talk, finding: Finding, facts: Facts) -> tuple[str, ...]:
    """List the tests of this context that pain ended, in any try."""
    sight = Sight(talk.screen, facts, finding.side)
    tests = (t for t in talk.screen.tests.values() if t.context == finding.context)
    sides = (finding.side, "both")
    ended = {a.test for a in facts.attempts if a.side in sides and (a.level == "hurts" or sight.ended(a))}
    return tuple(t.id for t in tests if t.id in ended)


def _short(talk: Talk, finding: Finding, facts: Facts) -> tuple[Line, ...]:
    """Say the answers of this context that were less than easy."""
    sight = Sight(talk.screen, facts, finding.side)
    tests = (t for t in talk.screen.tests.values() if t.context == finding.context and t.role != "comparison")
    limited = (t for t in tests if sight.value(f"{t.id}.level") in LEVELS[1:])
    lines = (_fact(talk, finding, facts, f"{t.id}.level") for t in limited)
    return tuple({repr(line): line for line in lines if line is not None}.values())


def _whole(talk: Talk, assessment: Assessment) -> Iterator[Line]:
    priority = assessment.priority
    key = f"result.priority.{priority.kind}"
    if priority.kind == "act":
        side = side_word(priority.side) if priority.side else Line(key="bot.both_sides")
        values = {"side": side, "context": talk.of_screen(f"context.{priority.context}")}
        yield Line(key="result.lead", values={**values, "why": talk.of_screen(f"reason.{priority.rule}")})
    else:
        yield talk.of_screen("result.nothing_limited") if priority.kind == "nothing_limited" else Line(key=key)
    if any(f.limited == "yes" for f in assessment.findings):
        yield talk.of_screen("result.friend")
    yield Line(key="result.not_a_diagnosis")


# --- the plan


def show_plan(talk: Talk, plan: Plan | NoPlan | None, *, rest: Line | None = None) -> None:
    """Say the plan: every day, and what strength days add; or why there is none. *rest*: not today, first of all."""
    if plan is None:
        talk.say(Line(key="plan.none_yet"))
        return
    if isinstance(plan, NoPlan):
        talk.say(Line(key=f"plan.no.{plan.reason}"))
        return
    minutes = max(1, round(sum(p.seconds for p in plan.daily) / 60))
    key = "plan.offered" if plan.offered else "plan.daily"
    talk.say(
        *([rest] if rest else []),
        Line(key=key, values={"count": minutes}),
        *(exercise(talk, p, n) for n, p in enumerate(plan.daily, 1)),
    )
    closing: list[Line] = []
    if plan.strength:
        closing.append(Line(key="plan.strength", values={"days": plan.strength_days}))
        closing += [exercise(talk, p, len(plan.daily) + n) for n, p in enumerate(plan.strength, 1)]
    closing.append(Line(key="plan.both_sides" if plan.side else "plan.even"))
    lacking = [out for out in plan.left_out if out.lacks][:2]
    barred = [out for out in plan.left_out if not out.lacks][:2]
    for out in lacking:
        values = {
            "exercise": talk.of_screen(f"exercise.{out.exercise}.name"),
            "thing": talk.of_screen(f"equipment.{out.reason}"),
        }
        closing.append(Line(key="plan.lacks", values=values))
    for out in barred:
        values = {
            "exercise": talk.of_screen(f"exercise.{out.exercise}.name"),
            "reason": talk.of_screen(f"leave_out.{out.reason}"),
        }
        closing.append(Line(key="plan.barred", values=values))
    closing.append(talk.of_screen("plan.stop"))
    talk.say(*closing)


def exercise(talk: Talk, prescribed: Prescribed, number: int) -> Line:
    """Say how one exercise is done, how much of it, and why it was chosen."""
    key = f"exercise.{prescribed.exercise}"
    side = side_word(prescribed.side) if prescribed.side else None
    whose = Line(key="plan.side_first", values={"side": side}) if side else Line(key="plan.each_side")
    known = next(e for e in talk.screen.exercises.exercises if e.id == prescribed.exercise)
    if known.target_leg == "both" and not prescribed.dose.per_side:
        whose = talk.of_screen("plan.whole_body")
    return Line(
        key="plan.exercise",
        values={
            "n": number,
            "name": talk.of_screen(f"{key}.name"),
            "role": Line(key=f"plan.role.{prescribed.role}"),
            "why": Joined(items=tuple(_why(talk, word) for word in prescribed.why), glue=" "),
            "where": talk.of_screen(f"{key}.where", side=side or Line(key="bot.each")),
            "setup": talk.of_screen(f"{key}.setup"),
            "cue": talk.of_screen(f"{key}.cue"),
            "dose": dose(prescribed.dose),
            "whose": whose,
            "feel": talk.of_screen(f"{key}.feel"),
            "stop": talk.of_screen(f"{key}.stop"),
            "easier": talk.of_screen(f"{key}.easier"),
        },
    )


def exercise_as_asked(talk: Talk, prescribed: Prescribed, number: int) -> tuple[Line, ...]:
    """Say how one exercise is done, and the easier or harder way where that is asked for."""
    said = exercise(talk, prescribed, number)
    if prescribed.variant == "base":
        return (said,)
    how = talk.of_screen(f"exercise.{prescribed.exercise}.{prescribed.variant}")
    return said, Line(key=f"plan.variant.{prescribed.variant}", values={"how": how})


def _why(talk: Talk, word: str) -> Line:
    if word.startswith(("ladder.", "cue.")):
        return talk.of_screen(word)
    return Line(key=f"plan.why.{word}") if word in ("lift", "stand_in", "coach") else talk.of_screen(f"plan.why.{word}")


def dose(given: Dose) -> Line:
    """Say how much: sets of breaths, seconds or repeats."""
    values: dict[str, Slot] = {
        "count": given.sets,
        "amount": Line(key=f"plan.amount.{given.unit}", values={"count": given.amount}),
        "side": Line(key="plan.per_side" if given.per_side else "plan.in_all"),
    }
    return Line(key="plan.dose", values=values)
