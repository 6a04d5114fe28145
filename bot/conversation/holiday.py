"""A coach's holiday: until when, and who covers; what comes meanwhile goes to that colleague."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo

from bot.coaching.desk import Desk
from bot.coaching.news import Covering
from bot.conversation import timing
from bot.conversation.effects import AnswerTap, AskAgain, Button, ButtonRow, Cover, KeepDesk, Line, Say, Show
from bot.conversation.numbers import is_number
from bot.conversation.talk import Talk
from bot.timetable.dates import read_until
from bot.timetable.rhythm import tz

WEEKS = (1, 2, 3)
"""Holidays that a tap is enough for. A proposal."""


def command(talk: Talk, rest: str) -> None:
    """Hear `/away`, `/away 2 weeks`, `/away until 3 December` or `/away back`."""
    words = rest.strip().lower()
    if words in ("back", "off", "end", "i'm back", "over"):
        back(talk)
    elif words:
        until = read_until(words, _today(talk))
        if until is None:
            talk.say(Line(key="away.unclear", values={"words": rest.strip()[:40]}))
        else:
            talk.do(Show(view="covers", given={"until": until.isoformat()}))
    else:
        _ask(talk)


def _ask(talk: Talk) -> None:
    desk = talk.known.desk or Desk()
    weeks = tuple(
        Button(data=f"k:off:{(_today(talk) + timedelta(weeks=n)).isoformat()}", label=Line(key=f"away.weeks.w{n}"))
        for n in WEEKS
    )
    if not desk.is_away(talk.at) or desk.away_until is None:
        talk.say(Line(key="away.ask"), rows=(ButtonRow(buttons=weeks),))
        return
    here = Button(data="k:back", label=Line(key="away.i_am_back"))
    on = timing.on_date(desk.away_until.astimezone(_zone(desk)).date())
    talk.say(Line(key="away.until", values={"until": on}), rows=(ButtonRow(buttons=(here,)),))


def tapped(talk: Talk, words: Sequence[str]) -> bool:
    """Hear a tap about a holiday; False for any other."""
    match words:
        case ["off", until] if _date(until) is not None:
            talk.do(AnswerTap(), Show(view="covers", given={"until": until}))
        case ["away", until, cover] if (on := _date(until)) is not None and is_number(cover):
            talk.do(AnswerTap())
            _go(talk, on, int(cover))
        case ["back"]:
            talk.do(AnswerTap())
            back(talk)
        case _:
            return False
    return True


def _go(talk: Talk, until: date, cover: int) -> None:
    desk = talk.known.desk or Desk()
    if not _today(talk) < until or cover == talk.known.person.id:
        _ask(talk)
        return
    at = datetime.combine(until, datetime.min.time(), _zone(desk)).astimezone(UTC)
    changed = desk.model_copy(update={"away_until": at, "cover_id": cover})
    event = Covering(at=talk.at, coach_name=talk.known.person.name, until=until.isoformat())
    said = Say(paragraphs=(Line(key="away.set", values={"until": timing.on_date(until)}),))
    before = desk.cover_id if desk.is_away(talk.at) else None
    if before is not None and before != cover:
        _dismiss(talk, desk.model_copy(update={"cover_id": None}), before, Line(key="away.another"))
    talk.do(Cover(desk=changed, to=cover, event=event, said=said))


def back(talk: Talk) -> None:
    """End the holiday; who covered is told."""
    desk = talk.known.desk or Desk()
    here = desk.model_copy(update={"away_until": None})
    if desk.is_away(talk.at) and desk.cover_id is not None:
        _dismiss(talk, here, desk.cover_id, Line(key="away.back_told"))
        return
    talk.do(KeepDesk(desk=here), AskAgain())
    talk.say(Line(key="away.back"))


def _dismiss(talk: Talk, desk: Desk, cover: int, said: Line) -> None:
    """Keep the desk, and tell who covered so far that they do no more."""
    before = talk.known.desk
    until = before.away_until.astimezone(_zone(before)).date() if before and before.away_until else _today(talk)
    event = Covering(at=talk.at, coach_name=talk.known.person.name, until=until.isoformat(), over=True)
    talk.do(Cover(desk=desk, to=cover, event=event, said=Say(paragraphs=(said,))))


def covers(colleagues: Sequence[tuple[int, str]], until: date) -> Say:
    """Lay out who may cover."""
    buttons = tuple(
        Button(data=f"k:away:{until.isoformat()}:{number}", label=Line(key="bot.words", values={"words": name}))
        for number, name in colleagues
    )
    if not buttons:
        return Say(paragraphs=(Line(key="away.nobody"),))
    asked = Line(key="away.who", values={"until": timing.on_date(until)})
    return Say(paragraphs=(asked,), rows=(ButtonRow(buttons=buttons),), card="covers", stands=True)


def covering(talk: Talk, event: Covering) -> None:
    """Say that this coach covers for another from now on, or no more."""
    if event.over:
        talk.say(Line(key="away.you_cover_no_more", values={"coach": event.coach_name}))
        return
    until = timing.on_date(date.fromisoformat(event.until))
    talk.say(Line(key="away.you_cover", values={"coach": event.coach_name, "until": until}))


def _today(talk: Talk) -> date:
    return talk.at.astimezone(_zone(talk.known.desk or Desk())).date()


def _zone(desk: Desk) -> tzinfo:
    return tz(desk.zone) if desk.zone is not None else UTC


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
