"""Everything known of an uploader at a hub, in figures.

What comes in: a hub and an account's name. What goes out: an `UploaderAccount`. Its cases are the
queue's matter (`CaseFilter(hub=..., account=...)`), its notices those of `notice_read`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, select

from reseen.observed import sightings
from reseen.observed.artifacts import DISABLED, GATED, instant
from reseen.records import RepoType, Rung
from reseen.review.verdicts import CaseState
from reseen.store import schema
from reseen.store.service_schema import case_sightings, notices
from reseen.store.service_schema import cases as table

MOST = 200
"""Repositories that are named."""


@dataclass(frozen=True, slots=True)
class AccountRepository:
    """One repository of the account."""

    pk: int
    type: RepoType
    repo: str
    created_at: datetime | None
    downloads: int | None
    likes: int | None
    gated: bool
    disabled: bool
    cases: int


@dataclass(frozen=True, slots=True)
class Month:
    """One month of the account."""

    month: str
    """ "2026-05" """
    created: int
    """Repositories made, as the hub says."""
    seen: int
    """Sightings first seen."""


@dataclass(frozen=True, slots=True)
class UploaderAccount:
    """An uploader at a hub."""

    hub: str
    account: str
    repositories: int
    """That we know of, also those in which nothing was seen."""
    named: tuple[AccountRepository, ...]
    """The first of them: those with cases first, most downloaded first."""
    cases: Mapping[str, int]
    """How many: "open" and "second", the decided ones by verdict, and "refuted" for those that wait
    and are nothing but refuted."""
    removals: int
    """Different removals among its sightings."""
    sightings: int
    """On the ladder; the figures around it are of these too."""
    live: int
    refuted: int
    """Sightings that reading refuted, apart."""
    downloads: int
    """Of repositories in which something stands on the ladder."""
    notices: Mapping[str, int]
    """How many, by state."""
    first_seen: datetime | None
    last_seen: datetime | None
    months: tuple[Month, ...]
    """Those in which anything happened, oldest first."""

    @property
    def undecided(self) -> int:
        return self.cases.get(CaseState.OPEN, 0) + self.cases.get(CaseState.SECOND, 0)


def account(connection: Connection, hub: str, name: str) -> UploaderAccount:
    """What is known; zeros where nothing is."""
    mine = and_(table.c.hub == hub, table.c.account == name)
    by_word: Counter[str] = Counter()
    refuted = (table.c.rung == int(Rung.REFUTED)).label("refuted")
    states = select(table.c.state, table.c.verdict, refuted, func.count()).where(
        mine, table.c.rung > int(Rung.UNSUPPORTED)
    )
    for state, verdict, is_refuted, count in connection.execute(
        states.group_by(table.c.state, table.c.verdict, refuted)
    ):
        decided = state == CaseState.DECIDED and verdict
        by_word[verdict if decided else "refuted" if is_refuted else state] += count
    every = _seen(connection, mine)
    seen = [row for row in every if row.rung > 0]
    repositories = _repositories(connection, hub, name)
    written = select(notices.c.state, func.count()).where(
        notices.c.hub == hub, notices.c.account == name
    )
    standing = {row.repository_pk for row in seen}
    busy = [r for r in repositories if r.pk in standing]
    return UploaderAccount(
        hub=hub,
        account=name,
        repositories=len(repositories),
        named=tuple(repositories[:MOST]),
        cases=dict(by_word),
        removals=len({row.removal_pk for row in seen}),
        sightings=len(seen),
        live=sum(row.state not in sightings.GONE for row in seen),
        refuted=sum(row.rung == Rung.REFUTED for row in every),
        downloads=sum(r.downloads or 0 for r in busy),
        notices=dict(connection.execute(written.group_by(notices.c.state)).all()),
        first_seen=instant(min((row.first_seen for row in seen), default=None)),
        last_seen=instant(max((row.last_seen for row in seen), default=None)),
        months=_months(repositories, seen),
    )


def _seen(connection: Connection, mine: ColumnElement[bool]) -> list[Any]:
    s = schema.sightings.c
    query = (
        select(s.removal_pk, table.c.repository_pk, s.rung, s.state, s.first_seen, s.last_seen)
        .join(case_sightings, case_sightings.c.sighting_pk == s.pk)
        .join(table, table.c.pk == case_sightings.c.case_pk)
        .where(mine)
    )
    return list(connection.execute(query))


def _repositories(connection: Connection, hub: str, name: str) -> list[AccountRepository]:
    r = schema.repositories.c
    start = name + "/"
    theirs = [r.hub == hub, func.substr(r.repo, 1, len(start)) == start]
    if connection.dialect.name == "sqlite":  # compares bytes, so that its index narrows it
        theirs += [r.repo >= start, r.repo < name + "0"]
    of_each = (
        select(table.c.repository_pk, func.count())
        .where(table.c.hub == hub, table.c.account == name)
        .group_by(table.c.repository_pk)
    )
    with_cases: dict[int, int] = dict(connection.execute(of_each).all())
    query = select(r.pk, r.type, r.repo, r.created_at, r.downloads, r.likes, r.flags).where(*theirs)
    found = [
        AccountRepository(
            row.pk,
            RepoType(row.type),
            row.repo,
            instant(row.created_at),
            row.downloads,
            row.likes,
            bool(row.flags & GATED),
            bool(row.flags & DISABLED),
            with_cases.get(row.pk, 0),
        )
        for row in connection.execute(query)
    ]
    return sorted(found, key=lambda one: (not one.cases, -(one.downloads or 0), one.repo))


def _months(repositories: list[AccountRepository], seen: list[Any]) -> tuple[Month, ...]:
    created = Counter(f"{r.created_at:%Y-%m}" for r in repositories if r.created_at)
    first = Counter(f"{instant(row.first_seen):%Y-%m}" for row in seen)
    return tuple(
        Month(month, created[month], first[month]) for month in sorted(created | first)[-600:]
    )
