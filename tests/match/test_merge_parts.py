from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from benchmarks.adapters import Adapter, Factors, make, renamed, sketch
from tests.match.merges import MODULES, concatenated, stranger

from reseen.fingerprints.sketch import Components, Sketch
from reseen.match.part_figures import ToldBy
from reseen.match.parts import MergePart, PartVerdict, inside, parts
from reseen.updates.names.known import BY_ORDER

WEIGHTS = (1.0, 0.3, 0.05)


def made(adapter: Adapter) -> Sketch:
    return sketch(adapter, components=True)


def summed(adapters: Sequence[Adapter]) -> Adapter:
    layers = {}
    for name, first in adapters[0].layers.items():
        several = [adapter.layers[name] for adapter in adapters]
        up, down = (sum(getattr(f, side) for f in several) for side in ("up", "down"))
        layers[name] = Factors(up, down, first.alpha)
    return renamed(adapters[0], layers)


@pytest.fixture(scope="module")
def adapters() -> list[Adapter]:
    return [make("sd1", seed, modules=MODULES) for seed in range(4)]


@pytest.fixture(scope="module")
def sketches(adapters: list[Adapter]) -> list[Sketch]:
    return [made(adapter) for adapter in adapters]


@pytest.fixture(scope="module")
def strangers(sketches: list[Sketch]) -> list[Sketch]:
    return [stranger(sketches[0], seed) for seed in range(205)]


@pytest.fixture(scope="module")
def merge(adapters: list[Adapter]) -> Sketch:
    """Of the first three; the last is the weakest."""
    return made(concatenated(adapters[:3], WEIGHTS))


def verdicts(found: Sequence[MergePart]) -> list[PartVerdict]:
    return [part.verdict for part in found]


def test_every_part_of_a_merge_is_inside_at_any_weight_and_strangers_are_not(
    merge: Sketch, sketches: list[Sketch], strangers: list[Sketch]
) -> None:
    found = parts(merge, sketches, strangers)
    assert verdicts(found) == [PartVerdict.PART] * 3 + [PartVerdict.NOTHING]
    assert [part.weight for part in found[:3]] == pytest.approx(WEIGHTS, rel=0.15)
    assert all((part.figures[ToldBy.COLUMNS].margin or 0) > 0.5 for part in found[:3])
    alone = inside(sketches[2], merge, (), strangers)
    assert (
        alone.verdict_by(ToldBy.LINEAR) is PartVerdict.NOTHING
    )  # a part of a twentieth is lost there
    assert alone.verdict_by(ToldBy.COLUMNS) is PartVerdict.PART
    assert "of its columns are there over 64 modules" in alone.why
    assert "205 decoys" in alone.why
    assert "(calibrated)" in alone.why


def test_a_sum_of_factors_keeps_the_up_factors(
    adapters: list[Adapter], sketches: list[Sketch], strangers: list[Sketch]
) -> None:
    found = parts(made(summed(adapters[:3])), sketches, strangers)
    assert verdicts(found) == [PartVerdict.PART] * 3 + [PartVerdict.NOTHING]
    assert {part.verdict_by(ToldBy.COLUMNS) for part in found} == {PartVerdict.NOTHING}
    assert {part.by for part in found[:3]} == {ToldBy.UP}


def test_with_few_decoys_or_few_modules_a_part_is_a_lead(
    merge: Sketch, sketches: list[Sketch], strangers: list[Sketch]
) -> None:
    for few in ((), strangers[:50]):
        found = parts(merge, sketches, few)
        assert verdicts(found) == [PartVerdict.LEAD] * 3 + [PartVerdict.NOTHING]
        assert "(uncalibrated)" in found[0].why
    small, rest = (some_of(each, 40) for each in (merge, sketches[0]))
    found = parts(small, [rest], [some_of(each, 40) for each in strangers])
    assert verdicts(found) == [PartVerdict.LEAD]
    small, rest = (some_of(each, 12) for each in (merge, sketches[0]))
    assert verdicts(parts(small, [rest])) == [PartVerdict.NOTHING]


def some_of(whole: Sketch, count: int) -> Sketch:
    more = whole.components
    assert more is not None
    fields = {name: getattr(more, name)[:count] for name in Components.__slots__}
    return replace(
        whole,
        ids=whole.ids[:count],
        norms=whole.norms[:count],
        scales=whole.scales[:count],
        s=whole.s[:count],
        components=Components(**fields),
    )


