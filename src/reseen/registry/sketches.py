"""Sketches kept: of removed files, and of what scans read.

What comes in: sketches in their published byte layout. What goes out: rows with what a search needs
beside it (architecture, the searched numbers). Only here does the registry look into a sketch, and
it imports what that needs only when there is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, select

from reseen.registry import schema
from reseen.registry.store import chunks, upsert

ADAPTER = "adapter"
"""What is sketched so far."""


def keep_removed(connection: Connection, made: Sequence[tuple[int, bytes]]) -> int:
    """Keep sketches of removed files, by the files' pks; how many files had none of this version.
    Raises Malformed for bytes that are no sketch."""
    if not made:
        return 0
    table = schema.sketches.c
    rows = [{"file_pk": pk, **_columns(sketch)} for pk, sketch in made]
    known: set[tuple[int, int]] = set()
    for chunk in chunks({pk for pk, _ in made}):
        query = select(table.file_pk, table.version).where(table.file_pk.in_(chunk))
        known.update((pk, version) for pk, version in connection.execute(query))
    fresh = [row for row in rows if (row["file_pk"], row["version"]) not in known]
    upsert(connection, schema.sketches, fresh, key=("file_pk", "version"), update=())
    return len(fresh)


def keep_read(connection: Connection, made: Sequence[tuple[int, bytes]]) -> None:
    """Keep sketches of artifacts, by their pks; a complete one is never replaced by less.
    Raises Malformed for bytes that are no sketch."""
    if not made:
        return
    table = schema.read_sketches.c
    rows = [
        {"artifact_pk": pk, "complete": int(_complete(sketch)), **_columns(sketch)}
        for pk, sketch in made
    ]
    whole: set[tuple[int, int]] = set()
    for chunk in chunks({pk for pk, _ in made}):
        query = select(table.artifact_pk, table.version).where(
            table.artifact_pk.in_(chunk), table.complete == 1
        )
        whole.update((pk, version) for pk, version in connection.execute(query))
    rows.sort(key=lambda row: row["complete"])  # of two in one batch the complete one comes last
    upsert(
        connection,
        schema.read_sketches,
        [r for r in rows if r["complete"] or (r["artifact_pk"], r["version"]) not in whole],
        key=("artifact_pk", "version"),
        update=("architecture", "kind", "complete", "search", "value"),
    )


def of_files(connection: Connection, file_pks: Iterable[int]) -> dict[int, bytes]:
    """The newest sketch of each removed file that has one."""
    table = schema.sketches.c
    found: dict[int, bytes] = {}
    for chunk in chunks(file_pks):
        query = (
            select(table.file_pk, table.value)
            .where(table.file_pk.in_(chunk))
            .order_by(table.version)
        )
        found.update((pk, value) for pk, value in connection.execute(query))
    return found


def _columns(sketch: bytes) -> dict[str, Any]:
    from reseen.fingerprint.sketch import VERSION, decode

    decoded = decode(sketch)
    return {
        "version": VERSION,
        "architecture": decoded.architecture,
        "kind": ADAPTER,
        "search": decoded.searched().tobytes(),
        "value": sketch,
    }


def _complete(sketch: bytes) -> bool:
    from reseen.fingerprint.sketch import decode

    return decode(sketch).complete
