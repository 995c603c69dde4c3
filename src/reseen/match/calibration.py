"""How often strangers are as alike as this: sketches of unrelated adapters in, p-values out.

Two adapters that nobody copied can correlate, because they were trained by one script, from one
seed, or on one domain. So the chance of a similarity is measured against a `Background`: a sample
of files of the same architecture, that are nobody's copies as far as we know. Three things can make
strangers alike, and the p-value adds up what they can do:

- what either of the two is like: the background's own similarities to each of them, the worse one;
- a family that the background does not hold: at most one artifact in N + 1 is of a family unseen
  among N, and such a family is as alike as the background's own families are, which its nearest
  neighbours show;
- geometry: 64 numbers a module make a cosine of sigma 1/8, so nothing is ever surer than that.

Whoever uploads files writes these similarities. So a tail hangs on its `WITNESSES`-th largest value
and on the middle, never on the few largest: fewer files than that move it by their number and not
by what they are. Copies of one another count once, a family (`FAMILY`) for five.

Tails are exponential in Fisher's z = atanh(mean cosine) beyond that; a model, and heavier than the
normal tail that most similarities have. benchmarks/calibration.py tests all of it on a million
pairs, benchmarks/poison.py tries to spoil it.

A model's recipe can make strangers more alike than any p-value of all files tells: `resembling`
asks whether the sample itself holds such files, and how far the removal's likeness to them reaches.

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
ONE_FILE = 0.995
"""From this mean on they are one file, saved again: they count once wherever files are counted."""
FAMILY, MOST_OF_FAMILY = 0.15, 5
"""From this mean on two are relatives. A file that has so many in the background adds none."""
MOST, USED = 512, 256
"""Sketches of a background that are looked at, and of those that are no copies of one another how
many are used: 65 MB for SDXL, and more make the tails hardly better known."""
_RELATIVES = 128
"""Besides them, such as are copies or relatives of those: only `resembling` counts them."""
_SAME_Z = math.atanh(SAME)
LEAST_P = 1e-300

_OF_FAMILIES = 13
"""The same for what the nearest neighbours of files show: one in twenty of those that are used."""
OPPOSED = -0.3
"""To this cosine a module is negated; a stranger's in 1 of 100 modules by chance."""
WITNESSES, ACCOUNTS = 20, 10
"""Files, and accounts that they are of, without which a likeness to a removal is nobody's recipe;
and the rank on which a tail hangs."""
_APART = 6
"""How many times as far as the middle of the sample the last witness is, of a recipe."""
_REACH = 5
"""How many times as far (in z) as the best quarter of the witnesses a file may be, and still be as
alike as they."""

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
    share: float
    """Of the sample that reaches the start."""
    decay: float

    def beyond(self, z: Doubles) -> Doubles:
        """The chance to reach z: counted up to the start, exponential beyond."""
        n = len(self.values)
        counted = (n - np.searchsorted(self.values, z) + 1) / (n + 1)
        modelled = self.share * np.exp(-np.maximum(z - self.start, 0) / self.decay)
        chance: Doubles = np.where(z < self.start, counted, modelled)
        return chance


