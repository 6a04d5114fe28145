"""What a simulated client taps, and the same screening with nothing between the client and the pure conversation."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from multiprocessing import get_context
from typing import Any, TypeAlias

from bot.channels.telegram_text import keyboard
from bot.conversation.effects import (
    Effect,
    KeepAlert,
    KeepAnswer,
    KeepAssessment,
    KeepConsent,
    KeepOrders,
    KeepPlan,
    KeepProfile,
    RaiseFlag,
    Say,
)
from bot.conversation.known import Person
from bot.workflow.handle import render
from rules import Library, load_library
from tests.conversation.chat import Chat

RESULT = "This is a screen, not a diagnosis"
"""What a result says in any case."""
LONGEST = 80
"""Taps after which a screening is given up: some minds revise and contradict themselves without end."""
UNWANTED = frozenset({"back", "why", "not_now", "examined"})
CALM = frozenset({"no", "none", "18_39", "40_49"})
"""Options that keep a screening from ending early in a stop."""

Tap: TypeAlias = str
"""What a button carries: "step:row:option", "step:c:control", "step:r:question to revise"."""
Act: TypeAlias = str
"""A tap, or words behind TYPED."""
TYPED = "> "
TYPES = 0.15
"""How many options are typed instead of tapped: what comes after words is sent anew, and not an edit."""


def choose(mind: str, shown: Sequence[Tap]) -> Tap | None:
    """Choose among the buttons on the screen; the same mind chooses the same among the same. None: none to tap."""
    dice = random.Random(f"{mind} {sorted(shown)}")  # noqa: S311  # a test's dice
    parts = {tap: tap.split(":", 2) for tap in shown if tap.count(":") == 2}
    options = {tap: what for tap, (_, row, what) in parts.items() if row.isdigit() and what != "open"}
    controls = {what: tap for tap, (_, row, what) in parts.items() if row == "c" and what not in UNWANTED}
    revised = [tap for tap, (_, row, _) in parts.items() if row == "r"]
    if "keep" in controls and dice.random() < 0.6:
        return controls["keep"]
    ticks = [tap for tap, what in options.items() if what.split("-")[0] in ("on", "off")]
    if ticks:
        ends = controls.get("done") or controls.get("none") or _named("done", options)
        is_ticked = any(options[tap].startswith("off") for tap in ticks)
        return ends if ends is not None and (is_ticked or dice.random() < 0.9) else dice.choice(ticks)
    if options:
        calm = [tap for tap, what in options.items() if what in CALM]
        return dice.choice(calm) if calm and dice.random() < 0.95 else dice.choice(list(options))
    if revised and dice.random() < 0.1:
        return dice.choice(revised)
    return next(iter(controls.values()), None)


def act(mind: str, shown: Sequence[Tap]) -> Act | None:
    """Choose among the buttons on the screen, and whether to tap or to type; None: there is none to tap."""
    tap = choose(mind, shown)
    dice = random.Random(f"types {mind} {sorted(shown)}")  # noqa: S311  # a test's dice
    if tap is None or dice.random() >= TYPES:
        return tap
    step, row, what = tap.split(":", 2)
    if not row.isdigit() or what.split("-")[0] in ("on", "off", "done"):
        return tap
    options = [other.split(":", 2)[2] for other in shown if other.startswith(f"{step}:{row}:")]
    return TYPED + (what if what.isdigit() else str(options.index(what) + 1))


def _named(name: str, options: Mapping[Tap, str]) -> Tap | None:
    return next((tap for tap, what in options.items() if what == name), None)


@dataclass(frozen=True, kw_only=True)
class Unkilled:
    """What a screening comes to that nothing disturbs: what was done, what is kept of it, what was said."""

    mind: str
    name: str
    acts: tuple[Act, ...]
    kept: Mapping[str, tuple[Any, ...]]
    """By table, each row's value as it is stored, oldest first."""
    said: tuple[tuple[str, Any], ...]
    """Text and rows of buttons of each message, in order."""


@cache
def _library() -> Library:
    return load_library()


