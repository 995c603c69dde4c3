"""What is inside a file, as a picture: the strength of its parts block by block, and how far each
stands above the decoys; as SVG that is safe by itself.

What comes in: the parts of a file, that which the picture is about first. What goes out: rows of
numbers, each with a drawing of its own, for a table that says the same; so a screen reader passes
over the drawings. Nothing in them depends on colour alone: this part's bar stands at the left and
is full, the others follow with gaps; what cannot be told from nothing is an outline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reseen.observed.merge_parts import EXPLAINED, PartBlock, PartInFile
from reseen.report.drawing import svg

WIDTH = 230
"""What a phone has room for."""
_HIGH, _EDGE = 16, 2
_LEAST = 1.0
"""The scale reaches at least the strength that each part had."""
_MOST = 8.0
"""And no further than this: what is stronger is cut, and its number says so."""
MOST_LINES = 16
"""Parts whose margin is drawn."""


@dataclass(frozen=True, slots=True)
class BlockRow:
    """One block of the network."""

    block: PartBlock
    """Of the part that the picture is about."""
    others: float | None
    """What the other parts add up to there; None without any."""
    drawn: Markup


@dataclass(frozen=True, slots=True)
class MarginRow:
    """One part, and the decoys that it stands above."""

    removal: str
    value: float
    """Share of its columns, or cosine."""
    by_columns: bool
    decoys: int
    reached: float | None
    """What the decoys come to, but for the few highest; None without them."""
    drawn: Markup

    @property
    def margin(self) -> float | None:
        return None if self.reached is None else self.value - self.reached


@dataclass(frozen=True, slots=True)
class PartPicture:
    """The picture of one file."""

    rows: tuple[BlockRow, ...]
    """Empty where strengths were not kept block by block."""
    margins: tuple[MarginRow, ...]
    """Empty of a checkpoint, where no decoys were asked."""
    parts: int
    explained: float | None
    """How much of the file's numbers all parts explain."""
    not_drawn: int
    """Parts whose margin is not."""
    beside_base: bool
    """Of a checkpoint: what is said is of what was added to its base."""

    @property
    def used(self) -> int:
        """Blocks in which the removal surely is."""
        return sum(row.block.is_there for row in self.rows)

    @property
    def there(self) -> int:
        """Blocks in which the removal has anything."""
        return sum(row.block.weight is not None for row in self.rows)


LEGEND: Sequence[str] = ("mine", "other", "unsure", "error", "full", "decoys", "value")
"""What stands in the drawings, by the class that it has."""


def picture(parts: Sequence[PartInFile]) -> PartPicture | None:
    """Of these parts of one file, that which it is about first; None where nothing was kept that
    could be drawn."""
    if not parts:
        return None
    mine, others = parts[0], parts[1:]
    at = [{block.name: block for block in other.blocks} for other in others]
    beside = [
        [there[block.name] for there in at if block.name in there and _has(there[block.name])]
        for block in mine.blocks
    ]
    scale = _scale(mine.blocks, beside)
    rows = tuple(
        BlockRow(
            block,
            sum(other.weight or 0.0 for other in some) if some else None,
            _bar(block, some, scale),
        )
        for block, some in zip(mine.blocks, beside, strict=True)
    )
    lines = [line for part in parts if (line := _margin(part)) is not None]
    explained = mine.figures.get(EXPLAINED)
    made = PartPicture(
        rows=rows,
        margins=tuple(lines[:MOST_LINES]),
        parts=len(parts),
        explained=float(explained) if isinstance(explained, int | float) else None,
        not_drawn=max(len(lines) - MOST_LINES, 0),
        beside_base="strength" in mine.figures,
    )
    return made if made.rows or made.margins else None


def _has(block: PartBlock) -> bool:
    return block.weight is not None


