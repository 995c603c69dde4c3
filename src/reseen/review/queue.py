"""What waits for a decision, in order: strength of evidence, reach, age. What a person confirmed
and reading then refuted stands first, what reading refuted last, and is counted apart.

What comes in: a `CaseFilter`, and the `QueuePlace` from which a page goes on. What goes out: a
`Page` of rows and how many there are, up to `COUNTED`, or the next case to work on: a walk along an
index, however many cases there are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, or_, select, union_all

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
COUNTED = 5_000
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
    asked = conditions(connection, which, who, at)
    query = select(func.count()).select_from(table).where(*asked)
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
    asked = _by_state(connection, which, who, at)
    total, refuted = _counts(connection, asked)
    rows: Sequence[Any] = []
    if total and place is not None:
        rows = _beside(connection, asked, place, most + 1)
        place = place if rows else None
    if total and place is None:
        rows = _walk(connection, asked, most + 1)
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


def _strongest_first(c: Any) -> tuple[ColumnElement[Any], ...]:
    return c.strength.desc(), c.reach.desc(), c.opened_at, c.pk


def _weakest_first(c: Any) -> tuple[ColumnElement[Any], ...]:
    return c.strength, c.reach, c.opened_at.desc(), c.pk.desc()


ORDER = _strongest_first(table.c)
_KEY = (table.c.pk, table.c.strength, table.c.reach, table.c.opened_at)


def _place(row: Row[Any], *, before: bool = False) -> QueuePlace:
    return QueuePlace(row.strength, row.reach, row.opened_at, row.pk, before)


Order = Callable[[Any], tuple[ColumnElement[Any], ...]]
"""Of these columns."""


def _by_state(
    connection: Connection, which: CaseFilter, who: Who | None, at: int
) -> list[list[ColumnElement[bool]]]:
    """What a filter asks, state by state: each is one walk along the index, where both at once
    would be sorted anew."""
    asked = conditions(connection, replace(which, state="any"), who, at)
    if which.state == "any":
        return [asked]
    undecided = (CaseState.OPEN.value, CaseState.SECOND.value)
    states = undecided if which.state == "undecided" else (which.state,)
    return [[table.c.state == state, *asked] for state in states]


def _counts(
    connection: Connection, asked: Sequence[Sequence[ColumnElement[bool]]]
) -> tuple[int, int]:
    """How many there are, and how many of them are refuted; more than `COUNTED` where there are
    more."""

    def some(*where: ColumnElement[bool]) -> ColumnElement[int]:
        first = select(table.c.pk).where(*where).limit(COUNTED + 1).subquery()
        return select(func.count()).select_from(first).scalar_subquery()

    counts = [some(*where) for where in asked]
    counts += [some(*where, table.c.strength == _REFUTED) for where in asked]
    found = [int(n) for n in connection.execute(select(*counts)).one()]
    return sum(found[: len(asked)]), sum(found[len(asked) :])


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
    asked = [[*where, *more] for where in _by_state(connection, which, who, at)]
    return _walk(connection, asked, most, columns)


def _walk(
    connection: Connection,
    asked: Sequence[Sequence[ColumnElement[bool]]],
    most: int,
    columns: Sequence[Any] = (),
) -> list[Any]:
    walks = [select(*_KEY, *columns).where(*where) for where in asked]
    return list(_first(connection, walks, _strongest_first, most))


def _beside(
    connection: Connection,
    asked: Sequence[Sequence[ColumnElement[bool]]],
    place: QueuePlace,
    most: int,
) -> list[Any]:
    """The cases next to a place, the nearest first."""
    ranges = [(where, beyond) for where in asked for beyond in place.beyond()]
    walks = [select(*_KEY).where(*where, beyond) for where, beyond in ranges]
    order = _weakest_first if place.before else _strongest_first
    return list(_first(connection, walks, order, most))


def _first(
    connection: Connection, walks: Sequence[Select[Any]], order: Order, most: int
) -> Sequence[Any]:
    """The first rows of several walks, merged."""
    ordered = [one.order_by(*order(table.c)).limit(most) for one in walks]
    if len(walks) == 1:
        return connection.execute(ordered[0]).all()
    every = union_all(*(select(one.subquery()) for one in ordered)).subquery()
    return connection.execute(select(every).order_by(*order(every.c)).limit(most)).all()


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
