"""Factors that are stored as 8-bit floats, whole numbers or 4 bits, with what scales them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.files import build
from tests.files.build import T

from reseen.files.source import Memory, run
from reseen.fingerprints.digests import look_inside
from reseen.fingerprints.sketcher import Sketched, Sketcher, read_sketch
from reseen.match.compare import compare
from reseen.updates.plan import plan

CASES: dict[str, Any] = json.loads((Path(__file__).parent / "quantised_vectors.json").read_text())
Array = NDArray[np.float32]
SD1 = "unet.down_blocks.{}.attentions.{}.transformer_blocks.0.attn1.to_q"
NAMES = [SD1.format(a, b) for a in range(3) for b in range(2)]
SIDES = (320, 320, 640, 640, 1280, 1280)
NF4 = np.array(
    [
        *(-1, -0.6961928, -0.52507305, -0.39491749, -0.28444138, -0.18477343, -0.09105004, 0),
        *(0.0795803, 0.1609302, 0.2461123, 0.33791524, 0.44070983, 0.562617, 0.72295684, 1),
    ],
    np.float32,
)


def tensor(value: list[Any]) -> T:
    return T(value[0], tuple(value[1]), base64.b64decode(value[2]))


def of(array: Array, dtype: str = "F32") -> T:
    kinds: dict[str, Any] = {
        "F32": "<f4", "I8": "i1", "U8": "u1", "F8_E4M3": ml_dtypes.float8_e4m3fn,
        "F8_E5M2": ml_dtypes.float8_e5m2,
    }  # fmt: skip
    made = np.asarray(array, kinds[dtype])
    return T(dtype, made.shape, made.tobytes())


def sketched(tensors: Mapping[str, T]) -> Sketched:
    memory = Memory(build.safetensors(dict(tensors)))
    listing = run(memory, look_inside(memory.size)).listing
    assert listing is not None
    return run(memory, read_sketch(plan(listing)))


def unread(found: Sketched) -> set[str]:
    return {spot.code for spot in found.blind}


@pytest.mark.parametrize("name", sorted(CASES))
def test_what_the_libraries_store_is_the_update_that_it_stands_for(name: str) -> None:
    tensors = {n: tensor(value) for n, value in CASES[name]["tensors"].items()}
    kind, shape, data = CASES[name]["delta"]
    assert kind == "F32"
    delta = np.frombuffer(base64.b64decode(data), "<f4").reshape(shape)
    found, plain = sketched(tensors), sketched({"unet.x.diff": of(delta)})
    assert unread(found) <= {"too-few-layers"}
    assert found.sketch is not None
    assert plain.sketch is not None
    assert np.abs(found.sketch.s.astype(int) - plain.sketch.s).max() <= 1
    assert np.allclose(found.sketch.norms, plain.sketch.norms, rtol=1e-5)


def factors() -> dict[str, tuple[Array, Array]]:
    rng = np.random.default_rng(11)
    return {
        name: tuple((rng.standard_normal(s) * 0.02).astype(np.float32) for s in ((n, 4), (4, n)))  # type: ignore[misc]
        for name, n in zip(NAMES, SIDES, strict=True)
    }


def fp8(array: Array, weight: str, end: str) -> dict[str, T]:
    scale = np.asarray(np.abs(array).max() / 448)
    layer = weight.removesuffix(".weight")
    return {weight: of(array / scale, "F8_E4M3"), f"{layer}.{end}": of(scale)}


def fp8_by_row(array: Array, weight: str, dtype: str, largest: float) -> dict[str, T]:
    scale = np.abs(array).max(axis=1, keepdims=True) / largest
    layer = weight.removesuffix(".weight")
    return {weight: of(array / scale, dtype), f"{layer}.weight_scale": of(scale)}


def int8(array: Array, weight: str) -> dict[str, T]:
    scale = np.abs(array).max(axis=1, keepdims=True) / 127
    layer = weight.removesuffix(".weight")
    said = np.frombuffer(b'{"format": "int8_tensorwise"}', np.uint8)
    return {
        weight: of(np.rint(array / scale), "I8"),
        f"{layer}.weight_scale": of(scale),
        f"{layer}.comfy_quant": T("U8", said.shape, said.tobytes()),
    }


def nf4(array: Array, weight: str) -> dict[str, T]:
    blocks = array.reshape(-1, 64)
    largest = np.abs(blocks).max(axis=1)
    codes = np.abs((blocks / largest[:, None])[:, :, None] - NF4).argmin(axis=2).reshape(-1, 2)
    state = json.dumps({"quant_type": "nf4", "blocksize": 64, "shape": list(array.shape)}).encode()
    return {
        weight: of((codes[:, 0] << 4 | codes[:, 1])[:, None], "U8"),
        f"{weight}.absmax": of(largest),
        f"{weight}.quant_map": of(NF4),
        f"{weight}.quant_state.bitsandbytes__nf4": T("U8", (len(state),), state),
    }


def nvfp4(array: Array, weight: str) -> dict[str, T]:
    """As comfy-kitchen's eager backend quantises: the file is of rows and columns by 16."""
    rows, columns = (-(-side // 16) * 16 for side in array.shape)
    padded = np.zeros((rows, columns), np.float32)
    padded[: array.shape[0], : array.shape[1]] = array
    whole = np.float32(np.abs(array).max() / (448 * 6))
    blocks = padded.reshape(rows, -1, 16)
    scales = (np.abs(blocks).max(axis=2) / 6 / whole).astype(ml_dtypes.float8_e4m3fn)
    each = whole * scales.astype(np.float32)[:, :, None]
    values = (blocks / np.where(each == 0, 1, each)).reshape(rows, columns)
    steps = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], np.float32)
    codes = np.abs(np.abs(values)[:, :, None] - steps).argmin(axis=2) | (values < 0) * 8
    layer = weight.removesuffix(".weight")
    return {
        weight: of(codes[:, ::2] << 4 | codes[:, 1::2], "U8"),
        f"{layer}.weight_scale": of(tiled_as(scales.astype(np.float32)), "F8_E4M3"),
        f"{layer}.weight_scale_2": of(np.asarray(whole)),
        f"{layer}.comfy_quant": said(format="nvfp4"),
    }


