"""Finds the removals whose sketches are like a file's, and says which it is a copy of.

What comes in: a store or a saved index, once, and then sketches of files. What goes out: claims
that come near, and `Likeness`es. The searched numbers are in memory or mapped (1.1 KB an entry);
the sketches themselves stay where they are and are read for the few that come near, as is the
background of an architecture when the first comes near in it. Immutable; may be used by several
threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, Protocol

import numpy as np
from sqlalchemy import ColumnElement, Connection, Engine, and_, select

from reseen.errors import Malformed
from reseen.fingerprints.entries import SearchEntry, entries, meets
from reseen.fingerprints.sketch import SEARCHED, SLOTS, VERSION, Sketch, decode
from reseen.match import background
from reseen.match.compare import Background, Comparison, best, compare
from reseen.match.digests_alone import every_such_claim, such_claims
from reseen.match.nearest import Candidate, NearestIndex, Query
from reseen.records import RemovalClass
from reseen.store.backends import in_words
from reseen.store.schema import claims, removals, sketch_entries, sketches
from reseen.updates.names.known import BY_ORDER, one_of

MOST_COMPARED = 64
"""Removed files, the nearest first, that one file is compared with in full."""
_DECODED = 256  # sketches kept in memory, 80 KB each
_BATCH = 10_000

OpenStore = Callable[[], AbstractContextManager[Connection]]
"""Opens the store for reading."""


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """A removal, and how like it a file is."""

    removal: str
    claim_pk: int
    """Whose sketch it was."""
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One row of what is searched."""

    claim_pk: int
    group: str
    slots: bytes
    code: bytes


class SketchSource(Protocol):
    """Where whole sketches are read from."""

    def sketch(self, claim_pk: int) -> bytes:
        """In the published byte layout. Raises LookupError where there is none, and StoreError."""
        ...

    def architectures(self) -> Sequence[str]:
        """Those of which strangers are known."""
        ...

    def strangers(self, architecture: str) -> Sequence[bytes]:
        """Those that p-values are calibrated on. Raises StoreError."""
        ...


class StoreSketches:
    """Sketches as the store has them."""

    def __init__(self, store: OpenStore) -> None:
        """`store` opens it for reading: any error of it is handed on."""
        self._store = store

    def sketch(self, claim_pk: int) -> bytes:
        query = select(sketches.c.value).where(
            sketches.c.claim_pk == claim_pk, sketches.c.version == VERSION
        )
        with self._store() as connection:
            value = connection.scalar(query)
        if value is None:
            raise LookupError
        return bytes(value)

    def architectures(self) -> Sequence[str]:
        with self._store() as connection:
            return background.architectures(connection)

    def strangers(self, architecture: str) -> Sequence[bytes]:
        with self._store() as connection:
            return background.values(connection, architecture)


@dataclass(frozen=True, slots=True)
class HeldSketches:
    """Whole sketches in memory: what goes with an index that is sent elsewhere."""

    values: Mapping[int, bytes]
    """By the claim's pk."""
    unrelated: Mapping[str, Sequence[bytes]]
    """By architecture."""

    def sketch(self, claim_pk: int) -> bytes:
        return self.values[claim_pk]

    def architectures(self) -> Sequence[str]:
        return list(self.unrelated)

    def strangers(self, architecture: str) -> Sequence[bytes]:
        return self.unrelated.get(architecture, ())


class Comparer:
    """Compares with whole sketches, and remembers those that were read last."""

    def __init__(self, source: SketchSource) -> None:
        self.source = source
        self._lock = threading.Lock()
        self._decoded = lru_cache(_DECODED)(self._read)
        self._background = lru_cache(None)(self._strangers)

    def forget_background(self) -> None:
        """Strangers are read anew: more were seen since."""
        self._background.cache_clear()

    def compare(self, claim_pk: int, sketch: Sketch) -> Comparison | None:
        """A file with a removed one. Raises LookupError, Malformed and StoreError."""
        return self.compare_with(self._decoded(claim_pk), sketch)

    def compare_with(self, theirs: Sketch, sketch: Sketch) -> Comparison | None:
        """Modules of one name are compared, whatever the files as a whole are: a text encoder alone
        has another architecture than the file that it was taken from."""
        larger = max(theirs, sketch, key=lambda s: len(s.ids))
        with self._lock:
            strangers = self._background(larger.architecture)
            mark = BY_ORDER if sketch.architecture.endswith(BY_ORDER) else ""
            named = theirs.architecture.removesuffix(BY_ORDER) + mark
            return compare(theirs, replace(sketch, architecture=named), strangers)

    def _read(self, claim_pk: int) -> Sketch:
        return decode(self.source.sketch(claim_pk))

    def _strangers(self, architecture: str) -> Background:
        each = (self.source.strangers(model) for model in one_of(architecture))
        return background.of_values(value for some in each for value in some)


