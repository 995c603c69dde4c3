"""The condition that a digest is one of a removal of a class: for the room that owns the tables and
for that which reads them, so that both say the same."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Table, exists


def held_by_class(
    tables: tuple[Table, Table, Table], kind: Any, value: Any, cls: int
) -> ColumnElement[bool]:
    """A removal of this class, or a stricter one, has the digest, by a claim in force. `tables`:
    digests, claims, removals."""
    digests, claims, removals = (table.alias() for table in tables)
    return exists().where(
        digests.c.kind == kind,
        digests.c.value == value,
        claims.c.pk == digests.c.claim_pk,
        claims.c.in_force == 1,
        removals.c.pk == claims.c.removal_pk,
        removals.c.cls >= cls,
    )
