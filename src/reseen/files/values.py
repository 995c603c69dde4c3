"""Turns stored bytes into numbers: every dtype of DTYPE_BITS and BLOCKS as float32.

In go a tensor's entry and its bytes, out comes an array in the tensor's shape. Exact wherever
float32 is wide enough; 64-bit numbers are rounded, complex ones refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from math import prod
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from reseen.errors import Malformed, Unread
from reseen.files.tensors import BLOCKS, DTYPE_BITS, TensorInfo, length_of

Bytes = bytes | bytearray | memoryview

_NUMPY: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.uint8),
    "U8": np.dtype(np.uint8),
    "I8": np.dtype(np.int8),
    "I16": np.dtype(np.int16),
    "U16": np.dtype(np.uint16),
    "I32": np.dtype(np.int32),
    "U32": np.dtype(np.uint32),
    "I64": np.dtype(np.int64),
    "U64": np.dtype(np.uint64),
    "F16": np.dtype(np.float16),
    "BF16": np.dtype(np.uint16),
    "F32": np.dtype(np.float32),
    "F64": np.dtype(np.float64),
    "C64": np.dtype(np.complex64),
    "C128": np.dtype(np.complex128),
    "F8_E4M3": np.dtype(np.uint8),
    "F8_E5M2": np.dtype(np.uint8),
    "F8_E8M0": np.dtype(np.uint8),
    "F8_E4M3FNUZ": np.dtype(np.uint8),
    "F8_E5M2FNUZ": np.dtype(np.uint8),
}
"""What an element is stored as. BF16 and the 8-bit floats are decoded from their bits."""

_KINDS = {
    "F8_E4M3": ml_dtypes.float8_e4m3fn,
    "F8_E5M2": ml_dtypes.float8_e5m2,
    "F8_E8M0": ml_dtypes.float8_e8m0fnu,
    "F8_E4M3FNUZ": ml_dtypes.float8_e4m3fnuz,
    "F8_E5M2FNUZ": ml_dtypes.float8_e5m2fnuz,
}
EIGHT_BITS: dict[str, NDArray[np.float32]] = {
    dtype: np.arange(256, dtype=np.uint8).view(kind).astype(np.float32)
    for dtype, kind in _KINDS.items()
}
"""All 256 values of each 8-bit float: a look-up is faster than a conversion."""
_FACTORS = ("F16", "BF16", "F32")
_PIECE = 1 << 20
"""Values that are laid out at a time."""
_LARGEST_ARRAY = (2**63 - 1) // 16
"""Values of an array, the widest."""
_WORTH_A_TABLE = 1 << 14
"""Elements from which the table of float16 pays."""
_F4 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6], np.float32)
"""E2M1 (OCP Microscaling Formats, 2023)."""


def to_float32(info: TensorInfo, data: Bytes) -> NDArray[np.float32]:
    """The tensor's values, shape `info.shape`; a fresh array or a read-only view of `data`.

    `data`: the `info.length` bytes at `info.start`. Raises Malformed if their number is not right,
    Unread for complex numbers.
    """
    plain = info.strides is None and info.byteorder == "little" and info.length > 0
    if plain and info.dtype in _FACTORS:
        return _as_factors(info, data)
    if info.dtype in ("C64", "C128"):
        raise Unread("a tensor of complex numbers is not read")
    _check_held(info)
    if info.dtype in BLOCKS:
        from reseen.files.quants import values_of

        _check(info, data, length_of(info.dtype, prod(info.shape)))
        if prod(info.shape) % BLOCKS[info.dtype].values:
            raise Malformed("a tensor's rows are not of whole blocks")
        return values_of(info.dtype, data, info.byteorder).reshape(info.shape)
    if info.dtype == "F4":
        _check(info, data, (prod(info.shape) + 1) // 2)
        pairs = np.frombuffer(data, np.uint8)
        values = np.empty(2 * len(pairs), np.float32)
        values[0::2] = _F4[pairs & 15]
        values[1::2] = _F4[pairs >> 4]
        return values[: prod(info.shape)].reshape(info.shape)
    if info.dtype in ("F6_E2M3", "F6_E3M2"):
        return _six_bits(info, data)
    stored = _elements(info, data)
    if info.dtype == "BF16":
        wide = stored.astype(np.uint32)
        wide <<= 16
        return _as_float32(wide.view(np.float32))
    if info.dtype in EIGHT_BITS:
        return _as_float32(EIGHT_BITS[info.dtype][stored])
    if info.dtype == "F16" and stored.size >= _WORTH_A_TABLE and stored.dtype.isnative:
        return halves_to_float32(np.ascontiguousarray(stored))
    if info.dtype == "BOOL":
        return _as_float32(stored != 0)
    # A float64 beyond float32's range becomes infinite, and a NaN that signals a plain one.
    with np.errstate(over="ignore", invalid="ignore"):
        return _as_float32(stored)


def _as_factors(info: TensorInfo, data: Bytes) -> NDArray[np.float32]:
    """What nearly all tensors of adapters are, by the shortest way."""
    stored = _factor_stored(info, data)
    if info.dtype == "F32":
        values = _as_float32(stored)
    elif info.dtype == "BF16":
        wide = stored.astype(np.uint32)
        wide <<= 16
        values = wide.view(np.float32)
    elif stored.size >= _WORTH_A_TABLE:
        values = halves_to_float32(stored)
    else:
        values = stored.astype(np.float32)
    return values.reshape(info.shape)


def is_plain_float(info: TensorInfo) -> bool:
    """Whether it is stored as nearly all tensors of adapters are: what `read_into` takes."""
    return (
        info.dtype in _FACTORS
        and info.strides is None
        and info.byteorder == "little"
        and info.length > 0
    )


def read_into(out: NDArray[np.float32], info: TensorInfo, data: Bytes) -> None:
    """Put the values of a tensor that `is_plain_float` into an array of as many, row-major. Raises
    Malformed if the number of bytes is not right."""
    stored = _factor_stored(info, data)
    flat = out.reshape(-1)
    if info.dtype == "F32":
        flat[:] = stored
    elif info.dtype == "BF16":
        wide = flat.view(np.uint32)
        wide[:] = stored
        wide <<= 16
    elif stored.size >= _WORTH_A_TABLE:
        halves_to_float32(stored, flat)
    else:
        flat[:] = stored


def _factor_stored(info: TensorInfo, data: Bytes) -> NDArray[Any]:
    dtype = _NUMPY[info.dtype]
    _check(info, data, prod(info.shape) * dtype.itemsize)
    return np.frombuffer(data, dtype)


def halves_to_float32(
    stored: NDArray[np.float16], out: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """By the processor's own instructions or by a table: both take the same time for every value,
    which numpy's own conversion does not (small factors are full of subnormal numbers, which it
    takes ten times as long for)."""
    convert = _by_processor()
    if convert is None:
        return np.take(_halves(), stored.view(np.uint16), out=out, mode="clip")
    values = np.empty(stored.shape, np.float32) if out is None else out
    convert(stored if stored.flags.aligned else stored.copy(), "float32", out=values)
    return values


@cache
def _by_processor() -> Callable[..., object] | None:
    """NumKong's conversion; None where it is not installed, or would do without AVX2: then it is
    slower than the table."""
    try:
        import numkong
    except ImportError:
        return None
    return numkong.astype if numkong.get_capabilities().get("haswell") else None


@cache
def _halves() -> NDArray[np.float32]:
    """All 65,536 values of float16."""
    return np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32)


def row_major(info: TensorInfo, data: Bytes) -> Iterator[Bytes]:
    """The tensor's bytes as safetensors would store them (little-endian, row-major, no holes), in
    pieces."""
    if info.strides is None and info.byteorder == "little":
        yield data
        return
    _check_held(info)
    if info.dtype not in _NUMPY:
        raise Unread(f"a strided tensor of {info.dtype} is not read")
    stored = np.atleast_1d(_elements(info, data))
    step = max(1, _PIECE // max(1, prod(stored.shape[1:])))
    for at in range(0, len(stored), step):
        some = stored[at : at + step]
        yield some.astype(some.dtype.newbyteorder("<"), copy=False).tobytes()


def _elements(info: TensorInfo, data: Bytes) -> NDArray[Any]:
    """A view of `data` in the tensor's shape and byte order."""
    dtype = _NUMPY[info.dtype]
    if info.byteorder == "big":
        dtype = dtype.newbyteorder(">")
    if info.strides is None:
        _check(info, data, prod(info.shape) * dtype.itemsize)
        return np.frombuffer(data, dtype).reshape(info.shape)
    if len(info.strides) != len(info.shape) or min(info.strides, default=0) < 0:
        raise Malformed("a tensor's strides do not fit its shape")
    if not prod(info.shape):
        return np.empty(info.shape, dtype)
    last = sum((size - 1) * step for size, step in zip(info.shape, info.strides, strict=True))
    _check(info, data, (last + 1) * dtype.itemsize)
    # The step of a dimension of one is nobody's, and can be anything. numpy checks the others once
    # more against the buffer.
    steps = [
        step * dtype.itemsize if size > 1 else 0
        for size, step in zip(info.shape, info.strides, strict=True)
    ]
    return np.ndarray(info.shape, dtype, buffer=data, strides=steps)


