"""A coach's pages of a client: the brief, what the client reads, and what may be changed about the exercises."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta

from bot.coaching.caseload import Listed, Note
from bot.conversation import again, coached, daily, pages, practice, progress, timing, weekly
from bot.conversation.alarm import flag_line
from bot.conversation.cards import option_label
from bot.conversation.decided import REASONS
from bot.conversation.desk_pages import data, found
from bot.conversation.effects import Button, ButtonRow, Joined, Line, Say, Slot
from bot.conversation.numbers import is_number
from bot.conversation.talk import Talk
from rules.edits import MOST_SETS, instead_of, may_be_added
from rules.log import SessionReport, standing_log
from rules.progression import Prescribed
from rules.questions import row_at
from rules.screen import URGENCIES

LATELY = timedelta(days=14)
"""What "lately" is, of sessions. A proposal."""
MOST_DIGITS = 4
MOST_OTHERS = 6
"""So many exercises are offered for another's place. A proposal."""
A_PAGE = 10
"""So many clients are on one page. A proposal."""
ABOUT = ("profile.age_band", "profile.sex")


# --- the list


def clients(listed: Sequence[Listed], *, page: int, search: str) -> Say:
    """Lay out a page of the caseload: the most urgent alerts first, then those that wait longest, then by name."""
    if not listed:
        key = "desk.nobody_found" if search else "desk.no_clients"
        return Say(paragraphs=(Line(key=key, values={"words": search}),), card="clients", stands=True)
    ordered = sorted(listed, key=_in_turn)
    last = (len(ordered) - 1) // A_PAGE
    page = min(max(page, 0), last)
    shown = ordered[page * A_PAGE : (page + 1) * A_PAGE]
    buttons = tuple(
        Button(data=data("client", one.id), label=Line(key="desk.listed", values=_listed(one))) for one in shown
    )
    turns = [(page - 1, "desk.earlier")] if page else []
    turns += [(page + 1, "desk.more")] if page < last else []
    more = tuple(Button(data=f"k:clients:{number}:{search[:24]}", label=Line(key=key)) for number, key in turns)
    values: dict[str, Slot] = {"count": len(ordered), "page": page + 1, "pages": last + 1}
    return Say(
        paragraphs=(Line(key="desk.clients" if last else "desk.clients_all", values=values),),
        rows=(ButtonRow(buttons=buttons), *([ButtonRow(buttons=more, kind="controls")] if more else [])),
        card="clients",
        stands=True,
        about=tuple(one.id for one in shown),
    )


def _in_turn(one: Listed) -> tuple[int, bool, float, str, int]:
    """Say where somebody stands in the list; what a coach has seen comes after what waits as urgently unseen."""
    grave = len(URGENCIES) - URGENCIES.index(one.urgency) if one.urgency in URGENCIES else len(URGENCIES) + 1
    since = one.since.timestamp() if one.since is not None else 0.0
    return grave, one.state != "open", since, one.name.casefold(), one.id


def _listed(one: Listed) -> dict[str, Slot]:
    waits = Line(key=f"desk.waits.{one.urgency}") if one.urgency is not None else Line(key="desk.waits.nothing")
    return {"name": one.name or f"no. {one.id}", "waits": waits}


# --- the brief


def brief(talk: Talk, notes: Sequence[Note]) -> Say:
    """Lay out what a coach needs in ten seconds, to be copied as it is; *talk* is the client's."""
    known, client = talk.known, talk.known.person.id
    lines = [
        Line(key="desk.brief.head", values={"client": known.person.name, "number": client}),
        *_about(talk),
        *found(talk, known.assessment),
        *_task(talk),
        *_plan(talk),
        *_sessions(talk),
        *_course(talk),
        *_stands(talk),
        *([Line(key="desk.brief.notes", values={"count": len(notes)})] if notes else []),
    ]
    return Say(
        paragraphs=(Line(key="bot.list", values={"items": Joined(items=tuple(lines), glue="\n")}),),
        rows=_menu(talk),
        card=f"client-{client}",
        stands=True,
    )


def _about(talk: Talk) -> Iterator[Line]:
    told = []
    for path in ABOUT:
        value = talk.known.profile.get(path.removeprefix("profile."))
        if isinstance(value, str):
            row, question = row_at(talk.screen, path)
            told.append(option_label(talk, question, row, value))
    if told:
        yield Line(key="bot.list", values={"items": Joined(items=tuple(told), glue=", ")})


