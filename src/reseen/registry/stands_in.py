"""Removals that stand in another by now: their list has said that both are one.

What comes in: removals by pk. What goes out: where the claims about them went. Their ids stay good:
who has noted one is shown the other.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, exists, select

from reseen.store import schema
from reseen.store.database import chunks

_LISTED = 0
"""`claims.source` of what a list says."""


def left_empty(connection: Connection, removal_pks: Collection[int] | None) -> dict[int, int]:
    """Of these removals (None: of all) those that all claims have left, and the one to which the
    first of those went (by pk)."""
    m, c, of = schema.claim_moves.c, schema.claims.c, schema.claims.alias("left").c
    empty = ~exists().where(of.removal_pk == m.from_pk)
    query = (
        select(m.from_pk, c.removal_pk)
        .join(schema.claims, c.pk == m.claim_pk)
        .where(empty, c.source == _LISTED)
        .order_by(m.pk.desc())
    )
    if removal_pks is None:
        return dict(connection.execute(query).all())
    found: dict[int, int] = {}
    for chunk in chunks(sorted(removal_pks)):
        found |= dict(connection.execute(query.where(m.from_pk.in_(chunk))).all())
    return found


def where(connection: Connection, removal_pk: int) -> int:
    """The removal that this one is by now: itself, mostly."""
    return left_empty(connection, [removal_pk]).get(removal_pk, removal_pk)
