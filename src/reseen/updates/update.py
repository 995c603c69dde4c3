"""The tensors of one module in, its update ΔW out, in factored form.

ΔW is the matrix (out, in*kh*kw) that the adapter adds to the layer's weight, the kernel flattened
in the row-major order of the weight. Everything is float32 and the scale is applied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reseen.updates.plan import ModulePlan

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class LowRank:
    """ΔW = left @ right."""

    left: Matrix
    """(out, r)"""
    right: Matrix
    """(r, in*kh*kw)"""


@dataclass(frozen=True, slots=True, eq=False)
class Kronecker:
    """ΔW = kron(first, second)."""

    first: Matrix
    """(o1, i1)"""
    second: Matrix
    """(o2, i2*kh*kw), with out = o1*o2 and in = i1*i2"""


@dataclass(frozen=True, slots=True, eq=False)
class Dense:
    """ΔW itself, where no smaller form holds it."""

    matrix: Matrix
    """(out, in*kh*kw)"""


Form = LowRank | Kronecker | Dense


@dataclass(frozen=True, slots=True, eq=False)
class Update:
    """What an adapter adds to one module."""

    name: str
    """Canonical name of the module."""
    shape: tuple[int, int, int, int]
    """(out, in, kernel height, kernel width)"""
    form: Form
    magnitude: Matrix | None = None
    """DoRA's vector, flat; not part of the form: ΔW of DoRA needs the base weight."""

    def norm(self) -> float:
        """Frobenius norm of ΔW, from the factors, summed in float64."""
        raise NotImplementedError

    @property
    def finite(self) -> bool:
        """Whether every number of the form is finite."""
        raise NotImplementedError

    def project(self, left: Matrix, right: Matrix) -> Matrix:
        """left @ ΔW @ right.T without making ΔW: (m, out) and (n, in*kh*kw) give (m, n)."""
        raise NotImplementedError

    def dense(self) -> Matrix:
        """ΔW as one matrix (out, in*kh*kw): for tests, and for small modules."""
        raise NotImplementedError


def read_update(module: ModulePlan, arrays: Mapping[str, Matrix]) -> Update:
    """The update of a module from its tensors as float32, by the tensors' names.

    Raises Malformed where an array does not have the shape its header promised.
    """
    raise NotImplementedError
