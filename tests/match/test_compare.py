from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from benchmarks.adapters import Adapter, Factors, Recipe, make, renamed, sampled, shapes, sketch
from benchmarks.edits import truncated
from tests.match.merges import file_of

from reseen.files.containers import read_listing
from reseen.files.source import Memory, run
from reseen.fingerprints.sketch import Sketch
from reseen.fingerprints.sketcher import Sketched, read_sketch
from reseen.match.calibration import LEAST_P, NO_BACKGROUND, fisher, geometric, tail_of, unit
from reseen.match.compare import Background, Comparison, Relation, best, closest, common, compare
from reseen.updates.plan import plan

MODULES = shapes("sd1", True)[::3]


OWN = Recipe()


def adapter(seed: int, recipe: Recipe = OWN, rank: int = 8) -> Adapter:
    return make("sd1", seed, rank=rank, recipe=recipe, modules=MODULES)


def each(made: Adapter, change: Callable[[Factors], Factors]) -> Adapter:
    return renamed(made, {name: change(f) for name, f in made.layers.items()})


@pytest.fixture(scope="module")
def background() -> Background:
    """Half of one initialisation, a sixth of one recipe."""
    return Background(tuple(stranger(1_000 + n) for n in range(240)))


def stranger(seed: int) -> Sketch:
    recipe = Recipe(init=seed % 2 or None)
    if seed % 6 == 0:
        recipe = Recipe(init=7, family=1, share=0.03)
    return sampled("sd1", seed, rank=8, recipe=recipe)


def compared(first: Adapter, second: Adapter, background: Background) -> Comparison:
    found = compare(sketch(first), sketch(second), background)
    assert found is not None
    return found


def noisy(made: Adapter, sigma: float) -> Adapter:
    rng = np.random.default_rng(5)

    def change(f: Factors) -> Factors:
        def add(m: np.ndarray) -> np.ndarray:
            return m + np.float32(sigma * m.std()) * rng.standard_normal(m.shape, np.float32)

        return Factors(add(f.up), add(f.down), f.alpha)

    return each(made, change)


def merged(parts: list[Adapter]) -> Adapter:
    layers = {
        name: Factors(
            np.concatenate([p.layers[name].scaled_up / len(parts) for p in parts], axis=1),
            np.concatenate([p.layers[name].down for p in parts]),
            float(sum(p.layers[name].rank for p in parts)),
        )
        for name in parts[0].layers
    }
    return renamed(parts[0], layers)


def test_every_relation_is_told_by_its_figures(background: Background) -> None:
    own = adapter(1)
    half = renamed(own, dict(list(own.layers.items())[::2]))
    cases = {
        Relation.SAME: own,
        Relation.SCALED: each(own, lambda f: Factors(f.up * np.float32(0.7), f.down, f.alpha)),
        Relation.CAST: noisy(own, 0.3),
        Relation.RESIZED: each(own, lambda f: truncated(f.scaled_up, f.down, 2)),
        Relation.PARTIAL: half,
        Relation.PART_OF_A_MERGE: merged([own, adapter(2), adapter(3), adapter(4)]),
    }
    for relation, other in cases.items():
        found = compared(own, other, background)
        assert found.relation is relation
        assert found.p_value <= 1e-9
        assert found.calibration == "calibrated on 240 adapters"
        assert found.relation.is_copy


def test_something_learned_besides_is_trained_on(background: Background) -> None:
    own, more = adapter(1), adapter(9)
    layers = {
        name: Factors(
            np.concatenate([f.scaled_up, more.layers[name].scaled_up], axis=1),
            np.concatenate([f.down, more.layers[name].down]),
            2.0 * f.rank,
        )
        for name, f in own.layers.items()
    }
    assert compared(own, renamed(own, layers), background).relation is Relation.TRAINED_ON


def test_strangers_accuse_nobody_whatever_they_share(background: Background) -> None:
    for recipe in (Recipe(), Recipe(init=1), Recipe(init=7, family=1, share=0.03)):
        found = compared(adapter(1, recipe), adapter(2, recipe), background)
        assert not found.relation.is_copy
        assert found.p_value > 1e-6


def test_a_strong_family_that_no_background_holds_accuses_nobody(background: Background) -> None:
    recipe = Recipe(family=3, share=0.2)
    for shown in (background, Background(())):
        found = compared(adapter(1, recipe), adapter(2, recipe), shown)
        assert found.mean > 0.1
        assert not found.relation.is_copy


def test_without_a_background_the_answer_says_so_and_is_cautious() -> None:
    own = adapter(1)
    found = compared(own, merged([own, *(adapter(n) for n in range(2, 7))]), Background(()))
    assert found.calibration == "uncalibrated"
    assert not found.relation.is_copy
    assert compared(own, noisy(own, 0.3), Background(())).relation is Relation.CAST


