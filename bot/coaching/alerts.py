"""Alerts: what a coach has to look at of one client, from the first reason until it is closed. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
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
NEWS_AGAIN_AFTER = timedelta(hours=12)
"""How long the same reason, told again, is no news where it can wait. A proposal."""
REPEATS = 2
"""How often each of coach, cover and operator is told again before the next is. A proposal."""
HOLDS = (3, 7)
"""Days that exercises may be held for at a tap. A proposal."""
UNLOCK_REASONS = ("examined", "spoke", "mistake", "known")
"""Why a coach lifts a stop."""
DRAFTS = ("how", "rest", "call")
"""Messages that are written already."""


TELLING = ("raised", "again", "repeated", "passed_on")
"""Steps with which somebody is told."""
ROUND = ("raised", "again", "undone")
"""Steps after which whoever looks is told from the start."""


@dataclass(frozen=True, kw_only=True)
class Watcher:
    """Who may be told of a client's alert, by the id of their person: their coach, or who covers.

    `reached`: what is sent to them arrives.
    """

    id: int
    name: str
    role: Literal["coach", "cover"] = "coach"
    away_until: datetime | None = None
    reached: bool = True

    def is_away(self, at: datetime) -> bool:
        """Tell whether they are away then."""
        return self.away_until is not None and at < self.away_until


def in_order(watchers: Sequence[Watcher], at: datetime) -> tuple[Watcher, ...]:
    """Give who can be told, in order: those who are there before those who are away."""
    reached = [one for one in watchers if one.reached]
    return tuple(sorted(reached, key=lambda one: one.is_away(at)))


def deciding(watchers: Sequence[Watcher], at: datetime, alert: Alert | None) -> tuple[int, ...]:
    """Give who may see a client and decide now: their coach; who covers while all before are away, or was told."""
    told = alert.told if alert is not None and alert.state != "closed" else ()
    found = []
    for place, one in enumerate(watchers):
        if place == 0 or one.id in told or all(before.is_away(at) for before in watchers[:place]):
            found.append(one.id)
    return tuple(found)


class Kept(BaseModel):
    """A frozen piece of what is kept; a field that a newer version dropped is passed over, not an error."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Reason(Kept):
    """Why a coach should look.

    kind flag: `what` is a flag's id, raised in `screen`; unanswered: so is it, but the client was asked whether it is
    so and has not answered; pain: red pain in a session, `what` says where, like what
    and how much, as ids; course: `what` is the kind of course that the re-screens came to; words: the client asks.
    `words` are the client's own; None where there are none, or where they are private.
    """

    kind: Literal["flag", "unanswered", "pain", "course", "words"]
    what: str
    urgency: Urgency
    at: datetime
    screen: str = ""
    words: str | None = None


class Step(Kept):
    """Something that happened to an alert: who did it (empty: Coxa itself), and a few words where there are any.

    `what` is a deed, or raised, again (a further reason), repeated, passed_on, nobody_left, undone, denied, confirmed.
    """

    at: datetime
    what: str
    who: str = ""
    words: str = ""


class Alert(Kept):
    """What a coach has to look at of one client. `version` counts its changes: a button of an older one is stale.

    `told` are the ids of all who were told, `tried` of those since the last reason, in order; operators have none.
    `asked` and `repeats` say who was told last, and how often again. `before` is the state that Undo goes back to;
    None where there is nothing to take back.
    """

    id: str
    reasons: tuple[Reason, ...]
    steps: tuple[Step, ...]
    state: State = "open"
    asked: Asked = "coach"
    repeats: int = 0
    told: tuple[int, ...] = ()
    tried: tuple[int, ...] = ()
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
    if alert.state != "acted" and _is_no_news(alert, reason):
        return alert
    return alert.model_copy(
        update={
            "reasons": (*alert.reasons, reason),
            "steps": (*alert.steps, Step(at=reason.at, what="again")),
            "state": "open",
            "asked": "coach",
            "repeats": 0,
            "tried": (),
            "before": None,
        }
    )


