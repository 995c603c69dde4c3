"""Files of the class that is never read: by what a hub states, by their bytes, by their archive.

What comes in: artifacts by pk, and the tables that say which digests are of the class. What goes
out: those that are of it, with what tells that.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Connection, Select, and_, bindparam, or_, select

from reseen.fingerprints.git import pointer_oid
from reseen.fingerprints.kinds import OF_BYTES, OF_TENSORS, WEAK
from reseen.observed.artifacts import LFS
from reseen.observed.parts_of_files import around, shards_of
from reseen.records import DigestKind
from reseen.store import schema
from reseen.store.database import chunks
from reseen.store.held_by_class import ClassTables, held_by_class, sized_files

_WHOLE = tuple(int(kind) for kind in OF_BYTES)
_WEAK = tuple(int(kind) for kind in WEAK)
_OF_TENSORS = tuple(int(kind) for kind in OF_TENSORS)


class ClassToldBy(Enum):
    """What tells that a file is of the class that is never read."""

    ARCHIVE = "an archive that it stands in, or a file that it consists of"
    """Whoever knows that reads nothing of it: whatever was read does not count."""
    FILE = "a digest of the whole file, or of one of the files whose index it is"
    """Whoever knows that reads on no further: no more than these count."""
    WEIGHTS = "a digest of its weights"


def told_by(
    connection: Connection, artifact_pks: Collection[int], tables: ClassTables, cls: int
) -> Mapping[int, ClassToldBy]:
    """Those of these artifacts that are of this class, or a stricter one: the first that tells."""
    outer, shards = around(connection, artifact_pks), shards_of(connection, artifact_pks)
    others = (*outer.values(), *shards.values())
    itself = _by_itself(connection, {*artifact_pks}.union(*others), tables, cls)
    found = {pk: itself[pk] for pk in artifact_pks if pk in itself}
    indexes = (pk for pk, theirs in shards.items() if not theirs.isdisjoint(itself))
    held = (pk for pk, theirs in outer.items() if not theirs.isdisjoint(itself))
    return {
        **found,
        **dict.fromkeys(indexes, ClassToldBy.FILE),
        **dict.fromkeys(held, ClassToldBy.ARCHIVE),
    }


@dataclass(frozen=True, slots=True)
class _Queries:
    """What `_by_itself` asks of artifacts (`pks`), and of the registry. Building a statement takes
    longer than the answer of a small store, so they are built once."""

    weights: Select[Any]
    whole: Select[Any]
    stated: Select[Any]
    by_store: Select[Any]
    """The same of what stores of objects state."""
    hidden: Select[Any]
    """(pk, git oid) of those whose SHA-256 the hub hides."""
    sized: Select[Any]


@cache
def _queries(tables: ClassTables, cls: int) -> _Queries:
    a, read = schema.artifacts.c, schema.read_digests.c
    sha256, xet, blob = DigestKind.SHA256, DigestKind.XET, DigestKind.GIT_BLOB
    pks: BindParameter[int] = bindparam("pks", expanding=True)
    computed = select(read.artifact_pk).where(
        read.artifact_pk.in_(pks), held_by_class(tables, read.kind, read.value, cls)
    )
    stated = or_(
        and_(a.sha256.is_not(None), held_by_class(tables, int(sha256), a.sha256, cls)),
        and_(a.xet.is_not(None), held_by_class(tables, int(xet), a.xet, cls)),
        and_(a.flags.op("&")(LFS) == 0, held_by_class(tables, int(blob), a.git_oid, cls)),
    )
    hidden = select(a.pk, a.git_oid).where(a.sha256.is_(None), a.git_oid.is_not(None))
    of_store = schema.stated_digests.c
    by_store = select(of_store.artifact_pk).where(
        of_store.artifact_pk.in_(pks),
        of_store.kind.in_(_WEAK),
        held_by_class(tables, of_store.kind, of_store.value, cls),
    )
    return _Queries(
        by_store=by_store,
        weights=computed.where(read.kind.in_(_OF_TENSORS)),
        whole=computed.where(read.kind.in_(_WHOLE)),
        stated=select(a.pk).where(a.pk.in_(pks), stated),
        hidden=hidden.where(a.pk.in_(pks)),
        sized=sized_files(tables, cls),
    )


def _by_itself(
    connection: Connection, artifact_pks: set[int], tables: ClassTables, cls: int
) -> dict[int, ClassToldBy]:
    queries = _queries(tables, cls)
    found: dict[int, ClassToldBy] = {}
    by_file: set[int] = set()
    hidden: list[tuple[int, bytes]] = []
    for chunk in chunks(sorted(artifact_pks)):
        these = {"pks": chunk}
        weights = connection.scalars(queries.weights, these)
        found.update(dict.fromkeys(weights, ClassToldBy.WEIGHTS))
        by_file.update(connection.scalars(queries.whole, these))
        by_file.update(connection.scalars(queries.stated, these))
        by_file.update(connection.scalars(queries.by_store, these))
        hidden += [(pk, bytes(oid)) for pk, oid in connection.execute(queries.hidden, these)]
    if hidden:
        sized = connection.execute(queries.sized)
        pointers = {pointer_oid(bytes(value), size) for value, size in sized}
        by_file.update(pk for pk, oid in hidden if oid in pointers)
    return {**found, **dict.fromkeys(by_file, ClassToldBy.FILE)}
