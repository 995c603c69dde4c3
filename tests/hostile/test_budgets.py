"""What a file makes us make is added up from its header before any of it is spent.

Nothing here is timed: budgets are in bytes, numbers and multiply-adds, and so are the tests.
"""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Iterator
from math import prod
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.files import build
from tests.files.build import T

from reseen.files.source import Memory, run
from reseen.files.tensors import Listing, TensorInfo
from reseen.fingerprints import sketcher
from reseen.fingerprints.digests import BLOCK, Fingerprinter, look_inside
from reseen.fingerprints.signs import _Signs
from reseen.fingerprints.sketch import decode, preference
from reseen.fingerprints.sketcher import MOST_HELD, MOST_MADE, MOST_WORK, Sketcher, read_sketch
from reseen.records import Container, DigestKind, Fingerprint
from reseen.updates.cost import cost_of
from reseen.updates.plan import plan
from reseen.updates.update import read_update

SHAPES: dict[str, list[tuple[int, int, int, int]]] = {
    name: [(out, inn, kernel, count) for out, inn, kernel, count in rows]
    for name, rows in json.loads(
        (Path(__file__).parents[1] / "updates" / "layer_shapes.json").read_text()
    ).items()
}
"""(out, in, kernel, how many) of the layers of each base model."""
WIDTH = {"F32": 4, "F16": 2, "F8_E4M3": 1}
Shapes = dict[str, tuple[int, ...]]


def listed(layers: list[Shapes], dtype: str = "F16") -> Listing:
    """A header alone: layers by number, each with its tensors' endings and shapes."""
    tensors, at = [], 1_000
    for number, shapes in enumerate(layers):
        for end, shape in shapes.items():
            length = prod(shape) * WIDTH[dtype]
            tensors.append(TensorInfo(f"lora_unet_layer{number}.{end}", dtype, shape, at, length))
            at += length
    return Listing(Container.SAFETENSORS, tuple(tensors))


def lora(out: int, inn: int, kernel: int, rank: int) -> Shapes:
    return {"lora_down.weight": (rank, inn, kernel, kernel), "lora_up.weight": (out, rank, 1, 1)}


