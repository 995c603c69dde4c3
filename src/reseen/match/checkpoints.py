"""A checkpoint less its base: which base that is, and what was added to it.

What comes in: the sketch of a checkpoint's weights, and those of known bases. What goes out: the
base that it was made from, and the `Difference`: the sketch of all that was added, with how much of
that the rounding of its number format alone explains. What of it is a removal says
`checkpoint_parts`; which layers of a file are read, `checkpoint_layers`.

A base is known by its distance over all modules that both have. Unrelated bases are 1.4 apart,
fine-tunes of one base 0.01 to 0.1, the coarsest formats add 0.1; the middle of the modules decides,
so that a few spoiled ones tell nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from reseen.errors import Malformed
from reseen.fingerprints.sketch import MOST_MODULES, NUMBERS, SIDE, SLOTS, Sketch, in_steps
from reseen.fingerprints.weight_sketch import WeightSketch, decode
from reseen.updates.whole_weights import FEWEST, may_be_one_model

NEAR = 0.4
"""Of the size of the weights: farther away than this no checkpoint is called one of a base."""
SMALL = 0.05
"""Of the layers of a base: what is added to a model is in more than this share of them."""
ALIKE = 1e-5
"""Of the size of the weights: what is nearer is the same, for sums in single precision differ."""

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ids = NDArray[np.uint32]


@dataclass(frozen=True, slots=True, eq=False)
class KnownBase:
    """A base model that somebody put into the store."""

    name: str
    sketch: WeightSketch


@dataclass(frozen=True, slots=True, eq=False)
class BaseTold:
    """Which base a checkpoint is made from."""

    base: KnownBase
    distance: float
    """Of the middle module, relative to its size."""
    modules: int
    """That both have."""
    marks: int
    """Small tensors of the base that are in the checkpoint as they were."""
    not_read: int
    """Layers of the base that the checkpoint has, or may have, in a form or under a name that is
    not read; 0 for a share that is small."""
    lacks: int
    """Layers of the base that the checkpoint does not have: nothing else in it could hold them."""


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """What was added to a base, by modules that were touched."""

    architecture: str
    base: BaseTold
    ids: Ids
    """(n,): ascending."""
    numbers: Floats
    """(n, 64): as in a sketch, of the update and the rounding."""
    rounding: Doubles
    """(n,): 64 times the square of what the rounding comes to; NaN where that is not known."""
    doubts: Doubles
    """(n,): how wrong that may be."""
    untouched: int
    """Modules that are the base's."""

    @property
    def energy(self) -> float:
        """Of all modules whose rounding is known: the sum of the squares of their numbers."""
        known = np.isfinite(self.rounding)
        return float((self.numbers[known].astype(np.float64) ** 2).sum())

    @property
    def rounded(self) -> float:
        """How much of that rounding alone is expected to come to."""
        return float(np.nansum(self.rounding))

    @property
    def doubt(self) -> float:
        """By how much that can be wrong."""
        return float(np.nansum(self.doubts))

    @property
    def is_rounding(self) -> bool:
        """Is nothing there but what the number format makes of the base?"""
        return bool(np.isfinite(self.rounding).all() and self.energy <= self.rounded + self.doubt)

    def only(self, ids: Ids) -> Difference:
        """The same, of these modules alone."""
        at = np.isin(self.ids, ids)
        return replace(
            self,
            ids=self.ids[at],
            numbers=self.numbers[at],
            rounding=self.rounding[at],
            doubts=self.doubts[at],
        )

    def of(self, other: Sketch) -> Floats:
        """(n, 64): the numbers of a sketch for these modules; zeros where it has none."""
        return other.values_of(self.ids)

    def sketch(self) -> Sketch:
        """As the sketch of an adapter; of more modules than one may have those that stand out most
        from their rounding. The norms are estimates."""
        kept = np.arange(len(self.ids))
        if len(kept) > MOST_MODULES:
            sizes = (self.numbers.astype(np.float64) ** 2).sum(axis=1)
            clear = sizes / np.maximum(np.nan_to_num(self.rounding), 1e-30)
            kept = np.sort(np.argsort(-clear, kind="stable")[:MOST_MODULES])
        numbers = self.numbers[kept]
        scales, steps = in_steps(numbers)
        return Sketch(
            architecture=self.architecture,
            rank=0,
            complete=True,
            ids=self.ids[kept],
            norms=(np.linalg.norm(numbers, axis=1) / SIDE).astype(np.float32),
            scales=scales,
            s=steps,
            slots=np.zeros(SLOTS, np.uint32),
        )


def which_base(file: WeightSketch, bases: Sequence[KnownBase]) -> BaseTold | None:
    """The nearest; None where none is near, or shares enough modules."""
    told = [each for base in bases if (each := _told(file, base)) is not None]
    near = [each for each in told if each.distance <= NEAR]
    return min(near, key=lambda each: (each.distance, -each.marks, each.base.name), default=None)


