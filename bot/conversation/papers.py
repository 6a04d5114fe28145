"""Papers: the sheet of exercises, the letter to a clinician, which the client asks for, and a coach's export."""

from __future__ import annotations

from bot.conversation import again
from bot.conversation.effects import Line, Paper, Say, Show
from bot.conversation.known import HOLDING
from bot.conversation.talk import Talk

FOR_A_CLINICIAN = ("clinician", "urgent", "emergency")


def may_have_a_letter(talk: Talk) -> bool:
    """Tell whether something stands that a clinician should look at."""
    return any(flag.urgency in FOR_A_CLINICIAN for flag in talk.known.flags)


def ask_for_a_letter(talk: Talk) -> None:
    """Say what the letter tells, and make it only when the client wants it."""
    if not may_have_a_letter(talk):
        talk.say(Line(key="paper.none_needed"))
        return
    talk.next_step()
    talk.say(
        Line(key="paper.what_it_tells"), rows=(talk.choices(("letter-yes", "paper.make_it"), ("later", "paper.no")),)
    )


def tapped(talk: Talk, option: str) -> bool:
    """Hear a tap about papers; False for any other."""
    match option:
        case "letter":
            ask_for_a_letter(talk)
        case "letter-yes" if may_have_a_letter(talk):
            talk.do(Show(view="letter"))
        case "sheet":
            sheet(talk)
        case _:
            return False
    return True


def sheet(talk: Talk) -> None:
    """Give the exercises as a sheet to print."""
    if talk.known.plan is None or talk.held_by(*HOLDING):
        talk.say(Line(key="paper.no_exercises"))
    elif (hold := again.held(talk)) is not None:
        talk.say(hold)
    else:
        talk.do(Show(view="sheet"))


def letter_page(client_id: int) -> Say:
    """Lay the letter out for the client, whose it is."""
    whose: dict[str, int | str | bool] = {"client": client_id, "viewer": client_id}
    return Say(
        paragraphs=(Line(key="paper.here_letter"),), paper=Paper(kind="letter.pdf", name="letter.pdf", drawn=whose)
    )


def sheet_page(client_id: int, viewer_id: int) -> Say:
    """Lay the sheet of exercises out."""
    whose: dict[str, int | str | bool] = {"client": client_id, "viewer": viewer_id}
    return Say(
        paragraphs=(Line(key="paper.here_sheet"),), paper=Paper(kind="plan.pdf", name="exercises.pdf", drawn=whose)
    )


def export_page(talk: Talk, viewer_id: int) -> tuple[Say, ...]:
    """Lay a coach's export out: tables, JSON and FHIR in one file, and the sheet; *talk* is the client's."""
    client = talk.known.person.id
    whose: dict[str, int | str | bool] = {"client": client, "viewer": viewer_id}
    told = Line(key="paper.here_export", values={"client": talk.known.person.name})
    name = f"coxa-client-{client}.zip"
    said = [Say(paragraphs=(told,), paper=Paper(kind="export.zip", name=name, drawn=whose))]
    return (*said, *([sheet_page(client, viewer_id)] if talk.known.plan is not None else []))
