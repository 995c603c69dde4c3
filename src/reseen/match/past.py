"""The registry in force against everything that was ever seen: in SQL, without asking a hub.

What comes in: an open transaction, after a list was imported or a removal has learned. What goes
out: matches of stored artifacts, for `scan.lookback` to record; and artifacts that are worth a look
now, because their size could hold tensors that were not known when they were seen. Every digest is
one look-up in an index, so a new list is matched against millions of artifacts within seconds.
File names are not looked at: a hint alone starts nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Select, exists, or_, select

from reseen.fingerprints.git import pointer_oid
from reseen.fingerprints.known_bogus import why_bogus
from reseen.match import evidence
from reseen.match.evidence import READ_KINDS, gather
from reseen.match.index import HEADER_ROOM
from reseen.records import Digest, DigestKind, Evidence, Match
from reseen.store.schema import (
    artifacts,
    claims,
    digests,
    read_digests,
    read_sketches,
    readings,
    removals,
    sightings,
    sketch_entries,
)

_BATCH = 500  # values in one IN list: every SQLite takes 999
_RANGES = 100  # alternatives in one OR: SQLite's expressions are at most 1,000 deep
_LFS = 2


@dataclass(frozen=True, slots=True)
class Past:
    """A stored artifact recognised as a removal."""

    artifact_pk: int
    match: Match


_Found = tuple[int, str, Evidence]  # artifact's pk, removal, why
_Value = tuple[bytes, str]  # a digest, and the removal that has it


def match_past(connection: Connection, removal_ids: Collection[str] | None = None) -> list[Past]:
    """Every stored artifact that is a removal in force by what a hub declared of it or by what was
    read of it; short hashes give hints. `removal_ids`: only these, where few have changed."""
    only = None if removal_ids is None else frozenset(removal_ids)
    found: dict[int, list[tuple[str, Evidence]]] = {}
    for artifact_pk, removal, why in _find(connection, only):
        found.setdefault(artifact_pk, []).append((removal, why))
    return [Past(pk, match) for pk in sorted(found) for match in gather(found[pk])]


def worth_a_look(connection: Connection, data_sizes: Collection[int]) -> Iterator[int]:
    """Pks of artifacts that could hold a data section of one of these sizes (bytes) and were not
    read far enough to tell, in order. What is a sighting already is not among them."""
    sizes = frozenset(data_sizes)
    for low, high in _bands(sizes):
        query = (
            select(artifacts.c.pk, readings.c.artifact_pk, readings.c.data_size)
            .outerjoin(readings, readings.c.artifact_pk == artifacts.c.pk)
            .where(
                artifacts.c.size > low,
                artifacts.c.size <= high,
                or_(readings.c.artifact_pk.is_(None), readings.c.full == 0),
                ~exists().where(sightings.c.artifact_pk == artifacts.c.pk),
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
    those that a short hash hints at."""
    yield from _by_autov2(connection, only)
    if _are_sketched(connection):
        from reseen.match import past_sketches  # numpy, which most of this does not need

        yield from past_sketches.copies(connection, only)


def _find(connection: Connection, only: frozenset[str] | None) -> Iterator[_Found]:
    by_sha256 = select(artifacts.c.pk, artifacts.c.sha256)
    by_oid = select(artifacts.c.pk, artifacts.c.git_oid)

    yield from _look_up(
        connection,
        _values(connection, DigestKind.SHA256, only),
        lambda batch: by_sha256.where(artifacts.c.sha256.in_(batch)),
        lambda value: evidence.declared(DigestKind.SHA256, value),
    )
    yield from _look_up(
        connection,
        _pointers(connection, only),
        lambda batch: by_oid.where(artifacts.c.git_oid.in_(batch), artifacts.c.sha256.is_(None)),
        evidence.pointer,
    )
    yield from _look_up(
        connection,
        _values(connection, DigestKind.GIT_BLOB, only),
        lambda batch: by_oid.where(
            artifacts.c.git_oid.in_(batch), artifacts.c.flags.op("&")(_LFS) == 0
        ),
        lambda value: evidence.declared(DigestKind.GIT_BLOB, value),
    )
    yield from _by_xet(connection, only)
    for kind in READ_KINDS:
        yield from _by_reading(connection, kind, only)
    yield from _by_autov2(connection, only)
    if _are_sketched(connection):
        from reseen.match import past_sketches  # numpy, which most of this does not need

        yield from past_sketches.copies(connection, only)


def near_subsets(
    connection: Connection, removal_ids: Collection[str] | None = None
) -> Iterator[int]:
    """Pks of artifacts of which a subset of modules was read, and comes near one of these removals:
    worth reading on, and no match."""
    if _are_sketched(connection):
        from reseen.match import past_sketches

        only = None if removal_ids is None else frozenset(removal_ids)
        yield from past_sketches.near_subsets(connection, only)


