"""Reads until when somebody means: "3 December", "2 weeks", "next monday"."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta

LONGEST = timedelta(days=183)
"""A date further off is more likely misread than meant; a pause without an end does as well. A proposal."""
LEAD_IN = re.compile(r"^\s*(?:until|untill|till|til|to|for|up to|about|the next|another)\s+", re.IGNORECASE)


def read_until(text: str, today: date, *, month_first: bool = False) -> date | None:
    """Read a date after *today*; None where none is named, or one too far off. *month_first*: 3/12 is March."""
    import dateparser  # a third of a second that other turns do without

    said = text
    while (shorter := LEAD_IN.sub("", said)) != said:
        said = shorter
    found = dateparser.parse(
        said.strip(" .!"),
        languages=["en"],
        settings={
            "RELATIVE_BASE": datetime.combine(today, time(12)),
            "PREFER_DATES_FROM": "future",
            "DATE_ORDER": "MDY" if month_first else "DMY",
        },
    )
    if found is None or not today < found.date() <= today + LONGEST:
        return None
    return found.date()
