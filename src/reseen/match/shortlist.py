"""Which of very many removals are worth a closer look as parts of a file.

What comes in: sketches, one after the other, of which no more is kept than three times 64 small
numbers of a few modules: linear, columns, up factor. What goes out: those that are most like a file
in any of the three. A secret of the installation chooses the modules among those that most
removals have. A part of a merge of eight is some eight standard deviations out in its columns over
sixteen modules; of fifty thousand strangers some three hundred are beyond two and a half.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from reseen.fingerprints.choice import ModuleOrder
from reseen.fingerprints.sketch import NUMBERS, Sketch
from reseen.match.calibration import unit

MODULES = 16
MOST_LISTED = 50_000
"""Sketches that are listed: 3 KB each."""
BEYOND = 2.5
"""Standard deviations of chance from which on one is worth a closer look."""
EACH = 96
"""And so many at most by each of the three."""
_FIRST = 256
"""Sketches that tell which modules most have."""
_BLOCK = 2_048
_STEPS = 127

Ids = NDArray[np.uint32]
Numbers = NDArray[np.int8]


@dataclass(frozen=True, slots=True, eq=False)
class Shortlist:
    """A few numbers of many sketches."""

    ids: Ids
    """(m,): the modules that are looked at."""
    keys: NDArray[np.int64]
    """(n,)"""
    numbers: Numbers
    """(n, 3, m, 64): each module's at length 1, in steps; zeros where there is none."""
    present: NDArray[np.bool_]
    """(n, 3, m)"""

    @classmethod
    def of(cls, given: Iterable[tuple[int, Sketch]], order: ModuleOrder) -> Shortlist:
        """`given`: sketches, each by its key; at most `MOST_LISTED` are taken."""
        rest = iter(given)
        first = list(islice(rest, _FIRST))
        having = Counter(id_ for _, sketch in first for id_ in sketch.ids.tolist())
        most = max(having.values(), default=0)
        common = np.array(sorted(id_ for id_, n in having.items() if 2 * n > most), np.uint32)
        ids = np.sort(common[order.sorted(common)[:MODULES]])
        keys: list[int] = []
        rows: list[Numbers] = []
        for key, sketch in islice(chain(first, rest), MOST_LISTED):
            keys.append(key)
            rows.append(_of(sketch, ids))
        shape = (len(rows), 3, len(ids), NUMBERS)
        numbers = np.stack(rows) if rows else np.zeros(shape, np.int8)
        present = np.asarray(numbers.any(axis=3), np.bool_)
        return cls(ids, np.array(keys, np.int64), numbers, present)

    def best(self, file: Sketch) -> list[int]:
        """Keys of those that are most like it in any of the three, the most alike first."""
        if not len(self.keys) or not len(self.ids):
            return []
        mine = _of(file, self.ids).astype(np.float32)
        found: dict[int, float] = {}
        for sigmas in self._sigmas(mine):
            order = np.argsort(-sigmas, kind="stable")[:EACH]
            for at in order[sigmas[order] >= BEYOND].tolist():
                key = int(self.keys[at])
                found[key] = max(found.get(key, 0.0), float(sigmas[at]))
        return sorted(found, key=lambda key: (-found[key], key))

    def _sigmas(self, mine: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
        """Of each kind: how alike each is, in standard deviations of chance."""
        for kind in range(3):
            has = mine[kind].any(axis=1)
            parts = []
            for begin in range(0, len(self.keys), _BLOCK):
                theirs = self.numbers[begin : begin + _BLOCK, kind]
                there = self.present[begin : begin + _BLOCK, kind]
                both = np.maximum((there & has).sum(axis=1), 1)
                flat = theirs.reshape(len(theirs), -1).astype(np.float32)
                sums = flat @ mine[kind].reshape(-1) / np.float32(_STEPS**2)
                parts.append(sums / np.sqrt(both / NUMBERS).astype(np.float32))
            yield np.concatenate(parts)


def _of(sketch: Sketch, ids: Ids) -> Numbers:
    """(3, m, 64): its numbers for these modules."""
    made = np.zeros((3, len(ids), NUMBERS), np.int8)
    more = sketch.components
    sides: Sequence[tuple[Ids, Numbers]] = [(sketch.ids, sketch.s)]
    if more is not None:
        sides = [*sides, (more.ids, more.space), (more.ids, more.up)]
    for kind, (theirs, steps) in enumerate(sides):
        _, here, at = np.intersect1d(ids, theirs, assume_unique=True, return_indices=True)
        lengths = unit(steps[at].astype(np.float32)) * _STEPS
        made[kind, here] = np.rint(lengths).astype(np.int8)
    return made
