"""Checks with a removal of our own that the live index finds what is known, and nothing else.

What comes in: a `LiveIndex`. What goes out: what it answers wrongly, in words; nothing when all is
right. The canary's digests are drawn at random in each process, so that nobody can ask for it.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import numpy as np

from reseen.fingerprints.git import pointer_oid
from reseen.fingerprints.kinds import ON_DEMAND
from reseen.fingerprints.known_bogus import why_bogus
from reseen.fingerprints.probes import PROBES
from reseen.fingerprints.sketch import NUMBERS, SIDE, Module, Sketch, assemble
from reseen.match.claim_entries import POINTER, ClaimEntry, RemovalEntry
from reseen.match.ladder import ClaimFacts
from reseen.match.live_index import LiveIndex
from reseen.match.stated import StatedFile, StatedMatch
from reseen.records import Digest, DigestKind, Rung

ID = "rm-canary"
_PK, _LIST = -1, -1
_SIZE = 1_234_567


class Canary:
    """One known hit and one known miss for every rung."""

    def __init__(self) -> None:
        self._sha256, self._data, self._oid = (secrets.token_bytes(n) for n in (32, 32, 20))
        self._other = secrets.token_bytes(32)
        self._oid = pointer_oid(self._sha256, _SIZE)
        self._sketch, self._stranger = _sketch(), _sketch()

    def put_in(self, live: LiveIndex) -> None:
        """Into the index, for good."""
        digests = (
            (int(DigestKind.SHA256), self._sha256),
            (int(DigestKind.DATA_SHA256), self._data),
            (POINTER, self._oid),
        )
        claim = ClaimEntry(_PK, ClaimFacts({}, size=_SIZE), digests, lists=(_LIST,))
        live.put_in(RemovalEntry(_PK, ID, (claim,)), self._sketch, "canary")

    def wrong(self, live: LiveIndex) -> list[str]:
        """What is answered wrongly: labels of rungs, and "index" where a digest of the registry
        itself is not found."""
        found: list[str] = []
        other = self._other
        hits: dict[Rung, tuple[Sequence[StatedMatch], Sequence[StatedMatch]]] = {
            Rung.BYTES: (
                _told(live, DigestKind.SHA256, self._sha256, trusted=True),
                _told(live, DigestKind.SHA256, other, trusted=True),
            ),
            Rung.TENSORS: (
                _told(live, DigestKind.DATA_SHA256, self._data, trusted=True),
                _told(live, DigestKind.DATA_SHA256, other, trusted=True),
            ),
            Rung.DECLARED: (
                _told(live, DigestKind.SHA256, self._sha256),
                _told(live, DigestKind.SHA256, other),
            ),
            Rung.POINTER: (
                live.match(StatedFile((), self._oid)),
                live.match(StatedFile((), other[:20])),
            ),
            Rung.WEIGHTS: (live.alike(self._sketch), live.alike(self._stranger)),
            Rung.HINT: (
                _told(live, DigestKind.AUTOV2, self._sha256[:5]),
                _told(live, DigestKind.AUTOV2, bytes(b ^ 0x55 for b in self._sha256[:5])),
            ),
        }
        for rung, (hit, miss) in hits.items():
            known = any(each.removal == ID and each.rung is rung for each in hit)
            if not known or any(each.removal == ID for each in miss):
                found.append(rung.label)
        if not self._finds_its_own(live):
            found.append("index")
        return found

    def _finds_its_own(self, live: LiveIndex) -> bool:
        for kind, value, removal in live.sample():
            if kind in ON_DEMAND:
                continue  # nobody can ask the gate by these
            if kind != POINTER and why_bogus(Digest(DigestKind(kind), value)) is not None:
                continue
            said = (
                StatedFile((), value)
                if kind == POINTER
                else StatedFile(((DigestKind(kind), value),))
            )
            if all(each.removal != removal for each in live.match(said)):
                return False
        return True


def _told(
    live: LiveIndex, kind: DigestKind, value: bytes, *, trusted: bool = False
) -> tuple[StatedMatch, ...]:
    return live.match(StatedFile(((kind, value),)), trusted=trusted)


def _sketch() -> Sketch:
    numbers = np.random.default_rng(secrets.randbits(64))
    names = [name for name in PROBES if name.startswith("clip_l.")]
    modules = {
        name.replace("clip_l.", "canary."): Module(
            name.replace("clip_l.", "canary."),
            numbers.standard_normal((SIDE, NUMBERS // SIDE)).astype(np.float32),
            1.0,
        )
        for name in names
    }
    made = assemble(modules, architecture="canary", ranks=[4] * len(modules), complete=True)
    assert isinstance(made, Sketch)
    return made
