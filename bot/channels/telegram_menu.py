"""What Telegram shows of the bot before a word is said: its commands and descriptions, in each language."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from telegram import Bot, BotCommand, BotCommandScopeAllPrivateChats
from telegram.error import TelegramError

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """The texts of one language: each command's line, the description (at most 512) and the short one (120)."""

    commands: Mapping[str, str]
    description: str
    short: str


async def show(bot: Bot, texts: Mapping[str, Shown], *, default: str = "en") -> Iterable[str]:
    """Set what differs from what Telegram has; the default language stands for all others. Gives what was set."""
    done: list[str] = []
    for language, shown in texts.items():
        code = None if language == default else language
        try:
            done += await _show_one(bot, shown, code)
        except TelegramError as error:  # a menu is no reason not to answer clients
            log.warning("the menu of language %s could not be set: %s", language, error)
    return done


async def _show_one(bot: Bot, shown: Shown, code: str | None) -> Iterable[str]:
    done: list[str] = []
    scope = BotCommandScopeAllPrivateChats()
    wanted = tuple(BotCommand(name, text) for name, text in shown.commands.items())
    if tuple(await bot.get_my_commands(scope, language_code=code)) != wanted:
        await bot.set_my_commands(wanted, scope, language_code=code)
        done.append("commands")
    if (await bot.get_my_description(language_code=code)).description != shown.description:
        await bot.set_my_description(shown.description, language_code=code)
        done.append("description")
    if (await bot.get_my_short_description(language_code=code)).short_description != shown.short:
        await bot.set_my_short_description(shown.short, language_code=code)
        done.append("short description")
    return done
