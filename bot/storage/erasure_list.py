"""The erasure list: who was deleted, told by nothing but blind indexes, so that a backup can't bring them back."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from bot.storage.crypto import to_json
from bot.workflow.ports import Address

NAME = "erased.jsonl"
"""The name of the list's file, beside the key file."""
KEY_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Somebody was deleted at an instant. `lookup` is the blind index of an address, made with the line's own `key`.

    The ring's index key would not do: `coxa keys rotate` makes a new one, and the address is gone by then.
    """

    key: str
    lookup: str
    at: datetime

    @property
    def line(self) -> str:
        """Give the entry as a line of the file."""
        return json.dumps({"at": self.at.isoformat(), "key": self.key, "lookup": self.lookup})

    @classmethod
    def read(cls, line: str) -> Entry:
        """Read a line; raises ValueError for one that is none."""
        try:
            held = json.loads(line)
            return cls(at=datetime.fromisoformat(held["at"]), key=str(held["key"]), lookup=str(held["lookup"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"no line of an erasure list: {error}") from error


class ErasureList:
    """The list in its file, which is only ever added to. Lists of several machines may be joined: lines stand alone."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def beside(cls, key_file: Path) -> ErasureList:
        """Give the list that belongs to a key file."""
        return cls(key_file.parent / NAME)

    def entry(self, address: Address, at: datetime) -> Entry:
        """Make the entry of an address, not yet in the file."""
        try:
            there = self.entries()
        except (OSError, ValueError):  # nobody's deletion waits until the file is mended; each line has its own key
            there = ()
        key = there[-1].key if there else os.urandom(KEY_BYTES).hex()
        return Entry(key=key, lookup=_lookup(key, address), at=at)

    def entries(self) -> Sequence[Entry]:
        """Read the list; raises ValueError, naming file and line, for one that is damaged."""
        entries = []
        text = self._text()
        whole, _, _ = text.rpartition("\n")  # a last line without its end was cut off while it was written
        for number, line in enumerate(whole.splitlines(), 1):
            if not line.strip():
                continue
            try:
                entries.append(Entry.read(line))
            except ValueError as error:
                raise ValueError(f"{self.path}, line {number}: {error}; mend or remove that line") from error
        return entries

    def add(self, entries: Sequence[Entry]) -> None:
        """Add entries durably; those that are there already are not added again. Raises OSError."""
        there = set(self.entries())
        new = [entry for entry in entries if entry not in there]
        if not new:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "a", encoding="ascii") as file:
            file.truncate(self._text().rfind("\n") + 1)  # what was cut off while it was written is written again
            file.write("".join(f"{entry.line}\n" for entry in new))
            file.flush()
            os.fsync(file.fileno())

    def digest(self) -> str:
        """Give a number for the list as it stands: a database remembers which list it was held against."""
        return hashlib.sha256(self._text().encode()).hexdigest()

    def _text(self) -> str:
        try:
            return self.path.read_text(encoding="ascii")
        except FileNotFoundError:
            return ""


def keyed(entries: Sequence[Entry]) -> dict[str, dict[str, datetime]]:
    """Sort entries for many addresses: by key, the last instant of each lookup."""
    found: dict[str, dict[str, datetime]] = {}
    for entry in entries:
        held = found.setdefault(entry.key, {})
        held[entry.lookup] = max(entry.at, held.get(entry.lookup, entry.at))
    return found


def erased_at(address: Address, sorted_entries: dict[str, dict[str, datetime]]) -> datetime | None:
    """Tell when whoever is at an address was deleted last; None where they never were."""
    times = (held.get(_lookup(key, address)) for key, held in sorted_entries.items())
    return max((at for at in times if at is not None), default=None)


def _lookup(key: str, address: Address) -> str:
    return hmac.new(bytes.fromhex(key), to_json(asdict(address)), hashlib.sha256).hexdigest()
