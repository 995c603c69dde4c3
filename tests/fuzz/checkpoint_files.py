"""Checkpoints: whole weights of known layers in every type, with odd shapes, scales and values; and
the sketches of bases as they are stored."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from math import prod
from random import Random

import numpy as np
from benchmarks.adapters import shapes
from tests.files import build
from tests.files.build import T
from tests.fuzz import chance
from tests.fuzz.adapters import _values
from tests.fuzz.chance import mutated
from tests.fuzz.play import Broken, FuzzedReader
from tests.match import bitsandbytes

from reseen.files import containers
from reseen.files.source import Memory, run
from reseen.files.tensors import BLOCKS, length_of
from reseen.fingerprints import weight_sketch
from reseen.fingerprints.passing_layers import PassingLayers
from reseen.fingerprints.weight_plan import read_plan
from reseen.fingerprints.weight_sketch import WeightSketch
from reseen.fingerprints.weights_read import read_weights
from reseen.match.checkpoints import KnownBase, difference, which_base

_NAMES = tuple(shape.name.removeprefix("unet.") for shape in shapes("sd1", True))[:24]
_TYPES = ("F16", "F16", "BF16", "F32", "F8_E4M3", "F8_E5M2", "F64", "I8", "U8")
_PACKED = ("Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q6_K", "Q4_K", "Q5_K", "Q2_K", "IQ4_NL")
_BESIDE = ("scale_weight", "weight_scale", "comfy_quant", "weight.absmax", "qweight", "bias")


def checkpoint(rng: Random) -> bytes:
    if chance.chance(rng, 3):
        return _of_bitsandbytes(rng)
    packed = chance.chance(rng, 2)
    tensors: dict[str, T] = {}
    dtype = rng.choice(_PACKED if packed else _TYPES)
    for name in _NAMES[: rng.choice((24, 24, 20, 3))]:
        if chance.chance(rng, 10):
            dtype = rng.choice(_PACKED if packed else _TYPES)
        odd: tuple[tuple[int, ...], ...] = () if packed else ((4, 256, 1, 1), (0, 256), (256,))
        sides = rng.choice(((8, 256), (8, 256), (16, 512), *odd))
        tensors[f"model.diffusion_model.{name}.weight"] = _tensor(rng, dtype, sides)
        if chance.chance(rng, 3):
            size = rng.choice(((), (1,), (8,), (64,)))
            kind = rng.choice(("F32", "F16"))
            beside = f"model.diffusion_model.{name}.{rng.choice(_BESIDE)}"
            tensors[beside] = _tensor(rng, kind, size)
    data = build.gguf(tensors) if packed else build.safetensors(tensors)
    return mutated(data, rng, [b"F16", b"weight", b"\xff" * 4]) if chance.chance(rng, 4) else data


def _of_bitsandbytes(rng: Random) -> bytes:
    """As it stores weights; of some layers another part, or none."""
    kind = rng.choice(("nf4", "nf4 nested", "fp4 nested", "int8"))
    values = np.random.default_rng(rng.randrange(1 << 32)).standard_normal((8, 256), np.float32)
    tensors: dict[str, T] = {}
    for name in _NAMES:
        for each in bitsandbytes.tensors(f"model.diffusion_model.{name}", values, kind):
            if chance.chance(rng, 40):
                continue
            tensors[each.name] = T(each.dtype, tuple(each.shape), each.data)
            if chance.chance(rng, 40):
                shape = rng.choice(((), (8,), (32,), (1024, 1)))
                tensors[each.name] = _tensor(rng, rng.choice(_TYPES), shape)
    data = build.safetensors(tensors)
    said = [b'"blocksize": 64', b'"shape": [8, 256]', b'"nested_offset": ', b"1e99", b"\xff" * 4]
    return mutated(data, rng, said) if chance.chance(rng, 2) else data


def _tensor(rng: Random, dtype: str, shape: tuple[int, ...]) -> T:
    if dtype in BLOCKS:
        length = length_of(dtype, prod(shape))
        return T(dtype, shape, rng.choice((bytes(length), rng.randbytes(length))))
    return T(dtype, shape, _values(rng, dtype, prod(shape)))


def read(data: bytes) -> object:
    memory = Memory(data)
    made = run(memory, read_plan(run(memory, containers.read_listing(len(data)))))
    if made is None:
        return None
    found = run(memory, read_weights(made))
    sketch = found.sketch
    if not (np.isfinite(sketch.rounding) | np.isnan(sketch.rounding)).all():
        raise Broken("a rounding that is no number")
    again = _kept(sketch.encode())
    nearest = which_base(sketch, [KnownBase("Sample base", again)])
    if nearest is not None and len(difference(sketch, nearest).ids):
        raise Broken("a checkpoint is not its own base")
    return made.architecture, made.not_read, found.left_out, sketch.encode()


def passed(data: bytes) -> object:
    """As an upload: once, in pieces."""
    step = 1 + len(data) // 7
    cut = [data[at : at + step] for at in range(0, len(data), step)]
    with PassingLayers(len(data)) as layers:
        if b"".join(layers.passing(cut)) != data:
            raise Broken("other bytes than came")
        found = layers.read()
    return None if found is None else (found.left_out, _kept(found.sketch.encode()).encode())


def _kept(data: bytes) -> WeightSketch:
    decoded = weight_sketch.decode(data)
    if decoded.encode() != data:
        raise Broken("the sketch of a base is not read as it was written")
    return decoded


@cache
def _stored(*, of_file: bool, scaled: bool) -> bytes:
    ids = np.arange(3, 40, 2, dtype=np.uint32)
    rows = np.random.default_rng(0).random((len(ids), 64)).astype(np.float32)
    sides = (rows[:, 0], rows[:, 1], rows[:, 2])
    planned = ids if of_file else None
    made = WeightSketch("sd1", ids, *sides, rows, ids.astype(np.uint64), planned, 3, 1)
    if scaled:
        none = np.zeros(0, np.uint64)
        other = replace(made, marks=none, planned=None, beside=0, not_read=0)
        made = replace(made, other=replace(other.only(ids[::2]), other=other.only(ids[::4])))
    return made.encode()


def stored(rng: Random) -> bytes:
    of_file = rng.random() < 0.5
    some = _stored(of_file=of_file, scaled=of_file and rng.random() < 0.5)
    return mutated(
        some, rng, [b"RSW1", b"RSW2", b"RSW3", b"\0\0\xc0\x7f", b"\0\0\x80\x7f", b"\xff" * 4]
    )


READERS = (
    FuzzedReader("checkpoint", checkpoint, read),
    FuzzedReader("passing-checkpoint", checkpoint, passed),
    FuzzedReader("stored-base", stored, lambda data: _kept(data).encode()),
)
