"""The index of a process that follows the store: what the gate answers from.

What comes in: a connection now and then. What goes out: the index as it is, to answer from. One
thread follows; any number ask meanwhile, each the index that it took: a removal that changes is
matched as it was or as it is, never as neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, select

from reseen.errors import Malformed, StoreError
from reseen.fingerprints.sketch import Sketch
from reseen.match import innocents
from reseen.match.checkpoint_search import CheckpointSearch, CheckpointSeen
from reseen.match.checkpoints import KnownBase
from reseen.match.claim_entries import RemovalEntry
from reseen.match.own_answers import own_digests
from reseen.match.registry_index import RegistryIndex
from reseen.match.registry_parts import RegistryParts
from reseen.match.sketch_index import Comparer, OpenStore, SketchIndex, StoreSketches
from reseen.match.stated import NamedIndex, StatedFile, StatedMatch
from reseen.records import Fingerprint, Rung
from reseen.store.schema import lists


@dataclass(frozen=True, slots=True)
class _Own:
    """A removal that the store does not have."""

    entry: RemovalEntry
    sketch: Sketch
    list_name: str


MOST_ASKED = 4
"""Adapters in a file that are asked for parts of merges: each takes up to a second of a core."""


class LiveIndex:
    """The registry in force, kept up to date."""

    def __init__(self, store: OpenStore) -> None:
        """`store` opens the store for reading sketches: any error of it is borne."""
        self._comparer = Comparer(StoreSketches(store))
        self._own: list[_Own] = []
        self._now = NamedIndex(RegistryIndex(), {})
        self._store = store
        self._parts: tuple[int, RegistryParts] = (-1, RegistryParts(store))
        """With how many sketches there were when it was made: a change that brings none is no
        reason to read them all again, and what has gone since is no match (`NamedIndex.inside`)."""
        self._innocents = b""
        """Which were in use then."""
        self.known = False
        """Whether a store or a saved index was read."""

    @property
    def now(self) -> NamedIndex:
        """What to answer from; it never changes."""
        return self._now

    @property
    def index(self) -> RegistryIndex:
        return self._now.index

    @property
    def version(self) -> int:
        """The number of the last change that was taken in."""
        return self._now.index.version.change

    def __len__(self) -> int:
        """Removals in force."""
        return len(self._now.index)

    @property
    def digests(self) -> int:
        """Digests, about."""
        return self._now.index.digests

    @property
    def sketched(self) -> int:
        """Sketches that are searched."""
        sketches = self._now.index.sketches
        return 0 if sketches is None else len(sketches) - len(self._own)

    # -- asking ----------------------------------------------------------------------------------

    def match(self, said: StatedFile, *, trusted: bool = False) -> tuple[StatedMatch, ...]:
        """Removals by what somebody says of a file."""
        return self._now.stated(said, trusted=trusted)

    def match_fingerprint(self, fingerprint: Fingerprint) -> tuple[StatedMatch, ...]:
        """Removals by the bytes of a file that was read here."""
        return self._now.upload(fingerprint)

    def alike(self, sketch: Sketch) -> Sequence[StatedMatch]:
        """Removals whose updates this file's are copies of."""
        return self._now.alike(sketch)

    def inside(
        self, fingerprint: Fingerprint, found: Sequence[StatedMatch]
    ) -> tuple[StatedMatch, ...]:
        """Removals that are surely inside a file, as parts of a merge, beside those that it was
        `found` to be; none of a file that is known by its bytes or tensors, and none while the
        store does not answer."""
        own = () if fingerprint.sketch is None else (fingerprint.sketch,)
        several = (*own, *fingerprint.further_sketches)[:MOST_ASKED]
        if not several or any(each.rung > Rung.WEIGHTS for each in found):
            return ()
        now, parts = self._now, self._parts_now()
        itself = {each.removal for each in found if each.rung > Rung.HINT}
        try:
            return now.inside(each for one in several for each in parts.sure(one, itself))
        except StoreError:
            return ()

    def _parts_now(self) -> RegistryParts:
        sketches = self._now.index.sketches
        many, parts = self._parts
        if many != (size := 0 if sketches is None else len(sketches)):
            parts = RegistryParts(self._store)
            self._parts = size, parts
        return parts

    def in_checkpoint(
        self, fingerprint: Fingerprint, found: Sequence[StatedMatch], bases: Sequence[KnownBase]
    ) -> tuple[CheckpointSeen | None, tuple[StatedMatch, ...]]:
        """What an upload is that is a checkpoint, and the removals that are surely inside; None for
        what is none or is known by its bytes or tensors, and while the store does not answer."""
        if fingerprint.weights is None or any(each.rung > Rung.WEIGHTS for each in found):
            return None, ()
        now = self._now
        itself = {each.removal for each in found if each.rung > Rung.HINT}
        try:
            search = CheckpointSearch(self._store, self._parts_now(), bases)
            seen = search.of_layers(fingerprint.weights, itself)
        except (StoreError, Malformed):
            return None, ()
        return seen, now.in_checkpoint(part for part in seen.parts if part.is_sure)

    def sample(self) -> list[tuple[int, bytes, str]]:
        """A few digests that are surely in force, to see whether they are found: (kind or POINTER,
        value, removal)."""
        return own_digests(self._now.index)

    # -- following -------------------------------------------------------------------------------

    def follow(self, connection: Connection) -> bool:
        """Take in what changed since; whether anything did."""
        before = self._now.index
        after = before.followed(connection) if self.known else RegistryIndex.load(connection)
        beside = innocents.version(connection)
        if beside != self._innocents:
            self._innocents, self._parts = beside, (-1, RegistryParts(self._store))
        if after is before:
            return False
        names = {row.pk: row.name for row in connection.execute(select(lists.c.pk, lists.c.name))}
        self._take(after, names)
        self.known = True
        return True

    def fold(self) -> None:
        """Put what changed in with the rest; strangers are read anew."""
        self._take(self._now.index.folded(), self._now.names)

    def forget_background(self) -> None:
        """Strangers are read anew: more were seen since."""
        self._comparer.forget_background()
        self._parts = (-1, RegistryParts(self._store))

    def put_back(self, saved: RegistryIndex, names: Mapping[int, str]) -> None:
        """Begin with an index that was saved."""
        self._take(saved, names)
        self.known = True

    def put_in(self, entry: RemovalEntry, sketch: Sketch, list_name: str) -> None:
        """A synthetic removal, by a pk below 0, that stays whatever the store says."""
        assert entry.pk < 0
        self._own.append(_Own(entry, sketch, list_name))
        self._take(self._now.index, self._now.names)

    def _take(self, index: RegistryIndex, names: Mapping[int, str]) -> None:
        sketches = index.sketches or SketchIndex.none(self._comparer.source)
        sketches = sketches.read_by(self._comparer)
        for own in self._own:
            if own.entry.pk not in index.delta.removals:
                index = index.put({own.entry.pk: own.entry})
            pk = own.entry.claims[0].claim_pk
            sketches = sketches.plus([(pk, own.sketch.encode())], {pk: own.sketch})
            names = {**names, own.entry.claims[0].lists[0]: own.list_name}
        self._now = NamedIndex(replace(index, sketches=sketches), names)
