"""Adapters with true updates in them, for tests of the weights rung. All synthetic."""

from __future__ import annotations

from functools import cache

import numpy as np
from tests.match.made import read, remove

from replica import made
from reseen.fingerprints.sketch import Sketch, decode
from reseen.records import RemovedFile
from reseen.store.database import Store

REMOVED = made.adapter(7, rank=4)
OTHER = made.adapter(8, rank=4)
CAST = made.cast_and_renamed(REMOVED)
RESIZED = made.scaled_and_resized(REMOVED, rank=2, scale=1.5)
NO_ENCODER = made.text_encoder_dropped(REMOVED)
ALTERED = {"cast and renamed": CAST, "scaled and resized": RESIZED, "no encoder": NO_ENCODER}


def sketched_anew(data: bytes) -> RemovedFile:
    """A file as `registry add` has it, sketch and all."""
    fp = read(data)
    return RemovedFile(
        fp.digests,
        fp.size,
        fp.container,
        fp.data_size,
        fp.layout,
        fp.sketch,
        further=fp.further_sketches,
    )


@cache
def sketched(data: bytes) -> RemovedFile:
    """The same, read once for all tests of a process: none of those that change how it is read."""
    return sketched_anew(data)


def sketch(data: bytes) -> Sketch:
    told = read(data).sketch
    assert told is not None
    return decode(told)


def put(store: Store, *files: bytes) -> list[str]:
    """One removal a file, with its sketch; their ids."""
    return [remove(store, sketched(file)) for file in files]


def encoder_only(file: bytes) -> bytes:
    """The text encoder's updates alone."""
    tensors, _ = made.opened(file)
    return made.safetensors([t for t in tensors if t.name.startswith("lora_te_")])


def related(file: bytes, share: float, seed: int = 1) -> bytes:
    """Another adapter that has `share` of its numbers from this one: what one recipe can make of
    two people."""
    numbers = np.random.default_rng(seed)
    tensors = []
    for t in made.opened(file)[0]:
        if t.name.endswith("lora_up.weight"):
            own = np.frombuffer(t.data, "<f2").astype(np.float64)
            fresh = numbers.standard_normal(own.shape) * own.std()
            mixed = share * own + (1 - share**2) ** 0.5 * fresh
            t = made.Tensor(t.name, t.dtype, t.shape, mixed.astype("<f2").tobytes())
        tensors.append(t)
    return made.safetensors(tensors)
