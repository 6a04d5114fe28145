"""Linking with a coach: an invitation is heard, a client consents to a coach's seeing, either side ends it."""

from __future__ import annotations

from bot.coaching.news import InviteTaken, LinkChanged
from bot.conversation.activities import Linking
from bot.conversation.coached import current
from bot.conversation.desk_pages import card_name, data
from bot.conversation.effects import (
    AnswerTap,
    Button,
    ButtonRow,
    Line,
    Say,
    Show,
    Slot,
    TakeInvite,
    Unlink,
)
from bot.conversation.events import Invited
from bot.conversation.numbers import is_number
from bot.conversation.talk import Talk
from rules.reading import truth

LONGEST_NAME = 40
"""What a coach calls a client is cut there: it stands in buttons and headings. A proposal."""


def invited(talk: Talk, event: Invited) -> bool:
    """Hear an invitation that somebody brings; False where it leads nowhere, and the chat goes on as it was."""
    person = talk.known.person
    while isinstance(talk.top, Linking):  # the newest invitation counts
        talk.pop()
    if event.invite_id is None:
        talk.say(Line(key="linking.void"))
    elif event.kind == "coach":
        if "coach" in person.roles:
            talk.say(Line(key="linking.coach_already"))
            return False
        talk.do(TakeInvite(invite_id=event.invite_id))
        return True
    elif event.coach_id == person.id:
        talk.say(Line(key="linking.own"))
    elif person.linked and event.coach_id in person.coaches[:1]:
        talk.say(Line(key="linking.yours_already", values={"coach": event.coach_name}))
    else:
        talk.push(Linking(invite_id=event.invite_id, coach=event.coach_name, called=event.called))
        ask(talk)
        return True
    return False


def ask(talk: Talk, note: Line | None = None) -> None:
    """Ask a client whether this coach may see what they tell: who it is, what is seen and what is not."""
    top = talk.top
    if not isinstance(top, Linking):
        return
    person = talk.known.person
    values: dict[str, Slot] = {"coach": top.coach}
    now = [Line(key="linking.instead", values={**values, "now": person.coach_name or ""})] if person.linked else []
    called = [Line(key="linking.called", values={"name": top.called})] if top.called else []
    talk.next_step()
    talk.card(
        f"l{talk.conversation.step}",
        *([note] if note else []),
        Line(key="linking.ask", values=values),
        Line(key="linking.sees"),
        Line(key="linking.sees_not"),
        *called,
        *now,
        Line(key="linking.may_end"),
        rows=(talk.choices(("link", "linking.yes"), ("alone", "linking.no")),),
    )


def tapped(talk: Talk, option: str) -> bool:
    """Hear the answer to an invitation; False for any other tap. After a no the chat goes on."""
    top = talk.top
    if not isinstance(top, Linking) or option not in ("link", "alone"):
        return False
    answer(talk, yes=option == "link")
    return True


def typed(talk: Talk, words: str) -> bool:
    """Hear a yes or a no in words; False where it is neither, and the question is asked again."""
    said = truth(words, talk.lexicon)
    if said is None:
        ask(talk, note=Line(key="bot.yes_or_no"))
        return False
    answer(talk, yes=said)
    return True


def answer(talk: Talk, *, yes: bool) -> None:
    """Take the invitation, or leave it; it is taken only where nobody did in the meantime."""
    top = talk.top
    if not isinstance(top, Linking):
        return
    talk.pop()
    talk.next_step()
    if yes:
        talk.do(TakeInvite(invite_id=top.invite_id))
    else:
        talk.say(Line(key="linking.declined", values={"coach": top.coach}))


def taken(talk: Talk, event: InviteTaken) -> None:
    """Say what came of an invitation that was taken."""
    if not event.taken:
        talk.say(Line(key="linking.void"))
    elif event.role == "client":
        talk.say(Line(key="linking.linked", values={"coach": event.coach_name}))


