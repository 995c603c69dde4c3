"""Repositories and accounts by their exact names, and how many cases each has.

What comes in: what a person typed, as the hubs' own addresses read it. What goes out: places that
the store knows. Only whole names are looked for, along the indexes, so that a large store answers
as fast as a small one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from reseen.observed.artifacts import instant
from reseen.records import RepoType, account_of
from reseen.store import schema
from reseen.store.service_schema import case_sightings, cases

_LONGEST = 300


@dataclass(frozen=True, slots=True)
class KnownRepository:
    """A repository that a scan looked at, or listed."""

    hub: str
    type: RepoType
    repo: str
    account: str
    """Empty where it is nobody's."""
    last_listed: datetime | None
    cases: tuple[str, ...]
    """Ids, the strongest first; at most `MOST_CASES`."""
    case_count: int


@dataclass(frozen=True, slots=True)
class KnownAccount:
    """An account of which there is a case."""

    hub: str
    account: str
    cases: int


MOST_CASES = 5


def repositories(
    connection: Connection, hubs: Sequence[str], names: Sequence[str], *, most: int
) -> list[KnownRepository]:
    """Those of these names at these hubs, whatever their type."""
    wanted = [name for name in dict.fromkeys(names) if _can_be(name)]
    if not wanted or not hubs:
        return []
    r = schema.repositories.c
    types = [type.value for type in RepoType]  # all: so that the index is walked to its end
    query = (
        select(r.pk, r.hub, r.type, r.repo, r.last_listed)
        .where(r.hub.in_(hubs), r.type.in_(types), r.repo.in_(wanted))
        .order_by(r.hub, r.type, r.repo)
        .limit(most)
    )
    return [
        KnownRepository(
            hub=row.hub,
            type=RepoType(row.type),
            repo=row.repo,
            account=account_of(row.repo),
            last_listed=instant(row.last_listed),
            cases=tuple(connection.scalars(_of_repository(cases.c.id, row.pk).limit(MOST_CASES))),
            case_count=int(
                connection.scalar(
                    select(func.count()).select_from(cases).where(cases.c.repository_pk == row.pk)
                )
                or 0
            ),
        )
        for row in connection.execute(query)
    ]


def called(connection: Connection, hub: str, own_id: str) -> list[str]:
    """What the store calls a repository of which the hub's own word for it is known."""
    r = schema.repositories.c
    query = select(r.repo).where(r.own_id == own_id, r.hub == hub).limit(MOST_CASES)
    return list(connection.scalars(query))


def _of_repository(column: Any, pk: int) -> Any:
    # Any: SQLAlchemy's columns and queries have no plainer type here.
    return (
        select(column).where(cases.c.repository_pk == pk).order_by(cases.c.rung.desc(), cases.c.pk)
    )


def accounts(
    connection: Connection, hubs: Sequence[str], name: str, *, most: int
) -> list[KnownAccount]:
    """Accounts of this name at these hubs that have a case."""
    if not _can_be(name):
        return []
    c = cases.c
    query = (
        select(c.hub, c.account, func.count())
        .where(c.hub.in_(hubs), c.account == name)
        .group_by(c.hub, c.account)
        .order_by(c.hub)
        .limit(most)
    )
    return [KnownAccount(*row) for row in connection.execute(query)]


def _can_be(name: str) -> bool:
    return 0 < len(name) <= _LONGEST and name.isprintable()


def case_of_sighting(connection: Connection, sighting: str) -> str | None:
    """The id of the case that holds a sighting (by id); None where none does yet."""
    s = schema.sightings.c
    query = (
        select(cases.c.id)
        .join(case_sightings, case_sightings.c.case_pk == cases.c.pk)
        .join(schema.sightings, s.pk == case_sightings.c.sighting_pk)
        .where(s.id == sighting)
    )
    found: str | None = connection.scalar(query)
    return found


def case_counts(connection: Connection, removal_pks: Sequence[int]) -> dict[int, int]:
    """How many cases each of these removals has; those without any are left out."""
    c = cases.c
    query = select(c.removal_pk, func.count()).where(c.removal_pk.in_(removal_pks))
    return {pk: int(count) for pk, count in connection.execute(query.group_by(c.removal_pk))}
