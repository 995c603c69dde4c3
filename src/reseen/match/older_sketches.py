"""Removals of which there is no sketch but of an earlier version, which knows less of merges."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from reseen.observed.sketches import ADAPTER
from reseen.store.schema import claims, removals, sketches

NEWEST = 2


def count(connection: Connection) -> int:
    """How many of those in force. Reading one of their files in full, at a hub or by `registry
    add`, makes a sketch of the newest version."""
    known = (
        select(claims.c.removal_pk)
        .join(sketches, sketches.c.claim_pk == claims.c.pk)
        .where(claims.c.in_force == 1, sketches.c.kind == ADAPTER)
    )
    older = select(func.count(func.distinct(claims.c.removal_pk)))
    older = older.select_from(sketches.join(claims, sketches.c.claim_pk == claims.c.pk))
    older = older.join(removals, removals.c.pk == claims.c.removal_pk)
    found = connection.scalar(
        older.where(
            sketches.c.kind == ADAPTER,
            sketches.c.version < NEWEST,
            claims.c.in_force == 1,
            removals.c.withdrawn_at.is_(None),
            claims.c.removal_pk.not_in(known.where(sketches.c.version >= NEWEST)),
        )
    )
    return int(found or 0)