def changed(talk: Talk, event: LinkChanged) -> None:
    """Say that a link began or ended, to the coach or to the client."""
    if talk.known.person.id == event.client_id:
        _for_client(talk, event)
        return
    client: dict[str, Slot] = {"client": event.client_name}
    if event.linked:
        more = Button(data=data("client", event.client_id), label=Line(key="desk.deed.client"))
        talk.say(Line(key="linking.has_linked", values=client), rows=(ButtonRow(buttons=(more,)),))
        return
    how = "linking.you_ended" if event.by_coach else "linking.has_ended"
    talk.say(Line(key=how, values=client))
    if event.alerted:  # their card has nothing more to show, and its buttons would be refused
        talk.do(Say(paragraphs=(Line(key="linking.no_card", values=client),), card=card_name(event.client_id)))


def _for_client(talk: Talk, event: LinkChanged) -> None:
    """Say who sees what from now on; what was open is not closed with it."""
    person = talk.known.person
    if event.linked:
        return
    lines = [Line(key="linking.left" if event.by_coach else "linking.ended", values={"coach": event.coach_name})]
    if current(talk) is not None and person.coach_name is not None:
        lines.append(Line(key="linking.passes", values={"coach": person.coach_name}))
    elif current(talk) is not None:
        lines.append(Line(key="linking.alone"))
    elif person.coach_name is not None:
        lines.append(Line(key="linking.then", values={"coach": person.coach_name}))
    talk.say(*lines)


# --- /coach: who sees what, and ending it


def show(talk: Talk) -> None:
    """Show who the coach is, what they see and since when."""
    talk.do(Show(view="coach", given={"anew": True}))


def page_tapped(talk: Talk, carried: str) -> bool:
    """Hear a tap on the page of /coach; False for a button of anything else."""
    match carried.split(":"):
        case ["l", "looked"]:
            talk.do(AnswerTap(), Show(view="looked"))
        case ["l", "coach"]:
            talk.do(AnswerTap(), Show(view="coach"))
        case ["l", "end", coach] if is_number(coach):
            if _is_theirs(talk, int(coach)):
                talk.do(AnswerTap(), Show(view="coach", given={"sure": True}))
        case ["l", "ended", coach] if is_number(coach):
            if _is_theirs(talk, int(coach)):
                talk.do(AnswerTap(), Unlink(client_id=talk.known.person.id))
        case ["l", *_]:
            talk.toast("bot.stale")
        case _:
            return False
    return True


def _is_theirs(talk: Talk, coach_id: int) -> bool:
    """Tell whether this is their coach still; a button of an earlier one ends nothing."""
    person = talk.known.person
    if person.linked and coach_id in person.coaches[:1]:
        return True
    talk.toast("bot.stale")
    return False


# --- a coach's side


def coach_command(talk: Talk, name: str, rest: str) -> bool:
    """Hear a coach's command about invitations; False for any other."""
    if name != "invite":
        return False
    called = " ".join(rest.split())[:LONGEST_NAME]
    talk.do(Show(view="invite", given={"name": called}))
    return True


def coach_tapped(talk: Talk, carried: str) -> bool:
    """Hear a coach's tap about invitations and links; False for any other."""
    match carried.split(":"):
        case ["k", "invite"]:
            talk.do(AnswerTap(), Show(view="invite", given={"name": ""}))
        case ["k", "revoke", invite] if is_number(invite):
            talk.do(AnswerTap(), Show(view="invites", given={"revoke": int(invite)}))
        case ["k", "unlink", client] if is_number(client):
            talk.do(AnswerTap(), Show(view="unlink", given={"client": int(client)}))
        case ["k", "unlinked", client] if is_number(client):
            talk.do(AnswerTap(), Unlink(client_id=int(client)))
        case ["k", "stay", client] if is_number(client):
            talk.toast("linking.stays")
        case _:
            return False
    return True
