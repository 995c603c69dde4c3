"""Which modules of a file at a hub are read first, to see whether it comes near anything.

What comes in: where the modules of a file lie, and what the registry could compare them with. What
goes out: few of them, side by side and small, so that they cost a few short ranges of the file. A
secret of the installation chooses among those: nobody outside knows which to leave out or spoil.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

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
    left = {name: span for name, span in offered.items() if name not in read}
    names, kinds = _kinds(searched, groups, left)
    chosen: dict[int, None] = {}
    for each in kinds:
        chosen |= dict.fromkeys(_side_by_side(each.spans, each.ranks, AGAIN))
    return frozenset(names[id_] for id_ in list(chosen)[:MOST])


def first_modules(
    searched: NearestIndex, groups: Collection[str], offered: Offered
) -> frozenset[str]:
    """Names of the modules to be read first of a file that could match in these groups."""
    names, kinds = _kinds(searched, groups, offered)
    chosen: dict[int, None] = {}
    for each in kinds:
        picked = _side_by_side(each.spans, each.ranks)
        chosen |= dict.fromkeys(picked)
        chosen |= dict.fromkeys(_of_each(each, picked))
    return frozenset(names[id_] for id_ in list(chosen)[:MOST])


@dataclass(frozen=True, slots=True)
class _Kind:
    """The modules of a file that removals of one group have, too."""

    sets: tuple[ModuleSet, ...]
    """Of those removals."""
    spans: Mapping[int, tuple[int, int]]
    """By id, in the order in which they lie in the file: the first and the last byte."""
    ranks: Mapping[int, int]
    """Where each stands in the secret order."""


def _kinds(
    searched: NearestIndex, groups: Collection[str], offered: Offered
) -> tuple[Mapping[int, str], list[_Kind]]:
    """The names of what is offered by id, and what of it may be looked at in each group."""
    names = {module_id(name): name for name in sorted(offered, reverse=True)}
    mine = np.array(sorted(names), np.uint32)
    found = []
    for group in sorted(groups):
        sets = tuple(searched.meeting(group))
        known = np.zeros(len(mine), np.bool_)
        for some in sets:
            known |= np.isin(mine, some.ids)
        ids = sorted(mine[known].tolist(), key=lambda id_: (offered[names[id_]], id_))
        ranks = dict(zip(ids, searched.order.ranks(ids).tolist(), strict=True))
        found.append(_Kind(sets, {id_: offered[names[id_]] for id_ in ids}, ranks))
    return names, found


def _side_by_side(
    spans: Mapping[int, tuple[int, int]], ranks: Mapping[int, int], fewest: int = FEWEST
) -> list[int]:
    """Neighbours in the file, from ranges that are short, in the secret order."""
    ids = list(spans)
    if len(ids) <= fewest:
        return ids
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


def _of_each(kind: _Kind, picked: Sequence[int]) -> list[int]:
    """More, so that of each kind of removal a few are read: one may have few modules, and a file
    many beside those."""
    mine = np.array(sorted(kind.spans), np.uint32)
    more: dict[int, None] = {}
    for some in kind.sets:
        shared = some.ids[some.shared(mine) >= 0].tolist()
        if len(shared) < some.enough:
            continue
        missing = min(FEWEST_MODULES, len(shared)) - len({*picked, *more} & set(shared))
        left = (id_ for id_ in sorted(shared, key=kind.ranks.__getitem__) if id_ not in picked)
        for id_ in left:
            if missing <= 0:
                break
            if id_ not in more:
                more[id_] = None
                missing -= 1
    return list(more)
