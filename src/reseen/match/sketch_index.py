"""Finds the removals whose sketches are like a file's, and says which it is a copy of.

What comes in: a store or a saved index, once, and then sketches of files. What goes out: claims
that come near, and `Likeness`es. What is searched, 64 bytes a module, is in memory or mapped;
the sketches themselves stay where they are and are read for the few that come near, as is the
background of an architecture when the first comes near in it. Immutable; may be used by several
threads.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Connection, Engine, and_, select

from reseen.errors import Malformed
from reseen.fingerprints.choice import ModuleOrder
from reseen.fingerprints.entries import SearchEntry, as_ids, entries, groups, may_be_part, units_of
from reseen.fingerprints.sketch import Sketch, decode
from reseen.match import background
from reseen.match.background import Stranger
from reseen.match.column_files import ColumnFiles
from reseen.match.compare import COPY_MEAN, Background, Comparison, Relation, best, compare
from reseen.match.digests_alone import every_such_claim, such_claims
from reseen.match.first_read import Offered, first_modules, next_modules
from reseen.match.mixed import mixed
from reseen.match.nearest import DOUBT, Candidate, NearestIndex, Row
from reseen.observed import further
from reseen.records import RemovalClass
from reseen.store import search_key
from reseen.store.backends import in_words
from reseen.store.database import chunks
from reseen.store.schema import claims, removals, sketches
from reseen.updates.names.known import BY_ORDER, one_of, unmarked

MOST_COMPARED = 64
"""Removed files, the nearest first, that one file is compared with in full."""
_DECODED = 256  # sketches kept in memory, 80 KB each
_BATCH = 256  # ids in a condition
IN_MEMORY = 48 << 20
"""Bytes of what is searched from which on they are kept in a file and mapped."""

OpenStore = Callable[[], AbstractContextManager[Connection]]
"""Opens the store for reading."""


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """A removal, and how like it a file is."""

    removal: str
    claim_pk: int
    """Whose sketch it was."""
    comparison: Comparison


class SketchSource(Protocol):
    """Where whole sketches are read from."""

    def sketch(self, key: int) -> bytes:
        """By its key (`observed.further`), in the published byte layout. Raises LookupError where
        there is none, and StoreError."""
        ...

    def architectures(self) -> Sequence[str]:
        """Those of which strangers are known."""
        ...

    def strangers(self, architecture: str) -> Sequence[Stranger]:
        """Those that p-values are calibrated on. Raises StoreError."""
        ...


class StoreSketches:
    """Sketches as the store has them."""

    def __init__(self, store: OpenStore) -> None:
        """`store` opens it for reading: any error of it is handed on."""
        self._store = store

    def sketch(self, key: int) -> bytes:
        query = select(sketches.c.value).where(further.is_called(sketches, key))
        with self._store() as connection:
            value = connection.scalar(query)
        if value is None:
            raise LookupError
        return bytes(value)

    def architectures(self) -> Sequence[str]:
        with self._store() as connection:
            return background.architectures(connection)

    def strangers(self, architecture: str) -> Sequence[Stranger]:
        with self._store() as connection:
            return background.values(connection, architecture)


@dataclass(frozen=True, slots=True)
class HeldSketches:
    """Whole sketches in memory: what goes with an index that is sent elsewhere."""

    values: Mapping[int, bytes]
    """By key."""
    unrelated: Mapping[str, Sequence[Stranger]]
    """By architecture."""

    def sketch(self, key: int) -> bytes:
        return self.values[key]

    def architectures(self) -> Sequence[str]:
        return list(self.unrelated)

    def strangers(self, architecture: str) -> Sequence[Stranger]:
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

    def compare(self, key: int, sketch: Sketch) -> Comparison | None:
        """A file with a removed one. Raises LookupError, Malformed and StoreError."""
        return self.compare_with(self._decoded(key), sketch)

    def compare_with(self, theirs: Sketch, sketch: Sketch) -> Comparison | None:
        """Modules of one name are compared, whatever the files as a whole are: a text encoder alone
        has another architecture than the file that it was taken from."""
        larger = max(theirs, sketch, key=lambda s: len(s.ids))
        with self._lock:
            strangers = self._background(larger.architecture)
            mark = BY_ORDER if sketch.architecture.endswith(BY_ORDER) else ""
            named = unmarked(theirs.architecture) + mark
            return compare(theirs, replace(sketch, architecture=named), strangers)

    def removed(self, key: int) -> Sketch:
        """The sketch of a removal. Raises LookupError, Malformed and StoreError."""
        return self._decoded(key)

    def _read(self, key: int) -> Sketch:
        return decode(self.source.sketch(key))

    def _strangers(self, architecture: str) -> Background:
        each = (self.source.strangers(model) for model in one_of(architecture))
        return background.of_values(value for some in each for value in some)


class SketchIndex:
    """Search and comparison over the sketches of claims, each by its key: the claim's pk, and of
    further adapters in its file their number beside it (`observed.further`)."""

    def __init__(
        self,
        comparer: Comparer,
        searched: NearestIndex,
        held: Mapping[int, Sketch] | None = None,
        *,
        partial: bool = False,
    ) -> None:
        """`held`: sketches that the source does not have; `partial`: not all modules are here."""
        self.partial = partial
        self.comparer = comparer
        self._searched = searched
        self._held = held or {}
        self._length = len(searched)

    @classmethod
    def load(
        cls,
        connection: Connection,
        store: OpenStore | None = None,
        only: Collection[str] | None = None,
    ) -> SketchIndex:
        """All in force, or only these removals. `store` is where sketches are read from later, if
        not from a snapshot of its own beside this connection."""
        order = ModuleOrder(search_key.of(connection))
        wanted = _searched_keys(connection, only)
        files, made = None, NearestIndex(order)
        if only is None:
            files, made = ColumnFiles.of(connection, order)
            made = made.without(wanted.__contains__)
        missing = wanted - set(made.present())
        for values in _parts(connection, missing):
            part = NearestIndex(order).plus(row for key, v in values for row in _rows(key, v))
            if files is not None and part.nbytes >= IN_MEMORY:
                files, part = files.keep(part)
            made = made.joined(part)
        return cls(Comparer(StoreSketches(store or snapshots(connection.engine))), made)

    def __reduce__(self) -> tuple[Any, ...]:
        """A value that needs no store: whole sketches go with it."""
        source, values = self.comparer.source, {}
        for key in self._searched.present():
            with suppress(LookupError):
                values[key] = source.sketch(key)
        unrelated = {name: source.strangers(name) for name in source.architectures()}
        return _put_together, (HeldSketches(values, unrelated), self._searched, self._held)

    @classmethod
    def none(cls, source: SketchSource) -> SketchIndex:
        """Nothing to search yet, in an order of its own."""
        return cls(Comparer(source), NearestIndex(ModuleOrder(secrets.token_bytes(32))))

    def __len__(self) -> int:
        """Sketches that are searched."""
        return self._length

    def plus(
        self, rows: Sequence[SketchRow], held: Mapping[int, Sketch] | None = None
    ) -> SketchIndex:
        """The same with more sketches; those of claims that are known already are left out."""
        known = self._searched.held({key for key, _ in rows})
        fresh = [row for key, value in rows if key not in known for row in _rows(key, value)]
        held = {pk: one for pk, one in (held or {}).items() if pk not in self._held}
        if not fresh and not held:
            return self
        return SketchIndex(
            self.comparer,
            self._searched.plus(fresh),
            {**self._held, **held},
            partial=self.partial,
        )

    def read_by(self, comparer: Comparer) -> SketchIndex:
        """The same, whole sketches read by other means."""
        return SketchIndex(comparer, self._searched, self._held, partial=self.partial)

    def kept(self, wanted: Callable[[int], bool]) -> NearestIndex:
        """What is searched of claims (by pk) that are wanted."""
        return self._searched.without(lambda key: wanted(further.pk_of(key)))

    def folded(self, wanted: Callable[[int], bool]) -> SketchIndex:
        """The same without what is not wanted; strangers are read anew."""
        self.comparer.forget_background()
        return SketchIndex(self.comparer, self.kept(wanted), self._held, partial=self.partial)

    # -- asking ----------------------------------------------------------------------------------

    def could_match(self, modules: Mapping[str, bytes]) -> frozenset[str]:
        """The groups in which a file with these modules can come near anything at all."""
        return frozenset(
            group
            for group, ids in modules.items()
            if self._searched.could_match(group, as_ids(ids))
        )

    def first_modules(self, groups: Collection[str], offered: Offered) -> frozenset[str]:
        """Names of the modules to be read first of a file at a hub."""
        return first_modules(self._searched, groups, offered)

    def next_modules(
        self, groups: Collection[str], offered: Offered, read: Collection[str]
    ) -> frozenset[str]:
        """... and of those to be read after these, where they leave a doubt."""
        return next_modules(self._searched, groups, offered, read)

    def leaves_doubt(self, sketch: Sketch) -> bool:
        """Is anything so near that a few more modules are worth reading, though not near enough?"""
        return any(self._searched.find_many(entries(sketch), DOUBT))

    def says_little(self, file: Sequence[SearchEntry]) -> bool:
        """Whether all modules of a file are to be looked at, for those that were kept say little of
        it."""
        return any(may_be_part(each) and self._searched.says_little(each) for each in file)

    def near_many(self, files: Sequence[Sequence[SearchEntry]]) -> list[list[int]]:
        """For each file, by its entries: the sketches of claims (by key) that come near, the
        nearest first and each once."""
        return [[each.key for each in some] for some in self._candidates(files)]

    def nearest(self, sketch: Sketch) -> list[Candidate]:
        """What comes near, by key, the nearest first; each once."""
        return self._candidates([entries(sketch)])[0]

    def _candidates(self, files: Sequence[Sequence[SearchEntry]]) -> list[list[Candidate]]:
        queries = [each for some in files for each in some]
        whose = [number for number, some in enumerate(files) for _ in some]
        found: list[dict[int, Candidate]] = [{} for _ in files]
        for number, candidates in zip(whose, self._searched.find_many(queries), strict=True):
            for each in candidates:
                before = found[number].get(each.key)
                if before is None or before.best < each.best:
                    found[number][each.key] = each
        return [sorted(some.values(), key=lambda c: (-c.best, c.key)) for some in found]

    def compared(
        self, sketch: Sketch, candidates: Sequence[tuple[str, int]]
    ) -> tuple[Likeness, ...]:
        """How like these candidates, (removal, sketch's key), a file is by all its modules; the
        best claim of each removal, the surest first."""
        found: list[Likeness] = []
        for removal, key in candidates[:MOST_COMPARED]:
            try:
                held = self._held.get(key)
                made = (
                    self.comparer.compare(key, sketch)
                    if held is None
                    else self.comparer.compare_with(held, sketch)
                )
            except (LookupError, Malformed):
                continue  # not stored yet, or damaged: nothing to compare with
            if made is not None and _is_told(made):
                found.append(Likeness(removal, further.pk_of(key), made))
        return surest(*found)

    def mixed(
        self, sketches: Sequence[Sketch], candidates: Sequence[tuple[str, int]]
    ) -> tuple[Likeness, ...]:
        """Candidates whose layers are spread over a file's adapters: leads."""
        found: list[Likeness] = []
        for removal, key in candidates[:MOST_COMPARED]:
            try:
                theirs = self._held.get(key) or self.comparer.removed(key)
                whole = mixed(theirs, sketches)
                made = None if whole is None else self.comparer.compare_with(theirs, whole)
            except (LookupError, Malformed):
                continue
            if made is not None and made.is_copy:
                made = replace(made, relation=Relation.MIXED)
                found.append(Likeness(removal, further.pk_of(key), made))
        return surest(*found)


def surest(*found: Likeness) -> tuple[Likeness, ...]:
    """The best of each removal, the surest first."""
    by_removal: dict[str, list[Likeness]] = {}
    for each in found:
        by_removal.setdefault(each.removal, []).append(each)
    chosen = [_best(some) for some in by_removal.values()]
    return tuple(sorted(chosen, key=lambda f: (f.comparison.p_value, -f.comparison.mean)))


def _is_told(made: Comparison) -> bool:
    """Whether a likeness is told that is no copy: by all modules, so that it does not depend on
    those that were looked at first."""
    return made.mean >= COPY_MEAN or made.relation not in (Relation.RELATED, Relation.UNRELATED)


def _put_together(
    source: HeldSketches, searched: NearestIndex, held: Mapping[int, Sketch]
) -> SketchIndex:
    return SketchIndex(Comparer(source), searched, held)


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


SketchRow = tuple[int, bytes]
"""A key, and its sketch in the published layout."""


def sketch_rows(connection: Connection, removal_pks: Collection[int]) -> list[SketchRow]:
    """The sketches of these removals (at most a few hundred) that are searched."""
    query = (
        select(claims.c.pk, sketches.c.version, sketches.c.value)
        .select_from(sketches)
        .join(claims, claims.c.pk == sketches.c.claim_pk)
        .join(removals, removals.c.pk == claims.c.removal_pk)
        .where(
            claims.c.removal_pk.in_(list(removal_pks)),
            searched(),
            sketches.c.kind.in_(further.ADAPTERS),
        )
    )
    found = [(pk, further.key(pk, v), bytes(value)) for pk, v, value in connection.execute(query)]
    alone = such_claims(connection, {pk for pk, *_ in found})
    return [(key, value) for pk, key, value in found if pk not in alone]


def _searched_keys(connection: Connection, only: Collection[str] | None) -> set[int]:
    """Keys of the sketches that are searched, of all removals in force, or of these."""
    query = (
        select(claims.c.pk, sketches.c.version, removals.c.id)
        .select_from(sketches)
        .join(claims, claims.c.pk == sketches.c.claim_pk)
        .join(removals, removals.c.pk == claims.c.removal_pk)
        .where(searched(), sketches.c.kind.in_(further.ADAPTERS))
    )
    if only is not None and len(only) <= _BATCH:
        query = query.where(removals.c.id.in_(sorted(only)))
    rows = connection.execute(query).all()
    alone = every_such_claim(connection)
    return {
        further.key(pk, version)
        for pk, version, id in rows
        if pk not in alone and (only is None or id in only)
    }


def _parts(connection: Connection, keys: Collection[int]) -> Iterator[list[SketchRow]]:
    """The sketches of these keys, about as many at a time as are held in memory."""
    found: list[SketchRow] = []
    length = 0
    for chunk in chunks(sorted({further.pk_of(key) for key in keys})):
        query = select(sketches.c.claim_pk, sketches.c.version, sketches.c.value).where(
            sketches.c.claim_pk.in_(chunk), sketches.c.kind.in_(further.ADAPTERS)
        )
        query = query.order_by(sketches.c.claim_pk, sketches.c.version)
        for pk, version, value in connection.execute(query):
            if (key := further.key(pk, version)) not in keys:
                continue
            found.append((key, bytes(value)))
            length += len(value)
            if length >= 2 * IN_MEMORY:
                yield found
                found, length = [], 0
    yield found


def row_of(key: int, sketch: Sketch) -> Row:
    """What is searched of a sketch."""
    return groups(sketch), sketch.ids, units_of(sketch), key


def _rows(key: int, value: bytes) -> Iterator[Row]:
    with suppress(Malformed):  # nothing of a damaged one
        yield row_of(key, decode(value))


def snapshots(engine: Engine) -> OpenStore:
    """Short readings of a store, from any thread, beside whatever is written."""

    @contextmanager
    def snapshot() -> Iterator[Connection]:
        with in_words(), engine.connect() as connection:
            yield connection

    return snapshot
