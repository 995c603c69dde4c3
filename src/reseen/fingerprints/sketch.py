"""The similarity fingerprint of an adapter, as it is kept: reseen-sketch-2, and sketch 1 before it.

What comes in: the numbers of each canonical module (`modules`). What goes out: a `Sketch`: for each
module the 8x8 matrix S = P ΔW Qᵀ with P and Q of signs drawn from the module's name, its norm, and,
chosen from these, the 1,024 small numbers that are searched; and of the first 256 the column space
and the up factor (`Components`), which sketch 1 has not.

S is linear in ΔW, so the sketch of a merge is the weighted sum of the sketches; and it depends on
ΔW alone, not on factors, names in the file, container or order. The expected product of two S of
one module is 64 times the inner product of their updates. docs/sketch.md is the specification, with
test vectors: change nothing here without a new version.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from reseen.errors import Malformed
from reseen.fingerprints.modules import NUMBERS as NUMBERS
from reseen.fingerprints.modules import SIDE as SIDE
from reseen.fingerprints.modules import Module as Module
from reseen.fingerprints.probes import KNOWN_PARTS, OTHERS, PROBES, UNKNOWN
from reseen.fingerprints.signs import Floats
from reseen.updates.names.prefixes import REMEMBERED

VERSION = 1
"""Of the linear numbers, and so of what is searched: sketch 2 has those of sketch 1."""
SLOTS = 16
SEARCHED = SLOTS * NUMBERS
"""Numbers, and bytes, that are searched: 1,024."""
MOST_MODULES = 2_048
"""A file with more keeps those that come first in the order of preference."""
MOST_COMPONENTS = 256
"""Modules of which column space and up factor are kept: those that come first in that order."""
FEWEST_MODULES = 4
"""Modules in common without which two adapters are not compared, but for a removed one that has
fewer: a file with fewer can be known as such a one, and never as a part of a larger."""
TINY = 1e-7
"""A Frobenius norm over all modules below this is no update: there is nothing to recognise."""
TINY_UPDATE = "the update is tiny: there is nothing to recognise"

_MOST = {1: 1_280, 2: MOST_MODULES}
_ENTRY = np.dtype([("id", "<u4"), ("scale", "<f4"), ("norm", "<f4"), ("s", "i1", (NUMBERS,))])
_COMPONENT = np.dtype(
    [
        *(("id", "<u4"), ("rank", "<u2"), ("kinds", "u1")),
        *(("space_scale", "<f4"), ("space", "i1", (NUMBERS,))),
        *(("up_scale", "<f4"), ("up", "i1", (NUMBERS,))),
    ]
)
_SPACE, _UP = 1, 2
_HEADER = struct.Struct("<4sBBHH")
_COUNT = struct.Struct("<H")
_SEARCH_STEP = 1 / 127
"""Value of one step in the searched numbers; each slot has length 1 before rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """What shows that an adapter is a part of a merge. Sorted by id, no id twice; each is one of
    the sketch's modules."""

    ids: NDArray[np.uint32]
    """(k,)"""
    ranks: NDArray[np.uint16]
    """(k,): how many directions the column space has; 0 where it is not known."""
    has_space: NDArray[np.bool_]
    """(k,)"""
    space_scales: Floats
    """(k,): value of one step; 0 where there is none."""
    space: NDArray[np.int8]
    """(k, 64): P Π P'ᵀ, Π the projection on the columns of ΔW, in steps."""
    has_up: NDArray[np.bool_]
    """(k,)"""
    up_scales: Floats
    """(k,)"""
    up: NDArray[np.int8]
    """(k, 64): P B Gᵀ, B the up factor as it is stored, in steps."""


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
    components: Components | None = None
    """None of a sketch 1."""

    @property
    def version(self) -> int:
        return 1 if self.components is None else 2

    def values(self) -> Floats:
        """(n, 64): S as numbers."""
        return self.s.astype(np.float32) * self.scales[:, None]

    def values_of(self, ids: NDArray[np.uint32]) -> Floats:
        """(n, 64): the numbers for these modules; zeros where it has none."""
        made = np.zeros((len(ids), NUMBERS), np.float32)
        _, here, at = np.intersect1d(ids, self.ids, assume_unique=True, return_indices=True)
        made[here] = self.s[at] * self.scales[at, None]
        return made

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
        """The published byte layout: header, slots, 76 bytes a module; of sketch 2 then 143 bytes
        for each of the first modules."""
        architecture = self.architecture.encode("ascii")
        count = len(self.ids)
        header = _HEADER.pack(
            b"RSK%d" % self.version, len(architecture), int(self.complete), self.rank, count
        )
        entries = np.zeros(count, _ENTRY)
        entries["id"], entries["scale"] = self.ids, self.scales
        entries["norm"], entries["s"] = self.norms, self.s
        slots = self.slots.astype("<u4").tobytes()
        more = self.components
        if more is None:
            return header + architecture + slots + entries.tobytes()
        header += _COUNT.pack(len(more.ids))
        return header + architecture + slots + entries.tobytes() + _encoded(more)


