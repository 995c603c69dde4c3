"""Small checkpoints with the layers of SD 1.x in a width of their own, in every number format; and
adapters that fit them. All synthetic."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import ml_dtypes
import numpy as np
from benchmarks.adapters import Adapter, Shape, make, shapes
from numpy.typing import NDArray
from tests.match import bitsandbytes
from tests.match.merges import file_of as adapter_file

from replica import made

Floats = NDArray[np.float32]
Weights = Mapping[str, Floats]
"""By canonical name."""

WIDTH = 96
NAMES = [shape.name for shape in shapes("sd1", True)][:72]
MODULES = [Shape(name, WIDTH, WIDTH, 1) for name in NAMES]


def base(seed: int = 1) -> Weights:
    """A base model, in half precision."""
    rng = np.random.default_rng([41, seed])
    numbers = rng.standard_normal((len(NAMES), WIDTH, WIDTH), np.float32) * 0.03
    return dict(zip(NAMES, halved(numbers), strict=True))


def halved(numbers: Floats) -> Floats:
    return numbers.astype(np.float16).astype(np.float32)


def tuned(weights: Weights, seed: int, size: float = 2.5e-3) -> Weights:
    """A fine-tune: every number moves by so much."""
    rng = np.random.default_rng([43, seed])
    return {
        name: halved(each + size * rng.standard_normal(each.shape).astype(np.float32))
        for name, each in weights.items()
    }


def person(number: int) -> Adapter:
    """The adapter of "Sample person 07"."""
    return make("sd1", number, rank=8, modules=MODULES)


def updates(adapter: Adapter, strength: float = 1.0) -> Weights:
    """Of a made adapter the root mean square is 2.2e-3 here, of the weights 0.03: an ordinary
    one."""
    return {
        name: (f.scaled_up @ f.down) * np.float32(strength) for name, f in adapter.layers.items()
    }


def plus(one: Weights, other: Weights) -> Weights:
    """Baked in."""
    return {name: each + other[name] for name, each in one.items()}


def less(one: Weights, other: Weights) -> Weights:
    return {name: each - other[name] for name, each in one.items()}


def as_adapter(adapter: Adapter) -> bytes:
    """The adapter's own file."""
    return adapter_file(adapter)


def difference_file(delta: Weights) -> bytes:
    """An adapter that was made as the difference of two checkpoints, in full."""
    return made.safetensors(
        [
            made.Tensor(f"diffusion_model.{_inside(name)}.diff", "F32", each.shape, _bytes(each))
            for name, each in delta.items()
        ]
    )


def checkpoint(weights: Weights, dtype: str = "F16") -> bytes:
    """As safetensors; "F8_E4M3 scaled" with a scale for each layer, "F8_E4M3 rows" for each row;
    as `bitsandbytes` has it."""
    tensors = [_bias(name) for name in weights]
    for name, each in weights.items():
        key = f"model.diffusion_model.{_inside(name)}"
        if dtype.split()[0] in bitsandbytes.KINDS:
            tensors += bitsandbytes.tensors(key, each, dtype)
            continue
        values, scale = each, np.float32(1)
        if dtype.endswith(" rows"):
            rows = np.abs(each).max(axis=1) / np.float32(448)
            values = each / rows[:, None]
            data = rows.astype(np.float32).tobytes()
            tensors.append(made.Tensor(f"{key}.weight_scale", "F32", rows.shape, data))
        if dtype.endswith(" scaled"):
            scale = np.float32(np.abs(each).max() / 448)
            values = each / scale
            data = np.array(scale).tobytes()
            tensors.append(made.Tensor(f"{key}.scale_weight", "F32", (), data))
        kind = dtype.split()[0]
        data = values.astype(_KINDS[kind]).tobytes()
        tensors.append(made.Tensor(f"{key}.weight", kind, each.shape, data))
    return made.safetensors(tensors)


HIDING = ("packed", "names", "flat", "twice")
"""How a checkpoint may have most of its layers where they are not read."""


def hidden(weights: Weights, clean: Weights, how: str) -> bytes:
    """A checkpoint of which 18 layers are read, and the others are not; "twice": `clean` is read,
    and the checkpoint stands beside it under other names."""
    tensors = []
    for number, (name, each) in enumerate(weights.items()):
        key = f"model.diffusion_model.{_inside(name)}.weight"
        data = each.astype(np.float16).tobytes()
        if how == "twice":
            tensors.append(made.Tensor(key, "F16", each.shape, data))
            key, data = f"{_inside(name)}.weight", clean[name].astype(np.float16).tobytes()
        if how == "twice" or not number % 4:
            tensors.append(made.Tensor(key, "F16", each.shape, data))
        elif how == "packed":
            packed = np.zeros((WIDTH, WIDTH // 2), np.uint8)
            tensors.append(made.Tensor(key, "U8", packed.shape, packed.tobytes()))
        elif how == "names":
            other = key.replace("attn", "att_n")
            tensors.append(made.Tensor(other, "F16", each.shape, data))
        else:
            tensors.append(made.Tensor(key, "F16", (each.size,), data))
    return made.safetensors(tensors)


def gguf_checkpoint(weights: Weights, kind: str, path: str) -> None:
    """As a GGUF file of this type, by the format's own package."""
    from gguf import GGUFWriter
    from gguf.constants import GGMLQuantizationType
    from gguf.quants import quantize

    writer = GGUFWriter(path, "sd1")
    for name, each in weights.items():
        of = getattr(GGMLQuantizationType, kind)
        writer.add_tensor(f"{_inside(name)}.weight", quantize(each, of), raw_dtype=of)
        bias = np.frombuffer(_bias(name).data, np.float16).astype(np.float32)
        writer.add_tensor(f"{_inside(name)}.bias", bias)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


_KINDS: Mapping[str, type] = {
    "F32": np.float32,
    "F16": np.float16,
    "BF16": ml_dtypes.bfloat16,
    "F8_E4M3": ml_dtypes.float8_e4m3fn,
    "F8_E5M2": ml_dtypes.float8_e5m2,
}
Writer = Callable[[Weights], bytes]


def _inside(name: str) -> str:
    return name.removeprefix("unet.")


def _bias(name: str) -> made.Tensor:
    rng = np.random.default_rng([47, NAMES.index(name)])
    data = rng.standard_normal(WIDTH).astype(np.float16).tobytes()
    return made.Tensor(f"model.diffusion_model.{_inside(name)}.bias", "F16", (WIDTH,), data)


def _bytes(values: Floats) -> bytes:
    return values.astype("<f4").tobytes()


def quantised(weights: Weights, dtype: str) -> Weights:
    """What is read of a file of this type."""
    if dtype.split()[0] in bitsandbytes.KINDS:
        return {name: bitsandbytes.read_back(each, dtype) for name, each in weights.items()}
    if not dtype.startswith("Q"):
        return {n: each.astype(_KINDS[dtype]).astype(np.float32) for n, each in weights.items()}
    from gguf.constants import GGMLQuantizationType
    from gguf.quants import dequantize, quantize

    of = getattr(GGMLQuantizationType, dtype)
    return {n: dequantize(quantize(each, of), of) for n, each in weights.items()}
