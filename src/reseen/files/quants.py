"""Numbers of the quantised types of GGUF files: blocks of bytes as float32.

In go a type and the bytes of whole blocks, out come their values. Types of a step and whole numbers
are read here (Q8_0, Q8_1, Q8_K, Q1_0); the others by the format's own package, an extra of Reseen
(`gguf`), which is imported when it is needed, and which knows little-endian files alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reseen.errors import Malformed, Unread
from reseen.files.tensors import BLOCKS

_PIECE = 1 << 18
"""Values that are made at a time: what the package makes on the way is several times as large."""
_STEPS = {
    "Q8_0": [("step", "f2"), ("values", "i1", (32,))],
    "Q8_1": [("step", "f2"), ("sum", "f2"), ("values", "i1", (32,))],
    "Q8_K": [("step", "f4"), ("values", "i1", (256,)), ("sums", "i2", (16,))],
    "Q1_0": [("step", "f2"), ("signs", "u1", (16,))],
}
"""Blocks of one step and a whole number a value, or a sign, the first in the lowest bit
(ggml-common.h; the sums only help a product along)."""
_BLOCKS = {
    (dtype, order): np.dtype([(name, f"{sign}{form}", *shape) for name, form, *shape in fields])
    for dtype, fields in _STEPS.items()
    for order, sign in (("little", "<"), ("big", ">"))
}

Floats = NDArray[np.float32]


def values_of(
    dtype: str, data: bytes | bytearray | memoryview, byteorder: str = "little"
) -> Floats:
    """The values of whole blocks, in one row. Raises Malformed for bytes that are none, Unread for
    a type that nothing here reads."""
    block = BLOCKS[dtype]
    if len(data) % block.bytes:
        raise Malformed("a tensor's bytes are not as many as its shape asks for")
    with np.errstate(all="ignore"):  # a scale that is no number is the file's, and is found later
        if dtype in _STEPS:
            return _by_steps(np.frombuffer(data, _BLOCKS[dtype, byteorder]))
        if byteorder != "little":
            raise Unread(f"a tensor of {dtype} of a big-endian machine is not read")
        return _others(dtype, data)


def _by_steps(blocks: NDArray[Any]) -> Floats:
    if "signs" in (blocks.dtype.names or ()):
        bits = np.unpackbits(blocks["signs"], axis=-1, bitorder="little")
        made: Floats = bits.astype(np.float32) * 2 - 1
    else:
        made = blocks["values"].astype(np.float32)
    made *= blocks["step"].astype(np.float32)[:, None]
    return made.reshape(-1)


def _others(dtype: str, data: bytes | bytearray | memoryview) -> Floats:
    block, raw = BLOCKS[dtype], np.frombuffer(data, np.uint8)
    values = np.empty(len(raw) // block.bytes * block.values, np.float32)
    dequantise = _by_package(dtype)
    step = _PIECE // block.values
    for at in range(0, len(raw) // block.bytes, step):
        some = raw[at * block.bytes : (at + step) * block.bytes].reshape(1, -1)
        numbers = dequantise(some).reshape(-1)
        values[at * block.values :][: len(numbers)] = numbers
    return values


@cache
def _by_package(dtype: str) -> Callable[[NDArray[np.uint8]], NDArray[Any]]:
    try:
        from gguf.constants import GGMLQuantizationType
        from gguf.quants import dequantize
    except ImportError:
        raise Unread(
            f"a tensor of {dtype} is read with the extra gguf only: pip install 'reseen[gguf]'"
        ) from None
    kind = getattr(GGMLQuantizationType, dtype, None)
    if kind is None:
        raise Unread(f"a tensor of {dtype} is not read")

    def numbers(rows: NDArray[np.uint8]) -> NDArray[Any]:
        try:
            found: NDArray[Any] = dequantize(rows, kind)
        except NotImplementedError:
            raise Unread(f"a tensor of {dtype} is not read") from None
        return found

    return numbers
