"""Whether a file began as a part of its base weight: by its numbers.

LoRA that begins so (PiSSA and its kind) and is saved as it is has the base's leading directions in
it, which strangers share. Where the configuration says so, it is not compared; where only the
numbers do, what is like it is a lead. But whoever wrote the configuration may lie, and one line of
it would hide a copy. What all these beginnings have in common is an up factor whose columns
are orthogonal, and training hardly changes that, since the model has to work on what is left of its
weight: columns of real weights that began so have a cosine of 0.01 to 0.10 after training (0.15
after four times as much). Columns that began at zero are sums of a few gradients: 0.25 to 0.54 at
the median of 16 real and trained files, and above `ORTHOGONAL` in 0.65 to 1.00 of their layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reseen.updates.forms import Matrix
from reseen.updates.modules import ModulePlan

ORTHOGONAL = 0.2
"""The root of the mean squared cosine between columns of an up factor, up to which they are."""
FEWEST = 0.125
"""The share of the measured layers that has to contradict the configuration, for it to be a lie."""
_ALIKE = 0.25
"""The logarithm of how much longer one vector is than another, up to which they are as long."""
_EXACT = 0.0005
"""Up to this cosine they are as a decomposition leaves them: a resized or an extracted LoRA."""
_FEWEST_PAIRS, _FEWEST_LAYERS = 3, 4
"""Of which lengths say something, and of which a file is judged."""
_FALL, _OUT_OF_ORDER = 1.5, 1.1
"""How much stronger the first pair is than the last, at least, and a pair than the one before it,
at most: a weight's leading directions come in their order. Chance makes all alike."""
_COLUMNS = 16
"""That are looked at: of a high rank no more work than the sketch itself is."""


_Wide = NDArray[np.floating[Any]]


def cosine_of_columns(plan: ModulePlan, arrays: Mapping[str, object]) -> float | None:
    """How far the columns of a layer's up factor are from orthogonal; None where it does not say,
    for its numbers are none. One column alone is, where it is as long as the one row of the down
    factor, or has length 1, as such beginnings have it."""
    up, down = (_values(plan, arrays, role) for role in ("up", "down"))
    if up is None or down is None:
        return None
    if plan.rank == 1:
        with np.errstate(all="ignore"):
            long, beside = np.linalg.norm(up), np.linalg.norm(down)
            return 1.0 if abs(np.log(long / beside)) > _ALIKE < abs(np.log(long)) else 0.0
    flat = up.reshape(up.shape[0], -1)
    return _cosine(_as_doubles((flat if flat.shape[1] == plan.rank else flat.T)[:, :_COLUMNS]))


def _as_doubles(factor: Matrix) -> _Wide:
    """Numbers that are none say nothing, and warn of nothing."""
    with np.errstate(all="ignore"):
        return factor.astype(np.float64)


def _cosine(columns: _Wide) -> float | None:
    """The root of the mean squared cosine between them."""
    with np.errstate(all="ignore"):
        return _cosine_of(columns.T @ columns)


def _cosine_of(gram: _Wide) -> float | None:
    """The same by their products with each other."""
    squares = gram.diagonal()
    there = squares > 0
    count = int(there.sum())
    if count < 2:
        return None
    gram, squares = gram[there][:, there], squares[there]
    cosines = gram**2 / squares[:, None] / squares
    found = float(np.sqrt(max(float(cosines.sum()) - count, 0.0) / (count * (count - 1))))
    return found if np.isfinite(found) else None


def looks_begun(plan: ModulePlan, arrays: Mapping[str, object]) -> bool | None:
    """Whether a layer's factors are as PiSSA leaves them after training: the columns of the one and
    the rows of the other nearly orthogonal, but not as exactly as a decomposition makes them, and
    pair by pair of one length, the strongest pair first. None where they do not say."""
    up, down = (_values(plan, arrays, role) for role in ("up", "down"))
    if up is None or down is None or plan.rank < _FEWEST_PAIRS:
        return None
    first, second = up.reshape(len(up), -1), down.reshape(len(down), -1)
    if first.shape[1] != plan.rank or len(second) != plan.rank:
        return None
    first, second = _as_doubles(first[:, :_COLUMNS]), _as_doubles(second[:_COLUMNS])
    with np.errstate(all="ignore"):
        return look_begun((first.T @ first)[None], (second @ second.T)[None])[0]


def look_begun(ups: _Wide, downs: _Wide) -> list[bool | None]:
    """The same of many layers of one rank. `ups`: (n, rank, rank), the products of the columns of
    each up factor with each other; `downs`: those of the rows of the down factor."""
    if ups.shape[1] < _FEWEST_PAIRS:
        return [None] * len(ups)
    ups, downs = (each[:, :_COLUMNS, :_COLUMNS] for each in (ups, downs))
    with np.errstate(all="ignore"):
        lengths = [np.sqrt(np.einsum("nii->ni", each)) for each in (ups, downs)]
        strong = lengths[0] * lengths[1]
        falls = (strong[:, 0] >= _FALL * strong[:, -1]) & (
            strong[:, 1:] <= _OUT_OF_ORDER * strong[:, :-1]
        ).all(axis=1)
        plain = ((strong > 0) & (strong < np.inf)).all(axis=1)
        said: list[bool | None] = [None] * len(ups)
        for n in np.flatnonzero(plain & ~falls):
            said[n] = False  # as most layers, and this is the cheap part
        for n in np.flatnonzero(falls | ~plain):
            columns, rows = _cosine_of(ups[n]), _cosine_of(downs[n])
            if columns is None or rows is None:
                continue
            is_paired = np.median(np.abs(np.log(lengths[0][n] / lengths[1][n]))) <= _ALIKE
            is_nearly = _EXACT < max(columns, rows) <= ORTHOGONAL
            said[n] = bool(is_paired and falls[n] and is_nearly)
        return said


def begun_as_base(looks: Mapping[str, bool | None]) -> bool:
    """Whether nearly all layers that say something look so. `looks`: of each, by name."""
    said = [look for look in looks.values() if look is not None]
    return len(said) >= _FEWEST_LAYERS and sum(said) >= (1 - FEWEST) * len(said)


def _values(plan: ModulePlan, arrays: Mapping[str, object], role: str) -> Matrix | None:
    info = plan.tensors.get(role)
    found = None if info is None else arrays.get(info.name)
    return found if isinstance(found, np.ndarray) and found.ndim > 1 else None


def begins_so(cosines: Mapping[str, float | None]) -> frozenset[str]:
    """Of the layers that are said to have begun so, by name, those that are not compared: all,
    where too few contradict it; else those that do not. `cosines`: of each."""
    contradict = {name for name, c in cosines.items() if c is not None and c > ORTHOGONAL}
    measured = sum(c is not None for c in cosines.values())
    if len(contradict) < max(1.0, FEWEST * measured):
        return frozenset(cosines)
    return frozenset(cosines.keys() - contradict)
