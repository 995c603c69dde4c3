"""Factors that are stored as small whole numbers or 8-bit floats, with the numbers that scale them.

ComfyUI's scaled fp8 (one scale, one for each row, or one for each 32 numbers: mxfp8), int8 (also
turned by `convrot`) and 4 bits (`convrot_w4a4`, nvfp4), and int8 and 4-bit numbers of bitsandbytes.
Each part of a factor has the factor's role and its own, `up/scale`. What is refused has parts that
are not known.

Not every loader heeds such scales, so a false one may stand there for us alone: those that say more
than one number are used where the factor fills its type as scaled ones do, and the file is compared
without them too (`as_stored`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import prod

from reseen.files.tensors import TensorInfo
from reseen.updates.modules import ModulePlan
from reseen.updates.names.known import DENOISERS, ENCODERS, known
from reseen.updates.names.suffixes import FACTORS, split
from reseen.updates.names.wrapped import model_of
from reseen.updates.open_sides import closed_by
from reseen.updates.sides import Shape

Grouped = dict[str, dict[str, dict[str, TensorInfo]]]
"""By layer, by adapter, by role."""

_BESIDE_LAYER = {
    ".scale_weight": "scale",
    ".weight_scale": "scale",
    ".weight_scale_2": "second",
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
_NESTED = ("/nested_absmax", "/nested_map")
_MARKER = "scaled_fp8"
MX_BLOCK = 32
"""Numbers of a row that have one scale in mxfp8."""
NV_BLOCK = 16
"""Numbers of a row that have one scale in nvfp4."""
_MX_TILE = (128, 4)
"""Rows and columns of a tile of these scales; in one, rows stand in four columns."""
_LONGEST_STATE = 1 << 12
_OF_FLOATS = ("scale", "rows", "blocks", "exponents")
_MANY = ("rows", "blocks", "exponents", "rows127", "format")


def attach(parts: Sequence[TensorInfo], grouped: Grouped) -> list[TensorInfo]:
    """Add each part to the layer of the factor that it is of; those of none are left."""
    left: list[TensorInfo] = []
    for info in sorted(parts, key=lambda info: info.name.endswith(_MARKER)):
        if info.name.endswith(_MARKER):
            if not _marks(info, grouped):
                left.append(info)
        elif not any(_added(info, weight, part, grouped) for weight, part in _weights(info.name)):
            left.append(info)
    return [*left, *_nested_in_none(grouped)] if parts else left


def _nested_in_none(grouped: Grouped) -> Iterator[TensorInfo]:
    """Take out what says the largest numbers of blocks of such that are no places in 8 bits: they
    are numbers themselves."""
    for adapters in grouped.values():
        for roles in adapters.values():
            for role in [role for role in roles if role.endswith(_NESTED)]:
                absmax = roles.get(f"{role.partition('/')[0]}/absmax")
                if absmax is None or absmax.dtype != "U8":
                    yield roles.pop(role)


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
    if part == "scale" and factor.dtype.startswith("F8_"):
        part = _scale_of_floats(info, factor)
    if part == "scale" and factor.dtype == "U8":
        part = "blocks16" if _is_of_nvfp4(info, factor) else ""
    role = f"{said.role}/{part}"
    if said.role == "diff" and role in roles and part in _OF_FLOATS:
        role = "diff/second"
    if role in roles:
        return False
    if not _is_of(info, part, factor):
        return False
    roles[role] = info
    return True


def _scale_of_floats(info: TensorInfo, factor: TensorInfo) -> str:
    """Which scale of 8-bit floats it is, by how many numbers it has; empty for none."""
    numbers, rows = prod(info.shape), factor.shape[0] if factor.shape else 0
    if numbers == 1:
        return "scale"
    if numbers == rows and info.dtype != "U8":
        return "rows"
    if len(factor.shape) == 2 and numbers == prod(tiled(rows, -(-factor.shape[1] // MX_BLOCK))):
        return {"F8_E8M0": "blocks", "U8": "exponents"}.get(info.dtype, "")
    return ""


def _is_of_nvfp4(info: TensorInfo, factor: TensorInfo) -> bool:
    """Whether it has a scale for each 16 numbers, two of which are a byte."""
    if len(factor.shape) != 2 or info.dtype != "F8_E4M3" or 2 * factor.shape[1] % NV_BLOCK:
        return False
    return prod(info.shape) == prod(tiled(factor.shape[0], 2 * factor.shape[1] // NV_BLOCK))


def tiled(rows: int, columns: int) -> tuple[int, int]:
    """Rows and columns of the tiles that scales of blocks fill."""
    height, width = _MX_TILE
    return -(-rows // height) * height, -(-columns // width) * width


def _is_of(info: TensorInfo, part: str, factor: TensorInfo) -> bool:
    """Whether a factor of this type can have such a part: what no loader would heed must not change
    what is read."""
    if part in ("state", "format") and prod(info.shape) > _LONGEST_STATE:
        return False
    if not part:
        return False
    if part == "rows127":
        return factor.dtype == "I8"
    if part in _OF_FLOATS:
        return factor.dtype == "I8" or factor.dtype.startswith("F8_")
    return factor.dtype == "U8" or part in ("format", "beside")


def unpacked_shapes(
    aliases: Sequence[str], roles: Mapping[str, TensorInfo]
) -> dict[str, tuple[int, int]]:
    """The shapes of factors of 4 bits, which the header does not say: of a row with two numbers a
    byte; by the other factor, or by the layers of these names. None where nothing tells them."""
    if by_rows := _packed_by_rows(aliases, roles):
        return by_rows
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


def _packed_by_rows(
    aliases: Sequence[str], roles: Mapping[str, TensorInfo]
) -> dict[str, tuple[int, int]]:
    """Of nvfp4, and of bytes with a format and one scale for each row (`convrot_w4a4`): these may
    be whole bytes, too, and are where the layer has that size as it is stored."""
    found: dict[str, tuple[int, int]] = {}
    for role, info in roles.items():
        if len(info.shape) != 2 or "/" in role:
            continue
        rows, columns = info.shape
        scale = roles.get(f"{role}/scale")
        halves = info.dtype == "I8" and f"{role}/format" in roles
        if {f"{role}/blocks16", f"{role}/second"} <= roles.keys() or (
            halves
            and scale is not None
            and scale.shape == (rows,)
            and not _is_sized(aliases, roles)
        ):
            found[role] = (rows, 2 * columns)
    return found


def _is_sized(aliases: Sequence[str], roles: Mapping[str, TensorInfo]) -> bool:
    """Whether a layer of these names has the size that the factors have as they are stored."""
    up, down = roles.get("up"), roles.get("down")
    if up is None or down is None or not up.shape or len(down.shape) != 2:
        return False
    return any(model_of(alias, up.shape[0], down.shape[1]) for alias in aliases)


def as_stored(modules: Sequence[ModulePlan]) -> tuple[ModulePlan, ...]:
    """The modules as a loader has them that heeds none of these scales; none where it makes no
    difference."""
    if not any(
        "/" in role and _is_more(role, info) for m in modules for role, info in m.tensors.items()
    ):
        return ()
    return tuple(
        module
        if module.unpacked
        else replace(module, tensors={r: t for r, t in module.tensors.items() if "/" not in r})
        for module in modules
    )


def _is_more(role: str, info: TensorInfo) -> bool:
    """Is it a part that changes more of a factor than how large it is?"""
    part = role.rpartition("/")[2]
    return part in _MANY or (role.endswith("/scale") and prod(info.shape) > 1)
