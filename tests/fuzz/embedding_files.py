"""Embeddings of textual inversion: names of every layout, odd shapes and values; stored rows."""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass
from functools import cache
from random import Random

import numpy as np
from tests.files import build
from tests.files.build import T
from tests.fuzz import chance
from tests.fuzz.adapters import _values
from tests.fuzz.chance import MARKER, mutated, number, word
from tests.fuzz.play import Broken, FuzzedReader
from tests.match import embedded

from reseen.files import containers
from reseen.files.source import Memory, run
from reseen.files.tensors import DTYPE_BITS
from reseen.fingerprints import rows
from reseen.fingerprints.digests import Fingerprinter, look_inside
from reseen.match.rows import RowIndex, compare_rows
from reseen.records import Container
from reseen.updates.plan import plan

_NAMES = (
    *("emb_params", "clip_l", "clip_g", "clip_g_out", "t5", "0.clip_l", "string_to_param.*"),
    *("bundle_emb.x.string_to_param.*", "bundle_emb.x.clip_l", "bundle_emb.x.t5_out", "<token>"),
    *("string_to_token.*", "x.layer_norm.weight", "lora_unet_x.lora_up.weight", "a" * 300),
    *("768.0.linear.0.weight", "768.1.linear1.weight", "320.0.linear.3.bias"),
)
_WIDTHS = (768, 768, 1024, 1280, 4096, 2048, 640, 1, 0)
_DTYPES = ("F32", "F16", "BF16", "F8_E4M3", "F8_E5M2", "F64", "I64", "U8", "F4")


PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class EmbeddingFile:
    data: bytes
    piece: int


def read(file: EmbeddingFile) -> object:
    """As a stream and by ranges, compared with itself, and kept."""
    memory = Memory(file.data)
    size = len(file.data)
    inside = run(memory, look_inside(size, thorough=True))
    pass_ = Fingerprinter(size, inside)
    for at in range(0, size, file.piece):
        pass_.update(file.data[at : at + file.piece])
    found = pass_.finish()
    if inside.container is Container.PNG:
        return found, _kept(found.rows or b"")
    made = plan(run(memory, containers.read_listing(size)))
    by_range, spots = run(memory, rows.read_rows(made.embeddings))
    if rows.length_of_rows(made.embeddings) > rows.MOST_BYTES:
        raise Broken("more bytes of rows are wanted than the budget has")
    if (None if by_range is None else by_range.encode()) != found.rows:
        raise Broken("a stream gives other rows than ranges")
    return found, spots, [m.name for m in made.modules], _kept(found.rows or b"")


def _kept(data: bytes) -> object:
    if not data:
        return None
    decoded = rows.decode(data)
    if decoded.encode() != data:
        raise Broken("rows are not read as they were written")
    same = compare_rows(decoded, decoded)
    if (same is not None) != bool(decoded.tells.any()):
        raise Broken("rows that tell are not themselves, or others are")
    index = RowIndex.of_bytes({1: data})
    found = index.alike(decoded, {1: "rm-1"}.get)
    if bool(found) != (same is not None):
        raise Broken("the index finds others than a comparison")
    return len(decoded), decoded.blind


def _tensor(rng: Random) -> T:
    dtype = rng.choice(_DTYPES)
    width, count = rng.choice(_WIDTHS), rng.choice((1, 1, 2, 3, 8, 75, 76, 0))
    shape = rng.choice(((count, width), (count, width), (width,), (1, count, width), ()))
    length = 1
    for side in shape:
        length *= side
    if DTYPE_BITS[dtype] * length % 8:
        dtype = "F16"
    return T(dtype, shape, _values(rng, dtype, length))


def embedding_file(rng: Random) -> EmbeddingFile:
    tensors: dict[str, T] = {}
    for _ in range(rng.choice((1, 1, 2, 3))):
        name = rng.choice(_NAMES) if not chance.chance(rng, 6) else word(rng)
        tensors[name.encode("utf-8", "replace").decode()] = _tensor(rng)
    if chance.chance(rng, 12):
        tensors |= {f"t{n}": T("F16", (75, 768), bytes(115_200)) for n in range(9)}
    if chance.chance(rng, 4):
        return EmbeddingFile(_picture(rng), 1 << 20)
    token = {n: "<embed>" for n in tensors if chance.chance(rng, 3)}
    if chance.chance(rng, 2):
        data = build.safetensors(tensors, {**token, "name": MARKER})
    else:
        kept = {n: t for n, t in tensors.items() if t.dtype in build.STORAGES}
        data = build.torch_zip(kept)
    if chance.chance(rng, 3):
        data = mutated(data, rng, [b"768", b"emb_params", b"clip_l", b"bundle_emb."])
    return EmbeddingFile(data, rng.choice((1 << 20, 4096, 700)))


def _picture(rng: Random) -> bytes:
    """A picture whose text is an embedding, or nearly one."""
    rows = [[rng.choice((0, 0.5, -1e-3, 1e300, 10**400)) for _ in range(rng.choice((768, 3)))]]
    odd = chance.json_value(rng) if chance.chance(rng, 3) else {"TORCHTENSOR": rows}
    told = {"string_to_param": {"*": odd}} if chance.chance(rng, 1.2) else chance.json_value(rng)
    text = base64.b64encode(chance.json_text(told, rng).encode("utf-8", "replace"))
    kind = rng.choice((b"tEXt", b"tEXt", b"tEXt", b"zTXt", b"iTXt"))
    good = PNG + embedded.png_chunk(kind, b"sd-ti-embedding\0" + text)
    return mutated(good, rng, [b"sd-ti-embedding", b"tEXt"]) if chance.chance(rng, 3) else good


# -- rows as they are stored ----------------------------------------------------------------------


@cache
def _stored() -> tuple[bytes, ...]:
    values = np.random.default_rng(0).standard_normal((3, 768)).astype(np.float32)
    some = [rows.make([values[:n] / 10])[0] for n in (1, 3)]
    return tuple(each.encode() for each in some if each is not None)


def stored(rng: Random) -> bytes:
    good = rng.choice(_stored())
    if chance.chance(rng, 4):
        count = number(rng) & 0xFFFF
        return struct.pack("<4sHH", b"RSR1", count, 0) + good[8:] * rng.choice((0, 1, 2))
    return mutated(good, rng, [b"RSR1", b"\0\0\xc0\x7f", b"\0\0\x80\x7f", b"\xff" * 4])


READERS = (
    FuzzedReader("embedding", embedding_file, read),
    FuzzedReader("stored-rows", stored, _kept),
)
