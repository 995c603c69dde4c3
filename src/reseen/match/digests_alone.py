"""Files and claims of which only digests count, though their removal is of no such class.

A removal of the class that is never read names a file by one digest, another removal by a second
one. Whatever tells that a file is of that class, its header and its sketch count for no removal:
what was read and kept of it before is out of use, and so is what a claim about it says of its
inside. Where a digest of the whole file tells it, the digests of its weights do not count either:
whoever knows it reads on no further. `registry.same_files` says the same of what was learned.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, select

from reseen.fingerprints.kinds import COMPARED, OF_BYTES
from reseen.observed import of_class, several_files
from reseen.observed.of_class import ClassToldBy
from reseen.records import RemovalClass
from reseen.store import schema
from reseen.store.database import chunks
from reseen.store.held_by_class import held_by_class, is_said

_TABLES = (schema.digests, schema.claims, schema.removals)
_CLASS = int(RemovalClass.CHILD_ABUSE)
_WHOLE = tuple(int(kind) for kind in OF_BYTES)
_COMPARED = tuple(int(kind) for kind in COMPARED)


def such_artifacts(connection: Connection, artifact_pks: Collection[int]) -> set[int]:
    """Those of these artifacts (by pk) that are of the class that is never read, by what a hub
    states of them, by what their bytes told, or by the archive that they stand in."""
    return set(told_by(connection, artifact_pks))


def told_by(connection: Connection, artifact_pks: Collection[int]) -> Mapping[int, ClassToldBy]:
    """The same with what tells it."""
    return of_class.told_by(connection, artifact_pks, _TABLES, _CLASS)


def such_claims(connection: Connection, claim_pks: Collection[int]) -> set[int]:
    """Those of these claims (by pk) that are about a file of that class, or about a model in
    several files of which one is."""
    d = schema.digests.c
    found: set[int] = set()
    for chunk in chunks(sorted(claim_pks)):
        query = select(d.claim_pk).where(d.claim_pk.in_(chunk), d.kind.in_(_COMPARED))
        found.update(connection.scalars(query.where(_of_class(d.kind, d.value))))
    if claim_pks:
        found |= several_files.of_class(connection, _TABLES, _CLASS).intersection(claim_pks)
    return found


def every_such_claim(connection: Connection) -> set[int]:
    """All claims in force (by pk) that are about such a file."""
    return set(connection.scalars(_claims_sharing(_COMPARED))) | several_files.of_class(
        connection, _TABLES, _CLASS
    )


def without_weights(connection: Connection, claim_pks: Collection[int] | None = None) -> set[int]:
    """Claims in force (by pk; of these, or of all) whose digests of weights do not count: a digest
    of the whole file tells that it is of that class. What a list says of a removal of the class
    itself does count; what was computed when its file was added does not."""
    c = schema.claims.c
    itself = schema.removals.alias("itself")
    said = and_(itself.c.cls >= _CLASS, c.container.is_(None))
    query = _claims_sharing(_WHOLE).join(itself, itself.c.pk == c.removal_pk).where(~said)
    if claim_pks is None:
        return several_files.of_class(connection, _TABLES, _CLASS).union(connection.scalars(query))
    if not claim_pks:
        return set()
    found = several_files.of_class(connection, _TABLES, _CLASS).intersection(claim_pks)
    for chunk in chunks(sorted(claim_pks)):
        found.update(connection.scalars(query.where(c.pk.in_(chunk))))
    return found


def _claims_sharing(kinds: tuple[int, ...]) -> Select[Any]:
    """Claims in force (by pk) that share a digest of these kinds with a removal of that class."""
    theirs, of = schema.digests.alias("theirs"), schema.claims.alias("of_class")
    d, c, r = schema.digests.c, schema.claims.c, schema.removals.c
    return (
        select(c.pk)
        .select_from(schema.removals)
        .join(of, and_(of.c.removal_pk == r.pk, of.c.in_force == 1))
        .join(theirs, and_(theirs.c.claim_pk == of.c.pk, theirs.c.kind.in_(kinds)))
        .join(schema.digests, and_(d.kind == theirs.c.kind, d.value == theirs.c.value))
        .join(schema.claims, and_(c.pk == d.claim_pk, c.in_force == 1))
        .where(r.cls >= _CLASS, is_said(theirs, of))
    )


def _of_class(kind: Any, value: Any) -> ColumnElement[bool]:
    """The condition on a digest of a file or of its weights: a removal of that class has it, by a
    claim in force."""
    return held_by_class(_TABLES, kind, value, _CLASS)
