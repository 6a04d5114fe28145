"""Files: uploads and file ids, as the media objects of messages, getFile and downloads."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import checks
from .wire import Params, Upload, bad, integer, string

if TYPE_CHECKING:
    from .double import Double

PREFIXES = {
    "photo": "AgACAgIAAxkB",
    "document": "BQACAgIAAxkB",
    "animation": "CgACAgIAAxkB",
    "voice": "AwACAgIAAxkB",
    "video": "BAACAgIAAxkB",
    "video_note": "DQACAgIAAxkB",
    "audio": "CQACAgIAAxkB",
    "sticker": "CAACAgIAAxkB",
}
FOLDERS = {
    "photo": "photos",
    "voice": "voice",
    "video": "videos",
    "video_note": "video_notes",
    "audio": "music",
    "animation": "animations",
}
SUFFIXES = {
    "photo": ".jpg",
    "voice": ".oga",
    "video": ".mp4",
    "video_note": ".mp4",
    "audio": ".mp3",
    "animation": ".mp4",
    "sticker": ".webp",
}
DOWNLOAD_LIMIT_BYTES = 20 * 1024 * 1024
UPLOAD_LIMIT_BYTES = 50 * 1024 * 1024
NO_GIFTS = dict.fromkeys(
    ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels"), False
)


@dataclass(frozen=True)
class StoredFile:
    """One file the double keeps."""

    file_id: str
    unique_id: str
    kind: str
    path: str
    upload: Upload


def keep(double: Double, kind: str, upload: Upload) -> StoredFile:
    """Store a file and give it its ids."""
    number = len(double.files) + 1
    unique = hashlib.sha256(upload.body).hexdigest()[:12]
    suffix = SUFFIXES.get(kind) or "." + upload.name.rpartition(".")[2]
    path = f"{FOLDERS.get(kind, 'documents')}/file_{number}{suffix}"
    stored = StoredFile(f"{PREFIXES[kind]}{number:06d}{unique}", f"AQAD{unique}", kind, path, upload)
    double.files[stored.file_id] = stored
    return stored


def given(double: Double, kind: str, value: Any, files: dict[str, Upload], params: Params) -> dict[str, Any]:
    """Return the media fields of a message from an upload, an attach:// name or a file id."""
    upload = files.get(kind)
    if isinstance(value, str) and value.startswith("attach://"):
        upload = files.get(value.removeprefix("attach://"))
    if upload is None and not value:
        raise bad(f"there is no {kind} in the request")
    stored = _known(double, kind, str(value)) if upload is None else _uploaded(double, kind, upload)
    return fields(stored, kind, params)


def _uploaded(double: Double, kind: str, upload: Upload) -> StoredFile:
    if not upload.body:
        raise bad("file must be non-empty")
    if len(upload.body) > UPLOAD_LIMIT_BYTES:
        raise bad("file is too big")
    if kind == "photo":
        checks.picture(upload.body)
    return keep(double, kind, upload)


def _known(double: Double, kind: str, value: str) -> StoredFile:
    if value.startswith(("http://", "https://")):
        raise bad("failed to get HTTP URL content")
    stored = double.files.get(value)
    if stored is None:
        raise bad("wrong file identifier/HTTP URL specified")
    if stored.kind != kind and {stored.kind, kind} != {"document", "animation"}:
        raise bad(f"can't use file of type {stored.kind.capitalize()} as {kind.capitalize()}")
    return stored


def fields(stored: StoredFile, kind: str, params: Params) -> dict[str, Any]:
    """Return the media fields of a message that shows a stored file."""
    base: dict[str, Any] = {
        "file_id": stored.file_id,
        "file_unique_id": stored.unique_id,
        "file_size": len(stored.upload.body),
    }
    name = {"file_name": stored.upload.name, "mime_type": stored.upload.mime}
    width, height = checks.picture_size(stored.upload.body) or (320, 320)
    box: dict[str, Any] = {"width": integer(params, "width", width), "height": integer(params, "height", height)}
    length = {"duration": integer(params, "duration", 1)}
    match kind:
        case "photo":
            return {"photo": _sizes(base, width, height)} | _spoiler(params)
        case "document":
            return {"document": {**base, **name}}
        case "animation":
            return {"animation": {**base, **name, **box, **length}, "document": {**base, **name}} | _spoiler(params)
        case "voice":
            return {"voice": {**base, **length, "mime_type": stored.upload.mime}}
        case "video":
            return {"video": {**base, **name, **box, **length}} | _spoiler(params)
        case "video_note":
            return {"video_note": {**base, **length, "length": integer(params, "length", 240)}}
        case "audio":
            title = string(params, "title")
            return {"audio": {**base, **name, **length, **({"title": title} if title else {})}}
        case _:
            box |= {"type": "regular", "is_animated": False, "is_video": False, "emoji": "👍"}
            return {"sticker": {**base, **box}}


def _spoiler(params: Params) -> dict[str, Any]:
    return {"has_media_spoiler": True} if str(params.get("has_spoiler")).lower() == "true" else {}


def _sizes(base: dict[str, Any], width: int, height: int) -> list[dict[str, Any]]:
    scale = min(1.0, 90 / max(width, height))
    small = {"width": max(1, round(width * scale)), "height": max(1, round(height * scale))}
    thumbnail = {**base, **small, "file_unique_id": base["file_unique_id"] + "s"}
    return [thumbnail, {**base, "width": width, "height": height}]


def get_file(double: Double, params: Params, _: dict[str, Upload]) -> dict[str, Any]:
    """GetFile."""
    file_id = string(params, "file_id")
    if not file_id:
        raise bad("file_id not specified")
    stored = double.files.get(file_id)
    if stored is None:
        raise bad("wrong file_id or the file is temporarily unavailable")
    if len(stored.upload.body) > DOWNLOAD_LIMIT_BYTES:
        raise bad("file is too big")
    return {
        "file_id": file_id,
        "file_unique_id": stored.unique_id,
        "file_size": len(stored.upload.body),
        "file_path": stored.path,
    }
