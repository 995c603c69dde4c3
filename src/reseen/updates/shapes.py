"""Reads algorithm, size and rank from the tensors of a layer, or says why they make no update.

Everything is judged by shapes alone and bounded here, so that reading a module later can neither
fail on a mismatch nor need more memory than a layer of the largest known models.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from reseen.files.tensors import BLOCKS, TensorInfo
from reseen.updates.names.suffixes import EXTRAS, FACTORS

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


_NUMBERS = FLOATS | {f"{kind}{bits}" for kind in "IU" for bits in (8, 16, 32, 64)}

_FAMILIES = (
    frozenset({"up", "down", "mid"}),
    frozenset({"embedding_up", "embedding_down"}),
    frozenset(role for role in FACTORS if role.startswith("hada")),
    frozenset(role for role in FACTORS if role.startswith("lokr")),
    frozenset({"diff"}),
)
"""Roles of each algorithm."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What one layer's tensors make."""

    algorithm: str
    """lora, loha, lokr or full."""
    out: int
    inn: int
    """Input width where the shapes tell it; else all columns."""
    kernel: tuple[int, int]
    rank: int
    """0 where the algorithm has none."""

    @property
    def columns(self) -> int:
        return self.inn * self.kernel[0] * self.kernel[1]


DISAGREE = "factors whose ranks do not agree"
_PACKED = "factors that are whole numbers (quantised): not read yet"


class _NoFit(Exception):
    """The shapes contradict each other; the text says how. Caught in `shape_of`."""


def shape_of(tensors: Mapping[str, TensorInfo]) -> tuple[Shape | str, dict[str, TensorInfo]]:
    """The shape of the update that tensors by role make, with those of them that make it.

    Where a layer has tensors of two algorithms, the first that fits in the order of `_FAMILIES`
    counts: a second one beside it must not hide it. One sentence why there is none, with all
    tensors, where none fits.
    """
    reason = ""
    for family in _FAMILIES:
        if not any(role in family for role in tensors):
            continue
        mine = {role: t for role, t in tensors.items() if role in family or role in EXTRAS}
        try:
            return _shape_of(mine), mine
        except _NoFit as e:
            packed = any(t.dtype not in FLOATS for role, t in mine.items() if role in family)
            reason = reason or (_PACKED if packed else str(e))
    return reason or "an alpha or scale without factors (or the scale of a norm)", dict(tensors)


def turned(tensors: Mapping[str, TensorInfo]) -> list[tuple[Shape, dict[str, TensorInfo]]]:
    """What else the factors of a layer can be by their shapes, the likelier first: up and down
    under each other's names, or both transposed, as MLX saves its `lora_a` and `lora_b`. Factors
    that are larger than what they would make are neither."""
    if not {"up", "down"} <= tensors.keys() or "mid" in tensors:
        return []
    rest = {role: info for role, info in tensors.items() if role not in ("up", "down")}
    up, down = tensors["up"], tensors["down"]
    exchanged = {**rest, "up": down, "down": up}
    transposed = {**rest, "embedding_up": down, "embedding_down": up}
    readings = [exchanged, transposed]
    if "lora_a" in down.name:
        readings.reverse()
    found = []
    for reading in readings:
        try:
            shape = _shape_of(reading)
        except _NoFit:
            continue
        if shape.rank <= min(shape.out, shape.columns):
            found.append((shape, reading))
    return found


def _shape_of(tensors: Mapping[str, TensorInfo]) -> Shape:
    for role, info in tensors.items():
        if info.dtype not in _NUMBERS:
            raise _NoFit("factors that are no numbers")
        if prod(info.shape) > LARGEST_FORM:
            raise _NoFit("a tensor larger than any known layer")
        if 0 in info.shape:
            raise _NoFit("an empty layer")
        if role in ("alpha", "scale") and prod(info.shape) != 1:
            raise _NoFit("an alpha or scale that is not one number")
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
        raise _NoFit("only some of the tensors that an update needs")
    _bounded(shape)
    return shape


def _bounded(shape: Shape) -> None:
    if max(shape.out, shape.columns) > LARGEST_SIDE or shape.rank > LARGEST_RANK:
        raise _NoFit("a layer larger than any known")
    if shape.rank * (shape.out + shape.columns) > LARGEST_FORM:
        raise _NoFit("factors larger than any known")


def _matrix(info: TensorInfo) -> tuple[int, int]:
    """Two sides of a matrix. Whatever follows the first dimension is one side, as in the loaders
    (`flatten(start_dim=1)` in ComfyUI): a 1x1 kernel, or any other way to write it."""
    if len(info.shape) < 2:
        raise _NoFit("factors of a form that no known algorithm has")
    return info.shape[0], prod(info.shape[1:])


