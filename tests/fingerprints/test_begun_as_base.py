"""Adapters that began as a part of their base weight and say nothing of it: what is like them is a
lead, for strangers of one base are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.match.updates import sketch
from tests.scan.test_screen import saved

from reseen.match.compare import Relation, compare
from reseen.updates.names.known import FROM_BASE

Array = NDArray[np.float64]
LAYERS = tuple(
    f"down_blocks.{b}.attentions.{i}.transformer_blocks.0.attn{a}.to_{x}"
    for b in (0, 1)
    for i in (0, 1)
    for a in (1, 2)
    for x in ("q", "out.0")
)
SIDES = {name: 320 * (1 + int(name[12])) for name in LAYERS}


def of_base(seed: int, trained: float, rank: int = 8) -> dict[str, tuple[Array, Array]]:
    """PiSSA of one base, saved as it is: its leading directions, and what one training moved."""
    base, own = np.random.default_rng(0), np.random.default_rng(seed)
    made = {}
    for name, side in SIDES.items():
        strengths = np.sqrt(1 / np.arange(1, rank + 1))
        up, down = (
            np.linalg.qr(base.standard_normal((side, rank)))[0] * strengths for _ in range(2)
        )
        moved = [
            each + trained * own.standard_normal(each.shape) / np.sqrt(side) for each in (up, down)
        ]
        made[name] = (moved[1].T, moved[0])
    return made


@pytest.mark.parametrize("trained", [0.1, 0.3, 0.7])
def test_strangers_of_one_base_are_a_lead_whatever_their_configuration_leaves_out(
    trained: float,
) -> None:
    one, other = (sketch(saved(of_base(seed, trained), "<f4")) for seed in (1, 2))
    assert one.architecture.endswith(FROM_BASE)
    for second in (other, sketch(saved(of_base(1, trained))), replace(other, architecture="sd1")):
        found = compare(one, second)
        assert found is not None
        assert not found.is_copy
        assert found.relation is Relation.RECIPE or found.mean < 0.5


def test_other_adapters_are_not_taken_for_such() -> None:
    """What a training that began at zero makes, and what a decomposition makes of it."""
    own = np.random.default_rng(3)
    plain: dict[str, tuple[Array, Array]] = {}
    resized: dict[str, tuple[Array, Array]] = {}
    for name, side in SIDES.items():
        down = own.uniform(-1, 1, (8, side)) / np.sqrt(side)
        up = own.standard_normal((side, 3)) @ own.standard_normal((3, 8)) * 0.01
        plain[name] = (down, up)
        left, strengths, right = np.linalg.svd(up @ down, full_matrices=False)
        root = np.sqrt(strengths[:3])
        resized[name] = (root[:, None] * right[:3], left[:, :3] * root)
    first, second = sketch(saved(plain, "<f4")), sketch(saved(resized))
    assert {first.architecture, second.architecture} <= {"sd1", "sd1|sd2"}
    found = compare(first, second)
    assert found is not None
    assert found.is_copy


def test_factors_of_chance_are_not_taken_for_such() -> None:
    """Both of one size and without any order, as files are made for a trial."""
    own = np.random.default_rng(4)
    made = {
        name: (own.standard_normal((4, side)), own.standard_normal((side, 4)))
        for name, side in SIDES.items()
    }
    assert sketch(saved(made)).architecture in {"sd1", "sd1|sd2"}
