"""The examiner of a hub's own storage: one row for each row, and the same answers as a scan."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from tests.match import updates
from tests.match.made import KEYRING, fully_known, known, listed, remove
from tests.scan.stored import FILE, OTHER, examine, make_tree, of_folder, rows

from reseen.errors import HubBusy, HubError
from reseen.files.source import Range
from reseen.hubs.object_store import ObjectStore
from reseen.observed import sightings
from reseen.operations import classes
from reseen.records import Artifact, RemovalClass, archive_path
from reseen.scan.folder import scan_folder
from reseen.scan.sweep import carried
from reseen.scan.sweep.columns import COLUMNS
from reseen.scan.sweep.examiner import Depth
from reseen.store.database import Store

Table = list[tuple[Any, ...]]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "store")


def fill(store: Store) -> tuple[str, str]:
    """Two removals: an adapter with its sketch, and a file by all its digests."""
    (one,) = updates.put(store, updates.REMOVED)
    return one, remove(store, fully_known(FILE))


def table(found: pyarrow.RecordBatch) -> Table:
    """What two ways must agree on, of rows in which a removal stands."""
    names = ("key", "removal", "rung", "relation", "score")
    every = (row for row in found.to_pylist() if row["removal"])
    return sorted((tuple(row[name] for name in names) for row in every), key=str)


def table_of_scan(store: Store) -> Table:
    """The same of the sightings that a scan recorded: of an archive the strongest in it."""
    with store.read() as connection:
        every = [one for one in sightings.every(connection) if one.rung.on_ladder]
    best: dict[str, tuple[Any, ...]] = {}
    for one in sorted(every, key=lambda s: s.rung):
        top = max(one.evidence, key=lambda e: (e.rung, e.figures.get("cosine", 0)))
        key = archive_path(one.path) if one.member else one.path
        figures = (top.figures.get("relation"), top.figures.get("cosine"))
        best[key] = (key, one.removal, top.rung.label, *figures)
    return sorted(best.values(), key=str)


def by_key(found: pyarrow.RecordBatch) -> dict[str, dict[str, Any]]:
    return {row["key"].rpartition("/")[2]: row for row in found.to_pylist()}


@pytest.mark.parametrize("depth", Depth)
def test_every_row_comes_out_once_and_in_order(store: Store, tree: Path, depth: Depth) -> None:
    fill(store)
    batch = of_folder(tree)
    out = examine(batch, known(store, None), ObjectStore(str(tree)), depth)
    assert out.column("key").to_pylist() == batch.column("key").to_pylist()
    assert out.schema.names == list(COLUMNS)


@pytest.mark.parametrize("checksums", [False, True])
def test_in_full_it_says_what_a_scan_of_the_folder_says(
    store: Store, tree: Path, checksums: bool
) -> None:
    fill(store)
    batch = of_folder(tree, checksums=checksums)
    out = examine(batch, known(store, None), ObjectStore(str(tree)), Depth.FULL)
    scan_folder(store, KEYRING, tree, jobs=1)
    assert table(out) == table_of_scan(store)
    assert {row["rung"] for row in out.to_pylist()} == {None, "bytes", "tensors", "weights"}
    names = {row["key"]: row["sha256"] for row in out.to_pylist()}
    assert names["someone/test/LORA"] == hashlib.sha256(updates.REMOVED).hexdigest()


def test_at_the_usual_depth_altered_copies_are_found_all_the_same(store: Store, tree: Path) -> None:
    adapter, file = fill(store)
    store_read = ObjectStore(str(tree))
    found = by_key(examine(of_folder(tree), known(store, None), store_read, Depth.HEADER))
    for name in ("cast.safetensors", "small.safetensors", "no encoder.bin", "packed.zip"):
        assert (found[name]["removal"], found[name]["rung"]) == (adapter, "weights")
    assert (found["edited.bin"]["removal"], found["edited.bin"]["rung"]) == (file, "tensors")
    assert found["cast.safetensors"]["list_id"] == "1"
    assert found["other.safetensors"]["status"] == "clear"
    assert found["broken.safetensors"]["status"] == "not-judged"
    assert "cut off" in found["broken.safetensors"]["reason"]
    assert found["picture!.png"]["status"] == "by-digests"
    assert found["picture!.png"]["bytes_read"] == 0
    assert sum(row["bytes_read"] for row in found.values()) <= store_read.usage.bytes_read


class OnlyThese(ObjectStore):
    """A store that may be asked for some keys only."""

    def __init__(self, folder: Path, may: Iterable[str]) -> None:
        super().__init__(str(folder))
        self.may = set(may)

    async def read(self, artifact: Artifact, wanted: Range) -> bytes:
        assert artifact.path.rpartition("/")[2] in self.may, artifact.path
        return await super().read(artifact, wanted)


def test_a_checksum_that_is_known_is_enough(store: Store, tree: Path) -> None:
    fill(store)
    batch = of_folder(tree, checksums=True)
    names = {key.rpartition("/")[2] for key in batch.column("key").to_pylist()}
    may = names - {"LORA", "exact.bin"} | {"adapter_config.json"}
    found = by_key(examine(batch, known(store, None), OnlyThese(tree, may), Depth.HEADER))
    for name in ("LORA", "exact.bin"):
        row = found[name]
        assert (row["status"], row["rung"], row["bytes_read"]) == ("match", "declared", 0)


def test_without_reading_only_checksums_speak(store: Store, tree: Path) -> None:
    fill(store)
    nothing = OnlyThese(tree, ())
    told = by_key(examine(of_folder(tree, checksums=True), known(store), nothing, Depth.NONE))
    assert {n for n, row in told.items() if row["status"] == "match"} == {"LORA", "exact.bin"}
    assert told["cast.safetensors"]["status"] == "by-digests"
    told = by_key(examine(of_folder(tree), known(store), nothing, Depth.NONE))
    assert {row["status"] for row in told.values()} == {"unread"}


@pytest.mark.parametrize("depth", Depth)
def test_the_class_that_is_never_read_is_not_read(store: Store, tree: Path, depth: Depth) -> None:
    id = remove(store, listed(updates.REMOVED))
    updates.put(store, updates.OTHER)
    classes.classify(store, KEYRING, id, RemovalClass.CHILD_ABUSE, "Sample reason 01")
    batch = of_folder(tree, checksums=True)
    names = {key.rpartition("/")[2] for key in batch.column("key").to_pylist()}
    may = names - {"LORA"} | {"adapter_config.json"}
    found = by_key(examine(batch, known(store, None), OnlyThese(tree, may), depth))
    row = found["LORA"]
    assert (row["status"], row["removal"], row["rung"]) == ("match", id, "declared")
    (one,) = carried.unpacked(row["found"])
    assert one.inspection is None


def test_of_the_class_digests_alone_come_of_bytes(store: Store, tree: Path) -> None:
    """Where only its bytes tell that it is of the class, nothing in it is looked at."""
    id = remove(store, listed(updates.REMOVED))
    updates.put(store, updates.OTHER)
    classes.classify(store, KEYRING, id, RemovalClass.CHILD_ABUSE, "Sample reason 01")
    out = examine(of_folder(tree), known(store, None), ObjectStore(str(tree)), Depth.FULL)
    row = by_key(out)["LORA"]
    assert row["removal"] == id
    (one,) = carried.unpacked(row["found"])
    assert one.inspection is not None
    assert one.inspection.sketch is None
    assert one.inspection.data_size is None
    assert one.inspection.architecture == ""
    assert row["rung"] == "bytes"


def test_a_false_checksum_is_no_match_once_it_is_read(store: Store, tree: Path) -> None:
    fill(store)
    sha256 = hashlib.sha256(FILE).digest()
    size = len(OTHER)
    batch = rows(("someone/test/stranger.bin", size, sha256))
    index = known(store, None)
    told = examine(batch, index, ObjectStore(str(tree)), Depth.FULL).to_pylist()[0]
    unstated = rows(("someone/test/stranger.bin", size, None))
    plain = examine(unstated, index, ObjectStore(str(tree)), Depth.FULL).to_pylist()[0]
    assert told["removal"] is None
    assert told["status"] == plain["status"] != "match"
    assert "false" in told["reason"]
    assert told["sha256"] == hashlib.sha256(OTHER).hexdigest()


def test_a_false_checksum_does_not_hide_that_a_file_was_not_judged(
    store: Store, tree: Path
) -> None:
    fill(store)
    data = b"weights of no form" * 2000
    (tree / "odd.safetensors").write_bytes(data)
    index, at = known(store, None), ObjectStore(str(tree))
    told = [
        examine(rows(("odd.safetensors", len(data), sum)), index, at, Depth.FULL).to_pylist()[0]
        for sum in (None, hashlib.sha256(updates.REMOVED).digest())
    ]
    assert told[0]["status"] == told[1]["status"] != "clear"
    assert told[1]["reason"] == (
        f"{told[0]['reason']}; every byte was read: the manifest's checksum is false"
    )


@pytest.mark.parametrize("depth", Depth)
def test_a_known_checksum_names_its_removal_whatever_is_beside_it(
    store: Store, tree: Path, depth: Depth
) -> None:
    one, _ = fill(store)
    sha256 = hashlib.sha256(updates.REMOVED).hexdigest()
    columns = {
        "key": ["someone/test/LORA", "someone/test/exact.bin"],
        "size": pyarrow.array([None, len(FILE)], pyarrow.int64()),
        "sha256": [sha256, sha256],
        "xet": [None, "zz"],
    }
    batch = pyarrow.RecordBatch.from_pydict(columns)
    for row in examine(batch, known(store, None), ObjectStore(str(tree)), depth).to_pylist():
        if depth is Depth.FULL:
            assert row["status"] == "unread"
        if row["key"].endswith("LORA"):
            assert (row["removal"], row["rung"]) == (one, "declared")
            assert row["status"] == ("unread" if depth is Depth.FULL else "match")
            assert row["found"] is not None


def pointer(data: bytes) -> bytes:
    sha256 = hashlib.sha256(data).hexdigest()
    text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {len(data)}\n"
    return text.encode()


def test_a_pointer_is_judged_by_what_it_states(store: Store, tmp_path: Path) -> None:
    one, _ = fill(store)
    root = tmp_path / "pointers"
    root.mkdir()
    for name, data in (
        ("removed.bin", pointer(updates.REMOVED)),
        ("other.bin", pointer(updates.OTHER)),
        ("text.bin", b"no pointer " * 20),
    ):
        (root / name).write_bytes(data)
    for depth in (Depth.HEADER, Depth.FULL):
        out = examine(of_folder(root), known(store, None), ObjectStore(str(root)), depth)
        found = by_key(out)
        row = found["removed.bin"]
        assert (row["status"], row["removal"], row["rung"]) == ("match", one, "declared")
        assert row["sha256"] == hashlib.sha256(updates.REMOVED).hexdigest()
        (carried_on,) = carried.unpacked(row["found"])
        assert carried_on.artifact.on_pointer
        assert found["other.bin"]["status"] == "by-digests"
        assert "pointer" in found["other.bin"]["reason"]
        assert found["text.bin"]["removal"] is None
        assert "pointer" not in (found["text.bin"]["reason"] or "")
    scan_folder(store, KEYRING, root, jobs=1)
    assert table(out) == table_of_scan(store)


@pytest.mark.parametrize("depth", [Depth.HEADER, Depth.FULL])
def test_a_pointer_that_cannot_be_read_is_said(store: Store, tmp_path: Path, depth: Depth) -> None:
    fill(store)
    (tmp_path / "small.bin").write_bytes(pointer(updates.REMOVED))
    failing = Failing(tmp_path, HubError("the store refuses it"))
    batch = rows(("small.bin", 135, None))
    (row,) = examine(batch, known(store, None), failing, depth).to_pylist()
    assert (row["status"], row["reason"]) == ("unread", "the store refuses it")


class Failing(ObjectStore):
    """A store that does not give some objects."""

    def __init__(self, folder: Path, error: HubError, names: Iterable[str] | None = None) -> None:
        super().__init__(str(folder))
        self.error, self.names, self.asked = error, names, 0

    async def read(self, artifact: Artifact, wanted: Range) -> bytes:
        self.asked += 1
        if self.names is None or artifact.path.rpartition("/")[2] in self.names:
            raise self.error
        return await super().read(artifact, wanted)


@pytest.mark.parametrize("error", [HubError("the store refuses it"), HubBusy("no answer")])
def test_what_the_store_does_not_give_is_said_and_the_rest_goes_on(
    store: Store, tree: Path, error: HubError
) -> None:
    fill(store)
    failing = Failing(tree, error, ["cast.safetensors", "other.safetensors"])
    found = by_key(examine(of_folder(tree), known(store, None), failing, Depth.HEADER))
    for name in failing.names or ():
        assert found[name]["status"] == "unread"
        assert str(error) in found[name]["reason"]
    assert found["small.safetensors"]["status"] == "match"


def test_what_is_not_there_or_of_another_length_is_said(store: Store, tree: Path) -> None:
    fill(store)
    batch = rows(
        ("someone/test/gone.safetensors", 200_000, None),
        ("someone/test/other.safetensors", len(updates.OTHER) + 1, None),
        ("../outside.safetensors", 200_000, None),
        ("someone/test/other.safetensors", None, None),
        ("someone/test/other.safetensors", -1, None),
    )
    found = examine(batch, known(store, None), ObjectStore(str(tree)), Depth.FULL).to_pylist()
    assert {row["status"] for row in found} == {"unread"}
    assert [any(word in row["reason"] for row in found) for word in (
        "no such object", "another length", "no path", "no size",
    )] == [True] * 4  # fmt: skip


def test_a_checksum_that_is_none_spoils_its_row_alone(store: Store, tree: Path) -> None:
    fill(store)
    batch = of_folder(tree)
    bad = pyarrow.array(["zz" * 32, "ab", *([None] * (batch.num_rows - 2))], pyarrow.string())
    batch = batch.set_column(2, "sha256", bad)
    found = examine(batch, known(store, None), ObjectStore(str(tree)), Depth.FULL).to_pylist()
    assert [row["status"] for row in found[:2]] == ["unread", "unread"]
    assert "checksum" in found[0]["reason"]
    assert sum(row["status"] == "match" for row in found) >= 5


def test_a_store_that_is_away_is_noticed_once(store: Store, tree: Path) -> None:
    fill(store)
    away = Failing(tree, HubBusy("the store did not answer"))
    many = rows(*((f"a/b/{n}.safetensors", 100_000, None) for n in range(500)))
    with pytest.raises(HubBusy, match="did not answer"):
        examine(many, known(store, None), away, Depth.HEADER)
    assert away.asked < 200


def test_a_link_that_leads_out_of_a_folder_is_not_followed(store: Store, tree: Path) -> None:
    fill(store)
    outside = tree.parent / "outside.safetensors"
    outside.write_bytes(updates.REMOVED)
    (tree / "link").symlink_to(outside)
    batch = rows(("link", len(updates.REMOVED), None))
    (row,) = examine(batch, known(store, None), ObjectStore(str(tree)), Depth.FULL).to_pylist()
    assert row["status"] == "unread"
    assert "leads out" in row["reason"]


def test_what_was_found_is_carried_whole(store: Store, tree: Path) -> None:
    fill(store)
    found = examine(of_folder(tree), known(store, None), ObjectStore(str(tree)), Depth.FULL)
    packed = [row["found"] for row in found.to_pylist() if row["found"]]
    assert len(packed) >= 6
    for each in packed:
        results = carried.unpacked(each)
        assert carried.packed(results) == each
        moved = carried.placed(results, "hub", "repo", "path!x")
        assert {one.artifact.repo for one in moved} == {"repo"}
        assert moved[0].artifact.path == "path!x"
        for inner, before in zip(moved[1:], results[1:], strict=True):
            assert archive_path(inner.artifact.path) == "path!x"
            assert replace(inner, artifact=before.artifact) == before


def test_the_same_batch_gives_the_same_bytes(store: Store, tree: Path) -> None:
    fill(store)
    batch, index = of_folder(tree), known(store, None)
    once = examine(batch, index, ObjectStore(str(tree)), Depth.HEADER)
    again = examine(batch, index, ObjectStore(str(tree)), Depth.HEADER)
    assert once.equals(again)


def test_a_file_in_an_archive_that_is_damaged_is_told_of(store: Store, tmp_path: Path) -> None:
    fill(store)
    (tmp_path / "s").mkdir()
    with zipfile.ZipFile(tmp_path / "s" / "packed.zip", "w") as archive:
        archive.writestr("good.safetensors", updates.OTHER)
        archive.writestr("broken.safetensors", updates.CAST[:9000])
    tree = tmp_path / "s"
    found = by_key(examine(of_folder(tree), known(store), ObjectStore(str(tree)), Depth.HEADER))
    assert found["packed.zip"]["status"] == "not-judged"
    assert "cut off" in found["packed.zip"]["reason"]
