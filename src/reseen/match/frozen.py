"""Every digest of the registry at one moment, in arrays: quick to load, to keep and to put back.

What comes in: the store's rows, or what `parts` gave. What goes out: for a digest the removed files
that have it, each with its removal and list. Nothing sealed is in it: ids, lists, sizes, digests.
Unlike `DigestIndex` it does not learn: what changes later stands beside it (`live`) and is folded
into a new one now and then.
"""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from reseen.fingerprints.git import pointer_oid
from reseen.match.packed import Packed
from reseen.records import DigestKind
from reseen.registry.claims import first_list
from reseen.store.schema import claims, digests, removals

POINTER = 0
"""Beside the kinds of digests, which count from 1: git oids of LFS pointers."""
LENGTHS = (20, *(kind.length for kind in sorted(DigestKind)))
"""Bytes of a value, by kind."""
_ID = 16  # bytes an id takes, as the schema bounds it
_BATCH = 10_000

Places = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Added:
    """A removal that is put in beside those of an earlier moment."""

    pk: int
    id: str
    list: str
    files: tuple[AddedFile, ...]


@dataclass(frozen=True, slots=True)
class AddedFile:
    size: int
    """-1: not known."""
    digests: tuple[tuple[int, bytes], ...]
    """(kind or POINTER, value); pointers are among them where they can be told."""


