"""The tensors of one module in, its update ΔW out, in factored form.

ΔW is the matrix (out, in*kh*kw) that the adapter adds to the layer's weight, the kernel flattened
in the row-major order of the weight. Everything is float32 and the scale is applied. Formulas are
those of LyCORIS and PEFT; each is named where it is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from reseen.errors import Malformed
from reseen.updates.cost import factor_is_low_rank, loha_is_low_rank
from reseen.updates.dequantised import dequantised
from reseen.updates.forms import (
    Dense,
    Hadamard,
    LowRank,
    Matrix,
    Stored,
    project_and_norm,
)
from reseen.updates.kronecker import Factor, Kronecker
from reseen.updates.own_update import OwnForm, own_form
from reseen.updates.plan import ModulePlan
from reseen.updates.rotations import BlockDiagonal, Butterfly
from reseen.updates.sides import OWN
from reseen.updates.turned_rows import rows_put_back

Form = LowRank | Kronecker | Hadamard | Stored | Dense

_LARGEST_SCALE = 1e4
"""Of an update, and its inverse the smallest. Real ones lie between 1/128 and 128."""


@dataclass(frozen=True, slots=True, eq=False)
class Update:
    """What an adapter adds to one module."""

    name: str
    """Canonical name of the module."""
    shape: tuple[int, int, int, int]
    """(out, in, kernel height, kernel width)"""
    form: Form | OwnForm
    magnitude: Matrix | None = None
    """DoRA's vector, flat, of the whole layer in the file; not part of the form, because ΔW of
    DoRA needs the base weight."""
    plain: bool = False
    """Made of an up and a down factor as they are stored: a plain LoRA's."""

    def norm(self) -> float:
        """Frobenius norm of ΔW, from the factors, summed in float64; nan or inf if not finite."""
        with np.errstate(all="ignore"):
            return self.form.norm()

    def project(self, left: Matrix, right: Matrix) -> Matrix:
        """left @ ΔW @ right.T without making ΔW: (m, out) and (n, in*kh*kw) give (m, n)."""
        with np.errstate(all="ignore"):
            return self.form.project(left, right)

    def project_and_norm(self, left: Matrix, right: Matrix) -> tuple[Matrix, float]:
        """Both at once, which costs less."""
        with np.errstate(all="ignore"):
            return project_and_norm(self.form, left, right)

    def on_right(self, right: Matrix) -> tuple[Matrix, float]:
        """ΔW @ right.T without making ΔW, and the norm. Not for objects of their own."""
        assert not isinstance(self.form, BlockDiagonal | Butterfly)
        with np.errstate(all="ignore"):
            return self.form.on_right(right)

    def dense(self) -> Matrix:
        """ΔW as one matrix (out, in*kh*kw): for tests, and for small modules."""
        with np.errstate(all="ignore"):
            return self.form.dense()


def read_update(
    module: ModulePlan, arrays: Mapping[str, Matrix | Stored], *, centred: bool = False
) -> Update:
    """The update of a module from its tensors as float32, by the tensors' names; the matrix of a
    module that is stored in full may be a `Stored`. `centred`: as it is sketched, scales, biases
    and norms less their own mean.

    Raises Malformed where an array is missing or does not have the shape its header promised.
    Numbers that are not finite are no error: its norm says so.
    """
    roles: dict[str, Matrix] = {}
    form: Form | None = None
    for role, info in module.tensors.items():
        array = arrays.get(info.name)
        if isinstance(array, Stored) and role == "diff" and array.info == info:
            form = array
            continue
        if not isinstance(array, np.ndarray) or array.shape != info.shape:
            raise Malformed(f"the {role} of a layer does not have the shape its header promised")
        roles[role] = array
    out, inn, height, width = module.shape
    made: Form | OwnForm
    with np.errstate(all="ignore"):
        if any("/" in role for role in roles):
            roles = dequantised(roles, module.unpacked)
        if module.algorithm in OWN:
            made = _own(module, roles, centred)
        else:
            made = _scaled_and_cut(module, form or _form(module.algorithm, roles), roles)
    if made.shape != (out, inn * height * width):
        raise Malformed("an update does not have the size its header promised")
    magnitude = roles.get("magnitude")
    return Update(
        module.name,
        module.shape,
        made,
        None if magnitude is None else magnitude.reshape(-1),
        module.algorithm == "lora" and "up" in roles and "mid" not in roles,
    )


def _own(module: ModulePlan, roles: Mapping[str, Matrix], centred: bool) -> Form | OwnForm:
    form = own_form(module, roles, centred=centred)
    if module.algorithm in ("glora", "vera") and isinstance(form, LowRank):
        return _scaled_and_cut(module, form, roles)
    return form


def _scaled_and_cut(module: ModulePlan, form: Form, roles: Mapping[str, Matrix]) -> Form:
    scale = np.float32(scale_of(module, roles))
    if scale != 1:
        form = form.times(scale)
    if module.head and isinstance(form, LowRank):
        form = replace(form, left=rows_put_back(form.left, module.head))
    return form if module.rows is None else form.cut(module.rows)


def _form(algorithm: str, roles: Mapping[str, Matrix]) -> Form:
    match algorithm:
        case "lora":
            return _lora(roles)
        case "adalora":
            return _lora({**roles, "down": _flat(roles["down"]) * roles["singular"].reshape(-1, 1)})
        case "loha":
            return _loha(roles)
        case "lokr":
            return _lokr(roles)
        case _:
            return Dense(_flat(roles["diff"]))


def scale_of(module: ModulePlan, roles: Mapping[str, Matrix]) -> float:
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

    As one product of rank r1*r2 by row- and column-wise Khatri-Rao products where that is less
    work than to make ΔW in blocks.
    """
    (left1, right1), (left2, right2) = (_loha_side(roles, n) for n in "12")
    out, columns = len(left1), right1.shape[1]
    ranks = left1.shape[1], left2.shape[1]
    if not loha_is_low_rank(ranks, out, columns):
        return Hadamard(LowRank(left1, right1), LowRank(left2, right2))
    rank = prod(ranks)
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
    return Kronecker(_lokr_side(roles, "1"), _lokr_side(roles, "2"))


def _lokr_side(roles: Mapping[str, Matrix], n: str) -> Factor:
    whole = roles.get(f"lokr_w{n}")
    if whole is not None:
        return _flat(whole)
    a, b = _flat(roles[f"lokr_w{n}_a"]), _flat(roles[f"lokr_w{n}_b"])
    core = roles.get(f"lokr_t{n}")
    return _factor(a, b) if core is None else _factor(a.T, _tucker(core, b))


def _factor(a: Matrix, b: Matrix) -> Factor:
    """a @ b, made only where that is no larger than the two."""
    return LowRank(a, b) if factor_is_low_rank(len(b), len(a), b.shape[1]) else a @ b


def _flat(array: Matrix) -> Matrix:
    return array.reshape(len(array), -1)
