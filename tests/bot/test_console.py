"""What the terminal shows, what it makes of a line, and what a transcript is."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.__main__ import main
from bot.channels.console import (
    Console,
    Note,
    PlainPaper,
    RichPaper,
    Skip,
    address_of,
    duration,
    marked,
    plain,
    spell,
)
from bot.channels.transcript import Restarts, Says, TranscriptError, Waits, difference, is_answer, read_transcript
from bot.conversation.events import Corrected, Tapped, Typed
from bot.settings import read_settings
from bot.wiring import open_store
from bot.workflow.ports import Message, Raw

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
ANN = address_of("ann")


class Desk:
    """A console on paper, with what was written on it since one last looked."""

    def __init__(self, *people: str) -> None:
        self._out = io.StringIO()
        self.console = Console(PlainPaper(self._out), people or ("ann",))

    @property
    def lines(self) -> list[str]:
        lines = self._out.getvalue().splitlines()
        self._out.seek(0)
        self._out.truncate()
        return lines

    async def say(self, text: str, *rows: Mapping[str, Any], edit: str | None = None, to: str = "ann") -> str:
        return await self.console.send(address_of(to), Message(text=text, rows=rows), edit)

    def hear(self, line: str, name: str = "ann") -> Any:
        """Give what a line becomes: the event, or the terminal's own matter."""
        understood = self.console.understand(name, line, NOW)
        if not isinstance(understood, Raw):
            return understood
        heard = self.console.read(understood)
        assert heard is not None
        return heard.event

    def tap(self, line: str) -> str:
        event = self.hear(line)
        assert isinstance(event, Tapped)
        return event.data


def options(
    label: str | None, *labels: str, step: int = 1, kind: str = "options", now: bool = True, chosen: Sequence[str] = ()
) -> Mapping[str, Any]:
    buttons = [{"data": f"{step}:{label}:{word}", "label": word, "chosen": word in chosen} for word in labels]
    return {"label": label, "kind": kind, "open": now, "buttons": buttons}


def controls(*labels: str) -> Mapping[str, Any]:
    return options(None, *labels, kind="controls")


async def test_a_message_is_shown_with_numbered_choices_and_words_to_type() -> None:
    desk = Desk()
    await desk.say("<b>How far</b> &amp; why?\n\nSit.", options(None, "Far", "Not far"), controls("Back", "Why?"))
    assert desk.lines == [
        "< How far & why?",
        "<",
        "< Sit.",
        "<   1 Far",
        "<   2 Not far",
        "< or type: back · why?",
    ]
    assert desk.tap("2") == "1:None:Not far"
    assert isinstance(desk.hear("3"), Typed)
    assert desk.hear("back").text == "back"


async def test_only_the_first_open_row_is_numbered() -> None:
    desk = Desk()
    card = await desk.say("Which?", options("LEFT", "Far", "Near"), options("RIGHT", "Far", "Near", now=False))
    assert desk.lines == ["< Which?", "< LEFT", "<   1 Far", "<   2 Near"]
    left = options("LEFT", "Far", "Near", step=2, now=False, chosen=["Near"])
    await desk.say("Which?", left, options("RIGHT", "Far", "Near", step=2), edit=card)
    assert desk.lines == ["< LEFT: Near ✓", "< RIGHT", "<   1 Far", "<   2 Near"]
    assert desk.tap("1") == "2:RIGHT:Far"


async def test_an_edit_with_other_words_is_shown_whole_and_one_without_change_not_at_all() -> None:
    desk = Desk()
    card = await desk.say("One?", options(None, "Yes", "No"))
    await desk.say("Two?", options(None, "Yes", "No", step=2), edit=card)
    assert desk.lines[3:] == ["< Two?", "<   1 Yes", "<   2 No"]
    await desk.say("Two?", options(None, "Yes", "No", step=3), edit=card)
    assert desk.lines == []
    assert desk.tap("1") == "3:None:Yes"


async def test_ticks_are_shown_where_several_may_be_chosen() -> None:
    desk = Desk()
    card = await desk.say("Which?", options(None, "A", "B", "Done"))
    _ = desk.lines
    await desk.say("Which?", options(None, "A", "B", "Done", chosen=["B"]), edit=card)
    assert desk.lines == ["<   1 A", "<   2 B ✓", "<   3 Done"]


async def test_a_scale_is_typed_and_not_tapped() -> None:
    desk = Desk()
    await desk.say("Old?", options(None, "Yes", "No"))
    await desk.say("How much?", options("LEFT", *map(str, range(11)), kind="scale"))
    assert desk.lines[-1] == "< LEFT: 0 … 10"
    assert desk.hear("2").text == "2"


