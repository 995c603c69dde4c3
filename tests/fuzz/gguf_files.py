"""GGUF files: honest ones with changes, and headers field by field."""

from __future__ import annotations

import struct
from functools import cache
from random import Random

from tests.files import build
from tests.files.build import ramp
from tests.fuzz import chance
from tests.fuzz.chance import MARKER, mutated, number, small, word
from tests.fuzz.containers import LARGEST, ModelFile, hostile_files, model_file, read
from tests.fuzz.play import FuzzedReader

from reseen.files.tensors import BLOCKS

WORDS = [
    *(b"GGUF\x03\0\0\0", b"GGUF\x02\0\0\0", b"GGUF\0\0\0\x03", b"general.alignment", b"\0" * 8),
    *(b"comfy.gguf.orig_shape.a", b"\x09\0\0\0", b"\x08\0\0\0", b"\xff" * 8, MARKER.encode()),
    *(struct.pack("<I", kind) for kind in (0, 2, 8, 9, 14, 23, 30, 39, 99)),
]
_TENSORS = {
    "lora_unet_a.lora_up.weight": ramp("F16", 8, 4),
    "lora_unet_a.lora_down.weight": ramp("F32", 4, 6),
    "b.lora_up.weight": ramp("Q8_0", 2, 32),
    "b.lora_down.weight": ramp("Q4_0", 32, 32),
    "c": ramp("BF16", 3),
    "d": ramp("Q8_1", 32),
}


@cache
def _files() -> tuple[bytes, ...]:
    every = {f"t{n}.{kind}": ramp(kind, BLOCKS[kind].values) for n, kind in enumerate(BLOCKS)}
    pairs = {"general.architecture": "sd1", "words": ["a", "bc"], "n": [1, 2], "x": 0.5}
    good = (
        build.gguf(_TENSORS, {**pairs, "comfy.gguf.orig_shape.c": [1, 3]}),
        build.gguf(every, pairs, 8),
        build.gguf({"a": ramp("F32", 2)}),
    )
    return 4 * good + hostile_files("gguf")


def gguf(rng: Random) -> ModelFile:
    if chance.chance(rng, 2):
        return model_file(_by_fields(rng), rng)
    files = _files()
    return model_file(mutated(rng.choice(files), rng, WORDS, files, LARGEST), rng)


def _by_fields(rng: Random) -> bytes:
    """A header whose every field is drawn; mostly one thing in it is odd, and the bytes fit."""
    odd = rng.choice((0, 20, 4))

    def some(usual: int) -> int:
        return number(rng) & 2**64 - 1 if odd and chance.chance(rng, odd) else usual

    tensors, at = [], 0
    for n in range(rng.randrange(6)):
        kind = rng.choice(tuple(build.GGUF_TYPES))
        dtype = build.GGUF_TYPES[kind]
        inner = BLOCKS[dtype].values if dtype in BLOCKS else rng.randrange(4)
        sizes = [some(inner), *(some(small(rng)) for _ in range(rng.choice((0, 1, 1, 3, 4))))]
        name = word(rng) if chance.chance(rng, 3) else f"t{n}.lora_up.weight"
        raw = name.encode("utf-8", "surrogatepass")
        tensors.append(
            build.gguf_text(raw)
            + struct.pack("<I", some(len(sizes)) & 2**32 - 1)
            + struct.pack(f"<{len(sizes)}Q", *sizes)
            + struct.pack("<IQ", some(kind) & 2**32 - 1, some(at))
        )
        at += 32 * small(rng)
    pairs = {
        word(rng).encode("utf-8", "replace").decode(): rng.choice(
            ("a", 3, 0.5, [1, 2], ["a", "b"], [])
        )
        for _ in range(rng.randrange(4))
    }
    if chance.chance(rng, 3):
        pairs["general.alignment"] = some(32) & 2**32 - 1
    lies = (some(len(tensors)), some(len(pairs)))
    header = build.gguf_header(pairs, tensors, version=rng.choice((3, 3, 2, 1)), counts=lies)
    return header + bytes(-len(header) % 32) + rng.randbytes(rng.choice((0, at, at + 4096)))


READERS = (FuzzedReader("gguf", gguf, read),)
