"""What is searched of sketches, as arrays of a saved index.

The secret itself is not in it: only the numbers of the modules, in the order in which it looks at
them. What was taken out is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reseen.fingerprints.choice import ModuleOrder, Places
from reseen.fingerprints.sketch import NUMBERS
from reseen.match.digest_table import Bytes
from reseen.match.nearest import GONE, ColumnBlock, ModuleSet, NearestIndex

_Kept = tuple[ModuleSet, Places]
"""Removed files, and the places of those of their modules that are kept."""


def parts_of(
    searched: NearestIndex, about: dict[str, Any], most: int | None = None
) -> dict[str, Any]:
    """The arrays by name, each with its type; what is no array goes into `about`. The numbers are
    written while they are read, since all of them are too many to hold. `most`: only so many
    modules of each removal, those that are looked at first."""
    kept: list[_Kept] = [
        (each, np.sort(each.order[:most]))
        for each in searched.sets.values()
        if any(_stays(block).any() for block in each.blocks)
    ]
    about["sets"] = [
        [
            sorted(each.groups),
            len(places),
            [count for block in each.blocks if (count := int(_stays(block).sum()))],
        ]
        for each, places in kept
    ]
    ids = [each.ids[places] for each, places in kept]
    every = np.unique(np.concatenate(ids))
    keys = [block.keys[_stays(block)] for each, _ in kept for block in each.blocks]
    return {
        "column-order": ("I", (every[searched.order.sorted(every)],)),
        "column-ids": ("I", ids),
        "column-keys": ("q", keys),
        "column-codes": ("b", _codes(kept)),
    }


def _codes(kept: Sequence[_Kept]) -> Iterator[Any]:
    for each, places in kept:
        for block in each.blocks:
            stays = _stays(block)
            for place in places.tolist():
                yield np.ascontiguousarray(block.codes[place][stays])


def _stays(block: ColumnBlock) -> NDArray[np.bool_]:
    stays: NDArray[np.bool_] = block.keys != GONE
    return stays


def put_back(
    about: Mapping[str, Any], parts: Mapping[str, Bytes], order: ModuleOrder | None = None
) -> NearestIndex:
    """What `parts_of` gave, without copying it. `order`: where the secret is known. Raises
    ValueError, KeyError or TypeError for parts that do not fit together."""
    if order is None:
        first = np.frombuffer(parts["column-order"], np.uint32)
        # Modules that it does not know come later, in an order that only its holders know.
        order = ModuleOrder(bytes(parts["column-order"][:]), first.tolist())
    ids = np.frombuffer(parts["column-ids"], np.uint32)
    keys = np.frombuffer(parts["column-keys"], np.int64)
    codes = np.frombuffer(parts["column-codes"], np.int8)
    sets: dict[tuple[frozenset[str], bytes], ModuleSet] = {}
    for names, modules, counts in about["sets"]:
        mine, ids = ids[:modules], ids[modules:]
        if len(mine) != modules:
            raise ValueError("parts that do not fit together")
        blocks: list[ColumnBlock] = []
        for count in counts:
            size = modules * count * NUMBERS
            block = codes[:size].reshape(modules, count, NUMBERS)
            blocks.append(ColumnBlock(block, keys[:count].reshape(count)))
            codes, keys = codes[size:], keys[count:]
        groups = frozenset(str(name) for name in names)
        made = ModuleSet(groups, mine, order.sorted(mine), tuple(blocks))
        before = sets.get((groups, mine.tobytes()))
        if before is not None:  # different ones, of which the same modules were kept
            made = ModuleSet(groups, mine, made.order, before.blocks + made.blocks)
        sets[groups, mine.tobytes()] = made
    if len(ids) or len(keys) or len(codes):
        raise ValueError("parts that do not fit together")
    return NearestIndex(order, sets)
