"""Every claim in force at one moment, in plain arrays: quick to load, to save, to map from a file.

What comes in: the store's rows, or parts that were saved. What goes out: for a digest the numbers
of the claims that have it, and for a number what its claim says and which removal it is about.
Nothing sealed is in it, no name and no list's title: ids, numbers, sizes, digests. It never
changes; what changes later stands beside it (`delta`) and is folded into a new one now and then
(`folding`).
One million removals with a SHA-256 and a size each take about 130 MB.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

from sqlalchemy import Connection, select

from reseen.fingerprints.git import pointer_oid
from reseen.fingerprints.kinds import OF_TENSORS
from reseen.match.claim_entries import (
    ID,
    LEARNED,
    LENGTHS,
    POINTER,
    lists_of_learned,
)
from reseen.match.digest_table import Bytes, DigestTable, Numbers
from reseen.match.digests_alone import every_such_claim, without_weights
from reseen.match.ladder import ClaimFacts
from reseen.records import Container, DigestKind, RemovalClass
from reseen.store.schema import claims, digests, removals

HEADER_ROOM = 16 << 20
"""Bytes: how much longer than a removal's data section a file may be and still be taken for a
possible copy with another header. Headers of real adapters stay below 2 MB; safetensors allows
100 MB, but a band that wide would have a header read of every file of that order of size."""

_BATCH = 10_000
_LAYOUT = 32

BY_REMOVAL = {"removal-pks": "q", "classes": "B"}
BY_CLAIM = {
    "claim-pks": "q",
    "removal-of": "I",
    "lists-of": "I",
    "sizes": "q",
    "data-sizes": "q",
    "layouts-of": "I",
    "containers": "B",
    "learned": "B",
    "held": "H",
}
"""Numbers for each removal, and for each claim, by the type that `array` calls so. Sizes that are
not known are -1, layouts and containers 0."""


class Snapshot:
    """Claims in force at one moment. Claims and removals are numbered in the order of the store."""

    __slots__ = (
        *("removal_pks", "ids", "classes", "claim_pks", "removal_of", "lists_of", "sizes"),
        *("data_sizes", "layouts_of", "containers", "learned", "held", "layouts", "list_sets"),
        *("container_of", "tables", "tensor_sizes", "tensor_layouts"),
    )

    removal_pks: Numbers
    ids: Bytes | bytearray
    classes: Numbers
    claim_pks: Numbers
    removal_of: Numbers
    """The place of the removal that a claim is about."""
    lists_of: Numbers
    """A place in `list_sets`."""
    sizes: Numbers
    data_sizes: Numbers
    layouts_of: Numbers
    """From 1 on, a place in `layouts`."""
    containers: Numbers
    """From 1 on, a place in `container_of`."""
    learned: Numbers
    held: Numbers
    """The kinds of digests that a claim has, as `kinds.bits`."""
    layouts: Bytes
    list_sets: tuple[tuple[int, ...], ...]
    container_of: tuple[Container, ...]
    tables: list[DigestTable]
    """By kind, and under POINTER."""
    tensor_sizes: Numbers
    """Sorted: sizes of the data sections of claims whose tensors' digest is known."""
    tensor_layouts: frozenset[bytes]

    def __init__(self) -> None:
        self.removal_pks, self.classes = array("q"), array("B")
        self.claim_pks, self.sizes, self.data_sizes = array("q"), array("q"), array("q")
        self.removal_of, self.lists_of, self.layouts_of = array("I"), array("I"), array("I")
        self.containers, self.learned, self.held = array("B"), array("B"), array("H")
        self.ids = self.layouts = b""
        self.list_sets = ()
        self.container_of = tuple(Container)
        self.tables = [DigestTable(length, ()) for length in LENGTHS]
        self.tensor_sizes, self.tensor_layouts = array("q"), frozenset()

    def __len__(self) -> int:
        """Removals."""
        return len(self.removal_pks)

    def __reduce__(self) -> tuple[Any, ...]:
        parts = {name: bytes(memoryview(data)) for name, (_, data) in self.parts().items()}
        return Snapshot.put_back, (self.about(), parts)

    # -- looking up ------------------------------------------------------------------------------

    def place(self, removal_pk: int) -> int | None:
        """Where a removal stands."""
        return _place(self.removal_pks, removal_pk)

    def number(self, claim_pk: int) -> int | None:
        """The number of a claim."""
        return _place(self.claim_pks, claim_pk)

    def id(self, place: int) -> str:
        """The id of a removal."""
        return self.ids[place * ID : place * ID + ID].rstrip(b"\0").decode("ascii")

    def facts(self, number: int) -> ClaimFacts:
        """What a claim says of a file, but for its digests."""
        size, data_size = self.sizes[number], self.data_sizes[number]
        layout, container = self.layouts_of[number], self.containers[number]
        return ClaimFacts(
            digests={},
            size=size if size >= 0 else None,
            container=self.container_of[container - 1] if container else None,
            data_size=data_size if data_size >= 0 else None,
            layout=self.layouts[(layout - 1) * _LAYOUT : layout * _LAYOUT] if layout else None,
            learned=self.learned[number] == 1,
        )

    def could_hold(self, size: int | None, data_size: int | None, layout: bytes | None) -> bool:
        """As `RegistryIndex.could_hold`."""
        return could_hold(self.tensor_sizes, self.tensor_layouts, size, data_size, layout)

    # -- made from rows --------------------------------------------------------------------------

    @classmethod
    def load(cls, connection: Connection) -> Snapshot:
        """Read the registry in force: what is withdrawn is not in it."""
        made = cls()
        made._load_removals(connection)
        never = any(cls >= RemovalClass.CHILD_ABUSE for cls in made.classes)
        alone = every_such_claim(connection) if never else frozenset[int]()
        bare = without_weights(connection) if never else frozenset[int]()
        made._load_claims(connection, alone)
        held = array("H", bytes(2 * len(made.claim_pks)))
        for kind in DigestKind:
            without = bare if kind in OF_TENSORS else frozenset[int]()
            rows = made._load_kind(connection, kind, held, without)
            made.tables[kind] = DigestTable(kind.length, rows)
        made.held = held
        pointers = _pointers(made.tables[DigestKind.SHA256].items(), made.sizes)
        made.tables[POINTER] = DigestTable(LENGTHS[POINTER], pointers)
        made._expect()
        return made

    def _load_removals(self, connection: Connection) -> None:
        query = (
            select(removals.c.pk, removals.c.id, removals.c.cls)
            .where(removals.c.withdrawn_at.is_(None))
            .order_by(removals.c.pk)
            .execution_options(yield_per=_BATCH)
        )
        pks, classes, ids = array("q"), array("B"), bytearray()
        for pk, id, cls in connection.execute(query):
            pks.append(pk)
            classes.append(cls)
            ids += id.encode("ascii").ljust(ID, b"\0")
        self.removal_pks, self.classes, self.ids = pks, classes, ids

    def _load_claims(self, connection: Connection, alone: Set[int]) -> None:
        """`alone`: claims (by pk) of which only the digests count."""
        of = claims.c
        query = (
            select(
                of.pk,
                of.removal_pk,
                of.list_pk,
                of.source,
                of.size,
                of.data_size,
                of.layout,
                of.container,
            )
            .where(of.in_force == 1)
            .order_by(of.pk)
            .execution_options(yield_per=_BATCH)
        )
        rests = lists_of_learned(connection, None)
        rows, pks = Rows(), self.removal_pks
        count = len(pks)
        for pk, removal_pk, list_pk, source, *said in connection.execute(query):
            place = bisect_left(pks, removal_pk)
            if place == count or pks[place] != removal_pk:
                continue  # withdrawn
            learned = source == LEARNED
            lists = rests.get(pk, ()) if learned else (list_pk,)
            if pk in alone:
                said[1] = said[2] = None
            rows.add(pk, place, lists, learned, said)
        self._take(rows)

    def _take(self, rows: Rows) -> None:
        self.claim_pks, self.removal_of, self.lists_of = rows.pks, rows.places, rows.lists
        self.sizes, self.data_sizes, self.layouts_of = rows.sizes, rows.data_sizes, rows.layouts
        self.containers, self.learned = rows.containers, rows.learned
        self.list_sets = tuple(rows.list_sets)
        self.layouts = b"".join(rows.known_layouts)

    def _load_kind(
        self, connection: Connection, kind: DigestKind, held: array[int], without: Set[int]
    ) -> Iterator[tuple[bytes, int]]:
        """(digest, claim's number) of one kind, sorted by digest, without those of some claims."""
        query = (
            select(digests.c.value, digests.c.claim_pk)
            .where(digests.c.kind == int(kind))
            .order_by(digests.c.value)
            .execution_options(yield_per=_BATCH)
        )
        pks = self.claim_pks
        count, length, bit = len(pks), kind.length, 1 << kind
        for value, claim_pk in connection.execute(query):
            number = bisect_left(pks, claim_pk)
            known = number < count and pks[number] == claim_pk
            if known and len(value) == length and claim_pk not in without:
                held[number] |= bit
                yield value, number

    def _expect(self) -> None:
        """Which files could hold a removal's tensors."""
        numbers = {n for kind in OF_TENSORS for n in self.tables[kind].owners}
        sizes = {self.data_sizes[n] for n in numbers} - {-1, 0}
        layouts = {self.layouts_of[n] for n in numbers if self.data_sizes[n] > 0} - {0}
        self.tensor_sizes = array("q", sorted(sizes))
        self.tensor_layouts = frozenset(
            self.layouts[(n - 1) * _LAYOUT : n * _LAYOUT] for n in layouts
        )

    # -- kept elsewhere --------------------------------------------------------------------------

    def parts(self) -> dict[str, tuple[str, Any]]:
        """All of it by name: the type of its numbers, and a buffer."""
        found: dict[str, tuple[str, Any]] = {
            name: (kind, getattr(self, name.replace("-", "_")))
            for name, kind in {**BY_REMOVAL, **BY_CLAIM}.items()
        }
        found["ids"], found["layouts"] = ("B", self.ids), ("B", self.layouts)
        found["tensor-sizes"] = ("q", self.tensor_sizes)
        found["tensor-layouts"] = ("B", b"".join(sorted(self.tensor_layouts)))
        for kind, table in enumerate(self.tables):
            found[f"values-{kind}"] = ("B", table.values)
            found[f"owners-{kind}"] = ("I", table.owners)
            found[f"starts-{kind}"] = ("I", table.starts)
        return found

    def about(self) -> dict[str, Any]:
        """What of it is no array."""
        return {
            "lists": [list(some) for some in self.list_sets],
            "containers": [container.value for container in self.container_of],
        }

    @classmethod
    def put_back(cls, about: Mapping[str, Any], parts: Mapping[str, Bytes]) -> Snapshot:
        """What `parts` and `about` gave, without copying it. Raises ValueError or KeyError for
        parts that do not fit together."""
        made = cls()
        for name, kind in {**BY_REMOVAL, **BY_CLAIM}.items():
            setattr(made, name.replace("-", "_"), numbers_of(kind, parts[name]))
        made.ids, made.layouts = parts["ids"], parts["layouts"]
        made.list_sets = tuple(tuple(int(n) for n in some) for some in about["lists"])
        made.container_of = tuple(Container(value) for value in about["containers"])
        made.tensor_sizes = numbers_of("q", parts["tensor-sizes"])
        layouts = bytes(parts["tensor-layouts"][:])
        made.tensor_layouts = frozenset(
            layouts[at : at + _LAYOUT] for at in range(0, len(layouts), _LAYOUT)
        )
        for number, length in enumerate(LENGTHS):
            if f"owners-{number}" not in parts:
                continue  # saved before anybody knew of this kind
            owners = numbers_of("I", parts[f"owners-{number}"])
            starts = numbers_of("I", parts[f"starts-{number}"])
            values = parts[f"values-{number}"]
            if len(values) != length * len(owners) or starts[-1] != len(owners):
                raise ValueError("parts that do not fit together")
            made.tables[number] = DigestTable.ready(length, values, owners, starts)
        of_removals = [len(getattr(made, name.replace("-", "_"))) for name in BY_REMOVAL]
        of_claims = [len(getattr(made, name.replace("-", "_"))) for name in BY_CLAIM]
        if {len(made.ids), *(ID * n for n in of_removals)} != {len(made.ids)} or len(
            set(of_claims)
        ) != 1:
            raise ValueError("parts that do not fit together")
        return made


