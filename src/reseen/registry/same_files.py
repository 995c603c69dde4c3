"""Files of the class that is never read under other removals: one file may stand under several.

A removal of that class names a file by one digest, another removal by a second one; that both are
one file tells only who read it. What was learned from such a file is out of use for every removal,
and what may concern several removals is found here. Everything happens in the caller's transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, exists, or_, select

from reseen.fingerprints.kinds import PROVE
from reseen.records import RemovalClass
from reseen.store import schema
from reseen.store.database import chunks
from reseen.store.held_by_class import held_by_class

CLASS = int(RemovalClass.CHILD_ABUSE)
_KINDS = tuple(int(kind) for kind in PROVE)


def is_of_class(kind: Any, value: Any) -> ColumnElement[bool]:
    """The condition on a digest of a file or of its weights: a removal of that class has it, by a
    claim in force."""
    return held_by_class((schema.digests, schema.claims, schema.removals), kind, value, CLASS)


def is_about_such(claim_pk: Any) -> ColumnElement[bool]:
    """The condition on a claim: it has a digest of a file of that class."""
    d = schema.digests.alias("its_digests")
    return exists().where(
        d.c.claim_pk == claim_pk, d.c.kind.in_(_KINDS), is_of_class(d.c.kind, d.c.value)
    )


def such_files(connection: Connection, artifact_pks: Iterable[int]) -> set[int]:
    """Those of these artifacts (by pk) of which every byte was read, and which are such files."""
    d = schema.read_digests.c
    found: set[int] = set()
    for chunk in chunks(sorted(set(artifact_pks))):
        query = select(d.artifact_pk).where(d.artifact_pk.in_(chunk), d.kind.in_(_KINDS))
        found.update(connection.scalars(query.where(is_of_class(d.kind, d.value))))
    return found


def of_class(connection: Connection, removal_pks: Iterable[int]) -> set[int]:
    """Those of these removals (by pk) that are of that class."""
    r = schema.removals.c
    found: set[int] = set()
    for chunk in chunks(sorted(set(removal_pks))):
        found.update(connection.scalars(select(r.pk).where(r.pk.in_(chunk), r.cls >= CLASS)))
    return found


def ever_of_class(connection: Connection, removal_pks: Collection[int] | None) -> set[int]:
    """Those of these removals (by pk; None: all) that are of that class, or may have been: whatever
    became of the claim that said so."""
    c, lists, e = schema.claims.c, schema.lists.c, schema.fact_events.c
    once = select(e.list_pk).where(e.what == "list-class-said")
    named = set(connection.scalars(select(lists.pk).where(lists.cls >= CLASS)))
    named.update(connection.scalars(once.distinct()))
    said = or_(c.cls >= CLASS, c.list_pk.in_(sorted(named))) if named else c.cls >= CLASS
    query = select(c.removal_pk).where(said).distinct()
    if removal_pks is None:
        return set(connection.scalars(query))
    found: set[int] = set()
    for chunk in chunks(sorted(set(removal_pks))):
        found.update(connection.scalars(query.where(c.removal_pk.in_(chunk))))
    return found


def sharing(connection: Connection, removal_pks: Collection[int]) -> set[int]:
    """Removals (by pk) that have a file in common with these, by claims in force or not, and by
    what was read: these themselves too."""
    c, d, read = schema.claims.c, schema.digests.c, schema.read_digests.c
    values: defaultdict[int, set[bytes]] = defaultdict(set)
    for chunk in chunks(sorted(removal_pks)):
        mine = select(d.kind, d.value).join(schema.claims, c.pk == d.claim_pk)
        mine = mine.where(c.removal_pk.in_(chunk), d.kind.in_(_KINDS))
        for kind, value in connection.execute(mine):
            values[kind].add(bytes(value))
    artifacts: set[int] = set()
    for kind in _KINDS:
        holding = select(read.artifact_pk).where(read.kind == kind)
        for some in chunks(sorted(values[kind])):
            artifacts.update(connection.scalars(holding.where(read.value.in_(some))))
    for chunk in chunks(sorted(artifacts)):
        computed = select(read.kind, read.value).where(read.artifact_pk.in_(chunk))
        for kind, value in connection.execute(computed.where(read.kind.in_(_KINDS))):
            values[kind].add(bytes(value))
    found = set(removal_pks)
    for kind in _KINDS:
        having = select(c.removal_pk).join(schema.digests, d.claim_pk == c.pk)
        for some in chunks(sorted(values[kind])):
            found.update(connection.scalars(having.where(d.kind == kind, d.value.in_(some))))
    return found
