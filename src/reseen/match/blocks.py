"""Two sketches, block by block of the network: the numbers behind the picture of a likeness.

What comes in: the sketch of a removed file and that of another, in their published layout. What
goes out: `Block`s in the order in which the network computes, each with one `Cell` a module of the
removal. Names come from our own tables; a sketch holds none, so modules of an unknown network stand
in one block without names.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reseen.fingerprints.sketch import Sketch, decode
from reseen.match.block_names import rows_of
from reseen.match.calibration import unit
from reseen.match.compare import AGREES


@dataclass(frozen=True, slots=True)
class Cell:
    """One module of the removal."""

    name: str
    """As our tables name it; empty where none knows it."""
    cosine: float | None
    """None: the other file has no such module."""

    @property
    def agrees(self) -> bool:
        """A negated module does, too."""
        return self.cosine is not None and abs(self.cosine) >= AGREES

    @property
    def is_negated(self) -> bool:
        return self.cosine is not None and self.cosine <= -AGREES


@dataclass(frozen=True, slots=True)
class Block:
    """Neighbouring modules."""

    name: str
    cells: tuple[Cell, ...]

    @property
    def compared(self) -> int:
        return sum(cell.cosine is not None for cell in self.cells)

    @property
    def agreeing(self) -> int:
        return sum(cell.agrees for cell in self.cells)

    @property
    def otherwise(self) -> tuple[tuple[str, int], ...]:
        """Of modules that are not as the removal's: "negated", "random" (nothing of it is left) and
        "missing", and how many."""
        found = {
            "negated": sum(cell.is_negated for cell in self.cells),
            "random": self.compared - self.agreeing,
            "missing": len(self.cells) - self.compared,
        }
        return tuple((what, n) for what, n in found.items() if n)

    @property
    def mean(self) -> float | None:
        """None where the other file has none of them."""
        known_ = [cell.cosine for cell in self.cells if cell.cosine is not None]
        return sum(known_) / len(known_) if known_ else None

    @property
    def weakest(self) -> Cell | None:
        """The module that agrees least."""
        compared = [cell for cell in self.cells if cell.cosine is not None]
        return min(compared, key=lambda cell: abs(cell.cosine or 0.0), default=None)


def side_by_side(removed: bytes, other: bytes) -> tuple[Block, ...]:
    """The removal's modules, and how each agrees with the other file's; empty where they share
    none. Raises Malformed for bytes that are no sketch."""
    first, second = decode(removed), decode(other)
    cosines = _cosines(first, second)
    if not cosines:
        return ()
    rows = rows_of(first.architecture, first.ids.tolist())
    return tuple(
        Block(name, tuple(Cell(module, cosines.get(id_)) for id_, module in modules))
        for name, modules in rows
    )


def _cosines(first: Sketch, second: Sketch) -> dict[int, float]:
    ids, at, other_at = np.intersect1d(
        first.ids, second.ids, assume_unique=True, return_indices=True
    )
    cosines = np.einsum("ij,ij->i", unit(first.values()[at]), unit(second.values()[other_at]))
    negated = int((cosines <= -AGREES).sum())
    if negated > int((cosines >= AGREES).sum()):
        cosines = -cosines  # a negated adapter is compared as it is used, as `weights` does
    return dict(zip(ids.tolist(), cosines.tolist(), strict=True))
