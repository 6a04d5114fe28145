"""Alerts: what a coach has to look at of one client, from the first reason until it is closed. Pure."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from rules import Urgency
from rules.screen import URGENCIES

State: TypeAlias = Literal["open", "acknowledged", "acted", "closed"]
Deed: TypeAlias = Literal["acknowledge", "message", "hold", "step_back", "unlock", "refer", "close"]
"""What a coach does about an alert."""
MAY_UNDO: tuple[Deed, ...] = ("acknowledge", "hold", "step_back", "close")
"""What leaves nothing behind when it is taken back: words that were sent are read, a lifted stop may be acted on."""
Asked: TypeAlias = Literal["coach", "cover", "operator"]
"""Who was asked last to look at it, each after the one before did not."""
AT_ONCE: tuple[Urgency, ...] = ("emergency", "urgent")
"""Told whatever the hour, and again until somebody has seen it (evidence 6 Coach alerts)."""
REPEAT_AFTER = {"emergency": timedelta(minutes=15), "urgent": timedelta(minutes=45)}
"""How long one who was told has before they are told again. A proposal."""
REPEATS = 2
"""How often each of coach, cover and operator is told again before the next is. A proposal."""
HOLDS = (3, 7)
"""Days that exercises may be held for at a tap. A proposal."""
UNLOCK_REASONS = ("examined", "spoke", "mistake", "known")
"""Why a coach lifts a stop."""
DRAFTS = ("how", "rest", "call")
"""Messages that are written already."""


class Kept(BaseModel):
    """A frozen piece of what is kept; a field that a newer version dropped is passed over, not an error."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Reason(Kept):
    """Why a coach should look.

    kind flag: `what` is a flag's id, raised in `screen`; pain: red pain in a session, `what` says where, like what
    and how much, as ids; course: `what` is the kind of course that the re-screens came to; words: the client asks.
    `words` are the client's own; None where there are none, or where they are private.
    """

    kind: Literal["flag", "pain", "course", "words"]
    what: str
    urgency: Urgency
    at: datetime
    screen: str = ""
    words: str | None = None


class Step(Kept):
    """Something that happened to an alert: who did it (empty: Coxa itself), and a few words where there are any.

    `what` is a deed, or raised, again (a further reason), repeated, passed_on, undone.
    """

    at: datetime
    what: str
    who: str = ""
    words: str = ""


class Alert(Kept):
    """What a coach has to look at of one client. `version` counts its changes: a button of an older one is stale.

    `asked` and `repeats` say who was told last, and how often
    again. `before` is the state that Undo goes back to; None where there is nothing to take back.
    """

    id: str
    reasons: tuple[Reason, ...]
    steps: tuple[Step, ...]
    state: State = "open"
    asked: Asked = "coach"
    repeats: int = 0
    before: State | None = None

    @property
    def version(self) -> int:
        """Count the changes so far."""
        return len(self.steps)

    @property
    def raised_at(self) -> datetime:
        """Tell when the first reason came."""
        return self.reasons[0].at

    @property
    def urgency(self) -> Urgency:
        """Give the highest urgency of its reasons."""
        return max((reason.urgency for reason in self.reasons), key=URGENCIES.index)

    @property
    def newest(self) -> Reason:
        """Give the reason that came last."""
        return self.reasons[-1]


def raised(alert: Alert | None, reason: Reason, *, id_: str) -> Alert:
    """Add a reason to the alert that lives, or begin one; a new reason opens it again."""
    if alert is None or alert.state == "closed":
        first = Step(at=reason.at, what="raised")
        return Alert(id=id_, reasons=(reason,), steps=(first,))
    new = (reason.kind, reason.what, reason.words)
    if any((held.kind, held.what, held.words) == new for held in alert.reasons) and alert.state != "acted":
        return alert
    return alert.model_copy(
        update={
            "reasons": (*alert.reasons, reason),
            "steps": (*alert.steps, Step(at=reason.at, what="again")),
            "state": "open",
            "asked": "coach",
            "repeats": 0,
            "before": None,
        }
    )


def done(alert: Alert, deed: Deed, *, who: str, at: datetime, words: str = "") -> Alert:
    """Note what a coach did about it."""
    states: dict[Deed, State] = {"acknowledge": "acknowledged", "close": "closed"}
    state = states.get(deed, "acted")
    if state == "acknowledged" and alert.state == "acted":
        state = "acted"
    step = Step(at=at, what=deed, who=who, words=words)
    before = alert.state if deed in MAY_UNDO else None
    return alert.model_copy(update={"state": state, "before": before, "steps": (*alert.steps, step)})


def undone(alert: Alert, *, who: str, at: datetime) -> Alert:
    """Take the last deed back."""
    state = alert.before or "acknowledged"
    step = Step(at=at, what="undone", who=who)
    return alert.model_copy(update={"state": state, "before": None, "steps": (*alert.steps, step)})


def told_again(alert: Alert, at: datetime, *, cover: bool, operator: bool) -> Alert:
    """Say who is told next, where nobody has seen it: the same one again, then the cover, then the operator."""
    if alert.repeats < REPEATS:
        step = Step(at=at, what="repeated")
        return alert.model_copy(update={"repeats": alert.repeats + 1, "steps": (*alert.steps, step)})
    order: list[Asked] = ["coach", *(["cover"] if cover else []), *(["operator"] if operator else [])]  # type: ignore[list-item]  # literals
    place = order.index(alert.asked) if alert.asked in order else 0
    if place + 1 >= len(order):
        return alert
    step = Step(at=at, what="passed_on", words=order[place + 1])
    return alert.model_copy(update={"asked": order[place + 1], "repeats": 0, "steps": (*alert.steps, step)})


def look_again_at(alert: Alert) -> datetime | None:
    """Tell when to look whether somebody has seen it; None where nobody needs to be told again."""
    if alert.state != "open" or alert.urgency not in AT_ONCE:
        return None
    last = max(step.at for step in alert.steps if step.what in ("raised", "again", "repeated", "passed_on", "undone"))
    return last + REPEAT_AFTER[alert.urgency]


def proposed(alert: Alert) -> Deed:
    """Propose what to do first: have a doctor look, hold what pain speaks against, or write to them."""
    if alert.urgency in AT_ONCE:
        return "message"
    if all(reason.kind == "pain" for reason in alert.reasons):
        return "step_back"
    return "refer" if alert.urgency == "clinician" else "message"


class Orders(Kept):
    """What a coach decided about a client's exercises: none until after `held_until`, a local date; `by` whom."""

    held_until: date | None = None
    by: str = ""
