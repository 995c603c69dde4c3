"""A model in several files that was added: out of use while one of its files is of the class.

Whatever digest names that file, whenever that is said; and in use again when it is taken back. A
store that knew the class before it was added says the same.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from tests.files import build
from tests.files.test_archives import LORA, half
from tests.match.made import KEYRING, known, read
from tests.operations.test_class_of_archives import NEVER, NONE, WHY
from tests.operations.test_class_of_shards import (
    INDEX,
    NUMBERED,
    ODD,
    WHOLE,
    files,
    in_folder,
    of_class,
    standing,
)

from reseen.operations import classes, lists, log_check, removals, scans
from reseen.records import DigestKind, Rung
from reseen.store.database import Store

COPY = "whole.safetensors"
FOUND = {(COPY, Rung.TENSORS)}


def played(
    store: Store, folder: Path, order: tuple[str, ...], said: tuple[str, str]
) -> set[tuple[str, Rung]]:
    for act in order:
        if act == "class":
            of_class(store, folder, *said)
        elif act == "index":
            lists.add_files(store, KEYRING, [folder / "parts" / INDEX])
        elif act == "all":
            lists.add_files(store, KEYRING, [folder / "parts"])
        else:
            scans.scan_folder(store, KEYRING, folder / "seen", jobs=1)
    return standing(store)


def made(folder: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    """The model in several files, to be added; and in one, to be seen."""
    (folder / "parts").mkdir()
    (folder / "seen").mkdir()
    (folder / "seen" / COPY).write_bytes(WHOLE)
    parts = files(names)
    in_folder(folder / "parts", parts)
    return parts


def named(data: bytes, kind: DigestKind) -> tuple[str, str]:
    digest = read(data).digest(kind)
    assert digest is not None
    return kind.label.replace("-", "_"), digest.value.hex()


@pytest.mark.parametrize(
    "order", [("class", "index", "scan"), ("index", "class", "scan"), ("scan", "index", "class")]
)
def test_in_any_order(store: Store, tmp_path: Path, order: tuple[str, ...]) -> None:
    said = named(made(tmp_path, NUMBERED)[NUMBERED[1]], DigestKind.SHA256)
    assert played(store, tmp_path, (*order, "scan"), said) == set()
    assert not known(store).sketched
    assert log_check.verify(store).wrong == ()


@pytest.mark.parametrize(
    ("added", "kind"),
    [
        ("index", DigestKind.SHA256),
        ("index", DigestKind.BLAKE3),
        ("all", DigestKind.TENSORS_BLAKE3),
    ],
)
def test_it_goes_out_of_use_and_comes_back(
    store: Store, tmp_path: Path, added: str, kind: DigestKind
) -> None:
    said = named(made(tmp_path, ODD)[ODD[0]], kind)
    assert played(store, tmp_path, ("scan", added), said) == FOUND
    assert played(store, tmp_path, ("class",), said) == set()
    assert known(store).match_fingerprint(read(WHOLE)) == ()
    classes.classify_list(store, KEYRING, "class", NONE, WHY)
    assert standing(store) == FOUND
    classes.classify_list(store, KEYRING, "class", NEVER, WHY)
    assert standing(store) == set()
    removals.withdraw_list(store, KEYRING, "class", WHY)
    assert standing(store) == FOUND
    assert log_check.verify(store).wrong == ()


def test_of_two_models_with_one_index_only_that_one_goes_out(store: Store, tmp_path: Path) -> None:
    """Indexes say names and places, which are those of any model of its kind."""
    parts = made(tmp_path, NUMBERED)
    lists.add_files(store, KEYRING, [tmp_path / "parts" / INDEX])
    other = {name: half(*tensor.shape) for name, tensor in LORA.items()}
    places = json.loads(parts[INDEX])["weight_map"]
    for name in NUMBERED:
        mine = {tensor: other[tensor] for tensor in sorted(other) if places[tensor] == name}
        (tmp_path / "parts" / name).write_bytes(build.safetensors(mine))
    lists.add_files(store, KEYRING, [tmp_path / "parts" / INDEX])
    shard = (tmp_path / "parts" / NUMBERED[0]).read_bytes()
    said = ("sha256", hashlib.sha256(shard).hexdigest())
    assert played(store, tmp_path, ("class", "scan"), said) == FOUND
    said = ("sha256", hashlib.sha256(parts[NUMBERED[0]]).hexdigest())
    of_class(store, tmp_path, *said)
    assert standing(store) == set()
