"""Coming back to a screening: how long it was left, whether it is of an older version, and the offer to go on."""

from __future__ import annotations

from datetime import timedelta

from bot.conversation import screening
from bot.conversation.activities import Resume, Screening
from bot.conversation.effects import Line
from bot.conversation.talk import Talk

LEFT_AFTER = timedelta(hours=6)
"""After so long a silence a client is offered to go on, rather than asked in mid-air. A proposal."""


def is_outdated(talk: Talk) -> bool:
    """Tell whether the running screening was begun with another version of the content."""
    running = talk.screening
    return running is not None and f"{talk.screen.version}+{talk.screen.safety.version}" != running.version


def been_away(talk: Talk) -> bool:
    """Tell whether the client left the screening for long."""
    running = talk.screening
    return running is not None and talk.at - running.touched_at > LEFT_AFTER


def offer_resume(talk: Talk) -> None:
    """Offer to go on, to start over or to discard."""
    running = talk.screening
    if running is None:
        return
    while talk.top is not None and not isinstance(talk.top, Screening | Resume):
        talk.pop()
    if not isinstance(talk.top, Resume):
        talk.push(Resume())
    talk.next_step()
    away = talk.at - running.touched_at
    open_now = screening.current(talk)
    ask = open_now[0] if open_now else None
    part = talk.of_screen(f"part.{ask.question.part}") if ask else Line(key="bot.review_part")
    talk.card(
        f"w{talk.conversation.step}",
        Line(key="bot.resume", values={"part": part, "ago": _ago(away)}),
        rows=(talk.choices(("go", "bot.go_on"), ("restart", "bot.start_over"), ("discard", "bot.discard")),),
    )


def _ago(away: timedelta) -> Line:
    minutes = int(away.total_seconds() // 60)
    if minutes < 2:
        return Line(key="bot.ago.now")
    if minutes < 120:
        return Line(key="bot.ago.minutes", values={"count": minutes})
    if minutes < 24 * 60:
        return Line(key="bot.ago.hours", values={"count": minutes // 60})
    return Line(key="bot.ago.days", values={"count": minutes // (24 * 60)})
