"""Bot API methods about messages: send, edit, delete, answer a tap."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

from . import checks, media
from .chats import Chat, Message
from .entities import formatted
from .wire import Params, Refusal, Upload, bad, boolean, integer, string

if TYPE_CHECKING:
    from .double import Double

Files = dict[str, Upload]
TWO_DAYS_SECONDS = 48 * 3600
NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same as a current "
    "content and reply markup of the message"
)
STALE = "query is too old and response timeout expired or query ID is invalid"
EDITABLE_MEDIA = ("photo", "document", "animation", "video", "audio", "text")


def reach(double: Double, params: Params) -> Chat:
    """Find the chat that may be written to; raise Refusal when it is unknown, silent, blocked or told to wait."""
    given = params.get("chat_id")
    if given in (None, ""):
        raise bad("chat_id is empty")
    try:
        chat = double.chats.get(int(given))
    except (TypeError, ValueError):
        chat = next((c for c in double.chats.values() if f"@{c.data.get('username')}" == given), None)
    if chat is None or not (chat.started or chat.seen):
        raise bad("chat not found")
    if not chat.started:
        raise Refusal(403, "Forbidden: bot can't initiate conversation with a user")
    if chat.blocked:
        why = "bot was blocked by the user" if chat.private else f"bot was kicked from the {chat.data['type']} chat"
        raise Refusal(403, f"Forbidden: {why}")
    left = chat.quiet_until - double.now() if chat.quiet_until else 0.0
    if left > 0:
        raise checks.too_many(ceil(left))
    return chat


def send_message(double: Double, params: Params, _: Files) -> Any:
    """SendMessage."""
    text, entities = formatted(string(params, "text"), string(params, "parse_mode"), params.get("entities"))
    if not text:
        raise bad("message text is empty")
    chat = reach(double, params)
    checks.text(text)
    content: dict[str, Any] = {"text": text}
    if entities:
        content["entities"] = entities
    if params.get("link_preview_options"):
        content["link_preview_options"] = params["link_preview_options"]
    return _post(double, chat, params, content)


def send_media(kind: str) -> Any:
    """Make the method that sends one kind of media."""

    def send(double: Double, params: Params, files: Files) -> Any:
        content = _captioned(params)
        chat = reach(double, params)
        checks.caption(content.get("caption", ""))
        content.update(media.given(double, kind, params.get(kind), files, params))
        return _post(double, chat, params, content)

    return send


def _captioned(params: Params) -> dict[str, Any]:
    text, entities = formatted(string(params, "caption"), string(params, "parse_mode"), params.get("caption_entities"))
    content: dict[str, Any] = {}
    if text:
        content["caption"] = text
        if entities:
            content["caption_entities"] = entities
        if boolean(params, "show_caption_above_media"):
            content["show_caption_above_media"] = True
    return content


def _post(double: Double, chat: Chat, params: Params, content: dict[str, Any]) -> dict[str, Any]:
    markup = checks.markup(params)
    data: dict[str, Any] = {
        "message_id": double.next_message_id(chat),
        "from": double.me,
        "chat": chat.data,
        "date": int(double.now()),
    }
    reply = params.get("reply_parameters")
    reply_id = integer(reply, "message_id") if isinstance(reply, dict) else integer(params, "reply_to_message_id")
    if reply_id:
        target = chat.messages.get(reply_id)
        lenient = isinstance(reply, dict) and reply.get("allow_sending_without_reply")
        if target is None and not lenient:
            raise bad("message to be replied not found")
        if target is not None:
            data["reply_to_message"] = {k: v for k, v in target.data.items() if k != "reply_to_message"}
    data.update(content)
    if boolean(params, "protect_content"):
        data["has_protected_content"] = True
    message = Message(data, True, double.journal.seq)
    if markup is not None:
        if "inline_keyboard" in markup:
            data["reply_markup"] = markup
        else:
            message.bound = True
            _show_keyboard(chat, markup)
    chat.messages[data["message_id"]] = message
    double.changed()
    return data


def _show_keyboard(chat: Chat, markup: dict[str, Any]) -> None:
    if "keyboard" in markup:
        rows = markup["keyboard"]
        chat.reply_keyboard = [[b["text"] if isinstance(b, dict) else b for b in row] for row in rows if row]
    elif "remove_keyboard" in markup:
        chat.reply_keyboard = None


def _own(double: Double, params: Params) -> tuple[Chat, Message]:
    if params.get("inline_message_id"):
        raise bad("MESSAGE_ID_INVALID")
    chat = reach(double, params)
    if not params.get("message_id"):
        raise bad("message identifier is not specified")
    message = chat.messages.get(integer(params, "message_id"))
    if message is None:
        raise bad("message to edit not found")
    if not message.from_bot or message.bound:
        raise bad("message can't be edited")
    return chat, message


def _change(double: Double, message: Message, params: Params, content: dict[str, Any], drop: tuple[str, ...]) -> Any:
    markup = checks.markup(params, inline_only=True)
    kept = {name: value for name, value in message.data.items() if name not in (*drop, "reply_markup")}
    new = {**kept, **content}
    if markup is not None:
        new["reply_markup"] = markup
    if {**new, "edit_date": 0} == {**message.data, "edit_date": 0}:
        raise bad(NOT_MODIFIED)
    new["edit_date"] = int(double.now())
    message.data = new
    message.edits += 1
    message.seq = double.journal.seq
    double.changed()
    return new


def edit_message_text(double: Double, params: Params, _: Files) -> Any:
    """EditMessageText; without reply_markup the keyboard goes."""
    text, entities = formatted(string(params, "text"), string(params, "parse_mode"), params.get("entities"))
    if not text:
        raise bad("message text is empty")
    _chat, message = _own(double, params)
    if "text" not in message.data:
        raise bad("there is no text in the message to edit")
    checks.text(text)
    content: dict[str, Any] = {"text": text}
    if entities:
        content["entities"] = entities
    if params.get("link_preview_options"):
        content["link_preview_options"] = params["link_preview_options"]
    return _change(double, message, params, content, ("text", "entities", "link_preview_options"))


def edit_message_caption(double: Double, params: Params, _: Files) -> Any:
    """EditMessageCaption; without reply_markup the keyboard goes."""
    content = _captioned(params)
    _chat, message = _own(double, params)
    if message.kind in ("text", "sticker", "location", "contact"):
        raise bad("there is no caption in the message to edit")
    checks.caption(content.get("caption", ""))
    return _change(double, message, params, content, ("caption", "caption_entities", "show_caption_above_media"))


def edit_message_media(double: Double, params: Params, files: Files) -> Any:
    """EditMessageMedia: other media, or media for a text."""
    given = params.get("media")
    if not isinstance(given, dict):
        raise bad("can't parse input media JSON object")
    kind = str(given.get("type"))
    if kind not in EDITABLE_MEDIA[:-1]:
        raise bad('can\'t parse InputMedia: Field "type" is invalid')
    content = _captioned(given)
    _chat, message = _own(double, params)
    if message.kind not in EDITABLE_MEDIA:
        raise bad("there is no media in the message to edit")
    checks.caption(content.get("caption", ""))
    content.update(media.given(double, kind, given.get("media"), files, given))
    gone = ("text", "entities", "link_preview_options", "caption", "caption_entities", "show_caption_above_media")
    return _change(double, message, params, content, (*gone, *EDITABLE_MEDIA))


def edit_message_reply_markup(double: Double, params: Params, _: Files) -> Any:
    """EditMessageReplyMarkup: another inline keyboard, or none."""
    _chat, message = _own(double, params)
    return _change(double, message, params, {}, ())


def delete_message(double: Double, params: Params, _: Files) -> bool:
    """DeleteMessage, for 48 hours; of other people's messages only in private chats."""
    chat = reach(double, params)
    if not params.get("message_id"):
        raise bad("message identifier is not specified")
    _delete(double, chat, integer(params, "message_id"))
    return True


