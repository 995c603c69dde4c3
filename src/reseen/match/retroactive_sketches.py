"""Sketches of removals against those of all that scans read; `match.retroactive` is for digests.

What comes in: an open transaction, after removals came or learned. What goes out: copies among the
files whose modules were all read, and leads; and files of which a subset was read that comes near,
for a closer look, since a subset alone accuses nobody. What is kept of each stored file to
be searched is read once, in order, and multiplied by all removals at once; where that says little,
all of the file is looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import nullcontext
from itertools import islice

from sqlalchemy import ColumnElement, Connection, select, true

from reseen.errors import Malformed
from reseen.fingerprints.entries import SearchEntry, as_stored, entries
from reseen.fingerprints.sketch import VERSION, Sketch, decode
from reseen.match import digests_alone, evidence
from reseen.match.sketch_index import SketchIndex, searched
from reseen.observed.sketches import ADAPTER
from reseen.records import Evidence
from reseen.store.database import chunks
from reseen.store.schema import claims, read_entries, read_sketches, removals, sketches

_BATCH = 2_048  # files searched at once

_Files = list[tuple[int, list[SearchEntry]]]


def copies(
    connection: Connection,
    only: Collection[str] | None = None,
    among: Collection[int] | None = None,
) -> Iterator[tuple[int, str, Evidence]]:
    """(artifact's pk, removal, why) of stored files (of these artifacts; None: of all) that are
    copies of these removals (None: all in force), or leads."""
    known = SketchIndex.load(connection, lambda: nullcontext(connection), only)
    owners = _owners(connection) if len(known) else {}
    for files, candidates in _near(connection, known, among, complete=True):
        for (pk, _), some in zip(files, candidates, strict=True):
            if not some:
                continue
            sketch = _sketch(connection, pk)
            if sketch is None:
                continue  # a damaged row shows nothing
            for like in known.compared(sketch, [(owners[claim], claim) for claim in some]):
                if (said := evidence.of_likeness(like.comparison)) is not None:
                    yield pk, like.removal, said


def near_subsets(
    connection: Connection,
    only: Collection[str] | None = None,
    among: Collection[int] | None = None,
) -> Iterator[int]:
    """Pks of artifacts of which a subset of modules was read, and comes near these removals."""
    known = SketchIndex.load(connection, lambda: nullcontext(connection), only)
    for files, candidates in _near(connection, known, among, complete=False):
        for (pk, _), some in zip(files, candidates, strict=True):
            if some:
                yield pk


def _sketch(connection: Connection, artifact_pk: int) -> Sketch | None:
    value = connection.scalar(
        select(read_sketches.c.value).where(
            read_sketches.c.artifact_pk == artifact_pk, read_sketches.c.kind == ADAPTER
        )
    )
    try:
        return decode(value or b"")
    except Malformed:
        return None


def _whole(connection: Connection, artifact_pk: int) -> list[SearchEntry]:
    """All modules of a stored file."""
    sketch = _sketch(connection, artifact_pk)
    return [] if sketch is None else list(entries(sketch))


def _owners(connection: Connection) -> dict[int, str]:
    """Claims that are searched (by pk) -> the removals that they are about."""
    query = (
        select(sketches.c.claim_pk, removals.c.id)
        .join(claims, claims.c.pk == sketches.c.claim_pk)
        .join(removals, removals.c.pk == claims.c.removal_pk)
        .where(searched(), sketches.c.kind == ADAPTER)
    )
    return {row.claim_pk: row.id for row in connection.execute(query)}


def _near(
    connection: Connection, known: SketchIndex, among: Collection[int] | None, *, complete: bool
) -> Iterator[tuple[_Files, list[list[int]]]]:
    """What comes near each file; nothing does where only the file's digests count."""
    if not len(known):
        return
    left = _files(connection, among, complete)
    while kept := list(islice(left, _BATCH)):
        files = [
            (pk, _whole(connection, pk) if known.says_little(some) else some) for pk, some in kept
        ]
        found = known.near_many([some for _, some in files])
        near = [pk for (pk, _), some in zip(files, found, strict=True) if some]
        alone = digests_alone.such_artifacts(connection, near)
        yield (
            files,
            [[] if pk in alone else some for (pk, _), some in zip(files, found, strict=True)],
        )


def _files(
    connection: Connection, among: Collection[int] | None, complete: bool
) -> Iterator[tuple[int, list[SearchEntry]]]:
    """What is searched of each stored file, in order; by pages, so that others may write between
    two of them on the same connection."""
    if among is None:
        yield from _paged(connection, true(), complete)
        return
    for chunk in chunks(sorted(among)):
        yield from _paged(connection, read_sketches.c.artifact_pk.in_(chunk), complete)


def _paged(
    connection: Connection, wanted: ColumnElement[bool], complete: bool
) -> Iterator[tuple[int, list[SearchEntry]]]:
    last = 0
    while True:
        query = (
            select(
                read_entries.c.artifact_pk,
                read_entries.c.group,
                read_entries.c.slots,
                read_entries.c.code,
            )
            .where(
                read_entries.c.artifact_pk.in_(
                    select(read_sketches.c.artifact_pk)
                    .where(
                        read_sketches.c.artifact_pk > last,
                        read_sketches.c.kind == ADAPTER,
                        read_sketches.c.complete == int(complete),
                        wanted,
                    )
                    .order_by(read_sketches.c.artifact_pk)
                    .limit(_BATCH)
                ),
                read_entries.c.version == VERSION,
                read_entries.c.code.is_not(None),
            )
            .order_by(read_entries.c.artifact_pk, read_entries.c.group)
        )
        found: dict[int, list[SearchEntry]] = {}
        for pk, group, slots, code in connection.execute(query):
            found.setdefault(pk, []).append(as_stored(group, bytes(slots), bytes(code)))
        if not found:
            return
        yield from found.items()
        last = max(found)
