"""How often strangers are as alike as this: sketches of unrelated adapters in, p-values out.

Two adapters that nobody copied can correlate, because they were trained by one script, from one
seed, or on one domain. So the chance of a similarity is measured against a `Background`: sketches
of the same architecture, of files that are nobody's copies as far as we know. Three things can make
strangers alike, and the p-value adds up what they can do:

- what either of the two is like: the background's own similarities to each of them, the worse one;
- a family that the background does not hold: at most one artifact in N + 1 is of a family unseen
  among N, and such a family is as alike as the background's own families are, which its nearest
  neighbours show;
- geometry: 64 numbers a module make a cosine of sigma 1/8, so nothing is ever surer than that.

Tails are exponential in Fisher's z = atanh(mean cosine) beyond what was seen; that is a model, and
it is heavier than the normal tail that most of the similarities have. benchmarks/calibration.py
tests all of it on a million pairs. Similarities over `SAME` are copies and not strangers: they are
left out, so a background that holds copies of the removal is not spoiled by them.

Removing the background's 16 leading directions first was tried and is not done. With the 96 files
of the zoo as background it removed the likeness between a face and its own retraining (from 0.24 to
-0.24, for each family of few becomes a direction), and it lets whoever uploads 20 copies of a file
remove that file's direction from all comparisons.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from reseen.fingerprints.sketch import NUMBERS, SIDE, Sketch

CALIBRATED_FROM = 200
"""Real sketches of one architecture from which a p-value is called calibrated."""
SAME = 0.45
"""From this mean on two files of a background are not strangers. Strangers of one recipe reached
0.43, on a base model so small that it makes them more alike than any of full size."""
MOST, USED = 512, 256
"""Sketches of a background that are looked at, and of those that are no copies of one another how
many are used: 65 MB for SDXL, and more make the tails hardly better known."""
LEAST_P = 1e-300

_TAIL = 0.95
"""Quantile from which a tail is modelled."""
_CAUTIOUS_FROM, _CAUTIOUS_SHARE, _CAUTIOUS_DECAY = 0.234, 0.02, 0.0485
"""The uncalibrated tail: share of strangers beyond this z, and the decay of the tail. Twice what
fits 4,512 pairs of strangers among 96 adapters of a few recipes (99th percentile 0.23, largest
0.43)."""
_KEPT = 4
"""Module sets whose null is remembered: a scan compares the same ones again and again."""

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Tail:
    """How a sample of similarities (in z) ends."""

    values: Doubles
    """Sorted."""
    start: float
    decay: float

    def beyond(self, z: Doubles) -> Doubles:
        """The chance to reach z: counted where the sample reaches, exponential beyond."""
        n = len(self.values)
        counted = (n - np.searchsorted(self.values, z) + 1) / (n + 1)
        modelled = (1 - _TAIL) * np.exp(-np.maximum(z - self.start, 0) / self.decay)
        chance: Doubles = np.where(z < self.start, counted, modelled)
        return chance


def tail_of(values: Doubles) -> Tail:
    """The decay is the mean excess over the start, and one standard error of it more: a background
    of 256 has 13 values there."""
    ordered = np.sort(values)
    start = float(np.quantile(ordered, _TAIL))
    excess = ordered[ordered > start] - start
    decay = float(excess.mean()) * (1 + len(excess) ** -0.5) if len(excess) else 0.0
    return Tail(ordered, start, max(decay, 1e-6))


def tail_of_families(nearest: Doubles) -> Tail:
    """As `tail_of`, and as slow at least as from the median to the start: the members of one family
    are one witness, so a narrow end shows that there are few families, not that none is stronger.
    """
    tail = tail_of(nearest)
    spread = (tail.start - float(np.median(nearest))) / math.log(0.5 / (1 - _TAIL))
    return Tail(tail.values, tail.start, max(tail.decay, spread))


@dataclass(frozen=True, slots=True, eq=False)
class NullDistribution:
    """What strangers reach over one set of modules."""

    units: Floats
    """(N, M, 64): S of each module at length 1; zeros where a file has no such module."""
    present: Floats
    """(N, M): 1 where it has."""
    neighbours: Tail
    """Each background file's likeness to the one that is most like it."""

    @property
    def calibrated(self) -> bool:
        return len(self.units) >= CALIBRATED_FROM

    @property
    def words(self) -> str:
        if self.calibrated:
            return f"calibrated on {len(self.units):,} adapters"
        return "uncalibrated"

    def tail(self, side: Floats) -> Tail:
        """The background's similarities to one file: (M, 64), rows at length 1."""
        counts = self.present.sum(axis=1)
        sums = np.tensordot(self.units, side, axes=2).astype(np.float64)
        means = sums / counts
        strangers = np.abs(means) < SAME
        # Fewer modules than ours are noisier than ours: bring them to our measure.
        z = fisher(means) * np.sqrt(counts / self.present.shape[1])
        return tail_of(z[strangers] if strangers.any() else np.zeros(1))

    def chance(self, mean: Doubles, first: Tail, second: Tail) -> Doubles:
        """The p-values of mean cosines between files with these tails."""
        z = fisher(mean)
        either = np.maximum(first.beyond(z), second.beyond(z))
        return np.maximum(either, geometric(z, self.present.shape[1])) + self.unseen(z)

    def unseen(self, z: Doubles) -> Doubles:
        """The part of a family that the background does not hold."""
        chance: Doubles = self.neighbours.beyond(z) / (len(self.units) + 1)
        return chance


