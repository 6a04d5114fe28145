"""Numbers as buttons carry them and people type them after a command."""

from __future__ import annotations

import re


def is_number(text: str) -> bool:
    """Tell whether what a button carries, or somebody typed, can be the number of something kept here.

    Digits of other scripts are none, nor is what no database could hold.
    """
    return re.fullmatch(r"[0-9]{1,15}", text) is not None
