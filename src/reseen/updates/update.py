"""The tensors of one module in, its update ΔW out, in factored form.

ΔW is the matrix (out, in*kh*kw) that the adapter adds to the layer's weight, the kernel flattened
in the row-major order of the weight. Everything is float32 and the scale is applied. Formulas are
those of LyCORIS and PEFT; each is named where it is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isqrt, prod, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reseen.errors import Malformed
from reseen.updates.plan import ModulePlan

Matrix = NDArray[np.float32]

_LARGEST_SCALE = 1e4
"""Of an update, and its inverse the smallest. Real ones lie between 1/128 and 128."""


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
    """DoRA's vector, flat, of the whole layer in the file; not part of the form, because ΔW of
    DoRA needs the base weight."""

    def norm(self) -> float:
        """Frobenius norm of ΔW, from the factors, summed in float64; nan or inf if not finite."""
        with np.errstate(all="ignore"):
            match self.form:
                case LowRank(left, right):
                    return _product_norm(left, right)
                case Kronecker(first, second):
                    return _norm(first) * _norm(second)
                case Dense(matrix):
                    return _norm(matrix)

    @property
    def finite(self) -> bool:
        """Whether every number of the form is finite."""
        match self.form:
            case LowRank(left, right):
                return _finite(left) and _finite(right)
            case Kronecker(first, second):
                return _finite(first) and _finite(second)
            case Dense(matrix):
                return _finite(matrix)

    def project(self, left: Matrix, right: Matrix) -> Matrix:
        """left @ ΔW @ right.T without making ΔW: (m, out) and (n, in*kh*kw) give (m, n)."""
        with np.errstate(all="ignore"):
            match self.form:
                case LowRank(up, down):
                    product = (left @ up) @ (down @ right.T)
                case Kronecker(first, second):
                    product = _kronecker_left(left, first, second) @ right.T
                case Dense(matrix):
                    product = (left @ matrix) @ right.T
        return product

    def dense(self) -> Matrix:
        """ΔW as one matrix (out, in*kh*kw): for tests, and for small modules."""
        with np.errstate(all="ignore"):
            match self.form:
                case LowRank(left, right):
                    matrix = left @ right
                case Kronecker(first, second):
                    matrix = np.kron(first, second)
                case Dense(matrix):
                    pass
        return matrix


def read_update(module: ModulePlan, arrays: Mapping[str, Matrix]) -> Update:
    """The update of a module from its tensors as float32, by the tensors' names.

    Raises Malformed where an array is missing or does not have the shape its header promised.
    Numbers that are not finite are no error: `Update.finite` says so.
    """
    roles: dict[str, Matrix] = {}
    for role, info in module.tensors.items():
        array = arrays.get(info.name)
        if array is None or array.shape != info.shape:
            raise Malformed(f"the {role} of a layer does not have the shape its header promised")
        roles[role] = array
    out, inn, height, width = module.shape
    with np.errstate(all="ignore"):
        match module.algorithm:
            case "lora":
                form: Form = _lora(roles)
            case "loha":
                form = _loha(roles)
            case "lokr":
                form = _lokr(roles)
            case _:
                form = Dense(roles["diff"].reshape(len(roles["diff"]), -1))
        form = _scaled(form, _scale(module, roles))
        if module.rows is not None:
            form = _cut(form, module.rows)
    if _size(form) != (out, inn * height * width):
        raise Malformed("an update does not have the size its header promised")
    magnitude = roles.get("magnitude")
    return Update(
        module.name, module.shape, form, None if magnitude is None else magnitude.reshape(-1)
    )


def _scale(module: ModulePlan, roles: Mapping[str, Matrix]) -> float:
    """alpha/rank; 1 without alpha, and where alpha is 0, as the trainers read both.

    The `scale` of the WebUI overrides it. LoKr of two full matrices takes none (LyCORIS).

    Not every loader reads each of these numbers, so one that would wipe an update out (0, not
    finite, beyond any trainer's) may stand there for us alone: it counts as 1. So may its sign,
    which no trainer writes: it is dropped.
    """
    scale = 1.0
    if "scale" in roles:
        scale = float(roles["scale"].reshape(-1)[0])
    elif module.fixed_scale is not None:
        scale = module.fixed_scale
    elif module.rank and "alpha" in roles:
        scale = float(roles["alpha"].reshape(-1)[0]) / module.rank
    return abs(scale) if 1 / _LARGEST_SCALE <= abs(scale) <= _LARGEST_SCALE else 1.0


def _lora(roles: Mapping[str, Matrix]) -> LowRank:
    if "embedding_up" in roles:
        # PEFT: the weight is (words, width) and ΔW = (B @ A).T.
        up, down = _flat(roles["embedding_up"]), _flat(roles["embedding_down"])
        return LowRank(down.T, up.T)
    up, down = _flat(roles["up"]), _flat(roles["down"])
    if "mid" in roles:
        down = _tucker(roles["mid"], down)
    return LowRank(up, down)


def _tucker(core: Matrix, right: Matrix) -> Matrix:
    """Fold a core (a, b, kh, kw) into right (b, in): (a, in*kh*kw)."""
    a, b = core.shape[:2]
    kernel = core.shape[2:]
    folded = np.tensordot(core.reshape(a, b, prod(kernel)), right, axes=([1], [0]))
    return np.ascontiguousarray(folded.transpose(0, 2, 1)).reshape(a, -1)


def _loha(roles: Mapping[str, Matrix]) -> Form:
    """ΔW = (w1a @ w1b) * (w2a @ w2b), elementwise.

    As one product of rank r1*r2 by row- and column-wise Khatri-Rao products where that is smaller
    than ΔW itself.
    """
    (left1, right1), (left2, right2) = (_loha_side(roles, n) for n in "12")
    out, columns = len(left1), right1.shape[1]
    rank = left1.shape[1] * left2.shape[1]
    if rank * (out + columns) > out * columns:
        return Dense((left1 @ right1) * (left2 @ right2))
    left = (left1[:, :, None] * left2[:, None, :]).reshape(out, rank)
    right = (right1[:, None, :] * right2[None, :, :]).reshape(rank, columns)
    return LowRank(left, right)


def _loha_side(roles: Mapping[str, Matrix], n: str) -> tuple[Matrix, Matrix]:
    a, b = _flat(roles[f"hada_w{n}_a"]), _flat(roles[f"hada_w{n}_b"])
    core = roles.get(f"hada_t{n}")
    if core is None:
        return a, b
    return np.ascontiguousarray(a.T), _tucker(core, b)


def _lokr(roles: Mapping[str, Matrix]) -> Form:
    first = roles.get("lokr_w1")
    if first is None:
        first = _flat(roles["lokr_w1_a"]) @ _flat(roles["lokr_w1_b"])
    first = _flat(first)
    second = roles.get("lokr_w2")
    if second is not None:
        return Kronecker(first, _flat(second))
    a, b = _flat(roles["lokr_w2_a"]), _flat(roles["lokr_w2_b"])
    core = roles.get("lokr_t2")
    if core is not None:
        return Kronecker(first, a.T @ _tucker(core, b))
    inner = first.shape[1]
    if 2 * inner * len(b) <= min(len(a), b.shape[1]):
        # kron(w1, a @ b) = kron(w1, a) @ kron(1, b): far smaller than the second factor at full
        # size, where the first one is small.
        return LowRank(np.kron(first, a), np.kron(np.eye(inner, dtype=np.float32), b))
    return Kronecker(first, a @ b)


def _flat(array: Matrix) -> Matrix:
    return array.reshape(len(array), -1)


def _scaled(form: Form, scale: float) -> Form:
    factor = np.float32(scale)
    if factor == 1:
        return form
    match form:
        case LowRank(left, right):
            return LowRank(left * factor, right)
        case Kronecker(first, second):
            return Kronecker(first * factor, second)
        case Dense(matrix):
            return Dense(matrix * factor)


def _cut(form: Form, rows: tuple[tuple[int, int], ...]) -> Form:
    match form:
        case LowRank(left, right):
            left = _rows(left, rows)
            # A split adapter stored in a fused layer is block-diagonal: drop the empty blocks.
            used = left.any(axis=0)
            if used.all() or not used.any() or not _finite(right):
                return LowRank(left, right)
            return LowRank(left[:, used], right[used])
        case Kronecker(first, second):
            step = len(second)
            if all(start % step == 0 and stop % step == 0 for start, stop in rows):
                blocks = tuple((start // step, stop // step) for start, stop in rows)
                return Kronecker(_rows(first, blocks), second)
            return Dense(_rows(np.kron(first, second), rows))
        case Dense(matrix):
            return Dense(_rows(matrix, rows))


def _kronecker_left(left: Matrix, first: Matrix, second: Matrix) -> Matrix:
    """left @ kron(first, second), by whichever order needs the smaller matrix on the way."""
    (o1, i1), (o2, columns) = first.shape, second.shape
    cube = left.reshape(len(left), o1, o2)
    if o1 * columns <= o2 * i1:
        both = first.T @ (cube @ second)
    else:
        both = (first.T @ cube) @ second
    return both.reshape(len(left), i1 * columns)


def _rows(matrix: Matrix, rows: tuple[tuple[int, int], ...]) -> Matrix:
    if len(rows) == 1:
        return matrix[rows[0][0] : rows[0][1]]
    return np.concatenate([matrix[start:stop] for start, stop in rows])


def _size(form: Form) -> tuple[int, int]:
    match form:
        case LowRank(left, right):
            return len(left), right.shape[1]
        case Kronecker(first, second):
            return len(first) * len(second), first.shape[1] * second.shape[1]
        case Dense(matrix):
            return len(matrix), matrix.shape[1]


def _norm(matrix: Matrix) -> float:
    flat = matrix.reshape(-1)
    total = 0.0
    for start in range(0, flat.size, 1 << 20):
        piece = flat[start : start + (1 << 20)].astype(np.float64)
        total += float(piece @ piece)
    return sqrt(total) if total >= 0 else total


def _product_norm(left: Matrix, right: Matrix) -> float:
    """‖left @ right‖ by the two Gram matrices: ‖LR‖² = Σ (LᵀL)∘(RRᵀ).

    In float32 where that loses nothing that a float32 norm could show; in float64 where the
    numbers are extreme or the product nearly cancels.
    """
    if left.shape[1] > isqrt(len(left) * right.shape[1]):
        return _norm(left @ right)
    total, size = _gram(left, right)
    if not 1e-20 < size < 1e30 or total < 1e-3 * size:
        total, _ = _gram(left.astype(np.float64), right.astype(np.float64))
    # Rounding can leave a tiny negative sum where the product cancels to nothing.
    return sqrt(total) if total > 0 else (0.0 if total <= 0 else total)


def _gram(left: NDArray[np.floating[Any]], right: NDArray[np.floating[Any]]) -> tuple[float, float]:
    """‖left @ right‖², and ‖left‖² times ‖right‖²: how large it could be."""
    first, second = (left.T @ left).astype(np.float64), (right @ right.T).astype(np.float64)
    size = float(first.diagonal().sum()) * float(second.diagonal().sum())
    return float(np.vdot(first, second)), size


def _finite(matrix: Matrix) -> bool:
    # A finite sum of squares proves it in one fast pass; an overflow proves nothing.
    with np.errstate(all="ignore"):
        flat = matrix.reshape(-1)
        return bool(np.isfinite(flat @ flat)) or bool(np.isfinite(flat).all())
