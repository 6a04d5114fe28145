"""A turn being made: what is known, what was decided so far. Lives for one call of `reply`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.coaching.alerts import deciding
from bot.conversation import ways
from bot.conversation.activities import Activity, Conversation, Screening
from bot.conversation.effects import (
    AnswerTap,
    Button,
    ButtonRow,
    Effect,
    Joined,
    LiftFlag,
    Line,
    Picture,
    RaiseFlag,
    Say,
    Slot,
)
from bot.conversation.known import Known
from rules import Facts, Library, Screen, Value
from rules.questions import Way

CARD_SEPARATOR = ":"


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What one event leads to: the next conversation, and effects in order."""

    conversation: Conversation
    effects: tuple[Effect, ...]


class Talk:
    """Collects a turn. `conversation` is the next one as decided so far."""

    def __init__(self, known: Known, at: datetime, library: Library) -> None:
        self.known, self.at, self.library = known, at, library
        self.conversation = known.conversation
        self.effects: list[Effect] = []
        self._way: tuple[Mapping[str, Value], Way] | None = None
        self._facts: tuple[Mapping[str, Value], Facts] | None = None

    def turn(self) -> Turn:
        """Close the turn."""
        return Turn(conversation=self.conversation, effects=tuple(self.effects))

    # --- what is going on

    @property
    def top(self) -> Activity | None:
        """Give the activity on top of the stack."""
        return self.conversation.activities[-1] if self.conversation.activities else None

    @property
    def screening(self) -> Screening | None:
        """Give the screening in the stack, wherever it lies."""
        return next((a for a in self.conversation.activities if isinstance(a, Screening)), None)

    @property
    def screen(self) -> Screen:
        """Give the screen of the screening, else the first in the library (all share the safety content)."""
        running = self.screening
        wanted = running.screen if running else self.known.assessment.screen if self.known.assessment else None
        if wanted is not None and wanted in self.library.screens:
            return self.library.screens[wanted]
        return next(iter(self.library.screens.values()))

    @property
    def words(self) -> Mapping[str, str]:
        """Give the wording of the screen in the client's language."""
        held = self.screen.wording
        return held.get(self.conversation.language) or held["en"]

    @property
    def lexicon(self) -> Mapping[str, Any]:
        """Give the words that people type, in the client's language."""
        held: Mapping[str, Any] = self.screen.lexicon.get(self.conversation.language) or self.screen.lexicon["en"]
        return held

    @property
    def facts(self) -> Facts:
        """Give the facts of the running screening, else those of the profile."""
        running = self.screening
        if running is None:
            return Facts(profile=self.known.profile)
        if self._facts is None or self._facts[0] is not running.answers:
            self._facts = (running.answers, Facts.from_values(running.answers))
        return self._facts[1]

    def way(self, running: Screening) -> Way:
        """Walk the screening's questions with its answers; once a turn for the same answers."""
        if self._way is None or self._way[0] is not running.answers:
            scope = "gate" if running.scope == "unlock" else running.scope
            self._way = (running.answers, ways.way(self.screen, running.answers, scope=scope))
        return self._way[1]

    @property
    def live_facts(self) -> Facts:
        """Give the facts that apply now: of the running screening, else of the last assessment, else the profile."""
        running = self.screening
        if running is not None:
            return self.way(running).facts
        return self.known.assessed_facts or Facts(profile=self.known.profile)

    @property
    def deciding(self) -> tuple[int, ...]:
        """Give the ids of who may see this client and decide now."""
        return deciding(self.known.person.watchers, self.at, self.known.alert)

    def held_by(self, *actions: str) -> bool:
        """Tell whether a flag with one of these actions stands, what this turn raised and lifted included."""
        standing = {flag.id for flag in self.known.flags if flag.action in actions}
        for effect in self.effects:
            match effect:
                case RaiseFlag(flag=flag) if flag.action in actions:
                    standing.add(flag.id)
                case LiftFlag(flag_id=flag_id):
                    standing.discard(flag_id)
        return bool(standing)

    def push(self, activity: Activity) -> None:
        """Put an activity on top."""
        self._stack((*self.conversation.activities, activity))

    def pop(self) -> None:
        """Take the top activity off."""
        self._stack(self.conversation.activities[:-1])

    def clear(self) -> None:
        """End every activity; their buttons are stale from now on."""
        self._stack(())
        self.next_step()

    def forget_unread(self) -> None:
        """Begin afresh where a stored conversation could not be read."""
        if self.conversation.unread is not None:
            self.conversation = self.conversation.model_copy(update={"unread": None})

    def put_screening(self, changed: Screening) -> None:
        """Put the changed screening in its place in the stack."""
        changed = changed.model_copy(update={"touched_at": self.at})
        self._stack(tuple(changed if isinstance(a, Screening) else a for a in self.conversation.activities))

    def _stack(self, activities: tuple[Activity, ...]) -> None:
        self.conversation = self.conversation.model_copy(update={"activities": activities})

    # --- saying things

    def do(self, *effects: Effect) -> None:
        """Decide effects."""
        self.effects.extend(effects)

    def say(self, *paragraphs: Line, rows: tuple[ButtonRow, ...] = (), priority: str = "reply") -> None:
        """Say something in a message of its own."""
        self.do(Say(paragraphs=paragraphs, rows=rows, priority=priority))

    def card(
        self,
        name: str,
        *paragraphs: Line,
        rows: tuple[ButtonRow, ...],
        priority: str = "reply",
        picture: Picture | None = None,
    ) -> None:
        """Show a card and make it the open one."""
        self.conversation = self.conversation.model_copy(update={"card": name})
        self.do(Say(paragraphs=paragraphs, rows=rows, card=name, priority=priority, picture=picture))

    def next_step(self) -> int:
        """Count a new question, so that buttons of earlier ones are stale."""
        self.conversation = self.conversation.model_copy(update={"step": self.conversation.step + 1})
        return self.conversation.step

    def data(self, *words: str) -> str:
        """Give what a button carries: the step and *words* (at most 64 bytes)."""
        return CARD_SEPARATOR.join((str(self.conversation.step), *words))

    def choices(self, *options: tuple[str, str], kind: str = "options") -> ButtonRow:
        """Give a row of plain buttons: (option, wording key) each."""
        return ButtonRow(
            kind=kind,
            buttons=tuple(Button(data=self.data("c", option), label=Line(key=key)) for option, key in options),
        )

    def toast(self, key: str, **values: Slot) -> None:
        """Answer the tap with a few words."""
        self.do(AnswerTap(words=Line(key=key, values=values)))

    def of_screen(self, key: str, **values: Slot) -> Line:
        """Give a line of the screen's wording."""
        return Line(key=f"{self.screen.id}/{key}", values=values)

    def of_every_screen(self, key: str, *, glue: str) -> Joined:
        """Give the lines that all screens have for a key, in order."""
        return Joined(items=tuple(Line(key=f"{screen}/{key}") for screen in self.library.screens), glue=glue)

    def first_of(self, *keys: str, **values: Slot) -> Line:
        """Give the line of the first of these keys that the screen words; the last one stands if none is."""
        words = self.words
        chosen = next((k for k in keys if k in words or f"{k}.one" in words), keys[-1])
        return self.of_screen(chosen, **values)

    def help(self) -> Line:
        """Say what can be done, and which screens there are."""
        names = self.of_every_screen("screen.name", glue=", ")
        return Line(key="bot.help", values={"names": names, "number": self.number()})

    def number(self) -> Line:
        """Give the emergency number of the client's country."""
        country = self.facts.value("profile.country")
        return self.first_of(f"country.{country}.emergency", "country.other.emergency")

    def crisis_line(self) -> Line:
        """Give the crisis line of the client's country."""
        country = self.facts.value("profile.country")
        return self.first_of(f"country.{country}.crisis", "country.other.crisis")
