"""Signs: what of a listing speaks for a copy of a removal, before anything is asked about it.

What comes in: rows of a listing, and what the registry says of sizes and dates. What goes out: for
each row how much each sign speaks for a copy or against it: the logarithm of how often copies show
the sign (a guess, corrected by what this scan found), over how often this listing shows it
(counted). They are added up. An uploader chooses what the signs are made of: none of them counts
for less than `LEAST`, so that nobody writes himself to the end by one of them, and none is a reason
to leave something out.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import combinations_with_replacement
from math import comb, log, log2
from typing import NamedTuple

from reseen.records import Repository

WEIGHTS = (".safetensors", ".pt", ".pth", ".ckpt", ".bin", ".gguf", ".onnx")
ADAPTER_WORDS = ("lora", "lycoris", "locon", "loha", "lokr", "peft", "adapter", "dreambooth")
FEW_FILES = 12
"""An adapter's repository holds a handful of weight files (epochs, sizes); a base model's shards
are more, and larger."""

LEAST = -1.5
"""What a sign can take away."""
MOST = 3.0
"""What a sign can add; for a name or a size that is a removal's, `MOST_EXACT`."""
MOST_EXACT = 6.0

DAY = 86_400_000_000
_WEEK = 7 * DAY


class FileCount(IntEnum):
    """How many weight files a listing names: what of a row's `signs` the last three bits say."""

    NONE = 0
    ONE = 1
    TWO = 2
    THREE = 3
    FEW = 4
    MANY = 5


HINT, TAG = 8, 16
"""Bits of a row's `signs`: a name or a path is a removal's; it is tagged as an adapter."""


def signs_of(repository: Repository, hints: int) -> int:
    """What is kept of a listed repository's tags and paths, in a few bits."""
    count = sum(path.lower().endswith(WEIGHTS) for path in repository.paths)
    files = FileCount(count) if count <= FileCount.THREE else FileCount.FEW
    if count > FEW_FILES:
        files = FileCount.MANY
    return files | (HINT if hints else 0) | (TAG if is_tagged(repository) else 0)


def is_tagged(repository: Repository) -> bool:
    """Does a tag say that it is an adapter?"""
    return any(word in tag.lower() for tag in repository.tags for word in ADAPTER_WORDS)


class ListingRow(NamedTuple):
    """What the order needs of one listed repository."""

    name: str
    """Without its owner."""
    size: int | None
    """Bytes that the hub says it stores: exactly the sum of its LFS files."""
    created: int | None
    """Microseconds since 1970."""
    signs: int

    @property
    def files(self) -> FileCount:
        return FileCount(self.signs & 7)


# -- names ---------------------------------------------------------------------------------------

_WORDS = re.compile(r"[^\W\d_]+|\d+")
_NUMBER_BITS = 1.0
MOST_WORDS = 200_000
"""Words that are counted at a time; those seen once make room."""


def words(name: str) -> list[str]:
    """Its words in lower case; each number is "#"."""
    return ["#" if word.isdecimal() else word.lower() for word in _WORDS.findall(name[:200])]


