"""Bot API methods about the bot itself: commands, descriptions, menu button, log out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import checks
from .wire import Params, Refusal, Upload, bad, integer, string

if TYPE_CHECKING:
    from .double import Double

Files = dict[str, Upload]
Method = Callable[["Double", Params, Files], Any]


def get_me(double: Double, _params: Params, _: Files) -> dict[str, Any]:
    """GetMe."""
    more = (
        "can_join_groups can_read_all_group_messages supports_inline_queries can_connect_to_business has_main_web_app "
        "has_topics_enabled allows_users_to_create_topics"
    )
    return {**double.me, **dict.fromkeys(more.split(), False), "can_join_groups": True}


def set_my_commands(double: Double, params: Params, _: Files) -> bool:
    """SetMyCommands for a scope and language."""
    double.commands[checks.scope_key(params)] = checks.commands(params.get("commands") or [])
    return True


def get_my_commands(double: Double, params: Params, _: Files) -> list[dict[str, str]]:
    """GetMyCommands of exactly this scope and language."""
    return double.commands.get(checks.scope_key(params), [])


def delete_my_commands(double: Double, params: Params, _: Files) -> bool:
    """DeleteMyCommands of this scope and language."""
    double.commands.pop(checks.scope_key(params), None)
    return True


def setter(name: str, limit: int) -> Method:
    """Make the method that sets the bot's name or one of its descriptions."""

    def set_text(double: Double, params: Params, _: Files) -> bool:
        text = string(params, name)
        if len(text) > limit:
            raise bad(f"bot {name.replace('_', ' ')} is too long")
        texts = double.texts.setdefault(name, {})
        language = checks.language(params)
        if text:
            texts[language] = text
        else:
            texts.pop(language, None)
        return True

    return set_text


def getter(name: str) -> Method:
    """Make the method that gets it, falling back to the one for all languages."""

    def get_text(double: Double, params: Params, _: Files) -> dict[str, str]:
        texts = double.texts.get(name, {})
        return {name: texts.get(checks.language(params), texts.get("", ""))}

    return get_text


def set_chat_menu_button(double: Double, params: Params, _: Files) -> bool:
    """SetChatMenuButton of one private chat or of all."""
    button = params.get("menu_button") or {"type": "default"}
    if not isinstance(button, dict) or button.get("type") not in ("default", "commands", "web_app"):
        raise bad("can't parse menu button: MenuButton has unsupported type")
    if button["type"] == "web_app" and not (button.get("text") and button.get("web_app")):
        raise bad("can't parse menu button: Can't find field \"text\"")
    chat_id = integer(params, "chat_id")
    if not chat_id:
        double.menu_button = button
        return True
    if chat_id not in double.chats or not double.chats[chat_id].private:
        raise bad("chat not found")
    double.chats[chat_id].menu_button = button
    return True


def get_chat_menu_button(double: Double, params: Params, _: Files) -> dict[str, Any]:
    """GetChatMenuButton."""
    chat = double.chats.get(integer(params, "chat_id"))
    return (chat.menu_button if chat else None) or double.menu_button


def log_out(double: Double, _params: Params, _: Files) -> bool:
    """LogOut: every later call is refused."""
    double.logged_out = Refusal(400, "Logged out")
    return True


def close(_double: Double, _params: Params, _: Files) -> bool:
    """Close the bot instance."""
    return True
