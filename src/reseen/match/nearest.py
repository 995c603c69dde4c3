"""Searches the sketches of all removals in force for those worth comparing in full.

What comes in: for each removed file the 1,024 searched numbers and the 16 modules that they are of.
What goes out: for each query the removed files whose numbers reach a cosine, over the slots that
hold the same module in both. The search is exact: it finds what going through all of them finds.

Speed comes from doing many queries at once (one matrix product a block) and from looking at a part
of the numbers first: whoever reaches the cosine with all of them does so with the part, within some
standard deviations of what choosing a part adds.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from reseen.fingerprints.sketch import NUMBERS, SEARCHED, SIDE, SLOTS

LEAST = 0.25
"""The cosine from which a removed file is worth a full comparison."""
NEAR = 0.8
"""Where only near-copies are asked for."""
FEWEST_SLOTS = 3
"""Slots with the same module in both, without which nothing is said: all, where one has fewer."""

_PART, _SIGMAS = 576, 5.0
_NEAR_PART, _NEAR_SIGMAS = 64, 7.0
"""Numbers looked at first, and standard deviations by which the cosine of this part may fall short
of the whole. Measured over 40,000 pairs of rank 1 and 4 at the very cosine asked for, 1 in 10,000
falls short by 4 of the 576, and by 6 to 7 of the 64 (few numbers of a low rank hang together)."""
_BLOCK, _QUERIES = 1_024, 512
"""Removed files and queries multiplied at once: both, and what comes of them, stay in the cache."""

Codes = NDArray[np.int8]
Slots = NDArray[np.uint32]
_Number = TypeVar("_Number", np.int8, np.int64)
_Places = tuple[NDArray[np.intp], NDArray[np.intp]]


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
        self._codes: Codes = np.empty((0, SEARCHED), np.int8)
        self._keys: NDArray[np.int64] = np.empty(0, np.int64)
        self._length = 0

    @property
    def codes(self) -> Codes:
        """Interleaved."""
        return self._codes[: self._length]

    @property
    def keys(self) -> NDArray[np.int64]:
        return self._keys[: self._length]

    def add(self, codes: Codes, keys: NDArray[np.int64], *, interleaved: bool = False) -> None:
        if interleaved and not self._length:
            # Held where they lie, perhaps in a file; another one more copies them.
            self._codes, self._keys, self._length = codes, keys, len(keys)
            return
        length = self._length + len(keys)
        if length > len(self._keys):
            # A tenth in reserve, so that one more does not copy them all.
            room = max(length, len(self._keys) * 11 // 10)
            self._codes = _grown(self._codes, self._length, room)
            self._keys = _grown(self._keys, self._length, room)
        self._codes[self._length : length] = codes if interleaved else _interleaved(codes)
        self._keys[self._length : length] = keys
        self._length = length


class NearestIndex:
    """All searched numbers, in memory: 1,032 bytes a removed file, and a tenth in reserve."""

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
        group.add(codes, np.asarray(keys, np.int64))

    def groups(self) -> Iterator[tuple[str, Slots, Codes, NDArray[np.int64]]]:
        """All that is in it, to be kept elsewhere and put back by `put_back`: architecture, slots,
        codes as they are held here, and keys."""
        for (architecture, _), group in self._groups.items():
            yield architecture, group.slots, group.codes, group.keys

    def put_back(
        self, architecture: str, slots: Slots, codes: Codes, keys: NDArray[np.int64]
    ) -> None:
        """As `add`, of codes that `groups` gave; they are not copied."""
        made = np.ascontiguousarray(slots, np.uint32)
        group = self._groups.setdefault((architecture, made.tobytes()), _Group(made))
        group.add(codes, keys, interleaved=True)

    def copy(self) -> NearestIndex:
        """Another with the same in it: what is added to one is not in the other."""
        made = NearestIndex()
        for (architecture, slots), group in self._groups.items():
            made._groups[architecture, slots] = _Group(group.slots)
            made._groups[architecture, slots].add(
                group.codes.copy(), group.keys.copy(), interleaved=True
            )
        return made

    def held(self, keys: Collection[int]) -> set[int]:
        """Those of these keys that are in it."""
        wanted = np.fromiter(keys, np.int64)
        found: set[int] = set()
        for group in self._groups.values():
            found.update(group.keys[np.isin(group.keys, wanted)].tolist())
        return found

    def could_match(self, architecture: str, slots: Slots) -> bool:
        """May a file with these modules match anything? Decided without its weights."""
        return any(
            of == architecture and _is_enough(_shared(group.slots, slots), group.slots, slots)
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
                if of == architecture and _is_enough(shared, group.slots, mine):
                    yield numbers, group, shared


def _shared(first: Slots, second: Slots) -> NDArray[np.bool_]:
    same: NDArray[np.bool_] = (first == second) & (first != 0)
    return same


def _is_enough(shared: NDArray[np.bool_], first: Slots, second: Slots) -> bool:
    """Do they share enough to be compared? An adapter on two layers has no third to share; whether
    it is a copy is decided by all that it has."""
    most = min(int(np.count_nonzero(first)), int(np.count_nonzero(second)))
    return int(shared.sum()) >= max(1, min(FEWEST_SLOTS, most))


def _grown(array: NDArray[_Number], used: int, room: int) -> NDArray[_Number]:
    made: NDArray[_Number] = np.empty((room, *array.shape[1:]), array.dtype)
    made[:used] = array[:used]
    return made


_ROWS = np.arange(NUMBERS) % SIDE
_DIAGONALS = _ROWS * SIDE + (_ROWS + np.arange(NUMBERS) // SIDE) % SIDE
"""The numbers of a slot by diagonals of S: every eight come from all rows and columns."""


def _interleaved(codes: Codes) -> Codes:
    """(n, 1024), a number of each slot in turn: any beginning is a fair part of all slots."""
    turned = codes.reshape(-1, SLOTS, NUMBERS)[:, :, _DIAGONALS].transpose(0, 2, 1)
    return np.ascontiguousarray(turned.reshape(-1, SEARCHED))


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
    # 127 steps a unit in both; each shared slot adds the cosine of its module, others nothing.
    full = _interleaved(np.stack([q.code for q in queries])).astype(np.float32)
    full *= np.tile(shared, NUMBERS).astype(np.float32) / (127 * 127 * slots)
    part, sigmas = (_NEAR_PART, _NEAR_SIGMAS) if least >= NEAR else (_PART, _SIGMAS)
    spread = math.sqrt((1 / part - 1 / SEARCHED) * SLOTS / slots) * (1 - min(least, 1.0) ** 2)
    gate = np.float32(least - sigmas * spread)
    columns = np.tile(shared, NUMBERS)[:part]
    for begin in range(0, len(queries), _QUERIES):
        some = full[begin : begin + _QUERIES]
        first = some[:, :part] / np.maximum(_lengths(some[:, :part]), 1e-30)[:, None]
        rows, whose = _passing(group.codes, np.ascontiguousarray(first.T), columns, gate)
        for q in np.unique(whose).tolist():
            mine = rows[whose == q]
            exact = group.codes[mine].astype(np.float32) @ some[q]
            reached = exact >= least
            found[numbers[begin + q]].extend(
                Candidate(key, cosine, slots)
                for key, cosine in zip(
                    group.keys[mine[reached]].tolist(), exact[reached].tolist(), strict=True
                )
            )


def _passing(
    codes: Codes, first: NDArray[np.float32], columns: NDArray[np.bool_], gate: np.float32
) -> _Places:
    """Rows and queries whose cosine over the first numbers reaches the gate. `first` has columns of
    length 1, zero where a slot is not shared."""
    part, queries = first.shape
    block = np.empty((_BLOCK, part), np.float32)
    near = np.empty((_BLOCK, queries), np.float32)
    passes = np.empty((_BLOCK, queries), np.bool_)
    rows: list[NDArray[np.intp]] = []
    whose: list[NDArray[np.intp]] = []
    for start in range(0, len(codes), _BLOCK):
        n = min(_BLOCK, len(codes) - start)
        block[:n] = codes[start : start + n, :part]
        if not columns.all():
            block[:n] *= columns
        block[:n] /= np.maximum(_lengths(block[:n]), 1e-30)[:, None]
        np.matmul(block[:n], first, out=near[:n])
        np.greater_equal(near[:n], gate, out=passes[:n])
        places = np.flatnonzero(passes[:n])
        if len(places):
            rows.append(places // queries + start)
            whose.append(places % queries)
    if not rows:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    return np.concatenate(rows), np.concatenate(whose)


def _lengths(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths: NDArray[np.float32] = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    return lengths
