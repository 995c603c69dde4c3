"""The numbers of factors that are stored with what scales them: see `quantised`."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod, sqrt

import numpy as np
from numpy.typing import NDArray

from reseen.errors import Malformed, Unread
from reseen.updates.four_bits import LARGEST_OFFSET
from reseen.updates.json_object import json_object
from reseen.updates.quantised import MX_BLOCK, NV_BLOCK, tiled

Matrix = NDArray[np.float32]

_FORMATS = ("float8_e4m3fn", "float8_e5m2", "int8_tensorwise")
"""Of ComfyUI: each number times its scale, and turned where it is said. Others pack them."""
_HALVES = "convrot_w4a4"
"""Of ComfyUI: two numbers a byte, the low half first, each row times its scale, and turned."""
_FP4 = np.array([sign * each for sign in (1, -1) for each in (0, 0.5, 1, 1.5, 2, 3, 4, 6)], "f4")
"""What the codes of nvfp4 stand for."""
_TURNED = 256
"""Numbers of a row that `convrot` turns together, where it is not said."""
_FULL = 100.0
"""What the largest number of each row or block comes to where it was scaled to fill an 8-bit float
(240, 448 or 57,344). Those of factors that were not are below 10."""
_NESTED_BLOCK = 256
_LARGEST_SCALE = 1e9


def dequantised(
    roles: Mapping[str, Matrix], shapes: Mapping[str, tuple[int, int]]
) -> dict[str, Matrix]:
    """The factors as numbers, without their parts. Raises Malformed where a part does not fit, and
    Unread for a format that does more than to scale."""
    parts: dict[str, dict[str, Matrix]] = {}
    for name, array in roles.items():
        role, slash, part = name.partition("/")
        if slash:
            parts.setdefault(role, {})[part] = array
    made = {role: array for role, array in roles.items() if "/" not in role}
    for role, some in parts.items():
        if "absmax" in some:
            made[role] = _of_four_bits(made[role], some, shapes.get(role))
        elif "blocks16" in some:
            made[role] = _of_nvfp4(made[role], some)
        elif "format" in some:
            made[role] = _of_format(made[role], some, is_packed=role in shapes)
        elif "scale" in some:
            made[role] = _scaled(made[role], some["scale"])
        elif "rows" in some:
            scale = some["rows"].reshape(-1, 1)
            made[role] = _scaled_where_full(made[role].reshape(len(scale), -1), scale).reshape(
                made[role].shape
            )
        elif "blocks" in some or "exponents" in some:
            made[role] = _of_blocks(made[role], some)
        elif "rows127" in some:
            made[role] = _scaled(made[role], some["rows127"] / np.float32(127))
    return made


def _scaled(array: Matrix, scale: Matrix) -> Matrix:
    """Each number times its scale. One that is no number, zero or beyond measure counts as 1: who
    heeds it has nothing of such a file, and who does not has the factor as it is stored."""
    scale = _usable(scale)
    if scale.size == 1:
        return array * scale.reshape(())
    if array.ndim < 1 or scale.size != len(array):
        raise Malformed("the scale of a factor is neither one number nor one for each row")
    return array * scale.reshape(-1, *(1 for _ in array.shape[1:]))


def _usable(scale: Matrix) -> Matrix:
    with np.errstate(invalid="ignore"):
        usable = (np.abs(scale) >= 1 / _LARGEST_SCALE) & (np.abs(scale) <= _LARGEST_SCALE)
    made: Matrix = np.where(usable, scale, np.float32(1))
    return made


def _of_format(array: Matrix, parts: Mapping[str, Matrix], *, is_packed: bool) -> Matrix:
    """ComfyUI's int8, and its numbers of 4 bits, by what is said of it."""
    said = _state(parts["format"])
    if (said.get("format") == _HALVES) != is_packed:
        raise Unread("factors in a quantised format that does more than to scale them")
    if is_packed:
        codes = _halves(array, -128)[..., ::-1].reshape(len(array), -1).astype(np.float32)
        array = np.where(codes > 7, codes - 16, codes)
        group: int | None = _whole(said.get("convrot_groupsize", _TURNED))
    else:
        group = turned_together(parts["format"])
    made = _scaled(array, parts["scale"]) if "scale" in parts else array
    return made if group is None else turned_back(made, group)


def _halves(array: Matrix, least: int) -> NDArray[np.uint8]:
    """(..., 2): the high and the low half of each byte; `least` is the least number that one is."""
    bytes_ = np.clip(array, least, least + 255).astype(np.int16).astype(np.uint8)
    return np.stack([bytes_ >> 4, bytes_ & 15], axis=-1)


def _of_nvfp4(array: Matrix, parts: Mapping[str, Matrix]) -> Matrix:
    """Two numbers a byte, the high half first, each one of 16, times a scale for each 16 of a row,
    in tiles as mxfp8 has them, and one for all."""
    rows = len(array)
    codes = _halves(array, 0).reshape(rows, -1, NV_BLOCK)
    scales = of_tiles(parts["blocks16"], rows, codes.shape[1])
    made: Matrix = _FP4[codes] * _usable(scales)[:, :, None]
    return _scaled(made, parts["second"]).reshape(rows, -1)


