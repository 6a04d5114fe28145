"""known + event -> what to do: the one door of the conversation."""

from __future__ import annotations

import re

from bot.conversation import (
    again,
    alarm,
    away,
    coached,
    comeback,
    daily,
    desk,
    filming,
    front,
    hearing,
    holiday,
    leaving,
    linking,
    papers,
    practice,
    progress,
    screening,
    second,
    sure,
    timing,
    weekly,
)
from bot.conversation.activities import (
    Answering,
    Ask,
    Confirm,
    Hello,
    Linking,
    Noting,
    Practice,
    Prompt,
    Resume,
    Sure,
    Timing,
    Today,
    Unlock,
    Weekly,
    Writing,
)
from bot.conversation.cards import labels_of
from bot.conversation.effects import AnswerTap, Line, Show, TakeInvite
from bot.conversation.events import (
    AlertTold,
    CameDue,
    ClientGone,
    ClientLeft,
    ClientWrote,
    Clip,
    ClipCame,
    CoachActed,
    Corrected,
    Covering,
    DeedDone,
    Event,
    Invited,
    InviteTaken,
    LinkChanged,
    Located,
    Returned,
    Tapped,
    Typed,
    Unreadable,
    WatchersChanged,
)
from bot.conversation.known import CONSENT_VERSION, HOLDING, Known
from bot.conversation.talk import Talk, Turn
from rules import Library
from rules.reading import truth

COMMANDS = (
    "start",
    "screen",
    "result",
    "plan",
    "profile",
    "settings",
    "privacy",
    "mydata",
    "delete",
    "help",
    "cancel",
    "time",
    "pause",
    "resume",
    "practise",
    "undo",
    "history",
    "progress",
    "sheet",
    "letter",
    "restart",
    "back",
    "why",
    "coach",
    "invite",
)


def reply(known: Known, event: Event, library: Library) -> Turn:
    """Decide what an event leads to. Pure: the same in, the same out."""
    talk = Talk(known, event.at, library)
    match event:
        case ClientGone():
            talk.say(Line(key="coach.gone", values={"client": event.client_name}))
        case ClientLeft():
            talk.say(Line(key="coach.left"))
        case AlertTold():
            desk.alert_told(talk, event)
        case ClientWrote():
            desk.client_wrote(talk, event)
        case CoachActed():
            coached.hear(talk, event)
        case Covering():
            holiday.covering(talk, event)
        case DeedDone():
            desk.deed_done(talk, event)
        case Invited():
            _invited(talk, event)
        case InviteTaken():
            _taken(talk, event)
        case WatchersChanged():
            coached.watchers_changed(talk, event)
        case LinkChanged():
            linking.changed(talk, event)
        case CameDue(slot=slot) if slot.kind == coached.ALERT:
            coached.came_due(talk)
        case CameDue(slot=slot) if slot.kind == alarm.UNANSWERED:
            alarm.came_due(talk)
        case CameDue(slot=slot) if slot.kind == desk.DIGEST:
            desk.digest_due(talk, slot)
        case CameDue(slot=slot) if slot.kind == leaving.KEEP:
            leaving.came_due(talk, slot)
        case CameDue():
            daily.came_due(talk, event)
        case Returned():
            daily.back(talk)
        case Clip():
            _clip(talk, event)
        case ClipCame():
            talk.do(Show(view="clip", given={"client": event.client_id}))
        case Unreadable(what=what):
            talk.say(Line(key="bot.unreadable", values={"what": Line(key=f"bot.what.{what}")}))
            _show_where_they_are(talk)
        case Located(zone=zone):
            if not timing.located(talk, zone):
                talk.say(Line(key="rhythm.place_not_asked"))
        case Tapped(data=data):
            _tapped(talk, data)
        case Corrected(text=text, message=message):
            _corrected(talk, text, message)
        case Typed(text=text, message=message):
            _typed(talk, text, message)
    if isinstance(event, Typed | Tapped | Corrected | Located | Unreadable | Clip | Returned | Invited):
        heard = {"heard_at": event.at, "asked_why": None}
        talk.conversation = talk.conversation.model_copy(update=heard)
    desk.see_to_digest(talk)
    return talk.turn()


