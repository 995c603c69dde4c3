"""Weights of 4 bits as bitsandbytes stores them (nf4, fp4): what a header does not say of them.

A layer's `weight` is bytes of two numbers each, the high half first; beside it stand the largest of
each block (`weight.absmax`), these themselves in 8 bits at will (`weight.nested_absmax`,
`weight.nested_quant_map`), and a small JSON object with the layer's shape
(`weight.quant_state.bitsandbytes__nf4`). After bitsandbytes' `QuantState.as_dict(packed=True)` and
`quantize_4bit` (MIT); which numbers the codes stand for are facts of the format.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from reseen.errors import FileError, Malformed
from reseen.files.tensors import TensorInfo
from reseen.updates.json_object import json_object

_STATE = ".quant_state.bitsandbytes__"
LONGEST_STATE = 1 << 12
"""Bytes of such an object; real ones have 100 to 250."""
_BLOCKS = frozenset(32 << n for n in range(8))
"""Numbers of a block that bitsandbytes makes: 32 to 4,096."""
_LARGEST_NESTED = 1 << 16
LARGEST_OFFSET = 1e9
"""Of what is added to the largest number of each block."""

_NF4 = (
    *(-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453),
    *(-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0),
    *(0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224),
    *(0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0),
)
_FP4 = tuple(sign * each / 12 for sign in (1, -1) for each in (0, 0.0625, 8, 12, 4, 6, 2, 3))
CODES: Mapping[str, NDArray[np.float32]] = {
    "nf4": np.array(_NF4, np.float32),
    "fp4": np.array(_FP4, np.float32),
}
"""(16,): what each code stands for, of the largest of its block. Those that a file brings along
(`quant_map`) are not heeded: nor does bitsandbytes heed them."""


@dataclass(frozen=True, slots=True)
class FourBits:
    """How one weight is stored."""

    kind: str
    """A key of `CODES`."""
    shape: tuple[int, int]
    block: int
    """Numbers that share a largest one."""
    nested_block: int
    """Of these, so many share a largest one where they are in 8 bits themselves."""
    offset: float
    """And this is added to each then."""


def states(tensors: Sequence[TensorInfo]) -> Iterator[tuple[str, TensorInfo]]:
    """(weight's name, a tensor that says how it is stored), as far as one can be that; two at most
    of a weight, one for each kind."""
    seen: set[tuple[str, str]] = set()
    weights = {info.name for info in tensors if info.dtype == "U8"}
    for info in tensors:
        weight, there, kind = info.name.partition(_STATE)
        is_usable = info.dtype == "U8" and 0 < info.length <= LONGEST_STATE
        is_one = there and weight in weights and kind in CODES and (weight, kind) not in seen
        if is_one and is_usable and info.strides is None:
            seen.add((weight, kind))
            yield weight, info


def four_bits(state: TensorInfo, data: bytes, weight: TensorInfo) -> FourBits | None:
    """What a state says of its weight; None for what bitsandbytes does not write."""
    kind = state.name.rpartition(_STATE)[2]
    try:
        said = json_object(data, "the state of a quantised weight")
        sides = said.get("shape")
        if not isinstance(sides, list) or len(sides) != 2 or kind not in CODES:
            return None
        out, columns = (_whole(side, 1 << 30) for side in sides)
        block = _whole(said.get("blocksize", 64), max(_BLOCKS))
        nested = _whole(said.get("nested_blocksize", 256), _LARGEST_NESTED)
    except FileError:
        return None
    offset = said.get("nested_offset", 0.0)
    if not isinstance(offset, (int, float)) or not abs(offset) <= LARGEST_OFFSET:
        return None
    if block not in _BLOCKS or 2 * prod(weight.shape) != out * columns or columns % 2:
        return None
    return FourBits(kind, (out, columns), block, nested, float(offset))


def _whole(value: object, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= most:
        raise Malformed("the state of a quantised weight has no usable number")
    return value


def largest_of_blocks(
    how: FourBits, parts: Mapping[str, NDArray[np.float32]]
) -> NDArray[np.float32]:
    """(blocks,): what the codes of each block are multiplied by. `parts`: `absmax`, and where that
    is in 8 bits `nested_absmax` and `nested_map`, as numbers. Raises Malformed where they are not
    as many as they have to be."""
    largest = parts.get("absmax", np.empty(0, np.float32)).reshape(-1)
    blocks = math.ceil(prod(how.shape) / how.block)
    if largest.size != blocks:
        raise Malformed("a weight of 4 bits whose scales are not as many as their blocks")
    if "nested_absmax" not in parts:
        return largest
    table = parts.get("nested_map", np.empty(0, np.float32)).reshape(-1)
    nested = parts["nested_absmax"].reshape(-1)
    if table.size != 256 or nested.size != math.ceil(blocks / how.nested_block):
        raise Malformed("a weight of 4 bits whose scales are not as many as their blocks")
    places = np.clip(largest, 0, 255).astype(np.uint8)
    each: NDArray[np.float32] = table[places]
    each *= np.repeat(nested, min(how.nested_block, blocks))[:blocks]
    return each + np.float32(how.offset)
