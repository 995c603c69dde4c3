"""The numbers of one module of a sketch, from its update, before anything is rounded.

S = P ΔW Qᵀ, with P and Q of signs drawn from the module's name, and the norm; and where they are
asked for, the column space of ΔW and the up factor: see docs/sketch.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from reseen.fingerprints.signs import (
    COLUMNS,
    OTHER_ROWS,
    RANKS,
    ROWS,
    Floats,
    directions,
    signs,
    stored_signs,
)
from reseen.updates.column_space import ColumnSpace, of_columns, of_factors, of_sums
from reseen.updates.cost import MOST_FACTORS
from reseen.updates.forms import LowRank, are_told, project_and_norm
from reseen.updates.modules import RowsWithin
from reseen.updates.update import Update

SIDE = 8
"""Rows of P and of Q: S is SIDE x SIDE."""
NUMBERS = SIDE * SIDE
_LARGEST_NORM = float(np.finfo(np.float32).max)
"""What a stored norm can hold. A matrix can be made whose S is small beside it."""
_JOINT = 32
"""Ranks below which one product is faster than two, of which one is symmetric."""

_Wide = NDArray[np.float64]


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
    if place is None and isinstance(form, LowRank) and is_told_by_grams(form):
        told = _by_itself(update, form, components)
        if told is not None:
            return told
    with np.errstate(all="ignore"):
        if place is not None or not components:
            return _checked(Module(update.name, *project_and_norm(form, left, right)))
        other = signs(OTHER_ROWS, update.name, rows)
        if isinstance(form, LowRank) and len(form.right) <= MOST_FACTORS:
            return _of_factors(update, form, left, right, other)
        return _of_columns(update, left, right, other)


def is_told_by_grams(form: LowRank) -> bool:
    """Whether the factors are smaller than what they make: then the products of each with itself
    tell its norm."""
    rank, (out, columns) = len(form.right), form.shape
    return 0 < rank <= MOST_FACTORS and rank * rank <= out * columns


@dataclass(frozen=True, slots=True, eq=False)
class ModulesOf:
    """What came of several."""

    modules: list[Module | None]
    """None of what sums in float32 do not tell: it is zero, not finite, extreme, or cancels."""
    up_grams: _Wide
    """(n, rank, rank): the products of the columns of the up factors with each other."""
    down_grams: _Wide
    """The same of the rows of the down factors."""


def modules_of(
    names: Sequence[str], ups: Floats, downs: Floats, factors: Floats, *, components: bool
) -> ModulesOf:
    """The numbers of several updates of one size, each factor * up @ down. `ups`: (n, out, rank);
    `downs`: (n, rank + SIDE, columns), of which the last SIDE rows are written to. `components`:
    with column space, and with up factor."""
    count, rank = len(names), ups.shape[2]
    with np.errstate(all="ignore"):
        contexts = (ROWS, OTHER_ROWS) if components else (ROWS,)
        left = np.empty((count, len(contexts), SIDE, ups.shape[1]), np.float32)
        for n, name in enumerate(names):
            for at, context in enumerate(contexts):
                left[n, at] = stored_signs(context, name, ups.shape[1])
        for n, name in enumerate(names):
            downs[n, rank:] = stored_signs(COLUMNS, name, downs.shape[2])
        projected = left.reshape(count, -1, ups.shape[1]) @ ups
        down, on_right = _with_itself(downs, rank)
        s = projected[:, :SIDE] @ on_right * factors[:, None, None]
        up_grams = (ups.swapaxes(1, 2) @ ups).astype(np.float64)
        down_grams = down.astype(np.float64)
        totals = np.einsum("nij,nij->n", up_grams, down_grams)
        widths, heights = np.einsum("nii->ni", up_grams), np.einsum("nii->ni", down_grams)
        sizes = widths.sum(axis=1) * heights.sum(axis=1)
        norms = np.sqrt(totals) * np.abs(factors.astype(np.float64))
        told = are_told(totals, sizes) & (norms > 0) & (norms <= _LARGEST_NORM)
        # What is zero in float32 may only be too small for it.
        told &= (widths > 0).all(axis=1) & (heights > 0).all(axis=1) & np.isfinite(s).all((1, 2))
        spaces: list[ColumnSpace | None] = [None] * count
        raised: list[Floats | None] = [None] * count
        if components:
            both = projected.astype(np.float64)
            spaces = of_sums(up_grams, down_grams, totals, sizes, both)
            told &= np.array([space is not None for space in spaces])
            raised = [_up(name, projected[n, :SIDE]) for n, name in enumerate(names)]
    modules = [
        Module(name, s[n], float(norms[n]), spaces[n], raised[n]) if told[n] else None
        for n, name in enumerate(names)
    ]
    return ModulesOf(modules, up_grams, down_grams)


def _by_itself(update: Update, form: LowRank, components: bool) -> Module | None:
    """None where sums in float32 do not tell it."""
    room = np.empty((SIDE, form.shape[1]), np.float32)
    downs = np.concatenate((form.right, room))[None]
    factors = np.array([form.factor], np.float32)
    made = modules_of([update.name], form.left[None], downs, factors, components=components)
    found = made.modules[0]
    return found if found is None or update.plain else replace(found, up=None)


def _with_itself(downs: Floats, rank: int) -> tuple[Floats, Floats]:
    """The down factors by themselves, and by the signs below them."""
    if rank >= _JOINT:
        factors = downs[:, :rank]
        return factors @ factors.swapaxes(1, 2), factors @ downs[:, rank:].swapaxes(1, 2)
    both = downs[:, :rank] @ downs.swapaxes(1, 2)
    return both[:, :, :rank], both[:, :, rank:]


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
    ranks = stored_signs(RANKS, name, MOST_FACTORS)[:, : projected.shape[1]]
    made: Floats = projected @ ranks.astype(np.float32).T
    return made if np.isfinite(made).all() else None
