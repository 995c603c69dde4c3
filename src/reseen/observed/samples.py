"""What a sample of all that was seen may be drawn from: files that were read whole.

What comes in: a connection and an architecture. What goes out: the files that were read whole and
whose they are; and whose files there are beside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, and_, case, func, select

from reseen.observed.sketches import ADAPTER
from reseen.records import account_of
from reseen.store import schema
from reseen.store.database import chunks

SMALL, LARGEST = 1 << 20, 512 << 20
"""Bytes of a file that is read at once, whatever it is like; and of one that is read for a sample
only."""
MOST_OF_ACCOUNT = 5
"""Files of one account in a sample."""
Account = tuple[str, str]
"""A hub, and an account there; a folder on a disk is an account of its own."""


@dataclass(frozen=True, slots=True)
class SampledFile:
    """A file that was read whole; of a sample, one that is no sighting of anything."""

    artifact_pk: int
    account: Account
    name: tuple[str, str, bytes]
    """Repository, path, content."""


def account(hub: str, repo: str) -> Account:
    """Whose a repository is."""
    return hub, account_of(repo) or repo


def whole_files(connection: Connection, architecture: str) -> Iterator[SampledFile]:
    """Those of an architecture."""
    k, a, r = schema.read_sketches.c, schema.artifacts.c, schema.repositories.c
    query = (
        select(k.artifact_pk, r.hub, r.repo, a.path, a.git_oid)
        .join(schema.artifacts, a.pk == k.artifact_pk)
        .join(schema.repositories, r.pk == a.repository_pk)
        .where(
            k.kind == ADAPTER,
            k.complete == 1,
            k.architecture == architecture,
            k.artifact_pk.not_in(select(schema.sightings.c.artifact_pk)),
        )
    )
    for row in connection.execute(query):
        name = (row.repo, row.path, bytes(row.git_oid))
        yield SampledFile(row.artifact_pk, account(row.hub, row.repo), name)


def read_whole(connection: Connection, of: Account | None = None) -> Iterator[SampledFile]:
    """All files that were read whole, sightings as well; `of`: only of this account."""
    k, a, r = schema.read_sketches.c, schema.artifacts.c, schema.repositories.c
    query = (
        select(k.artifact_pk, r.hub, r.repo, a.path, a.git_oid)
        .join(schema.artifacts, a.pk == k.artifact_pk)
        .join(schema.repositories, r.pk == a.repository_pk)
        .where(k.kind == ADAPTER, k.complete == 1)
    )
    if of is not None:
        hub, name = of
        theirs = r.repo == name
        if "/" not in name:
            theirs |= r.repo.startswith(f"{name}/", autoescape=True)
        query = query.where(r.hub == hub, theirs)
    for row in connection.execute(query):
        whose = account(row.hub, row.repo)
        yield SampledFile(row.artifact_pk, whose, (row.repo, row.path, bytes(row.git_oid)))


def accounts_of_large(
    connection: Connection, architecture: str | None = None
) -> dict[str, dict[Account, bool]]:
    """Architecture (this one; None: each) -> the accounts that have files of it which are not read
    at once; and whether any of these was read whole."""
    k, a = schema.read_sketches.c, schema.artifacts.c
    r, h = schema.repositories.c, schema.readings.c
    named = func.coalesce(k.architecture, h.architecture)
    whole = case((k.complete == 1, 1), else_=0)
    query = (
        select(named.label("named"), r.hub, r.repo, func.max(whole).label("whole"))
        .select_from(schema.readings)
        .join(schema.artifacts, a.pk == h.artifact_pk)
        .join(schema.repositories, r.pk == a.repository_pk)
        .outerjoin(schema.read_sketches, and_(k.artifact_pk == h.artifact_pk, k.kind == ADAPTER))
        .where(a.size > SMALL, a.size <= LARGEST, named.is_not(None), named != "")
        .group_by(named, r.pk, r.hub, r.repo)
    )
    if architecture is not None:
        query = query.where(named == architecture)
    found: dict[str, dict[Account, bool]] = {}
    for row in connection.execute(query):
        whose = account(row.hub, row.repo)
        theirs = found.setdefault(row.named, {})
        theirs[whose] = theirs.get(whose, False) or bool(row.whole)
    return found


def sketches_of(connection: Connection, artifact_pks: Iterable[int]) -> dict[int, bytes]:
    """Sketches of these artifacts, in their published byte layout."""
    k = schema.read_sketches.c
    found: dict[int, bytes] = {}
    for chunk in chunks(artifact_pks):
        query = select(k.artifact_pk, k.value).where(k.artifact_pk.in_(chunk), k.kind == ADAPTER)
        found.update((pk, bytes(value)) for pk, value in connection.execute(query))
    return found
