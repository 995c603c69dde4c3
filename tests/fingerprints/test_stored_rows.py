"""Weights of checkpoints as bitsandbytes stores them, read as its own code reads them."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest
from tests.match import bitsandbytes
from tests.match.checkpoints_made import NAMES, WIDTH, base

from replica import made
from reseen.files.containers import read_listing
from reseen.files.source import Memory, run
from reseen.fingerprints.sketch import module_id
from reseen.fingerprints.weight_plan import read_plan
from reseen.fingerprints.weights_read import WeightsRead, read_weights
from reseen.updates.whole_weights import WeightsPlan

Tensors = list[made.Tensor]
KINDS = ("nf4", "nf4 nested", "fp4", "fp4 nested", "int8")
SOME = NAMES[:24]


def layers(kind: str, block: int = 64) -> Tensors:
    weights = base()
    return [
        tensor
        for name in SOME
        for tensor in bitsandbytes.tensors(_key(name), weights[name], kind, block)
    ]


def _key(name: str) -> str:
    return f"model.diffusion_model.{name.removeprefix('unet.')}"


def planned(tensors: Sequence[made.Tensor]) -> tuple[Memory, WeightsPlan]:
    memory = Memory(made.safetensors(list(tensors)))
    plan = run(memory, read_plan(run(memory, read_listing(memory.size))))
    assert plan is not None
    return memory, plan


def read(tensors: Sequence[made.Tensor]) -> WeightsRead:
    memory, plan = planned(tensors)
    return run(memory, read_weights(plan))


def as_floats(kind: str, block: int = 64) -> WeightsRead:
    """What the oracle reads, stored in single precision."""
    weights = base()
    return read(
        [
            made.Tensor(
                f"{_key(name)}.weight",
                "F32",
                (WIDTH, WIDTH),
                bitsandbytes.read_back(weights[name], kind, block).tobytes(),
            )
            for name in SOME
        ]
    )


@pytest.mark.parametrize("block", [64, 128])
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_read_as_bitsandbytes_reads_it(kind: str, block: int) -> None:
    here, there = read(layers(kind, block)), as_floats(kind, block)
    assert not here.left_out
    assert here.sketch.ids.tolist() == sorted(module_id(name) for name in SOME)
    np.testing.assert_allclose(here.sketch.numbers, there.sketch.numbers, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(here.sketch.norms, there.sketch.norms, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_how_much_it_rounds_is_what_is_expected(kind: str) -> None:
    weights = base()
    true = sum(
        float(((bitsandbytes.read_back(weights[name], kind) - weights[name]) ** 2).sum())
        for name in SOME
    )
    sketch = read(layers(kind)).sketch
    expected = float((sketch.rounding.astype(np.float64) ** 2).sum())
    assert true / expected == pytest.approx(1, abs=float(sketch.doubts.max()))


def test_rows_of_one_that_is_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read(layers("nf4 nested"))
    monkeypatch.setattr("reseen.fingerprints.layer_sketch.MOST_VALUES", 5 * WIDTH)
    pieces = read(layers("nf4 nested"))
    np.testing.assert_allclose(pieces.sketch.numbers, whole.sketch.numbers, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(pieces.sketch.rounding, whole.sketch.rounding, rtol=1e-5)


def changed(tensors: Tensors, ending: str, new: made.Tensor | None) -> Tensors:
    """The first tensor of this ending replaced, or left out."""
    at = next(n for n, each in enumerate(tensors) if each.name.endswith(ending))
    put = [] if new is None else [made.Tensor(tensors[at].name, new.dtype, new.shape, new.data)]
    return [*tensors[:at], *put, *tensors[at + 1 :]]


def state(**said: object) -> made.Tensor:
    told = {"quant_type": "nf4", "blocksize": 64, "shape": [WIDTH, WIDTH], "dtype": "float16"}
    data = json.dumps({**told, **said}).encode()
    return made.Tensor("", "U8", (len(data),), data)


@pytest.mark.parametrize(
    ("ending", "new"),
    [
        ("__nf4", None),
        ("__nf4", state(shape=[WIDTH, WIDTH * 2])),
        ("__nf4", state(shape=[-WIDTH, -WIDTH])),
        ("__nf4", state(shape=[1 << 40, 1 << 40])),
        ("__nf4", state(shape="96, 96")),
        ("__nf4", state(blocksize=0)),
        ("__nf4", state(blocksize=63)),
        ("__nf4", state(blocksize=1 << 62)),
        ("__nf4", made.Tensor("", "U8", (9,), b"[[[[[[[[[")),
        ("__nf4", made.Tensor("", "U8", (1 << 13,), bytes(1 << 13))),
        (".weight.absmax", None),
        (".weight.absmax", made.Tensor("", "F32", (3,), bytes(12))),
        (".weight.absmax", made.Tensor("", "F32", (144,), b"\xff" * 576)),
        (".weight.absmax", made.Tensor("", "F32", (9_000,), bytes(36_000))),
    ],
)
def test_of_a_layer_that_contradicts_itself_nothing_is_read(
    ending: str, new: made.Tensor | None
) -> None:
    tensors = changed(layers("nf4"), ending, new)
    memory, plan = planned(tensors)
    found = run(memory, read_weights(plan))
    assert len(found.sketch.ids) == len(SOME) - 1
    assert plan.not_read + sum(found.left_out.values()) >= 1 or ending == ".weight.absmax"


@pytest.mark.parametrize(
    ("ending", "new"),
    [
        (".SCB", None),
        (".SCB", made.Tensor("", "F32", (3,), bytes(12))),
        (".SCB", made.Tensor("", "F32", (WIDTH,), b"\xff" * 4 * WIDTH)),
    ],
)
def test_whole_numbers_whose_rows_are_not_known_are_not_read(
    ending: str, new: made.Tensor | None
) -> None:
    tensors = changed(layers("int8"), ending, new)
    memory, plan = planned(tensors)
    found = run(memory, read_weights(plan))
    names = {module.name for module in plan.modules}
    if new is None:  # as they stand: farther from any base than any model
        assert names == set(SOME)
        return
    assert len(found.sketch.ids) == len(SOME) - 1
    assert plan.not_read + sum(found.left_out.values()) == 1


def test_whole_numbers_in_another_order_are_read_as_they_stand_and_doubted() -> None:
    tensors = changed(layers("int8"), ".weight_format", made.Tensor("", "U8", (), b"\2"))
    memory, plan = planned(tensors)
    assert (plan.doubted, plan.not_read) == (1, 0)
    assert len(run(memory, read_weights(plan)).sketch.ids) == len(SOME)
