"""The gate's last state, with which it starts at once, also while the store is away.

The index lies in a folder of its own (`match.saved`), and everything else in one file beside it:
hashes of keys, the policy, what lists are called, and which folder is meant, by its MAC. So a
folder that was put in another's place is refused.

The file holds parts, bytes by name. What is read is what was kept, or Tampered. Layout, all numbers
little-endian: "RSGATE", the format's number (2 bytes), how many parts (4); for each part the length
of its name (2), the name, its length (8), its bytes; then BLAKE3 over all before (32 bytes), which
tells a damaged file; then BLAKE3 over all before, keyed with a key that is derived from the sealing
key (32), which tells a forged one. The file appears whole or not at all, its owner's alone.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import shutil
import stat
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from blake3 import blake3

from reseen.errors import StoreError, Tampered
from reseen.gate.keys import Key, KeyScope
from reseen.gate.policy import Policy
from reseen.match import saved
from reseen.match.registry_index import RegistryIndex
from reseen.records import Advice, Rung
from reseen.store.sealing import Keyring

FILE = "state"
"""Its name, in the folder of RESEEN_STATE."""
FORMAT = 2
"""1 held the index in the same file."""
LONGEST = 16 << 30
"""Bytes of a state that is read."""
PARTS = 1_000
_INDEX = "index-"
_MAGIC = b"RSGATE"
_HEAD = struct.Struct("<6sHI")
_NAME = struct.Struct("<H")
_LENGTH = struct.Struct("<Q")
_SUM = 32
_REMEDY = "Remove the file; a new one is written as soon as the store answers."


@dataclass(frozen=True, slots=True)
class LastState:
    """What a gate begins with."""

    index: RegistryIndex
    names: Mapping[int, str]
    """Of lists, by the store's numbers."""
    keys: Mapping[bytes, Key]
    """By their hash."""
    policy: Policy
    at: float
    """When the store was last heard of."""


def keep(path: Path, keyring: Keyring, state: LastState) -> None:
    """Keep a state. Raises StoreError and InputError where it cannot be written."""
    folder = path.parent / f"{_INDEX}{secrets.token_hex(8)}"
    parts = state.index.parts(whole_sketches=False)
    mac = saved.save(folder, keyring.for_indexes, parts)
    told = {
        "index": folder.name,
        "mac": mac,
        "at": state.at,
        "lists": [[pk, name] for pk, name in state.names.items() if pk > 0],
        "keys": [
            [hash.hex(), k.id, k.name, sorted(k.scopes), k.rate, k.created_at.timestamp()]
            for hash, k in state.keys.items()
        ],
        "policy": [
            [name, int(rung), advice.value] for (name, rung), advice in state.policy.rules.items()
        ],
        "only_digests": state.policy.only_digests,
    }
    write(path, keyring.for_states, {"gate": json.dumps(told).encode()})
    for other in path.parent.glob(f"{_INDEX}*"):
        if other.name != folder.name:
            shutil.rmtree(other, ignore_errors=True)


def last(path: Path, keyring: Keyring) -> LastState | None:
    """The state that was kept last; None where there is none. Raises Tampered."""
    parts = read(path, keyring.for_states)
    if parts is None:
        return None
    try:
        told = json.loads(parts["gate"])
        name, mac = str(told["index"]), str(told["mac"])
        names = {int(pk): str(name) for pk, name in told["lists"]}
        held: dict[bytes, Key] = {}
        for hash, id, of, scopes, rate, created in told["keys"]:
            some = frozenset(KeyScope(scope) for scope in scopes)
            made = datetime.fromtimestamp(created, UTC)
            held[bytes.fromhex(hash)] = Key(id, of, some, float(rate), made)
        rules = {(of, Rung(rung)): Advice(advice) for of, rung, advice in told["policy"]}
        blind = told.get("only_digests")
        policy = Policy(rules, None if blind is None else Advice(blind))
        at = float(told["at"])
    except (ValueError, KeyError, TypeError, OverflowError, OSError, RecursionError):
        raise Tampered("the gate's last state contradicts itself", remedy=_REMEDY) from None
    if "/" in name or not name.startswith(_INDEX):
        raise Tampered("the gate's last state contradicts itself", remedy=_REMEDY)
    index = RegistryIndex.open(path.parent / name, keyring.for_indexes, mac=mac)
    return LastState(index, names, held, policy, at)


