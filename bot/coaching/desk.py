"""A coach's desk: when the digest comes, who covers while they are away."""

from __future__ import annotations

from datetime import datetime, time

from bot.coaching.alerts import Kept


class Desk(Kept):
    """What a coach set. `zone` is an IANA name; without one there is no digest. The hour is a proposal.

    `assumed`: nobody said that this is their zone. `off`: they want no digest.
    """

    zone: str | None = None
    assumed: bool = False
    off: bool = False
    digest_at: time = time(8, 0)
    cover_id: int | None = None
    away_until: datetime | None = None
    answered: tuple[str, ...] = ()
    """Marks of what the coach decided in a digest and is not asked again; they tell nothing of a client."""

    def is_away(self, at: datetime) -> bool:
        """Tell whether the coach is away then."""
        return self.away_until is not None and at < self.away_until