def tail_of(values: Doubles, witnesses: int = WITNESSES) -> Tail:
    """It begins at the value that so many reach, and falls as fast as from the middle to there:
    what fewer files are like does not move it."""
    ordered = np.sort(values)
    n = len(ordered)
    rank = min(witnesses, max(n // 4, 1))
    start = float(ordered[n - rank])
    fall = math.log(max(n / 2 / rank, 2.0))
    decay = (start - float(np.median(ordered))) / fall
    return Tail(ordered, start, (rank + 1) / (n + 1), max(decay, 1e-6))


@dataclass(frozen=True, slots=True, eq=False)
class NullDistribution:
    """What strangers reach over one set of modules."""

    units: Floats
    """(K, M, 64): S of each module at length 1; zeros where a file has no such module."""
    present: Floats
    """(K, M): 1 where it has."""
    accounts: NDArray[np.int64]
    """(K,): whose files they are."""
    used: int
    """How many, the first ones, are strangers to one another: these make tails."""
    neighbours: Tail
    """Of each of these, its likeness to the one that is most like it."""

    @property
    def calibrated(self) -> bool:
        return self.used >= CALIBRATED_FROM

    @property
    def words(self) -> str:
        if self.calibrated:
            return f"calibrated on {self.used:,} adapters"
        return "uncalibrated"

    def likeness(self, sides: Floats, *, by_size: bool = False) -> Doubles:
        """(S, K) in z: how like files are, each (M, 64) with rows at length 1, to each file of the
        background. `by_size`: a module that is `OPPOSED` counts by its size."""
        counts = self.present.sum(axis=1)
        if by_size:
            each = (np.einsum("kmn,mn->km", self.units, side) for side in sides)
            turned = (np.where(cosines <= OPPOSED, -cosines, cosines) for cosines in each)
            sums = np.stack([cosines.sum(axis=1) for cosines in turned])
        else:
            flat = self.units.reshape(len(self.units), math.prod(self.units.shape[1:]))
            sums = (flat @ sides.reshape(len(sides), -1).T).T
        # Fewer modules than ours are noisier than ours: bring them to our measure.
        z = fisher(sums.astype(np.float64) / counts) * np.sqrt(counts / self.present.shape[1])
        made: Doubles = z
        return made

    def tail(self, likeness: Doubles) -> Tail:
        """How the background's likeness to one file ends; copies of it are no strangers."""
        z = likeness[: self.used]
        strangers = z[np.abs(z) < _SAME_Z]
        return tail_of(strangers if len(strangers) else np.zeros(1))

    def chance(self, mean: Doubles, first: Tail, second: Tail, signs: int = 0) -> Doubles:
        """The p-values of mean cosines between files with these tails. `signs`: as `geometric`."""
        z = fisher(mean)
        either = np.maximum(first.beyond(z), second.beyond(z))
        by_chance = geometric(z, self.present.shape[1], signs=signs)
        return np.maximum(either, by_chance) + self.unseen(z)

    def unseen(self, z: Doubles) -> Doubles:
        """The part of a family that the background does not hold."""
        chance: Doubles = self.neighbours.beyond(z) / (self.used + 1)
        return chance

    def resembling(self, likeness: Doubles, mean: float) -> float:
        """How often a file of the removal's own recipe would be as like it as this, where the
        sample shows that there is one: at least `WITNESSES` files of at least `ACCOUNTS` accounts
        that are like it, whatever their sign. 0 where it shows none.

        `likeness`: the removal's to the background. Beyond the last of the witnesses it falls as
        fast as among them, and by that one's own distance at most. Where that one is no other than
        most of the sample is, the few that are show no recipe: then it falls no slower than from
        the middle to there.
        """
        if len(likeness) < WITNESSES:
            return 0.0
        z = np.abs(likeness)
        order = np.argsort(-z)
        _, first_seen = np.unique(self.accounts[order], return_index=True)
        if len(first_seen) < ACCOUNTS:
            return 0.0
        rank = max(WITNESSES, int(np.sort(first_seen)[ACCOUNTS - 1]) + 1)
        down = z[order]
        n, start, best = len(down), float(down[rank - 1]), float(down[rank // 4 - 1])
        reached = float(fisher(np.array(mean)))
        if reached <= start:
            return rank / n
        if best * _REACH < reached:
            return 0.0
        decay = min((best - start) / math.log(4), start)
        middle = float(np.median(down))
        if n > 2 * rank and start < _APART * middle:
            decay = min(decay, (start - middle) / math.log(n / 2 / rank))
        decay = max(decay, 1 / math.sqrt(NUMBERS * self.present.shape[1]))
        return rank / n * math.exp(-(reached - start) / decay)


@dataclass(frozen=True, eq=False)
class Background:
    """A sample of one architecture, of files that are nobody's copies as far as we know."""

    sketches: tuple[Sketch, ...]
    """Real ones, from scans; sketches only, never weights, in the order in which they were drawn.
    Copies of one another count once."""
    accounts: tuple[int, ...] = ()
    """Whose each is, as a number; empty: each is another's."""

    def null(self, ids: NDArray[np.uint32]) -> NullDistribution:
        """What strangers reach over these modules (sorted ids)."""
        key = ids.tobytes()
        found = self._nulls.get(key)
        if found is None:
            accounts = self.accounts or tuple(range(len(self.sketches)))
            found = _null(self.sketches[:MOST], np.array(accounts[:MOST], np.int64), ids)
            if len(self._nulls) >= _KEPT:
                self._nulls.pop(next(iter(self._nulls)))
            self._nulls[key] = found
        return found

    @cached_property
    def _nulls(self) -> dict[bytes, NullDistribution]:
        return {}


NO_BACKGROUND = Background(())


def _null(
    sketches: tuple[Sketch, ...], accounts: NDArray[np.int64], ids: NDArray[np.uint32]
) -> NullDistribution:
    fewest = max(len(ids) // 2, 1)
    units = np.zeros((len(sketches), len(ids), NUMBERS), np.float32)
    present = np.zeros((len(sketches), len(ids)), np.float32)
    for number, sketch in enumerate(sketches):
        _, at, here = np.intersect1d(sketch.ids, ids, assume_unique=True, return_indices=True)
        if len(here) >= fewest:
            units[number, here] = unit(sketch.s[at].astype(np.float32))
            present[number, here] = 1
    kept = present.any(axis=1)
    units, present, accounts = units[kept], present[kept], accounts[kept]
    if not len(units):
        return NullDistribution(units, present, accounts, 0, tail_of(np.zeros(1)))
    flat = units.reshape(len(units), -1)
    means = (flat @ flat.T).astype(np.float64) / np.maximum(present @ present.T, 1)
    used, others = _apart(means)
    every = [*used, *others]
    means = means[np.ix_(used, used)]
    np.fill_diagonal(means, -1)
    means[means >= SAME] = -1
    nearest = fisher(means.max(axis=1)) if len(used) > 1 else np.zeros(1)
    return NullDistribution(
        units[every], present[every], accounts[every], len(used), tail_of(nearest, _OF_FAMILIES)
    )


def _apart(means: Doubles) -> tuple[list[int], list[int]]:
    """Of these, in order: the first of every group of copies and the first few of every family; and
    other files."""
    used: list[int] = []
    others: list[int] = []
    for number in range(len(means)):
        if (means[number, [*used, *others]] >= ONE_FILE).any():
            continue
        like = means[number, used]
        if (like >= SAME).any() or (like >= FAMILY).sum() >= MOST_OF_FAMILY:
            if len(others) < _RELATIVES:
                others.append(number)
        elif len(used) < USED:
            used.append(number)
    return used, others


def cautious(mean: float, modules: int, signs: int = 0) -> float:
    """The p-value without a background: what strangers of one recipe reached, and a wide tail.
    `signs`: as `geometric`."""
    z = float(fisher(np.array(mean)))
    tail = _CAUTIOUS_SHARE * math.exp(-(z - _CAUTIOUS_FROM) / _CAUTIOUS_DECAY)
    return max(min(1.0, tail), float(geometric(np.array(z), modules, signs=signs)), LEAST_P)


def geometric(z: Doubles, modules: int, *, signs: int = 0) -> Doubles:
    """The chance of z between random directions of 64 numbers a module: normal, one-sided, of sigma
    1 / sqrt(64 x modules). `signs`: how many were chosen so that z is as large as it is.

    By the bound exp(-x²/2) / 2 of the normal tail, which is never too small.
    """
    x = np.maximum(z, 0) * math.sqrt(NUMBERS * modules)
    exponent = x * x / 2 - signs * math.log(2)
    bound: Doubles = 0.5 * np.exp(-np.clip(exponent, 0, 690.0))
    return bound


def by_accident(mean: float, modules: int, numbers: float, signs: int = 0) -> float:
    """The chance that directions with so many numbers of their own in each module agree so far: the
    cap of a sphere. For few numbers its edge is much farther out than a normal tail's. `signs`: as
    `geometric`."""
    if mean <= 0:
        return 1.0
    exponent = modules * (numbers - 1) / 2 * math.log(max(1 - mean * mean, 1e-12))
    return math.exp(min(max(exponent + signs * math.log(2), -690.0), 0.0))


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
    # In double precision: the squares of large numbers are none in single.
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
    made: Floats = (rows / np.maximum(lengths, 1e-30)[:, None]).astype(np.float32)
    return made
