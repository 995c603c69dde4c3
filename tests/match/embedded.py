"""Embeddings of textual inversion in all layouts, for tests. All synthetic: pseudo-random rows."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Callable, Mapping

import ml_dtypes
import numpy as np
from numpy.typing import NDArray
from tests.files import build
from tests.files.build import T

Floats = NDArray[np.float64]
_TYPES = {
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "F8_E4M3": np.dtype(ml_dtypes.float8_e4m3fn),
}


def rows(person: int, count: int = 4, width: int = 768, norm: float = 1.5) -> Floats:
    """The embedding of "Sample person 07": rows that moved far from any token."""
    made = np.random.default_rng(person).standard_normal((count, width))
    made *= norm / np.linalg.norm(made, axis=1, keepdims=True)
    return made


def tensor(values: Floats, dtype: str = "F32") -> T:
    return T(dtype, values.shape, values.astype(_TYPES[dtype]).tobytes())


def kohya(values: Floats, dtype: str = "F32") -> bytes:
    return build.safetensors({"emb_params": tensor(values, dtype)})


def a1111(values: Floats, dtype: str = "F32") -> bytes:
    """As stable-diffusion-webui writes it, with what else stands in it."""
    return _webui(values, dtype, build.dictionary({"*": build.tensor("0", tensor(values, dtype))}))


def a1111_old(values: Floats, dtype: str = "F32") -> bytes:
    """The same when it was a module of torch."""
    parameter = build.symbol("torch._utils", "_rebuild_parameter") + build.values(
        build.tensor("0", tensor(values, dtype)),
        b"\x88",
        build.symbol("collections", "OrderedDict") + b")R",
    )
    inner = build.dictionary({"*": parameter + b"R"})
    state = build.dictionary({"training": b"\x88", "_parameters": inner, "_buffers": b"}"})
    made = build.symbol("torch.nn.modules.container", "ParameterDict") + b")\x81" + state + b"b"
    return _webui(values, dtype, made)


def _webui(values: Floats, dtype: str, params: bytes) -> bytes:
    value = build.dictionary(
        {
            "string_to_token": build.dictionary({"*": build.number(265)}),
            "string_to_param": params,
            "name": build.text("sample person 07"),
            "step": build.number(4999),
            "sd_checkpoint": b"N",
            "sd_checkpoint_name": b"N",
        }
    )
    return build.torch_zip({"x": tensor(values, dtype)}, value)


def diffusers(values: Floats, dtype: str = "F32") -> bytes:
    """One tensor named by its token."""
    return build.torch_zip({"<sample-07>": tensor(values, dtype)})


def diffusers_one(values: Floats, dtype: str = "F32") -> bytes:
    """A token for each row, each a vector."""
    some = {f"<sample-07>_{n}": tensor(row, dtype) for n, row in enumerate(values)}
    return build.safetensors(some)


def list_of_dicts(values: Floats, dtype: str = "F32") -> bytes:
    value = build.sequence([build.dictionary({"emb": build.tensor("0", tensor(values, dtype))})])
    return build.torch_zip({"x": tensor(values, dtype)}, value)


def renamed(values: Floats, dtype: str = "F32") -> bytes:
    return build.safetensors({"something else": tensor(values, dtype)})


def legacy(values: Floats, dtype: str = "F32") -> bytes:
    return build.torch_legacy({"<sample-07>": tensor(values, dtype)})


def gguf(values: Floats, dtype: str = "F32") -> bytes:
    return build.gguf({"emb_params": tensor(values, dtype)})


def picture(values: Floats, dtype: str = "F32") -> bytes:
    """A picture in whose text stable-diffusion-webui puts it; one pixel."""
    written = values.astype(_TYPES[dtype]).astype(float).tolist()
    told = {
        "string_to_token": {"*": 265},
        "string_to_param": {"*": {"TORCHTENSOR": written}},
        "name": "sample person 07",
    }
    text = b"sd-ti-embedding\0" + base64.b64encode(json.dumps(told).encode())
    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"\0\0")
    parts = ((b"IHDR", header), (b"tEXt", text), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*part) for part in parts)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


LAYOUTS: Mapping[str, Callable[..., bytes]] = {
    "kohya": kohya,
    "webui": a1111,
    "webui of before": a1111_old,
    "diffusers": diffusers,
    "a token a row": diffusers_one,
    "a list of dicts": list_of_dicts,
    "renamed": renamed,
    "legacy torch": legacy,
    "gguf": gguf,
    "picture": picture,
}


def of_two_encoders(first: Floats, second: Floats, dtype: str = "F16") -> bytes:
    """As kohya and OneTrainer write it for SDXL."""
    return build.safetensors({"clip_l": tensor(first, dtype), "clip_g": tensor(second, dtype)})


def bundled(adapter: Mapping[str, T], values: Floats, dtype: str = "F16") -> bytes:
    """An adapter that brings its embedding."""
    name = "bundle_emb.sample-07.string_to_param.*"
    return build.safetensors({**adapter, name: tensor(values, dtype)})
