"""What is sketched of adapters that multiply the base weight: their own objects."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod, sqrt

import numpy as np

from reseen.updates.forms import Dense, LowRank, Matrix, taken
from reseen.updates.plan import ModulePlan
from reseen.updates.projections import factors_of
from reseen.updates.rotations import (
    BlockDiagonal,
    Blocks,
    Butterfly,
    cayley,
    folded,
    neumann,
    reflections,
    unpacked,
)

OwnForm = BlockDiagonal | Butterfly | LowRank | Dense


_CENTRED = frozenset(("ia3", "boft", "beside"))
"""Algorithms of whose vectors strangers share the mean: they are all about one, or all a little
larger."""


def own_form(module: ModulePlan, roles: Mapping[str, Matrix], *, centred: bool = False) -> OwnForm:
    """The object `module.what`, cut to the rows that it has; `centred` as in `read_update`."""
    match module.what:
        case "rot.out":
            return _rotated_output(module, roles)
        case "rot.in" if "oft_r" in roles:
            skew = unpacked(roles["oft_r"])
            if "scaled" in roles:  # OneTrainer
                skew /= np.float32(2 * sqrt(skew.shape[1] - 1))
            return BlockDiagonal(neumann(-skew))  # W Rᵀ
        case "rot.in" if "boft_r" in roles:
            # W Rᵀ, and PEFT's R is of the other sign than LyCORIS': the two cancel.
            blocks = roles["boft_r"]
            side = blocks.shape[-1]
            skew = (blocks - _swapped(blocks)) * np.float32(0.5)
            made = cayley(skew.reshape(-1, side, side))
            if len(blocks) == 1:
                return BlockDiagonal(made)
            return Butterfly(made.reshape(blocks.shape), of_input=True)
        case "rot.in":
            return reflections(_flat(roles["hra_u"]))
        case "" if module.algorithm == "vera":
            out = len(roles["vera_b"].reshape(-1))
            inn = prod(module.shape[1:])
            return LowRank(*factors_of(roles, (out, inn), module.drawn))
        case "" | "glora.in":
            return _glora(module.what, roles)
        case _:
            vector = _vector(module.what, roles)
            if centred and module.algorithm in _CENTRED:
                vector = np.asarray(vector - vector.mean(dtype=np.float64), vector.dtype)
            return Dense(folded(vector if module.rows is None else taken(vector, module.rows)))


def _rotated_output(module: ModulePlan, roles: Mapping[str, Matrix]) -> BlockDiagonal | Butterfly:
    """LyCORIS and kohya. Alpha bounds the rotation (COFT), a number for each row scales it."""
    blocks = roles["oft_blocks"]
    *_, count, side, _ = blocks.shape
    alpha = float(roles["alpha"].reshape(-1)[0]) if "alpha" in roles else 0.0
    constraint = alpha * count * side if np.isfinite(alpha) else 0.0
    rescale = roles["rescale"].reshape(-1) if "rescale" in roles else None
    if blocks.ndim == 4:  # several stages R, one after another
        made = cayley((blocks - _swapped(blocks)).reshape(-1, side, side), constraint)
        return Butterfly(made.reshape(blocks.shape), rescale)
    made = cayley(_swapped(blocks) - blocks, constraint)  # Rᵀ W
    if rescale is not None:
        scales = rescale.reshape(count, side)
        diagonal = np.arange(side)
        made *= scales[:, :, None]
        made[:, diagonal, diagonal] += scales - 1
    form = BlockDiagonal(made)
    return form if module.rows is None else form.cut(module.rows)


def _glora(what: str, roles: Mapping[str, Matrix]) -> LowRank:
    """LyCORIS: b1 b2 is added, a1 a2 stands behind the weight; in an old layout 2 before 1."""
    first, second = ("a1", "a2") if what else ("b1", "b2")
    a1 = _flat(roles["glora_a1"])
    if a1.shape[0] < a1.shape[1]:
        first, second = second, first
    return LowRank(_flat(roles[f"glora_{first}"]), _flat(roles[f"glora_{second}"]))


def _vector(what: str, roles: Mapping[str, Matrix]) -> Matrix:
    """What is multiplied with, less what does nothing; or what is added to a bias or norm."""
    if what in roles:
        return roles[what].reshape(-1)
    for role in ("ia3_l", "boft_s"):
        if role in roles:
            return roles[role].reshape(-1) - 1
    role = next(role for role in ("ia3_weight", "vera_b", "spectrum") if role in roles)
    return roles[role].reshape(-1)


def _swapped(blocks: Blocks) -> Blocks:
    return blocks.swapaxes(-1, -2)


def _flat(array: Matrix) -> Matrix:
    return array.reshape(len(array), -1)
