"""What a key ring promises."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from bot.storage.crypto import DataKeyMissing, KeyRing, KeysExposed, KeysUnusable, to_json
from bot.storage.database import open_database, open_ring


def test_a_missing_key_file_is_made_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "key.json"
    made = KeyRing.open(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    again = KeyRing.open(path)
    assert again.decrypt(made.encrypt(b"numb")) == b"numb"
    assert again.lookup("ann") == made.lookup("ann")
    assert [entry.name for entry in path.parent.iterdir()] == ["key.json"]


def test_a_missing_key_file_is_not_made_for_data_that_is_there(tmp_path: Path) -> None:
    with pytest.raises(DataKeyMissing, match=r"made with another key: .*key.json is missing"):
        KeyRing.open(tmp_path / "key.json", create=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602, 0o606])
def test_a_key_file_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key.json"
    KeyRing.open(path)
    path.chmod(mode)
    with pytest.raises(KeysExposed, match=f"chmod 600 {path}"):
        KeyRing.open(path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json",
        "[]",
        "{}",
        '{"data_keys": [], "index_key": ""}',
        '{"data_keys": ["secret-key"], "index_key": "AAAA"}',
        json.dumps({"data_keys": [b64encode(bytes(32)).decode()], "index_key": "AAAA"}),
        json.dumps({"data_keys": 7, "index_key": "A" * 43 + "="}),
        "\\xff",
    ],
)
def test_what_is_no_key_file_is_refused_without_showing_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(KeysUnusable, match="is no key file; put a copy of it back") as refused:
        KeyRing.open(path)
    assert "secret-key" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_key_file_that_cannot_be_read_or_written_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(KeysUnusable, match="can't be read"):
        KeyRing.open(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(KeysUnusable, match="can't be"):
        KeyRing.open(tmp_path / "file" / "key.json")


def test_older_keys_still_open_what_they_encrypted() -> None:
    old, new, index = Fernet.generate_key().decode(), Fernet.generate_key().decode(), bytes(32)
    token = KeyRing([old], index).encrypt(b"numb")
    assert KeyRing([new, old], index).decrypt(token) == b"numb"
    with pytest.raises(DataKeyMissing, match="another key"):
        KeyRing([new], index).decrypt(token)
    with pytest.raises(DataKeyMissing, match="another key"):
        KeyRing([old], index).decrypt(KeyRing([new, old], index).encrypt(b"numb"))


def test_a_lookup_is_the_same_for_the_same_text_and_key_only() -> None:
    ring = KeyRing.new()
    assert ring.lookup("ann") == ring.lookup("ann")
    assert len(ring.lookup("ann")) == 64
    assert ring.lookup("ann") not in {ring.lookup("anna"), KeyRing.new().lookup("ann")}


def test_a_ring_does_not_show_its_keys() -> None:
    ring = KeyRing([key := Fernet.generate_key().decode()], bytes(32), where="key.json")
    assert repr(ring) == "KeyRing(key.json)"
    assert key not in str(ring)


def test_what_json_cannot_say_is_refused() -> None:
    assert to_json({"é": (1, None)}) == b'{"\\u00e9":[1,null]}'
    with pytest.raises(TypeError, match="set can't be kept"):
        to_json({1})


async def test_a_new_database_gets_a_new_key_and_an_old_one_never(tmp_path: Path) -> None:
    key_file, url = tmp_path / "key.json", f"sqlite+aiosqlite:///{tmp_path}/coxa.db"
    await (await open_database(url, open_ring(key_file, url))).close()
    await (await open_database(url, open_ring(key_file, url))).close()
    key_file.unlink()
    with pytest.raises(DataKeyMissing, match="is missing"):
        open_ring(key_file, url)
    assert not key_file.exists()