def _invited(talk: Talk, event: Invited) -> None:
    """Hear an invitation; a safety question that is open comes first, and the invitation can be opened again."""
    if isinstance(talk.top, Ask | Confirm):
        talk.say(Line(key="linking.first_this"))
        _show_where_they_are(talk)
    elif not linking.invited(talk, event):
        _command(talk, "start", "")


def _taken(talk: Talk, event: InviteTaken) -> None:
    """Say what came of an invitation, and go on where they were."""
    linking.taken(talk, event)
    if event.taken and event.role == "coach":
        while isinstance(talk.top, Hello):  # a coach agrees to nothing before they screen themselves
            talk.pop()
        desk.hello(talk)
        _back_to_it(talk)
    else:
        _show_where_they_are(talk)


def _clip(talk: Talk, event: Clip) -> None:
    """Hear a film, and the words with it: they are read as any others, and what can't wait is asked about last."""
    alarms = alarm.alarms_in(talk, event.words) if event.words else ()
    came = filming.came(talk, event, words="" if alarms else event.words)
    if event.words and (alarms or not came):
        _typed(talk, event.words, event.message)
    elif came:
        _back_to_it(talk)
    else:
        talk.say(Line(key="bot.unreadable", values={"what": Line(key=f"bot.what.{filming.WHAT[event.kind]}")}))
        _show_where_they_are(talk)


def _typed(talk: Talk, text: str, message: str) -> None:
    words = text.strip()
    if words.startswith("/"):
        command, _, rest = words[1:].partition(" ")
        names = command.lower() == "invite" and desk.is_coach(talk)  # a name tells nothing of the coach
        plain = names or (not rest and command.lower() in COMMANDS)
        if not plain and (raised := alarm.alarms_in(talk, words)):
            alarm.interrupt(talk, raised)
            return
        _command(talk, command.partition("@")[0].lower(), rest)
        return
    if not words:
        _show_where_they_are(talk)
        return
    writing = isinstance(talk.top, Writing | Noting) and not daily.was_left(talk)
    if writing:  # a coach's words to a client tell nothing of the coach
        desk.wrote(talk, words)
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
    if alarms and hearing.denies(talk, alarms, words, message):
        return
    if alarms:
        alarm.interrupt(talk, alarms)
        return
    if daily.was_left(talk):
        daily.leave_old(talk)
    match talk.top:
        case Ask():
            alarm.show_closed_question(talk, note=Line(key="bot.yes_or_no"))
        case Confirm() | Hello() | Resume() | Sure() | Today():
            _closed_words(talk, words)
        case Unlock():
            front.examined(talk, words)
        case Answering():
            coached.answered(talk, words)
            _back_to_it(talk)
        case Linking():
            if linking.typed(talk, words) and not _takes(talk):
                _show_where_they_are(talk)
        case Timing():
            timing.typed(talk, words)
        case Practice():
            practice.typed(talk, words)
        case Weekly():
            weekly.typed(talk, words)
        case Prompt() if daily.typed(talk, words):
            pass
        case None | Prompt() if daily.stops(talk, words) or timing.travels(talk, words) or daily.mistaken(talk, words):
            pass
        case None | Prompt() if _told_done(talk, words) or (
            talk.known.consent == CONSENT_VERSION and daily.asks_for_reminders(talk, words)
        ):
            pass
        case None | Prompt() if desk.has_no_screening(talk):
            desk.hello(talk)
        case None | Prompt():
            front.idle_words(talk, words)
        case _ if not _without_consent(talk):
            if away.been_away(talk):
                away.offer_resume(talk)
            elif away.is_outdated(talk):
                comeback.to_new_version(talk)
            else:
                hearing.typed(talk, words, message)


def _without_consent(talk: Talk) -> bool:
    """Ask for consent where a screening runs and none stands to the present text; True where it was asked."""
    if talk.known.consent == CONSENT_VERSION or talk.screening is None:
        return False
    front.hello(talk)
    return True


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
                front.hear_consent(talk, given=True)
            elif said is False:
                front.hear_consent(talk, given=False)
            else:
                front.hello(talk, note=Line(key="hello.unclear"))
        case Today():
            front.hear_today(talk, words=words)
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
                comeback.resume(talk, chosen)
            else:
                away.offer_resume(talk)
        case Sure():
            if said is None:
                sure.ask_sure(talk, note=Line(key="bot.yes_or_no"))
            else:
                _hear_sure(talk, said)


