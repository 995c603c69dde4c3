from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from benchmarks.adapters import Adapter, make, sampled, sketch
from tests.match.merges import MODULES, concatenated

from reseen.fingerprints.choice import ModuleOrder
from reseen.fingerprints.sketch import Sketch
from reseen.match.calibration import NO_BACKGROUND
from reseen.match.compare import compare
from reseen.match.together import adds_up, joined, opposed, together

ORDER = ModuleOrder(b"a sample key")
FEW = MODULES[:40]


def person(number: int) -> Adapter:
    return make("sd1", number, rank=4, modules=FEW)


REMOVAL, NOISE = person(7), person(12)


def halves(share: float, noise: float, strength: float = 1.0) -> tuple[Sketch, Sketch]:
    """Two files that add up to the removal, the second loaded at the inverse of its strength."""
    first = concatenated([REMOVAL, NOISE], [share, noise])
    second = concatenated([REMOVAL, NOISE], [(1 - share) * strength, -noise * strength])
    return sketch(first), sketch(second)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.0, 1.0])
@pytest.mark.parametrize("noise", [1.0, 2.0, 20.0])
@pytest.mark.parametrize("strength", [1.0, 0.4])
def test_two_halves_are_opposed_and_add_up(share: float, noise: float, strength: float) -> None:
    one, other = halves(share, noise, strength)
    removal = sketch(REMOVAL)
    alone = [compare(removal, each) for each in (one, other)]
    if any(found is not None and found.is_copy for found in alone):
        return  # it is known by itself
    strangers = [sketch(person(number)) for number in (20, 21)]
    files = [strangers[0], one, strangers[1], other]
    assert [*opposed(files, ORDER)] == [(1, 3)]
    found = together(removal, one, other, NO_BACKGROUND)
    assert found is not None
    assert adds_up(found[1])
    assert found[1].mean >= 0.75
    stranger = together(sketch(person(9)), one, other, NO_BACKGROUND)
    assert stranger is not None
    assert not adds_up(stranger[1])


def test_what_is_not_like_a_removal_is_opposed_or_no_half() -> None:
    """Whatever is put on top: neither is a copy, so they are opposed."""
    rng = np.random.default_rng(3)
    for _ in range(12):
        share, noise = float(rng.uniform(-1, 2)), float(rng.uniform(0.5, 5))
        one, other = halves(share, noise)
        both = [compare(sketch(REMOVAL), each) for each in (one, other)]
        if any(found is None or abs(found.mean) >= 0.45 for found in both):
            continue
        assert [*opposed([one, other], ORDER)] == [(0, 1)]


def values(sketches: Sequence[Sketch]) -> list[np.ndarray]:
    return [each.values() for each in sketches]


def test_what_two_come_to_is_the_sketch_of_their_sum() -> None:
    one, other = sketch(person(1)), sketch(person(2))
    both = sketch(concatenated([person(1), person(2)], [1, 1]))
    (first, *_) = joined(one, other)
    step = np.abs(both.values()).max(axis=1, keepdims=True) / 127
    assert (np.abs(first.sketch.values() - both.values()) <= 3 * step).all()
    assert first.sketch.norms == pytest.approx(both.norms, rel=1)
    assert first.sketch.components is None


def test_what_takes_each_other_away_leaves_nothing_to_compare() -> None:
    one = sketch(person(1))
    negated = sketch(concatenated([person(1)], [-1]))
    assert joined(one, negated) == ()
    assert together(one, one, negated, NO_BACKGROUND) is None


def test_few_modules_in_common_tell_nothing() -> None:
    few = [sketch(make("sd1", 3, rank=4, modules=FEW[at : at + 10])) for at in (0, 20)]
    assert not [*opposed(few, ORDER)]


def test_strangers_are_not_opposed() -> None:
    assert not [*opposed([sampled("sd1", n, rank=4) for n in range(40)], ORDER)]
