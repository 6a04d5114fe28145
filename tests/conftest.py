"""What every test may use: the library, read once."""

from __future__ import annotations

import pytest

from rules import Library, Screen, load_library


@pytest.fixture(scope="session")
def library() -> Library:
    return load_library()


@pytest.fixture(scope="session")
def screen(library: Library) -> Screen:
    return library.screens["hip_internal_rotation"]