def _encoded(components: Components) -> bytes:
    rows = np.zeros(len(components.ids), _COMPONENT)
    rows["id"], rows["rank"] = components.ids, components.ranks
    rows["kinds"] = _SPACE * components.has_space + _UP * components.has_up
    rows["space_scale"], rows["space"] = components.space_scales, components.space
    rows["up_scale"], rows["up"] = components.up_scales, components.up
    return rows.tobytes()


def version_of(data: bytes) -> int:
    """The version of an encoded sketch. Raises Malformed."""
    version = {b"RSK1": 1, b"RSK2": 2}.get(data[:4])
    if version is None:
        raise Malformed("not a sketch")
    return version


def decode(data: bytes) -> Sketch:
    """The sketch in these bytes. Raises Malformed for anything that `encode` does not write."""
    version = version_of(data)
    start = _HEADER.size + (_COUNT.size if version == 2 else 0)
    if len(data) < start:
        raise Malformed("a sketch breaks off")
    _, length, complete, rank, count = _HEADER.unpack_from(data)
    more = _COUNT.unpack_from(data, _HEADER.size)[0] if version == 2 else 0
    slots_at = start + length
    at = slots_at + 4 * SLOTS
    end = at + count * _ENTRY.itemsize
    if (
        complete > 1
        or count > _MOST[version]
        or more > min(count, MOST_COMPONENTS)
        or len(data) != end + more * _COMPONENT.itemsize
    ):
        raise Malformed(f"not a reseen-sketch-{version}")
    try:
        architecture = data[start:slots_at].decode("ascii")
    except UnicodeDecodeError:
        raise Malformed("a sketch names no architecture") from None
    slots = np.frombuffer(data, "<u4", SLOTS, slots_at).astype(np.uint32)
    entries = np.frombuffer(data, _ENTRY, count, at)
    ids = entries["id"].astype(np.uint32)
    scales, norms = entries["scale"].astype(np.float32), entries["norm"].astype(np.float32)
    if not (_ascending(ids) and _measures(scales) and _measures(norms)):
        raise Malformed("a sketch holds impossible numbers")
    components = None
    if version == 2:
        components = _components(np.frombuffer(data, _COMPONENT, more, end), ids)
    s = entries["s"].copy()
    return Sketch(architecture, rank, bool(complete), ids, norms, scales, s, slots, components)


