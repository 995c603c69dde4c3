"""What was found inside a file, part by part and block by block, as evidence keeps it.

What comes in: the figures of evidence, or rows of the store. What goes out: `PartInFile`s, each a
removal that is in the file, with its strength in every block of the network as far as that could be
told. Figures of before they were kept block by block have none; rows that are damaged have none
either.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from reseen.records import Figure, Rung
from reseen.store import schema

BLOCKS, EXPLAINED = "blocks", "explained"
"""Their names among the figures."""
MOST_PARTS = 32
"""Of one file."""
_MOST_BLOCKS = 128
_LONGEST_NAME = 80
_MOST_OF_IT = 0.75
"""Of the columns: as much as a part of a merge needs (`match.parts`)."""


@dataclass(frozen=True, slots=True)
class PartBlock:
    """A removal in one block of the network."""

    name: str
    modules: int
    """Of the file, in this block, that the removal has too."""
    weight: float | None
    """How strong it is there, 1 for as it was; None where it has nothing there."""
    error: float | None
    """The standard deviation of that."""
    share: float | None
    """Of its columns, how much is inside; None where that cannot be told."""

    @property
    def is_told(self) -> bool:
        """Does the weight stand out from what chance gives?"""
        return self.weight is not None and abs(self.weight) >= 3 * (self.error or 0.0)

    @property
    def is_there(self) -> bool:
        """Is the removal used in this block: by its strength, or by its columns, which are there
        however weak it is?"""
        return self.is_told or (self.weight is not None and (self.share or 0.0) >= _MOST_OF_IT)


@dataclass(frozen=True, slots=True)
class PartInFile:
    """A removal that is inside a file."""

    removal: str
    figures: Mapping[str, Figure]
    """As the evidence has them."""

    @property
    def blocks(self) -> tuple[PartBlock, ...]:
        return blocks_of(self.figures)


def kept(blocks: Iterable[PartBlock]) -> list[list[str | float | int | None]]:
    """As evidence keeps them: name, modules, weight, error, share."""
    return [[b.name, b.modules, _short(b.weight), _short(b.error), _short(b.share)] for b in blocks]


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def blocks_of(figures: Mapping[str, Any]) -> tuple[PartBlock, ...]:
    """Those that are kept; what is no such row is left out."""
    rows = figures.get(BLOCKS)
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        return ()
    found = (_block(row) for row in rows[:_MOST_BLOCKS])
    return tuple(block for block in found if block is not None)


def _block(row: object) -> PartBlock | None:
    if not isinstance(row, Sequence) or isinstance(row, str) or len(row) != 5:
        return None
    name, modules, *numbers = row
    if not isinstance(name, str) or not isinstance(modules, int) or not 0 <= modules < 1_000_000:
        return None
    weight, error, share = (_number(each) for each in numbers)
    return PartBlock(name[:_LONGEST_NAME], modules, weight, error, share)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    made = float(value)
    return made if math.isfinite(made) and abs(made) < 1e6 else None


def of_file(connection: Connection, sighting: str) -> tuple[PartInFile, ...]:
    """All removals in force that surely are inside the file of a sighting, that of the sighting
    first, then the strongest."""
    s, e, r = schema.sightings.c, schema.evidence.c, schema.removals.c
    here = select(s.artifact_pk).where(s.id == sighting).scalar_subquery()
    query = (
        select(s.id, r.id.label("removal"), e.figures)
        .join(schema.removals, r.pk == s.removal_pk)
        .join(schema.evidence, e.sighting_pk == s.pk)
        .where(s.artifact_pk == here, r.withdrawn_at.is_(None))
        .where(e.rung.in_([int(Rung.COMPONENT), int(Rung.WEIGHTS)]), e.stands == 1)
        .where(e.figures.is_not(None))
        .order_by(e.rung.desc(), s.pk)
        .limit(8 * MOST_PARTS)
    )
    found: dict[str, PartInFile] = {}
    mine = ""
    for row in connection.execute(query):
        figures = json.loads(row.figures)
        if not isinstance(figures, dict) or not is_part(figures):
            continue
        found.setdefault(row.removal, PartInFile(row.removal, figures))
        mine = row.removal if row.id == sighting else mine
    return in_order(found.values(), mine)


def is_part(figures: Mapping[str, Any]) -> bool:
    """Are these the figures of a removal inside a file: of a merge, or beside a base?"""
    return "by" in figures or bool(figures.get(BLOCKS))


def in_order(parts: Iterable[PartInFile], first: str) -> tuple[PartInFile, ...]:
    """That of one removal first, then those with most strength; no more than `MOST_PARTS`."""

    def strength(part: PartInFile) -> float:
        told = [abs(b.weight or 0.0) * b.modules for b in part.blocks]
        return sum(told) / max(sum(b.modules for b in part.blocks), 1)

    ordered = sorted(parts, key=lambda p: (p.removal != first, -strength(p), p.removal))
    return tuple(ordered[:MOST_PARTS])