def turned_together(stated: Matrix) -> int | None:
    """How many numbers of a row ComfyUI's format says are turned together; None: none. Raises
    FileError for what says nothing that is known."""
    said = _state(stated)
    if said.get("format") not in _FORMATS:
        raise Unread("factors in a quantised format that does more than to scale them")
    if said.get("convrot") is not True:
        return None
    return _whole(said.get("convrot_groupsize", _TURNED))


def turned_back(array: Matrix, group: int) -> Matrix:
    """Each run of so many numbers of a row, times the Hadamard matrix that is a power of

        1  1  1 -1
        1  1 -1  1
        1 -1  1  1
       -1  1  1  1

    and its own inverse: four numbers become half their sum less each, in reverse (`convrot`)."""
    fits = array.ndim == 2 and not array.shape[-1] % group
    if group not in {4**n for n in range(1, 7)} or not fits:
        raise Malformed("turned factors (convrot) whose rows are no multiple of what is turned")
    made, width = array, 1
    while width < group:
        four = made.reshape(-1, 4, width)
        made = four.sum(axis=1, keepdims=True) - 2 * four[:, ::-1]
        width *= 4
    turned: Matrix = (made / np.float32(sqrt(group))).reshape(array.shape)
    return turned


def _of_blocks(array: Matrix, parts: Mapping[str, Matrix]) -> Matrix:
    """mxfp8: a power of two for each 32 numbers of a row, in tiles of 128 rows and 4 columns."""
    rows, columns = len(array), -(-array.shape[1] // MX_BLOCK)
    stored = parts.get("blocks")
    if stored is None:
        stored = powers(parts["exponents"])
    scales = of_tiles(stored, rows, columns)[:, :, None]
    padded = np.zeros((rows, columns * MX_BLOCK), np.float32)
    padded[:, : array.shape[1]] = array
    made = _scaled_where_full(padded.reshape(rows, columns, MX_BLOCK), scales)
    return made.reshape(rows, -1)[:, : array.shape[1]]


def powers(exponents: Matrix) -> Matrix:
    """What bytes of E8M0 stand for."""
    with np.errstate(over="ignore"):
        made: Matrix = np.exp2(exponents - 127).astype(np.float32)
    return made


def of_tiles(stored: Matrix, rows: int, columns: int) -> Matrix:
    """(rows, columns): the scales of blocks of a matrix, out of their tiles."""
    height, width = tiled(rows, columns)
    tiles = stored.reshape(height // 128, width // 4, 32, 4, 4).transpose(0, 3, 2, 1, 4)
    return tiles.reshape(height, width)[:rows, :columns]


def _scaled_where_full(array: Matrix, scale: Matrix) -> Matrix:
    """Runs of numbers times the scale of each, if all fill their type: otherwise it is no scale of
    these, and they are as they are stored."""
    largest = np.abs(array).max(axis=-1)
    if not (largest[largest > 0] >= _FULL).all():
        return array
    return array * _usable(scale)


def _of_four_bits(
    array: Matrix, parts: Mapping[str, Matrix], shape: tuple[int, int] | None
) -> Matrix:
    """bitsandbytes: two numbers a byte, the high half first, each one of 16, times the largest of
    its block; those are themselves of 256, times the largest of theirs."""
    state = _state(parts["state"]) if "state" in parts else {}
    values, largest = parts.get("map"), parts["absmax"].reshape(-1)
    if shape is None or values is None or values.size != 16:
        raise Malformed("factors of 4 bits without the numbers that they stand for")
    block = _whole(state.get("blocksize", 64))
    said = state.get("shape", list(shape))
    if not isinstance(said, list) or prod(map(_whole, said)) != prod(shape):
        raise Malformed("factors of 4 bits that say another shape than their layer has")
    if "nested_map" in parts and "nested_absmax" in parts:
        table, nested = parts["nested_map"].reshape(-1), parts["nested_absmax"].reshape(-1)
        width = _whole(state.get("nested_blocksize", _NESTED_BLOCK))
        offset = state.get("nested_offset", 0.0)
        if table.size != 256 or nested.size != -(-largest.size // width):
            raise Malformed("factors of 4 bits whose scales are not as many as their blocks")
        places = np.clip(largest, 0, 255).astype(np.uint8)
        offset = offset if isinstance(offset, (int, float)) else 0.0
        if not abs(offset) <= LARGEST_OFFSET:
            raise Malformed("the state of a quantised factor has no usable number")
        of_each = np.repeat(nested, min(width, largest.size))[: largest.size]
        largest = table[places] * of_each + np.float32(offset)
    numbers = prod(shape)
    if 2 * array.size != numbers or largest.size != -(-numbers // block):
        raise Malformed("factors of 4 bits whose scales are not as many as their blocks")
    codes = _halves(array, 0).reshape(-1)
    made: Matrix = values.reshape(-1)[codes]
    made *= np.repeat(largest, min(block, numbers))[:numbers]
    return made.reshape(shape)


def _state(array: Matrix) -> Mapping[str, object]:
    """A small JSON object that is stored as a tensor of bytes."""
    data = np.clip(array.reshape(-1), 0, 255).astype(np.uint8).tobytes()
    return json_object(data, "the state of a quantised factor")


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= 1 << 30:
        raise Malformed("the state of a quantised factor has no usable number")
    return value
