"""What is searched of sketches, as arrays of a saved index.

The secret itself is not in it: only the numbers of the modules, in the order in which it looks at
them. What was taken out is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from reseen.fingerprints.choice import ModuleOrder
from reseen.fingerprints.sketch import NUMBERS
from reseen.match.digest_table import Bytes
from reseen.match.nearest import GONE, ColumnBlock, ModuleSet, NearestIndex


def parts_of(searched: NearestIndex, about: dict[str, Any]) -> dict[str, Any]:
    """The arrays by name, each with its type; what is no array goes into `about`. The numbers are
    written while they are read, since all of them are too many to hold."""
    sets = [each for each in searched.sets.values() if any(_stays(b).any() for b in each.blocks)]
    about["sets"] = [
        [
            sorted(each.groups),
            len(each.ids),
            [count for block in each.blocks if (count := int(_stays(block).sum()))],
        ]
        for each in sets
    ]
    every = np.unique(np.concatenate([each.ids for each in sets]))
    blocks = [block for each in sets for block in each.blocks]
    return {
        "column-order": ("I", (every[searched.order.sorted(every)],)),
        "column-ids": ("I", [each.ids for each in sets]),
        "column-keys": ("q", [block.keys[_stays(block)] for block in blocks]),
        "column-codes": ("b", _codes(blocks)),
    }


def _codes(blocks: list[ColumnBlock]) -> Iterator[Any]:
    for block in blocks:
        stays = _stays(block)
        for column in block.codes:
            yield np.ascontiguousarray(column[stays])


def _stays(block: ColumnBlock) -> Any:
    return block.keys != GONE


def put_back(about: Mapping[str, Any], parts: Mapping[str, Bytes]) -> NearestIndex:
    """What `parts_of` gave, without copying it. Raises ValueError, KeyError or TypeError for parts
    that do not fit together."""
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
        sets[groups, mine.tobytes()] = made
    if len(ids) or len(keys) or len(codes):
        raise ValueError("parts that do not fit together")
    return NearestIndex(order, sets)
