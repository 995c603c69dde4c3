"""Sketches made of numbers: copies, merges and families of adapters that were never files."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from reseen.fingerprints.sketch import Sketch
from reseen.match.calibration import unit

Values = NDArray[np.float32]


def of_values(like: Sketch, values: Values, norms: Values | None = None) -> Sketch:
    """A sketch with the modules of another, and these S: (n, 64)."""
    scales = np.maximum(np.abs(values).max(axis=1) / 127, 1e-30).astype(np.float32)
    lengths = np.linalg.norm(values, axis=1).astype(np.float32) / 8
    return replace(
        like,
        norms=lengths if norms is None else norms,
        scales=scales,
        s=np.rint(values / scales[:, None]).astype(np.int8),
    )


def some_of(like: Sketch, kept: NDArray[np.bool_]) -> Sketch:
    """The same without some of its modules."""
    return replace(
        like,
        ids=like.ids[kept],
        norms=like.norms[kept],
        scales=like.scales[kept],
        s=like.s[kept],
    )


def alike(
    removal: Sketch, cosines: NDArray[np.float64] | float, rng: np.random.Generator
) -> Sketch:
    """A file whose modules agree with the removal's so far, and are random beside that."""
    own = removal.values()
    sizes = np.linalg.norm(own, axis=1, keepdims=True)
    other = unit(rng.standard_normal(own.shape).astype(np.float32))
    base = unit(own)
    other = unit(other - (other * base).sum(axis=1, keepdims=True) * base)
    agree = np.broadcast_to(np.asarray(cosines, np.float32), (len(own),))[:, None]
    return of_values(removal, sizes * (agree * base + np.sqrt(1 - agree**2) * other))