def tiled_as(scales: Array) -> Array:
    height, width = (-(-side // by) * by for side, by in zip(scales.shape, (128, 4), strict=True))
    padded = np.zeros((height, width), np.float32)
    padded[: scales.shape[0], : scales.shape[1]] = scales
    tiles = padded.reshape(height // 128, 4, 32, width // 4, 4).transpose(0, 3, 2, 1, 4)
    return tiles.reshape(height, width)


def convrot_w4a4(array: Array, weight: str, group: int = 64) -> dict[str, T]:
    """Rows of whole groups, turned and packed; others as they are."""
    if array.shape[1] % group:
        return {weight: of(array)}
    turn = np.ones((1, 1), np.float32)
    four = np.array([[1, 1, 1, -1], [1, 1, -1, 1], [1, -1, 1, 1], [-1, 1, 1, 1]], np.float32) / 2
    while len(turn) < group:
        turn = np.kron(turn, four)
    made = (array.reshape(len(array), -1, group) @ turn.T).reshape(array.shape)
    scale = np.abs(made).max(axis=1) / 7
    whole = np.rint(made / scale[:, None]).astype(np.int8).view(np.uint8) & 15
    layer = weight.removesuffix(".weight")
    return {
        weight: T(
            "I8", (len(array), array.shape[1] // 2), (whole[:, ::2] | whole[:, 1::2] << 4).tobytes()
        ),
        f"{layer}.weight_scale": of(scale),
        f"{layer}.comfy_quant": said(format="convrot_w4a4", convrot_groupsize=group),
    }


def said(**what: object) -> T:
    text = json.dumps(what).encode()
    return T("U8", (len(text),), text)


HOW = {
    "nvfp4": nvfp4,
    "convrot_w4a4": convrot_w4a4,
    "fp8, scale_weight": lambda a, w: fp8(a, w, "scale_weight"),
    "fp8, weight_scale": lambda a, w: fp8(a, w, "weight_scale"),
    "fp8 by row": lambda a, w: fp8_by_row(a, w, "F8_E4M3", 448),
    "fp8 by row, wide": lambda a, w: fp8_by_row(a, w, "F8_E5M2", 57_344),
    "int8": int8,
    "nf4": nf4,
}


@pytest.mark.parametrize("ends", [("lora_up", "lora_down"), ("lora_B.default", "lora_A.default")])
@pytest.mark.parametrize("how", HOW)
def test_a_quantised_copy_is_known_again(how: str, ends: tuple[str, str]) -> None:
    plain: dict[str, T] = {}
    small: dict[str, T] = {"scaled_fp8": of(np.ones(2), "F8_E4M3")} if "fp8" in how else {}
    for name, pair in factors().items():
        for end, array in zip(ends, pair, strict=True):
            plain[f"{name}.{end}.weight"] = of(array)
            small |= HOW[how](array, f"{name}.{end}.weight")
    one, other = sketched(plain), sketched(small)
    assert one.sketch is not None
    assert other.sketch is not None
    assert unread(other) <= {"too-few-layers"}
    told = compare(one.sketch, other.sketch)
    assert told is not None
    assert told.is_copy
    assert told.mean > (0.96 if "wide" in how else 0.98)
    assert told.scale == pytest.approx(1, abs=0.02)
    assert told.coverage == 1


def test_whole_numbers_without_a_scale_are_read_and_said() -> None:
    stored = {
        f"{name}.{end}.weight": T("I16", array.shape, np.rint(array * 9999).astype("<i2").tobytes())
        for name, pair in factors().items()
        for end, array in zip(("lora_B", "lora_A"), pair, strict=True)
    }
    memory = Memory(build.safetensors(stored))
    listing = run(memory, look_inside(memory.size)).listing
    assert listing is not None
    made = plan(listing)
    assert {(left.code, left.tensors) for left in made.not_read} == {("quantised", 12)}
    assert len(made.modules) == 6


def test_bytes_that_are_said_to_be_halves_are_whole_where_the_layer_has_that_size() -> None:
    tensors: dict[str, T] = {}
    for name, (up, down) in factors().items():
        small = int8(down, f"{name}.lora_A.weight")
        scale = small[f"{name}.lora_A.weight_scale"]
        small[f"{name}.lora_A.weight_scale"] = T("F32", (len(down),), scale.data)
        tensors |= small | {f"{name}.lora_B.weight": of(up)}
    found = sketched(tensors)
    assert found.sketch is not None
    assert len(found.sketch.ids) == len(NAMES)


def test_four_bits_of_layers_that_nobody_knows_are_refused_with_the_reason() -> None:
    up, down = next(iter(factors().values()))
    tensors = nf4(up, "net.x.lora_B.weight") | nf4(down, "net.x.lora_A.weight")
    found = sketched(tensors)
    assert found.sketch is None
    assert "quantised" in (found.reason or "")


@pytest.mark.parametrize("said", ['{"format": "convrot_w4a4"}', "[", "7", "{}", '{"format": 3}'])
def test_a_format_that_does_more_than_to_scale_is_left_out_with_the_reason(said: str) -> None:
    up, down = next(iter(factors().values()))
    tensors = int8(up, f"{NAMES[0]}.lora_up.weight") | {f"{NAMES[0]}.lora_down.weight": of(down)}
    text = said.encode()
    tensors[f"{NAMES[0]}.lora_up.comfy_quant"] = T("U8", (len(text),), text)
    found = sketched(tensors)
    assert found.sketch is None
    assert sum(found.left_out.values()) == 1
    assert unread(found) - {"too-few-layers"}


WRONG: dict[str, dict[str, T]] = {
    "a scale of another height": {"lora_up.weight_scale": of(np.ones(7))},
    "too few of the largest": {"lora_up.weight.absmax": of(np.ones(3))},
    "no map": {"lora_up.weight.absmax": of(np.ones(20))},
    "another map": {
        "lora_up.weight.absmax": of(np.ones(10)), "lora_up.weight.quant_map": of(np.ones(15)),
    },
    "a block of nothing": {
        "lora_up.weight.absmax": of(np.ones(10)), "lora_up.weight.quant_map": of(NF4),
        "lora_up.weight.quant_state.bitsandbytes__nf4": T("U8", (14,), b'{"blocksize":0}'[:14]),
    },
    "a huge block": {
        "lora_up.weight.absmax": of(np.ones(10)), "lora_up.weight.quant_map": of(NF4),
        "lora_up.weight.quant_state.bitsandbytes__nf4": T("U8", (24,), b'{"blocksize":1000000000}'),
    },
    "nested without end": {
        "lora_up.weight.absmax": of(np.ones(20), "U8"), "lora_up.weight.quant_map": of(NF4),
        "lora_up.weight.nested_absmax": of(np.ones(9)),
        "lora_up.weight.nested_quant_map": of(np.ones(256)),
    },
}  # fmt: skip


for _what, _offset in {"whole": "9" * 400, "huge": "1e400", "none": "NaN"}.items():
    _state = f'{{"nested_offset":{_offset}}}'.encode()
    WRONG[f"an offset beyond measure: {_what}"] = {
        "lora_up.weight.absmax": of(np.ones(20), "U8"), "lora_up.weight.quant_map": of(NF4),
        "lora_up.weight.nested_absmax": of(np.ones(1)),
        "lora_up.weight.nested_quant_map": of(np.ones(256)),
        "lora_up.weight.quant_state.bitsandbytes__nf4": T("U8", (len(_state),), _state),
    }  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
def test_parts_that_do_not_fit_leave_out_their_layer_alone(kind: str) -> None:
    tensors = {"unet.sound.diff": of(np.ones((8, 8)))}
    layer = NAMES[0]
    packed = any("absmax" in name for name in WRONG[kind])
    up = of(np.ones((640, 1)) if packed else np.ones((320, 4)), "U8" if packed else "I8")
    tensors |= {f"{layer}.lora_up.weight": up, f"{layer}.lora_down.weight": of(np.ones((4, 320)))}
    tensors |= {f"{layer}.{name}": value for name, value in WRONG[kind].items()}
    found = sketched(tensors)
    assert found.sketch is not None
    assert len(found.sketch.ids) == 1
    assert sum(found.left_out.values()) == 1
    assert "fault" not in unread(found)


def test_parts_of_nothing_are_counted() -> None:
    shapes = {
        "a.absmax": of(np.ones(4)),
        "b.scale_weight": of(np.ones(1)),
        "scaled_fp8": of(np.ones(2)),
    }
    memory = Memory(build.safetensors(shapes))
    listing = run(memory, look_inside(memory.size)).listing
    assert listing is not None
    (said,) = plan(listing).not_read
    assert (said.code, said.tensors) == ("quantised", 3)


def test_a_scaled_difference_is_read_in_full() -> None:
    rng = np.random.default_rng(2)
    delta = rng.standard_normal((40, 24)).astype(np.float32)
    found = sketched(fp8(delta, "unet.x.diff", "weight_scale"))
    plain = sketched({"unet.x.diff": of(delta)})
    assert found.sketch is not None
    assert plain.sketch is not None
    told = compare(plain.sketch, found.sketch)
    assert told is not None
    assert told.mean > 0.98


DECOYS: dict[str, T] = {
    "lora_up.scale_weight": of(np.arange(320)),
    "lora_up.weight_scale": of(np.arange(320)),
    "lora_up.SCB": of(np.arange(320)),
    "lora_up.weight.absmax": of(np.ones(20)),
    "lora_up.weight.quant_map": of(NF4),
    "lora_up.comfy_quant": T("U8", (2,), b"{}"),
    "lora_E": of(np.arange(4)),
}


@pytest.mark.parametrize("dtype", ["F32", "F8_E4M3"])
@pytest.mark.parametrize("decoy", DECOYS)
def test_numbers_that_no_loader_heeds_change_nothing_and_hide_nothing(
    decoy: str, dtype: str
) -> None:
    up, down = factors()[NAMES[0]]
    plain = {
        f"{NAMES[0]}.lora_up.weight": of(up, dtype),
        f"{NAMES[0]}.lora_down.weight": of(down, dtype),
    }
    sound, found = sketched(plain), sketched({**plain, f"{NAMES[0]}.{decoy}": DECOYS[decoy]})
    assert sound.sketch is not None
    assert found.sketch is not None
    assert found.sketch.encode() == sound.sketch.encode()


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, 1e30, -1e-30])
def test_a_scale_that_leaves_nothing_of_a_factor_hides_nothing(value: float) -> None:
    """Who heeds it loads noise; who does not loads the factor as it is stored."""
    up, down = factors()[NAMES[0]]
    plain = {
        f"{NAMES[0]}.lora_up.weight": of(up, "F8_E4M3"),
        f"{NAMES[0]}.lora_down.weight": of(down, "F8_E4M3"),
    }
    scale = {f"{NAMES[0]}.lora_up.scale_weight": of(np.array([value], np.float32))}
    sound, found = sketched(plain), sketched({**plain, **scale})
    assert sound.sketch is not None
    assert found.sketch is not None
    assert found.sketch.encode() == sound.sketch.encode()


@pytest.mark.parametrize("dtype", ["I8", "F8_E4M3"])
def test_a_false_scale_of_each_row_beside_numbers_that_need_none_hides_nothing(dtype: str) -> None:
    """Whoever makes every row of one factor as large as any scaled one has, and makes up for it in
    the other, has a file that loaders know which heed no scale."""
    rng = np.random.default_rng(5)
    plain: dict[str, T] = {}
    hidden: dict[str, T] = {}
    for name, (up, down) in factors().items():
        by = np.abs(down).max(axis=1, keepdims=True) / (127 if dtype == "I8" else 448)
        numbers = np.rint(down / by) if dtype == "I8" else down / by
        plain |= {f"{name}.lora_up.weight": of(up), f"{name}.lora_down.weight": of(down)}
        hidden |= {
            f"{name}.lora_up.weight": of(up * by[:, 0]),
            f"{name}.lora_down.weight": of(numbers, dtype),
            f"{name}.lora_down.weight_scale": of(np.exp(rng.standard_normal((4, 1)) * 9)),
        }
    one, other = sketched(plain), sketched(hidden)
    assert one.sketch is not None
    told = [compare(one.sketch, found) for found in (*other.adapters, *other.others)]
    assert any(each is not None and each.is_copy and each.mean > 0.98 for each in told)


def test_turned_factors_that_do_not_divide_leave_out_their_layer() -> None:
    up, down = factors()[NAMES[0]]
    said = b'{"format":"int8_tensorwise","convrot":true,"convrot_groupsize":%d}'
    for group in (0, 3, 256, 4**7):
        tensors = int8(down, f"{NAMES[0]}.lora_down.weight")
        tensors[f"{NAMES[0]}.lora_up.weight"] = of(up)
        text = said % group
        tensors[f"{NAMES[0]}.lora_down.comfy_quant"] = T("U8", (len(text),), text)
        found = sketched(tensors)
        assert found.sketch is None
        assert unread(found) - {"too-few-layers"}


@pytest.mark.parametrize("block", [997, 4096, 1 << 20])
def test_a_marker_without_bytes_at_the_end_of_the_file_cuts_nothing_off(block: int) -> None:
    """As files are written whose 8-bit floats come last, by name."""
    tensors: dict[str, T] = {}
    for name, pair in factors().items():
        for end, array in zip(("lora_up", "lora_down"), pair, strict=True):
            tensors |= fp8(array, f"{name}.{end}.weight", "scale_weight")
    scales = {name: each for name, each in tensors.items() if "scale" in name}
    data = build.safetensors(scales | tensors | {"scaled_fp8": T("F8_E4M3", (0,), b"")})
    listing = run(Memory(data), look_inside(len(data))).listing
    assert listing is not None
    made = Sketcher(plan(listing))
    for at in range(0, len(data), block):
        made.feed(data[at : at + block])
    found = made.finish()
    assert found.sketch is not None
    assert len(found.sketch.ids) == len(factors())
    assert not found.left_out


@pytest.mark.parametrize("kind", ["U8", "U16"])
def test_numbers_without_a_sign_and_a_scale_are_no_factors(kind: str) -> None:
    """Their mean is most of what they would make, and strangers share it."""
    stored: dict[str, T] = {}
    for name, pair in factors().items():
        for end, array in zip(("lora_B", "lora_A"), pair, strict=True):
            floats = array.astype(ml_dtypes.bfloat16 if kind == "U16" else ml_dtypes.float8_e4m3fn)
            stored[f"{name}.{end}.weight"] = T(kind, array.shape, floats.tobytes())
    found = sketched(stored)
    assert found.sketch is None
    assert "quantised" in (found.reason or "")
