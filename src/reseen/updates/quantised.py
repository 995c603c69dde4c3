"""Factors that are stored as small whole numbers or 8-bit floats, with the numbers that scale them.

ComfyUI's scaled fp8 and int8, and int8 and 4-bit numbers of bitsandbytes. Each part of a factor has
the factor's role and its own, `up/scale`. What is refused has parts that are not known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from reseen.errors import Malformed, Unread
from reseen.files.tensors import TensorInfo
from reseen.updates.json_object import json_object
from reseen.updates.names.known import DENOISERS, ENCODERS, known
from reseen.updates.names.suffixes import FACTORS, split
from reseen.updates.open_sides import closed_by
from reseen.updates.sides import Shape

Matrix = NDArray[np.float32]
Grouped = dict[str, dict[str, dict[str, TensorInfo]]]
"""By layer, by adapter, by role."""

_BESIDE_LAYER = {
    ".scale_weight": "scale",
    ".weight_scale": "scale",
    ".SCB": "rows127",
    ".comfy_quant": "format",
    ".scale_input": "beside",
    ".input_scale": "beside",
    ".weight_format": "beside",
}
"""What stands in the place of `.weight`."""
_BEHIND_WEIGHT = {
    ".absmax": "absmax",
    ".quant_map": "map",
    ".nested_absmax": "nested_absmax",
    ".nested_quant_map": "nested_map",
    ".quant_state.bitsandbytes__nf4": "state",
    ".quant_state.bitsandbytes__fp4": "state",
}
"""What stands behind the whole name."""
_MARKER = "scaled_fp8"
_FORMATS = ("float8_e4m3fn", "float8_e5m2", "int8_tensorwise")
"""Of ComfyUI: each number times its scale. Others turn or pack them."""
_LONGEST_STATE = 1 << 12
_NESTED_BLOCK = 256
_LARGEST_SCALE = 1e9


def attach(parts: Sequence[TensorInfo], grouped: Grouped) -> list[TensorInfo]:
    """Add each part to the layer of the factor that it is of; those of none are left."""
    left: list[TensorInfo] = []
    for info in sorted(parts, key=lambda info: info.name.endswith(_MARKER)):
        if info.name.endswith(_MARKER):
            if not _marks(info, grouped):
                left.append(info)
        elif not any(_added(info, weight, part, grouped) for weight, part in _weights(info.name)):
            left.append(info)
    return left


def _marks(info: TensorInfo, grouped: Grouped) -> bool:
    """Put what only says that a file has scales beside the first of them."""
    for adapters in grouped.values():
        for roles in adapters.values():
            for role in roles:
                if role.endswith("/scale"):
                    return roles.setdefault(role.replace("/scale", "/marker"), info) is info
    return False


def _weights(name: str) -> list[tuple[str, str]]:
    """What a part can be of, by its name, and which part."""
    for end, part in _BESIDE_LAYER.items():
        if name.endswith(end):
            before = name[: -len(end)]
            return [(f"{before}.weight", part), (before, part)]
    for end, part in _BEHIND_WEIGHT.items():
        if name.endswith(end):
            return [(name[: -len(end)], part)]
    return []


def _added(info: TensorInfo, weight: str, part: str, grouped: Grouped) -> bool:
    said = split(weight)
    if said is None or said.role not in FACTORS:
        return False
    roles = grouped.get(said.layer, {}).get(said.adapter, {})
    factor = roles.get(said.role)
    if factor is None or factor.name != weight:
        return False
    if part == "format" and factor.dtype != "I8":
        part = "beside"  # of 8-bit floats it says nothing that their type does not
    role = f"{said.role}/{part}"
    if role in roles:
        return False
    if not _is_of(info, part, factor):
        return False
    roles[role] = info
    return True


def _is_of(info: TensorInfo, part: str, factor: TensorInfo) -> bool:
    """Whether a factor of this type can have such a part: what no loader would heed must not change
    what is read. Scales of each row are those of whole numbers alone."""
    if part in ("state", "format") and prod(info.shape) > _LONGEST_STATE:
        return False
    if part == "scale":
        of_rows = prod(info.shape) != 1
        return factor.dtype == "I8" or (factor.dtype.startswith("F8_") and not of_rows)
    if part == "rows127":
        return factor.dtype == "I8"
    return factor.dtype == "U8" or part in ("format", "beside")


def unpacked_shapes(
    aliases: Sequence[str], roles: Mapping[str, TensorInfo]
) -> dict[str, tuple[int, int]]:
    """The shapes of factors of 4 bits, which the header does not say: by the other factor, or by
    the layers of these names. None where neither tells them."""
    packed = [role for role in ("up", "down") if f"{role}/absmax" in roles]
    if not packed or not {"up", "down"} <= roles.keys() or "mid" in roles:
        return {}
    numbers = {role: 2 * prod(roles[role].shape) for role in packed}
    if packed == ["up"] and len(roles["down"].shape) > 1:
        rank = roles["down"].shape[0]
        out = numbers["up"] // max(rank, 1)
        return {"up": (out, rank)} if out * rank == numbers["up"] else {}
    if packed == ["down"] and len(roles["up"].shape) > 1:
        rank = prod(roles["up"].shape[1:])
        columns = numbers["down"] // max(rank, 1)
        return {"down": (rank, columns)} if rank * columns == numbers["down"] else {}
    open_shape = Shape("lora", 0, 0, (1, 1), 0)
    for alias in aliases:
        for model in (*DENOISERS, *ENCODERS) if len(packed) == 2 else ():
            sides = closed_by(known(model), alias, open_shape)
            if sides is None:
                continue
            rank = numbers["down"] // sides.columns
            if rank and numbers == {"up": sides.out * rank, "down": rank * sides.columns}:
                return {"up": (sides.out, rank), "down": (rank, sides.columns)}
    return {}


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
        elif "format" in some and _state(some["format"]).get("format") not in _FORMATS:
            raise Unread("factors in a quantised format that does more than to scale them")
        elif "scale" in some:
            made[role] = _scaled(made[role], some["scale"])
        elif "rows127" in some:
            made[role] = _scaled(made[role], some["rows127"] / np.float32(127))
    return made


def _scaled(array: Matrix, scale: Matrix) -> Matrix:
    """Each number times its scale. One that is no number, zero or beyond measure counts as 1: who
    heeds it has nothing of such a file, and who does not has the factor as it is stored."""
    with np.errstate(invalid="ignore"):
        usable = (np.abs(scale) >= 1 / _LARGEST_SCALE) & (np.abs(scale) <= _LARGEST_SCALE)
    scale = np.where(usable, scale, np.float32(1))
    if scale.size == 1:
        return array * scale.reshape(())
    if array.ndim < 1 or scale.size != len(array):
        raise Malformed("the scale of a factor is neither one number nor one for each row")
    return array * scale.reshape(-1, *(1 for _ in array.shape[1:]))


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
        offset = float(offset) if isinstance(offset, (int, float)) else 0.0
        of_each = np.repeat(nested, min(width, largest.size))[: largest.size]
        largest = table[places] * of_each + np.float32(offset)
    numbers = prod(shape)
    if 2 * array.size != numbers or largest.size != -(-numbers // block):
        raise Malformed("factors of 4 bits whose scales are not as many as their blocks")
    bytes_ = np.clip(array.reshape(-1), 0, 255).astype(np.uint8)
    codes = np.stack([bytes_ >> 4, bytes_ & 15], axis=1).reshape(-1)
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
