"""The block picture is markup that nothing foreign gets into, and it needs no colour."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.match.blocks import Cell
from reseen.web import blocks

SVG = "svg"


def _paths(cells: list[Cell]) -> dict[str, str]:
    drawn = ET.fromstring(str(blocks.picture(cells)))
    assert drawn.tag == SVG
    assert all(child.tag == "path" and set(child.attrib) == {"class", "d"} for child in drawn)
    return {child.attrib["class"]: child.attrib["d"] for child in drawn}


@pytest.mark.parametrize(
    ("cosine", "kind"),
    [(1.0, "c9"), (0.7, "c6"), (0.3, "c3"), (0.1, "c0"), (-0.5, "minus"), (None, "none")],
)
def test_each_kind_of_cell_has_a_form_of_its_own(cosine: float | None, kind: str) -> None:
    assert set(_paths([Cell("x", cosine)])) == {"out", kind}


def test_a_cell_is_filled_as_high_as_its_cosine() -> None:
    high = {c: blocks.picture([Cell("", c)]) for c in (0.95, 1.0, 0.91)}
    assert len(set(high.values())) == 3


def test_names_do_not_get_into_the_picture() -> None:
    assert "script" not in blocks.picture([Cell("<script>alert(1)</script>", 0.5)])


@settings(deadline=None, max_examples=50, derandomize=True)
@given(st.lists(st.one_of(st.none(), st.floats(-1.5, 1.5)), max_size=200))
def test_any_cells_are_drawn_within_the_picture(cosines: list[float | None]) -> None:
    drawn = ET.fromstring(str(blocks.picture([Cell("", c) for c in cosines])))
    width, height = float(drawn.attrib["width"]), float(drawn.attrib["height"])
    assert width <= 2 + 11 * blocks.ACROSS
    for path in drawn:
        for step in path.attrib["d"].split("M")[1:]:
            x, y = step.split("h")[0].split("l")[0].split()
            assert 0 <= float(x) <= width
            assert 0 <= float(y) <= height


def test_the_legend_shows_every_kind() -> None:
    kinds = {blocks.kind(cosine) for cosine, _ in blocks.LEGEND}
    assert kinds == {"c9", "c6", "c3", "c0", "minus", "none"}
    assert len(blocks.legend()) == 6
