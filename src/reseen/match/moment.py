"""One moment of the registry and what changed since: look-ups that see both as one.

What comes in: a `Frozen`, then removals as they are now, one at a time. What goes out: for a digest
the removals in force. One thread puts in while any number look up: what a removal was counts until
what it is can be found, so that it is never missing in between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, select

from reseen.fingerprints.git import pointer_oid
from reseen.match.frozen import LENGTHS, POINTER, Added, AddedFile, Frozen
from reseen.records import DigestKind
from reseen.registry.claims import first_list
from reseen.store.database import chunks
from reseen.store.schema import claims, digests, removals

Holder = tuple[str, str, int]
"""(removal's id, its list, size of its file or -1)."""

SHORT: Mapping[int, DigestKind] = {
    DigestKind.SHA256: DigestKind.AUTOV2,
    DigestKind.DATA_SHA256: DigestKind.AUTOV3,
}
"""Long kinds, and the short ones that are their beginning."""
LONG: Mapping[int, DigestKind] = {
    DigestKind.AUTOV2: DigestKind.SHA256,
    DigestKind.AUTOV3: DigestKind.DATA_SHA256,
}


class Changed:
    """A removal as it is since the frozen moment."""

    __slots__ = ("added", "alive")

    def __init__(self, added: Added) -> None:
        self.added = added
        self.alive = False


_File = tuple[Changed, int]
"""A file of a changed removal, and its size or -1."""


class Moment:
    """What is frozen, and what changed since."""

    def __init__(self, frozen: Frozen) -> None:
        self.frozen = frozen
        self.gone = bytearray(len(frozen))
        """By place: 1 for removals of the frozen moment that changed."""
        self.changed: dict[int, Changed] = {}
        """By pk: those of them, and new ones, that are in force."""
        self.later: list[dict[bytes, tuple[_File, ...]]] = [{} for _ in LENGTHS]
        self.starts: dict[DigestKind, dict[bytes, tuple[_File, ...]]] = {
            kind: {} for kind in LONG.values()
        }
        """By long kind: the beginnings by which short hashes name it."""
        self.touched: set[int] = set()

    def find(self, kind: int, value: bytes) -> Sequence[Holder]:
        """The removed files in force with this digest."""
        numbers = self.frozen.packed[kind].find(value)
        later = self.later[kind].get(value)
        if later is None and not numbers:
            return ()
        return self._holders(numbers, later)

    def starting(self, kind: DigestKind, start: bytes) -> Sequence[Holder]:
        """The same of digests that begin so."""
        numbers = self.frozen.packed[kind].starting_with(start)
        return self._holders(numbers, self.starts[kind].get(start))

    def _holders(self, numbers: Sequence[int], later: tuple[_File, ...] | None) -> list[Holder]:
        found: list[Holder] = []
        frozen = self.frozen
        for number in numbers:
            place, size = frozen.file(number)
            if not self.gone[place]:
                found.append((*frozen.removal(place), size))
        for changed, size in later or ():
            if changed.alive:
                found.append((changed.added.id, changed.added.list, size))
        return found

    def holder(self, pk: int) -> tuple[str, str] | None:
        """(id, list) of a removal that is in force."""
        changed = self.changed.get(pk)
        if changed is not None:
            return changed.added.id, changed.added.list
        place = self.frozen.place(pk)
        return None if place is None or self.gone[place] else self.frozen.removal(place)

    def put(self, pk: int, added: Added | None) -> None:
        """A removal is so from now on; None: no longer in force. What it was counts until what it
        is can be found."""
        before = self.changed.pop(pk, None)
        self.touched.add(pk)
        if added is not None:
            after = Changed(added)
            for file in added.files:
                for kind, value in file.digests:
                    _append(self.later[kind], value, (after, file.size))
                    short = SHORT.get(kind)
                    if short is not None:
                        starts = self.starts[DigestKind(kind)]
                        _append(starts, value[: short.length], (after, file.size))
            after.alive = True
            self.changed[pk] = after
        place = self.frozen.place(pk)
        if place is not None:
            self.gone[place] = 1
        if before is not None:
            before.alive = False
            self._forget(before)

    def _forget(self, before: Changed) -> None:
        for file in before.added.files:
            for kind, value in file.digests:
                _remove(self.later[kind], value, before)
                short = SHORT.get(kind)
                if short is not None:
                    _remove(self.starts[DigestKind(kind)], value[: short.length], before)

    def folded(self) -> Moment:
        added = [changed.added for changed in self.changed.values() if changed.added.pk > 0]
        made = Moment(self.frozen.folded(bytes(self.gone), added))
        for pk, changed in self.changed.items():
            if pk <= 0:
                made.put(pk, changed.added)
        made.touched.clear()
        return made

    def __len__(self) -> int:
        return (
            len(self.frozen) - self.gone.count(1) + sum(1 for pk in self.changed.copy() if pk > 0)
        )


def _append(into: dict[bytes, tuple[_File, ...]], value: bytes, file: _File) -> None:
    into[value] = (*into.get(value, ()), file)


def _remove(out_of: dict[bytes, tuple[_File, ...]], value: bytes, changed: Changed) -> None:
    left = tuple(file for file in out_of.get(value, ()) if file[0] is not changed)
    if left:
        out_of[value] = left
    else:
        out_of.pop(value, None)


def read_changed(connection: Connection, pks: Sequence[int]) -> list[Added]:
    """These removals as they are, those in force."""
    table = removals.c
    query = select(table.pk, table.id, first_list()).where(
        table.pk.in_(pks), table.withdrawn_at.is_(None)
    )
    ids = {pk: (id, name) for pk, id, name in connection.execute(query)}
    files: dict[int, tuple[int, int]] = {}
    of = claims.c
    for pk, removal_pk, size in connection.execute(
        select(of.pk, of.removal_pk, of.size).where(of.removal_pk.in_(list(ids)), of.in_force == 1)
    ):
        files[pk] = (removal_pk, -1 if size is None else size)
    held: dict[int, list[tuple[int, bytes]]] = {pk: [] for pk in files}
    for chunk in chunks(files):
        query_ = select(digests.c.claim_pk, digests.c.kind, digests.c.value)
        for claim_pk, kind, value in connection.execute(
            query_.where(digests.c.claim_pk.in_(chunk))
        ):
            if 0 < kind < len(LENGTHS) and len(value) == LENGTHS[kind]:
                held[claim_pk].append((kind, value))
                size = files[claim_pk][1]
                if kind == DigestKind.SHA256 and size >= 0:
                    held[claim_pk].append((POINTER, pointer_oid(value, size)))
    by_removal: dict[int, list[AddedFile]] = {pk: [] for pk in ids}
    for claim_pk, (removal_pk, size) in files.items():
        by_removal[removal_pk].append(AddedFile(size, tuple(held[claim_pk])))
    return [Added(pk, *ids[pk], tuple(by_removal[pk])) for pk in ids]
