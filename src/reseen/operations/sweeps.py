"""Parts of a sweep are imported, and what follows: cases, learning, the past."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

from reseen.observed import sightings
from reseen.operations import scans
from reseen.records import DigestKind
from reseen.registry import digests_asked
from reseen.scan.sweep import taken
from reseen.scan.sweep.taken import KeyPlaces, SweepTaken
from reseen.store import audit
from reseen.store.database import Store
from reseen.store.sealing import Keyring


def ask(store: Store, kinds: Collection[DigestKind]) -> None:
    """From now on full readings compute these digests beside the usual ones, and no others.
    Raises InputError where one cannot be computed here."""
    with store.write() as connection:
        digests_asked.ask(connection, kinds)
        labels = " ".join(kind.label for kind in sorted(kinds))
        audit.write(connection, "digests-asked", labels or "none")


def take(
    store: Store,
    keyring: Keyring,
    folder: Path,
    places: KeyPlaces,
    report: Callable[[int, int], None] | None = None,
) -> SweepTaken:
    """Take the parts in a folder that `reseen sweep run` wrote, each once. Raises InputError and
    Tampered: then nothing was taken. Parts that are damaged are named in what is returned."""
    since = scans.begin(store, keyring)
    try:
        done = taken.take(store, keyring.for_indexes, folder, places, report)
    finally:
        followed = scans.end(store, keyring, since)
    with store.read() as connection:
        more = tuple(sightings.by_id(connection, id) for id in followed.parts)
    return replace(done, sightings=(*done.sightings, *more), stands=done.stands or bool(more))
