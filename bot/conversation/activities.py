"""What a person is in the middle of: a short stack of activities, kept as JSON with a shape number."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

from rules import Value
from rules.log import SessionReport, WeeklyCheck

SHAPE = 1
"""The number of the stored shape; raise it with an upgrader below whenever a stored field changes its meaning."""


class Kept(BaseModel):
    """A frozen piece of a conversation; a field that a newer version dropped is passed over, not an error."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Hello(Kept):
    """The first words and consent."""

    kind: Literal["hello"] = "hello"


class Screening(Kept):
    """A run of a screen.

    `answers` holds every current answer by path, also those that no longer apply (dormant). `trail` is the questions
    answered, in order. `revisit` is a question asked again by Back, by a correction or from the review.
    `scope` gate: only the gate's questions (after /profile or before an unlock); second: what day 2 asks.
    """

    kind: Literal["screening"] = "screening"
    id: str
    screen: str
    version: str
    started_at: datetime
    touched_at: datetime
    scope: Literal["full", "gate", "unlock", "second"] = "full"
    answers: Mapping[str, Value] = {}
    trail: tuple[str, ...] = ()
    revisit: str | None = None
    reviewed: bool = False
    ticked: tuple[str, ...] = ()
    """What is ticked but not yet sent on the page that is open, as row path + "=" + option id."""
    opened: str | None = None
    """The row of a card that the client chose to answer next, by path; None: the first that is open."""
    shown: tuple[str, int] | None = None
    """The question that is open, and what was promised beside it: at most so many more."""
    told: tuple[str, ...] = ()
    """Things said once: good news by posture, tests left out."""
    sources: Mapping[str, tuple[str, ...]] = {}
    """The client's message id -> the paths that it answered, so that an edit corrects them."""
    examined_by: str | None = None
    """Who examined the client, by their own word: the gate of scope unlock follows it."""
    tested_at: datetime | None = None
    """When the tests of day 1 were done that this screening builds on; None: they are its own."""
    confirmed: tuple[str, ...] = ()
    """Flag ids that the client confirmed, or that came from words they confirmed."""


class Confirm(Kept):
    """An emergency or urgent tap waits for "Is that right?". `paths` are the answers that raised the flags."""

    kind: Literal["confirm"] = "confirm"
    flags: tuple[str, ...]
    paths: tuple[str, ...]
    question: str
    new: tuple[str, ...] = ()
    """Those of the flags that this tap raised: a denial lifts them, and none that stood before."""


class Ask(Kept):
    """The closed question after words that raise a red flag."""

    kind: Literal["ask"] = "ask"
    item: str
    words: str
    more: tuple[tuple[str, str], ...] = ()
    """Further items that the same words raised, with their words: each gets its own question."""


class Resume(Kept):
    """The offer to go on, start over or discard."""

    kind: Literal["resume"] = "resume"


class Today(Kept):
    """The one tap of a later day: is anything new with their health?"""

    kind: Literal["today"] = "today"


class Sure(Kept):
    """A question before something that can't be taken back."""

    kind: Literal["sure"] = "sure"
    what: Literal["restart", "discard", "withdraw", "delete"]


class Unlock(Kept):
    """A client asks to go on after having been examined."""

    kind: Literal["unlock"] = "unlock"


class Timing(Kept):
    """Setting when to be reminded: what is asked now, and what was told so far."""

    kind: Literal["timing"] = "timing"
    asked: Literal["time", "half", "zone", "which_zone", "days", "legs", "leg_plan", "confirm", "move"] = "time"
    at: time | None = None
    anchor: str | None = None
    """What they tie it to, in their words: "after coffee"."""
    zone: str | None = None
    days: tuple[int, ...] = ()
    leg_days: tuple[int, ...] | None = None
    leg_plan: Literal["alone", "warm_up", "swap"] | None = None
    offered: tuple[str, ...] = ()
    """The times or zones to choose from, in the order of the buttons."""


class Prompt(Kept):
    """A prompt that waits for an answer: of which local date, and when it was said."""

    kind: Literal["prompt"] = "prompt"
    on: date
    said_at: datetime


