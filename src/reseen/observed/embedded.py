"""Digests that files state of themselves, kept: hints, and never more.

What comes in: artifacts by pk, with what their headers state. What goes out: the same again; and
the artifacts that state what begins so. A file has few of them (`fingerprints.embedded`), and what
it states anew takes the place of what it stated before. Of a long digest the short form that it
begins with is not kept beside it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, and_, delete, or_, select

from reseen.fingerprints.kinds import EMBEDDED, LADDER, LONG_OF
from reseen.records import Digest, DigestKind
from reseen.store import schema
from reseen.store.database import chunks, insert_many

MOST = 8
"""Digests kept of one file: more than any states."""
_AT_ONCE = 100
"""Beginnings that are asked for at once: SQLite's expressions are at most 1,000 deep."""


def keep(connection: Connection, stated: Iterable[tuple[int, Sequence[Digest]]]) -> None:
    """Keep what these artifacts (by pk) state of themselves. Of one that states nothing now, what
    it stated before stays."""
    least = ((pk, _least(digests)[:MOST]) for pk, digests in stated)
    rows = {pk: some for pk, some in least if some}
    table = schema.embedded_digests
    for chunk in chunks(sorted(rows)):
        connection.execute(delete(table).where(table.c.artifact_pk.in_(chunk)))
    columns = ("kind", "value", "artifact_pk")
    made = sorted((int(d.kind), d.value, pk) for pk, some in rows.items() for d in some)
    insert_many(connection, table, columns, made, ignore=True)


def of_artifacts(
    connection: Connection, artifact_pks: Collection[int]
) -> Mapping[int, tuple[Digest, ...]]:
    """Those of these artifacts that state any, with the short forms, ordered by kind."""
    table = schema.embedded_digests.c
    found: dict[int, set[Digest]] = {}
    for chunk in chunks(sorted(artifact_pks)):
        query = select(table.artifact_pk, table.kind, table.value)
        for pk, number, value in connection.execute(query.where(table.artifact_pk.in_(chunk))):
            digest = Digest(DigestKind(number), bytes(value))
            found.setdefault(pk, set()).update({digest, *_short(digest)})
    return {pk: tuple(sorted(some, key=_order)) for pk, some in found.items()}


def stating(
    connection: Connection, short: DigestKind, beginnings: Iterable[bytes]
) -> Iterator[tuple[int, bytes]]:
    """(pk, beginning) of artifacts that state one of these short digests of themselves, or a long
    one that begins so."""
    long = LONG_OF.get(short, short)
    table = schema.embedded_digests.c
    rest = b"\xff" * (long.length - short.length)
    every = sorted(set(beginnings))
    for at in range(0, len(every), _AT_ONCE):
        begins = or_(
            *(
                and_(table.kind == int(kind), table.value.between(value, value + rest))
                for value in every[at : at + _AT_ONCE]
                for kind in {short, long}
            )
        )
        query = select(table.artifact_pk, table.value).where(begins)
        found = {(pk, bytes(v[: short.length])) for pk, v in connection.execute(query)}
        yield from sorted(found)


def any_kept(connection: Connection) -> bool:
    """Does any file state one?"""
    query = select(schema.embedded_digests.c.artifact_pk).limit(1)
    return connection.scalar(query) is not None


def _least(digests: Sequence[Digest]) -> list[Digest]:
    implied = {short for digest in digests for short in _short(digest)}
    known = {digest for digest in digests if digest.kind in EMBEDDED}
    return sorted(known - implied, key=_order)


def _short(digest: Digest) -> Iterator[Digest]:
    short = LADDER[digest.kind].short
    if short is not None:
        yield Digest(short, digest.value[: short.length])


def _order(digest: Digest) -> Any:
    return digest.kind, digest.value
