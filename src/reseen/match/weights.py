"""Two sketches -> how alike their updates are, what that means, and how sure that is.

What comes in: the sketch of a removed file, the sketch of another file, and a background of
sketches of the same architecture. What goes out: a `Comparison` with figures, a p-value, the
relation that explains the figures best, and a verdict. docs/how-it-works.md says why each number is
what it is; benchmarks/calibration.py tests it.

The statistic is the mean over the common modules of the cosine of their S, so that no single module
decides. Its p-value is the chance that strangers of this architecture reach it: the background's
own similarities to the two files, with an exponential tail in Fisher's z = atanh(mean). Beyond what
the background reaches that is a model. With fewer than `CALIBRATED_FROM` real sketches the tail is
a fixed cautious one, from adapters of one recipe on one small base, and the answer says
"uncalibrated".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from reseen.fingerprint.sketch import NUMBERS, Sketch

Floats = NDArray[np.float32]

CALIBRATED_FROM = 200
"""Real sketches of one architecture from which a p-value is called calibrated."""
FEWEST_MODULES = 4
"""Common modules without which nothing is said: never decide on one module."""
AGREES = 0.3
"""A module agrees from this cosine on; a stranger's does in 1 of 100 modules by chance."""

COPY_P = 1e-9
"""At most this p-value, calibrated, for a copy."""
COPY_MEAN = 0.25
"""At least this mean for a copy, however small its p-value."""
COPY_MEAN_UNCALIBRATED = 0.5
"""At least this mean for a copy while uncalibrated: strangers of one recipe reach 0.40."""
RELATED_P = 1e-2
RELATED_MEAN = 0.1
"""At most this p-value, and at least this mean, for related training."""

_DUPLICATE = 0.6
"""In a background: above this it is a copy of what is compared, and tells nothing of strangers."""
_TAIL_FROM = 0.95
"""Quantile from which the tail is modelled."""
_CAUTIOUS_FROM, _CAUTIOUS_SHARE, _CAUTIOUS_DECAY = 0.234, 0.01, 0.0485
"""The uncalibrated tail: share of strangers beyond this z, and the decay of the tail. Fitted to
strangers among 96 synthetic adapters of one recipe (99th percentile 0.23, largest 0.40)."""


class Relation(StrEnum):
    """What explains the figures best."""

    SAME = "same"
    SCALED = "scaled"
    CAST = "cast"
    RESIZED = "resized"
    PARTIAL = "partial"
    TRAINED_ON = "trained on"
    PART_OF_A_MERGE = "part of a merge"
    RELATED = "related training, not a copy"
    UNRELATED = "unrelated"

    @property
    def is_copy(self) -> bool:
        return self not in (Relation.RELATED, Relation.UNRELATED)


@dataclass(frozen=True, slots=True, eq=False)
class Common:
    """The modules that two sketches share, side by side."""

    ids: NDArray[np.uint32]
    """(n,)"""
    first: Floats
    """(n, 64): S of the removal."""
    second: Floats
    """(n, 64): S of the other file."""
    cosines: Floats
    """(n,): of each module."""
    ratios: Floats
    """(n,): norm of the other file's update over the removal's."""
    coverage: float
    """Share of the removal's modules that the other file has."""
    second_coverage: float
    """Share of the other file's modules that the removal has."""


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """How alike two updates are, and what it means."""

    cosine: float
    """Of the whole updates over their common modules, as the sketches estimate it."""
    mean: float
    """Mean of the modules' cosines: what the p-value is about."""
    p_value: float
    """Chance of such a mean between strangers of this architecture."""
    agreeing: float
    """Share of the common modules whose cosine is at least `AGREES`."""
    modules: int
    """Common modules."""
    coverage: float
    """Share of the removal's modules that were compared."""
    scale: float
    """By how much the other file's update is larger, over the common modules."""
    relation: Relation
    calibration: str
    """What the p-value stands on: "calibrated on 512 adapters" or "uncalibrated"."""
    common: Common

    @property
    def why(self) -> str:
        """The evidence in one sentence."""
        share = f"{self.agreeing:.0%} of {self.modules} modules agree"
        figures = f"cosine {self.cosine:.3f}, p {self.p_value:.1g} ({self.calibration}), {share}"
        return f"Similar weight updates, {_SENTENCE[self.relation]}: {figures}."


