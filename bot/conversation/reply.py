"""known + event -> what to do: the one door of the conversation."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Literal

from bot.conversation import again, alarm, asked, coach, pages, screening
from bot.conversation.activities import Ask, Confirm, Hello, Resume, Screening, Sure, Unlock
from bot.conversation.cards import labels_of, show_question
from bot.conversation.effects import AnswerTap, KeepAnswer, KeepConsent, Line
from bot.conversation.events import ClientFlagged, ClientScreened, Corrected, Event, Tapped, Typed, Unreadable
from bot.conversation.known import Known
from bot.conversation.talk import Talk, Turn
from rules import Library, NoPlan, Value
from rules.reading import truth

CONSENT_VERSION = "1"
"""The version of the consent text `hello.consent`; raise it when that text changes, and everyone is asked again."""
CHANGE_WORDS = re.compile(
    r"\b(change|correct|edit|fix)\b(?!.*\bplan\b)|\b(mistake|wrong answer|answered wrong|made an error|mistyped)\b"
)
"""Words after the result that ask for the answers again."""
MENU_WORDS = (
    ("screen", ("screen", "again", "retest")),
    ("plan", ("plan", "exercise", "exercises")),
    ("result", ("result", "results", "why")),
)
"""What the words of the menu may be typed as."""
COMMANDS = (
    "start",
    "screen",
    "result",
    "plan",
    "profile",
    "settings",
    "privacy",
    "help",
    "cancel",
    "restart",
    "back",
    "why",
)
GATE_LASTS = timedelta(days=14)
"""After so long the safety questions are asked again (evidence 6 Missed days)."""
LEFT_AFTER = timedelta(hours=6)
"""After so long a silence a client is offered to go on, rather than asked in mid-air. A proposal."""


def reply(known: Known, event: Event, library: Library) -> Turn:
    """Decide what an event leads to. Pure: the same in, the same out."""
    talk = Talk(known, event.at, library)
    match event:
        case ClientFlagged() | ClientScreened():
            coach.tell_news(talk, event)
        case Unreadable(what=what):
            talk.say(Line(key="bot.unreadable", values={"what": Line(key=f"bot.what.{what}")}))
            _show_where_they_are(talk)
        case Tapped(data=data):
            _tapped(talk, data)
        case Corrected(text=text, message=message):
            _corrected(talk, text, message)
        case Typed(text=text, message=message):
            _typed(talk, text, message)
    return talk.turn()


def _typed(talk: Talk, text: str, message: str) -> None:
    words = text.strip()
    if words.startswith("/"):
        command, _, rest = words[1:].partition(" ")
        if (rest or command.lower() not in COMMANDS) and (raised := alarm.alarms_in(talk, words)):
            alarm.interrupt(talk, raised)
            return
        _command(talk, command.partition("@")[0].lower(), rest)
        return
    if not words:
        _show_where_they_are(talk)
        return
    if not words.strip("?! ") and talk.screening is not None and talk.top is talk.screening:
        screening.control(talk, "why")
        return
    alarms = () if _is_a_label(talk, words) else alarm.alarms_in(talk, words)
    if isinstance(talk.top, Ask):
        happening = truth(words, talk.lexicon)
        if happening is None and alarms and all(a.negated and a.item == talk.top.item for a in alarms):
            happening = False  # "I have NOT fallen": the closed question is what settles a denial
        if happening is not None:
            alarm.note_more(talk, alarms)
            _closed(talk, happening)
            return
    if alarms and screening.denies(talk, alarms, words, message):
        return
    if alarms:
        alarm.interrupt(talk, alarms)
        return
    match talk.top:
        case Ask():
            alarm.show_closed_question(talk, note=Line(key="bot.yes_or_no"))
        case Confirm() | Hello() | Resume() | Sure():
            _closed_words(talk, words)
        case Unlock():
            _examined(talk, words)
        case None:
            _idle_words(talk, words)
        case _:
            if _been_away(talk):
                _offer_resume(talk)
            elif _is_outdated(talk):
                _to_new_version(talk)
            else:
                screening.typed(talk, words, message)


def _is_a_label(talk: Talk, words: str) -> bool:
    """Tell whether words are the very text of a button of the open question: that is an answer, not an alarm."""
    open_now = screening.current(talk) if talk.top is talk.screening and talk.screening is not None else None
    if open_now is None or open_now[0] is None:
        return False
    labels = (label for row in labels_of(talk, open_now[0]).values() for label in row.values())
    return words.casefold() in {label.casefold() for label in labels}


def _closed_words(talk: Talk, words: str) -> None:
    """Read words typed at a question that has two or three answers."""
    said = truth(words, talk.lexicon)
    low = words.lower().strip(" .!")
    match talk.top:
        case Confirm():
            if said is None:
                alarm.show_confirm(talk, note=Line(key="bot.yes_or_no"))
            else:
                _confirm(talk, said)
        case Hello():
            if said or low in ("agree", "i agree", "ok", "okay", "1"):
                _consent(talk, given=True)
            elif said is False:
                _consent(talk, given=False)
            else:
                _hello(talk, note=Line(key="hello.unclear"))
        case Resume():
            choice = {
                "go on": "go",
                "continue": "go",
                "start over": "restart",
                "restart": "restart",
                "discard": "discard",
            }
            chosen = choice.get(low) or ("go" if said else None)
            if chosen:
                _resume(talk, chosen)
            else:
                _offer_resume(talk)
        case Sure():
            if said is None:
                _ask_sure(talk, note=Line(key="bot.yes_or_no"))
            else:
                _sure(talk, said)


def _tapped(talk: Talk, data: str) -> None:
    step, _, rest = data.partition(":")
    row, _, option = rest.partition(":")
    if not step.isdigit() or not option or int(step) != talk.conversation.step:
        talk.toast("bot.stale")
        if talk.top is not None or talk.conversation.unread is not None:
            _show_where_they_are(talk)
        return
    talk.do(AnswerTap())
    top = talk.top
    if top is not None and top is talk.screening:
        if _been_away(talk):
            _offer_resume(talk)
        elif _is_outdated(talk):
            _to_new_version(talk)
        else:
            screening.tapped(talk, row, option)
        return
    match top:
        case _ if row != "c":
            _show_where_they_are(talk)
        case Ask() if option in ("yes", "no"):
            _closed(talk, option == "yes")
        case Confirm() if option in ("yes", "no"):
            _confirm(talk, option == "yes")
        case Hello() if option in ("agree", "not_now"):
            _consent(talk, given=option == "agree")
        case Resume():
            _resume(talk, option)
        case Sure() if option in ("yes", "no"):
            _sure(talk, option == "yes")
        case Ask() | Confirm() | Hello() | Sure():
            _show_where_they_are(talk)
        case _:
            _idle_tap(talk, option)


def _corrected(talk: Talk, text: str, message: str) -> None:
    alarms = alarm.alarms_in(talk, text)
    if alarms:
        alarm.interrupt(talk, alarms)
        return
    if isinstance(talk.top, Confirm) and not alarm.withdrawn_by_correction(talk, message):
        alarm.show_confirm(talk, note=Line(key="bot.first_this"))
        return
    screening.corrected(talk, text, message)


def _command(talk: Talk, command: str, rest: str) -> None:
    if isinstance(talk.top, Ask | Confirm) and command != "help":
        _show_where_they_are(talk)  # no command gets round a safety question
        return
    match command:
        case "start":
            _start(talk)
        case "screen":
            if talk.screening is not None:
                _offer_resume(talk)
            else:
                _begin(talk)
        case "result":
            _result(talk)
        case "plan":
            _plan(talk)
            _back_to_it(talk)
        case "profile":
            _profile(talk)
        case "settings":
            _settings(talk, rest)
        case "privacy":
            _privacy(talk)
        case "help":
            talk.say(Line(key="bot.help", values={"number": talk.number()}))
            _back_to_it(talk)
        case "cancel":
            if isinstance(talk.top, Unlock):
                talk.pop()
            screening.pause(talk)
        case "restart":
            _make_sure(talk, "restart")
        case "back" | "why" if talk.screening is not None and talk.top is talk.screening:
            screening.control(talk, command)
        case _:
            talk.say(Line(key="bot.unknown_command", values={"command": command[:32]}))
            _back_to_it(talk)


# --- hello


def _start(talk: Talk) -> None:
    """Begin, or recover: /start always leads somewhere."""
    talk.forget_unread()
    if isinstance(talk.top, Unlock):
        talk.pop()
    match talk.top:
        case Ask() | Confirm():
            _show_where_they_are(talk)
            return
        case _ if talk.screening is not None:
            _offer_resume(talk)
            return
    if (_held(talk) and talk.known.consent == CONSENT_VERSION) or _locked(talk):
        alarm.show_locked(talk)
    elif talk.known.consent != CONSENT_VERSION:
        _hello(talk)
    elif talk.known.assessment is not None:
        talk.next_step()
        talk.say(
            Line(key="bot.welcome_back"),
            rows=(talk.choices(("result", "bot.my_result"), ("plan", "bot.my_plan"), ("screen", "bot.screen_again")),),
        )
    else:
        _begin(talk)


def _hello(talk: Talk, note: Line | None = None) -> None:
    if not isinstance(talk.top, Hello):
        talk.clear()
        talk.push(Hello())
    talk.next_step()
    who = _who_reads(talk)
    first = Line(key="hello.changed" if talk.known.consent else "hello.what")
    talk.card(
        "hello",
        *([note] if note else []),
        first,
        who,
        Line(key="hello.consent"),
        rows=(talk.choices(("agree", "hello.agree"), ("not_now", "hello.not_now")),),
    )


def _who_reads(talk: Talk) -> Line:
    name = talk.known.person.coach_name
    return Line(key="hello.who_coach", values={"coach": name}) if name else Line(key="hello.who_nobody")


def _consent(talk: Talk, *, given: bool) -> None:
    if given:
        talk.do(KeepConsent(version=CONSENT_VERSION, given=True))
        talk.clear()
        _begin(talk, agreed=True)
    else:
        talk.clear()
        talk.say(Line(key="hello.declined"))


def _begin(talk: Talk, *, agreed: bool = False, anyway: bool = False) -> None:
    """Begin a screening, if consent and locks allow; the profile is taken over, the gate is asked anew.

    One whose exercises are paused is first told so, and may screen all the same (*anyway*).
    """
    if not agreed and talk.known.consent != CONSENT_VERSION:
        _hello(talk)
        return
    if _locked(talk) or (_held(talk) and not anyway):
        alarm.show_locked(talk)
        return
    screening.begin(talk, keep=_profile_answers(talk))


def _held(talk: Talk) -> bool:
    """Tell whether something stops the client's exercises."""
    return any(flag.action in alarm.HOLDING for flag in talk.known.flags)


