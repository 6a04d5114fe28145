"""What clients do, by their dice: scripts of words and taps, each step with the reply to the one before."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from random import Random
from typing import TypeAlias

from tests.simulation.judge import Settings, local

PLACES = {
    "Europe/London": "london", "Europe/Berlin": "berlin", "America/New_York": "new york",
    "America/Los_Angeles": "los angeles", "America/Sao_Paulo": "sao paulo", "Africa/Casablanca": "casablanca",
    "Asia/Kolkata": "mumbai", "Asia/Tokyo": "tokyo", "Australia/Sydney": "sydney, australia",
    "Australia/Lord_Howe": "australia/lord_howe", "Pacific/Auckland": "auckland", "+05:45": "utc+5:45",
}  # fmt: skip
"""The zones, and what their clients type for where they are."""
AWAY = ("Europe/London", "Europe/Berlin", "America/New_York", "America/Los_Angeles", "Asia/Tokyo", "Pacific/Auckland")
"""Where clients travel."""
DAYS = {
    "every day": (0, 1, 2, 3, 4, 5, 6), "weekdays": (0, 1, 2, 3, 4), "mon, wed, fri": (0, 2, 4),
    "mon and thu": (0, 3), "tue, sat, sun": (1, 5, 6),
}  # fmt: skip
TIMES = ("06:30", "07:00", "07:30", "08:15", "09:45", "13:00", "14:30", "17:10", "18:00", "19:00", "20:30", "21:15")
ODD_TIMES = ("02:30", "01:15", "05:40", "22:15", "23:30")
"""Times inside the quiet hours, and in the gaps and overlaps of clock changes."""
DONE = "did it all, easy, no pain"

Step: TypeAlias = tuple[str, str]
"""How and what: type words; tap an option; tap2: tap it twice; blocks, returns; rescreen: made anew elsewhere."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a client was told, and the rows of options that are open now."""

    text: str = ""
    rows: tuple[tuple[str, ...], ...] = ()

    def has(self, option: str) -> bool:
        """Tell whether an option can be tapped."""
        return any(option in row for row in self.rows)


Script: TypeAlias = Generator[Step, Reply, bool]
"""Steps that get replies; returns whether something was left open in the chat."""


@dataclass
class Client:
    """A client: their dice, what they asked to be set, and how they feel about answering."""

    name: str
    dice: Random
    asking: Settings
    """What they mean to set, which counts when they are told that it is kept."""
    settings: Settings | None = None
    reply: Reply = field(default_factory=Reply)
    silent_until: datetime | None = None
    script: Script | None = None
    choice: str = ""
    """How much later they asked to be reminded."""
    blocked: bool = False
    gone: bool = False

    def is_free(self, now: datetime) -> bool:
        """Tell whether they may begin something."""
        silent = self.silent_until is not None and now < self.silent_until
        return self.script is None and not silent and not self.blocked and not self.gone


def new_client(number: int, seed: int) -> Client:
    """Make a client by their number; alone or among many, they throw the same dice."""
    dice = Random(f"{seed}:{number}")  # noqa: S311  # a test's dice
    zones = tuple(PLACES)
    return Client(name=f"c{number}", dice=dice, asking=_wish(dice, zones[number % len(zones)]))


def _wish(dice: Random, zone: str) -> Settings:
    at = time.fromisoformat(dice.choice(ODD_TIMES if dice.random() < 0.08 else TIMES))
    days = DAYS["every day"] if dice.random() < 0.6 else dice.choice(list(DAYS.values()))
    return Settings(zone=zone, at=at, days=days)


# --- scripts


def sets_time(client: Client, wish: Settings) -> Script:
    """Set zone, time and days by typed words."""
    client.asking = wish
    yield "type", "/time"
    asked = yield "type", f"{wish.at:%H:%M}"
    if asked.has("c:o-0"):  # morning or evening?
        yield "tap", f"c:o-{int(wish.at.hour >= 12)}"
    yield "type", PLACES[wish.zone]
    yield "type", "yes"
    yield "type", next(words for words, days in DAYS.items() if days == wish.days)
    yield "type", "no"
    yield "type", "yes"
    return False