def _are_sketched(connection: Connection) -> bool:
    """Are there removals and artifacts with sketches?"""
    columns = (sketch_entries.c.claim_pk, read_sketches.c.artifact_pk)
    return all(connection.execute(select(c).limit(1)).first() is not None for c in columns)


def _look_up(
    connection: Connection,
    values: Iterable[_Value],
    query: Callable[[list[bytes]], Select[Any]],
    why: Callable[[bytes], Evidence],
) -> Iterator[_Found]:
    """`query` selects an artifact's pk and the value that it has, for a batch of values."""
    for batch in _batches(values, _BATCH):
        owners: dict[bytes, list[str]] = {}
        for value, removal in batch:
            owners.setdefault(value, []).append(removal)
        for artifact_pk, value in connection.execute(query(list(owners))).all():
            for removal in owners[value]:
                yield artifact_pk, removal, why(value)


def _by_xet(connection: Connection, only: frozenset[str] | None) -> Iterator[_Found]:
    """There is no index of Xet hashes: few lists hold one. One pass, when any does."""
    owners: dict[bytes, list[str]] = {}
    for value, removal in _values(connection, DigestKind.XET, only):
        owners.setdefault(value, []).append(removal)
    if not owners:
        return
    query = select(artifacts.c.pk, artifacts.c.xet)
    rows = connection.execute(
        query.where(artifacts.c.xet.is_not(None)).execution_options(yield_per=10_000)
    )
    for artifact_pk, value in rows:
        for removal in owners.get(value, ()):
            yield artifact_pk, removal, evidence.declared(DigestKind.XET, value)


def _by_reading(
    connection: Connection, kind: DigestKind, only: frozenset[str] | None
) -> Iterator[_Found]:
    digest = select(read_digests.c.artifact_pk, read_digests.c.value).where(
        read_digests.c.kind == int(kind)
    )
    if connection.execute(digest.limit(1)).first() is None:
        return
    yield from _look_up(
        connection,
        _values(connection, kind, only),
        lambda batch: digest.where(read_digests.c.value.in_(batch)),
        lambda value: evidence.read(kind, value),
    )


def _by_autov2(connection: Connection, only: frozenset[str] | None) -> Iterator[_Found]:
    """Lists that hold no more than an AutoV2, the first bytes of a SHA-256."""
    length = DigestKind.AUTOV2.length
    for batch in _batches(_values(connection, DigestKind.AUTOV2, only), _RANGES):
        owners: dict[bytes, list[str]] = {}
        for value, removal in batch:
            owners.setdefault(value, []).append(removal)
        query = select(artifacts.c.pk, artifacts.c.sha256).where(
            or_(*(artifacts.c.sha256.between(v, v + b"\xff" * 27) for v in owners))
        )
        for artifact_pk, sha256 in connection.execute(query).all():
            for removal in owners.get(sha256[:length], ()):
                why = evidence.short(DigestKind.AUTOV2, sha256[:length])
                yield artifact_pk, removal, why


def _values(
    connection: Connection, kind: DigestKind, only: frozenset[str] | None
) -> Iterator[_Value]:
    """Digests of one kind of removals in force."""
    query = (
        select(digests.c.value, removals.c.id)
        .join(claims, claims.c.pk == digests.c.claim_pk)
        .join(removals, removals.c.pk == claims.c.removal_pk)
        .where(digests.c.kind == int(kind), claims.c.in_force == 1)
    )
    if only is not None and len(only) <= _BATCH:
        query = query.where(removals.c.id.in_(sorted(only)))
    for value, removal in connection.execute(query).all():
        sound = len(value) == kind.length and why_bogus(Digest(kind, value)) is None
        if sound and (only is None or removal in only):
            yield value, removal


def _pointers(connection: Connection, only: frozenset[str] | None) -> Iterator[_Value]:
    """Git oids of the LFS pointers of removals in force whose SHA-256 and size are known."""
    masked = select(artifacts.c.pk).where(artifacts.c.sha256.is_(None)).limit(1)
    if connection.execute(masked).first() is None:
        return
    query = (
        select(digests.c.value, claims.c.size, removals.c.id)
        .join(claims, claims.c.pk == digests.c.claim_pk)
        .join(removals, removals.c.pk == claims.c.removal_pk)
        .where(
            digests.c.kind == int(DigestKind.SHA256),
            claims.c.size.is_not(None),
            claims.c.in_force == 1,
        )
    )
    for value, size, removal in connection.execute(query).all():
        if only is None or removal in only:
            yield pointer_oid(value, size), removal


def _batches(values: Iterable[_Value], size: int) -> Iterator[list[_Value]]:
    rest = iter(values)
    while batch := list(islice(rest, size)):
        yield batch
