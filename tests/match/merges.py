"""Merges of made adapters as files, and decoys enough to tell their parts. All synthetic."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from benchmarks.adapters import Adapter, Factors, make, renamed, shapes, sketch
from tests import removals_made
from tests.match.made import KEYRING
from tests.match.updates import sketched

from replica import made
from reseen.fingerprints.sketch import Components, Sketch
from reseen.records import Digest, DigestKind, Names, RemovedFile
from reseen.store.database import Store

MODULES = sorted(shapes("sd1", True), key=lambda m: (m.out * m.columns, m.name))[:64]
DECOYS = 205


def person(number: int, rank: int = 4) -> Adapter:
    """The adapter of "Sample person 07"."""
    return make("sd1", number, rank=rank, modules=MODULES)


def steps(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scales = (np.abs(numbers).max(axis=1) / 127).astype(np.float32)
    return scales, np.rint(numbers / scales[:, None]).astype(np.int8)


def stranger(like: Sketch, seed: int, rank: int = 8) -> Sketch:
    """The sketch of an adapter that was never made: what projections of random factors are."""
    rng = np.random.default_rng([3, seed])
    n, more = len(like.ids), like.components
    assert more is not None
    left = rng.standard_normal((n, 8, rank))
    scales, s = steps((left @ rng.standard_normal((n, rank, 8))).reshape(n, 64))
    space_scales, space = steps((left @ rng.standard_normal((n, rank, 8))).reshape(n, 64))
    signs = rng.choice([-1.0, 1.0], (n, rank, 8))
    up_scales, up = steps((left @ signs).reshape(n, 64))
    components = Components(
        *(more.ids, np.full(n, rank, np.uint16), more.has_space, space_scales, space),
        *(more.has_up, up_scales, up),
    )
    return replace(like, scales=scales, s=s, components=components)


def concatenated(adapters: Sequence[Adapter], weights: Sequence[float]) -> Adapter:
    layers = {}
    for name in adapters[0].layers:
        several = [adapter.layers[name] for adapter in adapters]
        ups = [f.scaled_up * np.float32(w) for f, w in zip(several, weights, strict=True)]
        up, down = np.concatenate(ups, axis=1), np.concatenate([f.down for f in several])
        layers[name] = Factors(up, down, float(up.shape[1]))
    return renamed(adapters[0], layers)


def mixed(adapters: Sequence[Adapter], weights: Sequence[float]) -> Adapter:
    """The same, where the down factors are weighed and the up factors stay as they were."""
    layers = {}
    for name in adapters[0].layers:
        several = [adapter.layers[name] for adapter in adapters]
        downs = [f.down * np.float32(w) for f, w in zip(several, weights, strict=True)]
        up = np.concatenate([f.scaled_up for f in several], axis=1)
        layers[name] = Factors(up, np.concatenate(downs), float(up.shape[1]))
    return renamed(adapters[0], layers)


def file_of(adapter: Adapter) -> bytes:
    """As it is shared."""
    tensors = []
    for name, factors in adapter.layers.items():
        alpha = np.float32(factors.alpha).tobytes()
        tensors.append(made.Tensor(f"{name}.alpha", "F32", (), alpha))
        for part, values in (("lora_down", factors.down), ("lora_up", factors.up)):
            data = values.astype("<f2").tobytes()
            tensors.append(made.Tensor(f"{name}.{part}.weight", "F16", values.shape, data))
    return made.safetensors(tensors)


def decoys(count: int = DECOYS) -> list[Sketch]:
    """Of strangers that were never made."""
    like = sketch(person(0), components=True)
    return [stranger(like, seed) for seed in range(count)]


def remove_all(store: Store, files: Iterable[RemovedFile]) -> list[str]:
    """One removal a file; their ids."""
    new = [
        removals_made.NewRemoval("sample", "models.example", None, Names(), (file,))
        for file in files
    ]
    with store.write() as connection:
        return removals_made.insert(connection, KEYRING, new)


def put_decoys(store: Store, count: int = DECOYS) -> list[str]:
    """Removals that are decoys for each other's files; their ids."""
    return remove_all(
        store,
        (
            RemovedFile(
                (Digest(DigestKind.SHA256, hashlib.sha256(b"decoy %d" % n).digest()),),
                sketch=each.encode(),
            )
            for n, each in enumerate(decoys(count))
        ),
    )


def put(store: Store, *adapters: Adapter) -> list[str]:
    """One removal an adapter, as `registry add` has its file; their ids."""
    return remove_all(store, (sketched(file_of(adapter)) for adapter in adapters))
