"""How python-telegram-bot reaches Telegram: aiohttp, which can tell "never left" from "perhaps delivered"."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import aiohttp
from telegram.error import NetworkError, TimedOut
from telegram.request import BaseRequest, RequestData

os.environ.setdefault("PTB_TIMEDELTA", "1")
"""Has python-telegram-bot give waits as timedelta; as numbers they are deprecated."""
CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
"""Long, so that a slow answer is rarely taken for none: a message whose fate is unknown may reach its reader twice."""
POOL_SECONDS = 60.0
KEEP_ALIVE_SECONDS = 15.0
"""Shorter than servers keep a quiet connection, so that a request is rarely written into one that is closing."""


JSON = {"Content-Type": "application/json"}


class NeverLeft(NetworkError):
    """A request that did not reach the other side: it may be sent again without fear."""


class ServerTrouble(NetworkError):
    """The other side said that it failed (5xx): what became of the request is not known, but trying again is meant."""


class Params(RequestData):  # type: ignore[misc]  # final, as how it is made may change: only what is read counts
    """Parameters of a call that hold no file, each as Telegram takes it: text, or JSON as text."""

    def __init__(self, **params: str) -> None:
        super().__init__()
        self._params = params

    @property
    def json_parameters(self) -> dict[str, str]:
        """Give the parameters."""
        return self._params


class Request(BaseRequest):
    """python-telegram-bot's way out, on aiohttp.

    Raises NeverLeft where no connection came about; TimedOut or NetworkError where the request may have been read.
    """

    def __init__(self, *, connections: int = 64, read_seconds: float = READ_SECONDS) -> None:
        self._connections, self._read_seconds = connections, read_seconds
        self._session: aiohttp.ClientSession | None = None

    @property
    def read_timeout(self) -> float | None:
        """Give how many seconds an answer may take."""
        return self._read_seconds

    async def initialize(self) -> None:
        """Open the pool of connections."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=KEEP_ALIVE_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
            )

    async def shutdown(self) -> None:
        """Close the pool."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: Any = BaseRequest.DEFAULT_NONE,
        write_timeout: Any = BaseRequest.DEFAULT_NONE,
        connect_timeout: Any = BaseRequest.DEFAULT_NONE,
        pool_timeout: Any = BaseRequest.DEFAULT_NONE,
    ) -> tuple[int, bytes]:
        """Send one request; give the status and the body of the answer."""
        if self._session is None:
            raise RuntimeError("this request class is not initialized")
        timeout = aiohttp.ClientTimeout(
            total=None,
            connect=_given(pool_timeout, POOL_SECONDS),
            sock_connect=_given(connect_timeout, CONNECT_SECONDS),
            sock_read=_given(read_timeout, self._read_seconds),
        )
        try:
            body, headers = _body(request_data)
            async with self._session.request(method, url, data=body, headers=headers, timeout=timeout) as answer:
                if answer.status >= 500:
                    raise ServerTrouble(f"the server answered {answer.status}")
                return answer.status, await answer.read()
        except aiohttp.ConnectionTimeoutError as error:
            raise NeverLeft(f"no connection: {type(error).__name__}") from error
        except (aiohttp.ClientConnectorError, aiohttp.InvalidURL) as error:
            raise NeverLeft(f"no connection: {error}") from error
        except TimeoutError as error:
            raise TimedOut(f"no answer within {timeout.sock_read:g} seconds") from error
        except aiohttp.ClientError as error:
            raise NetworkError(f"the connection broke: {type(error).__name__}") from error


def _given(value: Any, default: float) -> float | None:
    """Give a timeout that was passed, or the default where none was."""
    if value is BaseRequest.DEFAULT_NONE:
        return default
    return None if value is None else float(value)


def _body(data: RequestData | None) -> tuple[aiohttp.FormData | bytes | None, Mapping[str, str] | None]:
    if data is None:
        return None, None
    if not data.contains_files:
        return data.json_payload, JSON
    form = aiohttp.FormData()
    for name, value in data.json_parameters.items():
        form.add_field(name, value)
    for name, (filename, content, mime) in (data.multipart_data or {}).items():
        form.add_field(name, content, filename=filename, content_type=mime)
    return form, None
