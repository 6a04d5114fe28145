"""Bytes in, bytes out: bodies to parameters, results to envelopes, connections cut."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import httpx
from starlette.datastructures import UploadFile
from starlette.requests import Request

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Params = dict[str, Any]

# Decoded from JSON when they arrive as text; everything else stays the text that was sent.
STRUCTURED = frozenset(
    [
        "reply_markup",
        "allowed_updates",
        "commands",
        "entities",
        "caption_entities",
        "link_preview_options",
        "reply_parameters",
        "media",
        "scope",
        "menu_button",
        "message_ids",
    ]
)
JSON_TYPE = b"application/json"


class Refusal(Exception):
    """Carry an error answer: HTTP status, Telegram's description and its parameters."""

    def __init__(self, code: int, description: str, parameters: dict[str, Any] | None = None) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters


class ClientGone(Exception):
    """Say that the client hung up before its answer was ready."""


@dataclass(frozen=True)
class Upload:
    """One uploaded file."""

    name: str
    mime: str
    body: bytes


@dataclass(frozen=True)
class Encoded:
    """A result that is JSON already."""

    body: bytes


def bad(description: str) -> Refusal:
    """Refuse with 400."""
    return Refusal(400, f"Bad Request: {description}")


async def read_body(receive: Receive) -> bytes:
    """Read the whole request body."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return body
    chunks = [body]
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunks.append(message.get("body", b""))
    return b"".join(chunks)


async def parse(scope: Scope, body: bytes) -> tuple[Params, dict[str, Upload]]:
    """Turn query, form, multipart or JSON into parameters and uploads; raise Refusal for what can't be parsed."""
    params: Params = {}
    files: dict[str, Upload] = {}
    if scope.get("query_string"):
        params.update(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
    kind = _content_type(scope)
    if kind.startswith(b"application/json"):
        params.update(_json_object(body))
    elif kind.startswith(b"multipart/form-data"):
        async with Request(dict(scope), _replay(body)).form() as form:
            for name, value in form.multi_items():
                if isinstance(value, UploadFile):
                    mime = value.content_type or "application/octet-stream"
                    files[name] = Upload(value.filename or "file", mime, await value.read())
                else:
                    params[name] = value
    elif body:
        params.update(parse_qsl(body.decode(), keep_blank_values=True))
    for name in STRUCTURED.intersection(params):
        value = params[name]
        if isinstance(value, str):
            if not value:
                del params[name]
                continue
            try:
                params[name] = json.loads(value)
            except ValueError:
                raise bad(f"can't parse {name.replace('_', ' ')} JSON object") from None
    return params, files


def _content_type(scope: Scope) -> bytes:
    for name, value in scope["headers"]:
        if name == b"content-type":
            return bytes(value).lower()
    return b""


def _json_object(body: bytes) -> Params:
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise bad("can't parse JSON object")
    return {
        name: value if isinstance(value, (str, dict, list, bool)) else json.dumps(value)
        for name, value in found.items()
        if value is not None
    }


def _replay(body: bytes) -> Receive:
    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def success(result: Any, description: str | None = None) -> bytes:
    """Encode `{"ok": true, "result": …}`."""
    encoded = result.body if isinstance(result, Encoded) else json.dumps(result, ensure_ascii=False).encode()
    if description is None:
        return b'{"ok":true,"result":' + encoded + b"}"
    return b'{"ok":true,"result":' + encoded + b',"description":' + json.dumps(description).encode() + b"}"


def failure(refusal: Refusal) -> bytes:
    """Encode `{"ok": false, …}`."""
    answer: dict[str, Any] = {"ok": False, "error_code": refusal.code, "description": refusal.description}
    if refusal.parameters:
        answer["parameters"] = refusal.parameters
    return json.dumps(answer, ensure_ascii=False).encode()


async def respond(send: Send, status: int, body: bytes, content_type: bytes = JSON_TYPE) -> None:
    """Send one complete response."""
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def respond_half(receive: Receive, send: Send, status: int, body: bytes) -> None:
    """Send the first half of a response, then cut the connection."""
    headers = [(b"content-type", JSON_TYPE), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    await cut(receive, send)


async def cut(receive: Receive, send: Send) -> None:
    """Cut the connection with no answer: abort uvicorn's TCP transport, or fail as one in-process.

    Raises httpx.RemoteProtocolError in-process, as httpx does when a real server hangs up.
    """
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
    transport.abort()
    await until_gone(receive)


async def until_gone(receive: Receive) -> None:
    """Wait until the client hangs up."""
    while (await receive())["type"] != "http.disconnect":
        pass


def integer(params: Params, name: str, default: int = 0) -> int:
    """Read a whole number as Telegram does: what is no number counts as the default."""
    try:
        return int(params.get(name, default))
    except (TypeError, ValueError):
        return default


def boolean(params: Params, name: str) -> bool:
    """Read a boolean parameter."""
    value = params.get(name)
    return value if isinstance(value, bool) else str(value).lower() in ("true", "yes", "1")


def string(params: Params, name: str) -> str:
    """Read a text parameter, empty when absent."""
    value = params.get(name)
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)
