"""Compares two sketches: how alike their updates are, what that means, and how sure that is.

What comes in: the sketch of a removed file, the sketch of another file, and a background of
sketches of the same architecture. What goes out: a `Comparison` with figures, a p-value, the
relation that explains the figures best, and a verdict. benchmarks/calibration.py and
benchmarks/detection.py test it; docs/calibration.md and docs/detection.md have their figures.

The statistic is the mean over the common modules of the cosine of their S, so that no single module
decides. How often strangers reach it is the matter of `calibration`. A p-value alone is no
evidence: it is worth what the background is worth. So a copy must also go beyond nearly all
strangers of one recipe that we know: 4,512 pairs of a few recipes on one tiny base, which makes
them more alike than full-size ones (means up to 0.43, weaker halves of the modules up to 0.23).

Nor does a p-value clear anybody, since who uploads files writes it: a mean of 0.5 is a copy
whatever the background holds, unless the sample shows a recipe whose files resemble one another as
much. Then the answer is "uncertain", a lead.

A module that is negated counts by its size, where that could not be an accident in any choice of
signs: negative block weights hide nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from reseen.fingerprints.sketch import FEWEST_MODULES, NUMBERS, SIDE, Sketch
from reseen.match.block_names import blocks_of
from reseen.match.calibration import CALIBRATED_FROM as CALIBRATED_FROM
from reseen.match.calibration import (
    LEAST_P,
    NO_BACKGROUND,
    OPPOSED,
    NullDistribution,
    by_accident,
    cautious,
    own_numbers,
    unit,
)
from reseen.match.calibration import Background as Background
from reseen.match.other_part import may_be_another
from reseen.updates.names.known import BY_ORDER, FROM_BASE, is_encoders_alone, one_of, unmarked

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

FEW_MEAN = 0.98
"""At least this mean for a copy where the removal has fewer than `FEWEST_MODULES`: the same
numbers, converted. Single modules of strangers reached 0.84; those of rank 1 from one seed have
eight free numbers each, and of these one pair in a thousand agrees to 0.9."""
AGREES = 0.3
"""A module agrees from this cosine on; a stranger's does in 1 of 100 modules by chance."""

COPY_P = 1e-9
"""At most this p-value, calibrated, for a copy."""
COPY_MEAN = 0.25
"""At least this mean for a copy, however small its p-value."""
COPY_LOWER = 0.15
"""Below a mean of 0.5, a copy's weaker half of modules agrees at least this well: strangers of one
recipe owe their likeness to a few modules (4 of 4,512 pairs pass), while an edit or a merge leaves
its part of the removal in all of them (0.18 and more in an equal merge of four cut to the rank of
one)."""
COPY_MEAN_ALONE = 0.5
"""From this mean on no p-value is asked: strangers of one recipe reach 0.43, and with a p-value who
uploads files could take a copy out."""
RECIPE_P = 1e-6
"""Where files of the removal's own recipe are as like it as this more often, it is uncertain."""
ACCIDENT_P, FEW_LAYERS = 1e-9, 32
"""At most this chance, for a copy, that strangers who began from one seed agree so by accident. On
fewer modules than `FEW_LAYERS` they are taken for such as have eight numbers of their own in each,
whatever the rank: of a file whose ranks are of unequal strength little more are."""
RELATED_P, RELATED_MEAN = 0.06, 0.1
"""At most this p-value, and at least this mean, for related training: the same face trained again
has a mean of 0.18 to 0.30, which 2 of 100 strangers of its recipe have too."""


