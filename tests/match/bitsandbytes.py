"""Weights as bitsandbytes stores them: what its own code makes of numbers, and of that again, in
numpy. After `quantize_4bit`, `dequantize_4bit`, `quantize_blockwise`, `create_dynamic_map`,
`int8_vectorwise_quant` and `QuantState.as_dict` of bitsandbytes (MIT), in which this is an oracle:
written from the formulas, and by nothing of Reseen."""

from __future__ import annotations

import json

import numpy as np
from numpy.typing import NDArray

from replica import made

Floats = NDArray[np.float32]
KINDS = ("nf4", "fp4", "int8")

_NF4 = [
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453,
    -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0,
    0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
]  # fmt: skip
_FP4 = [0, 0.0625, 8.0, 12.0, 4.0, 6.0, 2.0, 3.0, -0, -0.0625, -8.0, -12.0, -4.0, -6.0, -2.0, -3.0]


def code_of(kind: str) -> Floats:
    data = np.array(_NF4 if kind == "nf4" else _FP4, np.float32)
    data /= np.abs(data).max()
    return data


def quantize_4bit(values: Floats, kind: str, block: int = 64) -> tuple[NDArray[np.uint8], Floats]:
    """(n / 2, 1) bytes, and the largest of each block."""
    code = code_of(kind)
    order = np.argsort(code, kind="stable")
    bounds = (code[order[:-1]] + code[order[1:]]) / 2
    flat = values.reshape(-1)
    blocks = -(-flat.size // block)
    padded = np.zeros(blocks * block, np.float32)
    padded[: flat.size] = flat
    absmax = np.abs(padded.reshape(blocks, block)).max(axis=1)
    scaled = np.clip(padded.reshape(blocks, block) / np.maximum(absmax, 1e-38)[:, None], -1, 1)
    q = order[np.searchsorted(bounds, scaled.reshape(-1)[: flat.size])].astype(np.uint8)
    return ((q[::2] << 4) | q[1::2])[:, None], absmax


def dequantize_4bit(packed: NDArray[np.uint8], absmax: Floats, kind: str, block: int) -> Floats:
    """In one row."""
    codes = np.empty(2 * packed.size, np.uint8)
    codes[::2], codes[1::2] = packed.reshape(-1) >> 4, packed.reshape(-1) & 0xF
    return code_of(kind)[codes] * absmax[np.arange(codes.size) // block]


def dynamic_map() -> Floats:
    """(256,): `create_dynamic_map()`."""
    data: list[float] = []
    for i in range(7):
        boundaries = np.linspace(0.1, 1, 2**i + 1, dtype=np.float32)
        means = (boundaries[:-1] + boundaries[1:]) / 2.0
        for sign in (1, -1):
            data += (sign * 10.0 ** (i - 6) * means).tolist()
    data += [0, 1.0]
    return np.array(sorted(data), np.float32)


def quantize_blockwise(values: Floats, block: int = 256) -> tuple[NDArray[np.uint8], Floats]:
    code = dynamic_map()
    bounds = (code[:-1] + code[1:]) / 2
    absmax = np.array(
        [np.abs(values[n : n + block]).max() for n in range(0, values.size, block)], np.float32
    )
    scaled = values / np.maximum(absmax, 1e-38)[np.arange(values.size) // block]
    return np.searchsorted(bounds, scaled).astype(np.uint8), absmax


def nested(absmax: Floats) -> Floats:
    """What is read of these where they are in 8 bits themselves (`compress_statistics`)."""
    offset = np.float32(absmax.mean())
    eight, largest = quantize_blockwise(absmax - offset)
    return dynamic_map()[eight] * largest[np.arange(eight.size) // 256] + offset


def tensors(layer: str, values: Floats, kind: str, block: int = 64) -> list[made.Tensor]:
    """One layer of a state dict, as it is saved; `kind`: of `KINDS`, " nested" behind it for
    scales in 8 bits."""
    if kind == "int8":
        stored, scb = int8_vectorwise_quant(values)
        return [
            _tensor(f"{layer}.weight", "I8", stored),
            _tensor(f"{layer}.SCB", "F32", scb),
            made.Tensor(f"{layer}.weight_format", "U8", (), b"\0"),
        ]
    kind, _, is_nested = kind.partition(" ")
    packed, absmax = quantize_4bit(values, kind, block)
    state: dict[str, object] = {"quant_type": kind, "blocksize": block, "dtype": "float16"}
    state["shape"] = list(values.shape)
    found = [
        _tensor(f"{layer}.weight", "U8", packed),
        _tensor(f"{layer}.weight.quant_map", "F32", code_of(kind)),
    ]
    if is_nested:
        offset = float(absmax.mean())
        eight, largest = quantize_blockwise(absmax - np.float32(offset))
        state |= {"nested_blocksize": 256, "nested_dtype": "float32", "nested_offset": offset}
        found.append(_tensor(f"{layer}.weight.absmax", "U8", eight))
        found.append(_tensor(f"{layer}.weight.nested_absmax", "F32", largest))
        found.append(_tensor(f"{layer}.weight.nested_quant_map", "F32", dynamic_map()))
    else:
        found.append(_tensor(f"{layer}.weight.absmax", "F32", absmax))
    said = json.dumps(state).encode()
    name = f"{layer}.weight.quant_state.bitsandbytes__{kind}"
    return [*found, made.Tensor(name, "U8", (len(said),), said)]


def int8_vectorwise_quant(values: Floats) -> tuple[NDArray[np.int8], Floats]:
    stats = np.abs(values).max(axis=1)
    return np.round(values * (np.float32(127) / stats[:, None])).astype(np.int8), stats


def read_back(values: Floats, kind: str, block: int = 64) -> Floats:
    """What comes of storing these and reading them."""
    if kind == "int8":
        stored, scb = int8_vectorwise_quant(values)
        return stored * scb[:, None] * np.float32(7.874015718698502e-3)
    kind, _, is_nested = kind.partition(" ")
    packed, absmax = quantize_4bit(values, kind, block)
    absmax = nested(absmax) if is_nested else absmax
    return dequantize_4bit(packed, absmax, kind, block).reshape(values.shape)


def _tensor(name: str, dtype: str, values: NDArray[np.generic]) -> made.Tensor:
    return made.Tensor(name, dtype, values.shape, values.tobytes())
