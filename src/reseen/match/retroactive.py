"""What stored rows tell beside whole digests: likeness, short hashes, what files state of
themselves, and what is worth reading.

What comes in: an open transaction, after a list was imported or a removal has learned. What goes
out: evidence for `judge`; and artifacts that are worth reading now, because their size could hold
tensors that were not known when they were seen. File names are not looked at: a hint alone starts
nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from itertools import islice

from sqlalchemy import Connection, and_, or_, select

from reseen.fingerprints.kinds import EMBEDDED, LADDER, LONG_OF, WITH_SIZE, size_allows
from reseen.fingerprints.known_bogus import why_bogus
from reseen.match import evidence
from reseen.match.snapshot import HEADER_ROOM
from reseen.observed import embedded, rows
from reseen.records import Digest, DigestKind, Evidence
from reseen.store.schema import (
    artifacts,
    claims,
    digests,
    read_digests,
    read_sketches,
    readings,
    removals,
    sketches,
    stated_digests,
)

_BATCH = 500  # values in one IN list: every SQLite takes 999
_RANGES = 100  # alternatives in one OR: SQLite's expressions are at most 1,000 deep


_Found = tuple[int, str, Evidence]  # artifact's pk, removal, why
_Value = tuple[bytes, str, int | None]  # a digest, the removal that has it, the size it gives


def candidates_for_reinspection(
    connection: Connection, data_sizes: Collection[int]
) -> Iterator[int]:
    """Pks of artifacts that could hold a data section of one of these sizes (bytes) and were not
    read far enough to tell, in order."""
    sizes = frozenset(data_sizes)
    for low, high in _bands(sizes):
        query = (
            select(artifacts.c.pk, readings.c.artifact_pk, readings.c.data_size)
            .outerjoin(readings, readings.c.artifact_pk == artifacts.c.pk)
            .where(
                artifacts.c.size > low,
                artifacts.c.size <= high,
                or_(readings.c.artifact_pk.is_(None), readings.c.full == 0),
            )
            .order_by(artifacts.c.pk)
        )
        for pk, read, data_size in connection.execute(query):
            if read is None or data_size in sizes:
                yield pk


def _bands(data_sizes: Collection[int]) -> list[tuple[int, int]]:
    """(low, high]: file sizes that leave room for a header; overlapping ones in one."""
    bands: list[tuple[int, int]] = []
    for size in sorted(set(data_sizes)):
        if bands and size <= bands[-1][1]:
            bands[-1] = (bands[-1][0], size + HEADER_ROOM)
        elif size > 0:
            bands.append((size, size + HEADER_ROOM))
    return bands


def beside_digests(connection: Connection, only: frozenset[str] | None) -> Iterator[_Found]:
    """Stored artifacts that are like these removals (None: all in force) by their weights, and
    those that a short hash hints at, or what they state of themselves."""
    yield from _by_short(connection, only)
    yield from _by_crc(connection, only)
    yield from _by_embedded(connection, only)
    if _are_sketched(connection):
        from reseen.match import retroactive_sketches  # numpy, which most of this does not need

        yield from retroactive_sketches.copies(connection, only)
    yield from _by_rows(connection, only)


def near_subsets(
    connection: Connection,
    removal_ids: Collection[str] | None = None,
    artifact_pks: Collection[int] | None = None,
) -> Iterator[int]:
    """Pks of artifacts (of these; None: of all) of which a subset of modules was read, and comes
    near one of these removals: worth reading on, and no match."""
    if _are_sketched(connection):
        from reseen.match import retroactive_sketches

        only = None if removal_ids is None else frozenset(removal_ids)
        yield from retroactive_sketches.near_subsets(connection, only, artifact_pks)


def copies_among(
    connection: Connection, artifact_pks: Collection[int]
) -> Iterator[tuple[int, str, Evidence]]:
    """(artifact's pk, removal, why) of those of these artifacts that are like a removal in force by
    their weights."""
    if _are_sketched(connection):
        from reseen.match import retroactive_sketches

        yield from retroactive_sketches.copies(connection, None, artifact_pks)
    yield from _by_rows(connection, None, artifact_pks)


def _by_rows(
    connection: Connection,
    only: Collection[str] | None,
    artifact_pks: Collection[int] | None = None,
) -> Iterator[_Found]:
    if rows.any_of_removals(connection):
        from reseen.match import retroactive_rows  # numpy, as above

        yield from retroactive_rows.copies(connection, only, artifact_pks)


def are_sketched(connection: Connection, removal_ids: Collection[str]) -> bool:
    """Has any of these removals (at most a few hundred) a sketch?"""
    query = (
        select(sketches.c.claim_pk)
        .join(claims, claims.c.pk == sketches.c.claim_pk)
        .join(removals, removals.c.pk == claims.c.removal_pk)
        .where(removals.c.id.in_(removal_ids), claims.c.in_force == 1)
    )
    return connection.execute(query.limit(1)).first() is not None


def _are_sketched(connection: Connection) -> bool:
    """Are there removals and artifacts with sketches?"""
    columns = (sketches.c.claim_pk, read_sketches.c.artifact_pk)
    return all(connection.execute(select(c).limit(1)).first() is not None for c in columns)


def _by_short(connection: Connection, only: frozenset[str] | None) -> Iterator[_Found]:
    """Lists that hold no more than the beginning of a long digest."""
    for short, long in LONG_OF.items():
        # What hubs state stands with the artifact; what only we compute, with what was read.
        stated = LADDER[long].hubs_state
        values = artifacts.c.sha256 if stated else read_digests.c.value
        query = select(artifacts.c.pk, values, artifacts.c.size)
        if not stated:
            query = query.join(read_digests, read_digests.c.artifact_pk == artifacts.c.pk)
            query = query.where(read_digests.c.kind == int(long))
        rest = b"\xff" * (long.length - short.length)
        for batch in _batches(_values(connection, short, only), _RANGES):
            owners: dict[bytes, list[_Value]] = {}
            for each in batch:
                owners.setdefault(each[0], []).append(each)
            begins = or_(*(values.between(v, v + rest) for v in owners))
            for artifact_pk, value, size in connection.execute(query.where(begins)).all():
                start = bytes(value[: short.length])
                for _, removal, claimed in owners.get(start, ()):
                    if size_allows(short, claimed, size):
                        yield artifact_pk, removal, evidence.short(short, start)


def _by_crc(connection: Connection, only: frozenset[str] | None) -> Iterator[_Found]:
    """Files of a removal's size with its CRC, as a store states it or as it was computed."""
    for kind in WITH_SIZE:
        for batch in _batches(_values(connection, kind, only), _BATCH):
            owners: defaultdict[bytes, list[_Value]] = defaultdict(list)
            for each in batch:
                owners[each[0]].append(each)
            for table in (stated_digests.c, read_digests.c):
                query = (
                    select(artifacts.c.pk, table.value, artifacts.c.size)
                    .join(artifacts, artifacts.c.pk == table.artifact_pk)
                    .where(table.kind == int(kind), table.value.in_(list(owners)))
                )
                for artifact_pk, value, size in connection.execute(query).all():
                    for crc, removal, claimed in owners[bytes(value)]:
                        if size_allows(kind, claimed, size):
                            yield artifact_pk, removal, evidence.short(kind, crc)


def _by_embedded(connection: Connection, only: frozenset[str] | None) -> Iterator[_Found]:
    """Files that state of themselves what a list says, or what was computed, of a removal."""
    if not embedded.any_kept(connection):
        return
    for kind in EMBEDDED:
        short = LADDER[kind].short or kind
        owners: defaultdict[bytes, set[str]] = defaultdict(set)
        for value, removal, _ in _values(connection, kind, only):
            owners[value[: short.length]].add(removal)
        for artifact_pk, value in embedded.stating(connection, short, owners):
            for removal in sorted(owners[value]):
                yield artifact_pk, removal, evidence.embedded(short, value)


def stated_among(connection: Connection, artifact_pks: Collection[int]) -> Iterator[_Found]:
    """(artifact's pk, removal, why) of those of these artifacts that state a digest of a removal in
    force of themselves."""
    d = digests.c
    query = (
        select(removals.c.id)
        .join(claims, claims.c.removal_pk == removals.c.pk)
        .join(digests, d.claim_pk == claims.c.pk)
        .where(claims.c.in_force == 1)
        .distinct()
    )
    for pk, stated in embedded.of_artifacts(connection, artifact_pks).items():
        for digest in stated:
            if LADDER[digest.kind].short is not None:
                continue  # its beginning is among them, too
            long = LONG_OF.get(digest.kind, digest.kind)
            rest = b"\xff" * (long.length - digest.kind.length)
            alike = or_(
                *(
                    and_(d.kind == int(kind), d.value.between(digest.value, digest.value + rest))
                    for kind in {digest.kind, long}
                )
            )
            said = evidence.embedded(digest.kind, digest.value)
            yield from ((pk, id, said) for id in connection.scalars(query.where(alike)))


def _values(
    connection: Connection, kind: DigestKind, only: frozenset[str] | None
) -> Iterator[_Value]:
    """Digests of one kind of removals in force."""
    query = (
        select(digests.c.value, removals.c.id, claims.c.size)
        .join(claims, claims.c.pk == digests.c.claim_pk)
        .join(removals, removals.c.pk == claims.c.removal_pk)
        .where(digests.c.kind == int(kind), claims.c.in_force == 1)
    )
    if only is not None and len(only) <= _BATCH:
        query = query.where(removals.c.id.in_(sorted(only)))
    for value, removal, size in connection.execute(query).all():
        sound = len(value) == kind.length and why_bogus(Digest(kind, value)) is None
        if sound and (only is None or removal in only):
            yield bytes(value), removal, size


def _batches(values: Iterable[_Value], size: int) -> Iterator[list[_Value]]:
    rest = iter(values)
    while batch := list(islice(rest, size)):
        yield batch
