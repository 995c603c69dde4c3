"""What is inside a file, drawn: within its bounds, without foreign text, and in numbers too."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import replace
from html import unescape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.report.test_report import NASTY, findings, sighting

from reseen.observed.merge_parts import PartInFile
from reseen.records import Evidence, Figure, Rung, Sighting
from reseen.report import pdf_report
from reseen.report.html import render
from reseen.report.part_picture import LEGEND, WIDTH, picture, sample

Row = tuple[str, int, float | None, float | None, float | None]


def part(removal: str, *rows: Row, **figures: Figure) -> PartInFile:
    told: dict[str, Figure] = {"by": "columns", "share": 0.97, "margin": 0.8, "decoys": 212}
    return PartInFile(removal, told | {"blocks": rows} | figures)


FIRST = part(
    "rm-1", ("down.0", 8, 0.6, 0.05, 0.9), ("mid", 4, 0.03, 0.05, 0.3),
    ("up.0", 0, None, None, 0.0), explained=0.84,
)  # fmt: skip
SECOND = part("rm-2", ("down.0", 8, 0.4, 0.05, 0.9), ("up.0", 8, -0.3, 0.05, 0.8))


def kinds(drawn: object) -> dict[str, str]:
    tree = ET.fromstring(str(drawn))
    assert all(child.tag == "path" and set(child.attrib) == {"class", "d"} for child in tree)
    return {child.attrib["class"]: child.attrib["d"] for child in tree}


def test_parts_are_stacked_and_what_is_uncertain_is_an_outline() -> None:
    found = picture([FIRST, SECOND])
    assert found is not None
    first, middle, last = found.rows
    assert set(kinds(first.drawn)) == {"mine", "other", "full", "error"}
    assert set(kinds(middle.drawn)) == {"unsure", "full", "error"}
    assert set(kinds(last.drawn)) == {"other", "full"}
    assert [row.others for row in found.rows] == [0.4, None, -0.3]
    assert (found.used, found.there, found.parts, found.explained) == (1, 2, 2, 0.84)
    mine, other = (kinds(first.drawn)[kind] for kind in ("mine", "other"))
    begins = [float(re.findall(r"M([\d.]+)", one)[0]) for one in (mine, other)]
    assert begins[0] < begins[1]  # the part that it is about stands first


def test_the_margin_is_that_between_the_part_and_the_decoys() -> None:
    alone = part("rm-3", decoys=0, by="weights", cosine=0.4)
    figures = {k: v for k, v in alone.figures.items() if k not in ("margin", "share")}
    found = picture([FIRST, PartInFile("rm-3", figures)])
    assert found is not None
    first, second = found.margins
    assert (first.removal, first.decoys, first.by_columns) == ("rm-1", 212, True)
    assert first.margin == pytest.approx(0.8)
    assert {"value", "decoys", "full", "error"} == set(kinds(first.drawn))
    assert (second.reached, second.margin, second.by_columns) == (None, None, False)
    assert set(kinds(second.drawn)) == {"value", "full"}


def test_what_was_kept_without_blocks_has_its_margin_alone() -> None:
    figures = {k: v for k, v in FIRST.figures.items() if k != "blocks"}
    found = picture([PartInFile("rm-1", figures)])
    assert found is not None
    assert (len(found.rows), len(found.margins)) == (0, 1)
    assert picture([PartInFile("rm-1", {"cosine": 0.4})]) is None
    assert picture([]) is None


def test_a_removal_in_a_checkpoint_has_its_blocks_without_decoys() -> None:
    blocks = FIRST.figures["blocks"]
    found = picture([PartInFile("rm-1", {"cosine": 0.9, "strength": 1.0, "blocks": blocks})])
    assert found is not None
    assert (len(found.rows), found.margins, found.beside_base) == (3, (), True)


numbers = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True))
blocks = st.lists(st.tuples(st.just("b"), st.integers(0, 99), numbers, numbers, numbers))


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.lists(blocks, min_size=1, max_size=5), numbers, numbers)
def test_any_numbers_are_drawn_within_the_picture(
    rows: Sequence[Sequence[Row]], share: float | None, margin: float | None
) -> None:
    told = {k: v for k, v in (("share", share), ("margin", margin)) if v is not None}
    every = [PartInFile("rm-1", {"by": "columns", "blocks": some} | told) for some in rows]
    found = picture(every)
    if found is None:
        return
    for drawn in [row.drawn for row in (*found.rows, *found.margins)]:
        for path in kinds(drawn).values():
            for x in re.findall(r"[MH](-?[\d.]+)", path):
                assert 0 <= float(x) <= WIDTH


def test_the_legend_has_every_kind() -> None:
    assert all(set(kinds(sample(kind))) == {kind} for kind in LEGEND)


def test_a_report_shows_what_is_inside_and_says_it_in_numbers() -> None:
    def found(number: int, of: PartInFile) -> object:
        proof = Evidence(Rung.COMPONENT, "sketch-part", "ab", "Inside a merge.", of.figures)
        return sighting(number, removal=of.removal, rung=Rung.COMPONENT, evidence=(proof,),
                        repo="a/merge")  # fmt: skip

    nasty = part("rm-2", (NASTY, 8, 0.4, 0.05, 0.9))
    page = render(findings([found(1, FIRST), found(2, nasty)]), locations=False)  # type: ignore[list-item]
    assert "What is inside merges and checkpoints" in page
    assert page.count('<figure class="inside">') == 1  # two removals in one file
    assert "1 more removed model in one file" in page
    text = re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", "", page)))
    assert "0.60 ± 0.05" in text
    assert "0.03 ± 0.05, not told" in text
    assert "All parts together explain 84% of the file's numbers" in text
    assert "In 1 of 2 blocks the strength of rm-1, or its columns, stand out from chance" in text
    assert "<script" not in page
    other = render(findings([found(1, nasty)]), locations=False)  # type: ignore[list-item]
    assert "alert(1)&lt;/script&gt;" in other
    assert "<script" not in other


def test_the_pdf_of_a_report_draws_what_is_inside() -> None:
    pytest.importorskip("fpdf")

    def found(number: int, of: PartInFile) -> Sighting:
        proof = Evidence(Rung.COMPONENT, "sketch-part", "ab", "Inside a merge.", of.figures)
        made = sighting(number, removal=of.removal, rung=Rung.COMPONENT, evidence=(proof,))
        return replace(made, repo="a/merge", path="a.safetensors")

    nasty = part("rm-2", (NASTY, 8, 0.4, 0.05, 0.9))
    with_it = pdf_report.render(findings([found(1, FIRST), found(2, nasty)]), locations=False)
    without = pdf_report.render(findings([sighting(1), sighting(2)]), locations=False)
    assert with_it.startswith(b"%PDF-")
    assert len(with_it) > len(without) + 1_000


def test_a_picture_in_a_pdf_has_its_colours_in_it() -> None:
    """No stylesheet is read there: without them everything would be black."""
    for kind in LEGEND:
        drawn = pdf_report._drawing(sample(kind)).svg.decode()
        assert f'class="{kind}"' not in drawn
        assert 'fill="' in drawn
        assert {kind for kind, _ in pdf_report._KEY} == set(LEGEND)


def test_a_report_without_merges_has_no_such_part() -> None:
    assert "What is inside merges" not in render(findings([sighting()]), locations=False)
