"""Claims about a model in several files: what was told of the whole is of each of them.

So it is out of use while one of the files is of the class that is never read
(`match.digests_alone`), whenever that is said, and in use again when that is taken back. Everything
happens in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, and_, exists, select

from reseen.fingerprints.kinds import WHOLE
from reseen.observed import several_files
from reseen.records import DigestKind, Fingerprint
from reseen.registry import same_files
from reseen.store import change_log, schema
from reseen.store.database import chunks

_OF_THE_WHOLE = (DigestKind.SHA256, DigestKind.TENSORS_BLAKE3)
_WHOLE = tuple(int(kind) for kind in WHOLE)


def keep(connection: Connection, read: Fingerprint) -> None:
    """Remember, for each claim about a model in several files that was read just now, the digests
    of these files. One index may be that of several models: their tensors tell which."""
    if not read.shards:
        return
    c = schema.claims.c
    query = select(c.pk, c.removal_pk).where(c.container.is_not(None))
    for digest in read.digests:
        if digest.kind in _OF_THE_WHOLE:
            d = schema.digests.alias().c
            same = and_(d.claim_pk == c.pk, d.kind == int(digest.kind), d.value == digest.value)
            query = query.where(exists().where(same))
    files = [digest for some in read.shards for digest in some]
    found = connection.execute(query).all()
    fresh = {row.removal_pk for row in found if several_files.keep(connection, row.pk, files)}
    change_log.note(connection, fresh)


def sharing(connection: Connection, removal_pks: Collection[int]) -> set[int]:
    """Removals (by pk) that have a file in common with these, as `same_files.having` says it, or
    one of whose several files it is: these themselves too."""
    values = same_files.digests_of_files(connection, removal_pks)
    found = {*removal_pks, *same_files.having(connection, values)}
    kept = several_files.every(connection)
    if not kept:
        return found
    told = {(kind, value) for kind, some in values.items() for value in some}
    # A claim that has one of these digests tells the others of the same file.
    theirs, other = schema.digests.alias("theirs"), schema.digests.alias("other")
    same = (
        select(other.c.kind, other.c.value)
        .join(theirs, theirs.c.claim_pk == other.c.claim_pk)
        .where(other.c.kind.in_(_WHOLE))
    )
    for kind, some in values.items():
        for chunk in chunks(sorted(some)):
            alike = same.where(theirs.c.kind == kind, theirs.c.value.in_(chunk))
            told.update((k, bytes(value)) for k, value in connection.execute(alike))
    pks = sorted(pk for pk, some in kept.items() if not told.isdisjoint(some))
    c = schema.claims.c
    for chunk in chunks(pks):
        found.update(connection.scalars(select(c.removal_pk).where(c.pk.in_(chunk))))
    return found
