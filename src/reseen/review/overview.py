"""How the work stands, in figures: what the start page says of cases, claims and notices.

What comes in: a connection that reads. What goes out: numbers and ids, each with the `CaseFilter`
whose rows it counts where it counts cases, so that a figure and the queue behind it never differ.
Nothing sealed is in any of it. Every query walks an index, or stops after a bounded number of rows.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection, and_, func, select
from sqlalchemy import case as when

from reseen.records import LADDER, Rung
from reseen.review import cases as kept_cases
from reseen.review import queue
from reseen.review.case_filter import ALL, CaseFilter, conditions, midnight
from reseen.review.notice_states import NoticeState
from reseen.review.roles import Who
from reseen.review.verdicts import CaseState, Verdict
from reseen.store.database import chunks
from reseen.store.service_schema import cases, decisions, notice_items, notice_steps, notices

DAY = 86_400_000_000
AGES = (1, 7, 30)
"""Days that a case waits at least: one column each, beside all."""
WEEK = 7
WEEKS = 26
"""Weeks of the picture of re-uploads."""
_WEAKEST = Rung.COMPONENT
"""The lowest rung that a case can stand on."""
CLOCKS = 8
"""Notices that are named."""
_GONE = 500
"""Notices that the median is of: the last that came to be gone."""


@dataclass(frozen=True, slots=True)
class OpenRow:
    """Undecided cases of one rung, or of one mark."""

    words: str
    which: CaseFilter
    waiting: tuple[tuple[CaseFilter, int], ...]
    """All of them, then those that wait longer and longer (`AGES`)."""

    @property
    def total(self) -> int:
        return self.waiting[0][1]


def open_cases(connection: Connection, at: int) -> list[OpenRow]:
    """What waits for a decision, the strongest first; rungs on which nothing waits are left out."""
    c = cases.c
    late = [func.sum(when((c.opened_at <= at - days * DAY, 1), else_=0)) for days in AGES]
    query = (
        select(c.rung, func.count(), *late)
        .where(*conditions(connection, CaseFilter(), None, at))
        .group_by(c.rung)
    )
    found: Mapping[int, Sequence[int]] = {
        row[0]: [int(n) for n in row[1:]] for row in connection.execute(query)
    }
    rows = [(kept_cases.FALLEN, "confirmed, and then refuted", CaseFilter(mark="fallen"))]
    rows += [(int(rung), rung.label, CaseFilter(rung=rung, only=True)) for rung in LADDER]
    rows += [(int(Rung.REFUTED), "refuted", CaseFilter(mark="refuted"))]
    return [
        OpenRow(
            words,
            which,
            tuple(zip([which, *(replace(which, older=n) for n in AGES)], found[rung], strict=True)),
        )
        for rung, words, which in rows
        if rung in found
    ]


@dataclass(frozen=True, slots=True)
class Clock:
    """A notice whose clock runs."""

    id: str
    state: NoticeState
    due_at: int


@dataclass(frozen=True, slots=True)
class Clocks:
    """What runs out."""

    overdue: int
    """Notices whose clock has run out."""
    today: int
    """Those whose clock runs out within a day."""
    next: tuple[Clock, ...]
    """The first of both."""
    held: int
    """Cases that somebody works on: each is free again when the claim ends."""
    mine: int
    second: int
    """Cases for which a second pair of eyes is asked."""


HELD = CaseFilter(claimed="anybody")
MINE = CaseFilter(claimed="me")
SECOND = CaseFilter(state=CaseState.SECOND.value)


def clocks(connection: Connection, who: Who, at: int) -> Clocks:
    """Notices and claims: what there are clocks of."""
    n, i = notices.c, notice_items.c
    holds = select(i.notice_pk).where(i.notice_pk == n.pk).exists()
    runs = [n.due_at.is_not(None), n.due_at <= at + DAY, holds]
    query = select(
        func.coalesce(func.sum(when((n.due_at < at, 1), else_=0)), 0), func.count()
    ).where(*runs)
    overdue, soon = connection.execute(query).one()
    first = select(n.id, n.state, n.due_at).where(*runs).order_by(n.due_at, n.pk).limit(CLOCKS)
    return Clocks(
        overdue=int(overdue),
        today=int(soon) - int(overdue),
        next=tuple(
            Clock(row.id, NoticeState(row.state), row.due_at) for row in connection.execute(first)
        ),
        held=queue.count(connection, HELD, who, at),
        mine=queue.count(connection, MINE, who, at),
        second=queue.count(connection, SECOND, who, at),
    )


def decided_lately(connection: Connection, at: int) -> list[tuple[Verdict, CaseFilter, int]]:
    """Cases decided within a week by each verdict, as they stand."""
    lately = CaseFilter(state="decided", decided=WEEK, live="any", withdrawn=True)
    query = select(cases.c.verdict, func.count()).where(*conditions(connection, lately, None, at))
    found = {row[0]: int(row[1]) for row in connection.execute(query.group_by(cases.c.verdict))}
    return [
        (verdict, replace(lately, verdict=verdict), found.get(verdict.value, 0))
        for verdict in (Verdict.CONFIRM, Verdict.NOT_THIS_MODEL, Verdict.ALLOWED)
    ]


@dataclass(frozen=True, slots=True)
class TimeToGone:
    """From the confirmation to the day on which nothing of a notice stood any more."""

    notices: int
    median: timedelta


def time_to_gone(connection: Connection) -> TimeToGone | None:
    """The median, over the last notices that came to be gone; None where none has."""
    n, s = notices.c, notice_steps.c
    last = (
        select(n.pk)
        .where(n.state == NoticeState.GONE.value)
        .order_by(n.changed_at.desc())
        .limit(_GONE)
    )
    pks = list(connection.scalars(last))
    gone: dict[int, int] = {}
    begun: dict[int, int] = {}
    for some in chunks(pks):
        steps = select(s.notice_pk, func.max(s.at)).where(
            s.notice_pk.in_(some), s.state == NoticeState.GONE.value
        )
        gone.update((pk, at) for pk, at in connection.execute(steps.group_by(s.notice_pk)))
        begun.update(_confirmed_at(connection, some))
    took = [gone[pk] - begun[pk] for pk in gone if pk in begun and gone[pk] >= begun[pk]]
    if not took:
        return None
    return TimeToGone(len(took), timedelta(microseconds=statistics.median(took)))


def _confirmed_at(connection: Connection, notice_pks: Sequence[int]) -> dict[int, int]:
    """When the first case of each notice was confirmed, by decisions that were not undone."""
    i, d, undo = notice_items.c, decisions.c, decisions.alias()
    query = (
        select(i.notice_pk, func.min(d.at))
        .join(decisions, d.case_pk == i.case_pk)
        .outerjoin(undo, undo.c.undoes == d.pk)
        .where(i.notice_pk.in_(notice_pks), d.verdict == Verdict.CONFIRM.value, undo.c.pk.is_(None))
        .group_by(i.notice_pk)
    )
    return {pk: int(at) for pk, at in connection.execute(query)}


@dataclass(frozen=True, slots=True)
class Week:
    """Seven days from a Monday on."""

    monday: date
    found: int
    """Cases that were opened: a removal seen again in a repository."""
    confirmed: int
    """Those of them that are confirmed by now."""

    @property
    def which(self) -> CaseFilter:
        return replace(ALL, rung=_WEAKEST, opened=self.monday)

    @property
    def which_confirmed(self) -> CaseFilter:
        return replace(self.which, state="decided", verdict=Verdict.CONFIRM)


def weeks(connection: Connection, at: int) -> tuple[Week, ...]:
    """Re-uploads by week, without what left the ladder: the last `WEEKS`, oldest first. None where
    there was nothing in any."""
    today = datetime.fromtimestamp(at / 1e6, UTC).date()
    first = today - timedelta(days=today.weekday(), weeks=WEEKS - 1)
    start = midnight(first)
    c = cases.c
    number = (c.opened_at - start) // (WEEK * DAY)
    sure = and_(c.state == CaseState.DECIDED.value, c.verdict == Verdict.CONFIRM.value)
    query = (
        select(
            number,
            func.count(),
            func.sum(when((sure, 1), else_=0)),
        )
        .where(c.opened_at >= start, c.rung >= int(_WEAKEST))
        .group_by(number)
    )
    found = {int(n): (int(all), int(sure)) for n, all, sure in connection.execute(query)}
    return tuple(
        Week(first + timedelta(weeks=n), *found.get(n, (0, 0)))
        for n in range(WEEKS if found else 0)
    )
