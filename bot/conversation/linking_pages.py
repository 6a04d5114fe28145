"""What is seen of a link: an invitation with its code, the open ones, the client's page of who sees what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from bot.conversation import timing
from bot.conversation.desk_pages import data
from bot.conversation.effects import Button, ButtonRow, Joined, Line, Picture, Say
from bot.conversation.known import Person
from bot.timetable.rhythm import tz

OWN = (
    *("acknowledge", "message", "hold", "step_back", "unlock", "refer", "close", "undo", "unlink", "driver"),
    *("alert", "digest", "result", "plan", "progress", "history", "exercises", "tests", "notes", "note", "name"),
    *("rescreen", "video", "clip", "export"),
)
LOOKS: Mapping[str, str] = {
    **{what: what for what in OWN},
    **dict.fromkeys(("swap", "sets", "out", "add"), "edit"),
    "brief": "client",
    "rate": "rated",
    "export.zip": "copy",
    "plan.pdf": "sheet",
    "letter.pdf": "letter",
}
"""How the client is told what the audit says; anything else is a look at their data."""
INVITES, PAGE = "invites", "coach"
"""The names of their cards: a tap changes them where they stand."""


@dataclass(frozen=True, kw_only=True)
class Open:
    """An invitation that may still be taken; `name` is empty where nobody was named."""

    id: int
    name: str
    until: datetime


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Who looked, when, and at what."""

    at: datetime
    who: str
    what: str


def invitation(link: str, invite: Open, *, by: str, scanned: bool) -> Say:
    """Lay an invitation out so that it can be passed on as it is; *scanned*: its link as a code beside it."""
    head = "linking.invitation_for" if invite.name else "linking.invitation"
    return Say(
        paragraphs=(
            Line(key=head, values={"name": invite.name, "coach": by}),
            Line(key="linking.open_it" if scanned else "linking.type_it", values={"link": link}),
            Line(key="linking.works_once", values={"until": _day(invite.until, None)}),
        ),
        picture=Picture(kind="qr", drawn={"text": link}) if scanned else None,
    )


def invites(open_: Sequence[Open], *, note: str = "", anew: bool = False) -> Say:
    """List the invitations that are open, each with a button that takes it back."""
    told = [Line(key=note)] if note else []
    if not open_:
        return Say(paragraphs=(*told, Line(key="linking.none_open")), card=INVITES, stands=True)
    lines = tuple(
        Line(
            key="linking.open_for" if invite.name else "linking.open_one",
            values={"number": number, "name": invite.name, "until": _day(invite.until, None)},
        )
        for number, invite in enumerate(open_, 1)
    )
    buttons = tuple(
        Button(data=data("revoke", invite.id), label=Line(key="linking.revoke", values={"number": number}))
        for number, invite in enumerate(open_, 1)
    )
    listed = Line(key="bot.list", values={"items": Joined(items=lines, glue="\n")})
    return Say(
        paragraphs=(*told, Line(key="linking.open_now"), listed),
        rows=(ButtonRow(buttons=buttons),),
        card=INVITES,
        stands=True,
        anew=anew,
    )


def too_many(most: int) -> Say:
    """Say that no further invitation is made while so many are open."""
    return Say(paragraphs=(Line(key="linking.too_many", values={"count": most}),))


def coach(person: Person, since: datetime | None, *, zone: str | None, sure: bool = False, anew: bool = False) -> Say:
    """Lay the page of /coach out: who the coach is, what they see, since when; *sure*: whether to end it."""
    name = person.coach_name
    if name is None:
        return Say(paragraphs=(Line(key="linking.no_coach"),))
    if since is None:
        paragraphs = (Line(key="linking.default_coach", values={"coach": name}), *_seen())
        return Say(paragraphs=paragraphs, rows=(_looked_row(),), card=PAGE, stands=True, anew=anew)
    coach_id = person.coaches[0]
    head = Line(key="linking.your_coach", values={"coach": name, "since": _day(since, zone)})
    if sure:
        end = Button(data=f"l:ended:{coach_id}", label=Line(key="linking.sure_yes"))
        stay = Button(data="l:coach", label=Line(key="linking.sure_no"))
        asked = Line(key="linking.sure", values={"coach": name})
        return Say(paragraphs=(asked,), rows=(ButtonRow(buttons=(end, stay)),), card=PAGE, stands=True)
    cover = [Line(key="linking.covered", values={"cover": person.cover_name})] if person.cover_name else []
    end = Button(data=f"l:end:{coach_id}", label=Line(key="linking.end"))
    row = ButtonRow(buttons=(*_looked_row().buttons, end))
    paragraphs = (head, *_seen(), *cover, Line(key="linking.may_end"))
    return Say(paragraphs=paragraphs, rows=(row,), card=PAGE, stands=True, anew=anew)


def _seen() -> tuple[Line, ...]:
    return Line(key="linking.sees"), Line(key="linking.sees_not")


def _looked_row() -> ButtonRow:
    return ButtonRow(buttons=(Button(data="l:looked", label=Line(key="linking.who_looked")),))


def looked(looks: Iterable[Seen], *, zone: str | None) -> Say:
    """List who looked at what, the newest first; the same on one day is one line."""
    found: dict[tuple[date, str, str], set[datetime]] = {}
    for look in looks:
        on = (look.at.astimezone(tz(zone)) if zone is not None else look.at).date()
        what = LOOKS.get(look.what, "data")
        found.setdefault((on, look.who, what), set()).add(look.at)  # a page may read more than once
    lines = tuple(
        Line(
            key="linking.look" if len(times) == 1 else "linking.looks",
            values={
                "on": timing.short_date(on),
                "who": who or Line(key="linking.somebody"),
                "what": Line(key=f"linking.looked.{what}"),
                "times": len(times),
            },
        )
        for (on, who, what), times in found.items()
    )
    if not lines:
        return Say(paragraphs=(Line(key="linking.nobody_looked"),))
    listed = Line(key="bot.list", values={"items": Joined(items=lines, glue="\n")})
    return Say(paragraphs=(Line(key="linking.looked_last"), listed))


def unlink(client_id: int, name: str) -> Say:
    """Ask a coach whether to end it with a client."""
    end = Button(data=data("unlinked", client_id), label=Line(key="linking.sure_yes"))
    stay = Button(data=data("stay", client_id), label=Line(key="linking.sure_no"))
    return Say(
        paragraphs=(Line(key="linking.sure_client", values={"client": name}),),
        rows=(ButtonRow(buttons=(end, stay)),),
        card=f"unlink-{client_id}",
        stands=True,
    )


def _day(at: datetime, zone: str | None) -> Line:
    return timing.short_date((at.astimezone(tz(zone)) if zone is not None else at).date())
