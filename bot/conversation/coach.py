"""What a coach hears of a client, in the client's words."""

from __future__ import annotations

from bot.conversation.alarm import flag_line
from bot.conversation.effects import Joined, Line, Slot
from bot.conversation.events import ClientCourse, ClientFlagged, ClientGone, ClientHurt, ClientScreened, News
from bot.conversation.talk import Talk


def tell_news(talk: Talk, event: News) -> None:
    """Tell a coach the news of a client."""
    match event:
        case ClientFlagged():
            values: dict[str, Slot] = {
                "client": event.client_name,
                "urgency": Line(key=f"coach.urgency.{event.urgency}"),
                "summary": flag_line(talk, event.flag, "summary", raised_in=event.screen),
            }
            lines = [Line(key="coach.flag", values=values)]
            if event.own_words and event.flag not in ("rf37b_private",):
                lines.append(Line(key="coach.own_words", values={"words": event.own_words}))
            lines.append(Line(key=f"coach.told.{event.urgency}"))
            talk.say(*lines, priority="safety")
        case ClientHurt():
            parts = [Line(key="coach.pain", values={"pain": event.pain})] if event.pain is not None else []
            parts += [
                Line(key=f"practice.{name}_is.{told}")
                for name, told in (("where", event.where), ("like", event.like))
                if told
            ]
            parts += [Line(key="coach.limp")] if event.limp else []
            told_of = Joined(items=tuple(parts), glue=", ")
            talk.say(Line(key="coach.hurt", values={"client": event.client_name, "told": told_of}), priority="safety")
        case ClientCourse(kind=kind):
            talk.say(Line(key=f"coach.course.{kind}", values={"client": event.client_name}))
        case ClientGone():
            talk.say(Line(key="coach.gone", values={"client": event.client_name}))
        case ClientScreened(findings=findings):
            screen = event.screen or talk.screen.id
            found = tuple(
                Line(
                    key="coach.finding",
                    values={
                        "side": Line(key=f"bot.side.{side}"),
                        "context": Line(key=f"{screen}/coach.context.{context}"),
                        "driver": Line(key=f"{screen}/coach.driver.{driver}"),
                        "confidence": Line(key=f"coach.confidence.{confidence}"),
                    },
                )
                for side, context, driver, confidence in findings
            ) or (Line(key="coach.nothing_limited"),)
            talk.say(
                Line(
                    key="coach.screened",
                    values={"client": event.client_name, "findings": Joined(items=found, glue="; ")},
                )
            )
