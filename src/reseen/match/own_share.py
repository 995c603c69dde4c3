"""What of a removal's numbers is its own, where known innocents are in it as well.

A removal can be a merge itself, with an accelerator in it that many use. What comes in: its numbers
and those of innocents, module by module. What goes out: what no innocent explains of them. It
promises that innocents hide no removal: where they would leave too little of it, it is held against
files as it is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MODULES_LEFT = 0.75
"""In so many of its modules something of a removal is left, or innocents say nothing of it."""
LEAST_OF_MODULE = 0.05
"""Of a module at least so much of its energy, for something to be left; of less the rounding of
sketches would decide."""
LEAST_OF_WEIGHTS = 0.5
"""And of the energy of its weights at least so much: innocents of which each is below what a
copy needs could make up a removal together."""
LEAST_OF_COLUMNS = 0.05
"""Of columns: what is left of them tells a part as well as all of them did."""
WHOLE = 0.9
"""From this share on an innocent's columns are all in a removal, or in a file."""
_ALIKE = 0.05
"""Below this cosine an innocent explains nothing of a removal."""

Floats = NDArray[np.float32]


def own_weights(removal: Floats, innocents: Floats, scales: Floats) -> Floats | None:
    """(M, 64): what a joint regression over innocents leaves of a removal's numbers; None where
    that is too little. `removal`: (M, 64); `innocents`: (k, M, 64); `scales`: (M, 1), by which the
    regression weighs modules."""
    return _left(removal, innocents, scales, LEAST_OF_WEIGHTS)


def own_columns(removal: Floats, innocents: Floats, scales: Floats) -> Floats | None:
    """The same of columns, by those innocents whose columns are all in the removal: of others what
    is left would be no columns."""
    has = removal.any(axis=1)
    theirs = innocents[:, has]
    sizes = np.maximum((theirs**2).sum(axis=2), 1e-30)
    inside = (theirs * removal[has]).sum(axis=2) / sizes
    there = theirs.any(axis=2)
    shares = np.where(there, inside, 0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    return _left(removal, innocents[shares >= WHOLE], scales, LEAST_OF_COLUMNS)


def _left(removal: Floats, innocents: Floats, scales: Floats, least: float) -> Floats | None:
    if not len(innocents):
        return removal
    has = removal.any(axis=1)
    mine = (removal * scales)[has].reshape(-1).astype(np.float64)
    theirs = (innocents * scales)[:, has].reshape(len(innocents), -1).astype(np.float64)
    lengths = np.linalg.norm(theirs, axis=1) * np.linalg.norm(mine)
    alike = np.abs(theirs @ mine) >= _ALIKE * np.maximum(lengths, 1e-30)
    theirs, some = theirs[alike], innocents[alike]
    if not len(theirs):
        return removal
    products = theirs @ theirs.T
    products.flat[:: len(theirs) + 1] *= 1 + 1e-9
    fitted = np.linalg.solve(products, theirs @ mine).astype(np.float32)
    made = removal - np.einsum("k,kmn->mn", fitted, some)
    made[~has] = 0
    before, after = ((each**2).sum(axis=1) for each in (removal, made))
    kept = has & (after >= LEAST_OF_MODULE * before)
    weighed = scales[:, 0] ** 2
    share = float((after * weighed)[has].sum() / max(float((before * weighed)[has].sum()), 1e-30))
    if kept.sum() < MODULES_LEFT * has.sum() or share < least:
        return None
    made[~kept] = 0
    own: Floats = made.astype(np.float32)
    return own
