"""What is owed: of known files, what was asked for and is not read yet.

What comes in: the store, the registry as loaded, how far to go at which repository. What goes out:
the files whose bytes could still decide something; the repositories at which something may be owed,
page by page; and how many known copies are not read. The rule is that of a first visit
(`inspect.wants_reading`), put to what earlier visits left open: so the result does not depend on
whether a removal came before a scan or after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Connection, and_, exists, false, func, or_, select

from reseen.hubs.kinds import FOLDER
from reseen.match.registry_index import RegistryIndex
from reseen.observed import blind_spots
from reseen.observed.known_commits import is_standing
from reseen.observed.readings import UNREAD, File, ReadSoFar, files_of, read_so_far
from reseen.records import Artifact, RemovalClass, RepoType, Rung
from reseen.scan.inspect import is_read, wants_reading
from reseen.scan.read_result import GATED
from reseen.scan.target import Confirm, Options, Target
from reseen.scan.visit import file_of
from reseen.store import change_log, ids
from reseen.store.schema import (
    artifacts,
    evidence,
    readings,
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
    for repository_pk, _, artifact in files_of(connection, pks):
        so_far = before.get(repository_pk, {}).get(file_of(artifact), UNREAD)
        if so_far.gone or is_read(so_far, known):
            continue
        if wants_reading(artifact, known.match(artifact), so_far, known, asked[repository_pk]):
            found.setdefault(repository_pk, []).append(artifact)
    return {pk: Owed(tuple(some), before.get(pk, {})) for pk, some in found.items()}


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


def _is_never_read() -> ColumnElement[bool]:
    """Is the file of a sighting one of the class that is never read, for another removal?"""
    other, theirs = sightings.alias("beside"), removals.alias("theirs")
    return exists().where(
        other.c.artifact_pk == sightings.c.artifact_pk,
        other.c.rung > int(Rung.HINT),
        theirs.c.pk == other.c.removal_pk,
        theirs.c.cls >= int(RemovalClass.CHILD_ABUSE),
        theirs.c.withdrawn_at.is_(None),
    )


@dataclass(frozen=True, slots=True)
class UnreadCopies:
    """Known copies of which not every byte was read. Each file counts once."""

    copies: int = 0
    """Known by what a hub declares alone, and not yet read in full, or refused."""
    asked: int = 0
    """Of these: a scan asked for more than was read so far. `reseen read` does it."""
    refused: int = 0
    """Beside these: they were asked for, and could not be had (no access, too large)."""
    pointers: int = 0
    """Beside these: Git LFS pointers in folders on this machine, where no hub can be asked."""


def count(connection: Connection, hub: str | None = None) -> UnreadCopies:
    """How many there are, at a hub or at all."""
    latest = change_log.latest(connection)
    declared = exists().where(
        evidence.c.sighting_pk == sightings.c.pk,
        evidence.c.rung.in_([int(Rung.DECLARED), int(Rung.POINTER)]),
    )
    read = exists().where(readings.c.artifact_pk == artifacts.c.pk, readings.c.full == 1)
    header = exists().where(readings.c.artifact_pk == artifacts.c.pk)
    here = walks.c.repository_pk == artifacts.c.repository_pk
    query = (
        select(
            artifacts.c.pk,
            select(func.max(walks.c.confirm)).where(here).scalar_subquery().label("confirm"),
            select(func.min(walks.c.version)).where(here).scalar_subquery().label("version"),
            header.label("header"),
            blind_spots.has(GATED.code).label("gated"),
            (repositories.c.hub == FOLDER).label("folder"),
        )
        .join(sightings, sightings.c.artifact_pk == artifacts.c.pk)
        .join(removals, removals.c.pk == sightings.c.removal_pk)
        .join(repositories, repositories.c.pk == artifacts.c.repository_pk)
        .where(is_standing(), sightings.c.rung > int(Rung.HINT), declared, ~read)
        .where(removals.c.cls < int(RemovalClass.CHILD_ABUSE), ~_is_never_read())
        .distinct()
    )
    if hub is not None:
        query = query.where(repositories.c.hub == hub)
    copies = asked = refused = pointers = 0
    for row in connection.execute(query):
        if row.folder:
            pointers += 1
            continue
        done = row.version is not None and row.version >= latest
        level = row.confirm or 0
        if (level == 2 and done) or (row.gated and not row.header):
            refused += 1
            continue
        copies += 1
        asked += not done and (level == 2 or (level == 1 and not row.header))
    return UnreadCopies(copies, asked, refused, pointers)
