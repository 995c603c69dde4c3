"""What git and Git LFS call a file: the blob's SHA-1 and the LFS pointer.

In go bytes, or a SHA-256 and a size; out come names that a hub's tree shows. Pure.

Git names a blob by SHA-1 of "blob <size>\\0" and its bytes. For an LFS file git keeps a pointer of
three lines instead (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md), so its name follows
from the SHA-256 and the size, also where a hub hides the hash.
"""

from __future__ import annotations

import hashlib


def blob_sha1(data: bytes) -> bytes:
    """Git's 20-byte name for a file of these bytes."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).digest()


def pointer(sha256: bytes, size: int) -> bytes:
    """The LFS pointer, as every client writes it, of a file of `size` bytes."""
    return b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n" % (
        sha256.hex().encode(),
        size,
    )


def pointer_oid(sha256: bytes, size: int) -> bytes:
    """Git's 20-byte name for that pointer."""
    return blob_sha1(pointer(sha256, size))
