"""What the store knows of accounts, as campaigns are found in it.

What comes in: a connection. What goes out: a `Population`. An account is compared where it has a
re-upload of its own: a sighting on the ladder, of a removal in force, that no person has dismissed,
and that no stranger can have put there (a proposal to a repository is its author's, not the
account's). Bounded: so many accounts, so many files of each; accounts are read a portion at a time.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, exists, func, or_, select

from reseen.observed import commit_habits
from reseen.records import PROPOSAL, Rung, account_of
from reseen.review.campaign_accounts import SeenAccount, SeenCommit, SeenFile
from reseen.review.campaign_following import Place
from reseen.review.campaign_score import Population
from reseen.review.campaign_traits import Traits, first_copies, traits
from reseen.review.verdicts import Verdict
from reseen.store import change_log, schema, service_schema
from reseen.store.campaign_schema import campaign_accounts, campaign_events
from reseen.store.database import chunks

MOST_ACCOUNTS = 100_000
"""Accounts with a re-upload that are compared: those with most of them."""
MOST_OTHERS = 20_000
"""Accounts without one that say what is common: chosen by a keyed hash, so that nobody can choose
to be among them."""
MOST_FILES = 2_000
"""Files of one account that are looked at."""
_DISMISSED = (Verdict.NOT_THIS_MODEL.value, Verdict.ALLOWED.value)


@dataclass(frozen=True, slots=True)
class ReUpload:
    """A removal's copy at an account, by what the account itself put there."""

    hub: str
    account: str
    removal_pk: int
    sighting_pk: int
    artifact_pk: int
    at: int | None
    """When its repository was made."""
    first_seen: int
    file: SeenFile


def re_uploads(connection: Connection, only: Iterable[Place] | None = None) -> list[ReUpload]:
    """Of all accounts, or of these (hub and name)."""
    if only is None:
        return [_re_upload(row) for row in connection.execute(_query())]
    c = service_schema.cases.c
    found: list[ReUpload] = []
    for some in chunks(sorted(set(only)), 100):
        these = or_(*(and_(c.hub == hub, c.account == name) for hub, name in some))
        found += [_re_upload(row) for row in connection.execute(_query().where(these))]
    return found


def confirmed_once(
    connection: Connection, campaign_pks: Collection[int]
) -> list[tuple[int, Place, int]]:
    """Campaign, account and sighting (by pk) of re-uploads by the accounts of these campaigns, as
    far as somebody ever confirmed anything of the case: far fewer than there are."""
    a, c = campaign_accounts.c, service_schema.cases.c
    made = service_schema.decisions.c
    ever = exists().where(made.case_pk == c.pk, made.verdict == Verdict.CONFIRM.value)
    query = (
        _query()
        .join(campaign_accounts, and_(a.hub == c.hub, a.account == c.account))
        .where(a.left_at.is_(None), ever)
        .with_only_columns(a.campaign_pk, a.hub, a.account, schema.sightings.c.pk)
    )
    return [
        (row.campaign_pk, (row.hub, row.account), row.pk)
        for pks in chunks(campaign_pks)
        for row in connection.execute(query.where(a.campaign_pk.in_(pks)))
    ]


def population(connection: Connection, secret: bytes) -> Population:
    """All accounts that are compared, and the others. `secret`: `store.secret`."""
    by_account: dict[Place, list[ReUpload]] = {}
    for one in re_uploads(connection):
        by_account.setdefault((one.hub, one.account), []).append(one)
    kept = sorted(by_account, key=lambda place: (-len(by_account[place]), place))[:MOST_ACCOUNTS]
    first = first_copies(
        SeenAccount(place[0], place[1], tuple(one.file for one in by_account[place]))
        for place in kept
    )
    repositories = _repositories(connection)
    chosen = sorted(
        (place for place in repositories if place not in by_account),
        key=lambda place: hmac.digest(secret, "\0".join(place).encode(), "sha256"),
    )[:MOST_OTHERS]
    removal_of = {one.artifact_pk: one.removal_pk for place in kept for one in by_account[place]}
    compared = list(_traits(connection, kept, repositories, removal_of, first))
    return Population(compared, _traits(connection, chosen, repositories, {}, first))


def state(connection: Connection) -> bytes:
    """What is another where accounts may be tied otherwise than before: by what was seen, decided
    or said. That a rung changed does not show in it."""
    lasts = (schema.sightings, service_schema.decisions, campaign_events)
    numbers = [connection.scalar(select(func.max(table.c.pk))) or 0 for table in lasts]
    return " ".join(map(str, (*numbers, change_log.latest(connection)))).encode()


