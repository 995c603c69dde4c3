"""The numbers of one module of a sketch, from its update, before anything is rounded.

S = P ΔW Qᵀ, with P and Q of signs drawn from the module's name, and the norm; and where they are
asked for, the column space of ΔW and the up factor: see docs/sketch.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from reseen.fingerprints.signs import (
    COLUMNS,
    OTHER_ROWS,
    RANKS,
    ROWS,
    Floats,
    directions,
    signs,
)
from reseen.updates.column_space import ColumnSpace, of_columns, of_factors
from reseen.updates.cost import MOST_FACTORS
from reseen.updates.forms import LowRank, project_and_norm
from reseen.updates.modules import RowsWithin
from reseen.updates.update import Update

SIDE = 8
"""Rows of P and of Q: S is SIDE x SIDE."""
NUMBERS = SIDE * SIDE
_LARGEST_NORM = float(np.finfo(np.float32).max)
"""What a stored norm can hold. A matrix can be made whose S is small beside it."""


@dataclass(frozen=True, slots=True)
class Module:
    """What one module gives: exact, before anything is rounded."""

    name: str
    """Canonical."""
    s: Floats
    """(8, 8): P ΔW Qᵀ."""
    norm: float
    """Frobenius norm of ΔW."""
    space: ColumnSpace | None = None
    """The column space of ΔW: P Π P'ᵀ."""
    up: Floats | None = None
    """(8, 8): P B Gᵀ, B the up factor of a plain LoRA."""


def module(
    update: Update, place: RowsWithin | None = None, *, components: bool = False
) -> Module | None:
    """The numbers of one update; None for one that is zero or not finite. `place`: where it stands
    in the layer of that name, of which it is a part: the matrices of all parts add up to the
    layer's, and it has no components. `components`: with column space and up factor; not for
    objects of their own."""
    rows, columns = update.shape[0], update.shape[1] * update.shape[2] * update.shape[3]
    left = signs(ROWS, update.name, rows if place is None else place.height)
    if place is not None:
        left = np.concatenate([left[:, start:stop] for start, stop in place.rows], axis=1)
    right = signs(COLUMNS, update.name, columns)
    form = update.form
    with np.errstate(all="ignore"):
        if place is not None or not components:
            return _checked(Module(update.name, *project_and_norm(form, left, right)))
        other = signs(OTHER_ROWS, update.name, rows)
        if isinstance(form, LowRank) and len(form.right) <= MOST_FACTORS:
            return _of_factors(update, form, left, right, other)
        return _of_columns(update, left, right, other)


def _of_factors(
    update: Update, form: LowRank, left: Floats, right: Floats, other: Floats
) -> Module | None:
    both = np.concatenate((left, other))
    projected, grams = both @ form.left, form.grams(np.float32)
    s = projected[:SIDE] @ (form.right @ right.T) * np.float32(form.factor)
    made = _checked(Module(update.name, s, form.norm(grams)))
    if made is None:
        return None
    up = _up(update.name, projected[:SIDE]) if update.plain else None
    space = of_factors(form, both, projected, grams)
    if space is not None:
        return Module(made.name, made.s, made.norm, space, up)
    found = _of_columns(update, left, right, other)
    return found and replace(found, up=up)


def _of_columns(update: Update, left: Floats, right: Floats, other: Floats) -> Module | None:
    ways = directions(update.name, right.shape[1])
    on_right, norm = update.on_right(np.concatenate((right, ways)))
    made = _checked(Module(update.name, left @ on_right[:, :SIDE], norm))
    return made and replace(made, space=of_columns(on_right[:, SIDE:], left, other))


def _checked(made: Module) -> Module | None:
    return made if 0 < made.norm <= _LARGEST_NORM and np.isfinite(made.s).all() else None


def _up(name: str, projected: Floats) -> Floats | None:
    ranks = signs(RANKS, name, MOST_FACTORS)[:, : projected.shape[1]]
    made: Floats = projected @ ranks.T
    return made if np.isfinite(made).all() else None
