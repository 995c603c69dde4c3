"""The digests that a file states of itself in its metadata: hints, never more.

In goes a safetensors file's metadata, out come digests. Trainers write them when they save, and
tools that convert or edit a file often leave the original's, so a stale one points at where a file
came from; and anyone can write any (formats and quirks: kohya-ss/sd-scripts, ModelSpec).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from reseen.fingerprints.known_bogus import why_bogus
from reseen.records import Digest, DigestKind

_HEX = re.compile(r"(?:0[xX])?([0-9a-fA-F]+)")

_DATA_KEYS = ("sshs_model_hash", "modelspec.hash_sha256")
_LEGACY_KEY = "sshs_legacy_hash"


def embedded(metadata: Mapping[str, str]) -> tuple[Digest, ...]:
    """What the metadata states, without repetition and known bogus values, ordered by kind.

    `sshs_model_hash` and `modelspec.hash_sha256` are meant to be the SHA-256 of the data section:
    given as DATA_SHA256 and, by its first 12 hex, as AUTOV3. `sshs_legacy_hash` is given as AUTOV1.
    """
    found: set[Digest] = set()
    for key in _DATA_KEYS:
        value = _bytes(metadata.get(key, ""))
        if len(value) == 32:
            found.add(Digest(DigestKind.DATA_SHA256, value))
        if len(value) in (6, 32):
            found.add(Digest(DigestKind.AUTOV3, value[:6]))
    value = _bytes(metadata.get(_LEGACY_KEY, ""))
    if len(value) == 4:
        found.add(Digest(DigestKind.AUTOV1, value))
    sound = [d for d in found if why_bogus(d) is None]
    return tuple(sorted(sound, key=lambda d: (d.kind, d.value)))


def _bytes(text: str) -> bytes:
    if len(text) > 80:
        return b""
    match = _HEX.fullmatch(text.strip())
    return bytes.fromhex(match[1]) if match and len(match[1]) % 2 == 0 else b""