def _task(talk: Talk) -> Iterator[Line]:
    task, first = weekly.daily_task(talk), weekly.first(talk)
    if task is None or first is None or first.task is None:
        return
    later = [check.task for check in weekly.later(talk) if check.task is not None]
    values: dict[str, Slot] = {"task": task, "first": first.task, "now": later[-1] if later else first.task}
    yield Line(key="desk.brief.task", values=values)


def _plan(talk: Talk) -> Iterator[Line]:
    plan = talk.known.plan
    if plan is None:
        yield Line(key="desk.brief.no_plan")
        return
    names = tuple(_name(talk, item) for item in (*plan.daily, *plan.strength))
    driver = Line(key=f"{plan.screen}/coach.driver.{plan.driver}")
    values: dict[str, Slot] = {"driver": driver, "moves": Joined(items=names, glue=" · ")}
    yield Line(key="desk.brief.coached" if plan.is_coached else "desk.brief.plan", values=values)


def _name(talk: Talk, item: Prescribed) -> Line:
    return talk.of_screen(f"exercise.{item.exercise}.name")


def _sessions(talk: Talk) -> Iterator[Line]:
    known, today = talk.known, again.local_day(talk)
    told = [e for e in standing_log(known.log) if isinstance(e, SessionReport) and e.completed != "no"]
    if not told:
        yield Line(key="desk.brief.no_sessions")
        return
    lately = [report for report in told if report.on > today - LATELY]
    pains = [report.pain for report in lately if report.pain is not None]
    values: dict[str, Slot] = {
        "count": len(lately),
        "all": len(told),
        "last": timing.short_date(told[-1].on),
        "pain": max(pains) if pains else 0,
    }
    yield Line(key="desk.brief.sessions" if pains else "desk.brief.sessions_no_pain", values=values)


def _course(talk: Talk) -> Iterator[Line]:
    so_far = weekly.so_far(talk)
    if so_far is not None and so_far.kind != "too_early":
        yield Line(key=f"desk.brief.course.{so_far.kind}")


def _stands(talk: Talk) -> Iterator[Line]:
    """Say which flags are open, whether exercises are stopped, and what waits for the coach."""
    for flag in talk.known.flags:
        summary = flag_line(talk, flag.id, "summary", raised_in=flag.screen)
        yield Line(
            key="desk.brief.flag", values={"summary": summary, "since": timing.short_date(flag.raised_at.date())}
        )
    if coached.is_stopped(talk):
        yield Line(key="desk.stopped")
    if talk.known.alert is not None:
        waits = Line(key=f"desk.waits.{talk.known.alert.urgency}")
        state = Line(key=f"desk.state.{talk.known.alert.state}")
        yield Line(key="desk.brief.alert", values={"waits": waits, "state": state})


def _menu(talk: Talk) -> tuple[ButtonRow, ...]:
    known, client = talk.known, talk.known.person.id
    see = [what for what, there in SEEN.items() if there(talk)]
    buttons = [Button(data=data("see", client, what), label=Line(key=f"desk.see.{what}")) for what in see]
    if known.plan is not None:
        buttons.append(Button(data=data("edit", client), label=Line(key="desk.see.edit")))
    if known.assessed_facts is not None:
        buttons.append(Button(data=data("rate", client), label=Line(key="desk.see.rate")))
        buttons.append(Button(data=data("film", client), label=Line(key="desk.see.film")))
    buttons.append(Button(data=data("notes", client), label=Line(key="desk.see.notes")))
    buttons.append(Button(data=data("write", client), label=Line(key="desk.deed.message")))
    if known.plan is not None:
        buttons.append(Button(data=data("act", client, "rescreen"), label=Line(key="desk.deed.rescreen")))
    buttons.append(Button(data=data("export", client), label=Line(key="desk.see.export")))
    buttons.append(Button(data=data("unlink", client), label=Line(key="desk.see.unlink")))
    if known.alert is not None:
        buttons.append(Button(data=data("alert", client), label=Line(key="desk.see.alert")))
    return (ButtonRow(buttons=tuple(buttons)),)