class Frozen:
    """Removals in force at one moment. Never changes."""

    def __init__(self) -> None:
        self.pks = array("q")
        """By place: the store's numbers of removals, ascending."""
        self.lists: tuple[str, ...] = ()
        self._ids = b""
        self._list_of = array("I")
        self._removal_of = array("I")
        """By place of a file: its removal's place."""
        self._sizes = array("q")
        self.packed = [_pack(length, b"", np.empty(0, np.uint32)) for length in LENGTHS]
        """By kind: the files that have a digest."""

    def __len__(self) -> int:
        """Removals."""
        return len(self.pks)

    # -- looking up ------------------------------------------------------------------------------

    def place(self, pk: int) -> int | None:
        """Where a removal stands."""
        at = bisect_left(self.pks, pk)
        return at if at < len(self.pks) and self.pks[at] == pk else None

    def removal(self, place: int) -> tuple[str, str]:
        """(id, list) of a removal."""
        id = self._ids[place * _ID : place * _ID + _ID].rstrip(b"\0").decode("ascii")
        return id, self.lists[self._list_of[place]]

    def file(self, number: int) -> tuple[int, int]:
        """(place of its removal, size or -1) of a file."""
        return self._removal_of[number], self._sizes[number]

    # -- made from rows --------------------------------------------------------------------------

    @classmethod
    def load(cls, connection: Connection) -> Frozen:
        """Read the registry in force."""
        made = cls()
        ids = bytearray()
        names: dict[str, int] = {}
        query = (
            select(removals.c.pk, removals.c.id, first_list())
            .where(removals.c.withdrawn_at.is_(None))
            .order_by(removals.c.pk)
            .execution_options(yield_per=_BATCH)
        )
        for pk, id, name in connection.execute(query):
            made.pks.append(pk)
            ids += id.encode("ascii").ljust(_ID, b"\0")
            made._list_of.append(names.setdefault(name, len(names)))
        made._ids, made.lists = bytes(ids), tuple(names)
        claim_pks = made._load_files(connection)
        for kind in DigestKind:
            made._load_kind(connection, kind, claim_pks)
        made._make_pointers()
        return made

    def _load_files(self, connection: Connection) -> NDArray[np.int64]:
        claim_pks, whose, sizes = array("q"), array("q"), array("q")
        query = (
            select(claims.c.pk, claims.c.removal_pk, claims.c.size)
            .where(claims.c.in_force == 1)
            .order_by(claims.c.pk)
            .execution_options(yield_per=_BATCH)
        )
        for pk, removal_pk, size in connection.execute(query):
            claim_pks.append(pk)
            whose.append(removal_pk)
            sizes.append(-1 if size is None else size)
        removal_pks = np.frombuffer(whose, np.int64)
        places, known = _find(np.frombuffer(self.pks, np.int64), removal_pks)
        self._removal_of = _array("I", places[known].astype(np.uint32))
        self._sizes = _array("q", np.frombuffer(sizes, np.int64)[known])
        return np.frombuffer(claim_pks, np.int64)[known].copy()

    def _load_kind(
        self, connection: Connection, kind: DigestKind, claim_pks: NDArray[np.int64]
    ) -> None:
        values, whose = bytearray(), array("q")
        query = (
            select(digests.c.value, digests.c.claim_pk)
            .where(digests.c.kind == int(kind))
            .order_by(digests.c.value)
            .execution_options(yield_per=_BATCH)
        )
        length = kind.length
        for value, claim_pk in connection.execute(query):
            if len(value) == length:
                values += value
                whose.append(claim_pk)
        if not whose:
            return
        places, known = _find(claim_pks, np.frombuffer(whose, np.int64))
        rows = np.frombuffer(values, f"V{length}")[known]
        self.packed[kind] = _pack(length, rows.tobytes(), places[known].astype(np.uint32))

    def _make_pointers(self) -> None:
        sizes = self._sizes
        pairs = sorted(
            (pointer_oid(sha256, sizes[file]), file)
            for sha256, file in self.packed[DigestKind.SHA256].items()
            if sizes[file] >= 0
        )
        owners = np.array([file for _, file in pairs], np.uint32)
        self.packed[POINTER] = _pack(LENGTHS[POINTER], b"".join(p for p, _ in pairs), owners)

    # -- made from another -----------------------------------------------------------------------

    def folded(self, gone: bytes, added: Sequence[Added]) -> Frozen:
        """The moment after this one. `gone`: by place, 1 for removals that are no longer so;
        `added`: those in force instead of them, or new. No pk may be in both and not gone."""
        made = Frozen()
        stays = np.frombuffer(gone, np.uint8) == 0
        pks = np.concatenate(
            [np.frombuffer(self.pks, np.int64)[stays], np.array([a.pk for a in added], np.int64)]
        )
        order = np.argsort(pks, kind="stable")
        new_place = np.empty(len(pks), np.uint32)
        new_place[order] = np.arange(len(pks), dtype=np.uint32)
        made.pks = _array("q", pks[order])
        names = {name: number for number, name in enumerate(self.lists)}
        list_of = np.concatenate(
            [
                np.frombuffer(self._list_of, np.uint32)[stays],
                np.array([names.setdefault(a.list, len(names)) for a in added], np.uint32),
            ]
        )
        ids = np.concatenate(
            [
                np.frombuffer(self._ids, f"V{_ID}")[stays],
                np.frombuffer(
                    b"".join(a.id.encode("ascii").ljust(_ID, b"\0") for a in added), f"V{_ID}"
                ),
            ]
        )
        made._list_of, made.lists = _array("I", list_of[order]), tuple(names)
        made._ids = ids[order].tobytes()

        removal_of = np.frombuffer(self._removal_of, np.uint32)
        file_stays = stays[removal_of]
        compact = np.cumsum(stays, dtype=np.int64) - 1  # place among those that stay
        old_files = new_place[compact[removal_of[file_stays]]]
        first = int(stays.sum())
        new_files = [(first + n, f) for n, a in enumerate(added) for f in a.files]
        places = new_place[np.array([n for n, _ in new_files], np.int64)]
        sizes = np.array([f.size for _, f in new_files], np.int64)
        made._removal_of = _array("I", np.concatenate([old_files, places]))
        old_sizes = np.frombuffer(self._sizes, np.int64)[file_stays]
        made._sizes = _array("q", np.concatenate([old_sizes, sizes]))
        new_file = np.cumsum(file_stays, dtype=np.int64) - 1
        count = int(file_stays.sum())
        more: list[list[tuple[bytes, int]]] = [[] for _ in LENGTHS]
        for number, (_, file) in enumerate(new_files):
            for kind, value in file.digests:
                more[kind].append((value, count + number))
        for kind, packed in enumerate(self.packed):
            made.packed[kind] = _merged(LENGTHS[kind], packed, file_stays, new_file, more[kind])
        return made

    # -- kept elsewhere --------------------------------------------------------------------------

    def parts(self) -> dict[str, bytes]:
        """All of it as bytes by name."""
        found = {
            "pks": self.pks.tobytes(),
            "ids": self._ids,
            "lists": json.dumps(self.lists).encode(),
            "list-of": self._list_of.tobytes(),
            "removal-of": self._removal_of.tobytes(),
            "sizes": self._sizes.tobytes(),
        }
        for kind, packed in enumerate(self.packed):
            found[f"values-{kind}"] = packed.values
            found[f"owners-{kind}"] = array("I", packed.owners()).tobytes()
        return found

    @classmethod
    def put_back(cls, parts: Mapping[str, bytes]) -> Frozen:
        """What `parts` gave. Raises ValueError or KeyError for parts that do not fit together."""
        made = cls()
        made.pks, made._sizes = _from_bytes("q", parts["pks"]), _from_bytes("q", parts["sizes"])
        made._ids = parts["ids"]
        made.lists = tuple(str(name) for name in json.loads(parts["lists"]))
        made._list_of = _from_bytes("I", parts["list-of"])
        made._removal_of = _from_bytes("I", parts["removal-of"])
        count, files = len(made.pks), len(made._sizes)
        if (
            len(made._ids) != count * _ID
            or len(made._list_of) != count
            or len(made._removal_of) != files
            or not _below(made._list_of, len(made.lists))
            or not _below(made._removal_of, count)
        ):
            raise ValueError("parts that do not fit together")
        for kind, length in enumerate(LENGTHS):
            owners = _from_bytes("I", parts[f"owners-{kind}"])
            values = parts[f"values-{kind}"]
            if len(values) != length * len(owners) or not _below(owners, files):
                raise ValueError("parts that do not fit together")
            made.packed[kind] = _pack(length, values, np.frombuffer(owners, np.uint32))
        return made


