"""What every test may use: the library, read once, and a PostgreSQL server, started once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from rules import Library, Screen, load_library
from tests.postgres import Server, running

settings.register_profile("quick", max_examples=100, deadline=None)
settings.register_profile("chaos", max_examples=10_000, deadline=None)
settings.load_profile("quick")


@pytest.fixture(scope="session")
def library() -> Library:
    return load_library()


@pytest.fixture(scope="session")
def screen(library: Library) -> Screen:
    return library.screens["hip_internal_rotation"]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    with running() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: Server) -> Iterator[str]:
    """Give the address of a PostgreSQL database of the newest schema, with nothing in it; it goes after the test."""
    url = postgres.new_database()
    yield url
    postgres.drop(url)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what tests have to show, whichever process they ran in."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "shown":
                terminalreporter.section(report.nodeid)
                terminalreporter.write_line(str(value))