SEEN: Mapping[str, Callable[[Talk], bool]] = {
    "result": lambda talk: talk.known.assessment is not None,
    "plan": lambda talk: talk.known.plan is not None,
    "progress": lambda talk: talk.known.assessment is not None or bool(talk.known.log),
    "history": lambda talk: bool(talk.known.log),
}
"""What a coach sees just as the client does, and when there is something to see."""


def as_the_client(talk: Talk, what: str) -> list[Say]:
    """Give a page just as the client reads it, without its buttons."""
    known = talk.known
    match what:
        case "result" if known.assessment is not None and known.assessed_facts is not None:
            pages.show_result(talk, known.assessment, known.assessed_facts)
        case "plan" if known.plan is not None and known.log:
            daily.show_week(talk)
        case "plan":
            pages.show_plan(talk, known.plan)
        case "progress":
            progress.show(talk)
        case "history":
            daily.show_history(talk)
    head = Say(paragraphs=(Line(key="desk.as_they_read", values={"client": known.person.name}),))
    said = (effect for effect in talk.effects if isinstance(effect, Say))
    return [head, *(Say(paragraphs=one.paragraphs, picture=one.picture) for one in said)]


def ask_for_words(talk: Talk, *, note: bool) -> Say:
    """Ask a coach what to write to a client, or to note of them."""
    cancel = Button(data="k:cancel", label=Line(key="desk.no_message"))
    key = "desk.write_note" if note else "desk.write"
    return Say(
        paragraphs=(Line(key=key, values={"client": talk.known.person.name}),),
        rows=(ButtonRow(buttons=(cancel,), kind="controls"),),
        stands=True,
    )


# --- notes


def notes_page(talk: Talk, notes: Sequence[Note]) -> Say:
    """Lay out what coaches noted of a client, the newest first."""
    client = talk.known.person.id
    items = tuple(
        Line(
            key="desk.note",
            values={"at": timing.short_date(note.at.date()), "who": note.who, "words": note.words},
        )
        for note in notes
    )
    add = Button(data=data("note", client), label=Line(key="desk.add_note"))
    back = Button(data=data("client", client), label=Line(key="desk.back"))
    head = Line(key="desk.notes" if items else "desk.no_notes", values={"client": talk.known.person.name})
    listed = Line(key="bot.list", values={"items": Joined(items=items, glue="\n")})
    return Say(
        paragraphs=(head, *([listed] if items else [])),
        rows=(ButtonRow(buttons=(add, back)),),
        card=f"client-{client}",
        stands=True,
    )


# --- exercises


def edit(talk: Talk, *, exercise: str = "", what: str = "", note: Line | None = None) -> Say:
    """Lay out what may be changed: the exercises, then what to do about one of them, or the driver."""
    client, plan = talk.known.person.id, talk.known.plan
    head = [note] if note is not None else []
    if plan is None:
        return Say(paragraphs=(*head, Line(key="desk.brief.no_plan")), card=f"client-{client}", stands=True)
    items = (*plan.daily, *plan.strength)
    if what.startswith("add"):
        lines, buttons = _add_choices(talk, what.removeprefix("add").removeprefix("-"))
    elif what == "driver":
        lines, buttons = _driver_choices(talk)
    elif what.startswith("driver-"):
        lines, buttons = _reason_choices(talk, what.removeprefix("driver-"))
    elif what == "swap" and any(item.exercise == exercise for item in items):
        lines, buttons = _swap_choices(talk, exercise)
    elif any(item.exercise == exercise for item in items):
        lines, buttons = _one(talk, next(item for item in items if item.exercise == exercise))
    else:
        lines, buttons = _all(talk, items)
    return Say(
        paragraphs=(*head, *lines),
        rows=(ButtonRow(buttons=tuple(buttons)),),
        card=f"client-{client}",
        stands=True,
    )


def _all(talk: Talk, items: Sequence[Prescribed]) -> tuple[list[Line], list[Button]]:
    client = talk.known.person.id
    today = practice.today(talk, again.local_day(talk))
    asked = {item.exercise: item for item in (today.items if today is not None else ())}
    lines = [Line(key="desk.edit.head", values={"client": talk.known.person.name})]
    lines += [_described(talk, asked.get(item.exercise, item), number) for number, item in enumerate(items, 1)]
    buttons = [Button(data=data("edit", client, item.exercise), label=_name(talk, item)) for item in items]
    buttons.append(Button(data=data("edit", client, "-", "add"), label=Line(key="desk.edit.add")))
    buttons.append(Button(data=data("edit", client, "-", "driver"), label=Line(key="desk.edit.driver")))
    buttons.append(Button(data=data("client", client), label=Line(key="desk.back")))
    return lines, buttons


