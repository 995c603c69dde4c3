"""What is remembered of pinned commits, asked in bulk.

What comes in: a page of a listing, or row numbers. What goes out: which of it is known already, so
that the same commit of the same repository is never asked for again. Bounded by the page: nothing
is kept in Python from one page to the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, select

from reseen.observed import artifacts as seen
from reseen.observed import walks
from reseen.observed.artifacts import DISABLED, GATED, PRIVATE
from reseen.observed.sightings import GONE
from reseen.observed.walks import NEVER, Walked
from reseen.records import Repository, RepoType, Rung, account_of
from reseen.store.database import chunks
from reseen.store.schema import (
    artifacts,
    removals,
    repositories,
    sightings,
)


@dataclass(frozen=True, slots=True)
class Remembered:
    """One repository of a page, and what is known of it."""

    pk: int
    repository: Repository
    last_listed: int
    """When it was listed before, by whatever scan, in microseconds; 0: never."""
    known: bool
    """The listed commit's files are known, with all that the hub says of them today."""
    walked: Walked
    """What is remembered of its commits."""
    standing: bool
    """Something stands there that was found."""


def remember(connection: Connection, listed: Sequence[Repository], at: int) -> list[Remembered]:
    """Store a page of a listing and say what of it was known before."""
    unique = {(each.hub, each.type, each.id): each for each in listed}
    page = list(unique.values())
    before: dict[tuple[str, RepoType, str], tuple[int, int]] = {}
    for hub, type in {(each.hub, each.type) for each in page}:
        ids = [each.id for each in page if each.hub == hub and each.type is type]
        for some in chunks(ids):
            query = select(
                repositories.c.pk, repositories.c.repo, repositories.c.last_listed
            ).where(
                repositories.c.hub == hub,
                repositories.c.type == type.value,
                repositories.c.repo.in_(some),
            )
            for pk, repo, last_listed in connection.execute(query):
                before[hub, type, repo] = (pk, last_listed or 0)
    known = [pk for pk, _ in before.values()]
    walked = walks.of_repositories(connection, known)
    standing = with_sightings(connection, known)
    pks = seen.repositories(connection, page, at=at)
    hidden = seen.hidden(connection, known)
    remembered = []
    for pk, each in zip(pks, page, strict=True):
        _, last_listed = before.get((each.hub, each.type, each.id), (pk, 0))
        here = walked.get(pk, NEVER)
        told = here.commits - hidden.get(pk, set())
        remembered.append(
            Remembered(
                pk=pk,
                repository=each,
                last_listed=last_listed,
                known=each.sha is not None and walks.key(each.sha) in told,
                walked=here,
                standing=pk in standing,
            )
        )
    return remembered


def repositories_by_pk(connection: Connection, pks: Iterable[int]) -> dict[int, Repository]:
    """Repositories as last listed, without tags and paths, which are not kept, and without what the
    hub itself calls them (`own_ids`): stored again under an old name, they move nothing."""
    found: dict[int, Repository] = {}
    for some in chunks(sorted(set(pks))):
        query = select(repositories).where(repositories.c.pk.in_(some))
        found.update((row.pk, _repository(row)) for row in connection.execute(query))
    return found


def listed(connection: Connection, hub: str, repos: Sequence[str], since: int) -> set[str]:
    """Which of these repositories the hub listed at or after an instant, of whatever type."""
    found: set[str] = set()
    for some in chunks(repos):
        query = select(repositories.c.repo).where(
            repositories.c.hub == hub,
            repositories.c.repo.in_(some),
            repositories.c.last_listed >= since,
        )
        found.update(connection.scalars(query))
    return found


def is_listed(connection: Connection, hub: str, author: str, since: int) -> bool:
    """Whether the hub listed anything of an account at or after an instant."""
    query = select(repositories.c.pk).where(
        repositories.c.hub == hub,
        repositories.c.repo.startswith(f"{author}/", autoescape=True),
        repositories.c.last_listed >= since,
    )
    return connection.execute(query.limit(1)).first() is not None


