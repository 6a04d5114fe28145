"""The keys of a database, and the column types that encrypt with them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import Dialect, LargeBinary
from sqlalchemy.types import TypeDecorator

INDEX_KEY_BYTES = 32
OTHERS = stat.S_IRWXG | stat.S_IRWXO
"""What a key file may grant to nobody: anything, to anyone but its owner."""


class DataKeyMissing(Exception):
    """Data can't be opened for want of its key; the message says what to do."""


class KeysUnusable(DataKeyMissing):
    """A key file that is no key file, or that can't be read."""


class KeysExposed(DataKeyMissing):
    """A key file that others can read."""


class KeyRing:
    """The keys of one database: data keys, the newest first, and one index key.

    The newest data key encrypts, any of them decrypts. The index key makes blind indexes: the same text gives the
    same lookup, which tells nothing of the text to whoever lacks the key.
    """

    def __init__(self, data_keys: Sequence[str], index_key: bytes, *, where: str = "memory") -> None:
        if not data_keys or len(index_key) != INDEX_KEY_BYTES:
            raise ValueError(f"a key ring has at least one data key, and an index key of {INDEX_KEY_BYTES} bytes")
        self._fernet = MultiFernet([Fernet(key) for key in data_keys])
        self._data_keys, self._index_key = tuple(data_keys), index_key
        self.where = where
        """Where the keys are kept, for messages to people."""
        self._unwritten: Path | None = None
        self._old_index_key: bytes | None = None

    @classmethod
    def new(cls, *, where: str = "memory") -> Self:
        """Make a ring with new keys, in memory only."""
        return cls([Fernet.generate_key().decode()], os.urandom(INDEX_KEY_BYTES), where=where)

    @classmethod
    def open(cls, path: Path, *, create: bool = True, resuming: bool = False) -> Self:
        """Read a key file; where it is missing, make it (mode 0600), or raise DataKeyMissing if not to *create*.

        Raises KeysExposed for a file that others can read, KeysUnusable for one that is no key file, and, unless
        *resuming*, for one whose rotation was cut off.
        """
        try:
            return cls._read(path, resuming=resuming)
        except FileNotFoundError:
            if not create:
                raise DataKeyMissing(
                    f"this database was made with another key: {path} is missing. Put that key file back,"
                    " or move the database away to start anew"
                ) from None
        ring = cls.new(where=str(path))
        ring._write(path)
        return ring

    @classmethod
    def open_later(cls, path: Path) -> Self:
        """Read a key file; where it is missing, give new keys, which `settle` writes or throws away."""
        try:
            return cls._read(path)
        except FileNotFoundError:
            ring = cls.new(where=str(path))
            ring._unwritten = path
            return ring

    def settle(self, *, new_database: bool) -> None:
        """Write keys that are in no file yet, for a new database; take those that another process wrote meanwhile.

        Raises DataKeyMissing where the database is older than these keys.
        """
        path = self._unwritten
        if path is None:
            return
        if path.exists():
            there = self._read(path)
            self._fernet, self._data_keys, self._index_key = there._fernet, there._data_keys, there._index_key
        elif new_database:
            self._write(path)
        else:
            raise DataKeyMissing(f"{path} is missing")
        self._unwritten = None

    def encrypt(self, plain: bytes) -> bytes:
        """Encrypt with the newest key."""
        return self._fernet.encrypt(plain)

    def decrypt(self, token: bytes) -> bytes:
        """Decrypt what any key of the ring encrypted; raises DataKeyMissing for anything else."""
        try:
            return self._fernet.decrypt(token)
        except InvalidToken:
            raise DataKeyMissing(
                f"this was encrypted with another key than those in {self.where}; put the database's own key file back"
            ) from None

    def lookup(self, text: str) -> str:
        """Give the blind index of a text: 64 hex digits."""
        return hmac.new(self._index_key, text.encode(), hashlib.sha256).hexdigest()

    def lookups(self, text: str) -> tuple[str, ...]:
        """Give the blind indexes of a text that count: in the middle of a rotation, the old one, too."""
        if self._old_index_key is None:
            return (self.lookup(text),)
        return self.lookup(text), hmac.new(self._old_index_key, text.encode(), hashlib.sha256).hexdigest()

    @property
    def is_rotating(self) -> bool:
        """Tell whether new keys are taking the place of old ones."""
        return self._old_index_key is not None

    def begin_rotation(self, path: Path) -> None:
        """Put new keys before the old ones, in the file first, which only `resuming` opens then; again does nothing."""
        if self.is_rotating:
            return
        self._old_index_key, self._index_key = self._index_key, os.urandom(INDEX_KEY_BYTES)
        self._data_keys = (Fernet.generate_key().decode(), *self._data_keys)
        self._replace(path)
        self._fernet = MultiFernet([Fernet(key) for key in self._data_keys])

    def end_rotation(self, path: Path) -> None:
        """Drop all keys but the newest; what they encrypted can't be read any more."""
        self._old_index_key, self._data_keys = None, self._data_keys[:1]
        self._replace(path)
        self._fernet = MultiFernet([Fernet(key) for key in self._data_keys])

    def __repr__(self) -> str:
        return f"KeyRing({self.where})"

    @classmethod
    def _read(cls, path: Path, *, resuming: bool = False) -> Self:
        try:
            with path.open("rb") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                if os.name == "posix" and mode & OTHERS:
                    raise KeysExposed(f"{path} can be read by others; run: chmod 600 {path}")
                held = json.loads(file.read())
            ring = cls(held["data_keys"], base64.b64decode(held["index_key"], validate=True), where=str(path))
            if "old_index_key" in held:
                ring._old_index_key = base64.b64decode(held["old_index_key"], validate=True)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise KeysUnusable(f"{path} can't be read ({error.strerror}); run Coxa as the user who made it") from error
        except (ValueError, TypeError, KeyError, AttributeError, binascii.Error):
            # Without its cause: that would quote the file, and so the keys.
            raise KeysUnusable(
                f"{path} is no key file; put a copy of it back, or, if there is no data to open, delete it"
            ) from None
        if ring.is_rotating and not resuming:
            raise KeysUnusable(f"new keys were being put into {path} when that was cut off; run: coxa keys rotate")
        return ring

    def _replace(self, path: Path) -> None:
        """Write the ring in place of its file, whole or not at all."""
        beside = path.with_name(f"{path.name}.new")
        beside.unlink(missing_ok=True)
        self._write(beside)
        beside.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _write(self, path: Path) -> None:
        """Write the ring to a new file, durably: data that outlives its key is lost."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        held = {"data_keys": self._data_keys, "index_key": base64.b64encode(self._index_key).decode()}
        if self._old_index_key is not None:
            held["old_index_key"] = base64.b64encode(self._old_index_key).decode()
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                json.dump(held, file, indent=1)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise KeysUnusable(
                f"{path} can't be written ({error.strerror}); set COXA_KEY_FILE to a place that can"
            ) from error


class EncryptedText(TypeDecorator[str]):
    """Text, encrypted with a ring."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, ring: KeyRing) -> None:
        super().__init__()
        self.ring = ring

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        return None if value is None else self.ring.encrypt(value.encode())

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:
        return None if value is None else self.ring.decrypt(value).decode()


class EncryptedJSON(TypeDecorator[Any]):
    """Anything that JSON can say, encrypted with a ring. Tuples come back as lists; None is NULL."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, ring: KeyRing) -> None:
        super().__init__()
        self.ring = ring

    def process_bind_param(self, value: Any, dialect: Dialect) -> bytes | None:
        return None if value is None else self.ring.encrypt(to_json(value))

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(self.ring.decrypt(value))


def to_json(value: Any) -> bytes:
    """Give a value as JSON; raises TypeError for what JSON can't say."""
    return json.dumps(value, default=_mapping, separators=(",", ":")).encode()


def _mapping(value: object) -> dict[Any, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} can't be kept as JSON; give text, numbers, mappings or sequences")
