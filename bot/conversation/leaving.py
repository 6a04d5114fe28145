"""A client's rights in what is kept of them: their own copy, deleting all, and deletion after a long silence."""

from __future__ import annotations

from datetime import timedelta

from bot.conversation import sure
from bot.conversation.effects import Erase, Line, Paper, Remind, Say, Show
from bot.conversation.talk import Talk
from bot.timetable.rhythm import Slot

KEEP = "keep"
"""The kind of reminder that says that what is kept is about to be deleted, and then deletes it."""
NOTICE, ERASE = "notice", "erase"
"""The slots of such reminders."""
NOTICE_BEFORE = timedelta(days=14)
"""How long before it is deleted a client is told. A proposal."""
COPIES = (("mydata.json", "coxa-mydata.json"), ("mydata.html", "coxa-mydata.html"))
"""The client's own copy: who writes each file, and its name."""


def show_data(talk: Talk) -> None:
    """Give the client a copy of all that is kept of them."""
    talk.do(Show(view="mydata"))


def own_copy(client_id: int) -> tuple[Say, ...]:
    """Lay the client's own copy out: one file for programs, one to read."""
    whose: dict[str, int | str | bool] = {"client": client_id, "viewer": client_id}
    return tuple(
        Say(paragraphs=(Line(key=f"bot.my_{kind}"),), paper=Paper(kind=kind, name=name, drawn=whose))
        for kind, name in COPIES
    )


def ask_to_erase(talk: Talk) -> None:
    """Ask before all is deleted, saying what goes and what stays."""
    sure.make_sure(talk, "delete")


def erase(talk: Talk) -> None:
    """Delete all that is kept of the client."""
    talk.clear()
    talk.do(Erase(goodbye=(Line(key="bot.erased"),)))


def came_due(talk: Talk, slot: Slot) -> None:
    """Tell a client not heard from for long that their data is about to be deleted; later delete it.

    Whoever wrote or tapped after they were told keeps everything.
    """
    if slot.slot == NOTICE:
        at = talk.at + NOTICE_BEFORE
        talk.do(Remind(slot=Slot(kind=KEEP, local_date=at.date(), slot=ERASE, due_at=at)))
        talk.say(Line(key="bot.about_to_erase", values={"count": NOTICE_BEFORE.days}))
        return
    heard = talk.conversation.heard_at
    if heard is None or heard < slot.due_at - NOTICE_BEFORE:
        talk.do(Erase(goodbye=(Line(key="bot.erased_silent"),)))
