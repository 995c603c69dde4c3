"""Notices as they stand: read out for pages, texts and files.

What comes in: a connection. What goes out: `Notice`s with their items and steps, and `NoticeRow`s
for lists. Nothing is changed here, and nothing sealed of a removal is in any of it; notes that
people wrote come out only with the key.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    Select,
    case,
    exists,
    func,
    select,
)

from reseen.errors import NotFound, SealError
from reseen.observed import artifacts as seen
from reseen.observed import sightings
from reseen.records import Claim, DigestKind, Names, RemovalClass
from reseen.registry import claims
from reseen.review import clauses, confirmed, sample_views, sealed_text
from reseen.review.notice import ASIDE, CLAUSES, LEGAL_CLAUSE, UNDO, Item, Notice, NoticeRow, Step
from reseen.review.notice_states import CLOSED_WORDS, NoticeState
from reseen.review.pages import page_of
from reseen.store import ids, schema, service_schema
from reseen.store.sealing import Keyring


def by_id(connection: Connection, keyring: Keyring | None, notice: str) -> Notice:
    """Raises NotFound."""
    row = own_row(connection, notice)
    steps, clause, legal = _steps(connection, keyring, row)
    return Notice(
        id=row.id,
        hub=row.hub,
        account=row.account,
        state=NoticeState(row.state),
        created_at=row.created_at,
        changed_at=row.changed_at,
        due_at=row.due_at,
        version=row.version,
        items=_items(connection, keyring, row),
        steps=steps,
        clause=clause,
        legal=legal,
    )


def every(
    connection: Connection,
    *,
    states: Collection[NoticeState] | None = None,
    hub: str | None = None,
    account: str | None = None,
    overdue_at: int | None = None,
    most: int = 500,
    skip: int = 0,
) -> list[NoticeRow]:
    """Those with items, whose clock ends first at the head: the overdue ones. `overdue_at`: only
    those whose clock had run out by then."""
    n = service_schema.notices.c
    counted = _counted().subquery()
    query = (
        select(service_schema.notices, counted.c.held, counted.c.there)
        .join(counted, counted.c.notice_pk == n.pk)
        .order_by(n.due_at.is_(None), n.due_at, n.pk)
        .limit(most)
        .offset(skip)
    )
    if states is not None:
        query = query.where(n.state.in_([state.value for state in states]))
    if hub is not None:
        query = query.where(n.hub == hub)
    if account is not None:
        query = query.where(n.account == account)
    if overdue_at is not None:
        query = query.where(n.due_at < overdue_at)
    return [
        NoticeRow(
            id=row.id,
            hub=row.hub,
            account=row.account,
            state=NoticeState(row.state),
            items=row.held,
            there=row.there,
            created_at=row.created_at,
            changed_at=row.changed_at,
            due_at=row.due_at,
        )
        for row in connection.execute(query)
    ]


def numbers(connection: Connection) -> dict[NoticeState, int]:
    """How many notices stand in each state; drafts that hold nothing do not count."""
    n, i = service_schema.notices.c, service_schema.notice_items.c
    query = (
        select(n.state, func.count()).where(exists().where(i.notice_pk == n.pk)).group_by(n.state)
    )
    found = {NoticeState(state): int(count) for state, count in connection.execute(query)}
    return {state: found.get(state, 0) for state in NoticeState}


def own_row(connection: Connection, notice: str) -> Row[Any]:
    """The notice's own row. Raises NotFound."""
    query = select(service_schema.notices).where(service_schema.notices.c.id == ids.given(notice))
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound.of("notice", notice, "The page of notices shows them.")
    return row


def rivals(connection: Connection, notice_pk: int) -> list[str]:
    """The other open notices, by id, that hold a file of this one."""
    n, i = service_schema.notices.c, service_schema.notice_items.c
    mine = service_schema.notice_items.alias("mine")
    query = (
        select(n.id)
        .join(service_schema.notice_items, i.notice_pk == n.pk)
        .join(mine, mine.c.sighting_pk == i.sighting_pk)
        .where(mine.c.notice_pk == notice_pk, n.pk != notice_pk, n.state.not_in(CLOSED_WORDS))
        .group_by(n.pk, n.id)
        .order_by(n.pk)
    )
    return list(connection.scalars(query))


# -- items and steps -----------------------------------------------------------------------------


def _counted() -> Select[Any]:
    i, s = service_schema.notice_items.c, schema.sightings.c
    gone = s.state.in_([state.value for state in sightings.GONE])
    return (
        select(
            i.notice_pk,
            func.count().label("held"),
            func.sum(case((gone, 0), else_=1)).label("there"),
        )
        .join(schema.sightings, s.pk == i.sighting_pk)
        .group_by(i.notice_pk)
    )


def names(connection: Connection, keyring: Keyring, notice_pk: int) -> dict[str, tuple[Names, ...]]:
    """What is sealed of the removals that a notice is about, by their ids: to compare with, never
    to show. Raises SealError."""
    i, s, r = service_schema.notice_items.c, schema.sightings.c, schema.removals.c
    c = schema.claims.c
    query = (
        select(r.id, c.sealed)
        .join(schema.claims, c.removal_pk == r.pk)
        .join(schema.sightings, s.removal_pk == r.pk)
        .join(service_schema.notice_items, i.sighting_pk == s.pk)
        .where(i.notice_pk == notice_pk, c.sealed.is_not(None))
        .distinct()
    )
    found: dict[str, tuple[Names, ...]] = {}
    for id, sealed in connection.execute(query):
        found[id] = (*found.get(id, ()), keyring.open(sealed, id))
    return found


