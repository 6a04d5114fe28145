"""What a coach should know of a client, and why, in the client's words."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from bot.coaching.news import ClientFlagged, ClientScreened
from rules import Assessment, Flag
from rules.screen import UNCLEAR


class Who(Protocol):
    """A client, as far as a coach's news needs them."""

    @property
    def id(self) -> int:
        """Give their id."""

    @property
    def name(self) -> str:
        """Give what they are called."""


def flag_event(client: Who, flag: Flag, own_words: str | None, at: datetime, screen: str) -> ClientFlagged:
    """Make the news of a flag that was raised in a screen."""
    return ClientFlagged(
        at=at,
        client_id=client.id,
        client_name=client.name,
        flag=flag.id,
        urgency=flag.urgency,
        own_words=own_words,
        screen=screen,
    )


def screened_event(client: Who, assessment: Assessment, at: datetime) -> ClientScreened:
    """Make the news of a finished screening: the limited findings."""
    return ClientScreened(
        at=at,
        client_id=client.id,
        client_name=client.name,
        findings=tuple(
            (finding.side, finding.context, finding.driver or UNCLEAR, finding.confidence or "low")
            for finding in assessment.findings
            if finding.limited == "yes"
        ),
        screen=assessment.screen,
    )
