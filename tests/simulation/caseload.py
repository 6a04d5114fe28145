"""Four weeks of a coach with sixty clients: what they are shown, what they decide, and whether anything is missed.

`python -m tests.simulation.caseload` prints the table. How often things happen is a proposal, seeded, and meant to be
more than a real caseload brings; what is measured is what the digest makes of it.
"""

from __future__ import annotations

import argparse
import html
import random
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from statistics import median
from typing import get_args

from bot.coaching import alerts
from bot.coaching.alerts import Alert, Reason, Step, Watcher, done, handed, look_again_at, raised, told_again
from bot.coaching.digest import IN_TIME, Change, Digest, Raised, Silence, Standing, WhySilent, digest
from bot.conversation.digest_pages import digest_page
from bot.phrasebook import Phrasebook
from bot.workflow.handle import render
from rules import Urgency, load_library
from rules.course import Course

BEGINS = datetime(2026, 1, 5, 17, 30, tzinfo=UTC)
DAY = timedelta(days=1)
SCREEN = "hip_internal_rotation"
NAMES = (
    "Ada", "Bea", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hana", "Ivo", "June", "Kai", "Lea", "Max",
    "Nia", "Otto", "Pia", "Quin", "Rosa", "Sam", "Tess", "Uma", "Vic", "Wes", "Xenia", "Yann", "Zoe",
)  # fmt: skip
LETTERS = "ABCDEFGHJKLMNPRSTVW"
FLAGS: dict[Urgency, tuple[str, ...]] = {
    "emergency": ("rf01_cannot_walk", "rf03_hot_hip"),
    "urgent": ("rf02_fall_risk",),
    "clinician": ("rf24_pinch",),
    "coach": ("rf17_surgery_cleared", "rf24_pinch_fine", "rf30_loose", "rf26_back_fine"),
}
A_MONTH: dict[str, float] = {
    "emergency": 0.1,
    "urgent": 0.15,
    "clinician": 0.15,
    "pain": 0.15,
    "flag": 0.3,
    "plateau": 0.1,
    "worse": 0.04,
    "silence": 0.35,
    "missing": 0.15,
}
"""How often each befalls a client in four weeks."""
PHONE = 40
"""So many letters a line of a phone has, about."""
SAM = Watcher(id=1, name="sam")
"""The coach of all of them."""
RETURNS = 0.6
"""Of those who are written to after a silence, so many are heard the next day."""


@dataclass
class Client:
    """A client as they live: what stands of them on the day."""

    id: int
    name: str
    alert: Alert | None = None
    flags: list[Raised] = field(default_factory=list)
    course: Course | None = None
    change: Change | None = None
    silent_since: date | None = None
    why: WhySilent = "unanswered"
    done: int = 12
    acted_at: datetime | None = None
    confidence_low: bool = False

    def standing(self, on: date) -> Standing:
        """Give what a digest would read of them."""
        days = (on - self.silent_since).days if self.silent_since is not None else 0
        silence = Silence(days=days, since=on - timedelta(days=days), why=self.why) if days else None
        return Standing(
            id=self.id,
            name=self.name,
            alert=self.alert,
            flags=tuple(self.flags),
            course=self.course,
            change=self.change,
            confidence="low" if self.confidence_low else "high",
            done=self.done,
            due=14,
            silence=silence,
            state="paused" if self.why == "paused" and days else "running",
            acted_at=self.acted_at,
        )


@dataclass(frozen=True, kw_only=True)
class Day:
    """What a coach had on one day: messages that were sent to them at once, and the digest."""

    number: int
    cards: int
    repeats: int
    now: int
    decide: int
    postponed: int


@dataclass
class Month:
    """What four weeks came to. `missed`: what was seeded and is nowhere in what the coach was shown in time."""

    days: list[Day] = field(default_factory=list)
    seeded: dict[str, int] = field(default_factory=dict)
    missed: list[str] = field(default_factory=list)
    last: Digest | None = None


