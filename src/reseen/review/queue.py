"""What waits for a decision, in order: strength of evidence, reach, age. What a person confirmed
and reading then refuted stands first, what reading refuted last, and is counted apart.

What comes in: a `CaseFilter`, and the `QueuePlace` from which a page goes on. What goes out: a
`Page` of rows and how many there are, up to `COUNTED`, or the next case to work on: a walk along an
index, however many cases there are.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, or_, select

from reseen.records import Rung
from reseen.review import assignments
from reseen.review.case_filter import CaseFilter, conditions
from reseen.review.queue_entries import QueueEntry, entries
from reseen.review.roles import Who
from reseen.review.verdicts import CaseState, Verdict
from reseen.store import ids, queue_schema, schema
from reseen.store.database import now
from reseen.store.service_schema import case_sightings, decisions
from reseen.store.service_schema import cases as table

MOST = 200
"""Rows of one page."""
COUNTED = 10_000
"""Cases that are counted; where there are more, that is said."""
_END = -(2**15)
_REFUTED = int(Rung.REFUTED)


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """A place in the order of the queue, that of one case as it stood, and what is wanted from it:
    what comes after, or before. It stays a place when the case goes elsewhere."""

    strength: int
    reach: int
    opened_at: int
    pk: int
    before: bool = False

    @classmethod
    def parse(cls, text: str, *, before: bool = False) -> QueuePlace | None:
        """From an address; None for what is none. "end": after everything."""
        if text == "end":
            return cls(_END, 0, 0, 0, before)
        parts = text.split(".")
        plain = all(p.removeprefix("-").isascii() and p.removeprefix("-").isdigit() for p in parts)
        if len(parts) != 4 or not plain or any(len(p) > 18 for p in parts):
            return None
        strength, reach, opened_at, pk = map(int, parts)
        small = abs(strength) < -_END
        return cls(strength, reach, opened_at, pk, before) if small else None

    def __str__(self) -> str:
        if self.strength == _END:
            return "end"
        return f"{self.strength}.{self.reach}.{self.opened_at}.{self.pk}"

    def beyond(self) -> list[ColumnElement[bool]]:
        """What comes after this place, or before it, nearest first: ranges of the index."""
        c = table.c
        same = [c.strength == self.strength, c.reach == self.reach, c.opened_at == self.opened_at]
        if self.before:
            steps = [c.pk < self.pk, c.opened_at < self.opened_at]
            steps += [c.reach > self.reach, c.strength > self.strength]
        else:
            steps = [c.pk > self.pk, c.opened_at > self.opened_at]
            steps += [c.reach < self.reach, c.strength < self.strength]
        return [and_(*same[: 3 - n], step) for n, step in enumerate(steps)]


LAST = QueuePlace(_END, 0, 0, 0, before=True)
"""What comes last of all."""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the queue."""

    entries: tuple[QueueEntry, ...] = ()
    total: int = 0
    """Cases that the filter lets through, up to `COUNTED`."""
    refuted: int = 0
    """Those that reading refuted: the last ones; up to `COUNTED` again."""
    more: bool = False
    """There are more than `total`."""
    on: QueuePlace | None = None
    """Where the next page begins, if there is one."""
    back: QueuePlace | None = None
    """Where the page before ends, if there is one."""


def any_at_all(connection: Connection) -> bool:
    """Whether there ever was a case."""
    return connection.scalar(select(table.c.pk).limit(1)) is not None


def count(connection: Connection, which: CaseFilter, who: Who | None, at: int) -> int:
    """How many cases the filter lets through."""
    query = select(func.count()).select_from(table).where(*conditions(which, who, at))
    return int(connection.scalar(query) or 0)


def queue(
    connection: Connection,
    which: CaseFilter,
    who: Who | None = None,
    *,
    most: int = 50,
    at: int | None = None,
    place: QueuePlace | None = None,
) -> Page:
    """The first cases, strongest first; or those that come after a place, or before it, while there
    are any. `who`: for what is claimed by me or others."""
    at = now() if at is None else at
    most = min(max(most, 1), MOST)
    total = _count(connection, which, who, at)
    refuted = _count(connection, which, who, at, table.c.strength == _REFUTED) if total else 0
    rows: Sequence[Any] = []
    if total and place is not None:
        rows = _beside(connection, which, who, at, place, most + 1)
        place = place if rows else None
    if total and place is None:
        rows = walk(connection, which, who, at, most + 1)
    there, rows = len(rows) > most, rows[:most]
    backwards = place is not None and place.before
    if backwards:
        rows = rows[::-1]
    ends = backwards and place is not None and place.strength == _END
    first = not there if backwards else place is None
    on = _place(rows[-1]) if rows and not ends and (there or backwards) else None
    back = _place(rows[0], before=True) if rows and not first else None
    found = entries(connection, [row.pk for row in rows], at=at)
    kept = min(total, COUNTED)
    return Page(tuple(found), kept, min(refuted, COUNTED), total > kept, on, back)


def in_order(connection: Connection, which: CaseFilter, who: Who, *, most: int) -> list[int]:
    """The cases (by pk) of a filter, strongest first."""
    return [row.pk for row in walk(connection, which, who, now(), most)]


