"""A visit into the store, in one transaction.

What comes in: a `Visit`. What goes out: rows (repository, walk, artifacts, readings, digests
read, sightings, leads, problems) and what the removals learned. Nothing is recorded twice, however
often a visit is written; only its problems are noted with each visit that came to its end. A kill
-9 leaves all of it or nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection, select

from reseen.match import digests_alone
from reseen.match.judge import judge_artifacts, judge_files
from reseen.observed import artifacts as seen
from reseen.observed import blind_spots, known_commits, parts_of_files, walks
from reseen.observed.artifacts import Inspection
from reseen.observed.readings import file_of
from reseen.observed.walks import NOTHING, Asked, Commit
from reseen.records import Evidence, JudgedBy
from reseen.registry import contradictions, learning
from reseen.registry.removals import ids_of, pks_of
from reseen.scan import scan_rows
from reseen.scan.inspect import ArtifactResult
from reseen.scan.read_result import NOT_TRIED, is_blind
from reseen.scan.visit import Visit
from reseen.store import schema
from reseen.store.database import now


@dataclass(frozen=True, slots=True)
class Recorded:
    """What writing a visit changed."""

    new: tuple[str, ...] = ()
    """Sightings (by id) that were not there before."""
    lifted: tuple[str, ...] = ()
    """Known sightings that now stand on a higher rung."""
    learned: tuple[str, ...] = ()
    """Removals (by id) that learned from what was read: whoever has the registry in memory follows
    it."""
    problems: Mapping[str | None, int] = field(default_factory=dict)
    """Noted, and not before: what they are counted as (None: as files), and how many."""
    blind: Mapping[str, int] = field(default_factory=dict)
    """As in `Coverage`: of files whose weights could not be judged, and were not found so before in
    this scan."""
    unjudged: int = 0
    """Such files."""


def record(
    connection: Connection,
    visited: Visit,
    scan_pk: int | None = None,
    *,
    since: int = 0,
    asked: Asked = NOTHING,
    version: int = 0,
) -> Recorded:
    """Write what a visit found, inside the caller's transaction (`store.write()`).

    `since`: when this scan started, in microseconds; a file not seen since then takes any ref.
    `asked`: how far the visit was to go; `version`: the state of the registry that it knew.
    """
    at = now()
    if visited.listed:
        (repository_pk,) = seen.repositories(connection, [visited.repository], at=at)
    else:
        repository_pk = known_commits.pk_of(connection, visited.repository)
    found = record_seen(
        connection,
        repository_pk,
        visited.seen,
        scan_pk,
        since=since,
        at=at,
        listed=visited.listed,
    )
    if visited.listed and visited.complete and visited.certain:
        done = 0 if visited.left else version
        commit = Commit(repository_pk, visited.revision.commit, asked, done)
        walks.walked(connection, [commit], at=at)
    if scan_pk is not None and visited.complete:
        # A visit that is tried again will have its problems again.
        once = not visited.listed
        noted = scan_rows.note(connection, scan_pk, repository_pk, visited.problems, at, once=once)
        found = replace(found, problems=Counter(each.counted for each in noted))
    return found


def record_seen(
    connection: Connection,
    repository_pk: int,
    every: Sequence[ArtifactResult],
    scan_pk: int | None,
    *,
    since: int,
    at: int,
    listed: bool = True,
) -> Recorded:
    """Write artifacts of one repository, with what was found out about them. `listed`: as in
    `artifacts.artifacts`."""
    pks = seen.artifacts(
        connection,
        repository_pk,
        [one.artifact for one in every],
        since=since,
        at=at,
        listed=listed,
    )
    readings: list[tuple[int, Inspection]] = []
    found: dict[tuple[int, str], tuple[Evidence, ...]] = {}
    for one, pk in zip(every, pks, strict=True):
        if one.inspection is not None:
            readings.append((pk, one.inspection))
        for match in (*one.matches, *one.hints):
            found[pk, match.removal] = match.evidence
    _keep_parts(connection, every, pks)
    taught: set[int] = set()
    looked = {pk: one.judged for one, pk in zip(every, pks, strict=True) if one.judged is not None}
    told = _keep_blind_spots(connection, looked, {pk for pk, _ in readings}, scan_pk)
    if readings:
        seen.readings(connection, readings, at=at)
        for pk, each in readings:
            if each.fingerprint is not None:
                parts_of_files.keep_shards(connection, pk, each.fingerprint.shards_by_sha256)
        taught = learning.learn(connection, artifacts=[pk for pk, each in readings if each.full])
    # What a hub states may show only now that a claim is not about this file.
    doubted = contradictions.by_files(
        connection,
        [pk for one, pk in zip(every, pks, strict=True) if one.matches or one.doubted],
    )
    if not found and not readings and not doubted:
        return told
    pks_by_id = pks_of(connection, {removal for _, removal in found})
    judged = judge_artifacts(
        connection,
        _secret(connection),
        pks,
        {(pk, pks_by_id[id]): e for (pk, id), e in found.items() if id in pks_by_id},
        {pk for pk, each in readings if _is_sketched(each)},
        scan_pk=scan_pk,
        at=at,
    )
    indexes = parts_of_files.indexes_of(connection, [pk for pk, _ in readings])
    if digests_alone.such_artifacts(connection, indexes):  # by what was read of a shard just now
        judge_files(connection, _secret(connection), indexes)
    return replace(
        told,
        new=tuple(one.id for one in judged.new),
        lifted=tuple(one.id for one in judged.lifted),
        learned=tuple(ids_of(connection, sorted(taught))),
    )


def _keep_parts(
    connection: Connection, every: Sequence[ArtifactResult], pks: Sequence[int]
) -> None:
    """Remember of models in several files which files they are."""
    if not any(one.parts for one in every):
        return
    known = {file_of(one.artifact): pk for one, pk in zip(every, pks, strict=True)}
    for one, pk in zip(every, pks, strict=True):
        parts = [known.get(file_of(part)) for part in one.parts]
        if one.parts and None not in parts:
            parts_of_files.keep_parts(connection, pk, [each for each in parts if each is not None])


def _is_sketched(read: Inspection) -> bool:
    return read.sketch is not None or read.rows is not None


def _keep_blind_spots(
    connection: Connection, looked: Mapping[int, JudgedBy], read: set[int], scan_pk: int | None
) -> Recorded:
    """Remember what was not read of these artifacts, and count those whose weights could not be
    judged, each once a scan. `read`: those of which anything was read."""
    spots = {pk: judged.not_read for pk, judged in looked.items()}
    before = blind_spots.keep(connection, spots, scan_pk)
    counted = {pk for pk, codes in before.items() if codes - NOT_TRIED}
    unjudged = [j for pk, j in looked.items() if pk in read - counted and is_blind(j)]
    return Recorded(
        blind=Counter(
            key
            for judged in unjudged
            for key in {
                blind_spots.tally_key(s) for s in judged.not_read if s.code not in NOT_TRIED
            }
        ),
        unjudged=len(unjudged),
    )


def _secret(connection: Connection) -> bytes:
    query = select(schema.meta.c.value).where(schema.meta.c.name == "secret")
    return bytes(connection.execute(query).scalar_one())
