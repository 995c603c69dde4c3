"""A core of a few numbers between the factors of a layer that has none: which loader heeds it is
not known, so the factors are read without it, too."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from benchmarks.adapters import Adapter, make, shapes

from replica import made
from reseen.files.containers import read_listing
from reseen.files.source import Memory, run
from reseen.fingerprints.sketcher import Sketched, read_sketch
from reseen.match.calibration import NO_BACKGROUND
from reseen.match.compare import closest
from reseen.updates.plan import plan

OWN = make("sd1", 1, rank=4, modules=[s for s in shapes("sd1") if ".attentions.0." in s.name][::3])
CORES = {
    "of one number": (4, 4, 1, 1),
    "a matrix": (4, 4),
    "with a kernel": (4, 4, 3, 3),
}


def read(
    adapter: Adapter, core: tuple[int, ...] = (), which: Callable[[int], bool] = bool
) -> Sketched:
    rng = np.random.default_rng(7)
    tensors = []
    for number, (name, factors) in enumerate(adapter.layers.items()):
        for end, values in (("lora_down", factors.down), ("lora_up", factors.scaled_up)):
            data = values.astype("<f2").tobytes()
            tensors.append(made.Tensor(f"{name}.{end}.weight", "F16", values.shape, data))
        if core and which(number):
            data = rng.standard_normal(core).astype("<f2").tobytes()
            tensors.append(made.Tensor(f"{name}.lora_mid.weight", "F16", core, data))
    memory = Memory(made.safetensors(tensors))
    return run(memory, read_sketch(plan(run(memory, read_listing(memory.size)))))


PLAIN = read(OWN)


@pytest.mark.parametrize("which", [lambda _: True, lambda number: number % 2])
@pytest.mark.parametrize("core", CORES)
def test_a_core_that_no_linear_layer_has_hides_no_copy(
    core: str, which: Callable[[int], bool]
) -> None:
    found = read(OWN, CORES[core], which)
    told = closest(PLAIN.adapters, found.under_any_names, NO_BACKGROUND)
    assert told is not None
    assert told[2].is_copy
    assert told[2].mean > 0.99
    assert told[2].coverage == 1


def test_a_file_without_cores_is_read_once() -> None:
    assert not PLAIN.others
