"""Makes `quantised_vectors.json` by bitsandbytes and comfy-kitchen, where they are installed: see
own_oracles."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import torch
from bitsandbytes.functional import dequantize_4bit, int8_vectorwise_quant, quantize_4bit
from comfy_kitchen.tensor import TensorCoreMXFP8Layout, TensorWiseINT8Layout

KEPT = Path(__file__).with_name("quantised_vectors.json")
DTYPES = {
    torch.float32: "F32",
    torch.uint8: "U8",
    torch.int8: "I8",
    torch.float8_e4m3fn: "F8_E4M3",
    torch.float8_e8m0fnu: "F8_E8M0",
}
LAYER = "unet.x"


def stored(tensor: torch.Tensor) -> list[Any]:
    data = tensor.contiguous().view(torch.uint8).numpy().tobytes()
    return [DTYPES[tensor.dtype], list(tensor.shape), base64.b64encode(data).decode()]


def four_bits(weight: torch.Tensor, name: str, kind: str, nested: bool) -> tuple[Any, Any]:
    packed, state = quantize_4bit(weight, blocksize=64, quant_type=kind, compress_statistics=nested)
    tensors = {name: packed} | {f"{name}.{k}": v for k, v in state.as_dict(packed=True).items()}
    return tensors, dequantize_4bit(packed, state)


def of_comfy(
    layout: Any, up: torch.Tensor, down: torch.Tensor, said: str, **options: Any
) -> tuple[Any, torch.Tensor]:
    """The down factor in a format of ComfyUI's, under the names that it writes."""
    numbers, how = layout.quantize(down, **options)
    name = f"{LAYER}.lora_A"
    tensors = {
        f"{LAYER}.lora_B.weight": up,
        f"{name}.weight": numbers,
        f"{name}.weight_scale": how.scale,
        f"{name}.comfy_quant": torch.tensor(list(said.encode()), dtype=torch.uint8),
    }
    return tensors, up @ layout.dequantize(numbers, how)


def cases() -> dict[str, dict[str, Any]]:
    torch.manual_seed(5)
    up, down = torch.randn(40, 8) * 0.02, torch.randn(8, 24) * 0.02
    rows, columns = f"{LAYER}.lora_B.weight", f"{LAYER}.lora_A.weight"
    found: dict[str, Any] = {}
    for kind in ("nf4", "fp4"):
        for nested in (False, True):
            tensors, made = four_bits(up, rows, kind, nested)
            name = f"{kind} nested" if nested else kind
            found[name] = (tensors | {columns: down}, made @ down)
    tensors, made = four_bits(down, columns, "nf4", True)
    found["nf4 of the other"] = (tensors | {rows: up}, up @ made)
    tensors, factors = {}, []
    for weight, name in ((up, rows), (down, columns)):
        numbers, scale, _ = int8_vectorwise_quant(weight.half())
        tensors[name] = numbers
        tensors[name.removesuffix("weight") + "SCB"] = scale
        tensors[name.removesuffix("weight") + "weight_format"] = torch.tensor(0, dtype=torch.uint8)
        factors.append(numbers.float() * scale[:, None] / 127)
    found["int8"] = (tensors, factors[0] @ factors[1])
    up, down = torch.randn(8, 4) * 0.02, torch.randn(4, 512) * 0.02
    for group in (16, 256):
        text = f'{{"format":"int8_tensorwise","convrot":true,"convrot_groupsize":{group}}}'
        found[f"int8 convrot {group}"] = of_comfy(
            TensorWiseINT8Layout, up, down, text,
            per_channel=True, convrot=True, convrot_groupsize=group,
        )  # fmt: skip
    up, down = torch.randn(8, 160) * 0.02, torch.randn(160, 288) * 0.02
    down[:, :64] *= 30
    found["mxfp8"] = of_comfy(TensorCoreMXFP8Layout, up, down, '{"format":"mxfp8"}')
    return {
        name: {"tensors": {n: stored(t) for n, t in some.items()}, "delta": stored(delta)}
        for name, (some, delta) in found.items()
    }


if __name__ == "__main__":
    lines = (f"{json.dumps(name)}: {json.dumps(case)}" for name, case in cases().items())
    KEPT.write_text("{\n" + ",\n".join(lines) + "\n}\n")
