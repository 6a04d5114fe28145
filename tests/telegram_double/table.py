"""Which function answers which method, by lower-case name."""

from __future__ import annotations

from . import media, methods, profile

METHODS: dict[str, profile.Method] = {
    "getme": profile.get_me,
    "sendmessage": methods.send_message,
    **{
        f"send{kind.replace('_', '')}": methods.send_media(kind)
        for kind in ("photo", "document", "animation", "voice", "video", "video_note", "audio")
    },
    "editmessagetext": methods.edit_message_text,
    "editmessagecaption": methods.edit_message_caption,
    "editmessagemedia": methods.edit_message_media,
    "editmessagereplymarkup": methods.edit_message_reply_markup,
    "deletemessage": methods.delete_message,
    "deletemessages": methods.delete_messages,
    "answercallbackquery": methods.answer_callback_query,
    "sendchataction": methods.send_chat_action,
    "getchat": methods.get_chat,
    "getfile": media.get_file,
    "setmycommands": profile.set_my_commands,
    "getmycommands": profile.get_my_commands,
    "deletemycommands": profile.delete_my_commands,
    "setmyname": profile.setter("name", 64),
    "getmyname": profile.getter("name"),
    "setmydescription": profile.setter("description", 512),
    "getmydescription": profile.getter("description"),
    "setmyshortdescription": profile.setter("short_description", 120),
    "getmyshortdescription": profile.getter("short_description"),
    "setchatmenubutton": profile.set_chat_menu_button,
    "getchatmenubutton": profile.get_chat_menu_button,
    "logout": profile.log_out,
    "close": profile.close,
}
