"""Rows of one weight of a checkpoint, in whatever form it is stored: which bytes they are, the
numbers that these stand for, and how far those can be from what was stored.

In go a module's plan and the numbers that scale it; out come ranges, then float32. Forms: every
type of `files.values`; 8 bits with a scale for each row (bitsandbytes' int8, whose scale is the
row's largest number for 127; ComfyUI's int8, also turned by `convrot`, and 8-bit floats); 8-bit
floats with a scale for each 32 numbers (mxfp8); 4 bits with the largest of each block
(`four_bits`).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from math import prod

import numpy as np
from numpy.typing import NDArray

from reseen.errors import FileError, Malformed, Unread, bulkhead
from reseen.files.rounding import expected_error, squares_of
from reseen.files.source import Range, Reader
from reseen.files.tensors import TensorInfo, rows_of
from reseen.files.values import EIGHT_BITS, to_float32
from reseen.fingerprints.layer_bytes import ranges
from reseen.updates.dequantised import of_tiles, powers, turned_back, turned_together
from reseen.updates.four_bits import CODES, FourBits, largest_of_blocks
from reseen.updates.modules import ModulePlan
from reseen.updates.quantised import MX_BLOCK, tiled

Floats = NDArray[np.float32]

INT8_DOUBT, FOUR_BITS_DOUBT = 0.05, 0.1
"""As `rounding.DOUBT`: how far what is expected was from what came true."""
LONGEST_PART = 128 << 20
"""Bytes: what a layer of two thousand million numbers has beside it. What is longer, or longer than
what it is a part of, is none."""
_SCALES = ("scale", "rows", "blocks", "exponents", "second")
_SCALING = (*_SCALES, "rows127", "format", "absmax", "nested_absmax", "nested_map")
"""Parts that are read before the rows."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredRows:
    """One weight."""

    info: TensorInfo
    scale: Floats | None = None
    """(): one for all. (rows, 1): one each. (rows, n): one for each `MX_BLOCK` numbers of a row."""
    four: FourBits | None = None
    largest: Floats | None = None
    """(blocks,): of the weight, where it is in 4 bits."""
    doubt: float | None = None
    """Share of the rounding by which it may be wrong; None: as its type has it."""
    turned: int | None = None
    """So many numbers of a row were turned together."""

    def wanted(self, first: int, count: int) -> Range:
        """The bytes of some rows."""
        if self.four is None:
            some = rows_of(self.info, first, count)
            return Range(some.start, some.length)
        row = self.four.shape[1] // 2
        return Range(self.info.start + first * row, count * row)

    def read(self, first: int, count: int, data: bytes) -> tuple[Floats, float | None]:
        """(count, columns), and the sum of the squares of the errors that are expected of them;
        None where that is not known."""
        values, error = self._read(first, count, data)
        return values if self.turned is None else turned_back(values, self.turned), error

    def _read(self, first: int, count: int, data: bytes) -> tuple[Floats, float | None]:
        if self.four is not None and self.largest is not None:
            return _of_four_bits(self.four, self.largest, first * self.four.shape[1], data)
        some = rows_of(self.info, first, count)
        values = to_float32(some, data)
        if self.scale is None:
            return values, expected_error(self.info.dtype, data, values)
        if self.scale.ndim == 0:
            error = expected_error(self.info.dtype, data, values)
            return values * self.scale, None if error is None else error * float(self.scale) ** 2
        scale = self.scale[first : first + count]
        if scale.shape[1] > 1:
            scale = np.repeat(scale, MX_BLOCK, axis=1)[:, : values.shape[1]]
        return values * scale, _error_of_rows(self.info.dtype, data, values, scale)


def _error_of_rows(dtype: str, data: bytes, values: Floats, scale: Floats) -> float | None:
    """The same of rows of which each has a scale, or each number."""
    squares = scale.astype(np.float64) ** 2
    if dtype == "I8":  # the largest of each row has no error
        rounded: float = max(values.shape[1] - 1, 0) / 12
        return float(squares.sum()) * rounded
    if dtype not in EIGHT_BITS:
        return None
    codes = np.frombuffer(data, np.uint8).reshape(values.shape)
    of_each = squares_of(EIGHT_BITS[dtype])[codes]
    if scale.shape[1] == 1:
        of_each = of_each.sum(axis=1, keepdims=True)
    return float(np.vdot(squares, of_each))


