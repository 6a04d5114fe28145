"""A chat without a house round it: events in, effects applied to Known, as `handle` would."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

from bot.coaching.alerts import Watcher
from bot.conversation.effects import (
    Button,
    ButtonRow,
    Effect,
    KeepAnswer,
    KeepAssessment,
    KeepConsent,
    KeepEntry,
    KeepPlan,
    KeepProfile,
    KeepRhythm,
    LiftFlag,
    RaiseFlag,
    Say,
)
from bot.conversation.events import Corrected, Event, Tapped, Typed
from bot.conversation.known import Known, OpenFlag, Person
from bot.conversation.reply import CONSENT_VERSION, reply
from bot.phrasebook import Phrasebook
from rules import Library

HELLO = ["2", "1", "3", "1", "1", "1", "none"]
"""The answers of the hello and the profile."""
STARTS = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


class Chat:
    """One person's chat. `said` is the text of each message, `answers` the log, `buttons` all that were ever shown."""

    def __init__(self, library: Library, *, consented: bool = False, coach: str | None = None) -> None:
        self.library, self.book = library, Phrasebook(library)
        consent = CONSENT_VERSION if consented else None
        coached = {"coaches": (7,), "watchers": (Watcher(id=7, name=coach),)} if coach is not None else {}
        person = Person(id=1, name="ann", coach_name=coach, **coached)
        self.known = Known(person=person, consent=consent)
        self.at = STARTS
        self.said: list[str] = []
        self.answers: list[KeepAnswer] = []
        self.effects: tuple[Effect, ...] = ()
        self.buttons: list[Button] = []
        self.shown: list[Button] = []
        self.rows: tuple[ButtonRow, ...] = ()

    def types(self, text: str, message: str | None = None) -> None:
        """Type words."""
        self._tick()
        self.hears(Typed(at=self.at, text=text, message=message or str(self.at)))

    def corrects(self, message: str, text: str) -> None:
        """Edit an earlier message."""
        self._tick()
        self.hears(Corrected(at=self.at, text=text, message=message))

    def taps(self, label: str) -> None:
        """Tap the first button of this label that is on the screen now."""
        button = next(b for b in self.shown if self.book.text(b.label) == label)
        self.taps_data(button.data)

    def taps_data(self, data: str) -> None:
        """Tap whatever carries this."""
        self._tick()
        self.hears(Tapped(at=self.at, data=data))

    def waits(self, by: timedelta) -> None:
        """Let time pass."""
        self.at += by

    def hears(self, event: Event) -> None:
        """Make a turn, and keep what it leads to."""
        turn = reply(self.known, event, self.library)
        self.effects = turn.effects
        self.known = dataclasses.replace(self.known, conversation=turn.conversation)
        for effect in turn.effects:
            self._keep(effect, event.at)

    @property
    def last(self) -> str:
        """Give all that was said in the last turn."""
        return "\n".join(self._text(effect) for effect in self.effects if isinstance(effect, Say))

    @property
    def labels(self) -> list[str]:
        """Give the text of every button that is on the screen now."""
        return [self.book.text(button.label) for button in self.shown]

    def _keep(self, effect: Effect, at: datetime) -> None:
        known = self.known
        match effect:
            case Say(rows=rows):
                self.said.append(self._text(effect))
                if rows:
                    self.rows = rows
                    self.shown = [button for row in rows if row.open for button in row.buttons]
                    self.buttons += [button for row in rows for button in row.buttons]
            case KeepAnswer():
                self.answers.append(effect)
            case KeepConsent(version=version, given=given):
                known = dataclasses.replace(known, consent=version if given else None)
            case KeepProfile(profile=profile):
                known = dataclasses.replace(known, profile=profile)
            case KeepAssessment(assessment=assessment, facts=facts, tested_at=tested_at):
                kept = {"assessment": assessment, "assessed_facts": facts, "assessed_at": at, "tested_at": tested_at}
                known = dataclasses.replace(known, **kept)
            case KeepPlan(plan=plan):
                known = dataclasses.replace(known, plan=plan)
            case KeepRhythm(rhythm=rhythm):
                known = dataclasses.replace(known, rhythm=rhythm)
            case KeepEntry(entry=entry):
                known = dataclasses.replace(known, log=(*known.log, entry))
            case RaiseFlag(flag=flag, screen=screen):
                if all(held.id != flag.id for held in known.flags):
                    held = OpenFlag(id=flag.id, urgency=flag.urgency, action=flag.action, raised_at=at, screen=screen)
                    known = dataclasses.replace(known, flags=(*known.flags, held))
            case LiftFlag(flag_id=flag_id):
                known = dataclasses.replace(known, flags=tuple(f for f in known.flags if f.id != flag_id))
        self.known = known

    def _text(self, say: Say) -> str:
        return "\n\n".join(self.book.text(line) for line in say.paragraphs)

    def _tick(self) -> None:
        self.at += timedelta(seconds=2)


def set_up(chat: Chat, answers: list[str]) -> None:
    """Agree, and answer by the positions of the options."""
    chat.types("/start")
    chat.types("yes")
    for answer in answers:
        chat.types(answer)


def finished(library: Library) -> Chat:
    """Give the chat of one who has a result and a plan."""
    chat = Chat(library)
    set_up(chat, [*HELLO, "none", "no", "no", "none", "squats", "4", "none", "sitting", "none", "none", "middle"])
    for answer in ("nothing else moved", "both easy", "middle", "hips go back easily", "left barely, right clear"):
        chat.types(answer)
    for answer in (
        "stretch",
        "none",
        "both easy",
        "barely",
        "stretch",
        "both clear",
        "both easy",
    ):
        chat.types(answer)
    chat.types("looks right")
    assert chat.known.plan is not None
    return chat
