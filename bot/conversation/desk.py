"""A coach's side of coaching: news of clients, the buttons of their cards, and what a coach writes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta

from bot.coaching.alerts import DRAFTS, HOLDS, UNLOCK_REASONS, Deed
from bot.coaching.desk import Desk
from bot.coaching.news import AlertTold, ClientWrote, CoachActed, DeedDone
from bot.conversation import digest_pages, holiday, linking
from bot.conversation.activities import Noting, Writing
from bot.conversation.client_pages import SEEN
from bot.conversation.coached import OWN_WORDS
from bot.conversation.decided import EDITS, REASONS
from bot.conversation.desk_pages import data
from bot.conversation.effects import (
    AnswerTap,
    Button,
    ButtonRow,
    Cover,
    ForClient,
    Forget,
    KeepDesk,
    KeepNote,
    Line,
    Remind,
    Show,
)
from bot.conversation.effects import Slot as Words
from bot.conversation.numbers import is_number
from bot.conversation.talk import Talk
from bot.timetable.places import zones_of
from bot.timetable.rhythm import Slot, instant, tz
from rules.edits import MOST_SETS
from rules.times import read_time

COACH = "coach"
MOST_WORDS = 2000
"""The longest message or note. A proposal."""
DEEDS: tuple[Deed | str, ...] = ("acknowledge", "message", "hold", "step_back", "unlock", "refer", "close", "undo")
CHOICES = ("message", "hold", "unlock")
DIGEST = "digest"
"""The kind of reminder that a coach's digest is, and its page."""
LATEST_DIGEST = timedelta(hours=6)
"""So long after its time a digest still goes out. A proposal."""
CLOCK = re.compile(r"\b\d{1,2}(?:[:.h]\d{2})?\s*(?:am|pm|a\.m\.|p\.m\.|o'?clock)?(?!\w)", re.IGNORECASE)
EDIT_DEPTH = 2
"""A button about an exercise names it, and what about it."""


def is_coach(talk: Talk) -> bool:
    """Tell whether the person of this turn is a coach or an operator."""
    return COACH in talk.known.person.roles or "operator" in talk.known.person.roles


def alert_told(talk: Talk, event: AlertTold) -> None:
    """Show the alert of a client, or what has changed about it."""
    talk.do(Show(view="alert", given={"client": event.client_id, "anew": event.anew, "told": True}))


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
    if isinstance(talk.top, Writing | Noting):
        talk.pop()  # who taps something else writes to nobody: later words must not go to a client
    if linking.coach_tapped(talk, carried):
        return True
    if holiday.tapped(talk, carried.split(":")[1:]):
        return True
    match carried.split(":")[1:]:
        case ["alert", client] if is_number(client):
            talk.do(AnswerTap(), Show(view="alert", given={"client": int(client)}))
        case ["choose", client, version, deed] if is_number(client) and is_number(version) and deed in CHOICES:
            talk.do(AnswerTap(), Show(view="alert", given={"client": int(client), "choose": deed}))
        case ["do", client, version, deed, *rest] if (
            is_number(client) and is_number(version) and deed in DEEDS and _is_chosen(deed, ":".join(rest))
        ):
            talk.do(AnswerTap())  # the card shows what came of it
            _act(talk, int(client), deed, version=int(version), words=":".join(rest))
        case ["act", client, deed, *rest] if is_number(client) and _is_known(talk, deed, rest):
            talk.toast("desk.asked")
            _act(talk, int(client), deed, version=None, words=":".join(rest))
        case ["client" | "notes" | "export" as page, client] if is_number(client):
            talk.do(AnswerTap(), Show(view=page, given={"client": int(client)}))
        case ["see", client, what] if is_number(client) and what in SEEN:
            talk.do(AnswerTap(), Show(view="see", given={"client": int(client), "what": what}))
        case ["edit", client, *rest] if is_number(client) and _may_edit(talk, rest):
            exercise, what = (*rest, "", "")[:EDIT_DEPTH]
            shown: dict[str, int | str | bool] = {"client": int(client), "exercise": exercise, "what": what}
            talk.do(AnswerTap(), Show(view="edit", given=shown))
        case ["film", client] if is_number(client):
            talk.do(AnswerTap(), Show(view="film", given={"client": int(client)}))
        case ["rate" | "saw" as verb, client, *rest] if is_number(client):
            # A clip stands far below the client's card: what follows it comes as a new message.
            whose: dict[str, int | str | bool] = {"client": int(client), "words": ":".join(rest), "anew": verb == "saw"}
            talk.do(AnswerTap(), Show(view="rate", given=whose))
        case ["clients", page, *rest] if is_number(page):
            talk.do(AnswerTap(), Show(view="clients", given={"page": int(page), "search": ":".join(rest)}))
        case ["digest", client, deed, mark, *rest] if is_number(client) and _is_decision(talk, deed, ":".join(rest)):
            _digest_tapped(talk, int(client), deed, mark, ":".join(rest))
        case ["note", client] if is_number(client):
            _write_to(talk, Noting(client_id=int(client)))
        case ["cancel"]:
            talk.do(AnswerTap())
            talk.say(Line(key="coached.not_sent"))
        case ["write", client, "digest", mark] if is_number(client):
            if mark in (talk.known.desk or Desk()).answered:
                talk.toast("digest.decided")
            else:
                _write_to(talk, Writing(client_id=int(client), mark=mark))
        case ["write", client, *version] if is_number(client) and all(map(is_number, version)) and len(version) < 2:
            _write_to(talk, Writing(client_id=int(client)))
        case _:
            talk.toast("bot.stale")
    return True


