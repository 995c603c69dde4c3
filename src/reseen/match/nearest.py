"""Searches the sketches of all removals in force for those worth comparing in full.

What comes in: for each removed file its modules, each as 64 numbers of length 1. What goes out: for
each query the removed files that come near it. Numbers are held by module, in blocks of removed
files that have the very same modules, so that a query reads no more than the modules it looks at:
all that both have, up to `WHOLE`, and of more a part that a secret of the installation chooses
(`fingerprints.choice`), out of what both have. So neither what a file leaves out nor what stands
beside it decides whether it is found.

The search is exact: it finds what going through all of them by these modules finds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reseen.fingerprints.choice import AMONG as AMONG
from reseen.fingerprints.choice import KEYED, STRONGEST, WHOLE, ModuleOrder, strongest
from reseen.fingerprints.entries import STEPS, Ids, SearchEntry, Units, meets
from reseen.fingerprints.sketch import FEWEST_MODULES, NUMBERS, SLOTS

LEAST = 0.125
"""The mean cosine from which a removed file is worth a full comparison: half of what a copy has at
least (`compare.COPY_MEAN`), for a part of the modules says that of all within a few hundredths."""
SIGMAS = 6.0
"""Where few modules are looked at, as many standard deviations of chance: with fewer no file is
called a copy."""
DOUBT = 4.5
"""Standard deviations at which a few modules more are worth reading of a file at a hub."""
EITHER_SIGN = 0.5
"""The mean size of the cosines that is enough, whatever their signs: blocks may be negated."""

ONE, FEW = 0.75, 16
"""Where so few are looked at, the size of a cosine of which one is enough: the others may be
spoiled. Single modules of strangers reach 0.53 where a seed is shared, one of thousands 0.84."""

ENOUGH = 16
"""Modules of a part of a file that say enough of it."""

BLOCK = 1_024
"""Removed files that are multiplied at once: they, and what comes of them, stay in the cache."""
_QUERIES = 64
_FEW_FILES = 64
"""So few are multiplied in all modules at once: each step costs more than its arithmetic."""
_UNIT = STEPS * STEPS

Keys = NDArray[np.int64]
Floats = NDArray[np.float32]
Places = NDArray[np.intp]

GONE = np.iinfo(np.int64).min
"""The key of what was taken out."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A removed file that is worth a full comparison."""

    key: int
    """What it was put in under."""
    cosine: float
    """The mean over the modules that were looked at, whatever its sign."""
    modules: int
    """How many these were."""
    best: float
    """What it was taken for: that mean, or that of a part of them."""


@dataclass(frozen=True, slots=True, eq=False)
class ColumnBlock:
    """Removed files with the same modules, by module."""

    codes: NDArray[np.int8]
    """(modules, files, 64): in memory, or where a file is mapped."""
    keys: Keys
    """(files,)"""


@dataclass(frozen=True, slots=True, eq=False)
class ModuleSet:
    """All removed files that have the very same modules."""

    groups: frozenset[str]
    """Those of their entries."""
    ids: Ids
    """Ascending."""
    order: Places
    """The places of the modules, in the order in which they are looked at."""
    blocks: tuple[ColumnBlock, ...] = ()

    @property
    def enough(self) -> int:
        """Modules that a file must share to be compared: all, where these are few."""
        return min(FEWEST_MODULES, len(self.ids))

    def shared(self, ids: Ids) -> Places:
        """For each module its place among these ids; -1 where it is not among them."""
        at = np.searchsorted(ids, self.ids)
        at[at == len(ids)] = 0
        found: Places = np.where(ids[at] == self.ids, at, -1) if len(ids) else at - 1
        return found

    def plus(self, block: ColumnBlock) -> ModuleSet:
        """With more; small blocks are put together, so that there are never many."""
        blocks = list(self.blocks)
        while blocks and len(blocks[-1].keys) <= len(block.keys) < BLOCK:
            last = blocks.pop()
            codes = np.concatenate([last.codes, block.codes], axis=1)
            block = ColumnBlock(codes, np.concatenate([last.keys, block.keys]))
        return replace(self, blocks=(*blocks, block))


Row = tuple[frozenset[str], Ids, Units, int]
"""A removed file: the groups of its entries, its modules, their numbers, its key."""


