"""reseen-sketch-1: the similarity fingerprint of an adapter, made from its updates.

What comes in: the update (ΔW) of each canonical module, in factored form. What goes out: a
`Sketch`: for each module the 8x8 matrix S = P ΔW Qᵀ with P and Q of signs drawn from the module's
name, its norm, and, chosen from these, the 1,024 small numbers that are searched.

S is linear in ΔW, so the sketch of a merge is the weighted sum of the sketches; and it depends on
ΔW alone, not on factors, names in the file, container or order. The expected product of two S of
one module is 64 times the inner product of their updates. docs/sketch.md is the specification, with
test vectors: change nothing here without a new version.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from reseen.errors import Malformed
from reseen.fingerprints.probes import KNOWN_PARTS, OTHERS, PROBES, UNKNOWN
from reseen.updates.modules import RowsWithin
from reseen.updates.update import Update

VERSION = 1
NAME = "reseen-sketch-1"
SIDE = 8
"""Rows of P and of Q: S is SIDE x SIDE."""
NUMBERS = SIDE * SIDE
SLOTS = 16
SEARCHED = SLOTS * NUMBERS
"""Numbers, and bytes, that are searched: 1,024."""
MOST_MODULES = 1_280
"""A file with more keeps those that come first in the order of preference."""
FEWEST_MODULES = 4
"""Modules in common without which two adapters are not compared, but for a removed one that has
fewer: a file with fewer can be known as such a one, and never as a part of a larger."""
TINY = 1e-7
"""A Frobenius norm over all modules below this is no update: there is nothing to recognise."""

_MAGIC = b"RSK1"
_ENTRY = np.dtype([("id", "<u4"), ("scale", "<f4"), ("norm", "<f4"), ("s", "i1", (NUMBERS,))])
_ROWS = "reseen-sketch-1 rows"
_COLUMNS = "reseen-sketch-1 columns"
_SEARCH_STEP = 1 / 127
"""Value of one step in the searched numbers; each slot has length 1 before rounding."""
_LARGEST_NORM = float(np.finfo(np.float32).max)
"""What a stored norm can hold. A matrix can be made whose S is small beside it."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Module:
    """What one module gives: exact, before anything is rounded."""

    name: str
    """Canonical."""
    s: Floats
    """(8, 8): P ΔW Qᵀ."""
    norm: float
    """Frobenius norm of ΔW."""


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """The stored similarity fingerprint. Modules are sorted by id, no id twice."""

    architecture: str
    rank: int
    """Median rank over the modules; 0 where the algorithm has none."""
    complete: bool
    """Made from all modules of the file that could be read; False for a remote subset."""
    ids: NDArray[np.uint32]
    """(n,): first four bytes of BLAKE3 of the canonical name, little-endian."""
    norms: Floats
    """(n,): Frobenius norm of each module's ΔW."""
    scales: Floats
    """(n,): value of one step of `s`."""
    s: NDArray[np.int8]
    """(n, 64): S row by row, in steps."""
    slots: NDArray[np.uint32]
    """(16,): id of the module that fills each slot of the searched numbers; 0 for none."""

    def values(self) -> Floats:
        """(n, 64): S as numbers."""
        return self.s.astype(np.float32) * self.scales[:, None]

    def searched(self) -> NDArray[np.int8]:
        """(1024,): the numbers that are searched: for each slot S at length 1, in steps of 1/127;
        zeros where the slot is empty."""
        code = np.zeros((SLOTS, NUMBERS), np.int8)
        place = np.searchsorted(self.ids, self.slots)
        for slot, (id_, at) in enumerate(zip(self.slots, place, strict=True)):
            if id_ and at < len(self.ids) and self.ids[at] == id_:
                code[slot] = _unit_steps(self.s[at].astype(np.float32))
        return code.reshape(SEARCHED)

    def encode(self) -> bytes:
        """The published byte layout: header, slots, then 76 bytes a module."""
        architecture = self.architecture.encode("ascii")
        header = struct.pack(
            "<4sBBHH", _MAGIC, len(architecture), int(self.complete), self.rank, len(self.ids)
        )
        entries = np.zeros(len(self.ids), _ENTRY)
        entries["id"], entries["scale"] = self.ids, self.scales
        entries["norm"], entries["s"] = self.norms, self.s
        slots = self.slots.astype("<u4").tobytes()
        return header + architecture + slots + entries.tobytes()


def decode(data: bytes) -> Sketch:
    """The sketch in these bytes. Raises Malformed for anything that `encode` does not write."""
    start = struct.calcsize("<4sBBHH")
    if len(data) < start:
        raise Malformed("a sketch breaks off")
    magic, length, complete, rank, count = struct.unpack_from("<4sBBHH", data)
    expected = start + length + 4 * SLOTS + count * _ENTRY.itemsize
    if magic != _MAGIC or complete > 1 or count > MOST_MODULES or len(data) != expected:
        raise Malformed("not a reseen-sketch-1")
    try:
        architecture = data[start : start + length].decode("ascii")
    except UnicodeDecodeError:
        raise Malformed("a sketch names no architecture") from None
    slots = np.frombuffer(data, "<u4", SLOTS, start + length).astype(np.uint32)
    entries = np.frombuffer(data, _ENTRY, count, start + length + 4 * SLOTS)
    ids = entries["id"].astype(np.uint32)
    scales, norms = entries["scale"].astype(np.float32), entries["norm"].astype(np.float32)
    if count and (
        (ids[1:] <= ids[:-1]).any()
        or not np.isfinite(scales).all()
        or not np.isfinite(norms).all()
        or (scales < 0).any()
        or (norms < 0).any()
    ):
        raise Malformed("a sketch holds impossible numbers")
    return Sketch(
        architecture, rank, bool(complete), ids, norms, scales, entries["s"].copy(), slots
    )