class SketchIndex:
    """Search and comparison over the sketches of claims, each by its claim's pk."""

    def __init__(
        self,
        comparer: Comparer,
        base: NearestIndex,
        later: NearestIndex | None = None,
        held: Mapping[int, Sketch] | None = None,
    ) -> None:
        """`later`: what came since `base`; `held`: sketches that the source does not have."""
        self.comparer = comparer
        self._base, self._later = base, later
        self._parts = (base,) if later is None else (base, later)
        self._held = held or {}
        self._length = sum(len(part) for part in self._parts)

    @classmethod
    def load(
        cls,
        connection: Connection,
        store: OpenStore | None = None,
        only: Collection[str] | None = None,
    ) -> SketchIndex:
        """All in force, or only these removals. `store` is where sketches are read from later, if
        not from a snapshot of its own beside this connection."""
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
        codes: dict[tuple[str, bytes], bytearray] = {}
        keys: dict[tuple[str, bytes], list[int]] = {}
        alone = every_such_claim(connection)
        for group, slots, code, claim_pk, removal in connection.execute(query):
            if claim_pk in alone or (only is not None and removal not in only):
                continue
            codes.setdefault((group, bytes(slots)), bytearray()).extend(code)
            keys.setdefault((group, bytes(slots)), []).append(claim_pk)
        base = NearestIndex()
        for (group, slots), some in codes.items():
            numbers = np.frombuffer(some, np.int8).reshape(-1, SEARCHED)
            base.add(group, as_slots(slots), numbers, keys[group, slots])
        return cls(Comparer(StoreSketches(store or snapshots(connection.engine))), base)

    def __reduce__(self) -> tuple[Any, ...]:
        """A value that needs no store: whole sketches go with it."""
        source, values = self.comparer.source, {}
        for part in self._parts:
            for *_, keys in part.groups():
                for pk in keys.tolist():
                    with suppress(LookupError):
                        values[pk] = source.sketch(pk)
        unrelated = {name: source.strangers(name) for name in source.architectures()}
        return _put_together, (HeldSketches(values, unrelated), self._parts, self._held)

    @classmethod
    def none(cls, source: SketchSource) -> SketchIndex:
        """Nothing to search."""
        return cls(Comparer(source), NearestIndex())

    def __len__(self) -> int:
        """Entries."""
        return self._length

    @cached_property
    def claims(self) -> int:
        """Claims whose sketches are searched."""
        keys = [keys for part in self._parts for *_, keys in part.groups()]
        return len(np.unique(np.concatenate(keys))) if keys else 0

    def plus(
        self, rows: Iterable[EntryRow], held: Mapping[int, Sketch] | None = None
    ) -> SketchIndex:
        """The same with more entries; those of claims that are known already are left out."""
        rows = list(rows)
        known = self.known({row.claim_pk for row in rows})
        fresh = [row for row in rows if row.claim_pk not in known]
        held = {pk: one for pk, one in (held or {}).items() if pk not in self._held}
        if not fresh and not held:
            return self
        later = NearestIndex() if self._later is None else self._later.copy()
        for row in fresh:
            code = np.frombuffer(row.code, np.int8)[None]
            later.add(row.group, as_slots(row.slots), code, [row.claim_pk])
        return SketchIndex(self.comparer, self._base, later, {**self._held, **held})

    def read_by(self, comparer: Comparer) -> SketchIndex:
        """The same, whole sketches read by other means."""
        return SketchIndex(comparer, self._base, self._later, self._held)

    def known(self, claim_pks: Collection[int]) -> set[int]:
        """Those of these claims that are searched."""
        return {pk for part in self._parts for pk in part.held(claim_pks)}

    def kept(self, wanted: Callable[[int], bool]) -> NearestIndex:
        """All entries of claims that are wanted, in one part."""
        made = NearestIndex()
        for part in self._parts:
            for group, slots, codes, keys in part.groups():
                chosen = np.fromiter((wanted(pk) for pk in keys.tolist()), np.bool_, len(keys))
                made.put_back(group, slots, codes[chosen], keys[chosen])
        return made

    def folded(self, wanted: Callable[[int], bool], *, anew: bool = False) -> SketchIndex:
        """The same, what came later put in with the rest; strangers are read anew. `anew`: also
        where nothing came, so that what is not wanted is not in it."""
        self.comparer.forget_background()
        if self._later is None and not anew:
            return self
        return SketchIndex(self.comparer, self.kept(wanted), None, self._held)

    # -- asking ----------------------------------------------------------------------------------

    def could_match(self, modules: Mapping[str, bytes]) -> frozenset[str]:
        """The groups in which a file with these slots can come near anything at all."""
        return frozenset(
            group
            for group, slots in modules.items()
            if any(
                part.could_match(each, as_slots(slots))
                for part in self._parts
                for each in meets(group)
            )
        )

    def near_many(self, files: Sequence[Sequence[SearchEntry]]) -> list[list[int]]:
        """For each file, by its entries: the claims (by pk) that come near, the nearest first and
        each once."""
        return [list(dict.fromkeys(each.key for each in some)) for some in self._candidates(files)]

    def nearest(self, sketch: Sketch) -> list[Candidate]:
        """What comes near by the searched modules, the nearest first; each claim once."""
        (found,) = self._candidates([entries(sketch)])
        once: dict[int, Candidate] = {}
        for each in found:
            once.setdefault(each.key, each)
        return list(once.values())

    def _candidates(self, files: Sequence[Sequence[SearchEntry]]) -> list[list[Candidate]]:
        """For each file what comes near, the nearest first."""
        queries: list[Query] = []
        whose: list[int] = []
        for number, some in enumerate(files):
            for each in some:
                for group in meets(each.group):
                    # Negated, and used at strength -1, it is the same adapter.
                    queries += [Query(group, code, each.slots) for code in (each.code, -each.code)]
                    whose += [number, number]
        found: list[list[Candidate]] = [[] for _ in files]
        for part in self._parts:
            if len(part):
                for number, candidates in zip(whose, part.find_many(queries), strict=True):
                    found[number] += candidates
        return [sorted(some, key=lambda c: (-c.cosine, c.key)) for some in found]

    def compared(
        self, sketch: Sketch, candidates: Sequence[tuple[str, int]]
    ) -> tuple[Likeness, ...]:
        """How like these candidates, (removal, claim's pk), a file is by all its modules; the best
        claim of each removal, the surest first."""
        found: list[Likeness] = []
        for removal, claim_pk in candidates[:MOST_COMPARED]:
            try:
                held = self._held.get(claim_pk)
                made = (
                    self.comparer.compare(claim_pk, sketch)
                    if held is None
                    else self.comparer.compare_with(held, sketch)
                )
            except (LookupError, Malformed):
                continue  # not stored yet, or damaged: nothing to compare with
            if made is not None:
                found.append(Likeness(removal, claim_pk, made))
        return surest(*found)