_SENTENCE = {
    Relation.SAME: "the same adapter re-saved",
    Relation.SCALED: "the same adapter at another strength",
    Relation.CAST: "the same adapter in another number format, pruned or slightly noised",
    Relation.RESIZED: "the same adapter at a lower rank",
    Relation.PARTIAL: "a part of its modules",
    Relation.TRAINED_ON: "trained on from it, or strongly noised",
    Relation.PART_OF_A_MERGE: "one part of a merge",
    Relation.RELATED: "related training, not a copy",
    Relation.UNRELATED: "no more than strangers have",
}


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """Sketches of one architecture, of files that are nobody's copies as far as we know."""

    sketches: tuple[Sketch, ...]
    """Real ones, from scans; sketches only, never weights."""

    @property
    def calibrated(self) -> bool:
        return len(self.sketches) >= CALIBRATED_FROM

    @property
    def words(self) -> str:
        if self.calibrated:
            return f"calibrated on {len(self.sketches):,} adapters"
        return "uncalibrated"


NO_BACKGROUND = Background(())


def common(removal: Sketch, other: Sketch) -> Common | None:
    """What both have; None for different architectures and for too few common modules."""
    if removal.architecture != other.architecture:
        return None
    ids, at, other_at = np.intersect1d(
        removal.ids, other.ids, assume_unique=True, return_indices=True
    )
    if len(ids) < min(FEWEST_MODULES, len(removal.ids)):
        return None
    first = removal.s[at].astype(np.float32) * removal.scales[at, None]
    second = other.s[other_at].astype(np.float32) * other.scales[other_at, None]
    return Common(
        ids=ids,
        first=first,
        second=second,
        cosines=np.einsum("ij,ij->i", _unit(first), _unit(second)),
        ratios=(other.norms[other_at] / np.maximum(removal.norms[at], 1e-30)).astype(np.float32),
        coverage=len(ids) / len(removal.ids),
        second_coverage=len(ids) / len(other.ids),
    )


def compare(
    removal: Sketch, other: Sketch, background: Background = NO_BACKGROUND
) -> Comparison | None:
    """The evidence for one pair; None where they have too little in common to be compared."""
    both = common(removal, other)
    if both is None:
        return None
    dot = float(np.vdot(both.first, both.second))
    length = float(np.linalg.norm(both.first)) * float(np.linalg.norm(both.second))
    cosine = dot / length if length else 0.0
    mean = float(both.cosines.mean())
    p_value = chance(both, mean, background)
    figures = _Figures(both, cosine, mean, removal.rank, other.rank)
    return Comparison(
        cosine=cosine,
        mean=mean,
        p_value=p_value,
        agreeing=float((both.cosines >= AGREES).mean()),
        modules=len(both.ids),
        coverage=both.coverage,
        scale=float(np.exp(np.median(np.log(np.maximum(both.ratios, 1e-30))))),
        relation=_verdict(figures, p_value, background.calibrated),
        calibration=background.words,
        common=both,
    )


