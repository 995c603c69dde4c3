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
from itertools import groupby, islice

from sqlalchemy import ColumnElement, Connection, select, true

from reseen.errors import Malformed
from reseen.fingerprints.entries import SearchEntry, as_stored, entries
from reseen.fingerprints.sketch import VERSION, Sketch, decode
from reseen.match import digests_alone, evidence
from reseen.match.sketch_index import Likeness, SketchIndex, searched, surest
from reseen.observed import further
from reseen.observed.sketches import ADAPTER
from reseen.records import Evidence
from reseen.store.database import chunks
from reseen.store.schema import claims, read_entries, read_sketches, removals, sketches

_BATCH = 2_048  # files searched at once

_Files = list[tuple[int, list[SearchEntry]]]
"""By key."""


def copies(
    connection: Connection,
    only: Collection[str] | None = None,
    among: Collection[int] | None = None,
) -> Iterator[tuple[int, str, Evidence]]:
    """(artifact's pk, removal, why) of stored files (of these artifacts; None: of all) that are
    copies of these removals (None: all in force), or leads."""
    known = SketchIndex.load(connection, lambda: nullcontext(connection), only)
    for pk, every in groupby(_alike(connection, known, among), key=lambda each: each[0]):
        for like in surest(*(like for _, like in every)):
            if (said := evidence.of_likeness(like.comparison)) is not None:
                yield pk, like.removal, said


def _alike(
    connection: Connection, known: SketchIndex, among: Collection[int] | None
) -> Iterator[tuple[int, Likeness]]:
    """What each stored file is like, by its pk: one after another."""
    whose = owners(connection) if len(known) else {}
    for files, candidates in _near(connection, known, among, complete=True):
        for (key, _), some in zip(files, candidates, strict=True):
            if not some:
                continue
            sketch = _sketch(connection, key)
            if sketch is None:
                continue  # a damaged row shows nothing
            near = [(whose[further.pk_of(claim)], claim) for claim in some]
            for like in known.compared(sketch, near):
                yield further.pk_of(key), like


def near_subsets(
    connection: Connection,
    only: Collection[str] | None = None,
    among: Collection[int] | None = None,
) -> Iterator[int]:
    """Pks of artifacts of which a subset of modules was read, and comes near these removals."""
    known = SketchIndex.load(connection, lambda: nullcontext(connection), only)
    for files, candidates in _near(connection, known, among, complete=False):
        for (key, _), some in zip(files, candidates, strict=True):
            if some:
                yield further.pk_of(key)


def _sketch(connection: Connection, key: int) -> Sketch | None:
    value = connection.scalar(
        select(read_sketches.c.value).where(further.is_called(read_sketches, key))
    )
    try:
        return decode(value or b"")
    except Malformed:
        return None


def _whole(connection: Connection, key: int) -> list[SearchEntry]:
    """All modules of a stored file."""
    sketch = _sketch(connection, key)
    return [] if sketch is None else list(entries(sketch))


def owners(connection: Connection) -> dict[int, str]:
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
            (key, _whole(connection, key) if known.says_little(some) else some)
            for key, some in kept
        ]
        found = known.near_many([some for _, some in files])
        near = [further.pk_of(key) for (key, _), some in zip(files, found, strict=True) if some]
        alone = digests_alone.such_artifacts(connection, near)
        yield (
            files,
            [
                [] if further.pk_of(key) in alone else some
                for (key, _), some in zip(files, found, strict=True)
            ],
        )


def _files(
    connection: Connection, among: Collection[int] | None, complete: bool
) -> Iterator[tuple[int, list[SearchEntry]]]:
    """What is searched of each stored file, and of each further adapter in it, by its key
    (`observed.further`); by pages, so that others may write between two of them on the same
    connection."""
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
                read_entries.c.version,
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
                (read_entries.c.version == VERSION) | (read_entries.c.version >= further.FIRST),
                read_entries.c.code.is_not(None),
            )
            .order_by(read_entries.c.artifact_pk, read_entries.c.version, read_entries.c.group)
        )
        found: dict[int, list[SearchEntry]] = {}
        for pk, version, group, slots, code in connection.execute(query):
            entry = as_stored(group, bytes(slots), bytes(code))
            found.setdefault(further.key(pk, version), []).append(entry)
        if not found:
            return
        yield from found.items()
        last = max(map(further.pk_of, found))