def delete_messages(double: Double, params: Params, _: Files) -> bool:
    """DeleteMessages: up to 100; what can't be found is skipped."""
    chat = reach(double, params)
    ids = params.get("message_ids")
    if not isinstance(ids, list) or not ids:
        raise bad("message identifiers are not specified")
    if len(ids) > 100:
        raise bad("too many message identifiers specified")
    for one in ids:
        if int(one) in chat.messages:
            _delete(double, chat, int(one))
    return True


def _delete(double: Double, chat: Chat, message_id: int) -> None:
    message = chat.messages.get(message_id)
    if message is None:
        raise bad("message to delete not found")
    if double.now() - message.data["date"] > TWO_DAYS_SECONDS:
        raise bad("message can't be deleted for everyone")
    if not message.from_bot and not chat.private:
        raise bad("message can't be deleted")
    del chat.messages[message_id]
    double.changed()


def answer_callback_query(double: Double, params: Params, _: Files) -> bool:
    """AnswerCallbackQuery: once, in time, with up to 200 characters."""
    if len(string(params, "text")) > 200:
        raise bad("MESSAGE_TOO_LONG")
    tap = double.journal.callbacks.get(string(params, "callback_query_id"))
    now = double.now()
    if tap is None or tap.answer is not None or now - tap.at > double.callback_seconds:
        raise bad(STALE)
    tap.answer = {name: params[name] for name in ("text", "show_alert", "url", "cache_time") if name in params}
    if "show_alert" in tap.answer:
        tap.answer["show_alert"] = boolean(params, "show_alert")
    tap.answered_at = now
    tap.answered_seq = double.journal.next_seq()
    double.changed()
    return True


def send_chat_action(double: Double, params: Params, _: Files) -> bool:
    """SendChatAction."""
    action = string(params, "action")
    if action not in checks.ACTIONS:
        raise bad("wrong parameter action in request")
    reach(double, params).actions.append(action)
    return True


def get_chat(double: Double, params: Params, _: Files) -> dict[str, Any]:
    """GetChat."""
    given = integer(params, "chat_id")
    chat = double.chats.get(given)
    if chat is None or not (chat.started or chat.seen):
        raise bad("chat not found")
    return {**chat.data, "accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": media.NO_GIFTS}
