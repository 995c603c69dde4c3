"""A visit into the store, in one transaction.

What comes in: a `Visit`. What goes out: rows (repository, walk, artifacts, readings, digests
read, sightings, leads, problems) and what the removals learned. Nothing is recorded twice, however
often a visit is written; only its problems are noted with each visit that came to its end. A kill
-9 leaves all of it or nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from reseen.observed import artifacts as seen
from reseen.observed import sightings
from reseen.records import DigestKind, Fingerprint, Match, Rung
from reseen.registry import removals
from reseen.scan import scans
from reseen.scan.confirm import Reading, Seen
from reseen.scan.target import Confirm
from reseen.scan.visit import Visit
from reseen.store import schema
from reseen.store.database import now

_WHOLE = (DigestKind.SHA256, DigestKind.BLAKE3)


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
    lifted: tuple[tuple[str, Match], ...] = ()
    """(sighting id, match) of known sightings that now stand on a higher rung."""
    learned: tuple[Learned, ...] = ()
    """Give each to `Known.learn`, so that the rest of the scan knows it too."""


def record(
    connection: Connection, visited: Visit, scan_pk: int | None = None, *, since: int = 0
) -> Recorded:
    """Write what a visit found, inside the caller's transaction (`store.write()`).

    `since`: when this scan started, in microseconds; a file not seen since then takes any ref.
    """
    at = now()
    (repository_pk,) = seen.repositories(connection, [visited.repository], at=at)
    found = record_seen(connection, repository_pk, visited.seen, scan_pk, since=since, at=at)
    if visited.listed and visited.complete:
        seen.walked(connection, repository_pk, visited.revision.commit, at=at)
    if scan_pk is not None and visited.complete:
        # A visit that is tried again will have its problems again.
        scans.note(connection, scan_pk, repository_pk, visited.problems, at)
    return found


def record_seen(
    connection: Connection,
    repository_pk: int,
    every: Sequence[Seen],
    scan_pk: int | None,
    *,
    since: int,
    at: int,
) -> Recorded:
    """Write artifacts of one repository, with what was found out about them."""
    pks = seen.artifacts(
        connection, repository_pk, [one.artifact for one in every], since=since, at=at
    )
    readings: list[seen.Reading] = []
    matches: list[sightings.Seen] = []
    learned: list[Learned] = []
    for one, pk in zip(every, pks, strict=True):
        if one.reading is not None:
            readings.append(_reading(pk, one.reading))
            if one.reading.fingerprint is not None:
                learned += _learn(connection, one, one.reading.fingerprint)
        matches += [sightings.Seen(match, pk, one.standing(match)) for match in one.matches]
        matches += [sightings.Seen(match, pk) for match in one.hints]
    if readings:
        seen.readings(connection, readings, at=at)
    if not matches:
        return Recorded()
    recorded = sightings.record(connection, _secret(connection), matches, scan_pk=scan_pk, at=at)
    stored = [(one.match, row) for one, row in zip(matches, recorded, strict=True) if row]
    return Recorded(
        new=tuple((row.id, match) for match, row in stored if row.new),
        lifted=tuple((row.id, match) for match, row in stored if row.lifted and not row.new),
        learned=tuple(learned),
    )


def read_before(connection: Connection, repository_pk: int, confirm: Confirm) -> frozenset[bytes]:
    """What the hub calls those contents of a repository that were read as far as `confirm` asks:
    give them to `visit`, so that the same bytes on another ref are not read again."""
    query = (
        select(schema.artifacts.c.git_oid)
        .join(schema.readings, schema.readings.c.artifact_pk == schema.artifacts.c.pk)
        .where(
            schema.artifacts.c.repository_pk == repository_pk,
            schema.artifacts.c.git_oid.is_not(None),
        )
    )
    if confirm is Confirm.FULL:
        query = query.where(schema.readings.c.full == 1)
    return frozenset(connection.scalars(query))


def weighed_before(connection: Connection, repository_pk: int) -> frozenset[tuple[str, bytes]]:
    """(path, content) of a repository's files that were looked at for altered copies: where they
    still stand in a new commit they need no second look. What a removal that came since makes of
    them is a matter of `lookback`."""
    query = (
        select(schema.artifacts.c.path, schema.artifacts.c.git_oid)
        .join(schema.readings, schema.readings.c.artifact_pk == schema.artifacts.c.pk)
        .where(
            schema.artifacts.c.repository_pk == repository_pk,
            schema.readings.c.architecture.is_not(None),
        )
    )
    return frozenset((path, oid) for path, oid in connection.execute(query))


def _reading(artifact_pk: int, reading: Reading) -> seen.Reading:
    fingerprint = reading.fingerprint
    return seen.Reading(
        artifact_pk=artifact_pk,
        container=reading.container,
        data_size=reading.data_size,
        layout=reading.layout,
        full=reading.full,
        problem=reading.problem,
        digests=fingerprint.digests if fingerprint is not None else (),
        sketch=reading.sketch,
        architecture=reading.architecture,
        modules=reading.modules,
        near=reading.near,
    )


def _learn(connection: Connection, one: Seen, fingerprint: Fingerprint) -> list[Learned]:
    """What was read is the removal's own file, byte for byte: its other digests are, too."""
    wholes = [d for d in fingerprint.digests if d.kind in _WHOLE]
    same = [
        match.removal
        for match in one.matches
        if any(e.rung is Rung.BYTES and e.kind in _LABELS for e in match.evidence)
    ]
    if not same:
        return []
    taught: set[int] = set()
    pks = {removals.pk_of(connection, removal): removal for removal in same}
    learned: dict[str, Learned] = {}
    for holders in removals.holders(connection, wholes).values():
        for removal_pk, file_pk in holders:
            if removal_pk in pks and file_pk not in taught:
                taught.add(file_pk)
                if removals.learn(connection, file_pk, fingerprint):
                    learned[pks[removal_pk]] = Learned(pks[removal_pk], fingerprint)
    return list(learned.values())


_LABELS = {kind.label for kind in _WHOLE}


def _secret(connection: Connection) -> bytes:
    query = select(schema.meta.c.value).where(schema.meta.c.name == "secret")
    return bytes(connection.execute(query).scalar_one())
