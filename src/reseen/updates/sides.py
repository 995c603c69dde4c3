"""What the tensors of a layer make, by their shapes alone: the words for it, and how a tensor's
sides are read."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt, prod

from reseen.files.tensors import TensorInfo


@dataclass(frozen=True, slots=True)
class Shape:
    """What one layer's tensors make."""

    algorithm: str
    """lora, adalora, loha, lokr or full; or one of `OWN`."""
    out: int
    """0 where the tensors do not say it, as only those of `OWN` may."""
    inn: int
    """Input width where the shapes tell it; else all columns. 0 as `out`."""
    kernel: tuple[int, int]
    rank: int
    """0 where the algorithm has none."""
    own: tuple[OwnObject, ...] = ()
    """What is sketched of the layer, of those of `OWN`."""

    @property
    def columns(self) -> int:
        return self.inn * self.kernel[0] * self.kernel[1]


@dataclass(frozen=True, slots=True)
class OwnObject:
    """What an adapter of `OWN` does to a layer, as a matrix that needs no base weight."""

    what: str
    """Written behind the module's name: rot.out, rot.in, scale.out, scale.in, scale, glora.in,
    spectrum, bias, norm, norm.bias; empty for what is added to the weight."""
    size: int
    """Rows of a square matrix, or numbers of a vector; 0 for what is added to the weight."""
    block: int = 0
    """Rows of the blocks along the diagonal; 0 for none: it is not cut."""


OWN = ("oft", "boft", "ia3", "hra", "glora", "vera", "fourierft", "beside")
"""Algorithms that multiply the base weight or share parts with strangers: of them what they are
made of is sketched, and not the update."""


DISAGREE = "factors whose ranks do not agree"


class NoFit(Exception):
    """The shapes contradict each other; the text says how. Caught in `shapes.shape_of`."""


def matrix(info: TensorInfo) -> tuple[int, int]:
    """Two sides of a matrix. Whatever follows the first dimension is one side, as in the loaders
    (`flatten(start_dim=1)` in ComfyUI): a 1x1 kernel, or any other way to write it."""
    if len(info.shape) < 2:
        raise NoFit("factors of a form that no known algorithm has")
    return info.shape[0], prod(info.shape[1:])


def kernel_of(info: TensorInfo) -> tuple[int, int, tuple[int, int]]:
    """Two sides and the kernel of a matrix or a convolution; other forms as `_matrix` has them."""
    match info.shape:
        case (out, inn, height, width):
            return out, inn, (height, width)
    return (*matrix(info), (1, 1))


def agree(one: int, other: int) -> None:
    if one != other:
        raise NoFit(DISAGREE)


def folded_shape(size: int) -> tuple[int, int]:
    """Rows and columns of a vector that is laid out as a matrix nearly square."""
    width = isqrt(max(size, 1) - 1) + 1
    return -(-size // width), width
