"""Which modules of a file at a hub are read first, to see whether it comes near anything.

What comes in: where the modules of a file lie, and what the registry could compare them with. What
goes out: few of them, side by side and small, so that they cost a few short ranges of the file. A
secret of the installation chooses among those: nobody outside knows which to leave out or spoil.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import chain

import numpy as np

from reseen.fingerprints.sketch import FEWEST_MODULES, module_id
from reseen.match.nearest import ModuleSet, NearestIndex

FEWEST, FIRST = 8, 16
"""Modules that are read first, at least, and at most."""
SHARE, LARGEST_SHARE = 0.006, 0.014
"""More than the fewest only within the first part of the bytes of all modules; more than half of
them only within the second."""
LITTLE, SMALL = 128 << 10, 1 << 20
"""Bytes that are never too many for more than the fewest, and for these."""
AGAIN = 16
"""Modules that are read next where the first leave a doubt: others than those."""
SIDE_BY_SIDE = 2
"""Of them in one range, where neighbours can be had."""
SHORTEST = 2 / 3
"""The part of all such ranges, the shortest, that is chosen from. An uploader who spoils a quarter
of the modules, all among these, spoils three eighths of them."""
MOST = 48
"""Modules, however many different ones the registry has."""

Offered = Mapping[str, tuple[int, int]]
"""Canonical name -> where the first byte that a module needs lies, and the last."""


def next_modules(
    searched: NearestIndex, groups: Collection[str], offered: Offered, read: Collection[str]
) -> frozenset[str]:
    """Names of the modules to be read where those that were read leave a doubt."""
    names = {module_id(name): name for name in sorted(offered.keys() - read, reverse=True)}
    chosen: dict[int, None] = {}
    for group in sorted(groups):
        known = frozenset(chain.from_iterable(s.ids.tolist() for s in searched.meeting(group)))
        ids = sorted(known & names.keys(), key=lambda id_: (offered[names[id_]], id_))
        ranks = dict(zip(ids, searched.order.ranks(ids).tolist(), strict=True))
        spans = {id_: offered[names[id_]] for id_ in ids}
        chosen |= dict.fromkeys(_side_by_side(ids, spans, ranks, AGAIN))
    return frozenset(names[id_] for id_ in list(chosen)[:MOST])


def first_modules(
    searched: NearestIndex, groups: Collection[str], offered: Offered
) -> frozenset[str]:
    """Names of the modules to be read first of a file that could match in these groups."""
    names = {module_id(name): name for name in sorted(offered, reverse=True)}
    chosen: dict[int, None] = {}
    for group in sorted(groups):
        sets = list(searched.meeting(group))
        known = frozenset(chain.from_iterable(some.ids.tolist() for some in sets))
        ids = sorted(known & names.keys(), key=lambda id_: (offered[names[id_]], id_))
        if not ids:
            continue
        ranks = dict(zip(ids, searched.order.ranks(ids).tolist(), strict=True))
        spans = {id_: offered[names[id_]] for id_ in ids}
        picked = _side_by_side(ids, spans, ranks)
        chosen |= dict.fromkeys(picked)
        chosen |= dict.fromkeys(_of_each(sets, ids, ranks, picked))
    return frozenset(names[id_] for id_ in list(chosen)[:MOST])


def _side_by_side(
    ids: Sequence[int],
    spans: Mapping[int, tuple[int, int]],
    ranks: Mapping[int, int],
    fewest: int = FEWEST,
) -> list[int]:
    """Neighbours in the file, from ranges that are short, in the secret order."""
    if len(ids) <= fewest:
        return list(ids)
    windows = [ids[at : at + SIDE_BY_SIDE] for at in range(len(ids) - SIDE_BY_SIDE + 1)]
    lengths = [max(spans[i][1] for i in some) - spans[some[0]][0] for some in windows]
    longest = sorted(lengths)[int((len(lengths) - 1) * SHORTEST)]
    # Modules that are one tensor in the file are cut from the same bytes.
    every, taken = sum(end - start for start, end in set(spans.values())), 0
    more = max(SHARE * every, LITTLE)
    most = max(LARGEST_SHARE * every, SMALL) * fewest / FEWEST
    short = [pair for pair in zip(windows, lengths, strict=True) if pair[1] <= longest]
    picked: dict[int, None] = {}
    for some, length in sorted(short, key=lambda pair: ranks[pair[0][0]]):
        count = len(picked)
        if count >= FIRST or (count >= fewest and taken + length > more):
            break
        if count >= fewest // 2 and taken + length > most:
            continue
        if not picked.keys() & set(some):
            picked |= dict.fromkeys(some)
            taken += length
    return list(picked)


def _of_each(
    sets: Sequence[ModuleSet], ids: Sequence[int], ranks: Mapping[int, int], picked: Sequence[int]
) -> list[int]:
    """More, so that of each kind of removal a few are read: one may have few modules, and a file
    many beside those."""
    mine = np.array(sorted(ids), np.uint32)
    more: dict[int, None] = {}
    for some in sets:
        shared = some.ids[some.shared(mine) >= 0].tolist()
        if len(shared) < some.enough:
            continue
        missing = min(FEWEST_MODULES, len(shared)) - len({*picked, *more} & set(shared))
        left = (id_ for id_ in sorted(shared, key=ranks.__getitem__) if id_ not in picked)
        for id_ in left:
            if missing <= 0:
                break
            if id_ not in more:
                more[id_] = None
                missing -= 1
    return list(more)