class Words:
    """How common words are in the names of a listing: each account counts once, however many
    repositories it names alike."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._accounts = 0

    def add(self, names: Iterable[str]) -> None:
        """The names of one account."""
        self._accounts += 1
        self._counts.update({word for name in names for word in words(name)})
        if len(self._counts) > MOST_WORDS:
            self._counts = Counter({word: n for word, n in self._counts.items() if n > 1})

    def bits(self, name: str) -> float:
        """How much a name tells: "LORA" or "Test model 3" little, a name of its own much."""
        total = self._accounts + 1
        return sum(
            _NUMBER_BITS if word == "#" else log2(total / min(total, self._counts[word] + 0.5))
            for word in words(name)
        )


# -- sizes ---------------------------------------------------------------------------------------

STEP = 8
"""Headers of safetensors are padded so: sizes lie this far apart."""
_CELLS = (12, 16, 20, 24)
"""Sizes are counted in cells of 4 KiB, 64 KiB, 1 MiB, 16 MiB: neighbours of a size tell how many
would have it by accident."""
_ENOUGH = 16
_SAME = 40
"""Repositories with exactly one size: a file that was copied is one reason for several, a trainer
that always writes the same length the likelier one for so many and more."""
_EXACT = 0.8
"""Copies of one file that still have its length, where the length is known."""
MOST_SUMS = 500_000


class Sizes:
    """The sizes of removed files, and how often this listing has such sizes."""

    def __init__(self, removed: Mapping[int, int], removals: int) -> None:
        """`removed`: size -> removals that have it. `removals`: all, also those without a size."""
        self.removed = removed
        self._sized = sum(removed.values())
        self._known = min(1.0, self._sized / removals) if removals else 0.0
        self._cells = [dict.fromkeys((size >> bits for size in removed), 0) for bits in _CELLS]
        self._same = dict.fromkeys(removed, 0)
        self._listed = self._equal = 0
        self._sums = {files: _sums(removed, files) for files in (FileCount.TWO, FileCount.THREE)}

    def count(self, row: ListingRow) -> None:
        """One more of the listing."""
        if row.size is None or row.files is not FileCount.ONE:
            return
        self._listed += 1
        if row.size in self._same:
            self._same[row.size] += 1
            self._equal += 1
        for bits, cells in zip(_CELLS, self._cells, strict=True):
            cell = row.size >> bits
            if cell in cells:
                cells[cell] += 1

    def is_sum(self, row: ListingRow) -> bool | None:
        """Do its two or three files together have the sizes of so many removed ones? None: sums of
        these are so many that it would say nothing."""
        sums = self._sums.get(row.files)
        return None if row.size is None or not sums else row.size in sums

    def weight(self, row: ListingRow) -> float:
        """What a repository's size says, where one file is all that it holds."""
        if row.size is None or row.files is not FileCount.ONE or not self._sized:
            return 0.0
        exact = self._known * _EXACT
        same = self._same.get(row.size)
        if same is None:
            others = max(1, self._listed - self._equal)
            return _capped(log((1 - exact) * (self._listed + 1) / others))
        others = max(0, same - 1)
        accidents = max(self._by_accident(row.size), others * others / (others + _SAME))
        copies = exact * self.removed[row.size] / self._sized
        return _capped(log(copies * max(1, self._listed) / accidents), MOST_EXACT)

    def _by_accident(self, size: int) -> float:
        """Repositories of this listing that would have exactly this size, by its neighbours."""
        for bits, cells in zip(_CELLS, self._cells, strict=True):
            count = cells[size >> bits]
            if count >= _ENOUGH or bits == _CELLS[-1]:
                return (count + 1) * STEP / (1 << bits)
        return 1.0


def _sums(removed: Mapping[int, int], files: int) -> frozenset[int]:
    if not removed or comb(len(removed) + files - 1, files) > MOST_SUMS:
        return frozenset()
    return frozenset(sum(some) for some in combinations_with_replacement(removed, files))


# -- what is counted -----------------------------------------------------------------------------

BITS = (5.0, 8.0, 12.0, 18.0)
BURSTS = (2, 5, 15)
NEAR = 7 * DAY
"""Uploads of one account this far apart belong together."""

GUESSED: Mapping[str, Mapping[int, float]] = {
    "files": {
        FileCount.NONE: 0.04,
        FileCount.ONE: 0.60,
        FileCount.TWO: 0.10,
        FileCount.THREE: 0.08,
        FileCount.FEW: 0.15,
        FileCount.MANY: 0.03,
    },
    "hint": {0: 0.8, 1: 0.2},
    "tag": {0: 0.5, 1: 0.5},
    "name": {0: 0.35, 1: 0.25, 2: 0.18, 3: 0.12, 4: 0.10},
    "burst": {0: 0.2, 1: 0.3, 2: 0.3, 3: 0.2},
    "sum": {0: 0.7, 1: 0.3},
}
"""How often copies show what, before any was found. Reporters found them under generic names, one
file a repository for most, uploaded in batches: nobody published shares, so these are guesses that
lie far from 0 and 1, and that `_TRUST` accounts with a find outweigh."""
_TRUST = 20.0
_AFTER = 0.9
"""Copies that come after their removal, or at most `_BEFORE` ahead of it."""
_BEFORE = 30 * DAY
EXACT = ("hint", "sum")
"""Each row's own, as the size is; the other signs the rows of one account have in common."""


def bursts(created: Sequence[int | None]) -> list[int | None]:
    """For each upload of an account how many are near it, itself counted, as a place in `BURSTS`;
    None without a date."""
    dates = sorted(date for date in created if date is not None)
    found: list[int | None] = []
    for date in created:
        if date is None:
            found.append(None)
            continue
        near = bisect_right(dates, date + NEAR) - bisect_right(dates, date - NEAR - 1)
        found.append(bisect_right(BURSTS, near))
    return found


@dataclass(slots=True)
class _Counted:
    """How often a sign was seen in the listing, and where something was found."""

    listed: Counter[int] = field(default_factory=Counter)
    found: defaultdict[int, float] = field(default_factory=lambda: defaultdict(float))