def test_copies_in_the_background_spoil_nothing(background: Background) -> None:
    own = adapter(1)
    copies = tuple(sketch(noisy(own, 0.1)) for _ in range(3))
    spoiled = Background(copies * 20 + background.sketches)
    clean = compared(own, noisy(own, 0.3), background)
    found = compared(own, noisy(own, 0.3), spoiled)
    assert found.relation is clean.relation
    assert np.log(found.p_value) == pytest.approx(np.log(clean.p_value), rel=0.1)


def test_copies_of_one_file_are_no_background() -> None:
    one = Background((stranger(1),) * 300)
    assert compared(adapter(1), adapter(2), one).calibration == "uncalibrated"


def test_the_weaker_half_is_below_the_mean(background: Background) -> None:
    found = compared(adapter(1), adapter(2), background)
    assert found.lower < found.mean
    assert found.agreeing == (found.common.cosines >= 0.3).mean()


def test_other_architectures_are_not_compared_and_a_lone_encoder_or_unknown_one_is() -> None:
    own = sketch(adapter(1))
    unknown = replace(own, architecture="unknown:0badcafe")
    assert common(own, replace(own, architecture="sdxl")) is None
    for one, other in ((own, unknown), (unknown, own)):
        assert common(one, other) is not None
    for encoders in ("clip_l", "clip_g+clip_l"):
        assert common(own, replace(own, architecture=encoders)) is not None
    few = dict(list(adapter(1).layers.items())[:2])
    assert common(own, sketch(renamed(adapter(1), few))) is None


@pytest.mark.parametrize(
    "named",
    [
        lambda name: name.replace("attn", "\N{CYRILLIC SMALL LETTER A}ttn"),
        lambda name: name.replace("to_", "to"),
        lambda name: f"L{zlib.crc32(name.encode())}" if "attn1" in name else name,
    ],
)
def test_layers_under_names_that_tell_nothing_make_no_copy_incomparable(
    named: Callable[[str], str],
) -> None:
    own = make("sd1", 1, rank=4, modules=[s for s in shapes("sd1") if "down_blocks.0" in s.name])
    hidden = renamed(own, {named(name): each for name, each in own.layers.items()})
    one, other = in_file(own), in_file(hidden)
    for pair in ((one, other), (other, one)):
        told = closest(pair[0].adapters, pair[1].under_any_names, NO_BACKGROUND)
        assert told is not None
        assert told[2].is_copy
        assert told[2].mean > 0.99


def in_file(adapter: Adapter) -> Sketched:
    memory = Memory(file_of(adapter))
    return run(memory, read_sketch(plan(run(memory, read_listing(memory.size)))))


def test_p_values_are_true_over_pairs_of_strangers(background: Background) -> None:
    tried = [stranger(n) for n in range(120)]
    null = background.null(tried[0].ids)
    sides = [unit(t.s.astype(np.float32)) for t in tried]
    tails = [null.tail(each) for each in null.likeness(np.stack(sides))]
    claimed = np.array(
        [
            null.chance(np.array((sides[i] * sides[j]).sum() / len(sides[i])), tails[i], tails[j])
            for i in range(len(tried))
            for j in range(i)
        ]
    )
    for share in (0.1, 0.01, 0.001):
        assert (claimed <= share).mean() <= 1.5 * share


def test_a_p_value_is_never_surer_than_geometry_nor_than_nothing() -> None:
    z = fisher(np.array([0.0, 0.1, 0.5, 1.0]))
    bound = geometric(z, 192)
    assert (np.diff(bound) <= 0).all()
    assert bound[0] == 0.5
    assert (bound >= LEAST_P).all()


def test_a_tail_counts_where_it_reaches_and_models_beyond() -> None:
    values = np.random.default_rng(0).exponential(0.1, 10_000)
    tail = tail_of(values)
    assert tail.beyond(np.array(0.05)) == pytest.approx(np.exp(-0.5), rel=0.05)
    assert np.log(tail.beyond(np.array(1.0))) == pytest.approx(-10, rel=0.15)


def test_of_those_that_are_as_sure_the_one_of_most_modules_is_the_best() -> None:
    made = compared(adapter(1), adapter(1), Background(()))
    whole = replace(made, modules=440, p_value=7e-59)
    part = replace(made, modules=418, p_value=6e-59, relation=Relation.PARTIAL)
    surer = replace(made, modules=100, p_value=5e-80)
    assert {id(best(some)) for some in permutations([whole, part])} == {id(whole)}
    assert {id(best(some)) for some in permutations([whole, part, surer])} == {id(surer)}
    assert best([]) is None


def test_what_another_name_of_the_file_has_is_not_said_to_be_missing() -> None:
    """However sure the one that lacks it looks; unless it agrees in less."""
    own = adapter(1)
    half = renamed(own, dict(list(own.layers.items())[::2]))
    whole = compared(own, own, Background(()))
    part = replace(compared(own, half, Background(())), p_value=1e-200)
    assert part.parts["missing"]
    fewer = replace(whole, common=replace(whole.common, cosines=0 * whole.common.cosines))
    no_copy = replace(whole, relation=Relation.RELATED)
    for some in permutations([whole, part, no_copy]):
        assert best(some) is whole
    for some in permutations([part, fewer, no_copy]):
        assert best(some) is part