async def test_numbered_lines_of_the_message_come_before_the_choices() -> None:
    desk = Desk()
    numbers = [options(None, "1", "2", kind="numbers"), options(None, "3", kind="numbers")]
    card = await desk.say("1. Fever\n2. A fall\n3. Night pain", *numbers, options(None, "None of these", "Not sure"))
    assert desk.lines[-2:] == ["<   4 None of these", "<   5 Not sure"]
    assert desk.tap("3") == "1:None:3"
    assert desk.tap("5") == "1:None:Not sure"
    ticked = [options(None, "1 ✓", "2", kind="numbers", chosen=["1 ✓"]), options(None, "3", kind="numbers")]
    await desk.say("1. Fever\n2. A fall\n3. Night pain", *ticked, options(None, "Done", "Not sure"), edit=card)
    assert desk.lines == ["< 1 ✓", "<   4 Done", "<   5 Not sure"]


async def test_a_message_without_choices_leaves_the_card_above_open() -> None:
    desk = Desk()
    await desk.say("How far?", options(None, "Far", "Near"))
    await desk.say("We ask because …")
    assert desk.tap("1") == "1:None:Far"


async def test_a_button_can_be_tapped_by_name_also_when_it_is_old() -> None:
    desk = Desk()
    card = await desk.say("One?", options(None, "Yes", "No", "Maybe"))
    await desk.say("Two?", options("LEFT", "Yes", "No", step=2), edit=card)
    await desk.say("Three?", options(None, "Never", step=3))
    assert desk.tap("[Yes]") == "2:LEFT:Yes"
    assert desk.tap("[Maybe]") == "1:None:Maybe"
    assert desk.tap("[LEFT: No]") == "2:LEFT:No"
    assert desk.tap("[same again]") == "2:LEFT:No"
    assert isinstance(desk.hear("[Perhaps]"), Typed)


async def test_the_open_row_comes_first_where_two_rows_have_a_button_of_that_name() -> None:
    desk = Desk()
    await desk.say("?", options("LEFT", "Far", now=False, chosen=["Far"]), options("RIGHT", "Far"))
    assert desk.tap("[Far]") == "1:RIGHT:Far"
    assert desk.tap("[LEFT: Far]") == "1:LEFT:Far"


async def test_a_new_start_knows_no_buttons_and_shows_an_edited_card_whole() -> None:
    desk = Desk()
    assert desk.hear("1").text == "1"
    assert await desk.say("One?", options(None, "Yes"), edit="before") == "before"
    assert desk.lines == ["< One?", "<   1 Yes"]


async def test_a_correction_names_the_line_it_corrects() -> None:
    desk = Desk()
    assert isinstance(desk.hear("/edit 30"), Note)
    first, _, second = desk.hear("about 20"), desk.hear("/help"), desk.hear("40")
    assert desk.hear("/edit about 30") == Corrected(at=NOW, text="about 30", message=second.message)
    assert desk.hear("/edit 2 about 30").message == first.message
    assert isinstance(desk.hear("/edit 3 about 30"), Note)
    assert isinstance(desk.hear("/edit"), Note)


async def test_time_is_skipped_by_a_command() -> None:
    desk = Desk()
    assert desk.hear("/skip 1d") == Skip(by=timedelta(days=1))
    assert isinstance(desk.hear("/skip soon"), Note)


async def test_several_people_sit_at_one_terminal() -> None:
    desk = Desk("ann", "sam")
    assert desk.console.speaker("sam: hi") == ("sam", "hi")
    assert desk.console.speaker("sam> hi") == ("sam", "hi")
    assert desk.console.speaker("pain: 3") == ("ann", "pain: 3")
    await desk.say("Ann has pain.\n\nCall her.", options(None, "Done"), to="sam")
    assert desk.lines == ["@sam: Ann has pain.", "@sam:", "@sam: Call her.", "@sam:   1 Done"]
    assert isinstance(desk.hear("1", name="sam"), Tapped)
    assert isinstance(desk.hear("1", name="ann"), Typed)


async def test_the_answer_to_a_tap_is_shown_in_brackets() -> None:
    desk = Desk()
    raw = Raw(source="terminal", key="1", body={"from": "ann", "tap": "x"}, at=NOW)
    await desk.console.answer_tap(raw, "That was <old>.")
    await desk.console.answer_tap(raw, None)
    assert desk.lines == ["< (That was <old>.)"]


@pytest.mark.parametrize("body", [{}, {"from": "ann"}, {"from": 1, "text": "x"}, {"from": "ann", "edit": "x"}])
def test_what_is_no_line_is_refused(body: Mapping[str, Any]) -> None:
    with pytest.raises(ValueError, match="a line of the terminal"):
        Desk().console.read(Raw(source="terminal", key="1", body=body, at=NOW))


def test_lines_have_keys_of_their_own() -> None:
    console = Desk().console
    keys = {raw.key for _ in range(50) if isinstance(raw := console.understand("ann", "hi", NOW), Raw)}
    assert len(keys) == 50


