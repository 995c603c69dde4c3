"""A scale beside a weight of 8 bits that no loader heeds, or that one heeds and another does not:
what is read is what the base tells, so that none hides what is inside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from tests.match import bitsandbytes
from tests.match.checkpoints_made import NAMES, WIDTH, base, checkpoint, person, plus, updates

from replica import made
from reseen.errors import Malformed
from reseen.files.containers import read_listing
from reseen.files.source import Memory, run
from reseen.fingerprints.weight_plan import read_plan
from reseen.fingerprints.weight_sketch import WeightSketch, decode
from reseen.fingerprints.weights_read import WeightsRead, read_weights
from reseen.match.checkpoints import Difference, KnownBase, against, known_bases

Tensors = list[made.Tensor]
WEIGHTS = base()
BAKED = plus(WEIGHTS, updates(person(7)))
RNG = np.random.default_rng(5)


def read(tensors: Tensors) -> WeightsRead:
    memory = Memory(made.safetensors(tensors))
    plan = run(memory, read_plan(run(memory, read_listing(memory.size))))
    assert plan is not None
    return run(memory, read_weights(plan))


def tensors_of(kind: str) -> Tensors:
    return made.opened(checkpoint(BAKED, kind))[0]


BASE = KnownBase("Sample base", read(made.opened(checkpoint(WEIGHTS))[0]).sketch)


def inside(sketch: WeightSketch) -> Difference:
    found = against(sketch, [BASE]).difference
    assert found is not None, "its base is told"
    return found


def scales(end: str, numbers: Callable[[], object], dtype: str = "<f4") -> Callable[[str], Tensors]:
    def made_for(key: str) -> Tensors:
        given = np.array(numbers(), dtype)
        kind = {"<f4": "F32", "<f2": "F16"}[dtype]
        return [made.Tensor(f"{key}.{end}", kind, given.shape, given.tobytes())]

    return made_for


FALSE = {
    "large": scales("weight_scale", lambda: 7.3),
    "each row": scales("weight_scale", lambda: RNG.uniform(0.5, 2.0, WIDTH), "<f2"),
    "zero": scales("weight_scale", lambda: [0.0]),
    "no number": scales("weight_scale", lambda: np.nan),
    "rows of no number": scales("weight_scale", lambda: np.full(WIDTH, np.inf)),
    "beyond measure": scales("weight_scale", lambda: 3e38),
    "of another shape": scales("weight_scale", lambda: np.full((3, 5), 9.0)),
    "under another name": scales("scale", lambda: 9.0),
    "two": lambda key: [
        *scales("scale_weight", lambda: 5.0)(key),
        *scales("weight_scale", lambda: RNG.uniform(0.5, 2.0, WIDTH))(key),
    ],
}


def beside(tensors: Tensors, what: Callable[[str], Tensors]) -> Tensors:
    keys = [t.name.removesuffix(".weight") for t in tensors if t.name.endswith(".weight")]
    return [tensor for key in keys for tensor in what(key)]


def with_false(tensors: Tensors, how: str) -> Tensors:
    return [*tensors, *beside(tensors, FALSE[how])]


@pytest.mark.parametrize("kind", ["F8_E4M3", "F8_E5M2"])
@pytest.mark.parametrize("how", FALSE)
def test_a_false_scale_hides_nothing(kind: str, how: str) -> None:
    plain = inside(read(tensors_of(kind)).sketch)
    found = read(with_false(tensors_of(kind), how))
    assert not found.left_out
    same(inside(found.sketch), plain)
    same(inside(decode(found.sketch.encode())), plain)


def test_a_scale_near_one_is_heeded_only_where_that_is_no_farther_than_rounding() -> None:
    near = scales("scale_weight", lambda: RNG.uniform(0.9, 1.1))
    plain = inside(read(tensors_of("F8_E4M3")).sketch)
    found = inside(read([*tensors_of("F8_E4M3"), *beside(tensors_of("F8_E4M3"), near)]).sketch)
    assert (found.numbers == plain.numbers).all(axis=1).mean() > 0.8
    assert found.energy <= plain.energy


def same(one: Difference, other: Difference) -> None:
    assert one.ids.tolist() == other.ids.tolist()
    np.testing.assert_allclose(one.numbers, other.numbers, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(one.rounding, other.rounding, rtol=1e-4)


@pytest.mark.parametrize("kind", ["F8_E4M3 scaled", "F8_E4M3 rows"])
@pytest.mark.parametrize("share", [1.0, 1 / 32, 1 / 512])
def test_a_true_scale_is_heeded_however_far_its_numbers_fill_their_type(
    kind: str, share: float
) -> None:
    """Who scales less makes it look false."""
    tensors = []
    for each in tensors_of(kind):
        if each.dtype == "F8_E4M3":
            values = decoded(each) * np.float32(share)
            each = made.Tensor(each.name, "F8_E4M3", each.shape, stored(values))
        elif "scale" in each.name:
            numbers = np.frombuffer(each.data, "<f4") / np.float32(share)
            each = made.Tensor(each.name, "F32", each.shape, numbers.tobytes())
        tensors.append(each)
    found = inside(read(tensors).sketch)
    plain = inside(read(tensors_of("F16")).sketch)
    assert found.ids.tolist() == plain.ids.tolist()
    apart = np.linalg.norm(found.numbers - plain.numbers, axis=1)
    assert np.median(apart / np.sqrt(found.rounding)) < 1.5


@pytest.mark.parametrize("end", ["scale_weight", "weight_scale"])
@pytest.mark.parametrize("kind", ["F8_E4M3 scaled", "F8_E4M3 rows"])
def test_beside_a_true_scale_a_false_one_hides_nothing(kind: str, end: str) -> None:
    tensors = tensors_of(kind)
    here = next(t for t in tensors if "scale" in t.name)
    if here.name.endswith(end):
        return
    plain = inside(read(tensors).sketch)
    false = scales(end, lambda: np.full(here.shape, 0.01))
    same(inside(read([*tensors, *beside(tensors, false)]).sketch), plain)


def decoded(tensor: made.Tensor) -> np.ndarray:
    import ml_dtypes

    return np.frombuffer(tensor.data, ml_dtypes.float8_e4m3fn).astype(np.float32)


def stored(values: np.ndarray) -> bytes:
    import ml_dtypes

    return values.astype(ml_dtypes.float8_e4m3fn).tobytes()


def test_scales_of_whole_numbers_that_contradict_each_other_are_both_tried() -> None:
    tensors = [
        tensor
        for name in NAMES
        for tensor in bitsandbytes.tensors(
            f"model.diffusion_model.{name.removeprefix('unet.')}", BAKED[name], "int8"
        )
    ]
    plain = inside(read(tensors).sketch)
    same(inside(read(with_false(tensors, "each row")).sketch), plain)


def test_what_fills_its_type_is_kept_once() -> None:
    assert read(tensors_of("F8_E4M3 scaled")).sketch.other is None
    assert read(tensors_of("F8_E4M3")).sketch.other is None
    assert read(with_false(tensors_of("F8_E4M3"), "two")).sketch.other is not None


def test_of_some_layers_the_other_readings_go_with_them() -> None:
    whole = read(with_false(tensors_of("F8_E4M3"), "two")).sketch
    some = whole.ids[::3]
    kept = decode(whole.only(some).encode())
    same(inside(kept), inside(whole).only(some))
    assert kept.only(whole.ids[:0]).other is None


@pytest.mark.parametrize("how", [None, "two"])
@pytest.mark.parametrize("planned", [None, 0, 3])
def test_what_is_planned_comes_back_or_that_it_is_not_known(
    how: str | None, planned: int | None
) -> None:
    tensors = tensors_of("F8_E4M3") if how is None else with_false(tensors_of("F8_E4M3"), how)
    sketch = read(tensors).sketch
    given = replace(sketch, planned=None if planned is None else sketch.ids[:planned])
    back = decode(given.encode()).planned
    assert (None if back is None else len(back)) == planned


@pytest.mark.parametrize("cut", [1, 270, 272 * 3])
def test_a_sketch_that_breaks_off_is_none(cut: int) -> None:
    data = read(with_false(tensors_of("F8_E4M3"), "two")).sketch.encode()
    with pytest.raises(Malformed):
        decode(data[:-cut])
    with pytest.raises(Malformed):
        decode(data + data[-cut:])
    assert known_bases([("x", "sd1", data[:-cut])]) == []


@pytest.mark.parametrize("scale", [1e20, 3e38])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_scale_whose_rounding_no_sketch_can_hold_makes_no_layer(scale: float) -> None:
    """Weights of nothing: the scale shows in what its rounding may be, and nowhere else."""
    packed: Tensors = []
    for each in tensors_of("F32"):
        rows, columns = each.shape[0], int(np.prod(each.shape[1:]))
        scales_of_rows = np.full(rows, scale, "<f4").tobytes()
        key = each.name.removesuffix(".weight")
        packed += [
            made.Tensor(each.name, "I8", each.shape, bytes(rows * columns)),
            made.Tensor(f"{key}.weight_scale", "F32", (rows,), scales_of_rows),
        ]
    found = read(packed)
    assert not found.sketch.ids.size
    assert set(found.left_out) == {"its weights are not finite, or larger than any known"}
