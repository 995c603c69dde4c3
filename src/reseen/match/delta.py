"""What changed since a snapshot: removals that are gone from it, and claims that stand instead.

Immutable: `put` gives a new one. A look-up sees a snapshot and its delta as one.
"""

from __future__ import annotations

from array import array
from bisect import insort
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from reseen.fingerprints.kinds import LONG_OF, OF_TENSORS
from reseen.match.claim_entries import LENGTHS, ClaimEntry, RemovalEntry
from reseen.match.snapshot import Snapshot, could_hold
from reseen.records import DigestKind

_Found = Mapping[bytes, tuple[int, ...]]
_SHORT_OF = {long: short for short, long in LONG_OF.items()}


@dataclass(frozen=True, slots=True)
class Delta:
    """Claims are numbered on from those of the snapshot; a number is never used twice."""

    gone: bytes = b""
    """By place in the snapshot: 1 for removals that changed."""
    removals: Mapping[int, RemovalEntry] = field(default_factory=dict)
    """By pk: those that changed, or are new, and are in force."""
    touched: frozenset[int] = frozenset()
    claims: Mapping[int, tuple[RemovalEntry, ClaimEntry]] = field(default_factory=dict)
    """By number."""
    numbers: Mapping[int, int] = field(default_factory=dict)
    """By the claim's pk."""
    later: tuple[_Found, ...] = tuple({} for _ in LENGTHS)
    """By kind: digest -> numbers."""
    starts: Mapping[DigestKind, _Found] = field(default_factory=dict)
    """By long kind: the beginnings by which short digests name it."""
    tensor_sizes: array[int] = field(default_factory=lambda: array("q"))
    tensor_layouts: frozenset[bytes] = frozenset()
    next: int = 0

    @classmethod
    def of(cls, snapshot: Snapshot) -> Delta:
        """Nothing changed yet."""
        return cls(gone=bytes(len(snapshot)), next=len(snapshot.claim_pks))

    def put(self, snapshot: Snapshot, changes: Mapping[int, RemovalEntry | None]) -> Delta:
        """These removals (by pk) are so from now on; None: not in force."""
        draft = _Draft(self)
        for pk, entry in changes.items():
            draft.forget(pk)
            place = snapshot.place(pk)
            if place is not None:
                draft.gone[place] = 1
            if entry is not None:
                draft.add(entry)
        return draft.made(self.touched | changes.keys())

    def could_hold(self, size: int | None, data_size: int | None, layout: bytes | None) -> bool:
        """As `RegistryIndex.could_hold`."""
        return could_hold(self.tensor_sizes, self.tensor_layouts, size, data_size, layout)


class _Draft:
    """A delta that is being made."""

    def __init__(self, old: Delta) -> None:
        self.old = old
        self.gone = bytearray(old.gone)
        self.removals, self.claims = dict(old.removals), dict(old.claims)
        self.numbers = dict(old.numbers)
        self.later = [dict(some) for some in old.later]
        self.starts = {kind: dict(old.starts.get(kind, {})) for kind in LONG_OF.values()}
        self.next = old.next
        self.sizes, self.layouts = array("q", old.tensor_sizes), set(old.tensor_layouts)

    def forget(self, pk: int) -> None:
        before = self.removals.pop(pk, None)
        for claim in () if before is None else before.claims:
            number = self.numbers.pop(claim.claim_pk)
            del self.claims[number]
            for kind, value in claim.digests:
                _remove(self.later[kind], value, number)
                short = _SHORT_OF.get(DigestKind(kind)) if kind else None
                if short is not None:
                    _remove(self.starts[DigestKind(kind)], value[: short.length], number)

    def add(self, entry: RemovalEntry) -> None:
        self.removals[entry.pk] = entry
        for claim in entry.claims:
            number = self.next
            self.next += 1
            self.claims[number] = entry, claim
            self.numbers[claim.claim_pk] = number
            for kind, value in claim.digests:
                self.later[kind][value] = (*self.later[kind].get(value, ()), number)
                short = _SHORT_OF.get(DigestKind(kind)) if kind else None
                if short is not None:
                    starts, start = self.starts[DigestKind(kind)], value[: short.length]
                    starts[start] = (*starts.get(start, ()), number)
            self._expect(claim)

    def _expect(self, claim: ClaimEntry) -> None:
        """Files of this data size or layout are worth reading in full."""
        size, layout = claim.facts.data_size, claim.facts.layout
        if size is None or size <= 0 or all(kind not in OF_TENSORS for kind, _ in claim.digests):
            return
        if size not in self.sizes:
            insort(self.sizes, size)
        if layout is not None:
            self.layouts.add(layout)

    def made(self, touched: frozenset[int]) -> Delta:
        return replace(
            self.old,
            gone=bytes(self.gone),
            removals=self.removals,
            touched=touched,
            claims=self.claims,
            numbers=self.numbers,
            later=tuple(self.later),
            starts=self.starts,
            tensor_sizes=self.sizes,
            tensor_layouts=frozenset(self.layouts),
            next=self.next,
        )


def _remove(out_of: dict[bytes, tuple[int, ...]], value: bytes, number: int) -> None:
    left = tuple(n for n in out_of.get(value, ()) if n != number)
    if left:
        out_of[value] = left
    else:
        out_of.pop(value, None)
