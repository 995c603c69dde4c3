"""Every digest of every removal in force, and which file of which removal it belongs to.

What comes in: the store's rows, once, in their own order. What goes out: numbers of removed files,
and for a number its removal and what its claim says. `learn` adds what a full reading taught.
One million removals with a SHA-256 and a size each take about 150 MB.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, select

from reseen.fingerprints.git import pointer_oid
from reseen.match.ladder import ClaimFacts
from reseen.match.packed import Packed
from reseen.records import Container, DigestKind, Fingerprint
from reseen.store.schema import claims, digests, removals

HEADER_ROOM = 16 << 20
"""Bytes: how much longer than a removal's data section a file may be and still be taken for a
possible copy with another header. Headers of real adapters stay below 2 MB; safetensors allows
100 MB, but a band that wide would have a header read of every file of that order of size."""

_WHOLE = (DigestKind.SHA256, DigestKind.BLAKE3)
_TENSORS = (DigestKind.DATA_SHA256, DigestKind.TENSORS_BLAKE3)
_LENGTHS = [0, *(kind.length for kind in sorted(DigestKind))]
_ID = 16  # bytes an id takes, as the schema bounds it
_BATCH = 10_000  # rows fetched at a time


class DigestIndex:
    """Exact look-up of digests. Files are numbered from 0 in the order of the store."""

    def __init__(self) -> None:
        self._claim_pks = array("q")
        self._sizes = array("q")  # -1: not known
        self._data_sizes = array("q")
        self._layouts: list[bytes | None] = []
        self._containers: list[Container | None] = []
        self._is_learned = bytearray()
        self._removal_of = array("I")
        self._removal_pks = array("q")
        self._ids = bytearray()
        # By kind: a list, since an enum's hash is computed in Python at every look-up.
        self._packed = [Packed(max(4, length), ()) for length in _LENGTHS]
        self._learned: list[dict[bytes, list[int]]] = [{} for _ in _LENGTHS]
        self._pointers = Packed(20, ())
        self._learned_pointers: dict[bytes, list[int]] = {}
        self._tensor_sizes: list[int] = []
        self._tensor_layouts: set[bytes] = set()

    @classmethod
    def load(cls, connection: Connection) -> DigestIndex:
        """Read the registry in force: withdrawn removals are not in it."""
        index = cls()
        index._load_removals(connection)
        index._load_files(connection)
        for kind in DigestKind:
            index._packed[kind] = Packed(kind.length, index._load_kind(connection, kind))
        index._pointers = Packed(20, sorted(index._compute_pointers()))
        for kind in _TENSORS:
            for number in index._packed[kind].owners():
                index._expect(number)
        return index

    def __len__(self) -> int:
        """Removals in force."""
        return len(self._ids) // _ID

    # -- looking up ------------------------------------------------------------------------------

    def find(self, kind: DigestKind, value: bytes) -> Sequence[int]:
        """Numbers of the files that have this digest. A value of another length is not found."""
        if len(value) != _LENGTHS[kind]:
            return ()
        found = self._packed[kind].find(value)
        more = self._learned[kind].get(value)
        if more:
            return [*found, *(number for number in more if number not in found)]
        return found

    def find_pointer(self, oid: bytes) -> Sequence[int]:
        """Numbers of the files whose LFS pointer has this git oid: those with SHA-256 and size."""
        if len(oid) != 20:
            return ()
        return self._learned_pointers.get(oid) or self._pointers.find(oid)

    def find_prefix(self, kind: DigestKind, prefix: bytes) -> Sequence[int]:
        """Numbers of the files with a digest that begins so (4 bytes or more)."""
        found = list(self._packed[kind].starting_with(prefix))
        for value, numbers in self._learned[kind].items():
            if value.startswith(prefix):
                found.extend(number for number in numbers if number not in found)
        return found

    def removal(self, number: int) -> str:
        """The id of the removal that a file belongs to."""
        return self._id(self._removal_of[number])

    def removal_by_pk(self, pk: int) -> str | None:
        """The id of a removal in force by the store's number for it."""
        place = self._place(pk)
        return None if place is None else self._id(place)

    def _id(self, place: int) -> str:
        return self._ids[place * _ID : place * _ID + _ID].rstrip(b"\0").decode()

    def _place(self, pk: int) -> int | None:
        place = bisect_left(self._removal_pks, pk)
        found = place < len(self._removal_pks) and self._removal_pks[place] == pk
        return place if found else None

    def claim(self, number: int) -> ClaimFacts:
        """What a claim says of a removed file, but for its digests."""
        size, data_size = self._sizes[number], self._data_sizes[number]
        return ClaimFacts(
            digests={},
            size=size if size >= 0 else None,
            container=self._containers[number],
            data_size=data_size if data_size >= 0 else None,
            layout=self._layouts[number],
            learned=self._is_learned[number] == 1,
        )

    def could_hold(
        self, size: int | None, data_size: int | None = None, layout: bytes | None = None
    ) -> bool:
        """May such a file hold a removal's tensors? With `data_size` (bytes of the data section)
        or `layout`: does one equal a removal's. With the file's size alone: is a removal's data
        section at most HEADER_ROOM shorter. Only removals whose tensor digests are known count:
        for the others, reading could not tell."""
        sizes = self._tensor_sizes
        if data_size is not None or layout is not None:
            if layout is not None and layout in self._tensor_layouts:
                return True
            at = bisect_left(sizes, data_size) if data_size is not None else len(sizes)
            return at < len(sizes) and sizes[at] == data_size
        if size is None:
            return False
        at = bisect_left(sizes, size - HEADER_ROOM)
        return at < len(sizes) and sizes[at] < size

    # -- learning --------------------------------------------------------------------------------

    def claim_pk(self, number: int) -> int:
        """The store's number for a removed file."""
        return self._claim_pks[number]

    def learn(self, removal: str, fingerprint: Fingerprint) -> int | None:
        """Add what a full reading taught about the file whose SHA-256 or BLAKE3 it has, and return
        its number; None where the removal has no such file."""
        for kind in _WHOLE:
            whole = fingerprint.digest(kind)
            for number in self.find(kind, whole.value) if whole else ():
                if self.removal(number) == removal:
                    self._learn(number, fingerprint)
                    return number
        return None

    def _learn(self, number: int, fingerprint: Fingerprint) -> None:
        self._sizes[number] = fingerprint.size
        self._containers[number] = fingerprint.container
        if fingerprint.data_size is not None:
            self._data_sizes[number] = fingerprint.data_size
        if fingerprint.layout is not None:
            self._layouts[number] = fingerprint.layout
        for digest in fingerprint.digests:
            if not digest.kind.is_short and number not in self.find(digest.kind, digest.value):
                self._learned[digest.kind].setdefault(digest.value, []).append(number)
        sha256 = fingerprint.digest(DigestKind.SHA256)
        if sha256:
            oid = pointer_oid(sha256.value, fingerprint.size)
            if number not in self.find_pointer(oid):
                # The whole list of this oid moves here, since a learned list hides a loaded one.
                self._learned_pointers[oid] = [*self._pointers.find(oid), number]
        if any(fingerprint.digest(kind) for kind in _TENSORS):
            self._expect(number)

    def _expect(self, number: int) -> None:
        """Files of this data size or layout are worth reading in full."""
        data_size, layout = self._data_sizes[number], self._layouts[number]
        if data_size > 0:
            at = bisect_left(self._tensor_sizes, data_size)
            if at == len(self._tensor_sizes) or self._tensor_sizes[at] != data_size:
                insort(self._tensor_sizes, data_size)
            if layout is not None:
                self._tensor_layouts.add(layout)

    # -- loading ---------------------------------------------------------------------------------

    def _load_removals(self, connection: Connection) -> None:
        query = (
            select(removals.c.pk, removals.c.id)
            .where(removals.c.withdrawn_at.is_(None))
            .order_by(removals.c.pk)
            .execution_options(yield_per=_BATCH)
        )
        for pk, id in connection.execute(query):
            self._removal_pks.append(pk)
            self._ids += id.encode().ljust(_ID, b"\0")

    def _load_files(self, connection: Connection) -> None:
        query = (
            select(
                claims.c.pk,
                claims.c.removal_pk,
                claims.c.size,
                claims.c.data_size,
                claims.c.layout,
                claims.c.container,
                claims.c.source,
            )
            .where(claims.c.in_force == 1)
            .order_by(claims.c.pk)
            .execution_options(yield_per=_BATCH)
        )
        layouts: dict[bytes, bytes] = {}  # one object for each value: most files share a few
        for pk, removal_pk, size, data_size, layout, container, source in connection.execute(query):
            place = self._place(removal_pk)
            if place is None:
                continue  # withdrawn
            self._claim_pks.append(pk)
            self._removal_of.append(place)
            self._sizes.append(-1 if size is None else size)
            self._data_sizes.append(-1 if data_size is None else data_size)
            self._layouts.append(layouts.setdefault(layout, layout) if layout else None)
            self._containers.append(Container(container) if container else None)
            self._is_learned.append(source)

    def _load_kind(self, connection: Connection, kind: DigestKind) -> Iterator[tuple[bytes, int]]:
        """(digest, file number) of one kind, sorted by digest."""
        query = (
            select(digests.c.value, digests.c.claim_pk)
            .where(digests.c.kind == int(kind))
            .order_by(digests.c.value)
            .execution_options(yield_per=_BATCH)
        )
        pks = self._claim_pks
        count, length = len(pks), kind.length
        for value, claim_pk in connection.execute(query):
            number = bisect_left(pks, claim_pk)
            if number < count and pks[number] == claim_pk and len(value) == length:
                yield value, number

    def _compute_pointers(self) -> Iterator[tuple[bytes, int]]:
        for sha256, number in self._packed[DigestKind.SHA256].items():
            size = self._sizes[number]
            if size >= 0:
                yield pointer_oid(sha256, size), number
