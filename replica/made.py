"""Made model files: small adapters that look like what a popular script saves, and edits of them.

What comes in: a seed. What goes out: the bytes of a file, the same for the same seed. The weights
are random numbers: no file here was trained on anybody.
"""

from __future__ import annotations

import hashlib
import io
import json
import random
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

_BLOCK = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_"
_TEXT = "lora_te_text_model_encoder_layers_0_self_attn_"
MODULES: Mapping[str, tuple[int, int]] = {
    **{f"{_BLOCK}attn1_{part}": (320, 320) for part in ("to_q", "to_k", "to_v", "to_out_0")},
    **{f"{_BLOCK}attn2_{part}": (320, 320) for part in ("to_q", "to_out_0")},
    **{f"{_BLOCK}attn2_{part}": (320, 768) for part in ("to_k", "to_v")},
    **{f"{_TEXT}{part}_proj": (768, 768) for part in ("q", "k", "v", "out")},
}
"""Some modules of Stable Diffusion 1 under the names that sd-scripts gives: (out, in)."""
_LAYER = "down_blocks.0.attentions.0.transformer_blocks.0."
_DOTTED: Mapping[str, str] = {
    **{
        f"{_BLOCK}{attention}_{part}": f"{_LAYER}{attention}.{part.replace('_0', '.0')}"
        for attention in ("attn1", "attn2")
        for part in ("to_q", "to_k", "to_v", "to_out_0")
    },
    **{
        f"{_TEXT}{part}_proj": f"text_model.encoder.layers.0.self_attn.{part}_proj"
        for part in ("q", "k", "v", "out")
    },
}
"""The same modules as diffusers and transformers call them."""


@dataclass(frozen=True, slots=True)
class Tensor:
    name: str
    dtype: str
    shape: tuple[int, ...]
    data: bytes


