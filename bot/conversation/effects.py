"""What a turn leads to besides the next conversation. Effects are decided here and done by the workflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from bot.coaching.alerts import Alert, Orders
from bot.coaching.desk import Desk
from bot.coaching.news import CoachActed, Covering, News
from bot.timetable import rhythm as timetable
from rules import Assessment, Facts, Flag, Plan, Value
from rules.log import Entry


@dataclass(frozen=True, kw_only=True)
class Line:
    """A piece of text: a wording key and its values.

    The key is the bot's own (`hello.what`) or a screen's (`hip_internal_rotation/f1.ask`). A value may itself be a
    Line or Joined. Plain string values are a person's words: they are escaped when rendered.
    """

    key: str
    values: Mapping[str, Slot] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Joined:
    """Several pieces of text, one after the other."""

    items: tuple[Line, ...]
    glue: str = "\n"


Slot: TypeAlias = "str | int | Line | Joined"


@dataclass(frozen=True, kw_only=True)
class Button:
    """A button: `data` comes back in `Tapped` (at most 64 bytes), `label` is a Line."""

    data: str
    label: Line
    chosen: bool = False


@dataclass(frozen=True, kw_only=True)
class ButtonRow:
    """A line of buttons that belong together. `label` is said before them (LEFT, RIGHT, Age).

    kind `options`: numbered in the terminal. `scale`: the label is the number. `controls`: may be typed as words.
    `numbers`: buttons whose text is the number of a line of the message.
    """

    buttons: tuple[Button, ...]
    label: Line | None = None
    kind: str = "options"
    open: bool = True
    """False where this row is answered already, or waits its turn."""
    opens: str | None = None
    """What a button carries that opens this row while it is closed; None where it can't be."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture beside the text, which says all that it shows.

    `kind` names who draws it; `drawn` is what it draws, as JSON in which a Line may stand for its words.
    """

    kind: str
    drawn: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Paper:
    """A file beside the text, written when it is sent: no copy of what is in it waits anywhere.

    `kind` names who writes it, `name` is the file's; `drawn` says of whom, as plain values.
    """

    kind: str
    name: str
    drawn: Mapping[str, int | str | bool] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Say:
    """Say something to the person of this turn. With a card it edits that card; without, it is a new message.

    `paragraphs` are joined by an empty line. Priority `safety` cancels prompts to this person not yet sent.
    """

    paragraphs: tuple[Line, ...]
    rows: tuple[ButtonRow, ...] = ()
    card: str | None = None
    priority: str = "reply"
    picture: Picture | None = None
    paper: Paper | None = None
    anew: bool = False
    """Whether the card is sent as a new message, which is noticed, instead of edited."""
    stands: bool = False
    """Whether its buttons stay alive beside those of newer messages, and it is edited wherever it stands."""
    about: tuple[int, ...] = ()
    """The ids of the clients whom it tells of, where they are several: it is emptied when one of them is deleted."""


@dataclass(frozen=True, kw_only=True)
class AnswerTap:
    """Answer the tap at once with a few words on the screen's edge, or with nothing. Best effort, never stored."""

    words: Line | None = None


@dataclass(frozen=True, kw_only=True)
class KeepAnswer:
    """Keep an answer as evidence, beside whatever was answered before it."""

    screening: str
    path: str
    value: Value | None
    how: str
    """tapped, typed, corrected, retracted, or denied."""
    words: str | None = None


@dataclass(frozen=True, kw_only=True)
class KeepProfile:
    """Keep the profile: the `profile.*` facts, by id."""

    profile: Mapping[str, Value]


@dataclass(frozen=True, kw_only=True)
class KeepConsent:
    """Keep that consent to this version of the text was given or withdrawn."""

    version: str
    given: bool


@dataclass(frozen=True, kw_only=True)
class KeepAssessment:
    """Keep a finished screening's assessment and the facts behind it; it becomes the current one.

    `tested_at` says when the tests of day 1 in them were done; None: they no longer count.
    """

    screening: str
    assessment: Assessment
    facts: Facts
    tested_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class KeepPlan:
    """Keep a plan; it becomes the current one. None ends the current plan."""

    plan: Plan | None


@dataclass(frozen=True, kw_only=True)
class KeepRhythm:
    """Keep when the client wants to be reminded; None: no more reminders, and none that wait."""

    rhythm: timetable.Rhythm | None


