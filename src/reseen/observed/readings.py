"""How far the files of a repository were read so far.

What comes in: repositories, by pk. What goes out: for each file at a path, what reading it told and
what it left open; and which files there are. From this and the registry follows what is still worth
reading, so that nothing is read twice and nothing is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, delete, exists, or_, select, update

from reseen.observed import blind_spots
from reseen.observed.artifacts import ENDED, artifact_of, content, text, where_columns
from reseen.observed.blind_spots import UNRECORDED, is_read_since
from reseen.observed.sightings import GONE
from reseen.records import Artifact, Confirmed, Container, Rung, SightingState
from reseen.store import schema
from reseen.store.database import chunks

File = tuple[str, bytes]
"""A path, and git's name for the content there (`artifacts.content`)."""


def file_of(artifact: Artifact) -> File:
    """As the store tells files of one repository apart."""
    return text(artifact.path), content(artifact)


@dataclass(frozen=True, slots=True)
class ReadSoFar:
    """What reading told of one file."""

    container: Container | None = None
    """None: not even its header was read."""
    data_size: int | None = None
    layout: bytes | None = None
    full: bool = False
    """Every byte was read."""
    problem: str | None = None
    """Why its container could not be read, or is not what the hub says."""
    looked: bool = False
    """It was looked for modules, or it is known that it cannot be."""
    modules: Mapping[str, bytes] = field(default_factory=dict)
    """Which modules would be searched, by group, where no more than the header told."""
    near: bool = False
    """A part of its modules comes near a removal, and the rest was not read; or it is a checkpoint
    of which layers are left to be read."""
    claims: frozenset[Confirmed] = frozenset()
    """How far what the hub claims of it was checked, for each removal that it is."""
    gone: bool = False
    """It is a sighting, and no longer stands there."""
    unrecorded: bool = False
    """What of it was not read is not recorded: it was looked into before that was kept."""
    ended: frozenset[tuple[int, bytes]] = frozenset()
    """The digests (kind, value) of a reading that ended at them, for the file's class."""


UNREAD = ReadSoFar()


def files_of(
    connection: Connection, repository_pks: Iterable[int]
) -> Iterator[tuple[int, int, Artifact]]:
    """(repository's pk, artifact's pk, artifact) of every file of these repositories that has a
    size, as last seen."""
    table = schema.artifacts.c
    for some in chunks(repository_pks):
        query = (
            select(schema.artifacts, *where_columns())
            .join(schema.repositories, schema.repositories.c.pk == table.repository_pk)
            .where(table.repository_pk.in_(some), table.size > 0)
        )
        for row in connection.execute(query):
            yield row.repository_pk, row.pk, artifact_of(row)


def read_so_far(
    connection: Connection, repository_pks: Iterable[int]
) -> dict[int, dict[File, ReadSoFar]]:
    """What was read of the files of these repositories; those of which nothing is known are left
    out. By the repository's pk."""
    found: dict[int, dict[File, ReadSoFar]] = {}
    for some in chunks(repository_pks):
        modules, claims = _modules(connection, some), _claims(connection, some)
        ended = _ended(connection, some)
        for row in _rows(connection, some):
            confirmed, gone = claims.get(row.pk, (frozenset(), False))
            found.setdefault(row.repository_pk, {})[row.path, row.git_oid] = ReadSoFar(
                container=Container(row.container) if row.container else None,
                data_size=row.data_size,
                layout=row.layout,
                full=bool(row.full) and not row.again,
                problem=row.problem,
                looked=row.architecture is not None and not row.again,
                modules=modules.get(row.pk, {}),
                near=row.near is not None,
                claims=confirmed,
                gone=gone,
                unrecorded=bool(row.unrecorded),
                ended=frozenset(ended.get(row.pk, ())),
            )
    return found