async def test_a_terminal_shows_bold_words(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(RichPaper(), ("ann",))
    message = Message(text="[x] <b>How</b> far?", rows=(options("LEFT", "Far"), controls("Back")))
    await console.send(ANN, message, None)
    shown = capsys.readouterr().out
    assert [line.strip() for line in shown.splitlines()] == ["", "[x] How far?", "LEFT", "1 Far", "or type: back"]


def test_marks_and_entities_become_words() -> None:
    assert plain("a <b>b &lt;i&gt; <i>c</i></b> &amp; d") == "a b <i> c & d"
    assert list(marked("a<b>b<i>c</i></b>")) == [("a", ""), ("b", "bold"), ("c", "bold italic")]


@pytest.mark.parametrize(
    ("text", "by", "spelt"),
    [
        ("1d", timedelta(days=1), "+1 day"),
        ("+3 hours", timedelta(hours=3), "+3 hours"),
        ("20m", timedelta(minutes=20), "+20 minutes"),
        ("2 weeks", timedelta(days=14), "+14 days"),
    ],
)
def test_stretches_of_time(text: str, by: timedelta, spelt: str) -> None:
    assert duration(text) == by
    assert spell(by) == spelt
    assert duration("soon") is None


WRITTEN = """\
# as: ann,coach:sam
# A first talk.

< Hello
# She says hi.
> hi
< Hi
@sam: ann said hi

+1 day
sam> ok
# restart
< Hello again
"""


def test_a_transcript_is_read_as_steps_without_the_answers() -> None:
    transcript = read_transcript(WRITTEN, "t")
    assert transcript.people == "ann,coach:sam"
    assert [step.written for step in transcript.steps[: transcript.head]] == WRITTEN.splitlines()[:3]
    acts = [step.act for step in transcript.steps if step.act]
    assert acts == [Says(line="hi"), Waits(by=timedelta(days=1)), Says(line="sam> ok"), Restarts()]


def test_a_transcript_differs_where_answers_do_and_not_where_comments_do() -> None:
    transcript = read_transcript(WRITTEN, "t")
    assert not difference(transcript, WRITTEN.replace("# She says hi.\n", "\n").splitlines())
    changed = difference(transcript, WRITTEN.replace("< Hi\n", "< Ho\n").splitlines())
    assert "-< Hi" in changed
    assert "+< Ho" in changed


@pytest.mark.parametrize("line", ["hello", "+soon"])
def test_a_line_that_belongs_in_no_transcript_is_named(line: str) -> None:
    with pytest.raises(TranscriptError, match=r"^t:2: "):
        read_transcript(f"> hi\n{line}\n", "t")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep settings away from whoever runs the tests."""
    monkeypatch.setenv("COXA_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COXA_KEY_FILE", str(tmp_path / "key.json"))
    return tmp_path


def test_a_transcript_written_down_plays_the_same_again(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = here / "talk.txt"
    file.write_text("# as: ann,coach:sam\n\n> hm\n> 2\n+1 day\n# restart\nsam> /help\n", "utf-8")
    assert main(["chat", "--check", str(file)]) == 1
    assert "+< " in capsys.readouterr().out
    assert main(["chat", "--check", str(here), "--update"]) == 0
    written = file.read_text("utf-8").splitlines()
    assert written[:2] == ["# as: ann,coach:sam", ""]
    assert written[2].startswith("< ")
    assert [line for line in written if not is_answer(line)][2:] == ["> hm", "> 2", "+1 day", "# restart", "sam> /help"]
    assert any(line.startswith("@sam: ") for line in written)
    assert main(["chat", "--check", str(here)]) == 0
    assert capsys.readouterr().out.endswith(f"ok      {file}\n")


def test_what_was_said_is_there_when_the_terminal_is_opened_again(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("1\n"))
    assert main(["chat"]) == 0
    first = capsys.readouterr()
    assert "> 1" in first.out.splitlines()
    assert str(here / "key.json") in first.err
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert main(["chat"]) == 0
    assert capsys.readouterr().out.splitlines()[0] != first.out.splitlines()[0]


def test_a_talk_in_memory_leaves_nothing_behind(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("1\n"))
    assert main(["chat", "--memory"]) == 0
    assert list(here.iterdir()) == []
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("people", ["ann,ann", "Bo b", "boss:sam", ""])
def test_people_that_cannot_sit_here_are_refused(people: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["chat", "--as", people])
    assert "--as" in capsys.readouterr().err


def test_a_second_worker_is_turned_away_in_one_line(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def twice() -> int:
        async with open_store(read_settings(), memory=False):
            return await asyncio.to_thread(main, ["chat"])

    assert asyncio.run(twice()) == 2
    said = capsys.readouterr().err
    assert said.startswith("coxa: another coxa is using ")
    assert said.count("\n") == 1


@pytest.mark.parametrize("url", ["nonsense", "foo://x/y"])
def test_a_database_that_cannot_be_reached_is_said_in_one_line(
    url: str, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(here)
    monkeypatch.setenv("COXA_DATABASE_URL", url)
    assert main(["chat"]) == 2
    said = capsys.readouterr().err
    assert "COXA_DATABASE_URL" in said
    assert said.count("\n") == 1
