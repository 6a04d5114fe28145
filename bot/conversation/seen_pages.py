"""A coach's pages of tests: which they saw and what, which they would like to see, and the clip of one."""

from __future__ import annotations

from collections.abc import Iterable

from bot.conversation import rating
from bot.conversation.cards import side_word, test_name
from bot.conversation.desk_pages import data
from bot.conversation.effects import Button, ButtonRow, Joined, Line, Paper, Say, Slot
from bot.conversation.rating import UNSEEN, Rated
from bot.conversation.talk import Talk
from rules import SIDES
from rules.criteria import LEVELS
from rules.facts import Attempt


def rate(talk: Talk, *, words: str, note: Line | None = None, kept: bool = False) -> Say:
    """Lay out the tests that the client did, then of one its levels, then its compensations to tick.

    *words* are what a button carries: nothing, test and side, or with the level and ticks, too; *kept*: that is kept
    now, and stands beside what the client told.
    """
    rated, place = rating.read(talk, words), _place(words)
    head = [note] if note is not None else []
    if rated is not None and kept:
        lines, buttons = [_beside(talk, "desk.rate.both", rated), *_which(talk)], _tests(talk, "rate")
    elif rated is not None:
        lines, buttons = [_beside(talk, "desk.rate.also", rated)], _ticks(talk, rated)
    elif (told := rating.done(talk).get(place)) is not None:
        values: dict[str, Slot] = {**_tested(talk, *place), "told": _told(talk, told)}
        lines, buttons = [Line(key="desk.rate.one", values=values)], _levels(talk, *place)
    else:
        lines, buttons = _which(talk), _tests(talk, "rate")
    client = talk.known.person.id
    first = kept or (rated is None and place not in rating.done(talk))
    verb = ("client", client) if first else ("rate", client)
    back = Button(data=data(*verb), label=Line(key="desk.back"))
    return Say(
        paragraphs=(*head, *lines),
        rows=(ButtonRow(buttons=(*buttons, back)),),
        card=f"client-{client}",
        stands=True,
    )


def film(talk: Talk) -> Say:
    """Lay out the tests of which a coach may ask for a clip: those that the client did."""
    client, buttons = talk.known.person.id, _tests(talk, "act", "video")
    back = Button(data=data("client", client), label=Line(key="desk.back"))
    return Say(
        paragraphs=(Line(key="desk.film.which" if buttons else "desk.rate.none"),),
        rows=(ButtonRow(buttons=(*buttons, back)),),
        card=f"client-{client}",
        stands=True,
    )


def clip(talk: Talk, viewer_id: int, test: str, side: str) -> Say:
    """Lay out a client's clip beside what they told of that test."""
    client, told = talk.known.person.id, rating.done(talk).get((test, side))
    level = _told(talk, told) if told is not None else Line(key="progress.not_known")
    values: dict[str, Slot] = {"client": talk.known.person.name, **_tested(talk, test, side), "told": level}
    saw = Button(data=data("saw", client, test, side), label=Line(key="desk.film.rate"))
    drawn: dict[str, int | str | bool] = {"client": client, "viewer": viewer_id}
    return Say(
        paragraphs=(Line(key="desk.film.came", values=values),),
        rows=(ButtonRow(buttons=(saw,)),) if told is not None else (),
        paper=Paper(kind="clip", name="clip", drawn=drawn),
        card=f"clip-{client}",
        stands=True,
        anew=True,
    )


# --- what is said


def _which(talk: Talk) -> list[Line]:
    return [Line(key="desk.rate.which" if rating.done(talk) else "desk.rate.none")]


def _beside(talk: Talk, key: str, rated: Rated) -> Line:
    saw = _worded(talk, rated.level, rated.seen)
    return Line(key=key, values={**_tested(talk, rated.test, rated.side), "told": _told(talk, rated.told), "saw": saw})


def _told(talk: Talk, told: Attempt) -> Line:
    return _worded(talk, str(told.level), told.compensations or ())


def _worded(talk: Talk, level: str, ways: Iterable[str]) -> Line:
    """Say a level and compensations."""
    first = Line(key="desk.rate.unseen") if level == UNSEEN else _level_word(talk, level)
    items = (first, *(_way_word(talk, way) for way in ways))
    return Line(key="bot.list", values={"items": Joined(items=items, glue=", ")})


def _tested(talk: Talk, test: str, side: str) -> dict[str, Slot]:
    label = side_word(side) if side in SIDES else Line(key="progress.both")
    return {"test": test_name(talk, test), "side": label}


def _level_word(talk: Talk, level: str) -> Line:
    return talk.of_screen(f"option.level.{level}")


def _way_word(talk: Talk, way: str) -> Line:
    return talk.of_screen(f"option.compensations.{way}")


# --- buttons


def _place(words: str) -> tuple[str, str]:
    test, _, rest = words.partition(":")
    return test, rest.partition(":")[0]


def _tests(talk: Talk, *verb: str) -> list[Button]:
    first, *rest = verb
    client = talk.known.person.id
    return [
        Button(data=data(first, client, *rest, *place), label=Line(key="desk.rate.test", values=_tested(talk, *place)))
        for place in rating.done(talk)
    ]


def _levels(talk: Talk, test: str, side: str) -> list[Button]:
    """Give the levels; where the screen knows compensations of the test they are asked next."""
    client = talk.known.person.id
    verb: tuple[str, ...] = ("rate",) if rating.ways_round(talk, test) else ("act", "rate")
    buttons = [
        Button(data=data(verb[0], client, *verb[1:], test, side, level, 0), label=_level_word(talk, level))
        for level in LEVELS
    ]
    unseen = Button(data=data("act", client, "rate", test, side, UNSEEN, 0), label=Line(key="desk.rate.unseen"))
    return [*buttons, unseen]


def _ticks(talk: Talk, rated: Rated) -> list[Button]:
    client = talk.known.person.id
    buttons = [
        Button(
            data=data("rate", client, rating.carried(talk, rated, turned=way)),
            label=Line(key="desk.rate.ticked", values={"what": _way_word(talk, way)})
            if way in rated.seen
            else _way_word(talk, way),
        )
        for way in rating.ways_round(talk, rated.test)
    ]
    ready = Button(data=data("act", client, "rate", rating.carried(talk, rated)), label=Line(key="desk.rate.done"))
    return [*buttons, ready]