def _locked(talk: Talk) -> bool:
    return any(flag.action == "lock" for flag in talk.known.flags)


def _change(talk: Talk) -> None:
    """Open the answers behind the result again."""
    facts = talk.known.assessed_facts
    if any(flag.action in alarm.HOLDING for flag in talk.known.flags):
        alarm.show_locked(talk)
    elif facts is not None and again.may_change(talk):
        screening.reopen(talk, facts)
    else:
        _idle(talk, Line(key="bot.too_late_to_change"))


def _idle(talk: Talk, note: Line | None = None) -> None:
    """Hear words when nothing is going on."""
    if talk.conversation.unread is not None:
        talk.say(Line(key="bot.unread"))
        return
    if talk.known.consent != CONSENT_VERSION or _locked(talk) or talk.known.assessment is None:
        _start(talk)
        return
    talk.next_step()
    talk.say(
        note or Line(key="bot.idle"),
        rows=(talk.choices(("result", "bot.my_result"), ("plan", "bot.my_plan"), ("screen", "bot.screen_again")),),
    )


def _idle_words(talk: Talk, words: str) -> None:
    """Hear words when nothing is going on: pain first, then what the menu offers."""
    if talk.known.consent == CONSENT_VERSION and not _locked(talk) and talk.known.assessment is not None:
        if alarm.tells_of_pain(talk, words):
            again.rest(talk)
            talk.say(Line(key="bot.pain_heard"), priority="safety")
            screening.begin(talk, scope="gate", keep=_profile_answers(talk))
            return
        if CHANGE_WORDS.search(words.lower()):
            _change(talk)
            return
        if (told := asked.answer(talk, words)) is not None:
            _idle(talk, told)
            return
        low = words.lower()
        chosen = next((o for o, said in MENU_WORDS if {w.strip("?!.,") for w in low.split()} & set(said)), None)
        if chosen:
            _idle_tap(talk, chosen)
            return
    _idle(talk)