def _six_bits(info: TensorInfo, data: Bytes) -> NDArray[np.float32]:
    """Four values in three bytes, lowest bits first (OCP Microscaling Formats; no loader is known
    to write this, so the packing is a reading of the dtype's name)."""
    _check(info, data, prod(info.shape) * DTYPE_BITS[info.dtype] // 8)
    triples = np.frombuffer(data, np.uint8).astype(np.uint32).reshape(-1, 3)
    word = triples[:, 0] | triples[:, 1] << 8 | triples[:, 2] << 16
    codes = np.stack([word >> shift & 63 for shift in (0, 6, 12, 18)], axis=1).astype(np.uint8)
    kind = ml_dtypes.float6_e2m3fn if info.dtype == "F6_E2M3" else ml_dtypes.float6_e3m2fn
    return _as_float32(codes.reshape(info.shape).view(kind))


def _check(info: TensorInfo, data: Bytes, length: int) -> None:
    if len(data) != length or info.length != length:
        raise Malformed("a tensor's bytes are not as many as its shape asks for")


def _check_held(info: TensorInfo) -> None:
    """Raises Malformed for an empty tensor of which no array can be made: numpy counts its bytes as
    if it had no size of zero."""
    if prod(size or 1 for size in info.shape) > _LARGEST_ARRAY:
        raise Malformed("a tensor without values has a shape that no array has")


def _as_float32(values: NDArray[Any]) -> NDArray[np.float32]:
    # Of one number without a shape a look-up, or a comparison, makes no array.
    result: NDArray[np.float32] = np.asarray(values).astype(np.float32, copy=False)
    # On numbers that lie askew numpy multiplies by itself: slower, and rounded otherwise.
    return result if result.flags.aligned else result.copy()
