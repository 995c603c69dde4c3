"""A sweep in full carries some layers of each checkpoint: what is inside is told by the base models
of the store that imports it, whichever came first."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import pytest
from tests.match.checkpoints_made import as_adapter, base, checkpoint, plus, updates
from tests.match.made import KEYRING, known
from tests.operations.test_checkpoints_read import (
    OTHER,
    PERSON,
    is_inside,
    put_base,
    put_removal,
    standing,
)
from tests.scan.stored import of_folder

from reseen.hubs.object_store import ObjectStore
from reseen.observed import checkpoint_sketches
from reseen.operations import bases, sweeps
from reseen.scan.sweep.examiner import Depth, Examiner
from reseen.scan.sweep.processes import SweepSource
from reseen.scan.sweep.run import SweepAsked, SweepWork, run
from reseen.scan.sweep.taken import KeyPlaces, SweepTaken
from reseen.store.database import Store

KEY = KEYRING.for_indexes
PLACES = KeyPlaces("storage+acme")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "base.safetensors").write_bytes(checkpoint(base()))
    (folder / "removed.safetensors").write_bytes(as_adapter(PERSON))
    return folder


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "store"
    (root / "someone" / "test").mkdir(parents=True)
    for name, who in (("baked", PERSON), ("innocent", OTHER)):
        data = checkpoint(plus(base(), updates(who)))
        (root / "someone" / "test" / f"{name}.safetensors").write_bytes(data)
    return root


def swept(store: Store, tree: Path, folder: Path, depth: Depth = Depth.FULL) -> SweepTaken:
    """A sweep by the index as it is, and its import."""
    import pyarrow.parquet

    folder.mkdir()
    known(store, None).save(folder / "index", KEY)
    manifest = folder / "manifest.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_batches([of_folder(tree)]), manifest)
    source = SweepSource(folder / "index", KEY, str(tree), folder / "parts")
    run(SweepAsked(manifest, source, depth, SweepWork(jobs=1)))
    return sweeps.take(store, KEYRING, folder / "parts", PLACES)


@pytest.mark.parametrize("order", [*permutations(("base", "sweep", "removal"))])
def test_it_is_found_whatever_came_first(
    store: Store, files: Path, tree: Path, tmp_path: Path, order: tuple[str, ...]
) -> None:
    found: list[SweepTaken] = []
    acts: dict[str, Callable[[], object]] = {
        "base": lambda: put_base(store, files),
        "removal": lambda: put_removal(store, files),
        "sweep": lambda: found.append(swept(store, tree, tmp_path / "sweep")),
    }
    for act in order:
        acts[act]()
    is_inside(standing(store))
    assert found[0].stands == (order[-1] == "sweep")
    assert len(found[0].sightings) == (order[-1] == "sweep")
    bases.remove(store, "Sample base 1.0")
    assert standing(store) == {}


def test_less_deep_it_reads_no_layers(
    store: Store, files: Path, tree: Path, tmp_path: Path
) -> None:
    put_base(store, files)
    put_removal(store, files)
    swept(store, tree, tmp_path / "sweep", Depth.HEADER)
    with store.read() as connection:
        assert not checkpoint_sketches.are_kept(connection)


def test_the_same_batch_gives_the_same_answer(store: Store, files: Path, tree: Path) -> None:
    put_removal(store, files)
    batch, index = of_folder(tree), known(store, None)

    def examined(key: bytes) -> list[dict[str, object]]:
        made = Examiner(index, ObjectStore(str(tree)), Depth.FULL, key=key)(batch)
        return made.to_pylist()

    one = examined(b"1" * 32)
    assert one == examined(b"1" * 32)
    assert [row["status"] for row in one] == ["by-digests", "by-digests"]
    assert all("base models of the store that imports it" in str(row["reason"]) for row in one)
    other = examined(b"2" * 32)
    assert [row["found"] for row in one] != [row["found"] for row in other]