def moves(client: Client, zone: str) -> Script:
    """Tell of another place, and mostly move the reminders there."""
    if client.settings is not None:
        client.asking = Settings(zone=zone, at=client.settings.at, days=client.settings.days)
    reply = yield "type", f"i'm in {PLACES[zone]} now"
    if reply.has("c:move"):
        yield "tap", "c:move" if client.dice.random() < 0.8 else "c:home"
    return False


def says(*words: str) -> Script:
    """Type one thing after another."""
    for one in words:
        yield "type", one
    return False


def taps(*options: str, twice: bool = False) -> Script:
    """Tap one option after another, as far as they are there."""
    for option in options:
        yield "tap2" if twice else "tap", option
    return False


def puts_off(client: Client, twice: bool) -> Script:
    """Ask to be reminded later."""
    reply = yield "tap", "c:later"
    offered = [one for one in ("half_hour", "two_hours", "evening") if reply.has(f"c:at-{one}")]
    if offered:
        client.choice = client.dice.choice(offered)
        yield "tap2" if twice else "tap", f"c:at-{client.choice}"
    return False


def practises(client: Client, *, leaves: bool) -> Script:
    """Go through a guided session by taps; *leaves*: in its middle."""
    reply = yield "tap", "c:start"
    wanted = ("c:today-no", "c:a-usual", "c:skip", "c:x-done", "c:a-easily", "c:m-none", "c:f-yes", "c:n-0")
    left_after = client.dice.randrange(2, 9)
    for n in range(60):
        if leaves and n == left_after:
            return True
        option = next((one for one in wanted if reply.has(one)), None)
        if option is None:
            return False
        reply = yield "tap", option
    return True


def hurts(client: Client, kind: str) -> Script:
    """Tell of pain: mild; red and passing the safety questions; red and leaving them open."""
    reply = yield "type", "something hurts"
    if not reply.has("c:n-2"):  # told when no prompt was open: the safety questions come at once
        return (yield from passes_gate(reply)) if kind == "passes" else True
    answers = ("2", "thigh", "sore", "no") if kind == "mild" else ("7", "groin", "sharp", "no")
    for words in answers:
        reply = yield "type", words
    if kind == "mild":
        return False
    if kind == "leaves":
        return True
    return (yield from passes_gate(reply))


def passes_gate(reply: Reply) -> Script:
    """Answer the safety questions: nothing of the kind."""
    for _ in range(40):
        row = next((row for row in reply.rows for one in row if one.endswith((":none", ":no", ":go", ":gate"))), None)
        if row is None:
            return False
        option = next(one for one in row if one.endswith((":none", ":no", ":go", ":gate")))
        reply = yield "tap", option
    return True


def begins_time_and_leaves() -> Script:
    """Begin to set the time, and go away."""
    yield "type", "/time"
    return True


def locks() -> Script:
    """Tell of something that stops everything."""
    yield "type", "my leg is swollen and warm"
    yield "type", "yes"
    return False


def stops(client: Client) -> Script:
    """Say stop, and for how long."""
    yield "type", "stop"
    yield "tap", client.dice.choice(("c:pause-today", "c:pause-week", "c:pause-open"))
    return False


def blocks() -> Script:
    """Block the bot."""
    yield "blocks", ""
    return False


def returns(client: Client) -> Script:
    """Let the bot write again, and mostly answer."""
    reply = yield "returns", ""
    dice = client.dice.random()
    if reply.has("c:go-on") and dice < 0.85:
        yield "tap", "c:go-on" if dice < 0.7 else "c:pause-open"
    return False