def own_ids(connection: Connection, pks: Iterable[int]) -> dict[int, str | None]:
    """What the hub itself calls these repositories."""
    found: dict[int, str | None] = {}
    for some in chunks(sorted(set(pks))):
        query = select(repositories.c.pk, repositories.c.own_id).where(repositories.c.pk.in_(some))
        found.update((pk, own_id) for pk, own_id in connection.execute(query))
    return found


def public(connection: Connection, hub: str, most: int) -> list[Repository]:
    """Some repositories of a hub that strangers could see when they were last listed."""
    open_to_all = ~seen.has(repositories.c.flags, DISABLED | PRIVATE)
    query = (
        select(repositories)
        .where(repositories.c.hub == hub, open_to_all, repositories.c.last_listed.is_not(None))
        .order_by(repositories.c.last_listed.desc(), repositories.c.pk.desc())
        .limit(most)
    )
    return [_repository(row) for row in connection.execute(query)]


def pk_of(connection: Connection, repository: Repository) -> int:
    """The pk of a repository that was stored before."""
    query = select(repositories.c.pk).where(
        repositories.c.hub == repository.hub,
        repositories.c.type == repository.type.value,
        repositories.c.repo == seen.text(repository.id),
    )
    return int(connection.execute(query).scalar_one())


def of_account(connection: Connection, hub: str, author: str) -> list[int]:
    """The pks of an account's repositories."""
    prefix = f"{author}/"
    query = select(repositories.c.pk).where(
        repositories.c.hub == hub, func.substr(repositories.c.repo, 1, len(prefix)) == prefix
    )
    return list(connection.scalars(query))


def accounts_with_sightings(connection: Connection, hub: str) -> set[str]:
    """Accounts of a hub where a removal was re-seen, on a rung that counts."""
    query = (
        select(repositories.c.repo)
        .join(artifacts, artifacts.c.repository_pk == repositories.c.pk)
        .join(sightings, sightings.c.artifact_pk == artifacts.c.pk)
        .where(repositories.c.hub == hub, sightings.c.rung > int(Rung.HINT))
        .distinct()
    )
    return {account_of(repo) for (repo,) in connection.execute(query)}


def with_sightings(connection: Connection, pks: Sequence[int]) -> set[int]:
    """Which of these repositories have a sighting that stands there, of a removal in force."""
    found: set[int] = set()
    for some in chunks(pks):
        query = (
            select(artifacts.c.repository_pk)
            .join(sightings, sightings.c.artifact_pk == artifacts.c.pk)
            .join(removals, removals.c.pk == sightings.c.removal_pk)
            .where(artifacts.c.repository_pk.in_(some), is_standing())
            .distinct()
        )
        found.update(pk for (pk,) in connection.execute(query))
    return found


def is_standing() -> ColumnElement[bool]:
    """Of a sighting joined with its removal: in force, on a rung or refuted, and not gone. What a
    reading refuted was claimed all the same: where it leads does not depend on when it was read."""
    return and_(
        removals.c.withdrawn_at.is_(None),
        sightings.c.rung > int(Rung.UNSUPPORTED),
        sightings.c.state.not_in([state.value for state in GONE]),
    )


def _repository(row: Row[Any]) -> Repository:
    return Repository(
        hub=row.hub,
        type=RepoType(row.type),
        id=row.repo,
        sha=None if row.sha is None else seen.commit_text(row.sha),
        created_at=seen.instant(row.created_at),
        modified_at=seen.instant(row.modified_at),
        downloads=row.downloads,
        likes=row.likes,
        gated=bool(row.flags & GATED),
        disabled=bool(row.flags & DISABLED),
        private=bool(row.flags & PRIVATE),
        seen_as=row.seen_as,
        used_storage=row.used_storage,
    )