def write(path: Path, key: bytes, parts: Mapping[str, bytes]) -> None:
    """Keep the parts. Raises StoreError where the file cannot be written."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                plain, keyed = blake3(), blake3(key=key)

                def put(data: bytes) -> None:
                    file.write(data)
                    plain.update(data)
                    keyed.update(data)

                put(_HEAD.pack(_MAGIC, FORMAT, len(parts)))
                for name, data in parts.items():
                    encoded = name.encode("ascii")
                    put(_NAME.pack(len(encoded)) + encoded + _LENGTH.pack(len(data)))
                    put(data)
                put(plain.digest())
                file.write(keyed.digest())
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except BaseException:
            with suppress(OSError):
                draft.unlink()
            raise
    except OSError as e:
        raise StoreError(
            f"the gate's last state cannot be kept: {e.strerror}",
            remedy="Check the folder in RESEEN_STATE and the room on its disk.",
        ) from None


def read(path: Path, key: bytes) -> dict[str, bytes] | None:
    """The parts that were kept; None where there is no file. Raises Tampered for a file that is
    not, byte for byte, what was written with this key in this format."""
    data = _bytes_of(path)
    return None if data is None else _parts(data, key)


def _bytes_of(path: Path) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as e:
        raise Tampered(
            f"the gate's last state cannot be opened: {e.strerror}", remedy=_REMEDY
        ) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Tampered("the gate's last state is not a regular file", remedy=_REMEDY)
        if status.st_mode & 0o077:
            raise Tampered("others can read or write the gate's last state", remedy=_REMEDY)
        if status.st_size > LONGEST:
            raise Tampered("the gate's last state is longer than any", remedy=_REMEDY)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read()
    except OSError as e:
        raise Tampered(
            f"the gate's last state cannot be read: {e.strerror}", remedy=_REMEDY
        ) from None
    finally:
        os.close(descriptor)


def _parts(data: bytes, key: bytes) -> dict[str, bytes]:
    if len(data) < _HEAD.size + 2 * _SUM:
        raise Tampered("the gate's last state breaks off", remedy=_REMEDY)
    magic, number, count = _HEAD.unpack_from(data)
    if magic != _MAGIC:
        raise Tampered("this is no state of a gate", remedy=_REMEDY)
    if number != FORMAT:
        raise Tampered(
            "the gate's last state was kept by another version of Reseen", remedy=_REMEDY
        )
    view = memoryview(data)
    end = len(data) - 2 * _SUM
    if not hmac.compare_digest(blake3(view[:end]).digest(), view[end : end + _SUM]):
        raise Tampered("the gate's last state is damaged", remedy=_REMEDY)
    signed = end + _SUM
    if not hmac.compare_digest(blake3(view[:signed], key=key).digest(), view[signed:]):
        raise Tampered(
            "the gate's last state was not written with this sealing key",
            remedy="Check RESEEN_KEY and RESEEN_KEY_FILE, or remove the file.",
        )
    found: dict[str, bytes] = {}
    at = _HEAD.size
    try:
        if count > PARTS:
            raise ValueError
        for _ in range(count):
            (length,) = _NAME.unpack_from(data, at)
            name = data[at + _NAME.size : at + _NAME.size + length].decode("ascii")
            at += _NAME.size + length
            (length,) = _LENGTH.unpack_from(data, at)
            at += _LENGTH.size
            if length > end - at:
                raise ValueError
            found[name] = data[at : at + length]
            at += length
        if at != end or len(found) != count:
            raise ValueError
    except (ValueError, struct.error):
        raise Tampered("the gate's last state contradicts itself", remedy=_REMEDY) from None
    return found
