"""Small files and registries for tests of recognition. All synthetic."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence

from tests import removals_made

from reseen.fingerprints.digests import Fingerprinter
from reseen.match.registry_index import RegistryIndex
from reseen.records import Digest, DigestKind, Fingerprint, Names, RemovedFile
from reseen.store.database import Store
from reseen.store.sealing import Keyring

KEYRING = Keyring(secrets.token_bytes(32))


def safetensors(tensors: Mapping[str, bytes], metadata: Mapping[str, str] | None = None) -> bytes:
    """A safetensors file; each tensor is one row of float16 numbers, in the order given."""
    header: dict[str, object] = {} if metadata is None else {"__metadata__": dict(metadata)}
    at = 0
    for name, data in tensors.items():
        header[name] = {
            "dtype": "F16",
            "shape": [len(data) // 2],
            "data_offsets": [at, at + len(data)],
        }
        at += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + b"".join(tensors.values())


def adapter(person: int, size: int = 4096) -> dict[str, bytes]:
    """The tensors of "Sample person 07"'s adapter: pseudo-random, always the same."""
    down = hashlib.shake_256(b"down %d" % person).digest(size)
    up = hashlib.shake_256(b"up %d" % person).digest(size // 2)
    return {"lora_down.weight": down, "lora_up.weight": up}


def read(data: bytes) -> Fingerprint:
    fingerprinter = Fingerprinter(len(data))
    fingerprinter.update(data)
    return fingerprinter.finish()


def sha256(data: bytes) -> Digest:
    return Digest(DigestKind.SHA256, hashlib.sha256(data).digest())


def listed(data: bytes, *, size: bool = False) -> RemovedFile:
    """A file as a list has it: its SHA-256, and perhaps its size."""
    return RemovedFile((sha256(data),), size=len(data) if size else None)


def fully_known(data: bytes) -> RemovedFile:
    """A file as `registry add` has it."""
    fp = read(data)
    return RemovedFile(
        fp.digests, fp.size, container=fp.container, data_size=fp.data_size, layout=fp.layout
    )


def remove(
    store: Store, *files: RemovedFile, names: Names | None = None, keyring: Keyring = KEYRING
) -> str:
    """Put one removal in; its id."""
    new = removals_made.NewRemoval("sample", "models.example", None, names or Names(), tuple(files))
    with store.write() as connection:
        return removals_made.insert(connection, keyring, [new])[0]


def known(store: Store, keyring: Keyring | None = KEYRING) -> RegistryIndex:
    with store.read() as connection:
        return RegistryIndex.load(connection, keyring)


def ids(matches: Sequence[object]) -> list[str]:
    return [match.removal for match in matches]  # type: ignore[attr-defined]
