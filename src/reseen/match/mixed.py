"""A removal whose layers are spread over several adapters of one file.

Of a file that holds several adapters of the same layers, mixed layer by layer under the same words,
each adapter as it is read has a part of each. So each layer is taken from the adapter in which it
is the removal's, and where that is nearly all of them a person should look. It is a lead: the file
loads as nothing that anybody removed until somebody sorts it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from reseen.fingerprints.sketch import Sketch

FEWEST = 8
"""Layers that are found so: fewer may agree by accident, of the likest of several."""
LIKE = 0.8
"""The cosine from which on a layer is the removal's; strangers' single layers reach 0.53, those of
one layer of rank 1 and one seed 0.98 in one pair of a million."""
SHARE = 0.9
"""Of the layers that both have: at least so many must be the removal's."""


def mixed(removal: Sketch, adapters: Sequence[Sketch]) -> Sketch | None:
    """The removal's layers as they are spread over a file's adapters, in one sketch; None where
    they are not, or one adapter has them all."""
    if len(adapters) < 2:
        return None
    ids = removal.ids
    theirs = _units(removal.values_of(ids))
    cosines = np.stack([(theirs * _units(a.values_of(ids))).sum(axis=1) for a in adapters])
    present = np.stack([np.isin(ids, a.ids) for a in adapters])
    common = present.any(axis=0)
    likest = np.where(present, cosines, -1).argmax(axis=0)
    is_like = common & (cosines.max(axis=0) >= LIKE)
    if is_like.sum() < max(FEWEST, SHARE * common.sum()) or len(set(likest[is_like])) < 2:
        return None
    parts = [
        (adapter, np.isin(adapter.ids, ids[common & (likest == number)]))
        for number, adapter in enumerate(adapters)
    ]
    whose = np.concatenate([adapter.ids[some] for adapter, some in parts])
    order = np.argsort(whose)
    return replace(
        adapters[0],
        ids=whose[order],
        norms=np.concatenate([adapter.norms[some] for adapter, some in parts])[order],
        scales=np.concatenate([adapter.scales[some] for adapter, some in parts])[order],
        s=np.concatenate([adapter.s[some] for adapter, some in parts])[order],
        components=None,
    )


def _units(values: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    made: np.ndarray = values / np.where(lengths > 0, lengths, 1)
    return made
