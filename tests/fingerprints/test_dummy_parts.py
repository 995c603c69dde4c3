"""A few bytes beside each weight of a checkpoint, under a name that readers heed: a part that such
a weight cannot have is none, and what may be true of it is read besides. So none hides what is
inside."""

from __future__ import annotations

import json
from itertools import cycle

import ml_dtypes
import numpy as np
import pytest
from tests.fingerprints.test_false_scales import BASE, Tensors, inside, read, same
from tests.match import bitsandbytes
from tests.match.checkpoints_made import (
    NAMES,
    WIDTH,
    Floats,
    base,
    checkpoint,
    person,
    plus,
    updates,
)

from replica import made
from reseen.files.containers import read_listing
from reseen.files.source import Memory, run
from reseen.fingerprints.weight_plan import read_plan
from reseen.fingerprints.weights_read import read_chosen
from reseen.match.checkpoint_layers import LayersByBase
from reseen.updates import quantised, whole_weights

SOME = NAMES[:28]
BAKED = {name: each for name, each in plus(base(), updates(person(7))).items() if name in SOME}
HEEDED = sorted(
    {
        *quantised._BESIDE_LAYER,
        *(f".weight{end}" for end in quantised._BEHIND_WEIGHT),
        *whole_weights._SCALES,
        *(f".weight{end}" for end in whole_weights._OF_FOUR_BITS),
        whole_weights._QWEIGHT,
    }
)
KINDS = ("F16", "BF16", "F32", "F8_E4M3", "F8_E5M2", "F8_E4M3 rows", "int8", "nf4", "nf4 nested")
_STATE = {"quant_type": "nf4", "blocksize": 64, "shape": [WIDTH, WIDTH], "dtype": "float16"}


def _small(dtype: str, shape: tuple[int, ...], data: bytes) -> made.Tensor:
    return made.Tensor("", dtype, shape, data)


def _said(what: object) -> made.Tensor:
    data = json.dumps(what).encode()
    return _small("U8", (len(data),), data)