def module(update: Update, place: RowsWithin | None = None) -> Module | None:
    """The 8x8 matrix of one update; None for one that is zero or not finite. `place`: where it
    stands in the layer of that name, of which it is a part: the matrices of all parts add up to the
    layer's."""
    rows, columns = update.shape[0], update.shape[1] * update.shape[2] * update.shape[3]
    left = signs(_ROWS, update.name, rows if place is None else place.height)
    if place is not None:
        left = np.concatenate([left[:, start:stop] for start, stop in place.rows], axis=1)
    s, norm = update.project_and_norm(left, signs(_COLUMNS, update.name, columns))
    if not 0 < norm <= _LARGEST_NORM or not np.isfinite(s).all():
        return None
    return Module(update.name, s, norm)


class _Signs:
    """Those made last, so that the next file with the same modules needs not make them again: as
    many as fit in `KEPT` bytes, for how wide a layer is is the file's to say."""

    KEPT = 32 << 20

    def __init__(self) -> None:
        self._made: OrderedDict[tuple[str, str, int], NDArray[np.int8]] = OrderedDict()
        self._size = 0
        self._lock = Lock()

    def get(self, context: str, name: str, length: int) -> NDArray[np.int8]:
        key = (context, name, length)
        with self._lock:
            found = self._made.get(key)
            if found is not None:
                self._made.move_to_end(key)
                return found
        made = _made_signs(context, name, length)
        with self._lock:
            if key not in self._made:
                self._made[key] = made
                self._size += made.nbytes
            while self._size > self.KEPT:
                self._size -= self._made.popitem(last=False)[1].nbytes
        return made


_SIGNS = _Signs()


def signs(context: str, name: str, length: int) -> Floats:
    """(8, length) of +1 and -1: bit j of byte i of BLAKE3's output in its key derivation mode
    (context, then the name as key material) is set where element (j, i) is -1."""
    return _SIGNS.get(context, name, length).astype(np.float32)


def forget_signs() -> None:
    """As if no file had been sketched yet: for measurements."""
    _SIGNS.__init__()  # type: ignore[misc]


def _made_signs(context: str, name: str, length: int) -> NDArray[np.int8]:
    stream = blake3(name.encode(), derive_key_context=context).digest(length=length)
    bits = np.unpackbits(np.frombuffer(stream, np.uint8)[:, None], axis=1, bitorder="little")
    return np.ascontiguousarray((1 - 2 * bits.astype(np.int8)).T)


def module_id(name: str) -> int:
    """First four bytes of BLAKE3 of the canonical name, little-endian; never 0."""
    return int.from_bytes(blake3(name.encode()).digest(length=4), "little") or 1


def preference(name: str) -> tuple[int, int, int]:
    """What a module competes with: (slot, rank, order). In each slot the module that is present
    and has the lowest (rank, order) is searched; the tables of `probes` come first."""
    id_ = module_id(name)
    known = PROBES.get(name)
    if known is not None:
        return known.slot, known.rank, id_
    is_known = name.startswith(KNOWN_PARTS) and "#" not in name
    return id_ % SLOTS, OTHERS if is_known else UNKNOWN, id_


def choose(names: Iterable[str]) -> tuple[str | None, ...]:
    """The module that fills each of the 16 slots, out of those that are present."""
    best: list[tuple[int, int, str] | None] = [None] * SLOTS
    for name in names:
        slot, rank, order = preference(name)
        now = best[slot]
        if now is None or (rank, order, name) < now:
            best[slot] = (rank, order, name)
    return tuple(b[2] if b else None for b in best)


def assemble(
    modules: Mapping[str, Module], *, architecture: str, ranks: Sequence[int], complete: bool
) -> Sketch | str:
    """Modules by name -> the sketch, or the reason why there is none."""
    total = float(np.sqrt(sum(m.norm * m.norm for m in modules.values())))
    if not modules:
        return "no module has an update: it is zero, or not finite"
    if total < TINY:
        return "the update is tiny: there is nothing to recognise"
    kept = sorted(modules.values(), key=lambda m: preference(m.name)[1:])[:MOST_MODULES]
    by_id = {module_id(m.name): m for m in reversed(kept)}
    ids = np.array(sorted(by_id), np.uint32)
    ordered = [by_id[int(i)] for i in ids]
    raw = np.stack([m.s.reshape(NUMBERS) for m in ordered])
    peak = np.abs(raw).max(axis=1)
    scales = (peak / 127).astype(np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.where(scales[:, None] > 0, raw / scales[:, None], 0)
    chosen = choose(m.name for m in ordered)
    return Sketch(
        architecture=architecture,
        rank=int(np.median(ranks)) if len(ranks) else 0,
        complete=complete,
        ids=ids,
        norms=np.array([m.norm for m in ordered], np.float32),
        scales=scales,
        s=np.clip(np.rint(steps), -127, 127).astype(np.int8),
        slots=np.array([module_id(name) if name else 0 for name in chosen], np.uint32),
    )


def _unit_steps(numbers: Floats) -> NDArray[np.int8]:
    length = float(np.linalg.norm(numbers))
    if not length:
        return np.zeros(NUMBERS, np.int8)
    steps: NDArray[np.int8] = np.rint(numbers / length / _SEARCH_STEP).astype(np.int8)
    return steps
