"""A model in several files on disk, of which one is of the class that is never read, in any order.

The whole is known by its index: what its shards hold together. Said first, the class keeps the
shards closed; said later, what was read of the whole counts for no removal, and comes back when the
class is taken back. A store that knew the class before says the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import pytest
from tests.files import build
from tests.files.test_archives import LORA
from tests.match.made import KEYRING, read
from tests.operations.test_class_of_archives import NEVER, NONE, WHY
from tests.registry.test_claims import new_store

from reseen.observed import sightings
from reseen.operations import classes, lists, log_check, scans
from reseen.records import DigestKind, Rung
from reseen.registry.imports import ImportOptions
from reseen.store.database import Store

WHOLE = build.safetensors(LORA)
INDEX = "model.safetensors.index.json"
NUMBERED = tuple(f"model-{n:05}-of-00003.safetensors" for n in (1, 2, 3))
ODD = ("a.safetensors", "b.bin", "c.safetensors")


def files(names: tuple[str, ...]) -> dict[str, bytes]:
    """The adapter in three files of these names, with its index."""
    places = {tensor: names[n % 3] for n, tensor in enumerate(sorted(LORA))}
    made = {
        name: build.safetensors({t: LORA[t] for t in sorted(LORA) if places[t] == name})
        for name in names
    }
    return made | {INDEX: json.dumps({"weight_map": places}).encode()}


def in_folder(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).write_bytes(data)


def in_cache(folder: Path, files: dict[str, bytes]) -> None:
    """As the Hub's own client keeps them."""
    cached = folder / "models--ann--copy"
    blobs, snapshot = cached / "blobs", cached / "snapshots" / ("ab" * 20)
    blobs.mkdir(parents=True)
    snapshot.mkdir(parents=True)
    for name, data in files.items():
        blob = blobs / hashlib.sha256(data).hexdigest()
        blob.write_bytes(data)
        (snapshot / name).symlink_to(blob)


PLACES = {"folder": in_folder, "cache": in_cache}


def of_class(store: Store, folder: Path, column: str, value: str) -> None:
    path = folder / "class.csv"
    path.write_text(f"name,{column}\nSample person 07,{value}\n")
    lists.import_list(store, KEYRING, path, ImportOptions())
    classes.classify_list(store, KEYRING, "class", NEVER, WHY)


def standing(store: Store) -> set[tuple[str, Rung]]:
    with store.read() as connection:
        return {
            (one.path, one.rung)
            for one in sightings.every(connection)
            if one.rung.on_ladder and not one.withdrawn
        }


def played(
    store: Store, folder: Path, order: tuple[str, ...], said: tuple[str, str]
) -> set[tuple[str, Rung]]:
    for act in order:
        if act == "class":
            of_class(store, folder, *said)
        elif act == "copies":
            (folder / "whole.safetensors").write_bytes(WHOLE)
            lists.add_files(store, KEYRING, [folder / "whole.safetensors"])
        else:
            scans.scan_folder(store, KEYRING, folder / "seen", jobs=1)
    return standing(store)


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Store]:
    with new_store(tmp_path, 1) as store:
        yield store


FOUND = (INDEX, Rung.TENSORS)


@pytest.mark.parametrize(
    ("where", "names", "kind"),
    [
        ("folder", NUMBERED, DigestKind.SHA256),
        ("folder", ODD, DigestKind.BLAKE3),
        ("folder", NUMBERED, DigestKind.TENSORS_BLAKE3),
        ("cache", ODD, DigestKind.SHA256),
    ],
)
def test_the_whole_is_out_of_use_while_one_of_its_files_is_of_the_class(
    store: Store,
    fresh: Store,
    tmp_path: Path,
    where: str,
    names: tuple[str, ...],
    kind: DigestKind,
) -> None:
    seen = tmp_path / "seen"
    seen.mkdir()
    made = files(names)
    PLACES[where](seen, made)
    digest = read(made[names[1]]).digest(kind)
    assert digest is not None
    said = (kind.label.replace("-", "_"), digest.value.hex())
    expected = played(fresh, tmp_path, ("class", "copies", "scan"), said)
    assert FOUND not in expected
    assert played(store, tmp_path, ("scan", "copies"), said) >= {FOUND}
    assert played(store, tmp_path, ("class",), said) == expected
    assert log_check.verify(store).wrong == ()
    classes.classify_list(store, KEYRING, "class", NONE, WHY)
    assert FOUND in standing(store)
    classes.classify_list(store, KEYRING, "class", NEVER, WHY)
    assert standing(store) == expected


@pytest.mark.parametrize("order", [*permutations(("class", "copies", "scan"))])
def test_in_any_order(store: Store, tmp_path: Path, order: tuple[str, ...]) -> None:
    seen = tmp_path / "seen"
    seen.mkdir()
    in_folder(seen, files(NUMBERED))
    sha256 = hashlib.sha256((seen / NUMBERED[1]).read_bytes()).hexdigest()
    found = played(store, tmp_path, (*order, "scan"), ("sha256", sha256))
    assert found == {(NUMBERED[1], Rung.DECLARED)}
