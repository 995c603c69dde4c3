"""Strangers whose adapters share parts are no copies, and copies are: `benchmarks.strangers` does
this with 10,000 pairs of each algorithm."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.strangers import MAKERS, Tensors, adapter, edited, layers, measured
from benchmarks.strangers import sketched as sketch
from tests.files import build
from tests.files.build import T
from tests.match.made import known, read, remove
from tests.match.updates import sketched
from tests.scan.fake_hub import FakeHub
from tests.scan.test_screen import go

from reseen.match.compare import compare
from reseen.store.database import Store


@pytest.mark.parametrize("algorithm", sorted(MAKERS))
def test_no_stranger_is_accused_and_every_copy_is_known(algorithm: str) -> None:
    modules = 32 if algorithm == "adalora" else 6
    told = measured(algorithm, 6, modules, copies=1)
    assert (told.pairs, told.accused) == (15, 0)
    assert told.known_again == told.copies == 2
    assert told.least > 0.8


@pytest.mark.parametrize("algorithm", ["oft_v2", "vera", "ia3"])
def test_a_removed_one_is_found_at_the_gate_and_at_a_hub(store: Store, algorithm: str) -> None:
    sides = layers(16)
    removed, other = (adapter(MAKERS[algorithm], number, sides) for number in (1, 2))
    _, noisy = edited(removed, other, 1)
    removal = remove(store, sketched(file_of(removed)))
    (match,) = known(store).match_fingerprint(read(file_of(noisy)))
    assert match.removal == removal
    assert not known(store).match_fingerprint(read(file_of(other)))
    seen = go(FakeHub({"x": file_of(noisy), "y": file_of(other)}), known(store)).seen
    assert [each.removal for file in seen for each in file.matches] == [removal]


@pytest.mark.parametrize("ending", ["ia3_l", "diff_b", "w_norm"])
@pytest.mark.parametrize("about", [0.05, 1.0])
def test_scales_biases_and_norms_that_are_all_about_one_number_accuse_nobody(
    ending: str, about: float
) -> None:
    """What all have in common is no adapter's own; what each has of its own is known again."""

    def file(number: int) -> Tensors:
        own = np.random.default_rng([3, number])
        return {
            f"unet.{name}.{ending}": np.asarray(about + 0.02 * own.standard_normal(out), "f4")
            for name, (out, _) in layers(12).items()
        }

    first, *others = (sketch(file(number)) for number in range(5))
    for other in others:
        found = compare(first, other)
        assert found is not None
        assert found.mean < 0.25
    half = {n: np.asarray(t.astype(np.float16), np.float32) for n, t in file(0).items()}
    again = compare(first, sketch(half))
    assert again is not None
    assert again.is_copy


def file_of(tensors: Tensors) -> bytes:
    half = {name: np.asarray(tensor, np.float16) for name, tensor in tensors.items()}
    return build.safetensors({n: T("F16", t.shape, t.tobytes()) for n, t in half.items()})
