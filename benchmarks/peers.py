"""What other ways of recognising a file make of the same files: exact digests, TLSH, ssdeep.

TLSH (py-tlsh) and ssdeep (ssdeep, or ppdeep in pure Python) are used where they are installed.
ssdeep in pure Python reads a megabyte a second, so it gets the first 512 KiB of a file.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from reseen.records import DigestKind, Fingerprint

EXACT = {
    "SHA-256": DigestKind.SHA256,
    "AutoV3": DigestKind.DATA_SHA256,
    "tensors": DigestKind.TENSORS_BLAKE3,
}
_SSDEEP_BYTES = 512 << 10


@dataclass(frozen=True, slots=True)
class Peers:
    """The digests of one file."""

    exact: dict[str, bytes]
    tlsh: str
    ssdeep: str


def _module(*names: str) -> ModuleType | None:
    for name in names:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None


TLSH = _module("tlsh")
SSDEEP = _module("ssdeep", "ppdeep")


def of(path: Path, found: Fingerprint) -> Peers:
    """All of them."""
    exact = {
        name: digest.value
        for name, kind in EXACT.items()
        if (digest := found.digest(kind)) is not None
    }
    data = path.read_bytes()
    return Peers(
        exact,
        TLSH.hash(data) if TLSH else "",
        SSDEEP.hash(data[:_SSDEEP_BYTES]) if SSDEEP else "",
    )


def compare(
    own: Peers, here: Peers, others: Sequence[Peers]
) -> tuple[tuple[str, ...], dict[str, float]]:
    """Exact digests that agree, and for TLSH and ssdeep the likeness to the file's own removal and
    the greatest to another. More is more alike: TLSH's distance is given as its negative."""
    same = tuple(n for n, value in own.exact.items() if here.exact.get(n) == value)
    likeness: dict[str, float] = {}
    if TLSH:
        likeness["TLSH"] = -float(TLSH.diff(own.tlsh, here.tlsh))
        likeness["TLSH of others"] = max(
            (-float(TLSH.diff(p.tlsh, here.tlsh)) for p in others), default=-1000.0
        )
    if SSDEEP:
        likeness["ssdeep"] = float(SSDEEP.compare(own.ssdeep, here.ssdeep))
        likeness["ssdeep of others"] = max(
            (float(SSDEEP.compare(p.ssdeep, here.ssdeep)) for p in others), default=0.0
        )
    return same, likeness