def _idle_tap(talk: Talk, option: str) -> None:
    match option:
        case "result":
            _result(talk)
        case "plan":
            _plan(talk)
        case "screen":
            _begin(talk)
        case "anyway":
            _begin(talk, anyway=True)
        case "change":
            _change(talk)
        case "examined" if _may_unlock(talk):
            alarm.ask_who_examined(talk)
        case "withdraw":
            _make_sure(talk, "withdraw")
        case "later":
            if isinstance(talk.top, Unlock):
                talk.pop()
            talk.say(Line(key="bot.see_you"))
        case _ if option.startswith("x-"):
            _examined(talk, option.removeprefix("x-"))
        case _:
            _show_where_they_are(talk)


def _may_unlock(talk: Talk) -> bool:
    wait = alarm.wait_to_unlock(talk)
    return wait is not None and wait <= timedelta(0)


EXAMINERS = {
    "doctor": ("doctor", "gp", "consultant", "surgeon", "specialist", "a doctor"),
    "physio": ("physio", "physiotherapist", "physical therapist", "pt"),
    "hospital": ("hospital", "emergency", "a&e", "er", "clinic"),
    "no": ("told to wait", "i was told to wait", "nobody", "no one", "not yet", "no"),
}


def _examined(talk: Talk, said: str) -> None:
    """Hear who examined them; the gate is asked afresh, and only then is the stop lifted."""
    if not _may_unlock(talk):
        while isinstance(talk.top, Unlock):
            talk.pop()
        alarm.show_locked(talk)
        return
    low = said.lower().strip(" .!")
    words = set(low.split())
    who = next((w for w, names in EXAMINERS.items() if low == w or low in names or words & set(names)), None)
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
    screening.begin(talk, scope="unlock", keep=_profile_answers(talk), examined_by=who)