def _is_chosen(deed: str, words: str) -> bool:
    """Tell whether a card offers this: a message that is written already, days, a reason; nothing for other deeds."""
    offered = {"message": DRAFTS, "hold": tuple(map(str, HOLDS)), "unlock": UNLOCK_REASONS}
    return words in offered.get(deed, ("",))


def _is_decision(talk: Talk, deed: str, words: str) -> bool:
    """Tell whether a digest offers this."""
    match deed:
        case "message":
            return words in ("", *DRAFTS)
        case "next_driver":
            return words in _drivers(talk)
    return not words


def _is_known(talk: Talk, deed: str, words: Sequence[str]) -> bool:
    """Tell whether what a button carries about a client's exercises or tests is something that there is."""
    match deed, *words:
        case "swap", one, other:
            return {one, other} <= _exercises(talk)
        case "sets", one, count:
            return one in _exercises(talk) and is_number(count) and 1 <= int(count) <= MOST_SETS
        case (("out" | "add"), one):
            return one in _exercises(talk)
        case "driver", driver, reason:
            return driver in _drivers(talk) and reason in REASONS
        case "rescreen", *rest:
            return not any(rest)
        case (("rate" | "video"), test, _, *_):
            return any(test in screen.tests for screen in talk.library.screens.values())
    return False


def _may_edit(talk: Talk, words: Sequence[str]) -> bool:
    """Tell whether a page about exercises is one that there is."""
    exercise, what, *more = (*words, "", "")
    named = exercise in ("", "-") or exercise in _exercises(talk)
    page, _, rest = what.partition("-")
    of_page = {"": not rest, "swap": not rest, "add": not rest or is_number(rest)}
    of_page["driver"] = not rest or rest in _drivers(talk)
    return named and not any(more) and of_page.get(page, False)


def _exercises(talk: Talk) -> set[str]:
    return {one.id for screen in talk.library.screens.values() for one in screen.exercises.exercises}


def _drivers(talk: Talk) -> set[str]:
    priors = (screen.file.prior for screen in talk.library.screens.values())
    return {driver for prior in priors for drivers in prior.values() for driver in drivers}


def _act(talk: Talk, client: int, deed: str, *, version: int | None, words: str = "") -> None:
    person = talk.known.person
    event = CoachActed(at=talk.at, coach_id=person.id, coach_name=person.name, deed=deed, version=version, words=words)
    talk.do(ForClient(client_id=client, event=event))


def _write_to(talk: Talk, writing: Writing | Noting) -> None:
    talk.do(AnswerTap())
    talk.push(writing)
    ask_for_words(talk)


def ask_for_words(talk: Talk) -> None:
    """Ask what to tell the client, or to note of them, by name: nobody must write to the wrong one."""
    if isinstance(talk.top, Writing | Noting):
        note = isinstance(talk.top, Noting)
        talk.do(Show(view="words", given={"client": talk.top.client_id, "note": note}))