def _tapped(talk: Talk, data: str) -> None:
    if desk.tapped(talk, data):
        return
    if data.startswith(("l:", coached.ANSWER)) and isinstance(talk.top, Ask | Confirm):
        talk.toast("bot.stale")
        _show_where_they_are(talk)
        return
    if linking.page_tapped(talk, data) or filming.tapped(talk, data) or coached.tapped(talk, data):
        return
    step, _, rest = data.partition(":")
    row, _, option = rest.partition(":")
    if not re.fullmatch("[0-9]{1,9}", step) or not option or int(step) != talk.conversation.step:
        talk.toast("bot.stale")
        if talk.top is not None or talk.conversation.unread is not None:
            _show_where_they_are(talk)
        return
    talk.do(AnswerTap())
    top = talk.top
    if top is not None and top is talk.screening:
        if _without_consent(talk):
            return
        if away.been_away(talk):
            away.offer_resume(talk)
        elif away.is_outdated(talk):
            comeback.to_new_version(talk)
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
            front.hear_consent(talk, given=option == "agree")
        case Resume():
            comeback.resume(talk, option)
        case Sure() if option in ("yes", "no"):
            _hear_sure(talk, option == "yes")
        case Ask() | Confirm() | Hello() | Sure():
            _show_where_they_are(talk)
        case Linking() if linking.tapped(talk, option):
            if not _takes(talk):
                _show_where_they_are(talk)
        case Timing() if timing.tapped(talk, option):
            pass
        case Practice() if practice.tapped(talk, option):
            pass
        case Weekly() if weekly.tapped(talk, option):
            pass
        case Prompt() if daily.tapped(talk, option):
            pass
        case Timing() | Practice() | Weekly() | Linking():
            _show_where_they_are(talk)
        case _ if not _daily_tap(talk, option) and not front.idle_tap(talk, option):
            _show_where_they_are(talk)


def _daily_tap(talk: Talk, option: str) -> bool:
    """Hear a tap on what concerns sessions and reminders, when nothing is going on; False for anything else."""
    match option:
        case "time":
            timing.begin(talk)
        case "practise" | "start":
            practice.begin(talk, again.local_day(talk))
        case "undo":
            practice.undo(talk)
        case "go-on":
            talk.say(Line(key="bot.see_you"))
        case "cancel" if isinstance(talk.top, Answering | Writing | Noting):
            talk.pop()
            talk.say(Line(key="coached.not_sent"))
            _back_to_it(talk)
        case _ if daily.stop_tapped(talk, option) or progress.tapped(talk, option) or papers.tapped(talk, option):
            pass
        case "weekly":
            daily.begin_weekly(talk)
        case "gate":
            screening.begin(talk, scope="gate", keep=again.lasting(talk))
        case _:
            return False
    return True


def _corrected(talk: Talk, text: str, message: str) -> None:
    alarms = alarm.alarms_in(talk, text)
    if alarms:
        alarm.interrupt(talk, alarms)
        return
    if isinstance(talk.top, Ask):
        alarm.show_closed_question(talk, note=Line(key="bot.yes_or_no"))
        return
    if _without_consent(talk):
        return
    if isinstance(talk.top, Confirm) and not alarm.withdrawn_by_correction(talk, message):
        alarm.show_confirm(talk, note=Line(key="bot.first_this"))
        return
    hearing.corrected(talk, text, message)


