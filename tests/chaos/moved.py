"""`coxa serve` by a clock that a test moves: CHAOS_CLOCK names a file that says by how many seconds."""

from __future__ import annotations

import os
import sys
from datetime import datetime, timedelta
from pathlib import Path

from bot import wiring
from bot.__main__ import main

OFFSET = Path(os.environ["CHAOS_CLOCK"])


class Moved(wiring.SystemClock):
    """The machine's clock and as many seconds as the file says now."""

    def now(self) -> datetime:
        """Give the instant."""
        return super().now() + timedelta(seconds=float(OFFSET.read_text() or 0))


if __name__ == "__main__":
    vars(wiring)["SystemClock"] = Moved
    sys.exit(main())
