"""`coxa serve`: answer clients on Telegram."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from typing import Any

log = logging.getLogger(__name__)

NAME = "serve"
NOISY = ("telegram", "aiohttp", "alembic", "asyncio", "apscheduler", "uvicorn", "urllib3", "opentelemetry")
"""Whose records below a warning are not logged: python-telegram-bot's quote whole messages."""


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        NAME,
        help="answer clients on Telegram",
        description="Answer clients on Telegram by long polling, until Ctrl-C or SIGTERM. COXA_TELEGRAM_TOKEN holds"
        " the bot's token; COXA_TELEGRAM_API_URL another address of the Bot API. coxa doctor checks both.",
    )
    parser.add_argument(
        "--webhook",
        action="store_true",
        help="have Telegram bring updates to COXA_WEBHOOK_URL, shown with COXA_WEBHOOK_SECRET; any number of"
        " processes may serve one PostgreSQL database so, behind a proxy that ends TLS",
    )
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Serve until told to stop."""
    from bot.commands.logs import configure
    from bot.settings import read_settings
    from bot.wiring import serve

    settings = read_settings()
    configure(settings.log or "lines", NOISY)
    say = log.info if settings.log == "json" else _say  # who reads a log by machine reads nothing else

    async def main() -> None:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, stopping.set)
        await serve(settings, stopping, say, by_webhook=chosen.webhook)

    asyncio.run(main())
    say("Stopped. Everything is kept.")
    return 0


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
