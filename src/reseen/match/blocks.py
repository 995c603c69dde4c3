"""Two sketches, block by block of the network: the numbers behind the picture of a likeness.

What comes in: the sketch of a removed file and that of another, in their published layout. What
goes out: `Block`s in the order in which the network computes, each with one `Cell` a module of the
removal. Names come from our own tables; a sketch holds none, so modules of an unknown network stand
in one block without names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

import numpy as np

from reseen.fingerprints.sketch import Sketch, decode, module_id
from reseen.match.calibration import unit
from reseen.match.compare import AGREES, COPY_MEAN
from reseen.updates.names.known import DENOISERS, ENCODERS, known, one_of

MOST_BLOCKS = 48
"""Rows of the picture: above that, neighbours of one kind stand together."""

OTHERS = "modules without a known name"

_BLOCK = re.compile(
    r"((?:down_blocks|up_blocks)\.\d+\.(?:attentions|resnets|downsamplers|upsamplers)\.\d+"
    r"|mid_block\.(?:attentions|resnets)\.\d+"
    r"|(?:[a-z_]+_)?blocks(?:\.[a-z_]+)?\.\d+|[a-z_]+_refiner\.\d+|layers\.\d+"
    r"|text_model\.encoder\.layers\.\d+|encoder\.block\.\d+)"
    r"\."
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One module of the removal."""

    name: str
    """As our tables name it; empty where none knows it."""
    cosine: float | None
    """None: the other file has no such module."""

    @property
    def agrees(self) -> bool:
        return self.cosine is not None and self.cosine >= AGREES


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
    def mean(self) -> float | None:
        """None where the other file has none of them."""
        known_ = [cell.cosine for cell in self.cells if cell.cosine is not None]
        return sum(known_) / len(known_) if known_ else None

    @property
    def weakest(self) -> Cell | None:
        """The module that agrees least."""
        compared = [cell for cell in self.cells if cell.cosine is not None]
        return min(compared, key=lambda cell: cell.cosine or 0.0, default=None)


def side_by_side(removed: bytes, other: bytes) -> tuple[Block, ...]:
    """The removal's modules, and how each agrees with the other file's; empty where they share
    none. Raises Malformed for bytes that are no sketch."""
    first, second = decode(removed), decode(other)
    cosines = _cosines(first, second)
    if not cosines:
        return ()
    found: list[tuple[str, Cell]] = []
    left = set(first.ids.tolist())
    for id_, block, name in _order(_denoiser(first)):
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
    if len(cosines) and cosines.mean() <= -COPY_MEAN:
        cosines = -cosines  # a negated adapter is compared as it is used, as `weights` does
    return dict(zip(ids.tolist(), cosines.tolist(), strict=True))


def _denoiser(sketch: Sketch) -> str:
    """The base model whose names are tried: the sketch's own, or the one that names most of it."""
    models = [model for model in one_of(sketch.architecture) if model in DENOISERS]
    if len(models) == 1:
        return models[0]
    ids = set(sketch.ids.tolist())

    def named(model: str) -> int:
        return sum(id_ in ids for id_, _, _ in _order(model))

    return max(models or DENOISERS, key=named)


@lru_cache(maxsize=len(DENOISERS))
def _order(denoiser: str) -> tuple[tuple[int, str, str], ...]:
    """(id, block, name) of every module of the text encoders and of a denoiser."""
    return tuple(
        (module_id(f"{part}.{layer}"), *_placed(part, layer))
        for model in (*ENCODERS, denoiser)
        for part, layer in _layers(model)
    )


def _layers(model: str) -> Iterator[tuple[str, str]]:
    """In reading order: what feeds the blocks, the blocks, what comes after them."""
    table = known(model)

    def place(layer: str) -> int:
        if layer.startswith(("norm_out", "proj_out", "conv_out", "text_projection")):
            return 2
        return 1 if _BLOCK.match(layer) else 0

    for layer in sorted(table.layers, key=place):
        yield table.part, layer


def _placed(part: str, layer: str) -> tuple[str, str]:
    match = _BLOCK.match(layer)
    if match is None:
        last = layer.startswith(("norm_out", "proj_out", "conv_out", "text_projection"))
        return f"{part}: {'output' if last else 'input'}", layer
    block = match[1].replace("text_model.encoder.", "").replace("encoder.block", "blocks")
    return f"{part}: {block}", layer


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
