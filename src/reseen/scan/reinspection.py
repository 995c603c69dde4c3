"""The past, looked at again because the registry knows more than it did.

What comes in: a connection inside a transaction, and which removals changed. What goes out: new
sightings of what is stored, recorded without asking a hub; and artifacts that are worth reading
now, because their size could hold tensors that nobody knew when they were seen.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Select, exists, or_, select

from reseen.match.judge import files_of, judge_files, judge_removals
from reseen.match.retroactive import are_sketched, candidates_for_reinspection, near_subsets
from reseen.observed import rows as kept_rows
from reseen.observed import sketches
from reseen.observed.blind_spots import is_read_since
from reseen.records import account_of
from reseen.registry.removals import pks_of
from reseen.registry.same_files import ever_of_class
from reseen.scan.inspect import OTHER_ENDINGS, smallest
from reseen.store.database import chunks, now
from reseen.store.schema import (
    artifacts,
    claims,
    near,
    read_entries,
    readings,
    removals,
    repositories,
)
from reseen.store.service_schema import changes as schema_changes


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
        return account_of(self.repo)


def record_past(
    connection: Connection,
    secret: bytes,
    removal_ids: Collection[str] | None = None,
    *,
    scan_pk: int | None = None,
) -> list[tuple[str, Place]]:
    """Match these removals (None: all in force) against everything stored, and record what is
    found. Returns the sightings that are new, with their places. `secret`: the store's.

    Artifacts of which only a subset of modules was read, and which come near, are no sightings:
    they are kept for `unread` to name.
    """
    sketches.keep_near(connection, near_subsets(connection, removal_ids), at=now())
    pks = None if removal_ids is None else pks_of(connection, removal_ids).values()
    judged = judge_removals(connection, secret, pks, scan_pk=scan_pk)
    new = [one for one in judged.new if one.rung.on_ladder]
    # Of a file of the class that is never read, what was read counts for no removal; and counts
    # again when the class is taken back.
    files: set[int] = set()
    if connection.scalar(select(artifacts.c.pk).limit(1)) is not None:
        files = files_of(connection, ever_of_class(connection, pks))
    if files:
        sketches.keep_near(connection, near_subsets(connection, None, files), at=now())
        beside = judge_files(connection, secret, files)
        new += [one for one in beside.new if one.rung.on_ladder]
    where = places(connection, (one.artifact_pk for one in new))
    return [(one.id, where[one.artifact_pk]) for one in new]


def worth_reading(
    connection: Connection, removal_ids: Collection[str], *, hub: str, since: int = 0
) -> Iterator[Place]:
    """Artifacts of a hub, seen since an instant (microseconds), that could hold the tensors of
    these removals and were not read far enough to tell."""
    sizes: set[int] = set()
    for some in chunks(removal_ids):
        query = (
            select(claims.c.data_size)
            .join(removals, removals.c.pk == claims.c.removal_pk)
            .where(removals.c.id.in_(some), claims.c.in_force == 1, claims.c.data_size.is_not(None))
        )
        sizes.update(connection.scalars(query))
    if not sizes:
        return
    for some_pks in chunks(candidates_for_reinspection(connection, sizes)):
        for place in places(connection, some_pks, since=since).values():
            if place.hub == hub:
                yield place


Could = Callable[[Mapping[str, bytes]], Collection[str]]
"""Modules by group -> the groups in which they could come near a removal (`could_match`)."""


def unread(
    connection: Connection,
    could: Could,
    *,
    hub: str,
    since: int = 0,
    repository_pks: Collection[int] | None = None,
    headers: bool = True,
) -> dict[int, Place]:
    """Artifacts of a hub, by pk, that could be altered copies and were not read far enough to tell:
    nobody looked for modules in them, or for what is read by now (only with `headers`); or only
    their header was read, and
    something in the registry could match it now; or a part of their modules was read, and comes
    near. Seen since an instant (microseconds), in these repositories (None: all)."""
    place = _placed(since, artifacts.c.path).where(
        repositories.c.hub == hub,
        ~exists().where(readings.c.artifact_pk == artifacts.c.pk, readings.c.full == 1),
    )
    queries = [place.where(artifacts.c.pk.in_(select(near.c.artifact_pk)))]
    if headers:
        looked = exists().where(
            readings.c.artifact_pk == artifacts.c.pk,
            or_(readings.c.architecture.is_not(None), readings.c.problem.is_not(None)),
        )
        least = smallest(kept_rows.any_of_removals(connection))
        queries.append(place.where(artifacts.c.size >= least, ~looked))
        every = _placed(since, artifacts.c.path).where(repositories.c.hub == hub)
        queries.append(every.where(is_read_since()))
    known = select(read_entries.c.group, read_entries.c.slots).where(read_entries.c.code.is_(None))
    for group, slots in connection.execute(known.distinct()).all():
        if could({group: slots}):
            theirs = select(read_entries.c.artifact_pk).where(
                read_entries.c.group == group,
                read_entries.c.slots == slots,
                read_entries.c.code.is_(None),
            )
            queries.append(place.where(artifacts.c.pk.in_(theirs)))
    found: dict[int, Place] = {}
    for query in queries:
        for some in [None] if repository_pks is None else chunks(repository_pks):
            narrowed = query if some is None else query.where(artifacts.c.repository_pk.in_(some))
            for row in connection.execute(narrowed):
                if not row.path.lower().endswith(OTHER_ENDINGS):
                    found[row.pk] = Place(*row[:-1])
    return found


def _placed(since: int, *more: Column[Any]) -> Select[Any]:
    """The columns of a `Place`, and more, of the artifacts seen since an instant."""
    return (
        select(
            artifacts.c.pk,
            artifacts.c.repository_pk,
            repositories.c.hub,
            repositories.c.type,
            repositories.c.repo,
            *more,
        )
        .join(repositories, repositories.c.pk == artifacts.c.repository_pk)
        .where(artifacts.c.seen_at >= since)
    )


def sketched(connection: Connection, removal_ids: Collection[str]) -> bool:
    """Has any of these removals a sketch?"""
    return any(are_sketched(connection, some) for some in chunks(removal_ids))


def changed_since(connection: Connection, at: int) -> list[str] | None:
    """Removals that changed at or after an instant (microseconds); None for too many to name."""
    table = schema_changes.c
    pks: set[int] = set()
    for first, last in connection.execute(select(table.first, table.last).where(table.at >= at)):
        if len(pks) + last - first >= _FEW:
            return None
        pks.update(range(first, last + 1))
    found: list[str] = []
    for some in chunks(sorted(pks)):
        found.extend(connection.scalars(select(removals.c.id).where(removals.c.pk.in_(some))))
    return found


_FEW = 2_000


def places(connection: Connection, pks: Iterable[int], *, since: int = 0) -> dict[int, Place]:
    """Where these artifacts are; only those seen since an instant."""
    found: dict[int, Place] = {}
    for some in chunks(set(pks)):
        rows = connection.execute(_placed(since).where(artifacts.c.pk.in_(some)))
        found.update((row.pk, Place(*row)) for row in rows)
    return found
