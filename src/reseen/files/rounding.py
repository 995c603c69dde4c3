"""How far stored numbers can be from those that were stored: the rounding of each type.

In go a type, its bytes, and their values; out comes the sum of the squares of the errors that one
expects: a number is anywhere between the middles to its neighbours, each place as likely as the
others. What a whole block is scaled by says how far apart those are; the numbers that it was scaled
by have no error. None where it is not known. `DOUBT` is how far that was from what came true, of
weights as models have them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from reseen.files.tensors import BLOCKS
from reseen.files.values import EIGHT_BITS, Bytes

Floats = NDArray[np.float32]

_EVERY = 8
"""Of so many numbers of a whole type one is looked at: their sum is known to a hundredth."""
_EXPONENT = np.uint32(0x7F800000)
_BITS = {"F16": 10, "BF16": 7}
"""Of the fraction."""
_STEPS = ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0")
"""Types whose blocks begin with the step between their numbers, in half precision."""
DOUBT: Mapping[str, float] = {
    **dict.fromkeys(("F32", "F64"), 0.0),
    **dict.fromkeys(("F16", "BF16", "Q8_0", *EIGHT_BITS), 0.05),
    **dict.fromkeys(("Q4_0", "Q4_1", "Q5_0", "Q5_1"), 0.1),
    **dict.fromkeys(("Q4_K", "Q5_K", "Q6_K"), 0.25),
}
"""Share of that sum by which it may be wrong. Those of K-quants are searched for, by each program
in its own way."""
_EXACT = {"Q8_0": 1, "Q5_1": 2, "Q4_1": 2}
"""Numbers of a block of 32 that have no error."""
_SIX_BITS = ("Q4_K", "Q5_K")
"""Types whose blocks begin with a step of steps, and a step of offsets; how many of each every part
of 32 numbers takes stands behind in six bits."""
_Q6_SCALES, _Q6_STEP = 192, 208
"""Where in a block of Q6_K these stand."""


def expected_error(dtype: str, data: Bytes, values: Floats) -> float | None:
    """The sum of the squares of the errors expected of these numbers. `data`: what they are stored
    as, whole blocks, little-endian; `values`: the numbers, in that order."""
    with np.errstate(all="ignore"):
        if dtype in ("F32", "F64"):
            return 0.0
        if dtype in _BITS:
            some = np.ascontiguousarray(values.reshape(-1)[::_EVERY])
            powers: Floats = (some.view(np.uint32) & _EXPONENT).view(np.float32)
            squares = float(np.vdot(powers, powers)) * values.size / max(some.size, 1)
            return squares * 0.25 ** _BITS[dtype] / 12
        if dtype in EIGHT_BITS:
            counts = np.bincount(np.frombuffer(data, np.uint8), minlength=256)
            return float(counts @ _squares(dtype))
        if dtype not in BLOCKS:
            return None
        blocks = np.frombuffer(data, np.uint8).reshape(-1, BLOCKS[dtype].bytes)
        steps = _steps(dtype, blocks)
        if steps is None:
            return None
        rounded = BLOCKS[dtype].values / steps.shape[1] - _EXACT.get(dtype, 0)
        return float(np.vdot(steps, steps) * rounded / 12)


def _steps(dtype: str, blocks: NDArray[np.uint8]) -> NDArray[np.float64] | None:
    """(blocks, parts): how far apart the numbers of each part of each block are."""
    if dtype in _STEPS:
        return _halves(blocks[:, :2])
    if dtype == "Q6_K":
        parts = blocks[:, _Q6_SCALES:_Q6_STEP].view(np.int8).astype(np.float64)
        return parts * _halves(blocks[:, _Q6_STEP:])
    if dtype in _SIX_BITS:
        return _six_bits(blocks[:, 4:16]) * _halves(blocks[:, :2])
    return None


def _six_bits(packed: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(blocks, 8) of 12 bytes each: the scales of a K-quant (ggml's get_scale_min_k4)."""
    first = packed[:, :4] & 63
    last = (packed[:, 8:] & 15) | (packed[:, :4] >> 6 << 4)
    return np.concatenate((first, last), axis=1).astype(np.float64)


def _halves(pairs: NDArray[np.uint8]) -> NDArray[np.float64]:
    return np.ascontiguousarray(pairs).view("<f2").astype(np.float64)


def _squares(dtype: str) -> NDArray[np.float64]:
    """(256,): what is expected of each code of an 8-bit float."""
    return squares_of(EIGHT_BITS[dtype])


def squares_of(codes: Floats, *, ends_closed: bool = False) -> NDArray[np.float64]:
    """What is expected of each code, where these are all numbers that can be stored; 0 for those
    that are none. `ends_closed`: nothing that was stored is beyond the outermost."""
    table = codes.astype(np.float64)
    made = np.zeros(len(table))
    finite = np.flatnonzero(np.isfinite(table))
    order = finite[np.argsort(table[finite], kind="stable")]
    gaps = np.diff(table[order])
    first, last = (0.0, 0.0) if ends_closed else (gaps[0], gaps[-1])
    below = np.concatenate(([first], gaps)) / 2
    above = np.concatenate((gaps, [last])) / 2
    made[order] = (below**3 + above**3) / (3 * np.maximum(below + above, 1e-300))
    return made
