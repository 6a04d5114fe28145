"""Serve the double, to try a bot by hand in a browser without Telegram."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys

from .double import Double
from .serve import serve


async def _run(token: str, port: int, name: str, user_id: int) -> None:
    double = Double(token, callback_seconds=60.0)
    double.user(user_id, name, "en")
    async with serve(double, port) as url:
        sys.stdout.write(f"Bot API: {url}/bot (token {token})\nChat:    {url}/chat/{user_id}\nJournal: {url}/journal\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


def main() -> None:
    """Read the command line and serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tests.telegram_double", description=__doc__)
    parser.add_argument("--port", type=int, default=8081)
    parser.add_argument("--token", default="123456:TEST")
    parser.add_argument("--name", default="Ann", help="the first name of the person who tries the bot")
    parser.add_argument("--user", type=int, default=42, help="their id")
    chosen = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(chosen.token, chosen.port, chosen.name, chosen.user))


main()