def _of_four_bits(
    how: FourBits, largest: Floats, at: int, data: bytes
) -> tuple[Floats, float | None]:
    """`at`: numbers of the weight before these."""
    raw = np.frombuffer(data, np.uint8)
    if 2 * raw.size % how.shape[1]:
        raise Malformed("a weight of 4 bits that breaks off")
    first = at // how.block
    last = (at + 2 * raw.size - 1) // how.block + 1
    skipped = (at - first * how.block) // 2
    of_each = np.repeat(largest[first:last], how.block // 2)[skipped : skipped + raw.size]
    codes = _codes(how.kind)
    values = codes.numbers[raw] * of_each[:, None]
    squared = of_each.astype(np.float64) ** 2
    # Of each block one number is the largest, which has no error.
    error = float(codes.squares[raw] @ squared) - codes.largest * 2 / how.block * squared.sum()
    return values.reshape(-1, how.shape[1]), max(float(error), 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class _Codes:
    """What bytes of two codes stand for, where the largest number of a block is 1."""

    numbers: Floats
    """(256, 2)"""
    squares: NDArray[np.float64]
    """(256,): of the errors that are expected of both."""
    largest: float
    """The same of the largest code alone."""


@cache
def _codes(kind: str) -> _Codes:
    codes, bytes_ = CODES[kind], np.arange(256)
    squares = squares_of(codes, ends_closed=True)
    high, low = bytes_ >> 4, bytes_ & 15
    both = np.stack([codes[high], codes[low]], axis=1)
    return _Codes(both, squares[high] + squares[low], float(squares[np.argmax(codes)]))


def read_stored(module: ModulePlan, four: FourBits | None) -> Reader[tuple[StoredRows, ...]]:
    """How a module's weight is stored: what scales it is read. Where loaders may differ in what
    they heed of that each reading, one at least. Raises FileError."""
    info = module.tensors["diff"]
    parts: dict[str, TensorInfo] = {}
    for name in _SCALING:
        if (part := module.tensors.get(f"diff/{name}")) is not None:
            parts[name] = part
    numbers: dict[str, Floats] = {}
    longest = min(max(info.length, 1 << 12), LONGEST_PART)
    parts = {name: part for name, part in parts.items() if part.length <= longest}
    for start, length, some in ranges(list(parts.values())):
        data = yield Range(start, length)
        for name, part in parts.items():
            if part in some:
                with suppress(FileError), bulkhead(), np.errstate(all="ignore"):
                    numbers[name] = to_float32(part, data[part.start - start :][: part.length])
    with np.errstate(all="ignore"):  # what is no number is the file's, and is found later
        if four is not None:
            largest = largest_of_blocks(four, numbers)
            return (StoredRows(info, four=four, largest=largest, doubt=FOUR_BITS_DOUBT),)
        return _stored(info, parts, numbers)


def _stored(
    info: TensorInfo, parts: Mapping[str, TensorInfo], numbers: Mapping[str, Floats]
) -> tuple[StoredRows, ...]:
    found: list[StoredRows] = []
    why: Unread | None = None
    try:
        if "rows127" in numbers:
            found.append(_of_rows(info, numbers["rows127"] / np.float32(127)))
    except Unread as e:
        why = e
    for part in _SCALES:
        try:
            if part in numbers:
                found.append(_scaled(info, parts[part], numbers[part]))
        except Unread as e:
            why = e
    if info.dtype in EIGHT_BITS or (why is None and not found):
        found.append(StoredRows(info))  # floats are weights without a scale, too
    if not found and why is not None:
        raise why
    group = _turned(info, numbers)
    if group is not None:
        found = [replace(each, turned=how) for each in found for how in (group, None)]
    return tuple(found)


def _turned(info: TensorInfo, numbers: Mapping[str, Floats]) -> int | None:
    """How many numbers of a row are said to be turned together, where that can be true of it."""
    try:
        group = turned_together(numbers["format"]) if "format" in numbers else None
        if group is not None:
            with bulkhead():
                turned_back(np.zeros((1, *info.shape[1:]), np.float32), group)
    except FileError:
        return None
    return group


def _scaled(info: TensorInfo, part: TensorInfo, scale: Floats) -> StoredRows:
    if scale.size == 1 and np.isfinite(scale).all():
        return StoredRows(info, scale.reshape(()))
    columns = -(-prod(info.shape[1:]) // MX_BLOCK)
    if part.dtype in ("U8", "F8_E8M0") and scale.size == prod(tiled(info.shape[0], columns)):
        blocks = of_tiles(powers(scale) if part.dtype == "U8" else scale, info.shape[0], columns)
        if not np.isfinite(blocks).all():
            raise Unread("a weight that is scaled by what is no number")
        return StoredRows(info, blocks)
    return _of_rows(info, scale)


def _of_rows(info: TensorInfo, scale: Floats) -> StoredRows:
    """Raises Unread for what can scale nothing."""
    if not np.isfinite(scale).all():
        raise Unread("a weight that is scaled by what is no number")
    if scale.size != info.shape[0]:
        raise Unread("a weight whose scales are neither one nor as many as its rows")
    doubt = INT8_DOUBT if info.dtype == "I8" else None
    return StoredRows(info, scale.reshape(-1, 1), doubt=doubt)
