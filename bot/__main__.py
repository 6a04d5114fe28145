"""The `coxa` command."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import NoReturn

from bot.commands import (
    announce,
    backup,
    chat,
    check,
    classify,
    coach,
    db,
    doctor,
    inbox,
    keys,
    restore,
    rules,
    serve,
    simulate,
    unlock,
)

COMMANDS = (
    *(chat, serve, doctor, db, backup, restore, keys, inbox),
    *(classify, check, simulate, rules, coach, unlock, announce),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name and give its exit code; 2 for what can't be done as asked."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    parser = _parser()
    if not given:
        parser.print_help()
        return 0
    chosen = parser.parse_args(given)
    try:
        return int(chosen.run(chosen))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read our output has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if not _is_known(error):
            raise
        sys.stderr.write(f"coxa: {error}\n")
        return 2


class _Parser(argparse.ArgumentParser):
    """A parser that says what was probably meant."""

    def error(self, message: str) -> NoReturn:
        names = [command.NAME for command in COMMANDS]
        if "invalid choice" in message and self.prog == "coxa":
            word = message.partition("'")[2].partition("'")[0]
            near = difflib.get_close_matches(word, names, n=1)
            meant = f"did you mean coxa {near[0]}?" if near else f"there are: {', '.join(names)}"
            message = f"there is no command {word!r}; {meant}"
        sys.stderr.write(f"{self.prog}: {message}\nTry: {self.prog} --help\n")
        raise SystemExit(2)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="coxa", description="A chat coach for the hip: self-screen, reasons, exercises.")
    parser.add_argument("--version", action="version", version=f"coxa {_version()}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(commands)
    return parser


def _version() -> str:
    try:
        return version("coxa")
    except PackageNotFoundError:
        return "unknown (not installed)"


def _is_known(error: Exception) -> bool:
    """Tell whether an error explains itself, so that its message is all that is shown."""
    from bot.channels.transcript import TranscriptError
    from bot.settings import SettingsError
    from rules import ContentError

    if isinstance(error, ContentError | SettingsError | TranscriptError):
        return True
    from bot.storage.backup import BackupError
    from bot.storage.crypto import DataKeyMissing
    from bot.storage.database import DatabaseBusy, DatabaseUnreachable
    from bot.storage.upgrade import DatabaseBroken, DatabaseNewer

    known = BackupError | DatabaseBroken | DatabaseBusy | DatabaseNewer | DatabaseUnreachable | DataKeyMissing
    return isinstance(error, known)


if __name__ == "__main__":
    sys.exit(main())
