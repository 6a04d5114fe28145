"""The files that go out: each opens as what it is called, for whom it may, and nobody else."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pypdf
import pytest

from bot.export.fhir import validate
from bot.settings import Settings, read_settings
from bot.wiring import Content, read_content, writer
from bot.workflow.ports import NotTheirsError
from tests.bot.test_mydata import numbers
from tests.played import house, settings_in

EDITED = "flexion_femoral.txt coach_edits.txt"


@pytest.fixture(scope="module")
def content() -> Content:
    return read_content(read_settings())


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


async def files(settings: Settings, content: Content, played: str, *kinds: str, viewer: str = "ann") -> list[bytes]:
    """Play transcripts, one after the other, and write files about Ann for her, her coach or somebody else."""
    async with house(settings, content=content) as made:
        await made.terminal.start()
        for name in played.split():
            await made.play(name)
        ann, sam = await numbers(settings)
        who = {"ann": ann, "sam": sam, "nobody": 99}[viewer]
        write = writer(made.store, content, made.terminal.clock).write
        return [await write({"kind": kind, "client": ann, "viewer": who, "language": "en"}) for kind in kinds]


def text_of(pdf: bytes) -> str:
    reader = pypdf.PdfReader(io.BytesIO(pdf))
    return "\n".join(page.extract_text() for page in reader.pages)


async def test_a_letter_tells_what_made_the_screening_stop_on_one_page(settings: Settings, content: Content) -> None:
    [letter] = await files(settings, content, "letter.txt", "letter.pdf")
    assert len(pypdf.PdfReader(io.BytesIO(letter)).pages) == 1
    told = text_of(letter)
    assert "not a clinical examination" in told
    assert "rf02_fall_risk" in told


async def test_there_is_no_letter_where_nothing_stands(settings: Settings, content: Content) -> None:
    with pytest.raises(ValueError, match="nothing that a clinician"):
        await files(settings, content, "flexion_femoral.txt", "letter.pdf")


async def test_the_sheet_has_the_exercises_of_the_next_session(settings: Settings, content: Content) -> None:
    [sheet] = await files(settings, content, EDITED, "plan.pdf")
    assert "Bow, turn and reach" in text_of(sheet)


async def test_a_coach_gets_tables_json_and_valid_fhir_in_one_file(settings: Settings, content: Content) -> None:
    [packed] = await files(settings, content, EDITED, "export.zip", viewer="sam")
    with zipfile.ZipFile(io.BytesIO(packed)) as opened:
        names = opened.namelist()
        assert {"answers.csv", "findings.csv", "plans.csv", "record.json"} <= set(names)
        bundle = json.loads(opened.read("fhir-hip_internal_rotation.json"))
        assert validate(bundle) == ()
        assert json.loads(opened.read("record.json"))["name"]
        assert b"Old ankle sprain" not in b"".join(opened.read(name) for name in names)  # a coach's own note


@pytest.mark.parametrize("kind", ["export.zip", "plan.pdf", "letter.pdf", "mydata.json", "mydata.html"])
async def test_nobody_else_gets_anything(settings: Settings, content: Content, kind: str) -> None:
    with pytest.raises(NotTheirsError):
        await files(settings, content, EDITED, kind, viewer="nobody")


async def test_a_kind_that_nobody_writes_is_refused(settings: Settings, content: Content) -> None:
    with pytest.raises(ValueError, match="known: mydata"):
        await files(settings, content, EDITED, "secrets.txt")
