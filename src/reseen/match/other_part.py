"""Is what a file and a removal have in common the removal, or another part of it?

What comes in: the sketches of both, and how alike they are. What goes out: whether they may be
alike because of another part. A removal can be a merge itself, of a removed model and an
accelerator that many use; that accelerator's author, and whoever merged it too, have nothing of the
removed model. Columns tell: of an accelerator all are in the removal, and not all of the
removal's in it; a merge of it has these columns whole, and lacks the others. Noise, pruning and
training take from all columns, and from the columns more than from the likeness.

docs/parts.md has what was measured, and what this cannot tell.
"""

from __future__ import annotations

from dataclasses import dataclass

from reseen.fingerprints.sketch import Sketch
from reseen.match.part_figures import SIGMAS, Floats, Side, ToldBy

MISSING, MISSING_SIGMAS = 0.02, 4.0
"""So much may be missing of columns that are all there, and so many standard deviations of
chance."""
LACKING_SIGMAS = 3.0
"""Of a likeness that would accuse, columns are missing from so many on."""
MOST_SHARED = 0.6
"""Where more of its columns than this are inside, and surely not all, the weights that agree may be
those of another part of a removal that is a merge itself: a lead alone. Sums of factors, and what
an SVD cut, have no more than half."""
FEWEST_TO_TELL = 16
"""Modules below which columns tell nothing of this."""
LEAST_MEAN = 0.5
"""From this mean on a file inside the removal may be the removal at a lower rank."""
LESS = 0.9
"""Of a lower rank of the removal the mean square of the cosines is no less than the share of its
columns, even where the ranks were dropped at random; and what noise leaves of columns is less than
the mean. By so much less, it is neither."""


@dataclass(frozen=True, slots=True)
class Contained:
    """How much of one's columns is in another."""

    value: float
    chance: float
    """The standard deviation of that by chance."""
    modules: int

    def is_whole(self, sigmas: float = MISSING_SIGMAS) -> bool:
        """Nothing is missing, as far as so many standard deviations tell."""
        return 1 - self.value <= MISSING + sigmas * self.chance


def contained(one: Sketch, other: Sketch) -> Contained | None:
    """How much of one's columns is in the other; None where that cannot be told."""
    side = Side.of(ToldBy.COLUMNS, other, (one,), 1)
    if side is None:
        return None
    value, chance = float(side.reached(side.file)[0]), float(side.chance(side.file)[0])
    return Contained(value, chance, int(side.present[0].sum()))


def may_be_another(removal: Sketch, file: Sketch, cosines: Floats) -> bool:
    """Whether two with these cosines of modules may be so alike because of another part of the
    removal. False where columns tell nothing: of a sketch 1, of layers whose width no table
    knows."""
    there = contained(removal, file)
    if there is None or there.modules < FEWEST_TO_TELL:
        return False
    if there.is_whole(LACKING_SIGMAS):
        return False
    mean, square = float(cosines.mean()), float((cosines**2).mean())
    back = contained(file, removal)
    if back is not None and back.is_whole() and back.value > SIGMAS * back.chance:
        return mean < LEAST_MEAN or square < LESS * there.value
    return there.value >= MOST_SHARED and mean < LESS * there.value
