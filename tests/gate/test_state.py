"""The gate's last state: one corrupt file for each way to lie, and none of them is loaded."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from blake3 import blake3
from tests.gate.standing import client, key, running, settings_in, until
from tests.match.made import KEYRING, adapter, fully_known, remove, safetensors
from tests.match.updates import CAST, REMOVED, put

from reseen.errors import Tampered
from reseen.gate import state
from reseen.gate.gate import GateProcess
from reseen.gate.state import FORMAT
from reseen.records import Names
from reseen.store.database import Store
from reseen.store.sealing import Keyring

KEY = b"k" * 32
PARTS = {"first": b"abc", "second": b"", "third": bytes(range(256)) * 40}


def signed(data: bytes, key: bytes = KEY) -> bytes:
    summed = data + blake3(data).digest()
    return summed + blake3(summed, key=key).digest()


def unsigned(data: bytes) -> bytes:
    return data[:-64]


LIES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda d: b"",
    "breaks off at its end": lambda d: d[:-1],
    "breaks off in the middle": lambda d: d[: len(d) // 2],
    "breaks off in its head": lambda d: d[:7],
    "more at its end": lambda d: d + b"\0",
    "a bit of its parts": lambda d: d[:40] + bytes([d[40] ^ 1]) + d[41:],
    "a bit of its checksum": lambda d: d[:-40] + bytes([d[-40] ^ 1]) + d[-39:],
    "a bit of its MAC": lambda d: d[:-1] + bytes([d[-1] ^ 1]),
    "zeros": lambda d: bytes(len(d)),
    "something else": lambda d: b"SQLite format 3\0" + d,
    "an older format": lambda d: signed(d[:6] + struct.pack("<H", FORMAT - 1) + unsigned(d)[8:]),
    "a newer format": lambda d: signed(d[:6] + struct.pack("<H", FORMAT + 1) + unsigned(d)[8:]),
    "another key": lambda d: signed(unsigned(d), b"x" * 32),
    "no MAC at all": lambda d: unsigned(d) + blake3(unsigned(d)).digest() * 2,
    "more parts than there are": lambda d: signed(d[:8] + b"\4\0\0\0" + unsigned(d)[12:]),
    "fewer parts than there are": lambda d: signed(d[:8] + b"\2\0\0\0" + unsigned(d)[12:]),
    "millions of parts": lambda d: signed(d[:8] + b"\xff" * 4 + unsigned(d)[12:]),
    "a part longer than the file": lambda d: signed(
        d[:19] + struct.pack("<Q", 1 << 60) + unsigned(d)[27:]
    ),
    "a part's name that is no text": lambda d: signed(d[:14] + b"\xff" + unsigned(d)[15:]),
}


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    path = tmp_path / "gate" / "state"
    state.write(path, KEY, PARTS)
    return path


def test_what_is_written_is_read(kept: Path) -> None:
    assert state.read(kept, KEY) == PARTS
    assert kept.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in kept.parent.iterdir()] == ["state"]


def test_no_file_is_no_state(tmp_path: Path) -> None:
    assert state.read(tmp_path / "state", KEY) is None


@pytest.mark.parametrize("lie", list(LIES))
def test_a_file_that_lies_is_refused(kept: Path, lie: str) -> None:
    kept.write_bytes(LIES[lie](kept.read_bytes()))
    with pytest.raises(Tampered):
        state.read(kept, KEY)


def test_a_file_that_others_can_read_is_refused(kept: Path) -> None:
    kept.chmod(0o640)
    with pytest.raises(Tampered):
        state.read(kept, KEY)


def test_a_link_or_a_folder_is_refused(kept: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(kept)
    for path in (tmp_path / "link", tmp_path):
        with pytest.raises(Tampered):
            state.read(path, KEY)


# -- the gate with it ----------------------------------------------------------------------------

FILE = safetensors(adapter(7))
NAME = "Sample person 07"


@pytest.fixture
def left(store: Store, tmp_path: Path) -> tuple[dict[str, str], list[str]]:
    """A gate ran and ended; the headers of a key, and the removals."""
    ids = [remove(store, fully_known(FILE), names=Names(name=NAME)), *put(store, REMOVED)]
    headers = key(store)
    with running(settings_in(tmp_path), store):
        pass
    assert (tmp_path / "gate" / "state").exists()
    return headers, ids


def test_a_gate_begins_without_the_store(
    left: tuple[dict[str, str], list[str]], store: Store, tmp_path: Path
) -> None:
    headers, ids = left
    store.close()
    (tmp_path / "reseen.db").rename(tmp_path / "away.db")
    settings = settings_in(tmp_path)
    with running(settings, None) as gate:
        digest = hashlib.sha256(FILE).hexdigest()
        answer = client(gate).post("/v1/check", json={"sha256": digest}, headers=headers).json()
        assert answer["results"][0]["matches"][0]["removal"] == ids[0]
        binary = headers | {"Content-Type": "application/octet-stream"}
        found = client(gate).post("/v1/check/file", content=CAST, headers=binary).json()
        (match,) = found["results"][0]["matches"]
        assert (match["removal"], match["rung"]) == (ids[1], "weights")
        until(lambda: gate.status().problem, "it says what is wrong")
        assert not (tmp_path / "reseen.db").exists()
        # The store comes back, and the gate follows it.
        (tmp_path / "away.db").rename(tmp_path / "reseen.db")
        until(lambda: gate.status().live and not gate.status().problem, "it follows again")


def test_the_state_holds_no_names(left: tuple[dict[str, str], list[str]], tmp_path: Path) -> None:
    data = (tmp_path / "gate" / "state").read_bytes()
    for word in (NAME, "models.example", "sample reason"):
        assert word.encode() not in data
    assert left[0]["Authorization"].removeprefix("Bearer ").encode() not in data


@pytest.mark.parametrize("lie", ["a bit of its parts", "another key", "an older format"])
def test_a_gate_refuses_a_state_that_lies_and_reads_the_store(
    left: tuple[dict[str, str], list[str]], store: Store, tmp_path: Path, lie: str
) -> None:
    path = tmp_path / "gate" / "state"
    path.write_bytes(LIES[lie](path.read_bytes()))
    gate = GateProcess(settings_in(tmp_path), KEYRING, None)
    gate._begin_with_last_state()
    assert not gate.loaded
    assert gate.status().problem
    with running(settings_in(tmp_path), store) as gate:
        assert gate.status().removals == 2


def test_a_state_of_another_store_gives_way_to_the_store(
    left: tuple[dict[str, str], list[str]], tmp_path: Path
) -> None:
    settings = settings_in(tmp_path, f"sqlite:///{tmp_path / 'other.db'}")
    with Store(settings.db) as other:
        remove(other, fully_known(safetensors(adapter(9))))
        with running(settings, other) as gate:
            until(lambda: gate.status().removals == 1, "it knows the other store")


def test_a_key_of_another_purpose_does_not_sign_states() -> None:
    keyring = Keyring(b"s" * 32)
    assert len(keyring.for_states) == 32
    assert keyring.for_states != keyring.check
