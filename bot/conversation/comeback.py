"""Going on, over or away: resuming, newer versions, the profile and the gate asked again, settings, privacy."""

from __future__ import annotations

from datetime import timedelta

from bot.conversation import again, alarm, away, front, leaving, screening, sure
from bot.conversation.activities import Resume, Screening, Sure
from bot.conversation.effects import KeepConsent, Line, Unlink
from bot.conversation.known import CONSENT_VERSION
from bot.conversation.talk import Talk
from rules import Value
from rules.reading import truth

GATE_LASTS = timedelta(days=14)
"""After so long the safety questions are asked again (evidence 6 Missed days)."""


def profile(talk: Talk) -> None:
    """Ask the profile and the gate again; answers to the tests are kept."""
    if talk.known.consent != CONSENT_VERSION:
        front.hello(talk)
        return
    running = talk.screening
    if running is None:
        screening.begin(talk, scope="gate" if talk.known.assessment or front.is_locked(talk) else "full")
        return
    _ask_gate_again(talk, running, parts=("you", "safety"), note="bot.profile_again")


def _ask_gate_again(talk: Talk, running: Screening, *, parts: tuple[str, ...], note: str) -> None:
    """Ask these parts again in a running screening; answers to the tests are kept."""
    gate = {r.path for q in talk.screen.questions if q.part in parts for r in q.rows}
    kept = {p: v for p, v in running.answers.items() if p not in gate and not p.startswith("reports.unsure_")}
    told = tuple(t for t in running.told if t != "gate" and not t.startswith("flag:"))
    while talk.top is not None and not isinstance(talk.top, Screening):
        talk.pop()
    talk.put_screening(
        running.model_copy(update={"answers": kept, "told": told, "revisit": None, "reviewed": False, "ticked": ()})
    )
    screening.go_on(talk, note=Line(key=note))


def settings(talk: Talk, rest: str) -> None:
    """Hear what is to be set, or say what can be."""
    running = talk.screening
    wanted = truth(rest.replace("degrees", "").strip(), talk.lexicon) if rest else None
    if "degrees" in rest:
        on = wanted is not False and "off" not in rest
        talk.conversation = talk.conversation.model_copy(update={"degrees": on})
        if running is not None:
            answers = {**running.answers, screening.DEGREES: "yes" if on else "no"}
            talk.put_screening(running.model_copy(update={"answers": answers}))
        talk.say(Line(key="bot.degrees_on" if on else "bot.degrees_off"))
    else:
        talk.say(Line(key="bot.settings"))


def privacy(talk: Talk) -> None:
    """Say what is kept, and offer to take consent back."""
    who = front.who_reads(talk)
    if talk.known.consent is None:
        talk.say(Line(key="bot.privacy", values={"who": who}), Line(key="bot.no_consent"))
        return
    if isinstance(talk.top, Sure):
        talk.pop()
    talk.push(Sure(what="withdraw"))
    talk.next_step()
    talk.say(
        Line(key="bot.privacy", values={"who": who}),
        rows=(talk.choices(("yes", "bot.withdraw"), ("no", "bot.keep_consent")),),
    )


def _start_over(talk: Talk) -> None:
    """Begin from the very first question, where consent and locks allow."""
    if alarm.raise_standing(talk):
        return
    if front.is_locked(talk) or talk.known.consent != CONSENT_VERSION:
        talk.clear()
        front.start(talk)
    else:
        screening.begin(talk)


def hear_sure(talk: Talk, certain: bool) -> None:
    """Hear the answer to the question before something that can't be taken back."""
    top = talk.top
    if not isinstance(top, Sure):
        return
    talk.pop()
    if not certain:
        talk.say(Line(key="bot.as_it_was"))
        return
    match top.what:
        case "restart":
            _start_over(talk)
        case "discard":
            if alarm.raise_standing(talk):
                return
            talk.clear()
            talk.say(Line(key="bot.discarded"))
        case "withdraw":
            talk.do(KeepConsent(version=CONSENT_VERSION, given=False))
            talk.clear()
            talk.forget_unread()
            talk.say(Line(key="bot.withdrawn"))
            if talk.known.person.linked:  # what nobody may keep, no coach may see
                talk.do(Unlink(client_id=talk.known.person.id))
        case "delete":
            leaving.erase(talk)


def resume(talk: Talk, option: str) -> None:
    """Hear the answer to the offer to go on."""
    running = talk.screening
    if isinstance(talk.top, Resume):
        talk.pop()
    if running is None:
        front.start(talk)
        return
    match option:
        case "go":
            stale_gate = talk.at - running.touched_at > GATE_LASTS
            talk.put_screening(running)
            if running.scope == "second" and again.tests_are_old(running.tested_at, talk.at):
                talk.clear()
                talk.say(Line(key="bot.second_too_late"), rows=(talk.choices(("screen", "bot.screen_again")),))
            elif away.is_outdated(talk):
                to_new_version(talk)
            elif stale_gate:
                _ask_gate_again(talk, running, parts=("safety",), note="bot.gate_again")
            else:
                screening.go_on(talk)
        case "restart":
            _start_over(talk)
        case "discard":
            sure.make_sure(talk, "discard")
        case _:
            away.offer_resume(talk)


def to_new_version(talk: Talk) -> None:
    """Carry a screening over to a newer version: answers whose ids still mean the same stay, others are asked again."""
    running = talk.screening
    if running is None:
        return
    rows = {row.path: (row, question) for question in talk.screen.questions for row in question.rows}
    kept: dict[str, Value] = {}
    for path, value in running.answers.items():
        row = rows.get(path)
        levels = path.endswith((".level", ".compensations", ".sensation")) and path.count(".") == 2
        if row is None and not path.startswith("reports."):
            continue
        if row is not None and row[1].kind == "one" and not levels and value not in {o.id for o in row[0].options}:
            continue
        kept[path] = value
    version = f"{talk.screen.version}+{talk.screen.safety.version}"
    known_ids = {question.id for question in talk.screen.questions}
    trail = tuple(q for q in running.trail if q in known_ids)
    talk.put_screening(
        running.model_copy(update={"answers": kept, "version": version, "trail": trail, "revisit": None})
    )
    screening.go_on(talk, note=Line(key="bot.new_version"))