class Rows:
    """Claims as they are read."""

    def __init__(self) -> None:
        self.pks, self.sizes, self.data_sizes = array("q"), array("q"), array("q")
        self.places, self.lists, self.layouts = array("I"), array("I"), array("I")
        self.containers, self.learned = array("B"), array("B")
        self.list_sets: dict[tuple[int, ...], int] = {}
        self.known_layouts: dict[bytes, int] = {}

    def add(
        self, pk: int, place: int, lists: tuple[int, ...], learned: bool, said: Sequence[Any]
    ) -> None:
        size, data_size, layout, container = said
        self.pks.append(pk)
        self.places.append(place)
        self.lists.append(self.list_sets.setdefault(lists, len(self.list_sets)))
        self.learned.append(learned)
        self.sizes.append(-1 if size is None else size)
        self.data_sizes.append(-1 if data_size is None else data_size)
        known = self.known_layouts
        good = layout is not None and len(layout) == _LAYOUT
        self.layouts.append(known.setdefault(bytes(layout), len(known) + 1) if good else 0)
        self.containers.append(_NUMBER_OF[container] if container else 0)


_NUMBER_OF = {container.value: n for n, container in enumerate(Container, 1)}


def could_hold(
    sizes: Numbers,
    layouts: frozenset[bytes],
    size: int | None,
    data_size: int | None,
    layout: bytes | None,
) -> bool:
    """May a file hold tensors of data sections of these sizes and layouts?"""
    if data_size is not None or layout is not None:
        if layout is not None and layout in layouts:
            return True
        at = bisect_left(sizes, data_size) if data_size is not None else len(sizes)
        return at < len(sizes) and sizes[at] == data_size
    if size is None:
        return False
    at = bisect_left(sizes, size - HEADER_ROOM)
    return at < len(sizes) and sizes[at] < size


def _pointers(sha256s: Iterable[tuple[bytes, int]], sizes: Numbers) -> Iterator[tuple[bytes, int]]:
    """The git oids of LFS pointers, where the size is known; sorted, as one string of bytes each,
    which takes half the memory of pairs."""
    length = LENGTHS[POINTER]
    both = sorted(
        pointer_oid(sha256, sizes[number]) + number.to_bytes(4, "big")
        for sha256, number in sha256s
        if sizes[number] >= 0
    )
    return ((each[:length], int.from_bytes(each[length:], "big")) for each in both)


def numbers_of(kind: str, data: Any) -> Numbers:
    """Bytes as the numbers that they are, where they lie."""
    view = memoryview(data)
    if not len(view):
        return array(kind)
    numbers: Numbers = view.cast("B").cast(kind)  # type: ignore[call-overload]
    return numbers


def _place(pks: Numbers, pk: int) -> int | None:
    at = bisect_left(pks, pk)
    return at if at < len(pks) and pks[at] == pk else None
