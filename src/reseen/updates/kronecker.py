"""LoKr: an update that is a Kronecker product, projected factor by factor."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from reseen.updates.forms import LowRank, Matrix, Rows, height_of, norm_of, taken, wide

Factor = Matrix | LowRank
"""As stored, or itself a product, whose own factor is 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Kronecker:
    """ΔW = kron(first, second), or some of its rows."""

    first: Factor
    """(o1, i1)"""
    second: Factor
    """(o2, i2*kh*kw), with out = o1*o2 and in = i1*i2"""
    rows: Rows | None = None

    @property
    def shape(self) -> tuple[int, int]:
        out = height_of(self.rows, self.first.shape[0] * self.second.shape[0])
        return out, self.first.shape[1] * self.second.shape[1]

    def project(self, left: Matrix, right: Matrix) -> Matrix:
        (o1, i1), (o2, columns) = self.first.shape, self.second.shape
        if self.rows is not None:
            left = _spread(left, self.rows, o1 * o2)
        both = _on_both(left.reshape(len(left), o1, o2), self.first, self.second)
        product: Matrix = both.reshape(len(left), i1 * columns) @ right.T
        return product

    def on_right(self, right: Matrix) -> tuple[Matrix, float]:
        """ΔW @ right.T, and the norm."""
        (o1, i1), (o2, columns) = self.first.shape, self.second.shape
        cube = right.reshape(len(right), i1, columns)
        both = _on_both(cube, _turned(self.first), _turned(self.second))
        made = both.reshape(len(right), o1 * o2).T
        return made if self.rows is None else taken(made, self.rows), self.norm()

    def norm(self) -> float:
        if self.rows is None:
            return _norm_of(self.first) * _norm_of(self.second)
        squares = np.multiply.outer(_squares(self.first), _squares(self.second)).reshape(-1)
        return sqrt(float(sum(squares[start:stop].sum() for start, stop in self.rows)))

    def dense(self) -> Matrix:
        whole: Matrix = np.kron(_dense_of(self.first), _dense_of(self.second))
        return whole if self.rows is None else taken(whole, self.rows)

    def times(self, factor: np.float32) -> Kronecker:
        if isinstance(self.first, LowRank):
            return replace(self, first=replace(self.first, left=self.first.left * factor))
        return replace(self, first=self.first * factor)

    def cut(self, rows: Rows) -> Kronecker:
        step = self.second.shape[0]
        if isinstance(self.first, LowRank) or any(a % step or b % step for a, b in rows):
            return replace(self, rows=rows)
        blocks = tuple((start // step, stop // step) for start, stop in rows)
        return Kronecker(taken(self.first, blocks), self.second)


def _spread(left: Matrix, rows: Rows, height: int) -> Matrix:
    """The columns of a projection put where the rows stand that they are for; else zero."""
    spread = np.zeros((len(left), height), np.float32)
    at = 0
    for start, stop in rows:
        spread[:, start:stop] += left[:, at : at + stop - start]
        at += stop - start
    return spread


def _on_both(cube: Matrix, first: Factor, second: Factor) -> Matrix:
    """(m, a, b) by (a, i) and (b, j): (m, i, j), in whichever order needs the smaller matrix on the
    way."""
    if first.shape[0] * second.shape[1] <= second.shape[0] * first.shape[1]:
        return _on_rows(_on_columns(cube, second), first)
    return _on_columns(_on_rows(cube, first), second)


def _turned(factor: Factor) -> Factor:
    return LowRank(factor.right.T, factor.left.T) if isinstance(factor, LowRank) else factor.T


def _on_columns(cube: Matrix, factor: Factor) -> Matrix:
    """(m, a, o) by (o, i): (m, a, i)."""
    if isinstance(factor, LowRank):
        cube = cube @ factor.left
        factor = factor.right
    product: Matrix = cube @ factor
    return product


def _on_rows(cube: Matrix, factor: Factor) -> Matrix:
    """(m, o, b) by (o, i): (m, i, b)."""
    if isinstance(factor, LowRank):
        cube = factor.left.T @ cube
        factor = factor.right
    product: Matrix = factor.T @ cube
    return product


def _norm_of(factor: Factor) -> float:
    return factor.norm() if isinstance(factor, LowRank) else norm_of(factor)


def _dense_of(factor: Factor) -> Matrix:
    return factor.dense() if isinstance(factor, LowRank) else factor


def _squares(factor: Factor) -> NDArray[np.float64]:
    if isinstance(factor, LowRank):
        return factor.squares()
    return np.concatenate([np.einsum("ij,ij->i", part, part) for part in wide(factor)])
