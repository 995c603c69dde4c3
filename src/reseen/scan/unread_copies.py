"""How many known copies are not read: what there is to say after a list came in. What is owed to
each repository, `owed` says.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, exists, func, or_, select

from reseen.hubs.kinds import FOLDER, STORAGE
from reseen.observed import blind_spots
from reseen.observed.known_commits import is_standing
from reseen.records import RemovalClass, Rung
from reseen.scan.frontier import State, Task
from reseen.scan.read_result import GATED
from reseen.scan.target import Target
from reseen.store import change_log
from reseen.store.database import Store
from reseen.store.schema import (
    artifacts,
    evidence,
    frontier,
    readings,
    removals,
    repositories,
    scans,
    sightings,
    walks,
)


@dataclass(frozen=True, slots=True)
class UnreadCopies:
    """Known copies of which not every byte was read. Each file counts once."""

    copies: int = 0
    """Known by what a hub declares alone, and not yet read in full, or refused."""
    waiting: int = 0
    """Of these: work of a scan that has not ended. It does it when it goes on, and nobody else."""
    asked: int = 0
    """Of these, beside them: a scan asked for more than was read so far. `reseen read` does it."""
    refused: int = 0
    """Beside these: they were asked for, and could not be had (no access, too large)."""
    pointers: int = 0
    """Beside these: Git LFS pointers in folders on this machine, where no hub can be asked."""
    stored: int = 0
    """Beside these: in a hub's own storage, known by the checksum that a manifest gave. A sweep
    that reads in full reads them."""


def in_store(store: Store) -> UnreadCopies:
    """How many there are."""
    with store.read() as connection:
        return count(connection)


def refused(connection: Connection, hub: str, target: Target) -> int:
    """How many in a target were asked for and could not be had."""
    if target.everything or target.since is not None:
        return count(connection, hub).refused
    repo = repositories.c.repo
    of_accounts = (repo.startswith(f"{each}/", autoescape=True) for each in target.authors)
    return count(connection, hub, or_(repo.in_(target.names), *of_accounts)).refused


def count(
    connection: Connection, hub: str | None = None, where: ColumnElement[bool] | None = None
) -> UnreadCopies:
    """How many there are, at a hub or at all. `where`: only in such repositories."""
    latest = change_log.latest(connection)
    declared = exists().where(
        evidence.c.sighting_pk == sightings.c.pk,
        evidence.c.rung.in_([int(Rung.DECLARED), int(Rung.POINTER)]),
    )
    read = exists().where(readings.c.artifact_pk == artifacts.c.pk, readings.c.full == 1)
    header = exists().where(readings.c.artifact_pk == artifacts.c.pk)
    here = walks.c.repository_pk == artifacts.c.repository_pk
    waits = exists().where(
        frontier.c.scan_pk.in_(select(scans.c.pk).where(scans.c.ended_at.is_(None))),
        frontier.c.repository_pk == artifacts.c.repository_pk,
        frontier.c.task.in_((int(Task.FILES), int(Task.REINSPECT))),
        frontier.c.state.in_((int(State.WAITING), int(State.LEASED))),
    )
    query = (
        select(
            artifacts.c.pk,
            select(func.max(walks.c.confirm)).where(here).scalar_subquery().label("confirm"),
            select(func.min(walks.c.version)).where(here).scalar_subquery().label("version"),
            header.label("header"),
            blind_spots.has(GATED.code).label("gated"),
            (repositories.c.hub == FOLDER).label("folder"),
            repositories.c.hub.startswith(STORAGE).label("stored"),
            waits.label("waits"),
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
    if where is not None:
        query = query.where(where)
    copies = waiting = asked = refused = pointers = stored = 0
    for row in connection.execute(query):
        if row.folder:
            pointers += 1
            continue
        if row.stored:
            stored += 1
            continue
        if row.waits:  # what was walked of its repository says nothing of what was not
            copies += 1
            waiting += 1
            continue
        done = row.version is not None and row.version >= latest
        level = row.confirm or 0
        if (level == 2 and done) or (row.gated and not row.header):
            refused += 1
            continue
        copies += 1
        asked += not done and (level == 2 or (level == 1 and not row.header))
    return UnreadCopies(copies, waiting, asked, refused, pointers, stored)


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
