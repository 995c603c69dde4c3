"""Which removals are inside a checkpoint: what was added to its base, held against them.

What comes in: a `Difference`, removals of the architecture, and strangers. What goes out: an
`InCheckpoint` for each removal that anything speaks for. The bars are those of a copy (`compare`)
and of a part (`parts`), and one more, which makes up an account of the difference: what the
removals leave of it must be rounding, no more and no less.

- More is left: the checkpoint has something else in it. Where a removal was itself made as the
  difference of two checkpoints, it has the fine-tune of one of them in it, and so has every model
  that was made from that fine-tune; they would all be accused. So it is a lead. What other known
  bases have is taken out first.
- Less is left: the removal agrees with the rounding. One that was made from a checkpoint in a
  coarse format has that in it, and every file in that format has it too. A lead at most.
- Rounding is so large that what is left cannot be told: then the removal must be there at full
  strength. One that only has something in common with the file, its base's fine-tune or rounding,
  falls short of that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from reseen.fingerprints.sketch import NUMBERS, Sketch, decode
from reseen.match import evidence
from reseen.match.calibration import Background
from reseen.match.checkpoints import Difference, Floats
from reseen.match.compare import Comparison, common, compare
from reseen.match.evidence import NO_STRENGTHS, PartStrengths
from reseen.match.part_blocks import in_blocks
from reseen.match.part_figures import SIGMAS
from reseen.match.parts import MergePart, PartVerdict, inside
from reseen.match.registry_parts import KnownSketch, sketch_name
from reseen.records import Evidence, Rung

MOST = 16
"""Removals that are looked at closely, the most like the difference first."""
LEFT = 0.15
"""Of what the removals explain so much may be left, beyond rounding: strengths differ between text
encoder and image model, and some numbers were stored in half precision twice."""
FULL, SURE = 0.85, 0.05
"""Where rounding comes to more than the removals do, or may be wrong by more than may be left, a
removal is there at this strength at least, known to this standard deviation."""

_KEPT = (
    *("by", "share", "cosine", "p_value", "decoys", "modules", "margin", "weight", "agreeing"),
    *("calibration", "strength"),
)
"""Figures that hold whichever layers of the file were read."""

MORE = "there is more in the checkpoint than the removal and rounding"
LESS = "the removal agrees with the rounding of the checkpoint's number format"
COARSE = "the rounding of the checkpoint's number format hides how much of the removal is there"
ONLY_ROUNDING = "the checkpoint differs from its base by no more than rounding"
NOT_KNOWN = "how much the checkpoint's number format rounds is not known"


def removed(value: bytes) -> KnownSketch:
    """A removal that is in no store, by its sketch in the published byte layout."""
    return KnownSketch("", 0, sketch_name(value), decode(value))


@dataclass(frozen=True, slots=True)
class InCheckpoint:
    """What is said of one removal."""

    removal: str
    claim_pk: int
    """Whose sketch it is."""
    sketch: str
    """The sketch's name."""
    base: str
    """The base's name."""
    comparison: Comparison | None
    """With the difference as if that were an adapter."""
    part: MergePart
    strength: float
    """1 for as it was."""
    doubt: str = ""
    """Why it is a lead at most."""
    in_blocks: PartStrengths = NO_STRENGTHS
    """How strong it is, block by block."""

    @property
    def is_copy(self) -> bool:
        return self.comparison is not None and self.comparison.is_copy

    @property
    def is_sure(self) -> bool:
        """Evidence; else a lead, if it `speaks`."""
        return not self.doubt and (self.is_copy or self.part.verdict is PartVerdict.PART)

    @property
    def speaks(self) -> bool:
        """Is it evidence or a lead?"""
        return self.is_copy or self.part.verdict is not PartVerdict.NOTHING

    @property
    def why(self) -> str:
        """In a sentence."""
        said = "Inside a checkpoint" if self.is_sure else "May be inside a checkpoint"
        figures = ""
        if self.is_copy and self.comparison is not None:
            found = self.comparison
            figures = f"its weights agree to a cosine of {found.mean:.2f} over {found.modules} "
            figures += f"modules, p {found.p_value:.1g} ({found.calibration})"
        elif self.part.by is not None:
            told = self.part.figures[self.part.by]
            figures = f"its weights agree to a cosine of {told.value:.2f} over {told.modules} "
            figures += (
                f"modules, p {told.p_value:.1g} ({'' if told.calibrated else 'un'}calibrated)"
            )
        doubt = f"; {self.doubt}" if self.doubt else ""
        strength = f"{self.strength:.2g} times as strong as it was"
        return f"{said}, beside the base {self.base}: {figures}, {strength}{doubt}."

    @property
    def evidence(self) -> Evidence:
        """Of what is sure."""
        if self.is_copy and self.comparison is not None:
            made = evidence.weights(self.comparison)
        else:
            made = evidence.component(self.part, self.sketch)
        figures = {**(made.figures or {}), **self.in_blocks.figures}
        figures["strength"] = round(self.strength, 4)
        return replace(made, why=self.why, figures=figures)

    @property
    def inside(self) -> Evidence:
        """Of what is sure, as it is kept of files that scans read: on the rung `component`
        whichever bar it passed, for it is inside a larger file."""
        known = self.evidence.figures or {}
        kept = {name: known[name] for name in _KEPT if name in known}
        figures = {"base": self.base, **kept, **self.in_blocks.figures}
        return Evidence(Rung.COMPONENT, evidence.CHECKPOINT, self.sketch, self.why, figures)

    @property
    def rung(self) -> Rung:
        return Rung.WEIGHTS if self.is_copy else Rung.COMPONENT


