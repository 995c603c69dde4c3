"""Which files the model of a claim was of, where it was of several: kept by the claim.

What comes in: claims by pk, with the digests of these files, and the tables that say which digests
are of the class that is never read. What goes out: the claims one of whose files is of it. What was
told of the whole (its tensors, its sketch) is of what is in each of them; and the whole is known by
its index, whose own digests say nothing of its files.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

from sqlalchemy import Connection, and_, exists, select

from reseen.fingerprints.kinds import PROVE, WHOLE
from reseen.observed.of_class import told_by
from reseen.records import Digest, DigestKind
from reseen.store import meta, schema
from reseen.store.database import chunks
from reseen.store.held_by_class import ClassTables, held_by_class

_FILES = "files of claim "
"""How the names begin under which the store keeps the digests of a claim's files."""

KindAndValue = tuple[int, bytes]


def keep(connection: Connection, claim_pk: int, files: Iterable[Digest]) -> bool:
    """Remember the digests of the files that a claim's model was of; False where that is known."""
    told = {digest for digest in files if digest.kind in WHOLE}
    value = b"".join(sorted(bytes([digest.kind]) + digest.value for digest in told))
    name = f"{_FILES}{claim_pk}"
    if meta.value(connection, name) == value:
        return False
    meta.keep(connection, name, value)
    return True


def every(connection: Connection) -> Mapping[int, frozenset[KindAndValue]]:
    """The digests of their files, by claim: few claims are of several."""
    found = meta.starting(connection, _FILES)
    return {int(name.removeprefix(_FILES)): frozenset(_taken(v)) for name, v in found.items()}


def of_class(connection: Connection, tables: ClassTables, cls: int) -> set[int]:
    """All claims (by pk) one of whose files is of this class, or a stricter one: a removal of it
    has its digest, or a claim about the same file shares one with such a removal, or reading
    told."""
    kept = every(connection)
    if not kept:
        return set()
    values: defaultdict[int, set[bytes]] = defaultdict(set)
    for kind, value in {digest for some in kept.values() for digest in some}:
        values[kind].add(value)
    such = _by_claims(connection, tables, cls, values) | _by_reading(
        connection, tables, cls, values
    )
    return {pk for pk, some in kept.items() if not such.isdisjoint(some)}


_Values = Mapping[int, Collection[bytes]]
"""Digests by kind."""


def _by_claims(
    connection: Connection, tables: ClassTables, cls: int, values: _Values
) -> set[KindAndValue]:
    mine, other = tables[0].alias(), tables[0].alias()
    beside = exists().where(
        other.c.claim_pk == mine.c.claim_pk,
        other.c.kind.in_([int(kind) for kind in PROVE]),
        held_by_class(tables, other.c.kind, other.c.value, cls),
    )
    found: set[KindAndValue] = set()
    for kind, some in values.items():
        for chunk in chunks(sorted(some)):
            query = select(mine.c.value).where(mine.c.kind == kind, mine.c.value.in_(chunk))
            told = connection.scalars(query.where(beside))
            found.update((kind, bytes(value)) for value in told)
    return found


def _by_reading(
    connection: Connection, tables: ClassTables, cls: int, values: _Values
) -> set[KindAndValue]:
    read = schema.read_digests.c
    places: defaultdict[int, set[KindAndValue]] = defaultdict(set)
    for kind, some in values.items():
        for chunk in chunks(sorted(some)):
            query = select(read.artifact_pk, read.value)
            mine = and_(read.kind == kind, read.value.in_(chunk))
            for pk, value in connection.execute(query.where(mine)):
                places[pk].add((kind, bytes(value)))
    such = told_by(connection, places, tables, cls)
    return set[KindAndValue]().union(*(places[pk] for pk in such))


def _taken(value: bytes) -> Iterator[KindAndValue]:
    at = 0
    while at < len(value):
        kind = value[at]
        end = at + 1 + DigestKind(kind).length
        yield kind, value[at + 1 : end]
        at = end
