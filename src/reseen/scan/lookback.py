"""The past, looked at again because the registry knows more than it did.

What comes in: a connection inside a transaction, and which removals changed. What goes out: new
sightings of what is stored, recorded without asking a hub; and artifacts that are worth reading
now, because their size could hold tensors that nobody knew when they were seen.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, select

from reseen.match.past import match_past, worth_a_look
from reseen.records import Confirmed, Match, Rung
from reseen.registry import sightings
from reseen.registry.schema import artifacts, digests, removals, removed_files, repositories
from reseen.registry.store import chunks


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is: rows, and whose it is."""

    artifact_pk: int
    repository_pk: int
    hub: str
    type: str
    repo: str

    @property
    def author(self) -> str:
        return self.repo.partition("/")[0]


def record_past(
    connection: Connection,
    secret: bytes,
    removal_ids: Collection[str] | None = None,
    *,
    scan_pk: int | None = None,
) -> list[tuple[str, Place]]:
    """Match these removals (None: all in force) against everything stored, and record what is
    found. Returns the sightings that are new, with their places. `secret`: the store's."""
    found = match_past(connection, removal_ids)
    seen = [sightings.Seen(past.match, past.artifact_pk, _confirmed(past.match)) for past in found]
    recorded = sightings.record(connection, secret, seen, scan_pk=scan_pk, past=True)
    new = [
        (row.id, past.artifact_pk)
        for past, row in zip(found, recorded, strict=True)
        if row is not None and row.new and past.match.rung > Rung.HINT
    ]
    where = places(connection, (pk for _, pk in new))
    return [(id, where[pk]) for id, pk in new]


def worth_reading(
    connection: Connection, removal_ids: Collection[str], *, hub: str, since: int = 0
) -> Iterator[Place]:
    """Artifacts of a hub, seen since an instant (microseconds), that could hold the tensors of
    these removals and were not read far enough to tell."""
    sizes: set[int] = set()
    for some in chunks(removal_ids):
        query = (
            select(removed_files.c.data_size)
            .join(removals, removals.c.pk == removed_files.c.removal_pk)
            .where(removals.c.id.in_(some), removed_files.c.data_size.is_not(None))
        )
        sizes.update(connection.scalars(query))
    if not sizes:
        return
    for some_pks in chunks(worth_a_look(connection, sizes)):
        for place in places(connection, some_pks, since=since).values():
            if place.hub == hub:
                yield place


def _confirmed(match: Match) -> Confirmed:
    """From the tensors rung up, the bytes were read when the artifact was seen."""
    return Confirmed.BYTES if match.rung >= Rung.TENSORS else Confirmed.NONE


def taught(connection: Connection) -> list[str]:
    """Removals in force that have learned from bytes which a scan read."""
    query = (
        select(removals.c.id)
        .join(removed_files, removed_files.c.removal_pk == removals.c.pk)
        .join(digests, digests.c.file_pk == removed_files.c.pk)
        .where(digests.c.learned == 1, removals.c.withdrawn_at.is_(None))
        .distinct()
    )
    return list(connection.scalars(query))


def places(connection: Connection, pks: Iterable[int], *, since: int = 0) -> dict[int, Place]:
    """Where these artifacts are; only those seen since an instant."""
    found: dict[int, Place] = {}
    for some in chunks(set(pks)):
        query = (
            select(
                artifacts.c.pk,
                artifacts.c.repository_pk,
                repositories.c.hub,
                repositories.c.type,
                repositories.c.repo,
            )
            .join(repositories, repositories.c.pk == artifacts.c.repository_pk)
            .where(artifacts.c.pk.in_(some), artifacts.c.seen_at >= since)
        )
        found.update((row.pk, Place(*row)) for row in connection.execute(query))
    return found
