"""The sketches of all removals in force: which are like this one, and is it a copy?

What comes in: a store, once, and then sketches of files. What goes out: `Likeness`es. The searched
numbers are in memory (1.1 KB an entry); the sketches themselves stay in the store and are read for
the few that come near, as is the background of an architecture when the first comes near in it.
May be used by several threads.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Engine, and_, select

from reseen.errors import Malformed
from reseen.fingerprints.entries import Entry, entries, meets
from reseen.fingerprints.sketch import SEARCHED, SLOTS, VERSION, Sketch, decode
from reseen.match import background
from reseen.match.search import Candidate, Query, SketchIndex, Slots
from reseen.match.weights import Background, Comparison, best, compare
from reseen.records import RemovalClass
from reseen.store.backends import in_words
from reseen.store.schema import claims, removals, sketch_entries, sketches

MOST_COMPARED = 64
"""Removed files, the nearest first, that one file is compared with in full."""
_DECODED = 256  # sketches kept in memory, 80 KB each
_BATCH = 10_000

Snapshot = Callable[[], AbstractContextManager[Connection]]
"""Opens the store for reading."""


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """A removal, and how like it a file is."""

    removal: str
    comparison: Comparison


class Sketches:
    """Search and comparison over removals in force."""

    def __init__(self, store: Snapshot) -> None:
        self._store = store
        self._index = SketchIndex()
        self._files = array("q")
        """By entry: the removed file's pk."""
        self._removals: list[str] = []
        """By entry: the removal's id."""
        self._lock = threading.Lock()
        self._held: dict[int, Sketch] = {}
        """By a removed file's pk: sketches that the store does not have."""
        self._decoded = lru_cache(_DECODED)(self._read)
        self._background = lru_cache(None)(self._read_background)

    @classmethod
    def load(
        cls,
        connection: Connection,
        store: Snapshot | None = None,
        only: Collection[str] | None = None,
    ) -> Sketches:
        """All in force, or only these removals. `store` is where sketches are read from later, if
        not from a snapshot of its own beside this connection."""
        made = cls(store or snapshots(connection.engine))
        query = (
            select(
                sketch_entries.c.group,
                sketch_entries.c.slots,
                sketch_entries.c.code,
                sketch_entries.c.claim_pk,
                removals.c.id,
            )
            .join(claims, claims.c.pk == sketch_entries.c.claim_pk)
            .join(removals, removals.c.pk == claims.c.removal_pk)
            .where(searched(), sketch_entries.c.version == VERSION)
            .order_by(sketch_entries.c.claim_pk, sketch_entries.c.group)
            .execution_options(yield_per=_BATCH)
        )
        ids: dict[str, str] = {}  # one object for each id
        codes: dict[tuple[str, bytes], bytearray] = {}
        keys: dict[tuple[str, bytes], list[int]] = {}
        for group, slots, code, claim_pk, removal in connection.execute(query):
            if only is not None and removal not in only:
                continue
            codes.setdefault((group, slots), bytearray()).extend(code)
            keys.setdefault((group, slots), []).append(len(made._files))
            made._files.append(claim_pk)
            made._removals.append(ids.setdefault(removal, removal))
        for (group, slots), some in codes.items():
            numbers = np.frombuffer(some, np.int8).reshape(-1, SEARCHED)
            made._index.add(group, as_slots(slots), numbers, keys[group, slots])
        return made

    def __len__(self) -> int:
        """Entries."""
        return len(self._files)

    def add(self, removal: str, claim_pk: int, sketch: bytes) -> None:
        """A removal has learned a file's sketch, and it is in the store."""
        for each in entries(decode(sketch)):
            self._add(removal, claim_pk, each.group, each.slots, each.code)

    def add_entry(self, removal: str, claim_pk: int, group: str, slots: bytes, code: bytes) -> None:
        """One row of the store's entries."""
        self._add(removal, claim_pk, group, as_slots(slots), np.frombuffer(code, np.int8))

    def _add(
        self, removal: str, claim_pk: int, group: str, slots: Slots, code: NDArray[np.int8]
    ) -> None:
        with self._lock:
            key = len(self._files)
            self._files.append(claim_pk)
            self._removals.append(removal)
            self._index.add(group, slots, code[None], [key])

    def kept(self) -> Iterator[tuple[str, bytes, bytes, list[str], array[int]]]:
        """All entries, to be kept elsewhere: group, slots, codes, and for each of these the removal
        and the removed file's pk."""
        with self._lock:
            for group, slots, codes, keys in self._index.groups():
                numbers = keys.tolist()
                yield (
                    group,
                    slots.astype("<u4").tobytes(),
                    codes.tobytes(),
                    [self._removals[n] for n in numbers],
                    array("q", [self._files[n] for n in numbers]),
                )

    def put_back(
        self, group: str, slots: bytes, codes: bytes, whose: Sequence[str], files: Sequence[int]
    ) -> None:
        """Entries as `kept` gave them."""
        with self._lock:
            keys = range(len(self._files), len(self._files) + len(files))
            self._files.extend(files)
            self._removals.extend(whose)
            numbers = np.frombuffer(codes, np.int8).reshape(-1, SEARCHED)
            self._index.put_back(group, as_slots(slots), numbers, keys)

    def hold(self, claim_pk: int, sketch: Sketch) -> None:
        """Compare with this sketch, which the store does not have."""
        self._held[claim_pk] = sketch

    def forget_background(self) -> None:
        """Strangers are read anew: more were seen since."""
        self._background.cache_clear()

    def could_match(self, modules: Mapping[str, bytes]) -> frozenset[str]:
        """The groups in which a file with these slots can come near anything at all."""
        with self._lock:
            return frozenset(
                group
                for group, slots in modules.items()
                if any(self._index.could_match(each, as_slots(slots)) for each in meets(group))
            )

    def near(self, sketch: Sketch) -> bool:
        """Does anything come near? Also of a subset of a file's modules."""
        return bool(self.near_many([entries(sketch)])[0])

    def near_many(self, files: Sequence[Sequence[Entry]]) -> list[list[tuple[str, int]]]:
        """For each file, by its entries: (removal, removed file's pk) of what comes near, the
        nearest first and each once."""
        return [
            list(dict.fromkeys((self._removals[c.key], self._files[c.key]) for c in some))
            for some in self._candidates(files)
        ]

    def _candidates(self, files: Sequence[Sequence[Entry]]) -> list[list[Candidate]]:
        """For each file what comes near, the nearest first."""
        queries: list[Query] = []
        whose: list[int] = []
        for number, some in enumerate(files):
            for each in some:
                for group in meets(each.group):
                    # Negated, and used at strength -1, it is the same adapter.
                    queries += [Query(group, code, each.slots) for code in (each.code, -each.code)]
                    whose += [number, number]
        with self._lock:
            answers = self._index.find_many(queries) if len(self._files) else []
        found: list[list[Candidate]] = [[] for _ in files]
        for number, candidates in zip(whose, answers, strict=False):
            found[number] += candidates
        return [sorted(some, key=lambda c: (-c.cosine, c.key)) for some in found]

    def likenesses(self, sketch: Sketch, besides: Collection[str] = ()) -> tuple[Likeness, ...]:
        """How like the removals a file is, by all its modules; the best file of each removal, the
        surest first. `besides`: removals that need no comparison."""
        (found,) = self.near_many([entries(sketch)])
        return self.compared(sketch, [each for each in found if each[0] not in besides])

    def compared(
        self, sketch: Sketch, candidates: Sequence[tuple[str, int]]
    ) -> tuple[Likeness, ...]:
        """The same, of candidates that are known."""
        comparisons: dict[str, list[Comparison]] = {}
        for removal, claim_pk in candidates[:MOST_COMPARED]:
            try:
                theirs = self._decoded(claim_pk)
            except (LookupError, Malformed):
                continue  # not stored yet, or damaged: nothing to compare with
            with self._lock:
                made = self._compare(theirs, sketch)
            if made is not None:
                comparisons.setdefault(removal, []).append(made)
        chosen = [(removal, best(some)) for removal, some in comparisons.items()]
        found = [Likeness(removal, one) for removal, one in chosen if one is not None]
        return tuple(sorted(found, key=lambda f: (f.comparison.p_value, -f.comparison.mean)))

    def _compare(self, theirs: Sketch, sketch: Sketch) -> Comparison | None:
        """Modules of one name are compared, whatever the files as a whole are: a text encoder alone
        has another architecture than the file that it was taken from."""
        larger = max(theirs, sketch, key=lambda s: len(s.ids))
        strangers = self._background(larger.architecture)
        return compare(theirs, replace(sketch, architecture=theirs.architecture), strangers)

    def estimates(self, sketch: Sketch) -> list[tuple[str, Candidate]]:
        """What comes near, by removal, the nearest first: judged by the searched modules alone, for
        when the store does not answer."""
        (found,) = self._candidates([entries(sketch)])
        best: dict[str, Candidate] = {}
        for each in found:
            best.setdefault(self._removals[each.key], each)
        return list(best.items())

    def _read(self, claim_pk: int) -> Sketch:
        if claim_pk in self._held:
            return self._held[claim_pk]
        query = select(sketches.c.value).where(
            sketches.c.claim_pk == claim_pk, sketches.c.version == VERSION
        )
        with self._store() as connection:
            value = connection.scalar(query)
        if value is None:
            raise LookupError
        return decode(value)

    def _read_background(self, architecture: str) -> Background:
        with self._store() as connection:
            return background.load(connection, architecture)


def searched() -> ColumnElement[bool]:
    """The condition on `claims` and `removals` of sketches that are searched: in force, and not of
    the class of which only digests are looked for."""
    return and_(claims.c.in_force == 1, removals.c.cls < int(RemovalClass.CHILD_ABUSE))


def as_slots(slots: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint32]]:
    """Slots as the store keeps them."""
    return np.frombuffer(slots, "<u4", SLOTS).astype(np.uint32)


def snapshots(engine: Engine) -> Snapshot:
    """Short readings of a store, from any thread, beside whatever is written."""

    @contextmanager
    def snapshot() -> Iterator[Connection]:
        with in_words(), engine.connect() as connection:
            yield connection

    return snapshot
