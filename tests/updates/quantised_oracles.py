"""Makes `quantised_vectors.json` by bitsandbytes, where it is installed: see own_oracles."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import torch
from bitsandbytes.functional import dequantize_4bit, int8_vectorwise_quant, quantize_4bit

KEPT = Path(__file__).with_name("quantised_vectors.json")
DTYPES = {torch.float32: "F32", torch.uint8: "U8", torch.int8: "I8"}
LAYER = "unet.x"


def stored(tensor: torch.Tensor) -> list[Any]:
    data = tensor.contiguous().numpy().tobytes()
    return [DTYPES[tensor.dtype], list(tensor.shape), base64.b64encode(data).decode()]


def four_bits(weight: torch.Tensor, name: str, kind: str, nested: bool) -> tuple[Any, Any]:
    packed, state = quantize_4bit(weight, blocksize=64, quant_type=kind, compress_statistics=nested)
    tensors = {name: packed} | {f"{name}.{k}": v for k, v in state.as_dict(packed=True).items()}
    return tensors, dequantize_4bit(packed, state)


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
    return {
        name: {"tensors": {n: stored(t) for n, t in some.items()}, "delta": stored(delta)}
        for name, (some, delta) in found.items()
    }


if __name__ == "__main__":
    lines = (f"{json.dumps(name)}: {json.dumps(case)}" for name, case in cases().items())
    KEPT.write_text("{\n" + ",\n".join(lines) + "\n}\n")