def test_what_others_know_or_upload_hides_no_part(
    merge: Sketch, sketches: list[Sketch], strangers: list[Sketch]
) -> None:
    """The registry holds the removal twice, and the merge itself; scans read the merge, and others
    with the same part."""
    own = sketches[2]
    copies = [replace(own), replace(merge)]
    background = [*strangers, *[merge] * 9]
    assert inside(own, merge, copies, background).verdict is PartVerdict.PART
    assert inside(sketches[3], merge, copies, background).verdict is PartVerdict.NOTHING


def test_adapters_that_begin_with_the_same_columns_are_not_called_parts(
    adapters: list[Adapter], strangers: list[Sketch]
) -> None:
    """As files of PiSSA do, converted: B begins as columns of the base, which are subtracted."""
    begun = adapters[3]

    def trained(adapter: Adapter) -> Sketch:
        layers = {}
        for name, f in adapter.layers.items():
            b = begun.layers[name]
            up = np.concatenate([b.up + f.up, b.up], axis=1)
            down = np.concatenate([b.down + 0.2 * f.down, -b.down])
            layers[name] = Factors(up, down, float(len(down)))
        return made(renamed(adapter, layers))

    one, other = trained(adapters[0]), trained(adapters[1])
    found = inside(one, other, (), strangers)
    assert found.figures[ToldBy.COLUMNS].value == pytest.approx(0.5, abs=0.1)
    assert found.verdict is not PartVerdict.PART


def test_removals_of_a_recipe_whose_columns_are_everybodys_are_no_parts(
    merge: Sketch, sketches: list[Sketch], strangers: list[Sketch]
) -> None:
    own = sketches[0].components
    assert own is not None
    alike = [
        replace(each, components=replace(own, up=each.components.up))
        for each in strangers
        if each.components is not None
    ]
    found = parts(merge, alike[:1], alike[1:])
    assert found[0].figures[ToldBy.COLUMNS].value > 0.9
    assert found[0].figures[ToldBy.COLUMNS].p_value > 0.01
    assert found[0].verdict is PartVerdict.NOTHING


def test_without_widths_or_components_the_linear_numbers_are_what_is_left(
    merge: Sketch, sketches: list[Sketch]
) -> None:
    """How much chance contains nobody knows of a layer whose width no table knows."""
    unknown = parts(replace(merge, architecture="unknown:1"), sketches[:1])[0]
    assert ToldBy.COLUMNS not in unknown.figures
    assert ToldBy.LINEAR in unknown.figures
    old = parts(replace(merge, components=None), sketches[:1])[0]
    assert set(old.figures) == {ToldBy.LINEAR}


def test_the_other_part_of_a_removal_that_is_a_merge_itself_accuses_nobody(
    adapters: list[Adapter], strangers: list[Sketch]
) -> None:
    """The removal is one with an accelerator of many ranks, which is shared as it is, and in files
    of others."""
    popular = make("sd1", 21, rank=64, modules=MODULES)
    for strength in (1.0, 0.3, 0.1):
        removal = made(concatenated([adapters[0], popular], [1, strength]))
        for weights in ([1, 1], [0.2, 1]):
            file = made(concatenated([popular, adapters[1]], weights))
            assert inside(removal, file, (), strangers).verdict is not PartVerdict.PART
        alone = inside(removal, made(popular), (), strangers)
        assert alone.verdict is not PartVerdict.PART
        assert "all of the file's columns are in the removal" in alone.why
    # Where it is inside as a whole, it is told.
    removal = made(concatenated([adapters[0], popular], [1, 0.3]))
    file = made(concatenated([adapters[0], popular, adapters[1]], [1, 0.3, 1]))
    assert inside(removal, file, (), strangers).verdict is PartVerdict.PART


def test_what_the_order_of_layers_names_is_a_lead(
    merge: Sketch, sketches: list[Sketch], strangers: list[Sketch]
) -> None:
    guessed = replace(merge, architecture=merge.architecture + BY_ORDER)
    found = inside(sketches[0], guessed, (), strangers)
    assert found.verdict is PartVerdict.LEAD
    assert "the order of its layers" in found.why
