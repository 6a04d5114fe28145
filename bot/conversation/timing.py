"""Setting when to be reminded: an anchor and a time, where they are, days, leg days; confirmed with seven dates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from typing import Any

from bot.conversation.activities import Timing
from bot.conversation.effects import Forget, Joined, KeepRhythm, Line, Remind, Slot
from bot.conversation.numbers import is_number
from bot.conversation.talk import Talk
from bot.timetable.places import zones_of
from bot.timetable.rhythm import KINDS, Planned, Rhythm, fitted, instant, next_prompts, tz
from rules.log import SessionReport, standing_log
from rules.reading import truth
from rules.times import DAYS, read_days, read_time

TIMES = ("07:30", "12:30", "18:00", "20:30")
"""Times offered as buttons; any other may be typed. A proposal."""
DAY_CHOICES = {"every": (0, 1, 2, 3, 4, 5, 6), "weekdays": (0, 1, 2, 3, 4), "three": (0, 2, 4)}
TWICE = (0, 3)
"""Days offered where nothing needs work: twice a week, not in a row (evidence 0 Priority)."""
COUNTRY_PLACES = {"uk": "uk", "ie": "ireland", "nz": "new zealand"}
"""Countries of the profile that have one time: it is offered first."""
ANCHOR = re.compile(
    r"\b(?:after|before|with|when|once|at|during)\s+(?:i\s+|my\s+|the\s+)?[a-z][a-z' ]{1,30}", re.IGNORECASE
)
MOST_ZONES = 6
"""So many zones are offered as buttons where a place may mean several. A proposal."""


def begin(talk: Talk) -> None:
    """Begin to ask when they want to be reminded; what was set before is offered again as it is told anew."""
    if talk.known.plan is None:
        talk.say(Line(key="rhythm.needs_plan"))
        return
    _drop(talk)
    talk.push(Timing())
    ask(talk)


def ask(talk: Talk, note: Line | None = None) -> None:
    """Show the question that is open now."""
    now = talk.top
    if not isinstance(now, Timing):
        return
    talk.next_step()
    rows, lines = [], [Line(key=f"rhythm.ask.{now.asked}", values=_values(talk, now))]
    match now.asked:
        case "time":
            rows = [
                _buttons(
                    talk, [(f"t-{at.replace(':', '')}", Line(key="bot.words", values={"words": at})) for at in TIMES]
                )
            ]
        case "half" | "which_zone":
            named = [Line(key="bot.words", values={"words": _readable(one)}) for one in now.offered]
            rows = [_buttons(talk, [(f"o-{number}", label) for number, label in enumerate(named)])]
        case "zone" if now.zone is not None:
            rows = [talk.choices(("here", "rhythm.here"), ("elsewhere", "rhythm.elsewhere"))]
            lines = [Line(key="rhythm.ask.is_it_there", values=_values(talk, now))]
        case "days":
            rows = [talk.choices(*((name, f"rhythm.days.{name}") for name in _day_choices(talk)))]
        case "legs":
            rows = [talk.choices(("no-legs", "rhythm.no_legs"))]
        case "leg_plan":
            rows = [talk.choices(*((name, f"rhythm.leg_plan.{name}") for name in ("alone", "warm_up", "swap")))]
        case "confirm":
            lines.append(Line(key="bot.list", values={"items": Joined(items=tuple(_coming(talk, now)), glue="\n")}))
            rows = [talk.choices(("yes", "rhythm.yes"), ("change", "rhythm.change"))]
        case "move":
            rows = [talk.choices(("move", "rhythm.move"), ("home", "rhythm.home"))]
    rows.append(talk.choices(("cancel", "rhythm.cancel"), kind="controls"))
    talk.card(f"r{talk.conversation.step}", *([note] if note else []), *lines, rows=tuple(rows))


def tapped(talk: Talk, option: str) -> bool:
    """Hear a tap; False for one that means nothing here."""
    now = talk.top
    if not isinstance(now, Timing):
        return False
    kind, _, rest = option.partition("-")
    match now.asked, option:
        case _, "cancel":
            _drop(talk)
            talk.say(Line(key="bot.as_it_was"))
        case "time", _ if kind == "t" and re.fullmatch("([01][0-9]|2[0-3])[0-5][0-9]", rest):
            _put(talk, now, at=time(int(rest[:2]), int(rest[2:])))
        case (("half" | "which_zone"), _) if kind == "o" and is_number(rest) and int(rest) < len(now.offered):
            _chosen(talk, now, now.offered[int(rest)])
        case "zone", "here" if now.zone is not None:
            _put(talk, now, zone=now.zone)
        case "zone", "elsewhere":
            _replace(talk, now, zone=None)
            ask(talk)
        case "days", _ if option in _day_choices(talk):
            _put(talk, now, days=TWICE if option == "twice" else DAY_CHOICES[option])
        case "legs", "no-legs":
            _put(talk, now, leg_days=())
        case "leg_plan", ("alone" | "warm_up" | "swap"):
            _put(talk, now, leg_plan=option)
        case "confirm", "yes":
            _keep(talk, now)
        case "move", ("move" | "home"):
            _move(talk, now, option)
        case "confirm", "change":
            _drop(talk)
            talk.push(Timing())
            ask(talk)
        case _:
            return False
    return True


def typed(talk: Talk, words: str) -> None:
    """Hear words at the open question; more than was asked may be told at once: "after coffee, 7:30, weekdays"."""
    now = talk.top
    if not isinstance(now, Timing):
        return
    low = words.lower().strip(" .!")
    if low in ("cancel", "stop", "not now", "never mind", "nevermind"):
        tapped(talk, "cancel")
        return
    match now.asked:
        case "time":
            _typed_time(talk, now, words)
        case "half" | "which_zone":
            _typed_choice(talk, now, words)
        case "zone":
            _typed_zone(talk, now, words)
        case "days":
            days = _days(words, talk)
            if days:
                _put(talk, now, days=days)
            else:
                _again(talk, words, "days")
        case "legs":
            days = _days(words, talk)
            if days or truth(words, talk.lexicon) is False or low in ("none", "never"):
                _put(talk, now, leg_days=days)
            else:
                _again(talk, words, "days")
        case "move" if low in ("move", "home", "keep", "keep home time", "keep it"):
            tapped(talk, "move" if low == "move" else "home")
        case "confirm":
            said = truth(words, talk.lexicon)
            if said is None:
                ask(talk, note=Line(key="bot.yes_or_no"))
            else:
                tapped(talk, "yes" if said else "change")
        case _:
            ask(talk, note=Line(key="rhythm.pick_one"))


TRAVEL = re.compile(
    r"\b(?:time ?zone|moved? to|moving to|travell?ing|flew to|flying to|arrived in|i'?m (?:now )?in|i am (?:now )?in"
    r"|live in|staying in|back in)\b",
    re.IGNORECASE,
)


def travels(talk: Talk, words: str) -> bool:
    """Hear that they are somewhere else now; False where the words name no other place."""
    rhythm = talk.known.rhythm
    if rhythm is None or (found := TRAVEL.search(words)) is None:
        return False
    there = zones_of(words[found.start() :]) or zones_of(words[found.end() :])
    if there is None or len(there.zones) + (there.offset is not None) != 1:
        return False
    return elsewhere(talk, there.offset or there.zones[0])


def elsewhere(talk: Talk, zone: str) -> bool:
    """Ask whether reminders move with them; False where their clocks show the same."""
    rhythm = talk.known.rhythm
    here, home = talk.at.astimezone(tz(zone)), talk.at.astimezone(tz(rhythm.zone)) if rhythm is not None else None
    if rhythm is None or home is None or here.utcoffset() == home.utcoffset():
        return False
    _drop(talk)
    talk.push(Timing(asked="move", zone=zone, at=rhythm.at))
    ask(talk)
    return True


def _move(talk: Talk, now: Timing, chosen: str) -> None:
    rhythm = talk.known.rhythm
    _drop(talk)
    if rhythm is None or now.zone is None:
        return
    if chosen == "home":
        talk.say(Line(key="rhythm.home_kept"))
        return
    _keep_rhythm(talk, rhythm.model_copy(update={"zone": now.zone, "changed_at": talk.at}), "rhythm.moved", moved=True)


def located(talk: Talk, zone: str | None) -> bool:
    """Hear a shared location as the zone it lies in; False where it changes nothing."""
    now = talk.top
    if not isinstance(now, Timing) or now.asked not in ("zone", "which_zone"):
        return talk.top is None and zone is not None and elsewhere(talk, zone)
    if zone is None:
        ask(talk, note=Line(key="rhythm.no_zone_there"))
    else:
        _replace(talk, now, asked="zone", zone=zone, offered=())
        ask(talk)
    return True


# --- what was told


def _typed_time(talk: Talk, now: Timing, words: str) -> None:
    found = [at for at in read_time(words, talk.lexicon) if at != "24:00"]
    if not found:
        _again(talk, words, "time")
        return
    anchor = ANCHOR.search(words)
    days = _days(words, talk)
    told: dict[str, Any] = {"anchor": " ".join(anchor.group(0).split())[:40] if anchor else None}
    if days:
        told["days"] = days
    now = _replace(talk, now, **told)
    if len(found) == 1:
        _put(talk, now, at=time.fromisoformat(found[0]))
    else:
        _replace(talk, now, asked="half", offered=tuple(found))
        ask(talk)


def _typed_choice(talk: Talk, now: Timing, words: str) -> None:
    low = words.lower().strip(" .!")
    if is_number(low) and 1 <= int(low) <= len(now.offered):
        _chosen(talk, now, now.offered[int(low) - 1])
        return
    if now.asked == "half":
        told = read_time(f"{_readable(now.offered[0])} {words}", talk.lexicon) or read_time(words, talk.lexicon)
        meant = [one for one in now.offered if one in told]
        if len(meant) == 1:
            _chosen(talk, now, meant[0])
        else:
            ask(talk, note=Line(key="rhythm.pick_one"))
        return
    _typed_zone(talk, now, words)


def _typed_zone(talk: Talk, now: Timing, words: str) -> None:
    said = truth(words, talk.lexicon)
    if now.zone is not None and said is not None:
        tapped(talk, "here" if said else "elsewhere")
        return
    found = zones_of(words)
    if found is None:
        _again(talk, words, "zone")
    elif found.offset is not None or len(found.zones) == 1:
        _replace(talk, now, asked="zone", zone=found.offset or found.zones[0], offered=())
        ask(talk)
    else:
        _replace(talk, now, asked="which_zone", offered=found.zones[:MOST_ZONES])
        ask(talk)


def _chosen(talk: Talk, now: Timing, one: str) -> None:
    if now.asked == "half":
        _put(talk, now, at=time.fromisoformat(one))
    else:
        _replace(talk, now, asked="zone", zone=one, offered=())
        ask(talk)


def _days(words: str, talk: Talk) -> tuple[int, ...]:
    return tuple(DAYS.index(day) for day in read_days(words, talk.lexicon))


def _again(talk: Talk, words: str, what: str) -> None:
    hint = Line(key=f"rhythm.hint.{what}")
    ask(talk, note=Line(key="bot.not_understood", values={"words": words[:80], "hint": hint}))


# --- what is asked next


def _put(talk: Talk, now: Timing, **told: Any) -> None:
    """Put what was told, and ask what is still open."""
    settled = now.asked
    now = _replace(talk, now, **told)
    order = ("time", "zone", "days", "legs", "leg_plan", "confirm")
    done = {
        "time": now.at is not None,
        "zone": settled == "zone" or order.index(settled if settled in order else "time") > order.index("zone"),
        "days": bool(now.days),
        "legs": now.leg_days is not None,
        "leg_plan": not now.leg_days or now.leg_plan is not None,
        "confirm": False,
    }
    following = next(one for one in order if not done[one])
    zone = now.zone if now.zone is not None or following != "zone" else _likely_zone(talk)
    _replace(talk, now, asked=following, zone=zone, offered=())
    ask(talk)


def _likely_zone(talk: Talk) -> str | None:
    """Give the zone they had, or the one of their country where it has one."""
    if talk.known.rhythm is not None:
        return talk.known.rhythm.zone
    found = zones_of(COUNTRY_PLACES.get(str(talk.known.profile.get("country")), ""))
    return found.zones[0] if found is not None and len(found.zones) == 1 else None


def _keep(talk: Talk, now: Timing) -> None:
    rhythm = _rhythm(talk, now)
    _drop(talk)
    _keep_rhythm(talk, rhythm, "rhythm.kept")


def _keep_rhythm(talk: Talk, rhythm: Rhythm, key: str, *, moved: bool = False) -> None:
    """Keep a rhythm and plan its first prompt: never a second one on a local date, nor too soon after the last."""
    talk.do(KeepRhythm(rhythm=rhythm), Forget(kinds=KINDS, why="changed"))
    last_at = talk.conversation.prompted_at if moved else None
    coming = next_prompts(rhythm, talk.at, 1, last_prompt_on=last_prompt_on(talk, rhythm), last_prompt_at=last_at)
    if coming:
        talk.do(Remind(slot=coming[0].slot))
    first = when(coming[0]) if coming else Line(key="bot.none")
    talk.say(Line(key=key, values={"when": first}))


def last_prompt_on(talk: Talk, rhythm: Rhythm) -> Any:
    """Give the local date of the last prompt or session, so that a change of time or place doubles none."""
    at = talk.conversation.prompted_at
    said = [at.astimezone(tz(rhythm.zone)).date()] if at is not None else []
    done = [e.on for e in standing_log(talk.known.log) if isinstance(e, SessionReport) and e.completed != "no"]
    return max([*said, *done], default=None)


def _rhythm(talk: Talk, now: Timing) -> Rhythm:
    assert now.at is not None  # noqa: S101  # asked before what leads here
    assert now.zone is not None  # noqa: S101
    return fitted(
        Rhythm(
            zone=now.zone,
            at=now.at,
            days=now.days,
            anchor=now.anchor,
            leg_days=now.leg_days or (),
            leg_plan=now.leg_plan,
            changed_at=talk.at,
        )
    )


def _coming(talk: Talk, now: Timing) -> Iterator[Line]:
    """Say the next seven prompts in local time, and where the clocks change on the way."""
    rhythm = _rhythm(talk, now)
    for planned in next_prompts(rhythm, talk.at, 7, last_prompt_on=last_prompt_on(talk, rhythm)):
        yield Line(key="rhythm.clock_change" if planned.clock_change else "rhythm.one", values={"when": when(planned)})


def when(planned: Planned) -> Line:
    """Say a local date and time."""
    return Line(key="rhythm.when", values={"date": on_date(planned.local.date()), "at": f"{planned.local:%H:%M}"})


def on_date(on: date) -> Line:
    """Say a date."""
    month = Line(key=f"rhythm.month.m{on.month}")
    return Line(
        key="rhythm.on", values={"day": Line(key=f"rhythm.day.{DAYS[on.weekday()]}"), "date": on.day, "month": month}
    )


def short_date(on: date) -> Line:
    """Say a date without its day of the week."""
    return Line(key="rhythm.short_date", values={"date": on.day, "month": Line(key=f"rhythm.month.m{on.month}")})


def _values(talk: Talk, now: Timing) -> dict[str, Slot]:
    values: dict[str, Slot] = {"anchor": now.anchor or ""}
    if now.zone is not None:
        here: datetime = talk.at.astimezone(tz(now.zone))
        values |= {"zone": _readable(now.zone), "time": f"{here:%H:%M}"}
    rhythm = talk.known.rhythm
    if now.asked == "move" and rhythm is not None and now.zone is not None:
        on = talk.at.astimezone(tz(rhythm.zone)).date()
        there = instant(on, rhythm.at, rhythm.zone).astimezone(tz(now.zone))
        values |= {"at": f"{rhythm.at:%H:%M}", "there": f"{there:%H:%M}"}
    if now.asked == "confirm" and now.at is not None:
        days = Joined(items=tuple(Line(key=f"rhythm.day.{DAYS[day]}") for day in now.days), glue=", ")
        every = Line(key="rhythm.days.every") if len(now.days) == len(DAYS) else days
        anchored = (
            Line(key="rhythm.anchored", values={"anchor": now.anchor}) if now.anchor else Line(key="rhythm.unanchored")
        )
        values |= {"at": f"{now.at:%H:%M}", "days": every, "anchored": anchored}
    return values


def _readable(name: str) -> str:
    """Write a zone as its city."""
    return name.rpartition("/")[2].replace("_", " ") if "/" in name else name


def _day_choices(talk: Talk) -> Sequence[str]:
    offered = talk.known.plan is not None and talk.known.plan.offered
    return ("twice", "three", "every") if offered else ("every", "weekdays", "three")


def _buttons(talk: Talk, options: Sequence[tuple[str, Line]]) -> Any:
    from bot.conversation.effects import Button, ButtonRow

    return ButtonRow(buttons=tuple(Button(data=talk.data("c", option), label=label) for option, label in options))


def _replace(talk: Talk, now: Timing, **told: Any) -> Timing:
    talk.pop()
    changed = now.model_copy(update=told)
    talk.push(changed)
    return changed


def _drop(talk: Talk) -> None:
    if isinstance(talk.top, Timing):
        talk.pop()
