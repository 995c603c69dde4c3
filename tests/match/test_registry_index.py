"""What a registry in memory recognises, on which rung, and what it does not."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import pytest
from tests.facts import teach
from tests.match.made import (
    KEYRING,
    adapter,
    fully_known,
    ids,
    known,
    listed,
    read,
    remove,
    safetensors,
)

from reseen.fingerprints.git import blob_sha1, pointer_oid
from reseen.fingerprints.whole import fingerprint
from reseen.match.registry_index import RegistryIndex
from reseen.match.snapshot import HEADER_ROOM
from reseen.records import (
    Artifact,
    Digest,
    DigestKind,
    Names,
    RemovedFile,
    Repository,
    RepoType,
    Rung,
)
from reseen.registry import removals
from reseen.store.database import Store

FILE = safetensors(adapter(7), {"made by": "a test"})
OTHER = safetensors(adapter(8))


def artifact(data: bytes = FILE, path: str = "LORA.safetensors", **changes: object) -> Artifact:
    sha = hashlib.sha256(data).digest()
    plain = Artifact(
        "hub.example",
        RepoType.MODEL,
        "someone/test",
        "a" * 40,
        "main",
        path,
        len(data),
        sha256=sha,
        git_oid=pointer_oid(sha, len(data)),
        lfs=True,
    )
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


def learned(store: Store, data: bytes) -> bool:
    """Let a file be read in full: whether any removal learned from it."""
    with store.write() as connection:
        return bool(teach(connection, read(data)))


def followed(store: Store, index: RegistryIndex) -> RegistryIndex:
    with store.read() as connection:
        return index.followed(connection)


def test_a_declared_sha256_matches(store: Store) -> None:
    removal = remove(store, listed(FILE))
    remove(store, listed(OTHER))
    (match,) = known(store).match(artifact())
    assert match.removal == removal
    assert match.rung is Rung.DECLARED
    assert "SHA-256" in match.why
    assert known(store).match(artifact(b"something else")) == ()


def test_a_masked_file_matches_by_its_pointer_if_the_size_is_known(store: Store) -> None:
    hidden = artifact(sha256=None, masked=True)
    removal = remove(store, listed(FILE))
    assert known(store).match(hidden) == ()
    sized = remove(store, listed(FILE, size=True))
    (match,) = known(store).match(hidden)
    assert (match.removal, match.rung) == (sized, Rung.POINTER)
    assert removal != sized


def test_a_size_learned_makes_the_pointer_match(store: Store) -> None:
    removal = remove(store, listed(FILE))
    index = known(store)
    assert learned(store, FILE)
    index = followed(store, index)
    assert ids(index.match(artifact(sha256=None, masked=True))) == [removal]


def test_a_plain_git_file_matches_by_its_blob(store: Store) -> None:
    blob = RemovedFile((Digest(DigestKind.GIT_BLOB, blob_sha1(FILE)),))
    removal = remove(store, blob)
    small = artifact(sha256=None, lfs=False, git_oid=blob_sha1(FILE))
    (match,) = known(store).match(small)
    assert (match.removal, match.rung) == (removal, Rung.DECLARED)


def test_an_xet_hash_matches(store: Store) -> None:
    removal = remove(store, RemovedFile((Digest(DigestKind.XET, b"xet!" * 8),)))
    (match,) = known(store).match(artifact(sha256=None, git_oid=None, xet=b"xet!" * 8))
    assert (match.removal, match.rung) == (removal, Rung.DECLARED)


def test_two_removals_of_one_file_both_match(store: Store) -> None:
    both = {remove(store, listed(FILE)), remove(store, listed(FILE))}
    assert {match.removal for match in known(store).match(artifact())} == both


def test_a_withdrawn_removal_matches_nothing(store: Store) -> None:
    names = Names(name="Sample person 07", file_names=("sample_person_07.safetensors",))
    removal = remove(store, fully_known(FILE), names=names)
    other = remove(store, listed(OTHER))
    with store.write() as connection:
        removals.withdraw(connection, KEYRING, removal, "not this model")
    index = known(store)
    assert len(index) == 1
    assert index.match(artifact()) == ()
    assert index.match(artifact(sha256=None, masked=True)) == ()
    assert index.match_fingerprint(read(FILE)) == ()
    assert index.hints(artifact(b"else", "sample_person_07.safetensors")) == ()
    assert not index.could_hold(len(FILE))
    assert ids(index.match(artifact(OTHER))) == [other]


def test_what_was_read_matches_by_bytes_and_by_tensors(store: Store) -> None:
    removal = remove(store, fully_known(FILE))
    index = known(store)
    (same,) = index.match_fingerprint(read(FILE))
    assert (same.removal, same.rung) == (removal, Rung.BYTES)
    (edited,) = index.match_fingerprint(read(safetensors(adapter(7), {"title": "Test model"})))
    assert (edited.removal, edited.rung) == (removal, Rung.TENSORS)
    tensors = dict(reversed(adapter(7).items()))
    (reordered,) = index.match_fingerprint(read(safetensors(tensors)))
    assert reordered.rung is Rung.TENSORS
    assert {e.kind for e in reordered.evidence} == {"tensors-blake3"}
    renamed = {"another " + name: data for name, data in adapter(7).items()}
    assert index.match_fingerprint(read(safetensors(renamed)))[0].rung is Rung.TENSORS
    assert index.match_fingerprint(read(OTHER)) == ()


def test_a_look_alike_teaches_nothing(store: Store) -> None:
    remove(store, listed(FILE))
    index = known(store)
    assert not learned(store, OTHER)
    assert followed(store, index).match_fingerprint(read(OTHER)) == ()


def test_an_edited_copy_is_known_once_the_file_was_learned(store: Store) -> None:
    removal = remove(store, listed(FILE))
    index = known(store)
    edited = safetensors(adapter(7), {"title": "Test model"})
    assert index.match_fingerprint(read(edited)) == ()
    assert not index.could_hold(len(edited))
    assert learned(store, FILE)
    before, index = index, followed(store, index)
    assert index.could_hold(len(edited))
    assert ids(index.match_fingerprint(read(edited))) == [removal]
    assert before.match_fingerprint(read(edited)) == ()  # an index never changes
    assert not learned(store, FILE)  # twice is once
    assert len(followed(store, index).match_fingerprint(read(FILE))) == 1


def test_only_what_could_hold_the_tensors_is_read(store: Store) -> None:
    remove(store, fully_known(FILE))
    remove(store, listed(safetensors(adapter(9, 1 << 16)), size=True))
    index, fp = known(store), read(FILE)
    assert fp.data_size
    assert fp.layout
    assert index.could_hold(fp.data_size + 100)
    assert index.could_hold(fp.data_size + HEADER_ROOM)
    assert not index.could_hold(fp.data_size + HEADER_ROOM + 1)
    assert not index.could_hold(fp.data_size)
    assert not index.could_hold(None)
    assert index.could_hold(None, fp.data_size)
    assert index.could_hold(None, None, fp.layout)
    assert index.could_hold(1, fp.data_size + 2, fp.layout)
    assert not index.could_hold(fp.size, fp.data_size + 2, b"l" * 32)


def test_hashes_of_nothing_match_nothing(store: Store) -> None:
    nothing = hashlib.sha256(b"").digest()
    digests = (Digest(DigestKind.SHA256, nothing), Digest(DigestKind.DATA_SHA256, nothing))
    remove(store, RemovedFile(digests, size=0))
    index = known(store)
    assert index.match(artifact(b"")) == ()
    assert index.match_fingerprint(read(b"")) == ()


def test_short_hashes_stay_hints(store: Store) -> None:
    sha = hashlib.sha256(FILE).digest()
    removal = remove(store, RemovedFile((Digest(DigestKind.AUTOV2, sha[:5]),)))
    data = hashlib.sha256(b"".join(adapter(8).values())).digest()
    other = remove(store, RemovedFile((Digest(DigestKind.AUTOV3, data[:6]),)))
    index = known(store)
    assert index.match(artifact()) == ()
    (hint,) = index.hints(artifact())
    assert (hint.removal, hint.rung) == (removal, Rung.HINT)
    (hint,) = index.match_fingerprint(read(OTHER))
    assert (hint.removal, hint.rung) == (other, Rung.HINT)


def test_what_a_file_says_of_itself_is_a_hint(store: Store) -> None:
    removal = remove(store, fully_known(FILE))
    said = {"sshs_model_hash": hashlib.sha256(b"".join(adapter(7).values())).hexdigest()}
    liar = read(safetensors(adapter(8), said))
    (hint,) = known(store).match_fingerprint(liar)
    assert (hint.removal, hint.rung) == (removal, Rung.HINT)
    assert ids(known(store).hints_inside(liar.embedded)) == [removal]


NAMES = Names(
    name="Sample person 07",
    url="https://models.example/models/4711/sample-person-07?modelVersionId=815000",
    model_id="4711",
    version_id="815000",
    file_names=("sample_person_07.safetensors",),
)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("weights/Sample_Person_07.safetensors", "filename"),
        ("4711/815000/x.safetensors", "path"),
        ("mirror/4711_815000.bin", "path"),
        ("815000.safetensors", "path"),
        (f"{hashlib.sha256(FILE).hexdigest()}.bin", "filename-sha256"),
        (f"x-{hashlib.sha256(FILE).hexdigest().upper()}", "filename-sha256"),
    ],
)
def test_names_and_paths_are_hints_that_tell_no_name(store: Store, path: str, kind: str) -> None:
    removal = remove(store, listed(FILE), names=NAMES)
    (hint,) = known(store).hints(artifact(b"else", path))
    assert (hint.removal, hint.rung) == (removal, Rung.HINT)
    assert [e.kind for e in hint.evidence] == [kind]
    assert "sample" not in str(hint).lower()
    repository = Repository("hub.example", RepoType.MODEL, "a/b", paths=("README.md", path))
    assert known(store).hints_of_listing(repository) == 1
    if kind != "filename-sha256":
        assert known(store, None).hints(artifact(b"else", path)) == ()


@pytest.mark.parametrize("path", ["4711/x.safetensors", "815000/4711.bin", "a.bin", "", "///"])
def test_other_paths_are_no_hints(store: Store, path: str) -> None:
    remove(store, listed(FILE), names=NAMES)
    assert known(store).hints(artifact(b"else", path)) == ()


def test_a_name_that_many_share_says_nothing(store: Store) -> None:
    for number in range(8):
        names = Names(file_names=("v1.safetensors", "lora.safetensors"))
        remove(store, listed(b"%d" % number), names=names)
    index = known(store)
    assert index.hints(artifact(b"else", "v1.safetensors")) == ()
    assert index.hints(artifact(b"else", "lora.safetensors")) == ()


def test_evidence_of_all_kinds_stands_in_one_match(store: Store) -> None:
    removal = remove(store, fully_known(FILE))
    (match,) = known(store).match_fingerprint(read(FILE))
    assert match.removal == removal
    kinds = [e.kind for e in match.evidence]
    assert len(kinds) == len(set(kinds))
    assert {"sha256", "blake3", "data-sha256", "tensors-blake3"} <= set(kinds)
    rungs = [e.rung for e in match.evidence]
    assert rungs == sorted(rungs, reverse=True)


def test_a_local_file_is_checked_by_its_bytes(store: Store, tmp_path: Path) -> None:
    removal = remove(store, listed(FILE))
    path = tmp_path / "holiday photos.zip"
    path.write_bytes(FILE)
    (match,) = known(store).match_fingerprint(fingerprint(path))
    assert (match.removal, match.rung) == (removal, Rung.BYTES)
