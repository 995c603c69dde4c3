"""A removal added later is recognised in what was seen before, without asking anybody."""

from __future__ import annotations

import hashlib

from sqlalchemy import event, select
from tests.match.made import (
    KEYRING,
    adapter,
    fully_known,
    listed,
    read,
    remove,
    safetensors,
    sha256,
)

from reseen.fingerprints.git import blob_sha1, pointer_oid
from reseen.match.retroactive import candidates_for_reinspection
from reseen.observed import artifacts as seen
from reseen.observed import sightings
from reseen.records import Artifact, Digest, DigestKind, RemovedFile, Repository, RepoType, Rung
from reseen.registry import removals
from reseen.scan.reinspection import record_past
from reseen.store import schema
from reseen.store.database import Store

FILE = safetensors(adapter(7), {"made by": "a test"})
EDITED = safetensors(adapter(7), {"title": "Test model"})
OTHER = safetensors(adapter(8))


def see(
    store: Store,
    data: bytes,
    path: str = "a.bin",
    *,
    masked: bool = False,
    lfs: bool = True,
    xet: bytes | None = None,
    full: bool = False,
) -> int:
    """Store an artifact as a scan would; its pk."""
    sha = hashlib.sha256(data).digest()
    oid = pointer_oid(sha, len(data)) if lfs else blob_sha1(data)
    artifact = Artifact(
        "hub.example",
        RepoType.MODEL,
        "someone/test",
        "c" * 40,
        "main",
        path,
        len(data),
        sha256=sha if lfs and not masked else None,
        xet=xet,
        git_oid=oid,
        masked=masked,
        lfs=lfs,
    )
    with store.write() as connection:
        place = Repository("hub.example", RepoType.MODEL, "someone/test")
        (repository,) = seen.repositories(connection, [place])
        (pk,) = seen.artifacts(connection, repository, [artifact])
        if full:
            fp = read(data)
            told = seen.Inspection(
                fp.container, fp.data_size, fp.layout, full=True, digests=fp.digests
            )
            seen.readings(connection, [(pk, told)])
    return pk


def past(store: Store, removal_ids: list[str] | None = None) -> set[tuple[int, str, Rung]]:
    """What judging the past finds; nothing of it is kept."""
    s, r, h = schema.sightings.c, schema.removals.c, schema.hints.c
    with store.read() as connection:
        record_past(connection, store.secret, removal_ids)
        found = select(s.artifact_pk, r.id, s.rung).join(schema.removals, r.pk == s.removal_pk)
        leads = select(h.artifact_pk, r.id).join(schema.removals, r.pk == h.removal_pk)
        return {
            *((pk, id, Rung(rung)) for pk, id, rung in connection.execute(found)),
            *((pk, id, Rung.HINT) for pk, id in connection.execute(leads)),
        }


def test_what_hubs_declared_is_matched(store: Store) -> None:
    plain = see(store, FILE)
    masked = see(store, FILE, "masked", masked=True)
    small = see(store, FILE, "small", lfs=False)
    chunked = see(store, OTHER, "chunked", masked=True, xet=b"xet!" * 8)
    see(store, OTHER, "other")
    removal = remove(store, fully_known(FILE))
    xet = remove(store, RemovedFile((Digest(DigestKind.XET, b"xet!" * 8),)))
    assert past(store) == {
        (plain, removal, Rung.DECLARED),
        (masked, removal, Rung.POINTER),
        (small, removal, Rung.DECLARED),
        (chunked, xet, Rung.DECLARED),
    }
    assert past(store, [xet]) == {(chunked, xet, Rung.DECLARED)}
    assert past(store, []) == set()


def test_what_was_read_is_matched(store: Store) -> None:
    same = see(store, FILE, full=True)
    edited = see(store, EDITED, "edited", full=True)
    see(store, OTHER, "other", full=True)
    removal = remove(store, fully_known(FILE))
    assert past(store) == {(same, removal, Rung.BYTES), (edited, removal, Rung.TENSORS)}


def test_a_short_hash_is_a_hint_and_no_sighting(store: Store) -> None:
    pk = see(store, FILE)
    removal = remove(store, RemovedFile((Digest(DigestKind.AUTOV2, sha256(FILE).value[:5]),)))
    assert past(store) == {(pk, removal, Rung.HINT)}
    with store.write() as connection:
        assert record_past(connection, store.secret) == []
        assert sightings.count(connection) == 0


def test_a_withdrawn_removal_is_not_looked_for(store: Store) -> None:
    see(store, FILE, full=True)
    see(store, FILE, "masked", masked=True)
    removal = remove(store, fully_known(FILE))
    with store.write() as connection:
        removals.withdraw(connection, KEYRING, removal, "not this model")
    assert past(store) == set()


def test_recognising_the_past_twice_finds_nothing_new(store: Store) -> None:
    see(store, FILE)
    see(store, FILE, "copy")
    removal = remove(store, listed(FILE))
    with store.write() as connection:
        first = record_past(connection, store.secret)
    with store.write() as connection:
        again = record_past(connection, store.secret, [removal])
        every = list(sightings.every(connection))
    assert len(first) == 2
    assert again == []
    assert {one.id for one in every} == {id for id, _ in first}
    assert {one.removal for one in every} == {removal}


def test_the_past_is_asked_in_batches_and_not_one_by_one(store: Store) -> None:
    see(store, FILE)
    see(store, FILE, "masked", masked=True)
    for number in range(30):
        remove(store, listed(b"%d" % number, size=True), fully_known(b"!%d" % number))
    asked = 0

    def count(*_: object) -> None:
        nonlocal asked
        asked += 1

    with store.read() as connection:
        event.listen(connection, "before_cursor_execute", count)
        record_past(connection, store.secret)
    assert asked < 30


def test_what_could_hold_tensors_learned_since_is_worth_a_look(store: Store) -> None:
    size = read(FILE).data_size
    assert size
    edited = see(store, EDITED, "edited")
    see(store, EDITED, "read in full", full=True)
    see(store, OTHER + bytes(20 << 20), "too long")
    short = see(store, FILE[: size // 2], "too short")
    sighted = see(store, FILE, "a sighting that is declared, and not read")
    remove(store, listed(FILE))
    with store.write() as connection:
        record_past(connection, store.secret)
        seen.readings(connection, [(short, seen.Inspection(data_size=5))])
        assert list(candidates_for_reinspection(connection, {size, size + 8})) == [edited, sighted]
        seen.readings(connection, [(edited, seen.Inspection(data_size=size + 2))])
        assert list(candidates_for_reinspection(connection, {size})) == [sighted]
        assert list(candidates_for_reinspection(connection, {size + 2})) == [edited, sighted]
        assert list(candidates_for_reinspection(connection, set())) == []
