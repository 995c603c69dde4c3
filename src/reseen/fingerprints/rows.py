"""reseen-rows-1: what an embedding of textual inversion is known by, made from its rows.

What comes in: the rows of a file's embeddings, of one width or several. What goes out: for each row
its width, its norm, and 256 small numbers, the row at length 1 on 256 random sign vectors that are
drawn from the width. Rows are a set: nothing is kept of names and of the order.

A row that did not move clearly away from the tokenizer's table, in which training began, is a
stranger's as well: `tells` says which rows moved. docs/sketch.md is the specification, with a test
vector: change nothing here without a new version.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from reseen.errors import FileError, Malformed, bulkhead
from reseen.files import pictures
from reseen.files.source import Range, Reader
from reseen.files.tensors import TensorInfo
from reseen.files.values import Bytes, to_float32
from reseen.records import NEAR_TABLE, NEAR_TABLE_IN_PART, BlindSpot
from reseen.updates.embeddings import WIDTHS

VERSION = 1
NAME = "reseen-rows-1"
NUMBERS = 256
"""Of a row. Those of two strangers agree to 1/16 by accident, one time in three."""
MOST = 512
"""Rows that are read of a file, and kept."""
MOST_BYTES = 8 << 20
"""Bytes of them: the widest, as many as are kept."""
LARGEST_NORM: Mapping[int, float] = {768: 0.5, 1024: 1.0, 1280: 1.0}
"""By width: the norm that no row of the tokenizer's table is taken to exceed. CLIP-L's are near 0.4
and much alike. The tables of 1,024 and 1,280 were not seen (they were drawn with norms of 0.64 and
0.72): a guess on the safe side. Of other widths nothing is known, and no row tells."""
MOVED, FAR = 1.4, 2.0
"""Times that norm from which on a row moved away from every row of the table, and moved far. What
began as one token has a cosine with it, and with all others that began so, of at most 0.93 and
0.83, even where half of all training went along the token itself."""
NO_TABLE = (
    "rows of an embedding whose tokenizer's table is not known here: they are compared by digests "
    "alone"
)
TOO_CLOSE = (
    "rows of an embedding too close to the tokenizer's table to tell whose they are: they are "
    "compared by digests alone"
)
TOO_MANY = "rows of an embedding beyond those that one file is given"
NOT_FINITE = "rows of an embedding that are zero or not finite"

_LEAST, _LARGEST = 1e-6, 1e9
"""Norms outside are of no row that was trained."""
_MAGIC = b"RSR1"
_HEADER = "<4sHH"
_ROW = np.dtype(
    [("width", "<u4"), ("norm", "<f4"), ("scale", "<f4"), ("numbers", "i1", (NUMBERS,))]
)
_SIGNS = "reseen-rows-1 signs"

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingRows:
    """What is kept of the rows of a file's embeddings, in the order of their stored bytes."""

    widths: NDArray[np.uint32]
    """(n,)"""
    norms: Floats
    """(n,)"""
    scales: Floats
    """(n,): value of one step of `numbers`."""
    numbers: NDArray[np.int8]
    """(n, 256): the row at length 1, projected, in steps."""

    def __len__(self) -> int:
        return len(self.widths)

    @property
    def tells(self) -> NDArray[np.bool_]:
        """Rows that moved so far from the table that no stranger's row is like them."""
        told: NDArray[np.bool_] = self.moved >= MOVED
        return told

    @property
    def moved(self) -> Floats:
        """(n,): each row's norm, where that of the table's largest row is 1; 0 where the table is
        not known."""
        largest = [LARGEST_NORM.get(width, np.inf) for width in self.widths.tolist()]
        made: Floats = (self.norms / np.array(largest)).astype(np.float32)
        return made

    def units(self) -> Floats:
        """(n, 256): each row's numbers at length 1."""
        values = self.numbers.astype(np.float32)
        lengths = np.sqrt(np.einsum("ij,ij->i", values, values))
        made: Floats = values / np.maximum(lengths, 1e-30)[:, None]
        return made

    def encode(self) -> bytes:
        """The published byte layout: a header, then 268 bytes a row."""
        made = np.zeros(len(self), _ROW)
        made["width"], made["norm"] = self.widths, self.norms
        made["scale"], made["numbers"] = self.scales, self.numbers
        return struct.pack(_HEADER, _MAGIC, len(self), 0) + made.tobytes()

    @property
    def blind(self) -> tuple[BlindSpot, ...]:
        """The rows that cannot be told from strangers'."""
        code = NEAR_TABLE_IN_PART if self.tells.any() else NEAR_TABLE
        known = np.isin(self.widths, list(LARGEST_NORM))
        close = int((known & ~self.tells).sum())
        counted = ((TOO_CLOSE, close), (NO_TABLE, int((~known).sum())))
        return tuple(BlindSpot(code, reason, n) for reason, n in counted if n)


