"""What embeddings are known by, kept: of removed files, and of what scans read.

They stand in the tables of sketches as a kind of their own, under version numbers that no sketch of
an adapter has: a file that is both has both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, select

from reseen.store import schema
from reseen.store.database import chunks, upsert

EMBEDDING = "embedding"
"""The kind."""
VERSION = 1_001
"""A thousand and that of `fingerprints.rows`."""


def keep_removed(connection: Connection, made: Sequence[tuple[int, bytes]]) -> set[int]:
    """Keep the rows of removed files, by their claims' pks; of which claims there were none. Raises
    Malformed for what are none."""
    table = schema.sketches.c
    known: set[int] = set()
    for chunk in chunks(pk for pk, _ in made):
        query = select(table.claim_pk).where(table.claim_pk.in_(chunk), table.version == VERSION)
        known.update(connection.scalars(query))
    fresh = [_row("claim_pk", pk, rows) for pk, rows in made if pk not in known]
    _keep(connection, schema.sketches, "claim_pk", fresh)
    return {row["claim_pk"] for row in fresh}


def keep_read(connection: Connection, made: Sequence[tuple[int, bytes]]) -> None:
    """Keep the rows of artifacts, by their pks. Raises Malformed for what are none."""
    rows = [{**_row("artifact_pk", *each), "complete": 1} for each in made]
    _keep(connection, schema.read_sketches, "artifact_pk", rows)


def of_artifacts(connection: Connection, artifact_pks: Iterable[int]) -> dict[int, bytes]:
    """Those of these artifacts that have some."""
    found: dict[int, bytes] = {}
    for chunk in chunks(artifact_pks):
        found.update(_of_artifacts(connection, schema.read_sketches.c.artifact_pk.in_(chunk)))
    return found


def any_of_removals(connection: Connection) -> bool:
    """Whether any removal ever was an embedding."""
    query = select(schema.sketches.c.claim_pk).where(schema.sketches.c.version == VERSION)
    return connection.scalar(query.limit(1)) is not None


def every_read(connection: Connection, page: int) -> Iterator[dict[int, bytes]]:
    """Those of all artifacts, in order; by pages, so that others may write between two of them on
    the same connection."""
    last = 0
    while True:
        pk = schema.read_sketches.c.artifact_pk
        found = dict(_of_artifacts(connection, pk > last, page))
        if not found:
            return
        yield found
        last = max(found)


def _of_artifacts(
    connection: Connection, wanted: ColumnElement[bool], most: int | None = None
) -> Iterator[tuple[int, bytes]]:
    table = schema.read_sketches.c
    query = (
        select(table.artifact_pk, table.value)
        .where(table.version == VERSION, wanted)
        .order_by(table.artifact_pk)
        .limit(most)
    )
    for pk, value in connection.execute(query).all():
        yield pk, bytes(value)


def _keep(connection: Connection, table: Table, key: str, rows: Sequence[dict[str, Any]]) -> None:
    once = {row[key]: row for row in rows}
    upsert(connection, table, list(once.values()), key=(key, "version"), update=("value",))


def _row(key: str, pk: int, rows: bytes) -> dict[str, Any]:
    from reseen.fingerprints.rows import decode  # numpy, which most files do not need

    decode(rows)
    return {
        key: pk,
        "version": VERSION,
        "architecture": EMBEDDING,
        "kind": EMBEDDING,
        "value": rows,
    }
