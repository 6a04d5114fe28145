"""Where every record of a log goes: one way out for all of it, as lines for people or as JSON for machines."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal, TypeAlias

import structlog
from structlog.typing import EventDict

Kind: TypeAlias = Literal["lines", "json"]
OF_MACHINES = ("sqlalchemy", "asyncpg", "aiosqlite", "sqlite3", "telegram", "cryptography")
"""Packages whose exceptions speak of connections and servers (parameters are hidden: see bot/storage/database.py)."""
NOT_SAID = "(its words are not logged: they may quote somebody)"
_Info: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None]


def configure(kind: Kind, noisy: Sequence[str]) -> None:
    """Send all records of the standard library's logging, whoever writes them, through structlog to stderr.

    Of the *noisy*, warnings and worse.
    """
    render = structlog.processors.JSONRenderer(ensure_ascii=False) if kind == "json" else _line
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.processors.ExceptionRenderer(_told)],
            processors=[_known, render],
        )
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(kind == "json")
    for name in noisy:
        logging.getLogger(name).setLevel(logging.WARNING)


def _known(_: Any, __: str, event: EventDict) -> EventDict:
    """Take what is known of a record, and nothing that a library added to it."""
    record: logging.LogRecord = event["_record"]
    known = {
        "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "event": str(event["event"]),
    }
    return known | {name: event[name] for name in ("exception",) if name in event}


def _line(_: Any, __: str, event: EventDict) -> str:
    at = datetime.fromisoformat(event["at"]).astimezone()
    line = f"{at:%Y-%m-%d %H:%M:%S},{at.microsecond // 1000:03d} {event['level'].upper()} {event['logger']}: "
    return line + "\n".join(str(event[name]) for name in ("event", "exception") if name in event)


def _told(exc_info: _Info) -> str:
    """Say where an exception was raised, and what it is. What it says may quote what somebody wrote."""
    return "".join(_steps(exc_info[1]))


def _steps(error: BaseException) -> Iterator[str]:
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None:
        yield from _steps(before)
        yield "\nwhich led to:\n"
    if error.__traceback__ is not None:
        yield "".join(traceback.format_tb(error.__traceback__))
    words = str(error) if _may_be_said(error) else NOT_SAID
    yield f"{type(error).__module__}.{type(error).__qualname__}: {words}"
    if isinstance(error, BaseExceptionGroup):
        for number, one in enumerate(error.exceptions, 1):
            yield f"\n--- {number} of {len(error.exceptions)}\n"
            yield from _steps(one)


def _may_be_said(error: BaseException) -> bool:
    return isinstance(error, OSError) or type(error).__module__.partition(".")[0] in OF_MACHINES
