"""After rechecks: notices whose files are gone become gone by themselves, and what is there again
is said to be re-seen.

What comes in: a write transaction. What goes out: which notices moved. Nothing is sent. A sighting
is gone after two answers that say so (`observed.sightings`), or when the hub disabled it. What a
person undid of this is left alone until that person, or another, makes the next step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, case, exists, func, not_, or_, select

from reseen.observed import sightings
from reseen.records import Rung, SightingState
from reseen.review import confirmed, notice_read, notice_write
from reseen.review.notice import ASIDE, UNDO
from reseen.review.notice_states import (
    CHANGEABLE,
    CLOSED_WORDS,
    MAY_FOLLOW,
    NoticeState,
    NoticeStep,
)
from reseen.store import schema, service_schema
from reseen.store.database import chunks


@dataclass(frozen=True, slots=True)
class NoticeMoved:
    """A notice that moved by itself."""

    id: str
    state: NoticeState


def is_due(connection: Connection) -> bool:
    """Whether settling would change anything: asked within a reading transaction, so that nobody
    waits for the writer when there is nothing to do."""
    return bool(_undone(connection) or _moves(connection))


def settle(connection: Connection) -> list[NoticeMoved]:
    """Close what is gone, open what is there again, drop what is no longer confirmed from drafts.
    Cheap when there is nothing to do: a few queries over notices, none over sightings at large."""
    for row in _rows(connection, _undone(connection)):
        notice_write.drop_undone(connection, row, None)
    moved = []
    for row, state in _moves(connection):
        if state is NoticeState.RESEEN and notice_read.rivals(connection, row.pk):
            continue  # another that held the file came before it just now
        notice_write.append(connection, None, row, None, NoticeStep(state, how="recheck"))
        moved.append(NoticeMoved(row.id, state))
    return moved


def _moves(connection: Connection) -> list[tuple[Row[Any], NoticeState]]:
    """The notices that move by themselves, and where to, the last first. A closed one of which
    another open notice holds a file stays closed: the other asks for it."""
    found = [
        (row, state)
        for pks, state in (
            (_all_gone(connection), NoticeState.GONE),
            (_again(connection), NoticeState.RESEEN),
        )
        for row in _rows(connection, pks)
        if state in MAY_FOLLOW[NoticeState(row.state)] and not _in_hands(connection, row.pk)
    ]
    return [
        (row, state)
        for row, state in sorted(found, key=lambda one: -one[0].pk)
        if state is not NoticeState.RESEEN or not notice_read.rivals(connection, row.pk)
    ]


def _rows(connection: Connection, pks: Iterable[int]) -> Iterator[Row[Any]]:
    """These notices, each as it stands when its turn comes."""
    for chunk in chunks(pks):
        query = select(service_schema.notices).where(service_schema.notices.c.pk.in_(chunk))
        yield from connection.execute(query.order_by(service_schema.notices.c.pk)).all()


def _undone(connection: Connection) -> list[int]:
    """Notices that can still be changed and hold what is no longer confirmed. Only what changed
    since it was drafted is looked at."""
    n, i = service_schema.notices.c, service_schema.notice_items.c
    s, r, c = schema.sightings.c, schema.removals.c, service_schema.cases.c
    query = (
        select(i.notice_pk, i.sighting_pk, i.added_at)
        .join(service_schema.notices, n.pk == i.notice_pk)
        .join(service_schema.cases, c.pk == i.case_pk)
        .join(schema.sightings, s.pk == i.sighting_pk)
        .join(schema.removals, r.pk == s.removal_pk)
        .where(n.state.in_([state.value for state in CHANGEABLE]))
        .where(
            (c.changed_at >= i.added_at) | r.withdrawn_at.is_not(None) | (s.rung <= int(Rung.HINT))
        )
    )
    doubtful = connection.execute(query).all()
    standing = confirmed.standing(connection, {row.sighting_pk for row in doubtful})
    fallen = [row for row in doubtful if row.sighting_pk not in standing]
    sent = {pk: notice_read.sent_at(connection, pk) for pk in {row.notice_pk for row in fallen}}
    # What the host was told of does not fall out: it is corrected.
    return sorted({row.notice_pk for row in fallen if row.added_at > (sent[row.notice_pk] or 0)})


def _all_gone(connection: Connection) -> list[int]:
    """Open notices that hold something, and nothing that still stands there."""
    n, i, s = service_schema.notices.c, service_schema.notice_items.c, schema.sightings.c
    gone = s.state.in_([state.value for state in sightings.GONE])
    query = (
        select(n.pk)
        .join(service_schema.notice_items, i.notice_pk == n.pk)
        .join(schema.sightings, s.pk == i.sighting_pk)
        .where(n.state.not_in(CLOSED_WORDS))
        .group_by(n.pk)
        .having(func.count() == func.sum(case((gone, 1), else_=0)))
    )
    return list(connection.scalars(query))


def _again(connection: Connection) -> list[int]:
    """Closed notices of which something lives again since: the same content at its place, or the
    same removal anew at the same account, unless a person said that it is none."""
    n, i, s = service_schema.notices.c, service_schema.notice_items.c, schema.sightings.c
    closed = select(n.pk).where(n.state == NoticeState.GONE.value)
    if connection.execute(closed.limit(1)).first() is None:
        return []
    later = service_schema.notice_items.alias("later")
    back = exists().where(
        i.notice_pk == n.pk,
        s.pk == i.sighting_pk,
        # What several held is asked for in the last of them.
        not_(exists().where(later.c.sighting_pk == i.sighting_pk, later.c.notice_pk > i.notice_pk)),
        s.state == SightingState.LIVE.value,
        s.rung > int(Rung.HINT),
        s.last_seen > n.changed_at,
    )
    found = set(connection.scalars(closed.where(back)))
    was, new = schema.sightings.alias("was"), schema.sightings.alias("new")
    r = schema.repositories.c
    prefix = n.account + "/"
    dismissed = exists().where(
        service_schema.case_sightings.c.sighting_pk == new.c.pk,
        service_schema.cases.c.pk == service_schema.case_sightings.c.case_pk,
        service_schema.cases.c.state == "decided",
        service_schema.cases.c.verdict != "confirm",
    )
    anew = (
        select(n.pk)
        .join(service_schema.notice_items, i.notice_pk == n.pk)
        .join(was, was.c.pk == i.sighting_pk)
        .join(new, new.c.removal_pk == was.c.removal_pk)
        .join(schema.removals, schema.removals.c.pk == new.c.removal_pk)
        .join(schema.artifacts, schema.artifacts.c.pk == new.c.artifact_pk)
        .join(schema.repositories, r.pk == schema.artifacts.c.repository_pk)
        .where(
            n.state == NoticeState.GONE.value,
            new.c.first_seen > n.changed_at,
            new.c.state == SightingState.LIVE.value,
            new.c.rung > int(Rung.HINT),
            schema.removals.c.withdrawn_at.is_(None),
            r.hub == n.hub,
            or_(r.repo == n.account, func.substr(r.repo, 1, func.length(prefix)) == prefix),
            not_(dismissed),
        )
        .distinct()
    )
    return sorted(found | set(connection.scalars(anew)))


def _in_hands(connection: Connection, notice_pk: int) -> bool:
    """Whether the last that happened is that a person undid a step that was made here."""
    rows = [row for row in notice_read.step_rows(connection, notice_pk) if row.how not in ASIDE]
    if not rows or rows[-1].how != UNDO:
        return False
    undone = notice_read.counting(rows[:-1])[-1]
    return undone.user_pk is None