def surest(*found: Likeness) -> tuple[Likeness, ...]:
    """The best of each removal, the surest first."""
    by_removal: dict[str, list[Likeness]] = {}
    for each in found:
        by_removal.setdefault(each.removal, []).append(each)
    chosen = [_best(some) for some in by_removal.values()]
    return tuple(sorted(chosen, key=lambda f: (f.comparison.p_value, -f.comparison.mean)))


def _put_together(
    source: HeldSketches, parts: Sequence[NearestIndex], held: Mapping[int, Sketch]
) -> SketchIndex:
    base, later = (*parts, None)[:2]
    assert base is not None
    return SketchIndex(Comparer(source), base, later, held)


def _best(likenesses: Sequence[Likeness]) -> Likeness:
    # What names tell goes before what an order lets one guess, however sure that looks.
    copies = [each.comparison for each in likenesses if each.comparison.is_copy]
    strongest = best(copies or [each.comparison for each in likenesses])
    return next(each for each in likenesses if each.comparison is strongest)


def searched() -> ColumnElement[bool]:
    """The condition on `claims` and `removals` of sketches that are searched: in force, and not of
    the class of which only digests are looked for. Claims of which only digests count
    (`digests_alone`) are left out beside it."""
    return and_(claims.c.in_force == 1, removals.c.cls < int(RemovalClass.CHILD_ABUSE))


def entry_rows(connection: Connection, removal_pks: Collection[int]) -> list[EntryRow]:
    """What is searched of these removals (at most a few hundred)."""
    query = (
        select(
            sketch_entries.c.claim_pk,
            sketch_entries.c.group,
            sketch_entries.c.slots,
            sketch_entries.c.code,
        )
        .join(claims, claims.c.pk == sketch_entries.c.claim_pk)
        .join(removals, removals.c.pk == claims.c.removal_pk)
        .where(
            claims.c.removal_pk.in_(list(removal_pks)),
            searched(),
            sketch_entries.c.version == VERSION,
        )
    )
    found = [EntryRow(*row) for row in connection.execute(query)]
    alone = such_claims(connection, {row.claim_pk for row in found})
    return [row for row in found if row.claim_pk not in alone]


def rows_of(claim_pk: int, sketch: Sketch) -> list[EntryRow]:
    """The same of a sketch that is in no store."""
    return [
        EntryRow(claim_pk, each.group, each.slots.astype("<u4").tobytes(), each.code.tobytes())
        for each in entries(sketch)
    ]


def as_slots(slots: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint32]]:
    """Slots as the store keeps them."""
    return np.frombuffer(slots, "<u4", SLOTS).astype(np.uint32)


def snapshots(engine: Engine) -> OpenStore:
    """Short readings of a store, from any thread, beside whatever is written."""

    @contextmanager
    def snapshot() -> Iterator[Connection]:
        with in_words(), engine.connect() as connection:
            yield connection

    return snapshot
