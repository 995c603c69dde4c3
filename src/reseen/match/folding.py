"""Makes the next snapshot from one and what changed since, by arithmetic on whole arrays."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reseen.match.claim_entries import ID, LENGTHS, RemovalEntry
from reseen.match.digest_table import DigestTable, bits_for
from reseen.match.snapshot import BY_CLAIM, Rows, Snapshot

_TYPES = {"q": np.int64, "I": np.uint32, "H": np.uint16, "B": np.uint8}


def folded(old: Snapshot, gone: bytes, added: Sequence[RemovalEntry]) -> Snapshot:
    """The moment after this one. `gone`: by place, 1 for removals that are no longer so; `added`:
    those in force instead of them, or new."""
    made = Snapshot()
    stays = np.frombuffer(gone, np.uint8) == 0
    pks = np.concatenate(
        [_read("q", old.removal_pks)[stays], np.array([a.pk for a in added], np.int64)]
    )
    order = np.argsort(pks, kind="stable")
    new_place = np.empty(len(pks), np.int64)
    new_place[order] = np.arange(len(pks))
    made.removal_pks = _array("q", pks[order])
    classes = np.concatenate(
        [_read("B", old.classes)[stays], np.array([a.cls for a in added], np.uint8)]
    )
    made.classes = _array("B", classes[order])
    ids = b"".join(a.id.encode("ascii").ljust(ID, b"\0") for a in added)
    both = [np.frombuffer(old.ids, f"V{ID}")[stays], np.frombuffer(ids, f"V{ID}")]
    made.ids = np.concatenate(both)[order].tobytes()

    # Claims: those that stay, those that are new, in the order of the store.
    claim_stays = stays[_read("I", old.removal_of)]
    compact = np.cumsum(stays, dtype=np.int64) - 1  # place among those that stay
    rows = _rows(old)
    first = int(stays.sum())
    fresh = [(first + n, claim) for n, a in enumerate(added) for claim in a.claims]
    for place, claim in fresh:
        facts = claim.facts
        container = None if facts.container is None else facts.container.value
        said = (facts.size, facts.data_size, facts.layout, container)
        rows.add(claim.claim_pk, place, claim.lists, facts.learned, said)
    columns: dict[str, NDArray[Any]] = {}
    for name, kind in BY_CLAIM.items():
        kept = _read(kind, getattr(old, name.replace("-", "_")))[claim_stays]
        columns[name] = np.concatenate([kept, _read(kind, _new(rows, name, fresh))])
    kept_places = compact[_read("I", old.removal_of)[claim_stays]]
    places = np.concatenate([kept_places, _read("I", rows.places).astype(np.int64)])
    columns["layouts-of"], layouts = _in_use(columns["layouts-of"], [*rows.known_layouts])
    columns["removal-of"] = new_place[places].astype(np.uint32)
    claim_order = np.argsort(columns["claim-pks"], kind="stable")
    for name, kind in BY_CLAIM.items():
        setattr(made, name.replace("-", "_"), _array(kind, columns[name][claim_order]))
    made.list_sets = tuple(rows.list_sets)
    made.layouts = b"".join(layouts)
    made.container_of = old.container_of

    # Digests: owners renumbered, new ones sorted in.
    number = np.empty(len(claim_order), np.int64)
    number[claim_order] = np.arange(len(claim_order))
    count = int(claim_stays.sum())
    new_number = np.full(len(claim_stays), -1, np.int64)
    new_number[claim_stays] = number[:count]
    more: list[list[tuple[bytes, int]]] = [[] for _ in LENGTHS]
    for n, (_, claim) in enumerate(fresh):
        for kind_, value in claim.digests:
            more[kind_].append((value, int(number[count + n])))
    made.tables = [
        _merged(table, claim_stays, new_number, more[kind_])
        for kind_, table in enumerate(old.tables)
    ]
    made._expect()
    return made


def _in_use(numbers: NDArray[Any], known: list[bytes]) -> tuple[NDArray[Any], list[bytes]]:
    """The layouts that any claim has, and the claims' numbers of them, from 1 on: what nobody has
    any more is not kept, for the index is handed to others."""
    used = np.unique(numbers[numbers > 0])
    again = np.zeros(len(known) + 1, numbers.dtype)
    again[used] = np.arange(1, len(used) + 1)
    return again[numbers], [known[n - 1] for n in used]


def _rows(old: Snapshot) -> Rows:
    """Empty, knowing the lists and layouts that are known."""
    rows = Rows()
    rows.list_sets = {lists: n for n, lists in enumerate(old.list_sets)}
    layouts = bytes(old.layouts[:])
    rows.known_layouts = {
        layouts[at : at + 32]: n for n, at in enumerate(range(0, len(layouts), 32), 1)
    }
    return rows


def _new(rows: Rows, name: str, fresh: Sequence[tuple[int, Any]]) -> Any:
    if name == "held":
        return array("H", [claim.held for _, claim in fresh])
    return {
        "claim-pks": rows.pks,
        "removal-of": rows.places,
        "lists-of": rows.lists,
        "sizes": rows.sizes,
        "data-sizes": rows.data_sizes,
        "layouts-of": rows.layouts,
        "containers": rows.containers,
        "learned": rows.learned,
    }[name]


def _merged(
    old: DigestTable,
    stays: NDArray[np.bool_],
    new_number: NDArray[np.int64],
    more: list[tuple[bytes, int]],
) -> DigestTable:
    length = old.length
    owners = _read("I", old.owners)
    kept = stays[owners] if len(owners) else np.empty(0, np.bool_)
    values = np.frombuffer(old.values, f"S{length}")[kept]
    owners = new_number[owners[kept]].astype(np.uint32)
    if more:
        fresh = np.frombuffer(b"".join(value for value, _ in more), f"S{length}")
        values = np.concatenate([values, fresh])
        owners = np.concatenate([owners, np.array([n for _, n in more], np.uint32)])
        # As strings of one length, whose order is that of the bytes; nearly sorted already.
        order = np.argsort(values, kind="stable")
        values, owners = values[order], owners[order]
    return pack(length, values.tobytes(), owners)


def pack(length: int, values: bytes, owners: NDArray[np.uint32]) -> DigestTable:
    """Digests sorted by value, with the claims that have them."""
    count = len(owners)
    bits = bits_for(count)
    heads = np.frombuffer(values, np.uint8).reshape(count, length)[:, :4]
    numbers = np.ascontiguousarray(heads).view(">u4").reshape(count) >> np.uint32(32 - bits)
    counts = np.bincount(numbers.astype(np.int64), minlength=1 << bits)
    starts = np.zeros((1 << bits) + 1, np.uint32)
    np.cumsum(counts, out=starts[1:], dtype=np.uint32)
    return DigestTable.ready(length, values, _array("I", owners), _array("I", starts))


def _read(kind: str, numbers: Any) -> NDArray[Any]:
    return np.frombuffer(numbers, _TYPES[kind]) if len(numbers) else np.empty(0, _TYPES[kind])


def _array(kind: str, numbers: NDArray[Any]) -> array[int]:
    """Plain: single numbers are looked up in it several times faster than in numpy's."""
    made = array(kind)
    made.frombytes(np.ascontiguousarray(numbers, _TYPES[kind]).tobytes())
    return made