def checks_the_week() -> Script:
    """Begin the week's check, pass its safety questions, and go away before the tests."""
    reply = yield "tap", "c:weekly"
    yield from passes_gate(reply)
    return True


def rescreens() -> Script:
    """Be tested anew."""
    yield "rescreen", ""
    return False


# --- when they do what


def delay(dice: Random) -> timedelta:
    """Give how long they take to answer."""
    roll = dice.random()
    most = 2400 if roll < 0.7 else 5 * 3600 if roll < 0.9 else 14 * 3600
    return timedelta(seconds=dice.randint(10, most))


def reaction(client: Client, kind: str, now: datetime) -> Script | None:
    """Give what a client does about something that came by itself; None where they let it be."""
    dice = client.dice
    match kind:
        case "settle" | "none":
            if client.reply.has("c:go") or client.reply.has("c:gate"):
                return passes_gate(client.reply) if dice.random() < 0.6 else None
            return rescreens() if client.reply.has("c:screen") and dice.random() < 0.5 else None
        case "ask":
            why = dice.choice(("hard", "long", "time", "pause", "pain", None))
            if why == "pain":
                return _why_pain()
            return taps(f"c:why-{why}", twice=dice.random() < 0.3) if why is not None else None
    if kind == "weekly" and dice.random() < 0.1:
        return checks_the_week()
    twice = dice.random() < 0.2
    scripts: Sequence[tuple[float, Script | None]] = (
        (0.38, says(DONE)),
        (0.05, practises(client, leaves=False)),
        (0.03, practises(client, leaves=True)),
        (0.12, puts_off(client, twice)),
        (0.10, taps("c:not-today", twice=twice)),
        (0.04, taps("c:flare", twice=twice)),
        (0.04, hurts(client, "mild")),
        (0.02, hurts(client, "passes")),
        (0.01, hurts(client, "leaves")),
        (0.14, None),
    )
    roll = dice.random()
    for share, script in scripts:
        if (roll := roll - share) < 0:
            return script
    client.silent_until = now + timedelta(days=60 if dice.random() < 0.03 else dice.randint(1, 20))
    return None


def _why_pain() -> Script:
    reply = yield "tap", "c:why-pain"
    if not reply.has("c:n-2"):
        return False
    for option in ("c:n-2", "c:a-muscle", "c:a-sore", "c:a-no"):
        yield "tap", option
    return False


def whim(client: Client, now: datetime) -> tuple[Script, timedelta | None, Script | None] | None:
    """Give what a client does on a day by themselves, and what they do about it so much later; None on most days."""
    dice = client.dice
    roll = dice.random()
    if client.settings is None or roll > 0.14:
        return None
    some_days = timedelta(days=dice.randint(2, 12), hours=dice.randint(0, 23), minutes=dice.randint(0, 59))
    away = dice.choice([zone for zone in AWAY if zone != client.settings.zone])
    until = local(now, client.settings.zone).date() + timedelta(days=dice.randint(2, 15))
    kinds: Sequence[tuple[float, tuple[Script, timedelta | None, Script | None]]] = (
        (0.035, (says(DONE), None, None)),
        (0.012, (says(f"/pause until {_said(until)}"), None, None)),
        (0.010, (says("/pause"), some_days, says("/resume"))),
        (0.006, (stops(client), some_days, says("/resume"))),
        (0.020, (moves(client, away), some_days, moves(client, client.settings.zone))),
        (0.018, (sets_time(client, _wish(dice, client.settings.zone)), None, None)),
        (0.010, (blocks(), some_days, returns(client))),
        (0.004, (hurts(client, "passes"), None, None)),
        (0.004, (begins_time_and_leaves(), None, None)),
        (0.015, (says("/plan"), None, None)),
        (0.0004, (locks(), None, None)),
    )
    for share, what in kinds:
        if (roll := roll - share) < 0:
            return what
    return None


def _said(on: date) -> str:
    return f"{on.day} {on:%B}".lower()