class Survey:
    """One listing, counted: accounts are put in one by one, first with `first`, then with `add`."""

    def __init__(self, sizes: Sizes, removed_on: Sequence[int] = ()) -> None:
        """`removed_on`: when models were removed, sorted, in microseconds since 1970."""
        self.sizes = sizes
        self.words = Words()
        self._removed_on = removed_on
        self._signs = {name: _Counted() for name in GUESSED}
        self._weeks = _Counted()
        self._found = 0.0

    def first(self, rows: Sequence[ListingRow], *, sample: bool = True) -> None:
        """Count an account's sizes and, where it is of the sample, its words."""
        for row in rows:
            self.sizes.count(row)
        if sample:
            self.words.add(row.name for row in rows)

    def add(self, rows: Sequence[ListingRow], found: Sequence[bool]) -> None:
        """Count an account's signs. All that was found there counts as much as one: no account
        decides alone what copies look like."""
        share = 1 / max(1, sum(found))
        self._found += any(found)
        for row, burst, here in zip(rows, self.bursts(rows), found, strict=True):
            for name, value in self._seen(row, burst).items():
                counted = self._signs[name]
                counted.listed[value] += 1
                if here:
                    counted.found[value] += share
            if row.created is not None:
                week = row.created // _WEEK
                self._weeks.listed[week] += 1
                if here:
                    for near, part in ((week - 1, 0.25), (week, 0.5), (week + 1, 0.25)):
                        self._weeks.found[near] += share * part

    def bursts(self, rows: Sequence[ListingRow]) -> list[int | None]:
        return bursts([row.created for row in rows])

    def _seen(self, row: ListingRow, burst: int | None) -> dict[str, int]:
        seen = {
            "files": int(row.files),
            "hint": int(bool(row.signs & HINT)),
            "tag": int(bool(row.signs & TAG)),
            "name": bisect_right(BITS, self.words.bits(row.name)),
        }
        if burst is not None:
            seen["burst"] = burst
        is_sum = self.sizes.is_sum(row)
        if is_sum is not None:
            seen["sum"] = int(is_sum)
        return seen

    def weights(self) -> Weigher:
        """What each sign says, by all that was counted so far."""
        tables = {
            name: {
                value: _capped(
                    log(
                        (_TRUST * guess + counted.found[value])
                        / (_TRUST + self._found)
                        / ((counted.listed[value] + 1) / (counted.listed.total() + len(guessed)))
                    ),
                    MOST_EXACT if name in EXACT else MOST,
                )
                for value, guess in guessed.items()
            }
            for name, guessed in GUESSED.items()
            for counted in (self._signs[name],)
        }
        return Weigher(self._seen, self.bursts, self.sizes, tables, self._week_weights())

    def _week_weights(self) -> dict[int, float]:
        listed, found = self._weeks.listed, self._weeks.found
        total = listed.total()
        after = {week: self._after(week) for week in listed}
        mean = sum(after[week] * n for week, n in listed.items()) / total if total else 1.0
        weights = {}
        for week, n in listed.items():
            share = (n + 1) / (total + len(listed))
            expected = share * after[week] / mean
            copies = (_TRUST * expected + found[week]) / (_TRUST + self._found)
            weights[week] = _capped(log(copies / share))
        return weights

    def _after(self, week: int) -> float:
        """How likely a copy is to come in a week, by what was removed until then."""
        if not self._removed_on:
            return 1.0
        until = bisect_right(self._removed_on, (week + 1) * _WEEK + _BEFORE)
        return 1 - _AFTER + _AFTER * until / len(self._removed_on)


class Weighed(NamedTuple):
    """What the signs of a row say together."""

    own: float
    """Those that are its own: its size, a name that is a removal's."""
    shared: float
    """Those that it has in common with others of its account, which are not counted again for each
    of them: how it is named, when it came, what kind it is."""

    @property
    def sum(self) -> float:
        return self.own + self.shared


@dataclass(frozen=True, slots=True)
class Weigher:
    """Adds up what the signs of rows say."""

    _seen: Callable[[ListingRow, int | None], Mapping[str, int]]
    _bursts: Callable[[Sequence[ListingRow]], Sequence[int | None]]
    _sizes: Sizes
    tables: Mapping[str, Mapping[int, float]]
    """Sign -> what is seen -> weight."""
    weeks: Mapping[int, float]

    def weigh(self, rows: Sequence[ListingRow]) -> list[Weighed]:
        """The rows of one account."""
        weighed = []
        for row, burst in zip(rows, self._bursts(rows), strict=True):
            own, shared = self._sizes.weight(row), 0.0
            for name, value in self._seen(row, burst).items():
                if name in EXACT:
                    own += self.tables[name][value]
                else:
                    shared += self.tables[name][value]
            if row.created is not None:
                shared += self.weeks.get(row.created // _WEEK, 0.0)
            weighed.append(Weighed(own, shared))
        return weighed


def _capped(weight: float, most: float = MOST) -> float:
    return min(most, max(LEAST, weight))
