"""The log: every record goes one way, as a line or as JSON, and no exception says what somebody wrote."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest

from bot.commands.logs import NOT_SAID, Kind, configure
from bot.commands.serve import NOISY

WORDS = "sentinel words of a client"


@pytest.fixture(autouse=True)
def loggers() -> Iterator[None]:
    """Put the loggers back afterwards."""
    root = logging.getLogger()
    before, level, levels = list(root.handlers), root.level, {name: logging.getLogger(name).level for name in NOISY}
    root.handlers.clear()
    yield
    root.handlers[:] = before
    root.setLevel(level)
    logging.captureWarnings(False)
    for name, was in levels.items():
        logging.getLogger(name).setLevel(was)


def fails(error: Exception) -> None:
    """Log an error that led to another."""
    try:
        try:
            raise error
        except Exception as first:
            raise LookupError(WORDS) from first
    except LookupError:
        logging.getLogger("bot.somewhere").exception("a step failed")


def records(log: str) -> list[dict[str, Any]]:
    """Read a log of JSON."""
    return [json.loads(line) for line in log.splitlines()]


def test_as_json_each_record_is_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    configure("json", NOISY)
    logging.getLogger("bot.somewhere").warning("row %s waits,\nand “waits”", 7, extra={"name_of": WORDS})
    fails(ValueError(WORDS))
    first, second = records(capsys.readouterr().err)
    assert first.pop("at").endswith("+00:00")
    assert first == {"level": "warning", "logger": "bot.somewhere", "event": "row 7 waits,\nand “waits”"}
    assert second["event"] == "a step failed"
    assert "test_logs.py" in second["exception"]


def test_for_people_a_record_reads_as_it_always_did(capsys: pytest.CaptureFixture[str]) -> None:
    configure("lines", NOISY)
    logging.getLogger("bot.somewhere").info("row %s waits", 7)
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO bot\.somewhere: row 7 waits\n", capsys.readouterr().err
    )


@pytest.mark.parametrize("kind", ["lines", "json"])
def test_what_an_exception_says_is_logged_only_of_machines(capsys: pytest.CaptureFixture[str], kind: Kind) -> None:
    configure(kind, NOISY)
    fails(ValueError(WORDS))
    fails(ConnectionRefusedError(111, "the server does not listen"))
    try:
        raise ExceptionGroup(WORDS, [KeyError(WORDS)])
    except ExceptionGroup:
        logging.getLogger("bot.somewhere").exception("several failed")
    log = capsys.readouterr().err
    assert WORDS not in log
    assert log.count(NOT_SAID) == 5
    assert "the server does not listen" in log
    for what in ("builtins.ValueError", "builtins.LookupError", "builtins.KeyError", "in fails"):
        assert what in log


def test_libraries_that_quote_are_heard_only_when_they_warn(capsys: pytest.CaptureFixture[str]) -> None:
    configure("json", NOISY)
    for name in NOISY:
        logging.getLogger(f"{name}.inside").info(WORDS)
    logging.getLogger("telegram.ext").warning("slow")
    [record] = records(capsys.readouterr().err)
    assert record["event"] == "slow"
