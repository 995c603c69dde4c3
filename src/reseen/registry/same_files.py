"""Files of the class that is never read under other removals: one file may stand under several.

A removal of that class names a file by one digest, another removal by a second one; that both are
one file tells only who read it. Or it names an archive, and another removal a file in it. What was
learned from such a file is out of use for every removal, and what may concern several removals is
found here. Everything happens in the caller's transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, or_, select

from reseen.fingerprints.git import pointer_oid
from reseen.fingerprints.kinds import COMPARED, LONG, WEAK
from reseen.observed.of_class import told_by as of_class_told_by
from reseen.observed.parts_of_files import within
from reseen.records import DigestKind, RemovalClass
from reseen.store import schema
from reseen.store.database import chunks
from reseen.store.held_by_class import held_by_class

CLASS = int(RemovalClass.CHILD_ABUSE)
_TABLES = (schema.digests, schema.claims, schema.removals)
_KINDS = tuple(int(kind) for kind in COMPARED)
_LONG = tuple(int(kind) for kind in LONG)
_LEARNED = 1
"""`claims.source` of what was computed from bytes."""


def is_of_class(kind: Any, value: Any) -> ColumnElement[bool]:
    """The condition on a digest of a file or of its weights: a removal of that class has it, by a
    claim in force."""
    return held_by_class(_TABLES, kind, value, CLASS)


def is_about_such(claim_pk: Any) -> ColumnElement[bool]:
    """The condition on a claim: it has a digest of a file of that class."""
    d = schema.digests.alias("its_digests")
    return exists().where(
        d.c.claim_pk == claim_pk, d.c.kind.in_(_KINDS), is_of_class(d.c.kind, d.c.value)
    )


def such_files(connection: Connection, artifact_pks: Collection[int]) -> set[int]:
    """Those of these artifacts (by pk) that are such files, or stand in one."""
    return set(of_class_told_by(connection, artifact_pks, _TABLES, CLASS))


def taught_by_such(connection: Connection, removal_pks: Collection[int] | None = None) -> set[int]:
    """Learned claims (by pk) of these removals (None: of all) that nothing taught but such files:
    each content that teaches them stands in archives of that class alone, or a hub states of all
    that have it that they are of it."""
    c, d, read = schema.claims.c, schema.digests.c, schema.read_digests.c
    sha256 = int(DigestKind.SHA256)
    query = (
        select(c.pk, read.artifact_pk)
        .select_from(schema.claims)
        .join(schema.digests, and_(d.claim_pk == c.pk, d.kind == sha256))
        .join(schema.read_digests, and_(read.kind == sha256, read.value == d.value))
        .where(c.source == _LEARNED)
    )
    taught: defaultdict[int, set[int]] = defaultdict(set)
    parts = [None] if removal_pks is None else chunks(sorted(removal_pks))
    for some in parts:
        narrowed = query if some is None else query.where(c.removal_pk.in_(some))
        for pk, artifact_pk in connection.execute(narrowed):
            taught[pk].add(artifact_pk)
    such = such_files(connection, set().union(*taught.values()))
    return {pk for pk, theirs in taught.items() if theirs <= such}


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


def digests_of_files(
    connection: Connection, removal_pks: Collection[int]
) -> Mapping[int, set[bytes]]:
    """Digests (by kind) of the files of these removals, by claims in force or not, and by what was
    read."""
    c, d, read = schema.claims.c, schema.digests.c, schema.read_digests.c
    values: defaultdict[int, set[bytes]] = defaultdict(set)
    for chunk in chunks(sorted(removal_pks)):
        mine = select(d.kind, d.value).join(schema.claims, c.pk == d.claim_pk)
        mine = mine.where(c.removal_pk.in_(chunk), d.kind.in_(_LONG))
        for kind, value in connection.execute(mine):
            values[kind].add(bytes(value))
    artifacts = _having(connection, values, _sized(connection, removal_pks))
    artifacts |= within(connection, artifacts)
    for chunk in chunks(sorted(artifacts)):
        computed = select(read.kind, read.value).where(read.artifact_pk.in_(chunk))
        for kind, value in connection.execute(computed.where(read.kind.in_(_KINDS))):
            values[kind].add(bytes(value))
    return values


def having(connection: Connection, values: Mapping[int, Collection[bytes]]) -> set[int]:
    """Removals (by pk) that have one of these digests (by kind), by claims in force or not."""
    c, d = schema.claims.c, schema.digests.c
    found: set[int] = set()
    for kind in _KINDS:
        theirs = select(c.removal_pk).join(schema.digests, d.claim_pk == c.pk)
        for some in chunks(sorted(values.get(kind, ()))):
            found.update(connection.scalars(theirs.where(d.kind == kind, d.value.in_(some))))
    return found


def _sized(connection: Connection, removal_pks: Collection[int]) -> set[bytes]:
    """Git's names for the LFS pointers of the files of these removals."""
    c, d = schema.claims.c, schema.digests.c
    found: set[bytes] = set()
    for chunk in chunks(sorted(removal_pks)):
        query = (
            select(d.value, c.size)
            .join(schema.claims, c.pk == d.claim_pk)
            .where(c.removal_pk.in_(chunk), c.size.is_not(None), d.kind == int(DigestKind.SHA256))
        )
        found.update(pointer_oid(bytes(value), size) for value, size in connection.execute(query))
    return found


def _having(
    connection: Connection, values: Mapping[int, Collection[bytes]], pointers: Collection[bytes]
) -> set[int]:
    """Artifacts (by pk) that have one of these digests (by kind), by what was read or is stated."""
    a, read = schema.artifacts.c, schema.read_digests.c
    found: set[int] = set()
    for kind in _KINDS:
        holding = select(read.artifact_pk).where(read.kind == kind)
        for some in chunks(sorted(values.get(kind, ()))):
            found.update(connection.scalars(holding.where(read.value.in_(some))))
    stated = (
        (a.sha256, values.get(int(DigestKind.SHA256), ())),
        (a.xet, values.get(int(DigestKind.XET), ())),
        (a.git_oid, {*values.get(int(DigestKind.GIT_BLOB), ()), *pointers}),
    )
    for column, theirs in stated:
        for some in chunks(sorted(theirs)):
            found.update(connection.scalars(select(a.pk).where(column.in_(some))))
    by_store = schema.stated_digests.c
    for kind in map(int, WEAK):
        of_kind = select(by_store.artifact_pk).where(by_store.kind == kind)
        for some in chunks(sorted(values.get(kind, ()))):
            found.update(connection.scalars(of_kind.where(by_store.value.in_(some))))
    return found