def _is_no_news(alert: Alert, reason: Reason) -> bool:
    """Tell whether whoever looks was told the same just now."""
    new = (reason.kind, reason.what, reason.words)
    same = [held.at for held in alert.reasons if (held.kind, held.what, held.words) == new]
    if not same:
        return False
    told = [step.at for step in alert.steps if step.what in TELLING and step.at >= max(same)]
    return reason.at - max([*same, *told]) < REPEAT_AFTER.get(reason.urgency, NEWS_AGAIN_AFTER)


def handed(alert: Alert, to: Watcher | None, at: datetime, *, reopened: bool = False) -> Alert:
    """Note that somebody was told, and is asked to look: a watcher, or the operators where it is None."""
    step = Step(at=at, what="passed_on", words=to.role if to is not None else "operator")
    first = not alert.tried and alert.asked == "coach" and alert.steps[-1].what in ROUND
    return alert.model_copy(
        update={
            "told": alert.told if to is None or to.id in alert.told else (*alert.told, to.id),
            "tried": alert.tried if to is None else (*alert.tried, to.id),
            "asked": "operator" if to is None else to.role,
            "repeats": 0,
            "steps": alert.steps if first else (*alert.steps, step),
            "state": "open" if reopened else alert.state,
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


def answered_at_last(alert: Alert, whats: Collection[str], at: datetime, how: Literal["denied", "confirmed"]) -> Alert:
    """Drop what waited for the client's answer; closed where nothing else is left. The same alert where none did."""
    left = tuple(reason for reason in alert.reasons if reason.kind != "unanswered" or reason.what not in whats)
    if len(left) == len(alert.reasons):
        return alert
    changed = {"reasons": left} if left else {"state": "closed"}
    return alert.model_copy(update={**changed, "before": None, "steps": (*alert.steps, Step(at=at, what=how))})


def was_shown(alert: Alert, flag_id: str, raised_at: datetime) -> bool:
    """Tell whether who sees the alert's card sees a flag there: as a reason, or as one that stood before."""
    named = any(reason.kind in ("flag", "unanswered") and reason.what == flag_id for reason in alert.reasons)
    return named or raised_at < alert.raised_at


def told_again(alert: Alert, at: datetime, *, order: Sequence[Watcher], operator: bool) -> Alert:
    """Say who is told next, where nobody has seen it: the same one again, then the next in *order*, then the operator.

    *operator*: there is one besides them. The same alert comes back where nobody is left.
    """
    there = alert.asked == "operator" or (alert.tried and alert.tried[-1] in [one.id for one in order])
    if there and alert.repeats < REPEATS:
        step = Step(at=at, what="repeated")
        return alert.model_copy(update={"repeats": alert.repeats + 1, "steps": (*alert.steps, step)})
    if alert.asked == "operator":
        return alert
    to = next((one for one in order if one.id not in alert.tried), None)
    return handed(alert, to, at) if to is not None or operator else alert


def look_again_at(alert: Alert) -> datetime | None:
    """Tell when to look whether somebody has seen it; None where nobody needs to be told again."""
    if alert.state != "open" or alert.urgency not in AT_ONCE:
        return None
    told = [step for step in alert.steps if step.what in (*TELLING, "undone", "nobody_left")]
    if told[-1].what == "nobody_left":
        return None
    last = told[-1].at
    return last + REPEAT_AFTER[alert.urgency]


def proposed(alert: Alert) -> Deed:
    """Propose what to do first: have a doctor look, hold what pain speaks against, or write to them."""
    if alert.urgency in AT_ONCE:
        return "message"
    if all(reason.kind == "pain" for reason in alert.reasons):
        return "step_back"
    return "refer" if alert.urgency == "clinician" else "message"


class Orders(Kept):
    """What a coach decided about a client's exercises: none until after `held_until`, a local date; `by` whom.

    `before` is the hold that stood when this one began: Undo goes back to it. `eased` are the exercises of which the
    last step back took a set.
    """

    held_until: date | None = None
    by: str = ""
    by_id: int | None = None
    before: Orders | None = None
    eased: tuple[str, ...] = ()
