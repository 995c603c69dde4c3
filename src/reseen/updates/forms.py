"""The forms in which an update (ΔW) is held: never larger than what the file stores of it.

In goes a form, out come its projection (P ΔW Qᵀ) and its norm. What factors give in full can be a
thousand times what they are, so it is never made: a Kronecker product is projected factor by
factor, a Hadamard product and a stored matrix in blocks of rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod, sqrt
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from reseen.files.tensors import TensorInfo, rows_of
from reseen.files.values import Bytes, to_float32
from reseen.updates.cost import BLOCK

Matrix = NDArray[np.float32]
Rows = tuple[tuple[int, int], ...]
"""Rows of a layer, as ranges in order."""


@dataclass(frozen=True, slots=True, eq=False)
class LowRank:
    """ΔW = left @ right."""

    left: Matrix
    """(out, r)"""
    right: Matrix
    """(r, in*kh*kw)"""

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.left), self.right.shape[1]

    def project(self, left: Matrix, right: Matrix) -> Matrix:
        product: Matrix = (left @ self.left) @ (self.right @ right.T)
        return product

    def norm(self) -> float:
        return _product_norm(self.left, self.right)

    def dense(self) -> Matrix:
        return self.left @ self.right

    def times(self, factor: np.float32) -> LowRank:
        return LowRank(self.left * factor, self.right)

    def cut(self, rows: Rows) -> LowRank:
        left = taken(self.left, rows)
        # A split adapter stored in a fused layer is block-diagonal: drop the empty blocks.
        used = left.any(axis=0)
        if used.all() or not used.any() or not is_finite(self.right):
            return LowRank(left, self.right)
        return LowRank(left[:, used], self.right[used])

    def squares(self) -> NDArray[np.float64]:
        """The squared length of each row of ΔW."""
        gram = (self.right @ self.right.T).astype(np.float64)
        parts = [np.einsum("ij,ij->i", part @ gram, part) for part in _wide(self.left)]
        squares: NDArray[np.float64] = np.concatenate(parts)
        return squares


Factor = Matrix | LowRank
"""Of a Kronecker product: as stored, or itself a product."""


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
        out = _height(self.rows, self.first.shape[0] * self.second.shape[0])
        return out, self.first.shape[1] * self.second.shape[1]

    def project(self, left: Matrix, right: Matrix) -> Matrix:
        (o1, i1), (o2, columns) = self.first.shape, self.second.shape
        if self.rows is not None:
            left = _spread(left, self.rows, o1 * o2)
        cube = left.reshape(len(left), o1, o2)
        if o1 * columns <= o2 * i1:  # by whichever order needs the smaller matrix on the way
            both = _on_rows(_on_columns(cube, self.second), self.first)
        else:
            both = _on_columns(_on_rows(cube, self.first), self.second)
        product: Matrix = both.reshape(len(left), i1 * columns) @ right.T
        return product

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
            return replace(self, first=self.first.times(factor))
        return replace(self, first=self.first * factor)

    def cut(self, rows: Rows) -> Kronecker:
        step = self.second.shape[0]
        if isinstance(self.first, LowRank) or any(a % step or b % step for a, b in rows):
            return replace(self, rows=rows)
        blocks = tuple((start // step, stop // step) for start, stop in rows)
        return Kronecker(taken(self.first, blocks), self.second)


class InBlocks(ABC):
    """ΔW = factor * a matrix that is made in blocks of rows."""

    __slots__ = ()
    factor: float

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]: ...

    @abstractmethod
    def blocks(self) -> Iterator[tuple[int, Matrix]]:
        """The matrix without the factor: where each block begins, and the block."""

    def project_and_norm(self, left: Matrix, right: Matrix) -> tuple[Matrix, float]:
        sums = np.zeros((len(left), self.shape[1]), np.float32)
        total = 0.0
        for at, block in self.blocks():
            sums += left[:, at : at + len(block)] @ block
            total += norm_of(block) ** 2
        factor = np.float32(self.factor)
        product: Matrix = (sums @ right.T) * factor
        return product, _root(total) * abs(float(factor))

    def project(self, left: Matrix, right: Matrix) -> Matrix:
        return self.project_and_norm(left, right)[0]

    def norm(self) -> float:
        total = sum(norm_of(block) ** 2 for _, block in self.blocks())
        return _root(total) * abs(self.factor)

    def dense(self) -> Matrix:
        return np.concatenate([block for _, block in self.blocks()]) * np.float32(self.factor)


@dataclass(frozen=True, slots=True, eq=False)
class Hadamard(InBlocks):
    """ΔW = factor * one * other, number by number."""

    one: LowRank
    other: LowRank
    factor: float = 1.0

    @property
    def shape(self) -> tuple[int, int]:
        return self.one.shape

    def blocks(self) -> Iterator[tuple[int, Matrix]]:
        step = _step(self.shape[1])
        for at in range(0, self.shape[0], step):
            some = slice(at, at + step)
            made: Matrix = self.one.left[some] @ self.one.right
            made *= self.other.left[some] @ self.other.right
            yield at, made

    def times(self, factor: np.float32) -> Hadamard:
        return replace(self, factor=self.factor * float(factor))

    def cut(self, rows: Rows) -> Hadamard:
        one, other = (LowRank(taken(x.left, rows), x.right) for x in (self.one, self.other))
        return Hadamard(one, other, self.factor)


@dataclass(frozen=True, slots=True, eq=False)
class Stored(InBlocks):
    """ΔW = factor * the matrix that is stored, turned into numbers a block at a time."""

    info: TensorInfo
    data: Bytes
    rows: Rows | None = None
    factor: float = 1.0

    @property
    def shape(self) -> tuple[int, int]:
        whole = self.info.shape[0]
        return _height(self.rows, whole), prod(self.info.shape[1:])

    def blocks(self) -> Iterator[tuple[int, Matrix]]:
        view, step, at = memoryview(self.data), _step(self.shape[1]), 0
        for start, stop in self.rows or ((0, self.info.shape[0]),):
            for first in range(start, stop, step):
                count = min(step, stop - first)
                some = rows_of(self.info, first, count)
                begin = some.start - self.info.start
                yield at, to_float32(some, view[begin : begin + some.length])
                at += count

    def times(self, factor: np.float32) -> Stored:
        return replace(self, factor=self.factor * float(factor))

    def cut(self, rows: Rows) -> Stored:
        return replace(self, rows=rows)


@dataclass(frozen=True, slots=True, eq=False)
class Dense:
    """ΔW itself, where no smaller form holds it."""

    matrix: Matrix
    """(out, in*kh*kw)"""

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.matrix), self.matrix.shape[1]

    def project(self, left: Matrix, right: Matrix) -> Matrix:
        sums: Matrix = left @ self.matrix
        product: Matrix = sums @ right.T
        return product

    def norm(self) -> float:
        return norm_of(self.matrix)

    def dense(self) -> Matrix:
        return self.matrix

    def times(self, factor: np.float32) -> Dense:
        return Dense(self.matrix * factor)

    def cut(self, rows: Rows) -> Dense:
        return Dense(taken(self.matrix, rows))


Form = LowRank | Kronecker | Hadamard | Stored | Dense


class Projected(Protocol):
    """What `project_and_norm` asks of any form."""

    def project(self, left: Matrix, right: Matrix) -> Matrix: ...

    def norm(self) -> float: ...


def project_and_norm(form: Projected, left: Matrix, right: Matrix) -> tuple[Matrix, float]:
    """Both at once: what is made in blocks is made once."""
    if isinstance(form, InBlocks):
        return form.project_and_norm(left, right)
    return form.project(left, right), form.norm()


def is_finite(matrix: Matrix) -> bool:
    """Whether every number is finite."""
    # A finite sum of squares proves it in one fast pass; an overflow proves nothing.
    with np.errstate(all="ignore"):
        flat = matrix.reshape(-1)
        return bool(np.isfinite(flat @ flat)) or bool(np.isfinite(flat).all())


def taken(matrix: Matrix, rows: Rows) -> Matrix:
    """Some rows of a matrix."""
    if len(rows) == 1:
        return matrix[rows[0][0] : rows[0][1]]
    return np.concatenate([matrix[start:stop] for start, stop in rows])


def norm_of(matrix: Matrix) -> float:
    """The Frobenius norm, summed in float64."""
    flat = matrix.reshape(-1)
    total = 0.0
    for start in range(0, flat.size, BLOCK):
        piece = flat[start : start + BLOCK].astype(np.float64)
        total += float(piece @ piece)
    return _root(total)


def _height(rows: Rows | None, all_rows: int) -> int:
    return all_rows if rows is None else sum(stop - start for start, stop in rows)


def _step(columns: int) -> int:
    return max(1, BLOCK // max(columns, 1))


def _root(total: float) -> float:
    return sqrt(total) if total >= 0 else total


def _spread(left: Matrix, rows: Rows, height: int) -> Matrix:
    """The columns of a projection put where the rows stand that they are for; else zero."""
    spread = np.zeros((len(left), height), np.float32)
    at = 0
    for start, stop in rows:
        spread[:, start:stop] += left[:, at : at + stop - start]
        at += stop - start
    return spread


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
    return np.concatenate([np.einsum("ij,ij->i", part, part) for part in _wide(factor)])


def _wide(matrix: NDArray[Any]) -> Iterator[NDArray[np.float64]]:
    """A matrix in float64, a block of rows at a time."""
    step = _step(matrix.shape[1])
    for at in range(0, len(matrix), step):
        yield matrix[at : at + step].astype(np.float64)


def _product_norm(left: Matrix, right: Matrix) -> float:
    """‖left @ right‖ by the two Gram matrices: ‖LR‖² = Σ (LᵀL)∘(RRᵀ).

    In float32 where that loses nothing that a float32 norm could show; in float64 where the
    numbers are extreme or the product nearly cancels. Where the factors are larger than their
    product, by the product, in blocks of rows.
    """
    rank, columns = right.shape
    if rank * rank > len(left) * columns:
        step = _step(columns)
        parts = (norm_of(left[at : at + step] @ right) for at in range(0, len(left), step))
        return _root(sum(part**2 for part in parts))
    total, size = _gram(left, right, np.float32)
    if not 1e-20 < size < 1e30 or total < 1e-3 * size:
        total, _ = _gram(left, right, np.float64)
    # Rounding can leave a tiny negative sum where the product cancels to nothing.
    return sqrt(total) if total > 0 else (0.0 if total <= 0 else total)


def _gram(left: Matrix, right: Matrix, kind: type[np.floating[Any]]) -> tuple[float, float]:
    """‖left @ right‖², and ‖left‖² times ‖right‖²: how large it could be."""
    rank = len(right)
    step = _step(rank)
    total, sizes = 0.0, [0.0, 0.0]
    for at in range(0, rank, step):
        some = slice(at, at + step)
        first, second = _some_of_gram(left, some, kind), _some_of_gram(right.T, some, kind)
        total += float(np.vdot(first, second))
        for number, gram in enumerate((first, second)):
            sizes[number] += float(gram.diagonal(at).sum())
    return total, sizes[0] * sizes[1]


def _some_of_gram(
    matrix: Matrix, which: slice, kind: type[np.floating[Any]]
) -> NDArray[np.float64]:
    """Some rows of matrixᵀ @ matrix."""
    if kind is np.float32:
        return (matrix[:, which].T @ matrix).astype(np.float64)
    step = _step(matrix.shape[1])
    parts = (matrix[at : at + step].astype(kind) for at in range(0, len(matrix), step))
    return sum((part[:, which].T @ part for part in parts), np.zeros((), np.float64))
