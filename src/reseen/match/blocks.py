"""Two sketches, block by block of the network: the numbers behind the picture of a likeness.

What comes in: the sketch of a removed file and that of another, in their published layout. What
goes out: `Block`s in the order in which the network computes, each with one `Cell` a module of the
removal. Names come from our own tables; a sketch holds none, so modules of an unknown network stand
in one block without names.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import numpy as np

from reseen.fingerprints.sketch import Sketch, decode
from reseen.match.block_names import OTHERS, denoiser_of, in_order
from reseen.match.calibration import unit
from reseen.match.compare import AGREES

MOST_BLOCKS = 48
"""Rows of the picture: above that, neighbours of one kind stand together."""


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
    found: list[tuple[str, Cell]] = []
    left = set(first.ids.tolist())
    for id_, block, name in in_order(denoiser_of(first.architecture, left)):
        if id_ in left:
            left.remove(id_)
            found.append((block, Cell(name, cosines.get(id_))))
    found += [(OTHERS, Cell("", cosines.get(id_))) for id_ in first.ids.tolist() if id_ in left]
    blocks = [
        Block(name, tuple(cell for _, cell in cells))
        for name, cells in groupby(found, key=lambda each: each[0])
    ]
    return tuple(_together(blocks))


def _cosines(first: Sketch, second: Sketch) -> dict[int, float]:
    ids, at, other_at = np.intersect1d(
        first.ids, second.ids, assume_unique=True, return_indices=True
    )
    cosines = np.einsum("ij,ij->i", unit(first.values()[at]), unit(second.values()[other_at]))
    negated = int((cosines <= -AGREES).sum())
    if negated > int((cosines >= AGREES).sum()):
        cosines = -cosines  # a negated adapter is compared as it is used, as `weights` does
    return dict(zip(ids.tolist(), cosines.tolist(), strict=True))


def _together(blocks: list[Block]) -> list[Block]:
    """Neighbours of one kind in one row where there would be too many rows."""
    step = -(-len(blocks) // MOST_BLOCKS)
    if step == 1:
        return blocks
    made: list[Block] = []
    for _, group in groupby(blocks, key=lambda b: b.name.rstrip("0123456789")):
        some = list(group)
        for start in range(0, len(some), step):
            few = some[start : start + step]
            name = few[0].name
            if len(few) > 1:
                name += " to " + few[-1].name.rpartition(".")[2]
            made.append(Block(name, tuple(cell for block in few for cell in block.cells)))
    return made
