"""Chats and messages as Telegram keeps them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .entities import Entity, to_html

MEDIA = ("photo", "document", "animation", "voice", "video", "video_note", "audio", "sticker", "location", "contact")


@dataclass(slots=True, eq=False)
class Message:
    """One message: `data` is the Bot API object; `seq` counts its last change in the journal's order."""

    data: dict[str, Any]
    from_bot: bool
    seq: int
    bound: bool = False
    edits: int = 0

    @property
    def id(self) -> int:
        """The message id."""
        return int(self.data["message_id"])

    @property
    def kind(self) -> str:
        """Text, or the kind of media."""
        return next((name for name in MEDIA if name in self.data and name != "text"), "text")

    @property
    def text(self) -> str:
        """Text or caption."""
        return str(self.data.get("text", self.data.get("caption", "")))

    @property
    def entities(self) -> list[Entity]:
        """Entities of the text or caption."""
        found: list[Entity] = self.data.get("entities") or self.data.get("caption_entities") or []
        return found

    @property
    def html(self) -> str:
        """The text as HTML."""
        return to_html(self.text, self.entities)

    @property
    def buttons(self) -> list[list[dict[str, Any]]]:
        """Rows of inline buttons."""
        rows: list[list[dict[str, Any]]] = self.data.get("reply_markup", {}).get("inline_keyboard", [])
        return rows

    @property
    def keyboard(self) -> list[list[str]]:
        """Rows of labels of the inline keyboard."""
        return [[button["text"] for button in row] for row in self.buttons]

    @property
    def file_id(self) -> str | None:
        """The file id of its media."""
        media = self.data.get(self.kind)
        if isinstance(media, list):
            media = media[-1]
        return media.get("file_id") if isinstance(media, dict) else None


@dataclass(slots=True, eq=False)
class Chat:
    """One chat; private chats know whether their user has written, blocked the bot, or was seen elsewhere."""

    id: int
    data: dict[str, Any]
    messages: dict[int, Message] = field(default_factory=dict)
    started: bool = False
    seen: bool = False
    blocked: bool = False
    reply_keyboard: list[list[str]] | None = None
    last_id: int = 0
    quiet_until: float = 0.0
    acted_seq: int = 0
    actions: list[str] = field(default_factory=list)
    menu_button: dict[str, Any] | None = None

    @property
    def private(self) -> bool:
        """Tell whether it is a private chat."""
        return bool(self.data["type"] == "private")
