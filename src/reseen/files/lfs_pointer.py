"""The Git LFS pointer: the text that git keeps instead of a large file.

In go bytes; out comes what they state of the file that they stand for. Who clones without git-lfs,
or downloads a file's "raw" address, gets this and not the file
(https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md).
"""

from __future__ import annotations

import re

from reseen.records import LfsPointer

LIMIT = 1024
"""A pointer is shorter than this (the LFS specification)."""
SHORTEST = 100
"""Bytes: version, SHA-256 and size take more."""
PULL = "a Git LFS pointer, and not the file itself: run git lfs pull to read the file"

IN_ARCHIVE = "lfs-pointer"
"""The code of one that stands in an archive, where the file should."""

_POINTER = re.compile(
    # The two addresses that it had before are read by git-lfs all the same.
    rb"version https?://(?:git-lfs\.github\.com/spec/v1|hawser\.github\.com/spec/v1"
    rb"|git-media\.io/v/2)\r?\n"
    rb"(?:ext-[^\n]{1,200}\n){0,16}"
    rb"oid sha256:([0-9a-f]{64})\r?\n"
    rb"size (0|[1-9][0-9]{0,18})(?:\r?\n)?"
)


def parse(data: bytes) -> LfsPointer | None:
    """What a pointer's text states; None if it is none. Line ends may be Windows' own."""
    if not SHORTEST <= len(data) < LIMIT:
        return None
    found = _POINTER.fullmatch(data)
    return LfsPointer(bytes.fromhex(found[1].decode()), int(found[2])) if found else None