@dataclass(frozen=True, slots=True, eq=False)
class NearestIndex:
    """All numbers of the removed files. Immutable: `plus` and `without` give another."""

    order: ModuleOrder
    sets: dict[tuple[frozenset[str], bytes], ModuleSet] = field(default_factory=dict)

    def __len__(self) -> int:
        """Removed files."""
        return sum(int((keys != GONE).sum()) for keys in self.keys())

    def present(self) -> Iterator[int]:
        """The keys of all removed files in it."""
        for keys in self.keys():
            yield from (key for key in keys.tolist() if key != GONE)

    def keys(self) -> Iterator[Keys]:
        """The keys in each block, `GONE` among them."""
        for some in self.sets.values():
            yield from (block.keys for block in some.blocks)

    def plus(self, rows: Iterable[Row]) -> NearestIndex:
        """With more removed files."""
        sets = dict(self.sets)
        units: dict[tuple[frozenset[str], bytes], list[Units]] = {}
        keys: dict[tuple[frozenset[str], bytes], list[int]] = {}

        def put_in(name: tuple[frozenset[str], bytes]) -> None:
            codes = np.stack(units.pop(name), axis=1)
            sets[name] = sets[name].plus(ColumnBlock(codes, np.array(keys.pop(name), np.int64)))

        for groups, ids, numbers, key in rows:
            name = (groups, ids.tobytes())
            if name not in sets:
                sets[name] = ModuleSet(groups, ids, self.order.sorted(ids))
            units.setdefault(name, []).append(numbers)
            keys.setdefault(name, []).append(key)
            if len(units[name]) == BLOCK:
                put_in(name)
        for name in list(units):
            put_in(name)
        return replace(self, sets=sets)

    def joined(self, other: NearestIndex) -> NearestIndex:
        """With all that is in another of the same order."""
        sets = dict(self.sets)
        for name, some in other.sets.items():
            mine = sets.get(name)
            sets[name] = some if mine is None else replace(mine, blocks=mine.blocks + some.blocks)
        return replace(self, sets=sets)

    def without(self, wanted: Callable[[int], bool]) -> NearestIndex:
        """Only those whose keys are wanted: the others are found no more."""
        return replace(
            self,
            sets={
                name: replace(
                    some,
                    blocks=tuple(
                        replace(block, keys=_kept(block.keys, wanted)) for block in some.blocks
                    ),
                )
                for name, some in self.sets.items()
            },
        )

    @property
    def nbytes(self) -> int:
        """Bytes of all numbers."""
        return sum(b.codes.nbytes for some in self.sets.values() for b in some.blocks)

    def held(self, keys: Collection[int]) -> set[int]:
        """Those of these keys that are in it."""
        wanted = np.fromiter(keys, np.int64)
        found: set[int] = set()
        for some in self.keys():
            found.update(some[np.isin(some, wanted)].tolist())
        return found

    def could_match(self, group: str, ids: Ids) -> bool:
        """May a file with these modules match anything? Decided without its weights. Of sixteen
        that may be is: once so many were kept of a header, by a fixed choice."""
        return any(
            len(ids) == SLOTS or int((some.shared(ids) >= 0).sum()) >= some.enough
            for some in self.meeting(group)
        )

    def says_little(self, entry: SearchEntry) -> bool:
        """Whether an entry of which not all modules are here shares too few with anything that its
        file may be like."""
        return any(
            int((some.shared(entry.ids) >= 0).sum()) < min(ENOUGH, len(some.ids))
            for some in self.meeting(entry.group)
        )

    def meeting(self, group: str) -> Iterator[ModuleSet]:
        """What an entry of this group is compared with."""
        wanted = meets(group)
        for some in self.sets.values():
            if not some.groups.isdisjoint(wanted):
                yield some

    def find(self, query: SearchEntry) -> tuple[Candidate, ...]:
        """Removed files that come near, the nearest first."""
        return self.find_many([query])[0]

    def find_many(
        self, queries: Sequence[SearchEntry], sigmas: float = SIGMAS
    ) -> list[tuple[Candidate, ...]]:
        """The same for many queries at once, which is much faster for those that have the same
        modules."""
        found: list[list[Candidate]] = [[] for _ in queries]
        alike: dict[tuple[str, bytes], list[int]] = {}
        for number, query in enumerate(queries):
            alike.setdefault((query.group, query.ids.tobytes()), []).append(number)
        for (group, _), numbers in alike.items():
            for begin in range(0, len(numbers), _QUERIES):
                chunk = numbers[begin : begin + _QUERIES]
                units = np.stack([queries[n].units for n in chunk])
                norms = np.stack([queries[n].norms for n in chunk])
                for some in self.meeting(group):
                    places = some.shared(queries[chunk[0]].ids)
                    shared = some.order[places[some.order] >= 0]
                    if len(shared) < some.enough:
                        continue
                    look = _Look.of(units, norms, shared, places)
                    for block in some.blocks:
                        for query_at, candidate in look.at(block, sigmas):
                            found[chunk[query_at]].append(candidate)
        return [tuple(sorted(each, key=lambda c: (-c.best, c.key))) for each in found]


def _kept(keys: Keys, wanted: Callable[[int], bool]) -> Keys:
    stays = np.fromiter((key != GONE and wanted(key) for key in keys.tolist()), np.bool_, len(keys))
    return keys if stays.all() else np.where(stays, keys, GONE)


