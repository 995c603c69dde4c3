"""The shapes of adapters of which an object of their own is sketched, and not the update: most
multiply the base weight, and only one side of the layer can be told from their tensors."""

from __future__ import annotations

from collections.abc import Mapping
from math import isqrt, prod

from reseen.files.tensors import TensorInfo
from reseen.updates.sides import NoFit, OwnObject, Shape, agree, kernel_of, matrix

ODD_HRA = "HRA of an odd rank: not read, it begins from reflections that strangers share"
_LARGEST_SPECTRUM = 1 << 17
_MOST_STAGES = 18
_POINT = (1, 1)
"""The kernel of a layer that has none, or whose kernel is not said."""


def own_shape(tensors: Mapping[str, TensorInfo]) -> Shape:
    """Those of `OWN`: one side of the layer at most is known."""
    roles = tensors.keys()
    if "oft_blocks" in roles:
        return _oft_blocks(tensors)
    if "oft_r" in roles:
        return _oft_r(tensors["oft_r"])
    if {"boft_r", "boft_s"} <= roles:
        return _boft(tensors["boft_r"], tensors["boft_s"])
    if "ia3_l" in roles:
        return _ia3(tensors["ia3_l"])
    if {"ia3_weight", "on_input"} <= roles:
        return _ia3(tensors["ia3_weight"])
    if "hra_u" in roles:
        return _hra(tensors["hra_u"])
    if {"glora_a1", "glora_a2", "glora_b1", "glora_b2"} <= roles:
        return _glora(tensors)
    if {"vera_b", "vera_d"} <= roles:
        return _vera(tensors["vera_b"], tensors["vera_d"])
    if "spectrum" in roles:
        return _spectrum(tensors["spectrum"])
    raise NoFit("only some of the tensors that an update needs")


def _oft_blocks(tensors: Mapping[str, TensorInfo]) -> Shape:
    """LyCORIS and kohya, on the output: one rotation, or several on other rows each (BOFT)."""
    shape = tensors["oft_blocks"].shape
    if len(shape) not in (3, 4) or shape[-1] != shape[-2]:
        raise NoFit("factors of a form that no known algorithm has")
    blocks, side = shape[-3], shape[-1]
    size = blocks * side
    if "rescale" in tensors and prod(tensors["rescale"].shape) != size:
        raise NoFit("two factors of different size")
    if len(shape) == 3:
        return Shape("oft", size, 0, _POINT, 0, (OwnObject("rot.out", size, side),))
    # A stage regroups rows of runs that are twice as long as those of the stage before.
    if side % 2 or size % ((1 << shape[0] - 1) * side) or shape[0] > _MOST_STAGES:
        raise NoFit("factors of a form that no known algorithm has")
    return Shape("boft", size, 0, _POINT, 0, (OwnObject("rot.out", size),))


def _oft_r(info: TensorInfo) -> Shape:
    """PEFT and OneTrainer, on the input: of each block what stands above the diagonal."""
    blocks, numbers = matrix(info)
    side = (1 + isqrt(1 + 8 * numbers)) // 2
    if len(info.shape) != 2 or side * (side - 1) // 2 != numbers or side < 2:
        raise NoFit("factors of a form that no known algorithm has")
    # One block may be shared by all of an input that is wider.
    inn = 0 if blocks == 1 else blocks * side
    return Shape("oft", 0, inn, _POINT, 0, (OwnObject("rot.in", blocks * side),))


def _boft(rotation: TensorInfo, scale: TensorInfo) -> Shape:
    """PEFT: rotations of the input, one after another, and a factor for each output."""
    shape = rotation.shape
    if len(shape) != 4 or shape[-1] != shape[-2] or not 1 <= shape[0] <= _MOST_STAGES:
        raise NoFit("factors of a form that no known algorithm has")
    if shape[0] > 1 and (shape[-1] % 2 or shape[1] % (1 << shape[0] - 1)):
        raise NoFit("factors of a form that no known algorithm has")
    inn, out = shape[1] * shape[2], prod(scale.shape)
    own = (OwnObject("rot.in", inn), OwnObject("scale.out", out))
    return Shape("boft", out, inn, _POINT, 0, own)


def _ia3(info: TensorInfo) -> Shape:
    """A factor for each output or each input; of LyCORIS, and of a convolution, it is not said
    which."""
    size = prod(info.shape)
    if size != max(info.shape, default=0) or size < 2:
        raise NoFit("factors of a form that no known algorithm has")
    if len(info.shape) != 2:
        return Shape("ia3", 0, 0, _POINT, 0, (OwnObject("scale", size),))
    if info.shape[1] == 1:
        return Shape("ia3", size, 0, _POINT, 0, (OwnObject("scale.out", size),))
    return Shape("ia3", 0, size, _POINT, 0, (OwnObject("scale.in", size),))


def _hra(info: TensorInfo) -> Shape:
    """Reflections one after another. With an even number each has a twin when training begins, and
    the two are nothing together."""
    inn, rank = matrix(info)
    if rank % 2:
        raise NoFit(ODD_HRA)
    return Shape("hra", 0, inn, _POINT, rank, (OwnObject("rot.in", inn),))


def _glora(tensors: Mapping[str, TensorInfo]) -> Shape:
    """W·a1·a2 + b1·b2; in an old layout each has the other's place."""
    (inn, rank), other = matrix(tensors["glora_a1"]), matrix(tensors["glora_a2"])
    up, down = tensors["glora_b1"], tensors["glora_b2"]
    if inn < rank:
        (inn, rank), other = other, (inn, rank)
        up, down = down, up
    (out, up_rank), (down_rank, width, kernel) = matrix(up), kernel_of(down)
    for one in (other[0], up_rank, down_rank):
        agree(one, rank)
    agree(other[1], inn)
    agree(width, inn)
    return Shape("glora", out, inn, kernel, rank, (OwnObject("", 0), OwnObject("glora.in", inn)))


def _vera(scale: TensorInfo, other: TensorInfo) -> Shape:
    """What the projections that strangers share are multiplied with. The second of the two begins
    alike for all, and is left out."""
    size = prod(scale.shape)
    if max(scale.shape, default=0) != size or max(other.shape, default=0) != prod(other.shape):
        raise NoFit("factors of a form that no known algorithm has")
    return Shape("vera", size, 0, _POINT, 0, (OwnObject("scale.out", size),))


def _spectrum(info: TensorInfo) -> Shape:
    """Some numbers of the Fourier transform of the update."""
    size = prod(info.shape)
    if max(info.shape, default=0) != size:
        raise NoFit("factors of a form that no known algorithm has")
    if size > _LARGEST_SPECTRUM:
        raise NoFit("factors larger than any known")
    return Shape("fourierft", 0, 0, _POINT, 0, (OwnObject("spectrum", size),))