class Relation(StrEnum):
    """What explains the figures best."""

    SAME = "same"
    SCALED = "scaled"
    CAST = "cast"
    RESIZED = "resized"
    PARTIAL = "partial"
    TRAINED_ON = "trained on"
    PART_OF_A_MERGE = "part of a merge"
    BY_ORDER = "by order"
    RECIPE = "uncertain: files of this recipe resemble each other"
    OTHER_PART = "uncertain: it may be another part of a removal that is a merge itself"
    MIXED = "uncertain: its layers are spread over several adapters in the file"
    RELATED = "related training, not a copy"
    UNRELATED = "unrelated"

    @property
    def is_copy(self) -> bool:
        return not self.is_lead and self not in (Relation.RELATED, Relation.UNRELATED)

    @property
    def is_lead(self) -> bool:
        """Worth a person's look, and accuses nobody."""
        return self in (
            Relation.BY_ORDER,
            Relation.RECIPE,
            Relation.OTHER_PART,
            Relation.MIXED,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Common:
    """The modules that two sketches share, side by side."""

    ids: NDArray[np.uint32]
    """(n,)"""
    first: Floats
    """(n, 64): S of the removal."""
    second: Floats
    """(n, 64): S of the other file; of a negated module, as if it were not."""
    cosines: Floats
    """(n,): of each module; of a negated one its size."""
    ratios: Floats
    """(n,): norm of the other file's update over the removal's."""
    coverage: float
    """Share of the removal's modules that the other file has."""
    second_coverage: float
    """Share of the other file's modules that the removal has."""
    missing: NDArray[np.uint32]
    """Modules of the removal that the other file has not."""
    added: NDArray[np.uint32]
    """Modules of the other file that the removal has not."""
    negated: NDArray[np.bool_]
    """(n,): which modules have the other sign than the rest."""

    def turned(self, which: NDArray[np.bool_]) -> Common:
        """The same, as if these modules of the other file were not negated."""
        signs = np.where(which, np.float32(-1), np.float32(1))
        return replace(
            self,
            second=self.second * signs[:, None],
            cosines=self.cosines * signs,
            negated=self.negated ^ which,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """How alike two updates are, and what it means."""

    cosine: float
    """Of the whole updates over their common modules, as the sketches estimate it."""
    mean: float
    """Mean of the modules' cosines: what the p-value is about."""
    lower: float
    """Mean of the cosines of the weaker half of the modules."""
    p_value: float
    """Chance of such a mean between strangers of this architecture."""
    agreeing: float
    """Share of the common modules whose cosine is at least `AGREES`."""
    modules: int
    """Common modules."""
    coverage: float
    """Share of the removal's modules that were compared."""
    scale: float
    """By how much the other file's update is larger, over the common modules; negative where it, or
    most of it, is the negated adapter, and then the cosines are those at a negative strength."""
    relation: Relation
    calibration: str
    """What the p-value stands on: "calibrated on 512 adapters" or "uncalibrated"."""
    common: Common
    architecture: str
    """Of the removal."""

    @property
    def is_copy(self) -> bool:
        """Whether the second is the removed adapter, whatever was done to it."""
        return self.relation.is_copy

    @property
    def is_lead(self) -> bool:
        """Whether it is worth a person's look, and no more."""
        return self.relation.is_lead

    @property
    def parts(self) -> dict[str, str]:
        """Which parts are not as the rest is: of the removal "negated", "random" (nothing of it is
        left there) and "missing", and what the other file has besides ("added"), each with its
        blocks; of a copy or a lead only."""
        if not (self.is_copy or self.is_lead):
            return {}
        both = self.common
        found = {"negated": both.ids[both.negated], "missing": both.missing, "added": both.added}
        if float(np.median(both.cosines)) >= COPY_MEAN_ALONE:
            found["random"] = both.ids[~both.negated & (both.cosines < AGREES)]
        return {
            name: blocks_of(self.architecture, ids.tolist())
            for name, ids in found.items()
            if len(ids)
        }

    @property
    def verdict(self) -> str:
        """What the second is to the first, in words."""
        return _SENTENCE[self.relation]

    @property
    def why(self) -> str:
        """The evidence in one sentence."""
        share = f"{self.agreeing:.0%} of {self.modules} modules agree"
        figures = f"cosine {self.cosine:.3f}, p {self.p_value:.1g} ({self.calibration}), {share}"
        if not (self.is_copy or self.is_lead) and self.mean >= COPY_MEAN_ALONE:
            figures += f"; {too_few_to_tell(self.modules)}" if self.modules < FEW_LAYERS else ""
        parts = "".join(f"; {name}: {blocks}" for name, blocks in sorted(self.parts.items()))
        if self.relation is Relation.UNRELATED:
            return f"Not alike, {self.verdict}: {figures}{parts}."
        return f"Similar weight updates, {self.verdict}: {figures}{parts}."


_SENTENCE = {
    Relation.SAME: "the same adapter re-saved",
    Relation.SCALED: "the same adapter at another strength",
    Relation.CAST: "the same adapter in another number format, pruned or slightly noised",
    Relation.RESIZED: "the same adapter at a lower rank",
    Relation.PARTIAL: "the same in a part of the modules",
    Relation.TRAINED_ON: "trained on from it, or strongly noised",
    Relation.PART_OF_A_MERGE: "one part of a merge",
    Relation.BY_ORDER: "uncertain: which layer is which was told by their order alone",
    Relation.RECIPE: "uncertain: files of this recipe resemble each other",
    Relation.OTHER_PART: "uncertain: it may be another part of a removal that is a merge itself",
    Relation.MIXED: "uncertain: its layers are spread over several adapters in the file",
    Relation.RELATED: "related training, not a copy",
    Relation.UNRELATED: "no more than strangers have",
}


def common(removal: Sketch, other: Sketch) -> Common | None:
    """What both have; None for too few common modules, and for different architectures."""
    if _apart(removal, other):
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
        cosines=np.einsum("ij,ij->i", unit(first), unit(second)),
        ratios=(other.norms[other_at] / np.maximum(removal.norms[at], 1e-30)).astype(np.float32),
        coverage=len(ids) / len(removal.ids),
        second_coverage=len(ids) / len(other.ids),
        missing=np.setdiff1d(removal.ids, ids, assume_unique=True),
        added=np.setdiff1d(other.ids, ids, assume_unique=True),
        negated=np.zeros(len(ids), np.bool_),
    )


def _apart(removal: Sketch, other: Sketch) -> bool:
    """Whether they are of different architectures, of whatever each may be. Text encoders alone are
    not: several have them. Neither is an unknown one from any: the label of an unknown architecture
    changes when modules are dropped, or some renamed; which modules both have decides."""
    architectures = {unmarked(each.architecture) for each in (removal, other)}
    unknown = any(name.startswith("unknown") for name in architectures)
    alike = set(one_of(removal.architecture)) & set(one_of(other.architecture))
    return not alike and not unknown and not any(map(is_encoders_alone, architectures))


def obstacle(removal: Sketch, other: Sketch) -> str | None:
    """Why two sketches cannot be compared, in a sentence; None when they can."""
    if _apart(removal, other):
        return (
            f"The two are of different architectures: {removal.architecture} and "
            f"{other.architecture}."
        )
    shared = len(np.intersect1d(removal.ids, other.ids))
    if shared < min(FEWEST_MODULES, len(removal.ids)):
        return f"The two have {shared} modules in common, too few to say anything."
    return None


def compare(
    removal: Sketch, other: Sketch, background: Background = NO_BACKGROUND
) -> Comparison | None:
    """The evidence for one pair; None where they have too little in common to be compared."""
    both = common(removal, other)
    if both is None:
        return None
    both, sign, tried = _as_used(both, removal.rank)
    dot = float(np.vdot(both.first, both.second))
    # Squares of large numbers are none in single precision.
    length = math.prod(float(np.linalg.norm(x.astype("f8"))) for x in (both.first, both.second))
    mean = float(both.cosines.mean())
    null = background.null(both.ids)
    sides = np.stack([unit(both.first), unit(both.second)])
    likeness = null.likeness(sides, by_size=tried > 1)
    p_value = chance(mean, null, likeness, tried)
    recipe = null.resembling(likeness[0], mean)
    ordered = np.sort(both.cosines)
    figures = _Figures(
        both=both,
        mean=mean,
        lower=float(ordered[: (len(ordered) + 1) // 2].mean()),
        ranks=(removal.rank, other.rank),
        tried=tried,
    )
    relation = _verdict(figures, p_value, recipe, calibrated=null.calibrated)
    if relation is Relation.SAME and tried:
        relation = Relation.SCALED
    if relation.is_copy and any(each.architecture.endswith(BY_ORDER) for each in (removal, other)):
        relation = Relation.BY_ORDER
    if relation.is_copy and removal.architecture.endswith(FROM_BASE):
        relation = Relation.RECIPE
    if relation.is_copy and may_be_another(removal, other, both.cosines):
        relation = Relation.OTHER_PART
    return Comparison(
        cosine=dot / length if length else 0.0,
        mean=mean,
        lower=figures.lower,
        p_value=p_value,
        agreeing=float((both.cosines >= AGREES).mean()),
        modules=len(both.ids),
        coverage=both.coverage,
        scale=sign * figures.scale,
        relation=relation,
        calibration=null.words,
        common=both,
        architecture=removal.architecture,
    )


def _as_used(both: Common, rank: int) -> tuple[Common, int, int]:
    """The two as the other file is used, the sign at which that is, and how many signs were chosen:
    none; one, where the negated adapter at strength -1 is the adapter; or one for each module,
    where some are negated and no choice of signs makes strangers so alike."""
    none = np.zeros(len(both.ids), np.bool_)
    whole = replace(both.turned(~none), negated=none)
    mostly = 2 * (both.cosines <= OPPOSED).sum() > len(both.ids)
    used, sign = (whole, -1) if mostly else (both, 1)
    opposed = used.cosines <= OPPOSED
    sizes = float(np.where(opposed, -used.cosines, used.cosines).mean())
    worth = opposed.any() and len(both.ids) >= FEWEST_MODULES and sizes >= COPY_MEAN_ALONE
    if worth and _accident(sizes, both, rank, len(both.ids)) <= ACCIDENT_P:
        return used.turned(opposed), sign, len(both.ids)
    return (whole, -1, 1) if both.cosines.mean() <= -COPY_MEAN else (both, 1, 0)


def chance(mean: float, null: NullDistribution, likeness: Doubles, signs: int = 0) -> float:
    """The p-value of a mean: how often strangers of this architecture reach it by the best of so
    many signs. `likeness`: (2, K), of the two files to the background."""
    if not null.calibrated:
        return cautious(mean, null.units.shape[1], signs)
    first, second = map(null.tail, likeness)
    found = null.chance(np.array(mean), first, second, signs)
    if signs == 1:
        found = 2 * found  # either sign was tried, and a tail is of one
    return float(np.clip(found, LEAST_P, 1.0))


def _accident(mean: float, both: Common, rank: int, signs: int) -> float:
    """The chance of such a mean between strangers who began from one seed and share A all through,
    for the best of so many signs. By the removal's rank: of the other's an uploader decides."""
    modules = len(both.ids)
    if modules < FEW_LAYERS:
        numbers = float(SIDE)
    else:
        numbers = own_numbers(rank) if rank else float(NUMBERS)
    return by_accident(mean, modules, numbers, signs)


def least_mean(modules: int) -> float:
    """The mean that a copy of a removal with so many modules needs."""
    if modules >= FEW_LAYERS:
        return COPY_MEAN_ALONE
    edge = math.sqrt(1 - ACCIDENT_P ** (2 / (modules * (SIDE - 1))))
    return max(COPY_MEAN_ALONE, FEW_MEAN if modules < FEWEST_MODULES else 0.0, edge)


def too_few_to_tell(modules: int) -> str:
    """What cannot be told of so few modules, in words; empty where they are enough."""
    least = least_mean(modules)
    if least <= COPY_MEAN_ALONE:
        return ""
    layers = "1 layer is" if modules == 1 else f"{modules} layers are"
    return (
        f"{layers} too few to tell a copy whose weights agree to less than a cosine of "
        f"{least:.4g} from a stranger"
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Figures:
    both: Common
    mean: float
    lower: float
    ranks: tuple[int, int]
    """Median ranks of the removal and of the other file; 0 where there is none."""
    tried: int
    """Signs that were chosen."""

    @property
    def logs(self) -> Floats:
        """(n,): logarithms of the modules' scales."""
        made: Floats = np.log(np.maximum(self.both.ratios, 1e-30))
        return made

    @property
    def scale(self) -> float:
        return float(np.exp(np.median(self.logs)))

    @property
    def kept(self) -> float:
        """How much of the removal is in the other file: the median of cosine times scale. About 1
        when something was added to it, 1/n in an equal merge of n, the cosine's square when parts
        of it were taken away."""
        return float(np.median(self.both.cosines * self.both.ratios))

    @property
    def accident(self) -> float:
        """The chance of such a mean between strangers who began from one seed."""
        return _accident(self.mean, self.both, self.ranks[0], self.tried)

    @property
    def even(self) -> bool:
        """Whether the modules' cosines differ no more than sketches of one true cosine do: sigma
        (1 - c²) / 8, measured 1.5 to 2.2 times that for noise and pruning, 2.4 to 4.1 times for
        training (16 files of the zoo that were trained on)."""
        return float(self.both.cosines.std()) < 2.3 * (1 - self.mean**2) / 8


def _verdict(figures: _Figures, p_value: float, recipe: float, *, calibrated: bool) -> Relation:
    mean = figures.mean
    spread = mean >= COPY_MEAN and figures.lower >= COPY_LOWER
    is_copy = mean >= COPY_MEAN_ALONE or (calibrated and p_value <= COPY_P and spread)
    too_few = len(figures.both.ids) < FEWEST_MODULES and mean < FEW_MEAN
    if (is_copy or spread) and not too_few and figures.accident <= ACCIDENT_P:
        if recipe > RECIPE_P:
            return Relation.RECIPE
        if is_copy:
            return _explained(figures)
    is_related = p_value <= RELATED_P and mean >= RELATED_MEAN
    return Relation.RELATED if is_related else Relation.UNRELATED


def _explained(figures: _Figures) -> Relation:
    """The relation of a copy. Order matters: the first that explains the figures is the answer."""
    both, mean = figures.both, figures.mean
    agreeing = both.cosines[both.cosines >= AGREES]
    high = float(np.quantile(agreeing, 0.25)) if len(agreeing) else 0.0
    spread = float(np.quantile(figures.logs, 0.9) - np.quantile(figures.logs, 0.1))
    rank, other_rank = figures.ranks
    all_there = not len(both.missing) and len(agreeing) == len(both.ids)
    if high >= 0.85 and not all_there:
        return Relation.PARTIAL
    if high >= 0.998 and len(both.added):
        return Relation.PARTIAL  # nothing but that is another
    if high >= 0.998 and both.cosines.min() >= _ALL_AGREE:
        return Relation.SAME if spread < 0.02 and abs(figures.scale - 1) < 0.01 else Relation.SCALED
    if 0 < other_rank < rank and mean >= 0.5:
        return Relation.RESIZED
    if high >= 0.85 and (figures.even or mean >= 0.97):
        return Relation.CAST
    if figures.kept >= 0.75 and (mean >= 0.6 or other_rank <= rank):
        return Relation.TRAINED_ON
    return Relation.PART_OF_A_MERGE


_ALL_AGREE = 0.9
"""Every module of the same adapter agrees so far: a cast may cost a few small ones a little."""


def best(comparisons: Sequence[Comparison]) -> Comparison | None:
    """The strongest of several: a removal can have many files, and a file be read under many names.
    Of those that are as sure, within a factor of ten, the one of most modules. Where a copy lacks
    modules that the same removal has under other names of the file, and those are a copy as well
    in which no fewer modules agree, it is that one: what is there is not said to be missing."""
    least = min((c.p_value for c in comparisons), default=0.0)
    as_sure = [c for c in comparisons if c.p_value <= 10 * least]
    surest = min(as_sure, key=_by_modules, default=None)
    if surest is None or not surest.is_copy or not len(surest.common.missing):
        return surest
    return min((surest, *(c for c in comparisons if _has_more(c, surest))), key=_by_missing)


def _by_modules(made: Comparison) -> tuple[float, ...]:
    return -made.modules, made.p_value, -made.mean


def _by_missing(made: Comparison) -> tuple[float, ...]:
    return len(made.common.missing), made.p_value, -made.mean


def _has_more(made: Comparison, than: Comparison) -> bool:
    """Whether it is a copy of the same removal, of all modules of the other and more."""
    mine, theirs = made.common, than.common
    return (
        made.is_copy
        and len(mine.missing) < len(theirs.missing)
        and len(mine.ids) + len(mine.missing) == len(theirs.ids) + len(theirs.missing)
        and bool(np.isin(theirs.ids, mine.ids).all())
        and bool(np.isin(mine.missing, theirs.missing).all())
        and (mine.cosines >= AGREES).sum() >= (theirs.cosines >= AGREES).sum()
    )


def closest(
    first: Sequence[Sketch], second: Sequence[Sketch], background: Background
) -> tuple[Sketch, Sketch, Comparison] | None:
    """Of the adapters of two files the two that are most alike, `first` a removal's; None where no
    two can be compared."""
    pairs = [
        (one, other, found)
        for one in first
        for other in second
        if (found := compare(one, other, background)) is not None
    ]
    copies = [each for each in pairs if each[2].is_copy]
    strongest = best([found for *_, found in copies or pairs])
    return next((each for each in pairs if each[2] is strongest), None)