def inside_checkpoint(
    found: Difference,
    known: Sequence[KnownSketch],
    background: Background,
    beside: Sequence[Floats] = (),
) -> tuple[InCheckpoint, ...]:
    """The removals that are inside, or may be; the surest first. `known`: all that are looked at;
    those that nothing speaks for are decoys, and so is the background. `beside`: what other bases
    have, for the modules of the difference (`checkpoints.between`), and known innocents
    (`Difference.of`): taken out first, and nobody's part."""
    beside = [each for each in beside if _sigmas(found.numbers, each) >= SIGMAS]
    clean = _without(found, beside)
    whole = clean.sketch()
    likely = _likely(whole, known)
    if not likely:
        return ()
    told = [_one(clean, each, known, background) for each in likely]
    accused = [each for each, said in zip(likely, told, strict=True) if _passes(said)]
    account = _Account.of(found, [each.sketch for each in accused], beside)
    blocks = in_blocks(whole, [each.sketch for each in accused])
    made: dict[str, InCheckpoint] = {}
    for each, said in zip(likely, told, strict=True):
        if each in accused:
            at = accused.index(each)
            strength = account.strengths[at]
            said = replace(said, doubt=account.doubt(at), strength=strength, in_blocks=blocks[at])
        if said.speaks:
            before = made.get(said.removal)
            if before is None or (not before.is_sure and said.is_sure):
                made[said.removal] = said
    order = sorted(made.values(), key=lambda s: (not s.is_sure, s.part.strength, s.removal))
    return tuple(order)


def may_hold(
    found: Difference, known: Sequence[KnownSketch], beside: Sequence[Floats] = ()
) -> bool:
    """Does anything speak for one of these, that it is worth a closer look? `beside`: as in
    `inside_checkpoint`."""
    if found.is_rounding or not len(found.ids):
        return False
    clean = _without(found, [each for each in beside if _sigmas(found.numbers, each) >= SIGMAS])
    return bool(_likely(clean.sketch(), known))


def _likely(file: Sketch, known: Sequence[KnownSketch]) -> list[KnownSketch]:
    """Those beyond chance, the most alike first; of those with one sketch the first."""
    found = []
    for each in known:
        both = common(each.sketch, file)
        if both is None:
            continue
        sigmas = float(both.cosines.mean()) * math.sqrt(len(both.ids) * NUMBERS)
        if sigmas >= SIGMAS:
            found.append((sigmas, each))
    found.sort(key=lambda one: -one[0])
    return [each for _, each in found[:MOST]]


