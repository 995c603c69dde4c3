"""What adapters do that turn the base weight: M - I, where the layer becomes M W or W M.

The base weight is not needed for it. M is never made in full where blocks along its diagonal, or
factors, hold it. Formulas are those of LyCORIS and PEFT; each is named where it is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isqrt, sqrt

import numpy as np
from numpy.typing import NDArray

from reseen.updates.cost import PART
from reseen.updates.forms import LowRank, Matrix, Rows, norm_of
from reseen.updates.sides import folded_shape

Blocks = NDArray[np.float32]
"""(k, n, n)"""


@dataclass(frozen=True, slots=True, eq=False)
class BlockDiagonal:
    """Blocks along the diagonal of a square matrix, zero elsewhere."""

    blocks: Blocks

    @property
    def shape(self) -> tuple[int, int]:
        size = self.blocks.shape[0] * self.blocks.shape[1]
        return size, size

    def project(self, left: Matrix, right: Matrix) -> Matrix:
        k, n, _ = self.blocks.shape
        parts: Matrix = left.reshape(len(left), k, n).transpose(1, 0, 2) @ self.blocks
        product: Matrix = parts.transpose(1, 0, 2).reshape(len(left), k * n) @ right.T
        return product

    def norm(self) -> float:
        return norm_of(self.blocks.reshape(len(self.blocks), -1))

    def dense(self) -> Matrix:
        k, n, _ = self.blocks.shape
        whole: Matrix = np.zeros((k, n, k, n), np.float32)
        whole[np.arange(k), :, np.arange(k)] = self.blocks
        return whole.reshape(k * n, k * n)

    def cut(self, rows: Rows) -> BlockDiagonal:
        """Of whole blocks: their rows, and the columns of the same numbers."""
        n = self.blocks.shape[1]
        some = [self.blocks[start // n : stop // n] for start, stop in rows]
        return BlockDiagonal(np.concatenate(some))


@dataclass(frozen=True, slots=True, eq=False)
class Butterfly:
    """Rotations one after another, each of other rows together, less the matrix that does nothing
    (BOFT). Together they turn every row, and so their product is never made."""

    turns: NDArray[np.float32]
    """(m, k, n, n): R - I of each block of each stage, the first one first."""
    rescale: NDArray[np.float32] | None = None
    """Of each row, in the end."""
    of_input: bool = False
    """PEFT's: the product of all stages, the first one first, stands behind the weight, and a block
    has the rows of one run before those of the other; LyCORIS' stand before it, the last one first,
    and a block has a row of either in turn."""

    @property
    def shape(self) -> tuple[int, int]:
        size = self.turns.shape[1] * self.turns.shape[2]
        return size, size

    def project(self, left: Matrix, right: Matrix) -> Matrix:
        scaled = left
        if self.rescale is not None:
            scaled = np.multiply(left, self.rescale, dtype=np.float32)
        added = self._added(scaled)
        if self.rescale is not None:
            added += np.multiply(left, self.rescale - 1, dtype=np.float32)
        product: Matrix = added @ right.T
        return product

    def norm(self) -> float:
        """That of all stages beside each other: of their product it is not known without making
        it, and differs by what two small turns of one row are together."""
        total = norm_of(self.turns.reshape(len(self.turns), -1)) ** 2
        if self.rescale is not None:
            total += norm_of((self.rescale - 1)[None]) ** 2
        return sqrt(total) if total >= 0 else total

    def dense(self) -> Matrix:
        return self.project(*(np.eye(self.shape[0], dtype=np.float32),) * 2)

    def _added(self, rows: Matrix) -> Matrix:
        """rows @ (M - I), by the stages in the order in which they meet the rows."""
        sums: Matrix = np.zeros_like(rows)
        count, size = rows.shape
        stages, k, n, _ = self.turns.shape
        half = n // 2 if self.of_input else 1
        for number in range(stages) if self.of_input else range(stages - 1, -1, -1):
            # Pairs of runs; of either, `half` rows at a time make up a block.
            pieces = (1 << number) * (n // 2) // half
            cube = (rows + sums).reshape(count, -1, 2, pieces, half)
            cube = cube.swapaxes(2, 3).reshape(count, k, n)
            cube = (cube.transpose(1, 0, 2) @ self.turns[number]).transpose(1, 0, 2)
            cube = cube.reshape(count, -1, pieces, 2, half).swapaxes(2, 3)
            sums += cube.reshape(count, size)
        return sums


def cayley(skew: Blocks, constraint: float = 0.0) -> Blocks:
    """(I + Q)(I - Q)^-1 - I for each block, where a constraint bounds the norm of all together
    (COFT). With -Q it is the transpose."""
    factor = np.float32(1)
    if constraint > 0:
        norm = norm_of(skew.reshape(len(skew), -1))
        if norm > constraint:
            factor = np.float32(constraint / norm)
    made = np.empty_like(skew)
    eye = np.eye(skew.shape[-1], dtype=np.float32)
    for some in _some_blocks(skew):
        part = skew[some] * factor
        try:
            made[some] = np.linalg.solve(eye - part, 2 * part)
        except np.linalg.LinAlgError:  # numbers that are not finite
            made[some] = np.nan
    return made


def neumann(skew: Blocks) -> Blocks:
    """2Q + 2Q² + 2Q³ + Q⁴ for each block: the rotation of PEFT and OneTrainer, less I. With -Q it
    is the transpose.

    A configuration can say that the rotation is made exactly, and then it is the one of the other
    sign. Of that nothing is known here, on purpose: the same numbers are the same adapter, with
    whatever configuration or without it.
    """
    made = np.empty_like(skew)
    for some in _some_blocks(skew):
        part = skew[some]
        square = part @ part
        made[some] = 2 * part + 2 * square + 2 * (square @ part) + square @ square
    return made


def _some_blocks(blocks: Blocks) -> Iterator[slice]:
    step = max(1, PART // blocks[0].size)
    for at in range(0, len(blocks), step):
        yield slice(at, at + step)


def unpacked(packed: Matrix) -> Blocks:
    """Skew-symmetric blocks from what stands above their diagonals."""
    k, numbers = packed.shape
    side = (1 + isqrt(1 + 8 * numbers)) // 2
    above = np.triu_indices(side, 1)
    made: Blocks = np.zeros((k, side, side), np.float32)
    made[:, above[0], above[1]] = packed
    made[:, above[1], above[0]] = -packed
    return made


def reflections(vectors: Matrix) -> LowRank:
    """(I - 2 u1 u1ᵀ)(I - 2 u2 u2ᵀ)... - I, of columns at length 1, as a product of rank r (HRA).

    With C = -2 (I + 2 N)^-1, where N is what stands above the diagonal of UᵀU, it is U C Uᵀ.
    """
    unit = vectors.astype(np.float64)
    unit = unit / np.linalg.norm(unit, axis=0)
    between = np.triu(unit.T @ unit, 1)
    try:
        factor = -2 * np.linalg.inv(np.eye(len(between)) + 2 * between)
    except np.linalg.LinAlgError:  # numbers that are not finite
        factor = np.full_like(between, np.nan)
    return LowRank((unit @ factor).astype(np.float32), unit.T.astype(np.float32))


def folded(vector: Sequence[float] | NDArray[np.float32]) -> Matrix:
    """A vector as a matrix that is nearly square, filled up with zeros: the sketch of one column
    would have no more than eight numbers that differ."""
    flat = np.asarray(vector, np.float32).reshape(-1)
    height, width = folded_shape(flat.size)
    made: Matrix = np.zeros(height * width, np.float32)
    made[: flat.size] = flat
    return made.reshape(height, width)