def chance(both: Common, mean: float, background: Background) -> float:
    """The p-value of a mean. Never below 1e-300."""
    z = _fisher(mean)
    geometric = _normal_tail(z * math.sqrt(NUMBERS * len(both.ids)))
    if not background.calibrated:
        cautious = _CAUTIOUS_SHARE * math.exp(-(z - _CAUTIOUS_FROM) / _CAUTIOUS_DECAY)
        return max(min(1.0, cautious), geometric, 1e-300)
    strangers = np.sort(_strangers(both, background))
    start = float(np.quantile(strangers, _TAIL_FROM))
    if z <= start:
        beyond = len(strangers) - int(np.searchsorted(strangers, z))
        return max((beyond + 1) / (len(strangers) + 1), geometric)
    middle = float(np.quantile(strangers, 0.75))
    decay = max(
        (start - middle) / math.log(0.25 / (1 - _TAIL_FROM)),
        float((strangers[strangers > start] - start).mean()) if strangers[-1] > start else 0.0,
        1e-6,
    )
    modelled = (1 - _TAIL_FROM) * math.exp(max(-(z - start) / decay, -690.0))
    return max(modelled, geometric, 1e-300)


def _strangers(both: Common, background: Background) -> NDArray[np.float64]:
    """z of every background file with each of the two, over the very modules compared."""
    first, second = _unit(both.first), _unit(both.second)
    found: list[float] = []
    for sketch in background.sketches:
        ids, at, here = np.intersect1d(
            sketch.ids, both.ids, assume_unique=True, return_indices=True
        )
        if len(ids) < min(FEWEST_MODULES, len(both.ids)):
            continue
        unit = _unit(sketch.s[at].astype(np.float32))
        for side in (first, second):
            mean = float(np.vdot(unit, side[here])) / len(ids)
            if abs(mean) < _DUPLICATE:
                # Fewer modules than ours are noisier than ours: bring them to our measure.
                found.append(_fisher(mean) * math.sqrt(len(ids) / len(both.ids)))
    return np.array(found or [0.0])


@dataclass(frozen=True, slots=True, eq=False)
class _Figures:
    both: Common
    cosine: float
    mean: float
    rank: int
    other_rank: int


def _verdict(figures: _Figures, p_value: float, calibrated: bool) -> Relation:
    if calibrated:
        is_copy = p_value <= COPY_P and figures.mean >= COPY_MEAN
    else:
        is_copy = figures.mean >= COPY_MEAN_UNCALIBRATED
    if is_copy:
        return _explained(figures)
    is_related = p_value <= RELATED_P and figures.mean >= RELATED_MEAN
    return Relation.RELATED if is_related else Relation.UNRELATED


def _explained(figures: _Figures) -> Relation:
    """The relation of a copy. Order matters: the first that explains the figures is the answer."""
    both = figures.both
    high = float(np.quantile(both.cosines, 0.25))
    logs = np.log(np.maximum(both.ratios, 1e-30))
    steady = float(np.quantile(logs, 0.9) - np.quantile(logs, 0.1)) < 0.02
    scale = float(np.exp(np.median(logs)))
    if high >= 0.998:
        if both.coverage < 0.98:
            return Relation.PARTIAL
        if steady and abs(scale - 1) < 0.01:
            return Relation.SAME
        return Relation.SCALED
    if 0 < figures.other_rank < figures.rank and figures.mean >= 0.5:
        return Relation.RESIZED
    if high >= 0.93:
        return Relation.PARTIAL if both.coverage < 0.98 else Relation.CAST
    grown = figures.other_rank > figures.rank > 0
    if figures.mean >= 0.6 and not grown:
        return Relation.TRAINED_ON
    return Relation.PART_OF_A_MERGE


def _unit(rows: Floats) -> Floats:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Floats = rows / np.maximum(lengths, 1e-30)
    return unit


def _fisher(mean: float) -> float:
    return math.atanh(min(max(mean, -0.999_999), 0.999_999))


def _normal_tail(sigmas: float) -> float:
    return 0.5 * math.erfc(sigmas / math.sqrt(2)) if sigmas < 37 else 0.0


def best(comparisons: Sequence[Comparison]) -> Comparison | None:
    """The strongest of several (a removal can have many files)."""
    return min(comparisons, key=lambda c: (c.p_value, -c.mean), default=None)
