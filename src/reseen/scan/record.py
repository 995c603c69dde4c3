"""A visit into the store, in one transaction.

What comes in: a `Visit`. What goes out: rows (repository, walk, artifacts, readings, digests
read, sightings, leads, problems) and what the removals learned. Nothing is recorded twice, however
often a visit is written; only its problems are noted with each visit that came to its end. A kill
-9 leaves all of it or nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from reseen.match.judge import judge_artifacts
from reseen.observed import artifacts as seen
from reseen.records import DigestKind, Evidence, Fingerprint
from reseen.registry import learning
from reseen.registry.claims import LEARNED
from reseen.scan import scans
from reseen.scan.confirm import Reading, Seen
from reseen.scan.target import Confirm
from reseen.scan.visit import Visit
from reseen.store import schema
from reseen.store.database import chunks, now


@dataclass(frozen=True, slots=True)
class Learned:
    """A removal's file whose bytes were read: its digests are now the removal's."""

    removal: str
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class Recorded:
    """What writing a visit changed."""

    new: tuple[str, ...] = ()
    """Sightings (by id) that were not there before."""
    lifted: tuple[str, ...] = ()
    """Known sightings that now stand on a higher rung."""
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
    found: dict[tuple[int, str], tuple[Evidence, ...]] = {}
    for one, pk in zip(every, pks, strict=True):
        if one.reading is not None:
            readings.append(_reading(pk, one.reading))
        for match in (*one.matches, *one.hints):
            found[pk, match.removal] = match.evidence
    taught: set[int] = set()
    if readings:
        seen.readings(connection, readings, at=at)
        taught = learning.learn(connection, artifacts=[r.artifact_pk for r in readings if r.full])
    if not found and not readings:
        return Recorded()
    removals = _removal_pks(connection, {removal for _, removal in found})
    judged = judge_artifacts(
        connection,
        _secret(connection),
        pks,
        {(pk, removals[removal]): e for (pk, removal), e in found.items() if removal in removals},
        scan_pk=scan_pk,
        at=at,
    )
    return Recorded(
        new=tuple(one.id for one in judged.new),
        lifted=tuple(one.id for one in judged.lifted),
        learned=tuple(_learned(connection, taught, every)),
    )


def _removal_pks(connection: Connection, ids: Iterable[str]) -> dict[str, int]:
    table = schema.removals.c
    found: dict[str, int] = {}
    for chunk in chunks(ids):
        rows = connection.execute(select(table.id, table.pk).where(table.id.in_(chunk)))
        found.update((id, pk) for id, pk in rows)
    return found


def _learned(connection: Connection, taught: set[int], every: Sequence[Seen]) -> Iterator[Learned]:
    """What the index in memory is to learn: what is now known of a removal's own file."""
    r, c, d = schema.removals.c, schema.claims.c, schema.digests.c
    read = {
        digest.value: one.reading.fingerprint
        for one in every
        if one.reading is not None and one.reading.fingerprint is not None
        if (digest := one.reading.fingerprint.digest(DigestKind.SHA256)) is not None
    }
    for chunk in chunks(sorted(taught)):
        query = (
            select(r.id, d.value)
            .join(schema.claims, c.removal_pk == r.pk)
            .join(schema.digests, d.claim_pk == c.pk)
            .where(r.pk.in_(chunk), c.source == LEARNED, c.in_force == 1)
            .where(d.kind == int(DigestKind.SHA256), d.value.in_(list(read)))
        )
        for removal, sha256 in connection.execute(query):
            yield Learned(removal, read[bytes(sha256)])


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


def _secret(connection: Connection) -> bytes:
    query = select(schema.meta.c.value).where(schema.meta.c.name == "secret")
    return bytes(connection.execute(query).scalar_one())
