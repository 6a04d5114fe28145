"""python-telegram-bot as its own examples use it: an echo bot that keeps nothing. The yardstick of the benchmarks."""

from __future__ import annotations

import sys
from typing import Any

from telegram import Update
from telegram.ext import Application, MessageHandler, filters


async def echo(update: Update, _: Any) -> None:
    """Say what was said."""
    if update.message is not None and update.message.text is not None:
        await update.message.reply_text(update.message.text)


def main() -> None:
    """Run until killed, on the Bot API and token that are given."""
    api, token = sys.argv[1:]
    application = Application.builder().token(token).base_url(api).build()
    application.add_handler(MessageHandler(filters.TEXT, echo))
    application.run_polling(poll_interval=0)


if __name__ == "__main__":
    main()
