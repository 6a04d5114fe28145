"""`coxa chat`: talk with Coxa in the terminal, or play transcripts of such talks."""

from __future__ import annotations

import argparse
import asyncio
import io
import logging
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # `coxa --version` needs none of these
    from bot.channels.console import Note, Paper, Skip
    from bot.channels.transcript import Step, Transcript
    from bot.settings import Settings
    from bot.wiring import Content, Seated, Terminal

NAME = "chat"
STARTS = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
"""When every transcript begins."""
TICK = timedelta(seconds=1)
"""What passes between two lines of a transcript, so that they have an order."""


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        NAME,
        help="talk with Coxa here",
        description="Talk with Coxa in this terminal. A number taps a choice, [Label] any button; the rest is"
        " text. /edit TEXT corrects your last line, /edit 2 TEXT the one before; /skip 1d lets a day pass."
        " Ctrl-D ends; everything is kept.",
    )
    parser.add_argument("--memory", action="store_true", help="keep nothing: forget everything at the end")
    parser.add_argument(
        "--as",
        dest="people",
        metavar="PEOPLE",
        type=_people,
        help="who sits here, as ann,coach:sam: the first speaks; 'sam: text' speaks as sam; alone:ann has no coach",
    )
    parser.add_argument(
        "--check",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="play transcripts (files or folders) and compare; exit code 1 where one differs",
    )
    parser.add_argument("--update", action="store_true", help="with --check: write down what was said")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Talk until the input ends, or play transcripts."""
    from bot.settings import read_settings

    if chosen.update and not chosen.check:
        sys.stderr.write("coxa chat: --update goes with --check FILE\n")
        return 2
    settings = read_settings()
    if chosen.check:
        return check(chosen.check, settings, update=chosen.update)
    from bot.wiring import Seated

    return talk(settings, chosen.people or Seated(), memory=chosen.memory)


def talk(settings: Settings, seated: Seated, *, memory: bool) -> int:
    """Talk with whoever sits here until the input ends."""
    from bot.channels.console import PlainPaper, RichPaper
    from bot.wiring import MovedClock, SystemClock, Terminal, open_store, read_content
    from bot.workflow.door import Door

    for stream in (sys.stdin, sys.stdout):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a sign that one side doesn't know ends no talk
    live = sys.stdin.isatty() and sys.stdout.isatty()
    paper = RichPaper() if live else PlainPaper(sys.stdout)
    content = read_content(settings)
    # Between two lines nothing runs, so lines are read outside the loop, where Ctrl-C is heard at once.
    with asyncio.Runner() as runner:
        opening = open_store(settings, memory=memory)
        store = runner.run(opening.__aenter__())
        if not memory:
            sys.stderr.write(f"Kept in {settings.place}; the key in {settings.key_file}.\n")
        try:
            door = Door(invite_only=settings.invite_only, zone=settings.zone)
            terminal = Terminal(store, content, MovedClock(SystemClock()), seated, paper, door=door)
            runner.run(terminal.start())
            for line in _typed(live, echo=not sys.stdin.isatty(), people=seated.names):
                _tell(paper, runner.run(terminal.hear(line)))
        except KeyboardInterrupt:
            pass  # what was heard is stored: the next start goes on from there
        finally:
            runner.run(opening.__aexit__(None, None, None))
    if live:
        sys.stdout.write("\nBye. " + ("Nothing was kept.\n" if memory else "Everything is kept; coxa chat goes on.\n"))
    return 0


def check(paths: Iterable[Path], settings: Settings, *, update: bool) -> int:
    """Play transcripts; show where one differs (1), or write down what was said."""
    from bot.channels.transcript import difference
    from bot.wiring import read_content

    files = list(_files(paths))
    if not files:
        sys.stderr.write("coxa chat: there is no transcript (*.txt) to play\n")
        return 2
    content = read_content(settings)
    different = 0
    for file in files:
        text, transcript = read(file)
        before = read_before(file, transcript)
        with traces():
            played = asyncio.run(play(transcript, settings, content, before))
        differs = difference(transcript, played)
        if update:
            now = "".join(f"{line}\n" for line in played)
            if now != text:
                file.write_text(now, encoding="utf-8")
            sys.stdout.write(f"{'written' if now != text else 'same   '} {file}\n")
            continue
        different += bool(differs)
        sys.stdout.write(f"{'DIFFERS' if differs else 'ok     '} {file}\n")
        sys.stdout.writelines(f"{line}\n" for line in differs)
    return 1 if different else 0


def read(file: Path) -> tuple[str, Transcript]:
    """Read a transcript; raises TranscriptError."""
    from bot.channels.transcript import TranscriptError, read_transcript

    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TranscriptError(f"{file}: can't be read ({error}); give a transcript or a folder of them") from error
    return text, read_transcript(text, str(file))


def read_before(file: Path, transcript: Transcript) -> Transcript | None:
    """Read what is played before a transcript, where it names something."""
    return read(file.parent / transcript.after)[1] if transcript.after is not None else None


async def play(
    transcript: Transcript, settings: Settings, content: Content, before: Transcript | None = None
) -> tuple[str, ...]:
    """Play a transcript in memory from a fixed time; give it as it should read, with what was said.

    *before* is played first, in silence: the one that the transcript's `# after:` names.
    """
    from bot.channels.console import PlainPaper
    from bot.channels.transcript import TranscriptError
    from bot.timetable.rhythm import tz
    from bot.wiring import FixedClock, MovedClock, Seated, Terminal, open_store, seat
    from bot.workflow.door import Door

    try:
        seated = seat(transcript.people) if transcript.people else Seated(names=("ann",))
    except ValueError as error:
        raise TranscriptError(f"{transcript.name}: # as: {error}") from error
    try:
        zone = tz(transcript.zone or "+00:00")
    except ValueError as error:
        raise TranscriptError(f"{transcript.name}: # zone: {error}") from error
    out = io.StringIO()
    paper = PlainPaper(out)
    starts = transcript.starts.replace(tzinfo=zone).astimezone(UTC) if transcript.starts else STARTS
    clock = MovedClock(FixedClock(starts))
    numbers = count(1)
    door = Door(make_token=lambda: f"invitation-number-{next(numbers)}")  # one that a transcript can repeat

    async def start() -> Terminal:
        terminal = Terminal(store, content, clock, seated, paper, zone, door)
        await terminal.start()
        return terminal

    async with open_store(settings, memory=True) as store:
        if before is not None:
            terminal = await start()
            for step in before.steps[before.head :]:
                terminal = await _act(terminal, step, start)
            out.seek(0)
            out.truncate()
        out.writelines(f"{step.written}\n" for step in transcript.steps[: transcript.head])
        if before is None:
            terminal = await start()
        for step in transcript.steps[transcript.head :]:
            out.write(f"{step.written}\n")
            terminal = await _act(terminal, step, start)
    return tuple(out.getvalue().splitlines())


async def _act(terminal: Terminal, step: Step, start: Callable[[], Awaitable[Terminal]]) -> Terminal:
    """Do what a step says; give the terminal that goes on."""
    from bot.channels.transcript import Blocks, Down, Restarts, Says, Until, Waits

    match step.act:
        case Says(line=line):
            terminal.clock.move(TICK)
            _tell(terminal.console.paper, await terminal.hear(line), time=False)
        case Waits(by=by):
            await terminal.wait(by)
        case Until(at=at, weekday=weekday):
            await terminal.wait_until(at, weekday)
        case Down(by=by):
            await terminal.down(by)
        case Blocks(on=on):
            terminal.clock.move(TICK)
            await terminal.block(on=on)
        case Restarts():
            terminal.clock.move(TICK)
            return await start()
    return terminal


@contextmanager
def traces() -> Iterator[None]:
    """Show the traces of what goes wrong: what is said in transcripts is made up, and may be quoted."""
    log, shown = logging.getLogger("bot.workflow.handle"), logging.StreamHandler(sys.stderr)
    level = log.level
    log.setLevel(logging.DEBUG)
    log.addHandler(shown)
    try:
        yield
    finally:
        log.removeHandler(shown)
        log.setLevel(level)


def _people(given: str) -> Seated:
    from bot.wiring import seat

    try:
        return seat(given)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(path.rglob("*.txt"))
        else:
            yield path


def _typed(live: bool, *, echo: bool, people: tuple[str, ...]) -> Iterator[str]:
    """Read lines until the input ends; those of a pipe are written too: the output is a transcript."""
    if not live:
        for line in sys.stdin:
            said = line.strip()
            if echo and said and not said.startswith("/skip"):
                by_name = any(said.startswith(f"{name}>") for name in people)
                sys.stdout.write(f"{said}\n" if by_name else f"> {said}\n")
            yield said
        return
    with suppress(ImportError):  # Windows has no line editing of this kind; its console brings its own
        import readline  # noqa: F401  # importing it gives input() its line editing
    while True:
        sys.stdout.write("\n")
        try:
            yield input("> ").strip()
        except EOFError:
            return


def _tell(paper: Paper, told: Skip | Note | None, *, time: bool = True) -> None:
    """Show what the terminal itself has to say."""
    import html

    from bot.channels.console import Note, Piece, Skip

    match told:
        case Skip(by=by) if time:
            paper.passed(by)
        case Note(text=text):
            paper.show(None, (Piece(kind="note", html=html.escape(f"({text})", quote=False)),))
        case _:
            pass