def _command(talk: Talk, command: str, rest: str) -> None:
    if isinstance(talk.top, Ask | Confirm) and command != "help":
        _show_where_they_are(talk)  # no command gets round a safety question
        return
    if daily.was_left(talk):
        daily.leave_old(talk)  # else a session left open days ago would hold up the next prompt
    if command == "start" and isinstance(talk.top, Linking):
        talk.pop()
    if desk.command(talk, command, rest):
        return
    match command:
        case "start":
            front.start(talk)
        case "screen":
            if talk.screening is not None:
                away.offer_resume(talk)
            else:
                front.begin(talk)
        case "result":
            front.result(talk)
            _back_to_it(talk)
        case "plan":
            front.show_plan(talk)
            _back_to_it(talk)
        case "profile":
            comeback.profile(talk)
        case "settings":
            comeback.settings(talk, rest)
            _back_to_it(talk)
        case "privacy":
            comeback.privacy(talk)
        case "coach":
            linking.show(talk)
            _back_to_it(talk)
        case "mydata":
            leaving.show_data(talk)
            _back_to_it(talk)
        case "delete":
            leaving.ask_to_erase(talk)
        case "help":
            talk.say(talk.help(), *desk.commands(talk))
            _back_to_it(talk)
        case "second":
            if talk.screening is not None:
                away.offer_resume(talk)
            else:
                front.second_look(talk)
        case "time" | "pause" | "resume" | "practise" | "undo" | "history" | "progress" | "sheet" if _may_train(talk):
            _daily_command(talk, command, rest)
        case "letter":
            papers.ask_for_a_letter(talk)
        case "cancel":
            if isinstance(
                talk.top, Unlock | Today | Timing | Prompt | Practice | Weekly | Answering | Writing | Linking
            ):
                talk.pop()
            screening.pause(talk)
        case "restart":
            sure.make_sure(talk, "restart")
        case "back" | "why" if talk.screening is not None and talk.top is talk.screening:
            screening.control(talk, command)
        case _:
            talk.say(Line(key="bot.unknown_command", values={"command": command[:32]}))
            _back_to_it(talk)


def _takes(talk: Talk) -> bool:
    """Tell whether this turn takes an invitation: what came of it is said in a turn of its own."""
    return any(isinstance(effect, TakeInvite) for effect in talk.effects)


def _told_done(talk: Talk, words: str) -> bool:
    free = talk.known.consent == CONSENT_VERSION and not talk.held_by(*HOLDING)
    return free and daily.told_done(talk, words)


def _may_train(talk: Talk) -> bool:
    """Tell whether there is agreement and nothing that stops; else say what stands in the way."""
    return not _without_consent(talk)


def _daily_command(talk: Talk, command: str, rest: str) -> None:
    match command:
        case "time":
            timing.begin(talk)
        case "pause":
            daily.pause_in_words(talk, rest)
        case "resume":
            daily.resume(talk)
        case "practise":
            practice.begin(talk, again.local_day(talk))
        case "history":
            daily.show_history(talk)
        case "progress":
            progress.show(talk)
            _back_to_it(talk)
        case "sheet":
            papers.sheet(talk)
            _back_to_it(talk)
        case _:
            practice.undo(talk)


def _hear_sure(talk: Talk, certain: bool) -> None:
    comeback.hear_sure(talk, certain)
    if not certain:
        _back_to_it(talk)


def _closed(talk: Talk, happening: bool) -> None:
    if not alarm.closed_answer(talk, happening):
        return
    if front.is_locked(talk):  # a stop from before stands, whatever this was
        talk.say(Line(key="bot.still_stopped"))
        alarm.show_locked(talk)
    elif happening and isinstance(talk.top, Today):  # what they told of is the answer to "anything new?"
        front.hear_today(talk)
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
            front.hello(talk, note)
        case Resume():
            away.offer_resume(talk)
        case Sure():
            sure.ask_sure(talk, note)
        case Unlock():
            alarm.ask_who_examined(talk)
        case Today():
            second.ask_today(talk, note)
        case Timing():
            timing.ask(talk, note)
        case Practice():
            practice.ask(talk, note)
        case Weekly():
            weekly.ask(talk, note)
        case Answering():
            coached.ask_for_words(talk)
        case Linking():
            linking.ask(talk, note)
        case Writing() | Noting():
            desk.ask_for_words(talk)
        case None | Prompt() if desk.has_no_screening(talk):
            desk.hello(talk)
        case None | Prompt():
            if note is not None:
                talk.say(note)
            front.idle(talk)
        case _:
            screening.go_on(talk, note=note, fresh=note is not None)


def _back_to_it(talk: Talk) -> None:
    """After a page asked for in the middle of something, show that something again."""
    if talk.top is not None and not isinstance(talk.top, Prompt):
        _show_where_they_are(talk)


__all__ = ["CONSENT_VERSION", "Turn", "reply"]
