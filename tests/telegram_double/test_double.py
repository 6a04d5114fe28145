"""The double proven against python-telegram-bot: refusals, faults, polling, webhook, in-process and over a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from telegram import (
    Bot,
    BotCommand,
    InputMediaPhoto,
    Message,
    ReplyKeyboardMarkup,
    ReplyKeyboardRemove,
    ReplyParameters,
)
from telegram import InlineKeyboardButton as Button
from telegram import InlineKeyboardMarkup as Keyboard
from telegram.constants import ParseMode
from telegram.error import (
    BadRequest,
    Forbidden,
    InvalidToken,
    TelegramError,
)

from tests.telegram_double import (
    Double,
    User,
    png,
)
from tests.telegram_double.connect import connected

KEYS = Keyboard([[Button("Yes", callback_data="y"), Button("No", callback_data="n")]])


@pytest.mark.parametrize("way", ["inside", "socket"])
async def test_a_conversation_runs(double: Double, ann: User, way: str) -> None:
    async with connected(double, way) as bot:
        (first,) = await bot.get_updates(timeout=1)
        assert first.message and first.message.text == "/start"
        assert first.message.entities[0].type == "bot_command"
        sent = await bot.send_message(42, "<b>Hi</b> 😀 &amp; <i>you</i>", parse_mode="HTML", reply_markup=KEYS)
        assert sent.text == "Hi 😀 & you"
        assert sent.parse_entities() == dict(zip(sent.entities, ["Hi", "you"], strict=True))
        tap = await ann.taps("Yes")
        (update,) = await bot.get_updates(offset=first.update_id + 1, timeout=1)
        query = update.callback_query
        assert query and query.data == "y" and isinstance(query.message, Message)
        assert query.message.message_id == sent.message_id
        assert double.journal.unanswered_callbacks() == [tap]
        await query.answer("Thanks", show_alert=True)
        assert tap.answer == {"text": "Thanks", "show_alert": True}
        await query.edit_message_text("Done")
        assert [(m.from_bot, m.text, m.keyboard) for m in ann.screen()] == [(False, "/start", []), (True, "Done", [])]
        await ann.edits(1, "/stop")
        (update,) = await bot.get_updates(offset=update.update_id + 1)
        assert update.edited_message and update.edited_message.text == "/stop"
        photo = await bot.send_photo(42, png(30, 20), caption="<u>A</u>", parse_mode="HTML", reply_markup=KEYS)
        assert photo.photo[-1].width == 30
        again = await bot.send_photo(42, photo.photo[-1].file_id)
        assert bytes(await (await again.photo[-1].get_file()).download_as_bytearray()) == png(30, 20)
        await photo.edit_media(InputMediaPhoto(png(5, 5), caption="B"))
        await photo.edit_caption("C")
        assert ann.screen()[-2].text == "C"


async def test_media_of_every_kind_arrive(bot: Bot, double: Double, ann: User) -> None:
    for message in (
        await bot.send_document(42, b"a,b", filename="a.csv"),
        await bot.send_animation(42, b"gif", width=3, height=4, duration=5),
        await bot.send_voice(42, b"ogg", duration=2),
        await bot.send_video(42, b"mp4"),
        await bot.send_video_note(42, b"round", length=200),
        await bot.send_audio(42, b"mp3"),
    ):
        assert message.effective_attachment
    for kind in ("photo", "voice", "video", "video_note", "animation", "document", "sticker", "location", "contact"):
        await getattr(ann, f"sends_{kind}")()
    updates = await bot.get_updates()
    assert all(update.message and update.message.effective_attachment for update in updates[1:])
    assert len(updates) == 10


async def test_a_film_is_sent_on_by_its_id_and_only_as_what_it_is(bot: Bot, double: Double, ann: User) -> None:
    round_film = await ann.sends_video_note()
    again = await bot.send_video_note(42, round_film.file_id, protect_content=True)
    assert again.video_note is not None
    assert again.video_note.file_id == round_film.file_id
    assert again.has_protected_content
    with pytest.raises(BadRequest, match=r"(?i)can't use file of type"):
        await bot.send_video(42, round_film.file_id)


async def test_the_bot_can_dress_itself(bot: Bot) -> None:
    assert await bot.set_my_commands([BotCommand("help", "Helps")], language_code="de")
    assert await bot.get_my_commands(language_code="de") == (BotCommand("help", "Helps"),)
    assert await bot.delete_my_commands(language_code="de")
    assert await bot.get_my_commands(language_code="de") == ()
    assert await bot.set_my_description("d" * 512)
    assert (await bot.get_my_description("fr")).description == "d" * 512
    assert await bot.set_my_short_description("s")
    assert (await bot.get_my_short_description()).short_description == "s"
    assert await bot.set_chat_menu_button()
    assert await bot.close()
    assert await bot.log_out()
    with pytest.raises(TelegramError, match="Logged out"):
        await bot.get_me()


LONG = "message is too long"
Ask = Callable[[Bot], Any]
REFUSED: dict[str, tuple[type[TelegramError], str, Ask]] = {
    "unknown chat": (BadRequest, "Chat not found", lambda b: b.send_message(7, "x")),
    "no text": (BadRequest, "Message text is empty", lambda b: b.send_message(42, " \n ")),
    "long text": (BadRequest, "Message is too long", lambda b: b.send_message(42, "x" * 4097)),
    "long in UTF-16": (BadRequest, "Message is too long", lambda b: b.send_message(42, "😀" * 2049)),
    "long caption": (BadRequest, "Message caption is too long", lambda b: b.send_photo(42, png(), caption="x" * 1025)),
    "foreign tag": (BadRequest, 'Unsupported start tag "div" at byte offset 2', lambda b: html(b, "a <div>x</div>")),
    "lone less-than": (BadRequest, "Can't parse entities: unclosed|Unclosed start tag", lambda b: html(b, "1 <2")),
    "unclosed tag": (BadRequest, 'Can\'t find end tag corresponding to start tag "b"', lambda b: html(b, "<b>x")),
    "crossed tags": (BadRequest, 'expected "</i>", found "</b>"', lambda b: html(b, "<b><i>x</b></i>")),
    "stray end tag": (BadRequest, "Unexpected end tag at byte offset 1", lambda b: html(b, "x</b>")),
    "unknown parse mode": (BadRequest, "Unsupported parse_mode", lambda b: b.send_message(42, "x", parse_mode="rtf")),
    "markdown": (
        BadRequest,
        "HTML only",
        lambda b: b.send_message(42, "x", parse_mode=ParseMode.MARKDOWN_V2),
    ),
    "button data": (BadRequest, "Button_data_invalid", lambda b: keys(b, [[Button("x", callback_data="ä" * 33)]])),
    "button text": (BadRequest, "Button_text_empty", lambda b: keys(b, [[Button(" ", callback_data="x")]])),
    "button without action": (BadRequest, "Text buttons are unallowed", lambda b: keys(b, [[Button("x")]])),
    "button with two": (
        BadRequest,
        "exactly one action",
        lambda b: keys(b, [[Button("x", callback_data="x", url="https://example.org")]]),
    ),
    "nine in a row": (BadRequest, "Button_row_too_long", lambda b: keys(b, [[Button("x", callback_data="x")] * 9])),
    "101 buttons": (
        BadRequest,
        "Reply markup is too long",
        lambda b: keys(b, [[Button("x", callback_data="x")]] * 101),
    ),
    "edit of nothing": (BadRequest, "Message to edit not found", lambda b: b.edit_message_text("x", 42, 99)),
    "edit of another's": (BadRequest, "Message can't be edited", lambda b: b.edit_message_text("x", 42, 1)),
    "delete of nothing": (BadRequest, "Message to delete not found", lambda b: b.delete_message(42, 99)),
    "reply to nothing": (
        BadRequest,
        "Message to be replied not found",
        lambda b: b.send_message(42, "x", reply_parameters=ReplyParameters(99)),
    ),
    "forged query": (BadRequest, "Query is too old and response", lambda b: b.answer_callback_query("7")),
    "long answer": (BadRequest, "Message_too_long", lambda b: b.answer_callback_query("7", "x" * 201)),
    "action": (BadRequest, "Wrong parameter action", lambda b: b.send_chat_action(42, "sing")),
    "no picture": (BadRequest, "Image_process_failed", lambda b: b.send_photo(42, b"no picture")),
    "odd picture": (BadRequest, "Photo_invalid_dimensions", lambda b: b.send_photo(42, png(100, 1))),
    "unknown file": (BadRequest, "Wrong file identifier", lambda b: b.send_photo(42, "AgACunknown")),
    "unknown download": (BadRequest, "Wrong file_id", lambda b: b.get_file("AgACunknown")),
    "command name": (BadRequest, "Bot_command_invalid", lambda b: b.set_my_commands([("Help", "x")])),
    "command text": (BadRequest, "description must be non-empty", lambda b: b.set_my_commands([("help", " ")])),
    "many commands": (BadRequest, "Bot_commands_too_much", lambda b: b.set_my_commands([("help", "x")] * 101)),
    "description": (BadRequest, "description is too long", lambda b: b.set_my_description("x" * 513)),
    "short description": (BadRequest, "too long", lambda b: b.set_my_short_description("x" * 121)),
    "secret": (
        BadRequest,
        "Secret token contains unallowed characters",
        lambda b: b.set_webhook("https://example.org", secret_token="a b"),  # noqa: S106 - made up
    ),
    "webhook without TLS": (BadRequest, "HTTPS URL must be", lambda b: b.set_webhook("http://example.org")),
}


def html(bot: Bot, text: str) -> Any:
    return bot.send_message(42, text, parse_mode="HTML")


def keys(bot: Bot, rows: list[list[Button]]) -> Any:
    return bot.send_message(42, "x", reply_markup=Keyboard(rows))


@pytest.mark.parametrize("name", REFUSED)
async def test_what_telegram_refuses_is_refused(bot: Bot, ann: User, name: str) -> None:
    error, words, ask = REFUSED[name]
    with pytest.raises(error, match=f"(?i){words}"):
        await ask(bot)
    assert len(ann.screen()) == 1


async def test_limits_are_met_exactly(bot: Bot, ann: User) -> None:
    await bot.send_message(42, "<b>" + "😀" * 2048 + "</b>", parse_mode="HTML")
    await bot.send_photo(42, png(), caption="x" * 1024)
    await keys(bot, [[Button("x", callback_data="ä" * 32)] * 8] * 12)


async def test_an_unchanged_message_is_not_modified(bot: Bot, ann: User) -> None:
    sent = await bot.send_message(42, "<b>x</b> ", parse_mode="HTML", reply_markup=KEYS)
    same = r"(?i)specified new message content and reply markup are exactly the same"
    with pytest.raises(BadRequest, match=same):
        await sent.edit_text("<b>x</b>", parse_mode="HTML", reply_markup=KEYS)
    with pytest.raises(BadRequest, match=same):
        await sent.edit_reply_markup(KEYS)
    await sent.edit_reply_markup(Keyboard([]))
    assert ann.screen()[-1].keyboard == []
    with pytest.raises(BadRequest, match="not modified"):
        await sent.edit_reply_markup(None)
    with pytest.raises(BadRequest, match="There is no caption in the message to edit"):
        await sent.edit_caption("x")
    photo = await sent.edit_media(InputMediaPhoto(png()))
    assert isinstance(photo, Message)
    with pytest.raises(BadRequest, match="There is no text in the message to edit"):
        await photo.edit_text("x")


async def test_a_message_with_a_reply_keyboard_cant_be_edited(bot: Bot, ann: User) -> None:
    sent = await bot.send_message(42, "x", reply_markup=ReplyKeyboardMarkup([["10", "20"]]))
    with pytest.raises(BadRequest, match="Message can't be edited"):
        await sent.edit_text("y")
    assert (await ann.chooses("20")).text == "20"
    await bot.send_message(42, "y", reply_markup=ReplyKeyboardRemove())
    assert ann.chat.reply_keyboard is None


async def test_who_never_wrote_cant_be_reached(bot: Bot, double: Double, ann: User) -> None:
    bob = double.user(43, "Bob")
    with pytest.raises(BadRequest, match="Chat not found"):
        await bot.send_message(43, "x")
    group = double.group(-1001, "Team", (ann, bob))
    await group.says(bob, "hello")
    with pytest.raises(Forbidden, match=r"(?i)bot can't initiate conversation with a user"):
        await bot.send_message(43, "x")
    assert (await bot.send_message(-1001, "hi", reply_markup=KEYS)).message_id == 2
    await group.taps(bob, "No")
    await group.removes_bot(ann)
    with pytest.raises(Forbidden, match=r"(?i)bot was kicked from the supergroup chat"):
        await bot.send_message(-1001, "x")


async def test_a_block_is_told_and_refuses(bot: Bot, ann: User) -> None:
    await ann.blocks()
    with pytest.raises(Forbidden, match=r"(?i)bot was blocked by the user"):
        await bot.send_message(42, "x")
    with pytest.raises(RuntimeError, match="unblock"):
        await ann.says("x")
    await ann.unblocks()
    await bot.send_message(42, "x")
    updates = await bot.get_updates()
    states = [u.my_chat_member.new_chat_member.status for u in updates if u.my_chat_member]
    assert states == ["kicked", "member"]


async def test_a_tap_is_answered_once_and_in_time(bot: Bot, double: Double, ann: User) -> None:
    await bot.send_message(42, "x", reply_markup=KEYS)
    tap, late = await ann.taps("Yes"), await ann.taps("n")
    await bot.answer_callback_query(tap.query_id)
    for query_id in (tap.query_id, late.query_id):
        with pytest.raises(BadRequest, match=r"(?i)Query is too old and response timeout expired or query"):
            await bot.answer_callback_query(query_id)
        double.skip(16)
    assert double.journal.unanswered_callbacks() == [late]


async def test_a_stale_tap_comes_with_what_is_left(bot: Bot, ann: User) -> None:
    sent = await bot.send_message(42, "x", reply_markup=KEYS)
    await sent.delete()
    with pytest.raises(LookupError):
        await ann.taps("Yes")
    await ann.taps_raw("forged", sent.message_id)
    update = (await bot.get_updates())[-1]
    assert update.callback_query and update.callback_query.message
    assert not update.callback_query.message.is_accessible


async def test_an_old_message_cant_be_deleted(bot: Bot, double: Double, ann: User) -> None:
    sent = await bot.send_message(42, "x")
    double.skip(48 * 3600 + 1)
    with pytest.raises(BadRequest, match="Message can't be deleted for everyone"):
        await sent.delete()


async def test_a_wrong_token_and_an_unknown_method_are_refused(double: Double) -> None:
    with pytest.raises(InvalidToken, match="rejected by the server"):
        async with connected(double, token="123456:OTHER"):  # noqa: S106 - a made-up token
            pass
    async with httpx.AsyncClient(transport=double.transport(), base_url="http://double") as web:
        wrong = await web.get("/bot1:X/getMe")
        assert (wrong.status_code, wrong.json()["description"]) == (401, "Unauthorized")
        unknown = await web.post(f"/bot{double.token}/sendDream")
        assert (unknown.status_code, unknown.json()["error_code"]) == (404, 404)
        assert (await web.post(f"/bot{double.token}/GETME")).json()["result"]["is_bot"] is True


async def test_only_structured_fields_are_decoded(double: Double, ann: User) -> None:
    async with httpx.AsyncClient(transport=double.transport(), base_url=f"http://double/bot{double.token}/") as web:
        form = await web.post("sendMessage", data={"chat_id": "42", "text": "123"})
        assert form.json()["result"]["text"] == "123"
        body = {"chat_id": 42, "text": '{"a":1}', "reply_markup": {"inline_keyboard": []}}
        assert (await web.post("sendMessage", json=body)).json()["result"]["text"] == '{"a":1}'
        broken = await web.post("sendMessage", data={"chat_id": "42", "text": "x", "reply_markup": "{"})
        assert broken.status_code == 400


async def test_getupdates_confirms_repeats_and_filters(bot: Bot, double: Double, ann: User) -> None:
    for word in ("a", "b", "c"):
        await ann.says(word)
    batch = await bot.get_updates(limit=2)
    assert [u.message.text for u in batch if u.message] == ["/start", "a"]
    assert await bot.get_updates(limit=2) == batch
    rest = await bot.get_updates(offset=batch[-1].update_id + 1)
    assert [u.message.text for u in rest if u.message] == ["b", "c"]
    assert [e.fate for e in double.journal.updates()] == ["confirmed", "confirmed", "fetched", "fetched"]
    (last,) = await bot.get_updates(offset=-1)
    assert last.message and last.message.text == "c"
    assert await bot.get_updates(offset=last.update_id + 1, allowed_updates=["callback_query"]) == ()
    await ann.says("unheard")
    assert await bot.get_updates(timeout=0) == ()
    await bot.get_updates(allowed_updates=[])
    waiting = asyncio.create_task(bot.get_updates(timeout=5))
    await asyncio.sleep(0.02)
    await ann.says("heard")
    (heard,) = await waiting
    assert heard.message and heard.message.text == "heard"


@pytest.mark.filterwarnings("ignore:Please use 'Bot.getUpdates'")
async def test_a_raw_update_comes_as_it_is_even_twice(bot: Bot, double: Double, ann: User) -> None:
    (first,) = await bot.get_updates()
    await double.push_raw({"message": {"message_id": "no"}})
    raw: Any = await bot.do_api_request("getUpdates", api_kwargs={"offset": first.update_id + 1})
    assert raw[0]["message"] == {"message_id": "no"}
    await double.push_raw(double.journal.updates()[0].data)
    again: Any = await bot.do_api_request("getUpdates", api_kwargs={"offset": raw[0]["update_id"] + 1})
    assert [u["update_id"] for u in again] == [first.update_id]
