"""Digests of the whole file that are computed only where somebody asks for them: MD5, SHA-1, CRCs.

What comes in: which kinds, and all bytes in order. What goes out: their digests. MD5 and SHA-1 are
Python's own; the CRCs are awscrt's (the extra `crc`), by the processor's instructions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial

from reseen.errors import InputError
from reseen.fingerprints.kinds import ON_DEMAND, WITH_SIZE
from reseen.records import DigestKind

NONE: frozenset[DigestKind] = frozenset()


def check(kinds: Collection[DigestKind]) -> None:
    """Raises InputError where one of these cannot be computed here."""
    if not set(WITH_SIZE).isdisjoint(kinds) and not _has_crcs():
        raise InputError(
            "computing CRC32C and CRC64-NVME needs awscrt, which is not installed",
            remedy="pip install 'reseen[crc]'",
        )


def computable(kinds: Collection[DigestKind]) -> frozenset[DigestKind]:
    """Those of these kinds that are computed on demand, and can be here."""
    wanted = frozenset(ON_DEMAND).intersection(kinds)
    return wanted if _has_crcs() else wanted.difference(WITH_SIZE)


def _has_crcs() -> bool:
    try:
        import awscrt.checksums  # noqa: F401
    except ImportError:
        return False
    return True


def _next_crcs() -> Mapping[DigestKind, Callable[[bytes | memoryview, int], int]]:
    """What makes of more bytes, and the CRC of those before, the CRC of all."""
    from awscrt import checksums

    return {DigestKind.CRC32C: checksums.crc32c, DigestKind.CRC64_NVME: checksums.crc64nvme}


class OnDemandDigests:
    """One pass: `update` with every byte in order, then `values`."""

    def __init__(self, kinds: Collection[DigestKind]) -> None:
        """`kinds`: what cannot be computed here is left out."""
        wanted = computable(kinds)
        # Not for safety: what they prove, `fingerprints.kinds` says.
        self._hashes = {
            kind: hashlib.new(kind.label, usedforsecurity=False)
            for kind in (DigestKind.MD5, DigestKind.SHA1)
            if kind in wanted
        }
        self._crcs = dict.fromkeys(sorted(wanted.intersection(WITH_SIZE)), 0)
        self._next_crc = _next_crcs() if self._crcs else {}

    def __bool__(self) -> bool:
        return bool(self._hashes or self._crcs)

    def update(self, data: bytes | memoryview) -> None:
        """The next bytes."""
        for update in self.updates():
            update(data)

    def updates(self) -> Iterator[Callable[[bytes | memoryview], object]]:
        """The same of each kind for itself: what has to be called with the next bytes."""
        for hash in self._hashes.values():
            yield hash.update
        for kind in self._crcs:
            yield partial(self._crc, kind)

    def _crc(self, kind: DigestKind, data: bytes | memoryview) -> None:
        self._crcs[kind] = self._next_crc[kind](data, self._crcs[kind])

    def values(self) -> Mapping[DigestKind, bytes]:
        """The digests of what came."""
        made: dict[DigestKind, bytes] = {}
        made.update((kind, hash.digest()) for kind, hash in self._hashes.items())
        made.update((kind, crc.to_bytes(kind.length, "big")) for kind, crc in self._crcs.items())
        return made
