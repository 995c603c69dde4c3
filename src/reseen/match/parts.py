"""Which adapters are inside a file: the parts of a merge, by sketches alone.

What comes in: the sketch of a file, those of candidates (removed files), and of strangers. What
goes out: a `MergePart` for each candidate, with figures and a verdict. Three things tell a part:

- its columns: the column space of a sum holds those of its parts at any weight, so what is asked is
  how much of the candidate's (PB) is contained in the file's, beyond the share that chance gives;
- its linear numbers, and its up factor (SB), which sums of factors keep: a joint regression over
  the candidates, and how alike a candidate and what the others leave unexplained are.

Strangers of one recipe have columns and numbers in common, so no figure accuses by itself: a part
stands above the decoys, which are the strangers that were given and the candidates that nothing
speaks for. With too few of these, or over few modules, the answer is "uncalibrated", and a lead at
most. A removal can be a merge itself, and have an accelerator in it that many use. So of its
columns nothing may be missing, and a file that is inside the removal is no merge with it.
docs/parts.md has what was measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from reseen.fingerprints.sketch import Sketch
from reseen.match.calibration import SAME
from reseen.match.other_part import MISSING, MISSING_SIGMAS, MOST_SHARED, contained
from reseen.match.part_figures import LEAD_CONTAINED, SIGMAS, Figures, Side, ToldBy
from reseen.updates.names.known import BY_ORDER, FROM_BASE

FEWEST_TO_LEAD = 16
"""Modules below which nothing is said."""
CONTAINED = 0.75
"""Of a part's columns at least so much is inside: of parts of a merge of eight 0.85 was, of
strangers of full size 0.17. Strangers of one maker that all begin with the same columns (PiSSA)
have half of them in common. And none may be missing (`is_whole`): where a removal is a merge
itself, a file with the other part of it has the rest."""
ALIKE, LOWER = 0.25, 0.15
"""At least this mean cosine, and that of the weaker half of the modules, for a part by regression:
what a copy needs with a p-value."""
PART_P = {ToldBy.COLUMNS: 1e-6, ToldBy.LINEAR: 1e-9, ToldBy.UP: 1e-9}
"""At most this p-value against decoys, for a part."""
BESIDE = 4.0
"""Standard deviations of chance of the linear numbers, without which up factors are a lead alone:
strangers whose up factors began alike (PiSSA) agree in these, and in nothing else."""
FILE_ITSELF = 0.9
"""From this mean cosine on another removal is the file itself, and no other part of it."""


class PartVerdict(StrEnum):
    """What is said of a candidate."""

    PART = "inside a merge"
    LEAD = "may be inside a merge"
    NOTHING = "nothing speaks for it"


@dataclass(frozen=True, slots=True)
class MergePart:
    """What is said of one candidate."""

    figures: dict[ToldBy, Figures]
    """Without those that the two have not both."""
    doubt: str = ""
    """Why it is a lead at most, whatever its figures are."""

    def verdict_by(self, by: ToldBy) -> PartVerdict:
        """What one of the three says."""
        found = self.figures.get(by)
        if found is None or found.modules < FEWEST_TO_LEAD or found.sigmas < SIGMAS:
            return PartVerdict.NOTHING
        if found.value < (LEAD_CONTAINED if by is ToldBy.COLUMNS else ALIKE):
            return PartVerdict.NOTHING
        if found.margin is not None and found.margin <= 0:
            return PartVerdict.NOTHING
        if by is ToldBy.COLUMNS:
            spread = found.value >= CONTAINED and is_whole(found, MISSING_SIGMAS)
        else:
            spread = found.lower >= LOWER and not self.half_there
        sure = spread and found.calibrated and found.p_value <= PART_P[by] and not self.doubt
        if by is ToldBy.UP:
            linear = self.figures.get(ToldBy.LINEAR)
            sure = sure and linear is not None and linear.sigmas >= BESIDE
        return PartVerdict.PART if sure else PartVerdict.LEAD

    @property
    def half_there(self) -> bool:
        """Is much of its columns inside, and surely not all?"""
        columns = self.figures.get(ToldBy.COLUMNS)
        if columns is None or columns.sigmas < SIGMAS:
            return False
        return columns.value >= MOST_SHARED and not is_whole(columns, MISSING_SIGMAS)

    @property
    def by(self) -> ToldBy | None:
        """Which of the three says the most; None where none says anything."""
        said = {by: self.verdict_by(by) for by in self.figures}
        speaking = [by for by in said if said[by] is not PartVerdict.NOTHING]
        order = list(PartVerdict)
        return min(
            speaking,
            key=lambda by: (order.index(said[by]), self.figures[by].p_value),
            default=None,
        )

    @property
    def verdict(self) -> PartVerdict:
        """The strongest that any says."""
        return PartVerdict.NOTHING if self.by is None else self.verdict_by(self.by)

    @property
    def strength(self) -> tuple[int, float]:
        """What parts are sorted by, the strongest first."""
        p_value = 1.0 if self.by is None else self.figures[self.by].p_value
        return list(PartVerdict).index(self.verdict), p_value

    @property
    def weight(self) -> float | None:
        """How strong it is in the file, 1 for as it was; None where that cannot be told."""
        linear = self.figures.get(ToldBy.LINEAR)
        return None if linear is None else linear.weight

    @property
    def why(self) -> str:
        """The evidence in one sentence."""
        if self.by is None:
            return "Nothing speaks for a part of a merge."
        found = self.figures[self.by]
        figures = f"{_SAYS[self.by].format(found.value)} over {found.modules} modules"
        if found.margin is not None:
            decoys = "decoy" if found.decoys == 1 else "decoys"
            figures += f", {found.margin:.2f} above {found.decoys:,} {decoys}"
        figures += f", p {found.p_value:.1g} ({'' if found.calibrated else 'un'}calibrated)"
        if self.weight is not None:
            figures += f"; {self.weight:.2g} times as strong as it was"
        if self.doubt:
            figures += f"; {self.doubt}"
        verdict = self.verdict.value
        return f"{verdict[0].upper()}{verdict[1:]}: {figures}."


def is_whole(columns: Figures, sigmas: float) -> bool:
    """Is nothing missing of a candidate's columns, as far as so many standard deviations tell?"""
    return 1 - columns.value <= MISSING + sigmas * columns.value / max(columns.sigmas, 1e-9)


