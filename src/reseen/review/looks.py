"""Who looked at which case: what many cases are decided together on.

What comes in: a person who opened a case. What goes out: which of some cases they looked at, as
those cases stand now. A case that changed since has not been looked at.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, select

from reseen.review import cases
from reseen.review.who import Who
from reseen.store.database import chunks, now, upsert
from reseen.store.service_schema import cases as table
from reseen.store.service_schema import looks


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
