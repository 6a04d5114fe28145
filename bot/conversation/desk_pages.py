"""What a coach sees of a client: the alert's card, with what may be done about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo

from bot.coaching.alerts import DRAFTS, HOLDS, UNLOCK_REASONS, Alert, Reason, Step, proposed, was_shown
from bot.coaching.record import PRIVATE_FLAGS
from bot.conversation import again, coached, timing
from bot.conversation.alarm import flag_line
from bot.conversation.effects import Button, ButtonRow, Joined, Line, Say, Slot
from bot.conversation.known import HOLDING
from bot.conversation.talk import Talk
from bot.timetable.rhythm import tz
from rules import Assessment

MOST_STEPS = 4
"""So many of the last steps a card lists. A proposal."""


def alert_card(talk: Talk, *, choose: str = "", anew: bool = False, zone: str | None = None) -> Say:
    """Lay out the alert of a client; *talk* is the client's. *choose* opens the choices of one deed."""
    alert = talk.known.alert
    client = talk.known.person.id
    name: dict[str, Slot] = {"client": talk.known.person.name}
    if alert is None:
        return Say(paragraphs=(Line(key="desk.no_alert", values=name),), card=card_name(client), stands=True)
    here = tz(zone) if zone is not None else None
    head = Line(
        key=f"desk.head.{alert.urgency}",
        values={**name, "state": Line(key=f"desk.state.{alert.state}"), "since": _when(alert.raised_at, here)},
    )
    paragraphs = (
        head,
        *(_why(talk, reason) for reason in alert.reasons),
        *_stands_besides(talk, alert),
        Line(key="desk.stopped" if coached.is_stopped(talk) else "desk.not_stopped"),
        *_hold(talk),
        *found(talk, talk.known.assessment),
        *_history(alert, here),
        *([Line(key="desk.choose." + choose)] if choose else _proposal(alert)),
    )
    return Say(
        paragraphs=paragraphs,
        rows=_choices(client, alert, choose) if choose else _deeds(talk, client, alert),
        card=card_name(client),
        priority="safety" if anew else "reply",
        anew=anew,
        stands=True,
    )


def card_name(client_id: int) -> str:
    """Name the card of a client's alert."""
    return f"alert-{client_id}"


def _why(talk: Talk, reason: Reason) -> Line:
    """Say one reason, in the client's own words where there are any, with the rule behind it."""
    match reason.kind:
        case "flag" | "unanswered":
            what = flag_line(talk, reason.what, "summary", raised_in=reason.screen)
        case "pain":
            what = _pain(reason.what)
        case "course":
            what = Line(key=f"desk.course.{reason.what}")
        case _:
            what = Line(key="desk.wrote")
    parts = [Line(key="desk.why", values={"what": what})]
    if reason.words and reason.what not in PRIVATE_FLAGS:
        parts.append(Line(key="desk.own_words", values={"words": reason.words}))
    if reason.kind in ("flag", "unanswered"):
        told = f"told.{reason.urgency}" if reason.kind == "flag" else "told_unanswered"
        parts.append(Line(key=f"desk.{told}"))
        parts += _rule(talk, reason)
    elif reason.kind == "pain":
        parts.append(Line(key="desk.told_pain"))
    return Line(key="bot.list", values={"items": Joined(items=tuple(parts), glue="\n")})


def _stands_besides(talk: Talk, alert: Alert) -> Iterator[Line]:
    """Say which stops stood before the alert began: Unlock lifts them, too."""
    named = {reason.what for reason in alert.reasons if reason.kind in ("flag", "unanswered")}
    for flag in talk.known.flags:
        if flag.action in HOLDING and flag.id not in named and was_shown(alert, flag.id, flag.raised_at):
            summary = flag_line(talk, flag.id, "summary", raised_in=flag.screen)
            since = timing.short_date(flag.raised_at.date())
            yield Line(key="desk.brief.flag", values={"summary": summary, "since": since})


def _hold(talk: Talk) -> Iterator[Line]:
    orders = talk.known.orders
    if again.held(talk) is not None and orders.held_until is not None:
        yield Line(key="desk.held", values={"coach": orders.by, "until": timing.short_date(orders.held_until)})


def _rule(talk: Talk, reason: Reason) -> list[Line]:
    screens = talk.library.screens
    screen = screens.get(reason.screen, talk.screen)
    rule = next((rule for rule in screen.safety.flags if rule.id == reason.what), None)
    return [Line(key="desk.rule", values={"rule": rule.id, "row": rule.row, "source": rule.source})] if rule else []


def _pain(told: str) -> Line:
    """Say red pain, kept as `pain=6 where=front_hip like=sharp limp=yes`."""
    parts: list[Line] = []
    for name, value in (word.split("=", 1) for word in told.split()):
        if name == "pain":
            parts.append(Line(key="coach.pain", values={"pain": value}))
        elif name == "limp":
            parts.append(Line(key="coach.limp"))
        else:
            parts.append(Line(key=f"practice.{name}_is.{value}"))
    return Line(key="desk.pain", values={"told": Joined(items=tuple(parts), glue=", ")})