def has_no_screening(talk: Talk) -> bool:
    """Tell whether this is a coach who screens nobody but others."""
    return is_coach(talk) and talk.known.consent is None and talk.known.assessment is None


def hello(talk: Talk) -> None:
    """Say what a coach can do here."""
    talk.say(Line(key="desk.hello"), Line(key="desk.commands"))


def commands(talk: Talk) -> Sequence[Line]:
    """Give what a coach may type, for whoever asks for help; nothing for others."""
    return [Line(key="desk.commands")] if is_coach(talk) else []


def command(talk: Talk, name: str, rest: str) -> bool:
    """Hear a coach's command; False for one that is anybody's."""
    if not is_coach(talk):
        return False
    if isinstance(talk.top, Writing | Noting):
        talk.pop()
    if linking.coach_command(talk, name, rest):
        return True
    match name:
        case "start" | "help" if has_no_screening(talk):
            hello(talk)
        case "away":
            holiday.command(talk, rest)
        case "digest":
            talk.do(Show(view=DIGEST, given={"anew": True}))
        case "week":
            talk.do(Show(view="weekly"))
        case "desk":
            _set_desk(talk, rest)
        case "clients":
            talk.do(Show(view="clients", given={"page": 0, "search": rest.strip(), "anew": True}))
        case "export" if is_number(rest.strip()):
            talk.do(Show(view="export", given={"client": int(rest)}))
        case "export":
            talk.say(Line(key="desk.export_whom"))
            talk.do(Show(view="clients", given={"page": 0, "search": rest.strip(), "anew": True}))
        case "client" if is_number(rest.strip()):
            talk.do(Show(view="client", given={"client": int(rest), "anew": True}))
        case "client":
            talk.do(Show(view="clients", given={"page": 0, "search": rest.strip(), "anew": True}))
        case _:
            return False
    return True


# --- the digest


def next_digest(desk: Desk, after: datetime, *, last_on: date | None = None) -> Slot | None:
    """Give the first digest after an instant, on a local date after *last_on*; None for a desk without a place.

    One slot for each local date, whatever its hour: who moves the hour never gets two on a day.
    """
    if desk.zone is None:
        return None
    day = after.astimezone(tz(desk.zone)).date()
    if last_on is not None:
        day = max(day, last_on + timedelta(days=1))
    while (at := instant(day, desk.digest_at, desk.zone)) <= after:
        day += timedelta(days=1)
    return Slot(kind=DIGEST, local_date=day, slot="daily", due_at=at)


def see_to_digest(talk: Talk) -> None:
    """Let the digest come to a coach who never said when and where, at the usual hour; “/desk off” ends that, too."""
    desk = _desk_now(talk)
    if COACH not in talk.known.person.roles or desk is None or desk.zone is not None or desk.off:
        return
    zone = talk.known.rhythm.zone if talk.known.rhythm is not None else talk.known.zone
    assumed = {"zone": zone, "assumed": True}
    talk.effects[:] = [
        replace(one, desk=one.desk.model_copy(update=assumed)) if isinstance(one, KeepDesk | Cover) else one
        for one in talk.effects
    ]
    moved = desk.model_copy(update=assumed)
    if not any(isinstance(one, KeepDesk | Cover) for one in talk.effects):
        talk.effects.insert(0, KeepDesk(desk=moved))  # first: a page of this turn may keep what it found
    coming = next_digest(moved, talk.at)
    if coming is not None:
        talk.do(Remind(slot=coming))


def _desk_now(talk: Talk) -> Desk | None:
    """Give the desk as this turn leaves it."""
    kept = [one.desk for one in talk.effects if isinstance(one, KeepDesk | Cover)]
    return kept[-1] if kept else talk.known.desk


def digest_due(talk: Talk, slot: Slot) -> None:
    """Show the day's digest, and on Mondays the week; not to who is away, for whom another looks."""
    desk = talk.known.desk
    if not is_coach(talk) or desk is None or desk.zone is None or desk.is_away(talk.at):
        return
    talk.do(Show(view=DIGEST, given={"daily": True, "weekly": slot.local_date.weekday() == 0}))


