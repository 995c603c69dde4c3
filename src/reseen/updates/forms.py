"""The forms in which an update (ΔW) is held: never larger than what the file stores of it.

In goes a form, out come its projection (P ΔW Qᵀ) and its norm. What factors give in full can be a
thousand times what they are, so it is never made: a Hadamard product and a stored matrix are
projected in blocks of rows, a Kronecker product (`kronecker`) factor by factor.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod, sqrt
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from reseen.files.tensors import TensorInfo, rows_of
from reseen.files.values import Bytes, to_float32
from reseen.updates.cost import BLOCK

Matrix = NDArray[np.float32]
Rows = tuple[tuple[int, int], ...]
"""Rows of a layer, as ranges in order."""


class Grams(NamedTuple):
    """The products of the columns of B with each other and of the rows of A, in ΔW = B A."""

    up: NDArray[np.float64]
    down: NDArray[np.float64]
    total: float
    """‖B A‖²."""
    size: float
    """‖B‖² ‖A‖²: how large that could be."""


@dataclass(frozen=True, slots=True, eq=False)
class LowRank:
    """ΔW = factor * left @ right."""

    left: Matrix
    """(out, r)"""
    right: Matrix
    """(r, in*kh*kw)"""
    factor: float = 1.0

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.left), self.right.shape[1]

    def project(self, left: Matrix, right: Matrix) -> Matrix:
        product: Matrix = (left @ self.left) @ (self.right @ right.T)
        return product * np.float32(self.factor)

    def on_right(self, right: Matrix) -> tuple[Matrix, float]:
        made: Matrix = self.left @ (self.right @ right.T)
        return made * np.float32(self.factor), self.norm()

    def norm(self, grams: Grams | None = None) -> float:
        """`grams`: in float32, where they are there."""
        return _product_norm(self.left, self.right, grams) * abs(self.factor)

    def grams(self, kind: type[np.floating[Any]]) -> Grams:
        """What tells the norm and the column space."""
        return _grams(self.left, self.right, kind)

    def dense(self) -> Matrix:
        return (self.left @ self.right) * np.float32(self.factor)

    def times(self, factor: np.float32) -> LowRank:
        return LowRank(self.left, self.right, self.factor * float(factor))

    def cut(self, rows: Rows) -> LowRank:
        left = taken(self.left, rows)
        # A split adapter stored in a fused layer is block-diagonal: drop the empty blocks.
        used = left.any(axis=0)
        if used.all() or not used.any() or not is_finite(self.right):
            return replace(self, left=left)
        return replace(self, left=left[:, used], right=self.right[used])

    def squares(self) -> NDArray[np.float64]:
        """The squared length of each row of ΔW."""
        gram = (self.right @ self.right.T).astype(np.float64)
        parts = [np.einsum("ij,ij->i", part @ gram, part) for part in wide(self.left)]
        squares: NDArray[np.float64] = np.concatenate(parts) * self.factor**2
        return squares


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

    def on_right(self, right: Matrix) -> tuple[Matrix, float]:
        """ΔW @ right.T, and the norm: what is made in blocks is made once for both."""
        made = np.empty((self.shape[0], len(right)), np.float32)
        total = 0.0
        for at, block in self.blocks():
            made[at : at + len(block)] = block @ right.T
            total += norm_of(block) ** 2
        factor = np.float32(self.factor)
        return made * factor, _root(total) * abs(float(factor))

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
        return height_of(self.rows, whole), prod(self.info.shape[1:])

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

    def on_right(self, right: Matrix) -> tuple[Matrix, float]:
        return self.matrix @ right.T, self.norm()

    def norm(self) -> float:
        return norm_of(self.matrix)

    def dense(self) -> Matrix:
        return self.matrix

    def times(self, factor: np.float32) -> Dense:
        return Dense(self.matrix * factor)

    def cut(self, rows: Rows) -> Dense:
        return Dense(taken(self.matrix, rows))


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


def height_of(rows: Rows | None, all_rows: int) -> int:
    return all_rows if rows is None else sum(stop - start for start, stop in rows)


def _step(columns: int) -> int:
    return max(1, BLOCK // max(columns, 1))


def _root(total: float) -> float:
    return sqrt(total) if total >= 0 else total


def wide(matrix: NDArray[Any]) -> Iterator[NDArray[np.float64]]:
    """A matrix in float64, a block of rows at a time."""
    step = _step(matrix.shape[1])
    for at in range(0, len(matrix), step):
        yield matrix[at : at + step].astype(np.float64)


def _product_norm(left: Matrix, right: Matrix, grams: Grams | None = None) -> float:
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
    total, size = _total(left, right, np.float32) if grams is None else (grams.total, grams.size)
    if not are_told(total, size):
        total, _ = _total(left, right, np.float64)
    # Rounding can leave a tiny negative sum where the product cancels to nothing.
    return sqrt(total) if total > 0 else (0.0 if total <= 0 else total)


def _total(left: Matrix, right: Matrix, kind: type[np.floating[Any]]) -> tuple[float, float]:
    """`Grams.total` and `Grams.size`, of Gram matrices that are made in parts."""
    rank = len(right)
    step = _step(rank)
    if step >= rank:
        grams = _grams(left, right, kind)
        return grams.total, grams.size
    total, sizes = 0.0, [0.0, 0.0]
    for at in range(0, rank, step):
        some = slice(at, at + step)
        first, second = _some_of_gram(left, some, kind), _some_of_gram(right.T, some, kind)
        total += float(np.vdot(first, second))
        for number, gram in enumerate((first, second)):
            sizes[number] += float(gram.diagonal(at).sum())
    return total, sizes[0] * sizes[1]


def _grams(left: Matrix, right: Matrix, kind: type[np.floating[Any]]) -> Grams:
    every = slice(None)
    up, down = _some_of_gram(left, every, kind), _some_of_gram(right.T, every, kind)
    return Grams(up, down, float(np.vdot(up, down)), trace(up) * trace(down))


_Figure = TypeVar("_Figure", float, NDArray[np.float64])


def are_told(total: _Figure, size: _Figure) -> Any:
    """Whether sums in float32 tell the norm, of one or of many: see `Grams`."""
    return (size > 1e-20) & (size < 1e30) & (total >= 1e-3 * size)


def traces(matrices: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """The same of several."""
    made: NDArray[np.float64] = np.einsum("nii->n", matrices)
    return made


def trace(matrix: NDArray[np.floating[Any]]) -> float:
    """The sum of the diagonal of a square one."""
    return float(matrix.ravel()[:: len(matrix) + 1].sum())


def _some_of_gram(
    matrix: Matrix, which: slice, kind: type[np.floating[Any]]
) -> NDArray[np.float64]:
    """Some rows of matrixᵀ @ matrix."""
    if kind is np.float32:
        return (matrix[:, which].T @ matrix).astype(np.float64)
    step = _step(matrix.shape[1])
    parts = (matrix[at : at + step].astype(kind) for at in range(0, len(matrix), step))
    return sum((part[:, which].T @ part for part in parts), np.zeros((), np.float64))