def gate(modules: int, sigmas: float = SIGMAS) -> float:
    """The mean cosine over so many modules from which a removed file is a candidate."""
    return float(max(LEAST, sigmas / np.sqrt(modules * NUMBERS)))


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Modules that queries look at."""

    places: Places
    """(modules,): in the set."""
    numbers: Floats
    """(modules, queries, 64)"""
    looks: NDArray[np.bool_] | None = None
    """(modules, queries): which of the queries look at each; None for all."""

    @classmethod
    def of(
        cls, places: Places, units: Units, at: Places, looks: NDArray[np.bool_] | None = None
    ) -> _Part:
        """`units`: (queries, modules of theirs, 64); `at`: which of these the places are."""
        return cls(places, units[:, at].transpose(1, 0, 2).astype(np.float32), looks)

    def sums(self, codes: NDArray[np.int8], largest: Floats | None = None) -> tuple[Floats, Floats]:
        """(queries, files): the sums of the cosines, and of their sizes, in `_UNIT`s: whole
        numbers, exact whatever the order they are added in. `largest` takes the largest size."""
        files = codes.shape[1]
        if files <= _FEW_FILES:
            every = self.numbers @ codes[self.places].astype(np.float32).transpose(0, 2, 1)
            if self.looks is not None:
                every *= self.looks[:, :, None]
            signed = every.sum(axis=0)
            np.abs(every, out=every)
            if largest is not None:
                every.max(axis=0, out=largest)
            return signed, every.sum(axis=0)
        signed = np.zeros((self.numbers.shape[1], files), np.float32)
        size = np.zeros_like(signed)
        numbers = np.empty((files, NUMBERS), np.float32)
        for n, place in enumerate(self.places.tolist()):
            whose: Any = slice(None) if self.looks is None else np.flatnonzero(self.looks[n])
            np.copyto(numbers, codes[place])
            cosines = self.numbers[n, whose] @ numbers.T
            signed[whose] += cosines
            size[whose] += np.abs(cosines, out=cosines)
            if largest is not None:
                largest[whose] = np.maximum(largest[whose], cosines)
        return signed, size


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """What queries with the same modules look at in one set."""

    keyed: _Part
    """Modules that all of them look at."""
    strong: _Part | None = None
    """Modules that are among the strongest of some."""
    each: int = 0
    """How many of these each query looks at."""

    @classmethod
    def of(cls, units: Units, norms: Floats, shared: Places, places: Places) -> _Look:
        """`shared`: the modules that both have, in the order in which they are looked at;
        `places`: where the queries have each."""
        if len(shared) <= WHOLE:
            return cls(_Part.of(shared, units, places[shared]))
        first, pool = shared[:KEYED], shared[KEYED:AMONG]
        chosen = strongest(norms[:, places[pool]], STRONGEST)
        looks = np.zeros((len(pool), len(units)), np.bool_)
        looks[chosen, np.arange(len(units))[:, None]] = True
        some = looks.any(axis=1)
        strong = _Part.of(pool[some], units, places[pool[some]], looks[some])
        return cls(_Part.of(first, units, places[first]), strong, chosen.shape[1])

    def at(self, block: ColumnBlock, sigmas: float) -> Iterator[tuple[int, Candidate]]:
        """What comes near in a block, each with the place of its query."""
        for begin in range(0, len(block.keys), BLOCK):
            keys = block.keys[begin : begin + BLOCK]
            codes = block.codes[:, begin : begin + BLOCK]
            counts = [len(self.keyed.places)]
            largest = None
            if counts[0] <= FEW:
                largest = np.zeros((self.keyed.numbers.shape[1], len(keys)), np.float32)
            sums = [self.keyed.sums(codes, largest)]
            if self.strong is not None:
                sums.append(self.strong.sums(codes))
                sums.append((sums[0][0] + sums[1][0], sums[0][1] + sums[1][1]))
                counts += [self.each, counts[0] + self.each]
            near = np.zeros(sums[0][0].shape, np.bool_)
            if largest is not None:
                near |= largest >= np.float32(ONE * _UNIT)
            for (signed, size), count in zip(sums, counts, strict=True):
                near |= np.abs(signed) >= np.float32(gate(count, sigmas) * count * _UNIT)
                near |= size >= np.float32(EITHER_SIGN * count * _UNIT)
            for query, at in zip(*np.nonzero(near & (keys != GONE)), strict=True):
                means = [
                    (
                        abs(float(signed[query, at])) / (count * _UNIT),
                        _sized(float(size[query, at]) / (count * _UNIT)),
                    )
                    for (signed, size), count in zip(sums, counts, strict=True)
                ]
                best = max(max(each) for each in means)
                yield int(query), Candidate(int(keys[at]), means[-1][0], counts[-1], best)


def _sized(mean: float) -> float:
    return mean if mean >= EITHER_SIGN else 0.0
