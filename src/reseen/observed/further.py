"""Sketches of further adapters, kept: a file that holds several is known by each.

They stand in the tables of sketches as a kind of their own, each under a version number of its own
that no other sketch has: the first further adapter under `FIRST`, the next under the number after
it. Everywhere else one is called by its key: the pk of the claim, or of the artifact, with its
number above it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Table, delete, select

from reseen.observed import sketches
from reseen.store import schema, search_key
from reseen.store.database import chunks, upsert

if TYPE_CHECKING:
    from reseen.fingerprints.sketch import Sketch

FURTHER = "further"
"""The kind."""
ADAPTERS = (sketches.ADAPTER, FURTHER)
"""The kinds of sketches of adapters."""
FIRST = 2_001
"""The version of the first."""
_MOST = 64
_PKS = 48
"""Bits of a key that are the pk."""


def key(pk: int, version: int) -> int:
    """Of a sketch that stands under this version for a claim, or an artifact: what is no further
    adapter's has the pk itself."""
    return pk if version < FIRST else pk + ((version - FIRST + 1) << _PKS)


def pk_of(key: int) -> int:
    """Whose sketch has this key."""
    return key if key < 0 else key & ((1 << _PKS) - 1)


def is_called(table: Table, key: int) -> ColumnElement[bool]:
    """The condition on a table of sketches: the one that has this key."""
    column = next(iter(table.primary_key))
    number = 0 if key < 0 else key >> _PKS
    if not number:
        return (column == key) & (table.c.kind == sketches.ADAPTER)
    return (column == pk_of(key)) & (table.c.version == FIRST + number - 1)


def keep_removed(connection: Connection, made: Sequence[tuple[int, Sequence[bytes]]]) -> set[int]:
    """Keep those of removed files, by their claims' pks; of which claims there were none. Raises
    Malformed for bytes that are no sketch."""
    known = of_claims(connection, [pk for pk, some in made if some])
    fresh = {pk: some for pk, some in made if some and pk not in known}
    rows = [row for pk, some in fresh.items() for row, _ in _rows("claim_pk", pk, some)]
    upsert(connection, schema.sketches, rows, key=("claim_pk", "version"), update=())
    return set(fresh)


def keep_read(connection: Connection, made: Sequence[tuple[int, Sequence[bytes]]]) -> None:
    """Keep those of artifacts, by their pks, instead of those that were kept of them; each came
    with all modules of its file. Raises Malformed for bytes that are no sketch."""
    if not made:
        return
    from reseen.fingerprints.choice import ModuleOrder

    order = ModuleOrder(search_key.of(connection))
    once = dict(made)
    for table in (schema.read_sketches, schema.read_entries):
        for chunk in chunks(once):
            theirs = table.c.artifact_pk.in_(chunk) & (table.c.version >= FIRST)
            connection.execute(delete(table).where(theirs))
    if any(once.values()):
        sketches.note_whole(connection)
    rows, entries = [], []
    for pk, some in once.items():
        for row, sketch in _rows("artifact_pk", pk, some):
            rows.append({**row, "complete": 1})
            entries += sketches.entries_of(pk, sketch, order, row["version"])
    upsert(
        connection, schema.read_sketches, rows, key=("artifact_pk", "version"), update=("value",)
    )
    upsert(
        connection,
        schema.read_entries,
        entries,
        key=("artifact_pk", "version", "group"),
        update=("slots", "code"),
    )


def of_claims(connection: Connection, claim_pks: Collection[int]) -> dict[int, tuple[bytes, ...]]:
    """Those of these claims, in order."""
    return _of(connection, schema.sketches, claim_pks)


def of_artifacts(connection: Connection, pks: Collection[int]) -> dict[int, tuple[bytes, ...]]:
    """Those of these artifacts, in order."""
    return _of(connection, schema.read_sketches, pks)


def _of(connection: Connection, table: Table, pks: Iterable[int]) -> dict[int, tuple[bytes, ...]]:
    column = next(iter(table.primary_key))
    found: dict[int, tuple[bytes, ...]] = {}
    for chunk in chunks(sorted(set(pks))):
        query = select(column, table.c.value).where(column.in_(chunk), table.c.kind == FURTHER)
        for pk, value in connection.execute(query.order_by(column, table.c.version)):
            found[pk] = (*found.get(pk, ()), bytes(value))
    return found


def _rows(
    column: str, pk: int, adapters: Sequence[bytes]
) -> Iterable[tuple[dict[str, Any], Sketch]]:
    from reseen.fingerprints.sketch import decode  # numpy, which most files do not need

    for number, value in enumerate(adapters[:_MOST]):
        sketch = decode(value)
        yield (
            {
                column: pk,
                "version": FIRST + number,
                "architecture": sketch.architecture,
                "kind": FURTHER,
                "value": value,
            },
            sketch,
        )
