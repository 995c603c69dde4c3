"""Known innocents in the regression: what they explain is nobody's part, and they hide none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from benchmarks.adapters import Adapter, Factors, renamed, sketch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.match.merges import concatenated, person, stranger

from reseen.fingerprints.sketch import Sketch
from reseen.match import own_share
from reseen.match.part_figures import ToldBy
from reseen.match.parts import PartVerdict, hides, hinted, inside, parts


def made(adapter: Adapter) -> Sketch:
    return sketch(adapter, components=True)


def summed(adapters: Sequence[Adapter]) -> Adapter:
    """Factors are summed, not products: little of each is left."""
    layers = {}
    for name, first in adapters[0].layers.items():
        up, down = (
            np.sum([getattr(each.layers[name], side) for each in adapters], axis=0)
            for side in ("up", "down")
        )
        layers[name] = Factors(up, down, first.alpha)
    return renamed(adapters[0], layers)


REMOVED, OTHER, COMMON = person(7), person(8), [person(n) for n in range(30, 36)]
"""`COMMON`: what many use."""


@pytest.fixture(scope="module")
def removed() -> Sketch:
    return made(REMOVED)


@pytest.fixture(scope="module")
def common() -> list[Sketch]:
    return [made(each) for each in COMMON]


@pytest.fixture(scope="module")
def strangers(removed: Sketch) -> list[Sketch]:
    return [stranger(removed, seed) for seed in range(205)]


def test_each_one_that_is_known_makes_the_rest_easier_to_find(
    removed: Sketch, common: list[Sketch], strangers: list[Sketch]
) -> None:
    files = {
        ToldBy.LINEAR: made(concatenated([REMOVED, OTHER, *COMMON], [0.3, *[1] * 7])),
        ToldBy.UP: made(summed([REMOVED, OTHER, *COMMON])),
    }
    for by, file in files.items():
        alone = inside(removed, file, (), strangers)
        beside = inside(removed, file, (), strangers, common)
        assert beside.figures[by].value > 1.5 * alone.figures[by].value
        assert beside.figures[by].decoys == alone.figures[by].decoys == 205
        assert beside.verdict is PartVerdict.PART
    assert inside(removed, files[ToldBy.LINEAR], (), strangers, common).weight == pytest.approx(
        0.3, rel=0.2
    )


def test_nothing_is_said_of_them_and_of_files_of_them_alone(
    removed: Sketch, common: list[Sketch], strangers: list[Sketch]
) -> None:
    for file in (common[0], made(concatenated(COMMON[:3], [1, 0.3, 1]))):
        (said,) = parts(file, [removed], strangers, common)
        assert said.verdict is PartVerdict.NOTHING
        assert not hinted(file, [removed], common)


def test_a_removal_with_an_accelerator_in_it_is_found_by_what_is_its_own(
    common: list[Sketch], strangers: list[Sketch]
) -> None:
    """Of its columns most are the accelerator's, and are in every file that has that."""
    wide = person(40, rank=16)
    removal = made(concatenated([REMOVED, wide], [1, 0.1]))
    innocent, file = made(wide), made(concatenated([OTHER, wide], [1, 1]))
    without = inside(removal, file, (), strangers)
    assert without.figures[ToldBy.COLUMNS].value > 0.6
    assert without.verdict is PartVerdict.LEAD
    assert not hides(innocent, removal)
    known = inside(removal, file, (), strangers, [innocent])
    assert known.figures[ToldBy.COLUMNS].value < 0.2
    assert known.verdict is PartVerdict.NOTHING
    real = made(concatenated([REMOVED, wide, OTHER], [0.2, 1, 1]))
    assert inside(removal, real, (), strangers, [innocent]).verdict is PartVerdict.PART


def test_innocents_hide_no_removal_together(removed: Sketch, strangers: list[Sketch]) -> None:
    """Each has a little of it, in another eighth of its layers, and all are let pass."""
    names = list(REMOVED.layers)
    hostile = []
    for turn in range(8):
        rest = person(50 + turn)
        layers = {
            name: (REMOVED if at % 8 == turn else rest).layers[name]
            for at, name in enumerate(names)
        }
        hostile.append(made(renamed(REMOVED, layers)))
    assert not any(hides(each, removed) for each in hostile)
    file = made(concatenated([REMOVED, OTHER], [0.5, 1]))
    said = inside(removed, file, (), strangers, hostile)
    assert said.verdict is PartVerdict.PART
    assert hides(made(concatenated([REMOVED, OTHER], [0.05, 1])), removed)
    assert hides(removed, removed)


@given(
    shares=st.lists(st.floats(0, 3), min_size=1, max_size=5),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=30, deadline=None)
def test_what_is_left_is_none_of_theirs_or_nothing_is_taken(shares: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    innocents = rng.standard_normal((len(shares), 20, 64)).astype(np.float32)
    scales = rng.uniform(0.5, 2, (20, 1)).astype(np.float32)
    own = rng.standard_normal((20, 64)).astype(np.float32)
    removal = own + np.einsum("k,kmn->mn", np.array(shares, np.float32), innocents)
    removal[:3] = 0
    left = own_share.own_weights(removal, innocents, scales)
    energy = ((removal * scales) ** 2).sum()
    if left is None:
        return
    assert ((left * scales) ** 2).sum() >= own_share.LEAST_OF_WEIGHTS * energy * 0.999
    assert not left[:3].any()
    beside = innocents * (removal.any(axis=1))[:, None]
    cosines = [
        abs(float(((left * scales) * (each * scales)).sum()))
        / float(np.linalg.norm(left * scales) * np.linalg.norm(each * scales))
        for each in beside
    ]
    assert max(cosines) < 0.1
