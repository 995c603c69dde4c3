"""The searched numbers of all removals in force -> those worth comparing in full.

What comes in: for each removed file the 1,024 searched numbers and the 16 modules that they are of.
What goes out: for each query the removed files whose numbers reach a cosine, over the slots that
hold the same module in both. The search is exact: it finds what going through all of them finds.

Speed comes from doing many queries at once (one matrix product a block) and from looking at a part
of the numbers first: whoever reaches the cosine with all of them does so with the part, within
`_SIGMAS` standard deviations of what choosing a part adds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reseen.fingerprint.sketch import NUMBERS, SEARCHED, SLOTS

LEAST = 0.25
"""The cosine from which a removed file is worth a full comparison."""
NEAR = 0.8
"""Where only near-copies are asked for."""
FEWEST_SLOTS = 3
"""Slots with the same module in both, without which nothing is said."""

_SIGMAS = 4.5
_BLOCK = 4_096
"""Removed files multiplied at once: a block of float32 stays in the cache."""

Codes = NDArray[np.int8]
Slots = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A removed file that is worth a full comparison."""

    key: int
    """What it was put in under."""
    cosine: float
    """Over the slots that both fill with the same module."""
    slots: int


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """What is looked for."""

    architecture: str
    code: Codes
    """(1024,)"""
    slots: Slots
    """(16,)"""


class _Group:
    """Removed files whose slots hold the very same modules: compared by one matrix."""

    def __init__(self, slots: Slots) -> None:
        self.slots = slots
        self.codes: Codes = np.empty((0, SEARCHED), np.int8)
        """Interleaved."""
        self.keys: NDArray[np.int64] = np.empty(0, np.int64)


class SketchIndex:
    """All searched numbers, in memory: 1,032 bytes a removed file."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, bytes], _Group] = {}

    def __len__(self) -> int:
        return sum(len(group.keys) for group in self._groups.values())

    @property
    def architectures(self) -> frozenset[str]:
        """Of what is in it: a file of another cannot match."""
        return frozenset(architecture for architecture, _ in self._groups)

    def add(self, architecture: str, slots: Slots, codes: Codes, keys: Sequence[int]) -> None:
        """Put in removed files with the same slots: codes (n, 1024), keys (n,)."""
        made = np.ascontiguousarray(slots, np.uint32)
        group = self._groups.setdefault((architecture, made.tobytes()), _Group(made))
        turned = _interleaved(codes)
        group.codes = np.concatenate([group.codes, turned]) if len(group.codes) else turned
        group.keys = np.concatenate([group.keys, np.asarray(keys, np.int64)])

    def could_match(self, architecture: str, slots: Slots) -> bool:
        """May a file with these modules match anything? Decided without its weights."""
        return any(
            of == architecture and _shared(group.slots, slots).sum() >= FEWEST_SLOTS
            for (of, _), group in self._groups.items()
        )

    def find(self, query: Query, least: float = LEAST) -> tuple[Candidate, ...]:
        """Removed files that reach the cosine, best first."""
        return self.find_many([query], least)[0]

    def find_many(
        self, queries: Sequence[Query], least: float = LEAST
    ) -> list[tuple[Candidate, ...]]:
        """The same for many queries at once, which is much faster for each."""
        found: list[list[Candidate]] = [[] for _ in queries]
        for numbers, group, shared in self._meetings(queries):
            _search(group, shared, [queries[n] for n in numbers], numbers, least, found)
        return [tuple(sorted(each, key=lambda c: (-c.cosine, c.key))) for each in found]

    def _meetings(
        self, queries: Sequence[Query]
    ) -> Iterator[tuple[list[int], _Group, NDArray[np.bool_]]]:
        """Queries with the same slots together, against each group that shares enough of them."""
        alike: dict[tuple[str, bytes], list[int]] = {}
        for number, query in enumerate(queries):
            alike.setdefault((query.architecture, query.slots.tobytes()), []).append(number)
        for (architecture, slots), numbers in alike.items():
            mine = np.frombuffer(slots, np.uint32)
            for (of, _), group in self._groups.items():
                shared = _shared(group.slots, mine)
                if of == architecture and shared.sum() >= FEWEST_SLOTS:
                    yield numbers, group, shared


def _shared(first: Slots, second: Slots) -> NDArray[np.bool_]:
    same: NDArray[np.bool_] = (first == second) & (first != 0)
    return same


def _interleaved(codes: Codes) -> Codes:
    """(n, 1024), a number of each slot in turn: any beginning is a fair part of all slots."""
    turned = codes.reshape(-1, SLOTS, NUMBERS).transpose(0, 2, 1)
    return np.ascontiguousarray(turned.reshape(-1, SEARCHED))


def part_size(columns: int, least: float) -> int:
    """How many of the numbers are looked at first. Few are enough for near-copies."""
    if columns < SEARCHED // 2:
        return columns
    return columns * 5 // 8 if least < NEAR else columns // 16


def _search(
    group: _Group,
    shared: NDArray[np.bool_],
    queries: Sequence[Query],
    numbers: Sequence[int],
    least: float,
    found: list[list[Candidate]],
) -> None:
    """Queries with the same slots against one group."""
    slots = int(shared.sum())
    columns = slots * NUMBERS
    part = part_size(columns, least)
    kept = np.tile(shared, NUMBERS)
    codes = group.codes if slots == SLOTS else group.codes[:, kept]
    # 127 steps a unit in both; each shared slot adds the cosine of its module.
    full = _interleaved(np.stack([q.code for q in queries]))[:, kept].astype(np.float32)
    full /= 127 * 127 * slots
    spread = math.sqrt(1 / part - 1 / columns) * (1 - min(least, 1.0) ** 2)
    gate = least - _SIGMAS * spread
    first = np.ascontiguousarray(full[:, :part].T) * (columns / part)
    promising: list[tuple[NDArray[np.intp], NDArray[np.intp]]] = []
    for start in range(0, len(codes), _BLOCK):
        near = codes[start : start + _BLOCK, :part].astype(np.float32) @ first
        rows, whose = np.nonzero(near >= gate)
        if len(rows):
            promising.append((rows + start, whose))
    if not promising:
        return
    rows = np.concatenate([r for r, _ in promising])
    whose = np.concatenate([w for _, w in promising])
    for q in np.unique(whose).tolist():
        mine = rows[whose == q]
        exact = codes[mine].astype(np.float32) @ full[q]
        found[numbers[q]].extend(
            Candidate(int(group.keys[row]), float(cosine), slots)
            for row, cosine in zip(mine.tolist(), exact.tolist(), strict=True)
            if cosine >= least
        )