def _one(
    clean: Difference, each: KnownSketch, known: Sequence[KnownSketch], background: Background
) -> InCheckpoint:
    """Over the modules that the removal has: the others of a checkpoint are rounding."""
    own = clean.only(each.sketch.ids)
    sketch = own.sketch()
    others = [other.sketch for other in known if other.removal != each.removal]
    comparison = compare(each.sketch, sketch, background)
    part = inside(each.sketch, sketch, others, background.sketches)
    mine = own.of(each.sketch)
    size = float((mine.astype(np.float64) ** 2).sum())
    strength = float(np.vdot(mine, own.numbers)) / size if size else 0.0
    return InCheckpoint(
        each.removal, each.claim_pk, each.name, clean.base.base.name, comparison, part, strength
    )


def _passes(said: InCheckpoint) -> bool:
    return said.is_copy or said.part.verdict is PartVerdict.PART


def _without(found: Difference, beside: Sequence[Floats]) -> Difference:
    """The difference less what these explain of it."""
    if not beside:
        return found
    columns = np.stack([each.reshape(-1) for each in beside]).astype(np.float64)
    weights, *_ = np.linalg.lstsq(columns.T, found.numbers.reshape(-1), rcond=None)
    explained = (weights @ columns).reshape(found.numbers.shape)
    return replace(found, numbers=(found.numbers - explained).astype(np.float32))


def _sigmas(one: Floats, other: Floats) -> float:
    """How far beyond chance two are alike, by the mean cosine of their modules."""
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    there = lengths > 0
    if not there.any():
        return 0.0
    cosines = np.einsum("ij,ij->i", one[there], other[there]) / lengths[there]
    return float(np.abs(cosines.mean())) * math.sqrt(int(there.sum()) * NUMBERS)


@dataclass(frozen=True, slots=True)
class _Account:
    """What removals and other bases explain of a difference, and what is left."""

    found: Difference
    strengths: tuple[float, ...]
    """Of the removals."""
    errors: tuple[float, ...]
    """Their standard deviations."""
    explained: float
    """By the removals together: the sum of the squares."""
    left: float
    """By nothing."""

    @classmethod
    def of(
        cls, found: Difference, removals: Sequence[Sketch], beside: Sequence[Floats]
    ) -> _Account:
        known = np.isfinite(found.rounding)
        target = found.numbers[known].reshape(-1).astype(np.float64)
        atoms = [found.of(each)[known] for each in removals]
        atoms += [each[known] for each in beside if each[known].any()]
        if not removals or not target.size:
            return cls(found, (), (), 0.0, float(target @ target))
        columns = np.stack([each.reshape(-1) for each in atoms]).astype(np.float64)
        products: NDArray[np.float64] = columns @ columns.T
        products.flat[:: len(products) + 1] *= 1 + 1e-9
        products.flat[:: len(products) + 1] += 1e-30
        inverse = np.linalg.inv(products)
        weights = inverse @ (columns @ target)
        count = len(removals)
        mine = weights[:count] @ columns[:count]
        rest = target - weights @ columns
        left = float(rest @ rest)
        spread = np.sqrt(np.maximum(inverse.diagonal(), 0) * left / max(len(target), 1))
        return cls(
            found,
            tuple(map(float, weights[:count])),
            tuple(map(float, spread[:count])),
            float(mine @ mine),
            left,
        )

    def doubt(self, at: int) -> str:
        """Why the removal at this place is a lead at most; empty where nothing speaks against
        it."""
        found, doubt = self.found, self.found.doubt
        if not np.isfinite(found.rounding).all():
            return NOT_KNOWN
        if found.is_rounding:
            return ONLY_ROUNDING
        if self.left > found.rounded + doubt + LEFT * self.explained:
            return MORE
        if self.left < found.rounded - doubt - LEFT * self.explained:
            return LESS
        hidden = self.explained < found.rounded or doubt > LEFT * self.explained
        if hidden and (self.strengths[at] < FULL or self.errors[at] > SURE):
            return COARSE
        if self.strengths[at] < SIGMAS * self.errors[at]:
            return MORE
        return ""
