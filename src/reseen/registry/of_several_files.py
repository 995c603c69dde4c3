"""Claims about a model in several files, or in an archive: what was told of it is of these, too.

So it is out of use while one of its files is of the class that is never read, or each archive that
it was added from (`match.digests_alone`), whenever that is said, and in use again when that is
taken back. Everything happens in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, and_, exists, select

from reseen.fingerprints.kinds import WHOLE
from reseen.observed import several_files
from reseen.records import Digest, DigestKind, Fingerprint
from reseen.registry import same_files
from reseen.store import change_log, schema
from reseen.store.database import chunks

_OF_THE_WHOLE = (DigestKind.SHA256, DigestKind.TENSORS_BLAKE3)
_WHOLE = tuple(int(kind) for kind in WHOLE)


def about(connection: Connection, read: Fingerprint) -> dict[int, int]:
    """Claims (by pk) about the file that was read just now, by what was computed of it -> their
    removal. One index may be that of several models: their tensors tell which."""
    c = schema.claims.c
    query = select(c.pk, c.removal_pk).where(c.container.is_not(None))
    for digest in read.digests:
        if digest.kind in _OF_THE_WHOLE:
            d = schema.digests.alias().c
            same = and_(d.claim_pk == c.pk, d.kind == int(digest.kind), d.value == digest.value)
            query = query.where(exists().where(same))
    return {row.pk: row.removal_pk for row in connection.execute(query)}


def keep(
    connection: Connection, read: Fingerprint, around: Sequence[Digest], before: Collection[int]
) -> None:
    """Remember, for each claim about what was read just now, the digests of the files that it was
    of, and of the archives around it. `before`: the claims that there were `about` it."""
    found = about(connection, read)
    files = [digest for some in read.shards for digest in some]
    fresh: set[int] = set()
    for pk, removal_pk in found.items():
        changed = bool(files) and several_files.keep(connection, pk, files)
        if not around:
            changed |= several_files.was_added_alone(connection, pk)
        elif pk not in before or several_files.stood_in_archives(connection, pk):
            changed |= several_files.keep_archives(connection, pk, around)
        if changed:
            fresh.add(removal_pk)
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