def _profile_answers(talk: Talk) -> dict[str, Value]:
    return {f"profile.{key}": value for key, value in talk.known.profile.items()}


# --- pages


def _result(talk: Talk) -> None:
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
    _back_to_it(talk)


def _plan(talk: Talk) -> None:
    """Show the plan, or what stands in its way."""
    if talk.known.consent is None and talk.known.assessment is not None:
        talk.say(Line(key="bot.no_consent"))
        return
    running = talk.screening
    begun = running is not None and (running.scope == "full" or running.trail or talk.conversation.rest_until)
    if begun and talk.known.plan is not None:
        pages.show_plan(talk, NoPlan(reason="open"))
        return
    held = tuple(flag for flag in talk.known.flags if flag.action in ("lock", "pause"))
    if held:
        locked = any(flag.action == "lock" for flag in held)
        pages.show_plan(talk, NoPlan(reason="locked" if locked else "paused"))
    elif talk.known.plan is None and "plan" in talk.known.unreadable:
        talk.say(Line(key="result.unreadable"))
    elif (resting := again.resting(talk)) is not None:
        talk.say(resting)
    else:
        pages.show_plan(talk, talk.known.plan)


def _profile(talk: Talk) -> None:
    """Ask the profile and the gate again; answers to the tests are kept."""
    if talk.known.consent != CONSENT_VERSION:
        _hello(talk)
        return
    running = talk.screening
    if running is None:
        screening.begin(talk, scope="gate" if talk.known.assessment or _locked(talk) else "full")
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


def _settings(talk: Talk, rest: str) -> None:
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
    _back_to_it(talk)


def _privacy(talk: Talk) -> None:
    who = _who_reads(talk)
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


def _make_sure(talk: Talk, what: Literal["restart", "discard", "withdraw"]) -> None:
    if isinstance(talk.top, Sure):
        talk.pop()
    talk.push(Sure(what=what))
    _ask_sure(talk)


def _start_over(talk: Talk) -> None:
    """Begin from the very first question, where consent and locks allow."""
    alarm.raise_standing(talk)
    if _locked(talk) or talk.known.consent != CONSENT_VERSION:
        talk.clear()
        _start(talk)
    else:
        screening.begin(talk)


def _ask_sure(talk: Talk, note: Line | None = None) -> None:
    top = talk.top
    if not isinstance(top, Sure):
        return
    talk.next_step()
    talk.card(
        f"q{talk.conversation.step}",
        *([note] if note else []),
        Line(key=f"bot.sure.{top.what}"),
        rows=(talk.choices(("yes", f"bot.sure_yes.{top.what}"), ("no", "bot.sure_no")),),
    )


