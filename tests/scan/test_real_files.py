"""The main job on the real files of RESEEN_ADAPTERS, put up again under new names.

Nothing of them is kept: they are served from memory by the hub on loopback.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from replica.server import Replica
from replica.world import Repo, World, lfs
from tests import removals_made
from walking import walk_hub

from reseen.observed import sightings
from reseen.records import Digest, DigestKind, Names, RemovedFile, Rung
from reseen.scan.target import Confirm, Options
from reseen.store.database import Store
from reseen.store.sealing import Keyring

FOLDERS = [Path(f) for f in os.environ.get("RESEEN_ADAPTERS", "").split(os.pathsep) if f]
MOST = 40
"""Files of a folder: enough, and quick."""
LARGEST = 32 << 20

pytestmark = pytest.mark.skipif(not FOLDERS, reason="RESEEN_ADAPTERS names no folders")


def real_files() -> list[bytes]:
    found = []
    for folder in FOLDERS:
        files = [p for p in sorted(folder.rglob("*")) if p.is_file() and p.suffix != ".md"]
        found += [p.read_bytes() for p in files if 4096 <= p.stat().st_size <= LARGEST][:MOST]
    return found


def with_another_header(data: bytes) -> bytes | None:
    """The same tensors under a header with a new metadata entry; None for other containers."""
    length = int.from_bytes(data[:8], "little")
    if data[8:9] != b"{" or length > len(data) - 8:
        return None
    header = data[8 : 8 + length].rstrip()
    metadata = b'{"__metadata__":{"made":"again"},'
    if b'"__metadata__"' in header:
        return None
    header = metadata + header[1:]
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data[8 + length :]


def test_every_file_that_is_put_up_again_is_found(store: Store) -> None:
    world = World()
    new = []
    for number, data in enumerate(real_files()):
        sha256 = hashlib.sha256(data).digest()
        new.append(
            removals_made.NewRemoval(
                list="real",
                site=None,
                removed_on=None,
                names=Names(name=f"Sample person {number:02d}"),
                files=(RemovedFile((Digest(DigestKind.SHA256, sha256),), size=len(data)),),
            )
        )
        world.add(Repo(f"account-{number % 5:02d}/copy-{number}")).commit({"LORA": lfs(data)})
        edited = with_another_header(data)
        if edited is not None:
            world.add(Repo(f"other-{number % 7:02d}/edited-{number}")).commit(
                {"a.bin": lfs(edited)}
            )
    with store.write() as connection:
        ids = removals_made.insert(connection, Keyring(bytes(32)), new)
    with Replica(world) as hub:
        walk_hub(store, hub.endpoint, options=Options(confirm=Confirm.FULL))
    with store.read() as connection:
        found = {(s.repo, s.removal): s.rung for s in sightings.every(connection)}
    for number, removal in enumerate(ids):
        assert found[f"account-{number % 5:02d}/copy-{number}", removal] is Rung.BYTES
    edited_repos = {r.id for r in world.repositories.values() if r.id.startswith("other-")}
    assert {repo for repo, _ in found if repo.startswith("other-")} == edited_repos
