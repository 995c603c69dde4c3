"""Digests that stores of objects state and nobody else: MD5, SHA-1, CRCs, from both sides."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pyarrow
import pytest
from tests.facts import teach
from tests.match.made import KEYRING, known, listed, remove
from tests.match.test_retroactive import past
from tests.scan.stored import FILE, OTHER, examine, make_tree
from tests.scan.test_sweep import OnlyThese, by_key

from reseen.fingerprints.digests import Fingerprinter
from reseen.fingerprints.kinds import ON_DEMAND, contradicts
from reseen.hubs.object_listing import md5_of_etag
from reseen.hubs.object_store import ObjectStore, artifact_at
from reseen.observed import artifacts as seen
from reseen.operations import classes
from reseen.operations.lists import add_files
from reseen.operations.scans import scan_folder
from reseen.operations.sweeps import ask
from reseen.records import (
    Artifact,
    Digest,
    DigestKind,
    Fingerprint,
    RemovalClass,
    RemovedFile,
    Repository,
    RepoType,
    Rung,
)
from reseen.registry import digests_asked, learning, removals
from reseen.registry.adds import AddOptions
from reseen.registry.imports import import_list
from reseen.scan.sweep import carried
from reseen.scan.sweep.columns import rows_of
from reseen.scan.sweep.examiner import Depth
from reseen.store.database import Store

MD5, SHA1, CRC32C, CRC64 = (
    DigestKind.MD5,
    DigestKind.SHA1,
    DigestKind.CRC32C,
    DigestKind.CRC64_NVME,
)
CHECKED = {
    MD5: "25f9e794323b453885f5181f1b624d0b",
    SHA1: "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
    CRC32C: "e3069283",
    CRC64: "ae8b14860a799888",
}
"""Of the bytes "123456789", as the catalogues of these algorithms give them."""


def in_full(
    data: bytes, kinds: Iterable[DigestKind] = ON_DEMAND, piece: int = 1 << 20
) -> Fingerprint:
    pass_ = Fingerprinter(len(data), also=frozenset(kinds))
    for at in range(0, len(data), piece):
        pass_.update(data[at : at + piece])
    return pass_.finish()


def stated(data: bytes, *kinds: DigestKind) -> tuple[Digest, ...]:
    read = in_full(data, kinds)
    return tuple(d for d in read.digests if d.kind in kinds)


def manifest(*artifacts: Artifact) -> pyarrow.RecordBatch:
    columns = {"md5": MD5, "sha1": SHA1, "crc32c": CRC32C, "crc64nvme": CRC64}
    rows = [
        {"key": each.path, "size": each.size}
        | {
            name: next((d.hex for d in each.others if d.kind is kind), None)
            for name, kind in columns.items()
        }
        for each in artifacts
    ]
    schema = pyarrow.schema(
        [("key", pyarrow.string()), ("size", pyarrow.int64())]
        + [(name, pyarrow.string()) for name in columns]
    )
    return pyarrow.RecordBatch.from_pylist(rows, schema=schema)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "store")


@pytest.mark.parametrize("piece", [1, 4, 9])
def test_they_are_what_the_catalogues_say(piece: int) -> None:
    read = in_full(b"123456789", piece=piece)
    assert {d.kind: d.hex for d in read.digests if d.kind in CHECKED} == CHECKED


def test_none_is_computed_where_none_is_asked_for() -> None:
    pass_ = Fingerprinter(len(FILE))
    pass_.update(FILE)
    assert not {d.kind for d in pass_.finish().digests} & set(ON_DEMAND)
    one = in_full(FILE, [MD5]).digest(MD5)
    assert one is not None
    assert one.value == hashlib.md5(FILE).digest()


def test_all_bytes_of_a_long_file_are_in_them_whatever_its_pieces() -> None:
    data = FILE * 700
    (md5,) = (in_full(data, [MD5], piece=n).digest(MD5) for n in (len(data),))
    assert md5 == in_full(data, [MD5], piece=700_001).digest(MD5)
    assert stated(data, CRC64) == tuple(
        d for d in in_full(data, piece=123_457).digests if d.kind is CRC64
    )


@pytest.mark.parametrize(
    ("etag", "md5"),
    [
        ('"900150983cd24fb0d6963f7d28e17f72"', True),
        ("900150983CD24FB0D6963F7D28E17F72", True),
        ('W/"900150983cd24fb0d6963f7d28e17f72"', True),
        ('"900150983cd24fb0d6963f7d28e17f72-3"', False),
        ('"0x8DCB5F0E1A2B3C4"', False),
        ("CKih16GjycICEAE=", False),
        ("", False),
        (None, False),
    ],
)
def test_an_etag_of_several_parts_is_no_md5(etag: str | None, md5: bool) -> None:
    found = md5_of_etag(etag)
    assert found == (hashlib.md5(b"abc").digest() if md5 else None)


# -- learned, and recognised where a store states them -------------------------------------------


@pytest.mark.parametrize("first", ["the list", "the reading"])
@pytest.mark.parametrize("kind", [MD5, SHA1])
def test_what_reading_told_is_recognised_by_what_a_store_states(
    store: Store, tree: Path, kind: DigestKind, first: str
) -> None:
    def teach_it() -> None:
        with store.write() as connection:
            teach(connection, in_full(FILE))

    if first == "the reading":
        teach_it()
    id = remove(store, listed(FILE))
    if first == "the list":
        teach_it()
    else:
        past(store)
        with store.write() as connection:
            learning.learn(connection)
    batch = manifest(artifact_at("x/y/LORA", len(FILE), others=stated(FILE, kind)))
    (row,) = examine(batch, known(store, None), OnlyThese(tree, ()), Depth.HEADER).to_pylist()
    assert (row["status"], row["removal"], row["rung"]) == ("match", id, "declared")
    (one,) = carried.unpacked(row["found"])
    assert one.artifact.others == stated(FILE, kind)
    (proof,) = one.matches[0].evidence
    assert proof.kind == kind.label
    assert "Two files can be made that share one" in proof.why


def store_artifact(store: Store, artifact: Artifact) -> int:
    place = Repository("storage+acme", RepoType.MODEL, "someone/test")
    artifact = replace(artifact, hub=place.hub, repo=place.id)
    with store.write() as connection:
        (repository,) = seen.repositories(connection, [place])
        (pk,) = seen.artifacts(connection, repository, [artifact])
    return pk


@pytest.mark.parametrize("kind", [MD5, SHA1])
def test_a_claim_that_comes_later_finds_what_a_store_stated_before(
    store: Store, kind: DigestKind
) -> None:
    pk = store_artifact(store, artifact_at("LORA", len(FILE), others=stated(FILE, kind)))
    store_artifact(store, artifact_at("other", len(OTHER), others=stated(OTHER, kind)))
    id = remove(store, RemovedFile(stated(FILE, kind)))
    assert past(store) == {(pk, id, Rung.DECLARED)}


def test_another_content_at_a_path_is_another_artifact(store: Store) -> None:
    one = artifact_at("LORA", len(FILE), others=stated(FILE, MD5))
    pk = store_artifact(store, one)
    assert store_artifact(store, one) == pk
    assert store_artifact(store, replace(one, others=stated(OTHER, MD5))) != pk
    with store.read() as connection:
        kept = seen.artifact(connection, pk)
    assert store_artifact(store, kept) == pk
    assert kept.declared == ()


@pytest.mark.parametrize("kind", [CRC32C, CRC64])
@pytest.mark.parametrize("more", [0, 1])
def test_a_crc_is_a_lead_for_a_file_of_that_size_alone(
    store: Store, tree: Path, kind: DigestKind, more: int
) -> None:
    at = artifact_at("LORA", len(FILE) + more, others=stated(FILE, kind))
    pk = store_artifact(store, at)
    id = remove(store, RemovedFile(stated(FILE, kind), size=len(FILE)))
    remove(store, RemovedFile(stated(FILE, kind)))  # of no size: it says nothing
    assert past(store) == (set() if more else {(pk, id, Rung.HINT)})
    index = known(store, None)
    assert index.match(at) == ()
    assert [m.removal for m in index.hints(at)] == ([] if more else [id])
    (row,) = examine(manifest(at), index, ObjectStore(str(tree)), Depth.NONE).to_pylist()
    assert row["removal"] is None
    assert (row["found"] is None) == bool(more)


def test_bytes_that_were_read_prove_no_more_by_a_weak_digest(store: Store) -> None:
    remove(store, RemovedFile(stated(FILE, MD5, SHA1)))
    (match,) = known(store).match_fingerprint(in_full(FILE))
    assert {e.rung for e in match.evidence} == {Rung.DECLARED}
    assert {e.kind for e in match.evidence} == {"md5", "sha1"}
    with store.write() as connection:
        teach(connection, in_full(FILE))
    (match,) = known(store).match_fingerprint(in_full(FILE, ()))[:1] or (None,)
    assert match is None  # nothing was learned by it


def test_two_files_with_one_md5_are_not_one(store: Store) -> None:
    """Where the SHA-256 is known too, it decides."""
    md5, sha256 = stated(FILE, MD5), Digest(DigestKind.SHA256, hashlib.sha256(FILE).digest())
    remove(store, RemovedFile((sha256, *md5)))
    other = Digest(DigestKind.SHA256, hashlib.sha256(OTHER).digest())
    index = known(store)
    assert index.match(artifact_at("a", 5, other.value, others=md5)) == ()
    assert index.match(artifact_at("a", 5, sha256.value, others=stated(OTHER, MD5)))
    read = in_full(OTHER, ())
    forged = replace(read, digests=(*read.digests, *md5))
    assert index.match_fingerprint(forged) == ()
    assert contradicts(
        {d.kind: d.value for d in forged.digests}, {sha256.kind: sha256.value, MD5: md5[0].value}
    )


@pytest.mark.parametrize("depth", Depth)
def test_the_class_that_is_never_read_is_known_by_what_a_store_states(
    store: Store, tree: Path, depth: Depth
) -> None:
    data = (tree / "someone/test/LORA").read_bytes()
    id = remove(store, RemovedFile(stated(data, MD5)))
    classes.classify(store, KEYRING, id, RemovalClass.CHILD_ABUSE, "Sample reason 01")
    at = artifact_at("someone/test/LORA", len(data), others=stated(data, MD5))
    found = by_key(examine(manifest(at), known(store, None), OnlyThese(tree, ()), depth))
    row = found["LORA"]
    assert (row["status"], row["removal"], row["bytes_read"]) == ("match", id, 0)
    outcome = scan_folder(store, KEYRING, tree, jobs=1)
    assert {(one.removal, one.path.rpartition("/")[2]) for one in outcome.sightings} >= {
        (id, "LORA")
    }


def test_a_false_md5_is_no_match_once_it_is_read(store: Store, tree: Path) -> None:
    id = remove(store, RemovedFile(stated(FILE, MD5)))
    key = "someone/test/stranger.bin"
    at = artifact_at(key, (tree / key).stat().st_size, others=stated(FILE, MD5))
    index = known(store, None)
    (row,) = examine(manifest(at), index, ObjectStore(str(tree)), Depth.HEADER).to_pylist()
    assert row["removal"] == id
    (row,) = examine(manifest(at), index, ObjectStore(str(tree)), Depth.FULL).to_pylist()
    assert row["removal"] is None
    key = "someone/test/exact.bin"
    at = artifact_at(key, len(FILE), others=stated(FILE, MD5))
    (row,) = examine(manifest(at), index, ObjectStore(str(tree)), Depth.FULL).to_pylist()
    assert (row["removal"], row["rung"]) == (id, "declared")


# -- a manifest ------------------------------------------------------------------------------------


def test_a_manifest_states_them_as_stores_write_them() -> None:
    def row(**cells: str | None) -> Artifact:
        values = {"key": "a", "size": 9, **cells}
        (made,) = rows_of(pyarrow.RecordBatch.from_pylist([values]))
        assert made.trouble is None, made.trouble
        return made.artifact

    hexadecimal = row(
        md5=CHECKED[MD5], sha1=CHECKED[SHA1], crc32c="E3069283", crc64nvme=CHECKED[CRC64]
    )
    assert {d.kind: d.hex for d in hexadecimal.others} == CHECKED
    base64 = row(
        md5="JfnnlDI7RTiF9RgfG2JNCw==",
        sha1="98O8HYCOBHMq32eZZczDTKeuNEE=",
        crc32c="4waSgw==",
        crc64nvme="rosUhgp5mIg=",
    )
    assert base64 == hexadecimal
    assert row(md5="25f9e794323b453885f5181f1b624d0b-3", crc32c="4waSgw==-2").others == ()
    (bad,) = rows_of(pyarrow.RecordBatch.from_pylist([{"key": "a", "size": 9, "md5": "abc"}]))
    assert bad.trouble == "its checksum md5 in the manifest is none: 32 hex digits were due"


@pytest.mark.parametrize(
    ("head", "cell", "kind"),
    [
        ("md5", CHECKED[MD5], MD5),
        ("File MD5", "JfnnlDI7RTiF9RgfG2JNCw==", MD5),
        ("sha1", CHECKED[SHA1], SHA1),
        ("hash", f"md5:{CHECKED[MD5]}", MD5),
        ("hash", f"sha1:{CHECKED[SHA1]}", SHA1),
        ("x-amz-checksum-crc64nvme", "rosUhgp5mIg=", CRC64),
        ("crc32c", "E3069283", CRC32C),
        ("hash", CHECKED[MD5], None),
        ("hash", CHECKED[SHA1], DigestKind.GIT_BLOB),
    ],
)
def test_a_list_may_name_a_model_by_them(
    store: Store, tmp_path: Path, head: str, cell: str, kind: DigestKind | None
) -> None:
    """What a bare hash of 32 digits is of nobody can say, and one of 40 is git's."""
    (tmp_path / "list.csv").write_text(f"name,{head},size\nSample person 07,{cell},9\n")
    account = import_list(store, KEYRING, tmp_path / "list.csv")
    assert account.added == (kind is not None)
    with store.read() as connection:
        found = [d for one in removals.every(connection) for c in one.claims for d in c.digests]
    if kind is not None and kind is not DigestKind.GIT_BLOB:
        assert found == [Digest(kind, bytes.fromhex(CHECKED[kind]))]
    else:
        assert [d.kind for d in found] == [kind][: account.added]


# -- asked for by an installation ------------------------------------------------------------------


def digests_of(store: Store, id: str) -> set[DigestKind]:
    with store.read() as connection:
        found = removals.by_id(connection, id)
    return {d.kind for claim in found.claims for d in claim.digests}


def test_full_readings_learn_what_is_asked_for(store: Store, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "LORA.safetensors").write_bytes(FILE)
    id = remove(store, listed(FILE))
    scan_folder(store, KEYRING, tmp_path / "folder", jobs=1)
    assert not digests_of(store, id) & set(ON_DEMAND)
    ask(store, ON_DEMAND)
    with store.read() as connection:
        assert digests_asked.asked(connection) == set(ON_DEMAND)
    scan_folder(store, KEYRING, tmp_path / "folder", jobs=1)
    assert digests_of(store, id) >= set(ON_DEMAND)
    (tmp_path / "other.safetensors").write_bytes(OTHER)
    ask(store, [MD5])
    (added,) = add_files(store, KEYRING, [tmp_path / "other.safetensors"], AddOptions()).files
    assert added.removal is not None
    assert digests_of(store, added.removal) & set(ON_DEMAND) == {MD5}
    ask(store, ())
    with store.read() as connection:
        assert digests_asked.asked(connection) == frozenset()
