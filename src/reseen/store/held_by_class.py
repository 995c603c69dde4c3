"""The condition that a digest is one of a removal of a class: for the room that owns the tables and
for that which reads them, so that both say the same."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, Table, exists, or_, select

from reseen.records import DigestKind

INSIDE = (int(DigestKind.DATA_SHA256), int(DigestKind.TENSORS_BLAKE3))
"""Kinds of digests that are of a file's weights."""


ClassTables = tuple[Table, Table, Table]
"""Digests, claims, removals."""


def held_by_class(tables: ClassTables, kind: Any, value: Any, cls: int) -> ColumnElement[bool]:
    """A removal of this class, or a stricter one, has the digest, by a claim in force. A
    digest of weights counts where a list says it: of a file that was
    added here it is kept only if the class was said later, and what is known must not depend on
    that."""
    digests, claims, removals = (table.alias() for table in tables)
    return exists().where(
        digests.c.kind == kind,
        digests.c.value == value,
        claims.c.pk == digests.c.claim_pk,
        claims.c.in_force == 1,
        is_said(digests, claims),
        removals.c.pk == claims.c.removal_pk,
        removals.c.cls >= cls,
    )


def is_said(digests: FromClause, claims: FromClause) -> ColumnElement[bool]:
    """The condition on a digest and its claim: it tells of what class a file is."""
    return or_(digests.c.kind.not_in(INSIDE), claims.c.container.is_(None))


def sized_files(tables: ClassTables, cls: int) -> Select[Any]:
    """(SHA-256, size) of all files of removals of this class, or a stricter one, by claims in
    force: a hub may hide the one, and state git's name for both."""
    digests, claims, removals = tables
    return (
        select(digests.c.value, claims.c.size)
        .select_from(removals)
        .join(claims, claims.c.removal_pk == removals.c.pk)
        .join(digests, digests.c.claim_pk == claims.c.pk)
        .where(removals.c.cls >= cls, claims.c.in_force == 1, claims.c.size.is_not(None))
        .where(digests.c.kind == int(DigestKind.SHA256))
    )
