"""The audit log covers comments, the steps of notices, how notices stand and what bytes taught:
what was there before is sealed by one line. No table changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from reseen.store import audit
from reseen.store.audit_rows import (
    COLUMNS,
    FILE_FACTS,
    NOTICE,
    NOTICE_ITEM,
    RunningDigest,
    digest,
    file_texts,
    notice_texts,
    text,
)
from reseen.store.log_proof import SEALED, SEALED_LATER, together
from reseen.store.standing_proof import sealing

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One line. The spelling of rows and lines is the log's own, which never changes
    (docs/audit.md)."""
    connection = op.get_bind()
    details = dict[str, int | str | None]()
    digests: list[str] = []
    for table in SEALED_LATER:
        running, last, count = RunningDigest(), 0, 0
        for row in _rows(connection, table, COLUMNS[table], "pk"):
            running.add(text(table, row))
            last, count = row[0], count + 1
        digests.append(running.hex())
        details |= {table: count, f"{table}_to": last}
    details["rows"] = together(digests)
    stood: list[str] = []
    for kind, every in (("claims", _files(connection)), ("notices", _notices(connection))):
        last, before = 0, len(stood)
        for pk, made in every:
            stood.append(made)
            last = pk
        details |= {f"{kind}_stood": len(stood) - before, f"{kind}_stood_to": last}
    details["stood"] = sealing(stood)
    audit.write(connection, SEALED, "*", actor=audit.SERVICE, **details)


def _files(connection: sa.Connection) -> Iterator[tuple[int, str]]:
    columns = tuple("class" if name == "cls" else name for name in FILE_FACTS)
    taught = (
        "source = 1 OR container IS NOT NULL OR data_size IS NOT NULL OR layout IS NOT NULL "
        "OR pk IN (SELECT claim_pk FROM sketches UNION SELECT claim_pk FROM sketch_entries)"
    )
    for row in list(_rows(connection, "claims", columns, "pk", taught)):
        pk = row[0]
        mine = f"claim_pk = {pk}"
        beside: list[tuple[Any, ...]] = [
            ("digests", *one)
            for one in _rows(connection, "digests", ("kind", "value"), "kind, value", mine)
        ]
        links = _rows(connection, "learned_from", ("claim_pk",), "claim_pk", f"learned_pk = {pk}")
        beside += [("learned_from", *one) for one in links]
        held = ("version", "architecture", "kind", "value")
        for *told, value in _rows(connection, "sketches", held, "version", mine):
            beside.append(("sketches", *told, _short(value)))
        held = ("version", '"group"', "slots", "code")
        for *told, slots, code in sorted(
            _rows(connection, "sketch_entries", held, "version", mine), key=lambda row: row[:2]
        ):
            beside.append(("sketch_entries", *told, _short(slots), _short(code)))
        yield pk, digest(file_texts(row, beside))


def _notices(connection: sa.Connection) -> Iterator[tuple[int, str]]:
    for row in list(_rows(connection, "notices", NOTICE, "pk")):
        items = _rows(
            connection, "notice_items", NOTICE_ITEM, "sighting_pk", f"notice_pk = {row[0]}"
        )
        yield row[0], digest(notice_texts(row, items))


def _short(value: bytes) -> str:
    return hashlib.sha256(value).hexdigest()


def _rows(
    connection: sa.Connection, table: str, columns: tuple[str, ...], order: str, where: str = "1=1"
) -> Iterator[tuple[Any, ...]]:
    query = f"SELECT {', '.join(columns)} FROM {table} WHERE {where} ORDER BY {order}"  # noqa: S608
    for row in connection.execute(sa.text(query)):
        yield tuple(row)