@dataclass(frozen=True, kw_only=True)
class KeepEntry:
    """Add an entry to the log of sessions; one with the id of an earlier entry corrects it."""

    entry: Entry


@dataclass(frozen=True, kw_only=True)
class Remind:
    """Remind this person at a time: once for its kind, local date and slot, however often it is asked for."""

    slot: timetable.Slot


@dataclass(frozen=True, kw_only=True)
class Forget:
    """Skip the reminders of these kinds that wait; *why* is one plain word, which operators read."""

    kinds: tuple[str, ...]
    why: str


@dataclass(frozen=True, kw_only=True)
class RaiseFlag:
    """Raise a flag for this person, once: a flag that is open already stays as it is."""

    flag: Flag
    own_words: str | None = None
    screen: str = ""
    """The id of the screen in which it was raised."""


@dataclass(frozen=True, kw_only=True)
class LiftFlag:
    """Close an open flag of this person, with the reason."""

    flag_id: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class TellCoach:
    """Write an event into the inbox of this person's coach; nothing where there is none.

    `to`: the id of the one who is told, of those who may see this client; None: whoever looks after them.
    """

    event: News
    to: int | None = None


@dataclass(frozen=True, kw_only=True)
class KeepOverride:
    """Keep that a coach decided for another driver than was found."""

    value: Mapping[str, str | None]


@dataclass(frozen=True, kw_only=True)
class AskAgain:
    """This coach is there again: whose alerts they were not told of are asked again who looks."""


@dataclass(frozen=True, kw_only=True)
class KeepRating:
    """Keep what a coach saw of a test beside what the client told.

    `compensations` in it: by id, whether the client told of it (None: not asked) and whether the coach saw it.
    """

    value: Mapping[str, str | Mapping[str, Sequence[bool | None]] | None]


@dataclass(frozen=True, kw_only=True)
class KeepClip:
    """Keep where a client's clip is, until it expires: test, side, the channel's file id and kind."""

    coach_id: int
    value: Mapping[str, str]
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class KeepNote:
    """Keep what the coach of this turn noted of a client, if they may see that client."""

    client_id: int
    words: str


@dataclass(frozen=True, kw_only=True)
class KeepAlert:
    """Keep this person's alert; it becomes the one that lives, unless it is closed."""

    alert: Alert


@dataclass(frozen=True, kw_only=True)
class KeepOrders:
    """Keep what a coach decided about this person's exercises."""

    orders: Orders


@dataclass(frozen=True, kw_only=True)
class KeepDesk:
    """Keep what the coach of this turn set for their desk."""

    desk: Desk


@dataclass(frozen=True, kw_only=True)
class Cover:
    """Keep the desk of this turn's coach, tell the colleague who covers, and say so, if they are a coach."""

    desk: Desk
    to: int
    event: Covering
    said: Say


@dataclass(frozen=True, kw_only=True)
class Show:
    """Show a page that needs more than is known in a turn; it is read with this person's rights.

    `view` names it in workflow/views.py; `given` is what it is to show, as plain values.
    """

    view: str
    given: Mapping[str, int | str | bool] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Erase:
    """Delete all that is kept of the person of this turn, for good; *goodbye* is the last that they are told.

    What this turn says besides goes with the rest.
    """

    goodbye: tuple[Line, ...]


@dataclass(frozen=True, kw_only=True)
class ForClient:
    """Write a coach's decision into the inbox of a client, if the person of this turn may decide for them."""

    client_id: int
    event: CoachActed


@dataclass(frozen=True, kw_only=True)
class TakeInvite:
    """Take an invitation for the person of this turn, once; what came of it reaches them as InviteTaken."""

    invite_id: int


@dataclass(frozen=True, kw_only=True)
class Unlink:
    """End the link of a client with their coach, if the person of this turn is one of the two."""

    client_id: int


Kept: TypeAlias = (
    KeepAnswer
    | KeepProfile
    | KeepConsent
    | KeepAssessment
    | KeepPlan
    | KeepRhythm
    | KeepEntry
    | Remind
    | Forget
    | RaiseFlag
    | LiftFlag
    | KeepAlert
    | KeepOverride
    | KeepRating
    | KeepClip
    | KeepOrders
    | KeepDesk
)
"""Effects that are kept as a row of this person's."""
Effect: TypeAlias = (
    KeepNote | Say | AnswerTap | TellCoach | Show | Cover | AskAgain | ForClient | Erase | TakeInvite | Unlink | Kept
)
