"""Two files that are the same by their digests, whatever is in them.

What comes in: two fingerprints. What goes out: on which rung they are the same, and why in words.
Nothing has to be read of their contents: it holds for formats and names that nothing here knows.
"""

from __future__ import annotations

from dataclasses import dataclass

from reseen.records import DigestKind, Fingerprint, Rung

_WHY = {
    Rung.BYTES: "The same bytes: every digest of the whole file is the same.",
    Rung.TENSORS: "The same tensors: only the header, the names or the order are others.",
}


@dataclass(frozen=True, slots=True)
class SameContent:
    """Two files that hold the same."""

    rung: Rung
    """`bytes` or `tensors`."""
    is_copy: bool = True

    @property
    def why(self) -> str:
        """In a sentence."""
        return _WHY[self.rung]


def same(first: Fingerprint, second: Fingerprint) -> SameContent | None:
    """None where their digests differ."""
    for rung, kinds in (
        (Rung.BYTES, (DigestKind.SHA256, DigestKind.BLAKE3)),
        (Rung.TENSORS, (DigestKind.DATA_SHA256, DigestKind.TENSORS_BLAKE3)),
    ):
        for kind in kinds:
            one = first.digest(kind)
            if one is not None and one == second.digest(kind):
                return SameContent(rung)
    return None
