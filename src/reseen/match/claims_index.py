"""All claims in force, by number and by digest: what every look-up needs.

A snapshot of all claims, and the delta of what changed since, seen as one; immutable. Nothing here
says what equal digests prove: `digest_index` does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from reseen.match.claim_entries import LENGTHS, ClaimEntry, RemovalEntry
from reseen.match.delta import Delta
from reseen.match.digest_table import Numbers
from reseen.match.ladder import ClaimFacts
from reseen.match.snapshot import Snapshot
from reseen.records import DigestKind, RemovalClass

NOTHING: Numbers = ()


@dataclass(frozen=True, slots=True, eq=False)
class ClaimsIndex:
    """Claims by number; a number is never used for two of them."""

    snapshot: Snapshot = field(default_factory=Snapshot)
    delta: Delta = field(default_factory=Delta)

    def __len__(self) -> int:
        """Removals in force."""
        here = sum(1 for pk in self.delta.removals if pk > 0)
        return len(self.snapshot) - self.delta.gone.count(1) + here

    def __bool__(self) -> bool:
        return len(self) > 0

    @property
    def digests(self) -> int:
        """Digests, about: those of removals that changed since the snapshot count twice."""
        tables = self.snapshot.tables[1:]
        return sum(len(t) for t in tables) + sum(len(d) for d in self.delta.later[1:])

    def find(self, kind: int, value: bytes) -> Numbers:
        """Numbers of the claims in force with this digest (or POINTER). A value of another length
        is not found."""
        if len(value) != LENGTHS[kind]:
            return NOTHING
        found = self.snapshot.tables[kind].find(value)
        later = self.delta.later[kind].get(value)
        if later is None and not found:
            return found
        return self._together(found, later)

    def starting(self, kind: DigestKind, start: bytes) -> Numbers:
        """The same of digests that begin so: with the short form of the kind."""
        found = self.snapshot.tables[kind].starting_with(start)
        return self._together(found, self.delta.starts.get(kind, {}).get(start))

    def _together(self, found: Numbers, later: tuple[int, ...] | None) -> Numbers:
        delta = self.delta
        if not delta.touched:
            return found
        place_of, gone = self.snapshot.removal_of, delta.gone
        return [*(n for n in found if not gone[place_of[n]]), *(later or ())]

    def removal(self, number: int) -> str:
        """The id of the removal that a claim is about."""
        changed = self.delta.claims.get(number)
        if changed is not None:
            return changed[0].id
        return self.snapshot.id(self.snapshot.removal_of[number])

    def removal_by_pk(self, pk: int) -> str | None:
        """The id of a removal in force by the store's number for it."""
        changed = self.delta.removals.get(pk)
        if changed is not None:
            return changed.id
        place = self.snapshot.place(pk)
        return None if place is None or self.delta.gone[place] else self.snapshot.id(place)

    def number(self, claim_pk: int) -> int | None:
        """The number of a claim in force by the store's number for it."""
        number = self.delta.numbers.get(claim_pk)
        if number is not None:
            return number
        number = self.snapshot.number(claim_pk)
        if number is None or self.delta.gone[self.snapshot.removal_of[number]]:
            return None
        return number

    def claim(self, number: int) -> ClaimFacts:
        """What a claim says of a removed file, but for its digests."""
        changed = self.delta.claims.get(number)
        return self.snapshot.facts(number) if changed is None else changed[1].facts

    def lists(self, number: int) -> tuple[int, ...]:
        """The lists (by the store's numbers) that a claim is counted for."""
        changed = self.delta.claims.get(number)
        if changed is not None:
            return changed[1].lists
        return self.snapshot.list_sets[self.snapshot.lists_of[number]]

    def lists_of_removals(self) -> dict[str, tuple[int, ...]]:
        """By removal's id, all lists (by the store's numbers) that its claims are counted for: one
        pass over all claims."""
        found: dict[str, set[int]] = {}
        for number, place in enumerate(self.snapshot.removal_of):
            if not self.delta.gone[place]:
                found.setdefault(self.snapshot.id(place), set()).update(self.lists(number))
        for entry, claim in self.delta.claims.values():
            found.setdefault(entry.id, set()).update(claim.lists)
        return {id: tuple(sorted(lists)) for id, lists in found.items()}

    def cls(self, number: int) -> RemovalClass:
        """The class of the removal that a claim is about."""
        changed = self.delta.claims.get(number)
        if changed is not None:
            return changed[0].cls
        return RemovalClass(self.snapshot.classes[self.snapshot.removal_of[number]])

    def is_never_read(self, kind: int, value: bytes) -> bool:
        """Has a removal of the class that is never read this digest (or POINTER)?"""
        return any(self.cls(number).never_read for number in self.find(kind, value))

    @property
    def holds_never_read(self) -> bool:
        """Is any removal of that class?"""
        classes = bytes(memoryview(self.snapshot.classes))  # type: ignore[arg-type]
        if any(int(cls) in classes for cls in RemovalClass if cls.never_read):
            return True
        return any(entry.cls.never_read for entry in self.delta.removals.values())

    def size(self, number: int) -> int | None:
        """The size that a claim gives."""
        changed = self.delta.claims.get(number)
        if changed is not None:
            return changed[1].facts.size
        size = self.snapshot.sizes[number]
        return size if size >= 0 else None

    def held(self, number: int) -> int:
        changed = self.delta.claims.get(number)
        return self.snapshot.held[number] if changed is None else changed[1].held

    def could_hold(
        self, size: int | None, data_size: int | None = None, layout: bytes | None = None
    ) -> bool:
        """May such a file hold a removal's tensors? With `data_size` (bytes of the data section)
        or `layout`: does one equal a removal's. With the file's size alone: is a removal's data
        section at most HEADER_ROOM shorter. Only claims whose tensors' digests are known count:
        for the others, reading could not tell."""
        return self.snapshot.could_hold(size, data_size, layout) or (
            bool(self.delta.tensor_sizes) and self.delta.could_hold(size, data_size, layout)
        )

    def searched(self, claim_pk: int) -> str | None:
        """The removal of a claim whose sketch counts: in force, and not of the class of which only
        digests are looked for, nor about a file of it."""
        number = self.number(claim_pk)
        if number is None or self.cls(number).never_read:
            return None
        changed = self.delta.claims.get(number)
        if changed is not None and changed[1].alone:
            return None
        return self.removal(number)

    def entries(self, removal_pks: Collection[int]) -> dict[int, RemovalEntry]:
        """Removals in force, with all their claims: one pass over all digests."""
        snapshot = self.snapshot
        places = {snapshot.place(pk) for pk in removal_pks if pk not in self.delta.removals}
        digests: dict[int, list[tuple[int, bytes]]] = {
            number: [] for number, place in enumerate(snapshot.removal_of) if place in places
        }
        for kind, table in enumerate(snapshot.tables):
            for value, owner in table.items():
                if owner in digests:
                    digests[owner].append((kind, bytes(value)))
        claims: dict[int, list[ClaimEntry]] = {pk: [] for pk in removal_pks}
        for n, told in digests.items():
            pk = snapshot.removal_pks[snapshot.removal_of[n]]
            facts = snapshot.facts(n)
            claims[pk].append(ClaimEntry(snapshot.claim_pks[n], facts, tuple(told), self.lists(n)))
        found = {pk: self.delta.removals[pk] for pk in removal_pks if pk in self.delta.removals}
        for place in places - {None}:
            assert place is not None
            pk, cls = snapshot.removal_pks[place], RemovalClass(snapshot.classes[place])
            found[pk] = RemovalEntry(pk, snapshot.id(place), tuple(claims[pk]), cls)
        return found

    def put(self, entries: Mapping[int, RemovalEntry | None]) -> Self:
        """These removals (by pk) are so from now on; None: not in force."""
        return replace(self, delta=self.delta.put(self.snapshot, entries))
