"""The numbers behind the block picture."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from benchmarks.adapters import Recipe, sampled
from tests.match.updates import ALTERED, NO_ENCODER, OTHER, REMOVED, sketch

from reseen.errors import Malformed
from reseen.fingerprints.sketch import Sketch
from reseen.match import block_names, blocks
from reseen.match.compare import compare


@pytest.mark.parametrize("name", sorted(ALTERED))
def test_the_cells_are_the_modules_that_were_compared(name: str) -> None:
    first, second = sketch(REMOVED), sketch(ALTERED[name])
    found = blocks.side_by_side(first.encode(), second.encode())
    compared = compare(first, second)
    assert compared is not None
    assert sum(len(block.cells) for block in found) == len(first.ids)
    assert sum(block.compared for block in found) == compared.modules
    cosines = [c.cosine for block in found for c in block.cells if c.cosine is not None]
    assert sorted(cosines) == pytest.approx(sorted(compared.common.cosines.tolist()))
    assert sum(block.agreeing for block in found) / compared.modules == pytest.approx(
        compared.agreeing
    )


def test_what_the_other_file_does_not_have_is_there_without_a_cosine() -> None:
    found = blocks.side_by_side(sketch(REMOVED).encode(), sketch(NO_ENCODER).encode())
    text = [block for block in found if block.name.startswith("clip_l")]
    assert text
    assert all(block.mean is None and block.weakest is None for block in text)
    assert all(block.compared == len(block.cells) for block in found if block not in text)


def test_strangers_do_not_agree() -> None:
    found = blocks.side_by_side(sketch(REMOVED).encode(), sketch(OTHER).encode())
    assert sum(block.agreeing for block in found) < 0.1 * sum(block.compared for block in found)


@pytest.mark.parametrize("architecture", ["sd1", "sdxl", "flux"])
def test_blocks_come_in_reading_order_and_every_module_has_a_name(architecture: str) -> None:
    made = sampled(architecture, 3, rank=4, recipe=Recipe()).encode()
    found = blocks.side_by_side(made, made)
    assert 4 <= len(found) <= 2 * block_names.MOST_BLOCKS
    assert all(cell.name for block in found for cell in block.cells)
    assert all(block.mean == pytest.approx(1.0, abs=1e-4) for block in found)
    names = [block.name for block in found]
    assert len(set(names)) == len(names)
    if architecture in ("sd1", "sdxl"):
        places = [
            next(n for n, name in enumerate(names) if word in name)
            for word in ("down_blocks", "mid_block", "up_blocks")
        ]
        assert places == sorted(places)


def _renamed(made: Sketch) -> Sketch:
    """The same numbers under ids that no table knows."""
    order = np.arange(len(made.ids), dtype=np.uint32) + 1
    return Sketch(
        "unknown:00000000",
        *(made.rank, made.complete, order, made.norms, made.scales, made.s, made.slots),
    )


def test_an_unknown_network_stands_in_one_block_without_names() -> None:
    strange = _renamed(sketch(REMOVED)).encode()
    (block,) = blocks.side_by_side(strange, strange)
    assert block.name == block_names.OTHERS
    assert {cell.name for cell in block.cells} == {""}


def test_nothing_in_common_is_no_picture() -> None:
    made = sketch(REMOVED)
    assert blocks.side_by_side(made.encode(), _renamed(made).encode()) == ()


@pytest.mark.parametrize("broken", [lambda s: b"", lambda s: s[:-1], lambda s: b"X" + s[1:]])
def test_bytes_that_are_no_sketch_are_refused(broken: Callable[[bytes], bytes]) -> None:
    good = sketch(REMOVED).encode()
    with pytest.raises(Malformed):
        blocks.side_by_side(broken(good), good)


def test_a_negated_adapter_is_compared_as_it_is_used() -> None:
    made = sketch(REMOVED)
    negated = Sketch(
        *(made.architecture, made.rank, made.complete, made.ids, made.norms, made.scales),
        (-made.s).astype(np.int8),
        made.slots,
    )
    found = blocks.side_by_side(made.encode(), negated.encode())
    assert all(block.mean == pytest.approx(1.0, abs=1e-4) for block in found)


def test_a_block_says_which_of_its_modules_are_otherwise() -> None:
    cells = tuple(blocks.Cell("", cosine) for cosine in (1.0, -0.9, 0.1, None, -0.5))
    block = blocks.Block("a block", cells)
    assert block.otherwise == (("negated", 2), ("random", 1), ("missing", 1))
    assert (block.agreeing, block.compared) == (3, 4)
    assert blocks.Block("a block", cells[:1]).otherwise == ()
