"""A checkpoint, here or at a hub, against the base models and the removals of a store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from reseen.match import checkpoint_layers, checkpoints
from reseen.match.checkpoint_layers import CheckpointSource
from reseen.match.checkpoint_parts import removed
from reseen.match.checkpoint_search import CheckpointSearch, CheckpointSeen, Tell
from reseen.match.checkpoints import KnownBase
from reseen.match.registry_parts import KnownSketch, RegistryParts
from reseen.observed.checkpoint_sketches import KeptCheckpoint
from reseen.records import Fingerprint
from reseen.registry import bases, never_read
from reseen.store import search_key
from reseen.store.database import Store


class CheckpointReader:
    """The base models of a store, and its removals, as they are when a file is looked at."""

    def __init__(self, store: Store, parts: RegistryParts | None = None) -> None:
        self._store = store
        self._parts = parts or RegistryParts(store.read)

    @cached_property
    def bases(self) -> tuple[KnownBase, ...]:
        """The base models that are in use, as they were when they were first asked for."""
        with self._store.read() as connection:
            return tuple(checkpoints.known_bases(bases.sketches(connection)))

    @cached_property
    def search(self) -> CheckpointSearch:
        """What files are held against."""
        return CheckpointSearch(self._store.read, self._parts, self.bases)

    def seen(
        self,
        path: Path,
        read: Fingerprint,
        without: Collection[str] = (),
        progress: Callable[[int], None] | None = None,
    ) -> CheckpointSeen | None:
        """None for what is no checkpoint. `read`: its fingerprint; of the class that is never read
        nothing more is. `without`: removals that it is known to be."""
        if read.sketch is not None or read.is_archive_alone or read.problem is not None:
            return None
        with self._store.read() as connection:
            never = never_read.load(connection)
        if never_read.forbids(never, read):
            return None
        source = checkpoint_layers.here(path, progress, never_read.forbidden_by(never))
        return self.search.seen(self._read_by(source), without=without)

    def compared(
        self, removal: bytes, source: CheckpointSource, *, most: int | None = None
    ) -> CheckpointSeen | None:
        """A file that a person named against one adapter, by its sketch in the published byte
        layout: its part alone. The other removals are parts as well, or decoys. `most`: layers
        that are read."""
        own = removed(removal)
        seen = self.search.seen(self._read_by(source, most), own)
        if seen is None:
            return None
        return replace(seen, parts=tuple(p for p in seen.parts if p.removal == own.removal))

    def kept(self, read: KeptCheckpoint, without: Collection[str] = ()) -> CheckpointSeen:
        """A file of which the sketch of some layers is kept. `without`: as in `seen`."""
        return self.search.kept(read.sketch, without)

    def may_hold(self, read: KeptCheckpoint, known: Sequence[KnownSketch]) -> bool:
        """Does anything speak for one of these removals, that such a file is worth judging?"""
        return self.search.may_hold(read.sketch, known)

    def judged_as(self, architecture: str) -> set[str]:
        """The architectures of the bases that files of this one may be made from: a file is asked
        for the removals of its base's."""
        bases = checkpoints.of_model(self.bases, architecture)
        return {base.sketch.architecture for base in bases}

    def hiding(self) -> list[str]:
        """The bases that have a removal inside by now, by name: they are told of no checkpoint."""
        return self.search.hiding()

    def may_tell_more(self, read: KeptCheckpoint, *, others: bool) -> bool:
        """Would reading more of such a file tell more? `others`: other bases are known than when it
        was read."""
        return checkpoint_layers.may_tell_more(
            read.sketch, self.bases, is_enough=read.is_enough, others=others
        )

    def _read_by(self, source: CheckpointSource, most: int | None = None) -> Tell:
        with self._store.read() as connection:
            order = search_key.of(connection)
        return lambda known: checkpoint_layers.read_against(source, known, order, most)