def next_case(
    connection: Connection,
    which: CaseFilter,
    who: Who,
    *,
    exclude: str | None = None,
    at: int | None = None,
) -> str | None:
    """The id of the first undecided case that nobody holds and that `who` may decide."""
    at = now() if at is None else at
    if which.state not in (CaseState.OPEN, CaseState.SECOND):
        which = replace(which, state="undecided")
    which = replace(which, claimed="nobody", withdrawn=False)
    d, undo = decisions.c, decisions.alias()
    asked = (
        select(d.case_pk)
        .where(d.user_pk == who.pk, d.verdict == Verdict.SECOND.value)
        .where(d.pk.not_in(select(undo.c.undoes).where(undo.c.undoes.is_not(None))))
    )
    more = [or_(table.c.state != CaseState.SECOND.value, table.c.pk.not_in(asked))]
    if exclude is not None:
        more.append(table.c.id != ids.given(exclude))
    if which.assigned is None:  # what is somebody else's is left to them
        owner = queue_schema.assignments.c
        others = assignments.standing().where(owner.case_pk == table.c.pk, owner.user_pk != who.pk)
        more.append(~others.exists())
    for row in walk(connection, which, who, at, 1, *more):
        found: str | None = connection.scalar(select(table.c.id).where(table.c.pk == row.pk))
        return found
    return None


ORDER = (table.c.strength.desc(), table.c.reach.desc(), table.c.opened_at, table.c.pk)
_BACKWARDS = (table.c.strength, table.c.reach, table.c.opened_at.desc(), table.c.pk.desc())
_KEY = (table.c.pk, table.c.strength, table.c.reach, table.c.opened_at)


def _place(row: Row[Any], *, before: bool = False) -> QueuePlace:
    return QueuePlace(row.strength, row.reach, row.opened_at, row.pk, before)


def _forwards(row: Any) -> tuple[int, int, int, int]:
    return -row.strength, -row.reach, row.opened_at, row.pk


def _count(
    connection: Connection, which: CaseFilter, who: Who | None, at: int, *more: ColumnElement[bool]
) -> int:
    """How many there are; `COUNTED` and one where there are more."""
    total = 0
    for state in _states(which):
        where = conditions(replace(which, state=state), who, at)
        some = select(table.c.pk).where(*where, *more).limit(COUNTED + 1 - total)
        total += int(connection.scalar(select(func.count()).select_from(some.subquery())) or 0)
        if total > COUNTED:
            break
    return total


def _states(which: CaseFilter) -> tuple[str, ...]:
    """Asked state by state: each is one walk along the index, where both at once would be sorted
    anew."""
    if which.state == "undecided":
        return CaseState.OPEN.value, CaseState.SECOND.value
    return (which.state,)


def walk(
    connection: Connection,
    which: CaseFilter,
    who: Who | None,
    at: int,
    most: int,
    *more: ColumnElement[bool],
    columns: Sequence[Any] = (),
) -> list[Any]:
    """The first cases: `pk` and what they are sorted by, then these columns."""
    walks = []
    states = _states(which)
    for state in states:
        where = conditions(replace(which, state=state), who, at)
        query = select(*_KEY, *columns).where(*where, *more).order_by(*ORDER)
        if len(states) == 1:
            return list(connection.execute(query.limit(most)))
        walks.append(connection.execute(query.limit(most)).all())
    return list(islice(heapq.merge(*walks, key=_forwards), most))


def _beside(
    connection: Connection,
    which: CaseFilter,
    who: Who | None,
    at: int,
    place: QueuePlace,
    most: int,
) -> list[Any]:
    """The cases next to a place, the nearest first."""
    walks: list[list[Any]] = []
    for state in _states(which):
        where = conditions(replace(which, state=state), who, at)
        found: list[Any] = []
        for beyond in place.beyond():
            query = select(*_KEY).where(*where, beyond)
            ordered = query.order_by(*(_BACKWARDS if place.before else ORDER))
            found += connection.execute(ordered.limit(most - len(found))).all()
            if len(found) >= most:
                break
        walks.append(found)

    def backwards(row: Any) -> tuple[int, ...]:
        return tuple(-part for part in _forwards(row))

    return list(islice(heapq.merge(*walks, key=backwards if place.before else _forwards), most))


@dataclass(frozen=True, slots=True)
class CaseOfScan:
    """A case in which a scan found something new."""

    id: str
    state: str
    rung: int
    account: str
    found: int
    """New sightings."""


def of_scan(connection: Connection, scan: int, *, most: int) -> list[CaseOfScan]:
    """The cases of what a scan found, the strongest first."""
    c, of, s = table.c, case_sightings.c, schema.sightings.c
    query = (
        select(c.id, c.state, c.rung, c.account, func.count())
        .join(case_sightings, of.case_pk == c.pk)
        .join(schema.sightings, s.pk == of.sighting_pk)
        .where(s.scan_pk == scan)
        .group_by(c.pk, c.id, c.state, c.rung, c.account)
        .order_by(c.rung.desc(), c.pk)
        .limit(most)
    )
    return [CaseOfScan(*row) for row in connection.execute(query)]