class Practice(Kept):
    """A guided session: what is asked now, of which exercise, and the report so far."""

    kind: Literal["practice"] = "practice"
    asked: Literal[
        "today", "morning", "before", "exercise", "reserve", "moved", "felt", "pain", "where", "like", "limp", "after"
    ] = "today"
    report: SessionReport
    at: int = 0
    """Which of the exercises is done now."""
    slider: int = 0
    """Which of the sliders is asked now."""
    touched_at: datetime
    swapped: tuple[str, ...] = ()
    """Exercises that the client put another one in the place of."""


class Weekly(Kept):
    """A weekly re-screen: which of its questions is asked now, and the answers so far."""

    kind: Literal["weekly"] = "weekly"
    check: WeeklyCheck
    at: int = 0
    touched_at: datetime


class Answering(Kept):
    """What the client writes next goes to their coach."""

    kind: Literal["answering"] = "answering"
    coach_id: int


class Writing(Kept):
    """What the coach writes next goes to this client; `mark` is the matter of a digest that it decides, if any."""

    kind: Literal["writing"] = "writing"
    client_id: int
    mark: str = ""


class Linking(Kept):
    """A coach's invitation waits for a yes or a no; `called` is what the coach calls the client, if anything."""

    kind: Literal["linking"] = "linking"
    invite_id: int
    coach: str
    called: str = ""


class Noting(Kept):
    """What the coach writes next is a note about this client."""

    kind: Literal["noting"] = "noting"
    client_id: int


Activity: TypeAlias = (
    Noting
    | Hello
    | Screening
    | Confirm
    | Ask
    | Resume
    | Today
    | Sure
    | Unlock
    | Timing
    | Prompt
    | Practice
    | Weekly
    | Answering
    | Writing
    | Linking
)


class Filming(Kept):
    """A coach asked for a clip of this test; the next one that the client sends goes to them.

    It is no activity: whatever else goes on in the chat goes on, and a clip may come days later.
    """

    coach_id: int
    coach_name: str
    test: str
    side: str
    asked_at: datetime


class Conversation(Kept):
    """All that is remembered of one person's chat between two turns."""

    shape: int = SHAPE
    language: str = "en"
    activities: tuple[Activity, ...] = ()
    step: int = 0
    """Counts the questions asked, so that a button of an earlier one is known to be stale."""
    gentle_until: datetime | None = None
    """Plans are gentle until then: a stop was lifted by the client's own word."""
    rest_until: datetime | None = None
    """No exercises until then: the client told of pain."""
    degrees: bool | None = None
    """Whether degrees are asked for, as the client set it; None: not set."""
    dark: bool = False
    """Whether pictures are drawn for a dark screen."""
    unread: Mapping[str, Any] | None = None
    """A stored conversation that this version can't read, kept as it was until a version that can reads it again."""
    then_weekly: bool = False
    """Once the gate that runs is passed, the weekly re-screen begins."""
    weekly_on: date | None = None
    """The local date on which the weekly re-screen was proposed last."""
    prompted_at: datetime | None = None
    """When the last prompt was said."""
    heard_at: datetime | None = None
    """When the client last wrote or tapped."""
    filming: Filming | None = None
    """The clip that a coach waits for."""
    asked_why: date | None = None
    """The local date on which they were asked what is in the way, since they were last heard."""
    card: str | None = None
    """The card that is open: buttons of other cards are old."""


def load(stored: Mapping[str, Any] | None) -> Conversation:
    """Read a stored conversation; never raises.

    One that can't be read (written by a newer version, or damaged) comes back empty with the original in `unread`:
    its person must still be heard, and nothing is lost. One set aside earlier is taken up again where it is readable.
    """
    if stored is None:
        return Conversation()
    held = _read(stored)
    if held is None:
        return Conversation(unread=stored, step=_step(stored), language=_language(stored))
    if held.unread is not None and not held.activities and (taken_up := _read(held.unread)) is not None:
        return taken_up
    return held


def _read(stored: Mapping[str, Any]) -> Conversation | None:
    shape = stored.get("shape", 0)
    if not isinstance(shape, int) or shape > SHAPE:
        return None
    try:
        return Conversation.model_validate(stored)
    except ValidationError:
        return None


def _step(stored: Mapping[str, Any]) -> int:
    """Go on counting where it stood, so that buttons of the lost question are stale."""
    step = stored.get("step")
    return step + 1 if isinstance(step, int) else 1


def _language(stored: Mapping[str, Any]) -> str:
    language = stored.get("language")
    return language if isinstance(language, str) else "en"