def decode(data: bytes) -> EmbeddingRows:
    """The rows in these bytes. Raises Malformed for anything that `encode` does not write."""
    start = struct.calcsize(_HEADER)
    if len(data) < start:
        raise Malformed("the rows of an embedding break off")
    magic, count, zero = struct.unpack_from(_HEADER, data)
    if magic != _MAGIC or zero or not 1 <= count <= MOST:
        raise Malformed("not a reseen-rows-1")
    if len(data) != start + count * _ROW.itemsize:
        raise Malformed("not a reseen-rows-1")
    found = np.frombuffer(data, _ROW, count, start)
    norms, scales = found["norm"].astype(np.float32), found["scale"].astype(np.float32)
    if not ((norms > 0) & (norms <= _LARGEST) & (scales > 0) & (scales <= 1)).all():
        raise Malformed("the rows of an embedding hold impossible numbers")
    stored = [row.tobytes() for row in found]
    if any(one >= other for one, other in pairwise(stored)):
        raise Malformed("the rows of an embedding are out of order")
    return EmbeddingRows(found["width"].astype(np.uint32), norms, scales, found["numbers"].copy())


def make(matrices: Iterable[Floats]) -> tuple[EmbeddingRows | None, tuple[BlindSpot, ...]]:
    """The rows of these matrices, each (n, width); and what is to be said of them."""
    found: set[bytes] = set()
    odd = 0
    for matrix in matrices:
        stored = _stored(matrix)
        found.update(stored)
        odd += len(matrix) - len(stored)
    blind = (BlindSpot("not-finite", NOT_FINITE, odd),) if odd else ()
    if not found:
        return None, blind
    kept = sorted(found)[:MOST]
    rows = decode(struct.pack(_HEADER, _MAGIC, len(kept), 0) + b"".join(kept))
    return rows, (*blind, *rows.blind)