def _pack(length: int, values: bytes, owners: Places) -> Packed:
    """Digests sorted by value, with the files that have them."""
    count = len(owners)
    bits = min(24, count.bit_length() + 2)
    heads = np.frombuffer(values, np.uint8).reshape(count, length)[:, :4]
    numbers = np.ascontiguousarray(heads).view(">u4").reshape(count) >> np.uint32(32 - bits)
    counts = np.bincount(numbers.astype(np.int64), minlength=1 << bits)
    starts = np.zeros((1 << bits) + 1, np.uint32)
    np.cumsum(counts, out=starts[1:], dtype=np.uint32)
    return Packed.ready(length, values, _array("I", owners), _array("I", starts))


def _merged(
    length: int,
    old: Packed,
    stays: NDArray[np.bool_],
    new_file: NDArray[np.int64],
    more: list[tuple[bytes, int]],
) -> Packed:
    owners = np.frombuffer(array("I", old.owners()), np.uint32)
    kept = stays[owners]
    values = np.frombuffer(old.values, f"S{length}")[kept]
    owners = new_file[owners[kept]].astype(np.uint32)
    if more:
        fresh = np.frombuffer(b"".join(value for value, _ in more), f"S{length}")
        values = np.concatenate([values, fresh])
        owners = np.concatenate([owners, np.array([file for _, file in more], np.uint32)])
        # As strings of one length, whose order is that of the bytes; nearly sorted already.
        order = np.argsort(values, kind="stable")
        values, owners = values[order], owners[order]
    return _pack(length, values.tobytes(), owners)


def _find(
    known: NDArray[np.int64], wanted: NDArray[np.int64]
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Places of numbers in sorted ones, and which of them are there."""
    places = np.searchsorted(known, wanted)
    there: NDArray[np.bool_] = places < len(known)
    there[there] = known[places[there]] == wanted[there]
    return places, there


def _array(kind: str, numbers: NDArray[np.generic]) -> array[int]:
    """Plain: single numbers are looked up in it several times faster than in numpy's."""
    return _from_bytes(kind, np.ascontiguousarray(numbers).tobytes())


def _from_bytes(kind: str, data: bytes) -> array[int]:
    made = array(kind)
    made.frombytes(data)
    return made


def _below(numbers: array[int], limit: int) -> bool:
    return not numbers or int(np.frombuffer(numbers, np.uint32).max()) < limit
