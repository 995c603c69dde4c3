"""MD5s, SHA-1s and CRCs that stores of objects state of their files.

What comes in: artifacts by pk, with what is stated of them. What goes out: the same again. One row
of `artifacts` is of one content, so what was stated once of it stays true of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from sqlalchemy import Connection, select

from reseen.records import Artifact, DigestKind
from reseen.store import schema
from reseen.store.database import chunks, insert_many


def keep(connection: Connection, seen: Iterable[tuple[int, Artifact]]) -> None:
    """Keep what is stated of these artifacts (by pk)."""
    rows = sorted({(int(d.kind), d.value, pk) for pk, each in seen for d in each.others})
    columns = ("kind", "value", "artifact_pk")
    insert_many(connection, schema.stated_digests, columns, rows, ignore=True)


def of_artifacts(
    connection: Connection, artifact_pks: Collection[int]
) -> Mapping[int, dict[DigestKind, bytes]]:
    """Those of these artifacts of which any is stated."""
    table = schema.stated_digests.c
    found: defaultdict[int, dict[DigestKind, bytes]] = defaultdict(dict)
    for chunk in chunks(sorted(artifact_pks)):
        query = select(table.artifact_pk, table.kind, table.value)
        for pk, kind, value in connection.execute(query.where(table.artifact_pk.in_(chunk))):
            found[pk][DigestKind(kind)] = bytes(value)
    return dict(found)