def found(talk: Talk, assessment: Assessment | None) -> Iterator[Line]:
    """Say in one line what the last screening found limited."""
    if assessment is None:
        yield Line(key="desk.not_screened")
        return
    found = tuple(
        Line(
            key="coach.finding",
            values={
                "side": Line(key=f"bot.side.{finding.side}"),
                "context": Line(key=f"{assessment.screen}/coach.context.{finding.context}"),
                "driver": Line(key=f"{assessment.screen}/coach.driver.{finding.driver or 'unclear'}"),
                "confidence": Line(key=f"coach.confidence.{finding.confidence or 'low'}"),
            },
        )
        for finding in assessment.findings
        if finding.limited == "yes"
    ) or (Line(key="coach.nothing_limited"),)
    yield Line(key="desk.found", values={"findings": Joined(items=found, glue="; ")})


def _history(alert: Alert, here: tzinfo | None) -> Iterator[Line]:
    steps = [step for step in alert.steps if step.what not in ("raised", "again")]
    if not steps:
        return
    told = [_step(step, here) for step in steps[-MOST_STEPS:]]
    if len(steps) > MOST_STEPS:
        told.insert(0, Line(key="desk.step.earlier", values={"count": len(steps) - MOST_STEPS}))
    yield Line(key="bot.list", values={"items": Joined(items=tuple(told), glue="\n")})


def _step(step: Step, here: tzinfo | None) -> Line:
    words: Slot = step.words
    if step.what in ("unlock", "passed_on"):
        words = Line(key=f"desk.step_words.{step.words}")
    values: dict[str, Slot] = {"at": _when(step.at, here), "who": step.who, "words": words}
    return Line(key=f"desk.step.{step.what}", values=values)


def _when(at: datetime, here: tzinfo | None) -> str:
    local = at.astimezone(here)
    return f"{local:%H:%M} {local.day}.{local.month}." if here is not None else f"{at:%H:%M} UTC {at.day}.{at.month}."


def _proposal(alert: Alert) -> Sequence[Line]:
    if alert.state not in ("open", "acknowledged"):
        return ()
    return (Line(key=f"desk.proposed.{proposed(alert)}"),)


# --- buttons


def data(verb: str, client_id: int, *rest: object) -> str:
    """Give what a button of a coach carries."""
    return ":".join(("k", verb, str(client_id), *(str(part) for part in rest)))


def _deeds(talk: Talk, client: int, alert: Alert) -> tuple[ButtonRow, ...]:
    """Give what may be done about an alert: what is proposed first."""
    version = alert.version
    if alert.state == "closed":
        return ()
    first = proposed(alert)
    planned = ["hold", "step_back"] if talk.known.plan is not None else []
    deeds = ["message", *planned, *(["unlock"] if coached.is_stopped(talk) else []), "refer"]
    deeds.sort(key=lambda deed: deed != first)
    with_choices = ("message", "hold", "unlock")
    buttons = [
        Button(
            data=data("choose", client, version, deed) if deed in with_choices else data("do", client, version, deed),
            label=Line(key=f"desk.deed.{deed}"),
        )
        for deed in deeds
    ]
    seen = [_deed(client, version, "acknowledge")] if alert.state == "open" else []
    back = [_deed(client, version, "undo")] if alert.before is not None else []
    close = [_deed(client, version, "close")] if alert.state in ("acknowledged", "acted") else []
    more = Button(data=data("client", client), label=Line(key="desk.deed.client"))
    return (ButtonRow(buttons=(*seen, *buttons, *close, *back, more)),)


def _deed(client: int, version: int, deed: str) -> Button:
    return Button(data=data("do", client, version, deed), label=Line(key=f"desk.deed.{deed}"))


def _choices(client: int, alert: Alert, choose: str) -> tuple[ButtonRow, ...]:
    version = alert.version
    match choose:
        case "message":
            chosen = [(data("do", client, version, "message", one), f"desk.draft.{one}") for one in DRAFTS]
            chosen.append((data("write", client, version), "desk.write_own"))
        case "hold":
            chosen = [(data("do", client, version, "hold", days), f"desk.hold_days.d{days}") for days in HOLDS]
        case "unlock":
            chosen = [(data("do", client, version, "unlock", one), f"desk.step_words.{one}") for one in UNLOCK_REASONS]
        case _:
            chosen = []
    buttons = tuple(Button(data=carried, label=Line(key=key)) for carried, key in chosen)
    back = Button(data=data("alert", client), label=Line(key="desk.back"))
    return (ButtonRow(buttons=(*buttons, back)),)