def _scale(mine: Sequence[PartBlock], beside: Sequence[Sequence[PartBlock]]) -> tuple[float, float]:
    """The weights at the left and right end."""
    low, high = 0.0, _LEAST
    for block, some in zip(mine, beside, strict=True):
        weights = [each.weight or 0.0 for each in (block, *some)]
        high = max(high, sum(w for w in weights if w > 0))
        low = min(low, sum(w for w in weights if w < 0))
    return max(low, -_MOST), min(high, _MOST)


def _bar(mine: PartBlock, others: Sequence[PartBlock], scale: tuple[float, float]) -> Markup:
    """The parts side by side from zero on, those that were taken off to its left."""
    low, high = scale
    step = (WIDTH - 2 * _EDGE) / (high - low)

    def x(weight: float) -> float:
        return round(_EDGE + (min(max(weight, low), high) - low) * step, 1)

    paths: dict[str, list[str]] = {
        kind: [] for kind in ("mine", "other", "unsure", "full", "error")
    }
    ends = {True: 0.0, False: 0.0}
    for number, block in enumerate((mine, *others)):
        weight = block.weight or 0.0
        begin = ends[weight >= 0]
        end = ends[weight >= 0] = begin + weight
        left, right = sorted((x(begin), x(end)))
        gap = 1.0 if number and right - left > 2 else 0.0
        wide = round(right - left - gap, 1)
        if wide <= 0:
            continue
        kind = "unsure" if not block.is_told else "other" if number else "mine"
        paths[kind].append(f"M{left + gap:.1f} 2h{wide}v{_HIGH - 4}h-{wide}z")
    paths["full"] += [f"M{x(0.0)} 0v{_HIGH}", f"M{x(1.0)} 0v{_HIGH}"]
    if mine.weight is not None and mine.error:
        left, right = x(mine.weight - 2 * mine.error), x(mine.weight + 2 * mine.error)
        middle = _HIGH // 2
        paths["error"].append(
            f"M{left} {middle}H{right}M{left} {middle - 3}v6M{right} {middle - 3}v6"
        )
    return svg("strength", WIDTH, _HIGH, list(paths.items()))


def _margin(part: PartInFile) -> MarginRow | None:
    figures = part.figures
    share, cosine = figures.get("share"), figures.get("cosine")
    value = share if share is not None else cosine
    if "by" not in figures or not isinstance(value, int | float):
        return None
    margin, decoys = figures.get("margin"), figures.get("decoys")
    reached = float(value) - float(margin) if isinstance(margin, int | float) else None
    return MarginRow(
        removal=part.removal,
        value=float(value),
        by_columns=share is not None,
        decoys=int(decoys) if isinstance(decoys, int | float) else 0,
        reached=reached,
        drawn=_strip(float(value), reached),
    )


def _strip(value: float, reached: float | None) -> Markup:
    """From 0 to 1: what decoys come to as a band, the part as a diamond."""

    def x(share: float) -> float:
        return round(_EDGE + 6 + min(max(share, 0.0), 1.0) * (WIDTH - 2 * _EDGE - 12), 1)

    middle = _HIGH // 2
    paths: list[tuple[str, list[str]]] = [("full", [f"M{x(0)} {middle}H{x(1)}"])]
    if reached is not None:
        wide = round(max(x(reached) - x(0), 1.0), 1)
        paths.append(("decoys", [f"M{x(0)} 3h{wide}v{_HIGH - 6}h-{wide}z"]))
        paths.append(("error", [f"M{x(reached)} 1v{_HIGH - 2}"]))
    paths.append(("value", [f"M{x(value) - 6:.1f} {middle}l6 -6l6 6l-6 6z"]))
    return svg("strength", WIDTH, _HIGH, paths)


def sample(kind: str) -> Markup:
    """One of each kind, for a legend."""
    drawn = {
        "error": "M2 8H24M2 5v6M24 5v6",
        "full": "M13 0v16",
        "value": "M7 8l6 -6l6 6l-6 6z",
    }.get(kind, "M2 2h22v12h-22z")
    return svg("strength", 26, _HIGH, [(kind, [drawn])])
