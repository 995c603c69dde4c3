"""What was once written in an append-only table stays as it was written, whatever the verb."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import LargeBinary, String, Table, UniqueConstraint, select, text
from sqlalchemy.exc import DBAPIError

from reseen.store import schema, service_schema
from reseen.store.database import Store

APPEND_ONLY = [t for t in schema.metadata.sorted_tables if t.info.get("append_only")]


def test_they_are_these() -> None:
    assert {table.name for table in APPEND_ONLY} == {
        *("audit", "withdrawals", "fact_events", "changes"),
        *("decisions", "decided", "comments", "notice_steps", "notice_letters", "claim_moves"),
        *("innocents", "innocent_digests", "innocent_sketches", "innocent_events"),
        "campaign_events",
    }
    assert service_schema.decisions in APPEND_ONLY


def _row(table: Table, number: int) -> dict[str, Any]:
    """A row of this number: every value another than in the row of another number."""
    row: dict[str, Any] = {}
    for column in table.columns:
        if isinstance(column.type, LargeBinary):
            row[column.name] = bytes([number])
        elif isinstance(column.type, String):
            row[column.name] = f"x{number}"
        else:
            row[column.name] = number
    return row


def _keys(table: Table) -> list[list[str]]:
    """Every set of columns that no two rows share."""
    found = [[column.name for column in table.primary_key]]
    found += [
        [column.name for column in one.columns]
        for one in table.constraints
        if isinstance(one, UniqueConstraint)
    ]
    found += [[column.name for column in one.columns] for one in table.indexes if one.unique]
    return found


CASES = [(table, key) for table in APPEND_ONLY for key in _keys(table)]
IDS = [f"{table.name}-{'+'.join(key)}" for table, key in CASES]


@pytest.mark.parametrize("table", APPEND_ONLY, ids=lambda table: table.name)
def test_a_row_has_no_other_key_than_those_that_are_asked(table: Table) -> None:
    """SQLite numbers rows beside their key, where that is no such number itself."""
    numbered = [column.type for column in table.primary_key] == [schema.Pk]
    assert numbered or not table.dialect_options["sqlite"]["with_rowid"]


@pytest.mark.parametrize(("table", "key"), CASES, ids=IDS)
def test_a_row_is_not_replaced(store: Store, table: Table, key: list[str]) -> None:
    sqlite = store.place.endswith(".db")
    names = [column.name for column in table.columns]
    given = ", ".join(f":{name}" for name in names)
    columns = ", ".join(names)
    with store.write() as connection:
        if sqlite:
            connection.execute(text("PRAGMA defer_foreign_keys=ON"))
        else:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        for number in (1, 2):
            connection.execute(table.insert(), [_row(table, number)])
        before = connection.execute(select(table)).all()
        other = _row(table, 3) | {name: _row(table, 1)[name] for name in key}
        update = ", ".join(f"{name} = excluded.{name}" for name in names)
        upsert = f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {update}"
        if not sqlite:
            connection.execute(text("SET LOCAL session_replication_role = origin"))
        verbs = [f"INSERT INTO {table.name} ({columns}) VALUES ({given}) {upsert}"]
        if sqlite:
            verbs += [
                f"{verb} INTO {table.name} ({columns}) VALUES ({given})"
                for verb in ("INSERT OR REPLACE", "REPLACE", "INSERT OR IGNORE")
            ]
        for verb in verbs:
            with pytest.raises(DBAPIError, match="append-only"), connection.begin_nested():
                connection.execute(text(verb), other)
        assert connection.execute(select(table)).all() == before
        if sqlite:  # what belongs to nobody is not kept
            for name in ("no_delete", "no_update"):
                connection.execute(text(f"DROP TRIGGER {table.name}_{name}"))
            connection.execute(table.delete())


@pytest.mark.parametrize("table", APPEND_ONLY, ids=lambda table: table.name)
def test_rows_are_appended_as_before(store: Store, table: Table) -> None:
    """Nulls in what is unique are no equal values."""
    with store.write() as connection:
        if store.place.endswith(".db"):
            connection.execute(text("PRAGMA defer_foreign_keys=ON"))
        else:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        for number in (1, 2, 3):
            row = _row(table, number)
            for column in table.columns:
                if column.nullable:
                    row[column.name] = None
            connection.execute(table.insert(), [row])
        connection.rollback()
