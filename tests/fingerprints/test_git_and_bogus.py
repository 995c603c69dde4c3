from __future__ import annotations

import hashlib

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.files import lfs_pointer
from reseen.fingerprints.embedded import embedded
from reseen.fingerprints.git import blob_sha1, pointer, pointer_oid
from reseen.fingerprints.known_bogus import why_bogus
from reseen.records import Digest, DigestKind, LfsPointer

SHA = hashlib.sha256(b"a model").digest()


def test_git_names_a_blob_as_git_does() -> None:
    assert blob_sha1(b"").hex() == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
    assert blob_sha1(b"hello\n").hex() == "ce013625030ba8dba906f756967f9e9ca394464a"


@given(st.binary(min_size=32, max_size=32), st.integers(0, 2**62))
@settings(deadline=None)
def test_a_pointer_is_read_back(sha256: bytes, size: int) -> None:
    text = pointer(sha256, size)
    assert lfs_pointer.parse(text) == LfsPointer(sha256, size)
    assert pointer_oid(sha256, size) == blob_sha1(text)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"version https://git-lfs.github.com/spec/v1\n",
        pointer(SHA, 5).replace(b"v1", b"v2"),
        pointer(SHA, 5).replace(b"sha256:", b"sha512:"),
        pointer(SHA, 5).replace(b"size 5", b"size 05"),
        pointer(SHA, 5).replace(b"size 5", b"size -5"),
        pointer(SHA, 5) + b"more\n",
        pointer(SHA, 5) + b" " * 2000,
        b"\n" + pointer(SHA, 5),
    ],
)
def test_what_is_no_pointer_is_none(text: bytes) -> None:
    assert lfs_pointer.parse(text) is None


def test_a_digest_of_nothing_names_no_file() -> None:
    nothing = {
        DigestKind.SHA256: hashlib.sha256().digest(),
        DigestKind.BLAKE3: blake3().digest(),
        DigestKind.CRC32: bytes(4),
        DigestKind.GIT_BLOB: blob_sha1(b""),
        DigestKind.DATA_SHA256: hashlib.sha256().digest(),
        DigestKind.AUTOV1: hashlib.sha256().digest()[:4],
        DigestKind.AUTOV2: hashlib.sha256().digest()[:5],
        DigestKind.AUTOV3: hashlib.sha256().digest()[:6],
    }
    for kind, value in nothing.items():
        assert why_bogus(Digest(kind, value)), kind.label


@pytest.mark.parametrize("kind", list(DigestKind))
def test_zeros_repeated_bytes_and_placeholders_name_no_file(kind: DigestKind) -> None:
    for value in (bytes(kind.length), b"\xff" * kind.length, bytes.fromhex("deadbeef" * 8)):
        assert why_bogus(Digest(kind, value[: kind.length]))
    assert why_bogus(Digest(kind, hashlib.sha256(b"a model").digest()[: kind.length])) is None


def test_what_metadata_states_is_normalised_and_checked() -> None:
    hexed = SHA.hex()
    assert {str(d) for d in embedded({"sshs_model_hash": f" 0x{hexed.upper()} "})} == {
        f"data-sha256:{hexed}",
        f"autov3:{hexed[:12]}",
    }
    stated = {"modelspec.hash_sha256": "0x" + hexed, "sshs_legacy_hash": "E3B0C442"}
    assert [d.kind for d in embedded(stated)] == [DigestKind.DATA_SHA256, DigestKind.AUTOV3]
    for nonsense in ("", "xyz", "0x", hexed[:-1], hexed * 9, "e3b0c44298fc", "0" * 64):
        assert embedded({"sshs_model_hash": nonsense, "sshs_legacy_hash": nonsense}) == ()


@given(st.dictionaries(st.sampled_from(["sshs_model_hash", "sshs_legacy_hash"]), st.text()))
@settings(deadline=None)
def test_no_metadata_makes_it_fail(metadata: dict[str, str]) -> None:
    embedded(metadata)
