"""What a hub states of a file, out of its row."""

from __future__ import annotations

from typing import Any

from reseen.observed.artifacts import LFS
from reseen.records import DigestKind


def declared(row: Any) -> dict[DigestKind, bytes]:
    """The digests of the file. The row has `sha256`, `xet`, `git_oid` and `flags`."""
    found: dict[DigestKind, bytes] = {}
    if row.sha256 is not None:
        found[DigestKind.SHA256] = bytes(row.sha256)
    if row.xet is not None:
        found[DigestKind.XET] = bytes(row.xet)
    if row.git_oid and not row.flags & LFS and len(row.git_oid) == DigestKind.GIT_BLOB.length:
        found[DigestKind.GIT_BLOB] = bytes(row.git_oid)
    return found


def pointer(row: Any) -> bytes | None:
    """Git's name for its LFS pointer. Where the hub shows the SHA-256 it says nothing that this
    does not."""
    return bytes(row.git_oid) if row.git_oid and row.sha256 is None else None
