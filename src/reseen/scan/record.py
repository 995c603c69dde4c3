"""A visit into the store, in one transaction.

What comes in: a `Visit`. What goes out: rows (repository, walk, artifacts, readings, digests
read, sightings, hints, problems) and what the removals learned. Idempotent: written twice, or
written after a kill -9 in the middle of the first time, the store is the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from reseen.records import Fingerprint, Match
from reseen.scan.visit import Visit


@dataclass(frozen=True, slots=True)
class Learned:
    """A removal's file whose bytes were read: its digests are now the removal's."""

    removal: str
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class Recorded:
    """What writing a visit changed."""

    new: tuple[tuple[str, Match], ...] = ()
    """(sighting id, match) of sightings that were not there before."""
    learned: tuple[Learned, ...] = ()
    """Give each to `Known.learn`, so that the rest of the scan knows it too."""


def record(connection: Connection, visited: Visit, scan_pk: int | None = None) -> Recorded:
    """Write what a visit found, inside the caller's transaction (`store.write()`)."""
    raise NotImplementedError
