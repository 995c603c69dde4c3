"""The block picture: how alike two files are, module by module, as SVG that is safe by itself.

What comes in: a block of modules with their cosines. What goes out: markup of numbers and fixed
words only, with classes that `review.css` colours. Nothing in it depends on colour alone: a cell is
filled as high as its cosine, and one that the other file does not have is crossed out. It is drawn
inside a table that says the same in numbers, so a screen reader passes over it.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from reseen.match.blocks import Cell
from reseen.report.drawing import svg
from reseen.report.part_picture import sample
from reseen.web.speech import N_

ACROSS = 26
"""Cells in one line: what a phone has room for."""
_SIDE, _STEP = 9, 11

LEGEND: Sequence[tuple[float | None, str]] = (
    (0.97, N_("0.9 and more: the same")),
    (0.75, N_("0.6 to 0.9: altered, or trained on")),
    (0.45, N_("0.3 to 0.6: agrees")),
    (0.12, N_("below 0.3: does not agree")),
    (-0.4, N_("below 0: opposed")),
    (None, N_("not in this file")),
)
"""A cosine of each kind, and what it stands for."""


def kind(cosine: float | None) -> str:
    """The class of a cell."""
    if cosine is None:
        return "none"
    if cosine < 0:
        return "minus"
    return "c9" if cosine >= 0.9 else "c6" if cosine >= 0.6 else "c3" if cosine >= 0.3 else "c0"


def picture(cells: Sequence[Cell]) -> Markup:
    """One block, in lines of `ACROSS` cells."""
    outlines: list[str] = []
    crosses: list[str] = []
    fills: dict[str, list[str]] = {}
    for number, cell in enumerate(cells):
        x = 1 + number % ACROSS * _STEP
        y = 1 + number // ACROSS * _STEP
        outlines.append(f"M{x} {y}h{_SIDE}v{_SIDE}h-{_SIDE}z")
        if cell.cosine is None:
            crosses.append(f"M{x} {y}l{_SIDE} {_SIDE}")
            continue
        high = round(min(abs(cell.cosine), 1.0) * _SIDE, 1)
        if high <= 0:
            continue
        top = y if cell.cosine < 0 else round(y + _SIDE - high, 1)  # opposed hangs from above
        fills.setdefault(kind(cell.cosine), []).append(f"M{x} {top}h{_SIDE}v{high}h-{_SIDE}z")
    width = 2 + min(len(cells), ACROSS) * _STEP
    height = 2 + -(-len(cells) // ACROSS) * _STEP
    paths = [("out", outlines), *sorted(fills.items()), ("none", crosses)]
    return svg("cells", width, height, paths)


def legend() -> list[tuple[Markup, str]]:
    """One cell of each kind, and its words."""
    return [(picture([Cell("", cosine)]), words) for cosine, words in LEGEND]


STRENGTHS: Sequence[tuple[str, str]] = (
    ("mine", N_("this removed model")),
    ("other", N_("others that were removed")),
    ("unsure", N_("cannot be told from nothing")),
    ("error", N_("two standard deviations either way")),
    ("full", N_("strength 0, and 1: as it was")),
)
MARGINS: Sequence[tuple[str, str]] = (
    ("value", N_("a removed model")),
    ("decoys", N_("decoys, but for the few highest")),
)
"""What stands in a picture of parts (`report.part_picture`), and what it stands for."""


def samples(kinds: Sequence[tuple[str, str]]) -> list[tuple[Markup, str]]:
    """One of each of these, and its words."""
    return [(sample(kind), words) for kind, words in kinds]
