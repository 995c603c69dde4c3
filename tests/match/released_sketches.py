"""Adapters of models that had no table once, under the names of several tools, and the sketches
that the release of then made of them.

`released_sketches.json` was made with that release by `python -m tests.match.released_sketches`;
it cannot be made anew with another, and is never changed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from tests.match.made import read

from replica import made

KEPT = Path(__file__).parent / "released_sketches.json"

Factors = Mapping[str, tuple[np.ndarray, np.ndarray]]
"""(down, up) by the layer's name in the model's own release."""
_WAN = {"self_attn.q": (5120, 5120), "cross_attn.o": (5120, 5120), "ffn.0": (13824, 5120)}
_FLUX2 = {
    "double_blocks.{}.img_attn.qkv": (18432, 6144),
    "double_blocks.{}.img_attn.proj": (6144, 6144),
    "single_blocks.{}.linear2": (6144, 24576),
}
_Z_IMAGE = {
    "attention.qkv": (11520, 3840),
    "attention.out": (3840, 3840),
    "feed_forward.w2": (3840, 10240),
}
_LAYERS: Mapping[str, Mapping[str, tuple[int, int]]] = {
    "wan": {f"blocks.{i}.{name}": size for i in (0, 17, 39) for name, size in _WAN.items()},
    "qwen": {
        f"transformer_blocks.{i}.{name}": size
        for i in (0, 20, 59)
        for name, size in {"attn.to_q": (3072, 3072), "img_mlp.net.2": (3072, 12288)}.items()
    },
    "flux2": {name.format(i): size for i in (0, 3, 7) for name, size in _FLUX2.items()},
    "zimage": {f"layers.{i}.{name}": size for i in (0, 15, 29) for name, size in _Z_IMAGE.items()},
    "unknown": {f"towers.{i}.mixer.{x}": (640, 512) for i in range(6) for x in "abc"},
}


def factors(family: str) -> Factors:
    """Always the same."""
    numbers = np.random.RandomState(len(family))
    return {
        name: (numbers.standard_normal((1, inn)) * 0.02, numbers.standard_normal((out, 1)) * 0.01)
        for name, (out, inn) in _LAYERS[family].items()
    }


def _renamed(*pairs: tuple[str, str]) -> Callable[[str], str]:
    def name(layer: str) -> str:
        for ours, theirs in pairs:
            layer = layer.replace(ours, theirs)
        return layer

    return name


DIFFUSERS = {
    "wan": _renamed(
        ("self_attn.q", "attn1.to_q"), ("cross_attn.o", "attn2.to_out.0"),
        ("ffn.0", "ffn.net.0.proj"),
    ),
    "flux2": _renamed(
        ("double_blocks", "transformer_blocks"), ("single_blocks", "single_transformer_blocks"),
        ("img_attn.proj", "attn.to_out.0"), ("linear2", "attn.to_out"),
        ("img_attn.qkv", "attn.qkv"),
    ),
    "zimage": _renamed(("attention.out", "attention.to_out.0")),
}  # fmt: skip


def in_diffusers_names(family: str) -> Factors:
    """The same updates, projections split where that tool splits them."""
    found: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for layer, (down, up) in factors(family).items():
        name = DIFFUSERS[family](layer)
        if name.endswith(".qkv"):
            for part, rows in zip(("to_q", "to_k", "to_v"), np.split(up, 3), strict=True):
                found[name.removesuffix("qkv") + part] = (down, rows)
        else:
            found[name] = (down, up)
    return found


def saved(updates: Factors, prefix: str, dtype: str) -> bytes:
    """A file with these; underscores for dots where the prefix ends with one."""
    kind = {"<f2": "F16", "<f4": "F32"}[dtype]
    tensors = []
    for layer, (down, up) in updates.items():
        name = prefix + (layer.replace(".", "_") if prefix.endswith("_") else layer)
        for side, values in (("lora_down", down), ("lora_up", up)):
            data = values.astype(dtype).tobytes()
            tensors.append(made.Tensor(f"{name}.{side}.weight", kind, values.shape, data))
    return made.safetensors(tensors)


def removed() -> dict[str, bytes]:
    """The files of then, by what they are."""
    return {
        "wan, native": saved(factors("wan"), "diffusion_model.", "<f4"),
        "wan, kohya": saved(factors("wan"), "lora_unet_", "<f4"),
        "wan, diffusers": saved(in_diffusers_names("wan"), "transformer.", "<f4"),
        "qwen": saved(factors("qwen"), "transformer.", "<f4"),
        "flux2, native": saved(factors("flux2"), "diffusion_model.", "<f4"),
        "flux2, diffusers": saved(in_diffusers_names("flux2"), "transformer.", "<f4"),
        "zimage, native": saved(factors("zimage"), "diffusion_model.", "<f4"),
        "zimage, diffusers": saved(in_diffusers_names("zimage"), "transformer.", "<f4"),
        "unknown": saved(factors("unknown"), "", "<f4"),
    }


if __name__ == "__main__":
    sketches = {name: read(file).sketch for name, file in removed().items()}
    rows = (f'"{name}": "{value.hex()}"' for name, value in sketches.items() if value)
    KEPT.write_text("{\n" + ",\n".join(rows) + "\n}\n")


def kept() -> dict[str, bytes]:
    return {name: bytes.fromhex(value) for name, value in json.loads(KEPT.read_text()).items()}
