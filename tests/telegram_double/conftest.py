"""What the tests of the double share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from telegram import Bot

from tests.telegram_double import Double, User
from tests.telegram_double.connect import connected


@pytest.fixture(autouse=True)
def _timedelta(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "1")


@pytest.fixture
def double() -> Double:
    return Double()


@pytest.fixture
async def bot(double: Double) -> AsyncIterator[Bot]:
    async with connected(double) as bot:
        yield bot


@pytest.fixture
async def ann(double: Double) -> User:
    ann = double.user(42, "Ann", "en")
    await ann.says("/start")
    return ann
