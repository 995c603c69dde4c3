"""Files of the class that is never read, under other removals: their digests alone count."""

from __future__ import annotations

import pytest
from tests.match.made import KEYRING, read, remove, safetensors, sha256
from tests.match.test_retroactive import EDITED, FILE, OTHER, adapter, past, see

from reseen.fingerprints.git import blob_sha1
from reseen.match import digests_alone, ladder
from reseen.match.ladder import ClaimFacts, FileFacts, Header
from reseen.operations import classes, removals
from reseen.records import (
    Confirmed,
    Container,
    Digest,
    DigestKind,
    Evidence,
    RemovalClass,
    RemovedFile,
    Rung,
)
from reseen.store.database import Store

WHY = "Sample reason 01"
XET = b"xet!" * 8
PLACES = {
    "shown": (FILE, {}),
    "masked": (FILE, {"masked": True}),
    "small": (FILE, {"lfs": False}),
    "chunked": (OTHER, {"masked": True, "xet": XET}),
    "read": (FILE, {"masked": True, "full": True}),
    "another": (OTHER, {}),
}
BLAKE3 = Digest(DigestKind.BLAKE3, read(FILE).digests[1].value)
FOUND = {
    "sha256": (RemovedFile((sha256(FILE),)), {"shown", "read"}),
    "sha256 and size": (
        RemovedFile((sha256(FILE),), size=len(FILE)),
        {"shown", "masked", "read"},
    ),
    "git blob": (
        RemovedFile((Digest(DigestKind.GIT_BLOB, blob_sha1(FILE)),)),
        {"small", "read"},
    ),
    "blake3": (RemovedFile((BLAKE3,)), {"read"}),
    "xet": (RemovedFile((Digest(DigestKind.XET, XET),)), {"chunked"}),
    "size": (RemovedFile((), size=len(FILE)), set()),
    "its tensors": (
        RemovedFile(tuple(d for d in read(FILE).digests if d.kind is DigestKind.DATA_SHA256)),
        {"read"},
    ),
}


@pytest.mark.parametrize("how", FOUND)
def test_what_tells_that_a_file_is_of_the_class(store: Store, how: str) -> None:
    file, wanted = FOUND[how]
    seen = {see(store, data, name, **more): name for name, (data, more) in PLACES.items()}
    removal = remove(store, file)
    assert BLAKE3.kind is DigestKind.BLAKE3

    def found() -> set[str]:
        with store.read() as connection:
            return {seen[pk] for pk in digests_alone.such_artifacts(connection, seen)}

    assert found() == set()
    classes.classify(store, KEYRING, removal, RemovalClass.CHILD_ABUSE, WHY)
    assert found() == wanted
    removals.withdraw(store, KEYRING, removal, WHY)
    assert found() == set()


def test_its_tensors_prove_nothing_for_another_removal(store: Store) -> None:
    """A file of the class is the edited copy of another removal's file."""
    edited = see(store, EDITED, "edited", full=True)
    other = remove(store, RemovedFile(read(FILE).digests))
    assert past(store) == {(edited, other, Rung.TENSORS)}
    removal = remove(store, RemovedFile((sha256(EDITED),)))
    classes.classify(store, KEYRING, removal, RemovalClass.CHILD_ABUSE, WHY)
    assert past(store) == {(edited, removal, Rung.DECLARED)}
    classes.classify(store, KEYRING, removal, RemovalClass.OTHER, WHY)
    assert past(store) == {(edited, other, Rung.TENSORS), (edited, removal, Rung.BYTES)}
    classes.classify(store, KEYRING, removal, RemovalClass.CHILD_ABUSE, WHY)
    assert past(store) == {(edited, other, Rung.UNSUPPORTED), (edited, removal, Rung.DECLARED)}


LIKE = Evidence(Rung.WEIGHTS, "sketch", "cosine 1.000", "As like as can be.")
BY_ORDER = Evidence(Rung.HINT, "sketch-by-order", "cosine 1.000", "By their order, as like.")
SHORT = Evidence(Rung.HINT, "filename", "equal", "The file has the removed file's name.")


def test_the_ladder_goes_by_digests_alone() -> None:
    data = safetensors(adapter(7))
    computed = {digest.kind: digest.value for digest in read(data).digests}
    header = Header(Container.SAFETENSORS, 6144, None, None)
    tensors = {DigestKind.DATA_SHA256: computed[DigestKind.DATA_SHA256]}
    by_tensors, by_sha256 = (
        ClaimFacts(tensors),
        ClaimFacts({DigestKind.SHA256: computed[DigestKind.SHA256]}),
    )
    seen = FileFacts(len(data), {}, read=computed, header=header, alone=True)
    assert ladder.judge(seen, [by_tensors], [LIKE]) is None
    hinted = ladder.judge(seen, [by_tensors], [LIKE, BY_ORDER, SHORT])
    assert hinted is not None
    assert hinted.evidence == (SHORT,)
    same = ladder.judge(seen, [by_tensors, by_sha256])
    assert same is not None
    assert [e.rung for e in same.evidence] == [Rung.BYTES]
    stated = {DigestKind.SHA256: computed[DigestKind.SHA256]}
    unread = FileFacts(len(data), stated, header=header, alone=True)
    declared = ladder.judge(unread, [by_sha256])
    assert declared is not None
    assert (declared.rung, declared.confirmed) == (Rung.DECLARED, Confirmed.NONE)
    assert "only digests are compared" in declared.evidence[0].why