class Coach:
    """A coach who does what is proposed: at once for a card they see, else at the digest."""

    def __init__(self, clients: int, seed: int, *, days: int = 28, at_once: float = 0.7) -> None:
        self.chance = random.Random(seed)  # noqa: S311  # a simulation
        names = [f"{NAMES[n % len(NAMES)]} {LETTERS[n // len(NAMES) + n % 7]}." for n in range(clients)]
        self.clients = [Client(id=n, name=name) for n, name in enumerate(names, 1)]
        for client in self.clients:
            client.confidence_low = self.chance.random() < 0.05
            client.done = self.chance.choice((8, 10, 12, 13, 14))
        self.days, self.at_once = days, at_once
        self.answered: list[str] = []
        self.seen: dict[str, datetime] = {}
        """When the coach first saw something: on a card that they acted on, or in a digest."""
        self.must: list[tuple[str, str, datetime]] = []
        """What must be seen: its kind, its id, and until when."""
        self.month = Month()

    def lives(self, *, act_on_last: bool = True) -> Month:
        """Live through the days."""
        for number in range(self.days):
            at = BEGINS + number * DAY
            cards, repeats = self._happens(at)
            made = digest((client.standing(at.date()) for client in self.clients), at, asked_before=self.answered)
            self.answered = list(made.answered)
            shown = made.says_something
            self.month.days.append(
                Day(
                    number=number,
                    cards=cards + shown,
                    repeats=repeats,
                    now=len(made.now),
                    decide=len(made.decide),
                    postponed=made.postponed,
                )
            )
            self.month.last = made
            self._sees(made, at)
            if act_on_last or number + 1 < self.days:
                self._decides(made, at)
        ends = BEGINS + (self.days - 1) * DAY
        self.month.missed += [
            kind for kind, id_, until in self.must if until <= ends and self.seen.get(id_, ends + DAY) > until
        ]
        return self.month

    def _happens(self, at: datetime) -> tuple[int, int]:
        """Let a day happen to everybody; give how many cards and repetitions the coach was sent."""
        cards = repeats = 0
        for client in self.clients:
            for what, share in A_MONTH.items():
                if self.chance.random() >= share / 28:
                    continue
                self.month.seeded[what] = self.month.seeded.get(what, 0) + 1
                when = at - timedelta(minutes=self.chance.randrange(10, 24 * 60))
                cards += self._befalls(client, what, when)
            if client.alert is not None and client.alert.state == "open":
                repeats += self._sees_card(client, at)
            if client.silent_since is not None and client.why == "snoozed" and self.chance.random() < 0.2:
                client.silent_since = None
            if at.weekday() == client.id % 7 and client.course is None:
                self._checks(client, at.date())
        return cards, repeats

    def _befalls(self, client: Client, what: str, when: datetime) -> int:
        """Let something befall a client; give how many cards it makes."""
        match what:
            case "emergency" | "urgent" | "clinician" | "pain":
                urgency: Urgency = "clinician" if what == "pain" else what
                said = f"pain={self.chance.choice((6, 7, 8))} like=sharp"
                flag = self.chance.choice(FLAGS[urgency])
                reason = Reason(
                    kind="pain" if what == "pain" else "flag",
                    what=said if what == "pain" else flag,
                    urgency=urgency,
                    at=when,
                    screen=SCREEN,
                )
                before = client.alert
                new = raised(before, reason, id_=f"{client.id}-{when:%m%d%H%M}")
                client.alert = handed(new, SAM, when) if new is not before else new
                if client.alert is before:
                    return 0
                self.must.append((what, _name(client.alert), when + DAY))
                return 1
            case "flag":
                new = Raised(id=self.chance.choice(FLAGS["coach"]), at=when, screen=SCREEN)
                if all(new.id != held.id for held in client.flags):
                    client.flags.append(new)
                    self.must.append((what, f"{client.id} {new.id}", when + IN_TIME))
            case "plateau" | "worse":
                kind, rule = ("coach", "four_weeks") if what == "plateau" else ("worse", "worse_twice")
                client.course = Course(kind=kind, rule=rule)
                client.change = Change(on=when.date(), worse=what == "worse")
            case "silence":
                if client.silent_since is None:
                    client.silent_since = when.date()
                    client.why = self.chance.choices(get_args(WhySilent), (1, 0.3, 6, 2, 3))[0]
            case "missing":
                client.done = self.chance.randrange(2, 7)
        return 0

    def _sees_card(self, client: Client, at: datetime) -> int:
        """Let the coach see a card at once, or at one of their two looks; give how often it was told again."""
        alert = client.alert
        assert alert is not None
        if self.chance.random() < self.at_once:
            self._saw(alert, at)
            deed = alerts.proposed(alert)
            client.alert = done(alert, deed, who="sam", at=max(at - timedelta(hours=1), alert.steps[-1].at))
            return 0
        again = 0
        while (look := look_again_at(alert)) is not None and look < at:
            after = told_again(alert, look, order=(SAM,), operator=False)
            if after is alert:
                break
            alert, again = after, again + 1
        client.alert = alert
        return again

    def _checks(self, client: Client, on: date) -> None:
        """Let a weekly re-screen say something, for most of them nothing."""
        better = self.chance.choices((0, 1, 2), (6, 3, 1))[0]
        before = self.chance.randrange(3, 7)
        client.change = Change(on=on, better=better, task=(before, before + self.chance.choice((0, 0, 1, 2))))
        if better and self.chance.random() < 0.5:
            client.course = Course(kind="better", rule="changed_twice")

    def _sees(self, made: Digest, at: datetime) -> None:
        for entry in made.now:
            if entry.alert is not None:
                self._saw(entry.alert, at)
        told = {entry.id for entry in made.decide if entry.why == "flag"}
        told |= {entry.id for entry in made.now if entry.fact.get("notes")}
        for client in self.clients:
            for flag in client.flags if client.id in told else ():
                self.seen.setdefault(f"{client.id} {flag.id}", at)

    def _saw(self, alert: Alert, at: datetime) -> None:
        """Note that the coach saw all reasons of an alert."""
        for count in range(1, len(alert.reasons) + 1):
            self.seen.setdefault(f"{alert.id}/{count}", at)

    def _decides(self, made: Digest, at: datetime) -> None:
        """Do what is proposed, and let the client answer to it."""
        for entry in made.now:
            client = self.clients[entry.id - 1]
            if client.alert is not None:
                client.alert = done(client.alert, alerts.proposed(client.alert), who="sam", at=at)
                client.acted_at = at
        for entry in made.decide:
            client = self.clients[entry.id - 1]
            self.answered.append(entry.mark)
            if entry.deed == "close" and client.alert is not None:
                closing = Step(at=at, what="close", who="sam")
                client.alert = client.alert.model_copy(
                    update={"state": "closed", "steps": (*client.alert.steps, closing)}
                )
            if entry.deed != "keep":
                client.acted_at = at
            if entry.why == "silent" and entry.deed == "message" and self.chance.random() < RETURNS:
                client.silent_since = None
            if entry.why == "worse":
                client.course = None
            if entry.why == "adherence" and self.chance.random() < RETURNS:
                client.done = 10