_SAYS = {
    ToldBy.COLUMNS: "{:.0%} of its columns are there",
    ToldBy.LINEAR: "its weights agree with what no other explains to a cosine of {:.2f}",
    ToldBy.UP: "its up factors agree with what no other explains to a cosine of {:.2f}",
}


def inside(
    removal: Sketch,
    file: Sketch,
    known: Sequence[Sketch] = (),
    strangers: Sequence[Sketch] = (),
    innocents: Sequence[Sketch] = (),
) -> MergePart:
    """Whether one removal is inside a file. `known`: other removals, that may be inside as well.
    Those of them, and of the strangers, that are the file itself say nothing, and are left out.
    `innocents`: as in `parts`."""
    others, rest = (
        [each for each, same in zip(given, are_the_file(file, given), strict=True) if not same]
        for given in (known, strangers)
    )
    return parts(file, (removal, *others), rest, innocents)[0]


def hides(innocent: Sketch, removal: Sketch) -> bool:
    """Whether a removal is inside an innocent, or may be, by these two alone: explained away by it,
    a merge would have nothing of the removal any more. What is inside the removal, and lacks some
    of it, leaves the rest to be found."""
    said = inside(removal, innocent)
    if said.verdict is PartVerdict.NOTHING:
        return False
    return not _is_within(innocent, removal, said.figures.get(ToldBy.COLUMNS))


def are_the_file(file: Sketch, given: Sequence[Sketch]) -> list[bool]:
    """Which of these are the file itself, and no part of it."""
    side = Side.of(ToldBy.LINEAR, file, given, len(given))
    alike = np.zeros(len(given))
    if side is not None:
        alike[side.numbers] = side.reached(side.file)
    return [bool(how >= FILE_ITSELF) for how in alike]


def hinted(file: Sketch, candidates: Sequence[Sketch], innocents: Sequence[Sketch] = ()) -> bool:
    """Whether anything speaks for any of these, before the others are taken into account."""
    every = (*candidates, *innocents)
    sides = (Side.of(by, file, every, len(candidates), len(innocents)) for by in ToldBy)
    return any(side is not None and side.hints() for side in sides)


def parts(
    file: Sketch,
    candidates: Sequence[Sketch],
    strangers: Sequence[Sketch] = (),
    innocents: Sequence[Sketch] = (),
) -> tuple[MergePart, ...]:
    """One for each candidate. `strangers`: files of the architecture that are not inside;
    `innocents`: known ones that may be, of which nothing is said."""
    found: list[dict[ToldBy, Figures]] = [{} for _ in candidates]
    every = (*candidates, *innocents, *strangers)
    copies = _copies(file, candidates)
    for by in ToldBy:
        side = Side.of(by, file, every, len(candidates), len(innocents))
        if side is not None:
            for number, figures in side.figures(copies):
                found[number][by] = figures
    return tuple(
        MergePart(figures, _doubt(file, candidate, figures.get(ToldBy.COLUMNS)))
        for candidate, figures in zip(candidates, found, strict=True)
    )


def _doubt(file: Sketch, removal: Sketch, columns: Figures | None) -> str:
    if file.architecture.endswith(BY_ORDER) or removal.architecture.endswith(BY_ORDER):
        return "the order of its layers alone says which is which"
    if removal.architecture.endswith(FROM_BASE):
        return "the removal began as a part of its base weight, which strangers share"
    if _is_within(file, removal, columns):
        return "all of the file's columns are in the removal, which may be a merge itself"
    return ""


def _is_within(file: Sketch, removal: Sketch, columns: Figures | None) -> bool:
    """Are the file's columns all in the removal, and the removal's not all in the file?"""
    if columns is None or columns.sigmas < SIGMAS or is_whole(columns, MISSING_SIGMAS / 2):
        return False
    back = contained(file, removal)
    return back is not None and back.is_whole()


def _copies(file: Sketch, candidates: Sequence[Sketch]) -> NDArray[np.bool_]:
    """(N, N): which candidates are alike: copies of each other, or trained from one another."""
    side = Side.of(ToldBy.LINEAR, file, candidates, len(candidates))
    alike = np.eye(len(candidates), dtype=np.bool_)
    if side is not None:
        alike[np.ix_(side.numbers, side.numbers)] |= side.among() >= SAME
    return alike
