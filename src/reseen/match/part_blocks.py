"""How strong the parts of a file are, block by block of the network.

What comes in: the sketch of a file, and those of removals that are inside it. What goes out: of
each, a `PartBlock` for every block of the file. Within a block all parts are fitted together to
the file's linear numbers, every module counting alike; what they leave gives the standard
deviation. So a weight is an estimate, of 64 numbers a module, and says nothing of what no part
explains.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reseen.fingerprints.sketch import Sketch
from reseen.match.block_names import rows_of
from reseen.match.evidence import PartStrengths
from reseen.match.part_figures import Doubles, Side, ToldBy
from reseen.observed.merge_parts import PartBlock


def in_blocks(file: Sketch, parts: Sequence[Sketch]) -> tuple[PartStrengths, ...]:
    """One for each part, in their order."""
    if not parts or not len(file.ids):
        return tuple(PartStrengths((), None) for _ in parts)
    target, columns = _numbers(file, parts)
    shares = _shares(file, parts)
    found: list[list[PartBlock]] = [[] for _ in parts]
    left = whole = 0.0
    for name, modules in rows_of(file.architecture, file.ids.tolist()):
        ids = np.array([id_ for id_, _ in modules], np.uint32)
        at = np.searchsorted(file.ids, ids)
        weights, errors, rest = _fitted(target[at].reshape(-1), columns[:, at])
        left += rest
        whole += float((target[at] ** 2).sum())
        for number, mine in enumerate(columns[:, at]):
            count = int(mine.any(axis=1).sum())
            inside = [shares[number][id_] for id_ in ids.tolist() if id_ in shares[number]]
            share = float(np.mean(inside)) if inside else None
            weight, error = (weights[number], errors[number]) if count else (None, None)
            found[number].append(PartBlock(name, count, weight, error, share))
    explained = max(1 - left / whole, 0.0) if whole else None
    return tuple(PartStrengths(tuple(blocks), explained) for blocks in found)


def _numbers(file: Sketch, parts: Sequence[Sketch]) -> tuple[Doubles, Doubles]:
    """(M, 64) of the file, each module at length 1, and (parts, M, 64) at the same scale."""
    own = file.values().astype(np.float64)
    scales = 1 / np.maximum(np.linalg.norm(own, axis=1, keepdims=True), 1e-30)
    theirs = np.stack([part.values_of(file.ids) for part in parts]).astype(np.float64)
    return own * scales, theirs * scales


def _fitted(target: Doubles, columns: Doubles) -> tuple[list[float], list[float], float]:
    """The weight of each part within a block, their standard deviations, and the square of what
    they leave. Of a part that has nothing there both are 0."""
    flat = columns.reshape(len(columns), -1)
    there = np.flatnonzero((flat**2).sum(axis=1) > 0)
    weights, errors = np.zeros(len(flat)), np.zeros(len(flat))
    if not len(there):
        return weights.tolist(), errors.tolist(), float(target @ target)
    some = flat[there]
    products = some @ some.T
    products.flat[:: len(there) + 1] *= 1 + 1e-6  # copies of each other share what there is
    inverse = np.linalg.pinv(products)
    weights[there] = inverse @ (some @ target)
    rest = target - weights[there] @ some
    spread = float(rest @ rest) / max(len(target) - len(there), 1)
    errors[there] = np.sqrt(np.maximum(inverse.diagonal(), 0) * spread)
    return weights.tolist(), errors.tolist(), float(rest @ rest)


def _shares(file: Sketch, parts: Sequence[Sketch]) -> list[dict[int, float]]:
    """Of each part: by module, how much of its columns is inside, as far as both have them."""
    found: list[dict[int, float]] = [{} for _ in parts]
    side = Side.of(ToldBy.COLUMNS, file, parts, len(parts))
    if side is None:
        return found
    for at, number in enumerate(side.numbers.tolist()):
        here = side.present[at] > 0
        shares = np.clip(side.each(at, side.file)[here], 0.0, 1.0)
        found[number] = dict(zip(side.ids[here].tolist(), shares.tolist(), strict=True))
    return found
