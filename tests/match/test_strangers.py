"""Strangers whose adapters share parts are no copies, and copies are: `benchmarks.strangers` does
this with 10,000 pairs of each algorithm."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.strangers import MAKERS, Tensors, adapter, edited, layers, measured
from tests.files import build
from tests.files.build import T
from tests.match.made import known, read, remove
from tests.match.updates import sketched
from tests.scan.fake_hub import FakeHub
from tests.scan.test_screen import go

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


def file_of(tensors: Tensors) -> bytes:
    half = {name: np.asarray(tensor, np.float16) for name, tensor in tensors.items()}
    return build.safetensors({n: T("F16", t.shape, t.tobytes()) for n, t in half.items()})
