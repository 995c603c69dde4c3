"""Negated modules count by their size; a relation says which parts are not as the rest is."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.adapters import Recipe, sampled
from benchmarks.sketched import alike, of_values, some_of
from tests.match.made import known, read
from tests.match.updates import put
from tests.scan.fake_hub import FakeHub
from tests.scan.test_screen import go, large, saved

from reseen.fingerprints.sketch import Sketch
from reseen.match import evidence
from reseen.match.blocks import side_by_side
from reseen.match.calibration import Background
from reseen.match.compare import Comparison, Relation, compare
from reseen.records import Rung
from reseen.store.database import Store

REMOVAL = sampled("sd1", 1, rank=8)
N = len(REMOVAL.ids)
EVERY_OTHER = np.arange(N) % 2 == 0
RNG = np.random.default_rng(3)
BACKGROUND = Background(tuple(sampled("sd1", 100 + n, rank=8) for n in range(220)))


def told(other: Sketch, background: Background = BACKGROUND) -> Comparison:
    found = compare(REMOVAL, other, background)
    assert found is not None
    return found


def negated(other: Sketch, which: np.ndarray) -> Sketch:
    return of_values(other, other.values() * np.where(which, -1, 1)[:, None].astype(np.float32))


@pytest.mark.parametrize("background", [BACKGROUND, Background(())])
@pytest.mark.parametrize("cosine", [1.0, 0.95, 0.7])
def test_half_the_modules_negated_is_a_copy(background: Background, cosine: float) -> None:
    found = told(negated(alike(REMOVAL, cosine, RNG), EVERY_OTHER), background)
    assert found.is_copy, found.why
    assert found.mean == pytest.approx(cosine, abs=0.02)
    assert found.p_value <= 1e-6
    assert found.common.negated.sum() == EVERY_OTHER.sum()
    assert "negated: 64 modules: unet: down_blocks.0" in found.why
    assert evidence.weights(found).figures["negated"].startswith("64 modules")


def test_a_few_negated_modules_are_named_and_it_is_not_the_same() -> None:
    few = np.arange(N) < 16
    found = told(negated(REMOVAL, few))
    assert found.relation is Relation.SCALED
    assert found.parts["negated"].startswith("16 modules")
    assert found.agreeing == 1


def test_most_of_it_negated_is_the_negated_adapter_but_for_a_few() -> None:
    most = np.arange(N) >= 16
    found = told(negated(REMOVAL, most))
    assert found.scale == pytest.approx(-1, abs=0.01)
    assert found.common.negated.sum() == 16
    whole = told(negated(REMOVAL, np.ones(N, bool)))
    assert whole.relation is Relation.SCALED
    assert whole.scale == pytest.approx(-1, abs=0.01)
    assert not whole.parts


def test_random_modules_are_named_and_it_is_not_the_same() -> None:
    cosines = np.ones(N)
    cosines[:16] = 0
    found = told(alike(REMOVAL, cosines, RNG))
    assert found.relation is Relation.PARTIAL
    assert found.parts["random"].startswith("16 modules")
    assert "random: 16 modules" in found.why


def test_missing_modules_are_named() -> None:
    found = told(some_of(REMOVAL, np.arange(N) >= 3))
    assert found.relation is Relation.PARTIAL
    assert found.parts == {"missing": found.parts["missing"]}
    assert found.parts["missing"].startswith("3 modules")


def test_added_modules_are_named_and_it_is_not_the_same() -> None:
    removal = some_of(REMOVAL, np.arange(N) >= 5)
    for other, relation in ((REMOVAL, Relation.PARTIAL), (removal, Relation.SAME)):
        found = compare(removal, other, BACKGROUND)
        assert found is not None
        assert found.relation is relation
    found = compare(removal, alike(REMOVAL, 0.97, RNG), BACKGROUND)
    assert found is not None
    assert found.relation is Relation.CAST
    assert found.parts["added"].startswith("5 modules")


def test_a_stranger_gains_nothing_by_signs() -> None:
    """Whatever is shared: a recipe, an initialisation, nothing."""
    for recipe in (Recipe(), Recipe(init=1), Recipe(family=3, share=0.2)):
        own = [sampled("sd1", n, rank=4, recipe=recipe) for n in range(12)]
        for first in own[:2]:
            for other in own[2:]:
                found = compare(first, negated(other, EVERY_OTHER), BACKGROUND)
                assert found is not None
                assert not found.is_copy
                assert not found.common.negated.any()


def test_few_modules_of_many_signs_are_no_copy() -> None:
    """Eight modules of rank 1 have eight numbers each: some choice of signs makes any two alike."""
    rng = np.random.default_rng(5)
    eight = some_of(REMOVAL, np.arange(N) < 8)
    shared = rng.standard_normal((8, 1, 8))
    for _ in range(100):
        first, other = (
            of_values(eight, (rng.standard_normal((8, 8, 1)) @ shared).reshape(8, 64).astype("f4"))
            for _ in range(2)
        )
        found = compare(first, other)
        assert found is not None
        assert not found.is_copy


def test_the_picture_shows_what_is_opposed_and_counts_it() -> None:
    blocks = side_by_side(REMOVAL.encode(), negated(REMOVAL, EVERY_OTHER).encode())
    assert sum(block.agreeing for block in blocks) == N
    assert sum(cell.cosine < 0 for b in blocks for cell in b.cells) == EVERY_OTHER.sum()


def test_a_likeness_that_is_no_copy_names_no_parts() -> None:
    found = told(sampled("sd1", 2, rank=8))
    assert found.parts == {}
    assert evidence.of_likeness(found) is None
    assert evidence.weights(told(REMOVAL)).rung is Rung.WEIGHTS


def test_negative_block_weights_are_found_by_a_check_and_a_scan(store: Store) -> None:
    removed = large(1, rank=2)
    (removal,) = put(store, saved(removed))
    file = saved({n: (d, u if at % 2 else -u) for at, (n, (d, u)) in enumerate(removed.items())})
    (match,) = known(store).match_fingerprint(read(file))
    assert (match.removal, match.rung) == (removal, Rung.WEIGHTS)
    assert "negated" in match.why
    seen = go(FakeHub({"x": file}), known(store)).seen
    assert [each.removal for each in seen[0].matches] == [removal]
