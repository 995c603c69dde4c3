"""Digests that name nothing: of no bytes, all zeros, what a form's placeholder says.

In goes a digest, out comes the reason not to trust it, or None. A list that holds one of them
would match every file of a kind, so they are refused wherever digests come in.
"""

from __future__ import annotations

from reseen.records import Digest, DigestKind

_SHA256_OF_NOTHING = bytes.fromhex(
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)
_BLAKE3_OF_NOTHING = bytes.fromhex(
    "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
)
_SHA1_OF_NOTHING = bytes.fromhex("da39a3ee5e6b4b0d3255bfef95601890afd80709")
_GIT_BLOB_OF_NOTHING = bytes.fromhex("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391")

_OF_NOTHING = {
    DigestKind.SHA256: (_SHA256_OF_NOTHING,),
    DigestKind.BLAKE3: (_BLAKE3_OF_NOTHING,),
    DigestKind.GIT_BLOB: (_GIT_BLOB_OF_NOTHING, _SHA1_OF_NOTHING),
    DigestKind.DATA_SHA256: (_SHA256_OF_NOTHING,),
    DigestKind.TENSORS_BLAKE3: (_BLAKE3_OF_NOTHING,),
    # A file of up to 1 MiB has nothing at 0x100000, where this one looks.
    DigestKind.AUTOV1: (_SHA256_OF_NOTHING[:4],),
    DigestKind.AUTOV2: (_SHA256_OF_NOTHING[:5],),
    # Trainers that hashed an empty buffer wrote it into their files (ostris/ai-toolkit#130).
    DigestKind.AUTOV3: (_SHA256_OF_NOTHING[:6],),
}

_PLACEHOLDERS = (
    bytes.fromhex("0123456789abcdef" * 4),
    bytes.fromhex("deadbeef" * 8),
    bytes.fromhex("123456789012345678901234567890"),
    bytes.fromhex("1234567890abcdef" * 4),
)

_STARTS = frozenset(
    value[:2] for value in (*_PLACEHOLDERS, *(v for values in _OF_NOTHING.values() for v in values))
)


def why_bogus(digest: Digest) -> str | None:
    """Why this digest names no file, in a sentence; None for one that may."""
    value = digest.value
    if value[:2] not in _STARTS and value[0] != value[1]:
        return None  # nearly all: a list has hundreds of thousands
    if value in _OF_NOTHING.get(digest.kind, ()):
        if digest.kind is DigestKind.AUTOV1:
            return "it is the AutoV1 of every file up to 1 MiB"
        return f"it is the {digest.kind.label} of nothing"
    if not any(value):
        return "it is all zeros"
    if len(set(value)) == 1:
        return "it repeats one byte"
    if any(p.startswith(value) for p in _PLACEHOLDERS):
        return "it is a placeholder"
    return None