def _name(alert: Alert) -> str:
    """Name the newest reason of an alert."""
    return f"{alert.id}/{len(alert.reasons)}"


def table(month: Month) -> Iterator[str]:
    """Give the days as lines, then what they come to."""
    yield "day  messages  told again  now  decide  next time"
    for day in month.days:
        yield (f"{day.number + 1:3}  {day.cards:8}  {day.repeats:10}  {day.now:3}  {day.decide:6}  {day.postponed:9}")
    cards, decide = [day.cards for day in month.days], [day.decide for day in month.days]
    yield f"median  {median(cards):5}  most {max(cards)} messages a day"
    yield f"median  {median(decide):5}  most {max(decide)} decisions a day"
    yield "seeded: " + ", ".join(f"{count} {what}" for what, count in sorted(month.seeded.items()))
    yield "missed: " + (", ".join(month.missed) or "none")


def on_a_phone(made: Digest, at: datetime, width: int = PHONE) -> Iterator[str]:
    """Give a digest as lines of a phone, what is bold between stars, then its buttons."""
    library = load_library()
    message = render(digest_page(made, at, library=library, zone="Europe/Berlin"), Phrasebook(library), "en")
    text = html.unescape(message.text.replace("<b>", "*").replace("</b>", "*"))
    for line in text.split("\n"):
        yield from textwrap.wrap(line, width) or [""]
    yield "-" * width
    for row in message.rows:
        yield " ".join(f"[{button['label']}]" for button in row["buttons"])


def main(given: Sequence[str] | None = None) -> int:
    """Print the table; 1 where anything was missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.caseload", description=__doc__)
    parser.add_argument("--clients", type=int, default=60)
    parser.add_argument("--days", type=int, default=28)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", action="store_true", help="show the last digest as a phone does, instead")
    chosen = parser.parse_args(given)
    month = Coach(chosen.clients, chosen.seed, days=chosen.days).lives()
    lines = table(month)
    if chosen.show and month.last is not None:
        lines = on_a_phone(month.last, BEGINS + (chosen.days - 1) * DAY)
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return int(bool(month.missed))


if __name__ == "__main__":
    sys.exit(main())
