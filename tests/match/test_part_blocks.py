"""How strong parts are, block by block: as they were mixed, and as far as that can be told."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.adapters import Adapter, Factors, renamed, sketch
from tests.match.merges import concatenated, person, stranger

from reseen.match.block_names import OTHERS
from reseen.match.evidence import component
from reseen.match.part_blocks import in_blocks
from reseen.match.parts import parts
from reseen.observed import merge_parts
from reseen.observed.merge_parts import blocks_of

PARTS = (person(7), person(8), person(9))
SKETCHES = [sketch(each, components=True) for each in PARTS]


def only(adapter: Adapter, word: str) -> Adapter:
    """The same in the blocks of this name."""
    return renamed(adapter, {n: f for n, f in adapter.layers.items() if word in n})


def test_weights_are_those_of_the_merge_and_all_of_it_is_explained() -> None:
    file = sketch(concatenated(PARTS, [0.1, 0.4, 1]), components=True)
    found = in_blocks(file, SKETCHES)
    for weight, part in zip((0.1, 0.4, 1), found, strict=True):
        assert sum(block.modules for block in part.blocks) == len(file.ids)
        for block in part.blocks:
            assert block.weight == pytest.approx(weight, abs=max(6 * (block.error or 0), 0.02))
            assert block.share == pytest.approx(1, abs=0.2)
        assert part.explained == pytest.approx(1, abs=0.02)


def test_each_block_has_its_own_weight() -> None:
    layers = {
        name: Factors(f.up * np.float32(2 if "up_blocks" in name else 0.5), f.down, f.alpha)
        for name, f in PARTS[0].layers.items()
    }
    file = sketch(concatenated([renamed(PARTS[0], layers), PARTS[1]], [1, 1]), components=True)
    mine, _ = in_blocks(file, SKETCHES[:2])
    for block in mine.blocks:
        there = 2 if "up_blocks" in block.name else 0.5
        assert block.weight == pytest.approx(there, rel=0.05)


def test_what_no_part_explains_is_said_and_makes_weights_uncertain() -> None:
    whole = sketch(concatenated(PARTS, [1, 1, 1]), components=True)
    (alone,) = in_blocks(whole, SKETCHES[:1])
    every = in_blocks(whole, SKETCHES)[0]
    assert alone.explained is not None
    assert every.explained is not None
    assert alone.explained < 0.6 < every.explained
    for with_all, by_itself in zip(every.blocks, alone.blocks, strict=True):
        assert (by_itself.error or 0) > (with_all.error or 0)
    (nobody,) = in_blocks(whole, [stranger(SKETCHES[0], 3)])
    assert sum(block.is_told for block in nobody.blocks) <= 1
    assert nobody.explained == pytest.approx(0, abs=0.02)


def test_where_a_part_has_nothing_it_has_no_weight() -> None:
    there = sketch(only(PARTS[0], "down_blocks"), components=True)
    whole = sketch(concatenated(PARTS[:2], [1, 1]), components=True)
    mine, other = in_blocks(whole, [there, SKETCHES[1]])
    for block in mine.blocks:
        has = "down_blocks" in block.name
        assert (block.weight is not None, block.modules > 0) == (has, has)
    assert all(block.weight == pytest.approx(1, abs=0.2) for block in other.blocks)


def test_copies_among_the_parts_share_what_there_is() -> None:
    mine, copy = in_blocks(SKETCHES[0], [SKETCHES[0], SKETCHES[0]])
    for one, other in zip(mine.blocks, copy.blocks, strict=True):
        assert (one.weight or 0) + (other.weight or 0) == pytest.approx(1, abs=0.01)


def test_an_unknown_network_is_one_block() -> None:
    from dataclasses import replace

    strange = replace(SKETCHES[0], architecture="unknown:00000000")
    strange = replace(strange, ids=np.arange(len(strange.ids), dtype=np.uint32) + 1)
    ((block,),) = [part.blocks for part in in_blocks(strange, [strange])]
    assert (block.name, block.share) == (OTHERS, None)


def test_evidence_keeps_them_and_gives_them_back() -> None:
    file = sketch(concatenated(PARTS, [0.1, 0.4, 1]), components=True)
    decoys = [stranger(SKETCHES[0], seed) for seed in range(205)]
    (told, *_) = parts(file, SKETCHES, decoys)
    blocks = in_blocks(file, SKETCHES)[0]
    figures = component(told, "sketch", blocks).figures
    assert [b.name for b in blocks_of(figures)] == [b.name for b in blocks.blocks]
    assert blocks_of(figures)[0].weight == pytest.approx(blocks.blocks[0].weight, abs=1e-4)
    assert figures[merge_parts.EXPLAINED] == pytest.approx(blocks.explained, abs=1e-4)
    assert component(told, "sketch").figures.keys() == figures.keys() - {"blocks", "explained"}


@pytest.mark.parametrize(
    "rows",
    [
        *(None, "x", 7, {"a": 1}, [7], ["abcde"], [["x", 1, 2, 3]], [[1, 1, 1, 1, 1]]),
        *([["x", True, 1, 1, 1, 1]], [["x", -1, 1, 1, 1]], [["x", "1", 1, 1, 1]]),
    ],
)
def test_what_is_no_row_of_a_block_is_left_out(rows: object) -> None:
    assert blocks_of({"blocks": rows}) == ()


def test_numbers_that_are_none_are_not_told() -> None:
    (block,) = blocks_of({"blocks": [["x" * 900, 3, float("nan"), 1e300, "<b>"]]})
    assert (block.weight, block.error, block.share) == (None, None, None)
    assert len(block.name) == 80