def _kernel(info: TensorInfo) -> tuple[int, int, tuple[int, int]]:
    """Two sides and the kernel of a matrix or a convolution; other forms as `_matrix` has them."""
    match info.shape:
        case (out, inn, height, width):
            return out, inn, (height, width)
    return (*_matrix(info), (1, 1))


def _core(info: TensorInfo) -> tuple[int, int, tuple[int, int]]:
    """Two ranks and the kernel of a Tucker core, in no other form."""
    if len(info.shape) not in (2, 4):
        raise _NoFit("factors of a form that no known algorithm has")
    return _kernel(info)


def _agree(one: int, other: int) -> None:
    if one != other:
        raise _NoFit(DISAGREE)


def _lora(tensors: Mapping[str, TensorInfo]) -> Shape:
    out, rank = _matrix(tensors["up"])
    down, inn, kernel = _kernel(tensors["down"])
    if "mid" in tensors:
        up_rank, down_rank, mid_kernel = _core(tensors["mid"])
        _agree(up_rank, rank)
        _agree(down_rank, down)
        if kernel != (1, 1):
            raise _NoFit("two kernels for one layer")
        kernel = mid_kernel
        if prod(mid_kernel) * rank * inn > LARGEST_FORM:
            raise _NoFit("factors larger than any known")
    else:
        _agree(rank, down)
    return Shape("lora", out, inn, kernel, rank)


def _embedding(tensors: Mapping[str, TensorInfo]) -> Shape:
    width, rank = _matrix(tensors["embedding_up"])
    down, words = _matrix(tensors["embedding_down"])
    _agree(rank, down)
    return Shape("lora", words, width, (1, 1), rank)


def _loha(tensors: Mapping[str, TensorInfo]) -> Shape:
    sides: list[tuple[int, int, tuple[int, int]]] = []
    ranks: list[int] = []
    for n in "12":
        a, b = _matrix(tensors[f"hada_w{n}_a"]), _matrix(tensors[f"hada_w{n}_b"])
        if f"hada_t{n}" in tensors:
            first, second, kernel = _core(tensors[f"hada_t{n}"])
            _agree(first, a[0])
            _agree(second, b[0])
            sides.append((a[1], b[1], kernel))
        else:
            _agree(a[1], b[0])
            sides.append((a[0], b[1], (1, 1)))
        ranks.append(b[0])
    (out, inn, kernel), other = sides
    if sides[0] != other:
        raise _NoFit("two factors of different size")
    if out * inn * prod(kernel) > LARGEST_FORM or max(ranks) > LARGEST_RANK:
        raise _NoFit("a layer larger than any known")
    return Shape("loha", out, inn, kernel, ranks[0])


def _lokr(tensors: Mapping[str, TensorInfo]) -> Shape:
    rank = 0
    if "lokr_w1" in tensors:
        o1, i1 = _matrix(tensors["lokr_w1"])
    elif {"lokr_w1_a", "lokr_w1_b"} <= tensors.keys():
        (o1, one), (rank, i1) = _matrix(tensors["lokr_w1_a"]), _matrix(tensors["lokr_w1_b"])
        _agree(one, rank)
    else:
        raise _NoFit("only some of the tensors that an update needs")
    kernel = (1, 1)
    if "lokr_w2" in tensors:
        o2, i2, kernel = _kernel(tensors["lokr_w2"])
    elif not {"lokr_w2_a", "lokr_w2_b"} <= tensors.keys():
        raise _NoFit("only some of the tensors that an update needs")
    elif "lokr_t2" in tensors:
        (a, o2), (rank, i2) = _matrix(tensors["lokr_w2_a"]), _matrix(tensors["lokr_w2_b"])
        first, second, kernel = _core(tensors["lokr_t2"])
        _agree(first, a)
        _agree(second, rank)
    else:
        (o2, one) = _matrix(tensors["lokr_w2_a"])
        # LyCORIS flattens the kernel into the columns, others leave it.
        rank, i2 = _matrix(tensors["lokr_w2_b"])
        _agree(one, rank)
    if max(o1 * i1, o2 * i2 * prod(kernel), o1 * o2 * i1 * i2 * prod(kernel)) > LARGEST_FORM:
        raise _NoFit("a layer larger than any known")
    # The rank is what scales alpha; a Kronecker product has no bound on its factors by it.
    return Shape("lokr", o1 * o2, i1 * i2, kernel, rank)


def _full(info: TensorInfo) -> Shape:
    if len(info.shape) < 2:
        raise _NoFit("differences of a bias or norm: not part of an update matrix")
    out, inn, kernel = _kernel(info)
    return Shape("full", out, inn, kernel, 0)
