"""The sketch of one layer of a checkpoint: under each reading of what scales it.

A scale beside a weight of 8 bits says nothing for itself: loaders differ in which they heed, so a
false one may stand there for us alone, and a true one may look false. So a layer that has one is
sketched with it and without it; which is true its base tells (`WeightSketch.nearest_to`).

Reads some rows at a time, and keeps nothing of the weights.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

from reseen.errors import Malformed, Unread, bulkhead
from reseen.files.rounding import DOUBT
from reseen.files.source import Reader
from reseen.files.tensors import length_of
from reseen.fingerprints.modules import NUMBERS, SIDE
from reseen.fingerprints.signs import COLUMNS, ROWS, Floats, signs
from reseen.fingerprints.stored_rows import StoredRows, read_stored
from reseen.updates.four_bits import FourBits
from reseen.updates.modules import ModulePlan

MOST_VALUES = 1 << 22
"""Numbers of a layer that are in memory at one time: 16 MiB."""
LARGEST = 1e15
"""Of the numbers of a module: its squares can be added up."""
LARGEST_MEAN = 4.0
"""Root mean square of a layer's numbers beyond which it is none of a model: what fills its type
because it is scaled is a hundred times larger than weights are."""

Made = tuple[float, float, float, Floats]
"""(norm, expected norm of its rounding, doubt of that, P W Qᵀ as 64 numbers)."""
Progress = Callable[[int], None]
"""Is told bytes that were read."""


class _Sums:
    """One reading of a layer, as its rows come."""

    def __init__(self, stored: StoredRows, columns: int) -> None:
        self.stored = stored
        self.projected = np.zeros((SIDE, columns), np.float32)
        self.total = self.error = 0.0

    def add(self, left: Floats, at: int, first: int, count: int, data: bytes) -> int:
        """Rows of the file from `first` on, which are the layer's from `at` on; how many."""
        block, expected = self.stored.read(first, count, data)
        self.projected += left[:, at : at + len(block)] @ block
        self.total += float(np.vdot(block, block))
        self.error += np.nan if expected is None else expected
        return len(block)

    def made(self, name: str) -> Made | None:
        """None for what no model has."""
        info = self.stored.info
        right = signs(COLUMNS, name, self.projected.shape[1])
        numbers = (self.projected @ right.T).reshape(NUMBERS)
        norm, error = self.total**0.5, self.error**0.5
        if not (norm <= LARGEST and np.abs(numbers).max() <= LARGEST) or error > LARGEST:
            return None
        doubt = DOUBT.get(info.dtype, 1.0) if self.stored.doubt is None else self.stored.doubt
        return norm, error, doubt, numbers


def read_layer(
    module: ModulePlan, four: FourBits | None, progress: Progress | None
) -> Reader[tuple[Made, ...]]:
    """Each reading of it, one at least, the one that heeds what scales it first. Raises
    FileError."""
    info = module.tensors["diff"]
    columns = prod(info.shape[1:])
    if prod(module.shape[1:]) != columns:
        raise Malformed("a weight does not have the size its header promised")
    left = signs(ROWS, module.name, module.shape[0])
    at = 0
    step = max(1, MOST_VALUES // max(columns, 1))
    if length_of(info.dtype, columns) > 4 * MOST_VALUES:
        raise Unread("a layer of which one row is larger than any known")
    stored = yield from read_stored(module, four)
    readings = [_Sums(each, columns) for each in stored]
    for start, stop in module.rows or ((0, info.shape[0]),):
        for first in range(start, stop, step):
            count = min(step, stop - first)
            wanted = stored[0].wanted(first, count)
            data = yield wanted
            if len(data) != wanted.length:
                raise Malformed("a weight breaks off")
            with bulkhead(), np.errstate(all="ignore"):
                at += max([each.add(left, at, first, count, data) for each in readings])
            if progress is not None:
                progress(wanted.length)
    if at != module.shape[0]:
        raise Malformed("a weight does not have the size its header promised")
    with np.errstate(all="ignore"):
        found = [told for each in readings if (told := each.made(module.name)) is not None]
    if not found:
        raise Malformed("its weights are not finite, or larger than any known")
    most = LARGEST_MEAN * (at * columns) ** 0.5
    first_, *others = found
    return first_, *(
        each for each in others if each[0] <= most and not np.array_equal(each[3], first_[3])
    )