def lokr(out: int, inn: int, kernel: int, rank: int) -> Shapes:
    factor = next(f for f in (16, 8, 4, 2, 1) if not out % f and not inn % f)
    return {"lokr_w1": (factor, factor), "lokr_w2": (out // factor, inn // factor, kernel, kernel)}


def lokr_of_products(out: int, inn: int, kernel: int, rank: int) -> Shapes:
    factor = next(f for f in (8, 4, 2, 1) if not out % f and not inn % f)
    columns = inn // factor * kernel * kernel
    return {
        "lokr_w1": (factor, factor),
        "lokr_w2_a": (out // factor, rank),
        "lokr_w2_b": (rank, columns),
    }


def loha(out: int, inn: int, kernel: int, rank: int) -> Shapes:
    rank = rank // 16  # its update has the square of it
    columns = inn * kernel * kernel
    a, b = (out, rank), (rank, columns)
    return {"hada_w1_a": a, "hada_w1_b": b, "hada_w2_a": a, "hada_w2_b": b}


def whole(out: int, inn: int, kernel: int, rank: int) -> Shapes:
    return {"diff": (out, inn, kernel, kernel)}


def block_of(size: int, most: int = 64) -> int:
    """Rows of a block as trainers choose them."""
    return next(side for side in (64, 48, 32, 16, 8, 4, 2, 1) if side <= most and not size % side)


def oft(out: int, inn: int, kernel: int, rank: int) -> Shapes:
    side = block_of(out)
    return {"oft_blocks": (out // side, side, side), "rescale": (out, 1), "alpha": ()}


def boft(out: int, inn: int, kernel: int, rank: int) -> Shapes:
    side = max(2, block_of(out, 16))
    blocks = -(-out // side)
    stages = (blocks & -blocks).bit_length()
    return {"oft_blocks": (stages, blocks, side, side)}


def oft_v2(out: int, inn: int, kernel: int, rank: int) -> Shapes:
    side = max(2, block_of(inn))
    return {"oft_R.weight": (-(-inn * kernel * kernel // side), side * (side - 1) // 2)}


def boft_v2(out: int, inn: int, kernel: int, rank: int) -> Shapes:
    side = block_of(inn)
    return {"boft_R": (1, inn * kernel * kernel // side, side, side), "boft_s": (out, 1)}


def hra(out: int, inn: int, kernel: int, rank: int) -> Shapes:
    return {"hra_u": (inn * kernel * kernel, rank // 16 * 2)}


def glora(out: int, inn: int, kernel: int, rank: int) -> Shapes:
    rank = min(rank // 2, inn)  # it has two updates
    a1, a2, b1 = (inn, rank, 1, 1), (rank, inn, 1, 1), (out, rank, 1, 1)
    b2 = (rank, inn, kernel, kernel)
    return {"a1.weight": a1, "a2.weight": a2, "b1.weight": b1, "b2.weight": b2}


def vera(out: int, inn: int, kernel: int, rank: int) -> Shapes:
    return {"vera_lambda_b": (out,), "vera_lambda_d": (rank,)}


def ia3(out: int, inn: int, kernel: int, rank: int) -> Shapes:
    return {"weight": (max(out, 2),), "on_input": ()}


OWN = [oft, boft, oft_v2, boft_v2, hra, glora, vera, ia3]


HONEST = [(model, made) for made in (lora, lokr, lokr_of_products, loha, whole) for model in SHAPES]
HONEST += [(model, made) for made in OWN for model in ("sdxl.unet", "qwen_image", "wan21_14b_i2v")]


@pytest.mark.parametrize(("model", "made"), HONEST)
def test_the_largest_honest_adapter_of_every_model_is_within_the_budgets(
    model: str, made: Callable[[int, int, int, int], Shapes]
) -> None:
    """Rank 256 on every layer, in half precision; LoHa at 16: its update is of rank 256 then."""
    layers = [made(*shape, 256) for *shape, count in SHAPES[model] for _ in range(count)]
    planned = plan(listed(layers))
    assert len({module.source for module in planned.modules}) == len(layers)
    sketched = Sketcher(planned).finish()
    assert set(sketched.left_out) <= {"its bytes did not all come"}, sketched.left_out


def test_factors_in_single_precision_are_within_them_too() -> None:
    layers = [lora(*shape, 256) for *shape, count in SHAPES["qwen_image"] for _ in range(count)]
    sketched = Sketcher(plan(listed(layers, "F32"))).finish()
    assert set(sketched.left_out) == {"its bytes did not all come"}


def test_of_two_updates_of_rank_256_half_is_compared_at_least_and_the_rest_is_said() -> None:
    """GLoRA of the model whose layers ask for the most."""
    layers = [glora(*shape, 512) for *shape, count in SHAPES["qwen_image"] for _ in range(count)]
    sketched = Sketcher(plan(listed(layers))).finish()
    said = {spot.code: spot.count for spot in sketched.blind}
    assert said.keys() == {"cut-off", "too-much-work"}
    assert said["cut-off"] >= len(layers)  # two objects a layer


HOSTILE: dict[str, tuple[Shapes, int]] = {
    "LoKr from two vectors": (
        {"lokr_w1_a": (11_000, 1), "lokr_w1_b": (1, 11_000), "lokr_w2": (1, 1)}, 2_000,
    ),
    "LoKr of rank 64": (
        {"lokr_w2_a": (11_000, 64), "lokr_w2_b": (64, 11_000), "lokr_w1": (1, 1)}, 200,
    ),
    "LoKr of a row and a column": ({"lokr_w1": (8_000, 1), "lokr_w2": (1, 8_000)}, 200),
    "LoHa of rank 77": (
        {
            "hada_w1_a": (11_000, 77), "hada_w1_b": (77, 11_000),
            "hada_w2_a": (11_000, 77), "hada_w2_b": (77, 11_000),
        }, 200,
    ),
    "LoRA of rank 4,096": (lora(4_000, 4_000, 1, 4_000), 20),
    "LoRA of the widest": (lora(1 << 18, 1 << 18, 1, 1), 2_000),
    "Tucker": (
        {
            "lora_down.weight": (1_024, 1_024, 1, 1), "lora_mid.weight": (1_024, 1_024, 11, 11),
            "lora_up.weight": (1_024, 1_024, 1, 1),
        }, 20,
    ),
    "a thousand whole matrices": ({"diff": (11_000, 11_000)}, 1_000),
    "rotations of one block": ({"oft_blocks": (1, 1_600, 1_600)}, 400),
    "a rotation of many small ones": ({"oft_R.weight": (60_000, 3)}, 2_000),
    "rotations of 16 stages": ({"oft_blocks": (16, 1 << 15, 2, 2)}, 400),
    "reflections": ({"hra_u": (1 << 18, 2)}, 2_000),
    "very many reflections": ({"hra_u": (4_000, 1_000)}, 200),
    "a long vector": ({"weight": (1 << 18,), "on_input": ()}, 2_000),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_accepted_of_a_hostile_file_stays_within_the_budgets(kind: str) -> None:
    shapes, count = HOSTILE[kind]
    planned = plan(listed([shapes] * count))
    assert planned.modules, planned.not_read
    work = sketcher._Work(planned, complete=True)
    accepted = work.affordable(sketcher._layers(planned, None))
    costs = [cost_of(layer) for layer in accepted]
    stored = sum(module.length for module in planned.modules)
    assert sum(c.work for c in costs) <= max(MOST_WORK, sketcher.WORK_PER_BYTE * stored)
    assert all(c.made <= MOST_MADE and c.stored <= MOST_HELD for c in costs)
    assert len(accepted) + sum(work._left_out.values()) == min(count, sketcher.MOST_SKETCHED)


def fingerprint(data: bytes) -> Fingerprint:
    inside = run(Memory(data), look_inside(len(data), thorough=True))
    pass_ = Fingerprinter(len(data), inside)
    for at in range(0, len(data), BLOCK):
        pass_.update(data[at : at + BLOCK])
    return pass_.finish()


def aliased(count: int, side: int) -> bytes:
    """Tensors that all stand in one storage."""
    one = T("F16", (side, side), bytes(range(0x20, 0x2A)) * (side * side // 5))
    names = {f"lora_unet_layer{i}.diff": build.tensor("0", one) for i in range(count)}
    return build.torch_zip({"0": one}, build.dictionary(names))


@pytest.mark.parametrize("count", [3, 60, 600])
def test_tensors_that_share_bytes_are_read_twice_at_most(count: int) -> None:
    data = aliased(count, 320)
    inside = run(Memory(data), look_inside(len(data)))
    assert inside.listing is not None
    reader = read_sketch(plan(inside.listing))
    asked, step = 0, next(reader)
    with pytest.raises(StopIteration) as ended:
        while True:
            asked += step.length
            step = reader.send(Memory(data).read(step))
    assert asked <= sketcher.TWICE * len(data)
    told = ended.value.value
    assert told.left_out == {sketcher.SHARED_TOO_OFTEN: count - 2}
    assert fingerprint(data).digest(DigestKind.SHA256) is not None


def test_the_memory_of_shared_bytes_does_not_grow_with_the_tensors() -> None:
    peaks = []
    for count in (20, 400):
        data = aliased(count, 1_000)
        fingerprint(data)
        tracemalloc.start()
        fingerprint(data)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 4_000 * 400


def test_a_budget_that_is_spent_costs_the_sketch_only_and_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = aliased(2, 320)
    sound = fingerprint(data)
    monkeypatch.setattr(sketcher, "MOST_WORK", 1)
    monkeypatch.setattr(sketcher, "WORK_PER_BYTE", 0)
    found = fingerprint(data)
    assert found.digests == sound.digests
    assert found.sketch is None
    assert found.no_sketch == f"{sketcher.TOO_MUCH_WORK} (2 modules)"


def test_the_preferred_modules_are_within_the_budget_of_a_file_that_asks_for_too_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layers = [lora(64, 64, 1, 4)] * 40
    planned = plan(listed(layers))
    one = cost_of((planned.modules[0],), [True]).work
    monkeypatch.setattr(sketcher, "MOST_WORK", 10 * one)
    monkeypatch.setattr(sketcher, "WORK_PER_BYTE", 0)
    work = sketcher._Work(planned, complete=True)
    accepted = {layer[0].name for layer in work.affordable(sketcher._layers(planned, None))}
    ranked = sorted(planned.layers(), key=lambda la: min(preference(m.name)[1:] for m in la))
    assert accepted == {layer[0].name for layer in ranked[:10]}


def test_what_layers_were_named_before_is_within_the_budgets_too() -> None:
    """Thousands of wrapped copies of one layer: one module now, and as many as there are before."""
    name = "wrapped.single_transformer_blocks.0.attn.to_q"
    shapes = {"lora_down.weight": (1, 3072), "lora_up.weight": (3072, 1)}
    tensors, at = [], 1_000
    for number in range(sketcher.MOST_SKETCHED + 50):
        for end, shape in shapes.items():
            length = 2 * prod(shape)
            tensors.append(TensorInfo(f"a{number}.{name}.{end}", "F16", shape, at, length))
            at += length
    planned = plan(Listing(Container.SAFETENSORS, tuple(tensors)))
    assert len(planned.modules) == 1
    layers = sketcher._layers(planned, None)
    assert sum(map(len, layers)) == sketcher.MOST_SKETCHED
    assert planned.modules[0] in {module.name: module for la in layers for module in la}.values()


ALGORITHMS = st.sampled_from([lora, lokr, lokr_of_products, loha, whole, *OWN])


@given(made=ALGORITHMS, out=st.integers(1, 24), inn=st.integers(1, 24), rank=st.integers(16, 64))
def test_the_form_of_an_update_is_no_larger_than_its_cost_says(
    made: Callable[[int, int, int, int], Shapes], out: int, inn: int, rank: int
) -> None:
    """Every array that a form holds, in numbers, against `Cost.made` and what is stored."""
    listing = listed([made(out, inn, 1, rank)], "F32")
    for module in plan(listing).modules:
        arrays = {t.name: np.ones(t.shape, np.float32) for t in module.tensors.values()}
        form = read_update(module, arrays).form
        cost = cost_of((module,))
        held = {id(a): a.size for a in _arrays(form)}
        assert sum(held.values()) <= cost.made + cost.stored // 4


def _arrays(value: object) -> Iterator[np.ndarray]:
    if isinstance(value, np.ndarray):
        yield value
    elif hasattr(value, "__slots__"):
        for name in value.__slots__:
            yield from _arrays(getattr(value, name))


def test_the_signs_that_are_kept_are_bounded_by_bytes() -> None:
    signs = _Signs()
    for number in range(40):
        signs.get("rows", f"layer {number}", 1 << 18)
    assert sum(made.nbytes for made in signs._made.values()) <= _Signs.KEPT
    assert signs._size == sum(made.nbytes for made in signs._made.values())
    before = list(signs._made)
    signs.get(*before[-1])
    assert list(signs._made) == before


def test_a_layer_that_is_scattered_over_more_than_is_held_is_given_up_before_it_is_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All downs first, then all ups: the peak stays below the bound, the rest is sketched."""
    names = [f"lora_unet_layer{i}" for i in range(30)]
    tensors = {f"{n}.lora_down.weight": build.ramp("F16", 4, 500, seed=1) for n in names}
    tensors |= {f"{n}.lora_up.weight": build.ramp("F16", 500, 4, seed=2) for n in names}
    data = build.safetensors(tensors)
    monkeypatch.setattr(sketcher, "MOST_HELD", 40_000)
    peak = 0
    kept = Sketcher.feed

    def feed(self: Sketcher, chunk: bytes) -> None:
        nonlocal peak
        kept(self, chunk)
        peak = max(peak, self._held_bytes)

    monkeypatch.setattr(Sketcher, "feed", feed)
    inside = run(Memory(data), look_inside(len(data)))
    assert inside.listing is not None
    sketching = Sketcher(plan(inside.listing))
    for at in range(0, len(data), 3_000):
        sketching.feed(data[at : at + 3_000])
    told = sketching.finish()
    assert peak <= 40_000
    assert told.sketch is not None
    assert told.left_out == {sketcher.TOO_FAR_APART: 30 - len(told.sketch.ids)}
    assert 0 < len(told.sketch.ids) < 30


def test_a_whole_matrix_gives_the_same_sketch_however_it_comes() -> None:
    numbers = np.random.default_rng(3).standard_normal((700, 1_600)).astype(np.float16)
    tensors = {"lora_unet_x.diff": T("F16", numbers.shape, numbers.tobytes())}
    straight, scattered = build.torch_zip(tensors), build.safetensors(tensors)
    found = [fingerprint(straight).sketch, fingerprint(scattered).sketch]
    listing = run(Memory(scattered), look_inside(len(scattered))).listing
    assert listing is not None
    read = run(Memory(scattered), read_sketch(plan(listing))).sketch
    assert read is not None
    assert found[0] == found[1] == read.encode()
    turned = np.ascontiguousarray(numbers.T)
    strided = {"lora_unet_x.diff": T("F16", numbers.shape, turned.tobytes(), strides=(1, 700))}
    other = fingerprint(build.torch_zip(strided)).sketch
    assert other is not None
    assert found[0] is not None
    assert np.abs(decode(other).s.astype(int) - decode(found[0]).s.astype(int)).max() <= 1
