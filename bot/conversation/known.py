"""What `handle` has loaded before a turn: all that `reply` may know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bot.coaching.alerts import Alert, Orders, Watcher
from bot.coaching.desk import Desk
from bot.conversation.activities import Conversation
from bot.timetable.rhythm import Rhythm
from rules import Action, Assessment, Facts, Plan, Urgency, Value
from rules.log import Entry

CONSENT_VERSION = "1"
"""The version of the consent text `hello.consent`; raise it when that text changes, and everyone is asked again."""
SIDE_CONSENTS = ("coach", "video")
"""Consents to single things; what a client agreed to before stands beside them."""
COACH_CONSENT = "coach"
"""What stands in a version's place where the consent is to a coach's seeing."""
HOLDING: tuple[Action, ...] = ("lock", "pause")
"""The actions that stop exercise."""


@dataclass(frozen=True, kw_only=True)
class OpenFlag:
    """A flag that stands. `raised_at` says when; `urgency` and `action` as in rules.Flag.

    `screen` is the id of the screen in which it was raised; empty where that was not kept.
    """

    id: str
    urgency: Urgency
    action: Action
    raised_at: datetime
    screen: str = ""


@dataclass(frozen=True, kw_only=True)
class Person:
    """Someone with an address."""

    id: int
    name: str
    roles: tuple[str, ...] = ("client",)
    coach_name: str | None = None
    coaches: tuple[int, ...] = ()
    """The ids of their coach and of who covers; see `Talk.deciding`."""
    watchers: tuple[Watcher, ...] = ()
    """Who may be told of their alerts: their coach, then who covers, and who covers for those."""
    cover_name: str | None = None
    """Who covers for the coach; None where nobody does."""
    blocked: bool = False
    """Whether nothing that is said to them arrived when this turn began."""
    operated: bool = False
    """Whether somebody runs the bot who can be told, besides those who are told anyway."""
    linked: bool = False
    """Whether the coach is their own, not the one who takes all who have none."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """The person of this turn and where they stand."""

    person: Person
    conversation: Conversation = field(default_factory=Conversation)
    profile: Mapping[str, Value] = field(default_factory=dict)
    consent: str | None = None
    """The version of the text that they consented to, or None."""
    assessment: Assessment | None = None
    assessed_facts: Facts | None = None
    """The facts behind the current assessment."""
    assessed_at: datetime | None = None
    """When the current assessment was made; answers of the gate that change make it anew."""
    tested_at: datetime | None = None
    """When the tests of day 1 behind it were done; None where they no longer count, as after a stop."""
    plan: Plan | None = None
    last_plan: Plan | None = None
    """The newest plan there was, where there is none now: what a coach decided of it is not forgotten."""
    rhythm: Rhythm | None = None
    log: tuple[Entry, ...] = ()
    """The log of sessions, oldest first, corrections and what was taken back included."""
    flags: tuple[OpenFlag, ...] = ()
    alert: Alert | None = None
    """What their coach has to look at, until it is closed."""
    orders: Orders = field(default_factory=Orders)
    """What their coach decided about their exercises."""
    unreadable: tuple[str, ...] = ()
    """What is stored and can't be read by this version: result, plan."""
    desk: Desk | None = None
    """A coach's desk; None for who has none."""
    zone: str = "UTC"
    """The zone of this house, for those of whom none is known."""
    closed: bool = False
    """Whether they may not begin here: only the invited may, and they are not."""
