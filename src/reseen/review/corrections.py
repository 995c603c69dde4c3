"""Corrections: what was said to a host in a notice, and is not so any more.

What comes in: a connection. What goes out: which notices that were sent hold files that reading
refuted or that are no longer confirmed (`Due`), and for one notice what the host must be told. A
person takes the text or the JSON away and sends it, or has it sent (`sending`); that it was sent is
a step of the notice, and its audit line names the sightings, so that nobody is told twice. Nothing
is sent from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, exists, or_, select

from reseen.errors import Conflict
from reseen.records import Rung
from reseen.review import confirmed, notice_read, notice_write
from reseen.review.notice import CORRECTION, UNDO, Item, Notice
from reseen.review.notice_states import NoticeState
from reseen.review.roles import Role, Who
from reseen.review.verdicts import CaseState, Verdict
from reseen.store import audit, schema, service_schema
from reseen.store.sealing import Keyring

_NOTHING_TO_CORRECT = (NoticeState.DRAFTED.value, NoticeState.WITHDRAWN.value)


@dataclass(frozen=True, slots=True)
class Due:
    """A notice whose host must be told that something in it is not so."""

    id: str
    hub: str
    account: str
    items: int
    """Files that are not what we said."""


@dataclass(frozen=True, slots=True)
class Correction:
    """What a host must be told about one notice."""

    notice: Notice
    items: tuple[Item, ...]
    """The files that are not what we said."""
    others: int
    """Files of the notice of which what we said stands."""
    sent_at: int
    """When the notice was noted as sent the last time."""


def due(connection: Connection) -> list[Due]:
    """Notices that were sent and must be corrected, the first sent first."""
    n, i = service_schema.notices.c, service_schema.notice_items.c
    s, r, c = schema.sightings.c, schema.removals.c, service_schema.cases.c
    steps, d = service_schema.notice_steps.c, service_schema.decisions.c
    other = exists().where(
        d.case_pk == c.pk,
        d.verdict.not_in([Verdict.CONFIRM.value, Verdict.SECOND.value, UNDO]),
    )
    doubtful = or_(
        s.rung <= int(Rung.HINT),
        r.withdrawn_at.is_not(None),
        c.state != CaseState.DECIDED.value,
        c.verdict != Verdict.CONFIRM.value,
        other,
    )
    query = (
        select(i.notice_pk, i.sighting_pk)
        .join(service_schema.notices, n.pk == i.notice_pk)
        .join(service_schema.cases, c.pk == i.case_pk)
        .join(schema.sightings, s.pk == i.sighting_pk)
        .join(schema.removals, r.pk == s.removal_pk)
        .where(n.state.not_in(_NOTHING_TO_CORRECT), doubtful)
        .where(exists().where(steps.notice_pk == n.pk, steps.state == NoticeState.SENT.value))
        .order_by(i.notice_pk)
    )
    rows = connection.execute(query).all()
    standing = confirmed.standing(connection, {row.sighting_pk for row in rows})
    fallen: dict[int, list[int]] = {}
    for row in rows:
        if row.sighting_pk not in standing:
            fallen.setdefault(row.notice_pk, []).append(row.sighting_pk)
    found = []
    for notice_pk, pks in fallen.items():
        one = connection.execute(select(service_schema.notices).where(n.pk == notice_pk)).one()
        left = _to_correct(connection, one, pks)
        if left:
            found.append(Due(one.id, one.hub, one.account, len(left)))
    return found


def of_notice(connection: Connection, keyring: Keyring | None, id: str) -> Correction | None:
    """What its host must be told; None where there is nothing. Raises NotFound."""
    if notice_read.own_row(connection, id).state in _NOTHING_TO_CORRECT:
        return None
    whole = notice_read.by_id(connection, keyring, id)
    if whole.sent_at is None:
        return None
    told = _told(connection, whole.id)
    items = tuple(x for x in whole.told if not x.stands and x.sighting.id not in told)
    others = sum(item.stands for item in whole.told)
    return Correction(whole, items, others, whole.sent_at) if items else None


def sent(
    connection: Connection,
    keyring: Keyring | None,
    id: str,
    who: Who,
    *,
    version: int | None = None,
    note: str = "",
) -> Correction:
    """A person told the host; what it was told. Raises NotFound, AccessError, SealError, and
    Conflict where there is nothing to correct, or the notice changed since the person saw it."""
    who.must_be(Role.LEAD)
    row = notice_write.seen_as(connection, id, version)
    what = ready(connection, keyring, id)
    told(connection, keyring, row, who, what, note)
    return what


def told(
    connection: Connection,
    keyring: Keyring | None,
    row: Row[Any],
    who: Who,
    what: Correction,
    note: str,
) -> None:
    """The host was told of exactly these files, and need not be told again. Raises SealError."""
    items = " ".join(item.sighting.id for item in what.items)
    notice_write.beside(connection, keyring, row, who, how=CORRECTION, note=note, sightings=items)


def ready(connection: Connection, keyring: Keyring | None, id: str) -> Correction:
    """What the host must be told now. Raises NotFound, and Conflict where that is nothing."""
    found = of_notice(connection, keyring, id)
    if found is None:
        raise Conflict("nothing of this notice must be corrected")
    return found


def _to_correct(connection: Connection, row: Row[Any], pks: list[int]) -> set[str]:
    """Those of these sightings of a notice that were sent, and that nobody corrected yet."""
    sent_at = notice_read.sent_at(connection, row.pk)
    if sent_at is None:
        return set()
    i, s = service_schema.notice_items.c, schema.sightings.c
    query = (
        select(s.id, s.pk)
        .join(service_schema.notice_items, i.sighting_pk == s.pk)
        .where(i.notice_pk == row.pk, i.added_at <= sent_at)
    )
    wanted = set(pks)
    there = {id for id, pk in connection.execute(query) if pk in wanted}
    return there - _told(connection, row.id)


def _told(connection: Connection, id: str) -> set[str]:
    """The sightings of a notice of which its host was told that they are not what we said."""
    return {
        sighting
        for line in audit.every(connection, id)
        if line.action == "notice" and line.details.get("step") == CORRECTION
        for sighting in str(line.details.get("sightings", "")).split()
    }
