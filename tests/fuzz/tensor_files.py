"""GGUF files and numpy's archives: honest ones with changes, and headers field by field."""

from __future__ import annotations

import struct
from functools import cache
from random import Random
from zipfile import ZIP_DEFLATED, ZIP_STORED

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
        build.gguf(every, {**pairs, "comfy.gguf.orig_shape.c": [1, 3]}, order=">"),
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


# -- numpy's archives -----------------------------------------------------------------------------

_ARRAY_WORDS = [
    *(b"\x93NUMPY\x01\0", b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"descr", b"shape"),
    *(b"'<f4'", b"'|O'", b"'|V2'", b"'>c16'", b"True", b"False", b"(3,)", b"()", b",", b"('", b"}"),
    MARKER.encode(),
]


def _array(rng: Random) -> bytes:
    """An array whose header is drawn; mostly its bytes fit."""
    order, kind = rng.choice("<<<>="), rng.choice(("f4", "f2", "V2", "i8", "b1", "O", "U3", "c16"))
    shape = [rng.choice((0, 1, 2, 3, 4)) for _ in range(rng.choice((0, 1, 2, 2, 3)))]
    count = 1
    for size in shape:
        count *= size
    if chance.chance(rng, 20):
        shape.append(abs(number(rng)) % 2**66)
    text = ", ".join(map(str, shape))
    header = f"{{'descr': '{order}{kind}', 'fortran_order': {chance.chance(rng, 3)}, 'shape': ("
    raw = f"{header}{text}{',' if len(shape) == 1 else ''}), }}".encode("utf-8", "replace")
    if chance.chance(rng, 12):
        raw = mutated(raw, rng, _ARRAY_WORDS)
    width = int(kind[1:]) if kind[1:].isdigit() else 8
    start = b"\x93NUMPY" + bytes([1 if chance.chance(rng, 1.1) else rng.choice((2, 3, 9)), 0])
    length = len(raw) if not chance.chance(rng, 20) else number(rng) & 0xFFFF
    wide = "<I" if start[6] in (2, 3) else "<H"
    return start + struct.pack(wide, length & 0xFFFF) + raw + rng.randbytes(width * count % 4096)


def npz(rng: Random) -> ModelFile:
    names = (word(rng) if chance.chance(rng, 9) else f"t{n}.lora_up.weight" for n in range(4))
    arrays = {
        name.encode("utf-8", "replace").decode().replace("\0", "")[:100] + ".npy": _array(rng)
        for name in list(names)[: rng.randrange(5)]
    }
    packed = ZIP_DEFLATED if chance.chance(rng, 8) else ZIP_STORED
    data = build.python_zip(arrays, packed)
    if chance.chance(rng, 3):
        data = mutated(data, rng, _ARRAY_WORDS, most=LARGEST)
    return model_file(data, rng)


READERS = (FuzzedReader("gguf", gguf, read), FuzzedReader("npz", npz, read))
