"""A saved index: what was saved is opened, by who has the key, and nothing else ever is."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from blake3 import blake3
from tests import removals_made
from tests.facts import add_claim, teach
from tests.match.made import KEYRING, adapter, fully_known, known, listed, read, remove, safetensors
from tests.match.updates import CAST, OTHER, REMOVED, put, sketch
from tests.scan.test_screen import large
from tests.scan.test_screen import saved as saved_factors

from reseen.errors import InputError, Tampered
from reseen.fingerprints.choice import WHOLE
from reseen.fingerprints.sketch import NUMBERS
from reseen.match import saved
from reseen.match.registry_index import RegistryIndex
from reseen.operations import index as operation
from reseen.records import Names, RemovalClass, Rung
from reseen.registry.claims import removal_pk
from reseen.store import audit
from reseen.store.database import Store
from reseen.store.sealing import Keyring

FILE = safetensors(adapter(7))
EDITED = safetensors(adapter(7), {"title": "Test model"})
STRANGER = safetensors(adapter(8))
NEVER = safetensors(adapter(9))
NAME = "Sample person 07"
KEY = KEYRING.for_indexes


@pytest.fixture
def ids(store: Store) -> list[str]:
    """A removal known by its bytes, one with a sketch, one of two lists, one of the class."""
    names = Names(name=NAME, url="https://models.example/models/4711", file_names=("sample.bin",))
    made = [remove(store, listed(FILE, size=True), names=names), *put(store, REMOVED)]
    never = removals_made.NewRemoval(
        "sample", "models.example", None, Names(), (fully_known(NEVER),), RemovalClass.CHILD_ABUSE
    )
    with store.write() as connection:
        teach(connection, read(FILE))
        add_claim(connection, removal_pk(connection, made[0]), listed(FILE))
        made += removals_made.insert(connection, KEYRING, [never])
    return made


@pytest.fixture
def folder(store: Store, ids: list[str], tmp_path: Path) -> Path:
    operation.save(store, KEYRING, tmp_path / "index")
    return tmp_path / "index"


def answers(index: RegistryIndex) -> list[dict[str, set[Rung]]]:
    return [
        {m.removal: {e.rung for e in m.evidence} for m in index.match_fingerprint(read(data))}
        for data in (FILE, EDITED, STRANGER, REMOVED, CAST, OTHER)
    ]


def test_what_was_saved_answers_as_the_store_does(store: Store, folder: Path) -> None:
    before = known(store)
    store.close()
    opened = RegistryIndex.open(folder, KEY)
    assert answers(opened) == answers(before)
    assert len(opened) == len(before) == 3
    assert opened.version == before.version
    pointed = before.could_hold(len(FILE)), before.could_hold(1 << 30)
    assert (opened.could_hold(len(FILE)), opened.could_hold(1 << 30)) == pointed
    assert answers(pickle.loads(pickle.dumps(opened))) == answers(opened)


def test_an_opened_index_follows_its_store(store: Store, folder: Path) -> None:
    new = remove(store, listed(STRANGER))
    with store.read() as connection:
        index = RegistryIndex.open(folder, KEY).followed(connection)
    assert answers(index)[2] == {new: {Rung.BYTES}}
    assert answers(index.folded())[2] == {new: {Rung.BYTES}}


def test_names_links_and_titles_are_not_in_it(folder: Path) -> None:
    for path in folder.iterdir():
        data = path.read_bytes().lower()
        for word in (NAME, "models.example", "sample.bin", "another list", "4711"):
            assert word.lower().encode() not in data, path.name


def test_folder_and_files_are_the_owners_alone(folder: Path) -> None:
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    (folder / "ids").chmod(0o640)
    with pytest.raises(Tampered):
        RegistryIndex.open(folder, KEY)
    (folder / "ids").chmod(0o600)
    folder.chmod(0o750)
    with pytest.raises(Tampered):
        RegistryIndex.open(folder, KEY)


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def _other_manifest(folder: Path) -> None:
    """Who lacks the key writes a manifest, and a MAC under another."""
    told = json.loads((folder / saved.MANIFEST).read_text())
    told["about"]["lists"] = [[9]]
    text = json.dumps(told).encode()
    (folder / saved.MANIFEST).write_bytes(text)
    (folder / saved.MAC).write_text(blake3(text, key=b"x" * 32).hexdigest())


LIES: dict[str, Callable[[Path], object]] = {
    "a bit of a digest": lambda f: _flip(f / "values-1"),
    "a bit of an owner": lambda f: _flip(f / "owners-1"),
    "a bit of the manifest": lambda f: _flip(f / saved.MANIFEST),
    "a bit of the MAC": lambda f: _flip(f / saved.MAC),
    "another manifest": _other_manifest,
    "a file that is cut": lambda f: os.truncate(f / "values-1", 31),
    "a file that is longer": lambda f: (f / "ids").write_bytes((f / "ids").read_bytes() + b"\0"),
    "a file that is gone": lambda f: (f / "owners-1").unlink(),
    "no MAC": lambda f: (f / saved.MAC).unlink(),
    "an empty manifest": lambda f: (f / saved.MANIFEST).write_bytes(b""),
    "a link": lambda f: [
        (f / "ids").rename(f.parent / "ids"),
        (f / "ids").symlink_to(f / "../ids"),
    ],
    "no folder": shutil.rmtree,
}


@pytest.mark.parametrize("lie", list(LIES))
def test_what_is_not_what_was_saved_is_never_opened(folder: Path, lie: str) -> None:
    LIES[lie](folder)
    with pytest.raises(Tampered):
        RegistryIndex.open(folder, KEY)


def test_without_the_key_nothing_is_opened(folder: Path) -> None:
    for key in (KEYRING.for_states, Keyring(b"o" * 32).for_indexes, bytes(32)):
        with pytest.raises(Tampered):
            RegistryIndex.open(folder, key)


def test_an_older_index_in_its_place_is_seen_where_the_mac_is_known(
    store: Store, folder: Path, tmp_path: Path
) -> None:
    old = (folder / saved.MAC).read_text()
    shutil.copytree(folder, tmp_path / "old")
    remove(store, listed(STRANGER))
    made = operation.save(store, KEYRING, folder)
    assert made.mac != old
    assert len(RegistryIndex.open(folder, KEY, mac=made.mac)) == 4
    with pytest.raises(Tampered):
        RegistryIndex.open(tmp_path / "old", KEY, mac=made.mac)


def test_something_else_is_not_written_over(store: Store, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("photos", "file"):
        with pytest.raises(InputError):
            operation.save(store, KEYRING, tmp_path / name)
    assert (tmp_path / "photos" / "one").read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []


def test_of_the_class_that_is_never_read_the_sha256_alone_is_in_it(
    store: Store, folder: Path, ids: list[str], tmp_path: Path
) -> None:
    (match,) = RegistryIndex.open(folder, KEY).match_digests(read(NEVER))
    assert match.removal == ids[-1]
    assert {e.kind for e in match.evidence if e.rung > Rung.HINT} == {"sha256"}
    operation.save(store, KEYRING, tmp_path / "less", without_class=True)
    less = RegistryIndex.open(tmp_path / "less", KEY)
    assert less.match_digests(read(NEVER)) == ()
    assert len(less) == 2
    assert answers(less) == answers(known(store))


def test_saving_and_the_key_are_recorded(store: Store, folder: Path) -> None:
    text = operation.key(store, KEYRING)
    with store.read() as connection:
        last = [(line.action, line.subject) for line in audit.every(connection)]
    assert {each for each in last if each[0] == "export"} == {
        ("export", "index"),
        ("export", "index key"),
    }
    assert KEYRING.for_indexes.hex() in text


def test_the_key_of_indexes_is_no_other_key(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(saved.key_text(KEY))
    path.chmod(0o600)
    assert saved.read_key(path) == KEY
    path.chmod(0o644)
    with pytest.raises(InputError):
        saved.read_key(path)
    for text in ("ab" * 32, "", "reseen-index-key-1:zz", saved.key_text(KEY)[:-8]):
        path.write_text(text)
        path.chmod(0o600)
        with pytest.raises(InputError):
            saved.read_key(path)
    assert len({KEY, KEYRING.for_states, KEYRING.for_heads, KEYRING.check}) == 4


def test_without_whole_sketches_it_keeps_what_is_looked_at_first_until_it_follows(
    store: Store,
) -> None:
    (removal,) = put(store, saved_factors(large(1, rank=1)))
    part = {n: f for n, f in large(1, rank=1).items() if ".attn2.to_k" in n}
    copy = sketch(saved_factors(part, "<f4"))
    parts = known(store).parts(whole_sketches=False)
    arrays = {name: b"".join(map(bytes, some)) for name, (_, some) in parts.arrays.items()}
    assert len(arrays["column-codes"]) == WHOLE * NUMBERS
    index = RegistryIndex.put_back(parts.about, arrays)
    with store.read() as connection:
        followed = index.followed(connection)
    assert [match.removal for match in followed.copies(copy)] == [removal]
    assert len(followed.parts(whole_sketches=True).about["sets"]) == 1
    assert followed.sketches is not None
    assert not followed.sketches.partial
