"""Every transcript plays as written, and each comes to a result with a plan, or to a stop."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.channels.transcript import difference, read_transcript
from bot.commands.chat import play, read_before
from bot.settings import read_settings
from bot.wiring import Content, read_content

FILES = sorted((Path(__file__).parent / "transcripts").glob("*.txt"))
ENDS = (
    "/plan shows this again",
    "You need no exercises from me",
    "No exercises for now",
    "There are no exercises for now",
)


@pytest.fixture(scope="module")
def content() -> Content:
    return read_content(read_settings())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_transcript_plays_as_written(file: Path, content: Content) -> None:
    transcript = read_transcript(file.read_text(encoding="utf-8"), file.name)
    said = asyncio.run(play(transcript, read_settings(), content, read_before(file, transcript)))
    assert not list(difference(transcript, said))


def test_the_transcripts_come_to_a_result_or_to_a_stop() -> None:
    ended = [file.stem for file in FILES if any(end in file.read_text(encoding="utf-8") for end in ENDS)]
    assert len(ended) >= 14, ended


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_transcript_meets_a_failure(file: Path) -> None:
    assert "Something went wrong" not in file.read_text(encoding="utf-8")