def _stored(matrix: Floats) -> list[bytes]:
    """The stored form of each row that is neither zero nor infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        wide = matrix.astype(np.float64)
        norms = np.sqrt(np.einsum("ij,ij->i", wide, wide))
    good = (norms > _LEAST) & (norms < _LARGEST)
    projected = (wide[good] / norms[good, None]) @ _signs(matrix.shape[1])
    made = np.zeros(len(projected), _ROW)
    made["width"], made["norm"] = matrix.shape[1], norms[good]
    made["scale"] = np.abs(projected).max(axis=1, initial=0) / 127
    steps = projected / made["scale"][:, None].astype(np.float64)
    made["numbers"] = np.clip(np.rint(steps), -127, 127)
    return [row.tobytes() for row in made]


@lru_cache(maxsize=8)
def _signs(width: int) -> NDArray[np.float64]:
    """(width, 256) of +1 and -1: bit i of the stream, from the lowest of the first byte on, is set
    where element (i // 256, i % 256) is -1."""
    key = str(width).encode("ascii")
    stream = blake3(key, derive_key_context=_SIGNS).digest(length=width * NUMBERS // 8)
    bits = np.unpackbits(np.frombuffer(stream, np.uint8), bitorder="little")
    return (1 - 2 * bits.astype(np.float64)).reshape(width, NUMBERS)


# -- from a file -----------------------------------------------------------------------------------


def rows_in_picture(head: bytes) -> tuple[EmbeddingRows | None, tuple[BlindSpot, ...]]:
    """The rows of an embedding in the text of a picture that begins so."""
    try:
        with bulkhead():
            found = pictures.embeddings_in(head)
            if any(len(each[0]) not in WIDTHS for each in found):
                raise Malformed("the rows of an embedding in a picture are of no encoder's width")
            with np.errstate(over="ignore"):
                matrices = [np.array(each[:MOST], np.float64).astype(np.float32) for each in found]
            return make(matrices)
    except FileError as e:
        return None, (BlindSpot(e.code, str(e)),)


class RowCollector:
    """Is fed the file in order and keeps the bytes of its embeddings, which are few."""

    def __init__(self, tensors: Sequence[TensorInfo]) -> None:
        self._wanted, self._beyond = _affordable(tensors)
        self._held = {t.name: bytearray(t.length) for t in self._wanted}
        self._came = dict.fromkeys(self._held, 0)

    def feed(self, view: memoryview, at: int) -> None:
        """The bytes of the file that begin at `at`."""
        end = at + len(view)
        for t in self._wanted:
            first, last = max(t.start, at), min(t.start + t.length, end)
            if first < last:
                held = self._held[t.name]
                held[first - t.start : last - t.start] = view[first - at : last - at]
                self._came[t.name] += last - first

    def finish(self) -> tuple[EmbeddingRows | None, tuple[BlindSpot, ...]]:
        """The rows, and what is to be said of them."""
        whole = {t.name: self._held[t.name] for t in self._wanted if self._came[t.name] == t.length}
        return _made(self._wanted, whole, self._beyond)


def read_rows(
    tensors: Sequence[TensorInfo],
) -> Reader[tuple[EmbeddingRows | None, tuple[BlindSpot, ...]]]:
    """The rows of a file's embeddings: one range for each tensor. Yields ranges."""
    wanted, beyond = _affordable(tensors)
    held: dict[str, Bytes] = {}
    for t in wanted:
        held[t.name] = yield Range(t.start, t.length)
    return _made(wanted, held, beyond)


def length_of_rows(tensors: Sequence[TensorInfo]) -> int:
    """Bytes that `read_rows` asks for."""
    return sum(t.length for t in _affordable(tensors)[0])


def work_of_rows(tensors: Sequence[TensorInfo]) -> int:
    """Multiply-adds that they take."""
    return sum(_count(t) * t.shape[-1] * NUMBERS for t in _affordable(tensors)[0])


def _affordable(tensors: Sequence[TensorInfo]) -> tuple[list[TensorInfo], int]:
    """Those that the budget allows, in their order, and how many rows are left out."""
    taken: list[TensorInfo] = []
    size, rows, beyond = MOST_BYTES, MOST, 0
    for t in tensors:
        if t.length <= size and _count(t) <= rows:
            taken.append(t)
            size, rows = size - t.length, rows - _count(t)
        else:
            beyond += _count(t)
    return taken, beyond


def _count(info: TensorInfo) -> int:
    return info.shape[0] if len(info.shape) > 1 else 1


def _made(
    tensors: Sequence[TensorInfo], held: Mapping[str, Bytes], beyond: int
) -> tuple[EmbeddingRows | None, tuple[BlindSpot, ...]]:
    matrices: list[Floats] = []
    blind: list[BlindSpot] = []
    for t in tensors:
        try:
            with bulkhead():
                matrices.append(to_float32(t, held.get(t.name, b"")).reshape(-1, t.shape[-1]))
        except FileError as e:
            blind.append(BlindSpot(e.code, str(e), _count(t)))
    rows, more = make(matrices)
    if beyond:
        blind.append(BlindSpot("too-large", TOO_MANY, beyond))
    return rows, (*blind, *more)
