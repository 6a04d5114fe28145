"""Scripted faults: what goes wrong with a call, for which method and chat, and how often."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

from .wire import Refusal

Kind = Literal["refuse", "page", "hang", "slow", "drop_before", "drop_after", "half", "garbage"]
BAD_GATEWAY = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n"
    b"<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n"
)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One way to go wrong; `applied` says whether the call takes effect first."""

    kind: Kind
    applied: bool = False
    refusal: Refusal | None = None
    seconds: float = 0.0
    status: int = 200
    body: bytes = b""
    enforce: bool = False

    @property
    def name(self) -> str:
        """Name it for the journal."""
        return f"refuse {self.refusal.code}" if self.refusal else self.kind


def refuse(code: int, description: str, *, retry_after: int | None = None, enforce: bool = False) -> Fault:
    """Answer with an error; `enforce` makes the double refuse the chat until retry_after has passed."""
    parameters = None if retry_after is None else {"retry_after": retry_after}
    return Fault(kind="refuse", refusal=Refusal(code, description, parameters), enforce=enforce)


def too_many(retry_after: int, *, enforce: bool = False) -> Fault:
    """429 Too Many Requests."""
    description = f"Too Many Requests: retry after {retry_after}"
    return refuse(429, description, retry_after=retry_after, enforce=enforce)


def blocked() -> Fault:
    """403, as from a user who blocked the bot."""
    return refuse(403, "Forbidden: bot was blocked by the user")


def server_error() -> Fault:
    """500 with Telegram's JSON."""
    return refuse(500, "Internal Server Error")


def bad_gateway() -> Fault:
    """502 with an HTML page."""
    return Fault(kind="page", status=502, body=BAD_GATEWAY)


def hang(*, applied: bool = False) -> Fault:
    """Never answer, until released or the client gives up."""
    return Fault(kind="hang", applied=applied)


def slow(seconds: float, *, applied: bool = False) -> Fault:
    """Answer late: the effect comes after the wait, or before it with `applied`."""
    return Fault(kind="slow", seconds=seconds, applied=applied)


def drop_before() -> Fault:
    """Cut the connection; the call has no effect."""
    return Fault(kind="drop_before")


def drop_after() -> Fault:
    """Cut the connection after the effect; the client never gets the answer."""
    return Fault(kind="drop_after", applied=True)


def half() -> Fault:
    """Cut the connection in the middle of the answer, after the effect."""
    return Fault(kind="half", applied=True)


def garbage(*, applied: bool = False) -> Fault:
    """Answer 200 with a body that is no JSON."""
    return Fault(kind="garbage", body=b"<!doctype html><p>Please log in to the network", applied=applied)


@dataclass(eq=False)
class Script:
    """A fault put in place: `used` counts, `release()` lets hanging calls go on, `cancel()` takes it away."""

    method: str
    fault: Fault
    left: int | None
    chat: int | None
    when: Callable[[dict[str, object]], bool] | None = None
    used: int = 0
    freed: asyncio.Event = field(default_factory=asyncio.Event)

    def release(self) -> None:
        """Let calls that hang take effect and be answered."""
        self.freed.set()

    def cancel(self) -> None:
        """Use it no more."""
        self.left = 0

    async def pause(self, gone: Callable[[], Awaitable[None]]) -> bool:
        """Wait as the fault says; tell whether the client is still there."""
        leaving = asyncio.ensure_future(gone())
        waiting = asyncio.ensure_future(
            self.freed.wait() if self.fault.kind == "hang" else asyncio.sleep(self.fault.seconds)
        )
        try:
            await asyncio.wait((leaving, waiting), return_when=asyncio.FIRST_COMPLETED)
            return waiting.done()
        finally:
            leaving.cancel()
            waiting.cancel()


@dataclass
class Faults:
    """The scripts in place, first come first used."""

    scripts: list[Script] = field(default_factory=list)

    def add(
        self,
        method: str,
        fault: Fault,
        *,
        times: int | None = 1,
        chat: int | None = None,
        when: Callable[[dict[str, object]], bool] | None = None,
    ) -> Script:
        """Put a fault in place for a method ("*" for all), used `times` times (None: for ever)."""
        script = Script(method.lower(), fault, times, chat, when)
        self.scripts.append(script)
        return script

    def pick(self, method: str, chat: int | None, params: dict[str, object]) -> Script | None:
        """Take the fault due for this call, if any."""
        for script in self.scripts:
            if script.left == 0 or script.method not in (method, "*"):
                continue
            if script.chat is not None and script.chat != chat:
                continue
            if script.when is not None and not script.when(params):
                continue
            script.used += 1
            if script.left is not None:
                script.left -= 1
                if script.left == 0 and script.fault.kind not in ("hang",):
                    self.scripts.remove(script)
            return script
        return None

    def clear(self) -> None:
        """Take all faults away and let hanging calls go on."""
        for script in self.scripts:
            script.left = 0
            script.release()
        self.scripts.clear()
