"""The question before something that can't be taken back."""

from __future__ import annotations

from typing import Literal

from bot.conversation.activities import Sure
from bot.conversation.effects import Line
from bot.conversation.talk import Talk


def make_sure(talk: Talk, what: Literal["restart", "discard", "withdraw", "delete"]) -> None:
    """Ask before something that can't be taken back."""
    if isinstance(talk.top, Sure):
        talk.pop()
    talk.push(Sure(what=what))
    ask_sure(talk)


def ask_sure(talk: Talk, note: Line | None = None) -> None:
    """Show that question."""
    top = talk.top
    if not isinstance(top, Sure):
        return
    talk.next_step()
    talk.card(
        f"q{talk.conversation.step}",
        *([note] if note else []),
        Line(key=f"bot.sure.{top.what}"),
        rows=(talk.choices(("yes", f"bot.sure_yes.{top.what}"), ("no", "bot.sure_no")),),
    )
