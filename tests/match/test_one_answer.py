"""One question, one answer: asked as a scan, `check`, the gate and the past ask it."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from tests.facts import add_claim, teach
from tests.match.made import adapter, fully_known, known, listed, read, remove, safetensors
from tests.match.test_retroactive import past, see
from tests.match.updates import CAST, REMOVED, put

from reseen.fingerprints.git import pointer_oid
from reseen.fingerprints.kinds import (
    LADDER,
    WHOLE,
    DigestScope,
    bits,
    contradicted,
    contradicts,
    size_allows,
)
from reseen.match import evidence
from reseen.match.registry_index import RegistryIndex
from reseen.match.stated import NamedIndex, StatedFile
from reseen.records import Artifact, Digest, DigestKind, RemovedFile, RepoType, Rung
from reseen.registry.claims import removal_pk
from reseen.store import schema
from reseen.store.database import Store

FILE = safetensors(adapter(7), {"made by": "a test"})
EDITED = safetensors(adapter(7), {"title": "a longer title of a test model"})
OTHER = safetensors(adapter(8))


def gate(store: Store) -> NamedIndex:
    with store.read() as connection:
        rows = connection.execute(select(schema.lists.c.pk, schema.lists.c.name))
        names = {row.pk: row.name for row in rows}
    return NamedIndex(known(store), names)


def digest(kind: DigestKind, data: bytes) -> Digest:
    found = read(data).digest(kind)
    if found is not None:
        return found
    ((short, long),) = [(k, v) for k, v in _LONG.items() if k is kind]
    value = read(data).digest(long)
    assert value is not None
    return Digest(short, value.value[: short.length])


_LONG = {DigestKind.AUTOV2: DigestKind.SHA256, DigestKind.AUTOV3: DigestKind.DATA_SHA256}


def listing(data: bytes, *, size: int | None = None) -> Artifact:
    sha256 = hashlib.sha256(data).digest()
    size = len(data) if size is None else size
    return Artifact(
        *("hub.example", RepoType.MODEL, "someone/test", "c" * 40, "main", "a.bin", size),
        sha256=sha256,
        git_oid=pointer_oid(sha256, size),
        lfs=True,
    )


# -- a short digest, and another size ------------------------------------------------------------


@pytest.mark.parametrize(("size", "hinted"), [(None, True), (0, True), (1, False)])
def test_a_short_digest_of_a_file_of_another_size_is_no_hint_anywhere(
    store: Store, size: int | None, hinted: bool
) -> None:
    claimed = None if size is None else len(FILE) + size
    artifact_pk = see(store, FILE)
    remove(store, RemovedFile((digest(DigestKind.AUTOV2, FILE),), size=claimed))
    index = known(store)
    expected = {Rung.HINT} if hinted else set()
    said = StatedFile(((DigestKind.SHA256, hashlib.sha256(FILE).digest()),), size=len(FILE))
    answers = {
        "scan": {m.rung for m in index.hints(listing(FILE))},
        "check": {m.rung for m in index.match_fingerprint(read(FILE))},
        "gate": {f.rung for f in gate(store).stated(said)},
        "upload": {f.rung for f in gate(store).upload(read(FILE))},
        "past": {rung for pk, _, rung in past(store) if pk == artifact_pk},
    }
    assert answers == dict.fromkeys(answers, expected)


def test_a_short_digest_of_the_tensors_does_not_ask_for_the_size(store: Store) -> None:
    remove(store, RemovedFile((digest(DigestKind.AUTOV3, FILE),), size=len(FILE)))
    assert len(EDITED) != len(FILE)
    data = read(EDITED).digest(DigestKind.DATA_SHA256)
    assert data is not None
    said = StatedFile(((data.kind, data.value),), size=len(EDITED))
    assert {m.rung for m in known(store).match_fingerprint(read(EDITED))} == {Rung.HINT}
    assert {f.rung for f in gate(store).stated(said)} == {Rung.HINT}
    assert {f.rung for f in gate(store).upload(read(EDITED))} == {Rung.HINT}


def test_the_pointer_says_nothing_where_the_sha256_is_shown(store: Store) -> None:
    artifact_pk = see(store, FILE)
    remove(store, listed(FILE, size=True))
    shown = listing(FILE)
    assert shown.sha256 is not None
    said = StatedFile(((DigestKind.SHA256, shown.sha256),), pointer=shown.git_oid, size=shown.size)
    (match,) = known(store).match(shown)
    assert {e.rung for e in match.evidence} == {Rung.DECLARED}
    assert {f.rung for f in gate(store).stated(said)} == {Rung.DECLARED}
    assert {rung for pk, _, rung in past(store) if pk == artifact_pk} == {Rung.DECLARED}


# -- claims that contradict themselves -----------------------------------------------------------


def joined(data: bytes, other: bytes) -> RemovedFile:
    """What a hostile row says: the SHA-256 of one file, the BLAKE3 of another."""
    return RemovedFile(
        (digest(DigestKind.SHA256, data), digest(DigestKind.BLAKE3, other)), size=len(data)
    )


def rungs(index: RegistryIndex, data: bytes) -> set[Rung]:
    return {e.rung for m in index.match_fingerprint(read(data)) for e in m.evidence}


@pytest.mark.parametrize("data", [FILE, OTHER], ids=["its own", "the innocent's"])
def test_a_claim_that_a_file_contradicts_gives_it_nothing(store: Store, data: bytes) -> None:
    remove(store, joined(FILE, OTHER))
    assert rungs(known(store), data) == set()
    (found,) = gate(store).upload(read(data))
    assert (found.rung, found.kind, found.ruled_by) == (Rung.REFUTED, "contradiction", Rung.BYTES)
    artifact_pk = see(store, data, full=True, masked=True, lfs=False)
    # Nothing on the ladder by the file's own bytes; what the hub states of others is another's.
    assert not {r for pk, _, r in past(store) if pk == artifact_pk and r > Rung.HINT}


@pytest.mark.parametrize("hostile_first", [True, False])
def test_an_honest_claim_beside_it_keeps_its_rung(store: Store, hostile_first: bool) -> None:
    first, second = listed(FILE, size=True), joined(FILE, OTHER)
    if hostile_first:
        first, second = second, first
    id = remove(store, first)
    with store.write() as connection:
        add_claim(connection, removal_pk(connection, id), second)
        assert teach(connection, read(FILE))
        assert not teach(connection, read(OTHER), path="other")
    index = known(store)
    assert max(rungs(index, FILE)) is Rung.BYTES
    assert rungs(index, OTHER) == set()
    honest = "another list" if hostile_first else "sample"
    best = gate(store).upload(read(FILE))[0]
    assert (best.rung, best.list) == (Rung.BYTES, honest)
    assert {f.rung for f in gate(store).upload(read(OTHER))} == {Rung.REFUTED}


def test_digests_that_are_stated_together_are_believed_together(store: Store) -> None:
    remove(store, joined(FILE, OTHER))
    sha256, blake3 = (digest(k, FILE) for k in (DigestKind.SHA256, DigestKind.BLAKE3))
    alone = StatedFile(((sha256.kind, sha256.value),))
    both = StatedFile(((sha256.kind, sha256.value), (blake3.kind, blake3.value)))
    assert {f.rung for f in gate(store).stated(alone)} == {Rung.DECLARED}
    (found,) = gate(store).stated(both)
    assert (found.rung, found.ruled_by) == (Rung.REFUTED, Rung.DECLARED)


XET = Digest(DigestKind.XET, b"xet!" * 8)


@pytest.mark.parametrize("trusted", [False, True])
def test_a_xet_hash_that_is_stated_proves_nothing_beside_another_digest(
    store: Store, trusted: bool
) -> None:
    """The removed file's SHA-256 with an innocent's Xet hash."""
    remove(store, RemovedFile((digest(DigestKind.SHA256, FILE), XET)))

    def answers(*digests: Digest) -> set[tuple[Rung, Rung]]:
        said = StatedFile(tuple((d.kind, d.value) for d in digests))
        return {(f.rung, f.ruled_by) for f in gate(store).stated(said, trusted=trusted)}

    best = Rung.BYTES if trusted else Rung.DECLARED
    assert answers(digest(DigestKind.SHA256, OTHER), XET) == {(Rung.REFUTED, best)}
    assert answers(digest(DigestKind.AUTOV2, FILE), XET) == {
        (Rung.DECLARED, Rung.DECLARED),
        (Rung.HINT, Rung.HINT),
    }
    assert answers(XET) == {(Rung.DECLARED, Rung.DECLARED)}
    other = Digest(DigestKind.XET, b"tex!" * 8)
    assert answers(digest(DigestKind.SHA256, FILE), other) == {(best, best)}
    index = known(store)
    (shown,) = index.match(replace(listing(FILE), xet=other.value))
    assert {e.kind for e in shown.evidence} == {"sha256"}
    assert index.match(replace(listing(OTHER), xet=XET.value)) == ()
    assert index.doubts(replace(listing(OTHER), xet=XET.value))
    assert not index.doubts(replace(listing(FILE), xet=other.value))


def test_a_short_digest_beside_a_xet_hash_is_asked_for_the_sha256_that_is_known(
    store: Store,
) -> None:
    remove(store, RemovedFile((digest(DigestKind.AUTOV2, FILE), XET)))
    index = known(store)
    assert index.match(replace(listing(OTHER), xet=XET.value)) == ()
    (match,) = index.match(replace(listing(FILE), xet=XET.value))
    assert {e.kind for e in match.evidence} == {"xet"}
    for data, rungs in ((FILE, {Rung.DECLARED, Rung.HINT}), (OTHER, {Rung.REFUTED})):
        sha256 = digest(DigestKind.SHA256, data).value
        said = StatedFile(((DigestKind.SHA256, sha256), (XET.kind, XET.value)))
        assert {f.rung for f in gate(store).stated(said)} == rungs


def test_what_is_found_is_the_claims_list(store: Store) -> None:
    id = remove(store, listed(OTHER))
    with store.write() as connection:
        add_claim(connection, removal_pk(connection, id), listed(FILE))
        teach(connection, read(FILE))
    of = {f.list for f in gate(store).upload(read(FILE))}
    assert of == {"another list"}
    assert {f.list for f in gate(store).upload(read(EDITED))} == {"another list"}  # what it taught
    assert {f.list for f in gate(store).upload(read(OTHER))} == {"sample"}


OF_FILES = (*WHOLE, DigestKind.XET)


@given(st.dictionaries(st.sampled_from(OF_FILES), st.integers(0, 1)),
       st.dictionaries(st.sampled_from(OF_FILES), st.integers(0, 1)))  # fmt: skip
def test_bits_say_what_the_digests_say(
    file: dict[DigestKind, int], claim: dict[DigestKind, int]
) -> None:
    one, other = ({k: bytes([v]) * k.length for k, v in some.items()} for some in (file, claim))
    equal = [one[k] == other[k] for k in WHOLE if k in one and k in other]
    by_xet = DigestKind.XET in one and one[DigestKind.XET] == other.get(DigestKind.XET)
    expected = (any(equal) or by_xet) and not all(equal)
    same = bits(k for k in OF_FILES if k in one and one[k] == other.get(k))
    assert contradicted(bits(other), bits(one), same) == expected
    assert contradicts(one, other) == expected


def test_sizes_are_asked_for_digests_of_the_file_only() -> None:
    for kind, rule in LADDER.items():
        if rule.scope is DigestScope.PART:
            assert size_allows(kind, 5, 5)
            assert size_allows(kind, None, 6) == (not rule.with_size)
            assert size_allows(kind, 5, None) == (not rule.with_size)
            assert size_allows(kind, 5, 6) == (kind is DigestKind.AUTOV3)


# -- an index that is sent elsewhere -------------------------------------------------------------


def test_an_index_can_be_pickled_and_needs_no_store(store: Store) -> None:
    (sketched,) = put(store, REMOVED)
    exact = remove(store, fully_known(FILE))
    sent = pickle.dumps(known(store))
    store.close()
    index: RegistryIndex = pickle.loads(sent)
    assert [m.removal for m in index.match_fingerprint(read(CAST))] == [sketched]
    assert [m.removal for m in index.match_fingerprint(read(FILE))] == [exact]
    assert len(index) == 2
    assert index.names is None


def test_names_and_keys_are_not_in_what_is_pickled(store: Store) -> None:
    index = known(store)
    assert index.names is not None
    sent = pickle.dumps(index)
    assert index.names.keyring.for_states not in sent


def test_of_several_equal_digests_the_one_that_people_know_is_told() -> None:
    """Lists and hosts know the SHA-256; whichever was compared first."""
    kinds = (DigestKind.BLAKE3, DigestKind.GIT_BLOB, DigestKind.SHA256)
    for order in permutations(kinds):
        found = [("rm-sample01", evidence.read(kind, bytes(32))) for kind in order]
        (match,) = evidence.gather(found)
        assert [each.kind for each in match.evidence] == ["sha256", "blake3", "git-blob-sha1"]
        assert "SHA-256" in match.why
