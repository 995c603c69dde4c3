"""Reads algorithm, size and rank from the tensors of a layer, or says why they make no update.

Everything is judged by shapes alone and bounded here, so that reading a module later can neither
fail on a mismatch nor need more memory than a layer of the largest known models.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import prod

from reseen.files.tensors import BLOCKS, TensorInfo
from reseen.updates.names.suffixes import EXTRAS, FACTORS
from reseen.updates.own_shapes import own_shape
from reseen.updates.sides import NoFit, Shape, agree, kernel_of, matrix

LARGEST_SIDE = 1 << 18
"""Rows or columns of an update: the widest known layer is an embedding of as many words."""
LARGEST_FORM = 1 << 27
"""Numbers in one update's form (512 MiB as float32): twice Flux's widest layer, whole."""
LARGEST_RANK = 1 << 12
"""Above it factors are larger than what they make."""

FLOATS = frozenset(
    (
        *("F64", "F32", "F16", "BF16", "F4", "F6_E2M3", "F6_E3M2"),
        *("F8_E8M0", "F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ"),
        *BLOCKS,
    )
)
"""Types that factors are stored in by trainers. Whole numbers are read where they fit, for loaders
turn them into floats; those that do not fit are quantised and need their own scales."""


NUMBERS = FLOATS | {f"{kind}{bits}" for kind in "IU" for bits in (8, 16, 32, 64)}

_FAMILIES = (
    frozenset({"up", "down", "mid"}),
    frozenset({"embedding_up", "embedding_down"}),
    frozenset(role for role in FACTORS if role.startswith("hada")),
    frozenset(role for role in FACTORS if role.startswith("lokr")),
    frozenset({"diff"}),
    frozenset({"oft_blocks"}),
    frozenset({"oft_r"}),
    frozenset({"boft_r", "boft_s"}),
    frozenset({"ia3_l"}),
    frozenset({"ia3_weight", "on_input"}),
    frozenset({"hra_u"}),
    frozenset({"glora_a1", "glora_a2", "glora_b1", "glora_b2"}),
    frozenset({"vera_b", "vera_d"}),
    frozenset({"spectrum"}),
)
"""Roles of each algorithm."""


CORES = frozenset({"mid", "hada_t1", "hada_t2", "lokr_t2"})
"""Roles of what stands between two factors. Not every loader heeds one beside factors of a linear
layer."""

ONE_SIDED = "differences of a bias or norm: not part of an update matrix"
PACKED = "factors that are whole numbers (quantised), whose shape or scales are not known: not read"


def shape_of(tensors: Mapping[str, TensorInfo]) -> tuple[Shape | str, dict[str, TensorInfo]]:
    """The shape of the update that tensors by role make, with those of them that make it.

    Where a layer has tensors of two algorithms, the first that fits in the order of `_FAMILIES`
    counts: a second one beside it must not hide it. One sentence why there is none, with all
    tensors, where none fits.
    """
    reason = ""
    for family, used in _families(tuple(tensors)):
        mine = {role: tensors[role] for role in used}
        if _is_unsigned(mine):
            reason = reason or PACKED
            continue
        try:
            return _shape_of({r: t for r, t in mine.items() if "/" not in r}), mine
        except NoFit as e:
            packed = any(t.dtype not in FLOATS for role, t in mine.items() if role in family)
            reason = reason or (PACKED if packed else str(e))
    return reason or "an alpha or scale without factors (or the scale of a norm)", dict(tensors)


@lru_cache(256)
def _families(roles: tuple[str, ...]) -> tuple[tuple[frozenset[str], tuple[str, ...]], ...]:
    """The algorithms of which one of these roles is, and which of them each would use."""
    return tuple(
        (family, tuple(role for role in roles if _base(role) in family or role in EXTRAS))
        for family in _FAMILIES
        if not family.isdisjoint(roles)
    )


def _is_unsigned(tensors: Mapping[str, TensorInfo]) -> bool:
    """Whether a factor is of numbers that have no sign, and nothing says what they stand for: their
    mean, which strangers share, would be most of the update."""
    return any(
        info.dtype.startswith("U")
        and role in FACTORS
        and role != "on_input"
        and not any(other.startswith(f"{role}/") for other in tensors)
        for role, info in tensors.items()
    )


def without_cores(tensors: Mapping[str, TensorInfo]) -> dict[str, TensorInfo]:
    """The same for a loader that heeds none."""
    return {role: info for role, info in tensors.items() if _base(role) not in CORES}


def turned(tensors: Mapping[str, TensorInfo]) -> list[tuple[Shape, dict[str, TensorInfo]]]:
    """What else the factors of a layer can be by their shapes, the likelier first: up and down
    under each other's names, or both transposed, as MLX saves its `lora_a` and `lora_b`. Factors
    that are larger than what they would make are neither."""
    if not {"up", "down"} <= tensors.keys() or "mid" in tensors or _is_unsigned(tensors):
        return []
    exchanged = _renamed(tensors, {"up": "down", "down": "up"})
    transposed = _renamed(tensors, {"up": "embedding_down", "down": "embedding_up"})
    readings = [exchanged, transposed]
    if "lora_a" in tensors["down"].name:
        readings.reverse()
    found = []
    for reading in readings:
        try:
            shape = _shape_of({r: t for r, t in reading.items() if "/" not in r})
        except NoFit:
            continue
        if shape.rank <= min(shape.out, shape.columns):
            found.append((shape, reading))
    return found


def _base(role: str) -> str:
    """The role of the factor that a part of a quantised one belongs to, or the role itself."""
    return role.partition("/")[0]


def _renamed(tensors: Mapping[str, TensorInfo], names: Mapping[str, str]) -> dict[str, TensorInfo]:
    """The tensors with some roles under other names, and the parts of those with them."""
    made: dict[str, TensorInfo] = {}
    for role, info in tensors.items():
        base, slash, part = role.partition("/")
        made[names.get(base, base) + slash + part] = info
    return made


def _shape_of(tensors: Mapping[str, TensorInfo]) -> Shape:
    for role, info in tensors.items():
        if info.dtype not in NUMBERS:
            raise NoFit("factors that are no numbers")
        if prod(info.shape) > LARGEST_FORM:
            raise NoFit("a tensor larger than any known layer")
        if 0 in info.shape:
            raise NoFit("an empty layer")
        if role in ("alpha", "scale") and prod(info.shape) != 1:
            raise NoFit("an alpha or scale that is not one number")
    roles = tensors.keys()
    if {"up", "down"} <= roles:
        shape = _lora(tensors)
    elif {"embedding_up", "embedding_down"} <= roles:
        shape = _embedding(tensors)
    elif {"hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"} <= roles:
        shape = _loha(tensors)
    elif any(role.startswith("lokr") for role in roles):
        shape = _lokr(tensors)
    elif "diff" in roles:
        shape = _full(tensors["diff"])
    else:
        shape = own_shape(tensors)
    _bounded(shape)
    return shape


def _bounded(shape: Shape) -> None:
    if max(shape.out, shape.columns) > LARGEST_SIDE or shape.rank > LARGEST_RANK:
        raise NoFit("a layer larger than any known")
    if shape.rank * (shape.out + shape.columns) > LARGEST_FORM:
        raise NoFit("factors larger than any known")


def _core(info: TensorInfo) -> tuple[int, int, tuple[int, int]]:
    """Two ranks and the kernel of a Tucker core, in no other form."""
    if len(info.shape) not in (2, 4):
        raise NoFit("factors of a form that no known algorithm has")
    return kernel_of(info)


def _lora(tensors: Mapping[str, TensorInfo]) -> Shape:
    out, rank = matrix(tensors["up"])
    down, inn, kernel = kernel_of(tensors["down"])
    if "mid" in tensors:
        up_rank, down_rank, mid_kernel = _core(tensors["mid"])
        agree(up_rank, rank)
        agree(down_rank, down)
        if kernel != (1, 1):
            raise NoFit("two kernels for one layer")
        kernel = mid_kernel
        if prod(mid_kernel) * rank * inn > LARGEST_FORM:
            raise NoFit("factors larger than any known")
    else:
        agree(rank, down)
    if "singular" in tensors and not tensors["down"].name.endswith(".weight"):
        # PEFT writes AdaLoRA's factors so; beside LoRA's no loader heeds such numbers.
        if prod(tensors["singular"].shape) != rank or "mid" in tensors:
            raise NoFit("two factors of different size")
        return Shape("adalora", out, inn, kernel, rank)
    return Shape("lora", out, inn, kernel, rank)


def _embedding(tensors: Mapping[str, TensorInfo]) -> Shape:
    width, rank = matrix(tensors["embedding_up"])
    down, words = matrix(tensors["embedding_down"])
    agree(rank, down)
    return Shape("lora", words, width, (1, 1), rank)


def _loha(tensors: Mapping[str, TensorInfo]) -> Shape:
    sides: list[tuple[int, int, tuple[int, int]]] = []
    ranks: list[int] = []
    for n in "12":
        a, b = matrix(tensors[f"hada_w{n}_a"]), matrix(tensors[f"hada_w{n}_b"])
        if f"hada_t{n}" in tensors:
            first, second, kernel = _core(tensors[f"hada_t{n}"])
            agree(first, a[0])
            agree(second, b[0])
            sides.append((a[1], b[1], kernel))
        else:
            agree(a[1], b[0])
            sides.append((a[0], b[1], (1, 1)))
        ranks.append(b[0])
    (out, inn, kernel), other = sides
    if sides[0] != other:
        raise NoFit("two factors of different size")
    if out * inn * prod(kernel) > LARGEST_FORM or max(ranks) > LARGEST_RANK:
        raise NoFit("a layer larger than any known")
    return Shape("loha", out, inn, kernel, ranks[0])


def _lokr(tensors: Mapping[str, TensorInfo]) -> Shape:
    rank = 0
    if "lokr_w1" in tensors:
        o1, i1 = matrix(tensors["lokr_w1"])
    elif {"lokr_w1_a", "lokr_w1_b"} <= tensors.keys():
        (o1, one), (rank, i1) = matrix(tensors["lokr_w1_a"]), matrix(tensors["lokr_w1_b"])
        agree(one, rank)
    else:
        raise NoFit("only some of the tensors that an update needs")
    kernel = (1, 1)
    if "lokr_w2" in tensors:
        o2, i2, kernel = kernel_of(tensors["lokr_w2"])
    elif not {"lokr_w2_a", "lokr_w2_b"} <= tensors.keys():
        raise NoFit("only some of the tensors that an update needs")
    elif "lokr_t2" in tensors:
        (a, o2), (rank, i2) = matrix(tensors["lokr_w2_a"]), matrix(tensors["lokr_w2_b"])
        first, second, kernel = _core(tensors["lokr_t2"])
        agree(first, a)
        agree(second, rank)
    else:
        (o2, one) = matrix(tensors["lokr_w2_a"])
        # LyCORIS flattens the kernel into the columns, others leave it.
        rank, i2 = matrix(tensors["lokr_w2_b"])
        agree(one, rank)
    if max(o1 * i1, o2 * i2 * prod(kernel), o1 * o2 * i1 * i2 * prod(kernel)) > LARGEST_FORM:
        raise NoFit("a layer larger than any known")
    # The rank is what scales alpha; a Kronecker product has no bound on its factors by it.
    return Shape("lokr", o1 * o2, i1 * i2, kernel, rank)


def _full(info: TensorInfo) -> Shape:
    if len(info.shape) < 2:
        raise NoFit(ONE_SIDED)
    out, inn, kernel = kernel_of(info)
    return Shape("full", out, inn, kernel, 0)