def _told(file: WeightSketch, base: KnownBase) -> BaseTold | None:
    theirs, file = base.sketch, file.nearest_to(base.sketch)
    if not may_be_one_model(file.architecture, theirs.architecture):
        return None
    ids, here, there = np.intersect1d(file.ids, theirs.ids, assume_unique=True, return_indices=True)
    if len(ids) < FEWEST:
        return None
    apart = np.linalg.norm(file.numbers[here] - theirs.numbers[there], axis=1)
    sizes = np.maximum(np.linalg.norm(theirs.numbers[there], axis=1), 1e-30)
    marks = len(np.intersect1d(file.marks, theirs.marks, assume_unique=True))
    middle = float(np.median(apart / sizes))
    lacks = _lacks(file, theirs)
    hidden, lacks = min(lacks, file.beside), max(lacks - file.beside, 0)
    return BaseTold(base, middle, len(ids), marks, _not_read(file, theirs, hidden), lacks)


def _lacks(file: WeightSketch, base: WeightSketch) -> int:
    """Layers of the base that are not among those of the file that can be read."""
    if file.planned is None:
        return 0
    return len(np.setdiff1d(base.ids, file.planned, assume_unique=True))


def _not_read(file: WeightSketch, base: WeightSketch, hidden: int) -> int:
    """Layers of which nothing is known although a base is told by others. What a file lacks (most
    are a part of a model: one without its text encoders, one of several shards) is no such layer
    where it has no other tensor that could hold it. `hidden`: those that others may hold."""
    if file.planned is None:
        return 0
    found = file.not_read + hidden
    return found if found > SMALL * len(base.ids) else 0


def difference(file: WeightSketch, nearest: BaseTold) -> Difference:
    """A checkpoint less its base, over the modules that were touched. It is of the base's
    architecture: one layer more, of another size, may change what the file's own header tells."""
    base = nearest.base.sketch
    file = file.nearest_to(base)
    ids, here, there = np.intersect1d(file.ids, base.ids, assume_unique=True, return_indices=True)
    numbers = file.numbers[here] - base.numbers[there]
    floor = ALIKE * SIDE * base.norms[there].astype(np.float64)
    touched = np.linalg.norm(numbers, axis=1) > floor
    rounding = np.zeros(len(ids))
    doubts = floor**2
    for side, at in ((file, here), (base, there)):
        squares = NUMBERS * side.rounding[at].astype(np.float64) ** 2
        rounding += squares
        doubts = doubts + side.doubts[at] * squares
    return Difference(
        architecture=base.architecture,
        base=nearest,
        ids=ids[touched],
        numbers=numbers[touched],
        rounding=rounding[touched],
        doubts=doubts[touched],
        untouched=int((~touched).sum()),
    )


def between(bases: Sequence[KnownBase], nearest: BaseTold, ids: Ids) -> list[Floats]:
    """(n, 64) each: what other bases have that the checkpoint's has not, for these modules: merges
    of bases, and what is made from a fine-tune, have a share of these. Nobody is accused of it."""
    mine = nearest.base.sketch
    found = []
    for other in bases:
        distance = None if other is nearest.base else _told(other.sketch, nearest.base)
        if distance is None or distance.distance > NEAR:
            continue
        made = np.zeros((len(ids), NUMBERS), np.float32)
        for sketch, sign in ((other.sketch, 1), (mine, -1)):
            _, here, at = np.intersect1d(ids, sketch.ids, assume_unique=True, return_indices=True)
            made[here] += sign * sketch.numbers[at]
        made[~np.isin(ids, other.sketch.ids)] = 0
        found.append(made)
    return found


def known_bases(stored: Iterable[tuple[str, str, bytes]]) -> list[KnownBase]:
    """Those of (name, architecture, stored sketch); a damaged row is no base."""
    found = []
    for name, _, value in stored:
        try:
            found.append(KnownBase(name, decode(value)))
        except Malformed:
            continue
    return found


@dataclass(frozen=True, slots=True, eq=False)
class AgainstBases:
    """What a checkpoint is, as far as it can be told."""

    architecture: str
    difference: Difference | None
    lacks: str = ""
    """What is missing where there is none: "bases" of the architecture, the "base", "numbers"."""


def of_model(known: Sequence[KnownBase], architecture: str) -> list[KnownBase]:
    """The bases that files of this architecture may be made from."""
    return [base for base in known if may_be_one_model(architecture, base.sketch.architecture)]


def against(file: WeightSketch, known: Sequence[KnownBase]) -> AgainstBases:
    """What a checkpoint is, by the sketch of the layers that were read of it."""
    bases = of_model(known, file.architecture)
    if not bases:
        return AgainstBases(file.architecture, None, "bases")
    found = which_base(file, bases)
    if found is None:
        return AgainstBases(file.architecture, None, "base")
    return AgainstBases(file.architecture, difference(file, found))