def _sure(talk: Talk, certain: bool) -> None:
    top = talk.top
    if not isinstance(top, Sure):
        return
    talk.pop()
    if not certain:
        talk.say(Line(key="bot.as_it_was"))
        _back_to_it(talk)
        return
    match top.what:
        case "restart":
            _start_over(talk)
        case "discard":
            alarm.raise_standing(talk)
            talk.clear()
            talk.say(Line(key="bot.discarded"))
        case "withdraw":
            talk.do(KeepConsent(version=CONSENT_VERSION, given=False))
            talk.clear()
            talk.say(Line(key="bot.withdrawn"))


# --- coming back


def _is_outdated(talk: Talk) -> bool:
    running = talk.screening
    return running is not None and f"{talk.screen.version}+{talk.screen.safety.version}" != running.version


def _been_away(talk: Talk) -> bool:
    running = talk.screening
    return running is not None and talk.at - running.touched_at > LEFT_AFTER


def _offer_resume(talk: Talk) -> None:
    running = talk.screening
    if running is None:
        return
    while talk.top is not None and not isinstance(talk.top, Screening | Resume):
        talk.pop()
    if not isinstance(talk.top, Resume):
        talk.push(Resume())
    talk.next_step()
    away = talk.at - running.touched_at
    open_now = screening.current(talk)
    ask = open_now[0] if open_now else None
    part = talk.of_screen(f"part.{ask.question.part}") if ask else Line(key="bot.review_part")
    talk.card(
        f"w{talk.conversation.step}",
        Line(key="bot.resume", values={"part": part, "ago": _ago(away)}),
        rows=(talk.choices(("go", "bot.go_on"), ("restart", "bot.start_over"), ("discard", "bot.discard")),),
    )


def _ago(away: timedelta) -> Line:
    minutes = int(away.total_seconds() // 60)
    if minutes < 2:
        return Line(key="bot.ago.now")
    if minutes < 120:
        return Line(key="bot.ago.minutes", values={"count": minutes})
    if minutes < 24 * 60:
        return Line(key="bot.ago.hours", values={"count": minutes // 60})
    return Line(key="bot.ago.days", values={"count": minutes // (24 * 60)})


def _resume(talk: Talk, option: str) -> None:
    running = talk.screening
    if isinstance(talk.top, Resume):
        talk.pop()
    if running is None:
        _start(talk)
        return
    match option:
        case "go":
            stale_gate = talk.at - running.touched_at > GATE_LASTS
            talk.put_screening(running)
            if _is_outdated(talk):
                _to_new_version(talk)
            elif stale_gate:
                _ask_gate_again(talk, running, parts=("safety",), note="bot.gate_again")
            else:
                screening.go_on(talk)
        case "restart":
            _start_over(talk)
        case "discard":
            _make_sure(talk, "discard")
        case _:
            _offer_resume(talk)


def _to_new_version(talk: Talk) -> None:
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


def _closed(talk: Talk, happening: bool) -> None:
    if not alarm.closed_answer(talk, happening):
        return
    if _locked(talk):  # a stop from before stands, whatever this was
        talk.say(Line(key="bot.still_stopped"))
        alarm.show_locked(talk)
    else:
        _show_where_they_are(talk, note=Line(key="bot.noted" if happening else "bot.false_alarm"))


def _confirm(talk: Talk, meant: bool) -> None:
    if alarm.confirmed(talk, meant):
        screening.go_on(talk, note=Line(key="bot.asked_again"))


def _show_where_they_are(talk: Talk, note: Line | None = None) -> None:
    """Show whatever is open now, once more."""
    match talk.top:
        case Ask():
            alarm.show_closed_question(talk, note)
        case Confirm():
            alarm.show_confirm(talk, note)
        case Hello():
            _hello(talk, note)
        case Resume():
            _offer_resume(talk)
        case Sure():
            _ask_sure(talk, note)
        case Unlock():
            alarm.ask_who_examined(talk)
        case None:
            if note is not None:
                talk.say(note)
            _idle(talk)
        case _:
            open_now = screening.current(talk)
            if open_now is not None and open_now[0] is not None:
                show_question(talk, open_now[0], open_now[1], note=note, fresh=note is not None)
            else:
                screening.go_on(talk, note=note)


def _back_to_it(talk: Talk) -> None:
    """After a page asked for in the middle of something, show that something again."""
    if talk.top is not None:
        _show_where_they_are(talk)


__all__ = ["CONSENT_VERSION", "Turn", "reply"]
