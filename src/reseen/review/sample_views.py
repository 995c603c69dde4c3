"""Who opened which case: what many cases are confirmed together on, and what may be said of it.

What comes in: a person who opened a case. What goes out: which of some cases they looked at, as
those cases stand now (a case that changed since has not been looked at); and of what was decided,
whether the case was opened for it or decided together with others that were.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, select

from reseen.review import cases
from reseen.review.roles import Who
from reseen.store import audit
from reseen.store.database import chunks, now, upsert
from reseen.store.service_schema import cases as table
from reseen.store.service_schema import decisions, looks


def look(connection: Connection, case_id: str, who: Who, *, at: int | None = None) -> None:
    """Note that this person has the case before them. Raises NotFound."""
    row = cases.row(connection, case_id)
    new = {
        "user_pk": who.pk,
        "case_pk": row.pk,
        "version": row.version,
        "at": now() if at is None else at,
    }
    upsert(connection, looks, [new], key=("user_pk", "case_pk"), update=("version", "at"))


def looked_at(connection: Connection, case_ids: Collection[str], who: Who) -> frozenset[str]:
    """Those of these cases that this person saw as they stand now."""
    found: set[str] = set()
    for chunk in chunks(sorted(case_ids)):
        query = (
            select(table.c.id)
            .join(looks, looks.c.case_pk == table.c.pk)
            .where(
                table.c.id.in_(chunk),
                looks.c.user_pk == who.pk,
                looks.c.version == table.c.version,
            )
        )
        found.update(connection.scalars(query))
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Basis:
    """How a person came to a decision, as far as the store knows."""

    user_pk: int | None
    opened: bool
    """The case was open before them: decided by itself, on its page, or opened before it was
    decided together with others."""
    by_reading: bool = False
    """Decided together with others without being opened, because everything in it was read by us
    and has the removed file's bytes or tensors. False, and not opened: after a sample of them was
    opened, as it was done once."""


def bases(connection: Connection, decision_pks: Collection[int]) -> dict[int, Basis]:
    """By decision. What was opened is read from the audit log, which nobody changes."""
    d = decisions.c
    rows: list[tuple[int, int | None, str | None, str]] = []
    for chunk in chunks(sorted(decision_pks)):
        query = select(d.pk, d.user_pk, d.batch, table.c.id).join(table, table.c.pk == d.case_pk)
        rows += [tuple(row) for row in connection.execute(query.where(d.pk.in_(chunk)))]
    batches = {batch: _opened(connection, batch) for _, _, batch, _ in rows if batch is not None}
    found: dict[int, Basis] = {}
    for pk, user_pk, batch, case in rows:
        opened, sampled = batches[batch] if batch is not None else (frozenset({case}), False)
        found[pk] = Basis(user_pk, case in opened, case not in opened and not sampled)
    return found


def _opened(connection: Connection, batch: str) -> tuple[frozenset[str], bool]:
    """The cases that were opened before a batch was decided, and whether they were a sample."""
    lines = [line.details for line in audit.every(connection, batch) if line.action == "decide"]
    sampled = any("sample" in details for details in lines)
    words = [str(details.get("sample") or details.get("opened") or "") for details in lines]
    return frozenset(case for some in words for case in some.split()), sampled