DUMMIES = [
    _small("F32", (1,), b"\0\0\x80?"),
    _small("F32", (), b"\0\0\xc0\x7f"),
    _small("F32", (WIDTH,), b"\0\0\x80@" * WIDTH),
    _small("F32", (256,), bytes(1024)),
    _small("F32", (0,), b""),
    _small("F32", (3, 5), b"\0\0\x80@" * 15),
    _small("I64", (1,), b"\1" + bytes(7)),
    _small("C64", (1,), bytes(8)),
    _small("U8", (), b"\1"),
    _small("U8", (WIDTH,), b"\x82" * WIDTH),
    _small("U8", (128, 4), b"\x82" * 512),
    _small("F8_E8M0", (512,), b"\x82" * 512),
    _small("F8_E8M0", (512,), b"\xff" * 512),
    _said({}),
    _said("none"),
    _said({"format": "nvfp4"}),
    _said({"format": "int8_tensorwise", "convrot": True, "convrot_groupsize": 16}),
    _said({"format": "int8_tensorwise", "convrot": True}),
    _said(_STATE),
    _said({**_STATE, "blocksize": 32}),
    _said({**_STATE, "shape": [WIDTH // 2, WIDTH * 2]}),
]


def stored(kind: str) -> Tensors:
    return made.opened(checkpoint(BAKED, kind))[0]


def keys(tensors: Tensors) -> list[str]:
    return [t.name.removesuffix(".weight") for t in tensors if t.name.endswith(".weight")]


def with_dummies(tensors: Tensors, end: str, turn: int, *, first: bool) -> Tensors:
    """Beside each layer another one, where it has none of this name."""
    has = {tensor.name for tensor in tensors}
    order = cycle([*DUMMIES[turn:], *DUMMIES[:turn]])
    parts = [
        made.Tensor(f"{key}{end}", each.dtype, each.shape, each.data)
        for key, each in zip(keys(tensors), order, strict=False)
        if f"{key}{end}" not in has
    ]
    return [*parts, *tensors] if first else [*tensors, *parts]


@pytest.mark.parametrize("end", HEEDED)
@pytest.mark.parametrize("kind", KINDS)
def test_no_dummy_part_hides_a_layer(kind: str, end: str) -> None:
    tensors = stored(kind)
    turn = HEEDED.index(end) + KINDS.index(kind)
    found = read(with_dummies(tensors, end, turn, first=bool(turn % 2)))
    assert not found.left_out
    assert not found.sketch.not_read
    nearest, plain = inside(found.sketch), inside(read(tensors).sketch)
    assert nearest.ids.tolist() == plain.ids.tolist()
    assert nearest.energy <= plain.energy * 1.0001  # never farther from its base
    if end != ".weight_scale":  # a scale near one may be as near as none
        same(nearest, plain)


def of_key(name: str) -> str:
    return f"model.diffusion_model.{name.removeprefix('unet.')}"


def tensor(name: str, dtype: str, values: np.ndarray) -> made.Tensor:
    return made.Tensor(name, dtype, values.shape, values.tobytes())


def mxfp8(name: str, values: Floats) -> Tensors:
    """A power of two for each 32 numbers, in tiles of 128 rows and 4 columns, in which row r stands
    at 16 (r % 32) + 4 (r // 32)."""
    blocks = values.reshape(WIDTH, WIDTH // 32, 32)
    exponents = np.floor(np.log2(np.abs(blocks).max(axis=2) / 448)) + 1
    tile = np.full((512,), 127, np.uint8)
    for row in range(WIDTH):
        for column in range(WIDTH // 32):
            tile[16 * (row % 32) + 4 * (row // 32) + column] = exponents[row, column] + 127
    eight = (blocks / np.exp2(exponents)[:, :, None]).astype(ml_dtypes.float8_e4m3fn)
    weight = tensor(f"{of_key(name)}.weight", "F8_E4M3", eight.reshape(WIDTH, WIDTH))
    return [weight, tensor(f"{of_key(name)}.weight_scale", "U8", tile.reshape(128, 4))]


def convrot(name: str, values: Floats) -> Tensors:
    """Runs of 16 numbers times a matrix that is its own inverse, then a scale for each row."""
    four = np.array([[1, 1, 1, -1], [1, 1, -1, 1], [1, -1, 1, 1], [-1, 1, 1, 1]], np.float32)
    turned = (values.reshape(-1, 16) @ (np.kron(four, four) / 4)).reshape(values.shape)
    scale = (np.abs(turned).max(axis=1, keepdims=True) / 127).astype(np.float32)
    said = json.dumps({"format": "int8_tensorwise", "convrot": True, "convrot_groupsize": 16})
    key = of_key(name)
    return [
        tensor(f"{key}.weight", "I8", np.rint(turned / scale).astype(np.int8)),
        tensor(f"{key}.weight_scale", "F32", scale),
        made.Tensor(f"{key}.comfy_quant", "U8", (len(said),), said.encode()),
    ]


@pytest.mark.parametrize("how", [mxfp8, convrot])
def test_scales_of_blocks_and_turned_numbers_are_heeded_where_they_are_true(how: object) -> None:
    assert callable(how)
    found = read([each for name in SOME for each in how(name, BAKED[name])])
    there, plain = inside(found.sketch), inside(read(stored("F16")).sketch)
    assert there.ids.tolist() == plain.ids.tolist()
    apart = np.linalg.norm(there.numbers - plain.numbers, axis=1)
    assert 0.5 < np.median(apart / np.sqrt(there.rounding)) < 1.5


@pytest.mark.parametrize("true", ["nf4", "fp4"])
@pytest.mark.parametrize("first", [True, False])
def test_of_two_states_both_are_tried(true: str, first: bool) -> None:
    other = {"nf4": "fp4", "fp4": "nf4"}[true]
    tensors = stored(true)
    false = []
    for at, key in enumerate(keys(tensors)):
        shape = [WIDTH // 2, WIDTH * 2] if at % 2 else [WIDTH, WIDTH]
        said = _said({"quant_type": other, "blocksize": 64, "shape": shape})
        name = f"{key}.weight.quant_state.bitsandbytes__{other}"
        false.append(made.Tensor(name, said.dtype, said.shape, said.data))
    both = [*false, *tensors] if first else [*tensors, *false]
    same(inside(read(both).sketch), inside(read(tensors).sketch))


def told(tensors: Tensors) -> str:
    """What is said to be missing of a checkpoint of which nothing is told."""
    choice = LayersByBase([BASE], b"k" * 32)
    memory = Memory(made.safetensors(tensors))
    plan = run(memory, read_plan(run(memory, read_listing(memory.size))))
    assert plan is not None
    found = choice.told(run(memory, read_chosen(plan, choice)))
    assert found is not None
    return found.lacks


def test_of_packed_layers_it_is_said_that_their_form_is_not_read() -> None:
    packed = [tensor(f"{of_key(n)}.weight", "U8", np.zeros((WIDTH, 48), np.uint8)) for n in SOME]
    assert told(packed) == "numbers"
    order = [made.Tensor(f"{of_key(n)}.weight_format", "U8", (), b"\2") for n in SOME]
    rng = np.random.default_rng(3)
    turned = []
    for name in SOME:
        mixed = rng.permutation(BAKED[name].reshape(-1)).reshape(WIDTH, WIDTH)
        turned += [
            t for t in bitsandbytes.tensors(of_key(name), mixed, "int8") if "format" not in t.name
        ]
    assert told(turned) == "base"
    assert told([*turned, *order]) == "numbers"
