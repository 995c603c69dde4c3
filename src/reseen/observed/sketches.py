"""Sketches kept: of removed files, and of what scans read.

What comes in: sketches in their published byte layout. What goes out: rows, and beside them the
modules by which those of scans are searched. Only here does the registry look into a sketch, and it
imports what that needs only when there is one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Connection, Select, Table, delete, select

from reseen.store import meta, schema, search_key
from reseen.store.database import chunks, insert_many, upsert

if TYPE_CHECKING:
    from reseen.fingerprints.choice import ModuleOrder
    from reseen.fingerprints.sketch import Sketch

ADAPTER = "adapter"
"""The kind: `observed.rows` keeps another in the same tables."""
_VERSION = 1
"""`fingerprints.sketch.VERSION`, of what is searched, without importing it. A sketch itself stands
under its own version, one to a file: a later one has all that an earlier one has."""


KEPT = "whole sketches kept"
"""The name under which the store counts how often sketches of whole files were kept."""


def keep_removed(connection: Connection, made: Sequence[tuple[int, bytes]]) -> set[int]:
    """Keep sketches of removed files, by their claims' pks, instead of those of earlier versions;
    of which claims there was none like it. Raises Malformed for bytes that are no sketch."""
    if not made:
        return set()
    rows = [
        {"claim_pk": pk, **_columns(_decoded(value), value)} for pk, value in dict(made).items()
    ]
    known = versions(connection, (pk for pk, _ in made))
    fresh = [row for row in rows if row["version"] > known.get(row["claim_pk"], 0)]
    _replace(connection, schema.sketches, fresh)
    return {row["claim_pk"] for row in fresh}


def keep_read(connection: Connection, made: Sequence[tuple[int, bytes]]) -> None:
    """Keep sketches of artifacts, by their pks; a complete one is never replaced by less, nor any
    by one of an earlier version. Raises Malformed for bytes that are no sketch."""
    if not made:
        return
    table = schema.read_sketches.c
    tells: dict[int, tuple[int, int]] = {}
    for chunk in chunks({pk for pk, _ in made}):
        query = select(table.artifact_pk, table.complete, table.version)
        query = query.where(table.artifact_pk.in_(chunk), table.kind == ADAPTER)
        for pk, *told in connection.execute(query):
            tells[pk] = max(tells.get(pk, (0, 0)), (told[0], told[1]))
    from reseen.fingerprints.choice import ModuleOrder

    order = ModuleOrder(search_key.of(connection))
    kept: dict[int, dict[str, Any]] = {}
    entries: dict[int, list[dict[str, Any]]] = {}
    for pk, value in made:
        sketch = _decoded(value)
        row = {"artifact_pk": pk, "complete": int(sketch.complete), **_columns(sketch, value)}
        if (row["complete"], row["version"]) >= tells.get(pk, (0, 0)):
            kept[pk], entries[pk] = row, entries_of(pk, sketch, order)
            tells[pk] = row["complete"], row["version"]
    _replace(connection, schema.read_sketches, [*kept.values()])
    if any(row["complete"] for row in kept.values()):
        note_whole(connection)
    # What was known of an entry before is of a header, or of fewer modules.
    upsert(
        connection,
        schema.read_entries,
        [entry for some in entries.values() for entry in some],
        key=("artifact_pk", "version", "group"),
        update=("slots", "code"),
    )
    for chunk in chunks(pk for pk, row in kept.items() if row["complete"]):
        connection.execute(delete(schema.near).where(schema.near.c.artifact_pk.in_(chunk)))


def note_whole(connection: Connection) -> None:
    """Sketches of whole files are kept: whoever asks files for parts of merges has to ask again."""
    meta.keep(connection, KEPT, str(whole_kept(connection) + 1).encode())


def whole_kept(connection: Connection) -> int:
    """A number that is another whenever files were read whole since."""
    return int(meta.value(connection, KEPT) or 0)


def any_whole(connection: Connection) -> bool:
    """Whether there is a sketch of a file that was read whole."""
    table = schema.read_sketches.c
    some = select(table.artifact_pk).where(table.complete == 1, table.kind == ADAPTER)
    return connection.scalar(some.limit(1)) is not None


def _replace(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """One sketch for each claim, or artifact."""
    key = next(iter(table.primary_key))
    for chunk in chunks(row[key.name] for row in rows):
        connection.execute(delete(table).where(key.in_(chunk), table.c.kind == ADAPTER))
    upsert(connection, table, rows, key=(key.name, "version"), update=())


def keep_modules(
    connection: Connection, modules: Sequence[tuple[int, Mapping[str, bytes]]]
) -> None:
    """Keep which modules artifacts have, by group, where only their headers were read, instead of
    what was kept of a header before."""
    table = schema.read_entries
    for chunk in chunks(pk for pk, groups in modules if groups):
        of = table.c.artifact_pk.in_(chunk)
        connection.execute(delete(table).where(of, table.c.code.is_(None)))
    rows = [
        (pk, _VERSION, group, slots, None)
        for pk, groups in modules
        for group, slots in groups.items()
    ]
    columns = ("artifact_pk", "version", "group", "slots", "code")
    insert_many(connection, schema.read_entries, columns, rows, ignore=True)


def keep_near(connection: Connection, artifact_pks: Iterable[int], *, at: int) -> None:
    """These come near a removal and were not read in full."""
    rows = [(pk, at) for pk in sorted(set(artifact_pks))]
    insert_many(connection, schema.near, ("artifact_pk", "at"), rows, ignore=True)


def of_claims(connection: Connection, claim_pks: Iterable[int]) -> dict[int, bytes]:
    """The sketch of each claim that has one."""
    return _of_claims(connection, schema.sketches.c.value, claim_pks)


def versions(connection: Connection, claim_pks: Iterable[int]) -> dict[int, int]:
    """The version of the sketch of each claim that has one."""
    return _of_claims(connection, schema.sketches.c.version, claim_pks)


def _of_claims(
    connection: Connection, column: Column[Any], claim_pks: Iterable[int]
) -> dict[int, Any]:
    table = schema.sketches.c
    found: dict[int, Any] = {}
    for chunk in chunks(claim_pks):
        query = select(table.claim_pk, column).where(
            table.claim_pk.in_(chunk), table.kind == ADAPTER
        )
        found.update((pk, value) for pk, value in connection.execute(query))
    return found


def claims(connection: Connection) -> set[int]:
    """The claims (by pk) that have a sketch, or an entry under which one is searched."""
    found: set[int] = set()
    for table in (schema.sketches, schema.sketch_entries):
        found.update(connection.scalars(select(table.c.claim_pk).distinct()))
    return found


def rows_of_claims(
    connection: Connection, claim_pks: Sequence[int]
) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """What the audit log covers of the sketches of a few claims: each claim's pk with a row, first
    its sketches, then its entries; what is long by its SHA-256."""
    s, e = schema.sketches.c, schema.sketch_entries.c
    query = select(s.claim_pk, s.version, s.architecture, s.kind, s.value)
    for pk, *told, value in connection.execute(
        query.where(s.claim_pk.in_(claim_pks)).order_by(s.claim_pk, s.version)
    ):
        yield pk, ("sketches", *told, _short(value))
    entries = select(e.claim_pk, e.version, e.group, e.slots, e.code)
    held = connection.execute(entries.where(e.claim_pk.in_(claim_pks))).all()
    for pk, *told, slots, code in sorted(held, key=lambda row: row[:3]):  # the same everywhere
        yield pk, ("sketch_entries", *told, _short(slots), _short(code))


def _short(value: bytes) -> str:
    return hashlib.sha256(value).hexdigest()


def _decoded(value: bytes) -> Sketch:
    from reseen.fingerprints.sketch import decode

    return decode(value)


def _columns(sketch: Sketch, value: bytes) -> dict[str, Any]:
    return {
        "version": sketch.version,
        "architecture": sketch.architecture,
        "kind": ADAPTER,
        "value": value,
    }


def entries_of(
    artifact_pk: int, sketch: Sketch, order: ModuleOrder, version: int = _VERSION
) -> list[dict[str, Any]]:
    """What is searched of a sketch, as rows of the store."""
    from reseen.fingerprints.entries import chosen, entries

    return [
        {
            "artifact_pk": artifact_pk,
            "version": version,
            "group": each.group,
            "slots": each.ids.astype("<u4").tobytes(),
            "code": each.units.tobytes(),
        }
        for each in (chosen(some, order) for some in entries(sketch))
    ]


def claims_with() -> Select[tuple[int]]:
    """The claims (by pk) of whose file there is one: for conditions of other queries."""
    return select(schema.sketches.c.claim_pk)


def any_of_removals(connection: Connection) -> bool:
    """Whether any removal ever had a sketch: without one no altered copy can be found."""
    return connection.scalar(select(schema.sketches.c.claim_pk).limit(1)) is not None