def _with_reason(connection: Connection, keyring: Keyring | None, notice_pk: int) -> set[str]:
    """The removals of a notice for which a list gives a reason; none without the key."""
    if keyring is None:
        return set()
    try:
        found = names(connection, keyring, notice_pk)
    except SealError:
        return set()
    return {id for id, some in found.items() if any(one.reason for one in some)}


def _items(connection: Connection, keyring: Keyring | None, notice: Row[Any]) -> tuple[Item, ...]:
    i, s, a = service_schema.notice_items.c, schema.sightings.c, schema.artifacts.c
    query = (
        select(
            s.pk,
            s.id,
            s.artifact_pk,
            i.added_at,
            service_schema.cases.c.id.label("case"),
            a.xet,
            a.git_oid,
            a.sha256,
            s.removal_pk,
            schema.removals.c.cls.label("removal_class"),
        )
        .select_from(service_schema.notice_items)
        .join(schema.sightings, s.pk == i.sighting_pk)
        .join(schema.removals, schema.removals.c.pk == s.removal_pk)
        .join(schema.artifacts, a.pk == s.artifact_pk)
        .join(service_schema.cases, service_schema.cases.c.pk == i.case_pk)
        .where(i.notice_pk == notice.pk)
    )
    rows = connection.execute(query).all()
    which = sightings.SightingFilter(hub=notice.hub, author=notice.account)
    known = {each.id: each for each in sightings.every(connection, which)} if rows else {}
    good = confirmed.standing(connection, [row.pk for row in rows])
    by = sample_views.bases(connection, set(good.values()))
    reasons = _with_reason(connection, keyring, notice.pk)
    said = claims.of_removals(connection, {row.removal_pk for row in rows})
    read = seen.read_digests(connection, [row.artifact_pk for row in rows])
    found = []
    for row in rows:
        # An old repository without an owner is the account's too.
        sighting = known.get(row.id) or sightings.by_id(connection, row.id)
        secret, own = sighting.never_read, read.get(row.artifact_pk, ())
        basis = by.get(good.get(row.pk, 0))
        first = _first_place(said.get(row.removal_pk, ()))
        of_git = len(row.git_oid or b"") == DigestKind.GIT_BLOB.length and not sighting.member
        found.append(
            Item(
                sighting=sighting,
                case=row.case,
                url=page_of(connection, sighting),
                xet=None if row.xet is None or secret else row.xet.hex(),
                git_oid=row.git_oid.hex() if of_git and row.git_oid and not secret else None,
                read=() if secret else tuple(d for d in own if not d.kind.is_short),
                site=None if first is None else first.site,
                removed_on=None if first is None else first.removed_on,
                cls=RemovalClass(row.removal_class),
                reason=sighting.removal in reasons,
                opened=basis is not None and basis.opened,
                by_reading=basis is not None and basis.by_reading,
                confirmed_by=basis.user_pk if basis is not None else None,
                added_at=row.added_at,
                stands=row.pk in good,
            )
        )
    found.sort(key=lambda item: (-item.sighting.rung, item.sighting.repo, item.sighting.path))
    return tuple(found)


def _first_place(said: Sequence[Claim]) -> Claim | None:
    """The first claim in force of a list that says where or when a model was removed."""
    return next(
        (c for c in said if c.in_force and not c.learned and (c.site or c.removed_on)), None
    )


def _steps(
    connection: Connection, keyring: Keyring | None, notice: Row[Any]
) -> tuple[tuple[Step, ...], str | None, bool]:
    rows = step_rows(connection, notice.pk)
    undone = {row.pk for row in rows} - {row.pk for row in counting(rows)}
    steps = []
    clause: str | None = clauses.default(notice.hub)
    legal = False
    for row in rows:
        note = sealed_text.opened(keyring, row.sealed, notice.id)
        if row.how in CLAUSES:
            clause, legal = note, row.how == LEGAL_CLAUSE
        steps.append(
            Step(
                at=row.at,
                who=row.name,
                state=NoticeState(row.state),
                how=row.how,
                note=note,
                undone=row.pk in undone and row.how != UNDO and row.how not in ASIDE,
            )
        )
    return tuple(steps), clause, legal


def step_rows(connection: Connection, notice_pk: int) -> list[Row[Any]]:
    """Every step with its user's name, oldest first."""
    s, u = service_schema.notice_steps.c, service_schema.users.c
    query = (
        select(s.pk, s.at, s.user_pk, s.state, s.how, s.sealed, u.name)
        .outerjoin(service_schema.users, u.pk == s.user_pk)
        .where(s.notice_pk == notice_pk)
        .order_by(s.pk)
    )
    return list(connection.execute(query))


def sent_at(connection: Connection, notice_pk: int) -> int | None:
    """When it was sent the last time, by the steps that count; None: never."""
    sent = (
        x.at
        for x in counting(step_rows(connection, notice_pk))
        if x.state == NoticeState.SENT.value
    )
    return max(sent, default=None)


def counting(rows: Sequence[Row[Any]]) -> list[Row[Any]]:
    """The steps that still count, oldest first: each undoing takes the last of them away."""
    left: list[Row[Any]] = []
    for row in rows:
        if row.how == UNDO:
            left = left[:-1]
        elif row.how not in ASIDE:
            left.append(row)
    return left
