from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from reseen.fingerprints.whole import fingerprint
from reseen.records import DigestKind, Names, RemovalClass
from reseen.registry import claims, removals
from reseen.registry.adds import AddOptions, AddOutcome, add_files
from reseen.registry.imports import import_list
from reseen.registry.lookup import find
from reseen.store import audit
from reseen.store.database import Store
from reseen.store.sealing import Keyring


def model(path: Path, seed: int = 1, **metadata: str) -> Path:
    """A small safetensors file."""
    tensor = {"dtype": "F32", "shape": [64, 64], "data_offsets": [0, 16384]}
    header = json.dumps({"__metadata__": {"sample": "yes", **metadata}, "a.weight": tensor})
    data = bytes((seed * 7 + n) % 256 for n in range(16384))
    path.write_bytes(struct.pack("<Q", len(header)) + header.encode() + data)
    return path


def test_a_file_is_added_with_all_its_digests(
    store: Store, keyring: Keyring, tmp_path: Path
) -> None:
    path = model(tmp_path / "sample_person_07.safetensors")
    read: list[int] = []
    (added,) = add_files(store, keyring, [path], progress=read.append)
    assert added.outcome is AddOutcome.ADDED
    assert added.removal
    assert sum(read) == path.stat().st_size
    with store.read() as connection:
        removal = removals.by_id(connection, added.removal)
        assert [line.action for line in audit.every(connection)] == ["add"]
    (file,) = removal.files
    assert {d.kind for d in file.digests} >= {
        *(DigestKind.SHA256, DigestKind.BLAKE3, DigestKind.GIT_BLOB),
        *(DigestKind.DATA_SHA256, DigestKind.TENSORS_BLAKE3),
    }
    assert file.layout
    assert find(store, keyring, path.name).found[0].removal == removal


def test_adding_again_changes_nothing(store: Store, keyring: Keyring, tmp_path: Path) -> None:
    path = model(tmp_path / "a.safetensors")
    (first,) = add_files(store, keyring, [path])
    (again,) = add_files(store, keyring, [path])
    assert again.outcome is AddOutcome.UNCHANGED
    assert again.removal == first.removal


def test_the_same_weights_under_another_header_are_one_removal(
    store: Store, keyring: Keyring, tmp_path: Path
) -> None:
    (first,) = add_files(store, keyring, [model(tmp_path / "a.safetensors")])
    edited = model(tmp_path / "b.safetensors", title="another")
    (merged,) = add_files(store, keyring, [edited])
    assert (merged.outcome, merged.removal) == (AddOutcome.MERGED, first.removal)
    (again,) = add_files(store, keyring, [edited])
    assert again.outcome is AddOutcome.UNCHANGED
    with store.read() as connection:
        assert len(removals.by_id(connection, str(first.removal)).files) == 2


def test_a_removal_known_by_its_hash_learns_the_rest_and_stays_withdrawn(
    store: Store, keyring: Keyring, tmp_path: Path
) -> None:
    path = model(tmp_path / "a.safetensors")
    (first,) = add_files(store, keyring, [path])
    assert first.removal
    with store.write() as connection:
        removals.withdraw(connection, keyring, first.removal, "why")
    renamed = path.rename(tmp_path / "renamed.safetensors")
    (merged,) = add_files(
        store, keyring, [renamed], AddOptions(names=Names(name="Sample person 07"))
    )
    assert (merged.outcome, merged.removal) == (AddOutcome.MERGED, first.removal)
    assert "withdrawn" in str(merged.reason)
    with store.write() as connection:
        assert removals.by_id(connection, first.removal).withdrawn_at
        names = removals.reveal(connection, keyring, first.removal)
    assert names.name == "Sample person 07"
    assert names.file_names == ("a.safetensors", "renamed.safetensors")


@pytest.mark.parametrize("list_first", [True, False])
def test_adding_is_a_list_of_one_row_in_any_order(
    store: Store, keyring: Keyring, tmp_path: Path, list_first: bool
) -> None:
    """One removal, whichever came first, and each says its own."""
    path = model(tmp_path / "sample_person_07.safetensors")
    told = fingerprint(path)
    sha256 = told.digest(DigestKind.SHA256)
    assert sha256
    rows = tmp_path / "spring.csv"
    rows.write_text(f"sha256,size\n{sha256.hex},7\n")
    steps = [
        lambda: import_list(store, keyring, rows),
        lambda: add_files(store, keyring, [path], AddOptions(cls=RemovalClass.LIKENESS)),
    ]
    for step in steps if list_first else steps[::-1]:
        step()
    with store.read() as connection:
        (removal,) = removals.every(connection)
    said = {claim.list: claim for claim in removal.claims}
    assert set(said) == {"spring", "local"}
    assert (said["spring"].digests, said["spring"].size) == ((sha256,), 7)
    assert (said["local"].size, said["local"].layout) == (told.size, told.layout)
    assert {d.kind for d in said["local"].digests} >= {DigestKind.BLAKE3, DigestKind.DATA_SHA256}
    assert (removal.cls, said["spring"].cls) == (RemovalClass.LIKENESS, None)
    # what the list says goes with it, and leaves the file's own facts as they are
    with store.write() as connection:
        claims.withdraw_list(connection, keyring, "local", "why", restored=False)
        (removal,) = removals.every(connection)
    assert (removal.withdrawn_at, removal.lists, removal.cls) == (
        None, ("spring",), RemovalClass.OTHER,
    )  # fmt: skip
    assert [claim.size for claim in removal.files] == [7]


def test_every_file_is_accounted_for(store: Store, keyring: Keyring, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    (folder / "deep").mkdir(parents=True)
    model(folder / "deep" / "a.safetensors", 1)
    model(folder / "b.safetensors", 2)
    (folder / "empty.bin").touch()
    (folder / "link").symlink_to(folder / "b.safetensors")
    (folder / "notes.bin").write_bytes(b"something else" * 100)
    account = add_files(store, keyring, [folder, tmp_path / "missing.pt"])
    assert [(a.path.name, a.outcome) for a in account] == [
        ("b.safetensors", AddOutcome.ADDED),
        ("empty.bin", AddOutcome.REJECTED),
        ("notes.bin", AddOutcome.ADDED),
        ("a.safetensors", AddOutcome.ADDED),
        ("missing.pt", AddOutcome.REJECTED),
    ]
    assert all(a.reason for a in account if a.outcome is AddOutcome.REJECTED)
    assert "safetensors" not in repr(account)