def safetensors(tensors: Sequence[Tensor], metadata: Mapping[str, str] | None = None) -> bytes:
    """A safetensors file that holds the tensors in the order given."""
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for t in tensors:
        start, end = end, end + len(t.data)
        header[t.name] = {"dtype": t.dtype, "shape": list(t.shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + b"".join(t.data for t in tensors)


def opened(file: bytes) -> tuple[list[Tensor], dict[str, str]]:
    """The tensors in the order of their bytes, and the metadata, of a file made here."""
    length = int.from_bytes(file[:8], "little")
    header = json.loads(file[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    body = file[8 + length :]
    tensors = [
        Tensor(name, t["dtype"], tuple(t["shape"]), body[slice(*t["data_offsets"])])
        for name, t in sorted(header.items(), key=lambda item: item[1]["data_offsets"])
    ]
    return tensors, metadata


def data_section(file: bytes) -> bytes:
    """All bytes after the header."""
    return file[8 + int.from_bytes(file[:8], "little") :]


def adapter(seed: int, *, title: str = "", rank: int = 4) -> bytes:
    """A rank-4 adapter in half precision, of about 100 KiB; the size grows with the rank."""
    numbers = np.random.default_rng(seed)
    tensors: list[Tensor] = []
    for name, (out, inner) in MODULES.items():
        down = numbers.standard_normal((rank, inner)) * 0.02
        up = numbers.standard_normal((out, rank)) * 0.01
        tensors.append(Tensor(f"{name}.alpha", "F16", (), np.float16(rank).tobytes()))
        for part, values in (("lora_down", down), ("lora_up", up)):
            data = values.astype("<f2").tobytes()
            tensors.append(Tensor(f"{name}.{part}.weight", "F16", values.shape, data))
    tensors.sort(key=lambda t: t.name)
    digest = hashlib.sha256(b"".join(t.data for t in tensors)).hexdigest()
    metadata = {
        "ss_network_module": "networks.lora",
        "ss_network_dim": str(rank),
        "ss_network_alpha": str(float(rank)),
        "ss_output_name": title,
        "sshs_model_hash": digest,
        "sshs_legacy_hash": digest[:8],
    }
    return safetensors(tensors, metadata)


def header_edited(file: bytes, note: str = "re-saved") -> bytes:
    """The same tensors in the same order under another header."""
    tensors, _ = opened(file)
    return safetensors(tensors, {"note": note})


def reordered(file: bytes, seed: int) -> bytes:
    """The same tensors, shuffled."""
    tensors, _ = opened(file)
    random.Random(seed).shuffle(tensors)
    return safetensors(tensors, {"format": "pt"})


def tensors_renamed(file: bytes) -> bytes:
    """The same tensors in the same order under other names."""
    tensors, _ = opened(file)
    return safetensors([Tensor(f"w.{i}", t.dtype, t.shape, t.data) for i, t in enumerate(tensors)])


def cast_and_renamed(file: bytes) -> bytes:
    """The same updates in bfloat16, under PEFT's names, the alphas multiplied into the factors."""
    tensors: list[Tensor] = []
    for name, (down, up, scale) in _layers(file).items():
        part = "text_encoder" if name.startswith("lora_te_") else "unet"
        plain = _DOTTED[name]
        for side, values in (("lora_A", down), ("lora_B", up * scale)):
            data = _bfloat16(values)
            tensors.append(Tensor(f"{part}.{plain}.{side}.weight", "BF16", values.shape, data))
    return safetensors(tensors, {"format": "pt"})


def scaled_and_resized(file: bytes, *, rank: int, scale: float) -> bytes:
    """The updates at another strength and, by their leading singular vectors, at a lower rank."""
    tensors: list[Tensor] = []
    for name, (down, up, strength) in _layers(file).items():
        # The singular values of a product of factors are those of a small matrix.
        tall, above = np.linalg.qr(up * strength * scale)
        wide, below = np.linalg.qr(down.T)
        inner, values, other = np.linalg.svd(above @ below.T)
        left, right = tall @ inner, other @ wide.T
        root = np.sqrt(values[:rank])
        tensors.append(Tensor(f"{name}.alpha", "F16", (), np.float16(rank).tobytes()))
        for part, factor in (
            ("lora_down", root[:, None] * right[:rank]),
            ("lora_up", left[:, :rank] * root),
        ):
            data = factor.astype("<f2").tobytes()
            tensors.append(Tensor(f"{name}.{part}.weight", "F16", factor.shape, data))
    return safetensors(tensors, {"ss_network_dim": str(rank)})


def text_encoder_dropped(file: bytes) -> bytes:
    """The updates of the image model alone, as float32."""
    kept = [t for t in opened(file)[0] if not t.name.startswith("lora_te_")]
    wide = [
        Tensor(t.name, "F32", t.shape, np.frombuffer(t.data, "<f2").astype("<f4").tobytes())
        for t in kept
    ]
    return safetensors(wide)


Matrix = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def _layers(file: bytes) -> dict[str, tuple[Matrix, Matrix, float]]:
    """Layer -> (down, up, alpha / rank) of an adapter made here."""
    tensors = {t.name: t for t in opened(file)[0]}

    def values(name: str) -> Matrix:
        t = tensors[name]
        return np.frombuffer(t.data, "<f2").astype(np.float64).reshape(t.shape)

    layers = {}
    for name in MODULES:
        down, up = (values(f"{name}.lora_{side}.weight") for side in ("down", "up"))
        layers[name] = (down, up, float(values(f"{name}.alpha")) / len(down))
    return layers


def _bfloat16(values: Matrix) -> bytes:
    """The upper halves of the float32 numbers, cut off."""
    bits = values.astype("<f4").view("<u4") >> 16
    return bits.astype("<u2").tobytes()


def of_size(seed: int, size: int) -> bytes:
    """Bytes that look like nothing, for a file that lies about its hash but not about its size."""
    return random.Random(seed).randbytes(size)


def embedding(seed: int) -> bytes:
    """A small embedding (2 KiB), of the kind that is kept as plain git."""
    values = np.random.default_rng(seed).standard_normal((1, 768)) * 0.01
    return safetensors([Tensor("emb_params", "F16", values.shape, values.astype("<f2").tobytes())])


def torch_zip(seed: int) -> bytes:
    """A zip laid out as torch saves it: an empty dictionary, and one storage beside it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, data in (
            ("archive/data.pkl", b"\x80\x02}q\x00."),
            ("archive/byteorder", b"little"),
            ("archive/data/0", random.Random(seed).randbytes(4096)),
            ("archive/version", b"3\n"),
        ):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
    return out.getvalue()


def broken(seed: int) -> bytes:
    """A safetensors file that breaks off in the middle of its header."""
    return adapter(seed)[:1500]