@dataclass(frozen=True, eq=False)
class Background:
    """Sketches of one architecture, of files that are nobody's copies as far as we know."""

    sketches: tuple[Sketch, ...]
    """Real ones, from scans; sketches only, never weights. Copies of one another count once."""

    def null(self, ids: NDArray[np.uint32]) -> NullDistribution:
        """What strangers reach over these modules (sorted ids)."""
        key = ids.tobytes()
        found = self._nulls.get(key)
        if found is None:
            found = _null(self.sketches[:MOST], ids)
            if len(self._nulls) >= _KEPT:
                self._nulls.pop(next(iter(self._nulls)))
            self._nulls[key] = found
        return found

    @cached_property
    def _nulls(self) -> dict[bytes, NullDistribution]:
        return {}


NO_BACKGROUND = Background(())


def _null(sketches: tuple[Sketch, ...], ids: NDArray[np.uint32]) -> NullDistribution:
    fewest = max(len(ids) // 2, 1)
    units = np.zeros((len(sketches), len(ids), NUMBERS), np.float32)
    present = np.zeros((len(sketches), len(ids)), np.float32)
    for number, sketch in enumerate(sketches):
        _, at, here = np.intersect1d(sketch.ids, ids, assume_unique=True, return_indices=True)
        if len(here) >= fewest:
            units[number, here] = unit(sketch.s[at].astype(np.float32))
            present[number, here] = 1
    kept = present.any(axis=1)
    units, present = units[kept], present[kept]
    if not len(units):
        return NullDistribution(units, present, tail_of(np.zeros(1)))
    flat = units.reshape(len(units), -1)
    means = (flat @ flat.T).astype(np.float64) / np.maximum(present @ present.T, 1)
    chosen = _distinct(means)[:USED]
    means = means[np.ix_(chosen, chosen)]
    np.fill_diagonal(means, -1)
    means[means >= SAME] = -1
    nearest = fisher(means.max(axis=1)) if len(chosen) > 1 else np.zeros(1)
    return NullDistribution(units[chosen], present[chosen], tail_of_families(nearest))


def _distinct(means: Doubles) -> list[int]:
    """The first of every group of copies."""
    chosen: list[int] = []
    for number in range(len(means)):
        if not (means[number, chosen] >= SAME).any():
            chosen.append(number)
    return chosen


def cautious(mean: float, modules: int) -> float:
    """The p-value without a background: what strangers of one recipe reached, and a wide tail."""
    z = float(fisher(np.array(mean)))
    tail = _CAUTIOUS_SHARE * math.exp(-(z - _CAUTIOUS_FROM) / _CAUTIOUS_DECAY)
    return max(min(1.0, tail), float(geometric(np.array(z), modules)), LEAST_P)


def geometric(z: Doubles, modules: int, numbers: float = NUMBERS) -> Doubles:
    """The chance of z between random directions of so many numbers a module: normal, one-sided, of
    sigma 1 / sqrt(numbers x modules).

    By the bound exp(-x²/2) / 2 of the normal tail, which is never too small.
    """
    x = np.maximum(z, 0) * math.sqrt(numbers * modules)
    bound: Doubles = 0.5 * np.exp(-np.minimum(x * x / 2, 690.0))
    return bound


def own_numbers(rank: int) -> float:
    """How many of a module's numbers are its own, in effect, where A is a stranger's too: a row of
    eight for each rank, as far as the eight columns that are left of A tell the ranks apart (8 for
    rank 1, 13 for 2, 21 for 4, 31 for 8)."""
    return SIDE * (SIDE * rank + 2) / (rank + SIDE + 1)


def fisher(mean: Doubles) -> Doubles:
    """Fisher's z of a cosine, bounded at 0.999999."""
    z: Doubles = np.arctanh(np.clip(mean, -0.999_999, 0.999_999))
    return z


def unit(rows: Floats) -> Floats:
    """Rows at length 1; zeros stay zeros."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    made: Floats = rows / np.maximum(lengths, 1e-30)
    return made
