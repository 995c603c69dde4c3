"""Git LFS pointers in every form that git and people leave them in."""

from __future__ import annotations

import hashlib

import pytest

from reseen.files import lfs_pointer
from reseen.fingerprints.digests import Fingerprinter
from reseen.fingerprints.git import pointer

SHA = hashlib.sha256(b"a sample").digest()
TEXT = pointer(SHA, 12345)


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        TEXT[:-1],
        TEXT.replace(b"\n", b"\r\n"),
        TEXT.replace(b"git-lfs.github.com", b"hawser.github.com"),
        TEXT.replace(b"https://git-lfs.github.com/spec/v1", b"http://git-media.io/v/2"),
        TEXT.replace(b"oid", b"ext-0-sample sha256:" + b"0" * 64 + b"\noid"),
    ],
)
def test_a_pointer_is_read_and_said_to_be_one(text: bytes) -> None:
    told = lfs_pointer.parse(text)
    assert told is not None
    assert (told.sha256, told.size) == (SHA, 12345)
    pass_ = Fingerprinter(len(text))
    for at in range(0, len(text), 7):
        pass_.update(text[at : at + 7])
    found = pass_.finish()
    assert found.pointer == told
    assert found.problem is not None
    assert "git lfs pull" in found.problem


@pytest.mark.parametrize(
    "text",
    [
        b"",
        TEXT[:90],
        TEXT.upper(),
        TEXT.replace(b"sha256:", b"sha1:"),
        b"x" + TEXT,
        TEXT + b"\n\nand more",
        TEXT.replace(b"12345", b"many"),
        TEXT + b" " * 2000,
    ],
)
def test_what_is_no_pointer_is_a_file_like_others(text: bytes) -> None:
    assert lfs_pointer.parse(text) is None
    pass_ = Fingerprinter(len(text))
    pass_.update(text)
    assert pass_.finish().pointer is None