def _components(rows: NDArray[np.void], modules: NDArray[np.uint32]) -> Components:
    ids, kinds = rows["id"].astype(np.uint32), rows["kinds"]
    has_space, has_up = (kinds & _SPACE) > 0, (kinds & _UP) > 0
    found = Components(
        ids,
        rows["rank"].astype(np.uint16),
        has_space,
        rows["space_scale"].astype(np.float32),
        rows["space"].copy(),
        has_up,
        rows["up_scale"].astype(np.float32),
        rows["up"].copy(),
    )
    if not (
        _ascending(ids)
        and np.isin(ids, modules).all()
        and ((kinds > 0) & (kinds <= _SPACE + _UP)).all()
        and _measures(found.space_scales)
        and _measures(found.up_scales)
        and not found.ranks[~has_space].any()
        and not found.space_scales[~has_space].any()
        and not found.space[~has_space].any()
        and not found.up_scales[~has_up].any()
        and not found.up[~has_up].any()
    ):
        raise Malformed("a sketch holds impossible numbers")
    return found


def _ascending(ids: NDArray[np.uint32]) -> bool:
    return not (ids[1:] <= ids[:-1]).any()


def _measures(values: Floats) -> bool:
    """Whether all are numbers, and none is negative."""
    return bool(np.isfinite(values).all() and (values >= 0).all())


@lru_cache(REMEMBERED)
def module_id(name: str) -> int:
    """First four bytes of BLAKE3 of the canonical name, little-endian; never 0."""
    return int.from_bytes(blake3(name.encode()).digest(length=4), "little") or 1


@lru_cache(REMEMBERED)
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
        return TINY_UPDATE
    kept = sorted(modules.values(), key=lambda m: preference(m.name)[1:])[:MOST_MODULES]
    by_id = {module_id(m.name): m for m in reversed(kept)}
    ids = np.array(sorted(by_id), np.uint32)
    ordered = [by_id[int(i)] for i in ids]
    scales, steps = _in_steps([m.s for m in ordered])
    chosen = choose(m.name for m in ordered)
    more = {m.name: m for m in kept if m.space is not None or m.up is not None}
    first = set(list(more)[:MOST_COMPONENTS])
    return Sketch(
        architecture=architecture,
        rank=int(np.median(ranks)) if len(ranks) else 0,
        complete=complete,
        ids=ids,
        norms=np.array([m.norm for m in ordered], np.float32),
        scales=scales,
        s=steps,
        slots=np.array([module_id(name) if name else 0 for name in chosen], np.uint32),
        components=_assembled([m for m in ordered if m.name in first]),
    )


def _assembled(modules: Sequence[Module]) -> Components:
    space_scales, space = _in_steps([m.space.numbers if m.space else _NONE for m in modules])
    up_scales, up = _in_steps([_NONE if m.up is None else m.up for m in modules])
    return Components(
        ids=np.array([module_id(m.name) for m in modules], np.uint32),
        ranks=np.array([m.space.rank if m.space else 0 for m in modules], np.uint16),
        has_space=np.array([m.space is not None for m in modules], np.bool_),
        space_scales=space_scales,
        space=space,
        has_up=np.array([m.up is not None for m in modules], np.bool_),
        up_scales=up_scales,
        up=up,
    )


_NONE = np.zeros((SIDE, SIDE), np.float32)


def _in_steps(matrices: Sequence[Floats]) -> tuple[Floats, NDArray[np.int8]]:
    """The scale of each matrix, and its numbers in steps of that."""
    raw = np.zeros((len(matrices), NUMBERS), np.float32)
    for row, matrix in zip(raw, matrices, strict=True):
        row[:] = matrix.reshape(NUMBERS)
    return in_steps(raw)


def in_steps(raw: Floats) -> tuple[Floats, NDArray[np.int8]]:
    """The scale of each row of (n, 64) numbers, and its numbers in steps of that."""
    scales = (np.abs(raw).max(axis=1) / 127).astype(np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.where(scales[:, None] > 0, raw / scales[:, None], 0)
    return scales, np.clip(np.rint(steps), -127, 127).astype(np.int8)


def _unit_steps(numbers: Floats) -> NDArray[np.int8]:
    length = float(np.linalg.norm(numbers))
    if not length:
        return np.zeros(NUMBERS, np.int8)
    steps: NDArray[np.int8] = np.rint(numbers / length / _SEARCH_STEP).astype(np.int8)
    return steps