def _described(talk: Talk, item: Prescribed, number: int) -> Line:
    values: dict[str, Slot] = {"n": number, "name": _name(talk, item), "dose": pages.dose(item.dose)}
    return Line(key="desk.edit.fixed" if item.fixed else "desk.edit.item", values=values)


def _one(talk: Talk, item: Prescribed) -> tuple[list[Line], list[Button]]:
    client, name = talk.known.person.id, item.exercise
    buttons = [
        Button(
            data=data("act", client, "sets", f"{name}:{count}"),
            label=Line(key="desk.edit.sets", values={"count": count}),
        )
        for count in range(1, MOST_SETS)
        if count != item.dose.sets
    ]
    buttons.append(Button(data=data("edit", client, name, "swap"), label=Line(key="desk.edit.swap")))
    buttons.append(Button(data=data("act", client, "out", name), label=Line(key="desk.edit.out")))
    buttons.append(Button(data=data("edit", client), label=Line(key="desk.back")))
    return [_described(talk, item, 1), Line(key="desk.edit.what")], buttons


def _swap_choices(talk: Talk, name: str) -> tuple[list[Line], list[Button]]:
    client, plan, facts = talk.known.person.id, talk.known.plan, talk.known.assessed_facts
    others = instead_of(talk.screen, plan, facts, name) if plan is not None and facts is not None else ()
    buttons = [
        Button(data=data("act", client, "swap", f"{name}:{other}"), label=talk.of_screen(f"exercise.{other}.name"))
        for other in others[:MOST_OTHERS]
    ]
    buttons.append(Button(data=data("edit", client, name), label=Line(key="desk.back")))
    key = "desk.edit.instead" if others else "desk.edit.no_other"
    return [Line(key=key, values={"name": talk.of_screen(f"exercise.{name}.name")})], buttons


def _add_choices(talk: Talk, page: str) -> tuple[list[Line], list[Button]]:
    client, plan, facts = talk.known.person.id, talk.known.plan, talk.known.assessed_facts
    others = may_be_added(talk.screen, plan, facts) if plan is not None and facts is not None else ()
    first = int(page) * MOST_OTHERS if is_number(page) and len(page) < MOST_DIGITS else 0
    shown = others[first : first + MOST_OTHERS]
    buttons = [
        Button(data=data("act", client, "add", other), label=talk.of_screen(f"exercise.{other}.name"))
        for other in shown
    ]
    if first + MOST_OTHERS < len(others):
        following = f"add-{first // MOST_OTHERS + 1}"
        buttons.append(Button(data=data("edit", client, "-", following), label=Line(key="desk.more")))
    buttons.append(Button(data=data("edit", client), label=Line(key="desk.back")))
    return [Line(key="desk.edit.which" if shown else "desk.edit.none_fits")], buttons


def _driver_choices(talk: Talk) -> tuple[list[Line], list[Button]]:
    client, plan = talk.known.person.id, talk.known.plan
    drivers = talk.screen.file.prior.get(plan.context or "", ()) if plan is not None else ()
    buttons = [
        Button(data=data("edit", client, "-", f"driver-{one}"), label=Line(key=f"{talk.screen.id}/coach.driver.{one}"))
        for one in drivers
        if plan is not None and one != plan.driver
    ]
    buttons.append(Button(data=data("edit", client), label=Line(key="desk.back")))
    return [Line(key="desk.edit.which_driver")], buttons


def _reason_choices(talk: Talk, driver: str) -> tuple[list[Line], list[Button]]:
    client = talk.known.person.id
    buttons = [
        Button(data=data("act", client, "driver", f"{driver}:{one}"), label=Line(key=f"desk.edit.reason.{one}"))
        for one in REASONS
    ]
    buttons.append(Button(data=data("edit", client), label=Line(key="desk.back")))
    return [Line(key="desk.edit.why_driver")], buttons
