"""What an adapter adds to biases and norms, of a file that has nothing else.

Beside updates of matrices they are counted and not read: a file that has both is known by those,
and what was removed before has no sketch of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import prod

from reseen.files.tensors import TensorInfo
from reseen.updates.file_layer import FileLayer
from reseen.updates.names.prefixes import place
from reseen.updates.names.suffixes import OTHER
from reseen.updates.shapes import NUMBERS, ONE_SIDED
from reseen.updates.sides import OwnObject, Shape

_ENDS = {
    "diff_b": ("bias", OTHER["bias"]),
    "w_norm": ("norm", OTHER["norm"]),
    "b_norm": ("norm.bias", OTHER["norm"]),
    "diff": ("norm", ONE_SIDED),
}
"""What it is, and what it was counted as."""
_FEWEST, _MOST = 64, 1 << 18
"""Numbers of one: fewer tell little, and no known layer has more."""


def beside(tensors: Sequence[TensorInfo], counts: Counter[str]) -> tuple[FileLayer, ...]:
    """A layer for each name that has them; they are no longer counted as not read."""
    found: dict[str, dict[str, TensorInfo]] = {}
    for info in tensors:
        source, _, end = info.name.rpartition(".")
        what, reason = _ENDS.get(end, ("", ""))
        size = prod(info.shape)
        if not source or not what or counts[reason] < 1 or info.dtype not in NUMBERS:
            continue
        if not _FEWEST <= size <= _MOST or size != max(info.shape):
            continue
        if end == "diff" and len(info.shape) != 1:
            continue
        if found.setdefault(source, {}).setdefault(what, info) is info:
            counts[reason] -= 1
    return tuple(
        FileLayer(source, place(source), "", roles, _shape(roles))
        for source, roles in found.items()
        if roles
    )


def _shape(roles: dict[str, TensorInfo]) -> Shape:
    own = tuple(OwnObject(what, prod(info.shape)) for what, info in roles.items())
    return Shape("beside", 0, 0, (1, 1), 0, own)
