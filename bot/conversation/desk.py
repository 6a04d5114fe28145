"""A coach's side of coaching: news of clients, the buttons of their cards, and what a coach writes."""

from __future__ import annotations

from bot.coaching.alerts import Deed
from bot.coaching.news import AlertTold, ClientWrote, CoachActed
from bot.conversation import linking
from bot.conversation.activities import Writing
from bot.conversation.coached import OWN_WORDS
from bot.conversation.desk_pages import data
from bot.conversation.effects import AnswerTap, Button, ButtonRow, ForClient, Line, Show
from bot.conversation.talk import Talk

COACH = "coach"
DEEDS: tuple[Deed | str, ...] = ("acknowledge", "message", "hold", "step_back", "unlock", "refer", "close", "undo")
CHOICES = ("message", "hold", "unlock")


def is_coach(talk: Talk) -> bool:
    """Tell whether the person of this turn is a coach or an operator."""
    return COACH in talk.known.person.roles or "operator" in talk.known.person.roles


def alert_told(talk: Talk, event: AlertTold) -> None:
    """Show the alert of a client, or what has changed about it."""
    talk.do(Show(view="alert", given={"client": event.client_id, "anew": event.anew}))


def client_wrote(talk: Talk, event: ClientWrote) -> None:
    """Say what a client answered."""
    reply = Button(data=data("write", event.client_id), label=Line(key="desk.reply"))
    talk.say(
        Line(key="desk.client_wrote", values={"client": event.client_name, "words": event.words}),
        rows=(ButtonRow(buttons=(reply,)),),
    )


def tapped(talk: Talk, carried: str) -> bool:
    """Hear a tap on a coach's card; False for a button of anything else."""
    if not carried.startswith("k:"):
        return False
    if not is_coach(talk):
        talk.toast("bot.stale")
        return True
    if linking.coach_tapped(talk, carried):
        return True
    match carried.split(":")[1:]:
        case ["alert", client] if client.isdecimal():
            talk.do(AnswerTap(), Show(view="alert", given={"client": int(client)}))
        case ["choose", client, version, deed] if client.isdecimal() and version.isdecimal() and deed in CHOICES:
            talk.do(AnswerTap(), Show(view="alert", given={"client": int(client), "choose": deed}))
        case ["do", client, version, deed, *rest] if client.isdecimal() and version.isdecimal() and deed in DEEDS:
            talk.toast(f"desk.done.{deed}")
            _act(talk, int(client), deed, version=int(version), words=":".join(rest))
        case ["write", client, *_] if client.isdecimal():
            talk.do(AnswerTap())
            talk.push(Writing(client_id=int(client)))
            ask_for_words(talk)
        case _:
            talk.toast("bot.stale")
    return True


def _act(talk: Talk, client: int, deed: str, *, version: int | None, words: str = "") -> None:
    person = talk.known.person
    event = CoachActed(at=talk.at, coach_id=person.id, coach_name=person.name, deed=deed, version=version, words=words)
    talk.do(ForClient(client_id=client, event=event))


def ask_for_words(talk: Talk) -> None:
    """Ask what to tell the client."""
    talk.next_step()
    talk.say(Line(key="desk.write"), rows=(talk.choices(("cancel", "desk.no_message"), kind="controls"),))


def has_no_screening(talk: Talk) -> bool:
    """Tell whether this is a coach who screens nobody but others."""
    return is_coach(talk) and talk.known.consent is None and talk.known.assessment is None


def hello(talk: Talk) -> None:
    """Say what a coach can do here."""
    talk.say(Line(key="desk.hello"))


def command(talk: Talk, name: str, rest: str) -> bool:
    """Hear a coach's command; False for one that is anybody's."""
    if not is_coach(talk):
        return False
    if linking.coach_command(talk, name, rest):
        return True
    match name:
        case "start" | "help" if has_no_screening(talk):
            hello(talk)
        case _:
            return False
    return True


def wrote(talk: Talk, words: str) -> None:
    """Send what a coach writes to the client."""
    writing = talk.top
    if not isinstance(writing, Writing):
        return
    talk.pop()
    _act(talk, writing.client_id, "message", version=None, words=OWN_WORDS + words[:2000])
    talk.say(Line(key="desk.sent"))