def _rows(connection: Connection, repository_pks: list[int]) -> list[Any]:
    """Files that were read, or are a sighting."""
    a, r, near = schema.artifacts.c, schema.readings.c, schema.near.c.artifact_pk
    sighted = exists().where(schema.sightings.c.artifact_pk == a.pk)
    query = (
        select(
            a.pk,
            a.repository_pk,
            a.path,
            a.git_oid,
            r.container,
            r.data_size,
            r.layout,
            r.full,
            r.architecture,
            r.problem,
            near.label("near"),
            is_read_since().label("again"),
            blind_spots.has(UNRECORDED).label("unrecorded"),
        )
        .outerjoin(schema.readings, r.artifact_pk == a.pk)
        .outerjoin(schema.near, near == a.pk)
        .where(
            a.repository_pk.in_(repository_pks),
            or_(r.artifact_pk.is_not(None), near.is_not(None), sighted),
        )
    )
    return list(connection.execute(query))


def _modules(connection: Connection, repository_pks: list[int]) -> dict[int, dict[str, bytes]]:
    a, e = schema.artifacts.c, schema.read_entries.c
    query = (
        select(e.artifact_pk, e.group, e.slots)
        .join(schema.artifacts, a.pk == e.artifact_pk)
        .where(a.repository_pk.in_(repository_pks), e.code.is_(None))
    )
    found: dict[int, dict[str, bytes]] = {}
    for pk, group, slots in connection.execute(query):
        found.setdefault(pk, {})[group] = slots
    return found


def _ended(connection: Connection, repository_pks: list[int]) -> dict[int, list[tuple[int, bytes]]]:
    a, r, d = schema.artifacts.c, schema.readings.c, schema.read_digests.c
    query = (
        select(d.artifact_pk, d.kind, d.value)
        .join(schema.artifacts, a.pk == d.artifact_pk)
        .join(schema.readings, r.artifact_pk == a.pk)
        .where(a.repository_pk.in_(repository_pks), r.full == 1, r.problem == ENDED)
    )
    found: dict[int, list[tuple[int, bytes]]] = {}
    for pk, kind, value in connection.execute(query):
        found.setdefault(pk, []).append((kind, bytes(value)))
    return found


def _claims(
    connection: Connection, repository_pks: list[int]
) -> dict[int, tuple[frozenset[Confirmed], bool]]:
    a, s = schema.artifacts.c, schema.sightings.c
    query = (
        select(s.artifact_pk, s.confirmed, s.state)
        .join(schema.artifacts, a.pk == s.artifact_pk)
        .where(a.repository_pk.in_(repository_pks))
    )
    rows: dict[int, list[Any]] = {}
    for row in connection.execute(query):
        rows.setdefault(row.artifact_pk, []).append(row)
    return {
        pk: (
            frozenset(Confirmed(row.confirmed) for row in some),
            all(SightingState(row.state) in GONE for row in some),
        )
        for pk, some in rows.items()
    }


def set_aside(connection: Connection, hub: str, repo: str) -> int:
    """Let the files of a repository that reading refuted count as not read in full, so that they
    are read once more; how many. They stay refuted until that says otherwise. A file that is
    another removal all the same is left as it is: its bytes are known."""
    a, r, s = schema.artifacts.c, schema.repositories.c, schema.sightings.c
    other = schema.sightings.alias("other")
    query = (
        select(s.artifact_pk)
        .join(schema.artifacts, a.pk == s.artifact_pk)
        .join(schema.repositories, r.pk == a.repository_pk)
        .where(r.hub == hub, r.repo == repo, s.rung == int(Rung.REFUTED))
        .where(~exists().where(other.c.artifact_pk == s.artifact_pk, other.c.rung > int(Rung.HINT)))
        .distinct()
    )
    pks = list(connection.scalars(query))
    for some in chunks(pks):
        read, digests = schema.readings, schema.read_digests
        connection.execute(update(read).where(read.c.artifact_pk.in_(some)).values(full=0))
        connection.execute(delete(digests).where(digests.c.artifact_pk.in_(some)))
    if pks:  # what was asked of the repository is not all done any more
        theirs = select(r.pk).where(r.hub == hub, r.repo == repo)
        walked = schema.walks
        connection.execute(
            update(walked).where(walked.c.repository_pk.in_(theirs)).values(version=0)
        )
    return len(pks)