class Alone(Chat):
    """A chat that keeps everything that its turns lead to."""

    def __init__(self, library: Library, name: str) -> None:
        super().__init__(library)
        self.known = replace(self.known, person=Person(id=1, name=name))
        self.kept: dict[str, list[Any]] = {table: [] for table in KEPT}
        self.told: list[tuple[str, Any]] = []
        self.on_screen: list[Tap] = []

    def does(self, done: Act) -> None:
        """Tap or type."""
        if done.startswith(TYPED):
            self.types(done.removeprefix(TYPED))
        else:
            self.taps_data(done)

    def _keep(self, effect: Effect, at: Any) -> None:
        super()._keep(effect, at)
        match effect:
            case Say():
                message = render(effect, self.book, "en")
                self.told.append((message.text, list(message.rows)))
                if message.rows:
                    self.on_screen = [b["callback_data"] for row in keyboard(message.rows) for b in row]
            case KeepAlert(alert=alert):
                self.known = replace(self.known, alert=alert if alert.state != "closed" else None)
            case KeepOrders(orders=orders):
                self.known = replace(self.known, orders=orders)
            case KeepAnswer():
                value = {"path": effect.path, "value": effect.value, "how": effect.how, "words": effect.words}
                self.kept["answer"].append(value)
            case KeepConsent(version=version, given=given):
                self.kept["consent"].append({"version": version, "given": given})
            case KeepAssessment(assessment=assessment, facts=facts):
                value = {"assessment": _plain(assessment), "facts": _plain(facts)}
                self.kept["assessment"].append(value)
            case KeepPlan(plan=plan):
                self.kept["plan"].append(_plain(plan))
            case KeepProfile(profile=profile):
                self.kept["profile"] = [dict(profile)]
            case RaiseFlag(flag=flag):
                self.kept["flag"].append(flag.id)


KEPT = ("answer", "consent", "assessment", "plan", "profile", "flag")


def _plain(model: Any) -> Any:
    return model.model_dump(mode="json", by_alias=True) if model is not None else None


def screen_alone(mind: str, name: str) -> Unkilled | None:
    """Screen in this process; None where this mind comes to no result."""
    chat = Alone(_library(), name)
    chat.types("/start")
    acts: list[Act] = []
    while not has_result(chat.told):
        before, done = list(chat.on_screen), act(mind, chat.on_screen)
        if done is None or len(acts) == LONGEST:
            return None
        acts.append(done)
        chat.does(done)
        if chat.on_screen == before and not has_result(chat.told):  # words that were not understood
            return None
    return _summed(mind, name, acts, chat)


def replay(mind: str, name: str, done: Sequence[Mapping[str, Any]]) -> Unkilled:
    """Do what a client did, each update once and in order: for one who tapped more than they would have unkilled."""
    chat = Alone(_library(), name)
    chat.types("/start")
    acts = acts_in(done)
    for one in acts:
        chat.does(one)
    return _summed(mind, name, acts, chat)


def acts_in(updates: Sequence[Mapping[str, Any]]) -> tuple[Act, ...]:
    """Tell what a client did after the first word."""
    return tuple(
        str(update["callback_query"]["data"]) if "callback_query" in update else TYPED + update["message"]["text"]
        for update in updates[1:]
    )


def has_result(told: Sequence[tuple[str, Any]]) -> bool:
    """Tell whether a result was said."""
    return any(RESULT in text for text, _ in told[-12:])


def _summed(mind: str, name: str, acts: Sequence[Act], chat: Alone) -> Unkilled:
    kept = {table: tuple(json.loads(json.dumps(rows))) for table, rows in chat.kept.items()}
    return Unkilled(mind=mind, name=name, acts=tuple(acts), kept=kept, said=tuple(chat.told))


def person(number: int, seed: int) -> Unkilled:
    """Give the screening of a client: of the first of their minds that comes to a result."""
    tried = 0
    while (found := screen_alone(f"{seed}/{number}/{tried}", f"Client {number}")) is None:
        tried += 1
    return found


def people(count: int, seed: int, *, jobs: int = 1) -> list[Unkilled]:
    """Give the screenings of so many clients, worked out in so many processes."""
    if jobs == 1:
        return [person(number, seed) for number in range(1, count + 1)]
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        return list(pool.map(partial(person, seed=seed), range(1, count + 1), chunksize=5))
