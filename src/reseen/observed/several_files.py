"""Which files the model of a claim was of, where it was of several, or stood in an archive: kept by
the claim.

What comes in: claims by pk, with the digests of these files or archives, and the tables that say
which digests are of the class that is never read. What goes out: the claims one of whose files is
of it, or of whose archives every one is. What was told of the whole (its tensors, its sketch) is of
what is in each of its files; and the whole is known by its index, whose own digests say nothing of
them. What an archive of the class holds was never to be read; what was added by itself, or out of
another archive too, was read there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from struct import Struct

from sqlalchemy import Connection, and_, exists, select

from reseen.fingerprints.kinds import COMPARED, WHOLE
from reseen.observed.of_class import told_by
from reseen.records import Digest, DigestKind
from reseen.store import meta, schema
from reseen.store.database import chunks
from reseen.store.held_by_class import ClassTables, held_by_class

_FILES = "files of claim "
"""How the names begin under which the store keeps the digests of a claim's files."""

_ARCHIVES = "archives of claim "
"""The same of the archives in which the model stood each time that it was added."""
_LENGTH = Struct(">H")
"""Before what is kept of each place: how long that is."""

KindAndValue = tuple[int, bytes]
Digests = frozenset[KindAndValue]


def keep(connection: Connection, claim_pk: int, files: Iterable[Digest]) -> bool:
    """Remember the digests of the files that a claim's model was of; False where that is known."""
    return _keep(connection, f"{_FILES}{claim_pk}", _said(files))


def keep_archives(connection: Connection, claim_pk: int, around: Iterable[Digest]) -> bool:
    """Remember the digests of the archives in which a claim's model stood when it was added; False
    where that is known, or it was added by itself since."""
    name = f"{_ARCHIVES}{claim_pk}"
    before = meta.value(connection, name)
    place = _said(around)
    if before is not None and (not before or place in _places(before)):
        return False
    return _keep(connection, name, (before or b"") + _LENGTH.pack(len(place)) + place)


def stood_in_archives(connection: Connection, claim_pk: int) -> bool:
    """A claim's model was added out of archives, and never by itself."""
    return bool(meta.value(connection, f"{_ARCHIVES}{claim_pk}"))


def was_added_alone(connection: Connection, claim_pk: int) -> bool:
    """Forget the archives of a claim's model: it was added by itself. False where none is known."""
    name = f"{_ARCHIVES}{claim_pk}"
    return bool(meta.value(connection, name)) and _keep(connection, name, b"")


def _keep(connection: Connection, name: str, value: bytes) -> bool:
    if meta.value(connection, name) == value:
        return False
    meta.keep(connection, name, value)
    return True


def every(connection: Connection) -> Mapping[int, Digests]:
    """The digests of their files, and of the archives around them, by claim: few claims have
    such."""
    return _all(_files(connection), _archives(connection))


def _all(
    files: Mapping[int, Digests], archives: Mapping[int, Sequence[Digests]]
) -> dict[int, Digests]:
    return {
        pk: files.get(pk, Digests()).union(*archives.get(pk, ()))
        for pk in files.keys() | archives.keys()
    }


def _files(connection: Connection) -> dict[int, Digests]:
    kept = meta.starting(connection, _FILES)
    return {int(name.removeprefix(_FILES)): Digests(_taken(value)) for name, value in kept.items()}


def _archives(connection: Connection) -> dict[int, list[Digests]]:
    """Of each claim that stood in archives alone, those of each place."""
    kept = meta.starting(connection, _ARCHIVES)
    return {
        int(name.removeprefix(_ARCHIVES)): [Digests(_taken(place)) for place in _places(value)]
        for name, value in kept.items()
        if value
    }


def of_class(connection: Connection, tables: ClassTables, cls: int) -> set[int]:
    """All claims (by pk) one of whose files is of this class, or a stricter one, or of whose
    places each is in an archive of it: a removal of it has its digest, or a claim about the same
    file shares one with such a removal, or reading told."""
    files, archives = _files(connection), _archives(connection)
    if not files and not archives:
        return set()
    values: defaultdict[int, set[bytes]] = defaultdict(set)
    for kind, value in Digests().union(*_all(files, archives).values()):
        values[kind].add(value)
    such = _by_claims(connection, tables, cls, values) | _by_reading(
        connection, tables, cls, values
    )
    found = {pk for pk, some in files.items() if not such.isdisjoint(some)}
    return found | {pk for pk, all in archives.items() if not any(map(such.isdisjoint, all))}


_Values = Mapping[int, Collection[bytes]]
"""Digests by kind."""


def _by_claims(
    connection: Connection, tables: ClassTables, cls: int, values: _Values
) -> set[KindAndValue]:
    mine, other = tables[0].alias(), tables[0].alias()
    beside = exists().where(
        other.c.claim_pk == mine.c.claim_pk,
        other.c.kind.in_([int(kind) for kind in COMPARED]),
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


def _said(digests: Iterable[Digest]) -> bytes:
    told = {digest for digest in digests if digest.kind in WHOLE}
    return b"".join(sorted(bytes([digest.kind]) + digest.value for digest in told))


def _places(value: bytes) -> list[bytes]:
    """What `keep_archives` put one after the other."""
    found, at = list[bytes](), 0
    while at < len(value):
        begin = at + _LENGTH.size
        at = begin + _LENGTH.unpack_from(value, at)[0]
        found.append(value[begin:at])
    return found


def _taken(value: bytes) -> Iterator[KindAndValue]:
    at = 0
    while at < len(value):
        kind = value[at]
        end = at + 1 + DigestKind(kind).length
        yield kind, value[at + 1 : end]
        at = end
