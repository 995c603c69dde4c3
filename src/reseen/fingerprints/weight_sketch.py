"""The sketch of a checkpoint's weights: what an update is found by when its base is known.

A sketch is linear: P W Qᵀ of a checkpoint less that of its base is the sketch of what was added to
it. The same P and Q as in the sketch of an adapter (docs/sketch.md), but the numbers are kept in
single precision: an update is a hundredth of a weight, and steps of 1/127 would swallow it. Beside
them, of each module, how large the rounding of its stored numbers can be expected to be; and, of
small tensors, digests by which a base is known again where they were left as they were.

Reads a module at a time, and keeps nothing of the weights.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from reseen.errors import Malformed
from reseen.fingerprints.layer_sketch import LARGEST
from reseen.fingerprints.modules import NUMBERS
from reseen.fingerprints.signs import Floats
from reseen.updates.whole_weights import MOST

_ENTRY = np.dtype(
    [
        *(("id", "<u4"), ("norm", "<f4"), ("rounding", "<f4"), ("doubt", "<f4")),
        ("numbers", "<f4", (NUMBERS,)),
    ]
)
_HEADER = struct.Struct("<4sBHH")
_MAGIC = b"RSW1"
_OF_FILE, _MAGIC_OF_FILE = struct.Struct("<HII"), b"RSW2"
"""Behind the header of one that says what else its file has."""
_MAGIC_OF_SCALES, _COUNT = b"RSW3", struct.Struct("<H")
"""Of one with other readings behind that: how many layers each has, and these."""
_NOT_KNOWN = 0xFFFF
"""In the place of how many layers are planned where that is not known."""
_MOST_READINGS = 6
_MARK = np.dtype("<u8")
_MOST_MARKS = 512


@dataclass(frozen=True, slots=True, eq=False)
class WeightSketch:
    """Modules are sorted by id, no id twice; marks ascending, none twice."""

    architecture: str
    ids: NDArray[np.uint32]
    """(n,): as in a sketch."""
    norms: Floats
    """(n,): Frobenius norm of each weight."""
    rounding: Floats
    """(n,): norm of the errors that are expected of its type; NaN where that is not known."""
    doubts: Floats
    """(n,): share of its square by which that may be wrong."""
    numbers: Floats
    """(n, 64): P W Qᵀ row by row."""
    marks: NDArray[np.uint64]
    """(k,)"""
    planned: NDArray[np.uint32] | None = None
    """(m,): ids, ascending, of all layers of the file that can be read; None where that is not
    known."""
    beside: int = 0
    """As in `WeightsPlan`."""
    not_read: int = 0
    """Layers that the file has and that are not read: those that it has twice, and of those that
    can be planned as large a share as could not be read of those that were chosen."""
    other: WeightSketch | None = None
    """Of some of the modules another reading: as loaders have them that heed other scales, or none
    (`layer_sketch`)."""

    def encode(self) -> bytes:
        """A header, the architecture, 272 bytes a module, 8 bytes a mark; and of what is planned 4
        bytes a layer; little-endian."""
        name = self.architecture.encode("ascii")
        magic = _MAGIC if self.planned is None else _MAGIC_OF_FILE
        if self.other is not None:
            magic = _MAGIC_OF_SCALES
        header = _HEADER.pack(magic, len(name), len(self.ids), len(self.marks))
        made = header + name + self._entries() + self.marks.astype(_MARK).tobytes()
        if magic == _MAGIC:
            return made
        planned = np.zeros(0, np.uint32) if self.planned is None else self.planned
        count = _NOT_KNOWN if self.planned is None else len(planned)
        of_file = _OF_FILE.pack(count, self.beside, self.not_read)
        made += of_file + planned.astype("<u4").tobytes()
        each = self.other
        while each is not None:
            made += _COUNT.pack(len(each.ids)) + each._entries()
            each = each.other
        return made

    def _entries(self) -> bytes:
        entries = np.zeros(len(self.ids), _ENTRY)
        entries["id"], entries["norm"] = self.ids, self.norms
        entries["rounding"], entries["doubt"] = self.rounding, self.doubts
        entries["numbers"] = self.numbers
        return entries.tobytes()

    def only(self, ids: NDArray[np.uint32]) -> WeightSketch:
        """The same, of these modules alone, as far as it has them."""
        at = np.isin(self.ids, ids)
        return replace(
            self,
            ids=self.ids[at],
            norms=self.norms[at],
            rounding=self.rounding[at],
            doubts=self.doubts[at],
            numbers=self.numbers[at],
            other=None if self.other is None else _some(self.other.only(ids)),
        )

    def nearest_to(self, base: WeightSketch) -> WeightSketch:
        """The same with each module under the reading that is nearer to what a base has: who made
        the file from that base had it so."""
        if self.other is None:
            return self
        other = self.other.nearest_to(base)
        ids, there, at = np.intersect1d(
            other.ids, base.ids, assume_unique=True, return_indices=True
        )
        here = np.searchsorted(self.ids, ids)
        apart = [
            np.linalg.norm(side.numbers[of] - base.numbers[at], axis=1)
            for side, of in ((other, there), (self, here))
        ]
        nearer = apart[0] < apart[1]
        here, there = here[nearer], there[nearer]

        def taken(mine: Floats, others: Floats) -> Floats:
            made = mine.copy()
            made[here] = others[there]
            return made

        return replace(
            self,
            norms=taken(self.norms, other.norms),
            rounding=taken(self.rounding, other.rounding),
            doubts=taken(self.doubts, other.doubts),
            numbers=taken(self.numbers, other.numbers),
            other=None,
        )


def _some(sketch: WeightSketch) -> WeightSketch | None:
    return sketch if len(sketch.ids) else None


def joined(one: WeightSketch, other: WeightSketch) -> WeightSketch:
    """What was read of one checkpoint at two times; no module in both. The marks of the first."""
    ids = np.concatenate([one.ids, other.ids])
    order = np.argsort(ids)
    return WeightSketch(
        one.architecture,
        ids[order],
        np.concatenate([one.norms, other.norms])[order],
        np.concatenate([one.rounding, other.rounding])[order],
        np.concatenate([one.doubts, other.doubts])[order],
        np.concatenate([one.numbers, other.numbers])[order],
        one.marks,
        one.planned,
        one.beside,
        max(one.not_read, other.not_read),
        joined(one.other, other.other)
        if one.other is not None and other.other is not None
        else one.other or other.other,
    )


def decode(data: bytes) -> WeightSketch:
    """What `encode` wrote. Raises Malformed for anything else."""
    if len(data) < _HEADER.size:
        raise Malformed("the sketch of a base breaks off")
    magic, length, count, marks = _HEADER.unpack_from(data)
    at = _HEADER.size + length
    end = at + count * _ENTRY.itemsize
    known = magic in (_MAGIC, _MAGIC_OF_FILE, _MAGIC_OF_SCALES)
    if not known or count > MOST or marks > _MOST_MARKS:
        raise Malformed("not the sketch of a base")
    stop = end + marks * _MARK.itemsize
    rest = data[stop:]
    planned, of_file, rest = (None, (0, 0), rest) if magic == _MAGIC else _planned(rest)
    if len(data) < stop or bool(rest) != (magic == _MAGIC_OF_SCALES):
        raise Malformed("not the sketch of a base")
    try:
        architecture = data[_HEADER.size : at].decode("ascii")
    except UnicodeDecodeError:
        raise Malformed("the sketch of a base names no architecture") from None
    found = replace(
        _of_entries(architecture, data[at:end]),
        marks=np.frombuffer(data, _MARK, marks, end).astype(np.uint64),
        planned=planned,
        beside=of_file[0],
        not_read=of_file[1],
        other=_readings(architecture, rest),
    )
    _check(found)
    return found


def _readings(architecture: str, rest: bytes, most: int = _MOST_READINGS) -> WeightSketch | None:
    """The other readings that a sketch ends with."""
    if not rest:
        return None
    count = _COUNT.unpack_from(rest)[0] if len(rest) >= _COUNT.size else 0
    end = _COUNT.size + count * _ENTRY.itemsize
    if not 0 < count <= MOST or len(rest) < end or not most:
        raise Malformed("not the sketch of a checkpoint")
    found = _of_entries(architecture, rest[_COUNT.size : end])
    return replace(found, other=_readings(architecture, rest[end:], most - 1))


def _of_entries(architecture: str, data: bytes) -> WeightSketch:
    entries = np.frombuffer(data, _ENTRY)
    return WeightSketch(
        architecture,
        entries["id"].copy(),
        entries["norm"].copy(),
        entries["rounding"].copy(),
        entries["doubt"].copy(),
        entries["numbers"].copy(),
        np.zeros(0, np.uint64),
    )


def _check(found: WeightSketch) -> None:
    """Raises Malformed for numbers that no checkpoint has."""
    planned, other = found.planned, found.other
    if other is not None:
        _check(other)
        if not np.isin(other.ids, found.ids).all():
            raise Malformed("not the sketch of a checkpoint")
    if not (
        (found.ids[1:] > found.ids[:-1]).all()
        and (found.marks[1:] > found.marks[:-1]).all()
        and (planned is None or (planned[1:] > planned[:-1]).all())
        and ((found.norms >= 0) & (found.norms <= LARGEST)).all()
        and not (found.rounding < 0).any()
        and not np.isinf(found.rounding).any()
        and ((found.doubts >= 0) & (found.doubts <= 1)).all()
        and (np.abs(found.numbers) <= LARGEST).all()
    ):
        raise Malformed("the sketch of a base holds impossible numbers")


def _planned(data: bytes) -> tuple[NDArray[np.uint32] | None, tuple[int, int], bytes]:
    """What a sketch says of its file: the layers, what is beside them, and what is not read; and
    what follows."""
    if len(data) < _OF_FILE.size:
        raise Malformed("the sketch of a checkpoint breaks off")
    count, beside, not_read = _OF_FILE.unpack_from(data)
    if count == _NOT_KNOWN:
        return None, (beside, not_read), data[_OF_FILE.size :]
    end = _OF_FILE.size + 4 * count
    if count > MOST or len(data) < end:
        raise Malformed("not the sketch of a checkpoint")
    planned = np.frombuffer(data, "<u4", count, _OF_FILE.size).astype(np.uint32)
    return planned, (beside, not_read), data[end:]