def _query() -> Any:
    s, a, r = schema.sightings.c, schema.artifacts.c, schema.repositories.c
    c, m = service_schema.cases.c, schema.removals.c
    of_case = service_schema.case_sightings
    return (
        select(
            s.pk.label("sighting_pk"),
            s.removal_pk,
            s.first_seen,
            a.pk.label("artifact_pk"),
            a.path,
            a.sha256,
            a.git_oid,
            c.hub,
            c.account,
            r.repo,
            r.created_at,
            schema.readings.c.layout,
        )
        .select_from(schema.sightings)
        .join(of_case, of_case.c.sighting_pk == s.pk)
        .join(service_schema.cases, c.pk == of_case.c.case_pk)
        .join(schema.artifacts, a.pk == s.artifact_pk)
        .join(schema.repositories, r.pk == a.repository_pk)
        .join(schema.removals, m.pk == s.removal_pk)
        .outerjoin(schema.readings, schema.readings.c.artifact_pk == a.pk)
        .where(
            s.rung > int(Rung.HINT),
            m.withdrawn_at.is_(None),
            or_(c.verdict.is_(None), c.verdict.not_in(_DISMISSED)),
            or_(a.ref.is_(None), ~a.ref.startswith(PROPOSAL, autoescape=True)),
        )
        .order_by(s.pk)
    )


def _re_upload(row: Any) -> ReUpload:
    return ReUpload(
        row.hub,
        row.account,
        row.removal_pk,
        row.sighting_pk,
        row.artifact_pk,
        row.created_at,
        row.first_seen,
        _file(row, row.repo, row.created_at, row.removal_pk),
    )


def _file(row: Any, repo: str, at: int | None, removal_pk: int | None) -> SeenFile:
    content = bytes(row.sha256 or row.git_oid)
    layout = None if row.layout is None else bytes(row.layout)
    return SeenFile(repo.rpartition("/")[2], row.path, content, at, removal_pk, layout)


def _repositories(connection: Connection) -> dict[Place, list[tuple[int, str, int | None]]]:
    """Of each account: the repositories that are known, with when they were made."""
    r = schema.repositories.c
    found: dict[Place, list[tuple[int, str, int | None]]] = {}
    query = select(r.pk, r.hub, r.repo, r.created_at).order_by(r.pk)
    for pk, hub, repo, at in connection.execute(query.execution_options(yield_per=10_000)):
        found.setdefault((hub, account_of(repo)), []).append((pk, repo, at))
    return found


def _traits(
    connection: Connection,
    places: list[Place],
    repositories: dict[Place, list[tuple[int, str, int | None]]],
    removal_of: dict[int, int],
    first: dict[bytes, tuple[int, str]],
) -> Iterator[Traits]:
    a, layout = schema.artifacts.c, schema.readings.c.layout
    query = (
        select(a.pk, a.repository_pk, a.path, a.sha256, a.git_oid, layout)
        .outerjoin(schema.readings, schema.readings.c.artifact_pk == a.pk)
        .where(or_(a.ref.is_(None), ~a.ref.startswith(PROPOSAL, autoescape=True)))
        .order_by(a.pk)
    )
    for some in chunks(places, 200):
        named = {pk: (repo, at) for p in some for pk, repo, at in repositories.get(p, ())}
        of = {pk: place for place in some for pk, _, _ in repositories.get(place, ())}
        files: dict[Place, list[SeenFile]] = {place: [] for place in some}
        for pks in chunks(named):
            for row in connection.execute(query.where(a.repository_pk.in_(pks))):
                mine = files[of[row.repository_pk]]
                removal = removal_of.get(row.pk)
                if len(mine) < MOST_FILES or removal is not None:
                    repo, at = named[row.repository_pk]
                    mine.append(_file(row, repo, at, removal))
        told = commit_habits.of_repositories(connection, named)
        for place in some:
            commits = tuple(
                SeenCommit(repo.rpartition("/")[2], commit.message, commit.at)
                for pk, repo, at in repositories.get(place, ())
                for commit in told.get(pk, ())
                if at is None or commit.at + commit_habits.HOUR > at
            )
            yield traits(SeenAccount(place[0], place[1], tuple(files[place]), commits), first)