def _digest_tapped(talk: Talk, client: int, deed: str, mark: str, rest: str) -> None:
    """Do what a coach decided in a digest, once for each matter."""
    desk = talk.known.desk or Desk()
    if mark in desk.answered:
        talk.toast("digest.decided")
        return
    if deed == "message" and not rest:
        talk.do(AnswerTap(), digest_pages.choose_message(client, mark))
        return
    done = next((key for name, key in digest_pages.DONE.items() if name == deed), None)
    if done is None:
        talk.toast("bot.stale")
        return
    talk.toast(done)
    _decided(talk, mark)
    match deed:
        case "keep":
            pass
        case "hold":
            _act(talk, client, "hold", version=None, words=str(HOLDS[0]))
        case "next_driver":
            _act(talk, client, "driver", version=None, words=f"{rest}:plateau")
        case _:
            _act(talk, client, deed, version=None, words=rest)


def _decided(talk: Talk, mark: str) -> None:
    """Keep that a matter of a digest is decided, so that it isn't asked again as it stands."""
    desk = talk.known.desk or Desk()
    answered = tuple(dict.fromkeys((*desk.answered, mark)))
    talk.do(KeepDesk(desk=desk.model_copy(update={"answered": answered})))


def _set_desk(talk: Talk, words: str) -> None:
    """Hear when the digest is to come, and where the coach is: "17:30 Berlin", "off"."""
    desk, told = talk.known.desk or Desk(), words.strip()
    if told.lower() in ("off", "none", "stop"):
        none = desk.model_copy(update={"zone": None, "off": True})
        talk.do(KeepDesk(desk=none), Forget(kinds=(DIGEST,), why="ended"))
        talk.say(Line(key="digest.ended"))
        return
    times, place = read_time(told, talk.lexicon), CLOCK.sub(" ", told, count=1).strip(" ,")
    found = zones_of(place) if place else None
    zones = found.zones if found is not None else ()
    if len(zones) > 1:
        talk.say(Line(key="digest.which_place", values={"zones": ", ".join(zones)}))
        return
    zone = zones[0] if zones else found.offset if found is not None else None if place or desk.assumed else desk.zone
    if not told or zone is None or (CLOCK.search(told) is not None and len(times) != 1):
        talk.say(Line(key="digest.how"))
        return
    at = time.fromisoformat(times[0]) if times else desk.digest_at
    moved = desk.model_copy(update={"zone": zone, "assumed": False, "off": False, "digest_at": at})
    coming = next_digest(moved, talk.at)
    if coming is None:
        return
    talk.do(KeepDesk(desk=moved), Forget(kinds=(DIGEST,), why="moved"), Remind(slot=coming))
    after = next_digest(moved, coming.due_at, last_on=coming.local_date)
    if after is not None:  # today's may have gone out at the old hour: then it comes no more, and nothing would follow
        talk.do(Remind(slot=after))
    values: dict[str, Words] = {"at": f"{at:%H:%M}", "zone": zone}
    talk.say(Line(key="digest.set", values=values))


def deed_done(talk: Talk, event: DeedDone) -> None:
    """Show the exercises as they are now, or why they are as they were."""
    if event.why:
        talk.say(Line(key=f"desk.not_done.{event.why}"))
    elif event.deed == "message":
        talk.say(Line(key="desk.sent"))
    elif event.deed == "video":
        talk.say(Line(key="desk.film.asked"))
    elif event.deed == "rate":
        kept: dict[str, int | str | bool] = {"client": event.client_id, "note": "desk.rate.kept", "words": event.words}
        talk.do(Show(view="rate", given=kept))
    elif event.deed in EDITS:
        talk.do(Show(view="edit", given={"client": event.client_id, "note": f"desk.edited.{event.deed}"}))
    else:
        talk.say(Line(key="desk.asked_for_check"))


def wrote(talk: Talk, words: str) -> None:
    """Send what a coach writes to the client, or keep it as a note."""
    writing = talk.top
    if not isinstance(writing, Writing | Noting):
        return
    talk.pop()
    if isinstance(writing, Noting):
        talk.do(KeepNote(client_id=writing.client_id, words=words[:MOST_WORDS]))
        talk.do(Show(view="notes", given={"client": writing.client_id}))
        return
    if writing.mark:
        _decided(talk, writing.mark)
    _act(talk, writing.client_id, "message", version=None, words=OWN_WORDS + words[:MOST_WORDS])
