"""Who works on a case: others see it, and leave it alone. A claim runs out by itself.

What comes in: a case and who wants it. What goes out: the claim. It promises: at any time at most
one person holds a case, and no case is held for longer than `LASTS` by somebody who went away.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from reseen.errors import Conflict
from reseen.observed.artifacts import instant
from reseen.review import cases
from reseen.review.case_filter import CaseFilter
from reseen.review.queue import next_case
from reseen.review.roles import Role, Who
from reseen.store import audit
from reseen.store.database import now
from reseen.store.lease import SECOND, Leases
from reseen.store.service_schema import cases as table
from reseen.store.service_schema import users

LASTS = 15 * 60 * SECOND
"""Whoever is active renews it by claiming again."""
LEASES = Leases(table, by="claimed_by", until="claimed_until", lasts=LASTS)


@dataclass(frozen=True, slots=True)
class CaseClaim:
    """A case held by somebody."""

    case: str
    by: str
    """The user's name."""
    until: datetime


def claim(connection: Connection, case_id: str, who: Who, *, at: int | None = None) -> CaseClaim:
    """Hold a case, or go on holding it. Raises AccessError, NotFound, Conflict (somebody else
    holds it)."""
    at = now() if at is None else at
    who.must_be(Role.REVIEWER)
    row = cases.row(connection, case_id)
    if not held_by(connection, row, who, at):
        audit.write(connection, "claim", row.id, actor=who.actor)
    return _hold(connection, row, who, at)


def release(connection: Connection, case_id: str, who: Who, *, at: int | None = None) -> bool:
    """Let go of a case; False where `who` did not hold it. Raises AccessError, NotFound."""
    at = now() if at is None else at
    who.must_be(Role.REVIEWER)
    row = cases.row(connection, case_id)
    if not LEASES.holds(row, who.pk):
        return False
    free(connection, row.pk)
    return LEASES.is_held(row, at)


def free(connection: Connection, pk: int) -> None:
    """Nobody holds the case any more."""
    nobody = update(table).where(table.c.pk == pk)
    connection.execute(nobody.values(LEASES.free()))


def take_over(
    connection: Connection, case_id: str, who: Who, *, at: int | None = None
) -> CaseClaim:
    """A lead takes a case from whoever holds it; recorded. Raises AccessError, NotFound."""
    at = now() if at is None else at
    who.must_be(Role.LEAD)
    row = cases.row(connection, case_id)
    other = holder(connection, row, at)
    if other is None or not LEASES.holds(row, who.pk):
        audit.write(
            connection, "claim", row.id, actor=who.actor, taken_from=other.by if other else None
        )
    return _hold(connection, row, who, at)


def claim_next(
    connection: Connection,
    which: CaseFilter,
    who: Who,
    *,
    exclude: str | None = None,
    at: int | None = None,
) -> CaseClaim | None:
    """Find the next case and hold it, in one transaction, so that two people never get the same;
    None where the queue is empty. `exclude`: the case that one just left. Raises AccessError."""
    at = now() if at is None else at
    who.must_be(Role.REVIEWER)
    found = next_case(connection, which, who, exclude=exclude, at=at)
    return None if found is None else claim(connection, found, who, at=at)


def held_by(connection: Connection, row: Row[Any], who: Who, at: int) -> bool:
    """Whether `who` holds the case of this row; False where nobody does. Raises Conflict where
    somebody else does."""
    other = holder(connection, row, at)
    if other is not None and not LEASES.holds(row, who.pk):
        raise Conflict(
            f"{other.by} is working on this case",
            remedy="Take another one, or ask a lead to take it over.",
        )
    return other is not None


def holder(connection: Connection, row: Row[Any], at: int) -> CaseClaim | None:
    """Who holds the case of this row; None where nobody does, or the claim ran out."""
    if not LEASES.is_held(row, at):
        return None
    name = connection.scalar(select(users.c.name).where(users.c.pk == row.claimed_by))
    return CaseClaim(row.id, name or "somebody", instant(row.claimed_until))


def _hold(connection: Connection, row: Row[Any], who: Who, at: int) -> CaseClaim:
    held = update(table).where(table.c.pk == row.pk)
    connection.execute(held.values(LEASES.taken(who.pk, at)))
    return CaseClaim(row.id, who.name, instant(at + LASTS))
