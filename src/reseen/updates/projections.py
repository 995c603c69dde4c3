"""VeRA as the update that it makes: diag(b) B diag(d) A; all layers share the projections A and B.

Its scales alone (`own_objects`) know a copy as it is. But whoever scales the rows of a stored B
against b has other scales and the same update, and so has who makes a plain LoRA of it: so the
update is a second sketch of the file. Where the projections are not saved they are drawn as PEFT
draws them, from the key of the configuration (`projection_prng_key`, 0 if none is said), as large
as the file's largest layers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import prod, sqrt

import numpy as np
from numpy.typing import NDArray

from reseen.files.tensors import TensorInfo
from reseen.updates.canonical import Naming
from reseen.updates.file_layer import FileLayer
from reseen.updates.modules import DrawnProjections, ModulePlan
from reseen.updates.names.suffixes import split

ROLE = "vera"
"""Of both projections in a file (`suffixes`)."""
_LARGEST_DRAWN = 1 << 23
"""Numbers of both that are drawn: rank 256 of the widest layers known has 5 million."""

Matrix = NDArray[np.float32]


def projected(
    layers: Sequence[FileLayer], naming: Naming, tensors: Sequence[TensorInfo], key: int
) -> tuple[ModulePlan, ...]:
    """The modules of layers of VeRA as updates, sorted by name; empty where the projections are in
    a form that is not known. `tensors`: of the file."""
    mine = [layer for layer in layers if layer.shape.algorithm == "vera"]
    if not mine:
        return ()
    stored = saved(tensors)
    if stored is None:
        return ()
    drawn = None
    if stored:
        (rank, inn), (out, _) = stored["vera_first"].shape, stored["vera_second"].shape
    else:
        rank = prod(mine[0].tensors["vera_d"].shape)
        inn, out = (max(getattr(la.shape, side) for la in mine) for side in ("inn", "out"))
        drawn = DrawnProjections(key, rank, inn, out)
        if drawn.numbers > _LARGEST_DRAWN:
            return ()
    found: dict[str, ModulePlan] = {}
    for layer in mine:
        shape = layer.shape
        fits = shape.inn <= inn and shape.out <= out
        if not fits or prod(layer.tensors["vera_d"].shape) != rank:
            continue
        for piece in naming.pieces(layer) or ():
            module = ModulePlan(
                name=piece.name,
                source=f"{layer.source}#projected",
                algorithm="vera",
                shape=piece.shape,
                rank=rank,
                tensors={**layer.tensors, **stored},
                rows=piece.rows,
                drawn=drawn,
            )
            found.setdefault(piece.name, module)
    return tuple(found[name] for name in sorted(found))


def saved(tensors: Sequence[TensorInfo]) -> dict[str, TensorInfo] | None:
    """The projections that a file holds, by role; empty where it holds none, None where they are
    not one of each."""
    by_name = {"vera_A": "vera_first", "vera_B": "vera_second"}
    found: dict[str, TensorInfo] = {}
    for info in tensors:
        said = split(info.name)
        if said is None or said.role != ROLE:
            continue
        role = next(role for name, role in by_name.items() if name in info.name)
        if role in found or len(info.shape) != 2:
            return None
        found[role] = info
    if found and (len(found) < 2 or found["vera_first"].shape[0] != found["vera_second"].shape[1]):
        return None
    return found


def factors_of(
    roles: Mapping[str, Matrix], shape: tuple[int, int], drawn: DrawnProjections | None
) -> tuple[Matrix, Matrix]:
    """The two factors of an update (out, in)."""
    first, second = (
        _drawn(drawn) if drawn is not None else (roles["vera_first"], roles["vera_second"])
    )
    out, inn = shape
    left: Matrix = second[:out] * roles["vera_b"].reshape(-1, 1)
    right: Matrix = first[:, :inn] * roles["vera_d"].reshape(-1, 1)
    return left, right


@lru_cache(1)
def _drawn(which: DrawnProjections) -> tuple[Matrix, Matrix]:
    """A and B of one generator, in this order: uniform, up to the root of 6 by the columns. torch's
    generator of a CPU is the Mersenne Twister that numpy has."""
    random = np.random.RandomState(which.key)

    def uniform(rows: int, columns: int) -> Matrix:
        bound = sqrt(6 / columns)
        bits = random.randint(0, 1 << 32, rows * columns, np.uint32) & 0xFFFFFF
        numbers = bits.astype(np.float32) * np.float32(2**-24)
        numbers *= np.float32(2 * bound)
        numbers -= np.float32(bound)
        return numbers.reshape(rows, columns)

    return uniform(which.rank, which.inn), uniform(which.out, which.rank)
