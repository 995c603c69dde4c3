"""What is owed: of known files, what was asked for and is not read yet.

What comes in: the store, the registry as loaded, how far to go at which repository. What goes out:
the files whose bytes could still decide something; the repositories at which something may be owed,
page by page. The rule is that of a first visit (`inspect.wants_reading`), put to what earlier
visits left open: so the result does not depend on whether a removal came before a scan or after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Connection, and_, exists, false, func, or_, select

from reseen.match.registry_index import RegistryIndex
from reseen.observed.artifacts import artifact as artifact_by
from reseen.observed.known_commits import is_standing
from reseen.observed.parts_of_files import parts_of
from reseen.observed.readings import UNREAD, File, ReadSoFar, file_of, files_of, read_so_far
from reseen.records import Artifact, RepoType, is_in_parts
from reseen.scan.inspect import is_read, wants_reading
from reseen.scan.shard_indexes import is_index_left
from reseen.scan.shards_at_hub import ShardSet, is_left
from reseen.scan.target import Confirm, Options, Target
from reseen.store import change_log, ids
from reseen.store.schema import (
    artifacts,
    removals,
    repositories,
    sightings,
    walks,
)

EVERYTHING = Target(types=tuple(RepoType), owed=True)
"""All that is owed, wherever it is."""
AS_ASKED = Options(confirm=Confirm.NONE, edited=False, background=0)
"""As far as was ever asked of a repository, and no further."""
PAGE = 1_000
"""Repositories gone through at a time."""


@dataclass(frozen=True, slots=True)
class Owed:
    """What is to be read at one repository."""

    artifacts: tuple[Artifact, ...]
    before: Mapping[File, ReadSoFar]
    """How far its files were read."""
    whole: Mapping[int, Artifact] = field(default_factory=dict)
    """Models in several files, by pk."""


def files(
    connection: Connection, known: RegistryIndex, asked: Mapping[int, Options]
) -> dict[int, Owed]:
    """What is owed to these repositories, by pk; those to which nothing is are left out. `asked`:
    how far to go at each."""
    pks = [pk for pk, options in asked.items() if options.confirm is not Confirm.NONE]
    if not pks or not len(known):
        return {}
    before = read_so_far(connection, pks)
    found: dict[int, list[Artifact]] = {}
    whole: dict[int, dict[int, Artifact]] = {}
    for repository_pk, pk, artifact in files_of(connection, pks):
        so_far = before.get(repository_pk, {}).get(file_of(artifact), UNREAD)
        if so_far.gone or is_read(so_far, known):
            continue
        options = asked[repository_pk]
        if artifact.member and is_in_parts(artifact.path):
            if is_left(artifact, so_far, known, options):
                whole.setdefault(repository_pk, {})[pk] = artifact
        elif is_index_left(artifact, so_far, known, options) or wants_reading(
            artifact, known.match(artifact), so_far, known, options
        ):
            found.setdefault(repository_pk, []).append(artifact)
    return {
        pk: Owed(tuple(found.get(pk, ())), before.get(pk, {}), whole.get(pk, {}))
        for pk in found.keys() | whole.keys()
    }


def sets(connection: Connection, owing: Owed) -> tuple[ShardSet, ...]:
    """The models in several files to which something is owed."""
    made = []
    for pk, artifact in owing.whole.items():
        parts = [artifact_by(connection, each) for each in parts_of(connection, pk)]
        if parts:
            made.append(ShardSet(artifact, tuple(parts), is_named=True))
    return tuple(made)


def beside(connection: Connection, repository_pk: int, owing: Owed) -> tuple[Artifact, ...]:
    """Files that stood with those that are owed, in the same folder of the same commit, and may
    make up a model with them."""
    mine = {file_of(one) for one in owing.artifacts}
    folders = {(one.revision, one.path.rpartition("/")[0]) for one in owing.artifacts}
    return tuple(
        one
        for _, _, one in files_of(connection, [repository_pk])
        if (one.revision, one.path.rpartition("/")[0]) in folders
        and file_of(one) not in mine
        and not one.member
    )


@dataclass(frozen=True, slots=True)
class Where:
    """Among which repositories of a hub something may be owed."""

    hub: str
    target: Target
    options: Options
    own: ColumnElement[bool] = field(default_factory=false)
    """Of a repository: is it the scan's own (`scan.own`)?"""


def behind(
    connection: Connection, where: Where, version: int, after: int = 0, limit: int = PAGE
) -> list[int]:
    """Repositories at which not all that was asked is done as of this version of the registry:
    pks in order, beyond `after`."""
    late = walks.c.version < version
    if where.target.owed and where.options.confirm is not Confirm.NONE:
        level = tuple(Confirm).index(where.options.confirm)
        other = walks.alias()
        reached = exists().where(
            other.c.repository_pk == walks.c.repository_pk, other.c.confirm >= level
        )
        late = or_(late, and_(~reached, _stands_there()))
    query = (
        select(walks.c.repository_pk)
        .join(repositories, repositories.c.pk == walks.c.repository_pk)
        .where(walks.c.repository_pk > after, repositories.c.hub == where.hub, late, _among(where))
        .distinct()
        .order_by(walks.c.repository_pk)
        .limit(limit)
    )
    return list(connection.scalars(query))


def is_owed(connection: Connection, hub: str) -> bool:
    """Whether anything that was asked at this hub is not done."""
    where = Where(hub, EVERYTHING, AS_ASKED)
    return bool(behind(connection, where, change_log.latest(connection), limit=1))


def _among(where: Where) -> ColumnElement[bool]:
    target = where.target
    if not target.owed:
        return where.own
    named: list[ColumnElement[bool]] = []
    if target.names:
        named.append(repositories.c.repo.in_(target.names))
    for author in target.authors:
        named.append(func.substr(repositories.c.repo, 1, len(author) + 1) == f"{author}/")
    wanted = [or_(*named)] if named else []
    if target.removal is not None:
        wanted.append(_stands_there(target.removal))
    return or_(where.own, and_(*wanted)) if wanted else repositories.c.pk.is_not(None)


def _stands_there(removal: str | None = None) -> ColumnElement[bool]:
    """Has the repository a sighting that stands (of this removal)?"""
    query = (
        select(sightings.c.pk)
        .join(artifacts, artifacts.c.pk == sightings.c.artifact_pk)
        .join(removals, removals.c.pk == sightings.c.removal_pk)
        .where(artifacts.c.repository_pk == walks.c.repository_pk, is_standing())
    )
    if removal is not None:
        query = query.where(removals.c.id == ids.given(removal))
    return exists(query)
