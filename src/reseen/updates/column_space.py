"""The column space of an update: in which directions it moves a layer's output, not how far.

In go an update's factors, or what it makes of some directions, and two projections P and P'; out
come P Π P'ᵀ and the rank, where Π = ΔW ΔWᵀ (ΔW ΔWᵀ + ετI)⁻¹, τ = ‖ΔW‖². Π is the projection on
the columns of ΔW, but for those that are less than a ten thousandth of it: these fade out, and
nobody must decide whether they count. A part of a merge is inside it whatever its weight.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reseen.updates.cost import BLOCK
from reseen.updates.forms import Grams, LowRank, Matrix, traces

FADING = 1e-8
"""ε: a direction counts half whose square is this part of the square of all together."""

MOST_CANCELLED = 1e-6
"""How small a part of its factors, by their squares, a product may be that they still tell."""
_FADED = 1e-4
"""How much of the rank may fade for sums in float32 to tell as much as those in float64..."""
_WIDTH = 1e4
"""... and how many times an up factor may be larger than its smallest directions, squared."""

_Kind = type[np.float32] | type[np.float64]
_Wide = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ColumnSpace:
    numbers: Matrix
    """(m, m): P Π P'ᵀ."""
    rank: int
    """The trace of Π, rounded."""


def of_factors(form: LowRank, both: Matrix, projected: Matrix, grams: Grams) -> ColumnSpace | None:
    """Of B A, whatever it is multiplied by. None where the factors cancel each other so far that
    they do not tell it; then their product has to. `both`: P and P'; `projected`: of B by these;
    `grams`: in float32, which mostly do."""
    with np.errstate(all="ignore"):
        found = _one(grams, projected.astype(np.float64), np.float32)
        if found is None:
            exact = form.grams(np.float64)
            found = _one(exact, _projected(form.left, both), np.float64)
        return found


def of_sums(
    up: _Wide, down: _Wide, totals: _Wide, sizes: _Wide, projected: _Wide
) -> list[ColumnSpace | None]:
    """Of several products of one size, by sums in float32; None where these do not tell it. As in
    `Grams`, of each; `projected`: of each up factor by P and P'."""
    return _by_sums(up, down, totals, sizes, projected, np.float32)


def of_columns(columns: Matrix, left: Matrix, other: Matrix) -> ColumnSpace | None:
    """Of the columns of a matrix. None where they are zero, or not finite."""
    with np.errstate(all="ignore"):
        gram = np.zeros((columns.shape[1],) * 2)
        for _, some in _wide(columns):
            gram += some.T @ some
        return _solved(gram, _projected(columns, np.concatenate((left, other))))


def _one(grams: Grams, projected: _Wide, kind: _Kind) -> ColumnSpace | None:
    total, size = np.array([grams.total]), np.array([grams.size])
    return _by_sums(grams.up[None], grams.down[None], total, size, projected[None], kind)[0]


def _by_sums(
    up: _Wide, down: _Wide, totals: _Wide, sizes: _Wide, projected: _Wide, kind: _Kind
) -> list[ColumnSpace | None]:
    """Π is B·A Aᵀ (Bᵀ B·A Aᵀ + ετI)⁻¹ Bᵀ. Of sums in float32 none where they would not do."""
    count, rank = up.shape[:2]
    fading: _Wide = FADING * totals
    product = up @ down
    np.einsum("nii->ni", product)[:] += fading[:, None]
    try:
        inverse = np.linalg.inv(product)
    except np.linalg.LinAlgError:  # of any of them
        if count == 1:
            return [None]
        each = [slice(n, n + 1) for n in range(count)]
        return [_by_sums(up[n], down[n], totals[n], sizes[n], projected[n], kind)[0] for n in each]
    middle = down @ inverse
    faded = fading * traces(inverse)
    told = totals > MOST_CANCELLED * sizes / rank
    if kind is np.float32:
        widths = traces(up) * traces(middle)
        told &= (sizes > 1e-20) & (sizes < 1e30) & (np.abs(faded) < _FADED)
        told &= (widths > 0) & (widths < _WIDTH * rank)
    half = projected.shape[1] // 2
    numbers = projected[:, :half] @ middle @ projected[:, half:].swapaxes(1, 2)
    return [_made(numbers[n], rank - float(faded[n])) if told[n] else None for n in range(count)]


def _solved(gram: _Wide, projected: _Wide) -> ColumnSpace | None:
    """Of columns of which these are the products with each other, and with P and P'."""
    rank, half = len(gram), len(projected) // 2
    fading = FADING * float(gram.trace())
    gram = (gram + gram.T) / 2
    gram.flat[:: rank + 1] += fading
    try:
        solved = np.linalg.solve(gram, np.concatenate((projected[half:].T, np.eye(rank)), axis=1))
    except np.linalg.LinAlgError:
        return None
    counted = rank - fading * float(solved[:, half:].trace())
    return _made(projected[:half] @ solved[:, :half], counted) if fading > 0 else None


def _made(numbers: _Wide, rank: float) -> ColumnSpace | None:
    if not (np.isfinite(numbers).all() and np.isfinite(rank)):
        return None
    return ColumnSpace(numbers.astype(np.float32), max(0, round(rank)))


def _projected(matrix: Matrix, both: Matrix) -> _Wide:
    made = np.zeros((len(both), matrix.shape[1]))
    for at, some in _wide(matrix):
        made += both[:, at : at + len(some)] @ some
    return made


def _wide(matrix: Matrix) -> Iterator[tuple[int, _Wide]]:
    """Rows in float64, a part at a time, and where they begin."""
    step = max(1, BLOCK // 4 // max(1, matrix.shape[1]))
    for at in range(0, len(matrix), step):
        yield at, matrix[at : at + step].astype(np.float64)
